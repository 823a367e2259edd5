"""What one process' hot lane works with: connections, caches, and the listener that empties them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from api.hot.caches import LIFETIME_S, PEOPLE_LIFETIME_S, Cache, Proof
from api.hot.changes import Listener
from api.hot.connections import Connections, pooled
from api.hot.pages import Page
from api.hot.people import People
from api.runtime import APP_ROLE, Runtime, database_url
from models.base import Language
from models.db import COMMAND_TIMEOUT_S, plain_url, server_settings
from services.changes import Topic

Chain = tuple[UUID, ...]
MANY: Final = 20_000


class ListedPoll(NamedTuple):
    """An open poll in a list, as JSON for those who answered and those who did not."""

    poll_id: UUID
    closes_at: datetime | None
    unanswered: bytes
    answered: bytes


class OpenedPoll(NamedTuple):
    """One poll, and the branch to whose members it was opened."""

    branch_id: UUID
    page: Page


@dataclass
class HotState:
    """One lane.

    Attributes:
        lifetime_s: how long pages are remembered, 0 for not at all.
        people_lifetime_s: the same of who asks.
    """

    runtime: Runtime
    connections: Connections
    lifetime_s: float = LIFETIME_S
    people_lifetime_s: float = PEOPLE_LIFETIME_S
    proof: Proof = field(default_factory=Proof)

    def __post_init__(self) -> None:
        self.people = People(self.runtime.tokens, self.connections, self.proof, lifetime_s=self.people_lifetime_s)
        self.feeds: Cache[tuple[Chain, Language, int], Page] = self.cache()
        self.lists: Cache[tuple[Chain, Language], list[ListedPoll]] = self.cache()
        self.polls: Cache[tuple[str, Language], OpenedPoll] = self.cache()

    def cache(self) -> Cache[Any, Any]:
        """A cache like the others."""
        return Cache(self.proof, capacity=MANY, lifetime_s=self.lifetime_s)

    def forget(self, topic: Topic | None, subject: UUID | None) -> None:
        """Drop what a change touches; everything, when changes may have been missed or the tree changed."""
        match topic, subject:
            case Topic.account, UUID():
                self.people.forget(subject)
            case Topic.news, UUID():
                self.feeds.drop(lambda key, _: subject in key[0])
            case Topic.polls, UUID():
                self.lists.drop(lambda key, _: subject in key[0])
                self.polls.drop(lambda _, poll: poll.branch_id == subject)
            case _:
                for cache in (self.people.known, self.feeds, self.lists, self.polls):
                    cache.clear()


@asynccontextmanager
async def running_lane(runtime: Runtime) -> AsyncIterator[HotState]:
    """The hot lane of a server process."""
    url = database_url(runtime.settings)
    settings = server_settings(APP_ROLE, statement_timeout_ms=int(COMMAND_TIMEOUT_S * 1000))
    async with pooled(url, APP_ROLE) as connections:
        hot = HotState(runtime, connections, runtime.settings.hot_lane_lifetime.total_seconds())
        listener = asyncio.create_task(Listener(plain_url(url), settings, hot.proof, hot.forget).run())
        try:
            yield hot
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener
