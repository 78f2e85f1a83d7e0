"""Likelihood of the Pareto/NBD with covariates that change in time, with its first and second derivatives.

At the time u after their first purchase a customer buys at the rate lambda f(u) and leaves at the rate mu g(u), where f
and g are factors of the covariates, constant within each period. Let A(u) and B(u) be the integrals of f and g from 0.
With lambda gamma(r, alpha) and mu gamma(s, beta),

    L = C { (alpha+A(T))^-(r+x) (beta+B(T))^-s + D },
    D = integral over t_x < u < T of s g(u) (alpha+A(u))^-(r+x) (beta+B(u))^-(s+1) du,

with C = Gamma(r+x) / Gamma(r) alpha^r beta^s times f at each repeat purchase. Within a period A and B are lines, so D
is a sum of the integrals of the Pareto/NBD without covariates, with alpha and beta in other units. What the derivatives
need of a period are the moments of four features of its integrand.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._models.changing.pieces import cut, part_of
from crmvalue._models.repeat.pareto_nbd_likelihood import log_died_moments, log_died_to_alive
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.numerics import log_rising

if TYPE_CHECKING:
    from crmvalue._models.changing.pieces import Pieces
    from crmvalue._models.changing.time_varying_history import TimeVaryingHistory
    from crmvalue._models.shared.covariates import CovariateEffect
    from crmvalue.typing import Floats

__all__ = ["Clock", "Likelihood", "Standing", "log_likelihood", "standing"]

_PERIODS = 1 << 14  # of one block of customers
_LARGEST = 100.0  # of the logarithm of a factor in a search: no base is like this


class Clock(NamedTuple):
    """Time as it passes for one process: the factor of each period, and its integrals until the moments that count."""

    factor: Floats
    at_last: Floats  # of each customer, with the parameter added: alpha + A(t_x)
    at_age: Floats
    at_pieces: Floats  # at the start of each piece between the last purchase and the age

    @classmethod
    def of(cls, scale: float, factor: Floats, before: Pieces, after: Pieces) -> Clock:
        """Let the time of a process pass for all customers."""
        at_last = scale + before.totals(factor)
        return cls(factor, at_last, at_last + after.totals(factor), after.levels(at_last, factor))


class Standing(NamedTuple):
    """Logarithm of D over the likelihood of being alive, of each customer, and in parts: of each piece."""

    log_odds: Floats
    of_pieces: Floats


def standing(x: Floats, r: float, s: float, after: Pieces, purchase: Clock, dropout: Clock) -> Standing:
    """Compare having left since the last purchase with being alive."""
    nothing = np.zeros(len(after.owner))
    own = _own_units(after, purchase), _own_units(after, dropout)
    odds = log_died_to_alive(x[after.owner], nothing, after.length, r, own[0], s, own[1])
    of_pieces = odds + _until_now(x, r, s, after, purchase, dropout)
    return Standing(after.log_sums(of_pieces), of_pieces)


def log_likelihood(
    x: Floats,
    log_bought: Floats,
    parameters: tuple[float, float, float, float],
    now: Standing,
    clocks: tuple[Clock, Clock],
) -> Floats:
    """Log-likelihood of each customer; `log_bought` is the sum of log f over their repeat purchases."""
    r, alpha, s, beta = parameters
    purchase, dropout = (clock.at_age for clock in clocks)
    alive = log_rising(r, x) - r * np.log(purchase / alpha) - x * np.log(purchase) - s * np.log(dropout / beta)
    found: Floats = log_bought + alive + np.logaddexp(0.0, now.log_odds)
    return found


def _own_units(after: Pieces, clock: Clock) -> Floats:
    """Alpha or beta at the start of each piece, in the unit of time in which its factor is 1."""
    found: Floats = clock.at_pieces / clock.factor[after.period]
    return found


def _until_now(x: Floats, r: float, s: float, after: Pieces, purchase: Clock, dropout: Clock) -> Floats:
    """Logarithm of the likelihood of being alive at the end of each piece, over that at the age."""
    total = np.zeros(len(after.owner))
    for power, clock in ((r + x[after.owner], purchase), (s, dropout)):
        ends = clock.at_pieces + clock.factor[after.period] * after.length
        total += power * np.log(clock.at_age[after.owner] / ends)
    return total


class Likelihood:
    """Log-likelihood as a function of the logarithms of r, alpha, s, beta, times in mean ages, and the coefficients."""

    def __init__(
        self,
        history: TimeVaryingHistory,
        purchase: tuple[CovariateEffect, ...],
        dropout: tuple[CovariateEffect, ...],
    ) -> None:
        self.ruler = float(history.age.mean()) or 1.0
        n_blocks = max(1, min(len(history), len(history.period_end) // _PERIODS))
        edges = np.linspace(0, len(history), n_blocks + 1).astype(np.int64)
        self.blocks = [
            _Block(part_of(history, slice(low, high)), self.ruler, purchase, dropout)
            for low, high in itertools.pairwise(edges.tolist())
        ]

    def __call__(self, theta: Floats) -> Evaluation:
        parts = [block(theta) for block in self.blocks]
        return Evaluation(
            math.fsum(part.value for part in parts) if all(math.isfinite(part.value) for part in parts) else -math.inf,
            np.sum([part.gradient for part in parts], axis=0),
            np.sum([part.hessian for part in parts], axis=0),
        )


class _Block:
    """The same of some customers: temporaries stay small."""

    def __init__(
        self,
        history: TimeVaryingHistory,
        ruler: float,
        purchase: tuple[CovariateEffect, ...],
        dropout: tuple[CovariateEffect, ...],
    ) -> None:
        self.ruler = ruler
        self.x = history.frequency
        self.n_repeat = float(self.x.sum())
        zero = np.zeros(len(history))
        before, after = cut(history, zero, history.recency), cut(history, history.recency, history.age)
        self.before, self.after = (part._replace(length=part.length / self.ruler) for part in (before, after))
        self.tables = tuple(design(history, effects) for effects in (purchase, dropout))
        self.bought = design_of_purchases(history, purchase)
        self.n_parameters = 4 + len(purchase) + len(dropout)
        middle = 4 + len(purchase)
        self.places = slice(4, middle), slice(middle, self.n_parameters)

    def __call__(self, theta: Floats) -> Evaluation:
        k = self.n_parameters
        with np.errstate(over="ignore", invalid="ignore"):
            logs = [theta[place] @ table for place, table in zip(self.places, self.tables, strict=True)]
        if max(float(np.abs(log).max(initial=0.0)) for log in (*logs, theta[:4])) > _LARGEST:
            return Evaluation(-math.inf, np.zeros(k), np.zeros((k, k)))
        r, alpha, s, beta = np.exp(theta[:4]).tolist()
        purchase, dropout = (
            Clock.of(scale, np.exp(log), self.before, self.after)
            for scale, log in zip((alpha, beta), logs, strict=True)
        )
        return self._evaluated(theta, (r, alpha, s, beta), purchase, dropout)

    def _evaluated(
        self, theta: Floats, parameters: tuple[float, float, float, float], purchase: Clock, dropout: Clock
    ) -> Evaluation:
        from scipy.special import digamma, expit, zeta

        r, _, s, _ = parameters
        x, after, k = self.x, self.after, self.n_parameters
        nothing = np.zeros(len(after.owner))
        own = _own_units(after, purchase), _own_units(after, dropout)
        odds, mean, covariance = log_died_moments(x[after.owner], nothing, after.length, r, own[0], s, own[1])
        of_pieces = odds + _until_now(x, r, s, after, purchase, dropout)
        now = Standing(after.log_sums(of_pieces), of_pieces)
        value = log_likelihood(x, theta[self.places[0]] @ self.bought, parameters, now, (purchase, dropout))

        # Chances, given the data, of having left in each piece, and of being alive.
        left = np.exp(of_pieces - np.logaddexp(0.0, now.log_odds)[after.owner])
        alive = expit(-now.log_odds)
        in_pieces = _Terms.of(self, parameters, purchase, dropout, mean, covariance)
        at_age = _Terms.of(self, parameters, purchase, dropout, None, None)
        average = alive * at_age.first
        for i in range(k):
            average[i] += np.bincount(after.owner, left * in_pieces.first[i], minlength=len(x))
        hessian = in_pieces.summed_second(left) + at_age.summed_second(alive) - average @ average.T

        rising, place = np.unique(x, return_inverse=True)
        slope = (r * (digamma(r + rising) - digamma(r)))[place]
        bend = (r * r * (zeta(2, r + rising) - zeta(2, r)))[place]
        gradient = average.sum(axis=1)
        gradient[0] += slope.sum()
        gradient[1] += r * len(x)
        gradient[3] += s * len(x)
        gradient[self.places[0]] += self.bought.sum(axis=1)
        hessian[0, 0] += (slope + bend).sum()
        for i, j, shared in ((0, 1, r), (2, 3, s)):
            hessian[i, j] += shared * len(x)
            hessian[j, i] += shared * len(x)
        return Evaluation(float(value.sum()) - self.n_repeat * math.log(self.ruler), gradient, hessian)


class _Terms(NamedTuple):
    """First derivatives of the logarithms of some terms of the likelihood, (k, rows), and what the second ones need.

    In one process the terms are of the form -c log(a + A(u)). They depend on u by two features: the logarithm of
    a + A(u) over its level at the start of the piece, and w, the inverse of that.
    """

    first: Floats
    second: tuple[tuple[int, int, Floats], ...]  # mean second derivatives, by parameters, the upper half
    slopes: Floats  # of each parameter in its feature
    features: tuple[int, ...]
    covariance: Floats | None

    @classmethod
    def of(
        cls,
        of: _Block,
        parameters: tuple[float, float, float, float],
        purchase: Clock,
        dropout: Clock,
        mean: Floats | None,
        covariance: Floats | None,
    ) -> _Terms:
        """Terms of the pieces, with moments of their features, or (None) of being alive at the age."""
        r, alpha, s, beta = parameters
        died = mean is not None
        rows = len(of.after.owner) if died else len(of.x)
        x = of.x[of.after.owner] if died else of.x
        first, slopes = np.zeros((of.n_parameters, rows)), np.zeros((of.n_parameters, rows))
        features = [0] * of.n_parameters
        second: list[tuple[int, int, Floats]] = []
        for process, (shape, c, more, scale, clock) in enumerate(
            ((r, r + x, 0.0, alpha, purchase), (s, np.full(rows, s), 1.0, beta, dropout))
        ):
            power = c + more if died else c
            level = clock.at_pieces if died else clock.at_age
            table, own = of.tables[process], 2 * process
            log_up = mean[own] if mean is not None else np.zeros(rows)
            w = 1.0 - mean[own + 1] if mean is not None else np.ones(rows)
            w_square = w**2 + (covariance[own + 1, own + 1] if covariance is not None else 0.0)
            first[own] = -shape * (np.log(level / scale) + log_up)
            slopes[own], features[own] = -shape, own
            share = scale / level
            first[own + 1] = -power * share * w
            slopes[own + 1], features[own + 1] = power * share, own + 1  # in the feature 1 - w
            second += [
                (own, own, first[own].copy()),
                (own, own + 1, -shape * share * w),
                (own + 1, own + 1, first[own + 1] + power * share**2 * w_square),
            ]
            if died and process:
                first[own] += 1.0
            lines = _lines(of, process, clock, died=died)
            values = table[:, of.after.period] if died else np.zeros((len(table), rows))
            places = range(of.places[process].start, of.places[process].stop)
            for j, place in enumerate(places):
                z, turn = values[j], lines.first[j] / level - values[j]
                moved = z + turn * w  # derivative of log(a + A(u))
                first[place] = -power * moved + (z if died and process else 0.0)
                slopes[place], features[place] = power * turn, own + 1
                second.append((own, place, -shape * moved))
                second.append((own + 1, place, power * share * (z * w + turn * w_square)))
                for i in range(j + 1):
                    other, its_turn = values[i], lines.first[i] / level - values[i]
                    bend = z * other + (lines.second[i, j] / level - z * other) * w
                    both = z * other + (z * its_turn + other * turn) * w + turn * its_turn * w_square
                    second.append((places[i], place, -power * (bend - both)))
        return cls(first, tuple(second), slopes, tuple(features), covariance)

    def summed_second(self, weight: Floats) -> Floats:
        """Sum over rows of second derivatives and of products of first ones, (k, k)."""
        found: Floats = (self.first * weight) @ self.first.T
        for i, j, values in self.second:
            total = float(weight @ values)
            found[i, j] += total
            if i != j:
                found[j, i] += total
        if self.covariance is not None:
            k = len(self.features)
            for i in range(k):
                for j in range(k):
                    of_both = self.covariance[self.features[i], self.features[j]]
                    found[i, j] += float((weight * of_both * self.slopes[i]) @ self.slopes[j])
        return found


class _Lines(NamedTuple):
    """Derivatives of A in the coefficients at the start of each piece, or at the age: first (k, rows), second."""

    first: Floats
    second: Floats


def _lines(of: _Block, process: int, clock: Clock, *, died: bool) -> _Lines:
    table = of.tables[process]
    rate = table * clock.factor
    square = rate[:, np.newaxis] * table
    found = []
    for one in (rate, square):
        at_last = of.before.totals(one)
        found.append(of.after.levels(at_last, one) if died else at_last + of.after.totals(one))
    return _Lines(*found)


def design(history: TimeVaryingHistory, effects: tuple[CovariateEffect, ...]) -> Floats:
    """Standardised covariates of all periods, one row each."""
    table = np.empty((len(effects), len(history.period_end)))
    for line, effect in zip(table, effects, strict=True):
        place = history.covariate_names.index(effect.name)
        line[:] = (history.covariate_values[:, place] - effect.centre) / effect.scale
    return table


def design_of_purchases(history: TimeVaryingHistory, effects: tuple[CovariateEffect, ...]) -> Floats:
    """Sum standardised covariates over the repeat purchases of each customer, one row each."""
    table = np.empty((len(effects), len(history)))
    for line, effect in zip(table, effects, strict=True):
        place = history.covariate_names.index(effect.name)
        line[:] = (history.purchase_totals[:, place] - history.frequency * effect.centre) / effect.scale
    return table
