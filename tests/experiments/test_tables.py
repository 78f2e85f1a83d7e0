"""Comparisons and sequential tests as tables."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.experiments import compare_means_from_summary, compare_proportions, sequential_test
from tests.tables import check_table


@pytest.mark.parametrize(
    ("result", "n_rows", "column", "values"),
    [
        (compare_proportions([20, 25, 31], [100] * 3, control=1), 3, "difference", [-0.05, np.nan, 0.06]),
        (sequential_test([[1, 2], [3, 9]], [[9, 9], [20, 20]]), 2, "difference", [1 / 9, 0.3]),
        (compare_means_from_summary([3.0, 5.0], [1.0, 1.0], [9, 9]), 2, "difference", [np.nan, 2]),
    ],
)
def test_rows_and_values(result, n_rows, column, values):
    check_table(result, n_rows, column, values)
