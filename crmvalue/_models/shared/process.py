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

if TYPE_CHECKING:
    from crmvalue.typing import Floats, Integers

__all__ = ["ContinuousProcess", "Future", "Past", "Process"]


class Past(NamedTuple):
    """What is known of customers, one row each."""

    x: Floats
    t_x: Floats
    age: Floats


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

    @abstractmethod
    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-likelihood of each row."""

    @abstractmethod
    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability of each row to be alive at the end of observation, and to be lost, both to full precision."""

    @abstractmethod
    def survival(self, x: Floats, age: Floats, ahead: Floats) -> Floats:
        """Probability of customers who are alive to be so a time ahead."""

    @abstractmethod
    def purchases(self, x: Floats, age: Floats, ahead: Floats) -> Floats:
        """Purchases expected of customers who are alive, up to a time ahead."""

    @abstractmethod
    def discounted(self, x: Floats, age: Floats, ahead: Floats, force: float) -> Floats:
        """Give the same with a purchase at the time s counting exp(-force s); `ahead` is infinite for life."""

    @abstractmethod
    def prob(self, x: Floats, age: Floats, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases of customers who are alive, up to a time ahead."""

    def alive(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Probability of each row to be alive at the end of observation."""
        return self.alive_and_lost(x, t_x, age)[0]

    def prob_alive(self, past: Past, ahead: Floats) -> Floats:
        """Probability to be alive a time after the end of observation."""
        alive = self.alive(*past)
        if not ahead.any():
            return alive
        here, (x, age, until), place = self.distinct(past.x, past.age, ahead)
        return alive * here.survival(x, age, until)[place]

    def expected_purchases(self, past: Past, ahead: Floats) -> Floats:
        """Purchases expected up to a time after the end of observation."""
        alive = self.alive(*past)
        here, (x, age, until), place = self.distinct(past.x, past.age, ahead)
        return alive * here.purchases(x, age, until)[place]

    def expected_discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Discounted purchases expected up to a time after the end of observation."""
        alive = self.alive(*past)
        here, (x, age, until), place = self.distinct(past.x, past.age, ahead)
        return alive * here.discounted(x, age, until, force)[place]

    def prob_purchases(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases up to a time after the end of observation."""
        alive, lost = self.alive_and_lost(*past)
        here, (x, age, until, count), place = self.distinct(past.x, past.age, ahead, n)
        given_alive = here.prob(x, age, until, count)[place]
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
    def draw_future(self, x: Floats, age: Floats, owner: Integers, end: float, rng: np.random.Generator) -> Future:
        """Draw futures up to `end` of customers who are alive; `owner` says which row each belongs to."""
