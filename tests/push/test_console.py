"""The console sender: what it writes, what it keeps to itself, and what other processes can read."""

import asyncio
import hashlib
import io
import json
import logging
from pathlib import Path

import pytest

from push.console import ConsoleSender, address_hash
from push.sender import OutcomeKind, PushSender
from tests.push.messages import PHONE, message

PHONE_HASH = hashlib.sha256(PHONE.encode()).hexdigest()[:16]


async def test_a_line_tells_what_and_to_which_hash_and_no_more() -> None:
    stream = io.StringIO()
    sender: PushSender = ConsoleSender(stream)
    await sender.prepare()

    outcomes = await sender.send([message(), message("other-phone")])
    await sender.close()

    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 2
    line, other = stream.getvalue().splitlines()
    assert line.startswith('push at="20')
    for part in ("poll_opened", "0199", "unqatu://polls/0199", 'title="Жаңа сауалнама"', 'language="kk"', PHONE_HASH):
        assert part in line
    assert PHONE not in line
    assert "Пікіріңізді" not in line
    assert address_hash("other-phone") in other


async def test_without_a_stream_the_line_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "push.console")
    await ConsoleSender().send([message()])

    assert PHONE_HASH in caplog.text
    assert PHONE not in caplog.text


async def test_no_text_breaks_a_line_or_reaches_the_terminal() -> None:
    stream = io.StringIO()
    await ConsoleSender(stream).send([message(title="one\ntwo\u2028three\x9b31m")])

    assert len(stream.getvalue().splitlines()) == 1
    assert "\x9b" not in stream.getvalue()


async def test_the_record_is_readable_by_others_line_by_line_while_several_write(tmp_path: Path) -> None:
    record = tmp_path / "push.jsonl"
    senders = [ConsoleSender(io.StringIO(), record) for _ in range(4)]
    phones = [[f"phone-{worker}-{n}" for n in range(100)] for worker in range(4)]

    await asyncio.gather(
        *(sender.send([message(phone) for phone in slice_]) for sender, slice_ in zip(senders, phones, strict=True))
    )

    reached = [json.loads(line) for line in record.read_text().splitlines()]
    assert {entry["address_hash"] for entry in reached} == {
        address_hash(phone) for slice_ in phones for phone in slice_
    }
    assert len(reached) == 400
    assert set(reached[0]) == {
        *("at", "type", "id", "link", "title", "language", "platform", "collapse_key", "address_hash")
    }
    assert "phone-" not in record.read_text()
    assert record.stat().st_mode & 0o777 == 0o600
