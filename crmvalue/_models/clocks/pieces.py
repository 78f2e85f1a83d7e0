"""Stretches of time, cut where a clock changes its pace."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers

__all__ = ["Pieces", "blocks", "count_pieces", "cut"]


class Pieces(NamedTuple):
    """Pieces of the time of some rows, those of a row one after the other; a row without time has none."""

    n_rows: int
    owner: Integers
    begin: Floats
    end: Floats
    starts: Integers  # the first piece of each row that has some

    @property
    def length(self) -> Floats:
        """Length of each piece."""
        return self.end - self.begin

    def of_those(self, kept: npt.NDArray[np.bool_]) -> Pieces:
        """Give some of the pieces."""
        if kept.all():
            return self
        owner = self.owner[kept]
        new = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
        return Pieces(self.n_rows, owner, self.begin[kept], self.end[kept], np.flatnonzero(new))

    def sums(self, terms: Floats) -> Floats:
        """Sum over each row."""
        return np.bincount(self.owner, terms, minlength=self.n_rows).astype(np.float64)

    def maxima(self, terms: Floats) -> Floats:
        """Give the largest of each row; minus infinity without a piece."""
        found = np.full(self.n_rows, -np.inf)
        if len(terms):
            found[self.owner[self.starts]] = np.maximum.reduceat(terms, self.starts)
        return found

    def log_sums(self, terms: Floats) -> Floats:
        """Logarithm of the sum of exp(terms) over each row; minus infinity without a piece."""
        found = np.full(self.n_rows, -np.inf)
        if len(terms):
            who = self.owner[self.starts]
            top = np.maximum.reduceat(terms, self.starts)
            safe = np.where(np.isfinite(top), top, 0.0)
            runs = np.diff(np.append(self.starts, len(terms)))
            total = np.add.reduceat(np.exp(terms - np.repeat(safe, runs)), self.starts)
            with np.errstate(divide="ignore"):
                found[who] = safe + np.log(total)
        return found


def count_pieces(low: Floats, high: Floats, bends: Floats) -> Integers:
    """Count the pieces between two moments of each row."""
    inside = np.searchsorted(bends, high, side="left") - np.searchsorted(bends, low, side="right")
    return np.where(high > low, inside + 1, 0)


def cut(low: Floats, high: Floats, bends: Floats) -> Pieces:
    """Cut the time between two moments of each row at the bends, which ascend."""
    n = count_pieces(low, high, bends)
    owner = np.repeat(np.arange(len(n)), n)
    starts = np.cumsum(n) - n
    rank = np.arange(len(owner)) - starts[owner]
    padded = np.append(bends, np.inf)
    place = np.searchsorted(bends, low, side="right")[owner] + rank
    begin = np.where(rank == 0, low[owner], padded[place - 1])
    end = np.minimum(high[owner], padded[place])
    return Pieces(len(n), owner, begin, end, starts[n > 0])


def blocks(size: Integers, most: int) -> Iterator[slice]:
    """Give neighbouring rows whose sizes come to about `most`."""
    total = np.cumsum(size)
    start = 0
    while start < len(size):
        before = int(total[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + most, side="right")))
        yield slice(start, end)
        start = end
