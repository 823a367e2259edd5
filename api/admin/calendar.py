"""The calendar of working days, for head office."""

from datetime import date

from fastapi import APIRouter, Response

from api.deps import CurrentAdmin, ExpectedVersion, Now, Session
from api.openapi import admin_operation
from api.types import Day, Flag, In, Line, Out
from models.calendar import CalendarDay
from services import calendar
from services.permissions import Permission

router = APIRouter(prefix="/v1/admin/calendar", tags=["admin"])


class CalendarDayIn(In):
    """Whether the day is worked, and by which decision."""

    working: Flag
    note: Line


class CalendarDayOut(Out):
    """A day; `exception` says that head office decided it, else it follows the law."""

    date: date
    working: bool
    exception: bool
    note: str


def read_out(day: CalendarDay, response: Response) -> CalendarDayOut:
    """The day, with its version as ETag; "0" for a day without an exception."""
    response.headers["etag"] = f'"{day.version}"'
    return CalendarDayOut(date=day.falls_on, working=day.working, exception=day.version > 0, note=day.note)


@router.get(
    "/{day}", summary="Is this a working day", **admin_operation(Permission.calendar_write, calendar.UnknownYearError)
)
async def get_calendar_day(day: Day, session: Session, actor: CurrentAdmin, response: Response) -> CalendarDayOut:
    """A day as deadlines count it."""
    return read_out(await calendar.read_day(session, actor, day), response)


@router.put(
    "/{day}",
    summary="Make a day worked or off",
    **admin_operation(Permission.calendar_write, calendar.UnknownYearError),
)
async def put_calendar_day(
    day: Day,
    body: CalendarDayIn,
    session: Session,
    actor: CurrentAdmin,
    version: ExpectedVersion,
    now: Now,
    response: Response,
) -> CalendarDayOut:
    """Overrule the law for one day, e.g. when the government swaps days. Deadlines already set stay as they are."""
    saved = await calendar.set_day(session, actor, day, working=body.working, note=body.note, version=version, now=now)
    return read_out(saved, response)
