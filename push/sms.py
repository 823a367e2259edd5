"""Sending an SMS: what a sender must do, and the one that only shows it."""

import json
from typing import Protocol, TextIO


class SmsError(Exception):
    """The SMS was not accepted; a later try may go better.

    Attributes:
        reason: a short code for the log; never the number or the text.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SmsSender(Protocol):
    """Hands texts to a gateway. Belongs to the event loop that uses it first."""

    async def send(self, phone: str, text: str) -> None:
        """Send one text to a number in E.164.

        Raises:
            SmsError: the gateway did not take it.
        """


class ConsoleSmsSender:
    """Shows texts, codes and all, on a stream: for the demo and tests. Production refuses it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    async def send(self, phone: str, text: str) -> None:
        """Write one line."""
        self.stream.write(f"sms to={phone} text={json.dumps(text, ensure_ascii=False)}\n")
        self.stream.flush()
