"""Two locks a folder: the owner's, which dies with the owning process, and the server's, which dies with the server.

They are two because a killed owner leaves a server that is still shutting down: the next owner then waits, not fails.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.embedded.errors import EmbeddedError

OWNER_LOCK = "owner.lock"
SERVER_LOCK = "server.lock"

_SHUTDOWN_SECONDS = 60.0
_log = logging.getLogger(__name__)


@contextmanager
def exclusive(folder: Path) -> Iterator[int]:
    """Hold `folder` alone, and yield the file descriptor of the server's lock for its processes to inherit.

    Raises:
        EmbeddedError: another process owns the folder, or the server of a killed owner does not end.
    """
    owner = _try_lock(folder / OWNER_LOCK)
    if owner is None:
        holder = (folder / OWNER_LOCK).read_text().strip() or "unknown"
        raise EmbeddedError(f"The database in {folder} is already running, by process {holder}: stop that one first.")
    try:
        os.ftruncate(owner, 0)
        os.write(owner, str(os.getpid()).encode())
        server = _wait_for_server_lock(folder)
        try:
            yield server
        finally:
            os.close(server)
    finally:
        # Unlocked by name, because children that were forked meanwhile share the descriptor.
        fcntl.flock(owner, fcntl.LOCK_UN)
        os.close(owner)


def _wait_for_server_lock(folder: Path) -> int:
    deadline = time.monotonic() + _SHUTDOWN_SECONDS
    told = False
    while (lock := _try_lock(folder / SERVER_LOCK)) is None:
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"A database server of an earlier run still uses {folder}: end it (`kill -INT` with the number "
                "in its postmaster.pid) and try again."
            )
        if not told:
            _log.warning("Waiting for the database server of an earlier run to stop")
            told = True
        time.sleep(0.05)
    return lock


def _try_lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:  # the folder was removed between opening and locking
        os.close(descriptor)
        return _try_lock(path)
    return descriptor
