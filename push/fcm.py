"""Firebase Cloud Messaging through the real firebase-admin, without the parts of it that block or repeat."""

import asyncio
import functools
import logging
import os
import re
import time
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import firebase_admin
import httpx
from firebase_admin import _http_client, _retry, credentials, exceptions, messaging
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import Request

from push.sender import (
    AddressKind,
    CredentialsError,
    Message,
    Outcome,
    OutcomeKind,
    Platform,
    Priority,
    RetiredReason,
)

CALL_SIZE_MAX = 500
"""Messages under way at once; firebase-admin takes no more in one call."""

REFRESH_BELOW_SECONDS = 600
"""A token that lives shorter than this is renewed before the next slice."""

RETRY_AFTER_SECONDS = 60
"""How long to wait after a 429 that does not say."""

_log = logging.getLogger(__name__)
_ADDRESS = re.compile(r"[!-~]{1,4096}")
_ADDRESS_FIELDS = frozenset({"message.token", "message.fid"})

_ACCEPTED = Outcome(OutcomeKind.ACCEPTED, "ACCEPTED")
_MALFORMED = Outcome(OutcomeKind.RETIRED, "MALFORMED_ADDRESS", RetiredReason.INVALID_ADDRESS)
_INVALID = Outcome(OutcomeKind.RETIRED, "INVALID_ARGUMENT", RetiredReason.INVALID_ADDRESS)
_FOREIGN = Outcome(OutcomeKind.RETIRED, "SENDER_ID_MISMATCH", RetiredReason.SENDER_MISMATCH)
_FIELD_VIOLATION = Outcome(OutcomeKind.REJECTED_PAYLOAD, "FIELD_VIOLATION")
_UNAUTHENTICATED = Outcome(OutcomeKind.CREDENTIALS, "UNAUTHENTICATED")
_UNEXPECTED = Outcome(OutcomeKind.RETRY, "UNEXPECTED_ANSWER")

_BY_ERROR: tuple[tuple[Any, Outcome], ...] = (  # subclasses before their bases
    (messaging.UnregisteredError, Outcome(OutcomeKind.RETIRED, "UNREGISTERED", RetiredReason.UNREGISTERED)),
    (messaging.SenderIdMismatchError, _FOREIGN),
    (messaging.ThirdPartyAuthError, Outcome(OutcomeKind.CREDENTIALS, "THIRD_PARTY_AUTH_ERROR")),
    (exceptions.UnauthenticatedError, _UNAUTHENTICATED),
    (exceptions.PermissionDeniedError, Outcome(OutcomeKind.CREDENTIALS, "PERMISSION_DENIED")),
    (exceptions.NotFoundError, Outcome(OutcomeKind.CREDENTIALS, "NOT_FOUND")),
)


class FcmSender:
    """Sends through FCM. It owns one firebase App, hence belongs to the event loop that uses it first.

    Args:
        credentials_file: a service account's JSON; by default what GOOGLE_APPLICATION_CREDENTIALS names.
        url: the `messages:send` address of another server of the same protocol, for tests and rehearsals; it gets our
            token, so it must be HTTPS or on this machine.
        timeout_seconds: for each request to FCM and to the token service.

    Raises:
        CredentialsError: no credentials are named, or they cannot be read.
        ValueError: the url is neither HTTPS nor on this machine, or the credentials name no project.
    """

    def __init__(
        self, credentials_file: Path | None = None, *, url: str | None = None, timeout_seconds: float = 15
    ) -> None:
        if url is not None and not _keeps_secrets(url):
            raise ValueError("url must be HTTPS, or on this machine")
        credential = _load_credential(credentials_file)
        self._credential = credential.get_credential()
        self._timeout_seconds = timeout_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refreshing = asyncio.Lock()
        self._token_refused = False
        self._app = firebase_admin.initialize_app(credential, {"httpTimeout": timeout_seconds}, f"push-{uuid4()}")
        self._service = messaging._get_messaging_service(self._app)
        self._service._async_client = _http_client.HttpxAsyncClient(
            retry_config=_retry.HttpxRetry(max_retries=0), timeout=timeout_seconds
        )
        self._service._async_client.async_client.auth = _BearerAuth(self._credential)
        if url is not None:
            self._service._fcm_url = url

    async def prepare(self) -> None:
        """Renew the token in a thread when it lives shorter than REFRESH_BELOW_SECONDS.

        Raises:
            CredentialsError: the token service refuses us, or does not answer and the old token is over.
            RuntimeError: called from a second event loop.
        """
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise RuntimeError("an FcmSender belongs to one event loop")
        async with self._refreshing:
            if self._token_refused or _seconds_left(self._credential) < REFRESH_BELOW_SECONDS:
                await self._refresh()

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Send each message once, CALL_SIZE_MAX at a time; outcomes as in DESIGN.md, section 3."""
        outcomes: list[Outcome] = []
        for start in range(0, len(messages), CALL_SIZE_MAX):
            outcomes += await self._send_slice(messages[start : start + CALL_SIZE_MAX])
        return outcomes

    async def close(self) -> None:
        """Close the connections and forget the App."""
        await self._service._async_client.aclose()
        # In a thread, for the App's own cleanup calls asyncio.run.
        await asyncio.to_thread(firebase_admin.delete_app, self._app)

    async def _refresh(self) -> None:
        request = functools.partial(Request(), timeout=self._timeout_seconds)
        try:
            await asyncio.to_thread(self._credential.refresh, request)
        except GoogleAuthError as error:
            transient = isinstance(error, TransportError) or error.retryable
            if transient and self._credential.valid and not self._token_refused:
                _log.warning("the token service does not answer; going on with the old token")
                return
            raise CredentialsError("TOKEN_SERVICE_SILENT" if transient else "REFUSED", transient=transient) from error
        self._token_refused = False

    async def _send_slice(self, messages: Sequence[Message]) -> list[Outcome]:
        try:
            await self.prepare()
        except CredentialsError as error:
            kind = OutcomeKind.RETRY if error.transient else OutcomeKind.CREDENTIALS
            return [Outcome(kind, error.code)] * len(messages)
        outcomes = await asyncio.gather(*(self._send_one(message) for message in messages))
        self._token_refused = self._token_refused or _UNAUTHENTICATED in outcomes
        return outcomes

    async def _send_one(self, message: Message) -> Outcome:
        if not _ADDRESS.fullmatch(message.address):
            return _MALFORMED
        try:
            # One message a call: an answer the SDK cannot read fails its whole call, and the others' outcomes with it.
            batch = await messaging.send_each_async([_sdk_message(message)], app=self._app)
        except exceptions.FirebaseError as error:
            _log.warning("FCM: unexpected answer: %s", type(error.cause).__name__)
            return _UNEXPECTED
        return _outcome(batch.responses[0])


class _BearerAuth(httpx.Auth):
    """Puts the token on a request. The SDK's own flow renews on the event loop, and sends again after every 401."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._credential.apply(request.headers)
        yield request


def _load_credential(credentials_file: Path | None) -> Any:
    if credentials_file is None and not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        raise CredentialsError("MISSING")
    try:
        if credentials_file is not None:
            return credentials.Certificate(str(credentials_file))
        credential = credentials.ApplicationDefault()
        credential.get_credential()
    except (OSError, ValueError, GoogleAuthError) as error:
        raise CredentialsError("UNREADABLE") from error
    return credential


def _keeps_secrets(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in ("127.0.0.1", "::1", "localhost")


def _seconds_left(credential: Any) -> float:
    if credential.token is None:
        return 0
    if credential.expiry is None:
        return float("inf")
    expiry: datetime = credential.expiry.replace(tzinfo=UTC)  # google-auth keeps naive UTC
    return (expiry - datetime.now(UTC)).total_seconds()


def _sdk_message(message: Message) -> Any:
    sdk_message = messaging.Message(
        data={"type": message.data.type, "id": message.data.id, "link": message.data.link},
        notification=messaging.Notification(title=message.title, body=message.body),
    )
    # Set afterwards, for the constructor warns about each token.
    if message.address_kind is AddressKind.FID:
        sdk_message.fid = message.address
    else:
        sdk_message.token = message.address
    if message.platform is Platform.ANDROID:
        sdk_message.android = _android(message)
    else:
        sdk_message.apns = _apns(message)
    return sdk_message


def _android(message: Message) -> Any:
    return messaging.AndroidConfig(
        priority=message.priority.value,
        ttl=message.ttl_seconds,
        notification=messaging.AndroidNotification(
            tag=message.collapse_key, channel_id=message.channel, visibility="private"
        ),
    )


def _apns(message: Message) -> Any:
    # APNs wants the moment of expiry; 0 means one attempt.
    expiration = int(time.time()) + message.ttl_seconds if message.ttl_seconds else 0
    headers = {
        "apns-collapse-id": message.collapse_key,
        "apns-expiration": str(expiration),
        "apns-priority": "10" if message.priority is Priority.HIGH else "5",
    }
    return messaging.APNSConfig(headers=headers, payload=messaging.APNSPayload(messaging.Aps(sound="default")))


def _outcome(response: Any) -> Outcome:
    error = response.exception
    if error is None:
        return _ACCEPTED if response.success else _UNEXPECTED
    for error_type, outcome in _BY_ERROR:
        if isinstance(error, error_type):
            return outcome
    if isinstance(error, exceptions.ResourceExhaustedError):
        told_seconds = _retry_after_seconds(error)
        seconds = RETRY_AFTER_SECONDS if told_seconds is None else told_seconds
        return Outcome(OutcomeKind.THROTTLED, "QUOTA_EXCEEDED", retry_after_seconds=seconds)
    if isinstance(error, exceptions.InvalidArgumentError):
        return _bad_request(error)
    return Outcome(OutcomeKind.RETRY, error.code, retry_after_seconds=_retry_after_seconds(error))


def _bad_request(error: Any) -> Outcome:
    """A field of ours is wrong, or the address is: FCM says INVALID_ARGUMENT for both, and names the field or not."""
    try:
        body = error.http_response.json()["error"]
        fields = set(_violated_fields(body.get("details", [])))
        status = body["status"]
    except (ValueError, LookupError, TypeError, AttributeError):
        return _UNEXPECTED
    if fields - _ADDRESS_FIELDS:
        return _FIELD_VIOLATION
    return _INVALID if status == "INVALID_ARGUMENT" else _UNEXPECTED


def _violated_fields(details: list[dict[str, Any]]) -> Iterator[str]:
    for detail in details:
        for violation in detail.get("fieldViolations", []):
            yield violation.get("field", "")


def _retry_after_seconds(error: Any) -> int | None:
    """The Retry-After of an answer in seconds, given as such or as a date; None without one that can be read."""
    if error.http_response is None:
        return None
    text = error.http_response.headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,6}", text):
        return int(text)
    try:
        return max(0, round(parsedate_to_datetime(text).timestamp() - time.time()))
    except (ValueError, OverflowError):
        return None
