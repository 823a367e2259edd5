"""Answers kept so that a phone may repeat a write without doing it twice."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


class StoredAnswer(SQLModel, table=True):
    """The answer to a write, by the writer's key. The request is kept as a SHA-256 only."""

    __tablename__ = "stored_answer"
    __table_args__ = (sa.Index("stored_answer_created_at_idx", "created_at"),)

    account_id: UUID = Field(primary_key=True, foreign_key="account.id")
    key: str = Field(primary_key=True)
    request_hash: bytes
    status: int
    body: bytes
    created_at: datetime
