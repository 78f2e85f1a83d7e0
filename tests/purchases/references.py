"""A slow and plain summary of an order log: one row after the other, exact money, no numpy in the arithmetic.

The rules are those of the documentation of :func:`crmvalue.summarise_purchases`, written down a second time:

* Rows after the end of observation, rows without an amount, and what a policy drops are set aside and counted.
* The purchases of a customer in one grain (a day, or a week from Monday) are one purchase.
* A refund is taken off the customer's latest purchase at or before it, the same grain included, and what is left of it
  off the purchase before that one. A purchase of which refunds leave nothing did not happen. What finds no purchase is
  unmatched.
"""

from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction

import numpy as np
from attrs import define, field, frozen

__all__ = ["PlainCounts", "PlainHistory", "Row", "log_columns", "split_slowly", "summarise_slowly"]

DAYS = {
    "day": Fraction(1),
    "week": Fraction(7),
    "month": Fraction(487, 16),
    "quarter": Fraction(1461, 16),
    "year": Fraction(1461, 4),
}
"""Length of each ruler in days: the year of 365.25 days, its quarter and its twelfth."""


@frozen
class Row:
    """A row of an order log; `amount` is None where it is missing."""

    customer: int | str
    date: dt.date
    amount: float | None = 0.0


@define
class PlainCounts:
    """The counts of :class:`crmvalue.purchases.OrderLogCounts`, counted one by one."""

    n_rows: int = 0
    n_rows_after_as_of: int = 0
    n_customers_after_as_of: int = 0
    n_duplicates_kept: int = 0
    n_duplicates_dropped: int = 0
    n_residues: int = 0
    n_missing: int = 0
    n_refunds_dropped: int = 0
    n_zeros_dropped: int = 0
    n_zeros_kept: int = 0
    n_refunds_netted: int = 0
    n_purchase_rows: int = 0
    n_purchases: int = 0
    n_purchases_cancelled: int = 0
    n_customers_without_purchase: int = 0
    unmatched_refunds: float = 0.0


@define
class PlainHistory:
    """The columns of a history as lists, and the counts."""

    customer: list = field(factory=list)
    frequency: list = field(factory=list)
    recency: list = field(factory=list)
    age: list = field(factory=list)
    mean_repeat_spend: list = field(factory=list)
    total_spend: list = field(factory=list)
    days_since_last: list = field(factory=list)
    counts: PlainCounts = field(factory=PlainCounts)


@define
class _Purchase:
    day: dt.date
    left: Fraction
    cancelled: bool = False


def summarise_slowly(  # noqa: C901, PLR0912, PLR0915 - one rule after the other, as the documentation has them
    rows,
    *,
    as_of=None,
    after=None,
    time_unit="week",
    grain="day",
    refunds="raise",
    zeros="keep",
    missing="raise",
    duplicates="keep",
):
    """Summarise rows from the day after `after` (None: all) to `as_of` (None: the last date).

    A row that a policy forbids raises ValueError.
    """
    end = max(row.date for row in rows) if as_of is None else as_of
    rows = [row for row in rows if after is None or row.date > after]
    counts = PlainCounts(n_rows=len(rows))
    log = {}
    late = set()
    met = set()
    for row in rows:
        if row.date > end:
            counts.n_rows_after_as_of += 1
            late.add(row.customer)
            continue
        kept = log.setdefault(row.customer, [])
        missing_amount = row.amount is None or math.isnan(row.amount)
        same = (row.customer, row.date, None if missing_amount else row.amount)
        if same in met:
            _allow(duplicates)
            counts.n_duplicates_kept += duplicates == "keep"
            counts.n_duplicates_dropped += duplicates == "drop"
            if duplicates == "drop":
                continue
        met.add(same)
        if not missing_amount and 0 < abs(row.amount) < 1e-9:
            counts.n_residues += 1
            row = Row(row.customer, row.date, 0.0)  # noqa: PLW2901 - it counts as 0
        if row.amount is None or math.isnan(row.amount):
            _allow(missing)
            counts.n_missing += 1
        elif row.amount == 0 and zeros != "keep":
            _allow(zeros)
            counts.n_zeros_dropped += 1
        elif row.amount < 0:
            _allow(refunds)
            counts.n_refunds_dropped += refunds == "drop"
            counts.n_refunds_netted += refunds == "net"
            if refunds == "net":
                kept.append((_start(row.date, grain), _money(row.amount)))
        else:
            counts.n_purchase_rows += 1
            counts.n_zeros_kept += row.amount == 0
            kept.append((_start(row.date, grain), _money(row.amount)))
    if after is None:
        counts.n_customers_after_as_of = len(late - set(log))

    history = PlainHistory(counts=counts)
    unmatched = Fraction(0)
    for customer in sorted(log):
        purchases, rest = _purchases(log[customer])
        unmatched += rest
        counts.n_purchases_cancelled += sum(purchase.cancelled for purchase in purchases)
        bought = [purchase for purchase in purchases if not purchase.cancelled]
        if not bought:
            counts.n_customers_without_purchase += 1
            continue
        counts.n_purchases += len(bought)
        first, *repeats = bought
        ruler, last = DAYS[time_unit], bought[-1]
        history.customer.append(customer)
        history.frequency.append(len(repeats))
        history.recency.append(float((last.day - first.day).days / ruler))
        history.age.append(float((_start(end, grain) - first.day).days / ruler))
        spend = sum((purchase.left for purchase in repeats), Fraction(0))
        history.mean_repeat_spend.append(float(spend / len(repeats)) if repeats else math.nan)
        history.total_spend.append(float(spend + first.left))
        history.days_since_last.append((_start(end, grain) - last.day).days)
    counts.unmatched_refunds = float(unmatched)
    return history


def split_slowly(rows, *, calibration_end, holdout_end=None, **options):
    """Cut a log: the calibration, and the rows of the holdout summarised by themselves, as {customer: (n, spend)}."""
    end = max(row.date for row in rows) if holdout_end is None else holdout_end
    calibration = summarise_slowly(rows, as_of=calibration_end, **options)
    later = summarise_slowly(rows, after=calibration_end, as_of=end, **options)
    bought = {
        customer: (frequency + 1, spend)
        for customer, frequency, spend in zip(later.customer, later.frequency, later.total_spend, strict=True)
    }
    return calibration, bought, later.counts


def log_columns(rows):
    """Give the rows as the three columns that crmvalue takes."""
    return (
        [row.customer for row in rows],
        np.array([row.date for row in rows], dtype="datetime64[D]"),
        [math.nan if row.amount is None else row.amount for row in rows],
    )


def _allow(policy):
    if policy == "raise":
        raise ValueError("forbidden by a policy")


def _money(amount):
    return Fraction(repr(float(amount)))  # 0.1 is a tenth: money is decimal


def _start(day, grain):
    return day - dt.timedelta(days=day.weekday()) if grain == "week" else day


def _purchases(events):
    """Merge the purchases of a customer, take the refunds off them, and give what was not matched."""
    purchases = []
    unmatched = Fraction(0)
    # Oldest grain first; in a grain the purchases before the refunds.
    for day, amount in sorted(events, key=lambda event: (event[0], event[1] < 0)):
        if amount >= 0:
            if purchases and purchases[-1].day == day:
                purchases[-1].left += amount
            else:
                purchases.append(_Purchase(day, amount))
            continue
        owed = -amount
        for purchase in reversed(purchases):
            taken = min(owed, purchase.left)
            if taken > 0:
                purchase.left -= taken
                owed -= taken
                purchase.cancelled = purchase.left == 0
        unmatched -= owed
    return purchases, unmatched
