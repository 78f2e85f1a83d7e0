"""Pareto/NBD: customers buy at random until they leave unseen, at any time.

A customer buys as a Poisson process with a rate of their own. Their lifetime is exponential with a leaving rate of
their own. Over customers, the rates of purchase are gamma(r, alpha) and the rates of leaving gamma(s, beta),
independent of each other. Times are in the `time_unit` of the model, rates in its inverse.

For a customer who is alive at the end of observation, the rates are gamma(r + x, alpha + T) and gamma(s, beta + T). So
predictions given that a customer is alive follow from x and T. The time of the last purchase matters only for the
probability to be alive.

Source: Schmittlein, Morrison, Colombo (1987), "Counting your customers: who are they and what will they do next?",
Management Science 33. The notes of Fader and Hardie give numbers to compare with. Where a customer can leave only at a
purchase see :mod:`crmvalue._models.repeat.bg_nbd`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from crmvalue._core.encoding.keys import distinct_keys, row_keys
from crmvalue._models.repeat.nbd_likelihood import Likelihood as NbdLikelihood
from crmvalue._models.repeat.pareto_nbd_likelihood import log_died_to_alive, log_likelihood, log_likelihood_derivatives
from crmvalue._models.repeat.pareto_nbd_predictions import (
    discounted_time,
    prob_at_least,
    prob_purchases,
    tails_of_purchases,
    time_as_customer,
)
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.common import positive_field, time_unit_field
from crmvalue._models.shared.covariates import CovariateEffect, effects_field
from crmvalue._models.shared.fit import Derivatives, Fit, register
from crmvalue._models.shared.process import ContinuousProcess, Future, Past
from crmvalue._models.shared.purchase_fit import Search, fit_purchases
from crmvalue._models.shared.purchase_model import ContinuousModel, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crmvalue.purchases import PurchaseHistory, TimeUnit, UniquePurchases
    from crmvalue.typing import Floats, Integers

__all__ = ["SEARCH", "ParetoNbd", "ParetoNbdProcess", "fit_pareto_nbd"]

_BLOCK = 1 << 13  # rows at a time: temporaries stay in the cache
_GAIN = 1e-3  # in log-likelihood: less than a better mixture has to promise
_RATES = (0.0, *np.geomspace(1e-3, 316.0, 12).tolist())  # of leaving, in a mean age
_ALL_ALIKE = 1e3  # a shape of the gamma distribution at which the rates of all customers are nearly the same
_MOST = 600.0  # the largest logarithm that is raised
_MOST_EXPECTED = 1e15  # purchases of one simulated customer
_KIND = Kind(names=("r", "alpha", "s", "beta"), times=("alpha", "beta"), signs=(0, -1, 0, -1))


@attrs.frozen
class ParetoNbdProcess(ContinuousProcess):
    """Parameters of both processes: purchases gamma(r, alpha), leaving gamma(s, beta)."""

    r: float
    alpha: Floats | float
    s: float
    beta: Floats | float

    tail_in_closed_form: ClassVar[bool] = True

    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-likelihood of each row."""
        alpha, beta = (np.full(x.shape, scale) for scale in (self.alpha, self.beta))
        return log_likelihood(x, t_x, age, self.r, alpha, self.s, beta)

    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability to be alive, and to be lost."""
        from scipy.special import expit

        alpha, beta = (np.full(x.shape, scale) for scale in (self.alpha, self.beta))
        log_odds = log_died_to_alive(x, t_x, age, self.r, alpha, self.s, beta)
        return expit(-log_odds), expit(log_odds)

    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Probability not to leave."""
        found: Floats = np.exp(-self.s * np.log1p(ahead / (self.beta + past.age)))
        return found

    def purchases(self, past: Past, ahead: Floats) -> Floats:
        r"""Purchases at the mean rate: (r+x)/(alpha+T) times the integral of ((beta+T)/(beta+T+u))^s over u."""
        return self._rate(past) * time_as_customer(self.s, self.beta + past.age, ahead)

    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Purchases at the mean rate over the discounted time as a customer, which does not depend on x."""
        beta = self.beta + past.age
        life = bool(np.isinf(ahead).all())
        first, place, _ = distinct_keys(row_keys(beta) if life else row_keys(beta, ahead))
        time = discounted_time(force, self.s, beta[first], None if life else ahead[first])
        return self._rate(past) * time[place]

    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases before leaving or the end."""
        return prob_purchases(n, ahead, self.r + past.x, self.alpha + past.age, self.s, self.beta + past.age)

    def tails(self, past: Past, ahead: Floats) -> Iterator[Floats]:
        """Purchases before leaving or the end."""
        beta = self.beta + past.age
        for tail in tails_of_purchases(ahead, self.r + past.x, self.alpha + past.age, self.s, beta):
            yield tail[np.newaxis]

    def tail(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Give the chance that the n-th purchase takes place before leaving."""
        alpha, beta = self.alpha + past.age, self.beta + past.age
        return prob_at_least(n, ahead, self.r + past.x, alpha, self.s, beta)[np.newaxis]

    def shape_of_counts(self, past: Past) -> tuple[float, Floats]:
        """Give the shape of the rate of purchases."""
        return 1.0, self.r + past.x

    def simulate(self, age: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw a Poisson process until an exponential lifetime."""
        n = len(age)
        rate = rng.gamma(self.r, 1.0, n) / self.alpha
        leaving = rng.gamma(self.s, 1.0, n) / self.beta
        patience = rng.standard_exponential(n)
        lifetime = np.divide(patience, leaving, out=np.full(n, np.inf), where=leaving * age > 1e-300)
        active = np.minimum(age, lifetime)
        x = rng.poisson(np.minimum(rate * active, _MOST_EXPECTED)).astype(np.float64)
        # The last of x points that are uniform on (0, active) is active times the x-th root of a uniform number.
        root = np.exp(-rng.standard_exponential(n) / np.maximum(x, 1.0))
        x[active * root < 1e-100] = 0.0  # closer to the first purchase than a history can hold
        return x, np.where(x > 0, active * root, 0.0)

    def draw_future(self, past: Past, owner: Integers, end: float, rng: np.random.Generator) -> Future:
        """Draw futures; a customer leaves between purchases."""
        n = len(owner)
        rate = rng.standard_gamma((self.r + past.x)[owner]) / (self.alpha + past.age)[owner]
        leaving = rng.standard_gamma(self.s, n) / (self.beta + past.age)[owner]
        patience = rng.standard_exponential(n)
        stay = np.divide(patience, leaving, out=np.full(n, end), where=leaving * end > patience)
        n_before = rng.poisson(np.minimum(rate * stay, _MOST_EXPECTED)).astype(np.float64)
        return Future(stay, n_before, np.zeros(n))

    def _rate(self, past: Past) -> Floats:
        rate: Floats = (self.r + past.x) / (self.alpha + past.age)
        return rate


@register
@attrs.frozen(repr=False)
class ParetoNbd(ContinuousModel):
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
        Effects of covariates. A covariate z has the factor f = exp(coefficient (z - centre) / scale); the factors of
        several covariates are multiplied. A factor multiplies the rate of its process: alpha becomes alpha / f, or beta
        becomes beta / f. A model with effects needs histories with these covariates. Its methods for newcomers predict
        for customers whose covariates are at the centre; :meth:`for_covariates` gives the model of others.

    Raises
    ------
    InputError
        If a parameter is not above 0 or the unit is not in this list.

    Notes
    -----
    Compared with integrals at 50 digits, log-likelihoods agree to 1e-12 and predictions to 1e-10 of their size. This
    holds for r and s from 0.01 to 20, alpha and beta from 0.01 to 10,000, up to 5,000 purchases in 5,000 units, and
    horizons up to 10,000. A probability below 1e-300 may come out as 0.

    Examples
    --------
    >>> from crmvalue.purchases import PurchaseHistory
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

    _kind: ClassVar[Kind] = _KIND
    _nested_in: ClassVar[tuple[str, ...]] = ("GgompertzNbd", "TimeVaryingParetoNbd")

    def _with(self, parameters: dict[str, Any]) -> ParetoNbdProcess:
        return ParetoNbdProcess(**parameters)

    def _require_end(self) -> None:
        if self.s <= 1:
            super()._require_end()


def fit_pareto_nbd(
    history: PurchaseHistory | UniquePurchases,
    *,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[ParetoNbd | Fit[ParetoNbd]] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
    equal_covariates: Sequence[str] = (),
    l2: float = 0.0,
) -> Fit[ParetoNbd]:
    """Fit the Pareto/NBD by maximum likelihood, or to the mode of the posterior where priors are given.

    Parameters
    ----------
    history : PurchaseHistory or UniquePurchases
        Customers; at least one. Distinct rows with weights
        are enough for a fit without covariates.
    priors : mapping of str to (float, float), optional
        For some of "r", "alpha" [time_unit], "s", "beta" [time_unit]: median and log-scale standard deviation of a
        log-normal prior.
    starts : sequence of ParetoNbd or Fit, optional
        Where to start the search: models, or fits of them. By default the data give a start, and more starts are tried
        if the result is in doubt.
    purchase_covariates, dropout_covariates : sequence of str, optional
        Covariates of the history that act on the rate of purchases, or of leaving. They are standardised. The fit names
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

    Notes
    -----
    The data often hardly separate s from beta: pairs with nearly the same s / beta have nearly the same likelihood.
    Look at their standard errors before you interpret them. Predictions are affected far less.

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
        """Points to search from; NaN stands for where the first search ended.

        The first is good for most bases. The second is the end where nobody leaves. Where another peak is higher,
        mostly few customers leave at once.
        """
        pace = self.pace
        points = [
            (0.7, 0.5 / pace, 0.6, 0.5),
            (math.nan, math.nan, 1e-5, 1e6),
            (math.nan, math.nan, 0.05, 0.005),
            (2.0, 1.0 / pace, 0.25, 0.005),
            (math.nan, math.nan, 0.3, 3.0),
            (1.0, 1.0 / pace, 0.3, 1.0),
            (0.2, 0.2 / pace, 0.05, 0.1),
        ]
        return [np.log(np.array(point)) for point in points]

    def is_best_mixture(self, theta: Floats) -> bool:
        """Whether at r and alpha of `theta` no other mixture of rates of leaving is noticeably likelier.

        The log-likelihood is concave in the mixture. So if it does not grow towards any one rate that is the same for
        all, no mixture is likelier. The growth is the mean of likelihood ratios, minus 1, times the customers.
        """
        r, alpha, s, beta = np.exp(theta).tolist()

        def of_leaving(s: float, beta: float) -> Floats:
            alphas, betas = np.full(len(self.x), alpha), np.full(len(self.x), beta)
            log_odds = log_died_to_alive(self.x, self.t_x, self.age, r, alphas, s, betas)
            total: Floats = np.logaddexp(0.0, log_odds) - s * np.log1p(self.age / beta)
            return total

        present = of_leaving(s, beta)
        for rate in _RATES:
            other = of_leaving(_ALL_ALIKE, _ALL_ALIKE / rate) if rate else 0.0
            growth = float((self.weight * np.expm1(np.minimum(other - present, _MOST))).sum())
            if growth > _GAIN:
                return False
        return True


SEARCH = Search(make=ParetoNbd, kind=_KIND, likelihood=_Likelihood, derivatives=_derivatives, limit=NbdLikelihood)
