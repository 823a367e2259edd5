"""Sending an SMS: what a sender must do, and the one that only shows it."""

import json
from typing import Protocol, TextIO


class SmsSender(Protocol):
    """Hands texts to a gateway. Belongs to the event loop that uses it first."""

    async def send(self, phone: str, text: str) -> None:
        """Send one text to a number in E.164. Any exception means that the gateway did not take it; only its type is
        logged, since its message may quote the text."""


class ConsoleSmsSender:
    """Shows texts, codes and all, on a stream: for the demo and tests. Production refuses it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    async def send(self, phone: str, text: str) -> None:
        """Write one line."""
        self.stream.write(f"sms to={phone} text={json.dumps(text, ensure_ascii=False)}\n")
        self.stream.flush()
