r"""Contracts whose customers change with tenure: the beta-discrete-Weibull model.

As the shifted beta-geometric model (`shifted_beta_geometric.py` explains the words), but a customer's
own churn probability may fall (c < 1) or rise (c > 1) from renewal to renewal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._models.contracts.histories import Contract, ContractHistory, fit_contract
from crmvalue._models.shared.common import model_from_json, model_to_json
from crmvalue._models.shared.discrete import as_periods, parameter
from crmvalue._models.shared.fit import register
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue._models.shared.fit import Fit
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["BetaDiscreteWeibull", "fit_beta_discrete_weibull"]


@register
@attrs.frozen
class BetaDiscreteWeibull:
    r"""Churn at renewals with individual probabilities that change with tenure.

    Parameters
    ----------
    alpha, beta : float
        Beta distribution of the churn probabilities at the first renewal, > 0.
    c : float
        How a customer's own churn changes, > 0: it falls for c < 1 and rises for c > 1; 1 is the shifted
        beta-geometric model.

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

    alpha: float = parameter("alpha")
    beta: float = parameter("beta")
    c: float = parameter("c")

    def log_likelihood(self, history: ContractHistory) -> Floats:
        """Log-likelihood of each row of the history, once whatever its weight.

        Parameters
        ----------
        history : ContractHistory
            Lifetimes.

        Returns
        -------
        ndarray
            Log-probabilities, shape (n,).

        Raises
        ------
        InputError
            If the history is no `ContractHistory`.

        Examples
        --------
        >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.1)
        >>> history = ContractHistory(lifetime=[1, 3], churned=[True, False])
        >>> model.log_likelihood(history).round(4)
        array([-1.9017, -0.4349])
        """
        if not isinstance(history, ContractHistory):
            raise InputError("history", "a ContractHistory", type(history).__name__)
        return self._contract.log_likelihood(history)

    def survival(self, t: ArrayLike, *, tenure: ArrayLike = 0) -> FloatOrArray:
        """Probability to accept the next t renewals.

        Parameters
        ----------
        t : array_like
            Renewals ahead, whole numbers >= 0.
        tenure : array_like, optional
            Renewals already accepted; 0 for a new customer.

        Returns
        -------
        float or ndarray
            Probabilities.

        Raises
        ------
        InputError
            If `t` or `tenure` is no whole number >= 0.

        Examples
        --------
        >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.1)
        >>> model.survival([1, 12]).round(3), model.survival(12, tenure=5).round(3)
        (array([0.851, 0.332]), np.float64(0.508))
        """
        return self._contract.survival(t, tenure)

    def retention_rate(self, t: ArrayLike) -> FloatOrArray:
        """Share of those who reach renewal t who accept it.

        Parameters
        ----------
        t : array_like
            Number of the renewal, from 1.

        Returns
        -------
        float or ndarray
            Rates, [0, 1].

        Raises
        ------
        InputError
            If `t` is no whole number >= 1.

        Examples
        --------
        >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.1)
        >>> model.retention_rate([1, 2, 12]).round(3)
        array([0.851, 0.863, 0.95 ])
        """
        renewal = as_periods("t", t, low=1)
        return self._contract.survival(np.ones(renewal.shape), renewal - 1.0)

    def prob_churn(self, t: ArrayLike, *, tenure: ArrayLike = 0) -> FloatOrArray:
        """Probability to leave exactly at the t-th renewal from now.

        Parameters
        ----------
        t : array_like
            Renewals from now, whole numbers >= 1.
        tenure : array_like, optional
            Renewals already accepted; 0 for a new customer.

        Returns
        -------
        float or ndarray
            Probabilities; over all t they sum to 1.

        Raises
        ------
        InputError
            If `t` is no whole number >= 1, or `tenure` none >= 0.

        Examples
        --------
        >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.1)
        >>> model.prob_churn([1, 2, 3]).round(3)
        array([0.149, 0.116, 0.087])
        """
        return self._contract.prob_churn(t, tenure)

    def expected_remaining_lifetime(self, tenure: ArrayLike = 0, *, horizon: int | None = None) -> FloatOrArray:
        """Give the number of renewals that a customer is expected to accept yet.

        Parameters
        ----------
        tenure : array_like, optional
            Renewals already accepted.
        horizon : int, optional
            How many renewals ahead to look; None for life.

        Returns
        -------
        float or ndarray
            Periods beyond the one that is paid.

        Raises
        ------
        InputError
            If no horizon is given and the mean lifetime is infinite: that is so for alpha * c <= 1.

        Examples
        --------
        >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.1)
        >>> model.expected_remaining_lifetime([0, 5], horizon=10).round(2)
        array([5.45, 7.02])
        """
        return self._contract.lifetime(tenure, 0.0, horizon, shift=0.0)

    def discounted_expected_lifetime(self, *, discount_rate: float, horizon: int | None = None) -> float:
        """Present value of 1 per period from a new customer, the first period included: DEL.

        Parameters
        ----------
        discount_rate : float
            Effective rate per contract period, >= 0.
        horizon : int, optional
            How many renewals ahead to look; None for life.

        Returns
        -------
        float
            Sum of S(t) / (1 + discount_rate)^t over t = 0, 1, 2, ...; times the net cash flow of a period, paid at
            its start, it is the lifetime value of a new customer.

        Raises
        ------
        InputError
            If the rate is below 0, or 0 without a horizon where the mean lifetime is infinite.

        Examples
        --------
        >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.1)
        >>> round(model.discounted_expected_lifetime(discount_rate=0.1), 3)
        5.582
        """
        return float(1.0 + self._contract.lifetime(0, discount_rate, horizon, shift=0.0))

    def discounted_expected_residual_lifetime(
        self, tenure: ArrayLike, *, discount_rate: float, horizon: int | None = None
    ) -> FloatOrArray:
        """Present value of 1 per accepted renewal, just before the next one is due: DERL.

        Parameters
        ----------
        tenure : array_like
            Renewals already accepted by customers who are still there.
        discount_rate : float
            Effective rate per contract period, >= 0.
        horizon : int, optional
            How many renewals ahead to look; None for life.

        Returns
        -------
        float or ndarray
            Sum of S(t | tenure) / (1 + discount_rate)^(t - 1) over t = 1, 2, ...; the next renewal is not discounted.

        Raises
        ------
        InputError
            If the rate is below 0, or 0 without a horizon where the mean lifetime is infinite.

        Examples
        --------
        >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.1)
        >>> model.discounted_expected_residual_lifetime([0, 5], discount_rate=0.1).round(3)
        array([5.04 , 6.696])
        """
        return self._contract.lifetime(tenure, discount_rate, horizon, shift=1.0)

    def simulate(self, n_customers: int, *, n_periods: int, rng: np.random.Generator) -> ContractHistory:
        """Draw lifetimes of new customers.

        Parameters
        ----------
        n_customers : int
            How many.
        n_periods : int
            Renewals that are observed; who accepts all of them has not churned.
        rng : numpy.random.Generator
            Source of the randomness.

        Returns
        -------
        ContractHistory
            One row per customer.

        Raises
        ------
        InputError
            If a number is not whole, or `rng` no generator.

        Examples
        --------
        >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.1)
        >>> drawn = model.simulate(1000, n_periods=8, rng=np.random.default_rng(1))
        >>> drawn.n_customers
        1000
        """
        return self._contract.simulate(n_customers, n_periods, rng)

    def to_json(self) -> str:
        """Write the parameters.

        Returns
        -------
        str
            A JSON object of the parameters and the name of the model.

        Examples
        --------
        >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.1)
        >>> model.to_json()
        '{"model": "BetaDiscreteWeibull", "alpha": 0.668, "beta": 3.806, "c": 1.1}'
        """
        return model_to_json(self)

    @classmethod
    def from_json(cls, text: str) -> BetaDiscreteWeibull:
        """Read what :meth:`to_json` wrote, and check it.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        BetaDiscreteWeibull
            The model.

        Raises
        ------
        InputError
            If the text is of another model or a parameter is outside its range.

        Examples
        --------
        >>> model = BetaDiscreteWeibull(0.668, 3.806, 1.1)
        >>> BetaDiscreteWeibull.from_json(model.to_json()) == model
        True
        """
        model: BetaDiscreteWeibull = model_from_json(cls, text)
        return model

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
        If `survivors` is no cohort, or nobody has yet reached a renewal.

    Examples
    --------
    >>> fit = fit_beta_discrete_weibull([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> bool(fit.log_likelihood > -1611.158)
    True
    """
    return fit_contract(survivors, BetaDiscreteWeibull, ("alpha", "beta", "c"), priors)
