"""Valid calls of what follows groups through time in crmvalue.segmentation: rules, migration, values."""

from __future__ import annotations

from crmvalue.segmentation import (
    Segment,
    SegmentColumns,
    evaluate_segments,
    migration_matrix,
    segment_value_changes,
    summarise_segments,
)
from tests.calls import Call

__all__ = ["CALLS"]

COLUMNS = SegmentColumns({"spend": "number", "last": "date", "city": "text", "member": "flag"})
RULE = (COLUMNS["spend"] >= 2) & (COLUMNS["last"].months_ago >= 9) | ~COLUMNS["city"].is_in(["Kyiv"])

CALLS = [
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
        },
        {"level": 90.0},
        unbounded={"value_before", "value_now"},
    ),
    Call(
        segment_value_changes,
        {"before": summarise_segments(["a", "b"], [1.0, 2.0]), "now": summarise_segments(["a"], [1.5])},
    ),
    Call(
        summarise_segments,
        {"segment": ["a", "b"], "value": [1.0, 2.0], "table": ["b", "a", "c"], "as_of": "2024-02-29"},
        {"as_of": "2024-02-30"},
        unbounded={"value"},
    ),
]
