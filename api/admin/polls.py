"""Polls, for those who run them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from api.deps import CurrentAdmin, CurrentKeys, ExpectedVersion, Now, Session
from api.openapi import admin_operation
from api.polls import QuestionsIn, ResultsOut
from api.types import (
    In,
    Moment,
    Out,
    Page,
    PageParams,
    Translated,
    TranslatedParagraph,
    decode_cursor,
    encode_cursor,
)
from models.polls import Poll, PollKind, PollState, ResultsVisibility
from services.permissions import Permission
from services.polls import life, reading, results, writing
from services.polls.questions import InvalidQuestionsError

router = APIRouter(prefix="/v1/admin/polls", tags=["admin"])
REFUSED_CONTENT = (life.InvalidPeriodError, InvalidQuestionsError)
CURSOR = "branch_polls"


class PollIn(In):
    """A draft for the members of a branch and of all below it. Without `closes_at` somebody closes it."""

    branch_id: UUID
    title: Translated
    description: TranslatedParagraph | None = None
    questions: QuestionsIn
    results_visibility: ResultsVisibility = ResultsVisibility.after_close
    closes_at: Moment | None = None


class PollEdit(In):
    """What changes; what is left out stays."""

    title: Translated | None = None
    description: TranslatedParagraph | None = None
    questions: QuestionsIn | None = None
    results_visibility: ResultsVisibility | None = None
    closes_at: Moment | None = None

    def changes(self) -> dict[str, Any]:
        """New values by column. Only description and closing time can be taken away by null."""
        kept = {name for name in self.model_fields_set if name in NULLABLE or getattr(self, name) is not None}
        return {name: stored(getattr(self, name)) for name in sorted(kept)}


class PublicationIn(In):
    """When to open: now, if no time is given."""

    opens_at: Moment | None = None


class CancellationIn(In):
    """Why, for the members to read."""

    reason: TranslatedParagraph


class BranchPollOut(Out):
    """A poll with its texts in all languages."""

    id: UUID
    branch_id: UUID
    kind: PollKind
    state: PollState
    title: dict[str, str]
    description: dict[str, str] | None
    questions: list[dict[str, Any]]
    results_visibility: ResultsVisibility
    opens_at: datetime | None
    closes_at: datetime | None
    opened_at: datetime | None
    closed_at: datetime | None
    results_published_at: datetime | None
    cancel_reason: dict[str, str] | None
    duplicate_of_id: UUID | None
    created_at: datetime
    version: int


class PollFilter(PageParams):
    """Only the polls of one branch, or in one state."""

    branch_id: UUID | None = None
    state: PollState | None = None


NULLABLE = frozenset({"description", "closes_at"})


def stored(value: Any) -> Any:
    """A field as the database keeps it."""
    if isinstance(value, list):
        return [stored(item) for item in value]
    return value.model_dump(exclude_none=True) if isinstance(value, In) else value


def read_out(poll: Poll, response: Response) -> BranchPollOut:
    """The poll, with its version as ETag."""
    response.headers["etag"] = f'"{poll.version}"'
    return BranchPollOut.model_validate(poll)


@router.get("", summary="List polls of branches", **admin_operation(Permission.polls_read))
async def list_branch_polls(
    session: Session, actor: CurrentAdmin, keys: CurrentKeys, params: Annotated[PollFilter, Query()]
) -> Page[BranchPollOut]:
    """The polls of the caller's subtrees, the newest first."""
    position = decode_cursor(keys.hash_key, CURSOR, params.cursor)
    found = await reading.list_branch_polls(
        session,
        actor,
        branch_id=params.branch_id,
        state=params.state,
        before=UUID(position[0]) if position else None,
        limit=params.limit,
    )
    items = [BranchPollOut.model_validate(poll) for poll in found[: params.limit]]
    more = len(found) > params.limit
    return Page(items=items, next_cursor=encode_cursor(keys.hash_key, CURSOR, [items[-1].id]) if more else None)


@router.post(
    "",
    summary="Draft a poll",
    status_code=status.HTTP_201_CREATED,
    **admin_operation(Permission.polls_write, *REFUSED_CONTENT),
)
async def create_poll(
    body: PollIn, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> BranchPollOut:
    """Draft a named poll; nobody sees it before it is published."""
    poll = await writing.create_poll(
        session,
        actor,
        branch_id=body.branch_id,
        kind=PollKind.named,
        title=body.title.plain(),
        description=stored(body.description),
        questions=stored(body.questions),
        results_visibility=body.results_visibility,
        closes_at=body.closes_at,
        now=now,
    )
    return read_out(poll, response)


@router.get("/{poll_id}", summary="Read a poll of a branch", **admin_operation(Permission.polls_read))
async def get_branch_poll(poll_id: UUID, session: Session, actor: CurrentAdmin, response: Response) -> BranchPollOut:
    """One poll of the caller's subtrees."""
    poll, _ = await reading.access_poll(session, actor, poll_id, Permission.polls_read)
    return read_out(poll, response)


@router.patch(
    "/{poll_id}",
    summary="Edit a poll",
    **admin_operation(Permission.polls_write, life.PollStateError, writing.PollFrozenError, *REFUSED_CONTENT),
)
async def update_poll(
    poll_id: UUID,
    body: PollEdit,
    session: Session,
    actor: CurrentAdmin,
    version: ExpectedVersion,
    now: Now,
    response: Response,
) -> BranchPollOut:
    """Change a poll until the first response; then it is frozen. If-Match carries the ETag of the read. Once it is
    scheduled or open this needs polls:publish too."""
    poll = await writing.edit_poll(session, actor, poll_id, changes=body.changes(), version=version, now=now)
    return read_out(poll, response)


@router.post(
    "/{poll_id}/publish",
    summary="Publish a poll",
    **admin_operation(Permission.polls_publish, life.PollStateError, life.InvalidPeriodError),
)
async def publish_poll(
    poll_id: UUID, body: PublicationIn, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> BranchPollOut:
    """Open a draft now, or schedule its opening. Opening tells the members by push."""
    return read_out(await life.publish_poll(session, actor, poll_id, opens_at=body.opens_at, now=now), response)


@router.post(
    "/{poll_id}/close", summary="Close a poll", **admin_operation(Permission.polls_publish, life.PollStateError)
)
async def close_poll(
    poll_id: UUID, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> BranchPollOut:
    """Close an open poll before its time; its results are published unless they are for admins only."""
    return read_out(await life.close_poll(session, actor, poll_id, now=now), response)


@router.post(
    "/{poll_id}/cancel", summary="Cancel a poll", **admin_operation(Permission.polls_publish, life.PollStateError)
)
async def cancel_poll(
    poll_id: UUID, body: CancellationIn, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> BranchPollOut:
    """Call off a scheduled or open poll, with a reason that members read."""
    return read_out(await life.cancel_poll(session, actor, poll_id, reason=body.reason.plain(), now=now), response)


@router.post(
    "/{poll_id}/duplicate",
    summary="Duplicate a poll as draft",
    status_code=status.HTTP_201_CREATED,
    **admin_operation(Permission.polls_write),
)
async def duplicate_poll(
    poll_id: UUID, session: Session, actor: CurrentAdmin, now: Now, response: Response
) -> BranchPollOut:
    """A new draft that asks the same in the same branch."""
    return read_out(await writing.duplicate_poll(session, actor, poll_id, now=now), response)


@router.get("/{poll_id}/results", summary="Read results of a branch's poll", **admin_operation(Permission.polls_read))
async def get_branch_results(poll_id: UUID, session: Session, actor: CurrentAdmin) -> ResultsOut:
    """The counts, at any time."""
    return ResultsOut.of(await results.read_branch_results(session, actor, poll_id))
