"""What the models of contracts, fixed opportunities and spend share: beta functions without cancellation, sums."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.checks import as_floats, require

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats

__all__ = [
    "as_periods",
    "distinct_rows",
    "log1mexp",
    "log_beta_density",
    "log_beta_ratio",
    "log_gamma_draws",
    "stirling_error",
    "sum_exp",
]

MOST_PERIODS = 1_000_000_000
_DIRECT = 512  # terms of a sum that are added one by one
_NODES = 32
_HIGH_ENOUGH = 15.0  # from here on Stirling's series has the precision of float64
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
_LIKE_AN_INTEGRAL = 1e10  # terms from which on the rule for sums is that for integrals
_FARTHEST = 1e290


def as_periods(name: str, value: ArrayLike, *, low: int = 0) -> Floats:
    """Cast whole numbers of periods, at least `low`."""
    (number,) = as_floats(**{name: value})
    require(
        (number >= low) & (number == np.floor(number)) & (number <= MOST_PERIODS), name, number,
        f"a whole number from {low} to 10**9",
    )  # fmt: skip
    return number


def log1mexp(log_p: Floats) -> Floats:
    """Log of 1 - exp(log_p) for log_p < 0."""
    near = log_p > -0.7
    return np.where(
        near, np.log(-np.expm1(np.where(near, log_p, -1.0))), np.log1p(-np.exp(np.where(near, -1.0, log_p)))
    )


def log_beta_ratio(a: ArrayLike, y: ArrayLike, w: ArrayLike) -> Floats:
    """Log of B(a, y + w) / B(a, y), <= 0, with its small values to full relative precision.

    Both arguments are raised to where Stirling's series holds, by B(a, y) = B(a, y + 1) (a + y) / y; the terms of the
    series are arranged such that all large ones are gone before anything is rounded.
    """
    a, y, w = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (a, y, w)))
    a, w = np.maximum(a, w), np.minimum(a, w)  # the ratio is symmetric in the two
    result = np.zeros(a.shape)
    low = np.asarray(y)
    for _ in range(int(_HIGH_ENOUGH)):
        below = low < _HIGH_ENOUGH
        if not below.any():
            break
        share = (a / (low + a)) * (w / (low + w))  # 1 - share = low (low + a + w) / ((low + a) (low + w))
        large = share > 0.5
        step = np.where(
            large,
            np.log(low / (low + w)) + np.log1p(w / (low + a)),
            np.log1p(-np.where(large, 0.0, share)),
        )
        result = result + np.where(below, step, 0.0)
        low = np.where(below, low + 1.0, low)
    share = (a / (low + a)) * (w / (low + w))
    large = share > 0.5
    first = np.where(large, np.log1p(a / low) - np.log1p(a / (low + w)), -np.log1p(-np.where(large, 0.0, share)))
    result = result + (low - 0.5) * first - w * np.log1p(a / (low + w)) - a * np.log1p(w / (low + a))
    log_near, log_far = np.log1p(w / low), np.log1p(w / (low + a))
    for power, coefficient in zip(range(1, 16, 2), _STIRLING, strict=True):
        near = np.expm1(-power * log_near) * (1.0 / low) ** power
        far = np.expm1(-power * log_far) * (1.0 / (low + a)) ** power
        result = result + coefficient * (near - far)
    ratio: Floats = np.minimum(result, 0.0)
    return ratio


def log_beta_density(a: Floats, b: Floats, odds: Floats) -> Floats:
    """Log of z^a (1 - z)^b / B(a, b) at z / (1 - z) = odds, without cancellation for large a and b.

    After Stirling's formula it is a sum of two deviances (observed share a / (a + b) against z) and small terms.
    """
    n = a + b
    z, rest = 1.0 / (1.0 + 1.0 / odds), 1.0 / (1.0 + odds)
    away = a * rest - b * z  # a - n z
    deviance = _deviance(a, n * z, away) + _deviance(b, n * rest, -away)
    small = stirling_error(n) - stirling_error(a) - stirling_error(b)
    density: Floats = 0.5 * (np.log(a) - np.log1p(a / b) - np.log(2 * np.pi)) - deviance + small
    return density


def _deviance(x: Floats, mean: Floats, away: Floats) -> Floats:
    """Give x log(x / mean) + mean - x, where away = x - mean is known more exactly than the difference."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        v = away / (x + mean)
        near = np.abs(v) < 0.1
        v = np.where(near, v, 0.0)
        square = v * v
        series = np.zeros_like(v)
        for k in range(21, 1, -2):
            series = (series + 1.0 / k) * square  # atanh(v) / v - 1
        far = x * (np.log(x) - np.log(mean)) - away
    return np.where(near, 2.0 * x * v * series + v * away, far)


def stirling_error(y: Floats) -> Floats:
    """Log-gamma less Stirling's formula: (y - 1/2) log y - y + log(2 pi) / 2."""
    from scipy.special import gammaln

    high = y >= _HIGH_ENOUGH
    inverse = 1.0 / np.where(high, y, 1.0)
    series = np.zeros_like(inverse)
    for coefficient in reversed(_STIRLING):
        series = series * inverse**2 + coefficient
    small = np.where(high, 1.0, y)
    direct = gammaln(small) - (small - 0.5) * np.log(small) + small - 0.5 * np.log(2 * np.pi)
    return np.where(high, series * inverse, direct)


def log_gamma_draws(shape: Floats, rng: np.random.Generator) -> Floats:
    """Draw logs of gamma variates of scale 1; for small shapes the variates themselves would underflow."""
    return np.log(rng.standard_gamma(shape + 1.0)) - rng.standard_exponential(shape.shape) / shape


def sum_exp(log_term: Callable[[Floats], Floats], n: float | None, *, tail_ratio: float = 0.0) -> Floats:
    """Sum of exp(log_term(t)) over t = 1, 2, ..., n, or without end.

    `log_term` takes times, shape (m,), whole or not, and gives logs, shape (..., m), that fall smoothly. The first
    terms are added one by one, later ones in blocks of doubled length by Gauss's rule for sums over whole numbers. In
    an endless sum `tail_ratio` is what the sums of consecutive blocks tend to.
    """
    end = np.inf if n is None else n
    total: Floats = np.exp(log_term(np.arange(1.0, min(end, _DIRECT) + 1.0))).sum(axis=-1)
    done, length = float(_DIRECT), float(_DIRECT)  # terms: a count is exact up to 2**53, the start of the next is not
    while done < min(end, _FARTHEST):
        start, length = done + 1.0, min(length, end - done)
        if length <= 2 * _NODES:
            times, weights = start + np.arange(length), np.ones(int(length))
        else:
            nodes, shares = _rule(min(length, _LIKE_AN_INTEGRAL))
            times, weights = start + (length - 1.0) / 2.0 + length * nodes, length * shares
        block = (np.exp(log_term(times)) * weights).sum(axis=-1)
        total = total + block
        if (block <= 1e-18 * total).all():
            return total
        done, length = done + length, 2.0 * length
    if n is None and tail_ratio:
        total = total + block * tail_ratio / (1.0 - tail_ratio)
    return total


@lru_cache(maxsize=512)
def _rule(length: float) -> tuple[Floats, Floats]:
    """Nodes in (-1/2, 1/2) and weights, summing to 1, of the Gauss rule of the discrete Chebyshev polynomials."""
    k = np.arange(1.0, _NODES)
    beside = 0.5 * k * np.sqrt((1.0 - (k / length) ** 2) / (4.0 * k**2 - 1.0))
    nodes, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    return nodes, vectors[0] ** 2


def distinct_rows(*columns: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Distinct rows of columns of whole numbers, shape (k, columns), and the place of each row among them."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        size = int(column.max(initial=0.0)) + 1
        if size * (int(key.max(initial=0)) + 1) >= 2**62:
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
        key = key * size + column.astype(np.int64)
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    return np.stack([column[first] for column in columns], axis=1), place
