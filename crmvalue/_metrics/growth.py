"""Growth from one period to another; :mod:`crmvalue.metrics` is the public door."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.checks import as_floats, require

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, FloatOrArray

__all__ = ["doubling_time", "growth_rate"]


def growth_rate(before: ArrayLike, now: ArrayLike, *, n_periods: ArrayLike = 1) -> FloatOrArray:
    r"""Growth per period between two amounts or counts, compound.

    Parameters
    ----------
    before : array_like
        Amount or count at the start, > 0.
    now : array_like
        Amount or count at the end, >= 0.
    n_periods : array_like, default 1
        Periods from the start to the end, > 0; need not be whole.

    Returns
    -------
    float or numpy.ndarray
        Growth per period [fraction], at least -1: 0.1 is 10 % more in each period.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, the growth per period is too large for a float, or the shapes
        do not broadcast.

    Notes
    -----
    .. math:: \left(\frac{\mathrm{now}}{\mathrm{before}}\right)^{1/n} - 1

    Usual definition. A year of growth in months is not the growth of a month times 12.

    Examples
    --------
    >>> print(growth_rate(100, 121, n_periods=2).round(6))
    0.1
    """
    start, end, n = as_floats(before=before, now=now, n_periods=n_periods)
    require(start > 0, "before", start, "> 0")
    require(end >= 0, "now", end, ">= 0")
    require(n > 0, "n_periods", n, "> 0")

    change = (end - start) / start
    near = np.abs(change) < 0.5  # the difference of two logarithms loses the digits of a small change
    with np.errstate(divide="ignore"):
        log_growth = np.where(near, np.log1p(np.where(near, change, 0.0)), np.log(end) - np.log(start))
    with np.errstate(over="ignore"):
        rate: FloatOrArray = np.expm1(log_growth / n)[()]
    require(np.isfinite(rate), "n_periods", n, "long enough for a growth per period that a float can hold")
    return rate


def doubling_time(growth_rate: ArrayLike) -> FloatOrArray:
    r"""Periods until an amount doubles at constant growth.

    Parameters
    ----------
    growth_rate : array_like
        Growth per period [fraction], > 0.

    Returns
    -------
    float or numpy.ndarray
        Time to double [periods].

    Raises
    ------
    InputError
        If a rate is NaN, infinite, or not above 0.

    Notes
    -----
    .. math:: \frac{\log 2}{\log(1 + g)}

    Usual definition. The rule of thumb "70 over the percentage" is a little too short for fast growth.

    Examples
    --------
    >>> doubling_time([0.1, 1.0]).round(3)
    array([7.273, 1.   ])
    """
    (rate,) = as_floats(growth_rate=growth_rate)
    require(rate > 0, "growth_rate", rate, "> 0", hint="what does not grow never doubles")

    time: FloatOrArray = (math.log(2) / np.log1p(rate))[()]
    return time
