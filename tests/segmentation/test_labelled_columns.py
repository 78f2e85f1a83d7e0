"""Labelled columns are never matched by position in silence: different indexes are refused."""

from __future__ import annotations

import pytest

from crmvalue.errors import InputError
from crmvalue.segmentation import (
    Segment,
    SegmentColumns,
    SegmentTable,
    assign_segments,
    evaluate_segments,
    fit_rfm,
    migration_matrix,
    score_rfm,
)

pd = pytest.importorskip("pandas")

ONE, OTHER = ["a", "b"], ["b", "a"]


def column(values, index):
    return pd.Series(values, index=index)


BREAKS = fit_rfm([3, 40], [9, 2], [90, 50], spend_basis="total", n_bins=2)
OF = SegmentColumns({"spend": "number", "kind": "text"})
SEGMENT = Segment("vip", (OF["spend"] > 5) & (OF["kind"] == "x"))

CALLS = {
    "fit_rfm": lambda i, j: fit_rfm(column([3, 40], i), column([9, 2], j), [90, 50], spend_basis="total", n_bins=2),
    "score_rfm": lambda i, j: score_rfm(column([3, 40], i), [9, 2], column([90, 50], j), BREAKS),
    "assign_segments": lambda i, j: assign_segments(column([3, 4], i), column([1, 2], j), 1, SegmentTable.preset("A")),
    "columns of rules": lambda i, j: evaluate_segments(
        [SEGMENT], {"spend": column([9, 1], i), "kind": column(["x", "y"], j)}, as_of="2024-01-01"
    ),
    "customers of rules": lambda i, j: evaluate_segments(
        [SEGMENT], {"spend": column([9, 1], i), "kind": ["x", "y"]}, as_of="2024-01-01", customer=column([1, 2], j)
    ),
    "groups of two dates": lambda i, j: migration_matrix(column(["x", "y"], i), column(["x", "x"], j)),
    "groups and customers": lambda i, j: migration_matrix(
        column(["x", "y"], i), ["x", "x"], customer_before=column([1, 2], j), customer_now=[2, 1]
    ),
    "groups and values": lambda i, j: migration_matrix(
        ["x", "y"], column(["x", "x"], i), value_before=[1, 2], value_now=column([3, 4], j)
    ),
}


class TestLabelledColumns:
    """One index, or an error."""

    @pytest.mark.parametrize("name", CALLS)
    def test_different_indexes_are_refused(self, name):
        CALLS[name](ONE, ONE)
        with pytest.raises(InputError, match="with the same index as"):
            CALLS[name](ONE, OTHER)

    def test_identifiers_match_rows_of_two_dates(self):
        moved = migration_matrix(
            column(["x", "y"], ONE), column(["x", "x"], OTHER), customer_before=[1, 2], customer_now=[2, 1]
        )
        assert moved.counts.tolist() == [[1, 0], [1, 0]]
