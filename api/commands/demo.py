"""unqatu demo: an own database, made-up data, the API and a worker, until Ctrl-C."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import psycopg
from rich.console import Console

from api.commands.errors import CommandError
from api.demo import children, folder, screen
from api.demo.children import Child
from api.settings import Environment, Settings
from models.base import utc_now
from models.embedded import create_database, running_server
from models.migrations import runner
from services.demo.access import Access, ForeignKeysError, renew_access
from services.demo.seeding import NotTheDemoError, is_seeded, seed
from services.keyring import Keyring, KeyringError, load_keys, make_keys

TOKEN_LIFETIME: Final = timedelta(hours=12)
READY_PATIENCE_S: Final = 60.0
HEALTHY: Final = 200


class Stopped(Exception):  # not an error: somebody pressed Ctrl-C
    """The demo was asked to stop."""


def demo() -> None:
    """Run the API and a worker on a database of its own with made-up data, until Ctrl-C."""
    settings = demo_settings()
    console = Console()
    listen_to_signals()
    try:
        folder.claim(settings.data_folder)
        port = free_port(settings)
        with database(settings) as url:
            keys, access = prepare(settings, url)
            run(console, settings, url, port, keys, access)
    except Stopped:
        console.print("Stopped.")


def demo_reset() -> None:
    """Delete the demo's database, keys and files."""
    settings = demo_settings()
    if settings.database_url is not None:
        raise CommandError("DATABASE_URL names a database of your own: empty it yourself; nothing was deleted.")
    folder.reset(settings.data_folder)


def demo_settings() -> Settings:
    """The settings of the demo: from the environment, but for what makes it a demo."""
    found = Settings(environment=Environment.demo)
    return found.model_copy(update={"data_folder": found.data_folder.resolve()})


def listen_to_signals() -> None:
    """Take SIGTERM and a closed terminal like Ctrl-C; the first signal stops the demo, more do not disturb that."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    for each in signals:
        signal.signal(each, stop)


def free_port(settings: Settings) -> int:
    """The port to serve on, checked before minutes are spent; with UNQATU_PORT=0 any free one.

    Raises:
        CommandError: it is in use, or not to be had.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise CommandError(
                f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}): stop what uses it, or "
                "choose another with UNQATU_PORT."
            ) from error
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of a database at the newest schema: the one that DATABASE_URL names, or our own server's.

    Raises:
        CommandError: the one that DATABASE_URL names does not answer.
        EmbeddedError: our own cannot run.
    """
    if settings.database_url is not None:
        with spoken_database_errors():
            runner.upgrade(settings.owner_database_url or settings.database_url)
        yield settings.database_url
        return
    with running_server(settings.data_folder / folder.DATABASE) as server:
        create_database(server, "unqatu")
        url = server.url("unqatu")
        runner.upgrade(url)
        yield url


@contextmanager
def spoken_database_errors() -> Iterator[None]:
    """Say in a sentence what is wrong with a database that is not ours."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", error)
        if not isinstance(cause, psycopg.Error):
            raise
        reason = (str(cause).strip().splitlines() or ["no reason given"])[0]
        raise CommandError(f"The database that DATABASE_URL names cannot be used: {reason}") from error


def prepare(settings: Settings, url: str) -> tuple[Keyring, Access]:
    """Write the demo's data unless they are there, and renew the ways in.

    Raises:
        CommandError: the database holds other data, or the keys are missing or not those of the data.
    """
    with spoken_database_errors(), psycopg.connect(settings.owner_database_url or url) as connection:
        try:
            # Keys are made for new data only: for old data, new ones would fit nothing.
            if not is_seeded(connection):
                make_keys(settings.keys, now=utc_now())
            keys = load_keys(settings.keys)
            seed(connection, keys)
            return keys, renew_access(connection, keys, now=utc_now())
        except NotTheDemoError as error:
            raise CommandError("The database that DATABASE_URL names holds other data: name an empty one.") from error
        except (ForeignKeysError, KeyringError) as error:
            raise CommandError(
                f"The keys in {settings.keys} are missing or not those of the demo's data: put them back, or start "
                "over with `make demo-reset`."
            ) from error


def run(console: Console, settings: Settings, url: str, port: int, keys: Keyring, access: Access) -> NoReturn:
    """Run the API and a worker, show the screen, and wait.

    Raises:
        Stopped: by a signal.
        CommandError: a part ended by itself.
    """
    environment = os.environ | child_environment(settings, url, port)
    logs = settings.data_folder
    with (
        children.running("API", "serve", environment=environment, log=logs / "api.log") as api,
        children.running("worker", "worker", environment=environment, log=logs / "worker.log") as worker,
    ):
        wait_until_ready(settings.host, port, (api, worker))
        address = f"http://{settings.host}:{port}"
        variables = screen.credentials(address, access, keys, lifetime=TOKEN_LIFETIME, now=utc_now())
        file = settings.data_folder / "demo.env"
        screen.write_credentials(file, variables)
        screen.show(console, access, variables, file=short(file), lifetime=TOKEN_LIFETIME)
        while True:
            check(api, worker)
            time.sleep(0.2)


def child_environment(settings: Settings, url: str, port: int) -> dict[str, str]:
    """What makes the parts those of the demo."""
    return {
        "DATABASE_URL": url,
        "UNQATU_ENVIRONMENT": Environment.demo.value,
        "UNQATU_DATA_FOLDER": str(settings.data_folder),
        "UNQATU_PORT": str(port),
        "UNQATU_ACCESS_TOKEN_LIFETIME": f"PT{int(TOKEN_LIFETIME.total_seconds())}S",
        "UNQATU_PUSH_LOG": str(settings.data_folder / "push.jsonl"),
        "UNQATU_QUIET_HOURS": "off",
    }


def wait_until_ready(host: str, port: int, parts: tuple[Child, ...]) -> None:
    """Wait for the API's word that it can work.

    Raises:
        CommandError: a part has ended, or nothing was heard in a minute.
    """
    deadline = time.monotonic() + READY_PATIENCE_S
    while not is_ready(host, port):
        check(*parts)
        if time.monotonic() > deadline:
            raise CommandError(f"The API does not get ready: see {parts[0].log}.")
        time.sleep(0.05)


def is_ready(host: str, port: int) -> bool:
    """Ask once."""
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == HEALTHY
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def check(*parts: Child) -> None:
    """Refuse to go on with half of the demo.

    Raises:
        CommandError: a part has ended.
    """
    for part in parts:
        if part.ended:
            raise CommandError(f"The {part.name} has ended: see {part.log}, or start over with `make demo-reset`.")


def short(path: Path) -> Path:
    """The path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
