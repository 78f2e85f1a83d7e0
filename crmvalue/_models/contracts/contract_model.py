"""What both models of contracts share: the public methods with their docstrings.

A base class, so that each of them stands once; a model supplies the parameters of its survival.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._models.contracts.histories import ContractHistory
from crmvalue._models.shared.discrete import as_periods
from crmvalue._models.shared.model import Model
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._models.contracts.renewals import Contract
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["ContractModel"]


class ContractModel(Model, ABC):
    """Survival at renewals, and what follows from it."""

    __slots__ = ()

    @property
    @abstractmethod
    def _contract(self) -> Contract:
        """Survival with the parameters of the model."""

    def log_likelihood(self, history: ContractHistory) -> Floats:
        """Log-likelihood of one customer of each row.

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
        >>> from crmvalue.models import ContractHistory, ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(0.668, 3.806)
        >>> history = ContractHistory(lifetime=[1, 3], churned=[True, False])
        >>> model.log_likelihood(history).round(4)
        array([-1.9017, -0.4008])
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
        >>> from crmvalue.models import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(0.668, 3.806)
        >>> print(model.survival([1, 12]).round(3), model.survival(12, tenure=5).round(3))
        [0.851 0.378] 0.559
        """
        return self._contract.survival(t, tenure)

    def retention_rate(self, t: ArrayLike) -> FloatOrArray:
        """Share of the customers reaching renewal t who accept it.

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
        >>> from crmvalue.models import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(0.668, 3.806)
        >>> model.retention_rate([1, 2, 12]).round(3)
        array([0.851, 0.878, 0.957])
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
            If `t` is no whole number >= 1, or `tenure` is no whole number >= 0.

        Examples
        --------
        >>> from crmvalue.models import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(0.668, 3.806)
        >>> model.prob_churn([1, 2, 3]).round(3)
        array([0.149, 0.104, 0.077])
        """
        return self._contract.prob_churn(t, tenure)

    def expected_remaining_lifetime(self, tenure: ArrayLike = 0, *, horizon: int | None = None) -> FloatOrArray:
        """Give the expected number of further renewals that a customer accepts.

        Parameters
        ----------
        tenure : array_like, optional
            Renewals already accepted.
        horizon : int, optional
            How many renewals ahead to look; None for life.

        Returns
        -------
        float or ndarray
            Periods beyond the current one.

        Raises
        ------
        InputError
            If no horizon is given and the mean lifetime is infinite: for alpha <= 1, or with c for alpha * c <= 1.

        Examples
        --------
        >>> from crmvalue.models import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(0.668, 3.806)
        >>> model.expected_remaining_lifetime([0, 5], horizon=10).round(2)
        array([5.76, 7.37])
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
        >>> from crmvalue.models import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(0.668, 3.806)
        >>> round(model.discounted_expected_lifetime(discount_rate=0.1), 3)
        5.923
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
        >>> from crmvalue.models import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(0.668, 3.806)
        >>> model.discounted_expected_residual_lifetime([0, 5], discount_rate=0.1).round(3)
        array([5.415, 7.136])
        """
        return self._contract.lifetime(tenure, discount_rate, horizon, shift=1.0)

    def simulate(self, n_customers: int, *, n_periods: int, rng: np.random.Generator) -> ContractHistory:
        """Draw lifetimes of new customers.

        Parameters
        ----------
        n_customers : int
            How many, from 1 to 100,000,000.
        n_periods : int
            Renewals that are observed, from 0 to 10**9. A customer who accepts all of them has not churned.
        rng : numpy.random.Generator
            Source of the randomness.

        Returns
        -------
        ContractHistory
            One row per customer.

        Raises
        ------
        InputError
            If a number is not whole or outside its range, or `rng` no generator.

        Examples
        --------
        >>> from crmvalue.models import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(0.668, 3.806)
        >>> drawn = model.simulate(1000, n_periods=8, rng=np.random.default_rng(1))
        >>> drawn.n_customers
        1000
        """
        return self._contract.simulate(n_customers, n_periods, rng)
