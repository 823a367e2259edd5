"""Sending a batch. The caller sends between the steps here, so that no transaction is open over the network.

A claim takes the batch under a new fence for the time of a lease. Each step writes only while the fence holds: who
froze and woke finds that it does not, and stops. So nothing is lost, and what a kill repeats is at most one slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from models.db import execute
from models.push import BatchState, CampaignState, PushBatch, PushCampaign
from push.sender import Outcome
from services.jobs import defer
from services.push.audience import Recipient, read_range
from services.push.outcomes import Tally, all_refused, pause_reason, rest_needed, retry_delay, sort_out
from services.push.planning import SEND_TASK
from services.push.quiet_hours import Window, quiet_until

RETIRE: Final = sa.text("""
    UPDATE device d SET retired_at = :now, retired_reason = gone.reason
      FROM unnest(CAST(:ids AS uuid[]), CAST(:addresses AS text[]), CAST(:reasons AS text[]))
           AS gone(id, address, reason)
     WHERE d.id = gone.id AND d.address = gone.address
""")
SEND_AGAIN: Final = sa.text("""
    INSERT INTO push_retry (campaign_id, device_id, seq, attempts, due_at)
    SELECT :campaign_id, later.id, :seq, 0, later.due_at
      FROM unnest(CAST(:ids AS uuid[]), CAST(:due AS timestamptz[])) AS later(id, due_at)
      JOIN device d ON d.id = later.id
        ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Batch:
    """A claimed batch: who is still to be sent to, under which fence."""

    campaign: PushCampaign
    seq: int
    fence: int
    recipients: list[Recipient]


async def claim_batch(
    session: AsyncSession, campaign_id: UUID, seq: int, *, lease: timedelta, quiet: Window | None, now: datetime
) -> Batch | None:
    """Take a batch, from where the last holder left it. None if there is nothing to do now; if there will be, in the
    morning or once another's lease is over, the job is deferred until then."""
    campaign = await session.get(PushCampaign, campaign_id)
    batch = await session.get(PushBatch, (campaign_id, seq), with_for_update=True)
    if campaign is None or batch is None or batch.state is BatchState.done:
        return None
    if campaign.state is not CampaignState.sending:
        return None
    if campaign.expires_at <= now:
        batch.state = BatchState.done
        await finish_campaign(session, campaign_id, now=now)
        return None
    leased = batch.lease_until if batch.lease_until and batch.lease_until > now else None
    later = leased or quiet_until(quiet, campaign.category, now)
    if later is not None:
        await defer(session, SEND_TASK, at=later, campaign_id=str(campaign_id), seq=seq)
        return None
    batch.attempts, batch.lease_until, batch.state = batch.attempts + 1, now + lease, BatchState.sending
    recipients = await read_range(
        session, campaign, first=batch.first_device_id, position=batch.position, last=batch.last_device_id, now=now
    )
    return Batch(campaign, seq, batch.attempts, recipients)


async def record_slice(
    session: AsyncSession,
    batch: Batch,
    recipients: Sequence[Recipient],
    outcomes: Sequence[Outcome],
    *,
    last: bool,
    lease: timedelta,
    now: datetime,
) -> bool:
    """Write down what became of a slice; whether to go on with the next.

    A slice that stops the campaign counts for nothing and will be repeated: a bug of ours must not retire anybody.
    """
    reason, rest = pause_reason(outcomes), rest_needed(outcomes)
    moves = reason is None and not all_refused(outcomes)
    finished = moves and last
    progress: dict[str, Any] = {"state": BatchState.sending, "lease_until": now + lease}
    if finished or reason or rest:
        progress = {"state": BatchState.done if finished else BatchState.waiting, "lease_until": None}
    tally = sort_out(recipients, outcomes) if moves else Tally()
    if moves and recipients:
        progress["position"] = recipients[-1].device_id
    if not await move_on(session, batch, progress | counts(tally)):
        return False
    if reason is not None:
        await pause_campaign(session, batch.campaign.id, reason)
        return False
    await retire(session, recipients, tally, now=now)
    await send_again(session, batch, tally, now=now)
    if finished:
        await finish_campaign(session, batch.campaign.id, now=now)
    elif rest is not None:
        await defer(session, SEND_TASK, at=now + rest, campaign_id=str(batch.campaign.id), seq=batch.seq)
    return not finished and rest is None and await is_sending(session, batch.campaign.id)


def counts(tally: Tally) -> dict[str, Any]:
    """What a tally adds to the counters of a batch."""
    return {
        "accepted_count": col(PushBatch.accepted_count) + len(tally.accepted),
        "retired_count": col(PushBatch.retired_count) + len(tally.retired),
        "failed_count": col(PushBatch.failed_count) + len(tally.failed),
    }


async def move_on(session: AsyncSession, batch: Batch, progress: dict[str, Any]) -> bool:
    """Write progress if the fence still holds; whether it did."""
    held = await session.exec(
        update(PushBatch)
        .where(
            col(PushBatch.campaign_id) == batch.campaign.id,
            col(PushBatch.seq) == batch.seq,
            col(PushBatch.attempts) == batch.fence,
            col(PushBatch.state) == BatchState.sending,
        )
        .values(progress)
        .returning(col(PushBatch.seq))
        .execution_options(synchronize_session=False)
    )
    return held.one_or_none() is not None


async def retire(session: AsyncSession, recipients: Sequence[Recipient], tally: Tally, *, now: datetime) -> None:
    """Mark addresses as dead, but for those that the phone has replaced in the meantime."""
    if tally.retired:
        addresses = {recipient.device_id: recipient.address for recipient in recipients}
        await execute(
            session,
            RETIRE,
            ids=[device_id for device_id, _ in tally.retired],
            addresses=[addresses[device_id] for device_id, _ in tally.retired],
            reasons=[reason.value for _, reason in tally.retired],
            now=now,
        )


async def send_again(session: AsyncSession, batch: Batch, tally: Tally, *, now: datetime) -> None:
    """Remember whom to try once more, and when."""
    if tally.retries:
        await execute(
            session,
            SEND_AGAIN,
            campaign_id=batch.campaign.id,
            seq=batch.seq,
            ids=[device_id for device_id, _ in tally.retries],
            due=[now + retry_delay(asked, 0) for _, asked in tally.retries],
        )


async def pause_campaign(session: AsyncSession, campaign_id: UUID, reason: str) -> None:
    """Stop a campaign that is being sent, until a person resumes it."""
    await session.exec(
        update(PushCampaign)
        .where(col(PushCampaign.id) == campaign_id, col(PushCampaign.state) == CampaignState.sending)
        .values(state=CampaignState.paused, pause_reason=reason)
        .execution_options(synchronize_session=False)
    )


async def is_sending(session: AsyncSession, campaign_id: UUID) -> bool:
    """Whether a campaign was neither paused nor cancelled in the meantime."""
    state = (await session.exec(select(PushCampaign.state).where(col(PushCampaign.id) == campaign_id))).one()
    return state is CampaignState.sending


FINISH: Final = sa.text("""
    UPDATE push_campaign c SET state = 'done', finished_at = :now
     WHERE c.id = :id AND c.state = 'sending'
       AND NOT EXISTS (SELECT FROM push_batch b WHERE b.campaign_id = c.id AND b.state <> 'done')
       AND NOT EXISTS (SELECT FROM push_retry r WHERE r.campaign_id = c.id)
""")
LOCK: Final = sa.text("SELECT FROM push_campaign WHERE id = :id FOR UPDATE")


async def finish_campaign(session: AsyncSession, campaign_id: UUID, *, now: datetime) -> None:
    """Close a campaign of which nothing is left. Locked first: of two last batches that end at once, the later sees
    the other's end."""
    await execute(session, LOCK, id=campaign_id)
    await execute(session, FINISH, id=campaign_id, now=now)
