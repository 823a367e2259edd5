"""Counting the statements that reach the server, through the engine or past it on the driver's connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from asyncpg.connection import LoggedQuery
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


@contextmanager
def counted(engine: AsyncEngine, connection: asyncpg.Connection) -> Iterator[list[str]]:
    """The statements of the block, in order; savepoints and the like, which stand for the transaction, left out."""
    seen: list[str] = []

    def sent(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    def sent_past_the_engine(query: LoggedQuery) -> None:
        seen.append(query.query)

    event.listen(engine.sync_engine, "before_cursor_execute", sent)
    connection.add_query_logger(sent_past_the_engine)
    try:
        yield seen
    finally:
        connection.remove_query_logger(sent_past_the_engine)
        event.remove(engine.sync_engine, "before_cursor_execute", sent)
        seen[:] = [statement for statement in seen if not statement.startswith(("SAVEPOINT", "RELEASE", "SET CONST"))]
