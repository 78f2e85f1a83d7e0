"""The model for a log, chosen on the last part of it: the forecast of a model that has not seen it decides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.calendar import main_span, start_of_log
from crmvalue._core.checks import as_day, as_fraction, as_text, require_choice, require_same_index
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import decimals_apart
from crmvalue._core.values import (
    checked_field,
    choice_field,
    number_column,
    number_field,
    of_class,
    stay_frozen,
    words_field,
)
from crmvalue._models.shared.fit import Fit, read_fit
from crmvalue._models.validation.candidates import MODELS, options_of, require_log
from crmvalue._models.validation.comparison import naive_counts, naive_forecasts
from crmvalue._models.validation.predictive import Foretold, foretell
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.purchases import DAYS_PER_UNIT, PurchaseSplit, split_purchases, summarise_purchases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crmvalue.purchases import Grain, Missing, PurchaseHistory, TimeUnit
    from crmvalue.typing import ArrayLike, Floats

__all__ = [
    "Candidate",
    "Criterion",
    "ModelChoice",
    "choose_model",
    "in_order",
    "score_candidates",
]

Criterion: TypeAlias = Literal["log_score", "crps", "mean_absolute_error"]

_SAME = 1e-3  # nats: models whose log scores differ by less are as good as each other
_WORDS = {"log_score": "log score", "crps": "CRPS", "mean_absolute_error": "mean absolute error"}


class Candidate(NamedTuple):
    """A model on a holdout: the score of each customer, lower is better, or why there is none."""

    name: str
    score: Floats | None
    reason: str


@stay_frozen
@attrs.frozen(kw_only=True)
class ModelChoice:
    """The model that was chosen on a holdout, fitted to all that is known, and what it was chosen from.

    Parameters
    ----------
    name : str
        Name of the model, such as "MBG/CNBD-3".
    fit : Fit
        The model, fitted to all purchases until the last day; its `comparison` is the `conclusion`.
    criterion : {"log_score", "crps", "mean_absolute_error"}
        What was compared; lower is better.
    holdout_begin : datetime64[D]
        Last day of the part on which the candidates were fitted; what came later decided.
    candidates : tuple of str
        Names of the candidates, simplest first.
    scores : ndarray
        Mean score of each over the customers, shape (candidates,); NaN for a candidate whose fit failed or is not
        usable.
    rule : str
        The best of the naive rules that have such a score.
    rule_score : float
        Its score; NaN if no rule has one.
    conclusion : str
        In words: what was chosen, from what, and whether the naive rule was better.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> log = load_cdnow()
    >>> choice = choose_model(log.customer, log.date, as_of="1997-09-30", models=["nbd", "bg_nbd"])
    >>> choice.name, choice.scores.round(3)
    ('BG/NBD', array([0.522, 0.507]))
    """

    name: str = checked_field("name", as_text)
    fit: Fit[Any] = checked_field("fit", of_class(Fit))
    criterion: str = choice_field("criterion", Criterion)
    holdout_begin: np.datetime64 = checked_field("holdout_begin", as_day, eq=str)
    candidates: tuple[str, ...] = words_field("candidates", distinct=True)
    scores: Floats = number_column("scores", low=0.0, missing=True, infinite=True)
    rule: str = checked_field("rule", as_text)
    rule_score: float = number_field("rule_score", low=0.0, missing=True, infinite=True)
    conclusion: str = checked_field("conclusion", as_text)

    def __attrs_post_init__(self) -> None:
        require_choice("name", self.name, self.candidates)
        if self.scores.shape != (len(self.candidates),):
            raise InputError("scores", f"one for each of {len(self.candidates)} candidates", self.scores.shape)
        own = self.scores[self.candidates.index(self.name)]
        if math.isnan(own):
            raise InputError("scores", f"a number for the chosen model, {self.name}", float(own))

    @property
    def rule_wins(self) -> bool:
        """Whether the best naive rule has a better score than the chosen model."""
        return bool(self.rule_score < self.scores[self.candidates.index(self.name)])

    def to_json(self) -> str:
        """Write the choice with its fit as JSON text; :meth:`from_json` reads it back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ModelChoice:
        """Read the choice that :meth:`to_json` wrote; other text is an InputError."""
        return from_json(cls, text, fit=read_fit)


def choose_model(
    customer: ArrayLike,
    date: ArrayLike,
    *,
    as_of: ArrayLike | None = None,
    models: Sequence[str] = MODELS,
    criterion: Criterion = "log_score",
    holdout_share: float = 0.25,
    time_unit: TimeUnit = "week",
    grain: Grain = "day",
    missing: Missing = "raise",
) -> ModelChoice:
    """Choose a purchase model for a log by its forecasts of the last quarter, and fit it to the whole.

    Parameters
    ----------
    customer, date, as_of, time_unit, grain, missing
        As in :func:`crmvalue.purchases.summarise_purchases`. Nothing after `as_of` takes part.
    models : sequence of str, optional
        Models to choose from: "nbd", "bg_nbd", "mbg_nbd", "pareto_nbd", "ggompertz_nbd", "correlated_pareto_nbd",
        "bg_cnbd", "mbg_cnbd". The last two stand for five candidates each, with k from 2 to 6; "mbg_cnbd_3" is the one
        with k = 3. All but "ggompertz_nbd" and "correlated_pareto_nbd" may have a calendar: "mbg_nbd+month",
        "nbd+weekday", "mbg_cnbd_3+week+weekday".
    criterion : {"log_score", "crps", "mean_absolute_error"}, optional
        What to compare: see :class:`ProperScores`. The mean absolute error is of the expected purchases. It is smallest
        for medians, so it prefers forecasts that are too low; take it only if that is the error that you pay for.
    holdout_share : float, optional
        Share of the span of the log that is held back, in (0, 1). Customers who came more than five years before all
        others, such as one dated 1970 by mistake, do not lengthen the span; nor does one in a hundred who came more
        than a quarter before the others.

    Returns
    -------
    ModelChoice
        The chosen model with its fit, and the scores of all.

    Raises
    ------
    InputError
        If a name is unknown, the log is too short to be cut, or a column is not legal; with a calendar also if `grain`
        is not "day" or a value is missing.
    ConvergenceError
        If no fit is usable.

    Notes
    -----
    Every candidate is fitted to the first part and foretells the second; fits that are not usable are left out. Among
    the candidates that are as good as the best, the one with the fewest parameters is taken, k and the levels of a
    calendar among them; of several, the first in the order given. So ties go to the simpler model. As good means: the
    mean difference is at most one standard error of it over the customers, or, for log scores, 0.001 nats. If the fit
    of the choice to the whole log is not usable, the next one is taken.

    A calendar is fitted by :func:`fit_calendar` to the same part of the log. One with months or weeks is not usable for
    a part of less than two years, since what was seen once is no season.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> log = load_cdnow()
    >>> choice = choose_model(log.customer, log.date, as_of="1997-09-30")
    >>> choice.name, choice.rule_wins
    ('BG/NBD', False)
    """
    require_same_index(customer=customer, date=date)
    require_choice("criterion", criterion, get_args(Criterion))
    share = as_fraction("holdout_share", holdout_share)
    candidates = sorted(options_of("models", models), key=lambda option: option.n_parameters)
    fits = {option.title: option.of_log(customer, date) for option in candidates}
    options: dict[str, Any] = {"time_unit": time_unit, "grain": grain, "missing": missing}
    history = summarise_purchases(customer, date, as_of=as_of, **options)
    require_log(candidates, grain, history)
    end: np.datetime64 = history.as_of  # type: ignore[assignment]  # a history of a log has it
    n_days = _days_of(history, end)
    if n_days < 1:
        raise InputError("date", "a log of at least two days: the end of it is held back", f"{end} alone")
    cut = end - np.timedelta64(max(1, round(share * n_days)), "D")
    split = split_purchases(customer, date, calibration_end=cut, holdout_end=end, **options)
    found = score_candidates(split, fits, criterion)
    failed = {one.name: one.reason for one in found if one.score is None}
    passed_over: list[str] = []
    for name in in_order(found, criterion):
        fit = _fitted(fits[name], history)
        if isinstance(fit, Fit):
            return _choice(split, name, fit, found, criterion, passed_over)
        passed_over.append(name)
        failed[name] = f"for the whole log {fit}"
    raise ConvergenceError(f"no model can be trusted ({'; '.join(f'{name}: {why}' for name, why in failed.items())})")


def _days_of(history: PurchaseHistory, end: np.datetime64) -> int:
    """Days from the first customer to the end, without a few long before all others, such as one dated 1970."""
    came = end - np.rint(history.age * DAYS_PER_UNIT[history.time_unit]).astype(np.int64)
    first, _ = main_span(came)
    return int((end - start_of_log(came[came >= first])).astype(np.int64))


def score_candidates(
    split: PurchaseSplit, fits: Mapping[str, Callable[[PurchaseHistory], Fit[Any]]], criterion: str = "log_score"
) -> list[Candidate]:
    """Fit each candidate to the calibration, and score its forecast of the holdout for each customer."""
    found = []
    for name, fit_one in fits.items():
        fit = _fitted(fit_one, split.calibration)
        if not isinstance(fit, Fit):
            found.append(Candidate(name, None, fit))
            continue
        with np.errstate(under="ignore"):
            score = _scores(split, fit.model, criterion)
        usable = bool(np.isfinite(score).all())
        found.append(Candidate(name, score if usable else None, "" if usable else "something impossible happened"))
    return found


def in_order(found: Sequence[Candidate], criterion: str = "log_score") -> list[str]:
    """Give the names of the usable candidates, first the one to take: the simplest of those as good as the best."""
    usable = [(one.name, one.score) for one in found if one.score is not None]
    order = []
    while usable:
        _, best = min(usable, key=lambda one: float(one[1].mean()))
        for place, (name, score) in enumerate(usable):
            if _as_good(score, best, criterion):
                order.append(name)
                del usable[place]
                break
    return order


def _as_good(score: Floats, best: Floats, criterion: str) -> bool:
    """Whether a score is that of the best one, but for one standard error."""
    behind = score - best
    error = float(behind.std()) / math.sqrt(len(behind))
    return float(behind.mean()) <= max(error, _SAME if criterion == "log_score" else 0.0)


def _scores(split: PurchaseSplit, model: Any, criterion: str) -> Floats:
    past, length, came = split.calibration, split.holdout_length, split.holdout_n_purchases
    if criterion == "mean_absolute_error":
        errors: Floats = np.abs(model.expected_purchases(past, horizon=length) - came)
        return errors
    return _of_counts(foretell(model, past, length, came), criterion)


def _span(length: float, unit: str) -> str:
    """Write a time in words, such as "1 week" or "8.57 weeks"."""
    return f"{length:.3g} {unit}" + "s" * (f"{length:.3g}" != "1")


def _of_counts(foretold: Foretold, criterion: str) -> Floats:
    return foretold.log_score if criterion == "log_score" else foretold.crps


def _fitted(fit_one: Callable[[PurchaseHistory], Fit[Any]], history: PurchaseHistory) -> Fit[Any] | str:
    """Fit, or say why there is no usable fit."""
    try:
        fit = fit_one(history)
    except (ConvergenceError, InputError) as error:
        return str(error)
    return fit if fit.diagnosis.grade != "not usable" else fit.diagnosis.messages[0]


def _choice(
    split: PurchaseSplit,
    name: str,
    fit: Fit[Any],
    found: Sequence[Candidate],
    criterion: str,
    passed_over: Sequence[str] = (),
) -> ModelChoice:
    past, length, came = split.calibration, split.holdout_length, split.holdout_n_purchases
    if criterion == "mean_absolute_error":
        rules = {
            rule: float(np.abs(foretold - came).mean())
            for rule, foretold in naive_forecasts(past, length, split.last_n_purchases).items()
        }
    else:
        counts = naive_counts(past, length, split.last_n_purchases, came)
        rules = {rule: float(_of_counts(foretold, criterion).mean()) for rule, foretold in counts.items()}
    rule = min(rules, key=lambda one: rules[one])
    means = {one.name: math.nan if one.score is None else float(one.score.mean()) for one in found}
    least = min(value for value in means.values() if not math.isnan(value))
    chosen, naive = decimals_apart(means[name], rules[rule], 4)
    digits = len(chosen.partition(".")[2]) if math.isfinite(rules[rule]) else 4
    told = ", ".join(
        f"{one} not usable" if math.isnan(value) else f"{one} {value:.{digits}f}" for one, value in means.items()
    )
    words = f"{name} is chosen by its {_WORDS[criterion]} on the last {_span(length, past.time_unit)} ({told})"
    if passed_over:
        words += f"; not usable on the whole log, though as good or better on this part: {', '.join(passed_over)}"
    elif means[name] > least:
        words += "; it is the simplest of those as good as the best"
    if math.isfinite(rules[rule]):
        words += f'. The naive rule "{rule}" has {naive}'
        words += ": it wins." if rules[rule] < means[name] else "."
    else:
        words += ". Under each naive rule something impossible happened."
    failed = [f"{one.name}: {one.reason}" for one in found if one.score is None]
    if failed:
        words += f" Not usable: {'; '.join(failed)}."
    return ModelChoice(
        name=name,
        fit=attrs.evolve(fit, comparison=words),
        criterion=criterion,
        holdout_begin=past.as_of,  # type: ignore[arg-type]  # a history of a log has it
        candidates=tuple(means),
        scores=np.array(list(means.values())),
        rule=rule,
        rule_score=rules[rule],
        conclusion=words,
    )
