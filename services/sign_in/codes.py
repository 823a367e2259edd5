"""One-time codes. A code is stored nowhere: it is an HMAC of its challenge's id, so neither tables nor jobs hold it.

No step here looks at accounts, so a known phone and an unknown one cannot be told apart, by the answer or by its time.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from math import ceil
from typing import Final
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account, SignInChallenge
from models.base import Language
from models.db import execute
from services import jobs
from services.errors import InvalidError, TooManyError
from services.keyring import Keyring
from services.phones import normalise_phone

SEND_JOB: Final = "sign_in.send_code"
CODE_DIGITS: Final = 6
TRIES_MAX: Final = 5
DAY: Final = timedelta(days=1)
SENDS_MAX: Final = ((timedelta(minutes=15), 3), (DAY, 10))
"""How many codes a phone gets within a time."""
RESEND_AFTER_S: Final = 60
"""How long a phone should wait for the SMS before it offers to send another."""
HOUR: Final = timedelta(hours=1)

LOCK: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


class WrongCodeError(InvalidError):
    """The code is wrong; `tries_left` says how many more there are."""

    code = "wrong_code"
    keeps_writes = True


class CodeExpiredError(InvalidError):
    """The challenge is over, was used, or never was: ask for a new code."""

    code = "code_expired"


class TooManyTriesError(TooManyError):
    """This challenge had its wrong codes: ask for a new one after `retry_after_s`."""

    code = "too_many_tries"


@dataclass(frozen=True, slots=True)
class RequestedCode:
    """What the asker learns. `resend_after_s` is in seconds."""

    challenge_id: UUID
    expires_at: datetime
    resend_after_s: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is sent to whom. Never logged: not even its repr tells the code or the phone."""

    phone: str
    code: str
    language: Language

    def __repr__(self) -> str:
        return "Delivery(…)"


def code_of(keys: Keyring, challenge_id: UUID) -> str:
    """The six digits that belong to a challenge; without the server's key nobody can tell them."""
    number = int.from_bytes(keys.keyed_hash(str(challenge_id), purpose="sign_in.code"))
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


async def request_code(
    session: AsyncSession,
    keys: Keyring,
    typed_phone: str,
    *,
    regions: Collection[str],
    sends_per_hour: int,
    lifetime: timedelta,
    now: datetime,
) -> RequestedCode:
    """Make a challenge for a phone and let a worker send its code.

    Raises:
        InvalidPhoneError: it is no phone number, or not of one of the `regions`.
        TooManyError: the phone, or all phones together, got their codes for now; `retry_after_s` says when there is
            another.
    """
    phone = normalise_phone(typed_phone, regions=regions)
    phone_hash = keys.keyed_hash(phone, purpose="phone")
    await execute(session, LOCK, name=f"sign_in.send:{phone_hash.hex()}")
    earlier = await list_sends(session, phone_hash, now)
    wait = seconds_until_next(earlier, now)
    if wait > 0:
        raise TooManyError(retry_after_s=wait)
    await check_send_budget(session, sends_per_hour, now)
    challenge = SignInChallenge(
        id=uuid4(),
        phone_hash=phone_hash,
        phone_encrypted=keys.encrypt(phone, purpose="sign_in_challenge.phone"),
        encryption_key_id=keys.current_encryption_id,
        created_at=now,
        expires_at=now + lifetime,
    )
    session.add(challenge)
    await jobs.defer(session, SEND_JOB, priority=jobs.HIGH, challenge_id=str(challenge.id))
    resend_after_s = max(RESEND_AFTER_S, seconds_until_next([now, *earlier], now))
    return RequestedCode(challenge.id, challenge.expires_at, resend_after_s)


async def check_send_budget(session: AsyncSession, sends_per_hour: int, now: datetime) -> None:
    """Pause everybody when codes are asked for in masses: each is an SMS that somebody pays for.

    Raises:
        TooManyError: the hour's codes are spent.
    """
    # Parallel requests queue here and count each other, or many at once would pass the limit together.
    await execute(session, LOCK, name="sign_in.sends")
    created_at = col(SignInChallenge.created_at)
    recent = select(created_at).where(created_at > now - HOUR).order_by(created_at.desc())
    blocking = (await session.exec(recent.offset(sends_per_hour - 1).limit(1))).one_or_none()
    if blocking is not None:
        raise TooManyError(retry_after_s=max(1, ceil((blocking + HOUR - now).total_seconds())))


async def list_sends(session: AsyncSession, phone_hash: bytes, now: datetime) -> Sequence[datetime]:
    """When codes were asked for this phone in the last day, the newest first."""
    found = (
        select(SignInChallenge.created_at)
        .where(col(SignInChallenge.phone_hash) == phone_hash, col(SignInChallenge.created_at) > now - DAY)
        .order_by(col(SignInChallenge.created_at).desc())
    )
    return (await session.exec(found)).all()


def seconds_until_next(sent: Sequence[datetime], now: datetime) -> int:
    """Seconds until SENDS_MAX allows another code, 0 at once; `sent` has the newest first."""
    waits = [sent[count - 1] + window - now for window, count in SENDS_MAX if len(sent) >= count]
    return max(0, ceil(max(waits, default=timedelta()).total_seconds()))


async def read_delivery(session: AsyncSession, keys: Keyring, challenge_id: UUID, *, now: datetime) -> Delivery | None:
    """What the worker sends, or None when the challenge is over and nobody waits for it."""
    challenge = await session.get(SignInChallenge, challenge_id)
    if challenge is None or challenge.used_at is not None or challenge.expires_at <= now:
        return None
    phone = decrypt_phone(keys, challenge)
    language = (
        await session.exec(select(Account.language).where(col(Account.phone_hash) == challenge.phone_hash))
    ).one_or_none()
    return Delivery(phone, code_of(keys, challenge_id), Language(language or Language.kk))


def decrypt_phone(keys: Keyring, challenge: SignInChallenge) -> str:
    """The phone of a challenge in E.164."""
    return keys.decrypt(
        challenge.phone_encrypted, key_id=challenge.encryption_key_id, purpose="sign_in_challenge.phone"
    )


async def use_code(
    session: AsyncSession, keys: Keyring, challenge_id: UUID, code: str, *, failures_per_hour: int, now: datetime
) -> str:
    """Spend a challenge by its right code; the phone (E.164) that is thereby proven.

    Raises:
        CodeExpiredError: the challenge is over, used or unknown.
        TooManyTriesError: it had its wrong codes; a right one comes too late.
        TooManyError: all phones together gave too many wrong codes within the hour.
        WrongCodeError: the code is wrong, which is counted.
    """
    challenge = await lock_open_challenge(session, challenge_id, now)
    await check_failure_budget(session, failures_per_hour, now)
    if not compare_digest(code_of(keys, challenge_id), code):
        # Parallel failures queue here and count each other; right codes do not wait.
        await execute(session, LOCK, name="sign_in.failures")
        await check_failure_budget(session, failures_per_hour, now)
        challenge.failed_count += 1
        challenge.last_failed_at = now
        raise WrongCodeError(tries_left=TRIES_MAX - challenge.failed_count)
    challenge.used_at = now
    return decrypt_phone(keys, challenge)


async def lock_open_challenge(session: AsyncSession, challenge_id: UUID, now: datetime) -> SignInChallenge:
    """A challenge that may be tried, locked so that parallel tries come one after another."""
    locked = select(SignInChallenge).where(col(SignInChallenge.id) == challenge_id).with_for_update()
    challenge = (await session.exec(locked.execution_options(populate_existing=True))).one_or_none()
    if challenge is None or challenge.used_at is not None or challenge.expires_at <= now:
        raise CodeExpiredError
    if challenge.failed_count >= TRIES_MAX:
        earlier = await list_sends(session, challenge.phone_hash, now)
        raise TooManyTriesError(retry_after_s=max(1, seconds_until_next(earlier, now)))
    return challenge


async def check_failure_budget(session: AsyncSession, failures_per_hour: int, now: datetime) -> None:
    """Pause everybody when wrong codes come in masses: one in a million is right, and there are many phones.

    Raises:
        TooManyError: the hour's failures are spent.
    """
    failed_at = col(SignInChallenge.last_failed_at)
    recent = select(sa.func.coalesce(sa.func.sum(SignInChallenge.failed_count), 0), sa.func.min(failed_at)).where(
        failed_at > now - HOUR
    )
    failed_count, oldest_at = (await session.exec(recent)).one()
    if failed_count >= failures_per_hour:
        until = (oldest_at or now) + HOUR
        raise TooManyError(retry_after_s=max(1, ceil((until - now).total_seconds())))
