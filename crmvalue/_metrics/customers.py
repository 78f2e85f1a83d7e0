"""Key figures of the customer base: retention, churn, repeat purchases, and the cost of a new customer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._core.calendar import warn_of_days_after, warn_of_early_rows, warn_of_late_rows
from crmvalue._core.checks import (
    as_counts,
    as_day,
    as_day_column,
    as_whole_number,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.clock.old_customers import days_bought, warn_of_old_customers
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import count_field
from crmvalue._metrics.common import amount_field, as_of_field, per_unit, share
from crmvalue._metrics.survival import require_order, require_waits, summarise_waiting, waiting_field
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, FloatOrArray, Integers

__all__ = [
    "CustomerMovements",
    "TimeToPurchase",
    "acquisition_cost",
    "churn_rate",
    "customer_movements",
    "repeat_purchase_rate",
    "retention_rate",
    "time_between_purchases",
    "time_to_purchase",
]


@attrs.frozen(kw_only=True)
class CustomerMovements:
    """Changes of the active customers from one day to another, counted.

    The counts reconcile: ``n_start - n_lost + n_new + n_returned == n_end``. Every customer is in exactly one of
    `n_retained`, `n_lost`, `n_new`, `n_returned`, `n_passing`, `n_dormant` and `n_later`.

    Parameters
    ----------
    n_start, n_end : int
        Customers active on the first day, and customers active on the last day.
    n_new : int
        Active at the end, with their first purchase after the start.
    n_returned : int
        Active at the end and not at the start, with their first purchase before the start.
    n_lost : int
        Active at the start and not at the end.
    n_passing : int
        Active on neither day, with a purchase between the two days.
    n_dormant : int
        Active on neither day, with their last purchase before the start.
    n_later : int
        First purchase after the end; no other count includes them.

    Examples
    --------
    >>> moved = CustomerMovements(
    ...     n_start=100, n_end=90, n_new=15, n_returned=5, n_lost=30, n_passing=0, n_dormant=40, n_later=0
    ... )
    >>> moved.n_retained, moved.retention_rate, moved.churn_rate
    (70, 0.7, 0.3)
    """

    n_start: int = count_field("n_start")
    n_end: int = count_field("n_end")
    n_new: int = count_field("n_new")
    n_returned: int = count_field("n_returned")
    n_lost: int = count_field("n_lost")
    n_passing: int = count_field("n_passing")
    n_dormant: int = count_field("n_dormant")
    n_later: int = count_field("n_later")

    def __attrs_post_init__(self) -> None:
        require(self.n_lost <= self.n_start, "n_lost", self.n_lost, "at most `n_start`")
        balance = self.n_retained + self.n_new + self.n_returned
        require(balance == self.n_end, "n_end", self.n_end, "`n_start` - `n_lost` + `n_new` + `n_returned`")

    @property
    def n_retained(self) -> int:
        """Customers active on both days."""
        return self.n_start - self.n_lost

    @property
    def retention_rate(self) -> float:
        """Share of the customers active at the start who are active at the end; NaN if there are none."""
        if not self.n_start:
            return math.nan
        return float(retention_rate(self.n_start, self.n_end, self.n_new + self.n_returned))

    @property
    def churn_rate(self) -> float:
        """Share of the customers active at the start who are not active at the end; 1 less `retention_rate`, or NaN."""
        if not self.n_start:
            return math.nan
        return float(churn_rate(self.n_lost, self.n_start))

    def to_json(self) -> str:
        """Write the counts as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> CustomerMovements:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


@attrs.frozen(kw_only=True)
class TimeToPurchase:
    """Days from first contact to first purchase, as known on one day.

    Parameters
    ----------
    mean : float
        Mean time up to the longest one observed [days].
    median, percentile_90 : float
        Time by which half and nine tenths of the customers have bought [days]; infinite if fewer have bought.
    n_purchased, n_open : int
        Customers who had bought by `as_of`, and customers who had not; together at least one.
    n_later : int
        Customers whose first contact is after `as_of`, left out.
    as_of : datetime64[D]
        Last day that is taken as known.

    Examples
    --------
    >>> TimeToPurchase(
    ...     mean=9.5, median=8, percentile_90=float("inf"), n_purchased=6, n_open=4, n_later=0, as_of="2024-03-31"
    ... ).median
    8.0
    """

    mean: float = amount_field("mean")
    median: float = waiting_field("median")
    percentile_90: float = waiting_field("percentile_90")
    n_purchased: int = count_field("n_purchased")
    n_open: int = count_field("n_open")
    n_later: int = count_field("n_later")
    as_of: np.datetime64 = as_of_field(day=True)

    def __attrs_post_init__(self) -> None:
        require_waits(self, "n_purchased")

    def to_json(self) -> str:
        """Write the times as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> TimeToPurchase:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def retention_rate(n_start: ArrayLike, n_end: ArrayLike, n_new: ArrayLike) -> FloatOrArray:
    """Share of the customers at the start of a period who are still customers at its end.

    Parameters
    ----------
    n_start : array_like
        Customers at the start, > 0.
    n_end : array_like
        Customers at the end.
    n_new : array_like
        Customers at the end who were not customers at the start; those who came back after an absence are among them.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_start` is 0, `n_new` exceeds `n_end`, or `n_end` exceeds `n_start` plus
        `n_new`.

    Notes
    -----
    ``(n_end - n_new) / n_start``. Use one definition of a customer for all three counts; :func:`customer_movements`
    does so with an order log.

    Examples
    --------
    >>> print(retention_rate(100, 90, 20))
    0.7
    """
    start, end, new = as_counts(n_start=n_start, n_end=n_end, n_new=n_new)
    require(start > 0, "n_start", start, "> 0")
    require(new <= end, "n_new", new, "at most `n_end`")
    require(
        end - new <= start,
        "n_end",
        end,
        "at most `n_start` + `n_new`",
        hint="does `n_new` count customers who came back?",
    )

    return ((end - new) / start)[()]


def churn_rate(n_lost: ArrayLike, n_start: ArrayLike) -> FloatOrArray:
    """Share of the customers at the start of a period who are lost in it.

    Parameters
    ----------
    n_lost : array_like
        Customers lost in the period, <= `n_start`; do not count customers who came in the same period.
    n_start : array_like
        Customers at the start, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1], for this period; :func:`crmvalue.ltv.convert_rate` converts it to another one.

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_start` is 0 or smaller than `n_lost`.

    Notes
    -----
    ``n_lost / n_start``, 1 less :func:`retention_rate`.

    Examples
    --------
    >>> print(churn_rate(10, 100))
    0.1
    """
    return share(n_lost=n_lost, n_start=n_start)


def repeat_purchase_rate(n_repeat: ArrayLike, n_customers: ArrayLike) -> FloatOrArray:
    """Repeat purchase rate (RPR): share of customers with more than one purchase.

    Parameters
    ----------
    n_repeat : array_like
        Customers with more than one purchase, <= `n_customers`.
    n_customers : array_like
        Customers with at least one purchase, > 0.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_customers` is 0 or smaller than `n_repeat`.

    Notes
    -----
    ``n_repeat / n_customers``. It grows with the length of the log, so compare only periods of equal length.

    Examples
    --------
    >>> print(repeat_purchase_rate(40, 100))
    0.4
    """
    return share(n_repeat=n_repeat, n_customers=n_customers)


def acquisition_cost(spend: ArrayLike, n_new: ArrayLike) -> FloatOrArray:
    """Spend per new customer: customer acquisition cost (CAC).

    Parameters
    ----------
    spend : array_like
        Marketing and sales spend in the period [money], >= 0, salaries and tools included.
    n_new : array_like
        New customers of the period, > 0; not a whole number where channels share the credit.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Money per new customer.

    Raises
    ------
    InputError
        If an input is NaN or infinite, `spend` is negative or `n_new` is not above 0.

    Notes
    -----
    ``spend / n_new``. If selling takes months, divide the spend of the earlier months by these customers.

    Examples
    --------
    >>> print(acquisition_cost(50_000, 100))
    500.0
    """
    return per_unit(spend=spend, n_new=n_new)


def time_between_purchases(customer: ArrayLike, date: ArrayLike) -> FloatOrArray:
    """Mean time between two purchases in a row (TBP), over all customers.

    Parameters
    ----------
    customer : array_like
        Customer of each purchase, whole numbers or text, in any order.
    date : array_like
        Day of each purchase. All purchases of a customer on one day are one purchase.

    Returns
    -------
    numpy.float64
        Days, > 0.

    Raises
    ------
    InputError
        If the columns are empty or unequally long, an element is missing, or no customer bought on two days.

    Warns
    -----
    DataWarning
        If rows are years before or after all others: each of them adds an interval of years.

    Notes
    -----
    Sum of all customers' intervals over the number of intervals. A customer with more purchases has more intervals and
    more weight; a customer with one purchase has none. The time since the last purchase is not over and is left out, so
    the figure is too short for a young base. The practitioner's text behind this definition prints 15 days for the
    example below: it counts 16 days from 15 January to 1 February, where there are 17.

    Examples
    --------
    >>> print(time_between_purchases([1, 1, 1], ["2024-01-01", "2024-01-15", "2024-02-01"]))
    15.5
    """
    require_same_index(customer=customer, date=date)
    _, code, day = _read_log(customer, date)
    dates = day.astype("datetime64[D]")
    warn_of_early_rows(dates)
    warn_of_late_rows(dates)

    order = np.lexsort((day, code))
    step = np.diff(day[order])[np.diff(code[order]) == 0]
    intervals = step[step > 0]
    if not intervals.size:
        raise InputError("date", "on two days for at least one customer", "no interval")
    return np.float64(intervals.mean())


def customer_movements(
    customer: ArrayLike, date: ArrayLike, *, start: ArrayLike, end: ArrayLike, active_days: int
) -> CustomerMovements:
    """Count retained, new, returned and lost customers between two days, from an order log.

    A customer is active on a day if they bought within the `active_days` days up to and including it.

    Parameters
    ----------
    customer : array_like
        Customer of each purchase, whole numbers or text, in any order.
    date : array_like
        Day of each purchase. Give the whole log: without the purchases before `start`, returned customers look new.
    start, end : date
        The two days, `start` before `end`.
    active_days : int
        Days for which a purchase keeps a customer active, the day of the purchase included, >= 1.

    Returns
    -------
    CustomerMovements
        Counts that reconcile, with retention and churn rate.

    Raises
    ------
    InputError
        If the columns are empty or unequally long, an element is missing, `end` is not after `start` or `active_days`
        is no whole number >= 1.

    Notes
    -----
    A customer active on both days is retained, even after a lapse in between. A customer active only at the end is new
    if their first purchase is after `start`, else returned. A log that ends well before `end` raises a
    :class:`~crmvalue.errors.DataWarning`, and so does one that begins with old customers, if they would count as new.
    :func:`retention_rate` takes both as `n_new`.

    Examples
    --------
    >>> moved = customer_movements(
    ...     ["ann", "ann", "bob", "cy", "dee", "dee"],
    ...     ["2024-01-20", "2024-03-05", "2024-01-10", "2024-03-20", "2023-06-01", "2024-03-30"],
    ...     start="2024-01-31",
    ...     end="2024-03-31",
    ...     active_days=31,
    ... )
    >>> moved.n_start, moved.n_end, moved.n_new, moved.n_returned, moved.n_lost
    (2, 3, 1, 1, 1)
    >>> moved.retention_rate
    0.5
    """
    require_same_index(customer=customer, date=date)
    n_customers, code, day = _read_log(customer, date)
    first_day, last_day = (int(as_day(name, value).astype(int)) for name, value in (("start", start), ("end", end)))
    require(last_day > first_day, "end", end, "after `start`")
    window = as_whole_number("active_days", active_days, low=1)
    warn_of_days_after(day.astype("datetime64[D]"), "end", np.datetime64(last_day, "D"))

    first = _extreme(np.minimum, code, day, n_customers)
    last_at_start = _extreme(np.maximum, code[day <= first_day], day[day <= first_day], n_customers)
    last_at_end = _extreme(np.maximum, code[day <= last_day], day[day <= last_day], n_customers)
    at_start = last_at_start > first_day - window
    at_end = last_at_end > last_day - window
    came = first > first_day
    first_date, date_of_row = first.astype("datetime64[D]"), day.astype("datetime64[D]")
    warn_of_old_customers(
        first_date,
        lambda: days_bought(first_date, code, date_of_row),
        ". Give a later `start`",
        is_new=at_end & came,
    )
    neither = ~at_start & ~at_end & (first <= last_day)
    between = last_at_end > first_day
    return CustomerMovements(
        n_start=at_start.sum(),
        n_end=at_end.sum(),
        n_new=(at_end & came).sum(),
        n_returned=(at_end & ~at_start & ~came).sum(),
        n_lost=(at_start & ~at_end).sum(),
        n_passing=(neither & between).sum(),
        n_dormant=(neither & ~between).sum(),
        n_later=(first > last_day).sum(),
    )


def time_to_purchase(first_contact: ArrayLike, first_purchase: ArrayLike, *, as_of: ArrayLike) -> TimeToPurchase:
    """Time from first contact to first purchase, with the customers who have not bought yet.

    Parameters
    ----------
    first_contact : array_like
        Day of each customer's first contact.
    first_purchase : array_like
        Day of the first purchase, at or after the contact; missing (None or NaT) if there is none yet.
    as_of : date
        Last day that is taken as known. A later purchase has not happened yet; a later contact is left out and
        counted.

    Returns
    -------
    TimeToPurchase
        Mean, median and 90th percentile [days], and counts.

    Raises
    ------
    InputError
        If the columns are empty or unequally long, a contact is missing, a purchase comes before its contact, or every
        contact is after `as_of`.

    Notes
    -----
    By Kaplan and Meier, as in :func:`resolution_time`: a customer who has not bought yet has waited at least until
    `as_of`. Leaving these customers out would make any campaign look quick. If fewer than half buy, the median is
    infinite; the mean then counts the time waited up to the longest time observed.

    Examples
    --------
    >>> time_to_purchase(
    ...     ["2024-03-01", "2024-03-01", "2024-03-04"], ["2024-03-03", None, "2024-03-10"], as_of="2024-03-21"
    ... ).median
    6.0
    """
    require_same_index(first_contact=first_contact, first_purchase=first_purchase)
    contact = as_day_column("first_contact", first_contact)
    purchase = as_day_column("first_purchase", first_purchase, allow_missing=True)
    require_same_length(first_contact=contact, first_purchase=purchase)
    require_order("first_contact", contact, "first_purchase", purchase)
    now = as_day("as_of", as_of)

    waits = summarise_waiting("first_contact", contact, purchase, now, "D")
    return TimeToPurchase(**waits.named("n_purchased"), as_of=now)


def _read_log(customer: ArrayLike, date: ArrayLike) -> tuple[int, Integers, Integers]:
    distinct, code = encode_customers("customer", customer)
    day = as_day_column("date", date)
    require_same_length(customer=code, date=day)
    return len(distinct), code, day.astype(np.int64)


def _extreme(choose: np.ufunc, code: Integers, day: Integers, n_customers: int) -> Integers:
    # The first or last day of each customer; a customer without any gets a day after or before all others.
    limits = np.iinfo(np.int64)
    days = np.full(n_customers, limits.min if choose is np.maximum else limits.max)
    choose.at(days, code, day)
    return days
