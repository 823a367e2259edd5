"""Publishing news at its time."""

from datetime import datetime
from uuid import UUID

from api.jobs.registry import RETRY_FOR_A_DAY, job
from api.runtime import Runtime
from models.base import utc_now
from services.news import writing


@job(writing.PUBLISH_DUE, retry=RETRY_FOR_A_DAY)
async def publish_due(runtime: Runtime, *, article_id: str, publish_at: str) -> None:
    """Publish one scheduled article."""
    async with runtime.sessions() as session, session.begin():
        due_at = datetime.fromisoformat(publish_at)
        await writing.publish_due(session, UUID(article_id), publish_at=due_at, now=utc_now())
