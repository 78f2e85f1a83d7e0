"""How long customers stay: the Kaplan-Meier curve, and tests for differences between cohorts."""

from __future__ import annotations

import math
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._cohorts.pictures import comparison_parts, survival_parts
from crmvalue._cohorts.retention import RetentionTriangle
from crmvalue._core.checks import (
    as_column,
    as_float,
    as_floats,
    as_fraction,
    as_outcomes,
    as_text,
    as_whole_number,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.comparisons import holm, log_rank, p_text, rates_p
from crmvalue._core.encoding.customers import encode_customers, text_array
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import also_equal, as_given, counted, decimal
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    count_column,
    hand_over,
    number_column,
    optional,
    require_at_most,
    require_columns,
    require_ends,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["CohortComparison", "SurvivalCurve", "compare_retention", "compare_survival", "survival_curve"]

_SAME = 1e-10  # the curve is a product of up to millions of rounded factors; its steps are larger than this
_FEW_OF = 200  # one of so many customers may stand before the log by a wrong date
_MOST_COHORTS = 100  # 4,950 pairs
_FEW = 5  # expected customers below which the chi-squared test gives way to Fisher's


@stay_frozen
@attrs.frozen(kw_only=True)
class SurvivalCurve(Columns, Pictured):
    """Share of customers who stay longer than each time, estimated with customers who have not left yet.

    Parameters
    ----------
    time : ndarray
        Distinct durations, ascending, shape (n,), in the unit of the durations.
    survival : ndarray
        Share of customers who stay longer than each time.
    low, high : ndarray
        Interval of each share by itself. Both are 1 before the first customer leaves, and NaN where the curve is 0.
    n_at_risk : ndarray of int
        Customers who were active and observed just before each time.
    n_events, n_censored : ndarray of int
        Customers who left at each time, and customers who were last observed at each time.
    level : float
        Level of the intervals.

    Examples
    --------
    >>> curve = survival_curve([1, 2, 2, 4, 5], [True, True, False, True, False])
    >>> curve.survival.round(3), curve.median
    (array([0.8, 0.6, 0.3, 0.3]), 4.0)
    """

    time: Floats = number_column("time", low=0.0)
    survival: Floats = number_column("survival", low=0.0, high=1.0)
    low: Floats = number_column("low", low=0.0, high=1.0, missing=True)
    high: Floats = number_column("high", low=0.0, high=1.0, missing=True)
    n_at_risk: Integers = count_column("n_at_risk")
    n_events: Integers = count_column("n_events")
    n_censored: Integers = count_column("n_censored")
    level: float = checked_field("level", as_fraction)

    def __attrs_post_init__(self) -> None:
        names = ("survival", "low", "high", "n_at_risk", "n_events", "n_censored")
        require_columns(self, len(self.time), names, "times", least=1)
        require(np.diff(self.time) > 0, "time", self.time[1:], "ascending, each time once")
        require(np.diff(self.survival) <= _SAME, "survival", self.survival[1:], "falling")
        require_ends(self, "low", "high")
        require_at_most(self, "low", "survival", "high")
        left = self.n_at_risk - self.n_events - self.n_censored
        rule = "those before it without the customers who left or were last observed then"
        require(left == np.append(self.n_at_risk[1:], 0), "n_at_risk", np.append(self.n_at_risk[1:], 0), rule)

    def _parts(self) -> Parts:
        lived = float((self.time * (self.n_events + self.n_censored)).sum())
        hazard = float(self.n_events.sum()) / lived if lived else 0.0
        return survival_parts(self.time, self.survival, (self.low, self.high), hazard, self.median)

    @property
    def n_customers(self) -> int:
        """All customers, whether they have left or not."""
        return int(self.n_at_risk[0])

    @property
    def median(self) -> float:
        """First time by which half of the customers have left; infinite if fewer than half have left.

        If the curve is flat at exactly one half, it is the middle of the flat part.
        """
        (reached,) = np.nonzero(self.survival <= 0.5 + _SAME)
        (passed,) = np.nonzero(self.survival < 0.5 - _SAME)
        if not reached.size:
            return math.inf
        end = self.time[passed[0]] if passed.size else self.time[-1]
        return float((self.time[reached[0]] + end) / 2)

    @property
    def median_interval(self) -> Interval:
        """Times at which the bounds of the curve fall to one half (Brookmeyer and Crowley 1982); may be infinite."""
        bounds = (np.nan_to_num(self.low, nan=0.0), np.nan_to_num(self.high, nan=1.0))  # NaN where the curve is at 0
        below = [bound <= 0.5 + _SAME for bound in bounds]
        low, high = (np.float64(self.time[found.argmax()] if found.any() else math.inf) for found in below)
        return Interval(low, high)

    def at(self, time: ArrayLike) -> FloatOrArray:
        """Share of customers who stay longer than given times.

        Parameters
        ----------
        time : array_like
            Times, >= 0.

        Returns
        -------
        float or ndarray
            Share that stays longer than each time. Beyond the longest duration it is 0 if the curve is 0 there,
            otherwise NaN, because no customer was observed for so long.

        Raises
        ------
        InputError
            If a time is negative or not finite.
        """
        (t,) = as_floats(time=time)
        require(t >= 0, "time", t, ">= 0")
        found = np.append(1.0, self.survival)[np.searchsorted(self.time, t, side="right")]
        unknown = (t > self.time[-1]) & (self.survival[-1] > 0)
        return np.where(unknown, np.nan, found)[()]

    def restricted_mean(self, *, horizon: float) -> float:
        """Mean time that customers stay within a horizon: the area under the curve up to the horizon.

        Parameters
        ----------
        horizon : float
            Time, > 0. At most the longest duration, unless the curve is 0 there.

        Returns
        -------
        float
            Mean of the duration, where longer durations count as the horizon, in the unit of the durations.

        Raises
        ------
        InputError
            If the horizon is not above 0, or the curve is not known up to it.
        """
        end = as_float("horizon", horizon)
        require(end > 0, "horizon", end, "> 0")
        if end > self.time[-1] and self.survival[-1] > 0:
            raise InputError("horizon", f"at most the longest duration ({as_given(self.time[-1])})", end)
        steps = np.minimum(np.append(self.time, np.inf), end)
        return float(np.diff(steps, prepend=0.0) @ np.append(1.0, self.survival))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the curve column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            All fields of shape (n,).
        """
        names = ("time", "survival", "low", "high", "n_at_risk", "n_events", "n_censored")
        return {name: getattr(self, name) for name in names}

    def to_json(self) -> str:
        """Write the curve as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> SurvivalCurve:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


@stay_frozen
@attrs.frozen(kw_only=True)
class CohortComparison(Columns, Pictured):
    """Tests for differences between cohorts, all together and pair by pair.

    Parameters
    ----------
    measure : str
        What is compared, such as "retention at age 3".
    names : tuple of str
        Names of the cohorts.
    n_customers : ndarray of int
        Customers of each cohort, shape (k,).
    value : ndarray
        Retention rate of each cohort, or median time that its customers stay; the median is infinite if fewer than half
        have left.
    low, high : ndarray
        Interval of each value.
    p_value : float
        P-value of no difference between the cohorts.
    first, second : ndarray of int
        Positions of the two cohorts of each pair, shape (pairs,).
    pair_p_value : ndarray
        P-value of no difference in each pair, corrected by Holm's method for the number of pairs.
    direction : ndarray of int
        1 if the first cohort of the pair keeps its customers better, -1 if the second does, 0 if both are equal.
    level : float
        Level of the intervals, and one minus the level of the tests.
    log_begins_with : str, optional
        Cohort with which the log begins, where cohorts begin with the first purchase in it; earlier ones that are at
        most one of 200 customers do not count.

    Examples
    --------
    >>> found = compare_survival([1, 2, 3, 4, 6, 7, 8, 9], [True] * 8, ["old"] * 4 + ["new"] * 4)
    >>> found.names, found.value, round(found.p_value, 4)
    (('new', 'old'), array([7.5, 2.5]), 0.0286)
    """

    measure: str = checked_field("measure", as_text)
    names: tuple[str, ...] = words_field("names")
    n_customers: Integers = count_column("n_customers")
    value: Floats = number_column("value", infinite=True, missing=True)
    low: Floats = number_column("low", infinite=True, missing=True)
    high: Floats = number_column("high", infinite=True, missing=True)
    p_value: float = checked_field("p_value", partial(as_fraction, closed=True))
    first: Integers = whole_table("first")
    second: Integers = whole_table("second")
    pair_p_value: Floats = number_column("pair_p_value", low=0.0, high=1.0)
    direction: Integers = whole_table("direction", low=-1)
    level: float = checked_field("level", as_fraction)
    log_begins_with: str | None = checked_field("log_begins_with", optional(as_text), default=None)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.names), ("n_customers", "value", "low", "high"), "cohorts")
        require_columns(self, len(self.first), ("second", "pair_p_value", "direction"), "pairs")
        for name in ("first", "second"):
            require(getattr(self, name) < len(self.names), name, getattr(self, name), "the place of one of the `names`")
        require(self.first != self.second, "second", self.second, "another cohort than `first`")
        require(self.direction <= 1, "direction", self.direction, "-1, 0 or 1")
        require_ends(self, "low", "high")

    def _parts(self) -> Parts:
        differs, ends = self.p_value < 1 - self.level, (self.low, self.high)
        return comparison_parts(self.measure, self.names, self.value, ends, self._clearest(), differs=differs)

    def _clearest(self) -> tuple[str, str] | None:
        """Name the better and the worse cohort of the clearest pair; None where no pair differs."""
        pairs = np.nonzero(self.differs)[0]
        if not len(pairs):
            return None
        clearest = pairs[self.pair_p_value[pairs].argmin()]
        names = self.names[self.first[clearest]], self.names[self.second[clearest]]
        return names if self.direction[clearest] >= 0 else names[::-1]

    @property
    def differs(self) -> npt.NDArray[np.bool_]:
        """Whether each pair differs after the correction, and all cohorts together do.

        The level of the test holds for all pairs and for all cohorts at once.
        """
        return np.asarray(np.maximum(self.pair_p_value, self.p_value) < 1 - self.level)

    @property
    def conclusion(self) -> str:
        """The clearest difference in words, or that no difference is shown."""
        alpha = 1 - self.level
        level, p = f"at the {decimal(100 * alpha, 3)} % level", p_text(self.p_value, alpha)
        k = len(self.names)
        what = f"{self.measure[:1].upper()}{self.measure[1:]}"
        clearest = self._clearest()
        if clearest is None:
            if self.p_value < alpha:
                return f"{what} differs among the {k} cohorts {level} ({p}), but no single pair does."
            return (
                f"{what}: no difference among the {k} cohorts is shown {level} ({p}). "
                "This does not prove that they are equal."
            )
        said = f"{clearest[0]} keeps its customers better than {clearest[1]}"
        if k == 2:
            return f"{what}: {said} ({p}).{self._older(clearest[0])}"
        n = int(self.differs.sum())
        p_of_pairs = self.pair_p_value[self.differs]
        equal = also_equal(int((p_of_pairs == p_of_pairs.min()).sum()))
        return (
            f"{what}: {n} of {counted(len(self.first), 'pair')} of cohorts {'differs' if n == 1 else 'differ'} {level} "
            f"after correction; most clearly, {said} ({p_text(p_of_pairs.min(), alpha)}{equal})."
            f"{self._older(clearest[0])}"
        )

    def _older(self, better: str) -> str:
        """Say that the cohort that looks better may hold old customers, if the log begins with it."""
        if better != self.log_begins_with:
            return ""
        return (
            f" The log begins with {better}. If the business is older, this cohort holds old customers, who return "
            "more often than new ones."
        )

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the cohorts column by column, without the pairs, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each cohort.
        """
        names = ("n_customers", "value", "low", "high")
        return {"cohort": text_array(self.names), **{name: getattr(self, name) for name in names}}

    def to_json(self) -> str:
        """Write the comparison as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> CohortComparison:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def survival_curve(duration: ArrayLike, event: ArrayLike, *, level: float = 0.95) -> SurvivalCurve:
    r"""Kaplan-Meier curve of the time that customers stay.

    Parameters
    ----------
    duration : array_like
        Time from the start of each customer to the day they left, or to the last day on which they were known to be
        active, >= 0, in any unit, shape (n,).
    event : array_like
        Whether the customer left at the end of that time, True and False or 1 and 0. It is False for a customer who is
        still active, or who is no longer observed.
    level : float, optional
        Level of the intervals, in (0, 1).

    Returns
    -------
    SurvivalCurve
        The curve at each distinct duration, with its interval and the customers at risk.

    Raises
    ------
    InputError
        If the columns differ in length or are empty, a duration is negative, NaN or infinite, `event` is not of True
        and False, or the level is outside (0, 1).

    Notes
    -----
    With :math:`n_i` customers at risk and :math:`d_i` leaving at :math:`t_i` (Kaplan and Meier 1958),

    .. math:: S(t) = \prod_{t_i \le t} (1 - d_i / n_i)

    The interval is normal on the scale of :math:`\log(-\log S)` with Greenwood's variance, so it stays inside [0, 1].
    `scipy.stats.ecdf` gives the same numbers. If some customers leave and others are last observed at the same time,
    the customers who leave come first. The end of observation must not depend on whether a customer is about to leave.

    Examples
    --------
    >>> curve = survival_curve([3, 5, 5, 8, 12], [True, True, False, True, False])
    >>> curve.at([4, 8]).round(3), round(curve.restricted_mean(horizon=12), 2)
    (array([0.8, 0.3]), 7.6)
    """
    require_same_index(duration=duration, event=event)
    time, left = _read_durations(duration, event)
    level = as_fraction("level", level)
    return _curve(time, left, level)


def compare_survival(
    duration: ArrayLike, event: ArrayLike, cohort: ArrayLike, *, level: float = 0.95
) -> CohortComparison:
    """Test whether the customers of several cohorts stay equally long.

    Parameters
    ----------
    duration, event : array_like
        Duration and event of each customer, as in :func:`survival_curve`, shape (n,).
    cohort : array_like
        Cohort of each customer, whole numbers or text: 2 to 100 different cohorts.
    level : float, optional
        Level of the intervals, and one minus that of the tests, in (0, 1).

    Returns
    -------
    CohortComparison
        Medians with intervals, the test of each pair, and a `conclusion`; cohorts in ascending order.

    Raises
    ------
    InputError
        If a column is not as in :func:`survival_curve`, or the number of cohorts is not from 2 to 100.

    Notes
    -----
    Each pair is tested by the log-rank test, and the p-values are corrected by Holm's method (1979). For more than two
    cohorts `p_value` is the smallest corrected p-value, which is a valid test of all cohorts at once. The p-value of
    `scipy.stats.logrank` is a normal approximation, which calls 6 to 9 in 100 pairs of small cohorts alike different at
    0.05. If a cohort is expected to lose fewer than 30 customers, the p-value is at least the exact one [1]_: at each
    time the losses of the first cohort are a draw from all customers at risk, and the p-value is twice the smaller tail
    of their sum. The log-rank test is most sensitive where one cohort loses more customers at every age;
    it can miss differences between curves that cross.

    .. [1] Thomas, D. G. (1975). Exact and asymptotic methods for the combination of 2 x 2 tables. Computers and
       Biomedical Research 8, 423-446.

    Examples
    --------
    >>> found = compare_survival([1, 2, 3, 4, 6, 7, 8, 9], [True] * 8, ["old"] * 4 + ["new"] * 4)
    >>> found.conclusion
    'Time that customers stay: new keeps its customers better than old (p 0.029).'
    """
    require_same_index(duration=duration, event=event, cohort=cohort)
    time, left = _read_durations(duration, event)
    labels, code = encode_customers("cohort", cohort)
    require_same_length(duration=time, cohort=code)
    level = as_fraction("level", level)
    k = len(labels)
    if not 2 <= k <= _MOST_COHORTS:
        raise InputError("cohort", f"2 to {_MOST_COHORTS} different cohorts", k)
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code))[:-1]
    times, lefts = np.split(time[order], ends), np.split(left[order], ends)
    curves = [_curve(*columns, level) for columns in zip(times, lefts, strict=True)]
    pairs = list(combinations(range(k), 2))
    tests = [_log_rank(times[i], lefts[i], times[j], lefts[j]) for i, j in pairs]
    corrected = holm(np.array([p for _, p in tests]))
    intervals = [curve.median_interval for curve in curves]
    return CohortComparison(
        measure="time that customers stay",
        names=tuple(str(label) for label in labels.tolist()),
        n_customers=hand_over(np.bincount(code)),
        value=hand_over(np.array([curve.median for curve in curves])),
        low=hand_over(np.array([low for low, _ in intervals])),
        high=hand_over(np.array([high for _, high in intervals])),
        p_value=float(corrected.min()),
        level=level,
        direction=hand_over(-np.sign([statistic for statistic, _ in tests]).astype(np.int64)),
        **_pair_fields(pairs, corrected),
    )


def compare_retention(triangle: RetentionTriangle, age: int, *, level: float = 0.95) -> CohortComparison:
    """Test whether cohorts of a triangle have kept the same share of their customers at one age.

    Parameters
    ----------
    triangle : RetentionTriangle
        Cohorts. Cohorts that are not observed at that age are left out.
    age : int
        Periods since the period of the first purchase, >= 1; or since that of the start, >= 0, where starts were given.
    level : float, optional
        Level of the intervals, and one minus that of the tests, in (0, 1).

    Returns
    -------
    CohortComparison
        Retention rates with Wilson's intervals, the test of each pair, and a `conclusion`; names are the first days of
        the cohorts.

    Raises
    ------
    InputError
        If `triangle` is not a RetentionTriangle, or the number of cohorts observed at that age is not from 2 to 100.

    Notes
    -----
    Each pair is tested by Pearson's chi-squared test without continuity correction, which is the two-proportion z test.
    If one of the four cells expects fewer than 5 customers, Fisher's exact test is used. The p-values of the pairs are
    corrected by Holm's method (1979). `p_value` comes from the chi-squared test of all cohorts. If one of its cells
    expects fewer than 5 customers, it is the smallest corrected p-value, which is a valid test of all cohorts too. All
    tests are those of `scipy.stats`.

    In a log that begins later than the business, the first cohort holds old customers, the most frequent buyers before
    all, and so do the next ones to a lesser degree. Where the first cohort looks better in the clearest difference, the
    `conclusion` says so. Cohorts by start (`start` of :func:`retention_triangle`) do not have this flaw.

    Examples
    --------
    >>> from crmvalue.cohorts import retention_triangle
    >>> from crmvalue.datasets import load_cdnow
    >>> log = load_cdnow()
    >>> triangle = retention_triangle(log.customer, log.date, period="month", as_of="1998-06-30")
    >>> found = compare_retention(triangle, 1)
    >>> found.value.round(3), round(found.p_value, 3)
    (array([0.159, 0.156, 0.121]), 0.069)
    """
    if not isinstance(triangle, RetentionTriangle):
        raise InputError("triangle", "a RetentionTriangle", type(triangle).__name__)
    column = as_whole_number("age", age, low=0 if triangle.by_start else 1)
    level = as_fraction("level", level)
    known = triangle.observed[:, column] if column < len(triangle.age) else np.zeros(len(triangle.size), dtype=bool)
    n, kept = triangle.size[known], triangle.active[known][:, min(column, len(triangle.age) - 1)]
    if not 2 <= len(n) <= _MOST_COHORTS:
        hint = f"{counted(len(n), 'cohort')} observed then"
        raise InputError("age", f"an age at which 2 to {_MOST_COHORTS} cohorts are observed", column, hint=hint)
    pairs = list(combinations(range(len(n)), 2))
    first, second = np.array(pairs).T
    corrected = holm(rates_p(kept[first], n[first], kept[second], n[second]))
    low, high = proportion_interval(kept, n, level=level)
    overall = float(corrected.min())
    # as for two counts, both sides are multiplied by all customers, so that an expected 5 is exactly 5
    if len(n) > 2 and int(n.min()) * int(min(kept.sum(), (n - kept).sum())) >= _FEW * int(n.sum()):
        overall = _chi_squared(kept, n)
    rate = kept / n
    return CohortComparison(
        measure=f"retention at age {column}",
        names=tuple(triangle.cohort[known].astype(str).tolist()),
        n_customers=hand_over(n),
        value=hand_over(rate),
        low=hand_over(np.asarray(low)),
        high=hand_over(np.asarray(high)),
        p_value=overall,
        level=level,
        log_begins_with=None if triangle.by_start else str(triangle.cohort[_first_large(triangle.size)]),
        direction=hand_over(np.array([np.sign(kept[i] * n[j] - kept[j] * n[i]) for i, j in pairs])),
        **_pair_fields(pairs, corrected),
    )


def _first_large(size: Integers) -> int:
    """Place of the first cohort beyond the first one of 200 customers, who may be there by a wrong date."""
    return int(np.searchsorted(np.cumsum(size) * _FEW_OF, size.sum(), side="right"))


def _read_durations(duration: ArrayLike, event: ArrayLike) -> tuple[Floats, Bools]:
    time = as_column("duration", duration)
    require(time >= 0, "duration", time, ">= 0")
    left = as_outcomes("event", event)
    require_same_length(duration=time, event=left)
    return time, left


def _curve(time: Floats, left: Bools, level: float) -> SurvivalCurve:
    from scipy import special

    moments, place = np.unique(time, return_inverse=True)
    n_events = np.bincount(place[left], minlength=len(moments))
    n_censored = np.bincount(place[~left], minlength=len(moments))
    n_at_risk = len(time) - np.append(0, np.cumsum(n_events + n_censored)[:-1])
    n_stay = n_at_risk - n_events
    survival = np.cumprod(n_stay / n_at_risk)
    touched, some = n_stay < n_at_risk, n_stay > 0
    variance = np.cumsum(np.divide(n_events, n_at_risk * n_stay, out=np.zeros(len(moments)), where=some))
    log_survival = np.cumsum(np.log1p(-n_events / n_at_risk, out=np.zeros(len(moments)), where=some))
    known = np.logical_or.accumulate(touched) & some  # before that nobody has left, and after it nobody is left
    half = np.divide(np.sqrt(variance), -log_survival, out=np.zeros(len(moments)), where=known)
    half *= -special.ndtri((1 - level) / 2)
    with np.errstate(under="ignore"):
        low, high = (np.exp(log_survival * np.exp(sign * half)) for sign in (1, -1))
    unknown = ~some
    return SurvivalCurve(
        time=hand_over(moments),
        survival=hand_over(survival),
        low=hand_over(np.where(unknown, np.nan, low)),
        high=hand_over(np.where(unknown, np.nan, high)),
        n_at_risk=hand_over(n_at_risk),
        n_events=hand_over(n_events),
        n_censored=hand_over(n_censored),
        level=level,
    )


def _log_rank(time: Floats, left: Bools, other_time: Floats, other_left: Bools) -> tuple[float, float]:
    """Statistic, above 0 if the first sample loses more customers than expected, and p-value."""
    times = np.unique(np.concatenate((time[left], other_time[other_left])))
    return log_rank(*_losses(time, left, times), *_losses(other_time, other_left, times))


def _losses(time: Floats, left: Bools, times: Floats) -> tuple[Integers, Integers]:
    """Count the customers lost at each of some times, and those at risk just before."""
    gone, known = np.sort(time[left]), np.sort(time)
    lost = np.searchsorted(gone, times, side="right") - np.searchsorted(gone, times, side="left")
    return lost, len(known) - np.searchsorted(known, times, side="left")


def _pair_fields(pairs: list[tuple[int, int]], corrected: Floats) -> dict[str, Any]:
    first, second = np.array(pairs).T
    return {"first": hand_over(first.copy()), "second": hand_over(second.copy()), "pair_p_value": hand_over(corrected)}


def _chi_squared(kept: Integers, n: Integers) -> float:
    from scipy import stats

    return float(stats.chi2_contingency(np.stack([kept, n - kept]), correction=False).pvalue)
