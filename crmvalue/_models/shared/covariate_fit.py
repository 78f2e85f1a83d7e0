"""Fits of the purchase models with covariates: one engine for all, on weighted distinct rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import numpy as np

from crmvalue._core.checks import as_text
from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.covariates import BOTH, CovariateEffect
from crmvalue._models.shared.fit import Derivatives, fit_model
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._models.shared.fit import Fit
    from crmvalue._models.shared.purchase_model import Kind
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats, Integers

__all__ = ["RowDerivatives", "fit_effects", "fit_with_covariates", "read_names", "standardise"]

_OF_FOUR = ((1.0, 1.0, 0.7, 2.0), (0.3, 0.3, 0.3, 1.0), (2.0, 1.0, 2.0, 2.0))
_OF_FIVE = ((1.0, 1.0, 0.1, 0.7, 200.0), (0.3, 0.3, 0.5, 0.3, 500.0), (2.0, 1.0, 1.0, 2.0, 2000.0))
_NEUTRAL = {2: tuple(point[:2] for point in _OF_FOUR), 4: _OF_FOUR, 5: _OF_FIVE}  # starts, by the parameters of a model
_BLOCK = 1 << 13  # rows at a time: temporaries stay in the cache


class Likelihood(Protocol):
    """Log-likelihood of the logarithms of the parameters, times in `ruler`, and the coefficients of both processes."""

    ruler: float

    def __call__(self, theta: Floats) -> Evaluation:
        """Evaluate it with its derivatives."""


RowDerivatives = Callable[..., Derivatives]
"""Derivatives of rows (x, t_x, age), each with parameters of its own but for the first, which is one number."""


def fit_with_covariates(
    kind: Kind,
    derivatives: RowDerivatives,
    plain: Fit[Any],
    history: PurchaseHistory,
    columns: Mapping[str, tuple[str, ...]],
    priors: Mapping[str, tuple[float, float]] | None,
    starts: Sequence[Any],
    *,
    equal: tuple[str, ...] = (),
    l2: float = 0.0,
) -> Fit[Any]:
    """Fit a model with effects of covariates, from the fit without; `columns` are the names of each process.

    Those in `equal` have one coefficient for both processes. The penalty `l2` is a normal prior of the coefficients.
    """
    effects = {
        kind: tuple(CovariateEffect(name, 0.0, *standardise(name, history.covariate(name))) for name in names)
        for kind, names in columns.items()
    }
    steps = getattr(plain.model, "k", 1)  # of which each time between purchases is made
    likelihood = _Likelihood(kind, derivatives, history, effects["purchase"], effects["dropout"], steps)
    return fit_effects(
        kind, likelihood, plain.model, effects, priors, starts, n_customers=len(history), n_events=plain.n_events,
        equal=equal, l2=l2,
    )  # fmt: skip


def fit_effects(
    kind: Kind,
    likelihood: Likelihood,
    plain: Any,
    effects: Mapping[str, tuple[CovariateEffect, ...]],
    priors: Mapping[str, tuple[float, float]] | None,
    starts: Sequence[Any],
    *,
    n_customers: int,
    n_events: int | None,
    equal: tuple[str, ...],
    l2: float,
) -> Fit[Any]:
    """Fit coefficients of effects together with the parameters, from the model without effects."""
    each = [
        BOTH + effect.name if effect.name in equal else f"{process}.{effect.name}"
        for process, of in effects.items()
        for effect in of
    ]
    coefficients = list(dict.fromkeys(each))
    names = (*kind.names, *coefficients)
    units = np.array([*kind.units(likelihood.ruler), *np.ones(len(coefficients))])
    # What the likelihood takes, from what is searched.
    spread = np.array([[float(one == name) for name in names] for one in (*kind.names, *each)])
    gather = spread.T / spread.sum(axis=0)[:, np.newaxis]

    def evaluate(theta: Floats) -> Evaluation:
        at = likelihood(spread @ theta)
        return Evaluation(at.value, at.gradient @ spread, spread.T @ at.hessian @ spread)

    def to_search(model: Any) -> Floats:
        start: Floats = gather @ np.array([*kind.searched(model, likelihood.ruler), *_slopes(model, effects)])
        return start

    def make(*estimates: float) -> Any:
        found = iter((spread @ np.array(estimates)).tolist()[len(kind.names) :])
        fitted = {
            f"{process}_effects": tuple(attrs.evolve(effect, coefficient=next(found)) for effect in of)
            for process, of in effects.items()
            if of
        }
        return attrs.evolve(plain, **dict(zip(kind.names, estimates, strict=False)), **fitted)

    neutral = np.log(np.array(_NEUTRAL[kind.n_positive]))
    n_signed = len(names) - kind.n_positive
    return fit_model(
        make,
        evaluate,
        kind.parameters(coefficients),
        [to_search(model) for model in (starts or (plain,))],
        more_starts=[np.concatenate((point, np.zeros(n_signed))) for point in neutral],
        priors=_with_penalty(priors, coefficients, l2),
        units=units,
        n_customers=n_customers,
        n_events=n_events,
    )


def _with_penalty(
    priors: Mapping[str, tuple[float, float]] | None, coefficients: Sequence[str], l2: float
) -> Mapping[str, tuple[float, float]] | None:
    """Give each coefficient the normal prior whose logarithm is -l2 times its square, if it has no prior."""
    if l2 == 0.0 or not (priors is None or isinstance(priors, Mapping)):
        return priors
    return {**dict.fromkeys(coefficients, (0.0, math.sqrt(0.5 / l2))), **(priors or {})}


def _slopes(model: Any, effects: Mapping[str, tuple[CovariateEffect, ...]]) -> list[float]:
    """Coefficients of a model to start from, in the standardisation of the fit; 0 for a covariate that it lacks."""
    slopes = []
    for process, of in effects.items():
        known = {effect.name: effect for effect in getattr(model, process + "_effects")}
        slopes += [known[effect.name].per_unit * effect.scale if effect.name in known else 0.0 for effect in of]
    return slopes


def read_names(argument: str, names: Sequence[str], history: PurchaseHistory) -> tuple[str, ...]:
    """Check names of covariates of a history. Only an empty sequence means none: 0, "" and {} are refused."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise InputError(argument, "a sequence of names of covariates", names)
    for name in names:
        history.covariate(as_text(argument, name))
    if len(set(names)) != len(names):
        raise InputError(argument, "each covariate once", list(names))
    return tuple(names)


def standardise(name: str, column: Floats, weight: Floats | None = None) -> tuple[float, float]:
    """Mean and standard deviation of a covariate, which has to differ between customers."""
    centre = float(column.mean() if weight is None else np.average(column, weights=weight))
    scale = float(column.std() if weight is None else np.sqrt(np.average((column - centre) ** 2, weights=weight)))
    if not scale > 1e-12 * max(abs(centre), 1e-80):
        raise InputError(name, "a covariate that differs between customers", centre, hint="leave it out")
    return centre, scale


class _Likelihood:
    """Log-likelihood as a function of the logarithms of the parameters, times in mean ages, and the coefficients."""

    def __init__(
        self,
        kind: Kind,
        derivatives: RowDerivatives,
        history: PurchaseHistory,
        purchase: tuple[CovariateEffect, ...],
        dropout: tuple[CovariateEffect, ...],
        steps: int = 1,
    ) -> None:
        used = list(dict.fromkeys(effect.name for effect in purchase + dropout))
        columns = [history.frequency, history.recency, history.age, *(history.covariate(name) for name in used)]
        first, _, weight = distinct_keys(row_keys(*columns))
        order = np.argsort(history.frequency[first], kind="stable")
        rows = first[order]
        self.derivatives = derivatives
        self.weight = weight[order].astype(np.float64)
        self.ruler = float(history.age.mean()) or 1.0
        self.x = history.frequency[rows]
        self.t_x, self.age = history.recency[rows] / self.ruler, history.age[rows] / self.ruler
        self.n_times = steps * float((self.weight * self.x).sum())
        self.z = _design(history, rows, purchase), _design(history, rows, dropout)
        self.n_plain, self.n_positive = len(kind.names), kind.n_positive
        middle, self.n_parameters = self.n_plain + len(purchase), self.n_plain + len(purchase) + len(dropout)
        # How the logarithms of the parameters of a row depend on the coefficients: sign, table, place.
        self.signs = kind.signs
        self.tables = kind.processes
        self.places = (slice(self.n_plain, middle), slice(middle, self.n_parameters))

    def __call__(self, theta: Floats) -> Evaluation:
        with np.errstate(over="ignore", invalid="ignore"):
            logs = [
                theta[i] + sign * (self.z[table].T @ theta[self.places[table]])
                for i, (sign, table) in enumerate(zip(self.signs, self.tables, strict=True))
            ]
        k = self.n_parameters
        if max(float(np.abs(log).max(initial=0.0)) for log in logs) > 100.0:  # no base is like this
            return Evaluation(-math.inf, np.zeros(k), np.zeros((k, k)))
        value, gradient, hessian = -self.n_times * math.log(self.ruler), np.zeros(k), np.zeros((k, k))
        r = math.exp(theta[0])
        others = [np.exp(log) if i < self.n_positive else log for i, log in enumerate(logs)][1:]
        for start in range(0, len(self.x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            weight = self.weight[rows]
            of_rows = (column[rows] for column in others)
            at = self.derivatives(self.x[rows], self.t_x[rows], self.age[rows], r, *of_rows)
            value += float((weight * at.value).sum())
            self._add(gradient, hessian, weight * at.gradient, weight * at.hessian, rows)
        return Evaluation(value, gradient, hessian)

    def _add(self, gradient: Floats, hessian: Floats, slopes: Floats, bends: Floats, rows: slice) -> None:
        """Add the derivatives of some rows, by the chain rule for what is linear in the coefficients."""
        own = slice(self.n_plain)
        gradient[own] += slopes.sum(axis=1)
        hessian[own, own] += bends.sum(axis=2)
        for i, (sign, table) in enumerate(zip(self.signs, self.tables, strict=True)):
            z, at = self.z[table][:, rows] * sign, self.places[table]
            if sign == 0 or len(z) == 0:
                continue
            gradient[at] += (z * slopes[i]).sum(axis=1)
            cross = (z[:, np.newaxis] * bends[i]).sum(axis=2)  # (coefficients, parameters)
            hessian[at, own] += cross
            hessian[own, at] += cross.T
            for j, (other_sign, other_table) in enumerate(zip(self.signs, self.tables, strict=True)):
                other = self.z[other_table][:, rows] * other_sign
                if other_sign and len(other):
                    hessian[at, self.places[other_table]] += np.einsum("an,bn->ab", z * bends[i, j], other)


def _design(history: PurchaseHistory, rows: Integers, effects: tuple[CovariateEffect, ...]) -> Floats:
    """Standardised covariates, one row each."""
    table = np.empty((len(effects), len(rows)))
    for line, effect in zip(table, effects, strict=True):
        line[:] = (history.covariate(effect.name)[rows] - effect.centre) / effect.scale
    return table
