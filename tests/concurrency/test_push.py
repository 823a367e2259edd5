"""Several workers reach for the same batch, the same retries, the end of the same campaign."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import select

from api.runtime import WORKER_ROLE, Runtime
from models.base import utc_now
from models.db import Sessions, create_engine, execute, session_factory
from models.push import CampaignState, PushCampaign
from push.sender import Outcome, OutcomeKind
from services.push.delivery import Batch, claim_batch, record_slice
from services.push.planning import plan_campaign
from services.push.retries import claim_retries
from tests.factories.devices import add_campaign, add_device
from tests.factories.world import make_world

NOW = utc_now()
LEASE = timedelta(minutes=1)
WORKERS = 8


@pytest.fixture
async def workers(cloned_database: str, runtime: Runtime) -> AsyncIterator[Sessions]:
    """Sessions of many workers; a campaign of one device a batch is planned."""
    engine = create_engine(cloned_database, WORKER_ROLE, pool_size=WORKERS)
    sessions = session_factory(engine)
    async with sessions() as session, session.begin():
        await execute(session, sa.text("SET LOCAL ROLE unqatu_app"))
        world = await make_world(session, runtime.keys)
        for number in range(WORKERS):
            await add_device(session, world.people["Aigul"].account_id, f"phone {number}")
        campaign = await add_campaign(session, branch=world.branches["kz"], now=NOW)
        await execute(session, sa.text("SET LOCAL ROLE unqatu_worker"))
        await plan_campaign(session, campaign.id, batch_size=1, now=NOW)
    yield sessions
    await engine.dispose()


async def campaign_of(sessions: Sessions) -> PushCampaign:
    async with sessions() as session:
        return (await session.exec(select(PushCampaign))).one()


async def claim(sessions: Sessions, campaign_id: UUID, seq: int) -> Batch | None:
    async with sessions() as session, session.begin():
        return await claim_batch(session, campaign_id, seq, lease=LEASE, quiet=None, now=NOW)


async def send(sessions: Sessions, campaign_id: UUID, seq: int, kind: OutcomeKind) -> None:
    batch = await claim(sessions, campaign_id, seq)
    assert batch is not None
    async with sessions() as session, session.begin():
        outcomes = [Outcome(kind, "X")] * len(batch.recipients)
        await record_slice(session, batch, batch.recipients, outcomes, last=True, lease=LEASE, now=NOW)


async def test_one_of_many_gets_the_batch(workers: Sessions) -> None:
    campaign = await campaign_of(workers)
    claims = await asyncio.gather(*(claim(workers, campaign.id, 1) for _ in range(WORKERS)))
    assert sum(batch is not None for batch in claims) == 1


async def test_campaign_is_done_though_its_last_batches_end_at_once(workers: Sessions) -> None:
    campaign = await campaign_of(workers)
    await asyncio.gather(*(send(workers, campaign.id, seq + 1, OutcomeKind.ACCEPTED) for seq in range(WORKERS)))
    assert (await campaign_of(workers)).state is CampaignState.done


async def test_retries_are_shared_and_nobody_waits_for_another(workers: Sessions) -> None:
    campaign = await campaign_of(workers)
    for seq in range(WORKERS):
        await send(workers, campaign.id, seq + 1, OutcomeKind.RETRY)
    due = NOW + timedelta(hours=1)
    async with workers() as first, first.begin(), workers() as second, second.begin():
        one = await claim_retries(first, size=5, lease=LEASE, quiet=None, now=due)
        other = await claim_retries(second, size=5, lease=LEASE, quiet=None, now=due)
        assert one is not None
        assert other is not None
        assert (len(one.attempts), len(other.attempts)) == (5, 3)
        assert not one.attempts.keys() & other.attempts.keys()
