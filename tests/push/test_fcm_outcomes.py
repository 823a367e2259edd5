"""Each answer of FCM, through the real firebase-admin, becomes its outcome of DESIGN.md 3, after one request."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from push.fcm import FcmSender
from push.sender import Outcome, OutcomeKind, RetiredReason
from tests.push import fcm_server
from tests.push.fcm_server import Answer, FcmServer, failure, throttled, violation
from tests.push.messages import PHONE, message

ACCEPTED = Outcome(OutcomeKind.ACCEPTED, "ACCEPTED")
UNREGISTERED = Outcome(OutcomeKind.RETIRED, "UNREGISTERED", RetiredReason.UNREGISTERED)
SENDER_MISMATCH = Outcome(OutcomeKind.RETIRED, "SENDER_ID_MISMATCH", RetiredReason.SENDER_MISMATCH)
INVALID_ADDRESS = Outcome(OutcomeKind.RETIRED, "INVALID_ARGUMENT", RetiredReason.INVALID_ADDRESS)
FIELD_VIOLATION = Outcome(OutcomeKind.REJECTED_PAYLOAD, "FIELD_VIOLATION")
UNEXPECTED = Outcome(OutcomeKind.RETRY, "UNEXPECTED_ANSWER")

ANSWERS: dict[str, tuple[Answer, Outcome]] = {
    "200": (fcm_server.OK, ACCEPTED),
    "unregistered": (fcm_server.UNREGISTERED, UNREGISTERED),
    "sender_mismatch": (fcm_server.SENDER_ID_MISMATCH, SENDER_MISMATCH),
    "invalid_argument": (fcm_server.INVALID_ARGUMENT, INVALID_ADDRESS),
    "invalid_argument_without_details": (failure(400, "INVALID_ARGUMENT"), INVALID_ADDRESS),
    "token_field_is_wrong": (fcm_server.INVALID_TOKEN_FIELD, INVALID_ADDRESS),
    "fid_field_is_wrong": (failure(400, "INVALID_ARGUMENT", violation("message.fid")), INVALID_ADDRESS),
    "another_field_is_wrong": (fcm_server.FIELD_VIOLATION, FIELD_VIOLATION),
    "token_and_another_field": (failure(400, "INVALID_ARGUMENT", violation("message.token", "x")), FIELD_VIOLATION),
    "400_not_from_fcm": (Answer(400, b"<html>"), UNEXPECTED),
    "400_of_another_status": (failure(400, "FAILED_PRECONDITION"), Outcome(OutcomeKind.RETRY, "FAILED_PRECONDITION")),
    "throttled_with_seconds": (throttled("17"), Outcome(OutcomeKind.THROTTLED, "QUOTA_EXCEEDED", None, 17)),
    "throttled_without": (throttled(), Outcome(OutcomeKind.THROTTLED, "QUOTA_EXCEEDED", None, 60)),
    "throttled_unreadably": (throttled("soon"), Outcome(OutcomeKind.THROTTLED, "QUOTA_EXCEEDED", None, 60)),
    "throttled_until_long_ago": (
        throttled("Wed, 21 Oct 2015 07:28:00 GMT"),
        Outcome(OutcomeKind.THROTTLED, "QUOTA_EXCEEDED", None, 0),
    ),
    "third_party_auth": (fcm_server.THIRD_PARTY_AUTH, Outcome(OutcomeKind.CREDENTIALS, "THIRD_PARTY_AUTH_ERROR")),
    "unauthenticated": (fcm_server.UNAUTHENTICATED, Outcome(OutcomeKind.CREDENTIALS, "UNAUTHENTICATED")),
    "permission_denied": (fcm_server.PERMISSION_DENIED, Outcome(OutcomeKind.CREDENTIALS, "PERMISSION_DENIED")),
    "no_such_project": (fcm_server.NO_SUCH_PROJECT, Outcome(OutcomeKind.CREDENTIALS, "NOT_FOUND")),
    "500": (fcm_server.INTERNAL, Outcome(OutcomeKind.RETRY, "INTERNAL")),
    "503": (fcm_server.UNAVAILABLE, Outcome(OutcomeKind.RETRY, "UNAVAILABLE")),
    "503_with_seconds": (
        failure(503, "UNAVAILABLE", headers=(("Retry-After", "5"),)),
        Outcome(OutcomeKind.RETRY, "UNAVAILABLE", None, 5),
    ),
    "502_not_from_fcm": (Answer(502, b"<html>"), Outcome(OutcomeKind.RETRY, "UNKNOWN")),
    "dropped": (fcm_server.DROP, Outcome(OutcomeKind.RETRY, "UNKNOWN")),
    "200_not_from_fcm": (Answer(200, b"<html>"), UNEXPECTED),
    "200_without_a_name": (Answer(200, b"{}"), UNEXPECTED),
    "error_of_another_shape": (Answer(500, b'{"error": "out of order"}'), UNEXPECTED),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_answer_becomes_its_outcome_after_one_request(fcm: FcmServer, sender: FcmSender, name: str) -> None:
    fcm.answers[PHONE], expected = ANSWERS[name]

    assert await sender.send([message()]) == [expected]
    assert fcm.requests == {PHONE: 1}
    assert fcm.token_requests == 1


async def test_outcomes_keep_the_order_and_one_bad_answer_spoils_no_other(fcm: FcmServer, sender: FcmSender) -> None:
    fcm.answers = {name: answer for name, (answer, _) in ANSWERS.items()}

    outcomes = await sender.send([message(name) for name in ANSWERS])

    assert outcomes == [outcome for _, outcome in ANSWERS.values()]
    assert fcm.requests == dict.fromkeys(ANSWERS, 1)


async def test_nothing_logged_holds_an_address_or_a_token(
    fcm: FcmServer, sender: FcmSender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fcm.answers = {f"{PHONE}-{name}": answer for name, (answer, _) in ANSWERS.items()}

    outcomes = await sender.send([message(address) for address in [*fcm.answers, f"{PHONE} with a space"]])

    assert "UNEXPECTED_ANSWER" in repr(outcomes)
    assert "unexpected answer" in caplog.text
    assert PHONE not in caplog.text + repr(outcomes)
    assert "access-1" not in caplog.text


@pytest.mark.parametrize("address", ["", "two words", "телефон", "\ud800", "a" * 4097])
async def test_a_malformed_address_is_retired_without_a_request(
    fcm: FcmServer, sender: FcmSender, address: str
) -> None:
    outcomes = await sender.send([message(address), message()])

    malformed = Outcome(OutcomeKind.RETIRED, "MALFORMED_ADDRESS", RetiredReason.INVALID_ADDRESS)
    assert outcomes == [malformed, ACCEPTED]
    assert fcm.requests == {PHONE: 1}


async def test_retry_after_may_be_a_date(fcm: FcmServer, sender: FcmSender) -> None:
    fcm.answers[PHONE] = throttled(format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True))

    [outcome] = await sender.send([message()])

    assert outcome.retry_after_seconds is not None
    assert 6_000 < outcome.retry_after_seconds <= 7_200


async def test_an_answer_that_does_not_come_is_a_retry(fcm: FcmServer, credentials_file: Path) -> None:
    sender = FcmSender(credentials_file, url=fcm.url, timeout_seconds=0.2)
    fcm.answers[PHONE] = Answer(gate=asyncio.Event())

    assert await sender.send([message()]) == [Outcome(OutcomeKind.RETRY, "DEADLINE_EXCEEDED")]
    assert fcm.requests == {PHONE: 1}
    await sender.close()


async def test_a_server_that_is_gone_is_a_retry(credentials_file: Path, fcm: FcmServer) -> None:
    async with FcmServer() as gone:
        sender = FcmSender(credentials_file, url=gone.url)

    assert await sender.send([message()]) == [Outcome(OutcomeKind.RETRY, "UNAVAILABLE")]
    await sender.close()
