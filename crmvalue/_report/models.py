"""Forecast of what the customers of a log will do; the part of the report on purchase models.

The public door is :mod:`crmvalue.report`. All times are in weeks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import attrs
import numpy as np

from crmvalue import ltv
from crmvalue._core.calendar import start_of_log
from crmvalue._core.checks import as_day, as_float, as_fraction, as_positive, as_text
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, spoken_for
from crmvalue._core.values import (
    FixedMapping,
    checked_field,
    count_field,
    number_field,
    optional,
    require_at_most,
    tuple_of,
    words_field,
)
from crmvalue._models.seasons.calendar import SEASONS
from crmvalue._models.validation.calibration import measure_independence
from crmvalue._models.validation.choice import in_order, score_candidates
from crmvalue._models.validation.comparison import NOBODY, naive_forecasts
from crmvalue._purchases.order_log import Log, Policy, aggregate, last_day, read_log
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.models import (
    HoldoutError,
    ModelScore,
    ProperScores,
    compare_models,
    customer_values,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
)
from crmvalue.purchases import PurchaseHistory, PurchaseSplit, split_log, to_history

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from crmvalue._report.reading.terms import CustomerTerms
    from crmvalue.models import Fit, GammaGamma
    from crmvalue.purchases import Duplicates, Missing, Refunds, Zeros
    from crmvalue.typing import ArrayLike

__all__ = ["Fitted", "ModelSummary", "Outlook", "reason_of_error", "summarise_models", "summarise_models_log"]

_FITS: dict[str, Callable[[PurchaseHistory], Fit[Any]]] = {
    "BG/NBD": fit_bg_nbd,
    "MBG/NBD": fit_mbg_nbd,
    "Pareto/NBD": fit_pareto_nbd,
    "NBD": fit_nbd,
}
_FEW_PARAMETERS = ("NBD",)  # for which a few customers are enough

_ADVICE = re.compile(r": (?:give a prior|try a simpler model)[^:]*get more data$")
_HORIZON = 52.0
_WEEKS_A_YEAR = 365.25 / 7.0
_INNER = 0.25  # share of the calibration on which the model is chosen
_CALIBRATION = 0.6  # share of the span of the log
_EARLY = 100  # 1 in so many customers may have come long before the others, and gone
_FEWEST_TO_FORECAST = 10
_FEWEST = 30  # fewer customers or repeat purchases cannot determine four parameters
_GOOD_BIAS, _USABLE_BIAS = 0.25, 0.5  # of the total of the holdout
_TRIFLE = 0.01  # of that total: forecasts of it that differ by less count as alike
_BETTER = 0.05  # by which the mean error of a naive rule has to be smaller for the grade


def _as_parameters(name: str, value: Any) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        raise InputError(name, "a mapping of names to numbers", value)
    return FixedMapping({as_text(name, key): as_float(f"{name}[{key!r}]", number) for key, number in value.items()})


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
        The chosen model: among the usable fits, the one with the best log score on the last quarter of the calibration.
    rule : str or None
        The naive rule that makes the forecast because no model is usable.
    grade : {"good", "usable", "not usable"} or None
        What the forecast of purchases is worth. "good": the fit of the model is good (see
        :class:`crmvalue.models.Diagnosis`), the total of the holdout was foretold to within 25 %, and no naive rule has
        a mean error that is more than 5 % smaller. "usable": the fit is usable, and the total of n purchases was
        foretold to within 50 % and chance, which is 2 / sqrt(n). Else "not usable".
    money_grade : {"good", "usable", "not usable"} or None
        What the forecast of money is worth; never more than that of purchases, on which it rests. "good": the total of
        money in the holdout was foretold to within 25 %, and no naive rule has a mean error of money that is more than
        5 % smaller. "usable": to within 50 % and chance, as for purchases. Else "not usable". None if the money of the
        holdout was not foretold or is 0.
    parameters : mapping of str to float or None
        Parameters of that model, fitted on the whole log, with times in weeks.
    scores : tuple of ModelScore
        All models that could be fitted on the calibration, then the naive rules.
    problem : str or None
        Why there is no forecast, or why a naive rule makes it.
    expected_purchases : float or None
        Purchases of all customers within the horizon.
    share_alive : float or None
        Mean probability that a customer is still active.
    spend_parameters : mapping of str to float or None
        Parameters p, q and gamma of the gamma-gamma model, fitted on the whole log.
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
    service_cost : float or None
        Cost of serving a customer while active [money/year], taken off the values; a mean, if it differs by customer.
        The command gives one; :func:`summarise_models` knows none.
    horizon : float
        Length of the future [weeks].
    warnings : tuple of str
        Assumptions of the models that the data break, in words.
    log_scores : mapping of str to float or None
        Log score [nats] of each usable model on the last quarter of the calibration, when it was fitted to the rest;
        lower is better. None where that was not possible, so that AIC decided.
    unseen_months : tuple of str
        Months of the year within the horizon of which the log has no day; empty for a log of a year or more. If
        customers buy more or less in them than in the others, no forecast of this log can know it.

    Examples
    --------
    >>> summary = summarise_models([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30])
    >>> summary.model is None, summary.problem
    (True, 'a forecast needs at least 10 customers; the log has 1 until 2024-02-06')
    """

    as_of: np.datetime64 = checked_field("as_of", as_day, eq=str)
    n_customers: int = count_field("n_customers")
    calibration_end: np.datetime64 | None = checked_field("calibration_end", optional(as_day), default=None, eq=str)
    holdout_length: float | None = number_field("holdout_length", low=0.0, default=None)
    model: str | None = checked_field("model", optional(as_text), default=None)
    rule: str | None = checked_field("rule", optional(as_text), default=None)
    grade: str | None = checked_field("grade", optional(as_text), default=None)
    money_grade: str | None = checked_field("money_grade", optional(as_text), default=None)
    parameters: Mapping[str, float] | None = checked_field("parameters", optional(_as_parameters), default=None)
    scores: tuple[ModelScore, ...] = checked_field("scores", tuple_of(ModelScore), default=())
    problem: str | None = checked_field("problem", optional(as_text), default=None)
    expected_purchases: float | None = number_field("expected_purchases", low=0.0, default=None)
    share_alive: float | None = number_field("share_alive", low=0.0, high=1.0, default=None)
    spend_parameters: Mapping[str, float] | None = checked_field(
        "spend_parameters", optional(_as_parameters), default=None
    )
    n_zero_spend: int = count_field("n_zero_spend", default=0)
    spend_problem: str | None = checked_field("spend_problem", optional(as_text), default=None)
    value: float | None = number_field("value", default=None)
    value_for_life: float | None = number_field("value_for_life", default=None)
    margin: float | None = number_field("margin", low=0.0, high=1.0, default=None)
    discount_rate: float | None = number_field("discount_rate", low=0.0, default=None)
    service_cost: float | None = number_field("service_cost", low=0.0, default=None)
    horizon: float = number_field("horizon", low=0.0, default=_HORIZON)
    warnings: tuple[str, ...] = words_field("warnings", default=())
    log_scores: Mapping[str, float] | None = checked_field("log_scores", optional(_as_parameters), default=None)
    unseen_months: tuple[str, ...] = words_field("unseen_months", default=())

    def __attrs_post_init__(self) -> None:
        names = [score.name for score in self.scores]
        for field in ("model", "rule"):
            name = getattr(self, field)
            if name is not None and name not in names:
                raise InputError(field, f"one of the names in `scores`: {', '.join(names) or 'none'}", name)
        for field in ("grade", "money_grade"):
            if getattr(self, field) not in {None, "good", "usable", "not usable"}:
                raise InputError(field, '"good", "usable", "not usable" or None', getattr(self, field))
        require_at_most(self, "calibration_end", "as_of")
        require_at_most(self, "n_zero_spend", "n_customers")

    def score(self, name: str) -> ModelScore:
        """Give the score of a model or a naive rule by its name; another name is an InputError."""
        for score in self.scores:
            if score.name == name:
                return score
        raise InputError("name", f"one of {', '.join(score.name for score in self.scores) or 'none'}", name)

    @property
    def rules(self) -> tuple[ModelScore, ...]:
        """Scores of the naive rules that foretell purchases; that of "nobody buys" is in `scores` alone."""
        return tuple(score for score in self.scores if score.aic is None and score.name != NOBODY)

    @property
    def better_rules(self) -> tuple[str, ...]:
        """Naive rules whose log score on the holdout is below that of the chosen model, the best first.

        "churned after a gap" has no log score: see :func:`crmvalue.models.compare_models`.
        """
        return self._better(lambda score: None if score.counts is None else score.counts.log_score)

    @property
    def better_rules_by_error(self) -> tuple[str, ...]:
        """Naive rules whose mean error of purchases is below that of the chosen model, the best first.

        That error is smallest for forecasts of what is most common, which are too low for the total.
        """
        return self._better(lambda score: score.purchases.mean_absolute_error)

    @property
    def better_money_rules(self) -> tuple[str, ...]:
        """Naive rules whose mean error of money is below that of the chosen model, the best first."""
        return self._better(lambda score: None if score.spend is None else score.spend.mean_absolute_error)

    @property
    def total_is_rough(self) -> bool:
        """Whether the forecast missed the total of the holdout by more than a quarter."""
        name = self.model or self.rule
        return name is not None and abs(self.score(name).purchases.bias) > _GOOD_BIAS

    def _better(self, error: Callable[[ModelScore], float | None]) -> tuple[str, ...]:
        if self.model is None:
            return ()
        scores = (self.score(self.model), *self.rules)
        far = {score.name: found for score in scores if (found := error(score)) is not None}
        limit = far.get(self.model, 0.0)
        return tuple(sorted((name for name in far if far[name] < limit), key=far.__getitem__))

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
        return from_json(cls, text, HoldoutError, ModelScore, ProperScores)


class Fitted(NamedTuple):
    """What the values rest on: the customers, the fits to the whole log, and margin, rate and cost of serving."""

    history: PurchaseHistory
    purchases: Fit[Any]
    spend: Fit[GammaGamma] | None
    money: dict[str, Any]


class Outlook(NamedTuple):
    """The summary, the table of all customers if there is a forecast, and what it rests on if a model made it."""

    summary: ModelSummary
    columns: dict[str, npt.NDArray[Any]] | None
    fitted: Fitted | None = None


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
    BG/NBD, MBG/NBD, Pareto/NBD and NBD are fitted on the first 60 % of the span of the log and scored on the rest by
    :func:`crmvalue.models.compare_models`; with fewer than 30 customers or repeat purchases NBD alone. If too few
    customers came in that part, the span begins after the first hundredth of the customers has come: a few who came
    long before the others do not set it. Among the usable fits, the model is taken that has the best log score on the
    last quarter of the calibration, fitted to the rest of it. Models within one standard error of the best, or within
    0.001 nats, count as equally good: the one with the fewest parameters is taken, and among these the one with the
    best AIC. If that quarter cannot be cut off, AIC decides. The model is fitted again on the whole log. If that fit is
    not usable, the next model is taken. Values come from
    :func:`crmvalue.models.customer_values`.

    If no model is usable, or the chosen one missed the total of the holdout by over 50 % and chance, the naive rule
    with the smallest mean error makes the forecast. It gives no probability to be active and no value for life. Its
    value is the foretold purchases at the mean spend of each customer, spread evenly over the year.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> summary = summarise_models(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3)
    >>> str(summary.calibration_end), len(summary.scores)
    ('1997-11-24', 8)
    """
    log = read_log(customer, date, amount, time_unit="week", grain="day", missing=missing)
    policy = Policy(refunds, zeros, missing, duplicates)
    return summarise_models_log(log, policy, margin=margin, discount_rate=discount_rate, as_of=as_of).summary


def summarise_models_log(
    log: Log,
    policy: Policy,
    *,
    margin: float | None,
    discount_rate: float | None,
    as_of: ArrayLike | None,
    terms: CustomerTerms | None = None,
) -> Outlook:
    """Do what :func:`summarise_models` does, for a log that has been read; make the table of customers too.

    With terms of each customer, `margin` and `discount_rate` are their means, for the summary.
    """
    margin = optional(partial(as_fraction, closed=True))("margin", margin)
    rate = optional(partial(as_positive, zero=True))("discount_rate", discount_rate)
    end = last_day(log, "as_of", as_of)
    history = to_history(aggregate(log, policy, None, end, "day"), end, "week", "day")
    serving = None if terms is None else terms.mean("service_cost")
    blank = ModelSummary(as_of=end, n_customers=len(history), margin=margin, discount_rate=rate, service_cost=serving)
    own = None if terms is None else terms.of(history.customer)  # type: ignore[arg-type]  # made from a log
    with spoken_for():  # what is odd about the log has been said
        return _look_ahead(log, policy, history, blank, own)


def _look_ahead(
    log: Log, policy: Policy, history: PurchaseHistory, blank: ModelSummary, terms: CustomerTerms | None
) -> Outlook:
    split, problem = _split(log, policy, history, blank.as_of)
    if split is None:
        return Outlook(attrs.evolve(blank, problem=problem), None)
    fits, failed = _fit_all(split.calibration, _candidates(split.calibration))
    if not fits:
        return Outlook(attrs.evolve(blank, problem=_why(failed)), None)
    spend, _, _ = _fit_spend(split.calibration)
    summary = attrs.evolve(
        blank,
        scores=compare_models(split, fits, spend_model=None if spend is None else spend.model),
        calibration_end=split.calibration.as_of,
        holdout_length=split.holdout_length,
        unseen_months=_unseen_months(blank.as_of, _n_days(history), round(7.0 * blank.horizon)),
    )
    order, scores = _order(log, policy, split.calibration, fits)
    summary = attrs.evolve(summary, log_scores=scores)
    for name in order:
        refits, refused = _fit_all(history, (name,))
        failed |= refused
        unusable = [fit for fit in (fits[name], *refits.values()) if fit.diagnosis.grade == "not usable"]
        if unusable:
            failed[name] = _without_advice(unusable[0].diagnosis.messages[0])
        elif refits:
            chosen = attrs.evolve(summary, model=name)
            chosen = attrs.evolve(chosen, grade=_grade(chosen, split, fits[name], refits[name]))
            if chosen.grade != "not usable":
                chosen = attrs.evolve(chosen, money_grade=_money_grade(chosen, split))
                return _value(history, chosen, refits[name], terms)
            failed = {name: f"it missed the total of the holdout by {chosen.score(name).purchases.bias:+z.0%}"}
            break
    best = min(summary.rules, key=lambda rule: rule.purchases.mean_absolute_error)
    grade = "usable" if abs(best.purchases.bias) <= _usable_bias(split) else "not usable"
    summary = attrs.evolve(summary, problem=_why(failed), rule=best.name, grade=grade)
    summary = attrs.evolve(summary, money_grade=_money_grade(summary, split))
    return _value_by_rule(log, policy, history, summary, terms)


def _unseen_months(end: np.datetime64, n_past: int, n_ahead: int) -> tuple[str, ...]:
    """Name the months of the year of the days ahead that none of the days until the end was in."""
    days = end + np.arange(-n_past, n_ahead + 1)
    month = days.astype("datetime64[M]").astype(np.int64) % 12
    seen, ahead = set(month[: n_past + 1].tolist()), dict.fromkeys(month[n_past + 1 :].tolist())
    return tuple(SEASONS["month"][one] for one in ahead if one not in seen)


def _candidates(history: PurchaseHistory) -> tuple[str, ...]:
    """Name the models that so many customers can determine."""
    few = len(history) < _FEWEST or history.frequency.sum() < _FEWEST
    return _FEW_PARAMETERS if few else tuple(_FITS)


def _order(
    log: Log, policy: Policy, history: PurchaseHistory, fits: Mapping[str, Fit[Any]]
) -> tuple[list[str], Mapping[str, float] | None]:
    """Order the models by their log scores on the last quarter of the calibration, or else by AIC."""
    by_aic = sorted(fits, key=lambda name: fits[name].aic)
    cut: np.datetime64 = history.as_of  # type: ignore[assignment]  # made from a log
    n_days = round(_n_days(history) * _INNER)
    try:
        inner = split_log(log, policy, cut - np.timedelta64(n_days, "D"), cut, "week", "day")
    except InputError:
        return by_aic, None
    if len(inner.calibration) < _FEWEST_TO_FORECAST:
        return by_aic, None
    simplest = sorted(by_aic, key=lambda name: fits[name].n_parameters)
    found = score_candidates(inner, {name: _FITS[name] for name in simplest})
    scores = {one.name: float(one.score.mean()) for one in found if one.score is not None}
    order = in_order(found)
    return [*order, *(name for name in by_aic if name not in order)], scores or None


def _without_advice(message: str) -> str:
    """Leave the advice out that is for those who fit a model themselves: here nobody can give a prior."""
    return _ADVICE.sub("", message)


def _why(failed: Mapping[str, str]) -> str:
    name, reason = next(iter(failed.items()))
    return f"no model is usable; {name}: {reason}"


def _grade(summary: ModelSummary, split: PurchaseSplit, *fits: Fit[Any]) -> str:
    """Grade the forecast of the chosen model by its fits, by the total of the holdout, and by the naive rules."""
    error = summary.score(summary.model or "").purchases
    least = min(rule.purchases.mean_absolute_error for rule in summary.rules)
    beaten = least < (1.0 - _BETTER) * error.mean_absolute_error
    if all(fit.diagnosis.grade == "good" for fit in fits) and abs(error.bias) <= _GOOD_BIAS and not beaten:
        return "good"
    return "usable" if abs(error.bias) <= _usable_bias(split) else "not usable"


def _money_grade(summary: ModelSummary, split: PurchaseSplit) -> str | None:
    """Grade the money of the forecast by the total of the holdout and by the naive rules; purchases set the limit."""
    name = summary.model or summary.rule or ""
    error = summary.score(name).spend
    if error is None or math.isinf(error.bias):
        return None
    others = [rule.spend.mean_absolute_error for rule in summary.rules if rule.spend is not None and rule.name != name]
    beaten = min(others, default=math.inf) < (1.0 - _BETTER) * error.mean_absolute_error
    if summary.grade == "good" and abs(error.bias) <= _GOOD_BIAS and not beaten:
        return "good"
    usable = summary.grade != "not usable" and abs(error.bias) <= _usable_bias(split)
    return "usable" if usable else "not usable"


def reason_of_error(summary: ModelSummary, rule: str) -> Literal["total", "low", ""]:
    """Tell why a rule has the smaller mean error: it misses the total by less too, or it only forecasts less."""
    if summary.model is None:
        return ""
    its, of_model = (summary.score(name).purchases.bias for name in (rule, summary.model))
    if abs(its) < abs(of_model):
        return "total"
    return "low" if its < of_model - _TRIFLE else ""


def _usable_bias(split: PurchaseSplit) -> float:
    """Give the largest usable error of the total, chance included."""
    return _USABLE_BIAS + 2.0 / math.sqrt(float(split.holdout_n_purchases.sum()))


def _split(
    log: Log, policy: Policy, history: PurchaseHistory, end: np.datetime64
) -> tuple[PurchaseSplit | None, str | None]:
    """Hold the newest part of the log back, or say why that is not possible."""
    n_days, few = _n_days(history), len(history) // _EARLY
    split, problem = _split_span(log, policy, n_days, end)
    later = round(float(np.sort(history.age)[::-1][few]) * 7.0)
    if split is None and later < n_days:
        split, _ = _split_span(log, policy, later, end)
    return split, None if split is not None else problem


def _n_days(history: PurchaseHistory) -> int:
    """Give the days from the first purchase to the end, without a few customers who came long before all others."""
    age = np.rint(history.age * 7.0).astype(np.int64)
    return int((np.datetime64(0, "D") - start_of_log(np.datetime64(0, "D") - age)).astype(np.int64))


def _split_span(log: Log, policy: Policy, n_days: int, end: np.datetime64) -> tuple[PurchaseSplit | None, str | None]:
    """Hold the newest part of the last days back, or say why that is not possible."""
    cut = end - np.timedelta64(n_days - round(_CALIBRATION * n_days), "D")
    if cut >= end or cut < log.first_day:
        return None, f"the log spans {counted(n_days + 1, 'day')}, too few for a holdout"
    try:
        split = split_log(log, policy, cut, end, "week", "day")
    except InputError as error:
        return None, f"the log cannot be cut at {cut}: {error}"
    if len(split.calibration) < _FEWEST_TO_FORECAST:
        few = f"a forecast needs at least {_FEWEST_TO_FORECAST} customers"
        return None, f"{few}; the log has {len(split.calibration)} until {cut}"
    if not split.holdout_n_purchases.any():
        return None, f"after {cut} none of the earlier customers bought again, so that nothing can be checked"
    return split, None


def _fit_all(history: PurchaseHistory, names: Sequence[str]) -> tuple[dict[str, Fit[Any]], dict[str, str]]:
    """Fit models by name; give the fits, and the reason for each that failed."""
    fits: dict[str, Fit[Any]] = {}
    failed: dict[str, str] = {}
    for name in names:
        try:
            fits[name] = _FITS[name](history)
        except (ConvergenceError, InputError) as error:
            failed[name] = _without_advice(str(error))
    return fits, failed


def _fit_spend(history: PurchaseHistory) -> tuple[Fit[GammaGamma] | None, int, str | None]:
    """Fit the spend of repeat buyers: the fit, how many customers it left out, or why there is none."""
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
        return None, n_zero, f"the fit of the spend cannot be trusted: {_without_advice(fit.diagnosis.messages[0])}"
    return fit, n_zero, None


def _value(history: PurchaseHistory, summary: ModelSummary, fit: Fit[Any], terms: CustomerTerms | None) -> Outlook:
    """Forecast with the model that was fitted on the whole log."""
    spend, n_zero, problem = _fit_spend(history)
    independence = None if spend is None else measure_independence(history)
    money = _money(summary, terms)
    value = life = None
    if spend is None:
        nothing = np.full(len(history), np.nan)
        found = {
            "prob_alive": fit.model.prob_alive(history),
            "expected_purchases": fit.model.expected_purchases(history, horizon=_HORIZON),
            "expected_spend": nothing,
            "clv": nothing,
        }
    else:
        table = customer_values(history, fit.model, spend.model, horizon=_HORIZON, **money)
        value = table.total
        found = table.to_columns()
        if np.all(np.asarray(money["discount_rate"]) > 0.0):
            life = customer_values(history, fit.model, spend.model, horizon=None, **money).total
    summary = attrs.evolve(
        summary,
        parameters=_parameters(fit.model),
        expected_purchases=float(found["expected_purchases"].sum()),
        share_alive=float(found["prob_alive"].mean()),
        spend_parameters=None if spend is None else _parameters(spend.model),
        n_zero_spend=n_zero,
        spend_problem=problem,
        value=value,
        value_for_life=life,
        warnings=(independence.conclusion,) if independence is not None and not independence.holds else (),
    )
    return Outlook(summary, _table(history, found), Fitted(history, fit, spend, money))


def _value_by_rule(
    log: Log, policy: Policy, history: PurchaseHistory, summary: ModelSummary, terms: CustomerTerms | None
) -> Outlook:
    """Forecast with a naive rule, which has the smallest mean error on the holdout."""
    begin = summary.as_of - np.timedelta64(round(7 * _HORIZON), "D")
    last = aggregate(log, policy, begin, summary.as_of, "day")
    n_last = np.zeros(len(history))
    n_last[np.searchsorted(history.customer, last.customer)] = last.n_purchases  # type: ignore[arg-type]  # made from a log
    forecasts = naive_forecasts(history, _HORIZON, n_last * max(1.0, 7.0 * _HORIZON / _n_days(history)))
    foretold = forecasts[summary.rule or ""]
    spend = history.mean_spend
    clv = np.full(len(history), np.nan)
    if spend is not None:
        money = _money(summary, terms)
        force = np.log1p(np.asarray(money["discount_rate"], dtype=np.float64)) * _HORIZON
        kept = np.divide(-np.expm1(-force), force, out=np.ones_like(force), where=force > 0.0)
        clv = foretold * spend * kept * money["margin"] - (foretold > 0) * kept * _HORIZON * money["service_cost"]
    found = {
        "prob_alive": np.full(len(history), np.nan),
        "expected_purchases": foretold,
        "expected_spend": np.full(len(history), np.nan) if spend is None else spend,
        "clv": clv,
    }
    if spend is not None and money["acquisition_cost"] is not None:
        found["net_clv"] = clv - money["acquisition_cost"]
    summary = attrs.evolve(
        summary,
        expected_purchases=float(foretold.sum()),
        spend_problem="the log has no amounts" if spend is None else None,
        value=None if spend is None else float(clv.sum()),
    )
    return Outlook(summary, _table(history, found))


def _money(summary: ModelSummary, terms: CustomerTerms | None) -> dict[str, Any]:
    """Give margin, weekly discount rate and weekly cost of serving: one of each, or one for each customer."""
    margin: Any = 1.0 if summary.margin is None else summary.margin
    rate: Any = 0.0 if summary.discount_rate is None else summary.discount_rate
    cost: Any = 0.0
    if terms is not None:
        margin = margin if terms.margin is None else terms.margin
        rate = rate if terms.discount_rate is None else terms.discount_rate
        cost = cost if terms.service_cost is None else terms.service_cost / _WEEKS_A_YEAR
    weekly = ltv.convert_rate(rate, kind="discount", from_period="year", to_period="week")
    winning = None if terms is None else terms.acquisition_cost
    return {"margin": margin, "discount_rate": weekly, "service_cost": cost, "acquisition_cost": winning}


def _table(history: PurchaseHistory, found: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Give the table of customers: who they are, what is foretold, and what else is known of them."""
    columns = {name: column for name, column in history.to_columns().items() if name != "mean_repeat_spend"}
    first = ("customer", "frequency", "recency", "age")
    ahead = ["prob_alive", "expected_purchases", "expected_spend", "clv"]
    ahead += [name for name in ("expected_service_cost", "net_clv") if name in found]
    others = {name: column for name, column in columns.items() if name not in first}
    return {name: columns[name] for name in first} | {name: found[name] for name in ahead} | others


def _parameters(model: Any) -> dict[str, float]:
    fields: Mapping[str, Any] = attrs.asdict(model)
    return {name: value for name, value in fields.items() if isinstance(value, float)}
