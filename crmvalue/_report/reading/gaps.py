"""Rows left out for their date, years without an order, whose dates may stand for none, and weeks that may be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.checks import as_day
from crmvalue._core.labels import counted
from crmvalue._purchases.order_log import FAR_YEARS

if TYPE_CHECKING:
    from crmvalue._report.reading.orders import OrderFile

__all__ = ["Gap", "describe_far", "describe_gap", "describe_silence", "find_gap"]

_DAYS_OF_SILENCE, _ROWS_OF_SILENCE, _TIMES_AS_LONG = 14, 20, 4
_DAY = np.timedelta64(1, "D")


class Gap(NamedTuple):
    """The days between which a log has no order, and the rows of the file up to the first of them."""

    before: np.datetime64
    after: np.datetime64
    n_before: int


def find_gap(orders: OrderFile, as_of: np.datetime64 | None) -> Gap | None:
    """Find the longest time without an order until a day, if it is years; rows left out for their date do not count."""
    days = np.unique(orders.date if as_of is None else orders.date[orders.date <= as_of])
    gap = np.diff(days)
    if not len(gap) or gap.max() <= np.timedelta64(round(FAR_YEARS * 365.25), "D"):
        return None
    before, after = days[gap.argmax()], days[gap.argmax() + 1]
    return Gap(before, after, int(orders.n_file_rows[orders.date <= before].sum()))


def describe_far(orders: OrderFile) -> list[str]:
    """Name the rows that are left out for their date, and say what to do, in lines for the command."""
    if not orders.n_far:
        return []
    rows = ", ".join(f"{day} (customer {customer!r})" for customer, day in orders.far[:3])
    more = " and more" if len(orders.far) > 3 else ""
    reason = f"the date is more than {FAR_YEARS} years from those of the log"
    count = "If it is right, give --as-of to say which day is the last."
    later = orders.far[0][1] > str(orders.date.max())
    return [
        f"Left out, because {reason}: {orders.n_far:,} of the rows: {rows}{more}.",
        f"Correct a wrong date in the file.{' ' + count if later else ''}",
    ]


def describe_gap(orders: OrderFile, as_of: Any) -> list[str]:
    """Say where the log has no order for years: the rows before may have a date that stands for none."""
    gap = find_gap(orders, None if as_of is None else as_day("--as-of", as_of))
    if gap is None:
        return []
    verb, verb2 = ("lies", "counts") if gap.n_before == 1 else ("lie", "count")
    return [
        f"No order between {gap.before} and {gap.after}: {counted(gap.n_before, 'row')} {verb} before, and {verb2}.",
        "If a date stands for none, take it out of the file.",
    ]


def describe_silence(orders: OrderFile, as_of: Any) -> list[str]:
    """Say where weeks without an order may be lost rows; retention and value are then wrong.

    The longest time without an order is named if it has at least 14 days, at least four times the median time between
    two days with orders, and as many days before it have 20 rows.
    """
    end = None if as_of is None else as_day("--as-of", as_of)
    used = slice(None) if end is None else orders.date <= end
    days = np.unique(orders.date[used])
    if len(days) < 2 or find_gap(orders, end):
        return []
    ends = days if end is None else np.append(days, end + _DAY)
    empty = np.diff(ends).astype(np.int64) - 1
    k = int(empty.argmax())
    length = np.timedelta64(int(empty[k]), "D")
    before = (orders.date <= days[k]) & (orders.date > days[k] - length)
    n_before = int(orders.n_file_rows[before].sum())
    usual = float(np.median(np.diff(days).astype(np.int64)))
    if empty[k] < max(_DAYS_OF_SILENCE, _TIMES_AS_LONG * usual) or n_before < _ROWS_OF_SILENCE:
        return []
    when = f"after {days[k]}" if k == len(days) - 1 else f"between {days[k]} and {days[k + 1]}"
    return [
        f"No order {when}, for {empty[k]:,} days; the {empty[k]:,} days before have {n_before:,} rows.",
        "If rows are missing in the file, retention, spend and value are wrong.",
    ]
