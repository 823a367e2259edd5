"""Who signs in: accounts, their sessions, and the keys of programs."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from models.base import Language, enum_field, id_field


class AccountState(StrEnum):
    """A blocked account cannot sign in; an erased one has blank columns and no phone."""

    active = "active"
    blocked = "blocked"
    erased = "erased"


class Account(SQLModel, table=True):
    """One phone number. It may belong to a member or to an applicant who is none.

    The phone is encrypted; it is found by `phone_hash`, an HMAC-SHA-256 of the E.164 form under the server's key.
    """

    id: UUID = id_field()
    phone_encrypted: bytes | None = None
    phone_hash: bytes | None = Field(default=None, unique=True)
    encryption_key_id: str | None = None
    language: Language = enum_field(Language)
    state: AccountState = enum_field(AccountState, default=AccountState.active)
    totp_secret_encrypted: bytes | None = None
    totp_confirmed_at: datetime | None = None
    totp_last_step: int | None = Field(default=None, sa_type=sa.BigInteger, description="A code is used once.")
    totp_failed_count: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    totp_failed_at: datetime | None = None
    notification_preferences: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    inbox_read_before_at: datetime | None = Field(default=None, description="All that is older counts as read.")
    created_at: datetime


class AuthSession(SQLModel, table=True):
    """One sign-in on one installation: the family of its refresh tokens."""

    __tablename__ = "auth_session"

    id: UUID = id_field()
    account_id: UUID = Field(foreign_key="account.id", index=True)
    installation_id: UUID
    created_at: datetime
    last_seen_at: datetime
    second_factor_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_reason: str | None = None


class RefreshToken(SQLModel, table=True):
    """A one-time token that gives the next one. Only its SHA-256 is stored."""

    __tablename__ = "refresh_token"
    __table_args__ = (sa.Index("refresh_token_expires_at_idx", "expires_at"),)

    token_hash: bytes = Field(primary_key=True)
    session_id: UUID = Field(foreign_key="auth_session.id", index=True, ondelete="CASCADE")
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class SignInChallenge(SQLModel, table=True):
    """A one-time code that was asked for. Made for every phone, known or not."""

    __tablename__ = "sign_in_challenge"
    __table_args__ = (
        sa.Index("sign_in_challenge_phone_hash_created_at_idx", "phone_hash", "created_at"),
        sa.Index("sign_in_challenge_created_at_idx", "created_at"),
        sa.Index("sign_in_challenge_last_failed_at_idx", "last_failed_at"),
    )

    id: UUID = Field(primary_key=True, description="Random (v4): it is a secret between phone and server.")
    phone_hash: bytes
    phone_encrypted: bytes
    encryption_key_id: str
    failed_count: int = 0
    last_failed_at: datetime | None = None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class ServiceToken(SQLModel, table=True):
    """The key of a program that works for a branch. Only its SHA-256 is stored; the prefix names it in lists."""

    __tablename__ = "service_token"

    id: UUID = id_field()
    branch_id: UUID = Field(foreign_key="branch.id", index=True)
    name: str
    prefix: str = Field(unique=True)
    secret_hash: bytes
    scopes: list[str] = Field(sa_type=ARRAY(sa.Text), description="Permissions, e.g. news:publish.")
    created_by_account_id: UUID | None = Field(default=None, foreign_key="account.id")
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
