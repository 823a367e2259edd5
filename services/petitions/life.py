"""The one table of a petition's life: who may do what in which state, and where it leads. Source: DOMAIN.md, section 5.

Pure: no session, no clock. Everything that changes a state asks `next_state`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.petitions import PetitionAction as Action
from models.petitions import PetitionState as State
from services.errors import ConflictError, ForbiddenError


class Part(StrEnum):
    """What somebody is to a petition; one may be several."""

    applicant = "applicant"
    desk = "desk"
    """Handles petitions in its branch."""
    decider = "decider"
    """Decides petitions in its branch."""
    assignee = "assignee"
    system = "system"


class WrongStateError(ConflictError):
    """The act does not fit the state; `allowed` lists those that do."""

    code = "petition_state"


class NotYoursError(ForbiddenError):
    """The act fits the state, and is somebody else's to do."""

    code = "petition_part"


@dataclass(frozen=True)
class Rule:
    """Who may do it, and the state after it."""

    parts: frozenset[Part]
    target: State


UNDECIDED: Final = (
    State.received,
    State.registered,
    State.assigned,
    State.in_progress,
    State.awaiting_applicant,
    State.forwarded,
)
TAKEN_UP: Final = UNDECIDED[1:]
WORKERS: Final = (Part.desk, Part.assignee)
STAYS: Final = None

ROWS: Final[tuple[tuple[Action, Iterable[State], State | None, Iterable[Part]], ...]] = (
    (Action.register, (State.received,), State.registered, (Part.desk,)),
    (Action.reject, (State.received, State.registered), State.rejected, (Part.desk,)),
    (Action.assign, (State.registered, State.assigned), State.assigned, (Part.desk,)),
    (Action.assign, (State.in_progress,), STAYS, (Part.desk,)),
    (Action.start, (State.assigned,), State.in_progress, (Part.desk, Part.assignee, Part.decider)),
    (Action.ask, (State.in_progress,), State.awaiting_applicant, WORKERS),
    (Action.reply, (State.awaiting_applicant,), State.in_progress, (Part.applicant,)),
    (Action.message, (*UNDECIDED[:4], State.forwarded), STAYS, (Part.applicant,)),
    (Action.forward, (State.in_progress,), State.forwarded, WORKERS),
    (Action.record_outside_answer, (State.forwarded,), State.in_progress, WORKERS),
    (Action.propose, (State.in_progress,), STAYS, (Part.assignee,)),
    (Action.hand_back, (State.assigned, State.in_progress), STAYS, (Part.assignee,)),
    (Action.extend, TAKEN_UP, STAYS, (Part.desk,)),
    (Action.transfer, UNDECIDED, STAYS, (Part.desk,)),
    (Action.decide, (State.in_progress,), State.decided, (Part.decider,)),
    (Action.close, (State.decided,), State.closed, (Part.desk, Part.system)),
    (Action.request_reopening, (State.decided, State.closed), State.reopen_requested, (Part.applicant,)),
    (Action.accept_reopening, (State.reopen_requested,), State.in_progress, (Part.decider,)),
    (Action.refuse_reopening, (State.reopen_requested,), State.closed, (Part.decider,)),
    (Action.mark_duplicate, UNDECIDED, State.duplicate, (Part.desk,)),
    (Action.withdraw, UNDECIDED, State.withdrawn, (Part.applicant,)),
    (Action.note, tuple(State), STAYS, WORKERS),
)
TABLE: Final[Mapping[tuple[State, Action], Rule]] = {
    (source, action): Rule(frozenset(parts), target or source)
    for action, sources, target, parts in ROWS
    for source in sources
}

WORK: Final = frozenset({Action.ask, Action.forward, Action.propose, Action.decide})
"""Acts that are the work itself: done to a petition that is only assigned, they begin it."""

INTERNAL: Final = frozenset({Action.propose, Action.hand_back, Action.note})
"""Steps that the applicant does not see."""


def next_state(state: State, action: Action, parts: frozenset[Part]) -> State:
    """The state after an act.

    Raises:
        WrongStateError: the act does not fit the state.
        NotYoursError: nobody with these parts may do it.
    """
    rule = TABLE.get((state, action))
    if rule is None:
        allowed = sorted(name for source, name in TABLE if source is state)
        raise WrongStateError(state=state.value, action=action.value, allowed=[name.value for name in allowed])
    if rule.parts.isdisjoint(parts):
        raise NotYoursError(action=action.value)
    return rule.target


def steps_to(state: State, action: Action) -> tuple[Action, ...]:
    """The steps an act consists of: work begins with the assignee's first act."""
    return (Action.start, action) if state is State.assigned and action in WORK else (action,)
