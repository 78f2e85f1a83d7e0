"""Two or more variants by their conversion rates: differences, ratios, tests, and the probability of being best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_counts, require
from crmvalue._core.comparisons import few_expected, newcombe, rates_p, rates_z
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import by_name, percents, points
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import checked_field, stay_frozen
from crmvalue._experiments.arms import (
    Correction,
    adjusted,
    against_control,
    arm_columns,
    arm_names_field,
    as_correction,
    as_level,
    choice_text,
    counts_field,
    difference_from_control,
    few_enough,
    fix_control,
    interval_level,
    ratio_to_control,
    read_names,
    require_arms,
    require_each_arm,
    require_few_arms,
    variant_lines,
    variant_names,
    variants_of,
)
from crmvalue._experiments.best_arm import best_of_betas
from crmvalue._experiments.pictures import differences_parts
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["ProportionComparison", "compare_proportions"]


@stay_frozen
@attrs.frozen(kw_only=True)
class ProportionComparison(Columns, Pictured):
    """Arms of an experiment by their conversion rates.

    All properties of variants have one element for each arm but the control, in the order of `variants`.

    Parameters
    ----------
    successes, trials : ndarray of int
        Customers of each arm who converted, and all customers of each arm.
    names : tuple of str
        Names of the arms.
    control : int, default 0
        Position of the arm that the others are compared with.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the tests.
    correction : {"holm", "bonferroni", "none"}, default "holm"
        Correction for several variants.

    Examples
    --------
    >>> result = compare_proportions([200, 250], [1000, 1000])
    >>> result.difference.round(3), result.p_value.round(5), result.prob_best.round(5)
    (array([0.05]), array([0.00742]), array([0.00372, 0.99628]))
    >>> ProportionComparison.from_json(result.to_json()) == result
    True
    """

    successes: Integers = counts_field("successes")
    trials: Integers = counts_field("trials")
    names: tuple[str, ...] = arm_names_field()
    control: int = 0
    level: float = checked_field("level", as_level, default=0.95)
    correction: Correction = attrs.field(converter=as_correction, default="holm")

    def __attrs_post_init__(self) -> None:
        n = require_arms("successes", self.successes)
        if self.trials.shape != (n,):
            raise InputError("trials", f"one for each of the {n} arms", self.trials.shape)
        fix_control(self, n)
        require_each_arm(self.trials >= 1, "trials", self.trials, self.names, ">= 1 in each arm")
        require(self.successes <= self.trials, "successes", self.successes, "at most `trials` of the same arm")

    def _parts(self) -> Parts:
        what, control = "conversion rate", self.names[self.control]
        is_shown, interval = self.adjusted_p_value < 1 - self.level, self.difference_interval
        return differences_parts(
            self.variants, control, self.difference, interval, what=what, form="share", is_shown=is_shown
        )

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of all arms but the control."""
        return variant_names(self)

    @property
    def rate(self) -> Floats:
        """Share of the customers of each arm who converted."""
        return self.successes / self.trials

    @property
    def rate_interval(self) -> Interval:
        """Wilson's interval for the rate of each arm; each interval holds by itself at the level."""
        return proportion_interval(self.successes, self.trials, level=self.level)

    @property
    def difference(self) -> Floats:
        """Rate of each variant minus the rate of the control."""
        return difference_from_control(self.rate, self.control)

    @property
    def difference_interval(self) -> Interval:
        """Newcombe's interval for each difference; with a correction all together hold at the level (Bonferroni)."""
        low, high = map(np.asarray, proportion_interval(self.successes, self.trials, level=self._interval_level))
        p1, p0 = against_control(self.rate, self.control)
        (low1, low0), (high1, high0) = against_control(low, self.control), against_control(high, self.control)
        return newcombe(p1, Interval(low1, high1), p0, Interval(low0, high0))

    @property
    def ratio(self) -> Floats:
        """Rate of each variant over the rate of the control; NaN for 0 over 0, otherwise infinite over 0."""
        return ratio_to_control(self.rate, self.control)

    @property
    def ratio_interval(self) -> Interval:
        """Katz' logarithmic interval for each ratio; from 0 to infinity if a rate is 0 or both rates are 1."""
        from scipy.stats.contingency import relative_risk

        variants = variants_of(len(self.names), self.control)
        ends = np.tile([0.0, np.inf], (len(variants), 1))
        x0, n0 = int(self.successes[self.control]), int(self.trials[self.control])
        for row, k in enumerate(variants.tolist()):
            x1, n1 = int(self.successes[k]), int(self.trials[k])
            if x1 and x0 and (x1 < n1 or x0 < n0):
                ends[row] = relative_risk(x1, n1, x0, n0).confidence_interval(self._interval_level)
        return Interval(ends[:, 0], ends[:, 1])

    @property
    def z(self) -> Floats:
        """Two-proportion z statistic with a pooled variance, variant minus control; 0 if nothing varies."""
        return rates_z(*self._counts)

    @property
    def is_exact(self) -> Any:
        """Whether Fisher's exact test is used, because a cell of the two-by-two table expects fewer than 5."""
        return few_expected(*self._counts)

    @property
    def p_value(self) -> Floats:
        """Two-sided p-value of no difference from the control, not corrected: z test, or exact where `is_exact`."""
        return rates_p(*self._counts)

    @property
    def adjusted_p_value(self) -> Floats:
        """P-values after the correction for several variants."""
        return adjusted(self.p_value, self.correction)

    @property
    def test_agrees(self) -> npt.NDArray[np.bool_]:
        """Whether test and interval say the same: a difference is shown exactly where the interval leaves 0 out."""
        low, high = map(np.asarray, self.difference_interval)
        shown = self.adjusted_p_value < 1 - self.level
        return np.asarray(shown == ((low > 0) | (high < 0)))

    @property
    def prob_best(self) -> Floats:
        """Probability that each arm has the highest rate, with flat priors, up to 200 arms; they sum to 1."""
        return self._bayes()[0]

    @property
    def expected_loss(self) -> Floats:
        """Average loss from choosing each arm, with flat priors: the highest rate minus the rate of the arm."""
        return self._bayes()[1]

    @property
    def conclusion(self) -> str:
        """What can be concluded, and what not: a line for each variant, and, up to 200 arms, one on the choice.

        Of the variants beyond 200, a line counts those that are shown to differ.
        """
        low, high = map(np.asarray, self.difference_interval)
        rates, (base,) = against_control(self.rate, self.control)
        told = (
            (
                f"{name} {' against '.join(percents(rate, base))} of {self.names[self.control]}: {points(d)} points",
                f"{points(a)} to {points(b)}",
                "exact test" if exact else "z test",
            )
            for name, rate, d, a, b, exact in zip(
                self.variants,
                *(column.tolist() for column in (rates, self.difference, low, high, self.is_exact)),
                strict=True,
            )
        )
        if not few_enough(len(self.names)):
            return "\n".join(variant_lines(self, told))
        best, loss = self._bayes()
        choice = choice_text(self.names, "rate", self.rate, best, 100.0 * loss, unit=" points")
        return "\n".join([*variant_lines(self, told), choice])

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each arm. The columns that compare an arm with the control are NaN for the control. `prob_best`
            and `expected_loss` are left out of a table of more than 200 arms.
        """
        own = {name: getattr(self, name) for name in ("successes", "trials", "rate")}
        return arm_columns(self, own, self._bayes if few_enough(len(self.names)) else None)

    def to_json(self) -> str:
        """Write counts, names and settings as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> ProportionComparison:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)

    @property
    def _interval_level(self) -> float:
        return interval_level(self.level, len(self.names) - 1, self.correction)

    @property
    def _counts(self) -> tuple[Any, Any, Any, Any]:
        """Conversions and customers of each variant, then those of the control."""
        (x1, x0), (n1, n0) = against_control(self.successes, self.control), against_control(self.trials, self.control)
        return x1, n1, x0, n0

    def _bayes(self) -> tuple[Floats, Floats]:
        require_few_arms("successes", len(self.names))
        x = self.successes
        return best_of_betas(*(np.asarray(count, dtype=np.float64) + 1 for count in (x, self.trials - x)))


def compare_proportions(
    successes: ArrayLike,
    trials: ArrayLike,
    *,
    names: Any = None,
    control: int | str = 0,
    level: float = 0.95,
    correction: Correction = "holm",
) -> ProportionComparison:
    r"""Compare two or more variants by their conversion rates.

    Parameters
    ----------
    successes : array_like of int or mapping
        Customers who converted, one for each arm, at least two arms.
    trials : array_like of int or mapping
        All customers of each arm, converted or not, >= 1. Mappings and columns with an index of names, such as counts
        by arm of a dataframe, are matched by name. Then both arguments need names, and the first gives the order of the
        arms.
    names : list of str, optional
        Names of the arms; for arguments with names, the order of the arms. By default A, B, C and so on.
    control : int or str, default 0
        Position or name of the arm that the others are compared with. If the names are whole numbers, a
        number means a name, not a position.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the tests, in (0, 1).
    correction : {"holm", "bonferroni", "none"}, default "holm"
        Correction for several variants: Holm's or Bonferroni's rule for the p-values. With both rules, of the
        experiments without any effect at most a share of one minus the level shows an effect. The intervals follow
        Bonferroni's rule, because Holm's rule has no intervals.

    Returns
    -------
    ProportionComparison
        Rates, differences, ratios, p-values, `prob_best`, `expected_loss` and a `conclusion`.

    Raises
    ------
    InputError
        If a count is no whole number >= 0, conversions exceed customers, or names do not fit. An arm without customers
        cannot be compared: the error names such arms, and which arms are compared is for you to say.

    See Also
    --------
    sequential_test : For looks at the result before the planned end.

    Notes
    -----
    Rates have Wilson's intervals, differences Newcombe's hybrid score intervals [1]_, ratios Katz' logarithmic ones.
    The test is the two-proportion z test with a pooled variance

    .. math:: z = \frac{p_1 - p_0}{\sqrt{\bar p (1 - \bar p) (1 / n_1 + 1 / n_0)}}

    or, where a cell of the two-by-two table expects fewer than 5, Fisher's exact test. Test and interval use different
    methods, so they may disagree in border cases. The conclusion then says so, and follows the test, as that of
    :func:`crmvalue.journeys.campaign_effect` does. With flat priors the rates have beta distributions. `prob_best` and `expected_loss` are integrals over them, computed by quadrature, not by simulation.

    .. [1] Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics
       in Medicine 17, 873-890, method 10.

    Examples
    --------
    >>> result = compare_proportions([48, 56], [80, 70], names=["old", "new"])
    >>> result.difference_interval.low.round(4), result.difference_interval.high.round(4)
    (array([0.0524]), array([0.3339]))
    >>> print(result.conclusion)
    new 80.0% against 60.0% of old: +20.0 points (95 % interval +5.2 to +33.4), p 0.008 (z test): new is higher, provided that the arms were chosen at random and the end of the test was fixed before. The size of the difference is known only within the interval.
    new has the highest rate with probability 99.6% (flat priors); choosing it loses 0.0095 points on average.
    """  # noqa: E501 - the lines of the conclusion are long
    level, correction = as_level("level", level), as_correction(correction)
    names, (successes, trials) = by_name(names, successes=successes, trials=trials)
    x, n = as_counts(successes=successes, trials=trials)
    words, place = read_names(names, control, require_arms("successes", x))
    return ProportionComparison(
        successes=x.astype(np.int64),
        trials=n.astype(np.int64),
        names=words,
        control=place,
        level=level,
        correction=correction,
    )
