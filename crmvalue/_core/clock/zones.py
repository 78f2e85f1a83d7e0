"""Time zones: the offset of a zone at each instant, for whole columns at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from crmvalue._core.checks import as_text
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import Dates, Integers

__all__ = ["as_zone", "local_days", "offsets_of_years"]

_FIRST_YEAR, _LAST_YEAR = 2, 9998  # zones need room at both ends of Python's calendar
_LOOK = timedelta(hours=6)  # no zone changes its clocks twice within this time
_ONE = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_zone(name: str, value: object) -> str:
    """Take the name of a time zone that the standard library knows."""
    zone = as_text(name, value)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(name, "a time zone such as 'Europe/Kyiv'", zone) from error
    return zone


def offsets_of_years(name: str, years: Integers) -> tuple[Integers, Integers]:
    """Seconds since 1970 from which each offset of a zone holds, and the offsets, for these years and their neighbours.

    The first offset holds from ever.
    """
    around = np.unique(np.concatenate([years - 1, years, years + 1]).clip(_FIRST_YEAR, _LAST_YEAR))
    changes = [change for year in around.tolist() for change in _changes(name, year)]
    starts, offsets = np.array(changes, dtype=np.int64).T.copy()
    starts[0] = -(2**62)
    return starts, offsets


def local_days(name: str, times: Dates) -> Integers:
    """Days since 1970 by the clock of a zone, of moments in UTC."""
    seconds = times.astype("datetime64[s]").astype(np.int64)
    starts, offsets = offsets_of_years(name, np.unique(times.astype("datetime64[Y]").astype(np.int64)) + 1970)
    days: Integers = (seconds + offsets[np.searchsorted(starts, seconds, side="right") - 1]) // 86_400
    return days


@lru_cache(maxsize=4096)
def _changes(name: str, year: int) -> tuple[tuple[int, int], ...]:
    """Give the offset at the beginning of a year in UTC, and each change in it: seconds since 1970, new offset."""
    zone = ZoneInfo(name)
    time, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    offset = _offset(time, zone)
    found = [(_seconds(time), offset)]
    while time < end:
        after = time + _LOOK
        if _offset(after, zone) != offset:
            low, high = time, after
            while high - low > _ONE:
                middle = low + _ONE * ((high - low) // _ONE // 2)
                low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
            offset = _offset(after, zone)
            found.append((_seconds(high), offset))
        time = after
    return tuple(found)


def _offset(time: datetime, zone: ZoneInfo) -> int:
    """Local time less UTC at an instant [seconds]."""
    return (time.astimezone(zone).utcoffset() or timedelta()) // _ONE


def _seconds(time: datetime) -> int:
    return (time - _EPOCH) // _ONE
