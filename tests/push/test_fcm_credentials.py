"""Where credentials come from, how the token stays fresh, and who may use a sender."""

import asyncio
import json
from pathlib import Path

import firebase_admin
import pytest

from push.fcm import CALL_SIZE_MAX, FcmSender
from push.sender import CredentialsError, Outcome, OutcomeKind, PushSender
from tests.push import fcm_server
from tests.push.fcm_server import Answer, FcmServer
from tests.push.messages import PHONE, message

ACCEPTED = Outcome(OutcomeKind.ACCEPTED, "ACCEPTED")


async def test_a_slow_token_service_does_not_block_the_loop(fcm: FcmServer, sender: FcmSender) -> None:
    fcm.token_gate = asyncio.Event()
    sending = asyncio.create_task(sender.send([message()]))

    await fcm.token_asked.wait()
    assert not sending.done()
    assert not fcm.requests

    fcm.token_gate.set()
    assert await sending == [ACCEPTED]


async def test_slices_at_the_same_time_ask_for_one_token(fcm: FcmServer, sender: FcmSender) -> None:
    await asyncio.gather(*(sender.send([message()]) for _ in range(5)))

    assert fcm.token_requests == 1


@pytest.mark.parametrize(("lives_seconds", "token_requests"), [(540, 2), (660, 1)])
async def test_a_token_is_renewed_below_ten_minutes(
    fcm: FcmServer, sender: FcmSender, lives_seconds: int, token_requests: int
) -> None:
    fcm.token_lives_seconds = lives_seconds
    await sender.prepare()
    await sender.prepare()

    assert fcm.token_requests == token_requests


async def test_a_long_list_goes_in_slices_each_with_a_fresh_token(
    fcm: FcmServer, sender: FcmSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CALL_SIZE_MAX <= 500
    monkeypatch.setattr("push.fcm.CALL_SIZE_MAX", 10)
    fcm.token_lives_seconds = 540
    addresses = [f"phone-{n}" for n in range(25)]
    fcm.answers[addresses[-1]] = fcm_server.UNREGISTERED

    outcomes = await sender.send([message(address) for address in addresses])

    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 24 + [OutcomeKind.RETIRED]
    assert fcm.requests == dict.fromkeys(addresses, 1)
    assert fcm.token_requests == 3


async def test_while_the_token_service_is_silent_the_old_token_serves(fcm: FcmServer, sender: FcmSender) -> None:
    fcm.token_lives_seconds = 540
    await sender.prepare()
    fcm.token_answer = fcm_server.DROP

    assert await sender.send([message()]) == [ACCEPTED]
    assert fcm.token_requests == 2


async def test_without_any_token_a_silent_token_service_is_a_retry(fcm: FcmServer, sender: FcmSender) -> None:
    fcm.token_answer = fcm_server.DROP

    assert await sender.send([message()]) == [Outcome(OutcomeKind.RETRY, "TOKEN_SERVICE_SILENT")]
    assert not fcm.requests


async def test_a_refusal_of_the_token_service_is_for_a_person(fcm: FcmServer, sender: FcmSender) -> None:
    fcm.token_answer = Answer(400, b'{"error": "invalid_grant"}')

    with pytest.raises(CredentialsError, match="REFUSED") as caught:
        await sender.prepare()
    assert not caught.value.transient
    assert await sender.send([message()] * 2) == [Outcome(OutcomeKind.CREDENTIALS, "REFUSED")] * 2
    assert not fcm.requests


async def test_a_token_that_fcm_refuses_is_replaced_before_the_next_slice(fcm: FcmServer, sender: FcmSender) -> None:
    fcm.answers[PHONE] = fcm_server.UNAUTHENTICATED
    await sender.send([message()])
    del fcm.answers[PHONE]

    assert await sender.send([message()]) == [ACCEPTED]
    assert fcm.received[-1].headers["authorization"] == "Bearer access-2"
    await sender.send([message()])
    assert fcm.token_requests == 2


async def test_a_wrong_apns_key_costs_no_new_token(fcm: FcmServer, sender: FcmSender) -> None:
    fcm.answers[PHONE] = fcm_server.THIRD_PARTY_AUTH
    await sender.send([message()])
    await sender.send([message()])

    assert fcm.token_requests == 1


async def test_credentials_come_from_googles_variable(
    fcm: FcmServer, credentials_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials_file))
    sender: PushSender = FcmSender(url=fcm.url)

    assert await sender.send([message()]) == [ACCEPTED]
    await sender.close()


def test_without_credentials_there_is_no_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(CredentialsError, match="MISSING"):
        FcmSender()


@pytest.mark.parametrize("text", [None, "not json", "{}", json.dumps({"type": "service_account"})])
def test_unreadable_credentials_are_named_so(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "service-account.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CredentialsError, match="UNREADABLE"):
        FcmSender(path)


def test_the_token_never_goes_to_another_machine_in_the_clear(credentials_file: Path) -> None:
    with pytest.raises(ValueError, match="HTTPS"):
        FcmSender(credentials_file, url="http://fcm.example/v1/projects/p/messages:send")


async def test_a_sender_refuses_a_second_event_loop(sender: FcmSender) -> None:
    await sender.prepare()
    with pytest.raises(RuntimeError, match="event loop"):
        await asyncio.to_thread(asyncio.run, sender.prepare())


async def test_two_senders_live_side_by_side_and_closing_leaves_no_app(fcm: FcmServer, credentials_file: Path) -> None:
    apps = set(firebase_admin._apps)
    first, second = FcmSender(credentials_file, url=fcm.url), FcmSender(credentials_file, url=fcm.url)
    assert await first.send([message()]) == await second.send([message()]) == [ACCEPTED]

    await first.close()
    assert await second.send([message()]) == [ACCEPTED]
    await second.close()
    assert set(firebase_admin._apps) == apps


async def test_a_request_waits_fifteen_seconds_at_most(sender: FcmSender) -> None:
    timeout = sender._service._async_client.async_client.timeout

    assert (timeout.connect, timeout.read, timeout.write, timeout.pool) == (15, 15, 15, 15)
