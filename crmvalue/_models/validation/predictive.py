"""What a purchase model says of the number of purchases that each customer then made: scores need no more.

A customer makes n or more purchases with the chance of being alive, times what is foretold of those who are alive. The
latter depends on few columns, so the sums over n are computed once for each of their distinct rows:

    CRPS = sum over n >= 1 of (P(X >= n) - 1{n <= y})^2 = y - 2 sum to y of P(X >= n) + sum over all n of P(X >= n)^2
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._models.shared.numerics import gauss_legendre
from crmvalue._models.shared.process import Past
from crmvalue._models.shared.purchase_model import PurchaseModel, process_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue._models.shared.purchase_model import ContinuousModel
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats, Integers

__all__ = ["Foretold", "foretell", "of_poisson"]

_ROWS = 1 << 12  # at a time: temporaries stay in the cache
_TERMS = 64  # counts that are added up one by one; beyond, where the tails are smooth, by a quadrature rule
_MOST_TERMS = 20_000  # of a model without a closed form of its tails
_NOTHING = 1e-10  # a smaller tail adds nothing
_PANEL, _NODES = 2.0, 12  # of the rule, in standard deviations of a count
_CELLS = 1 << 18  # of one block of the rule
_FLATTEST = 4.0  # shape of rates, so that a panel is short beside a count
_LARGEST_SHAPE = 1e12


class Foretold(NamedTuple):
    """What was foretold for each customer: the chance of the count that came, of fewer, of no more, and the CRPS."""

    prob: Floats
    fewer: Floats
    upto: Floats
    crps: Floats

    @property
    def log_score(self) -> Floats:
        """Minus the logarithm of the probability of what came; infinite for a probability of 0."""
        with np.errstate(divide="ignore"):
            found: Floats = -np.log(self.prob)
        return found + 0.0


@np.errstate(under="ignore")
def foretell(model: ContinuousModel, history: PurchaseHistory, horizon: float, actual: Floats) -> Foretold:
    """Ask a model for the purchases of each customer that came within the horizon."""
    prob = np.minimum(model.prob_purchases(history, actual, horizon=horizon), 1.0)
    if type(model).prob_purchases is not PurchaseModel.prob_purchases:  # a model with rules of its own
        return _one_by_one(model, history, horizon, actual, prob)
    process = process_of(model, history)
    here, (x, t_x, age, count), place = process.distinct(history.frequency, history.recency, history.age, actual)
    ways = here.ways(Past(x, t_x, age))
    columns = (x, age) if here.tail_in_closed_form else (x, t_x, age)
    living, few, group = here.distinct(*columns)
    past = Past(few[0], np.zeros(len(few[0])), few[1]) if len(few) == 2 else Past(*few)
    sums = _sums(living, past, np.full(len(few[0]), float(horizon)), group, count)
    square = np.einsum("ir,jr,ijr->r", ways, ways, sums.square[:, :, group])
    crps = np.maximum(count - 2.0 * (ways * sums.upto).sum(axis=0) + square, 0.0)
    at_least, more = (np.minimum((ways * part).sum(axis=0), 1.0) for part in (sums.at_least, sums.more))
    fewer = np.where(count > 0, 1.0 - at_least, 0.0)
    return Foretold(prob, *(column[place] for column in (fewer, np.maximum(1.0 - more, fewer), crps)))


def of_poisson(mean: Floats, actual: Floats) -> Foretold:
    """Give the same for counts with a Poisson distribution; the mean may be 0."""
    from scipy.special import gammaln, ive, pdtr, xlogy

    prob = np.exp(xlogy(actual, mean) - gammaln(actual + 1.0) - mean)
    upto = pdtr(actual, mean)
    fewer = np.where(actual > 0, pdtr(np.maximum(actual - 1.0, 0.0), mean), 0.0)
    spread = mean * (ive(0, 2.0 * mean) + ive(1, 2.0 * mean))  # half the mean distance of two such counts
    crps = (actual - mean) * (2.0 * upto - 1.0) + 2.0 * mean * prob - spread
    return Foretold(prob, fewer, upto, np.maximum(crps, 0.0))


def _one_by_one(
    model: ContinuousModel, history: PurchaseHistory, horizon: float, actual: Floats, prob: Floats
) -> Foretold:
    """Add up the probabilities of all counts, for all customers."""
    upto, crps, fewer, known = (np.zeros(len(actual)) for _ in range(4))
    n = 0
    while n <= _MOST_TERMS:
        known = known + model.prob_purchases(history, n, horizon=horizon)
        fewer = np.where(actual == n + 1, known, fewer)
        upto = np.where(actual == n, known, upto)
        crps += (np.minimum(known, 1.0) - (actual <= n)) ** 2
        n += 1
        if n > actual.max() and (1.0 - known).max() <= 1e-6:
            break
    return Foretold(prob, np.minimum(fewer, 1.0), np.minimum(upto, 1.0), crps)


class _Sums(NamedTuple):
    """For each row the sum of the tails up to the count, the tail there, and the next; for each group the squares."""

    upto: Floats
    at_least: Floats
    more: Floats
    square: Floats


def _sums(process: Any, past: Past, ahead: Floats, group: Integers, count: Floats) -> _Sums:
    """Add up the tails of each group of customers, and look up those of the count of each row."""
    order = np.argsort((past.x + 1.0) / (past.age + 0.1 * past.age.mean() + 1e-300), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    rows = np.argsort(rank[group], kind="stable")
    ends = np.searchsorted(rank[group][rows], np.arange(0, len(order) + _ROWS, _ROWS))
    found: _Sums | None = None
    for block, start in enumerate(range(0, len(order), _ROWS)):
        groups = order[start : start + _ROWS]
        asked = rows[ends[block] : ends[block + 1]]
        part = _of_block(
            process.of_rows(groups), past.of_rows(groups), ahead[groups], rank[group[asked]] - start, count[asked]
        )
        if found is None:
            n_ways = len(part.upto)
            upto, at_least, more = (np.empty((n_ways, len(count))) for _ in range(3))
            found = _Sums(upto, at_least, more, np.empty((n_ways, n_ways, len(order))))
        for whole, some in zip(found[:3], part[:3], strict=True):
            whole[:, asked] = some
        found.square[:, :, groups] = part.square
    return found  # type: ignore[return-value]  # there is at least one customer


def _of_block(process: Any, past: Past, ahead: Floats, group: Integers, count: Floats) -> _Sums:
    """Do it for some groups; `group` and `count` are of the rows."""
    last = _TERMS if process.tail_in_closed_form else _MOST_TERMS
    most = count.max()
    tails = []
    for tail in process.tails(past, ahead):
        tails.append(tail)
        if len(tails) >= last or (len(tails) > most and tail.max() <= _NOTHING):
            break
    table = np.array(tails)  # (counts, ways, groups)
    sums = np.concatenate([np.zeros((1, *table.shape[1:])), np.cumsum(table, axis=0)])
    table = np.concatenate([np.ones((1, *table.shape[1:])), table, np.zeros((1, *table.shape[1:]))])
    n = len(tails)
    place = np.minimum(count, n).astype(np.int64)
    upto, at_least = (part[place, :, group].T for part in (sums, table))
    more = table[place + 1, :, group].T
    square = np.einsum("nig,njg->ijg", table[1:-1], table[1:-1])
    if n == _TERMS and process.tail_in_closed_form:
        far = np.flatnonzero((table[n] > _NOTHING).any(axis=0))
        asked = np.flatnonzero((count >= n) & (table[n, :, group] > _NOTHING).any(axis=1))
        if len(far):
            square[:, :, far] += _squares_beyond(process.of_rows(far), past.of_rows(far), ahead[far])
        if len(asked):
            rows = group[asked]
            there = process.of_rows(rows), past.of_rows(rows), ahead[rows]
            upto[:, asked] += _sums_beyond(*there, count[asked])
            at_least[:, asked], more[:, asked] = (there[0].tail(*there[1:], count[asked] + i) for i in (0.0, 1.0))
    return _Sums(upto, at_least, more, square)


def _squares_beyond(process: Any, past: Past, ahead: Floats) -> Floats:
    """Sum the products of the tails of any two ways over all counts above those of the table."""
    upper = np.full(len(past.x), 2.0 * _TERMS)
    more = np.arange(len(upper))
    while len(more) and upper.max() < 1e18:
        tail = process.of_rows(more).tail(past.of_rows(more), ahead[more], upper[more])
        more = more[(tail > _NOTHING).any(axis=0)]
        upper[more] *= 2.0
    n_ways = len(process.ways(past.of_rows(slice(0, 1)))) if len(upper) else 1

    def products(tail: Floats) -> Floats:
        return (tail[:, np.newaxis] * tail).reshape(n_ways * n_ways, -1)

    beyond = _integral(process, past, ahead, upper, products) - _edge(process, past, ahead, float(_TERMS), products)
    return beyond.reshape(n_ways, n_ways, -1)


def _sums_beyond(process: Any, past: Past, ahead: Floats, count: Floats) -> Floats:
    """Sum the tails from the end of the table up to the count of each row."""

    def same(tail: Floats) -> Floats:
        return tail

    found = _integral(process, past, ahead, count + 0.5, same)
    edges = (_edge(process, past, ahead, n, same) for n in (count, float(_TERMS)))
    upper, lower = edges
    return found + upper - lower


def _edge(process: Any, past: Past, ahead: Floats, n: Floats | float, value: Callable[[Floats], Floats]) -> Floats:
    """Give what a sum up to n has more than the integral up to n + 1/2 at that end, after Euler and Maclaurin."""
    ends = np.broadcast_to(n, past.x.shape)
    below, here, above, next_one = (value(process.tail(past, ahead, ends + i)) for i in (-1.0, 0.0, 1.0, 2.0))
    slope, bend = above - here, next_one - 3.0 * above + 3.0 * here - below
    return -slope / 24.0 + bend * (17.0 / 5760.0)


def _integral(process: Any, past: Past, ahead: Floats, upper: Floats, value: Callable[[Floats], Floats]) -> Floats:
    """Integrate over n from the end of the table, in a variable in which the spread of a count is 1.

    Its square is n / k + n^2 / R for k events to a purchase at a rate that is gamma of shape R: n = R / k sinh^2.
    """
    steps, shape = process.shape_of_counts(past)
    shape = np.clip(shape, _FLATTEST, _LARGEST_SHAPE)
    ruler = 2.0 * np.sqrt(shape)
    low, high = (ruler * np.arcsinh(np.sqrt(n * steps / shape)) for n in (_TERMS + 0.5, upper))
    node, weight = gauss_legendre(_NODES)
    order = np.argsort(high - low, kind="stable")
    found: Floats | None = None
    start = 0
    while start < len(order):
        n_panels = np.ceil((high - low)[order[start:]] / _PANEL).clip(1.0)
        size = np.maximum.accumulate(n_panels) * np.arange(1, len(n_panels) + 1) * _NODES <= _CELLS
        rows = order[start : start + max(1, int(np.count_nonzero(size)))]
        panels = int(n_panels[len(rows) - 1])
        points = ((np.arange(panels)[:, np.newaxis] + node) / panels).ravel()
        t = low[rows, np.newaxis] + (high - low)[rows, np.newaxis] * points
        scale, broad = ruler[rows, np.newaxis], shape[rows, np.newaxis] / steps
        grown = np.sinh(t / scale)
        again = np.repeat(rows, len(points))
        n = broad * grown * grown
        values = value(process.of_rows(again).tail(past.of_rows(again), ahead[again], n.ravel()))
        density = np.tile(weight, panels) / panels * (high - low)[rows, np.newaxis]
        density = density * 2.0 * broad * grown * np.cosh(t / scale) / scale
        part = (values.reshape(len(values), *t.shape) * density).sum(axis=2)
        if found is None:
            found = np.empty((len(part), len(order)))
        found[:, rows] = part
        start += len(rows)
    return found  # type: ignore[return-value]  # asked for at least one row
