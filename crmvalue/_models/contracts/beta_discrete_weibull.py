"""Contracts whose customers change with tenure: the beta-discrete-Weibull model.

It is the shifted beta-geometric model (`shifted_beta_geometric.py` explains the words) in which a customer's own churn
probability may fall (c < 1) or rise (c > 1) from renewal to renewal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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

__all__ = ["BetaDiscreteWeibull", "fit_beta_discrete_weibull"]


@register
@attrs.frozen
class BetaDiscreteWeibull(ContractModel):
    r"""Churn at renewals, where the churn probability of each customer changes with tenure.

    Parameters
    ----------
    alpha, beta : float
        Beta distribution of the churn probabilities at the first renewal, > 0.
    c : float
        How the churn probability of a single customer changes with tenure, > 0. It falls for c < 1 and rises for
        c > 1. For c = 1 it stays the same, and the model is the shifted beta-geometric.

    Notes
    -----
    Fader, Hardie, Liu, Davin and Steenburgh, "How to project customer retention revisited" (2018). The probability to
    survive t renewals is :math:`S(t) = B(\alpha, \beta + t^c) / B(\alpha, \beta)`.

    Examples
    --------
    >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.0)
    >>> model.survival([1, 7, 12]).round(3)
    array([0.851, 0.489, 0.378])
    """

    alpha: float = positive_field("alpha")
    beta: float = positive_field("beta")
    c: float = positive_field("c")

    @property
    def _contract(self) -> Contract:
        return Contract(self.alpha, self.beta, self.c)


def fit_beta_discrete_weibull(
    survivors: ArrayLike | ContractHistory, *, priors: Mapping[str, tuple[float, float]] | None = None
) -> Fit[BetaDiscreteWeibull]:
    """Fit the beta-discrete-Weibull model to a cohort or to individual lifetimes.

    Parameters
    ----------
    survivors : array_like or ContractHistory
        Customers of one cohort who are still there after 0, 1, 2, ... renewals, whole numbers that never rise; or any
        customers as a :class:`crmvalue.models.ContractHistory`.
    priors : dict of str to tuple of float, optional
        For `alpha`, `beta`, `c`: median and standard deviation of the logarithm of a log-normal prior.

    Returns
    -------
    Fit
        Model, log-likelihood, covariance and diagnosis; the shifted beta-geometric model is nested in it.

    Raises
    ------
    InputError
        If `survivors` is no cohort, no customer has reached a renewal yet, or there are more than 100,000 different
        lifetimes.

    Examples
    --------
    >>> fit = fit_beta_discrete_weibull([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> bool(fit.log_likelihood > -1611.158)
    True
    """
    return fit_contract(BetaDiscreteWeibull, ("alpha", "beta", "c"), survivors, priors)
