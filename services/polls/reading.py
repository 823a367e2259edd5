"""Polls for those they are addressed to, and for those who run them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.branches import Branch
from models.polls import Participation, Poll, PollResponse, PollState
from services.actors import Actor, authorise, in_subtrees, visible_branches
from services.errors import NotFoundError
from services.permissions import Permission

PARTICIPATION: Final = "SELECT poll_id FROM participation WHERE member_id = $1 AND poll_id = ANY ($2)"


@dataclass(frozen=True, slots=True)
class OwnResponse:
    """Whether the caller took part; what and when only of a named poll."""

    responded: bool
    responded_at: datetime | None = None
    answers: dict[str, Any] | None = None


async def access_poll(
    session: AsyncSession, actor: Actor, poll_id: UUID, permission: Permission, *, lock: bool = False
) -> tuple[Poll, Branch]:
    """A poll in whose branch the actor holds `permission`, and that branch.

    Args:
        lock: hold off responses and other writers until the transaction ends.

    Raises:
        NotFoundError: no such poll, or it is outside the actor's branches.
        ForbiddenError: it is inside, without the permission.
    """
    found = select(Poll, Branch).join(Branch, col(Branch.id) == Poll.branch_id).where(col(Poll.id) == poll_id)
    if lock:
        found = found.with_for_update(of=Poll).execution_options(populate_existing=True)
    row = (await session.exec(found)).one_or_none()
    if row is None:
        raise NotFoundError
    authorise(actor, row[1].path, permission)
    return row[0], row[1]


async def list_branch_polls(
    session: AsyncSession,
    actor: Actor,
    *,
    branch_id: UUID | None,
    state: PollState | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Poll]:
    """Polls of the actor's subtrees, the newest first, before the id `before`; one more than `limit`."""
    paths = visible_branches(actor, Permission.polls_read)
    found = select(Poll).join(Branch, col(Branch.id) == Poll.branch_id).where(in_subtrees(paths))
    if branch_id is not None:
        found = found.where(col(Poll.branch_id) == branch_id)
    if state is not None:
        found = found.where(col(Poll.state) == state)
    if before is not None:
        found = found.where(col(Poll.id) < before)
    return (await session.exec(found.order_by(col(Poll.id).desc()).limit(limit + 1))).all()


async def list_open_polls(
    session: AsyncSession,
    actor: Actor,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
    now: datetime,
    unanswered_only: bool = False,
) -> Sequence[tuple[Poll, bool]]:
    """Open polls addressed to the member, and whether they responded; the newest first; one more than `limit`.

    Args:
        before: (opens_at, id) of the last poll of the page before.
    """
    responded = sa.exists().where(
        col(Participation.poll_id) == Poll.id, col(Participation.member_id) == actor.require_member()
    )
    found = select(Poll, responded).where(
        col(Poll.branch_id).in_(actor.branch_chain),
        col(Poll.state) == PollState.open,
        sa.or_(col(Poll.closes_at).is_(None), col(Poll.closes_at) > now),
    )
    if unanswered_only:
        found = found.where(~responded)
    if before is not None:
        found = found.where(sa.tuple_(col(Poll.opens_at), col(Poll.id)) < before)
    newest = found.order_by(col(Poll.opens_at).desc(), col(Poll.id).desc()).limit(limit + 1)
    return (await session.exec(newest)).all()


async def list_answered(connection: asyncpg.Connection, member_id: UUID, poll_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the polls in which the member took part."""
    return {row["poll_id"] for row in await connection.fetch(PARTICIPATION, member_id, poll_ids)}


async def access_own_poll(session: AsyncSession, actor: Actor, poll_id: UUID) -> Poll:
    """A poll that was opened to the member, whatever became of it.

    Raises:
        NotFoundError: no such poll, not opened yet, or not addressed to this member.
    """
    actor.require_member()
    poll = await session.get(Poll, poll_id)
    if poll is None or poll.opened_at is None or poll.branch_id not in actor.branch_chain:
        raise NotFoundError
    return poll


async def read_own_response(session: AsyncSession, actor: Actor, poll_id: UUID) -> OwnResponse:
    """The caller's part in a poll.

    Raises:
        NotFoundError: as `access_own_poll`.
    """
    poll = await access_own_poll(session, actor, poll_id)
    key = {"poll_id": poll.id, "member_id": actor.require_member()}
    if await session.get(Participation, key) is None:
        return OwnResponse(responded=False)
    response = await session.get(PollResponse, key)
    if response is None:
        return OwnResponse(responded=True)
    return OwnResponse(responded=True, responded_at=response.responded_at, answers=response.answers)
