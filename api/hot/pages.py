"""Ready bytes and the headers they leave with."""

import gzip
from typing import Final

from api.conditional import etag_of, has_current
from models.base import Language

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]

SMALLEST_ZIPPED: Final = 1_000
ZIP_LEVEL: Final = 5

# What api.conditional and the edge would put on these answers.
COMMON: Final = [
    (b"vary", b"accept-language, authorization, accept-encoding"),
    (b"cache-control", b"private, no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class Page:
    """A JSON body in one language; its zipped form is made when somebody wants it and the page is kept."""

    __slots__ = ("body", "etag", "headers", "not_modified", "zipped")

    def __init__(self, body: bytes, language: Language, etag: str | None = None) -> None:
        self.body = body
        self.etag = (etag or etag_of(body)).encode()
        spoken = (b"content-language", language.encode())
        self.not_modified: Answer = (304, [(b"etag", self.etag), spoken, *COMMON], b"")
        self.headers = [
            (b"content-length", str(len(body)).encode()),
            (b"content-type", b"application/json"),
            *self.not_modified[1],
        ]
        self.zipped: Answer | None = None

    def answer(self, headers: dict[bytes, bytes], *, kept: bool = True) -> Answer:
        """304, the zipped bytes or the plain ones, as the request's headers want it."""
        known = headers.get(b"if-none-match")
        if known is not None and (known == self.etag or has_current(known.decode("latin-1"), self.etag.decode())):
            return self.not_modified
        if kept and len(self.body) >= SMALLEST_ZIPPED and takes_gzip(headers.get(b"accept-encoding", b"")):
            return self.zipped or self.zip()
        return 200, self.headers, self.body

    def zip(self) -> Answer:
        """The same in gzip. The ETag becomes a weak one: these are other bytes that mean the same."""
        body = gzip.compress(self.body, ZIP_LEVEL, mtime=0)
        headers = [
            (b"content-length", str(len(body)).encode()),
            (b"content-type", b"application/json"),
            (b"content-encoding", b"gzip"),
            (b"etag", b"W/" + self.etag),
            *self.not_modified[1][1:],
        ]
        self.zipped = (200, headers, body)
        return self.zipped


def takes_gzip(accept_encoding: bytes) -> bool:
    """Whether gzip is named without a quality of its own; who weighs codings gets the plain bytes."""
    return b"gzip" in accept_encoding and b";" not in accept_encoding
