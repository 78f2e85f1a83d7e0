"""The overview of a base: what `python -m crmvalue` prints, as a value and as text.

:func:`summarise_base` measures, :func:`format_summary` writes; :func:`summarise_models` and :func:`format_models` do
the same for what a probability model foretells, :func:`summarise_groups` and :func:`format_groups` for the groups of
RFM. Every figure comes from a public function of
:mod:`crmvalue.metrics`, :mod:`crmvalue.ltv`, :mod:`crmvalue.purchases` or :mod:`crmvalue.segmentation`.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, cast

import attrs
import numpy as np

from crmvalue import ltv, metrics
from crmvalue._core.calendar import add_months
from crmvalue._core.checks import as_day, as_fraction, as_positive, read_json
from crmvalue._purchases.order_log import Log, Policy, Purchases, condense, find_purchases, last_day, read_log
from crmvalue._report.groups import GroupSummary, format_groups, summarise_groups
from crmvalue._report.groups import summarise_groups_log as summarise_groups_log  # noqa: PLC0414 - for the command
from crmvalue._report.models import ModelSummary, format_models, line, summarise_models
from crmvalue._report.models import summarise_models_log as summarise_models_log  # noqa: PLC0414 - for the command
from crmvalue.errors import InputError
from crmvalue.purchases import OrderLogCounts, PurchaseHistory, to_history
from crmvalue.segmentation import gini, top_share

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.ltv import LtvToCacBand
    from crmvalue.purchases import Missing, Refunds, Zeros
    from crmvalue.typing import ArrayLike, Dates, Floats

__all__ = [
    "BaseSummary",
    "BaseValue",
    "Concentration",
    "Estimate",
    "GroupSummary",
    "LastPeriod",
    "ModelSummary",
    "format_groups",
    "format_models",
    "format_summary",
    "summarise_base",
    "summarise_groups",
    "summarise_models",
]

_PERIODS = {"year": 12, "half-year": 6, "quarter": 3, "month": 1}
_PACES = 2.0  # a period must be so many times the mean time between purchases, or silence says nothing
_DAY = np.timedelta64(1, "D")


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
    """The newest period of the log against the one before it, and what newcomers do in their first two.

    Parameters
    ----------
    name : {"year", "half-year", "quarter", "month"}
        The period.
    n_months : int
        Its length.
    n_before : int
        Customers who bought in the period before.
    n_active : int
        Customers who bought in the newest period.
    retention_rate : Estimate or None
        Share of `n_before` who bought again in the newest period; None where nobody bought before.
    prob_silent : float
        Chance that a customer who is still there and buys at random at the mean pace of the repeat buyers is silent
        for a whole period, and so is taken for lost.
    purchases_per_active : float or None
        Purchases per active customer in the newest period.
    average_order_value : float or None
        Money per purchase in the newest period.
    arpu : Estimate or None
        Money per active customer in the newest period.
    n_newcomers : int
        Customers whose first two periods, counted from their first purchase, the log covers.
    newcomer_revenue : float or None
        Mean money of a newcomer in the first period.
    newcomer_retention_rate : float or None
        Share of newcomers who bought in their second period.

    Examples
    --------
    >>> LastPeriod(name="month", n_months=1, n_before=0, n_active=0, prob_silent=0.1).retention_rate is None
    True
    """

    name: str
    n_months: int
    n_before: int
    n_active: int
    prob_silent: float
    retention_rate: Estimate | None = None
    purchases_per_active: float | None = None
    average_order_value: float | None = None
    arpu: Estimate | None = None
    n_newcomers: int = 0
    newcomer_revenue: float | None = None
    newcomer_retention_rate: float | None = None


@attrs.frozen(kw_only=True)
class BaseValue:
    """Lifetime value, before acquisition cost; the intervals carry the uncertainty of the retention rate alone.

    Parameters
    ----------
    ltv_revenue : Estimate or None
        Value of an active customer: average order value x purchases a period x lifespan. Basis: revenue.
    ltv_margin : Estimate or None
        Value of an active customer: ARPU x margin / churn. Basis: gross margin. None without a margin.
    ltv_discounted : Estimate or None
        The same, discounted at the end of each period. None without a discount rate.
    ltv_newcomer : Estimate or None
        Value of a new customer: the margin of the first period, then the value of an active customer for the share
        that buys again; discounted where there is a discount rate. Basis: gross margin.
    ltv_to_cac : float or None
        `ltv_newcomer` over the acquisition cost: what is paid for is a newcomer, not a customer who stayed.
    band : LtvToCacBand or None
        What that ratio means.
    max_acquisition_cost : float or None
        Largest acquisition cost that keeps the ratio at 3.

    Examples
    --------
    >>> BaseValue(ltv_revenue=Estimate(120.0)).ltv_margin is None
    True
    """

    ltv_revenue: Estimate | None = None
    ltv_margin: Estimate | None = None
    ltv_discounted: Estimate | None = None
    ltv_newcomer: Estimate | None = None
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
        The newest period against the one before; None where the log is too short for the customers' pace.
    margin, acquisition_cost, discount_rate : float or None
        As given.
    value : BaseValue
        Lifetime value.
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
    value: BaseValue
    concentration: Concentration | None

    def to_json(self) -> str:
        """Write all figures as JSON text; :meth:`from_json` reads them back."""
        return json.dumps(attrs.asdict(self, value_serializer=_plain))

    @classmethod
    def from_json(cls, text: str) -> BaseSummary:
        """Read what :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> summary = summarise_base([1, 1], ["2024-01-01", "2024-03-01"], [10, 20])
        >>> BaseSummary.from_json(summary.to_json()) == summary
        True
        """
        return read_json(text, cls._from_fields)

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> BaseSummary:
        for name in ("as_of", "recompute_on", "first_day"):
            fields[name] = as_day(name, fields[name])
        fields["counts"] = OrderLogCounts(**fields["counts"])
        for name, kind in (("last_period", LastPeriod), ("value", BaseValue), ("concentration", Concentration)):
            if fields[name] is not None:
                fields[name] = kind(**_estimates(fields[name]))
        if fields["value"].band is not None:
            fields["value"] = attrs.evolve(fields["value"], band=ltv.LtvToCacBand(**fields["value"].band))
        return cls(**_estimates(fields))


def _plain(instance: type, field: Any, value: Any) -> Any:  # noqa: ARG001 - the hook of attrs
    return str(value) if isinstance(value, np.datetime64) else value


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
    which two fit. A customer who bought in the first and not in the second counts as lost. Where that period is shorter
    than twice the mean time between purchases, silence says too little, and no value is given. Newcomers are customers
    whose first purchase is in the log; in a log that begins after the company did, the earliest are old customers.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> summary = summarise_base(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3)
    >>> summary.last_period.name, round(summary.value.ltv_margin.value, 2)
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
    acquisition_cost = None if acquisition_cost is None else as_positive("acquisition_cost", acquisition_cost)
    discount_rate = None if discount_rate is None else as_positive("discount_rate", discount_rate, zero=True)
    for name, given in (("acquisition_cost", acquisition_cost), ("discount_rate", discount_rate)):
        if given is not None and margin is None:
            raise InputError(name, "given together with a margin", given, hint="without one there is only revenue")
    end = last_day(log, "as_of", as_of)
    purchases, counts = find_purchases(log, policy, None, end, "day")
    history = to_history(condense(log, purchases, counts), end, "day", "day")
    between = _ratio(history.recency, history.frequency) if history.frequency.any() else None
    period = _last_period(purchases, end, None if between is None else between.value)
    spend = history.total_spend
    return BaseSummary(
        as_of=end,
        recompute_on=as_day("as_of", ltv.recalculation_date(end)),
        first_day=end - np.timedelta64(int(history.age.max()), "D"),
        n_customers=history.n_customers,
        n_purchases=int(history.n_purchases.sum()),
        revenue=None if spend is None else float(spend.sum()),
        counts=counts,
        repeat_purchase_rate=_share(int(np.count_nonzero(history.frequency)), history.n_customers),
        purchases_per_customer=_mean(history.n_purchases, at_least=1.0),
        average_order_value=None if spend is None else _ratio(spend, history.n_purchases),
        revenue_per_customer=None if spend is None else _mean(spend),
        time_between_purchases=between,
        last_period=period,
        margin=margin,
        acquisition_cost=acquisition_cost,
        discount_rate=discount_rate,
        value=_base_value(period, margin, acquisition_cost, discount_rate),
        concentration=_concentration(history),
    )


def _estimates(fields: dict[str, Any]) -> dict[str, Any]:
    """Turn what was an estimate into one again."""
    return {
        name: Estimate(**value) if isinstance(value, dict) and set(value) == {"value", "low", "high"} else value
        for name, value in fields.items()
    }


def _share(n_part: int, n_all: int) -> Estimate:
    low, high = metrics.proportion_interval(n_part, n_all)
    return Estimate(n_part / n_all, float(low), float(high))


def _mean(values: Floats, *, at_least: float = 0.0) -> Estimate:
    mean = float(values.mean())
    if len(values) < 2:
        return Estimate(mean)
    low, high = metrics.mean_interval(values)
    return Estimate(mean, max(float(low), at_least), float(high))


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


def _last_period(purchases: Purchases, as_of: np.datetime64, days_between: float | None) -> LastPeriod | None:
    """Measure the longest period of which two fit into the log, if it is long enough for the customers' pace."""
    day = purchases.day.astype("datetime64[D]")
    first_day = day.min()
    for name, n_months in _PERIODS.items():
        before, start = add_months(np.array(as_of), np.array([-2 * n_months, -n_months]))
        if before < first_day - _DAY:
            continue
        n_days = int((as_of - start).astype(int))
        if days_between is None or n_days < _PACES * days_between:
            return None
        bought_before = _in_window(purchases, day, before, start)
        bought = _in_window(purchases, day, start, as_of)
        n_before, n_active = (int(np.count_nonzero(who)) for who in (bought_before, bought))
        newest = day > start
        money = _sum_by_customer(purchases, newest)[bought]
        paid = bool(money.any())
        n_newcomers, newcomer_revenue, newcomer_retention = _newcomers(purchases, day, as_of, n_months)
        return LastPeriod(
            name=name,
            n_months=n_months,
            n_before=n_before,
            n_active=n_active,
            prob_silent=math.exp(-n_days / days_between),
            retention_rate=_share(int(np.count_nonzero(bought & bought_before)), n_before) if n_before else None,
            purchases_per_active=int(np.count_nonzero(newest)) / n_active if n_active else None,
            average_order_value=float(money.sum() / np.count_nonzero(newest)) if paid else None,
            arpu=_mean(money) if paid else None,
            n_newcomers=n_newcomers,
            newcomer_revenue=newcomer_revenue,
            newcomer_retention_rate=newcomer_retention,
        )
    return None


def _in_window(purchases: Purchases, day: Dates, after: np.datetime64, end: np.datetime64) -> npt.NDArray[np.bool_]:
    """Which customers bought after one day and up to another."""
    seen = np.concatenate([[0], np.cumsum((day > after) & (day <= end))])
    return np.diff(seen[purchases.start]) > 0


def _sum_by_customer(purchases: Purchases, chosen: npt.NDArray[np.bool_]) -> Floats:
    owner = np.repeat(np.arange(len(purchases.start) - 1), np.diff(purchases.start))
    return np.bincount(owner[chosen], purchases.amount[chosen], len(purchases.start) - 1).astype(np.float64)


def _newcomers(
    purchases: Purchases, day: Dates, as_of: np.datetime64, n_months: int
) -> tuple[int, float | None, float | None]:
    """Newcomers whose first two periods are over, their mean money in the first, and the share active in the second."""
    n_purchases = np.diff(purchases.start)
    came = day[np.minimum(purchases.start[:-1], len(day) - 1)]
    second, over = (add_months(came, k * n_months) for k in (1, 2))
    covered = (n_purchases > 0) & (over <= as_of + _DAY)
    n = int(np.count_nonzero(covered))
    if n == 0:
        return 0, None, None
    in_first = day < np.repeat(second, n_purchases)
    in_second = ~in_first & (day < np.repeat(over, n_purchases))
    seen = np.concatenate([[0], np.cumsum(in_second)])
    came_again = np.diff(seen[purchases.start]) > 0
    money = _sum_by_customer(purchases, in_first)
    return n, float(money[covered].mean()), int(np.count_nonzero(came_again & covered)) / n


def _base_value(
    period: LastPeriod | None, margin: float | None, acquisition_cost: float | None, discount_rate: float | None
) -> BaseValue:
    if period is None or period.retention_rate is None or period.arpu is None:
        return BaseValue()
    kept, arpu = period.retention_rate, period.arpu.value
    order_value, n_purchases = period.average_order_value or 0.0, period.purchases_per_active or 0.0
    rate = 0.0
    if discount_rate is not None:
        rate = float(
            ltv.convert_rate(discount_rate, kind="discount", from_period="year", to_period=cast("Any", period.name))
        )

    def newcomer(churn: float) -> float:
        later = float(ltv.ltv_margin_churn(arpu, margin, churn, discount_rate=rate))
        first = (period.newcomer_revenue or 0.0) * (margin or 0.0)
        return (first + (period.newcomer_retention_rate or 0.0) * later) / (1 + rate)

    revenue = _over_churn(kept, lambda churn: ltv.ltv_retail(order_value, n_purchases, ltv.expected_lifetime(churn)))
    if margin is None:
        return BaseValue(ltv_revenue=revenue)
    new = _over_churn(kept, newcomer) if period.n_newcomers else None
    ratio = None if new is None or acquisition_cost is None else float(ltv.ltv_to_cac(new.value, acquisition_cost))
    discounted = None
    if discount_rate is not None:
        discounted = _over_churn(kept, lambda churn: ltv.ltv_margin_churn(arpu, margin, churn, discount_rate=rate))
    return BaseValue(
        ltv_revenue=revenue,
        ltv_margin=_over_churn(kept, lambda churn: ltv.ltv_margin_churn(arpu, margin, churn)),
        ltv_discounted=discounted,
        ltv_newcomer=new,
        ltv_to_cac=ratio,
        band=None if ratio is None else cast("LtvToCacBand", ltv.ltv_to_cac_band(ratio)),
        max_acquisition_cost=None if new is None else float(ltv.max_acquisition_cost(new.value, 3)),
    )


def _over_churn(kept: Estimate, formula: Callable[[float], Any]) -> Estimate | None:
    """Value of a formula at the measured churn and at the ends of its interval."""

    def at(retention: float | None) -> float | None:
        try:
            return None if retention is None else float(formula(1 - retention))
        except InputError:  # nobody left, and nothing is discounted: the value is infinite
            return None

    value = at(kept.value)
    return None if value is None else Estimate(value, at(kept.low), at(kept.high))


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
    if not isinstance(summary, BaseSummary):
        raise InputError("summary", "a BaseSummary", summary, hint="summarise_base makes one")
    parts = [_base_lines(summary), _figure_lines(summary), _value_lines(summary), _concentration_lines(summary)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _base_lines(summary: BaseSummary) -> list[str]:
    counts = summary.counts
    lines = [
        f"THE BASE as of {summary.as_of}",
        line("customers", f"{summary.n_customers:,}"),
        line("purchases", f"{summary.n_purchases:,}", note="those of one customer and day are one"),
        line("period", f"{summary.first_day} to {summary.as_of}"),
    ]
    if summary.revenue is not None:
        lines.append(line("revenue", f"{summary.revenue:,.2f}"))
    left_out = [
        (counts.n_rows_after_as_of, f"after that day; {counts.n_customers_after_as_of:,} customers are new then"),
        (counts.n_missing, "without an amount"),
        (counts.n_refunds_dropped, "refunds"),
        (counts.n_zeros_dropped, "with an amount of 0"),
    ]
    lines += [line("left out", _rows(n), note=what) for n, what in left_out if n]
    if counts.n_customers_without_purchase:
        n = counts.n_customers_without_purchase
        lines.append(line("", f"{n:,}", note="customers of whom no purchase is left"))
    if counts.n_zeros_kept:
        lines.append(line("zero amounts", _rows(counts.n_zeros_kept), note="counted as purchases"))
    if counts.n_refunds_netted:
        note = f"taken off purchases; {counts.n_purchases_cancelled:,} purchases cancelled"
        lines.append(line("refunds", _rows(counts.n_refunds_netted), note=note))
    if counts.unmatched_refunds:
        lines.append(line("", f"{counts.unmatched_refunds:,.2f}", note="refunded without an earlier purchase"))
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
        note = "the log is too short for how rarely these customers buy"
        lines.append(line("retention rate", "not known", note=note))
    elif period.retention_rate is None:
        lines.append(line("retention rate", "not known", note=f"nobody bought in the {period.name} before the last"))
    else:
        note = f"of {period.n_before:,} who bought in the {period.name} before the last"
        lines.append(_estimate("retention rate", period.retention_rate, note=note))
        note = f"of {period.n_active:,} who bought in the last {period.name}"
        lines.append(_estimate("ARPU", period.arpu, note=note))
    return [line for line in lines if line]


def _value_lines(summary: BaseSummary) -> list[str]:
    value, period = summary.value, summary.last_period
    if summary.revenue is None:
        return ["LIFETIME VALUE", "  not known: the log has no amounts"]
    if period is None or period.retention_rate is None or period.arpu is None:
        return ["LIFETIME VALUE", "  not known: churn cannot be measured on this log"]
    lines = ["LIFETIME VALUE before acquisition cost; the intervals carry the retention rate alone"]
    if value.ltv_revenue is None:
        lines.append("  Nobody left in the last period: without a discount rate the value is infinite.")
    lines += [
        _estimate("active, in revenue", value.ltv_revenue, note="order value x purchases x lifespan"),
        _estimate("active, in margin", value.ltv_margin, note=f"ARPU x margin {summary.margin} / churn"),
        _estimate("active, discounted", value.ltv_discounted, note=f"at {summary.discount_rate} a year"),
    ]
    if value.ltv_newcomer is not None and period.newcomer_retention_rate is not None:
        note = f"first {period.name}, then active for {period.newcomer_retention_rate:.2f} of them"
        lines.append(_estimate("newcomer, in margin", value.ltv_newcomer, note=note))
    if value.band is not None and value.ltv_to_cac is not None:
        band = f"newcomer's value; {value.band.name}: {value.band.message}"
        lines.append(line("LTV:CAC", f"{value.ltv_to_cac:.2f}", note=band))
    if value.max_acquisition_cost is not None:
        lines.append(line("acquisition cost", f"{value.max_acquisition_cost:,.2f}", note="at most, for LTV:CAC of 3"))
    lines.append(
        f"  Who was silent for one {period.name} counts as lost; chance alone keeps a customer silent that long with"
        f" {period.prob_silent:.2f}."
    )
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
        line("best 10 % hold", f"{held.top_decile_share:.2f}", note="of the revenue"),
        line("best 20 % hold", f"{held.top_fifth_share:.2f}"),
        line("Gini", f"{held.gini:.2f}", note="0: all alike; 1: one has it all"),
    ]


def _rows(n: int) -> str:
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def _estimate(label: str, estimate: Estimate | None, *, note: str = "") -> str:
    if estimate is None:
        return ""
    low = "?" if estimate.low is None else f"{estimate.low:,.2f}"
    high = "?" if estimate.high is None else f"{estimate.high:,.2f}"
    interval = "" if low == high == "?" else f"{low} to {high}"
    return line(label, f"{estimate.value:,.2f}", interval=interval, note=note)
