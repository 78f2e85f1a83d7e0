"""Slow references for the Pareto/NBD in mpmath: integrals over the time of leaving, from the definition.

Given a rate of purchase, purchases are a Poisson process until the customer leaves; the rates are gamma(r, alpha). The
time of leaving has the density s beta^s / (beta + u)^(s + 1): exponential lifetimes whose rates are gamma(s, beta).
"""

from __future__ import annotations

import itertools

import mpmath
from mpmath import mpf

__all__ = ["discounted", "discounted_new", "expected", "expected_new", "likelihood", "pmf", "pmf_new", "prob_alive"]

DIGITS = 50


def _integral(f, low, high):
    """Integrate over pieces that grow by 4, since the integrand may change on any scale above `low`.

    Each piece is scaled to a height of 1, because mpmath judges errors by their absolute size.
    """
    span, total = high - low, mpf(0)
    cuts = [low, *(low + span * mpf(4) ** -k for k in range(20, 0, -1)), high]
    for start, end in itertools.pairwise(cuts):
        width = end - start
        height = max(f(start + width * mpf(k) / 8) for k in range(9))
        if height > 0:
            total += height * width * mpmath.quad(_scaled(f, start, width, height), [0, 1], method="gauss-legendre")
    return total


def _scaled(f, start, width, height):
    return lambda v: f(start + width * v) / height


def _exact(*values):
    return map(mpf, values)


def _bought(x, t, r, alpha):
    """Density of purchases at x given times until t, averaged over the rates."""
    return mpmath.gamma(r + x) / mpmath.gamma(r) * (alpha / (alpha + t)) ** r * (alpha + t) ** -x


def _leaves(u, s, beta):
    return s * beta**s / (beta + u) ** (s + 1)


def _stays(t, s, beta):
    return (beta / (beta + t)) ** s


def _terms(row, model):
    x, t_x, age = _exact(*row)
    r, alpha, s, beta = _exact(*model)
    alive = _bought(x, age, r, alpha) * _stays(age, s, beta)
    factor = mpmath.gamma(r + x) / mpmath.gamma(r) * alpha**r
    left = factor * _integral(lambda u: (alpha + u) ** -(r + x) * _leaves(u, s, beta), t_x, age)
    return alive, left


def _known(row, model):
    """Parameters of a customer who is still there."""
    (x, _, age), (r, alpha, s, beta) = _exact(*row), _exact(*model)
    return r + x, alpha + age, s, beta + age


def likelihood(row, model):
    """Logarithm of the likelihood of (x, t_x, T) under (r, alpha, s, beta)."""
    with mpmath.workdps(DIGITS):
        return mpmath.log(sum(_terms(row, model)))


def prob_alive(row, model, at=0):
    with mpmath.workdps(DIGITS):
        alive, left = _terms(row, model)
        _, _, s, beta = _known(row, model)
        return alive / (alive + left) * _stays(mpf(at), s, beta)


def discounted_new(rate, t, model):
    """Integral of the purchase rate of those still there, discounted; for life where t is None."""
    with mpmath.workdps(DIGITS):
        rate, r, alpha, s, beta = _exact(rate, *model)
        end = mpf(130) / mpmath.log1p(rate) if t is None else mpf(t)
        return r / alpha * _integral(lambda u: _stays(u, s, beta) * (1 + rate) ** -u, mpf(0), end)


def discounted(row, rate, t, model):
    with mpmath.workdps(DIGITS):
        return prob_alive(row, model) * discounted_new(rate, t, _known(row, model))


def expected_new(t, model):
    return discounted_new(0, t, model)


def expected(row, t, model):
    return discounted(row, 0, t, model)


def pmf_new(n, t, model):
    """Probability of n purchases in t: made by those who stay, and by those who leave on the way."""
    with mpmath.workdps(DIGITS):
        t, r, alpha, s, beta = _exact(t, *model)
        ways = mpmath.gamma(r + n) / mpmath.gamma(r) / mpmath.factorial(n)

        def buys(u):
            return ways * (alpha / (alpha + u)) ** r * (u / (alpha + u)) ** n

        return buys(t) * _stays(t, s, beta) + _integral(lambda u: buys(u) * _leaves(u, s, beta), mpf(0), t)


def pmf(row, n, t, model):
    with mpmath.workdps(DIGITS):
        alive = prob_alive(row, model)
        return alive * pmf_new(n, t, _known(row, model)) + (1 - alive if n == 0 else 0)
