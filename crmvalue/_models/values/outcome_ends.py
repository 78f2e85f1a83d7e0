"""What chance will do: intervals of the money that customers will really bring, at the fitted parameters.

Whole futures are drawn. Given that customers are alive, their futures depend on the number of their purchases and their
age alone, and the money of a future is a random number times what is known of their spend. So futures are drawn once
for each pair of frequency and age.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._models.values.expected_ends import Ends, blocks
from crmvalue._models.values.outcomes import Known, Units, draw_outcomes, draw_units
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue._models.spend.payments import Payments
    from crmvalue._models.values.outcomes import Terms
    from crmvalue.typing import Floats, Integers

__all__ = ["outcome_ends"]

_MOST_FUTURES = 1 << 18  # drawn at a time
_ONE_BY_ONE = 1 << 16  # futures of customers who are drawn one by one for the sum over the base
_ROUNDING = 1e-9


def outcome_ends(
    known: Known,
    weight: Integers,
    clv: Floats,
    payments: Payments,
    terms: Terms,
    level: float,
    n_draws: int,
    rng: np.random.Generator,
) -> Ends:
    """Find intervals of outcomes; `known` are distinct rows, `weight` how many share each, `clv` its expected value."""
    low, high, variance = _each(known, payments, terms, level, n_draws, rng)
    total = _totals(known, weight, clv, variance, payments, terms, n_draws, rng)
    total.sort()
    out = min(int(n_draws * (0.5 * (1.0 - level)) + _ROUNDING), (n_draws - 1) // 2)  # the ends do not cross
    return Ends(low, high, Interval(total[out], total[n_draws - 1 - out]))


def _each(
    known: Known, payments: Payments, terms: Terms, level: float, n_draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Find the ends and the variance of the outcome of each row."""
    if isinstance(terms.discount_rate, np.ndarray):
        found = np.empty((3, len(known.alive)))
        for rows, of_rate in terms.by_rate():
            found[:, rows] = _each(known.of_rows(rows), payments, of_rate, level, n_draws, rng)
        return found[0], found[1], found[2]
    here, past, _, pair = known.process.living(known.past)
    size = len(past.x)
    order = np.argsort(pair, kind="stable")
    starts = np.searchsorted(pair[order], np.arange(size + 1))
    n = len(known.alive)
    low, high, variance = np.empty(n), np.empty(n), np.empty(n)
    step = max(1, _MOST_FUTURES // n_draws)
    for first in range(0, size, step):
        some = slice(first, min(first + step, size))
        pairs = Known(here.of_rows(some), past.of_rows(some), np.zeros(0), np.zeros(0))
        owner = np.repeat(np.arange(some.stop - first), n_draws)
        drawn = draw_units(pairs, owner, payments, terms, rng)
        units = Units(*(column.reshape(-1, n_draws) for column in drawn))
        rows_of_some = order[starts[first] : starts[some.stop]]
        for block in blocks(len(rows_of_some), n_draws):
            rows = rows_of_some[block]
            values = units.money[pair[rows] - first]
            here_terms = terms.of_rows(rows)
            values *= (here_terms.margin * known.scale[rows])[:, np.newaxis]
            if terms.has_service:
                values -= np.reshape(here_terms.service_cost, (-1, 1)) * units.time[pair[rows] - first]
            alive = known.alive[rows]
            mean, square = values.mean(axis=1), np.einsum("ij,ij->i", values, values) / n_draws
            variance[rows] = alive * square - (alive * mean) ** 2
            low[rows], high[rows] = mixed_ends(values, alive, level)
    return low, high, np.maximum(variance, 0.0)


def mixed_ends(values: Floats, alive: Floats, level: float) -> tuple[Floats, Floats]:
    """Find the ends of what is 0 with the chance 1 - alive, and else one of the values of the row.

    At most half of 1 - level lies beyond either end. The values are sorted in place.
    """
    values.sort(axis=1)
    last = values.shape[1] - 1
    tail = 0.5 * (1.0 - level)
    each, lost = alive / (last + 1), 1.0 - alive  # the chance of one of the values, and of the 0
    per_chance = 1.0 / np.maximum(each, np.finfo(float).tiny)

    def end(n_before: Integers, value: Callable[[Integers], Floats]) -> Floats:
        """Count values from one end, of which `n_before` come before the 0 of those who are lost."""
        out = np.floor(np.minimum(tail * per_chance, last + 1) + _ROUNDING).astype(np.int64)
        after = np.floor(np.minimum(np.maximum(tail - lost, 0.0) * per_chance, last) + _ROUNDING).astype(np.int64)
        nothing = tail + _ROUNDING < n_before * each + lost
        return np.where(out < n_before, value(np.minimum(out, last)), np.where(nothing, 0.0, value(after)))

    rows = np.arange(len(values))
    low = end((values < 0).sum(axis=1), lambda place: values[rows, place])
    high = end((values > 0).sum(axis=1), lambda place: values[rows, last - place])
    return np.minimum(low, high), np.maximum(low, high)  # they cross by one value where the level is almost 0


def _totals(
    known: Known,
    weight: Integers,
    clv: Floats,
    variance: Floats,
    payments: Payments,
    terms: Terms,
    n_draws: int,
    rng: np.random.Generator,
) -> Floats:
    """Draw the sum over all customers in each of some futures.

    Customers with the largest spread are drawn one by one. Each of the others is a small part of their sum. So that is
    normal, with their mean and variance.
    """
    order = np.argsort(-variance, kind="stable")
    before = np.cumsum(weight[order]) - weight[order]
    drawn = np.zeros_like(weight)
    drawn[order] = np.clip(_ONE_BY_ONE // n_draws - before, 0, weight[order])
    total = np.zeros(n_draws)
    one_by_one = np.repeat(np.arange(len(weight)), drawn)
    if len(one_by_one):
        total += draw_outcomes(known.of_rows(one_by_one), payments, terms.of_rows(one_by_one), n_draws, rng).sum(axis=0)
    others = weight - drawn
    return total + rng.normal(others @ clv, np.sqrt(others @ variance), n_draws)
