"""Columns that the parts of the service cycle share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.calendar import add_months
from crmvalue._core.checks import (
    as_floats,
    is_missing_object,
    require,
    to_array,
)
from crmvalue._core.encoding.customers import text_array
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = ["as_intervals", "require_equal_columns", "service_after", "text_column"]

_MOST_MONTHS = 1200
_LAST_DAY = np.datetime64("9999-12-31", "D")


def require_equal_columns(value: Any) -> None:
    """Check that all arrays of a value are equally long."""
    fields = [field.name for field in attrs.fields(type(value))]
    columns = {name: getattr(value, name) for name in fields if isinstance(getattr(value, name), np.ndarray)}
    (first_name, first), *others = columns.items()
    for name, column in others:
        if column.shape != first.shape:
            raise InputError(name, f"as long as `{first_name}` ({len(first)})", column.shape)


def text_column(name: str, value: ArrayLike | None, n: int) -> npt.NDArray[np.str_]:
    """Read a column of texts; a missing text becomes empty."""
    if value is None:
        return np.zeros(n, dtype=np.str_)
    array = to_array(name, value, "a column of texts", as_objects=True)[0]
    if array.shape != (n,):
        raise InputError(name, f"one for each of the {n} rows", array.shape)
    items = ["" if is_missing_object(item) else item for item in array.tolist()]
    for index, item in enumerate(items):
        if not isinstance(item, str):
            raise InputError(name, "a column of texts", item, index=index)
    return text_array(items)


def as_intervals(value: ArrayLike) -> Integers:
    """Take intervals in whole months."""
    (months,) = as_floats(interval_months=value)
    whole = (months == np.floor(months)) & (months >= 1) & (months <= _MOST_MONTHS)
    require(whole, "interval_months", months, f"a whole number from 1 to {_MOST_MONTHS}")
    return months.astype(np.int64)


def service_after(last_service: Dates, interval_months: Integers) -> Dates:
    """Give the days of the next services, none of them after the year 9999."""
    due = add_months(last_service, interval_months)
    rule = "so early that the next one is by 9999-12-31"
    require(due <= _LAST_DAY, "last_service", np.broadcast_to(last_service, due.shape), rule)
    return due
