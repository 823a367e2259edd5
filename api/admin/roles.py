"""Who holds which role where."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from api.deps import CurrentAdmin, CurrentKeys, Now, Session
from api.openapi import admin_operation
from api.types import In, Out, Page, PageParams, decode_cursor, page_of
from models.roles import RoleName
from services import roles
from services.permissions import Permission
from services.roles import LastAdminError, RoleExistsError, RoleTooHighError, WrongRoleLevelError

router = APIRouter(prefix="/v1/admin/roles", tags=["admin"])


class RoleIn(In):
    """A role for an account in a branch and all below it."""

    account_id: UUID
    branch_id: UUID
    name: RoleName


class RoleOut(Out):
    """A current role."""

    id: UUID
    account_id: UUID
    branch_id: UUID
    name: RoleName
    granted_by_account_id: UUID | None
    granted_at: datetime


class RoleFilter(PageParams):
    """Only the roles in exactly this branch."""

    branch_id: UUID | None = None


@router.get("", summary="List roles", **admin_operation(Permission.roles_read))
async def list_roles(
    session: Session, actor: CurrentAdmin, keys: CurrentKeys, params: Annotated[RoleFilter, Query()]
) -> Page[RoleOut]:
    """The current roles in the caller's subtrees, the oldest first."""
    after = decode_cursor(keys.hash_key, "roles", params.cursor)
    found = await roles.list_roles(
        session, actor, branch_id=params.branch_id, after=UUID(after[0]) if after else None, limit=params.limit
    )
    return page_of(
        keys.hash_key, "roles", found, params.limit, show=RoleOut.model_validate, place=lambda role: [role.id]
    )


@router.post(
    "",
    summary="Give a role",
    status_code=status.HTTP_201_CREATED,
    **admin_operation(Permission.roles_write, RoleTooHighError, RoleExistsError, WrongRoleLevelError),
)
async def grant_role(body: RoleIn, session: Session, actor: CurrentAdmin, now: Now) -> RoleOut:
    """Give a role that may do nothing beyond what the caller may do there; it acts at once."""
    role = await roles.grant_role(
        session, actor, account_id=body.account_id, branch_id=body.branch_id, name=body.name, now=now
    )
    return RoleOut.model_validate(role)


@router.delete(
    "/{role_id}",
    summary="End a role",
    status_code=status.HTTP_204_NO_CONTENT,
    **admin_operation(Permission.roles_write, RoleTooHighError, LastAdminError),
)
async def end_role(role_id: UUID, session: Session, actor: CurrentAdmin, now: Now) -> None:
    """End a role; it stops acting at once, the history stays."""
    await roles.end_role(session, actor, role_id, now=now)
