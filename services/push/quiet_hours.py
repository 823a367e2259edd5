"""Hours in which phones are left alone, in the one zone of the country."""

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from models.push import Category

ALMATY: Final = ZoneInfo("Asia/Almaty")

ALWAYS: Final = frozenset({Category.petitions})
"""Answers to what the person has asked; they may come at any hour."""

Window = tuple[time, time]


def parse_window(text: str) -> Window:
    """From "22:00-08:00", which runs over midnight.

    Raises:
        ValueError: these are not two times of a day.
    """
    start, _, end = text.partition("-")
    return time.fromisoformat(start), time.fromisoformat(end)


def quiet_until(window: Window | None, category: Category, now: datetime) -> datetime | None:
    """The moment when `category` may be sent again, or None if it may be sent now."""
    if window is None or category in ALWAYS:
        return None
    start, end = window
    local = now.astimezone(ALMATY)
    clock = local.time()
    quiet = start <= clock < end if start <= end else clock >= start or clock < end
    if not quiet:
        return None
    day = local.date() + timedelta(days=1 if clock >= end else 0)
    return datetime.combine(day, end, ALMATY)
