"""MBG/NBD: customers buy at random, and after each purchase they may be lost unnoticed.

In `bg_nbd` they are never lost after the first purchase. Times are in the model's `time_unit`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from crmvalue._models.repeat.beta_geometric import KIND, BetaGeometric
from crmvalue._models.repeat.beta_geometric_fit import Likelihood, log_likelihood_derivatives
from crmvalue._models.repeat.nbd_likelihood import Likelihood as NbdLikelihood
from crmvalue._models.shared.common import positive_field, time_unit_field
from crmvalue._models.shared.covariates import CovariateEffect, effects_field
from crmvalue._models.shared.fit import register
from crmvalue._models.shared.purchase_fit import Search, fit_purchases
from crmvalue._models.shared.purchase_model import ContinuousModel, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmvalue._models.shared.fit import Fit
    from crmvalue.purchases import PurchaseHistory, TimeUnit, UniquePurchases

__all__ = ["SEARCH", "MbgNbd", "fit_mbg_nbd"]

_EARLY = 1  # tosses of the coin before the first repeat purchase


@register
@attrs.frozen(repr=False)
class MbgNbd(ContinuousModel):
    """MBG/NBD with known parameters, ready to predict.

    A customer who is alive purchases at random, at a rate of their own. After each purchase, the first included, they
    are lost with a chance of their own. Over customers, rates follow a gamma distribution and chances a beta
    distribution.

    Parameters
    ----------
    r, alpha : float
        Shape and rate [time_unit] of the gamma distribution of purchase rates, > 0: the mean rate is r / alpha.
    a, b : float
        Beta distribution of the chance to be lost after a purchase, > 0: the mean chance is a / (a + b).
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of `alpha`, of every horizon, and of the histories the model is applied to.
    purchase_effects, dropout_effects : tuple of CovariateEffect, optional
        Effects of covariates. A covariate z has the factor f = exp(coefficient (z - centre) / scale); the factors of
        several covariates are multiplied. A factor of purchases multiplies the rate: alpha becomes alpha / f. A factor
        of dropout multiplies both a and b. This does not change the mean chance to be lost, but a factor above 1 makes
        customers more alike. A model with effects needs histories with these covariates. Its methods for newcomers
        predict for customers whose covariates are at the centre; :meth:`for_covariates` gives the model of others.

    Notes
    -----
    Batislam, Denizel and Filiztekin, Empirical validation and comparison of models for customer base analysis,
    International Journal of Research in Marketing 24 (2007). It is computed like
    :class:`crmvalue.models.BgNbd`, with the same errors over the same domain.

    Examples
    --------
    >>> from crmvalue.purchases import PurchaseHistory
    >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
    >>> history = PurchaseHistory.from_columns(
    ...     frequency=[2, 0], recency=[30.43, 0], age=[38.86, 38.86], time_unit="week"
    ... )
    >>> model.prob_alive(history).round(4)
    array([0.7062, 0.3897])
    >>> model.expected_purchases(history, horizon=39).round(4)
    array([1.263, 0.154])
    """

    r: float = positive_field("r")
    alpha: float = positive_field("alpha")
    a: float = positive_field("a")
    b: float = positive_field("b")
    time_unit: TimeUnit = time_unit_field()
    purchase_effects: tuple[CovariateEffect, ...] = effects_field("purchase_effects")
    dropout_effects: tuple[CovariateEffect, ...] = effects_field("dropout_effects")

    _kind: ClassVar[Kind] = KIND

    def _with(self, parameters: dict[str, Any]) -> BetaGeometric:
        return BetaGeometric(**parameters, early=_EARLY)


def fit_mbg_nbd(
    history: PurchaseHistory | UniquePurchases,
    *,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[MbgNbd | Fit[MbgNbd]] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
    equal_covariates: Sequence[str] = (),
    l2: float = 0.0,
) -> Fit[MbgNbd]:
    """Fit MBG/NBD by maximum likelihood, or to the mode of the posterior where priors are given.

    Parameters
    ----------
    history : PurchaseHistory or UniquePurchases
        Customers; at least one. Distinct rows with weights
        are enough for a fit without covariates.
    priors : mapping of str to (float, float), optional
        For some of "r", "alpha" [time_unit], "a", "b": median and log-scale standard deviation of a log-normal prior.
    starts : sequence of MbgNbd or Fit, optional
        Where to start the search: models, or fits of them. By default the data give a start, and more starts are tried
        if the result is in doubt.
    purchase_covariates, dropout_covariates : sequence of str, optional
        Covariates of the history that act on the rate of purchases, or on dropout. They are standardised. The fit names
        their coefficients "purchase.income", "dropout.income"; a prior of a coefficient is normal, given by its mean
        and standard deviation.
    equal_covariates : sequence of str, optional
        Covariates of both processes that have one coefficient for both. The fit names it "both.income".
    l2 : float, optional
        Penalty, >= 0: the log-likelihood loses `l2` times the square of each coefficient, for a standard deviation of
        the covariate. It is the same as a normal prior of mean 0 and standard deviation 1 / sqrt(2 l2) for each
        coefficient without a prior of its own, and stands among the `priors` of the fit.

    Returns
    -------
    Fit
        The model with standard errors and a diagnosis. Check `diagnosis.trustworthy` before you use it.

    Raises
    ------
    InputError
        If the history is empty or a prior is for no parameter of the model.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.purchases import split_purchases
    >>> log = load_cdnow()
    >>> split = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
    >>> found = fit_mbg_nbd(split.calibration)
    >>> round(found.log_likelihood, 2), found.diagnosis.trustworthy
    (-9582.14, True)
    """
    return fit_purchases(
        SEARCH,
        history,
        priors=priors,
        starts=starts,
        purchase_covariates=purchase_covariates,
        dropout_covariates=dropout_covariates,
        equal_covariates=equal_covariates,
        l2=l2,
    )


SEARCH = Search(
    make=MbgNbd,
    kind=KIND,
    likelihood=partial(Likelihood, early=_EARLY),
    derivatives=partial(log_likelihood_derivatives, early=_EARLY),
    limit=NbdLikelihood,
)
