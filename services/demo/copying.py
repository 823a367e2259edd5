"""Writing many rows at once: COPY, straight from the models."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

import sqlalchemy as sa
from psycopg import Connection, sql
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel


def copy_rows(connection: Connection, rows: Sequence[SQLModel]) -> None:
    """Write new rows, all of one table, in the caller's transaction. Columns that the database fills are left to it."""
    if not rows:
        return
    table = sa.inspect(type(rows[0])).local_table
    columns = [column for column in table.columns if column.computed is None and is_given(column, rows)]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([plain(getattr(row, column.key), column) for column in columns])


def is_given(column: sa.Column[Any], rows: Sequence[SQLModel]) -> bool:
    """Whether the rows say what stands there, rather than the database."""
    return column.server_default is None or any(getattr(row, column.key) is not None for row in rows)


def plain(value: Any, column: sa.Column[Any]) -> Any:
    """The value as psycopg writes it."""
    if value is not None and isinstance(column.type, JSONB):
        return Jsonb(value)
    return value.value if isinstance(value, Enum) else value
