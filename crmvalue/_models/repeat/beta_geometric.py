"""What BG/NBD and MBG/NBD have in common: everything but one toss of a coin.

While alive a customer purchases at random times at the rate lambda, which differs between customers by a gamma
distribution of shape r and rate alpha. After each **repeat** purchase (BG/NBD), or after each purchase including the
first (MBG/NBD), the customer is lost with probability p, which differs by a beta distribution (a, b). `early` counts
the tosses of that coin before the first repeat purchase: 0 or 1.

Given that a customer with x repeat purchases up to the age T is alive, lambda and p are independent: gamma with
R = r + x, alpha + T, and beta with a, B = b + x + early. With lambda integrated out, the chance to stay alive for
another w (alpha + T) is (1 + p w)^-R. All predictions are averages of such positive functions over the beta
distribution, so nothing cancels and neither a = 1 nor a large x is special.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._core.checks import as_column, as_positive, require
from crmvalue._core.keys import distinct_keys, row_keys
from crmvalue._models.shared.common import as_horizon, as_n, as_rng, check_history, per_customer
from crmvalue._models.shared.numerics import average_over_beta, gauss_legendre, log_rising
from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseHistory

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.purchases import TimeUnit
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

__all__ = ["Core"]

_DISCOUNTED_AWAY = 45.0  # a discount of exp(-45) leaves nothing
_NEAR_ONE = -0.1  # log-likelihoods above this are those of near certainty
_ROWS = 1 << 14  # at a time in the discounted sum
_MOST_EXPECTED = 1e15  # purchases of one simulated customer


class Core(NamedTuple):
    """Parameters of either model, and whether the coin is tossed before the first repeat purchase.

    Where customers have covariates, `alpha`, `a` and `b` may hold a value for each customer of the history.
    """

    r: float
    alpha: Floats | float
    a: Floats | float
    b: Floats | float
    time_unit: TimeUnit
    early: int

    def log_likelihood(self, history: PurchaseHistory) -> Floats:
        """Log-likelihood of each customer."""
        check_history(history, self.time_unit)
        here, (x, t_x, age), inverse = self._distinct(history.frequency, history.recency, history.age)
        tosses = x + here.early
        alive = (
            log_rising(here.r, x)
            + log_rising(here.b, tosses)
            - log_rising(here.a + here.b, tosses)
            - here.r * np.log1p(age / here.alpha)
            - x * np.log(here.alpha + age)
        )
        found = alive + np.logaddexp(0.0, here.log_odds_lost(x, t_x, age))
        if (
            self.early
        ):  # nobody is expected to buy: the chance of a purchase has the digits that a likelihood near 1 hides
            chance = here.b / (here.a + here.b) * -np.expm1(-here.r * np.log1p(age / here.alpha))
            found = np.where((x == 0) & (found > _NEAR_ONE), np.log1p(-chance), found)
        each: Floats = found[inverse]
        return each

    def prob_alive(self, history: PurchaseHistory, at: ArrayLike) -> Floats:
        """Probability of each customer to be alive `at` time units after the end of observation."""
        check_history(history, self.time_unit)
        later = per_customer("at", as_horizon("at", at), len(history))
        now = self._prob_alive_now(history)
        return now * np.minimum(self._average(history, later, _survival), 1.0) if later.any() else now

    def expected_purchases(self, history: PurchaseHistory, horizon: ArrayLike) -> Floats:
        """Give the expected number of purchases of each customer within the horizon."""
        check_history(history, self.time_unit)
        ahead = per_customer("horizon", as_horizon("horizon", horizon), len(history))
        return self._prob_alive_now(history) * self._average(history, ahead, _purchases)

    def discounted(self, history: PurchaseHistory, discount_rate: ArrayLike, horizon: ArrayLike | None) -> Floats:
        """Sum the expected purchases of each customer, each counting (1 + d)^-s at the time s ahead."""
        check_history(history, self.time_unit)
        force = math.log1p(as_positive("discount_rate", discount_rate, zero=horizon is not None))
        ahead = np.asarray(np.inf) if horizon is None else as_horizon("horizon", horizon)
        ahead = per_customer("horizon", ahead, len(history))
        here, (x, age, until), inverse = self._distinct(history.frequency, history.age, ahead)
        value = here.discounted_given_alive(x, age, until, force)
        return self._prob_alive_now(history) * value[inverse]

    def prob_purchases(self, history: PurchaseHistory, n: ArrayLike, horizon: ArrayLike) -> Floats:
        """Probability of each customer to make n purchases within the horizon."""
        check_history(history, self.time_unit)
        count = per_customer("n", as_n(n), len(history))
        ahead = per_customer("horizon", as_horizon("horizon", horizon), len(history))
        here, (x, age, until, wanted), inverse = self._distinct(history.frequency, history.age, ahead, count)
        given_alive = here.prob_given_alive(x, age, wanted, until)[inverse]
        alive = self._prob_alive_now(history)
        lost = self._prob_alive_now(history, lost=True)
        return alive * given_alive + np.where(count == 0, lost, 0.0)

    def expected_purchases_new(self, horizon: ArrayLike) -> FloatOrArray:
        """Give the expected number of repeat purchases of a new customer within the horizon."""
        return self._of_newcomers(self.expected_purchases, as_horizon("horizon", horizon))

    def discounted_new(self, discount_rate: ArrayLike, horizon: ArrayLike | None) -> FloatOrArray:
        """Discounted expected repeat purchases of a new customer."""
        if horizon is None:
            newcomer = self._newcomers(1)
            return np.float64(self.discounted(newcomer, discount_rate, None)[0])
        return self._of_newcomers(
            lambda new, ahead: self.discounted(new, discount_rate, ahead), as_horizon("horizon", horizon)
        )

    def prob_purchases_new(self, n: ArrayLike, horizon: ArrayLike) -> FloatOrArray:
        """Probability of n repeat purchases of a new customer within the horizon."""
        count, ahead = as_n(n), as_horizon("horizon", horizon)
        try:
            count, ahead = np.broadcast_arrays(count, ahead)
        except ValueError as error:
            raise InputError("horizon", f"of a shape that broadcasts with `n` {count.shape}", ahead.shape) from error
        return self._of_newcomers(lambda new, until: self.prob_purchases(new, count.ravel(), until), ahead)

    def simulate(self, ages: ArrayLike, rng: np.random.Generator) -> PurchaseHistory:
        """Histories of new customers up to these ages, in continuous time."""
        age = as_column("ages", ages)
        require(age >= 0, "ages", age, ">= 0")
        generator = as_rng(rng)
        n = len(age)
        rate = generator.gamma(self.r, 1.0, n) / self.alpha
        require(
            rate * age <= _MOST_EXPECTED, "ages", age, f"such that nobody is expected to buy {_MOST_EXPECTED:.0e} times"
        )
        p = generator.beta(self.a, self.b, n)
        with np.errstate(divide="ignore", over="ignore"):
            luck = generator.standard_exponential(n) / -np.log1p(-p)  # infinite for who never leaves
        allowed = np.floor(luck) + 1.0 - self.early
        attempts = generator.poisson(rate * age).astype(np.float64)
        x = np.minimum(attempts, allowed)
        bought = x > 0
        last = np.zeros(n)  # of the attempts, uniform over the age, the x-th in time
        last[bought] = generator.beta(x[bought], attempts[bought] - x[bought] + 1.0) * age[bought]
        last[bought] = np.maximum(last[bought], np.minimum(1e-100, age[bought]))
        return PurchaseHistory(frequency=x, recency=np.minimum(last, age), age=age, time_unit=self.time_unit)

    def log_odds_lost(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Logarithm of the odds of being lost at the last purchase; minus infinity where that could not happen."""
        tosses = x + self.early
        odds = np.full(x.shape, -np.inf)
        could = tosses > 0
        since = np.log1p((age - t_x) / (self.alpha + t_x))
        np.add(
            np.log(self.a) - np.log(np.where(could, (tosses - 1.0) + self.b, 1.0)),
            (self.r + x) * since,
            out=odds,
            where=could,
        )
        return odds

    def _prob_alive_now(self, history: PurchaseHistory, *, lost: bool = False) -> Floats:
        from scipy.special import expit

        odds = self.log_odds_lost(history.frequency, history.recency, history.age)
        found: Floats = expit(odds if lost else -odds)
        return found

    def _average(
        self, history: PurchaseHistory, ahead: Floats, function: Callable[[Floats, Floats | float, Floats], Floats]
    ) -> Floats:
        """Average of a function of p over those alive, once for each distinct (x, age, time ahead)."""
        here, (x, age, until), inverse = self._distinct(history.frequency, history.age, ahead)
        w = until / (here.alpha + age)
        found = average_over_beta(function, a=here.a, b=x + here.early + here.b, power=here.r + x, w=w)
        each: Floats = found[inverse]
        return each

    def discounted_given_alive(self, x: Floats, age: Floats, until: Floats, force: float) -> Floats:
        """Sum the discounted purchases of somebody alive."""
        found = np.empty(len(x))
        for start in range(0, len(x), _ROWS):
            rows = slice(start, start + _ROWS)
            own = {name: value[rows] for name in ("alpha", "a", "b") if np.ndim(value := getattr(self, name))}
            found[rows] = self._replace(**own).discounted_block(x[rows], age[rows], until[rows], force)
        return found

    def discounted_block(self, x: Floats, age: Floats, until: Floats, force: float) -> Floats:
        """Do what :meth:`discounted_given_alive` does, for not too many rows."""
        # The integral over time of R exp(-force s) E[(1 + p u)^-(R+1)] du, u = s / (alpha + T): all in log(1 + rho u),
        # where rho is the fastest rate at which anything falls.
        ruler = self.alpha + age
        shape = self.r + x
        kappa = force * ruler
        with np.errstate(divide="ignore"):
            end = np.minimum(until / ruler, _DISCOUNTED_AWAY / kappa) if force else until / ruler
        rho = shape + 1.0 + kappa
        span = np.log1p(rho * end)
        node, weight = gauss_legendre(int(14 + 4 * span.max(initial=0.0)))
        grown = np.exp(span[:, np.newaxis] * node)
        u = np.expm1(span[:, np.newaxis] * node) / rho[:, np.newaxis]
        left, power, width = x + self.early + self.b, shape + 1.0, u.shape[1]
        if np.ndim(self.a):
            alive = average_over_beta(_survival, a=self.a, b=left, power=power, w=u)
        else:
            left, power = np.repeat(left, width), np.repeat(power, width)
            alive = average_over_beta(_survival, a=self.a, b=left, power=power, w=u.ravel()).reshape(u.shape)
        density = weight * grown * np.exp(-kappa[:, np.newaxis] * u) * alive
        found: Floats = density.sum(axis=1) * shape * span / rho
        return found

    def prob_given_alive(self, x: Floats, age: Floats, n: Floats, until: Floats) -> Floats:
        """Probability of n purchases of somebody alive: alive to the end, or lost at the n-th."""
        from scipy.special import betainc

        shape, left = self.r + x, x + self.early + self.b
        w = until / (self.alpha + age)
        with np.errstate(divide="ignore"):
            in_log = np.multiply(n, np.log(w) - np.log1p(w), out=np.zeros(n.shape), where=n > 0)
        count = np.exp(log_rising(shape, n) - log_rising(1.0, n) + in_log - shape * np.log1p(w))
        kept = np.exp(log_rising(left, n) - log_rising(self.a + left, n))
        tosses = np.maximum(n, 1.0)
        lost_at_last = kept * self.a / (left + (tosses - 1.0))
        reached = betainc(tosses, shape, w / (1.0 + w))
        found: Floats = kept * count + np.where(n > 0, lost_at_last * reached, 0.0)
        return found

    def _distinct(self, *columns: Floats) -> tuple[Core, list[Floats], Integers]:
        """Distinct rows, ascending in the first column, with their parameters, and the place of each row's like."""
        own = {name: value for name in ("alpha", "a", "b") if np.ndim(value := getattr(self, name))}
        finite = [np.where(np.isfinite(column), column, -1.0) for column in columns]
        first, inverse, _ = distinct_keys(row_keys(*finite, *own.values()))
        here = self._replace(**{name: value[first] for name, value in own.items()})
        return here, [column[first] for column in columns], inverse

    def _newcomers(self, n: int) -> PurchaseHistory:
        zeros = np.zeros(n)
        return PurchaseHistory(frequency=zeros, recency=zeros, age=zeros, time_unit=self.time_unit)

    def _of_newcomers(self, function: Callable[[PurchaseHistory, Floats], Floats], ahead: Floats) -> FloatOrArray:
        if ahead.size == 0:
            return np.zeros(ahead.shape)
        found: FloatOrArray = function(self._newcomers(ahead.size), ahead.ravel()).reshape(ahead.shape)[()]
        return found


def _survival(p: Floats, power: Floats | float, w: Floats) -> Floats:
    """Chance to survive: (1 + p w)^-power."""
    log = np.log1p(p * w)
    log *= -power
    return np.exp(log, out=log)


def _purchases(p: Floats, power: Floats | float, w: Floats) -> Floats:
    """Purchases while alive: (1 - (1 + p w)^-power) / p."""
    log = np.log1p(p * w)
    log *= -power
    np.expm1(log, out=log)
    log /= -p
    return log
