"""Campaigns of the past without a control group: customers who were chosen, against others who were likely to be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_floats,
    as_fraction,
    as_outcomes,
    as_positive,
    as_text,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.comparisons import MeanErrors, cut_back, errors_of_means, half_width, welch_degrees
from crmvalue._core.encoding.customers import text_array
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, figure, money, span
from crmvalue._core.logistic import expit, solve_logistic, standardise
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    count_field,
    hand_over,
    interval_field,
    number_column,
    number_field,
    require_at_most,
    require_columns,
    require_inside,
    stay_frozen,
    whole_table,
    words_field,
)
from crmvalue._journeys.results.pictures import observed_parts
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["ObservedEffect", "observed_effect"]

_FEWEST = 10  # customers of a group; also of the others, as weighted
_ALIKE = 0.1  # standardised difference up to which groups count as alike (Austin 2009)
_ROUNDING = 1e-12  # of the largest value: less is what binary arithmetic leaves of nothing
_UNKNOWN = Interval(np.float64(-np.inf), np.float64(np.inf))
_BINS = 10
_MOST_RETURNS = 0.1  # of the customers, whose amounts are below 0 in a column of money
_LARGEST = 1e100
_LARGEST_EFFECT = 1e250  # for each customer, which is multiplied by their number
_MOST_PENALTY = 1e9  # beyond it the equations of the propensity lose their digits


@stay_frozen
@attrs.frozen(kw_only=True)
class ObservedEffect(Columns, Pictured):
    """Customers who got a campaign against others who did the same before, where chance did not choose.

    Parameters
    ----------
    n_treated, n_control : int
        Customers who got the campaign, and others.
    n_outside : int
        Treated customers who are left out, because no other customer was as likely to be chosen, or for one to three
        outsize values.
    n_effective : float
        Size of a group of others, all with one weight, that tells as much as the weighted others.
    names : tuple of str
        Names of the columns that were looked at.
    balance_before, balance_after : ndarray
        Difference of the means of each column in standard deviations, treated minus others: as they are, and those who
        are compared, weighted. Groups alike have 0.1 or less. Outsize values, up to one in fifty, are cut back where
        this makes it larger.
    overlap_treated, overlap_control : ndarray of int
        Customers of each group by their probability to be chosen, in tenths: from 0 to 0.1, and so on.
    effect, interval : float, Interval
        Outcome of a treated customer more than that of others like them, and its interval.
    naive_difference, naive_interval : float, Interval
        Difference of the means of all, with its interval. It is no effect.
    did_difference, did_interval : float, Interval
        Difference in differences: how much more the treated rose since the last period before, with its interval.
    trend_difference, trend_interval : float, Interval or None
        How much more the treated rose from one period to the next before the campaign; None for one period before.
    level : float
        Confidence level of the intervals.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> before = rng.gamma(2.0, 10.0, 4000)
    >>> chosen = rng.random(4000) < before / (before + 40)
    >>> found = observed_effect(chosen, before + 3 * chosen + rng.normal(0, 5, 4000), past=[before])
    >>> round(found.naive_difference), bool(found.interval.low < 3 < found.interval.high)
    (13, True)
    """

    n_treated: int = count_field("n_treated")
    n_control: int = count_field("n_control")
    n_outside: int = count_field("n_outside")
    n_effective: float = number_field("n_effective", low=0.0)
    names: tuple[str, ...] = words_field("names", distinct=True)
    balance_before: Floats = number_column("balance_before")
    balance_after: Floats = number_column("balance_after")
    overlap_treated: Integers = whole_table("overlap_treated")
    overlap_control: Integers = whole_table("overlap_control")
    effect: float = number_field("effect", low=-_LARGEST_EFFECT, high=_LARGEST_EFFECT)
    interval: Interval = interval_field("interval")
    naive_difference: float = number_field("naive_difference")
    naive_interval: Interval = interval_field("naive_interval")
    did_difference: float = number_field("did_difference")
    did_interval: Interval = interval_field("did_interval")
    trend_difference: float | None = number_field("trend_difference", default=None)
    trend_interval: Interval | None = interval_field("trend_interval", optional=True, default=None)
    level: float = checked_field("level", as_fraction)

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.names), ("balance_before", "balance_after"), "columns", least=1)
        require_columns(self, _BINS, ("overlap_treated", "overlap_control"), "tenths")
        require_at_most(self, "n_outside", "n_treated")
        require_at_most(self, "n_effective", "n_control")
        for group in ("treated", "control"):
            name, n = f"overlap_{group}", getattr(self, f"n_{group}")
            require(int(getattr(self, name).sum()) == n, name, getattr(self, name), f"of sum {n}, all of `n_{group}`")
        if (self.trend_difference is None) != (self.trend_interval is None):
            raise InputError("trend_difference", "given if and only if `trend_interval` is", self.trend_difference)
        require_inside("interval", self.interval, self.effect)
        for name in ("naive", "did", "trend"):
            interval = getattr(self, f"{name}_interval")
            if interval is not None:
                require_inside(f"{name}_interval", interval, getattr(self, f"{name}_difference"))

    def _parts(self) -> Parts:
        return observed_parts(
            (self.effect, self.interval),
            (self.did_difference, self.did_interval),
            (self.naive_difference, self.naive_interval),
            is_balanced=self.is_balanced,
        )

    @property
    def n_compared(self) -> int:
        """Treated customers for whom there are others like them."""
        return self.n_treated - self.n_outside

    @property
    def total(self) -> float:
        """Difference of all compared treated customers together [unit of the outcome]."""
        return self.effect * self.n_compared

    @property
    def total_interval(self) -> Interval:
        """Interval of the total."""
        return Interval(self.interval.low * self.n_compared, self.interval.high * self.n_compared)

    @property
    def is_balanced(self) -> bool:
        """Whether every column is alike in both groups after weighting, and enough others carry the weight."""
        return bool(np.abs(self.balance_after).max() <= _ALIKE) and self.n_effective >= _FEWEST

    @property
    def trends_differ(self) -> bool | None:
        """Whether the groups moved apart before the campaign; None for one period before."""
        if self.trend_interval is None:
            return None
        return bool(self.trend_interval.low > 0 or self.trend_interval.high < 0)

    @property
    def conclusion(self) -> str:
        """What may be concluded, and what not."""
        n = figure(self.n_effective, digits=2)
        others = f"others who were as likely to be chosen ({n} of {self.n_control:,} in effect)"
        text = (
            f"{counted(self.n_compared, 'treated customer')} against {others}: "
            f"{money(self.effect, *self.interval, form='+z,')} each ({_range(self.effect, self.interval)}). "
            f"Without weighting it would be {money(self.naive_difference, form='+z,')}."
        )
        if self.n_outside:
            are = "is" if self.n_outside == 1 else "are"
            text += f" {counted(self.n_outside, 'treated customer')} had nobody like them and {are} left out."
        if not self.is_balanced:
            return f"{text} After weighting the groups are still not alike: do not build on this figure."
        did = money(self.did_difference, *self.did_interval, form="+z,")
        text += f" Difference in differences: {did} ({_range(self.did_difference, self.did_interval)})"
        if self.trends_differ is None:
            text += "; give more than one period before to see whether the groups moved alike."
        elif self.trends_differ:
            text += "; but the groups moved apart already before the campaign, so do not build on this one."
        else:
            text += "; before the campaign no difference between their trends is shown."
        if _sign(self.did_interval) != _sign(self.interval):
            if _within(self.effect, self.did_interval) and _within(self.did_difference, self.interval):
                text += " Only one of the two intervals leaves 0 out, so a difference is not shown in both ways."
            else:
                text += (
                    " The two figures disagree: customers who were chosen after good periods fall back by "
                    "themselves, which only the first figure allows for."
                )
        return (
            f"{text} Chance did not choose the customers: what made the choice and is not in the columns may be the "
            "reason for the difference."
        )

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the balance of each column before and after weighting, for a dataframe of any kind."""
        return {
            "name": text_array(self.names),
            "balance_before": self.balance_before,
            "balance_after": self.balance_after,
        }

    def to_json(self) -> str:
        """Write the comparison as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ObservedEffect:
        """Read what :meth:`to_json` wrote; other text raises :class:`~crmvalue.errors.InputError`."""
        return from_json(cls, text)


def observed_effect(
    treated: ArrayLike,
    after: ArrayLike,
    *,
    past: ArrayLike,
    traits: Mapping[str, ArrayLike] | None = None,
    penalty: float = 1.0,
    level: float = 0.95,
) -> ObservedEffect:
    r"""Compare the customers of a past campaign with others, where there was no control group.

    Parameters
    ----------
    treated : array_like of bool
        Whether each customer got the campaign, shape (n,).
    after : array_like
        Outcome of each customer after the campaign, such as revenue over four weeks [money], or 1 for those who bought
        and 0 for the others, shape (n,).
    past : array_like
        The same outcome in each of the periods before the campaign, all as long as the one after, oldest first: a list
        of columns, or shape (k, n). At least one; two or more allow the check of trends.
    traits : mapping of str to array_like, optional
        Numbers of each customer from before the campaign that the choice may have looked at, such as
        ``{"days silent": ..., "opened": ...}``.
    penalty : float, optional
        Weight of half the sum of squares of the standardised coefficients of the propensity, above 0 and at most 1e9.
        It keeps them finite where a column separates the groups.
    level : float, optional
        Confidence level of the intervals, in (0, 1).

    Returns
    -------
    ObservedEffect
        Balance, overlap, the weighted difference, difference in differences, and the trends before.

    Raises
    ------
    InputError
        If a value is missing or outside its range, lengths differ, a group has fewer than 10 customers, or no other
        customer was as likely to be chosen as the treated.

    Notes
    -----
    The propensity :math:`e_i`, the probability to be chosen, is that of a penalised logistic regression of `treated` on
    all columns, and on the logarithms of skewed ones and of the mean of the periods, where at most a tenth of the
    values is below 0. Customers with an outsize value are left out of both groups: one to three values of a column that
    alone make 8/9 of its squares around the median, and lie four times as far from it as the next one. Treated
    customers with a propensity above that of all others are left out. The others get the weight
    :math:`w_i = e_i / (1 - e_i)`, so that they look like the treated [1]_. A regression of the outcome on the same
    columns, with these weights and among the others only, foretells what each treated customer would have done. The
    effect is the mean of what they did beyond it:

    .. math:: \hat\tau = \bar{y}_1 - \bar{x}_1^\top \hat\beta, \quad
        \hat\beta = (X_0^\top W X_0)^{-1} X_0^\top W y_0

    If the propensity or the regression is right, this is consistent [2]_. The interval is one of Student's t, with the
    variance of both terms (a sandwich for :math:`\hat\beta`), given the weights, and Welch's degrees of freedom, or,
    where wider, with the variance of both groups together: money is skewed, and a small group mostly misses the few
    large amounts. The other intervals follow the same rule, that of
    :func:`crmvalue.experiments.compare_means`: the wider of Welch's and Student's.

    Difference in differences rests on something else: that both groups would have moved alike. The trends before show
    whether they did so far: for each customer the slope of `past`, compared by the same rule. It fails where the
    choice looked at the outcome before, because the best fall back by themselves.

    No method sees what is not in the columns. Only a group that chance leaves out shows the effect without doubt:
    ``Policy(control_share=0.1)``.

    .. [1] Hirano, K., Imbens, G. W. and Ridder, G. (2003). Efficient estimation of average treatment effects using the
       estimated propensity score. Econometrica 71, 1161-1189.
    .. [2] Robins, J. M., Rotnitzky, A. and Zhao, L. P. (1994). Estimation of regression coefficients when some
       regressors are not always observed. Journal of the American Statistical Association 89, 846-866.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> size = rng.gamma(2.0, 10.0, 5000)
    >>> past = [np.round(size * rng.gamma(4.0, 0.25, 5000), 2) for _ in range(3)]
    >>> mean = sum(past) / 3
    >>> chosen = rng.random(5000) < mean / (mean + 40)
    >>> after = size * rng.gamma(4.0, 0.25, 5000) + 2.0 * chosen
    >>> found = observed_effect(chosen, after, past=past)
    >>> found.is_balanced, found.trends_differ, bool(found.interval.low < 2 < found.interval.high)
    (True, False, True)
    """
    periods, named = _periods(past), _named(traits)
    columns = {"past": part_of(past, "T", past)}  # the customers of a dataframe are its columns
    if isinstance(past, list | tuple):
        columns = {f"past[{i}]": period for i, period in enumerate(past)}
    prefixed = {f"traits[{name!r}]": column for name, column in named.items()}
    require_same_index(treated=treated, after=after, **columns, **prefixed)
    given = as_outcomes("treated", treated)
    outcome = as_column("after", after)
    require_same_length(treated=given, after=outcome)
    if periods.shape[1] != len(given):
        raise InputError("past", f"with {len(given)} customers in each period", periods.shape)
    table = {f"past[{i}]": period for i, period in enumerate(periods)}
    n_periods = len(table)
    traits_read = {name: as_column(f"traits[{name!r}]", column) for name, column in named.items()}
    require_same_length(
        treated=given, after=outcome, **table, **{f"traits[{name!r}]": column for name, column in traits_read.items()}
    )
    table |= traits_read
    weight, level = as_positive("penalty", penalty), as_fraction("level", level)
    if weight > _MOST_PENALTY:
        raise InputError("penalty", f"at most {_MOST_PENALTY:g}; then nothing is left of the propensity", weight)
    for group, count in (("treated customers", int(given.sum())), ("others", int((~given).sum()))):
        if count < _FEWEST:
            raise InputError("treated", f"of at least {_FEWEST} {group}", count)

    x = np.stack(list(table.values()), axis=1)
    cut = np.stack([cut_back(column) for column in x.T], axis=1)
    usual = (cut == x).all(axis=1)
    z = standardise(_features(cut, n_periods)).z
    if not (given & usual).any() or not (~given & usual).any():
        raise _apart(0)
    beta = solve_logistic(z[usual], given[usual].astype(np.float64), weight).beta
    chance = np.clip(expit(beta[0] + z @ beta[1:]), 1e-12, 1 - 1e-12)
    inside = given & usual & (chance <= chance[~given & usual].max())
    if int(inside.sum()) < 2:
        raise _apart(int(inside.sum()))
    odds = np.where(usual, chance / (1 - chance), 0.0)[~given]
    odds = odds / odds.sum()
    effect, ways = _weighted_difference(outcome, z, given, inside, odds)
    flat = _ROUNDING * float(np.abs(outcome[inside | (~given & usual)]).max())  # of those who are compared
    half = float(half_width(ways, level)) if ways and ways[0].of_difference > flat else math.inf
    effect = effect if abs(effect) > flat else 0.0
    trend = None
    if n_periods > 1:
        time = np.arange(n_periods) - (n_periods - 1) / 2
        slope = x[:, :n_periods] @ time / (time @ time)
        trend = _difference(slope[given], slope[~given], level)
    naive, did = _difference(outcome[given], outcome[~given], level), None
    change = outcome - x[:, n_periods - 1]
    did = _difference(change[given], change[~given], level)
    tenths = np.minimum((chance * _BINS).astype(np.int64), _BINS - 1)
    cut = np.stack([cut_back(column, many=True) for column in x.T], axis=1)
    as_given, as_cut = (_balance(columns, given, inside, odds) for columns in (x, cut))
    return ObservedEffect(
        n_treated=int(given.sum()),
        n_control=int((~given).sum()),
        n_outside=int(given.sum() - inside.sum()),
        n_effective=float(1 / np.sum(odds**2)),
        names=tuple(table),
        balance_before=hand_over(_larger(as_given[0], as_cut[0])),
        balance_after=hand_over(_larger(as_given[1], as_cut[1])),
        overlap_treated=hand_over(np.bincount(tenths[given], minlength=_BINS)),
        overlap_control=hand_over(np.bincount(tenths[~given], minlength=_BINS)),
        effect=effect,
        interval=Interval(np.float64(effect - half), np.float64(effect + half)),
        naive_difference=naive[0],
        naive_interval=naive[1],
        did_difference=did[0],
        did_interval=did[1],
        trend_difference=None if trend is None else trend[0],
        trend_interval=None if trend is None else trend[1],
        level=level,
    )


def _apart(n: int) -> InputError:
    rule = "of customers of whom some are as likely to be chosen as others"
    return InputError("treated", rule, n, hint="the columns separate the groups completely")


def _periods(past: Any) -> Floats:
    """Take the periods before, one row each; one column stands for one period."""
    (table,) = as_floats(past=past)
    table = table[np.newaxis] if table.ndim == 1 else table
    if table.ndim != 2 or not table.size:
        raise InputError("past", "a list of columns, one for each period, at least one", table.shape)
    require(np.abs(table) <= _LARGEST, "past", table, "at most 1e100")
    return table


def _named(traits: Any) -> dict[str, Any]:
    """Take the traits, with names of their own."""
    if traits is None:
        return {}
    if not isinstance(traits, Mapping):
        raise InputError("traits", "a mapping from names to columns", traits)
    named = {as_text("traits", name): column for name, column in traits.items()}
    taken = [name for name in named if name.startswith("past[")]
    if taken:
        raise InputError("traits", "with names other than those of the periods", taken[0])
    return named


def _features(x: Floats, n_periods: int) -> Floats:
    """Add logarithms of what is skewed: spend is, and chances to be chosen follow its ratios.

    A column of which few values are below 0, as spend less returns, is taken in units of its usual amount, and so is
    the mean of the periods, because many a choice looks at the sum. The usual amount is the median of those above 0:
    beside one huge amount nobody is far from the mean. Values below 0 have the logarithm of their size, below 0.
    """
    wide = np.column_stack([x, x[:, :n_periods].mean(axis=1)]) if n_periods > 1 else x
    size, is_money = np.abs(wide), np.mean(wide < 0, axis=0) <= _MOST_RETURNS
    skewed = is_money & (size.max(axis=0) > 2 * size.mean(axis=0)) & (wide.max(axis=0) > 0)
    usual = [np.median(column[column > 0]) for column in wide.T[skewed]]
    return np.column_stack([x, np.sign(wide[:, skewed]) * np.log1p(size[:, skewed] / np.array(usual))])


def _weighted_difference(
    outcome: Floats, z: Floats, given: Bools, inside: Bools, odds: Floats
) -> tuple[float, tuple[MeanErrors, ...]]:
    """Give the mean of what the treated did beyond the regression of the weighted others, and its errors in both ways.

    There are none where nobody differs from what the regression foretells.
    """
    x = np.column_stack([np.ones(len(z)), z])
    own, others = x[inside], x[~given]
    inverse = np.linalg.pinv((others * odds[:, np.newaxis]).T @ others, hermitian=True)
    beta = inverse @ (others.T @ (odds * outcome[~given]))
    beyond = outcome[inside] - own @ beta
    rest = outcome[~given] - others @ beta
    leverage = ((others @ inverse) * others).sum(axis=1) * odds
    weight = (own.mean(axis=0) @ inverse @ others.T) * odds / np.maximum(1 - leverage, 1e-9)
    n_own, n_others = len(beyond), max(1 / float(odds @ odds), 2.0)
    of_own, of_others = math.sqrt(float(beyond.var(ddof=1)) / n_own), float(np.linalg.norm(weight * rest))
    of_mean = math.sqrt(float(odds @ rest**2) / n_others)  # that of the weighted others without the regression
    if not of_own + of_mean:
        return float(beyond.mean()), ()
    welch, alike = errors_of_means(of_own, n_own, of_mean, n_others)
    of_others = of_others or float(welch.other_error)
    degrees = welch_degrees(float(welch.error) ** 2, n_own, of_others**2, n_others)
    ways = MeanErrors(welch.error, of_others, degrees), alike._replace(other_error=max(alike.other_error, of_others))
    return float(beyond.mean()), ways


def _difference(one: Floats, other: Floats, level: float) -> tuple[float, Interval]:
    """Difference of two means, with its interval."""
    flat = _ROUNDING * float(max(np.abs(one).max(), np.abs(other).max()))
    difference = float(one.mean() - other.mean())
    difference = difference if abs(difference) > flat else 0.0
    errors = [float(part.std(ddof=1)) / math.sqrt(len(part)) for part in (one, other)]
    if math.hypot(*errors) <= flat:  # nothing shows how customers vary who are all alike
        return difference, _UNKNOWN
    e1, e0 = (error if error > flat else 0.0 for error in errors)
    half = float(half_width(errors_of_means(e1, len(one), e0, len(other)), level))
    return difference, Interval(np.float64(difference - half), np.float64(difference + half))


def _balance(x: Floats, given: Bools, inside: Bools, odds: Floats) -> tuple[Floats, Floats]:
    """Give the standardised differences of all customers, and of those who are compared, weighted."""
    z = standardise(x).z
    spread, compared = (_spread(z[rows], z[~given]) for rows in (given, inside))
    before: Floats = (z[given].mean(axis=0) - z[~given].mean(axis=0)) / spread
    after: Floats = (z[inside].mean(axis=0) - odds @ z[~given]) / compared
    return before, after


def _larger(one: Floats, other: Floats) -> Floats:
    """Give the difference that is larger in size."""
    return np.where(np.abs(one) >= np.abs(other), one, other)


def _spread(one: Floats, other: Floats) -> Floats:
    """Give the standard deviation of each column in two groups, 1 where it is 0."""
    spread = np.sqrt((one.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)) / 2)
    return np.where(spread > 0, spread, 1.0)


def _sign(interval: Interval) -> int:
    """Give the sign of a difference that an interval shows, 0 for none."""
    return int(interval.low > 0) - int(interval.high < 0)


def _within(difference: float, interval: Interval) -> bool:
    return bool(interval.low <= difference <= interval.high)


def _range(difference: float, interval: Interval) -> str:
    if math.isinf(interval.high):
        return "no interval: customers of one group do not differ"
    return span(*interval, lambda x: money(x, difference, *interval, form="+z,"))
