"""Labelled columns are never matched by position in silence: different indexes are refused."""

from __future__ import annotations

import pytest

from crmvalue.errors import InputError
from crmvalue.ltv import (
    group_economics,
    irr_dated,
    ltv_npv,
    ltv_retention,
    ltv_segments,
    ltv_simple,
    npv,
    npv_dated,
    payback_periods,
    retention_uplift,
)

pd = pytest.importorskip("pandas")


def column(values, index):
    return pd.Series(values, index=index)


def streams(index):
    return pd.DataFrame({1: [30.0, 40.0], 2: [5.0, 5.0]}, index=index)


DAYS = ["2025-01-01", "2026-01-01"]
CALLS = {
    "ltv_simple": lambda i, j: ltv_simple(column([1, 2], i), column([10, 20], j)),
    "ltv_npv": lambda i, j: ltv_npv(column([1, 2], i), column([0.1, 0.2], j), 0.1, acquisition_cost=1),
    "ltv_npv of streams, cost": lambda i, j: ltv_npv(streams(i), 0.5, 0.1, acquisition_cost=column([1, 2], j)),
    "ltv_npv of streams, rate": lambda i, j: ltv_npv(streams(i), 0.5, column([0.1, 0.2], j), acquisition_cost=1),
    "npv of streams": lambda i, j: npv(streams(i), column([0.1, 0.2], j), timing="end"),
    "payback_periods of streams, cost": lambda i, j: payback_periods(
        streams(i), column([1, 2], j), timing="end", interpolate=True
    ),
    "payback_periods of streams, rate": lambda i, j: payback_periods(
        streams(i), 1, discount_rate=column([0.1, 0.2], j), timing="end", interpolate=True
    ),
    "ltv_segments": lambda i, j: ltv_segments(column([1, 2], i), column([0.1, 0.2], j), 0.1),
    "ltv_retention": lambda i, j: ltv_retention(
        column([1, 2], i), 0.5, 0.8, 0.1, timing="end", n_periods=column([2, 3], j)
    ),
    "ltv_retention, rate and horizon": lambda i, j: ltv_retention(
        1, 0.5, 0.8, column([0.1, 0.2], i), timing="end", n_periods=column([2, 3], j)
    ),
    "retention_uplift": lambda i, j: retention_uplift(
        0.8, 0.1, points=column([0.01, 0.02], i), n_periods=column([2, 3], j)
    ),
    "npv_dated": lambda i, j: npv_dated(column([-1, 2], i), column(DAYS, j), 0.1, as_of="2025-01-01"),
    "group_economics, cash flows": lambda i, j: group_economics(
        {"channel": column(["ads", "mail"], i)},
        column([1, 2], i),
        acquisition_cost=1,
        cash_flows=pd.DataFrame([[1, 2], [3, 4]], index=j),
    ),
    "irr_dated": lambda i, j: irr_dated(column([-1, 2], i), column(DAYS, j)),
}


class TestLabelledColumns:
    """One index, or an error."""

    @pytest.mark.parametrize("name", CALLS)
    def test_different_indexes_are_refused(self, name):
        CALLS[name](["a", "b"], ["a", "b"])
        with pytest.raises(InputError, match="with the same index as"):
            CALLS[name](["a", "b"], ["b", "a"])

    def test_the_labels_of_one_stream_are_those_of_its_periods(self):
        value = npv(column([100, 120], ["2024", "2025"]), column([0.1, 0.2], ["low", "high"]), timing="end")
        assert value.round(4).tolist() == [round(100 / 1.1 + 120 / 1.21, 4), round(100 / 1.2 + 120 / 1.44, 4)]
