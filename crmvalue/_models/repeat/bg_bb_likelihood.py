"""Likelihood of the BG/BB model on distinct rows, with its gradient and Hessian.

A row is the sum of the ways in which it can have come about: a customer who took x opportunities, the last of them the
t_x-th of n, was lost after some opportunity j from t_x to n - 1, or is alive after all n. Every term is positive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.discrete import distinct_rows, log_beta_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from crmvalue._models.repeat.opportunities import OpportunityHistory
    from crmvalue.typing import Floats

__all__ = ["CHUNK", "Tables", "Terms", "chunks", "objective"]

CHUNK = 1 << 20  # terms that are held at once


class Terms(NamedTuple):
    """The ways in which rows can have come about: lost after j opportunities, or (the last) alive after all of them."""

    x: npt.NDArray[np.intp]
    j: npt.NDArray[np.intp]
    last: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.intp]
    lengths: npt.NDArray[np.intp]

    def spread(self, per_row: Floats) -> Floats:
        """Repeat a number of each row for each of its terms."""
        return np.repeat(per_row, self.lengths, axis=-1)

    def add(self, per_term: Floats) -> Floats:
        """Sum of the terms of each row."""
        total: Floats = np.add.reduceat(per_term, self.starts, axis=-1)
        return total

    def sums_before(self, per_term: Floats) -> Floats:
        """Sum of the terms of the same row that come before each term.

        One running sum serves all rows. It grows far beyond the sum of a row, so its rounding errors are summed too:
        without them a row loses digits with the number of terms.
        """
        after = np.cumsum(per_term)
        before = np.append(0.0, after[:-1])
        added = after - before
        rounded = (before - (after - added)) + (per_term - added)
        rest = np.append(0.0, np.cumsum(rounded)[:-1])
        first = self.starts
        total: Floats = (before - self.spread(before[first])) + (rest - self.spread(rest[first]))
        return total

    def log_sums(self, logs: Floats) -> tuple[Floats, Floats]:
        """Logarithm of the sum of each row's terms, and the share of each term in it."""
        top = np.maximum.reduceat(logs, self.starts)
        terms = np.exp(logs - self.spread(top))
        total = self.add(terms)
        log_sum: Floats = top + np.log(total)
        return log_sum, terms / self.spread(total)


def chunks(rows: Floats) -> Iterator[tuple[slice, Terms]]:
    """Terms of the rows (frequency, recency, opportunities), as many rows at a time as memory likes."""
    x, t_x, n = rows.astype(np.intp).T
    lengths = n - t_x + 1
    ends = np.cumsum(lengths)
    first = 0
    while first < len(rows):
        before = ends[first] - lengths[first]
        after = max(first + 1, int(np.searchsorted(ends, before + CHUNK, side="right")))
        part = slice(first, after)
        starts = ends[part] - lengths[part] - before
        order = np.arange(int(ends[after - 1] - before))
        j = order - np.repeat(starts - t_x[part], lengths[part])
        yield (
            part,
            Terms(
                x=np.repeat(x[part], lengths[part]),
                j=j,
                last=j == np.repeat(n[part], lengths[part]),
                starts=starts,
                lengths=lengths[part],
            ),
        )
        first = after


class Tables(NamedTuple):
    """Log-probabilities of the terms, and their derivatives as sums over i < k of functions of (parameter + i)."""

    natural: Floats
    size: int

    def first(self, terms: Terms) -> Floats:
        """Log-probability, for each row, of its purchases and of being alive at the last of them."""
        alpha, beta, gamma, delta = self.natural
        x, t_x = terms.x[terms.starts], terms.j[terms.starts]
        missed = t_x - x
        buys = log_beta_ratio(alpha, beta, missed) + log_beta_ratio(beta + missed, alpha, x)
        return buys + log_beta_ratio(gamma, delta, t_x)

    def after(self, terms: Terms) -> Floats:
        """Log-probability of what each term says of the time after the last purchase.

        Few opportunities follow the last purchase, so these logs keep digits that the logs of whole histories lose.
        """
        alpha, beta, gamma, delta = self.natural
        j = terms.j
        one_more = np.log((beta + (j - terms.x)) / (alpha + beta + j)) - np.log1p(gamma / (delta + j))
        leaves = np.where(terms.last, 0.0, np.log(gamma / (gamma + delta + j)))
        logs: Floats = terms.sums_before(one_more) + leaves
        return logs

    def slopes(self, terms: Terms) -> Floats:
        """First derivatives of each log-term, shape (4, terms)."""
        return self._derivatives(terms, 1)

    def curves(self, terms: Terms) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
        """Second derivatives: (aa, ab, bb) and (cc, cd, dd)."""
        aa, bb, cc, dd = self._derivatives(terms, 2)
        alpha, beta, gamma, delta = self.natural
        i = np.arange(self.size + 1)
        ab = _sums((alpha + beta + i) ** -2.0)[terms.j]
        cd = _sums((gamma + delta + i) ** -2.0)[terms.j + ~terms.last]
        return aa, ab, bb, cc, cd, dd

    def _derivatives(self, terms: Terms, order: int) -> Floats:
        alpha, beta, gamma, delta = self.natural
        sign = 1.0 if order == 1 else -1.0
        i = np.arange(self.size + 1)
        missed = terms.j - terms.x
        seen = terms.j + ~terms.last  # decisions to stay or leave
        both = _sums((alpha + beta + i) ** -float(order))[terms.j]
        ends = _sums((gamma + delta + i) ** -float(order))[seen]
        parts = [
            _sums((alpha + i) ** -float(order))[terms.x] - both,
            _sums((beta + i) ** -float(order))[missed] - both,
            np.where(terms.last, 0.0, gamma ** -float(order)) - ends,
            _sums((delta + i) ** -float(order))[terms.j] - ends,
        ]
        derivatives: Floats = sign * np.stack(parts)
        return derivatives


def _sums(values: Floats) -> Floats:
    """Add up the first k values, k = 0, 1, ..."""
    return np.append(0.0, np.cumsum(values))


def objective(history: OpportunityHistory) -> Callable[[Floats], Evaluation]:
    """Log-likelihood with derivatives in the logarithms of the parameters, on distinct rows."""
    rows, place = distinct_rows(history.frequency, history.recency, history.n_opportunities)
    weight = np.bincount(place, weights=history.weight).astype(np.float64)
    pieces = list(chunks(rows))
    most = int(rows[:, 2].max())

    def evaluate(theta: Floats) -> Evaluation:
        natural = np.exp(theta)
        tables = Tables(natural, most)
        value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
        for part, terms in pieces:
            total, share = terms.log_sums(tables.after(terms))
            value += float((weight[part] * (tables.first(terms) + total)).sum())
            slopes = tables.slopes(terms)
            mean = terms.add(share * slopes)
            gradient += (weight[part] * mean).sum(axis=1)
            heavy = terms.spread(weight[part]) * share
            away = slopes - terms.spread(mean)
            hessian += np.einsum("k,ik,jk->ij", heavy, away, away)
            aa, ab, bb, cc, cd, dd = (float((heavy * curve).sum()) for curve in tables.curves(terms))
            hessian += [[aa, ab, 0.0, 0.0], [ab, bb, 0.0, 0.0], [0.0, 0.0, cc, cd], [0.0, 0.0, cd, dd]]
        gradient *= natural
        return Evaluation(value, gradient, hessian * np.outer(natural, natural) + np.diag(gradient))

    return evaluate
