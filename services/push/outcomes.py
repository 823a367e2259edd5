"""What the push service's answers mean for a slice. Pure; the rules stand in DESIGN.md, section 3."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from push.sender import Outcome, OutcomeKind, RetiredReason, mass_retirement
from services.push.audience import Recipient

TELLING_SIZE: Final = 20
"""From how many messages on "more than half are gone" tells of a bug of ours. In smaller slices only what the service
cannot say of a faulty payload retires an address, so that one person's dead phone stops no campaign, and a bug in what
is sent to single accounts wipes no table."""

FIRST_DELAY: Final = timedelta(minutes=1)
LONGEST_DELAY: Final = timedelta(hours=1)
REST: Final = timedelta(minutes=1)
"""How long a batch rests while our own credentials are refused."""


@dataclass(slots=True)
class Tally:
    """A slice sorted out. `retries` holds devices with the pause that the service asked for, if it did."""

    accepted: list[UUID] = field(default_factory=list)
    failed: list[UUID] = field(default_factory=list)
    retired: list[tuple[UUID, RetiredReason]] = field(default_factory=list)
    retries: list[tuple[UUID, timedelta | None]] = field(default_factory=list)


def pause_reason(outcomes: Sequence[Outcome]) -> str | None:
    """Why the campaign has to stop until a person has looked, or None."""
    if any(outcome.kind is OutcomeKind.REJECTED_PAYLOAD for outcome in outcomes):
        return "rejected_payload"
    if len(outcomes) >= TELLING_SIZE and mass_retirement(outcomes):
        return "mass_retirement"
    return None


def all_refused(outcomes: Sequence[Outcome]) -> bool:
    """Whether nothing went out because of our own credentials."""
    return bool(outcomes) and all(outcome.kind is OutcomeKind.CREDENTIALS for outcome in outcomes)


def rest_needed(outcomes: Sequence[Outcome]) -> timedelta | None:
    """How long to leave the service alone before the next slice."""
    if all_refused(outcomes):
        return REST
    asked = [outcome.retry_after_seconds or 0 for outcome in outcomes if outcome.kind is OutcomeKind.THROTTLED]
    return timedelta(seconds=max(asked)) if asked else None


def sort_out(recipients: Sequence[Recipient], outcomes: Sequence[Outcome]) -> Tally:
    """What to do about each device of a slice."""
    tally = Tally()
    telling = len(outcomes) >= TELLING_SIZE
    for recipient, outcome in zip(recipients, outcomes, strict=True):
        device_id = recipient.device_id
        if outcome.kind is OutcomeKind.ACCEPTED:
            tally.accepted.append(device_id)
        elif outcome.reason is not None and (telling or outcome.reason is RetiredReason.UNREGISTERED):
            tally.retired.append((device_id, outcome.reason))
        elif outcome.kind is OutcomeKind.RETIRED:
            tally.failed.append(device_id)
        else:
            asked = outcome.retry_after_seconds
            tally.retries.append((device_id, None if asked is None else timedelta(seconds=asked)))
    return tally


def retry_delay(asked: timedelta | None, attempts: int) -> timedelta:
    """The pause before a message is sent again: as asked, else doubling from a minute to an hour."""
    return asked if asked is not None else min(FIRST_DELAY * 2 ** min(attempts, 10), LONGEST_DELAY)
