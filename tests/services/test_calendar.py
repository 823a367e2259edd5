"""Working days: the vectors of DOMAIN.md 4, the rule of moved holidays, and head office's exceptions."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.calendar import WorkingCalendar, business_date

LAW = WorkingCalendar()
OFF_2026 = "01-01 01-02 01-07 03-09 03-21 03-22 03-23 03-24 03-25 05-01 05-07 05-09 05-11 05-27 07-06 10-25 10-26 12-16"


def test_days_off_of_2026_are_those_of_the_decree_and_weekends() -> None:
    year = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    off = {day for day in year if not LAW.is_working(day)}
    assert off == {date.fromisoformat(f"2026-{day}") for day in OFF_2026.split()} | {
        day for day in year if day.weekday() >= 5
    }


@pytest.mark.parametrize(
    ("received", "count", "due"),
    [
        (date(2026, 3, 10), 3, date(2026, 3, 13)),
        (date(2026, 3, 10), 15, date(2026, 4, 3)),
        (date(2026, 5, 6), 3, date(2026, 5, 13)),
        (date(2026, 5, 6), 15, date(2026, 6, 1)),
        (date(2026, 3, 14), 1, date(2026, 3, 17)),  # a Saturday counts as the Monday after it
        (date(2026, 3, 20), 1, date(2026, 3, 26)),
        (date(2025, 12, 31), 1, date(2026, 1, 5)),
        (date(2026, 3, 14), 0, date(2026, 3, 16)),
    ],
)
def test_time_limit_ends_on(received: date, count: int, due: date) -> None:
    assert LAW.add_working_days(received, count) == due


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2024, 1, 8), True),  # 7 January was a Sunday, and does not move
        (date(2024, 6, 17), True),  # nor does the first day of Qurban ait, a Sunday
        (date(2024, 7, 8), False),  # 6 July was a Saturday, and does
        (date(2024, 5, 4), True),  # a Saturday worked for 8 May
        (date(2024, 5, 8), False),
        (date(2013, 12, 28), True),  # a swap that is listed with the year after
    ],
)
def test_holidays_on_weekends_move_except_two_and_swaps_are_known(day: date, working: bool) -> None:
    assert LAW.is_working(day) is working


@pytest.mark.parametrize(
    ("after", "until", "days"),
    [
        (date(2026, 3, 20), date(2026, 3, 27), 2),
        (date(2026, 3, 10), date(2026, 4, 3), 15),
        (date(2026, 3, 10), date(2026, 3, 10), 0),
        (date(2026, 3, 13), date(2026, 3, 10), 0),
    ],
)
def test_working_days_between(after: date, until: date, days: int) -> None:
    assert LAW.working_days_between(after, until) == days


def test_exceptions_overrule_the_law_both_ways() -> None:
    swapped = WorkingCalendar({date(2026, 3, 14): True, date(2026, 3, 12): False})
    assert swapped.add_working_days(date(2026, 3, 10), 3) == date(2026, 3, 14)


@pytest.mark.parametrize(("hour", "day"), [(18, date(2026, 3, 10)), (19, date(2026, 3, 11))])
def test_the_day_changes_at_midnight_in_almaty(hour: int, day: date) -> None:
    assert business_date(datetime(2026, 3, 10, hour, 59, 59, tzinfo=UTC)) == day
