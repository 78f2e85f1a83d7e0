"""Forecast of what the customers of a log will do; the part of the report on purchase models.

The public door is :mod:`crmvalue.report`. All times are in weeks.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from crmvalue import ltv
from crmvalue._core.checks import as_day, as_float, as_fraction, as_positive, as_text
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    FixedMapping,
    checked_field,
    count_field,
    number_field,
    optional,
    tuple_of,
    words_field,
)
from crmvalue._purchases.order_log import Log, Policy, aggregate, last_day, read_log
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.models import (
    HoldoutError,
    ModelScore,
    compare_models,
    customer_values,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_pareto_nbd,
    spend_independence,
)
from crmvalue.purchases import PurchaseHistory, PurchaseSplit, split_log, to_history

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.models import Fit, GammaGamma
    from crmvalue.purchases import Duplicates, Missing, Refunds, Zeros
    from crmvalue.typing import ArrayLike

__all__ = ["NAIVE_RULE", "ModelSummary", "Outlook", "summarise_models", "summarise_models_log"]

_FITS: dict[str, Callable[[PurchaseHistory], Fit[Any]]] = {
    "BG/NBD": fit_bg_nbd,
    "MBG/NBD": fit_mbg_nbd,
    "Pareto/NBD": fit_pareto_nbd,
}
NAIVE_RULE = "same rate as before"
"""Rule of :func:`crmvalue.models.compare_models` that the overview shows beside the chosen model."""

_HORIZON = 52.0
_CALIBRATION = 0.6  # share of the span of the log
_FEWEST = 30  # fewer customers or repeat purchases cannot determine four parameters


def _by_name(name: str, value: Any) -> FixedMapping[str, float]:
    """Take parameters by name."""
    if not isinstance(value, Mapping):
        raise InputError(name, "a mapping of names to numbers", value)
    return FixedMapping({as_text(name, key): as_float(name, number) for key, number in value.items()})


@attrs.frozen(kw_only=True)
class ModelSummary:
    """The model that suits a log best, its score on a holdout, and its forecast for the base.

    A figure that could not be found is None; then `problem` or `spend_problem` says why.

    Parameters
    ----------
    as_of : datetime64[D]
        Last day of observation.
    n_customers : int
        Customers with at least one purchase.
    calibration_end : datetime64[D] or None
        Last day of the calibration, on which the models were fitted; the later part was held back.
    holdout_length : float or None
        Length of the part that was held back [weeks].
    model : str or None
        The chosen model: among the trustworthy fits, the one with the best AIC on the calibration.
    parameters : dict of str to float or None
        Parameters of that model, fitted on the whole log, with times in weeks.
    scores : tuple of ModelScore
        All models that could be fitted on the calibration, then the naive rules.
    problem : str or None
        Why there is no model.
    expected_purchases : float or None
        Purchases of all customers within the horizon.
    share_alive : float or None
        Mean probability that a customer is still active.
    spend_parameters : dict of str to float or None
        p, q and gamma of the gamma-gamma model, fitted on the whole log.
    n_zero_spend : int
        Customers whose repeat purchases cost nothing. The fit of the gamma-gamma model left them out.
    spend_problem : str or None
        Why there is no value in money.
    value : float or None
        Value of the base over the horizon, discounted if there is a rate [money].
    value_for_life : float or None
        Value of the base for life, discounted [money]; None without a discount rate above 0.
    margin, discount_rate : float or None
        The arguments as given; the rate is per year. Without a margin, values are in revenue.
    horizon : float
        Length of the future [weeks].
    warnings : tuple of str
        Warnings of the models about the data.

    Examples
    --------
    >>> summary = summarise_models([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30])
    >>> summary.model is None, summary.problem
    (True, 'a model needs at least 30 customers with 30 repeat purchases; until 2024-02-06 there are 1 with 0')
    """

    as_of: np.datetime64 = checked_field("as_of", as_day, eq=str)
    n_customers: int = count_field("n_customers")
    calibration_end: np.datetime64 | None = checked_field("calibration_end", optional(as_day), default=None, eq=str)
    holdout_length: float | None = number_field("holdout_length", low=0.0, default=None)
    model: str | None = checked_field("model", optional(as_text), default=None)
    parameters: dict[str, float] | None = checked_field("parameters", optional(_by_name), default=None)
    scores: tuple[ModelScore, ...] = checked_field("scores", tuple_of(ModelScore), default=())
    problem: str | None = checked_field("problem", optional(as_text), default=None)
    expected_purchases: float | None = number_field("expected_purchases", default=None)
    share_alive: float | None = number_field("share_alive", low=0.0, default=None)
    spend_parameters: dict[str, float] | None = checked_field("spend_parameters", optional(_by_name), default=None)
    n_zero_spend: int = count_field("n_zero_spend", default=0)
    spend_problem: str | None = checked_field("spend_problem", optional(as_text), default=None)
    value: float | None = number_field("value", default=None)
    value_for_life: float | None = number_field("value_for_life", default=None)
    margin: float | None = number_field("margin", default=None)
    discount_rate: float | None = number_field("discount_rate", default=None)
    horizon: float = number_field("horizon", low=0.0, default=_HORIZON)
    warnings: tuple[str, ...] = words_field("warnings", default=())

    def score(self, name: str) -> ModelScore:
        """Give the score of a model or a naive rule by its name; another name is an InputError."""
        for score in self.scores:
            if score.name == name:
                return score
        raise InputError("name", f"one of {', '.join(score.name for score in self.scores) or 'none'}", name)

    def to_json(self) -> str:
        """Write all figures as JSON text; :meth:`from_json` reads them back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ModelSummary:
        """Read what :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> summary = summarise_models([1, 1], ["2024-01-01", "2024-03-01"], [10, 20])
        >>> ModelSummary.from_json(summary.to_json()) == summary
        True
        """
        return from_json(cls, text, HoldoutError, ModelScore)


class Outlook(NamedTuple):
    """The summary, and the table of all customers if there is a model."""

    summary: ModelSummary
    columns: dict[str, npt.NDArray[Any]] | None


def summarise_models(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    margin: float | None = None,
    discount_rate: float | None = None,
    as_of: ArrayLike | None = None,
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
) -> ModelSummary:
    """Choose a purchase model for an order log, check it on a holdout, and value the base with it.

    Parameters
    ----------
    customer, date, amount, as_of, refunds, zeros, missing, duplicates
        As in :func:`summarise_base`.
    margin : float, optional
        Margin [fraction of revenue], in [0, 1]. Without it, values are in revenue.
    discount_rate : float, optional
        Effective rate per **year** [fraction], >= 0.

    Returns
    -------
    ModelSummary
        The model and its figures, or the reason why there are none.

    Raises
    ------
    InputError
        As :func:`crmvalue.purchases.summarise_purchases`, and for a margin or rate outside its range.

    Notes
    -----
    BG/NBD, MBG/NBD and Pareto/NBD are fitted on the first 60 % of the span of the log and scored on the rest by
    :func:`crmvalue.models.compare_models`. Among the trustworthy fits, the model with the best AIC is fitted again on
    the whole log. If that fit is not trustworthy, the next model is taken. Values come from
    :func:`crmvalue.models.customer_values`.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> summary = summarise_models(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3)
    >>> str(summary.calibration_end), len(summary.scores)
    ('1997-11-24', 5)
    """
    log = read_log(customer, date, amount, time_unit="week", grain="day")
    policy = Policy(refunds, zeros, missing, duplicates)
    return summarise_models_log(log, policy, margin=margin, discount_rate=discount_rate, as_of=as_of).summary


def summarise_models_log(
    log: Log, policy: Policy, *, margin: float | None, discount_rate: float | None, as_of: ArrayLike | None
) -> Outlook:
    """Do what :func:`summarise_models` does, for a log that has been read; make the table of customers too."""
    margin = optional(partial(as_fraction, closed=True))("margin", margin)
    rate = optional(partial(as_positive, zero=True))("discount_rate", discount_rate)
    end = last_day(log, "as_of", as_of)
    history = to_history(aggregate(log, policy, None, end, "day"), end, "week", "day")
    blank = ModelSummary(as_of=end, n_customers=len(history), margin=margin, discount_rate=rate)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        summary, columns = _look_ahead(log, policy, history, blank)
    said = tuple(dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught))
    return Outlook(attrs.evolve(summary, warnings=said), columns)


def _look_ahead(log: Log, policy: Policy, history: PurchaseHistory, blank: ModelSummary) -> Outlook:
    split, problem = _split(log, policy, history, blank.as_of)
    if split is None:
        return Outlook(attrs.evolve(blank, problem=problem), None)
    fits, failed = _fit_all(split.calibration)
    spend, _, _ = _fit_spend(split.calibration)
    scores = compare_models(split, fits, spend_model=spend) if fits else ()
    summary = attrs.evolve(
        blank, scores=scores, calibration_end=split.calibration.as_of, holdout_length=split.holdout_length
    )
    trusted = sorted((name for name, fit in fits.items() if fit.diagnosis.trustworthy), key=lambda name: fits[name].aic)
    failed |= {name: fit.diagnosis.messages[0] for name, fit in fits.items() if not fit.diagnosis.trustworthy}
    for name in trusted:
        refits, refused = _fit_all(history, name)
        fit = refits.get(name)
        if fit is not None and fit.diagnosis.trustworthy:
            return _value(history, attrs.evolve(summary, model=name), fit)
        failed |= refused if fit is None else {name: fit.diagnosis.messages[0]}
    why = next(iter(failed.items()))
    return Outlook(attrs.evolve(summary, problem=f"no fit can be trusted; {why[0]}: {why[1]}"), None)


def _split(
    log: Log, policy: Policy, history: PurchaseHistory, end: np.datetime64
) -> tuple[PurchaseSplit | None, str | None]:
    """Hold the newest part of the log back, or say why that is not possible."""
    n_days = round(float(history.age.max()) * 7.0)
    cut = end - np.timedelta64(n_days - round(_CALIBRATION * n_days), "D")
    if cut >= end or cut < log.day.min():
        return None, f"the log spans {n_days + 1} days, too few for a holdout"
    try:
        split = split_log(log, policy, cut, end, "week", "day")
    except InputError as error:
        return None, f"the log cannot be cut at {cut}: {error}"
    n, n_repeats = len(split.calibration), int(split.calibration.frequency.sum())
    if n < _FEWEST or n_repeats < _FEWEST:
        few = f"a model needs at least {_FEWEST} customers with {_FEWEST} repeat purchases"
        return None, f"{few}; until {cut} there are {n:,} with {n_repeats:,}"
    if not split.holdout_n_purchases.any():
        return None, f"after {cut} none of the earlier customers bought again, so that no model can be checked"
    return split, None


def _fit_all(history: PurchaseHistory, only: str | None = None) -> tuple[dict[str, Fit[Any]], dict[str, str]]:
    """Fit all models, or one; give the fits, and the reason for each that failed."""
    fits: dict[str, Fit[Any]] = {}
    failed: dict[str, str] = {}
    for name, fit in _FITS.items():
        if only in (None, name):
            try:
                fits[name] = fit(history)
            except (ConvergenceError, InputError) as error:
                failed[name] = str(error)
    return fits, failed


def _fit_spend(history: PurchaseHistory) -> tuple[GammaGamma | None, int, str | None]:
    """Fit the spend of repeat buyers: the model, how many customers it left out, or why there is no model."""
    if history.mean_repeat_spend is None:
        return None, 0, "the log has no amounts"
    if not np.nansum(history.mean_repeat_spend) > 0:
        return None, 0, "no repeat purchase was paid for"
    try:
        fit = fit_gamma_gamma(history, zeros="drop")
    except (ConvergenceError, InputError) as error:
        return None, 0, f"the spend cannot be fitted: {error}"
    n_zero = fit.left_out["zero spend"]
    if fit.model.q <= 1:
        return None, n_zero, f"the spend has no finite mean (q = {fit.model.q:.2f}): look for outliers in the amounts"
    if not fit.diagnosis.trustworthy:
        return None, n_zero, f"the fit of the spend cannot be trusted: {fit.diagnosis.messages[0]}"
    return fit.model, n_zero, None


def _value(history: PurchaseHistory, summary: ModelSummary, fit: Fit[Any]) -> Outlook:
    """Forecast with the model that was fitted on the whole log."""
    spend, n_zero, problem = _fit_spend(history)
    if spend is not None:
        spend_independence(history)  # it warns if the data break the assumption
    weekly = 0.0
    if summary.discount_rate is not None:
        weekly = float(ltv.convert_rate(summary.discount_rate, kind="discount", from_period="year", to_period="week"))
    share = 1.0 if summary.margin is None else summary.margin
    columns = {name: column for name, column in history.to_columns().items() if name != "mean_repeat_spend"}
    nothing = np.full(len(history), np.nan)
    value = life = None
    if spend is None:
        found = {
            "prob_alive": fit.model.prob_alive(history),
            "expected_purchases": fit.model.expected_purchases(history, horizon=_HORIZON),
            "expected_spend": nothing,
            "clv": nothing,
        }
    else:
        table = customer_values(history, fit.model, spend, horizon=_HORIZON, margin=share, discount_rate=weekly)
        value = table.total
        found = table.to_columns()
        if weekly > 0.0:
            life = customer_values(history, fit.model, spend, horizon=None, margin=share, discount_rate=weekly).total
    first = ("customer", "frequency", "recency", "age")
    ahead = ("prob_alive", "expected_purchases", "expected_spend", "clv")
    table_columns = {name: columns[name] for name in first} | {name: found[name] for name in ahead}
    return Outlook(
        attrs.evolve(
            summary,
            parameters=_parameters(fit.model),
            expected_purchases=float(found["expected_purchases"].sum()),
            share_alive=float(found["prob_alive"].mean()),
            spend_parameters=None if spend is None else _parameters(spend),
            n_zero_spend=n_zero,
            spend_problem=problem,
            value=value,
            value_for_life=life,
        ),
        table_columns | {name: column for name, column in columns.items() if name not in first},
    )


def _parameters(model: Any) -> dict[str, float]:
    fields: Mapping[str, Any] = attrs.asdict(model)
    return {name: value for name, value in fields.items() if isinstance(value, float)}
