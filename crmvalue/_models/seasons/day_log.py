"""A log of orders by customer and day, counted for the likelihood with a calendar."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._core.calendar import last_date, main_span, purchases_by_day, start_of_log, warn_of_early_rows
from crmvalue._core.checks import as_day, as_day_column, require_same_length
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._core.values import hand_over
from crmvalue._models.seasons.likelihood import DatedPurchases
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT, PurchaseHistory, UniquePurchases

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["DayLog", "dated_purchases", "history_of", "log_gaps", "merged", "read_log", "rows_of"]

_LONGEST = np.timedelta64(365 * 200, "D")  # each step of a search takes time for each day


class DayLog(NamedTuple):
    """Purchases by customer and day: days from `begin` on, each customer's in a row; and how many rows came later."""

    customer: Integers
    day: Integers
    begin: np.datetime64
    end: np.datetime64
    n_later: int = 0

    @property
    def n_days(self) -> int:
        """Days from the first purchase to the end of observation, both included."""
        return int((self.end - self.begin).astype(np.int64)) + 1

    @property
    def n_main_days(self) -> int:
        """Days of the log without a few customers long before all others, such as one with an order dated 1970."""
        first, _ = main_span(self.begin + self.day)
        came = self.begin + self.day[np.unique(self.customer, return_index=True)[1]]
        return int((self.end - max(start_of_log(came), first)).astype(np.int64)) + 1

    @property
    def dates(self) -> Dates:
        """All days."""
        return self.begin + np.arange(self.n_days)

    def until(self, end: np.datetime64) -> DayLog:
        """Give the part up to a day."""
        kept = self.day <= int((end - self.begin).astype(np.int64))
        return DayLog(self.customer[kept], self.day[kept], self.begin, end)


def read_log(customer: ArrayLike, date: ArrayLike, as_of: ArrayLike | None) -> DayLog:
    """Give one row for each customer and day with a purchase, ascending."""
    days = as_day_column("date", date)
    _, codes = encode_customers("customer", customer)
    require_same_length(customer=codes, date=days)
    by_day = partial(purchases_by_day, days, codes)
    end = last_date("as_of", days, by_day) if as_of is None else as_day("as_of", as_of)
    warn_of_early_rows(days)
    begin = days.min()
    if begin > end:
        raise InputError("as_of", f"not before the first purchase ({begin})", str(end))
    if end - begin > _LONGEST:
        hint = "a few orders with a wrong year make a log so long"
        raise InputError("date", "of at most 200 years up to `as_of`", str(begin), hint=hint)
    lag = (days - begin).astype(np.int64)
    span = int((end - begin).astype(np.int64)) + 1
    kept = lag < span
    key = np.sort(codes[kept].astype(np.int64) * span + lag[kept])
    key = key[np.concatenate([[True], np.diff(key) > 0])]  # faster than np.unique
    return DayLog(key // span, key % span, begin, end, int(np.count_nonzero(~kept)))


def dated_purchases(log: DayLog, k: int) -> DatedPurchases:
    """Count customers alike, repeat purchases by day, and pairs of successive purchases."""
    starts = np.concatenate([[True], np.diff(log.customer) > 0])
    place = np.flatnonzero(starts)
    x = np.diff(np.append(place, len(starts))) - 1.0
    first, last = log.day[place], log.day[np.append(place[1:], len(starts)) - 1]
    rows, _, weight = distinct_keys(row_keys(x, (last - first).astype(np.float64), -first.astype(np.float64)))
    between = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
    if k > 1:
        later = np.flatnonzero(~starts)
        key, count = np.unique(log.day[later - 1] * log.n_days + log.day[later], return_counts=True)
        between = key // log.n_days, key % log.n_days, count.astype(np.float64)
    n_repeat = np.bincount(log.day[~starts], minlength=log.n_days).astype(np.float64)
    return DatedPurchases(x[rows], first[rows], last[rows], weight.astype(np.float64), n_repeat, between)


def merged(dated: DatedPurchases, width: int) -> DatedPurchases:
    """Merge customers of equally many purchases on nearly the same days: few rows of nearly the same likelihood."""
    cells = [(column // width).astype(np.float64) for column in (dated.first, dated.last)]
    rows, place, _ = distinct_keys(row_keys(dated.x, *cells))
    weight = np.bincount(place, dated.weight).astype(np.float64)
    first, last = (
        np.rint(np.bincount(place, dated.weight * column) / weight).astype(np.int64)
        for column in (dated.first, dated.last)
    )
    x = dated.x[rows]
    last = np.where(x > 0, np.maximum(last, np.minimum(first + 1, len(dated.n_repeat) - 1)), first)
    return dated._replace(x=x, first=first, last=last, weight=weight)


def rows_of(dated: DatedPurchases, clock: Floats, time_unit: str) -> UniquePurchases:
    """Give the distinct customers by a clock, as the fits without a calendar take them."""
    recency, age = clock[dated.last] - clock[dated.first], clock[-1] - clock[dated.first]
    return UniquePurchases(
        frequency=hand_over(dated.x),
        recency=hand_over(recency),
        age=hand_over(age),
        weight=hand_over(dated.weight.astype(np.int64)),
        time_unit=time_unit,
    )


def log_gaps(dated: DatedPurchases, clock: Floats, k: int) -> float:
    """Logarithm of what the times between purchases add to the likelihood where they are regular."""
    begin, end, count = dated.between
    return (k - 1.0) * float((count * np.log(clock[end] - clock[begin])).sum())


def history_of(log: DayLog, time_unit: str) -> PurchaseHistory:
    """Summarise a log that has been read, customers in ascending order."""
    place = np.flatnonzero(np.concatenate([[True], np.diff(log.customer) > 0]))
    after = np.append(place[1:], len(log.day))
    ruler = DAYS_PER_UNIT[time_unit]
    first, last = log.day[place], log.day[after - 1]
    return PurchaseHistory(
        frequency=hand_over((after - place - 1).astype(np.float64)),
        recency=hand_over((last - first) / ruler),
        age=hand_over((log.n_days - 1 - first) / ruler),
        time_unit=time_unit,  # type: ignore[arg-type]  # it was checked
        grain="day",
        as_of=log.end,
    )
