"""What was answered, counted on reading: a counter that every response updates costs two thirds of the writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel.ext.asyncio.session import AsyncSession

from models.db import execute
from models.polls import Poll, PollState, ResultsVisibility
from services.actors import Actor
from services.errors import ForbiddenError
from services.permissions import Permission
from services.polls.reading import access_own_poll, access_poll, read_own_response

SMALLEST_SHOWN: Final = 10

COUNT_RESPONSES: Final = sa.text("SELECT count(*) FROM participation WHERE poll_id = :poll_id")
COUNT_ANSWERS: Final = sa.text("""
    SELECT answer.key AS question_id, answer.value AS option_id, count(*) AS picked_count
      FROM poll_response, jsonb_each_text(answers) AS answer
     WHERE poll_id = :poll_id
     GROUP BY answer.key, answer.value
""")


class ResultsHiddenError(ForbiddenError):
    """The results are not for members, or not yet; `visibility` says when they are."""

    code = "results_hidden"


@dataclass(frozen=True, slots=True)
class Results:
    """How often each option of each question was picked.

    Attributes:
        response_count: None when fewer than 10 members responded: then nothing is told, so that nobody is recognised.
        picked_counts: by question id and option id.
    """

    poll: Poll
    response_count: int | None
    picked_counts: Mapping[str, Mapping[str, int]]


async def count_results(session: AsyncSession, poll: Poll) -> Results:
    """The results of a poll as they stand."""
    response_count: int = (await execute(session, COUNT_RESPONSES, poll_id=poll.id)).scalar_one()
    if response_count < SMALLEST_SHOWN:
        return Results(poll, None, {})
    found = await execute(session, COUNT_ANSWERS, poll_id=poll.id)
    picked = {(row.question_id, row.option_id): row.picked_count for row in found}
    counts = {
        question["id"]: {option["id"]: picked.get((question["id"], option["id"]), 0) for option in question["options"]}
        for question in poll.questions
    }
    return Results(poll, response_count, counts)


async def read_results(session: AsyncSession, actor: Actor, poll_id: UUID) -> Results:
    """The results for a member.

    Raises:
        NotFoundError: no such poll, or none for this member.
        ResultsHiddenError: its visibility does not let this member read them now.
    """
    poll = await access_own_poll(session, actor, poll_id)
    if not await may_read_results(session, actor, poll):
        raise ResultsHiddenError(visibility=poll.results_visibility.value)
    return await count_results(session, poll)


async def may_read_results(session: AsyncSession, actor: Actor, poll: Poll) -> bool:
    """Whether a member to whom the poll is addressed may see what was answered."""
    if poll.state is PollState.results_published:
        return True
    if poll.state is not PollState.open or poll.results_visibility is not ResultsVisibility.after_response:
        return False
    return (await read_own_response(session, actor, poll.id)).responded


async def read_branch_results(session: AsyncSession, actor: Actor, poll_id: UUID) -> Results:
    """The results for those who run the poll: counts, of nobody in particular.

    Raises:
        NotFoundError, ForbiddenError: as `access_poll`.
    """
    poll, _ = await access_poll(session, actor, poll_id, Permission.polls_read)
    return await count_results(session, poll)
