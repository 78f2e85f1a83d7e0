"""Cohorts by period of first purchase: the triangle of what they did later, and retention by days since the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_amounts,
    as_counts,
    as_day,
    as_day_column,
    as_floats,
    as_fraction,
    read_json,
    require,
    require_choice,
    require_same_length,
)
from crmvalue._core.customers import encode_customers
from crmvalue._core.json_legacy import from_json_fields, to_json_text
from crmvalue._core.values import array_field, checked_field, count_field, hand_over, read_only, stay_frozen
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, FloatOrArray, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["NDayRetention", "RetentionTriangle", "n_day_retention", "retention_triangle"]

CohortPeriod: TypeAlias = Literal["week", "month", "quarter", "year"]
NDayKind: TypeAlias = Literal["day", "bracket", "unbounded"]

_MOST_CELLS = 10**7  # of a triangle: ten years of days have fewer
_CELLS_A_ROW = 64  # flags; a table of so many a row is cheaper than to sort the rows
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAY = np.timedelta64(1, "D")
_MONDAY = 3  # day numbers count from Thursday 1 January 1970; its Monday is three days before


def _period(name: str, value: object) -> str:
    require_choice(name, value, get_args(CohortPeriod))
    return str(value)


def _counts(name: str) -> Any:
    return array_field(lambda value: read_only(hand_over(as_counts(**{name: value})[0].astype(np.int64))))


def _money(value: ArrayLike | None) -> Floats | None:
    return None if value is None else read_only(as_floats(revenue=value)[0])


def _total(name: str, value: ArrayLike) -> float:
    return float(as_floats(**{name: value})[0])


@stay_frozen
@attrs.frozen(kw_only=True)
class RetentionTriangle:
    """What each cohort of customers did in its first period and in every one after it.

    A row is a cohort, column k the k-th calendar period after that of the first purchase. A cell is *observed* once its
    period is over at `as_of`, *partly observed* while the period runs, and *not yet observable* after it. Only observed
    cells have rates; the others are NaN, never 0.

    Parameters
    ----------
    period : {"week", "month", "quarter", "year"}
        Calendar period. Weeks begin on Monday.
    as_of : datetime64[D]
        Last day that the log covers, all of it.
    cohort : ndarray of datetime64[D]
        First day of the period of first purchase, ascending, shape (cohorts,); periods without a new customer have no
        row.
    size : ndarray of int
        Customers of each cohort, >= 1.
    active : ndarray of int
        Customers who bought in each period, shape (cohorts, periods); so far in a cell that is partly observed, 0 in
        one that is not yet observable.
    revenue : ndarray, optional
        Revenue less returns in each period [money], in the shape of `active`; None where the log had no amounts.
    n_rows_later : int
        Rows of the log after `as_of`, which are left out.
    n_customers_later : int
        Customers whose first purchase lies after `as_of` or who have returns alone, who are in no cohort.
    n_returns_outside : int
        Returns up to `as_of` in a period before that of the customer's first purchase, or of customers without one; no
        cell holds them.
    revenue_outside : float
        Their amounts added up [money].

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

    period: str = checked_field("period", _period)
    as_of: np.datetime64 = checked_field("as_of", as_day, eq=str)
    cohort: Dates = array_field(lambda value: read_only(as_day_column("cohort", value)))
    size: Integers = _counts("size")
    active: Integers = _counts("active")
    revenue: Floats | None = array_field(_money, default=None)
    n_rows_later: int = count_field("n_rows_later", default=0)
    n_customers_later: int = count_field("n_customers_later", default=0)
    n_returns_outside: int = count_field("n_returns_outside", default=0)
    revenue_outside: float = checked_field("revenue_outside", _total, default=0.0)

    def __attrs_post_init__(self) -> None:
        _require_cohorts(self.cohort, self.period, self.as_of)
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
        require(
            self.active[:, 0] == self.size, "active", self.active[:, 0], "the size of the cohort in its first period"
        )

    @property
    def age(self) -> Integers:
        """Periods since that of the first purchase, one for each column."""
        return np.arange(self.active.shape[1])

    @property
    def observed(self) -> npt.NDArray[np.bool_]:
        """Cells whose period is over at `as_of`."""
        end = _first_day(self._cell_period + 1, self.period)
        ended: npt.NDArray[np.bool_] = end <= self.as_of + _DAY
        return ended

    @property
    def partly_observed(self) -> npt.NDArray[np.bool_]:
        """Cells whose period is running at `as_of`."""
        begun: npt.NDArray[np.bool_] = _first_day(self._cell_period, self.period) <= self.as_of
        return begun & ~self.observed

    @property
    def retention(self) -> Floats:
        """Share of each cohort that bought in each period; NaN in cells that are not observed."""
        return self._observed_only(self.active / self.size[:, np.newaxis])

    @property
    def retention_so_far(self) -> Floats:
        """The same with the cells that are partly observed, whose shares can still rise; NaN in later ones."""
        future = ~(self.observed | self.partly_observed)
        return np.where(future, np.nan, self.active / self.size[:, np.newaxis])

    @property
    def mean_retention(self) -> Floats:
        """Retention at each age of all cohorts observed at it, weighted by their sizes; NaN where none is."""
        weight = np.where(self.observed, self.size[:, np.newaxis], 0).sum(axis=0)
        kept = np.where(self.observed, self.active, 0).sum(axis=0)
        return _rate(kept, weight)

    @property
    def revenue_per_customer(self) -> Floats:
        """Revenue of each period over all customers of the cohort, active or not [money]; NaN where not observed."""
        return self._observed_only(self._require_revenue() / self.size[:, np.newaxis])

    @property
    def cumulative_revenue_per_customer(self) -> Floats:
        """Revenue up to the end of each period over all customers of the cohort [money]; NaN where not observed."""
        return self._observed_only(self._require_revenue().cumsum(axis=1) / self.size[:, np.newaxis])

    def retention_interval(self, *, level: float = 0.95) -> Interval:
        """Give Wilson's interval of each retention rate.

        Parameters
        ----------
        level : float, optional
            Level of each interval by itself, in (0, 1).

        Returns
        -------
        Interval
            `low` and `high`, in the shape of `retention`; NaN in cells that are not observed. In the first column,
            where retention is 1 by definition, both are 1.

        Raises
        ------
        InputError
            If the level is outside (0, 1).
        """
        level = as_fraction("level", level)
        low, high = proportion_interval(self.active, self.size[:, np.newaxis], level=level)
        low = np.where(self.age == 0, 1.0, low)
        return Interval(self._observed_only(low), self._observed_only(high))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table in its long form, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each cell that is observed or partly observed: `cohort`, `age`, `size`, `active`, `retention`
            (NaN where partly observed), `is_observed`, and `revenue` where there is any.
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
        """Write the triangle as JSON text.

        Returns
        -------
        str
            A JSON object with the fields.
        """
        return to_json_text(self)

    @classmethod
    def from_json(cls, text: str) -> RetentionTriangle:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        RetentionTriangle
            An equal triangle.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote.
        """
        return read_json(text, lambda fields: cls(**fields))

    @property
    def _n_periods(self) -> int:
        return int(_period_of(self.as_of, self.period) - _period_of(self.cohort[0], self.period)) + 1

    @property
    def _cell_period(self) -> Integers:
        index: Integers = _period_of(self.cohort, self.period)[:, np.newaxis] + np.arange(self._n_periods)
        return index

    def _observed_only(self, cells: FloatOrArray) -> Floats:
        return np.where(self.observed, cells, np.nan)

    def _require_revenue(self) -> Floats:
        if self.revenue is None:
            raise InputError("amount", "given to `retention_triangle` where revenue is asked for", None)
        return self.revenue


@stay_frozen
@attrs.frozen(kw_only=True)
class NDayRetention:
    """Shares of customers who came back by days since their first purchase.

    Parameters
    ----------
    kind : {"day", "bracket", "unbounded"}
        What counts as coming back.
    as_of : datetime64[D]
        Last day that the log covers.
    first_day, last_day : ndarray
        Days since the first purchase that count, both ends in, shape (n,); `last_day` is infinite for "unbounded".
    n_eligible : ndarray of int
        Customers who are old enough to tell: the denominator.
    n_retained : ndarray of int
        Those of them who came back.
    n_too_young : ndarray of int
        Customers who are not yet old enough; they are in no rate.
    n_rows_later, n_customers_later : int
        Rows after `as_of`, which are left out, and customers whose first purchase is among them.

    Examples
    --------
    >>> found = n_day_retention(
    ...     [1, 1, 2, 3], ["2024-01-01", "2024-01-08", "2024-01-01", "2024-01-09"], 7, kind="day", as_of="2024-01-10"
    ... )
    >>> found.rate, found.n_too_young
    (array([0.5]), array([1]))
    """

    kind: str
    as_of: np.datetime64 = attrs.field(eq=str)
    first_day: Floats = array_field()
    last_day: Floats = array_field()
    n_eligible: Integers = array_field()
    n_retained: Integers = array_field()
    n_too_young: Integers = array_field()
    n_rows_later: int = 0
    n_customers_later: int = 0

    @property
    def rate(self) -> Floats:
        """Retained over eligible customers; NaN where nobody is old enough."""
        return _rate(self.n_retained, self.n_eligible)

    def interval(self, *, level: float = 0.95) -> Interval:
        """Give Wilson's interval of each rate.

        Parameters
        ----------
        level : float, optional
            Level, in (0, 1).

        Returns
        -------
        Interval
            `low` and `high`, shape (n,); NaN where nobody is old enough.

        Raises
        ------
        InputError
            If the level is outside (0, 1).
        """
        level = as_fraction("level", level)
        low, high = proportion_interval(self.n_retained, np.maximum(self.n_eligible, 1), level=level)
        return Interval(np.where(self._told, low, np.nan), np.where(self._told, high, np.nan))

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

    @property
    def _told(self) -> npt.NDArray[np.bool_]:
        return self.n_eligible > 0

    def to_json(self) -> str:
        """Write the rates as JSON text."""
        return to_json_text(self, infinite=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> NDayRetention:
        """Read what :meth:`to_json` wrote."""
        return from_json_fields(cls, text)


def retention_triangle(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    period: CohortPeriod,
    as_of: ArrayLike,
) -> RetentionTriangle:
    """Sort customers into cohorts by the period of their first purchase, and follow each cohort.

    Parameters
    ----------
    customer : array_like
        Identifier of each row of the log, whole numbers or text, shape (rows,).
    date : array_like
        Day of each row. The log has to begin with the first purchases: what lies before its first row nobody can know.
    amount : array_like, optional
        Money of each row [money], shape (rows,). A negative amount is a return: it lowers the revenue of its period,
        and is no purchase.
    period : {"week", "month", "quarter", "year"}
        Calendar period of the cohorts and of the columns.
    as_of : date
        Last day that the log covers, all of it. Rows after it are left out and counted.

    Returns
    -------
    RetentionTriangle
        Sizes, active customers and revenue of each cohort in each period, with what may be known at `as_of`.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, a value is missing or of a wrong kind, no purchase lies at or
        before `as_of`, or there are more than ten million cells.

    Notes
    -----
    Usual definition: cell (c, k) counts the customers of cohort c with at least one purchase in the k-th calendar
    period after c. So retention is 1 at age 0, and a customer who pauses is counted again when he returns. The order of
    rows does not matter, except for the rounding of sums.

    Examples
    --------
    >>> triangle = retention_triangle(
    ...     ["a", "a", "b"], ["2024-01-31", "2024-02-01", "2024-02-10"], [10, 20, 5], period="month", as_of="2024-02-29"
    ... )
    >>> triangle.retention.tolist(), triangle.cumulative_revenue_per_customer.tolist()
    ([[1.0, 1.0], [1.0, nan]], [[10.0, 30.0], [5.0, nan]])
    """
    require_choice("period", period, get_args(CohortPeriod))
    ids, code = encode_customers("customer", customer)
    day = as_day_column("date", date)
    columns: dict[str, npt.NDArray[Any]] = {"customer": code, "date": day}
    money = None
    if amount is not None:
        money = columns["amount"] = as_amounts("amount", amount)
    require_same_length(**columns)
    today = as_day("as_of", as_of)
    known = day <= today
    n_rows_later = int(len(day) - np.count_nonzero(known))
    if n_rows_later:
        code, day = code[known], day[known]
        money = None if money is None else money[known]
    bought = None if money is None or not (money < 0).any() else money >= 0
    if len(day) and bought is not None and not bought.any():
        raise InputError("amount", "of at least one purchase by `as_of`", "returns only")
    if len(day) == 0:
        raise InputError("as_of", f"on or after the first purchase of the log ({columns['date'].min()})", today)

    column = _period_table(day, period)
    never = np.iinfo(np.int64).max
    first = np.full(len(ids), never)
    np.minimum.at(first, *((code, column) if bought is None else (code[bought], column[bought])))
    buyer = first < never
    start, row_of_first, size = np.unique(first[buyer], return_inverse=True, return_counts=True)
    row = np.zeros(len(ids), dtype=np.int64)
    row[buyer] = row_of_first
    n_columns = int(_period_of(today, period) - start[0]) + 1
    _require_room(len(start), n_columns, start[0], period)

    age = column - first[code]
    inside = age >= 0 if bought is None else buyer[code] & (column >= first[code])
    purchase = inside if bought is None else bought
    shape = (len(start), n_columns)
    found: dict[str, Any] = {
        "active": _count_customers(code, row, age, purchase, shape),
        "revenue": None,
        "n_returns_outside": int(len(inside) - np.count_nonzero(inside)),
    }
    if money is not None:
        cell = row[code[inside]] * n_columns + age[inside]
        found["revenue"] = np.bincount(cell, weights=money[inside], minlength=shape[0] * shape[1]).reshape(shape)
        found["revenue_outside"] = float(money[~inside].sum())
    return RetentionTriangle(
        period=period,
        as_of=today,
        cohort=_first_day(start, period),
        size=size,
        n_rows_later=n_rows_later,
        n_customers_later=int(len(ids) - np.count_nonzero(buyer)),
        **found,
    )


def n_day_retention(
    customer: ArrayLike, date: ArrayLike, days: ArrayLike, *, kind: NDayKind, as_of: ArrayLike
) -> NDayRetention:
    """Share of customers who come back a number of days after their first purchase.

    Parameters
    ----------
    customer : array_like
        Identifier of each row of the log, shape (rows,).
    date : array_like
        Day of each row: purchases, or visits.
    days : array_like
        Days since the first one, whole numbers >= 0: one or a column (n,), or for "bracket" rows of first and last day,
        shape (n, 2).
    kind : {"day", "bracket", "unbounded"}
        What counts: a purchase on day n exactly; on any day from the first to the last of a bracket, both in; or on
        day n or any later one.
    as_of : date
        Last day that the log covers, all of it. Rows after it are left out and counted.

    Returns
    -------
    NDayRetention
        Counts, rates and intervals.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, a value is missing or of a wrong kind, a bracket ends before it
        begins, or no row lies at or before `as_of`.

    Notes
    -----
    Usual definitions. The day of the first purchase is day 0. In the denominator are the customers whose last day that
    counts is over: those with first purchase + n (or the end of the bracket) at or before `as_of`. Younger ones are
    counted apart, not taken for lost. "unbounded" takes everybody who has reached day n; as the future of all of them
    is open, that rate is a lower bound, which grows as long as the same customers are watched.

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
    """
    require_choice("kind", kind, get_args(NDayKind))
    ids, code = encode_customers("customer", customer)
    day = as_day_column("date", date)
    require_same_length(customer=code, date=day)
    today = as_day("as_of", as_of)
    low, high = _read_days(days, kind)
    known = day <= today
    if not known.any():
        raise InputError("as_of", f"on or after the first date of the log ({day.min()})", today)
    code, number = code[known], day[known].astype(np.int64)

    never = np.iinfo(np.int64).max
    first = np.full(len(ids), never)
    np.minimum.at(first, code, number)
    buyer = first < never
    lived = np.where(buyer, today.astype(np.int64) - np.where(buyer, first, 0), -1)
    age = number - first[code]
    eligible = np.zeros(len(low), dtype=np.int64)
    retained = np.zeros(len(low), dtype=np.int64)
    for i, (begin, end) in enumerate(zip(low, high, strict=True)):
        old_enough = lived >= (begin if np.isinf(end) else end)
        back = np.zeros(len(ids), dtype=bool)
        back[code[(age >= begin) & (age <= end)]] = True
        eligible[i], retained[i] = np.count_nonzero(old_enough), np.count_nonzero(back & old_enough)
    return NDayRetention(
        kind=kind,
        as_of=today,
        first_day=hand_over(low),
        last_day=hand_over(high),
        n_eligible=hand_over(eligible),
        n_retained=hand_over(retained),
        n_too_young=hand_over(np.count_nonzero(buyer) - eligible),
        n_rows_later=int(len(day) - len(code)),
        n_customers_later=int(len(ids) - np.count_nonzero(buyer)),
    )


def _rate(part: Integers, whole: Integers) -> Floats:
    """Divide counts; NaN where there is nobody."""
    rate: Floats = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return rate


def _require_cohorts(cohort: Dates, period: str, as_of: np.datetime64) -> None:
    if len(cohort) == 0:
        raise InputError("cohort", "at least one cohort", 0)
    require(cohort <= as_of, "cohort", cohort, f"no later than `as_of` ({as_of})")
    start = _first_day(_period_of(cohort, period), period)
    require(cohort == start, "cohort", cohort, f"the first day of a {period}")
    require(np.diff(cohort.astype(np.int64), prepend=cohort[0].astype(np.int64) - 1) > 0, "cohort", cohort, "ascending")
    index = _period_of(np.array([cohort[0], as_of]), period)
    _require_room(len(cohort), int(index[1] - index[0]) + 1, index[0], period)


def _require_room(n_cohorts: int, n_periods: int, first: np.int64, period: str) -> None:
    if n_cohorts * n_periods > _MOST_CELLS:
        raise InputError(
            "period",
            f"so long that there are at most {_MOST_CELLS:,} cells",
            period,
            hint=f"the first cohort is of {_first_day(first, period)}",
        )


def _period_of(day: Any, period: str) -> Any:
    """Count the periods from that of 1 January 1970 to that of each day."""
    if period == "week":
        return (day.astype(np.int64) + _MONDAY) // 7
    return day.astype("datetime64[M]").astype(np.int64) // _MONTHS[period]


def _first_day(index: Any, period: str) -> Any:
    """Give the first day of the period with each number."""
    if period == "week":
        return (7 * index - _MONDAY).astype("datetime64[D]")
    return (_MONTHS[period] * index).astype("datetime64[M]").astype("datetime64[D]")


def _period_table(day: Dates, period: str) -> Integers:
    """Find the number of the period of each day in a table of the days from the first to the last."""
    low = day.min()
    table = _period_of(np.arange(low, day.max() + _DAY), period)
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


def _read_days(days: ArrayLike, kind: str) -> tuple[Floats, Floats]:
    """First and last day of each window."""
    (number,) = as_counts(days=days)
    if kind == "bracket":
        if number.ndim != 2 or number.shape[1] != 2:
            raise InputError("days", "rows of first and last day, shape (n, 2)", number.shape, hint="[[1, 7], [8, 28]]")
        require(number[:, 0] <= number[:, 1], "days", number[:, 1], "a last day at or after the first")
        return number[:, 0].copy(), number[:, 1].copy()
    if number.ndim > 1 or number.size == 0:
        raise InputError("days", "one number of days or a column of them", number.shape)
    low = np.atleast_1d(number).copy()
    return low, low.copy() if kind == "day" else np.full(len(low), np.inf)
