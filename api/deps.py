"""What routers ask for: the session of the request's one transaction, who asks, the clock, the language."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel.ext.asyncio.session import AsyncSession

from api.i18n import negotiate
from api.runtime import Runtime
from api.tokens import split_service_token
from models.base import Language, utc_now
from services import actors
from services.actors import Actor
from services.errors import DomainError, ForbiddenError, UnauthenticatedError, VersionRequiredError
from services.keyring import Keyring

bearer = HTTPBearer(
    bearerFormat="JWT", description="An access token (people) or a service token (programs).", auto_error=False
)


async def get_runtime(request: Request) -> Runtime:
    """The parts of this process."""
    runtime: Runtime = request.app.state.runtime
    return runtime


CurrentRuntime = Annotated[Runtime, Depends(get_runtime)]


@asynccontextmanager
async def open_transaction(runtime: Runtime) -> AsyncIterator[AsyncSession]:
    """A transaction; for requests that must not hold one while bytes travel. All others take `Session`."""
    async with runtime.sessions() as session, session.begin():
        yield session


async def get_session(runtime: CurrentRuntime) -> AsyncIterator[AsyncSession]:
    """The request's one transaction. With scope="function" it commits before the answer leaves: a failed commit is an
    error the client sees, never a 201 for nothing. A refusal rolls it back, unless the refusal itself was written down.
    """
    kept: DomainError | None = None
    async with open_transaction(runtime) as session:
        try:
            yield session
        except DomainError as refusal:
            if not refusal.keeps_writes:
                raise
            kept = refusal
    if kept is not None:
        raise kept


Session = Annotated[AsyncSession, Depends(get_session, scope="function")]


async def get_now() -> datetime:
    """The moment of the request; the only clock that services see."""
    return utc_now()


Now = Annotated[datetime, Depends(get_now)]


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


async def get_actor(
    request: Request, runtime: CurrentRuntime, session: Session, now: Now, credentials: Credentials
) -> Actor:
    """Who asks, with roles as the database has them now.

    Raises:
        UnauthenticatedError: no token, a bad one, or one whose session or key was revoked.
    """
    if credentials is None or not credentials.credentials:
        raise UnauthenticatedError
    token = credentials.credentials
    program = split_service_token(token)
    if program is not None:
        actor = await actors.load_program(session, prefix=program[0], secret=program[1], now=now)
    else:
        claims = runtime.tokens.verify(token, now)
        actor = await actors.load_person(
            session,
            account_id=claims.account_id,
            session_id=claims.session_id,
            second_factor_lifetime=runtime.settings.second_factor_lifetime,
            now=now,
        )
    return replace(actor, request_id=request.scope.get("request_id"))


AnyActor = Annotated[Actor, Depends(get_actor, scope="function")]


async def get_person(actor: AnyActor) -> Actor:
    """A person: programs have no business in the member API."""
    if actor.account_id is None:
        raise ForbiddenError(reason="people_only")
    return actor


CurrentActor = Annotated[Actor, Depends(get_person, scope="function")]


async def get_early_person(request: Request, runtime: CurrentRuntime, now: Now, credentials: Credentials) -> Actor:
    """A person, loaded in a transaction that is over before the body is read."""
    async with open_transaction(runtime) as session:
        return await get_person(await get_actor(request, runtime, session, now, credentials))


EarlyPerson = Annotated[Actor, Depends(get_early_person)]


async def get_admin(actor: AnyActor) -> Actor:
    """Somebody who holds any role or token at all; what they may do, services decide."""
    if not actor.grants:
        raise ForbiddenError(reason="no_role")
    return actor


CurrentAdmin = Annotated[Actor, Depends(get_admin, scope="function")]


async def get_language(response: Response, accept_language: Annotated[str | None, Header()] = None) -> Language:
    """The language to answer in; said back in Content-Language."""
    language = negotiate(accept_language)
    response.headers["content-language"] = language
    response.headers["vary"] = "accept-language"
    return language


ReadLanguage = Annotated[Language, Depends(get_language)]


async def get_keys(runtime: CurrentRuntime) -> Keyring:
    """The keys of this installation."""
    return runtime.keys


CurrentKeys = Annotated[Keyring, Depends(get_keys)]


async def get_expected_version(
    if_match: Annotated[str | None, Header(pattern=r'^"\d{1,9}"$', examples=['"1"'])] = None,
) -> int:
    """The version an edit starts from: the ETag of the read, in If-Match.

    Raises:
        VersionRequiredError: the header is missing.
    """
    if if_match is None:
        raise VersionRequiredError
    return int(if_match.strip('"'))


ExpectedVersion = Annotated[int, Depends(get_expected_version)]
