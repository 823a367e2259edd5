"""Publishing news at its time."""

from datetime import datetime
from typing import Final
from uuid import UUID

from procrastinate import RetryStrategy

from api.jobs.registry import job
from api.runtime import Runtime
from models.base import utc_now
from services.news import writing

RETRY: Final = RetryStrategy(max_attempts=8_640, wait=10)
"""For a day: an article that missed its minute because the database was away is still wanted."""


@job(writing.PUBLISH_DUE, retry=RETRY)
async def publish_due(runtime: Runtime, *, article_id: str, publish_at: str) -> None:
    """Publish one scheduled article."""
    async with runtime.sessions() as session, session.begin():
        due_at = datetime.fromisoformat(publish_at)
        await writing.publish_due(session, UUID(article_id), publish_at=due_at, now=utc_now())
