"""BG/NBD and MBG/NBD written down from their definitions, with mpmath, slowly and apart from the code.

Given lambda and p a customer's purchases are Poisson until the coin of p comes up. `*_by_integration` integrate what
follows over the gamma and beta distributions numerically. The others do the integral over lambda in closed form and
that over p by Gauss' hypergeometric function, with enough digits to bear the cancellation; they are tested against the
former. `early` is 0 for BG/NBD and 1 for MBG/NBD: tosses of the coin before the first repeat purchase.
"""

from __future__ import annotations

import itertools
from functools import cache, lru_cache

import mpmath
import mpmath as mp
from mpmath import mpf

__all__ = [
    "GgompertzNbdMp",
    "TimeVaryingMp",
    "bg_bb_sequence",
    "bg_bb_stays",
    "contract_survival",
    "discounted",
    "discounted_mp",
    "discounted_new",
    "expected",
    "expected_by_integration",
    "expected_mp",
    "expected_new",
    "gamma_gamma_density",
    "gamma_gamma_mean",
    "likelihood",
    "likelihood_by_integration",
    "log_likelihood_mp",
    "nbd_discounted",
    "nbd_likelihood",
    "nbd_mean",
    "nbd_pmf",
    "pmf",
    "pmf_new",
    "prob_alive",
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
        buys_until = {end: _gamma_mean(r, alpha, lambda u, end=end: u**x * mp.exp(-u * end)) for end in (age, t_x)}

        def of_p(p):
            alive = (1 - p) ** tosses * buys_until[age]
            lost = p * (1 - p) ** (tosses - 1) * buys_until[t_x] if tosses else 0
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
    return _terms_of(tuple(row), tuple(model))


@cache
def _terms_of(row, model):
    """Both terms of the likelihood, which several tests ask for in turn."""
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


def nbd_likelihood(row, model):
    """Logarithm of the density of x purchases until T at gamma(r, alpha) rates."""
    with mpmath.workdps(DIGITS):
        (x, _, age), (r, alpha) = _exact(*row), _exact(*model)
        return mpmath.log(_bought(x, age, r, alpha))


def nbd_pmf(row, n, t, model):
    """Negative binomial probability of n purchases in t after the row."""
    with mpmath.workdps(DIGITS):
        (x, _, age), (r, alpha), t = _exact(*row), _exact(*model), mpf(t)
        shape, rate = r + x, alpha + age
        ways = mpmath.gamma(shape + n) / mpmath.gamma(shape) / mpmath.factorial(n)
        return ways * (rate / (rate + t)) ** shape * (t / (rate + t)) ** n


def nbd_discounted(row, rate, t, model):
    """Integral of the mean rate of purchases, discounted; for life where t is None."""
    with mpmath.workdps(DIGITS):
        (x, _, age), (r, alpha), rate = _exact(*row), _exact(*model), mpf(rate)
        end = mpf(130) / mpmath.log1p(rate) if t is None else mpf(t)
        return (r + x) / (alpha + age) * _integral(lambda u: (1 + rate) ** -u, mpf(0), end)


def nbd_mean(function, row, model, digits=20):
    """Mean of a function of the rate over customers with this row: a ratio of two integrals over the prior."""
    with mpmath.workdps(digits):
        (x, _, age), (r, alpha) = _exact(*row), _exact(*model)

        def seen(u):
            return u**x * mpmath.exp(-u * age)

        return _gamma_mean(r, alpha, lambda u: seen(u) * function(u)) / _gamma_mean(r, alpha, seen)


def average_over_beta(function, a, b):
    """Mean of a function of a beta(a, b) variate and of one less it, by quadrature in the logit."""
    a, b = mpf(a), mpf(b)

    share = a / (a + b)
    top = share**a * (1 - share) ** b  # `quad` looks at absolute errors, so the integrand is about 1

    def integrand(y):
        p, rest, density = _logistic_beta(a, b, y, mpmath.mp.prec)
        return density * function(p, rest) / top

    left, right = -130 / min(a, mpf(1)), 130 / min(b, mpf(1))
    middle, width = mpmath.log(a / b), mpmath.sqrt(1 / a + 1 / b)
    points = [middle + k * width for k in (-20, -8, -3, 0, 3, 8, 20)] + [middle - 40, middle + 40]
    points = sorted({left, right, *(point for point in points if left < point < right)})
    return top * mpmath.quad(integrand, points) / mpmath.beta(a, b)


@lru_cache(maxsize=20_000)  # many means over one distribution look at the same points
def _logistic_beta(a, b, y, _prec):
    p, rest = 1 / (1 + mpmath.exp(-y)), 1 / (1 + mpmath.exp(y))
    return p, rest, p**a * rest**b


def contract_survival(alpha, beta, c, t):
    """P(T > t): the mean of (1 - theta)^(t^c)."""
    with mpmath.workdps(DIGITS):
        power = mpf(t) ** mpf(c)
        return average_over_beta(lambda _, rest: rest**power, alpha, beta)


@cache
def bg_bb_sequence(alpha, beta, gamma, delta, x, t_x, n):
    """P(one given sequence of purchases): sum over the times of death, means over both mixing distributions.

    All terms are positive, so that half of the digits are enough.
    """
    with mpmath.workdps(DIGITS // 2):
        total = mpf(0)
        for j in range(t_x, n + 1):
            buys = average_over_beta(lambda p, rest, j=j: p**x * rest ** (j - x), alpha, beta)
            dies = average_over_beta(lambda q, rest, j=j: (q if j < n else 1) * rest**j, gamma, delta)
            total += buys * dies
        return total


def bg_bb_long(alpha, beta, gamma, delta, x, t_x, n):
    """Log of P(one given sequence), and P(alive at the last opportunity), from one opportunity to the next.

    The means over the mixing distributions are beta functions here. A further opportunity without a purchase multiplies
    them by the mean chance, given what came before.
    """
    with mpmath.workdps(DIGITS):
        alpha, beta, gamma, delta = map(mpf, (alpha, beta, gamma, delta))
        buys = mpmath.beta(alpha + x, beta + t_x - x) / mpmath.beta(alpha, beta)
        stays = mpmath.beta(gamma, delta + t_x) / mpmath.beta(gamma, delta)
        lost = mpf(0)
        for j in range(t_x, n):
            lost += buys * stays * gamma / (gamma + delta + j)
            buys *= (beta + j - x) / (alpha + beta + j)
            stays *= (delta + j) / (gamma + delta + j)
        alive = buys * stays
        return mpmath.log(lost + alive), alive / (lost + alive)


def bg_bb_future(alpha, beta, gamma, delta, x, n, count, horizon):
    """Purchases expected of a customer alive at the n-th opportunity, and P(count of the next `horizon`)."""
    with mpmath.workdps(DIGITS):
        a, b, g, d = mpf(alpha) + x, mpf(beta) + n - x, mpf(gamma), mpf(delta) + n
        stay, lives = mpf(1), mpf(0)
        for j in range(1, horizon + 1):
            stay *= (d + j - 1) / (g + d + j - 1)
            lives += stay
        buys, stays = mpmath.beta(a + count, b) / mpmath.beta(a, b), mpmath.beta(g, d + count) / mpmath.beta(g, d)
        ways, chance = mpf(1), mpf(0)
        for j in range(count, horizon + 1):  # opportunities that they live to see
            chance += ways * buys * stays * (g / (g + d + j) if j < horizon else 1)
            ways *= mpf(j + 1) / (j + 1 - count)
            buys *= (b + j - count) / (a + b + j)
            stays *= (d + j) / (g + d + j)
        return a / (a + b) * lives, chance


def bg_bb_stays(gamma, delta, j):
    """P(a new customer is alive at opportunity j)."""
    with mpmath.workdps(DIGITS // 2):
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


class GgompertzNbdMp:
    """GGompertz/NBD: purchases at the rate lambda, gamma(r, alpha); at the age u the rate of leaving b eta e^(bu).

    eta is gamma(s, beta), so the chance to stay until u is (beta / (beta + e^(bu) - 1))^s.
    """

    def __init__(self, r, alpha, b, s, beta):
        with mp.workdps(50):
            self.r, self.alpha, self.b, self.s, self.beta = _numbers(r, alpha, b, s, beta)

    def stay(self, u):
        return mp.exp(-self.s * mp.log1p(mp.expm1(self.b * u) / self.beta))

    def leave(self, u):
        """Density of leaving at u."""
        return self.stay(u) * self.s * self.b * mp.exp(self.b * u) / (self.beta + mp.expm1(self.b * u))

    def count(self, n, u, since=0, x=0):
        """Probability of n purchases within u, given x within `since`."""
        shape, scale = self.r + x, self.alpha + since
        ways = mp.exp(mp.loggamma(shape + n) - mp.loggamma(shape) - mp.loggamma(n + 1))
        return ways * (u / (scale + u)) ** n * (scale / (scale + u)) ** shape

    def integral(self, function, start, end, steep=1, around=()):
        """Integral, cut where the function changes: near the start, at given places, and by ages of 1/b."""
        if start == end:
            return mp.mpf(0)
        scale = min(self.alpha + start, (mp.exp(-self.b * start) * (self.beta - 1) + 1) / self.b, 1 / self.b)
        ends, step = {start, end, *(place for place in around if start < place < end)}, scale / steep
        at = start
        for _ in range(400):
            at += step
            if at >= end:
                break
            ends.add(at)
            step = min(2 * step, max(4 / self.b, (end - start) / 100))
        size = max(function(end) for end in ends)  # the rule takes what is small for exact
        return size * mp.quad(lambda u: function(u) / size, sorted(ends), method="gauss-legendre") if size else size

    def likelihood(self, x, t_x, age):
        """Alive, and left before the age: without the factor that both share."""
        power = self.r + x
        alive = (self.alpha + age) ** -power * self.stay(age)
        left = self.integral(lambda u: (self.alpha + u) ** -power * self.leave(u), t_x, age, steep=power + self.s)
        return alive, left

    def log_likelihood(self, x, t_x, age):
        with mp.workdps(50):
            t_x, age = _numbers(t_x, age)
            shared = mp.loggamma(self.r + x) - mp.loggamma(self.r) + self.r * mp.log(self.alpha)
            return shared + mp.log(sum(self.likelihood(int(x), t_x, age)))

    def prob_alive(self, x, t_x, age):
        with mp.workdps(50):
            t_x, age = _numbers(t_x, age)
            alive, left = self.likelihood(int(x), t_x, age)
            return alive / (alive + left)

    def stay_on(self, age, at):
        """Probability of customers who are alive at an age to be so later."""
        with mp.workdps(50):
            age, at = _numbers(age, at)
            return self.stay(age + at) / self.stay(age)

    def discounted(self, x, age, horizon, force=0):
        """Discounted purchases that are expected of customers who are alive; without a force all count in full."""
        with mp.workdps(50):
            age, horizon, force = _numbers(age, horizon, force)
            rate = (self.r + int(x)) / (self.alpha + age)
            time = self.integral(lambda u: mp.exp(-force * (u - age)) * self.stay(u), age, age + horizon, self.s)
            return rate * time / self.stay(age)

    def prob_purchases(self, x, age, n, horizon):
        """Probability of n purchases of customers who are alive."""
        with mp.workdps(50):
            age, horizon = _numbers(age, horizon)
            x, n = int(x), int(n)
            peak = n * (self.alpha + age) / (self.r + x)
            around = [age + peak * mp.exp(k / mp.sqrt(1 + min(n, self.r + x))) for k in range(-12, 13, 3)]
            left = self.integral(
                lambda u: self.count(n, u - age, age, x) * self.leave(u),
                age,
                age + horizon,
                self.r + x + self.s,
                around,
            )
            stays = self.count(n, horizon, age, x) * self.stay(age + horizon)
            return (stays + left) / self.stay(age)

    def likelihood_by_integration(self, x, t_x, age, digits=15):
        """Density of the history, integrated over eta and the moment of leaving."""
        with mp.workdps(digits):
            t_x, age = _numbers(t_x, age)
            ways = mp.gamma(self.r + x) / mp.gamma(self.r) * self.alpha**self.r

            def of_eta(eta):
                stays = lambda u: mp.exp(-eta * mp.expm1(self.b * u))  # noqa: E731 - a formula of the source
                leaves = lambda u: self.b * eta * mp.exp(self.b * u) * stays(u)  # noqa: E731 - likewise
                left = mp.quad(lambda u: (self.alpha + u) ** -(self.r + x) * leaves(u), [t_x, age])
                return ways * (left + (self.alpha + age) ** -(self.r + x) * stays(age))

            return _gamma_mean(self.s, self.beta, of_eta)


class TimeVaryingMp:
    """Pareto/NBD in which the rates of buying and leaving are lambda f(u) and mu g(u), f and g constant in periods.

    `ends` are the ends of the periods, `bought` and `left` the factors f and g in them.
    """

    def __init__(self, r, alpha, s, beta, ends, bought, left):
        with mp.workdps(50):
            self.r, self.alpha, self.s, self.beta = _numbers(r, alpha, s, beta)
            self.ends, self.bought, self.left = _numbers(*ends), _numbers(*bought), _numbers(*left)

    def factor(self, u, factors):
        return next((factor for end, factor in zip(self.ends, factors, strict=True) if u <= end), factors[-1])

    def grown(self, u, factors):
        """Integral of a factor from 0 to u."""
        total, begin = mp.mpf(0), mp.mpf(0)
        for end, factor in zip(self.ends, factors, strict=True):
            total += factor * max(min(u, end) - begin, 0)
            begin = end
        return total

    def not_bought(self, u, x):
        return (self.alpha + self.grown(u, self.bought)) ** -(self.r + x)

    def stay(self, u):
        return (self.beta / (self.beta + self.grown(u, self.left))) ** self.s

    def leave(self, u):
        return self.stay(u) * self.s * self.factor(u, self.left) / (self.beta + self.grown(u, self.left))

    def over(self, function, start, end):
        """Integral, cut at the ends of periods and, within them, by growing lengths."""
        cuts = [start, *(place for place in self.ends if start < place < end), end]
        total = mp.mpf(0)
        for low, high in itertools.pairwise(cuts):
            places = [low] + [low + (high - low) / 3**k for k in range(8, -1, -1)]
            size = function((low + high) / 2) or mp.mpf(1)
            inside = lambda u, size=size: function(u) / size  # noqa: E731 - likewise
            total += size * mp.quad(inside, places, method="gauss-legendre")
        return total

    def likelihood(self, x, t_x, age):
        alive = self.not_bought(age, x) * self.stay(age)
        left = self.over(lambda u: self.not_bought(u, x) * self.leave(u), t_x, age) if t_x < age else 0
        return alive, left

    def log_likelihood(self, times, age):
        """Of repeat purchases at some times."""
        with mp.workdps(50):
            times, (age,) = _numbers(*times), _numbers(age)
            x = len(times)
            shared = mp.loggamma(self.r + x) - mp.loggamma(self.r) + self.r * mp.log(self.alpha)
            shared += sum(mp.log(self.factor(time, self.bought)) for time in times)
            return shared + mp.log(sum(self.likelihood(x, max(times, default=mp.mpf(0)), age)))

    def prob_alive(self, times, age, at=0):
        with mp.workdps(50):
            times, (age, at) = _numbers(*times), _numbers(age, at)
            alive, left = self.likelihood(len(times), max(times, default=mp.mpf(0)), age)
            return alive / (alive + left) * self.stay(age + at) / self.stay(age)

    def discounted(self, times, age, horizon, force=0):
        with mp.workdps(50):
            alive = self.prob_alive(times, age)
            age, horizon, force = _numbers(age, horizon, force)
            rate = (self.r + len(times)) / (self.alpha + self.grown(age, self.bought))
            bought = lambda u: mp.exp(-force * (u - age)) * self.factor(u, self.bought) * self.stay(u)  # noqa: E731 - likewise
            return alive * rate * self.over(bought, age, age + horizon) / self.stay(age)

    def prob(self, times, age, n, horizon):
        """Probability of n purchases in a time after the age: averaged over the moment of leaving."""
        with mp.workdps(50):
            alive = self.prob_alive(times, age)
            age, horizon = _numbers(age, horizon)
            shape, scale = self.r + len(times), self.alpha + self.grown(age, self.bought)
            ways = mp.rf(shape, n) / mp.factorial(n)

            def exactly(u):
                q = self.grown(u, self.bought) - self.grown(age, self.bought)
                return ways * (scale / (scale + q)) ** shape * (q / (scale + q)) ** n

            end, total = age + horizon, mp.mpf(0)
            for low, high in itertools.pairwise([age, *(place for place in self.ends if age < place < end), end]):
                length = high - low
                places = {low + length / 3**k for k in range(12)} | {high - length / 3**k for k in range(1, 8)}
                places |= {low + length * k / 12 for k in range(12)}
                total += mp.quad(lambda u: exactly(u) * self.leave(u), sorted(places), method="gauss-legendre")
            found = alive / self.stay(age) * (self.stay(end) * exactly(end) + total)
            return found + 1 - alive if n == 0 else found

    def count(self, n, u, age, x):
        """Probability of n purchases from an age to the moment u."""
        shape, scale = self.r + x, self.alpha + self.grown(age, self.bought)
        time = self.grown(u, self.bought) - self.grown(age, self.bought)
        ways = mp.exp(mp.loggamma(shape + n) - mp.loggamma(shape) - mp.loggamma(n + 1))
        return ways * (time / (scale + time)) ** n * (scale / (scale + time)) ** shape

    def prob_purchases(self, x, age, n, horizon):
        """Probability of n purchases of customers who are alive: they make them and stay, or make them and leave."""
        with mp.workdps(50):
            age, horizon = _numbers(age, horizon)
            x, n = int(x), int(n)
            left = self.over(lambda u: self.count(n, u, age, x) * self.leave(u), age, age + horizon)
            return (self.count(n, age + horizon, age, x) * self.stay(age + horizon) + left) / self.stay(age)
