"""Messages that are sent again, and batches whose job was lost."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account
from models.db import execute
from models.push import BatchState, CampaignState, Cause, Device, PushBatch, PushCampaign, PushRetry
from push.sender import Outcome
from services.push.quiet_hours import Window, parse_window
from services.push.retries import Retries, claim_retries, record_retries, tend_campaigns
from tests.factories.devices import as_worker
from tests.factories.world import World
from tests.services.test_delivery import (
    ACCEPTED,
    INVALID,
    LEASE,
    NOW,
    REJECTED,
    RETRY,
    THROTTLED,
    UNREGISTERED,
    planned,
    record,
    retired,
    state_of,
    taken,
)

DUE = NOW + timedelta(minutes=1)
JOBS = sa.text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'push.send_batch'")


async def waiting(session: AsyncSession, world: World, *, phones: int = 2, cause: Cause = Cause.news_published) -> UUID:
    """A campaign whose every message has to be sent again."""
    campaign_id = await planned(session, world, phones=phones, cause=cause)
    await record(session, await taken(session, campaign_id), [RETRY] * phones)
    return campaign_id


async def claim(session: AsyncSession, *, now: datetime = DUE, quiet: Window | None = None) -> Retries | None:
    """What is due, with a worker's rights."""
    session.expire_all()
    async with as_worker(session):
        return await claim_retries(session, size=50, lease=LEASE, quiet=quiet, now=now)


async def settle(session: AsyncSession, outcomes: list[Outcome], *, now: datetime = DUE) -> Retries:
    """Claim and record."""
    retries = await claim(session, now=now)
    assert retries is not None
    async with as_worker(session):
        await record_retries(session, retries, outcomes, now=now)
    return retries


async def left(session: AsyncSession) -> list[PushRetry]:
    """What is still to be sent."""
    session.expire_all()
    async with as_worker(session):
        return list((await session.exec(select(PushRetry).order_by(col(PushRetry.device_id)))).all())


async def test_campaign_is_open_until_the_last_retry(session: AsyncSession, world: World) -> None:
    campaign_id = await waiting(session, world)
    campaign, row = await state_of(session, campaign_id)
    assert (campaign.state, row.state, row.accepted_count) == (CampaignState.sending, BatchState.done, 0)
    assert await claim(session, now=DUE - timedelta(seconds=1)) is None
    await settle(session, [ACCEPTED, UNREGISTERED])
    campaign, row = await state_of(session, campaign_id)
    assert (campaign.state, row.accepted_count, row.retired_count) == (CampaignState.done, 1, 1)
    assert await left(session) == []
    assert len(await retired(session)) == 1


async def test_pauses_grow_unless_the_service_names_one(session: AsyncSession, world: World) -> None:
    await waiting(session, world)
    await settle(session, [RETRY, THROTTLED])
    assert [again.due_at - DUE for again in await left(session)] == [timedelta(minutes=2), timedelta(seconds=37)]
    await settle(session, [RETRY, RETRY], now=DUE + timedelta(minutes=5))
    assert {again.due_at - DUE for again in await left(session)} == {timedelta(minutes=9)}


async def test_claim_of_a_dead_worker_runs_out(session: AsyncSession, world: World) -> None:
    await waiting(session, world)
    dead = await claim(session)
    assert dead is not None
    assert await claim(session) is None
    living = await claim(session, now=DUE + LEASE)
    assert living is not None
    async with as_worker(session):
        await record_retries(session, dead, [ACCEPTED, ACCEPTED], now=DUE + LEASE)
    assert len(await left(session)) == 2


async def test_who_left_the_audience_is_not_tried_again(session: AsyncSession, world: World) -> None:
    campaign_id = await waiting(session, world)
    await session.exec(update(Account).values(notification_preferences={"news": False}))
    retries = await settle(session, [])
    assert retries.recipients == []
    campaign, _ = await state_of(session, campaign_id)
    assert (campaign.state, await left(session)) == (CampaignState.done, [])


async def test_sign_out_takes_the_retry_with_it(session: AsyncSession, world: World) -> None:
    await waiting(session, world)
    await session.exec(sa.delete(Device))
    assert await left(session) == []


@pytest.mark.parametrize("outcomes", [[REJECTED] + [ACCEPTED] * 19, [INVALID] * 20])
async def test_suspicious_answers_stop_the_campaign(
    session: AsyncSession, world: World, outcomes: list[Outcome]
) -> None:
    campaign_id = await waiting(session, world, phones=20)
    await settle(session, outcomes)
    campaign, _ = await state_of(session, campaign_id)
    assert campaign.state is CampaignState.paused
    assert (len(await left(session)), await retired(session)) == (20, set())
    assert await claim(session, now=DUE + LEASE) is None


async def test_what_has_expired_has_failed(session: AsyncSession, world: World) -> None:
    campaign_id = await waiting(session, world)
    async with as_worker(session):
        await tend_campaigns(session, now=NOW + timedelta(days=1))
    campaign, row = await state_of(session, campaign_id)
    assert (campaign.state, row.failed_count, await left(session)) == (CampaignState.done, 2, [])


@pytest.mark.parametrize(("cause", "waits"), [(Cause.news_published, True), (Cause.petition_step, False)])
async def test_quiet_hours_hold_retries_too(session: AsyncSession, world: World, cause: Cause, waits: bool) -> None:
    await waiting(session, world, cause=cause)
    always = parse_window("00:00-23:59") if DUE.minute != 59 else parse_window("00:01-23:58")
    assert (await claim(session, quiet=always) is None) is waits


@pytest.mark.parametrize("lost", [True, False])
async def test_batch_whose_job_was_lost_gets_a_new_one(session: AsyncSession, world: World, lost: bool) -> None:
    await planned(session, world, phones=1)
    async with as_worker(session):
        if lost:
            await execute(session, sa.text("DELETE FROM procrastinate_jobs"))
        await tend_campaigns(session, now=NOW)
        assert (await execute(session, JOBS)).scalar_one() == 1


async def test_batch_under_way_gets_no_second_job(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=1)
    await taken(session, campaign_id)
    async with as_worker(session):
        await execute(session, sa.text("DELETE FROM procrastinate_jobs"))
        await tend_campaigns(session, now=NOW + LEASE / 2)
        assert (await execute(session, JOBS)).scalar_one() == 0
        await tend_campaigns(session, now=NOW + LEASE)
        assert (await execute(session, JOBS)).scalar_one() == 1


async def test_counters_stay_with_their_batch(session: AsyncSession, world: World) -> None:
    campaign_id = await waiting(session, world)
    async with as_worker(session):
        await execute(
            session,
            sa.text("""
                INSERT INTO push_batch (campaign_id, seq, first_device_id, last_device_id, state, attempts,
                       targeted_count, accepted_count, retired_count, failed_count)
                SELECT campaign_id, 2, first_device_id, last_device_id, state, 1, 1, 0, 0, 0 FROM push_batch
            """),
        )
        first = (await left(session))[0]
        await execute(session, sa.text("SET LOCAL ROLE NONE"))
        await execute(session, sa.text("UPDATE push_retry SET seq = 2 WHERE device_id = :id"), id=first.device_id)
        await execute(session, sa.text("SET LOCAL ROLE unqatu_worker"))
    await settle(session, [ACCEPTED, UNREGISTERED])
    async with as_worker(session):
        rows = (await session.exec(select(PushBatch).order_by(col(PushBatch.seq)))).all()
        assert [(row.accepted_count, row.retired_count) for row in rows] == [(0, 1), (1, 0)]
        assert (await session.get_one(PushCampaign, campaign_id)).state is CampaignState.done
