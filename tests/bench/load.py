"""A generator of load: keep-alive connections with one request in flight each, in this process, which must stay idler
than what it measures."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, cast

LENGTH: Final = b"content-length: "
END: Final = b"\r\n\r\n"
STATUS: Final = slice(9, 12)


@dataclass
class Counted:
    """What came back in time, and when each was sent."""

    deadline: float
    status: bytes
    done: int = 0
    seconds: list[float] = field(default_factory=list)


class Channel(asyncio.Protocol):
    """One phone after another on one connection."""

    def __init__(self, requests: Iterator[bytes], counted: Counted) -> None:
        self.requests, self.counted = requests, counted
        self.buffer = b""
        self.needed = 0
        self.sent_at = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.send()

    def send(self) -> None:
        """The next request, if there is one and time for it."""
        request = next(self.requests, None)
        self.sent_at = perf_counter()
        if request is None or self.sent_at > self.counted.deadline:
            self.transport.close()
            return
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        if not self.needed:
            end = self.buffer.find(END)
            if end < 0:
                return
            self.needed = end + len(END) + length_of(self.buffer[:end])
        if len(self.buffer) < self.needed:
            return
        if self.buffer[STATUS] != self.counted.status:
            self.fail(RuntimeError(f"not {self.counted.status!r}: {self.buffer[:600]!r}"))
            return
        self.counted.done += 1
        self.counted.seconds.append(perf_counter() - self.sent_at)
        self.buffer, self.needed = b"", 0
        self.send()

    def fail(self, error: Exception) -> None:
        """End the run: an answer of another kind would be counted as a fast one."""
        if not self.ended.done():
            self.ended.set_exception(error)
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def length_of(head: bytes) -> int:
    """The Content-Length; 0 of a 304."""
    start = head.lower().find(LENGTH)
    return int(head[start + len(LENGTH) :].split(b"\r\n", 1)[0]) if start >= 0 else 0


async def drive(
    port: int, requests: Iterator[bytes], *, status: int, connections: int, seconds: float
) -> tuple[Counted, float]:
    """Send as fast as answers come, for `seconds` or until there are no more requests; what came, and in what time."""
    loop = asyncio.get_running_loop()
    started = perf_counter()
    counted = Counted(deadline=started + seconds, status=str(status).encode())
    made = [
        await loop.create_connection(lambda: Channel(requests, counted), "127.0.0.1", port) for _ in range(connections)
    ]
    await asyncio.gather(*(channel.ended for _, channel in made))
    return counted, perf_counter() - started


def get(path: str, headers: Sequence[str]) -> bytes:
    """A GET as phones send it."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


def put(path: str, headers: Sequence[str], body: bytes) -> bytes:
    """A PUT of JSON."""
    more = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([f"PUT {path} HTTP/1.1", "Host: 127.0.0.1", *headers, *more, "", ""]).encode() + body
