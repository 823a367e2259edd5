"""Answering a poll: the hottest write there is, so it is one statement, the same for both lanes."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from services.errors import ConflictError, DomainError, NotFoundError
from services.idempotency import IdempotencyMismatchError
from services.polls.questions import Answers, InvalidAnswersError, find_misfit


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
# left: no vote slips in behind them. The foreign key would take the same lock anyway.
CAST: Final = """
WITH asked AS MATERIALIZED (
    SELECT p.version, p.state = 'open' AND p.opens_at <= $6 AND $6 < coalesce(p.closes_at, 'infinity') AS is_open
      FROM poll p
     WHERE p.id = $1 AND p.opened_at IS NOT NULL AND (SELECT path FROM branch WHERE id = p.branch_id) @> (
        SELECT home.path
          FROM membership stay
          JOIN member m ON m.id = stay.member_id AND m.state = 'active'
          JOIN branch home ON home.id = stay.branch_id
         WHERE stay.member_id = $2 AND stay.ended_on IS NULL)
       FOR KEY SHARE OF p
), taken AS (
    INSERT INTO participation (poll_id, member_id, key_hash)
    SELECT $1, $2, $3 FROM asked WHERE asked.is_open AND asked.version = $5 AND $7
    ON CONFLICT DO NOTHING
    RETURNING poll_id, member_id
), kept AS (
    INSERT INTO poll_response (poll_id, member_id, answers, responded_at)
    SELECT poll_id, member_id, $4::text::jsonb, $6 FROM taken
    RETURNING poll_id
)
SELECT asked.is_open, asked.version = $5 AS is_current, EXISTS (SELECT FROM kept) AS is_recorded,
       earlier.is_answered, earlier.is_repeated, earlier.is_same_key, earlier.responded_at
  FROM asked LEFT JOIN LATERAL (
    SELECT taken.key_hash = $3 AND response.answers = $4::text::jsonb AS is_repeated,
           taken.key_hash = $3 AS is_same_key, response.responded_at, true AS is_answered
      FROM participation taken LEFT JOIN poll_response response USING (poll_id, member_id)
     WHERE taken.poll_id = $1 AND taken.member_id = $2 AND NOT EXISTS (SELECT FROM kept)) earlier ON true
"""

definitions: dict[UUID, Definition] = {}


async def cast_response(
    connection: asyncpg.Connection,
    *,
    poll_id: UUID,
    member_id: UUID,
    answers: Answers,
    key_hash: bytes | None,
    now: datetime,
) -> Receipt:
    """Record a member's one response to an open poll addressed to them.

    Args:
        connection: in a transaction, or in autocommit.
        key_hash: HMAC of the request's Idempotency-Key; the same key and answers give the first receipt again.

    Raises:
        NotFoundError: no such poll, or none for this member: the two look alike, so nobody can probe.
        IdempotencyMismatchError: the key came with other answers before.
        AlreadyAnsweredError: the member has answered; the first response stands.
        PollClosedError: `now` is outside [opens_at, closes_at), or the poll was closed or cancelled.
        InvalidAnswersError: an answer does not fit its question.
    """
    document = json.dumps(answers)
    for _ in range(ATTEMPTS):
        definition = definitions.get(poll_id) or await remember_definition(connection, poll_id)
        misfit = find_misfit(definition.questions, answers)
        row = await connection.fetchrow(
            CAST, poll_id, member_id, key_hash, document, definition.version, now, misfit is None
        )
        if row is not None and row["is_recorded"]:
            return Receipt(poll_id, now, repeated=False)
        if row is not None and row["is_repeated"]:
            return Receipt(poll_id, row["responded_at"], repeated=True)
        refusal = refusal_of(row, misfit)
        if refusal is not None:
            raise refusal
        # Another request of this member was faster, or the questions are not the ones remembered.
        definitions.pop(poll_id, None)
    raise PollChangingError


def refusal_of(row: asyncpg.Record | None, misfit: InvalidAnswersError | None) -> DomainError | None:
    """Why a response was not recorded; None when the next try may tell."""
    if row is None:
        return NotFoundError()
    if row["is_answered"]:
        return IdempotencyMismatchError() if row["is_same_key"] else AlreadyAnsweredError()
    if not row["is_open"]:
        return PollClosedError()
    return misfit if row["is_current"] else None


async def remember_definition(connection: asyncpg.Connection, poll_id: UUID) -> Definition:
    """Read the questions and keep them at hand. They are never wrong for long: the statement compares the version."""
    row = await connection.fetchrow(DEFINITION, poll_id)
    if row is None:
        return UNKNOWN
    if len(definitions) >= REMEMBERED:
        definitions.clear()
    definitions[poll_id] = found = Definition(row["version"], json.loads(row["questions"]))
    return found
