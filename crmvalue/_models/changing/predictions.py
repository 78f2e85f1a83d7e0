"""What customers with time-varying covariates will do who are alive, one row each.

For a customer who is alive at the end of observation, the rate of purchases is gamma(r + x, alpha) and that of leaving
gamma(s, beta), each time measured by its own clock and alpha, beta being those of now. Within a period both clocks run
evenly, so everything is a sum over periods. At the time v of a period

    q = a + f v, p = b + g v

are what the clock of purchases has run since now, and beta with what that of leaving has run. Who leaves then has made
n purchases with the probability of a negative binomial distribution in q / alpha.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._models.changing.pieces import in_rows
from crmvalue._models.repeat.pareto_nbd_predictions import discounted_time, log_integral
from crmvalue._models.shared.numerics import count_tails, gauss_legendre, log_rising
from crmvalue._models.shared.process import Past, Process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from crmvalue._models.changing.pieces import Pieces
    from crmvalue.typing import Floats, Integers

__all__ = ["Futures", "ProcessOfKnown"]

_PANEL = 1.0  # of the logarithm of time, in a rule for one count
_SPREAD = 2.0  # longest panel of a rule for all counts, in standard deviations of a count and as a logarithm of time
_NODES = 12
_EVEN = 4.0  # nats by which an integrand may change under one such rule: that errs by less than 1e-14


@attrs.frozen(eq=False)
class Futures:
    """The time of customers after the end of observation in periods, those of a customer in a row."""

    begins: Integers  # first period of each customer
    n: Integers
    end: Floats  # of each period, since the end of observation
    length: Floats
    bought: Floats  # factor of the rate of purchases
    left: Floats

    @classmethod
    def of(cls, pieces: Pieces, bought: Floats, left: Floats) -> Futures:
        """Take those of all customers, with the factors of the periods of their history."""
        n = np.bincount(pieces.owner, minlength=pieces.n_customers)
        period = pieces.period
        return cls(np.cumsum(n) - n, n, pieces.since + pieces.length, pieces.length, bought[period], left[period])

    def upto(self, customers: Integers, ahead: Floats) -> Pieces:
        """Cut the time of some customers, who may come more than once, a time after the end of observation."""
        n = self.n[customers]
        owner = np.repeat(np.arange(len(customers)), n)
        place = np.arange(len(owner)) + np.repeat(self.begins[customers] - (np.cumsum(n) - n), n)
        begin = self.end[place] - self.length[place]
        length = np.minimum(self.length[place], ahead[owner] - begin)
        kept = np.flatnonzero(length > 0)
        return in_rows(len(customers), owner[kept], place[kept], begin[kept], length[kept])


class _Parts(NamedTuple):
    """Pieces of the future: whose, how long, and both clocks in them."""

    pieces: Pieces
    f: Floats
    g: Floats
    a: Floats  # that of purchases at the start, from 0
    b: Floats  # that of leaving, from beta
    at_end: tuple[Floats, Floats]  # the same of each row

    @property
    def owner(self) -> Integers:
        """Row of each piece."""
        return self.pieces.owner


@attrs.frozen
class ProcessOfKnown(Process):
    """Parameters of customers as they are at the end of observation, and what they did until then."""

    r: float
    s: float
    futures: Futures
    alpha: Floats
    beta: Floats
    log_odds: Floats  # of having left
    log_past: Floats
    customer: Floats  # place among the futures

    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-likelihood of each row, whose past is known."""
        del x, t_x, age
        return self.log_past

    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability to be alive, and to be lost."""
        from scipy.special import expit

        del x, t_x, age
        return expit(-self.log_odds), expit(self.log_odds)

    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Probability not to leave."""
        del past
        return np.exp(self._log_stays(self._parts(ahead)))

    def purchases(self, past: Past, ahead: Floats) -> Floats:
        """Purchases at the mean rate over the time as a customer, by the clock of purchases."""
        return self.discounted(past, ahead, 0.0)

    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Give the same over the discounted time."""
        parts = self._parts(ahead)
        return (self.r + past.x) / self.alpha * self._time(parts, parts.f, force)

    def stay(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Discounted time as a customer."""
        del past
        parts = self._parts(ahead)
        return self._time(parts, np.ones_like(parts.f), force)

    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases: the customer makes them and stays, or makes them and leaves in some period."""
        from scipy.special import gammaln, xlogy

        parts, r = self._parts(ahead), self.r + past.x
        ways = log_rising(r, n) - gammaln(n + 1.0)
        z = parts.at_end[0] / self.alpha
        stays = xlogy(n, z / (1.0 + z)) - r * np.log1p(z) + self._log_stays(parts)
        leaves = np.full(len(n), -np.inf)
        if len(parts.owner):
            leaves = parts.pieces.log_sums(_log_leaves(parts, n, r, self.s, self.alpha, self.beta))
        found: Floats = np.where(ahead > 0, np.exp(np.minimum(ways + np.logaddexp(stays, leaves), 0.0)), n == 0)
        return found

    def tails(self, past: Past, ahead: Floats) -> Iterator[Floats]:
        """Purchases until leaving, or to the end: one rule over the time of leaving serves for all counts."""
        parts, r = self._parts(ahead), self.r + past.x
        owner, q, weight = _rule(parts, r, self.s, self.alpha, self.beta)
        owner = np.concatenate((owner, np.arange(len(r))))
        q = np.concatenate((q, parts.at_end[0]))
        weight = np.concatenate((weight, np.exp(self._log_stays(parts))))
        for tail in count_tails(r[owner], q / self.alpha[owner]):
            yield np.bincount(owner, weight * tail, len(r)).astype(np.float64)[np.newaxis]

    def distinct(self, *columns: Floats) -> tuple[Self, list[Floats], Integers]:
        """Give each row: customers have a future of their own."""
        return self, list(columns), np.arange(len(self.alpha))

    def of_rows(self, rows: Any) -> Self:
        """Give the parameters of some rows."""
        names = ("alpha", "beta", "log_odds", "log_past", "customer")
        return attrs.evolve(self, **{name: getattr(self, name)[rows] for name in names})

    def _parts(self, ahead: Floats) -> _Parts:
        pieces = self.futures.upto(self.customer.astype(np.int64), ahead)
        bought, left, nothing = self.futures.bought, self.futures.left, np.zeros(len(self.alpha))
        return _Parts(
            pieces,
            bought[pieces.period],
            left[pieces.period],
            pieces.levels(nothing, bought),
            pieces.levels(self.beta, left),
            (pieces.totals(bought), pieces.totals(left)),
        )

    def _log_stays(self, parts: _Parts) -> Floats:
        found: Floats = -self.s * np.log1p(parts.at_end[1] / self.beta)
        return found

    def _time(self, parts: _Parts, rate: Floats, force: float) -> Floats:
        """Integral of a rate over the discounted time as a customer."""
        stays = -self.s * np.log(parts.b / self.beta[parts.owner]) - force * parts.pieces.since
        time = discounted_time(force, self.s, parts.b / parts.g, parts.pieces.length)
        return np.bincount(parts.owner, rate * np.exp(stays) * time, len(self.alpha)).astype(np.float64)


class _Integrand(NamedTuple):
    """Chance to leave after n purchases, but for the ways to put these, in the logarithm w of 1 + v / m of each piece.

    It is s g / p (beta / p)^s times alpha^r q^n / (alpha + q)^(r + n), with dv = (m + v) dw; w is counted from `begin`.
    """

    s: float
    n: Floats
    r: Floats
    alpha: Floats
    beta: Floats
    f: Floats
    g: Floats
    a: Floats
    b: Floats
    m: Floats
    begin: Floats

    def of_rows(self, rows: Any) -> _Integrand:
        """Give some of the pieces."""
        return _Integrand(self.s, *(column[rows] for column in self[1:]))

    def log(self, w: Floats) -> Floats:
        """Logarithm of the integrand."""
        from scipy.special import xlogy

        v = self.m * np.expm1(self.begin + w)
        q, p = self.a + self.f * v, self.b + self.g * v
        bought = xlogy(self.n, q / (self.alpha + q)) - self.r * np.log1p(q / self.alpha)
        left = self.s * np.log1p((p - self.beta) / self.beta) - np.log(self.s * self.g * self.m / p)
        found: Floats = self.begin + w + bought - left
        return found

    def slope(self, w: Floats) -> Floats:
        """Slope of that logarithm."""
        v = self.m * np.expm1(self.begin + w)
        q, p = self.a + self.f * v, self.b + self.g * v
        of_n = np.divide(self.n * self.alpha, q, out=np.full_like(q, np.inf), where=q > 0)
        of_n = np.where(self.n > 0, of_n, 0.0)
        found: Floats = 1.0 + (self.m + v) * (self.f * (of_n - self.r) / (self.alpha + q) - (self.s + 1.0) * self.g / p)
        return found

    def nats(self, width: Floats) -> Floats:
        """By how much that logarithm changes at most: each term of the slope is largest at an end."""
        far = self.m * np.expm1(width)
        first = np.divide(self.f * self.m, self.a, out=np.full_like(far, np.inf), where=self.a > 0)
        last = self.f * (self.m + far) / (self.a + self.f * far)
        of_n = np.multiply(self.n, np.maximum(first, last), out=np.zeros_like(far), where=self.n > 0)
        found: Floats = (of_n + self.r + self.s + 2.0) * width
        return found


def _log_leaves(parts: _Parts, n: Floats, r: Floats, s: float, alpha: Floats, beta: Floats) -> Floats:
    """Logarithm of the chance to leave in each piece after n purchases, but for the ways to put these.

    In the logarithm of alpha + q the integrand has one peak if p = 0 comes later than alpha + q = 0 on the way back. If
    not, it has one in that of p if q = 0 comes later than p = 0. Else it may fall before it rises to the peak: then it
    is cut at the lowest place, which solves s q (alpha + q) = (q - e) (n alpha - r q), where q - e is p in the unit of
    q. Where it changes little within a piece, one short rule is enough.
    """
    n, r, alpha, beta = (column[parts.owner] for column in (n, r, alpha, beta))
    f, g, a, b, length = parts.f, parts.g, parts.a, parts.b, parts.pieces.length
    by_alpha, by_beta = (alpha + a) / f, b / g  # the way back to alpha + q = 0, and to p = 0
    of_beta = by_beta <= by_alpha
    m = np.where(of_beta, by_beta, by_alpha)
    whole = _Integrand(s, n, r, alpha, beta, f, g, a, b, m, np.zeros(len(m)))
    width = np.log1p(length / m)
    even = (width <= _PANEL) & (whole.nats(width) <= _EVEN)
    found = np.empty(len(m))
    if even.any():
        found[even] = _log_short(whole.of_rows(even), width[even])
    rows = np.flatnonzero(~even)
    if len(rows):
        lowest = np.where(of_beta, _lowest(n, r, s, alpha, a - by_beta * f), 0.0)
        turn = np.log1p(np.clip((lowest - a) / f, 0.0, length) / m)
        rising = whole.of_rows(rows)._replace(begin=turn[rows])
        found[rows] = log_integral(rising.log, rising.slope, (width - turn)[rows], _PANEL)
        rows = rows[turn[rows] > 0]
    if len(rows):
        falling = whole.of_rows(rows)
        found[rows] = np.logaddexp(found[rows], log_integral(falling.log, falling.slope, turn[rows], _PANEL))
    return found


def _log_short(integrand: _Integrand, width: Floats) -> Floats:
    """Logarithm of the integral of what changes little, by one rule."""
    logs = [integrand.log(width * node) for node in gauss_legendre(_NODES)[0].tolist()]
    top = np.maximum.reduce(logs)
    terms = zip(gauss_legendre(_NODES)[1].tolist(), logs, strict=True)
    found: Floats = top + np.log(width * sum(weight * np.exp(log - top) for weight, log in terms))
    return found


def _lowest(n: Floats, r: Floats, s: float, alpha: Floats, e: Floats) -> Floats:
    """Smaller root of (s + r) q^2 - (n alpha + r e - s alpha) q + n alpha e; 0 where there is none above 0."""
    half = 0.5 * (n * alpha + r * e - s * alpha)
    rest = half * half - (s + r) * n * alpha * e
    real = (e > 0) & (half > 0) & (rest > 0)
    root = half + np.sqrt(np.where(real, rest, 0.0))
    return np.divide(n * alpha * e, root, out=np.zeros_like(half), where=real)


def _rule(parts: _Parts, r: Floats, s: float, alpha: Floats, beta: Floats) -> tuple[Integers, Floats, Floats]:
    """Rows, places of the clock of purchases and weights of a rule over the time of leaving.

    Its panels are short beside the spread of a count, and beside the ways back to where the integrand has no value.
    """
    owner, length = parts.owner, parts.pieces.length
    f, g, a, b = parts.f, parts.g, parts.a, parts.b
    ruler, alpha_of = 2.0 * np.sqrt(r)[owner], alpha[owner]
    low, high = (ruler * np.arcsinh(np.sqrt(q / alpha_of)) for q in (a, a + f * length))
    piece, share = _cut((high - low) / _SPREAD)
    edge = low[piece] + (high - low)[piece] * share
    v = (alpha_of[piece] * np.sinh(edge / ruler[piece]) ** 2 - a[piece]) / f[piece]
    v = np.clip(np.where(share == 0.0, 0.0, np.where(share == 1.0, length[piece], v)), 0.0, length[piece])

    m = np.minimum((alpha_of + a) / f, b / g)[piece]
    low, high = np.log1p(v / m)
    part, share = _cut((high - low) / _SPREAD)
    edge = m[part] * np.expm1(low[part] + (high - low)[part] * share)
    begin, end = np.where(share == 0.0, v[0, part], np.where(share == 1.0, v[1, part], edge))

    node, weight = gauss_legendre(_NODES)
    row = np.repeat(piece[part], _NODES)
    v = (begin[:, np.newaxis] + (end - begin)[:, np.newaxis] * node).ravel()
    width = ((end - begin)[:, np.newaxis] * weight).ravel()
    p = b[row] + g[row] * v
    leaving = s * g[row] / p * np.exp(-s * np.log(p / beta[owner[row]]))
    return owner[row], a[row] + f[row] * v, width * leaving


def _cut(n: Floats) -> tuple[Integers, Floats]:
    """Cut each row into n parts or more: row of each part, and its ends in [0, 1], shape (2, parts)."""
    n_parts = np.maximum(np.ceil(n), 1.0).astype(np.int64)
    row = np.repeat(np.arange(len(n)), n_parts)
    rank = np.arange(len(row)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
    share = np.stack((rank, rank + 1)) / n_parts[row]
    return row, share
