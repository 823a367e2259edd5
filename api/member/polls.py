"""Polls addressed to the member."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response, status
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api.conditional import IfNoneMatch, answer_json, etag_of
from api.deps import CurrentActor, CurrentKeys, Now, ReadLanguage, Session
from api.openapi import problems
from api.polls import ResultsOut, SingleAnswer, SingleQuestionOut, localised
from api.types import In, Key, Out, Page, PageParams, decode_cursor, encode_cursor, pick
from models.base import Language
from models.db import driver_connection
from models.polls import Poll, PollKind, PollState, ResultsVisibility
from services.errors import NotFoundError
from services.idempotency import IdempotencyMismatchError
from services.keyring import Keyring
from services.polls import reading, results, voting
from services.polls.questions import InvalidAnswersError

router = APIRouter(prefix="/v1/polls", tags=["member"])
CURSOR = "polls"


class PollListItem(Out):
    """An open poll; `responded` says whether the caller took part."""

    id: UUID
    kind: PollKind
    title: str
    opens_at: datetime
    closes_at: datetime | None
    responded: bool

    @classmethod
    def of(cls, poll: Poll, language: Language, *, responded: bool) -> "PollListItem":
        """A poll in the reader's language."""
        return cls(
            id=poll.id,
            kind=poll.kind,
            title=pick(poll.title, language),
            opens_at=poll.opens_at,
            closes_at=poll.closes_at,
            responded=responded,
        )


class PollOut(Out):
    """A poll with its questions; `cancel_reason` only of a cancelled one."""

    id: UUID
    branch_id: UUID
    kind: PollKind
    state: PollState
    title: str
    description: str | None
    opens_at: datetime
    closes_at: datetime | None
    results_visibility: ResultsVisibility
    cancel_reason: str | None
    questions: list[SingleQuestionOut]

    @classmethod
    def of(cls, poll: Poll, language: Language) -> "PollOut":
        """A poll in the reader's language."""
        return cls(
            id=poll.id,
            branch_id=poll.branch_id,
            kind=poll.kind,
            state=poll.state,
            title=pick(poll.title, language),
            description=pick(poll.description, language) if poll.description else None,
            opens_at=poll.opens_at,
            closes_at=poll.closes_at,
            results_visibility=poll.results_visibility,
            cancel_reason=pick(poll.cancel_reason, language) if poll.cancel_reason else None,
            questions=[localised(question, language) for question in poll.questions],
        )


def once_each(answers: list[SingleAnswer]) -> list[SingleAnswer]:
    """Refuse two answers to one question."""
    if len({answer.question_id for answer in answers}) < len(answers):
        raise PydanticCustomError("answered_twice", "a question is answered twice")
    return answers


class ResponseIn(In):
    """One answer a question; questions that are not required may be left out."""

    answers: Annotated[list[SingleAnswer], Field(max_length=50), AfterValidator(once_each)]

    def by_question(self) -> dict[str, str]:
        """The picked options by question."""
        return {answer.question_id: answer.option_id for answer in self.answers}


class ReceiptOut(Out):
    """That the response was recorded."""

    poll_id: UUID
    responded_at: datetime


class OwnResponseOut(Out):
    """Whether the caller took part; what they answered only of named polls."""

    poll_id: UUID
    responded: bool
    responded_at: datetime | None
    answers: list[SingleAnswer] | None


def key_hash(keys: Keyring, key: str | None) -> bytes | None:
    """What is kept of an Idempotency-Key."""
    return keys.keyed_hash(key, purpose="poll_response.key") if key is not None else None


@router.get(
    "",
    summary="List open polls",
    response_model=Page[PollListItem],
    responses={304: {}, **problems()},
)
async def list_polls(
    session: Session,
    actor: CurrentActor,
    keys: CurrentKeys,
    language: ReadLanguage,
    now: Now,
    params: Annotated[PageParams, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The open polls of the caller's branch and of all above it, the newest first."""
    position = decode_cursor(keys.hash_key, CURSOR, params.cursor)
    before = (datetime.fromisoformat(position[0]), UUID(position[1])) if position else None
    found = await reading.list_open_polls(session, actor, before=before, limit=params.limit, now=now)
    items = [PollListItem.of(poll, language, responded=responded) for poll, responded in found[: params.limit]]
    more = len(found) > params.limit
    last = [items[-1].opens_at.isoformat(), items[-1].id] if more else []
    page = Page[PollListItem](items=items, next_cursor=encode_cursor(keys.hash_key, CURSOR, last) if more else None)
    body = page.model_dump_json().encode()
    return answer_json(body, etag=etag_of(body), language=language, if_none_match=if_none_match)


@router.get(
    "/{poll_id}",
    summary="Read a poll",
    response_model=PollOut,
    responses={304: {}, **problems(NotFoundError)},
)
async def get_poll(
    poll_id: UUID, session: Session, actor: CurrentActor, language: ReadLanguage, if_none_match: IfNoneMatch = None
) -> Response:
    """A poll that was opened to the caller, whatever became of it."""
    poll = PollOut.of(await reading.access_own_poll(session, actor, poll_id), language)
    body = poll.model_dump_json().encode()
    return answer_json(body, etag=etag_of(body), language=language, if_none_match=if_none_match)


@router.put(
    "/{poll_id}/response",
    summary="Answer a poll",
    status_code=status.HTTP_201_CREATED,
    responses=problems(
        NotFoundError,
        voting.PollClosedError,
        voting.AlreadyAnsweredError,
        voting.PollChangingError,
        InvalidAnswersError,
        IdempotencyMismatchError,
    ),
)
async def put_response(
    poll_id: UUID,
    body: ResponseIn,
    session: Session,
    actor: CurrentActor,
    keys: CurrentKeys,
    now: Now,
    response: Response,
    idempotency_key: Annotated[Key | None, Header(description="Makes a retry harmless; a UUID is right.")] = None,
) -> ReceiptOut:
    """Record the caller's one response. The first stands: a second is refused with `already_answered`, but for a retry
    with the same Idempotency-Key and answers, which gets the first receipt again."""
    receipt = await voting.cast_response(
        await driver_connection(session),
        actor,
        poll_id=poll_id,
        answers=body.by_question(),
        key_hash=key_hash(keys, idempotency_key),
        now=now,
    )
    if receipt.repeated:
        response.headers["idempotent-replayed"] = "true"
    return ReceiptOut(poll_id=receipt.poll_id, responded_at=receipt.responded_at)


@router.get("/{poll_id}/response", summary="Did I answer", responses=problems(NotFoundError))
async def get_response(poll_id: UUID, session: Session, actor: CurrentActor) -> OwnResponseOut:
    """Whether the caller took part, and the own answers of a named poll."""
    own = await reading.read_own_response(session, actor, poll_id)
    answers = None
    if own.answers is not None:
        answers = [
            SingleAnswer(kind="single", question_id=question_id, option_id=option_id)
            for question_id, option_id in own.answers.items()
        ]
    return OwnResponseOut(poll_id=poll_id, responded=own.responded, responded_at=own.responded_at, answers=answers)


@router.get(
    "/{poll_id}/results", summary="Read a poll's results", responses=problems(NotFoundError, results.ResultsHiddenError)
)
async def get_results(poll_id: UUID, session: Session, actor: CurrentActor) -> ResultsOut:
    """The counts, as soon as the poll's visibility lets members read them."""
    return ResultsOut.of(await results.read_results(session, actor, poll_id))
