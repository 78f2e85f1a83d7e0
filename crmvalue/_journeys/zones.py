"""Local times of customers and instants in UTC, for whole columns at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

if TYPE_CHECKING:
    from crmvalue._journeys.data import Customers
    from crmvalue.typing import Dates, Integers

__all__ = ["Clocks"]

_FIRST_YEAR, _LAST_YEAR = 2, 9998  # zones need room at both ends of Python's calendar
_LOOK = timedelta(hours=6)  # no zone changes its clocks twice within this time
_ONE = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clocks:
    """The clocks of the customers: local times to UTC and back.

    A local time that a change of the clocks skips stands for the moment of the change. A local time that comes twice
    stands for its first time.
    """

    def __init__(self, customers: Customers) -> None:
        self.names, self.code = customers.time_zone

    def to_utc(self, row: Integers, local: Dates) -> Dates:
        """Give the instant of each local time of a customer; NaT stays NaT."""
        return self._convert(row, local, to_utc=True)

    def to_local(self, row: Integers, utc: Dates) -> Dates:
        """Give the local time of a customer at each instant; NaT stays NaT."""
        return self._convert(row, utc, to_utc=False)

    def _convert(self, row: Integers, time: Dates, *, to_utc: bool) -> Dates:
        if self.names == ("UTC",):
            return time
        moved = time.astype("datetime64[s]")  # a copy
        known = ~np.isnat(time)
        of = self.code[row]
        for i, name in enumerate(self.names):
            mine = np.nonzero(known & (of == i))[0]
            if len(mine):
                seconds = moved[mine].astype(np.int64)
                starts, offsets = _offsets(name, moved[mine])
                if to_utc:
                    # The first stretch that ends after the local time; what lies before its start is skipped.
                    ends = np.maximum.accumulate(starts[1:] + offsets[:-1])
                    place = np.searchsorted(ends, seconds, side="right")
                    seconds = np.maximum(seconds - offsets[place], starts[place])
                else:
                    seconds = seconds + offsets[np.searchsorted(starts, seconds, side="right") - 1]
                moved[mine] = seconds.astype("datetime64[s]")
        return moved


def _offsets(name: str, times: Dates) -> tuple[Integers, Integers]:
    """Seconds since 1970 from which each offset of a zone holds, and the offsets, for the years around some times."""
    years = np.unique(times.astype("datetime64[Y]").astype(np.int64) + 1970)
    around = np.unique(np.concatenate([years - 1, years, years + 1]).clip(_FIRST_YEAR, _LAST_YEAR))
    changes = [change for year in around.tolist() for change in _changes(name, year)]
    starts, offsets = np.array(changes, dtype=np.int64).T
    starts[0] = -(2**62)
    return starts, offsets


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
