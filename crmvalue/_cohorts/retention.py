"""Cohorts by period of first purchase, or of another start: their retention and revenue in each later period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._cohorts.pictures import triangle_parts
from crmvalue._cohorts.starts import NEVER, advice_on_old, read_starts
from crmvalue._core.calendar import warn_of_early_rows
from crmvalue._core.checks import (
    as_column,
    as_counts,
    as_day,
    as_day_column,
    as_flag,
    as_float,
    as_floats,
    as_fraction,
    as_log_amounts,
    as_time_column,
    as_whole_number,
    require,
    require_choice,
    require_same_index,
    require_same_length,
)
from crmvalue._core.clock.old_customers import days_bought, warn_of_old_customers
from crmvalue._core.encoding.copies import treat_copies
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    array_field,
    checked_field,
    choice_field,
    count_field,
    hand_over,
    read_only,
    stay_frozen,
)
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._cohorts.starts import Starts
    from crmvalue._core.encoding.copies import Duplicates
    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Dates, FloatOrArray, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = [
    "MONTHS",
    "WEEKS",
    "RetentionTriangle",
    "calendar_of",
    "count_retention",
    "first_day",
    "period_of",
    "rate",
    "read_period",
    "require_room",
    "retention_triangle",
]

CohortPeriod: TypeAlias = Literal["week", "month", "quarter", "year"]
WeekStart: TypeAlias = Literal["monday", "sunday"]

_MOST_CELLS = 10**7  # of a triangle: ten years of days have fewer
_CELLS_A_ROW = 64  # a table with so many flags for each row is cheaper than sorting the rows
MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAY = np.timedelta64(1, "D")
WEEKS = {"week": 3, "week from Sunday": 4}  # days from the start of its week to Thursday 1 January 1970, day number 0


def _maybe_count(name: str, value: object) -> int | None:
    return None if value is None else as_whole_number(name, value, low=0)


def _counts(name: str) -> Any:
    return array_field(lambda value: read_only(hand_over(as_counts(**{name: value})[0].astype(np.int64))))


def _money(value: ArrayLike | None) -> Floats | None:
    return None if value is None else read_only(as_floats(revenue=value)[0])


@stay_frozen
@attrs.frozen(kw_only=True)
class RetentionTriangle(Columns, Pictured):
    """Active customers and revenue of each cohort, in its first period and in each later one.

    A row is a cohort. Column k is the k-th calendar period after the period of the first purchase, or of the start that
    was given. A cell is *observed*
    if its period is over at `as_of`, *partly observed* if the period is running, and *not yet observable* if the period
    has not begun. Only observed cells have rates; the others are NaN, never 0.

    Parameters
    ----------
    period : {"week", "month", "quarter", "year"}
        Calendar period.
    as_of : datetime64[D]
        Last day that the log covers completely.
    cohort : ndarray of datetime64[D]
        First day of the period of first purchase or start, ascending, shape (cohorts,). Periods without a new customer
        have no row.
    size : ndarray of int
        Customers of each cohort, >= 1.
    active : ndarray of int
        Customers who bought in each period, shape (cohorts, periods). A partly observed cell counts customers so far; a
        cell that is not yet observable is 0.
    revenue : ndarray, optional
        Revenue less returns in each period [money], in the shape of `active`; None where the log had no amounts.
    n_rows_later : int
        Rows of the log after `as_of`, which are left out.
    n_customers_later : int
        Customers without a cohort: their first purchase or start lies after `as_of`, they have only returns, or starts
        were given and they have none.
    n_returns_outside : int
        Returns up to `as_of` that are in no cell: they come in a period before the customer's first purchase, or from a
        customer without a purchase.
    revenue_outside : float
        Sum of the amounts of all rows up to `as_of` that are in no cell [money].
    by_start : bool
        Whether cohorts begin with a start that was given, and not with the first purchase. Then customers who never
        bought count too, and the first column may be smaller than `size`.
    n_purchases_outside : int
        Purchases up to `as_of` that are in no cell: before the start of their customer, or of a customer without a
        start. Always 0 where cohorts begin with the first purchase.
    week_start : {"monday", "sunday"}
        First day of each week; "monday" for other periods.
    n_duplicates : int
        Rows up to `as_of` left out as exact copies of an earlier row; 0 where copies count.
    n_duplicates_kept : int or None
        Rows up to `as_of` that are exact copies of an earlier row and count; 0 where copies are left out. None where
        :mod:`crmvalue.frames` asks an engine, which would have to go through the log once more.

    Examples
    --------
    >>> triangle = retention_triangle(
    ...     [1, 1, 2, 2, 3],
    ...     ["2024-01-05", "2024-02-09", "2024-01-20", "2024-03-02", "2024-02-11"],
    ...     period="month",
    ...     as_of="2024-03-15",
    ... )
    >>> triangle.size, triangle.active.tolist()
    (array([2, 1]), [[2, 1, 1], [1, 0, 0]])
    >>> triangle.retention
    array([[1. , 0.5, nan],
           [1. , nan, nan]])
    """

    period: str = choice_field("period", CohortPeriod)
    as_of: np.datetime64 = checked_field("as_of", as_day, eq=str)
    cohort: Dates = array_field(lambda value: read_only(as_day_column("cohort", value)))
    size: Integers = _counts("size")
    active: Integers = _counts("active")
    revenue: Floats | None = array_field(_money, default=None)
    n_rows_later: int = count_field("n_rows_later", default=0)
    n_customers_later: int = count_field("n_customers_later", default=0)
    n_returns_outside: int = count_field("n_returns_outside", default=0)
    revenue_outside: float = checked_field("revenue_outside", as_float, default=0.0)
    by_start: bool = checked_field("by_start", as_flag, default=False)
    n_purchases_outside: int = count_field("n_purchases_outside", default=0)
    week_start: str = choice_field("week_start", WeekStart, default="monday")
    n_duplicates: int = count_field("n_duplicates", default=0)
    n_duplicates_kept: int | None = checked_field("n_duplicates_kept", _maybe_count, default=0)

    def __attrs_post_init__(self) -> None:
        _require_cohorts(self.cohort, self._calendar, self.as_of)
        shape = (len(self.cohort), self._n_periods)
        if self.size.shape != shape[:1]:
            raise InputError("size", f"one for each of the {shape[0]} cohorts", self.size.shape)
        require(self.size >= 1, "size", self.size, ">= 1")
        for name, cells in (("active", self.active), ("revenue", self.revenue)):
            if cells is None:
                continue
            if cells.shape != shape:
                raise InputError(name, f"of shape {shape}: cohorts, and periods from the first to `as_of`", cells.shape)
            future = ~(self.observed | self.partly_observed)
            require((cells == 0) | ~future, name, cells, "0 in periods after `as_of`")
        require(self.active <= self.size[:, np.newaxis], "active", self.active, "at most the size of the cohort")
        whole = self.by_start | (self.active[:, 0] == self.size)
        require(whole, "active", self.active[:, 0], "the size of the cohort in its first period")

    def _parts(self) -> Parts:
        return triangle_parts(self.period, self.cohort, self.size, self.retention, by_start=self.by_start)

    @property
    def age(self) -> Integers:
        """Periods since the period of the first purchase, one for each column."""
        return np.arange(self.active.shape[1])

    @property
    def observed(self) -> npt.NDArray[np.bool_]:
        """Whether the period of each cell is over at `as_of`."""
        end = first_day(self._cell_period + 1, self._calendar)
        ended: npt.NDArray[np.bool_] = end <= self.as_of + _DAY
        return ended

    @property
    def partly_observed(self) -> npt.NDArray[np.bool_]:
        """Whether the period of each cell is running at `as_of`."""
        begun: npt.NDArray[np.bool_] = first_day(self._cell_period, self._calendar) <= self.as_of
        return begun & ~self.observed

    @property
    def retention(self) -> Floats:
        """Share of each cohort that bought in each period; NaN in cells that are not observed."""
        return self._observed_only(self.active / self.size[:, np.newaxis])

    @property
    def retention_so_far(self) -> Floats:
        """Retention with partly observed cells too, whose shares can still rise; NaN in later cells."""
        future = ~(self.observed | self.partly_observed)
        return np.where(future, np.nan, self.active / self.size[:, np.newaxis])

    @property
    def mean_retention(self) -> Floats:
        """Mean retention at each age, over the cohorts observed at it, weighted by size; NaN without such cohorts."""
        weight = np.where(self.observed, self.size[:, np.newaxis], 0).sum(axis=0)
        kept = np.where(self.observed, self.active, 0).sum(axis=0)
        return rate(kept, weight)

    @property
    def revenue_per_customer(self) -> Floats:
        """Revenue of each period per customer of the cohort, active or not [money]; NaN where not observed."""
        return self._observed_only(self._require_revenue() / self.size[:, np.newaxis])

    @property
    def cumulative_revenue_per_customer(self) -> Floats:
        """Revenue up to the end of each period per customer of the cohort [money]; NaN where not observed."""
        return self._observed_only(self._require_revenue().cumsum(axis=1) / self.size[:, np.newaxis])

    def retention_interval(self, *, level: float = 0.95) -> Interval:
        """Wilson's interval for each retention rate.

        Parameters
        ----------
        level : float, optional
            Level of each interval by itself, in (0, 1).

        Returns
        -------
        Interval
            `low` and `high`, in the shape of `retention`; NaN in cells that are not observed. In the first column both
            are 1, because retention is 1 by definition there, unless cohorts begin with a start that was given.

        Raises
        ------
        InputError
            If the level is outside (0, 1).
        """
        level = as_fraction("level", level)
        low, high = proportion_interval(self.active, self.size[:, np.newaxis], level=level)
        low = low if self.by_start else np.where(self.age == 0, 1.0, low)
        return Interval(self._observed_only(low), self._observed_only(high))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table in its long form, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each observed or partly observed cell: `cohort`, `age`, `size`, `active`, `retention` (NaN where
            partly observed) and `is_observed`; with amounts also `revenue`.
        """
        row, column = np.nonzero(self.observed | self.partly_observed)
        columns = {
            "cohort": self.cohort[row],
            "age": column,
            "size": self.size[row],
            "active": self.active[row, column],
            "retention": self.retention[row, column],
            "is_observed": self.observed[row, column],
        }
        return columns if self.revenue is None else {**columns, "revenue": self.revenue[row, column]}

    def to_json(self) -> str:
        """Write the triangle as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> RetentionTriangle:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)

    @property
    def _calendar(self) -> str:
        return calendar_of(self.period, self.week_start)

    @property
    def _n_periods(self) -> int:
        return int(period_of(self.as_of, self._calendar) - period_of(self.cohort[0], self._calendar)) + 1

    @property
    def _cell_period(self) -> Integers:
        index: Integers = period_of(self.cohort, self._calendar)[:, np.newaxis] + np.arange(self._n_periods)
        return index

    def _observed_only(self, cells: FloatOrArray) -> Floats:
        return np.where(self.observed, cells, np.nan)

    def _require_revenue(self) -> Floats:
        if self.revenue is None:
            raise InputError("amount", "given to `retention_triangle` for results of revenue", None)
        return self.revenue


def retention_triangle(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    period: CohortPeriod,
    as_of: ArrayLike,
    start: Starts | None = None,
    week_start: WeekStart = "monday",
    duplicates: Duplicates = "keep",
) -> RetentionTriangle:
    """Group customers into cohorts by the period of their first purchase or start, and follow each cohort.

    Parameters
    ----------
    customer : array_like
        Identifier of each row of the log, whole numbers or text, shape (rows,).
    date : array_like
        Day of each row. Without `start`, the log must contain the first purchase of each customer: in a log that begins
        later than the business, old customers look new, and they come back more often than new ones.
    amount : array_like, optional
        Amount of each row [money], shape (rows,). A negative amount is a return: it lowers the revenue of its period
        and does not count as a purchase. One smaller than 1e-9 counts as 0, as in an order log.
    period : {"week", "month", "quarter", "year"}
        Calendar period of the cohorts and of the columns.
    as_of : date
        Last day that the log covers completely. Rows after it are left out and counted.
    start : pair of array_like, optional
        Customers, and the day on which each began, such as the day of sign-up: two columns of equal length. Cohorts
        then follow this day, and customers who never bought belong to them. If a customer has several days, the first
        one counts. By default a customer begins with their first purchase.
    week_start : {"monday", "sunday"}, optional
        First day of each week, for `period="week"` only.
    duplicates : {"keep", "drop", "raise"}, optional
        What to do with exact copies: rows with the customer, the date (time of day included) and the amount of an
        earlier row. They count, are left out, or are refused; the result says how many. Two equal purchases at one
        moment may be no copies: where the log has a column such as the number of the order, tell copies by it before.

    Returns
    -------
    RetentionTriangle
        Sizes, active customers and revenue of each cohort in each period.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, a value is missing or of a wrong kind, there is no purchase (or
        start) up to `as_of`, `week_start` is "sunday" for another period than weeks, or there are more than ten million
        cells.

    Warns
    -----
    DataWarning
        If first purchases pile up at the start of the log, without `start`: these customers may be older than the log.

    Notes
    -----
    Usual definition: cell (c, k) counts the customers of cohort c with at least one purchase in the k-th calendar
    period after c. So retention is 1 at age 0. A customer who pauses counts again when they return. The order of rows
    does not matter, except for the rounding of sums.

    With `start`, a purchase before the day of its customer's start is in no cell, also in the same period. So is a
    purchase of a customer without a start. `n_purchases_outside` counts them. Retention at age 0 is then the share who
    bought in the period of the start.

    Examples
    --------
    >>> triangle = retention_triangle(
    ...     ["a", "a", "b"], ["2024-01-31", "2024-02-01", "2024-02-10"], [10, 20, 5], period="month", as_of="2024-02-29"
    ... )
    >>> triangle.retention.tolist(), triangle.cumulative_revenue_per_customer.tolist()
    ([[1.0, 1.0], [1.0, nan]], [[10.0, 30.0], [5.0, nan]])

    Two customers signed up in January; one bought, in February:

    >>> signups = (["a", "b"], ["2024-01-05", "2024-01-20"])
    >>> retention_triangle(["a"], ["2024-02-03"], period="month", as_of="2024-02-29", start=signups).retention.tolist()
    [[0.0, 0.5]]

    A Saturday and the Sunday after it are in two weeks that begin on Sunday:

    >>> triangle = retention_triangle(
    ...     [1, 1], ["2024-03-02", "2024-03-03"], period="week", as_of="2024-03-09", week_start="sunday"
    ... )
    >>> triangle.cohort, triangle.active
    (array(['2024-02-25'], dtype='datetime64[D]'), array([[1, 1]]))
    """
    return count_retention(
        customer, date, amount, period=period, as_of=as_of, start=start, week_start=week_start, duplicates=duplicates
    )


def count_retention(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    period: str,
    as_of: ArrayLike,
    start: Starts | None = None,
    week_start: str = "monday",
    duplicates: str = "keep",
    instant: Dates | None = None,
) -> RetentionTriangle:
    """Do what :func:`retention_triangle` does.

    Where `date` has times of a clock that goes back once a year, `instant` has the same moments in UTC, by which copies
    are found.
    """
    require_same_index(customer=customer, date=date, amount=amount)
    calendar = read_period(period, week_start)
    ids, code = encode_customers("customer", customer)
    time = as_time_column("date", date)
    day = time.astype("datetime64[D]")
    columns: dict[str, npt.NDArray[Any]] = {"customer": code, "date": day}
    money = given = None
    if amount is not None:
        given = as_column("amount", amount, largest=np.inf)
        money = columns["amount"] = as_log_amounts("amount", given)
    require_same_length(**columns)
    today = as_day("as_of", as_of)
    known = day <= today
    copies = treat_copies(
        duplicates, used=known, date=time if instant is None else instant, customer=code, amount=given
    )
    if copies.rows is not None:
        kept = copies.rows
        code, day, known, money = code[kept], day[kept], known[kept], None if money is None else money[kept]
    n_rows_later = int(len(day) - np.count_nonzero(known))
    if n_rows_later:
        code, day = code[known], day[known]
        money = None if money is None else money[known]
    bought = None if money is None or not (money < 0).any() else money >= 0

    column = _period_table(day, calendar)
    if start is None:
        _require_purchase(bought, columns["date"], day, today)
        came = _first_purchases(code, day, bought, len(ids))
    else:
        code, came = read_starts(ids, code, start, as_day_column)
    first = _periods_of_starts(came, today, calendar)
    entered = first < NEVER
    cohort, row_of_first, size = np.unique(first[entered], return_inverse=True, return_counts=True)
    row = np.zeros(len(first), dtype=np.int64)
    row[entered] = row_of_first
    n_columns = int(period_of(today, calendar) - cohort[0]) + 1
    require_room(len(cohort), n_columns, cohort[0], calendar)

    age = column - first[code]
    inside = entered[code] & (column >= first[code])
    if start is not None:
        inside &= day.astype(np.int64) >= came[code]
    purchase = inside if bought is None else bought & inside
    shape = (len(cohort), n_columns)
    n_outside, n_bought = np.count_nonzero(~inside), len(day) if bought is None else np.count_nonzero(bought)
    n_purchases_outside = n_bought - np.count_nonzero(purchase)
    found: dict[str, Any] = {
        "active": _count_customers(code, row, age, purchase, shape),
        "revenue": None,
        "by_start": start is not None,
        "n_purchases_outside": int(n_purchases_outside),
        "n_returns_outside": int(n_outside - n_purchases_outside),
    }
    if money is not None:
        cell = row[code[inside]] * n_columns + age[inside]
        found["revenue"] = np.bincount(cell, weights=money[inside], minlength=shape[0] * shape[1]).reshape(shape)
        found["revenue_outside"] = float(money[~inside].sum())
    return RetentionTriangle(
        period=period,
        week_start=week_start,
        as_of=today,
        cohort=first_day(cohort, calendar),
        size=size,
        n_rows_later=n_rows_later,
        n_duplicates=copies.n_dropped,
        n_duplicates_kept=copies.n_kept,
        n_customers_later=int(len(first) - np.count_nonzero(entered)),
        **found,
    )


def rate(part: Integers, whole: Integers) -> Floats:
    """Divide counts; NaN where the whole is 0."""
    rate: Floats = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return rate


def _require_purchase(bought: Bools | None, log: Dates, known: Dates, today: np.datetime64) -> None:
    """Check that a purchase of the log is known; `bought` is None where each row is one."""
    if len(known) and bought is not None and not bought.any():
        raise InputError("amount", "of at least one purchase by `as_of`", "returns only")
    if len(known) == 0:
        raise InputError("as_of", f"on or after the first purchase of the log ({log.min()})", today)


def _first_purchases(code: Integers, day: Dates, bought: Bools | None, n_customers: int) -> Integers:
    """Give the day of each customer's first purchase; NEVER without one."""
    came, number = np.full(n_customers, NEVER), day.astype(np.int64)
    if bought is not None:
        code, day, number = code[bought], day[bought], number[bought]
    np.minimum.at(came, code, number)
    first = came.astype("datetime64[D]")
    warn_of_early_rows(day)
    warn_of_old_customers(
        first[came < NEVER], lambda: days_bought(first, code, day), advice_on_old("retention_triangle")
    )
    return came


def _periods_of_starts(began: Integers, today: np.datetime64, period: str) -> Integers:
    """Give the number of the period in which each customer began; NEVER for a start after today, or none."""
    known = began <= today.astype(np.int64)
    if not known.any():
        raise InputError("as_of", f"on or after the first start ({began.min().astype('datetime64[D]')})", today)
    first = np.full(len(began), NEVER)
    first[known] = period_of(began[known].astype("datetime64[D]"), period)
    return first


def _require_cohorts(cohort: Dates, period: str, as_of: np.datetime64) -> None:
    if len(cohort) == 0:
        raise InputError("cohort", "at least one cohort", 0)
    require(cohort <= as_of, "cohort", cohort, f"no later than `as_of` ({as_of})")
    start = first_day(period_of(cohort, period), period)
    require(cohort == start, "cohort", cohort, f"the first day of a {period}")
    require(np.diff(cohort.astype(np.int64), prepend=cohort[0].astype(np.int64) - 1) > 0, "cohort", cohort, "ascending")
    index = period_of(np.array([cohort[0], as_of]), period)
    require_room(len(cohort), int(index[1] - index[0]) + 1, index[0], period)


def require_room(n_cohorts: int, n_periods: int, first: np.int64, period: str) -> None:
    """Refuse a triangle that would have too many cells."""
    if n_cohorts * n_periods > _MOST_CELLS:
        raise InputError(
            "period",
            f"long enough for at most {_MOST_CELLS:,} cells",
            period,
            hint=f"the first cohort begins on {first_day(first, period)}",
        )


def read_period(period: object, week_start: object) -> str:
    """Check a period and the first day of its weeks, and name their calendar."""
    period = require_choice("period", period, get_args(CohortPeriod))
    return calendar_of(period, require_choice("week_start", week_start, get_args(WeekStart)))


def calendar_of(period: str, week_start: str) -> str:
    """Name the calendar of a period for the functions below."""
    if week_start == "monday":
        return period
    if period != "week":
        raise InputError("week_start", '"monday" unless `period` is "week"', week_start)
    return "week from Sunday"


def period_of(day: Any, period: str) -> Any:
    """Give the number of the period of each day; the period of 1 January 1970 is 0."""
    if period in WEEKS:
        return (day.astype(np.int64) + WEEKS[period]) // 7
    return day.astype("datetime64[M]").astype(np.int64) // MONTHS[period]


def first_day(index: Any, period: str) -> Any:
    """First day of the period with each number."""
    if period in WEEKS:
        return (7 * index - WEEKS[period]).astype("datetime64[D]")
    return (MONTHS[period] * index).astype("datetime64[M]").astype("datetime64[D]")


def _period_table(day: Dates, period: str) -> Integers:
    """Give the number of the period of each day, looked up in a table of all days."""
    if len(day) == 0:
        return np.zeros(0, dtype=np.int64)
    low = day.min()
    table = period_of(np.arange(low, day.max() + _DAY), period)
    found: Integers = table[(day - low).astype(np.int64)]
    return found


def _count_customers(code: Integers, row: Integers, age: Integers, counted: Bools, shape: tuple[int, int]) -> Integers:
    """Count the different customers in each cell of cohort and age."""
    key = code * shape[1] + age
    key = key if counted.all() else key[counted]
    if len(row) * shape[1] <= _CELLS_A_ROW * len(key):
        seen = np.zeros(len(row) * shape[1], dtype=bool)
        seen[key] = True
        key = np.nonzero(seen)[0]
    else:
        key = np.unique(key)
    customer, age = np.divmod(key, shape[1])
    return np.bincount(row[customer] * shape[1] + age, minlength=shape[0] * shape[1]).reshape(shape)
