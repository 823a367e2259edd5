"""A lost database: every request is answered in time, and the service recovers by itself.

The five seconds are the requirement itself; they stand as the client's patience, not as a measurement.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import psycopg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import create_app, create_edge
from api.runtime import APP_ROLE, build_runtime, close_engine, engine_of
from api.settings import Settings
from models.db import POOL_SIZE, session_factory
from tests.factories.world import SignIn, World, make_world
from tests.faults.proxy import Proxy, Weather, proxied

PATIENCE_S = 5


@dataclass(frozen=True)
class Service:
    """The application, reaching its database through the proxy."""

    proxy: Proxy
    engine: AsyncEngine
    client: httpx.AsyncClient
    world: World
    headers: dict[str, str]

    async def get(self, path: str = "/v1/me") -> httpx.Response:
        """A phone's request, which gives up after its patience."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.client.get(path, headers=self.headers)

    async def crowd(self, size: int) -> list[httpx.Response]:
        """The answers to many at once."""
        return await asyncio.gather(*(self.get() for _ in range(size)))

    async def recovers(self) -> bool:
        """Whether the service answers again, without anybody doing anything."""
        for _ in range(20):
            if (await self.get()).status_code == 200:
                return True
        return False


@pytest_asyncio.fixture(loop_scope="session")
async def service(settings: Settings, cloned_database: str) -> AsyncIterator[Service]:
    async with proxied(cloned_database) as proxy:
        own = settings.model_copy(update={"database_url": proxy.url})
        engine = engine_of(own, APP_ROLE)
        runtime = build_runtime(own, session_factory(engine))
        async with runtime.sessions() as session:
            world = await make_world(session, runtime.keys)
            headers = await SignIn(session, runtime)(world.people["Daulet"].account_id)
        app = create_app(own, runtime)
        transport = httpx.ASGITransport(create_edge(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Service(proxy, engine, client, world, headers)
        await close_engine(engine)


def assert_unavailable(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("weather", [Weather.black_hole, Weather.cut])
async def test_lost_database_is_a_503_in_time_and_the_service_recovers(service: Service, weather: Weather) -> None:
    assert (await service.get()).status_code == 200
    service.proxy.change(weather)
    assert_unavailable(await service.get())
    assert_unavailable(await service.get("/health/ready"))
    assert (await service.get("/health/live")).status_code == 200
    service.proxy.change(Weather.clear)
    assert await service.recovers()


@pytest.mark.parametrize("weather", [Weather.black_hole, Weather.cut])
async def test_a_crowd_is_answered_in_time_and_no_connection_leaks(
    service: Service, weather: Weather, cloned_database: str
) -> None:
    assert {answer.status_code for answer in await service.crowd(POOL_SIZE)} == {200}
    service.proxy.change(weather)
    for answer in await service.crowd(4 * POOL_SIZE):
        assert_unavailable(answer)
    service.proxy.change(Weather.clear)
    assert await service.recovers()
    assert service.engine.pool.checkedout() == 0
    assert {answer.status_code for answer in await service.crowd(POOL_SIZE)} == {200}
    with psycopg.connect(cloned_database) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        (connections,) = connection.execute(query).fetchone() or (0,)
    assert connections <= POOL_SIZE


@pytest.mark.parametrize("moment", [b"BEGIN", b"asyncpg_stmt", b"COMMIT"], ids=["begin", "statement", "commit"])
async def test_database_lost_within_a_transaction(service: Service, moment: bytes) -> None:
    assert (await service.get()).status_code == 200
    service.proxy.black_hole_once_sent(moment)
    assert_unavailable(await service.get())
    service.proxy.change(Weather.clear)
    assert await service.recovers()


async def test_phones_that_hang_up_leave_nothing_behind(service: Service) -> None:
    service.proxy.change(Weather.black_hole)
    waiting = [asyncio.create_task(service.get()) for _ in range(POOL_SIZE)]
    await asyncio.sleep(0.1)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    service.proxy.change(Weather.clear)
    assert await service.recovers()
    assert service.engine.pool.checkedout() == 0
