"""Retention by days since the first purchase, or since another start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._cohorts.pictures import days_parts
from crmvalue._cohorts.retention import rate
from crmvalue._cohorts.starts import NEVER, advice_on_old, read_starts
from crmvalue._core.calendar import warn_of_early_rows
from crmvalue._core.checks import (
    as_counts,
    as_day,
    as_day_column,
    as_fraction,
    as_time_column,
    require,
    require_choice,
    require_same_index,
    require_same_length,
)
from crmvalue._core.clock.old_customers import days_bought, warn_of_old_customers
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    choice_field,
    count_column,
    count_field,
    hand_over,
    number_column,
    require_at_most,
    stay_frozen,
)
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._cohorts.starts import Starts
    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["NDayRetention", "n_day_retention"]

_MOST_WINDOWS = 10_000

_MICROSECONDS = 86_400_000_000  # of a day

NDayKind: TypeAlias = Literal["day", "bracket", "unbounded"]
DayLength: TypeAlias = Literal["calendar", "24h"]


@stay_frozen
@attrs.frozen(kw_only=True)
class NDayRetention(Columns, Pictured):
    """Share of customers who came back, by days since their first purchase or another start.

    Parameters
    ----------
    kind : {"day", "bracket", "unbounded"}
        What counts as coming back.
    as_of : datetime64[D]
        Last day that the log covers.
    first_day, last_day : ndarray
        First and last day since the first purchase that count, shape (n,); `last_day` is infinite for "unbounded".
    n_eligible : ndarray of int
        Customers whose days that count are over: the denominator.
    n_retained : ndarray of int
        Customers among them who came back.
    n_too_young : ndarray of int
        Customers whose days that count are not over; they are in no rate.
    n_rows_later, n_customers_later : int
        Rows after `as_of`, which are left out, and customers in no rate because their first purchase or start lies
        after `as_of`, or because starts were given and they have none.
    day_length : {"calendar", "24h"}
        Whether days are calendar days, or 24 hours each from the first purchase or start.
    n_rows_outside : int
        Rows up to `as_of` that count nowhere: before the start of their customer, or of a customer without a start.
        Always 0 where customers begin with their first purchase.

    Examples
    --------
    >>> found = n_day_retention(
    ...     [1, 1, 2, 3], ["2024-01-01", "2024-01-08", "2024-01-01", "2024-01-09"], 7, kind="day", as_of="2024-01-10"
    ... )
    >>> found.rate, found.n_too_young
    (array([0.5]), array([1]))
    """

    kind: str = choice_field("kind", NDayKind)
    as_of: np.datetime64 = checked_field("as_of", as_day, eq=str)
    first_day: Floats = number_column("first_day", low=0.0)
    last_day: Floats = number_column("last_day", infinite=True)
    n_eligible: Integers = count_column("n_eligible")
    n_retained: Integers = count_column("n_retained")
    n_too_young: Integers = count_column("n_too_young")
    n_rows_later: int = count_field("n_rows_later", default=0)
    n_customers_later: int = count_field("n_customers_later", default=0)
    day_length: str = choice_field("day_length", DayLength, default="calendar")
    n_rows_outside: int = count_field("n_rows_outside", default=0)

    def __attrs_post_init__(self) -> None:
        names = ("first_day", "last_day", "n_eligible", "n_retained", "n_too_young")
        require_same_length(**{name: getattr(self, name) for name in names})
        require(self.n_retained <= self.n_eligible, "n_retained", self.n_retained, "at most `n_eligible`")
        require_at_most(self, "first_day", "last_day")
        rules = {"unbounded": np.isinf(self.last_day), "day": self.last_day == self.first_day}
        words = {"unbounded": 'infinite for "unbounded"', "day": '`first_day` for "day"'}
        fits = rules.get(self.kind, np.isfinite(self.last_day))
        require(fits, "last_day", self.last_day, words.get(self.kind, 'finite for "bracket"'))

    def _parts(self) -> Parts:
        counts = (self.n_retained, self.n_eligible, self.n_too_young)
        return days_parts((self.first_day, self.last_day), counts, self.rate, self.interval())

    @property
    def rate(self) -> Floats:
        """Retained over eligible customers; NaN without eligible customers."""
        return rate(self.n_retained, self.n_eligible)

    def interval(self, *, level: float = 0.95) -> Interval:
        """Wilson's interval for each rate.

        Parameters
        ----------
        level : float, optional
            Level, in (0, 1).

        Returns
        -------
        Interval
            `low` and `high`, shape (n,); NaN without eligible customers.

        Raises
        ------
        InputError
            If the level is outside (0, 1).
        """
        level = as_fraction("level", level)
        low, high = proportion_interval(self.n_retained, np.maximum(self.n_eligible, 1), level=level)
        known = self.n_eligible > 0
        return Interval(np.where(known, low, np.nan), np.where(known, high, np.nan))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each period, with 95 % intervals.
        """
        low, high = map(np.asarray, self.interval())
        names = ("first_day", "last_day", "n_eligible", "n_retained", "n_too_young", "rate")
        return {**{name: getattr(self, name) for name in names}, "low": low, "high": high}

    def to_json(self) -> str:
        """Write the rates as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> NDayRetention:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def n_day_retention(
    customer: ArrayLike,
    date: ArrayLike,
    days: ArrayLike,
    *,
    kind: NDayKind,
    as_of: ArrayLike,
    start: Starts | None = None,
    day_length: DayLength = "calendar",
) -> NDayRetention:
    """Share of customers who come back a number of days after their first purchase or another start.

    Parameters
    ----------
    customer : array_like
        Identifier of each row of the log, shape (rows,).
    date : array_like
        Day of each row: a purchase, or a visit. For days of 24 hours, its time, in UTC: by local times, 24 hours over a
        change of the clocks are 23 or 25. Without `start`, the log must contain the first purchase of each customer: in
        a log that begins later than the business, old customers look new, and they come back more often than new ones.
        Give `start` for those known to be new, or leave the others out.
    days : array_like
        Days since the first purchase, whole numbers >= 0: one number or a column (n,), n at most 10,000. For "bracket",
        rows of first and last day, shape (n, 2).
    kind : {"day", "bracket", "unbounded"}
        What counts as coming back. "day": a purchase on exactly day n. "bracket": a purchase from the first to the last
        day of a bracket, both included. "unbounded": a purchase on day n or later.
    as_of : date
        Last day that the log covers, all of it. Rows after it are left out and counted.
    start : pair of array_like, optional
        Customers, and the day on which each began, such as the day of sign-up: two columns of equal length. Days then
        count from this day, and customers who never bought belong to the denominator. If a customer has several days,
        the first one counts. By default a customer begins with their first purchase.
    day_length : {"calendar", "24h"}, optional
        "calendar": day n is the n-th calendar day after the first purchase or start. "24h": day n lasts from 24 n hours
        after that moment to just before 24 (n + 1) hours after it. Then `date` and `start` are times.

    Returns
    -------
    NDayRetention
        Counts, rates and intervals.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, a value is missing or of a wrong kind, a bracket ends before it
        begins, or no row (or start) lies at or before `as_of`.

    Warns
    -----
    DataWarning
        If first purchases pile up at the start of the log, without `start`: these customers may be older than the log.

    Notes
    -----
    Usual definitions. The day of the first purchase is day 0. The denominator holds the customers whose last day that
    counts is over: the day of the first purchase plus n (or plus the end of the bracket) is at or before `as_of`.
    With days of 24
    hours, the last of them ends at or before the end of the day `as_of`. Younger customers are counted apart and not as
    lost. For "unbounded", the denominator holds all customers who have
    reached day n. They may still come back, so this rate is a lower bound; it grows with the time of observation.

    Examples
    --------
    >>> customer = [1, 1, 2, 2, 3]
    >>> date = ["2024-01-01", "2024-01-08", "2024-01-01", "2024-01-20", "2024-01-02"]
    >>> n_day_retention(customer, date, [1, 7], kind="day", as_of="2024-01-31").rate.round(3)
    array([0.   , 0.333])
    >>> n_day_retention(customer, date, [[1, 7], [8, 28]], kind="bracket", as_of="2024-01-31").rate.round(3)
    array([0.333, 0.333])
    >>> n_day_retention(customer, date, 7, kind="unbounded", as_of="2024-01-31").rate.round(3)
    array([0.667])

    Of three customers who signed up on 1 January, two bought within a week:

    >>> signups = [[1, 2, 4], ["2024-01-01"] * 3]
    >>> n_day_retention(customer, date, [[0, 7]], kind="bracket", as_of="2024-01-31", start=signups).n_retained
    array([2])

    A visit after ten minutes is on the next calendar day, and within the first 24 hours:

    >>> visits = ["2024-01-01 23:55", "2024-01-02 00:05"]
    >>> for length in ("calendar", "24h"):
    ...     print(n_day_retention([1, 1], visits, 1, kind="day", as_of="2024-01-31", day_length=length).rate)
    [1.]
    [0.]
    """
    require_same_index(customer=customer, date=date)
    require_choice("kind", kind, get_args(NDayKind))
    low, high = _read_days(days, kind)
    in_hours = require_choice("day_length", day_length, get_args(DayLength)) == "24h"
    read, unit = (as_time_column, _MICROSECONDS) if in_hours else (as_day_column, 1)
    ids, code = encode_customers("customer", customer)
    day = read("date", date)
    require_same_length(customer=code, date=day)
    today = as_day("as_of", as_of)
    end = (today.astype(np.int64) + 1) * unit
    known = day.astype(np.int64) < end
    if start is None and not known.any():
        raise InputError("as_of", f"on or after the first date of the log ({day.min()})", today)
    code, number = code[known], day[known].astype(np.int64)

    if start is None:
        first = np.full(len(ids), NEVER)
        np.minimum.at(first, code, number)
        came, of_row = (moments.astype(day.dtype).astype("datetime64[D]") for moments in (first, number))
        warn_of_early_rows(of_row)
        warn_of_old_customers(
            came[first < NEVER], lambda: days_bought(came, code, of_row), advice_on_old("n_day_retention")
        )
    else:
        code, first = read_starts(ids, code, start, read)
        if first.min() >= end:
            raise InputError("as_of", f"on or after the first start ({first.min().astype(day.dtype)})", today)
    entered = first < end
    lived = np.where(entered, (end - np.where(entered, first, 0)) // unit - 1, -1)  # the last day that is over
    age = (number - first[code]) // unit
    needed = np.where(np.isinf(high), low, high)
    eligible = len(lived) - np.searchsorted(np.sort(lived), needed)
    if kind == "unbounded":
        latest = np.full(len(first), -1)
        np.maximum.at(latest, code, age)
        retained = len(lived) - np.searchsorted(np.sort(np.minimum(latest, lived)), low)
    else:
        retained = _came_back(code, age, lived, low, high)
    return NDayRetention(
        kind=kind,
        day_length=day_length,
        as_of=today,
        first_day=hand_over(low),
        last_day=hand_over(high),
        n_eligible=hand_over(eligible),
        n_retained=hand_over(retained),
        n_too_young=hand_over(np.count_nonzero(entered) - eligible),
        n_rows_later=int(len(day) - len(code)),
        n_customers_later=int(len(first) - np.count_nonzero(entered)),
        n_rows_outside=int(np.count_nonzero(age < 0)),
    )


def _came_back(code: Integers, age: Integers, lived: Integers, low: Floats, high: Floats) -> Integers:
    """Count the customers with a row in each window, of those whose days until its end are over."""
    order = np.argsort(age, kind="stable")
    code, age = code[order], age[order]
    starts, ends = np.searchsorted(age, low), np.searchsorted(age, high, side="right")
    found = np.zeros(len(low), dtype=np.int64)
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        back = np.zeros(len(lived), dtype=bool)
        back[code[start:end]] = True
        found[i] = np.count_nonzero(back & (lived >= high[i]))
    return found


def _read_days(days: ArrayLike, kind: str) -> tuple[Floats, Floats]:
    """First and last day of each window."""
    (number,) = as_counts(days=days)
    if number.ndim and len(number) > _MOST_WINDOWS:
        raise InputError("days", f"at most {_MOST_WINDOWS:,}", len(number))
    if kind == "bracket":
        if number.ndim != 2 or number.shape[1] != 2:
            raise InputError("days", "rows of first and last day, shape (n, 2)", number.shape, hint="[[1, 7], [8, 28]]")
        require(number[:, 0] <= number[:, 1], "days", number[:, 1], "a last day at or after the first")
        return number[:, 0].copy(), number[:, 1].copy()
    if number.ndim > 1 or number.size == 0:
        raise InputError("days", "one number of days or a column of them", number.shape)
    low = np.atleast_1d(number).copy()
    return low, low.copy() if kind == "day" else np.full(len(low), np.inf)
