"""The default sender: nothing leaves the machine, everything is accepted, and each message shows as one line."""

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from push.sender import Message, Outcome, OutcomeKind

_log = logging.getLogger(__name__)
_ACCEPTED = Outcome(OutcomeKind.ACCEPTED, "ACCEPTED")


def address_hash(address: str) -> str:
    """The first 16 hexadecimal digits of the address's SHA-256: tells devices apart without telling the address."""
    return hashlib.sha256(address.encode("utf-8", "backslashreplace")).hexdigest()[:16]


class ConsoleSender:
    """Writes messages instead of sending them: when, what and to which hash, never an address and never the body.

    Args:
        stream: where the lines go; the log by default.
        record: a file that gets one JSON object a line (`at`, `address_hash`, `platform`, `language`, `type`, `id`,
            `link`, `title`, `collapse_key`), so that another process can see which devices were reached. A slice is
            appended by one write, so that workers can share the file.
    """

    def __init__(self, stream: TextIO | None = None, record: Path | None = None) -> None:
        self._stream = stream
        self._record = record

    async def prepare(self) -> None:
        """Do nothing: the console needs no credentials."""

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Write each message; all are accepted.

        Raises:
            OSError: the record or the stream cannot be written.
        """
        await asyncio.to_thread(self._write, [_described(message) for message in messages])
        return [_ACCEPTED] * len(messages)

    async def close(self) -> None:
        """Do nothing: the stream is its owner's, and the record is closed after every slice."""

    def _write(self, records: list[dict[str, str]]) -> None:
        if self._record is not None:
            _append(self._record, "".join(json.dumps(record) + "\n" for record in records).encode())
        for record in records:
            line = "push " + " ".join(f"{name}={_quoted(text)}" for name, text in record.items())
            if self._stream is None:
                _log.info("%s", line)
            else:
                self._stream.write(line + "\n")


def _described(message: Message) -> dict[str, str]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "type": message.data.type,
        "id": message.data.id,
        "link": message.data.link,
        "title": message.title,
        "language": message.language,
        "platform": message.platform.value,
        "collapse_key": message.collapse_key,
        "address_hash": address_hash(message.address),
    }


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in quoted)


def _append(path: Path, lines: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, lines)
    finally:
        os.close(file)
