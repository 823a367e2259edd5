"""Roles in a branch: who holds them, giving and ending them. Nobody gives more than they hold themselves."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account, AccountState, ServiceToken
from models.base import new_id
from models.branches import Branch, BranchLevel
from models.roles import Role, RoleName
from services import audit
from services.actors import Actor, in_subtrees, visible_branches
from services.branches import access_branch
from services.changes import Topic, announce_change
from services.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from services.permissions import APPOINTED, ROLE_PERMISSIONS, Permission


class RoleTooHighError(ForbiddenError):
    """The role may do what the giver may not do in that branch."""

    code = "role_too_high"


class RoleExistsError(ConflictError):
    """The account holds this role there already."""

    code = "role_exists"


class LastAdminError(ConflictError):
    """The last head-office admin stays: nobody else could make another."""

    code = "last_admin"


class WrongRoleLevelError(InvalidError):
    """The role does not exist at this level of the tree."""

    code = "wrong_role_level"


LEVEL_OF_ROLE = {RoleName.head_office_admin: BranchLevel.republic, RoleName.chair: BranchLevel.primary}
"""Roles that stand at one level only."""


def require_own(actor: Actor, path: str, permissions: frozenset[Permission]) -> None:
    """Let pass who holds all of `permissions` in the branch at `path`.

    Raises:
        RoleTooHighError: some of them are missing; named in the data.
    """
    own = frozenset[Permission]().union(*(grant.permissions for grant in actor.grants if grant.covers(path)))
    if not permissions <= own:
        raise RoleTooHighError(missing=sorted(permissions - own))


def permissions_to_give(actor: Actor, name: RoleName) -> frozenset[Permission]:
    """What whoever gives or ends a role must hold: all of it, but that head office appoints party control without
    reading what only party control reads."""
    head_office = any(grant.role is RoleName.head_office_admin for grant in actor.grants)
    return ROLE_PERMISSIONS[name] - (APPOINTED if head_office else frozenset())


async def list_roles(
    session: AsyncSession, actor: Actor, *, branch_id: UUID | None, after: UUID | None, limit: int
) -> Sequence[Role]:
    """Current roles in the actor's subtrees, the oldest first, after the role `after`; one more than `limit`."""
    found = (
        select(Role)
        .join(Branch, col(Branch.id) == col(Role.branch_id))
        .where(in_subtrees(visible_branches(actor, Permission.roles_read)), col(Role.ended_at).is_(None))
        .order_by(col(Role.id))
        .limit(limit + 1)
    )
    if branch_id is not None:
        found = found.where(col(Role.branch_id) == branch_id)
    if after is not None:
        found = found.where(col(Role.id) > after)
    return (await session.exec(found)).all()


async def grant_role(
    session: AsyncSession, actor: Actor, *, account_id: UUID, branch_id: UUID, name: RoleName, now: datetime
) -> Role:
    """Let an account hold a role in a branch; it acts with the account's next request.

    Raises:
        RoleTooHighError: the actor lacks what the role may do.
        WrongRoleLevelError: e.g. a chair of a district.
        RoleExistsError: it is held already.
        NotFoundError: no such branch for the actor, or no such account.
    """
    branch = await access_branch(session, actor, branch_id, Permission.roles_write)
    require_own(actor, branch.path, permissions_to_give(actor, name))
    if LEVEL_OF_ROLE.get(name, branch.level) is not branch.level:
        raise WrongRoleLevelError(level=branch.level.value)
    account = await session.get(Account, account_id)
    if account is None or account.state is not AccountState.active:
        raise NotFoundError
    role_id = new_id()
    made = await session.exec(
        insert(Role)
        .values(
            id=role_id,
            account_id=account_id,
            branch_id=branch_id,
            name=name,
            granted_by_account_id=actor.account_id,
            granted_at=now,
        )
        .on_conflict_do_nothing()
        .returning(Role)
    )
    role: Role | None = made.scalar_one_or_none()
    if role is None:
        raise RoleExistsError
    await write_down(session, actor, "roles:grant", role, now)
    return role


async def end_role(session: AsyncSession, actor: Actor, role_id: UUID, *, now: datetime) -> None:
    """End a role; it stops acting at once, and so do the service tokens that its holder made there.

    Raises:
        NotFoundError: no such current role for the actor.
        RoleTooHighError: the role may do what the actor may not.
        LastAdminError: it is the last head-office admin's.
    """
    role = await session.get(Role, role_id, with_for_update=True)
    if role is None or role.ended_at is not None:
        raise NotFoundError
    branch = await access_branch(session, actor, role.branch_id, Permission.roles_write)
    require_own(actor, branch.path, permissions_to_give(actor, role.name))
    if role.name is RoleName.head_office_admin:
        await keep_one_admin(session)
    role.ended_at = now
    await revoke_tokens_of(session, role, branch.path, now=now)
    await write_down(session, actor, "roles:end", role, now)


async def revoke_tokens_of(session: AsyncSession, role: Role, path: str, *, now: datetime) -> None:
    """Revoke the tokens that the holder of a role made below its branch, or the role would live on in them."""
    subtree = select(Branch.id).where(in_subtrees([path]))
    await session.exec(
        sa.update(ServiceToken)
        .where(
            col(ServiceToken.created_by_account_id) == role.account_id,
            col(ServiceToken.revoked_at).is_(None),
            col(ServiceToken.branch_id).in_(subtree),
        )
        .values(revoked_at=now)
    )


async def keep_one_admin(session: AsyncSession) -> None:
    """Two admins who end each other at the same moment wait here for each other.

    Raises:
        LastAdminError: there is only one left.
    """
    current = select(Role.id).where(col(Role.name) == RoleName.head_office_admin, col(Role.ended_at).is_(None))
    if len((await session.exec(current.order_by(col(Role.id)).with_for_update())).all()) < 2:
        raise LastAdminError


async def write_down(session: AsyncSession, actor: Actor, action: str, role: Role, now: datetime) -> None:
    """Audit a change of roles and let caches forget the account."""
    audit.record(
        session,
        actor,
        action,
        object_kind="role",
        object_id=role.id,
        branch_id=role.branch_id,
        now=now,
        account_id=str(role.account_id),
        role=role.name.value,
    )
    await announce_change(session, Topic.account, role.account_id)
