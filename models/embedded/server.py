"""Starting a server, and stopping it with its owner, however that ends."""

import logging
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from models.embedded.cluster import ENVIRONMENT, USER, ensure_cluster
from models.embedded.errors import EmbeddedError
from models.embedded.home import Home, open_home
from models.embedded.locks import exclusive

# Runs as the server's user, in a session of its own, so that Ctrl-C in a terminal reaches the owner alone. The owner
# holds the other end of the pipe on standard input: a line on it, or its end, which is the owner's end, means "stop".
# SIGINT is PostgreSQL's fast shutdown. A shell starts background commands with SIGINT ignored, so a server that has
# not set its handlers yet would miss it; SIGTERM ends that one, and adds nothing to SIGINT afterwards.
# The shell makes log and socket folder itself, so that root writes in no folder of somebody else; and it is the
# server's parent, so the number it signals cannot have become another process.
_WATCHDOG = """
log=$1 socket=$2; shift 2
[ ! -f "$log" ] || mv -f "$log" "$log.1"
exec 3<&0 </dev/null >"$log" 2>&1
mkdir -m 700 "$socket" || exit 1
"$@" 3<&- & server=$!
( read -r line; kill -INT "$server"; kill -TERM "$server"
  for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 1; done; kill -QUIT "$server" ) <&3 & watcher=$!
exec 3<&-
wait "$server"; code=$?
kill "$watcher" 2>/dev/null
rm -rf "$socket"
exit "$code"
"""

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # No personal data in the log: the text of an ERROR quotes the value that was wrong, its DETAIL the row's key, and
    # "log" is the level that leaves out errors (and warnings) but keeps what the server says about itself.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_SOCKET_PATH_LIMIT = 103  # bytes, the smallest of the systems: macOS 103, Linux 107
_SOCKET_NAME = ".s.PGSQL.5432"
_PATIENCE_SECONDS = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        socket_folder: where it listens; private to the owner of the data, gone when the server is.
        data: its data directory.
        log: the file it logs to.
        pid: the process that is the server's parent of all (the postmaster).
    """

    socket_folder: Path
    data: Path
    log: Path
    pid: int

    def url(self, database: str) -> str:
        """The URL of a database, for asyncpg, psycopg and libpq: `postgresql://unqatu@/NAME?host=SOCKET_FOLDER`."""
        return f"postgresql://{USER}@/{quote(database, safe='')}?{urlencode({'host': self.socket_folder}, safe='/')}"


@contextmanager
def running_server(folder: Path, *, durable: bool = True) -> Iterator[Server]:
    """Run a server on the data in `folder`, made at the first start; it stops with the block or with the process.

    Starting takes as long as the recovery from a crash takes; after some seconds a warning is logged.

    Args:
        folder: a folder for the server alone: new, empty, or one that this function made.
        durable: False for tests, which gain speed and may lose everything in a power failure.

    Raises:
        EmbeddedError: it is running already, its data are damaged or of another version, or the folder is not ours.
    """
    home = open_home(folder.resolve())
    with exclusive(home.folder) as lock:
        ensure_cluster(home, lock=lock, durable=durable)
        socket = _socket_folder(home)
        process = _launch(home, socket, lock=lock, durable=durable)
        try:
            pid = _wait_until_ready(process, home, socket)
            yield Server(socket, home.data, home.log, pid)
        finally:
            process.communicate(b"stop\n")


def create_database(server: Server, name: str) -> None:
    """Create a UTF-8 database with code point order; one that exists is left alone."""
    # The builtin locale is the same on every machine: the system's would change index order with its C library.
    statement = sql.SQL(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
    )
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount == 0:
            connection.execute(statement.format(sql.Identifier(name)))


def _socket_folder(home: Home) -> Path:
    """A fresh, short path that nobody can guess."""
    # A service user's folder is short by itself; it may not reach root's temporary folder.
    parents = [home.place] if home.uid is not None else [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108  random name, made with 0700 or not at all
    for parent in parents:
        socket = parent / f"unqatu-{secrets.token_hex(6)}"
        if len(bytes(socket / _SOCKET_NAME)) <= _SOCKET_PATH_LIMIT:
            return socket
    raise EmbeddedError(f"The path {parents[-1]} is too long for a database socket: choose a shorter one.")


def _launch(home: Home, socket: Path, *, lock: int, durable: bool) -> subprocess.Popen[bytes]:
    settings = _SETTINGS | {"unix_socket_directories": str(socket)} | ({} if durable else _NOT_DURABLE)
    command = [str(home.binaries / "postgres"), "-D", str(home.data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    # A server that was killed leaves its process number in postmaster.pid, which may be another process by now. We hold
    # the lock, so that number is told to PostgreSQL as one to ignore. It still refuses when some process is attached to
    # the shared memory of these data, which is what a server started by hand would be.
    stale = _postmaster(home)
    return subprocess.Popen(
        ["/bin/sh", "-c", _WATCHDOG, "watchdog", str(home.log), str(socket), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=home.place,
        env=ENVIRONMENT | ({"PG_GRANDPARENT_PID": stale[0]} if stale else {}),
        user=home.uid,
        group=home.gid,
        extra_groups=home.groups,
        start_new_session=True,
        pass_fds=(lock,),
    )


def _wait_until_ready(process: subprocess.Popen[bytes], home: Home, socket: Path) -> int:
    """Wait until the server accepts connections or ends; return its process number."""
    impatient_at = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None:
        # The fresh socket folder tells this server's file from one that a killed server left.
        match _postmaster(home):
            case [pid, _, _, _, folder, _, _, "ready"] if folder == str(socket):
                return int(pid)
        if time.monotonic() > impatient_at:
            _log.warning("The database is still starting; after a crash that can take minutes")
            impatient_at = float("inf")
        time.sleep(0.02)
    raise EmbeddedError(_why_it_ended(home))


def _postmaster(home: Home) -> list[str]:
    """The lines of postmaster.pid: process, data, start, port, socket folder, address, shared memory, status."""
    try:
        return [line.strip() for line in (home.data / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _why_it_ended(home: Home) -> str:
    lines = home.log.read_text(errors="replace").splitlines() if home.log.exists() else []
    fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line]
    reason = (fatal or lines or ["no reason given"])[-1].rpartition(":  ")[2].rstrip(".")
    if "shared memory block" in reason or "lock file" in reason:
        return f"Another PostgreSQL server uses {home.data}: stop that one first."
    return f"The database in {home.data} cannot start ({reason}): see {home.log}, or start over with `make demo-reset`."
