"""Writes that a phone may repeat: same key and request = the stored answer."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.db import execute
from models.idempotency import StoredAnswer
from services.errors import ConflictError, InvalidError

LOCK = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")


class IdempotencyInFlightError(ConflictError):
    """The first request with this key has not ended yet."""

    code = "idempotency_in_flight"


class IdempotencyMismatchError(InvalidError):
    """The key was used for another request."""

    code = "idempotency_mismatch"


async def find_answer(session: AsyncSession, account_id: UUID, key: str, request_hash: bytes) -> StoredAnswer | None:
    """The stored answer to this very request, or None when it is the first; holds the key until the transaction ends.

    Raises:
        IdempotencyInFlightError: another transaction works under this key just now.
        IdempotencyMismatchError: the key belongs to another request.
    """
    if not (await execute(session, LOCK, name=f"{account_id}:{key}")).scalar_one():
        raise IdempotencyInFlightError(retry_after_s=1)
    stored = await session.get(StoredAnswer, (account_id, key))
    if stored is not None and stored.request_hash != request_hash:
        raise IdempotencyMismatchError
    return stored


def keep_answer(
    session: AsyncSession, account_id: UUID, key: str, request_hash: bytes, *, status: int, body: bytes, now: datetime
) -> None:
    """Store an answer in the transaction of the write it answers."""
    session.add(
        StoredAnswer(
            account_id=account_id, key=key, request_hash=request_hash, status=status, body=body, created_at=now
        )
    )
