"""What all tables share: constraint names, ids, column types.

Table models do not validate on construction; the In/Out schemas of the API do.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
import uuid_utils.compat
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}

Translations = dict[str, str]
"""A text in several languages, keyed by language code: {"kk": "...", "ru": "..."}."""

LANGUAGES: Final = ("kk", "ru", "en")
"""The languages people are answered in, in the order in which a missing text falls back."""


class Language(StrEnum):
    """A language people read."""

    kk = "kk"
    ru = "ru"
    en = "en"


def new_id() -> UUID:
    """A UUIDv7: ordered by time, so that indexes stay dense. Never for ballots, trackers or secrets."""
    return uuid_utils.compat.uuid7()


def utc_now() -> datetime:
    """The clock of the edges (routers, workers, commands). Services take `now` instead of calling this."""
    return datetime.now(UTC)


class Ltree(UserDefinedType[str]):
    """A PostgreSQL ltree, seen as text on both sides: asyncpg and psycopg know no codec of their own for it."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "LTREE"

    def bind_expression(self, bindvalue: sa.BindParameter[str]) -> sa.ColumnElement[str]:
        return sa.cast(sa.type_coerce(bindvalue, sa.Text), self)

    def column_expression(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        return sa.cast(column, sa.Text)


def id_field() -> Any:
    """The primary key of most tables."""
    return Field(default_factory=new_id, primary_key=True)


def translations_field() -> Any:
    """A column of `Translations`."""
    return Field(sa_type=JSONB)


def enum_field(kind: type[StrEnum], **options: Any) -> Any:
    """A text column that holds the values of `kind` and nothing else (a CHECK constraint, not a native type).

    The constraint is named <table>_<column>_check by the column's own name, which `kind` gives in lower case.
    """
    options.setdefault("nullable", False)
    column_type = sa.Enum(
        kind,
        name=kind.__name__.lower(),
        native_enum=False,
        length=32,
        create_constraint=True,
        values_callable=lambda members: [member.value for member in members],
    )
    return Field(sa_type=column_type, **options)
