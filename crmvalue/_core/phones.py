"""Phone numbers in one form, that of E.164, such as +380671234567."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_text
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["as_region", "as_stored_phone", "normal_phone", "normal_phones"]

_STORED = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)
_LONGEST_TYPED = 100
_PLAIN = slice(9, 17)  # lengths of a plus sign with 8 to 15 digits
_HIDDEN = "(not shown)"


def normal_phone(name: str, value: Any, region: str) -> str:
    """Give one phone number in one form; errors do not show it."""
    library = _phonenumbers()
    if not isinstance(value, str):
        raise InputError(name, "a phone number as text", f"a {type(value).__name__}")
    found = _form(value, as_region("region", region), library)
    if not found:
        hint = None if region else "give the `region` of numbers without a country code, such as 'UA', in the rules"
        raise InputError(name, "a phone number that exists", _HIDDEN, hint=hint)
    return found


def as_stored_phone(name: str, value: Any) -> str:
    """Take a phone number in the form of E.164, or an empty text for none."""
    if not isinstance(value, str) or (value and not _STORED.fullmatch(value)):
        raise InputError(name, "a phone number such as +380671234567, or empty", _HIDDEN)
    return as_text(name, value)


def normal_phones(values: npt.NDArray[np.str_], region: str | None) -> npt.NDArray[np.str_]:
    """Give each phone number in one form; an empty text for one that is not valid.

    A number in the form of E.164 with as many digits as its country has is taken as it is.
    """
    library = _phonenumbers()
    country = as_region("region", region or "")
    if values.dtype.kind == "O":  # one of them is very long, and no number
        values = np.array([value[:_LONGEST_TYPED] for value in values.tolist()], dtype=np.str_)
    forms = np.full(len(values), "", dtype="U16")
    plain = _plain_numbers(values, library)
    forms[plain] = values[plain]
    rest = np.nonzero(~plain)[0]
    forms[rest] = [_form(value, country, library) for value in values[rest].tolist()]
    return forms


def as_region(name: str, value: str) -> str:
    """Take a country that has phone numbers, or an empty text for none."""
    if value and value not in _phonenumbers().SUPPORTED_REGIONS:
        raise InputError(name, "a country of two capital letters, such as 'UA'", value)
    return value


def _form(value: str, region: str, library: ModuleType) -> str:
    with suppress(library.NumberParseException):
        number = library.parse(value[:_LONGEST_TYPED], region or None)
        if library.is_valid_number(number):
            return str(library.format_number(number, library.PhoneNumberFormat.E164))
    return ""


def _plain_numbers(values: npt.NDArray[np.str_], phonenumbers: ModuleType) -> npt.NDArray[np.bool_]:
    """Tell which numbers are already a plus sign and digits, as many as their country has.

    Numbers with the same three first digits and the same length are looked up once. A zero after the code of the
    country may be one too many, so such numbers are looked up one by one, as are all others.
    """
    length = np.strings.str_len(values)
    chosen = np.nonzero((length >= _PLAIN.start) & (length < _PLAIN.stop))[0]
    plain = np.zeros(len(values), dtype=bool)
    if not len(chosen):
        return plain
    width = _PLAIN.stop - 1
    points = values[chosen].astype(f"U{width}").view(np.uint32).reshape(len(chosen), width)
    digits = (points >= ord("0")) & (points <= ord("9"))
    good = (points[:, 0] == ord("+")) & (points[:, 1] != ord("0"))
    good &= digits[:, 1:].sum(axis=1) == length[chosen] - 1
    group = (points[:, 1:4].astype(np.int64) @ [10**6, 10**3, 1]) * 100 + length[chosen]
    for each, first in zip(*np.unique(group[good], return_index=True), strict=True):
        rows = np.nonzero(good & (group == each))[0]
        number = None
        with suppress(phonenumbers.NumberParseException):
            number = phonenumbers.parse(str(values[chosen[np.nonzero(good)[0][first]]]))
        if number is None or not phonenumbers.is_possible_number(number):
            good[rows] = False
        else:
            good[rows] = points[rows, 1 + len(str(number.country_code))] != ord("0")
    plain[chosen] = good
    return plain


def _phonenumbers() -> ModuleType:
    try:
        import phonenumbers
    except ImportError as error:
        message = "Phone numbers need phonenumbers: pip install 'crmvalue[match]'"
        raise ModuleNotFoundError(message, name="phonenumbers") from error
    library: ModuleType = phonenumbers
    return library
