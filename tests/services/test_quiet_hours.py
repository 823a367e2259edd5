"""When phones are left alone."""

from datetime import datetime

import pytest
from pydantic import ValidationError

from api.settings import Environment, Settings
from models.push import Category
from services.push.quiet_hours import parse_window, quiet_until


@pytest.mark.parametrize(
    ("window", "clock", "until"),
    [
        ("22:00-08:00", "2026-03-10T21:59:59+05:00", None),
        ("22:00-08:00", "2026-03-10T22:00:00+05:00", "2026-03-11T08:00:00+05:00"),
        ("22:00-08:00", "2026-03-10T17:30:00+00:00", "2026-03-11T08:00:00+05:00"),
        ("22:00-08:00", "2026-03-11T07:59:59+05:00", "2026-03-11T08:00:00+05:00"),
        ("22:00-08:00", "2026-03-11T08:00:00+05:00", None),
        ("13:00-14:00", "2026-03-11T13:30:00+05:00", "2026-03-11T14:00:00+05:00"),
        ("13:00-14:00", "2026-03-11T23:30:00+05:00", None),
    ],
)
def test_window(window: str, clock: str, until: str | None) -> None:
    found = quiet_until(parse_window(window), Category.news, datetime.fromisoformat(clock))
    assert found == (datetime.fromisoformat(until) if until else None)


def test_no_window_no_quiet() -> None:
    assert quiet_until(None, Category.news, datetime.fromisoformat("2026-03-10T23:00:00+05:00")) is None


@pytest.mark.parametrize("nonsense", ["24:00-08:00", "22:60-08:00", "22:00", "night"])
def test_nonsense_is_refused_at_the_start(nonsense: str) -> None:
    with pytest.raises(ValidationError, match="quiet_hours"):
        Settings(environment=Environment.test, quiet_hours=nonsense)
