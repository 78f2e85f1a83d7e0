"""Times of events: checked without a copy where that is possible, and as whole microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.checks import as_time_column
from crmvalue._funnels.steps import DAY
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = ["microseconds", "read_times"]

_UNITS = {"D": DAY, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}  # in microseconds


def read_times(time: ArrayLike) -> tuple[Dates, np.datetime64]:
    """Check times, and find the last one; a column of datetime64 is not copied to another unit."""
    if type(time) is np.ndarray and time.ndim == 1 and time.dtype.kind == "M" and len(time):
        unit, step = np.datetime_data(time.dtype)
        if unit in _UNITS and step == 1 and time.dtype.isnative:
            counts = time.view(np.int64)  # a missing one is the least
            ends = np.array([counts.min(), counts.max()]).view(time.dtype)
            try:
                return time, as_time_column("time", ends)[1]
            except InputError:
                pass  # the whole column tells which element is wrong
    times = as_time_column("time", time)
    return times, times.max() if len(times) else np.datetime64("NaT", "us")


def microseconds(times: Dates, rows: Integers) -> Integers:
    """Give the times of some rows in microseconds; a product is much faster than numpy's own cast."""
    counts = times.view(np.int64)[rows]
    counts *= _UNITS[np.datetime_data(times.dtype)[0]]
    return counts
