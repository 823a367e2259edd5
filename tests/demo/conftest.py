"""The demo's data for its tests: made once, for a start takes seconds where a first start takes many."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.processes import running_demo, unqatu


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on which the demo has been started once and stopped; in the end the reset deletes it."""
    made = tmp_path_factory.mktemp("demo") / ".data"
    with running_demo(made) as demo:
        pass
    assert demo.process.returncode == 0, demo.said
    yield made
    for _ in range(2):  # a reset may be repeated
        assert unqatu(made, "demo-reset").returncode == 0
        assert not made.exists()
