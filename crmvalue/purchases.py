"""An order log to one row per customer.

The probability models and RFM need a short summary of each customer's past instead of every order. Here is the way from
one to the other: :func:`summarise_purchases` for a whole log, :func:`split_purchases` to hold the newest part back for
checking a model, and :meth:`PurchaseHistory.from_columns` for a summary that a warehouse has already computed.

Times are measured with a ruler of fixed length, the `time_unit`: a day, a week of 7 days, a month of 30.4375 days, a
quarter of 91.3125 or a year of 365.25. Money keeps the unit of the amounts.

For rates and averages over the whole base see :mod:`crmvalue.metrics`; for the shipped data :mod:`crmvalue.datasets`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_column, as_day, as_floats, as_text, require, require_choice
from crmvalue._core.customers import encode_customers
from crmvalue._core.keys import distinct_keys, row_keys
from crmvalue._core.values import Given, array_field, float_column, hand_over, read_only, stay_frozen
from crmvalue._purchases.covariate_columns import align_covariates
from crmvalue._purchases.order_log import (
    Grain,
    Missing,
    OrderLogCounts,
    Policy,
    Refunds,
    Summary,
    TimeUnit,
    Zeros,
    aggregate,
    last_day,
    read_log,
    start_of_grain,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "DAYS_PER_UNIT",
    "Grain",
    "Missing",
    "OrderLogCounts",
    "PurchaseHistory",
    "PurchaseSplit",
    "Refunds",
    "TimeUnit",
    "UniquePurchases",
    "Zeros",
    "split_purchases",
    "summarise_purchases",
]

DAYS_PER_UNIT: dict[str, float] = {"day": 1.0, "week": 7.0, "month": 30.4375, "quarter": 91.3125, "year": 365.25}
"""Length of each time unit in days; a year is the mean year of the Julian calendar, a month its twelfth."""


def _distinct_customers(value: ArrayLike | None) -> npt.NDArray[Any] | None:
    if value is None or isinstance(value, Given):
        return value if value is None else read_only(value)
    distinct, code = encode_customers("customer", value)
    if len(distinct) != len(code):
        raise InputError("customer", "one row a customer", f"{len(distinct)} customers in {len(code)} rows")
    return read_only(hand_over(distinct[code]))


def _distinct_names(value: Iterable[str]) -> tuple[str, ...]:
    names = tuple(as_text("covariate_names", name) for name in value)
    if len(set(names)) != len(names):
        raise InputError("covariate_names", "all different", names)
    return names


def _table(value: ArrayLike) -> Floats:
    if isinstance(value, Given):
        return read_only(value)
    (table,) = as_floats(covariate_values=value)
    return read_only(table)


def _optional_day(value: ArrayLike | None) -> np.datetime64 | None:
    return None if value is None else as_day("as_of", value)


@stay_frozen
@attrs.frozen(kw_only=True)
class UniquePurchases:
    """The distinct rows (frequency, recency, age) of a history with their weights.

    Parameters
    ----------
    frequency, recency, age : ndarray
        Distinct rows, shape (k,), in ascending order of frequency, then recency, then age.
    weight : ndarray
        How many customers share each row, shape (k,); sums to the number of customers.
    inverse : ndarray
        For each customer the row that is his, shape (n,).
    time_unit : str
        Unit of `recency` and `age`.

    Examples
    --------
    >>> history = PurchaseHistory.from_columns(frequency=[0, 2, 0], recency=[0, 3, 0], age=[5, 5, 5], time_unit="week")
    >>> history.unique().weight
    array([2, 1])
    """

    frequency: Floats = array_field()
    recency: Floats = array_field()
    age: Floats = array_field()
    weight: Integers = array_field()
    inverse: Integers = array_field()
    time_unit: str


@stay_frozen
@attrs.frozen(kw_only=True)
class PurchaseHistory:
    """What each customer bought, one element per customer in every column.

    Made by :func:`summarise_purchases`, :func:`split_purchases` or :meth:`from_columns`.

    Parameters
    ----------
    customer : ndarray or None
        Identifiers, all different, shape (n,), in ascending order where a log was summarised; None where none were
        given.
    frequency : ndarray
        Number of **repeat** purchases, shape (n,), whole numbers >= 0: one less than the number of purchases.
    recency : ndarray
        Time from the first to the last purchase [time_unit], in [0, age]; 0 exactly where `frequency` is 0.
    age : ndarray
        Time from the first purchase to the end of observation [time_unit], >= 0.
    mean_repeat_spend : ndarray or None
        Mean spend of the repeat purchases [money]; NaN where there is none. None for a log without amounts.
    total_spend : ndarray or None
        Spend of all purchases, the first included [money].
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of `recency` and `age`, a ruler of fixed length (:data:`DAYS_PER_UNIT`).
    grain : {"day", "week"} or None
        Purchases of a customer in one grain are one purchase; None where it is not known.
    as_of : datetime64[D] or None
        Last day of observation.
    counts : OrderLogCounts or None
        What became of the rows of the log.
    covariate_names : tuple of str
        Names of the k known traits of customers, all different: see :meth:`with_covariates`.
    covariate_values : ndarray or None
        Their values, shape (n, k); None where there are none.

    Examples
    --------
    >>> history = PurchaseHistory.from_columns(
    ...     frequency=[2, 0], recency=[30.43, 0], age=[38.86, 38.86], time_unit="week"
    ... )
    >>> history.n_customers
    2
    >>> history.n_purchases
    array([3., 1.])
    """

    customer: npt.NDArray[Any] | None = array_field(_distinct_customers, default=None)
    frequency: Floats = float_column("frequency")
    recency: Floats = float_column("recency")
    age: Floats = float_column("age")
    mean_repeat_spend: Floats | None = float_column("mean_repeat_spend", missing=True, optional=True)
    total_spend: Floats | None = float_column("total_spend", optional=True)
    time_unit: TimeUnit = attrs.field()
    grain: Grain | None = None
    as_of: np.datetime64 | None = attrs.field(default=None, converter=_optional_day, eq=str)
    counts: OrderLogCounts | None = None
    covariate_names: tuple[str, ...] = attrs.field(default=(), converter=_distinct_names)
    covariate_values: Floats | None = array_field(attrs.converters.optional(_table), default=None)

    def __attrs_post_init__(self) -> None:
        require_choice("time_unit", self.time_unit, DAYS_PER_UNIT)
        if self.grain is not None:
            require_choice("grain", self.grain, get_args(Grain))
        if not isinstance(self.counts, OrderLogCounts | None):
            raise InputError("counts", "an OrderLogCounts or None", self.counts)
        n = len(self.frequency)
        for name in ("customer", "recency", "age", "mean_repeat_spend", "total_spend"):
            column = getattr(self, name)
            if column is not None and column.shape != (n,):
                raise InputError(name, f"as long as `frequency` ({n} customers)", column.shape)
        x, t_x, age = self.frequency, self.recency, self.age
        require((x >= 0) & (x == np.floor(x)) & (x <= 2**53), "frequency", x, "a whole number >= 0")
        require(age >= 0, "age", age, ">= 0")
        require(
            (t_x >= 0) & (t_x <= age), "recency", t_x, "in [0, age]", hint="time from the first to the last purchase"
        )
        bought_again = x > 0
        require(
            (t_x > 0) == bought_again, "recency", t_x, "0 where `frequency` is 0 and above 0 elsewhere",
            hint="`frequency` counts repeat purchases, one less than all purchases",
        )  # fmt: skip
        spend = self.mean_repeat_spend
        if spend is not None:
            require(
                (spend >= 0) | (~bought_again & np.isnan(spend)), "mean_repeat_spend", spend,
                ">= 0, or NaN where `frequency` is 0",
            )  # fmt: skip
        if self.total_spend is not None:
            require(self.total_spend >= 0, "total_spend", self.total_spend, ">= 0")
        shape = () if self.covariate_values is None else self.covariate_values.shape
        if shape != ((n, len(self.covariate_names)) if self.covariate_names else ()):
            raise InputError("covariate_values", f"one row for each customer and one column for each name ({n})", shape)

    @classmethod
    def from_columns(
        cls,
        *,
        frequency: ArrayLike,
        recency: ArrayLike,
        age: ArrayLike,
        mean_repeat_spend: ArrayLike | None = None,
        time_unit: TimeUnit,
        total_spend: ArrayLike | None = None,
        customer: ArrayLike | None = None,
        as_of: ArrayLike | None = None,
        grain: Grain | None = None,
    ) -> PurchaseHistory:
        """Take a summary that was computed elsewhere.

        Parameters
        ----------
        frequency, recency, age, mean_repeat_spend, total_spend, time_unit, customer, as_of, grain
            As the fields of :class:`PurchaseHistory`. Where `frequency` is 0, `mean_repeat_spend` may be NaN or any
            number (others write 0 there); it is stored as NaN.

        Returns
        -------
        PurchaseHistory
            The checked columns.

        Raises
        ------
        InputError
            If a column breaks its rule or is not as long as the others.

        Examples
        --------
        >>> history = PurchaseHistory.from_columns(
        ...     frequency=[1, 0],
        ...     recency=[1.71, 0],
        ...     age=[38.86, 38.86],
        ...     mean_repeat_spend=[11.77, 0],
        ...     time_unit="week",
        ... )
        >>> history.mean_repeat_spend
        array([11.77,   nan])
        """
        if mean_repeat_spend is not None:
            spend = as_column("mean_repeat_spend", mean_repeat_spend, allow_missing=True)
            x = as_column("frequency", frequency)
            if x.shape == spend.shape:
                mean_repeat_spend = np.where(x == 0, np.nan, spend)
        return cls(
            frequency=frequency,
            recency=recency,
            age=age,
            mean_repeat_spend=mean_repeat_spend,
            total_spend=total_spend,
            time_unit=time_unit,
            customer=customer,
            as_of=as_of,
            grain=grain,
        )

    def __len__(self) -> int:
        return len(self.frequency)

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return len(self.frequency)

    @property
    def n_purchases(self) -> Floats:
        """Number of purchases, the first included; RFM's F."""
        return self.frequency + 1.0

    @property
    def days_since_last(self) -> Floats:
        """Days from the last purchase to the end of observation; RFM's R."""
        days = (self.age - self.recency) * DAYS_PER_UNIT[self.time_unit]
        return days if self.grain is None else np.rint(days)

    @property
    def mean_spend(self) -> Floats | None:
        """Mean spend of all purchases [money]; RFM's M as a mean, where `total_spend` is M as a sum."""
        return None if self.total_spend is None else self.total_spend / self.n_purchases

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, RFM's included, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            Columns of one length; those that the history does not have are left out.

        Examples
        --------
        >>> history = PurchaseHistory.from_columns(frequency=[0], recency=[0], age=[2], time_unit="week")
        >>> list(history.to_columns())
        ['frequency', 'recency', 'age', 'days_since_last', 'n_purchases']
        """
        names = (
            "customer", "frequency", "recency", "age", "mean_repeat_spend",
            "days_since_last", "n_purchases", "mean_spend", "total_spend",
        )  # fmt: skip
        columns = {name: getattr(self, name) for name in names}
        columns |= {name: self.covariate(name) for name in self.covariate_names}
        return {name: column for name, column in columns.items() if column is not None}

    def with_covariates(
        self, columns: Mapping[str, ArrayLike], *, customer: ArrayLike | None = None
    ) -> PurchaseHistory:
        """Add what is known of each customer beside the purchases, for models with covariates.

        Parameters
        ----------
        columns : mapping of str to array_like
            Numbers by name, one element per customer: an amount, an age, True or False for a property. Of a category
            give a 0/1 column for each value but one. All covariates that the history had are dropped.
        customer : array_like, optional
            Whose each row is, where `columns` come from elsewhere: in any order, each customer once, others than those
            of the history allowed. By default the rows are in the order of the history.

        Returns
        -------
        PurchaseHistory
            The same history with these covariates.

        Raises
        ------
        InputError
            If a column is not numeric, has a missing value or another length, or a customer of the history is missing.

        Examples
        --------
        >>> history = PurchaseHistory.from_columns(
        ...     customer=["ann", "bob"], frequency=[2, 0], recency=[3, 0], age=[5, 5], time_unit="week"
        ... )
        >>> known = history.with_covariates({"is_member": [0, 1, 1]}, customer=["bob", "ann", "eve"])
        >>> known.covariate("is_member")
        array([1., 0.])
        """
        taken = {field.name for field in attrs.fields(PurchaseHistory)} | set(self.to_columns())
        names, values = align_covariates(columns, customer, self.customer, len(self), taken - set(self.covariate_names))
        return attrs.evolve(self, covariate_names=names, covariate_values=hand_over(values))

    def covariate(self, name: str) -> Floats:
        """Values of one covariate.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        ndarray
            One element per customer, shape (n,).

        Raises
        ------
        InputError
            If the history has no such covariate.

        Examples
        --------
        >>> history = PurchaseHistory.from_columns(frequency=[0], recency=[0], age=[5], time_unit="week")
        >>> history.with_covariates({"visits": [3]}).covariate("visits")
        array([3.])
        """
        if self.covariate_values is None or name not in self.covariate_names:
            known = ", ".join(self.covariate_names) or "none"
            raise InputError("history", f"with the covariate {name!r}", known, hint="PurchaseHistory.with_covariates")
        return self.covariate_values[:, self.covariate_names.index(name)]

    def unique(self) -> UniquePurchases:
        """Compress customers with equal (frequency, recency, age) to one weighted row.

        A likelihood is the same on the compressed rows, at a fraction of the work: a million customers of whole days
        have about a hundred thousand distinct rows.

        Returns
        -------
        UniquePurchases
            Distinct rows, weights, and the row of each customer.

        Examples
        --------
        >>> history = PurchaseHistory.from_columns(frequency=[1, 1], recency=[3, 3], age=[5, 5], time_unit="week")
        >>> len(history.unique().weight)
        1
        """
        first, inverse, weight = distinct_keys(row_keys(self.frequency, self.recency, self.age))
        return UniquePurchases(
            frequency=hand_over(self.frequency[first]),
            recency=hand_over(self.recency[first]),
            age=hand_over(self.age[first]),
            weight=hand_over(weight),
            inverse=hand_over(inverse),
            time_unit=self.time_unit,
        )


@stay_frozen
@attrs.frozen(kw_only=True)
class PurchaseSplit:
    """A log cut in two by time: what a model may see, and what it has to foretell.

    Parameters
    ----------
    calibration : PurchaseHistory
        The customers' histories up to and including `calibration.as_of`.
    holdout_n_purchases : ndarray
        Purchases of each of these customers in the holdout, shape (n,), whole numbers >= 0.
    holdout_spend : ndarray or None
        Money each spent in the holdout; None for a log without amounts.
    holdout_length : float
        Length of the holdout [time_unit of `calibration`], whole days.
    new_customer : ndarray
        Identifiers of customers whose first purchase is in the holdout: no model saw them.
    new_n_purchases : ndarray
        Purchases of each new customer in the holdout, the first included.
    new_spend : ndarray or None
        Money each new customer spent in the holdout.
    holdout_counts : OrderLogCounts
        What became of the rows of the holdout.

    Examples
    --------
    >>> split = split_purchases([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-03-02"], calibration_end="2024-01-31")
    >>> split.holdout_n_purchases, split.n_new_customers
    (array([1.]), 1)
    """

    calibration: PurchaseHistory
    holdout_n_purchases: Floats = float_column("holdout_n_purchases")
    holdout_spend: Floats | None = float_column("holdout_spend", optional=True)
    holdout_length: float
    new_customer: npt.NDArray[Any] = array_field()
    new_n_purchases: Floats = float_column("new_n_purchases")
    new_spend: Floats | None = float_column("new_spend", optional=True)
    holdout_counts: OrderLogCounts

    def with_covariates(self, columns: Mapping[str, ArrayLike], *, customer: ArrayLike | None = None) -> PurchaseSplit:
        """Add what is known of the customers of the calibration: see :meth:`PurchaseHistory.with_covariates`.

        Parameters
        ----------
        columns, customer
            As there.

        Returns
        -------
        PurchaseSplit
            The same split, its calibration with these covariates.

        Raises
        ------
        InputError
            As there.
        """
        return attrs.evolve(self, calibration=self.calibration.with_covariates(columns, customer=customer))

    @property
    def n_new_customers(self) -> int:
        """Number of customers whose first purchase is in the holdout."""
        return len(self.new_customer)


def summarise_purchases(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    as_of: ArrayLike | None = None,
    time_unit: TimeUnit = "week",
    grain: Grain = "day",
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
) -> PurchaseHistory:
    """Turn an order log into one row per customer, whatever the order of its rows.

    Parameters
    ----------
    customer : array_like
        Customer of each row, whole numbers or text, shape (rows,).
    date : array_like
        Date of each row: `datetime64`, `datetime.date` or ISO text, without time zone; a time of day is cut off.
    amount : array_like, optional
        Money of each row, below 0 for a refund; 0 or of a magnitude from 1e-15 to 1e15.
    as_of : date, optional
        Last day of observation; later rows are left out and counted. By default the last date of the log: say it
        where the log may end with a quiet day, since `age` depends on it.
    time_unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of the times in the result.
    grain : {"day", "week"}, optional
        Purchases of a customer in one grain are one purchase. Weeks begin on Monday, and all times are then counted
        from Monday to Monday.
    refunds : {"raise", "net", "drop"}, optional
        Rows with an amount below 0. "net" takes them off the customer's latest purchase at or before them, then off
        the one before that; a purchase refunded in full did not happen.
    zeros : {"keep", "drop", "raise"}, optional
        Rows with an amount of 0: "keep" counts them as purchases.
    missing : {"raise", "drop"}, optional
        Rows whose amount is missing or NaN.

    Returns
    -------
    PurchaseHistory
        One element per customer in ascending order of `customer`, with `counts` of what the policies did.

    Raises
    ------
    InputError
        If a column has a value that is not legal or forbidden by a policy, if columns differ in length, if there is
        no row, or if no purchase is left.

    Notes
    -----
    Repeat purchases, recency and age are those of Fader, Hardie and Lee (2005): x, t_x and T, where the first purchase
    makes somebody a customer and is not itself counted. Amounts that are all whole cents are added without rounding,
    up to 9e13 for a customer, so that the order of the rows does not matter; in another order, sums of other amounts
    may differ in their last digits.

    Examples
    --------
    >>> history = summarise_purchases(
    ...     customer=["ann", "bob", "ann", "ann"],
    ...     date=["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-15"],
    ...     amount=[20, 30, 5, 10],
    ...     as_of="2024-01-29",
    ... )
    >>> history.frequency, history.recency, history.age
    (array([1., 0.]), array([2., 0.]), array([4., 3.]))
    >>> history.mean_repeat_spend
    array([15., nan])
    """
    log = read_log(customer, date, amount, time_unit=time_unit, grain=grain)
    end = last_day(log, "as_of", as_of)
    return to_history(aggregate(log, Policy(refunds, zeros, missing), None, end, grain), end, time_unit, grain)


def split_purchases(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    calibration_end: ArrayLike,
    holdout_end: ArrayLike | None = None,
    time_unit: TimeUnit = "week",
    grain: Grain = "day",
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
) -> PurchaseSplit:
    """Cut an order log into a calibration part and a holdout part by whole days.

    Parameters
    ----------
    customer, date, amount, time_unit, grain, refunds, zeros, missing
        As in :func:`summarise_purchases`. Each part is summarised by itself: a refund in the holdout is never taken
        off a purchase of the calibration, which a model would have seen whole.
    calibration_end : date
        Last day of the calibration; the holdout begins on the next.
    holdout_end : date, optional
        Last day of the holdout; by default the last date of the log. Later rows are left out and counted.

    Returns
    -------
    PurchaseSplit
        The histories, what the same customers did in the holdout, and the new customers apart.

    Raises
    ------
    InputError
        As :func:`summarise_purchases`, and if `holdout_end` is not after `calibration_end`.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> split = split_purchases(cdnow.customer, cdnow.date, cdnow.amount, calibration_end="1997-09-30")
    >>> int(split.calibration.frequency.sum()), int(split.holdout_n_purchases.sum()), split.holdout_length
    (2457, 1882, 39.0)
    """
    log = read_log(customer, date, amount, time_unit=time_unit, grain=grain)
    policy = Policy(refunds, zeros, missing)
    cut = last_day(log, "calibration_end", as_day("calibration_end", calibration_end))
    end = last_day(log, "holdout_end", holdout_end)
    if end <= cut:
        raise InputError("holdout_end", f"after calibration_end ({cut})", str(end))
    calibration = to_history(aggregate(log, policy, None, cut, grain), cut, time_unit, grain)
    later = aggregate(log, policy, cut, end, grain)
    ids = calibration.customer
    if ids is None:  # pragma: no cover - a history made from a log has its customers
        raise AssertionError
    place = np.searchsorted(ids, later.customer)
    known = ids[np.minimum(place, len(ids) - 1)] == later.customer
    frequency = np.zeros(len(ids))
    frequency[place[known]] = later.n_purchases[known]
    spend = None
    if later.total is not None:
        spend = np.zeros(len(ids))
        spend[place[known]] = later.total[known]
    return PurchaseSplit(
        calibration=calibration,
        holdout_n_purchases=hand_over(frequency),
        holdout_spend=None if spend is None else hand_over(spend),
        holdout_length=float((end - cut).astype(np.int64) / DAYS_PER_UNIT[time_unit]),
        new_customer=hand_over(later.customer[~known]),
        new_n_purchases=hand_over(later.n_purchases[~known].astype(np.float64)),
        new_spend=None if later.total is None else hand_over(later.total[~known]),
        holdout_counts=later.counts,
    )


def to_history(summary: Summary, end: np.datetime64, time_unit: TimeUnit, grain: Grain) -> PurchaseHistory:
    """Put the summary of a log into the units of a history."""
    if len(summary.customer) == 0:
        raise InputError("amount", "such that at least one row is a purchase", f"no purchase until {end}")
    ruler = DAYS_PER_UNIT[time_unit]
    final_day = start_of_grain(end.astype(np.int64), grain)
    frequency = (summary.n_purchases - 1).astype(np.float64)
    repeat_spend = None
    if summary.repeat_spend is not None:
        repeat_spend = np.full(len(frequency), np.nan)
        np.divide(summary.repeat_spend, frequency, out=repeat_spend, where=frequency > 0)
    return PurchaseHistory(
        customer=hand_over(summary.customer),
        frequency=hand_over(frequency),
        recency=hand_over((summary.last_day - summary.first_day) / ruler),
        age=hand_over((final_day - summary.first_day) / ruler),
        mean_repeat_spend=None if repeat_spend is None else hand_over(repeat_spend),
        total_spend=None if summary.total is None else hand_over(summary.total),
        time_unit=time_unit,
        grain=grain,
        as_of=end,
        counts=summary.counts,
    )
