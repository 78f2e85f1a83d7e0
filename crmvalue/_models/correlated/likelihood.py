"""Likelihood of the Pareto/NBD with correlated rates.

Given what a customer did until u, the end of their time as a customer, independent rates are gamma(r + x, alpha + u)
and gamma(s, beta + u), or gamma(s + 1, beta + u) if they left at u. So each term of the likelihood of the Pareto/NBD,
and the integrand over the time of leaving, is multiplied by the average tilt of the joint density under these
distributions. That is positive, so one integral gives the likelihood without a subtraction.

The derivatives come from another form. exp(-rate / mean rate) times a gamma density is again one, of another scale:
alpha (1 + 1/r) in place of alpha. So the likelihood is, with L the one of the Pareto/NBD at its own scales and with
either or both of them moved, and k from :mod:`crmvalue._models.correlated.dependence`,

    L + k (L - L(alpha moved) - L(beta moved) + L(both moved)).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._models.correlated.dependence import kappa_derivatives
from crmvalue._models.repeat.pareto_nbd_likelihood import (
    NEAR_ONE,
    log_alive,
    log_died_to_alive,
    log_likelihood_derivatives,
)
from crmvalue._models.shared.fit import Derivatives

if TYPE_CHECKING:
    from crmvalue._models.correlated.dependence import Tilt
    from crmvalue.typing import Floats, Integers

__all__ = ["log_alive_tilt", "log_died_tilted", "log_likelihood", "log_slow", "row_derivatives"]


def log_slow(shape: float, powers: Floats | float, scale: Floats) -> Floats:
    """Logarithm of the mean of exp(-rate / mean rate) for a rate that is now gamma(powers, scale).

    The mean rate is that of newcomers. `scale` is measured in theirs: it is 1 + T / alpha at the age T.
    """
    found: Floats = -powers * np.log1p(1.0 / (shape * scale))
    return found


def log_alive_tilt(x: Floats, age: Floats, r: float, alpha: Floats, s: float, beta: Floats, tilt: Tilt) -> Floats:
    """Logarithm of the average tilt of those who are alive."""
    found: Floats = np.log(tilt(log_slow(r, r + x, 1.0 + age / alpha), log_slow(s, s, 1.0 + age / beta)))
    return found


def log_died_tilted(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, s: float, beta: Floats, tilt: Tilt
) -> Floats:
    """Logarithm of the likelihood of having left over that of being alive with independent rates."""
    weigh = partial(_at_nodes, r=r, powers=r + x, a_last=1.0 + t_x / alpha, s=s, b_last=1.0 + t_x / beta, tilt=tilt)
    return log_died_to_alive(x, t_x, age, r, alpha, s, beta, weigh=weigh)


def _at_nodes(
    rows: Integers, a_grown: Floats, b_grown: Floats, *, r: float, powers: Floats, a_last: Floats, s: float,
    b_last: Floats, tilt: Tilt,
) -> Floats:  # fmt: skip
    """Average tilt of those who left at the nodes, by the growth of both scales since the last purchase."""
    return tilt(log_slow(r, powers[rows], a_last[rows] * a_grown), log_slow(s, s + 1.0, b_last[rows] * b_grown))


def log_likelihood(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, s: float, beta: Floats, tilt: Tilt
) -> Floats:
    """Log-likelihood of each row."""
    log_odds = log_died_tilted(x, t_x, age, r, alpha, s, beta, tilt)
    alive = log_alive(x, age, r, alpha, s, beta)
    total: Floats = alive + np.logaddexp(log_alive_tilt(x, age, r, alpha, s, beta, tilt), log_odds)
    # Near 1 the chance of a purchase has the digits: the same integral with the two processes exchanged.
    rows = np.nonzero((x == 0) & (total > NEAR_ONE))[0]
    if len(rows):
        nothing = np.zeros(len(rows))
        other = tilt._replace(at_10=tilt.at_01, at_01=tilt.at_10)
        log_chance = log_died_tilted(nothing, nothing, age[rows], s, beta[rows], r, alpha[rows], other) + alive[rows]
        total[rows] = np.log1p(-np.exp(log_chance))
    return total


def row_derivatives(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, s: float, beta: Floats, dependence: float
) -> Derivatives:
    """Log-likelihood of each row, gradient and Hessian in log r, log alpha, log s, log beta and the dependence."""
    k, k_slope, k_bend = kappa_derivatives(r, s, dependence)
    to_five = np.array([0, 2, 4])
    slope_of_k, bend_of_k = np.zeros(5), np.zeros((5, 5))
    slope_of_k[to_five], bend_of_k[np.ix_(to_five, to_five)] = k_slope, k_bend
    plain = log_likelihood_derivatives(x, t_x, age, r, alpha, s, beta)
    total, slope, bend = np.ones(len(x)), np.zeros((5, len(x))), np.zeros((5, 5, len(x)))
    for moved in ((True, False), (False, True), (True, True)):
        scales = (alpha * (1.0 + 1.0 / r) if moved[0] else alpha), (beta * (1.0 + 1.0 / s) if moved[1] else beta)
        at = log_likelihood_derivatives(x, t_x, age, r, scales[0], s, scales[1])
        for place, shape, by in ((0, r, moved[0]), (2, s, moved[1])):
            if by:
                _move(at, place, shape)
        share = np.exp(at.value - plain.value) * (1.0 if all(moved) else -1.0)
        away = at.gradient - plain.gradient
        total += share
        slope[:4] += share * away
        bend[:4, :4] += share * (at.hessian - plain.hessian + away * away[:, np.newaxis])
    # The logarithm of 1 + k total.
    whole = 1.0 + k * total
    first = (slope_of_k[:, np.newaxis] * total + k * slope) / whole
    second = bend_of_k[:, :, np.newaxis] * total + k * bend
    cross = slope_of_k[:, np.newaxis, np.newaxis] * slope
    second += cross + cross.swapaxes(0, 1)
    second /= whole
    second -= first * first[:, np.newaxis]
    second[:4, :4] += plain.hessian
    first[:4] += plain.gradient
    with np.errstate(divide="ignore", invalid="ignore"):  # rounding far out: no place for a search
        value = plain.value + np.log(whole)
    return Derivatives(value, first, second)


def _move(at: Derivatives, place: int, shape: float) -> None:
    """Turn derivatives at a moved scale into those in the scale itself: its logarithm is moved by log(1 + 1/shape)."""
    by, curve = -1.0 / (shape + 1.0), shape / (shape + 1.0) ** 2
    at.hessian[place] += by * at.hessian[place + 1]
    at.hessian[:, place] += by * at.hessian[:, place + 1]
    at.hessian[place, place] += curve * at.gradient[place + 1]
    at.gradient[place] += by * at.gradient[place + 1]
