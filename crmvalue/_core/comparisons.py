"""Shared parts of comparisons of two or more groups."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.labels import as_given, on_its_side
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue.typing import FloatOrArray, Floats, Integers

__all__ = [
    "FEW_LOST",
    "MeanErrors",
    "cut_back",
    "decimals",
    "errors_of_means",
    "few_expected",
    "fieller",
    "half_width",
    "holm",
    "just_below",
    "leaders",
    "lengths_of_skewed",
    "log_rank",
    "newcombe",
    "p_of_means",
    "p_text",
    "rates_p",
    "rates_z",
    "rounding_part",
    "welch_degrees",
]

_EXACT = 2.0**53  # up to here, whole numbers are not rounded
_ROUNDED = 1e-12
_OUTSIZE = 3  # values at most, and one in fifty: more are a kind of customers, who may be compared among themselves
_FAR = 4.0  # times the distance of the others from the median: less is not outsize
_MOST = 8 / 9  # of the squares: without outsize values the standard deviation is a third
FEW_LOST = 30  # expected losses of a group below which the exact log-rank test replaces the normal approximation
_NEGLIGIBLE = 1e-18  # chance that no sum of floats sees
_TABLES = 2**18  # of Fisher's test at once: a few megabytes
_FEW = 5  # expected count of a cell below which Fisher's test replaces the normal approximation


def rounding_part(x: Floats) -> float:
    """Part of the largest value up to which differences are rounding: 0 for whole numbers and whole cents."""
    exact = np.abs(x).max(initial=0.0) < _EXACT and (
        np.array_equal(np.rint(x), x) or np.array_equal(np.rint(x * 100.0) / 100.0, x)
    )
    return 0.0 if exact else _ROUNDED


def cut_back(x: Floats, *, many: bool = False) -> Floats:
    """Cut one to three outsize values of a column back to the largest other one, where they make most of its spread.

    With `many`, these may be a fiftieth of the column. Beside a few amounts of 1e9 all others are alike in standard
    deviations, so groups look alike that are not. Ordinary columns stay as they are.
    """
    with np.errstate(over="ignore"):
        apart = np.abs(x - float(np.median(x)))
    n_apart = int(np.count_nonzero(apart))
    n = max(1, min(len(x) // 50, n_apart // 2) if many else min(_OUTSIZE, n_apart // 50))
    if len(x) <= n:
        return x
    reach = float(np.partition(apart, -n - 1)[-n - 1])
    usual = apart <= _FAR * reach
    if reach == 0 or usual.all():
        return x
    with np.errstate(over="ignore", under="ignore"):
        square = (apart / reach) ** 2
        are_most = square[usual].sum() < (1 - _MOST) * square.sum()
    if not are_most:
        return x
    return np.clip(x, x[usual].min(), x[usual].max())


def leaders(x: Floats, *, size: float | None = None) -> Integers:
    """Give the place of the largest number, and the places of those that only rounding keeps from being as large.

    `size` is the largest number that went into them, where it is larger than they are.
    """
    size = float(np.abs(x).max(initial=0.0)) if size is None else size
    return np.nonzero(x >= x.max(initial=-np.inf) - _ROUNDED * size)[0]


@np.errstate(under="ignore")
def just_below(threshold: FloatOrArray | float) -> FloatOrArray:
    """Give the smallest number that counts as the threshold: 0.15 / 0.05 is a little below 3 by rounding alone."""
    lowest: FloatOrArray = threshold * (1.0 - np.copysign(_ROUNDED, threshold))
    return lowest


def decimals(x: float, limit: float, least: int) -> int:
    """Give so many decimals, at least `least`, that a number below a limit is not written as the limit."""
    enough = (n for n in range(least, 16) if not x < just_below(limit) < round(x, n))
    return next(enough) if math.isfinite(x) and math.isfinite(limit) else least


def holm(p_value: Floats) -> Floats:
    """Correct p-values by Holm: the i-th smallest of m times m + 1 - i, and never below a smaller one's."""
    order = np.argsort(p_value, kind="stable")
    corrected = np.empty(len(p_value))
    corrected[order] = np.maximum.accumulate(p_value[order] * np.arange(len(p_value), 0, -1))
    return np.minimum(corrected, 1.0)


def newcombe(rate: FloatOrArray | float, own: Interval, other_rate: FloatOrArray | float, other: Interval) -> Interval:
    """Newcombe's interval for the difference of two rates, from Wilson's interval of each."""
    difference = rate - other_rate
    low = difference - np.hypot(rate - own.low, other.high - other_rate)
    high = difference + np.hypot(own.high - rate, other_rate - other.low)
    return Interval(low, high)


def fieller(
    mean: Floats, other_mean: Floats, error: Floats, other_error: Floats, quantile: Floats
) -> tuple[Floats, Floats]:
    """Give the ends of Fieller's interval for the ratio of two means; infinite if the second mean may be 0."""
    # In units of the largest number of each group, because fourth powers leave the range of floats.
    tiny = np.finfo(float).tiny
    unit, base = (np.maximum(np.maximum(np.abs(m), s), tiny) for m, s in ((mean, error), (other_mean, other_error)))
    with np.errstate(under="ignore"):
        m1, s1, m0, s0 = mean / unit, error / unit, other_mean / base, other_error / base
        leading = m0**2 - (quantile * s0) ** 2
        half = quantile * np.sqrt(np.maximum(0.0, m0**2 * s1**2 + m1**2 * s0**2 - quantile**2 * s1**2 * s0**2))
        bounded = leading > 0
        scale = unit / base / np.where(bounded, leading, 1.0)
        low, high = (m1 * m0 - half) * scale, (m1 * m0 + half) * scale
    return np.where(bounded, low, -np.inf), np.where(bounded, high, np.inf)


def welch_degrees(
    variance: Floats | float,
    n: Floats | Integers | float,
    other_variance: Floats | float,
    other_n: Floats | Integers | float,
) -> FloatOrArray:
    """Welch's degrees of freedom; `variance` is that of each mean, s**2 / n.

    They follow from the shares of the variances, because squares of variances leave the range of floats.
    """
    with np.errstate(under="ignore"):
        share, other_share = variance / (variance + other_variance), other_variance / (variance + other_variance)
        degrees: FloatOrArray = np.divide(1.0, share**2 / (n - 1) + other_share**2 / (other_n - 1))
    return degrees


class MeanErrors(NamedTuple):
    """Standard errors of two means, and the degrees of freedom of the error of their difference."""

    error: Any
    other_error: Any
    degrees: Any

    @property
    def of_difference(self) -> Any:
        """Standard error of the difference of the two means."""
        return np.hypot(self.error, self.other_error)


def errors_of_means(
    error: Floats | float,
    n: Floats | Integers | float,
    other_error: Floats | float,
    other_n: Floats | Integers | float,
) -> tuple[MeanErrors, MeanErrors]:
    """Give the errors of two means in two ways: each group varies in its own way (Welch), or both alike (Student).

    This is the package's one rule of evidence for means of money: a difference is shown only where both ways show it.
    :func:`half_width` and :func:`p_of_means` follow it, so that interval, p-value and sentence agree. A small group
    mostly misses the few large amounts of skewed money, so its mean and its spread are both too low, and Welch's test
    alone finds differences that are not there; Student's alone finds them where the smaller group varies more.

    A group whose values are all equal takes the spread of the other one: a few customers who all bought nothing do not
    show that nobody of their kind ever buys. One of the two errors must be above 0, and each group have two customers.
    NaN for an unknown error makes the answer NaN.
    """
    n, other_n = np.asarray(n, dtype=np.float64), np.asarray(other_n, dtype=np.float64)
    error, other_error = np.asarray(error, dtype=np.float64), np.asarray(other_error, dtype=np.float64)
    with np.errstate(under="ignore"):
        own = np.where(error == 0, other_error * np.sqrt(other_n / n), error)
        other = np.where(other_error == 0, error * np.sqrt(n / other_n), other_error)
        size = np.maximum(own, other)  # squares of errors leave the range of floats
        a, b = (own / size) ** 2, (other / size) ** 2
        degrees = np.asarray(welch_degrees(a, n, b, other_n))
        both = size * np.sqrt((a * n * (n - 1) + b * other_n * (other_n - 1)) / (n + other_n - 2))
    welch = MeanErrors(own[()], other[()], degrees[()])
    return welch, MeanErrors((both / np.sqrt(n))[()], (both / np.sqrt(other_n))[()], n + other_n - 2.0)


def half_width(ways: Sequence[MeanErrors], level: float) -> Any:
    """Half-width of the interval for a difference of two means: the widest of all ways."""
    from scipy import special

    return np.max([-special.stdtrit(way.degrees, (1 - level) / 2) * way.of_difference for way in ways], axis=0)


def p_of_means(difference: Floats | float, ways: Sequence[MeanErrors]) -> Any:
    """Two-sided p-value of no difference between two means: the largest of all ways."""
    from scipy import special

    distance = -np.abs(difference)
    with np.errstate(under="ignore"):
        return np.max([2.0 * special.stdtr(way.degrees, distance / way.of_difference) for way in ways], axis=0)


def lengths_of_skewed(
    mean: Floats, error: Floats, cubes: Floats, n: Integers, t: Floats
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give the lengths of intervals below and above the means of groups whose values are skewed.

    `error` is the standard error of each mean, NaN where nothing shows how the group varies; `cubes` is the cubic root
    of its sum of cubed residuals, since that sum may leave the range of floats; `t` is the quantile of each group.

    Groups are alike in shape, but not in size: a group of skewed values that misses the few large ones has a mean and a
    spread that are both too low. The standard deviation in relation to the mean is at least that of all groups
    together, and on the side of the long tail the spread grows with the mean that is tried. The end solves
    ``end - mean = t / sqrt(n) * (s + k * (end - mean))``, with k that relation, at most the skewness; it is infinite
    where the spread grows as fast as the mean.
    """
    known = ~np.isnan(error)
    if not known.any():
        return error.copy(), error.copy()
    root = np.sqrt(n)
    unit = max(
        float((error * root)[known].max()), float(np.abs(mean[known]).max())
    )  # squares leave the range of floats
    with np.errstate(under="ignore"):
        own, size, third = error * root / unit, np.abs(mean) / unit, cubes / unit
        degrees = np.where(known, n - 1, 0)
        freedom, squares = degrees.sum(), (degrees[known] * own[known] ** 2).sum()
        of_means = (degrees[known] * size[known] ** 2).sum()
        relation = math.sqrt(squares / of_means) if of_means > 0 else math.inf
        of_group = np.divide(own, size, out=np.full(len(n), np.inf), where=size > 0)
        spread = np.maximum(own, relation * size) if of_means > 0 else own
        of_all = (third[known] ** 3).sum() / freedom / (squares / freedom) ** 1.5
        skewness = np.divide(third, own, out=np.zeros(len(n)), where=known) ** 3 / np.maximum(degrees, 1)
        half = t * spread / root * unit
        ends = []
        for sign in (-1.0, 1.0):
            tail = np.maximum(np.maximum(sign * skewness, sign * of_all), 0.0)
            left = 1.0 - t / root * np.minimum(np.maximum(of_group, relation), tail)
            end = np.divide(half, left, out=np.full(len(n), np.inf), where=left > 0)
            ends.append(np.where(known, end, np.nan))
    return ends[0], ends[1]


def p_text(p: float, alpha: float) -> str:
    """Write a p-value with two digits, or more where it would not be on its side of `alpha`: "p 0.0496"."""
    least = min(0.0001, round(alpha, 12))
    if p < least:
        return f"p < {as_given(least)}"
    text = on_its_side(p, alpha, 2, kind="g")
    return f"p {as_given(text) if 'e' in text else text}"


def rates_z(x1: Integers, n1: Integers, x0: Integers | int, n0: Integers | int) -> Floats:
    """Two-proportion z statistic with a pooled variance, first rate minus second; 0 if nothing varies."""
    pooled = (x1 + x0) / (n1 + n0)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
    z: Floats = np.divide(x1 / n1 - x0 / n0, error, out=np.zeros(len(x1)), where=error > 0)
    return z


def few_expected(x1: Integers, n1: Integers, x0: Integers | int, n0: Integers | int) -> npt.NDArray[np.bool_]:
    """Whether Fisher's test compares the rates, because a cell of the two-by-two table expects fewer than 5."""
    x, n = x1 + x0, n1 + n0
    # both sides are multiplied by n, so that they are whole numbers and an expected 5 is exactly 5
    return np.asarray(np.minimum(n1, n0).astype(np.float64) * np.minimum(x, n - x) < _FEW * n)


def rates_p(x1: Integers, n1: Integers, x0: Integers, n0: Integers) -> Floats:
    """Two-sided p-values of no difference between two rates: z test, or Fisher's where cells expect few.

    This is the one rule by which the package judges two counts.
    """
    from scipy import special

    p = np.asarray(2 * special.ndtr(-np.abs(rates_z(x1, n1, x0, n0))))
    counts = np.stack(np.broadcast_arrays(x1, n1, x0, n0))
    few = few_expected(x1, n1, x0, n0)
    if few.any():
        p[few] = _fisher(counts[:, few])
    return p


def _fisher(counts: Integers) -> Floats:
    """P-values of Fisher's test of many pairs of rates, of shape (4, rows): those with about as many tables at once.

    Each is the chance of all tables with these margins that are no likelier than this one. The chances of neighbouring
    tables have a ratio of whole numbers. This ratio keeps its digits for counts of many millions, for which the
    logarithms of factorials in scipy lose them.
    """
    x1, n1, x0, n0 = counts
    many = x1 + x0 > n1 + n0 - x1 - x0
    x1, x0 = np.where(many, n1 - x1, x1), np.where(many, n0 - x0, x0)
    low, high = np.maximum(0, x1 + x0 - n0), np.minimum(n1, x1 + x0)
    order = np.argsort(high - low, kind="stable")
    p = np.empty(len(order))
    start = 0
    while start < len(order):
        ahead = (high - low)[order[start : start + _TABLES]] + 1
        n_rows = max(1, int(np.count_nonzero(ahead * np.arange(1, len(ahead) + 1) <= _TABLES)))
        rows = order[start : start + n_rows]
        p[rows] = _fisher_of_rows(*(column[rows, np.newaxis] for column in (x1, n1, x0, n0, low, high)))
        start += n_rows
    return p


@np.errstate(under="ignore")
def _fisher_of_rows(
    x1: Integers, n1: Integers, x0: Integers, n0: Integers, low: Integers, high: Integers
) -> npt.NDArray[np.float64]:
    """P-values of columns of counts; the tables of a row have from low to high conversions of the first."""
    k = low + np.arange(int((high - low).max()), dtype=np.float64)
    inside = k < high
    k = np.where(inside, k, low)
    ways = np.where(inside, (n1 - k) / (k + 1), 1.0), np.where(inside, (x1 + x0 - k) / (n0 - x1 - x0 + k + 1), 1.0)
    log_chance = np.zeros((len(k), k.shape[1] + 1))
    log_chance[:, 1:] = np.cumsum(np.log(ways[0]) + np.log(ways[1]), axis=1)
    log_chance[:, 1:][~inside] = -np.inf
    chance = np.exp(log_chance - log_chance.max(axis=1, keepdims=True))
    found = np.take_along_axis(chance, x1 - low, axis=1)
    unlikely = np.where(chance <= found * (1 + 1e-7), chance, 0.0)
    return np.asarray(np.minimum(1.0, unlikely.sum(axis=1) / chance.sum(axis=1)))


def log_rank(lost: Integers, at_risk: Integers, other_lost: Integers, other_at_risk: Integers) -> tuple[float, float]:
    """Log-rank statistic of two groups, above 0 if the first loses more than expected, and its two-sided p-value.

    All have the shape of the times at which anybody is lost: those lost then, and those at risk just before. At each
    time the losses of the first group are a draw from all at risk. If a group is expected to lose fewer than 30, the
    p-value is twice the smaller tail of the sum of these draws (Thomas 1975), and the normal one if that is larger;
    nobody lost, or no time with both groups at risk, gives 0 and 1.
    """
    from scipy import special

    d, n, share = lost + other_lost, at_risk + other_at_risk, at_risk / (at_risk + other_at_risk)
    excess, expected = float((lost - d * share).sum()), float((d * share).sum())
    variance = float((d * share * (1 - share) * ((n - d) / np.maximum(n - 1, 1))).sum())
    if variance <= 0:
        return 0.0, 1.0
    statistic = excess / math.sqrt(variance)
    p_value = 2 * float(special.ndtr(-abs(statistic)))
    other_expected = float(d.sum()) - expected
    if min(expected, other_expected) < FEW_LOST:
        least = (lost, at_risk) if expected <= other_expected else (other_lost, other_at_risk)
        p_value = max(p_value, _exact_log_rank_p(*least, d, n))
    return statistic, p_value


def _exact_log_rank_p(lost: Integers, at_risk: Integers, d: Integers, n: Integers) -> float:
    """Twice the smaller tail of the sum of hypergeometric draws, one at each time."""
    open_ = (at_risk > 0) & (at_risk < n)
    certain = int(d[at_risk == n].sum())
    at_risk, d, n = at_risk[open_], d[open_], n[open_]
    one = d == 1
    share = at_risk[one] / n[one]
    begin, chance = 0, _sum_of_draws(np.column_stack((1 - share, share)))
    for k, size, total in zip(at_risk[~one].tolist(), d[~one].tolist(), n[~one].tolist(), strict=True):
        low, each = _hypergeometric(k, size, total)
        chance = np.convolve(chance, each)
        first, chance = _trimmed(chance)
        begin += low + first
    seen = int(lost.sum()) - certain - begin
    with np.errstate(under="ignore"):
        tails = float(chance[: max(seen + 1, 0)].sum()), float(chance[max(seen, 0) :].sum())
    return min(1.0, 2 * min(tails))


def _sum_of_draws(chance: Floats) -> Floats:
    """Distribution of the sum of independent counts, one a row, by sums of two at a time."""
    if not len(chance):
        return np.ones(1)
    with np.errstate(under="ignore"):
        while len(chance) > 1:
            if len(chance) % 2:
                chance = np.vstack((chance, np.eye(1, chance.shape[1])))
            left, right = chance[::2], chance[1::2]
            width = chance.shape[1]
            sums = np.zeros((len(left), 2 * width - 1))
            for k in range(width):
                sums[:, k : k + width] += left[:, k, np.newaxis] * right
            seen = np.nonzero(sums.max(axis=0) > _NEGLIGIBLE)[0]
            chance = sums[:, : seen[-1] + 1]
    return np.asarray(chance[0])


def _hypergeometric(k: int, size: int, total: int) -> tuple[int, Floats]:
    """Chances of the number of `k` marked ones among `size` drawn from `total`, and the least number."""
    low, high = max(0, size - (total - k)), min(size, k)
    x = np.arange(low, high, dtype=np.float64)
    steps = np.log((k - x) / (x + 1)) + np.log((size - x) / (total - k - size + x + 1))
    log_chance = np.concatenate(([0.0], np.cumsum(steps)))
    with np.errstate(under="ignore"):
        chance = np.exp(log_chance - log_chance.max())
        first, chance = _trimmed(chance / chance.sum())
    return int(low) + first, chance  # counts of the callers may be whole floats


def _trimmed(chance: Floats) -> tuple[int, Floats]:
    """Leave out both ends that no sum sees, and say how many were left out at the beginning."""
    seen = np.nonzero(chance > _NEGLIGIBLE * chance.max())[0]
    return int(seen[0]), chance[seen[0] : seen[-1] + 1]
