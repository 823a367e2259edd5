"""Working days in Asia/Almaty: the holidays of the law, and the exceptions that head office enters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final
from uuid import UUID

from holidays import country_holidays
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from models.base import new_id
from models.branches import Branch
from models.calendar import CalendarDay
from services import audit
from services.actors import Actor, authorise
from services.errors import InvalidError, StaleVersionError
from services.permissions import Permission

# Fixed, not by name: the country has one offset since 2024 and the zone data of older systems still says +6.
ALMATY: Final = timezone(timedelta(hours=5), "Asia/Almaty")
ONE_DAY: Final = timedelta(days=1)
SATURDAY: Final = 5
FIRST_YEAR, LAST_YEAR = 2020, 2100


class UnknownYearError(InvalidError):
    """The calendar covers 2020 to 2100."""

    code = "unknown_year"


def business_date(moment: datetime) -> date:
    """The day in Kazakhstan at `moment`."""
    return moment.astimezone(ALMATY).date()


@lru_cache(maxsize=128)
def law_of_year(year: int) -> Mapping[date, bool]:
    """What the law makes of single days, where it differs from the week: False a holiday, True a worked weekend.

    Source: the package `holidays` (KZ): a holiday on a weekend moves to the next working day, except 7 January and the
    first day of Qurban ait; swaps that the government has announced.
    """
    calendar = country_holidays("KZ", years=(year, year + 1))  # a swap may be listed with the year after
    days = dict.fromkeys(calendar, False) | dict.fromkeys(calendar.weekend_workdays, True)
    return {day: working for day, working in days.items() if day.year == year}


def works_by_law(day: date) -> bool:
    """Whether `day` is a working day before head office's exceptions."""
    return law_of_year(day.year).get(day, day.weekday() < SATURDAY)


@dataclass(frozen=True)
class WorkingCalendar:
    """Counts working days. `exceptions` say of single days whether they are worked."""

    exceptions: Mapping[date, bool] = field(default_factory=dict)

    def is_working(self, day: date) -> bool:
        """Whether `day` counts."""
        exception = self.exceptions.get(day)
        return works_by_law(day) if exception is None else exception

    def working_days_after(self, day: date) -> Iterator[date]:
        """The working days after `day`, without end."""
        while True:
            day += ONE_DAY
            if self.is_working(day):
                yield day

    def add_working_days(self, received_on: date, count: int) -> date:
        """The last day of a time limit of `count` working days.

        Day 1 is the next working day after the day of receipt; what arrives on a day off counts as received on the next
        working day. Source: DOMAIN.md, section 4.
        """
        day = received_on if self.is_working(received_on) else next(self.working_days_after(received_on))
        following = self.working_days_after(day)
        for _ in range(count):
            day = next(following)
        return day

    def working_days_between(self, after: date, until: date) -> int:
        """How many working days lie in (after, until]; 0 if `until` is not later."""
        return sum(self.is_working(after + ONE_DAY * number) for number in range(1, (until - after).days + 1))


async def load_calendar(session: AsyncSession) -> WorkingCalendar:
    """The calendar with all exceptions: a few rows a year."""
    rows = await session.exec(select(CalendarDay))
    return WorkingCalendar({day.falls_on: day.working for day in rows})


async def authorise_head_office(session: AsyncSession, actor: Actor, permission: Permission) -> UUID:
    """Let pass who holds `permission` in the whole tree; the id of its root.

    Raises:
        NotFoundError, ForbiddenError, SecondFactorRequiredError: as `services.actors.authorise`.
    """
    root = (await session.exec(select(Branch).where(col(Branch.parent_id).is_(None)))).one()
    authorise(actor, root.path, permission)
    return root.id


def check_year(day: date) -> None:
    """Refuse days that no deadline will ever touch.

    Raises:
        UnknownYearError: outside 2020 to 2100.
    """
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise UnknownYearError(first=FIRST_YEAR, last=LAST_YEAR)


async def read_day(session: AsyncSession, actor: Actor, day: date) -> CalendarDay:
    """The exception of a day, or an unsaved row of version 0 with what the law says.

    Raises:
        UnknownYearError: outside 2020 to 2100.
    """
    await authorise_head_office(session, actor, Permission.calendar_write)
    check_year(day)
    found = (await session.exec(select(CalendarDay).where(col(CalendarDay.falls_on) == day))).one_or_none()
    return found or CalendarDay(falls_on=day, working=works_by_law(day), note="", version=0)


async def set_day(
    session: AsyncSession, actor: Actor, day: date, *, working: bool, note: str, version: int, now: datetime
) -> CalendarDay:
    """Say whether a day is worked, whatever the law says. Deadlines already set stay.

    Raises:
        StaleVersionError: somebody changed the day since `version` (0: had no exception).
        UnknownYearError: outside 2020 to 2100.
    """
    root_id = await authorise_head_office(session, actor, Permission.calendar_write)
    if (await read_day(session, actor, day)).version != version:
        raise StaleVersionError
    new = insert(CalendarDay).values(id=new_id(), falls_on=day, working=working, note=note)
    upsert = new.on_conflict_do_update(
        index_elements=["falls_on"],
        set_={"working": working, "note": note, "version": version + 1},
        where=col(CalendarDay.version) == version,
    ).returning(CalendarDay)
    saved: CalendarDay | None = (
        (await session.exec(upsert, execution_options={"populate_existing": True})).scalars().one_or_none()
    )
    if saved is None:
        raise StaleVersionError
    audit.record(
        session, actor, "calendar:set", object_kind="calendar_day", object_id=saved.id, branch_id=root_id, now=now
    )
    return saved
