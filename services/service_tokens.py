"""The keys of programs: made by people, for a branch, with scopes, for a time."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import ServiceToken
from models.branches import Branch
from services import audit
from services.actors import Actor, in_subtrees, visible_branches
from services.branches import access_branch
from services.errors import InvalidError, NotFoundError
from services.keyring import fingerprint
from services.permissions import Permission
from services.roles import require_own

LIFETIME_MAX: Final = timedelta(days=366)
PREFIX_BYTES: Final = 5
SECRET_BYTES: Final = 24


class TokenLifetimeError(InvalidError):
    """A token ends in the future, and within a year."""

    code = "token_lifetime"


@dataclass(frozen=True, slots=True, repr=False)
class IssuedToken:
    """A new token with its secret, which is shown once and stored nowhere."""

    token: ServiceToken
    secret: str


async def list_tokens(
    session: AsyncSession, actor: Actor, *, branch_id: UUID | None, after: UUID | None, limit: int
) -> Sequence[ServiceToken]:
    """Tokens of the actor's subtrees that are not revoked, the oldest first, after `after`; one more than `limit`."""
    found = (
        select(ServiceToken)
        .join(Branch, col(Branch.id) == col(ServiceToken.branch_id))
        .where(in_subtrees(visible_branches(actor, Permission.tokens_read)), col(ServiceToken.revoked_at).is_(None))
        .order_by(col(ServiceToken.id))
        .limit(limit + 1)
    )
    if branch_id is not None:
        found = found.where(col(ServiceToken.branch_id) == branch_id)
    if after is not None:
        found = found.where(col(ServiceToken.id) > after)
    return (await session.exec(found)).all()


async def issue_token(
    session: AsyncSession,
    actor: Actor,
    *,
    branch_id: UUID,
    name: str,
    scopes: Sequence[Permission],
    expires_at: datetime,
    now: datetime,
) -> IssuedToken:
    """Make a token that may do `scopes` in a branch and below it.

    Raises:
        ForbiddenError: the actor is a program itself: people answer for tokens.
        RoleTooHighError: a scope that the actor does not hold there.
        TokenLifetimeError: `expires_at` is past, or more than a year away.
    """
    maker = actor.require_account()
    branch = await access_branch(session, actor, branch_id, Permission.tokens_write)
    require_own(actor, branch.path, frozenset(scopes))
    if not now < expires_at <= now + LIFETIME_MAX:
        raise TokenLifetimeError(days_max=LIFETIME_MAX.days)
    secret = secrets.token_hex(SECRET_BYTES)
    token = ServiceToken(
        branch_id=branch_id,
        name=name,
        prefix=secrets.token_hex(PREFIX_BYTES),
        secret_hash=fingerprint(secret),
        scopes=sorted(set(scopes)),
        created_by_account_id=maker,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(token)
    await session.flush()
    write_down(session, actor, "tokens:issue", token, now)
    return IssuedToken(token, secret)


async def revoke_token(session: AsyncSession, actor: Actor, token_id: UUID, *, now: datetime) -> None:
    """Revoke a token; it stops acting at once.

    Raises:
        NotFoundError: no such token for the actor, or it is revoked.
    """
    token = await session.get(ServiceToken, token_id, with_for_update=True)
    if token is None or token.revoked_at is not None:
        raise NotFoundError
    await access_branch(session, actor, token.branch_id, Permission.tokens_write)
    token.revoked_at = now
    await session.flush()
    write_down(session, actor, "tokens:revoke", token, now)


def write_down(session: AsyncSession, actor: Actor, action: str, token: ServiceToken, now: datetime) -> None:
    """Audit a change of tokens."""
    audit.record(
        session,
        actor,
        action,
        object_kind="service_token",
        object_id=token.id,
        branch_id=token.branch_id,
        now=now,
        scopes=list(token.scopes),
    )
