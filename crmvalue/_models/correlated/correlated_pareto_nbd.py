"""Pareto/NBD with correlated rates: those who buy often leave earlier, or later, than those who seldom buy.

As the Pareto/NBD, but the rate of purchases and the rate of leaving of a customer depend on each other, by the joint
density in :mod:`crmvalue._models.correlated.dependence`. For a customer who is alive, their joint density is of the
same form: that of independent rates, gamma(r + x, alpha + T) and gamma(s, beta + T), times the same tilt. So each
prediction is that of the Pareto/NBD times a ratio of two average tilts.

Source: the idea is that of Park and Fader (2004), "Modeling browsing behavior at multiple websites", Marketing Science
23, applied to the model of Schmittlein, Morrison, Colombo (1987), Management Science 33.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import attrs
import numpy as np

from crmvalue._core.checks import as_float
from crmvalue._core.values import checked_field
from crmvalue._models.correlated.dependence import (
    Tilt,
    correlation_of,
    dependence_at,
    kappa_at,
    range_of_kappa,
    tilt_of,
)
from crmvalue._models.correlated.likelihood import (
    log_alive_tilt,
    log_died_tilted,
    log_likelihood,
    log_slow,
    row_derivatives,
)
from crmvalue._models.repeat.nbd_likelihood import Likelihood as NbdLikelihood
from crmvalue._models.repeat.pareto_nbd import (
    ParetoNbd,
    ParetoNbdProcess,
    draw_futures,
    draw_histories,
    fit_pareto_nbd,
)
from crmvalue._models.repeat.pareto_nbd_predictions import prob_at_least, prob_purchases, tails_of_purchases
from crmvalue._models.shared.climb import Evaluation
from crmvalue._models.shared.common import positive_field, time_unit_field
from crmvalue._models.shared.covariates import CovariateEffect, effects_field
from crmvalue._models.shared.fit import LOG_HIGH, LOG_LOW, Derivatives, Fit, register
from crmvalue._models.shared.process import ContinuousProcess, Future, Past
from crmvalue._models.shared.purchase_fit import Search, few_rows, fit_purchases
from crmvalue._models.shared.purchase_model import ContinuousModel, Kind
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crmvalue.purchases import PurchaseHistory, TimeUnit, UniquePurchases
    from crmvalue.typing import Floats, Integers

__all__ = ["CorrelatedParetoNbd", "fit_correlated_pareto_nbd"]

_BLOCK = 1 << 13  # rows at a time: temporaries stay in the cache
_KIND = Kind(
    names=("r", "alpha", "s", "beta", "dependence"),
    times=("alpha", "beta"),
    signs=(0, -1, 0, -1, 0),
    signed=("dependence",),
)
_STARTS = (3.0, -3.0)  # of the dependence, where the first search leaves a doubt


class _Slow(NamedTuple):
    """Logarithms of the means of e1 and e2 for each customer who is alive, and the average tilt."""

    log_e1: Floats
    log_e2: Floats
    tilt: Floats


@attrs.frozen
class _Process(ContinuousProcess):
    """Parameters of both processes and their dependence."""

    r: float
    alpha: Floats | float
    s: float
    beta: Floats | float
    dependence: float

    tail_in_closed_form: ClassVar[bool] = True

    def log_likelihood(self, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Log-likelihood of each row."""
        alpha, beta = self._scales(x)
        return log_likelihood(x, t_x, age, self.r, alpha, self.s, beta, self._tilt)

    def alive_and_lost(self, x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
        """Probability to be alive, and to be lost."""
        from scipy.special import expit

        alpha, beta = self._scales(x)
        log_odds = log_died_tilted(x, t_x, age, self.r, alpha, self.s, beta, self._tilt)
        log_odds -= log_alive_tilt(x, age, self.r, alpha, self.s, beta, self._tilt)
        return expit(-log_odds), expit(log_odds)

    def survival(self, past: Past, ahead: Floats) -> Floats:
        """Probability not to leave."""
        now = self._slow(past)
        log_e2 = log_slow(self.s, self.s, 1.0 + (past.age + ahead) / self.beta)
        found: Floats = self._plain.survival(past, ahead) * (self._tilt(now.log_e1, log_e2) / now.tilt)
        return found

    def purchases(self, past: Past, ahead: Floats) -> Floats:
        """Purchases at the mean rate over the time as a customer."""
        return self._tilted(past, *(process.purchases(past, ahead) for process in (self._plain, self._lasting)))

    def discounted(self, past: Past, ahead: Floats, force: float) -> Floats:
        """Purchases at the mean rate over the discounted time as a customer."""
        processes = (self._plain, self._lasting)
        return self._tilted(past, *(process.discounted(past, ahead, force) for process in processes))

    def prob(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Probability of n purchases before leaving or the end."""
        return np.clip(self._mixed(prob_purchases, past, ahead, n), 0.0, 1.0)

    def tails(self, past: Past, ahead: Floats) -> Iterator[Floats]:
        """Purchases before leaving or the end."""
        scales, share = self._moved_scales(past)
        parts = [tails_of_purchases(ahead, self.r + past.x, alpha, self.s, beta) for alpha, beta in scales]
        for tails in zip(*parts, strict=True):
            yield np.maximum((share * np.array(tails)).sum(axis=0), 0.0)[np.newaxis]

    def tail(self, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Give the chance that the n-th purchase takes place before leaving."""
        return np.maximum(self._mixed(prob_at_least, past, ahead, n), 0.0)[np.newaxis]

    def shape_of_counts(self, past: Past) -> tuple[float, Floats]:
        """Give the shape of the rate of purchases if the rates were independent."""
        return 1.0, self.r + past.x

    def simulate(self, age: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw a Poisson process until an exponential lifetime."""
        nothing = np.zeros(len(age))
        return draw_histories(*self.draw_rates(Past(nothing, nothing, nothing), rng), age, rng)

    def draw_future(self, past: Past, owner: Integers, end: float, rng: np.random.Generator) -> Future:
        """Draw futures; a customer leaves between purchases."""
        return draw_futures(*self.of_rows(owner).draw_rates(past.of_rows(owner), rng), end, rng)

    @property
    def _tilt(self) -> Tilt:
        return tilt_of(self.r, self.s, self.dependence)

    @property
    def _plain(self) -> ParetoNbdProcess:
        """Give the process with independent rates."""
        return ParetoNbdProcess(self.r, self.alpha, self.s, self.beta)

    @property
    def _lasting(self) -> ParetoNbdProcess:
        """Give the same with rates of leaving that are tilted to the slow ones."""
        return ParetoNbdProcess(self.r, self.alpha, self.s, self.beta * (1.0 + 1.0 / self.s))

    def _scales(self, rows: Floats) -> tuple[Floats, Floats]:
        return np.full(rows.shape, self.alpha), np.full(rows.shape, self.beta)

    def _slow(self, past: Past) -> _Slow:
        """Say how slow customers who are alive are."""
        log_e1 = log_slow(self.r, self.r + past.x, 1.0 + past.age / self.alpha)
        log_e2 = log_slow(self.s, self.s, 1.0 + past.age / self.beta)
        return _Slow(log_e1, log_e2, self._tilt(log_e1, log_e2))

    def _tilted(self, past: Past, plain: Floats, lasting: Floats) -> Floats:
        """Purchases from those at independent rates, and from those with rates of leaving tilted to the slow ones."""
        now = self._slow(past)
        log_e1 = log_slow(self.r, self.r + past.x + 1.0, 1.0 + past.age / self.alpha)
        longer = np.divide(lasting, plain, out=np.ones_like(plain), where=plain > 0)
        slow = np.minimum(np.exp(now.log_e2) * longer, 1.0)
        found: Floats = plain * (self._tilt.between(np.exp(log_e1), -np.expm1(log_e1), slow, 1.0 - slow) / now.tilt)
        return found

    def _moved_scales(self, past: Past) -> tuple[list[tuple[Floats, Floats]], Floats]:
        """Scales of the four parts of the joint density of customers who are alive, and the share of each."""
        now, tilt, alpha, beta = self._slow(past), self._tilt, self.alpha, self.beta
        firsts = alpha + past.age, alpha * (1.0 + 1.0 / self.r) + past.age
        seconds = beta + past.age, beta * (1.0 + 1.0 / self.s) + past.age
        slow1, slow2 = np.exp(now.log_e1), np.exp(now.log_e2)
        of_none, of_1, of_2, of_both = (
            tilt.at_00,
            (tilt.at_10 - tilt.at_00) * slow1,
            (tilt.at_01 - tilt.at_00) * slow2,
            (tilt.at_11 - tilt.at_10 - tilt.at_01 + tilt.at_00) * slow1 * slow2,
        )
        share = np.array([np.full(len(past.x), of_none), of_1, of_2, of_both]) / now.tilt
        return [(first, second) for second in seconds for first in firsts], share

    def _mixed(self, function: Any, past: Past, ahead: Floats, n: Floats) -> Floats:
        """Mix what a function of the Pareto/NBD gives for the four parts."""
        scales, share = self._moved_scales(past)
        alphas, betas = (np.concatenate(column) for column in zip(*scales, strict=True))
        asked = (np.tile(column, 4) for column in (n, ahead, self.r + past.x))
        parts = function(*asked, alphas, self.s, betas)
        found: Floats = (share * parts.reshape(4, -1)).sum(axis=0)
        return found

    def draw_rates(self, past: Past, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw the rates of purchase and of leaving of customers who are alive.

        The joint density is a mixture of four with positive shares: each rate is tilted to the slow ones or to the
        fast ones.
        """
        now, tilt = self._slow(past), self._tilt
        slow1, fast1, slow2, fast2 = (
            part for log in (now.log_e1, now.log_e2) for part in (np.exp(log), -np.expm1(log))
        )
        first = slow1 * (tilt.at_11 * slow2 + tilt.at_10 * fast2)
        is_slow1 = rng.random(len(past.x)) * now.tilt < first
        ahead = np.where(is_slow1, tilt.at_11, tilt.at_01) * slow2
        behind = np.where(is_slow1, tilt.at_10, tilt.at_00) * fast2
        is_slow2 = rng.random(len(past.x)) * (ahead + behind) < ahead
        alpha, beta = self._scales(past.x)
        rate = _draw_rate(self.r + past.x, alpha + past.age, alpha / self.r, fast1, is_slow1, rng)
        shape = np.full(len(past.x), self.s)
        return rate, _draw_rate(shape, beta + past.age, beta / self.s, fast2, is_slow2, rng)


def _draw_rate(
    shape: Floats, scale: Floats, step: Floats, fast: Floats, is_slow: Any, rng: np.random.Generator
) -> Floats:
    """Draw rates with the density gamma(shape, scale) times e or 1 - e, with e = exp(-step rate) of mean 1 - fast.

    With e it is gamma(shape, scale + step). With 1 - e, which is the integral of rate exp(-t rate) over t up to the
    step, it is a mixture of gamma(shape + 1, scale + t), of which t is drawn first.
    """
    chosen = rng.random(len(shape))
    between = scale * np.exp(-np.log1p(-chosen * fast) / shape)
    rate: Floats = rng.standard_gamma(np.where(is_slow, shape, shape + 1.0)) / np.where(is_slow, scale + step, between)
    return rate


@register
@attrs.frozen(repr=False)
class CorrelatedParetoNbd(ContinuousModel):
    r"""Pareto/NBD with correlated rates, with given parameters, ready to predict.

    As :class:`crmvalue.models.ParetoNbd`, but the rate of purchases and the rate of leaving of a customer may depend on
    each other. Where the `dependence` is above 0, customers who buy often leave earlier than others; below 0, later.

    Parameters
    ----------
    r, alpha : float
        Shape and rate [time_unit] of the gamma distribution of purchase rates, > 0.
    s, beta : float
        Shape and rate [time_unit] of the gamma distribution of the rates of leaving, > 0.
    dependence : float
        Of the two rates: a logarithm of odds, any number; 0 for independent rates. See :attr:`correlation` for what it
        means, and :meth:`from_correlation` for a model with a given correlation.
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of alpha, beta and of every time given to the model.
    purchase_effects, dropout_effects : tuple of CovariateEffect, optional
        Effects of covariates, as in :class:`crmvalue.models.ParetoNbd`. The dependence is that of the rates of
        customers with the same covariates.

    Raises
    ------
    InputError
        If a parameter is not above 0, the dependence is no finite number, or the unit is not in this list.

    Notes
    -----
    Let :math:`e_1 = \exp(-\lambda / \mathrm{E}\lambda)` and :math:`e_2 = \exp(-\mu / \mathrm{E}\mu)`, with means p and
    q. The joint density of the rates is that of independent rates times

    .. math:: 1 + \omega (e_1 - p)(e_2 - q),

    which is Sarmanov's family, as in Park and Fader (2004). Their kernels are exp(-rate) in some unit of time, so their
    model changes with the unit. Here each rate is measured by its own mean, so it does not. The dependence is the
    logarithm of the odds ratio of this factor at its four corners, where e1 and e2 are 0 or 1. As it goes to plus or
    minus infinity, omega goes to an end of the range in which the density is not negative.

    The correlation of this family is never strong. Its range depends on r and s, and is nowhere beyond -0.25 and 0.33.

    Compared with integrals at 50 digits, log-likelihoods and predictions agree to 1e-10 of their size. This holds for r
    and s from 0.01 to 20, alpha and beta from 0.01 to 10,000, a dependence from -12 to 12, up to 5,000 purchases in
    5,000 units, and horizons up to 10,000. A probability below 1e-300 may come out as 0.

    Examples
    --------
    >>> from crmvalue.purchases import PurchaseHistory
    >>> model = CorrelatedParetoNbd(0.553, 10.58, 0.606, 11.67, 1.5, "week")
    >>> round(model.correlation, 3)
    0.105
    >>> history = PurchaseHistory.from_columns(frequency=[2, 0], recency=[30.43, 0], age=[38.86] * 2, time_unit="week")
    >>> model.prob_alive(history).round(3)
    array([0.863, 0.321])
    >>> model.expected_purchases(history, horizon=39).round(3)
    array([1.354, 0.107])
    """

    r: float = positive_field("r")
    alpha: float = positive_field("alpha")
    s: float = positive_field("s")
    beta: float = positive_field("beta")
    dependence: float = checked_field("dependence", as_float)
    time_unit: TimeUnit = time_unit_field()
    purchase_effects: tuple[CovariateEffect, ...] = effects_field("purchase_effects")
    dropout_effects: tuple[CovariateEffect, ...] = effects_field("dropout_effects")

    _kind: ClassVar[Kind] = _KIND

    @classmethod
    def from_correlation(
        cls, r: float, alpha: float, s: float, beta: float, correlation: float, time_unit: TimeUnit
    ) -> Self:
        """Make the model whose rates have a given correlation.

        Parameters
        ----------
        r, alpha, s, beta, time_unit
            As for the model.
        correlation : float
            Coefficient of correlation of the two rates, inside the range that r and s allow.

        Returns
        -------
        CorrelatedParetoNbd
            The model, with the dependence that belongs to it.

        Raises
        ------
        InputError
            If the correlation is outside the range, or another parameter is refused by the model.

        Examples
        --------
        >>> model = CorrelatedParetoNbd.from_correlation(0.553, 10.58, 0.606, 11.67, 0.1, "week")
        >>> round(model.dependence, 3), round(model.correlation, 3)
        (1.424, 0.1)
        """
        plain = cls(r, alpha, s, beta, 0.0, time_unit)
        given, (low, high) = as_float("correlation", correlation), plain.correlation_range
        if not low < given < high:
            raise InputError("correlation", f"between {low:.6g} and {high:.6g} for this r and s", given)
        kappa = kappa_at(plain.r, plain.s, given)
        return attrs.evolve(plain, dependence=dependence_at(plain.r, plain.s, kappa))

    @property
    def correlation(self) -> float:
        """Coefficient of correlation of the rate of purchases and the rate of leaving, of all new customers."""
        return correlation_of(self.r, self.s, tilt_of(self.r, self.s, self.dependence).kappa)

    @property
    def correlation_range(self) -> tuple[float, float]:
        """Ends between which the correlation lies for this r and s."""
        low, high = (correlation_of(self.r, self.s, kappa) for kappa in range_of_kappa(self.r, self.s))
        return low, high

    def _with(self, parameters: dict[str, Any]) -> _Process:
        return _Process(**parameters)

    def _require_end(self) -> None:
        if self.s <= 1:
            super()._require_end()


def fit_correlated_pareto_nbd(
    history: PurchaseHistory | UniquePurchases,
    *,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[CorrelatedParetoNbd | Fit[CorrelatedParetoNbd]] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
    equal_covariates: Sequence[str] = (),
    l2: float = 0.0,
) -> Fit[CorrelatedParetoNbd]:
    """Fit the Pareto/NBD with correlated rates by maximum likelihood, or to the mode under priors.

    Parameters
    ----------
    history : PurchaseHistory or UniquePurchases
        Customers; at least one. Distinct rows with weights are enough for a fit without covariates.
    priors : mapping of str to (float, float), optional
        For some of "r", "alpha" [time_unit], "s", "beta" [time_unit]: median and log-scale standard deviation of a
        log-normal prior. For "dependence" mean and standard deviation of a normal one; (0, 2) leaves most of the range
        of correlations open, but not its ends.
    starts : sequence of CorrelatedParetoNbd or Fit, optional
        Where to start the search: models, or fits of them. By default the fit of the Pareto/NBD.
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
    The dependence is searched from -12 to 12, which is nearly the whole range of correlations. A fit that ends there
    says so in its diagnosis. Some thousand customers are needed to tell a correlation from none: see the interval of
    the dependence, or :func:`crmvalue.models.likelihood_ratio_test` against the Pareto/NBD.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.models import fit_pareto_nbd, likelihood_ratio_test
    >>> from crmvalue.purchases import split_purchases
    >>> log = load_cdnow()
    >>> split = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
    >>> found = fit_correlated_pareto_nbd(split.calibration)
    >>> round(found.model.correlation, 2)
    0.26
    >>> test = likelihood_ratio_test(fit_pareto_nbd(split.calibration), found)
    >>> round(test.statistic, 1)
    20.8
    >>> found.diagnosis.messages[-1]
    'the correlation of the rates is at the end of its range for this r and s, 0.26'
    """
    options: dict[str, Any] = {
        "purchase_covariates": purchase_covariates,
        "dropout_covariates": dropout_covariates,
        "equal_covariates": equal_covariates,
    }
    given = starts
    if given is None:
        plain = all(isinstance(names, tuple | list) and not names for names in options.values())
        given = [_independent(fit_pareto_nbd(few_rows(history) if plain else history, **options).model)]
    fit = fit_purchases(_SEARCH, history, priors=priors, starts=given, l2=l2, **options)
    return _name_end(fit) if "dependence" in fit.diagnosis.boundary else fit


def _independent(plain: ParetoNbd) -> CorrelatedParetoNbd:
    """Give the same model as one of this kind."""
    effects = {"purchase_effects": plain.purchase_effects, "dropout_effects": plain.dropout_effects}
    return CorrelatedParetoNbd(plain.r, plain.alpha, plain.s, plain.beta, 0.0, plain.time_unit, **effects)


def _name_end(fit: Fit[CorrelatedParetoNbd]) -> Fit[CorrelatedParetoNbd]:
    """Say in words what it means that the dependence ran to the boundary."""
    found, model = fit.diagnosis, fit.model
    words = f"the correlation of the rates is at the end of its range for this r and s, {model.correlation:.2g}"
    return attrs.evolve(fit, diagnosis=attrs.evolve(found, messages=(*found.messages, words)))


def _derivatives(
    x: Floats, t_x: Floats, age: Floats, r: float, alpha: Floats, s: Floats, beta: Floats, dependence: Floats
) -> Derivatives:
    """Give derivatives of rows; s and the dependence are the same for all."""
    return row_derivatives(x, t_x, age, r, alpha, float(s[0]), beta, float(dependence[0]))


class _Likelihood:
    """Log-likelihood of weighted rows as a function of log r, log alpha / ruler, log s, log beta / ruler, dependence.

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
        value, gradient, hessian = -self.n_repeat * math.log(self.ruler), np.zeros(5), np.zeros((5, 5))
        (r, alpha, s, beta), dependence = np.exp(theta[:4]).tolist(), float(theta[4])
        for start in range(0, len(self.x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            x, weight = self.x[rows], self.weight[rows]
            alphas, betas = np.full(len(x), alpha), np.full(len(x), beta)
            at = row_derivatives(x, self.t_x[rows], self.age[rows], r, alphas, s, betas, dependence)
            value += float((weight * at.value).sum())
            gradient += (weight * at.gradient).sum(axis=-1)
            hessian += (weight * at.hessian).sum(axis=-1)
        return Evaluation(value, gradient, hessian)

    def starts(self) -> list[Floats]:
        """Points to search from; NaN stands for where the first search ended, of the Pareto/NBD or others."""
        first = np.append(np.log([0.7, 0.5 / self.pace, 0.6, 0.5]), 0.0)
        nobody_leaves = np.array([math.nan, math.nan, LOG_LOW, LOG_HIGH, 0.0])
        return [first, nobody_leaves, *(np.append(np.full(4, math.nan), dependence) for dependence in _STARTS)]

    def is_best_mixture(self, theta: Floats) -> bool:
        """No such test is at hand: all starts are tried."""
        del theta
        return False


_SEARCH = Search(
    make=CorrelatedParetoNbd, kind=_KIND, likelihood=_Likelihood, derivatives=_derivatives, limit=NbdLikelihood
)
