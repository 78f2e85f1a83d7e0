"""Purchases of customers, with covariates of each that change from period to period."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.calendar import last_date, purchases_by_day, warn_of_early_rows
from crmvalue._core.checks import (
    as_column,
    as_day,
    as_day_column,
    as_text,
    as_whole_number,
    require,
    require_choice,
    require_same_index,
    require_same_length,
    to_array,
)
from crmvalue._core.encoding.customers import as_comparable, encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.labels import refuse_category
from crmvalue._core.values import (
    array_field,
    checked_field,
    count_field,
    float_column,
    number_table,
    optional,
    read_only,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._models.shared.common import time_unit_field
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT, PurchaseHistory

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.purchases import TimeUnit
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["TimeVaryingHistory"]


def _customers(value: Any) -> npt.NDArray[Any]:
    distinct, code = encode_customers("customer", value)
    if len(distinct) != len(code):
        raise InputError("customer", "one row a customer", f"{len(distinct)} customers in {len(code)} rows")
    return read_only(distinct[code])


@stay_frozen
@attrs.frozen(kw_only=True)
class TimeVaryingHistory(Columns):
    """Purchases of each customer in summary, and their time-varying covariates; :meth:`from_log` makes it.

    The n customers have m periods in all, those of one customer in a row and in the order of time. Times count from the
    first purchase of the customer.

    Parameters
    ----------
    customer : ndarray
        Identifiers, all different, shape (n,).
    frequency, recency, age : ndarray
        As in :class:`crmvalue.purchases.PurchaseHistory`, shape (n,).
    n_periods : ndarray
        Number of periods of each customer, shape (n,), >= 1.
    period_end : ndarray
        Time at which each period ends [time_unit], shape (m,), > 0. The first period of a customer begins at 0, each
        other one where the one before ends. The last ends at the age or later: what is beyond the age is the future.
    covariate_names : tuple of str
        Names of the k covariates, all different, at least one.
    covariate_values : ndarray
        Covariates in each period, shape (m, k).
    purchase_totals : ndarray
        Sum of each covariate over the repeat purchases of each customer, shape (n, k).
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of all times.
    as_of : datetime64[D], optional
        Last day of observation.
    n_later : int, optional
        Orders after it, which are left out.

    Examples
    --------
    >>> history = TimeVaryingHistory(
    ...     customer=["ann"], frequency=[1], recency=[2.5], age=[3.0], n_periods=[2], period_end=[2.0, 4.0],
    ...     covariate_names=["discount"], covariate_values=[[0.0], [0.2]], purchase_totals=[[0.2]], time_unit="week",
    ... )  # fmt: skip
    >>> history.n_customers
    1
    >>> history.end_of_covariates - history.age
    array([1.])
    """

    customer: npt.NDArray[Any] = array_field(_customers)
    frequency: Floats = float_column("frequency")
    recency: Floats = float_column("recency")
    age: Floats = float_column("age")
    n_periods: Integers = whole_table("n_periods", low=1)
    period_end: Floats = float_column("period_end")
    covariate_names: tuple[str, ...] = words_field("covariate_names", distinct=True)
    covariate_values: Floats = number_table("covariate_values", 2)
    purchase_totals: Floats = number_table("purchase_totals", 2)
    time_unit: TimeUnit = time_unit_field()
    as_of: np.datetime64 | None = checked_field("as_of", optional(as_day), default=None, eq=str)
    n_later: int = count_field("n_later", default=0)

    def __attrs_pre_init__(self, **columns: object) -> None:
        names = ("customer", "frequency", "recency", "age", "n_periods")
        require_same_index(**{name: columns.get(name) for name in names})

    def __attrs_post_init__(self) -> None:
        self.without_covariates()  # which checks frequency, recency and age
        n, m, k = len(self.frequency), len(self.period_end), len(self.covariate_names)
        if not n or not k:
            name = "covariate_names" if n else "customer"
            raise InputError(name, "at least one", ())
        for field, shape in (("customer", (n,)), ("n_periods", (n,)), ("purchase_totals", (n, k))):
            if getattr(self, field).shape != shape:
                raise InputError(field, f"of shape {shape}, for {n} customers", getattr(self, field).shape)
        if self.covariate_values.shape != (m, k):
            raise InputError("covariate_values", f"of shape ({m}, {k})", self.covariate_values.shape)
        if int(self.n_periods.sum()) != m:
            raise InputError("n_periods", f"numbers whose sum is that of the periods, {m}", int(self.n_periods.sum()))
        start = self.period_start
        require(self.period_end > start, "period_end", self.period_end, "> the end of the period before, or > 0")
        require(
            self.end_of_covariates >= self.age, "age", self.age, "within the periods of the customer",
            hint="covariates are needed up to the last day of observation",
        )  # fmt: skip

    @classmethod
    def from_log(
        cls,
        customer: ArrayLike,
        date: ArrayLike,
        *,
        covariates: Mapping[str, ArrayLike],
        covariate_customer: ArrayLike,
        period_start: ArrayLike,
        period_days: int = 7,
        as_of: ArrayLike | None = None,
        time_unit: TimeUnit = "week",
    ) -> TimeVaryingHistory:
        """Join an order log and a table of covariates with one row for each customer and period.

        Parameters
        ----------
        customer, date : array_like
            Customer and date of each order, shape (rows,). Orders of a customer on one day are one purchase.
        covariates : mapping of str to array_like
            Columns of numbers by name, shape (periods,).
        covariate_customer, period_start : array_like
            Customer of each row of the covariates, and the day on which its period begins.
        period_days : int, optional
            Length of each period in days, >= 1.
        as_of : date, optional
            Last day of observation; later orders are left out, and counted in `n_later`. By default the last date of
            the log; without it, a few orders more than five years after all others raise. Periods after it are kept:
            forecasts need them.
        time_unit : {"day", "week", "month", "quarter", "year"}, optional
            Unit of the times in the result.

        Returns
        -------
        TimeVaryingHistory
            Customers with an order until `as_of`, in ascending order. Neighbouring periods with equal covariates are
            one. Rows of the covariates for others, or before the first purchase, are not used.

        Raises
        ------
        InputError
            If a column has an illegal value or another length, no order is left, a customer has two rows for one
            period, or a period from the first purchase to the last day of observation is missing.

        Examples
        --------
        >>> history = TimeVaryingHistory.from_log(
        ...     ["ann", "ann", "bob"],
        ...     ["2024-01-03", "2024-01-16", "2024-01-10"],
        ...     covariates={"discount": [0.0, 0.0, 0.2, 0.1, 0.0, 0.2]},
        ...     covariate_customer=["ann", "ann", "ann", "bob", "bob", "bob"],
        ...     period_start=["2024-01-01", "2024-01-08", "2024-01-15"] * 2,
        ...     as_of="2024-01-20",
        ... )
        >>> history.n_periods, history.period_end.round(2)
        (array([2, 2]), array([1.71, 2.71, 0.71, 1.71]))
        >>> history.purchase_totals.ravel()
        array([0.2, 0. ])
        """
        require_choice("time_unit", time_unit, DAYS_PER_UNIT)
        ids, whose, day, end, n_later = _orders(customer, date, as_of)
        first = np.full(len(ids), np.iinfo(np.int64).max)
        np.minimum.at(first, whose, day)
        last = np.zeros(len(ids), dtype=np.int64)
        np.maximum.at(last, whose, day)
        names, values, owner, start = _covariate_rows(covariates, covariate_customer, period_start, ids)
        length = as_whole_number("period_days", period_days, low=1)
        used = (owner >= 0) & (start > first[owner] - length)
        order = np.flatnonzero(used)[np.lexsort((start[used], owner[used]))]
        owner, start, values = owner[order], start[order], values[order]
        _require_complete(ids, first, end, owner, start, length)
        repeat = day > first[whose]
        step = int(start.max() - start.min()) + length + 1
        place = np.searchsorted(owner * step + (start - start.min()), whose * step + (day - start.min()), side="right")
        totals = np.stack(
            [np.bincount(whose[repeat], column[place[repeat] - 1], len(ids)).astype(np.float64) for column in values.T],
            axis=1,
        )
        changes = np.append((owner[1:] != owner[:-1]) | (values[1:] != values[:-1]).any(axis=1), True)
        ruler = DAYS_PER_UNIT[time_unit]
        return cls(
            customer=ids,
            frequency=np.bincount(whose, minlength=len(ids)).astype(np.float64) - 1.0,
            recency=(last - first) / ruler,
            age=(end - first) / ruler,
            n_periods=np.bincount(owner[changes], minlength=len(ids)),
            period_end=((start + length - first[owner]) / ruler)[changes],
            covariate_names=names,
            covariate_values=values[changes],
            purchase_totals=totals,
            time_unit=time_unit,
            as_of=np.datetime64(int(end), "D"),
            n_later=n_later,
        )

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return len(self.frequency)

    def __len__(self) -> int:
        return len(self.frequency)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the columns with one element for each customer, for a dataframe of any kind."""
        names = ("customer", "frequency", "recency", "age", "n_periods")
        return {name: getattr(self, name) for name in names}

    @property
    def period_start(self) -> Floats:
        """Time at which each period begins [time_unit], shape (m,)."""
        start = np.roll(self.period_end, 1)
        start[np.cumsum(self.n_periods) - self.n_periods] = 0.0
        return start

    @property
    def end_of_covariates(self) -> Floats:
        """Time up to which the covariates of each customer are known [time_unit], shape (n,)."""
        found: Floats = self.period_end[np.cumsum(self.n_periods) - 1]
        return found

    def without_covariates(self) -> PurchaseHistory:
        """Give the purchases alone, for models without covariates.

        Returns
        -------
        PurchaseHistory
            The same customers.
        """
        return PurchaseHistory(
            customer=self.customer,
            frequency=self.frequency,
            recency=self.recency,
            age=self.age,
            time_unit=self.time_unit,
            as_of=self.as_of,
        )


def _orders(
    customer: ArrayLike, date: ArrayLike, as_of: ArrayLike | None
) -> tuple[npt.NDArray[Any], Integers, Integers, int, int]:
    """Distinct customers, owner and day of each purchase up to the last day, that day, and the number of later rows."""
    require_same_index(customer=customer, date=date)
    distinct, code = encode_customers("customer", customer)
    days = as_day_column("date", date)
    require_same_length(customer=code, date=days)
    by_day = partial(purchases_by_day, days, code)
    last = last_date("as_of", days, by_day) if as_of is None else as_day("as_of", as_of)
    warn_of_early_rows(days)
    day, end = days.astype(np.int64), int(last.astype(np.int64))
    kept = day <= end
    if not kept.any():
        raise InputError("as_of", "such that at least one order is not after it", as_of)
    present, code = np.unique(code[kept], return_inverse=True)
    both = np.unique(np.stack((code, day[kept]), axis=1), axis=0)
    return distinct[present], both[:, 0], both[:, 1], end, int(np.count_nonzero(~kept))


def _covariate_rows(
    covariates: Mapping[str, ArrayLike], customer: ArrayLike, period_start: ArrayLike, ids: npt.NDArray[Any]
) -> tuple[tuple[str, ...], Floats, Integers, Integers]:
    """Names and values of covariates, and place among `ids` (-1 for others) and first day of each row."""
    given: object = covariates
    if not (isinstance(given, Mapping) and given):
        raise InputError("covariates", "a mapping from names to columns, at least one", given)
    names = tuple(as_text("covariates", name) for name in covariates)
    keyed = {f"covariates[{name!r}]": column for name, column in covariates.items()}
    require_same_index(covariate_customer=customer, period_start=period_start, **keyed)
    distinct, code = encode_customers("covariate_customer", customer)
    start = as_day_column("period_start", period_start).astype(np.int64)
    columns = {name: _numbers(name, column) for name, column in keyed.items()}
    require_same_length(covariate_customer=code, period_start=start, **columns)
    if (distinct.dtype.kind in "iu") != (ids.dtype.kind in "iu") and len(distinct):
        raise InputError("covariate_customer", f"identifiers like those of the log, {ids.dtype}", distinct[0])
    ids, distinct = as_comparable(ids, distinct)
    place = np.minimum(np.searchsorted(ids, distinct), len(ids) - 1)
    place = np.where(ids[place] == distinct, place, -1)
    return names, np.stack(list(columns.values()), axis=1), place[code], start


def _numbers(name: str, value: ArrayLike) -> Floats:
    refuse_category(name, value)
    array, _ = to_array(name, value, "a column of numbers")
    return as_column(name, array.astype(np.float64) if array.dtype.kind == "b" else value)


def _require_complete(
    ids: npt.NDArray[Any], first: Integers, end: int, owner: Integers, start: Integers, length: int
) -> None:
    """Refuse customers with a period that is missing or given twice, from their first purchase to the end."""

    def refuse(who: int, day: int, what: str) -> None:
        rule = f"one row for each customer and period of {length} days until {np.datetime64(int(end), 'D')}"
        said = f"{what} for customer {ids[who]!s} from {np.datetime64(int(day), 'D')}"
        raise InputError("period_start", rule, said, hint="give the covariates of every period, changed or not")

    same = owner[1:] == owner[:-1]
    gap = np.flatnonzero(same & (np.diff(start) != length))
    if len(gap):
        early = start[gap[0] + 1] < start[gap[0]] + length
        refuse(owner[gap[0]], start[gap[0]] + (0 if early else length), "two rows" if early else "no row")
    n = np.bincount(owner, minlength=len(ids))
    none = np.flatnonzero(n == 0)
    if len(none):
        refuse(none[0], first[none[0]], "no row")
    begins = np.cumsum(n) - n
    late = np.flatnonzero(start[begins] > first)
    if len(late):
        refuse(late[0], first[late[0]], "no row")
    short = np.flatnonzero(start[begins + n - 1] + length <= end)
    if len(short):
        refuse(short[0], start[begins + n - 1][short[0]] + length, "no row")
