"""Fits of the purchase models in continuous time: what is the same for all, with covariates and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import attrs
import numpy as np

from crmvalue._core.keys import distinct_keys, row_keys
from crmvalue._models.shared.common import check_history
from crmvalue._models.shared.covariate_fit import fit_with_covariates, read_names
from crmvalue._models.shared.fit import Evaluation, Fit, Parameters, fit_model, fit_parameters, read_starts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmvalue._models.shared.covariate_fit import RowDerivatives
    from crmvalue._models.shared.purchase_model import Kind
    from crmvalue.purchases import PurchaseHistory, UniquePurchases
    from crmvalue.typing import Floats

__all__ = ["Search", "fit_purchases"]

_SHOWN = 2.0  # gain in log-likelihood by customers who leave that chance gives in about one log of twenty
_NOBODY_LEFT = "no customer can be shown to have left within this log: `fit_nbd` is the model for that"
_MANY = 20_000  # from this many distinct rows on, the search begins on merged ones
_CELLS = 24.0  # of them, the longest age has so many times that are told apart


class Likelihood(Protocol):
    """Log-likelihood of weighted rows as a function of the logarithms of the parameters, times in `ruler`."""

    ruler: float

    def __call__(self, theta: Floats) -> Evaluation:
        """Evaluate it with its derivatives."""

    def starts(self) -> list[Floats]:
        """Points to search from, the best first."""


class Search(NamedTuple):
    """What the fit of one model needs: its class, its parameters, and its likelihood in two forms.

    `likelihood` is of a base in which all customers have the same parameters, `derivatives` of rows with their own.
    `limit` is the likelihood of the first two parameters alone, for customers who never leave.
    """

    make: Callable[..., Any]
    kind: Kind
    likelihood: Callable[[UniquePurchases], Likelihood]
    derivatives: RowDerivatives
    limit: Callable[[UniquePurchases], Likelihood] | None = None


@np.errstate(under="ignore")
def fit_purchases(
    search: Search,
    history: PurchaseHistory,
    *,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[Any] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
) -> Fit[Any]:
    """Fit by maximum likelihood, or the most probable parameters under the priors."""
    rows = check_history(history).unique()
    models = read_starts(starts, search.make, history.time_unit)  # type: ignore[arg-type]  # it is a class
    columns = {
        "purchase": read_names("purchase_covariates", purchase_covariates, history),
        "dropout": read_names("dropout_covariates", dropout_covariates, history),
    }
    if any(columns.values()):
        plain = fit_purchases(search, history)
        return fit_with_covariates(search.kind, search.derivatives, plain, history, columns, priors, models)
    names = search.kind.names
    likelihood = search.likelihood(rows)
    units = np.array([likelihood.ruler if name in search.kind.times else 1.0 for name in names])
    given = [np.log(np.array([getattr(model, name) for name in names]) / units) for model in models]
    first, *more = likelihood.starts()
    fit = fit_model(
        lambda *estimates: search.make(*estimates, history.time_unit),
        likelihood,
        Parameters(names, np.ones(len(names), dtype=bool)),
        given or [first],
        more_starts=more,
        priors=priors,
        units=units,
        n_customers=len(history),
        rough=search.likelihood(_merge(rows)) if len(rows.weight) >= _MANY else None,
    )
    in_doubt = {*fit.diagnosis.boundary, *fit.diagnosis.flat} & set(names[2:])
    if search.limit is None or priors or not in_doubt:
        return fit
    gain = fit.log_likelihood - _peak(search.limit(rows), np.log(fit.estimates[:2] / units[:2]))
    return fit if gain > _SHOWN else _name_limit(fit)


def _peak(limit: Likelihood, start: Floats) -> float:
    """Log-likelihood of the best parameters for customers who never leave."""
    return fit_parameters(limit, Parameters(("r", "alpha"), np.ones(2, dtype=bool)), [start], priors={})[2]


def _name_limit(fit: Fit[Any]) -> Fit[Any]:
    """Say in words what the boundary, or the flat direction, means."""
    messages = (_NOBODY_LEFT, *fit.diagnosis.messages)
    return attrs.evolve(fit, diagnosis=attrs.evolve(fit.diagnosis, messages=messages))


def _merge(rows: UniquePurchases) -> UniquePurchases:
    """Merge rows of equally many purchases at nearly the same times: few rows of nearly the same likelihood."""
    cells = [np.floor(column * (_CELLS / max(float(rows.age.max()), 1e-300))) for column in (rows.recency, rows.age)]
    first, place, _ = distinct_keys(row_keys(rows.frequency, *cells))
    weight = np.bincount(place, rows.weight)
    recency, age = (np.bincount(place, rows.weight * column) / weight for column in (rows.recency, rows.age))
    return attrs.evolve(
        rows, frequency=rows.frequency[first], recency=recency, age=age, weight=weight, inverse=place[rows.inverse]
    )
