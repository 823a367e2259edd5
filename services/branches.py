"""The organisation tree."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Translations
from models.branches import CHILD_LEVEL, Branch, Settlement
from models.db import violated_constraint
from services import audit
from services.actors import Actor, authorise, in_subtrees, visible_branches
from services.changes import Topic, announce_change
from services.errors import ConflictError, InvalidError, NotFoundError, StaleVersionError
from services.permissions import Permission


class BranchExistsError(ConflictError):
    """A sibling has this code already."""

    code = "branch_exists"


class WrongLevelError(InvalidError):
    """A primary organisation has no branches below it."""

    code = "wrong_level"


class UnknownSettlementError(InvalidError):
    """There is no such settlement."""

    code = "unknown_settlement"


async def check_settlement(session: AsyncSession, settlement_id: UUID | None) -> None:
    """Let pass a settlement that exists, or none.

    Raises:
        UnknownSettlementError: there is none of this id.
    """
    if settlement_id is not None and await session.get(Settlement, settlement_id) is None:
        raise UnknownSettlementError


async def access_branch(session: AsyncSession, actor: Actor, branch_id: UUID, permission: Permission) -> Branch:
    """A branch in which the actor holds `permission`.

    Raises:
        NotFoundError: no such branch, or it is outside the actor's.
        ForbiddenError: it is inside, without the permission.
    """
    branch = await session.get(Branch, branch_id)
    if branch is None:
        raise NotFoundError
    authorise(actor, branch.path, permission)
    return branch


async def read_own_branches(session: AsyncSession, actor: Actor) -> Sequence[Branch]:
    """The branches that the actor's grants name."""
    granted = {grant.branch_id for grant in actor.grants}
    return (await session.exec(select(Branch).where(col(Branch.id).in_(granted)))).all()


async def list_branches(
    session: AsyncSession, actor: Actor, *, parent_id: UUID | None, after: str | None, limit: int
) -> Sequence[Branch]:
    """Branches the actor may read, in the order of their paths, after the path `after`; one more than `limit`."""
    paths = visible_branches(actor, Permission.branches_read)
    found = select(Branch).where(in_subtrees(paths)).order_by(sa.func.ltree2text(Branch.path)).limit(limit + 1)
    if parent_id is not None:
        found = found.where(col(Branch.parent_id) == parent_id)
    if after is not None:
        found = found.where(sa.func.ltree2text(Branch.path) > after)
    return (await session.exec(found)).all()


async def create_branch(
    session: AsyncSession,
    actor: Actor,
    *,
    parent_id: UUID,
    code: str,
    name: Translations,
    region_code: str | None,
    now: datetime,
) -> Branch:
    """Add a branch one level below `parent_id`.

    Raises:
        WrongLevelError: the parent is a primary organisation.
        BranchExistsError: the code is taken beside it.
    """
    parent = await access_branch(session, actor, parent_id, Permission.branches_write)
    level = CHILD_LEVEL.get(parent.level)
    if level is None:
        raise WrongLevelError
    branch = Branch(
        parent_id=parent.id,
        level=level,
        code=code,
        path=f"{parent.path}.{code}",
        name=name,
        region_code=region_code,
        created_at=now,
    )
    try:
        async with session.begin_nested():
            session.add(branch)
            await session.flush()
    except IntegrityError as error:
        if violated_constraint(error) != "branch_path_key":
            raise
        raise BranchExistsError(code=code) from error
    audit.record(
        session, actor, "branches:create", object_kind="branch", object_id=branch.id, branch_id=parent.id, now=now
    )
    return branch


async def rename_branch(
    session: AsyncSession, actor: Actor, branch_id: UUID, *, name: Translations, version: int, now: datetime
) -> Branch:
    """Change a branch's name.

    Raises:
        StaleVersionError: somebody changed it since `version`.
    """
    branch = await access_branch(session, actor, branch_id, Permission.branches_write)
    changed = await session.exec(
        sa.update(Branch)
        .where(col(Branch.id) == branch_id, col(Branch.version) == version)
        .values(name=name, version=version + 1)
        .returning(col(Branch.version))
    )
    if changed.one_or_none() is None:
        raise StaleVersionError(version=branch.version)
    await session.refresh(branch)
    await announce_change(session, Topic.branches, branch.id)
    audit.record(
        session, actor, "branches:rename", object_kind="branch", object_id=branch.id, branch_id=branch.id, now=now
    )
    return branch
