"""Local moments: the time of a day, and a customer with a moment as one whole number that sorts like both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crmvalue.typing import Dates, Integers

__all__ = ["MOST_CUSTOMERS", "NEVER", "at_hour", "moment"]

NEVER = np.datetime64("NaT", "s")
"""Stands for a moment that does not come."""

_BITS = 39  # seconds from the year 1 to 9999, counted from _BEFORE_ALL, stay below 2**39
_BEFORE_ALL = 1 << 36  # seconds before 1970, more than 1969 years

MOST_CUSTOMERS = 1 << (63 - _BITS)
"""Rows that fit beside a moment into one int64."""


def moment(row: Integers, time: Dates) -> Integers:
    """One ascending number for a row below `MOST_CUSTOMERS` and a moment of the years 1 to 9999."""
    key: Integers = row * np.int64(1 << _BITS) + (time.astype("datetime64[s]").astype(np.int64) + _BEFORE_ALL)
    return key


def at_hour(day: Dates, hour: int | Integers) -> Dates:
    """Local time `hour` o'clock of each day; one hour, or one for each."""
    time: Dates = np.add(day.astype("datetime64[s]"), (3600 * np.asarray(hour)).astype("timedelta64[s]"))
    return time
