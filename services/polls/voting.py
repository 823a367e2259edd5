"""Answering a poll: the hottest write there is, so it is one statement, the same for both lanes."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.actors import Actor
from services.errors import ConflictError, NotFoundError
from services.idempotency import IdempotencyMismatchError
from services.polls.questions import Answers, find_misfit


class PollClosedError(ConflictError):
    """The poll does not take responses now."""

    code = "poll_closed"


class AlreadyAnsweredError(ConflictError):
    """The member has answered; the first response stands."""

    code = "already_answered"


class PollChangingError(ConflictError):
    """The poll's questions are being changed; try again."""

    code = "poll_changing"


@dataclass(frozen=True, slots=True)
class Definition:
    """The questions of one version of a poll. The statement refuses answers checked against another version."""

    version: int
    questions: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a response was recorded; `repeated` when an earlier request did it."""

    poll_id: UUID
    responded_at: datetime
    repeated: bool


UNKNOWN: Final = Definition(version=0, questions=[])
REMEMBERED: Final = 1_000
ATTEMPTS: Final = 4
DEFINITION: Final = "SELECT version, questions::text FROM poll WHERE id = $1 AND opened_at IS NOT NULL"

# FOR KEY SHARE waits for an edit, a close or a cancellation under way (they lock FOR UPDATE) and then sees what it
# left: no vote slips in behind them. The foreign key would take the same lock anyway. Every table more in this
# statement would cost each response, so why one was not recorded is asked by another.
CAST: Final = """
WITH asked AS (
    SELECT version, state = 'open' AND opens_at <= $6 AND $6 < coalesce(closes_at, 'infinity') AS is_open
      FROM poll WHERE id = $1 AND opened_at IS NOT NULL AND branch_id = ANY ($8)
       FOR KEY SHARE
), taken AS (
    INSERT INTO participation (poll_id, member_id, key_hash)
    SELECT $1, $2, $3 FROM asked WHERE is_open AND version = $5 AND $7
    ON CONFLICT DO NOTHING
    RETURNING poll_id, member_id
), kept AS (
    INSERT INTO poll_response (poll_id, member_id, answers, responded_at)
    SELECT poll_id, member_id, $4::text::jsonb, $6 FROM taken
    RETURNING poll_id
)
SELECT is_open, version = $5 AS is_current, EXISTS (SELECT FROM kept) AS is_recorded FROM asked
"""
EARLIER: Final = """
SELECT taken.key_hash = $3 AS is_same_key, response.answers = $4::text::jsonb AS is_same_answer, response.responded_at
  FROM participation taken LEFT JOIN poll_response response USING (poll_id, member_id)
 WHERE taken.poll_id = $1 AND taken.member_id = $2
"""

definitions: dict[UUID, Definition] = {}


async def cast_response(
    connection: asyncpg.Connection,
    actor: Actor,
    *,
    poll_id: UUID,
    answers: Answers,
    key_hash: bytes | None,
    now: datetime,
) -> Receipt:
    """Record a member's one response to an open poll addressed to them.

    Args:
        connection: in a transaction, or in autocommit.
        key_hash: HMAC of the request's Idempotency-Key; the same key and answers give the first receipt again.

    Raises:
        ForbiddenError: the actor is no member.
        NotFoundError: no such poll, or none for this member: the two look alike, so nobody can probe.
        IdempotencyMismatchError: the key came with other answers before.
        AlreadyAnsweredError: the member has answered; the first response stands.
        PollClosedError: `now` is outside [opens_at, closes_at), or the poll was closed or cancelled.
        InvalidAnswersError: an answer does not fit its question.
    """
    own = (poll_id, actor.require_member(), key_hash, json.dumps(answers))
    for _ in range(ATTEMPTS):
        definition = definitions.get(poll_id) or await remember_definition(connection, poll_id)
        misfit = find_misfit(definition.questions, answers)
        row = await connection.fetchrow(CAST, *own, definition.version, now, misfit is None, actor.branch_chain)
        if row is None:
            raise NotFoundError
        if row["is_recorded"]:
            return Receipt(poll_id, now, repeated=False)
        earlier = await connection.fetchrow(EARLIER, *own)
        if earlier is not None:
            return repeated_receipt(poll_id, earlier)
        if not row["is_open"]:
            raise PollClosedError
        if row["is_current"] and misfit is not None:
            raise misfit
        definitions.pop(poll_id, None)  # they are not the questions that the poll has now
    raise PollChangingError


def repeated_receipt(poll_id: UUID, earlier: asyncpg.Record) -> Receipt:
    """The receipt of the response that stands, for a retry of it."""
    if not earlier["is_same_key"]:
        raise AlreadyAnsweredError
    if not earlier["is_same_answer"]:
        raise IdempotencyMismatchError
    return Receipt(poll_id, earlier["responded_at"], repeated=True)


async def remember_definition(connection: asyncpg.Connection, poll_id: UUID) -> Definition:
    """Read the questions and keep them at hand. They are never wrong for long: the statement compares the version."""
    row = await connection.fetchrow(DEFINITION, poll_id)
    if row is None:
        return UNKNOWN
    if len(definitions) >= REMEMBERED:
        definitions.clear()
    definitions[poll_id] = found = Definition(row["version"], json.loads(row["questions"]))
    return found
