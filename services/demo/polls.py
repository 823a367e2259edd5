"""12 polls in every state, with the answers of those who took part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from models.members import MemberState
from models.polls import ENDED, UNOPENED, Participation, Poll, PollKind, PollResponse, PollState, ResultsVisibility
from services.demo.fixed import chance, days_ago, demo_id, moment
from services.demo.membership import uses_app
from services.demo.organisation import Organisation
from services.demo.people import INTRODUCED, Person
from services.demo.polls_texts import (
    APP,
    LIGHT,
    MEETING,
    PARK,
    PRIORITIES,
    RETURN,
    SCHOOL,
    TRANSPORT,
    WATER,
    Ask,
)
from services.demo.texts import both

FAR_OPENING: Final = datetime(2030, 1, 10, 5, tzinfo=UTC)
FAR_CLOSING: Final = datetime(2030, 12, 30, 12, tzinfo=UTC)
"""Years away, so that what is open stays open and what waits goes on waiting."""

LASTED: Final = timedelta(days=14)
MOVED: Final = both("Сұрақтар нақтыланып, жаңа сауалнама ашылады.", "Вопросы уточняются, откроем новый опрос.")


@dataclass(frozen=True)
class Plan:
    """A poll of the demo: where, in which state, opened how many days ago, answered by which share."""

    path: str
    ask: Ask
    state: PollState
    opened: int = 0
    answered: float = 0.0
    visibility: ResultsVisibility = ResultsVisibility.after_close
    closes: bool = False


PLANS: Final = (
    Plan("kz", PRIORITIES, PollState.open, 3, 0.2, ResultsVisibility.after_response, closes=True),
    Plan("kz.at", TRANSPORT, PollState.open, 5, 0.25),
    Plan("kz.at.maqat", WATER, PollState.open, 1, 0.3, ResultsVisibility.after_response, closes=True),
    Plan("kz.at.atyrau", PARK, PollState.open, 6, 0.15),
    Plan("kz.at.maqat.p1", MEETING, PollState.draft),
    Plan("kz.at.inder", SCHOOL, PollState.draft),
    Plan("kz.at", APP, PollState.scheduled, closes=True),
    Plan("kz", APP, PollState.results_published, 120, 0.35),
    Plan("kz.at.zhylyoi", LIGHT, PollState.results_published, 60, 0.5),
    Plan("kz.at.maqat", LIGHT, PollState.results_published, 90, 0.6),
    Plan("kz.at", RETURN, PollState.closed, 40, 0.4, ResultsVisibility.admins_only),
    Plan("kz.at.maqat", SCHOOL, PollState.cancelled, 20, 0.05),
)


def make_polls(organisation: Organisation) -> list[Poll]:
    """The polls."""
    return [make_poll(organisation, number, plan) for number, plan in enumerate(PLANS, 1)]


def make_poll(organisation: Organisation, number: int, plan: Plan) -> Poll:
    """One poll, with the times that its state asks for."""
    return Poll(
        id=demo_id("poll", number),
        branch_id=organisation.branches[plan.path].id,
        kind=PollKind.named,
        state=plan.state,
        title=both(*plan.ask.title),
        description=both(*plan.ask.description),
        questions=[*questions(plan.ask)],
        results_visibility=plan.visibility,
        cancel_reason=MOVED if plan.state is PollState.cancelled else None,
        created_at=moment(days_ago(plan.opened + 2), hour=15),
        opens_at=opening(plan),
        opened_at=None if plan.state in UNOPENED else opening(plan),
        closes_at=closing(plan),
        closed_at=closing(plan) if plan.state in ENDED else None,
        results_published_at=closing(plan) if plan.state is PollState.results_published else None,
    )


def opening(plan: Plan) -> datetime | None:
    """When it opens, if that is known."""
    if plan.state is PollState.draft:
        return None
    return FAR_OPENING if plan.state is PollState.scheduled else moment(days_ago(plan.opened))


def closing(plan: Plan) -> datetime | None:
    """When it closes, if that is known."""
    if plan.state in ENDED:
        return moment(days_ago(plan.opened)) + LASTED
    return FAR_CLOSING if plan.closes else None


def questions(ask: Ask) -> Iterator[dict[str, Any]]:
    """The document of a poll's questions."""
    for number, question in enumerate(ask.questions, 1):
        options = [{"id": f"o{place}", "text": both(*option)} for place, option in enumerate(question.options, 1)]
        yield {
            "id": f"q{number}",
            "kind": "single",
            "text": both(*question.text),
            "required": True,
            "options": options,
        }


def make_responses(
    polls: Sequence[Poll], people: Sequence[Person], states: dict[int, MemberState]
) -> tuple[list[Participation], list[PollResponse]]:
    """Who took part and what they answered. The introduced people have answered nothing, so that one can try."""
    luck = chance("responses")
    voters = [
        p for p in people if states[p.number] is MemberState.active and uses_app(p) and p.number not in INTRODUCED
    ]
    responses = [
        response
        for poll, plan in zip(polls, PLANS, strict=True)
        for person in voters
        if is_below(person, plan.path) and luck.random() < plan.answered
        for response in (respond(luck, poll, person),)
    ]
    return [Participation(poll_id=r.poll_id, member_id=r.member_id) for r in responses], responses


def is_below(person: Person, path: str) -> bool:
    """Whether the person belongs to the branch at `path`."""
    return f"{person.branch.path}.".startswith(f"{path}.")


def respond(luck: Random, poll: Poll, person: Person) -> PollResponse:
    """One member's answers; the first options are liked a little more."""
    if poll.opened_at is None:
        raise ValueError("nobody answers what was never open")
    return PollResponse(
        poll_id=poll.id,
        member_id=person.member_id,
        answers={question["id"]: pick(luck, question["options"]) for question in poll.questions},
        responded_at=poll.opened_at + timedelta(minutes=luck.randrange(1, 12 * 60)),
    )


def pick(luck: Random, options: Sequence[dict[str, Any]]) -> str:
    """An option's id."""
    weights = [1 / place for place in range(1, len(options) + 1)]
    chosen: str = luck.choices(options, weights)[0]["id"]
    return chosen
