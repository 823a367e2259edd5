"""Real servers in folders of their own."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from models.embedded import EmbeddedError, remove
from tests.embedded.processes import Owner, start_process


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a server, and nothing left of it afterwards."""
    path = tmp_path / "database"
    yield path
    with suppress(EmbeddedError):
        remove(path)


@pytest.fixture
def start_owner(folder: Path) -> Iterator[Callable[[], Owner]]:
    """Start another process that owns the server in `folder`; it ends with the test."""
    owners: list[Owner] = []

    def start() -> Owner:
        owners.append(start_process(folder))
        return owners[-1]

    yield start
    for owner in owners:
        owner.process.communicate()
