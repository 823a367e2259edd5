"""Polls, who took part in them, and what was answered where that may be kept."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from models.base import Translations, enum_field, id_field, translations_field


class PollKind(StrEnum):
    """Whether answers stand beside the member, or nobody can tell whose they are."""

    named = "named"
    secret = "secret"  # noqa: S105  # the name of a kind of poll


class PollState(StrEnum):
    """draft → scheduled → open → closed → results_published, or cancelled."""

    draft = "draft"
    scheduled = "scheduled"
    open = "open"
    closed = "closed"
    results_published = "results_published"
    cancelled = "cancelled"


class ResultsVisibility(StrEnum):
    """When members may read the results."""

    after_response = "after_response"
    after_close = "after_close"
    admins_only = "admins_only"


UNOPENED: Final = (PollState.draft, PollState.scheduled)
ENDED: Final = (PollState.closed, PollState.results_published)


class Poll(SQLModel, table=True):
    """Questions to the members of a branch and of all below it.

    `questions` is one document, because it is edited, frozen, duplicated, read and cached as a whole:
    [{"id": "q1", "kind": "single", "text": {"kk": …}, "required": true, "options": [{"id": "o1", "text": {…}}]}].
    Members see a poll once `opened_at` is set.
    """

    __table_args__ = (
        sa.Index("poll_branch_id_id_idx", "branch_id", "id"),
        sa.Index("poll_open_idx", "branch_id", "opens_at", "id", postgresql_where=sa.text("state = 'open'")),
        sa.CheckConstraint("closes_at > opens_at", name="period"),
        sa.CheckConstraint("state IN ('draft', 'cancelled') OR opens_at IS NOT NULL", name="opening"),
        sa.CheckConstraint("(state = 'cancelled') = (cancel_reason IS NOT NULL)", name="cancel_reason"),
    )

    id: UUID = id_field()
    branch_id: UUID = Field(foreign_key="branch.id")
    kind: PollKind = enum_field(PollKind)
    state: PollState = enum_field(PollState, default=PollState.draft)
    title: Translations = translations_field()
    description: Translations | None = Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)
    questions: list[dict[str, Any]] = Field(sa_type=JSONB)
    results_visibility: ResultsVisibility = enum_field(ResultsVisibility)
    opens_at: datetime | None = None
    closes_at: datetime | None = Field(default=None, description="Without it, somebody closes the poll.")
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    results_published_at: datetime | None = None
    cancel_reason: Translations | None = Field(default=None, sa_type=JSONB(none_as_null=True), nullable=True)
    duplicate_of_id: UUID | None = Field(default=None, foreign_key="poll.id")
    created_at: datetime
    version: int = 1


class Participation(SQLModel, table=True):
    """That a member took part in a poll; never what they answered. One row each, by its key.

    `key_hash` is an HMAC of the Idempotency-Key, by which a retry is known.
    """

    poll_id: UUID = Field(foreign_key="poll.id", primary_key=True)
    member_id: UUID = Field(foreign_key="member.id", primary_key=True)
    key_hash: bytes | None = None


class PollResponse(SQLModel, table=True):
    """What a member answered in a named poll: {"q1": "o2"}, by the ids of questions and options."""

    __tablename__ = "poll_response"
    __table_args__ = (
        sa.ForeignKeyConstraint(["poll_id", "member_id"], ["participation.poll_id", "participation.member_id"]),
    )

    poll_id: UUID = Field(primary_key=True)
    member_id: UUID = Field(primary_key=True)
    answers: dict[str, Any] = Field(sa_type=JSONB)
    responded_at: datetime
