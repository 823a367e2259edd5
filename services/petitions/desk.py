"""What the desk does to a petition: each act says what changes beside the state, `handle_petition` does the rest."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.branches import Branch
from models.petitions import Outcome, Petition, PetitionAction, PetitionKind, PetitionState, RejectionCode
from models.roles import Role
from services import audit
from services.actors import Actor, role_grant
from services.errors import ForbiddenError, InvalidError, NotFoundError, StaleVersionError
from services.keyring import Keyring
from services.permissions import Permission
from services.petitions.intake import UnknownCategoryError, read_category
from services.petitions.life import steps_to
from services.petitions.steps import SILENCE, Case, Changes, Words, access_petition, take_step


class AssigneeCannotHandleError(InvalidError):
    """Who is assigned must handle petitions in its branch."""

    code = "assignee_cannot_handle"


class InvalidOriginalError(InvalidError):
    """A duplicate is of another petition that can be read here and is no duplicate itself."""

    code = "invalid_original"


@dataclass(frozen=True, kw_only=True)
class Act:
    """One act of the desk. `changes` checks it and gives the columns that change beside the state: ids and codes, which
    the event keeps too."""

    action: ClassVar[PetitionAction]
    permission: ClassVar[Permission] = Permission.petitions_handle
    words: Words = SILENCE

    async def changes(self, session: AsyncSession, actor: Actor, case: Case) -> Changes:
        """Most acts change the state alone."""
        return {}


@dataclass(frozen=True, kw_only=True)
class Register(Act):
    """Take a petition up, and class it better than its author could."""

    action = PetitionAction.register
    kind: PetitionKind | None = None
    category: str | None = None

    async def changes(self, session: AsyncSession, actor: Actor, case: Case) -> Changes:
        if self.category is not None:
            category = await read_category(session, self.category)
            if category.confidential != case.petition.confidential:
                raise UnknownCategoryError
        return {
            "kind": self.kind or case.petition.kind,
            "category_code": self.category or case.petition.category_code,
        }


@dataclass(frozen=True, kw_only=True)
class Assign(Act):
    """Give a petition to somebody, oneself included."""

    action = PetitionAction.assign
    account_id: UUID

    async def changes(self, session: AsyncSession, actor: Actor, case: Case) -> Changes:
        await check_assignee(session, case, self.account_id)
        return {"assignee_account_id": self.account_id}


class Start(Act):
    """Begin the work."""

    action = PetitionAction.start


class Ask(Act):
    """Ask the applicant; the clock stands until the reply."""

    action = PetitionAction.ask


@dataclass(frozen=True, kw_only=True)
class Decide(Act):
    """Decide, with an outcome and the reasons that the applicant reads."""

    action = PetitionAction.decide
    permission = Permission.petitions_decide
    outcome: Outcome

    async def changes(self, session: AsyncSession, actor: Actor, case: Case) -> Changes:
        return {"outcome": self.outcome}


class Close(Act):
    """Put a decided petition away."""

    action = PetitionAction.close


@dataclass(frozen=True, kw_only=True)
class Reject(Act):
    """Not take a petition up."""

    action = PetitionAction.reject
    code: RejectionCode

    async def changes(self, session: AsyncSession, actor: Actor, case: Case) -> Changes:
        return {"rejection_code": self.code}


@dataclass(frozen=True, kw_only=True)
class MarkDuplicate(Act):
    """Say that it is the same as another one."""

    action = PetitionAction.mark_duplicate
    original: str

    async def changes(self, session: AsyncSession, actor: Actor, case: Case) -> Changes:
        try:
            original = (await access_petition(session, actor, self.original, self.permission)).petition
        except (NotFoundError, ForbiddenError) as error:
            raise InvalidOriginalError from error
        same_series = original.series is case.petition.series
        if original.id == case.petition.id or original.state is PetitionState.duplicate or not same_series:
            raise InvalidOriginalError
        return {"duplicate_of_id": original.id}


class Note(Act):
    """Write down what only the desk reads."""

    action = PetitionAction.note


async def check_assignee(session: AsyncSession, case: Case, account_id: UUID) -> None:
    """Nobody is given what they may not read.

    Raises:
        AssigneeCannotHandleError: no role of theirs lets them handle petitions in that branch, or it is their own.
    """
    petition = case.petition
    needed = Permission.petitions_control if petition.confidential else Permission.petitions_handle
    held = await session.exec(
        select(Role.name, Role.branch_id, Branch.path)
        .join(Branch)
        .where(col(Role.account_id) == account_id, col(Role.ended_at).is_(None))
    )
    grants = (role_grant(name, branch_id, path) for name, branch_id, path in held)
    able = any(needed in grant.permissions and grant.covers(case.path) for grant in grants)
    if not able or account_id == petition.applicant_account_id:
        raise AssigneeCannotHandleError


async def handle_petition(
    session: AsyncSession, keys: Keyring, actor: Actor, reference: str, act: Act, *, version: int, now: datetime
) -> Petition:
    """Do one act to a petition of the actor's branches; work begins by itself with the first act that is work.

    Raises:
        NotFoundError, ForbiddenError, OwnPetitionError: as `steps.access_petition`.
        StaleVersionError: somebody changed it since `version`.
        WrongStateError, NotYoursError: as `life.next_state`.
    """
    case = await access_petition(session, actor, reference, act.permission, lock=True)
    petition = case.petition
    if petition.version != version:
        raise StaleVersionError(version=petition.version)
    *before, last = steps_to(petition.state, act.action)
    for action in before:
        await take_step(session, keys, actor, case, action, tell=False, now=now)
    changes = await act.changes(session, actor, case)
    await take_step(session, keys, actor, case, last, words=act.words, changes=changes, now=now)
    record(session, actor, act.action.value, petition, now=now)
    return petition


def record(session: AsyncSession, actor: Actor, verb: str, petition: Petition, *, now: datetime) -> None:
    """Audit an act or a reading; of a confidential petition without its branch, whose auditors must not count it."""
    audit.record(
        session,
        actor,
        f"petitions:{verb}",
        object_kind="petition",
        object_id=petition.id,
        branch_id=None if petition.confidential else petition.branch_id,
        now=now,
    )
