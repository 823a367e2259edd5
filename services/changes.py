"""Telling every API process that something it may have cached has changed (NOTIFY, delivered at commit)."""

from enum import StrEnum
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.db import execute

CHANNEL: Final = "unqatu_changes"
NOTIFY: Final = sa.text("SELECT pg_notify('unqatu_changes', :message)")


class Topic(StrEnum):
    """What changed; the id that goes with it."""

    account = "account"
    """Sessions, roles, state or membership of an account: its id."""
    news = "news"
    """What a branch publishes: the branch's id."""
    polls = "polls"
    """What polls a branch shows: the branch's id."""
    branches = "branches"
    """The tree: any branch's id."""


async def announce_change(session: AsyncSession, topic: Topic, subject_id: UUID) -> None:
    """Let caches drop what they hold of `subject_id`, once this transaction has committed. Never in a transaction per
    vote: a NOTIFY costs a third of the write throughput."""
    await execute(session, NOTIFY, message=f"{topic}:{subject_id}")
