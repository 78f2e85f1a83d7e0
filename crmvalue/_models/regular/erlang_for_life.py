"""Discounted purchases of BG/CNBD-k and MBG/CNBD-k for life: an integral over rates and chances to leave.

Let q be the rate of events over the sum of that rate and the force of interest: what the wait for one event leaves of
the worth of a purchase. Purchases of a customer with j events since the last one, who is lost with the chance p after
each, are worth q^(k - j) / (1 - (1 - p) q^k). This is averaged over p, which is beta, and over the rate times
alpha + T, which is gamma(r + k x + j). All terms are positive, so nothing cancels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._models.shared.numerics import alike_blocks, average_over_beta, last_true, stirling_rest

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.typing import Floats

__all__ = ["purchases_for_life"]

_DROP = 36.0  # exp(-36) = 2e-16
_WIDEST = 0.25  # step of the rule in the logarithm of the rate,
_STEP = 0.6  # or in its standard deviations
_STIRLING = 10.0  # from here on the series has full precision


def purchases_for_life(k: int, shape: Floats, part: Floats, kappa: Floats, a: Floats | float, left: Floats) -> Floats:
    """Discounted purchases of customers who are alive, shape (rows,).

    `shape` is r + k x, `part` the time since the last purchase over alpha + T, `kappa` the force of interest times
    alpha + T, and `left` the second parameter of the beta distribution of p.
    """
    low, high = _window(k, shape, kappa)
    n_nodes = np.ceil((high - low) / np.minimum(_WIDEST, _STEP / np.sqrt(shape + k))).astype(np.int64) + 1
    found = np.empty(len(shape))
    for rows in alike_blocks(n_nodes, 1):
        step = (high[rows] - low[rows]) / (n_nodes[rows[-1]] - 1)
        s = low[rows, np.newaxis] + step[:, np.newaxis] * np.arange(n_nodes[rows[-1]])
        loss = a if np.ndim(a) == 0 else a[rows]  # type: ignore[index]  # it is a column
        worth = _worth(k, s, shape[rows], part[rows], kappa[rows], loss, left[rows])
        found[rows] = worth.sum(axis=1) * step
    return found


def _worth(k: int, s: Floats, shape: Floats, part: Floats, kappa: Floats, a: Floats | float, left: Floats) -> Floats:
    """Worth at rates of shape exp(s), times their density in s, with 0 to k - 1 events since the last purchase."""
    wide, silence = shape[:, np.newaxis], part[:, np.newaxis]
    rate = wide * np.exp(s)
    wait = k * np.log1p(kappa[:, np.newaxis] / rate)  # minus the logarithm of q^k
    again = np.exp(-wait) / -np.expm1(-wait)  # q^k / (1 - q^k)
    density = np.exp(wide * _bend(s) + _log_height(shape)[:, np.newaxis])
    found: Floats = density * _events(k, silence, rate + kappa[:, np.newaxis], shape) * again * _kept(again, a, left)
    return found


def _kept(again: Floats, a: Floats | float, left: Floats) -> Floats:
    """Average of 1 / (1 + p w) over the chance p to be lost."""
    if np.ndim(a):
        return average_over_beta(_inverse, a=a, b=left, power=np.ones(len(left)), w=again)
    each = np.repeat(left, again.shape[1])
    return average_over_beta(_inverse, a=a, b=each, power=np.ones(len(each)), w=again.ravel()).reshape(again.shape)


def _inverse(p: Floats, power: Floats | float, w: Floats) -> Floats:  # noqa: ARG001 - the power is 1
    values = p * w
    values += 1.0
    found: Floats = np.divide(1.0, values, out=values)
    return found


def _events(k: int, part: Floats, rate: Floats, shape: Floats) -> Floats:
    """Sum the chances of j events since the last purchase times the worth of q^-j; `rate` is that over q."""
    chance, weight, total = np.ones(len(shape)), np.ones_like(rate), np.ones_like(rate)
    normal = np.ones(len(shape))
    for j in range(1, k):
        chance = chance * ((shape + (j - 1.0)) * part[:, 0] / j)
        normal = normal + chance
        weight = weight * (part * rate / j)
        total = total + weight
    found: Floats = total / normal[:, np.newaxis]
    return found


def _bend(s: Floats) -> Floats:
    """Give s + 1 - exp(s), by its series where the difference would cancel."""
    near = np.clip(s, -1e-3, 1e-3)
    series = -0.5 * near**2 * (1.0 + near / 3.0 * (1.0 + near / 4.0 * (1.0 + near / 5.0)))
    found: Floats = np.where(np.abs(s) < 1e-3, series, s - np.expm1(s))
    return found


def _log_height(shape: Floats) -> Floats:
    """Logarithm of the density of the logarithm of a gamma variate at its mode."""
    from scipy.special import gammaln

    large = np.maximum(shape, _STIRLING)
    by_series: Floats = 0.5 * np.log(large / (2.0 * math.pi)) - stirling_rest(large)
    small = np.minimum(shape, _STIRLING)
    found: Floats = np.where(shape < _STIRLING, small * np.log(small) - small - gammaln(small), by_series)
    return found


def _window(k: int, shape: Floats, kappa: Floats) -> tuple[Floats, Floats]:
    """Where the rule in s begins and ends: beyond, the integrand has fallen by exp(-36)."""

    def slowest(s: Floats) -> Floats:
        found: Floats = shape * _bend(s) - k * np.log1p(kappa * np.exp(-s) / shape)
        return found

    def fastest(s: Floats) -> Floats:
        found: Floats = k * s + shape * _bend(s)
        return found

    unit = 1.0 / np.sqrt(shape + k)  # about a standard deviation, in which the ends are looked for

    def last(condition: Callable[[Floats], npt.NDArray[np.bool_]], begin: Floats, end: Floats) -> Floats:
        return last_true(lambda u: condition(u * unit), begin / unit, end / unit) * unit

    # Both are concave. The slope of the first is at most `shape`, or `shape + k` where interest outweighs the rate.
    zero, top = np.zeros(len(shape)), np.log1p(k / shape)
    peak = last(lambda s: k * kappa / (kappa + shape * np.exp(s)) > shape * np.expm1(s), zero, top)
    target = slowest(peak) - _DROP
    begin = np.maximum(target / shape - 1.0, (target - shape - k * np.log(shape / kappa)) / (shape + k))
    low = last(lambda s: slowest(s) < target, begin, peak)
    goal = fastest(top) - _DROP
    high = last(lambda s: fastest(s) > goal, top, top + np.sqrt(2.0 * _DROP / (shape + k)))
    return low, high
