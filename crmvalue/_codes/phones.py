"""Phone numbers in one form."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from crmvalue._codes.policy import NOT_SHOWN
from crmvalue.errors import InputError

__all__ = ["as_stored_phone", "normal_phone"]

_STORED = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)
_LONGEST_TYPED = 100


def normal_phone(name: str, value: Any, region: str) -> str:
    """Give a phone number in the form of E.164, such as +380671234567; errors do not show it."""
    try:
        import phonenumbers
    except ImportError as error:
        message = "A phone number needs phonenumbers: pip install 'crmvalue[match]'"
        raise ModuleNotFoundError(message, name="phonenumbers") from error
    if not isinstance(value, str):
        raise InputError(name, "a phone number as text", f"a {type(value).__name__}")
    hint = None if region else "give the `region` of numbers without a country code, such as 'UA', in the rules"
    number = None
    with suppress(phonenumbers.NumberParseException):
        number = phonenumbers.parse(value[:_LONGEST_TYPED], region or None)
    if number is None or not phonenumbers.is_valid_number(number):
        raise InputError(name, "a phone number that exists", NOT_SHOWN, hint=hint)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def as_stored_phone(name: str, value: Any) -> str:
    """Take a phone number in the form of E.164, or an empty text for none."""
    if not isinstance(value, str) or (value and not _STORED.fullmatch(value)):
        raise InputError(name, "a phone number such as +380671234567, or empty", NOT_SHOWN)
    return str(value)
