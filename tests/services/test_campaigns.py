"""Announcements: one campaign a cause, and nothing from what was rolled back."""

from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from api.runtime import Runtime
from models.base import utc_now
from models.db import create_engine, session_factory
from models.push import CampaignState, Cause, LinkKind, PushCampaign
from services.push.campaigns import announce, withdraw_announcement
from tests.factories.world import World, make_world

JOBS = "SELECT args->>'campaign_id' FROM procrastinate_jobs WHERE task_name = 'push.plan_campaign'"


async def test_cause_is_announced_once(session: AsyncSession, world: World) -> None:
    poll_id = uuid4()
    for path in ("kz.at.maqat", "kz.at"):
        await announce(
            session,
            cause=Cause.poll_opened,
            cause_id=poll_id,
            link_kind=LinkKind.poll,
            link_id=poll_id,
            branch_id=world.branches[path].id,
            now=utc_now(),
        )
    found = (await session.exec(select(PushCampaign))).all()
    assert [(campaign.branch_id, campaign.state) for campaign in found] == [
        (world.branches["kz.at.maqat"].id, CampaignState.planned)
    ]


async def test_audience_is_a_branch_or_an_account_and_not_both(session: AsyncSession, world: World) -> None:
    with pytest.raises(IntegrityError, match="push_campaign_audience_check"):
        await announce(
            session,
            cause=Cause.petition_step,
            cause_id=uuid4(),
            link_kind=LinkKind.petition,
            link_id=uuid4(),
            branch_id=world.branches["kz"].id,
            account_id=world.people["Aigul"].account_id,
            now=utc_now(),
        )


async def test_withdrawn_cause_is_not_sent(session: AsyncSession, world: World) -> None:
    article_id = uuid4()
    await announce(
        session,
        cause=Cause.news_published,
        cause_id=article_id,
        link_kind=LinkKind.news,
        link_id=article_id,
        branch_id=world.branches["kz"].id,
        now=utc_now(),
    )
    await withdraw_announcement(session, cause=Cause.news_published, cause_id=article_id, now=utc_now())
    state = await session.exec(select(PushCampaign.state).where(col(PushCampaign.cause_id) == article_id))
    assert state.one() is CampaignState.cancelled


@pytest.mark.parametrize("commits", [True, False])
async def test_planner_runs_only_for_what_was_committed(cloned_database: str, runtime: Runtime, commits: bool) -> None:
    engine = create_engine(cloned_database, "unqatu_app", pool_size=1)
    async with session_factory(engine)() as session:
        branches = (await make_world(session, runtime.keys)).branches
        await session.commit()
        await announce(
            session,
            cause=Cause.admin_message,
            cause_id=uuid4(),
            link_kind=LinkKind.message,
            link_id=uuid4(),
            branch_id=branches["kz"].id,
            now=utc_now(),
        )
        await (session.commit() if commits else session.rollback())
        campaigns = (await session.exec(select(PushCampaign.id))).all()
    await engine.dispose()
    with psycopg.connect(cloned_database) as owner:
        jobs = owner.execute(JOBS).fetchall()
    assert jobs == [(str(campaign),) for campaign in campaigns]
    assert len(jobs) == int(commits)
