"""What could not be delivered at first, and batches that nobody works on any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from models.db import execute
from models.push import CampaignState, Category, PushBatch, PushCampaign, PushRetry
from push.sender import Outcome
from services.jobs import defer_many
from services.push.audience import Recipient, read_chosen
from services.push.delivery import counts, finish_campaign, pause_campaign, retire
from services.push.outcomes import Tally, pause_reason, retry_delay, sort_out
from services.push.planning import SEND_TASK
from services.push.quiet_hours import Window, quiet_until

CLAIM: Final = sa.text("""
    UPDATE push_retry r SET attempts = attempts + 1, due_at = :lease_until
     WHERE r.campaign_id = :campaign_id AND r.device_id IN (
           SELECT device_id FROM push_retry
            WHERE campaign_id = :campaign_id AND due_at <= :now ORDER BY due_at LIMIT :size FOR UPDATE SKIP LOCKED)
    RETURNING r.device_id, r.seq, r.attempts
""")
SETTLE: Final = sa.text("""
    DELETE FROM push_retry r
     USING unnest(CAST(:ids AS uuid[]), CAST(:attempts AS integer[])) AS held(device_id, attempts)
     WHERE r.campaign_id = :campaign_id AND r.device_id = held.device_id AND r.attempts = held.attempts
    RETURNING r.device_id, r.seq
""")
POSTPONE: Final = sa.text("""
    UPDATE push_retry r SET due_at = held.due_at
      FROM unnest(CAST(:ids AS uuid[]), CAST(:attempts AS integer[]), CAST(:due AS timestamptz[]))
           AS held(device_id, attempts, due_at)
     WHERE r.campaign_id = :campaign_id AND r.device_id = held.device_id AND r.attempts = held.attempts
""")
EXPIRE: Final = sa.text("""
    WITH gone AS (
        DELETE FROM push_retry r USING push_campaign c
         WHERE c.id = r.campaign_id AND (c.expires_at <= :now OR c.state = 'cancelled')
        RETURNING r.campaign_id, r.seq)
    UPDATE push_batch b SET failed_count = failed_count + lost.count
      FROM (SELECT campaign_id, seq, count(*) AS count FROM gone GROUP BY campaign_id, seq) AS lost
     WHERE b.campaign_id = lost.campaign_id AND b.seq = lost.seq
""")
ORPHANS: Final = sa.text("""
    SELECT b.campaign_id, b.seq FROM push_batch b JOIN push_campaign c ON c.id = b.campaign_id
     WHERE c.state = 'sending' AND b.state <> 'done' AND (b.lease_until IS NULL OR b.lease_until <= :now)
       AND NOT EXISTS (SELECT FROM procrastinate_jobs j
                        WHERE j.task_name = 'push.send_batch' AND j.status IN ('todo', 'doing')
                          AND j.args ->> 'campaign_id' = CAST(b.campaign_id AS text)
                          AND CAST(j.args ->> 'seq' AS integer) = b.seq)
""")


@dataclass(frozen=True, slots=True)
class Retries:
    """Claimed retries of one campaign; `attempts` is each one's fence."""

    campaign: PushCampaign
    attempts: dict[UUID, int]
    recipients: list[Recipient]


async def claim_retries(
    session: AsyncSession, *, size: int, lease: timedelta, quiet: Window | None, now: datetime
) -> Retries | None:
    """Take up to `size` messages of one campaign that are due. Who left the audience since is dropped."""
    awake = [category for category in Category if quiet_until(quiet, category, now) is None]
    campaign = (
        await session.exec(
            select(PushCampaign)
            .join(PushRetry, col(PushRetry.campaign_id) == col(PushCampaign.id))
            .where(
                col(PushRetry.due_at) <= now,
                col(PushCampaign.state) == CampaignState.sending,
                col(PushCampaign.expires_at) > now,
                col(PushCampaign.category).in_(awake),
            )
            .order_by(col(PushRetry.due_at))
            .limit(1)
        )
    ).one_or_none()
    if campaign is None:
        return None
    claimed = await execute(session, CLAIM, campaign_id=campaign.id, size=size, lease_until=now + lease, now=now)
    attempts = {row.device_id: row.attempts for row in claimed}
    recipients = await read_chosen(session, campaign, list(attempts), now=now)
    retries = Retries(campaign, attempts, recipients)
    await settle(session, retries, list(attempts.keys() - {recipient.device_id for recipient in recipients}))
    return retries if attempts else None


async def record_retries(
    session: AsyncSession, retries: Retries, outcomes: Sequence[Outcome], *, now: datetime
) -> None:
    """Write down what became of them: settled, or once more later."""
    reason = pause_reason(outcomes)
    if reason is not None:
        await pause_campaign(session, retries.campaign.id, reason)
        return
    tally = sort_out(retries.recipients, outcomes)
    await postpone(session, retries, tally, now=now)
    over = [*tally.accepted, *tally.failed, *(device_id for device_id, _ in tally.retired)]
    places = await settle(session, retries, over)
    await retire(session, retries.recipients, tally, now=now)
    for seq in sorted(set(places.values())):
        await count(session, retries.campaign.id, seq, part_of(tally, {i for i in places if places[i] == seq}))
    await finish_campaign(session, retries.campaign.id, now=now)


def part_of(tally: Tally, devices: set[UUID]) -> Tally:
    """What a tally says of some devices."""
    return Tally(
        accepted=[device_id for device_id in tally.accepted if device_id in devices],
        failed=[device_id for device_id in tally.failed if device_id in devices],
        retired=[pair for pair in tally.retired if pair[0] in devices],
    )


async def count(session: AsyncSession, campaign_id: UUID, seq: int, tally: Tally) -> None:
    """Add to the counters of the batch that a message came from."""
    await session.exec(
        update(PushBatch)
        .where(col(PushBatch.campaign_id) == campaign_id, col(PushBatch.seq) == seq)
        .values(counts(tally))
        .execution_options(synchronize_session=False)
    )


async def settle(session: AsyncSession, retries: Retries, ids: Sequence[UUID]) -> dict[UUID, int]:
    """Take messages off the list, where the claim still holds; the batch of each."""
    if not ids:
        return {}
    attempts = [retries.attempts[device_id] for device_id in ids]
    gone = await execute(session, SETTLE, campaign_id=retries.campaign.id, ids=list(ids), attempts=attempts)
    return {row.device_id: row.seq for row in gone}


async def postpone(session: AsyncSession, retries: Retries, tally: Tally, *, now: datetime) -> None:
    """Try again later, where the claim still holds."""
    if tally.retries:
        await execute(
            session,
            POSTPONE,
            campaign_id=retries.campaign.id,
            ids=[device_id for device_id, _ in tally.retries],
            attempts=[retries.attempts[device_id] for device_id, _ in tally.retries],
            due=[now + retry_delay(asked, retries.attempts[device_id]) for device_id, asked in tally.retries],
        )


async def tend_campaigns(session: AsyncSession, *, now: datetime) -> None:
    """Give up what has expired, close what is finished, and defer again the batches whose job was lost."""
    await execute(session, EXPIRE, now=now)
    orphans = await execute(session, ORPHANS, now=now)
    await defer_many(session, SEND_TASK, [{"campaign_id": str(row.campaign_id), "seq": row.seq} for row in orphans])
    sending = await session.exec(select(PushCampaign.id).where(col(PushCampaign.state) == CampaignState.sending))
    for campaign_id in sorted(sending.all()):
        await finish_campaign(session, campaign_id, now=now)
