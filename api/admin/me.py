"""What the caller may do in the admin API."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import CurrentAdmin, ReadLanguage, Session
from api.openapi import problems
from api.types import Out, pick
from models.branches import BranchLevel
from models.roles import RoleName
from services import branches
from services.permissions import Permission

router = APIRouter(prefix="/v1/admin/me", tags=["admin"])


class GrantOut(Out):
    """What the caller may do in a branch and all below it; `role` is null for a service token."""

    branch_id: UUID
    branch_name: str
    branch_level: BranchLevel
    role: RoleName | None
    permissions: list[Permission]


class AdminMeOut(Out):
    """The caller. While `raised` is false, a second factor is missing and every other operation refuses."""

    account_id: UUID | None
    service_token_id: UUID | None
    raised: bool
    grants: list[GrantOut]


@router.get("", summary="What may I do here", responses=problems(403), openapi_extra={"x-permission": "any"})
async def get_admin_me(session: Session, actor: CurrentAdmin, language: ReadLanguage) -> AdminMeOut:
    """The caller's roles, or the token's scopes, with their branches."""
    named = {branch.id: branch for branch in await branches.read_own_branches(session, actor)}
    return AdminMeOut(
        account_id=actor.account_id,
        service_token_id=actor.service_token_id,
        raised=actor.raised,
        grants=[
            GrantOut(
                branch_id=grant.branch_id,
                branch_name=pick(named[grant.branch_id].name, language),
                branch_level=named[grant.branch_id].level,
                role=grant.role,
                permissions=sorted(grant.permissions),
            )
            for grant in actor.grants
        ],
    )
