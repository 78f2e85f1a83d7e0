"""Rows left out for their date, years without an order, whose dates may stand for none, and weeks that may be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core import calendar
from crmvalue._core.checks import as_day
from crmvalue._core.labels import counted
from crmvalue._purchases.order_log import FAR_YEARS

if TYPE_CHECKING:
    from crmvalue._core.calendar import Silence
    from crmvalue._report.reading.orders import OrderFile
    from crmvalue.typing import Dates, Integers

__all__ = [
    "Gap",
    "describe_far",
    "describe_gap",
    "describe_late",
    "describe_silence",
    "find_gap",
    "find_late",
    "find_silence",
]


class Gap(NamedTuple):
    """The days between which a log has no order, and the rows of the file up to the first of them."""

    before: np.datetime64
    after: np.datetime64
    n_before: int


def find_gap(orders: OrderFile, as_of: np.datetime64 | None) -> Gap | None:
    """Find the longest time without an order until a day, if it is years; rows left out for their date do not count."""
    found = calendar.years_without(np.unique(orders.date if as_of is None else orders.date[orders.date <= as_of]))
    if found is None:
        return None
    before, after = found
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
    """Find weeks of which rows may be lost, as :func:`crmvalue._core.calendar.find_silence`, with the rows before."""
    if as_of is not None and orders.date.min() > as_of:  # no row counts: the measures say so
        return None
    return _in_rows(orders, calendar.find_silence(*_by_day(orders, as_of), as_of))


def find_late(orders: OrderFile, as_of: np.datetime64 | None) -> Silence | None:
    """Find a few purchases long after all others, as :func:`crmvalue._core.calendar.find_late`."""
    if as_of is not None and orders.date.min() > as_of:  # no row counts: the measures say so
        return None
    return _in_rows(orders, calendar.find_late(*_by_day(orders, as_of), as_of))


def _by_day(orders: OrderFile, as_of: np.datetime64 | None) -> tuple[Dates, Integers]:
    used = slice(None) if as_of is None else orders.date <= as_of
    return calendar.purchases_by_day(orders.date[used], orders.code[used])


def _in_rows(orders: OrderFile, found: Silence | None) -> Silence | None:
    """Count the rows of the file in place of the purchases."""
    if found is None:
        return None
    before = (orders.date <= found.before) & (orders.date > found.before - np.timedelta64(found.n_days, "D"))
    return found._replace(n_before=int(orders.n_file_rows[before].sum()))


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
