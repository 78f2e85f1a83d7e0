"""Key figures computed a second time: row by row, in exact fractions, without any of the package's code."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from statistics import NormalDist

import numpy as np

__all__ = [
    "bca_by_loops",
    "best_linear_prediction",
    "kaplan_meier_at",
    "mixed_over_spreads",
    "movements_by_sets",
    "time_between_purchases_by_loops",
    "waiting_by_fractions",
]


def time_between_purchases_by_loops(customers, days):
    """Give the exact mean gap between the distinct days of each customer, or None."""
    gaps = []
    for customer in set(customers):
        mine = sorted({day for other, day in zip(customers, days, strict=True) if other == customer})
        gaps += [later - earlier for earlier, later in pairwise(mine)]
    return Fraction(sum(gaps), len(gaps)) if gaps else None


def bca_by_loops(x, y, draws, level):
    """Give the BCa interval of sum(x) / sum(y) from lists of drawn rows (Efron 1987), one number at a time."""
    normal, n = NormalDist(), len(x)
    ratio = sum(x) / sum(y)
    drawn = sorted(sum(x[i] for i in rows) / sum(y[i] for i in rows) for rows in draws)
    below = sum(value < ratio for value in drawn) + sum(value == ratio for value in drawn) / 2
    bias = normal.inv_cdf(below / len(drawn))
    left_out = [sum(x[j] for j in range(n) if j != i) / sum(y[j] for j in range(n) if j != i) for i in range(n)]
    mean = sum(left_out) / n
    cubes = sum((mean - value) ** 3 for value in left_out)
    squares = sum((mean - value) ** 2 for value in left_out)
    acceleration = cubes / (6 * squares**1.5)
    ends = []
    for z in (normal.inv_cdf((1 - level) / 2), normal.inv_cdf((1 + level) / 2)):
        share = normal.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
        place = share * (len(drawn) - 1)
        low = int(place)
        high = min(low + 1, len(drawn) - 1)
        ends.append(drawn[low] + (place - low) * (drawn[high] - drawn[low]))
    return tuple(ends)


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


def best_linear_prediction(groups, within, between):
    """Solve Henderson's mixed model equations; give each group's mean and the standard error of its prediction."""
    k = len(groups)
    y = np.concatenate(groups)
    z = np.repeat(np.eye(k), [len(g) for g in groups], axis=0)
    design = np.column_stack((np.ones(len(y)), z))
    ridge = np.diag([0.0, *[within / between] * k])
    inverse = np.linalg.inv(design.T @ design + ridge)
    effects = inverse @ design.T @ y
    pick = np.column_stack((np.ones(k), np.eye(k)))
    return pick @ effects, np.sqrt(np.diag(pick @ inverse @ pick.T) * within)


def mixed_over_spreads(groups, within, reach):
    """Average Henderson's solutions over the spread, by Gauss and Legendre, each weighed by its likelihood."""
    y, k = np.concatenate(groups), len(groups)
    z = np.repeat(np.eye(k), [len(g) for g in groups], axis=0)
    one = np.ones(len(y))
    nodes, weights = np.polynomial.legendre.leggauss(80)
    spreads, logs, found = reach * (nodes + 1) / 2, [], []
    for spread in spreads:
        inverse = np.linalg.inv(spread**2 * z @ z.T + within * np.eye(len(y)))
        middle = one @ inverse @ y / (one @ inverse @ one)
        rest = y - middle
        size = np.linalg.slogdet(inverse)[1] - np.log(one @ inverse @ one)
        logs.append((size - rest @ inverse @ rest) / 2)
        found.append(best_linear_prediction(groups, within, spread**2))
    chance = weights * np.exp(np.array(logs) - max(logs))
    chance /= chance.sum()
    means, errors = (np.array(column) for column in zip(*found, strict=True))
    mean = chance @ means
    return mean, np.sqrt(chance @ (errors**2 + means**2) - mean**2), chance @ spreads


def kaplan_meier_at(rows, horizon):
    """Multiply the shares that pass each loss up to the horizon; `rows` are waits, each with whether it is over."""
    left = 1.0
    for time in sorted({wait for wait, over in rows if over and wait <= horizon}):
        at_risk = sum(wait >= time for wait, _ in rows)
        left *= 1 - sum(wait == time and over for wait, over in rows) / at_risk
    return left
