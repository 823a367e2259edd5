"""What operations declare, and the OpenAPI document made from it: generated, committed, tested for drift.

FastAPI knows parameters, bodies and answers. Added here: the problems that follow from how an operation is built (one
that takes a body can be sent a broken one), every error code with its meaning, examples, and what phones are sent.
"""

import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from api.errors import CODE_OF_STATUS, MEDIA_TYPE, STATUS_OF_KIND, Problem, error_codes, status_of
from api.examples import example_of
from api.i18n import say
from models.base import Language
from services.errors import DomainError
from services.permissions import Permission

Document = dict[str, Any]

FILE: Final = Path(__file__).parents[1] / "openapi" / "openapi.json"
PROBLEM: Final = "#/components/schemas/Problem"
METHODS: Final = frozenset({"get", "put", "post", "patch", "delete"})

DESCRIPTION: Final = """
Backend of a party's membership app.

Errors are `application/problem+json` (RFC 9457) with a stable `code`; programs act on the code, people read the title
in the language of `Accept-Language`. Times are RFC 3339 in UTC, dates `YYYY-MM-DD`, money integer tiyn. Clients ignore
fields they do not know and treat an unknown enum value, or an unknown code of a known status, as "other".

Every answer carries `X-Request-ID`; name it when you report a fault. Lists are read page by page: `next_cursor` of one
page is the `cursor` of the next, null ends the list.
"""
TAGS: Final = [
    {"name": "member", "description": "For people with phones: an access token of their own."},
    {"name": "admin", "description": "For branches: a personal session raised by a second factor, or a service token."},
    {"name": "public", "description": "For anyone; no sign-in."},
]
CODE_OF_KIND: Final = {status: kind.code for kind, status in STATUS_OF_KIND.items()}


def operation_id(route: Any) -> str:
    """verb_noun: the name of the endpoint function."""
    name: str = route.name
    return name


def problems(*errors: int | type[DomainError]) -> dict[int | str, dict[str, Any]]:
    """The declared errors of an operation, for its `responses`.

    Args:
        errors: refusals of the service by their class; or a status, which stands for its general code. What follows
            from the operation's parts (sign-in, body, cursor, version, database) need not be named.
    """
    declared: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        if isinstance(error, int):
            add_problem(declared, error, CODE_OF_KIND.get(error) or CODE_OF_STATUS[error])
        else:
            add_problem(declared, status_of(error), error.code)
    return declared


def add_problem(responses: dict[Any, Any], status: int | str, code: str) -> None:
    """Declare one more code among the answers of an operation."""
    empty = {"description": HTTPStatus(int(status)).phrase, "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}}}}
    media = responses.setdefault(status, empty)["content"][MEDIA_TYPE]
    media.setdefault("examples", {})[code] = {"$ref": f"#/components/examples/{code}"}


def admin_operation(permission: Permission, *errors: int | type[DomainError]) -> dict[str, Any]:
    """What every admin operation declares: its permission (x-permission; without one the application does not start)
    and its errors.

    Args:
        permission: what the caller must hold in the branch of the thing.
        errors: as in `problems`, besides 403 and 404.
    """
    return {"responses": problems(403, 404, *errors), "openapi_extra": {"x-permission": permission.value}}


def calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """The dependencies of an endpoint, theirs too."""
    for dependency in dependant.dependencies:
        if dependency.call is not None:
            yield dependency.call
        yield from calls(dependency)


def implied_codes(route: RouteContext, operation: Document) -> Iterator[str]:
    """Codes that follow from how an operation is built."""
    yield "invalid_request"
    names = {getattr(call, "__name__", "") for call in calls(route.dependant)}
    for name, codes in CODES_OF_DEPENDENCY.items():
        if name in names:
            yield from codes
    if "requestBody" in operation:
        yield from ("malformed_json", "malformed_request", "body_too_large", "unsupported_media_type")
    if any(parameter["name"] == "cursor" for parameter in operation.get("parameters", ())):
        yield "invalid_cursor"


CODES_OF_DEPENDENCY: Final = {
    "get_session": ("database_unavailable", "database_busy"),
    "get_actor": ("unauthenticated",),
    "get_person": ("forbidden",),
    "get_early_person": ("unauthenticated", "forbidden", "database_unavailable", "database_busy"),
    "get_admin": ("forbidden", "second_factor_required"),
    "get_repeatable": ("idempotency_in_flight", "idempotency_mismatch"),
    "get_expected_version": ("version_required", "stale_version"),
}


def complete(document: Document, routes: list[RouteContext]) -> None:
    """Add to FastAPI's document what FastAPI cannot know."""
    statuses = error_codes()
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    components["headers"] = HEADERS
    for operation in operations(document):
        operation.setdefault("security", [])
        if "HTTPValidationError" in str(operation["responses"].get("422")):
            del operation["responses"]["422"]
    for route in routes:
        for method in METHODS & {name.lower() for name in route.methods or ()}:
            operation = document["paths"][route.path_format][method]
            responses = operation["responses"]
            for code in implied_codes(route, operation):
                add_problem(responses, str(statuses[code]), code)
            add_headers(responses)
    for operation in operations(document):
        add_examples(operation, schemas)
    used = {code for operation in operations(document) for code in declared_codes(operation)}
    components["examples"] = {code: problem_example(code, statuses[code]) for code in sorted(used)}


HEADERS: Final = {
    "X-Request-ID": {
        "description": "Names this exchange in our logs.",
        "schema": {"type": "string", "example": "0f3c9a4e5b7d00000001"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "schema": {"type": "integer", "minimum": 1, "example": 2},
    },
}


def add_headers(responses: Document) -> None:
    """Name the headers that answers carry."""
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        headers["X-Request-ID"] = {"$ref": "#/components/headers/X-Request-ID"}
        if status in {"429", "503"}:
            headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}


def operations(document: Document) -> Iterator[Document]:
    """All operations, those that we call included."""
    for item in (*document["paths"].values(), *document.get("webhooks", {}).values()):
        yield from (operation for method, operation in item.items() if method in METHODS)


def declared_codes(operation: Document) -> set[str]:
    """The codes among an operation's answers."""
    contents = (response.get("content", {}) for response in operation["responses"].values())
    return {code for content in contents for code in content.get(MEDIA_TYPE, {}).get("examples", {})}


def add_examples(operation: Document, schemas: Document) -> None:
    """Give each JSON body and each good answer an example, unless its author did."""
    bodies = [operation.get("requestBody", {})]
    bodies += [response for status, response in operation["responses"].items() if status.startswith("2")]
    for body in bodies:
        media = body.get("content", {}).get("application/json")
        if media and not media.keys() & {"example", "examples"}:
            media["example"] = example_of(media["schema"], schemas)


def problem_example(code: str, status: int) -> Document:
    """A problem as it is sent."""
    sentence = say(f"error.{code}", Language.en)
    problem = Problem(title=sentence, status=status, code=code, request_id="0f3c9a4e5b7d00000001")
    return {"summary": sentence, "value": problem.model_dump(exclude_none=True)}


def code_table() -> str:
    """Every code, its status and its meaning, as a Markdown table."""
    rows = [f"| `{code}` | {status} | {say(f'error.{code}', Language.en)} |" for code, status in error_codes().items()]
    return "\n".join(("\n## Error codes\n\n| code | status | meaning |\n|---|---|---|", *rows, ""))


def describe(app: FastAPI) -> None:
    """Let the application give the completed document."""
    app.description = DESCRIPTION + code_table()
    app.openapi_tags = TAGS
    app.servers = [{"url": "/", "description": "Where this document came from."}]
    app.license_info = {"name": "MIT", "identifier": "MIT"}
    generate = app.openapi
    completed: set[int] = set()

    def openapi() -> Document:
        document = generate()
        if id(document) not in completed:
            complete(document, [route for route in iter_route_contexts(app.routes) if hasattr(route, "dependant")])
            completed.add(id(document))
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def write(app: FastAPI, file: Path = FILE) -> None:
    """Write the document, in an order that does not depend on the order of the code."""
    file.write_text(render(app))


def render(app: FastAPI) -> str:
    """The document as committed."""
    return json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
