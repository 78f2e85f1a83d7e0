"""Fits of the purchase models in continuous time: what is the same for all, with covariates and without."""

from __future__ import annotations

import math
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import attrs
import numpy as np

from crmvalue._core.checks import as_positive
from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._core.values import hand_over
from crmvalue._models.shared.common import check_history, take
from crmvalue._models.shared.covariate_fit import fit_with_covariates, read_names
from crmvalue._models.shared.covariates import with_estimates
from crmvalue._models.shared.fit import (
    LOG_HIGH,
    LOG_LOW,
    NOT_SETTLED,
    Fit,
    Parameters,
    fit_model,
    fit_parameters,
    has_priors,
    read_starts,
)
from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseHistory, UniquePurchases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmvalue._models.shared.climb import Evaluation
    from crmvalue._models.shared.covariate_fit import RowDerivatives
    from crmvalue._models.shared.purchase_model import Kind
    from crmvalue.purchases import TimeUnit
    from crmvalue.typing import Floats

__all__ = ["ABOUT_THE_LOG", "CUSTOMERS_TO_GRADE", "Search", "few_rows", "fit_purchases", "grade_by", "grade_fit"]

_REACH = 2.0  # how far an undetermined direction is followed, in logarithms
_WEAK = 2.0  # a larger standard error of a log-parameter leaves it undetermined
_USABLE = 0.1  # by which the expected purchases may move
CUSTOMERS_TO_GRADE = 200
_NOBODY = math.log(1e-4)  # a smaller chance to leave moves no forecast
_BETA_GEOMETRIC = ("r", "alpha", "a", "b")
_SHOWN = 2.0  # gain in log-likelihood by customers who leave that chance gives in about one log of twenty
_NOBODY_LEFT = "no customer can be shown to have left within this log: `fit_nbd` is the model for that"
_NOBODY_AGAIN = "nobody bought again, so nothing shows how often customers buy: give a prior, or get more data"
ABOUT_THE_LOG = (_NOBODY_LEFT, _NOBODY_AGAIN)  # messages that are true of every model of it
_EXTREME = 0.01  # shapes of a beta distribution, or less, whose chances are nearly all 0 or 1
_SOME = 1_000  # from this many distinct rows on, three other starts are enough
_MANY = 20_000  # from this many distinct rows on, the search begins on merged ones
_CELLS = 24.0  # of them, the longest age has so many times that are told apart


class Likelihood(Protocol):
    """Log-likelihood of weighted rows as a function of the logarithms of the parameters, times in `ruler`."""

    ruler: float

    def __call__(self, theta: Floats) -> Evaluation:
        """Evaluate it with its derivatives."""

    def starts(self) -> list[Floats]:
        """Points to search from, the best first."""

    def is_best_mixture(self, theta: Floats) -> bool:
        """Whether no other mixture of chances of leaving is noticeably likelier for the first two parameters."""


class Search(NamedTuple):
    """What the fit of one model needs: its class, its parameters, and its likelihood in two forms.

    `likelihood` is of a base in which all customers have the same parameters, `derivatives` of rows with their own.
    `limit` is the likelihood of the first two parameters alone, for customers who never leave. `fixed` are the fields
    of the model that are not searched.
    """

    make: Callable[..., Any]
    kind: Kind
    likelihood: Callable[[UniquePurchases], Likelihood]
    derivatives: RowDerivatives
    limit: Callable[[UniquePurchases], Likelihood] | None = None
    fixed: Mapping[str, Any] = MappingProxyType({})


@np.errstate(under="ignore")
def fit_purchases(
    search: Search,
    history: PurchaseHistory | UniquePurchases,
    *,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[Any] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
    equal_covariates: Sequence[str] = (),
    l2: float = 0.0,
) -> Fit[Any]:
    """Fit by maximum likelihood, or the most probable parameters under the priors."""
    rows = history if isinstance(history, UniquePurchases) else check_history(history).unique()
    n_customers = int(rows.weight.sum())
    if not n_customers:
        raise InputError("history", "of at least one customer", 0)
    penalty = as_positive("l2", l2, zero=True)
    models = read_starts(starts, search.make, history.time_unit)  # type: ignore[arg-type]  # it is a class
    for name, value in search.fixed.items():
        if any(getattr(model, name) != value for model in models):
            raise InputError("starts", f"models with {name} = {value}, as the fit has it", models)
    if isinstance(history, PurchaseHistory):
        columns = {
            "purchase": read_names("purchase_covariates", purchase_covariates, history),
            "dropout": read_names("dropout_covariates", dropout_covariates, history),
        }
        equal = read_names("equal_covariates", equal_covariates, history)
        if not set(equal) <= set(columns["purchase"]) & set(columns["dropout"]):
            raise InputError("equal_covariates", "among `purchase_covariates` and `dropout_covariates`", list(equal))
        if any(columns.values()):
            plain = fit_purchases(search, history)
            fit = fit_with_covariates(
                search.kind, search.derivatives, plain, history, columns, priors, models, equal=equal, l2=penalty
            )
            return _graded(fit, history)
    elif list(purchase_covariates) or list(dropout_covariates) or list(equal_covariates):
        raise InputError("history", "a PurchaseHistory where there are covariates", "UniquePurchases")
    if penalty:
        raise InputError("l2", "0 without covariates, since it holds their coefficients", penalty)
    likelihood = search.likelihood(rows)
    units = np.array(search.kind.units(likelihood.ruler))
    given = [search.kind.searched(model, likelihood.ruler) for model in models]
    first, *more = likelihood.starts()
    free = not has_priors(priors)
    limit = _Limit(search.limit(rows), len(search.kind.signed)) if free and search.limit is not None else None
    fit = fit_model(
        lambda *estimates: search.make(*estimates, history.time_unit, **search.fixed),
        likelihood,
        search.kind.parameters(),
        given or [first],
        more_starts=more,
        priors=priors,
        units=units,
        n_customers=n_customers,
        n_events=int((rows.weight * rows.frequency).sum()),
        n_more=(lambda end: _n_more(likelihood, end, len(rows.weight))) if free else None,
        rough=search.likelihood(_merge(rows)) if len(rows.weight) >= _MANY else None,
        limit=limit.end if limit and not given and len(rows.weight) < _MANY else None,
    )
    return _graded(_in_words(fit, limit, units), rows)


class _Limit:
    """The limiting model, in which customers never leave: its best parameters, found when they are asked for."""

    def __init__(self, likelihood: Likelihood, n_signed: int) -> None:
        self.likelihood, self.n_signed = likelihood, n_signed

    @cached_property
    def peak(self) -> tuple[Floats, float]:
        """Logarithms of the parameters, and the log-likelihood."""
        names = Parameters(("r", "alpha"), np.ones(2, dtype=bool))
        estimates, _, log_likelihood, _ = fit_parameters(self.likelihood, names, self.likelihood.starts(), priors={})
        return np.log(estimates), log_likelihood

    def end(self) -> Floats:
        """Give the same point as parameters of the model whose limit it is."""
        return np.concatenate((self.peak[0], (LOG_LOW, LOG_HIGH), np.zeros(self.n_signed)))


def _n_more(likelihood: Likelihood, end: Floats, n_rows: int) -> int | None:
    """How many other starts are worth a try; None for all.

    Where the data are many, no start but the first three led higher.
    """
    if likelihood.is_best_mixture(end):
        return 1
    return None if n_rows < _SOME else 3


def _in_words(fit: Fit[Any], limit: _Limit | None, units: Floats) -> Fit[Any]:
    """Say in words what the boundary, or the flat direction, means."""
    messages = fit.diagnosis.messages
    if not fit.priors and not fit.n_events:
        messages = (_NOBODY_AGAIN, *messages)
    elif limit is not None and {*fit.diagnosis.boundary, *fit.diagnosis.flat} & set(fit.names[2:]):
        words = _limit_in_words(fit, fit.estimates / units, fit.log_likelihood - limit.peak[1])
        messages = (*messages, words) if words else messages
    return attrs.evolve(fit, diagnosis=attrs.evolve(fit.diagnosis, messages=messages))


def _limit_in_words(fit: Fit[Any], scaled: Floats, gain: float) -> str:
    """Name the limiting model that a fit has run to; nothing for one that is only flat.

    `scaled` are its parameters as they are searched, `gain` is the log-likelihood beyond that of the model in which
    nobody leaves.
    """
    if gain <= _SHOWN:
        return _NOBODY_LEFT
    first, second = fit.names[2:4]
    if second in fit.diagnosis.boundary and scaled[3] > 1.0:
        return f"all customers have nearly the same chance to leave: only the ratio of {first} and {second} counts"
    if scaled[2] < _EXTREME and scaled[3] < _EXTREME:
        return "customers leave at the first occasion or never: only their shares count"
    return ""


def few_rows(history: PurchaseHistory | UniquePurchases) -> PurchaseHistory | UniquePurchases:
    """Merge rows where they are many, for a point to start a search from."""
    rows = history if isinstance(history, UniquePurchases) else check_history(history).unique()
    return _merge(rows) if len(rows.weight) >= _MANY else rows


def _merge(rows: UniquePurchases) -> UniquePurchases:
    """Merge rows of equally many purchases at nearly the same times: few rows of nearly the same likelihood."""
    cells = [np.floor(column * (_CELLS / max(float(rows.age.max()), 1e-300))) for column in (rows.recency, rows.age)]
    first, place, _ = distinct_keys(row_keys(rows.frequency, *cells))
    weight = np.bincount(place, rows.weight)
    recency, age = (np.bincount(place, rows.weight * column) / weight for column in (rows.recency, rows.age))
    return attrs.evolve(rows, frequency=rows.frequency[first], recency=recency, age=age, weight=weight, inverse=None)


def _graded(fit: Fit[Any], history: PurchaseHistory | UniquePurchases) -> Fit[Any]:
    """Grade a fit by the purchases expected of every k-th customer, for a time as long as the history."""
    horizon = float(history.age.max())
    if not fit.diagnosis.messages or horizon == 0.0:
        return fit
    some, weight = _some_customers(history)
    at_random = fit.names == _BETA_GEOMETRIC and getattr(fit.model, "k", 1) == 1

    def total_of(values: Floats) -> float:
        expected = _expected_of_all(values, some, horizon) if at_random else None
        if expected is None:
            model = with_estimates(fit.model, fit.names, values.tolist())
            expected = model.expected_purchases(some, horizon=horizon)
        return float((weight * expected).sum())

    return grade_by(fit, total_of)


def grade_by(fit: Fit[Any], total_of: Callable[[Floats], float]) -> Fit[Any]:
    """Call a fit usable if what it leaves undetermined hardly moves the purchases expected of the base.

    `total_of` gives these for other parameters. Each undetermined direction is followed for two units of the logarithms
    (a factor of 7) both ways.
    """
    messages = fit.diagnosis.messages
    if not messages or any(message.startswith(NOT_SETTLED) for message in messages):
        return fit
    searched = np.where(fit.positive, np.log(np.where(fit.positive, fit.estimates, 1.0)), fit.estimates)
    totals = []
    for step in (np.zeros(len(searched)), *_undetermined(fit)):
        values = np.where(fit.positive, np.exp(np.where(fit.positive, searched + step, 0.0)), searched + step)
        try:
            totals.append(total_of(values))
        except InputError:  # so far away is no model
            return fit
    moved = np.abs(np.array(totals) - totals[0])
    if not (moved <= _USABLE * totals[0]).all():
        return fit
    return attrs.evolve(fit, diagnosis=attrs.evolve(fit.diagnosis, grade="usable"))


def _expected_of_all(values: Floats, history: PurchaseHistory, horizon: float) -> Floats | None:
    """Forecast as if all were alive and nobody left, if the models with chances to leave say that; None if not.

    The odds of having left after the last purchase are at most a / b times what the silence is worth. This saves half
    of the time of a fit that ends where nobody leaves.
    """
    r, alpha, a, b = values.tolist()
    x, until_now = history.frequency, alpha + history.age
    future: Floats = (r + x) * (horizon / until_now)
    silence = (r + x) * np.log(until_now / (alpha + history.recency))
    worst = float(np.logaddexp(silence, np.log(x + future + 2.0)).max())
    return future if b > 1.0 and math.log(a / b) + worst < _NOBODY else None


def _some_customers(history: PurchaseHistory | UniquePurchases) -> tuple[PurchaseHistory, Any]:
    """Give every k-th customer, or every k-th distinct row and its weight."""
    if isinstance(history, PurchaseHistory):
        return take(history, slice(None, None, 1 + len(history) // CUSTOMERS_TO_GRADE)), 1.0
    every = slice(None, None, 1 + len(history.weight) // CUSTOMERS_TO_GRADE)
    names = ("frequency", "recency", "age")
    columns = {name: hand_over(getattr(history, name)[every]) for name in names}
    return PurchaseHistory(time_unit=cast("TimeUnit", history.time_unit), **columns), history.weight[every]


def _undetermined(fit: Fit[Any]) -> list[Floats]:
    """Go both ways along each direction in which the fit is undetermined, on the scale of the search."""
    known = np.flatnonzero(np.isfinite(np.diag(fit.search_covariance)))
    variance, axes = np.linalg.eigh(fit.search_covariance[np.ix_(known, known)])
    steps = np.eye(len(fit.names))
    weak = np.zeros((int((variance > _WEAK**2).sum()), len(fit.names)))
    weak[:, known] = axes.T[variance > _WEAK**2]
    directions = np.vstack([np.delete(steps, known, axis=0), weak])
    return [sign * _REACH * direction for direction in directions for sign in (1.0, -1.0)]


def grade_fit(fit: Fit[Any], history: PurchaseHistory | UniquePurchases) -> Fit[Any]:
    """Grade a fit that was searched for elsewhere, as :func:`fit_purchases` does at its end."""
    return _graded(fit, history)
