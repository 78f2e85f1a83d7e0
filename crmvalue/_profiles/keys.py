"""Keys of records in one form: phone numbers, e-mail addresses, numbers of cards and passports, names."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import is_missing_object, require_choice, to_array
from crmvalue._core.encoding.customers import encode_customers, fill_missing
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from crmvalue.typing import ArrayLike, Integers

__all__ = [
    "KINDS",
    "NUMBERS",
    "codes_of",
    "key_column",
    "kind_of",
    "normal_keys",
    "normal_values",
    "text_form",
    "text_items",
]

KINDS = ("phone", "email", "code", "text")
"""Kinds of keys: numbers of cards and passports are codes; names and birthdays are texts."""

NUMBERS = ("phone", "email", "code")
"""Kinds whose values belong to one person; many people share a text, such as a name."""

_NAMED = {"phone": "phone", "email": "email", "card": "code", "passport": "code"}
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_LONGEST_TYPED = 40
_ONE_FORM: dict[int, str | None] = {
    **dict.fromkeys(map(ord, "'\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"), "'"),
    **dict.fromkeys(map(ord, "\N{MODIFIER LETTER APOSTROPHE}\N{MODIFIER LETTER PRIME}\N{PRIME}"), "'"),
    **dict.fromkeys(map(ord, "\N{ACUTE ACCENT}\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}"), "'"),
    **dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-"),
    **dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF]),
    ord("İ"): "i",
    ord("ı"): "i",
}
"""Apostrophes, hyphens, characters that nobody sees, and the letters i of Azerbaijani, with and without the dot."""

_PLAIN = slice(9, 17)  # lengths of a plus sign with 8 to 15 digits


def kind_of(key: str, kinds: Mapping[str, str]) -> str:
    """Give the kind of a key: as given, or by its name; a text for all other names."""
    return kinds.get(key) or _NAMED.get(key, "text")


def normal_keys(
    name: str, column: ArrayLike, kind: str, *, region: str | None, sub_address: str, email_case: str
) -> tuple[npt.NDArray[np.str_], int]:
    """Give a column of keys in one form, an empty text for none, and the number of those that are not valid.

    Each distinct value is brought into its form once.
    """
    filled, missing = fill_missing(name, key_column(name, column) if kind == "text" else column)
    if filled.ndim != 1:
        raise InputError(name, "one-dimensional, one element a record", f"{filled.ndim} dimensions")
    if missing.all():
        return np.full(len(filled), "", dtype="U1"), 0
    distinct, code = encode_customers(name, filled)
    forms = normal_values(distinct.astype(np.str_), kind, region, sub_address, email_case)
    values = forms[code]
    invalid = int(np.count_nonzero((values == "") & ~missing))
    values[missing] = ""
    return values, invalid


def normal_values(
    values: npt.NDArray[np.str_], kind: str, region: str | None, sub_address: str, email_case: str
) -> npt.NDArray[np.str_]:
    """Give each value in one form; an empty text for one that is not valid."""
    require_choice("kind", kind, KINDS)
    if kind == "phone":
        return _phones(values, region)
    if kind == "email":
        forms = [_email(value, sub_address, email_case) for value in values.tolist()]
    elif kind == "code":
        forms = ["".join(filter(str.isalnum, _compatible(value))).upper() for value in values.tolist()]
    else:
        forms = [text_form(value) for value in values.tolist()]
    return np.array(forms, dtype=np.str_) if forms else np.zeros(0, dtype="U1")


def key_column(name: str, column: Any) -> Any:
    """Give a column of keys, with days such as birthdays as texts like "1990-05-31"."""
    array, _ = to_array(name, column, "a column")
    if array.ndim != 1 or array.dtype.kind not in "MO":
        return column
    items = (array.astype("datetime64[us]") if array.dtype.kind == "M" else array).tolist()
    if not any(isinstance(item, dt.date) for item in items):
        return column
    return np.array([None, *map(_day_text, items)], dtype=object)[1:]


def _day_text(item: Any) -> Any:
    if is_missing_object(item) or not isinstance(item, dt.date):
        return item
    midnight = not isinstance(item, dt.datetime) or item.time() == dt.time()
    return item.isoformat()[:10] if midnight else item.isoformat()


def text_form(value: str) -> str:
    """Give a text without what does not count: case, spaces, kinds of apostrophes and hyphens, and so on."""
    return unicodedata.normalize("NFC", " ".join(_compatible(value).replace("`", "'").casefold().split()))


def _compatible(value: str) -> str:
    return value if value.isascii() else unicodedata.normalize("NFKC", value.translate(_ONE_FORM))


def _email(value: str, sub_address: str, email_case: str) -> str:
    text = _compatible(value).strip()
    if not _EMAIL.fullmatch(text):
        return ""
    local, _, domain = text.rpartition("@")
    if sub_address == "drop":
        local = local.partition("+")[0] or local
    return f"{local.lower() if email_case == 'fold' else local}@{domain.lower()}"


def _phones(values: npt.NDArray[np.str_], region: str | None) -> npt.NDArray[np.str_]:
    phonenumbers = _phonenumbers()
    if region and region not in phonenumbers.SUPPORTED_REGIONS:
        raise InputError("region", "a country of two capital letters, such as 'UA'", region)
    forms = np.full(len(values), "", dtype="U16")
    plain = _plain_numbers(values, phonenumbers)
    forms[plain] = values[plain]
    rest = np.nonzero(~plain)[0]
    forms[rest] = [_phone(value, region, phonenumbers) for value in values[rest].tolist()]
    return forms


def _phone(value: str, region: str | None, phonenumbers: ModuleType) -> str:
    with suppress(phonenumbers.NumberParseException):
        number = phonenumbers.parse(value[:_LONGEST_TYPED], region)
        if phonenumbers.is_valid_number(number):
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
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


def text_items(name: str, value: ArrayLike) -> list[Any]:
    """Give the elements of a column, None for a missing one."""
    array, _ = to_array(name, value, "a column", as_objects=True)
    if array.ndim != 1:
        raise InputError(name, "one-dimensional, one element a record", f"{array.ndim} dimensions")
    return [None if is_missing_object(item) else item for item in array.tolist()]


def codes_of(values: npt.NDArray[np.str_]) -> tuple[npt.NDArray[np.str_], Integers]:
    """Give the distinct values in ascending order, and the place of each; -1 for an empty text."""
    code = np.full(len(values), -1, dtype=np.int64)
    there = np.nonzero(values != "")[0]
    if not len(there):
        return np.zeros(0, dtype="U1"), code
    distinct, code[there] = encode_customers("keys", values[there])
    return distinct, code
