"""Fits of the purchase models in continuous time: what is the same for all, with covariates and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from crmvalue._models.shared.common import check_history
from crmvalue._models.shared.covariate_fit import fit_with_covariates, read_names
from crmvalue._models.shared.fit import Evaluation, Fit, Parameters, check_starts, fit_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmvalue._models.shared.covariate_fit import RowDerivatives
    from crmvalue._models.shared.purchase_model import Kind
    from crmvalue.purchases import PurchaseHistory, UniquePurchases
    from crmvalue.typing import Floats

__all__ = ["Search", "fit_purchases"]


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
    """

    make: Callable[..., Any]
    kind: Kind
    likelihood: Callable[[UniquePurchases], Likelihood]
    derivatives: RowDerivatives


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
    check_starts(starts, search.make, history.time_unit)  # type: ignore[arg-type]  # it is a class
    columns = {
        "purchase": read_names("purchase_covariates", purchase_covariates, history),
        "dropout": read_names("dropout_covariates", dropout_covariates, history),
    }
    if any(columns.values()):
        plain = fit_purchases(search, history)
        return fit_with_covariates(search.kind, search.derivatives, plain, history, columns, priors, starts)
    names = search.kind.names
    likelihood = search.likelihood(rows)
    units = np.array([likelihood.ruler if name in search.kind.times else 1.0 for name in names])
    given = [np.log(np.array([getattr(model, name) for name in names]) / units) for model in starts or ()]
    first, *more = likelihood.starts()
    return fit_model(
        lambda *estimates: search.make(*estimates, history.time_unit),
        likelihood,
        Parameters(names, np.ones(len(names), dtype=bool)),
        given or [first],
        more_starts=more,
        priors=priors,
        units=units,
        n_customers=len(history),
    )
