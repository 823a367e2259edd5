"""Time limits of petitions: 15 working days, and pauses."""

from datetime import UTC, date, datetime

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from api.runtime import Runtime
from models.base import new_id
from models.petitions import Petition, PetitionKind, PetitionState
from models.roles import RoleName
from services.actors import Actor, Grant
from services.calendar import WorkingCalendar
from services.permissions import ROLE_PERMISSIONS
from services.petitions import desk
from services.petitions.applicant import send_message
from services.petitions.deadlines import first_due, is_overdue, resumed_due
from services.petitions.intake import Filing, file_petition
from services.petitions.steps import Words
from tests.factories.world import World, give_role

LAW = WorkingCalendar()


@pytest.mark.parametrize(
    ("received_at", "due_on"),
    [
        (datetime(2026, 3, 10, 5, 0, tzinfo=UTC), date(2026, 4, 3)),
        (datetime(2026, 3, 9, 20, 0, tzinfo=UTC), date(2026, 4, 3)),  # 01:00 on 10 March in Almaty
        (datetime(2026, 5, 6, 18, 59, tzinfo=UTC), date(2026, 6, 1)),
    ],
)
def test_answer_is_due_within_15_working_days(received_at: datetime, due_on: date) -> None:
    assert first_due(LAW, received_at) == due_on


@pytest.mark.parametrize(
    ("paused_on", "resumed_on", "due_on"),
    [
        (date(2026, 3, 12), date(2026, 3, 12), date(2026, 4, 3)),
        (date(2026, 3, 12), date(2026, 3, 13), date(2026, 4, 6)),
        (date(2026, 3, 13), date(2026, 3, 15), date(2026, 4, 3)),  # a weekend costs nobody anything
        (date(2026, 3, 20), date(2026, 3, 27), date(2026, 4, 7)),
    ],
)
def test_pause_moves_the_end_by_its_working_days(paused_on: date, resumed_on: date, due_on: date) -> None:
    assert resumed_due(LAW, date(2026, 4, 3), paused_on=paused_on, resumed_on=resumed_on) == due_on


@pytest.mark.parametrize(
    ("state", "today", "late"),
    [
        (PetitionState.in_progress, date(2026, 4, 3), False),
        (PetitionState.in_progress, date(2026, 4, 4), True),
        (PetitionState.awaiting_applicant, date(2026, 4, 4), False),
        (PetitionState.decided, date(2026, 4, 4), False),
    ],
)
def test_late_is_what_somebody_still_owes(state: PetitionState, today: date, late: bool) -> None:
    assert is_overdue(Petition(state=state, due_on=date(2026, 4, 3)), today) is late


def at(day: int) -> datetime:
    """Noon in Almaty, in March 2026."""
    return datetime(2026, 3, day, 7, 0, tzinfo=UTC)


async def test_question_stops_the_clock_until_the_reply(session: AsyncSession, world: World, runtime: Runtime) -> None:
    branch = world.branches["kz.at.maqat"]
    role = RoleName.petition_desk
    staff = Actor(
        world.people["Marat"].account_id,
        grants=(Grant(branch.id, branch.path, ROLE_PERMISSIONS[role], role),),
        raised=True,
    )
    aigul = Actor(world.people["Aigul"].account_id)
    filing = Filing(new_id(), PetitionKind.notice, "roads", "Жол", branch_id=branch.id)
    petition = await file_petition(session, runtime.keys, aigul, filing, now=at(10))
    assert (petition.due_on, petition.number) == (date(2026, 4, 3), "AT-2026-000001")

    async def act(act: desk.Act, day: int) -> None:
        version = petition.version
        await desk.handle_petition(session, runtime.keys, staff, petition.number, act, version=version, now=at(day))

    await give_role(session, staff.require_account(), branch, role)
    await act(desk.Register(), 10)
    await act(desk.Assign(account_id=staff.require_account()), 11)
    await act(desk.Ask(words=Words(public_text="Қай жол?")), 12)
    assert (petition.paused_on, petition.due_on) == (date(2026, 3, 12), date(2026, 4, 3))
    await send_message(session, runtime.keys, aigul, petition.number, text="Абай", now=at(17))
    assert (petition.state, petition.paused_on) == (PetitionState.in_progress, None)
    assert petition.due_on == date(2026, 4, 8)
