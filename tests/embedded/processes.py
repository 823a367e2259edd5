"""Owners of servers in processes of their own, which can be killed, and servers that crash."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_OWNER = """
import sys
from pathlib import Path
from models.embedded import running_server

with running_server(Path(sys.argv[1]), durable=False) as server:
    try:
        print(server.pid, server.url("postgres"), flush=True)
        sys.stdin.readline()
    except KeyboardInterrupt:
        import psycopg
        print("interrupted", psycopg.connect(server.url("postgres")).execute("SELECT 42").fetchone()[0], flush=True)
"""


@dataclass(frozen=True)
class Owner:
    """A process that runs a server until it is killed, interrupted or gets a line."""

    process: subprocess.Popen[str]

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def start_process(folder: Path) -> Owner:
    """Start an owner of the server in `folder`; its first line is the server's process number and URL."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    return Owner(process)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for another process; a minute is long enough for any machine, and the test fails after it."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.01)


def crash(pid: int) -> None:
    """Kill a server as a crash would, and wait until it is gone."""

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    os.kill(pid, signal.SIGKILL)
    wait_until(gone)
