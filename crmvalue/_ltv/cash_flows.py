"""Present value, internal rate of return and payback of cash flows; :mod:`crmvalue.ltv` is their public door.

Time is the last axis of every array of flows. Discount rates are effective rates per period, or per year for flows with
dates, as fractions. The flows may be revenue, margin or any other money: the caller decides.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from crmvalue._core.calendar import YEAR_FRACTION_CONVENTIONS, YearFractionConvention, year_fraction
from crmvalue._core.checks import (
    as_column,
    as_day,
    as_days,
    as_flag,
    require,
    require_choice,
    require_same_index,
    require_same_labels,
)
from crmvalue._core.comparisons import just_below
from crmvalue._ltv.checks import LEAST_AMOUNT, as_per_stream, as_streams, require_not_negative
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Dates, FloatOrArray, Floats

__all__ = [
    "TIMINGS",
    "Timing",
    "irr",
    "irr_dated",
    "npv",
    "npv_dated",
    "payback_periods",
    "present_values",
    "survivor_annuity",
]

Timing: TypeAlias = Literal["start", "middle", "end"]
"""Time in its period at which money moves."""

TIMINGS: dict[Timing, float] = {"start": 0.0, "middle": 0.5, "end": 1.0}
"""Time of each timing as a share of the period."""

_LARGEST_LOG_GROWTH = 460.0  # a factor of about 1e200: times a flow of 1e100 it still fits float64
_LOWEST_LOG_RATE, _HIGHEST_LOG_RATE = -30.0, 230.0  # rates beyond these mean nothing to a business beside another
_LOWEST_LOG, _HIGHEST_LOG = -37.0, 709.78  # beyond these float64 cannot tell 1 + rate from 0, or ends
_MOST_CHANGES = 1_000  # of sign
_MOST_CELLS = 20_000_000  # flows times changes of sign: some 5 s and half a gigabyte
_ROUNDING = 1e-12  # of the largest flow: less is what binary arithmetic leaves of nothing
_EPS = float(np.finfo(np.float64).eps)


@np.errstate(under="ignore")
def npv(cash_flows: ArrayLike, discount_rate: ArrayLike, *, timing: Timing) -> FloatOrArray:
    r"""Net present value of evenly spaced cash flows.

    Basis: that of the flows. A payment today is not a flow of a period: add it to the result without discount.

    Parameters
    ----------
    cash_flows : array_like, shape (..., n)
        Flow of each period 1 to n [money]; outflows are negative. Time is the last axis.
    discount_rate : array_like
        Effective rate per period [fraction], > -1; broadcasts with the leading axes of `cash_flows`, so that one stream
        can be valued at many rates.
    timing : {"start", "middle", "end"}
        Time in its period at which each flow moves. Both "end" (most spreadsheets) and "start" (most subscriptions) are
        common, so there is no default.

    Returns
    -------
    float or numpy.ndarray
        Value at the start of period 1 [money], one for each stream.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or a rate so close to -1 that the value overflows.

    Notes
    -----
    .. math:: \sum_{t=1}^{n} \frac{\mathrm{flow}_t}{(1 + d)^{t - 1 + s}}

    with s = 0, 1/2, 1 for start, middle, end. Source: the usual definition; "end" is the timing of the B2B formula.

    Examples
    --------
    >>> print(npv([100, 120, 150], 0.10, timing="end").round(2))
    302.78
    """
    flows = as_streams("cash_flows", cash_flows)
    require_same_labels({"cash_flows": cash_flows}, discount_rate=discount_rate)
    (rate,) = as_per_stream("cash_flows", flows, discount_rate=discount_rate)
    require(rate > -1, "discount_rate", rate, "> -1")
    require_choice("timing", timing, TIMINGS)

    return _hand_back(present_values(flows, rate, timing=timing).sum(axis=-1))


@np.errstate(under="ignore")
def npv_dated(
    cash_flows: ArrayLike,
    dates: ArrayLike,
    discount_rate: ArrayLike,
    *,
    as_of: ArrayLike,
    convention: YearFractionConvention = "actual/365",
) -> FloatOrArray:
    r"""Net present value of cash flows on irregular dates.

    Basis: that of the flows. Flows on `as_of` count in full; earlier flows are compounded forward to it.

    Parameters
    ----------
    cash_flows : array_like, shape (..., n)
        Flow on each date [money]; outflows are negative.
    dates : array_like, shape (n,)
        Date of each flow, in any order.
    discount_rate : array_like
        Effective rate per year [fraction], > -1; broadcasts with the leading axes of `cash_flows`.
    as_of : date
        The day at which the value is taken.
    convention : {"actual/365", "actual/actual"}, default "actual/365"
        Conversion of days to years; the XNPV of spreadsheets uses "actual/365".

    Returns
    -------
    float or numpy.ndarray
        Value on `as_of` [money], one for each stream.

    Raises
    ------
    InputError
        If an input is NaN, infinite, missing or outside its range, the dates are not one for each flow, or the rate is
        so close to -1 that the value overflows.

    Notes
    -----
    .. math:: \sum_i \frac{\mathrm{flow}_i}{(1 + d)^{y_i}}

    where y is the year fraction from `as_of` to the flow. Source: the definition of spreadsheets' XNPV.

    Examples
    --------
    >>> print(npv_dated([-100, 60, 60], ["2025-01-01", "2025-07-02", "2026-01-01"], 0.10, as_of="2025-01-01").round(4))
    11.7607
    """
    require_same_labels({"cash_flows": cash_flows, "dates": dates}, discount_rate=discount_rate)
    flows = as_streams("cash_flows", cash_flows)
    (rate,) = as_per_stream("cash_flows", flows, discount_rate=discount_rate)
    require(rate > -1, "discount_rate", rate, "> -1")
    days = _one_date_each(dates, flows)
    origin = as_day("as_of", as_of)
    require_choice("convention", convention, YEAR_FRACTION_CONVENTIONS)

    years = year_fraction(np.asarray(origin), days, convention=convention)
    return _hand_back((flows * _discount_factors(rate, years)).sum(axis=-1))


@np.errstate(under="ignore")
def irr(cash_flows: ArrayLike) -> np.float64:
    r"""Return rate at which evenly spaced cash flows have a value of zero (internal rate of return).

    Basis: that of the flows; the acquisition cost is a negative flow among them. The rate does not depend on the timing
    of flows in their periods, as long as it is the same for all.

    Parameters
    ----------
    cash_flows : array_like, shape (n,)
        Flow of each period [money], one stream; at least one above and one below 0. Less than 1e-15 counts as 0.

    Returns
    -------
    float
        Rate per period [fraction], > -1.

    Raises
    ------
    InputError
        If an input is NaN or infinite, if all flows have one sign, if they change their sign more than 1,000 times, if
        flows times changes of sign are more than 20,000,000, if no rate makes the value zero, or if several do. Then
        all of them are the field `value` of the error, and none is preferred. Also if every rate is too close to -1 or
        too large for a float; the hint gives the logarithm of 1 + rate.

    Notes
    -----
    The rate r > -1 that solves

    .. math:: \sum_{t=0}^{n-1} \frac{\mathrm{flow}_t}{(1 + r)^{t}} = 0

    Flows that change their sign once have exactly one such rate. For other flows all rates are found: between two rates
    the value has a turning point, so the turning points bracket the rates. The turning points are the zeros of a sum
    with one change of sign less, which are found in the same way. A value within its rounding error of zero counts as
    zero, so two rates nearer than about 1e-6 of 1 + r may be taken for one rate between them. A rate below about
    -1 + 1e-13 or above about 1e100 is left out if there is another; a refund within days of an order makes such a rate.
    Where there are several rates, but only one without the flows below 1e-12 of the largest, these flows count as what
    binary arithmetic leaves of nothing, and that one rate is given.
    Source: Descartes' rule of signs in Laguerre's form, with Rolle's theorem.

    Examples
    --------
    >>> print(irr([-100, 60, 60]).round(6))
    0.130662
    """
    flows = as_column("cash_flows", cash_flows)

    return _internal_rate(flows, np.arange(len(flows), dtype=np.float64))


@np.errstate(under="ignore")
def irr_dated(
    cash_flows: ArrayLike, dates: ArrayLike, *, convention: YearFractionConvention = "actual/365"
) -> np.float64:
    r"""Return rate per year at which dated cash flows have a value of zero (internal rate of return).

    Basis: that of the flows; the acquisition cost is a negative flow among them.

    Parameters
    ----------
    cash_flows : array_like, shape (n,)
        Flow on each date [money], one stream; at least one above and one below 0. Flows of one day are one flow, and
        less than 1e-15 counts as 0.
    dates : array_like, shape (n,)
        Date of each flow, in any order.
    convention : {"actual/365", "actual/actual"}, default "actual/365"
        Conversion of days to years; the XIRR of spreadsheets uses "actual/365".

    Returns
    -------
    float
        Effective rate per year [fraction], > -1.

    Raises
    ------
    InputError
        As :func:`irr`; also if the dates are missing or not one for each flow.

    Notes
    -----
    The rate r > -1 that solves

    .. math:: \sum_i \frac{\mathrm{flow}_i}{(1 + r)^{y_i}} = 0

    where y is the year fraction from the first date. Source: the definition of spreadsheets' XIRR; several rates are
    found and refused as by :func:`irr`.

    Examples
    --------
    >>> print(irr_dated([-100, 110], ["2025-01-01", "2026-01-01"]).round(6))
    0.1
    """
    require_same_index(cash_flows=cash_flows, dates=dates)
    flows = as_column("cash_flows", cash_flows)
    days = _one_date_each(dates, flows)
    require_choice("convention", convention, YEAR_FRACTION_CONVENTIONS)

    if len(days) == 0:
        return _internal_rate(flows, np.zeros(0))
    distinct, place = np.unique(days, return_inverse=True)
    merged: Floats = np.bincount(place, weights=flows).astype(np.float64)
    merged[np.abs(merged) <= 4 * _EPS * np.bincount(place, weights=np.abs(flows))] = 0  # the rest is rounding
    return _internal_rate(merged, year_fraction(distinct[0], distinct, convention=convention))


@np.errstate(under="ignore")
def payback_periods(
    cash_flows: ArrayLike,
    acquisition_cost: ArrayLike,
    *,
    discount_rate: ArrayLike = 0.0,
    timing: Timing,
    interpolate: bool,
) -> FloatOrArray:
    r"""Periods until the flows of a customer have paid back their acquisition cost.

    Basis: flows are margins before acquisition cost; the cost is paid at the start of period 1.

    Parameters
    ----------
    cash_flows : array_like, shape (..., n)
        Margin of each period 1 to n [money]; may be negative. Time is the last axis.
    acquisition_cost : array_like
        Cost to win the customer [money], >= 0; broadcasts with the leading axes of `cash_flows`.
    discount_rate : array_like, default 0
        Effective rate per period [fraction], >= 0; 0 gives the plain payback period, a rate above 0 the discounted one.
    timing : {"start", "middle", "end"}
        Time in its period at which each flow moves; it matters only with a discount rate.
    interpolate : bool
        False counts whole periods. True supposes that the flow of the last period comes evenly, and counts only the
        part of this period until the cost is covered.

    Returns
    -------
    float or numpy.ndarray
        Periods until the cost is covered for the first time; 0 for a cost of 0, or one below 1e-12 of the largest flow,
        which is what binary arithmetic leaves of nothing; inf if these flows never cover it.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, the shapes do not broadcast, or `interpolate` is no bool.

    Notes
    -----
    .. math:: \min \Bigl\{ k : \sum_{t=1}^{k} \frac{\mathrm{flow}_t}{(1 + d)^{t - 1 + s}} \ge \mathrm{CAC} \Bigr\}

    with s = 0, 1/2, 1 for start, middle, end. Interpolated, it is k minus the share of flow k that is not needed. A
    shortfall of a relative 1e-12 is rounding and counts as covered. Source: the usual definition.

    Examples
    --------
    >>> print(payback_periods([40, 40, 40], 100, timing="end", interpolate=False))
    3.0
    >>> payback_periods([40, 40, 40], [100, 150], timing="end", interpolate=True)
    array([2.5, inf])
    """
    flows = as_streams("cash_flows", cash_flows)
    require_same_labels({"cash_flows": cash_flows}, acquisition_cost=acquisition_cost, discount_rate=discount_rate)
    cost, rate = as_per_stream("cash_flows", flows, acquisition_cost=acquisition_cost, discount_rate=discount_rate)
    require_not_negative(acquisition_cost=cost, discount_rate=rate)
    require_choice("timing", timing, TIMINGS)

    present = present_values(flows, rate, timing=timing)
    present, due = np.broadcast_arrays(present, cost[..., np.newaxis])
    total = present.cumsum(axis=-1)
    covered = total >= just_below(due)
    last = covered.argmax(axis=-1)[..., np.newaxis]
    before = np.concatenate([np.zeros_like(total[..., :1]), total[..., :-1]], axis=-1)  # the last flow
    flow, paid, due = (np.take_along_axis(array, last, axis=-1)[..., 0] for array in (present, before, due))
    periods = last[..., 0] + 1.0
    if as_flag("interpolate", interpolate):
        needed = np.where(flow > 0, flow, 1)  # a first covering flow is above 0; elsewhere the number is not used
        periods = last[..., 0] + np.clip((due - paid) / needed, 0, 1)
    nothing = due <= _ROUNDING * np.abs(flows).max(axis=-1, initial=0.0)
    return _hand_back(np.where(nothing, 0.0, np.where(covered.any(axis=-1), periods, np.inf)))


@np.errstate(under="ignore")
def present_values(flows: Floats, rate: Floats, *, timing: Timing) -> Floats:
    """Discount each flow to the start of period 1; the last axis is time, `rate` has the leading ones."""
    times: Floats = np.arange(flows.shape[-1], dtype=np.float64) + TIMINGS[timing]
    values: Floats = flows * _discount_factors(rate, times)
    return values


def survivor_annuity(churn: Floats, rate: Floats, *, n_periods: Floats | None, timing: Timing) -> Floats:
    """Present value of 1 a period from a customer who is active in period t with probability (1 - churn)^(t-1).

    Without `n_periods` the sum has no end, and churn or rate must be above 0.
    """
    require_choice("timing", timing, TIMINGS)
    at_start = np.exp((1 - TIMINGS[timing]) * np.log1p(rate))
    loss = churn + rate  # not 1 + rate - retention, which cancels
    if n_periods is None:
        return at_start / loss
    with np.errstate(divide="ignore"):  # churn of 1: no customer is left, exp(-inf) = 0
        log_ratio = np.log1p(-churn) - np.log1p(rate)
    nothing_lost = loss == 0
    summed: Floats = -np.expm1(n_periods * log_ratio) / np.where(nothing_lost, 1, loss)
    return at_start * np.where(nothing_lost, n_periods, summed)


def _hand_back(values: Floats) -> FloatOrArray:
    value: FloatOrArray = np.asarray(values)[()]
    return value


def _one_date_each(dates: ArrayLike, flows: Floats) -> Dates:
    days = as_days("dates", dates)
    if days.shape != flows.shape[-1:]:
        raise InputError("dates", f"one date for each cash flow {flows.shape[-1:]}", days.shape)
    return days


def _discount_factors(rate: Floats, times: Floats) -> Floats:
    log_factors = -times * np.log1p(rate)[..., np.newaxis]
    require(
        log_factors.max(axis=-1) <= _LARGEST_LOG_GROWTH,
        "discount_rate",
        rate,
        "so far above -1 that no flow grows more than 1e200-fold",
    )
    factors: Floats = np.exp(log_factors)
    return factors


def _internal_rate(flows: Floats, times: Floats) -> np.float64:
    kept = np.abs(flows) >= LEAST_AMOUNT
    size = np.abs(flows[kept])
    signs, logs, times = np.sign(flows[kept]), np.log(size), times[kept]
    if not (signs.min(initial=0) < 0 < signs.max(initial=0)):
        hint = "only flows with both a cost and a gain can have a value of zero"
        raise InputError("cash_flows", "of both signs", flows.tolist(), hint=hint)
    n_changes = int(np.count_nonzero(np.diff(signs)))
    if n_changes > _MOST_CHANGES:  # the work grows with their square
        raise InputError("cash_flows", f"flows that change their sign at most {_MOST_CHANGES:,} times", n_changes)
    if n_changes * len(signs) > _MOST_CELLS:
        rule = f"at most {_MOST_CELLS:,} flows times changes of sign"
        hint = "join them into longer periods"
        raise InputError("cash_flows", rule, f"{len(signs):,} times {n_changes:,}", hint=hint)
    roots, inside = _rates(signs, logs, times)
    real = size > _ROUNDING * size.max()
    if len(inside) > 1 and not real.all():
        one = _rates(signs[real], logs[real], times[real])[1]
        inside = one if len(one) == 1 else inside
    if roots and not inside:
        why = "too large for a float" if roots[-1] > 0 else "too close to -1 for a float"
        hint = f"the rate is {why}: the logarithm of 1 + rate is {roots[-1]:.6g}"
        raise InputError("cash_flows", "flows whose rate of return a float can hold", flows.tolist(), hint=hint)
    if len(inside) != 1:
        rates = [math.expm1(root) if root in inside else math.copysign(math.inf, root) for root in roots]
        rule = "flows whose value is zero at exactly one rate"
        raise InputError("cash_flows", rule, rates, count=1, hint="compare npv at a rate of your own")
    return np.float64(math.expm1(inside[0]))  # beside rates beyond float64, which mean nothing to a business


def _rates(signs: Floats, logs: Floats, times: Floats) -> tuple[list[float], list[float]]:
    """Give the logarithms of 1 + rate of all rates, and of those that mean something, or that a float can hold."""
    roots = _zeros(signs, logs, times)
    inside = [root for root in roots if _LOWEST_LOG_RATE < root < _HIGHEST_LOG_RATE]
    return roots, inside or [root for root in roots if _LOWEST_LOG < root < _HIGHEST_LOG]


def _zeros(signs: Floats, logs: Floats, times: Floats) -> list[float]:
    """All real x with ``sum(signs * exp(logs - x * times)) == 0``, ascending; times ascend and differ.

    Take a pivot between two times where the sign changes. The sum, multiplied by exp(x * pivot), has a derivative of
    the same form with one change of sign less. So derivatives are taken until no sign changes. Then, from the last back
    to the first, the zeros of each derivative bracket the zeros of its sum.
    """
    chain: list[tuple[Floats, Floats]] = []
    while (changes := np.nonzero(np.diff(signs))[0]).size:
        chain.append((signs, logs))
        pivot = times[changes[0] : changes[0] + 2].mean()
        signs, logs = signs * np.sign(pivot - times), logs + np.log(np.abs(pivot - times))
    zeros: list[float] = []
    for its_signs, its_logs in reversed(chain):
        zeros = _zeros_between(zeros, its_signs, its_logs, times)
    return zeros


def _zeros_between(turning: list[float], signs: Floats, logs: Floats, times: Floats) -> list[float]:
    from scipy.optimize import brentq

    def terms(x: float) -> Floats:  # scaled by the largest, so that none overflows and not all vanish
        exponents = logs - x * times
        sizes: Floats = np.exp(exponents - exponents.max())
        return sizes

    def height(x: float) -> float:
        return float((signs * terms(x)).sum())

    def side(x: float) -> int:  # 0 where the height is within its own rounding error
        error = 4 * _EPS * (terms(x) * (1 + np.abs(logs) + np.abs(x * times))).sum()
        total = height(x)
        return 0 if abs(total) <= error else int(math.copysign(1, total))

    def outside(x: float, step: float, limit: float) -> float:
        while side(x + step) != limit:
            step *= 2
        return x + step

    inner = turning or [0.0]
    nodes = [outside(inner[0], -1.0, signs[-1]), *inner, outside(inner[-1], 1.0, signs[0])]
    sides = [side(x) for x in nodes]
    zeros = [x for x, where in zip(nodes, sides, strict=True) if where == 0]
    brackets = [(nodes[i], nodes[i + 1]) for i in range(len(inner) + 1) if sides[i] * sides[i + 1] < 0]
    zeros += [brentq(height, low, high, xtol=1e-17, rtol=4 * _EPS, maxiter=1000) for low, high in brackets]
    return sorted(zeros)
