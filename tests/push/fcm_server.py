"""A local server of the FCM HTTP v1 protocol and of the token service, over HTTP/1.1, for tests and drills.

What it answers is programmed per address. It counts what it got, so that a test can see what was sent twice.
"""

import asyncio
import functools
import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
PROJECT = "unqatu-test"


@dataclass(frozen=True)
class Answer:
    """What the server does with one request.

    Attributes:
        gate: wait for it before answering, for as long as it takes.
        delay_seconds: wait before answering.
        drop: close the connection instead of answering.
    """

    status: int = 200
    body: bytes = b'{"name": "projects/unqatu-test/messages/1"}'
    headers: tuple[tuple[str, str], ...] = ()
    gate: asyncio.Event | None = None
    delay_seconds: float = 0
    drop: bool = False


def failure(status: int, name: str, *details: dict[str, Any], headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An error in FCM's shape."""
    error = {"code": status, "message": "said by the test server", "status": name, "details": list(details)}
    return Answer(status, json.dumps({"error": error}).encode(), headers)


def fcm_error(code: str) -> dict[str, Any]:
    """The detail by which FCM names its own error code."""
    return {"@type": FCM_ERROR, "errorCode": code}


def violation(*fields: str) -> dict[str, Any]:
    """The detail by which Google's services name the fields that are wrong."""
    return {"@type": BAD_REQUEST, "fieldViolations": [{"field": name, "description": "wrong"} for name in fields]}


def throttled(retry_after: str | None = None) -> Answer:
    """429, with Retry-After when one is given."""
    headers = () if retry_after is None else (("Retry-After", retry_after),)
    return failure(429, "RESOURCE_EXHAUSTED", fcm_error("QUOTA_EXCEEDED"), headers=headers)


OK = Answer()
DROP = Answer(drop=True)
UNREGISTERED = failure(404, "NOT_FOUND", fcm_error("UNREGISTERED"))
SENDER_ID_MISMATCH = failure(403, "PERMISSION_DENIED", fcm_error("SENDER_ID_MISMATCH"))
INVALID_ARGUMENT = failure(400, "INVALID_ARGUMENT", fcm_error("INVALID_ARGUMENT"))
INVALID_TOKEN_FIELD = failure(400, "INVALID_ARGUMENT", fcm_error("INVALID_ARGUMENT"), violation("message.token"))
FIELD_VIOLATION = failure(400, "INVALID_ARGUMENT", violation("message.android.ttl"))
THIRD_PARTY_AUTH = failure(401, "UNAUTHENTICATED", fcm_error("THIRD_PARTY_AUTH_ERROR"))
UNAUTHENTICATED = failure(401, "UNAUTHENTICATED")
PERMISSION_DENIED = failure(403, "PERMISSION_DENIED")
NO_SUCH_PROJECT = failure(404, "NOT_FOUND")
INTERNAL = failure(500, "INTERNAL", fcm_error("INTERNAL"))
UNAVAILABLE = failure(503, "UNAVAILABLE", fcm_error("UNAVAILABLE"))


@dataclass(frozen=True)
class Received:
    """One request to send, as it came."""

    address: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The message inside the body."""
        message: dict[str, Any] = json.loads(self.body)["message"]
        return message


@dataclass
class FcmServer:
    """The server; an async context manager. Everything may be changed while it runs.

    Attributes:
        answer: what to answer to an address; `answers` come first.
        token_answer: what the token service answers; None gives out a new token.
        token_asked: set when the token service was asked.
        token_lives_seconds: the life of the tokens given out.
        requests: how often each address was sent to. accepted: how often with an answer of 200.
        received: the newest requests.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    answer: Callable[[str], Answer] = field(default=lambda address: OK)
    token_answer: Answer | None = None
    token_gate: asyncio.Event | None = None
    token_lives_seconds: int = 3600
    token_asked: asyncio.Event = field(default_factory=asyncio.Event)
    token_requests: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    received: deque[Received] = field(default_factory=lambda: deque(maxlen=1_000))

    async def __aenter__(self) -> Self:
        self._connections: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for writer in self._connections:
            writer.transport.abort()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where messages are sent to."""
        return f"http://127.0.0.1:{self._port}/v1/projects/{PROJECT}/messages:send"

    @property
    def service_account(self) -> dict[str, str]:
        """A service account of this server, as in the JSON file that Google gives out."""
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": _private_key(),
            "client_email": "push@unqatu-test.example",
            "token_uri": f"http://127.0.0.1:{self._port}/token",
        }

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                request_line, *lines = head.decode("latin-1").rstrip().split("\r\n")
                headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                answer = await self._answer(request_line.split()[1], headers, body)
                if answer.drop:
                    break
                writer.write(_encoded(answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.transport.abort()

    async def _answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        if path == "/token":
            return await self._token()
        message = json.loads(body)["message"]
        address = message.get("fid") or message["token"]
        self.requests[address] += 1
        self.received.append(Received(address, path, headers, body))
        answer = self.answers.get(address) or self.answer(address)
        if answer.gate is not None:
            await answer.gate.wait()
        if answer.delay_seconds:
            await asyncio.sleep(answer.delay_seconds)
        self.accepted[address] += answer.status == 200 and not answer.drop
        return answer

    async def _token(self) -> Answer:
        self.token_requests += 1
        self.token_asked.set()
        if self.token_gate is not None:
            await self.token_gate.wait()
        token = {"access_token": f"access-{self.token_requests}", "expires_in": self.token_lives_seconds}
        return self.token_answer or Answer(body=json.dumps(token).encode())


@functools.cache
def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _encoded(answer: Answer) -> bytes:
    headers = (("Content-Type", "application/json"), ("Content-Length", str(len(answer.body))), *answer.headers)
    head = "".join(f"{name}: {text}\r\n" for name, text in headers)
    return f"HTTP/1.1 {answer.status} Answer\r\n{head}\r\n".encode() + answer.body
