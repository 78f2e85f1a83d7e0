"""How much faster than on average customers buy on each day: levels by month, week, weekday and for single days."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_day_column, as_positive, as_text, require
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    Given,
    array_field,
    checked_field,
    hand_over,
    read_only,
    stay_frozen,
    tuple_of,
    words_field,
)
from crmvalue._models.clocks.clock import Clock
from crmvalue._models.shared.common import check_history
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["LEAP_WEEK", "SEASONS", "Calendar", "DayEffect", "groups_of", "last_day_of", "levels_on", "values_on"]

SEASONS: dict[str, tuple[str, ...]] = {
    "month": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    "week": tuple(f"week {number}" for number in range(1, 54)),
    "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}  # fmt: skip
"""Names of the levels of each season. Weeks are those of ISO 8601."""

LEAP_WEEK = "week 53"
"""Week that only some years have."""

_LARGEST = 200.0  # a logarithm: the factor of a day is within exp(+-200)
_MONDAY = 3  # 1970-01-01 was a Thursday: days since the Monday before it


def groups_of(season: str, day: Dates) -> Integers:
    """Give the place of each day among the levels of a season."""
    if season == "month":
        return day.astype("datetime64[M]").astype(np.int64) % 12
    number = day.astype("datetime64[D]").astype(np.int64)
    weekday: Integers = (number + _MONDAY) % 7
    if season == "weekday":
        return weekday
    thursday = number - weekday + 3  # the year of its Thursday is the year of an ISO week
    year = thursday.astype("datetime64[D]").astype("datetime64[Y]")
    found: Integers = (thursday - year.astype("datetime64[D]").astype(np.int64)) // 7
    return found


def _levels_field(season: str) -> Any:
    names = SEASONS[season]

    def convert(value: Any) -> Floats | None:
        if value is None or isinstance(value, Given):
            return None if value is None else read_only(value)
        if isinstance(value, Mapping):
            for name in value:
                if name not in names:
                    raise InputError(season, f"levels by name, {names[0]} to {names[-1]}", name)
            value = [value.get(name, 1.0) for name in names]
        level = as_column(season, value)
        if len(level) != len(names):
            raise InputError(season, f"{len(names)} levels, {names[0]} to {names[-1]}, or some by name", len(level))
        require(level > 0, season, level, "> 0", hint="1 is the mean; a level of 0 would forbid purchases")
        return read_only(level)

    return array_field(convert, default=None)


def _day_column(value: Any) -> Dates:
    if isinstance(value, Given):
        return read_only(value)
    day = as_day_column("date", value)
    distinct, count = np.unique(day, return_counts=True)
    if len(distinct) != len(day):
        raise InputError("date", "each day once", str(distinct[count > 1][0]))
    return read_only(day)


def _value_column(value: Any) -> Floats | None:
    if value is None or isinstance(value, Given):
        return None if value is None else read_only(value)
    return read_only(as_column("value", value))


@stay_frozen
@attrs.frozen(kw_only=True)
class DayEffect(Columns):
    """How single days differ: a holiday, a promotion, or a figure known for each day, such as the temperature.

    Parameters
    ----------
    name : str
        Name of the holiday or of the figure.
    date : array_like
        Days, each once, shape (n,). Give those of the future too: on other days the effect is none.
    level : float
        Factor of the pace of purchases for a value of 1, > 0.
    value : array_like, optional
        Figure of each day, shape (n,); the factor of a day is `level` to the power of its value. By default 1.

    Raises
    ------
    InputError
        If a day comes twice, the columns differ in length, the level is not above 0, or the factor of a day is none.

    Examples
    --------
    >>> from crmvalue.models import DayEffect
    >>> DayEffect(name="Black Friday", date=["2024-11-29", "2025-11-28"], level=2.5).level
    2.5
    """

    name: str = checked_field("name", as_text)
    date: Dates = array_field(_day_column)
    level: float = checked_field("level", as_positive)
    value: Floats | None = array_field(_value_column, default=None)

    def __attrs_post_init__(self) -> None:
        if self.value is not None and len(self.value) != len(self.date):
            raise InputError("value", f"one for each of the {len(self.date)} days", len(self.value))
        if self.value is not None:
            rule = f"such that the factor of each day is within exp(+-{_LARGEST:g})"
            require(np.abs(self.value * np.log(self.level)) <= _LARGEST, "value", self.value, rule)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give one row for each day, with its value and the factor of its pace, for a dataframe of any kind."""
        value = values_on(self, self.date)
        return {"date": self.date, "value": value, "factor": self.level**value}


@stay_frozen
@attrs.frozen(kw_only=True)
class Calendar:
    """How fast all customers buy on each day, beside their own pace: 1 is the mean, 2 is twice as fast.

    The level of a day is the product of the levels of its month, its week, its weekday and of the effects of single
    days. A season repeats every year, so it is known for the future; a trend does not and has no place here.

    Parameters
    ----------
    month : array_like or mapping, optional
        12 levels, January first, > 0; or some of them by name, `{"December": 1.8}`, the others 1.
    week : array_like or mapping, optional
        53 levels of the weeks of ISO 8601; or some by name, `{"week 51": 2.0}`.
    weekday : array_like or mapping, optional
        7 levels, Monday first; or some by name.
    days : sequence of DayEffect, optional
        Holidays and figures of single days.
    unseen : sequence of str, optional
        Names of the levels that no data were seen for.

    Raises
    ------
    InputError
        If a level is not above 0, has an unknown name, or their number is wrong.

    Notes
    -----
    Operational time is the sum of the levels of the days. A purchase on day t after a purchase on day s comes after the
    levels of the days s + 1 to t. With all levels 1 it is the time itself.

    Examples
    --------
    >>> from crmvalue.models import Calendar
    >>> calendar = Calendar(month={"November": 1.5, "December": 2.0}, weekday={"Sunday": 0.5})
    >>> calendar.level(["2024-10-01", "2024-12-02", "2024-12-01"])
    array([1., 2., 1.])
    """

    month: Floats | None = _levels_field("month")
    week: Floats | None = _levels_field("week")
    weekday: Floats | None = _levels_field("weekday")
    days: tuple[DayEffect, ...] = checked_field("days", tuple_of(DayEffect), default=())
    unseen: tuple[str, ...] = words_field("unseen", distinct=True, default=())

    def __attrs_post_init__(self) -> None:
        if len({effect.name for effect in self.days}) != len(self.days):
            raise InputError("days", "each effect once", [effect.name for effect in self.days])

    def level(self, date: ArrayLike) -> Floats:
        """Give the level of each day.

        Parameters
        ----------
        date : array_like
            Days, shape (n,).

        Returns
        -------
        ndarray
            Levels, > 0, shape (n,).

        Raises
        ------
        InputError
            If a date is missing or no date.
        """
        return levels_on(self, as_day_column("date", date))

    def unseen_between(self, after: ArrayLike, end: ArrayLike) -> tuple[str, ...]:
        """Name the levels of a period for which no data were seen.

        Parameters
        ----------
        after, end : date
            The period begins on the day after `after` and ends with the day `end`.

        Returns
        -------
        tuple of str
            Names, in the order of the year.

        Raises
        ------
        InputError
            If one is no date, or `end` is before `after`.

        Examples
        --------
        >>> from crmvalue.models import Calendar
        >>> calendar = Calendar(month=[1.0] * 12, unseen=["November", "December"])
        >>> calendar.unseen_between("2024-09-30", "2024-11-15")
        ('November',)
        """
        first, last = (as_day_column(name, [value])[0] for name, value in (("after", after), ("end", end)))
        if last < first:
            raise InputError("end", f"not before `after` ({first})", str(last))
        day = np.arange(first + 1, last + 1)
        met = [
            SEASONS[season][place]
            for season in SEASONS
            if getattr(self, season) is not None
            for place in np.unique(groups_of(season, day)).tolist()
        ]
        met += [effect.name for effect in self.days if values_on(effect, day).any()]
        return tuple(name for name in met if name in self.unseen)

    def operational_history(self, history: PurchaseHistory) -> PurchaseHistory:
        """Give a history in operational time, to which models can be fitted whose customers leave at a purchase.

        Parameters
        ----------
        history : PurchaseHistory
            Customers, with `as_of` and in days: `grain` is not "week".

        Returns
        -------
        PurchaseHistory
            The same customers; `recency` and `age` are operational time. It has no `as_of`: its times are no days.

        Raises
        ------
        InputError
            If the history is empty, has no `as_of`, or counts whole weeks.

        Examples
        --------
        >>> from crmvalue.models import Calendar
        >>> from crmvalue.purchases import summarise_purchases
        >>> history = summarise_purchases(["ann", "ann"], ["2024-11-20", "2024-12-11"], as_of="2024-12-31")
        >>> history.recency, Calendar(month={"December": 2.0}).operational_history(history).recency.round(2)
        (array([3.]), array([4.57]))
        """
        known = check_history(history)
        clock = Clock(partial(levels_on, self), last_day_of(known), DAYS_PER_UNIT[known.time_unit])
        recency, age = clock.past(known.recency, known.age)
        return attrs.evolve(known, recency=hand_over(recency), age=hand_over(age), as_of=None, counts=None)

    def to_json(self) -> str:
        """Write the levels as JSON text; :meth:`from_json` reads it back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Calendar:
        """Read the levels that :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> from crmvalue.models import Calendar
        >>> calendar = Calendar(month={"December": 2.0})
        >>> Calendar.from_json(calendar.to_json()) == calendar
        True
        """
        return from_json(cls, text, DayEffect)


def values_on(effect: DayEffect, day: Dates) -> Floats:
    """Value of an effect on each day: 0 on days that it does not know."""
    if not len(effect.date):
        return np.zeros(len(day))
    order = np.argsort(effect.date)
    known = effect.date[order]
    value = np.ones(len(known)) if effect.value is None else effect.value[order]
    place = np.minimum(np.searchsorted(known, day), len(known) - 1)
    return np.where(known[place] == day, value[place], 0.0)


def levels_on(calendar: Calendar, day: Dates) -> Floats:
    """Level of each day."""
    found = np.ones(len(day))
    for season in SEASONS:
        levels = getattr(calendar, season)
        if levels is not None:
            found *= levels[groups_of(season, day)]
    for effect in calendar.days:
        found *= effect.level ** values_on(effect, day)
    return found


def last_day_of(history: PurchaseHistory) -> np.datetime64:
    """Give the last day of a history, from which the days of all purchases follow; refuse one that lacks it."""
    if history.as_of is None:
        hint = "summarise_purchases and split_purchases give it, from_columns takes `as_of`"
        raise InputError("history", "one with `as_of`, since a calendar needs the days of purchases", None, hint=hint)
    if history.grain == "week":
        raise InputError(
            "history", "one of days, since a calendar has a level for each day", "week", hint='grain="day"'
        )
    return history.as_of
