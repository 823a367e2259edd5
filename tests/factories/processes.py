"""A server process as operators run it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from api.settings import Settings

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 60


@dataclass(frozen=True)
class ServerProcess:
    """A running `unqatu serve`; what it says is in `log`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(f"{self.url}/health/ready").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text())


def free_port() -> int:
    """A port that nothing uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(settings: Settings, folder: Path, **more: str) -> Iterator[ServerProcess]:
    """Serve the database of `settings` with its keys, in a process of its own; stop it as an operator does."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("UNQATU_", "DATABASE_URL"))}
    environment = {
        "DATABASE_URL": settings.database_url or "",
        "UNQATU_ENVIRONMENT": "test",
        "UNQATU_DATA_FOLDER": str(folder),
        "UNQATU_KEYS_FOLDER": str(settings.keys),
        "UNQATU_PORT": str(port),
    }
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "api", "serve"],
            cwd=ROOT,
            env=kept | environment | more,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    server = ServerProcess(process, port, log)
    try:
        server.wait()
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
