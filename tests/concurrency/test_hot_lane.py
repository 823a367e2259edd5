"""Revocation through the hot lane on real connections: at once by NOTIFY, and within two seconds without it.

No test measures time: each waits, generously, for what must come, with the other ways to it switched off.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI

from api.app import create_edge
from api.hot import caches, connections
from api.hot.caches import NEVER
from api.hot.connections import POOL_SIZE, Pool, pooled
from api.hot.state import HotState, running_lane
from api.runtime import APP_ROLE, Runtime, build_runtime
from api.settings import Settings
from models.base import utc_now
from models.db import create_engine, session_factory
from models.news import Article
from models.polls import Poll
from services.actors import Actor, Grant
from services.branches import rename_branch
from services.changes import Topic, announce_change
from services.news.writing import withdraw_article
from services.permissions import Permission
from services.polls.life import cancel_poll
from services.sign_in.sessions import end_session
from tests.factories.news import make_article
from tests.factories.polls import make_poll
from tests.factories.world import SignIn, World, make_world

FOREVER = timedelta(days=1)
OLD_NAME = "Филиал at"
LEAVE = "UPDATE membership SET ended_on = '2026-01-01' WHERE member_id = '{}'"


@dataclass(frozen=True)
class Ground:
    """A committed organisation with one article and one poll, and Aigul's phone, which has read them."""

    app: FastAPI
    runtime: Runtime
    url: str
    world: World
    article: Article
    poll: Poll
    aigul: Actor
    headers: dict[str, str]

    def phone(self, hot: HotState) -> httpx.AsyncClient:
        """Aigul's, at a process with this lane."""
        self.app.state.runtime, self.app.state.hot = self.runtime, hot
        transport = httpx.ASGITransport(app=create_edge(self.app))
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=self.headers)

    def change(self, statement: str) -> None:
        """Change the database past the application, which tells nobody."""
        with psycopg.connect(self.url) as owner:
            owner.execute(statement)


@pytest_asyncio.fixture(loop_scope="session")
async def ground(app: FastAPI, settings: Settings, cloned_database: str) -> AsyncIterator[Ground]:
    """As `Ground` says."""
    engine = create_engine(cloned_database, APP_ROLE, pool_size=3)
    own = settings.model_copy(update={"database_url": cloned_database, "hot_lane_lifetime": FOREVER})
    runtime = build_runtime(own, session_factory(engine))
    async with runtime.sessions() as session:
        world = await make_world(session, runtime.keys)
        article = await make_article(session, world.branches["kz.at"], "Су")
        poll = await make_poll(session, world.branches["kz.at"])
        headers = await SignIn(session, runtime)(world.people["Aigul"].account_id)
    claims = runtime.tokens.verify(headers["authorization"].removeprefix("Bearer "), utc_now())
    aigul = Actor(account_id=claims.account_id, session_id=claims.session_id)
    yield Ground(app, runtime, cloned_database, world, article, poll, aigul, headers)
    await engine.dispose()


@asynccontextmanager
async def deaf_lane(ground: Ground) -> AsyncIterator[HotState]:
    """A lane that hears of no change."""
    async with pooled(ground.url, APP_ROLE) as connections:
        yield HotState(
            ground.runtime, connections, lifetime_s=FOREVER.total_seconds(), people_lifetime_s=FOREVER.total_seconds()
        )


@asynccontextmanager
async def listening_lane(ground: Ground) -> AsyncIterator[HotState]:
    """A lane as it is run for real, when the channel has delivered once."""
    async with running_lane(ground.runtime) as hot:
        hot.people.known.lifetime_s = FOREVER.total_seconds()

        async def proven() -> bool:
            return hot.proof.at > NEVER

        await until(proven)
        yield hot


@pytest.fixture
def long_belief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing but a change end what is remembered."""
    monkeypatch.setattr(caches, "BELIEF_S", FOREVER.total_seconds())


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that must come."""
    for _ in range(2_000):
        if await check():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come")


Seen = Callable[[Ground, httpx.AsyncClient], Awaitable[bool]]


async def sees_article(ground: Ground, phone: httpx.AsyncClient) -> bool:
    """Whether the article stands in the feed."""
    return str(ground.article.id) in (await phone.get("/v1/news")).text


async def sees_poll_open(ground: Ground, phone: httpx.AsyncClient) -> bool:
    """Whether the poll is open."""
    return '"open"' in (await phone.get(f"/v1/polls/{ground.poll.id}")).text


async def sees_poll_listed(ground: Ground, phone: httpx.AsyncClient) -> bool:
    """Whether the poll stands in the list."""
    return str(ground.poll.id) in (await phone.get("/v1/polls")).text


def head_office(ground: Ground) -> Actor:
    """Somebody who may do anything."""
    branch = ground.world.branches["kz"]
    grant = Grant(branch_id=branch.id, path=branch.path, permissions=frozenset(Permission))
    return Actor(account_id=None, grants=(grant,), raised=True)


async def sign_out(ground: Ground) -> None:
    async with ground.runtime.sessions() as session, session.begin():
        assert ground.aigul.session_id is not None
        await end_session(session, ground.aigul, ground.aigul.session_id, now=utc_now())


async def leave(ground: Ground) -> None:
    ground.change(LEAVE.format(ground.world.people["Aigul"].member_id))
    async with ground.runtime.sessions() as session, session.begin():
        await announce_change(session, Topic.account, ground.world.people["Aigul"].account_id)


async def withdraw(ground: Ground) -> None:
    async with ground.runtime.sessions() as session, session.begin():
        await withdraw_article(session, head_office(ground), ground.article.id, reason="қате", now=utc_now())


async def cancel(ground: Ground) -> None:
    async with ground.runtime.sessions() as session, session.begin():
        await cancel_poll(session, head_office(ground), ground.poll.id, reason={"kk": "қате"}, now=utc_now())


async def sees_old_name(ground: Ground, phone: httpx.AsyncClient) -> bool:
    """Whether the branch of the article has the name that it began with."""
    return OLD_NAME in (await phone.get("/v1/news", headers={"accept-language": "ru"})).text


async def rename(ground: Ground) -> None:
    branch = ground.world.branches["kz.at"]
    async with ground.runtime.sessions() as session, session.begin():
        await rename_branch(
            session, head_office(ground), branch.id, name={"kk": "Су", "ru": "Вода"}, version=1, now=utc_now()
        )


CHANGES = [
    (rename, sees_old_name),
    (sign_out, sees_article),
    (sign_out, sees_poll_listed),
    (leave, sees_article),
    (leave, sees_poll_open),
    (withdraw, sees_article),
    (cancel, sees_poll_open),
    (cancel, sees_poll_listed),
]


@pytest.mark.usefixtures("long_belief")
@pytest.mark.parametrize(("change", "sees"), CHANGES)
async def test_change_is_seen_by_its_notice(
    ground: Ground, change: Callable[[Ground], Awaitable[None]], sees: Seen
) -> None:
    async with listening_lane(ground) as hot, ground.phone(hot) as phone:
        assert await sees(ground, phone)
        await change(ground)

        async def gone() -> bool:
            return not await sees(ground, phone)

        await until(gone)


@pytest.mark.parametrize(("change", "sees"), CHANGES)
async def test_change_is_seen_without_its_notice(
    ground: Ground, change: Callable[[Ground], Awaitable[None]], sees: Seen
) -> None:
    async with deaf_lane(ground) as hot, ground.phone(hot) as phone:
        assert await sees(ground, phone)
        await change(ground)

        async def gone() -> bool:
            return not await sees(ground, phone)

        await until(gone)


@pytest.mark.usefixtures("long_belief")
async def test_lost_channel_is_opened_again_and_nothing_older_is_believed(ground: Ground) -> None:
    async with listening_lane(ground) as hot, ground.phone(hot) as phone:
        assert await sees_article(ground, phone)
        ground.change("UPDATE article SET state = 'withdrawn', withdrawn_reason = 'x'")
        assert await sees_article(ground, phone)
        ground.change(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE '%pg_notify%' AND pid <> pg_backend_pid()"
        )

        async def gone() -> bool:
            return not await sees_article(ground, phone)

        await until(gone)


@pytest.mark.usefixtures("long_belief")
async def test_change_elsewhere_leaves_what_is_remembered(ground: Ground) -> None:
    async with listening_lane(ground) as hot, ground.phone(hot) as phone:
        assert await sees_article(ground, phone)
        ground.change("UPDATE article SET state = 'withdrawn', withdrawn_reason = 'x'")
        seen = hot.lists.dropped_at
        async with ground.runtime.sessions() as session, session.begin():
            await announce_change(session, Topic.news, ground.world.branches["kz.at.inder"].id)
            await announce_change(session, Topic.polls, ground.world.branches["kz.at"].id)

        async def heard() -> bool:
            return hot.lists.dropped_at > seen

        await until(heard)
        assert await sees_article(ground, phone)


async def test_200_phones_at_once_share_ten_connections(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine ten cold connections take their time; how many there are is the question here.
    monkeypatch.setattr(connections, "POOL_TIMEOUT_S", 60.0)
    async with running_lane(ground.runtime) as hot, ground.phone(hot) as phone:
        answers = await asyncio.gather(*(phone.get("/v1/polls") for _ in range(200)))
        assert {answer.status_code for answer in answers} == {200}
        assert isinstance(hot.connections, Pool)
        assert len(hot.connections.idle) <= POOL_SIZE


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pool give up soon."""
    monkeypatch.setattr(connections, "POOL_TIMEOUT_S", 0.05)


@pytest.mark.usefixtures("impatience")
async def test_pool_that_stays_empty_refuses_and_recovers(cloned_database: str) -> None:
    pool = Pool(cloned_database, APP_ROLE)
    leases = [pool() for _ in range(POOL_SIZE)]
    taken = [await lease.__aenter__() for lease in leases]
    with pytest.raises(TimeoutError):
        await pool.take()
    for lease in leases:
        await lease.__aexit__(None, None, None)
    async with pool() as connection:
        assert connection in taken
    pool.close()


async def test_connection_of_a_statement_that_took_too_long_is_dropped(cloned_database: str) -> None:
    pool = Pool(cloned_database, APP_ROLE)
    with pytest.raises(TimeoutError):
        async with pool() as slow:
            await slow.fetchval("SELECT pg_sleep(30)", timeout=0.05)
    async with pool() as connection:
        assert slow.is_closed()
        assert await connection.fetchval("SELECT 1") == 1
    pool.close()


async def test_connections_that_the_server_closed_are_replaced(ground: Ground) -> None:
    async with running_lane(ground.runtime) as hot, ground.phone(hot) as phone:
        assert await sees_poll_listed(ground, phone)
        ground.change(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

        async def recovered() -> bool:
            return (await phone.get("/v1/polls")).status_code == 200

        await until(recovered)
