"""Scheduled news: the job stands in the transaction, and however many workers take it, it is published once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import select

from api.runtime import APP_ROLE, WORKER_ROLE, Runtime, build_runtime
from api.settings import Settings
from api.worker import build_app
from models.base import Language, utc_now
from models.branches import Branch
from models.db import Sessions, create_engine, execute, session_factory
from models.news import Article, ArticleState
from models.push import PushCampaign
from services.actors import Actor, Grant
from services.news.writing import (
    ArticleText,
    create_article,
    publish_article,
    publish_due,
    schedule_article,
    withdraw_article,
)
from services.permissions import NEWS
from tests.factories.world import LONG_AGO, make_world

JOBS = text("SELECT args->>'article_id', scheduled_at FROM procrastinate_jobs WHERE task_name = 'news.publish_due'")
SOON = LONG_AGO + timedelta(hours=1)
"""Ahead of the moment of scheduling and long past for the workers."""


@dataclass
class Scene:
    """A cloned database with the tree of `make_world`."""

    app: Sessions
    worker: Sessions
    runtime: Runtime
    branch: Branch
    actor: Actor

    async def schedule(self, *moments: datetime) -> UUID:
        """An article to announce, scheduled for each of `moments` in turn."""
        async with self.app() as session, session.begin():
            texts = {Language.kk: ArticleText("Жол", "Жаңа жол", "Ашылды")}
            article = await create_article(
                session, self.actor, branch_id=self.branch.id, texts=texts, pinned=False, notify=True, now=LONG_AGO
            )
            for moment in moments:
                await schedule_article(session, self.actor, article.id, publish_at=moment, now=LONG_AGO)
        return article.id

    async def read(self, article_id: UUID) -> tuple[ArticleState, int, int]:
        """(state, version, announcements)."""
        async with self.app() as session:
            article = (await session.exec(select(Article).where(Article.id == article_id))).one()
            campaigns = (await session.exec(select(PushCampaign))).all()
            return article.state, article.version, len(campaigns)

    async def publish(self, article_id: UUID, moment: datetime) -> bool:
        """The job's step, in a transaction of its own."""
        async with self.worker() as session, session.begin():
            return await publish_due(session, article_id, publish_at=moment, now=utc_now())


@pytest.fixture
async def scene(cloned_database: str, settings: Settings, runtime: Runtime) -> AsyncIterator[Scene]:
    """Sessions in the roles of the API and of a worker."""
    engines = [create_engine(cloned_database, APP_ROLE), create_engine(cloned_database, WORKER_ROLE)]
    app, worker = (session_factory(engine) for engine in engines)
    async with app() as session, session.begin():
        branch = (await make_world(session, runtime.keys)).branches["kz.at.maqat"]
    own = settings.model_copy(update={"database_url": cloned_database})
    actor = Actor(account_id=None, grants=(Grant(branch.id, branch.path, NEWS),), raised=True)
    yield Scene(app, worker, build_runtime(own, worker), branch, actor)
    for engine in engines:
        await engine.dispose()


async def test_many_workers_publish_and_announce_once(scene: Scene) -> None:
    article_id = await scene.schedule(SOON)
    won = await asyncio.gather(*(scene.publish(article_id, SOON) for _ in range(8)))
    assert sum(won) == 1
    assert await scene.read(article_id) == (ArticleState.published, 3, 1)


async def test_worker_and_editor_publish_once(scene: Scene) -> None:
    article_id = await scene.schedule(SOON)

    async def by_hand() -> bool:
        async with scene.app() as session, session.begin():
            await publish_article(session, scene.actor, article_id, now=utc_now())
        return True

    results = await asyncio.gather(scene.publish(article_id, SOON), by_hand(), return_exceptions=True)
    assert [result for result in results if result is True] == [True]
    assert await scene.read(article_id) == (ArticleState.published, 3, 1)


async def test_moved_article_waits_for_its_last_moment(scene: Scene) -> None:
    later = SOON + timedelta(days=1)
    article_id = await scene.schedule(SOON, later)
    async with scene.worker() as session:
        jobs = (await execute(session, JOBS)).all()
    assert [tuple(job) for job in jobs] == [(str(article_id), SOON), (str(article_id), later)]
    assert await scene.publish(article_id, SOON) is False
    assert (await scene.read(article_id))[0] is ArticleState.scheduled
    assert await scene.publish(article_id, later) is True


async def test_withdrawn_article_is_not_published_by_its_job(scene: Scene) -> None:
    article_id = await scene.schedule(SOON)
    async with scene.app() as session, session.begin():
        await withdraw_article(session, scene.actor, article_id, reason="Қате", now=LONG_AGO)
    assert await scene.publish(article_id, SOON) is False
    assert await scene.read(article_id) == (ArticleState.withdrawn, 3, 0)


async def test_real_workers_publish_what_is_due_and_leave_what_is_not(scene: Scene) -> None:
    due = [await scene.schedule(SOON) for _ in range(6)]
    ahead = await scene.schedule(utc_now() + timedelta(days=1))

    async def work() -> None:
        app = build_app(scene.runtime)
        async with app.open_async():
            await app.run_worker_async(wait=False, concurrency=4, install_signal_handlers=False)

    await asyncio.gather(work(), work())
    for article_id in due:
        assert await scene.read(article_id) == (ArticleState.published, 3, len(due))
    assert (await scene.read(ahead))[0] is ArticleState.scheduled
