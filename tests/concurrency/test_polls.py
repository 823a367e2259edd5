"""One response a member and one opening a poll, whoever races, on real connections that commit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from api.runtime import APP_ROLE, WORKER_ROLE, build_runtime
from api.settings import Settings
from api.worker import build_app
from models.base import utc_now
from models.db import Sessions, create_engine, plain_url, server_settings, session_factory
from models.polls import Poll, PollState
from services.actors import Actor, Grant
from services.errors import DomainError
from services.permissions import Permission
from services.polls import life, voting, writing
from services.polls.questions import Answers
from services.polls.voting import Receipt, cast_response
from tests.factories.locks import count, waiting_for_lock
from tests.factories.polls import make_members, make_poll
from tests.factories.world import LONG_AGO, World, make_branches

MEMBERS = 200
PARALLEL = 20
ANSWERS: Answers = {"q1": "o1"}


@dataclass(frozen=True)
class Ground:
    """A committed organisation, with an application's connections to it."""

    url: str
    sessions: Sessions
    pool: asyncpg.Pool
    world: World


@pytest_asyncio.fixture(loop_scope="session")
async def ground(cloned_database: str) -> AsyncIterator[Ground]:
    """Branches in a database of their own."""
    engine = create_engine(cloned_database, APP_ROLE, pool_size=3)
    settings = server_settings(APP_ROLE, statement_timeout_ms=10_000)
    async with asyncpg.create_pool(plain_url(cloned_database), max_size=10, server_settings=settings) as pool:
        sessions = session_factory(engine)
        async with sessions() as session:
            world = await make_branches(session)
            await session.commit()
        yield Ground(cloned_database, sessions, pool, world)
    await engine.dispose()


async def remember(ground: Ground, poll: Poll) -> None:
    """Let the questions be at hand, so that the next response is one statement."""
    async with ground.pool.acquire() as connection:
        await voting.remember_definition(connection, poll.id)


def member(ground: Ground, member_id: UUID) -> Actor:
    """A member of kz.at.maqat.p1."""
    chain = tuple(ground.world.branches[path].id for path in ("kz.at.maqat.p1", "kz.at.maqat", "kz.at", "kz"))
    return Actor(account_id=None, member_id=member_id, branch_chain=chain)


async def outcome(
    ground: Ground, poll_id: UUID, member_id: UUID, key: bytes | None = None, answers: Answers = ANSWERS
) -> str:
    """What one request of a member ends with."""
    async with ground.pool.acquire() as connection:
        try:
            receipt = await cast_response(
                connection, member(ground, member_id), poll_id=poll_id, answers=answers, key_hash=key, now=utc_now()
            )
        except DomainError as error:
            return error.code
    return "repeated" if receipt.repeated else "recorded"


async def make_open_poll(ground: Ground, members: int) -> tuple[Poll, list[UUID]]:
    """A poll and those who may answer it."""
    async with ground.sessions() as session:
        poll = await make_poll(session, ground.world.branches["kz.at"])
        return poll, await make_members(session, ground.world.branches["kz.at.maqat.p1"], members)


async def test_200_members_with_20_parallel_tries_each_are_200_responses(ground: Ground) -> None:
    poll, members = await make_open_poll(ground, MEMBERS)
    tries = [outcome(ground, poll.id, member_id) for member_id in members for _ in range(PARALLEL)]
    outcomes = Counter(await asyncio.gather(*tries))
    assert outcomes == {"recorded": MEMBERS, "already_answered": MEMBERS * (PARALLEL - 1)}
    assert count(ground.url, "SELECT count(*) FROM participation") == MEMBERS
    assert count(ground.url, "SELECT count(*) FROM poll_response") == MEMBERS


async def test_parallel_retries_with_one_key_get_one_receipt(ground: Ground) -> None:
    poll, (member_id,) = await make_open_poll(ground, 1)
    outcomes = Counter(await asyncio.gather(*(outcome(ground, poll.id, member_id, b"key") for _ in range(PARALLEL))))
    assert outcomes == {"recorded": 1, "repeated": PARALLEL - 1}


async def test_no_response_slips_in_behind_a_close(ground: Ground) -> None:
    poll, (member_id,) = await make_open_poll(ground, 1)
    await remember(ground, poll)
    async with ground.sessions() as session, session.begin():
        await life.close_poll(session, admin(ground.world), poll.id, now=utc_now())
        late = asyncio.create_task(outcome(ground, poll.id, member_id))
        await waiting_for_lock(ground.url)
    assert await late == "poll_closed"
    assert count(ground.url, "SELECT count(*) FROM participation") == 0


async def test_edit_waits_for_a_response_under_way_and_is_refused(ground: Ground) -> None:
    poll, (member_id,) = await make_open_poll(ground, 1)
    async with ground.pool.acquire() as connection, connection.transaction():
        receipt: Receipt = await cast_response(
            connection, member(ground, member_id), poll_id=poll.id, answers=ANSWERS, key_hash=None, now=utc_now()
        )
        edit = asyncio.create_task(edit_poll(ground, poll))
        await waiting_for_lock(ground.url)
    assert receipt.repeated is False
    with pytest.raises(writing.PollFrozenError):
        await edit


async def test_answers_must_fit_the_questions_as_they_are_now(ground: Ground) -> None:
    poll, (first, second) = await make_open_poll(ground, 2)
    await remember(ground, poll)
    outdated = voting.definitions[poll.id]
    changed = [poll.questions[0] | {"options": [{"id": name, "text": {"kk": name}} for name in ("o2", "o3")]}]
    await edit_poll(ground, poll, questions=changed)
    assert await outcome(ground, poll.id, first) == "poll_answers_invalid"
    voting.definitions[poll.id] = outdated
    assert await outcome(ground, poll.id, second, answers={"q1": "o3"}) == "recorded"


@pytest.mark.parametrize("state", [PollState.scheduled, PollState.open])
async def test_three_workers_open_or_close_exactly_once(ground: Ground, state: PollState) -> None:
    now = utc_now()
    async with ground.sessions() as session:
        poll = await make_poll(
            session, ground.world.branches["kz.at"], state=state, opens_at=now, closes_at=now + timedelta(hours=1)
        )
    engine = create_engine(ground.url, WORKER_ROLE, pool_size=3)

    async def work() -> None:
        async with session_factory(engine)() as session, session.begin():
            if state is PollState.scheduled:
                await life.open_due(session, poll.id, opens_at=now, now=now)
            else:
                await life.close_due(session, poll.id, closes_at=now + timedelta(hours=1), now=now)

    await asyncio.gather(work(), work(), work())
    await engine.dispose()
    assert count(ground.url, "SELECT version FROM poll") == 2
    assert count(ground.url, "SELECT count(*) FROM push_campaign") == (1 if state is PollState.scheduled else 0)


async def test_closing_waits_for_an_opening_under_way(ground: Ground) -> None:
    now = utc_now()
    closes_at = now + timedelta(hours=1)
    async with ground.sessions() as session:
        poll = await make_poll(
            session, ground.world.branches["kz.at"], state=PollState.scheduled, opens_at=now, closes_at=closes_at
        )

    async def close() -> None:
        async with ground.sessions() as session, session.begin():
            await life.close_due(session, poll.id, closes_at=closes_at, now=closes_at)

    async with ground.sessions() as session, session.begin():
        await life.open_due(session, poll.id, opens_at=now, now=now)
        closing = asyncio.create_task(close())
        await waiting_for_lock(ground.url)
    await closing
    assert count(ground.url, "SELECT count(*) FROM poll WHERE state = 'results_published' AND version = 3") == 1


async def test_real_worker_ends_what_opened_and_closed_during_an_outage(ground: Ground, settings: Settings) -> None:
    async with ground.sessions() as session, session.begin():
        poll = await make_poll(
            session, ground.world.branches["kz.at"], state=PollState.draft, closes_at=LONG_AGO + timedelta(days=2)
        )
    async with ground.sessions() as session, session.begin():
        opens_at = LONG_AGO + timedelta(days=1)
        await life.publish_poll(session, admin(ground.world), poll.id, opens_at=opens_at, now=LONG_AGO)
    engine = create_engine(ground.url, WORKER_ROLE)
    own = settings.model_copy(update={"database_url": ground.url})
    app = build_app(build_runtime(own, session_factory(engine)))
    async with app.open_async():
        await app.run_worker_async(wait=False, install_signal_handlers=False)
    await engine.dispose()
    assert count(ground.url, "SELECT count(*) FROM poll WHERE state = 'results_published'") == 1
    assert count(ground.url, "SELECT count(*) FROM push_campaign") == 0


async def test_publishing_defers_opening_and_closing(ground: Ground) -> None:
    now = utc_now()
    async with ground.sessions() as session:
        closes_at = now + timedelta(days=2)
        poll = await make_poll(session, ground.world.branches["kz.at"], state=PollState.draft, closes_at=closes_at)
        await life.publish_poll(session, admin(ground.world), poll.id, opens_at=now + timedelta(days=1), now=now)
        await session.commit()
    due = "SELECT count(*) FROM procrastinate_jobs WHERE (task_name, scheduled_at) IN (('{}', '{}'))"
    assert count(ground.url, due.format(life.OPEN_DUE, now + timedelta(days=1))) == 1
    assert count(ground.url, due.format(life.CLOSE_DUE, closes_at)) == 1


def admin(world: World) -> Actor:
    """Somebody who may do anything with polls."""
    branch = world.branches["kz"]
    grant = Grant(branch_id=branch.id, path=branch.path, permissions=frozenset(Permission))
    return Actor(account_id=None, grants=(grant,), raised=True)


async def edit_poll(ground: Ground, poll: Poll, **changes: Any) -> None:
    """Change a poll, or its title only."""
    changes = changes or {"title": {"kk": "Су", "ru": "Вода"}}
    async with ground.sessions() as session, session.begin():
        await writing.edit_poll(session, admin(ground.world), poll.id, changes=changes, version=1, now=utc_now())
