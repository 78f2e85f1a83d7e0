"""The two divisions behind most key figures, and the fields of their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from crmvalue._checks import as_counts, as_days, as_float, as_floats, as_times, as_whole_number, require
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from crmvalue.typing import ArrayLike, Dates, FloatOrArray

__all__ = [
    "amount_field",
    "as_of_field",
    "count_field",
    "day_column",
    "one_day",
    "one_time",
    "per_unit",
    "share",
    "time_column",
]


def share(**counts: ArrayLike) -> FloatOrArray:
    """Divide the first count, a part, by the second, the whole."""
    (part_name, part), (whole_name, whole) = zip(counts, as_counts(**counts), strict=True)
    require(whole > 0, whole_name, whole, "> 0")
    require(part <= whole, part_name, part, f"at most `{whole_name}`")
    return (part / whole)[()]


def per_unit(**inputs: ArrayLike) -> FloatOrArray:
    """Divide the first input, an amount, by the second, a number of units that need not be whole."""
    (amount_name, amount), (unit_name, unit) = zip(inputs, as_floats(**inputs), strict=True)
    require(amount >= 0, amount_name, amount, ">= 0")
    require(unit > 0, unit_name, unit, "> 0")
    return (amount / unit)[()]


def day_column(name: str, value: ArrayLike, *, allow_missing: bool = False) -> Dates:
    """Cast one column of dates to a one-dimensional array of `datetime64[D]`."""
    return _column(name, as_days(name, value, allow_missing=allow_missing))


def time_column(name: str, value: ArrayLike, *, allow_missing: bool = False) -> Dates:
    """Cast one column of points in time to a one-dimensional array of `datetime64[us]`."""
    return _column(name, as_times(name, value, allow_missing=allow_missing))


def one_day(name: str, value: ArrayLike) -> np.datetime64:
    """Cast one date to `datetime64[D]`."""
    return _only(name, as_days(name, value))


def one_time(name: str, value: ArrayLike) -> np.datetime64:
    """Cast one point in time to `datetime64[us]`."""
    return _only(name, as_times(name, value))


def count_field(name: str, *, low: int = 0) -> Any:  # noqa: ANN401 - attrs' own
    """Field for a whole number of at least `low`, checked under the name of the field."""
    return attrs.field(converter=lambda value: as_whole_number(name, value, low=low))


def amount_field(name: str) -> Any:  # noqa: ANN401 - attrs' own
    """Field for a number >= 0, checked under the name of the field."""

    def convert(value: ArrayLike) -> float:
        number = as_float(name, value)
        require(number >= 0, name, number, ">= 0")
        return number

    return attrs.field(converter=convert)


def as_of_field(*, day: bool) -> Any:  # noqa: ANN401 - attrs' own
    """Field `as_of`: a day, or a point in time."""
    return attrs.field(converter=lambda value: one_day("as_of", value) if day else one_time("as_of", value))


def _column(name: str, dates: Dates) -> Dates:
    if dates.ndim != 1:
        raise InputError(name, "one-dimensional, one element a row", f"{dates.ndim} dimensions")
    return dates


def _only(name: str, dates: Dates) -> np.datetime64:
    if dates.ndim:
        raise InputError(name, "one date, not an array", f"{dates.ndim} dimensions")
    date: np.datetime64 = dates.reshape(1)[0]
    return date
