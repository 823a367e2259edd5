"""What every push service is asked, what it may answer, and the protocol a sender keeps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

TTL_SECONDS_MAX = 28 * 24 * 3600
"""Longest time to live that FCM takes: four weeks."""

COLLAPSE_KEY_BYTES_MAX = 64
"""Longest `apns-collapse-id` that APNs takes."""


TEXT_BYTES_MAX = 3_000
"""Longest title, body and payload together, in bytes of UTF-8; FCM and APNs take 4,096 with all that goes around it.

FCM answers a message that is too big as it answers a bad address, so one must never reach it.
"""


class AddressKind(StrEnum):
    """What a device's address is, hence which service takes it."""

    TOKEN = "token"  # noqa: S105 - the name of a kind of address, no secret
    FID = "fid"


class Platform(StrEnum):
    """The system the app runs on."""

    ANDROID = "android"
    IOS = "ios"


class Priority(StrEnum):
    """HIGH wakes a sleeping phone; NORMAL waits until it wakes."""

    HIGH = "high"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class Payload:
    """All that the app is told besides the text: what happened, the opaque id of the thing, where to go."""

    type: str
    id: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One notification for one device, with its text already in the device's language.

    Attributes:
        address: where the service finds the device; a secret, so never in a repr, a log or an error.
        collapse_key: e.g. `survey-<id>`; a repeat with the same key replaces the notification on the phone.
        channel: the notification channel on Android.
        ttl_seconds: how long the service keeps the message for a phone that is off, 0 to 28 days; 0 is "now or never".

    Raises:
        ValueError: ttl_seconds, collapse_key or the texts are outside of what the services take.
    """

    address: str = field(repr=False)
    address_kind: AddressKind
    platform: Platform
    language: str
    title: str
    body: str
    data: Payload
    collapse_key: str
    channel: str
    ttl_seconds: int
    priority: Priority = Priority.HIGH

    def __post_init__(self) -> None:
        if not 0 <= self.ttl_seconds <= TTL_SECONDS_MAX:
            raise ValueError(f"ttl_seconds must be within 0 and {TTL_SECONDS_MAX}")
        if not self.collapse_key.isascii() or not 0 < len(self.collapse_key) <= COLLAPSE_KEY_BYTES_MAX:
            raise ValueError(f"collapse_key must be 1 to {COLLAPSE_KEY_BYTES_MAX} ASCII characters")
        texts = (self.title, self.body, self.data.type, self.data.id, self.data.link)
        if len("".join(texts).encode()) > TEXT_BYTES_MAX:
            raise ValueError(f"title, body and payload must stay within {TEXT_BYTES_MAX} bytes")


class OutcomeKind(StrEnum):
    """What became of one message, by what the caller has to do about it.

    ACCEPTED: nothing more.
    RETIRED: the address is dead; retire it, unless `mass_retirement` holds for the slice.
    REJECTED_PAYLOAD: the message itself is wrong; stop the campaign.
    THROTTLED: not sent; wait `retry_after_seconds`.
    RETRY: perhaps not sent; again later, until the campaign's time to live ends.
    CREDENTIALS: not sent, and not before a person has put our own credentials or project right; alert.
    """

    ACCEPTED = "accepted"
    RETIRED = "retired"
    REJECTED_PAYLOAD = "rejected_payload"
    THROTTLED = "throttled"
    RETRY = "retry"
    CREDENTIALS = "credentials"


class RetiredReason(StrEnum):
    """Why an address is dead."""

    UNREGISTERED = "unregistered"
    SENDER_MISMATCH = "sender_mismatch"
    INVALID_ADDRESS = "invalid_address"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message.

    Attributes:
        code: a word of the adapter's own list, safe to log and to count by; never text of the service, which can
            quote an address.
        reason: set if and only if the kind is RETIRED.
        retry_after_seconds: always set for THROTTLED; for RETRY where the service said it.
    """

    kind: OutcomeKind
    code: str
    reason: RetiredReason | None = None
    retry_after_seconds: int | None = None

    def __post_init__(self) -> None:
        if (self.kind is OutcomeKind.RETIRED) != (self.reason is not None):
            raise ValueError("a reason belongs to RETIRED, and RETIRED needs one")
        if self.kind is OutcomeKind.THROTTLED and self.retry_after_seconds is None:
            raise ValueError("THROTTLED needs retry_after_seconds")


class CredentialsError(Exception):
    """The sender cannot prove who it is.

    Attributes:
        code: a word safe to log.
        transient: the token service did not answer; later may work. Otherwise a person has to act.
    """

    def __init__(self, code: str, *, transient: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.transient = transient


class PushSender(Protocol):
    """A push service. One instance belongs to one event loop; a service is one module that keeps this protocol."""

    async def prepare(self) -> None:
        """Make the credentials fresh, so that what is wrong with them shows before a batch is claimed.

        Raises:
            CredentialsError: there is no usable credential; `send` answers for it in the outcomes instead.
        """

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Send each message once, without retries. One outcome a message, in the same order; raises for none."""

    async def close(self) -> None:
        """Give connections back. The sender is of no use afterwards."""


def mass_retirement(outcomes: Sequence[Outcome]) -> bool:
    """Whether more than half of a slice is "gone": then the campaign stops and nothing is retired.

    So many dead addresses at once are rather a bug in the payload, which must not wipe the device table.
    Source: DESIGN.md, section 3.
    """
    retired_count = sum(outcome.kind is OutcomeKind.RETIRED for outcome in outcomes)
    return 2 * retired_count > len(outcomes)
