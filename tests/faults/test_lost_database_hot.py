"""A lost database, seen through the hot lane: an answer in time, and a recovery by itself."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from api.app import create_app, create_edge
from api.hot.state import running_lane
from api.runtime import APP_ROLE, build_runtime, close_engine, engine_of
from api.settings import Settings
from models.db import session_factory
from tests.factories.polls import ANSWER, make_poll
from tests.factories.world import SignIn, make_world
from tests.faults.proxy import Weather, proxied
from tests.faults.test_lost_database import PATIENCE_S, Service, assert_unavailable


@pytest_asyncio.fixture(loop_scope="session")
async def service(settings: Settings, cloned_database: str) -> AsyncIterator[tuple[Service, str]]:
    """The application with its hot lane, reaching its database through the proxy, and the path of an open poll."""
    async with proxied(cloned_database) as proxy:
        own = settings.model_copy(update={"database_url": proxy.url})
        engine = engine_of(own, APP_ROLE)
        runtime = build_runtime(own, session_factory(engine))
        async with runtime.sessions() as session:
            world = await make_world(session, runtime.keys)
            poll = await make_poll(session, world.branches["kz"])
            headers = await SignIn(session, runtime)(world.people["Daulet"].account_id)
        app = create_app(own, runtime)
        async with running_lane(runtime) as app.state.hot:
            transport = httpx.ASGITransport(create_edge(app))
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                yield Service(proxy, engine, client, world, headers), f"/v1/polls/{poll.id}"
        await close_engine(engine)


@pytest.mark.parametrize("weather", [Weather.black_hole, Weather.cut])
async def test_read_is_refused_in_time_and_works_again(service: tuple[Service, str], weather: Weather) -> None:
    hot, _ = service
    answers = await asyncio.gather(*(hot.get("/v1/polls") for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    hot.proxy.change(weather)
    for answer in await asyncio.gather(*(hot.get("/v1/polls") for _ in range(40))):
        assert_unavailable(answer)
    hot.proxy.change(Weather.clear)
    assert await hot.recovers()
    assert (await hot.get("/v1/polls")).status_code == 200


@pytest.mark.parametrize("weather", [Weather.black_hole, Weather.cut])
async def test_answer_that_was_not_recorded_is_recorded_by_the_retry(
    service: tuple[Service, str], weather: Weather
) -> None:
    hot, path = service
    keyed = hot.headers | {"idempotency-key": "01990c5e-4b7a-7c31-9d52-0a6f1f7c2b11"}
    assert (await hot.get(path)).status_code == 200
    hot.proxy.change(weather)
    async with asyncio.timeout(PATIENCE_S):
        assert_unavailable(await hot.client.put(f"{path}/response", headers=keyed, json=ANSWER))
    hot.proxy.change(Weather.clear)
    assert await hot.recovers()
    for _ in range(2):
        answer = await hot.client.put(f"{path}/response", headers=keyed, json=ANSWER)
        assert answer.status_code == 201
