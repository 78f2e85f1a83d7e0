"""Slow, independent references for `crmvalue.ltv`: explicit sums and loops in exact or 150-digit arithmetic."""

from __future__ import annotations

from fractions import Fraction

import mpmath

from crmvalue.errors import InputError
from tests.ltv.calls import valid_arguments

__all__ = ["SHIFTS", "geometric_sum", "npv", "payback", "rate_over", "refusal", "survivor_sum"]

SHIFTS = {"start": 0, "middle": Fraction(1, 2), "end": 1}
_INFINITY = 2**400  # periods; at 1 - 1e-100 all that follows is below any digit kept
_LENGTHS = {  # in days
    "day": Fraction(1),
    "week": Fraction(7),
    "month": Fraction(1461, 48),
    "quarter": Fraction(1461, 16),
    "half-year": Fraction(1461, 8),
    "year": Fraction(1461, 4),
}


def geometric_sum(ratio, n):
    """1 + x + ... + x^(n-1) without the closed form: S(2k) = S(k) (1 + x^k) and S(k+1) = 1 + x S(k)."""
    total, power = mpmath.mpf(0), mpmath.mpf(1)
    for bit in f"{n:b}":
        total, power = total * (1 + power), power * power
        if bit == "1":
            total, power = 1 + ratio * total, power * ratio
    return total


def survivor_sum(retention, discount, *, timing, n=None):
    """Present value of 1 per period from customers of whom `retention` stay; no n is an endless sum."""
    with mpmath.workdps(150):
        growth = 1 + mpmath.mpf(discount)
        total = geometric_sum(mpmath.mpf(retention) / growth, _INFINITY if n is None else n)
        return float(total / growth ** mpmath.mpf(SHIFTS[timing]))


def npv(flows, rate, times):
    """Explicit sum of discounted flows; times may be fractions."""
    with mpmath.workdps(50):
        growth = 1 + mpmath.mpf(rate)
        terms = [mpmath.mpf(flow) / growth ** mpmath.mpf(time) for flow, time in zip(flows, times, strict=True)]
        return float(mpmath.fsum(terms))


def payback(flows, cost, rate, *, timing, interpolate):
    """Walk through the periods until the cost is covered."""
    left = mpmath.mpf(cost)
    if left == 0:
        return 0.0
    for period, flow in enumerate(flows, start=1):
        worth = mpmath.mpf(flow) / (1 + mpmath.mpf(rate)) ** mpmath.mpf(period - 1 + SHIFTS[timing])
        if worth >= left:
            return float(period - 1 + left / worth) if interpolate else float(period)
        left -= worth
    return float("inf")


def rate_over(rate, kind, from_period, to_period):
    """Compound the rate over another period."""
    with mpmath.workdps(150):
        k = mpmath.mpf(_LENGTHS[to_period] / _LENGTHS[from_period])
        rate = mpmath.mpf(rate)
        if kind == "churn":
            return float(1 - (1 - rate) ** k)
        return float(rate**k) if kind == "retention" else float((1 + rate) ** k - 1)


def refusal(function, /, **changes):
    """Return the error of a valid call with some arguments changed."""
    try:
        function(**valid_arguments(function, **changes))
    except InputError as error:
        return error
    raise AssertionError(f"{function.__name__} accepts {changes}")
