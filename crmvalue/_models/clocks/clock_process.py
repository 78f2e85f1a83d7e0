"""A purchase model that runs by the clock of a calendar: all its times become operational times."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs
import numpy as np

from crmvalue._models.regular.erlang import ErlangProcess
from crmvalue._models.repeat.beta_geometric import BetaGeometric
from crmvalue._models.shared.process import ContinuousProcess, Future, Past

if TYPE_CHECKING:
    from crmvalue._models.clocks.clock import Clock
    from crmvalue.typing import Floats, Integers

__all__ = ["ClockProcess", "ProcessWithClock", "RecallingClockProcess", "clocked"]


@attrs.frozen
class ProcessWithClock(ContinuousProcess):
    """A process without a clock, and the clock by which its customers buy, however they leave."""

    inner: ContinuousProcess
    clock: Clock

    def operational(self, ahead: Floats) -> Floats:
        """Sum of the levels of the days ahead."""
        return self.clock.ahead(ahead)

    def ordinary(self, operational: Floats, longest: float) -> Floats:
        """Moments at which the levels add up to so much."""
        return self.clock.time_ahead(operational, longest)

    def of_rows(self, rows: Any) -> Self:
        """Give the parameters of some rows."""
        return attrs.evolve(self, inner=self.inner.of_rows(rows))

    def _own(self) -> dict[str, Floats]:
        return self.inner._own()  # noqa: SLF001 - a process too


@attrs.frozen
class ClockProcess(ProcessWithClock):
    """A process that runs in operational time alone."""

    closed_form: ClassVar[bool] = True

    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-likelihood of each row, but for the levels of the days of purchases, which a row does not tell."""
        return self.inner.log_likelihood(x, *self.clock.past(t_x, age))

    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability to be alive, and to be lost."""
        return self.inner.alive_and_lost(x, *self.clock.past(t_x, age))

    def alive(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Probability to be alive."""
        return self.inner.alive(x, *self.clock.past(t_x, age))

    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Chance to survive the operational time ahead."""
        return self.inner.survival(self._past(past), self.clock.ahead(ahead))

    def purchases(self, past: Past, ahead: Floats) -> Floats:
        """Purchases in the operational time ahead."""
        return self.inner.purchases(self._past(past), self.clock.ahead(ahead))

    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Discounted purchases, in which the discount runs by the ordinary clock."""
        if force == 0.0:
            return self.purchases(past, ahead)
        return self._by_time(past, ahead, force, stay=False)

    def stay(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Discounted time as a customer, both by the ordinary clock."""
        return self._by_time(past, ahead, force, stay=True)

    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases in the operational time ahead."""
        return self.inner.prob(self._past(past), self.clock.ahead(ahead), n)

    def simulate(self, age: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw purchases in operational time."""
        whole = self.clock.past(age, age)[1]
        x, last = self.inner.simulate(whole, rng)
        t_x = age - self.clock.before(whole - last, float(age.max(initial=0.0)))
        return x, np.where(x > 0, np.clip(t_x, np.minimum(1e-100, age), age), 0.0)

    def draw_future(self, past: Past, owner: Integers, end: float, rng: np.random.Generator) -> Future:
        """Draw futures in operational time; customers stay until a moment of the ordinary one."""
        until = float(self.clock.ahead(np.array([end]))[0])
        future = self.inner.draw_future(self._past(past), owner, until, rng)
        return future._replace(stay=np.minimum(self.clock.time_ahead(future.stay, end), end))

    def _past(self, past: Past) -> Past:
        return Past(past.x, *self.clock.past(past.t_x, past.age))

    def _by_time(self, past: Past, ahead: Floats, force: float, *, stay: bool) -> Floats:
        """Sum discounted purchases, or time as a customer, of the rows of each time ahead by themselves."""
        known = self._past(past)
        found = np.zeros(len(ahead))
        for time in np.unique(ahead[ahead > 0]).tolist():
            rows = np.flatnonzero(ahead == time)
            here = self if len(rows) == len(ahead) else self.of_rows(rows)
            found[rows] = here._up_to(known.of_rows(rows), time, force, stay=stay)  # noqa: SLF001 - of the same class
        return found

    def _up_to(self, known: Past, time: float, force: float, *, stay: bool) -> Floats:
        """Sum discounted purchases, or time as a customer, up to one time; the past is in operational time."""
        inner: Any = self.inner
        pace = self.clock.pace_ahead(time)
        if pace is not None:
            ahead, slower = np.full(len(known.x), time * pace), force / pace
            found: Floats = inner.stay(known, ahead, slower) / pace if stay else inner.discounted(known, ahead, slower)
            return found
        events = inner.r + getattr(inner, "k", 1) * known.x
        finest = float(((inner.alpha + known.age) / (events + 1.0)).min(initial=math.inf))
        rule = (self.clock.time_rule if stay else self.clock.discount_rule)(time, force, finest)
        return _sharing(inner).at_moments(known, rule.moment, rule.weight, stay=stay)


@attrs.frozen
class RecallingClockProcess(ClockProcess):
    """The same, for a process that has to know when customers who are alive bought last."""

    recalls: ClassVar[bool] = True


def clocked(inner: ContinuousProcess, clock: Clock) -> ClockProcess:
    """Let a process run by a clock."""
    return (RecallingClockProcess if inner.recalls else ClockProcess)(inner, clock)


def _sharing(inner: ContinuousProcess) -> ContinuousProcess:
    """Take BG/NBD whose customers leave in their own ways as BG/CNBD-1, in which they share nodes of p."""
    if isinstance(inner, BetaGeometric) and (np.ndim(inner.a) or np.ndim(inner.b)):
        return ErlangProcess(k=1, r=inner.r, alpha=inner.alpha, a=inner.a, b=inner.b, early=inner.early)
    return inner
