"""Two or more variants by their conversion: differences, ratios, tests, and the chance of being best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_counts, require
from crmvalue._core.comparisons import fisher_p, newcombe, p_text
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import by_name
from crmvalue._core.values import array_field, checked_field, read_only, stay_frozen
from crmvalue._experiments.arms import (
    Correction,
    adjusted,
    against_control,
    arm_names,
    as_control,
    as_correction,
    as_level,
    choice_text,
    correction_text,
    default_names,
    interval_level,
    require_arms,
    variant_columns,
    variants_of,
    verdict_text,
)
from crmvalue._experiments.best_arm import best_of_betas
from crmvalue.errors import InputError
from crmvalue.metrics import proportion_interval
from crmvalue.typing import Interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["ProportionComparison", "compare_proportions"]

_FEW = 5  # below so many expected in a cell the normal approximation is not trusted


def _whole(name: str) -> Any:
    return array_field(lambda value: read_only(as_counts(**{name: value})[0].astype(np.int64)))


@stay_frozen
@attrs.frozen(kw_only=True)
class ProportionComparison:
    """Arms of an experiment by their conversion.

    All properties of variants have one element for each arm but the control, in the order of `variants`.

    Parameters
    ----------
    successes, trials : ndarray of int
        Customers who converted, and all customers, of each arm.
    names : tuple of str
        Names of the arms.
    control : int, default 0
        Position of the arm the others are compared with.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the tests.
    correction : {"holm", "bonferroni", "none"}, default "holm"
        What is done about several variants.

    Examples
    --------
    >>> result = compare_proportions([200, 250], [1000, 1000])
    >>> result.difference.round(3), result.p_value.round(5), result.prob_best.round(5)
    (array([0.05]), array([0.00742]), array([0.00372, 0.99628]))
    >>> ProportionComparison.from_json(result.to_json()) == result
    True
    """

    successes: Integers = _whole("successes")
    trials: Integers = _whole("trials")
    names: tuple[str, ...] = attrs.field(converter=arm_names)
    control: int = 0
    level: float = checked_field("level", as_level, default=0.95)
    correction: Correction = attrs.field(converter=as_correction, default="holm")

    def __attrs_post_init__(self) -> None:
        n = require_arms("successes", self.successes)
        if self.trials.shape != (n,):
            raise InputError("trials", f"one for each of the {n} arms", self.trials.shape)
        require(self.trials >= 1, "trials", self.trials, ">= 1: an arm without customers cannot be compared")
        require(self.successes <= self.trials, "successes", self.successes, "at most `trials` of the same arm")
        if len(self.names) != n:
            raise InputError("names", f"one for each of the {n} arms", self.names)
        object.__setattr__(self, "control", as_control(self.control, self.names))

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of all arms but the control."""
        return tuple(self.names[k] for k in variants_of(len(self.names), self.control))

    @property
    def rate(self) -> Floats:
        """Share of customers who converted, one for each arm."""
        return self.successes / self.trials

    @property
    def rate_interval(self) -> Interval:
        """Wilson's interval for the rate of each arm, each on its own at the confidence level."""
        return proportion_interval(self.successes, self.trials, level=self.level)

    @property
    def difference(self) -> Floats:
        """Rate of each variant minus that of the control."""
        variant, control = against_control(self.rate, self.control)
        return variant - control

    @property
    def difference_interval(self) -> Interval:
        """Newcombe's interval for each difference; with a correction they hold together at the level (Bonferroni)."""
        low, high = map(np.asarray, proportion_interval(self.successes, self.trials, level=self._interval_level))
        p1, p0 = against_control(self.rate, self.control)
        (low1, low0), (high1, high0) = against_control(low, self.control), against_control(high, self.control)
        return newcombe(p1, Interval(low1, high1), p0, Interval(low0, high0))

    @property
    def ratio(self) -> Floats:
        """Rate of each variant over that of the control; NaN for 0 over 0, infinite over a control of 0."""
        variant, control = against_control(self.rate, self.control)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(variant / control)

    @property
    def ratio_interval(self) -> Interval:
        """Katz' logarithmic interval for each ratio; from 0 to infinity where a rate is 0 or both are 1."""
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
        """Two-proportion z statistic with a pooled variance, variant minus control; 0 where nothing varies."""
        (x1, x0), (n1, n0) = against_control(self.successes, self.control), against_control(self.trials, self.control)
        pooled = (x1 + x0) / (n1 + n0)
        error = np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
        return np.divide(x1 / n1 - x0 / n0, error, out=np.zeros(len(x1)), where=error > 0)

    @property
    def is_exact(self) -> Any:
        """Whether Fisher's exact test was taken: where a cell of the two-by-two table expects fewer than 5."""
        (x1, x0), (n1, n0) = against_control(self.successes, self.control), against_control(self.trials, self.control)
        x, n = x1 + x0, n1 + n0
        least = np.minimum(n1, n0).astype(np.float64) * np.minimum(
            x, n - x
        )  # times n: whole, so 5 itself is not missed
        return least < _FEW * n

    @property
    def p_value(self) -> Floats:
        """Two-sided p-value of no difference from the control, each on its own: z test, or exact where `is_exact`."""
        from scipy import special

        p = 2 * special.ndtr(-np.abs(self.z))
        x0, n0 = int(self.successes[self.control]), int(self.trials[self.control])
        variants = variants_of(len(self.names), self.control)
        for row in np.nonzero(self.is_exact)[0].tolist():
            x1, n1 = int(self.successes[variants[row]]), int(self.trials[variants[row]])
            p[row] = fisher_p(x1, n1, x0, n0)
        return np.asarray(p)

    @property
    def adjusted_p_value(self) -> Floats:
        """P-values after the correction for several variants."""
        return adjusted(self.p_value, self.correction)

    @property
    def prob_best(self) -> Floats:
        """Probability that each arm has the highest rate, with flat priors; they sum to 1."""
        return self._bayes()[0]

    @property
    def expected_loss(self) -> Floats:
        """Rate given away on average by choosing each arm, with flat priors: the highest rate minus its own."""
        return self._bayes()[1]

    @property
    def conclusion(self) -> str:
        """What may and what may not be concluded, a line for each variant and one on the choice."""
        low, high = map(np.asarray, self.difference_interval)
        p, exact = self.adjusted_p_value, self.is_exact
        control = self.names[self.control]
        lines = []
        for k, (name, d) in enumerate(zip(self.variants, self.difference, strict=True)):
            rate = self.rate[variants_of(len(self.names), self.control)[k]]
            test = f"{'exact' if exact[k] else 'z'} test{correction_text(self.correction, len(p))}"
            text = (
                f"{name} {rate:.1%} against {self.rate[self.control]:.1%} of {control}: {100 * d:+.1f} points "
                f"({100 * self.level:.4g} % interval {100 * low[k]:+.1f} to {100 * high[k]:+.1f}), "
                f"{p_text(p[k])} ({test}): "
            )
            shown, covers_zero = p[k] < 1 - self.level, low[k] <= 0 <= high[k]
            lines.append(text + verdict_text(name, d, shown=shown, covers_zero=covers_zero))
        best, loss = self._bayes()
        lines.append(choice_text(self.names, "rate", best, [f"{100 * x:.2g} points" for x in loss]))
        return "\n".join(lines)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each arm; what compares an arm with the control is NaN for the control itself.
        """
        arms = {name: getattr(self, name) for name in ("successes", "trials", "rate", "prob_best", "expected_loss")}
        return {"arm": np.array(self.names), **arms, **variant_columns(self, self.control)}

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

    def _bayes(self) -> tuple[Floats, Floats]:
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
    r"""Compare two or more variants by their conversion.

    Parameters
    ----------
    successes : array_like of int or mapping
        Customers who converted, one for each arm, at least two arms.
    trials : array_like of int or mapping
        All customers of each arm, converted or not, >= 1. Mappings and columns with an index of names, such as counts
        by arm of a dataframe, are matched by name; then both must be, and the arms are in the order of the first.
    names : list of str, optional
        Names of the arms, or their order where they are known; A, B, C, ... without it.
    control : int or str, default 0
        Position or name of the arm that the others are compared with; its label where labels are whole numbers.
    level : float, default 0.95
        Level of the intervals, and one minus the level of the tests, in (0, 1).
    correction : {"holm", "bonferroni", "none"}, default "holm"
        What is done about several variants: p-values by Holm's or Bonferroni's rule, so that with either at most a
        share of one minus the level of all experiments without any effect shows one. The intervals then hold together
        by Bonferroni's rule, because Holm's gives none.

    Returns
    -------
    ProportionComparison
        Rates, differences, ratios, p-values, `prob_best`, `expected_loss` and a `conclusion`.

    Raises
    ------
    InputError
        If a count is no whole number >= 0, an arm is empty, conversions exceed customers, or names do not fit.

    See Also
    --------
    sequential_test : Where you want to look at the result before the planned end.

    Notes
    -----
    Rates have Wilson's intervals, differences Newcombe's hybrid score intervals [1]_, ratios Katz' logarithmic ones.
    The test is the two-proportion z test with a pooled variance

    .. math:: z = \frac{p_1 - p_0}{\sqrt{\bar p (1 - \bar p) (1 / n_1 + 1 / n_0)}}

    or, where a cell of the two-by-two table expects fewer than 5, Fisher's exact test. Test and interval are not of one
    mould and may disagree by a hair; the conclusion follows the test. With flat priors the rates are beta distributed
    a posteriori; `prob_best` and `expected_loss` are integrals over them, computed by quadrature and not by drawing.

    .. [1] Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics
       in Medicine 17, 873-890, method 10.

    Examples
    --------
    >>> result = compare_proportions([48, 56], [80, 70], names=["old", "new"])
    >>> result.difference_interval.low.round(4), result.difference_interval.high.round(4)
    (array([0.0524]), array([0.3339]))
    >>> print(result.conclusion)
    new 80.0% against 60.0% of old: +20.0 points (95 % interval +5.2 to +33.4), p 0.008 (z test): new is higher, if chance alone chose the arms and the end of the test was set before; by how much is known only within the interval.
    new has the highest rate with probability 99.6% (flat priors); choosing it gives away 0.0095 points on average.
    """  # noqa: E501 - the lines of the conclusion are long
    names, (successes, trials) = by_name(names, successes=successes, trials=trials)
    x, n = as_counts(successes=successes, trials=trials)
    arms = require_arms("successes", x)
    words = default_names(arms) if names is None else arm_names(names)
    return ProportionComparison(
        successes=x.astype(np.int64),
        trials=n.astype(np.int64),
        names=words,
        control=as_control(control, words, names),
        level=level,
        correction=correction,
    )
