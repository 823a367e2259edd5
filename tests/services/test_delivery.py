"""A batch on its way: what is written after each slice, and who may write it."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account
from models.base import utc_now
from models.db import execute
from models.push import BatchState, CampaignState, Cause, Device, PushBatch, PushCampaign, PushRetry
from push.sender import Outcome, OutcomeKind, RetiredReason
from services.push.campaigns import withdraw_announcement
from services.push.delivery import Batch, claim_batch, record_slice
from services.push.planning import plan_campaign
from services.push.quiet_hours import Window, parse_window
from tests.factories.devices import add_campaign, add_device, as_worker
from tests.factories.world import World

NOW = utc_now()
LEASE = timedelta(minutes=1)
ACCEPTED = Outcome(OutcomeKind.ACCEPTED, "ACCEPTED")
UNREGISTERED = Outcome(OutcomeKind.RETIRED, "UNREGISTERED", RetiredReason.UNREGISTERED)
INVALID = Outcome(OutcomeKind.RETIRED, "INVALID_ARGUMENT", RetiredReason.INVALID_ADDRESS)
REJECTED = Outcome(OutcomeKind.REJECTED_PAYLOAD, "FIELD_VIOLATION")
RETRY = Outcome(OutcomeKind.RETRY, "UNAVAILABLE")
THROTTLED = Outcome(OutcomeKind.THROTTLED, "QUOTA_EXCEEDED", retry_after_seconds=37)
REFUSED = Outcome(OutcomeKind.CREDENTIALS, "UNAUTHENTICATED")

LATER_JOBS = sa.text("""
    SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'push.send_batch' AND scheduled_at IS NOT NULL
""")


async def planned(session: AsyncSession, world: World, *, phones: int, cause: Cause = Cause.news_published) -> UUID:
    """A campaign of one batch to Aigul's phones."""
    account_id = world.people["Aigul"].account_id
    for number in range(phones):
        await add_device(session, account_id, f"phone {number}")
    campaign = await add_campaign(session, account_id=account_id, cause=cause, now=NOW)
    async with as_worker(session):
        await plan_campaign(session, campaign.id, batch_size=500, now=NOW)
    return campaign.id


async def claim(
    session: AsyncSession, campaign_id: UUID, *, now: datetime = NOW, quiet: Window | None = None
) -> Batch | None:
    """A claim on the batch, with a worker's rights."""
    session.expire_all()
    async with as_worker(session):
        return await claim_batch(session, campaign_id, 1, lease=LEASE, quiet=quiet, now=now)


async def record(
    session: AsyncSession, batch: Batch, outcomes: list[Outcome], *, start: int = 0, now: datetime = NOW
) -> bool:
    """The outcomes of the slice that begins with recipient number `start`."""
    end = start + len(outcomes)
    async with as_worker(session):
        return await record_slice(
            session,
            batch,
            batch.recipients[start:end],
            outcomes,
            last=end >= len(batch.recipients),
            lease=LEASE,
            now=now,
        )


async def state_of(session: AsyncSession, campaign_id: UUID) -> tuple[PushCampaign, PushBatch]:
    """As the database has them now."""
    session.expire_all()
    async with as_worker(session):
        campaign = await session.get_one(PushCampaign, campaign_id)
        return campaign, await session.get_one(PushBatch, (campaign_id, 1))


async def later_jobs(session: AsyncSession) -> list[datetime]:
    """When deferred batches are due."""
    await session.flush()
    await execute(session, sa.text("SET LOCAL ROLE unqatu_worker"))
    found = (await execute(session, LATER_JOBS)).scalars().all()
    await execute(session, sa.text("SET LOCAL ROLE unqatu_app"))
    return list(found)


async def retired(session: AsyncSession) -> set[str]:
    """Addresses that count as dead."""
    return set((await session.exec(select(Device.address).where(col(Device.retired_at).is_not(None)))).all())


async def taken(session: AsyncSession, campaign_id: UUID, **options: datetime) -> Batch:
    """A claim that must succeed."""
    batch = await claim(session, campaign_id, **options)
    assert batch is not None
    return batch


async def test_slices_move_the_position_and_the_last_ends_the_campaign(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=4)
    batch = await taken(session, campaign_id)
    assert await record(session, batch, [ACCEPTED, UNREGISTERED])
    campaign, row = await state_of(session, campaign_id)
    assert (row.position, row.accepted_count, row.retired_count) == (batch.recipients[1].device_id, 1, 1)
    assert campaign.state is CampaignState.sending
    assert not await record(session, batch, [ACCEPTED, ACCEPTED], start=2)
    campaign, row = await state_of(session, campaign_id)
    assert (row.state, row.accepted_count, row.targeted_count) == (BatchState.done, 3, 4)
    assert (campaign.state, campaign.finished_at) == (CampaignState.done, NOW)
    assert await retired(session) == {batch.recipients[1].address}


async def test_next_holder_goes_on_where_the_last_one_died(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=5)
    first = await taken(session, campaign_id)
    await record(session, first, [ACCEPTED, ACCEPTED])
    second = await taken(session, campaign_id, now=NOW + LEASE)
    assert [r.device_id for r in second.recipients] == [r.device_id for r in first.recipients[2:]]
    assert second.fence == first.fence + 1


async def test_who_lost_the_fence_writes_nothing(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=2)
    frozen = await taken(session, campaign_id)
    await taken(session, campaign_id, now=NOW + LEASE)
    _, before = await state_of(session, campaign_id)
    session.expunge(before)
    for outcomes in ([UNREGISTERED, RETRY], [REJECTED, ACCEPTED], [ACCEPTED, THROTTLED]):
        assert not await record(session, frozen, outcomes, now=NOW + LEASE)
    campaign, after = await state_of(session, campaign_id)
    assert after.model_dump() == before.model_dump()
    assert campaign.state is CampaignState.sending
    assert await retired(session) == set()


async def test_batch_of_a_living_holder_is_looked_at_again_when_its_lease_ends(
    session: AsyncSession, world: World
) -> None:
    campaign_id = await planned(session, world, phones=2)
    await taken(session, campaign_id)
    assert await claim(session, campaign_id, now=NOW + LEASE / 2) is None
    assert await later_jobs(session) == [NOW + LEASE]


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ([INVALID] * 11 + [ACCEPTED] * 9, "mass_retirement"),
        ([UNREGISTERED] * 20, "mass_retirement"),
        ([ACCEPTED] * 19 + [REJECTED], "rejected_payload"),
    ],
)
async def test_suspicious_slice_stops_the_campaign_and_retires_nobody(
    session: AsyncSession, world: World, outcomes: list[Outcome], reason: str
) -> None:
    campaign_id = await planned(session, world, phones=30)
    assert not await record(session, await taken(session, campaign_id), outcomes)
    campaign, row = await state_of(session, campaign_id)
    assert (campaign.state, campaign.pause_reason) == (CampaignState.paused, reason)
    assert (row.state, row.position, row.accepted_count, row.retired_count) == (BatchState.waiting, None, 0, 0)
    assert await retired(session) == set()
    assert await claim(session, campaign_id) is None


async def test_half_of_a_slice_may_be_gone(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=20)
    await record(session, await taken(session, campaign_id), [INVALID] * 10 + [ACCEPTED] * 10)
    assert len(await retired(session)) == 10


async def test_few_answers_do_not_retire_for_what_a_bad_payload_says_too(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=2)
    batch = await taken(session, campaign_id)
    await record(session, batch, [INVALID, UNREGISTERED])
    campaign, row = await state_of(session, campaign_id)
    assert (campaign.state, row.failed_count, row.retired_count) == (CampaignState.done, 1, 1)
    assert await retired(session) == {batch.recipients[1].address}


async def test_address_that_the_phone_has_replaced_is_not_retired(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=1)
    batch = await taken(session, campaign_id)
    await session.exec(update(Device).values(address="new"))
    await record(session, batch, [UNREGISTERED])
    assert await retired(session) == set()


async def test_throttled_batch_rests_as_long_as_the_service_asks(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=3)
    batch = await taken(session, campaign_id)
    assert not await record(session, batch, [ACCEPTED, THROTTLED])
    _, row = await state_of(session, campaign_id)
    assert (row.state, row.position, row.accepted_count) == (BatchState.waiting, batch.recipients[1].device_id, 1)
    assert await later_jobs(session) == [NOW + timedelta(seconds=37)]
    async with as_worker(session):
        again = (await session.exec(select(PushRetry))).one()
        assert (again.device_id, again.due_at) == (batch.recipients[1].device_id, NOW + timedelta(seconds=37))


async def test_refused_credentials_lose_nobody(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=2)
    assert not await record(session, await taken(session, campaign_id), [REFUSED, REFUSED])
    campaign, row = await state_of(session, campaign_id)
    assert (campaign.state, row.state, row.position) == (CampaignState.sending, BatchState.waiting, None)
    assert await later_jobs(session) == [NOW + timedelta(minutes=1)]


async def test_withdrawn_campaign_stops_after_the_slice_under_way(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=4)
    batch = await taken(session, campaign_id)
    await withdraw_announcement(session, cause=batch.campaign.cause, cause_id=batch.campaign.cause_id, now=NOW)
    assert not await record(session, batch, [ACCEPTED, ACCEPTED])
    campaign, row = await state_of(session, campaign_id)
    assert (campaign.state, row.accepted_count) == (CampaignState.cancelled, 2)
    assert await claim(session, campaign_id, now=NOW + LEASE) is None


async def test_what_nobody_wants_to_know_any_more_is_not_sent(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=1)
    assert await claim(session, campaign_id, now=NOW + timedelta(days=1)) is None
    campaign, row = await state_of(session, campaign_id)
    assert (campaign.state, row.state, row.accepted_count) == (CampaignState.done, BatchState.done, 0)


async def test_audience_that_is_gone_ends_the_batch(session: AsyncSession, world: World) -> None:
    campaign_id = await planned(session, world, phones=1)
    await session.exec(update(Account).values(notification_preferences={"news": False}))
    batch = await taken(session, campaign_id)
    assert batch.recipients == []
    assert not await record(session, batch, [])
    campaign, _ = await state_of(session, campaign_id)
    assert campaign.state is CampaignState.done


@pytest.mark.parametrize(("cause", "waits"), [(Cause.news_published, True), (Cause.petition_step, False)])
async def test_quiet_hours_move_a_batch_to_the_morning(
    session: AsyncSession, world: World, cause: Cause, waits: bool
) -> None:
    campaign_id = await planned(session, world, phones=1, cause=cause)
    await session.exec(update(PushCampaign).values(expires_at=datetime.fromisoformat("2027-01-01T00:00Z")))
    night = datetime.fromisoformat("2026-12-20T23:30+05:00")
    batch = await claim(session, campaign_id, now=night, quiet=parse_window("22:00-08:00"))
    assert (batch is None) is waits
    assert await later_jobs(session) == ([datetime.fromisoformat("2026-12-21T08:00+05:00")] if waits else [])
