"""Running polls: drafting, publishing, freezing, ending, and who may."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.audit import AuditEvent
from models.base import utc_now
from models.polls import Poll, PollState, ResultsVisibility
from models.push import CampaignState, PushCampaign
from models.roles import RoleName
from tests.factories.polls import make_members, make_poll, make_questions, respond
from tests.factories.world import SignIn, World

TEXTS = {"kk": "Жол", "ru": "Дорога"}
URL = "/v1/admin/polls"


def draft(world: World, path: str = "kz.at.maqat") -> dict[str, Any]:
    """The body that makes a draft."""
    return {"branch_id": str(world.branches[path].id), "title": TEXTS, "questions": make_questions()}


async def test_poll_is_drafted_published_and_announced(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in.program(world.branches["kz.at.maqat"], "polls:read", "polls:write", "polls:publish")
    made = await client.post(URL, headers=headers, json=draft(world))
    assert (made.status_code, made.json()["state"], made.headers["etag"]) == (201, "draft", '"1"')
    url = f"{URL}/{made.json()['id']}"
    opened = await client.post(f"{url}/publish", headers=headers, json={})
    assert (opened.status_code, opened.json()["state"]) == (200, "open")
    campaign = (await session.exec(select(PushCampaign))).one()
    assert (str(campaign.cause_id), campaign.branch_id) == (made.json()["id"], world.branches["kz.at.maqat"].id)
    again = await client.post(f"{url}/publish", headers=headers, json={})
    assert (again.status_code, again.json()["code"], again.json()["data"]) == (409, "poll_state", {"state": "open"})
    actions = (await session.exec(select(AuditEvent.action).order_by(col(AuditEvent.id)))).all()
    assert actions == ["polls:create", "polls:publish"]


async def test_poll_waits_for_its_time(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in.admin(world.branches["kz.at"], RoleName.branch_admin)
    poll = await make_poll(session, world.branches["kz.at.maqat"], state=PollState.draft)
    opens_at = utc_now() + timedelta(days=1)
    answer = await client.post(f"{URL}/{poll.id}/publish", headers=headers, json={"opens_at": opens_at.isoformat()})
    assert (answer.status_code, answer.json()["state"], answer.json()["opened_at"]) == (200, "scheduled", None)
    assert (await session.exec(select(PushCampaign))).all() == []


@pytest.mark.parametrize(
    ("opens", "closes", "field"), [(-1, None, "opens_at"), (2, 1, "closes_at"), (None, -1, "closes_at")]
)
async def test_times_must_lie_ahead_and_in_order(
    client: httpx.AsyncClient,
    session: AsyncSession,
    world: World,
    sign_in: SignIn,
    opens: int | None,
    closes: int | None,
    field: str,
) -> None:
    headers = await sign_in.admin(world.branches["kz.at"], RoleName.branch_admin)
    now = utc_now()
    closes_at = now + timedelta(hours=closes) if closes else None
    poll = await make_poll(session, world.branches["kz.at"], state=PollState.draft, closes_at=closes_at)
    body = {"opens_at": (now + timedelta(hours=opens)).isoformat()} if opens else {}
    answer = await client.post(f"{URL}/{poll.id}/publish", headers=headers, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "poll_period_invalid")
    assert answer.json()["data"] == {"field": field}


async def test_open_poll_is_editable_until_the_first_response(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    poll = await make_poll(session, world.branches["kz.at.maqat"])
    url = f"{URL}/{poll.id}"
    new = {"title": {"kk": "Су", "ru": "Вода"}}
    edited = await client.patch(url, headers=headers | {"if-match": '"1"'}, json=new)
    assert (edited.status_code, edited.json()["title"], edited.headers["etag"]) == (200, new["title"], '"2"')
    assert edited.json()["questions"] == make_questions()
    stale = await client.patch(url, headers=headers | {"if-match": '"1"'}, json=new)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    await respond(session, poll, world.people["Aigul"])
    frozen = await client.patch(url, headers=headers | {"if-match": '"2"'}, json=new)
    assert (frozen.status_code, frozen.json()["code"]) == (409, "poll_frozen")
    copy = await client.post(f"{url}/duplicate", headers=headers)
    assert (copy.status_code, copy.json()["state"], copy.json()["duplicate_of_id"]) == (201, "draft", str(poll.id))


@pytest.mark.parametrize(
    ("state", "status"), [(PollState.draft, 200), (PollState.scheduled, 403), (PollState.open, 403)]
)
async def test_who_may_not_publish_edits_drafts_only(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn, state: PollState, status: int
) -> None:
    poll = await make_poll(session, world.branches["kz.at.maqat"], state=state, opens_at=utc_now() + timedelta(days=1))
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.editor) | {"if-match": '"1"'}
    answer = await client.patch(f"{URL}/{poll.id}", headers=headers, json={"title": {"kk": "Су", "ru": "Вода"}})
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["data"] == {"permission": "polls:publish"}
    await session.refresh(poll)
    assert poll.version == (2 if status == 200 else 1)


async def test_null_takes_away_only_what_may_be_missing(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    closes_at = utc_now() + timedelta(days=1)
    poll = await make_poll(session, world.branches["kz.at.maqat"], closes_at=closes_at)
    body = {"title": None, "closes_at": None}
    edited = await client.patch(f"{URL}/{poll.id}", headers=headers | {"if-match": '"1"'}, json=body)
    assert (edited.status_code, edited.json()["title"], edited.json()["closes_at"]) == (200, TEXTS, None)


@pytest.mark.parametrize(
    ("visibility", "state"),
    [(ResultsVisibility.after_close, "results_published"), (ResultsVisibility.admins_only, "closed")],
)
async def test_closing_publishes_results_unless_they_are_for_admins(
    client: httpx.AsyncClient,
    session: AsyncSession,
    world: World,
    sign_in: SignIn,
    visibility: ResultsVisibility,
    state: str,
) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    poll = await make_poll(session, world.branches["kz.at.maqat"], visibility=visibility)
    closed = await client.post(f"{URL}/{poll.id}/close", headers=headers)
    assert (closed.status_code, closed.json()["state"]) == (200, state)
    assert (await client.post(f"{URL}/{poll.id}/close", headers=headers)).status_code == 409
    edit = await client.patch(f"{URL}/{poll.id}", headers=headers | {"if-match": '"2"'}, json={"title": TEXTS})
    assert (edit.status_code, edit.json()["code"]) == (409, "poll_state")


async def test_cancelling_gives_the_reason_and_withdraws_the_announcement(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    poll = await make_poll(session, world.branches["kz.at.maqat"], state=PollState.draft)
    await client.post(f"{URL}/{poll.id}/publish", headers=headers, json={})
    answer = await client.post(f"{URL}/{poll.id}/cancel", headers=headers, json={"reason": TEXTS})
    assert (answer.status_code, answer.json()["state"], answer.json()["cancel_reason"]) == (200, "cancelled", TEXTS)
    campaign = (await session.exec(select(PushCampaign).execution_options(populate_existing=True))).one()
    assert campaign.state is CampaignState.cancelled


async def test_ids_of_questions_and_options_must_differ(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.branch_admin)
    twice = draft(world) | {"questions": make_questions() * 2}
    same_options = make_questions()
    same_options[0]["options"][1]["id"] = "o1"
    for body in (twice, draft(world) | {"questions": same_options}):
        answer = await client.post(URL, headers=headers, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "poll_questions_invalid")
    assert (await session.exec(select(Poll))).all() == []


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("kz.at", RoleName.branch_admin, 200),
        ("kz.at.maqat", RoleName.branch_admin, 200),
        ("kz.at.maqat", RoleName.editor, 403),
        ("kz.at.maqat", RoleName.treasurer, 403),
        ("kz.at.maqat.p1", RoleName.branch_admin, 404),
        ("kz.at.maqat2", RoleName.branch_admin, 404),
        ("kz.at.inder", RoleName.branch_admin, 404),
    ],
)
async def test_who_may_publish(
    client: httpx.AsyncClient,
    session: AsyncSession,
    world: World,
    sign_in: SignIn,
    path: str,
    role: RoleName,
    status: int,
) -> None:
    poll = await make_poll(session, world.branches["kz.at.maqat"], state=PollState.draft)
    headers = await sign_in.admin(world.branches[path], role)
    answer = await client.post(f"{URL}/{poll.id}/publish", headers=headers, json={})
    assert answer.status_code == status


async def test_admin_lists_polls_of_own_subtree_by_page_branch_and_state(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    polls = [
        await make_poll(session, world.branches[path], state=state)
        for path, state in (
            ("kz.at.maqat", PollState.closed),
            ("kz.at.maqat.p1", PollState.open),
            ("kz.at.maqat", PollState.open),
        )
    ]
    for path in ("kz.at", "kz.at.inder", "kz.at.maqat2"):
        await make_poll(session, world.branches[path])
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.editor)
    first = (await client.get(f"{URL}?limit=2", headers=headers)).json()
    rest = (await client.get(URL, params={"cursor": first["next_cursor"]}, headers=headers)).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == [str(poll.id) for poll in reversed(polls)]
    query = {"branch_id": str(world.branches["kz.at.maqat"].id), "state": "open"}
    filtered = (await client.get(URL, params=query, headers=headers)).json()
    assert [item["id"] for item in filtered["items"]] == [str(polls[2].id)]


async def test_admin_counts_at_any_time_but_not_below_ten(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz.at.maqat"], visibility=ResultsVisibility.admins_only)
    members = await make_members(session, world.branches["kz.at.maqat.p1"], 10)
    headers = await sign_in.admin(world.branches["kz.at.maqat"], RoleName.editor)
    await respond(session, poll, *members[:9])
    assert (await client.get(f"{URL}/{poll.id}/results", headers=headers)).json()["hidden"] is True
    await respond(session, poll, members[9])
    assert (await client.get(f"{URL}/{poll.id}/results", headers=headers)).json()["response_count"] == 10
