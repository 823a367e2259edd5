"""The outermost ring, pure ASGI (1.5 µs, where a BaseHTTPMiddleware costs 160): request id, limits, metrics, log, 500.

The log says the route's template, never the path, and of an error the type and the places, never its message: both may
hold personal data.
"""

import itertools
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.errors import problem
from api.logs import places
from api.metrics import observe_request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY_BYTES: Final = 256 * 1024
log = structlog.get_logger("unqatu.requests")

prefix = secrets.token_hex(6)
counter = itertools.count()

SECURITY_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


def new_request_id() -> str:
    """Unique over processes: a random prefix of this one and a count."""
    return f"{prefix}{next(counter):08x}"


class Edge:
    """Wraps the application; `unlimited` are path prefixes that read a long body in pieces and limit it themselves."""

    def __init__(self, app: ASGIApp, *, unlimited: tuple[str, ...] = ()) -> None:
        self.app = app
        self.unlimited = unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, limited=not scope["path"].startswith(self.unlimited or ("\0",)))
        try:
            await self.app(scope, exchange.receive_limited, exchange.send_marked)
        except Exception as error:
            log_failure(error, scope)
            await exchange.fail(500, "internal_error")
        finally:
            exchange.finish()


class Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, limited: bool) -> None:
        self.scope, self.receive, self.send, self.limited = scope, receive, send, limited
        self.status = 0
        self.read = 0
        self.started = time.perf_counter()
        scope["request_id"] = self.request_id = new_request_id()

    async def receive_limited(self) -> Message:
        """Stop a body that grows past its limit, without keeping it."""
        message = await self.receive()
        if self.limited and message["type"] == "http.request":
            self.read += len(message.get("body", b""))
            if self.read > MAX_BODY_BYTES:
                raise HTTPException(413)  # not of our own kind: FastAPI would make it a 400
        return message

    async def send_marked(self, message: Message) -> None:
        """Put the request id and the safe defaults on every response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            present = {name for name, _ in headers}
            headers.append((b"x-request-id", self.request_id.encode()))
            headers.extend(pair for pair in SECURITY_HEADERS if pair[0] not in present)
            message = {**message, "headers": headers}
        await self.send(message)

    async def fail(self, status: int, code: str) -> None:
        """Answer with a problem, unless the answer has begun already."""
        if not self.status:
            response = problem(Request(self.scope), status, code)
            await response(self.scope, self.receive, self.send_marked)

    def finish(self) -> None:
        """Count and log."""
        route = route_template(self.scope)
        seconds = time.perf_counter() - self.started
        method = observe_request(
            self.scope, route=route, status=self.status, request_id=self.request_id, seconds=seconds
        )
        log.info(
            "request",
            request_id=self.request_id,
            method=method,
            route=route,
            status=self.status,
            ms=round(seconds * 1000, 1),
        )


def route_template(scope: Scope) -> str:
    """The route as the OpenAPI document names it, or "other"."""
    template: str = scope.get("route_template") or getattr(scope.get("route"), "path", None) or "other"
    return template


def log_failure(error: BaseException, scope: Scope) -> None:
    """Log where it broke and of what type, not the message: database errors quote values."""
    log.error(
        "failure",
        request_id=scope.get("request_id"),
        route=route_template(scope),
        error=type(error).__qualname__,
        cause=type(error.__cause__).__qualname__ if error.__cause__ else None,
        at=places(error),
    )
