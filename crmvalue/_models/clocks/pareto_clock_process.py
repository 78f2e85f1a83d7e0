"""A Pareto/NBD customer who buys by the clock of a calendar and leaves by the ordinary one, row by row.

A customer of the age T who is alive buys at a rate that is gamma(r + x, alpha + tau(T)) times the level of the day, and
leaves at a rate that is gamma(s, beta + T). What is asked is an integral over the time of leaving, or of buying. It is
cut where the clock changes its pace.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._models.clocks.clock_process import ProcessWithClock
from crmvalue._models.clocks.pieces import blocks, count_pieces, cut
from crmvalue._models.repeat.pareto_nbd_likelihood import log_died_to_alive
from crmvalue._models.repeat.pareto_nbd_predictions import time_as_customer
from crmvalue._models.shared.numerics import count_tails, gauss_legendre, log_rising
from crmvalue._models.shared.process import Future, Past

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmvalue._models.clocks.clock import Clock
    from crmvalue._models.repeat.pareto_nbd import ParetoNbdProcess
    from crmvalue.typing import Floats, Integers

__all__ = ["ParetoClockProcess"]

_PIECES = 1 << 15  # of one block of rows
_CELLS = 1 << 18  # rows times moments at a time in the discounted sum
_NEAR_ONE = -0.1  # log-likelihoods above this are those of near certainty
_MOST_EXPECTED = 1e15  # purchases of one simulated customer
_NODES = 20  # of a panel of the time of leaving
_SPREAD = 2.0  # longest panel, in standard deviations of a count,
_LOG = 1.5  # and as a logarithm of alpha + tau and of beta + u,
_NATS = 20.0  # and in powers of e of the chance to stay and of the power of tau
_HIDDEN = 80.0  # so many powers of e below the top nothing counts
_MOST_HALVINGS = 64


@attrs.frozen
class ParetoClockProcess(ProcessWithClock):
    """The process in ordinary time and the clock of its purchases; alpha is in operational time."""

    inner: ParetoNbdProcess
    clock: Clock

    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-likelihood of each row, but for the levels of the days of purchases, which a row does not tell."""
        pace = self.clock.pace_behind(float(age.max(initial=0.0)))
        if pace is not None:
            return self._even(pace).log_likelihood(x, t_x, age) - x * math.log(pace)
        r, s = self.inner.r, self.inner.s
        alpha, beta = (np.full(x.shape, scale) for scale in (self.inner.alpha, self.inner.beta))
        until = self.clock.past(age, age)[1]
        alive = log_rising(r, x) - r * np.log1p(until / alpha) - x * np.log(alpha + until) - s * np.log1p(age / beta)
        total: Floats = alive + np.logaddexp(0.0, self._log_odds(x, t_x, age))
        # If no purchase is expected, the likelihood is near 1, which hides its digits: the chance of one has them.
        rows = np.flatnonzero((x == 0) & (total > _NEAR_ONE))
        if len(rows):
            here, nothing = self.of_rows(rows), np.zeros(len(rows))
            log_chance = here._log_odds(nothing, nothing, age[rows], bought=True) + alive[rows]  # noqa: SLF001 - of the same class
            total[rows] = np.log1p(-np.exp(log_chance))
        return total

    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability to be alive, and to be lost."""
        from scipy.special import expit

        pace = self.clock.pace_behind(float(age.max(initial=0.0)))
        if pace is not None:
            return self._even(pace).alive_and_lost(x, t_x, age)
        odds = self._log_odds(x, t_x, age)
        return expit(-odds), expit(odds)

    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Chance not to leave, by the ordinary clock."""
        return self.inner.survival(past, ahead)

    def purchases(self, past: Past, ahead: Floats) -> Floats:
        r"""Purchases at the mean rate: (r+x)/(alpha+tau(T)) times the integral of level ((beta+T)/(beta+T+u))^s."""
        beta = np.full(past.x.shape, self.inner.beta) + past.age
        first, place, _ = distinct_keys(row_keys(beta, ahead))
        return self._rate(past) * self._time(beta[first], ahead[first])[place]

    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Discounted purchases: the chance to stay is smooth, and the rest is the same for all customers."""
        if force == 0.0:
            return self.purchases(past, ahead)
        beta = np.full(past.x.shape, self.inner.beta) + past.age
        found = np.zeros(len(ahead))
        for time in np.unique(ahead[ahead > 0]).tolist():
            rows = np.flatnonzero(ahead == time)
            distinct, place = np.unique(beta[rows], return_inverse=True)
            rule = self.clock.survival_rule(time, force, 0.5 * float(distinct[0]))
            stays = np.empty(len(distinct))
            step = max(1, _CELLS // len(rule.moment))
            for start in range(0, len(distinct), step):
                some = distinct[start : start + step, np.newaxis]
                stays[start : start + step] = np.exp(-self.inner.s * np.log1p(rule.moment / some)) @ rule.weight
            found[rows] = stays[place]
        return self._rate(past) * found

    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases before leaving or the end."""
        from scipy.special import gammaln, xlogy

        alpha, beta, shape = self._known(past)
        ways = log_rising(shape, n) - gammaln(n + 1.0)
        found = np.zeros(len(n))
        for rows, rule in self._rules(shape, alpha, beta, ahead, n):
            of = rows.start + rule.owner
            w = rule.operational / alpha[of]
            log_p = ways[of] + xlogy(n[of], w / (1.0 + w)) - shape[of] * np.log1p(w)
            found[rows] = np.bincount(rule.owner, rule.leaves * np.exp(log_p), minlength=rows.stop - rows.start)
        w = self.clock.ahead(ahead) / alpha
        log_p = ways + xlogy(n, w / (1.0 + w)) - shape * np.log1p(w) - self.inner.s * np.log1p(ahead / beta)
        whole: Floats = np.minimum(found + np.exp(log_p), 1.0)
        return whole

    def tails(self, past: Past, ahead: Floats) -> Iterator[Floats]:
        """Purchases before leaving or the end: one rule over the time of leaving serves for all counts."""
        alpha, beta, shape = self._known(past)
        parts = []
        for time in np.unique(ahead[ahead > 0]).tolist():
            rows = np.flatnonzero(ahead == time)
            distinct, place = np.unique(beta[rows], return_inverse=True)
            until, weight = self._leaving_rule(shape[rows], alpha[rows], distinct, time)
            parts.append((rows, weight[place], count_tails(shape[rows, np.newaxis], until / alpha[rows, np.newaxis])))
        while True:
            found = np.zeros(len(ahead))
            for rows, weight, tails in parts:
                found[rows] = np.einsum("rn,rn->r", weight, next(tails))
            yield found[np.newaxis]

    def shape_of_counts(self, past: Past) -> tuple[float, Floats]:
        """Give the shape of the rate of purchases."""
        return self.inner.shape_of_counts(past)

    def simulate(self, age: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw a Poisson process by the clock until a lifetime that is exponential by the ordinary one."""
        n = len(age)
        rate = rng.gamma(self.inner.r, 1.0, n) / self.inner.alpha
        leaving = rng.gamma(self.inner.s, 1.0, n) / self.inner.beta
        patience = rng.standard_exponential(n)
        lifetime = np.divide(patience, leaving, out=np.full(n, np.inf), where=leaving * age > 1e-300)
        active = np.minimum(age, lifetime)
        until, whole = self.clock.past(active, age)
        x = rng.poisson(np.minimum(rate * until, _MOST_EXPECTED)).astype(np.float64)
        root = np.exp(-rng.standard_exponential(n) / np.maximum(x, 1.0))
        t_x = age - self.clock.before(whole - until * root, float(age.max(initial=0.0)))
        t_x = np.clip(t_x, 0.0, active)
        x[t_x < 1e-100] = 0.0  # closer to the first purchase than a history can hold
        return x, np.where(x > 0, t_x, 0.0)

    def draw_future(self, past: Past, owner: Integers, end: float, rng: np.random.Generator) -> Future:
        """Draw futures; a customer leaves between purchases."""
        alpha, beta, shape = self._known(past)
        n = len(owner)
        rate = rng.standard_gamma(shape[owner]) / alpha[owner]
        leaving = rng.standard_gamma(self.inner.s, n) / beta[owner]
        patience = rng.standard_exponential(n)
        stay = np.divide(patience, leaving, out=np.full(n, end), where=leaving * end > patience)
        expected = rate * self.clock.ahead(stay)
        n_before = rng.poisson(np.minimum(expected, _MOST_EXPECTED)).astype(np.float64)
        return Future(stay, n_before, np.zeros(n))

    def _even(self, pace: float) -> ParetoNbdProcess:
        """Give the process without a clock for days that all have one level."""
        return self.inner if pace == 1.0 else attrs.evolve(self.inner, alpha=self.inner.alpha / pace)

    def _known(self, past: Past) -> tuple[Floats, Floats, Floats]:
        """Parameters of the rates of known customers: of purchases, of leaving, and the shape of the former."""
        alpha = self.inner.alpha + self.clock.past(past.age, past.age)[1]
        return alpha, self.inner.beta + past.age, self.inner.r + past.x

    def _rate(self, past: Past) -> Floats:
        alpha, _, shape = self._known(past)
        rate: Floats = shape / alpha
        return rate

    def _log_odds(self, x: Floats, t_x: Floats, age: Floats, *, bought: bool = False) -> Floats:
        """Logarithm of having left since the last purchase over being alive; or of having bought, over having not."""
        r, s = self.inner.r, self.inner.s
        alpha, beta = (np.full(x.shape, scale) for scale in (self.inner.alpha, self.inner.beta))
        last, whole = self.clock.past(t_x, age)
        line = self.clock.line_behind(float(age.max(initial=0.0)))
        low, high = -(age - t_x), np.zeros(len(x))  # of the moments before the end
        found = np.empty(len(x))
        for rows in blocks(count_pieces(low, high, line.bends), _PIECES):
            pieces = cut(low[rows], high[rows], line.bends)
            of = rows.start + pieces.owner
            length = pieces.length
            begin, pace = line.at(pieces.begin), line.pace(pieces.begin, pieces.end)
            # Operational time until the piece begins, and until it ends.
            start = np.where(pieces.begin == low[of], last[of], whole[of] + begin)
            stop = np.where(pieces.end == 0.0, whole[of], whole[of] + line.at(pieces.end))
            since = age[of] + pieces.begin
            a, b = (alpha[of] + start) / pace, beta[of] + since
            nothing = np.zeros(len(of))
            if bought:
                odds = log_died_to_alive(nothing, nothing, length, s, b, r, a)
            else:
                odds = log_died_to_alive(x[of], nothing, length, r, a, s, b)
            odds += (r + x[of]) * np.log1p((whole[of] - stop) / (alpha[of] + stop))
            odds += s * np.log1p((age[of] - since - length) / (b + length))
            found[rows] = pieces.log_sums(odds)
        return found

    def _time(self, beta: Floats, ahead: Floats) -> Floats:
        """Operational time that a customer stays within the horizon."""
        line = self.clock.line_ahead(float(ahead.max(initial=0.0)))
        if line.only is not None:
            return line.only * time_as_customer(self.inner.s, beta, ahead)
        nothing = np.zeros(len(ahead))
        found = np.empty(len(ahead))
        for rows in blocks(count_pieces(nothing, ahead, line.bends), _PIECES):
            pieces = cut(nothing[rows], ahead[rows], line.bends)
            b = beta[rows][pieces.owner]
            stays = np.exp(-self.inner.s * np.log1p(pieces.begin / b))
            of_piece = stays * time_as_customer(self.inner.s, b + pieces.begin, pieces.length)
            found[rows] = pieces.sums(of_piece * line.pace(pieces.begin, pieces.end))
        return found

    def _leaving_rule(self, shape: Floats, alpha: Floats, beta: Floats, time: float) -> tuple[Floats, Floats]:
        """Give operational times, shape (nodes,), and the chance of a customer to stay until each, (beta, nodes).

        On panels that are short beside the spread of a count, and beside alpha, a chance of purchases is given by its
        values at Gauss-Legendre nodes. The weights of the nodes are the moments of the time of leaving, for which the
        bends of the clock matter. They are the same for all customers with the same beta. The last node is the end.
        """
        line, s = self.clock.line_ahead(time), self.inner.s
        last = float(self.clock.ahead(np.array([time]))[0])
        most, least = float(alpha.max()), float(alpha.min())
        root = 2.0 * math.sqrt(float((shape / alpha).max()) * most)  # nobody's counts spread less at any place
        by_count, by_alpha = root * math.asinh(math.sqrt(last / most)), math.log1p(last / least)
        n_count, n_alpha = math.ceil(by_count / _SPREAD), math.ceil(2.0 * by_alpha / _LOG)
        of_count = most * np.sinh(np.arange(n_count) * (by_count / n_count / root)) ** 2
        of_alpha = least * np.expm1(np.arange(n_alpha) * (by_alpha / n_alpha))
        edges = np.append(np.union1d(of_count, of_alpha), last)
        by_beta = math.log1p(time / float(beta[0]))
        n_beta = math.ceil(by_beta / min(_LOG, _NATS / (s + 1.0)))
        of_beta = float(beta[0]) * np.expm1(np.arange(n_beta) * (by_beta / n_beta))
        inside = self.clock.time_ahead(edges[1:-1], time)
        cuts = np.unique(np.concatenate([line.bends, inside[inside < time], of_beta, [time]]))
        node, weight = gauss_legendre(_NODES)
        begin, length = cuts[:-1], np.diff(cuts)
        until = (line.at(begin) + np.multiply.outer(node, line.pace(begin, cuts[1:]) * length)).T
        panel = np.clip(np.searchsorted(edges, until[:, _NODES // 2], side="right") - 1, 0, len(edges) - 2)
        at = ((until - edges[panel, np.newaxis]) / np.diff(edges)[panel, np.newaxis]).clip(0.0, 1.0)
        vander, degree = np.polynomial.legendre.legvander, np.arange(_NODES)
        projection = (vander(2.0 * node - 1.0, _NODES - 1) * (2.0 * degree + 1.0) * weight[:, np.newaxis]).T
        values = vander(2.0 * at.ravel() - 1.0, _NODES - 1) * np.multiply.outer(length, weight).reshape(-1, 1)
        moment = (begin[:, np.newaxis] + np.multiply.outer(length, node)).ravel()
        ends = _NODES * np.searchsorted(panel, np.arange(len(edges)))
        leaves = np.zeros((len(beta), len(edges) - 1, _NODES))
        step = max(1, _CELLS // len(moment))
        for start in range(0, len(beta), step):
            b = beta[start : start + step, np.newaxis]
            density = s / b * np.exp(-(s + 1.0) * np.log1p(moment / b))
            for k in range(len(edges) - 1):
                some = slice(ends[k], ends[k + 1])
                leaves[start : start + step, k] = density[:, some] @ values[some] @ projection
        nodes = (edges[:-1, np.newaxis] + np.multiply.outer(np.diff(edges), node)).ravel()
        stays = np.exp(-s * np.log1p(time / beta))
        return np.append(nodes, last), np.column_stack([leaves.reshape(len(beta), -1), stays])

    def _rules(
        self, shape: Floats, alpha: Floats, beta: Floats, ahead: Floats, n: Floats
    ) -> Iterator[tuple[slice, _Rule]]:
        """Gauss-Legendre rules over the time of leaving, some rows at a time.

        Pieces are halved until their panels are short beside the spread of a count and beside alpha and beta, and until
        neither the chance to stay nor the power of tau falls by much on them.
        """
        line = self.clock.line_ahead(float(ahead.max(initial=0.0)))
        nothing = np.zeros(len(ahead))
        s = self.inner.s
        longest = min(_LOG, _NATS / (s + 1.0))
        node, weight = gauss_legendre(_NODES)
        top = np.minimum(self.clock.ahead(ahead), n * alpha / shape)
        for rows in blocks(4 * count_pieces(nothing, ahead, line.bends), _PIECES // _NODES):
            pieces = cut(nothing[rows], ahead[rows], line.bends)
            owner, begin, end = pieces.owner, pieces.begin, pieces.end
            pace = line.pace(begin, end)
            low = line.at(begin)
            done: list[tuple[Integers, Floats, Floats, Floats, Floats]] = []
            for _ in range(_MOST_HALVINGS):
                of = rows.start + owner
                high = low + pace * (end - begin)
                root = 2.0 * np.sqrt(shape[of])
                by_count = root * (np.arcsinh(np.sqrt(high / alpha[of])) - np.arcsinh(np.sqrt(low / alpha[of])))
                by_alpha = np.log1p((high - low) / (alpha[of] + low))
                by_beta = np.log1p((end - begin) / (beta[of] + begin))
                with np.errstate(divide="ignore", invalid="ignore"):
                    grown = np.where(n[of] > 0, n[of] * np.log(high / low), 0.0)
                    hidden = np.where(n[of] > 0, n[of] * np.log(top[of] / high), 0.0) > _HIDDEN
                long = (by_count > _SPREAD) | (by_alpha > _LOG) | (by_beta > longest)
                long = (long | ((grown > _NATS) & (n[of] > 0.5 * _NODES))) & ~hidden
                short = ~long
                done.append((owner[short], begin[short], end[short], low[short], pace[short]))
                if not long.any():
                    break
                owner, begin, end, low, pace = (column[long] for column in (owner, begin, end, low, pace))
                middle = 0.5 * (begin + end)
                low = np.concatenate([low, low + pace * (middle - begin)])
                owner, pace = np.tile(owner, 2), np.tile(pace, 2)
                begin, end = np.concatenate([begin, middle]), np.concatenate([middle, end])
            owner, begin, end, low, pace = (np.concatenate(column) for column in zip(*done, strict=True))
            inside = (end - begin)[:, np.newaxis] * node
            b = beta[rows][owner][:, np.newaxis]
            leaves = (end - begin)[:, np.newaxis] * weight * (s / b)
            leaves *= np.exp(-(s + 1.0) * np.log1p((begin[:, np.newaxis] + inside) / b))
            until = low[:, np.newaxis] + pace[:, np.newaxis] * inside
            yield rows, _Rule(np.repeat(owner, _NODES), until.ravel(), leaves.ravel())


@attrs.frozen
class _Rule:
    """Moments of leaving: whose, the operational time until then, and the chance."""

    owner: Integers
    operational: Floats
    leaves: Floats
