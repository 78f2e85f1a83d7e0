"""Levels of members: upgrades at once, downgrades at the end of a period, in three kinds of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.calendar import anniversary
from crmvalue._core.checks import as_text, require
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    array_columns,
    checked_field,
    count_field,
    date_table,
    label_column,
    require_columns,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._core.calendar import LeapDayPolicy
    from crmvalue.typing import Dates, Integers

__all__ = ["Level", "MemberLevels", "Scheme", "Walk", "walk_levels"]


def _name(name: str, value: Any) -> str:
    text = as_text(name, value)
    if not text.strip():
        raise InputError(name, "a name, not empty", value)
    return text


@attrs.frozen(kw_only=True)
class Level:
    """A level of a loyalty programme, and what a member needs for it.

    Parameters
    ----------
    name : str
        Name of the level, such as "gold".
    at_least : int
        What a member needs in the window of the programme: minor units of money, points or orders, >= 0.
    privileges : tuple of str, default ()
        What members of the level get, for messages.

    Examples
    --------
    >>> Level(name="gold", at_least=100_000, privileges=("free delivery",)).at_least
    100000
    """

    name: str = checked_field("name", _name)
    at_least: int = count_field("at_least")
    privileges: tuple[str, ...] = words_field("privileges", default=())

    def to_json(self) -> str:
        """Write the level as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Level:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


@stay_frozen
@attrs.frozen(kw_only=True)
class MemberLevels(Columns):
    """Level of each member at the end of a day, and how far it is to the next one.

    Parameters
    ----------
    member : ndarray
        Members, ascending.
    tier : ndarray of int
        Number of the level of each member, 0 for the lowest.
    names : tuple of str
        Names of the levels, the lowest first.
    collected : ndarray of int
        What each member has in the window of the day.
    to_next : ndarray of int
        What is missing for the next level; 0 at the top.
    to_keep : ndarray of int, optional
        What is missing to hold the level after the end of the period; 0 where nothing is. None in a rolling window of
        one month, which begins empty: no amount holds a level there.
    period_end : ndarray of datetime64
        Last day of the period of each member, after which a level may fall.

    Examples
    --------
    >>> from crmvalue.loyalty import LoyaltyProgramme
    >>> programme = LoyaltyProgramme(
    ...     levels=[Level(name="base", at_least=0), Level(name="gold", at_least=100)],
    ...     window="year",
    ... )
    >>> found = programme.member_levels(["ann", "bob"], ["2024-03-01", "2024-05-01"], [120, 70], as_of="2024-06-30")
    >>> found.tier_names.tolist()
    ['gold', 'base']
    >>> found.to_next.tolist()
    [0, 30]
    """

    member: npt.NDArray[Any] = label_column("member")
    tier: Integers = whole_table("tier")
    names: tuple[str, ...] = words_field("names", distinct=True)
    collected: Integers = whole_table("collected")
    to_next: Integers = whole_table("to_next")
    to_keep: Integers | None = whole_table("to_keep", default=None)
    period_end: Dates = date_table("period_end")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.member), ("tier", "collected", "to_next", "to_keep", "period_end"), "members")
        require((self.tier >= 0) & (self.tier < len(self.names)), "tier", self.tier, "a number of a level of `names`")
        below_top = self.tier < len(self.names) - 1
        require(below_top | (self.to_next == 0), "to_next", self.to_next, "0 at the highest level")
        require(~np.isnat(self.period_end), "period_end", self.period_end, "a date, not missing")

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each member, for a dataframe of any kind."""
        return {**array_columns(self), "tier": self.tier_names}

    @property
    def tier_names(self) -> npt.NDArray[np.str_]:
        """Name of the level of each member."""
        return text_array(self.names)[self.tier]

    def to_json(self) -> str:
        """Write the levels as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> MemberLevels:
        """Read what `to_json` wrote."""
        return from_json(cls, text)


class Scheme(NamedTuple):
    """The window of a programme and the thresholds of its levels."""

    at_least: Integers
    window: str
    months: int
    soft_landing: bool
    leap_day: LeapDayPolicy


class Walk(NamedTuple):
    """Levels of all members at the last day, and around each row."""

    level: Integers
    collected: Integers
    kept: Integers
    period_end: Dates
    before: Integers
    after: Integers
    falls: tuple[Integers, Dates, Integers]
    """Member, day and new level of each change at the start of a period."""


def walk_levels(
    scheme: Scheme, member: Integers, day: Dates, amount: Integers, joined: Dates, as_of: Any, *, each_row: bool
) -> Walk:
    """Follow the levels of members through their periods; no row is after `as_of`.

    With `each_row`, for which rows are in the order of time, also find the levels around each row and the falls.
    """
    n = len(joined)
    period, last = _periods(scheme, member, day, joined, as_of)
    short = period.astype(np.int16) if int(last.max(initial=0)) < 2**15 - 1 else period
    order = np.argsort(short, kind="stable")
    ends = np.searchsorted(short[order], np.arange(int(last.max(initial=0)) + 2, dtype=short.dtype))
    carried = np.zeros(n, dtype=np.int64)
    base = np.zeros(n, dtype=np.int64)
    row_carried, row_base = np.zeros(len(member), dtype=np.int64), np.zeros(len(member), dtype=np.int64)
    level, collected, kept = np.zeros((3, n), dtype=np.int64)
    falls: list[tuple[Integers, Dates, Integers]] = []
    totals: list[Integers] = []
    is_last = np.bincount(last, minlength=1) > 0
    n_same = 0  # periods in a row without a row and without a change
    for p in range(int(last.max(initial=0)) + 1):
        rows = order[ends[p] : ends[p + 1]]
        if n_same >= scheme.months and not len(rows) and not is_last[p]:
            totals.append(np.zeros(1, dtype=np.int64))
            continue
        if each_row:
            row_carried[rows], row_base[rows] = carried[member[rows]], base[member[rows]]
        total = np.bincount(member[rows], amount[rows], minlength=n).astype(np.int64)
        held = np.maximum(carried, _level(scheme, base + total))
        if scheme.window == "rolling":
            next_base = base + total
            totals.append(total)
            if len(totals) >= scheme.months:
                next_base = next_base - totals[p - scheme.months + 1]
                totals[p - scheme.months + 1] = np.zeros(0, dtype=np.int64)
            stays = next_base
        else:
            next_base, stays = base, total
        now = last == p
        level[now], collected[now], kept[now] = held[now], (base + total)[now], stays[now]
        carried = _level(scheme, stays)
        if scheme.soft_landing:
            carried = np.maximum(carried, held - 1)
        is_same = not len(rows) and np.array_equal(carried, held) and np.array_equal(base, next_base)
        n_same = n_same + 1 if is_same else 0
        base = next_base
        if not each_row:
            continue
        changed = np.nonzero((carried != held) & (last > p))[0]
        falls.append((changed, _start(scheme, joined[changed], np.full(len(changed), p + 1), day), carried[changed]))
    end = _start(scheme, joined, last + 1, day) - np.timedelta64(1, "D")
    if not each_row:
        return Walk(level, collected, kept, end, row_base, row_base, (row_base, day, row_base))
    so_far = _running(member, period, amount)
    after = np.maximum(row_carried, _level(scheme, row_base + so_far))
    before = np.maximum(row_carried, _level(scheme, row_base + so_far - amount))
    joint = tuple(np.concatenate(parts) for parts in zip(*falls, strict=True))
    return Walk(level, collected, kept, end, before, after, joint)  # type: ignore[arg-type]  # three parts


def _level(scheme: Scheme, collected: Integers) -> Integers:
    return np.searchsorted(scheme.at_least, collected, side="right") - 1


def _periods(
    scheme: Scheme, member: Integers, day: Dates, joined: Dates, as_of: np.datetime64
) -> tuple[Integers, Integers]:
    """Find the number of the period of each row, and the last period of each member."""
    if scheme.window == "anniversary":
        everybody = np.arange(len(joined))
        return _years(scheme, joined, member, day), _years(scheme, joined, everybody, np.full(joined.shape, as_of))
    unit = "datetime64[Y]" if scheme.window == "year" else "datetime64[M]"
    first = _first(day).astype(unit).astype(np.int64)
    last = np.asarray(as_of).astype(unit).astype(np.int64) - first
    return day.astype(unit).astype(np.int64) - first, np.full(joined.shape, last)


def _first(day: Dates) -> np.datetime64:
    first: np.datetime64 = day.min()
    return first


def _years(scheme: Scheme, joined: Dates, member: Integers, day: Dates) -> Integers:
    """Whole years since joining, by anniversaries; only in the month of joining the day matters."""
    months = day.astype("datetime64[M]").astype(np.int64) - joined.astype("datetime64[M]").astype(np.int64)[member]
    years = months // 12
    rows = np.nonzero(months == 12 * years)[0]
    year = day[rows].astype("datetime64[Y]").astype(np.int64) + 1970
    years[rows] -= anniversary(joined[member[rows]], year, leap_day=scheme.leap_day) > day[rows]
    return years


def _start(scheme: Scheme, joined: Dates, period: Integers, day: Dates) -> Dates:
    """First day of a period of each member."""
    if scheme.window == "anniversary":
        begin = joined.astype("datetime64[Y]").astype(np.int64) + 1970
        return anniversary(joined, begin + period, leap_day=scheme.leap_day)
    unit = "datetime64[Y]" if scheme.window == "year" else "datetime64[M]"
    first = _first(day).astype(unit).astype(np.int64)
    start: Dates = (first + period).astype(unit).astype("datetime64[D]")
    return start


def _running(member: Integers, period: Integers, amount: Integers) -> Integers:
    """Sum of each member's rows in the period up to each row, the row included."""
    order = np.lexsort((np.arange(len(member)), period, member))
    total = np.cumsum(amount[order])
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(member[order]) != 0) | (np.diff(period[order]) != 0)
    starts = np.nonzero(first)[0]
    offset = np.where(starts > 0, total[starts - 1], 0)
    found = np.empty(len(order), dtype=np.int64)
    found[order] = total - offset[np.cumsum(first) - 1]
    return found
