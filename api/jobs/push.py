"""Push: planning a campaign, sending its batches, retries. Steps are short transactions; the sending stands between."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final
from uuid import UUID

import structlog

from api.i18n import say
from api.jobs.registry import job
from api.runtime import Runtime
from models.base import Language, utc_now
from models.push import Cause, PushCampaign
from push.sender import Outcome, OutcomeKind
from services.devices import purge_devices
from services.push.audience import Recipient
from services.push.delivery import claim_batch, record_slice
from services.push.inbox import purge_inbox
from services.push.messages import Text, build_messages
from services.push.planning import plan_campaign
from services.push.retries import claim_retries, record_retries, tend_campaigns

URGENT: Final = frozenset({OutcomeKind.CREDENTIALS, OutcomeKind.REJECTED_PAYLOAD})

log = structlog.get_logger("unqatu.push")


@cache
def render(cause: Cause, language: Language) -> Text:
    """The text of a cause."""
    return Text(title=say(f"push.{cause}.title", language), body=say(f"push.{cause}.body", language))


async def send(runtime: Runtime, campaign: PushCampaign, recipients: Sequence[Recipient]) -> list[Outcome]:
    """Send to some devices; no transaction is open."""
    return await runtime.push.send(build_messages(campaign, recipients, render=render, now=utc_now()))


def slices(recipients: Sequence[Recipient], size: int) -> Iterator[tuple[Sequence[Recipient], bool]]:
    """(slice, whether it is the last); one empty slice if there is nobody."""
    for start in range(0, max(len(recipients), 1), size):
        yield recipients[start : start + size], start + size >= len(recipients)


@job("push.plan_campaign")
async def plan(runtime: Runtime, *, campaign_id: str) -> None:
    """Cut a campaign's audience into batches."""
    async with runtime.sessions() as session, session.begin():
        await plan_campaign(session, UUID(campaign_id), batch_size=runtime.settings.push_batch_size, now=utc_now())


@job("push.send_batch")
async def send_batch(runtime: Runtime, *, campaign_id: str, seq: int) -> None:
    """Send to one batch, slice by slice, for as long as the claim on it holds."""
    settings = runtime.settings
    async with runtime.sessions() as session, session.begin():
        batch = await claim_batch(
            session,
            UUID(campaign_id),
            seq,
            lease=settings.push_lease,
            quiet=settings.quiet_window,
            now=utc_now(),
        )
    if batch is None:
        return
    for recipients, last in slices(batch.recipients, settings.push_slice_size):
        outcomes = await send(runtime, batch.campaign, recipients)
        async with runtime.sessions() as session, session.begin():
            goes_on = await record_slice(
                session, batch, recipients, outcomes, last=last, lease=settings.push_lease, now=utc_now()
            )
        report(batch.campaign.id, outcomes)
        if not goes_on:
            return


@job("push.tend", cron="* * * * *")
async def tend(runtime: Runtime) -> None:
    """Send what is due again, and look after campaigns that got stuck."""
    settings = runtime.settings
    async with runtime.sessions() as session, session.begin():
        await tend_campaigns(session, now=utc_now())
    while True:
        async with runtime.sessions() as session, session.begin():
            retries = await claim_retries(
                session,
                size=settings.push_slice_size,
                lease=settings.push_lease,
                quiet=settings.quiet_window,
                now=utc_now(),
            )
        if retries is None:
            return
        outcomes = await send(runtime, retries.campaign, retries.recipients)
        async with runtime.sessions() as session, session.begin():
            await record_retries(session, retries, outcomes, now=utc_now())
        report(retries.campaign.id, outcomes)


@job("push.clean_up", cron="41 1 * * *")
async def clean_up_push(runtime: Runtime) -> None:
    """Forget phones that were silent for the better part of a year, and what was read long ago."""
    async with runtime.sessions() as session, session.begin():
        await purge_devices(session, now=utc_now())
        await purge_inbox(session, now=utc_now())


def report(campaign_id: UUID, outcomes: Sequence[Outcome]) -> None:
    """Log how a slice went, by code; loudly if a person has to act."""
    codes = Counter(outcome.code for outcome in outcomes)
    urgent = any(outcome.kind in URGENT for outcome in outcomes)
    (log.error if urgent else log.info)("push slice", campaign=str(campaign_id), **codes)
