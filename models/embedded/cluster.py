"""Making and checking a data directory, before a server runs on it."""

import os
import shutil
import subprocess

from models.embedded.errors import EmbeddedError
from models.embedded.home import Home

MAJOR_VERSION = "18"
USER = "unqatu"

# Nothing of the caller's environment: neither PG… variables, which would redirect the server, nor its secrets.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def ensure_cluster(home: Home, *, lock: int, durable: bool) -> None:
    """Make the data directory, or check that this version can run on the one that is there.

    Args:
        home: the server's files.
        lock: descriptor of the server's lock, inherited by initdb so that a killed owner's one still counts.
        durable: whether the new files are flushed to disk.

    Raises:
        EmbeddedError: the data are damaged, of another major version, or cannot be made.
    """
    if home.data.exists():
        _check_cluster(home)
    else:
        _make_cluster(home, lock=lock, durable=durable)


def _check_cluster(home: Home) -> None:
    version_file = home.data / "PG_VERSION"
    version = version_file.read_text().strip() if version_file.is_file() else ""
    if not version or not (home.data / "global" / "pg_control").is_file():
        raise EmbeddedError(
            f"The database in {home.data} is damaged, files are missing: start over with `make demo-reset`."
        )
    if version != MAJOR_VERSION:
        raise EmbeddedError(
            f"The database in {home.data} is of PostgreSQL {version}, but this is {MAJOR_VERSION}: keep it for its own "
            "version, or start over with `make demo-reset`."
        )


def _make_cluster(home: Home, *, lock: int, durable: bool) -> None:
    shutil.rmtree(home.unfinished, ignore_errors=not home.unfinished.exists())
    # trust: only who may enter the 0700 socket folder can connect at all, that is the owner of the data (and root).
    command = [
        *(str(home.binaries / "initdb"), "-D", str(home.unfinished), "-U", USER, "--no-instructions"),
        *("--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *(() if durable else ("--no-sync",)),
    ]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=home.place,
        env=ENVIRONMENT,
        user=home.uid,
        group=home.gid,
        extra_groups=home.groups,
        start_new_session=True,
        pass_fds=(lock,),
    )
    if done.returncode != 0:
        lines = done.stderr.splitlines() or ["no reason given"]
        reason = next((line for line in lines if "error" in line), lines[0])
        raise EmbeddedError(
            f"The database cannot be made in {home.place} ({reason}): correct that, or set DATABASE_URL."
        )
    home.unfinished.rename(home.data)
