"""Answering a poll: one statement in autocommit."""

import re
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError

from api.edge import SECURITY_HEADERS
from api.hot.asking import Asked, UnusualError
from api.hot.pages import Answer
from api.hot.reads import poll_id_of
from api.hot.state import HotState
from api.member.polls import ReceiptOut, ResponseIn, key_hash
from services.polls.voting import cast_response

KEY: Final = re.compile(r"[\x21-\x7e]{8,128}")
CREATED: Final = 201


async def put_response(hot: HotState, asked: Asked) -> Answer:
    """Record the response. A refusal did nothing, so the plain lane may find and tell it again."""
    asked.refuse_query()
    poll_id = poll_id_of(asked)
    key = idempotency_key(asked)
    given = await response_in(asked)
    async with hot.connections() as connection:
        receipt = await cast_response(
            connection,
            asked.actor,
            poll_id=poll_id,
            answers=given.by_question(),
            key_hash=key_hash(hot.runtime.keys, key),
            now=datetime.now(UTC),
        )
    body = ReceiptOut(poll_id=receipt.poll_id, responded_at=receipt.responded_at).model_dump_json().encode()
    headers = [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
        *SECURITY_HEADERS,
    ]
    if receipt.repeated:
        headers.append((b"idempotent-replayed", b"true"))
    return CREATED, headers, body


def idempotency_key(asked: Asked) -> str | None:
    """The header, if there is one.

    Raises:
        UnusualError: it is no good key.
    """
    given = asked.headers.get(b"idempotency-key")
    if given is None:
        return None
    key = given.decode("latin-1")
    if not KEY.fullmatch(key):
        raise UnusualError
    return key


async def response_in(asked: Asked) -> ResponseIn:
    """The body.

    Raises:
        UnusualError: it is no JSON, or does not fit.
    """
    if asked.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
        raise UnusualError
    try:
        return ResponseIn.model_validate_json(await asked.body())
    except ValidationError as error:
        raise UnusualError from error
