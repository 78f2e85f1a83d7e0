"""Contracts that customers renew or end, each with a constant churn probability: the shifted beta-geometric model.

Each customer has a churn probability of their own, the same at every renewal. Over the base these probabilities have a
beta distribution. Retention rates of a cohort rise because the customers who churn easily leave first. Where a
customer's own churn probability changes with tenure see :mod:`crmvalue._models.contracts.beta_discrete_weibull`.

Time is counted in whole contract periods. The `tenure` of a customer is the number of renewals they have accepted: they
are in period tenure + 1, and decide next at renewal tenure + 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from crmvalue._models.contracts.contract_model import ContractModel
from crmvalue._models.contracts.renewals import Contract, fit_contract
from crmvalue._models.shared.common import positive_field
from crmvalue._models.shared.fit import register

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue._models.contracts.histories import ContractHistory
    from crmvalue._models.shared.fit import Fit
    from crmvalue.typing import ArrayLike

__all__ = ["ShiftedBetaGeometric", "fit_shifted_beta_geometric"]


@register
@attrs.frozen
class ShiftedBetaGeometric(ContractModel):
    r"""Churn at renewals with a constant probability for each customer, beta distributed over customers.

    Parameters
    ----------
    alpha, beta : float
        Beta distribution of the churn probabilities, > 0; their mean is alpha / (alpha + beta).

    Notes
    -----
    Fader and Hardie, "How to project customer retention" (2007). The probability to survive t renewals is
    :math:`S(t) = B(\alpha, \beta + t) / B(\alpha, \beta)`. Discounted lifetimes are those of Fader and Hardie,
    "Customer-base valuation in a contractual setting" (2010).

    Examples
    --------
    >>> model = ShiftedBetaGeometric(0.668, 3.806)
    >>> model.survival([1, 7, 12]).round(3)
    array([0.851, 0.489, 0.378])
    """

    alpha: float = positive_field("alpha")
    beta: float = positive_field("beta")

    _nested_in: ClassVar[tuple[str, ...]] = ("BetaDiscreteWeibull",)  # with c = 1

    @property
    def _contract(self) -> Contract:
        return Contract(self.alpha, self.beta, 1.0)


def fit_shifted_beta_geometric(
    survivors: ArrayLike | ContractHistory, *, priors: Mapping[str, tuple[float, float]] | None = None
) -> Fit[ShiftedBetaGeometric]:
    """Fit the shifted beta-geometric model to a cohort or to individual lifetimes.

    Parameters
    ----------
    survivors : array_like or ContractHistory
        Customers of one cohort who are still there after 0, 1, 2, ... renewals, whole numbers that never rise; or any
        customers as a :class:`crmvalue.models.ContractHistory`.
    priors : dict of str to tuple of float, optional
        For `alpha`, `beta`: median and standard deviation of the logarithm of a log-normal prior.

    Returns
    -------
    Fit
        Model, log-likelihood, covariance and diagnosis.

    Raises
    ------
    InputError
        If `survivors` is no cohort, no customer has reached a renewal yet, or there are more than 100,000 different
        lifetimes.

    Examples
    --------
    >>> fit = fit_shifted_beta_geometric([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> fit.model.survival([8, 12]).round(3)
    array([0.46 , 0.378])
    """
    return fit_contract(ShiftedBetaGeometric, ("alpha", "beta"), survivors, priors)
