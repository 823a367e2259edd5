"""Files that people send. The bytes lie in the file store; a row says what they are and whose."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import id_field


class Upload(SQLModel, table=True):
    """A file of an account. The row is there before the file, so that no file is ever without one.

    `stored_at` is empty until the file was checked and kept; `attached_at` until something uses it. What nothing uses
    for a day is removed.
    """

    __table_args__ = (
        sa.CheckConstraint("(stored_at IS NULL) = (media_type IS NULL)", name="stored"),
        sa.CheckConstraint("(stored_at IS NULL) = (size_bytes IS NULL)", name="size"),
        sa.CheckConstraint("(width IS NULL) = (height IS NULL)", name="dimensions"),
        sa.CheckConstraint("attached_at IS NULL OR stored_at IS NOT NULL", name="attached"),
        sa.Index("upload_unattached_idx", "created_at", postgresql_where=sa.text("attached_at IS NULL")),
        sa.Index("upload_account_unattached_idx", "account_id", postgresql_where=sa.text("attached_at IS NULL")),
    )

    id: UUID = id_field()
    account_id: UUID = Field(foreign_key="account.id")
    media_type: str | None = None
    size_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    created_at: datetime
    stored_at: datetime | None = None
    attached_at: datetime | None = None

    @property
    def file_name(self) -> str:
        """The name in the file store; never a name that a client gave."""
        return f"{self.created_at:%Y/%m/%d}/{self.id}"
