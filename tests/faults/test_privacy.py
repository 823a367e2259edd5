"""Personal data goes into the database and to those who may read it: not into logs, errors, figures or traces."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import structlog

from api import edge, logs
from api.runtime import APP_ROLE, build_runtime
from api.settings import Settings
from models.db import create_engine, session_factory
from models.roles import RoleName
from tests.factories.processes import ServerProcess, serving
from tests.factories.world import SignIn, make_world

PHONE = "+77019998877"
IIN = "850101430003"
NAME = "Қанарбайқызы"
CANARIES = ("9998877", IIN, NAME)


def told(text: str) -> list[str]:
    """The canaries in a text, as they are and as JSON or a URL would write them."""
    written = {canary: {canary, json.dumps(canary)[1:-1], str(httpx.QueryParams(q=canary))[2:]} for canary in CANARIES}
    return [canary for canary, forms in written.items() if any(form in text for form in forms)]


@pytest.fixture
def own_settings(settings: Settings, cloned_database: str) -> Settings:
    return settings.model_copy(update={"database_url": cloned_database})


@pytest.fixture
def server(own_settings: Settings, tmp_path: Path) -> Iterator[ServerProcess]:
    with serving(own_settings, tmp_path) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def credentials(own_settings: Settings) -> AsyncIterator[tuple[dict[str, str], dict[str, str], str]]:
    """Headers of a member and of an admin, and the id of a primary organisation."""
    engine = create_engine(own_settings.database_url or "", APP_ROLE, pool_size=1)
    runtime = build_runtime(own_settings, session_factory(engine))
    async with runtime.sessions() as session:
        world = await make_world(session, runtime.keys)
        sign_in = SignIn(session, runtime)
        member = await sign_in(world.people["Aigul"].account_id)
        admin = await sign_in.admin(world.branches["kz"], RoleName.head_office_admin)
    yield member, admin, str(world.branches["kz.at.maqat.p1"].id)
    await engine.dispose()


async def test_canaries_sent_in_every_place_are_told_nowhere(
    server: ServerProcess, credentials: tuple[dict[str, str], dict[str, str], str]
) -> None:
    member, admin, branch_id = credentials
    person = {"branch_id": branch_id, "family_name": NAME, "given_name": NAME, "phone": PHONE, "iin": IIN}
    person |= {"admitted_on": "2026-03-01"}
    requests = [
        ("POST", "/v1/auth/codes", {"json": {"phone": PHONE}}),
        *[("POST", "/v1/auth/codes", {"json": {"phone": PHONE}})] * 4,
        ("POST", "/v1/auth/codes", {"json": {"phone": PHONE, NAME: IIN}}),
        ("POST", "/v1/auth/codes", {"content": f'{{"phone": "{PHONE}", "{NAME}'.encode()}),
        ("POST", "/v1/auth/codes", {"content": NAME.encode(), "headers": {"content-type": "text/plain"}}),
        ("POST", "/v1/admin/members", {"json": person, "headers": admin}),
        ("POST", "/v1/admin/members", {"json": person | {"phone": "+77019998866"}, "headers": admin}),
        ("POST", "/v1/admin/members/search", {"json": {"by": "iin", "value": IIN}, "headers": admin}),
        ("POST", "/v1/admin/members/search", {"json": {"by": "phone", "value": PHONE}, "headers": admin}),
        ("GET", "/v1/news", {"params": {"cursor": PHONE, NAME: IIN}, "headers": member}),
        ("GET", f"/v1/news/{NAME}", {"headers": member}),
        ("GET", f"/v1/{PHONE}/{IIN}/{NAME}", {}),
        ("GET", "/v1/me", {"headers": {"authorization": f"Bearer {PHONE}.{IIN}"}}),
        ("GET", "/v1/me", {"headers": member | {"accept-language": PHONE, "user-agent": IIN, "x-request-id": PHONE}}),
        ("PUT", f"/v1/polls/{branch_id}/response", {"json": {NAME: 1}, "headers": member | {"idempotency-key": PHONE}}),
    ]
    ids, statuses = [], []
    async with httpx.AsyncClient(base_url=server.url) as client:
        for method, path, options in requests:
            answer = await client.request(method, path, **options)
            assert answer.status_code < 500
            assert answer.status_code < 400 or not told(answer.text), answer.text
            ids.append(answer.headers["x-request-id"])
            statuses.append(answer.status_code)
        figures = (await client.get("/metrics")).text
    log = server.log.read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert set(ids) <= {line.get("request_id") for line in lines}
    assert {200, 201, 202, 404, 409, 415, 422, 429} <= set(statuses)
    assert not told(log)
    assert not told(figures)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged, as in production."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure(stream)
    monkeypatch.setattr(edge, "log", structlog.get_logger("unqatu.requests"))
    yield stream
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level


async def test_bug_is_logged_by_its_places_and_types_without_messages(written: io.StringIO) -> None:
    async def broken(*_: object) -> None:
        try:
            raise KeyError(PHONE)
        except KeyError as error:
            raise RuntimeError(f"DETAIL: Key (phone)=({PHONE}) of {NAME}") from error

    transport = httpx.ASGITransport(edge.Edge(broken))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get(f"/v1/{IIN}")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    failure, request = (json.loads(line) for line in written.getvalue().splitlines())
    assert (failure["error"], failure["cause"], failure["request_id"]) == (
        "RuntimeError",
        "KeyError",
        answer.headers["x-request-id"],
    )
    assert (request["route"], request["status"]) == ("other", 500)
    assert "test_privacy.py" in failure["at"][-1]
    assert not told(written.getvalue() + answer.text)


def test_libraries_log_through_the_same_lines_without_messages_of_errors(written: io.StringIO) -> None:
    library = logging.getLogger("some.library")
    try:
        raise ValueError(f"{PHONE} {IIN} {NAME}")
    except ValueError as error:
        library.exception("it broke")
        library.error("Task exception was never retrieved\nfuture: <Task exception=%r>", error)
        structlog.get_logger("ours").exception("ours broke")
    first, second, third = (json.loads(line) for line in written.getvalue().splitlines())
    assert (first["event"], first["error"], first["logger"]) == ("it broke", "ValueError", "some.library")
    assert second["event"] == "Task exception was never retrieved"
    assert (third["event"], third["error"]) == ("ours broke", "ValueError")
    assert not told(written.getvalue())
