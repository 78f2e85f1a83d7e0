"""The key figures of a base as frozen values; :mod:`crmvalue.report` is the public door."""

from __future__ import annotations

import math

import attrs
import numpy as np

from crmvalue._core.checks import as_day, as_flag, as_text
from crmvalue._core.comparisons import decimals
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    checked_field,
    count_field,
    number_field,
    of_class,
    optional,
    require_at_most,
    require_inside,
)
from crmvalue.errors import InputError
from crmvalue.ltv import LtvToCacBand
from crmvalue.purchases import OrderLogCounts

__all__ = [
    "PERIODS",
    "BaseSummary",
    "BaseValue",
    "Concentration",
    "Estimate",
    "LastPeriod",
    "decimals_of_ratio",
    "holds_two_years",
]

PERIODS = {"year": 12, "half-year": 6, "quarter": 3, "month": 1}
"""Months of the periods over which customers are compared, the longest first."""

_SLACK = 1e-9  # what rounding may add to a share, or take off a mean


@attrs.frozen
class Estimate:
    """A figure with its 95 % interval.

    Parameters
    ----------
    value : float
        The figure.
    low, high : float or None
        Ends of the interval; None if the data allow no interval, or if an end is infinite.

    Examples
    --------
    >>> Estimate(0.5, 0.4, 0.6).value
    0.5
    """

    value: float = number_field("value", infinite=True)
    low: float | None = number_field("low", infinite=True, default=None)
    high: float | None = number_field("high", infinite=True, default=None)

    def __attrs_post_init__(self) -> None:
        for name, unbounded in (("low", -math.inf), ("high", math.inf)):
            if getattr(self, name) == unbounded:
                object.__setattr__(self, name, None)
            elif getattr(self, name) == -unbounded:
                raise InputError(name, "a finite number, or None", getattr(self, name))
        require_at_most(self, "low", "high")
        low, high = -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high
        require_inside("low" if self.value < low else "high", (low, high), self.value)


@attrs.frozen(kw_only=True)
class LastPeriod:
    """The newest period of the log and the one before it, and the first two periods of newcomers.

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
        Share of `n_before` who bought again in the newest period; None if `n_before` is 0.
    prob_silent : float
        Probability that an active customer buys nothing in a whole period, by chance, and so counts as lost. It
        supposes purchases at random times, at the pace of the typical repeat buyer: the median of their mean times. Of
        slower customers, more are silent.
    purchases_per_active : float or None
        Purchases per active customer in the newest period.
    average_order_value : float or None
        Money per purchase in the newest period.
    arpu : Estimate or None
        Money per active customer in the newest period.
    n_newcomers : int
        Customers of whom the log covers the first two periods, counted from their first purchase, without those first
        seen in the first `ignored_days`.
    newcomer_revenue : float or None
        Mean money of a newcomer in the first period; None for fewer than 30 newcomers.
    newcomer_retention_rate : float or None
        Share of newcomers who bought in their second period; None for fewer than 30 newcomers.
    newcomers_from, newcomers_to : datetime64[D] or None
        First and last day on which one of the newcomers came; None without newcomers.
    ignored_days : int
        Days at the start of the log whose first purchases may be those of old customers.
    n_ignored : int
        Customers first seen on these days.
    n_late : int
        So many of the newcomers may be old customers who had not bought since the log began: so many known customers
        would pass for newcomers if the log began two periods later. 0 if the business began with the log.
    money_kept : Estimate or None
        What known customers spent in the newest days, over what the same customers spent `months_kept` earlier; None
        if they spent nothing then.
    months_kept, n_known : int
        Months between the two, and the customers behind the figure; 12 months know no seasons.
    is_uneven : bool
        Whether the same customers spent more in some four weeks and in some month than in others, beyond chance, in a
        log too short to compare a year with the year before. A season may then be in the money of newcomers and in
        `money_kept`, so there is no `BaseValue.ltv_newcomer`.

    Examples
    --------
    >>> LastPeriod(name="month", n_months=1, n_before=0, n_active=0, prob_silent=0.1).retention_rate is None
    True
    """

    name: str = checked_field("name", as_text)
    n_months: int = count_field("n_months", low=1)
    n_before: int = count_field("n_before")
    n_active: int = count_field("n_active")
    prob_silent: float = number_field("prob_silent", low=0.0, high=1.0)
    retention_rate: Estimate | None = checked_field("retention_rate", optional(of_class(Estimate)), default=None)
    purchases_per_active: float | None = number_field("purchases_per_active", low=0.0, default=None)
    average_order_value: float | None = number_field("average_order_value", default=None)
    arpu: Estimate | None = checked_field("arpu", optional(of_class(Estimate)), default=None)
    n_newcomers: int = count_field("n_newcomers", default=0)
    newcomer_revenue: float | None = number_field("newcomer_revenue", default=None)
    newcomer_retention_rate: float | None = number_field("newcomer_retention_rate", low=0.0, high=1.0, default=None)
    newcomers_from: np.datetime64 | None = checked_field("newcomers_from", optional(as_day), default=None, eq=str)
    newcomers_to: np.datetime64 | None = checked_field("newcomers_to", optional(as_day), default=None, eq=str)
    ignored_days: int = count_field("ignored_days", default=0)
    n_ignored: int = count_field("n_ignored", default=0)
    n_late: int = count_field("n_late", default=0)
    money_kept: Estimate | None = checked_field("money_kept", optional(of_class(Estimate)), default=None)
    months_kept: int = count_field("months_kept", default=0)
    n_known: int = count_field("n_known", default=0)
    is_uneven: bool = checked_field("is_uneven", as_flag, default=False)

    def __attrs_post_init__(self) -> None:
        if self.name not in PERIODS or self.n_months != PERIODS[self.name]:
            rule = f"the months of a {', '.join(PERIODS)}: {', '.join(map(str, PERIODS.values()))}"
            raise InputError("n_months", rule, (self.name, self.n_months))
        _require_within("retention_rate", self.retention_rate, 0.0, 1.0)
        if self.retention_rate is not None and not self.n_before:
            raise InputError("retention_rate", "None where `n_before` is 0", self.retention_rate.value)
        if len({self.newcomers_from is None, self.newcomers_to is None, not self.n_newcomers}) > 1:
            raise InputError(
                "newcomers_from", "given, as `newcomers_to`, where there are newcomers", self.newcomers_from
            )
        require_at_most(self, "newcomers_from", "newcomers_to")


@attrs.frozen(kw_only=True)
class BaseValue:
    """Lifetime value, before acquisition cost; the intervals show what chance does to the measured rates.

    The intervals of active customers show the uncertainty of the retention rate only. That of a newcomer shows the
    uncertainty of the newcomers' own money and of the money kept, and allows for old customers among them. None shows
    how well the formula fits.

    Parameters
    ----------
    ltv_revenue : Estimate or None
        Value of an active customer: average order value x purchases a period x lifetime. Basis: revenue.
    ltv_margin : Estimate or None
        Value of an active customer: ARPU x margin / churn. Basis: margin. None without a margin.
    ltv_discounted : Estimate or None
        The same, discounted at the end of each period. None without a discount rate.
    ltv_newcomer : Estimate or None
        Value of a new customer: the margin of the first two periods, with the day after them, then for each two periods
        that of the repeat purchases of the two before, times what known customers keep spending (`money_kept`).
        Discounted if there is a discount rate. Basis: margin. None for fewer than 30 newcomers, if known customers
        spend no less than before, or if a season may be in it (`LastPeriod.is_uneven`).
    newcomer_beyond : float or None
        Share of it that lies beyond the first two periods.
    ltv_to_cac : float or None
        `ltv_newcomer` over the acquisition cost, because that cost buys newcomers, not customers who stayed.
    band : LtvToCacBand or None
        Band of that ratio.
    max_acquisition_cost : float or None
        Largest acquisition cost that keeps the ratio at 3.
    lowest_band : LtvToCacBand or None
        Band of the ratio at the lower end of the interval of `ltv_newcomer`; None if that end is not known.

    Examples
    --------
    >>> BaseValue(ltv_revenue=Estimate(120.0)).ltv_margin is None
    True
    """

    ltv_revenue: Estimate | None = checked_field("ltv_revenue", optional(of_class(Estimate)), default=None)
    ltv_margin: Estimate | None = checked_field("ltv_margin", optional(of_class(Estimate)), default=None)
    ltv_discounted: Estimate | None = checked_field("ltv_discounted", optional(of_class(Estimate)), default=None)
    ltv_newcomer: Estimate | None = checked_field("ltv_newcomer", optional(of_class(Estimate)), default=None)
    newcomer_beyond: float | None = number_field("newcomer_beyond", low=0.0, high=1.0, default=None)
    ltv_to_cac: float | None = number_field("ltv_to_cac", infinite=True, default=None)
    band: LtvToCacBand | None = checked_field("band", optional(of_class(LtvToCacBand)), default=None)
    max_acquisition_cost: float | None = number_field("max_acquisition_cost", default=None)
    lowest_band: LtvToCacBand | None = checked_field("lowest_band", optional(of_class(LtvToCacBand)), default=None)

    def of_newcomer(self, figure: float) -> Estimate:
        """Give a figure that is in proportion to the value of a newcomer, with the interval of that value.

        Parameters
        ----------
        figure : float
            Such as `ltv_to_cac` or `max_acquisition_cost`.

        Returns
        -------
        Estimate
            The figure; without ends where those of `ltv_newcomer` are not known, or its value is not above 0.

        Examples
        --------
        >>> value = BaseValue(ltv_newcomer=Estimate(60.0, 30.0, None), max_acquisition_cost=20.0)
        >>> value.of_newcomer(value.max_acquisition_cost)
        Estimate(value=20.0, low=10.0, high=None)
        """
        new = self.ltv_newcomer
        if new is None or not new.value > 0:
            return Estimate(figure)
        low, high = (None if end is None else figure * (end / new.value) for end in (new.low, new.high))
        return Estimate(figure, low, high) if figure >= 0 else Estimate(figure, high, low)


def decimals_of_ratio(value: BaseValue) -> int:
    """Give the decimals, at least 2, with which LTV:CAC and its lower end are not written as the end of their bands."""
    ratio = math.inf if value.ltv_to_cac is None else value.ltv_to_cac
    ends = ((ratio, value.band), (value.of_newcomer(ratio).low, value.lowest_band))
    return max((decimals(x, band.high, 2) for x, band in ends if x is not None and band is not None), default=2)


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

    top_decile_share: float = number_field("top_decile_share", low=0.0, high=1.0)
    top_fifth_share: float = number_field("top_fifth_share", low=0.0, high=1.0)
    gini: float = number_field("gini", low=0.0, high=1.0)

    def __attrs_post_init__(self) -> None:
        require_at_most(self, "top_decile_share", "top_fifth_share")


@attrs.frozen(kw_only=True)
class BaseSummary:
    """What a company's customers have done and are worth, as of a day.

    Parameters
    ----------
    as_of : datetime64[D]
        Last day of observation.
    recompute_on : datetime64[D]
        Day on which the figures should be computed again, a quarter later.
    first_day : datetime64[D]
        Day of the first purchase.
    n_customers : int
        Customers with at least one purchase.
    n_purchases : int
        Purchases; all orders of a customer on one day are one purchase.
    revenue : float or None
        Money of all purchases; None for a log without amounts.
    counts : OrderLogCounts
        What became of the rows of the log.
    repeat_purchase_rate, purchases_per_customer : Estimate
        Share of customers with more than one purchase; mean number of purchases.
    average_order_value, revenue_per_customer : Estimate or None
        Money per purchase, and money per customer so far.
    time_between_purchases : Estimate or None
        Mean days between two purchases; None if no customer bought twice.
    n_fell_silent : int
        Customers who bought at least 10 times and are silent for more than 20 times their mean time between purchases:
        too long to be chance. They count as all others do.
    fell_silent : str or None
        The one of them with most purchases; the first in ascending order if several have as many.
    last_period : LastPeriod or None
        The newest period and the one before; None if the log is too short for the customers' pace.
    margin, acquisition_cost, discount_rate : float or None
        As given.
    service_cost : float or None
        Cost of serving a customer [money/year], which `value` does not take off; a mean, if it differs by customer. The
        command gives one; :func:`summarise_base` knows none.
    value : BaseValue
        Lifetime value.
    concentration : Concentration or None
        Shares of the best customers; None for a log without amounts or without any money.

    Examples
    --------
    >>> from crmvalue.report import summarise_base
    >>> summary = summarise_base([1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30])
    >>> summary.n_customers, summary.revenue
    (2, 60.0)
    """

    as_of: np.datetime64 = checked_field("as_of", as_day, eq=str)
    recompute_on: np.datetime64 = checked_field("recompute_on", as_day, eq=str)
    first_day: np.datetime64 = checked_field("first_day", as_day, eq=str)
    n_customers: int = count_field("n_customers")
    n_purchases: int = count_field("n_purchases")
    revenue: float | None = number_field("revenue", optional=True)
    counts: OrderLogCounts = checked_field("counts", of_class(OrderLogCounts))
    repeat_purchase_rate: Estimate = checked_field("repeat_purchase_rate", of_class(Estimate))
    purchases_per_customer: Estimate = checked_field("purchases_per_customer", of_class(Estimate))
    average_order_value: Estimate | None = checked_field("average_order_value", optional(of_class(Estimate)))
    revenue_per_customer: Estimate | None = checked_field("revenue_per_customer", optional(of_class(Estimate)))
    time_between_purchases: Estimate | None = checked_field("time_between_purchases", optional(of_class(Estimate)))
    n_fell_silent: int = count_field("n_fell_silent", default=0)
    fell_silent: str | None = checked_field("fell_silent", optional(as_text), default=None)
    last_period: LastPeriod | None = checked_field("last_period", optional(of_class(LastPeriod)))
    margin: float | None = number_field("margin", low=0.0, high=1.0, optional=True)
    acquisition_cost: float | None = number_field("acquisition_cost", low=0.0, optional=True)
    discount_rate: float | None = number_field("discount_rate", low=0.0, optional=True)
    service_cost: float | None = number_field("service_cost", low=0.0, default=None)
    value: BaseValue = checked_field("value", of_class(BaseValue))
    concentration: Concentration | None = checked_field("concentration", optional(of_class(Concentration)))

    def __attrs_post_init__(self) -> None:
        require_at_most(self, "first_day", "as_of", "recompute_on")
        require_at_most(self, "n_fell_silent", "n_customers", "n_purchases")
        _require_within("repeat_purchase_rate", self.repeat_purchase_rate, 0.0, 1.0)
        _require_within("purchases_per_customer", self.purchases_per_customer, 1.0)
        for name in ("average_order_value", "revenue_per_customer", "time_between_purchases"):
            _require_within(name, getattr(self, name), 0.0)
        if (self.fell_silent is None) != (self.n_fell_silent == 0):
            raise InputError("fell_silent", "given where, and only where, `n_fell_silent` is above 0", self.fell_silent)

    def to_json(self) -> str:
        """Write all figures as JSON text; :meth:`from_json` reads them back."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> BaseSummary:
        """Read what :meth:`to_json` wrote; other text is an InputError.

        Examples
        --------
        >>> from crmvalue.report import summarise_base
        >>> summary = summarise_base([1, 1], ["2024-01-01", "2024-03-01"], [10, 20])
        >>> BaseSummary.from_json(summary.to_json()) == summary
        True
        """
        return from_json(cls, text, BaseValue, Concentration, Estimate, LastPeriod, LtvToCacBand, OrderLogCounts)


def _require_within(name: str, figure: Estimate | None, low: float, high: float = math.inf) -> None:
    """Check that a figure and the ends of its interval are in [low, high]."""
    ends = () if figure is None else (figure.value, figure.low, figure.high)
    rule = f"in [{low:g}, {high:g}]" if math.isfinite(high) else f">= {low:g}"
    for end in ends:
        if end is not None and not low - _SLACK <= end <= high + _SLACK:
            raise InputError(name, f"of a value and ends {rule}", end)


def holds_two_years(summary: BaseSummary) -> bool:
    """Whether the log holds the longest period twice, so that a longer log would show no more."""
    return bool(summary.as_of - summary.first_day > np.timedelta64(2 * 366, "D"))
