"""The last days of an order log, summed for each customer; :mod:`crmvalue.purchases` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from crmvalue._core.checks import as_day, as_whole_number, require, require_same_length
from crmvalue._core.frames import Columns
from crmvalue._core.values import (
    array_field,
    checked_field,
    count_column,
    count_field,
    float_column,
    hand_over,
    stay_frozen,
)
from crmvalue._purchases.history import distinct_customers
from crmvalue._purchases.order_log import (
    Log,
    OrderLogCounts,
    Policy,
    Purchases,
    condense,
    find_purchases,
    last_day,
    read_log,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._purchases.order_log import Duplicates, Missing, Refunds, Zeros
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["PurchaseWindow", "sum_window", "summarise_window"]

_LONGEST = 3_652_059  # days from year 1 to year 9999


@stay_frozen
@attrs.frozen(kw_only=True)
class PurchaseWindow(Columns):
    """Purchases and money of each customer in the last days before a date; :func:`summarise_window` makes it.

    Parameters
    ----------
    customer : ndarray
        Identifiers in ascending order, shape (n,): everybody with a purchase up to the as-of date, also before the
        window.
    days_since_last : ndarray
        Days from the last purchase to the as-of date, shape (n,); `window` or more for a customer without a purchase
        in the window.
    n_purchases : ndarray
        Number of purchases in the window, shape (n,); 0 for a customer without any.
    total_spend : ndarray or None
        Money of these purchases, shape (n,). None for a log without amounts.
    as_of : datetime64[D]
        Last day of the window.
    window : int
        Length of the window [days], the as-of date included.
    n_days_observed : int
        Days of the window that the log covers. It is less than `window` if the log begins inside the window; then the
        sums cannot be compared with those of a full window. Up to one of 200 rows that stand long before all others do
        not count as the beginning.
    counts : OrderLogCounts
        What the policies did with the rows of the log up to the as-of date.

    Examples
    --------
    >>> recent = summarise_window(
    ...     ["ann", "ann", "bob"],
    ...     ["2024-01-05", "2024-03-01", "2024-01-09"],
    ...     [20, 5, 30],
    ...     as_of="2024-03-31",
    ...     window=60,
    ... )
    >>> recent.n_purchases, recent.days_since_last
    (array([1, 0]), array([30, 82]))
    """

    customer: npt.NDArray[Any] = array_field(distinct_customers)
    days_since_last: Integers = count_column("days_since_last")
    n_purchases: Integers = count_column("n_purchases")
    total_spend: Floats | None = float_column("total_spend", optional=True)
    as_of: np.datetime64 = checked_field("as_of", as_day, eq=str)
    window: int = count_field("window", low=1)
    n_days_observed: int = count_field("n_days_observed", low=1)
    counts: OrderLogCounts

    def __attrs_post_init__(self) -> None:
        given: object = self.customer
        if given is None:
            raise InputError("customer", "one identifier for each customer", given)
        if not isinstance(self.counts, OrderLogCounts):
            raise InputError("counts", "an OrderLogCounts", self.counts)
        columns = {name: getattr(self, name) for name in ("customer", "days_since_last", "n_purchases")}
        if self.total_spend is not None:
            columns["total_spend"] = self.total_spend
        require_same_length(**columns)
        if self.n_days_observed > self.window:
            raise InputError("n_days_observed", f"at most the window, {self.window} days", self.n_days_observed)
        bought = self.n_purchases > 0
        rule = f"below the window, {self.window}, where, and only where, `n_purchases` is above 0"
        require((self.days_since_last < self.window) == bought, "days_since_last", self.days_since_last, rule)
        spend = self.total_spend
        if spend is not None:
            require((spend == 0) | ((spend > 0) & bought), "total_spend", spend, ">= 0, and 0 where `n_purchases` is 0")

    @property
    def mean_spend(self) -> Floats | None:
        """Mean money of a purchase in the window, shape (n,); 0 for a customer without any."""
        if self.total_spend is None:
            return None
        mean: Floats = self.total_spend / np.maximum(self.n_purchases, 1)
        return mean

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """All columns by name, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            Columns of one length; those of money only if the log has amounts.
        """
        names = ("customer", "days_since_last", "n_purchases", "mean_spend", "total_spend")
        columns = {name: getattr(self, name) for name in names}
        return {name: column for name, column in columns.items() if column is not None}


def summarise_window(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    window: int,
    as_of: ArrayLike | None = None,
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
) -> PurchaseWindow:
    """Sum up the purchases of the last days of an order log: the columns of RFM for a fair comparison of two dates.

    Purchases of all time can only grow, so groups by them grow by construction. Sums over a window of one length can
    grow and fall. The days since the last purchase look back over the whole log, and nobody can have been silent for
    longer than it: to compare two dates, take the customers with a purchase in the window (`n_purchases` above 0).

    Parameters
    ----------
    customer, date, amount
        Columns of the log, as in :func:`summarise_purchases`.
    window : int
        Length of the window [days], >= 1, such as 180: it ends on the as-of date, which counts.
    as_of : date, optional
        Last day of the window; later rows are left out and counted. By default the last date of the log.
    refunds, zeros, missing, duplicates : str, optional
        Policies, as in :func:`summarise_purchases`. With ``refunds="net"`` a refund is taken off the purchase that it
        belongs to: it lowers the sum of the window only if this purchase is in the window.

    Returns
    -------
    PurchaseWindow
        One element per customer with a purchase up to the as-of date, in ascending order of `customer`. The purchases
        of a customer on one day are one purchase.

    Raises
    ------
    InputError
        As :func:`summarise_purchases`; also if `window` is no whole number of at least 1.

    Examples
    --------
    >>> log = ["ann", "ann", "bob"], ["2024-01-05", "2024-06-01", "2024-06-09"], [20.0, 5.0, 30.0]
    >>> half_year = summarise_window(*log, as_of="2024-06-30", window=180)
    >>> half_year.n_purchases, half_year.total_spend
    (array([2, 1]), array([25., 30.]))
    >>> month = summarise_window(*log, as_of="2024-06-30", window=30)
    >>> month.n_purchases, month.total_spend
    (array([1, 1]), array([ 5., 30.]))
    """
    length = as_whole_number("window", window, low=1, high=_LONGEST)
    log = read_log(customer, date, amount, time_unit="day", grain="day", missing=missing)
    end = last_day(log, "as_of", as_of)
    purchases, counts = find_purchases(log, Policy(refunds, zeros, missing, duplicates), None, end, "day")
    if len(purchases.day) == 0:
        rule = f"such that at least one row until {end} is a purchase"
        raise InputError("amount", rule, "no purchase, only refunds and rows that are left out")
    return sum_window(log, purchases, counts, end, length)


def sum_window(
    log: Log, purchases: Purchases, counts: OrderLogCounts, end: np.datetime64, length: int
) -> PurchaseWindow:
    """Sum up the purchases of the last days before an end; `purchases` are those of the log up to it."""
    everybody = condense(log, purchases, counts)
    final = int(end.astype(np.int64))
    inside = _since(purchases, final - length + 1)
    recent = condense(log, inside, counts)
    is_recent = np.diff(inside.start)[np.diff(purchases.start) > 0] > 0
    return PurchaseWindow(
        customer=hand_over(everybody.customer),
        days_since_last=hand_over(final - everybody.last_day),
        n_purchases=hand_over(_spread(recent.n_purchases, is_recent)),
        total_spend=None if recent.total is None else hand_over(_spread(recent.total, is_recent)),
        as_of=end,
        window=length,
        n_days_observed=min(length, final - int(log.begin(end).astype(np.int64)) + 1),
        counts=counts,
    )


def _since(purchases: Purchases, first: int) -> Purchases:
    """Keep the purchases from a day on."""
    kept = purchases.day >= first
    n_kept = np.concatenate([[0], np.cumsum(kept)])
    return Purchases(n_kept[purchases.start], purchases.day[kept], purchases.amount[kept])


def _spread(value: npt.NDArray[Any], chosen: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Put the values at the chosen places, and 0 at the others."""
    column = np.zeros(len(chosen), dtype=value.dtype)
    column[chosen] = value
    return column
