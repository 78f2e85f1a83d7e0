"""The newcomers of a log: who counts as one, what they spent, and what one of them is worth.

A log that begins in the middle of a business's life meets its old customers on its first days. They are no newcomers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from crmvalue._core.calendar import add_months
from crmvalue._report.base_summary import Estimate
from crmvalue.metrics import mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue._purchases.order_log import Purchases
    from crmvalue.typing import Dates, Floats, Integers

__all__ = [
    "FEWEST_NEWCOMERS",
    "Newcomers",
    "find_newcomers",
    "first_days",
    "newcomer_value",
    "pile_of_first_days",
    "start_of_log",
]

FEWEST_NEWCOMERS = 30
"""The spend of fewer newcomers says too little about the next one."""

_FEW = 100  # 1 in so many customers
_LONG_BEFORE = np.timedelta64(91, "D")
_STEEPER = 1.3  # first purchases of one stretch of weeks beside the next stretch of the same length
_SIGNIFICANT = 3.0  # standard deviations of a difference of counts
_ABOVE_LEVEL = 1.25  # first purchases that are so much above the later level still belong to the pile
_LONGER = 1.5  # old customers who buy rarely come after the pile
_DAY = np.timedelta64(1, "D")


class Newcomers(NamedTuple):
    """Customers of whom the log covers the first two periods: the money of the first, and who bought in the second."""

    came: Dates
    money: Floats
    came_again: npt.NDArray[np.bool_]
    n_ignored: int


def start_of_log(came: Dates) -> np.datetime64:
    """Give the day on which a log begins: that of the first purchase, if the others do not come long after it.

    `came` is as in :func:`pile_of_first_days`. If it takes more than a quarter until the first hundredth of the
    customers has come, the log begins after them: few customers say nothing about the churn of all.
    """
    first: np.datetime64 = came.min()
    most: np.datetime64 = np.partition(came, len(came) // _FEW)[len(came) // _FEW]
    return most if most - first > _LONG_BEFORE else first


def pile_of_first_days(came: Dates) -> int:
    """Give the number of days at the start of a log in which first purchases pile up; 0 if they do not.

    `came` has the day of the first purchase in the log of each customer. The first purchases are counted week by week.
    They pile up if the first weeks have at least 1.3 times as many as the same number of weeks after them, beyond
    chance (three standard deviations), for some number of weeks up to half of those in which half of the customers
    came. The pile ends where the mean of the next four weeks and that of the next eight are at most 1.25 times the mean
    of the second half of the log, two standard deviations of chance aside. Half as many days again are left out,
    because old customers who buy rarely come after the pile.
    """
    week = (came - came.min()).astype(np.int64) // 7
    per_week = np.bincount(week).astype(np.float64)
    total = np.concatenate([[0.0], np.cumsum(per_week)])
    n_weeks = len(per_week)
    half = int(np.searchsorted(total, total[-1] / 2.0, side="right")) - 1
    for first in range(1, max(half // 2, 1) + 1):
        early, later = total[first], total[min(2 * first, n_weeks)] - total[first]
        if early >= _STEEPER * later and early - later > _SIGNIFICANT * np.sqrt(early + later):
            break
    else:
        return 0
    level = float(per_week[n_weeks // 2 :].mean())
    for start in range(first, n_weeks):
        spans = [per_week[start : start + n] for n in (4, 8)]
        if all(span.mean() <= _ABOVE_LEVEL * level + 2.0 * np.sqrt(level / len(span)) for span in spans):
            return int(7 * start * _LONGER)
    return 7 * n_weeks


def find_newcomers(
    purchases: Purchases, day: Dates, as_of: np.datetime64, n_months: int, ignored_days: int
) -> Newcomers:
    """Find the customers who came after the ignored days, and whose first two periods are over."""
    n_purchases = np.diff(purchases.start)
    came = first_days(purchases, day)
    second, over = (add_months(came, k * n_months) for k in (1, 2))
    over_by_now = (n_purchases > 0) & (over <= as_of + _DAY)
    old = came < day.min() + np.timedelta64(ignored_days, "D")
    covered = over_by_now & ~old
    in_first = day < np.repeat(second, n_purchases)
    in_second = ~in_first & (day < np.repeat(over, n_purchases))
    owner = np.repeat(np.arange(len(n_purchases)), n_purchases)
    money = np.bincount(owner[in_first], purchases.amount[in_first], len(n_purchases)).astype(np.float64)
    again = np.bincount(owner[in_second], minlength=len(n_purchases)) > 0
    return Newcomers(came[covered], money[covered], again[covered], int(np.count_nonzero((n_purchases > 0) & old)))


def first_days(purchases: Purchases, day: Dates) -> Dates:
    """Give the day of the first purchase of each customer; that of a customer without purchases means nothing."""
    start: Integers = np.minimum(purchases.start[:-1], len(day) - 1)
    return day[start]


def newcomer_value(
    newcomers: Newcomers, margin: float, later: Callable[[float, float], float | None], kept: Estimate, arpu: Estimate
) -> Estimate | None:
    """Give the mean value of a newcomer with its interval.

    `later` gives the value of an active customer for a retention rate and an ARPU; None if it is infinite. The interval
    joins those of three means: the newcomers' own, the retention rate and the ARPU. Each moves the value alone, and the
    squares of their moves are added up (MOVER, Zou and Donner 2008).
    """
    own = margin * newcomers.money

    def at(retention: float | None, spend: float | None) -> float | None:
        active = None if retention is None or spend is None else later(retention, spend)
        return None if active is None else float((own + newcomers.came_again * active).mean())

    value, active = at(kept.value, arpu.value), later(kept.value, arpu.value)
    if value is None or active is None:
        return None
    ends: list[float | None] = []
    for side, mean in enumerate(mean_interval(own + newcomers.came_again * active)):
        others = (at((kept.low, kept.high)[side], arpu.value), at(kept.value, (arpu.low, arpu.high)[side]))
        if None in others:
            ends.append(None)
            continue
        moves = np.array([float(mean), *others], dtype=np.float64) - value
        ends.append(value + (-1.0, 1.0)[side] * float(np.sqrt((moves**2).sum())))
    low, high = ends
    return Estimate(value, None if low is None else max(low, 0.0), high)
