"""Connections for single statements: straight from the driver, in autocommit, under the same limits as all others."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import asyncpg

from models.db import COMMAND_TIMEOUT_S, CONNECT_TIMEOUT_S, Sessions, driver_connection, plain_url, server_settings

Connections = Callable[[], AbstractAsyncContextManager[asyncpg.Connection]]

POOL_SIZE: Final = 10


async def keep_as_is(_: asyncpg.Connection) -> None:
    """Statements in autocommit leave nothing behind that would cost a round trip to reset."""


@asynccontextmanager
async def pooled(url: str, role: str) -> AsyncIterator[Connections]:
    """A pool that connects when it is first asked, so that a server starts without its database."""
    settings = server_settings(role, statement_timeout_ms=int(COMMAND_TIMEOUT_S * 1000))
    pool = asyncpg.create_pool(
        plain_url(url),
        min_size=0,
        max_size=POOL_SIZE,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings=settings,
        reset=keep_as_is,
    )

    @asynccontextmanager
    async def acquire() -> AsyncIterator[asyncpg.Connection]:
        connection = await pool.acquire(timeout=CONNECT_TIMEOUT_S)
        try:
            yield connection
        except (TimeoutError, OSError):
            # Giving it back would wait for the server to hear that the statement is cancelled, which may be never.
            connection.terminate()
            raise
        finally:
            await pool.release(connection)

    await pool
    try:
        yield acquire
    finally:
        pool.terminate()


def borrowed(sessions: Sessions) -> Connections:
    """The driver's connection under a session, in a transaction that commits: how tests share theirs."""

    @asynccontextmanager
    async def borrow() -> AsyncIterator[asyncpg.Connection]:
        async with sessions() as session, session.begin():
            yield await driver_connection(session)

    return borrow
