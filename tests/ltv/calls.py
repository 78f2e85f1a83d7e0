"""A valid call of every public function of `crmvalue.ltv`."""

from __future__ import annotations

from crmvalue import ltv
from tests.calls import Call

__all__ = ["CALLS", "valid_arguments"]

_STREAMS = [[60.0, 50.0], [90.0, 10.0]]

CALLS: list[Call] = [
    Call(ltv.ltv_simple, {"arpu": [30, 1000], "lifetime": [24, 36]}, {"arpu": -1, "lifetime": -1}),
    Call(
        ltv.ltv_retail,
        {"average_order_value": [80, 20], "purchase_frequency": [4, 12], "lifetime": [3, 2]},
        {"average_order_value": -1, "purchase_frequency": -1, "lifetime": -1},
    ),
    Call(
        ltv.ltv_margin_churn,
        {"arpu": [15, 20], "margin": [0.6, 0.5], "churn_rate": [0.04, 0.1], "discount_rate": [0.01, 0.02]},
        {"arpu": -1, "margin": 60, "churn_rate": 4, "discount_rate": -0.1},
    ),
    Call(
        ltv.ltv_npv,
        {"revenue": _STREAMS, "margin": [0.5, 0.4], "discount_rate": [0.1, 0.2], "acquisition_cost": [10, 20]},
        {"revenue": -1, "margin": 50, "discount_rate": -0.1, "acquisition_cost": -1},
    ),
    Call(
        ltv.ltv_segments,
        {"revenue": [100, 40], "prob_retained": [0.8, 0.5], "margin": [0.3, 0.4], "as_of": "2025-03-31"},
        {"revenue": -1, "prob_retained": 80, "margin": 30, "as_of": "2025-02-29"},
    ),
    Call(
        ltv.ltv_net_of_costs,
        {"arpu": [500, 50], "lifetime": [24, 12], "acquisition_cost": [600, 60], "service_cost": [400, 40]},
        {"arpu": -1, "lifetime": -1, "acquisition_cost": -1, "service_cost": -1},
    ),
    Call(
        ltv.ltv_net_of_service,
        {"revenue": [12_000, 100], "service_cost": [12_000, 10]},
        {"revenue": -1, "service_cost": -1},
    ),
    Call(
        ltv.ltv_retention,
        {
            "arpu": [100, 20],
            "margin": [0.5, 0.4],
            "retention_rate": [0.8, 0.9],
            "discount_rate": [0.1, 0.2],
            "timing": "end",
            "n_periods": [12, 24],
        },
        {"arpu": -1, "margin": 50, "retention_rate": 80, "discount_rate": -0.1, "n_periods": 0},
    ),
    Call(
        ltv.service_cost,
        {"n_contacts": [12, 3], "minutes": [120, 20], "hourly_rate": [500, 30]},
        {"n_contacts": -1, "minutes": -1, "hourly_rate": -1},
    ),
    Call(
        ltv.customer_profits,
        {
            "revenue": [12_000, 100],
            "margin": [0.4, 0.5],
            "service_cost": [500, 80],
            "acquisition_cost": [10, 20],
            "segment": ["a", "b"],
            "customer": ["ann", "bob"],
        },
        {"revenue": -1, "margin": 40, "service_cost": -1, "acquisition_cost": -1},
    ),
    Call(
        ltv.group_economics,
        {
            "by": {"channel": ["ads", "mail", "ads"]},
            "value": [20.0, 90.0, 30.0],
            "acquisition_cost": [10, 20, 30],
            "segment": ["a", "b", "a"],
            "cash_flows": [[10.0, 10.0], [20.0, 20.0], [5.0, 15.0]],
            "target_ratio": 3,
            "level": 0.9,
        },
        {"acquisition_cost": -1, "target_ratio": 0, "level": 90},
        unbounded={"value", "cash_flows"},
        missing_allowed={"cash_flows"},
    ),
    Call(
        ltv.cash_flows_by_age,
        {
            "customer": ["ann", "ann", "bob"],
            "date": ["2024-01-10", "2024-02-20", "2024-02-01"],
            "amount": [100.0, 50.0, 80.0],
            "customers": ["ann", "bob"],
            "margin": [0.5, 0.4],
            "period": "month",
            "as_of": "2024-04-15",
            "segment": ["a", "b"],
        },
        {"date": "2024-02-30", "margin": 50, "as_of": "2024-02-30"},
        unbounded={"amount"},
    ),
    Call(
        ltv.split_budget,
        {
            "budget": 10_000,
            "spend": [6_000, 1_000],
            "n_new": [100, 50],
            "value": [200, 150],
            "target_ratio": 3,
            "keep": "total",
            "elasticity": [0.6, 0.7],
            "most": [9_000, 9_000],
        },
        {"budget": 0, "spend": 0, "n_new": -1, "value": -1, "target_ratio": 0.5, "elasticity": 1.5, "most": -1},
    ),
    Call(
        ltv.check_quoted_figures,
        {
            "retention_rate": 0.8,
            "discount_rate": 0.1,
            "acquisition_cost": 100,
            "retention_cost": 40,
            "ltv": 300,
            "monthly_margin": 20,
            "csat": 0.8,
            "turnover_growth": 0.05,
            "sleeping": (9_800, 2_000),
            "potential_churn": (380, 100),
            "churned": (15, 10),
        },
        {
            "retention_rate": 0.96,
            "discount_rate": -0.1,
            "acquisition_cost": 0,
            "retention_cost": 0,
            "ltv": -1,
            "monthly_margin": 0,
            "csat": 80,
            "turnover_growth": -1.01,
        },
    ),
    Call(
        ltv.npv,
        {"cash_flows": _STREAMS, "discount_rate": [0.1, 0.2], "timing": "end"},
        {"discount_rate": -1},
        unbounded={"cash_flows"},
    ),
    Call(
        ltv.npv_dated,
        {
            "cash_flows": _STREAMS,
            "dates": ["2025-01-01", "2025-07-01"],
            "discount_rate": [0.1, 0.2],
            "as_of": "2025-01-01",
        },
        {"dates": "2025-02-29", "discount_rate": -1, "as_of": "2025-02-29"},
        unbounded={"cash_flows"},
    ),
    Call(ltv.irr, {"cash_flows": [-100, 60, 60]}, unbounded={"cash_flows"}),
    Call(
        ltv.irr_dated,
        {"cash_flows": [-100, 110], "dates": ["2025-01-01", "2026-01-01"]},
        {"dates": "2025-02-29"},
        unbounded={"cash_flows"},
    ),
    Call(
        ltv.payback_periods,
        {
            "cash_flows": _STREAMS,
            "acquisition_cost": [100, 95],
            "discount_rate": [0.01, 0.02],
            "timing": "end",
            "interpolate": True,
        },
        {"acquisition_cost": -1, "discount_rate": -0.1},
        unbounded={"cash_flows"},
    ),
    Call(
        ltv.ltv_to_cac,
        {"ltv": [302.78, 225], "acquisition_cost": [100, 75]},
        {"acquisition_cost": 0},
        unbounded={"ltv"},
    ),
    Call(ltv.ltv_to_cac_band, {"ratio": [3.03, 0.5], "industry": "pharma"}, {"ratio": -1}),
    Call(ltv.ltv_to_cac_benchmark, {"industry": "B2B SaaS"}),
    Call(ltv.max_acquisition_cost, {"ltv": [225, 300], "target_ratio": [3, 4]}, {"ltv": -1, "target_ratio": 0}),
    Call(
        ltv.convert_rate,
        {"rate": [0.36, 0.1], "kind": "churn", "from_period": "year", "to_period": "month"},
        {"rate": 36},
    ),
    Call(ltv.expected_lifetime, {"churn_rate": [0.04, 0.1]}, {"churn_rate": 0}),
    Call(
        ltv.retention_curve,
        {"retention_rate": [0.8, 0.9], "n_periods": 12},
        {"retention_rate": 80, "n_periods": -1},
    ),
    Call(ltv.ltv_sensitivity, {"function": ltv.ltv_simple, "inputs": {"arpu": 30, "lifetime": 24}}),
    Call(
        ltv.retention_uplift,
        {"retention_rate": [0.6, 0.8], "discount_rate": [0.1, 0.2], "points": [0.05, 0.1], "n_periods": [12, 24]},
        {"retention_rate": 80, "discount_rate": -0.1, "points": 5, "n_periods": 0},
    ),
    Call(
        ltv.recalculation_date,
        {"as_of": ["2025-01-31", "2025-06-30"], "every_months": 3},
        {"as_of": "2025-02-29", "every_months": 0},
    ),
    Call(
        ltv.is_stale,
        {"as_of": ["2025-01-31", "2025-06-30"], "on": "2025-07-01", "every_months": 3},
        {"as_of": "2025-02-29", "on": "2025-02-29", "every_months": 0},
    ),
]


def valid_arguments(function, /, **changes):
    """Arguments of the valid call of a function, some of them changed."""
    (call,) = [call for call in CALLS if call.function is function]
    return call.arguments | changes
