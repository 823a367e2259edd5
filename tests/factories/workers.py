"""Real worker processes, and a pipe that lets a test stand in the middle of what they send."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

PATIENCE_S = 120
ROOT = Path(__file__).parents[2]


@dataclass
class Worker:
    """`python -m api worker`, one job at a time."""

    process: subprocess.Popen[bytes]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        return await asyncio.to_thread(self.process.wait, PATIENCE_S)


@contextmanager
def running_worker(database: str, keys: Path, record: Path, **settings: str | int) -> Iterator[Worker]:
    """A worker that writes what it sends to `record`. Killed in the end if it still runs."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database,
        "UNQATU_ENVIRONMENT": "test",
        "UNQATU_DATA_FOLDER": str(record.parent),
        "UNQATU_KEYS_FOLDER": str(keys),
        "UNQATU_PUSH_LOG": str(record),
        "UNQATU_QUIET_HOURS": "off",
        "UNQATU_PUSH_BATCH_SIZE": "50",
        "UNQATU_PUSH_SLICE_SIZE": "10",
        "UNQATU_PUSH_LEASE": "PT2S",
        "UNQATU_JOB_HEARTBEAT": "PT1S",
    } | {f"UNQATU_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "api", "worker", "--concurrency", "1"]
    with (record.parent / f"{record.name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield Worker(process)
    finally:
        process.kill()
        process.wait()


@dataclass
class Tap:
    """A pipe in place of a push log. Who sends into it waits until it is read: then the sender is amid a slice."""

    path: Path
    seen: list[str] = field(default_factory=list)
    rest: bytes = b""

    def __post_init__(self) -> None:
        os.mkfifo(self.path, 0o600)
        self.pipe = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, 4096)

    async def read(self, *, until: int) -> None:
        """Let messages through until so many were seen."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.seen) < until:
                await self.drain()

    async def drain(self) -> None:
        """Let through what is there."""
        try:
            self.rest += os.read(self.pipe, 4096)
        except BlockingIOError:
            await asyncio.sleep(0.01)
        *lines, self.rest = self.rest.split(b"\n")
        self.seen += [json.loads(line)["address_hash"] for line in lines]


def recorded(path: Path) -> list[str]:
    """The hashes of the addresses that a worker with a plain file has sent to."""
    return [json.loads(line)["address_hash"] for line in path.read_text().splitlines()] if path.exists() else []


def ask(database: str, query: str) -> list[tuple[Any, ...]]:
    """Look into the database, as its owner."""
    with psycopg.connect(database) as connection:
        found = connection.execute(query)  # type: ignore[call-overload]  # queries of ours, written out
        return found.fetchall() if found.description else []


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other processes do."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  # other processes set no event of ours
            await asyncio.sleep(0.05)
