"""MBG/NBD: customers who buy at random until, after one of their purchases, they are lost unnoticed.

Unlike in `bg_nbd` the first purchase may be the last. Times are in the model's `time_unit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from crmvalue._core.checks import as_column
from crmvalue._models.repeat.beta_geometric import Core
from crmvalue._models.repeat.beta_geometric_fit import fit
from crmvalue._models.shared.common import check_history, positive_field, time_unit_field
from crmvalue._models.shared.covariates import (
    CovariateEffect,
    effects_field,
    factors,
    factors_for,
    json_with_effects,
    model_repr,
    model_with_effects_from_json,
    read_covariates,
)
from crmvalue._models.shared.fit import register

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from crmvalue._models.shared.fit import Fit
    from crmvalue.purchases import PurchaseHistory, TimeUnit
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["MbgNbd", "fit_mbg_nbd"]

_EARLY = 1  # tosses of the coin before the first repeat purchase


@register
@attrs.frozen(repr=False)
class MbgNbd:
    """MBG/NBD with known parameters, ready to predict.

    While alive, a customer purchases at random at an own rate; after each purchase, the first included, he is lost with
    an own chance. Rates follow a gamma distribution over customers, chances a beta distribution.

    Parameters
    ----------
    r, alpha : float
        Shape and rate [time_unit] of the gamma distribution of purchase rates, > 0: the mean rate is r / alpha.
    a, b : float
        Beta distribution of the chance to be lost after a purchase, > 0: the mean chance is a / (a + b).
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of `alpha`, of every horizon, and of the histories the model is applied to.
    purchase_effects, dropout_effects : tuple of CovariateEffect, optional
        Effects of covariates on a process, by a factor f = exp(coefficient (z - centre) / scale). On purchases it
        multiplies the rate (alpha / f). On dropout it multiplies a and b, which leaves the mean chance to be lost as it
        is and, where f is above 1, makes customers more alike. Methods that take a history then need it to have these
        covariates; those about newcomers speak of customers whose covariates are at the centre (see
        :meth:`for_covariates` for others).

    Notes
    -----
    Batislam, Denizel and Filiztekin, Empirical validation and comparison of models for customer base analysis,
    International Journal of Research in Marketing 24 (2007). Computed as :class:`crmvalue.models.BgNbd`, as
    exactly and over the same domain.

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

    __repr__ = model_repr

    def log_likelihood(self, history: PurchaseHistory) -> Floats:
        """Log-likelihood of each customer.

        Parameters
        ----------
        history : PurchaseHistory
            Customers.

        Returns
        -------
        ndarray
            Natural logarithm of the density of each customer's purchases, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> from crmvalue.purchases import PurchaseHistory
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.log_likelihood(known).round(4)
        array([-9.4856])
        """
        return self._core_of(history).log_likelihood(history)

    def prob_alive(self, history: PurchaseHistory, *, at: ArrayLike = 0.0) -> Floats:
        """Probability that each customer is still alive.

        Parameters
        ----------
        history : PurchaseHistory
            Customers.
        at : array_like, optional
            Time after the end of observation [time_unit], >= 0, nothing known of what happens until then; one number
            or one for each customer.

        Returns
        -------
        ndarray
            Probabilities, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, or `at` is below 0.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> from crmvalue.purchases import PurchaseHistory
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.prob_alive(known).round(3), model.prob_alive(known, at=52).round(3)
        (array([0.706]), array([0.493]))
        """
        return self._core_of(history).prob_alive(history, at)

    def expected_purchases(self, history: PurchaseHistory, *, horizon: ArrayLike) -> Floats:
        """Give the expected number of purchases of each customer after the end of observation.

        Parameters
        ----------
        history : PurchaseHistory
            Customers.
        horizon : array_like
            Length of the future [time_unit], >= 0; one number or one for each customer.

        Returns
        -------
        ndarray
            Purchases, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, or `horizon` is below 0.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> from crmvalue.purchases import PurchaseHistory
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.expected_purchases(known, horizon=52).round(3)
        array([1.597])
        """
        return self._core_of(history).expected_purchases(history, horizon)

    def expected_purchases_new(self, horizon: ArrayLike) -> FloatOrArray:
        """Give the expected number of repeat purchases of a new customer.

        Parameters
        ----------
        horizon : array_like
            Time since the first purchase [time_unit], >= 0.

        Returns
        -------
        float or ndarray
            Expected number of repeat purchases, shape of `horizon`.

        Raises
        ------
        InputError
            If `horizon` is below 0.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> model.expected_purchases_new([13, 52]).round(3)
        array([0.535, 1.42 ])
        """
        return self._core.expected_purchases_new(horizon)

    def prob_purchases(self, history: PurchaseHistory, n: ArrayLike, *, horizon: ArrayLike) -> Floats:
        """Probability that each customer purchases exactly `n` times after the end of observation.

        Parameters
        ----------
        history : PurchaseHistory
            Customers.
        n : array_like
            Number of purchases, whole, >= 0; one number or one for each customer.
        horizon : array_like
            Length of the future [time_unit], >= 0; one number or one for each customer.

        Returns
        -------
        ndarray
            Probabilities, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, `n` is no whole number >= 0, or `horizon` is below 0.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> from crmvalue.purchases import PurchaseHistory
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.prob_purchases(known, 0, horizon=52).round(3)
        array([0.395])
        """
        return self._core_of(history).prob_purchases(history, n, horizon)

    def prob_purchases_new(self, n: ArrayLike, horizon: ArrayLike) -> FloatOrArray:
        """Probability that a new customer makes exactly `n` repeat purchases.

        Parameters
        ----------
        n : array_like
            Number of repeat purchases, whole, >= 0.
        horizon : array_like
            Time since the first purchase [time_unit], >= 0.

        Returns
        -------
        float or ndarray
            Probabilities, shape of `n` and `horizon` broadcast.

        Raises
        ------
        InputError
            If `n` is no whole number >= 0 or `horizon` is below 0.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> model.prob_purchases_new([0, 1, 2], 52).round(3)
        array([0.554, 0.183, 0.09 ])
        """
        return self._core.prob_purchases_new(n, horizon)

    def discounted_expected_purchases(
        self, history: PurchaseHistory, *, discount_rate: ArrayLike, horizon: ArrayLike | None = None
    ) -> Floats:
        """Sum the expected purchases of each customer, those further away counting less.

        Parameters
        ----------
        history : PurchaseHistory
            Customers.
        discount_rate : array_like
            Effective rate d per `time_unit`, >= 0; a purchase at the time s ahead counts (1 + d)^-s. For a rate per
            year see :func:`crmvalue.ltv.convert_rate`.
        horizon : array_like, optional
            Length of the future [time_unit], >= 0, one number or one for each customer. By default for life; d must
            then be above 0.

        Returns
        -------
        ndarray
            Discounted purchases, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, the rate or `horizon` is below 0, or the rate is 0
            without a horizon.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> from crmvalue.purchases import PurchaseHistory
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.discounted_expected_purchases(known, discount_rate=0.002).round(3)
        array([5.719])
        """
        return self._core_of(history).discounted(history, discount_rate, horizon)

    def discounted_expected_purchases_new(
        self, discount_rate: ArrayLike, horizon: ArrayLike | None = None
    ) -> FloatOrArray:
        """Sum the expected repeat purchases of a new customer, those further away counting less.

        Parameters
        ----------
        discount_rate : array_like
            Effective rate d per `time_unit`, >= 0; a purchase at the time s counts (1 + d)^-s.
        horizon : array_like, optional
            Time since the first purchase [time_unit], >= 0. By default for life; d must then be above 0.

        Returns
        -------
        float or ndarray
            Discounted number of repeat purchases.

        Raises
        ------
        InputError
            If the rate or `horizon` is below 0, or the rate is 0 without a horizon.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> float(round(model.discounted_expected_purchases_new(0.002, horizon=52), 3))
        1.362
        """
        return self._core.discounted_new(discount_rate, horizon)

    def simulate(
        self, ages: ArrayLike, *, rng: np.random.Generator, covariates: Mapping[str, ArrayLike] | None = None
    ) -> PurchaseHistory:
        """Draw new customers and what each has bought up to an age, in continuous time.

        Parameters
        ----------
        ages : array_like
            Time from the first purchase to the end of observation [time_unit], one per customer, shape (n,).
        rng : numpy.random.Generator
            Source of randomness.
        covariates : mapping of str to array_like, optional
            For a model with effects: the covariates of each customer by name, numbers or columns of shape (n,). They
            become those of the history.

        Returns
        -------
        PurchaseHistory
            One row per customer, in the order of `ages`.

        Raises
        ------
        InputError
            If an age is below 0 or `rng` is no generator.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> import numpy as np
        >>> drawn = model.simulate([52.0] * 1000, rng=np.random.default_rng(1))
        >>> drawn.n_customers, drawn.time_unit
        (1000, 'week')
        """
        age = as_column("ages", ages)
        columns = read_covariates(self, covariates or {}, len(age))
        purchase, dropout = (factors_for(of, columns) for of in (self.purchase_effects, self.dropout_effects))
        drawn = self._scaled(purchase, dropout).simulate(age, rng)
        return drawn.with_covariates(columns) if columns else drawn

    def for_covariates(self, covariates: Mapping[str, float]) -> MbgNbd:
        """Give the model of customers whose covariates are known: the same without effects.

        Parameters
        ----------
        covariates : mapping of str to float
            A value for each covariate of the model.

        Returns
        -------
        MbgNbd
            What such customers have in common, ready for the methods about newcomers.

        Raises
        ------
        InputError
            If a covariate is missing, unknown or no number.

        Examples
        --------
        >>> from crmvalue.models import CovariateEffect
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week", purchase_effects=[CovariateEffect("is_member", 0.5)])
        >>> model.for_covariates({"is_member": 1})
        MbgNbd(r=0.525, alpha=3.75..., a=0.891, b=1.614, time_unit='week')
        """
        columns = read_covariates(self, covariates)
        purchase, dropout = (float(factors_for(of, columns)) for of in (self.purchase_effects, self.dropout_effects))
        return MbgNbd(self.r, self.alpha / purchase, self.a * dropout, self.b * dropout, self.time_unit)

    def to_json(self) -> str:
        """Write the parameters as JSON text.

        Returns
        -------
        str
            A JSON object of the parameters and the name of the model.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> model.to_json()
        '{"model": "MbgNbd", "r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614, "time_unit": "week"}'
        """
        return json_with_effects(self)

    @classmethod
    def from_json(cls, text: str) -> MbgNbd:
        """Read what :meth:`to_json` wrote, and check it.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        MbgNbd
            The model.

        Raises
        ------
        InputError
            If the text is of another model or a parameter is outside its range.

        Examples
        --------
        >>> model = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
        >>> MbgNbd.from_json(model.to_json()) == model
        True
        """
        model: MbgNbd = model_with_effects_from_json(cls, text)
        return model

    @property
    def _core(self) -> Core:
        return self._scaled(1.0, 1.0)

    def _core_of(self, history: PurchaseHistory) -> Core:
        check_history(history, self.time_unit)
        return self._scaled(factors(self.purchase_effects, history), factors(self.dropout_effects, history))

    def _scaled(self, purchase: Floats | float, dropout: Floats | float) -> Core:
        return Core(self.r, self.alpha / purchase, self.a * dropout, self.b * dropout, self.time_unit, _EARLY)


def fit_mbg_nbd(
    history: PurchaseHistory,
    *,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[MbgNbd] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
) -> Fit[MbgNbd]:
    """Fit MBG/NBD by maximum likelihood, or to the mode of the posterior where priors are given.

    Parameters
    ----------
    history : PurchaseHistory
        Customers; at least one.
    priors : mapping of str to (float, float), optional
        For some of "r", "alpha" [time_unit], "a", "b": median and log-scale standard deviation of a log-normal prior.
    starts : sequence of MbgNbd, optional
        Where to start the search; by default a start made from the data, and more where its result is in doubt.
    purchase_covariates, dropout_covariates : sequence of str, optional
        Covariates of the history that act on the rate of purchases, or on dropout. They are standardised, and the fit
        names their coefficients "purchase.income", "dropout.income"; a prior of one is normal, with mean and standard
        deviation.

    Returns
    -------
    Fit
        The model with standard errors and a diagnosis; ask `diagnosis.trustworthy` before using it.

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
    return fit(MbgNbd, history, _EARLY, priors, starts, purchase_covariates, dropout_covariates)
