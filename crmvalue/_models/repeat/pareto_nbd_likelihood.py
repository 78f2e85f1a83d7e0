"""Likelihood of the Pareto/NBD with its first and second derivatives, row by row.

A customer bought x times until t_x. Either they are alive at T, or they left at some time u between t_x and T:

    L = C { (alpha+T)^-(r+x) (beta+T)^-s + D },
    D = integral over t_x < u < T of s (alpha+u)^-(r+x) (beta+u)^-(s+1) du,

with C = Gamma(r+x) / Gamma(r) alpha^r beta^s. D is computed as it stands, since all of it is positive. Let
tau = log((m + u) / (m + t_x)), where m is the smaller of alpha and beta. In tau the logarithm of the integrand is
concave, and analytic for |Im tau| < pi. So the error of a Gauss-Legendre rule on the part that counts falls
geometrically with the number of its nodes. The derivatives of log D are means and covariances under the weights of
the same nodes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._models.shared.fit import Derivatives
from crmvalue._models.shared.numerics import gauss_legendre, log_rising

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers

__all__ = [
    "NEAR_ONE",
    "log_alive",
    "log_died_moments",
    "log_died_to_alive",
    "log_likelihood",
    "log_likelihood_derivatives",
]

NEAR_ONE = -0.1  # log-likelihoods above this are those of near certainty
_NATS = 40.0  # the integrand is cut off where it has fallen by so many powers of e
_CELLS = 1 << 14  # rows times nodes at a time: what a step works on stays in the cache of the processor
_ROWS = 1 << 11

# Widest interval in tau, deepest fall of the integrand on it, nodes, panels; errors below 2e-12, as measured.
_RULES = (
    (0.5, 2.0, 6, 1),
    (1.0, 5.0, 8, 1),
    (2.0, 5.0, 10, 1),
    (2.0, 10.0, 12, 1),
    (4.0, np.inf, 20, 1),
    (16.0, np.inf, 48, 1),
    (np.inf, np.inf, 48, 32),
)


class _Integral(NamedTuple):
    """Integrand exp((1 - c_m) tau - c_M log((M+u) / (M+t_x))) on 0 < tau < width, for each row."""

    k_alpha: Floats  # (m + t_x) / (alpha + t_x)
    k_beta: Floats
    c_alpha: Floats  # powers of (alpha + u) and (beta + u) in the denominator
    c_beta: Floats
    width: Floats
    rule: npt.NDArray[np.int64]


def log_likelihood(x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, s: float, beta: Floats) -> Floats:
    """Log-likelihood of each row."""
    log_odds = log_died_to_alive(x, t_x, age, r, alpha, s, beta)
    alive = log_alive(x, age, r, alpha, s, beta)
    total: Floats = alive + np.logaddexp(0.0, log_odds)
    # If no purchase is expected, the likelihood is near 1, which hides its digits. The chance of a purchase has them:
    # it is the same integral with the two processes exchanged.
    rows = np.nonzero((x == 0) & (total > NEAR_ONE))[0]
    if len(rows):
        nothing = np.zeros(len(rows))
        log_chance = log_died_to_alive(nothing, nothing, age[rows], s, beta[rows], r, alpha[rows]) + alive[rows]
        total[rows] = np.log1p(-np.exp(log_chance))
    return total


def log_alive(x: Floats, age: Floats, r: float, alpha: Floats, s: float, beta: Floats) -> Floats:
    """Logarithm of the likelihood of being alive at T with what was bought."""
    found: Floats = log_rising(r, x) - r * np.log1p(age / alpha) - x * np.log(alpha + age) - s * np.log1p(age / beta)
    return found


def log_died_to_alive(
    x: Floats,
    t_x: Floats,
    age: Floats,
    r: float,
    alpha: Floats,
    s: float,
    beta: Floats,
    *,
    weigh: Callable[[Integers, Floats, Floats], Floats] | None = None,
) -> Floats:
    """Logarithm of D over the likelihood of being alive, for each row; minus infinity where t_x = T.

    `weigh` gives a factor of the integrand, of some rows at the nodes: by the growth of alpha + u and of beta + u since
    t_x, shapes (nodes, rows).
    """
    integral = _prepare(x, t_x, age, r, alpha, s, beta)
    area = np.empty(len(x))
    for rows, pieces in _blocks(integral):
        part = _take(integral, rows)
        total = np.zeros(len(rows))
        for nodes, weights in pieces:
            tau = part.width * nodes
            grown = np.expm1(tau)
            a, b = part.k_alpha * grown, part.k_beta * grown
            density = weights * np.exp(tau - part.c_alpha * np.log1p(a) - part.c_beta * np.log1p(b))
            if weigh is not None:
                density *= weigh(rows, 1.0 + a, 1.0 + b)
            total += density.sum(axis=0)
        area[rows] = total
    return _log_odds(area, integral.width, x, t_x, age, r, alpha, s, beta)


def log_died_moments(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, s: float, beta: Floats
) -> tuple[Floats, Floats, Floats]:
    """Give the same with mean and covariance of four features under the integrand of D, shapes (4, n), (4, 4, n).

    The features are log((alpha+u) / (alpha+t_x)), 1 - (alpha+t_x) / (alpha+u), and the same two of beta.
    """
    integral = _prepare(x, t_x, age, r, alpha, s, beta)
    area, mean, covariance = _moments(integral)
    return _log_odds(area, integral.width, x, t_x, age, r, alpha, s, beta), mean, covariance


def log_likelihood_derivatives(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, s: float, beta: Floats
) -> Derivatives:
    """Log-likelihood of each row with gradient and Hessian in the logarithms of the parameters."""
    from scipy.special import digamma, expit, zeta

    integral = _prepare(x, t_x, age, r, alpha, s, beta)
    area, mean, covariance = _moments(integral)
    log_odds = _log_odds(area, integral.width, x, t_x, age, r, alpha, s, beta)
    died, alive = expit(log_odds), expit(-log_odds)

    # First derivatives of both terms, without what they share: of the term alive ...
    big_r = r + x
    a_age, b_age = alpha / (alpha + age), beta / (beta + age)
    if_alive = np.stack([-r * np.log1p(age / alpha), -big_r * a_age, -s * np.log1p(age / beta), -s * b_age])
    # ... and of the integrand of D, at t_x plus a multiple of the features of the node.
    a_last, b_last = alpha / (alpha + t_x), beta / (beta + t_x)
    multiple = np.stack([np.full(len(x), -r), big_r * a_last, np.full(len(x), -s), (s + 1) * b_last])
    at_last = np.stack(
        [-r * np.log1p(t_x / alpha), -big_r * a_last, 1 - s * np.log1p(t_x / beta), -(s + 1) * b_last]
    )  # fmt: skip
    if_died = at_last + multiple * mean
    average = alive * if_alive + died * if_died

    # Second derivatives: mean of those of the terms, covariance of their first derivatives.
    gap = if_died - if_alive
    hessian = died * multiple * multiple[:, np.newaxis] * covariance + alive * died * gap * gap[:, np.newaxis]
    a_mean = alive * a_age + died * a_last * (1 - mean[1])
    b_mean = alive * b_age + died * b_last * (1 - mean[3])
    a_square = alive * a_age**2 + died * a_last**2 * ((1 - mean[1]) ** 2 + covariance[1, 1])
    b_square = alive * s * b_age**2 + died * (s + 1) * b_last**2 * ((1 - mean[3]) ** 2 + covariance[3, 3])
    hessian[0, 0] += average[0]
    hessian[1, 1] += average[1] + big_r * a_square
    hessian[2, 2] += average[2] - died
    hessian[3, 3] += average[3] + b_square
    hessian[0, 1] -= r * a_mean
    hessian[2, 3] -= s * b_mean

    # What both terms share: Gamma(r+x) / Gamma(r) alpha^r beta^s, of which the powers went into the logarithms above.
    rising, place = np.unique(x, return_inverse=True)
    slope = r * (digamma(r + rising) - digamma(r))[place]
    gradient = average
    gradient[0] += slope
    gradient[1] += r
    gradient[3] += s
    hessian[0, 0] += slope + r * r * (zeta(2, r + rising) - zeta(2, r))[place]
    hessian[0, 1] += r
    hessian[2, 3] += s
    hessian[1, 0], hessian[3, 2] = hessian[0, 1], hessian[2, 3]
    fixed = log_rising(r, rising)[place] - r * np.log1p(age / alpha) - x * np.log(alpha + age)
    value = fixed - s * np.log1p(age / beta) + np.logaddexp(0.0, log_odds)
    return Derivatives(value, gradient, hessian)


def _prepare(x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, s: float, beta: Floats) -> _Integral:
    smaller = np.minimum(alpha, beta) + t_x
    k_alpha, k_beta = smaller / (alpha + t_x), smaller / (beta + t_x)
    c_alpha, c_beta = r + x, np.full(len(x), s + 1.0)
    width = np.log1p((age - t_x) / smaller)
    # The logarithm of the integrand is concave: beyond 40 / slope it has fallen by more than 40, and Newton's method
    # from there comes nearer to the place where it has fallen by 40 without passing it.
    first_slope = c_alpha * k_alpha + c_beta * k_beta - 1.0
    steep = first_slope > _NATS / np.maximum(width, 1e-300)
    width[steep] = _NATS / first_slope[steep]
    for _ in range(3):
        fall, slope = _fall(width, k_alpha, k_beta, c_alpha, c_beta)
        deep = fall > _NATS
        width[deep] -= (fall[deep] - _NATS) / slope[deep]
    fall, _ = _fall(width, k_alpha, k_beta, c_alpha, c_beta)
    rule = np.full(len(x), len(_RULES) - 1)
    for i in range(len(_RULES) - 2, -1, -1):
        widest, deepest, _, _ = _RULES[i]
        rule[(width <= widest) & (fall <= deepest)] = i
    return _Integral(k_alpha, k_beta, c_alpha, c_beta, width, rule)


def _fall(tau: Floats, k_alpha: Floats, k_beta: Floats, c_alpha: Floats, c_beta: Floats) -> tuple[Floats, Floats]:
    """How far the logarithm of the integrand has fallen from 0 to tau, and its slope there."""
    grown = np.expm1(tau)
    a, b = k_alpha * grown, k_beta * grown
    fall = c_alpha * np.log1p(a) + c_beta * np.log1p(b) - tau
    slope = c_alpha * ((k_alpha + a) / (1 + a)) + c_beta * ((k_beta + b) / (1 + b)) - 1.0
    return fall, slope


@cache
def _rule(n_nodes: int, n_panels: int) -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss-Legendre on [0, 1], cut into equal panels, as columns."""
    node, weight = gauss_legendre(n_nodes)
    nodes = (np.arange(n_panels)[:, np.newaxis] + node) / n_panels
    return nodes.reshape(-1, 1), np.tile(weight / n_panels, n_panels).reshape(-1, 1)


def _blocks(integral: _Integral) -> Iterator[tuple[npt.NDArray[np.int64], list[tuple[Floats, Floats]]]]:
    """Rows that take the same rule, not too many at once, with the nodes and weights of the rule in pieces."""
    for i, (_, _, n_nodes, n_panels) in enumerate(_RULES):
        rows = np.nonzero(integral.rule == i)[0]
        if len(rows) == 0:
            continue
        nodes, weights = _rule(n_nodes, n_panels)
        step = max(1, _CELLS // min(len(rows), _ROWS))
        pieces = [(nodes[k : k + step], weights[k : k + step]) for k in range(0, len(nodes), step)]
        for start in range(0, len(rows), _ROWS):
            yield rows[start : start + _ROWS], pieces


def _take(integral: _Integral, rows: npt.NDArray[np.int64]) -> _Integral:
    return integral._replace(**{name: column[rows] for name, column in integral._asdict().items()})


def _moments(integral: _Integral) -> tuple[Floats, Floats, Floats]:
    """Integral over the width; mean and covariance of four features under the integrand, shapes (4, n), (4, 4, n).

    The features are log((alpha+u) / (alpha+t_x)), 1 - (alpha+t_x) / (alpha+u), and the same two of beta.
    """
    n = len(integral.width)
    area, mean, covariance = np.empty(n), np.empty((4, n)), np.empty((4, 4, n))
    for rows, pieces in _blocks(integral):
        part = _take(integral, rows)
        same_a, same_b = bool((part.k_alpha == 1.0).all()), bool((part.k_beta == 1.0).all())
        total = np.zeros(len(rows))
        first = np.zeros((4, len(rows)))
        second = np.zeros((4, 4, len(rows)))
        for nodes, weights in pieces:
            tau = part.width * nodes
            grown = np.expm1(tau)
            a, b = part.k_alpha * grown, part.k_beta * grown
            log_a = tau if same_a else np.log1p(a)
            log_b = tau if same_b else np.log1p(b)
            density = weights * np.exp(tau - part.c_alpha * log_a - part.c_beta * log_b)
            total += density.sum(axis=0)
            features = (log_a, a / (1.0 + a), log_b, b / (1.0 + b))
            for i in range(4):
                weighted = density * features[i]
                first[i] += weighted.sum(axis=0)
                for j in range(i + 1):
                    second[i, j] += np.einsum("jc,jc->c", weighted, features[j])
        area[rows] = total
        first /= total
        mean[:, rows] = first
        for i in range(4):
            for j in range(i + 1):
                covariance[i, j, rows] = covariance[j, i, rows] = second[i, j] / total - first[i] * first[j]
    return area, mean, covariance


def _log_odds(
    area: Floats, width: Floats, x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, s: float, beta: Floats
) -> Floats:
    length = width * (np.minimum(alpha, beta) + t_x) / (beta + t_x)
    log_length = np.full(len(x), -np.inf)
    np.log(length, out=log_length, where=length > 0)
    gap = age - t_x
    ratio = (r + x) * np.log1p(gap / (alpha + t_x)) + s * np.log1p(gap / (beta + t_x))
    odds: Floats = np.log(s) + log_length + np.log(area) + ratio
    return odds
