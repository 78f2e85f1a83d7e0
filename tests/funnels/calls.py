"""Valid calls of the funnels of crmvalue.funnels from counts and events."""

from __future__ import annotations

import numpy as np

from crmvalue._funnels.leads.fit import fit_lead_score
from crmvalue._funnels.leads.follow_up import FollowUpRule, follow_up_due, follow_up_tasks
from crmvalue._funnels.pipeline.forecast import forecast_pipeline
from crmvalue._funnels.pipeline.forecast_calibration import forecast_calibration
from crmvalue._funnels.pipeline.stage_probabilities import pipeline_velocity, stage_probabilities
from crmvalue.funnels import (
    forecast_sales,
    funnel_conversion,
    funnel_from_events,
    sales_funnel,
    step_alarms,
    time_in_stage,
)
from tests.calls import Call, Later

__all__ = ["CALLS"]

LOG = {
    "customer": [1, 1, 2],
    "event": ["lead", "deal", "lead"],
    "time": ["2024-01-01", "2024-01-05", "2024-01-03"],
    "steps": ["lead", "deal"],
    "as_of": "2024-03-01",
}

CALLS = [
    Call(funnel_conversion, {"counts": [500, 300, 120]}, out_of_range={"counts": -1, "level": 95.0}),
    Call(
        funnel_from_events,
        {**LOG, "window": 30.0, "by": ["web", "web", "shop"]},
        out_of_range={"window": 0.0},
        unbounded={"time", "as_of"},
    ),
    Call(
        time_in_stage,
        {"result": Later(lambda: funnel_from_events(**LOG)), "prob": [0.5, 0.9]},
        out_of_range={"prob": 0.0},
    ),
]


CALLS += [
    Call(
        forecast_pipeline,
        {
            "amount": [5000.0, 12000.0, 3000.0],
            "prob_won": [0.6, 0.25, 0.9],
            "month": ["2024-06-03", "2024-07-15", "2024-06-20"],
            "by": ["Anna", "Boris", "Anna"],
        },
        out_of_range={"amount": -1.0, "prob_won": 1.5, "month": "2024-13-01", "level": 1.0},
    ),
    Call(
        forecast_sales,
        {
            "amount": [5000.0, 12000.0, 3000.0],
            "prob_won": [0.6, 0.25, 0.9],
            "margin": [0.3, 0.2, 0.5],
            "month": ["2024-06-03", "2024-07-15", "2024-06-20"],
            "by": ["Anna", "Boris", "Anna"],
        },
        out_of_range={"amount": -1.0, "prob_won": 1.5, "margin": 1.5, "month": "2024-13-01", "level": 1.0},
    ),
    Call(sales_funnel, {"n_stages": 6}, out_of_range={"n_stages": 9}),
    Call(step_alarms, {"conversion": funnel_conversion([9, 5, 1]), "least": 0.2}, out_of_range={"least": 1.5}),
    Call(
        stage_probabilities,
        {
            "furthest_stage": ["offer", "call", "offer"],
            "won": [True, False, False],
            "stages": ["call", "offer"],
        },
    ),
    Call(
        pipeline_velocity,
        {"n_deals": [40, 20], "average_deal": [5000.0, 9000.0], "win_rate": [0.25, 0.1], "cycle_days": [50.0, 90.0]},
        out_of_range={"n_deals": 1.5, "average_deal": -1.0, "win_rate": 25.0, "cycle_days": 0.0},
    ),
    Call(
        forecast_calibration,
        {"prob_won": [0.2, 0.8, 0.5], "won": [False, True, True], "amount": [5.0, 8.0, 2.0], "n_bins": 5},
        out_of_range={"prob_won": -0.1, "amount": -1.0, "n_bins": 0, "level": 1.0},
    ),
    Call(
        fit_lead_score,
        {
            "X": [[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [3.0, 0.0], [0.0, 2.0]],
            "y": [1, 0, 1, 0, 1, 0, 1, 0],
            "names": ["demo", "visit"],
            "rng": np.random.default_rng(1),
        },
        out_of_range={"X": 1e101, "y": 2, "penalty": 0.0, "holdout_share": 1.0, "level": 0.0},
    ),
    Call(
        follow_up_due,
        {"time": ["2024-05-31 17:00", "2024-06-03 10:00"], "hours": [24.0, 8.0]},
        out_of_range={"time": "2024-02-30", "hours": 0.0},
    ),
    Call(
        follow_up_tasks,
        {
            "customer": [1, 2],
            "event": ["offer_answered", "visit"],
            "time": ["2024-05-31 17:00", "2024-06-03 10:00"],
            "rules": [FollowUpRule(event="offer_answered", hours=24)],
            "as_of": "2024-06-03 12:00",
            "done_at": ["2024-05-31 18:00", "2024-06-03 11:00"],
        },
        out_of_range={"time": "2024-02-30", "done_at": "2024-05-01"},
        unbounded={"as_of"},
        missing_allowed={"done_at"},
    ),
]
