"""Probability that each of several rates or means is the highest, by integrals over independent distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.typing import Floats

    Distribution = Callable[[Floats], tuple[Floats, Floats, Floats]]  # density, below and above, arms by nodes

__all__ = ["best_of_betas", "best_of_means"]

_TAILS = np.concatenate((10.0 ** np.arange(-24, -1, 0.5), np.linspace(0.04, 0.5, 13)))
_ORDER = 24
_NODES = 2**18  # of all arms, in memory at a time
_NORMAL = 2.0**34  # counts for which beta variables are normal to 1e-5, and scipy's quantiles begin to lose digits
_FAR = 0.999  # one minus a probability up to here keeps 13 digits
_REACH = 6.0  # times the way from the median to the last quantile of the tails: next to nothing is left beyond
_POINT = 1e-9  # spread of a mean without error, as a share of the largest error


@np.errstate(under="ignore")
def best_of_betas(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Probability that each of independent beta variables is the largest, and the average loss from choosing it.

    Above one half the integrals run over one minus the variable, because close to 1 the variable has too few digits.
    Variables whose counts are all very large are normal: what this leaves out is less than what rounding costs.
    """
    from scipy import special

    if min(a.min(), b.min()) >= _NORMAL:
        n = a + b
        return best_of_means(a / n, np.sqrt(a / n * (b / n) / (n + 1)), n)
    a, b = a[:, None], b[:, None]

    halves = []
    for one, other in ((a, b), (b, a)):
        quantiles = np.concatenate(
            (special.betaincinv(one, other, _TAILS), special.betainccinv(one, other, _TAILS)), axis=1
        )
        low, middle, high = (quantiles[:, [k]] for k in (0, len(_TAILS) - 1, len(_TAILS)))
        low, high = middle - _REACH * (middle - low), middle + _REACH * (high - middle)
        is_upper = one is b
        # on the other side of the edge, one of all arms is surely higher
        edge = float(np.clip(high.min() if is_upper else low.max(), 0.0, 0.5))
        bottom, top, alone = (0.0, edge, (edge, 0.5)) if is_upper else (edge, 0.5, (0.0, edge))
        ends = _ends_of_panels(np.clip(quantiles, bottom, top))
        best, loss = _best(_of_betas(one, other, low, high, is_upper=is_upper), np.concatenate(([bottom], ends, [top])))

        def below(x: Floats, tails: tuple[Floats, Floats] = (one, other), of: int = int(is_upper)) -> Floats:
            return _tails_of_betas(*np.broadcast_arrays(*tails, x))[of]

        halves.append((best, loss + _sure_loss(below, quantiles, *alone)))
    best, loss = np.sum(halves, axis=0)
    return best, loss


def _of_betas(a: Floats, b: Floats, low: Floats, high: Floats, *, is_upper: bool) -> Distribution:
    """Give density and distribution of beta variables, or of one minus them.

    Beyond `low` and `high` of an arm nothing is computed.
    """
    from scipy import stats

    def at(x: Floats) -> tuple[Floats, Floats, Floats]:
        density = np.zeros((len(a), len(x)))
        left, right = (x >= high).astype(float), (x <= low).astype(float)
        arm, node = np.nonzero((x > low) & (x < high))
        one, other, z = a[arm, 0], b[arm, 0], x[node]
        density[arm, node] = stats.beta.pdf(z, one, other)
        left[arm, node], right[arm, node] = _tails_of_betas(one, other, z)
        return (density, right, left) if is_upper else (density, left, right)

    return at


def _tails_of_betas(a: Floats, b: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Give both tails of beta variables; the upper one is computed where one minus the lower has too few digits."""
    from scipy import special

    lower = special.betainc(a, b, x)
    upper, far = 1.0 - lower, lower > _FAR
    upper[far] = special.betaincc(a[far], b[far], x[far])
    return lower, upper


@np.errstate(under="ignore")
def best_of_means(mean: Floats, error: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Probability that each of independent means is the largest, and the average loss from choosing it.

    With a flat prior on the mean and on the log of the standard deviation, a mean has Student's distribution with n - 1
    degrees of freedom around the observed mean. If n is 2 in any arm, the average loss is infinite.
    """
    from scipy import special, stats

    center = mean.mean()  # subtracting it keeps the integrals, with smaller rounding errors
    least = max(_POINT * error.max(), 2.0**14 * float(np.spacing(np.abs(mean - center).max())))  # or x has no digits
    loc, scale, degrees = (mean - center)[:, None], np.maximum(error, least)[:, None], (n - 1)[:, None]

    def student(x: Floats) -> tuple[Floats, Floats, Floats]:
        z = (x - loc) / scale
        near = np.abs(z) < reach  # beyond, nothing of the arm is left
        arm, near_z = np.nonzero(near)[0], z[near]
        of_arm, density, below, above = degrees[arm, 0], np.zeros(z.shape), (z > 0).astype(float), (z < 0).astype(float)
        density[near] = stats.t.pdf(near_z, of_arm) / scale[arm, 0]
        below[near], above[near] = special.stdtr(of_arm, near_z), special.stdtr(of_arm, -near_z)
        return density, below, above

    tail = special.stdtrit(degrees, _TAILS) * scale
    reach = -_REACH * special.stdtrit(degrees, _TAILS[0])
    quantiles = np.concatenate((loc + tail, loc - tail), axis=1)
    edge = float((loc - reach * scale).max())  # below, one of all arms is surely higher
    best, loss = _best(student, _ends_of_panels(np.maximum(quantiles, edge)))
    loss += _sure_loss(lambda x: special.stdtr(degrees, (x - loc) / scale), quantiles, quantiles.min(), edge)
    return best, loss if n.min() > 2 else np.full(len(n), np.inf)


def _ends_of_panels(quantiles: Floats) -> Floats:
    """Choose so many of the quantiles, arms by probabilities, that a panel has at most one of each arm inside."""
    quantiles = np.sort(quantiles, axis=1)
    order = np.argsort(quantiles, axis=None, kind="stable")
    place = np.empty(quantiles.shape, dtype=np.int64)
    place.flat[order] = np.arange(order.size)
    following = np.full(order.size, order.size - 1)
    following[place[:, :-1]] = place[:, 1:]
    farthest = np.minimum.accumulate(following[::-1])[::-1].tolist()
    chosen = [0]
    while chosen[-1] < order.size - 1:
        chosen.append(farthest[chosen[-1]])
    return np.unique(quantiles.flat[order[chosen]])


def _sure_loss(below: Callable[[Floats], Floats], quantiles: Floats, low: float, high: float) -> Floats:
    """Integral of each F_i from `low` to `high`, where another one is surely higher, on panels between its quantiles.

    So that no arm is computed at the nodes of all arms that are worse than the best one.
    """
    if not low < high:
        return np.zeros(len(quantiles))
    inside = np.sort(np.clip(quantiles, low, high), axis=1)
    ends = np.pad(inside, ((0, 0), (1, 1)), constant_values=((0, 0), (low, high)))
    node, weight = np.polynomial.legendre.leggauss(_ORDER)
    half = np.diff(ends)[..., None] / 2
    x, w = ends[:, :-1, None] + half * (1 + node), half * weight
    loss: Floats = np.sum(below(x.reshape(len(x), -1)) * w.reshape(len(x), -1), axis=1)
    return loss


def _best(distribution: Distribution, ends: Floats) -> tuple[Floats, Floats]:
    """Integrals of f_i prod F_j and of F_i (1 - prod F_j) over all j but i, with densities f and distributions F.

    They are computed by Gauss-Legendre quadrature on panels between quantiles of all arms, so that no peak is missed.
    """
    ends = np.unique(ends)
    node, weight = np.polynomial.legendre.leggauss(_ORDER)
    half = np.diff(ends)[:, None] / 2
    x, w = (ends[:-1, None] + half * (1 + node)).ravel(), (half * weight).ravel()
    n_arms = len(distribution(x[:1])[0])
    best, loss = np.zeros(n_arms), np.zeros(n_arms)
    step = max(_NODES // n_arms, 1)
    for first in range(0, len(x), step):
        part = slice(first, first + step)
        density, below, above = distribution(x[part])
        best += (density * _others(below, np.multiply, 1.0)) @ w[part]
        with np.errstate(divide="ignore"):  # where all others lie above x for certain, the log is minus infinity
            some_above = -np.expm1(_others(np.log1p(-above), np.add, 0.0))
        loss += (below * some_above) @ w[part]
    return best, loss


def _others(values: Floats, combine: np.ufunc, neutral: float) -> Floats:
    """Product or sum of the values of all other arms, for each arm."""
    before, after = np.full((2, *values.shape), neutral)
    before[1:] = combine.accumulate(values[:-1])
    after[:-1] = combine.accumulate(values[:0:-1])[::-1]
    return np.asarray(combine(before, after))
