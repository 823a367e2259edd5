"""What every sender shares: the message's limits, what must not show, and the breaker."""

import pytest

from push.sender import (
    COLLAPSE_KEY_BYTES_MAX,
    TEXT_BYTES_MAX,
    TTL_SECONDS_MAX,
    Outcome,
    OutcomeKind,
    RetiredReason,
    mass_retirement,
)
from tests.push.messages import PHONE, message

ACCEPTED = Outcome(OutcomeKind.ACCEPTED, "ACCEPTED")
RETRY = Outcome(OutcomeKind.RETRY, "UNAVAILABLE")
RETIRED = Outcome(OutcomeKind.RETIRED, "UNREGISTERED", RetiredReason.UNREGISTERED)


def test_an_address_does_not_show_in_repr_or_str() -> None:
    assert PHONE not in f"{message()!r} {message()}"


@pytest.mark.parametrize("ttl_seconds", [0, TTL_SECONDS_MAX])
def test_ttl_may_reach_its_limits(ttl_seconds: int) -> None:
    assert message(ttl_seconds=ttl_seconds).ttl_seconds == ttl_seconds


@pytest.mark.parametrize("ttl_seconds", [-1, TTL_SECONDS_MAX + 1])
def test_ttl_outside_of_its_limits_is_refused(ttl_seconds: int) -> None:
    with pytest.raises(ValueError, match="ttl_seconds"):
        message(ttl_seconds=ttl_seconds)


@pytest.mark.parametrize("collapse_key", ["", "s" * (COLLAPSE_KEY_BYTES_MAX + 1), "сауалнама-1"])
def test_collapse_key_that_apns_would_refuse_is_refused(collapse_key: str) -> None:
    with pytest.raises(ValueError, match="collapse_key"):
        message(collapse_key=collapse_key)


@pytest.mark.parametrize("title", ["Ж" * (TEXT_BYTES_MAX // 2), "\ud800"])
def test_text_too_long_or_not_encodable_never_becomes_a_message(title: str) -> None:
    with pytest.raises(ValueError, match=r"bytes|surrogates"):
        message(title=title)


def test_a_retirement_needs_its_reason_and_nothing_else_takes_one() -> None:
    with pytest.raises(ValueError, match="reason"):
        Outcome(OutcomeKind.RETIRED, "UNREGISTERED")
    with pytest.raises(ValueError, match="reason"):
        Outcome(OutcomeKind.RETRY, "INTERNAL", RetiredReason.UNREGISTERED)


def test_throttling_needs_its_seconds() -> None:
    with pytest.raises(ValueError, match="retry_after_seconds"):
        Outcome(OutcomeKind.THROTTLED, "QUOTA_EXCEEDED")


def test_mass_retirement_is_more_than_half_of_the_slice() -> None:
    assert mass_retirement([RETIRED, RETIRED, ACCEPTED])
    assert not mass_retirement([RETIRED, ACCEPTED])
    assert not mass_retirement([RETIRED, RETRY, RETRY])
    assert not mass_retirement([])
