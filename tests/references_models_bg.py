"""BG/NBD and MBG/NBD written down from their definitions, with mpmath, slowly and apart from the code.

Given lambda and p a customer's purchases are Poisson until the coin of p comes up. `*_by_integration` integrate what
follows over the gamma and beta distributions numerically. The others do the integral over lambda in closed form and
that over p by Gauss' hypergeometric function, with enough digits to bear the cancellation; they are tested against the
former. `early` is 0 for BG/NBD and 1 for MBG/NBD: tosses of the coin before the first repeat purchase.
"""

from __future__ import annotations

import mpmath as mp

__all__ = [
    "discounted_mp",
    "expected_by_integration",
    "expected_mp",
    "likelihood_by_integration",
    "log_likelihood_mp",
    "prob_alive_mp",
    "prob_purchases_mp",
]


def _numbers(*values):
    return [mp.mpf(float(value)) for value in values]


def likelihood_by_integration(r, alpha, a, b, x, t_x, age, *, early, digits):
    """Density of the history: the two ways it can have come about, integrated over lambda and p."""
    with mp.workdps(digits):
        r, alpha, a, b, t_x, age = _numbers(r, alpha, a, b, t_x, age)
        tosses = x + early

        def of_p(p):
            alive = (1 - p) ** tosses * _gamma_mean(r, alpha, lambda u: u**x * mp.exp(-u * age))
            lost = (
                p * (1 - p) ** (tosses - 1) * _gamma_mean(r, alpha, lambda u: u**x * mp.exp(-u * t_x)) if tosses else 0
            )
            return (alive + lost) * p ** (a - 1) * (1 - p) ** (b - 1) / mp.beta(a, b)

        return mp.quad(of_p, [0, 1])


def _gamma_mean(r, alpha, function):
    density = lambda u: u ** (r - 1) * mp.exp(-alpha * u) * alpha**r / mp.gamma(r)  # noqa: E731 - a formula of the source
    return mp.quad(lambda u: function(u) * density(u), [0, (r + 5) / alpha, mp.inf])


def expected_by_integration(r, alpha, a, b, x, t_x, age, horizon, *, early, digits):
    """Average the purchases of (lambda, p) over the horizon with the density of being alive with them."""
    with mp.workdps(digits):
        r, alpha, a, b, t_x, age, horizon = _numbers(r, alpha, a, b, t_x, age, horizon)

        def of_p(p):
            ahead = lambda u: (1 - mp.exp(-u * p * horizon)) / p  # noqa: E731 - a formula of the source
            alive = _gamma_mean(r, alpha, lambda u: u**x * mp.exp(-u * age) * ahead(u))
            return alive * (1 - p) ** (x + early) * p ** (a - 1) * (1 - p) ** (b - 1) / mp.beta(a, b)

        total = mp.quad(of_p, [0, 1])
    return total / likelihood_by_integration(r, alpha, a, b, x, t_x, age, early=early, digits=digits)


def log_likelihood_mp(r, alpha, a, b, x, t_x, age, *, early):
    with mp.workdps(50):
        r, alpha, a, b, t_x, age = _numbers(r, alpha, a, b, t_x, age)
        tosses = int(x) + early
        common = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha)
        alive = mp.exp(mp.log(mp.beta(a, b + tosses) / mp.beta(a, b)) - (r + x) * mp.log(alpha + age))
        lost = 0
        if tosses:
            lost = mp.exp(mp.log(mp.beta(a + 1, b + tosses - 1) / mp.beta(a, b)) - (r + x) * mp.log(alpha + t_x))
        return common + mp.log(alive + lost)


def prob_alive_mp(r, alpha, a, b, x, t_x, age, at=0, *, early):
    with mp.workdps(50):
        r, alpha, a, b, t_x, age, at = _numbers(r, alpha, a, b, t_x, age, at)
        tosses = int(x) + early
        odds = 0
        if tosses:
            odds = mp.beta(a + 1, b + tosses - 1) / mp.beta(a, b + tosses) * ((alpha + age) / (alpha + t_x)) ** (r + x)
        return _survival(r + x, a, b + tosses, at / (alpha + age)) / (1 + odds)


def _survival(power, a, b, w):
    """E (1 + p w)^-power over beta(a, b), by Pfaff's transformation: mpmath is wrong at times for a large -w."""
    return (1 + w) ** -power * mp.hyp2f1(power, b, a + b, w / (1 + w), maxterms=10**6)


def expected_mp(r, alpha, a, b, x, t_x, age, horizon, *, early):
    alive = prob_alive_mp(r, alpha, a, b, x, t_x, age, early=early)
    with mp.workdps(120):
        r, alpha, a, b, age, horizon = _numbers(r, alpha, a, b, age, horizon)
        if a == 1:
            a += mp.mpf(10) ** -50
        left, w, power = b + int(x) + early, horizon / (alpha + age), r + x
        return alive * (a + left - 1) / (a - 1) * (1 - _survival(power, a - 1, left, w))


def discounted_mp(r, alpha, a, b, x, t_x, age, discount_rate, horizon=None, *, early):
    """Integral over time of the rate of purchases, discounted."""
    alive = prob_alive_mp(r, alpha, a, b, x, t_x, age, early=early)
    with mp.workdps(25):
        r, alpha, a, b, age, d = _numbers(r, alpha, a, b, age, discount_rate)
        left, power, ruler = b + int(x) + early, r + x, alpha + age
        kappa = mp.log1p(d) * ruler
        end = 60 / kappa if horizon is None else mp.mpf(float(horizon)) / ruler
        if kappa:
            end = min(end, 60 / kappa)
        rate = lambda u: mp.exp(-kappa * u) * _survival(power + 1, a, left, u)  # noqa: E731 - a formula of the source
        edges = [mp.mpf(0)]
        edge = 1 / (power + 1 + kappa)
        while edge < end:
            edges.append(edge)
            edge *= 8
        return alive * power * mp.quad(rate, [*edges, end])


def prob_purchases_mp(r, alpha, a, b, x, t_x, age, n, horizon, *, early):
    alive = prob_alive_mp(r, alpha, a, b, x, t_x, age, early=early)
    with mp.workdps(50):
        r, alpha, a, b, age, horizon = _numbers(r, alpha, a, b, age, horizon)
        left, w, power, n = b + int(x) + early, horizon / (alpha + age), r + x, int(n)
        z = w / (1 + w)
        count = mp.gamma(power + n) / mp.gamma(power) / mp.factorial(n) * (1 - z) ** power * z**n
        given = count * mp.beta(a, left + n) / mp.beta(a, left)
        if n:
            reached = mp.betainc(n, power, 0, z, regularized=True)
            given += mp.beta(a + 1, left + n - 1) / mp.beta(a, left) * reached
        return alive * given + (1 - alive if n == 0 else 0)
