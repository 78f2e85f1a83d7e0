"""Keys of records in one form: phone numbers, e-mail addresses, numbers of cards and passports, names."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_text, is_missing_object, require, require_choice, to_array
from crmvalue._core.encoding.customers import encode_customers, fill_missing, text_array
from crmvalue._core.labels import columns_of
from crmvalue._core.phones import normal_phones
from crmvalue._core.values import FixedMapping
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue.typing import ArrayLike, Integers

__all__ = [
    "KINDS",
    "NUMBERS",
    "codes_of",
    "key_column",
    "kind_of",
    "kinds_of",
    "listed_values",
    "normal_keys",
    "normal_values",
    "text_form",
    "text_items",
    "texts_of",
]

KINDS = ("phone", "email", "code", "text")
"""Kinds of keys: numbers of cards and passports are codes; names and birthdays are texts."""

NUMBERS = ("phone", "email", "code")
"""Kinds whose values belong to one person; many people share a text, such as a name."""

_NAMED = {"phone": "phone", "email": "email", "card": "code", "passport": "code"}
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
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


_CYRILLIC = "\u0410\u0412\u0415\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0405\u0422\u0423\u0425"
_LATIN = str.maketrans(_CYRILLIC, "ABEIJKMHOPCSTYX")
"""Capital letters of Cyrillic that look like Latin ones: people type the letters of a passport in either alphabet."""


def kind_of(key: str, kinds: Mapping[str, str]) -> str:
    """Give the kind of a key: as given, or by its name; a text for all other names."""
    return kinds.get(key) or _NAMED.get(key, "text")


def normal_keys(
    name: str, column: ArrayLike, kind: str, *, region: str | None, sub_address: str, email_case: str
) -> npt.NDArray[np.str_]:
    """Give a column of keys in one form; an empty text for none, and for one that is not valid.

    Each distinct value is brought into its form once.
    """
    filled, missing = fill_missing(name, key_column(name, column) if kind == "text" else column)
    if filled.ndim != 1:
        raise InputError(name, "one-dimensional, one element a record", f"{filled.ndim} dimensions")
    if missing.all():
        return np.full(len(filled), "", dtype="U1")
    distinct, code = encode_customers(name, filled)
    texts = distinct if distinct.dtype.kind == "O" else distinct.astype(np.str_)
    forms = normal_values(texts, kind, region, sub_address, email_case)
    values = np.asarray(forms[code])
    values[missing] = ""
    return values


def normal_values(
    values: npt.NDArray[np.str_], kind: str, region: str | None, sub_address: str, email_case: str
) -> npt.NDArray[np.str_]:
    """Give each value in one form; an empty text for one that is not valid."""
    require_choice("kind", kind, KINDS)
    if kind == "phone":
        return normal_phones(values, region)
    if kind == "email":
        forms = [_email(value, sub_address, email_case) for value in values.tolist()]
    elif kind == "code":
        forms = [
            "".join(filter(str.isalnum, _compatible(value))).upper().translate(_LATIN) for value in values.tolist()
        ]
    else:
        forms = [text_form(value) for value in values.tolist()]
    return text_array(forms) if forms else np.zeros(0, dtype="U1")


def listed_values(
    values: npt.NDArray[np.str_], kind: str, region: str | None, sub_address: str, email_case: str
) -> npt.NDArray[np.str_]:
    """Give the values of a list in one form, without empty texts; one that can be no key of its kind is refused."""
    forms = normal_values(values, kind, region, sub_address, email_case)
    blank = np.array([not value.strip() for value in values.tolist()], dtype=bool)
    hint = "leave it out: a key that is not valid counts as missing, and joins nothing"
    if kind == "phone":
        hint += "; a number without its country needs `region`"
    require(
        (forms != "") | blank,
        "never",
        values,
        f"of valid values of the kind {kind!r}",
        hint=hint,
    )
    return np.asarray(forms[forms != ""])


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


def text_items(name: str, value: ArrayLike) -> list[Any]:
    """Give the elements of a column, None for a missing one."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "m":
        raise InputError(name, "no durations", str(value.dtype))
    if isinstance(value, np.ndarray) and value.dtype.kind == "M" and np.datetime_data(value.dtype)[0] != "D":
        value = value.astype("datetime64[us]")  # of nanoseconds, numpy makes whole numbers
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


def kinds_of(value: Any) -> FixedMapping[str, str]:
    """Take a mapping of names of keys to their kinds."""
    kinds = texts_of("kinds", value)
    for name, kind in kinds.items():
        require_choice(f"kinds[{name!r}]", kind, KINDS)
    return kinds


def texts_of(name: str, value: Any) -> FixedMapping[str, str]:
    """Take a mapping of texts to texts."""
    return FixedMapping(
        {as_text(name, key): as_text(f"{name}[{key!r}]", word) for key, word in columns_of(name, value).items()}
    )
