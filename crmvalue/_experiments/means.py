"""Two or more variants by a mean, with or without an earlier covariate."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_counts, as_float, as_fraction, as_text, require, require_same_index
from crmvalue._core.comparisons import (
    MeanErrors,
    errors_of_means,
    fieller,
    half_width,
    p_of_means,
    p_text,
    rounding_part,
)
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import by_name, figure, figures_apart, percent
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import checked_field, number_column, of_class, stay_frozen
from crmvalue._experiments.arms import (
    ArmRows,
    Correction,
    adjusted,
    against_control,
    arm_columns,
    arm_names_field,
    as_correction,
    as_level,
    choice_text,
    columns,
    counts_field,
    difference_from_control,
    few_enough,
    fix_control,
    interval_level,
    ratio_to_control,
    read_names,
    require_arms,
    require_comparable,
    require_few_arms,
    require_same_arms,
    require_variation,
    rows_by_arm,
    variant_lines,
    variant_names,
)
from crmvalue._experiments.best_arm import best_of_means
from crmvalue._experiments.pictures import differences_parts
from crmvalue.errors import InputError
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "CovariateAdjustment",
    "MeanComparison",
    "adjust_by_covariate",
    "compare_means",
    "compare_means_from_summary",
]

NOISE = 1e-12  # a spread below this part of the largest value is rounding, if the values themselves may be rounded


@stay_frozen
@attrs.frozen(kw_only=True)
class MeanComparison(Columns, Pictured):
    """Means of the arms of an experiment, or their ratios of sums such as revenue per order.

    A property that compares variants with the control has one element for each variant, in the order of `variants`.

    Parameters
    ----------
    mean : ndarray
        Mean, or ratio of sums, of each arm [its unit]; NaN only for an arm that is not compared.
    standard_error : ndarray
        Standard error of each mean, >= 0, in the same unit. It must not be 0 in both the control and a variant, and is
        NaN where `n` is below 2.
    n : ndarray of int
        Customers of each arm; for ratios those with a numerator or denominator. A variant with fewer than 2 is not
        compared: what compares it is NaN, and it does not count for the correction. The control needs 2, as one
        variant does.
    names : tuple of str
        Names of the arms.
    control : int, default 0
        Position of the arm that the others are compared with.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the tests.
    correction : {"holm", "bonferroni", "none"}, default "holm"
        Correction for several variants.
    quantity : str, default "mean"
        Word for the compared quantity in the conclusion.

    Examples
    --------
    >>> result = compare_means_from_summary([10.0, 12.0], [4.0, 6.0], [200, 200])
    >>> result.difference, result.p_value.round(4)
    (array([2.]), array([0.0001]))
    """

    mean: Floats = number_column("mean", missing=True)
    standard_error: Floats = number_column("standard_error", missing=True)
    n: Integers = counts_field("n")
    names: tuple[str, ...] = arm_names_field()
    control: int = 0
    level: float = checked_field("level", as_level, default=0.95)
    correction: Correction = attrs.field(converter=as_correction, default="holm")
    quantity: str = checked_field("quantity", as_text, default="mean")

    def __attrs_post_init__(self) -> None:
        k = require_arms("mean", self.mean)
        for name in ("standard_error", "n"):
            if getattr(self, name).shape != (k,):
                raise InputError(name, f"one for each of the {k} arms", getattr(self, name))
        error, few = self.standard_error, self.n < 2
        rule = "0 or of a magnitude from 1e-110 to 1e100"  # the root of a count may divide the smallest deviation
        fix_control(self, k)
        require_comparable("n", self.n, self.names, self.control)
        require(np.isnan(error) == few, "standard_error", error, "NaN where, and only where, `n` is below 2")
        require(few | (error >= 0), "standard_error", error, ">= 0")
        require(few | (error == 0) | ((error >= 1e-110) & (error <= 1e100)), "standard_error", error, rule)
        require(few | ~np.isnan(self.mean), "mean", self.mean, "a finite number where `n` is at least 2")
        require(~(np.abs(self.mean) > 1e100), "mean", self.mean, "at most 1e100")
        require_variation("standard_error", self.standard_error, self.names, self.control)

    def _parts(self) -> Parts:
        control, interval = self.names[self.control], self.difference_interval
        return differences_parts(
            self.variants,
            control,
            self.difference,
            interval,
            what=self.quantity,
            form="number",
            is_shown=self.adjusted_p_value < 1 - self.level,
        )

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of all arms but the control."""
        return variant_names(self)

    @property
    def difference(self) -> Floats:
        """Mean of each variant minus the mean of the control [its unit]."""
        return difference_from_control(self.mean, self.control)

    @property
    def difference_interval(self) -> Interval:
        """Interval for each difference: Welch's or, where wider, Student's for arms that vary alike.

        With a correction all together hold at the level (Bonferroni).
        """
        half = half_width(self._ways(), self._level_of_interval)
        return Interval(self.difference - half, self.difference + half)

    @property
    def ratio(self) -> Floats:
        """Mean of each variant over the mean of the control; NaN or infinite if the mean of the control is 0."""
        return ratio_to_control(self.mean, self.control)

    @property
    def ratio_interval(self) -> Interval:
        """Fieller's interval for each ratio; from minus to plus infinity if the control's mean may be 0.

        It spans the two of Welch and of Student, as `difference_interval` does.
        """
        from scipy import special

        tail, means = (1 - self._level_of_interval) / 2, against_control(self.mean, self.control)
        ends = [fieller(*means, s1, s0, -special.stdtrit(degrees, tail)) for s1, s0, degrees in self._ways()]
        return Interval(np.min([low for low, _ in ends], axis=0), np.max([high for _, high in ends], axis=0))

    @property
    def t(self) -> Floats:
        """Welch's statistic of each difference."""
        return self.difference / np.hypot(*against_control(self.standard_error, self.control))

    @property
    def p_value(self) -> Floats:
        """Two-sided p-value of no difference from the control, not corrected.

        It is that of Welch's test or, where larger, of Student's, for which both arms vary alike.
        """
        return np.asarray(p_of_means(self.difference, self._ways()))

    @property
    def welch_p_value(self) -> Floats:
        """Two-sided p-value of Welch's test alone, not corrected; it is too small where `too_few` is true."""
        return np.asarray(p_of_means(self.difference, self._ways()[:1]))

    @property
    def adjusted_p_value(self) -> Floats:
        """P-values after the correction for several variants."""
        return adjusted(self.p_value, self.correction)

    @property
    def too_few(self) -> npt.NDArray[np.bool_]:
        """Whether a difference is shown only because one of both arms seems to vary less than they do together.

        A small arm of skewed values mostly misses the few large ones, so its mean and its spread are both too low. If
        both arms varied alike, the difference would be within chance, and `conclusion` claims none.
        """
        alpha = 1 - self.level
        return np.asarray((adjusted(self.welch_p_value, self.correction) < alpha) & (self.adjusted_p_value >= alpha))

    @property
    def prob_best(self) -> Floats:
        """Probability that each arm has the highest true mean, with flat priors, up to 200 arms; they sum to 1."""
        return self._bayes()[0]

    @property
    def expected_loss(self) -> Floats:
        """Average loss from choosing each arm [unit of the mean]; infinite if an arm has only two customers."""
        return self._bayes()[1]

    @property
    def conclusion(self) -> str:
        """What can be concluded, and what not: a line for each variant, and one on the choice.

        The last line is left out beyond 200 arms, and where an arm is too small to show how its values vary. Of the
        variants beyond 200, a line counts those that are shown to differ.
        """
        low, high = map(np.asarray, self.difference_interval)
        values, (base,) = against_control(self.mean, self.control)
        pairs, control = (figures_apart(value, base) for value in values.tolist()), self.names[self.control]
        tests = np.where(self.p_value > self.welch_p_value, "Student", "Welch").tolist()
        told = (
            (
                f"{name} has a {self.quantity} of {value} against {base} of {control}: {figure(d, sign=True)}",
                f"{figure(a, sign=True)} to {figure(b, sign=True)}",
                test,
            )
            for name, (value, base), d, a, b, test in zip(
                self.variants, pairs, self.difference, low, high, tests, strict=True
            )
        )
        if not few_enough(len(self.names)) or self.too_few.any():
            return "\n".join(variant_lines(self, told, self.too_few))
        best, loss = (column[self._known] for column in self._bayes())
        names = tuple(np.array(self.names)[self._known].tolist())
        some_left_out = not self._known.all()
        choice = choice_text(names, self.quantity, self.mean[self._known], best, loss, some_left_out=some_left_out)
        return "\n".join([*variant_lines(self, told), choice])

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each arm. The columns that compare an arm with the control are NaN for the control. `prob_best`
            and `expected_loss` are left out of a table of more than 200 arms.
        """
        own = {name: getattr(self, name) for name in ("mean", "standard_error", "n")}
        return arm_columns(self, own, self._bayes if few_enough(len(self.names)) else None)

    def to_json(self) -> str:
        """Write means, errors, names and settings as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> MeanComparison:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)

    def _bayes(self) -> tuple[Floats, Floats]:
        require_few_arms("mean", len(self.names))
        error, few, own = self.standard_error.copy(), self.too_few, np.arange(len(self.names)) != self.control
        if few.any():
            alike, base, _ = self._ways()[1]
            error[own] = np.where(few, np.maximum(error[own], alike), error[own])
            error[self.control] = max(error[self.control], base[few].max())
        found, known = np.full((2, len(self.names)), np.nan), self._known
        found[:, known] = best_of_means(self.mean[known], error[known], self.n[known].astype(np.float64))
        return found[0], found[1]

    def _ways(self) -> tuple[MeanErrors, MeanErrors]:
        """Errors of each variant and the control with the degrees of freedom, by Welch and for arms that vary alike."""
        n = np.where(self._known, self.n, 2)  # the NaN of the errors goes on
        (s1, s0), (n1, n0) = against_control(self.standard_error, self.control), against_control(n, self.control)
        return errors_of_means(s1, n1, s0, n0)

    @property
    def _known(self) -> npt.NDArray[np.bool_]:
        return self.n >= 2

    @property
    def _level_of_interval(self) -> float:
        return interval_level(self.level, int(np.count_nonzero(self._known)) - 1, self.correction)


@stay_frozen
@attrs.frozen(kw_only=True)
class CovariateAdjustment:
    """A comparison of means with less variance, by a covariate measured before the experiment.

    Parameters
    ----------
    theta : float
        Slope of the value on the covariate within the arms.
    variance_reduction : float
        Share of the variance within the arms that the covariate explains, in [0, 1].
    adjusted : MeanComparison
        Comparison of the adjusted values: the result to report.
    unadjusted : MeanComparison
        Comparison of the values without adjustment.
    covariate : MeanComparison
        Comparison of the covariate itself; its arms should not differ.

    Examples
    --------
    >>> before, after = [1, 2, 3, 4, 1, 2, 3, 4], [2, 4, 6, 9, 4, 6, 8, 10]
    >>> result = adjust_by_covariate(after, before, ["A"] * 4 + ["B"] * 4, control="A")
    >>> round(result.variance_reduction, 3), result.adjusted.p_value < result.unadjusted.p_value
    (0.989, array([ True]))
    """

    theta: float = checked_field("theta", as_float)
    variance_reduction: float = checked_field("variance_reduction", partial(as_fraction, closed=True))
    adjusted: MeanComparison = checked_field("adjusted", of_class(MeanComparison))
    unadjusted: MeanComparison = checked_field("unadjusted", of_class(MeanComparison))
    covariate: MeanComparison = checked_field("covariate", of_class(MeanComparison))

    def __attrs_post_init__(self) -> None:
        require_same_arms(self.adjusted, unadjusted=self.unadjusted, covariate=self.covariate)

    @property
    def conclusion(self) -> str:
        """How much the covariate explains, a warning if it differs between arms, and the adjusted conclusion."""
        text = f"The covariate explains {percent(self.variance_reduction)} of the variance within the arms."
        p = float(np.nanmin(self.covariate.adjusted_p_value))
        if p < 0.01:
            text += (
                f" It differs between the arms ({p_text(p, 0.01)}). Check that it "
                "was measured before the experiment, and that the arms were chosen at random. If not, the adjusted "
                "comparison is biased."
            )
        return f"{text}\n{self.adjusted.conclusion}"

    def to_json(self) -> str:
        """Write slope, reduction and the three comparisons as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> CovariateAdjustment:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text, MeanComparison)


def compare_means(
    value: ArrayLike,
    arm: ArrayLike,
    *,
    control: Any,
    level: float = 0.95,
    correction: Correction = "holm",
) -> MeanComparison:
    r"""Compare two or more variants by the mean of one value per customer, such as revenue.

    Parameters
    ----------
    value : array_like
        One value for each customer [its unit], 0 for a customer without a purchase. A variant of one customer is kept
        in the result, but not compared.
    arm : array_like
        Label of the arm of each customer: text or whole numbers.
    control : str or int
        Label of the arm that the others are compared with. The arms of the result are in ascending order of labels.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the tests, in (0, 1).
    correction : {"holm", "bonferroni", "none"}, default "holm"
        Correction for several variants, as in :func:`compare_proportions`.

    Returns
    -------
    MeanComparison
        Differences and ratios with intervals, p-values and a `conclusion`.

    Raises
    ------
    InputError
        If a value is NaN or infinite, no arm is the control, the control or all variants have fewer than two rows, or
        nothing varies: the error names such arms, and which arms are compared is for you to say.

    Notes
    -----
    Welch's test for unequal variances [1]_ and Student's for equal ones: p-values are the larger, intervals the wider
    of both; that of the ratio is Fieller's. This is the package's one rule of evidence for means of money. Beside a
    large arm, a small one mostly misses the few large amounts: 600 customers beside 10,000 then show a difference in 12
    to 16 % of worlds without effect by Welch's test alone (lognormal spend with sigma 1.5; 80 or 95 % spend nothing),
    50 beside 1,000 in 23 to 25 %; by both tests in at most 1 %, and at most 4 % in arms of one size. Student's alone
    errs where the smaller arm varies more. The price: if 600 spend half as much as 10,000, 80 % of whom spend nothing,
    it is shown in 53 % of worlds (Welch's 88 %), twice as much in 61 % (64 %). Arms of one size pay none.
    `welch_p_value` is Welch's alone, and `too_few` tells where only that shows a difference; there `prob_best` takes
    the spread of both arms together too.
    An arm whose values are all equal, such as five customers without an order, gets the spread of the other arms: a few
    equal values do not show that all would be.

    `prob_best` and `expected_loss` use Student's distribution around each mean. Flat priors on the mean and on the log
    of the standard deviation give it for normal values. Both are integrals by quadrature, not by simulation.

    .. [1] Welch, B. L. (1947). The generalization of Student's problem when several different population variances are
       involved. Biometrika 34, 28-35.

    Examples
    --------
    >>> result = compare_means([5, 0, 7, 4, 9, 8, 7, 11], list("AAAABBBB"), control="A")
    >>> result.difference, result.p_value.round(3)
    (array([4.75]), array([0.04]))
    """
    level, correction = as_level("level", level), as_correction(correction)
    require_same_index(value=value, arm=arm)
    (x,) = columns(value=value)
    rows = rows_by_arm(arm, control, len(x))
    require_comparable("arm", rows.n, rows.names, rows.control)
    mean, within = _within(x, rows)
    error = error_of_mean(within, rows)
    require_spread(error, rows, x, "value")
    return comparison(mean, error, rows, level, correction, "mean")


def compare_means_from_summary(
    mean: ArrayLike,
    std: ArrayLike,
    n: ArrayLike,
    *,
    names: Any = None,
    control: int | str = 0,
    level: float = 0.95,
    correction: Correction = "holm",
) -> MeanComparison:
    """Compare two or more variants by mean, standard deviation and count of each.

    Parameters
    ----------
    mean : array_like or mapping
        Mean of each arm [its unit], at least two arms. Mappings and columns with an index of names are matched by name;
        then all three arguments need names.
    std : array_like
        Standard deviation within each arm, with the denominator n - 1, >= 0, in the same unit. An arm of 0 gets the
        spread of the others, as in :func:`compare_means`.
    n : array_like of int
        Customers of each arm; a variant with fewer than 2 is not compared, and its deviation may be NaN.
    names : list of str, optional
        Names of the arms; by default A, B, C and so on.
    control : int or str, default 0
        Position or name of the arm that the others are compared with. If the names are whole numbers, a
        number means a name, not a position.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the tests, in (0, 1).
    correction : {"holm", "bonferroni", "none"}, default "holm"
        Correction for several variants, as in :func:`compare_proportions`.

    Returns
    -------
    MeanComparison
        The result that :func:`compare_means` gives for the rows.

    Raises
    ------
    InputError
        If a number is NaN or infinite, a deviation is negative, the control or all variants have fewer than two
        customers, or neither arm of a pair varies.

    Examples
    --------
    >>> result = compare_means_from_summary([10.0, 12.0], [4.0, 6.0], [200, 200], names=["old", "new"])
    >>> print(result.conclusion)
    new has a mean of 12 against 10 of old: +2 (95 % interval +0.9971 to +3.003), p 0.00011 (Welch): new is higher, provided that the arms were chosen at random and the end of the test was fixed before. The size of the difference is known only within the interval.
    new has the highest mean with probability more than 99.9% (flat priors); choosing it loses practically nothing on average.
    """  # noqa: E501 - the conclusion is one line
    level, correction = as_level("level", level), as_correction(correction)
    names, (mean, std, n) = by_name(names, mean=mean, std=std, n=n)
    m, deviation, count = as_column("mean", mean), as_column("std", std, allow_missing=True), as_counts(n=n)[0]
    k = require_arms("mean", m)
    for name, array in (("std", deviation), ("n", count)):
        if array.shape != (k,):
            raise InputError(name, f"one for each of the {k} arms", array.shape)
    few = count < 2
    require((deviation >= 0) | few, "std", deviation, ">= 0")
    deviation = np.where(few, np.nan, deviation)
    words, place = read_names(names, control, k)
    require_comparable("n", count, words, place)
    require_variation("std", deviation, words, place)
    return MeanComparison(
        mean=m,
        standard_error=_with_spread(deviation / np.sqrt(np.maximum(count, 1)), count),
        n=count.astype(np.int64),
        names=words,
        control=place,
        level=level,
        correction=correction,
    )


def adjust_by_covariate(
    value: ArrayLike,
    covariate: ArrayLike,
    arm: ArrayLike,
    *,
    control: Any,
    level: float = 0.95,
    correction: Correction = "holm",
) -> CovariateAdjustment:
    r"""Compare means with less variance, by a covariate measured before the experiment (CUPED).

    Parameters
    ----------
    value : array_like
        One value for each customer [its unit]. A variant of one customer is kept in the result, but not compared.
    covariate : array_like
        A number known for each customer before the experiment began, such as the spend of the months before. The
        experiment must not be able to change it, otherwise the comparison is biased.
    arm : array_like
        Label of the arm of each customer: text or whole numbers.
    control : str or int
        Label of the arm that the others are compared with. The arms of the result are in ascending order of labels.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the tests, in (0, 1).
    correction : {"holm", "bonferroni", "none"}, default "holm"
        Correction for several variants, as in :func:`compare_proportions`.

    Returns
    -------
    CovariateAdjustment
        `theta`, `variance_reduction`, and the comparison with and without the covariate.

    Raises
    ------
    InputError
        If a number is NaN or infinite, the control or all variants have fewer than two rows, or value or covariate do
        not vary in the arms.

    Notes
    -----
    .. math:: y_i' = y_i - \theta (x_i - \bar x), \quad
        \theta = \frac{\sum_a \sum_{i \in a} (x_i - \bar x_a)(y_i - \bar y_a)}
        {\sum_a \sum_{i \in a} (x_i - \bar x_a)^2}

    where x-bar is the mean of all customers [1]_. The slope is computed within the arms, so it does not contain the
    effect. It is estimated from the same rows; from some hundred customers on, this does not matter.

    .. [1] Deng, A., Xu, Y., Kohavi, R. and Walker, T. (2013). Improving the sensitivity of online controlled
       experiments by utilizing pre-experiment data. Proceedings of WSDM 2013, 123-132.

    Examples
    --------
    >>> before, after = [1, 2, 3, 4, 1, 2, 3, 4], [2, 4, 6, 9, 4, 6, 8, 10]
    >>> result = adjust_by_covariate(after, before, ["A"] * 4 + ["B"] * 4, control="A")
    >>> round(result.theta, 2), result.adjusted.difference
    (2.15, array([1.75]))
    """
    level, correction = as_level("level", level), as_correction(correction)
    require_same_index(value=value, covariate=covariate, arm=arm)
    y, x = columns(value=value, covariate=covariate)
    rows = rows_by_arm(arm, control, len(y))
    require_comparable("arm", rows.n, rows.names, rows.control)
    (mean_x, within_x), (mean_y, within_y) = _within(x, rows), _within(y, rows)
    squares, total = within_x @ within_x, within_y @ within_y
    if squares == 0:
        raise InputError("covariate", "different for different customers of an arm", float(x[0]))
    if total == 0:
        raise InputError("value", "different for different customers of an arm", float(y[0]))
    theta = float(within_x @ within_y / squares)
    left = without_noise(within_y - theta * within_x, NOISE * np.abs(within_y).max(), rows)
    if not left.any():
        raise InputError("covariate", "not a linear function of `value`, which leaves no variance", theta)
    reduction = float(np.clip(1 - (left @ left) / total, 0.0, 1.0))
    made = []
    changed = mean_y - theta * (mean_x - mean_x @ rows.n / len(x))
    parts = ("value", y, changed, left), ("value", y, mean_y, within_y), ("covariate", x, mean_x, within_x)
    for name, column, mean, within in parts:
        error = error_of_mean(within, rows)
        require_spread(error, rows, column, name)
        made.append(comparison(mean, error, rows, level, correction, "mean"))
    return CovariateAdjustment(
        theta=theta, variance_reduction=reduction, adjusted=made[0], unadjusted=made[1], covariate=made[2]
    )


def _within(x: Floats, rows: ArmRows) -> tuple[Floats, Floats]:
    """Mean of each arm, and deviations from it; those of an arm are 0 if they are nothing but rounding."""
    k = len(rows.names)
    first = np.bincount(rows.arm, x, k) / rows.n  # it has the rounding of a long sum, which the second step takes off
    deviation = x - first[rows.arm]
    step = np.bincount(rows.arm, deviation, k) / rows.n
    deviation -= step[rows.arm]
    low, high = np.full(k, np.inf), np.full(k, -np.inf)
    np.minimum.at(low, rows.arm, x)
    np.maximum.at(high, rows.arm, x)
    equal = high - low <= rounding_part(x) * np.maximum(np.abs(low), np.abs(high))
    return first + step, np.where(equal[rows.arm], 0.0, deviation)


def without_noise(residual: Floats, noise: Floats, rows: ArmRows) -> Floats:
    """Set the residuals of an arm to 0 if all of them are nothing but rounding."""
    silent = np.ones(len(rows.names), dtype=bool)
    silent[rows.arm[np.abs(residual) > noise]] = False
    return np.where(silent[rows.arm], 0.0, residual)


def error_of_mean(within: Floats, rows: ArmRows) -> Floats:
    """Compute the standard error of each arm's mean from deviations; NaN where there are fewer than two."""
    squares = np.bincount(rows.arm, within**2, len(rows.n))
    n = np.where(rows.n < 2, np.nan, rows.n)
    error: Floats = np.sqrt(squares / (n - 1) / n)
    return error


def require_spread(error: Floats, rows: ArmRows, x: Floats, name: str) -> None:
    """Check that the control or each variant that is compared varies."""
    rule = "different for different customers of the control or of each variant"
    require_variation(name, error, rows.names, rows.control, rule=rule, value=float(x[0]))


def _with_spread(error: Floats, n: Floats | Integers) -> Floats:
    """Give an arm whose values are all equal the spread of the others: a few equal values do not show that all are."""
    varies = error > 0
    freedom = (n - 1.0)[varies]
    scale = float(np.nanmax(error * np.sqrt(n)))  # squares of errors leave the range of floats
    with np.errstate(under="ignore"):
        squares = ((error[varies] / scale) ** 2 * n[varies]) @ freedom / freedom.sum()
    return np.where(error == 0, scale * np.sqrt(squares / np.maximum(n, 1)), error)


def comparison(
    mean: Floats, error: Floats, rows: ArmRows, level: float, correction: Correction, quantity: str
) -> MeanComparison:
    """Make the comparison; an arm whose values are all equal gets the spread of the others."""
    return MeanComparison(
        mean=mean,
        standard_error=_with_spread(error, rows.n),
        n=rows.n,
        names=rows.names,
        control=rows.control,
        level=level,
        correction=correction,
        quantity=quantity,
    )
