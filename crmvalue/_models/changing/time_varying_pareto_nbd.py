"""Pareto/NBD with covariates of single customers that change in time: the model, its predictions and its fit.

Source: Bachmann, Meierer, Naef (2021), "The role of time-varying contextual factors in latent attrition models for
customer base analysis", Marketing Science 40.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from crmvalue._core.checks import as_positive, as_text, require
from crmvalue._core.per_customer import beside
from crmvalue._models.changing.likelihood import (
    Clock,
    Likelihood,
    Standing,
    design,
    design_of_purchases,
    log_likelihood,
    standing,
)
from crmvalue._models.changing.pieces import as_it_is, cut, part_of
from crmvalue._models.changing.predictions import Futures, ProcessOfKnown
from crmvalue._models.changing.time_varying_history import TimeVaryingHistory
from crmvalue._models.repeat.pareto_nbd import fit_pareto_nbd
from crmvalue._models.repeat.pareto_nbd_predictions import discounted_time
from crmvalue._models.shared.common import as_horizon, as_n, as_rng, per_customer, positive_field, time_unit_field
from crmvalue._models.shared.covariate_fit import fit_effects, standardise
from crmvalue._models.shared.covariates import CovariateEffect, effects_field, with_estimates
from crmvalue._models.shared.fit import Fit, has_priors, read_starts, register
from crmvalue._models.shared.model import Model
from crmvalue._models.shared.process import Past
from crmvalue._models.shared.purchase_fit import CUSTOMERS_TO_GRADE, grade_by
from crmvalue._models.shared.purchase_model import Kind
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crmvalue.purchases import TimeUnit
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["TimeVaryingParetoNbd", "fit_time_varying_pareto_nbd"]

_MOST_EXPECTED = 1e15  # purchases of one simulated customer in one period
_LARGEST = 200.0  # of the exponent: a factor of exp(200) is no longer an effect
_KIND = Kind(names=("r", "alpha", "s", "beta"), times=("alpha", "beta"), signs=(0, -1, 0, -1))


@register
@attrs.frozen
class TimeVaryingParetoNbd(Model):
    r"""Pareto/NBD with time-varying covariates, with given parameters, ready to predict.

    As :class:`crmvalue.models.ParetoNbd`, but the covariates of a customer may change from period to period. At each
    moment the rate of purchases and the rate of leaving are multiplied by factors of the covariates of that moment.

    Parameters
    ----------
    r, alpha : float
        Shape and rate [time_unit] of the gamma distribution of purchase rates, > 0.
    s, beta : float
        Shape and rate [time_unit] of the gamma distribution of the rates of leaving, > 0.
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of alpha, beta and of every time given to the model.
    purchase_effects, dropout_effects : tuple of CovariateEffect, optional
        Effects of covariates: a covariate z has the factor exp(coefficient (z - centre) / scale), and the factors of
        several covariates are multiplied.

    Raises
    ------
    InputError
        If a parameter is not above 0 or the unit is not in this list.

    Notes
    -----
    Bachmann, Meierer and Naef (2021). The lifetime is integrated period by period. Compared with integrals at 50
    digits, log-likelihoods and predictions agree to 1e-10 of their size, for r and s from 0.01 to 20 and alpha and beta
    from 0.01 to 10,000. With covariates that do not change it is the Pareto/NBD with the same effects.

    Examples
    --------
    >>> model = TimeVaryingParetoNbd(0.8, 10.0, 0.6, 11.0, "week", purchase_effects=[CovariateEffect("discount", 3.0)])
    >>> history = TimeVaryingHistory(
    ...     customer=["ann", "bob"], frequency=[1, 0], recency=[2.5, 0.0], age=[10.0, 10.0],
    ...     n_periods=[3, 2], period_end=[2.0, 4.0, 14.0, 12.0, 14.0], covariate_names=["discount"],
    ...     covariate_values=[[0.0], [0.2], [0.0], [0.0], [0.2]], purchase_totals=[[0.2], [0.0]], time_unit="week",
    ... )  # fmt: skip
    >>> model.prob_alive(history).round(3)
    array([0.677, 0.608])
    >>> model.expected_purchases(history, horizon=4.0).round(3)
    array([0.213, 0.129])
    """

    r: float = positive_field("r")
    alpha: float = positive_field("alpha")
    s: float = positive_field("s")
    beta: float = positive_field("beta")
    time_unit: TimeUnit = time_unit_field()
    purchase_effects: tuple[CovariateEffect, ...] = effects_field("purchase_effects")
    dropout_effects: tuple[CovariateEffect, ...] = effects_field("dropout_effects")

    _elsewhere: ClassVar[str | None] = (
        "its customers need covariates: its own methods take a TimeVaryingHistory, and compare_models, proper_scores, "
        "probability_integral_transform, calibration_by_frequency and customer_values take one as `time_varying`; "
        "elsewhere take fit_pareto_nbd with covariates that do not change"
    )

    @np.errstate(under="ignore")
    def log_likelihood(self, history: TimeVaryingHistory) -> Floats:
        """Log-likelihood of each customer.

        Parameters
        ----------
        history : TimeVaryingHistory
            Customers with the covariates of the model.

        Returns
        -------
        ndarray
            Natural logarithm of the density of each customer's purchases, shape (n,).

        Raises
        ------
        InputError
            If the history is measured in another unit or lacks a covariate.

        Examples
        --------
        >>> model = TimeVaryingParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> history = TimeVaryingHistory(
        ...     customer=[1], frequency=[2], recency=[30.43], age=[38.86], n_periods=[1], period_end=[40.0],
        ...     covariate_names=["z"], covariate_values=[[1.0]], purchase_totals=[[2.0]], time_unit="week",
        ... )  # fmt: skip
        >>> model.log_likelihood(history).round(4)
        array([-9.5542])
        """
        clocks, now = self._standing(history)
        bought = self._coefficients(self.purchase_effects) @ design_of_purchases(history, self.purchase_effects)
        return log_likelihood(history.frequency, bought, (self.r, self.alpha, self.s, self.beta), now, clocks)

    @np.errstate(under="ignore")
    def prob_alive(self, history: TimeVaryingHistory, *, at: ArrayLike = 0.0) -> Floats:
        """Probability that each customer is still alive.

        Parameters
        ----------
        history : TimeVaryingHistory
            Customers with the covariates of the model; where `at` is above 0, also those of that future. A column of
            pandas beside them whose index holds identifiers is brought into their order.
        at : array_like, optional
            Time after the end of observation, >= 0 [time_unit]; one number or one for each customer.

        Returns
        -------
        ndarray
            Probabilities, shape (n,).

        Raises
        ------
        InputError
            If the history is measured in another unit, lacks a covariate, or ends before `at`, or `at` is below 0.

        Examples
        --------
        See :class:`TimeVaryingParetoNbd`.
        """
        from scipy.special import expit

        ahead = self._as_ahead("at", at, history)
        (_, dropout), now = self._standing(history)
        future = cut(history, history.age, history.age + ahead)
        stay = -self.s * np.log1p(future.totals(dropout.factor) / dropout.at_age)
        found: Floats = expit(-now.log_odds) * np.exp(stay)
        return found

    def expected_purchases(self, history: TimeVaryingHistory, *, horizon: ArrayLike) -> Floats:
        """Give the expected number of purchases of each customer after the end of observation.

        Parameters
        ----------
        history : TimeVaryingHistory
            Customers with the covariates of the model, those of the future included. A column of pandas beside them
            whose index holds identifiers is brought into their order.
        horizon : array_like
            Length of the future, >= 0 [time_unit]; one number or one for each customer.

        Returns
        -------
        ndarray
            Purchases, shape (n,).

        Raises
        ------
        InputError
            If the history is measured in another unit, lacks a covariate, or ends before the horizon, or `horizon` is
            below 0.

        Examples
        --------
        See :class:`TimeVaryingParetoNbd`.
        """
        return self.discounted_expected_purchases(history, discount_rate=0.0, horizon=horizon)

    @np.errstate(under="ignore")
    def discounted_expected_purchases(
        self, history: TimeVaryingHistory, *, discount_rate: ArrayLike, horizon: ArrayLike
    ) -> Floats:
        """Sum the expected purchases of each customer, those further away counting less.

        Parameters
        ----------
        history : TimeVaryingHistory
            Customers with the covariates of the model, those of the future included. A column of pandas beside them
            whose index holds identifiers is brought into their order.
        discount_rate : float
            Effective rate d per `time_unit`, >= 0; a purchase at the time s ahead counts (1 + d)^-s.
        horizon : array_like
            Length of the future, >= 0 [time_unit]; one number or one for each customer. It cannot be for life, since no
            covariates are known for life.

        Returns
        -------
        ndarray
            Discounted purchases, shape (n,).

        Raises
        ------
        InputError
            As for :meth:`expected_purchases`, or if the rate is below 0.

        Examples
        --------
        >>> model = TimeVaryingParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> history = TimeVaryingHistory(
        ...     customer=[1], frequency=[2], recency=[30.43], age=[38.86], n_periods=[1], period_end=[91.0],
        ...     covariate_names=["z"], covariate_values=[[1.0]], purchase_totals=[[2.0]], time_unit="week",
        ... )  # fmt: skip
        >>> model.discounted_expected_purchases(history, discount_rate=0.002, horizon=52).round(3)
        array([1.764])
        """
        from scipy.special import expit

        force = math.log1p(as_positive("discount_rate", discount_rate, zero=True))
        ahead = self._as_ahead("horizon", horizon, history)
        (purchase, dropout), now = self._standing(history)
        future = cut(history, history.age, history.age + ahead)
        own = dropout.factor[future.period]
        level = future.levels(dropout.at_age, dropout.factor)
        stay = -self.s * np.log(level / dropout.at_age[future.owner]) - force * future.since
        time = discounted_time(force, self.s, level / own, future.length)
        weighed = purchase.factor[future.period] * np.exp(stay) * time
        rate = (self.r + history.frequency) / purchase.at_age
        found: Floats = expit(-now.log_odds) * rate * np.bincount(future.owner, weighed, minlength=len(history))
        return found

    @np.errstate(under="ignore")
    def prob_purchases(self, history: TimeVaryingHistory, n: ArrayLike, *, horizon: ArrayLike) -> Floats:
        """Probability that each customer purchases exactly `n` times after the end of observation.

        Parameters
        ----------
        history : TimeVaryingHistory
            Customers with the covariates of the model, those of the future included. A column of pandas beside them
            whose index holds identifiers is brought into their order.
        n : array_like
            Number of purchases, whole, >= 0; one number or one for each customer.
        horizon : array_like
            Length of the future, >= 0 [time_unit]; one number or one for each customer.

        Returns
        -------
        ndarray
            Probabilities, shape (n,).

        Raises
        ------
        InputError
            As for :meth:`expected_purchases`, or if `n` is no whole number >= 0.

        Notes
        -----
        Of a customer who is alive, the purchases up to a moment of leaving have a negative binomial distribution, in
        the time that the clock of purchases has run. This is integrated over that moment, period by period.

        Examples
        --------
        >>> model = TimeVaryingParetoNbd(0.553, 10.58, 0.606, 11.67, "week")
        >>> history = TimeVaryingHistory(
        ...     customer=[1], frequency=[2], recency=[30.43], age=[38.86], n_periods=[1], period_end=[91.0],
        ...     covariate_names=["z"], covariate_values=[[1.0]], purchase_totals=[[2.0]], time_unit="week",
        ... )  # fmt: skip
        >>> model.prob_purchases(history, 0, horizon=52).round(3)
        array([0.368])
        """
        ahead = self._as_ahead("horizon", horizon, history)
        count = per_customer("n", as_n(beside(history, "n", n)), len(history))
        past = Past(history.frequency, history.recency, history.age)
        return self._process(history).prob_purchases(past, ahead, count)

    @np.errstate(under="ignore")
    def simulate(self, history: TimeVaryingHistory, *, rng: np.random.Generator) -> TimeVaryingHistory:
        """Draw new customers with the ages and covariates of others, and what each has bought up to that age.

        Parameters
        ----------
        history : TimeVaryingHistory
            Customers with the covariates of the model. Their purchases play no part.
        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        TimeVaryingHistory
            The same customers, ages and covariates with drawn purchases.

        Raises
        ------
        InputError
            If the history is measured in another unit or lacks a covariate, or `rng` is no generator.

        Examples
        --------
        >>> model = TimeVaryingParetoNbd(0.8, 10.0, 0.6, 11.0, "week", purchase_effects=[CovariateEffect("z", 1.0)])
        >>> nothing = TimeVaryingHistory(
        ...     customer=range(1000), frequency=[0] * 1000, recency=[0] * 1000, age=[26] * 1000, n_periods=[2] * 1000,
        ...     period_end=[13, 26] * 1000, covariate_names=["z"], covariate_values=[[0.0], [1.0]] * 1000,
        ...     purchase_totals=[[0.0]] * 1000, time_unit="week",
        ... )  # fmt: skip
        >>> drawn = model.simulate(nothing, rng=np.random.default_rng(1))
        >>> print(drawn.frequency.mean().round(1), drawn.purchase_totals.mean().round(1))
        2.4 1.6
        """
        _check(history, self.time_unit)
        random, n = as_rng(rng), len(history)
        bought, left = (self._factors(history, effects) for effects in (self.purchase_effects, self.dropout_effects))
        rate = random.gamma(self.r, 1.0, n) / self.alpha
        leaving = random.gamma(self.s, 1.0, n) / self.beta
        past = cut(history, np.zeros(n), history.age)
        level, owner = past.levels(np.zeros(n), left), past.owner
        patience = random.standard_exponential(n)
        life = np.divide(patience, leaving, out=np.full(n, np.inf), where=leaving > patience * 1e-300)
        stay = np.clip((life[owner] - level) / left[past.period], 0.0, past.length)
        mean = rate[owner] * bought[past.period] * stay
        count = random.poisson(np.minimum(mean, _MOST_EXPECTED)).astype(np.float64)
        # The last of x points that are uniform on (0, stay) is stay times the x-th root of a uniform number.
        last = past.since + stay * np.exp(-random.standard_exponential(len(count)) / np.maximum(count, 1.0))
        count[last < 1e-100] = 0.0  # closer to the first purchase than a history can hold
        recency = np.zeros(n)
        np.maximum.at(recency, owner, np.where(count > 0, last, 0.0))
        values = history.covariate_values[past.period] * count[:, np.newaxis]
        totals = [np.bincount(owner, column, minlength=n) for column in values.T]
        return attrs.evolve(
            history,
            frequency=np.bincount(owner, count, n).astype(np.float64),
            recency=np.minimum(recency, history.age),
            purchase_totals=np.stack(totals, axis=1),
        )

    def _process(self, history: TimeVaryingHistory) -> ProcessOfKnown:
        """Mathematics of the future of each customer of a history."""
        clocks, now = self._standing(history)
        purchase, dropout = clocks
        bought = self._coefficients(self.purchase_effects) @ design_of_purchases(history, self.purchase_effects)
        parameters = (self.r, self.alpha, self.s, self.beta)
        future = cut(history, history.age, history.end_of_covariates)
        return ProcessOfKnown(
            self.r,
            self.s,
            Futures.of(future, purchase.factor, dropout.factor),
            purchase.at_age,
            dropout.at_age,
            now.log_odds,
            log_likelihood(history.frequency, bought, parameters, now, clocks),
            np.arange(len(history), dtype=np.float64),
        )

    def _standing(self, history: TimeVaryingHistory) -> tuple[tuple[Clock, Clock], Standing]:
        """Time as it passed for both processes, and what it says of having left."""
        _check(history, self.time_unit)
        before = cut(history, np.zeros(len(history)), history.recency)
        after = cut(history, history.recency, history.age)
        purchase = Clock.of(self.alpha, self._factors(history, self.purchase_effects), before, after)
        dropout = Clock.of(self.beta, self._factors(history, self.dropout_effects), before, after)
        return (purchase, dropout), standing(history.frequency, self.r, self.s, after, purchase, dropout)

    def _factors(self, history: TimeVaryingHistory, effects: tuple[CovariateEffect, ...]) -> Floats:
        for effect in effects:
            if effect.name not in history.covariate_names:
                raise InputError("history", f"with the covariate {effect.name!r} of the model", history.covariate_names)
        exponent = self._coefficients(effects) @ design(history, effects)
        rule = f"such that the effect is within exp(+-{_LARGEST:g})"
        require(np.abs(exponent) <= _LARGEST, "covariate_values", exponent, rule)
        found: Floats = np.exp(exponent)
        return found

    @staticmethod
    def _coefficients(effects: tuple[CovariateEffect, ...]) -> Floats:
        return np.array([effect.coefficient for effect in effects])

    @staticmethod
    def _as_ahead(name: str, value: ArrayLike, history: TimeVaryingHistory) -> Floats:
        """Check a length of future time, within the covariates."""
        checked = _check(history)
        ahead = per_customer(name, as_horizon(name, beside(checked, name, value)), len(checked))
        room = checked.end_of_covariates - checked.age
        require(
            ahead <= room * (1 + 1e-12), name, ahead, f"within the covariates, which end after {room.min():.6g}",
            hint="give the covariates of the future too",
        )  # fmt: skip
        return ahead


def fit_time_varying_pareto_nbd(
    history: TimeVaryingHistory,
    *,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[TimeVaryingParetoNbd | Fit[TimeVaryingParetoNbd]] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
    equal_covariates: Sequence[str] = (),
    l2: float = 0.0,
) -> Fit[TimeVaryingParetoNbd]:
    """Fit the Pareto/NBD with time-varying covariates by maximum likelihood, or to the mode under priors.

    Parameters
    ----------
    history : TimeVaryingHistory
        Customers with their covariates.
    priors : mapping of str to (float, float), optional
        For some of "r", "alpha" [time_unit], "s", "beta" [time_unit]: median and log-scale standard deviation of a
        log-normal prior; for a coefficient mean and standard deviation of a normal one.
    starts : sequence of TimeVaryingParetoNbd or Fit, optional
        Where to start the search. By default at the fit without covariates.
    purchase_covariates, dropout_covariates : sequence of str, optional
        Covariates that act on the rate of purchases, or of leaving; at least one in all. They are standardised over the
        observed time of all customers. The fit names their coefficients "purchase.discount", "dropout.discount".
    equal_covariates, l2
        As in :func:`crmvalue.models.fit_pareto_nbd`.

    Returns
    -------
    Fit
        The model with standard errors and a diagnosis. Check `diagnosis.trustworthy` before you use it.

    Raises
    ------
    InputError
        If a covariate is unknown or never differs, there is none, or a prior is for no parameter of the model.

    Notes
    -----
    A covariate that is the same for all customers at any moment, such as a season, is found from the dates of purchases
    alone. In a log of one year a season cannot be told from anything else that happened in these weeks.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> n = 300
    >>> weeks = np.arange("2024-01-01", "2024-07-01", 7, dtype="datetime64[D]")
    >>> discount = rng.integers(0, 2, (n, len(weeks)))
    >>> bought = rng.random((n, len(weeks))) < 0.05 * np.exp(1.0 * discount)
    >>> bought[:, 0] = True  # the first purchase
    >>> who, week = np.nonzero(bought)
    >>> history = TimeVaryingHistory.from_log(
    ...     who,
    ...     weeks[week] + 3,
    ...     covariates={"discount": discount.ravel()},
    ...     covariate_customer=np.repeat(np.arange(n), len(weeks)),
    ...     period_start=np.tile(weeks, n),
    ... )
    >>> fit = fit_time_varying_pareto_nbd(history, purchase_covariates=["discount"])
    >>> print(f"{fit.model.purchase_effects[0].per_unit:.1f}")  # 1.0 is true
    1.0
    """
    known = _check(history)
    columns = {
        "purchase": _names("purchase_covariates", purchase_covariates, known),
        "dropout": _names("dropout_covariates", dropout_covariates, known),
    }
    equal = _names("equal_covariates", equal_covariates, known)
    if not any(columns.values()):
        hint = "without covariates take fit_pareto_nbd of history.without_covariates()"
        raise InputError("purchase_covariates", "or `dropout_covariates`: at least one name", (), hint=hint)
    if not set(equal) <= set(columns["purchase"]) & set(columns["dropout"]):
        raise InputError("equal_covariates", "among `purchase_covariates` and `dropout_covariates`", list(equal))
    penalty = as_positive("l2", l2, zero=True)
    models = read_starts(starts, TimeVaryingParetoNbd, known.time_unit)
    has_priors(priors)
    effects = {process: tuple(_effect(name, known) for name in names) for process, names in columns.items()}
    likelihood = Likelihood(known, effects["purchase"], effects["dropout"])
    plain: Any = None if models else fit_pareto_nbd(known.without_covariates()).model
    if plain is not None:
        plain = TimeVaryingParetoNbd(plain.r, plain.alpha, plain.s, plain.beta, known.time_unit)
    fit = fit_effects(
        _KIND, likelihood, plain or models[0], effects, priors, models, n_customers=len(known),
        n_events=int(known.frequency.sum()), equal=equal, l2=penalty,
    )  # fmt: skip
    return _graded(fit, known)


def _graded(fit: Fit[TimeVaryingParetoNbd], history: TimeVaryingHistory) -> Fit[TimeVaryingParetoNbd]:
    """Grade a fit by the rule of all purchase models, as if covariates stayed as they are at the end of observation."""
    horizon = float(history.age.max())
    if not fit.diagnosis.messages or horizon == 0.0:
        return fit
    some = as_it_is(part_of(history, slice(None, None, 1 + len(history) // CUSTOMERS_TO_GRADE)), horizon)

    def total_of(values: Floats) -> float:
        model = with_estimates(fit.model, fit.names, values.tolist())
        return float(model.expected_purchases(some, horizon=horizon).sum())

    return grade_by(fit, total_of)


def _check(history: object, time_unit: str | None = None) -> TimeVaryingHistory:
    """Check that it is a history with covariates, measured in the unit of the model."""
    if not isinstance(history, TimeVaryingHistory):
        hint = "TimeVaryingHistory.from_log makes one"
        raise InputError("history", "a TimeVaryingHistory", type(history).__name__, hint=hint)
    if time_unit is not None and history.time_unit != time_unit:
        raise InputError("history", f"measured in the model's unit, {time_unit!r}", history.time_unit)
    return history


def _names(argument: str, names: Sequence[str], history: TimeVaryingHistory) -> tuple[str, ...]:
    """Check names of covariates of a history."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise InputError(argument, "a sequence of names of covariates", names)
    read = tuple(as_text(argument, name) for name in names)
    for name in read:
        if name not in history.covariate_names:
            raise InputError(argument, f"among the covariates ({', '.join(history.covariate_names)})", name)
    if len(set(read)) != len(read):
        raise InputError(argument, "each covariate once", list(read))
    return read


def _effect(name: str, history: TimeVaryingHistory) -> CovariateEffect:
    """Give a covariate its centre and scale over the observed time of all customers."""
    observed = cut(history, np.zeros(len(history)), history.age)
    if not len(observed.period):
        raise InputError("history", "of customers who were observed after their first purchase", "ages of 0")
    column = history.covariate_values[observed.period, history.covariate_names.index(name)]
    return CovariateEffect(name, 0.0, *standardise(name, column, observed.length))
