"""The person's own sessions, and the second factor of those who work in the admin API."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status
from pydantic import Field, StringConstraints

from api.deps import CurrentActor, CurrentKeys, CurrentRuntime, Now, Session
from api.openapi import problems
from api.types import In, Out, Page, PageParams, decode_cursor, encode_cursor
from models.accounts import AuthSession
from services.errors import NotFoundError, TooManyError
from services.sign_in import second_factor, sessions

router = APIRouter(prefix="/v1/auth", tags=["member"])


class SessionOut(Out):
    """A sign-in on one installation. `raised_until`: how long admin work is open to it; `current`: it asks now."""

    id: UUID
    installation_id: UUID
    created_at: datetime
    last_seen_at: datetime
    raised_until: datetime | None
    current: bool


class SecondFactorIn(In):
    """What the authenticator app shows."""

    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(examples=["048213"])]


class RaisedOut(Out):
    """How long admin work is open to this session."""

    raised_until: datetime


class EnrolmentOut(Out):
    """The secret, for an authenticator app to read as a QR code; it is shown once."""

    otpauth_uri: Annotated[
        str, Field(examples=["otpauth://totp/Unqatu:9f3c1a?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Unqatu"])
    ]


@router.get("/sessions", summary="List own sessions", responses=problems())
async def list_sessions(
    session: Session, actor: CurrentActor, runtime: CurrentRuntime, now: Now, params: Annotated[PageParams, Query()]
) -> Page[SessionOut]:
    """The sessions that are open, the newest first."""
    settings = runtime.settings

    def read_out(row: AuthSession) -> SessionOut:
        raised_until = row.second_factor_at and row.second_factor_at + settings.second_factor_lifetime
        return SessionOut(
            id=row.id,
            installation_id=row.installation_id,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            raised_until=raised_until if raised_until and raised_until > now else None,
            current=row.id == actor.session_id,
        )

    after = decode_cursor(runtime.keys.hash_key, "sessions", params.cursor)
    found = await sessions.list_sessions(
        session,
        actor,
        after=UUID(after[0]) if after else None,
        limit=params.limit,
        lifetime=settings.refresh_token_lifetime,
        now=now,
    )
    items = [read_out(row) for row in found[: params.limit]]
    more = len(found) > params.limit
    cursor = encode_cursor(runtime.keys.hash_key, "sessions", [items[-1].id]) if more else None
    return Page(items=items, next_cursor=cursor)


@router.delete(
    "/sessions/current",
    summary="Sign out",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(NotFoundError),
)
async def delete_current_session(session: Session, actor: CurrentActor, now: Now) -> None:
    """End the session that asks; its tokens stop at once."""
    if actor.session_id is None:
        raise NotFoundError
    await sessions.end_session(session, actor, actor.session_id, now=now)


@router.delete(
    "/sessions/{session_id}",
    summary="End a session",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems(NotFoundError),
)
async def delete_session(session_id: UUID, session: Session, actor: CurrentActor, now: Now) -> None:
    """End one of the own sessions, as on a lost phone; its tokens stop at once."""
    await sessions.end_session(session, actor, session_id, now=now)


@router.post(
    "/second-factor",
    summary="Raise the session",
    responses=problems(second_factor.SecondFactorMissingError, second_factor.WrongPasswordError, TooManyError),
)
async def verify_second_factor(
    body: SecondFactorIn, session: Session, actor: CurrentActor, runtime: CurrentRuntime, now: Now
) -> RaisedOut:
    """Open admin work to this session by a one-time password. The first one confirms an enrolment."""
    await second_factor.raise_session(session, runtime.keys, actor, body.code, now=now)
    return RaisedOut(raised_until=now + runtime.settings.second_factor_lifetime)


@router.post(
    "/second-factor/enrolment",
    summary="Enrol a second factor",
    status_code=status.HTTP_201_CREATED,
    responses=problems(second_factor.SecondFactorExistsError),
)
async def create_second_factor(session: Session, actor: CurrentActor, keys: CurrentKeys, now: Now) -> EnrolmentOut:
    """Make a secret for an authenticator app. It counts from the first right password on."""
    return EnrolmentOut(otpauth_uri=await second_factor.enrol(session, keys, actor, now=now))
