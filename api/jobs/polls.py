"""Opening and closing polls at their time."""

from uuid import UUID

from api.jobs.registry import job
from api.runtime import Runtime
from models.base import utc_now
from services.polls import life


@job(life.OPEN_DUE)
async def open_due(runtime: Runtime, *, poll_id: str) -> None:
    """Open one scheduled poll."""
    async with runtime.sessions() as session, session.begin():
        await life.open_due(session, UUID(poll_id), now=utc_now())


@job(life.CLOSE_DUE)
async def close_due(runtime: Runtime, *, poll_id: str) -> None:
    """Close one open poll."""
    async with runtime.sessions() as session, session.begin():
        await life.close_due(session, UUID(poll_id), now=utc_now())
