"""What the figures stand on: a durable server of our own, databases, keys, signed-in members."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil

from api.tokens import issue_access_token
from models.base import utc_now
from models.embedded import Server, create_database, remove, running_server
from services.keyring import Keyring, load_keys, make_keys
from tests.bench.dataset import ACCOUNT, SESSION, fill, numbered
from tests.bench.processes import ROOT, free_port, serving


@dataclass(frozen=True)
class Ground:
    """A PostgreSQL server with fsync on, and a folder for keys."""

    server: Server
    folder: Path
    keys: Keyring

    @property
    def postgres(self) -> psutil.Process:
        """The server's parent process."""
        return psutil.Process(self.server.pid)

    def make_database(self, name: str, *, articles: int) -> str:
        """A filled database; its URL."""
        create_database(self.server, name)
        fill(self.server.url(name), articles)
        return self.server.url(name)

    def sign_in(self, number: int) -> str:
        """The Authorization header of the n-th member."""
        token = issue_access_token(
            self.keys,
            account_id=numbered(ACCOUNT, number),
            session_id=numbered(SESSION, number),
            lifetime=timedelta(hours=2),
            now=utc_now(),
        )
        return f"Authorization: Bearer {token}"

    @contextmanager
    def api(self, url: str, **settings: str) -> Iterator[tuple[int, psutil.Process]]:
        """The API as it is run for real, in one process: its port, and the process."""
        port = free_port()
        environment = {
            "DATABASE_URL": url,
            "UNQATU_ENVIRONMENT": "test",
            "UNQATU_DATA_FOLDER": str(self.folder),
            "UNQATU_PORT": str(port),
            **settings,
        }
        with serving(["api", "serve"], port, environment) as process:
            yield port, process


@contextmanager
def ground() -> Iterator[Ground]:
    """Everything new, and gone afterwards."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unqatu-bench-")))
        make_keys(folder / "keys", now=utc_now())
        data = ROOT / "build" / "bench-database"
        remove(data)
        stack.callback(remove, data)
        server = stack.enter_context(running_server(data, durable=True))
        yield Ground(server, folder, load_keys(folder / "keys"))
