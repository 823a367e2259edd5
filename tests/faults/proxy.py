"""A TCP proxy between an engine and its server that can cut, swallow and heal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import StrEnum

from sqlalchemy.engine import URL, make_url


class Weather(StrEnum):
    """What happens to bytes."""

    clear = "clear"
    black_hole = "black_hole"
    """They are taken and never arrive, as when a cable is pulled."""
    cut = "cut"
    """Connections end at once, as when the server is gone."""


class Proxy:
    """Forwards to the server of `target`; `url` leads through it."""

    def __init__(self, target: str) -> None:
        self.target: URL = make_url(target)
        self.weather = Weather.clear
        self.changed = asyncio.Event()
        self.writers: set[asyncio.StreamWriter] = set()
        self.swallow_after: Callable[[bytes], bool] = lambda _: False
        self.url = ""

    def change(self, weather: Weather) -> None:
        """Let the weather change for connections that are there and for those that come."""
        self.weather = weather
        if weather is Weather.cut:
            for writer in self.writers:
                writer.transport.abort()
        self.changed.set()
        self.changed = asyncio.Event()

    def black_hole_once_sent(self, marker: bytes) -> None:
        """Swallow everything from the moment that the client sends `marker`."""
        self.swallow_after = lambda data: marker in data

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The way to the server: a socket folder or a host."""
        folder = self.target.query.get("host")
        if isinstance(folder, str) and folder.startswith("/"):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{self.target.port or 5432}")
        return await asyncio.open_connection(self.target.host, self.target.port or 5432)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        while self.weather is Weather.black_hole:
            await self.changed.wait()
        if self.weather is Weather.cut:
            writer.transport.abort()
            return
        upstream_reader, upstream = await self.connect()
        self.writers |= {writer, upstream}
        with suppress(ConnectionError):
            async with asyncio.TaskGroup() as both:
                both.create_task(self.pump(reader, upstream, watched=True))
                both.create_task(self.pump(upstream_reader, writer))
        self.writers -= {writer, upstream}

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, watched: bool = False) -> None:
        """Bytes in one direction."""
        while data := await reader.read(65536):
            if watched and self.swallow_after(data):
                self.swallow_after = lambda _: False
                self.change(Weather.black_hole)
            while self.weather is Weather.black_hole:
                await self.changed.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def proxied(target: str) -> AsyncIterator[Proxy]:
    """A running proxy to the server of a database URL."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    through = proxy.target.set(host="127.0.0.1", port=port)
    proxy.url = through.difference_update_query(["host"]).render_as_string(hide_password=False)
    try:
        yield proxy
    finally:
        proxy.change(Weather.cut)
        server.close()
