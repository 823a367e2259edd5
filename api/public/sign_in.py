"""Signing in with a phone and a one-time code."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, status
from pydantic import Field, StringConstraints

from api.deps import CurrentKeys, CurrentRuntime, Now, ReadLanguage, Session
from api.openapi import problems
from api.runtime import Runtime
from api.tokens import issue_access_token
from api.types import In, Line, Out
from services.errors import TooManyError
from services.phones import InvalidPhoneError
from services.sign_in import codes, sessions
from services.sign_in.sessions import Credentials

router = APIRouter(prefix="/v1/auth", tags=["public"])

OneTimeCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(examples=["048213"])]
TOKEN_EXAMPLE: Final = "kS2v9k1cVfQ0b7mO8yq5zXw3n4t6u8r1p2a9s0d7f6g"  # noqa: S105  # made up, for the document


class CodeIn(In):
    """Where the code goes; without a country code the number is one of Kazakhstan."""

    phone: Annotated[Line, StringConstraints(max_length=40), Field(examples=["+7 701 123 45 67"])]


class CodeOut(Out):
    """The challenge that the code answers. `resend_after_s`: when to offer another code, in seconds."""

    challenge_id: UUID
    expires_at: datetime
    resend_after_s: Annotated[int, Field(examples=[60])]


class SessionIn(In):
    """The code that came by SMS. `installation_id` is made by the app when it is installed."""

    challenge_id: UUID
    code: OneTimeCode
    installation_id: UUID


class RefreshIn(In):
    """The newest refresh token of the session."""

    refresh_token: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{20,200}$"), Field(examples=[TOKEN_EXAMPLE])
    ]


class TokensOut(Out):
    """`expires_in` is the access token's life in seconds; the refresh token is for one use."""

    access_token: str
    expires_in: Annotated[int, Field(examples=[600])]
    refresh_token: Annotated[str, Field(examples=[TOKEN_EXAMPLE])]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the kind of token, not a token


def issue(runtime: Runtime, credentials: Credentials, now: datetime) -> TokensOut:
    """A session's tokens as the phone gets them."""
    lifetime = runtime.settings.access_token_lifetime
    access_token = issue_access_token(
        runtime.tokens.current_keys(now),
        account_id=credentials.account_id,
        session_id=credentials.session_id,
        lifetime=lifetime,
        now=now,
    )
    return TokensOut(
        access_token=access_token,
        expires_in=int(lifetime.total_seconds()),
        refresh_token=credentials.refresh_token,
    )


@router.post(
    "/codes",
    summary="Ask for a one-time code",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems(InvalidPhoneError, TooManyError),
)
async def create_code(body: CodeIn, session: Session, runtime: CurrentRuntime, now: Now) -> CodeOut:
    """Send a code to a phone. The answer is the same whether the phone is known or not."""
    settings = runtime.settings
    requested = await codes.request_code(
        session,
        runtime.keys,
        body.phone,
        regions=settings.phone_regions,
        sends_per_hour=settings.code_sends_per_hour,
        lifetime=settings.code_lifetime,
        now=now,
    )
    return CodeOut.model_validate(requested)


@router.post(
    "/sessions",
    summary="Sign in with the code",
    status_code=status.HTTP_201_CREATED,
    responses=problems(
        sessions.AccountUnavailableError,
        codes.WrongCodeError,
        codes.CodeExpiredError,
        codes.TooManyTriesError,
        TooManyError,
    ),
)
async def create_session(
    body: SessionIn, session: Session, runtime: CurrentRuntime, language: ReadLanguage, now: Now
) -> TokensOut:
    """Open a session. The first sign-in of a phone makes an account that belongs to no member yet."""
    settings = runtime.settings
    phone = await codes.use_code(
        session,
        runtime.keys,
        body.challenge_id,
        body.code,
        failures_per_hour=settings.code_failures_per_hour,
        now=now,
    )
    opened = await sessions.open_session(
        session,
        runtime.keys,
        phone,
        installation_id=body.installation_id,
        language=language,
        lifetime=settings.refresh_token_lifetime,
        now=now,
    )
    return issue(runtime, opened, now)


@router.post("/sessions/refresh", summary="Continue a session", responses=problems(sessions.SessionEndedError))
async def refresh_session(
    body: RefreshIn, session: Session, runtime: CurrentRuntime, keys: CurrentKeys, now: Now
) -> TokensOut:
    """Exchange the refresh token for new tokens. A retry at once gets the same; an old token ends the session."""
    continued = await sessions.refresh_session(
        session,
        keys,
        body.refresh_token,
        grace=runtime.settings.refresh_grace,
        lifetime=runtime.settings.refresh_token_lifetime,
        now=now,
    )
    return issue(runtime, continued, now)
