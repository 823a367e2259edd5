"""Polls in the state a test starts from."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import new_id, utc_now
from models.branches import Branch
from models.members import Member, Membership
from models.polls import Participation, Poll, PollKind, PollResponse, PollState, ResultsVisibility
from tests.factories.world import LONG_AGO, Person

ANSWER: dict[str, Any] = {"answers": [{"kind": "single", "question_id": "q1", "option_id": "o2"}]}
OTHER_ANSWER: dict[str, Any] = {"answers": [{"kind": "single", "question_id": "q1", "option_id": "o1"}]}


def make_questions() -> list[dict[str, Any]]:
    """One question with two options."""
    return [
        {
            "kind": "single",
            "id": "q1",
            "text": {"kk": "Жол жөндеу керек пе?", "ru": "Нужен ли ремонт дороги?"},
            "required": True,
            "options": [
                {"id": "o1", "text": {"kk": "Иә", "ru": "Да"}},
                {"id": "o2", "text": {"kk": "Жоқ", "ru": "Нет"}},
            ],
        }
    ]


async def make_poll(
    session: AsyncSession,
    branch: Branch,
    *,
    state: PollState = PollState.open,
    visibility: ResultsVisibility = ResultsVisibility.after_close,
    opens_at: datetime | None = None,
    closes_at: datetime | None = None,
) -> Poll:
    """A poll of a branch; opened an hour ago, as if by publishing, unless it is a draft or scheduled."""
    opened_at = None if state in (PollState.draft, PollState.scheduled) else utc_now() - timedelta(hours=1)
    poll = Poll(
        branch_id=branch.id,
        kind=PollKind.named,
        state=state,
        title={"kk": "Жол", "ru": "Дорога"},
        questions=make_questions(),
        results_visibility=visibility,
        opens_at=opens_at or opened_at,
        closes_at=closes_at,
        opened_at=opened_at,
        cancel_reason={"kk": "Қате", "ru": "Ошибка"} if state is PollState.cancelled else None,
        created_at=LONG_AGO,
    )
    session.add(poll)
    await session.commit()
    return poll


async def make_members(session: AsyncSession, branch: Branch, count: int) -> list[UUID]:
    """Members without accounts."""
    members = [Member(id=new_id(), admitted_on=LONG_AGO.date(), created_at=LONG_AGO) for _ in range(count)]
    session.add_all(members)
    await session.flush()
    session.add_all(Membership(member_id=m.id, branch_id=branch.id, started_on=LONG_AGO.date()) for m in members)
    await session.commit()
    return [member.id for member in members]


async def respond(session: AsyncSession, poll: Poll, *people: Person | UUID, option: str = "o1") -> None:
    """Let members have answered."""
    for person in people:
        member_id = person.member_id if isinstance(person, Person) else person
        session.add(Participation(poll_id=poll.id, member_id=member_id))
        await session.flush()
        session.add(PollResponse(poll_id=poll.id, member_id=member_id, answers={"q1": option}, responded_at=LONG_AGO))
    await session.commit()
