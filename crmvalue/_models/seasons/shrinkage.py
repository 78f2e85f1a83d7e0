"""The search for parameters and levels, and for how far levels may differ: empirical Bayes."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import attrs
import numpy as np

from crmvalue._models.shared.fit import Parameters, fit_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmvalue._models.shared.climb import Evaluation
    from crmvalue._models.shared.fit import Diagnosis
    from crmvalue.typing import Floats

__all__ = ["Found", "Group", "search", "unheld"]

_FIRST = 0.3  # spread of the levels at which the search for it begins
_LEAST, _MOST = 0.01, 3.0  # spreads that are looked for
_FEWEST = 4  # levels from which their spread is learnt
_FIXED = 0.5  # spread of the prior where they are fewer
_ROUNDS = 12
_ALIKE = 0.02  # of the logarithm of the spread: so near, the search ends
_STEPS = 200
_ROUNDING = 1e-15


class Group(NamedTuple):
    """Levels that share one prior: those of one season, or all effects of single days."""

    name: str
    columns: slice
    spread: float | None  # given, or None to learn it

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return int(self.columns.stop - self.columns.start)


class Found(NamedTuple):
    """Mode of the posterior, its covariance on the scale of the search, and the spread of each group."""

    theta: Floats
    covariance: Floats
    log_likelihood: float
    diagnosis: Diagnosis
    spread: dict[str, float]


def search(
    evaluate: Callable[[Floats], Evaluation],
    names: Sequence[str],
    start: Floats,
    more_starts: Sequence[Floats],
    groups: Sequence[Group],
    known: Mapping[str, float] = MappingProxyType({}),
) -> Found:
    """Climb to the mode, with the spreads that make the data most probable.

    The logarithms of the levels of a group are normal (0, spread^2). The spread is that of the greatest marginal
    likelihood, by Laplace's approximation, times the spread: this keeps it from 0 (Chung, Rabe-Hesketh, Dorie, Gelman
    and Liu, A nondegenerate penalized likelihood estimator for variance parameters, Psychometrika 78, 2013). Between
    two climbs the likelihood counts as quadratic. `known` are spreads from which to begin.
    """
    m = len(start) - sum(group.n_levels for group in groups)
    parameters = Parameters(tuple(names), np.ones(len(names), dtype=bool))
    learnt = [group for group in groups if group.spread is None and group.n_levels >= _FEWEST]
    spread = {
        group.name: known.get(group.name, _FIRST)
        if group in learnt
        else _FIXED
        if group.spread is None
        else group.spread
        for group in groups
    }
    point, others = start, list(more_starts)
    n_starts = n_evaluations = 0
    for _ in range(_ROUNDS):
        priors = {name: (1.0, spread[group.name]) for group in groups for name in names[m:][group.columns]}
        natural, covariance, height, diagnosis = fit_parameters(
            evaluate, parameters, [point], more_starts=others, priors=priors
        )
        n_starts, n_evaluations = max(n_starts, diagnosis.n_starts), n_evaluations + diagnosis.n_evaluations
        point, others = np.log(natural), []
        better, moved = _better(point, covariance, m, groups, learnt, spread)
        apart = max((abs(math.log(better[name] / spread[name])) for name in better), default=0.0)
        if apart < _ALIKE:
            break
        spread, point = better, moved
    diagnosis = attrs.evolve(diagnosis, n_starts=n_starts, n_evaluations=n_evaluations)
    return Found(np.log(natural), covariance, height, diagnosis, spread)


def _better(
    theta: Floats,
    covariance: Floats,
    m: int,
    groups: Sequence[Group],
    learnt: Sequence[Group],
    spread: dict[str, float],
) -> tuple[dict[str, float], Floats]:
    """Find better spreads, and the mode under them, where the likelihood is quadratic around the mode of now."""
    if not learnt:
        return spread, theta
    free = np.flatnonzero(np.isfinite(np.diag(covariance)))
    prior = _precision(len(theta), m, groups, spread)
    information = np.linalg.inv(covariance[np.ix_(free, free)])
    likelihood = information - np.diag(prior[free])
    now = dict(spread)
    place = {int(column): k for k, column in enumerate(free)}
    for _ in range(_STEPS):
        other = _precision(len(theta), m, groups, now)
        inverse = np.linalg.inv(likelihood + np.diag(other[free]))
        moved = theta.copy()
        moved[free] += inverse @ ((prior - other) * theta)[free]
        variance = np.zeros(len(theta))
        variance[list(place)] = np.diag(inverse)
        np.clip(variance[m:], 0.0, 1.0 / other[m:], out=variance[m:])  # the data cannot add to that of the prior
        before = dict(now)
        for group in learnt:
            columns = slice(m + group.columns.start, m + group.columns.stop)
            square = float((moved[columns] ** 2).sum() + variance[columns].sum())
            now[group.name] = min(max(math.sqrt(square / (group.n_levels - 1.0)), _LEAST), _MOST)
        if all(abs(math.log(now[name] / before[name])) < 1e-4 for name in now):
            break
    return now, moved


def unheld(found: Found, groups: Sequence[Group], m: int) -> Found:
    """Give the levels as the data alone have them: the prior is widened until it says next to nothing.

    One step of Newton's method from the mode: it draws each level by much less than its error, so the likelihood counts
    as quadratic. The mode under a normal prior is drawn to 0, the more so the farther it is from there. This lowers the
    mean squared error over all levels, but an interval around it misses a large level too often.
    """
    free = np.flatnonzero(np.isfinite(np.diag(found.covariance)))
    spread = {name: max(value, _MOST) for name, value in found.spread.items()}
    tight, wide = (_precision(len(found.theta), m, groups, each)[free] for each in (found.spread, spread))
    # In the metric of the posterior, the prior is a matrix with eigenvalues from 0 to 1, but for rounding.
    variance, axes = np.linalg.eigh(found.covariance[np.ix_(free, free)])
    scale = np.sqrt(np.maximum(variance, _ROUNDING * variance.max(initial=0.0)))
    root = axes * scale
    share, turn = np.linalg.eigh(root.T @ (tight[:, np.newaxis] * root))
    inverse_root = turn.T @ (axes / scale).T
    likelihood = (inverse_root.T * (1.0 - np.clip(share, 0.0, 1.0))) @ inverse_root
    # What is left of the prior keeps from 0 what the data say nothing of.
    inverse = np.linalg.inv(likelihood + np.diag(wide))
    theta, covariance = found.theta.copy(), found.covariance.copy()
    theta[free] += inverse @ ((tight - wide) * found.theta[free])
    covariance[np.ix_(free, free)] = inverse
    return found._replace(theta=theta, covariance=covariance)


def _precision(n: int, m: int, groups: Sequence[Group], spread: dict[str, float]) -> Floats:
    found = np.zeros(n)
    for group in groups:
        found[m + group.columns.start : m + group.columns.stop] = spread[group.name] ** -2.0
    return found
