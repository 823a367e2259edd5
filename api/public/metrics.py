"""The figures of this service, for Prometheus."""

from hmac import compare_digest
from ipaddress import ip_address

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.deps import CurrentRuntime, Now, open_transaction
from api.errors import database_trouble
from api.metrics import exposition, job_figures, pool_figures
from api.openapi import problems
from api.runtime import Runtime
from models.db import pool_usage
from services import jobs
from services.errors import ForbiddenError, UnauthenticatedError

router = APIRouter(tags=["public"])

FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-real-ip"})


def check_reader(request: Request, runtime: Runtime) -> None:
    """Let pass who knows the token; without one set, only this machine itself, not through a proxy.

    Raises:
        UnauthenticatedError: the token is missing or wrong.
        ForbiddenError: no token is set, and the request comes from elsewhere.
    """
    token = runtime.settings.metrics_token
    if token is not None:
        expected = f"Bearer {token.get_secret_value()}".encode()
        if not compare_digest(request.headers.get("authorization", "").encode(), expected):
            raise UnauthenticatedError
    elif not is_loopback(request) or not FORWARDED.isdisjoint(request.headers.keys()):
        raise ForbiddenError


def is_loopback(request: Request) -> bool:
    """Whether the other end is on this machine."""
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=PlainTextResponse,
    responses=problems(UnauthenticatedError, ForbiddenError),
)
async def get_metrics(request: Request, runtime: CurrentRuntime, now: Now) -> Response:
    """Requests, latencies, database connections, the job queue. Answers without the database, too."""
    check_reader(request, runtime)
    backlog = None
    try:
        async with open_transaction(runtime) as session:
            backlog = await jobs.read_backlog(session, now=now)
    except Exception as error:
        if database_trouble(error) is None:
            raise
    figures = (*pool_figures(*pool_usage(runtime.sessions)), *job_figures(backlog))
    return Response(exposition(figures), media_type=CONTENT_TYPE_LATEST)
