"""GGompertz/NBD: customers buy at random until they leave unseen, at a rate that grows with their age.

A customer buys as a Poisson process with a rate of their own, gamma(r, alpha) over customers. Their lifetime has a
Gompertz distribution: the rate of leaving at the age u is b eta e^(bu), where eta is gamma(s, beta) over customers,
independent of the rate of purchases. For a customer who is alive at the age T, the rate of purchases is
gamma(r + x, alpha + T) and what is left of the lifetime is as that of a new customer with another beta.

Source: Bemmaor, Glady (2012), "Modeling purchasing behavior with sudden death: a flexible customer lifetime model",
Management Science 58. Where b goes to 0 with beta / b held, it becomes the Pareto/NBD with beta / b in place of beta.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from crmvalue._models.aging.ggompertz_nbd_likelihood import (
    later_scale,
    log_died_to_alive,
    log_likelihood,
    log_likelihood_derivatives,
)
from crmvalue._models.aging.ggompertz_nbd_predictions import discounted_time, log_survival, prob_purchases
from crmvalue._models.repeat.pareto_nbd import ParetoNbd, fit_pareto_nbd
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.common import positive_field, time_unit_field
from crmvalue._models.shared.covariates import CovariateEffect, effects_field
from crmvalue._models.shared.fit import Derivatives, Fit, Grade, register
from crmvalue._models.shared.process import ContinuousProcess, Future, Past
from crmvalue._models.shared.purchase_fit import Search, fit_purchases
from crmvalue._models.shared.purchase_model import ContinuousModel, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmvalue.purchases import PurchaseHistory, TimeUnit, UniquePurchases
    from crmvalue.typing import Floats, Integers

__all__ = ["GgompertzNbd", "fit_ggompertz_nbd"]

_BLOCK = 1 << 13  # rows at a time: temporaries stay in the cache
_MOST_EXPECTED = 1e15  # purchases of one simulated customer
_OLDEST = 300.0  # a larger b T is no start of a search: e^300 times the rate of leaving of a newcomer
_BEHIND = 1e-3  # by which a search may end below the limit, in log-likelihood
_LITTLE = 1e-3  # b times the longest age where nobody ages to speak of
_SHOWN = 2.0  # gain in log-likelihood by age alone that chance gives in less than one log of twenty
_KIND = Kind(
    names=("r", "alpha", "b", "s", "beta"), times=("alpha",), signs=(0, -1, 0, 0, -1), rates=("b",), small=("beta",)
)
_NO_AGE = "no effect of age on leaving can be shown within this log: it is the Pareto/NBD, see `fit_pareto_nbd`"


@attrs.frozen
class _Process(ContinuousProcess):
    """Parameters of both processes: purchases gamma(r, alpha), leaving Gompertz with eta gamma(s, beta)."""

    r: float
    alpha: Floats | float
    b: float
    s: float
    beta: Floats | float

    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-likelihood of each row."""
        alpha, p = self._scales(x)
        return log_likelihood(x, t_x, age, self.r, alpha, self.b, self.s, p)

    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability to be alive, and to be lost."""
        from scipy.special import expit

        alpha, p = self._scales(x)
        log_odds = log_died_to_alive(x, t_x, age, self.r, alpha, self.b, self.s, p)
        return expit(-log_odds), expit(log_odds)

    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Probability not to leave."""
        return np.exp(log_survival(ahead, self.b, self.s, self._now(past)))

    def purchases(self, past: Past, ahead: Floats) -> Floats:
        """Purchases at the mean rate over the time as a customer."""
        return self._rate(past) * discounted_time(0.0, ahead, self.b, self.s, self._now(past))

    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Purchases at the mean rate over the discounted time as a customer."""
        return self._rate(past) * discounted_time(force, ahead, self.b, self.s, self._now(past))

    def stay(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Discounted time as a customer."""
        return discounted_time(force, ahead, self.b, self.s, self._now(past))

    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases before leaving or the end."""
        return prob_purchases(n, ahead, self.r + past.x, self.alpha + past.age, self.b, self.s, self._now(past))

    def simulate(self, age: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw a Poisson process until a Gompertz lifetime."""
        n = len(age)
        _, p = self._scales(age)
        rate = rng.gamma(self.r, 1.0, n) / self.alpha
        active = np.minimum(age, self._lifetimes(p, rng))
        x = rng.poisson(np.minimum(rate * active, _MOST_EXPECTED)).astype(np.float64)
        # The last of x points that are uniform on (0, active) is active times the x-th root of a uniform number.
        root = np.exp(-rng.standard_exponential(n) / np.maximum(x, 1.0))
        x[active * root < 1e-100] = 0.0  # closer to the first purchase than a history can hold
        return x, np.where(x > 0, active * root, 0.0)

    def draw_future(self, past: Past, owner: Integers, end: float, rng: np.random.Generator) -> Future:
        """Draw futures; a customer leaves between purchases."""
        rate = rng.standard_gamma((self.r + past.x)[owner]) / (self.alpha + past.age)[owner]
        stay = np.minimum(self._lifetimes(self._now(past)[owner], rng), end)
        n_before = rng.poisson(np.minimum(rate * stay, _MOST_EXPECTED)).astype(np.float64)
        return Future(stay, n_before, np.zeros(len(owner)))

    def _lifetimes(self, p: Floats, rng: np.random.Generator) -> Floats:
        """Draw how long customers stay; infinite for those who never leave."""
        leaving = rng.standard_gamma(self.s, len(p))
        patience = rng.standard_exponential(len(p)) * p
        spent = np.divide(patience, leaving, out=np.full(len(p), np.inf), where=leaving > patience * 1e-300)
        found: Floats = np.log1p(self.b * spent) / self.b
        return found

    def _scales(self, rows: Floats) -> tuple[Floats, Floats]:
        """Alpha and beta / b of each row."""
        return np.full(rows.shape, self.alpha), np.full(rows.shape, self.beta) / self.b

    def _now(self, past: Past) -> Floats:
        """Give what is beta / b of new customers, for those who are alive at their age."""
        return later_scale(self.b, self._scales(past.x)[1], past.age)

    def _rate(self, past: Past) -> Floats:
        rate: Floats = (self.r + past.x) / (self.alpha + past.age)
        return rate


@register
@attrs.frozen(repr=False)
class GgompertzNbd(ContinuousModel):
    r"""GGompertz/NBD with given parameters, ready to predict.

    As :class:`crmvalue.models.ParetoNbd`, but the rate at which a customer leaves grows with their age.

    Parameters
    ----------
    r, alpha : float
        Shape and rate [time_unit] of the gamma distribution of purchase rates, > 0.
    b : float
        Growth of the rate of leaving with the age of a customer [1 / time_unit], > 0.
    s, beta : float
        Shape and rate of the gamma distribution of the levels of leaving, > 0, without unit. The chance to be alive at
        the age u is (beta / (beta + exp(b u) - 1))^s.
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of alpha and b, and of every time given to the model.
    purchase_effects, dropout_effects : tuple of CovariateEffect, optional
        Effects of covariates, as in :class:`crmvalue.models.ParetoNbd`: alpha becomes alpha / f, or beta becomes
        beta / f, so the rate of leaving at each age is multiplied by f.

    Raises
    ------
    InputError
        If a parameter is not above 0 or the unit is not in this list.

    Notes
    -----
    Bemmaor and Glady (2012). With b close to 0 it is the Pareto/NBD whose beta is beta / b. Compared with integrals at
    50 digits, log-likelihoods and predictions agree to 1e-10 of their size. This holds for r and s from 0.01 to 20,
    alpha from 0.01 to 10,000, b from 1e-7 to 1, beta from 1e-7 to 1e6, up to 5,000 purchases, ages and horizons up to
    5,000 and up to 150 / b. A probability below 1e-300 may come out as 0.

    Examples
    --------
    >>> from crmvalue.purchases import PurchaseHistory
    >>> model = GgompertzNbd(0.553, 10.58, 0.02, 0.606, 0.25, "week")
    >>> history = PurchaseHistory.from_columns(frequency=[2, 0], recency=[30.43, 0], age=[38.86] * 2, time_unit="week")
    >>> model.prob_alive(history).round(3)
    array([0.814, 0.247])
    >>> model.expected_purchases(history, horizon=39).round(3)
    array([1.203, 0.079])
    """

    r: float = positive_field("r")
    alpha: float = positive_field("alpha")
    b: float = positive_field("b")
    s: float = positive_field("s")
    beta: float = positive_field("beta")
    time_unit: TimeUnit = time_unit_field()
    purchase_effects: tuple[CovariateEffect, ...] = effects_field("purchase_effects")
    dropout_effects: tuple[CovariateEffect, ...] = effects_field("dropout_effects")

    _kind: ClassVar[Kind] = _KIND

    def _with(self, parameters: dict[str, Any]) -> _Process:
        return _Process(**parameters)


def fit_ggompertz_nbd(
    history: PurchaseHistory | UniquePurchases,
    *,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[GgompertzNbd | Fit[GgompertzNbd]] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
    equal_covariates: Sequence[str] = (),
    l2: float = 0.0,
) -> Fit[GgompertzNbd]:
    """Fit the GGompertz/NBD by maximum likelihood, or to the mode of the posterior where priors are given.

    Parameters
    ----------
    history : PurchaseHistory or UniquePurchases
        Customers; at least one. Distinct rows with weights are enough for a fit without covariates.
    priors : mapping of str to (float, float), optional
        For some of "r", "alpha" [time_unit], "b" [1 / time_unit], "s", "beta": median and log-scale standard deviation
        of a log-normal prior.
    starts : sequence of GgompertzNbd or Fit, optional
        Where to start the search: models, or fits of them. By default the data give a start, and more starts are tried
        if the result is in doubt.
    purchase_covariates, dropout_covariates, equal_covariates, l2
        As in :func:`crmvalue.models.fit_pareto_nbd`.

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
    In many logs age has no effect that can be shown. Then b and beta run to 0 with the same beta / b, and the fit has
    the log-likelihood of the Pareto/NBD. The diagnosis says so; take :func:`crmvalue.models.fit_pareto_nbd` instead.
    A likelihood ratio test against the Pareto/NBD is on the safe side: b = 0 is an end of its range, so chance gives a
    large statistic only half as often as the test says.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.purchases import split_purchases
    >>> log = load_cdnow()
    >>> split = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
    >>> found = fit_ggompertz_nbd(split.calibration)
    >>> round(found.log_likelihood, 2), found.diagnosis.grade
    (-9594.98, 'usable')
    """
    options: dict[str, Any] = {
        "purchase_covariates": purchase_covariates,
        "dropout_covariates": dropout_covariates,
        "equal_covariates": equal_covariates,
    }
    fit = fit_purchases(_SEARCH, history, priors=priors, starts=starts, l2=l2, **options)
    in_doubt = {*fit.diagnosis.boundary, *fit.diagnosis.flat} & {"b", "beta"}
    if not in_doubt or fit.priors:
        return fit
    simple = fit_pareto_nbd(history, **options)
    if simple.log_likelihood > fit.log_likelihood + _BEHIND:  # it is on another peak
        other = fit_purchases(_SEARCH, history, starts=[_near(simple.model, history)], **options)
        fit = max(fit, other, key=lambda one: one.log_likelihood)
    return fit if fit.log_likelihood - simple.log_likelihood > _SHOWN else _name_limit(fit, simple)


def _near(simple: ParetoNbd, history: PurchaseHistory | UniquePurchases) -> GgompertzNbd:
    """Give nearly the same model with a little age in it."""
    b = _LITTLE / (float(history.age.max()) or 1.0)
    effects = {"purchase_effects": simple.purchase_effects, "dropout_effects": simple.dropout_effects}
    return GgompertzNbd(simple.r, simple.alpha, b, simple.s, simple.beta * b, simple.time_unit, **effects)


def _name_limit(fit: Fit[Any], simple: Fit[Any]) -> Fit[Any]:
    """Say in words that this is the Pareto/NBD; its forecasts can be used where those can."""
    found = fit.diagnosis
    grade: Grade = "usable" if simple.diagnosis.grade != "not usable" else found.grade
    return attrs.evolve(fit, diagnosis=attrs.evolve(found, messages=(*found.messages, _NO_AGE), grade=grade))


def _derivatives(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, b: Floats, s: Floats, beta: Floats
) -> Derivatives:
    """Give derivatives in the logarithms; b and s are the same for all, beta is in the unit of a search."""
    growth = float(b[0])
    p = beta * (_KIND.smallness / growth)
    value, gradient, hessian = log_likelihood_derivatives(x, t_x, age, r, alpha, growth, float(s[0]), p)
    gradient[2] -= gradient[4]  # beta / b falls as b rises
    hessian[2] -= hessian[4]
    hessian[:, 2] -= hessian[:, 4]
    return Derivatives(value, gradient, hessian)


class _Likelihood:
    """Log-likelihood of weighted rows in the logarithms of r, alpha / ruler, b ruler, s and beta / 0.001.

    Times are measured by `ruler`, the mean age, so that the search is the same in every time unit.
    """

    def __init__(self, rows: UniquePurchases) -> None:
        self.weight = rows.weight.astype(np.float64)
        n_customers = float(self.weight.sum())
        self.n_repeat = float((self.weight * rows.frequency).sum())
        self.pace = max(self.n_repeat / n_customers, 1e-3)  # repeat purchases in a mean age
        self.ruler = float((self.weight * (rows.age / n_customers)).sum()) or 1.0
        self.x, self.t_x, self.age = rows.frequency, rows.recency / self.ruler, rows.age / self.ruler
        self.oldest = float(self.age.max(initial=0.0))

    def __call__(self, theta: Floats) -> Evaluation:
        value, gradient, hessian = -self.n_repeat * math.log(self.ruler), np.zeros(5), np.zeros((5, 5))
        r, alpha, b, s, beta = np.exp(theta).tolist()
        if b * self.oldest > _OLDEST:
            return Evaluation(-math.inf, gradient, hessian)
        for start in range(0, len(self.x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            x, weight = self.x[rows], self.weight[rows]
            columns = (np.full(len(x), parameter) for parameter in (alpha, b, s, beta))
            at = _derivatives(x, self.t_x[rows], self.age[rows], r, *columns)
            value += float((weight * at.value).sum())
            gradient += (weight * at.gradient).sum(axis=-1)
            hessian += (weight * at.hessian).sum(axis=-1)
        return Evaluation(value, gradient, hessian)

    def starts(self) -> list[Floats]:
        """Points to search from; NaN stands for where the first search ended.

        The first is near a Pareto/NBD that is good for most bases, the others have more age in them.
        """
        pace, unit = self.pace, _KIND.smallness
        points = [
            (0.7, 0.5 / pace, 0.1, 0.6, 0.05 / unit),
            (math.nan, math.nan, 2.0, 0.3, 1.0 / unit),
            (math.nan, math.nan, 1.0, 2.0, 10.0 / unit),
            (math.nan, math.nan, 1e-4, 0.6, 5e-5 / unit),
        ]
        return [np.log(np.array(point)) for point in points]

    def is_best_mixture(self, theta: Floats) -> bool:
        """No such test is at hand: all starts are tried."""
        del theta
        return False


_SEARCH = Search(make=GgompertzNbd, kind=_KIND, likelihood=_Likelihood, derivatives=_derivatives)
