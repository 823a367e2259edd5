"""Members and where they belonged, and when."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlmodel import Field, SQLModel

from models.base import enum_field, id_field


class Sex(StrEnum):
    """As the IIN says it."""

    female = "female"
    male = "male"


class MemberState(StrEnum):
    """Only an active member reads, answers and is counted; an erased one has blank columns."""

    active = "active"
    suspended = "suspended"
    left = "left"
    erased = "erased"


class DuesCategory(StrEnum):
    """By which the amount of dues is set."""

    standard = "standard"
    student = "student"
    pensioner = "pensioner"
    exempt = "exempt"


class Member(SQLModel, table=True):
    """A person of the party. The IIN is encrypted and found by `iin_hash`; `name_sort` gives Kazakh order bytewise."""

    __table_args__ = (
        sa.Index("member_name_sort_id_idx", "name_sort", "id"),
        sa.CheckConstraint("(iin_encrypted IS NULL) = (iin_hash IS NULL)", name="iin"),
    )

    id: UUID = id_field()
    account_id: UUID | None = Field(default=None, foreign_key="account.id", unique=True)
    family_name: str | None = None
    given_name: str | None = None
    patronymic: str | None = None
    name_sort: str = ""
    birth_on: date | None = None
    sex: Sex | None = enum_field(Sex, default=None, nullable=True)
    youth_wing: bool = False
    dues_category: DuesCategory = enum_field(DuesCategory, default=DuesCategory.standard)
    settlement_id: UUID | None = Field(default=None, foreign_key="settlement.id", index=True)
    card_number: str | None = Field(default=None, unique=True)
    iin_encrypted: bytes | None = None
    iin_hash: bytes | None = Field(default=None, unique=True)
    encryption_key_id: str | None = None
    state: MemberState = enum_field(MemberState, default=MemberState.active)
    admitted_on: date
    created_at: datetime
    version: int = 1


class Membership(SQLModel, table=True):
    """A stay of a member in a primary organisation, [started_on, ended_on). One at a time: the database refuses two."""

    __table_args__ = (
        ExcludeConstraint(
            (sa.column("member_id"), "="),
            (sa.text("daterange(started_on, ended_on)"), "&&"),
            using="gist",
            name="membership_one_at_a_time_excl",
        ),
        sa.CheckConstraint("ended_on IS NULL OR ended_on > started_on", name="period"),
        sa.Index(
            "membership_current_key",
            "member_id",
            unique=True,
            postgresql_where=sa.text("ended_on IS NULL"),
            postgresql_include=["branch_id"],
        ),
        sa.Index(
            "membership_branch_current_idx",
            "branch_id",
            postgresql_where=sa.text("ended_on IS NULL"),
            postgresql_include=["member_id"],
        ),
    )

    id: UUID = id_field()
    member_id: UUID = Field(foreign_key="member.id", index=True)
    branch_id: UUID = Field(foreign_key="branch.id")
    started_on: date
    ended_on: date | None = None
