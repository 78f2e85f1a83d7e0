"""An order log summarised to one row per customer; :mod:`crmvalue.purchases` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.checks import as_flag
from crmvalue._core.values import hand_over
from crmvalue._purchases.amounts import PurchaseAmounts
from crmvalue._purchases.history import DAYS_PER_UNIT, PurchaseHistory
from crmvalue._purchases.order_log import Policy, aggregate, last_day, read_log, start_of_grain
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._purchases.order_log import Duplicates, Grain, Log, Missing, Refunds, Summary, TimeUnit, Zeros
    from crmvalue.typing import ArrayLike

__all__ = ["summarise_log", "summarise_purchases", "to_history"]


def summarise_purchases(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    as_of: ArrayLike | None = None,
    time_unit: TimeUnit = "week",
    grain: Grain = "day",
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
    keep_amounts: bool = False,
) -> PurchaseHistory:
    """Turn an order log into one row per customer, whatever the order of its rows.

    Parameters
    ----------
    customer : array_like
        Customer of each row, whole numbers or text, shape (rows,).
    date : array_like
        Date of each row: `datetime64`, `datetime.date` or ISO text, without time zone; a time of day is cut off.
    amount : array_like, optional
        Money of each row, below 0 for a refund: of a magnitude up to 1e15. A magnitude below 1e-9 counts as 0, because
        it is what binary arithmetic leaves of nothing; `counts.n_residues` says how many there are.
    as_of : date, optional
        Last day of observation; later rows are left out and counted. By default the last date of the log. Give the day
        if the last days of the log may have no rows, because `age` depends on it. It must be given if a few rows (at
        most a tenth) lie after more than five years without any row, such as an order dated 2203 by mistake.
    time_unit : {"day", "week", "month", "quarter", "year"}, optional
        Unit of the times in the result.
    grain : {"day", "week"}, optional
        All purchases of a customer in one grain are one purchase. Weeks begin on Monday; with "week", all times are
        counted from Monday to Monday.
    refunds : {"raise", "net", "drop"}, optional
        Policy for rows with an amount below 0. "net" takes them off the customer's latest purchase at or before them,
        then off the purchase before that one; a purchase that is refunded in full does not count.
    zeros : {"keep", "drop", "raise"}, optional
        Policy for rows with an amount of 0: "keep" counts them as purchases.
    missing : {"raise", "drop"}, optional
        Policy for rows whose customer, date or amount is missing: None, NaN, NaT, or for a customer a blank text.
        "drop" leaves them out; `counts` says how many there are of each kind.
    duplicates : {"keep", "drop", "raise"}, optional
        Policy for exact copies: rows with the customer, the date (time of day included) and the amount of an earlier
        row, such as those of a file that was loaded twice. "keep" counts them like other rows, because two equal lines
        of one order look the same; `counts` says how many there are.
    keep_amounts : bool, optional
        Keep day and money of each purchase in `amounts`, for models of spend that need them, such as
        :func:`crmvalue.models.fit_lognormal_spend`.

    Returns
    -------
    PurchaseHistory
        One element per customer in ascending order of `customer`, with `counts` of what the policies did.

    Raises
    ------
    InputError
        If a column has an illegal value or one that a policy forbids, if columns differ in length, if there is no row,
        if a row lies far after all others and `as_of` is not given, or if no purchase is left.

    Warns
    -----
    DataWarning
        If at most a tenth of the rows lie more than five years before all others, as 1900-01-01 does. They are used.
        Without `as_of` also: if at most 4 purchases come long after all others, so that a wrong date may set the last
        day; if weeks without a purchase in the middle may be lost rows. Long is at least 14 days and four times the
        usual time between two days with purchases, after 20 purchases in as many days.

    Notes
    -----
    Repeat purchases, recency and age are the x, t_x and T of Fader, Hardie and Lee (2005). The first purchase makes a
    customer and is not counted. If all amounts are whole cents, sums are exact up to 9e13 for a customer, so the order
    of the rows does not matter; if all have at most three decimals, up to 9e12. Sums of other amounts may differ in
    their last digits in another order.

    Examples
    --------
    >>> history = summarise_purchases(
    ...     customer=["ann", "bob", "ann", "ann"],
    ...     date=["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-15"],
    ...     amount=[20, 30, 5, 10],
    ...     as_of="2024-01-29",
    ... )
    >>> history.frequency, history.recency, history.age
    (array([1., 0.]), array([2., 0.]), array([4., 3.]))
    >>> history.mean_repeat_spend
    array([15., nan])
    """
    kept = as_flag("keep_amounts", keep_amounts)
    log = read_log(customer, date, amount, time_unit=time_unit, grain=grain, missing=missing)
    policy = Policy(refunds, zeros, missing, duplicates)
    return summarise_log(log, policy, as_of, time_unit, grain, keep_amounts=kept)


def summarise_log(
    log: Log, policy: Policy, as_of: ArrayLike | None, time_unit: TimeUnit, grain: Grain, *, keep_amounts: bool = False
) -> PurchaseHistory:
    """Do what :func:`summarise_purchases` does, for a log that has been read."""
    end = last_day(log, "as_of", as_of)
    found = aggregate(log, policy, None, end, grain)
    return to_history(found, end, time_unit, grain, keep_amounts=keep_amounts)


def to_history(
    summary: Summary, end: np.datetime64, time_unit: TimeUnit, grain: Grain, *, keep_amounts: bool = False
) -> PurchaseHistory:
    """Make a history of the summary of a log, in its units."""
    if len(summary.customer) == 0:
        rule = f"such that at least one row until {end} is a purchase"
        raise InputError("amount", rule, "no purchase, only refunds and rows that are left out")
    ruler = DAYS_PER_UNIT[time_unit]
    final_day = start_of_grain(end.astype(np.int64), grain)
    frequency = (summary.n_purchases - 1).astype(np.float64)
    repeat_spend = None
    if summary.repeat_spend is not None:
        repeat_spend = np.full(len(frequency), np.nan)
        np.divide(summary.repeat_spend, frequency, out=repeat_spend, where=frequency > 0)
    return PurchaseHistory(
        customer=hand_over(summary.customer),
        frequency=hand_over(frequency),
        recency=hand_over((summary.last_day - summary.first_day) / ruler),
        age=hand_over((final_day - summary.first_day) / ruler),
        mean_repeat_spend=None if repeat_spend is None else hand_over(repeat_spend),
        total_spend=None if summary.total is None else hand_over(summary.total),
        time_unit=time_unit,
        grain=grain,
        as_of=end,
        counts=summary.counts,
        amounts=_amounts(summary) if keep_amounts else None,
    )


def _amounts(summary: Summary) -> PurchaseAmounts:
    if summary.total is None:
        raise InputError("amount", "given with `keep_amounts`", None)
    return PurchaseAmounts(
        n_purchases=hand_over(summary.n_purchases),
        day=hand_over(summary.day.astype("datetime64[D]")),
        amount=hand_over(summary.amount),
    )
