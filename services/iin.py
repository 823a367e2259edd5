"""The IIN: 12 digits that every person in Kazakhstan has. It says the birth date and the sex, and checks itself.

YYMMDD, then century and sex (1, 2: 19th century, 3, 4: 20th, 5, 6: 21st; odd is male), four digits of order, a check
digit. Source: DOMAIN.md 3; the rule of the check digit is that of the state registers.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from models.members import Sex
from services.errors import InvalidError

LENGTH: Final = 12
FIRST_WEIGHTS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
SECOND_WEIGHTS: Final = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)
CENTURIES: Final = {1: 1800, 2: 1800, 3: 1900, 4: 1900, 5: 2000, 6: 2000}


class InvalidIinError(InvalidError):
    """No person has this IIN; `reason` is format, date, century or check_digit. The number itself is not repeated."""

    code = "invalid_iin"


@dataclass(frozen=True)
class IinFacts:
    """What an IIN says about its person."""

    birth_on: date
    sex: Sex


def read_iin(iin: str) -> IinFacts:
    """Check an IIN and read it.

    Raises:
        InvalidIinError: it is not 12 ASCII digits, names no day or no century, or its check digit is wrong.
    """
    if len(iin) != LENGTH or not (iin.isascii() and iin.isdigit()):
        raise InvalidIinError(reason="format")
    digits = [int(digit) for digit in iin]
    century = CENTURIES.get(digits[6])
    if century is None:
        raise InvalidIinError(reason="century")
    try:
        birth_on = date(century + int(iin[:2]), int(iin[2:4]), int(iin[4:6]))
    except ValueError as error:
        raise InvalidIinError(reason="date") from error
    if check_digit(iin[:-1]) != digits[-1]:
        raise InvalidIinError(reason="check_digit")
    return IinFacts(birth_on, Sex.male if digits[6] % 2 else Sex.female)


def check_digit(first_eleven: str) -> int | None:
    """The twelfth digit, or None for the few numbers that have none and so are never given out."""
    for weights in (FIRST_WEIGHTS, SECOND_WEIGHTS):
        remainder = sum(int(digit) * weight for digit, weight in zip(first_eleven, weights, strict=True)) % 11
        if remainder < 10:
            return remainder
    return None


def make_iin(birth_on: date, sex: Sex, order: int) -> str | None:
    """The IIN of a made-up person, or None where `order` (0–9999) gives none that day; for demo and test data."""
    century_and_sex = 2 * (birth_on.year // 100 - 18) + (1 if sex is Sex.male else 2)
    first_eleven = f"{birth_on:%y%m%d}{century_and_sex}{order:04d}"
    last = check_digit(first_eleven)
    return None if last is None else f"{first_eleven}{last}"
