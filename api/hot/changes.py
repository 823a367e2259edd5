"""Hearing of changes: LISTEN on a connection of its own, which proves twice a second that it still delivers."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from api.hot.caches import Proof
from services.changes import CHANNEL, Topic

PROOF_EVERY_S: Final = 0.5
PATIENCE_S: Final = 1.0
PROOF: Final = "SELECT pg_notify($1, $2)"

Forget = Callable[[Topic | None, UUID | None], None]
Connect = Callable[[], "asyncio.Future[asyncpg.Connection]"]
log = structlog.get_logger("unqatu.hot")


class Listener:
    """Calls `forget(topic, id)` for every change, and `forget(None, None)` when it may have missed some."""

    def __init__(self, url: str, server_settings: dict[str, str], proof: Proof, forget: Forget) -> None:
        self.url, self.server_settings, self.proof, self.forget = url, server_settings, proof, forget
        self.heard = asyncio.Event()
        self.token = ""

    async def run(self) -> None:
        """Listen until cancelled, with ever new connections."""
        while True:
            try:
                await self.listen()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("no news of changes: caches live for seconds only", error=type(error).__qualname__)
            await asyncio.sleep(PROOF_EVERY_S)

    async def listen(self) -> None:
        """Listen on one connection until it fails."""
        connection = await asyncpg.connect(
            self.url, timeout=PATIENCE_S, command_timeout=PATIENCE_S, server_settings=self.server_settings
        )
        try:
            await connection.add_listener(CHANNEL, self.hear)
            self.forget(None, None)
            for number in range(2**62):
                self.token = f"{id(self)}-{connection.get_server_pid()}-{number}"
                await self.prove(connection)
                await asyncio.sleep(PROOF_EVERY_S)
        finally:
            connection.terminate()

    async def prove(self, connection: asyncpg.Connection) -> None:
        """Send a message to ourselves. It comes after those of every transaction that committed before it."""
        asked_at = monotonic()
        self.heard.clear()
        async with asyncio.timeout(PATIENCE_S):
            await connection.execute(PROOF, CHANNEL, self.token)
            await self.heard.wait()
        self.proof.at = asked_at

    def hear(self, _: object, __: int, ___: str, message: object) -> None:
        """Take one message; what is neither ours nor a change is another process's proof."""
        if message == self.token:
            self.heard.set()
            return
        topic, _, subject = str(message).partition(":")
        if topic in set(Topic):
            self.forget(Topic(topic), UUID(subject))
