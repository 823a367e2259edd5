"""Who asks. Loaded once a request, in one statement; a token holds no roles, so a change of roles acts at once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final
from uuid import UUID

import asyncpg
import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import Language, Ltree
from models.branches import Branch
from models.db import execute
from models.roles import RoleName
from services.errors import ForbiddenError, NotFoundError, SecondFactorRequiredError, UnauthenticatedError
from services.permissions import ROLE_PERMISSIONS, Permission


@dataclass(frozen=True, slots=True)
class Grant:
    """Permissions in a branch and all below it: a role's, or a service token's scopes."""

    branch_id: UUID
    path: str
    permissions: frozenset[Permission]
    role: RoleName | None = None

    def covers(self, path: str) -> bool:
        """Whether `path` is the branch of the grant or below it; "kz.at2" is not below "kz.at"."""
        return path == self.path or path.startswith(self.path + ".")


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or a program, with what it may do.

    Attributes:
        account_id: of a person; None for a service token.
        installation_id: of the app whose session this is; None for a service token.
        member_id: of an active member, else None.
        branch_chain: ids from the member's primary organisation up to the republic; empty without membership.
        raised: whether admin work is open to it: a second factor was given, or it is a service token.
    """

    account_id: UUID | None
    session_id: UUID | None = None
    installation_id: UUID | None = None
    service_token_id: UUID | None = None
    member_id: UUID | None = None
    branch_chain: tuple[UUID, ...] = ()
    branch_path: str | None = None
    language: Language = Language.kk
    grants: tuple[Grant, ...] = field(default=())
    raised: bool = False
    request_id: str | None = None

    def require_account(self) -> UUID:
        """The account of a person.

        Raises:
            ForbiddenError: the actor is a program.
        """
        if self.account_id is None:
            raise ForbiddenError(reason="people_only")
        return self.account_id

    def holds(self, path: str, permission: Permission) -> bool:
        """Whether a grant covers the branch at `path` with `permission`; refuses nobody, see `authorise`."""
        return any(permission in grant.permissions and grant.covers(path) for grant in self.grants)

    def require_member(self) -> UUID:
        """The member's id.

        Raises:
            ForbiddenError: the actor is no active member.
        """
        if self.member_id is None:
            raise ForbiddenError(reason="members_only")
        return self.member_id


PERSON_STATEMENT: Final = """
    SELECT a.language, s.installation_id, s.second_factor_at, m.id AS member_id, b.path::text AS branch_path,
           (SELECT array_agg(up.id ORDER BY nlevel(up.path) DESC) FROM branch up WHERE up.path @> b.path) AS chain,
           (SELECT json_agg(json_build_array(r.name, rb.id, rb.path::text) ORDER BY rb.path, r.name)::text
              FROM role r JOIN branch rb ON rb.id = r.branch_id
             WHERE r.account_id = a.id AND r.ended_at IS NULL) AS roles
      FROM auth_session s
      JOIN account a ON a.id = s.account_id AND a.state = 'active'
      LEFT JOIN member m ON m.account_id = a.id AND m.state = 'active'
      LEFT JOIN membership ms ON ms.member_id = m.id AND ms.ended_on IS NULL
      LEFT JOIN branch b ON b.id = ms.branch_id
     WHERE s.id = $1 AND s.account_id = $2 AND s.revoked_at IS NULL
"""
PERSON: Final = sa.text(PERSON_STATEMENT.replace("$1", ":session_id").replace("$2", ":account_id"))

PROGRAM: Final = sa.text("""
    SELECT t.id, t.secret_hash, t.scopes, b.id AS branch_id, b.path::text AS branch_path
      FROM service_token t JOIN branch b ON b.id = t.branch_id
     WHERE t.prefix = :prefix AND t.revoked_at IS NULL AND t.expires_at > :now
""")


async def load_person(
    session: AsyncSession, *, account_id: UUID, session_id: UUID, second_factor_lifetime: timedelta, now: datetime
) -> Actor:
    """The actor behind a verified access token.

    Raises:
        UnauthenticatedError: the session was revoked, or the account is blocked or erased.
    """
    found = (await execute(session, PERSON, account_id=account_id, session_id=session_id)).mappings().one_or_none()
    return person(found, account_id, session_id, raised_since=now - second_factor_lifetime)


async def read_person(connection: asyncpg.Connection, *, account_id: UUID, session_id: UUID) -> Actor:
    """The same, straight from the driver, for what members do: whether a second factor was given is not looked at.

    Raises:
        UnauthenticatedError: as `load_person`.
    """
    return person(await connection.fetchrow(PERSON_STATEMENT, session_id, account_id), account_id, session_id)


def person(
    found: RowMapping | asyncpg.Record | None,
    account_id: UUID,
    session_id: UUID,
    *,
    raised_since: datetime | None = None,
) -> Actor:
    """The actor of a row of `PERSON_STATEMENT`; raised by a second factor after `raised_since`."""
    if found is None:
        raise UnauthenticatedError
    raised_at: datetime | None = found["second_factor_at"]
    return Actor(
        account_id=account_id,
        session_id=session_id,
        installation_id=found["installation_id"],
        member_id=found["member_id"] if found["branch_path"] is not None else None,
        branch_chain=tuple(found["chain"] or ()),
        branch_path=found["branch_path"],
        language=Language(found["language"]),
        grants=tuple(role_grant(*role) for role in json.loads(found["roles"] or "[]")),
        raised=raised_at is not None and raised_since is not None and raised_at > raised_since,
    )


def role_grant(name: str, branch_id: Any, path: str) -> Grant:
    """What a role gives in a branch."""
    role = RoleName(name)
    return Grant(branch_id=UUID(str(branch_id)), path=path, permissions=ROLE_PERMISSIONS[role], role=role)


async def load_program(session: AsyncSession, *, prefix: str, secret: str, now: datetime) -> Actor:
    """The actor behind a service token. Scopes that no longer exist as permissions give nothing.

    Raises:
        UnauthenticatedError: unknown, wrong, revoked or expired.
    """
    found = (await execute(session, PROGRAM, prefix=prefix, now=now)).one_or_none()
    if found is None or not compare_digest(sha256(secret.encode()).digest(), bytes(found.secret_hash)):
        raise UnauthenticatedError
    scopes = frozenset(Permission(scope) for scope in found.scopes if scope in set(Permission))
    grant = Grant(branch_id=found.branch_id, path=found.branch_path, permissions=scopes)
    return Actor(account_id=None, service_token_id=found.id, grants=(grant,), raised=True)


def holds(actor: Actor, path: str, permission: Permission) -> bool:
    """Whether the actor holds `permission` in the branch at `path`."""
    return any(permission in grant.permissions for grant in actor.grants if grant.covers(path))


def authorise(actor: Actor, path: str, permission: Permission) -> None:
    """Let pass who holds `permission` in the branch at `path`.

    Raises:
        NotFoundError: the actor has nothing to do with that branch.
        ForbiddenError: the actor works there, without this permission.
        SecondFactorRequiredError: the permission is there, the second factor is not.
    """
    if not any(grant.covers(path) for grant in actor.grants):
        raise NotFoundError
    if not holds(actor, path, permission):
        raise ForbiddenError(permission=permission.value)
    if not actor.raised:
        raise SecondFactorRequiredError


def visible_branches(actor: Actor, permission: Permission) -> Sequence[str]:
    """Paths of the branches in whose subtrees the actor holds `permission`; lists are cut down to these.

    Raises:
        ForbiddenError: there are none.
        SecondFactorRequiredError: as in `authorise`.
    """
    paths = [grant.path for grant in actor.grants if permission in grant.permissions]
    if not paths:
        raise ForbiddenError(permission=permission.value)
    if not actor.raised:
        raise SecondFactorRequiredError
    return paths


def in_subtrees(paths: Sequence[str]) -> sa.ColumnElement[bool]:
    """The condition that `branch.path` lies in one of the subtrees."""
    subtrees = sa.cast(sa.literal(list(paths), sa.ARRAY(sa.Text)), sa.ARRAY(Ltree))
    return sa.type_coerce(Branch.path, Ltree).op("<@", is_comparison=True)(subtrees)
