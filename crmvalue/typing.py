"""The types in crmvalue's signatures, for callers who annotate their own code.

`ArrayLike` is what functions take. `Floats`, `Integers` and `Dates` are the arrays that they return; `FloatOrArray` is
a number for numbers, an array for arrays. An :class:`Interval` has the ends `low` and `high`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["ArrayLike", "Dates", "FloatOrArray", "Floats", "Integers", "Interval"]

ArrayLike: TypeAlias = Any
"""Anything that `numpy.asarray` takes: numbers, lists, arrays, columns of pandas and Polars."""

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Dates: TypeAlias = npt.NDArray[np.datetime64]
FloatOrArray: TypeAlias = np.float64 | npt.NDArray[np.float64]
"""A scalar for scalars, an array for arrays."""


class Interval(NamedTuple):
    """A confidence interval: two numbers for scalars, two arrays of one shape for arrays.

    Parameters
    ----------
    low, high : float or ndarray
        The two ends, in the unit of what they enclose.

    Examples
    --------
    >>> low, high = Interval(0.2, 0.4)
    >>> low
    0.2
    >>> Interval(np.float64(0.2), np.float64(0.4))
    Interval(low=0.2, high=0.4)
    """

    low: FloatOrArray
    high: FloatOrArray

    def __repr__(self) -> str:
        """Write scalars as plain numbers."""
        low, high = (end.item() if isinstance(end, np.generic) else end for end in self)
        return f"Interval(low={low!r}, high={high!r})"
