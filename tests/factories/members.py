"""Bodies that register members, and made-up IINs."""

from datetime import date
from typing import Any

from models.branches import Branch
from models.members import Sex
from services.iin import make_iin


def some_iin(order: int = 317) -> str:
    """A valid IIN that nobody has: a woman's, born on 12 April 1994."""
    iin = make_iin(date(1994, 4, 12), Sex.female, order)
    assert iin is not None
    return iin


def member_body(branch: Branch, **values: Any) -> dict[str, Any]:
    """What registers Айгүл Сәрсенова in a primary organisation."""
    body = {
        "branch_id": str(branch.id),
        "iin": some_iin(),
        "family_name": "Сәрсенова",
        "given_name": "Айгүл",
        "patronymic": "Нұрланқызы",
        "admitted_on": "2026-02-02",
    }
    return body | values
