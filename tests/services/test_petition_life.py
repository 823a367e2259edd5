"""The table of a petition's life against DOMAIN.md 5, written down here once more: every state, act and part."""

from itertools import product

import pytest

from models.petitions import PetitionAction as Action
from models.petitions import PetitionState as State
from services.petitions.life import INTERNAL, NotYoursError, Part, WrongStateError, next_state, steps_to

DOMAIN = """
received            register               registered          desk
received            reject                 rejected            desk
received            message                received            applicant
received            transfer               received            desk
received            mark_duplicate         duplicate           desk
received            withdraw               withdrawn           applicant
registered          reject                 rejected            desk
registered          assign                 assigned            desk
registered          message                registered          applicant
registered          extend                 registered          desk
registered          transfer               registered          desk
registered          mark_duplicate         duplicate           desk
registered          withdraw               withdrawn           applicant
assigned            assign                 assigned            desk
assigned            start                  in_progress         desk assignee decider
assigned            message                assigned            applicant
assigned            hand_back              assigned            assignee
assigned            extend                 assigned            desk
assigned            transfer               assigned            desk
assigned            mark_duplicate         duplicate           desk
assigned            withdraw               withdrawn           applicant
in_progress         assign                 in_progress         desk
in_progress         ask                    awaiting_applicant  desk assignee
in_progress         message                in_progress         applicant
in_progress         forward                forwarded           desk assignee
in_progress         propose                in_progress         assignee
in_progress         hand_back              in_progress         assignee
in_progress         extend                 in_progress         desk
in_progress         transfer               in_progress         desk
in_progress         decide                 decided             decider
in_progress         mark_duplicate         duplicate           desk
in_progress         withdraw               withdrawn           applicant
awaiting_applicant  reply                  in_progress         applicant
awaiting_applicant  extend                 awaiting_applicant  desk
awaiting_applicant  transfer               awaiting_applicant  desk
awaiting_applicant  mark_duplicate         duplicate           desk
awaiting_applicant  withdraw               withdrawn           applicant
forwarded           record_outside_answer  in_progress         desk assignee
forwarded           message                forwarded           applicant
forwarded           extend                 forwarded           desk
forwarded           transfer               forwarded           desk
forwarded           mark_duplicate         duplicate           desk
forwarded           withdraw               withdrawn           applicant
decided             close                  closed              desk system
decided             request_reopening      reopen_requested    applicant
closed              request_reopening      reopen_requested    applicant
reopen_requested    accept_reopening       in_progress         decider
reopen_requested    refuse_reopening       closed              decider
"""
EXPECTED = {
    (State(state), Action(action), Part(part)): State(target)
    for state, action, target, *parts in (line.split() for line in DOMAIN.strip().splitlines())
    for part in parts
} | {(state, Action.note, part): state for state in State for part in (Part.desk, Part.assignee)}
FITTING = {(state, action) for state, action, _ in EXPECTED}


@pytest.mark.parametrize(("state", "action"), list(product(State, Action)))
def test_every_act_in_every_state_by_everybody(state: State, action: Action) -> None:
    for part in Part:
        target = EXPECTED.get((state, action, part))
        if target is not None:
            assert next_state(state, action, frozenset({part})) is target
        elif (state, action) in FITTING:
            with pytest.raises(NotYoursError):
                next_state(state, action, frozenset({part}))
        else:
            with pytest.raises(WrongStateError):
                next_state(state, action, frozenset(Part))


def test_ended_petitions_stay_ended() -> None:
    for state in (State.rejected, State.duplicate, State.withdrawn):
        assert {action for source, action in FITTING if source is state} == {Action.note}


def test_a_refusal_names_the_acts_that_fit() -> None:
    with pytest.raises(WrongStateError) as refusal:
        next_state(State.decided, Action.ask, frozenset(Part))
    assert refusal.value.data["allowed"] == ["close", "note", "request_reopening"]


@pytest.mark.parametrize("action", Action)
def test_work_begins_with_the_first_act_that_is_work(action: Action) -> None:
    begins = action in {Action.ask, Action.forward, Action.propose, Action.decide}
    assert steps_to(State.assigned, action) == ((Action.start, action) if begins else (action,))
    assert steps_to(State.in_progress, action) == (action,)


def test_the_applicant_sees_every_step_but_three() -> None:
    assert {action.value for action in INTERNAL} == {"note", "propose", "hand_back"}
