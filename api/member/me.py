"""The signed-in person."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import CurrentActor, ReadLanguage, Session
from api.openapi import problems
from api.types import Out, pick
from models.base import Language
from models.branches import BranchLevel
from services.members import own

router = APIRouter(prefix="/v1/me", tags=["member"])


class OwnBranchOut(Out):
    """A branch that the person belongs to."""

    id: UUID
    level: BranchLevel
    name: str


class MeOut(Out):
    """The person: `member_id` and `branches` (nearest first) are empty for an applicant."""

    account_id: UUID
    member_id: UUID | None
    family_name: str | None
    given_name: str | None
    patronymic: str | None
    language: Language
    branches: list[OwnBranchOut]
    roles: list[str]


@router.get("", summary="Who am I", responses=problems())
async def get_me(session: Session, actor: CurrentActor, language: ReadLanguage) -> MeOut:
    """The person, the membership and the chain of branches."""
    member, branches = await own.read_self(session, actor)
    return MeOut(
        account_id=actor.require_account(),
        member_id=actor.member_id,
        family_name=member.family_name if member else None,
        given_name=member.given_name if member else None,
        patronymic=member.patronymic if member else None,
        language=actor.language,
        branches=[OwnBranchOut(id=b.id, level=b.level, name=pick(b.name, language)) for b in branches],
        roles=sorted({grant.role for grant in actor.grants if grant.role}),
    )
