"""The least that can be done: ASGI with nothing around it, on the same server with the same options."""

import json
import os
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import asyncpg
import uvicorn

from models.db import plain_url, server_settings
from services.news.feed import END_OF_TIME, FEED, LAST_ID

ASGI = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
GIVEN: Final = "UNQATU_BENCH_FLOOR"


def given() -> dict[str, Any]:
    """What the benchmark wants returned."""
    found: dict[str, Any] = json.loads(os.environ[GIVEN])
    return found


def make() -> ASGI:
    """The factory that uvicorn calls."""
    asked = given()
    headers = [(name.encode(), value.encode()) for name, value in asked["headers"]]
    if asked["kind"] == "ready":
        return ready(asked["status"], headers, b64decode(asked["body"]))
    return from_database(asked["url"], headers, asked["chains"], b64decode(asked["tail"]))


def ready(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> ASGI:
    """The same bytes for everybody."""

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return answer


def from_database(url: str, headers: list[tuple[bytes, bytes]], chains: list[list[str]], tail: bytes) -> ASGI:
    """The bytes of the feed's own statement, for the n-th chain that the path names."""
    branch_chains = [[UUID(one) for one in chain] for chain in chains]
    pool: asyncpg.Pool

    async def connect(receive: Any, send: Any) -> None:
        """Ten connections from start to end, as the API has them."""
        nonlocal pool
        settings = server_settings("unqatu_app", statement_timeout_ms=2_000)
        pool = asyncpg.create_pool(
            plain_url(url), min_size=10, max_size=10, server_settings=settings, reset=keep_as_is, command_timeout=2.0
        )
        async with pool:
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})

    async def keep_as_is(connection: asyncpg.Connection) -> None:
        """As the API's pool does."""

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await connect(receive, send)
            return
        chain = branch_chains[int(scope["path"][1:])]
        async with pool.acquire() as connection:
            row = await connection.fetchrow(FEED, chain, "kk", END_OF_TIME, LAST_ID, [], True, 21)
        body = b'{"items":' + row["items"].encode() + tail
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length, *headers]})
        await send({"type": "http.response.body", "body": body})

    return answer


if __name__ == "__main__":
    uvicorn.run(
        "tests.bench.floors:make",
        factory=True,
        port=given()["port"],
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
    )
