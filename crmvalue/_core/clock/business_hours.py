"""Business hours: opening hours of the week, holidays and time zone, as one calendar for whole columns of moments.

The time that an office has been open since a fixed moment grows with the clock while it is open, and stands still while
it is closed. Every question is a difference or an inverse of this one function, so that no row is walked through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_day,
    as_day_column,
    as_floats,
    as_items,
    as_ordered_items,
    as_text,
    as_times,
    as_whole_number,
    plain_text,
    require,
    require_same_labels,
)
from crmvalue._core.clock.zones import as_zone, offsets_of_years
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    FixedMapping,
    array_field,
    checked_field,
    hand_over,
    optional,
    plain_given,
    read_only,
    stay_frozen,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, FloatOrArray, Floats, Integers

__all__ = ["BusinessHours", "as_business_hours", "as_hours"]

_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_CLOCK_HINT = "hours have two digits; a night is two periods: '22:00-24:00', and '00:00-06:00'"
_DAYS_HINT = "days are Mon, Tue, Wed, Thu, Fri, Sat, Sun; for Sat to Mon give each day"
_NOT_GIVEN = FixedMapping[str, tuple[str, ...]]()
_SECOND = 1_000_000  # microseconds
_HOUR = 3600 * _SECOND
_DAY = 24 * _HOUR
_MONDAY = 4 * _DAY  # 5 January 1970, from which weeks are counted
_MOST_HOURS = 100_000.0  # eleven years
_MOST_DAYS = 3660
_FIRST_YEAR, _LAST_YEAR = 1900, 2199  # with a time zone; no office is older, and the rules of zones end sooner


def as_hours(name: str, value: ArrayLike) -> Floats:
    """Take waiting times in hours, above 0 and at most 100,000."""
    (hours,) = as_floats(**{name: value})
    require((hours > 0) & (hours <= _MOST_HOURS), name, hours, f"above 0 and at most {_MOST_HOURS:,.0f}")
    return hours


def as_business_hours(name: str, value: object) -> BusinessHours:
    """Take business hours."""
    if not isinstance(value, BusinessHours):
        raise InputError(name, "BusinessHours, or None for calendar hours", value)
    return value


def _days(value: object) -> tuple[str, ...]:
    days = [plain_text(day) for day in as_items("days", value, f"some of {', '.join(_WEEK)}")]
    for index, day in enumerate(days):
        if not isinstance(day, str) or day not in _WEEK or day in days[:index]:
            raise InputError("days", f"some of {', '.join(_WEEK)}, each once", day, index=index)
    if not days:
        raise InputError("days", "at least one day of the week", days)
    return tuple(sorted(days, key=_WEEK.index))


def _holidays(value: ArrayLike) -> Dates:
    return read_only(hand_over(np.unique(as_day_column("holidays", value))))


def _clock(name: str, value: object) -> str:
    text = as_text(name, value)
    if not _CLOCK.fullmatch(text):
        raise InputError(name, "a time of day such as '09:00', up to '24:00'", text)
    return text


def _hours_of_week(value: Any) -> FixedMapping[str, tuple[str, ...]]:
    """Take the periods of each day; "Mon-Fri" stands for its five days."""
    if value is None:
        return _NOT_GIVEN
    value = plain_given(value)
    if not isinstance(value, Mapping):
        raise InputError("hours", "a mapping of days to periods, such as {'Mon-Fri': '09:00-18:00'}", value)
    found: dict[str, tuple[str, ...]] = {}
    for days, periods in value.items():
        named, name = _days_named(days), f"hours[{days!r}]"
        texts = (
            [periods] if isinstance(periods, str) else as_ordered_items(name, periods, "a period, or a list of them")
        )
        for day in named:
            if day in found:
                raise InputError("hours", "each day once", day)
            found[day] = _periods(name, texts)
    if value and not any(found.values()):
        raise InputError("hours", "at least one period of the week", value)
    return FixedMapping({day: found[day] for day in _WEEK if found.get(day)})


def _days_named(text: object) -> tuple[str, ...]:
    first, dash, last = text.partition("-") if isinstance(text, str) else ("", "", "")
    last = last if dash else first
    if first not in _WEEK or last not in _WEEK or _WEEK.index(first) > _WEEK.index(last):
        raise InputError("hours", "a day such as 'Sat', or days such as 'Mon-Fri'", text, hint=_DAYS_HINT)
    return _WEEK[_WEEK.index(first) : _WEEK.index(last) + 1]


def _periods(name: str, texts: list[Any]) -> tuple[str, ...]:
    rule = "periods such as '09:00-13:00', that end after their start and do not overlap"
    for text in texts:
        start, _, end = text.partition("-") if isinstance(text, str) else ("", "", "")
        if not _CLOCK.fullmatch(start) or not _CLOCK.fullmatch(end) or end <= start:
            raise InputError(name, rule, text, hint=_CLOCK_HINT)
    ordered = sorted(texts)
    for one, other in pairwise(ordered):
        if other[:5] < one[6:]:
            raise InputError(name, rule, other)
    return tuple(str.__str__(text) for text in ordered)


@stay_frozen
@attrs.frozen(kw_only=True)
class BusinessHours:
    """Opening hours of a week, with holidays and a time zone: one calendar for service, tasks and journeys.

    Parameters
    ----------
    days : iterable of str, optional
        Working days of the week, of "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" and "Sun"; Monday to Friday by default.
    start, end : str, optional
        Opening and closing time "HH:MM", `end` after `start` and at most "24:00".
    holidays : array_like of dates, optional
        Days without work, on any day of the week.
    hours : mapping of str to str or sequence of str, optional
        Hours that differ from day to day, or with a break, in place of `days`, `start` and `end`. A key is a day such
        as "Sat" or a range such as "Mon-Fri"; a value is a period such as "09:00-13:00", or several of them.
    time_zone : str, optional
        Time zone in which the hours are meant, such as "Europe/Kyiv". All moments are then in UTC, those given and
        those that come back, of the years 1900 to 2199. Without it, all moments are local times.

    Notes
    -----
    With a time zone, hours are true hours also where the clocks change: an office that is open day and night has 23
    hours on the day on which the clocks go forward. A time of day that the clocks skip has no hours, and one that comes
    twice has them twice.

    Examples
    --------
    >>> hours = BusinessHours(start="09:00", end="18:00", holidays=["2024-12-25"])
    >>> hours.hours_per_day
    9.0
    >>> office = BusinessHours(hours={"Mon-Fri": ["09:00-13:00", "14:00-18:00"], "Sat": "10:00-14:00"})
    >>> print(office.hours_between("2024-05-31 17:00", "2024-06-01 12:00"))
    3.0
    >>> office.hours_per_week
    44.0
    """

    days: tuple[str, ...] = attrs.field(converter=_days, default=_WEEK[:5])
    start: str = checked_field("start", _clock, default="09:00")
    end: str = checked_field("end", _clock, default="18:00")
    holidays: Dates = array_field(_holidays, default=())
    hours: FixedMapping[str, tuple[str, ...]] = attrs.field(converter=_hours_of_week, default=None)
    time_zone: str | None = checked_field("time_zone", optional(as_zone), default=None)

    def __attrs_post_init__(self) -> None:
        if self.end <= self.start:
            raise InputError("end", "after `start` of the same day", self.end, hint="give a night as two `hours`")
        if self.hours and (self.days, self.start, self.end) != (_WEEK[:5], "09:00", "18:00"):
            raise InputError("hours", "given in place of `days`, `start` and `end`", dict(self.hours))

    @property
    def hours_per_week(self) -> float:
        """Hours of a week without holidays."""
        return _week(self).total / _HOUR

    @property
    def hours_per_day(self) -> float:
        """Hours of a working day; where the days differ, their mean."""
        return self.hours_per_week / len(self.hours or self.days)

    def hours_between(self, start: ArrayLike, end: ArrayLike) -> FloatOrArray:
        """Count the business hours from one moment to another.

        Parameters
        ----------
        start, end : array_like
            Moments; shapes broadcast. Local times, or UTC where there is a `time_zone`.

        Returns
        -------
        numpy.float64 or numpy.ndarray
            Hours, negative where `end` is before `start`.

        Raises
        ------
        InputError
            If a moment is missing or of a wrong kind, or the shapes do not broadcast.
        """
        require_same_labels({"start": start, "end": end})
        first, last = as_times("start", start), as_times("end", end)
        _require_broadcast("end", last.shape, "start", first.shape)
        if self.time_zone is not None:
            _zoned_years("start", first), _zoned_years("end", last)
        hours: FloatOrArray = self._elapsed_between(first, last)[()]
        return hours

    def add_hours(self, time: ArrayLike, hours: ArrayLike) -> Dates:
        """Find the first moment at which a number of business hours have passed.

        Parameters
        ----------
        time : array_like
            Moments from which to count. Local times, or UTC where there is a `time_zone`.
        hours : array_like
            Business hours, above 0 and at most 100,000; broadcasts with `time`.

        Returns
        -------
        datetime64[us] or ndarray of it
            Hours that end exactly at closing time end there, not at the next opening.

        Raises
        ------
        InputError
            If a moment is missing or of a wrong kind, a number of hours is out of range, or the shapes do not
            broadcast.
        """
        require_same_labels({"time": time, "hours": hours})
        start, wait = as_times("time", time), as_hours("hours", hours)
        _require_broadcast("hours", wait.shape, "time", start.shape)
        return self._after(start, wait)[()]

    def next_open(self, time: ArrayLike) -> Dates:
        """Give each moment that is open, and for any other the next opening.

        Parameters
        ----------
        time : array_like
            Moments. Local times, or UTC where there is a `time_zone`.

        Returns
        -------
        datetime64[us] or ndarray of it
            Closing time itself is closed.

        Raises
        ------
        InputError
            If a moment is missing or of a wrong kind.
        """
        start = as_times("time", time)
        found = self._open_from(start)
        require(found < _YEAR_10000, "time", start, "early enough that the next opening is in the years up to 9999")
        return found[()]

    def is_open(self, time: ArrayLike) -> npt.NDArray[np.bool_] | np.bool_:
        """Tell whether the office is open at each moment; closing time itself is closed.

        Parameters
        ----------
        time : array_like
            Moments. Local times, or UTC where there is a `time_zone`.

        Returns
        -------
        bool or ndarray of bool
            One for each moment.

        Raises
        ------
        InputError
            If a moment is missing or of a wrong kind.
        """
        start = as_times("time", time)
        return np.equal(self._open_from(start), start)[()]

    def slots(self, first: ArrayLike, last: ArrayLike, *, minutes: int) -> Dates:
        """Cut the opening hours of some days into slots of equal length.

        Parameters
        ----------
        first, last : date
            First and last day, at most 3,660 days apart; days of the office, also where there is a `time_zone`.
        minutes : int
            Length of a slot, from 1 to 1440. What is left at the end of a period gives no slot.

        Returns
        -------
        ndarray of datetime64[us]
            Start of each slot in local time, ascending.

        Raises
        ------
        InputError
            If a day cannot be read, `last` is before `first` or too far from it, or `minutes` is out of range.
        """
        begin, end = as_day("first", first), as_day("last", last)
        length = as_whole_number("minutes", minutes, low=1, high=1440) * 60 * _SECOND
        if not 0 <= (end - begin).astype(np.int64) <= _MOST_DAYS:
            raise InputError("last", f"from `first` ({begin}) to {_MOST_DAYS} days after it", end)
        week = _week(self)
        starts = np.concatenate(
            [np.arange(a, b - length + 1, length) for a, b in zip(week.start, week.end, strict=True)]
        )
        monday = begin - np.timedelta64((int(begin.astype(np.int64)) - 4) % 7, "D")
        weeks = np.arange(monday, end + np.timedelta64(1, "D"), 7, dtype="datetime64[D]")
        moments = (_as_numbers(weeks)[:, np.newaxis] + starts).ravel()
        day = _as_times(moments).astype("datetime64[D]")
        found: Dates = _as_times(moments[(day >= begin) & (day <= end) & ~np.isin(day, self.holidays)])
        return found

    def to_json(self) -> str:
        """Write the hours as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> BusinessHours:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)

    def _open_from(self, start: Dates) -> Dates:
        """Next opening of each moment, beyond the calendar too."""
        clock = _Clock(self, start)
        return _as_times(clock.when(clock.elapsed(_as_numbers(start)), last=True))

    def _elapsed_between(self, start: Dates, end: Dates) -> Floats:
        """Hours between moments that were checked; a missing end gives NaN."""
        known = np.isfinite(end)
        clock = _Clock(self, np.append(start.ravel(), end[known]))
        stop = np.zeros(end.shape, dtype=np.int64)
        stop[known] = clock.elapsed(_as_numbers(end[known]))
        hours: Floats = (stop - clock.elapsed(_as_numbers(start))) / _HOUR
        return np.where(known, hours, np.nan)

    def _after(self, start: Dates, hours: Floats) -> Dates:
        """First moment after so many hours, for what was checked."""
        wait = np.maximum(np.rint(hours * _HOUR), 1).astype(np.int64)
        most_days = int(wait.max(initial=0) / _week(self).total) * 7 + 400 + len(self.holidays)
        latest = np.append(start, np.datetime64("1970-01-01", "us")).max() + np.timedelta64(most_days, "D")
        clock = _Clock(self, np.append(start.ravel(), min(latest, _LAST) if self.time_zone else latest))
        due = _as_times(clock.when(clock.elapsed(_as_numbers(start)) + wait, last=False))
        if self.time_zone is not None:
            require(due < _LAST, "hours", hours, f"so few that they end by the year {_LAST_YEAR}")
        require(due < _YEAR_10000, "hours", hours, "so few that they end by the year 9999")
        return due


_YEAR_10000 = np.datetime64("10000-01-01", "us")
_LAST = np.datetime64(f"{_LAST_YEAR}-12-31", "us")


def _require_broadcast(name: str, shape: tuple[int, ...], other: str, other_shape: tuple[int, ...]) -> None:
    try:
        np.broadcast_shapes(shape, other_shape)
    except ValueError as error:
        raise InputError(name, f"of a shape that broadcasts with that of `{other}`, {other_shape}", shape) from error


def _as_numbers(time: Dates) -> Integers:
    return time.astype("datetime64[us]").astype(np.int64)


def _as_times(number: Integers) -> Dates:
    return number.astype("datetime64[us]")


class _Week(NamedTuple):
    """Periods of a week in microseconds from Monday, and the open time up to the end of each."""

    start: Integers
    end: Integers
    until: Integers
    total: int


def _week(opening: BusinessHours) -> _Week:
    week = opening.hours or dict.fromkeys(opening.days, (f"{opening.start}-{opening.end}",))
    bounds = [
        [_WEEK.index(day) * _DAY + _microseconds(clock) for clock in text.split("-")]
        for day, texts in week.items()
        for text in texts
    ]
    start, end = np.array(bounds, dtype=np.int64).T.copy()
    until = np.cumsum(end - start)
    return _Week(start, end, until, int(until[-1]))


def _microseconds(clock: str) -> int:
    hour, minute = map(int, clock.split(":"))
    return hour * _HOUR + minute * (_HOUR // 60)


def _zoned_years(name: str, times: Dates) -> Integers:
    """Give the year of each moment, if the table of time zones has all of them."""
    years: Integers = times.ravel().astype("datetime64[Y]").astype(np.int64) + 1970
    rule = f"of the years {_FIRST_YEAR} to {_LAST_YEAR}, where there is a time zone"
    require((years >= _FIRST_YEAR) & (years <= _LAST_YEAR), name, times.ravel(), rule)
    return years


class _Clock:
    """Open time since a fixed moment, and its inverse, for the years around some moments."""

    def __init__(self, opening: BusinessHours, times: Dates) -> None:
        self.week = _week(opening)
        days = _as_numbers(opening.holidays)
        first, last = self._by_week(days), self._by_week(days + _DAY)
        open_days = last > first
        lost = np.cumsum(last - first)[open_days]
        self.holiday, self.lost = days[open_days], np.append(0, lost)
        self.length = (last - first)[open_days]
        self.before = first[open_days] - self.lost[:-1]  # open time when each holiday begins
        self.starts: Integers | None = None
        if opening.time_zone is not None:
            self._read_zone(opening.time_zone, times)

    def _read_zone(self, zone: str, times: Dates) -> None:
        years = _zoned_years("time", times)
        low, high = (int(years.min()), int(years.max())) if len(years) else (1970, 1970)
        starts, offsets = offsets_of_years(zone, np.arange(low, high + 1))
        starts, offsets = starts * _SECOND, offsets * _SECOND
        starts[0] = int(np.datetime64(f"{low - 2}-01-01", "us").astype(np.int64))
        # A change of the clocks moves the local time and lets no time pass.
        jump = self._local(starts[1:] + offsets[:-1]) - self._local(starts[1:] + offsets[1:])
        self.starts, self.offsets = starts, offsets
        self.shift = np.append(0, np.cumsum(jump))
        self.passed = self._local(starts + offsets) + self.shift

    def elapsed(self, time: Integers) -> Integers:
        """Open time up to each moment [microseconds]."""
        if self.starts is None:
            return self._local(time)
        stretch = np.searchsorted(self.starts, time, side="right") - 1
        passed: Integers = self._local(time + self.offsets[stretch]) + self.shift[stretch]
        return passed

    def when(self, elapsed: Integers, *, last: bool) -> Integers:
        """First, or last, moment up to which so much open time has passed."""
        if self.starts is None:
            return self._local_when(elapsed, last=last)
        stretch = np.searchsorted(self.passed, elapsed, side="right" if last else "left") - 1
        time: Integers = self._local_when(elapsed - self.shift[stretch], last=last) - self.offsets[stretch]
        return time

    def _by_week(self, time: Integers) -> Integers:
        """Open time without holidays."""
        whole, rest = np.divmod(time - _MONDAY, 7 * _DAY)
        period = np.searchsorted(self.week.end, rest)
        done = np.append(0, self.week.until)[period]
        inside = np.maximum(rest - np.append(self.week.start, 7 * _DAY)[period], 0)
        open_time: Integers = whole * self.week.total + done + inside
        return open_time

    def _local(self, time: Integers) -> Integers:
        if len(self.holiday) == 0:
            return self._by_week(time)
        begun = np.searchsorted(self.holiday, time, side="right") - 1  # the last holiday that has begun
        full = self._by_week(time)
        previous = np.maximum(begun, 0)
        in_it = (begun >= 0) & (time < self.holiday[previous] + _DAY)
        held = self.before[previous]
        passed: Integers = np.where(in_it, held, full - self.lost[begun + 1])
        return passed

    def _local_when(self, elapsed: Integers, *, last: bool) -> Integers:
        full = elapsed
        if len(self.holiday):
            full = elapsed + self.lost[np.searchsorted(self.before, elapsed, side="right" if last else "left")]
        whole, rest = np.divmod(full if last else full - 1, self.week.total)
        rest = rest if last else rest + 1
        period = np.searchsorted(self.week.until, rest, side="right" if last else "left")
        done = np.append(0, self.week.until)[period]
        time: Integers = _MONDAY + whole * (7 * _DAY) + self.week.start[period] + rest - done
        return time
