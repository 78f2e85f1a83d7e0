"""Fields for frozen values that hold arrays: copied, cast, read-only and comparable."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._checks import as_column

__all__ = ["array_field", "float_column", "read_only"]


def read_only(value: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - whatever numpy.asarray takes
    """Return an array that nobody can write to: a copy, unless the array owns its data and is read-only already."""
    array = np.asarray(value)
    if array.flags.writeable or not array.flags.owndata:
        array = array.copy()
        array.flags.writeable = False
    return array


def float_column(name: str, *, missing: bool = False, optional: bool = False) -> Any:  # noqa: ANN401 - attrs' own
    """Field for a one-dimensional read-only float64 column, checked under the name of the field."""

    def convert(value: Any) -> npt.NDArray[np.float64] | None:  # noqa: ANN401 - whatever numpy.asarray takes
        if optional and value is None:
            return None
        return read_only(as_column(name, value, allow_missing=missing))

    return array_field(convert, default=None) if optional else array_field(convert)


def array_field(converter: Any = read_only, **options: Any) -> Any:  # noqa: ANN401 - attrs' own
    """Field for an array; equality compares all elements, NaN equal to NaN."""
    return attrs.field(converter=converter, eq=attrs.cmp_using(eq=_equal), repr=_short, **options)


def _equal(left: npt.NDArray[Any] | None, right: npt.NDArray[Any] | None) -> bool:
    if left is None or right is None:
        return left is right
    return np.array_equal(left, right, equal_nan=left.dtype.kind in "fc" and right.dtype.kind in "fc")


def _short(array: npt.NDArray[Any] | None) -> str:
    return repr(array) if array is None else np.array2string(array, threshold=6, edgeitems=3, separator=", ")
