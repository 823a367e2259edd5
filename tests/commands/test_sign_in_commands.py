"""What operators do for sign-in: keys, and a lost authenticator app."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from api.__main__ import app
from models.accounts import Account
from models.base import utc_now
from services.keyring import KeyringError, load_keys, make_keys

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of keys that the commands work on."""
    monkeypatch.setenv("UNQATU_ENVIRONMENT", "test")
    monkeypatch.setenv("UNQATU_DATA_FOLDER", str(tmp_path))
    return tmp_path / "keys"


def run(*words: str) -> None:
    """Run the command line in this process."""
    with pytest.raises(SystemExit, match=r"^0$"):
        app(words)


def test_keys_are_made_rotated_and_pruned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("keys", "init")
    first = load_keys(folder)
    run("keys", "init")
    assert load_keys(folder).hash_key == first.hash_key
    run("keys", "rotate-signing")
    assert capsys.readouterr().out == f"{max(first.signing)} signs now.\n"
    with pytest.raises(KeyringError, match="live until"):
        app(["keys", "prune"])
    os.utime(folder / "signing" / "current", (0, 0))
    run("keys", "prune")
    assert capsys.readouterr().out == f"{min(first.signing)} is deleted.\n"
    assert min(first.signing) not in load_keys(folder).signing


def test_rotation_without_keys_says_what_to_do(folder: Path) -> None:
    with pytest.raises(KeyringError, match="unqatu keys init"):
        app(["keys", "rotate-signing"])


def test_lost_authenticator_is_reset_and_written_down(
    folder: Path, cloned_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", cloned_database)
    make_keys(folder, now=utc_now())
    account, now = Account(), utc_now()
    with psycopg.connect(cloned_database) as owner:
        owner.execute(
            "INSERT INTO account (id, language, state, notification_preferences, created_at,"
            " totp_secret_encrypted, totp_confirmed_at, totp_last_step, totp_failed_count, totp_failed_at)"
            " VALUES (%s, 'kk', 'active', '{}', %s, 'x', %s, 1, 5, %s)",
            [account.id, now, now, now],
        )
        owner.execute(
            "INSERT INTO auth_session (id, account_id, installation_id, created_at, last_seen_at, second_factor_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [uuid4(), account.id, uuid4(), now, now, now],
        )
    command = [sys.executable, "-m", "api", "admin", "reset-second-factor", "--account-id", str(account.id)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "The second factor is reset.\n"), done.stderr
    with psycopg.connect(cloned_database) as owner:
        left = owner.execute(
            "SELECT num_nonnulls(totp_secret_encrypted, totp_confirmed_at, totp_last_step, totp_failed_at,"
            " second_factor_at), totp_failed_count FROM account JOIN auth_session ON account_id = account.id"
        ).fetchone()
        events = owner.execute("SELECT action, account_id, object_id FROM audit_event").fetchall()
    assert left == (0, 0)
    assert events == [("second_factor:reset", None, account.id)]
