"""Exact copies of rows, and the policy for them in every function that counts rows of a log."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._core.encoding.copies import find_copies
from crmvalue.attribution import paths_from_touches
from crmvalue.cohorts import retention_triangle
from crmvalue.errors import InputError
from crmvalue.ltv import cash_flows_by_age

CUSTOMER = ["ann", "ann", "bob", "ann", "ann", "bob"]
DATE = ["2024-01-10 09:00", "2024-01-10 09:00", "2024-01-20", "2024-01-10 17:00", "2024-02-15", "2024-01-20"]
AMOUNT = [10.0, 10.0, 5.0, 10.0, 7.0, 4.0]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2))))
def test_copies_are_equal_to_an_earlier_row(rows):
    columns = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    assert find_copies(list(columns)).tolist() == [row in rows[:i] for i, row in enumerate(rows)]


class TestPolicy:
    """One copy of 10.00; the purchase at 17:00 and the 4.00 beside 5.00 are none."""

    @staticmethod
    def triangle(policy):
        return retention_triangle(CUSTOMER, DATE, AMOUNT, period="month", as_of="2024-02-29", duplicates=policy)

    @staticmethod
    def flows(policy):
        options = {"customers": ["ann", "bob"], "margin": 0.5, "period": "month", "as_of": "2024-02-29"}
        return cash_flows_by_age(CUSTOMER, DATE, AMOUNT, **options, duplicates=policy).tolist()

    @staticmethod
    def paths(policy):
        sold = {"conversion_customer": [1, 1, 1], "conversion_time": ["2024-01-05"] * 3, "conversion_value": [9, 9, 8]}
        touches = [1, 1, 1], ["mail", "mail", "ads"], ["2024-01-02"] * 3
        return paths_from_touches(*touches, **sold, as_of="2024-02-01", duplicates=policy)

    def test_retention(self):
        kept, dropped = self.triangle("keep"), self.triangle("drop")
        assert (kept.revenue.tolist(), kept.n_duplicates) == ([[39.0, 7.0]], 0)
        assert (dropped.revenue.tolist(), dropped.n_duplicates) == ([[29.0, 7.0]], 1)
        assert type(dropped).from_json(dropped.to_json()) == dropped

    def test_cash_flows(self):
        assert self.flows("keep") == [[15.0], [4.5]]
        assert self.flows("drop") == [[10.0], [4.5]]

    def test_paths(self):
        kept, dropped = self.paths("keep"), self.paths("drop")
        assert (kept.n_touches.tolist(), kept.value.tolist(), kept.n_conversions.tolist()) == ([3], [26.0], [3])
        assert (dropped.n_touches.tolist(), dropped.value.tolist(), dropped.n_conversions.tolist()) == (
            [2],
            [17.0],
            [2],
        )
        assert (dropped.n_duplicate_touches, dropped.n_duplicate_conversions) == (1, 1)
        assert "1 touch dropped, because an earlier row says the same; 1 conversion dropped" in dropped.conclusion
        assert "dropped" not in kept.conclusion

    @pytest.mark.parametrize("name", ["triangle", "flows", "paths"])
    def test_refusals(self, name):
        with pytest.raises(InputError, match=r'exact copy of an earlier one.*duplicates="drop" leaves') as caught:
            getattr(self, name)("raise")
        assert caught.value.index == 1
        with pytest.raises(InputError, match="duplicates"):
            getattr(self, name)("some")
