"""Phone numbers, as people type them and as the house keeps them."""

from collections.abc import Collection
from typing import Final

import phonenumbers

from services.errors import InvalidError

HOME_REGION: Final = "KZ"


class InvalidPhoneError(InvalidError):
    """No such number can exist, or it is of a country that is not served."""

    code = "invalid_phone"


def normalise_phone(typed: str, *, regions: Collection[str] | None = None) -> str:
    """The E.164 form of a number, e.g. +77011234567; without a country code it is one of Kazakhstan.

    Args:
        regions: the countries whose numbers are taken (ISO 3166, e.g. KZ); None for all.

    Raises:
        InvalidPhoneError: it is no number that can be called, or one of another country.
    """
    try:
        number = phonenumbers.parse(typed, HOME_REGION)
    except phonenumbers.NumberParseException as error:
        raise InvalidPhoneError from error
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhoneError
    if regions is not None and phonenumbers.region_code_for_number(number) not in regions:
        raise InvalidPhoneError
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
