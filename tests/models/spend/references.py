"""Models of single amounts, written down from their definitions with mpmath: integrals over the level of a customer.

Every integrand is scaled to a peak of about 1, and cut where it is below 1e-60 of it.
"""

from __future__ import annotations

import mpmath
from mpmath import mpf

__all__ = ["gb2_density", "gb2_mean", "gb2_share_below", "lognormal_density", "lognormal_mean"]


def _integral(log_height, weight):
    """Integral over the whole line of weight times exp(log_height), which has one peak, and the log of its scale."""
    peak = _peak(log_height)
    top = log_height(peak)
    low, high = (_edge(log_height, peak, top, sign) for sign in (-1, 1))
    steps = 24 if mpmath.mp.dps > 20 else 10
    points = [low + (high - low) * k / steps for k in range(steps + 1)]
    return mpmath.quad(lambda y: weight(y) * mpmath.exp(log_height(y) - top), points), top


def _peak(log_height):
    low, high = mpf(-2000), mpf(2000)
    for _ in range(130):  # thirds; the peak need not be exact
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (a, high) if log_height(a) < log_height(b) else (low, b)
    return (low + high) / 2


def _edge(log_height, peak, top, sign):
    far = mpf("0.01")
    while top - log_height(peak + sign * far) < 140:
        far *= mpf("1.5")
    return peak + sign * far


def _lognormal_height(mu, tau, sigma, amounts):
    mu, tau, sigma = mpf(mu), mpf(tau), mpf(sigma)
    logs = [mpmath.log(mpf(amount)) for amount in amounts]

    constant = -sum(logs) - len(logs) * mpmath.log(sigma) - (len(logs) + 1) * mpmath.log(2 * mpmath.pi) / 2

    def height(z):  # z is the level in standard deviations
        level = mu + tau * z
        return constant - (z * z + sum((log - level) ** 2 for log in logs) / sigma**2) / 2

    return height


def lognormal_density(mu, tau, sigma, amounts, digits=50):
    """Log-density of the amounts of one customer."""
    with mpmath.workdps(digits):
        value, top = _integral(_lognormal_height(mu, tau, sigma, amounts), lambda _: 1)
        return mpmath.log(value) + top


def lognormal_mean(mu, tau, sigma, amounts, digits=50):
    """Mean of the next amount, given those of the customer."""
    with mpmath.workdps(digits):
        height = _lognormal_height(mu, tau, sigma, amounts)
        tilted = _integral(lambda z: height(z) + mpf(mu) + mpf(tau) * z + mpf(sigma) ** 2 / 2, lambda _: 1)
        plain = _integral(height, lambda _: 1)
        return tilted[0] / plain[0] * mpmath.exp(tilted[1] - plain[1])


def _gb2_height(a, scale, p, q, amounts):
    a, scale, p, q = (mpf(value) for value in (a, scale, p, q))
    b = scale * (q / p) ** (1 / a)
    powers = [(mpf(amount) / b) ** a for amount in amounts]
    logs = [mpmath.log(mpf(amount)) for amount in amounts]

    constant = -mpmath.loggamma(q) - sum(logs) + len(logs) * (mpmath.log(a) - mpmath.loggamma(p))
    constant += p * sum(mpmath.log(power) for power in powers)
    shape, total = q + p * len(powers), 1 + sum(powers)

    def height(y):  # y is the logarithm of the rate nu, gamma(q); the powers of the amounts are gamma(p) over nu
        return constant + shape * y - total * mpmath.exp(y)

    return height, b


def gb2_density(a, scale, p, q, amounts, digits=50):
    """Log-density of the amounts of one customer."""
    with mpmath.workdps(digits):
        value, top = _integral(_gb2_height(a, scale, p, q, amounts)[0], lambda _: 1)
        return mpmath.log(value) + top


def gb2_mean(a, scale, p, q, amounts, digits=50):
    """Mean of the next amount, given those of the customer."""
    with mpmath.workdps(digits):
        height, b = _gb2_height(a, scale, p, q, amounts)
        one = b * mpmath.exp(mpmath.loggamma(mpf(p) + 1 / mpf(a)) - mpmath.loggamma(mpf(p)))  # at a rate of 1
        tilted = _integral(lambda y: height(y) - y / mpf(a), lambda _: 1)
        plain = _integral(height, lambda _: 1)
        return one * tilted[0] / plain[0] * mpmath.exp(tilted[1] - plain[1])


def gb2_share_below(a, scale, p, q, amounts, end, digits=30):
    """Chance that the next amount is below an end, given those of the customer."""
    with mpmath.workdps(digits):
        height, b = _gb2_height(a, scale, p, q, amounts)
        power = (mpf(end) / b) ** mpf(a)
        below, _ = _integral(height, lambda y: mpmath.gammainc(p, 0, mpmath.exp(y) * power, regularized=True))
        return below / _integral(height, lambda _: 1)[0]
