"""The embedded server: what it offers, and that it lives exactly as long as its owner."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import psycopg
import pytest

from models.embedded import EmbeddedError, Server, binaries_folder, create_database, running_server
from models.embedded import server as server_module
from tests.embedded.processes import ROOT, Owner, crash, wait_until


def value(server: Server, query: str) -> object:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row and row[0]


def write(server: Server, statement: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())


def test_both_drivers_connect_by_the_same_url(folder: Path) -> None:
    async def by_asyncpg(url: str) -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval("SELECT current_database()")
        finally:
            await connection.close()

    with running_server(folder, durable=False) as server:
        create_database(server, "two words")
        with psycopg.connect(server.url("two words")) as connection:
            assert connection.info.dbname == "two words"
        assert asyncio.run(by_asyncpg(server.url("two words"))) == "two words"


def test_database_is_utf8_with_the_builtin_locale_and_creating_it_again_keeps_it(folder: Path) -> None:
    with running_server(folder, durable=False) as server:
        create_database(server, "unqatu")
        with psycopg.connect(server.url("unqatu"), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept ()")
        create_database(server, "unqatu")
        with psycopg.connect(server.url("unqatu")) as connection:
            query = (
                "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale FROM pg_database WHERE datname = %s"
            )
            assert connection.execute(query, ["unqatu"]).fetchone() == ("UTF8", "b", "C.UTF-8")
            assert connection.execute("SELECT to_regclass('kept') IS NOT NULL").fetchone() == (True,)


@pytest.mark.parametrize(("durable", "expected"), [(True, "on"), (False, "off")])
def test_only_tests_give_up_durability(folder: Path, durable: bool, expected: str) -> None:
    with running_server(folder, durable=durable) as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert value(server, f"SHOW {setting}") == expected


def test_server_listens_on_its_private_socket_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_folder = tmp_path / ("long" * 30)
    long_folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long_folder))
    with running_server(folder, durable=False) as server:
        assert value(server, "SHOW listen_addresses") == ""
        assert value(server, "SHOW timezone") == "UTC"
        status = server.socket_folder.stat()
        assert status.st_mode & 0o777 == 0o700
        assert status.st_uid == server.data.stat().st_uid
        assert len(os.fsencode(server.socket_folder / ".s.PGSQL.5432")) <= 103
    assert not server.socket_folder.exists()


def test_data_outlive_the_server(folder: Path) -> None:
    with running_server(folder, durable=False) as server:
        write(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    with running_server(folder, durable=False) as server:
        assert value(server, "SELECT answer FROM kept") == 42


def test_secrets_of_the_caller_do_not_reach_the_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEY", "secret")
    with running_server(folder, durable=False) as server:
        write(server, "CREATE TABLE environment (line text); COPY environment FROM PROGRAM 'env'")
        names = value(server, "SELECT array_agg(split_part(line, '=', 1)) FROM environment")
    assert isinstance(names, list)
    assert "PATH" in names
    assert "SIGNING_KEY" not in names


def test_killed_owner_takes_its_server_along_and_the_next_one_starts(
    folder: Path, start_owner: Callable[[], Owner]
) -> None:
    owner = start_owner()
    url = owner.line().split()[1]
    owner.kill()
    with running_server(folder, durable=False) as server:
        earlier_log = server.log.with_name("server.log.1").read_text()
    assert "received fast shutdown request" in earlier_log
    assert "database system is shut down" in earlier_log
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


# Stops a server in the moment of its start, which is before PostgreSQL listens to signals.
_STOPPED_AT_ONCE = """
import sys
from pathlib import Path
from models.embedded import running_server, server

def interrupted(*_):
    raise KeyboardInterrupt

server._wait_until_ready = interrupted
for _ in range(10):
    try:
        with running_server(Path(sys.argv[1]), durable=False):
            print("the server started")
    except KeyboardInterrupt:
        print("stopped")
"""


def test_ctrl_c_at_the_start_leaves_no_server(folder: Path) -> None:
    command = [sys.executable, "-c", _STOPPED_AT_ONCE, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    assert done.stdout.split() == ["stopped"] * 10
    with running_server(folder, durable=False) as server:
        assert value(server, "SELECT 1") == 1


def test_ctrl_c_in_a_terminal_leaves_the_server_until_its_owner_has_finished(
    folder: Path, start_owner: Callable[[], Owner]
) -> None:
    owner = start_owner()
    owner.line()
    os.killpg(owner.process.pid, signal.SIGINT)
    assert owner.line() == "interrupted 42"
    owner.process.communicate()
    assert owner.process.returncode == 0


def test_second_supervisor_is_told_who_runs_the_first(folder: Path, start_owner: Callable[[], Owner]) -> None:
    owner = start_owner()
    owner.line()
    with (
        pytest.raises(EmbeddedError, match=f"already running, by process {owner.process.pid}:"),
        running_server(folder),
    ):
        pytest.fail("two servers on one folder")


def test_second_supervisor_in_the_same_process_is_refused_and_the_first_goes_on(folder: Path) -> None:
    with running_server(folder, durable=False) as server:
        with pytest.raises(EmbeddedError, match=f"by process {os.getpid()}:"), running_server(folder):
            pytest.fail("two servers on one folder")
        assert value(server, "SELECT 1") == 1


def test_crashed_server_recovers_what_was_committed(folder: Path) -> None:
    with running_server(folder) as server:
        write(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        crash(server.pid)
    with running_server(folder) as server:
        assert value(server, "SELECT answer FROM kept") == 42


def test_stale_pid_file_whose_number_is_another_process_now_is_no_obstacle(folder: Path) -> None:
    with running_server(folder, durable=False) as server:
        crash(server.pid)
    pid_file = server.data / "postmaster.pid"
    user = server.data.stat().st_uid
    with subprocess.Popen(["/bin/sleep", "600"], user=user) as other:
        try:
            pid_file.write_text("\n".join([str(other.pid), *pid_file.read_text().splitlines()[1:], ""]))
            with running_server(folder, durable=False) as server:
                assert value(server, "SELECT 1") == 1
            assert other.poll() is None
        finally:
            other.kill()


def test_server_that_somebody_started_by_hand_is_not_doubled(folder: Path) -> None:
    with running_server(folder, durable=False) as server:
        programs = binaries_folder()
        if os.geteuid() == 0:
            programs = Path(os.readlink(f"/proc/{server.pid}/exe")).parent
    user = server.data.stat().st_uid
    command = [str(programs / "postgres"), "-D", str(server.data), "-c", "listen_addresses="]
    command += ["-c", f"unix_socket_directories={server.data}"]
    pid_file = server.data / "postmaster.pid"
    with subprocess.Popen(command, user=user, stderr=subprocess.DEVNULL, cwd="/") as by_hand:
        try:
            wait_until(lambda: pid_file.exists() and "ready" in pid_file.read_text())
            with pytest.raises(EmbeddedError, match="Another PostgreSQL server uses"), running_server(folder):
                pytest.fail("two servers on one data directory")
            assert by_hand.poll() is None
        finally:
            by_hand.send_signal(signal.SIGINT)


def test_log_holds_no_values_of_rows_or_statements(folder: Path) -> None:
    with running_server(folder, durable=False) as server:
        write(server, "CREATE TABLE person (phone text PRIMARY KEY CHECK (phone <> ''))")
        write(server, "INSERT INTO person VALUES ('+77010000001')")
        for statement in (
            "INSERT INTO person VALUES ('+77010000001')",
            "SELECT '+77010000001'::uuid",
            "DO $$ BEGIN RAISE WARNING '+77010000001'; END $$; SELECT 1/0 AS \"+77010000001\"",
        ):
            with pytest.raises(psycopg.Error):
                write(server, statement)
        with psycopg.connect(server.url("postgres")) as connection, pytest.raises(psycopg.Error):
            connection.execute("INSERT INTO person VALUES (%s)", ["+77010000001"])
        with pytest.raises(psycopg.OperationalError):  # the statement kills its own server process
            write(server, "COPY (SELECT '+77010000001') TO PROGRAM 'kill -9 $PPID'")
    log = server.log.read_text()
    assert "was terminated by signal 9" in log
    assert "7701" not in log


def test_slow_start_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(server_module, "_PATIENCE_SECONDS", 0.0)
    with caplog.at_level(logging.WARNING), running_server(folder, durable=False):
        assert [record.getMessage() for record in caplog.records] == [
            "The database is still starting; after a crash that can take minutes"
        ]


def test_programs_of_postgresql_are_at_hand() -> None:
    done = subprocess.run([str(binaries_folder() / "pgbench"), "--version"], capture_output=True, text=True, check=True)
    assert " 18." in done.stdout
