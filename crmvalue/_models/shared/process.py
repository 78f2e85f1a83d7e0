"""The mathematics of a purchase model, on columns without names, checks or files.

A customer has x repeat purchases, the last of them at t_x, at the age T. What a model supplies are functions of these
columns. What follows from them in the same way for every model stands here: predictions are the probability to be alive
times what is expected of a customer who is alive, each computed once for each distinct row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, cast

import attrs
import numpy as np

from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._models.shared.numerics import time_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmvalue.typing import Floats, Integers

__all__ = ["ContinuousProcess", "Future", "Past", "Process"]


_CELLS = 1 << 12  # rows times counts whose probabilities are found at once
_STAY_NODES = 40  # of the integral of the time that customers stay
_COUNTS = 64  # most of them
_MOMENTS = 1 << 18  # rows times moments whose purchases are found at once
_NOTHING = 1e-12  # a smaller tail is rounding


class Past(NamedTuple):
    """What is known of customers, one row each."""

    x: Floats
    t_x: Floats
    age: Floats

    def of_rows(self, rows: Any) -> Past:
        """Give some of the rows."""
        return Past(*(column[rows] for column in self))


class Future(NamedTuple):
    """How long customers stay, their purchases before that moment, and whether one more takes place at it."""

    stay: Floats
    n_before: Floats
    one_more: Floats


class Process(ABC):
    """Parameters with the functions of one model, for a frozen class of attrs to inherit.

    A parameter is a number, or a column with the value of each row where covariates move it.
    """

    __slots__ = ()

    closed_form: ClassVar[bool] = False
    """Whether `alive` takes less time than the search for equal rows."""

    recalls: ClassVar[bool] = False
    """Whether it matters for customers who are alive when they bought last; else `t_x` is 0 in what is asked."""

    tail_in_closed_form: ClassVar[bool] = False
    """Whether :meth:`tail` is there."""

    @abstractmethod
    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-likelihood of each row."""

    @abstractmethod
    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability of each row to be alive at the end of observation, and to be lost, both to full precision."""

    @abstractmethod
    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Probability of customers who are alive to be so a time ahead."""

    @abstractmethod
    def purchases(self, past: Past, ahead: Floats) -> Floats:
        """Purchases expected of customers who are alive, up to a time ahead."""

    @abstractmethod
    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Give the same with a purchase at the time s counting exp(-force s); `ahead` is infinite for life."""

    @abstractmethod
    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases of customers who are alive, up to a time ahead."""

    def alive(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Probability of each row to be alive at the end of observation."""
        return self.alive_and_lost(x, t_x, age)[0]

    def ways(self, past: Past) -> Floats:
        """Chance of each row to be alive in each of the ways that :meth:`tails` tells apart, shape (ways, rows)."""
        return self.alive(*past)[np.newaxis]

    def tails(self, past: Past, ahead: Floats) -> Iterator[Floats]:
        """Probabilities of at least 1, 2, ... purchases up to a time ahead, given each way, each (ways, rows).

        The time of the last purchase plays no part in them where `tail_in_closed_form`.
        """
        total, rows, done = np.zeros(len(past.x)), np.arange(len(past.x)), 0
        while len(rows):  # some counts at once, of the rows that have more
            n = done + np.arange(max(1, min(_COUNTS, _CELLS // len(rows))))
            again = np.repeat(rows, len(n))
            each = self.of_rows(again).prob(past.of_rows(again), ahead[again], np.tile(n.astype(np.float64), len(rows)))
            upto = total[rows, np.newaxis] + np.cumsum(each.reshape(len(rows), len(n)), axis=1)
            for one in upto.T:
                tail = np.zeros((1, len(total)))
                tail[0, rows] = np.maximum(1.0 - one, 0.0)
                yield tail
            total[rows] = upto[:, -1]
            rows, done = rows[tail[0, rows] > _NOTHING], done + len(n)
        while True:
            yield np.zeros((1, len(total)))

    def tail(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Give one of :meth:`tails`, also between whole numbers n >= 1, where models have it in closed form."""
        raise NotImplementedError

    def shape_of_counts(self, past: Past) -> tuple[float, Floats]:
        """Events to a purchase, and shape of the gamma distribution of the rate of events of a known customer."""
        raise NotImplementedError

    def stay(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Time that customers who are alive stay, up to a time ahead, with the moment s counting exp(-force s)."""
        found = np.zeros(len(ahead))
        for time in np.unique(ahead).tolist():
            rows = np.flatnonzero(ahead == time)
            here, known = self.of_rows(rows), past.of_rows(rows)
            for moment, weight in zip(*time_rule(past.age, force, time, _STAY_NODES), strict=True):
                found[rows] += weight * here.survival(known, np.full(len(rows), moment))
        return found

    def prob_alive(self, past: Past, ahead: Floats) -> Floats:
        """Probability to be alive a time after the end of observation."""
        alive = self.alive(*past)
        if not ahead.any():
            return alive
        here, known, (until,), place = self.living(past, ahead)
        return alive * here.survival(known, until)[place]

    def expected_purchases(self, past: Past, ahead: Floats) -> Floats:
        """Purchases expected up to a time after the end of observation."""
        alive = self.alive(*past)
        here, known, (until,), place = self.living(past, ahead)
        return alive * here.purchases(known, until)[place]

    def expected_discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Discounted purchases expected up to a time after the end of observation."""
        alive = self.alive(*past)
        here, known, (until,), place = self.living(past, ahead)
        return alive * here.discounted(known, until, force)[place]

    def prob_purchases(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases up to a time after the end of observation."""
        alive, lost = self.alive_and_lost(*past)
        here, known, (until, count), place = self.living(past, ahead, n)
        given_alive = here.prob(known, until, count)[place]
        return np.minimum(alive * given_alive + np.where(n == 0, lost, 0.0), 1.0)

    def distinct(self, *columns: Floats) -> tuple[Self, list[Floats], Integers]:
        """Distinct rows with their parameters, ascending in the first column, and the place of each row among them.

        A column that was broadcast from one number is no part of what makes rows differ.
        """
        differing = [column for column in columns if column.strides != (0,)]
        first, place, _ = distinct_keys(row_keys(*differing, *self._own().values()))
        few = [
            column[first] if column.strides != (0,) else np.broadcast_to(column[0], first.shape) for column in columns
        ]
        return self.of_rows(first), few, place

    def living(self, past: Past, *asked: Floats) -> tuple[Self, Past, list[Floats], Integers]:
        """Distinct rows as :meth:`distinct`, by what matters for customers who are alive and by what is asked."""
        if self.recalls:
            here, few, place = self.distinct(*past, *asked)
            return here, Past(*few[:3]), few[3:], place
        here, (x, age, *few), place = self.distinct(past.x, past.age, *asked)
        return here, Past(x, np.broadcast_to(0.0, x.shape), age), few, place

    def of_rows(self, rows: Any) -> Self:
        """Give the parameters of some rows."""
        here: Self = attrs.evolve(cast("Any", self), **{name: value[rows] for name, value in self._own().items()})
        return here

    def _own(self) -> dict[str, Floats]:
        """Parameters that differ from row to row."""
        values = {field.name: getattr(self, field.name) for field in attrs.fields(cast("Any", type(self)))}
        return {name: value for name, value in values.items() if np.ndim(value)}


class ContinuousProcess(Process):
    """A process in continuous time, of which whole futures can be drawn."""

    __slots__ = ()

    @abstractmethod
    def simulate(self, age: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw the repeat purchases of new customers up to an age, and the time of the last."""

    @abstractmethod
    def draw_future(self, past: Past, owner: Integers, end: float, rng: np.random.Generator) -> Future:
        """Draw futures up to `end` of customers who are alive; `owner` says which row each belongs to."""

    def at_moments(self, past: Past, moment: Floats, weight: Floats, *, stay: bool) -> Floats:
        """Sum what is expected of each row up to each moment, times its weight: purchases, or the chance to stay."""
        n, size = len(moment), len(past.x)
        found = np.empty(size)
        step = max(1, _MOMENTS // n)
        for start in range(0, size, step):
            some = np.arange(start, min(start + step, size))
            again, until = np.repeat(some, n), np.tile(moment, len(some))
            here, known = self.of_rows(again), past.of_rows(again)
            each = here.survival(known, until) if stay else here.purchases(known, until)
            found[some] = each.reshape(len(some), n) @ weight
        return found

    def operational(self, ahead: Floats) -> Floats:
        """Time after the end of observation by the clock of purchases, by which those of a future come evenly."""
        return ahead

    def ordinary(self, operational: Floats, longest: float) -> Floats:
        """Moments of such times, which are at most that of `longest`."""
        del longest
        return operational
