"""Valid calls of crmvalue.segmentation."""

from __future__ import annotations

from crmvalue import segmentation
from crmvalue.segmentation import (
    Segment,
    SegmentColumns,
    SegmentTable,
    assign_segments,
    evaluate_segments,
    fit_rfm,
    lifecycle_limits,
    lifecycle_stage,
    loyalty_step,
    migration_matrix,
    score_rfm,
    segment_value_changes,
    summarise_segments,
    value_tier,
)
from tests.calls import Call, Later

__all__ = ["CALLS"]

CALLS = [
    Call(segmentation.gini, {"value": [1.0, 2.0]}, {"value": -1.0}),
    Call(segmentation.lorenz_curve, {"value": [1.0, 2.0]}, {"value": -1.0}),
    Call(
        segmentation.customer_share,
        {"value": [1.0, 2.0], "value_share": 0.8},
        {"value": -1.0, "value_share": 80.0},
    ),
    Call(
        segmentation.top_share,
        {"value": [1.0, 2.0], "customer_share": 0.1},
        {"value": -1.0, "customer_share": 10.0},
    ),
    Call(
        segmentation.concentration,
        {"value": [1.0, 2.0], "best_customers": 0.2, "value_share": 0.5, "warning_share": 0.4},
        {"value": -1.0, "best_customers": 0.0, "value_share": 1.0, "warning_share": 40.0},
    ),
]


BASE = {"days_since_last": [5.0, 40.0, 200.0], "n_purchases": [9, 2, 1], "spend": [90.0, 50.0, 10.0]}
BELOW_ZERO = {"days_since_last": -1.0, "n_purchases": -1, "spend": -0.01}

CALLS += [
    Call(
        fit_rfm,
        {**BASE, "spend_basis": "total", "n_bins": 3, "as_of": "2024-06-30", "window": 365},
        out_of_range={**BELOW_ZERO, "n_bins": 1, "window": 0.0, "thresholds": 3.0},
        unbounded={"as_of"},
    ),
    Call(
        score_rfm,
        {**BASE, "breaks": Later(lambda: fit_rfm(**BASE, spend_basis="mean", window=365)), "window": 365.0},
        out_of_range={**BELOW_ZERO, "n_purchases": 1.5, "window": 0.0},
    ),
    Call(
        assign_segments,
        {"r_score": [5, 1], "f_score": [4, 2], "m_score": [1, 3], "table": SegmentTable.preset("B"), "n_bins": 5},
        out_of_range={"n_bins": 4, "r_score": 6, "f_score": 0, "m_score": 2.5},
    ),
    Call(
        lifecycle_stage,
        {"last_purchase": ["2024-05-30", "2023-05-31"], "as_of": "2024-05-31"},
        out_of_range={
            "last_purchase": "2024-06-01",
            "sleeping_from": 0,
            "potential_churn_from": 1.5,
            "churned_from": -1,
        },
        unbounded={"as_of"},
    ),
    Call(lifecycle_limits, {"gap": [7.0, 14.5, 30.0], "share": 0.5}, out_of_range={"gap": 0.0, "share": 1.0}),
    Call(
        loyalty_step,
        {"n_purchases": [1, 4], "n_referrals": [0, 2]},
        out_of_range={"n_purchases": 0, "n_referrals": -1, "regular_from": 2, "loyal_from": 2},
    ),
    Call(
        value_tier,
        {"value": [5.0, 3.0, 1.0], "basis": "value_share", "limits": [0.5, 0.9]},
        out_of_range={"value": -1.0, "limits": 80.0},
    ),
]


COLUMNS = SegmentColumns({"spend": "number", "last": "date", "city": "text", "member": "flag"})
RULE = (COLUMNS["spend"] >= 2) & (COLUMNS["last"].months_ago >= 9) | ~COLUMNS["city"].is_in(["Kyiv"])

CALLS += [
    Call(
        evaluate_segments,
        {
            "segments": [Segment("rule", RULE), Segment("members", COLUMNS["member"].is_true())],
            "columns": {
                "spend": [1.0, None],
                "last": ["2023-01-31", None],
                "city": ["Kyiv", None],
                "member": [True, None],
            },
            "as_of": "2024-02-29",
            "customer": ["ann", "bob"],
        },
        {"as_of": "2024-02-30"},
    ),
    Call(
        migration_matrix,
        {
            "before": ["active", "sleeping"],
            "now": ["active", "active"],
            "customer_before": ["ann", "bob"],
            "customer_now": ["bob", "eve"],
            "value_before": [10.0, 20.0],
            "value_now": [15.0, 5.0],
            "states": ["active", "sleeping", "churned"],
            "level": 0.9,
            "window_before": 180,
            "window_now": 90.5,
        },
        {"level": 90.0, "window_before": 0.0, "window_now": -1.0},
        unbounded={"value_before", "value_now"},
    ),
    Call(
        segment_value_changes,
        {
            "before": Later(lambda: summarise_segments(["a", "b"], [1.0, 2.0])),
            "now": Later(lambda: summarise_segments(["a"], [1.5])),
        },
    ),
    Call(
        summarise_segments,
        {"segment": ["a", "b"], "value": [1.0, 2.0], "table": ["b", "a", "c"], "as_of": "2024-02-29"},
        {"as_of": "2024-02-30"},
        unbounded={"value"},
    ),
]
