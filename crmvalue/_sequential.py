"""Tests that may be looked at after every observation, and stopped at any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np

from crmvalue._checks import as_amounts, as_fraction, as_whole_number, require, require_same_length, to_array
from crmvalue._values import array_field, own, stay_frozen

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats

__all__ = ["SequentialTest", "sequential_test"]

_STRENGTHS = np.array([10.0, 100.0, 1000.0])  # observations that the common rate counts for in a variant's own
_EFFECT = 0.1  # standard deviations: the size of difference for which the interval is narrowest


@stay_frozen
@attrs.frozen(kw_only=True)
class SequentialTest:
    """A test of one variant against a control, after each observation.

    Parameters
    ----------
    difference : ndarray
        Mean of the variant less that of the control, after each of n observations, shape (n,); NaN until both have one.
    low, high : ndarray
        Ends of an interval that covers the true difference at all moments together, shape (n,); infinite at first.
    p_value : ndarray
        Always-valid p-value: falls or stays, shape (n,).
    kind : {"proportions", "means"}
        What was compared.
    level : float
        Level of the intervals, and one minus that of the test.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> variant = rng.integers(0, 2, 4000)
    >>> bought = rng.random(4000) < np.where(variant == 1, 0.30, 0.20)
    >>> test = sequential_test(variant, bought)
    >>> test.stopped_at, bool(test.p_value[-1] < 0.001)
    (394, True)
    """

    difference: Floats = array_field()
    low: Floats = array_field()
    high: Floats = array_field()
    p_value: Floats = array_field()
    kind: Literal["proportions", "means"]
    level: float

    def __len__(self) -> int:
        return len(self.p_value)

    @property
    def stopped_at(self) -> int | None:
        """Number of observations after which the test could be stopped with a difference; None where it never could."""
        reached = self.p_value < 1 - self.level
        return int(np.argmax(reached)) + 1 if reached.any() else None

    @property
    def conclusion(self) -> str:
        """What may be concluded after the last observation, and what may not."""
        n, alpha = len(self), 1 - self.level
        if self.stopped_at is None:
            return (
                f"After {n:,} observations no difference is shown (p = {self.p_value[-1]:.2g}, not below {alpha:.2g}); "
                "it may still be there, and the test may go on."
            )
        better = "better" if self.difference[self.stopped_at - 1] > 0 else "worse"
        return (
            f"The variant is {better} than the control: shown after {self.stopped_at:,} of {n:,} observations. "
            "Looking at every one of them was allowed for."
        )


def sequential_test(
    variant: ArrayLike,
    outcome: ArrayLike,
    *,
    share: float = 0.5,
    level: float = 0.95,
    burn_in: int = 100,
) -> SequentialTest:
    r"""Test a variant against a control with a look after every observation.

    Parameters
    ----------
    variant : array_like
        Which of the two each customer got, in the order of arrival, shape (n,): 0 or False for the control, 1 or True
        for the variant. Drawn for each customer independently.
    outcome : array_like
        What he did, shape (n,): only 0 and 1, or True and False, for proportions; any numbers for means.
    share : float, optional
        Probability with which a customer got the variant, in (0, 1).
    level : float, optional
        One minus the probability of a false alarm at any moment, in (0, 1).
    burn_in : int, optional
        Observations of each of the two before which the approximation below concludes nothing, >= 2.

    Returns
    -------
    SequentialTest
        Difference, interval and p-value after each observation.

    Raises
    ------
    InputError
        If a variant is neither 0 nor 1, an outcome is missing, or the columns differ in length.

    Notes
    -----
    **Proportions.** The p-value is exact for every number of observations and every rate, however rare: it is one over
    the largest value so far of a martingale that starts at 1 if the outcome does not depend on the variant, so that it
    ever reaches :math:`1 / \alpha` with probability :math:`\alpha` at most (Ville's inequality). Each observation
    multiplies it by :math:`\hat p_v(y) / \sum_u r_u \hat p_u(y)`, with the shares *r* of the assignment and estimates
    :math:`\hat p` of what each variant's customers do, made of the earlier observations alone; the mean over three
    strengths with which these are drawn to the common rate is taken. It holds because the assignment is random with a
    known share: check that first (:func:`sample_ratio_mismatch`).

    **Means**, and all intervals, rest on a normal approximation: the mixture sequential probability ratio test, with
    the mixing variance chosen after `burn_in` observations of each [1]_. The error is controlled asymptotically; with
    outcomes of great skew raise `burn_in`.

    .. [1] Johari, R., Koomen, P., Pekelis, L. and Walsh, D. (2022). Always valid inference: continuous monitoring of
       A/B tests. Operations Research 70, 1806-1821.

    Examples
    --------
    >>> sequential_test([0, 1, 0, 1], [0, 1, 1, 1]).p_value.round(3)
    array([1.   , 0.983, 0.983, 0.983])
    """
    arm, y = _read_arms(variant), _numbers("outcome", outcome)
    require_same_length(variant=arm, outcome=y)
    r = as_fraction("share", share)
    level = as_fraction("level", level)
    least = as_whole_number("burn_in", burn_in, low=2)
    treated = arm == 1
    n1, n0 = np.cumsum(treated), np.cumsum(~treated)
    s1, s0 = np.cumsum(np.where(treated, y, 0.0)), np.cumsum(np.where(treated, 0.0, y))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean1, mean0 = s1 / n1, s0 / n0
    difference = mean1 - mean0
    variance = _variance(np.where(treated, y, 0.0), n1, mean1) + _variance(np.where(treated, 0.0, y), n0, mean0)
    ready = (n1 >= least) & (n0 >= least) & (variance > 0)
    low, high, log_e = _mixture(difference, variance, ready, n1, n0, level)
    proportions = bool(np.isin(y, (0.0, 1.0)).all())
    if proportions:
        log_e = _exact(treated, y, s1, s0, n1, n0, r)
    best = np.maximum.accumulate(np.concatenate(([0.0], log_e)))[1:]
    return SequentialTest(
        difference=own(difference),
        low=own(low),
        high=own(high),
        p_value=own(np.exp(-best)),
        kind="proportions" if proportions else "means",
        level=level,
    )


def _numbers(name: str, column: ArrayLike) -> Floats:
    """Take a column of numbers, or of flags with True for 1."""
    array, _ = to_array(name, column, "a column of numbers, or of True and False")
    return as_amounts(name, array.astype(np.float64) if array.dtype.kind == "b" else column)


def _read_arms(variant: ArrayLike) -> npt.NDArray[np.int64]:
    arm = _numbers("variant", variant)
    require(np.isin(arm, (0.0, 1.0)), "variant", arm, "0 for the control or 1 for the variant")
    return arm.astype(np.int64)


def _variance(y: Floats, n: npt.NDArray[np.int64], mean: Floats) -> Floats:
    """Variance of a running mean: zeros stand for the other's observations."""
    shift = mean[-1] if len(mean) and np.isfinite(mean[-1]) else 0.0  # near all values: no cancellation
    own_row = np.diff(n, prepend=0) > 0
    centred = np.where(own_row, y - shift, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.cumsum(centred**2) - np.cumsum(centred) ** 2 / n
        return np.maximum(squares, 0.0) / (n - 1) / n


def _mixture(
    difference: Floats,
    variance: Floats,
    ready: npt.NDArray[np.bool_],
    n1: npt.NDArray[np.int64],
    n0: npt.NDArray[np.int64],
    level: float,
) -> tuple[Floats, Floats, Floats]:
    """Interval for all moments together, and the logarithm of the mixture's likelihood ratio."""
    low, high, log_e = np.full(len(ready), -np.inf), np.full(len(ready), np.inf), np.zeros(len(ready))
    if not ready.any():
        return low, high, log_e
    first = int(np.argmax(ready))
    spread = variance[first] / (1 / n1[first] + 1 / n0[first])  # of one observation, as known after the burn-in
    mixing = _EFFECT**2 * spread
    v, d = variance[ready], difference[ready]
    shrink = np.log1p(mixing / v)
    log_e[ready] = (d**2 * mixing / (v * (v + mixing)) - shrink) / 2
    half = np.sqrt(v * (v + mixing) / mixing * (2 * np.log(1 / (1 - level)) + shrink))
    low[ready], high[ready] = d - half, d + half
    return low, high, log_e


def _exact(
    treated: npt.NDArray[np.bool_],
    y: Floats,
    s1: Floats,
    s0: Floats,
    n1: npt.NDArray[np.int64],
    n0: npt.NDArray[np.int64],
    share: float,
) -> Floats:
    """Logarithm of the martingale: what the earlier observations say of each next one."""
    before = [np.concatenate(([0.0], column[:-1])) for column in (s1, s0, n1, n0)]
    won1, won0, seen1, seen0 = before
    common = (won1 + won0 + 0.5) / (seen1 + seen0 + 1.0)
    paths = []
    for strength in _STRENGTHS:
        rate1 = (won1 + strength * common) / (seen1 + strength)
        rate0 = (won0 + strength * common) / (seen0 + strength)
        mixed = share * rate1 + (1 - share) * rate0
        mine = np.where(treated, rate1, rate0)
        step = np.where(y == 1, np.log(mine) - np.log(mixed), np.log1p(-mine) - np.log1p(-mixed))
        paths.append(np.cumsum(step))
    stacked = np.array(paths)
    top = stacked.max(axis=0)
    mean: Floats = top + np.log(np.exp(stacked - top).mean(axis=0))
    return mean
