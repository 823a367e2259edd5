"""The figures: who may read them, what stands in them, and that they come without a database too."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlmodel.ext.asyncio.session import AsyncSession

from api.app import create_edge
from api.runtime import APP_ROLE, Runtime, build_runtime
from api.settings import Settings
from models.base import utc_now
from models.db import create_engine, session_factory
from services import jobs


def figures(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a figure by the values of their labels, in the order of the labels' names."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for sample in samples
        if sample.name == name
    }


def reader(app: FastAPI, host: str = "127.0.0.1", **options: Any) -> httpx.AsyncClient:
    """A client on a host."""
    transport = httpx.ASGITransport(create_edge(app), client=(host, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://test", **options)


@pytest.fixture
def with_token(runtime: Runtime, app: FastAPI) -> None:
    settings = runtime.settings.model_copy(update={"metrics_token": SecretStr("one-that-nobody-knows")})
    app.state.runtime = build_runtime(settings, runtime.sessions)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.7", {}, 403),
        ("127.0.0.1", {"x-forwarded-for": "10.0.0.7"}, 403),
        ("unknown", {}, 403),
    ],
)
async def test_without_a_token_only_this_machine_reads(
    app: FastAPI, host: str, headers: dict[str, str], status: int
) -> None:
    async with reader(app, host) as client:
        assert (await client.get("/metrics", headers=headers)).status_code == status


@pytest.mark.usefixtures("client", "with_token")
@pytest.mark.parametrize(
    ("authorization", "status"), [("Bearer one-that-nobody-knows", 200), ("Bearer another", 401), ("", 401)]
)
async def test_with_a_token_set_nobody_reads_without_it(app: FastAPI, authorization: str, status: int) -> None:
    async with reader(app) as client:
        assert (await client.get("/metrics", headers={"authorization": authorization})).status_code == status


@pytest.mark.usefixtures("client")
async def test_requests_are_counted_by_template_and_never_by_path_or_made_up_method(app: FastAPI) -> None:
    async with reader(app) as client:
        before = figures((await client.get("/metrics")).text, "unqatu_requests_total")
        await client.get("/v1/admin/branches/01990c5e-4b7a-7c31-9d52-0a6f1f7c2b11")
        await client.request("SECRET77011234567", "/v1/77011234567")
        text = (await client.get("/metrics")).text
    after = figures(text, "unqatu_requests_total")
    for labels in [("GET", "/v1/admin/branches/{branch_id}", "401"), ("other", "other", "404")]:
        assert after[labels] == before.get(labels, 0) + 1
    assert "77011234567" not in text
    assert "0a6f1f7c2b11" not in text


@pytest.mark.usefixtures("client")
async def test_job_queue_shows_its_length_and_its_age(app: FastAPI, session: AsyncSession) -> None:
    now = utc_now()
    await jobs.defer_many(session, "push.send", [{"n": 1}, {"n": 2}], at=now - timedelta(minutes=5))
    await jobs.defer(session, "news.publish", at=now + timedelta(hours=1))
    await session.commit()
    async with reader(app) as client:
        text = (await client.get("/metrics")).text
    assert figures(text, "unqatu_jobs") == {("todo", "push.send"): 2, ("todo", "news.publish"): 1}
    ages = figures(text, "unqatu_jobs_oldest_seconds")
    assert ages["todo", "push.send"] >= 300
    assert ages["todo", "news.publish"] < 0
    assert figures(text, "unqatu_database_up") == {(): 1}


async def test_figures_come_without_a_database_and_show_the_pool(app: FastAPI, settings: Settings) -> None:
    lost = create_engine("postgresql://unqatu@127.0.0.1:1/none", APP_ROLE, pool_size=3)
    app.state.runtime = build_runtime(settings, session_factory(lost))
    async with reader(app) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert figures(answer.text, "unqatu_database_up") == {(): 0}
    assert figures(answer.text, "unqatu_pool_connections_max") == {(): 3}
    await lost.dispose()
