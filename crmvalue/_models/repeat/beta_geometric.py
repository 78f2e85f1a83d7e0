"""What BG/NBD and MBG/NBD have in common: everything but one toss of a coin.

While alive, a customer purchases at random times at the rate lambda, which differs between customers by a gamma
distribution of shape r and rate alpha. After each **repeat** purchase (BG/NBD), or after each purchase including the
first (MBG/NBD), the customer is lost with probability p, which differs by a beta distribution (a, b). `early` counts
the tosses of that coin before the first repeat purchase: 0 or 1.

Given that a customer with x repeat purchases up to the age T is alive, lambda and p are independent: gamma with
R = r + x, alpha + T, and beta with a, B = b + x + early. With lambda integrated out, the chance to stay alive for
another w (alpha + T) is (1 + p w)^-R. All predictions are averages of such positive functions over the beta
distribution, so nothing cancels and neither a = 1 nor a large x is special.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from crmvalue._core.checks import require
from crmvalue._models.shared.numerics import (
    average_over_beta,
    count_tails,
    from_tables,
    gauss_legendre,
    log_rising,
    prob_of_count,
)
from crmvalue._models.shared.process import ContinuousProcess, Future, Past
from crmvalue._models.shared.purchase_model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmvalue.typing import Floats, Integers

__all__ = ["KIND", "BetaGeometric", "tosses_until_lost"]

KIND = Kind(names=("r", "alpha", "a", "b"), times=("alpha",), signs=(0, -1, 1, 1))

_DISCOUNTED_AWAY = 45.0  # a discount of exp(-45) leaves nothing
_NEAR_ONE = -0.1  # log-likelihoods above this are those of near certainty
_ROWS = 1 << 14  # at a time in the discounted sum
_MANY = 1 << 11  # from so many rows on, most of them come from tables
_MOST_EXPECTED = 1e15  # purchases of one simulated customer


@attrs.frozen
class BetaGeometric(ContinuousProcess):
    """Parameters of either model, and the number of tosses before the first repeat purchase."""

    r: float
    alpha: Floats | float
    a: Floats | float
    b: Floats | float
    early: int

    closed_form: ClassVar[bool] = True
    tail_in_closed_form: ClassVar[bool] = True

    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-likelihood of each row."""
        tosses = x + self.early
        alive = (
            log_rising(self.r, x)
            + log_rising(self.b, tosses)
            - log_rising(self.a + self.b, tosses)
            - self.r * np.log1p(age / self.alpha)
            - x * np.log(self.alpha + age)
        )
        odds = self._log_odds_lost(x, t_x, age)
        found: Floats = alive + (np.maximum(odds, 0.0) + np.log1p(np.exp(-np.abs(odds))))  # faster than logaddexp
        if self.early:  # if no purchase is expected, a likelihood near 1 hides the digits of the chance of one
            chance = self.b / (self.a + self.b) * -np.expm1(-self.r * np.log1p(age / self.alpha))
            near = (x == 0) & (found > _NEAR_ONE)
            found = np.where(near, np.log1p(-np.where(near, chance, 0.0)), found)
        return found

    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability to be alive, and to be lost."""
        from scipy.special import expit

        odds = self._log_odds_lost(x, t_x, age)
        return expit(-odds), expit(odds)

    def alive(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Probability to be alive."""
        from scipy.special import expit

        found: Floats = expit(-self._log_odds_lost(x, t_x, age))
        return found

    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Chance to survive (1 + p w)^-R, over p."""
        return np.minimum(self._average(_survival, past, ahead), 1.0)

    def purchases(self, past: Past, ahead: Floats) -> Floats:
        """Purchases while alive, over p."""
        return self._average(_purchases, past, ahead)

    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Discounted purchases, most of those of many rows from tables over alpha + T."""
        x, ruler = past.x, np.broadcast_to(self.alpha + past.age, past.x.shape)

        def exactly(some: Integers, ruler: Floats) -> Floats:
            found = np.empty(len(some))
            for start in range(0, len(some), _ROWS):
                part = slice(start, start + _ROWS)
                here, rows = self.of_rows(some[part]), some[part]
                found[part] = here.discounted_block(x[rows], ruler[part], ahead[rows], force)
            return found

        if len(x) < _MANY or np.ndim(self.a) or np.ndim(self.b):
            return exactly(np.arange(len(x)), ruler)
        horizon = np.unique(ahead, return_inverse=True)[1].astype(np.float64)
        return from_tables(exactly, ruler, self.r + x, x, horizon)

    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases: alive to the end, or lost at the n-th."""
        from scipy.special import betainc

        x = past.x
        shape, left = self.r + x, x + self.early + self.b
        w = ahead / (self.alpha + past.age)
        count = prob_of_count(n, shape, w)
        kept = np.exp(log_rising(left, n) - log_rising(self.a + left, n))
        tosses = np.maximum(n, 1.0)
        lost_at_last = kept * self.a / (left + (tosses - 1.0))
        reached = betainc(tosses, shape, w / (1.0 + w))
        found: Floats = kept * count + np.where(n > 0, lost_at_last * reached, 0.0)
        return found

    def tails(self, past: Past, ahead: Floats) -> Iterator[Floats]:
        """Multiply the tails of an NBD by the chance to survive all tosses but the last."""
        kept = np.ones(len(past.x))
        left = past.x + self.early + self.b
        for n, tail in enumerate(count_tails(self.r + past.x, ahead / (self.alpha + past.age))):
            yield (kept * tail)[np.newaxis]
            kept = kept * ((left + n) / (self.a + left + n))

    def tail(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Multiply the tails of an NBD by the chance to survive all tosses but the last."""
        from scipy.special import betainc

        left = past.x + self.early + self.b
        kept = np.exp(log_rising(left, n - 1.0) - log_rising(self.a + left, n - 1.0))
        found: Floats = kept * betainc(n, self.r + past.x, ahead / (self.alpha + past.age + ahead))
        return found[np.newaxis]

    def shape_of_counts(self, past: Past) -> tuple[float, Floats]:
        """Give the shape of the rate of purchases."""
        return 1.0, self.r + past.x

    def simulate(self, age: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw purchases up to an age: attempts at random, of which those after the last toss do not happen."""
        n = len(age)
        rate = rng.gamma(self.r, 1.0, n) / self.alpha
        require(rate * age <= _MOST_EXPECTED, "ages", age, f"so short that no customer buys {_MOST_EXPECTED:.0e} times")
        last_toss = tosses_until_lost(rng.beta(self.a, self.b, n), rng)
        attempts = rng.poisson(rate * age).astype(np.float64)
        x = np.minimum(attempts, last_toss - self.early)
        bought = x > 0
        last = np.zeros(n)  # of the attempts, uniform over the age, the x-th in time
        last[bought] = rng.beta(x[bought], attempts[bought] - x[bought] + 1.0) * age[bought]
        last[bought] = np.maximum(last[bought], np.minimum(1e-100, age[bought]))
        return x, np.minimum(last, age)

    def draw_future(self, past: Past, owner: Integers, end: float, rng: np.random.Generator) -> Future:
        """Draw futures; a customer who is lost within the horizon is lost at a purchase."""
        x = past.x
        rate = rng.standard_gamma((self.r + x)[owner]) / (self.alpha + past.age)[owner]
        tosses = x + self.early
        last = tosses_until_lost(rng.beta(np.broadcast_to(self.a, x.shape)[owner], (self.b + tosses)[owner]), rng)
        attempts = rng.poisson(np.minimum(rate * end, _MOST_EXPECTED)).astype(np.float64)
        leaves = attempts >= last
        stay = np.full(len(owner), end)  # the k-th of n points that are uniform on (0, 1) is beta(k, n - k + 1)
        stay[leaves] *= rng.beta(last[leaves], attempts[leaves] - last[leaves] + 1.0)
        return Future(stay, np.where(leaves, last - 1.0, attempts), leaves.astype(np.float64))

    def _log_odds_lost(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
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

    def _average(self, function: Any, past: Past, ahead: Floats) -> Floats:
        w = ahead / (self.alpha + past.age)
        return average_over_beta(function, a=self.a, b=past.x + self.early + self.b, power=self.r + past.x, w=w)

    def discounted_block(self, x: Floats, ruler: Floats, until: Floats, force: float) -> Floats:
        """Do what :meth:`discounted` does, for not too many rows with these purchases and alpha + T."""
        # The integral over time of R exp(-force s) E[(1 + p u)^-(R+1)] du, u = s / (alpha + T): all in log(1 + rho u),
        # where rho is the fastest rate at which anything falls.
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


def tosses_until_lost(p: Floats, rng: np.random.Generator) -> Floats:
    """Draw the number of the toss at which the customer is lost; infinite for one who never is."""
    with np.errstate(divide="ignore", over="ignore"):
        luck = rng.standard_exponential(len(p)) / -np.log1p(-p)
    return np.floor(luck) + 1.0


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
