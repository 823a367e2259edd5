"""Operations say for whom they are, and an application whose operations do not never starts."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter

from api import admin, app, member, public
from api.admin import branches
from api.audiences import UndeclaredOperationError
from api.deps import AnyActor, CurrentActor, CurrentAdmin
from api.openapi import METHODS, admin_operation
from api.settings import Environment, Settings
from services.permissions import Permission
from tests.factories.world import SignIn, World

SETTINGS = Settings(environment=Environment.test)
DOCUMENT = app.create_app(SETTINGS).openapi()
OPERATIONS = {
    described["operationId"]: (method, path, described)
    for path, item in DOCUMENT["paths"].items()
    for method, described in item.items()
    if method in METHODS
}
FOR_PROGRAMS_TOO = {"get_file"}
"""Member operations that a service token may call: a program reads back what it published."""


async def for_admins(actor: CurrentAdmin) -> None: ...


async def for_people(actor: CurrentActor) -> None: ...


async def for_the_signed_in(actor: AnyActor) -> None: ...


async def for_all() -> None: ...


@pytest.mark.parametrize(
    ("endpoint", "tag", "declared"),
    [
        (for_admins, "admin", {}),
        (for_admins, "admin", {"openapi_extra": {"x-permission": "news:everything"}}),
        (for_admins, "member", {}),
        (for_people, "admin", admin_operation(Permission.news_read)),
        (for_people, "public", {}),
        (for_the_signed_in, "public", {}),
        (for_all, "member", {}),
        (for_all, "admin", admin_operation(Permission.news_read)),
        (for_all, None, {}),
    ],
)
def test_operation_more_or_less_open_than_it_says_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, endpoint: Callable[..., Any], tag: str | None, declared: dict[str, Any]
) -> None:
    router = APIRouter(tags=[tag] if tag else [])
    router.get("/v1/odd", **declared)(endpoint)
    monkeypatch.setattr(admin, "ROUTERS", (branches.router, router))
    with pytest.raises(UndeclaredOperationError, match=endpoint.__name__):
        app.create_app(SETTINGS)


def test_the_three_audiences_share_all_operations() -> None:
    routers = {tag for part in (admin, member, public) for router in part.ROUTERS for tag in router.tags}
    assert (
        routers
        == {"admin", "member", "public"}
        == {tag for _, _, described in OPERATIONS.values() for tag in described["tags"]}
    )


def operations(tag: str) -> list[str]:
    """The names of an audience's operations."""
    return [name for name, (_, _, described) in OPERATIONS.items() if described["tags"] == [tag]]


async def call(client: httpx.AsyncClient, name: str, headers: dict[str, str]) -> httpx.Response:
    """Call an operation about nothing in particular."""
    method, path, described = OPERATIONS[name]
    takes_json = "application/json" in described.get("requestBody", {}).get("content", {})
    url = re.sub(r"\{\w+\}", str(uuid4()), path)
    return await client.request(method, url, headers=headers, **({"json": {}} if takes_json else {}))


@pytest.mark.parametrize("name", operations("member"))
async def test_member_operation_wants_to_know_who_asks(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, name: str
) -> None:
    assert (await call(client, name, {})).status_code == 401
    program = await sign_in.program(world.branches["kz"], *Permission)
    assert (await call(client, name, program)).status_code == (404 if name in FOR_PROGRAMS_TOO else 403)


@pytest.mark.parametrize("name", operations("public"))
async def test_public_operation_asks_nobody(client: httpx.AsyncClient, world: World, name: str) -> None:
    assert (await call(client, name, {})).status_code not in {401, 403}
