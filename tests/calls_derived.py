"""Valid calls of the events that follow from other data."""

from __future__ import annotations

from crmvalue.journeys import level_changes, price_drops, segment_changes
from crmvalue.segmentation import Segment, SegmentColumns, evaluate_segments
from tests.calls import Call

__all__ = ["CALLS"]

ADULTS = Segment("adults", SegmentColumns({"age": "number"})["age"] >= 18)
BEFORE = evaluate_segments([ADULTS], {"age": [17, 18]}, customer=["ann", "bob"], as_of="2024-05-30")
NOW = evaluate_segments([ADULTS], {"age": [18, 18]}, customer=["ann", "bob"], as_of="2024-05-31")

CALLS = [
    Call(
        price_drops,
        {
            "customer": [1, 2],
            "item": ["lamp", "vase"],
            "wished_at": ["2024-05-01", "2024-05-02"],
            "price_item": ["lamp", "vase", "lamp"],
            "price_time": ["2024-01-01", "2024-01-01", "2024-05-31"],
            "price": [100.0, 50.0, 80.0],
            "removed_at": ["2024-06-30", None],
            "amount": 10.0,
        },
        out_of_range={
            "wished_at": "2024-05-32",
            "price_time": "2024-05-32",
            "price": -1.0,
            "removed_at": "2024-05-32",
            "amount": 0.0,
            "percent": 101.0,
            "look_back_days": 0,
        },
        missing_allowed={"removed_at"},
    ),
    Call(
        level_changes,
        {
            "customer": ["ann", "ann", "bob"],
            "level": ["silver", "gold", "gold"],
            "time": ["2024-01-01", "2024-03-01", "2024-03-01"],
            "levels": ["silver", "gold"],
        },
        out_of_range={"time": "2024-01-32"},
    ),
    Call(segment_changes, {"before": BEFORE, "now": NOW, "time": "2024-05-31T08:00"}, {"time": "2024-05-32"}),
]
