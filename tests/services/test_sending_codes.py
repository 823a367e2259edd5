"""The worker's side of sign-in, in its own role: codes go out, are tried again, and what is over is deleted."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio
import structlog

from api.runtime import WORKER_ROLE, Runtime, build_runtime
from api.settings import Settings
from api.worker import build_app
from models.accounts import AuthSession, RefreshToken, SignInChallenge
from models.base import Language, utc_now
from models.db import create_engine, session_factory
from models.idempotency import StoredAnswer
from services.jobs import defer
from services.sign_in.codes import SEND_JOB, code_of, request_code
from tests.factories.sign_in import SmsInbox
from tests.factories.world import make_account

NUMBER = "+77015550101"
FIVE_MINUTES = timedelta(minutes=5)


@dataclass
class Gateway(SmsInbox):
    """A gateway that is down for the first `failures`, and tells too much about it."""

    failures: list[type[Exception]] = field(default_factory=list)
    tried: int = 0

    async def send(self, phone: str, text: str) -> None:
        self.tried += 1
        if self.failures:
            raise self.failures.pop(0)(f"cannot send {text!r} to {phone}")
        await super().send(phone, text)


@dataclass(frozen=True)
class Ground:
    """A worker on a database of its own, in its own role; `url` is the owner's."""

    url: str
    runtime: Runtime

    async def ask(self, *, now: datetime | None = None) -> UUID:
        """Ask for a code as the API does."""
        engine = create_engine(self.url, "unqatu_app", pool_size=1)
        async with session_factory(engine)() as session, session.begin():
            asked = await request_code(
                session,
                self.runtime.keys,
                NUMBER,
                regions={"KZ"},
                sends_per_hour=100,
                lifetime=FIVE_MINUTES,
                now=now or utc_now(),
            )
        await engine.dispose()
        return asked.challenge_id

    async def work(self, gateway: SmsInbox) -> list[tuple[str, int]]:
        """Do what waits, as if all pauses were over; (status, attempts) of the jobs that are left."""
        with psycopg.connect(self.url) as owner:
            owner.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
        app = build_app(replace(self.runtime, sms=gateway))
        async with app.open_async():
            await app.run_worker_async(wait=False, delete_jobs="successful", install_signal_handlers=False)
        with psycopg.connect(self.url) as owner:
            jobs = "SELECT status::text, attempts FROM procrastinate_jobs WHERE task_name = %s"
            return owner.execute(jobs, [SEND_JOB]).fetchall()


@pytest_asyncio.fixture(loop_scope="session")
async def ground(cloned_database: str, settings: Settings) -> AsyncIterator[Ground]:
    """What a worker process has."""
    own = settings.model_copy(update={"database_url": cloned_database})
    engine = create_engine(cloned_database, WORKER_ROLE, pool_size=2)
    yield Ground(cloned_database, build_runtime(own, session_factory(engine)))
    await engine.dispose()


async def test_code_goes_to_the_phone_in_the_accounts_language(ground: Ground) -> None:
    engine = create_engine(ground.url, "unqatu_app", pool_size=1)
    async with session_factory(engine)() as session, session.begin():
        account = await make_account(session, ground.runtime.keys, NUMBER)
        account.language = Language.ru
    await engine.dispose()
    code = code_of(ground.runtime.keys, await ground.ask())
    gateway = Gateway()
    assert await ground.work(gateway) == []
    assert gateway.texts == [(NUMBER, f"Unqatu: код для входа – {code}. Никому его не сообщайте.")]


async def test_failed_send_is_tried_again_and_nothing_leaks(
    ground: Ground, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    challenge_id = await ground.ask()
    gateway = Gateway(failures=[OSError, TimeoutError, ValueError])
    with structlog.testing.capture_logs() as logged:
        assert [await ground.work(gateway) for _ in range(3)] == [[("todo", count)] for count in (1, 2, 3)]
        assert await ground.work(gateway) == []
    assert len(gateway.texts) == 1
    written = " ".join([str(logged), caplog.text, *capsys.readouterr()])
    assert "CodeNotSentError" in written
    assert str(challenge_id) in written
    for secret in (code_of(ground.runtime.keys, challenge_id), NUMBER, NUMBER[1:]):
        assert secret not in written.replace(str(challenge_id), "")


async def test_fifth_failure_is_the_end(ground: Ground) -> None:
    await ground.ask()
    gateway = Gateway(failures=[OSError] * 9)
    left = [await ground.work(gateway) for _ in range(6)]
    assert left[-1][0][0] == "failed"
    assert gateway.tried == 5


async def test_nobody_gets_the_code_of_a_challenge_that_is_over(ground: Ground) -> None:
    await ground.ask(now=utc_now() - FIVE_MINUTES)
    gateway = Gateway()
    assert await ground.work(gateway) == []
    assert gateway.texts == []


async def test_clean_up_deletes_what_is_over_and_nothing_else(ground: Ground) -> None:
    now = datetime.now(UTC)
    engine = create_engine(ground.url, "unqatu_app", pool_size=1)
    async with session_factory(engine)() as session, session.begin():
        account = await make_account(session, ground.runtime.keys, NUMBER)
        family = AuthSession(account_id=account.id, installation_id=uuid4(), created_at=now, last_seen_at=now)
        session.add(family)
        await session.flush()
        for name, age in (("old", timedelta(hours=1)), ("new", -timedelta(hours=1))):
            session.add(
                RefreshToken(token_hash=name.encode(), session_id=family.id, created_at=now, expires_at=now - age)
            )
            session.add(
                StoredAnswer(
                    account_id=account.id,
                    key=name,
                    request_hash=b"",
                    status=201,
                    body=b"",
                    created_at=now - timedelta(days=7) - age,
                )
            )
            session.add(
                SignInChallenge(
                    id=uuid4(),
                    phone_hash=name.encode(),
                    phone_encrypted=b"",
                    encryption_key_id="",
                    created_at=now - timedelta(days=2) - age,
                    expires_at=now,
                )
            )
        await defer(session, "sign_in.clean_up")
    await engine.dispose()
    with structlog.testing.capture_logs() as logged:
        await ground.work(Gateway())
    told = [entry for entry in logged if entry["event"] == "sign-in cleaned up"]  # the clock may offer it once more
    assert [sum(entry[noun] for entry in told) for noun in ("challenges", "refresh_tokens", "stored_answers")] == [
        1
    ] * 3
    with psycopg.connect(ground.url) as owner:
        left = owner.execute("""
            SELECT (SELECT string_agg(convert_from(phone_hash, 'UTF8'), ' ') FROM sign_in_challenge),
                   (SELECT string_agg(convert_from(token_hash, 'UTF8'), ' ') FROM refresh_token),
                   (SELECT string_agg(key, ' ') FROM stored_answer)
        """).fetchone()
    assert left == ("new", "new", "new")
