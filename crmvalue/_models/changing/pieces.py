"""The time of customers, cut where their covariates change."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import attrs
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._models.changing.time_varying_history import TimeVaryingHistory
    from crmvalue.typing import Floats, Integers

__all__ = ["Pieces", "as_it_is", "cut", "in_rows", "part_of"]


class Pieces(NamedTuple):
    """Pieces of time in which nothing changes, those of a customer in a row, in the order of time.

    A customer without time has no piece.
    """

    n_customers: int
    owner: Integers
    period: Integers
    since: Floats  # from the start of the cut to that of the piece
    length: Floats
    ranks: tuple[Integers, ...]  # pieces that are the second of their customer, the third, ...
    begins: Integers  # the first piece of each customer who has some

    def totals(self, rate: Floats) -> Floats:
        """Sum over each customer of what grows at a rate in each period; the last axis is that of periods."""
        grown = rate[..., self.period] * self.length
        found = np.empty((*rate.shape[:-1], self.n_customers))
        for place in np.ndindex(rate.shape[:-1]):
            found[place] = np.bincount(self.owner, grown[place], minlength=self.n_customers)
        return found

    def levels(self, start: Floats, rate: Floats) -> Floats:
        """Level of what grows at a rate at the start of each piece, from that of each customer before the first."""
        grown = rate[..., self.period] * self.length
        level: Floats = start[..., self.owner]
        for rows in self.ranks:
            level[..., rows] = level[..., rows - 1] + grown[..., rows - 1]
        return level

    def log_sums(self, terms: Floats) -> Floats:
        """Logarithm of the sum of exp(terms) over each customer; minus infinity without a piece."""
        found = np.full(self.n_customers, -np.inf)
        if len(terms):
            who = self.owner[self.begins]
            top = np.maximum.reduceat(terms, self.begins)
            found[who] = top + np.log(np.add.reduceat(np.exp(terms - np.repeat(top, self._runs())), self.begins))
        return found

    def _runs(self) -> Integers:
        runs: Integers = np.diff(np.append(self.begins, len(self.owner)))
        return runs


def cut(history: TimeVaryingHistory, low: Floats, high: Floats, keep: npt.NDArray[np.bool_] | None = None) -> Pieces:
    """Cut the time of each customer between two moments."""
    n = len(history)
    owner = np.repeat(np.arange(n), history.n_periods)
    begin = np.maximum(history.period_start, low[owner])
    length = np.minimum(history.period_end, high[owner]) - begin
    rows = np.flatnonzero(length > 0 if keep is None else (length > 0) & keep)
    return in_rows(n, owner[rows], rows, (begin - low[owner])[rows], length[rows])


def in_rows(n_customers: int, owner: Integers, period: Integers, since: Floats, length: Floats) -> Pieces:
    """Put pieces together that stand in the order of customers and of time."""
    new = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
    begins = np.flatnonzero(new)
    rank = np.arange(len(owner)) - np.repeat(begins, np.diff(np.append(begins, len(owner))))
    order = np.argsort(rank, kind="stable")
    splits = np.cumsum(np.bincount(rank)) if len(rank) else np.zeros(0, dtype=np.int64)
    ranks = tuple(np.split(order, splits[:-1])[1:]) if len(rank) else ()
    return Pieces(n_customers, owner, period, since, length, ranks, begins)


def part_of(history: TimeVaryingHistory, customers: slice) -> TimeVaryingHistory:
    """Give some neighbouring customers of a history, or every k-th one."""
    chosen = np.zeros(len(history), dtype=bool)
    chosen[customers] = True
    periods = np.repeat(chosen, history.n_periods)
    of_customers = ("customer", "frequency", "recency", "age", "n_periods", "purchase_totals")
    of_periods = ("period_end", "covariate_values")
    columns = {name: getattr(history, name)[chosen] for name in of_customers}
    columns |= {name: getattr(history, name)[periods] for name in of_periods}
    return attrs.evolve(history, **columns)


def as_it_is(history: TimeVaryingHistory, ahead: float) -> TimeVaryingHistory:
    """Let the covariates of the last day of observation last for a time ahead."""
    owner = np.repeat(np.arange(len(history)), history.n_periods)
    kept = (history.period_start < history.age[owner]) | (history.period_start == 0.0)
    n_periods = np.bincount(owner[kept], minlength=len(history))
    end = history.period_end[kept]
    end[np.cumsum(n_periods) - 1] = history.age + ahead
    values = history.covariate_values[kept]
    return attrs.evolve(history, n_periods=n_periods, period_end=end, covariate_values=values)
