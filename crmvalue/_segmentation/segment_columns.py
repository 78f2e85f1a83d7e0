"""Columns of customers in the form that conditions of rules need: numbers, measures of dates, and codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.calendar import months_between
from crmvalue._core.checks import as_column, as_day_column, to_array
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue._segmentation.rules import Condition
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["read_columns"]


def read_columns(
    used: Mapping[Condition, int], columns: Mapping[str, ArrayLike], today: np.datetime64
) -> dict[Any, npt.NDArray[Any]]:
    """Read each column and each measure of a date that a rule uses: numbers with NaN, or codes with -1."""
    types: dict[str, str] = {}
    for condition in used:
        if types.setdefault(condition.column, condition.type) != condition.type:
            raise InputError("segments", f"of one type for the column {condition.column!r}", condition.type)
    data: dict[Any, npt.NDArray[Any]] = {}
    length: tuple[str, int] | None = None
    for name, kind in types.items():
        if name not in columns:
            raise InputError("columns", f"with the column {name!r} that the rules use", list(columns))
        read = _READERS[kind](f"columns[{name!r}]", columns[name])
        n = len(read[0]) if kind == "text" else len(read)
        if length is None:
            length = name, n
        if n != length[1]:
            raise InputError(f"columns[{name!r}]", f"as long as {length[0]!r} ({length[1]} customers)", n)
        if kind == "date":
            measures = {condition.measure for condition in used if condition.column == name}
            data.update({(name, measure): _measure(read, measure, today) for measure in measures})
        elif kind == "text":
            data[name, "value"], data[name, "words"] = read
        else:
            data[name, "value"] = read
    if length is not None and length[1] == 0:
        raise InputError("columns", "of at least one customer", 0)
    return data


def _measure(day: npt.NDArray[np.datetime64], measure: str, today: np.datetime64) -> Floats:
    missing = np.isnat(day)
    known = np.where(missing, today, day)
    if measure == "months_ago":
        number = _months_ago(known, today)
    else:
        number = (today - known if measure == "days_ago" else known).astype(np.int64)
    measured = number.astype(np.float64)
    measured[missing] = np.nan
    return measured


def _months_ago(day: npt.NDArray[np.datetime64], today: np.datetime64) -> Integers:
    number = day.astype(np.int64)
    first, last = int(number.min(initial=0)), int(number.max(initial=0))
    if last - first >= len(number):
        return months_between(day, np.asarray(today))
    days = np.arange(first, last + 1).astype(
        "datetime64[D]"
    )  # fewer than customers, so each possible day is computed once
    found: Integers = months_between(days, np.asarray(today))[number - first]
    return found


def _read_flags(name: str, value: ArrayLike) -> npt.NDArray[np.int8]:
    array, types = to_array(name, value, "True, False or missing")
    if array.dtype.kind == "b":
        flags = array.astype(np.int8)
    else:
        items = np.asarray(value, dtype=object) if types else array.astype(object)
        flags = np.array([_flag(name, item, i) for i, item in enumerate(items.ravel().tolist())], dtype=np.int8)
        flags = flags.reshape(items.shape)
    if flags.ndim != 1:
        raise InputError(name, "one-dimensional, one element a customer", f"{flags.ndim} dimensions")
    return flags


def _flag(name: str, item: object, index: int) -> int:
    if isinstance(item, bool | np.bool_):
        return int(item)
    if _is_missing(item):
        return -1
    raise InputError(name, "True, False or missing", item, index=index)


def _read_words(name: str, value: ArrayLike) -> tuple[Integers, npt.NDArray[Any]]:
    """Give the codes of texts, -1 for a missing one, and the distinct texts."""
    array, _ = to_array(name, value, "text or missing", as_objects=isinstance(value, list | tuple))
    if array.ndim != 1:
        raise InputError(name, "one-dimensional, one element a customer", f"{array.ndim} dimensions")
    items = array.tolist()
    places: dict[Any, int] = {}
    try:
        for item in dict.fromkeys(items):
            if isinstance(item, str):
                places[item] = len(places)
            elif _is_missing(item):
                places[item] = -1
            else:
                index = next(i for i, other in enumerate(items) if other is item)  # == of pandas' NA has no truth
                raise InputError(name, "text or missing", item, index=index)
    except TypeError as error:  # a list or another value that cannot be a key
        raise InputError(name, "text or missing", value) from error
    words = [item for item, place in places.items() if place >= 0]
    renumbered = {word: i for i, word in enumerate(words)}
    codes = {item: renumbered.get(item, -1) for item in places}
    smallest = np.min_scalar_type(-2 - len(words))  # codes start at -2, which no customer has
    return (
        np.fromiter(map(codes.__getitem__, items), dtype=smallest, count=len(items)),
        np.array(words, dtype=object),
    )


def _is_missing(item: object) -> bool:
    return (
        item is None
        or type(item).__name__ in {"NAType", "NaTType"}
        or (isinstance(item, float | np.floating) and item != item)  # noqa: PLR0124 - NaN alone differs from itself
    )


_READERS: dict[str, Any] = {
    "number": lambda name, value: as_column(name, value, allow_missing=True),
    "date": lambda name, value: as_day_column(name, value, allow_missing=True),
    "flag": _read_flags,
    "text": _read_words,
}
