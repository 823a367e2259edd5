"""The signed-in person."""

from dataclasses import replace
from uuid import UUID

from fastapi import APIRouter
from sqlmodel.ext.asyncio.session import AsyncSession

from api.deps import CurrentActor, ReadLanguage, Session
from api.openapi import problems
from api.types import Flag, In, Out, pick
from models.base import Language
from models.branches import BranchLevel
from models.push import Category
from services import accounts
from services.actors import Actor
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
    notification_preferences: dict[Category, bool]


class PreferencesIn(In):
    """Which categories are pushed; what is left out stays as it is. The inbox shows all in any case."""

    news: Flag | None = None
    polls: Flag | None = None
    petitions: Flag | None = None
    receptions: Flag | None = None
    messages: Flag | None = None


class MeIn(In):
    """What a person may change; what is left out stays as it is. `language` is what we write to them in."""

    language: Language | None = None
    notification_preferences: PreferencesIn = PreferencesIn()


@router.get("", summary="Who am I", responses=problems())
async def get_me(session: Session, actor: CurrentActor, language: ReadLanguage) -> MeOut:
    """The person, the membership and the chain of branches."""
    return await read_out(session, actor, language)


@router.patch("", summary="Change own settings")
async def update_me(body: MeIn, session: Session, actor: CurrentActor, language: ReadLanguage) -> MeOut:
    """The language, and what is pushed to the own phones."""
    switched = body.notification_preferences.model_dump(exclude_none=True)
    preferences = {Category(name): on for name, on in switched.items()}
    await accounts.update_own_settings(session, actor, language=body.language, preferences=preferences)
    return await read_out(session, replace(actor, language=body.language or actor.language), language)


async def read_out(session: AsyncSession, actor: Actor, language: Language) -> MeOut:
    """The person as the app shows them."""
    account_id = actor.require_account()
    member, branches = await own.read_self(session, actor)
    return MeOut(
        account_id=account_id,
        member_id=actor.member_id,
        family_name=member.family_name if member else None,
        given_name=member.given_name if member else None,
        patronymic=member.patronymic if member else None,
        language=actor.language,
        branches=[OwnBranchOut(id=b.id, level=b.level, name=pick(b.name, language)) for b in branches],
        roles=sorted({grant.role for grant in actor.grants if grant.role}),
        notification_preferences=dict(await accounts.read_preferences(session, account_id)),
    )
