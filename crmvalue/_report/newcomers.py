"""The newcomers of a log: who counts as one, what they spent, and what one of them is worth.

A log that begins in the middle of a business's life meets its old customers on its first days. They are no newcomers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from crmvalue._core.calendar import add_months, months_between, start_of_log
from crmvalue._report.base_summary import Estimate
from crmvalue.errors import InputError
from crmvalue.metrics import mean_interval, ratio_interval

if TYPE_CHECKING:
    from crmvalue._purchases.order_log import Purchases
    from crmvalue.typing import Dates, Floats, Integers

__all__ = [
    "FEWEST_NEWCOMERS",
    "KeptMoney",
    "Newcomers",
    "find_newcomers",
    "first_days",
    "kept_money",
    "newcomer_value",
]

FEWEST_NEWCOMERS = 30
"""The spend of fewer newcomers says too little about the next one."""

_APART = (12, 6, 3, 1)  # months between the two windows that show how spending falls; a year knows no seasons
_ROOM = 1.25  # times so many months the log must hold
_Z = 1.96
_WEEKS = np.timedelta64(28, "D")  # length of the windows that are compared for a season
_LATE_IN_MONTH = 28  # the first day of a month that is the last one of some
_SURELY = 4.0  # standard deviations: of the comparisons of a steady shop, the largest is seldom above
_MUCH = 1.1  # times as much money; less moves no figure far
_DAY = np.timedelta64(1, "D")


class Newcomers(NamedTuple):
    """Customers of whom the log covers the first two periods, with the money of each period."""

    came: Dates
    first: Floats  # money of the first purchase
    money: Floats  # of the first period
    later: Floats  # of the second period, and of the day after it
    came_again: npt.NDArray[np.bool_]
    n_ignored: int
    n_late: int  # so many of them may be old customers who had not bought since the log began
    worth_of_late: float  # money of the later purchases of such customers, over that of newcomers


class KeptMoney(NamedTuple):
    """What known customers spend, over what the same customers spent some months earlier."""

    share: Estimate
    n_months: int
    n_customers: int
    is_uneven: bool  # a season may be in the share


def find_newcomers(
    purchases: Purchases,
    day: Dates,
    as_of: np.datetime64,
    n_months: int,
    ignored_days: int,
    start_day: np.datetime64,
    *,
    began_with_log: bool = False,
) -> Newcomers:
    """Find the customers who came after the ignored days, and whose first two periods are over.

    The money of the second period has that of the day on which a third would begin. Purchases of one day are one
    purchase, so nobody buys again on the first day: only with that day, two periods are left to buy again. And who pays
    once a month pays twelve times in the year after the first payment, the last time on that day.
    """
    n_purchases = np.diff(purchases.start)
    came = first_days(purchases, day)
    second, over = (add_months(came, k * n_months) for k in (1, 2))
    over_by_now = (n_purchases > 0) & (over <= as_of + _DAY)
    newest_start = day.min() + np.timedelta64(ignored_days, "D")
    old = came < newest_start
    covered = over_by_now & ~old
    in_first = day < np.repeat(second, n_purchases)
    end = np.repeat(over, n_purchases)
    in_second, with_next_day = (~in_first & (day < end), ~in_first & (day <= end))
    owner = np.repeat(np.arange(len(n_purchases)), n_purchases)

    def money(chosen: npt.NDArray[np.bool_]) -> Floats:
        spent = np.bincount(owner[chosen], purchases.amount[chosen], len(n_purchases)).astype(np.float64)
        of_them: Floats = spent[covered]
        return of_them

    again = np.bincount(owner[in_second], minlength=len(n_purchases)) > 0
    begins = np.zeros(len(day), dtype=bool)
    begins[purchases.start[:-1][n_purchases > 0]] = True
    ignored = newest_start - start_day if ignored_days else np.timedelta64(0, "D")
    n_late, worth = (0, 0.0) if began_with_log else _late_comers(purchases, day, as_of, n_months, ignored)
    return Newcomers(
        came[covered], money(begins), money(in_first), money(with_next_day), again[covered],
        int(np.count_nonzero((n_purchases > 0) & old)), min(n_late, int(np.count_nonzero(covered))), worth,
    )  # fmt: skip


def _late_comers(
    purchases: Purchases, day: Dates, as_of: np.datetime64, n_months: int, ignored: np.timedelta64
) -> tuple[int, float]:
    """Count the known customers who would pass for newcomers if the log began two periods later, and tell their worth.

    The newcomers of that log come within as many days as those of the whole log. So the count shows how many old
    customers may be among them. The worth is the money of their later purchases a day, over that of
    those who are new then.

    A log without a pile has no ignored days: the business began with it, or so few of its customers buy again that they
    are no pile. If more than half of those who come in the first four weeks of the later log are known, they are not
    few: then the business began with the log, and nobody is old.
    """
    n_purchases = np.diff(purchases.start)
    start = start_of_log(first_days(purchases, day)[n_purchases > 0]) + (as_of - _months_before(as_of, 2 * n_months))
    later = day >= start
    n_before = np.diff(np.concatenate([[0], np.cumsum(~later)])[purchases.start])
    some = n_before < n_purchases
    came, known = day[(purchases.start[:-1] + n_before)[some]], n_before[some] > 0
    at_first = came < start + _WEEKS
    if not len(came) or (not ignored and 2 * np.count_nonzero(at_first & known) > np.count_nonzero(at_first)):
        return 0, 0.0
    owner = np.repeat(np.arange(len(came)), (n_purchases - n_before)[some])
    repeat = np.bincount(owner, purchases.amount[later] * (day[later] > came[owner]), len(came))
    n_days = (as_of - came).astype(np.int64)
    late, new = ((came >= start + ignored) & who for who in (known, ~known))
    worth = repeat[late].sum() * n_days[new].sum(), repeat[new].sum() * n_days[late].sum()
    ratio = float(worth[0] / worth[1]) if worth[1] > 0.0 else math.inf
    return int(np.count_nonzero(late)), ratio if worth[0] > 0.0 else 0.0


def first_days(purchases: Purchases, day: Dates) -> Dates:
    """Give the day of the first purchase of each customer; that of a customer without purchases means nothing."""
    start: Integers = np.minimum(purchases.start[:-1], len(day) - 1)
    return day[start]


def kept_money(
    purchases: Purchases,
    day: Dates,
    as_of: np.datetime64,
    start_day: np.datetime64,
    typical_gap: float,
    ignored_days: int,
) -> KeptMoney | None:
    """Compare what known customers spent in the newest days with what they spent some months earlier.

    The months are 12, or 6, 3 or 1 where the log is shorter than 1.25 times as much. Half of the rest of the log is the
    length of the two windows, and the other half, before them, shows who is known. None if they spent nothing. Windows
    that are no year apart may lie in different seasons: then it is said whether the log shows one.
    """
    n_days = int((as_of - start_day + _DAY).astype(np.int64))
    n_months = next(
        (n for n in _APART if n_days >= _ROOM * int((as_of - _months_before(as_of, n)).astype(np.int64))), 0
    )
    if n_months == 0:
        return None
    before = _months_before(as_of, n_months)
    apart = int((as_of - before).astype(np.int64))
    length = np.timedelta64(min((n_days - apart) // 2, apart), "D")
    n_purchases = np.diff(purchases.start)
    known = (n_purchases > 0) & (first_days(purchases, day) <= before - length)
    owner = np.repeat(np.arange(len(n_purchases)), n_purchases)

    def money(end: np.datetime64) -> Floats:
        chosen = (day > end - length) & (day <= end)
        spent: Floats = np.bincount(owner[chosen], purchases.amount[chosen], len(n_purchases)).astype(np.float64)
        return spent[known]

    earlier, newest = money(before), money(as_of)
    if not earlier.sum() > 0.0:
        return None
    share = float(newest.sum() / earlier.sum())
    uneven = n_months < _APART[0] and _is_uneven(purchases, day, as_of, start_day, typical_gap, ignored_days)
    some = (earlier > 0.0) | (newest > 0.0)
    try:
        low, high = ratio_interval(newest[some], earlier[some], method="fieller")
    except InputError:  # too few customers to bound the money of before away from 0
        return KeptMoney(Estimate(share, low=0.0), n_months, int(np.count_nonzero(some)), uneven)
    skewed = _shift_of_skewness(newest - share * earlier) / float(earlier.mean())
    found = Estimate(share, max(float(low), 0.0), float(high) + skewed)
    return KeptMoney(found, n_months, int(np.count_nonzero(some)), uneven)


def _is_uneven(
    purchases: Purchases,
    day: Dates,
    as_of: np.datetime64,
    start_day: np.datetime64,
    typical_gap: float,
    ignored_days: int,
) -> bool:
    """Tell whether the same customers spend more in some weeks than in others, beyond chance: a season, or so.

    Windows of four weeks have to show it, and windows of a month: four weeks can have no first day of a month, on which
    many shops are paid, and a month four or five Saturdays.

    Customers who are known can only leave, so together they spend less and less. Customers who will buy again can only
    have come, so until then they spent more and more, their first purchases apart. The contrary of either is looked
    for; the latter only among the old customers of the ignored days, because interest fades in those who have just
    come. A customer is known, or will buy again, by a purchase that is a typical gap away, so that the time since it,
    or until it, says nothing about the weeks.
    """
    gap = np.timedelta64(math.ceil(typical_gap), "D")
    some = np.diff(purchases.start) > 0
    came = first_days(purchases, day)[some]
    last = day[purchases.start[1:][some] - 1]
    owner = np.repeat(np.arange(len(came)), np.diff(purchases.start)[some])
    old = came < day.min() + np.timedelta64(ignored_days, "D")

    def rises(ends: Dates) -> bool:
        """Tell it for the windows between two ends each; the first is the day before the first window."""
        n_windows = len(ends) - 1
        window = np.searchsorted(ends, day) - 1
        inside, again = window >= 0, day > came[owner]

        def money(chosen: npt.NDArray[np.bool_]) -> Floats:
            place = owner[chosen] * n_windows + window[chosen]
            spent: Floats = np.bincount(place, purchases.amount[chosen], len(came) * n_windows).astype(np.float64)
            return spent.reshape(-1, n_windows)

        known_from = np.searchsorted(ends[:-1], np.maximum(came, start_day + gap) + gap)
        again_until = np.searchsorted(ends[1:], np.minimum(last, as_of - gap) - gap) - 1
        backwards = money(inside & again)[old, ::-1]
        return _rises(money(inside), known_from) or _rises(backwards, n_windows - 1 - again_until[old])

    n_weeks = int((as_of - start_day + _DAY) // _WEEKS)
    return rises(as_of - _WEEKS * np.arange(n_weeks, -1, -1)) and rises(_ends_of_months(start_day, as_of))


def _ends_of_months(start_day: np.datetime64, as_of: np.datetime64) -> Dates:
    """Give the days on which whole months end, up to the last day, with the day before the first of them.

    From the 28th on they end with the calendar's months, so that each has one last day of a month.
    """
    n_months = int(months_between(np.array(start_day - _DAY), np.array(as_of)))
    ends = add_months(np.array(as_of), -np.arange(n_months, -1, -1))
    month = ends.astype("datetime64[M]")
    if (as_of - month[-1].astype("datetime64[D]")).astype(np.int64) + 1 >= _LATE_IN_MONTH:
        ends[:-1] = (month[:-1] + 1).astype("datetime64[D]") - _DAY
    return ends


def _rises(money: Floats, known_from: Integers) -> bool:
    """Tell whether the known customers spend more in some window than in one before it, by far and beyond chance."""
    for place in range(money.shape[1] - 1):
        spent = money[known_from <= place, place:]
        total, squares = spent.sum(axis=0), (spent**2).sum(axis=0)
        change, spread = total - total[0], np.sqrt(np.maximum(squares + squares[0] - 2.0 * spent.T @ spent[:, 0], 0.0))
        if np.any((change > _SURELY * spread) & (total > _MUCH * total[0])):
            return True
    return False


def newcomer_value(
    newcomers: Newcomers, margin: float, kept: KeptMoney, n_months: int, discount_rate: float
) -> tuple[Estimate, float] | None:
    """Give the mean value of a newcomer with its interval, and the share of it that lies beyond the second period.

    The money of the first two periods is measured. After them the repeat purchases of each two periods bring what those
    of the two before brought, times what known customers keep spending in so much time. `discount_rate` is that of a
    period. The interval joins those of two figures: the newcomers' own mean, and the money kept. Each moves the value
    alone, and the squares of their moves are added up (MOVER, Zou and Donner 2008). The upper end is moved by the
    skewness of the money (Hall 1992): a sample that lacks the few best customers also looks too even. Both
    ends allow for old customers among the newcomers: the upper one as if they bought no more, the lower one at their
    worth, where they buy more than newcomers. None if the value is infinite.
    """
    first, second = (margin / (1.0 + discount_rate) ** k for k in (1, 2))
    own = first * newcomers.money + second * newcomers.later
    repeat = own - first * newcomers.first

    def with_rest(share: float | None) -> Floats | None:
        if share is None:
            return None
        left = share ** (2.0 * n_months / kept.n_months) / (1.0 + discount_rate) ** 2
        return None if left >= 1.0 else own + repeat * (left / (1.0 - left))

    values, lowest, highest = (with_rest(share) for share in (kept.share.value, kept.share.low, kept.share.high))
    if values is None:
        return None
    value = float(values.mean())
    own_low, own_high = (float(end) for end in mean_interval(values))
    own_high += _shift_of_skewness(values)
    low, high = None, None
    n_late, n_all = newcomers.n_late, len(newcomers.came)
    if lowest is not None:
        more = n_late / n_all * max(newcomers.worth_of_late - 1.0, 0.0) if n_late else 0.0
        of_late = (value - first * float(newcomers.first.mean())) * (1.0 - 1.0 / (1.0 + more))
        low = max(value - float(np.hypot(value - own_low, value - lowest.mean())) - of_late, 0.0)
    if highest is not None and n_late < n_all:
        high = value + float(np.hypot(own_high - value, highest.mean() - value)) + value * n_late / (n_all - n_late)
    return Estimate(value, low, high), 0.0 if value == 0.0 else 1.0 - float(own.mean()) / value


def _months_before(day: np.datetime64, n: int) -> np.datetime64:
    before: np.datetime64 = add_months(np.array(day), np.array([-n]))[0]
    return before


def _shift_of_skewness(values: Floats) -> float:
    """Give the move of the upper end of a mean's interval for values with a long tail upwards."""
    spread = float(values.std())
    if spread == 0.0:
        return 0.0
    skewness = float((((values - values.mean()) / spread) ** 3).mean())
    return max(skewness, 0.0) * spread * (1.0 + 2.0 * _Z**2) / (6.0 * len(values))
