"""Pareto/NBD: purchases at random until the customer leaves unseen, at any time.

While he is a customer he buys as a Poisson process with his own rate; his lifetime is exponential with his own rate of
leaving. The rates of purchase are gamma(r, alpha) over customers, the rates of leaving gamma(s, beta), independent of
each other. Times are in the `time_unit` of the model, rates in its inverse.

Given that a customer is one at the end of observation, his rates are gamma(r + x, alpha + T) and gamma(s, beta + T):
what is expected of him follows from x and T alone, and the time of his last purchase decides only whether he is one.

Source: Schmittlein, Morrison, Colombo (1987), "Counting your customers: who are they and what will they do next?",
Management Science 33; numbers to compare with in the notes of Fader and Hardie. Where a customer can leave only at a
purchase: :mod:`crmvalue._models.repeat.bg_nbd`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_floats, as_positive, require
from crmvalue._core.keys import distinct_keys, row_keys
from crmvalue._models.repeat.pareto_nbd_likelihood import log_died_to_alive, log_likelihood, log_likelihood_derivatives
from crmvalue._models.repeat.pareto_nbd_predictions import discounted_time, prob_purchases, time_as_customer
from crmvalue._models.shared.common import (
    as_horizon,
    as_n,
    as_rng,
    check_history,
    per_customer,
    positive_field,
    time_unit_field,
)
from crmvalue._models.shared.covariate_fit import Process, fit_with_covariates
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
from crmvalue._models.shared.fit import (
    Derivatives,
    Evaluation,
    Fit,
    Parameters,
    check_starts,
    fit_parameters,
    read_priors,
    register,
)
from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmvalue.purchases import TimeUnit, UniquePurchases
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["ParetoNbd", "fit_pareto_nbd"]

_BLOCK = 1 << 13  # rows at a time: temporaries stay in the cache
_PARAMETERS = Parameters(("r", "alpha", "s", "beta"), np.ones(4, dtype=bool))


@register
@attrs.frozen(repr=False)
class ParetoNbd:
    r"""Pareto/NBD with given parameters, ready to predict.

    Parameters
    ----------
    r, alpha : float
        Shape and rate [time_unit] of the gamma distribution of purchase rates, > 0.
    s, beta : float
        Shape and rate [time_unit] of the gamma distribution of the rates of leaving, > 0.
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of alpha, beta and of every time given to the model.
    purchase_effects, dropout_effects : tuple of CovariateEffect, optional
        Effects of covariates on a process, by a factor f = exp(coefficient (z - centre) / scale) of its rate: alpha / f
        and beta / f. Methods that take a history then need it to have these covariates; those about newcomers speak of
        customers whose covariates are at the centre (see :meth:`for_covariates` for others).

    Raises
    ------
    InputError
        If a parameter is not above 0 or the unit is none of those.

    Notes
    -----
    Against integrals at 50 digits, over r and s from 0.01 to 20, alpha and beta from 0.01 to 10,000, up to 5,000
    purchases in 5,000 units and horizons up to 10,000, log-likelihoods agree to 1e-12 and predictions to 1e-10 of their
    size; a probability below 1e-300 may come out as 0.

    Examples
    --------
    >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
    >>> history = PurchaseHistory.from_columns(frequency=[2, 0], recency=[30.43, 0], age=[38.86] * 2, time_unit="week")
    >>> model.prob_alive(history).round(3)
    array([0.869, 0.295])
    >>> model.expected_purchases(history, horizon=39).round(3)
    array([1.455, 0.107])
    """

    r: float = positive_field("r")
    alpha: float = positive_field("alpha")
    s: float = positive_field("s")
    beta: float = positive_field("beta")
    time_unit: TimeUnit = time_unit_field()
    purchase_effects: tuple[CovariateEffect, ...] = effects_field("purchase_effects")
    dropout_effects: tuple[CovariateEffect, ...] = effects_field("dropout_effects")

    __repr__ = model_repr

    def log_likelihood(self, history: PurchaseHistory) -> Floats:
        """Log-likelihood of each customer.

        Parameters
        ----------
        history : PurchaseHistory
            Customers, in the model's time unit.

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
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.log_likelihood(known).round(4)
        array([-9.5542])
        """
        return self._of_rows(log_likelihood, history)

    def prob_alive(self, history: PurchaseHistory, *, at: ArrayLike = 0.0) -> Floats:
        """Probability that each customer is still one.

        Parameters
        ----------
        history : PurchaseHistory
            Customers, in the model's time unit.
        at : array_like, optional
            Time after the end of observation [time_unit], >= 0, a scalar or one for each customer.

        Returns
        -------
        ndarray
            Probability, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, or `at` is below 0.

        Examples
        --------
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.prob_alive(known).round(3), model.prob_alive(known, at=52).round(3)
        (array([0.869]), array([0.566]))
        """
        from scipy.special import expit

        log_odds = self._log_died_to_alive(history)
        later = per_customer("at", as_horizon("at", at), len(history))
        _, beta = self._scales(history)
        probability: Floats = expit(-log_odds) * np.exp(-self.s * np.log1p(later / (beta + history.age)))
        return probability

    def expected_purchases(self, history: PurchaseHistory, *, horizon: ArrayLike) -> Floats:
        r"""Purchases expected of each customer within a horizon after the end of observation.

        Parameters
        ----------
        history : PurchaseHistory
            Customers, in the model's time unit.
        horizon : array_like
            Length of the future [time_unit], >= 0, a scalar or one for each customer.

        Returns
        -------
        ndarray
            Expected number of purchases, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, or `horizon` is below 0.

        Notes
        -----
        .. math:: P(\mathrm{alive}) \, \frac{r+x}{\alpha+T} \int_0^h \Bigl(\frac{\beta+T}{\beta+T+u}\Bigr)^s du

        Examples
        --------
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.expected_purchases(known, horizon=52).round(3)
        array([1.851])
        """
        alive = self.prob_alive(history)
        ahead = per_customer("horizon", as_horizon("horizon", horizon), len(history))
        alpha, beta = self._scales(history)
        rate = (self.r + history.frequency) / (alpha + history.age)
        return alive * rate * time_as_customer(self.s, beta + history.age, ahead)

    def expected_purchases_new(self, horizon: ArrayLike) -> FloatOrArray:
        """Purchases expected of a new customer after his first, within a horizon from it.

        Parameters
        ----------
        horizon : array_like
            Length of the future [time_unit], >= 0.

        Returns
        -------
        float or ndarray
            Expected number of purchases, shape of `horizon`.

        Raises
        ------
        InputError
            If `horizon` is below 0.

        Examples
        --------
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> model.expected_purchases_new([13, 52]).round(3)
        array([0.531, 1.473])
        """
        ahead = as_horizon("horizon", horizon)
        expected: FloatOrArray = (self.r / self.alpha * time_as_customer(self.s, self.beta, ahead))[()]
        return expected

    def prob_purchases(self, history: PurchaseHistory, n: ArrayLike, *, horizon: ArrayLike) -> Floats:
        """Probability that each customer makes exactly n purchases within a horizon after the end of observation.

        Parameters
        ----------
        history : PurchaseHistory
            Customers, in the model's time unit.
        n : array_like
            Number of purchases, a whole number >= 0, a scalar or one for each customer.
        horizon : array_like
            Length of the future [time_unit], >= 0, a scalar or one for each customer.

        Returns
        -------
        ndarray
            Probability, shape (n,).

        Raises
        ------
        InputError
            If the history is empty or measured in another unit, `n` is no whole number >= 0, or `horizon` is below 0.

        Examples
        --------
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.prob_purchases(known, 0, horizon=52).round(3)
        array([0.368])
        """
        from scipy.special import expit

        log_odds = self._log_died_to_alive(history)
        count = per_customer("n", as_n(n), len(history))
        ahead = per_customer("horizon", as_horizon("horizon", horizon), len(history))
        alpha, beta = (scale + history.age for scale in self._scales(history))
        first, place, _ = distinct_keys(row_keys(history.frequency, alpha, beta, count, ahead))
        if_alive = prob_purchases(
            count[first], ahead[first], self.r + history.frequency[first], alpha[first], self.s, beta[first]
        )
        probability: Floats = np.where(count == 0, expit(log_odds), 0.0) + expit(-log_odds) * if_alive[place]
        return np.minimum(probability, 1.0)

    def prob_purchases_new(self, n: ArrayLike, horizon: ArrayLike) -> FloatOrArray:
        """Probability that a new customer makes exactly n purchases after his first, within a horizon from it.

        Parameters
        ----------
        n : array_like
            Number of purchases, a whole number >= 0.
        horizon : array_like
            Length of the future [time_unit], >= 0.

        Returns
        -------
        float or ndarray
            Probability, shape of `n` and `horizon` broadcast.

        Raises
        ------
        InputError
            If `n` is no whole number >= 0 or `horizon` is below 0.

        Examples
        --------
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> model.prob_purchases_new([0, 1, 2], 52).round(3)
        array([0.574, 0.161, 0.082])
        """
        as_floats(n=n, horizon=horizon)
        count, ahead = np.broadcast_arrays(as_n(n), as_horizon("horizon", horizon))
        r, alpha, beta = (np.full(count.size, value) for value in (self.r, self.alpha, self.beta))
        chance = prob_purchases(count.ravel(), ahead.ravel(), r, alpha, self.s, beta)
        probability: FloatOrArray = chance.reshape(count.shape)[()]
        return probability

    def discounted_expected_purchases(
        self, history: PurchaseHistory, *, discount_rate: ArrayLike, horizon: ArrayLike | None = None
    ) -> Floats:
        r"""Purchases expected of each customer, each discounted to the end of observation.

        Parameters
        ----------
        history : PurchaseHistory
            Customers, in the model's time unit.
        discount_rate : float
            Effective discount rate per `time_unit` of the model, >= 0: a purchase after time u counts (1 + rate)^-u. A
            yearly rate is converted with :func:`crmvalue.ltv.convert_rate`.
        horizon : array_like, optional
            Length of the future [time_unit], >= 0, a scalar or one for each customer; for life by default.

        Returns
        -------
        ndarray
            Discounted number of purchases, shape (n,).

        Raises
        ------
        InputError
            If the sum for life is infinite: without a discount where s <= 1.

        Examples
        --------
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> known = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
        >>> model.discounted_expected_purchases(known, discount_rate=0.002).round(3)
        array([7.759])
        """
        alive = self.prob_alive(history)
        rate = self._discount(discount_rate, for_life=horizon is None)
        alpha, beta = (scale + history.age for scale in self._scales(history))
        if horizon is None:
            first, place, _ = distinct_keys(row_keys(beta))
            time = discounted_time(rate, self.s, beta[first], None)[place]
        else:
            ahead = per_customer("horizon", as_horizon("horizon", horizon), len(history))
            first, place, _ = distinct_keys(row_keys(beta, ahead))
            time = discounted_time(rate, self.s, beta[first], ahead[first])[place]
        found: Floats = alive * ((self.r + history.frequency) / alpha) * time
        return found

    def discounted_expected_purchases_new(
        self, discount_rate: ArrayLike, horizon: ArrayLike | None = None
    ) -> FloatOrArray:
        """Purchases expected of a new customer after his first, each discounted to the first.

        Parameters
        ----------
        discount_rate : float
            Effective discount rate per `time_unit` of the model, >= 0.
        horizon : array_like, optional
            Length of the future [time_unit], >= 0; for life by default.

        Returns
        -------
        float or ndarray
            Discounted number of purchases, shape of `horizon`.

        Raises
        ------
        InputError
            If the sum for life is infinite: without a discount where s <= 1.

        Examples
        --------
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> float(round(model.discounted_expected_purchases_new(0.002, horizon=52), 3))
        1.411
        """
        rate = self._discount(discount_rate, for_life=horizon is None)
        pace = self.r / self.alpha
        if horizon is None:
            return np.float64(pace * discounted_time(rate, self.s, np.array([self.beta]), None)[0])
        ahead = as_horizon("horizon", horizon)
        time = discounted_time(rate, self.s, np.full(ahead.size, self.beta), ahead.ravel())
        found: FloatOrArray = (pace * time).reshape(ahead.shape)[()]
        return found

    def simulate(
        self, ages: ArrayLike, *, rng: np.random.Generator, covariates: Mapping[str, ArrayLike] | None = None
    ) -> PurchaseHistory:
        """Draw customers and what they buy, in continuous time.

        Parameters
        ----------
        ages : array_like
            Time from the first purchase of each customer to the end of observation [time_unit], >= 0, shape (n,).
        rng : numpy.random.Generator
            Source of randomness.
        covariates : mapping of str to array_like, optional
            For a model with effects: the covariates of each customer by name, numbers or columns of shape (n,). They
            become those of the history.

        Returns
        -------
        PurchaseHistory
            One row for each customer, times not rounded.

        Raises
        ------
        InputError
            If an age is below 0 or `rng` is no generator.

        Examples
        --------
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> drawn = model.simulate([52.0] * 1000, rng=np.random.default_rng(1))
        >>> drawn.n_customers, drawn.time_unit
        (1000, 'week')
        """
        age = as_column("ages", ages)
        require(age >= 0, "ages", age, ">= 0")
        rng, n = as_rng(rng), len(age)
        columns = read_covariates(self, covariates or {}, n)
        rate = rng.gamma(self.r, 1.0, n) / self.alpha * factors_for(self.purchase_effects, columns)
        leaving = rng.gamma(self.s, 1.0, n) / self.beta * factors_for(self.dropout_effects, columns)
        patience = rng.standard_exponential(n)
        lifetime = np.divide(patience, leaving, out=np.full(n, np.inf), where=leaving * age > 1e-300)
        active = np.minimum(age, lifetime)
        x = rng.poisson(np.minimum(rate * active, 1e15)).astype(np.float64)
        # The last of x points that are uniform on (0, active) is active times the x-th root of a uniform number.
        root = np.exp(-rng.standard_exponential(n) / np.maximum(x, 1.0))
        x[active * root < 1e-100] = 0.0  # closer to the first purchase than a history can hold
        recency = np.where(x > 0, active * root, 0.0)
        drawn = PurchaseHistory(frequency=x, recency=recency, age=age, time_unit=self.time_unit)
        return drawn.with_covariates(columns) if columns else drawn

    def for_covariates(self, covariates: Mapping[str, float]) -> ParetoNbd:
        """Give the model of customers whose covariates are known: the same without effects.

        Parameters
        ----------
        covariates : mapping of str to float
            A value for each covariate of the model.

        Returns
        -------
        ParetoNbd
            What such customers have in common, ready for the methods about newcomers.

        Raises
        ------
        InputError
            If a covariate is missing, unknown or no number.

        Examples
        --------
        >>> from crmvalue.models import CovariateEffect
        >>> member = CovariateEffect("is_member", -0.5)
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week", dropout_effects=[member])
        >>> model.for_covariates({"is_member": 1})
        ParetoNbd(r=0.553, alpha=10.58, s=0.606, beta=19.24..., time_unit='week')
        """
        columns = read_covariates(self, covariates)
        purchase, dropout = (float(factors_for(of, columns)) for of in (self.purchase_effects, self.dropout_effects))
        return ParetoNbd(self.r, self.alpha / purchase, self.s, self.beta / dropout, self.time_unit)

    def to_json(self) -> str:
        """Write the parameters as JSON text.

        Returns
        -------
        str
            A JSON object of the parameters and the name of the model.

        Examples
        --------
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> model.to_json()
        '{"model": "ParetoNbd", "r": 0.553, "alpha": 10.58, "s": 0.606, "beta": 11.67, "time_unit": "week"}'
        """
        return json_with_effects(self)

    @classmethod
    def from_json(cls, text: str) -> ParetoNbd:
        """Read what :meth:`to_json` wrote, and check it.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        ParetoNbd
            The model.

        Raises
        ------
        InputError
            If the text is of another model or a parameter is outside its range.

        Examples
        --------
        >>> model = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> ParetoNbd.from_json(model.to_json()) == model
        True
        """
        model: ParetoNbd = model_with_effects_from_json(cls, text)
        return model

    def _scales(self, history: PurchaseHistory) -> tuple[Floats | float, Floats | float]:
        """Alpha and beta: one for all, or of each customer where covariates act on them."""
        purchase, dropout = factors(self.purchase_effects, history), factors(self.dropout_effects, history)
        return self.alpha / purchase, self.beta / dropout

    def _of_rows(self, function: Callable[..., Floats], history: PurchaseHistory) -> Floats:
        """Compute a function of the history and the parameters once for each distinct row."""
        check_history(history, self.time_unit)
        columns = (history.frequency, history.recency, history.age)
        alphas, betas = (np.asarray(scale) for scale in self._scales(history))
        first, place, _ = distinct_keys(row_keys(*columns, *(scale for scale in (alphas, betas) if scale.ndim)))
        alpha, beta = (np.broadcast_to(scale, history.age.shape)[first] for scale in (alphas, betas))
        each: Floats = function(*(column[first] for column in columns), self.r, alpha, self.s, beta)[place]
        return each

    def _log_died_to_alive(self, history: PurchaseHistory) -> Floats:
        return self._of_rows(log_died_to_alive, history)

    def _discount(self, discount_rate: ArrayLike, *, for_life: bool) -> float:
        rate = math.log1p(as_positive("discount_rate", discount_rate, zero=True))
        if for_life and rate == 0 and self.s <= 1:
            raise InputError(
                "discount_rate", "> 0 for a whole life where s <= 1", 0.0,
                hint="the sum is infinite: give a rate or a horizon",
            )  # fmt: skip
        return rate


def fit_pareto_nbd(
    history: PurchaseHistory,
    *,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[ParetoNbd] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
) -> Fit[ParetoNbd]:
    """Fit the Pareto/NBD by maximum likelihood, or to the mode of the posterior where priors are given.

    Parameters
    ----------
    history : PurchaseHistory
        Customers; at least one.
    priors : mapping of str to (float, float), optional
        For some of "r", "alpha" [time_unit], "s", "beta" [time_unit]: median and log-scale standard deviation of a
        log-normal prior.
    starts : sequence of ParetoNbd, optional
        Where to start the search; by default a start made from the data, and more where its result is in doubt.
    purchase_covariates, dropout_covariates : sequence of str, optional
        Covariates of the history that act on the rate of purchases, or of leaving. They are standardised, and the fit
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

    Notes
    -----
    s and beta are often hard to tell apart: a ridge of pairs with nearly the same s / beta gives nearly the same
    likelihood. Look at their standard errors before reading anything into them; predictions suffer far less.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.purchases import split_purchases
    >>> log = load_cdnow()
    >>> split = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
    >>> found = fit_pareto_nbd(split.calibration)
    >>> round(found.log_likelihood, 2), found.diagnosis.trustworthy
    (-9594.98, True)
    """
    rows = check_history(history).unique()
    check_starts(starts, ParetoNbd, history.time_unit)
    if purchase_covariates or dropout_covariates:
        process = Process(_PARAMETERS.names, ("alpha", "beta"), (0, -1), _derivatives)
        plain = fit_pareto_nbd(history)
        return fit_with_covariates(
            process, ParetoNbd, history, purchase_covariates, dropout_covariates, plain, priors, starts
        )
    likelihood = _Likelihood(rows)
    scale = np.array((1.0, likelihood.ruler, 1.0, likelihood.ruler))
    given = [np.log(np.array((model.r, model.alpha, model.s, model.beta)) / scale) for model in starts or ()]
    first, *more = likelihood.starts()
    scaled = _scale_priors(read_priors(priors, _PARAMETERS), 1.0 / likelihood.ruler)
    estimates, covariance, value, diagnosis, checked = fit_parameters(
        likelihood, _PARAMETERS, given or [first], more_starts=more, priors=scaled
    )
    estimates = estimates * scale
    r, alpha, s, beta = estimates.tolist()
    return Fit(
        model=ParetoNbd(r, alpha, s, beta, history.time_unit),
        log_likelihood=value,
        n_customers=len(history),
        names=_PARAMETERS.names,
        estimates=estimates,
        search_covariance=covariance,
        positive=_PARAMETERS.positive,
        diagnosis=diagnosis,
        priors=_scale_priors(checked, likelihood.ruler),
    )


def _derivatives(x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, s: Floats, beta: Floats) -> Derivatives:
    return log_likelihood_derivatives(x, t_x, age, r, alpha, float(s[0]), beta)  # s is the same for all


class _Likelihood:
    """Log-likelihood of weighted rows as a function of the logarithms of r, alpha / ruler, s, beta / ruler.

    Times are measured by `ruler`, the mean age, so that the search is the same in every time unit.
    """

    def __init__(self, rows: UniquePurchases) -> None:
        self.weight = rows.weight.astype(np.float64)
        n_customers = float(self.weight.sum())
        self.n_repeat = float((self.weight * rows.frequency).sum())
        self.pace = max(self.n_repeat / n_customers, 1e-3)  # repeat purchases in a mean age
        self.ruler = float((self.weight * (rows.age / n_customers)).sum()) or 1.0
        self.x, self.t_x, self.age = rows.frequency, rows.recency / self.ruler, rows.age / self.ruler

    def __call__(self, theta: Floats) -> Evaluation:
        r, alpha, s, beta = np.exp(theta).tolist()
        value, gradient, hessian = -self.n_repeat * math.log(self.ruler), np.zeros(4), np.zeros((4, 4))
        for start in range(0, len(self.x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            x, weight = self.x[rows], self.weight[rows]
            alphas, betas = np.full(len(x), alpha), np.full(len(x), beta)
            at = log_likelihood_derivatives(x, self.t_x[rows], self.age[rows], r, alphas, s, betas)
            value += float((weight * at.value).sum())
            gradient += (weight * at.gradient).sum(axis=-1)
            hessian += (weight * at.hessian).sum(axis=-1)
        return Evaluation(value, gradient, hessian)

    def starts(self) -> list[Floats]:
        """Points to search from; the first is good for most bases, the others for what is left."""
        pace = self.pace
        points = [
            (0.7, 0.5 / pace, 0.6, 0.5),
            (1.0, 1.0 / pace, 0.3, 1.0),
            (1.0, 0.5 / pace, 3.0, 3.0),
            (0.2, 0.2 / pace, 0.05, 0.1),
            (5.0, 3.0 / pace, 1.0, 0.1),
            (50.0, 30.0 / pace, 9.0, 30.0),
            (2.0, 1.0 / pace, 0.25, 0.005),
        ]
        return [np.log(np.array(point)) for point in points]


def _scale_priors(priors: Mapping[str, tuple[float, float]], factor: float) -> dict[str, tuple[float, float]]:
    """Measure the priors of alpha and beta by another ruler."""
    scaled = dict(priors)
    for name in ("alpha", "beta"):
        if name in scaled:
            median, spread = scaled[name]
            scaled[name] = (median * factor, spread)
    return scaled
