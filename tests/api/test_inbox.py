"""The inbox: what concerns me, in my language, read or not."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlmodel import col, update
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account
from models.base import Language, utc_now
from models.members import Membership
from models.push import Cause
from services.push.campaigns import withdraw_announcement
from tests.factories.devices import add_campaign
from tests.factories.world import SignIn, World


async def inbox(client: httpx.AsyncClient, headers: dict[str, str], **query: str | int) -> dict[str, Any]:
    answer = await client.get("/v1/me/inbox", headers=headers, params=query)
    assert answer.status_code == 200
    return answer.json()


async def ids(client: httpx.AsyncClient, headers: dict[str, str]) -> list[str]:
    return [item["id"] for item in (await inbox(client, headers))["items"]]


async def test_own_chain_and_own_account_the_newest_first(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    start = utc_now() - timedelta(days=1)
    mine = [
        await add_campaign(session, branch=world.branches[path], now=start + timedelta(minutes=minute))
        for minute, path in enumerate(["kz.at.maqat.p1", "kz", "kz.at.maqat", "kz.at"])
    ]
    for path in ("kz.at.maqat.p2", "kz.at.maqat2", "kz.at.maqat2.p1", "kz.at.inder"):
        await add_campaign(session, branch=world.branches[path])
    own = await add_campaign(session, account_id=world.people["Aigul"].account_id, cause=Cause.petition_step)
    await add_campaign(session, account_id=world.people["Daulet"].account_id, cause=Cause.petition_step)
    headers = await sign_in(world.people["Aigul"].account_id)
    assert await ids(client, headers) == [str(campaign.id) for campaign in [own, *reversed(mine)]]


async def test_texts_are_in_the_language_asked_for(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    campaign = await add_campaign(session, branch=world.branches["kz"])
    headers = await sign_in(world.people["Aigul"].account_id)
    titles = {}
    for language in Language:
        [item] = (await inbox(client, headers | {"accept-language": language}))["items"]
        titles[language] = item["title"]
    assert titles == {"kk": "Жаңалық", "ru": "Новость", "en": "News"}
    assert (item["type"], item["link_kind"], item["link_id"]) == ("news_published", "news", str(campaign.link_id))


async def test_pages_join_without_gap_or_repeat(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    moment = utc_now() - timedelta(hours=1)
    made = [await add_campaign(session, branch=world.branches[path], now=moment) for path in ("kz", "kz.at") * 3]
    headers = await sign_in(world.people["Aigul"].account_id)
    seen: list[str] = []
    cursor: object = ""
    while cursor is not None:
        page = await inbox(client, headers, limit=2, **({"cursor": str(cursor)} if cursor else {}))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == sorted((str(campaign.id) for campaign in made), reverse=True)


async def test_reading_one_and_all(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    past = utc_now() - timedelta(minutes=5)
    first, _second = [await add_campaign(session, branch=world.branches["kz"], now=past) for _ in range(2)]
    headers = await sign_in(world.people["Aigul"].account_id)
    assert (await inbox(client, headers))["unread_count"] == 2
    for _ in range(2):
        assert (await client.put(f"/v1/me/inbox/{first.id}/read", headers=headers)).status_code == 204
    page = await inbox(client, headers)
    assert page["unread_count"] == 1
    assert {item["id"]: item["unread"] for item in page["items"]}[str(first.id)] is False
    assert (await client.put("/v1/me/inbox/read", headers=headers)).status_code == 204
    assert (await inbox(client, headers))["unread_count"] == 0
    await add_campaign(session, branch=world.branches["kz"], now=utc_now())
    assert (await inbox(client, headers))["unread_count"] == 1
    other = await sign_in(world.people["Marat"].account_id)
    assert (await inbox(client, other))["unread_count"] == 3


async def test_notification_of_others_is_not_found(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    foreign = await add_campaign(session, branch=world.branches["kz.at.maqat2"])
    headers = await sign_in(world.people["Aigul"].account_id)
    for notification_id in (foreign.id, uuid4()):
        answer = await client.put(f"/v1/me/inbox/{notification_id}/read", headers=headers)
        assert answer.status_code == 404


async def test_withdrawn_and_old_ones_are_gone(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    withdrawn = await add_campaign(session, branch=world.branches["kz"])
    await withdraw_announcement(session, cause=withdrawn.cause, cause_id=withdrawn.cause_id, now=utc_now())
    await add_campaign(session, branch=world.branches["kz"], now=utc_now() - timedelta(days=91))
    page = await inbox(client, await sign_in(world.people["Aigul"].account_id))
    assert (page["items"], page["unread_count"]) == ([], 0)


async def test_moved_member_sees_the_new_branch_from_the_day_of_the_move(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    moved_on = utc_now().date() - timedelta(days=10)
    ended = update(Membership).where(col(Membership.member_id) == world.people["Marat"].member_id)
    await session.exec(ended.values(ended_on=moved_on))
    home = world.branches["kz.at.inder.p1"]
    session.add(Membership(member_id=world.people["Marat"].member_id, branch_id=home.id, started_on=moved_on))
    noon = datetime(moved_on.year, moved_on.month, moved_on.day, 7, tzinfo=UTC)
    await add_campaign(session, branch=world.branches["kz.at.maqat"], now=noon - timedelta(days=1))
    await add_campaign(session, branch=world.branches["kz.at.inder"], now=noon - timedelta(days=1))
    after = await add_campaign(session, branch=world.branches["kz.at.inder"], now=noon)
    assert await ids(client, await sign_in(world.people["Marat"].account_id)) == [str(after.id)]


async def test_applicant_without_membership_sees_the_own_account_only(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    applicant = Account(language=Language.kk, created_at=utc_now())
    session.add(applicant)
    await session.flush()
    await add_campaign(session, branch=world.branches["kz"])
    own = await add_campaign(session, account_id=applicant.id, cause=Cause.petition_step)
    assert await ids(client, await sign_in(applicant.id)) == [str(own.id)]


async def test_counting_stops_at_a_hundred(
    client: httpx.AsyncClient, world: World, sign_in: SignIn, session: AsyncSession
) -> None:
    for _ in range(103):
        await add_campaign(session, branch=world.branches["kz"])
    page = await inbox(client, await sign_in(world.people["Aigul"].account_id))
    assert page["unread_count"] == 100


@pytest.mark.parametrize("cursor", ["AAAA", "A" * 500])
async def test_foreign_cursor_is_refused(client: httpx.AsyncClient, world: World, sign_in: SignIn, cursor: str) -> None:
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.get("/v1/me/inbox", headers=headers, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")
