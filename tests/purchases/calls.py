"""Valid calls of the public functions of :mod:`crmvalue.purchases`."""

from __future__ import annotations

from crmvalue.purchases import estimate_regularity, split_purchases, summarise_purchases, summarise_window
from tests.calls import Call

__all__ = ["CALLS"]

LOG = {
    "customer": [1, 1, 2, 3],
    "date": ["2024-01-01", "2024-03-01", "2024-01-05", "2024-03-02"],
    "amount": [10.0, 5.0, 7.0, 8.0],
}

CALLS = [
    Call(
        estimate_regularity,
        {"customer": LOG["customer"], "date": LOG["date"], "as_of": "2024-03-31"},
        out_of_range={"date": "2024-02-30", "as_of": "2023-13-01"},
    ),
    Call(
        summarise_purchases,
        {**LOG, "as_of": "2024-03-31"},
        out_of_range={"date": "2024-02-30", "amount": -1.0, "as_of": "2023-13-01"},
    ),
    Call(
        summarise_window,
        {**LOG, "as_of": "2024-03-31", "window": 60},
        out_of_range={"date": "2024-02-30", "amount": -1.0, "as_of": "2023-13-01", "window": 0},
    ),
    Call(
        split_purchases,
        {**LOG, "calibration_end": "2024-01-31", "holdout_end": "2024-03-31"},
        out_of_range={
            "date": "2023-02-29",
            "amount": -1.0,
            "calibration_end": "31.01.2024",
            "holdout_end": "2024-01-31",
        },
    ),
]
