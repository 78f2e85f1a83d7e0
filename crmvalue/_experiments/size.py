"""Number of customers and days that an experiment needs, and a check of how customers were split between the arms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_counts,
    as_float,
    as_floats,
    as_fraction,
    as_positive,
    as_whole_number,
    require,
    require_choice,
)
from crmvalue._core.comparisons import just_below, p_text
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import by_name, percent
from crmvalue._core.values import array_columns, array_field, checked_field, count_field, read_only, stay_frozen
from crmvalue._experiments.arms import counts_field, require_arms
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, FloatOrArray, Floats, Integers

__all__ = [
    "SampleSize",
    "SplitCheck",
    "duration",
    "minimum_detectable_effect",
    "minimum_detectable_effect_means",
    "sample_ratio_mismatch",
    "sample_size",
    "sample_size_means",
]

NullVariance: TypeAlias = Literal["baseline", "pooled"]

_LARGE = 10_000  # customers in an arm from which on Student's quantiles equal the normal ones to four digits
_FEW = 5  # expected count of an arm below which the chi-square approximation is not trusted
_MOST = 2.0**52


@attrs.frozen(kw_only=True)
class SampleSize:
    """Number of customers that an experiment needs.

    Parameters
    ----------
    n_control : int
        Customers in the control arm.
    n_variant : int
        Customers in each variant.
    n_variants : int, default 1
        Number of variants besides the control.

    Examples
    --------
    >>> size = sample_size(0.20, 0.25, null_variance="pooled")
    >>> size.n_control, size.n_total
    (1094, 2188)
    """

    n_control: int = count_field("n_control", low=1)
    n_variant: int = count_field("n_variant", low=1)
    n_variants: int = count_field("n_variants", low=1, default=1)

    @property
    def n_total(self) -> int:
        """Customers in all arms together."""
        return self.n_control + self.n_variants * self.n_variant

    def to_json(self) -> str:
        """Write the numbers as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> SampleSize:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def sample_size(
    baseline: float,
    target: float,
    *,
    null_variance: NullVariance,
    significance_level: float = 0.05,
    power: float = 0.8,
    ratio: float = 1.0,
    n_variants: int = 1,
) -> SampleSize:
    r"""Count the customers needed to tell two conversion rates apart.

    Parameters
    ----------
    baseline : float
        Rate of the control, in (0, 1).
    target : float
        Rate of a variant that the test should detect, in (0, 1): 0.25 for 20 % plus 5 points.
    null_variance : {"baseline", "pooled"}
        Variance of the test without an effect; both are common. "pooled": the variance of the z test of
        :func:`compare_proportions`, which then has the power. "baseline": the rate of the control in both arms, as in
        some web calculators; for a rise it gives fewer customers than the z test needs.
    significance_level : float, default 0.05
        Two-sided level of the test, in (0, 1).
    power : float, default 0.8
        Probability of finding the effect, in (0, 1), above the level.
    ratio : float, default 1
        Customers in each variant for one in the control, > 0.
    n_variants : int, default 1
        Number of variants besides the control. The level is divided by it (Bonferroni).

    Returns
    -------
    SampleSize
        `n_control`, `n_variant` and `n_total`.

    Raises
    ------
    InputError
        If a rate, level or power is outside its range, or the two rates are equal or too close for float64.

    Notes
    -----
    With :math:`\bar p = (p_0 + \rho p_1) / (1 + \rho)` for "pooled" and :math:`\bar p = p_0` for "baseline"

    .. math:: n_0 = \left(\frac{z_{1 - \alpha/2} \sqrt{\bar p (1 - \bar p) (1 + 1/\rho)}
        + z_{\mathrm{power}} \sqrt{p_0 (1 - p_0) + p_1 (1 - p_1) / \rho}}{p_1 - p_0}\right)^2

    "pooled" is the formula of Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, section
    4.2, without continuity correction. Its result is rounded up. For "baseline" it is rounded to the nearest whole
    number, as the calculators do. To detect 5 points more than 20 %, each arm needs 1,094 customers ("pooled") or 1,030
    ("baseline").

    Examples
    --------
    >>> sample_size(0.20, 0.25, null_variance="baseline").n_control
    1030
    """
    p0, p1 = as_fraction("baseline", baseline), as_fraction("target", target)
    require_choice("null_variance", null_variance, get_args(NullVariance))
    z_alpha, z_power, r, k = _settings(significance_level, power, ratio, n_variants)
    if p0 == p1:
        raise InputError("target", "other than `baseline`", p1)
    n = _n_control(p0, p1, null_variance, z_alpha, z_power, r)
    if not n * max(1.0, r) < _MOST:
        raise InputError("target", "further from `baseline`", p1)
    if null_variance == "pooled":
        n0, n1 = _rounded_up(n), _rounded_up(n * r)
    else:
        n0, n1 = round(n), round(n * r)
    return SampleSize(n_control=max(1, n0), n_variant=max(1, n1), n_variants=k)


def sample_size_means(
    std: float,
    difference: float,
    *,
    significance_level: float = 0.05,
    power: float = 0.8,
    ratio: float = 1.0,
    n_variants: int = 1,
) -> SampleSize:
    r"""Count the customers needed to tell two means apart.

    Parameters
    ----------
    std : float
        Standard deviation of the value between customers [its unit], > 0. With a covariate adjustment, multiply it by
        the square root of one minus the variance reduction.
    difference : float
        Difference of means that the test should detect, in the same unit, not 0.
    significance_level : float, default 0.05
        Two-sided level of the test, in (0, 1).
    power : float, default 0.8
        Probability of finding the difference, in (0, 1), above the level.
    ratio : float, default 1
        Customers in each variant for one in the control, > 0.
    n_variants : int, default 1
        Number of variants besides the control. The level is divided by it (Bonferroni).

    Returns
    -------
    SampleSize
        `n_control`, `n_variant` and `n_total`.

    Raises
    ------
    InputError
        If an argument is outside its range, or the difference is too small for float64.

    Notes
    -----
    The control gets the smallest number of customers with which Student's test reaches the power. The power comes from
    the noncentral t distribution (Cohen 1988). From 10,000 customers in the control on, the number comes from the
    normal formula :math:`(z_{1 - \alpha/2} + z_{\mathrm{power}})^2 \sigma^2 (1 + 1/\rho) / d^2`.
    Here :math:`\sigma` is `std`, :math:`d` is `difference`, :math:`\rho` is `ratio`, and :math:`\alpha` is the level of
    one comparison.

    Examples
    --------
    >>> sample_size_means(10.0, 5.0).n_control
    64
    """
    sigma, d = as_positive("std", std), as_float("difference", difference)
    z_alpha, z_power, r, k = _settings(significance_level, power, ratio, n_variants)
    if d == 0:
        raise InputError("difference", "not 0", d)
    effect = abs(d) / sigma
    each = (z_alpha + z_power) / effect
    normal = each * each * (1 + 1 / r)  # infinite where a power of Python raises
    if not normal * max(1.0, r) < _MOST:
        raise InputError("difference", "larger, against `std`", d)
    n = math.ceil(normal)
    if n < _LARGE:
        low = max(2, _rounded_up(2 / r))
        n = max(n, low)
        level = float(significance_level) / k
        while _power_of_means(n, r, effect, level) < float(power):
            n += 1
        while n > low and _power_of_means(n - 1, r, effect, level) >= float(power):
            n -= 1
    return SampleSize(n_control=n, n_variant=_rounded_up(n * r), n_variants=k)


def minimum_detectable_effect(
    baseline: float,
    n_control: int,
    *,
    null_variance: NullVariance,
    significance_level: float = 0.05,
    power: float = 0.8,
    ratio: float = 1.0,
    n_variants: int = 1,
) -> float:
    """Smallest rise of a conversion rate that a test with a given number of customers detects.

    Parameters
    ----------
    baseline : float
        Rate of the control, in (0, 1).
    n_control : int
        Customers in the control arm, >= 1.
    null_variance : {"baseline", "pooled"}
        As in :func:`sample_size`.
    significance_level : float, default 0.05
        Two-sided level of the test, in (0, 1).
    power : float, default 0.8
        Probability of finding the effect, in (0, 1), above the level.
    ratio : float, default 1
        Customers in each variant for one in the control, > 0.
    n_variants : int, default 1
        Number of variants besides the control. The level is divided by it (Bonferroni).

    Returns
    -------
    float
        Rate of the variant minus `baseline`, a fraction.

    Raises
    ------
    InputError
        If an argument is outside its range, or not even a rise to a rate of 1 is detected.

    Notes
    -----
    Solves the formula of :func:`sample_size` for the target, by bisection.

    Examples
    --------
    >>> round(minimum_detectable_effect(0.20, 1094, null_variance="pooled"), 4)
    0.05
    """
    from scipy import optimize

    p0 = as_fraction("baseline", baseline)
    n = as_whole_number("n_control", n_control, low=1)
    require_choice("null_variance", null_variance, get_args(NullVariance))
    z_alpha, z_power, r, _ = _settings(significance_level, power, ratio, n_variants)

    def too_few(rise: float) -> float:
        # the standard errors less the rise, which they must not exceed; it changes its sign once
        return _errors_of_one(p0, p0 + rise, null_variance, z_alpha, z_power, r) / math.sqrt(n) - rise

    top = 1 - p0
    if not too_few(top) < 0:
        raise InputError("n_control", "large enough to detect a rise of the rate to 1", n)
    bottom = top
    while too_few(bottom) < 0:
        bottom /= 2
    return float(optimize.bisect(too_few, bottom, top, xtol=1e-300, rtol=1e-14, maxiter=400))  # rtol decides


def minimum_detectable_effect_means(
    std: float,
    n_control: int,
    *,
    significance_level: float = 0.05,
    power: float = 0.8,
    ratio: float = 1.0,
    n_variants: int = 1,
) -> float:
    """Smallest difference of means that a test with a given number of customers detects.

    Parameters
    ----------
    std : float
        Standard deviation of the value between customers [its unit], > 0.
    n_control : int
        Customers in the control arm, >= 2.
    significance_level : float, default 0.05
        Two-sided level of the test, in (0, 1).
    power : float, default 0.8
        Probability of finding the difference, in (0, 1), above the level.
    ratio : float, default 1
        Customers in each variant for one in the control, > 0. A variant must have at least 2.
    n_variants : int, default 1
        Number of variants besides the control. The level is divided by it (Bonferroni).

    Returns
    -------
    float
        Difference, in the unit of `std`.

    Raises
    ------
    InputError
        If an argument is outside its range.

    Notes
    -----
    Solves the power of :func:`sample_size_means` for the difference.

    Examples
    --------
    >>> round(minimum_detectable_effect_means(10.0, 64), 2)
    4.99
    """
    from scipy import optimize

    sigma = as_positive("std", std)
    n = as_whole_number("n_control", n_control, low=2)
    z_alpha, z_power, r, k = _settings(significance_level, power, ratio, n_variants)
    if n * r < 2:
        raise InputError("ratio", "large enough for at least 2 customers in a variant", r)
    goal = float(power)
    normal = (z_alpha + z_power) * math.sqrt((1 + 1 / r) / n)
    if n >= _LARGE:
        return sigma * normal
    high = normal
    while (reached := _power_of_means(n, r, high, float(significance_level) / k)) < goal:
        high *= 2
    if math.isnan(reached):
        raise InputError("significance_level", "less extreme for so few customers", significance_level)
    found = optimize.bisect(
        lambda effect: _power_of_means(n, r, effect, float(significance_level) / k) - goal, 0.0, high, rtol=1e-12
    )
    return sigma * float(found)


def duration(n_total: ArrayLike, n_per_day: ArrayLike) -> FloatOrArray:
    """Days until an experiment has its customers.

    Parameters
    ----------
    n_total : array_like
        Customers in all arms together, >= 0.
    n_per_day : array_like
        New customers per day who take part, > 0. Do not count visits, because a customer may visit often.

    Returns
    -------
    float or ndarray
        Days, rounded up. If the days of the week differ, plan whole weeks.

    Raises
    ------
    InputError
        If an argument is NaN, infinite or outside its range.

    Examples
    --------
    >>> float(duration(2188, 150))
    15.0
    """
    total, daily = as_floats(n_total=n_total, n_per_day=n_per_day)
    require(total >= 0, "n_total", total, ">= 0")
    require(daily > 0, "n_per_day", daily, "> 0")
    days: FloatOrArray = np.ceil(just_below(total / daily))[()]  # 12753 / 283.4 is above 45 by rounding alone
    return days


def _share_column(value: ArrayLike) -> Floats:
    (shares,) = as_floats(shares=value)
    require_arms("shares", shares)
    require((shares > 0) & (shares < 1), "shares", shares, "in (0, 1)", hint="fractions, not percent")
    if abs(shares.sum() - 1) > 1e-9:
        raise InputError("shares", "of sum 1", float(shares.sum()))
    return read_only(shares)


@stay_frozen
@attrs.frozen(kw_only=True)
class SplitCheck(Columns):
    """A test of whether the split of customers between arms fits the design.

    Parameters
    ----------
    counts : ndarray of int
        Customers of each arm.
    shares : ndarray
        Shares by design, of sum 1.
    significance_level : float, default 0.01
        P-value below which the split counts as wrong.

    Examples
    --------
    >>> check = sample_ratio_mismatch([310, 98], [0.7, 0.3])
    >>> round(check.p_value, 6), check.is_wrong
    (0.008388, True)
    """

    counts: Integers = counts_field("counts")
    shares: Floats = array_field(_share_column)
    significance_level: float = checked_field("significance_level", as_fraction, default=0.01)

    def __attrs_post_init__(self) -> None:
        k = require_arms("counts", self.counts)
        if self.shares.shape != (k,):
            raise InputError("shares", f"one for each of the {k} arms", self.shares.shape)
        if self.counts.sum() == 0:
            raise InputError("counts", "of at least one customer", 0)

    @property
    def expected(self) -> Floats:
        """Customers of each arm by design."""
        return np.asarray(self.shares * self.counts.sum())

    @property
    def p_value(self) -> float:
        """P-value of the chi-square test, or of the exact binomial test for two arms if one expects fewer than 5.

        Arms that expect fewer than 5 customers are joined first. If they still expect fewer than 5, the next smallest
        arm joins them.
        """
        from scipy import stats

        counts, shares = self._pooled()
        n = int(counts.sum())
        expected = shares * n
        if len(counts) == 2 and expected.min() < _FEW:
            return float(stats.binomtest(int(counts[0]), n, float(shares[0])).pvalue)
        statistic = float(((counts - expected) ** 2 / expected).sum())
        return float(stats.chi2.sf(statistic, len(counts) - 1))

    @property
    def is_wrong(self) -> bool:
        """Whether the p-value is below the level."""
        return self.p_value < self.significance_level

    def _shares(self, digits: int) -> tuple[str, str]:
        """Write the shares that came and those of the design, with so many decimals."""
        share = self.counts / self.counts.sum()
        found, meant = (", ".join(percent(x, digits=digits) for x in of.tolist()) for of in (share, self.shares))
        return found, meant

    def _shares_apart(self) -> tuple[str, str]:
        """Write them with as many decimals as tell one from the other."""
        written = (self._shares(digits) for digits in range(1, 16))
        return next(((found, meant) for found, meant in written if found != meant), self._shares(1))

    @property
    def conclusion(self) -> str:
        """Whether the split fits the design, and what to do if not."""
        found, meant = self._shares_apart() if self.is_wrong else self._shares(1)
        counts, shares = self._pooled()
        n_pooled = len(self.counts) - len(counts) + 1
        pooled = f" with the {n_pooled} smallest arms taken together" if n_pooled > 1 else ""
        text = f"The shares are {found}, by design {meant}, {p_text(self.p_value, self.significance_level)}{pooled}: "
        if self.is_wrong:
            return (
                f"{text}chance hardly explains this split. Before you compare the arms, find out how customers were "
                "lost or added."
            )
        if (shares * counts.sum()).min() < _FEW:
            return f"{text}too few customers to judge the split."
        return f"{text}chance can explain this split; this does not prove that no customers were lost."

    def to_json(self) -> str:
        """Write counts, shares and level as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> SplitCheck:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)

    def _pooled(self) -> tuple[Integers, Floats]:
        """Join the smallest arms until they expect enough; two arms remain at least, or all if all are small."""
        order = np.argsort(self.shares, kind="stable")
        counts, expected = self.counts[order], self.expected[order]
        m = int(np.count_nonzero(expected < _FEW))
        if m == len(counts):  # no arm is large enough by itself
            return self.counts, self.shares
        m = min(m + bool(m > 0 and expected[:m].sum() < _FEW), len(counts) - 1)
        if m < 2:
            return self.counts, self.shares
        ends = np.concatenate(([0], np.arange(m, len(counts))))
        return np.add.reduceat(counts, ends), np.add.reduceat(self.shares[order], ends)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        return array_columns(self)


def sample_ratio_mismatch(
    counts: ArrayLike, shares: ArrayLike | None = None, *, significance_level: float = 0.01
) -> SplitCheck:
    """Check that customers were split between the arms as designed, before the arms are compared.

    Parameters
    ----------
    counts : array_like of int or mapping
        Customers of each arm, at least two arms.
    shares : array_like or mapping, optional
        Share of each arm by design, in (0, 1), of sum 1; by default equal shares. Mappings and columns with an index of
        names are matched by name; then both arguments need names.
    significance_level : float, default 0.01
        P-value below which the split counts as wrong, in (0, 1).

    Returns
    -------
    SplitCheck
        `expected`, `p_value`, `is_wrong` and a `conclusion`.

    Raises
    ------
    InputError
        If a count is no whole number >= 0, there are no customers, or shares do not fit the counts or do not sum to 1.

    Notes
    -----
    Pearson's chi-square test of given shares. Arms that expect fewer than 5 customers are joined; if they still expect
    fewer than 5, the next smallest arm joins them. If two arms remain and one expects fewer than 5 customers, the test
    is the exact binomial test.

    Examples
    --------
    >>> print(sample_ratio_mismatch([310, 98], [0.7, 0.3]).conclusion)
    The shares are 76.0%, 24.0%, by design 70.0%, 30.0%, p 0.0084: chance hardly explains this split. Before you compare the arms, find out how customers were lost or added.
    """  # noqa: E501 - the conclusion is one line
    if shares is None:
        _, (counts,) = by_name(counts=counts)
    else:
        _, (counts, shares) = by_name(counts=counts, shares=shares)
    (n,) = as_counts(counts=counts)
    k = require_arms("counts", n)
    return SplitCheck(
        counts=n.astype(np.int64),
        shares=np.full(k, 1 / k) if shares is None else shares,
        significance_level=significance_level,
    )


def _settings(significance_level: Any, power: Any, ratio: Any, n_variants: Any) -> tuple[float, float, float, int]:
    """Check what all four functions share; give the normal quantiles of level and power, the ratio and the variants."""
    from scipy import special

    level = as_fraction("significance_level", significance_level)
    wanted = as_fraction("power", power)
    r = as_positive("ratio", ratio)
    k = as_whole_number("n_variants", n_variants, low=1)
    if wanted <= level:
        raise InputError("power", "above `significance_level`", wanted)
    return -float(special.ndtri(level / k / 2)), float(special.ndtri(wanted)), r, k


def _n_control(p0: float, p1: float, null_variance: str, z_alpha: float, z_power: float, r: float) -> float:
    """Compute the customers in the control by the formula of `sample_size`, not rounded."""
    return (_errors_of_one(p0, p1, null_variance, z_alpha, z_power, r) / (p1 - p0)) ** 2


def _errors_of_one(p0: float, p1: float, null_variance: str, z_alpha: float, z_power: float, r: float) -> float:
    """Add the standard errors of both hypotheses, times their quantiles, for one customer in the control."""
    middle = p0 if null_variance == "baseline" else (p0 + r * p1) / (1 + r)
    under_null = z_alpha * math.sqrt(max(0.0, middle * (1 - middle)) * (1 + 1 / r))
    under_effect = z_power * math.sqrt(p0 * (1 - p0) + max(0.0, p1 * (1 - p1)) / r)
    return max(0.0, under_null + under_effect)


def _rounded_up(n: float) -> int:
    """Round up to a whole number of customers; what is above one by rounding alone is that one, as 30 * 1.1 is 33."""
    return math.ceil(just_below(n))


def _power_of_means(n: float, r: float, effect: float, level: float) -> float:
    """Power of Student's two-sided test of two means, n customers in the control and r n in the variant."""
    from scipy import special

    m = _rounded_up(n * r)
    degrees = n + m - 2
    shift = effect / math.sqrt(1 / n + 1 / m)
    t = -float(special.stdtrit(degrees, level / 2))
    upper, lower = 1 - float(special.nctdtr(degrees, shift, t)), float(special.nctdtr(degrees, shift, -t))
    return upper + (0.0 if math.isnan(lower) else lower)  # scipy gives NaN where it is below 1e-11
