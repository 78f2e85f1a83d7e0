"""Which model predicts best: likelihood, information criterion, errors and scores on the holdout, beside naive rules.

A model is useful only if it beats "nobody buys", "same rate as before", "churned after a gap" and "same as the last
period" on purchases that it has not seen. Splits come from :func:`crmvalue.purchases.split_purchases`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_positive, as_text, require, require_same_index, require_same_length
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import checked_field, number_field, of_class, optional
from crmvalue._models.changing.known_customers import as_model_of, refuse_unused
from crmvalue._models.shared.common import as_names, check_history
from crmvalue._models.shared.fit import Fit
from crmvalue._models.spend.any_model import as_spend_model, spend_ahead
from crmvalue._models.validation.predictive import Foretold, foretell, of_poisson
from crmvalue._models.validation.proper_scores import ProperScores, check_split, scores_of
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._models.changing.time_varying_history import TimeVaryingHistory
    from crmvalue._models.changing.time_varying_pareto_nbd import TimeVaryingParetoNbd
    from crmvalue._models.shared.purchase_model import ContinuousModel
    from crmvalue._models.spend.gamma_gamma import GammaGamma
    from crmvalue._models.spend.gb2 import Gb2Spend
    from crmvalue._models.spend.lognormal import LognormalSpend
    from crmvalue.purchases import PurchaseHistory, PurchaseSplit
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["HoldoutError", "ModelScore", "compare_models", "holdout_error"]

NOBODY = "nobody buys"
SAME_RATE = "same rate as before"
GAP_RULE = "churned after a gap"
LAST_PERIOD = "same as the last period"
NAIVE_RULES = (NOBODY, SAME_RATE, GAP_RULE, LAST_PERIOD)
_HALF = 0.5  # a purchase that is added to what each customer bought, at the mean rate of all
_PACES = 3.0  # the gap: so many times the mean time between purchases


@attrs.frozen(kw_only=True)
class HoldoutError:
    """How far a forecast was off, over all customers of the calibration.

    Parameters
    ----------
    bias : float
        (foretold total - actual total) / actual total; infinite if the actual total is 0 and the foretold one is not.
    mean_absolute_error : float
        Mean distance of foretold and actual over the customers, in the unit of what was foretold.
    best_decile_found : float
        Share of the actual best tenth of the customers that is in the foretold best tenth, in [0, 1]. Customers tied at
        the edge count in proportion, so with ties even a perfect forecast stays below 1.
    gini : float
        Gini coefficient of the actual values in the foretold order, over that in their own order: 1 for the right
        order, about 0 for a random one.
    root_mean_squared_error : float or None
        Root of the mean squared distance, in the same unit; a few large errors weigh more here. None where it was not
        measured.

    Examples
    --------
    >>> HoldoutError(bias=0.1, mean_absolute_error=0.5, best_decile_found=0.6, gini=0.7).bias
    0.1
    """

    bias: float = number_field("bias", low=-1.0, infinite=True)
    mean_absolute_error: float = number_field("mean_absolute_error", low=0.0)
    best_decile_found: float = number_field("best_decile_found", low=0.0, high=1.0)
    gini: float = number_field("gini", low=-1.0, high=1.0)
    root_mean_squared_error: float | None = number_field("root_mean_squared_error", low=0.0, default=None)

    def to_json(self) -> str:
        """Write the errors as JSON text; :meth:`from_json` reads it back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> HoldoutError:
        """Read the errors that :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> error = HoldoutError(bias=float("inf"), mean_absolute_error=0.5, best_decile_found=0.6, gini=0.7)
        >>> HoldoutError.from_json(error.to_json()) == error
        True
        """
        return from_json(cls, text)


def _as_error(name: str, value: object) -> HoldoutError:
    if not isinstance(value, HoldoutError):
        raise InputError(name, "a HoldoutError", value)
    return value


@attrs.frozen(kw_only=True)
class ModelScore:
    """One model, or one naive rule, on one split.

    Parameters
    ----------
    name : str
        Name of the model.
    log_likelihood : float or None
        Of the calibration; None for a naive rule.
    aic : float or None
        Of the fit to the calibration; None for a naive rule, and for a model that came without its fit. Neither of the
        two can be compared between models with different k, or with and without a calendar.
    purchases : HoldoutError
        Error of the foretold number of purchases.
    spend : HoldoutError or None
        Error of the foretold money; None if no money is known.
    warnings : tuple of str
        What the diagnosis of the fit says.
    counts : ProperScores or None
        Scores of the foretold distribution of the number of purchases; None for a rule without a distribution.

    Examples
    --------
    >>> error = HoldoutError(bias=0.1, mean_absolute_error=0.5, best_decile_found=0.6, gini=0.7)
    >>> ModelScore(name="rule", log_likelihood=None, aic=None, purchases=error, spend=None).warnings
    ()
    """

    name: str = checked_field("name", as_text)
    log_likelihood: float | None = number_field("log_likelihood", optional=True)
    aic: float | None = number_field("aic", optional=True)
    purchases: HoldoutError = checked_field("purchases", _as_error)
    spend: HoldoutError | None = checked_field("spend", optional(_as_error))
    warnings: tuple[str, ...] = checked_field("warnings", as_names, default=())
    counts: ProperScores | None = checked_field("counts", optional(of_class(ProperScores)), default=None)

    def to_json(self) -> str:
        """Write the score as JSON text; :meth:`from_json` reads it back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ModelScore:
        """Read the score that :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> error = HoldoutError(bias=0.1, mean_absolute_error=0.5, best_decile_found=0.6, gini=0.7)
        >>> score = ModelScore(name="rule", log_likelihood=None, aic=None, purchases=error, spend=None)
        >>> ModelScore.from_json(score.to_json()) == score
        True
        """
        return from_json(cls, text, HoldoutError, ProperScores)


@np.errstate(under="ignore")
def compare_models(
    split: PurchaseSplit,
    fits: Mapping[str, ContinuousModel | TimeVaryingParetoNbd | Fit[Any]],
    *,
    spend_model: GammaGamma | LognormalSpend | Gb2Spend | Fit[Any] | None = None,
    gap: float | None = None,
    time_varying: TimeVaryingHistory | None = None,
) -> tuple[ModelScore, ...]:
    """Score models on the holdout, beside naive rules.

    Parameters
    ----------
    split : PurchaseSplit
        Calibration, on which models are fitted, and holdout.
    fits : mapping of str to Fit or model
        Purchase models by name: fits, or models with published parameters.
    spend_model : GammaGamma, LognormalSpend, Gb2Spend or Fit, optional
        Spend of one purchase. With it, the foretold money is scored too.
    gap : float, optional
        Time without a purchase after which the naive rule counts a customer as lost [time unit of the split], > 0; by
        default three times the mean time between purchases.
    time_varying : TimeVaryingHistory, optional
        Only for a fit of :class:`TimeVaryingParetoNbd`: the customers of the calibration, in the same order, with their
        covariates up to the end of the holdout.

    Returns
    -------
    tuple of ModelScore
        The models in the order given, then the rules: "nobody buys", "same rate as before" (repeat purchases over age),
        "churned after a gap" (the same, but 0 for customers without a purchase for longer than the gap), and "same as
        the last period" (the purchases and the money of a time as long as the holdout at the end of the calibration, if
        the split has `last_n_purchases`). The second and the third expect each customer to spend their mean spend so
        far.

    Raises
    ------
    InputError
        If `split` is not one, `fits` is no mapping of names to purchase models or their fits or is empty, units differ,
        or the gap is not above 0.

    Notes
    -----
    `counts` has the log score, the CRPS and the coverage of the distribution of each customer's purchases:
    :func:`proper_scores`. By the mean absolute error alone, "nobody buys" is a good forecast.

    For `counts`, "same rate as before" is a Poisson distribution. Its mean is the horizon times (x + 1/2) / (T + 1 /
    2m), where m is the repeat purchases of all customers over their ages: half a purchase is added at the mean rate, so
    that nobody has the rate 0. "Same as the last period" is Poisson with the mean (n + 1/2) / (1 + 1 / 2m), where m is
    the mean of that period. "Nobody buys" gives 0 the probability 1, so its log score is infinite if anybody buys, and
    its CRPS is its mean absolute error. "Churned after a gap" has no distribution, and `counts` None. Nor has a rule
    where nobody has bought again.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.models import fit_bg_nbd
    >>> from crmvalue.purchases import split_purchases
    >>> log = load_cdnow()
    >>> split = split_purchases(log.customer, log.date, log.amount, calibration_end="1997-09-30")
    >>> for score in compare_models(split, {"BG/NBD": fit_bg_nbd(split.calibration)}):
    ...     log_score = round(score.counts.log_score, 3) if score.counts else None
    ...     print(score.name, round(score.purchases.mean_absolute_error, 3), log_score)
    BG/NBD 0.785 0.984
    nobody buys 0.798 inf
    same rate as before 1.024 1.259
    churned after a gap 0.886 None
    same as the last period 1.596 1.743
    """
    check_split(split)
    history, length = check_history(split.calibration), split.holdout_length
    models = _read_models(fits, history, time_varying)
    spending = optional(as_spend_model)("spend_model", spend_model)
    silence = None if gap is None else as_positive("gap", gap)
    spend = None if spending is None else spend_ahead(spending, history, length)
    scores = []
    for name, given in fits.items():
        model, fit = models[name], given if isinstance(given, Fit) else None
        foretold = model.expected_purchases(history, horizon=length)
        scores.append(
            ModelScore(
                name=name,
                log_likelihood=fit.log_likelihood if fit else float(model.log_likelihood(history).sum()),
                aic=fit.aic if fit else None,
                purchases=_error(foretold, split.holdout_n_purchases),
                spend=_spend_error(split, None if spend is None else foretold * spend),
                warnings=fit.diagnosis.messages if fit else (),
                counts=scores_of(foretell(model, history, length, split.holdout_n_purchases)),
            )
        )
    counts = naive_counts(history, length, split.last_n_purchases, split.holdout_n_purchases)
    for name, foretold in naive_forecasts(history, length, split.last_n_purchases, silence).items():
        money = None if history.mean_spend is None else foretold * history.mean_spend
        money = split.last_spend if name == LAST_PERIOD else money
        scores.append(_naive_score(split, name, foretold, money, counts.get(name)))
    return tuple(scores)


def naive_forecasts(
    history: PurchaseHistory, length: float, last_n_purchases: Floats | None, gap: float | None = None
) -> dict[str, Floats]:
    """Foretell the purchases of each customer over a time by the naive rules; by default with a gap of three paces."""
    silence = _default_gap(history) if gap is None else gap
    same_rate = np.divide(history.frequency, history.age, out=np.zeros(len(history)), where=history.age > 0) * length
    recently = history.age - history.recency <= silence
    forecasts = {NOBODY: np.zeros(len(history)), SAME_RATE: same_rate, GAP_RULE: np.where(recently, same_rate, 0.0)}
    return forecasts if last_n_purchases is None else {**forecasts, LAST_PERIOD: last_n_purchases}


def naive_counts(
    history: PurchaseHistory, length: float, last_n_purchases: Floats | None, actual: Floats
) -> dict[str, Foretold]:
    """Give what the naive rules with a distribution say of the purchases that came."""
    bought = np.where(actual > 0, 1.0, 0.0)
    found = {NOBODY: Foretold(1.0 - bought, bought, np.ones(len(actual)), actual.copy())}
    mean_rate = float(history.frequency.sum()) / max(float(history.age.sum()), 1e-300)
    if mean_rate > 0:
        rate = (history.frequency + _HALF) / (history.age + _HALF / mean_rate)
        found[SAME_RATE] = of_poisson(rate * length, actual)
    if last_n_purchases is not None and last_n_purchases.any():
        mean = (last_n_purchases + _HALF) / (1.0 + _HALF / last_n_purchases.mean())
        found[LAST_PERIOD] = of_poisson(mean, actual)
    return found


def _naive_score(
    split: PurchaseSplit, name: str, foretold: Floats, money: Floats | None, counts: Foretold | None
) -> ModelScore:
    return ModelScore(
        name=name,
        log_likelihood=None,
        aic=None,
        purchases=_error(foretold, split.holdout_n_purchases),
        spend=_spend_error(split, money),
        counts=None if counts is None else scores_of(counts),
    )


def holdout_error(foretold: ArrayLike, actual: ArrayLike) -> HoldoutError:
    """Measure the error of a forecast, one element per customer.

    Parameters
    ----------
    foretold, actual : array_like
        Purchases or money of each customer, >= 0, shape (n,). Values below 1e-100 count as 0.

    Returns
    -------
    HoldoutError
        Bias, mean absolute error, root mean squared error, share of the best decile found, Gini of the order.

    Raises
    ------
    InputError
        If a value is below 0, NaN or infinite, or the columns are empty or differ in length.

    Notes
    -----
    The best tenth of n customers are n / 10 of them, at least one; customers tied at its edge share what is left of
    it. If all actual values are equal, no order is better than another, and the Gini coefficient is 0.

    Examples
    --------
    >>> holdout_error([2.0, 1.0], [1.0, 1.0]).bias
    0.5
    """
    require_same_index(foretold=foretold, actual=actual)
    foretold, actual = as_column("foretold", foretold), as_column("actual", actual)
    require(foretold >= 0, "foretold", foretold, ">= 0")
    require(actual >= 0, "actual", actual, ">= 0")
    require_same_length(foretold=foretold, actual=actual)
    return _error(foretold, actual)


@np.errstate(under="ignore")
def _error(foretold: Floats, actual: Floats) -> HoldoutError:
    """Measure the error of a forecast that is checked, or that the library has made."""
    total = float(actual.sum())
    excess = float(foretold.sum()) - total
    bias = excess / total if total else (0.0 if excess == 0.0 else float("inf"))
    best = _in_best_tenth(actual)
    own = _gini_along(actual, actual)
    return HoldoutError(
        bias=bias,
        mean_absolute_error=float(np.abs(foretold - actual).mean()),
        best_decile_found=float((best * _in_best_tenth(foretold)).sum() / best.sum()),
        gini=_gini_along(actual, foretold) / own if own else 0.0,
        root_mean_squared_error=math.sqrt(float(np.square(foretold - actual).mean())),
    )


def _read_models(
    fits: object, history: PurchaseHistory, time_varying: TimeVaryingHistory | None
) -> dict[str, ContinuousModel]:
    if not isinstance(fits, Mapping) or not fits:
        raise InputError("fits", "a mapping of names to fits or models, with at least one", fits)
    refuse_unused(time_varying, *fits.values())
    models = {}
    for name, given in fits.items():
        as_text("fits", name)
        models[name] = as_model_of(f"fits[{name!r}]", given, history, time_varying)
        if name in NAIVE_RULES:
            raise InputError("fits", "names other than those of the naive rules", name)
    return models


def _default_gap(history: PurchaseHistory) -> float:
    repeats = float(history.frequency.sum())
    return _PACES * float(history.recency.sum()) / repeats if repeats else float("inf")


def _spend_error(split: PurchaseSplit, foretold: Floats | None) -> HoldoutError | None:
    if foretold is None or split.holdout_spend is None:
        return None
    return _error(foretold, split.holdout_spend)


def _in_best_tenth(value: Floats) -> Floats:
    """Say how far each customer belongs to the best tenth: 1, 0, or a share for those tied at its edge."""
    size = max(1.0, len(value) / 10.0)
    edge = np.sort(value)[::-1][int(np.ceil(size)) - 1]
    above, tied = value > edge, value == edge
    share = (size - np.count_nonzero(above)) / np.count_nonzero(tied)
    return np.where(above, 1.0, np.where(tied, share, 0.0))


def _gini_along(actual: Floats, order: Floats) -> float:
    """Gini coefficient of the actual values along an order, worst first; ties share their ranks."""
    n, total = len(actual), float(actual.sum())
    if total == 0.0:
        return 0.0
    _, place, ties = np.unique(order, return_inverse=True, return_counts=True)
    rank = (np.cumsum(ties) - 0.5 * (ties - 1))[place]
    return float(((2.0 * rank - n - 1.0) * actual).sum() / (n * total))
