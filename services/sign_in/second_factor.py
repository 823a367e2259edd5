"""The second factor of people who work in the admin API: one-time passwords by time (TOTP, RFC 6238)."""

from datetime import datetime, timedelta
from hmac import compare_digest
from math import ceil
from typing import Final
from uuid import UUID

import pyotp
import sqlalchemy as sa
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account, AuthSession
from services import audit
from services.actors import Actor
from services.changes import Topic, announce_change
from services.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, TooManyError
from services.keyring import Keyring
from services.permissions import ADMIN_ROLES

STEP_S: Final = 30
FAILURES_MAX: Final = 5
PAUSE: Final = timedelta(hours=1)
"""After FAILURES_MAX wrong passwords; 120 tries a day against three good ones in a million."""
OPERATOR: Final = Actor(account_id=None)


class SecondFactorExistsError(ConflictError):
    """The account has a second factor; an operator can reset it."""

    code = "second_factor_exists"


class SecondFactorMissingError(ConflictError):
    """The account has no second factor yet: enrol first."""

    code = "second_factor_missing"


class WrongPasswordError(InvalidError):
    """The one-time password is wrong or was used; `tries_left` says how many more there are."""

    code = "wrong_password"
    keeps_writes = True


async def enrol(session: AsyncSession, keys: Keyring, actor: Actor, *, now: datetime) -> str:
    """Give the actor a secret for an authenticator app, as an otpauth URI that is shown once.

    It counts from the first right password on; until then enrolling again replaces it.

    Raises:
        ForbiddenError: the actor holds no admin role.
        SecondFactorExistsError: there is one that counts.
    """
    account = await lock_admin_account(session, actor)
    if account.totp_confirmed_at is not None:
        raise SecondFactorExistsError
    secret = pyotp.random_base32()
    encrypt_secret(account, keys, secret)
    record(session, actor, "second_factor:enrol", account.id, now)
    return pyotp.TOTP(secret).provisioning_uri(name=str(account.id)[-6:], issuer_name="Unqatu")


async def raise_session(session: AsyncSession, keys: Keyring, actor: Actor, password: str, *, now: datetime) -> None:
    """Open admin work to the actor's session by a one-time password; the first one confirms the enrolment.

    Raises:
        ForbiddenError: the actor holds no admin role.
        SecondFactorMissingError: there is no secret yet.
        TooManyError: too many wrong ones; `retry_after_s` says when to go on.
        WrongPasswordError: wrong, or used before; it is counted.
    """
    account = await lock_admin_account(session, actor)
    if account.totp_secret_encrypted is None:
        raise SecondFactorMissingError
    begin_try(account, now)
    step = matching_step(decrypt_secret(account, keys), password, after=account.totp_last_step, now=now)
    if step is None:
        account.totp_failed_count += 1
        account.totp_failed_at = now
        raise WrongPasswordError(tries_left=FAILURES_MAX - account.totp_failed_count)
    account.totp_last_step = step
    account.totp_failed_count = 0
    if account.totp_confirmed_at is None:
        account.totp_confirmed_at = now
        record(session, actor, "second_factor:confirm", account.id, now)
    await set_raised(session, col(AuthSession.id) == actor.session_id, now)
    await announce_change(session, Topic.account, account.id)


async def reset(session: AsyncSession, account_id: UUID, *, now: datetime) -> None:
    """Take an account's second factor away, for an operator whose user lost the phone. Its sessions are lowered.

    Raises:
        NotFoundError: no such account.
    """
    account = await session.get(Account, account_id, with_for_update={"key_share": True})
    if account is None:
        raise NotFoundError
    account.totp_secret_encrypted = account.totp_confirmed_at = account.totp_last_step = None
    account.totp_failed_count, account.totp_failed_at = 0, None
    await set_raised(session, col(AuthSession.account_id) == account_id, None)
    record(session, OPERATOR, "second_factor:reset", account_id, now)
    await announce_change(session, Topic.account, account_id)


async def lock_admin_account(session: AsyncSession, actor: Actor) -> Account:
    """The actor's account, locked so that parallel tries come one after another."""
    if not any(grant.role in ADMIN_ROLES for grant in actor.grants):
        raise ForbiddenError(reason="no_admin_role")
    own = select(Account).where(col(Account.id) == actor.require_account()).with_for_update(key_share=True)
    return (await session.exec(own.execution_options(populate_existing=True))).one()


def begin_try(account: Account, now: datetime) -> None:
    """Let one more try begin, or refuse it; after the pause counting starts again."""
    if account.totp_failed_at is None or account.totp_failed_at + PAUSE <= now:
        account.totp_failed_count = 0
    elif account.totp_failed_count >= FAILURES_MAX:
        until = account.totp_failed_at + PAUSE
        raise TooManyError(retry_after_s=ceil((until - now).total_seconds()))


def matching_step(secret: str, password: str, *, after: int | None, now: datetime) -> int | None:
    """The time step whose password this is, of those around `now` and later than `after`; None if it is wrong.

    Clocks of phones go wrong by a step of 30 s, hence one on either side.
    """
    totp, step = pyotp.TOTP(secret, interval=STEP_S), int(now.timestamp()) // STEP_S
    fresh = (near for near in (step - 1, step, step + 1) if after is None or near > after)
    return next((near for near in fresh if compare_digest(totp.generate_otp(near), password)), None)


def encrypt_secret(account: Account, keys: Keyring, secret: str) -> None:
    """Keep the secret. The account names one key for all it holds encrypted, so the phone moves to it as well."""
    if account.phone_encrypted is not None and account.encryption_key_id != keys.current_encryption_id:
        phone = keys.decrypt(account.phone_encrypted, key_id=account.encryption_key_id or "", purpose="account.phone")
        account.phone_encrypted = keys.encrypt(phone, purpose="account.phone")
    account.totp_secret_encrypted = keys.encrypt(secret, purpose="account.totp_secret")
    account.encryption_key_id = keys.current_encryption_id


def decrypt_secret(account: Account, keys: Keyring) -> str:
    """The secret that `encrypt_secret` kept."""
    blob, key_id = account.totp_secret_encrypted or b"", account.encryption_key_id or ""
    return keys.decrypt(blob, key_id=key_id, purpose="account.totp_secret")


async def set_raised(session: AsyncSession, which: sa.ColumnElement[bool], at: datetime | None) -> None:
    """Write when the sessions that fit `which` were raised; None lowers them."""
    await session.exec(sa.update(AuthSession).where(which).values(second_factor_at=at))


def record(session: AsyncSession, actor: Actor, action: str, account_id: UUID, now: datetime) -> None:
    """One row in the audit."""
    audit.record(session, actor, action, object_kind="account", object_id=account_id, branch_id=None, now=now)
