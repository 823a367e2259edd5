"""`unqatu demo`: it starts, tells how to get in, ends with all its parts, and fails in one sentence."""

import signal
import socket
from pathlib import Path

import httpx
import psutil
import psycopg

from models.base import utc_now
from services.keyring import make_keys
from tests.demo.processes import PATIENCE_S, Demo, free_port, running_demo, unqatu

WHO = {
    "MEMBER": ("+77000000001", []),
    "CHAIR": ("+77000000002", ["chair"]),
    "DISTRICT_ADMIN": ("+77000000003", ["branch_admin"]),
    "HEAD_OFFICE_ADMIN": ("+77000000004", ["head_office_admin"]),
}


def get(demo: Demo, path: str, token: str) -> httpx.Response:
    """Ask the running demo."""
    return httpx.get(f"http://127.0.0.1:{demo.port}{path}", headers={"authorization": f"Bearer {token}"})


def assert_one_sentence(code: int, said: str, *words: str) -> None:
    """A failure that a person can read."""
    assert code == 1
    assert said.count("\n") == 1
    assert said.rstrip().endswith(".")
    assert "Traceback" not in said
    assert all(word in said for word in words), said


def test_screen_introduces_four_people_and_ctrl_c_stops_it_all(folder: Path) -> None:
    with running_demo(folder) as demo:
        screen, tokens, family = "".join(demo.said), demo.variables, demo.family()
        assert f"http://127.0.0.1:{demo.port}/docs" in screen
        for name, (phone, roles) in WHO.items():
            assert phone in screen
            assert tokens[name] in screen
            assert get(demo, "/v1/me", tokens[name]).json()["roles"] == roles
        assert screen.count("one-time password secret: ") == 2
        admin = get(demo, "/v1/admin/branches", tokens["DISTRICT_ADMIN"])
        program = get(demo, "/v1/admin/branches", tokens["SERVICE_TOKEN"])
        assert admin.json() == program.json()
        assert {item["path"].split(".")[2] for item in admin.json()["items"]} == {"maqat"}

        for name in ("demo", "demo-reset"):
            second = unqatu(folder, name)
            assert_one_sentence(second.returncode, second.stderr, "already running", str(demo.process.pid))

        commands = " ".join(" ".join(process.cmdline()) for process in family)
        assert all(part in commands for part in ("api serve", "api worker", "postgres -D")), commands
        demo.process.send_signal(signal.SIGINT)
        demo.process.wait(PATIENCE_S)
        assert demo.process.returncode == 0
        assert psutil.wait_procs(family, timeout=PATIENCE_S)[1] == []
    assert demo.said[-1] == "Stopped.\n"


def test_second_start_finds_the_same_data_and_nothing_survives_a_kill(folder: Path) -> None:
    with running_demo(folder) as first:
        answer = get(first, "/v1/me", first.variables["MEMBER"]).json()
        token = first.variables["SERVICE_TOKEN"]
        family = first.family()
        first.process.kill()
        first.process.wait(PATIENCE_S)
        assert psutil.wait_procs(family, timeout=PATIENCE_S)[1] == []
    with running_demo(folder) as second:
        assert get(second, "/v1/me", second.variables["MEMBER"]).json() == answer
        assert second.variables["SERVICE_TOKEN"] == token


def test_a_part_that_ends_by_itself_stops_the_rest(folder: Path) -> None:
    with running_demo(folder) as demo:
        family = demo.family()
        next(process for process in family if process.cmdline()[-2:] == ["api", "worker"]).kill()
        demo.process.wait(PATIENCE_S)
        assert demo.process.returncode == 1
        assert psutil.wait_procs(family, timeout=PATIENCE_S)[1] == []
    assert "The worker has ended" in demo.said[-1]


def test_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = unqatu(tmp_path / "data", "demo", port=port)
    assert_one_sentence(done.returncode, done.stderr, f"Port {port}", "UNQATU_PORT")


def test_broken_database_is_one_sentence_that_says_how_to_start_over(folder: Path) -> None:
    place = Path((folder / "database" / "EMBEDDED_POSTGRESQL").read_text().splitlines()[-1])
    version = (place if place.is_absolute() else folder / "database") / "data" / "PG_VERSION"
    version.rename(version.with_name("lost"))
    try:
        done = unqatu(folder, "demo")
    finally:
        version.with_name("lost").rename(version)
    assert_one_sentence(done.returncode, done.stderr, "damaged", "make demo-reset")


def test_missing_key_is_one_sentence(folder: Path) -> None:
    path = folder / "keys" / "hash.key"
    path.rename(folder / "lost")
    try:
        done = unqatu(folder, "demo")
    finally:
        (folder / "lost").rename(path)
    assert_one_sentence(done.returncode, done.stderr, str(folder / "keys"), "make demo-reset")


def test_other_keys_are_one_sentence(folder: Path) -> None:
    (folder / "keys").rename(folder / "lost")
    try:
        make_keys(folder / "keys", now=utc_now())
        done = unqatu(folder, "demo")
    finally:
        (folder / "keys").rename(folder / "others")
        (folder / "lost").rename(folder / "keys")
    assert_one_sentence(done.returncode, done.stderr, "not those of the demo's data", "make demo-reset")


def test_database_of_ones_own_is_used_if_it_is_empty(cloned_database: str, tmp_path: Path) -> None:
    with psycopg.connect(cloned_database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO branch (id, level, code, path, name, created_at, version)"
            " VALUES (gen_random_uuid(), 'republic', 'kz', 'kz', '{}', '2020-01-01', 1)"
        )
        refused = unqatu(tmp_path / "data", "demo", DATABASE_URL=cloned_database)
        assert_one_sentence(refused.returncode, refused.stderr, "DATABASE_URL", "other data")
        connection.execute("DELETE FROM branch")
    with running_demo(tmp_path / "data", DATABASE_URL=cloned_database) as demo:
        assert get(demo, "/v1/me", demo.variables["MEMBER"]).status_code == 200
        assert not any("postgres -D" in " ".join(process.cmdline()) for process in demo.family())


def test_database_that_does_not_answer_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql://somebody:hunter2@127.0.0.1:{free_port()}/nothing"
    done = unqatu(tmp_path, "demo", DATABASE_URL=url)
    assert_one_sentence(done.returncode, done.stderr, "DATABASE_URL")
    assert "hunter2" not in done.stderr


def test_wrong_setting_is_one_sentence_without_its_value(tmp_path: Path) -> None:
    done = unqatu(tmp_path, "demo", UNQATU_QUIET_HOURS="hunter2")
    assert_one_sentence(done.returncode, done.stderr, "quiet_hours")
    assert "hunter2" not in done.stderr


def test_folder_of_somebody_else_is_neither_used_nor_deleted(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    for name in ("demo", "demo-reset"):
        done = unqatu(tmp_path, name)
        assert_one_sentence(done.returncode, done.stderr, str(tmp_path))
    assert (tmp_path / "diary.txt").read_text() == "mine"


def test_reset_leaves_a_database_of_ones_own_alone(folder: Path) -> None:
    done = unqatu(folder, "demo-reset", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert_one_sentence(done.returncode, done.stderr, "DATABASE_URL")
    assert (folder / "DEMO").exists()
