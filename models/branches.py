"""The organisation tree and the settlements in it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import Ltree, Translations, enum_field, id_field, translations_field


class BranchLevel(StrEnum):
    """republic > region > district > primary."""

    republic = "republic"
    region = "region"
    district = "district"
    primary = "primary"


CHILD_LEVEL = {
    BranchLevel.republic: BranchLevel.region,
    BranchLevel.region: BranchLevel.district,
    BranchLevel.district: BranchLevel.primary,
}


class Branch(SQLModel, table=True):
    """One branch of the organisation. `path` holds the codes from the republic down to it, so that a subtree is one
    index range and a look-alike prefix ("maqat", "maqat2") is not in it."""

    __table_args__ = (
        sa.UniqueConstraint("path"),
        sa.Index("branch_path_gist_idx", "path", postgresql_using="gist"),
        sa.CheckConstraint("(level = 'republic') = (parent_id IS NULL)", name="root"),
        sa.CheckConstraint("code ~ '^[a-z0-9_]{1,40}$'", name="code"),
        sa.CheckConstraint("region_code IS NULL OR region_code ~ '^[A-Z]{2}$'", name="region_code"),
    )

    id: UUID = id_field()
    parent_id: UUID | None = Field(default=None, foreign_key="branch.id", index=True)
    level: BranchLevel = enum_field(BranchLevel)
    code: str
    path: str = Field(sa_type=Ltree)
    name: Translations = translations_field()
    region_code: str | None = Field(default=None, description="Two letters, of regions only: the series of numbers.")
    created_at: datetime
    closed_at: datetime | None = None
    version: int = 1


class Settlement(SQLModel, table=True):
    """A town, village or quarter, in the district branch that serves it."""

    id: UUID = id_field()
    branch_id: UUID = Field(foreign_key="branch.id", index=True)
    name: Translations = translations_field()
