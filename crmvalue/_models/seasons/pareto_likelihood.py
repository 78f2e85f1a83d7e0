"""Likelihood of the Pareto/NBD with a calendar, with its gradient and Hessian in parameters and levels.

At the time u after their first purchase, customers have the operational time tau(u). They buy at the rate lambda times
the level of the day and leave at the rate mu. With lambda gamma(r, alpha) and mu gamma(s, beta),

    L = C { (alpha+tau(T))^-(r+x) (beta+T)^-s + D },
    D = integral over t_x < u < T of s (alpha+tau(u))^-(r+x) (beta+u)^-(s+1) du,

with C = Gamma(r+x) / Gamma(r) alpha^r beta^s times the levels of the days of repeat purchases. Between two changes of
the level, tau is a line, and the integral is that of the Pareto/NBD without a calendar.

In A = alpha + tau, the derivative by the logarithm of a level j is D_j: at the start of a piece the operational time
that is due to the level, E_j(day) - E_j(first day), and within it a line. So what the derivatives in levels need of a
piece are a few numbers, which are summed by its first day or by its row. No table of customers and days is needed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._models.clocks.pieces import blocks, count_pieces, cut
from crmvalue._models.repeat.nbd_likelihood import RisingSum
from crmvalue._models.repeat.pareto_nbd_likelihood import log_died_moments
from crmvalue._models.seasons.likelihood import from_day
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.numerics import tall_product

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue._models.clocks.pieces import Pieces
    from crmvalue._models.seasons.likelihood import DatedPurchases
    from crmvalue.typing import Floats, Integers

__all__ = ["SeasonalParetoLikelihood"]

_PIECES = 1 << 14  # of one block of rows: temporaries stay small
_NEGLIGIBLE = -45.0  # logarithm of a chance
_M = 4  # parameters: r, alpha, s, beta


class SeasonalParetoLikelihood:
    """Log-likelihood as a function of the logarithms of r, alpha / ruler, s, beta / ruler and of the levels.

    `design` has a row for each day and a column for each level; the level of a day is the product of the levels to the
    powers in its row, times that of `known`. Day 0 belongs to nobody's time.
    """

    def __init__(
        self, dated: DatedPurchases, design: Floats, days_per_unit: float, known: Floats | None = None
    ) -> None:
        self.design = design
        n_days = self.n_days = len(design)
        self.design_after = np.vstack([design[1:], np.zeros((1, design.shape[1]))])  # of what begins on each day
        self.known = np.zeros(n_days) if known is None else np.log(known)
        n_customers = float(dated.weight.sum())
        mean_age = float((dated.weight * (n_days - 1.0 - dated.first)).sum()) / n_customers
        self.ruler = mean_age or 1.0  # in days; times of the likelihood are in `time_unit`
        self.n_repeat = dated.n_repeat
        self.unit = -float(dated.n_repeat.sum()) * math.log(self.ruler / days_per_unit)
        self.n_customers = n_customers
        self.rising = RisingSum(dated.x, dated.weight)
        order = np.argsort(-dated.last, kind="stable")  # rows of a block have about as many pieces
        self.x, self.weight = dated.x[order], dated.weight[order]
        self.first, self.last = dated.first[order], dated.last[order]
        rows = np.column_stack([design, self.known])
        changes = (rows[2:] != rows[1:-1]).any(axis=1)
        self.bends = (np.flatnonzero(changes) + 1).astype(np.float64)
        n_pieces = count_pieces(self.last.astype(np.float64), np.full(len(self.x), n_days - 1.0), self.bends)
        self.blocks = list(blocks(n_pieces + 1, _PIECES))

    def __call__(self, theta: Floats) -> Evaluation:
        r, alpha, s, beta = np.exp(theta[:_M]).tolist()
        log_level = np.einsum("ij,j->i", self.design, theta[_M:]) + self.known
        level = np.exp(log_level)
        speed = level / self.ruler
        speed[0] = 0.0
        days = _Days(level, np.cumsum(speed), np.cumsum(speed[:, np.newaxis] * self.design, axis=0))
        found = _Sums(self.design.shape[1], self.n_days)
        for rows in self.blocks:
            self._block(found, (r, alpha, s, beta), days, rows)
        rising, slope, bend = self.rising(r)
        n = self.n_customers
        value = found.value + rising + self.unit + float(self.n_repeat @ log_level)
        gradient, hessian = self._assembled(found, speed, days.elapsed)
        gradient[:_M] += r * slope, n * r, 0.0, n * s
        gradient[_M:] += np.einsum("ij,i->j", self.design, self.n_repeat)
        hessian[0, 0] += r * slope + r * r * bend
        for i, shared in ((0, n * r), (2, n * s)):
            hessian[i, i + 1] += shared
            hessian[i + 1, i] += shared
        return Evaluation(value, gradient, hessian)

    def _block(self, found: _Sums, parameters: tuple[float, float, float, float], days: _Days, rows: slice) -> None:
        """Add some rows to the sums."""
        r, alpha, s, beta = parameters
        x, weight, first = self.x[rows], self.weight[rows], self.first[rows]
        n, last_day = len(x), self.n_days - 1
        a_end = alpha + (days.clock[-1] - days.clock[first])
        b_end = beta + (last_day - first) / self.ruler
        pieces = cut(self.last[rows].astype(np.float64), np.full(n, float(last_day)), self.bends)
        owner, begin, end = pieces.owner, pieces.begin.astype(np.int64), pieces.end.astype(np.int64)

        def since(day: Integers, of: Integers) -> tuple[Floats, Floats]:
            """Give alpha + tau and beta + u on a day."""
            return alpha + (days.clock[day] - days.clock[first[of]]), beta + (day - first[of]) / self.ruler

        def below(a: Floats, b: Floats, of: Integers) -> Floats:
            """Logarithm of (alpha + tau)^-(r + x) (beta + u)^-s over its value at the end."""
            found: Floats = (r + x)[of] * np.log(a_end[of] / a) + s * np.log(b_end[of] / b)
            return found

        # Leave out pieces in which so few have left that those of other pieces and those alive hide them.
        at_begin, at_end = since(begin, owner), since(end, owner)
        length = (end - begin) / self.ruler
        most, least = (
            np.log(s * length / b) + below(a, b, owner) for a, b in (at_begin, at_end)
        )  # fmt: skip
        pieces = pieces.of_those(most > np.maximum(pieces.maxima(least), 0.0)[owner] + _NEGLIGIBLE)
        owner, begin, length = pieces.owner, pieces.begin.astype(np.int64), pieces.length / self.ruler
        (a, b), pace = since(begin, owner), days.level[begin + 1]
        odds, mean, covariance = log_died_moments(x[owner], np.zeros(len(owner)), length, r, a / pace, s, b)
        odds += below(a + pace * length, b + length, owner)
        likelier = np.logaddexp(0.0, pieces.log_sums(odds))
        log_alive = -r * np.log(a_end / alpha) - x * np.log(a_end) - s * np.log(b_end / beta)
        found.value += float(weight @ (log_alive + likelier))
        died = _Terms.of(parameters, (r + x)[owner], s + 1.0, a, b, mean, covariance)
        died.first[2] += 1.0
        alive = _Terms.of(parameters, r + x, s, a_end, b_end, np.zeros((4, n)), np.zeros((4, 4, n)))
        group = _Group(first, weight, pieces, begin, died, alive, np.exp(odds - likelier[owner]), np.exp(-likelier))
        self._add_first(found, days, group)
        self._add_second(found, days, group)

    def _add_first(self, found: _Sums, days: _Days, group: _Group) -> None:
        """Add the first derivatives, and take off the products of those of each row."""
        pieces, died, alive, elapsed = group.pieces, group.died, group.alive, days.elapsed
        average = alive.first * group.stays
        for i in range(_M):
            average[i] += pieces.sums(group.chance * died.first[i])
        table = _by_day(pieces, group.begin, self.n_days)
        by_piece, by_row = group.chance * died.in_due, group.stays * alive.in_due
        due = table(by_piece) @ elapsed + table(group.chance * died.in_line) @ self.design_after
        due += by_row[:, np.newaxis] * elapsed[-1]
        due -= (pieces.sums(by_piece) + by_row)[:, np.newaxis] * elapsed[group.first]
        of_row = np.hstack([average.T, due])
        found.gradient[:_M] += np.einsum("ij,j->i", average, group.weight)
        found.hessian -= _weighted(of_row, group.weight, of_row)

    def _add_second(self, found: _Sums, days: _Days, group: _Group) -> None:
        """Add the second derivatives with the products of first ones: those with levels by day."""
        first, pieces, begin, died, alive = group.first, group.pieces, group.begin, group.died, group.alive
        share, still = group.chance * group.weight[pieces.owner], group.stays * group.weight
        n_days = self.n_days
        found.hessian[:_M, :_M] += died.summed_second(share) + alive.summed_second(still)
        columns = zip(
            (died.in_due, *died.mixed_due), (died.in_line, *died.mixed_line), (alive.in_due, *alive.mixed_due),
            strict=True,
        )  # fmt: skip
        for i, (column, line, of_alive) in enumerate(columns):
            moved, stayed = share * column, still * of_alive
            found.by_day[i] += np.bincount(begin, moved, n_days)
            found.by_day[i, -1] += stayed.sum()
            found.by_first[i] += np.bincount(first, pieces.sums(moved) + stayed, n_days)
            found.line[i] += np.bincount(begin, share * line, n_days)
        # Two levels: the time due to both until the piece, that until the piece and that within, and both within.
        twice, half, stayed = share * died.due_due, share * died.due_line, still * alive.due_due
        found.twice_day += np.bincount(begin, twice, n_days)
        found.twice_day[-1] += stayed.sum()
        found.twice_first += np.bincount(first, pieces.sums(twice) + stayed, n_days)
        found.half_day += np.bincount(begin, half, n_days)
        found.whole += np.bincount(begin, share * died.line_line, n_days)
        table, at_first = _by_day(pieces, begin, n_days), days.elapsed[first]
        met = table(twice) @ days.elapsed + stayed[:, np.newaxis] * days.elapsed[-1]
        found.cross_due += tall_product(at_first, met)
        found.cross_line += tall_product(at_first, table(half) @ self.design_after)

    def _assembled(self, found: _Sums, speed: Floats, elapsed: Floats) -> tuple[Floats, Floats]:
        """Bring the sums together."""
        design, after = self.design, self.design_after
        gradient, hessian = found.gradient, found.hessian
        along = speed * (from_day(found.by_day[0]) - from_day(found.by_first[0]))
        gradient[_M:] = np.einsum("ij,i->j", design, along) + np.einsum("ij,i->j", after, found.line[0])
        for i in range(_M):
            day, start, line = found.by_day[i + 1], found.by_first[i + 1], found.line[i + 1]
            mixed = np.einsum("ij,i->j", elapsed, day - start) + np.einsum("ij,i->j", after, line)
            hessian[i, _M:] += mixed
            hessian[_M:, i] += mixed
        bend = _weighted(design, along, design) + _weighted(after, found.line[0] + found.whole, after)
        bend += _weighted(elapsed, found.twice_day + found.twice_first, elapsed) - found.cross_due - found.cross_due.T
        both = _weighted(elapsed, found.half_day, after) - found.cross_line
        hessian[_M:, _M:] += bend + both + both.T
        return gradient, hessian


class _Days(NamedTuple):
    """Level of each day, operational time until its end, and how much of it is due to each level."""

    level: Floats
    clock: Floats
    elapsed: Floats


class _Group(NamedTuple):
    """Some rows and their pieces, with the chances, given the data, to have left in each piece, and to be alive."""

    first: Integers
    weight: Floats
    pieces: Pieces
    begin: Integers
    died: _Terms
    alive: _Terms
    chance: Floats
    stays: Floats


class _Sums:
    """Sums over rows: of the first derivatives in levels, and of the mixed ones with each parameter, by days."""

    def __init__(self, n_levels: int, n_days: int) -> None:
        self.value = 0.0
        self.gradient = np.zeros(_M + n_levels)
        self.hessian = np.zeros((_M + n_levels, _M + n_levels))
        self.by_day, self.by_first, self.line = np.zeros((3, _M + 1, n_days))
        self.twice_day, self.twice_first, self.half_day, self.whole = np.zeros((4, n_days))
        self.cross_due, self.cross_line = np.zeros((2, n_levels, n_levels))


class _Terms(NamedTuple):
    """Derivatives of the logarithm of some terms of the likelihood, means over the time of a piece.

    A derivative in a level is in_due times (E - E first) plus in_line times the row of the design; `mixed` are those of
    second order with a parameter, with the product of the first ones, and so are the others with two levels.
    """

    first: Floats
    slopes: Floats
    covariance: Floats
    second: tuple[tuple[int, int, Floats], ...]
    in_due: Floats
    in_line: Floats
    mixed: tuple[Floats, Floats]  # what the second derivatives in r and alpha need
    due_due: Floats
    due_line: Floats
    line_line: Floats
    power: Floats
    a_0: Floats
    w: Floats

    @classmethod
    def of(
        cls,
        parameters: tuple[float, float, float, float],
        shape: Floats,
        leave: float,
        a_0: Floats,
        b_0: Floats,
        mean: Floats,
        covariance: Floats,
    ) -> _Terms:
        """Terms (alpha + tau)^-shape (beta + u)^-leave that begin at a_0 and b_0."""
        r, alpha, s, beta = parameters
        w, v = 1.0 - mean[1], 1.0 - mean[3]
        w_square, v_square = w * w + covariance[1, 1], v * v + covariance[3, 3]
        u = mean[1]
        w_u, u_square = w * u - covariance[1, 1], u * u + covariance[1, 1]
        a, b = alpha / a_0, beta / b_0
        first = np.stack(
            [-r * (np.log(a_0 / alpha) + mean[0]), -shape * a * w, -s * (np.log(b_0 / beta) + mean[2]), -leave * b * v]
        )
        slopes = np.stack([np.full(len(w), -r), shape * a, np.full(len(w), -s), leave * b])
        second = (
            (0, 0, first[0].copy()),
            (0, 1, -r * a * w),
            (1, 1, first[1] + shape * a * a * w_square),
            (2, 2, first[2].copy()),
            (2, 3, -s * b * v),
            (3, 3, first[3] + leave * b * b * v_square),
        )
        in_due, in_line = -shape * w / a_0, -shape * u
        twice = shape * (shape + 1.0)
        return cls(
            first, slopes, covariance, second, in_due, in_line,
            (a * w_square / a_0, a * w_u),
            twice * w_square / a_0**2, twice * w_u / a_0, twice * u_square,
            shape, a_0, w,
        )  # fmt: skip

    def summed_second(self, share: Floats) -> Floats:
        """Sum over terms of second derivatives in parameters and of products of first ones.

        In one thread: on a busy machine, threads of a linear algebra library wait for longer than such sums take.
        """
        found: Floats = np.einsum("ik,jk->ij", self.first * share, self.first)
        found += np.einsum("ijk,ik,jk->ij", self.covariance, self.slopes * share, self.slopes)
        for i, j, values in self.second:
            total = float(np.einsum("k,k->", share, values))
            found[i, j] += total
            if i != j:
                found[j, i] += total
        return found

    @property
    def mixed_due(self) -> Floats:
        """Second derivatives with each parameter: what multiplies (E - E first)."""
        found = self.first * self.in_due + self.slopes * self.covariance[:, 1] * (self.power / self.a_0)
        found[0] += self.slopes[0] * self.w / self.a_0
        found[1] += self.power * self.mixed[0]
        return found

    @property
    def mixed_line(self) -> Floats:
        """Second derivatives with each parameter: what multiplies the row of the design."""
        found = self.first * self.in_line - self.slopes * self.covariance[:, 1] * self.power
        found[0] += self.slopes[0] * (1.0 - self.w)
        found[1] += self.power * self.mixed[1]
        return found


def _weighted(x: Floats, weight: Floats, y: Floats) -> Floats:
    """Sum the products of two tables over weighted rows."""
    return tall_product(x * weight[:, np.newaxis], y)


def _by_day(pieces: Pieces, begin: Integers, n_days: int) -> Callable[[Floats], Any]:
    """Give a function that puts what pieces are worth into a sparse matrix, by their row and the day they begin on."""
    from scipy.sparse import csr_array

    edges = np.searchsorted(pieces.owner, np.arange(pieces.n_rows + 1))

    def table(values: Floats) -> Any:
        return csr_array((values, begin, edges), shape=(pieces.n_rows, n_days))

    return table
