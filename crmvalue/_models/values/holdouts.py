"""What the models leave out, such as a season: intervals widened by the errors of forecasts for holdouts.

The same kind of model is fitted again to the calibration of each holdout, and its forecast is compared with what
happened. So an error has everything in it: parameters, chance, season and misfit.
"""

from __future__ import annotations

import math
import warnings
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue._core.encoding.customers import is_among
from crmvalue._models.aging.ggompertz_nbd import GgompertzNbd, fit_ggompertz_nbd
from crmvalue._models.correlated.correlated_pareto_nbd import CorrelatedParetoNbd, fit_correlated_pareto_nbd
from crmvalue._models.regular.bg_cnbd import BgCnbd, MbgCnbd, fit_bg_cnbd, fit_mbg_cnbd
from crmvalue._models.repeat.bg_nbd import BgNbd, fit_bg_nbd
from crmvalue._models.repeat.mbg_nbd import MbgNbd, fit_mbg_nbd
from crmvalue._models.repeat.nbd import Nbd, fit_nbd
from crmvalue._models.repeat.pareto_nbd import ParetoNbd, fit_pareto_nbd
from crmvalue._models.shared.covariates import BOTH
from crmvalue._models.spend.any_model import refit_spend, spend_ahead
from crmvalue.errors import ConvergenceError, DataWarning, InputError
from crmvalue.purchases import DAYS_PER_UNIT, PurchaseSplit
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue._models.shared.fit import Fit
    from crmvalue._models.values.value_intervals import ValueIntervals
    from crmvalue.purchases import PurchaseHistory
    from crmvalue.typing import Floats

__all__ = ["holdout_errors", "inflated", "read_holdouts"]

_FITS: dict[type[Any], Callable[..., Fit[Any]]] = {
    BgNbd: fit_bg_nbd,
    MbgNbd: fit_mbg_nbd,
    CorrelatedParetoNbd: fit_correlated_pareto_nbd,
    GgompertzNbd: fit_ggompertz_nbd,
    Nbd: fit_nbd,
    ParetoNbd: fit_pareto_nbd,
    BgCnbd: fit_bg_cnbd,
    MbgCnbd: fit_mbg_cnbd,
}
_LIKE_THE_HORIZON = 0.75  # a holdout shorter than this part of the horizon, or the other way round, is warned of
_LARGEST = 500.0  # logarithm of a factor whose product with money is a number that values take


def read_holdouts(given: object, history: PurchaseHistory, horizon: float | None) -> tuple[PurchaseSplit, ...]:
    """Check one split or several: of the log of the history, each over before it ends, none in two holdouts."""
    rule = "a PurchaseSplit, or a list of them"
    splits = (given,) if isinstance(given, PurchaseSplit) else given
    if not isinstance(splits, list | tuple) or not splits:
        raise InputError("holdout", rule, given, hint="crmvalue.purchases.split_purchases makes one")
    for split in splits:
        if not isinstance(split, PurchaseSplit):
            raise InputError("holdout", rule, split)
        _check_split(split, history)
    dated = [_days(split) for split in splits if split.calibration.as_of is not None]
    dated.sort()
    for (_, end), (begin, _) in pairwise(dated):
        if begin < end:
            raise InputError(
                "holdout", "splits whose holdouts do not overlap", f"one up to {end}, and one from after {begin}",
                hint="days in two holdouts would count twice",
            )  # fmt: skip
    lengths = [split.holdout_length for split in splits]
    if horizon is None or min(lengths) < _LIKE_THE_HORIZON * horizon or max(lengths) * _LIKE_THE_HORIZON > horizon:
        unit = history.time_unit
        ahead = "for life" if horizon is None else f"for {horizon:g} {unit if horizon == 1 else f'{unit}s'}"
        message = (
            f"the values are {ahead}, the holdouts have {_range(lengths, unit)}: a season averages out "
            "over a longer time, a trend adds up, so the intervals may be too wide or too narrow"
        )
        warnings.warn(DataWarning(message, len(splits)), stacklevel=4)
    return tuple(splits)


def _check_split(split: PurchaseSplit, history: PurchaseHistory) -> None:
    past = split.calibration
    if past.time_unit != history.time_unit:
        raise InputError("holdout", f"splits in the unit of the history, {history.time_unit!r}", past.time_unit)
    if split.holdout_spend is None or past.mean_repeat_spend is None:
        raise InputError("holdout", "splits of a log with amounts", None, hint="give amounts to split_purchases")
    if not split.holdout_spend.sum() > 0:
        raise InputError("holdout", "splits with money in the holdout", float(split.holdout_spend.sum()))
    if past.as_of is not None and history.as_of is not None and _days(split)[1] > history.as_of:
        raise InputError(
            "holdout", f"splits that are over when the history ends, {history.as_of}", str(_days(split)[1])
        )
    if past.customer is not None and history.customer is not None:
        others = int((~is_among(past.customer, history.customer)).sum())
        if others:
            raise InputError("holdout", "splits of the same log as the history", f"{others} customers not in it")


def _days(split: PurchaseSplit) -> tuple[np.datetime64, np.datetime64]:
    """Last day of the calibration and of the holdout."""
    length = round(split.holdout_length * DAYS_PER_UNIT[split.calibration.time_unit])
    cut: np.datetime64 = split.calibration.as_of  # type: ignore[assignment]  # asked of dated splits alone
    return cut, cut + np.timedelta64(length, "D")


def _range(lengths: list[float], unit: str) -> str:
    low, high = f"{min(lengths):.3g}", f"{max(lengths):.3g}"
    return f"{low if low == high else f'{low} to {high}'} {unit if low == high == '1' else f'{unit}s'}"


def holdout_errors(splits: tuple[PurchaseSplit, ...], purchase_fit: Any, spend_fit: Any) -> Floats:
    """Logarithm of the money of each holdout over its forecast, the models fitted again to the calibration."""
    if type(purchase_fit.model) not in _FITS:
        rule = f"a fit of {', '.join(kind.__name__ for kind in _FITS)}, which can be fitted again to a holdout"
        hint = "a calendar needs the log, which splits do not have: fit the model without one for this"
        inner = getattr(purchase_fit.model, "model", None)
        raise InputError("purchase_model", rule, type(purchase_fit.model).__name__, hint=hint if inner else None)
    return np.array([_error(split, purchase_fit, spend_fit) for split in splits])


def _error(split: PurchaseSplit, purchase_fit: Fit[Any], spend_fit: Fit[Any]) -> float:
    past, model = split.calibration, purchase_fit.model
    effects = {
        "purchase_covariates": [effect.name for effect in model.purchase_effects],
        "dropout_covariates": [effect.name for effect in model.dropout_effects],
    }
    effects["equal_covariates"] = [name.removeprefix(BOTH) for name in purchase_fit.names if name.startswith(BOTH)]
    options: dict[str, Any] = {name: names for name, names in effects.items() if names}
    if isinstance(model, BgCnbd | MbgCnbd):
        options["k"] = model.k
    try:
        purchases = _FITS[type(model)](past, priors=dict(purchase_fit.priors) or None, **options).model
        spending = refit_spend(spend_fit, past).model
        ahead = spend_ahead(spending, past, split.holdout_length)
        foretold = purchases.expected_purchases(past, horizon=split.holdout_length) @ ahead
    except (ConvergenceError, InputError) as error:
        rule = "splits to whose calibration both models can be fitted"
        raise InputError("holdout", rule, f"one up to {past.as_of}", hint=str(error)) from error
    return math.log(split.holdout_spend.sum() / foretold)  # type: ignore[union-attr]  # checked before


class _Reach(NamedTuple):
    """How far the ends of an interval are from a value, as logarithms of factors, >= 0."""

    low: float
    high: float


def inflated(intervals: ValueIntervals, clv: Floats, cost: Floats, errors: Floats) -> ValueIntervals:
    """Widen intervals of values by errors of forecasts; `cost` is that of serving, which no season moves."""
    from scipy.special import stdtrit

    value, served = math.fsum((clv + cost).tolist()), math.fsum(cost.tolist())
    t = float(stdtrit(len(errors), 0.5 + 0.5 * intervals.level))
    whole = t * math.sqrt(float(errors @ errors) / len(errors))
    known, chance = (_reach(ends, value, served) for ends in (intervals.total, intervals.total_outcome))
    own = math.hypot(min(known), min(chance))
    more = min(math.sqrt(max(whole * whole - own * own, 0.0)), _LARGEST)
    factor = math.exp(more)

    def customers(name: str) -> tuple[Floats, Floats]:
        low, high = (getattr(intervals, f"{name}_{end}") for end in ("low", "high"))
        lower = np.where(low + cost > 0, (low + cost) / factor - cost, low)
        return lower, np.where(high + cost > 0, (high + cost) * factor - cost, high)

    with np.errstate(over="ignore", under="ignore"):
        (clv_low, clv_high), (outcome_low, outcome_high) = customers("clv"), customers("outcome")
    return attrs.evolve(
        intervals,
        clv_low=clv_low,
        clv_high=clv_high,
        outcome_low=outcome_low,
        outcome_high=outcome_high,
        total=_widened(intervals.total, value, served, (known,), more),
        total_outcome=_widened(intervals.total_outcome, value, served, (known, chance), more),
        inflation=factor,
        holdout_errors=errors,
    )


def _reach(ends: Interval, value: float, served: float) -> _Reach:
    if value <= 0:
        return _Reach(math.inf, math.inf)
    low, high = ends.low + served, ends.high + served
    below = math.inf if low <= 0 else math.log(value / low)
    above = 0.0 if high <= 0 else math.log(high / value)
    return _Reach(max(below, 0.0), max(above, 0.0))


def _widened(ends: Interval, value: float, served: float, reaches: tuple[_Reach, ...], more: float) -> Interval:
    """Move the ends out: what is independent adds up as squares of logarithms."""
    if value <= 0:
        return ends
    low = value * math.exp(-math.hypot(more, *(reach.low for reach in reaches))) - served
    above = math.hypot(more, *(reach.high for reach in reaches))
    high = value * math.exp(above) - served if above <= _LARGEST else math.inf
    return Interval(min(low, ends.low), max(high, ends.high))  # type: ignore[arg-type]  # a float is as good as numpy's
