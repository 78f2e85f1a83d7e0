"""An order log to one row per customer.

The probability models and RFM need a short summary of each customer's past, not every order. This module makes it.

====================================================  =================================================================
For                                                   Use
====================================================  =================================================================
one row per customer from a whole log                 :func:`summarise_purchases`
a part to fit a model, and a later part to check it   :func:`split_purchases`
purchases and money of the last 180 days, say         :func:`summarise_window`, which gives a :class:`PurchaseWindow`
day and money of each purchase, for models of spend   `keep_amounts` of both: :class:`PurchaseAmounts`
a summary that a warehouse has already computed       :meth:`PurchaseHistory.from_columns`
how regularly customers buy                           :func:`estimate_regularity`, which gives a :class:`Regularity`
known traits of customers, for models                 :meth:`PurchaseHistory.with_covariates`
====================================================  =================================================================

Times are measured in a `time_unit` of fixed length: a day, a week of 7 days, a month of 30.4375 days, a quarter of
91.3125 or a year of 365.25. Money keeps the unit of the amounts.

Rates and averages over the whole base are in :mod:`crmvalue.metrics`, data to try in :mod:`crmvalue.datasets`.
"""

from __future__ import annotations

from crmvalue._purchases.amounts import PurchaseAmounts
from crmvalue._purchases.history import DAYS_PER_UNIT, PurchaseHistory, UniquePurchases
from crmvalue._purchases.order_log import Duplicates, Grain, Missing, OrderLogCounts, Refunds, TimeUnit, Zeros
from crmvalue._purchases.regularity import Regularity, estimate_regularity
from crmvalue._purchases.splits import PurchaseSplit, split_purchases
from crmvalue._purchases.splits import split_log as split_log  # noqa: PLC0414 - for the overview
from crmvalue._purchases.summary import summarise_log as summarise_log  # noqa: PLC0414 - for frames
from crmvalue._purchases.summary import summarise_purchases
from crmvalue._purchases.summary import to_history as to_history  # noqa: PLC0414 - for the overview
from crmvalue._purchases.window import PurchaseWindow, summarise_window
from crmvalue._purchases.window import sum_window as sum_window  # noqa: PLC0414 - for the overview

__all__ = [
    "DAYS_PER_UNIT",
    "Duplicates",
    "Grain",
    "Missing",
    "OrderLogCounts",
    "PurchaseAmounts",
    "PurchaseHistory",
    "PurchaseSplit",
    "PurchaseWindow",
    "Refunds",
    "Regularity",
    "TimeUnit",
    "UniquePurchases",
    "Zeros",
    "estimate_regularity",
    "split_purchases",
    "summarise_purchases",
    "summarise_window",
]
