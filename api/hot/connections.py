"""Connections for single statements: straight from the driver, in autocommit, under the same limits as all others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType

import asyncpg

from models.db import (
    COMMAND_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    POOL_SIZE,
    POOL_TIMEOUT_S,
    Sessions,
    driver_connection,
    plain_url,
    server_settings,
)

Connections = Callable[[], AbstractAsyncContextManager[asyncpg.Connection]]


class Pool:
    """At most ten connections, the one used last first. Statements in autocommit leave nothing behind, so nothing is
    reset between them, and no task stands between a request and its connection: the driver's own pool costs as much as
    a quarter of the statement."""

    def __init__(self, url: str, role: str) -> None:
        self.url = plain_url(url)
        self.settings = server_settings(role, statement_timeout_ms=int(COMMAND_TIMEOUT_S * 1000))
        self.idle: list[asyncpg.Connection] = []
        self.free = asyncio.Semaphore(POOL_SIZE)

    def __call__(self) -> "Lease":
        return Lease(self)

    async def take(self) -> asyncpg.Connection:
        """A connection, as soon as one is free.

        Raises:
            TimeoutError: none became free, or none could be made, in time.
        """
        if self.free.locked():
            async with asyncio.timeout(POOL_TIMEOUT_S):
                await self.free.acquire()
        else:
            await self.free.acquire()
        while self.idle:
            connection = self.idle.pop()
            if not connection.is_closed():
                return connection
        try:
            return await asyncpg.connect(
                self.url,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                server_settings=self.settings,
            )
        except BaseException:
            self.free.release()
            raise

    def give_back(self, connection: asyncpg.Connection, error: BaseException | None) -> None:
        """Keep the connection, unless a statement was left half way: to tell the server could take for ever."""
        if isinstance(error, TimeoutError | OSError | asyncpg.InterfaceError | asyncio.CancelledError):
            connection.terminate()
        else:
            self.idle.append(connection)
        self.free.release()

    def close(self) -> None:
        """Drop the idle ones, without a word to a server that may not listen."""
        while self.idle:
            self.idle.pop().terminate()


class Lease:
    """A connection of the pool for the length of a block."""

    __slots__ = ("connection", "pool")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def __aenter__(self) -> asyncpg.Connection:
        self.connection = await self.pool.take()
        return self.connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pool.give_back(self.connection, error)


@asynccontextmanager
async def pooled(url: str, role: str) -> AsyncIterator[Connections]:
    """A pool that connects when it is first asked, so that a server starts without its database."""
    pool = Pool(url, role)
    try:
        yield pool
    finally:
        pool.close()


def borrowed(sessions: Sessions) -> Connections:
    """The driver's connection under a session, in a transaction that commits: how tests share theirs."""

    @asynccontextmanager
    async def borrow() -> AsyncIterator[asyncpg.Connection]:
        async with sessions() as session, session.begin():
            yield await driver_connection(session)

    return borrow
