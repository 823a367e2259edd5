"""The petition desk."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from api.admin.petition_bodies import (
    AskIn,
    AssignIn,
    CloseIn,
    DecideIn,
    DeskPetitionOut,
    MarkDuplicateIn,
    NoteIn,
    QueueItem,
    RegisterIn,
    RejectIn,
    StartIn,
    desk_petition_out,
)
from api.deps import CurrentAdmin, CurrentKeys, CurrentRuntime, ExpectedVersion, Now, Session
from api.files import StoredFile
from api.openapi import admin_operation
from api.types import Line, Page, PageParams, PetitionReference, decode_cursor, encode_cursor
from models.petitions import PetitionState
from services.actors import Actor
from services.calendar import business_date
from services.errors import DomainError
from services.files import FilesUnavailableError
from services.keyring import Keyring
from services.permissions import Permission
from services.petitions import desk, intake, life, reading, steps

router = APIRouter(prefix="/v1/admin/petitions", tags=["admin"])
QUEUE = "petition_queue"
REFUSALS: tuple[type[DomainError], ...] = (life.WrongStateError, life.NotYoursError, steps.OwnPetitionError)


class QueueParams(PageParams):
    """Which petitions; without `state`, all that are open. `confidential` is the queue of party control."""

    state: PetitionState | None = None
    category: Line | None = None
    assignee_account_id: UUID | None = None
    overdue: bool = False
    confidential: bool = False

    def wanted(self) -> reading.QueueFilter:
        """As the service takes it."""
        chosen = self.model_dump(include={"category", "assignee_account_id", "overdue", "confidential"})
        return reading.QueueFilter(states=(self.state,) if self.state else (), **chosen)


@dataclass(frozen=True)
class Handling:
    """One act of the desk under way, from which version on."""

    session: AsyncSession
    actor: Actor
    keys: Keyring
    version: int
    now: datetime
    response: Response

    async def do(self, number: str, act: desk.Act) -> DeskPetitionOut:
        """Do it, and show the petition after it."""
        petition = await desk.handle_petition(
            self.session, self.keys, self.actor, number, act, version=self.version, now=self.now
        )
        view = await reading.open_petition(self.session, self.keys, petition, public_only=False)
        return desk_petition_out(view, self.response)


async def get_handling(
    session: Session,
    actor: CurrentAdmin,
    keys: CurrentKeys,
    version: ExpectedVersion,
    now: Now,
    response: Response,
) -> Handling:
    """What every act of the desk needs."""
    return Handling(session, actor, keys, version, now, response)


CurrentHandling = Annotated[Handling, Depends(get_handling, scope="function")]


@router.get("", summary="List the desk's petitions", **admin_operation(Permission.petitions_read))
async def list_desk_petitions(
    session: Session, actor: CurrentAdmin, keys: CurrentKeys, now: Now, params: Annotated[QueueParams, Query()]
) -> Page[QueueItem]:
    """Petitions of the caller's branches, the most urgent first. Nothing personal is in the list."""
    position = decode_cursor(keys.hash_key, QUEUE, params.cursor)
    after = (date.fromisoformat(position[0]), UUID(position[1])) if position else None
    today = business_date(now)
    found = await reading.list_queue(session, actor, params.wanted(), after=after, limit=params.limit, today=today)
    items = [QueueItem.of(petition, today) for petition in found[: params.limit]]
    following = [items[-1].due_on.isoformat(), str(items[-1].id)] if len(found) > params.limit else None
    return Page(items=items, next_cursor=encode_cursor(keys.hash_key, QUEUE, following) if following else None)


@router.get(
    "/{number}", summary="Read a petition", **admin_operation(Permission.petitions_read, steps.OwnPetitionError)
)
async def get_desk_petition(
    number: PetitionReference, session: Session, actor: CurrentAdmin, keys: CurrentKeys, now: Now, response: Response
) -> DeskPetitionOut:
    """A petition with every step and note. Reading it is audited."""
    return desk_petition_out(await reading.read_petition(session, keys, actor, number, now=now), response)


@router.get(
    "/{number}/attachments/{upload_id}",
    summary="Download a file of a petition",
    response_class=Response,
    **admin_operation(Permission.petitions_read, steps.OwnPetitionError, FilesUnavailableError),
)
async def get_desk_attachment(
    number: PetitionReference,
    upload_id: UUID,
    session: Session,
    actor: CurrentAdmin,
    runtime: CurrentRuntime,
    now: Now,
) -> Response:
    """The file, always as a download. Reading it is audited."""
    return StoredFile(runtime.files, await reading.read_attachment(session, actor, number, upload_id, now=now))


@router.post(
    "/{number}/register",
    summary="Register a petition",
    **admin_operation(Permission.petitions_handle, intake.UnknownCategoryError, *REFUSALS),
)
async def register_petition(number: PetitionReference, body: RegisterIn, handling: CurrentHandling) -> DeskPetitionOut:
    """Take a petition up; kind and category may be corrected."""
    return await handling.do(number, desk.Register(kind=body.kind, category=body.category, words=body.words()))


@router.post(
    "/{number}/assign",
    summary="Assign a petition",
    **admin_operation(Permission.petitions_handle, desk.AssigneeCannotHandleError, *REFUSALS),
)
async def assign_petition(number: PetitionReference, body: AssignIn, handling: CurrentHandling) -> DeskPetitionOut:
    """Give a petition to somebody who handles petitions in its branch, oneself included."""
    return await handling.do(number, desk.Assign(account_id=body.account_id, words=body.words()))


@router.post("/{number}/start", summary="Begin the work", **admin_operation(Permission.petitions_handle, *REFUSALS))
async def start_petition(number: PetitionReference, body: StartIn, handling: CurrentHandling) -> DeskPetitionOut:
    """Begin the work; asking or deciding begins it as well."""
    return await handling.do(number, desk.Start(words=body.words()))


@router.post("/{number}/ask", summary="Ask the applicant", **admin_operation(Permission.petitions_handle, *REFUSALS))
async def ask_applicant(number: PetitionReference, body: AskIn, handling: CurrentHandling) -> DeskPetitionOut:
    """Ask the applicant; until the answer the time limit stands still."""
    return await handling.do(number, desk.Ask(words=body.words()))


@router.post("/{number}/decide", summary="Decide a petition", **admin_operation(Permission.petitions_decide, *REFUSALS))
async def decide_petition(number: PetitionReference, body: DecideIn, handling: CurrentHandling) -> DeskPetitionOut:
    """Decide, with an outcome and the reasons that the applicant reads."""
    return await handling.do(number, desk.Decide(outcome=body.outcome, words=body.words()))


@router.post("/{number}/close", summary="Close a petition", **admin_operation(Permission.petitions_handle, *REFUSALS))
async def close_petition(number: PetitionReference, body: CloseIn, handling: CurrentHandling) -> DeskPetitionOut:
    """Put a decided petition away."""
    return await handling.do(number, desk.Close(words=body.words()))


@router.post("/{number}/reject", summary="Reject a petition", **admin_operation(Permission.petitions_handle, *REFUSALS))
async def reject_petition(number: PetitionReference, body: RejectIn, handling: CurrentHandling) -> DeskPetitionOut:
    """Not take a petition up, with the reason that the applicant reads."""
    return await handling.do(number, desk.Reject(code=body.code, words=body.words()))


@router.post(
    "/{number}/mark-duplicate",
    summary="Mark a petition as a duplicate",
    **admin_operation(Permission.petitions_handle, desk.InvalidOriginalError, *REFUSALS),
)
async def mark_petition_duplicate(
    number: PetitionReference, body: MarkDuplicateIn, handling: CurrentHandling
) -> DeskPetitionOut:
    """Say that a petition is the same as another one; the applicant still gets the words written here."""
    return await handling.do(number, desk.MarkDuplicate(original=body.original, words=body.words()))


@router.post(
    "/{number}/notes", summary="Write an internal note", **admin_operation(Permission.petitions_handle, *REFUSALS)
)
async def add_petition_note(number: PetitionReference, body: NoteIn, handling: CurrentHandling) -> DeskPetitionOut:
    """Write down what only the desk reads."""
    return await handling.do(number, desk.Note(words=body.words()))
