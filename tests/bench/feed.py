"""The feed: from memory, unchanged, from the database, and with ten times the articles."""

import json
import random
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from statistics import median
from typing import Any, Final
from uuid import UUID

import httpx
import psutil

from tests.bench.dataset import BRANCH, DISTRICTS, PRIMARIES, REGIONS, numbered, primary
from tests.bench.floors import GIVEN
from tests.bench.ground import Ground
from tests.bench.load import drive, get
from tests.bench.processes import free_port, serving
from tests.bench.rounds import SLICE_S, Meter, Sample, Subject, figure, interleave

FEED: Final = "/v1/news"
READERS: Final = 500
"""Each of another primary organisation, so with another page."""
PARALLEL: Final = 32
ARTICLES: Final = 100_000
OK, NOT_MODIFIED = 200, 304


@dataclass(frozen=True)
class Target:
    """A server and what to ask of it."""

    port: int
    process: psutil.Process
    requests: list[bytes]
    status: int = OK

    def subject(self, postgres: psutil.Process | None = None, *, parallel: int = PARALLEL) -> Subject:
        """A slice of load, after one round of all readers that fills the memory again."""

        async def run() -> Sample:
            warm = iter(self.requests)
            await drive(self.port, warm, status=self.status, connections=PARALLEL, seconds=60)
            meter = Meter((self.process, postgres) if postgres else (self.process,))
            shuffled = random.sample(self.requests, len(self.requests))
            counted, seconds = await drive(
                self.port, cycle(shuffled), status=self.status, connections=parallel, seconds=SLICE_S
            )
            return meter.sample(counted.done, seconds, median(counted.seconds))

        return run


def chain_of(member: int) -> list[UUID]:
    """The branches of a member, nearest first."""
    district = member % PRIMARIES % DISTRICTS
    return [
        primary(member),
        numbered(BRANCH, 1 + REGIONS + district),
        numbered(BRANCH, 1 + district % REGIONS),
        numbered(BRANCH, 0),
    ]


class Feed:
    """The servers of the group, for as long as the stack is open."""

    def __init__(self, ground: Ground, stack: ExitStack, tell: Callable[[str], None]) -> None:
        self.ground, self.stack = ground, stack
        tell("100,000 articles and members by COPY")
        self.url = ground.make_database("feed", articles=ARTICLES)
        tell("1,000,000 articles by COPY")
        self.big_url = ground.make_database("feed_big", articles=10 * ARTICLES)
        self.asked = [get(FEED, [ground.sign_in(number)]) for number in range(READERS)]

    def api(self, url: str, **settings: str) -> Target:
        """A process of the API."""
        port, process = self.stack.enter_context(self.ground.api(url, **settings))
        return Target(port, process, self.asked)

    def floor(self, asked: list[bytes], status: int = OK, **given: Any) -> Target:
        """A bare ASGI process."""
        port = free_port()
        environment = {GIVEN: json.dumps({"port": port, "status": status, **given})}
        process = self.stack.enter_context(serving(["tests.bench.floors"], port, environment))
        return Target(port, process, asked, status)


def etags(port: int, ground: Ground) -> Iterator[tuple[str, httpx.Response]]:
    """Each reader's Authorization header, and the page."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"accept-encoding": "identity"}) as client:
        for number in range(READERS):
            header = ground.sign_in(number)
            name, _, value = header.partition(": ")
            answer = client.get(FEED, headers={name: value})
            answer.raise_for_status()
            yield header, answer


def own_headers(answer: httpx.Response, *without: str) -> list[tuple[str, str]]:
    """What the application sent, as the floor shall send it."""
    return [(name, value) for name, value in answer.headers.items() if name not in {"date", *without}]


def unchanged(cached: Target, pages: list[tuple[str, httpx.Response]]) -> tuple[Target, httpx.Response]:
    """The same server, asked by phones that have the page; and what it says."""
    asked = [get(FEED, [header, f"If-None-Match: {page.headers['etag']}"]) for header, page in pages]
    authorization = pages[0][0].partition(": ")[2]
    headers = {"authorization": authorization, "if-none-match": pages[0][1].headers["etag"]}
    answer = httpx.get(f"http://127.0.0.1:{cached.port}{FEED}", headers=headers)
    return Target(cached.port, cached.process, asked, NOT_MODIFIED), answer


def subjects(feed: Feed) -> dict[str, Subject]:
    """All that is measured."""
    postgres = feed.ground.postgres
    cached = feed.api(feed.url)
    uncached = feed.api(feed.url, UNQATU_HOT_LANE_LIFETIME="PT0S")
    big = feed.api(feed.big_url, UNQATU_HOT_LANE_LIFETIME="PT0S")
    pages = list(etags(cached.port, feed.ground))
    page = pages[0][1]
    not_modified, said = unchanged(cached, pages)
    tail = b"," + page.content.rsplit(b"],", 1)[1]
    numbers = [get(f"/{number}", [pages[0][0]]) for number in range(READERS)]
    asgi = feed.floor(feed.asked, kind="ready", headers=own_headers(page), body=b64encode(page.content).decode())
    asgi_304 = feed.floor(not_modified.requests, NOT_MODIFIED, kind="ready", headers=own_headers(said), body="")
    floor = feed.floor(
        numbers,
        kind="database",
        url=feed.url,
        headers=own_headers(page, "content-length"),
        chains=[[str(one) for one in chain_of(number)] for number in range(READERS)],
        tail=b64encode(tail).decode(),
    )
    return {
        "cached": cached.subject(),
        "asgi": asgi.subject(),
        "not modified": not_modified.subject(),
        "asgi 304": asgi_304.subject(),
        "database": uncached.subject(postgres),
        "floor": floor.subject(postgres),
        "100,000": uncached.subject(postgres, parallel=1),
        "1,000,000": big.subject(postgres, parallel=1),
    }


async def run(ground: Ground, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """The group `feed`."""
    with ExitStack() as stack:
        found = await interleave(subjects(Feed(ground, stack, tell)), tell)
    return [
        figure("feed_cached_vs_asgi", 0.50, found["cached"], found["asgi"]),
        figure("feed_304_vs_asgi", 0.55, found["not modified"], found["asgi 304"]),
        figure("feed_db_vs_floor", 0.70, found["database"], found["floor"]),
        figure("feed_growth_10x", 1.15, found["1,000,000"], found["100,000"], better="lower", what="latency_us"),
    ]
