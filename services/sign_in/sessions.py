"""Sessions. One is a family of refresh tokens, each good for one use; whoever uses an old one ends the family."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import Account, AccountState, AuthSession, RefreshToken
from models.base import Language, new_id
from services.actors import Actor
from services.changes import Topic, announce_change
from services.devices import forget_devices
from services.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from services.keyring import Keyring, fingerprint

TOKEN_BYTES: Final = 32


class AccountUnavailableError(ForbiddenError):
    """The account cannot be signed in to; why, it does not say."""

    code = "account_unavailable"


class SessionEndedError(UnauthenticatedError):
    """The refresh token is good for nothing: unknown, expired, used before, or its session is over. Sign in again."""

    code = "session_ended"
    keeps_writes = True


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """A session and the refresh token that continues it."""

    account_id: UUID
    session_id: UUID
    refresh_token: str


async def open_session(
    session: AsyncSession,
    keys: Keyring,
    phone: str,
    *,
    installation_id: UUID,
    language: Language,
    lifetime: timedelta,
    now: datetime,
) -> Credentials:
    """Sign in a proven phone (E.164). The first time makes an account, which speaks `language` and has no membership.

    An earlier session of this account on this installation ends.

    Raises:
        AccountUnavailableError: the account is blocked or erased.
    """
    account = await find_or_make_account(session, keys, phone, language=language, now=now)
    if account.state is not AccountState.active:
        raise AccountUnavailableError
    await revoke(
        session, account.id, col(AuthSession.installation_id) == installation_id, reason="signed_in_again", now=now
    )
    opened = AuthSession(account_id=account.id, installation_id=installation_id, created_at=now, last_seen_at=now)
    session.add(opened)
    await session.flush()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    add_token(session, token, opened.id, lifetime=lifetime, now=now)
    return Credentials(account.id, opened.id, token)


async def find_or_make_account(
    session: AsyncSession, keys: Keyring, phone: str, *, language: Language, now: datetime
) -> Account:
    """The account of a phone, locked against its other sign-ins. Two first ones make one: phone_hash is unique."""
    phone_hash = keys.keyed_hash(phone, purpose="phone")
    await session.exec(
        insert(Account)
        .values(
            id=new_id(),
            phone_hash=phone_hash,
            phone_encrypted=keys.encrypt(phone, purpose="account.phone"),
            encryption_key_id=keys.current_encryption_id,
            language=language,
            state=AccountState.active,
            notification_preferences={},
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["phone_hash"])
    )
    own = select(Account).where(col(Account.phone_hash) == phone_hash).with_for_update(key_share=True)
    return (await session.exec(own)).one()


def add_token(session: AsyncSession, token: str, session_id: UUID, *, lifetime: timedelta, now: datetime) -> None:
    """Let `token` continue a session once."""
    session.add(
        RefreshToken(token_hash=fingerprint(token), session_id=session_id, created_at=now, expires_at=now + lifetime)
    )


def successor_of(keys: Keyring, token: str) -> str:
    """The token after `token`. Always the same, so that a retry of a lost answer gets it again without our keeping
    tokens readable; without the server's key nobody can tell it."""
    return base64.urlsafe_b64encode(keys.keyed_hash(token, purpose="refresh_token")).rstrip(b"=").decode()


async def refresh_session(
    session: AsyncSession, keys: Keyring, token: str, *, grace: timedelta, lifetime: timedelta, now: datetime
) -> Credentials:
    """Exchange a refresh token for the next one.

    A retry within `grace` gets the same successor, unless that was used already. Any later use of an old token is a
    thief's or comes after a thief's, so it ends the session for both.

    Raises:
        SessionEndedError: the token continues nothing.
    """
    owned = (
        select(RefreshToken, AuthSession)
        .join(AuthSession, col(AuthSession.id) == col(RefreshToken.session_id))
        .join(Account, col(Account.id) == col(AuthSession.account_id))
        .where(
            col(RefreshToken.token_hash) == fingerprint(token),
            col(RefreshToken.expires_at) > now,
            col(AuthSession.revoked_at).is_(None),
            col(Account.state) == AccountState.active,
        )
        .with_for_update(of=(RefreshToken, AuthSession))
        .execution_options(populate_existing=True)
    )
    found = (await session.exec(owned)).one_or_none()
    if found is None:
        raise SessionEndedError
    current, family = found
    successor = successor_of(keys, token)
    if current.used_at is None:
        current.used_at = family.last_seen_at = now
        add_token(session, successor, family.id, lifetime=lifetime, now=now)
    elif now > current.used_at + grace or await is_used(session, successor):
        await revoke(session, family.account_id, col(AuthSession.id) == family.id, reason="token_reused", now=now)
        raise SessionEndedError
    return Credentials(family.account_id, family.id, successor)


async def is_used(session: AsyncSession, token: str) -> bool:
    """Whether a token was exchanged already; then its receiver had it, and a retry for it is none."""
    stored = await session.get(RefreshToken, fingerprint(token), populate_existing=True)
    return stored is None or stored.used_at is not None


async def list_sessions(
    session: AsyncSession, actor: Actor, *, after: UUID | None, limit: int, lifetime: timedelta, now: datetime
) -> Sequence[AuthSession]:
    """The actor's own sessions that can still be continued, the newest first, after `after`; one more than `limit`."""
    found = (
        select(AuthSession)
        .where(
            col(AuthSession.account_id) == actor.require_account(),
            col(AuthSession.revoked_at).is_(None),
            col(AuthSession.last_seen_at) > now - lifetime,
        )
        .order_by(col(AuthSession.id).desc())
        .limit(limit + 1)
    )
    if after is not None:
        found = found.where(col(AuthSession.id) < after)
    return (await session.exec(found)).all()


async def end_session(session: AsyncSession, actor: Actor, session_id: UUID, *, now: datetime) -> None:
    """End one of the actor's own sessions; its access tokens stop at once.

    Raises:
        NotFoundError: no such session, somebody else's, or ended before.
    """
    ended = await revoke(
        session, actor.require_account(), col(AuthSession.id) == session_id, reason="signed_out", now=now
    )
    if not ended:
        raise NotFoundError


async def revoke(
    session: AsyncSession, account_id: UUID, which: sa.ColumnElement[bool], *, reason: str, now: datetime
) -> bool:
    """End the sessions of an account that fit `which`, and push to their phones; whether there were any."""
    ended = await session.exec(
        sa.update(AuthSession)
        .where(col(AuthSession.account_id) == account_id, col(AuthSession.revoked_at).is_(None), which)
        .values(revoked_at=now, revoked_reason=reason)
        .returning(col(AuthSession.installation_id))
    )
    installations = ended.scalars().all()
    if not installations:
        return False
    await forget_devices(session, account_id, installations)
    await announce_change(session, Topic.account, account_id)
    return True
