"""Key figures from the answers of customers: NPS, CSAT, CES."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_counts, as_whole_number, require, require_choice, require_same_length
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import count_field
from crmvalue._metrics.common import share
from crmvalue._metrics.intervals import normal_quantile
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = [
    "NpsCounts",
    "customer_effort_score",
    "customer_satisfaction",
    "customer_satisfaction_from_scores",
    "net_promoter_score",
    "net_promoter_score_interval",
    "nps_counts",
]

SatisfactionMethod: TypeAlias = Literal["top_two_box", "share_positive", "mean"]
EffortMethod: TypeAlias = Literal["mean", "share_easy"]

_PROMOTER = 9  # Reichheld (2003): 9 and 10 promote, 0 to 6 detract, 7 and 8 are passive
_DETRACTOR = 6
_ADDED = 3.0  # Rocks (2016): three answers more, 3/4 of them promoters and 3/4 detractors
_ADDED_EACH = 0.75


@attrs.frozen(kw_only=True)
class NpsCounts:
    """Answers to "how likely are you to recommend us", counted.

    Parameters
    ----------
    n_promoters, n_passives, n_detractors : int
        Answers of 9 or 10, answers of 7 or 8, answers of 0 to 6; together at least one, at most 2**53.

    Examples
    --------
    >>> counts = NpsCounts(n_promoters=70, n_passives=10, n_detractors=20)
    >>> counts.n_answers, counts.score
    (100, 50.0)
    """

    n_promoters: int = count_field("n_promoters")
    n_passives: int = count_field("n_passives")
    n_detractors: int = count_field("n_detractors")

    def __attrs_post_init__(self) -> None:
        as_whole_number("n_answers", self.n_answers, low=1)

    @property
    def n_answers(self) -> int:
        """Number of all answers."""
        return self.n_promoters + self.n_passives + self.n_detractors

    @property
    def score(self) -> float:
        """Net Promoter Score, -100 to 100, unrounded."""
        return float(net_promoter_score(self.n_promoters, self.n_detractors, self.n_answers))

    def interval(self, *, level: float = 0.95) -> Interval:
        """Interval of the score: :func:`net_promoter_score_interval`."""
        return net_promoter_score_interval(self.n_promoters, self.n_detractors, self.n_answers, level=level)

    def to_json(self) -> str:
        """Write the counts as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> NpsCounts:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def net_promoter_score(n_promoters: ArrayLike, n_detractors: ArrayLike, n_answers: ArrayLike) -> FloatOrArray:
    """Net Promoter Score (NPS): share of promoters less share of detractors, times 100.

    Parameters
    ----------
    n_promoters : array_like
        Answers of 9 or 10 on the scale from 0 to 10.
    n_detractors : array_like
        Answers of 0 to 6.
    n_answers : array_like
        All answers, > 0, those of 7 or 8 included.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Score from -100 to 100, not rounded.

    Raises
    ------
    InputError
        If a count is no whole number >= 0, or `n_answers` is 0 or below the sum of the other two.

    Notes
    -----
    ``100 * (n_promoters - n_detractors) / n_answers`` [1]_. This figure is not a fraction, unlike all other shares of
    this package, because the score is always given on this scale.

    .. [1] Reichheld, F. F. (2003). The one number you need to grow. Harvard Business Review 81 (12), 46-54.

    Examples
    --------
    >>> print(net_promoter_score(70, 20, 100))
    50.0
    """
    promoters, detractors, answers = _as_nps_counts(n_promoters, n_detractors, n_answers)

    return (100 * (promoters - detractors) / answers)[()]


def net_promoter_score_interval(
    n_promoters: ArrayLike, n_detractors: ArrayLike, n_answers: ArrayLike, *, level: float = 0.95
) -> Interval:
    r"""Interval of the Net Promoter Score by the adjusted Wald method.

    Parameters
    ----------
    n_promoters : array_like
        Answers of 9 or 10 on the scale from 0 to 10.
    n_detractors : array_like
        Answers of 0 to 6.
    n_answers : array_like
        All answers, > 0, those of 7 or 8 included.
    level : float, default 0.95
        Confidence level, in (0, 1).

    Returns
    -------
    Interval
        `low` and `high`, from -100 to 100. The middle of the interval is a little nearer to 0 than the score.

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_answers` is 0 or below the sum of the other two, or `level` is outside
        (0, 1).

    Notes
    -----
    Three answers are added: 3/4 of a promoter, 3/2 of a passive and 3/4 of a detractor [1]_. After that,
    *p* is the share of promoters, *d* the share of detractors and *n* the number of answers:

    .. math:: 100 \left(p - d \pm z \sqrt{\frac{p + d - (p - d)^2}{n}}\right)

    An end below -100 becomes -100, and an end above 100 becomes 100. With one or two answers the score may lie beyond
    an end, which then becomes the score.

    .. [1] Rocks, B. (2016). Interval estimation for the "Net Promoter Score". The American Statistician 70, 365-372.

    Examples
    --------
    >>> low, high = net_promoter_score_interval(50, 20, 100)
    >>> round(float(low), 2), round(float(high), 2)
    (14.05, 44.2)
    """
    promoters, detractors, answers = _as_nps_counts(n_promoters, n_detractors, n_answers)
    z = normal_quantile(level)

    n = answers + _ADDED
    p, d = (promoters + _ADDED_EACH) / n, (detractors + _ADDED_EACH) / n
    half = z * np.sqrt((p + d - (p - d) ** 2) / n)
    score = (promoters - detractors) / answers
    low = np.maximum(np.minimum(p - d - half, score), -1)
    high = np.minimum(np.maximum(p - d + half, score), 1)
    return Interval((100 * low)[()], (100 * high)[()])


def nps_counts(scores: ArrayLike) -> NpsCounts:
    """Count promoters, passives and detractors.

    Parameters
    ----------
    scores : array_like
        One answer per element, whole numbers from 0 to 10; leave out customers who did not answer.

    Returns
    -------
    NpsCounts
        The three counts, with the score and its interval.

    Raises
    ------
    InputError
        If there is no answer, or one is NaN or no whole number from 0 to 10.

    Notes
    -----
    9 and 10 are promoters, 7 and 8 passives, 0 to 6 detractors [1]_.

    .. [1] Reichheld, F. F. (2003). The one number you need to grow. Harvard Business Review 81 (12), 46-54.

    Examples
    --------
    >>> nps_counts([10, 9, 8, 7, 6, 0, 10])
    NpsCounts(n_promoters=3, n_passives=2, n_detractors=2)
    """
    answers = _as_scores(scores, 0, 10)

    n_promoters = int((answers >= _PROMOTER).sum())
    n_detractors = int((answers <= _DETRACTOR).sum())
    n_passives = len(answers) - n_promoters - n_detractors
    return NpsCounts(n_promoters=n_promoters, n_passives=n_passives, n_detractors=n_detractors)


def customer_satisfaction(n_positive: ArrayLike, n_answers: ArrayLike) -> FloatOrArray:
    """Share of positive answers: customer satisfaction (CSAT).

    Parameters
    ----------
    n_positive : array_like
        Positive answers, 4 or 5 on the scale from 1 to 5, <= `n_answers`.
    n_answers : array_like
        All answers, > 0; customers who did not answer are not among them.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1]; 0.75 to 0.85 is usually called good.

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_answers` is 0 or smaller than `n_positive`.

    Notes
    -----
    ``n_positive / n_answers``; its interval is :func:`proportion_interval`.

    Examples
    --------
    >>> print(customer_satisfaction(80, 100))
    0.8
    """
    return share(n_positive=n_positive, n_answers=n_answers)


def customer_satisfaction_from_scores(
    scores: ArrayLike,
    *,
    method: SatisfactionMethod,
    lowest: int = 1,
    highest: int = 5,
    positive_from: int | None = None,
) -> FloatOrArray:
    """Satisfaction of customers (CSAT) from single answers.

    Parameters
    ----------
    scores : array_like
        One answer per element, whole numbers from `lowest` to `highest`; leave out customers who did not answer.
    method : {"top_two_box", "share_positive", "mean"}
        The share of the two best answers, the share of the answers from `positive_from` on, or the mean answer; all are
        called CSAT. On a scale of more than five answers the two best are a stricter measure than positive answers.
    lowest, highest : int, default 1 and 5
        Ends of the scale, `highest` the best; at least three answers are possible.
    positive_from : int, optional
        Lowest positive answer, above `lowest` and at most `highest`, such as 7 on the scale from 1 to 10; needed with
        "share_positive", and only with it, because there is no common cut.

    Returns
    -------
    numpy.float64
        For "top_two_box" and "share_positive" a fraction in [0, 1]; for "mean" a number from `lowest` to `highest`.

    Raises
    ------
    InputError
        If there is no answer, one is NaN or no whole number on the scale, the scale has fewer than three steps,
        `method` is no known word, or `positive_from` does not fit the scale and the method.

    Notes
    -----
    On the scale from 1 to 5 the two best answers are 4 and 5, the positive ones of :func:`customer_satisfaction`. The
    interval of the mean is :func:`mean_interval`.

    Examples
    --------
    >>> print(customer_satisfaction_from_scores([5, 4, 3, 5, 1], method="top_two_box"))
    0.6
    >>> print(customer_satisfaction_from_scores([5, 4, 3, 5, 1], method="mean"))
    3.6
    >>> print(customer_satisfaction_from_scores([10, 8, 7, 6, 2], method="share_positive", highest=10, positive_from=7))
    0.6
    """
    bottom = as_whole_number("lowest", lowest, low=0)
    top = as_whole_number("highest", highest, low=bottom + 2)
    answers = _as_scores(scores, bottom, top, "give `lowest` and `highest` of another scale")
    require_choice("method", method, get_args(SatisfactionMethod))
    if (positive_from is not None) != (method == "share_positive"):
        rule = "given with the method 'share_positive', and only with it"
        raise InputError("positive_from", rule, positive_from, hint="on the scale from 1 to 10, 7 is a usual cut")
    cut = top - 1
    if positive_from is not None:
        cut = as_whole_number("positive_from", positive_from, low=bottom + 1, high=top)

    return np.float64(answers.mean() if method == "mean" else (answers >= cut).mean())


def customer_effort_score(
    scores: ArrayLike, *, method: EffortMethod, hardest: int = 1, easiest: int = 7
) -> FloatOrArray:
    """Effort of customers (CES) from single answers.

    Parameters
    ----------
    scores : array_like
        One answer per element, whole numbers between `hardest` and `easiest`; leave out customers who did not answer.
    method : {"mean", "share_easy"}
        The mean answer, or the share of answers on the easy side of the middle of the scale; both are called CES.
    hardest, easiest : int, default 1 and 7
        Answers for most and for least effort, at least 2 apart. Their order states the direction of the scale.

    Returns
    -------
    numpy.float64
        For "mean" a number between `hardest` and `easiest`; for "share_easy" a fraction in [0, 1].

    Raises
    ------
    InputError
        If there is no answer, one is NaN or no whole number on the scale, the scale has fewer than three steps, or
        `method` is no known word.

    Notes
    -----
    Two questionnaires are in use. The later one asks for agreement with "the company made it easy for me to handle my
    issue", 1 to 7 with 7 the easiest [2]_: these are the defaults, and 5 to 7 count as easy. The original asked how
    much effort was needed, 1 to 5 with 1 the easiest [1]_: give ``hardest=5, easiest=1``. Their means run in opposite
    directions; do not compare them.

    .. [1] Dixon, M., Freeman, K. and Toman, N. (2010). Stop trying to delight your customers. Harvard Business Review
       88 (7/8), 116-122.
    .. [2] Dixon, M., Toman, N. and DeLisi, R. (2013). The Effortless Experience. Portfolio/Penguin.

    Examples
    --------
    >>> print(customer_effort_score([7, 6, 5, 4, 2], method="mean"))
    4.8
    >>> print(customer_effort_score([7, 6, 5, 4, 2], method="share_easy"))
    0.6
    >>> print(customer_effort_score([1, 2, 3, 5], method="share_easy", hardest=5, easiest=1))
    0.5
    """
    hard = as_whole_number("hardest", hardest, low=0)
    easy = as_whole_number("easiest", easiest, low=0)
    require(abs(easy - hard) >= 2, "easiest", easy, "at least 2 away from `hardest`")
    answers = _as_scores(scores, min(hard, easy), max(hard, easy), "give `hardest` and `easiest` of another scale")
    require_choice("method", method, get_args(EffortMethod))

    is_easy = abs(answers - easy) < abs(answers - hard)
    return np.float64(is_easy.mean() if method == "share_easy" else answers.mean())


def _as_nps_counts(n_promoters: ArrayLike, n_detractors: ArrayLike, n_answers: ArrayLike) -> tuple[Floats, ...]:
    counts = as_counts(n_promoters=n_promoters, n_detractors=n_detractors, n_answers=n_answers)
    promoters, detractors, answers = counts
    require(answers > 0, "n_answers", answers, "> 0")
    require(promoters + detractors <= answers, "n_answers", answers, "at least `n_promoters` + `n_detractors`")
    return counts


def _as_scores(scores: ArrayLike, lowest: int, highest: int, hint: str | None = None) -> Floats:
    answers = as_column("scores", scores)
    require_same_length(scores=answers)
    on_scale = (answers >= lowest) & (answers <= highest) & (answers == np.floor(answers))
    require(on_scale, "scores", answers, f"a whole number from {lowest} to {highest}", hint=hint)
    return answers
