"""Which of several rates or means is the highest: integrals over independent posterior distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crmvalue.typing import Floats

__all__ = ["best_of_betas", "best_of_means"]

_TAILS = np.concatenate((10.0 ** np.arange(-24, -1), np.linspace(0.02, 0.5, 13)))
_ORDER = 24
_POINT = 1e-9  # spread of a mean without error, as a share of the largest error


def best_of_betas(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Probability that each of independent beta variables is the largest, and what choosing it loses on average."""
    from scipy import special, stats

    low, high = special.betaincinv(a[:, None], b[:, None], _TAILS), special.betainccinv(a[:, None], b[:, None], _TAILS)
    x, weight = _nodes(np.concatenate((low.ravel(), high.ravel(), [0.0, 1.0])))
    below, above = special.betainc(a[:, None], b[:, None], x), special.betaincc(a[:, None], b[:, None], x)
    return _best(stats.beta.pdf(x, a[:, None], b[:, None]), below, above, weight)


def best_of_means(mean: Floats, error: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Probability that each of independent means is the largest, and what choosing it loses on average.

    With the flat prior on the mean and on the log of the standard deviation, a mean has Student's distribution with n -
    1 degrees of freedom around what was seen. With n = 2 in any arm the average loss is infinite.
    """
    from scipy import special, stats

    center = mean.mean()  # the integrals do not change, and lose less
    loc, scale, degrees = (mean - center)[:, None], np.maximum(error, _POINT * error.max())[:, None], (n - 1)[:, None]
    tail = special.stdtrit(degrees, _TAILS) * scale
    x, weight = _nodes(np.concatenate(((loc + tail).ravel(), (loc - tail).ravel())))
    z = (x - loc) / scale
    below, above = special.stdtr(degrees, z), special.stdtr(degrees, -z)
    best, loss = _best(stats.t.pdf(z, degrees) / scale, below, above, weight)
    return best, loss if n.min() > 2 else np.full(len(n), np.inf)


def _nodes(ends: Floats) -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss and Legendre on panels between quantiles of all, so that no peak is missed."""
    ends = np.unique(ends)
    node, weight = np.polynomial.legendre.leggauss(_ORDER)
    half = np.diff(ends)[:, None] / 2
    return (ends[:-1, None] + half * (1 + node)).ravel(), (half * weight).ravel()


def _best(density: Floats, below: Floats, above: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """With density f and distribution function F, integrals of f_i prod F_j and of F_i (1 - prod F_j), j the others."""
    best, loss = np.empty(len(density)), np.empty(len(density))
    for i in range(len(density)):  # over arms
        best[i] = weight @ (density[i] * np.delete(below, i, axis=0).prod(axis=0))
        with np.errstate(divide="ignore"):  # where all others lie above x for certain, the log is minus infinity
            some_above = -np.expm1(np.log1p(-np.delete(above, i, axis=0)).sum(axis=0))
        loss[i] = weight @ (below[i] * some_above)
    return best, loss
