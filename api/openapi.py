"""The OpenAPI document: generated from the routes, committed, tested for drift."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.errors import Problem
from services.permissions import Permission

DESCRIPTION: Final = """
Backend of a party's membership app. Errors are `application/problem+json` (RFC 9457) with a stable `code`.
Times are RFC 3339 in UTC, dates `YYYY-MM-DD`, money integer tiyn. Clients ignore fields they do not know and treat an
unknown enum value as "other".
"""


def operation_id(route: APIRoute) -> str:
    """verb_noun: the name of the endpoint function."""
    return route.name


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The declared errors of an operation, for its `responses`."""
    return {
        status: {"model": Problem, "content": {"application/problem+json": {"schema": {"$ref": PROBLEM}}}}
        for status in statuses
    }


PROBLEM: Final = "#/components/schemas/Problem"


def describe(app: FastAPI) -> None:
    """Fill in what FastAPI cannot know."""
    app.description = DESCRIPTION


def admin_operation(permission: Permission, *statuses: int) -> dict[str, Any]:
    """What every admin operation declares: its permission (x-permission; without one the application does not start)
    and its errors.

    Args:
        permission: what the caller must hold in the branch of the thing.
        statuses: errors besides 401, 403, 404 and 422.
    """
    return {
        "responses": problems(401, 403, 404, 422, *statuses),
        "openapi_extra": {"x-permission": permission.value},
    }
