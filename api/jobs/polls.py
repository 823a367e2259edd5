"""Opening and closing polls at their time."""

from datetime import datetime
from uuid import UUID

from api.jobs.registry import RETRY_FOR_A_DAY, job
from api.runtime import Runtime
from models.base import utc_now
from services.polls import life


@job(life.OPEN_DUE, retry=RETRY_FOR_A_DAY)
async def open_due(runtime: Runtime, *, poll_id: str, opens_at: str) -> None:
    """Open one scheduled poll."""
    async with runtime.sessions() as session, session.begin():
        due_at = datetime.fromisoformat(opens_at)
        await life.open_due(session, UUID(poll_id), opens_at=due_at, now=utc_now())


@job(life.CLOSE_DUE, retry=RETRY_FOR_A_DAY)
async def close_due(runtime: Runtime, *, poll_id: str, closes_at: str) -> None:
    """Close one open poll."""
    async with runtime.sessions() as session, session.begin():
        due_at = datetime.fromisoformat(closes_at)
        await life.close_due(session, UUID(poll_id), closes_at=due_at, now=utc_now())
