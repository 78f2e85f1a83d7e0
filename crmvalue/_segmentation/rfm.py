"""RFM scores: break points are fitted once, and then score any customer without a new ranking."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_counts,
    as_day,
    as_floats,
    as_ordered_items,
    as_positive,
    as_whole_number,
    require,
    require_choice,
    require_same_index,
    require_same_length,
)
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import as_given
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    Given,
    array_columns,
    array_field,
    checked_field,
    choice_field,
    count_field,
    hand_over,
    optional,
    read_only,
    stay_frozen,
)
from crmvalue._segmentation.labels import without_residues
from crmvalue._segmentation.pictures import scores_parts
from crmvalue._segmentation.segment_table import SegmentTable, assign_segments
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "EQUAL_MONEY",
    "OTHER_WINDOW",
    "RfmBreaks",
    "RfmMethod",
    "RfmScores",
    "SpendBasis",
    "breaks_of_counts",
    "fit_rfm",
    "require_window",
    "say_inside",
    "score_rfm",
]

RfmMethod = Literal["rank", "quantile", "threshold"]
SpendBasis = Literal["mean", "total"]

_COLUMNS = ("days_since_last", "n_purchases", "spend")
_MOST_BINS = 100
EQUAL_MONEY = ((1e4, 9), (1e7, 6), (1e10, 3))  # below each limit, decimals of over 500 steps of binary numbers
OTHER_WINDOW = "were the purchases counted over a longer time?"
_LARGEST_BREAK = 1e300  # a quantile between 0 and the least amount there may be is less than that


def _scores(name: str, value: Any) -> Integers:
    if isinstance(value, Given):
        return read_only(value)
    return read_only(hand_over(as_counts(**{name: value})[0].astype(np.int64)))


def _breaks(name: str, endless: float) -> Any:
    def convert(value: Any) -> npt.NDArray[np.float64]:
        items = as_ordered_items(name, value, "a column of break points")
        is_endless = [isinstance(item, float | np.floating) and item == endless for item in items]
        given = [0.0 if skip else item for item, skip in zip(items, is_endless, strict=True)]
        return read_only(np.where(is_endless, endless, as_column(name, given, largest=_LARGEST_BREAK)))

    return array_field(convert)


@stay_frozen
@attrs.frozen(kw_only=True)
class RfmBreaks:
    """Break points between the scores of recency, frequency and money.

    :func:`fit_rfm` makes them; they may also be written by hand. A score is 1, and 1 more for each break point that the
    customer passes: with fewer days, more purchases or more money than the break point.

    Parameters
    ----------
    days_since_last : ndarray
        Days, in descending order, shape (k - 1,): **fewer** days than a break point score 1 more. A break point is
        infinite if no customer has the scores below it.
    n_purchases, spend : ndarray
        Purchases and money, in ascending order, shape (k - 1,): **more** than a break point scores 1 more. A break
        point is minus infinity if no customer has the scores below it.
    spend_basis : {"mean", "total"}
        Whether `spend` is the money of a mean purchase or of all purchases.
    method : {"rank", "quantile", "threshold"}
        Method that found the break points.
    as_of : datetime64[D] or None
        Day from which the days since the last purchase were counted.
    window : float or None
        Length of the period in which purchases and money were counted [days]; None for all time.
    n_customers : int
        Number of customers that the break points were fitted to; 0 for thresholds.

    Examples
    --------
    >>> breaks = RfmBreaks(
    ...     days_since_last=[90, 30], n_purchases=[1, 4], spend=[50, 200], spend_basis="total", method="threshold"
    ... )
    >>> breaks.n_bins
    3
    """

    days_since_last: Floats = _breaks("days_since_last", math.inf)
    n_purchases: Floats = _breaks("n_purchases", -math.inf)
    spend: Floats = _breaks("spend", -math.inf)
    spend_basis: SpendBasis = choice_field("spend_basis", SpendBasis)
    method: RfmMethod = choice_field("method", RfmMethod)
    as_of: np.datetime64 | None = checked_field("as_of", optional(as_day), default=None, eq=str)
    window: float | None = checked_field("window", optional(as_positive), default=None)
    n_customers: int = count_field("n_customers", default=0)

    def __attrs_post_init__(self) -> None:
        require_same_length(days_since_last=self.days_since_last, n_purchases=self.n_purchases, spend=self.spend)
        if not 1 <= len(self.spend) < _MOST_BINS:
            raise InputError("spend", f"1 to {_MOST_BINS - 1} break points", len(self.spend))
        for name, sign in (("days_since_last", -1.0), ("n_purchases", 1.0), ("spend", 1.0)):
            column = sign * getattr(self, name)
            rule = "in ascending order" if sign > 0 else "in descending order"
            require(np.concatenate(([True], column[1:] >= column[:-1])), name, getattr(self, name), rule)

    @property
    def n_bins(self) -> int:
        """Number of scores of each kind, k; the best is k."""
        return len(self.spend) + 1

    def to_json(self) -> str:
        """Write the break points as JSON text; an infinite one is "inf" or "-inf".

        Returns
        -------
        str
            A JSON object.

        Examples
        --------
        >>> breaks = fit_rfm([3, 40, 200], [9, 2, 1], [90, 50, 10], spend_basis="total", n_bins=3)
        >>> RfmBreaks.from_json(breaks.to_json()) == breaks
        True
        """
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> RfmBreaks:
        """Read what :meth:`to_json` wrote, and check it.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        RfmBreaks
            Equal break points.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote, or breaks a rule.
        """
        return from_json(cls, text)


@stay_frozen
@attrs.frozen(kw_only=True)
class RfmScores(Columns, Pictured):
    """Scores of customers, 1 to k, k best, always.

    Parameters
    ----------
    r_score, f_score, m_score : ndarray
        Scores of recency, frequency and money, in the shape of the scored columns.
    n_bins : int
        Number of scores of each kind, k, from 2 to 100. A 4 of four bins is the best score, a 4 of five is not.

    Examples
    --------
    >>> RfmScores(r_score=[5, 1], f_score=[5, 2], m_score=[4, 1], n_bins=5).cell
    array([554, 121])
    """

    r_score: Integers = array_field(lambda value: _scores("r_score", value))
    f_score: Integers = array_field(lambda value: _scores("f_score", value))
    m_score: Integers = array_field(lambda value: _scores("m_score", value))
    n_bins: int = checked_field("n_bins", lambda name, value: as_whole_number(name, value, low=2, high=_MOST_BINS))

    def __attrs_post_init__(self) -> None:
        for name in ("r_score", "f_score", "m_score"):
            score = getattr(self, name)
            require((score >= 1) & (score <= self.n_bins), name, score, f"from 1 to {self.n_bins}")
            if score.shape != self.r_score.shape:
                raise InputError(name, f"of the shape of `r_score`, {self.r_score.shape}", score.shape)

    def segments(self, table: SegmentTable) -> npt.NDArray[np.str_]:
        """Give each customer the group of their scores.

        Parameters
        ----------
        table : SegmentTable
            A table for as many bins as the scores have.

        Returns
        -------
        str or ndarray of str
            Name of the group, in the shape of the scores.

        Raises
        ------
        InputError
            If `table` is no table, or is for another number of bins.

        Examples
        --------
        >>> scores = RfmScores(r_score=[5, 1], f_score=[1, 5], m_score=[1, 5], n_bins=5)
        >>> scores.segments(SegmentTable.preset("A"))
        array(['New', "Can't Lose Them"], dtype='<U18')
        """
        return assign_segments(self.r_score, self.f_score, self.m_score, table, n_bins=self.n_bins)

    @property
    def cell(self) -> Integers:
        """The three scores side by side as one number, such as 545; for up to 9 bins."""
        if self.n_bins > 9:
            raise InputError("n_bins", "up to 9 for scores side by side", self.n_bins)
        digits = (score.astype(np.int64) for score in (self.r_score, self.f_score, self.m_score))
        r, f, m = digits
        cell: Integers = (100 * r + 10 * f + m)[()]
        return cell

    def _parts(self) -> Parts:
        return scores_parts(self.r_score, self.f_score, self.n_bins)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


def fit_rfm(
    days_since_last: ArrayLike,
    n_purchases: ArrayLike,
    spend: ArrayLike,
    *,
    spend_basis: SpendBasis,
    n_bins: int = 5,
    method: RfmMethod = "rank",
    thresholds: Mapping[str, ArrayLike] | None = None,
    as_of: ArrayLike | None = None,
    window: float | None = None,
) -> RfmBreaks:
    r"""Fit the break points between the scores to a base of customers.

    Parameters
    ----------
    days_since_last : array_like
        Days from the last purchase to the as-of date, >= 0, shape (n,).
    n_purchases : array_like
        Number of purchases, whole, >= 0, shape (n,).
    spend : array_like
        Money, >= 0, shape (n,). A magnitude below 1e-9 counts as 0: it is what binary arithmetic leaves of nothing.
        Rounded to 9 decimals (6 from 1e4 on, 3 from 1e7 on, not from 1e10 on), because sums of the same amounts differ
        in their last digits if they are added up in another order.
    spend_basis : {"mean", "total"}
        Whether `spend` is the money of a mean purchase or of all purchases. Both are common and give different scores,
        so there is no default.
    n_bins : int, optional
        Number of scores k, from 2 to 100.
    method : {"rank", "quantile", "threshold"}, optional
        "rank": bins of equal size; equal customers share their mean rank. "quantile": bins between the quantiles of the
        values, as `pandas.qcut` makes them; many equal values leave some scores without customers, and if all are
        equal, all score 1. "threshold": the break points of `thresholds`.
    thresholds : mapping, optional
        For "threshold" the k - 1 break points of "days_since_last" (descending), "n_purchases" and "spend" (ascending).
    as_of : date, optional
        Day from which the days were counted; the break points keep it.
    window : float, optional
        Length of the period in which purchases and money were counted [days], > 0, such as 180; by default all time.
        The break points keep it, and :func:`score_rfm` refuses columns of another window.
        :func:`crmvalue.purchases.summarise_window` gives the columns of a window.

    Returns
    -------
    RfmBreaks
        Break points for :func:`score_rfm`; keep them to score other customers alike.

    Raises
    ------
    InputError
        If a column has a negative or missing value, the lengths differ, there is no customer, thresholds are given
        without the method "threshold" or missing with it, or a customer with purchases in the `window` has been silent
        for longer than it.

    Notes
    -----
    By rank, a customer whose mean rank among n is :math:`\bar r` (1 the worst, equals sharing the mean) scores

    .. math:: 1 + \lfloor k (\bar r - 1/2) / n \rfloor

    Ranks compare these customers with each other: in a log of one month, a silence of three weeks may be the worst.

    Equal customers get equal scores, whatever the order of the rows. If all are equal, they score in the middle. A new
    value between two fitted ones gets the score of the better one; a value beyond the best gets k.

    Examples
    --------
    >>> breaks = fit_rfm(
    ...     days_since_last=[5, 20, 60, 200, 400],
    ...     n_purchases=[9, 5, 2, 1, 1],
    ...     spend=[900, 300, 80, 20, 15],
    ...     spend_basis="total",
    ...     as_of="2024-06-30",
    ... )
    >>> breaks.days_since_last
    array([400., 200.,  60.,  20.])
    """
    require_choice("spend_basis", spend_basis, get_args(SpendBasis))
    require_choice("method", method, get_args(RfmMethod))
    k = as_whole_number("n_bins", n_bins, low=2, high=_MOST_BINS)
    columns = _read(days_since_last, n_purchases, spend)
    for name, column in zip(_COLUMNS, columns, strict=True):
        if column.ndim != 1:
            raise InputError(name, "one-dimensional, one element a customer", f"{column.ndim} dimensions")
    require_same_length(**dict(zip(_COLUMNS, columns, strict=True)))
    _require_inside(window, columns[0], columns[1])
    if (method == "threshold") != (thresholds is not None):
        raise InputError("thresholds", "given with method='threshold' and only with it", thresholds)
    days, count, money = columns
    if thresholds is not None:
        breaks = _read_thresholds(thresholds, k)
    else:
        find = _rank_breaks if method == "rank" else _quantile_breaks
        breaks = (-find(-days, k), find(count, k), find(money, k))
    return RfmBreaks(
        days_since_last=breaks[0],
        n_purchases=breaks[1],
        spend=breaks[2],
        spend_basis=spend_basis,
        method=method,
        as_of=as_of,
        window=window,
        n_customers=0 if method == "threshold" else len(days),
    )


def score_rfm(
    days_since_last: ArrayLike,
    n_purchases: ArrayLike,
    spend: ArrayLike,
    breaks: RfmBreaks,
    *,
    window: float | None = None,
) -> RfmScores:
    """Score customers by break points that were fitted before.

    Parameters
    ----------
    days_since_last : array_like
        Days from the last purchase to the day of scoring, >= 0; one customer or any number. Shapes broadcast.
    n_purchases : array_like
        Number of purchases, whole, >= 0.
    spend : array_like
        Money, >= 0, on the basis of the break points (`breaks.spend_basis`). A magnitude below 1e-9 counts as 0.
        Rounded as in :func:`fit_rfm`.
    breaks : RfmBreaks
        Break points of :func:`fit_rfm`.
    window : float, optional
        Length of the period in which these purchases and this money were counted [days], > 0, such as 180; by default
        all time. It must be that of the break points (`breaks.window`).

    Returns
    -------
    RfmScores
        Scores from 1 to k, k best. They keep k, so that a table for another number of bins refuses them.

    Raises
    ------
    InputError
        If a value is negative or missing, `breaks` are no break points, `window` is not theirs, or a customer with
        purchases in the window has been silent for longer than it.

    Examples
    --------
    >>> breaks = fit_rfm([5, 20, 60, 200, 400], [9, 5, 2, 1, 1], [900, 300, 80, 20, 15], spend_basis="total")
    >>> scores = score_rfm([3, 100], [2, 12], [50, 5000], breaks)
    >>> scores.r_score, scores.f_score, scores.m_score
    (array([5, 3], dtype=uint8), array([3, 5], dtype=uint8), array([3, 5], dtype=uint8))
    """
    if not isinstance(breaks, RfmBreaks):
        raise InputError("breaks", "an RfmBreaks", type(breaks).__name__, hint="fit_rfm makes them")
    require_window(window, breaks)
    days, count, money = np.broadcast_arrays(*_read(days_since_last, n_purchases, spend))
    _require_inside(window, days, count)
    return RfmScores(
        r_score=hand_over(_score(-days, -breaks.days_since_last)),
        f_score=hand_over(_score(count, breaks.n_purchases)),
        m_score=hand_over(_score(money, without_rounding(breaks.spend))),
        n_bins=breaks.n_bins,
    )


def require_window(window: float | None, breaks: RfmBreaks) -> None:
    """Refuse columns that were counted over another window than those of the break points."""
    length = None if window is None else as_positive("window", window)
    if length != breaks.window:
        hint = "summarise_window of crmvalue.purchases counts the purchases of a window"
        raise InputError("window", f"that of the break points, {_said(breaks.window)}", _said(length), hint=hint)


def _require_inside(window: float | None, days: Floats, count: Floats) -> None:
    """Refuse customers who bought in the window, but have been silent for longer than it."""
    if window is not None:
        length = as_positive("window", window)
        require((days <= length) | (count == 0), "days_since_last", days, say_inside(length), hint=OTHER_WINDOW)


def say_inside(window: float) -> str:
    """State the rule for the days of silence of customers who bought in the window."""
    return f"at most the window, {_said(window)}, of a customer with purchases in it"


def _said(window: float | None) -> str:
    return "None for all time" if window is None else f"{as_given(window)} days"


def _read(days_since_last: ArrayLike, n_purchases: ArrayLike, spend: ArrayLike) -> tuple[Floats, Floats, Floats]:
    days, count, money = as_floats(days_since_last=days_since_last, n_purchases=n_purchases, spend=spend)
    money = without_rounding(without_residues(money))
    require(days >= 0, "days_since_last", days, ">= 0", hint="a purchase after the as-of date?")
    require((count >= 0) & (count == np.floor(count)), "n_purchases", count, "a whole number >= 0")
    require(
        money >= 0,
        "spend",
        money,
        ">= 0",
        hint="leave out customers who got more money back than they paid, or count it as 0",
    )
    return days, count, money


def _read_thresholds(thresholds: Mapping[str, ArrayLike], n_bins: int) -> tuple[Floats, ...]:
    given: object = thresholds
    if not isinstance(given, Mapping) or set(given) != set(_COLUMNS):
        raise InputError("thresholds", f"a mapping with {', '.join(_COLUMNS)}", given)
    require_same_index(**{f"thresholds[{name!r}]": thresholds[name] for name in _COLUMNS})
    read = tuple(as_column(f"thresholds[{name!r}]", thresholds[name]) for name in _COLUMNS)
    for name, column in zip(_COLUMNS, read, strict=True):
        if len(column) != n_bins - 1:
            raise InputError(f"thresholds[{name!r}]", f"{n_bins - 1} break points for {n_bins} bins", len(column))
    return read


def _rank_breaks(value: Floats, n_bins: int) -> Floats:
    """Find the largest value that scores at most 1, 2, ..., n_bins - 1; minus infinity if there is none.

    Equal values at the ranks f to l score 1 + floor(k (f + l - 1) / 2 n). The last group of equals that scores at most
    j holds the place floor(j n / k), or is the group before that one. Only the buckets of these places are sorted.
    """
    n = len(value)
    bucket = _buckets(value)
    up_to = np.cumsum(np.bincount(bucket))
    places = np.arange(1, n_bins) * n // n_bins
    found = np.full(n_bins - 1, -np.inf)
    for b in np.unique(np.searchsorted(up_to, places, side="right")).tolist():
        inside = np.sort(value[bucket == b])
        before = int(up_to[b]) - len(inside)
        for j in (np.nonzero((places >= before) & (places < up_to[b]))[0] + 1).tolist():
            x = inside[int(places[j - 1]) - before]
            start, end = np.searchsorted(inside, x), np.searchsorted(inside, x, side="right")
            if n_bins * (2 * before + int(start) + int(end)) < 2 * n * j:
                found[j - 1] = x
            elif start > 0:
                found[j - 1] = inside[start - 1]
            elif before > 0:
                found[j - 1] = value[bucket == np.searchsorted(up_to, before - 1, side="right")].max()
    return found


def _buckets(value: Floats) -> Integers:
    """Give whole numbers from 0 to 65,535 that rise with the values, about as their logarithms; all have one sign."""
    key = np.abs(value).view(np.int64)  # the bits of floats >= 0 are in the order of the floats
    if value.min() < 0:
        np.negative(key, out=key)
    key -= key.min()
    key >>= max(int(key.max()).bit_length() - 16, 0)
    return key


def _quantile_breaks(value: Floats, n_bins: int) -> Floats:
    return breaks_of_counts(np.sort(value), np.ones(len(value), dtype=np.int64), n_bins, "quantile")


def breaks_of_counts(value: Floats, count: Integers, n_bins: int, method: str) -> Floats:
    """Find the break points of one column from its values, ascending, and how many customers have each.

    Quantiles lie between neighbours, as numpy has them, at places in whole numbers, which rounding cannot miss.
    """
    up_to = np.cumsum(count)
    n = int(up_to[-1])
    if method == "rank":
        score = 1 + n_bins * (2 * up_to - count) // (2 * n)  # equals share their mean rank
        place = np.searchsorted(score, np.arange(1, n_bins), side="right") - 1
        return np.where(place >= 0, value[np.maximum(place, 0)], -np.inf)
    place, rest = np.divmod(np.arange(1, n_bins) * (n - 1), n_bins)
    low, high = (value[np.searchsorted(up_to, here, side="right")] for here in (place, np.minimum(place + 1, n - 1)))
    found: Floats = np.minimum(low + (high - low) * (rest / n_bins), high)
    return found


def without_rounding(money: Floats) -> Floats:
    """Round off the last digits, so that sums of the same amounts are equal in whatever order they were added up.

    Halves go up, as all engines of dataframes can do it.
    """
    found = money
    for limit, decimals in reversed(EQUAL_MONEY):
        below = np.abs(money) < limit
        scale = 10.0**decimals
        found = np.where(below, np.floor(np.where(below, money, 0.0) * scale + 0.5) / scale, found)
    return found


def _score(value: Floats, breaks: Floats) -> Any:
    """Score 1, and 1 more for each break point below the value."""
    score = np.ones(value.shape, dtype=np.uint8)
    for point in breaks.tolist():
        score += value > point
    return score
