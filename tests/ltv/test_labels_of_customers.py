"""Columns of one frame belong together by their rows; a column whose index holds identifiers by its customers."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.errors import DataWarning, InputError
from crmvalue.ltv import cash_flows_by_age, customer_profits, group_economics

pd = pytest.importorskip("pandas")

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
