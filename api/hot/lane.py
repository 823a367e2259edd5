"""The lane itself: which requests it takes, and the way back to the plain lane."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

from starlette.datastructures import State
from starlette.requests import Request

from api.edge import ASGIApp, Edge, Receive, Scope, Send, new_request_id
from api.errors import on_database_error
from api.hot.answering import put_response
from api.hot.asking import Asked, UnusualError
from api.hot.pages import Answer
from api.hot.people import BEARER
from api.hot.reads import get_poll, list_news, list_polls
from api.hot.state import HotState
from api.i18n import negotiate
from api.metrics import observe_request
from services.errors import DomainError

Operation = Callable[[HotState, Asked], Awaitable[Answer]]
Route = tuple[str, Operation]

LISTS: Final[dict[str, Route]] = {"/v1/news": ("/v1/news", list_news), "/v1/polls": ("/v1/polls", list_polls)}
POLL: Final[Route] = ("/v1/polls/{poll_id}", get_poll)
RESPONSE: Final[Route] = ("/v1/polls/{poll_id}/response", put_response)
POLLS: Final = "/v1/polls/"
POLL_LENGTH: Final = len(POLLS) + 36
RESPONSE_LENGTH: Final = POLL_LENGTH + len("/response")
LONGEST_HEADER: Final = 1_000


class HotLane:
    """Takes the ordinary case of a few operations and hands everything else to `app`.

    Its state is `app_state.hot`, which the application has while it runs, unless the setting says otherwise.
    """

    def __init__(self, app: ASGIApp, app_state: State) -> None:
        self.app, self.app_state = app, app_state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        route = find_route(scope)
        hot: HotState | None = getattr(self.app_state, "hot", None)
        if route is None or hot is None:
            await self.app(scope, receive, send)
            return
        asked: Asked | None = None
        try:
            asked = await understand(hot, scope, receive)
            status, headers, body = await route[1](hot, asked)
        except (UnusualError, DomainError):
            await self.app(scope, asked.receive_again if asked else receive, send)
            return
        except Exception as error:
            scope["route_template"] = route[0]
            await Edge(failed(error))(scope, receive, send)
            return
        request_id = new_request_id()
        marked = [*headers, (b"x-request-id", request_id.encode())]
        await send({"type": "http.response.start", "status": status, "headers": marked})
        await send({"type": "http.response.body", "body": body})
        observe_request(scope, route=route[0], status=status, request_id=request_id, seconds=perf_counter() - started)


def find_route(scope: Scope) -> Route | None:
    """Template and operation, if it is one of ours."""
    if scope["type"] != "http":
        return None
    path: str = scope["path"]
    if scope["method"] == "GET":
        found = LISTS.get(path)
        if found is None and len(path) == POLL_LENGTH and path.startswith(POLLS):
            return POLL
        return found
    if scope["method"] == "PUT" and len(path) == RESPONSE_LENGTH and path.startswith(POLLS):
        return RESPONSE if path.endswith("/response") else None
    return None


async def understand(hot: HotState, scope: Scope, receive: Receive) -> Asked:
    """The request, with the member who makes it.

    Raises:
        UnusualError: a header stands twice or is very long, or no member asks.
        UnauthenticatedError: the token does not hold.
    """
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if len(headers) != len(scope["headers"]) or len(headers.get(b"if-none-match", b"")) > LONGEST_HEADER:
        raise UnusualError
    authorization = headers.get(b"authorization", b"")
    if not authorization.startswith(BEARER):
        raise UnusualError
    actor = hot.people.recall(authorization) or await hot.people.load(authorization)
    if actor.member_id is None:
        raise UnusualError
    spoken = headers.get(b"accept-language")
    return Asked(scope, headers, actor, negotiate(spoken.decode("latin-1") if spoken else None), receive)


def failed(error: Exception) -> ASGIApp:
    """An application that answers everything with what became of a request: a lost database gives 503, a bug 500.

    The plain lane would only wait for the same database again, and the client for both.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        response = await on_database_error(Request(scope), error)
        await response(scope, receive, send)

    return answer
