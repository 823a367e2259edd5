"""Polls on the phone: who sees them, answering once, and what is told of the results."""

from datetime import date, timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import utc_now
from models.db import driver_connection
from models.members import Member, Membership, MemberState
from models.polls import Participation, PollResponse, PollState, ResultsVisibility
from services.polls import voting
from tests.factories.counting import counted
from tests.factories.lanes import both_lanes
from tests.factories.polls import ANSWER, OTHER_ANSWER, make_members, make_poll, respond
from tests.factories.world import SignIn, World

pytestmark = both_lanes


async def test_member_lists_open_polls_of_own_branch_and_all_above(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    later = utc_now() + timedelta(days=1)
    seen = [
        await make_poll(session, world.branches[path], opens_at=utc_now() - timedelta(minutes=age))
        for age, path in enumerate(("kz.at.maqat.p1", "kz.at.maqat", "kz.at", "kz"), start=1)
    ]
    for path in ("kz.at.maqat.p2", "kz.at.maqat2", "kz.at.inder"):
        await make_poll(session, world.branches[path])
    for state in set(PollState) - {PollState.open}:
        await make_poll(session, world.branches["kz.at.maqat"], state=state, opens_at=later)
    await make_poll(session, world.branches["kz"], closes_at=utc_now() - timedelta(seconds=1))
    await respond(session, seen[2], world.people["Aigul"])

    headers = await sign_in(world.people["Aigul"].account_id) | {"accept-language": "ru"}
    answer = await client.get("/v1/polls", headers=headers)
    assert answer.status_code == 200
    assert [item["id"] for item in answer.json()["items"]] == [str(poll.id) for poll in seen]
    assert [item["responded"] for item in answer.json()["items"]] == [False, False, True, False]
    assert (answer.json()["items"][0]["title"], answer.headers["content-language"]) == ("Дорога", "ru")


async def test_pages_of_polls_join(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    at = utc_now() - timedelta(hours=1)
    polls = [await make_poll(session, world.branches["kz"], opens_at=at) for _ in range(3)]
    headers = await sign_in(world.people["Aigul"].account_id)
    first = (await client.get("/v1/polls?limit=2", headers=headers)).json()
    query = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await client.get("/v1/polls", params=query, headers=headers)).json()
    assert second["next_cursor"] is None
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert ids == sorted((str(poll.id) for poll in polls), reverse=True)


async def test_member_reads_a_poll_in_the_language_asked_for(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz.at"], state=PollState.cancelled)
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.get(f"/v1/polls/{poll.id}", headers=headers | {"accept-language": "en, ru;q=0.1"})
    body = answer.json()
    assert (body["state"], body["cancel_reason"]) == ("cancelled", "Қате")
    assert body["questions"][0]["options"] == [{"id": "o1", "text": "Иә"}, {"id": "o2", "text": "Жоқ"}]


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("kz.at.inder", PollState.open),
        ("kz.at.maqat2", PollState.open),
        ("kz.at.maqat.p2", PollState.open),
        ("kz.at.maqat", PollState.draft),
        ("kz.at.maqat", PollState.scheduled),
    ],
)
async def test_poll_of_others_or_unopened_is_not_found(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn, path: str, state: PollState
) -> None:
    poll = await make_poll(session, world.branches[path], state=state, opens_at=utc_now() - timedelta(minutes=1))
    headers = await sign_in(world.people["Aigul"].account_id)
    url = f"/v1/polls/{poll.id}"
    for suffix in ("", "/response", "/results"):
        assert (await client.get(url + suffix, headers=headers)).status_code == 404
    for body in (ANSWER, {"answers": []}):
        assert (await client.put(f"{url}/response", headers=headers, json=body)).status_code == 404


async def test_second_response_is_refused_and_the_first_is_kept(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz.at.maqat"])
    headers, url = await sign_in(world.people["Aigul"].account_id), f"/v1/polls/{poll.id}/response"
    assert (await client.get(url, headers=headers)).json()["responded"] is False
    first = await client.put(url, headers=headers, json=ANSWER)
    assert first.status_code == 201
    second = await client.put(url, headers=headers, json=OTHER_ANSWER)
    assert (second.status_code, second.json()["code"]) == (409, "already_answered")
    own = (await client.get(url, headers=headers)).json()
    assert (own["responded"], own["answers"]) == (True, ANSWER["answers"])
    assert own["responded_at"] == first.json()["responded_at"]


async def test_retry_with_the_same_key_gets_the_stored_answer(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz.at.maqat"])
    headers, url = await sign_in(world.people["Aigul"].account_id), f"/v1/polls/{poll.id}/response"
    keyed = headers | {"idempotency-key": str(uuid4())}
    first = await client.put(url, headers=keyed, json=ANSWER)
    poll.state, poll.closed_at = PollState.closed, utc_now()
    session.add(poll)
    await session.commit()
    again = await client.put(url, headers=keyed, json=ANSWER)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert ("idempotent-replayed" in first.headers, again.headers["idempotent-replayed"]) == (False, "true")
    other = await client.put(url, headers=keyed, json=OTHER_ANSWER)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    other_key = await client.put(url, headers=headers | {"idempotency-key": str(uuid4())}, json=ANSWER)
    assert (other_key.status_code, other_key.json()["code"]) == (409, "already_answered")


@pytest.mark.parametrize("state", [PollState.closed, PollState.results_published, PollState.cancelled])
async def test_ended_poll_takes_no_response(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn, state: PollState
) -> None:
    poll = await make_poll(session, world.branches["kz"], state=state)
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.put(f"/v1/polls/{poll.id}/response", headers=headers, json=ANSWER)
    assert (answer.status_code, answer.json()["code"]) == (409, "poll_closed")
    assert (await session.exec(select(Participation))).all() == []


async def test_poll_whose_time_is_over_takes_no_response_before_the_worker_closes_it(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz"], closes_at=utc_now() - timedelta(seconds=1))
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.put(f"/v1/polls/{poll.id}/response", headers=headers, json=ANSWER)
    assert (answer.status_code, answer.json()["code"]) == (409, "poll_closed")


@pytest.mark.parametrize(
    ("question", "option", "rule"),
    [("q1", "o9", "unknown_option"), ("q9", "o1", "unknown_question"), (None, None, "required")],
)
async def test_answer_must_fit_its_question(
    client: httpx.AsyncClient,
    session: AsyncSession,
    world: World,
    sign_in: SignIn,
    question: str | None,
    option: str | None,
    rule: str,
) -> None:
    poll = await make_poll(session, world.branches["kz"])
    headers = await sign_in(world.people["Aigul"].account_id)
    answers = [{"kind": "single", "question_id": question, "option_id": option}] if question else []
    answer = await client.put(f"/v1/polls/{poll.id}/response", headers=headers, json={"answers": answers})
    assert (answer.status_code, answer.json()["code"]) == (422, "poll_answers_invalid")
    assert answer.json()["data"]["rule"] == rule
    assert (await session.exec(select(PollResponse))).all() == []


async def test_question_answered_twice_is_refused(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz"])
    headers = await sign_in(world.people["Aigul"].account_id)
    body = {"answers": ANSWER["answers"] + OTHER_ANSWER["answers"]}
    answer = await client.put(f"/v1/polls/{poll.id}/response", headers=headers, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "answered_twice")


async def test_edited_questions_are_those_that_answers_must_fit(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz"])
    headers, url = await sign_in(world.people["Aigul"].account_id), f"/v1/polls/{poll.id}/response"
    wrong = {"answers": [{"kind": "single", "question_id": "q1", "option_id": "o3"}]}
    assert (await client.put(url, headers=headers, json=wrong)).status_code == 422
    questions = poll.questions
    poll.questions = [questions[0] | {"options": [*questions[0]["options"], {"id": "o3", "text": {"kk": "Білмеймін"}}]}]
    poll.version += 1
    session.add(poll)
    await session.commit()
    assert (await client.put(url, headers=headers, json=wrong)).status_code == 201


@pytest.mark.parametrize("ended", ["suspended", "left"])
async def test_who_is_suspended_or_has_left_does_not_answer(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn, ended: str
) -> None:
    poll = await make_poll(session, world.branches["kz"])
    member = await session.get_one(Member, world.people["Aigul"].member_id)
    if ended == "suspended":
        member.state = MemberState.suspended
    else:
        stay = (await session.exec(select(Membership).where(Membership.member_id == member.id))).one()
        stay.ended_on = date(2026, 1, 1)
    await session.commit()
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.put(f"/v1/polls/{poll.id}/response", headers=headers, json=ANSWER)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("visibility", "state", "answered", "status"),
    [
        (ResultsVisibility.after_response, PollState.open, True, 200),
        (ResultsVisibility.after_response, PollState.open, False, 403),
        (ResultsVisibility.after_response, PollState.results_published, False, 200),
        (ResultsVisibility.after_close, PollState.open, True, 403),
        (ResultsVisibility.after_close, PollState.results_published, False, 200),
        (ResultsVisibility.admins_only, PollState.closed, True, 403),
        (ResultsVisibility.after_response, PollState.cancelled, True, 403),
    ],
)
async def test_results_are_shown_when_the_poll_says(
    client: httpx.AsyncClient,
    session: AsyncSession,
    world: World,
    sign_in: SignIn,
    visibility: ResultsVisibility,
    state: PollState,
    answered: bool,
    status: int,
) -> None:
    poll = await make_poll(session, world.branches["kz"], state=state, visibility=visibility)
    if answered:
        await respond(session, poll, world.people["Aigul"])
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await client.get(f"/v1/polls/{poll.id}/results", headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["code"] == "results_hidden"


async def test_distribution_is_hidden_below_ten_responses(
    client: httpx.AsyncClient, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz"], state=PollState.results_published)
    members = await make_members(session, world.branches["kz.at.maqat.p1"], 10)
    headers, url = await sign_in(world.people["Aigul"].account_id), f"/v1/polls/{poll.id}/results"
    await respond(session, poll, *members[:9])
    hidden = (await client.get(url, headers=headers)).json()
    assert (hidden["hidden"], hidden["response_count"], hidden["questions"]) == (True, None, [])
    await respond(session, poll, members[9], option="o2")
    shown = (await client.get(url, headers=headers)).json()
    assert (shown["hidden"], shown["response_count"]) == (False, 10)
    assert shown["questions"][0]["options"] == [
        {"option_id": "o1", "picked_count": 9, "picked_share": 0.9},
        {"option_id": "o2", "picked_count": 1, "picked_share": 0.1},
    ]


async def test_answering_costs_one_statement_besides_the_actor(
    client: httpx.AsyncClient,
    session: AsyncSession,
    engine: AsyncEngine,
    world: World,
    sign_in: SignIn,
) -> None:
    poll = await make_poll(session, world.branches["kz"])
    url = f"/v1/polls/{poll.id}/response"
    await client.put(url, headers=await sign_in(world.people["Marat"].account_id), json=ANSWER)
    headers = await sign_in(world.people["Aigul"].account_id)
    with counted(engine, await driver_connection(session)) as statements:
        answer = await client.put(url, headers=headers, json=ANSWER)
    assert answer.status_code == 201
    assert [statement for statement in statements if "auth_session" not in statement] == [voting.CAST]
