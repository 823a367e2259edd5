"""By when a petition must be answered. Source: DOMAIN.md, sections 4 and 5."""

from datetime import date, datetime
from typing import Final

from models.petitions import OPEN_STATES, Petition, PetitionState
from services.calendar import WorkingCalendar, business_date

ANSWER_DAYS: Final = 15
"""Working days from receipt to the answer."""


def first_due(calendar: WorkingCalendar, received_at: datetime) -> date:
    """The last day for the answer, as of receipt."""
    return calendar.add_working_days(business_date(received_at), ANSWER_DAYS)


def resumed_due(calendar: WorkingCalendar, due_on: date, *, paused_on: date, resumed_on: date) -> date:
    """The last day for the answer after a pause: the clock stands on the working days after the one of the question, up
    to and with the one of the reply."""
    return calendar.add_working_days(due_on, calendar.working_days_between(paused_on, resumed_on))


def is_overdue(petition: Petition, today: date) -> bool:
    """Whether the answer is late. While the applicant is asked nothing is."""
    waiting = petition.state is PetitionState.awaiting_applicant
    return petition.state in OPEN_STATES and not waiting and petition.due_on < today
