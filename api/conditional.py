"""Reads that phones repeat: the same bytes carry the same ETag, and who has them gets 304 without a body."""

from hashlib import blake2b
from typing import Annotated, Any, Final

from fastapi import Header, Response, status

from models.base import Language

IfNoneMatch = Annotated[str | None, Header(max_length=1_000, description="The ETag of what the client has.")]

NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "What the client has is current."}}
"""For the `responses` of an operation that answers conditionally."""


def etag_of(body: bytes) -> str:
    """A strong ETag: the digest of the bytes."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def has_current(if_none_match: str | None, etag: str) -> bool:
    """Whether the client's If-None-Match names `etag` (weak comparison, RFC 9110, 13.1.2)."""
    if not if_none_match:
        return False
    known = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return etag in known or "*" in known


def answer_json(body: bytes, *, etag: str, language: Language, if_none_match: str | None) -> Response:
    """The JSON, or 304. Private: what one member reads is no business of a shared cache."""
    headers = {
        "etag": etag,
        "content-language": language.value,
        "vary": "accept-language, authorization, accept-encoding",
        "cache-control": "private, no-cache",
    }
    if has_current(if_none_match, etag):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
