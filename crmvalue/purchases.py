"""An order log to one row per customer.

The probability models and RFM need a short summary of each customer's past instead of every order. Here is the way from
one to the other: :func:`summarise_purchases` for a whole log, :func:`split_purchases` to hold the newest part back for
checking a model, and :meth:`PurchaseHistory.from_columns` for a summary that a warehouse has already computed.

Times are measured with a ruler of fixed length, the `time_unit`: a day, a week of 7 days, a month of 30.4375 days, a
quarter of 91.3125 or a year of 365.25. Money keeps the unit of the amounts.

For rates and averages over the whole base see :mod:`crmvalue.metrics`; for the shipped data :mod:`crmvalue.datasets`.
"""

from __future__ import annotations

from crmvalue._purchases.history import DAYS_PER_UNIT, PurchaseHistory, UniquePurchases
from crmvalue._purchases.order_log import Grain, Missing, OrderLogCounts, Refunds, TimeUnit, Zeros
from crmvalue._purchases.splits import PurchaseSplit, split_purchases
from crmvalue._purchases.summary import summarise_purchases
from crmvalue._purchases.summary import to_history as to_history  # noqa: PLC0414 - for the overview

__all__ = [
    "DAYS_PER_UNIT",
    "Grain",
    "Missing",
    "OrderLogCounts",
    "PurchaseHistory",
    "PurchaseSplit",
    "Refunds",
    "TimeUnit",
    "UniquePurchases",
    "Zeros",
    "split_purchases",
    "summarise_purchases",
]
