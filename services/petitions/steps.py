"""Finding a petition for somebody, and taking one step of its life."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import new_id
from models.branches import Branch
from models.petitions import Petition, PetitionAction, PetitionEvent, PetitionState
from models.push import Cause, LinkKind
from services.actors import Actor, authorise, holds
from services.calendar import business_date, load_calendar
from services.errors import ForbiddenError, NotFoundError
from services.keyring import Keyring
from services.permissions import Permission
from services.petitions.deadlines import resumed_due
from services.petitions.life import INTERNAL, Part, next_state
from services.petitions.sealing import seal
from services.push.campaigns import announce

Changes = Mapping[str, Any]
"""Columns of a petition and their new values: ids and codes."""

UUID_LENGTH: Final = 36


class OwnPetitionError(ForbiddenError):
    """Nobody handles, or reads as staff, a petition of their own."""

    code = "own_petition"


@dataclass(frozen=True)
class Words:
    """What a step says: to the applicant, and to the desk alone."""

    public_text: str | None = None
    internal_note: str | None = None


SILENCE: Final = Words()


@dataclass(frozen=True)
class Case:
    """A petition, the path of its branch, and what the one who found it is to it."""

    petition: Petition
    path: str
    parts: frozenset[Part]


async def find_petition(session: AsyncSession, reference: str, *, lock: bool) -> tuple[Petition, str]:
    """A petition by its number or id, with the path of its branch.

    Raises:
        NotFoundError: there is none.
    """
    same = col(Petition.id) == UUID(reference) if len(reference) == UUID_LENGTH else col(Petition.number) == reference
    wanted = select(Petition, Branch.path).join(Branch).where(same)
    if lock:
        wanted = wanted.with_for_update(of=Petition).execution_options(populate_existing=True)
    found = (await session.exec(wanted)).one_or_none()
    if found is None:
        raise NotFoundError
    return found


async def access_own_petition(session: AsyncSession, actor: Actor, reference: str, *, lock: bool = False) -> Case:
    """A petition that the actor filed.

    Raises:
        NotFoundError: no such petition, or somebody else's.
    """
    petition, path = await find_petition(session, reference, lock=lock)
    if petition.applicant_account_id != actor.require_account():
        raise NotFoundError
    return Case(petition, path, frozenset({Part.applicant}))


async def access_petition(
    session: AsyncSession, actor: Actor, reference: str, permission: Permission, *, lock: bool = False
) -> Case:
    """A petition of the actor's branches.

    A confidential one asks for petitions:control instead, and without that does not exist.

    Raises:
        NotFoundError, ForbiddenError, SecondFactorRequiredError: as `services.actors.authorise`.
        OwnPetitionError: the actor filed it.
    """
    petition, path = await find_petition(session, reference, lock=lock)
    if petition.confidential:
        if not holds(actor, path, Permission.petitions_control):
            raise NotFoundError
        permission = Permission.petitions_control
    authorise(actor, path, permission)
    if actor.account_id is not None and actor.account_id == petition.applicant_account_id:
        raise OwnPetitionError
    return Case(petition, path, parts_of(actor, petition, path))


def parts_of(actor: Actor, petition: Petition, path: str) -> frozenset[Part]:
    """What staff are to a petition in the branch at `path`."""
    handles, decides = Permission.petitions_handle, Permission.petitions_decide
    if petition.confidential:
        handles = decides = Permission.petitions_control
    parts = {
        Part.desk: holds(actor, path, handles),
        Part.decider: holds(actor, path, decides),
        Part.assignee: actor.account_id is not None and actor.account_id == petition.assignee_account_id,
    }
    return frozenset(part for part, has in parts.items() if has)


async def take_step(
    session: AsyncSession,
    keys: Keyring,
    actor: Actor,
    case: Case,
    action: PetitionAction,
    *,
    words: Words = SILENCE,
    changes: Changes = MappingProxyType({}),
    tell: bool = True,
    now: datetime,
) -> PetitionEvent:
    """Move a locked petition on by one act, write the event, and tell the applicant.

    Args:
        changes: columns that change with the state.
        tell: whether the applicant is notified of a public step that somebody else took.

    Raises:
        WrongStateError, NotYoursError: as `life.next_state`.
    """
    petition = case.petition
    target = next_state(petition.state, action, case.parts)
    # Read before anything changes: a query in between would flush half a step, which the database refuses.
    clock = await move_clock(session, petition, target, now=now)
    for name, value in {**changes, **clock, "state": target, "version": petition.version + 1}.items():
        setattr(petition, name, value)
    event = make_event(keys, actor, petition, action, words=words, changes=changes, now=now)
    if event.public:
        petition.updated_at = now
    session.add(event)
    await session.flush()
    if tell and event.public and petition.applicant_account_id not in (None, actor.account_id):
        await announce(
            session,
            cause=Cause.petition_step,
            cause_id=event.id,
            link_kind=LinkKind.petition,
            link_id=petition.id,
            account_id=petition.applicant_account_id,
            now=now,
        )
    return event


async def move_clock(
    session: AsyncSession, petition: Petition, target: PetitionState, *, now: datetime
) -> dict[str, date | None]:
    """What stops the clock while the applicant is asked, and lets the time limit end later by as much."""
    today = business_date(now)
    if target is PetitionState.awaiting_applicant:
        return {"paused_on": petition.paused_on or today}
    if petition.paused_on is None:
        return {}
    calendar = await load_calendar(session)
    due_on = resumed_due(calendar, petition.due_on, paused_on=petition.paused_on, resumed_on=today)
    return {"paused_on": None, "due_on": due_on}


def make_event(
    keys: Keyring,
    actor: Actor,
    petition: Petition,
    action: PetitionAction,
    *,
    words: Words = SILENCE,
    changes: Changes = MappingProxyType({}),
    now: datetime,
) -> PetitionEvent:
    """The event of a step that the petition has just taken."""
    event_id = new_id()
    return PetitionEvent(
        id=event_id,
        petition_id=petition.id,
        seq=petition.version,
        action=action,
        state=petition.state,
        public=action not in INTERNAL,
        account_id=actor.account_id,
        service_token_id=actor.service_token_id,
        at=now,
        public_text_encrypted=seal(keys, event_id, "petition_event.public_text", words.public_text),
        internal_note_encrypted=seal(keys, event_id, "petition_event.internal_note", words.internal_note),
        encryption_key_id=keys.current_encryption_id,
        detail={name: str(value) for name, value in changes.items()},
    )
