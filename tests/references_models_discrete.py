"""Slow references for gamma-gamma, contracts and BG/BB: the definitions, as integrals over the mixing distributions."""

from __future__ import annotations

import mpmath
from mpmath import mpf

__all__ = ["bg_bb_sequence", "bg_bb_stays", "contract_survival", "gamma_gamma_density", "gamma_gamma_mean"]

DIGITS = 50


def average_over_beta(function, a, b):
    """Mean of a function of a beta(a, b) variate and of one less it, by quadrature in the logit."""
    a, b = mpf(a), mpf(b)

    share = a / (a + b)
    top = share**a * (1 - share) ** b  # `quad` looks at absolute errors, so the integrand is about 1

    def integrand(y):
        p, rest = 1 / (1 + mpmath.exp(-y)), 1 / (1 + mpmath.exp(y))
        return p**a * rest**b * function(p, rest) / top

    left, right = -130 / min(a, mpf(1)), 130 / min(b, mpf(1))
    middle, width = mpmath.log(a / b), mpmath.sqrt(1 / a + 1 / b)
    points = [middle + k * width for k in (-20, -8, -3, 0, 3, 8, 20)] + [middle - 40, middle + 40]
    points = sorted({left, right, *(point for point in points if left < point < right)})
    return top * mpmath.quad(integrand, points) / mpmath.beta(a, b)


def contract_survival(alpha, beta, c, t):
    """P(T > t): the mean of (1 - theta)^(t^c)."""
    with mpmath.workdps(DIGITS):
        power = mpf(t) ** mpf(c)
        return average_over_beta(lambda _, rest: rest**power, alpha, beta)


def bg_bb_sequence(alpha, beta, gamma, delta, x, t_x, n):
    """P(one given sequence of purchases): sum over the times of death, means over both mixing distributions."""
    with mpmath.workdps(DIGITS):
        total = mpf(0)
        for j in range(t_x, n + 1):
            buys = average_over_beta(lambda p, rest, j=j: p**x * rest ** (j - x), alpha, beta)
            dies = average_over_beta(lambda q, rest, j=j: (q if j < n else 1) * rest**j, gamma, delta)
            total += buys * dies
        return total


def bg_bb_stays(gamma, delta, j):
    """P(a new customer is alive at opportunity j)."""
    with mpmath.workdps(DIGITS):
        return average_over_beta(lambda _, rest: rest**j, gamma, delta)


def _over_rates(function, p, q, gamma, x, spend):
    """Integral over the customer's rate: density of the total of x purchases, times a function of the rate."""
    p, q, gamma, total = mpf(p), mpf(q), mpf(gamma), mpf(x) * mpf(spend)
    shape = p * x
    constant = total ** (shape - 1) * gamma**q / (mpmath.gamma(shape) * mpmath.gamma(q))
    power, rate = shape + q, gamma + total
    middle = mpmath.log(power / rate)
    top = power * middle - power  # `quad` looks at absolute errors, so the integrand is about 1

    def integrand(y):  # y is the logarithm of the rate
        return mpmath.exp(power * y - rate * mpmath.exp(y) - top) * function(mpmath.exp(y))

    width = 1 / mpmath.sqrt(power)
    left = middle - 130 * max(width, 1 / power)
    points = [left, middle - 8 * width, middle - 2 * width, middle, middle + 2 * width, middle + 8 * width]
    return constant * mpmath.exp(top) * mpmath.quad(integrand, [*points, middle + 8 * width + 6])


def gamma_gamma_density(p, q, gamma, x, spend):
    """Log-density of the mean spend of x purchases."""
    with mpmath.workdps(DIGITS):
        return mpmath.log(x * _over_rates(lambda _: 1, p, q, gamma, x, spend))


def gamma_gamma_mean(p, q, gamma, x, spend):
    """Mean of p / rate, given the spend."""
    with mpmath.workdps(DIGITS):
        above = _over_rates(lambda rate: mpf(p) / rate, p, q, gamma, x, spend)
        return above / _over_rates(lambda _: 1, p, q, gamma, x, spend)
