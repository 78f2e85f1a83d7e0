"""Valid calls of crmvalue.segmentation."""

from __future__ import annotations

from crmvalue import segmentation
from tests.calls import Call

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
        {"value": [1.0, 2.0], "best_customers": 0.2, "value_share": 0.5, "warning_level": 0.4},
        {"value": -1.0, "best_customers": 0.0, "value_share": 1.0, "warning_level": 40.0},
    ),
]
