"""Engines and sessions. The pool's limits make a lost database an answer in seconds, not a hanging phone."""

from typing import Any, Final

import asyncpg
from sqlalchemy import CursorResult, Executable
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlmodel.ext.asyncio.session import AsyncSession

Sessions = async_sessionmaker[AsyncSession]

# A phone gets its 503 within 5 s of a database that swallows everything. Measured: a request that finds an idle
# connection needs COMMAND_TIMEOUT_S, and 2 s more in which the driver tries to say goodbye (4.0 s); one that opens a
# connection CONNECT_TIMEOUT_S (1.5 s); one that waits for a place in the pool POOL_TIMEOUT_S before that.
COMMAND_TIMEOUT_S: Final = 2.0
CONNECT_TIMEOUT_S: Final = 1.5
POOL_TIMEOUT_S: Final = 2.0
POOL_SIZE: Final = 10


def server_settings(role: str, *, statement_timeout_ms: int) -> dict[str, str]:
    """What every connection runs under. `role` drops the rights of the URL's user to those of one process kind."""
    return {
        "role": role,
        "timezone": "UTC",
        "application_name": role,
        "statement_timeout": str(statement_timeout_ms),
        "lock_timeout": str(statement_timeout_ms),
        "idle_in_transaction_session_timeout": "10000",
    }


def plain_url(url: str) -> str:
    """The URL as libpq, psycopg and asyncpg take it, without SQLAlchemy's driver name."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def create_engine(
    url: str, role: str, *, pool_size: int = POOL_SIZE, command_timeout_s: float = COMMAND_TIMEOUT_S
) -> AsyncEngine:
    """An engine whose connections act as the database role `role`.

    Args:
        url: postgresql://… of a user that is a member of `role`.
        role: unqatu_app, unqatu_worker or unqatu_counter; what each may do stands in the migrations.
        pool_size: connections at most.
        command_timeout_s: the longest a single statement may take, in seconds, seen from this side.
    """
    return create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=POOL_TIMEOUT_S,
        connect_args={
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": command_timeout_s,
            "server_settings": server_settings(role, statement_timeout_ms=int(command_timeout_s * 1000)),
        },
    )


def session_factory(bind: Any, **options: Any) -> Sessions:
    """Sessions that never load anything behind the back of the code that uses them."""
    return async_sessionmaker(bind, class_=AsyncSession, expire_on_commit=False, **options)


def pool_usage(sessions: Sessions) -> tuple[int, int]:
    """Connections in use, and at most, behind a session factory; zeros if it is bound to a single connection."""
    bind = sessions.kw["bind"]
    pool = bind.pool if isinstance(bind, AsyncEngine) else None
    return (pool.checkedout(), pool.size()) if isinstance(pool, QueuePool) else (0, 0)


async def execute(session: AsyncSession, statement: Executable, **parameters: Any) -> CursorResult[Any]:
    """Run SQL that no model stands for, in the session's transaction, after what is pending was flushed."""
    await session.flush()
    connection = await session.connection()
    return await connection.execute(statement, parameters)


async def driver_connection(session: AsyncSession) -> asyncpg.Connection:
    """The asyncpg connection under a session, inside its transaction: for statements whose JSON PostgreSQL makes."""
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if driver is None:
        raise RuntimeError("the session has no connection")
    return driver


def violated_constraint(error: IntegrityError) -> str | None:
    """The name of the constraint that refused a write."""
    name: str | None = getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)
    return name
