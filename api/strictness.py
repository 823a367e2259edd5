"""What every route refuses: unknown query parameters, bodies of a type it does not read."""

from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException


def query_names(dependant: Dependant) -> Iterator[str]:
    """The query parameters of an endpoint and its dependencies; of a model of parameters, each field."""
    for field in dependant.query_params:
        model_fields = getattr(field.field_info.annotation, "model_fields", None)
        if model_fields is None:
            yield field.alias
        else:
            yield from (info.alias or name for name, info in model_fields.items())
    for dependency in dependant.dependencies:
        yield from query_names(dependency)


known: dict[int, tuple[APIRoute, frozenset[str]]] = {}


def known_parameters(route: APIRoute) -> frozenset[str]:
    """The query parameters that a route takes. Remembered by identity, since routes have no hash; the route is kept
    with them, or another could take its place in memory."""
    if id(route) not in known:
        known[id(route)] = (route, frozenset(query_names(route.dependant)))
    return known[id(route)][1]


async def check(request: Request) -> None:
    """Refuse what a route does not know, instead of ignoring it: a mistyped filter must not show everything."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    if not is_utf8(request.scope["query_string"]):
        raise RequestValidationError([{"type": "string_unicode", "loc": ("query",)}])
    if any(name not in known_parameters(route) for name in request.query_params):
        raise RequestValidationError([{"type": "extra_forbidden", "loc": ("query",)}])
    if route.body_field is not None and media_type(request) != "application/json":
        raise HTTPException(415)


def is_utf8(query: bytes) -> bool:
    """Whether a query string can be read; the framework would put replacement characters where it cannot."""
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return False
    return True


def media_type(request: Request) -> str:
    """What the body says it is, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
