"""Labelled columns are never matched by position in silence: different indexes are refused."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.errors import DataWarning, InputError
from crmvalue.ltv import (
    cash_flows_by_age,
    customer_profits,
    group_economics,
    irr_dated,
    ltv_npv,
    ltv_retention,
    ltv_segments,
    ltv_sensitivity,
    ltv_simple,
    npv,
    npv_dated,
    payback_periods,
    retention_uplift,
)

pd = pytest.importorskip("pandas")


def column(values, index):
    return pd.Series(values, index=index)


def streams(index, periods=(1, 2)):
    return pd.DataFrame([[30.0, 5.0], [40.0, 5.0]], index=index, columns=periods)


DAYS = ["2025-01-01", "2026-01-01"]
CALLS = {
    "ltv_simple": lambda i, j: ltv_simple(column([1, 2], i), column([10, 20], j)),
    "ltv_sensitivity": lambda i, j: ltv_sensitivity(
        lambda arpu, lifetime: arpu * lifetime, {"arpu": column([1, 2], i), "lifetime": column([10, 20], j)}
    ),
    "ltv_npv": lambda i, j: ltv_npv(column([1, 2], i), column([0.1, 0.2], j), 0.1, acquisition_cost=1),
    "ltv_npv of streams, cost": lambda i, j: ltv_npv(streams(i), 0.5, 0.1, acquisition_cost=column([1, 2], j)),
    "ltv_npv of streams, rate": lambda i, j: ltv_npv(streams(i), 0.5, column([0.1, 0.2], j), acquisition_cost=1),
    "ltv_npv of streams, margin of periods": lambda i, j: ltv_npv(
        streams(["x", "y"], i), column([0.5, 0.2], j), 0.1, acquisition_cost=column([1, 2], ["x", "y"])
    ),
    "ltv_npv of one stream, margins of streams, periods": lambda i, j: ltv_npv(
        column([30, 5], i), streams(["x", "y"], j) / 100, 0.1, acquisition_cost=1
    ),
    "ltv_npv of one stream, margins of streams, rate": lambda i, j: ltv_npv(
        column([30, 5], ["jan", "feb"]), streams(i, ["jan", "feb"]) / 100, column([0.1, 0.2], j), acquisition_cost=1
    ),
    "ltv_npv of plain streams, margins, cost": lambda i, j: ltv_npv(
        [[30, 5], [40, 5]], streams(i) / 100, 0.1, acquisition_cost=column([1, 2], j)
    ),
    "ltv_npv of a list of streams": lambda i, j: ltv_npv(
        [column([30, 5], i), column([40, 5], i)], column([0.5, 0.2], j), 0.1, acquisition_cost=1
    ),
    "ltv_npv of a list of streams, margins": lambda i, j: ltv_npv(
        [column([30, 5], i), column([40, 5], i)], [column([0.5, 0.2], j)] * 2, 0.1, acquisition_cost=1
    ),
    "ltv_segments of lists by period": lambda i, j: ltv_segments(
        [column([30, 5], i), column([40, 5], i)], [column([1, 0.2], j)] * 2, 0.1
    ),
    "npv_dated of streams, dates": lambda i, j: npv_dated(
        streams(["x", "y"], i), column(DAYS, j), column([0.1, 0.2], ["x", "y"]), as_of="2025-01-01"
    ),
    "npv_dated of streams, rate": lambda i, j: npv_dated(
        streams(i, ["jan", "feb"]), column(DAYS, ["jan", "feb"]), column([0.1, 0.2], j), as_of="2025-01-01"
    ),
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
        with pytest.raises(InputError, match=r"with the same index as|at the same place as"):
            CALLS[name](["a", "b"], ["b", "a"])

    def test_the_labels_of_one_stream_are_those_of_its_periods(self):
        value = npv(column([100, 120], ["2024", "2025"]), column([0.1, 0.2], ["low", "high"]), timing="end")
        assert value.round(4).tolist() == [round(100 / 1.1 + 120 / 1.21, 4), round(100 / 1.2 + 120 / 1.44, 4)]


FRAME = pd.DataFrame({"customer": [2, 1, 0], "revenue": [100.0] * 3, "margin": [0.1, 0.2, 0.3], "segment": list("aba")})
SORTED = FRAME.sort_values("customer")
"""Its row numbers are 2, 1, 0, and look like the customers 0, 1, 2."""

SHARES = {"a": 0.1, "b": 0.5, "c": 0.9}
SEGMENT = pd.Series(["a", "b", "c"], index=[1, 0, 2])
"""Segments of the customers 1, 0 and 2."""


class TestCustomerProfits:
    """Row numbers of a frame are not taken for identifiers."""

    def test_columns_of_one_frame(self):
        found = customer_profits(SORTED["revenue"], margin=SORTED["margin"], customer=SORTED["customer"])
        np.testing.assert_allclose(found.income, [30.0, 20.0, 10.0])

    @pytest.mark.parametrize(("one", "other"), [(SORTED, FRAME), (FRAME, SORTED), (FRAME, FRAME.iloc[[2, 0, 1]])])
    @pytest.mark.parametrize("name", ["margin", "segment"])
    def test_same_labels_in_another_order_are_refused(self, one, other, name):
        terms = {"margin": SHARES, "segment": one["segment"], name: other[name]}
        with pytest.raises(InputError, match="same index as `revenue`") as caught:
            customer_profits(one["revenue"], customer=one["customer"], **terms)
        assert caught.value.name == name

    def test_identifiers_as_index(self):
        found = customer_profits([100.0] * 3, margin=SHARES, segment=SEGMENT, customer=[2, 1, 0])
        np.testing.assert_allclose(found.income, [90.0, 10.0, 50.0])


class TestGroupEconomics:
    """The cost of one frame with the values is that of its rows."""

    def test_columns_of_one_frame(self):
        found = group_economics({"c": SORTED["segment"]}, SORTED["revenue"], acquisition_cost=SORTED["margin"])
        np.testing.assert_allclose(found.acquisition_cost, [0.2, 0.2, 0.2])

    def test_same_labels_in_another_order_are_refused(self):
        with pytest.raises(InputError, match="`acquisition_cost` must be with the same index as `value`"):
            group_economics({"c": FRAME["segment"]}, FRAME["revenue"], acquisition_cost=SORTED["margin"])


class TestCashFlowsByAge:
    """Segments and margins are matched in one way."""

    LOG = ([2, 1, 0], ["2023-01-01"] * 3, [10, 10, 10])

    def test_identifiers_as_index(self):
        found = cash_flows_by_age(
            *self.LOG, customers=[2, 1, 0], segment=SEGMENT, margin=SHARES, period="month", as_of="2023-02-15"
        )
        np.testing.assert_allclose(found[:, 0], [9.0, 1.0, 5.0])

    def test_columns_of_one_frame(self):
        found = cash_flows_by_age(
            *self.LOG,
            customers=SORTED["customer"],
            margin=SORTED["margin"],
            period="month",
            as_of="2023-02-15",
        )
        np.testing.assert_allclose(found[:, 0], [3.0, 2.0, 1.0])

    def test_old_customers_are_warned_of(self):
        old, new = np.arange(200), np.arange(200, 500)
        customer = np.concatenate([old, new])
        day = np.datetime64("2024-01-01") + np.concatenate([old % 7, new - 200])
        terms = {"margin": 0.3, "period": "month", "as_of": "2024-12-31"}
        with pytest.warns(DataWarning, match="first purchases pile up in the first .* days") as caught:
            cash_flows_by_age(customer, day, np.ones(500), customers=customer, **terms)
        assert caught[0].message.count >= 200
        cash_flows_by_age(customer, day, np.ones(500), customers=new[50:], **terms)


def test_names_of_segments_in_the_order_of_the_index():
    """Each name got the value of another segment."""
    revenue, stay = (pd.Series(values, index=["b", "a"]) for values in ([100_000, 40_000], [0.8, 0.5]))
    for columns in ((revenue, stay), (revenue, 0.8), (revenue.to_frame(), stay), ([100_000, 40_000], stay)):
        assert ltv_segments(*columns, 0.3, names=["b", "a"]).values[0] == 24_000
        with pytest.raises(InputError, match="`names` must be in the order of the index"):
            ltv_segments(*columns, 0.3, names=["a", "b"])
    with pytest.raises(InputError, match="`names` must be with the same index"):
        ltv_segments(revenue, stay, 0.3, names=pd.Series(["x", "y"], index=["a", "b"]))
    assert ltv_segments(revenue, stay, 0.3, names=["new", "old"]).names == ("new", "old")
    assert ltv_segments(pd.Series([1, 2]), 1, 1, names=[1, 0]).names == ("1", "0")  # row numbers are no names
