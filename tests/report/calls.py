"""Valid calls of the public functions of :mod:`crmvalue.report`."""

from __future__ import annotations

from crmvalue.report import (
    format_groups,
    format_models,
    format_report,
    format_summary,
    summarise_base,
    summarise_groups,
    summarise_models,
    summarise_report,
)
from tests.calls import Call, Later

__all__ = ["CALLS"]

LOG = {
    "customer": [1, 1, 2, 3],
    "date": ["2024-01-01", "2024-03-01", "2024-01-05", "2024-03-02"],
    "amount": [10.0, 5.0, 7.0, 8.0],
}

CALLS = [
    Call(
        summarise_base,
        {
            **LOG,
            "margin": 0.3,
            "acquisition_cost": 2.0,
            "discount_rate": 0.1,
            "as_of": "2024-03-31",
            "ignore_first_days": 7,
        },
        out_of_range={
            "ignore_first_days": -1,
            "date": "2024-02-30",
            "margin": 30.0,
            "acquisition_cost": 0.0,
            "discount_rate": -0.1,
            "as_of": "2023-13-01",
        },
        unbounded={"amount"},
        missing_allowed={"amount"},
    ),
    Call(
        summarise_models,
        {**LOG, "margin": 0.3, "discount_rate": 0.1, "as_of": "2024-03-31"},
        out_of_range={"date": "2024-02-30", "margin": 30.0, "discount_rate": -0.1, "as_of": "2023-13-01"},
        unbounded={"amount"},
        missing_allowed={"amount"},
    ),
    Call(
        summarise_groups,
        {**LOG, "as_of": "2024-03-31", "spend_basis": "mean"},
        out_of_range={"date": "2024-02-30", "as_of": "2023-13-01", "spend_basis": "median"},
        unbounded={"amount"},
        missing_allowed={"amount"},
    ),
    Call(format_groups, {"summary": Later(lambda: summarise_groups(**LOG))}),
    Call(format_models, {"summary": Later(lambda: summarise_models(**LOG))}),
    Call(format_summary, {"summary": Later(lambda: summarise_base(**LOG))}),
    Call(
        summarise_report,
        {
            **LOG,
            "margin": 0.3,
            "acquisition_cost": 2.0,
            "discount_rate": 0.1,
            "as_of": "2024-03-31",
            "spend_basis": "mean",
        },
        out_of_range={
            "date": "2024-02-30",
            "margin": 30.0,
            "acquisition_cost": 0.0,
            "discount_rate": -0.1,
            "as_of": "2023-13-01",
            "spend_basis": "median",
        },
        unbounded={"amount"},
        missing_allowed={"amount"},
    ),
    Call(
        format_report,
        {"report": Later(lambda: summarise_report(**LOG)), "language": "uk", "name": "A shop"},
        out_of_range={"language": "xx"},
    ),
]
