"""Members moving to another primary organisation, and leaving the party. What was stays as history."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.branches import Branch
from models.members import Member, Membership, MemberState
from models.roles import Role
from services.actors import Actor
from services.errors import ConflictError
from services.members.reading import access_member
from services.members.writing import MemberStateError, access_primary, check_day, tell
from services.permissions import Permission


class AlreadyThereError(ConflictError):
    """The member belongs to this organisation now."""

    code = "already_there"


class RolesHeldError(ConflictError):
    """The member holds roles that end first: who may give a role may end it, and nobody else by the back door."""

    code = "roles_held"


async def transfer_member(
    session: AsyncSession, actor: Actor, member_id: UUID, *, branch_id: UUID, started_on: date, now: datetime
) -> tuple[Member, Branch]:
    """Let a member belong to another primary organisation from a day on. The actor may write members in both.

    Raises:
        NotFoundError, ForbiddenError: as `access_member`, for either organisation.
        NotPrimaryError: as `access_primary`.
        AlreadyThereError: nothing to move.
        MemberStateError: the member has left.
        RolesHeldError: a role in the organisation to leave, e.g. its chair's.
        MembershipDateError: the day is in the future, or not after the day of the last move.
    """
    member, stay, branch = await access_belonging(session, actor, member_id)
    target = await access_primary(session, actor, branch_id)
    if target.id == branch.id:
        raise AlreadyThereError
    check_day(started_on, after=stay.started_on, now=now)
    await require_no_roles(session, member, col(Role.branch_id) == branch.id)
    stay.ended_on = started_on
    member.version += 1
    await session.flush()
    session.add(Membership(member_id=member.id, branch_id=target.id, started_on=started_on))
    await session.flush()
    await tell(session, actor, "members:transfer", member, branch.id, now=now, to_branch_id=str(target.id))
    return member, target


async def end_membership(
    session: AsyncSession, actor: Actor, member_id: UUID, *, left_on: date, now: datetime
) -> tuple[Member, Branch]:
    """Let a member leave the party; `left_on` is the first day without membership.

    Raises:
        NotFoundError, ForbiddenError: as `access_member`.
        MemberStateError: the member has left already.
        RolesHeldError: a role anywhere.
        MembershipDateError: as `transfer_member`.
    """
    member, stay, branch = await access_belonging(session, actor, member_id)
    check_day(left_on, after=stay.started_on, now=now)
    await require_no_roles(session, member)
    stay.ended_on = left_on
    member.state = MemberState.left
    member.version += 1
    await session.flush()
    await tell(session, actor, "members:leave", member, branch.id, now=now)
    return member, branch


async def access_belonging(session: AsyncSession, actor: Actor, member_id: UUID) -> tuple[Member, Membership, Branch]:
    """A member to be moved, with the membership they have now, held until the transaction ends."""
    member, stay, branch = await access_member(session, actor, member_id, Permission.members_write, lock=True)
    if stay.ended_on is not None:
        raise MemberStateError(state=member.state.value)
    return member, stay, branch


async def require_no_roles(session: AsyncSession, member: Member, *where: sa.ColumnElement[bool]) -> None:
    """Let pass a member without current roles.

    Raises:
        RolesHeldError: there are some.
    """
    held: Sequence[UUID] = []
    if member.account_id is not None:
        current = select(Role.id).where(col(Role.account_id) == member.account_id, col(Role.ended_at).is_(None))
        held = (await session.exec(current.where(*where).limit(1))).all()
    if held:
        raise RolesHeldError
