"""Retention, survival and value of cohorts as tables and as JSON text."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.cohorts import (
    CohortLtv,
    cohort_ltv,
    compare_survival,
    n_day_retention,
    retention_triangle,
    survival_curve,
)
from tests.tables import check_json, check_table

TRIANGLE = retention_triangle(
    [1, 2, 1], ["2024-01-05", "2024-02-05", "2024-02-09"], [9, 9, 9], period="month", as_of="2024-03-31"
)


@pytest.mark.parametrize(
    ("result", "n_rows", "column", "values"),
    [
        (n_day_retention([1, 1], ["2024-01-01", "2024-01-08"], 7, kind="day", as_of="2024-02-01"), 1, "rate", [1]),
        (compare_survival([1, 2, 3, 4], [1, 1, 1, 1], ["x", "x", "y", "y"]), 2, "n_customers", [2, 2]),
    ],
)
def test_rows_and_values(result, n_rows, column, values):
    check_table(result, n_rows, column, values)


@pytest.mark.parametrize(
    "result",
    [
        survival_curve([1, 2, 3, 4], [1, 0, 1, 1]),
        compare_survival([1, 2, 3, 4], [1, 0, 0, 0], ["x", "x", "y", "y"]),
        cohort_ltv(TRIANGLE, margin=0.5, acquisition_cost=4),
        cohort_ltv(TRIANGLE, margin=0.5),
        CohortLtv(period="month", cohort=[], size=[], ltv=np.zeros((0, 3))),
        n_day_retention([1, 1], ["2024-01-01", "2024-01-08"], 7, kind="unbounded", as_of="2024-02-01"),
    ],
)
def test_json_there_and_back(result):
    check_json(result)
