"""Roles: giving and ending them, never beyond one's own."""

import httpx
import pytest

from models.roles import RoleName
from tests.factories.world import SignIn, World


async def give(
    client: httpx.AsyncClient, headers: dict[str, str], world: World, name: str, path: str, role: str
) -> httpx.Response:
    """Ask for a role for somebody."""
    body = {
        "account_id": str(world.people[name].account_id),
        "branch_id": str(world.branches[path].id),
        "name": role,
    }
    return await client.post("/v1/admin/roles", headers=headers, json=body)


async def test_a_role_acts_with_the_next_request_and_stops_with_its_end(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    admin = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    marat = await sign_in(world.people["Marat"].account_id, raised=True)
    url = f"/v1/admin/branches/{world.branches['kz.at.maqat.p2'].id}"
    assert (await client.get(url, headers=marat)).status_code == 403
    made = await give(client, admin, world, "Marat", "kz.at.maqat.p2", "editor")
    assert made.status_code == 201
    assert (await client.get(url, headers=marat)).status_code == 200
    listed = (await client.get("/v1/admin/roles", headers=admin)).json()["items"]
    assert made.json()["id"] in [role["id"] for role in listed]
    assert (await client.delete(f"/v1/admin/roles/{made.json()['id']}", headers=admin)).status_code == 204
    assert (await client.get(url, headers=marat)).status_code == 403


@pytest.mark.parametrize(
    ("role", "path", "status", "code"),
    [
        ("head_office_admin", "kz.at.maqat", 403, "role_too_high"),
        ("chair", "kz.at.maqat", 422, "wrong_role_level"),
        ("editor", "kz.at.maqat2", 404, "not_found"),
        ("editor", "kz.at", 404, "not_found"),
    ],
)
async def test_nobody_gives_more_than_they_hold(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, role: str, path: str, status: int, code: str
) -> None:
    admin = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    answer = await give(client, admin, world, "Marat", path, role)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_token_with_roles_write_gives_nothing_it_does_not_hold(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    program = await sign_in.program(world.branches["kz.at"], "roles:write")
    answer = await give(client, program, world, "Marat", "kz.at.maqat", "editor")
    assert answer.json()["code"] == "role_too_high"


async def test_the_same_role_twice_is_a_conflict(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    admin = await sign_in.admin(world.branches["kz"], RoleName.head_office_admin)
    assert (await give(client, admin, world, "Marat", "kz.at", "editor")).status_code == 201
    again = await give(client, admin, world, "Marat", "kz.at", "editor")
    assert (again.status_code, again.json()["code"]) == (409, "role_exists")


async def test_the_last_head_office_admin_stays(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    admin = await sign_in.admin(world.branches["kz"], RoleName.head_office_admin)
    roles = (await client.get("/v1/admin/roles", headers=admin)).json()["items"]
    own = next(role["id"] for role in roles if role["name"] == "head_office_admin")
    refused = await client.delete(f"/v1/admin/roles/{own}", headers=admin)
    assert (refused.status_code, refused.json()["code"]) == (409, "last_admin")
    await give(client, admin, world, "Marat", "kz", "head_office_admin")
    assert (await client.delete(f"/v1/admin/roles/{own}", headers=admin)).status_code == 204


async def test_me_says_what_i_may_do_even_before_the_second_factor(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in(world.people["Daulet"].account_id)
    answer = (await client.get("/v1/admin/me", headers=headers | {"accept-language": "ru"})).json()
    assert answer["raised"] is False
    (grant,) = answer["grants"]
    assert (grant["role"], grant["branch_name"], grant["permissions"]) == ("chair", "Филиал p1", [])


async def test_every_change_stands_in_the_audit_of_its_branch(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    admin = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    neighbour = await sign_in.admin(world.branches["kz.at.maqat2"], RoleName.branch_admin)
    made = (await give(client, admin, world, "Marat", "kz.at.maqat.p2", "editor")).json()
    await client.delete(f"/v1/admin/roles/{made['id']}", headers=admin)
    seen = (await client.get("/v1/admin/audit", headers=admin, params={"object_id": made["id"]})).json()["items"]
    assert [event["action"] for event in seen] == ["roles:end", "roles:grant"]
    assert all(event["detail"]["role"] == "editor" for event in seen)
    page = (await client.get("/v1/admin/audit", headers=admin, params={"limit": 1})).json()
    rest = await client.get("/v1/admin/audit", headers=admin, params={"cursor": page["next_cursor"], "limit": 1})
    assert [event["action"] for event in rest.json()["items"]] == ["roles:grant"]
    late = {"since": "2100-01-01T00:00:00Z"}
    assert (await client.get("/v1/admin/audit", headers=admin, params=late)).json()["items"] == []
    assert (await client.get("/v1/admin/audit", headers=neighbour)).json()["items"] == []
