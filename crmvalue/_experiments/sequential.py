"""Conversion rates with a look at any time; p-values and intervals hold for all looks together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_counts, as_outcomes, as_positive, require, require_same_index
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import by_name, columns_of, has_columns, listed, points
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import checked_field, stay_frozen
from crmvalue._experiments.arms import (
    against_control,
    arm_names_field,
    as_level,
    as_prior,
    difference_from_control,
    fix_control,
    read_names,
    require_each_arm,
    require_few_arms,
    rows_by_arm,
    variant_names,
)
from crmvalue._experiments.looks import (
    first_decided,
    look_columns,
    look_counts,
    look_sentences,
    looks_of,
    require_few_looks,
    running_p,
)
from crmvalue._experiments.pictures import looks_parts
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "SequentialTest",
    "sequential_test",
    "sequential_test_from_stream",
]

_HALVINGS = 40  # of an interval of differences, at most 2 wide
_NEAR = 1e-12  # to the end of an interval
_POLISH = 3  # Newton steps after the closed form, whose arc cosine loses half the digits


@stay_frozen
@attrs.frozen(kw_only=True)
class SequentialTest(Columns, Pictured):
    """Conversion rates of arms at a series of looks, with a test that holds for all looks together.

    Properties of variants have the shape (looks, variants), in the order of `variants`: all arms but the control.

    Parameters
    ----------
    successes, trials : ndarray of int
        Customers who converted so far, and all customers so far, shape (looks, arms).
    names : tuple of str
        Names of the arms.
    control : int, default 0
        Position of the arm that the others are compared with.
    level : float, default 0.95
        Level at which the intervals of all variants and looks hold together.
    prior_successes, prior_failures : float, default 0.5
        Parameters of the beta distribution that weights the rates.

    Examples
    --------
    >>> result = sequential_test([[30, 50], [60, 110]], [[500, 500], [1000, 1000]])
    >>> result.p_value.round(3)
    array([[1.   ],
           [0.456]])
    """

    successes: Integers = look_counts("successes")
    trials: Integers = look_counts("trials")
    names: tuple[str, ...] = arm_names_field()
    control: int = 0
    level: float = checked_field("level", as_level, default=0.95)
    prior_successes: float = checked_field("prior_successes", as_positive, default=0.5)
    prior_failures: float = checked_field("prior_failures", as_positive, default=0.5)

    def __attrs_post_init__(self) -> None:
        if self.trials.shape != self.successes.shape:
            raise InputError("trials", f"of the shape {self.successes.shape} of `successes`", self.trials.shape)
        for name, table in (("trials", self.trials), ("successes", self.successes)):
            rises = np.diff(table, axis=0, prepend=0) >= 0
            require(rises, name, table, "counts so far, at least those of the look before")
        require(self.successes <= self.trials, "successes", self.successes, "at most `trials` of the same arm")
        since = np.diff(self.trials - self.successes, axis=0, prepend=0) >= 0
        require(since, "successes", self.successes, "growing by at most as much as `trials` from look to look")
        fix_control(self, self.successes.shape[1])
        last = self.trials[-1]
        require_each_arm(last >= 1, "trials", last, self.names, ">= 1 for each arm at the last look")

    def _parts(self) -> Parts:
        names, n = (self.variants, self.names[self.control]), self.trials.sum(axis=1)
        return looks_parts(*names, n, self.difference, self._interval, self.decided_at, "share")

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of all arms but the control."""
        return variant_names(self)

    @property
    def difference(self) -> Floats:
        """Rate of each variant so far minus the rate of the control; NaN while an arm is empty."""
        n = self.trials
        rate = np.divide(self.successes, n, out=np.full(n.shape, np.nan), where=n > 0)
        return difference_from_control(rate, self.control)

    @property
    @np.errstate(under="ignore")
    def p_value(self) -> Floats:
        """P-value at each look, corrected by Bonferroni's rule; it never rises, and it is valid at every look."""
        (x1, x0), (n1, n0) = self._pairs(self.successes), self._pairs(self.trials)
        pooled = _divide(x1 + x0, n1 + n0)
        return running_p(self._weight() - _log_likelihood(x1, n1, x0, n0, pooled, pooled))

    @property
    def difference_interval(self) -> Interval:
        """Interval of each difference at each look; all together hold at the level."""
        return self._interval(slice(None))

    @property
    def decided_at(self) -> Integers:
        """Position of the first look whose p-value is at most one minus the level, for each variant; -1 for none."""
        return first_decided(self.p_value, self.level)

    @property
    def conclusion(self) -> str:
        """What can be concluded at the last look, and what not: a line for each variant."""
        low, high = map(np.asarray, self._interval(slice(-1, None)))
        told = [
            (f"{points(d)} points", f"{points(a)} to {points(b)}")
            for d, a, b in zip(self.difference[-1], low[-1], high[-1], strict=True)
        ]
        return look_sentences(self, told, (low[-1], high[-1]), "Exact for any number of looks.")

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the looks column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each look, from 1, and each variant.
        """
        return look_columns(self)

    def to_json(self) -> str:
        """Write counts, names and settings as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> SequentialTest:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)

    def _pairs(self, table: Integers, looks: slice | Integers = slice(None)) -> tuple[Floats, Floats]:
        variant, control = against_control(table[looks].astype(np.float64), self.control)
        return variant, np.broadcast_to(control, variant.shape)

    def _weight(self, looks: slice | Integers = slice(None)) -> Floats:
        """Log of the probability of variant and control, averaged over the prior distribution."""
        from scipy import special

        a, b = self.prior_successes, self.prior_failures
        x, n = self.successes[looks], self.trials[looks]
        each = special.betaln(a + x, b + n - x) - special.betaln(a, b)
        variant, control = against_control(each, self.control)
        return np.asarray(variant + control)

    @np.errstate(under="ignore")
    def _interval(self, looks: slice | Integers) -> Interval:
        (x1, x0), (n1, n0) = self._pairs(self.successes, looks), self._pairs(self.trials, looks)
        limit = np.log((len(self.names) - 1) / (1 - self.level))
        least = self._weight(looks) - limit  # differences with a lower likelihood are outside the interval
        middle = _divide(x1, n1) - _divide(x0, n0)
        shape = middle.shape
        counts = [np.broadcast_to(column, shape).ravel() for column in (x1, n1, x0, n0, least, middle)]
        ends = [_end_of_interval(counts, end).reshape(shape) for end in (-1.0, 1.0)]
        return Interval(ends[0], ends[1])


def sequential_test(
    successes: ArrayLike,
    trials: ArrayLike,
    *,
    names: Any = None,
    control: int | str = 0,
    level: float = 0.95,
    prior_successes: float = 0.5,
    prior_failures: float = 0.5,
) -> SequentialTest:
    r"""Compare conversion rates at several looks; you may stop at any look, and the test stays valid.

    Parameters
    ----------
    successes : array_like of int
        Customers who converted so far, shape (looks, arms), the looks in order of time, 2 to 200 arms.
    trials : array_like of int
        All customers so far, in the same shape; >= 1 at the last look.
    names : list of str, optional
        Names of the arms; by default A, B, C and so on.
    control : int or str, default 0
        Position or name of the arm that the others are compared with. If the names are whole numbers, a
        number means a name, not a position.
    level : float, default 0.95
        Confidence level at which the intervals of all variants and all looks hold at the same time, in (0, 1).
    prior_successes, prior_failures : float, default 0.5
        Parameters of the beta distribution that weights the rates, > 0, chosen before the first look. Every choice
        keeps the guarantee. A choice near the true rates, such as 20 and 380 for about 5 %, decides sooner.

    Returns
    -------
    SequentialTest
        `p_value` and `difference_interval` at each look, `decided_at` and a `conclusion`.

    Raises
    ------
    InputError
        If a count is no whole number >= 0 or falls from look to look, conversions exceed customers, or an arm is empty.

    See Also
    --------
    sequential_test_from_stream : The same from one row per customer, with a look after each.
    compare_proportions : For a test whose end is fixed before its start; it needs fewer customers.

    Notes
    -----
    The test is exact for any number of looks, any sample size and any rate: if the two rates are equal, the probability
    that the p-value is at most :math:`\alpha` at any look is at most :math:`\alpha`. With the beta function :math:`B`,
    each arm has the mixture

    .. math:: m(x, n) = \frac{B(a + x, b + n - x)}{B(a, b)}

    Let :math:`L(\theta_1, \theta_0)` be the likelihood of the two rates. At the true rates, the ratio
    :math:`m(x_1, n_1) m(x_0, n_0) / L(\theta_1, \theta_0)` is a martingale that starts at 1. So the probability that it
    ever reaches :math:`1/\alpha` is at most :math:`\alpha` (Ville's inequality) [1]_. The p-value is the smallest value
    so far of

    .. math:: \min\left(1, \frac{\max_\theta L(\theta, \theta)}{m(x_1, n_1) \, m(x_0, n_0)}\right)

    and the interval consists of the differences :math:`\delta` with
    :math:`\max_\theta L(\theta + \delta, \theta) \ge \alpha \, m(x_1, n_1) \, m(x_0, n_0)`. The test assumes that each
    customer converts independently of the others, that an arm has the same rate all the time, and that the arm of a
    customer is chosen before the outcome is known. With several variants :math:`\alpha` is divided by their number.

    Looks at any time need more customers. For an effect that a test with a fixed end finds with a power of 80 %, half
    of the simulated streams needed 3 times as many customers, or 1.5 times with a prior near the true rates
    (``benchmarks/study_sequential.py``).

    .. [1] Robbins, H. (1970). Statistical methods related to the law of the iterated logarithm. Annals of Mathematical
       Statistics 41, 1397-1409. The maximum over the common rate: Wasserman, L., Ramdas, A. and Balakrishnan, S.
       (2020). Universal inference. PNAS 117, 16880-16890.

    Examples
    --------
    >>> result = sequential_test([[30, 50], [60, 110], [95, 175]], [[500, 500], [1000, 1000], [1500, 1500]])
    >>> result.decided_at
    array([2])
    >>> print(result.conclusion)
    B against A after 3 looks: +5.3 points (95 % interval +0.52 to +10.3), p 0.0043: B is higher, decided at look 3. Exact for any number of looks.
    """  # noqa: E501 - the conclusion is one line
    level, prior_successes, prior_failures = as_prior(level, prior_successes, prior_failures)
    if has_columns(successes) or has_columns(trials):
        tables = {"successes": columns_of("successes", successes), "trials": columns_of("trials", trials)}
        looks = {f"{name}[{arm!r}]": column for name, table in tables.items() for arm, column in table.items()}
        require_same_index(**looks)
        names, (one, other) = by_name(names, **tables)
        successes, trials = np.column_stack(one), np.column_stack(other)
    require_same_index(successes=successes, trials=trials)
    x, n = as_counts(successes=successes)[0], as_counts(trials=trials)[0]
    if x.ndim != 2 or x.shape[1] < 2:
        raise InputError("successes", "of shape (looks, arms), with at least two arms", x.shape)
    require_few_arms("successes", x.shape[1])
    words, place = read_names(names, control, x.shape[1])
    return SequentialTest(
        successes=x.astype(np.int64),
        trials=n.astype(np.int64),
        names=words,
        control=place,
        level=level,
        prior_successes=prior_successes,
        prior_failures=prior_failures,
    )


def sequential_test_from_stream(
    converted: ArrayLike,
    arm: ArrayLike,
    *,
    control: Any,
    looks: ArrayLike | None = None,
    level: float = 0.95,
    prior_successes: float = 0.5,
    prior_failures: float = 0.5,
) -> SequentialTest:
    """Compare conversion rates after each customer, from one row per customer in order of arrival.

    Parameters
    ----------
    converted : array_like
        Whether each customer converted, 1 or True, else 0 or False, in the order in which the outcomes became known.
    arm : array_like
        Label of the arm of each customer: text or whole numbers, 2 to 200 arms.
    control : str or int
        Label of the arm that the others are compared with. The arms of the result are in ascending order of labels.
    looks : array_like of int, optional
        Number of customers at each look, ascending, from 1 to all; by default there is a look after each customer.
        Intervals at a million looks take some 5 s; everything else is fast.
    level : float, default 0.95
        Confidence level at which the intervals of all variants and all looks hold at the same time, in (0, 1).
    prior_successes, prior_failures : float, default 0.5
        As in :func:`sequential_test`.

    Returns
    -------
    SequentialTest
        `p_value` and `difference_interval` at each look, `decided_at` and a `conclusion`.

    Raises
    ------
    InputError
        If an outcome is neither 0 nor 1, there are fewer than two arms, no arm is the control, looks do not ascend, an
        arm has no customer at the last look, or looks times arms are more than 10 million.

    Notes
    -----
    The test is that of :func:`sequential_test`, which states the guarantee.

    Examples
    --------
    >>> result = sequential_test_from_stream([1, 0, 1, 1, 0, 0], list("ABABAB"), control="A", looks=[2, 4, 6])
    >>> result.trials.tolist(), result.successes.tolist()
    ([[1, 1], [2, 2], [3, 3]], [[1, 0], [2, 1], [2, 1]])
    """
    level, prior_successes, prior_failures = as_prior(level, prior_successes, prior_failures)
    require_same_index(converted=converted, arm=arm)
    y = as_outcomes("converted", converted)
    rows = rows_by_arm(arm, control, len(y))
    require_few_arms("arm", len(rows.names))
    places = looks_of(looks, len(y))
    k = len(rows.names)
    require_few_looks(len(places), k)
    successes, trials = np.empty((len(places), k), np.int64), np.empty((len(places), k), np.int64)
    for a in range(k):  # over arms, so that no table of rows by arms is needed
        mine = rows.arm == a
        trials[:, a] = np.cumsum(mine)[places]
        successes[:, a] = np.cumsum(mine & y)[places]
    late = [name for name, n in zip(rows.names, trials[-1].tolist(), strict=True) if not n]
    if late:
        hint = f"the first customer of {listed(late)} comes later"
        raise InputError(
            "looks", "so late that the last one has a customer of each arm", int(places[-1]) + 1, hint=hint
        )
    return SequentialTest(
        successes=successes,
        trials=trials,
        names=rows.names,
        control=rows.control,
        level=level,
        prior_successes=prior_successes,
        prior_failures=prior_failures,
    )


def _divide(x: Floats, n: Floats) -> Floats:
    return np.asarray(np.divide(x, n, out=np.full(np.shape(x), 0.5), where=n > 0))


def _log_likelihood(x1: Floats, n1: Floats, x0: Floats, n0: Floats, p1: Floats, p0: Floats) -> Floats:
    from scipy import special

    with np.errstate(divide="ignore"):  # a rate of 0 with conversions has likelihood 0
        one = special.xlogy(x1, p1) + special.xlog1py(n1 - x1, -p1)
        return np.asarray(one + special.xlogy(x0, p0) + special.xlog1py(n0 - x0, -p0))


def _profile(x1: Floats, n1: Floats, x0: Floats, n0: Floats, delta: Floats) -> Floats:
    """Largest log-likelihood of two rates with the difference delta; it is concave in delta.

    The closed form is by Farrington and Manning (1990). Then Newton steps are taken where they improve it.
    """
    return _profile_and_slope(x1, n1, x0, n0, delta)[0]


def _profile_and_slope(x1: Floats, n1: Floats, x0: Floats, n0: Floats, delta: Floats) -> tuple[Floats, Floats]:
    """Give the profile and its derivative: that of the likelihood at the rates where it is largest."""
    low, high = np.maximum(0.0, delta), np.minimum(1.0, 1.0 + delta)  # of the variant's rate
    p1 = np.clip(_constrained(_divide(x1, n1), n1, _divide(x0, n0), n0, delta), low, high)
    best = _log_likelihood(x1, n1, x0, n0, p1, p1 - delta)
    for start in (low, high, (low + high) / 2):  # the ends, where the maximum may lie; the middle where an arm is empty
        value = _log_likelihood(x1, n1, x0, n0, start, np.clip(start - delta, 0.0, 1.0))
        better = value > best
        p1, best = np.where(better, start, p1), np.where(better, value, best)
    for _ in range(_POLISH):
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            p0 = p1 - delta
            slope = x1 / p1 - (n1 - x1) / (1 - p1) + x0 / p0 - (n0 - x0) / (1 - p0)
            bend = x1 / p1**2 + (n1 - x1) / (1 - p1) ** 2 + x0 / p0**2 + (n0 - x0) / (1 - p0) ** 2
            tried = np.clip(np.where(np.isfinite(slope / bend), p1 + slope / bend, p1), low, high)
        value = _log_likelihood(x1, n1, x0, n0, tried, np.clip(tried - delta, 0.0, 1.0))
        better = value > best
        p1, best = np.where(better, tried, p1), np.where(better, value, best)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        p0 = p1 - delta
        slope = (n0 - x0) / (1 - p0) - x0 / p0
    return best, slope


def _end_of_interval(counts: list[Floats], end: float) -> Floats:
    """Find the difference next to an end of [-1, 1], within 2e-12, whose profile is below the least one: outside.

    The profile is nearly a parabola, so Newton's steps are those of the root of its fall from the largest likelihood.
    Each ends a little outside, and every eighth halves the interval, should they be slow.
    """
    x1, n1, x0, n0, least, middle = counts
    top = _log_likelihood(x1, n1, x0, n0, _divide(x1, n1), _divide(x0, n0))
    inside, outside = middle.copy(), np.full(len(middle), end)
    tried, rows = _first_guess(counts, top, end), np.arange(len(middle))
    for step in range(8 * _HALVINGS):
        here = [column[rows] for column in counts]
        now = tried[rows]
        value, slope = _profile_and_slope(here[0], here[1], here[2], here[3], now)
        kept = value >= here[4]
        inside[rows], outside[rows] = np.where(kept, now, inside[rows]), np.where(kept, outside[rows], now)
        low, high = np.minimum(inside, outside)[rows], np.maximum(inside, outside)[rows]
        with np.errstate(all="ignore"):  # where the slope is 0 or infinite, the interval is halved
            fall, most = (np.sqrt(np.maximum(top[rows] - one, 0.0)) for one in (value, here[4]))
            there = now + 2 * fall * (fall - most) / slope + end * np.where(kept, 1.5, 0.5) * _NEAR
        within = np.clip(there, low + _NEAR, high - _NEAR)
        by_half = (step % 8 == 7) | ~(np.abs(there - within) <= 0.01 * (high - low))
        near = ~kept & (np.abs(there - now) <= _NEAR)
        tried[rows] = np.where(by_half, (low + high) / 2, within)
        rows = rows[~near & (high - low > 2 * _NEAR)]
        if not len(rows):
            break
    at_end = _profile(x1, n1, x0, n0, np.full(len(middle), end)) >= least
    return np.where(at_end, end, outside)


def _first_guess(counts: list[Floats], top: Floats, end: float) -> Floats:
    """Give the end of an interval if the profile were the parabola of rates that are never 0 or 1."""
    x1, n1, x0, n0, least, middle = counts
    rates = ((x1 + 0.5) / (n1 + 1.0), (x0 + 0.5) / (n0 + 1.0))
    variance = sum(rate * (1.0 - rate) / (n + 1.0) for rate, n in zip(rates, (n1, n0), strict=True))
    far = middle + end * np.sqrt(2.0 * np.maximum(top - least, 0.0) * variance)
    return np.asarray(np.where(np.abs(far) < 1.0, far, (middle + end) / 2))


def _constrained(r1: Floats, n1: Floats, r0: Floats, n0: Floats, delta: Floats) -> Floats:
    """Rate of the variant that is likeliest under the difference delta: the middle root of a cubic."""
    ratio = n0 / np.maximum(n1, 1.0)
    a = 1 + ratio
    b = -(1 + ratio + r1 + ratio * r0 + delta * (ratio + 2)) / (3 * a)
    c = (delta**2 + delta * (2 * r1 + ratio + 1) + r1 + ratio * r0) / (3 * a)
    d = -r1 * delta * (1 + delta)
    v = b**3 - 1.5 * b * c + d / (2 * a)
    u = np.where(v >= 0, 1.0, -1.0) * np.sqrt(np.maximum(0.0, b**2 - c))
    cosine = np.divide(v, u**3, out=np.ones(np.shape(v)), where=u != 0)
    return np.asarray(2 * u * np.cos((np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3) - b)
