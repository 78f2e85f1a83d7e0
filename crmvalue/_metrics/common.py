"""The two divisions behind most key figures, fields for the results, and a warning of codes among answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.checks import as_counts, as_day, as_float, as_floats, as_time, require
from crmvalue._core.labels import as_given, counted, listed, warn_at_user
from crmvalue._core.values import given_field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = [
    "amount_field",
    "as_of_field",
    "per_unit",
    "share",
    "warn_of_codes",
]

_CODES = (*(77.0, 88.0, 97.0, 98.0, 99.0), *(777.0, 888.0, 997.0, 998.0, 999.0), *(9997.0, 9998.0, 9999.0))
"""Of surveys, or below 0, where nobody answered."""


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


def amount_field(name: str, **options: Any) -> Any:
    """Field for a number >= 0, checked under the name of the field."""

    def convert(value: ArrayLike) -> float:
        number = as_float(name, value)
        require(number >= 0, name, number, ">= 0")
        return number

    return given_field(converter=convert, **options)


def as_of_field(*, day: bool) -> Any:
    """Field `as_of`: a day, or a point in time."""
    return given_field(converter=lambda value: as_day("as_of", value) if day else as_time("as_of", value), eq=str)


def warn_of_codes(columns: Mapping[str, Floats], *, remedy: str) -> None:
    """Warn of numbers such as 999 far from all other answers: they often stand for no answer."""
    for name, column in columns.items():
        answers = column[~np.isnan(column)]
        is_code = np.isin(np.abs(answers), _CODES)
        others = answers[~is_code]
        if not is_code.any() or not others.size:
            continue
        low, high = float(others.min()), float(others.max())
        wide = max(high - low, 1.0)
        far = answers[is_code & ((answers > high + wide) | (answers < low - wide))]
        if far.size:
            codes = listed(as_given(code) for code in np.unique(far).tolist())
            message = (
                f"`{name}` has {counted(len(far), 'answer')} of {codes}, and all others from {as_given(low)} to "
                f"{as_given(high)}: if this stands for no answer, {remedy}"
            )
            warn_at_user(message, len(far))
