"""Local times of customers and instants in UTC, for whole columns at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.clock.zones import offsets_of_years

if TYPE_CHECKING:
    from crmvalue._journeys.data import Customers
    from crmvalue.typing import Dates, Integers

__all__ = ["Clocks"]

_FEW_YEARS = 10


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

    def next_back(self, row: Integers, utc: Dates) -> Dates:
        """Give the next instant at which the clock of a customer goes back; NaT for none in this and the next year."""
        found = np.full(len(utc), "NaT", dtype="datetime64[s]")
        of = self.code[row]
        for i, name in enumerate(self.names):
            mine = np.nonzero(of == i)[0]
            if len(mine):
                seconds = utc[mine].astype("datetime64[s]").astype(np.int64)
                starts, offsets = offsets_of_years(name, _years_of(utc[mine]))
                back = starts[1:][np.diff(offsets) < 0]
                place = np.searchsorted(back, seconds, side="right")
                found[mine] = np.append(back.astype("datetime64[s]"), np.datetime64("NaT", "s"))[place]
        return found

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
                starts, offsets = offsets_of_years(name, _years_of(moved[mine]))
                if to_utc:
                    # The first stretch that ends after the local time; what lies before its start is skipped.
                    ends = np.maximum.accumulate(starts[1:] + offsets[:-1])
                    place = np.searchsorted(ends, seconds, side="right")
                    seconds = np.maximum(seconds - offsets[place], starts[place])
                else:
                    seconds = seconds + offsets[np.searchsorted(starts, seconds, side="right") - 1]
                moved[mine] = seconds.astype("datetime64[s]")
        return moved


def _years_of(times: Dates) -> Integers:
    """Years in which some moments lie; those between them too where they are few, which spares to sort the moments."""
    first, last = (int(time.astype("datetime64[Y]").astype(np.int64)) + 1970 for time in (times.min(), times.max()))
    if last - first < _FEW_YEARS:
        return np.arange(first, last + 1)
    return np.unique(times.astype("datetime64[Y]").astype(np.int64) + 1970)
