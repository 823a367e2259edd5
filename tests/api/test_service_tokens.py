"""Service tokens: made by people, never wider than their maker, dead when revoked or over."""

from datetime import timedelta

import httpx
import pytest
import time_machine

from models.base import utc_now
from models.roles import RoleName
from tests.factories.world import SignIn, World


def token_body(world: World, path: str, scopes: list[str], days: float = 30) -> dict[str, object]:
    """A request for a token."""
    return {
        "branch_id": str(world.branches[path].id),
        "name": "Бухгалтерия 1С",
        "scopes": scopes,
        "expires_at": (utc_now() + timedelta(days=days)).isoformat(),
    }


async def test_a_token_works_for_its_branch_until_revoked_or_over(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    admin = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    body = token_body(world, "kz.at.maqat", ["branches:read"])
    issued = (await client.post("/v1/admin/tokens", headers=admin, json=body)).json()
    program = {"authorization": f"Bearer {issued['token']}"}
    inside, outside = world.branches["kz.at.maqat.p1"].id, world.branches["kz.at.maqat2"].id
    assert (await client.get(f"/v1/admin/branches/{inside}", headers=program)).status_code == 200
    assert (await client.get(f"/v1/admin/branches/{outside}", headers=program)).status_code == 404
    assert (await client.get("/v1/admin/tokens", headers=program)).status_code == 403
    (listed,) = (await client.get("/v1/admin/tokens", headers=admin)).json()["items"]
    assert listed["prefix"] in issued["token"]
    assert "token" not in listed
    with time_machine.travel(utc_now() + timedelta(days=31)):
        assert (await client.get(f"/v1/admin/branches/{inside}", headers=program)).status_code == 401
    assert (await client.delete(f"/v1/admin/tokens/{issued['id']}", headers=admin)).status_code == 204
    assert (await client.get(f"/v1/admin/branches/{inside}", headers=program)).status_code == 401


@pytest.mark.parametrize("broken", ["uqs_unknown_secret", "uqs__", "uqs_a_b_c", "uqs"])
async def test_a_broken_token_is_no_token(client: httpx.AsyncClient, world: World, broken: str) -> None:
    answer = await client.get("/v1/admin/me", headers={"authorization": f"Bearer {broken}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("path", "scopes", "days", "code"),
    [
        ("kz.at.maqat", ["calendar:write"], 30, "role_too_high"),
        ("kz.at.maqat2", ["news:read"], 30, "not_found"),
        ("kz.at.maqat", ["news:read"], 400, "token_lifetime"),
        ("kz.at.maqat", ["news:read"], -1, "token_lifetime"),
        ("kz.at.maqat", ["news:fly"], 30, "invalid_request"),
        ("kz.at.maqat", [], 30, "invalid_request"),
    ],
)
async def test_refusals(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, path: str, scopes: list[str], days: float, code: str
) -> None:
    admin = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    answer = await client.post("/v1/admin/tokens", headers=admin, json=token_body(world, path, scopes, days))
    assert answer.json()["code"] == code


async def test_programs_make_no_tokens(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    program = await sign_in.program(world.branches["kz.at"], "tokens:write", "news:read")
    answer = await client.post("/v1/admin/tokens", headers=program, json=token_body(world, "kz.at", ["news:read"]))
    assert (answer.status_code, answer.json()["data"]) == (403, {"reason": "people_only"})


async def test_tokens_end_with_the_role_of_their_maker(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    above = await sign_in.admin(world.branches["kz.at"], RoleName.branch_admin)
    admin = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    body = token_body(world, "kz.at.maqat.p1", ["branches:read"])
    issued = (await client.post("/v1/admin/tokens", headers=admin, json=body)).json()
    other = (await client.post("/v1/admin/tokens", headers=above, json=body)).json()
    roles = (await client.get("/v1/admin/roles", headers=above)).json()["items"]
    role = next(role for role in roles if role["account_id"] == issued["created_by_account_id"])
    assert (await client.delete(f"/v1/admin/roles/{role['id']}", headers=above)).status_code == 204
    url = f"/v1/admin/branches/{world.branches['kz.at.maqat.p1'].id}"
    statuses = [
        (await client.get(url, headers={"authorization": f"Bearer {token['token']}"})).status_code
        for token in (issued, other)
    ]
    assert statuses == [401, 200]
