"""Rows left out for their date, years without an order, whose dates may stand for none, and weeks that may be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.checks import as_day
from crmvalue._core.labels import counted
from crmvalue._purchases.order_log import FAR_YEARS

if TYPE_CHECKING:
    from crmvalue._report.reading.orders import OrderFile

__all__ = [
    "Gap",
    "Silence",
    "describe_far",
    "describe_gap",
    "describe_late",
    "describe_silence",
    "find_gap",
    "find_late",
    "find_silence",
]

_DAYS_OF_SILENCE, _PURCHASES_BEFORE, _TIMES_AS_LONG = 14, 20, 4
_FEW = 4  # purchases at the end of a log
_NOT_THE_END = 0.25  # times as many rows a day after weeks without an order as before them
_DAY = np.timedelta64(1, "D")


class Gap(NamedTuple):
    """The days between which a log has no order, and the rows of the file up to the first of them."""

    before: np.datetime64
    after: np.datetime64
    n_before: int


class Silence(NamedTuple):
    """Weeks without an order: the days around them, None at the end of the log, and the rows of as many days before."""

    before: np.datetime64
    after: np.datetime64 | None
    n_days: int
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


def find_silence(orders: OrderFile, as_of: np.datetime64 | None) -> Silence | None:
    """Find the longest time without an order, until a day if one is given, of those of which rows may be lost.

    Such a time has at least 14 days, at least four times the median time between two days with orders, and in as many
    days before it there are 20 purchases: all rows of a customer on one day are one. At the end of a log that fades
    away, orders just become rare: after a time that may be lost they come at least a quarter as often as before it.
    Years without an order are a :class:`Gap`.
    """
    return _longest(orders, as_of, goes_on=True)


def find_late(orders: OrderFile, as_of: np.datetime64 | None) -> Silence | None:
    """Find such a time after which a few purchases are all that comes: their dates may be wrong, or orders rare."""
    return None if find_silence(orders, as_of) else _longest(orders, as_of, goes_on=False)


def _longest(orders: OrderFile, as_of: np.datetime64 | None, *, goes_on: bool) -> Silence | None:
    used = slice(None) if as_of is None else orders.date <= as_of
    days, purchases = np.unique(orders.date[used], return_counts=True)
    if len(days) < 2 or find_gap(orders, as_of):
        return None
    ends = days if as_of is None else np.append(days, as_of + _DAY)
    length = np.diff(ends) - _DAY
    first, after = days[: len(length)], ends[1:]
    seen = np.concatenate([[0], np.cumsum(purchases)])  # purchases before each of the days, and all
    known = seen[1 : len(length) + 1]
    n_before = known - seen[np.searchsorted(days, first - length, side="right")]
    n_later = seen[np.searchsorted(days, after + length)] - known - 1  # but the one that ends it
    n_days = np.minimum(length, days[-1] - after + _DAY)
    often = (after > days[-1]) | (n_later * (length / _DAY) >= _NOT_THE_END * n_before * (n_days / _DAY))
    long = length / _DAY >= max(_DAYS_OF_SILENCE, _TIMES_AS_LONG * np.median(np.diff(days) / _DAY))
    wanted = often if goes_on else ~often & (seen[-1] - known <= _FEW)
    found = np.flatnonzero(long & wanted & (n_before >= _PURCHASES_BEFORE))
    if not len(found):
        return None
    k = found[length[found].argmax()]
    before = (orders.date <= first[k]) & (orders.date > first[k] - length[k])
    n_rows = int(orders.n_file_rows[before].sum())
    return Silence(first[k], None if after[k] > days[-1] else after[k], int(length[k] / _DAY), n_rows)


def describe_late(orders: OrderFile, as_of: Any) -> list[str]:
    """Say which few rows come long after all others: the newest periods of the log end with them."""
    end = None if as_of is None else as_day("--as-of", as_of)
    found = find_late(orders, end)
    if found is None:
        return []
    late = orders.date > found.before
    if end is not None:
        late &= orders.date <= end
    n = int(orders.n_file_rows[late].sum())
    rows, last = f"{counted(n, 'row')} {'is' if n == 1 else 'are'}", orders.date[late].max()
    when = f"on {last}" if last == found.after else f"from {found.after} to {last}"
    return [
        f"Only {rows} later than {found.before}, by {found.n_days + 1:,} days or more: {when}.",
        f"Rates and values look back from the last day. If it is wrong, correct it, or give --as-of {found.before}.",
    ]


def describe_silence(orders: OrderFile, as_of: Any) -> list[str]:
    """Say where weeks without an order may be lost rows; retention and value are then wrong."""
    found = find_silence(orders, None if as_of is None else as_day("--as-of", as_of))
    if found is None:
        return []
    when = f"after {found.before}" if found.after is None else f"between {found.before} and {found.after}"
    return [
        f"No order {when}, for {found.n_days:,} days; the {found.n_days:,} days before have {found.n_before:,} rows.",
        "If rows are missing in the file, retention, spend and value are wrong.",
    ]
