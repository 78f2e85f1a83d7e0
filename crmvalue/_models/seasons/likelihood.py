"""Likelihood of a purchase model with a calendar, with its gradient and Hessian in parameters and levels.

With P = alpha + t_x and Q = alpha + T in operational time, the log-likelihood of a customer is a function of r, a, b, P
and Q, plus r log(alpha) and the logarithms of the levels of the days of repeat purchases. alpha moves P and Q alike. A
level moves P by the operational time between the first and the last purchase that is due to it, and Q by that until the
end. So all sums over customers are sums over days: of derivatives by the day of the first purchase, by that of the
last, and for the Hessian by both. No table of customers and days is needed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.encoding.keys import distinct_keys
from crmvalue._models.repeat.nbd_likelihood import RisingSum
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.numerics import product_by_rows, tall_product

if TYPE_CHECKING:
    from crmvalue.typing import Floats, Integers

__all__ = ["DatedPurchases", "Family", "SeasonalLikelihood", "from_day"]

_MANY_DAYS = 2_000  # from which most pairs of days do not occur
_BLOCK = 1 << 13  # rows at a time: temporaries stay in the cache


class Family(NamedTuple):
    """Which model: events to a purchase, chances to leave before the first repeat purchase, or None if nobody does."""

    k: int
    early: int | None

    @property
    def n_parameters(self) -> int:
        """Number of parameters: r and alpha, and a and b where customers leave."""
        return 2 if self.early is None else 4


class DatedPurchases(NamedTuple):
    """Distinct customers with the days of their first and last purchase, and all repeat purchases by day.

    Days are numbered from 0, the day of the first purchase of all, to the end of observation. `between` are all pairs
    of successive purchases of a customer: the two days, and how often the pair occurs.
    """

    x: Floats
    first: Integers
    last: Integers
    weight: Floats
    n_repeat: Floats
    between: tuple[Integers, Integers, Floats]


class _Pairs:
    """Sums of a column of rows over pairs of two days: a matrix, a sparse one where there are many days."""

    def __init__(self, row: Integers, column: Integers, n_days: int) -> None:
        self.n_days, self.place = n_days, row * n_days + column
        self.is_sparse = n_days > _MANY_DAYS
        if self.is_sparse:
            first, self.place, _ = distinct_keys(self.place)
            self.column = column[first]
            self.start = np.searchsorted(row[first], np.arange(n_days + 1))

    def __call__(self, values: Floats) -> Any:
        n = self.n_days
        if not self.is_sparse:
            return np.bincount(self.place, values, n * n).reshape(n, n)
        from scipy.sparse import csr_array

        sums = np.bincount(self.place, values, len(self.column))
        return csr_array((sums, self.column, self.start), shape=(n, n))


class SeasonalLikelihood:
    """Log-likelihood as a function of the logarithms of r, alpha / ruler, (a, b) and of the levels.

    `design` has a row for each day and a column for each level; the level of a day is the product of the levels to the
    powers in its row. Day 0 belongs to nobody's time.
    """

    def __init__(self, family: Family, dated: DatedPurchases, design: Floats, days_per_unit: float) -> None:
        self.family, self.design = family, design
        n_days = self.n_days = len(design)
        weight, k = dated.weight, family.k
        n_customers = float(weight.sum())
        mean_age = float((weight * (n_days - 1.0 - dated.first)).sum()) / n_customers
        self.ruler = mean_age or 1.0  # in days; times of the likelihood are in `time_unit`
        self.n_repeat = dated.n_repeat
        self.unit = -float(dated.n_repeat.sum()) * math.log(self.ruler / days_per_unit)
        self.rising_events = RisingSum(k * dated.x, weight)
        self.customers = np.bincount(dated.first, weight, n_days)
        self.events = np.bincount(dated.first, weight * (k * dated.x), n_days)
        begin, end, count = dated.between
        self.begin, self.end, self.more = begin, end, (k - 1.0) * count
        if k > 1:
            self.gaps = _Pairs(end, begin, n_days)
        if family.early is None:
            return
        tosses = dated.x + family.early
        self.rising_tosses = RisingSum(tosses, weight)
        # In BG/NBD, who has not bought again cannot be lost; their chance is a sum by days alone.
        rows = slice(None) if k > 1 else tosses > 0
        self.x, self.weight = dated.x[rows], weight[rows]
        self.first, self.last = dated.first[rows], dated.last[rows]
        self.tosses = tosses[rows]
        self.pairs = _Pairs(self.last, self.first, n_days)

    def levels(self, theta: Floats) -> Floats:
        """Level of each day."""
        level: Floats = np.exp(np.einsum("ij,j->i", self.design, theta[self.family.n_parameters :]))
        return level

    def __call__(self, theta: Floats) -> Evaluation:
        m, n_days = self.family.n_parameters, self.n_days
        natural = np.exp(theta[:m])
        level = self.levels(theta)
        speed = level / self.ruler
        speed[0] = 0.0
        clock = np.cumsum(speed)
        found = _Sums(m, n_days)
        self._of_days(found, natural, clock)
        if self.family.early is not None:
            self._of_rows(found, natural, clock)
        if self.family.k > 1:
            self._of_gaps(found, clock)
        value = found.value + self.unit + float(self.n_repeat @ np.log(level))
        gradient, hessian = self._assemble(found, natural, speed)
        return Evaluation(value, gradient, hessian)

    def _of_days(self, found: _Sums, natural: Floats, clock: Floats) -> None:
        """Add what depends on the day of the first purchase alone: the chance to have bought so often until the end."""
        r, alpha = natural[:2].tolist()
        rising, slope, bend = self.rising_events(r)
        age = clock[-1] - clock
        until = alpha + age
        grown = np.log1p(age / alpha)
        shape = r * self.customers + self.events
        found.value += rising - float((shape * grown).sum()) - float(self.events.sum()) * math.log(alpha)
        found.gradient[0] += slope - float((self.customers * grown).sum())
        found.gradient[1] += r * float(self.customers.sum()) / alpha
        found.hessian[0, 0] += bend
        found.hessian[0, 1] += float(self.customers.sum()) / alpha
        found.hessian[1, 1] -= r * float(self.customers.sum()) / alpha**2
        found.first -= shape / until
        found.mixed_first[0] -= self.customers / until
        found.twice_first += shape / until**2
        found.end_first += shape / until**2
        if self.family.early is not None:
            a, b = natural[2:].tolist()
            in_b, in_ab = self.rising_tosses(b), self.rising_tosses(a + b)
            found.value += in_b[0] - in_ab[0]
            found.gradient[2:] += (-in_ab[1], in_b[1] - in_ab[1])
            found.hessian[2, 2] -= in_ab[2]
            found.hessian[2, 3] -= in_ab[2]
            found.hessian[3, 3] += in_b[2] - in_ab[2]

    def _of_rows(self, found: _Sums, natural: Floats, clock: Floats) -> None:
        """Add log H and the logarithm of 1 + the odds of being lost, of each row."""
        n = len(self.x)
        columns = np.empty((11, n))
        for start in range(0, n, _BLOCK):
            rows = slice(start, start + _BLOCK)
            self._block(found, natural, clock, rows, columns[:, rows])
        by_p, by_q, rp, rq, ap, aq, bp, bq, pp, pq, qq = columns
        days = self.n_days
        found.last += np.bincount(self.last, by_p, days)
        found.first += np.bincount(self.first, by_p + by_q, days)
        for i, (in_p, in_q) in zip((0, 2, 3), ((rp, rq), (ap, aq), (bp, bq)), strict=True):
            found.mixed_last[i] += np.bincount(self.last, in_p, days)
            found.mixed_first[i] += np.bincount(self.first, in_p + in_q, days)
        found.twice_last += np.bincount(self.last, pp, days)
        found.end_last += np.bincount(self.last, pq, days)
        found.twice_first += np.bincount(self.first, pp + 2.0 * pq + qq, days)
        found.end_first += np.bincount(self.first, pq + qq, days)
        found.pairs = self.pairs(pp + pq)

    def _block(self, found: _Sums, natural: Floats, clock: Floats, rows: slice, columns: Floats) -> None:
        """Evaluate some rows: sums of the parameters, and the columns that are summed by days."""
        r, alpha, a, b = natural.tolist()
        k = self.family.k
        weight, x, tosses = self.weight[rows], self.x[rows], self.tosses[rows]
        at_last = clock[self.last[rows]]
        p = alpha + (at_last - clock[self.first[rows]])
        since = clock[-1] - at_last
        q = p + since
        in_p, in_q = 1.0 / p, 1.0 / q
        shape = r + k * x
        longer = np.log1p(since * in_p)
        toss = 1.0 / np.where(tosses > 0, tosses - 1.0 + b, 1.0)
        odds = np.log(a * toss) + shape * longer
        stay = _Waiting(k, shape, since, p, q) if k > 1 else None
        if stay is not None:
            odds -= stay.value
            odds[tosses == 0] = -np.inf
            found.value += float((weight * stay.value).sum())
        small = np.exp(-np.abs(odds))
        found.value += float((weight * (np.log1p(small) + np.maximum(odds, 0.0))).sum())
        lost = np.where(odds > 0, 1.0, small) / (1.0 + small) * weight
        unsure = small / (1.0 + small) ** 2 * weight
        # Derivatives of the odds but for H, in r, P and Q; those in a and b are 1 / a and -toss.
        e_r, e_p, e_q = longer, -shape * in_p, shape * in_q
        by_p, by_q = lost * e_p, lost * e_q
        rr, rp, rq = 0.0, -lost * in_p, lost * in_q
        pp, qq = -by_p * in_p, -by_q * in_q
        pq: Floats | float = 0.0
        by_r = lost * e_r
        if stay is not None:
            kept = weight - lost
            e_r, e_p, e_q = e_r - stay.r, e_p - stay.p, e_q - stay.q
            by_r, by_p, by_q = by_r + kept * stay.r, by_p + kept * stay.p, by_q + kept * stay.q
            rr, rp, rq = kept * stay.rr, rp + kept * stay.rp, rq + kept * stay.rq
            pp, pq, qq = pp + kept * stay.pp, kept * stay.pq, qq + kept * stay.qq
        of_r, of_p, of_q = unsure * e_r, unsure * e_p, unsure * e_q
        columns[:6] = by_p, by_q, rp + of_r * e_p, rq + of_r * e_q, of_p / a, of_q / a
        columns[6:8] = -of_p * toss, -of_q * toss
        columns[8], columns[9], columns[10] = pp + of_p * e_p, pq + of_p * e_q, qq + of_q * e_q
        n_lost, of_toss, of_b = float(lost.sum()), lost * toss, unsure * toss
        found.gradient[0] += by_r.sum()
        found.gradient[2] += n_lost / a
        found.gradient[3] -= of_toss.sum()
        hessian = found.hessian
        hessian[0, 0] += float(np.sum(rr + of_r * e_r))
        hessian[0, 2] += float(of_r.sum()) / a
        hessian[0, 3] -= float((of_r * toss).sum())
        hessian[2, 2] += (float(unsure.sum()) - n_lost) / a**2
        hessian[2, 3] -= float(of_b.sum()) / a
        hessian[3, 3] += float(((of_b + of_toss) * toss).sum())

    def _of_gaps(self, found: _Sums, clock: Floats) -> None:
        """Add the logarithms of the times between purchases, which count where more than one event makes a purchase."""
        gap = clock[self.end] - clock[self.begin]
        found.value += float((self.more * np.log(gap)).sum())
        slope = self.more / gap
        bend = -slope / gap
        days = self.n_days
        found.gap_end += np.bincount(self.end, slope, days)
        found.gap_begin += np.bincount(self.begin, slope, days)
        found.gap_twice += np.bincount(self.end, bend, days) + np.bincount(self.begin, bend, days)
        found.gap_pairs = self.gaps(bend)

    def _assemble(self, found: _Sums, natural: Floats, speed: Floats) -> tuple[Floats, Floats]:
        """Bring the sums together: gradient and Hessian in logarithms of parameters and levels."""
        m, design = self.family.n_parameters, self.design
        # alpha moves P and Q alike
        found.gradient[1] += found.first.sum()
        others = [0, 2, 3][: m - 1]
        for i in others:
            found.hessian[min(i, 1), max(i, 1)] += found.mixed_first[i].sum()
        found.hessian[1, 1] += found.twice_first.sum()
        upper = np.triu(found.hessian)
        of_parameters = upper + np.triu(upper, 1).T
        slope = found.gradient * natural
        n_levels = design.shape[1]
        gradient = np.concatenate([slope, np.zeros(n_levels)])
        hessian = np.zeros((m + n_levels, m + n_levels))
        hessian[:m, :m] = of_parameters * natural * natural[:, np.newaxis] + np.diag(slope)
        if not n_levels:
            return gradient, hessian
        elapsed = np.cumsum(speed[:, np.newaxis] * design, axis=0)  # operational time due to each level
        whole = elapsed[-1]
        last, first = found.last + found.gap_end, found.first + found.gap_begin
        to_end = float(found.first.sum() - found.last.sum())
        each_day = from_day(last) - from_day(first) + to_end
        along = speed * each_day
        gradient[m:] = np.einsum("ij,i->j", design, along + self.n_repeat)
        found.mixed_last[1], found.mixed_first[1] = found.twice_last + found.end_last, found.twice_first
        for i in range(m):
            in_end = float(found.mixed_first[i].sum() - found.mixed_last[i].sum())
            mixed = np.einsum("ij,i->j", elapsed, found.mixed_last[i] - found.mixed_first[i]) + whole * in_end
            hessian[i, m:] = hessian[m:, i] = natural[i] * mixed
        twice = found.twice_last + found.twice_first + found.gap_twice
        bend = tall_product(elapsed * twice[:, np.newaxis], elapsed)
        bend += tall_product(design * along[:, np.newaxis], design)
        cross = np.einsum("ij,i->j", elapsed, found.end_last - found.end_first)
        bend += np.outer(cross, whole) + np.outer(whole, cross)
        # P and Q twice: what is left of the sum of the second derivative in Q
        bend += np.outer(whole, whole) * float(found.end_first.sum() - found.end_last.sum())
        for pairs in (found.pairs, found.gap_pairs):
            if pairs is not None:
                dense = isinstance(pairs, np.ndarray)
                met = product_by_rows(pairs, elapsed) if dense else pairs @ elapsed
                between = tall_product(elapsed, met)
                bend -= between + between.T
        hessian[m:, m:] = bend
        return gradient, hessian


class _Sums:
    """Sums over customers by day: of first derivatives in P and Q, of those mixed with parameters, and of second ones.

    `last` sums those in P by the day of the last purchase, `first` those in P and Q by the day of the first one;
    `twice` are second derivatives, `end` those that meet the time until the end.
    """

    def __init__(self, n_parameters: int, n_days: int) -> None:
        self.value = 0.0
        self.gradient = np.zeros(n_parameters)
        self.hessian = np.zeros((n_parameters, n_parameters))  # the upper half
        self.mixed_last, self.mixed_first = np.zeros((2, n_parameters, n_days))
        self.last, self.first, self.twice_last, self.twice_first, self.end_last, self.end_first = np.zeros((6, n_days))
        self.gap_end, self.gap_begin, self.gap_twice = np.zeros((3, n_days))
        self.pairs: Any = None
        self.gap_pairs: Any = None


def from_day(column: Floats) -> Floats:
    """Sum a column of days from each day on: what is true until a day counts for all days before it.

    A row that ends on day d has the days up to d: its derivative belongs to each of them.
    """
    found: Floats = np.cumsum(column[::-1])[::-1]
    return found


class _Waiting:
    """Logarithm of H = sum of (S)_j / j! y^j over j < k, y = 1 - P / Q, with its derivatives in r, P and Q."""

    def __init__(self, k: int, shape: Floats, since: Floats, p: Floats, q: Floats) -> None:
        y = since / q
        term = total = np.ones(len(shape))
        in_y, in_yy, in_r, in_rr, in_ry = np.zeros((5, len(shape)))
        digamma, trigamma = np.zeros((2, len(shape)))
        before = np.zeros(len(shape))  # j times the term over y, of the term before
        for j in range(1, k):
            step = shape + (j - 1.0)
            digamma, trigamma = digamma + 1.0 / step, trigamma + 1.0 / step**2
            slope = term * step
            in_yy = in_yy + before * step
            term = slope * y / j
            before = slope
            total, in_y = total + term, in_y + slope
            in_r, in_ry = in_r + term * digamma, in_ry + slope * digamma
            in_rr = in_rr + term * (digamma * digamma - trigamma)
        in_y, in_yy, in_r, in_rr, in_ry = (column / total for column in (in_y, in_yy, in_r, in_rr, in_ry))
        in_yy, in_rr, in_ry = in_yy - in_y * in_y, in_rr - in_r * in_r, in_ry - in_r * in_y
        y_p, y_q = -1.0 / q, p / q**2
        self.value, self.r, self.rr = np.log(total), in_r, in_rr
        self.p, self.q = in_y * y_p, in_y * y_q
        self.rp, self.rq = in_ry * y_p, in_ry * y_q
        self.pp = in_yy * y_p * y_p
        self.pq = in_yy * y_p * y_q + in_y / q**2
        self.qq = in_yy * y_q * y_q - in_y * 2.0 * y_q / q
