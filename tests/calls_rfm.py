"""Valid calls of the scores, groups, stages and tiers of crmvalue.segmentation."""

from __future__ import annotations

from crmvalue.segmentation import (
    SegmentTable,
    assign_segments,
    fit_rfm,
    lifecycle_stage,
    loyalty_step,
    score_rfm,
    value_tier,
)
from tests.calls import Call

__all__ = ["CALLS"]

BASE = {"days_since_last": [5.0, 40.0, 200.0], "n_purchases": [9, 2, 1], "spend": [90.0, 50.0, 10.0]}
BELOW_ZERO = {"days_since_last": -1.0, "n_purchases": -1, "spend": -0.01}

CALLS = [
    Call(
        fit_rfm,
        {**BASE, "spend_basis": "total", "n_bins": 3, "as_of": "2024-06-30", "window": 365},
        out_of_range={**BELOW_ZERO, "n_bins": 1, "window": 0.0, "thresholds": 3.0},
        unbounded={"as_of"},
    ),
    Call(
        score_rfm,
        {**BASE, "breaks": fit_rfm(**BASE, spend_basis="mean")},
        out_of_range={**BELOW_ZERO, "n_purchases": 1.5},
    ),
    Call(
        assign_segments,
        {"r_score": [5, 1], "f_score": [4, 2], "m_score": [1, 3], "table": SegmentTable.preset("B")},
        out_of_range={"r_score": 6, "f_score": 0, "m_score": 2.5},
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
    Call(
        loyalty_step,
        {"n_purchases": [1, 4], "n_referrals": [0, 2]},
        out_of_range={"n_purchases": 0, "n_referrals": -1, "regular_from": 2, "loyal_from": 2},
    ),
    Call(
        value_tier,
        {"value": [5.0, 3.0, 1.0], "by": "value_share", "limits": [0.5, 0.9]},
        out_of_range={"value": -1.0, "limits": 80.0},
    ),
]
