"""Which of several rates is the highest: exact integrals over independent beta distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crmvalue.typing import Floats

__all__ = ["best_of_betas"]

_TAILS = np.array([1e-24, 1e-16, 1e-12, 1e-8, 1e-5, 1e-3])
_MIDDLE = np.linspace(0.02, 0.5, 13)
_ORDER = 24


def best_of_betas(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Probability that each of independent beta variables is the largest, and what choosing it loses on average.

    With density f and distribution function F, the two are the integrals over [0, 1] of f_i prod F_j and of
    F_i (1 - prod F_j), j running over the others. Gauss-Legendre on panels whose ends are quantiles of all the
    variables, so that no peak is missed.
    """
    from scipy import special, stats

    tails = np.concatenate((_TAILS, _MIDDLE))
    low = special.betaincinv(a[:, None], b[:, None], tails)
    high = special.betainccinv(a[:, None], b[:, None], tails)
    ends = np.unique(np.concatenate((low.ravel(), high.ravel(), [0.0, 1.0])))
    node, weight = np.polynomial.legendre.leggauss(_ORDER)
    half = np.diff(ends)[:, None] / 2
    x = (ends[:-1, None] + half * (1 + node)).ravel()
    w = (half * weight).ravel()
    best, loss = np.empty(len(a)), np.empty(len(a))
    below = special.betainc(a[:, None], b[:, None], x)
    for i in range(len(a)):  # over arms
        others = np.delete(below, i, axis=0)
        best[i] = w @ (stats.beta.pdf(x, a[i], b[i]) * others.prod(axis=0))
        above = special.betaincc(np.delete(a, i)[:, None], np.delete(b, i)[:, None], x)
        with np.errstate(divide="ignore"):  # where all others lie above x for certain, the log is minus infinity
            some_above = -np.expm1(np.log1p(-above).sum(axis=0))
        loss[i] = w @ (below[i] * some_above)
    return best, loss
