"""The folder of the demo. It carries a marker, so that a reset never deletes what something else made."""

import shutil
from pathlib import Path
from typing import Final

from api.commands.errors import CommandError
from models.embedded import remove

MARKER: Final = "DEMO"
MARKER_TEXT: Final = "Made by `make demo`; `make demo-reset` deletes this folder.\n"
DATABASE: Final = "database"


def claim(folder: Path) -> None:
    """Make the folder, or check that it is the demo's.

    Raises:
        CommandError: it holds other things, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / MARKER).exists():
            if any(folder.iterdir()):
                raise CommandError(
                    f"{folder} holds files that the demo did not make: name an empty or a new folder "
                    "in UNQATU_DATA_FOLDER."
                )
            (folder / MARKER).write_text(MARKER_TEXT)
    except OSError as error:
        raise CommandError(f"{error.filename or folder} cannot be used by the demo: {error.strerror}.") from error


def reset(folder: Path) -> None:
    """Delete all that the demo made; no folder is no error.

    Raises:
        CommandError: the folder is not the demo's, or cannot be deleted.
        EmbeddedError: the demo is running.
    """
    if not folder.exists():
        return
    if not (folder / MARKER).exists():
        raise CommandError(f"{folder} was not made by the demo, so it is not deleted.")
    remove(folder / DATABASE)
    try:
        # The marker goes last, so that a reset that was interrupted can be repeated.
        for path in folder.iterdir():
            if path.name != MARKER:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(folder)
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be deleted: {error.strerror}.") from error
