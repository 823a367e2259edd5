"""Transfers and leaving through the admin API."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import utc_now
from models.members import Membership
from models.roles import RoleName
from services.calendar import business_date
from tests.factories.world import LONG_AGO, SignIn, World, give_role

URL = "/v1/admin/members"


def move(world: World, path: str, day: str = "2026-03-02") -> dict[str, str]:
    """The body of a transfer."""
    return {"branch_id": str(world.branches[path].id), "started_on": day}


def tomorrow() -> str:
    """A day that has not come yet in Kazakhstan."""
    return (business_date(utc_now()) + timedelta(days=1)).isoformat()


@pytest.fixture
async def admin(world: World, sign_in: SignIn) -> dict[str, str]:
    """The admin of Maqat."""
    return await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)


async def test_transfer_keeps_the_history_and_moves_the_member(
    client: httpx.AsyncClient, world: World, admin: dict[str, str], sign_in: SignIn
) -> None:
    aigul = world.people["Aigul"]
    answer = await client.post(f"{URL}/{aigul.member_id}/transfer", headers=admin, json=move(world, "kz.at.maqat.p2"))
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    shown = (await client.get(f"{URL}/{aigul.member_id}", headers=admin)).json()
    p1, p2 = (str(world.branches[f"kz.at.maqat.{code}"].id) for code in ("p1", "p2"))
    assert shown["branch_id"] == p2
    assert shown["memberships"] == [
        {"branch_id": p1, "started_on": "2020-03-01", "ended_on": "2026-03-02"},
        {"branch_id": p2, "started_on": "2026-03-02", "ended_on": None},
    ]
    me = (await client.get("/v1/me", headers=await sign_in(aigul.account_id))).json()
    assert me["branches"][0]["id"] == p2


async def test_transfer_needs_the_permission_in_both_organisations(
    client: httpx.AsyncClient, world: World, admin: dict[str, str], sign_in: SignIn
) -> None:
    url = f"{URL}/{world.people['Aigul'].member_id}/transfer"
    assert (await client.post(url, headers=admin, json=move(world, "kz.at.inder.p1"))).status_code == 404
    region = await sign_in.admin(world.branches["kz.at"], RoleName.branch_admin)
    assert (await client.post(url, headers=region, json=move(world, "kz.at.inder.p1"))).status_code == 200
    assert (await client.get(url.removesuffix("/transfer"), headers=admin)).status_code == 404


@pytest.mark.parametrize(
    ("path", "day", "status", "code"),
    [
        ("kz.at.maqat.p1", "2026-03-02", 409, "already_there"),
        ("kz.at.maqat", "2026-03-02", 422, "not_primary"),
        ("kz.at.maqat.p2", "2020-03-01", 422, "membership_date"),
        ("kz.at.maqat.p2", tomorrow(), 422, "membership_date"),
    ],
)
async def test_transfer_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, world: World, admin: dict[str, str], path: str, day: str, status: int, code: str
) -> None:
    url = f"{URL}/{world.people['Aigul'].member_id}/transfer"
    answer = await client.post(url, headers=admin, json=move(world, path, day))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_chair_stays_until_the_role_ends(client: httpx.AsyncClient, world: World, admin: dict[str, str]) -> None:
    url = f"{URL}/{world.people['Daulet'].member_id}"
    moved = await client.post(f"{url}/transfer", headers=admin, json=move(world, "kz.at.maqat.p2"))
    left = await client.post(f"{url}/leave", headers=admin, json={"left_on": "2026-03-02"})
    for answer in (moved, left):
        assert (answer.status_code, answer.json()["code"]) == (409, "roles_held")


async def test_role_elsewhere_does_not_hinder_a_transfer(
    client: httpx.AsyncClient, session: AsyncSession, world: World, admin: dict[str, str]
) -> None:
    aigul = world.people["Aigul"]
    await give_role(session, aigul.account_id, world.branches["kz.at"], RoleName.editor)
    await session.commit()
    answer = await client.post(f"{URL}/{aigul.member_id}/transfer", headers=admin, json=move(world, "kz.at.maqat.p2"))
    assert answer.status_code == 200


async def test_who_left_is_no_member_but_stays_readable(
    client: httpx.AsyncClient, world: World, admin: dict[str, str], sign_in: SignIn
) -> None:
    aigul = world.people["Aigul"]
    headers, url = await sign_in(aigul.account_id), f"{URL}/{aigul.member_id}"
    left = await client.post(f"{url}/leave", headers=admin, json={"left_on": "2026-03-02"})
    assert (left.status_code, left.json()["state"]) == (200, "left")
    assert (await client.get("/v1/me", headers=headers)).json()["member_id"] is None
    assert (await client.get("/v1/polls", headers=headers)).status_code == 403
    assert (await client.get(url, headers=admin)).json()["memberships"][-1]["ended_on"] == "2026-03-02"
    again = await client.post(f"{url}/leave", headers=admin, json={"left_on": "2026-03-03"})
    assert (again.status_code, again.json()["code"]) == (409, "member_state")


@pytest.mark.parametrize(("query", "names"), [({}, {"Daulet", "Marat"}), ({"state": "left"}, {"Aigul"})])
async def test_list_shows_who_belongs_now_unless_asked_for_others(
    client: httpx.AsyncClient, world: World, admin: dict[str, str], query: dict[str, str], names: set[str]
) -> None:
    body: dict[str, Any] = {"left_on": "2026-03-02"}
    await client.post(f"{URL}/{world.people['Aigul'].member_id}/leave", headers=admin, json=body)
    shown = (await client.get(URL, headers=admin, params=query)).json()["items"]
    assert {item["given_name"] for item in shown} == names


async def test_database_refuses_two_memberships_at_a_time(session: AsyncSession, world: World) -> None:
    saule = world.people["Saule"].member_id
    session.add(
        Membership(
            member_id=saule,
            branch_id=world.branches["kz.at.inder.p1"].id,
            started_on=LONG_AGO.date(),
            ended_on=LONG_AGO.date() + timedelta(days=1),
        )
    )
    with pytest.raises(IntegrityError, match="membership_one_at_a_time_excl"):
        await session.flush()
