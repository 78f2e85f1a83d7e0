"""BG/CNBD-k and MBG/CNBD-k: customers buy regularly, and after a purchase they may be lost unnoticed.

Times are in the model's `time_unit`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from crmvalue._core.checks import as_whole_number
from crmvalue._core.values import given_field
from crmvalue._models.regular.erlang import ErlangProcess
from crmvalue._models.regular.erlang_likelihood import Likelihood, log_likelihood_derivatives
from crmvalue._models.repeat.beta_geometric import KIND
from crmvalue._models.shared.common import check_history, positive_field, time_unit_field
from crmvalue._models.shared.covariates import CovariateEffect, effects_field
from crmvalue._models.shared.fit import Fit, register
from crmvalue._models.shared.purchase_fit import Search, fit_purchases
from crmvalue._models.shared.purchase_model import ContinuousModel, Kind
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT, PurchaseHistory, Regularity, UniquePurchases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crmvalue.purchases import TimeUnit

__all__ = ["BgCnbd", "MbgCnbd", "fit_bg_cnbd", "fit_mbg_cnbd"]

_MOST_STEPS = 12
_CHOICE = range(1, 7)
_FINE = 100.0  # a mean of so many days or weeks, and purchases at random look like k = 1
_DAYS_OF_TAIL = 40  # means of a geometric distribution beyond which nothing is left


def _steps_field() -> Any:
    return given_field(kw_only=True, converter=lambda value: as_whole_number("k", value, low=1, high=_MOST_STEPS))


@register
@attrs.frozen(repr=False)
class MbgCnbd(ContinuousModel):
    """MBG/CNBD-k with known parameters, ready to predict.

    A customer who is alive purchases at every k-th of events that come at random, at a rate of their own. So the times
    between purchases differ less than at random, and long silence says more. After each purchase, the first included,
    the customer is lost with a chance of their own.

    Parameters
    ----------
    r, alpha : float
        Shape and rate [time_unit] of the gamma distribution of the rates of events, > 0: the mean rate of purchases is
        r / (k alpha).
    a, b : float
        Beta distribution of the chance to be lost after a purchase, > 0: the mean chance is a / (a + b).
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of `alpha`, of every horizon, and of the histories the model is applied to.
    purchase_effects, dropout_effects : tuple of CovariateEffect, optional
        Effects of covariates, as in :class:`crmvalue.models.MbgNbd`.
    k : int
        Events to a purchase, from 1 to 12: 1 is :class:`crmvalue.models.MbgNbd`.

    Notes
    -----
    Platzer and Reutterer, "Ticking away the moments: timing regularity helps to better predict customer activity",
    Marketing Science 35 (2016), and Reutterer, Platzer and Schroeder, "Leveraging purchase regularity for predicting
    customer behavior the easy way", International Journal of Research in Marketing 38 (2021). Predictions are computed
    from the definition: sums of positive terms, or averages over the beta distribution. The log-likelihood leaves out
    what the times between the purchases add, which has no parameter but k: see :func:`crmvalue.models.fit_mbg_cnbd`.

    Drawn futures have the right number of purchases and the right time of leaving. The purchases before that are put at
    random times, not at regular ones, which matters for the discount of an outcome alone.

    Examples
    --------
    >>> from crmvalue.purchases import PurchaseHistory
    >>> model = MbgCnbd(1.329, 2.813, 0.425, 0.790, "week", k=2)
    >>> history = PurchaseHistory.from_columns(
    ...     frequency=[2, 0], recency=[30.43, 0], age=[38.86, 38.86], time_unit="week"
    ... )
    >>> model.prob_alive(history).round(4)
    array([0.8036, 0.1037])
    >>> model.expected_purchases(history, horizon=39).round(4)
    array([1.9583, 0.0873])
    """

    r: float = positive_field("r")
    alpha: float = positive_field("alpha")
    a: float = positive_field("a")
    b: float = positive_field("b")
    time_unit: TimeUnit = time_unit_field()
    purchase_effects: tuple[CovariateEffect, ...] = effects_field("purchase_effects")
    dropout_effects: tuple[CovariateEffect, ...] = effects_field("dropout_effects")
    k: int = _steps_field()

    _kind: ClassVar[Kind] = KIND

    def _with(self, parameters: dict[str, Any]) -> ErlangProcess:
        return ErlangProcess(k=self.k, **parameters, early=1)


@register
@attrs.frozen(repr=False)
class BgCnbd(ContinuousModel):
    """BG/CNBD-k with known parameters, ready to predict.

    As :class:`crmvalue.models.MbgCnbd`, but nobody is lost before the first repeat purchase.

    Parameters
    ----------
    r, alpha : float
        Shape and rate [time_unit] of the gamma distribution of the rates of events, > 0: the mean rate of purchases is
        r / (k alpha).
    a, b : float
        Beta distribution of the chance to be lost after a repeat purchase, > 0.
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of `alpha`, of every horizon, and of the histories the model is applied to.
    purchase_effects, dropout_effects : tuple of CovariateEffect, optional
        Effects of covariates, as in :class:`crmvalue.models.BgNbd`.
    k : int
        Events to a purchase, from 1 to 12: 1 is :class:`crmvalue.models.BgNbd`.

    Notes
    -----
    As for :class:`crmvalue.models.MbgCnbd`.

    Examples
    --------
    >>> from crmvalue.purchases import PurchaseHistory
    >>> model = BgCnbd(0.243, 4.414, 0.793, 2.426, "week", k=1)
    >>> history = PurchaseHistory.from_columns(frequency=[2], recency=[30.43], age=[38.86], time_unit="week")
    >>> model.prob_alive(history).round(4)
    array([0.7266])
    """

    r: float = positive_field("r")
    alpha: float = positive_field("alpha")
    a: float = positive_field("a")
    b: float = positive_field("b")
    time_unit: TimeUnit = time_unit_field()
    purchase_effects: tuple[CovariateEffect, ...] = effects_field("purchase_effects")
    dropout_effects: tuple[CovariateEffect, ...] = effects_field("dropout_effects")
    k: int = _steps_field()

    _kind: ClassVar[Kind] = KIND

    def _with(self, parameters: dict[str, Any]) -> ErlangProcess:
        return ErlangProcess(k=self.k, **parameters, early=0)


def fit_mbg_cnbd(
    history: PurchaseHistory | UniquePurchases,
    *,
    k: int | None = None,
    regularity: Regularity | None = None,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[MbgCnbd | Fit[MbgCnbd]] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
    equal_covariates: Sequence[str] = (),
    l2: float = 0.0,
) -> Fit[MbgCnbd]:
    """Fit MBG/CNBD-k by maximum likelihood, for a given k or the likeliest one.

    Parameters
    ----------
    history : PurchaseHistory or UniquePurchases
        Customers; at least one. Distinct rows with weights are enough for a fit without covariates.
    k : int, optional
        Events to a purchase, from 1 to 12.
    regularity : Regularity, optional
        In place of `k`: what :func:`crmvalue.purchases.estimate_regularity` finds in the log of this history, up to the
        same day and in the same unit. The k of 1 to 6 with the greatest likelihood is taken, and `comparison` of the
        fit says what the others reach. Covariates and priors do not take part in the choice.
    priors, starts, purchase_covariates, dropout_covariates, equal_covariates, l2
        As in :func:`crmvalue.models.fit_mbg_nbd`. Starts have the k of the fit, so they need `k`.

    Returns
    -------
    Fit
        The model with standard errors and a diagnosis. Check `diagnosis.trustworthy` before you use it.

    Raises
    ------
    InputError
        If not just one of `k` and `regularity` is given, `regularity` is not that of the history, the history is empty,
        or a prior is for no parameter of the model.

    Notes
    -----
    The likelihood of the times of all purchases has the factor (k - 1)! to the power of minus their number, times the
    product of the times between purchases to the power of k - 1. It has no other parameter. `log_likelihood` of the fit
    and of the model leaves it out, so it must not be compared between different k; the numbers in `comparison` have it.

    Every time counts in full for the choice of k, so one customer with very many can speak for a small base: 500 daily
    purchases beside customers who buy at random left k = 1 in a simulated base of 2,100 repeat purchases and turned it
    into 2 in one of 1,200. Look at the shape of `regularity` too, to which each customer adds 20 times at most.

    A log holds whole days. Where purchases at random follow each other within 6 days on average, the days between them
    look like k = 2, within 2 days like k = 3; in simulated logs k was 2 at means of 2.7, 3.5 and 5.5 days, and 1 from
    8.3 days on. `comparison` says so where the chosen k is no larger than that of purchases at random with this mean,
    and names the shape of `regularity`, which allows for whole days. With `grain="week"`, the same holds in weeks, if
    the history knows its grain.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.purchases import estimate_regularity, split_purchases
    >>> log = load_cdnow()
    >>> split = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
    >>> found = fit_mbg_cnbd(split.calibration, k=2)
    >>> found.estimates.round(3)
    array([0.58 , 2.288, 1.134, 1.585])
    >>> regularity = estimate_regularity(log.customer, log.date, as_of="1997-09-30")
    >>> fit_mbg_cnbd(split.calibration, regularity=regularity).model.k
    1
    """
    options: dict[str, Any] = {
        "priors": priors,
        "starts": starts,
        "purchase_covariates": purchase_covariates,
        "dropout_covariates": dropout_covariates,
        "equal_covariates": equal_covariates,
        "l2": l2,
    }
    return _fit(MbgCnbd, 1, history, k, regularity, options)


def fit_bg_cnbd(
    history: PurchaseHistory | UniquePurchases,
    *,
    k: int | None = None,
    regularity: Regularity | None = None,
    priors: Mapping[str, tuple[float, float]] | None = None,
    starts: Sequence[BgCnbd | Fit[BgCnbd]] | None = None,
    purchase_covariates: Sequence[str] = (),
    dropout_covariates: Sequence[str] = (),
    equal_covariates: Sequence[str] = (),
    l2: float = 0.0,
) -> Fit[BgCnbd]:
    """Fit BG/CNBD-k by maximum likelihood, for a given k or the likeliest one.

    Parameters
    ----------
    history, k, regularity, priors, starts, purchase_covariates, dropout_covariates, equal_covariates, l2
        As in :func:`crmvalue.models.fit_mbg_cnbd`.

    Returns
    -------
    Fit
        The model with standard errors and a diagnosis. Check `diagnosis.trustworthy` before you use it.

    Raises
    ------
    InputError
        As :func:`crmvalue.models.fit_mbg_cnbd`.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.purchases import split_purchases
    >>> log = load_cdnow()
    >>> split = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
    >>> fit_bg_cnbd(split.calibration, k=1).estimates.round(3)
    array([0.243, 4.414, 0.793, 2.426])
    """
    options: dict[str, Any] = {
        "priors": priors,
        "starts": starts,
        "purchase_covariates": purchase_covariates,
        "dropout_covariates": dropout_covariates,
        "equal_covariates": equal_covariates,
        "l2": l2,
    }
    return _fit(BgCnbd, 0, history, k, regularity, options)


def _fit(
    make: Any,
    early: int,
    history: PurchaseHistory | UniquePurchases,
    k: int | None,
    regularity: Regularity | None,
    options: dict[str, Any],
) -> Fit[Any]:
    """Fit one model with one k, or with the likeliest."""
    if (k is None) == (regularity is None):
        rule = "given, or else `regularity`, but not both"
        raise InputError("k", rule, k, hint="crmvalue.purchases.estimate_regularity(customer, date) finds it in a log")
    if k is not None:
        steps = as_whole_number("k", k, low=1, high=_MOST_STEPS)
        return fit_purchases(_search(make, early, steps), history, **options)
    found = _require_that_of(regularity, history)
    if options["starts"] is not None:
        raise InputError("starts", "given together with `k`, which they have in common", options["starts"])
    fits = {steps: fit_purchases(_search(make, early, steps), history) for steps in _CHOICE}
    reached = {steps: fit.log_likelihood + _of_times(found, steps) for steps, fit in fits.items()}
    best = max(reached, key=lambda steps: reached[steps]) if found.n_intervals else 1
    words = _words_of_choice(best, reached) + _caution_of_days(best, found, history)
    if not found.n_intervals:
        words = "k = 1, because nobody purchased again: the log says nothing of regularity"
    covariates = list(options["purchase_covariates"]) + list(options["dropout_covariates"])
    plain = not (options["priors"] or covariates or list(options["equal_covariates"]) or options["l2"])
    chosen = fits[best] if plain else fit_purchases(_search(make, early, best), history, **options)
    return attrs.evolve(chosen, comparison=words)


def _words_of_choice(best: int, reached: Mapping[int, float]) -> str:
    """Say which k is likeliest, and how likely the others are."""
    others = ", ".join(f"{value:z,.2f} for k = {steps}" for steps, value in reached.items())
    last = ", the largest that is tried: give `k` for more" if best == max(reached) else ""
    return f"k = {best} is likeliest{last}; log-likelihoods of the times of all purchases: {others}"


def _caution_of_days(best: int, found: Regularity, history: PurchaseHistory | UniquePurchases) -> str:
    """Say so where whole days or weeks are too coarse: purchases at random as close would look as regular."""
    if best == 1 or not found.n_intervals:
        return ""
    known = history if isinstance(history, UniquePurchases) else check_history(history)
    weight = known.weight if isinstance(known, UniquePurchases) else np.ones(len(known))
    grain = (known.grain if isinstance(known, PurchaseHistory) else None) or "day"
    ruler = DAYS_PER_UNIT[known.time_unit] / DAYS_PER_UNIT[grain]
    mean = float((weight * known.recency).sum()) / found.n_intervals * ruler
    like = _steps_of_random_days(mean)
    if best > like:
        return ""
    shape = (
        "" if math.isnan(found.shape) else f"; the shape {found.shape:.2f} of `regularity` allows for whole {grain}s"
    )
    return (
        f". Whole {grain}s are coarse beside a mean of {mean:.1f} {grain}s between purchases: those of customers who "
        f"buy at random would give k = {like} too, so this k does not show that they buy regularly{shape}"
    )


def _steps_of_random_days(mean: float) -> int:
    """Likeliest k for purchases at random that a log puts on whole days, or on whole weeks if the mean is in weeks.

    Two purchases of one day are one, so days between them have a geometric distribution with this mean. The k is that
    of the greatest expected log density of an Erlang distribution of k steps with the same mean. With growing means
    it falls to the 1 of an exponential distribution, which it reaches at 6.3 days.
    """
    if mean <= 1.0:
        return _CHOICE[-1]
    if mean > _FINE:
        return 1
    day = np.arange(1.0, math.ceil(_DAYS_OF_TAIL * mean) + 1.0)
    chance = np.exp((day - 1.0) * math.log1p(-1.0 / mean)) / mean
    of_log = float((chance * np.log(day)).sum())
    return max(_CHOICE, key=lambda k: k * (math.log(k / mean) - 1.0) + (k - 1) * of_log - math.lgamma(k))


def _search(make: Any, early: int, k: int) -> Search:
    return Search(
        make=make,
        kind=KIND,
        likelihood=partial(Likelihood, k=k, early=early),
        derivatives=partial(log_likelihood_derivatives, k=k, early=early),
        fixed={"k": k},
    )


def _of_times(regularity: Regularity, k: int) -> float:
    """Logarithm of the factor of the likelihood that has no parameter but k."""
    return (k - 1) * regularity.sum_log_intervals - math.lgamma(k) * regularity.n_intervals


def _require_that_of(regularity: object, history: PurchaseHistory | UniquePurchases) -> Regularity:
    """Refuse what was found in another log, or in another part of it."""
    if not isinstance(regularity, Regularity):
        rule = "a Regularity, as crmvalue.purchases.estimate_regularity makes it"
        raise InputError("regularity", rule, type(regularity).__name__)
    known = history if isinstance(history, UniquePurchases) else check_history(history)
    if regularity.time_unit != known.time_unit:
        raise InputError("regularity", f"in the unit of the history, {known.time_unit!r}", regularity.time_unit)
    weight = known.weight if isinstance(known, UniquePurchases) else np.ones(len(known))
    n_repeat = int((weight * known.frequency).sum())
    if regularity.n_intervals != n_repeat:
        rule = f"of the log of the history, which has {n_repeat:,} times between purchases"
        raise InputError("regularity", rule, regularity.n_intervals, hint="give both the same last day")
    return regularity
