"""Key figures computed a second time: row by row, in exact fractions, without any of the package's code."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

__all__ = ["movements_by_sets", "time_between_purchases_by_loops", "waiting_by_fractions"]


def time_between_purchases_by_loops(customers, days):
    """Give the exact mean gap between the distinct days of each customer, or None."""
    gaps = []
    for customer in set(customers):
        mine = sorted({day for other, day in zip(customers, days, strict=True) if other == customer})
        gaps += [later - earlier for earlier, later in pairwise(mine)]
    return Fraction(sum(gaps), len(gaps)) if gaps else None


def movements_by_sets(customers, days, start, end, active_days):
    """Name the customers in each of the seven groups."""
    rows = set(zip(customers, days, strict=True))
    everyone = set(customers)

    def bought(first, last):
        return {customer for customer, day in rows if first <= day <= last}

    before, until = bought(-(10**9), start), bought(-(10**9), end)
    at_start, at_end = bought(start - active_days + 1, start), bought(end - active_days + 1, end)
    rest = until - at_start - at_end
    return {
        "retained": at_start & at_end,
        "lost": at_start - at_end,
        "new": at_end - before,
        "returned": (at_end & before) - at_start,
        "passing": rest & bought(start + 1, end),
        "dormant": rest - bought(start + 1, end),
        "later": everyone - until,
    }


def waiting_by_fractions(times, over):
    """Give the Kaplan-Meier curve, the restricted mean and a function for quantiles, all exact."""
    curve = []
    survival = Fraction(1)
    mean = Fraction(0)
    previous = 0
    for time in sorted(set(times)):
        mean += survival * (time - previous)
        previous = time
        at_risk = sum(other >= time for other in times)
        ended = sum(other == time and done for other, done in zip(times, over, strict=True))
        survival *= 1 - Fraction(ended, at_risk)
        curve.append((time, survival))

    def quantile(prob):
        reached = [time for time, left in curve if left <= 1 - prob]
        passed = [time for time, left in curve if left < 1 - prob]
        if not reached:
            return float("inf")
        return Fraction(reached[0] + (passed[0] if passed else curve[-1][0]), 2)

    return curve, mean, quantile
