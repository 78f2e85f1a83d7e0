"""What each customer bought, one row per customer; :mod:`crmvalue.purchases` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import (
    as_column,
    as_day,
    as_floats,
    as_ordered_items,
    as_text,
    require,
    require_same_index,
    to_array,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._core.frames import Columns
from crmvalue._core.per_customer import beside
from crmvalue._core.values import (
    Given,
    array_field,
    checked_field,
    choice_field,
    float_column,
    hand_over,
    of_class,
    optional,
    read_only,
    stay_frozen,
    whole_table,
)
from crmvalue._purchases.amounts import PurchaseAmounts, of_customers
from crmvalue._purchases.covariate_columns import align_covariates
from crmvalue._purchases.order_log import Grain, OrderLogCounts, TimeUnit
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["DAYS_PER_UNIT", "PurchaseHistory", "UniquePurchases", "distinct_customers"]

DAYS_PER_UNIT: dict[str, float] = {"day": 1.0, "week": 7.0, "month": 30.4375, "quarter": 91.3125, "year": 365.25}
"""Length of each time unit in days; a year is the mean year of the Julian calendar, a month its twelfth."""


def distinct_customers(value: ArrayLike | None) -> npt.NDArray[Any] | None:
    """Take identifiers that are all different; None stays None."""
    if value is None or isinstance(value, Given):
        return value if value is None else read_only(value)
    distinct, code = encode_customers("customer", value)
    if len(distinct) != len(code):
        raise InputError("customer", "one row a customer", f"{len(distinct)} customers in {len(code)} rows")
    return read_only(hand_over(distinct[code]))


def _places(rows: slice | ArrayLike, history: PurchaseHistory) -> Integers:
    """Give the places of chosen rows of a history."""
    n = len(history)
    if isinstance(rows, slice):
        return np.arange(n)[rows]
    rule = "True or False for each customer, places of customers, or a slice"
    array, types = to_array("rows", rows, rule)
    if array.dtype.kind == "b":
        array, types = to_array("rows", beside(history, "rows", rows), rule)
    if array.ndim != 1 or (types & {bool, np.bool_} and array.dtype.kind != "b"):
        raise InputError("rows", rule, rows)
    if array.dtype.kind == "b":
        if len(array) != n:
            raise InputError("rows", f"one True or False for each of the {n} customers", len(array))
        return np.nonzero(array)[0]
    if array.size and array.dtype.kind not in "iu":
        raise InputError("rows", rule, array[0], index=0, hint="a missing value is neither True nor False")
    require((array >= -n) & (array < n), "rows", array, f"the place of one of the {n} customers, 0 to {n - 1}")
    place = array.astype(np.int64) % max(n, 1)
    if history.customer is not None and len(place):
        _, first = np.unique(place, return_index=True)
        require(np.isin(np.arange(len(place)), first), "rows", array, "each place once, since customers are distinct")
    return place


def _distinct_names(value: Any) -> tuple[str, ...]:
    items = as_ordered_items("covariate_names", value, "a list of texts")
    names = tuple(as_text("covariate_names", name) for name in items)
    if len(set(names)) != len(names):
        raise InputError("covariate_names", "all different", names)
    return names


def _require_rows(x: Floats, t_x: Floats, age: Floats) -> None:
    """Refuse rows that no customer can have."""
    require((x >= 0) & (x == np.floor(x)) & (x <= 2**53), "frequency", x, "a whole number >= 0")
    require(age >= 0, "age", age, ">= 0")
    require((t_x >= 0) & (t_x <= age), "recency", t_x, "in [0, age]", hint="time from the first to the last purchase")
    require(
        (t_x > 0) == (x > 0), "recency", t_x, "0 where `frequency` is 0 and above 0 elsewhere",
        hint="`frequency` counts repeat purchases, one less than all purchases",
    )  # fmt: skip


def _table(value: ArrayLike) -> Floats:
    if isinstance(value, Given):
        return read_only(value)
    (table,) = as_floats(covariate_values=value)
    return read_only(table)


@stay_frozen
@attrs.frozen(kw_only=True)
class UniquePurchases(Columns):
    """The distinct rows (frequency, recency, age) of a history with their weights.

    Parameters
    ----------
    frequency, recency, age : ndarray
        Distinct rows, shape (k,), in ascending order of frequency, then recency, then age.
    weight : ndarray
        Number of customers who share each row, shape (k,); the sum is the number of customers.
    inverse : ndarray or None
        The row of each customer, shape (n,); None for rows that were counted elsewhere, such as in a warehouse.
    time_unit : str
        Unit of `recency` and `age`.

    Examples
    --------
    >>> history = PurchaseHistory.from_columns(frequency=[0, 2, 0], recency=[0, 3, 0], age=[5, 5, 5], time_unit="week")
    >>> history.unique().weight
    array([2, 1])
    """

    frequency: Floats = float_column("frequency")
    recency: Floats = float_column("recency")
    age: Floats = float_column("age")
    weight: Integers = whole_table("weight")
    inverse: Integers | None = whole_table("inverse", default=None)
    time_unit: str = choice_field("time_unit", DAYS_PER_UNIT)

    def __attrs_post_init__(self) -> None:
        k = len(self.frequency)
        for name in ("recency", "age", "weight"):
            if getattr(self, name).shape != (k,):
                raise InputError(name, f"as long as `frequency` ({k} rows)", getattr(self, name).shape)
        _require_rows(self.frequency, self.recency, self.age)
        if self.inverse is not None:
            require(self.inverse < k, "inverse", self.inverse, f"the place of one of the {k} rows")
            number = np.bincount(self.inverse, minlength=k)
            require(self.weight == number, "weight", self.weight, "the number of customers of the row in `inverse`")

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the distinct rows with their weights, for a dataframe of any kind."""
        names = ("frequency", "recency", "age", "weight")
        return {name: getattr(self, name) for name in names}


@stay_frozen
@attrs.frozen(kw_only=True)
class PurchaseHistory(Columns):
    """Purchases of each customer in summary, one element per customer in every column.

    :func:`summarise_purchases`, :func:`split_purchases` and :meth:`from_columns` make it.

    Parameters
    ----------
    customer : ndarray or None
        Identifiers, all different, shape (n,); in ascending order if they come from a log. None for a history without
        identifiers.
    frequency : ndarray
        Number of **repeat** purchases, shape (n,), whole numbers >= 0: one less than the number of purchases.
    recency : ndarray
        Time from the first to the last purchase [time_unit], in [0, age]; 0 exactly where `frequency` is 0.
    age : ndarray
        Time from the first purchase to the end of observation [time_unit], >= 0.
    mean_repeat_spend : ndarray or None
        Mean spend of the repeat purchases [money]; NaN for a customer without any. None for a log without amounts.
    total_spend : ndarray or None
        Spend of all purchases, the first included [money].
    amounts : PurchaseAmounts or None
        Day and money of each purchase, for models of spend that need them; None unless they are asked for
        (`keep_amounts`).
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of `recency` and `age`, a ruler of fixed length (:data:`DAYS_PER_UNIT`).
    grain : {"day", "week"} or None
        All purchases of a customer in one grain are one purchase; None if it is not known.
    as_of : datetime64[D] or None
        Last day of observation.
    counts : OrderLogCounts or None
        Counts of the rows of the log and of what the policies did with them.
    covariate_names : tuple of str
        Names of the k known traits of customers (covariates), all different: see :meth:`with_covariates`.
    covariate_values : ndarray or None
        Values of the covariates, shape (n, k); None without covariates.

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

    customer: npt.NDArray[Any] | None = array_field(distinct_customers, default=None)
    frequency: Floats = float_column("frequency")
    recency: Floats = float_column("recency")
    age: Floats = float_column("age")
    mean_repeat_spend: Floats | None = float_column("mean_repeat_spend", missing=True, optional=True)
    total_spend: Floats | None = float_column("total_spend", optional=True)
    time_unit: TimeUnit = choice_field("time_unit", DAYS_PER_UNIT)
    grain: Grain | None = choice_field("grain", Grain, default=None)
    as_of: np.datetime64 | None = checked_field("as_of", optional(as_day), default=None, eq=str)
    counts: OrderLogCounts | None = None
    amounts: PurchaseAmounts | None = checked_field("amounts", optional(of_class(PurchaseAmounts)), default=None)
    covariate_names: tuple[str, ...] = attrs.field(default=(), converter=_distinct_names)
    covariate_values: Floats | None = array_field(attrs.converters.optional(_table), default=None)

    def __attrs_pre_init__(self, **columns: object) -> None:
        require_same_index(**columns)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.counts, OrderLogCounts | None):
            raise InputError("counts", "an OrderLogCounts or None", self.counts)
        n = len(self.frequency)
        for name in ("customer", "recency", "age", "mean_repeat_spend", "total_spend"):
            column = getattr(self, name)
            if column is not None and column.shape != (n,):
                raise InputError(name, f"as long as `frequency` ({n} customers)", column.shape)
        _require_rows(self.frequency, self.recency, self.age)
        spend = self.mean_repeat_spend
        if spend is not None:
            require(
                (spend >= 0) | ((self.frequency == 0) & np.isnan(spend)), "mean_repeat_spend", spend,
                ">= 0, or NaN where `frequency` is 0",
            )  # fmt: skip
        if self.total_spend is not None:
            require(self.total_spend >= 0, "total_spend", self.total_spend, ">= 0")
        if self.amounts is not None and not np.array_equal(self.amounts.n_purchases, self.frequency + 1.0):
            rule = f"those of all purchases, `frequency` + 1 of each of the {n} customers"
            raise InputError("amounts", rule, len(self.amounts.amount))
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
        """Make a history from a summary that was computed elsewhere.

        Parameters
        ----------
        frequency, recency, age, mean_repeat_spend, total_spend, time_unit, customer, as_of, grain
            As the fields of :class:`PurchaseHistory`. For a `frequency` of 0, `mean_repeat_spend` may be NaN or any
            number; it is stored as NaN.

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
        require_same_index(
            frequency=frequency, recency=recency, age=age, mean_repeat_spend=mean_repeat_spend,
            total_spend=total_spend, customer=customer,
        )  # fmt: skip
        if mean_repeat_spend is not None:
            require_same_index(frequency=frequency, mean_repeat_spend=mean_repeat_spend)
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

    def __getitem__(self, rows: slice | ArrayLike) -> PurchaseHistory:
        """Give the history of a part of the customers, with their identifiers and covariates.

        Parameters
        ----------
        rows : array_like of bool, array_like of int or slice
            True for each customer to keep, shape (n,); or the places of the customers in the order wanted; or a slice.
            A column of True and False of pandas whose index holds identifiers is brought into the order of the history.

        Returns
        -------
        PurchaseHistory
            The same columns of these customers. `counts` is None, because it counts the rows of the whole log.

        Raises
        ------
        InputError
            If there is not one True or False for each customer, a place is not in the history, or a place comes twice
            although the history has identifiers.

        Examples
        --------
        >>> history = PurchaseHistory.from_columns(
        ...     customer=["ann", "bob"], frequency=[2, 0], recency=[3, 0], age=[5, 5], time_unit="week"
        ... )
        >>> history[history.frequency > 0].customer
        array(['ann'], dtype='<U3')
        """
        place = _places(rows, self)
        names = ("customer", "frequency", "recency", "age", "mean_repeat_spend", "total_spend", "covariate_values")
        columns = {name: getattr(self, name) for name in names}
        parts = {name: hand_over(column[place]) for name, column in columns.items() if column is not None}
        amounts = None if self.amounts is None else of_customers(self.amounts, place)
        return attrs.evolve(self, counts=None, amounts=amounts, **parts)

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
        """Add known traits of each customer, for models with covariates.

        Parameters
        ----------
        columns : mapping of str to array_like
            Numbers by name, one element per customer: an amount, an age, True or False for a property. For a category
            with several values, give a 0/1 column for each value but one. Former covariates of the history are dropped.
            A column of pandas with the index of `customer` is in its order; one whose index holds identifiers is
            brought into the order of the rows.
        customer : array_like, optional
            Customer of each row of `columns`, in any order, each customer once; customers who are not in the history
            are allowed. By default the rows are in the order of the history.

        Returns
        -------
        PurchaseHistory
            The same history with these covariates.

        Raises
        ------
        InputError
            If a column is not numeric, has a missing value, another length or labels that are not those of the rows,
            or a customer of the history is missing.

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
        word = as_text("name", name)
        if self.covariate_values is None or word not in self.covariate_names:
            known = ", ".join(self.covariate_names) or "none"
            raise InputError("history", f"with the covariate {word!r}", known, hint="PurchaseHistory.with_covariates")
        return self.covariate_values[:, self.covariate_names.index(word)]

    def unique(self) -> UniquePurchases:
        """Compress customers with equal (frequency, recency, age) to one weighted row.

        A likelihood has the same value on the compressed rows and takes a fraction of the time: a million customers
        with times in whole days have about a hundred thousand distinct rows.

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
