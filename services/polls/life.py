"""A poll's states: draft → scheduled → open → closed → results_published, or cancelled with a reason.

Every change locks the row first, so it happens once, whoever else tries, and responses under way are waited for.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Translations
from models.polls import Poll, PollState, ResultsVisibility
from models.push import Cause, LinkKind
from services import audit
from services.actors import Actor
from services.changes import Topic, announce_change
from services.errors import ConflictError, InvalidError
from services.jobs import defer
from services.permissions import Permission
from services.polls.reading import access_poll
from services.push.campaigns import announce, withdraw_announcement

OPEN_DUE: Final = "polls.open_due"
CLOSE_DUE: Final = "polls.close_due"


class PollStateError(ConflictError):
    """The poll's state does not allow this; `state` names it."""

    code = "poll_state"


class InvalidPeriodError(InvalidError):
    """The poll would close before it opens, or its times are in the past."""

    code = "poll_period_invalid"


async def publish_poll(
    session: AsyncSession, actor: Actor, poll_id: UUID, *, opens_at: datetime | None, now: datetime
) -> Poll:
    """Open a draft now, or have it opened at `opens_at`.

    Raises:
        NotFoundError, ForbiddenError: as `access_poll`.
        PollStateError: it is no draft.
        InvalidPeriodError: it would open in the past or close before it opens.
    """
    poll = await access_in_state(session, actor, poll_id, PollState.draft)
    if opens_at is not None and opens_at < now:
        raise InvalidPeriodError(field="opens_at")
    check_period(opens_at or now, poll.closes_at, now=now)
    poll.opens_at = opens_at or now
    if opens_at is None:
        await open_poll(session, poll, now=now)
    else:
        poll.state = PollState.scheduled
        await defer(session, OPEN_DUE, at=opens_at, poll_id=str(poll.id), opens_at=opens_at.isoformat())
    await defer_closing(session, poll)
    await keep_change(session, actor, poll, "polls:publish", now=now)
    return poll


async def close_poll(session: AsyncSession, actor: Actor, poll_id: UUID, *, now: datetime) -> Poll:
    """Close an open poll before its time.

    Raises:
        NotFoundError, ForbiddenError: as `access_poll`.
        PollStateError: it is not open.
    """
    poll = await access_in_state(session, actor, poll_id, PollState.open)
    end_poll(poll, now=now)
    await keep_change(session, actor, poll, "polls:close", now=now)
    return poll


async def cancel_poll(
    session: AsyncSession, actor: Actor, poll_id: UUID, *, reason: Translations, now: datetime
) -> Poll:
    """Call off a poll that is scheduled or open; members to whom it was open see the reason.

    Raises:
        NotFoundError, ForbiddenError: as `access_poll`.
        PollStateError: it is neither.
    """
    poll = await access_in_state(session, actor, poll_id, PollState.scheduled, PollState.open)
    poll.state, poll.cancel_reason = PollState.cancelled, reason
    await withdraw_announcement(session, cause=Cause.poll_opened, cause_id=poll.id, now=now)
    await keep_change(session, actor, poll, "polls:cancel", now=now)
    return poll


async def open_due(session: AsyncSession, poll_id: UUID, *, opens_at: datetime, now: datetime) -> None:
    """Open a poll that was scheduled for `opens_at`; anything else is left as it is.

    The moments are compared with each other, not with the clock: a worker whose clock is late must not drop it.
    """
    poll = await lock_poll(session, poll_id)
    if poll is None or poll.state is not PollState.scheduled or poll.opens_at != opens_at:
        return
    if poll.closes_at is not None and poll.closes_at <= now:
        end_missed(poll, now=now)
    else:
        await open_poll(session, poll, now=now)
    await touch(session, poll)


async def close_due(session: AsyncSession, poll_id: UUID, *, closes_at: datetime, now: datetime) -> None:
    """Close a poll that was to close at `closes_at`, even if its opening comes behind; the rest is as in `open_due`."""
    poll = await lock_poll(session, poll_id)
    if poll is None or poll.closes_at != closes_at:
        return
    if poll.state is PollState.scheduled:
        end_missed(poll, now=now)
    elif poll.state is PollState.open:
        end_poll(poll, now=now)
    else:
        return
    await touch(session, poll)


async def open_poll(session: AsyncSession, poll: Poll, *, now: datetime) -> None:
    """Let members answer, and tell them."""
    poll.state, poll.opened_at = PollState.open, now
    await announce(
        session,
        cause=Cause.poll_opened,
        cause_id=poll.id,
        link_kind=LinkKind.poll,
        link_id=poll.id,
        branch_id=poll.branch_id,
        now=now,
    )


def end_poll(poll: Poll, *, now: datetime) -> None:
    """Take no more responses; what members may see of the results, they may see now."""
    poll.state, poll.closed_at = PollState.closed, now
    if poll.results_visibility is not ResultsVisibility.admins_only:
        poll.state, poll.results_published_at = PollState.results_published, now


def end_missed(poll: Poll, *, now: datetime) -> None:
    """Open and end in one step what came and went while no worker ran: nobody is called to a poll that is over."""
    poll.opened_at = now
    end_poll(poll, now=now)


async def access_in_state(session: AsyncSession, actor: Actor, poll_id: UUID, *states: PollState) -> Poll:
    """A poll that the actor may publish, locked, in one of the states."""
    poll, _ = await access_poll(session, actor, poll_id, Permission.polls_publish, lock=True)
    if poll.state not in states:
        raise PollStateError(state=poll.state.value)
    return poll


async def lock_poll(session: AsyncSession, poll_id: UUID) -> Poll | None:
    """The poll, locked. By its id alone: a state in the condition would miss what another worker is about to commit."""
    found = select(Poll).where(col(Poll.id) == poll_id).with_for_update()
    return (await session.exec(found.execution_options(populate_existing=True))).one_or_none()


def check_period(opens_at: datetime | None, closes_at: datetime | None, *, now: datetime) -> None:
    """Times lie ahead, and in order.

    Raises:
        InvalidPeriodError: they do not; `field` names which.
    """
    if closes_at is not None and (closes_at <= now or (opens_at is not None and closes_at <= opens_at)):
        raise InvalidPeriodError(field="closes_at")


async def defer_closing(session: AsyncSession, poll: Poll) -> None:
    """Have the poll closed at its time. A job of an older time finds another one in the row and does nothing."""
    if poll.closes_at is not None:
        closes_at = poll.closes_at.isoformat()
        await defer(session, CLOSE_DUE, at=poll.closes_at, poll_id=str(poll.id), closes_at=closes_at)


async def touch(session: AsyncSession, poll: Poll) -> None:
    """Count the version and let caches know."""
    poll.version += 1
    await session.flush()
    await announce_change(session, Topic.polls, poll.branch_id)


async def keep_change(session: AsyncSession, actor: Actor, poll: Poll, action: str, *, now: datetime) -> None:
    """What every change of state by a person leaves behind."""
    await touch(session, poll)
    audit.record(session, actor, action, object_kind="poll", object_id=poll.id, branch_id=poll.branch_id, now=now)
