"""Slow and independent ways to the numbers of crmvalue.experiments."""

from __future__ import annotations

import math

import mpmath
import numpy as np
from scipy import optimize, stats

__all__ = [
    "best_and_loss",
    "best_mean_and_loss",
    "cuped",
    "holm",
    "log_evidence",
    "prob_b_over_a",
    "profile",
    "two_proportion_z",
]


def two_proportion_z(x1, n1, x0, n0):
    """Z statistic from its definition."""
    pooled = (x1 + x0) / (n1 + n0)
    return (x1 / n1 - x0 / n0) / math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))


def prob_b_over_a(xa, na, xb, nb):
    """P(B > A) with flat priors: the finite sum over the conversions of B, in exact digits."""
    a1, b1, a2, b2 = xa + 1, na - xa + 1, xb + 1, nb - xb + 1
    with mpmath.workdps(50):
        return float(
            mpmath.fsum(
                mpmath.beta(a1 + i, b1 + b2) / ((b2 + i) * mpmath.beta(1 + i, b2) * mpmath.beta(a1, b1))
                for i in range(a2)
            )
        )


def best_and_loss(x, n, points=200_001):
    """Probability of being best and expected loss by a fine trapezoid over [0, 1]."""
    grid = np.linspace(0, 1, points)
    a, b = np.array(x) + 1, np.array(n) - np.array(x) + 1
    below = np.array([stats.beta.cdf(grid, *pair) for pair in zip(a, b, strict=True)])
    density = np.array([stats.beta.pdf(grid, *pair) for pair in zip(a, b, strict=True)])
    best = [np.trapezoid(density[i] * np.prod(np.delete(below, i, 0), 0), grid) for i in range(len(a))]
    highest = np.trapezoid(1 - np.prod(below, 0), grid)
    return np.array(best), highest - a / (a + b)


def best_mean_and_loss(mean, error, n, points=400_001):
    """Probability of being best and expected loss of Student's distributions, by a trapezoid on a grid of sinh."""
    bend = np.linspace(-16, 16, points)
    grid, slope = np.mean(mean) + max(error) * np.sinh(bend), max(error) * np.cosh(bend)
    arms = [stats.t(k - 1, m, s) for m, s, k in zip(mean, error, n, strict=True)]
    below, above = np.array([arm.cdf(grid) for arm in arms]), np.array([arm.sf(grid) for arm in arms])
    best, loss = [], []
    for i, arm in enumerate(arms):
        others = np.delete(below, i, 0).prod(0)
        best.append(np.trapezoid(arm.pdf(grid) * others * slope, bend))
        beyond = np.where(
            others < 0.5, 1 - others, -np.expm1(np.log1p(-np.minimum(np.delete(above, i, 0), 0.99)).sum(0))
        )
        loss.append(np.trapezoid(below[i] * beyond * slope, bend))
    return np.array(best), np.array(loss)


def holm(p):
    """Holm's rule by its definition: the largest of (m - rank) p among all p-values not above this one."""
    m, order = len(p), sorted(range(len(p)), key=lambda k: p[k])
    return [max(min(1.0, (m - r) * p[order[r]]) for r in range(order.index(k) + 1)) for k in range(m)]


def profile(x1, n1, x0, n0, delta):
    """Largest log-likelihood with a fixed difference, by a bounded search in one dimension."""

    def loss(p0):
        p1 = p0 + delta
        terms = ((x1, p1), (n1 - x1, 1 - p1), (x0, p0), (n0 - x0, 1 - p0))
        return -sum(k * math.log(max(p, 1e-300)) for k, p in terms if k)

    low, high = max(0.0, -delta), min(1.0, 1 - delta)
    tries = [loss(low), loss(high)]
    if high > low:
        tries.append(optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).fun)
    return -min(tries)


def log_evidence(x1, n1, x0, n0, delta, a, b):
    """Log of the mixture of the rates over the likelihood of the difference, one customer after another."""

    def mixture(x, n):  # the predictive probabilities of Polya's urn
        good = sum(math.log(a + i) for i in range(x))
        bad = sum(math.log(b + i) for i in range(n - x))
        return good + bad - sum(math.log(a + b + i) for i in range(n))

    return mixture(x1, n1) + mixture(x0, n0) - profile(x1, n1, x0, n0, delta)


def cuped(y, x, arm):
    """Slope of the regression of y on x with an intercept for each arm, by least squares."""
    labels = sorted(set(arm))
    design = np.array([[float(a == label) for label in labels] + [v] for a, v in zip(arm, x, strict=True)])
    return np.linalg.lstsq(design, np.array(y, dtype=float), rcond=None)[0][-1]
