"""Make `.venv` and install Unqatu into it: `python3 install.py [--dev]`. Nothing but Python's own library is needed.

A second run ends at once while nothing has changed. What pip says goes to `build/install.log`.
Old versions of Python must be able to read this file, or they could not be told that they are too old: so annotations
are quoted, and there is no newer syntax.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
LOG = ROOT / "build" / "install.log"

OLDEST_PYTHON = (3, 11)

# The first pattern found in pip's log tells the cause; the order matters, since a lost network also finds no version.
CAUSES = (
    (r"No space left on device|Errno 28\b", "the disk is full: make room"),
    (
        r"Failed to establish a new connection|connection error|Temporary failure in name resolution|ProxyError"
        r"|SSLError|Read timed out|Connection aborted|incomplete-download",
        "the package index cannot be reached: check the network, the proxy and pip's settings",
    ),
    (
        r"command '\S+' failed: No such file|unable to execute '\S+': No such file"
        r"|Python\.h: No such file|Unknown compiler|linker `cc` not found|No CMAKE_C_COMPILER",
        "a package needs a C compiler: apt install gcc python3-dev, or what your system calls it",
    ),
    (r"No matching distribution found for (?P<name>\S+)", "the package index has no {name} for this Python and system"),
    (r"ResolutionImpossible|conflicting dependencies", "pyproject.toml and constraints.txt contradict each other"),
)


class InstallError(Exception):
    """The installation cannot go on; the message is one sentence for a person."""


def main(arguments: "list[str]") -> int:
    """Install, and return the exit status."""
    try:
        check_python(sys.version_info[:2])
        if set(arguments) - {"--dev"}:
            raise InstallError("Usage: python3 install.py [--dev].")
        install("dev" if arguments else "")
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename or VENV} cannot be used: {error.strerror}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def check_python(version: "tuple[int, ...]") -> None:
    """Refuse a Python that is too old.

    Raises:
        InstallError: it is.
    """
    if version < OLDEST_PYTHON:
        found, needed = (".".join(map(str, numbers)) for numbers in (version, OLDEST_PYTHON))
        raise InstallError(f"Unqatu needs Python {needed} or newer, but this is {found}: install a newer python3.")


def install(extra: str) -> None:
    """Install the project with an extra (or none: ""), unless it is installed already.

    Raises:
        InstallError: there is no way to make a virtual environment, or pip failed.
    """
    if is_installed(extra):
        return
    LOG.parent.mkdir(exist_ok=True)
    with alone():
        if is_installed(extra):  # by the process we waited for
            return
        print("Installing Unqatu into .venv; the first time takes a minute …", flush=True)
        LOG.write_text("")
        if VENV.is_symlink():
            VENV.unlink()
        STAMP.unlink(missing_ok=True)
        if not is_usable():
            make_venv()
        target = f"{ROOT}[{extra}]" if extra else str(ROOT)
        run([str(PYTHON), *pip("install"), "-c", str(ROOT / "constraints.txt"), "-e", target])
        STAMP.write_text(stamp(extra))


def is_installed(extra: str) -> bool:
    """Whether `.venv` holds this state of the project, with at least the extra."""
    if not PYTHON.exists():  # as is a link to a Python that has gone
        return False
    if VENV.is_symlink():  # somebody shares an environment between working copies, and keeps it as they want it
        return True
    return STAMP.exists() and STAMP.read_text() in {stamp(extra), stamp("dev")}


def stamp(extra: str) -> str:
    """What the installation depends on; the place too, because scripts in `.venv/bin` hold it."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update(hashlib.sha256((ROOT / name).read_bytes()).digest())
    digest.update(repr((extra, sys.version_info[:2], str(VENV))).encode())
    return digest.hexdigest()


@contextmanager
def alone() -> "Iterator[None]":
    """Let other runs wait until this one has finished."""
    with (LOG.parent / "install.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another installation to finish …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_usable() -> bool:
    """Whether `.venv` is of this Python version, in its place, and has pip."""
    question = "import pip, sys; print(sys.version_info[:2], sys.prefix)"
    try:
        done = subprocess.run([str(PYTHON), "-c", question], capture_output=True, text=True, check=False)
    except OSError:
        return False
    created_as = (VENV / "pyvenv.cfg").read_text() if (VENV / "pyvenv.cfg").exists() else ""
    return str(VENV) in created_as and done.stdout.strip() == f"{sys.version_info[:2]} {VENV}"


def make_venv() -> None:
    """Make `.venv` anew, with pip in it.

    Raises:
        InstallError: this Python has neither ensurepip nor pip, as Debian's without python3-venv.
    """
    if VENV.exists():
        shutil.rmtree(VENV)
    # Not sys.executable: when `.venv` is activated, that is the one that has just been deleted.
    python = getattr(sys, "_base_executable", sys.executable)
    if find_spec("venv") and find_spec("ensurepip"):
        run([python, "-m", "venv", str(VENV)])
    elif find_spec("venv") and find_spec("pip"):
        run([python, "-m", "venv", "--without-pip", str(VENV)])
        packages = VENV / "lib" / "python{}.{}".format(*sys.version_info[:2]) / "site-packages"
        run([python, *pip("install"), "--target", str(packages), "pip"])
    else:
        raise InstallError("This Python cannot make virtual environments: apt install python3-venv, then try again.")


def pip(command: str) -> "list[str]":
    """Arguments for pip that keep it from asking, and let its log tell everything."""
    quiet = ("--no-input", "--no-color", "--progress-bar=off", "--disable-pip-version-check")
    return ["-m", "pip", command, "-vv", *quiet]


def run(command: "list[str]") -> None:
    """Run a command into the log.

    Raises:
        InstallError: it failed; the sentence tells the cause as far as the log does.
    """
    with LOG.open("a") as log:
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
        done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    if done.returncode != 0:
        cause = explain(LOG.read_text(errors="replace"))
        raise InstallError(f"Unqatu could not be installed, {cause} (full log: {LOG}).")


def explain(log: str) -> str:
    """The cause of a failure, in half a sentence."""
    log = re.sub(r".*Retrying \(.*", "", log)  # a connection that was lost once is no cause
    for pattern, cause in CAUSES:
        found = re.search(pattern, log)
        if found:
            return cause.format(**found.groupdict())
    errors = re.findall(r"^\s*(?:ERROR|error): (.+)", log, re.MULTILINE)
    return errors[-1].rstrip(".:") if errors else "for a reason that only the log tells"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
