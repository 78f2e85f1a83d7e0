"""Valid calls of the funnels of crmvalue.funnels from counts and events."""

from __future__ import annotations

from crmvalue.funnels import conversion, funnel_from_events, time_in_stage
from tests.calls import Call

__all__ = ["CALLS"]

LOG = {
    "customer": [1, 1, 2],
    "event": ["lead", "deal", "lead"],
    "time": ["2024-01-01", "2024-01-05", "2024-01-03"],
    "steps": ["lead", "deal"],
    "as_of": "2024-03-01",
}

CALLS = [
    Call(conversion, {"counts": [500, 300, 120]}, out_of_range={"counts": -1, "level": 95.0}),
    Call(
        funnel_from_events,
        {**LOG, "window": 30.0, "by": ["web", "web", "shop"]},
        out_of_range={"window": 0.0},
        unbounded={"time", "as_of"},
    ),
    Call(time_in_stage, {"result": funnel_from_events(**LOG), "prob": [0.5, 0.9]}, out_of_range={"prob": 0.0}),
]
