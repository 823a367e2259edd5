"""Petitions, for those who file them."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response, status
from pydantic import Field

from api.deps import CurrentActor, CurrentKeys, CurrentRuntime, Now, Session
from api.files import StoredFile
from api.idempotency import Idempotent
from api.member.uploads import UploadOut
from api.openapi import problems
from api.types import Body, In, Line, Out, Page, PageParams, Paragraph, PetitionReference, decode_cursor, encode_cursor
from models.base import new_id
from models.petitions import Outcome, Petition, PetitionAction, PetitionKind, PetitionState, RejectionCode
from services.branches import UnknownSettlementError
from services.files import FilesUnavailableError
from services.keyring import Keyring
from services.petitions import applicant, intake, life, reading
from services.petitions.reading import EventView, PetitionView
from services.petitions.sealing import tracking_code
from services.uploads import UploadNotUsableError

router = APIRouter(prefix="/v1/petitions", tags=["member"])
LIST = "petitions"


class PetitionIn(In):
    """A petition. `id` is made by the phone, so that sending it again is harmless; `branch_id` is a district branch or
    one above it, without it the own district."""

    id: UUID | None = None
    kind: PetitionKind
    category: Line = Field(examples=["roads"])
    branch_id: UUID | None = None
    settlement_id: UUID | None = None
    subject: Line | None = None
    text: Body
    place: Line | None = None
    contact: Line | None = None
    attachments: Annotated[list[UUID], Field(max_length=10)] = Field(default=[], description="Ids of uploads.")
    consent: Literal[True] = Field(description="To the processing of the personal data in it.")

    def filing(self) -> intake.Filing:
        """As the service takes it."""
        return intake.Filing(**self.model_dump(exclude={"id", "consent"}), id=self.id or new_id())


class PetitionReceipt(Out):
    """What the applicant gets at once. With `tracking_code` anybody can follow the states without signing in."""

    id: UUID
    number: str = Field(examples=["AT-2026-000123"])
    tracking_code: str
    state: PetitionState
    received_at: datetime
    due_on: date


class PetitionItem(Out):
    """A petition in the list of one's own; `updated_at` is of the last step."""

    id: UUID
    number: str = Field(examples=["AT-2026-000123"])
    kind: PetitionKind
    category: str = Field(examples=["roads"])
    state: PetitionState
    outcome: Outcome | None
    received_at: datetime
    due_on: date
    updated_at: datetime


class PetitionStep(Out):
    """A step: what was done, and the state after it. Who of the staff did it is not said."""

    at: datetime
    action: PetitionAction
    state: PetitionState
    by_applicant: bool
    text: str | None


class PetitionOut(PetitionItem):
    """A petition as its applicant sees it, with every public step."""

    rejection_code: RejectionCode | None
    branch_id: UUID
    settlement_id: UUID | None
    subject: str | None
    text: str | None
    place: str | None
    contact: str | None
    tracking_code: str
    attachments: list[UploadOut]
    steps: list[PetitionStep]


class MessageIn(In):
    """A message to the desk, or the answer to its question."""

    text: Paragraph


class PetitionWithdrawalIn(In):
    """Why the petition is taken back, if the applicant wants to say."""

    reason: Paragraph | None = None


def columns(petition: Petition) -> dict[str, Any]:
    """The columns of a petition by their names in the API."""
    return {**petition.model_dump(), "category": petition.category_code}


def step_out(view: EventView) -> PetitionStep:
    """A step as the applicant sees it."""
    event = view.event
    return PetitionStep(
        at=event.at, action=event.action, state=event.state, by_applicant=view.by_applicant, text=view.public_text
    )


def receipt_of(petition: Petition, keys: Keyring) -> PetitionReceipt:
    """What is given at once."""
    return PetitionReceipt.model_validate({**petition.model_dump(), "tracking_code": tracking_code(keys, petition.id)})


def petition_out(view: PetitionView, keys: Keyring) -> PetitionOut:
    """The petition as its applicant sees it."""
    texts = {name: getattr(view, name) for name in ("subject", "text", "place", "contact")}
    return PetitionOut.model_validate(
        {
            **columns(view.petition),
            **texts,
            "tracking_code": tracking_code(keys, view.petition.id),
            "attachments": [UploadOut.model_validate(upload) for upload in view.attachments],
            "steps": [step_out(event) for event in view.events],
        }
    )


@router.post(
    "",
    summary="File a petition",
    status_code=status.HTTP_201_CREATED,
    responses=problems(
        intake.UnknownCategoryError,
        intake.UnknownReceiverError,
        UnknownSettlementError,
        intake.PetitionIdTakenError,
        UploadNotUsableError,
    ),
)
async def create_petition(
    body: PetitionIn, session: Session, actor: CurrentActor, keys: CurrentKeys, now: Now, repeatable: Idempotent
) -> PetitionReceipt:
    """File a petition and get its number at once. An id that the caller used before gives the same petition again."""
    petition = await intake.file_petition(session, keys, actor, body.filing(), now=now)
    return repeatable.keep(receipt_of(petition, keys))


@router.get("", summary="List own petitions", responses=problems())
async def list_petitions(
    session: Session, actor: CurrentActor, keys: CurrentKeys, params: Annotated[PageParams, Query()]
) -> Page[PetitionItem]:
    """What the caller filed, the newest first."""
    position = decode_cursor(keys.hash_key, LIST, params.cursor)
    before = (datetime.fromisoformat(position[0]), UUID(position[1])) if position else None
    found = await reading.list_own_petitions(session, actor, before=before, limit=params.limit)
    items = [PetitionItem.model_validate(columns(petition)) for petition in found[: params.limit]]
    following = [items[-1].received_at.isoformat(), str(items[-1].id)] if len(found) > params.limit else None
    return Page(items=items, next_cursor=encode_cursor(keys.hash_key, LIST, following) if following else None)


@router.get("/{number}", summary="Read an own petition", responses=problems(404))
async def get_petition(
    number: PetitionReference, session: Session, actor: CurrentActor, keys: CurrentKeys
) -> PetitionOut:
    """One petition of the caller's with every step taken so far."""
    return petition_out(await reading.read_own_petition(session, keys, actor, number), keys)


@router.get(
    "/{number}/attachments/{upload_id}",
    summary="Download a file of an own petition",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, **problems(404, FilesUnavailableError)},
)
async def get_petition_attachment(
    number: PetitionReference, upload_id: UUID, session: Session, actor: CurrentActor, runtime: CurrentRuntime
) -> Response:
    """The file, always as a download."""
    upload = await reading.read_own_attachment(session, actor, number, upload_id)
    return StoredFile(runtime.files, upload)


@router.post(
    "/{number}/messages",
    summary="Write to the desk",
    status_code=status.HTTP_201_CREATED,
    responses=problems(404, life.WrongStateError),
)
async def send_petition_message(
    number: PetitionReference,
    body: MessageIn,
    session: Session,
    actor: CurrentActor,
    keys: CurrentKeys,
    now: Now,
    repeatable: Idempotent,
) -> PetitionStep:
    """Add to a petition, or answer the desk's question; with the answer the time limit runs on."""
    event = await applicant.send_message(session, keys, actor, number, text=body.text, now=now)
    return repeatable.keep(step_out(EventView(event, by_applicant=True, public_text=body.text, internal_note=None)))


@router.post("/{number}/withdraw", summary="Take a petition back", responses=problems(404, life.WrongStateError))
async def withdraw_petition(
    number: PetitionReference,
    body: PetitionWithdrawalIn,
    session: Session,
    actor: CurrentActor,
    keys: CurrentKeys,
    now: Now,
) -> PetitionOut:
    """Take a petition back before it is decided. A repeat is refused, since nothing is left to take back."""
    await applicant.withdraw_petition(session, keys, actor, number, reason=body.reason, now=now)
    return petition_out(await reading.read_own_petition(session, keys, actor, number), keys)
