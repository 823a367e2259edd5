"""For whom each operation is: its tag says it, its dependencies keep it. Where the two differ, nothing starts."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.openapi import calls
from services.permissions import Permission

ANY_PERMISSION: Final = "any"
"""The x-permission of what everybody may do who holds a role or a token at all."""

PERMISSIONS: Final = frozenset({*Permission, ANY_PERMISSION})
SIGNED_IN: Final = frozenset({"get_actor", "get_early_person"})


class UndeclaredOperationError(Exception):
    """An operation does not say for whom it is, or does not keep to it; one sentence for its author."""


def check_audiences(app: FastAPI) -> None:
    """Let only operations be served that are as open as they say.

    Raises:
        UndeclaredOperationError: the first that is not.
    """
    for route in iter_route_contexts(app.routes):
        if hasattr(route, "dependant"):
            check_operation(route)


def check_operation(route: Any) -> None:
    """One operation, as `check_audiences`."""
    names = {getattr(call, "__name__", "") for call in calls(route.dependant)}
    audience = "admin" if "get_admin" in names else "member" if names & SIGNED_IN else "public"
    if route.tags != [audience]:
        raise UndeclaredOperationError(f"{route.name} is tagged {route.tags}, its dependencies say {audience}")
    permission = (route.openapi_extra or {}).get("x-permission")
    if audience == "admin" and permission not in PERMISSIONS:
        raise UndeclaredOperationError(f"{route.name} declares no permission: use admin_operation()")
