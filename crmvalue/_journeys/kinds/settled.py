"""How far the runs of a journey have come for good: the next day of a plan goes on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from crmvalue.typing import Dates, Integers

__all__ = ["Settled"]


class Settled(NamedTuple):
    """The step of each run before which nothing changes any more.

    A run has come to a step for good where each message before it was due too long ago to be looked at again: it was
    sent, or is given up. Within one plan the events, the customers and the journeys stay the same, and the history only
    grows, so on later days the run comes to that step at the same instant.
    """

    key: Integers  # customer and entry of each run, ascending
    step: Integers  # place among the steps in the order of the walk; the end comes last
    time: Dates  # of coming to it, in UTC

    def of(self, key: Integers, start: Dates) -> tuple[Integers, Dates]:
        """Give step and time of runs; those that are not known stand at the first step since `start`."""
        if not len(self.key):
            return np.zeros(len(key), dtype=np.int64), start.copy()
        place = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        known = self.key[place] == key
        return np.where(known, self.step[place], 0), np.where(known, self.time[place], start)
