"""Customers who are older than a log that begins in the middle of a business's life.

Their first purchases in the log pile up at its start. So do those of a business that opens with many customers; what
these buy afterwards tells the two apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.calendar import main_span, pile_of_first_days
from crmvalue._core.labels import warn_at_user

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers

__all__ = ["DaysBought", "days_bought", "pile_of_old_customers", "warn_of_old_customers", "warn_of_pile"]

_ENOUGH = 1_000_000  # rows
_FEW = 200  # one of so many customers may stand before the log by a wrong date
_FEW_OLD = 30  # no pile, whatever they look like
_CLOSED, _PURCHASES_MISSING = 28, 20.0  # a shop is closed for so many days, in which so many purchases would have come
_WEEK, _YEAR = 7, 52
_A_MONTH = 28  # days; the shortest time after a first purchase that shows who buys again
_PARTS = (8, 4)  # of a log are such times
_PARTS_OF_PILE = 1.5  # the pile is so many times as long as the weeks in which most old customers come
_FEW_LATER = 30  # purchases of later customers to compare with
_AS_OFTEN = 1.1  # times as many purchases are no more
_AT_OPENING, _QUARTER, _MONTH = (2, 4, 8), 13, 4  # weeks
_FEWER, _MORE = 0.8, 1.25  # purchases of the first weeks beside those of later ones
_BEYOND = 2.0  # standard deviations of a ratio


class DaysBought(NamedTuple):
    """Days on which customers bought: the day of their first purchase, the day, and how many customers these are."""

    first: Dates
    day: Dates
    n: Integers | None = None


def days_bought(first: Dates, customer: npt.NDArray[Any], day: Dates) -> DaysBought:
    """Give the days on which each customer bought, once each; `first` has the first day of each code of a customer.

    Of a log of a million rows or more, every second customer is enough, of two million every third, and so on.
    """
    step = len(customer) // _ENOUGH + 1
    if step > 1:
        chosen = customer % step == customer.min() % step
        customer, day = customer[chosen], day[chosen]
    begin = day.min()
    n_days = int((day.max() - begin).astype(np.int64)) + 1
    keys = np.sort(customer.astype(np.int64) * n_days + (day - begin).astype(np.int64))  # faster than np.unique
    who, days = np.divmod(keys[np.append(True, keys[1:] > keys[:-1])], n_days)
    return DaysBought(first[who], begin + days)


def pile_of_old_customers(came: Dates, bought: Callable[[], DaysBought]) -> int:
    """Give the number of days at the start of a log in which its old customers come; 0 if there are none.

    `came` has the day of the first purchase of each customer; `bought` is asked only where these days pile up, as
    :func:`crmvalue._core.calendar.pile_of_first_days` finds it. Months in which nobody buys do not count as days: a
    shop is closed then. The pile is that of a business that opens if two things are true:

    - The people of the pile buy at most 1.1 times as many days as later newcomers within an eighth and within a quarter
      of the log (at least 28 days) after their first purchase. Old customers are those who stay and buy often. Fewer
      than 30 such purchases of later newcomers say too little.
    - The shop did not sell as before from its first day on. Either its first 2, 4 or 8 weeks have less than 0.8 times
      the purchases of a week of the next quarter, and of the same weeks a year later; or the first two weeks have
      more than 1.25 times the purchases of a week of the next four, and 1.25 times what this is a year later. Both
      beyond two standard deviations, which come from how neighbouring weeks differ.

    A log of under 60 weeks, or one in which a shop is closed, does not show the same weeks a year later. A season or an
    advertising wave looks like an opening there, so its pile is one of old customers.
    """
    days = pile_of_first_days(came)
    if not days:
        return 0
    found = bought()
    n = np.ones(len(found.day)) if found.n is None else found.n.astype(np.float64)
    begin = came.min()
    per_day = np.bincount((found.day - begin).astype(np.int64), n)
    open_days = np.flatnonzero(per_day)
    gap = np.diff(open_days)
    if not len(gap) or np.median(gap) > _WEEK:  # such as months for dates
        return days
    closed = (gap > _CLOSED) & (gap * per_day.sum() / len(open_days) >= _PURCHASES_MISSING)
    shift = np.append(0, np.cumsum(np.where(closed, gap - 1, 0)))
    place = open_days - shift

    def moved(day: Dates) -> Integers:
        offset = (day - begin).astype(np.int64)
        left: Integers = offset - shift[np.maximum(np.searchsorted(open_days, offset, side="right") - 1, 0)]
        return left

    came_on = moved(came)
    if closed.any():
        days = pile_of_first_days(begin + came_on)
    if not days or (not closed.any() and _opens(came_on, days, moved(found.first), moved(found.day), n)):
        return 0
    return days + int(shift[np.searchsorted(place, days, side="left") - 1])


def _opens(came: Integers, days: int, first: Integers, day: Integers, n: Floats) -> bool:
    """Tell whether a pile looks like that of a business that opens; all days count from the first day of the log."""
    few = min(max(len(came) // _FEW, 1), len(came) - 1)
    start = int(np.partition(came, few)[few])
    start = start if start > _WEEK else 0  # else they are no odd ones, which stand far before the others
    n_days = int(day.max()) + 1 - start
    core = start + (days - start) / _PARTS_OF_PILE
    for part in _PARTS:
        within = max(n_days // part, _A_MONTH)
        followed = (first >= start) & (first + within < start + n_days)
        again = followed & (day > first) & (day <= first + within)
        in_pile, later = followed & (first < core), followed & (first >= days)
        n_pile, n_later = (n[who & (day == first)].sum() for who in (in_pile, later))
        of_pile, of_later = (n[again & who].sum() for who in (in_pile, later))
        if not n_pile or of_later < _FEW_LATER or of_pile / n_pile > _AS_OFTEN * of_later / n_later:
            return False
    weeks = np.bincount((day[day >= start] - start) // _WEEK, n[day >= start])[: n_days // _WEEK]
    return _begins_unlike(weeks.astype(np.float64))


def _begins_unlike(weeks: Floats) -> bool:
    """Tell whether the purchases of the first weeks are much fewer, or suddenly many more, than those after them.

    The weeks a year later tell them from those of a season. Without such weeks, nothing is told.
    """

    def compare(n_first: int, start: int, n_weeks: int, begin: int = 0) -> tuple[float, float]:
        """Give the ratio of a week of the first ones to a week of others, and what chance may add to it."""
        ours, others = weeks[begin : begin + n_first], weeks[begin + start : begin + start + n_weeks]
        mean = max(float(others.mean()), 1e-9)
        noise = max(float(np.mean(np.diff(weeks[n_first : n_first + _QUARTER]) ** 2)) / 2.0, mean)
        allowed = _BEYOND * np.sqrt(noise * (1.0 / n_first + 1.0 / len(others))) / mean
        return float(ours.mean()) / mean, float(allowed)

    if len(weeks) < _YEAR + max(_AT_OPENING):
        return False
    n_first = _AT_OPENING[0]
    (ratio, allowed), (a_year_later, _) = (compare(n_first, n_first, _MONTH, begin) for begin in (0, _YEAR))
    if ratio > max(a_year_later, 1.0) * (_MORE + allowed):
        return True
    for n_first in _AT_OPENING:
        compared = (compare(n_first, n_first, _QUARTER), compare(n_first, _YEAR, n_first))
        if all(ratio < _FEWER - allowed for ratio, allowed in compared):
            return True
    return False


def warn_of_old_customers(
    came: Dates, bought: Callable[[], DaysBought], advice: str, *, is_new: npt.NDArray[np.bool_] | None = None
) -> None:
    """Warn of old customers at the start of a log, as :func:`pile_of_old_customers` finds them.

    `advice` says what to do; `is_new` tells which customers would count as new, by default all.
    """
    days = pile_of_old_customers(came, bought)
    if days:
        odd = int((main_span(came)[0] - came.min()).astype(np.int64))  # an order dated 1900 does not begin the log
        warn_of_pile(
            f"{days - odd if days > odd else days:,} days of the log",
            came < came.min() + np.timedelta64(days, "D"),
            advice,
            is_new=is_new,
        )


def warn_of_pile(
    where: str,
    is_old: npt.NDArray[np.bool_],
    advice: str,
    *,
    size: Integers | int = 1,
    is_new: npt.NDArray[np.bool_] | None = None,
) -> None:
    """Warn of customers, or cohorts of a size, who may be older than the log; `advice` says what to do.

    Fewer than 30 are no pile. Where all customers came at once, they may be one cohort: nobody came later to compare.
    """
    n_all = n = np.broadcast_to(np.asarray(size), is_old.shape)
    who = "customers"
    if is_new is not None:
        n, who = n * is_new, "new customers"
    n_old = int(n[is_old].sum())
    if n_old >= _FEW_OLD and n_all[~is_old].any():
        message = (
            f"first purchases pile up in the first {where}: {n_old:,} of {int(n.sum()):,} {who} may be older than the "
            f"log{advice}"
        )
        warn_at_user(message, n_old)
