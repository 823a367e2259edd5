"""The folder of the embedded server: whose it is, what state it is in, and what is left alone."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.embedded import EmbeddedError, remove, running_server
from tests.embedded.processes import ROOT, Owner, wait_until

# Imports everything as the caller, then becomes `nobody` if the caller is root, with programs that `nobody` can reach.
_ORDINARY_USER = """
import os, pwd, sys
from pathlib import Path
import psycopg
from models.embedded import binaries, create_database, home, running_server

base = Path(sys.argv[1])
if os.geteuid() == 0:
    programs = binaries.shared_binaries(base)
    home.binaries_folder = lambda: programs
    nobody = pwd.getpwnam("nobody")
    os.setgroups([]), os.setgid(nobody.pw_gid), os.setuid(nobody.pw_uid)
    os.environ["HOME"] = str(base)
with running_server(base / "database", durable=False) as server:
    create_database(server, "unqatu")
    assert server.data == base / "database" / "data", server.data
    assert server.data.stat().st_uid == os.geteuid() != 0
    print(psycopg.connect(server.url("unqatu")).execute("SELECT 42").fetchone()[0])
"""


@pytest.fixture
def stopped(folder: Path) -> Path:
    """The data directory of a server that has run."""
    with running_server(folder, durable=False) as server:
        return server.data


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """An existing folder of another user."""
    if os.geteuid() != 0:
        return Path("/usr")
    folder = tmp_path / "foreign"
    folder.mkdir()
    os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    return folder


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that an ordinary user can reach and write, which a folder of root's pytest is not."""
    base = Path(tempfile.mkdtemp(prefix="unqatu-test-"))
    if os.geteuid() == 0:
        os.chown(base, pwd.getpwnam("nobody").pw_uid, -1)
    yield base
    shutil.rmtree(base)


def refusal(folder: Path) -> str:
    """The one sentence with which a start is refused."""
    with pytest.raises(EmbeddedError) as caught, running_server(folder, durable=False):
        pytest.fail("the server started")
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_server_works_for_an_ordinary_user(reachable: Path) -> None:
    command = [sys.executable, "-c", _ORDINARY_USER, str(reachable)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("42\n", "")


def test_data_are_private_and_never_of_root(folder: Path, stopped: Path) -> None:
    assert stopped.stat().st_uid != 0
    assert stopped.stat().st_mode & 0o777 == 0o700
    assert stopped.parent.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o777 == 0o700
    place = "this folder" if os.geteuid() else str(stopped.parent)
    assert (folder / "EMBEDDED_POSTGRESQL").read_text().splitlines()[-1] == place


def test_parents_keep_their_modes(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir(mode=0o700)
    inner = outer / "inner"
    inner.mkdir(mode=0o750)
    before = [(path.stat().st_mode, path.stat().st_uid) for path in inner.parents]
    with running_server(inner / "database", durable=False):
        pass
    remove(inner / "database")
    assert [(path.stat().st_mode, path.stat().st_uid) for path in inner.parents] == before
    assert inner.stat().st_mode & 0o777 == 0o750


def test_folder_of_another_user_is_refused_and_untouched(foreign: Path) -> None:
    before = foreign.stat()
    assert "belongs to the user" in refusal(foreign)
    with pytest.raises(EmbeddedError, match="belongs to the user"):
        remove(foreign)
    assert foreign.stat() == before


def test_folder_with_other_files_is_refused_and_untouched(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    (folder / "letter.txt").write_text("dear")
    assert "holds files that are not the database's" in refusal(folder)
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]
    assert folder.stat().st_mode & 0o777 == 0o755


def test_path_that_is_a_file_is_refused(folder: Path) -> None:
    folder.write_text("a file")
    assert f"{folder} cannot be used for the database" in refusal(folder)


def test_other_major_version_is_named(folder: Path, stopped: Path) -> None:
    (stopped / "PG_VERSION").write_text("17\n")
    assert "is of PostgreSQL 17, but this is 18" in refusal(folder)


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (lambda data: (data / "PG_VERSION").write_text(""), "is damaged, files are missing"),
        (lambda data: (data / "PG_VERSION").unlink(), "is damaged, files are missing"),
        (lambda data: (data / "global" / "pg_control").unlink(), "is damaged, files are missing"),
        (lambda data: (data / "global").rename(data / "lost"), "is damaged, files are missing"),
        (lambda data: (data / "global" / "pg_control").write_bytes(b"\xff" * 8192), "cannot start"),
        (lambda data: (data / "pg_wal").rename(data / "lost"), "cannot start"),
    ],
    ids=["version empty", "version missing", "control missing", "half of it gone", "control overwritten", "no log"],
)
def test_damaged_data_give_one_sentence_that_names_the_way_out(
    folder: Path, stopped: Path, damage: Callable[[Path], object], finding: str
) -> None:
    damage(stopped)
    sentence = refusal(folder)
    assert finding in sentence
    assert "`make demo-reset`" in sentence
    remove(folder)
    with running_server(folder, durable=False):
        pass


def test_owner_killed_while_making_the_data_leaves_nothing_half_made(
    folder: Path, start_owner: Callable[[], Owner], stopped: Path
) -> None:
    shutil.rmtree(stopped)
    unfinished = stopped.with_name("data.new")
    owner = start_owner()
    wait_until(lambda: (unfinished / "PG_VERSION").exists())
    owner.kill()
    assert not stopped.exists()
    with running_server(folder, durable=False):
        assert not unfinished.exists()


def test_left_over_of_an_interrupted_making_is_replaced(folder: Path, stopped: Path) -> None:
    stopped.rename(stopped.with_name("data.new"))
    (stopped.with_name("data.new") / "PG_VERSION").unlink()
    with running_server(folder, durable=False):
        assert (stopped / "PG_VERSION").read_text() == "18\n"


def test_moved_folder_finds_its_data_or_says_where_they_are(folder: Path, stopped: Path) -> None:
    elsewhere = folder.rename(folder.with_name("elsewhere"))
    if os.geteuid() == 0:
        assert f"its data are still in {stopped.parent}" in refusal(elsewhere)
        elsewhere.rename(folder)
    else:
        with running_server(elsewhere, durable=False) as server:
            assert server.data == elsewhere / "data"


def test_remove_deletes_the_data_and_spares_other_files(folder: Path, stopped: Path) -> None:
    (folder / "letter.txt").write_text("dear")
    remove(folder)
    assert not stopped.exists()
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


def test_remove_twice_is_no_error(folder: Path, stopped: Path) -> None:
    remove(folder)
    remove(folder)
    assert not folder.exists()
    assert not stopped.exists()


def test_remove_refuses_a_folder_without_our_marker(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("18\n")
    with pytest.raises(EmbeddedError, match="was not made for the embedded database"):
        remove(tmp_path)
    assert (data / "PG_VERSION").exists()


def test_remove_refuses_a_running_server(folder: Path) -> None:
    with running_server(folder, durable=False) as server:
        with pytest.raises(EmbeddedError, match="already running"):
            remove(folder)
        assert (server.data / "PG_VERSION").exists()
