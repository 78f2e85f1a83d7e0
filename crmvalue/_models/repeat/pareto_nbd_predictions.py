"""What a Pareto/NBD customer will do whose rates are gamma(r, alpha) and gamma(s, beta), row by row.

A new customer has the parameters of the model. A known customer who is alive has r + x, alpha + T, s and beta + T.
Everything is an integral of a positive function over the time of leaving or the time of a purchase. On a suitable
logarithmic scale of time, the logarithm of that function is concave and the function is analytic near the real line.
So a Gauss-Legendre rule in a few panels, on the part that counts, has full precision without a singular case.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._models.shared.numerics import count_tails, gauss_legendre, log_rising

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = [
    "discounted_time",
    "log_integral",
    "prob_at_least",
    "prob_purchases",
    "tails_of_purchases",
    "time_as_customer",
]

_NATS = 40.0  # the integrand is cut off where it has fallen by so many powers of e
_NODES = 24
_PANEL = 4.0  # widest panel on the logarithmic scale
_MOST_PANELS = 128
_HALVINGS = 45
_SPREAD = 2.0  # longest panel of a rule for all counts, in standard deviations of a count and as a logarithm of time


def time_as_customer(s: float, beta: Floats | float, horizon: Floats) -> Floats:
    """Time that a customer stays within the horizon: integral of (beta / (beta + u))^s."""
    from scipy.special import exprel

    growth = np.log1p(horizon / beta)
    time: Floats = beta * growth * exprel((1.0 - s) * growth)
    return time


def discounted_time(rate: float, s: float, beta: Floats, horizon: Floats | None) -> Floats:
    """Integral of exp(-rate u) (beta / (beta + u))^s over the horizon, or for life.

    In v = log(1 + u / beta) it is beta exp((1 - s) v - rate beta (e^v - 1)).
    """
    if rate == 0:
        return beta / (s - 1.0) if horizon is None else time_as_customer(s, beta, horizon)
    z = rate * beta
    longest = np.log1p(1000.0 / z)  # e^-1000 of what is bought later counts
    width = longest if horizon is None else np.minimum(longest, np.log1p(horizon / beta))

    def log_f(v: Floats) -> Floats:
        return (1.0 - s) * v - z * np.expm1(v)

    def slope(v: Floats) -> Floats:
        return 1.0 - s - z * np.exp(v)

    log_area = log_integral(log_f, slope, width)
    time: Floats = beta * np.exp(log_area)
    return time


def prob_purchases(n: Floats, horizon: Floats, r: Floats, alpha: Floats, s: Floats | float, beta: Floats) -> Floats:
    """Probability of n purchases within the horizon: the customer makes them and stays, or makes them and leaves."""
    from scipy.special import gammaln, xlogy

    found = np.where(n == 0, 1.0, 0.0)
    rows = np.nonzero(horizon > 0)[0]  # in no time nothing happens
    n, horizon, r, alpha, beta = n[rows], horizon[rows], r[rows], alpha[rows], beta[rows]
    s = np.broadcast_to(s, found.shape)[rows]
    ways = log_rising(r, n) - gammaln(n + 1.0)
    stays = (
        xlogy(n, horizon / (alpha + horizon)) - r * np.log1p(horizon / alpha) - s * np.log1p(horizon / beta)
    )  # fmt: skip
    m = np.minimum(alpha, beta)
    leaves = np.log(s) + np.log(m / beta) + _log_moment(n, horizon, r, alpha, s + 1.0, beta)
    found[rows] = np.exp(np.minimum(ways + np.logaddexp(stays, leaves), 0.0))
    return found


def prob_at_least(n: Floats, horizon: Floats, r: Floats, alpha: Floats, s: Floats | float, beta: Floats) -> Floats:
    """Probability of n or more purchases within the horizon, n >= 1: the n-th one takes place before leaving."""
    from scipy.special import gammaln

    found = np.zeros(n.shape)
    rows = np.nonzero(horizon > 0)[0]
    n, horizon, r, alpha, beta = n[rows], horizon[rows], r[rows], alpha[rows], beta[rows]
    s = np.broadcast_to(s, found.shape)[rows]
    m = np.minimum(alpha, beta)
    ways = log_rising(r, n) - gammaln(n) + np.log(m / alpha)
    found[rows] = np.exp(np.minimum(ways + _log_moment(n - 1.0, horizon, r + 1.0, alpha, s, beta), 0.0))
    return found


def tails_of_purchases(horizon: Floats, r: Floats, alpha: Floats, s: float, beta: Floats) -> Iterator[Floats]:
    """Probabilities of at least 1, 2, ... purchases within the horizon: until leaving, or to the end.

    A Gauss-Legendre rule over the time of leaving serves for all of them. Its panels are short beside the spread of a
    count, and beside alpha and beta.
    """
    by_count = 2.0 * np.sqrt(r) * np.arcsinh(np.sqrt(horizon / alpha))
    by_time = np.log1p(horizon / np.minimum(alpha, beta))
    n_by_count, n_by_time = (max(1, math.ceil(float(span.max(initial=0.0)) / _SPREAD)) for span in (by_count, by_time))
    steps = np.arange(n_by_count + 1)[:, np.newaxis] / n_by_count
    edges = alpha * np.sinh(by_count * steps / (2.0 * np.sqrt(r))) ** 2
    steps = np.arange(1, n_by_time)[:, np.newaxis] / n_by_time
    edges = np.sort(np.vstack([edges, np.minimum(alpha, beta) * np.expm1(by_time * steps)]), axis=0)
    node, weight = gauss_legendre(_NODES // 2)
    length = np.diff(edges, axis=0)[:, np.newaxis]
    u = (edges[:-1, np.newaxis] + length * node[:, np.newaxis]).reshape(-1, len(r))
    leaves = (length * weight[:, np.newaxis]).reshape(-1, len(r)) * (s / beta) * np.exp(-(s + 1.0) * np.log1p(u / beta))
    stays = np.exp(-s * np.log1p(horizon / beta))
    weight = np.vstack([leaves, stays])
    for tail in count_tails(r, np.vstack([u, horizon]) / alpha):
        yield (weight * tail).sum(axis=0)


def _log_moment(n: Floats, horizon: Floats, r: Floats, alpha: Floats, s: Floats, beta: Floats) -> Floats:
    """Logarithm of the integral of a^n / (1 + a)^(r + n) / (1 + b)^s over u / m, a = u / alpha, b = u / beta.

    The logarithm is concave in v = log(1 + u / m), m the smaller of alpha and beta.
    """
    from scipy.special import xlogy

    m = np.minimum(alpha, beta)
    to_alpha, to_beta = m / alpha, m / beta

    def log_f(v: Floats) -> Floats:
        grown = np.expm1(v)
        a, b = to_alpha * grown, to_beta * grown
        found: Floats = v + xlogy(n, a / (1.0 + a)) - r * np.log1p(a) - s * np.log1p(b)
        return found

    def slope(v: Floats) -> Floats:
        grown = np.expm1(v)
        a, b = to_alpha * grown, to_beta * grown
        found: Floats = 1.0 + (grown + 1.0) * (n / grown - (r + n) * (to_alpha / (1.0 + a)) - s * (to_beta / (1.0 + b)))
        return found

    return log_integral(log_f, slope, np.log1p(horizon / m))


def log_integral(
    log_f: Callable[[Floats], Floats], slope: Callable[[Floats], Floats], width: Floats, longest: float = _PANEL
) -> Floats:
    """Logarithm of the integral of exp(log_f) from 0 to `width`; minus infinity for width 0.

    The function has to rise to one peak and fall from there, and to be smooth on the scale of the `longest` panel.
    """
    zero = np.zeros_like(width)
    peak = _last(lambda v: slope(v) > 0, zero, width)
    behind = np.minimum(peak + width * 2.0**-_HALVINGS, width)
    # An integrand that is 0 everywhere has no logarithm to subtract.
    top = np.maximum(np.maximum(log_f(peak), log_f(behind)), -1e300)
    low = _last(lambda v: log_f(v) < top - _NATS, zero, peak)
    high = _last(lambda v: log_f(v) > top - _NATS, peak, width, above=True)
    length = high - low
    n_panels = int(np.clip(math.ceil(float(length.max(initial=0.0)) / longest), 2, _MOST_PANELS))
    total = np.zeros_like(width)
    for node, weight in zip(*gauss_legendre(_NODES), strict=True):
        for panel in range(n_panels):
            total += weight * np.exp(np.minimum(log_f(low + length * ((panel + node) / n_panels)) - top, 1.0))
    area = length * total / n_panels
    log_area: Floats = np.full(width.shape, -np.inf)
    np.log(area, out=log_area, where=area > 0)
    log_area += top
    return log_area


def _last(
    condition: Callable[[Floats], npt.NDArray[np.bool_]], low: Floats, high: Floats, *, above: bool = False
) -> Floats:
    """Bisect for where a condition, true to the left, ceases to hold; from below or from above."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        holds = condition(middle)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return high if above else low
