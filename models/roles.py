"""Who may do what, where."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import enum_field, id_field


class RoleName(StrEnum):
    """What a role may do stands in services.permissions."""

    head_office_admin = "head_office_admin"
    branch_admin = "branch_admin"
    petition_desk = "petition_desk"
    editor = "editor"
    treasurer = "treasurer"
    chair = "chair"
    councillor = "councillor"
    party_control = "party_control"


class Role(SQLModel, table=True):
    """A role that an account holds in a branch and so in all below it."""

    __table_args__ = (
        sa.Index(
            "role_current_key",
            "account_id",
            "branch_id",
            "name",
            unique=True,
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("role_branch_id_idx", "branch_id"),
    )

    id: UUID = id_field()
    account_id: UUID = Field(foreign_key="account.id")
    branch_id: UUID = Field(foreign_key="branch.id")
    name: RoleName = enum_field(RoleName)
    granted_by_account_id: UUID | None = Field(default=None, foreign_key="account.id")
    granted_at: datetime
    ended_at: datetime | None = None
