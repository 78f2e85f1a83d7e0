"""Means with a look at the result at any time; p-values and intervals hold for all looks together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import as_floats, as_positive, require, require_same_index
from crmvalue._core.comparisons import errors_of_means
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import figure
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import array_field, checked_field, count_field, read_only, stay_frozen
from crmvalue._experiments.arms import (
    against_control,
    arm_names_field,
    as_level,
    as_mean_plan,
    columns,
    difference_from_control,
    fix_control,
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
    moments,
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

__all__ = ["SequentialMeans", "sequential_test_means"]


def _number_table(name: str) -> Any:
    def convert(value: ArrayLike) -> Floats:
        (table,) = as_floats(**{name: value})
        return read_only(table)

    return array_field(convert)


@stay_frozen
@attrs.frozen(kw_only=True)
class SequentialMeans(Columns, Pictured):
    """Means of arms at a series of looks, with a test that holds for all looks together.

    Properties of variants have the shape (looks, variants), in the order of `variants`: all arms but the control.

    Parameters
    ----------
    n : ndarray of int
        Customers so far, shape (looks, arms).
    mean, standard_error : ndarray
        Mean so far and its standard error, in the same shape; 0 where there are too few customers.
    names : tuple of str
        Names of the arms.
    effect_scale : float
        Size of the differences to detect, in the unit of the values.
    control : int, default 0
        Position of the arm that the others are compared with.
    level : float, default 0.95
        Level at which the intervals of all variants and looks hold together.
    min_n : int, default 100
        Least number of customers in each arm for a conclusion.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> arm = rng.integers(0, 2, 4000)
    >>> result = sequential_test_means(rng.normal(10 + arm, 5), arm, control=0, effect_scale=1.0)
    >>> int(result.decided_at[0]) < 4000
    True
    """

    n: Integers = look_counts("n")
    mean: Floats = _number_table("mean")
    standard_error: Floats = _number_table("standard_error")
    names: tuple[str, ...] = arm_names_field()
    effect_scale: float = checked_field("effect_scale", as_positive)
    control: int = 0
    level: float = checked_field("level", as_level, default=0.95)
    min_n: int = count_field("min_n", low=2, default=100)

    def __attrs_post_init__(self) -> None:
        for name in ("mean", "standard_error"):
            table = getattr(self, name)
            if table.shape != self.n.shape:
                raise InputError(name, f"of the shape {self.n.shape} of `n`", table.shape)
            require(np.isfinite(table), name, table, "finite")
        error = self.standard_error
        require(error >= 0, "standard_error", error, ">= 0")
        require((error == 0) | (self.n >= 2), "standard_error", error, "0 below 2 customers")
        require(self.n[1:] >= self.n[:-1], "n", self.n[1:], "counts so far, at least those of the look before")
        fix_control(self, self.n.shape[1])

    def _parts(self) -> Parts:
        def interval_at(looks: Integers) -> Interval:
            low, high = map(np.asarray, self.difference_interval)
            return Interval(low[looks], high[looks])

        names, n = (self.variants, self.names[self.control]), self.n.sum(axis=1)
        return looks_parts(*names, n, self.difference, interval_at, self.decided_at, "number")

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of all arms but the control."""
        return variant_names(self)

    @property
    def difference(self) -> Floats:
        """Mean of each variant so far minus the mean of the control; NaN while an arm is empty."""
        return difference_from_control(np.where(self.n > 0, self.mean, np.nan), self.control)

    @property
    @np.errstate(under="ignore")
    def p_value(self) -> Floats:
        """P-value at each look, corrected by Bonferroni's rule; it never rises, and it is valid at every look."""
        v, enough = self._variance()
        scale = self.effect_scale**2
        d = np.where(enough, self.difference, 0.0)
        return running_p(np.where(enough, (scale * d**2 / (v * (v + scale)) + np.log(v / (v + scale))) / 2, 0.0))

    @property
    @np.errstate(under="ignore")
    def difference_interval(self) -> Interval:
        """Interval of each difference at each look; all hold at the level, and are infinite below `min_n` customers."""
        v, enough = self._variance()
        scale = self.effect_scale**2
        limit = np.log((len(self.names) - 1) / (1 - self.level))
        half = np.sqrt(v * (v + scale) / scale * (2 * limit + np.log((v + scale) / v)))
        d = np.where(enough, self.difference, 0.0)
        return Interval(np.where(enough, d - half, -np.inf), np.where(enough, d + half, np.inf))

    @property
    def decided_at(self) -> Integers:
        """Position of the first look whose p-value is at most one minus the level, for each variant; -1 for none."""
        return first_decided(self.p_value, self.level)

    @property
    def conclusion(self) -> str:
        """What can be concluded at the last look, and what not: a line for each variant."""
        (low, high), unknown = map(np.asarray, self.difference_interval), "not yet known"
        told = [
            (
                figure(d, sign=True) if np.isfinite(d) else unknown,
                f"{figure(a, sign=True)} to {figure(b, sign=True)}" if np.isfinite(a) else unknown,
            )
            for d, a, b in zip(self.difference[-1], low[-1], high[-1], strict=True)
        ]
        return look_sentences(
            self, told, (low[-1], high[-1]), f"Approximate, from {self.min_n} customers in each arm on."
        )

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the looks column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each look, from 1, and each variant.
        """
        return look_columns(self)

    def to_json(self) -> str:
        """Write means, errors, names and settings as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> SequentialMeans:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)

    def _variance(self) -> tuple[Floats, Any]:
        """Variance of each difference by the rule of means, and where it is known; elsewhere it is 1."""
        (e1, e0), (n1, n0) = against_control(self.standard_error, self.control), against_control(self.n, self.control)
        enough = (np.minimum(n1, n0) >= self.min_n) & (e1**2 + e0**2 > 0)
        e1, e0 = (np.where(enough, error, 1.0) for error in (e1, e0))
        ways = errors_of_means(e1, np.where(enough, n1, 2), e0, np.where(enough, n0, 2))
        v = np.max([way.of_difference**2 for way in ways], axis=0)
        return np.where(enough, v, 1.0), enough


def sequential_test_means(
    value: ArrayLike,
    arm: ArrayLike,
    *,
    control: Any,
    effect_scale: float,
    looks: ArrayLike | None = None,
    level: float = 0.95,
    min_n: int = 100,
) -> SequentialMeans:
    r"""Compare means after each customer, from one row per customer in order of arrival.

    Parameters
    ----------
    value : array_like
        One value for each customer [its unit], such as revenue, in the order in which the values became known.
    arm : array_like
        Label of the arm of each customer: text or whole numbers, 2 to 200 arms.
    control : str or int
        Label of the arm that the others are compared with. The arms of the result are in ascending order of labels.
    effect_scale : float
        Size of the differences to detect, in the unit of `value`, > 0, chosen before the first look. Every choice keeps
        the guarantee. The test decides soonest for differences of about this size.
    looks : array_like of int, optional
        Number of customers at each look, ascending, from 1 to all; by default there is a look after each customer.
    level : float, default 0.95
        Confidence level at which the intervals of all variants and all looks hold at the same time, in (0, 1).
    min_n : int, default 100
        Least number of customers in each arm for a conclusion, at least 2; take more for very skewed values.

    Returns
    -------
    SequentialMeans
        `p_value` and `difference_interval` at each look, `decided_at` and a `conclusion`.

    Raises
    ------
    InputError
        If a value is NaN or infinite, there are fewer than two arms, no arm is the control, looks do not ascend, or
        looks times arms are more than 10 million.

    Notes
    -----
    The test is asymptotic: it has the guarantee of :func:`sequential_test` as `min_n` grows, because variances are
    estimated and means are taken as normal. Let :math:`D` be the difference so far and :math:`\tau` the effect scale.
    :math:`V` is the variance of the difference: the larger of that for arms that each vary in their own way and that
    for arms that vary alike, as in :func:`compare_means`. With the first alone, 600 customers of skewed spend beside
    10,000 showed a difference in 17 to 29 of 100 tests without effect. The likelihood ratio, averaged over normal
    differences with the standard deviation :math:`\tau`, is [1]_ [2]_

    .. math:: \sqrt{\frac{V}{V + \tau^2}} \exp\left(\frac{\tau^2 D^2}{2 V (V + \tau^2)}\right)

    The p-value is the smallest inverse of this ratio so far. The interval holds the differences whose ratio is below
    :math:`1/\alpha`. With several variants :math:`\alpha` is divided by their number.

    .. [1] Robbins, H. (1970). Statistical methods related to the law of the iterated logarithm. Annals of Mathematical
       Statistics 41, 1397-1409.
    .. [2] Waudby-Smith, I., Arbour, D., Sinha, R., Kennedy, E. H. and Ramdas, A. (2024). Time-uniform central limit
       theory and asymptotic confidence sequences. Annals of Statistics 52, 2613-2640.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> arm = rng.integers(0, 2, 4000)
    >>> result = sequential_test_means(rng.normal(10 + arm, 5), arm, control=0, effect_scale=1.0, looks=[2000, 4000])
    >>> result.p_value[-1] < 0.05
    array([ True])
    """
    level, effect_scale, min_n = as_mean_plan(level, effect_scale, min_n)
    require_same_index(value=value, arm=arm)
    (x,) = columns(value=value)
    rows = rows_by_arm(arm, control, len(x))
    require_few_arms("arm", len(rows.names))
    places = looks_of(looks, len(x))
    require_few_looks(len(places), len(rows.names))
    n, mean, error = moments(x, rows, places)
    return SequentialMeans(
        n=n,
        mean=mean,
        standard_error=error,
        names=rows.names,
        control=rows.control,
        effect_scale=effect_scale,
        level=level,
        min_n=min_n,
    )
