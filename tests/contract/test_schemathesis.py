"""Every operation under generated requests, good and bad, with real credentials: nothing breaks, nothing undeclared."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import hypothesis
import pytest
import schemathesis
from schemathesis.python.asgi import shutdown_lifespans

from api.app import create_app, create_edge
from api.edge import ASGIApp, Receive, Scope, Send
from api.openapi import operations
from api.runtime import APP_ROLE, build_runtime
from api.settings import Environment, Settings
from models.db import create_engine, session_factory
from models.roles import RoleName
from tests.conftest import clone
from tests.factories.world import SignIn, make_world

EXCLUDED = [
    # A request can fit its schema and make no sense: a phone number that no country has, a text of blanks.
    schemathesis.checks.positive_data_acceptance,
    # A fixed path beside a parameter ("refresh" beside an id) takes the parameter's methods too, and says 401 or 422.
    schemathesis.checks.unsupported_method,
    schemathesis.checks.allow_header_conformance,
]


class Late:
    """Stands for the application, which has no database yet when tests are collected; nor has it users, so requests
    name their audience where the token belongs, and it is put in its place here."""

    target: ASGIApp
    tokens: dict[bytes, bytes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["headers"] = [(name, self.tokens.get(value, value)) for name, value in scope["headers"]]
        await self.target(scope, receive, send)


DOCUMENT = create_app(Settings(environment=Environment.test)).openapi()
FILES = sorted(
    {name for operation in operations(DOCUMENT) for name in operation.get("requestBody", {}).get("content", {})}
    - {"application/json"}
)


@schemathesis.serializer(*FILES)
def as_bytes(_: schemathesis.SerializationContext, value: object) -> bytes:
    """A file is what it is."""
    return value if isinstance(value, bytes) else str(value).encode()


SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.app = LATE = Late()


@SCHEMA.auth(refresh_interval=None)
class ByAudience:
    """The credentials of those for whom an operation is."""

    def get(self, case: schemathesis.Case, _: schemathesis.AuthContext) -> str:
        (audience,) = case.operation.tags
        return f"Bearer {audience}"

    def set(self, case: schemathesis.Case, data: str, _: schemathesis.AuthContext) -> None:
        case.headers["Authorization"] = data


async def make_tokens(settings: Settings) -> dict[bytes, bytes]:
    """Of a member and of a head-office admin."""
    engine = create_engine(settings.database_url or "", APP_ROLE, pool_size=1)
    sessions = session_factory(engine)
    runtime = build_runtime(settings, sessions)
    async with sessions() as session:
        world = await make_world(session, runtime.keys)
        sign_in = SignIn(session, runtime)
        headers = {
            "member": await sign_in(world.people["Daulet"].account_id),
            "admin": await sign_in.admin(world.branches["kz"], RoleName.head_office_admin),
        }
    await engine.dispose()
    return {f"Bearer {audience}".encode(): made["authorization"].encode() for audience, made in headers.items()}


@contextmanager
def in_background() -> Iterator[None]:
    """Schemathesis runs the application on a loop in another thread; end it before its database goes."""
    try:
        yield
    finally:
        shutdown_lifespans()


@pytest.fixture(scope="module")
def served(settings: Settings, server_url: str) -> Iterator[None]:
    """The application on a database of its own."""
    with contextmanager(clone)(server_url) as url, in_background():
        own = settings.model_copy(update={"database_url": url})
        LATE.target = create_edge(create_app(own))
        LATE.tokens = asyncio.run(make_tokens(own))
        yield


def bounded(examples: int) -> hypothesis.settings:
    """So many requests for each operation, the same in each run."""
    return hypothesis.settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


@pytest.mark.usefixtures("served")
@SCHEMA.parametrize()
@bounded(10)
def test_no_request_breaks_an_operation(case: schemathesis.Case) -> None:
    case.call_and_validate(excluded_checks=EXCLUDED)


@pytest.mark.drill
@pytest.mark.usefixtures("served")
@SCHEMA.parametrize()
@bounded(400)
def test_none_of_very_many_requests_breaks_an_operation(case: schemathesis.Case) -> None:
    case.call_and_validate(excluded_checks=EXCLUDED)
