"""Members, for staff: one of them, all of them, and finding one. Whoever reads is written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account
from models.branches import Branch
from models.members import Member, Membership, MemberState
from services import audit
from services.actors import Actor, authorise, in_subtrees, visible_branches
from services.branches import access_branch
from services.errors import NotFoundError
from services.iin import read_iin
from services.keyring import Keyring
from services.names import sort_key
from services.permissions import Permission
from services.phones import normalise_phone

BELONGS_NOWHERE: Final = frozenset({MemberState.left, MemberState.erased})
AFTER_ALL_NAMES: Final = "\U0010ffff"

Listed = tuple[Member, Branch]
"""A member and the primary organisation that they belong to, or belonged to last."""


class SearchKey(StrEnum):
    """What a member is found by: the start of the name (family name first), or the whole phone or IIN."""

    name = "name"
    phone = "phone"
    iin = "iin"


@dataclass(frozen=True, slots=True, repr=False)
class MemberRecord:
    """All that staff may read of a member. `stays`: the oldest first; `iin`: None without members:read_iin."""

    member: Member
    branch: Branch
    stays: Sequence[Membership]
    phone: str | None
    iin: str | None


def last_stay() -> sa.ColumnElement[bool]:
    """That a membership is its member's current one or, of those who left, the last."""
    later = aliased(Membership)
    return ~sa.exists().where(
        col(later.member_id) == col(Membership.member_id), col(later.started_on) > col(Membership.started_on)
    )


async def access_member(
    session: AsyncSession, actor: Actor, member_id: UUID, permission: Permission, *, lock: bool = False
) -> tuple[Member, Membership, Branch]:
    """A member in whose branch the actor holds `permission`, their current or last membership, and that branch.

    Args:
        lock: hold off other writers until the transaction ends.

    Raises:
        NotFoundError: no such member, or outside the actor's branches.
        ForbiddenError: inside, without the permission.
    """
    if lock:  # by itself: what is joined to a row that is waited for would be as it was before the wait
        await session.exec(select(Member.id).where(col(Member.id) == member_id).with_for_update())
    found = (
        select(Member, Membership, Branch)
        .join(Membership, col(Membership.member_id) == col(Member.id))
        .join(Branch, col(Branch.id) == col(Membership.branch_id))
        .where(col(Member.id) == member_id, last_stay())
        .execution_options(populate_existing=True)
    )
    row = (await session.exec(found)).one_or_none()
    if row is None:
        raise NotFoundError
    authorise(actor, row[2].path, permission)
    return row[0], row[1], row[2]


async def read_member(
    session: AsyncSession, keys: Keyring, actor: Actor, member_id: UUID, *, now: datetime
) -> MemberRecord:
    """One member with all that the actor may read of them.

    Raises:
        NotFoundError, ForbiddenError: as `access_member`.
    """
    member, _, branch = await access_member(session, actor, member_id, Permission.members_read)
    stays = select(Membership).where(col(Membership.member_id) == member.id).order_by(col(Membership.started_on))
    record = MemberRecord(
        member=member,
        branch=branch,
        stays=(await session.exec(stays)).all(),
        phone=await read_phone(session, keys, member),
        iin=open_iin(keys, member) if actor.holds(branch.path, Permission.members_read_iin) else None,
    )
    audit.record(
        session,
        actor,
        "members:read",
        object_kind="member",
        object_id=member.id,
        branch_id=branch.id,
        now=now,
        iin=record.iin is not None,
    )
    return record


async def read_phone(session: AsyncSession, keys: Keyring, member: Member) -> str | None:
    """The phone of a member's account, in E.164."""
    account = await session.get(Account, member.account_id) if member.account_id else None
    if account is None or account.phone_encrypted is None or account.encryption_key_id is None:
        return None
    return keys.decrypt(account.phone_encrypted, key_id=account.encryption_key_id, purpose="account.phone")


def open_iin(keys: Keyring, member: Member) -> str | None:
    """A member's IIN."""
    if member.iin_encrypted is None or member.encryption_key_id is None:
        return None
    return keys.decrypt(member.iin_encrypted, key_id=member.encryption_key_id, purpose="member.iin")


async def list_members(
    session: AsyncSession,
    actor: Actor,
    *,
    branch_id: UUID | None,
    state: MemberState | None,
    after: UUID | None,
    limit: int,
    now: datetime,
) -> Sequence[Listed]:
    """Members of the actor's subtrees in the order of their names, after the member `after`; one more than `limit`.

    Args:
        branch_id: only of this branch and those below it.
        state: only of this state; without it, all who belong to the party now.

    Raises:
        NotFoundError, ForbiddenError: as `access_branch`.
    """
    paths = visible_branches(actor, Permission.members_read)
    if branch_id is not None:
        paths = [(await access_branch(session, actor, branch_id, Permission.members_read)).path]
    current = last_stay() if state in BELONGS_NOWHERE else col(Membership.ended_on).is_(None)
    conditions = [in_subtrees(paths), current]
    if state is not None:
        conditions.append(col(Member.state) == state)
    found = await find_members(session, conditions, after=after, limit=limit)
    write_down(session, actor, "members:list", branch_id, found[:limit], now)
    return found


async def search_members(
    session: AsyncSession,
    keys: Keyring,
    actor: Actor,
    *,
    by: SearchKey,
    value: str,
    after: UUID | None,
    limit: int,
    now: datetime,
) -> Sequence[Listed]:
    """Members of the actor's subtrees, those who left too, found by `value`; in the order of their names.

    Raises:
        InvalidPhoneError, InvalidIinError: the value cannot be one.
    """
    paths = visible_branches(actor, Permission.members_read)
    conditions = [in_subtrees(paths), last_stay(), matches(keys, by, value)]
    found = await find_members(session, conditions, after=after, limit=limit)
    write_down(session, actor, f"members:search_{by}", None, found[:limit], now)
    return found


def matches(keys: Keyring, by: SearchKey, value: str) -> sa.ColumnElement[bool]:
    """The condition that a member is one who is looked for."""
    if by is SearchKey.iin:
        read_iin(value)
        return col(Member.iin_hash) == keys.keyed_hash(value, purpose="iin")
    if by is SearchKey.phone:
        phone_hash = keys.keyed_hash(normalise_phone(value), purpose="phone")
        owner = select(Account.id).where(col(Account.phone_hash) == phone_hash)
        return col(Member.account_id) == owner.scalar_subquery()
    start = sort_key(value)
    return sa.and_(col(Member.name_sort) >= start, col(Member.name_sort) < start + AFTER_ALL_NAMES)


async def find_members(
    session: AsyncSession, conditions: Sequence[sa.ColumnElement[bool]], *, after: UUID | None, limit: int
) -> Sequence[Listed]:
    """Members in the order of their names; one more than `limit`. The page before is known by its last member's id: a
    cursor must not carry a name, for it stands in a URL."""
    found = (
        select(Member, Branch)
        .join(Membership, col(Membership.member_id) == col(Member.id))
        .join(Branch, col(Branch.id) == col(Membership.branch_id))
        .where(*conditions)
        .order_by(col(Member.name_sort), col(Member.id))
        .limit(limit + 1)
    )
    if after is not None:
        last = aliased(Member)
        place = select(last.name_sort, last.id).where(col(last.id) == after).scalar_subquery()
        found = found.where(sa.tuple_(col(Member.name_sort), col(Member.id)) > place)
    return (await session.exec(found)).all()


def write_down(
    session: AsyncSession, actor: Actor, action: str, branch_id: UUID | None, shown: Sequence[Listed], now: datetime
) -> None:
    """Audit whose names were shown; in the highest of the reader's branches, unless they chose one."""
    readable = [grant for grant in actor.grants if Permission.members_read in grant.permissions]
    scope = branch_id or min(readable, key=lambda grant: grant.path.count(".")).branch_id
    audit.record(
        session,
        actor,
        action,
        object_kind="branch",
        object_id=scope,
        branch_id=scope,
        now=now,
        member_ids=[str(member.id) for member, _ in shown],
    )
