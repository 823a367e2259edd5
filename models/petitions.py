"""Petitions: what a person asks of the party, and everything that happened to it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from models.base import Language, Translations, enum_field, id_field, translations_field


class PetitionKind(StrEnum):
    """арыз, шағым, ұсыныс, тілек, хабар, сұрау салу, үн қосу."""

    application = "application"
    complaint = "complaint"
    proposal = "proposal"
    wish = "wish"
    notice = "notice"
    information_request = "information_request"
    response = "response"


class PetitionState(StrEnum):
    """Where a petition stands. Which acts lead from one to another, services.petitions.life says."""

    received = "received"
    registered = "registered"
    assigned = "assigned"
    in_progress = "in_progress"
    awaiting_applicant = "awaiting_applicant"
    forwarded = "forwarded"
    decided = "decided"
    closed = "closed"
    reopen_requested = "reopen_requested"
    rejected = "rejected"
    duplicate = "duplicate"
    withdrawn = "withdrawn"


class PetitionAction(StrEnum):
    """What somebody does to a petition."""

    file = "file"
    register = "register"
    reject = "reject"
    assign = "assign"
    start = "start"
    ask = "ask"
    reply = "reply"
    message = "message"
    forward = "forward"
    record_outside_answer = "record_outside_answer"
    propose = "propose"
    hand_back = "hand_back"
    extend = "extend"
    transfer = "transfer"
    decide = "decide"
    close = "close"
    request_reopening = "request_reopening"
    accept_reopening = "accept_reopening"
    refuse_reopening = "refuse_reopening"
    mark_duplicate = "mark_duplicate"
    withdraw = "withdraw"
    note = "note"


class Outcome(StrEnum):
    """How it was decided: a field of its own beside the state."""

    satisfied = "satisfied"
    partly_satisfied = "partly_satisfied"
    explained = "explained"
    refused = "refused"
    redirected = "redirected"


class RejectionCode(StrEnum):
    """Why a petition is not taken up."""

    not_for_us = "not_for_us"
    unclear = "unclear"
    abusive = "abusive"
    answered_before = "answered_before"


class PetitionChannel(StrEnum):
    """How it came."""

    app = "app"
    office = "office"
    phone = "phone"
    letter = "letter"
    social = "social"


class PetitionSeries(StrEnum):
    """Confidential petitions are numbered apart, or a gap in the others would tell of them."""

    general = "general"
    confidential = "confidential"


OPEN_STATES = (
    PetitionState.received,
    PetitionState.registered,
    PetitionState.assigned,
    PetitionState.in_progress,
    PetitionState.awaiting_applicant,
    PetitionState.forwarded,
    PetitionState.reopen_requested,
)
"""Somebody has still to do something."""
IS_OPEN = sa.text("state IN (" + ", ".join(f"'{state}'" for state in OPEN_STATES) + ")")


class PetitionCategory(SQLModel, table=True):
    """What petitions are about: a tree that head office edits. Those of a confidential one go to party control only."""

    __tablename__ = "petition_category"

    code: str = Field(primary_key=True)
    parent_code: str | None = Field(default=None, foreign_key="petition_category.code", index=True)
    name: Translations = translations_field()
    position: int
    confidential: bool = False
    closed_at: datetime | None = None
    version: int = 1


class PetitionCounter(SQLModel, table=True):
    """The last number given in a series; a transaction that fails gives its number back, so there are no gaps."""

    __tablename__ = "petition_counter"

    region_code: str = Field(primary_key=True)
    year: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    series: PetitionSeries = enum_field(PetitionSeries, primary_key=True)
    last_sequence: int


class Petition(SQLModel, table=True):
    """One petition. Text, subject, place and contact are encrypted under the key named in the row.

    `branch_id` is the branch that handles it; `due_on` the last day for the answer, which moves when a pause ends;
    `paused_on` the day on which the applicant was asked, while waiting.
    """

    __table_args__ = (
        sa.UniqueConstraint("region_code", "year", "series", "sequence"),
        sa.CheckConstraint("confidential = (series = 'confidential')", name="confidential"),
        sa.CheckConstraint("state <> 'decided' OR outcome IS NOT NULL", name="decided"),
        sa.CheckConstraint("(state = 'rejected') = (rejection_code IS NOT NULL)", name="rejected"),
        sa.CheckConstraint("(state = 'duplicate') = (duplicate_of_id IS NOT NULL)", name="duplicate"),
        sa.CheckConstraint("duplicate_of_id <> id", name="duplicate_of_itself"),
        sa.CheckConstraint("(state = 'awaiting_applicant') = (paused_on IS NOT NULL)", name="paused"),
        sa.Index("petition_applicant_received_idx", "applicant_account_id", "received_at", "id"),
        sa.Index("petition_branch_received_idx", "branch_id", "received_at", "id"),
        sa.Index("petition_queue_idx", "branch_id", "due_on", "id", postgresql_where=IS_OPEN),
        sa.Index("petition_assignee_queue_idx", "assignee_account_id", "due_on", "id", postgresql_where=IS_OPEN),
    )

    id: UUID = Field(primary_key=True, description="Made by the phone, so that sending again is harmless.")
    number: str = Field(unique=True)
    region_code: str
    year: int
    series: PetitionSeries = enum_field(PetitionSeries, default=PetitionSeries.general)
    sequence: int
    kind: PetitionKind = enum_field(PetitionKind)
    category_code: str = Field(foreign_key="petition_category.code")
    state: PetitionState = enum_field(PetitionState, default=PetitionState.received)
    outcome: Outcome | None = enum_field(Outcome, default=None, nullable=True)
    rejection_code: RejectionCode | None = enum_field(RejectionCode, default=None, nullable=True)
    duplicate_of_id: UUID | None = Field(default=None, foreign_key="petition.id")
    branch_id: UUID = Field(foreign_key="branch.id")
    settlement_id: UUID | None = Field(default=None, foreign_key="settlement.id")
    applicant_account_id: UUID | None = Field(default=None, foreign_key="account.id")
    assignee_account_id: UUID | None = Field(default=None, foreign_key="account.id")
    channel: PetitionChannel = enum_field(PetitionChannel, default=PetitionChannel.app)
    language: Language = enum_field(Language)
    confidential: bool = False
    text_encrypted: bytes | None = None
    subject_encrypted: bytes | None = None
    place_encrypted: bytes | None = None
    contact_encrypted: bytes | None = None
    encryption_key_id: str
    tracking_code_hash: bytes = Field(unique=True)
    consented_at: datetime | None = None
    received_at: datetime
    due_on: date
    paused_on: date | None = None
    updated_at: datetime = Field(description="Of the last step that the applicant may see.")
    version: int = 1


class PetitionEvent(SQLModel, table=True):
    """One step of a petition: who, when, what the applicant is told, and what only the desk reads. Rows are only ever
    inserted. `seq` is the petition's version after it; `state` the state after it."""

    __tablename__ = "petition_event"
    __table_args__ = (
        sa.UniqueConstraint("petition_id", "seq"),
        sa.CheckConstraint("num_nonnulls(account_id, service_token_id) <= 1", name="actor"),
        sa.CheckConstraint(
            "encryption_key_id IS NOT NULL OR num_nonnulls(public_text_encrypted, internal_note_encrypted) = 0",
            name="key",
        ),
    )

    id: UUID = id_field()
    petition_id: UUID = Field(foreign_key="petition.id")
    seq: int
    action: PetitionAction = enum_field(PetitionAction)
    state: PetitionState = enum_field(PetitionState)
    public: bool = Field(description="Whether the applicant sees the step; the internal note never is seen.")
    account_id: UUID | None = Field(default=None, foreign_key="account.id")
    service_token_id: UUID | None = Field(default=None, foreign_key="service_token.id")
    at: datetime
    public_text_encrypted: bytes | None = None
    internal_note_encrypted: bytes | None = None
    encryption_key_id: str | None = None
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, description="Ids and codes, never texts.")


class PetitionAttachment(SQLModel, table=True):
    """A file of a petition."""

    __tablename__ = "petition_attachment"

    upload_id: UUID = Field(primary_key=True, foreign_key="upload.id")
    petition_id: UUID = Field(foreign_key="petition.id", index=True)
    position: int
