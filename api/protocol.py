"""HTTP as uvicorn's fast parser speaks it, with what it lacks: an end to the head of a request, and problems as
answers to what is no HTTP."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.errors import MEDIA_TYPE, Problem, error_codes
from api.i18n import say
from models.base import Language

MAX_HEAD_BYTES: Final = 32 * 1024


class HeadTooLongError(Exception):
    """The request line and headers are longer than any client of ours needs."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    in_head = False
    head_bytes = 0

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.in_head, self.head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Its head has come.

        Raises:
            HeadTooLongError: to the parser, which stops.
        """
        self.in_head = False
        self.head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if self.head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLongError
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes have come. Those of a head without an end would be kept without an end."""
        super().data_received(data)
        if self.in_head:
            self.head_bytes += len(data)
            if self.head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or too much of it, and hang up."""
        code = "head_too_long" if self.head_bytes > MAX_HEAD_BYTES else "malformed_request"
        status = error_codes()[code]
        body = Problem(title=say(f"error.{code}", Language.kk), status=status, code=code).model_dump_json().encode()
        head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()
