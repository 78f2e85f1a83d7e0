r"""Lifetime value in closed form, discounting, and value against acquisition cost.

**LTV** is the average over a base. The value of a single customer (CLV) comes from :mod:`crmvalue.models`. Every
function states its basis: revenue or margin, before or net of acquisition cost. Do not mix values of different bases.

==============================================================  =====================================================
For                                                             Use
==============================================================  =====================================================
subscriptions, regular payments (revenue)                       :func:`ltv_simple`
shops (revenue)                                                 :func:`ltv_retail`
subscribers who leave at a constant rate (margin)               :func:`ltv_margin_churn`, :func:`ltv_retention`
how long they stay                                              :func:`expected_lifetime`, :func:`retention_curve`
contracts with a forecast for each period (net)                 :func:`ltv_npv`
segments that differ (margin)                                   :func:`ltv_segments`
all costs known (net), customers with much service              :func:`ltv_net_of_costs`, :func:`ltv_net_of_service`
cost of serving, and customers who cost more than they bring    :func:`service_cost`, :func:`customer_profits`
cash flows of equal periods                                     :func:`npv`, :func:`irr`, :func:`payback_periods`
cash flows on dates                                             :func:`npv_dated`, :func:`irr_dated`
value against acquisition cost                                  :func:`ltv_to_cac`, :func:`max_acquisition_cost`
both by channel, region and cohort, with payback                :func:`group_economics`, :func:`cash_flows_by_age`
an acquisition budget over channels                             :func:`split_budget`
what a ratio of the two means                                   :func:`ltv_to_cac_band`, :func:`ltv_to_cac_benchmark`
figures that the sources quote, and your own beside them        :func:`check_quoted_figures`
rates of another period                                         :func:`convert_rate`
effect of each input on the value                               :func:`ltv_sensitivity`, :func:`retention_uplift`
when to compute a value again                                   :func:`recalculation_date`, :func:`is_stale`
==============================================================  =====================================================

Money is in the caller's currency. Rates are fractions per period, never percent. All inputs of one call refer to the
same period. Arrays broadcast. The seven formulas and their worked examples come from practitioners' articles on LTV.
"""

from __future__ import annotations

from crmvalue._ltv.budget import BudgetSplit, split_budget
from crmvalue._ltv.cash_flows import Timing, irr, irr_dated, npv, npv_dated, payback_periods
from crmvalue._ltv.customer_profits import CustomerProfits, customer_profits, service_cost
from crmvalue._ltv.formulas import (
    ltv_margin_churn,
    ltv_net_of_costs,
    ltv_net_of_service,
    ltv_npv,
    ltv_retail,
    ltv_retention,
    ltv_simple,
)
from crmvalue._ltv.group_economics import GroupEconomics, cash_flows_by_age, group_economics
from crmvalue._ltv.quoted_figures import QUOTED_FIGURES, QuotedFigure, QuotedFigureChecks, check_quoted_figures
from crmvalue._ltv.rates import RateKind, RatePeriod, convert_rate, expected_lifetime, retention_curve
from crmvalue._ltv.recalculation import is_stale, recalculation_date
from crmvalue._ltv.segments import SegmentLtv, ltv_segments
from crmvalue._ltv.sensitivity import ltv_sensitivity, retention_uplift
from crmvalue._ltv.unit_economics import (
    LTV_TO_CAC_BANDS,
    LTV_TO_CAC_BENCHMARKS,
    LtvToCacBand,
    LtvToCacBands,
    LtvToCacBenchmark,
    ltv_to_cac,
    ltv_to_cac_band,
    ltv_to_cac_benchmark,
    max_acquisition_cost,
)

__all__ = [
    "LTV_TO_CAC_BANDS",
    "LTV_TO_CAC_BENCHMARKS",
    "QUOTED_FIGURES",
    "BudgetSplit",
    "CustomerProfits",
    "GroupEconomics",
    "LtvToCacBand",
    "LtvToCacBands",
    "LtvToCacBenchmark",
    "QuotedFigure",
    "QuotedFigureChecks",
    "RateKind",
    "RatePeriod",
    "SegmentLtv",
    "Timing",
    "cash_flows_by_age",
    "check_quoted_figures",
    "convert_rate",
    "customer_profits",
    "expected_lifetime",
    "group_economics",
    "irr",
    "irr_dated",
    "is_stale",
    "ltv_margin_churn",
    "ltv_net_of_costs",
    "ltv_net_of_service",
    "ltv_npv",
    "ltv_retail",
    "ltv_retention",
    "ltv_segments",
    "ltv_sensitivity",
    "ltv_simple",
    "ltv_to_cac",
    "ltv_to_cac_band",
    "ltv_to_cac_benchmark",
    "max_acquisition_cost",
    "npv",
    "npv_dated",
    "payback_periods",
    "recalculation_date",
    "retention_curve",
    "retention_uplift",
    "service_cost",
    "split_budget",
]
