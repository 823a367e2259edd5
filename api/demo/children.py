"""Processes that end with this one, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 25.0

# A shell stands between, because it notices on every system when its owner has gone, SIGKILL included: its standard
# input, whose other end only the owner holds, ends. It asks the child to stop and waits for it.
KEEPER: Final = """
exec 3<&0 </dev/null
"$@" 3<&- & child=$!
exec >/dev/null 2>&1
( read -r line; kill -TERM "$child" ) <&3 & watcher=$!
exec 3<&-
wait "$child"; code=$?
kill "$watcher"
exit "$code"
"""


@dataclass(frozen=True)
class Child:
    """A running part: its name for people, its process, the file that its log goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self.process.poll() is not None


@contextmanager
def running(name: str, command: str, *, environment: Mapping[str, str], log: Path) -> Iterator[Child]:
    """Run `unqatu <command>`, in a session of its own so that Ctrl-C reaches this process alone; stop it at the end.

    Its standard output is this process's, its log goes to the file `log`.
    """
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER, "keeper", sys.executable, "-m", "api", command],
            stdin=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,
        )
    try:
        yield Child(name, process, log)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to finish what it does; kill it with all its own when it does not."""
    if process.stdin is not None:
        process.stdin.close()
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
