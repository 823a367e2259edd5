"""Phone numbers, as people type them and as the house keeps them."""

from typing import Final

import phonenumbers

from services.errors import InvalidError

HOME_REGION: Final = "KZ"


class InvalidPhoneError(InvalidError):
    """No such number can exist."""

    code = "invalid_phone"


def normalise_phone(typed: str) -> str:
    """The E.164 form of a number, e.g. +77011234567; without a country code it is one of Kazakhstan.

    Raises:
        InvalidPhoneError: it is no number that can be called.
    """
    try:
        number = phonenumbers.parse(typed, HOME_REGION)
    except phonenumbers.NumberParseException as error:
        raise InvalidPhoneError from error
    if not phonenumbers.is_valid_number(number):
        raise InvalidPhoneError
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
