"""Two or more variants compared: proportions, means and ratios of sums."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._checks import (
    as_amounts,
    as_counts,
    as_fraction,
    as_text,
    as_whole_number,
    require,
    require_choice,
)
from crmvalue._comparisons import holm, newcombe
from crmvalue._values import array_field, own, stay_frozen
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats

__all__ = [
    "CovariateAdjustment",
    "ProportionComparison",
    "VariantComparison",
    "adjust_by_covariate",
    "compare_means",
    "compare_proportions",
    "compare_ratios",
]

Correction: TypeAlias = Literal["holm", "bonferroni", "none"]

_FEW = 5.0  # expected counts below which the normal approximation of a test is not trusted (Cochran 1954)
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(12)


@stay_frozen
@attrs.frozen(kw_only=True)
class ProportionComparison:
    """Rates of the variants, and each of them against the control.

    Parameters
    ----------
    name : tuple of str
        Variants, shape (k,).
    control : int
        Place of the control.
    rate, rate_low, rate_high : ndarray
        Successes / trials, with Wilson's interval, shape (k,).
    difference, difference_low, difference_high : ndarray
        Rate less that of the control, with Newcombe's interval, shape (k,); 0 for the control itself.
    ratio, ratio_low, ratio_high : ndarray
        Rate / that of the control, with an interval on the scale of logarithms, shape (k,); NaN or infinite where a
        rate is 0.
    p_value : ndarray
        Of the hypothesis that both rates are equal, corrected for the number of variants, shape (k,); 1 for the
        control.
    test : str
        "z" for the two-proportion z test, "Fisher" for Fisher's exact test.
    prob_best : ndarray
        Probability that the variant has the highest rate, with flat priors, shape (k,).
    expected_loss : ndarray
        What choosing the variant costs on average, if another one is better after all, in units of the rate.
    level : float
        Level of the intervals, and one minus that of the tests.

    Examples
    --------
    >>> found = compare_proportions([200, 250], [1000, 1000])
    >>> found.difference.round(3), found.p_value.round(5), found.prob_best.round(5)
    (array([0.  , 0.05]), array([1.     , 0.00742]), array([0.00372, 0.99628]))
    """

    name: tuple[str, ...]
    control: int
    rate: Floats = array_field()
    rate_low: Floats = array_field()
    rate_high: Floats = array_field()
    difference: Floats = array_field()
    difference_low: Floats = array_field()
    difference_high: Floats = array_field()
    ratio: Floats = array_field()
    ratio_low: Floats = array_field()
    ratio_high: Floats = array_field()
    p_value: Floats = array_field()
    test: str
    prob_best: Floats = array_field()
    expected_loss: Floats = array_field()
    level: float

    @property
    def conclusion(self) -> str:
        """What may be concluded, and what may not."""
        lines = [
            _verdict(
                self.name[i], self.name[self.control], self.p_value[i], 1 - self.level,
                f"{100 * self.difference[i]:+.2f} points "
                f"({100 * self.level:g} % interval {100 * self.difference_low[i]:+.2f} to "
                f"{100 * self.difference_high[i]:+.2f})",
            )
            for i in range(len(self.name))
            if i != self.control
        ]  # fmt: skip
        return " ".join(lines)


def compare_proportions(
    successes: ArrayLike,
    trials: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    control: int = 0,
    level: float = 0.95,
    correction: Correction = "holm",
) -> ProportionComparison:
    r"""Compare the rates of two or more variants with that of a control.

    Parameters
    ----------
    successes : array_like
        Customers of each variant who did it, whole numbers >= 0, shape (k,) with k >= 2.
    trials : array_like
        Customers of each variant, > 0, shape (k,).
    names : sequence of str, optional
        Names of the variants; by default "A", "B", ...
    control : int, optional
        Place of the variant with which the others are compared.
    level : float, optional
        Level of each interval, in (0, 1). Intervals are not corrected for the number of variants.
    correction : {"holm", "bonferroni", "none"}, optional
        How the p-values are corrected for the number of comparisons.

    Returns
    -------
    ProportionComparison
        Rates, differences, ratios, tests and probabilities.

    Raises
    ------
    InputError
        If there are fewer than two variants, a variant has no trial, or more successes than trials.

    Notes
    -----
    Difference: Newcombe's hybrid score interval [1]_. Ratio: :math:`\exp(\log(p / p_0) \pm z \sqrt{1/x - 1/n + 1/x_0 -
    1/n_0})` (Katz and others 1978). Test: the z test with the pooled rate; where an expected count of any comparison is
    below 5 [2]_ Fisher's exact test for all. The probabilities are those of independent Beta distributions with a flat
    prior, integrated numerically to some 1e-10.

    .. [1] Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics in
       Medicine 17, 873-890.
    .. [2] Cochran, W. G. (1954). Some methods for strengthening the common chi-squared tests. Biometrics 10, 417-451.

    Examples
    --------
    >>> print(compare_proportions([56, 48], [70, 80], names=["new", "old"], control=1).conclusion)
    new is better than old: +20.00 points (95 % interval +5.24 to +33.39), p = 0.008.
    """
    x, n = as_counts(successes=successes, trials=trials)
    _require_arms(x, n)
    require(n > 0, "trials", n, "> 0")
    require(x <= n, "successes", x, "at most `trials`")
    k = len(x)
    words, base = _names(names, k), as_whole_number("control", control, low=0, high=k - 1)
    level = as_fraction("level", level)
    require_choice("correction", correction, get_args(Correction))
    rate = x / n
    wilson = proportion_interval(x, n, level=level)
    of_control = Interval(np.asarray(wilson.low)[base], np.asarray(wilson.high)[base])
    difference = newcombe(rate, wilson, rate[base], of_control)
    others = np.arange(k) != base
    ratio, ratio_interval = _log_ratio(x, n, base, level)
    test, p_value = _test_rates(x, n, base, others)
    corrected = np.ones(k)
    corrected[others] = _correct(p_value, correction)
    prob_best, loss = _bayes(x, n)
    return ProportionComparison(
        name=words,
        control=base,
        rate=own(rate),
        rate_low=own(np.array(wilson.low)),
        rate_high=own(np.array(wilson.high)),
        difference=own(rate - rate[base]),
        difference_low=own(np.where(others, difference.low, 0.0)),
        difference_high=own(np.where(others, difference.high, 0.0)),
        ratio=own(ratio),
        ratio_low=own(np.where(others, ratio_interval.low, ratio)),
        ratio_high=own(np.where(others, ratio_interval.high, ratio)),
        p_value=own(corrected),
        test=test,
        prob_best=own(prob_best),
        expected_loss=own(loss),
        level=level,
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class VariantComparison:
    """Means of the variants, or ratios of sums, and each of them against the control.

    Parameters
    ----------
    name : tuple of str
        Variants, shape (k,).
    control : int
        Place of the control.
    n : ndarray
        Customers of each variant, shape (k,).
    mean, standard_error : ndarray
        Mean, or ratio of sums, with its standard error, shape (k,).
    difference, difference_low, difference_high : ndarray
        Mean less that of the control, with Welch's interval, shape (k,); 0 for the control itself.
    ratio, ratio_low, ratio_high : ndarray
        Mean / that of the control, with Fieller's interval, shape (k,); infinite where the control's mean is not
        clearly away from 0.
    p_value : ndarray
        Of the hypothesis that both means are equal, corrected for the number of variants, shape (k,).
    level : float
        Level of the intervals, and one minus that of the tests.

    Examples
    --------
    >>> compare_means([[1, 2, 3, 4], [3, 4, 5, 6]]).difference
    array([0., 2.])
    """

    name: tuple[str, ...]
    control: int
    n: npt.NDArray[np.int64] = array_field()
    mean: Floats = array_field()
    standard_error: Floats = array_field()
    difference: Floats = array_field()
    difference_low: Floats = array_field()
    difference_high: Floats = array_field()
    ratio: Floats = array_field()
    ratio_low: Floats = array_field()
    ratio_high: Floats = array_field()
    p_value: Floats = array_field()
    level: float

    @property
    def conclusion(self) -> str:
        """What may be concluded, and what may not."""
        lines = [
            _verdict(
                self.name[i], self.name[self.control], self.p_value[i], 1 - self.level,
                f"{self.difference[i]:+.4g} ({100 * self.level:g} % interval {self.difference_low[i]:+.4g} to "
                f"{self.difference_high[i]:+.4g})",
            )
            for i in range(len(self.name))
            if i != self.control
        ]  # fmt: skip
        return " ".join(lines)


def compare_means(
    values: Iterable[ArrayLike],
    *,
    names: Sequence[str] | None = None,
    control: int = 0,
    level: float = 0.95,
    correction: Correction = "holm",
) -> VariantComparison:
    r"""Compare the means of two or more variants with that of a control, such as revenue per customer.

    Parameters
    ----------
    values : sequence of array_like
        One column for each of k >= 2 variants, with one number for every customer of the variant, 0 for those who did
        nothing; at least two each.
    names, control, level, correction
        As in :func:`compare_proportions`.

    Returns
    -------
    VariantComparison
        Means, differences, ratios and tests.

    Raises
    ------
    InputError
        If there are fewer than two variants, or a variant has fewer than two values or one that is not finite.

    Notes
    -----
    Difference: Welch's interval and test. Ratio: Fieller's interval, all ratios :math:`\rho` with
    :math:`(m - \rho m_0)^2 \le z^2 (s^2 + \rho^2 s_0^2)`; it is unbounded where the control's mean may be 0. Spend is
    skewed: below some hundred customers the intervals cover less often than they say.

    Examples
    --------
    >>> print(compare_means([[0, 0, 9, 0, 7, 0], [0, 12, 8, 0, 14, 9]], names=["old", "new"]).conclusion)
    No difference between new and old is shown: +4.5 (95 % interval -2.216 to +11.22), p = 0.16. It may still be there.
    """
    columns = _columns("values", values)
    n = np.array([len(column) for column in columns], dtype=np.int64)
    mean = np.array([column.mean() for column in columns])
    error = np.array([column.std(ddof=1) for column in columns]) / np.sqrt(n)
    return _compare(n, mean, error, names, control, level, correction)


def compare_ratios(
    numerator: Iterable[ArrayLike],
    denominator: Iterable[ArrayLike],
    *,
    names: Sequence[str] | None = None,
    control: int = 0,
    level: float = 0.95,
    correction: Correction = "holm",
) -> VariantComparison:
    r"""Compare ratios of sums, such as revenue per order, where customers were assigned and not orders.

    Parameters
    ----------
    numerator, denominator : sequence of array_like
        One column each for each of k >= 2 variants, with one number for every customer, such as revenue and orders; the
        sum of a denominator is above 0.
    names, control, level, correction
        As in :func:`compare_proportions`.

    Returns
    -------
    VariantComparison
        Ratios of sums in place of means; the differences and tests by the delta method.

    Raises
    ------
    InputError
        As :func:`compare_means`, and if the columns of a variant differ in length or a denominator has no sum.

    Notes
    -----
    The orders of one customer are not independent, so the customer is the unit: with :math:`r = \sum y / \sum x` the
    variance is that of :math:`(y - r x) / \bar x` over the customers, divided by their number (delta method).

    Examples
    --------
    >>> revenue, orders = [[10, 0, 30, 12], [25, 40, 0, 18]], [[1, 0, 2, 1], [1, 2, 0, 1]]
    >>> compare_ratios(revenue, orders).mean
    array([13.  , 20.75])
    """
    above, below = _columns("numerator", numerator), _columns("denominator", denominator)
    _require_alike(numerator=above, denominator=below)
    n, mean, error = [], [], []
    for y, x in zip(above, below, strict=True):
        require(x.sum() > 0, "denominator", float(x.sum()), "above 0 in sum")
        ratio = y.sum() / x.sum()
        n.append(len(y))
        mean.append(ratio)
        error.append((y - ratio * x).std(ddof=1) / x.mean() / math.sqrt(len(y)))
    return _compare(np.array(n), np.array(mean), np.array(error), names, control, level, correction)


@stay_frozen
@attrs.frozen(kw_only=True)
class CovariateAdjustment:
    """Values of an experiment, less what was known before it.

    Parameters
    ----------
    value : ndarray
        Adjusted values of all customers, variant by variant; :attr:`values` parts them.
    n : ndarray
        Customers of each variant, shape (k,).
    coefficient : float
        Change of the value for one unit of the covariate.
    variance_reduction : float
        Share of the variance that the covariate explains, in [0, 1].

    Examples
    --------
    >>> adjust_by_covariate([[1, 2, 3], [3, 4, 5]], [[1, 2, 3], [1, 2, 3]]).variance_reduction
    1.0
    """

    value: Floats = array_field()
    n: npt.NDArray[np.int64] = array_field()
    coefficient: float
    variance_reduction: float

    @property
    def values(self) -> tuple[Floats, ...]:
        """Adjusted column of each variant; take them to :func:`compare_means`."""
        return tuple(np.split(self.value, np.cumsum(self.n)[:-1]))


def adjust_by_covariate(values: Iterable[ArrayLike], covariate: Iterable[ArrayLike]) -> CovariateAdjustment:
    r"""Make intervals narrower by a covariate that was measured before the experiment (CUPED).

    Parameters
    ----------
    values : sequence of array_like
        As in :func:`compare_means`.
    covariate : sequence of array_like
        The same customers' covariate, such as their revenue of the weeks before. It must not have been touched by the
        experiment: otherwise the comparison is biased.

    Returns
    -------
    CovariateAdjustment
        Adjusted values, whose overall mean is that of the values.

    Raises
    ------
    InputError
        As :func:`compare_means`, and if the columns of a variant differ in length.

    Notes
    -----
    :math:`y - \theta (x - \bar x)` with the slope :math:`\theta` within the variants and the mean :math:`\bar x` of
    all.
    Source: Deng, Xu, Kohavi and Walker, Improving the sensitivity of online controlled experiments, WSDM 2013.

    Examples
    --------
    >>> found = adjust_by_covariate([[10, 20, 33], [15, 24, 38]], [[1, 2, 3], [1, 2, 3]])
    >>> round(found.coefficient, 6), round(found.variance_reduction, 3)
    (11.5, 0.989)
    """
    ys, xs = _columns("values", values), _columns("covariate", covariate)
    _require_alike(values=ys, covariate=xs)
    y_within = np.concatenate([y - y.mean() for y in ys])
    x_within = np.concatenate([x - x.mean() for x in xs])
    spread, total = float(x_within @ x_within), float(y_within @ y_within)
    slope = float(x_within @ y_within) / spread if spread > 0 else 0.0
    middle = float(np.concatenate(xs).mean())
    explained = min(slope * slope * spread / total, 1.0) if total > 0 else 0.0
    return CovariateAdjustment(
        value=own(np.concatenate(ys) - slope * (np.concatenate(xs) - middle)),
        n=own(np.array([len(y) for y in ys])),
        coefficient=slope,
        variance_reduction=explained,
    )


def _compare(
    n: npt.NDArray[np.int64],
    mean: Floats,
    error: Floats,
    names: Sequence[str] | None,
    control: int,
    level: float,
    correction: Correction,
) -> VariantComparison:
    from scipy import special

    k = len(n)
    words, base = _names(names, k), as_whole_number("control", control, low=0, high=k - 1)
    level = as_fraction("level", level)
    require_choice("correction", correction, get_args(Correction))
    others = np.arange(k) != base
    difference = mean - mean[base]
    variance = error**2 + error[base] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = variance**2 / (error**4 / (n - 1) + error[base] ** 4 / (n[base] - 1))
        t = difference / np.sqrt(variance)
        p_value = 2 * special.stdtr(degrees, -np.abs(t))
        half = -special.stdtrit(degrees, (1 - level) / 2) * np.sqrt(variance)
    known = variance == 0  # without any spread the means are known
    p_value = np.where(known, np.where(difference == 0, 1.0, 0.0), p_value)
    half = np.where(known | ~others, 0.0, half)
    corrected = np.ones(k)
    corrected[others] = _correct(p_value[others], correction)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = mean / mean[base]
    low, high = _fieller(mean, error, base, level)
    return VariantComparison(
        name=words,
        control=base,
        n=own(n.astype(np.int64)),
        mean=own(mean),
        standard_error=own(error),
        difference=own(difference),
        difference_low=own(difference - half),
        difference_high=own(difference + half),
        ratio=own(ratio),
        ratio_low=own(np.where(others, low, ratio)),
        ratio_high=own(np.where(others, high, ratio)),
        p_value=own(corrected),
        level=level,
    )


def _fieller(mean: Floats, error: Floats, base: int, level: float) -> tuple[Floats, Floats]:
    """All ratios whose difference from the control is within its error; everything where the control may be 0."""
    from scipy import special

    z2 = float(special.ndtri((1 + level) / 2)) ** 2
    a = mean[base] ** 2 - z2 * error[base] ** 2
    b = mean * mean[base]
    c = mean**2 - z2 * error**2
    if a <= 0:
        return np.full(len(mean), -np.inf), np.full(len(mean), np.inf)
    half = np.sqrt(np.maximum(b * b - a * c, 0.0))
    return (b - half) / a, (b + half) / a


def _log_ratio(x: Floats, n: Floats, base: int, level: float) -> tuple[Floats, Interval]:
    from scipy import special

    z = float(special.ndtri((1 + level) / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (x / n) / (x[base] / n[base])
        half = z * np.sqrt(1 / x - 1 / n + 1 / x[base] - 1 / n[base])
        low, high = ratio * np.exp(-half), ratio * np.exp(half)
    bare = (x == 0) | (x[base] == 0)  # the logarithm has no error there
    return ratio, Interval(np.where(bare, 0.0, low), np.where(bare, np.inf, high))


def _test_rates(x: Floats, n: Floats, base: int, others: npt.NDArray[np.bool_]) -> tuple[str, Floats]:
    from scipy import special, stats

    x0, n0, x, n = x[base], n[base], x[others], n[others]
    pooled = (x + x0) / (n + n0)
    if (np.minimum(pooled, 1 - pooled) * np.minimum(n, n0)).min() < _FEW:
        tables = [[[x[i], n[i] - x[i]], [x0, n0 - x0]] for i in range(len(x))]
        return "Fisher", np.array([stats.fisher_exact(np.array(table, dtype=np.int64)).pvalue for table in tables])
    z = (x / n - x0 / n0) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / n0))
    return "z", 2 * special.ndtr(-np.abs(z))


def _correct(p_value: Floats, correction: str) -> Floats:
    if correction == "holm":
        return holm(p_value)
    return np.minimum(p_value * (len(p_value) if correction == "bonferroni" else 1), 1.0)


def _bayes(x: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Probability of each variant to be the best, and the loss expected of choosing it, under flat priors."""
    from scipy import special

    a, b = x + 1, n - x + 1
    shares = np.concatenate(([1e-30, 1e-14, 1e-9], np.linspace(0, 1, 65)[1:-1] ** 2, [1 - 1e-6, 1 - 1e-10]))
    ends = special.betaincinv(a[:, np.newaxis], b[:, np.newaxis], np.concatenate((shares, 1 - shares)))
    cuts = np.unique(np.clip(np.concatenate(([0.0, 1.0], ends.ravel())), 0, 1))
    middle, half = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts) / 2
    at = (middle[:, np.newaxis] + half[:, np.newaxis] * _POINTS).ravel()
    weight = (half[:, np.newaxis] * _WEIGHTS).ravel()
    below = special.betainc(a[:, np.newaxis], b[:, np.newaxis], at)
    log_density = special.xlogy(a[:, np.newaxis] - 1, at) + special.xlog1py(b[:, np.newaxis] - 1, -at)
    density = np.exp(log_density - special.betaln(a, b)[:, np.newaxis])
    k = len(x)
    best = np.array([weight @ (density[i] * np.prod(np.delete(below, i, axis=0), axis=0)) for i in range(k)])
    highest = float(weight @ (1 - np.prod(below, axis=0)))
    return np.clip(best / best.sum(), 0, 1), np.maximum(highest - a / (a + b), 0.0)


def _verdict(name: str, control: str, p_value: float, alpha: float, size: str) -> str:
    told = f"{size}, p = {p_value:.2g}." if p_value >= 1e-4 else f"{size}, p < 0.0001."
    if p_value < alpha:
        return f"{name} is {'better' if size[0] == '+' else 'worse'} than {control}: {told}"
    return f"No difference between {name} and {control} is shown: {told} It may still be there."


def _require_arms(x: Floats, n: Floats) -> None:
    if x.ndim != 1 or len(x) < 2 or x.shape != n.shape:
        raise InputError("successes", "one for each of at least two variants, as `trials`", x.shape)


def _columns(name: str, given: object) -> list[Floats]:
    """Check the column of each variant; an index in an error is the place of the variant and that in its column."""
    arms: list[Any] = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else []
    if len(arms) < 2:
        raise InputError(name, "a sequence of columns, one for each of at least two variants", given)
    columns = []
    for i, arm in enumerate(arms):
        try:
            column = as_amounts(name, arm)
        except InputError as error:
            place = (i, *np.atleast_1d(error.index).tolist()) if error.index is not None else i
            raise InputError(name, error.rule, error.value, index=place, count=error.count, hint=error.hint) from error
        if len(column) < 2:
            raise InputError(name, "at least two values of each variant", len(column), index=i)
        columns.append(column)
    return columns


def _require_alike(**columns: list[Floats]) -> None:
    (first_name, first), (name, other) = columns.items()
    if [len(column) for column in first] != [len(column) for column in other]:
        raise InputError(name, f"as many columns as `{first_name}`, each as long", [len(column) for column in other])


def _names(names: Sequence[str] | None, k: int) -> tuple[str, ...]:
    if names is None:
        return tuple(chr(ord("A") + i) if k <= 26 else f"variant {i + 1}" for i in range(k))
    given: object = names
    if isinstance(given, str) or not hasattr(given, "__len__"):
        raise InputError("names", f"one text for each of the {k} variants", given)
    words = tuple(as_text("names", name) for name in names)
    if len(words) != k or len(set(words)) < k:
        raise InputError("names", f"one for each of the {k} variants, all different", words)
    return words
