"""Deleting what sign-in and idempotency keep for a while only."""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from models.accounts import RefreshToken, SignInChallenge
from models.idempotency import StoredAnswer

CHALLENGE_KEPT: Final = timedelta(days=2)
"""Longer than any limit on codes looks back."""
ANSWER_KEPT: Final = timedelta(days=7)


async def delete_outdated(session: AsyncSession, *, now: datetime) -> dict[str, int]:
    """Delete old challenges, expired refresh tokens and old stored answers; how many of each.

    A used refresh token stays until it expires, or its reuse would go unseen.
    """
    outdated = {
        "challenges": sa.delete(SignInChallenge).where(col(SignInChallenge.created_at) < now - CHALLENGE_KEPT),
        "refresh_tokens": sa.delete(RefreshToken).where(col(RefreshToken.expires_at) < now),
        "stored_answers": sa.delete(StoredAnswer).where(col(StoredAnswer.created_at) < now - ANSWER_KEPT),
    }
    return {noun: (await session.exec(statement)).rowcount for noun, statement in outdated.items()}
