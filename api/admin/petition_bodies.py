"""What the petition desk sends and is shown."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from pydantic import Field, StringConstraints

from api.member.petitions import columns
from api.member.uploads import UploadOut
from api.types import In, Line, Out, Paragraph
from models.petitions import (
    Outcome,
    Petition,
    PetitionAction,
    PetitionChannel,
    PetitionKind,
    PetitionState,
    RejectionCode,
)
from services.petitions.deadlines import is_overdue
from services.petitions.reading import EventView, PetitionView
from services.petitions.steps import Words

Number = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-[0-9]{4}-C?[0-9]{6,9}$")]


class WordsIn(In):
    """What the applicant reads of the act, and what only the desk does."""

    public_text: Paragraph | None = None
    internal_note: Paragraph | None = None

    def words(self) -> Words:
        """As the service takes them."""
        return Words(public_text=self.public_text, internal_note=self.internal_note)


class RegisterIn(WordsIn):
    """Corrections of what the applicant chose."""

    kind: PetitionKind | None = None
    category: Line | None = Field(default=None, examples=["roads"])


class AssignIn(WordsIn):
    """Who works on it."""

    account_id: UUID


class StartIn(WordsIn):
    """Nothing more is needed."""


class CloseIn(WordsIn):
    """Nothing more is needed."""


class AskIn(WordsIn):
    """The question."""

    public_text: Paragraph


class DecideIn(WordsIn):
    """The decision with its reasons."""

    outcome: Outcome
    public_text: Paragraph


class RejectIn(WordsIn):
    """Why it is not taken up."""

    code: RejectionCode
    public_text: Paragraph


class MarkDuplicateIn(WordsIn):
    """The number of the petition that it repeats."""

    original: Number = Field(examples=["AT-2026-000123"])


class NoteIn(In):
    """What only the desk reads."""

    text: Paragraph

    def words(self) -> Words:
        """As the service takes them."""
        return Words(internal_note=self.text)


class QueueItem(Out):
    """A petition in the desk's list: nothing of what was written, nor by whom."""

    id: UUID
    number: str = Field(examples=["AT-2026-000123"])
    kind: PetitionKind
    category: str = Field(examples=["roads"])
    state: PetitionState
    outcome: Outcome | None
    branch_id: UUID
    assignee_account_id: UUID | None
    channel: PetitionChannel
    confidential: bool
    received_at: datetime
    due_on: date
    overdue: bool
    updated_at: datetime
    version: int

    @classmethod
    def of(cls, petition: Petition, today: date) -> "QueueItem":
        """The row of a petition on that day."""
        return cls.model_validate({**columns(petition), "overdue": is_overdue(petition, today)})


class DeskStep(Out):
    """A step with its author and its note. `detail` holds the ids and codes that it set."""

    at: datetime
    action: PetitionAction
    state: PetitionState
    by_applicant: bool
    account_id: UUID | None
    service_token_id: UUID | None
    public_text: str | None
    internal_note: str | None
    detail: dict[str, Any]


class ApplicantOut(Out):
    """Who asks, if a member."""

    family_name: str | None
    given_name: str | None
    patronymic: str | None


class DeskPetitionOut(Out):
    """A petition as the desk sees it."""

    id: UUID
    number: str = Field(examples=["AT-2026-000123"])
    kind: PetitionKind
    category: str = Field(examples=["roads"])
    state: PetitionState
    outcome: Outcome | None
    rejection_code: RejectionCode | None
    duplicate_of_id: UUID | None
    branch_id: UUID
    settlement_id: UUID | None
    assignee_account_id: UUID | None
    channel: PetitionChannel
    confidential: bool
    applicant: ApplicantOut | None
    subject: str | None
    text: str | None
    place: str | None
    contact: str | None
    received_at: datetime
    due_on: date
    paused_on: date | None
    updated_at: datetime
    version: int
    attachments: list[UploadOut]
    steps: list[DeskStep]


def desk_step_out(view: EventView) -> DeskStep:
    """A step as the desk sees it."""
    texts = {"public_text": view.public_text, "internal_note": view.internal_note, "by_applicant": view.by_applicant}
    return DeskStep.model_validate({**view.event.model_dump(), **texts})


def desk_petition_out(view: PetitionView, response: Response) -> DeskPetitionOut:
    """The petition as the desk sees it, with its version as ETag."""
    response.headers["etag"] = f'"{view.petition.version}"'
    texts = {name: getattr(view, name) for name in ("subject", "text", "place", "contact")}
    return DeskPetitionOut.model_validate(
        {
            **columns(view.petition),
            **texts,
            "applicant": ApplicantOut.model_validate(view.applicant) if view.applicant else None,
            "attachments": [UploadOut.model_validate(upload) for upload in view.attachments],
            "steps": [desk_step_out(event) for event in view.events],
        }
    )
