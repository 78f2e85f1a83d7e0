"""What a GGompertz/NBD customer will do whose rate of purchases is gamma(r, alpha), row by row.

The chance to stay for a time y is S(y) = (1 + (e^(by) - 1) / (b p))^-s. A new customer has p = beta / b. For a known
customer who is alive at the age T, p is (beta / b + G(T)) / e^(bT), and purchases are gamma(r + x, alpha + T).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._models.aging.panels import grown, last_of, nodes_from, smallest, straight_from, time_at, width_of
from crmvalue._models.shared.numerics import log_rising

if TYPE_CHECKING:
    from crmvalue.typing import Floats

__all__ = ["discounted_time", "log_survival", "prob_purchases"]

_NATS = 10.0  # by which the integrand may fall within the first panel
_SPREADS = 3.0  # and how many of its spreads at a peak may be in it
_AWAY = 45.0  # a discount of exp(-45) leaves nothing
_HALVINGS = 40
_NEAR, _STEPS = 1e-6, 4  # how much nearer a peak is looked for before the halvings, and how often
_NOTHING = 60.0  # a share of exp(-60) of the highest is nothing


def log_survival(y: Floats, b: float, s: float, p: Floats) -> Floats:
    """Logarithm of the chance to stay for a time y."""
    found: Floats = -s * width_of(b, p, y)
    return found


def discounted_time(force: float, horizon: Floats, b: float, s: float, p: Floats) -> Floats:
    """Integral of exp(-force y) S(y) over the horizon, which is infinite for life."""
    m = smallest(b, p)
    width = last_of(b, s, m, m / p, np.minimum(horizon, _AWAY / force) if force else horizon)
    steep = np.maximum(s * (m / p) + force * m, 1.0)
    total = np.zeros(len(p))
    for rows, v, weight in nodes_from(np.zeros(len(p)), width, _NATS / steep, straight_from(b, m, m / p)):
        unit = m[rows]
        log_f = v - grown(b * unit, v) - s * grown(unit / p[rows], v) - force * time_at(b, unit, v)
        total[rows] += (weight * np.exp(log_f)).sum(axis=0)
    return m * total


def prob_purchases(n: Floats, horizon: Floats, r: Floats, alpha: Floats, b: float, s: float, p: Floats) -> Floats:
    """Probability of n purchases within the horizon: the customer makes them and stays, or makes them and leaves."""
    from scipy.special import gammaln, xlogy

    found = np.where(n == 0, 1.0, 0.0)
    asked = np.nonzero(horizon > 0)[0]  # in no time nothing happens
    n, horizon, r, alpha, p = n[asked], horizon[asked], r[asked], alpha[asked], p[asked]
    ways = log_rising(r, n) - gammaln(n + 1.0)
    stays = xlogy(n, horizon / (alpha + horizon)) - r * np.log1p(horizon / alpha) + log_survival(horizon, b, s, p)
    m = smallest(b, alpha, p)
    k = m / p
    width = width_of(b, m, horizon)

    def slope(v: Floats) -> Floats:
        y, moved = time_at(b, m, v), np.exp(v - grown(b * m, v)) * m
        of_n = np.divide(n * moved, y, out=np.zeros_like(n), where=n > 0)
        found: Floats = 1.0 - (s + 1.0) * k * np.exp(v - grown(k, v)) + of_n - (n + r) * (moved / (alpha + y))
        return found

    low, high = np.zeros_like(width), width
    for _ in range(_STEPS):  # halvings alone do not find a peak at 1e-6 of a width of 1e11
        near = _NEAR * high
        high = np.where(slope(near) > 0, high, near)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        rises = slope(middle) > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    peak = high
    y = time_at(b, m, peak)
    share, leaves = y / (alpha + y), k * np.exp(peak - grown(k, peak))
    speed = np.exp(peak - grown(b * m, peak)) * m / y
    bend = (n + r) * share * (1.0 - share) * speed**2 + (s + 1.0) * leaves * (1.0 - leaves)
    bend += np.abs(n - (n + r) * share) * np.maximum(speed * (speed - 1.0), 0.0)  # of log y, which bends in v
    steep = np.maximum(np.maximum(np.abs(slope(peak)), np.sqrt(np.maximum(bend, 0.0))), 1.0)

    def log_f(v: Floats, rows: Any) -> Floats:
        y, a, count = time_at(b, m[rows], v), alpha[rows], n[rows]
        bought = xlogy(count, y / (a + y)) - r[rows] * np.log1p(y / a)
        found: Floats = v - (s + 1.0) * grown(k[rows], v) + bought
        return found

    top = np.maximum(log_f(peak, slice(None)), -1e300)
    # log_f(v) is at most -s v - (s + 1) log k; where that is far below its top, many purchases come from few survivors
    width = np.minimum(width, np.maximum(peak, (_NOTHING - top - (s + 1.0) * np.log(k)) / s))
    total = np.zeros(len(n))
    for rows, v, weight in nodes_from(peak, width, _SPREADS / steep, straight_from(b, m, k)):
        total[rows] += (weight * np.exp(log_f(v, rows) - top[rows])).sum(axis=0)
    log_leaves = np.full(len(n), -np.inf)
    np.log(total, out=log_leaves, where=total > 0)
    log_leaves += np.log(s) + np.log(k) + top
    found[asked] = np.exp(np.minimum(ways + np.logaddexp(stays, log_leaves), 0.0))
    return found
