"""Where a server's files live, whose they are, and how they are removed.

An ordinary user's data are in the folder itself. PostgreSQL refuses to run as root, so root's are in a folder of a
service user below `SERVICE_ROOT`, and the folder only holds the locks and a marker that says where the data are.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models.embedded.binaries import binaries_folder, shared_binaries
from models.embedded.errors import EmbeddedError
from models.embedded.locks import OWNER_LOCK, SERVER_LOCK, exclusive

SERVICE_ROOT = Path("/var/lib/unqatu")
SERVICE_USERS = ("unqatu", "nobody")
MARKER = "EMBEDDED_POSTGRESQL"

_MARKER_TEXT = "Made by Unqatu for its embedded PostgreSQL; `make demo-reset` deletes it. The data are in:"
_LOCKS = (OWNER_LOCK, SERVER_LOCK)


@dataclass(frozen=True)
class Home:
    """The files of one server. `uid` and `gid` are those of the service user, or None for the caller's own."""

    folder: Path
    place: Path
    binaries: Path
    uid: int | None = None
    gid: int | None = None

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.place / "data"

    @property
    def unfinished(self) -> Path:
        """A data directory in the making; renamed to `data` when whole."""
        return self.place / "data.new"

    @property
    def log(self) -> Path:
        """The server's log of this run; that of the run before is beside it with `.1`."""
        return self.place / "server.log"

    @property
    def groups(self) -> list[int] | None:
        """The supplementary groups of the server's processes: none for a service user."""
        return None if self.uid is None else []


def open_home(folder: Path) -> Home:
    """Make or check the folder of a server; `folder` is absolute and without symbolic links.

    Raises:
        EmbeddedError: the folder belongs to somebody else, holds other things, was moved, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(folder)
        if os.geteuid() == 0:
            place = _service_place(folder)
            _mark(folder, str(place))
            owner = _service_owner(place)
            return Home(folder, place, shared_binaries(SERVICE_ROOT), owner.pw_uid, owner.pw_gid)
        _mark(folder, "this folder")
        return Home(folder, folder, binaries_folder())
    except OSError as error:
        raise EmbeddedError(f"{error.filename or folder} cannot be used for the database: {error.strerror}.") from error


def remove(folder: Path) -> None:
    """Delete the data of a stopped server and all that `running_server` made for it; no such folder is no error.

    Other files in the folder stay.

    Raises:
        EmbeddedError: the folder does not carry our marker, belongs to somebody else, or its server is running.
    """
    folder = folder.resolve()
    if not folder.exists():
        return
    _check_owner(folder)
    if not (folder / MARKER).exists():
        raise EmbeddedError(f"{folder} was not made for the embedded database, so it is not deleted.")
    with exclusive(folder):
        if os.geteuid() == 0 and (place := _service_place(folder)).exists():
            shutil.rmtree(place)
        for name in ("data", "data.new"):
            shutil.rmtree(folder / name, ignore_errors=not (folder / name).exists())
        # The marker goes after the data, so that a reset that was interrupted can be repeated.
        for name in ("server.log", "server.log.1", MARKER, *_LOCKS):
            (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _check_owner(folder: Path) -> None:
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        raise EmbeddedError(f"{folder} belongs to {_user_name(owner)}: run as that user, or choose another folder.")


def _user_name(uid: int) -> str:
    account = _account(uid)
    return f"the user {account.pw_name}" if account else f"the user with the number {uid}"


def _mark(folder: Path, place: str) -> None:
    marker = folder / MARKER
    text = f"{_MARKER_TEXT}\n{place}\n"
    found = marker.read_text() if marker.exists() else ""
    if found == text:
        return
    if found:
        raise EmbeddedError(
            f"{folder} was moved or copied, its data are still in {found.splitlines()[-1]}: move it back, or start "
            "over with `make demo-reset`."
        )
    if {path.name for path in folder.iterdir()} - {MARKER, *_LOCKS}:
        raise EmbeddedError(f"{folder} holds files that are not the database's: choose an empty or a new folder.")
    folder.chmod(0o700)
    marker.write_text(text)


def _service_place(folder: Path) -> Path:
    return SERVICE_ROOT / hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]


def _service_owner(place: Path) -> pwd.struct_passwd:
    """Make the service user's folder unless it is there, and return its owner."""
    if not SERVICE_ROOT.exists():
        SERVICE_ROOT.mkdir(parents=True, exist_ok=True)
        SERVICE_ROOT.chmod(0o755)
    status = SERVICE_ROOT.stat()
    if status.st_uid != 0 or status.st_mode & 0o022:
        raise EmbeddedError(f"{SERVICE_ROOT} can be written by others than root: give it to root, with mode 755.")
    place.mkdir(mode=0o700, exist_ok=True)
    if place.stat().st_uid == 0:  # new, or interrupted before it was handed over
        account = _service_account()
        os.chown(place, account.pw_uid, account.pw_gid)
        return account
    owner = _account(place.stat().st_uid)
    if owner is None or owner.pw_name not in SERVICE_USERS:
        raise EmbeddedError(f"{place} belongs to {_user_name(place.stat().st_uid)}: delete it to start over.")
    return owner


def _service_account() -> pwd.struct_passwd:
    """The service user, made when it is missing and can be; else `nobody`."""
    name, fallback = SERVICE_USERS
    if _account(name) is None and (useradd := shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")):
        command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", name]
        # Failing is no error: read-only systems and minimal images have only `nobody`.
        subprocess.run(command, capture_output=True, check=False)
    account = _account(name) or _account(fallback)
    if account is None:
        raise EmbeddedError("PostgreSQL cannot run as root, and no other user is there: set DATABASE_URL.")
    return account


def _account(user: str | int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(user) if isinstance(user, str) else pwd.getpwuid(user)
    except KeyError:
        return None
