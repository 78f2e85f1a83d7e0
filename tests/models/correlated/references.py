"""The Pareto/NBD with correlated rates written down from its definition, with mpmath, slowly and apart from the code.

`CorrelatedMp` integrates over the moment of leaving at 50 digits: exp(-rate / mean rate) times a gamma density is a
gamma density of another scale, so everything is a weighted sum of four answers of the Pareto/NBD. `over_rates`
integrates over both rates, from the density as it is printed, and is what `CorrelatedMp` is compared with.
"""

from __future__ import annotations

import mpmath as mp
from mpmath import mpf

import tests.models.references as reference

__all__ = ["CorrelatedMp", "over_rates"]


def omega_of(r, s, dependence):
    """Find the weight of the kernels whose density at the four corners has this log odds ratio, by bisection."""
    p, q = (1 + 1 / r) ** -r, (1 + 1 / s) ** -s

    def corner(omega, e1, e2):
        return 1 + omega * (e1 - p) * (e2 - q)

    def odds(omega):
        return mp.log(corner(omega, 0, 0) * corner(omega, 1, 1) / (corner(omega, 0, 1) * corner(omega, 1, 0)))

    low, high = -1 / max(p * q, (1 - p) * (1 - q)), 1 / max(p * (1 - q), q * (1 - p))
    for _ in range(220):
        middle = (low + high) / 2
        low, high = (middle, high) if odds(middle) < dependence else (low, middle)
    return low, p, q


class CorrelatedMp:
    """Weighted sums of what the Pareto/NBD says, with alpha (1 + 1/r) or beta (1 + 1/s) or both in place of its own."""

    def __init__(self, r, alpha, s, beta, dependence):
        with mp.workdps(60):
            r, alpha, s, beta, dependence = (mpf(float(value)) for value in (r, alpha, s, beta, dependence))
            omega, p, q = omega_of(r, s, dependence)
            scales = [(a, b) for a in (alpha, alpha * (1 + 1 / r)) for b in (beta, beta * (1 + 1 / s))]
            self.models = [(r, a, s, b) for a, b in scales]
            k = omega * p * q
            self.weights = 1 + k, -k, -k, k

    def _parts(self, row):
        """Give both terms of the likelihood for each of the four."""
        return [reference._terms(row, model) for model in self.models]

    def log_likelihood(self, row):
        with mp.workdps(reference.DIGITS):
            parts = self._parts(row)
            return mp.log(sum(w * sum(both) for w, both in zip(self.weights, parts, strict=True)))

    def _given_alive(self, row, function):
        """Average of what the Pareto/NBD says of a customer who is alive."""
        shares = [w * alive for w, (alive, _) in zip(self.weights, self._parts(row), strict=True)]
        values = [function(reference._known(row, model)) for model in self.models]
        return sum(share * value for share, value in zip(shares, values, strict=True)) / sum(shares)

    def prob_alive(self, row, at=0):
        with mp.workdps(reference.DIGITS):
            parts = self._parts(row)
            alive = sum(w * part[0] for w, part in zip(self.weights, parts, strict=True))
            lost = sum(w * part[1] for w, part in zip(self.weights, parts, strict=True))
            stay = self._given_alive(row, lambda known: reference._stays(mpf(at), known[2], known[3]))
            return alive / (alive + lost) * stay

    def discounted(self, row, rate, horizon):
        with mp.workdps(reference.DIGITS):
            return self.prob_alive(row) * self._given_alive(
                row, lambda known: reference.discounted_new(rate, horizon, known)
            )

    def pmf(self, row, n, horizon):
        with mp.workdps(reference.DIGITS):
            alive = self.prob_alive(row)
            ahead = self._given_alive(row, lambda known: reference.pmf_new(n, horizon, known))
            return alive * ahead + (1 - alive if n == 0 else 0)


def over_rates(parameters, row, horizon, n, *, digits=30, step="0.15"):
    """Integrate over both rates: likelihood, chance to be alive, purchases ahead, chance of n of them.

    In the logarithms of the rates the trapezoidal rule converges geometrically.
    """
    with mp.workdps(digits):
        r, alpha, s, beta, dependence = (mpf(float(value)) for value in parameters)
        t_x, age, horizon, h = (mpf(str(value)) for value in (row[1], row[2], horizon, step))
        x = int(row[0])
        omega, p, q = omega_of(r, s, dependence)

        def nodes(shape, rate, power):
            """Rates and weights: the gamma density times the rate to a power, with the measure of its logarithm."""
            top, log_norm = mp.log(shape / rate), shape * mp.log(rate) - mp.loggamma(shape)
            low, high = top - mp.log(10) * digits / (shape + power), top + mp.log(2.5 * digits / shape + 10)
            points = [mp.exp(low + h * i) for i in range(int((high - low) / h) + 1)]
            return [(one, h * mp.exp(log_norm + (shape + power) * mp.log(one) - rate * one)) for one in points]

        def columns(shape, scale, power, mean):
            return [
                (one, w * mp.exp(-one * t_x), mp.exp(-one * (age - t_x)), mp.exp(-one * scale / shape) - mean)
                for one, w in nodes(shape, scale, power)
            ]

        alive = lost = ahead = exactly = mpf(0)
        for buys, w1, on1, e1 in columns(r, alpha, x, p):
            for leaves, w2, on2, e2 in columns(s, beta, 0, q):
                weight = w1 * w2 * (1 + omega * e1 * e2)
                here = weight * on1 * on2
                alive += here
                lost += weight * (1 - on1 * on2) * (leaves / (buys + leaves))
                ahead += here * buys * (-mp.expm1(-leaves * horizon)) / leaves
                exactly += here * _count(buys, leaves, horizon, n)
        total = alive + lost
        nothing = lost / total if n == 0 else 0
        return mp.log(total), alive / total, ahead / total, exactly / total + nothing


def _count(rate, leaving, horizon, n):
    """Chance of n purchases: made by those who stay, or before leaving."""
    z, gone = (rate + leaving) * horizon, leaving / (rate + leaving)
    stays = mp.exp(-z) * (rate * horizon) ** n / mp.factorial(n)
    upto = 1 - mp.exp(-z) * sum(z**k / mp.factorial(k) for k in range(n + 1))
    return stays + gone * (1 - gone) ** n * upto
