"""Head office overrules the calendar; nobody else may."""

from datetime import date

import httpx
import pytest
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.audit import AuditEvent
from models.roles import RoleName
from services.calendar import load_calendar
from tests.factories.world import SignIn, World

URL = "/v1/admin/calendar/2026-03-20"
DAY_OFF = {"working": False, "note": "Үкімет қаулысы"}


async def test_head_office_makes_a_day_off_and_deadlines_follow(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in.admin(world.branches["kz"], RoleName.head_office_admin)
    before = await client.get(URL, headers=headers)
    assert (before.headers["etag"], before.json()["working"], before.json()["exception"]) == ('"0"', True, False)
    saved = await client.put(URL, headers=headers | {"if-match": '"0"'}, json=DAY_OFF)
    assert saved.json() == {"date": "2026-03-20", "exception": True} | DAY_OFF
    calendar = await load_calendar(session)
    assert calendar.add_working_days(date(2026, 3, 19), 1) == date(2026, 3, 26)
    actions = (await session.exec(select(AuditEvent.action))).all()
    assert list(actions) == ["calendar:set"]


@pytest.mark.parametrize("version", ['"0"', '"7"'])
async def test_stale_version_is_refused(client: httpx.AsyncClient, world: World, sign_in: SignIn, version: str) -> None:
    headers = await sign_in.admin(world.branches["kz"], RoleName.head_office_admin)
    assert (await client.put(URL, headers=headers | {"if-match": '"0"'}, json=DAY_OFF)).status_code == 200
    stale = await client.put(URL, headers=headers | {"if-match": version}, json=DAY_OFF)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    again = await client.put(URL, headers=headers | {"if-match": '"1"'}, json=DAY_OFF | {"working": True})
    assert (again.headers["etag"], again.json()["working"]) == ('"2"', True)


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("kz", RoleName.branch_admin, 403),
        ("kz.at", RoleName.head_office_admin, 404),
        ("kz.at.maqat", RoleName.branch_admin, 404),
    ],
)
async def test_nobody_else_touches_the_calendar(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, path: str, role: RoleName, status: int
) -> None:
    headers = await sign_in.admin(world.branches[path], role)
    assert (await client.get(URL, headers=headers)).status_code == status
    assert (await client.put(URL, headers=headers | {"if-match": '"0"'}, json=DAY_OFF)).status_code == status


@pytest.mark.parametrize(
    ("day", "code"),
    [("1999-01-01", "unknown_year"), ("20260320", "invalid_request"), ("2026-02-30", "invalid_request")],
)
async def test_days_that_make_no_sense(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, day: str, code: str
) -> None:
    headers = await sign_in.admin(world.branches["kz"], RoleName.head_office_admin)
    answer = await client.get(f"/v1/admin/calendar/{day}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
