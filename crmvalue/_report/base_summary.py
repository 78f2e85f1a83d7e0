"""The key figures of a base as frozen values; :mod:`crmvalue.report` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from crmvalue._core.checks import as_day
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import checked_field, count_field, optional
from crmvalue.ltv import LtvToCacBand
from crmvalue.purchases import OrderLogCounts

if TYPE_CHECKING:
    import numpy as np

__all__ = ["BaseSummary", "BaseValue", "Concentration", "Estimate", "LastPeriod"]


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

    value: float
    low: float | None = None
    high: float | None = None


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
        supposes purchases at random times, at the mean pace of the repeat buyers.
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
    newcomers_from: np.datetime64 | None = checked_field("newcomers_from", optional(as_day), default=None, eq=str)
    newcomers_to: np.datetime64 | None = checked_field("newcomers_to", optional(as_day), default=None, eq=str)
    ignored_days: int = 0
    n_ignored: int = 0


@attrs.frozen(kw_only=True)
class BaseValue:
    """Lifetime value, before acquisition cost; the intervals show what chance does to the measured rates.

    The intervals of active customers show the uncertainty of the retention rate only. That of a newcomer also shows
    the uncertainty of the newcomers' own figures and of the ARPU. None shows how well the formula fits.

    Parameters
    ----------
    ltv_revenue : Estimate or None
        Value of an active customer: average order value x purchases a period x lifetime. Basis: revenue.
    ltv_margin : Estimate or None
        Value of an active customer: ARPU x margin / churn. Basis: margin. None without a margin.
    ltv_discounted : Estimate or None
        The same, discounted at the end of each period. None without a discount rate.
    ltv_newcomer : Estimate or None
        Value of a new customer: the margin of the first period, then the value of an active customer for the share
        that buys again. Discounted if there is a discount rate. Basis: margin. None for fewer than 30 newcomers.
    ltv_to_cac : float or None
        `ltv_newcomer` over the acquisition cost, because that cost buys newcomers, not customers who stayed.
    band : LtvToCacBand or None
        Band of that ratio.
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
    revenue: float | None
    counts: OrderLogCounts
    repeat_purchase_rate: Estimate
    purchases_per_customer: Estimate
    average_order_value: Estimate | None
    revenue_per_customer: Estimate | None
    time_between_purchases: Estimate | None
    n_fell_silent: int = count_field("n_fell_silent", default=0)
    fell_silent: str | None = None
    last_period: LastPeriod | None
    margin: float | None
    acquisition_cost: float | None
    discount_rate: float | None
    value: BaseValue
    concentration: Concentration | None

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
