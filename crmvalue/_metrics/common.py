"""The two divisions behind most key figures, and fields for the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from crmvalue._core.checks import as_counts, as_day, as_float, as_floats, as_time, require

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, FloatOrArray

__all__ = [
    "amount_field",
    "as_of_field",
    "per_unit",
    "share",
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


def amount_field(name: str, **options: Any) -> Any:
    """Field for a number >= 0, checked under the name of the field."""

    def convert(value: ArrayLike) -> float:
        number = as_float(name, value)
        require(number >= 0, name, number, ">= 0")
        return number

    return attrs.field(converter=convert, **options)


def as_of_field(*, day: bool) -> Any:
    """Field `as_of`: a day, or a point in time."""
    return attrs.field(converter=lambda value: as_day("as_of", value) if day else as_time("as_of", value), eq=str)
