"""Surveys: the change of NPS, what goes with the score, and who did not answer."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_fraction,
    as_outcomes,
    as_text,
    require_same_index,
    require_same_length,
)
from crmvalue._core.comparisons import holm, leaders, p_text, rates_p, welch_degrees
from crmvalue._core.encoding.customers import as_words, text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import (
    as_given,
    columns_of,
    counted,
    in_percent,
    listed,
    money,
    on_its_side,
    percent,
    span,
)
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    count_field,
    hand_over,
    interval_field,
    label_column,
    number_column,
    number_field,
    of_class,
    require_at_most,
    require_columns,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._metrics.common import warn_of_codes
from crmvalue._metrics.feedback import NpsCounts
from crmvalue._metrics.intervals import proportion_interval
from crmvalue._metrics.pictures import drivers_parts
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "NpsChange",
    "ResponseBySegment",
    "ScoreDrivers",
    "nps_change",
    "response_by_segment",
    "score_drivers",
]

_MOST_QUESTIONS = 100
_ROWS = 10_000  # answers that are weighed at once
_DRIVER_COLUMNS = ("effect", "low", "high", "p_value", "importance", "mean")
_LEFT_OVER = 5  # answers beyond the coefficients, fewer of which fit whole numbers by chance alone
_ROUNDING = 1e-12  # of the largest answer: less is what binary arithmetic leaves of nothing
_SLACK = 1e-9  # points; what rounding may add
_NOT_SUMMED = 1e-3  # of all variance; rounding in the weights of questions of which one nearly repeats the others
_SAME = 1e-9  # share of the variance of a question that the others leave over, below which it repeats them
_ALIKE = 1e-3  # part of a question in what is nearly 0 of all; less is rounding
_ADDED, _ADDED_EACH = 3.0, 0.75  # as in the interval of one score (Rocks 2016)


@attrs.frozen(kw_only=True)
class NpsChange:
    """Change of the Net Promoter Score between two waves of a survey.

    Parameters
    ----------
    before, after : NpsCounts
        Answers of each wave.
    interval : Interval
        Interval of the change [points].
    p_value : float
        Two-sided p-value of no change.
    level : float
        Level of the interval.

    Examples
    --------
    >>> change = nps_change(
    ...     NpsCounts(n_promoters=50, n_passives=30, n_detractors=20),
    ...     NpsCounts(n_promoters=70, n_passives=10, n_detractors=20),
    ... )
    >>> change.change, change.is_beyond_chance
    (20.0, False)
    """

    before: NpsCounts = checked_field("before", of_class(NpsCounts))
    after: NpsCounts = checked_field("after", of_class(NpsCounts))
    interval: Interval = interval_field("interval")
    p_value: float = number_field("p_value", low=0.0, high=1.0)
    level: float = checked_field("level", as_fraction)

    def __attrs_post_init__(self) -> None:
        low, high = self.interval
        unknown = math.isinf(low) and math.isinf(high)
        if not (unknown or (low - _SLACK <= self.change <= high + _SLACK and max(-low, high) <= 200.0 + _SLACK)):
            rule = f"within -200 and 200, around the change of {as_given(self.change)}"
            raise InputError("interval", rule, (low, high))

    @property
    def change(self) -> float:
        """Score after minus score before [points]."""
        return self.after.score - self.before.score

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the change is shown at the level."""
        return self.p_value < 1 - self.level

    @property
    def conclusion(self) -> str:
        """Say the change, its interval and whether it is beyond chance."""
        low, high = self.interval
        change = partial(on_its_side, limit=0, digits=1, form="+z")
        shown = "a change is shown" if self.is_beyond_chance else "no change is shown"
        before, after = (on_its_side(wave.score, 0, 1) for wave in (self.before, self.after))
        p = p_text(self.p_value, 1 - self.level)
        return (
            f"NPS {before} before and {after} after, {change(self.change)} points "
            f"({in_percent(self.level)} % interval {span(low, high, change)}), {p}: {shown}."
        )

    def to_json(self) -> str:
        """Write the change and both waves as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> NpsChange:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text, Interval, NpsCounts)


def nps_change(before: NpsCounts, after: NpsCounts, *, level: float = 0.95) -> NpsChange:
    r"""Test whether the Net Promoter Score has changed between two waves of a survey.

    Parameters
    ----------
    before, after : NpsCounts
        Answers of each wave, from different customers; :func:`nps_counts` counts them.
    level : float, optional
        Level of the interval, in (0, 1).

    Returns
    -------
    NpsChange
        Change, interval and p-value.

    Raises
    ------
    InputError
        If a wave is no NpsCounts, or `level` is outside (0, 1).

    Notes
    -----
    Each wave gets the three answers of :func:`net_promoter_score_interval`, and with :math:`v` for the variance of its
    share of promoters less that of detractors, the interval is

    .. math:: \hat\Delta \pm t \sqrt{v_1 / n_1 + v_2 / n_2}

    with Student's quantile *t* and Welch's degrees of freedom [1]_ for the answers that were given: a wave of a few
    answers does not show how its answers vary. The three answers pull the score of such a wave towards 0, so the
    interval is widened to the change that was observed where it would leave that out. The p-value belongs to the same
    interval: it is below 5 % where the interval of 95 % leaves 0 out. Where the same customers answer both waves, the
    change is more certain than this says.

    .. [1] Welch, B. L. (1947). The generalization of "Student's" problem when several different population variances
       are involved. Biometrika 34, 28-35.

    Examples
    --------
    >>> from crmvalue.metrics import nps_counts
    >>> change = nps_change(nps_counts([10, 9, 8, 7, 3] * 40), nps_counts([10, 9, 9, 7, 3] * 40))
    >>> print(change.conclusion)
    NPS 20.0 before and 40.0 after, +20.0 points (95 % interval +4.6 to +34.8), p 0.011: a change is shown.
    """
    from scipy import special

    for name, value in (("before", before), ("after", after)):
        if not isinstance(value, NpsCounts):
            raise InputError(name, "a NpsCounts", value, hint="nps_counts counts single answers")
    level = as_fraction("level", level)

    first, second = _adjusted(before), _adjusted(after)
    middle, error = second[0] - first[0], math.sqrt(first[1] + second[1])
    degrees = welch_degrees(first[1], max(before.n_answers, 2), second[1], max(after.n_answers, 2))
    half = -float(special.stdtrit(degrees, (1 - level) / 2)) * error
    observed = (after.score - before.score) / 100
    low = np.float64(100 * min(max(middle - half, -2.0), observed))
    high = np.float64(100 * max(min(middle + half, 2.0), observed))
    p_value = 2 * float(special.stdtr(degrees, -abs(middle) / error)) if observed * middle > 0 else 1.0
    return NpsChange(before=before, after=after, interval=Interval(low, high), p_value=p_value, level=level)


def _adjusted(counts: NpsCounts) -> tuple[float, float]:
    """Score of a wave as a fraction, and its variance, with three answers added."""
    n = counts.n_answers + _ADDED
    p, d = (counts.n_promoters + _ADDED_EACH) / n, (counts.n_detractors + _ADDED_EACH) / n
    return p - d, (p + d - (p - d) ** 2) / n


@stay_frozen
@attrs.frozen(kw_only=True)
class ScoreDrivers(Columns, Pictured):
    """Which questions of a survey move the overall score.

    Parameters
    ----------
    question : tuple of str
        Questions, in the order that was given.
    effect : ndarray
        Points of the overall score for one point more of each question, the others being equal.
    low, high : ndarray
        Interval of each effect by itself.
    p_value : ndarray
        P-value of no effect of each question, corrected by Holm for all questions; 1 where fewer than five answers are
        left over, since these cannot show an effect.
    importance : ndarray
        Share of the variance of the overall score that goes to each question; they sum to `explained`.
    mean : ndarray
        Mean answer to each question.
    explained : float
        Share of the variance that all questions explain together, in [0, 1].
    n_answers, n_incomplete : int
        Complete answers, and those left out because one of them is missing.
    level : float
        Level of the intervals.
    left_out : tuple of str, optional
        Questions that are left out, because their answers never vary or nobody answered them.

    Examples
    --------
    >>> drivers = score_drivers([9, 7, 3, 8, 2, 6], {"speed": [5, 4, 2, 5, 1, 3], "price": [3, 3, 2, 2, 3, 3]})
    >>> drivers.strongest
    'speed'
    """

    question: tuple[str, ...] = words_field("question", distinct=True)
    effect: Floats = number_column("effect")
    low: Floats = number_column("low")
    high: Floats = number_column("high")
    p_value: Floats = number_column("p_value", low=0.0, high=1.0)
    importance: Floats = number_column("importance", low=0.0)
    mean: Floats = number_column("mean")
    explained: float = number_field("explained", low=0.0, high=1.0)
    n_answers: int = count_field("n_answers", low=2)
    n_incomplete: int = count_field("n_incomplete")
    level: float = checked_field("level", as_fraction)
    left_out: tuple[str, ...] = words_field("left_out", distinct=True, default=())

    def __attrs_post_init__(self) -> None:
        both = sorted(set(self.question) & set(self.left_out))
        if both:
            raise InputError("left_out", "of questions that are not in `question`", both[0])
        require_columns(self, len(self.question), _DRIVER_COLUMNS, "questions", least=1)
        require_at_most(self, "low", "effect", "high")
        if not abs(self.importance.sum() - self.explained) <= _NOT_SUMMED:
            rule = f"of the sum `explained` ({as_given(self.explained)})"
            raise InputError("importance", rule, self.importance.sum())
        if self.n_answers < len(self.question) + 2:
            raise InputError("n_answers", "at least 2 more than there are questions", self.n_answers)

    @property
    def strongest(self) -> str:
        """Question with the largest importance, the first of equals; chance alone gives one too: see `is_shown`."""
        return self.question[int(self.importance.argmax())]

    @property
    def is_shown(self) -> npt.NDArray[np.bool_]:
        """Whether each question is shown to go with the score; the level holds for all questions together."""
        return np.asarray(self.p_value < 1 - self.level)

    def _parts(self) -> Parts:
        ends = (self.low, self.high)
        return drivers_parts(self.question, self.effect, ends, self.importance, self.strongest, is_shown=self.is_shown)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind."""
        return {"question": text_array(self.question), **{name: getattr(self, name) for name in _DRIVER_COLUMNS}}

    @property
    def conclusion(self) -> str:
        """Name the most important of the questions that are shown to go with the score, and say what all explain."""
        order = np.argsort(-self.importance, kind="stable")
        clear = order[self.is_shown[order]]
        at = int(clear[0] if len(clear) else order[0])
        ends = (self.effect[at], self.low[at], self.high[at])
        effect, low, high = (money(x, *ends, form="+z") for x in ends)
        numbers = f"one point more goes with {effect} points ({in_percent(self.level)} % interval {low} to {high})"
        name = self.question[at]
        if self.n_answers - len(self.question) - 1 < _LEFT_OVER:
            answers = f"{counted(self.n_answers, 'answer')} to {counted(len(self.question), 'question')}"
            said = (
                f"{answers} are too few to show what goes with the score. Most important in them is {name}: {numbers}."
            )
        elif not len(clear):
            said = f"No question is shown to go with the score. Most important in these answers is {name}: {numbers}."
            if self.low[at] * self.high[at] > 0:
                chance = f"among {len(self.question)} it may be chance ({p_text(self.p_value[at], 1 - self.level)})"
                said += f" That is the interval of one question by itself; {chance}."
        elif at in (best := leaders(self.importance)) and len(best) > 1 and self.is_shown[best].all():
            equals = listed(self.question[k] for k in best)
            said = f"{equals} go with the score equally closely, the most. For {name}, {numbers}."
        elif at in best:
            most = "goes with the score most closely" if len(best) == 1 else "is shown to go with the score"
            said = f"{name} {most}: {numbers}."
        else:
            said = (
                f"Most important is {self.strongest}, but it is {name} that is shown to go with the score: {numbers}."
            )
        by_chance = len(self.question) / (self.n_answers - 1)
        asked = "The question explains" if len(self.question) == 1 else "All questions explain"
        return (
            f"{said} {asked} {percent(self.explained, digits=0)} of how the score varies; by chance alone it would be "
            f"about {percent(by_chance, digits=0)}. {_left_out_text(self.left_out)}"
            f"{_incomplete_text(self.n_incomplete)}A driver is not yet a cause."
        )

    def to_json(self) -> str:
        """Write the table as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ScoreDrivers:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def score_drivers(score: ArrayLike, answers: Mapping[str, ArrayLike], *, level: float = 0.95) -> ScoreDrivers:
    r"""Find which questions of a survey move the overall score (driver analysis).

    Parameters
    ----------
    score : array_like
        Overall score of each customer, such as 0 to 10; NaN where it is missing.
    answers : mapping of str to array_like, or dataframe
        Answers to each question, such as ``{"speed": [...], "price": [...]}``; NaN where one is missing.
    level : float, optional
        Level of the intervals, in (0, 1).

    Returns
    -------
    ScoreDrivers
        Effect and importance of each question whose answers vary; the others are in `left_out`.

    Raises
    ------
    InputError
        If the columns differ in length, there are no more complete answers than questions and one, the score or every
        question never varies, or a question repeats others.

    Notes
    -----
    The effect is the coefficient of a linear regression on all questions. Its error is the larger one of two, that
    which is consistent where the spread of the scores changes (HC3) and the classical one [2]_; a few answers that
    stand alone make the first too small. What the questions leave over has at least the spread of a rounded answer, a
    twelfth of the square of the smallest step. Student's quantile has the degrees of freedom of the answers that the
    effect rests on [3]_: with :math:`w` for the weights of their squared residuals, :math:`(\sum w)^2 / \sum w^2`, and
    never more than those of the regression.

    Questions of a survey go together, so effects alone mislead. The importance is Johnson's relative weight [1]_: with
    the correlations :math:`R` of the questions, their symmetric root :math:`\Lambda = R^{1/2}` and the correlations
    :math:`r` with the score,

    .. math:: \sum_k \Lambda_{jk}^2 \, (\Lambda^{-1} r)_k^2

    Numbers such as 99 and 999 far from all other answers raise a :class:`~crmvalue.errors.DataWarning`: they often
    stand for no answer, and one of them decides all. The weights are never negative and sum to :math:`R^2`. A
    driver is not yet a cause.
    A million answers to 50 questions take about 4 seconds and 1.7 GB.

    .. [1] Johnson, J. W. (2000). A heuristic method for estimating the relative weight of predictor variables in
       multiple regression. Multivariate Behavioral Research 35, 1-19.
    .. [2] Angrist, J. D., and Pischke, J.-S. (2009). Mostly Harmless Econometrics. Princeton University Press,
       section 8.1.
    .. [3] Satterthwaite, F. E. (1946). An approximate distribution of estimates of variance components. Biometrics
       Bulletin 2, 110-114.

    Examples
    --------
    >>> speed, price = [5, 4, 2, 5, 1, 3, 4, 2], [3, 4, 2, 2, 3, 3, 5, 1]
    >>> drivers = score_drivers([9, 8, 3, 8, 2, 6, 8, 3], {"speed": speed, "price": price})
    >>> drivers.effect.round(2).tolist(), drivers.importance.round(2).tolist(), round(drivers.explained, 2)
    ([1.68, 0.53], [0.82, 0.16], 0.99)
    """
    from scipy import special

    answers = columns_of("answers", answers)
    if not 1 <= len(answers) <= _MOST_QUESTIONS:
        raise InputError("answers", f"a mapping of 1 to {_MOST_QUESTIONS} questions to answers", len(answers))
    require_same_index(score=score, **{f"answers[{name!r}]": column for name, column in answers.items()})
    outcome = as_column("score", score, allow_missing=True)
    names = tuple(as_text("answers", name) for name in answers)
    columns = [as_column(f"answers[{name!r}]", answers[name], allow_missing=True) for name in names]
    level = as_fraction("level", level)
    given = {"score": outcome, **{f"answers[{n!r}]": c for n, c in zip(names, columns, strict=True)}}
    require_same_length(**given)
    warn_of_codes(given, remedy="give NaN there")
    all_names = names
    names, complete = _varying(names, np.array([outcome, *columns]).T)
    n, k = len(complete), len(names)
    unit = complete - complete.mean(axis=0)
    size = np.sqrt((unit**2).sum(axis=0))
    unit /= size
    values, vectors = np.linalg.eigh(unit[:, 1:].T @ unit[:, 1:])
    if values[0] < _SAME:
        alike = [name for name, part in zip(names, np.abs(vectors[:, 0]).tolist(), strict=True) if part > _ALIKE]
        rule, hint = "questions of which none repeats the others", "leave out one of them, or join them"
        raise InputError("answers", rule, listed(alike), hint=hint)

    effect, error, degrees = _regression(
        unit[:, 1:], unit[:, 0], least=_rounding_variance(complete[:, 0]) / size[0] ** 2
    )
    p_value = np.ones(k)
    if n - k - 1 >= _LEFT_OVER:
        with np.errstate(under="ignore"):
            p_value = holm(2 * special.stdtr(degrees, -np.abs(effect) / error))
    effect, error = effect * size[0] / size[1:], error * size[0] / size[1:]
    half = -special.stdtrit(degrees, (1 - level) / 2) * error
    root = (vectors * np.sqrt(values)) @ vectors.T
    weights = (vectors / np.sqrt(values)) @ vectors.T @ (unit[:, 1:].T @ unit[:, 0])
    importance = root**2 @ weights**2
    return ScoreDrivers(
        question=names,
        effect=hand_over(effect),
        low=hand_over(effect - half),
        high=hand_over(effect + half),
        p_value=hand_over(p_value),
        importance=hand_over(importance),
        mean=hand_over(complete[:, 1:].mean(axis=0)),
        explained=min(float(importance.sum()), 1.0),
        n_answers=n,
        n_incomplete=len(outcome) - n,
        level=level,
        left_out=tuple(name for name in all_names if name not in names),
    )


def _varying(names: tuple[str, ...], table: Floats) -> tuple[tuple[str, ...], Floats]:
    """Give the questions whose answers vary, and the rows of score and answers in which none of them is missing."""
    kept = np.array([False, *(not _same(column[~np.isnan(column)]) for column in table.T[1:])])
    while kept.any():
        kept[0] = True
        chosen = table if kept.all() else table[:, kept]
        whole = ~np.isnan(chosen).any(axis=1)
        complete = np.asfortranarray(chosen if whole.all() else chosen[whole])  # sums do not depend on what is left out
        k = complete.shape[1] - 1
        if len(complete) < k + 2:
            raise InputError("score", f"at least {k + 2} complete answers for {k} questions", len(complete))
        same = np.array([_same(column) for column in complete.T])
        if same[0]:
            raise InputError("score", "answers that vary", complete[0, 0])
        if not same.any():
            return tuple(name for name, keep in zip(names, kept[1:].tolist(), strict=True) if keep), complete
        kept[np.nonzero(kept)[0][same]] = False  # without them, more rows may be complete
        kept[0] = False
    raise InputError("answers", "at least one question whose answers vary", listed(names))


def _same(answers: Floats) -> bool:
    """Whether answers are all alike, apart from rounding; so are none at all."""
    return not len(answers) or bool(np.ptp(answers) <= _ROUNDING * np.abs(answers).max())


def _left_out_text(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    return (
        f"{counted(len(names), 'question')} left out, because the answers never vary or are missing: {listed(names)}. "
    )


def _incomplete_text(n: int) -> str:
    return f"{counted(n, 'answer')} left out, because a part of {'it' if n == 1 else 'them'} is missing. " if n else ""


def _rounding_variance(answers: Floats) -> float:
    """Variance of what rounding to the smallest step between two answers leaves over."""
    steps = np.diff(np.unique(answers))
    return float(steps[steps > _ROUNDING * np.abs(answers).max()].min()) ** 2 / 12


def _regression(x: Floats, y: Floats, *, least: float) -> tuple[Floats, Floats, Floats]:
    """Coefficients of centred columns, their standard errors, and the degrees of freedom of these."""
    n, k = x.shape
    inverse = np.linalg.inv(x.T @ x)
    effect = inverse @ (x.T @ y)
    squares, pulled, weights, weights_squared = 0.0, np.zeros(k), np.zeros(k), np.zeros(k)
    for low in range(0, n, _ROWS):  # a table of what each answer weighs is as large as the answers
        rows = x[low : low + _ROWS]
        pull = rows @ inverse
        own = 1 - 1 / n - (pull * rows).sum(axis=1)  # what the others leave of each answer
        left = np.maximum(own, 1e-9)[:, np.newaxis]
        residual, pull = (y[low : low + _ROWS] - rows @ effect)[:, np.newaxis], pull**2
        squares += float((residual**2).sum())
        pulled += (pull * (residual / left) ** 2).sum(axis=0)
        weight = pull / left
        with np.errstate(under="ignore"):
            weights += weight.sum(axis=0)
            weights_squared += (weight**2).sum(axis=0)
    variance = max(squares / (n - k - 1), least)
    error = np.sqrt(np.maximum(pulled, variance * np.diag(inverse)))
    with np.errstate(under="ignore"):
        degrees = weights**2 / weights_squared
    return effect, error, np.clip(degrees, 1.0, n - k - 1.0)


@stay_frozen
@attrs.frozen(kw_only=True)
class ResponseBySegment(Columns):
    """Who answered a survey, by segment.

    Parameters
    ----------
    segment : ndarray of str
        Segments, ascending.
    n_asked, n_answered : ndarray of int
        Customers who were asked, and those who answered.
    low, high : ndarray
        Wilson's interval of each response rate.
    p_value : ndarray
        P-value that a segment answers as often as all others together, corrected by Holm where there are more than two
        segments; 1 with one segment.
    level : float
        Level of the intervals.

    Examples
    --------
    >>> found = response_by_segment(["new", "new", "vip", "vip"], [True, False, True, True])
    >>> found.rate.tolist(), found.weight.round(2).tolist()
    ([0.5, 1.0], [1.5, 0.75])
    """

    segment: npt.NDArray[np.str_] = label_column("segment", texts=True)
    n_asked: Integers = whole_table("n_asked", low=1)
    n_answered: Integers = whole_table("n_answered")
    low: Floats = number_column("low", low=0.0, high=1.0)
    high: Floats = number_column("high", low=0.0, high=1.0)
    p_value: Floats = number_column("p_value", low=0.0, high=1.0)
    level: float = checked_field("level", as_fraction)

    def __attrs_post_init__(self) -> None:
        require_columns(
            self, len(self.segment), ("n_asked", "n_answered", "low", "high", "p_value"), "segments", least=1
        )
        require_at_most(self, "n_answered", "n_asked")
        require_at_most(self, "low", "rate", "high")

    @property
    def rate(self) -> Floats:
        """Share of each segment that answered."""
        return np.asarray(self.n_answered / self.n_asked)

    @property
    def weight(self) -> Floats:
        """Weight of each answer that makes the segments count as they were asked; NaN where nobody answered.

        With these weights, a score of all answers is that of the customers who were asked, if those who answered speak
        for the others of their segment.
        """
        total = self.n_answered.sum() / self.n_asked.sum()
        weight: Floats = np.divide(total, self.rate, out=np.full(len(self.rate), np.nan), where=self.n_answered > 0)
        return weight

    @property
    def differs(self) -> npt.NDArray[np.bool_]:
        """Whether each segment answers more or less often than the others, beyond chance."""
        return np.asarray(self.p_value < 1 - self.level)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind."""
        names = ("segment", "n_asked", "n_answered", "rate", "low", "high", "p_value", "weight")
        return {name: getattr(self, name) for name in names}

    @property
    def conclusion(self) -> str:
        """Say how many answered, and which segments answered more or less often than the others."""
        asked, answered = int(self.n_asked.sum()), int(self.n_answered.sum())
        rates = dict(zip(self.segment[self.differs].tolist(), self.rate[self.differs].tolist(), strict=True))
        digits = _digits_apart([answered / asked, *rates.values()])
        found = listed((f"{name} {percent(rate, digits=digits)}" for name, rate in rates.items()), between="; ")
        shown = f"Beyond chance other than the rest: {found}." if found else "No difference between segments is shown."
        return f"{answered:,} of {asked:,} answered ({percent(answered / asked, digits=digits)}). {shown}"

    def to_json(self) -> str:
        """Write the table as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ResponseBySegment:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def _digits_apart(rates: list[float]) -> int:
    """Give the decimals in percent, at most 2, that tell different rates apart."""
    n_different = len(set(rates))
    return next((n for n in (0, 1) if len({percent(rate, digits=n) for rate in rates}) == n_different), 2)


def response_by_segment(segment: ArrayLike, answered: ArrayLike, *, level: float = 0.95) -> ResponseBySegment:
    """Compare how often the segments of the customers answered a survey.

    Parameters
    ----------
    segment : array_like of str
        Segment of each customer who was asked.
    answered : array_like of bool
        Whether each of them answered.
    level : float, optional
        Level of the intervals and tests, in (0, 1).

    Returns
    -------
    ResponseBySegment
        Response rates with intervals, tests against all other segments, and weights that even them out.

    Raises
    ------
    InputError
        If the columns are empty or unequally long, a segment is missing, or `answered` is not True or False.

    Notes
    -----
    The test is the two-proportion z test, or Fisher's exact test where a cell expects fewer than 5.

    Examples
    --------
    >>> answered = [True] * 10 + [False] * 90 + [True] * 25 + [False] * 25
    >>> found = response_by_segment(["new"] * 100 + ["vip"] * 50, answered)
    >>> found.segment.tolist(), found.rate.tolist(), found.differs.tolist()
    (['new', 'vip'], [0.1, 0.5], [True, True])
    """
    require_same_index(segment=segment, answered=answered)
    names, code = as_words("segment", segment)
    replied = as_outcomes("answered", answered)
    n = require_same_length(segment=code, answered=replied)
    if n == 0:
        raise InputError("segment", "at least one customer", n)
    level = as_fraction("level", level)

    asked = np.bincount(code, minlength=len(names))
    yes = np.bincount(code, weights=replied, minlength=len(names)).astype(np.int64)
    low, high = proportion_interval(yes, asked, level=level)
    p_value = np.ones(len(names))
    if len(names) > 1:
        p_value = rates_p(yes, asked, yes.sum() - yes, n - asked)
        if len(names) > 2:  # of two segments, both tests are the same one
            p_value = holm(p_value)
    return ResponseBySegment(
        segment=hand_over(text_array(names)),
        n_asked=hand_over(asked),
        n_answered=hand_over(yes),
        low=hand_over(np.atleast_1d(low)),
        high=hand_over(np.atleast_1d(high)),
        p_value=hand_over(p_value),
        level=level,
    )
