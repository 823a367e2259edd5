"""The tree through the admin API: who sees what, and what an edit must carry."""

import httpx
import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from models.roles import RoleName
from tests.factories.world import SignIn, World, give_role

TEXTS = {"kk": "Жаңа филиал", "ru": "Новый филиал"}


async def test_district_admin_lists_own_subtree_only(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    answer = await client.get("/v1/admin/branches", headers=headers)
    assert answer.status_code == 200
    assert [item["path"] for item in answer.json()["items"]] == ["kz.at.maqat", "kz.at.maqat.p1", "kz.at.maqat.p2"]


async def test_pages_join_without_gap_or_repeat(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    headers = await sign_in.program(world.branches["kz"], "branches:read")
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/admin/branches", headers=headers, params=query)).json()
        seen += [item["path"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(world.branches)


@pytest.mark.parametrize(
    ("path", "status"),
    [("kz.at.maqat", 200), ("kz.at.maqat.p1", 200), ("kz.at.maqat2", 404), ("kz.at", 404), ("kz.at.inder", 404)],
)
async def test_outsiders_get_404(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, path: str, status: int
) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    answer = await client.get(f"/v1/admin/branches/{world.branches[path].id}", headers=headers)
    assert answer.status_code == status


async def test_admin_without_second_factor_is_refused(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    branch = world.branches["kz.at.maqat.p2"]
    await give_role(session, world.people["Marat"].account_id, branch, RoleName.branch_admin)
    headers = await sign_in(world.people["Marat"].account_id)
    answer = await client.get(f"/v1/admin/branches/{branch.id}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")


async def test_branch_is_created_below_and_its_code_is_unique_there(
    client: httpx.AsyncClient, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in.admin(world.branches["kz.at"], RoleName.branch_admin)
    body = {"parent_id": str(world.branches["kz.at.inder"].id), "code": "p7", "name": TEXTS}
    first = await client.post("/v1/admin/branches", headers=headers, json=body)
    assert (first.status_code, first.json()["path"]) == (201, "kz.at.inder.p7")
    second = await client.post("/v1/admin/branches", headers=headers, json=body)
    assert (second.status_code, second.json()["code"]) == (409, "branch_exists")


async def test_edit_wants_the_version_it_starts_from(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    headers = await sign_in.admin(world.branches["kz.at.inder"], RoleName.branch_admin)
    url = f"/v1/admin/branches/{world.branches['kz.at.inder'].id}"
    assert (await client.patch(url, headers=headers, json={"name": TEXTS})).status_code == 428
    etag = (await client.get(url, headers=headers)).headers["etag"]
    first = await client.patch(url, headers=headers | {"if-match": etag}, json={"name": TEXTS})
    assert (first.status_code, first.json()["name"]) == (200, TEXTS)
    stale = await client.patch(url, headers=headers | {"if-match": etag}, json={"name": TEXTS})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")


async def test_unknown_query_parameter_is_refused(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    headers = await sign_in.program(world.branches["kz"], "branches:read")
    answer = await client.get("/v1/admin/branches?parent=1", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "extra_forbidden")


async def test_me_shows_person_and_chain(client: httpx.AsyncClient, world: World, sign_in: SignIn) -> None:
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.get("/v1/me", headers=headers | {"accept-language": "ru"})
    assert answer.headers["content-language"] == "ru"
    assert [branch["name"] for branch in answer.json()["branches"]] == [
        "Филиал p1",
        "Филиал maqat",
        "Филиал at",
        "Филиал kz",
    ]
