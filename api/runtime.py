"""The composition root: what one process needs, built from the settings, closed in order."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pkgutil import resolve_name

from obstore.store import LocalStore, ObjectStore, S3Store
from sqlalchemy.ext.asyncio import AsyncEngine

from api.settings import Settings
from api.tokens import TokenVerifier
from models.db import Sessions, create_engine, session_factory
from push.console import ConsoleSender
from push.sender import PushSender
from push.sms import ConsoleSmsSender, SmsSender
from services.keyring import Keyring, load_keys

APP_ROLE = "unqatu_app"
WORKER_ROLE = "unqatu_worker"
JOB_TIMEOUT_S = 300.0
GOODBYE_TIMEOUT_S = 2.0


@dataclass(frozen=True, repr=False)
class Runtime:
    """What requests and jobs are handed. Tests build their own with a session factory of theirs."""

    settings: Settings
    sessions: Sessions
    keys: Keyring
    tokens: TokenVerifier
    sms: SmsSender
    files: ObjectStore
    push: PushSender


def database_url(settings: Settings, own: str | None = None) -> str:
    """The database of a process kind: its own URL, or the common one.

    Raises:
        ValueError: there is none; only the demo and the tests bring an embedded server.
    """
    url = own or settings.database_url
    if url is None:
        raise ValueError("DATABASE_URL is not set; `make demo` runs a database of its own")
    return url


def build_runtime(settings: Settings, sessions: Sessions, push: PushSender | None = None) -> Runtime:
    """Put the parts together around a session factory."""
    keys = load_keys(settings.keys)
    return Runtime(
        settings=settings,
        sessions=sessions,
        keys=keys,
        tokens=TokenVerifier(keys, settings.keys),
        sms=build_sms_sender(settings.sms_sender),
        files=open_files(settings),
        push=push or ConsoleSender(sys.stderr, settings.push_log),
    )


def build_sms_sender(name: str) -> SmsSender:
    """The sender that UNQATU_SMS_SENDER names: "console", or "package.module:factory", called without arguments.

    Raises:
        ValueError: there is no such factory.
    """
    if name == "console":
        return ConsoleSmsSender(sys.stdout)
    try:
        sender: SmsSender = resolve_name(name)()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"UNQATU_SMS_SENDER names no factory: {name}") from error
    return sender


def open_files(settings: Settings) -> ObjectStore:
    """Where files are kept: a bucket (its credentials from the usual AWS_ variables) or a folder of our own."""
    if settings.files_url is not None:
        return S3Store.from_url(settings.files_url)
    folder = settings.data_folder.absolute() / "files"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(folder)


def build_push_sender(settings: Settings) -> PushSender:
    """The sender that UNQATU_PUSH_SENDER names.

    Raises:
        CredentialsError: FCM without usable credentials.
    """
    if settings.push_sender == "fcm":
        from push.fcm import FcmSender  # here, for processes that do not send need not load it: 0.5 s and 40 MB

        return FcmSender(settings.google_application_credentials)
    return ConsoleSender(sys.stderr, settings.push_log)


def engine_of(settings: Settings, role: str) -> AsyncEngine:
    """The engine of one kind of process; background work may take its time, a phone may not wait."""
    if role == APP_ROLE:
        return create_engine(database_url(settings), role)
    own = settings.worker_database_url if role == WORKER_ROLE else settings.counter_database_url
    return create_engine(database_url(settings, own), role, command_timeout_s=JOB_TIMEOUT_S)


@asynccontextmanager
async def running(settings: Settings, *, role: str = APP_ROLE) -> AsyncIterator[Runtime]:
    """The runtime of one process, acting as the database role `role`."""
    engine = engine_of(settings, role)
    push = build_push_sender(settings) if role == WORKER_ROLE else None
    try:
        yield build_runtime(settings, session_factory(engine), push)
    finally:
        if push is not None:
            await push.close()
        await close_engine(engine)


async def close_engine(engine: AsyncEngine) -> None:
    """Say goodbye to the database, but do not wait for one that does not answer."""
    try:
        async with asyncio.timeout(GOODBYE_TIMEOUT_S):
            await engine.dispose()
    except TimeoutError:
        await engine.dispose(close=False)
