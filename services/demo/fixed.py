"""What is the same in every demo: the day its story is told on, chance, and ids."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final
from uuid import UUID, uuid5

DAY: Final = date(2026, 11, 16)
"""The last day of the demo's past; a Monday."""

NAMESPACE: Final = UUID("5f6b1a52-7f1e-4d0e-9a53-2e8c0a3d9b11")
SEED: Final = 20261116
ALMATY_OFFSET: Final = timedelta(hours=5)


def chance(subject: str) -> Random:
    """Chance of its own for each subject, so that a change in one moves nothing in another."""
    return Random(f"{SEED}:{subject}")  # noqa: S311  # made-up people, not secrets


def demo_id(kind: str, key: object) -> UUID:
    """The id of a thing of the demo, e.g. demo_id("member", 17)."""
    return uuid5(NAMESPACE, f"{kind}:{key}")


def moment(day: date, hour: int = 10, minute: int = 0) -> datetime:
    """A time of day in Almaty."""
    return datetime.combine(day, time(hour, minute), UTC) - ALMATY_OFFSET


def days_ago(days: int) -> date:
    """So many days before the day of the demo."""
    return DAY - timedelta(days=days)
