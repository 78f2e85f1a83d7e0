"""Valid calls of crmvalue.cohorts."""

from __future__ import annotations

from crmvalue import cohorts
from tests.calls import Call, Later

__all__ = ["CALLS"]

LOG = {"customer": [1, 1, 2, 3], "date": ["2024-01-05", "2024-02-09", "2024-01-20", "2024-02-02"]}
TRIANGLE = Later(lambda: cohorts.retention_triangle(**LOG, amount=[10, 20, 5, 7], period="month", as_of="2024-03-31"))

CALLS = [
    Call(
        cohorts.retention_triangle,
        {**LOG, "amount": [10.0, 20.0, 5.0, 7.0], "period": "month", "as_of": "2024-03-31"},
        {"date": "2024-02-30", "as_of": "2024-01-04"},
        unbounded={"amount"},
    ),
    Call(
        cohorts.n_day_retention,
        {**LOG, "days": [1, 30], "kind": "day", "as_of": "2024-03-31"},
        {"date": "2024-02-30", "days": -1, "as_of": "2024-01-04"},
    ),
    Call(
        cohorts.survival_curve,
        {"duration": [1.0, 2.0, 2.0], "event": [True, False, True]},
        {"duration": -1.0, "level": 95.0},
    ),
    Call(
        cohorts.compare_survival,
        {"duration": [1.0, 2.0, 2.0], "event": [True, False, True], "cohort": ["a", "a", "b"]},
        {"duration": -1.0, "level": 1.0},
    ),
    Call(cohorts.compare_retention, {"triangle": TRIANGLE, "age": 1}, {"age": 0, "level": 0.0}),
    Call(
        cohorts.project_retention,
        {"survivors": [1000, 631, 468, 382], "n_periods": 5, "n_holdout": 1},
        {"survivors": -1, "n_periods": 0, "n_holdout": -1},
    ),
    Call(
        cohorts.cohort_ltv,
        {"triangle": TRIANGLE, "margin": 0.5, "discount_rate": 0.01, "acquisition_cost": [4.0, 5.0]},
        {"margin": 1.5, "discount_rate": -0.01, "acquisition_cost": -1.0},
    ),
]
