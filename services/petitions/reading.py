"""Reading petitions: the applicant's own, and the desk's, which is audited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.branches import Branch
from models.members import Member
from models.petitions import (
    OPEN_STATES,
    Petition,
    PetitionAttachment,
    PetitionCategory,
    PetitionEvent,
    PetitionState,
)
from models.uploads import Upload
from services.actors import Actor, in_subtrees, visible_branches
from services.errors import NotFoundError
from services.keyring import Keyring
from services.permissions import Permission
from services.petitions.desk import record
from services.petitions.sealing import unseal
from services.petitions.steps import access_own_petition, access_petition


@dataclass(frozen=True)
class EventView:
    """A step with its texts open; `by_applicant` says who took it, in the applicant's view the only thing known."""

    event: PetitionEvent
    by_applicant: bool
    public_text: str | None
    internal_note: str | None


@dataclass(frozen=True)
class PetitionView:
    """A petition with its texts open."""

    petition: Petition
    text: str | None
    subject: str | None
    place: str | None
    contact: str | None
    attachments: Sequence[Upload]
    events: Sequence[EventView]
    applicant: Member | None


@dataclass(frozen=True)
class QueueFilter:
    """What of the queue is wanted; without states, all that is open."""

    states: Sequence[PetitionState] = ()
    category: str | None = None
    assignee_account_id: UUID | None = None
    overdue: bool = False
    confidential: bool = False


async def list_categories(session: AsyncSession) -> Sequence[PetitionCategory]:
    """The categories that are open, in head office's order."""
    shown = select(PetitionCategory).where(col(PetitionCategory.closed_at).is_(None))
    return (await session.exec(shown.order_by(col(PetitionCategory.position), col(PetitionCategory.code)))).all()


async def list_own_petitions(
    session: AsyncSession, actor: Actor, *, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Petition]:
    """The actor's petitions, the newest first, after the position `before`; one more than `limit`."""
    position = sa.tuple_(col(Petition.received_at), col(Petition.id))
    own = select(Petition).where(col(Petition.applicant_account_id) == actor.require_account())
    if before is not None:
        own = own.where(position < sa.tuple_(*(sa.literal(value) for value in before)))
    own = own.order_by(col(Petition.received_at).desc(), col(Petition.id).desc())
    return (await session.exec(own.limit(limit + 1))).all()


async def list_queue(
    session: AsyncSession,
    actor: Actor,
    wanted: QueueFilter,
    *,
    after: tuple[date, UUID] | None,
    limit: int,
    today: date,
) -> Sequence[Petition]:
    """Petitions of the actor's branches, the most urgent first, after the position `after`; one more than `limit`.

    Nothing personal is in a list, so it is not audited.
    """
    permission = Permission.petitions_control if wanted.confidential else Permission.petitions_read
    paths = visible_branches(actor, permission)
    queue = (
        select(Petition)
        .join(Branch)
        .where(
            in_subtrees(paths),
            col(Petition.confidential) == wanted.confidential,
            col(Petition.state).in_(wanted.states or OPEN_STATES),
            *conditions(wanted, today),
        )
    )
    if after is not None:
        position = sa.tuple_(col(Petition.due_on), col(Petition.id))
        queue = queue.where(position > sa.tuple_(*(sa.literal(value) for value in after)))
    return (await session.exec(queue.order_by(col(Petition.due_on), col(Petition.id)).limit(limit + 1))).all()


def conditions(wanted: QueueFilter, today: date) -> list[sa.ColumnElement[bool]]:
    """The optional filters."""
    found: list[sa.ColumnElement[bool]] = []
    if wanted.category is not None:
        found.append(col(Petition.category_code) == wanted.category)
    if wanted.assignee_account_id is not None:
        found.append(col(Petition.assignee_account_id) == wanted.assignee_account_id)
    if wanted.overdue:
        running = [state for state in OPEN_STATES if state is not PetitionState.awaiting_applicant]
        found += [col(Petition.due_on) < today, col(Petition.state).in_(running)]
    return found


async def read_own_petition(session: AsyncSession, keys: Keyring, actor: Actor, reference: str) -> PetitionView:
    """A petition as its applicant sees it: every public step, no internal note.

    Raises:
        NotFoundError: no such petition of the actor's.
    """
    case = await access_own_petition(session, actor, reference)
    return await open_petition(session, keys, case.petition, public_only=True)


async def read_petition(
    session: AsyncSession, keys: Keyring, actor: Actor, reference: str, *, now: datetime
) -> PetitionView:
    """A petition as the desk sees it. The reading is audited.

    Raises:
        NotFoundError, ForbiddenError, OwnPetitionError: as `steps.access_petition`.
    """
    petition = (await access_petition(session, actor, reference, Permission.petitions_read)).petition
    record(session, actor, "read", petition, now=now)
    return await open_petition(session, keys, petition, public_only=False)


async def open_petition(session: AsyncSession, keys: Keyring, petition: Petition, *, public_only: bool) -> PetitionView:
    """A petition with its texts, for somebody who may read it; what is not public with the member who asks."""
    applicant = select(Member).where(col(Member.account_id) == petition.applicant_account_id)
    steps = select(PetitionEvent).where(col(PetitionEvent.petition_id) == petition.id).order_by(col(PetitionEvent.seq))
    if public_only:
        steps = steps.where(col(PetitionEvent.public))
    events = [open_event(keys, petition, event, public_only=public_only) for event in await session.exec(steps)]
    return PetitionView(
        petition=petition,
        text=unseal(keys, petition, "petition.text", petition.text_encrypted),
        subject=unseal(keys, petition, "petition.subject", petition.subject_encrypted),
        place=unseal(keys, petition, "petition.place", petition.place_encrypted),
        contact=unseal(keys, petition, "petition.contact", petition.contact_encrypted),
        attachments=await list_attachments(session, petition.id),
        events=events,
        applicant=None if public_only else (await session.exec(applicant)).one_or_none(),
    )


def open_event(keys: Keyring, petition: Petition, event: PetitionEvent, *, public_only: bool) -> EventView:
    """A step with its texts; the internal note for the desk only."""
    hidden = None if public_only else event.internal_note_encrypted
    return EventView(
        event=event,
        by_applicant=event.account_id is not None and event.account_id == petition.applicant_account_id,
        public_text=unseal(keys, event, "petition_event.public_text", event.public_text_encrypted),
        internal_note=unseal(keys, event, "petition_event.internal_note", hidden),
    )


async def list_attachments(session: AsyncSession, petition_id: UUID) -> Sequence[Upload]:
    """The files of a petition, in the applicant's order."""
    files = select(Upload).join(PetitionAttachment).where(col(PetitionAttachment.petition_id) == petition_id)
    return (await session.exec(files.order_by(col(PetitionAttachment.position)))).all()


async def read_own_attachment(session: AsyncSession, actor: Actor, reference: str, upload_id: UUID) -> Upload:
    """A file of a petition of the actor's own.

    Raises:
        NotFoundError: no such petition, or no such file of it.
    """
    case = await access_own_petition(session, actor, reference)
    return await find_attachment(session, case.petition, upload_id)


async def read_attachment(
    session: AsyncSession, actor: Actor, reference: str, upload_id: UUID, *, now: datetime
) -> Upload:
    """A file of a petition, for the desk. The reading is audited.

    Raises:
        NotFoundError, ForbiddenError, OwnPetitionError: as `steps.access_petition`.
    """
    petition = (await access_petition(session, actor, reference, Permission.petitions_read)).petition
    found = await find_attachment(session, petition, upload_id)
    record(session, actor, "read_attachment", petition, now=now)
    return found


async def find_attachment(session: AsyncSession, petition: Petition, upload_id: UUID) -> Upload:
    """One file of a petition.

    Raises:
        NotFoundError: it has none of this id.
    """
    for upload in await list_attachments(session, petition.id):
        if upload.id == upload_id:
            return upload
    raise NotFoundError
