"""What BG/CNBD-k and MBG/CNBD-k have in common: purchases that come more regularly than at random.

While alive, a customer purchases at every k-th of events that come at random at the rate lambda, so the times between
purchases have an Erlang distribution of k steps. Rates, and the coin that is tossed after a purchase, are those of
:mod:`crmvalue._models.repeat.beta_geometric`; with k = 1 the models are the same.

Given that a customer with x repeat purchases, the last at t_x, is alive at the age T, there were j events since t_x, of
0 to k - 1, with a chance proportional to (r + k x)_j / j! ((T - t_x) / (alpha + T))^j, and lambda is gamma with
R = r + k x + j, alpha + T. So the number of events in w (alpha + T) is negative binomial. With n of them there are
N = floor((n + j) / k) attempts to purchase. Predictions are averages over N and over the beta distribution of p. They
are sums of positive terms over n where there are few, and else integrals over p of the generating function of N, which
is a sum over the k-th roots of unity.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from crmvalue._core.checks import require
from crmvalue._models.regular.erlang_for_life import purchases_for_life
from crmvalue._models.regular.erlang_moments import Customers, sums_at_moments
from crmvalue._models.regular.erlang_roots import purchases_given, survival_given
from crmvalue._models.repeat.beta_geometric import tosses_until_lost
from crmvalue._models.shared.numerics import (
    average_over_beta,
    count_tails,
    from_tables,
    gauss_legendre,
    log_rising,
    prob_of_count,
)
from crmvalue._models.shared.process import ContinuousProcess, Future, Past

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crmvalue.typing import Floats, Integers

__all__ = ["ErlangProcess", "waiting"]

_DISCOUNTED_AWAY = 45.0  # a discount of exp(-45) leaves nothing
_NEAR_ONE = -0.1  # log-likelihoods above this are those of near certainty
_MOST_EXPECTED = 1e15  # purchases of one simulated customer
_MOST_TERMS = 960.0  # events that are summed one by one; from 1,000 on the chance of no event can lose digits
_CELLS = 1 << 18  # of one block of sums
_MANY = 1 << 14  # from so many rows on, most of them come from tables
_ROWS = 1 << 10  # at a time in the discounted sum


@attrs.frozen
class ErlangProcess(ContinuousProcess):
    """Parameters of either model, the steps k, and the number of tosses before the first repeat purchase."""

    k: int
    r: float
    alpha: Floats | float
    a: Floats | float
    b: Floats | float
    early: int

    closed_form: ClassVar[bool] = True
    recalls: ClassVar[bool] = True
    tail_in_closed_form: ClassVar[bool] = True

    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-likelihood of each row, but for what the times between purchases add; it has no parameters but k."""
        from scipy.special import betainc

        events, tosses = self.k * x, x + self.early
        until_now = self.alpha + age
        log_waiting = np.log(self._waiting(x, t_x, age).sum(axis=0))
        odds = self._log_odds_lost(x, t_x, age, log_waiting)
        found: Floats = (
            log_rising(self.r, events)
            + log_rising(self.b, tosses)
            - log_rising(self.a + self.b, tosses)
            - self.r * np.log1p(age / self.alpha)
            - events * np.log(until_now)
            + log_waiting
            + (np.maximum(odds, 0.0) + np.log1p(np.exp(-np.abs(odds))))
        )
        near = (x == 0) & (found > _NEAR_ONE)  # a likelihood near 1 hides the digits of the chance of a purchase
        if near.any():
            stay = self.b / (self.a + self.b) if self.early else 1.0
            bought = betainc(float(self.k), self.r, age / until_now)
            found = np.where(near, np.log1p(-np.minimum(stay * bought, 0.5)), found)
        return found

    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability to be alive, and to be lost."""
        from scipy.special import expit

        odds = self._log_odds_lost(x, t_x, age, np.log(self._waiting(x, t_x, age).sum(axis=0)))
        return expit(-odds), expit(odds)

    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Average of the chance to survive N tosses."""
        return np.minimum(self._over_steps(past, ahead, _Sums.survival, survival_given), 1.0)

    def purchases(self, past: Past, ahead: Floats) -> Floats:
        """Average of the purchases made in N attempts."""
        return self._over_steps(past, ahead, _Sums.purchases, purchases_given)

    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Discounted purchases, for life or up to a horizon, some rows at a time."""
        found = np.empty(len(past.x))
        for_life = force * ahead >= _DISCOUNTED_AWAY if force else np.zeros(len(found), dtype=bool)
        for start in range(0, len(found), _ROWS):
            rows = np.arange(start, min(start + _ROWS, len(found)))
            far, near = rows[for_life[rows]], rows[~for_life[rows]]
            if len(far):
                found[far] = ErlangProcess._for_life(self.of_rows(far), past.of_rows(far), force)
            if len(near):
                found[near] = ErlangProcess._discounted(self.of_rows(near), past.of_rows(near), ahead[near], force)
        return found

    def at_moments(self, past: Past, moment: Floats, weight: Floats, *, stay: bool) -> Floats:
        """Sum over moments, with nodes of p that customers share where each has a distribution of their own."""
        shape, ruler = self.r + self.k * past.x, np.broadcast_to(self.alpha + past.age, past.x.shape)
        many = _n_terms(shape, moment.max(initial=0.0) / ruler) > _MOST_TERMS
        if not many.any() or not (np.ndim(self.a) or np.ndim(self.b)):
            return ContinuousProcess.at_moments(self, past, moment, weight, stay=stay)
        if not many.all():
            found = np.empty(len(many))
            for rows in (np.flatnonzero(many), np.flatnonzero(~many)):
                found[rows] = self.of_rows(rows).at_moments(past.of_rows(rows), moment, weight, stay=stay)
            return found
        a, left = np.broadcast_to(self.a, shape.shape), self.b + past.x + self.early
        customers = Customers(past.x, shape, ruler, a, left, self._steps(past))
        return sums_at_moments(customers, moment, weight, stay=stay)

    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases: alive to the end, or lost at the n-th."""
        from scipy.special import betainc

        left = past.x + self.early + self.b
        w = ahead / (self.alpha + past.age)
        kept = np.exp(log_rising(left, n) - log_rising(self.a + left, n))
        before = np.where(n > 0, n - 1.0, 0.0)
        lost_at_last = np.exp(log_rising(left, before) - log_rising(self.a + left, before)) * self.a
        lost_at_last /= self.a + left + before
        found = np.zeros(len(n))
        for j, chance in enumerate(self._steps(past)):
            shape = self.r + self.k * past.x + j
            exactly = np.zeros(len(n))
            for m in range(self.k):
                count = n * self.k - j + m
                exactly += np.where(count >= 0, prob_of_count(np.maximum(count, 0.0), shape, w), 0.0)
            reached = betainc(np.maximum(n * self.k - j, 1.0), shape, w / (1.0 + w))
            found += chance * (kept * exactly + np.where(n > 0, lost_at_last * reached, 0.0))
        return found

    def ways(self, past: Past) -> Floats:
        """Chances to be alive with 0 to k - 1 events since the last purchase."""
        return self.alive(*past) * self._steps(past)

    def tails(self, past: Past, ahead: Floats) -> Iterator[Floats]:
        """Multiply the chance of enough events by that to survive all tosses but the last."""
        w = ahead / (self.alpha + past.age)
        events = [count_tails(self.r + self.k * past.x + j, w) for j in range(self.k)]
        for j, tails in enumerate(events):  # k - j events make the first purchase
            for _ in range(self.k - j - 1):
                next(tails)
        kept = np.ones(len(past.x))
        left = past.x + self.early + self.b
        for n in count():
            yield kept * np.array([next(tails) for tails in events])
            kept = kept * ((left + n) / (self.a + left + n))
            for tails in events:
                for _ in range(self.k - 1):
                    next(tails)

    def tail(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Multiply the chance of enough events by that to survive all tosses but the last."""
        from scipy.special import betainc

        left = past.x + self.early + self.b
        kept = np.exp(log_rising(left, n - 1.0) - log_rising(self.a + left, n - 1.0))
        part = ahead / (self.alpha + past.age + ahead)
        shape = self.r + self.k * past.x
        found: Floats = kept * np.array([betainc(n * self.k - j, shape + j, part) for j in range(self.k)])
        return found

    def shape_of_counts(self, past: Past) -> tuple[float, Floats]:
        """Give the steps, and the shape of the rate of events."""
        return float(self.k), self.r + self.k * past.x

    def simulate(self, age: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw purchases up to an age: every k-th of random events, but for those after the last toss."""
        n = len(age)
        rate = rng.gamma(self.r, 1.0, n) / self.alpha
        require(rate * age <= _MOST_EXPECTED, "ages", age, f"so short that no customer buys {_MOST_EXPECTED:.0e} times")
        last_toss = tosses_until_lost(rng.beta(self.a, self.b, n), rng)
        events = rng.poisson(rate * age).astype(np.float64)
        x = np.minimum(np.floor(events / self.k), last_toss - self.early)
        bought = x > 0
        last = np.zeros(n)  # of the events, uniform over the age, the kx-th in time
        nth = self.k * x[bought]
        last[bought] = rng.beta(nth, events[bought] - nth + 1.0) * age[bought]
        last[bought] = np.maximum(last[bought], np.minimum(1e-100, age[bought]))
        return x, np.minimum(last, age)

    def draw_future(self, past: Past, owner: Integers, end: float, rng: np.random.Generator) -> Future:
        """Draw futures; a customer who is lost within the horizon is lost at a purchase."""
        chances = np.cumsum(self._steps(past), axis=0)[:, owner]
        j = (rng.random(len(owner)) > chances[:-1]).sum(axis=0).astype(np.float64)
        rate = rng.standard_gamma((self.r + self.k * past.x)[owner] + j) / (self.alpha + past.age)[owner]
        tosses = past.x + self.early
        last = tosses_until_lost(rng.beta(np.broadcast_to(self.a, tosses.shape)[owner], (self.b + tosses)[owner]), rng)
        events = rng.poisson(np.minimum(rate * end, _MOST_EXPECTED)).astype(np.float64)
        attempts = np.floor((events + j) / self.k)
        leaves = attempts >= last
        stay = np.full(len(owner), end)  # the m-th of n points that are uniform on (0, 1) is beta(m, n - m + 1)
        nth = self.k * last[leaves] - j[leaves]
        stay[leaves] *= rng.beta(nth, events[leaves] - nth + 1.0)
        return Future(stay, np.where(leaves, last - 1.0, attempts), leaves.astype(np.float64))

    def _waiting(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        return waiting(self.k, self.r + self.k * x, (age - t_x) / (self.alpha + age))

    def _steps(self, past: Past) -> Floats:
        """Chances of 0 to k - 1 events since the last purchase, shape (k, rows)."""
        terms = self._waiting(*past)
        found: Floats = terms / terms.sum(axis=0)
        return found

    def _log_odds_lost(self, x: Floats, t_x: Floats, age: Floats, log_waiting: Floats) -> Floats:
        """Logarithm of the odds of being lost at the last purchase; minus infinity where that could not happen."""
        tosses = x + self.early
        odds = np.full(x.shape, -np.inf)
        could = tosses > 0
        since = np.log1p((age - t_x) / (self.alpha + t_x))
        np.add(
            np.log(self.a) - np.log(np.where(could, (tosses - 1.0) + self.b, 1.0)),
            (self.r + self.k * x) * since - log_waiting,
            out=odds,
            where=could,
        )
        return odds

    def _over_steps(
        self,
        past: Past,
        ahead: Floats,
        of_counts: Callable[[_Sums], Floats],
        of_chance: Callable[..., Floats],
    ) -> Floats:
        """Average over the events since the last purchase, of what is a sum over events to come or an integral."""
        w = ahead / (self.alpha + past.age)
        found = np.zeros(len(w))
        for j, chance in enumerate(self._steps(past)):
            asked = chance > 0
            if asked.any():
                found[asked] += chance[asked] * self._with_step(j, asked, past, w, of_counts, of_chance)
        return found

    def _with_step(
        self,
        j: int,
        rows: Any,
        past: Past,
        w: Floats,
        of_counts: Callable[[_Sums], Floats],
        of_chance: Callable[..., Floats],
    ) -> Floats:
        """Do it for some rows, given that there were j events since the last purchase."""
        here, x, w = self.of_rows(rows), past.x[rows], w[rows]
        if len(w) < _MANY:
            return here._one_by_one(j, x, w, of_counts, of_chance)  # noqa: SLF001 - of the same class

        def exactly(some: Integers, ahead: Floats) -> Floats:
            return here.of_rows(some)._one_by_one(j, x[some], ahead, of_counts, of_chance)  # noqa: SLF001 - the same

        own = [np.asarray(column) for column in (here.a, here.b) if np.ndim(column)]
        return from_tables(exactly, w, here.r + here.k * x + j, x, *own)

    def _one_by_one(
        self, j: int, x: Floats, w: Floats, of_counts: Callable[[_Sums], Floats], of_chance: Callable[..., Floats]
    ) -> Floats:
        """Do it for rows with these purchases and times ahead over alpha + T."""
        shape, left = self.r + self.k * x + j, self.b + x + self.early
        terms = _n_terms(shape, w)
        few = terms <= _MOST_TERMS
        found = np.empty(len(w))
        if few.any():
            loss = self.a if np.ndim(self.a) == 0 else self.a[few]  # type: ignore[index]  # it is a column
            sums = _Sums(self.k, j, shape[few], w[few], loss, left[few], terms[few])
            found[few] = of_counts(sums)
        many = ~few
        if many.any():
            loss = self.a if np.ndim(self.a) == 0 else self.a[many]  # type: ignore[index]  # it is a column

            def function(p: Floats, power: Floats | float, w: Floats) -> Floats:
                return of_chance(self.k, j, p, power, w)

            found[many] = average_over_beta(function, a=loss, b=left[many], power=shape[many], w=w[many])
        return found

    def _for_life(self, past: Past, force: float) -> Floats:
        """Discounted purchases without an end."""
        until_now = self.alpha + past.age
        shape, left = self.r + self.k * past.x, self.b + past.x + self.early
        return purchases_for_life(self.k, shape, (past.age - past.t_x) / until_now, force * until_now, self.a, left)

    def _discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Discounted purchases by parts: those at the end, and the interest on those before."""
        if force == 0.0:
            return self.purchases(past, ahead)
        ruler = self.alpha + past.age
        kappa = force * ruler
        rho = self.r + self.k * (past.x + 1.0) + kappa
        span = np.log1p(rho * (ahead / ruler))
        # Very regular customers with many purchases make purchases that rise in steps. With two thirds of these nodes
        # the sum was wrong in the eleventh digit, and above that of the whole life.
        steps = 1.5 * (1.0 + 0.16 * (self.k - 3)) if self.k > 3 else 1.0
        node, weight = gauss_legendre(int(steps * (14 + 4 * span.max(initial=0.0))))
        grown = np.exp(span[:, np.newaxis] * node)
        u = np.expm1(span[:, np.newaxis] * node) / rho[:, np.newaxis] * np.broadcast_to(ruler, rho.shape)[:, np.newaxis]
        again = np.repeat(np.arange(len(ahead)), u.shape[1])
        upto = self.of_rows(again).purchases(past.of_rows(again), u.ravel()).reshape(u.shape)
        interest = (weight * grown * np.exp(-force * u) * upto).sum(axis=1) * span / rho * kappa
        found: Floats = interest + np.exp(-force * ahead) * self.purchases(past, ahead)
        return found


def _n_terms(shape: Floats, w: Floats) -> Floats:
    """Events that matter of a negative binomial number (shape, w) of them."""
    found: Floats = shape * w + 9.0 * np.sqrt(shape * w * (1.0 + w)) + 40.0 * (1.0 + w)
    return found


def waiting(k: int, shape: Floats, part: Floats) -> Floats:
    """Terms (shape)_j / j! part^j of k steps j, shape (k, rows): the chances of j events, but for a factor."""
    terms = np.ones((k, len(part)))
    for j in range(1, k):
        terms[j] = terms[j - 1] * ((shape + (j - 1.0)) * part / j)
    return terms


@attrs.frozen
class _Sums:
    """Sums over the number n of events, which is negative binomial (shape, w), for rows with few of them."""

    k: int
    j: int
    shape: Floats
    w: Floats
    a: Floats | float
    left: Floats  # the second parameter of the beta distribution of p
    terms: Floats  # events that matter

    def survival(self) -> Floats:
        """Average chance to survive all attempts."""
        return self._over(lambda kept, _: kept)

    def purchases(self) -> Floats:
        """Average number of purchases made in the attempts."""
        return self._over(lambda _, made: made)

    def _over(self, value: Callable[[Floats, Floats], Floats]) -> Floats:
        """Sum value(chance to survive N tosses, purchases made in N attempts) over n, some rows at a time."""
        order = np.argsort(self.terms, kind="stable")
        found = np.empty(len(order))
        for start in range(0, len(order), _CELLS // 16):
            rows = order[start : start + _CELLS // 16]
            found[rows] = self._block(rows, value)
        return found

    def _block(self, rows: Integers, value: Callable[[Floats, Floats], Floats]) -> Floats:
        shape, w, left = self.shape[rows], self.w[rows], self.left[rows]
        both = left + (self.a if np.ndim(self.a) == 0 else self.a[rows])  # type: ignore[index]  # it is a column
        ratio = w / (1.0 + w)
        chance = np.exp(-shape * np.log1p(w))
        kept, made, total = np.ones(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
        attempts = 0
        for n in range(int(self.terms[rows[-1]]) + 1):
            if n:
                chance *= ratio * ((shape + (n - 1.0)) / n)
            if (n + self.j) // self.k > attempts:
                made += kept
                kept *= (left + attempts) / (both + attempts)
                attempts += 1
            total += chance * value(kept, made)
        return total
