"""Visits over the weeks: as many as a week can take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_counts,
    as_day,
    as_day_column,
    as_whole_number,
)
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted
from crmvalue._core.values import (
    array_columns,
    date_table,
    hand_over,
    stay_frozen,
)
from crmvalue._journeys.service.columns import require_equal_columns
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = ["VisitSchedule", "spread_visits"]

_MOST_WEEKS = 520
_NEVER = np.datetime64("NaT", "D")
_LAST_DAY = np.datetime64("9999-12-31")
_MONDAY = np.datetime64("1970-01-05", "D")  # weeks are counted from this one


@stay_frozen
@attrs.frozen(kw_only=True)
class VisitSchedule(Columns):
    """Visits spread over weeks, columns of equal length in the order of the visits.

    Parameters
    ----------
    planned_week : ndarray of datetime64[D]
        Monday of the week for which each visit was planned; for an overdue visit the Monday of the week of `as_of`.
    week : ndarray of datetime64[D]
        Monday of the week that each visit got; NaT where there was no room.

    Examples
    --------
    >>> schedule = spread_visits(["2024-06-12", "2024-06-13"], 1, as_of="2024-06-01", weeks_early=1)
    >>> schedule.week, schedule.weeks_moved
    (array(['2024-06-03', '2024-06-10'], dtype='datetime64[D]'), array([-1,  0]))
    """

    planned_week: Dates = date_table("planned_week", missing=False)
    week: Dates = date_table("week")

    def __attrs_post_init__(self) -> None:
        require_equal_columns(self)

    def __len__(self) -> int:
        return len(self.week)

    @property
    def is_placed(self) -> npt.NDArray[np.bool_]:
        """Whether each visit has a week."""
        return ~np.isnat(self.week)

    @property
    def weeks_moved(self) -> Integers:
        """Weeks by which each visit was moved, negative for earlier; 0 where there was no room."""
        moved = np.where(self.is_placed, self.week - self.planned_week, np.timedelta64(0, "D"))
        return moved.astype(np.int64) // 7

    @property
    def n_early(self) -> int:
        """Number of visits that were moved to an earlier week."""
        return int(np.count_nonzero(self.weeks_moved < 0))

    @property
    def n_late(self) -> int:
        """Number of visits that were moved to a later week."""
        return int(np.count_nonzero(self.weeks_moved > 0))

    @property
    def n_not_placed(self) -> int:
        """Number of visits for which there was no room."""
        return int(np.count_nonzero(~self.is_placed))

    @property
    def n_by_week(self) -> dict[str, int]:
        """Number of visits by the Monday of their week."""
        weeks, counts = np.unique(self.week[self.is_placed], return_counts=True)
        return dict(zip(np.datetime_as_string(weeks).tolist(), counts.tolist(), strict=True))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)

    @property
    def conclusion(self) -> str:
        """Say how many visits have a week, and how many were moved."""
        return (
            f"{counted(len(self), 'visit')}: {len(self) - self.n_not_placed:,} placed, {self.n_early:,} of them in an "
            f"earlier week and {self.n_late:,} in a later one; {self.n_not_placed:,} without a place."
        )

    def to_json(self) -> str:
        """Write the schedule as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> VisitSchedule:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def spread_visits(
    dates: ArrayLike, capacity_per_week: ArrayLike, *, as_of: ArrayLike, weeks_early: int = 2, weeks_late: int = 4
) -> VisitSchedule:
    """Spread visits over the weeks so that no week has more visits than it can take.

    Parameters
    ----------
    dates : array_like
        Day for which each visit is planned, shape (n,). A visit planned before `as_of` counts for the week of `as_of`.
    capacity_per_week : array_like
        Visits that a week can take, whole numbers >= 0: one for all weeks, or one for each week, beginning with the
        week of `as_of`. Weeks beyond the list take no visits.
    as_of : date
        Day of the run; no visit goes to an earlier week.
    weeks_early, weeks_late : int, optional
        Most weeks by which a visit may be earlier and later than planned, 0 to 520.

    Returns
    -------
    VisitSchedule
        Week of each visit, and how many visits were moved or got no week.

    Raises
    ------
    InputError
        If a date is missing, a capacity is not a whole number >= 0 or a number of weeks is out of range.

    Notes
    -----
    Weeks begin on Monday. A first pass goes through the weeks and gives the places of each week to the visits that may
    come in it, the earliest planned first. All windows are equally wide, so the earliest planned visit is also the one
    whose window closes first; no other rule places more visits (Glover 1967, convex bipartite graphs). A second pass
    goes back from the last week and moves each visit as near to its planned week as room allows. No visit is then early
    without need, and none is later than the first pass made it. Visits of one day keep the order of the rows.

    Examples
    --------
    >>> schedule = spread_visits(["2024-06-12"] * 4, 1, as_of="2024-06-10", weeks_late=2)
    >>> schedule.n_by_week, schedule.n_late, schedule.n_not_placed
    ({'2024-06-10': 1, '2024-06-17': 1, '2024-06-24': 1}, 2, 1)
    """
    day = as_day_column("dates", dates)
    (capacity,) = as_counts(capacity_per_week=capacity_per_week)
    if capacity.ndim > 1:
        raise InputError("capacity_per_week", "one number, or one for each week", f"{capacity.ndim} dimensions")
    first = _week_of(as_day("as_of", as_of))
    early = as_whole_number("weeks_early", weeks_early, low=0, high=_MOST_WEEKS)
    late = as_whole_number("weeks_late", weeks_late, low=0, high=_MOST_WEEKS)

    order = np.argsort(day, kind="stable")
    planned = np.maximum(_week_of(day[order]) - first, 0)  # weeks are counted from that of the run
    end = int(planned[-1]) + late + 1 if len(planned) else 0
    room = np.zeros(end, dtype=np.int64)
    room[: end if capacity.ndim == 0 else capacity.size] = capacity[:end] if capacity.ndim else capacity
    got = _earliest_first(planned - early, planned + late, room)
    placed = got >= 0
    got[placed] = _back_to_plan(np.maximum(planned, got)[placed], room)
    week = np.full(len(day), _NEVER)
    week[order[placed]] = _monday(got[placed] + first)
    if (week > _LAST_DAY).any():
        raise InputError("weeks_late", "so few that no visit is after 9999-12-31", late)
    return VisitSchedule(planned_week=hand_over(_monday(np.maximum(_week_of(day), first))), week=hand_over(week))


def _week_of(day: Any) -> Any:
    """Count the weeks from 5 January 1970, a Monday, to each day."""
    return (day - _MONDAY).astype(np.int64) // 7


def _monday(week: Integers) -> Any:
    return _MONDAY + (7 * week).astype("timedelta64[D]")


def _earliest_first(first: Integers, last: Integers, room: Integers) -> Integers:
    """Find the week of each visit, -1 for none; both ends of the windows ascend, so each week takes neighbours."""
    got = np.full(len(first), -1, dtype=np.int64)
    weeks = np.arange(len(room))
    n_over = np.searchsorted(last, weeks, side="left").tolist()  # visits whose window closed before the week
    n_open = np.searchsorted(first, weeks, side="right").tolist()
    head = 0
    for week, places in enumerate(room.tolist()):
        head = max(head, n_over[week])
        stop = min(head + places, n_open[week])
        if stop > head:
            got[head:stop] = week
            head = stop
    return got


def _back_to_plan(latest: Integers, room: Integers) -> Integers:
    """Find the last possible week of each placed visit, up to `latest`, which ascends."""
    got = np.empty(len(latest), dtype=np.int64)
    n_before = np.searchsorted(latest, np.arange(len(room)), side="left").tolist()
    tail = len(latest)
    for week in range(len(room) - 1, -1, -1):
        start = max(tail - int(room[week]), n_before[week])
        if start < tail:
            got[start:tail] = week
            tail = start
    return got
