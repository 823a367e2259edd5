"""Drafting polls. What is asked may change until somebody has answered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Translations
from models.polls import UNOPENED, Participation, Poll, PollKind, PollState, ResultsVisibility
from services import audit
from services.actors import Actor, authorise
from services.branches import access_branch
from services.changes import Topic, announce_change
from services.errors import ConflictError, StaleVersionError
from services.permissions import Permission
from services.polls.life import PollStateError, check_period, defer_closing
from services.polls.questions import check_questions
from services.polls.reading import access_poll

EDITABLE: Final = (*UNOPENED, PollState.open)


class PollFrozenError(ConflictError):
    """Somebody has answered, so the questions stay as they were asked; duplicate the poll as a draft instead."""

    code = "poll_frozen"


async def create_poll(
    session: AsyncSession,
    actor: Actor,
    *,
    branch_id: UUID,
    kind: PollKind,
    title: Translations,
    description: Translations | None,
    questions: list[dict[str, Any]],
    results_visibility: ResultsVisibility,
    closes_at: datetime | None,
    now: datetime,
) -> Poll:
    """Draft a poll for the members of a branch and of all below it.

    Raises:
        NotFoundError, ForbiddenError: as `access_branch`.
        InvalidQuestionsError: two ids are the same.
    """
    branch = await access_branch(session, actor, branch_id, Permission.polls_write)
    check_questions(questions)
    poll = Poll(
        branch_id=branch.id,
        kind=kind,
        title=title,
        description=description,
        questions=questions,
        results_visibility=results_visibility,
        closes_at=closes_at,
        created_at=now,
    )
    return await store_draft(session, actor, poll, "polls:create", now=now)


async def store_draft(session: AsyncSession, actor: Actor, poll: Poll, action: str, *, now: datetime) -> Poll:
    """Insert a new poll and write that down."""
    session.add(poll)
    await session.flush()
    audit.record(session, actor, action, object_kind="poll", object_id=poll.id, branch_id=poll.branch_id, now=now)
    return poll


async def duplicate_poll(session: AsyncSession, actor: Actor, poll_id: UUID, *, now: datetime) -> Poll:
    """A draft that asks what another poll asks, in the same branch, without its times.

    Raises:
        NotFoundError, ForbiddenError: as `access_poll`.
    """
    source, _ = await access_poll(session, actor, poll_id, Permission.polls_write)
    poll = Poll(
        branch_id=source.branch_id,
        kind=source.kind,
        title=source.title,
        description=source.description,
        questions=source.questions,
        results_visibility=source.results_visibility,
        duplicate_of_id=source.id,
        created_at=now,
    )
    return await store_draft(session, actor, poll, "polls:duplicate", now=now)


async def edit_poll(
    session: AsyncSession, actor: Actor, poll_id: UUID, *, changes: Mapping[str, Any], version: int, now: datetime
) -> Poll:
    """Change what was drafted, and, if the actor may publish, even what is open, until somebody has answered.

    Args:
        changes: new values of title, description, questions, results_visibility, closes_at.

    Raises:
        NotFoundError, ForbiddenError: as `access_poll`.
        StaleVersionError: somebody changed it since `version`.
        PollStateError: it has ended.
        PollFrozenError: somebody has answered.
        InvalidPeriodError: it would close before it opens, or in the past.
    """
    poll, branch = await access_poll(session, actor, poll_id, Permission.polls_write, lock=True)
    if poll.state is not PollState.draft:
        authorise(actor, branch.path, Permission.polls_publish)
    if poll.version != version:
        raise StaleVersionError(version=poll.version)
    if poll.state not in EDITABLE:
        raise PollStateError(state=poll.state.value)
    if await has_responses(session, poll.id):
        raise PollFrozenError
    check_questions(changes.get("questions", []))
    for name, value in changes.items():
        setattr(poll, name, value)
    if "closes_at" in changes and poll.state is not PollState.draft:
        check_period(poll.opens_at, poll.closes_at, now=now)
        await defer_closing(session, poll)
    poll.version += 1
    await session.flush()
    await announce_change(session, Topic.polls, poll.branch_id)
    audit.record(
        session,
        actor,
        "polls:edit",
        object_kind="poll",
        object_id=poll.id,
        branch_id=poll.branch_id,
        now=now,
        fields=sorted(changes),
    )
    return poll


async def has_responses(session: AsyncSession, poll_id: UUID) -> bool:
    """Whether anybody took part."""
    found = await session.exec(select(Participation.poll_id).where(col(Participation.poll_id) == poll_id).limit(1))
    return found.one_or_none() is not None
