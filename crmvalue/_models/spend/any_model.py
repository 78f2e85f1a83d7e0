"""Any model of spend, for whoever makes money forecasts of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from crmvalue._models.shared.fit import Fit
from crmvalue._models.spend.gamma_gamma import GammaGamma, fit_gamma_gamma
from crmvalue._models.spend.gb2 import Gb2Spend, fit_gb2_spend
from crmvalue._models.spend.lognormal import fit_lognormal_spend
from crmvalue._models.spend.spend_model import SpendModel, month_of
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Dates, Floats

__all__ = ["AnySpend", "as_spend_model", "month_factors", "refit_spend", "spend_ahead"]

AnySpend: TypeAlias = GammaGamma | SpendModel


def as_spend_model(name: str, given: object) -> AnySpend:
    """Take a model of spend, or the fit of one."""
    model = given.model if isinstance(given, Fit) else given
    if not isinstance(model, GammaGamma | SpendModel):
        rule = "a spend model (GammaGamma, LognormalSpend, Gb2Spend), or the fit of one"
        raise InputError(name, rule, type(model).__name__)
    return model


def spend_ahead(model: AnySpend, history: PurchaseHistory, horizon: float | None) -> Floats:
    """Give the expected money of a purchase of each customer, at the months of the horizon."""
    if isinstance(model, GammaGamma):
        return model.expected_spend(history)
    return model.expected_spend(history, horizon=horizon)


def month_factors(model: AnySpend, day: Dates) -> Floats:
    """Give the spend in the months of some days, over that of all months alike."""
    if isinstance(model, GammaGamma) or not model.season:
        return np.ones(len(day))
    factor: Floats = np.exp(np.array(model.season))
    return factor[month_of(day)] / float(factor.mean())


def refit_spend(fit: Fit[Any], history: PurchaseHistory) -> Fit[Any]:
    """Fit the same kind of model with the same options to other data; spend of 0 is left out."""
    model, priors = fit.model, dict(fit.priors) or None
    if isinstance(model, GammaGamma):
        return fit_gamma_gamma(history, zeros="drop", priors=priors)
    again = fit_gb2_spend if isinstance(model, Gb2Spend) else fit_lognormal_spend
    return again(
        history,
        use_first=model.use_first,
        zeros="drop",
        drift=model.origin is not None,
        season=bool(model.season),
        spend_covariates=[effect.name for effect in model.spend_effects],
        priors=priors,
    )
