r"""Lifetime value in closed form, discounting, and value against acquisition cost.

**LTV** is the average over a base; a value for each single customer (CLV) is the business of the probability models.
Every function says its basis: revenue, margin, before or net of acquisition cost. Do not mix them.

==============================================================  =====================================================
For                                                             Use
==============================================================  =====================================================
subscriptions, regular payments (revenue)                       :func:`ltv_simple`
shops (revenue)                                                 :func:`ltv_retail`
subscribers who leave at a constant rate (margin)               :func:`ltv_margin_churn`, :func:`ltv_retention`
contracts with a forecast for each period (net)                 :func:`ltv_npv`
segments that differ (margin)                                   :func:`ltv_segments`
all costs known (net), customers who cost service               :func:`ltv_net_of_costs`, :func:`ltv_net_of_service`
cash flows                                                      :func:`npv`, :func:`irr`, :func:`payback_periods`
value against acquisition cost                                  :func:`ltv_to_cac`, :func:`max_acquisition_cost`
rates of another period                                         :func:`convert_rate`
what matters most                                               :func:`ltv_sensitivity`, :func:`retention_uplift`
==============================================================  =====================================================

Money is in the caller's currency, rates are fractions per period, never percent, and all inputs of one call share one
period. Arrays broadcast. The source of the seven formulas and of their worked examples are practitioners' articles on
LTV.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._core.calendar import add_months
from crmvalue._core.checks import (
    as_column,
    as_day,
    as_days,
    as_floats,
    as_whole_number,
    read_json,
    require,
    require_choice,
)
from crmvalue._core.values import float_column, stay_frozen
from crmvalue._ltv.cash_flows import (
    TIMINGS,
    Timing,
    irr,
    irr_dated,
    npv,
    npv_dated,
    payback_periods,
    present_values,
    survivor_annuity,
)
from crmvalue._ltv.checks import as_per_stream, as_streams, require_fractions, require_not_negative
from crmvalue._ltv.rates import RateKind, RatePeriod, convert_rate, expected_lifetime, retention_curve
from crmvalue._ltv.sensitivity import as_horizon, ltv_sensitivity, require_finite_value, retention_uplift
from crmvalue._ltv.unit_economics import (
    LTV_TO_CAC_BANDS,
    LTV_TO_CAC_BENCHMARKS,
    LtvToCacBand,
    LtvToCacBands,
    LtvToCacBenchmark,
    ltv_to_cac,
    ltv_to_cac_band,
    ltv_to_cac_benchmark,
    max_acquisition_cost,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, FloatOrArray, Floats

__all__ = [
    "LTV_TO_CAC_BANDS",
    "LTV_TO_CAC_BENCHMARKS",
    "LtvToCacBand",
    "LtvToCacBands",
    "LtvToCacBenchmark",
    "RateKind",
    "RatePeriod",
    "SegmentLtv",
    "Timing",
    "convert_rate",
    "expected_lifetime",
    "irr",
    "irr_dated",
    "is_stale",
    "ltv_margin_churn",
    "ltv_net_of_costs",
    "ltv_net_of_service",
    "ltv_npv",
    "ltv_retail",
    "ltv_retention",
    "ltv_segments",
    "ltv_sensitivity",
    "ltv_simple",
    "ltv_to_cac",
    "ltv_to_cac_band",
    "ltv_to_cac_benchmark",
    "max_acquisition_cost",
    "npv",
    "npv_dated",
    "payback_periods",
    "recalculation_date",
    "retention_curve",
    "retention_uplift",
]

_MOST_MONTHS = 120_000  # ten thousand years
_LAST_DAY = np.datetime64("9999-12-31", "D")


def ltv_simple(arpu: ArrayLike, lifetime: ArrayLike) -> FloatOrArray:
    r"""Lifetime value of a subscriber from revenue per period and lifetime.

    Basis: revenue, before any cost. For margin see :func:`ltv_margin_churn`.

    Parameters
    ----------
    arpu : array_like
        Average revenue per active customer [money/period], >= 0.
    lifetime : array_like
        Mean time a customer stays [periods], >= 0; see :func:`expected_lifetime`.

    Returns
    -------
    float or numpy.ndarray
        Revenue over the lifetime [money].

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or the shapes do not broadcast.

    Notes
    -----
    .. math:: \mathrm{arpu} \cdot \mathrm{lifetime}

    Source: formula 1 of the articles, for subscriptions.

    Examples
    --------
    >>> ltv_simple(30, 24)
    np.float64(720.0)
    """
    revenue, periods = as_floats(arpu=arpu, lifetime=lifetime)
    require_not_negative(arpu=revenue, lifetime=periods)

    return _product(revenue, periods)


def ltv_retail(average_order_value: ArrayLike, purchase_frequency: ArrayLike, lifespan: ArrayLike) -> FloatOrArray:
    r"""Lifetime value of a shop's customer from order value, orders per period and lifespan.

    Basis: revenue, before any cost.

    Parameters
    ----------
    average_order_value : array_like
        Revenue per order [money], >= 0.
    purchase_frequency : array_like
        Orders per customer and period, >= 0.
    lifespan : array_like
        Mean time a customer keeps buying [periods], >= 0.

    Returns
    -------
    float or numpy.ndarray
        Revenue over the lifespan [money].

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or the shapes do not broadcast.

    Notes
    -----
    .. math:: \mathrm{AOV} \cdot \mathrm{frequency} \cdot \mathrm{lifespan}

    Source: formula 2 of the articles, for e-commerce and retail.

    Examples
    --------
    >>> ltv_retail(80, 4, 3)
    np.float64(960.0)
    """
    order, frequency, periods = as_floats(
        average_order_value=average_order_value, purchase_frequency=purchase_frequency, lifespan=lifespan
    )
    require_not_negative(average_order_value=order, purchase_frequency=frequency, lifespan=periods)

    return _product(order, frequency, periods)


def ltv_margin_churn(
    arpu: ArrayLike,
    gross_margin: ArrayLike,
    churn_rate: ArrayLike,
    *,
    discount_rate: ArrayLike | None = None,
    timing: Timing = "end",
) -> FloatOrArray:
    r"""Lifetime value of a subscriber who leaves with a constant probability.

    Basis: gross margin, before acquisition cost. All inputs refer to the same period; :func:`convert_rate` helps.

    Parameters
    ----------
    arpu : array_like
        Average revenue per active customer [money/period], >= 0.
    gross_margin : array_like
        Share of revenue that is margin [fraction], in [0, 1].
    churn_rate : array_like
        Share of customers lost per period [fraction], in [0, 1]; 0 only with a discount rate above 0.
    discount_rate : array_like, optional
        Effective rate per period [fraction], >= 0; by default nothing is discounted, as in the source.
    timing : {"end", "middle", "start"}, default "end"
        When in its period the money comes; it matters where there is a discount rate. The end is the source's choice.

    Returns
    -------
    float or numpy.ndarray
        Margin over the whole relationship [money].

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, the shapes do not broadcast, or the value is infinite:
        churn of 0 without a discount rate.

    Notes
    -----
    .. math:: \sum_{t=0}^{\infty} \frac{\mathrm{arpu} \cdot m \, (1 - c)^t}{(1 + d)^{t + s}}

    with s = 0, 1/2, 1 for start, middle, end. Without discount this is arpu m / c. Source: formula 3 of the articles,
    for SaaS.

    Examples
    --------
    >>> ltv_margin_churn(15, 0.60, 0.04)
    np.float64(225.0)
    >>> ltv_margin_churn(15, 0.60, 0, discount_rate=0.01)
    np.float64(900.0)
    """
    revenue, margin, churn, rate = as_floats(
        arpu=arpu,
        gross_margin=gross_margin,
        churn_rate=churn_rate,
        discount_rate=0.0 if discount_rate is None else discount_rate,
    )
    require_not_negative(arpu=revenue, discount_rate=rate)
    require_fractions(gross_margin=margin, churn_rate=churn)
    hint = "at 0 the lifetime is infinite; a discount_rate above 0 makes the value finite"
    require((churn > 0) | (rate > 0), "churn_rate", churn, "above 0 where nothing is discounted", hint=hint)

    return _product(revenue, margin, survivor_annuity(churn, rate, n_periods=None, timing=timing))


def ltv_npv(
    revenue: ArrayLike,
    margin: ArrayLike,
    discount_rate: ArrayLike,
    *,
    acquisition_cost: ArrayLike,
    timing: Timing = "end",
) -> FloatOrArray:
    r"""Lifetime value of a contract with a forecast for each period, discounted.

    Basis: margin, **net** of acquisition cost. For LTV:CAC pass ``net=True`` to :func:`ltv_to_cac`.

    Parameters
    ----------
    revenue : array_like, shape (..., n)
        Revenue of each period 1 to n [money], >= 0. Time is the last axis.
    margin : array_like
        Share of revenue that is margin [fraction], in [0, 1]; broadcasts with `revenue`: one, or one for each period.
    discount_rate : array_like
        Effective rate per period [fraction], >= 0; broadcasts with the leading axes of `revenue`.
    acquisition_cost : array_like
        Cost to win the customer [money], >= 0, paid at the start of period 1; broadcasts like `discount_rate`.
    timing : {"end", "middle", "start"}, default "end"
        When in its period revenue comes; the end is the source's choice.

    Returns
    -------
    float or numpy.ndarray
        Present value of the margins minus acquisition cost [money], one for each stream.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or the shapes do not broadcast.

    Notes
    -----
    .. math:: \sum_{t=1}^{n} \frac{\mathrm{revenue}_t \, m_t}{(1 + d)^{t - 1 + s}} - \mathrm{CAC}

    with s = 0, 1/2, 1 for start, middle, end. Source: formula 4 of the articles, for B2B.

    Examples
    --------
    >>> ltv_npv([200, 240, 300], 0.5, 0.10, acquisition_cost=100).round(2)
    np.float64(202.78)
    """
    amounts = as_streams("revenue", revenue)
    amounts, share = as_floats(revenue=amounts, margin=margin)
    require_not_negative(revenue=amounts)
    require_fractions(margin=share)
    margins = amounts * share
    rate, cost = as_per_stream("revenue", margins, discount_rate=discount_rate, acquisition_cost=acquisition_cost)
    require_not_negative(discount_rate=rate, acquisition_cost=cost)
    require_choice("timing", timing, TIMINGS)

    net: FloatOrArray = (present_values(margins, rate, timing=timing).sum(axis=-1) - cost)[()]
    return net


def _optional_names(value: Iterable[str] | None) -> tuple[str, ...] | None:
    if isinstance(value, str) or not isinstance(value, Iterable | None):
        raise InputError("names", "a list of names", value)
    return None if value is None else tuple(str(name) for name in value)


def _optional_day(value: ArrayLike | None) -> np.datetime64 | None:
    return None if value is None else as_day("as_of", value)


@stay_frozen
@attrs.frozen(kw_only=True)
class SegmentLtv:
    """Lifetime value by segment, with a total that is exactly the sum of its parts.

    Basis: margin, before acquisition cost.

    Parameters
    ----------
    values : array_like, shape (n,)
        Value of each segment [money].
    names : iterable of str, optional
        Name of each segment, all different.
    as_of : date, optional
        The day that the value refers to; :func:`is_stale` tells whether it is due again.

    Examples
    --------
    >>> kept = SegmentLtv(values=[10, 20], as_of="2025-03-31")
    >>> kept.total, SegmentLtv.from_json(kept.to_json()) == kept
    (30.0, True)
    """

    values: Floats = float_column("values")
    names: tuple[str, ...] | None = attrs.field(default=None, converter=_optional_names)
    as_of: np.datetime64 | None = attrs.field(default=None, converter=_optional_day, eq=str)

    def __attrs_post_init__(self) -> None:
        if self.names is not None and len(set(self.names)) != len(self.values):
            raise InputError("names", f"{len(self.values)} different names, one for each segment", self.names)

    @property
    def total(self) -> float:
        """Sum of the values [money], rounded once, so that the order of the segments does not matter."""
        return math.fsum(self.values)

    def to_json(self) -> str:
        """Write the values, their names and their date as JSON text."""
        as_of = None if self.as_of is None else str(self.as_of)
        return json.dumps({"values": self.values.tolist(), "names": self.names, "as_of": as_of})

    @classmethod
    def from_json(cls, text: str) -> SegmentLtv:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return read_json(text, lambda fields: cls(**fields))


def ltv_segments(
    revenue: ArrayLike,
    retention_probability: ArrayLike,
    margin: ArrayLike,
    *,
    names: Iterable[str] | None = None,
    as_of: ArrayLike | None = None,
) -> SegmentLtv:
    r"""Lifetime value of a base by segment, where one average would hide that segments differ.

    Basis: margin, before acquisition cost.

    Parameters
    ----------
    revenue : array_like, shape (n,)
        Expected revenue of each segment over its horizon [money], >= 0.
    retention_probability : array_like
        Probability that the segment stays to bring it [fraction], in [0, 1]; one, or one for each segment.
    margin : array_like
        Share of revenue that is margin [fraction], in [0, 1]; one, or one for each segment.
    names : iterable of str, optional
        Name of each segment, kept with the result.
    as_of : date, optional
        The day that the inputs refer to; kept with the result.

    Returns
    -------
    SegmentLtv
        The value of each segment and their total.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or not one for each segment.

    Notes
    -----
    .. math:: \sum_{i=1}^{n} \mathrm{revenue}_i \, p_i \, m_i

    Source: formula 5 of the articles.

    Examples
    --------
    >>> result = ltv_segments([100_000, 40_000], [0.8, 0.5], [0.3, 0.4])
    >>> result.values, result.total
    (array([24000.,  8000.]), 32000.0)
    """
    column = as_column("revenue", revenue)
    _, stay, share = as_floats(revenue=column, retention_probability=retention_probability, margin=margin)
    require_not_negative(revenue=column)
    require_fractions(retention_probability=stay, margin=share)
    values = column * stay * share
    if values.shape != column.shape or not column.size:
        raise InputError("revenue", "one amount for each of at least one segment", column.shape)

    return SegmentLtv(
        values=np.where(values < 1e-100, 0, values), names=names, as_of=as_of
    )  # what is that small is nothing


def ltv_net_of_costs(
    arpu: ArrayLike, lifetime: ArrayLike, *, acquisition_cost: ArrayLike, service_cost: ArrayLike
) -> FloatOrArray:
    r"""Lifetime value as revenue over the lifetime minus what it costs to acquire and to serve.

    Basis: revenue **net** of acquisition and service cost; the cost of goods is not in it. For LTV:CAC pass
    ``net=True`` to :func:`ltv_to_cac`.

    Parameters
    ----------
    arpu : array_like
        Average revenue per active customer [money/period], >= 0.
    lifetime : array_like
        Mean time a customer stays [periods], >= 0.
    acquisition_cost : array_like
        Cost to win the customer [money], >= 0.
    service_cost : array_like
        Cost to serve the customer over the whole lifetime [money], >= 0.

    Returns
    -------
    float or numpy.ndarray
        What remains of the revenue [money]; may be negative.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or the shapes do not broadcast.

    Notes
    -----
    .. math:: \mathrm{arpu} \cdot \mathrm{lifetime} - (\mathrm{CAC} + \mathrm{service})

    Source: formula 6 of the articles, which gives the two costs as one sum.

    Examples
    --------
    >>> ltv_net_of_costs(500, 24, acquisition_cost=600, service_cost=400)
    np.float64(11000.0)
    """
    revenue, periods, winning, serving = as_floats(
        arpu=arpu, lifetime=lifetime, acquisition_cost=acquisition_cost, service_cost=service_cost
    )
    require_not_negative(arpu=revenue, lifetime=periods, acquisition_cost=winning, service_cost=serving)

    net: FloatOrArray = (revenue * periods - (winning + serving))[()]
    return net


def ltv_net_of_service(revenue: ArrayLike, service_cost: ArrayLike) -> FloatOrArray:
    r"""Value of customers who need much service: what serving them leaves of their revenue.

    Basis: revenue net of service cost, before acquisition cost and cost of goods. Both inputs cover the same time.

    Parameters
    ----------
    revenue : array_like
        Revenue of the customer [money], >= 0.
    service_cost : array_like
        Cost of serving the customer [money], >= 0.

    Returns
    -------
    float or numpy.ndarray
        What remains [money]; may be negative.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or the shapes do not broadcast.

    Notes
    -----
    .. math:: \mathrm{revenue} - \mathrm{service}

    Source: formula 7 of the articles. In its example six orders a year of 2,000 are eaten up by twelve times two hours
    of service at 500 an hour: the customer is worth nothing.

    Examples
    --------
    >>> ltv_net_of_service(6 * 2_000, 12 * 2 * 500)
    np.float64(0.0)
    """
    amount, serving = as_floats(revenue=revenue, service_cost=service_cost)
    require_not_negative(revenue=amount, service_cost=serving)

    net: FloatOrArray = (amount - serving)[()]
    return net


def ltv_retention(
    arpu: ArrayLike,
    gross_margin: ArrayLike,
    retention_rate: ArrayLike,
    discount_rate: ArrayLike,
    *,
    timing: Timing,
    n_periods: ArrayLike | None = None,
) -> FloatOrArray:
    r"""Lifetime value at a constant retention rate, over a finite or an infinite horizon.

    Basis: gross margin, before acquisition cost. A new customer is certain in period 1; each later period keeps
    `retention_rate` of the one before.

    Parameters
    ----------
    arpu : array_like
        Average revenue per active customer [money/period], >= 0.
    gross_margin : array_like
        Share of revenue that is margin [fraction], in [0, 1].
    retention_rate : array_like
        Share kept from one period to the next [fraction], in [0, 1].
    discount_rate : array_like
        Effective rate per period [fraction], >= 0; above 0 where retention is 1 and the horizon infinite.
    timing : {"start", "middle", "end"}
        When in its period the money comes.
    n_periods : array_like, optional
        Horizon in periods, whole, >= 1; infinite by default.

    Returns
    -------
    float or numpy.ndarray
        Present value of the margins at the start of period 1 [money].

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, the shapes do not broadcast, or the value is infinite.

    Notes
    -----
    .. math:: \sum_{t=0}^{n-1} \frac{\mathrm{arpu} \cdot m \, r^t}{(1 + d)^{t + s}}

    with s = 0, 1/2, 1 for start, middle, end. To leave out a first payment that is already in, take timing "start" and
    subtract one period's margin: over an infinite horizon that is the textbook m r / (1 + d - r). Source: the geometric
    series.

    Examples
    --------
    >>> ltv_retention(100, 0.5, 0.8, 0.1, timing="start").round(2)
    np.float64(183.33)
    >>> ltv_retention(100, 0.5, 0.8, 0.1, timing="end", n_periods=2).round(2)
    np.float64(78.51)
    """
    revenue, margin, retention, rate = as_floats(
        arpu=arpu, gross_margin=gross_margin, retention_rate=retention_rate, discount_rate=discount_rate
    )
    require_not_negative(arpu=revenue, discount_rate=rate)
    require_fractions(gross_margin=margin, retention_rate=retention)
    horizon = as_horizon(n_periods, arpu=revenue, gross_margin=margin, retention_rate=retention, discount_rate=rate)
    if horizon is None:
        require_finite_value(1 - retention, rate)

    return _product(revenue, margin, survivor_annuity(1 - retention, rate, n_periods=horizon, timing=timing))


def recalculation_date(as_of: ArrayLike, *, every_months: int = 3) -> Dates | np.datetime64:
    """Day on which a value should be computed again.

    Parameters
    ----------
    as_of : array_like of dates
        The day that the value refers to.
    every_months : int, default 3
        Calendar months between computations, 1 to 120,000; a quarter by default, 1 in fast markets.

    Returns
    -------
    numpy.datetime64 or numpy.ndarray
        The day, clamped to the end of its month.

    Raises
    ------
    InputError
        If a date is missing or none, the day is after the year 9999, or `every_months` is no whole number from 1.

    Notes
    -----
    Months are counted from `as_of`, never chained. Source: practitioners' articles on LTV: quarterly, monthly in fast
    markets.

    Examples
    --------
    >>> recalculation_date("2024-11-30")
    np.datetime64('2025-02-28')
    """
    days = as_days("as_of", as_of)
    months = as_whole_number("every_months", every_months, low=1, high=_MOST_MONTHS)

    moved = add_months(days, months)
    require(moved <= _LAST_DAY, "as_of", days, f"such that {months} months later is not after {_LAST_DAY}")
    due: Dates | np.datetime64 = moved[()]
    return due


def is_stale(as_of: ArrayLike, on: ArrayLike, *, every_months: int = 3) -> np.bool_ | npt.NDArray[np.bool_]:
    """Whether a value is due for recalculation on a day.

    Parameters
    ----------
    as_of : array_like of dates
        The day that each value refers to.
    on : date
        The day on which the question is asked.
    every_months : int, default 3
        Calendar months between computations, 1 to 120,000.

    Returns
    -------
    bool or numpy.ndarray
        True from the recalculation date on.

    Raises
    ------
    InputError
        If a date is missing or none, the value is due after the year 9999, or `every_months` is no whole number from 1.

    Notes
    -----
    True where `on` is the day of :func:`recalculation_date` or later. Source: practitioners' articles on LTV.

    Examples
    --------
    >>> is_stale(["2025-01-15", "2025-01-16"], "2025-04-15")
    array([ True, False])
    """
    due = recalculation_date(as_of, every_months=every_months)
    day = as_day("on", on)

    stale: np.bool_ | npt.NDArray[np.bool_] = day >= due
    return stale


def _product(*factors: Floats) -> FloatOrArray:
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    value: FloatOrArray = product[()]
    return value
