"""Likelihood of gamma times that a log records in whole days or weeks, given their sum.

A time is recorded as the whole number d that it is nearest to. Given the sum of a customer's times, their rate drops
out, and the likelihood of whole times is the product of the weights of each, over the sum of that product over all
compositions of the same sum. That sum is a coefficient of a power of the weights.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from crmvalue.typing import Floats, Integers

__all__ = ["WholeTimes", "likeliest_shape", "log_compositions", "log_weights"]

_FAR = 1000.0  # mean time from which on whole numbers are as fine as continuous ones
_STRIP = 0.5  # logarithms of means that share one tilt
_NATS = 40.0  # chances below exp(-40) are left out
_CLOSE = 0.01  # how near the mean of the tilted weights must come, as a share of the mean less 1
_MOST_STEPS = 80
_MOST = 20  # times of a stretch
_LOWEST, _HIGHEST = 0.05, 100.0  # of a shape
_FLAT = 1e-6  # difference of log-likelihoods that shows nothing
_SHOWN = -math.log(0.05)  # times at random have such a ratio of likelihoods in at most one log of twenty
_STEP = 0.01  # of derivatives, as a share of the shape


class WholeTimes(NamedTuple):
    """Whole times between purchases, in stretches of one customer each, with all that are alike added up.

    The two rows of a weight are its sum and that of its squares: a stretch may count in part.
    """

    time: Floats
    """Distinct times."""
    of_time: Floats
    """Weights of each, shape (2, n_times)."""
    parts: Integers
    """Times of a stretch, and in `total` their sum, in distinct pairs."""
    total: Integers
    of_total: Floats
    """Weights of each pair, shape (2, n_pairs)."""

    @classmethod
    def of_customers(cls, owner: Integers, time: Integers) -> WholeTimes:
        """Add up times, >= 1, in the order of their customers and of their days; `owner` is the customer of each.

        A customer with more than 20 times has them in stretches of nearly equal numbers, at most 20, that together
        count as 20 times. A customer with one time says nothing.
        """
        number = np.bincount(owner)
        number[number < 2] = 0
        used = number[owner] > 0
        owner, time = owner[used], time[used]
        n_stretches = -(-number // _MOST)
        place = np.arange(len(owner)) - (np.cumsum(number) - number)[owner]
        stretch = (np.cumsum(n_stretches) - n_stretches)[owner] + place * n_stretches[owner] // number[owner]
        each = np.repeat(np.minimum(1.0, _MOST / np.maximum(number, 1)), n_stretches)
        weights = np.stack([each, each**2])
        parts, total = np.bincount(stretch), np.bincount(stretch, time).astype(np.int64)
        times, value = np.unique(time, return_inverse=True)
        pairs, pair = np.unique(parts + (_MOST + 1) * total, return_inverse=True)
        return cls(
            time=times.astype(np.float64),
            of_time=np.stack([np.bincount(value, weight) for weight in weights[:, stretch]]),
            parts=pairs % (_MOST + 1),
            total=pairs // (_MOST + 1),
            of_total=np.stack([np.bincount(pair, weight) for weight in weights]),
        )

    def log_likelihoods(self, shape: float) -> Floats:
        """Logarithm of the conditional likelihood, by the weights and by their squares, shape (2,)."""
        of_sums = self.of_total @ log_compositions(self.parts, self.total, shape)
        found: Floats = self.of_time @ log_weights(self.time, shape) - of_sums
        return found


def likeliest_shape(times: WholeTimes) -> tuple[float, float]:
    """Find the shape of the greatest conditional likelihood from 0.05 to 100, and its standard error.

    The shape is infinite where no smaller one is likelier than 100, and 100 is at least 20 times as likely as times at
    random; NaN where it is not.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log_shape: -times.log_likelihoods(math.exp(log_shape))[0],
        bounds=(math.log(_LOWEST), math.log(_HIGHEST)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    highest = times.log_likelihoods(_HIGHEST)[0]
    if highest >= -found.fun - _FLAT:
        return (math.inf if highest - times.log_likelihoods(1.0)[0] > _SHOWN else math.nan), math.nan
    shape = math.exp(found.x)
    step = _STEP * shape
    below, here, above = (times.log_likelihoods(shape + move) for move in (-step, 0.0, step))
    slope, bends = (above - below)[0] / (2.0 * step), (below - 2.0 * here + above) / step**2
    if not (bends < 0.0).all():
        return shape, math.nan
    polished = shape - min(max(slope / bends[0], -step), step)
    return float(max(polished, _LOWEST)), float(math.sqrt(-bends[1]) / -bends[0])


@np.errstate(under="ignore")
def log_weights(time: Floats, shape: float) -> Floats:
    """Logarithm of the integral of ``t ** (shape - 1)`` over the times nearest to a whole `time`, >= 1.

    The integral goes from time - 1/2 to time + 1/2. It is 1 for a shape of 1, for which all compositions are alike.
    """
    half = 0.5 / time
    inner = np.log(2.0 / shape * np.sinh(shape * np.arctanh(half)))
    weights: Floats = shape * np.log(time) + shape / 2.0 * np.log1p(-half * half) + inner
    return weights


@np.errstate(under="ignore")
def log_compositions(number: Integers, total: Integers, shape: float) -> Floats:
    """Logarithm of the sum of products of weights over the compositions of each `total` into `number` parts.

    Parameters
    ----------
    number : ndarray of int, shape (n,)
        Parts of each, >= 2.
    total : ndarray of int, shape (n,)
        What they add up to, >= number.
    shape : float
        Shape of the gamma times, from 0.05 to 100.

    Returns
    -------
    ndarray of float, shape (n,)

    Notes
    -----
    Weights that are tilted by ``exp(-tilt * time)`` are the chances of a whole time with about the mean that is asked
    for; the chance of the sum comes from a Fourier transform of a padded line of them, to the power of `number`. The
    relative error is that of floating-point numbers, as the sums that are asked for are near the mean. Where the mean
    is above 1,000, the integral over continuous times takes the place of the sum, less its first term for times below
    1/2.
    """
    found = np.empty(len(number))
    far = total > _FAR * number
    found[far] = _far(number[far].astype(np.float64), total[far].astype(np.float64), shape)
    near = np.flatnonzero(~far)
    if not len(near):
        return found
    log_mean = np.log(total[near] / number[near])
    width = np.minimum(_STRIP, 6.0 / np.sqrt(number[near] * shape))
    strip = np.floor(log_mean / width)
    longest = math.exp(log_mean.max()) * _reach(_NATS / shape)
    time = np.arange(1.0, min(float(total[near].max()), math.ceil(longest) + 2.0) + 1.0)
    weights = log_weights(time, shape)
    for here in _alike((width, strip)):
        tilted = _tilted(time, weights, math.exp(float((strip[here[0]] + 0.5) * width[here[0]])), shape)
        for one in _alike((number[near[here]],)):
            rows = near[here[one]]
            found[rows] = _of_sums(int(number[rows[0]]), total[rows], time, tilted)
    return found


def _alike(columns: tuple[Floats | Integers, ...]) -> list[Integers]:
    """Give the rows that are alike in all columns, group by group."""
    order = np.lexsort(columns)
    new = np.any([np.diff(column[order]) != 0 for column in columns], axis=0)
    return np.split(order, np.flatnonzero(new) + 1)


class _Tilted(NamedTuple):
    """Weights of times, each multiplied by ``exp(-tilt * time)`` and divided by the same number."""

    weight: Floats
    tilt: float
    log_divisor: float


def _far(number: Floats, total: Floats, shape: float) -> Floats:
    """Integral over all continuous times with the sum, less its part in which a time is below 1/2."""
    from scipy.special import gammaln

    fewer = gammaln(number * shape) - gammaln((number - 1.0) * shape)
    short = np.exp(fewer - gammaln(shape + 1.0) - shape * np.log(2.0 * total))
    whole = (number * shape - 1.0) * np.log(total) + number * gammaln(shape) - gammaln(number * shape)
    found: Floats = whole + number * np.log1p(-short)
    return found


def _tilted(time: Floats, weights: Floats, mean: float, shape: float) -> _Tilted:
    """Tilt weights so that their mean is about this one; times that are far too long are left out."""
    n = min(len(time), math.ceil(mean * _reach(_NATS / shape)) + 2)
    tilt = _tilt(time[:n], weights[:n], mean, shape / mean)
    tilted = weights[:n] - tilt * time[:n]
    top = float(tilted.max())
    return _Tilted(np.exp(tilted - top), tilt, top)


def _of_sums(number: int, total: Integers, time: Floats, tilted: _Tilted) -> Floats:
    """Find the sums for totals with the same number of parts and nearly the same mean."""
    from scipy.fft import irfft, next_fast_len, rfft

    longest = int(total.max())
    n = min(len(tilted.weight), longest - number + 1)
    chance = tilted.weight[:n]
    scale = float(chance.sum())
    chance = chance / scale
    middle = _mean(chance, time[:n])
    spread = _mean(chance, (time[:n] - middle) ** 2)
    padded = min(math.ceil(longest * _reach(_NATS * spread / (number * middle**2))), number * n) + 2
    size = next_fast_len(padded, real=True)
    of_sum = irfft(rfft(chance, size) ** number, size)[total - number]
    found: Floats = (
        np.log(np.maximum(of_sum, np.finfo(np.float64).tiny))
        + number * (tilted.log_divisor + math.log(scale))
        + tilted.tilt * total
    )
    return found


def _mean(chance: Floats, values: Floats) -> float:
    """Sum up in one thread: for lines of this length, threads of a linear algebra library cost more than the sum."""
    return float(np.einsum("i,i->", chance, values))


def _reach(nats: float) -> float:
    """How many means a gamma variable stays below, but for a chance of exp(-nats * shape)."""
    return 1.0 + 2.0 * nats / 3.0 + math.sqrt((2.0 * nats / 3.0) ** 2 + 2.0 * nats)


def _tilt(time: Floats, weights: Floats, mean: float, start: float) -> float:
    """Find the tilt for which the weights have about this mean, > 1, below that of the longest times.

    Newton's steps, halving where they leave the bounds. The logarithm of the mean is nearly straight in that of the
    tilt, for the smallest shapes too.
    """
    low, high = -50.0, float(weights[1] - weights[0]) + 50.0
    tilt = start
    for _ in range(_MOST_STEPS):
        tilted = weights - tilt * time
        chance = np.exp(tilted - tilted.max())
        chance /= chance.sum()
        found = _mean(chance, time)
        if abs(found - mean) <= _CLOSE * (mean - 1.0):
            break
        low, high = (tilt, high) if found > mean else (low, tilt)
        spread = _mean(chance, (time - found) ** 2)
        step = math.inf
        if spread > 0.0 and tilt > 0.0 and found > 1.0:
            step = tilt * math.exp(min(math.log((found - 1.0) / (mean - 1.0)) * (found - 1.0) / (spread * tilt), 50.0))
        elif spread > 0.0:
            step = tilt + (found - mean) / spread
        tilt = step if low < step < high else (low + high) / 2.0
    return tilt
