"""Errors as RFC 9457 problems with a stable code. Nothing here repeats what the client sent."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from importlib import import_module
from pkgutil import walk_packages
from typing import Any, Final

from asyncpg import PostgresError
from asyncpg.exceptions import (
    CannotConnectNowError,
    DeadlockDetectedError,
    InterfaceError,
    LockNotAvailableError,
    PostgresConnectionError,
    QueryCanceledError,
    SerializationError,
    TooManyConnectionsError,
)
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy import exc
from starlette.exceptions import HTTPException

import services
from api.i18n import negotiate, say
from services import errors as refusals
from services.errors import DomainError

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 2

STATUS_OF_KIND: Final[dict[type[DomainError], int]] = {
    refusals.NotFoundError: 404,
    refusals.ForbiddenError: 403,
    refusals.UnauthenticatedError: 401,
    refusals.ConflictError: 409,
    refusals.StaleVersionError: 412,
    refusals.VersionRequiredError: 428,
    refusals.InvalidError: 422,
    refusals.TooManyError: 429,
    refusals.UnavailableError: 503,
}
CODE_OF_STATUS: Final = {
    400: "malformed_request",
    404: "no_such_route",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "body_too_large",
    415: "unsupported_media_type",
    431: "head_too_long",
}
EDGE_CODES: Final = {
    "malformed_json": 400,
    "invalid_request": 422,
    "internal_error": 500,
    "database_busy": 503,
    "database_unavailable": 503,
} | {code: status for status, code in CODE_OF_STATUS.items()}
"""Codes of refusals that no service knows of, with their statuses."""

LOST_DATABASE: Final = (
    PostgresConnectionError,
    CannotConnectNowError,
    TooManyConnectionsError,
    InterfaceError,
    ConnectionError,
    TimeoutError,
    OSError,
)
BUSY_DATABASE: Final = (QueryCanceledError, LockNotAvailableError, DeadlockDetectedError, SerializationError)


class FieldError(BaseModel):
    """What is wrong with one field: where (a JSON pointer) and which rule. Never the value."""

    pointer: str
    code: str
    limits: dict[str, int | float | str] = {}


class Problem(BaseModel):
    """RFC 9457. Programs act on `code` and `data`; people read `title`, in their language."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Мұндай нәрсе табылмады.",
                "status": 404,
                "code": "not_found",
                "request_id": "0f3c9a4e5b",
                "data": {},
            }
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    code: str
    request_id: str | None = None
    data: dict[str, Any] = {}
    errors: list[FieldError] | None = None


def status_of(kind: type[DomainError]) -> int:
    """The HTTP status of a kind of refusal."""
    return next((STATUS_OF_KIND[base] for base in kind.__mro__ if base in STATUS_OF_KIND), 400)


def refusals_of(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    """The refusals of ours below a kind."""
    for child in kind.__subclasses__():
        if child.__module__.startswith(("services.", "api.")):
            yield child
        yield from refusals_of(child)


def error_codes() -> dict[str, int]:
    """Every code that there is, and its status."""
    for module in walk_packages(services.__path__, "services."):
        import_module(module.name)
    return dict(sorted((EDGE_CODES | {kind.code: status_of(kind) for kind in refusals_of(DomainError)}).items()))


def problem(
    request: Request,
    status: int,
    code: str,
    *,
    data: Mapping[str, Any] | None = None,
    fields: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem in the reader's language."""
    language = negotiate(request.headers.get("accept-language"))
    title = say(f"error.{code}", language)
    body = Problem(
        title=title,
        status=status,
        code=code,
        request_id=request.scope.get("request_id"),
        data=dict(data or {}),
        errors=fields,
    )
    content = body.model_dump_json(exclude_none=True)
    return Response(content, status, {**(headers or {}), "content-language": language}, MEDIA_TYPE)


async def on_refusal(request: Request, error: Exception) -> Response:
    """A service refused."""
    if not isinstance(error, DomainError):
        raise error
    headers: dict[str, str] = {}
    if isinstance(error, refusals.UnauthenticatedError):
        headers["www-authenticate"] = "Bearer"
    if "retry_after_s" in error.data:
        headers["retry-after"] = str(error.data["retry_after_s"])
    return problem(request, status_of(type(error)), error.code, data=error.data, headers=headers)


def pointer(location: tuple[int | str, ...]) -> str:
    """("body", "title", 0) as /body/title/0."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')[:80]}" for part in location)


def is_plain(value: object) -> bool:
    """Whether a rule's parameter is a number or a short word of ours."""
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) < 200)


HIDDEN_LIMITS: Final = frozenset({"input", "input_type", "error", "tag", "input_value", "actual_length"})


async def on_invalid_request(request: Request, error: Exception) -> Response:
    """The request does not fit its schema. FastAPI's own answer would echo the input."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return problem(request, 400, "malformed_json")
    fields = [
        FieldError(
            pointer=pointer(item["loc"]).encode("ascii", "backslashreplace").decode(),
            code=item["type"],
            limits={k: v for k, v in (item.get("ctx") or {}).items() if k not in HIDDEN_LIMITS and is_plain(v)},
        )
        for item in found[:50]
    ]
    return problem(request, 422, "invalid_request", fields=fields)


async def on_http_error(request: Request, error: Exception) -> Response:
    """The framework refused: no route, wrong method, unreadable body."""
    if not isinstance(error, HTTPException):
        raise error
    code = CODE_OF_STATUS.get(error.status_code, HTTPStatus(error.status_code).phrase.lower().replace(" ", "_"))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers |= allow_header(request)
    return problem(request, error.status_code, code, headers=headers)


def allow_header(request: Request) -> dict[str, str]:
    """The methods of a path. The framework's own header knows those of one route only."""
    path = getattr(request.scope.get("route"), "path_format", None)
    methods = request.app.openapi()["paths"].get(path, {})
    return {"allow": ", ".join(sorted(method.upper() for method in methods))} if methods else {}


def database_trouble(error: BaseException) -> str | None:
    """The code for an error of the database that is nobody's fault here, or None for a bug.

    SQLAlchemy wraps the driver's error; a pool that gives no connection in time is a lost database too.
    """
    cause = error.orig.__cause__ if isinstance(error, exc.DBAPIError) and error.orig is not None else error
    if isinstance(cause, BUSY_DATABASE):
        return "database_busy"
    if isinstance(cause, LOST_DATABASE) or isinstance(error, exc.TimeoutError | exc.InterfaceError):
        return "database_unavailable"
    return None


async def on_database_error(request: Request, error: Exception) -> Response:
    """A lost or overloaded database: come back later, nothing was done."""
    code = database_trouble(error)
    if code is None:
        raise error
    return problem(request, 503, code, headers={"retry-after": str(RETRY_AFTER_S)})


async def on_bug(request: Request, error: Exception) -> Response:
    """Nobody foresaw this one. The framework raises it on to the edge, which logs it."""
    return problem(request, 500, "internal_error")


def install(app: FastAPI) -> None:
    """Answer every error as a problem. What no handler here knows becomes a 500 at the edge (api.edge)."""
    app.add_exception_handler(Exception, on_bug)
    app.add_exception_handler(DomainError, on_refusal)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_error)
    for kind in (exc.SQLAlchemyError, PostgresError, InterfaceError, OSError):
        app.add_exception_handler(kind, on_database_error)
