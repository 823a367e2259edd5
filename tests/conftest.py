"""The ground of the tests: one PostgreSQL a run, one migrated template, one clone a test process.

Most tests run in one outer transaction that is rolled back, through the real session factory and the application's own
database role. In it deferred triggers never fire by themselves, so a session's commit makes them. Tests of concurrency,
jobs and NOTIFY take `cloned_database` instead.
"""

import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import pytest_asyncio
import sqlalchemy as sa
import time_machine
from fastapi import FastAPI
from psycopg import sql
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import Session as SyncSession
from sqlmodel.ext.asyncio.session import AsyncSession

from api.app import create_app, create_edge
from api.hot.connections import borrowed
from api.hot.state import HotState
from api.runtime import APP_ROLE, Runtime, build_runtime
from api.settings import Environment, Settings
from models.base import utc_now
from models.db import Sessions, create_engine, session_factory
from models.embedded import remove, running_server
from models.migrations import runner
from services.keyring import make_keys
from tests.contract.declared import Declared
from tests.factories.lanes import HOT, PLAIN
from tests.factories.sign_in import Phone
from tests.factories.world import SignIn, World, make_world

SERVER_VARIABLE = "UNQATU_TEST_SERVER"
TEMPLATE_VARIABLE = "UNQATU_TEST_TEMPLATE"
RESOURCES = ExitStack()


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def execute(url: str, statement: sql.Composed) -> None:
    """One statement outside a transaction, as databases are made."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def create_database(server: str, name: str, template: str = "template0") -> str:
    """Make a database with the project's locale, or a clone of one that has it; its URL."""
    locale = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' ENCODING 'UTF8'" if template == "template0" else ""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} " + locale)
    execute(server, statement.format(sql.Identifier(name), sql.Identifier(template)))
    return with_database(server, name)


def drop_database(server: str, name: str) -> None:
    """Remove a database and whoever is still connected to it."""
    execute(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def pytest_configure(config: pytest.Config) -> None:
    """In the first process only: find or start the server and migrate the template."""
    # A shell starts background commands with SIGINT ignored, and children inherit that: no test could press Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        return
    server = os.environ.get("DATABASE_URL")
    if server is None:
        folder = Path(config.rootpath) / "build" / f"test-database-{secrets.token_hex(4)}"
        RESOURCES.callback(remove, folder)
        server = RESOURCES.enter_context(running_server(folder, durable=False)).url("postgres")
    template = f"unqatu_test_{secrets.token_hex(4)}"
    runner.upgrade(create_database(server, template))
    RESOURCES.callback(drop_database, server, template)
    os.environ[SERVER_VARIABLE], os.environ[TEMPLATE_VARIABLE] = server, template


def pytest_unconfigure(config: pytest.Config) -> None:
    """Put everything away again."""
    RESOURCES.close()


@pytest.fixture(scope="session")
def server_url() -> str:
    """A database of the server, for making others."""
    return os.environ[SERVER_VARIABLE]


def clone(server: str) -> Iterator[str]:
    """A migrated database of one's own."""
    name = f"{os.environ[TEMPLATE_VARIABLE]}_{secrets.token_hex(4)}"
    yield create_database(server, name, os.environ[TEMPLATE_VARIABLE])
    drop_database(server, name)


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    """The database of this test process; whatever is written there is rolled back."""
    yield from clone(server_url)


@pytest.fixture
def cloned_database(server_url: str) -> Iterator[str]:
    """A database for one test that commits (owner's URL)."""
    yield from clone(server_url)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Settings:
    """Settings of a test process, with keys of its own."""
    folder = tmp_path_factory.mktemp("data")
    make_keys(folder / "keys", now=utc_now())
    return Settings(
        environment=Environment.test, data_folder=folder, database_url=database_url, quiet_hours=None, code_lifetime=300
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """An engine in the application's role."""
    made = create_engine(settings.database_url or "", APP_ROLE, pool_size=2)
    yield made
    await made.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """The outer transaction of a test."""
    async with engine.connect() as made:
        transaction = await made.begin()
        yield made
        await transaction.rollback()


class CheckedSession(SyncSession):
    """A session whose commit, inside the outer transaction, checks what a real commit would check."""


@event.listens_for(CheckedSession, "before_commit")
def check_deferred(session: SyncSession) -> None:
    """Let deferred constraints and triggers speak now."""
    session.flush()
    session.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
    session.execute(sa.text("SET CONSTRAINTS ALL DEFERRED"))


@pytest.fixture
def sessions(connection: AsyncConnection) -> Sessions:
    """The real session factory, bound to the outer transaction."""
    return session_factory(connection, join_transaction_mode="create_savepoint", sync_session_class=CheckedSession)


@pytest_asyncio.fixture(loop_scope="session")
async def session(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """A session for arranging and for calling services."""
    async with sessions() as made:
        yield made


@pytest.fixture
def runtime(settings: Settings, sessions: Sessions) -> Runtime:
    """The parts of a process, on the test's transaction."""
    return build_runtime(settings, sessions)


@pytest.fixture(scope="session")
def app(settings: Settings) -> FastAPI:
    """The application, built once; `client` gives it the runtime of its test."""
    return create_app(settings)


@pytest_asyncio.fixture(loop_scope="session")
async def client(
    app: FastAPI, runtime: Runtime, sessions: Sessions, request: pytest.FixtureRequest
) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP in process, through the edge. Tests of operations that the hot lane takes say `both_lanes`."""
    app.state.runtime = runtime
    in_hot_lane = getattr(request, "param", PLAIN) == HOT
    app.state.hot = HotState(runtime, borrowed(sessions), lifetime_s=0, people_lifetime_s=0) if in_hot_lane else None
    transport = httpx.ASGITransport(app=Declared(create_edge(app), app.openapi()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def world(session: AsyncSession, runtime: Runtime) -> World:
    """A small organisation: see tests.factories.world."""
    made = await make_world(session, runtime.keys)
    await session.commit()
    return made


@pytest.fixture
def sign_in(session: AsyncSession, runtime: Runtime) -> SignIn:
    """Real sessions and real tokens: `headers = await sign_in(account_id)`."""
    return SignIn(session, runtime)


@pytest.fixture
def phone(client: httpx.AsyncClient, runtime: Runtime) -> Phone:
    """A phone that nobody knows."""
    return Phone(client, runtime)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """A clock that stands at a morning and that the test moves."""
    with time_machine.travel("2026-03-10T05:00:00Z", tick=False) as traveller:
        yield traveller
