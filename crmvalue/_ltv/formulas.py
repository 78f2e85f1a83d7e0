"""Lifetime value in closed form: one number in, one number out; :mod:`crmvalue.ltv` is their public door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.checks import as_floats, require, require_choice, require_same_labels
from crmvalue._ltv.cash_flows import TIMINGS, Timing, present_values, survivor_annuity
from crmvalue._ltv.checks import (
    as_horizon,
    as_per_stream,
    as_streams,
    require_finite_value,
    require_fractions,
    require_not_negative,
)

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = [
    "ltv_margin_churn",
    "ltv_net_of_costs",
    "ltv_net_of_service",
    "ltv_npv",
    "ltv_retail",
    "ltv_retention",
    "ltv_simple",
]


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
    >>> print(ltv_simple(30, 24))
    720.0
    """
    revenue, periods = as_floats(arpu=arpu, lifetime=lifetime)
    require_not_negative(arpu=revenue, lifetime=periods)

    return _product(revenue, periods)


def ltv_retail(average_order_value: ArrayLike, purchase_frequency: ArrayLike, lifetime: ArrayLike) -> FloatOrArray:
    r"""Lifetime value of a shop's customer from order value, orders per period and lifetime.

    Basis: revenue, before any cost.

    Parameters
    ----------
    average_order_value : array_like
        Revenue per order [money], >= 0.
    purchase_frequency : array_like
        Orders per customer and period, >= 0.
    lifetime : array_like
        Mean time a customer keeps buying [periods], >= 0.

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
    .. math:: \mathrm{AOV} \cdot \mathrm{frequency} \cdot \mathrm{lifetime}

    Source: formula 2 of the articles, for e-commerce and retail.

    Examples
    --------
    >>> print(ltv_retail(80, 4, 3))
    960.0
    """
    order, frequency, periods = as_floats(
        average_order_value=average_order_value, purchase_frequency=purchase_frequency, lifetime=lifetime
    )
    require_not_negative(average_order_value=order, purchase_frequency=frequency, lifetime=periods)

    return _product(order, frequency, periods)


def ltv_margin_churn(
    arpu: ArrayLike,
    margin: ArrayLike,
    churn_rate: ArrayLike,
    *,
    discount_rate: ArrayLike | None = None,
    timing: Timing = "end",
) -> FloatOrArray:
    r"""Lifetime value of a subscriber with a constant churn rate.

    Basis: margin, before acquisition cost. All inputs refer to the same period; :func:`convert_rate` helps.

    Parameters
    ----------
    arpu : array_like
        Average revenue per active customer [money/period], >= 0.
    margin : array_like
        Share of revenue that is margin [fraction], in [0, 1].
    churn_rate : array_like
        Share of customers lost per period [fraction], in [0, 1]; 0 only with a discount rate above 0.
    discount_rate : array_like, optional
        Effective rate per period [fraction], >= 0; by default, as in the source, no money is discounted.
    timing : {"end", "middle", "start"}, default "end"
        Time in its period at which the money comes; it matters only with a discount rate. The source takes the end.

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
    >>> print(ltv_margin_churn(15, 0.60, 0.04))
    225.0
    >>> print(ltv_margin_churn(15, 0.60, 0, discount_rate=0.01))
    900.0
    """
    revenue, margin, churn, rate = as_floats(
        arpu=arpu,
        margin=margin,
        churn_rate=churn_rate,
        discount_rate=0.0 if discount_rate is None else discount_rate,
    )
    require_not_negative(arpu=revenue, discount_rate=rate)
    require_fractions(margin=margin, churn_rate=churn)
    hint = "at 0 the lifetime is infinite; a discount_rate above 0 makes the value finite"
    require((churn > 0) | (rate > 0), "churn_rate", churn, "above 0 where nothing is discounted", hint=hint)

    return _product(revenue, margin, survivor_annuity(churn, rate, n_periods=None, timing=timing))


@np.errstate(under="ignore")
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
        Time in its period at which revenue comes; the source takes the end.

    Returns
    -------
    float or numpy.ndarray
        Present value of the margins minus acquisition cost [money], one for each stream.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, the shapes do not broadcast, or the labels of periods or of
        streams stand in another order than those of `revenue`.

    Notes
    -----
    .. math:: \sum_{t=1}^{n} \frac{\mathrm{revenue}_t \, m_t}{(1 + d)^{t - 1 + s}} - \mathrm{CAC}

    with s = 0, 1/2, 1 for start, middle, end. Source: formula 4 of the articles, for B2B.

    Examples
    --------
    >>> print(ltv_npv([200, 240, 300], 0.5, 0.10, acquisition_cost=100).round(2))
    202.78
    """
    over_time = {"revenue": revenue, "margin": margin}
    require_same_labels(over_time, discount_rate=discount_rate, acquisition_cost=acquisition_cost)
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


def ltv_net_of_costs(
    arpu: ArrayLike, lifetime: ArrayLike, *, acquisition_cost: ArrayLike, service_cost: ArrayLike
) -> FloatOrArray:
    r"""Lifetime value as revenue over the lifetime minus the costs of acquisition and service.

    Basis: revenue **net** of acquisition and service cost; the cost of goods is not deducted. For LTV:CAC pass
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
        Revenue less costs [money]; may be negative.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or the shapes do not broadcast.

    Notes
    -----
    .. math:: \mathrm{arpu} \cdot \mathrm{lifetime} - (\mathrm{CAC} + \mathrm{service})

    Source: formula 6 of the articles. Its example gives the two costs as one sum of 1,000: 500 x 24 - 1,000 = 11,000.
    Such a sum may stand for either of the two.

    Examples
    --------
    >>> print(ltv_net_of_costs(500, 24, acquisition_cost=1_000, service_cost=0))
    11000.0
    >>> print(ltv_net_of_costs(500, 24, acquisition_cost=600, service_cost=400))
    11000.0
    """
    revenue, periods, winning, serving = as_floats(
        arpu=arpu, lifetime=lifetime, acquisition_cost=acquisition_cost, service_cost=service_cost
    )
    require_not_negative(arpu=revenue, lifetime=periods, acquisition_cost=winning, service_cost=serving)

    net: FloatOrArray = (revenue * periods - (winning + serving))[()]
    return net


def ltv_net_of_service(revenue: ArrayLike, service_cost: ArrayLike) -> FloatOrArray:
    r"""Value of customers who need much service: their revenue less the cost of serving them.

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
        Revenue less service cost [money]; may be negative.

    Raises
    ------
    InputError
        If an input is NaN, infinite or outside its range, or the shapes do not broadcast.

    Notes
    -----
    .. math:: \mathrm{revenue} - \mathrm{service}

    Source: formula 7 of the articles. Its example has six orders a year of 2,000, and twelve times two hours of service
    at 500 an hour: the service costs as much as the orders bring.

    Examples
    --------
    >>> print(ltv_net_of_service(6 * 2_000, 12 * 2 * 500))
    0.0
    """
    amount, serving = as_floats(revenue=revenue, service_cost=service_cost)
    require_not_negative(revenue=amount, service_cost=serving)

    net: FloatOrArray = (amount - serving)[()]
    return net


def ltv_retention(
    arpu: ArrayLike,
    margin: ArrayLike,
    retention_rate: ArrayLike,
    discount_rate: ArrayLike,
    *,
    timing: Timing,
    n_periods: ArrayLike | None = None,
) -> FloatOrArray:
    r"""Lifetime value at a constant retention rate, over a finite or an infinite horizon.

    Basis: margin, before acquisition cost. All customers are there in period 1; each later period keeps
    `retention_rate` of the period before.

    Parameters
    ----------
    arpu : array_like
        Average revenue per active customer [money/period], >= 0.
    margin : array_like
        Share of revenue that is margin [fraction], in [0, 1].
    retention_rate : array_like
        Share kept from one period to the next [fraction], in [0, 1].
    discount_rate : array_like
        Effective rate per period [fraction], >= 0; above 0 if retention is 1 and the horizon infinite.
    timing : {"start", "middle", "end"}
        Time in its period at which the money comes.
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

    with s = 0, 1/2, 1 for start, middle, end. To leave out a first payment that has been received, take timing "start"
    and subtract the margin of one period: over an infinite horizon this gives the textbook formula m r / (1 + d - r).
    Source: the geometric series.

    Examples
    --------
    >>> print(ltv_retention(100, 0.5, 0.8, 0.1, timing="start").round(2))
    183.33
    >>> print(ltv_retention(100, 0.5, 0.8, 0.1, timing="end", n_periods=2).round(2))
    78.51
    """
    given = {"arpu": arpu, "margin": margin, "retention_rate": retention_rate, "discount_rate": discount_rate}
    require_same_labels({**given, "n_periods": n_periods})
    revenue, margin, retention, rate = as_floats(**given)
    require_not_negative(arpu=revenue, discount_rate=rate)
    require_fractions(margin=margin, retention_rate=retention)
    horizon = as_horizon(n_periods, arpu=revenue, margin=margin, retention_rate=retention, discount_rate=rate)
    if horizon is None:
        require_finite_value(1 - retention, rate)

    return _product(revenue, margin, survivor_annuity(1 - retention, rate, n_periods=horizon, timing=timing))


def _product(*factors: Floats) -> FloatOrArray:
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    value: FloatOrArray = product[()]
    return value
