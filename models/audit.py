"""What staff did and whose data they read, and the chain that makes tampering visible."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field, SQLModel

from models.base import id_field


class Xid8(UserDefinedType[int]):
    """A transaction id that never wraps around."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "XID8"


class AuditEvent(SQLModel, table=True):
    """One admin write, or one reading of somebody's personal data by staff. Ids only, never texts, or erasure would
    break the chain. Rows are only ever inserted."""

    __tablename__ = "audit_event"
    __table_args__ = (
        sa.Index("audit_event_branch_id_id_idx", "branch_id", "id"),
        sa.Index("audit_event_object_id_idx", "object_id"),
        sa.Index("audit_event_at_idx", "at"),
    )

    id: UUID = id_field()
    transaction: int | None = Field(
        default=None, nullable=False, sa_type=Xid8, sa_column_kwargs={"server_default": sa.text("pg_current_xact_id()")}
    )
    at: datetime
    action: str = Field(description="resource:verb, e.g. news:publish.")
    account_id: UUID | None = None
    service_token_id: UUID | None = None
    branch_id: UUID | None = None
    object_kind: str
    object_id: UUID
    request_id: str | None = None
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)


class AuditLink(SQLModel, table=True):
    """The place of an event in the chain: digest = SHA-256(previous digest, canonical event)."""

    __tablename__ = "audit_link"

    position: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    event_id: UUID = Field(foreign_key="audit_event.id", unique=True)
    digest: bytes


class AuditHead(SQLModel, table=True):
    """The signed end of the chain at some moment. An anchor of it kept elsewhere makes a cut of all tables show."""

    __tablename__ = "audit_head"

    position: int = Field(primary_key=True, sa_type=sa.BigInteger, sa_column_kwargs={"autoincrement": False})
    digest: bytes
    signed_at: datetime
    key_id: str
    signature: bytes
