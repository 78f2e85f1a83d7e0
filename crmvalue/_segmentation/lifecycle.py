"""Stages and tiers of customers: by time since the last purchase, by number of purchases, by value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from crmvalue._core.calendar import months_between
from crmvalue._core.checks import (
    as_column,
    as_counts,
    as_day,
    as_days,
    as_fraction,
    as_whole_number,
    require,
    require_choice,
    require_same_length,
)
from crmvalue._core.encoding.customers import text_array
from crmvalue._segmentation.labels import as_shares_of_a_sum, as_texts
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = [
    "LIFECYCLE_STAGES",
    "LOYALTY_STEPS",
    "SilenceUnit",
    "lifecycle_limits",
    "lifecycle_stage",
    "loyalty_step",
    "value_tier",
]

SilenceUnit: TypeAlias = Literal["month", "week", "day"]
TierBasis: TypeAlias = Literal["value_share", "customer_share"]

_MONTHS = {"sleeping_from": 9, "potential_churn_from": 24, "churned_from": 36}
_ABC = (0.8, 0.95)  # shares of the value
_ROUNDING = 1e-12  # of a gap: less is what binary arithmetic leaves of nothing

LIFECYCLE_STAGES = ("active", "sleeping", "potential churn", "churned")
"""Stages by time since the last purchase, in the order in which a customer without a purchase passes them."""
LOYALTY_STEPS = ("first purchase", "repeat", "regular", "loyal", "advocate")
"""Steps of the loyalty ladder, lowest first."""


def lifecycle_stage(
    last_purchase: ArrayLike,
    as_of: ArrayLike,
    *,
    unit: SilenceUnit = "month",
    sleeping_from: int | None = None,
    potential_churn_from: int | None = None,
    churned_from: int | None = None,
) -> npt.NDArray[np.str_]:
    """Give the stage of each customer by the time since the last purchase.

    Parameters
    ----------
    last_purchase : array_like
        Day of the last purchase: `datetime64`, `datetime.date` or ISO text; one customer or any number.
    as_of : date
        Day for which the stages are found.
    unit : {"month", "week", "day"}, optional
        What the limits count: calendar months, weeks of 7 days, or days. Months suit a trade whose customers buy a few
        times a year; days or weeks suit a grocer or a café.
    sleeping_from, potential_churn_from, churned_from : int, optional
        Silence after which a stage begins [`unit`], ascending, >= 1. The default is 9, 24 and 36 months. The first and
        the last come from the published case of a retailer: sleeping from 9 months, churned after 36. That source names
        no month between them; 24 is our choice. For weeks and days there is no default: :func:`lifecycle_limits` finds
        limits in the rhythm of the base.

    Returns
    -------
    str or ndarray of str
        One of `LIFECYCLE_STAGES`, in the shape of `last_purchase`.

    Raises
    ------
    InputError
        If a date is missing or after `as_of`, the limits do not ascend, or one is left out for weeks or days.

    Notes
    -----
    Months are counted in the calendar from the last purchase and clamped to the end of a month: after a last purchase
    on 31 May 2023, a customer is sleeping from 29 February 2024.

    Examples
    --------
    >>> lifecycle_stage(["2024-05-30", "2023-05-31", "2021-02-28"], "2024-05-31")
    array(['active', 'sleeping', 'churned'], dtype='<U15')
    >>> lifecycle_stage(
    ...     ["2024-05-30", "2024-05-01"],
    ...     "2024-05-31",
    ...     unit="day",
    ...     sleeping_from=21,
    ...     potential_churn_from=56,
    ...     churned_from=84,
    ... )
    array(['active', 'sleeping'], dtype='<U15')
    """
    last = as_days("last_purchase", last_purchase)
    today = as_day("as_of", as_of)
    require(last <= today, "last_purchase", last, f"no later than as_of ({today})")
    require_choice("unit", unit, get_args(SilenceUnit))
    given = {
        "sleeping_from": sleeping_from,
        "potential_churn_from": potential_churn_from,
        "churned_from": churned_from,
    }
    for name, limit in given.items():
        if limit is None and unit != "month":
            raise InputError(name, f"given with unit={unit!r}", None, hint="`lifecycle_limits` finds limits in days")
    limits = [as_whole_number(name, _MONTHS[name] if limit is None else limit, low=1) for name, limit in given.items()]
    if not limits[0] < limits[1] < limits[2]:
        raise InputError("churned_from", "above potential_churn_from, and that above sleeping_from", tuple(limits))
    silent = _silence(last, today, unit)
    stage: npt.NDArray[np.str_] = np.array(LIFECYCLE_STAGES)[np.searchsorted(limits, silent, side="right")]
    return stage


def _silence(last: Dates, today: np.datetime64, unit: SilenceUnit) -> Integers:
    if unit == "month":
        return months_between(last, np.asarray(today))
    days: Integers = (today - last).astype(np.int64)
    return days // 7 if unit == "week" else days


def lifecycle_limits(gap: ArrayLike, *, share: float = 0.9) -> dict[str, Any]:
    """Find the limits of the lifecycle in the rhythm in which the customers of a base buy.

    Parameters
    ----------
    gap : array_like
        Mean time between two purchases of each customer who bought more than once [days], > 0, shape (n,).
    share : float, optional
        Share of these customers whose gap is not above the first limit [fraction], in (0, 1). The default of 0.9 is our
        choice.

    Returns
    -------
    dict
        The arguments `unit` ("day"), `sleeping_from`, `potential_churn_from` and `churned_from` of
        :func:`lifecycle_stage`.

    Raises
    ------
    InputError
        If there is no customer, or a gap or the share is outside its range.

    Notes
    -----
    `sleeping_from` is the smallest whole number of days that is at least the gap of `share` of the customers. The other
    limits stand to it as 24 and 36 months stand to 9, rounded up. A log cannot show gaps that are longer than itself:
    on a short log the limits are too low.

    Examples
    --------
    >>> limits = lifecycle_limits([3, 5, 6, 7, 7, 7, 8, 10, 14, 60])
    >>> limits
    {'unit': 'day', 'sleeping_from': 14, 'potential_churn_from': 38, 'churned_from': 56}
    >>> lifecycle_stage(["2024-05-30", "2024-05-01"], "2024-05-31", **limits)
    array(['active', 'sleeping'], dtype='<U15')

    From a history in weeks:

    >>> from crmvalue.datasets import load_cdnow
    >>> from crmvalue.purchases import summarise_purchases
    >>> cdnow = load_cdnow()
    >>> history = summarise_purchases(cdnow.customer, cdnow.date)
    >>> again = history[history.frequency > 0]
    >>> lifecycle_limits(7 * again.recency / again.frequency)["sleeping_from"]
    254
    """
    days = as_column("gap", gap)
    require_same_length(gap=days)
    require(days > 0, "gap", days, "> 0", hint="leave out customers with one purchase")
    part = as_fraction("share", share)
    gap_of_share = float(np.quantile(days, part * (1 - _ROUNDING), method="inverted_cdf"))  # 0.55 * 100 is above 55
    first = math.ceil(gap_of_share * (1 - _ROUNDING))  # weeks times 7 may be a little more than whole days
    base = _MONTHS["sleeping_from"]
    limits = {name: -(-first * months // base) for name, months in _MONTHS.items()}
    return {"unit": "day", **limits}


def loyalty_step(
    n_purchases: ArrayLike, n_referrals: ArrayLike = 0, *, regular_from: int = 3, loyal_from: int = 6
) -> npt.NDArray[np.str_]:
    """Give the step of each customer on the loyalty ladder.

    Parameters
    ----------
    n_purchases : array_like
        Number of purchases, whole, >= 1.
    n_referrals : array_like, optional
        Number of customers whom each customer has referred, whole, >= 0. One referral makes an advocate, whatever the
        number of purchases.
    regular_from, loyal_from : int, optional
        Smallest number of purchases of a regular and of a loyal customer, ascending, >= 3. No source gives such
        numbers: the defaults are our choice.

    Returns
    -------
    str or ndarray of str
        One of `LOYALTY_STEPS`, in the shape of the arguments broadcast.

    Raises
    ------
    InputError
        If a number is not whole or too small, or the limits do not ascend.

    Examples
    --------
    >>> loyalty_step([1, 2, 4, 9, 1], [0, 0, 0, 0, 2])
    array(['first purchase', 'repeat', 'regular', 'loyal', 'advocate'],
          dtype='<U14')
    """
    bought, brought = as_counts(n_purchases=n_purchases, n_referrals=n_referrals)
    require(bought >= 1, "n_purchases", bought, ">= 1", hint="without a purchase there is no customer yet")
    regular = as_whole_number("regular_from", regular_from, low=3)
    loyal = as_whole_number("loyal_from", loyal_from, low=3)
    if regular >= loyal:
        raise InputError("loyal_from", f"above regular_from ({regular})", loyal)
    step = np.where(brought > 0, 4, np.searchsorted([2, regular, loyal], bought, side="right"))
    found: npt.NDArray[np.str_] = np.array(LOYALTY_STEPS)[step]
    return found


def value_tier(
    value: ArrayLike,
    *,
    basis: TierBasis,
    limits: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> npt.NDArray[np.str_]:
    """Give the tier of each customer by value, such as the best customers with 80 % of the value.

    Parameters
    ----------
    value : array_like
        Value of each customer, >= 0, shape (n,), with a sum above 0. A magnitude below 1e-9 counts as 0.
    basis : {"value_share", "customer_share"}
        What the limits count, best customers first: the cumulative share of the value, or of the customers.
    limits : array_like, optional
        End of each tier except the last, ascending, in (0, 1). For shares of the value the default is (0.8, 0.95), the
        ABC analysis; for shares of the customers there is no default.
    names : sequence of str, optional
        One more than limits, best first; by default "A", "B", "C", ...

    Returns
    -------
    ndarray of str
        Tier of each customer, shape (n,).

    Raises
    ------
    InputError
        If a value is NaN, infinite or negative, all are 0, the limits do not ascend in (0, 1), or their number does not
        fit the names.

    Notes
    -----
    Take the share of all customers who are strictly better than a customer: their share of the value, or their share of
    the customers. The customer is in the first tier whose limit lies above it. So equal customers are in one tier, the
    customer who crosses a limit belongs to the better tier, and the order of the rows does not matter.

    Examples
    --------
    >>> value_tier([500, 300, 100, 60, 40], basis="value_share")
    array(['A', 'A', 'B', 'B', 'C'], dtype='<U1')
    >>> value_tier([7, 7, 1, 1], basis="customer_share", limits=[0.25], names=["top", "other"])
    array(['top', 'top', 'other', 'other'], dtype='<U5')
    """
    values = as_shares_of_a_sum("value", value)
    require_choice("basis", basis, get_args(TierBasis))
    if limits is None:
        if basis == "customer_share":
            raise InputError("limits", "given with basis='customer_share'", None, hint="[0.1] for the best 10 %")
        limits = _ABC
    ends = as_column("limits", limits)
    require((ends > 0) & (ends < 1), "limits", ends, "in (0, 1)", hint="0.8, not 80")
    require(np.diff(ends, prepend=-1.0) > 0, "limits", ends, "in ascending order")
    labels = _tier_names(len(ends) + 1, names)
    distinct, place = np.unique(values, return_inverse=True)
    weight = np.bincount(place).astype(np.float64)
    if basis == "value_share":
        weight *= distinct
    ahead = np.concatenate(([0.0], np.cumsum(weight[::-1])[:-1]))[::-1]  # of customers who are strictly better
    tier = np.searchsorted(ends * weight.sum() * (1 - 1e-12), ahead, side="right")
    found: npt.NDArray[np.str_] = text_array(labels)[tier][place]
    return found


def _tier_names(n: int, names: Sequence[str] | None) -> list[str]:
    if names is None:
        if n > 26:
            raise InputError("names", "given for more than 26 tiers", None)
        return [chr(ord("A") + i) for i in range(n)]
    labels = list(as_texts("names", names))
    if len(labels) != n or len(set(labels)) != n:
        raise InputError("names", f"{n} different texts, one more than limits", names)
    return labels
