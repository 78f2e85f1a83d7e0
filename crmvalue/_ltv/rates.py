"""Rates between periods, lifetimes and retention curves; :mod:`crmvalue.ltv` is their public door."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from crmvalue._core.checks import as_floats, as_whole_number, require, require_choice
from crmvalue._ltv.checks import require_fractions, require_not_negative

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["RateKind", "RatePeriod", "convert_rate", "expected_lifetime", "retention_curve"]

RateKind: TypeAlias = Literal["churn", "retention", "discount"]
"""The kinds of rates: share of customers lost, share kept, growth of money."""

RatePeriod: TypeAlias = Literal["day", "week", "month", "quarter", "half-year", "year"]
"""Periods that a rate can refer to."""

_DAYS: dict[RatePeriod, Fraction] = {
    "day": Fraction(1),
    "week": Fraction(7),
    "month": Fraction(1461, 48),
    "quarter": Fraction(1461, 16),
    "half-year": Fraction(1461, 8),
    "year": Fraction(1461, 4),
}
_KINDS: tuple[RateKind, ...] = ("churn", "retention", "discount")
_LARGEST_LOG_RATE = 230.0  # of 1 + rate, about 1e100
_MOST_ELEMENTS = 10**8  # under a gigabyte


def convert_rate(rate: ArrayLike, *, kind: RateKind, from_period: RatePeriod, to_period: RatePeriod) -> FloatOrArray:
    r"""Convert a rate per one period to the compound rate per another.

    Basis: a rate, no money.

    Parameters
    ----------
    rate : array_like
        Rate per `from_period` [fraction]: churn and retention in [0, 1], discount >= 0.
    kind : {"churn", "retention", "discount"}
        Kind of the rate; the three kinds compound differently, so there is no default.
    from_period, to_period : {"day", "week", "month", "quarter", "half-year", "year"}
        A year is exactly 2 half-years, 4 quarters, 12 months or 365.25 days, as in
        :data:`crmvalue.purchases.DAYS_PER_UNIT`; a week is 7 days.

    Returns
    -------
    float or numpy.ndarray
        Rate per `to_period` [fraction].

    Raises
    ------
    InputError
        If a rate is NaN, infinite or outside its range, a word is unknown, or the converted discount rate is 1e100 or
        more.

    Notes
    -----
    With k the length of `to_period` in units of `from_period`:

    .. math:: \text{churn: } 1 - (1 - c)^k \qquad \text{retention: } r^k \qquad \text{discount: } (1 + d)^k - 1

    A conversion and its inverse give the rate again to a relative 1e-12. The exceptions are a converted churn above
    0.999 and a converted retention below 1e-300, which float64 cannot hold precisely. For such a churn, convert the
    retention instead. Source: compound interest.

    Examples
    --------
    >>> print(convert_rate(0.36, kind="churn", from_period="year", to_period="month").round(6))
    0.036508
    >>> print(convert_rate(0.01, kind="discount", from_period="month", to_period="year").round(6))
    0.126825
    """
    require_choice("kind", kind, _KINDS)
    require_choice("from_period", from_period, _DAYS)
    require_choice("to_period", to_period, _DAYS)
    (values,) = as_floats(rate=rate)
    if kind == "discount":
        require_not_negative(rate=values)
    else:
        require_fractions(rate=values)

    k = float(_DAYS[to_period] / _DAYS[from_period])
    converted: Floats
    if kind == "retention":
        with np.errstate(under="ignore"):  # what is left after a long time may be 0
            converted = values**k
    elif kind == "churn":
        with np.errstate(divide="ignore"):  # a churn of 1 stays 1: log 0 = -inf, exp(-inf) = 0
            converted = -np.expm1(k * np.log1p(-values))
    else:
        log_growth = k * np.log1p(values)
        require(log_growth <= _LARGEST_LOG_RATE, "rate", values, f"below 1e100 once it is a rate per {to_period}")
        converted = np.expm1(log_growth)

    result: FloatOrArray = np.asarray(converted)[()]
    return result


def expected_lifetime(churn_rate: ArrayLike) -> FloatOrArray:
    r"""Mean number of periods that a customer stays, at a constant churn rate.

    Basis: time, no money. The first period counts: a customer who leaves after it has stayed one period.

    Parameters
    ----------
    churn_rate : array_like
        Share of customers lost per period [fraction], in (0, 1].

    Returns
    -------
    float or numpy.ndarray
        Lifetime [periods of the churn rate].

    Raises
    ------
    InputError
        If a rate is NaN, infinite or outside its range; at 0 the lifetime is infinite.

    Notes
    -----
    .. math:: \sum_{t=0}^{\infty} (1 - c)^t = \frac{1}{c}

    Source: mean of the geometric distribution.

    Examples
    --------
    >>> print(expected_lifetime(0.04))
    25.0
    """
    (churn,) = as_floats(churn_rate=churn_rate)
    require_fractions(churn_rate=churn)
    require(churn > 0, "churn_rate", churn, "above 0", hint="at 0 no customer leaves, so the lifetime is infinite")

    lifetime: FloatOrArray = (1 / churn)[()]
    return lifetime


def retention_curve(retention_rate: ArrayLike, n_periods: int) -> Floats:
    r"""Share of a cohort that is active in each period, at a constant retention rate.

    Basis: shares, no money. Margin per period times this curve is a stream for :func:`npv`.

    Parameters
    ----------
    retention_rate : array_like
        Share kept from one period to the next [fraction], in [0, 1]; an array gives one curve for each element.
    n_periods : int
        Number of periods, the first included, >= 1, as in :func:`ltv_retention`. All curves together have at most 1e8
        elements.

    Returns
    -------
    numpy.ndarray, shape (..., n_periods)
        Element t is the share active in period t + 1; element 0, of the first period, is 1.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or `n_periods` is no whole number, or too large.

    Notes
    -----
    .. math:: S(t) = r^t, \qquad t = 0, \ldots, n - 1

    Source: survival function of the geometric distribution.

    Examples
    --------
    >>> retention_curve(0.5, 4)
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    (retention,) = as_floats(retention_rate=retention_rate)
    require_fractions(retention_rate=retention)
    n = as_whole_number("n_periods", n_periods, low=1)
    most = _MOST_ELEMENTS // max(retention.size, 1)
    require(
        n <= most, "n_periods", n, f"at most {most}", hint="the curves do not fit into the memory of a usual computer"
    )

    with np.errstate(under="ignore"):  # what is left after many periods may be 0
        curve: Floats = retention[..., np.newaxis] ** np.arange(n)
    return curve
