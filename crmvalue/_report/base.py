"""What the customers of a log have done and are worth; the part of the report that measures the base.

The public door is :mod:`crmvalue.report`.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from crmvalue import ltv, metrics
from crmvalue._core.calendar import add_months, start_of_log
from crmvalue._core.checks import as_day, as_fraction, as_positive, as_whole_number
from crmvalue._core.clock.old_customers import DaysBought, days_bought, pile_of_old_customers
from crmvalue._core.values import optional
from crmvalue._purchases.order_log import Log, Policy, Purchases, condense, find_purchases, last_day, read_log
from crmvalue._report.base_summary import PERIODS, BaseSummary, BaseValue, Concentration, Estimate, LastPeriod
from crmvalue._report.newcomers import (
    FEWEST_NEWCOMERS,
    KeptMoney,
    Newcomers,
    find_newcomers,
    first_days,
    kept_money,
    newcomer_value,
)
from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseHistory, to_history
from crmvalue.segmentation import gini, top_share

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.ltv import LtvToCacBand
    from crmvalue.purchases import Duplicates, Missing, Refunds, Zeros
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["summarise_base", "summarise_base_log"]

_PACES = 2.0  # a period must hold so many typical times between purchases, else silence says too little
_MOST_DAYS = 3_652_058  # from the year 1 to the year 9999
_OFTEN = 10  # purchases that tell the pace of a customer
_SILENT = 20.0  # times their mean time between purchases; by chance a silence is longer with a probability of 2e-9
_DAY = np.timedelta64(1, "D")


def summarise_base(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    margin: float | None = None,
    acquisition_cost: float | None = None,
    discount_rate: float | None = None,
    as_of: ArrayLike | None = None,
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
    ignore_first_days: int | None = None,
    industry: str | None = None,
) -> BaseSummary:
    """Measure a base from its order log: key figures, lifetime value, concentration.

    Parameters
    ----------
    customer, date, amount, as_of, refunds, zeros, missing, duplicates
        As in :func:`crmvalue.purchases.summarise_purchases`. A log that nobody has cleaned often needs
        ``refunds="net"`` and ``missing="drop"``, which the command `python -m crmvalue` uses.
    margin : float, optional
        Margin [fraction of revenue], in [0, 1]. Without it there is only a value in revenue, and no LTV:CAC.
    acquisition_cost : float, optional
        Cost to win one customer [money], > 0.
    discount_rate : float, optional
        Effective rate per **year** [fraction], >= 0.
    ignore_first_days : int, optional
        Days at the start of the log, >= 0, such as 60. Customers first seen on them do not count as newcomers. 0 if the
        business began with the log. By default, the pile of first purchases at the start is left out, if there is one.
    industry : str, optional
        Industry that LTV:CAC is compared with, as in `crmvalue.ltv.LTV_TO_CAC_BENCHMARKS`, such as "B2B SaaS".

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
    Churn is measured on the two newest full periods of the log. The period is the longest of year, half-year, quarter
    and month of which the log holds two. A customer who bought in the first of the two and not in the second counts as
    lost. A period shorter than twice the typical time between purchases says too little about churn: then no value is
    given. The typical time is the median of the mean times of those who bought again, so that no single customer sets
    it. If it takes more than a quarter until the first hundredth of the customers has come, the log begins after
    them for this measurement: a few who came long before the others do not make it long.

    Newcomers are customers whose first purchase is in the log and whose first two periods are over. A log that begins
    in the middle of the business's life meets its old customers first, the heaviest shoppers before all others. So
    customers first seen on the first days are left out, where first purchases pile up: where the first weeks have at
    least 1.3 times as many as the same number of weeks after them, beyond chance (three standard deviations). A pile of
    more weeks than half of those in which half of the customers came, up to 13, counts if it is that of old customers
    who buy at regular times: it is even, has twice as many as the weeks after it, and a tenth of all customers or more
    comes still later. The pile ends where the mean of the next four and of the next eight weeks is at most 1.25 times
    the mean of the second half of the log, chance aside. Half as many days again are left out for old customers who buy
    rarely. Nobody is left out of a business that opens: there the people of the pile buy at most 1.1 times as often as
    later ones in the same time, and the first 2, 4 or 8 weeks have less than 0.8 times the purchases of the next
    quarter's weeks, or the first two more than 1.25 times those of the next four, beyond chance. The same weeks a year
    later tell this from a season, so a log of under 60 weeks, or with a month without a purchase, is not judged by it.
    Then the period is the longest that leaves at least 30 newcomers, if there is one. Fewer than 30 newcomers give no
    figure.

    Old customers who buy rarely come after the pile. Where most customers buy once, the others are no pile at all.
    Known customers show how many they are, and how much more they buy than newcomers: those who would pass for
    newcomers if the log began two periods later. Both ends of the interval allow for them. If there is no pile, nobody
    is taken for old where known customers are more than half of those in the first four weeks of that later log,
    because then they would be a pile; nor with ``ignore_first_days=0``.

    The value of a newcomer does not rest on the retention rate: a rate of customers is too low where some buy rarely,
    and it rises and falls with the seasons. Their money of two periods is measured. The money kept is measured on known
    customers: what they spent in the newest days, over what the same customers spent 12 months earlier (6, 3 or 1 in a
    log shorter than 1.25 times as much). Half of the rest of the log is the length of these two windows, and the other
    half, before them, shows who is known. The repeat purchases of newcomers are taken to shrink at this pace. Whether
    they do, and whether the next newcomers are like these, no log can show.

    Where the two windows are less than 12 months apart, a season can pass for customers who leave, or hide them. So the
    money of the same customers is compared, window by window. Customers who are known can only leave. The old customers
    who are left out, and buy again later, have been there all the time. If the first spent more in some window than in
    an earlier one, or the second less, by four standard deviations and a tenth, no value of a newcomer is given.
    Windows of four weeks have to show it, and those of a month too: if customers pay on one day of the month, only
    months are alike, and if they come on one day of the week, only four weeks.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> summary = summarise_base(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3)
    >>> summary.last_period.name, round(summary.value.ltv_margin.value, 2)
    ('half-year', 52.25)
    """
    log = read_log(customer, date, amount, time_unit="day", grain="day", missing=missing)
    return summarise_base_log(
        log,
        Policy(refunds, zeros, missing, duplicates),
        margin=margin,
        acquisition_cost=acquisition_cost,
        discount_rate=discount_rate,
        as_of=as_of,
        ignore_first_days=ignore_first_days,
        industry=industry,
    )


def summarise_base_log(
    log: Log,
    policy: Policy,
    *,
    margin: float | None,
    acquisition_cost: float | None,
    discount_rate: float | None,
    as_of: ArrayLike | None,
    ignore_first_days: int | None = None,
    industry: str | None = None,
    service_cost: float | None = None,
) -> BaseSummary:
    """Do what :func:`summarise_base` does, for a log that has been read; the cost of serving is only named."""
    margin = optional(partial(as_fraction, closed=True))("margin", margin)
    acquisition_cost = optional(as_positive)("acquisition_cost", acquisition_cost)
    discount_rate = optional(partial(as_positive, zero=True))("discount_rate", discount_rate)
    if ignore_first_days is not None:
        ignore_first_days = as_whole_number("ignore_first_days", ignore_first_days, low=0, high=_MOST_DAYS)
    for name, given in (("acquisition_cost", acquisition_cost), ("discount_rate", discount_rate)):
        if given is not None and margin is None:
            raise InputError(name, "given together with a margin", given, hint="without one there is only revenue")
    if industry is not None:
        ltv.ltv_to_cac_benchmark(industry)  # raises for one that is not in the table
    end = last_day(log, "as_of", as_of)
    purchases, counts = find_purchases(log, policy, None, end, "day")
    history = to_history(condense(log, purchases, counts), end, "day", "day")
    between = _ratio(history.recency, history.frequency) if history.frequency.any() else None
    period, newcomers, money_kept = _last_period(purchases, end, _typical_gap(history), ignore_first_days)
    spend = history.total_spend
    silent = _fell_silent(history)
    return BaseSummary(
        as_of=end,
        recompute_on=_recompute_on(end, "date" if as_of is None else "as_of"),
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
        n_fell_silent=len(silent),
        fell_silent=str(max(silent, key=silent.__getitem__)) if silent else None,
        last_period=period,
        margin=margin,
        acquisition_cost=acquisition_cost,
        discount_rate=discount_rate,
        service_cost=service_cost,
        value=_base_value(period, newcomers, money_kept, margin, acquisition_cost, discount_rate, industry),
        concentration=_concentration(history),
    )


def _fell_silent(history: PurchaseHistory) -> dict[Any, float]:
    """Give the customers who bought often and are silent for too long to be chance, with their purchases."""
    often = history.n_purchases >= _OFTEN
    silent = often & (history.days_since_last * history.frequency > _SILENT * history.recency)
    names = np.arange(len(history)) if history.customer is None else history.customer
    return dict(zip(names[silent].tolist(), history.n_purchases[silent].tolist(), strict=True))


def _typical_gap(history: PurchaseHistory) -> float | None:
    """Give the median of the mean times between purchases of those who bought again [days]; None without any."""
    again = history.frequency > 0
    return float(np.median(history.recency[again] / history.frequency[again])) if again.any() else None


def _share(n_part: int, n_all: int) -> Estimate:
    low, high = metrics.proportion_interval(n_part, n_all)
    return Estimate(n_part / n_all, float(low), float(high))


def _recompute_on(end: np.datetime64, name: str) -> np.datetime64:
    """Day on which the figures should be computed again; an error names the argument from which the last day came."""
    try:
        return as_day(name, ltv.recalculation_date(end))
    except InputError as error:
        raise InputError(name, error.rule, error.value, hint=error.hint) from error


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


def _last_period(
    purchases: Purchases, as_of: np.datetime64, typical_gap: float | None, ignore_first_days: int | None
) -> tuple[LastPeriod | None, Newcomers | None, KeptMoney | None]:
    """Measure the longest period that the log holds twice, if it is long enough for the customers' pace.

    If the log begins with old customers, a shorter period that leaves enough newcomers goes before a longer one.
    """
    day = purchases.day.astype("datetime64[D]")
    came = first_days(purchases, day)[np.diff(purchases.start) > 0]
    start_day = start_of_log(came)
    ignored = ignore_first_days
    if ignored is None:
        ignored = _days_of_old_customers(came, np.diff(purchases.start), day, start_day)
        ignored += int((start_day - came.min()).astype(np.int64)) if ignored else 0
    fitting: list[tuple[str, int, Newcomers]] = []
    for name, n_months in PERIODS.items():
        before, start = add_months(np.array(as_of), np.array([-2 * n_months, -n_months]))
        if before < start_day - _DAY:
            continue
        if typical_gap is None or int((as_of - start).astype(int)) < _PACES * typical_gap:
            break
        found = find_newcomers(
            purchases, day, as_of, n_months, ignored, start_day, began_with_log=ignore_first_days == 0
        )
        fitting.append((name, n_months, found))
    if not fitting:
        return None, None, None
    enough = [one for one in fitting if len(one[2].came) >= FEWEST_NEWCOMERS]
    name, n_months, newcomers = (enough if ignored and enough else fitting)[0]
    before, start = add_months(np.array(as_of), np.array([-2 * n_months, -n_months]))
    bought_before = _in_window(purchases, day, before, start)
    bought = _in_window(purchases, day, start, as_of)
    n_before, n_active = (int(np.count_nonzero(who)) for who in (bought_before, bought))
    newest = day > start
    money = _sum_by_customer(purchases, newest)[bought]
    paid = bool(money.any())
    n_days = int((as_of - start).astype(int))
    many = len(newcomers.came) >= FEWEST_NEWCOMERS
    money_kept = kept_money(purchases, day, as_of, start_day, cast("float", typical_gap), ignored)
    period = LastPeriod(
        name=name,
        n_months=n_months,
        n_before=n_before,
        n_active=n_active,
        prob_silent=math.exp(-n_days / cast("float", typical_gap)),
        retention_rate=_share(int(np.count_nonzero(bought & bought_before)), n_before) if n_before else None,
        purchases_per_active=int(np.count_nonzero(newest)) / n_active if n_active else None,
        average_order_value=float(money.sum() / np.count_nonzero(newest)) if paid else None,
        arpu=_mean(money) if paid else None,
        n_newcomers=len(newcomers.came),
        newcomer_revenue=float(newcomers.money.mean()) if many else None,
        newcomer_retention_rate=float(newcomers.came_again.mean()) if many else None,
        newcomers_from=newcomers.came.min() if len(newcomers.came) else None,
        newcomers_to=newcomers.came.max() if len(newcomers.came) else None,
        ignored_days=ignored,
        n_ignored=newcomers.n_ignored,
        n_late=newcomers.n_late,
        money_kept=None if money_kept is None else money_kept.share,
        months_kept=0 if money_kept is None else money_kept.n_months,
        n_known=0 if money_kept is None else money_kept.n_customers,
        is_uneven=money_kept is not None and money_kept.is_uneven,
    )
    return period, newcomers if many else None, money_kept


def _days_of_old_customers(came: Dates, n_purchases: Integers, day: Dates, start_day: np.datetime64) -> int:
    """Give the days from the start of the log in which its old customers come; 0 if it has none."""
    n_purchases = n_purchases[n_purchases > 0]
    inside = came >= start_day
    owner = np.repeat(np.arange(len(came)), n_purchases)

    def bought() -> DaysBought:
        chosen = inside[owner]
        return days_bought(came, owner[chosen], day[chosen])

    return pile_of_old_customers(came[inside], bought)


def _in_window(purchases: Purchases, day: Dates, after: np.datetime64, end: np.datetime64) -> npt.NDArray[np.bool_]:
    """Tell for each customer whether they bought after one day and up to another."""
    seen = np.concatenate([[0], np.cumsum((day > after) & (day <= end))])
    return np.diff(seen[purchases.start]) > 0


def _sum_by_customer(purchases: Purchases, chosen: npt.NDArray[np.bool_]) -> Floats:
    owner = np.repeat(np.arange(len(purchases.start) - 1), np.diff(purchases.start))
    return np.bincount(owner[chosen], purchases.amount[chosen], len(purchases.start) - 1).astype(np.float64)


def _base_value(
    period: LastPeriod | None,
    newcomers: Newcomers | None,
    money_kept: KeptMoney | None,
    margin: float | None,
    acquisition_cost: float | None,
    discount_rate: float | None,
    industry: str | None,
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

    revenue = _over_churn(kept, lambda churn: ltv.ltv_retail(order_value, n_purchases, ltv.expected_lifetime(churn)))
    if margin is None:
        return BaseValue(ltv_revenue=revenue)
    found = None
    if newcomers is not None and money_kept is not None and not money_kept.is_uneven:
        found = newcomer_value(newcomers, margin, money_kept, period.n_months, rate)
    new, beyond = (None, None) if found is None else found
    ratio = lowest = None
    if new is not None and acquisition_cost is not None:
        ratio = float(ltv.ltv_to_cac(new.value, acquisition_cost))
        lowest = None if new.low is None or new.low < 0 else float(ltv.ltv_to_cac(new.low, acquisition_cost))
    discounted = None
    if discount_rate is not None:
        discounted = _over_churn(kept, lambda churn: ltv.ltv_margin_churn(arpu, margin, churn, discount_rate=rate))
    return BaseValue(
        ltv_revenue=revenue,
        ltv_margin=_over_churn(kept, lambda churn: ltv.ltv_margin_churn(arpu, margin, churn)),
        ltv_discounted=discounted,
        ltv_newcomer=new,
        newcomer_beyond=beyond,
        ltv_to_cac=ratio,
        band=None if ratio is None else cast("LtvToCacBand", ltv.ltv_to_cac_band(ratio, industry=industry)),
        max_acquisition_cost=None if new is None else float(ltv.max_acquisition_cost(new.value, 3)),
        lowest_band=None if lowest is None else cast("LtvToCacBand", ltv.ltv_to_cac_band(lowest, industry=industry)),
    )


def _over_churn(kept: Estimate, formula: Callable[[float], Any]) -> Estimate | None:
    """Evaluate a formula at the measured churn and at the ends of its interval."""

    def at(retention: float | None) -> float | None:
        try:
            return None if retention is None else float(formula(1 - retention))
        except InputError:  # no customer was lost, and nothing is discounted: the value is infinite
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
