"""Likelihood of the GGompertz/NBD with its first and second derivatives, row by row.

A customer bought x times until t_x. Either they are alive at T, or they left at some time u between t_x and T:

    L = C { (alpha+T)^-(r+x) (P+G(T))^-s + D },
    D = integral over t_x < u < T of s (alpha+u)^-(r+x) e^(bu) (P+G(u))^-(s+1) du,

with P = beta / b, G(u) = (e^(bu) - 1) / b and C = Gamma(r+x) / Gamma(r) alpha^r P^s. With b -> 0, G(u) becomes u and
this is the Pareto/NBD with P in place of beta. D is computed as it stands, since all of it is positive, on the scale of
:mod:`crmvalue._models.aging.panels`. The derivatives of log D are means and covariances under the weights of its nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._models.aging.panels import grown, last_of, nodes_from, smallest, straight_from, time_at, width_of
from crmvalue._models.shared.fit import Derivatives
from crmvalue._models.shared.numerics import log_rising

if TYPE_CHECKING:
    from crmvalue.typing import Floats

__all__ = ["later_scale", "log_died_to_alive", "log_likelihood", "log_likelihood_derivatives"]

_NEAR_ONE = -0.1  # log-likelihoods above this are those of near certainty
_NATS = 10.0  # by which the integrand may fall within the first panel


class _Integral(NamedTuple):
    """Integrand exp(v - (s+1) log(1 + k (e^v - 1)) - c log(1 + y(v) / since)) on 0 < v < width, for each row."""

    m: Floats
    k: Floats
    since: Floats  # alpha + t_x
    c: Floats
    width: Floats
    scale: Floats
    straight: Floats  # from which place on the panels may grow


def later_scale(b: float, p: Floats, age: Floats) -> Floats:
    """P of customers who are alive at an age: (P + G(age)) / e^(b age)."""
    found: Floats = p * np.exp(-b * age) - np.expm1(-b * age) / b
    return found


def log_likelihood(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, b: float, s: float, p: Floats
) -> Floats:
    """Log-likelihood of each row."""
    log_odds = log_died_to_alive(x, t_x, age, r, alpha, b, s, p)
    alive = log_rising(r, x) - r * np.log1p(age / alpha) - x * np.log(alpha + age) - s * _log_grown(b, p, age)
    total: Floats = alive + np.logaddexp(0.0, log_odds)
    # If no purchase is expected, the likelihood is near 1, which hides its digits. The chance of a purchase has them.
    rows = np.nonzero((x == 0) & (total > _NEAR_ONE))[0]
    if len(rows):
        total[rows] = np.log1p(-_prob_of_purchase(age[rows], r, alpha[rows], b, s, p[rows]))
    return total


def log_died_to_alive(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, b: float, s: float, p: Floats
) -> Floats:
    """Logarithm of D over the likelihood of being alive, for each row; minus infinity where t_x = T."""
    integral, then = _prepare(x, t_x, age, r, alpha, b, s, p)
    area = np.zeros(len(x))
    for rows, v, weight in nodes_from(np.zeros(len(x)), integral.width, integral.scale, integral.straight):
        part = _Integral(*(column[rows] for column in integral))
        log_y = np.log1p(time_at(b, part.m, v) / part.since)
        density = weight * np.exp(v - (s + 1.0) * grown(part.k, v) - part.c * log_y)
        area[rows] += density.sum(axis=0)
    return _log_odds(area, integral, then, age - t_x, b, s)


def log_likelihood_derivatives(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, b: float, s: float, p: Floats
) -> Derivatives:
    """Log-likelihood of each row with gradient and Hessian in the logarithms of r, alpha, b, s and P."""
    from scipy.special import digamma, expit, zeta

    integral, then = _prepare(x, t_x, age, r, alpha, b, s, p)
    area, if_died, of_died = _moments(integral, t_x, r, alpha, b, s, p)
    log_odds = _log_odds(area, integral, then, age - t_x, b, s)
    died, alive = expit(log_odds), expit(-log_odds)
    if_alive, of_alive = _first_and_second(_Place.of(age, r + x, alpha, b, p), r, s, s)
    gap = if_died - if_alive
    gradient = alive * if_alive + died * if_died
    hessian = alive * of_alive + died * of_died + alive * died * gap * gap[:, np.newaxis]

    # What both terms share: Gamma(r+x) / Gamma(r) alpha^r P^s, of which the powers went into the logarithms above.
    rising, place = np.unique(x, return_inverse=True)
    slope = r * (digamma(r + rising) - digamma(r))[place]
    gradient[0] += slope
    gradient[1] += r
    gradient[4] += s
    hessian[0, 0] += slope + r * r * (zeta(2, r + rising) - zeta(2, r))[place]
    for i, j, shared in ((0, 1, r), (3, 4, s)):
        hessian[i, j] += shared
        hessian[j, i] += shared
    fixed = log_rising(r, rising)[place] - r * np.log1p(age / alpha) - x * np.log(alpha + age)
    value = fixed - s * _log_grown(b, p, age) + np.logaddexp(0.0, log_odds)
    return Derivatives(value, gradient, hessian)


class _Place(NamedTuple):
    """What the derivatives of the logarithm of a term need of a time u."""

    c: Floats
    log_a: Floats  # of (alpha + u) / alpha
    a: Floats  # alpha / (alpha + u)
    log_p: Floats  # of (P + G) / P
    p: Floats  # P / (P + G)
    q: Floats  # derivative of log(P + G) in log b
    q_more: Floats  # second derivative of G in log b, over P + G
    bu: Floats

    @classmethod
    def of(cls, u: Floats, c: Floats, alpha: Floats, b: float, p: Floats) -> _Place:
        fading, bu = np.exp(-b * u), b * u
        past = -np.expm1(-bu) / b
        both = p * fading + past
        return cls(
            c,
            np.log1p(u / alpha),
            alpha / (alpha + u),
            _log_grown(b, p, u),
            p * fading / both,
            (u - past) / both,
            (bu * u - (u - past)) / both,
            bu,
        )


def _first_and_second(at: _Place, r: float, s: float, power: float) -> tuple[Floats, Floats]:
    """Differentiate -(r+x) log(alpha+u) - power log(P+G), less those of r log(alpha) and s log(P).

    The power is s, or s + 1 for the integrand, of which log(s) + bu is left out here.
    """
    first = np.stack([-r * at.log_a, -at.c * at.a, -power * at.q, -s * at.log_p, -power * at.p])
    second = np.zeros((5, *first.shape))
    second[0, 0], second[3, 3] = first[0], first[3]
    second[0, 1] = second[1, 0] = -r * at.a
    second[1, 1] = -at.c * at.a * (1.0 - at.a)
    second[2, 2] = -power * (at.q_more - at.q**2)
    second[2, 3] = second[3, 2] = -s * at.q
    second[2, 4] = second[4, 2] = power * at.q * at.p
    second[3, 4] = second[4, 3] = -s * at.p
    second[4, 4] = -power * at.p * (1.0 - at.p)
    return first, second


def _moments(
    integral: _Integral, t_x: Floats, r: float, alpha: Floats, b: float, s: float, p: Floats
) -> tuple[Floats, Floats, Floats]:
    """Integral over the width, and first and second derivatives of log D, shapes (5, n), (5, 5, n)."""
    n = len(t_x)
    area, mean, bent = np.zeros(n), np.zeros((5, n)), np.zeros((5, 5, n))
    for rows, v, weight in nodes_from(np.zeros(n), integral.width, integral.scale, integral.straight):
        part = _Integral(*(column[rows] for column in integral))
        y = time_at(b, part.m, v)
        density = weight * np.exp(v - (s + 1.0) * grown(part.k, v) - part.c * np.log1p(y / part.since))
        at = _Place.of(t_x[rows] + y, part.c, alpha[rows], b, p[rows])
        first, second = _first_and_second(at, r, s, s + 1.0)
        first[2] += at.bu
        first[3] += 1.0
        second[2, 2] += at.bu
        area[rows] += density.sum(axis=0)
        for i in range(5):
            mean[i, rows] += (density * first[i]).sum(axis=0)
            for j in range(i + 1):
                bent[i, j, rows] += (density * (second[i, j] + first[i] * first[j])).sum(axis=0)
    some = np.where(area > 0, area, 1.0)
    mean /= some
    for i in range(5):
        for j in range(i + 1):
            bent[i, j] = bent[i, j] / some - mean[i] * mean[j]
            bent[j, i] = bent[i, j]
    return area, mean, bent


def _prepare(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, b: float, s: float, p: Floats
) -> tuple[_Integral, Floats]:
    """Integral of each row, and P as it is for customers who are alive at t_x."""
    since, then = alpha + t_x, later_scale(b, p, t_x)
    m = smallest(b, since, then)
    k, c = m / then, r + x
    steep = np.maximum((s + 1.0) * k + c * (m / since), 1.0)
    width = last_of(b, s, m, k, age - t_x)
    return _Integral(m, k, since, c, width, _NATS / steep, straight_from(b, m, k)), then


def _log_odds(area: Floats, integral: _Integral, then: Floats, gap: Floats, b: float, s: float) -> Floats:
    log_area = np.full(len(area), -np.inf)
    np.log(area, out=log_area, where=area > 0)
    odds: Floats = (
        np.log(s) + np.log(integral.k) + log_area + integral.c * np.log1p(gap / integral.since)
    ) + s * _log_grown(b, then, gap)
    return odds


def _log_grown(b: float, p: Floats, u: Floats) -> Floats:
    """Logarithm of (P + G(u)) / P."""
    return width_of(b, p, u)


def _prob_of_purchase(age: Floats, r: float, alpha: Floats, b: float, s: float, p: Floats) -> Floats:
    """Chance of new customers to purchase up to an age: integral of r alpha^r (alpha+u)^-(r+1) S(u)."""
    m = smallest(b, alpha, p)
    steep = np.maximum(s * (m / p) + (r + 1.0) * (m / alpha), 1.0)
    found = np.zeros(len(age))
    width, straight = last_of(b, s, m, m / p, age), straight_from(b, m, m / p)
    for rows, v, weight in nodes_from(np.zeros(len(age)), width, _NATS / steep, straight):
        log_slope = v - grown(b * m[rows], v)
        log_f = log_slope - s * grown(m[rows] / p[rows], v) - (r + 1.0) * np.log1p(time_at(b, m[rows], v) / alpha[rows])
        found[rows] += (weight * np.exp(log_f)).sum(axis=0)
    return found * (r * m / alpha)
