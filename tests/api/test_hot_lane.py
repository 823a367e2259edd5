"""The hot lane from outside: it takes the ordinary case, hands on the rest, and cannot be told from the plain lane."""

import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlmodel.ext.asyncio.session import AsyncSession

from api.app import create_edge
from api.edge import Edge, Receive, Scope, Send
from api.hot.connections import borrowed
from api.hot.lane import HotLane
from api.hot.state import HotState
from api.metrics import REGISTRY
from api.runtime import Runtime
from models.db import Sessions
from models.polls import PollState
from tests.factories.news import make_article
from tests.factories.polls import ANSWER, make_poll
from tests.factories.world import SignIn, World

OWN_HEADERS = {"x-request-id", "date"}


async def never(scope: Scope, receive: Receive, send: Send) -> NoReturn:
    """What stands behind the lane in tests of what must not get there."""
    raise AssertionError(f"{scope['method']} {scope['path']} went to the plain lane")


def over(app: Any) -> httpx.AsyncClient:
    """HTTP in process."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


@dataclass(frozen=True)
class Lanes:
    """The same service through both lanes, and through the hot one alone."""

    plain: httpx.AsyncClient
    hot: httpx.AsyncClient
    hot_alone: httpx.AsyncClient
    state: HotState


@pytest_asyncio.fixture(loop_scope="session")
async def lanes(app: FastAPI, runtime: Runtime, sessions: Sessions) -> AsyncIterator[Lanes]:
    """Clients, with a lane that remembers for a minute."""
    app.state.runtime, app.state.hot = runtime, HotState(runtime, borrowed(sessions), lifetime_s=60)
    async with (
        over(Edge(app)) as plain,
        over(create_edge(app)) as hot,
        over(HotLane(never, app.state)) as hot_alone,
    ):
        yield Lanes(plain, hot, hot_alone, app.state.hot)


async def test_ordinary_requests_never_reach_the_plain_lane(
    lanes: Lanes, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz"])
    headers = await sign_in(world.people["Aigul"].account_id) | {"accept-language": "ru-KZ,ru;q=0.9"}
    for path in ("/v1/news", "/v1/news?limit=5", "/v1/polls", f"/v1/polls/{poll.id}"):
        for _ in range(2):
            assert (await lanes.hot_alone.get(path, headers=headers)).status_code == 200
    keyed = headers | {"idempotency-key": str(uuid4())}
    for _ in range(2):
        answer = await lanes.hot_alone.put(f"/v1/polls/{poll.id}/response", headers=keyed, json=ANSWER)
        assert answer.status_code == 201


async def test_second_page_of_the_feed_stays_in_the_lane(
    lanes: Lanes, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    for number in range(3):
        await make_article(session, world.branches["kz"], str(number))
    headers = await sign_in(world.people["Aigul"].account_id)
    first = (await lanes.hot_alone.get("/v1/news?limit=2", headers=headers)).json()
    query = {"limit": "2", "cursor": first["next_cursor"]}
    second = (await lanes.hot_alone.get("/v1/news", headers=headers, params=query)).json()
    titles = {item["title"] for item in first["items"] + second["items"]}
    assert (titles, second["next_cursor"]) == ({"0", "1", "2"}, None)


async def test_both_lanes_answer_with_the_same_bytes_and_headers(
    lanes: Lanes, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz"], state=PollState.open)
    await make_article(session, world.branches["kz.at"], "Су")
    headers = await sign_in(world.people["Aigul"].account_id) | {"accept-encoding": "identity"}
    asked = [("GET", path, {}) for path in ("/v1/news", "/v1/polls", f"/v1/polls/{poll.id}", "/v1/news?limit=1")]
    key = {"idempotency-key": str(uuid4())}
    await lanes.plain.put(f"/v1/polls/{poll.id}/response", headers=headers | key, json=ANSWER)
    asked.append(("PUT", f"/v1/polls/{poll.id}/response", key))
    for method, path, more in asked:
        body = ANSWER if method == "PUT" else None
        plain, hot = [
            await client.request(method, path, headers=headers | more, json=body)
            for client in (lanes.plain, lanes.hot_alone)
        ]
        assert (hot.status_code, hot.content) == (plain.status_code, plain.content)
        assert shown(hot) == shown(plain)
        if method == "GET":
            known = headers | {"if-none-match": f'"other", {plain.headers["etag"]}'}
            plain, hot = [await client.get(path, headers=known) for client in (lanes.plain, lanes.hot_alone)]
            assert (hot.status_code, hot.content, shown(hot)) == (304, b"", shown(plain))


def shown(answer: httpx.Response) -> dict[str, str]:
    """The headers that say something of the answer."""
    return {name: value for name, value in answer.headers.items() if name not in OWN_HEADERS}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/v1/news", {"authorization": "Bearer nonsense"}),
        ("GET", "/v1/news", {"authorization": ""}),
        ("GET", "/v1/news", {"authorization": "Bearer uqs_a_b"}),
        ("GET", "/v1/news?limit=0", {}),
        ("GET", "/v1/news?limit=1&limit=2", {}),
        ("GET", "/v1/news?limit=%31", {}),
        ("GET", "/v1/news?cursor=x", {}),
        ("GET", "/v1/news?colour=red", {}),
        ("GET", "/v1/news", {"if-none-match": "x" * 1_001}),
        ("GET", "/v1/polls?limit=1", {}),
        ("GET", "/v1/polls/{poll}?x=1", {}),
        ("GET", "/v1/polls/{POLL}", {}),
        ("GET", "/v1/polls/00000000-0000-7000-8000-000000000000", {}),
        ("GET", "/v1/polls/not-a-poll-but-of-the-same-length-as", {}),
        ("POST", "/v1/polls", {}),
        ("HEAD", "/v1/news", {}),
        ("PUT", "/v1/polls/{poll}/response?x=1", {}),
        ("PUT", "/v1/polls/{poll}/response", {"content-type": "text/plain"}),
        ("PUT", "/v1/polls/{poll}/response", {"idempotency-key": "short"}),
        ("PUT", "/v1/polls/{others}/response", {}),
    ],
)
async def test_unusual_request_gets_what_the_plain_lane_says(
    lanes: Lanes,
    session: AsyncSession,
    world: World,
    sign_in: SignIn,
    method: str,
    path: str,
    headers: dict[str, str],
) -> None:
    poll = await make_poll(session, world.branches["kz"])
    others = await make_poll(session, world.branches["kz.at.inder"])
    path = path.replace("{poll}", str(poll.id)).replace("{POLL}", str(poll.id).upper())
    path = path.replace("{others}", str(others.id))
    sent = await sign_in(world.people["Aigul"].account_id) | {"content-type": "application/json"} | headers
    body = b'{"answers": [{"kind": "single", "question_id": "q1", "option_id": "o2"}]}' if method == "PUT" else None
    plain = await lanes.plain.request(method, path, headers=sent, content=body)
    hot = await lanes.hot.request(method, path, headers=sent, content=body)
    assert (hot.status_code, shown(hot)) == (plain.status_code, shown(plain))
    assert told(hot) == told(plain)


async def test_what_one_member_read_is_not_shown_to_a_neighbour(
    lanes: Lanes, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    poll = await make_poll(session, world.branches["kz.at.maqat"])
    await make_article(session, world.branches["kz.at.maqat"], "Су")
    paths = ("/v1/news", "/v1/polls", f"/v1/polls/{poll.id}")
    aigul, erlan = [await sign_in(world.people[name].account_id) for name in ("Aigul", "Erlan")]
    assert [(await lanes.hot_alone.get(path, headers=aigul)).status_code for path in paths] == [200, 200, 200]
    answers = [await lanes.hot.get(path, headers=erlan) for path in paths]
    assert [answer.status_code for answer in answers] == [200, 200, 404]
    assert [answer.json()["items"] for answer in answers[:2]] == [[], []]


def told(answer: httpx.Response) -> Any:
    """The body, without the request's own id."""
    try:
        return {name: value for name, value in answer.json().items() if name != "request_id"}
    except ValueError:
        return answer.content


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"\xff\xfe",
        b'{"answers": [{"kind": "single", "question_id": "q1", "option_id": "\\ud800"}]}',
        b'{"answers": [], "more": 1}',
        b'{"answers": [{"kind": "single", "question_id": "q1", "option_id": "o9"}]}',
        b'{"answers": [' + b"[" * 200 + b"]" * 200 + b"]}",
        b'{"answers": "' + b"x" * 100_000 + b'"}',
        b'{"answers": "' + b"x" * 300_000 + b'"}',
    ],
)
async def test_body_that_does_not_fit_is_read_again_by_the_plain_lane(
    lanes: Lanes, session: AsyncSession, world: World, sign_in: SignIn, body: bytes
) -> None:
    poll = await make_poll(session, world.branches["kz"])
    headers = await sign_in(world.people["Aigul"].account_id) | {"content-type": "application/json"}

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    path = f"/v1/polls/{poll.id}/response"
    plain = await lanes.plain.put(path, headers=headers, content=in_pieces())
    hot = await lanes.hot.put(path, headers=headers, content=in_pieces())
    assert 400 <= hot.status_code < 500
    assert (hot.status_code, told(hot)) == (plain.status_code, told(plain))


async def test_page_is_zipped_for_those_who_take_it(
    lanes: Lanes, session: AsyncSession, world: World, sign_in: SignIn
) -> None:
    for number in range(10):
        await make_article(session, world.branches["kz"], f"Жаңа мектеп ашылды {number}")
    headers = await sign_in(world.people["Aigul"].account_id)
    plain = await lanes.hot_alone.get("/v1/news", headers=headers | {"accept-encoding": "identity"})
    async with lanes.hot_alone.stream("GET", "/v1/news", headers=headers | {"accept-encoding": "gzip"}) as zipped:
        raw = b"".join([part async for part in zipped.aiter_raw()])
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert zipped.headers["etag"] == f"W/{plain.headers['etag']}"
    known = headers | {"if-none-match": zipped.headers["etag"]}
    assert (await lanes.hot_alone.get("/v1/news", headers=known)).status_code == 304


async def test_request_is_counted_under_its_template(lanes: Lanes, world: World, sign_in: SignIn) -> None:
    labels = {"method": "GET", "route": "/v1/news", "status": "200"}
    before = REGISTRY.get_sample_value("unqatu_requests_total", labels) or 0
    headers = await sign_in(world.people["Aigul"].account_id)
    answer = await lanes.hot_alone.get("/v1/news", headers=headers)
    assert len(answer.headers["x-request-id"]) >= 16
    assert REGISTRY.get_sample_value("unqatu_requests_total", labels) == before + 1


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ConnectionRefusedError(), 503, "database_unavailable"),
        (TimeoutError(), 503, "database_unavailable"),
        (asyncpg.QueryCanceledError(), 503, "database_busy"),
        (KeyError("a bug"), 500, "internal_error"),
    ],
)
async def test_failure_of_the_lane_is_a_problem_like_any_other(
    lanes: Lanes, world: World, sign_in: SignIn, error: Exception, status: int, code: str
) -> None:
    def broken() -> NoReturn:
        raise error

    headers = await sign_in(world.people["Aigul"].account_id)
    lanes.state.connections = broken
    lanes.state.people.connections = broken
    answer = await lanes.hot.get("/v1/news", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("retry-after" in answer.headers) == (status == 503)
