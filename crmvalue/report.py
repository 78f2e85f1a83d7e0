"""The overview of a base: what `python -m crmvalue` prints, as a value and as text.

:func:`summarise_base` measures, :func:`format_summary` writes. Every figure comes from a public function of
:mod:`crmvalue.metrics`, :mod:`crmvalue.ltv`, :mod:`crmvalue.purchases` or :mod:`crmvalue.segmentation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import attrs
import numpy as np

from crmvalue import ltv, metrics
from crmvalue._calendar import add_months
from crmvalue._checks import as_day, as_float, as_fraction
from crmvalue._order_log import Log, Policy, aggregate, read_log
from crmvalue.errors import InputError
from crmvalue.purchases import OrderLogCounts, PurchaseHistory, summarise_log
from crmvalue.segmentation import gini, top_share

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmvalue.ltv import LtvToCacBand
    from crmvalue.purchases import Missing, Refunds, Zeros
    from crmvalue.typing import ArrayLike, FloatOrArray, Floats

__all__ = ["BaseSummary", "Concentration", "Estimate", "LastPeriod", "Value", "format_summary", "summarise_base"]

_PERIODS = {12: "year", 6: "half-year", 3: "quarter", 1: "month"}


@attrs.frozen
class Estimate:
    """A figure with its 95 % interval.

    Parameters
    ----------
    value : float
        The figure.
    low, high : float or None
        Ends of the interval; None where the data allow none, or where an end is infinite.

    Examples
    --------
    >>> Estimate(0.5, 0.4, 0.6).value
    0.5
    """

    value: float
    low: float | None = None
    high: float | None = None


@attrs.frozen(kw_only=True)
class LastPeriod:
    """The newest period of the log against the one before it.

    Silence for a whole period counts as leaving, so that slow customers are taken for lost ones: the churn is an upper
    bound, and the longer the period, the better.

    Parameters
    ----------
    name : str
        "year", "half-year", "quarter" or "month".
    n_months : int
        Its length.
    n_before : int
        Customers who bought in the period before.
    n_active : int
        Customers who bought in the newest period.
    retention_rate : Estimate or None
        Share of `n_before` who bought again in the newest period; None where nobody bought before.
    purchases_per_customer : float or None
        Purchases per active customer in the newest period.
    average_order_value, arpu : float or None
        Money per purchase, and per active customer, in the newest period.

    Examples
    --------
    >>> LastPeriod(name="month", n_months=1, n_before=0, n_active=0).retention_rate is None
    True
    """

    name: str
    n_months: int
    n_before: int
    n_active: int
    retention_rate: Estimate | None = None
    purchases_per_customer: float | None = None
    average_order_value: float | None = None
    arpu: float | None = None


@attrs.frozen(kw_only=True)
class Value:
    """Lifetime value of a customer who is active today, before acquisition cost.

    The intervals carry the uncertainty of the churn alone.

    Parameters
    ----------
    revenue : Estimate or None
        Average order value x purchases a period x lifespan. Basis: revenue.
    gross_margin : Estimate or None
        ARPU x margin / churn. Basis: gross margin. None without a margin.
    discounted : Estimate or None
        The same, discounted at the end of each period. Basis: gross margin. None without margin and discount rate.
    ltv_to_cac : float or None
        The best of the two margin values over the acquisition cost: discounted where there is a discount rate.
    band : LtvToCacBand or None
        What that ratio means.
    max_acquisition_cost : float or None
        Largest acquisition cost that keeps the ratio at 3.

    Examples
    --------
    >>> Value(revenue=Estimate(120.0)).gross_margin is None
    True
    """

    revenue: Estimate | None = None
    gross_margin: Estimate | None = None
    discounted: Estimate | None = None
    ltv_to_cac: float | None = None
    band: LtvToCacBand | None = None
    max_acquisition_cost: float | None = None


@attrs.frozen(kw_only=True)
class Concentration:
    """How unevenly revenue is spread over the customers.

    Parameters
    ----------
    top_decile_share, top_fifth_share : float
        Share of revenue from the best 10 % and 20 % of the customers.
    gini : float
        Gini coefficient of their revenue.

    Examples
    --------
    >>> Concentration(top_decile_share=0.3, top_fifth_share=0.5, gini=0.4).gini
    0.4
    """

    top_decile_share: float
    top_fifth_share: float
    gini: float


@attrs.frozen(kw_only=True)
class BaseSummary:
    """What a company's customers have done and are worth, as of a day.

    Parameters
    ----------
    as_of : datetime64[D]
        Last day of observation.
    recompute_on : datetime64[D]
        When the figures should be computed again: a quarter later.
    first_day : datetime64[D]
        Day of the first purchase.
    n_customers : int
        Customers with at least one purchase.
    n_purchases : int
        Purchases; those of one customer and day are one.
    revenue : float or None
        Money of all purchases; None for a log without amounts.
    counts : OrderLogCounts
        What became of the rows of the log.
    repeat_purchase_rate, purchases_per_customer : Estimate
        Share of customers with more than one purchase; mean number of purchases.
    average_order_value, revenue_per_customer : Estimate or None
        Money per purchase, and per customer so far.
    time_between_purchases : Estimate or None
        Mean days between two purchases; None where nobody bought twice.
    last_period : LastPeriod or None
        The newest period against the one before; None where the log is shorter than two months.
    margin, acquisition_cost, discount_rate : float or None
        As given.
    value : Value
        Lifetime value of an active customer.
    concentration : Concentration or None
        None for a log without amounts, or without any money.

    Examples
    --------
    >>> summary = summarise_base([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30])
    >>> summary.n_customers, summary.revenue
    (2, 60.0)
    """

    as_of: np.datetime64
    recompute_on: np.datetime64
    first_day: np.datetime64
    n_customers: int
    n_purchases: int
    revenue: float | None
    counts: OrderLogCounts
    repeat_purchase_rate: Estimate
    purchases_per_customer: Estimate
    average_order_value: Estimate | None
    revenue_per_customer: Estimate | None
    time_between_purchases: Estimate | None
    last_period: LastPeriod | None
    margin: float | None
    acquisition_cost: float | None
    discount_rate: float | None
    value: Value
    concentration: Concentration | None


def summarise_base(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    margin: float | None = None,
    acquisition_cost: float | None = None,
    discount_rate: float | None = None,
    as_of: ArrayLike | None = None,
    refunds: Refunds = "net",
    zeros: Zeros = "keep",
    missing: Missing = "drop",
) -> BaseSummary:
    """Measure a base from its order log: key figures, lifetime value, concentration.

    Parameters
    ----------
    customer, date, amount, as_of, refunds, zeros, missing
        As in :func:`crmvalue.purchases.summarise_purchases`, with policies that suit a log nobody has cleaned.
    margin : float, optional
        Gross margin [fraction of revenue], in [0, 1]. Without it there is only a value in revenue, and no LTV:CAC.
    acquisition_cost : float, optional
        Cost to win one customer [money], > 0.
    discount_rate : float, optional
        Effective rate per **year** [fraction], >= 0.

    Returns
    -------
    BaseSummary
        All figures, with intervals where the data allow them.

    Raises
    ------
    InputError
        As :func:`crmvalue.purchases.summarise_purchases`, and for a margin, cost or rate outside its range.

    Notes
    -----
    Churn is measured on the two newest full periods of the log: the longest of year, half-year, quarter and month of
    which two fit. A customer who bought in the first and not in the second counts as lost.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> summary = summarise_base(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3)
    >>> summary.last_period.name, round(summary.value.gross_margin.value, 2)
    ('half-year', 52.25)
    """
    log = read_log(customer, date, amount, time_unit="day", grain="day")
    return summarise_base_log(
        log,
        Policy(refunds, zeros, missing),
        margin=margin,
        acquisition_cost=acquisition_cost,
        discount_rate=discount_rate,
        as_of=as_of,
    )


def summarise_base_log(
    log: Log,
    policy: Policy,
    *,
    margin: float | None,
    acquisition_cost: float | None,
    discount_rate: float | None,
    as_of: ArrayLike | None,
) -> BaseSummary:
    """Do what :func:`summarise_base` does, for a log that is read already."""
    margin = None if margin is None else as_fraction("margin", margin, closed=True)
    acquisition_cost = None if acquisition_cost is None else _at_least("acquisition_cost", acquisition_cost)
    discount_rate = None if discount_rate is None else _at_least("discount_rate", discount_rate, zero=True)
    history = summarise_log(log, policy, as_of=as_of, time_unit="day", grain="day")
    if history.as_of is None or history.counts is None:  # pragma: no cover - a history made from a log has both
        raise AssertionError
    period = _last_period(log, policy, history.as_of)
    spend = history.total_spend
    return BaseSummary(
        as_of=history.as_of,
        recompute_on=as_day("as_of", ltv.recalculation_date(history.as_of)),
        first_day=history.as_of - np.timedelta64(int(history.age.max()), "D"),
        n_customers=history.n_customers,
        n_purchases=int(history.n_purchases.sum()),
        revenue=None if spend is None else float(spend.sum()),
        counts=history.counts,
        repeat_purchase_rate=_share(int(np.count_nonzero(history.frequency)), history.n_customers),
        purchases_per_customer=_mean(history.n_purchases),
        average_order_value=None if spend is None else _ratio(spend, history.n_purchases),
        revenue_per_customer=None if spend is None else _mean(spend),
        time_between_purchases=_ratio(history.recency, history.frequency) if history.frequency.any() else None,
        last_period=period,
        margin=margin,
        acquisition_cost=acquisition_cost,
        discount_rate=discount_rate,
        value=_value(period, margin, acquisition_cost, discount_rate),
        concentration=_concentration(history),
    )


def _at_least(name: str, value: ArrayLike, *, zero: bool = False) -> float:
    number = as_float(name, value)
    if number < 0 or (number == 0 and not zero):
        raise InputError(name, ">= 0" if zero else "> 0", number)
    return number


def _share(n_part: int, n_all: int) -> Estimate:
    low, high = metrics.proportion_interval(n_part, n_all)
    return Estimate(n_part / n_all, float(low), float(high))


def _mean(values: Floats) -> Estimate:
    mean = float(values.mean())
    if len(values) < 2:
        return Estimate(mean)
    low, high = metrics.mean_interval(values)
    return Estimate(mean, max(float(low), 0.0), float(high))  # what is averaged here is never negative


def _ratio(numerator: Floats, denominator: Floats) -> Estimate:
    counted = denominator > 0
    ratio = float(numerator.sum() / denominator.sum())
    if np.count_nonzero(counted) < 2:
        return Estimate(ratio)
    try:
        low, high = metrics.ratio_interval(numerator[counted], denominator[counted], method="fieller")
    except InputError:  # too few customers to bound the denominator away from 0
        return Estimate(ratio)
    return Estimate(ratio, max(float(low), 0.0), float(high))


def _last_period(log: Log, policy: Policy, as_of: np.datetime64) -> LastPeriod | None:
    first_day = log.day.min()
    for n_months, name in _PERIODS.items():
        before, start = add_months(np.array(as_of), np.array([-2 * n_months, -n_months]))
        if before < first_day - np.timedelta64(1, "D"):
            continue
        earlier = aggregate(log, policy, before, start, "day")
        newest = aggregate(log, policy, start, as_of, "day")
        n_before, n_active = len(earlier.customer), len(newest.customer)
        kept = int(np.isin(earlier.customer, newest.customer, assume_unique=True).sum())
        n_purchases = int(newest.n_purchases.sum())
        money = None if newest.total is None else float(newest.total.sum())
        return LastPeriod(
            name=name,
            n_months=n_months,
            n_before=n_before,
            n_active=n_active,
            retention_rate=_share(kept, n_before) if n_before else None,
            purchases_per_customer=n_purchases / n_active if n_active else None,
            average_order_value=None if not money else float(metrics.average_order_value(money, n_purchases)),
            arpu=None if not money else float(metrics.average_revenue_per_user(money, n_active)),
        )
    return None


def _value(
    period: LastPeriod | None, margin: float | None, acquisition_cost: float | None, discount_rate: float | None
) -> Value:
    if period is None or period.retention_rate is None:
        return Value()
    arpu, order_value, frequency = period.arpu, period.average_order_value, period.purchases_per_customer
    if arpu is None or order_value is None or frequency is None:
        return Value()
    kept = period.retention_rate
    low, high = kept.low or 0.0, kept.high or 1.0

    def at(formula: Callable[[float], FloatOrArray], rate: float) -> float | None:
        try:
            return float(formula(rate))
        except InputError:  # nobody left, and nothing is discounted: the value is infinite
            return None

    def over_churn(formula: Callable[[float], FloatOrArray]) -> Estimate | None:
        value = at(formula, 1 - kept.value)
        return None if value is None else Estimate(value, at(formula, 1 - low), at(formula, 1 - high))

    revenue = over_churn(lambda rate: ltv.ltv_retail(order_value, frequency, ltv.expected_lifetime(rate)))
    if margin is None:
        return Value(revenue=revenue)
    gross = over_churn(lambda rate: ltv.ltv_margin_churn(arpu, margin, rate))
    discounted = None
    if discount_rate is not None:
        per_period = float(np.expm1(period.n_months / 12 * np.log1p(discount_rate)))
        discounted = over_churn(lambda rate: ltv.ltv_margin_churn(arpu, margin, rate, discount_rate=per_period))
    best = gross if discount_rate is None else discounted
    ratio = None if best is None or acquisition_cost is None else float(ltv.ltv_to_cac(best.value, acquisition_cost))
    return Value(
        revenue=revenue,
        gross_margin=gross,
        discounted=discounted,
        ltv_to_cac=ratio,
        band=None if ratio is None else cast("LtvToCacBand", ltv.ltv_to_cac_band(ratio)),
        max_acquisition_cost=None if best is None else float(ltv.max_acquisition_cost(best.value, 3)),
    )


def _concentration(history: PurchaseHistory) -> Concentration | None:
    spend = history.total_spend
    if spend is None or not spend.any():
        return None
    return Concentration(
        top_decile_share=float(top_share(spend, 0.1)),
        top_fifth_share=float(top_share(spend, 0.2)),
        gini=float(gini(spend)),
    )


def format_summary(summary: BaseSummary) -> str:
    """Write a summary as text of at most 120 columns.

    Parameters
    ----------
    summary : BaseSummary
        What :func:`summarise_base` measured.

    Returns
    -------
    str
        Lines in four parts: the base, key figures, lifetime value, concentration.

    Examples
    --------
    >>> summary = summarise_base([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30])
    >>> print(format_summary(summary).splitlines()[0])
    THE BASE as of 2024-03-01
    """
    parts = [_base_lines(summary), _figure_lines(summary), _value_lines(summary), _concentration_lines(summary)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _base_lines(summary: BaseSummary) -> list[str]:
    counts = summary.counts
    lines = [
        f"THE BASE as of {summary.as_of}",
        _line("customers", f"{summary.n_customers:,}"),
        _line("purchases", f"{summary.n_purchases:,}", note="those of one customer and day are one"),
        _line("period", f"{summary.first_day} to {summary.as_of}"),
    ]
    if summary.revenue is not None:
        lines.append(_line("revenue", f"{summary.revenue:,.2f}"))
    left_out = [
        (counts.n_rows_after_as_of, "after that day"),
        (counts.n_missing, "without an amount"),
        (counts.n_refunds_dropped, "refunds"),
        (counts.n_zeros_dropped, "with an amount of 0"),
    ]
    lines += [_line("left out", _rows(n), note=what) for n, what in left_out if n]
    if counts.n_refunds_netted:
        note = f"taken off purchases; {counts.n_purchases_cancelled:,} purchases cancelled"
        lines.append(_line("refunds", _rows(counts.n_refunds_netted), note=note))
    if counts.unmatched_refunds:
        lines.append(_line("", f"{counts.unmatched_refunds:,.2f}", note="refunded without an earlier purchase"))
    return lines


def _figure_lines(summary: BaseSummary) -> list[str]:
    lines = [
        "KEY FIGURES with 95 % intervals",
        _estimate("repeat purchase rate", summary.repeat_purchase_rate, note="customers with more than one purchase"),
        _estimate("purchases per customer", summary.purchases_per_customer),
        _estimate("time between purchases", summary.time_between_purchases, note="days"),
        _estimate("average order value", summary.average_order_value),
        _estimate("revenue per customer", summary.revenue_per_customer, note="so far"),
    ]
    period = summary.last_period
    if period is None:
        lines.append(_line("retention rate", "not known", note="the log is shorter than two months"))
    elif period.retention_rate is None:
        note = f"nobody bought in the {period.name} before the last"
        lines.append(_line("retention rate", "not known", note=note))
    else:
        note = f"of {period.n_before:,} active the {period.name} before, to the last"
        lines.append(_estimate("retention rate", period.retention_rate, note=note))
        arpu = None if period.arpu is None else f"{period.arpu:,.2f}"
        if arpu:
            note = f"revenue of each of {period.n_active:,} active in the last {period.name}"
            lines.append(_line("ARPU", arpu, note=note))
    return [line for line in lines if line]


def _value_lines(summary: BaseSummary) -> list[str]:
    value, period = summary.value, summary.last_period
    if summary.revenue is None:
        return ["LIFETIME VALUE", "  not known: the log has no amounts"]
    if period is None or period.retention_rate is None or period.arpu is None:
        return ["LIFETIME VALUE", "  not known: churn cannot be measured on this log"]
    lines = ["LIFETIME VALUE of an active customer, before acquisition cost"]
    if value.revenue is None:
        lines.append("  Nobody left in the last period: without a discount rate the value is infinite.")
    lines += [
        _estimate("in revenue", value.revenue, note="order value x purchases x lifespan"),
        _estimate("in gross margin", value.gross_margin, note=f"ARPU x margin {summary.margin} / churn"),
    ]
    if value.discounted is not None:
        note = f"discounted at {summary.discount_rate} a year"
        lines.append(_estimate("discounted", value.discounted, note=note))
    if value.band is not None and value.ltv_to_cac is not None:
        band = f"{value.band.name}: {value.band.message}"
        lines.append(_line("LTV:CAC", f"{value.ltv_to_cac:.2f}", note=band))
    if value.max_acquisition_cost is not None:
        lines.append(_line("acquisition cost", f"{value.max_acquisition_cost:,.2f}", note="at most, for LTV:CAC of 3"))
    hint = f"Churn counts everybody as lost who was silent for one {period.name}, so these values are cautious."
    lines.append(f"  {hint}")
    if summary.margin is None:
        lines.append("  Revenue is not profit: give a margin (and an acquisition cost) for a value and LTV:CAC.")
    lines.append(f"  Compute again by {summary.recompute_on}; customers change.")
    return [line for line in lines if line]


def _concentration_lines(summary: BaseSummary) -> list[str]:
    held = summary.concentration
    if held is None:
        return []
    return [
        "CONCENTRATION of revenue",
        _line("best 10 % hold", f"{held.top_decile_share:.2f}", note="of the revenue"),
        _line("best 20 % hold", f"{held.top_fifth_share:.2f}"),
        _line("Gini", f"{held.gini:.2f}", note="0: all alike; 1: one has it all"),
    ]


def _rows(n: int) -> str:
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def _line(label: str, value: str, *, interval: str = "", note: str = "") -> str:
    return f"  {label:<24}{value:>12}  {interval:<18}{note}".rstrip()


def _estimate(label: str, estimate: Estimate | None, *, note: str = "") -> str:
    if estimate is None:
        return ""
    low = "?" if estimate.low is None else f"{estimate.low:,.2f}"
    high = "?" if estimate.high is None else f"{estimate.high:,.2f}"
    interval = "" if low == high == "?" else f"{low} to {high}"
    return _line(label, f"{estimate.value:,.2f}", interval=interval, note=note)
