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
    wanted = [row in rows[:i] for i, row in enumerate(rows)]
    found = find_copies(list(columns))
    assert wanted == [False] * len(rows) if found is None else found.tolist() == wanted


def test_copies_are_found_among_columns_of_each_kind():
    moment = np.array(["2024-01-01", "2024-01-01", "2024-01-01"], dtype="datetime64[us]")
    columns = [moment, np.array([1, 1, 1], dtype=np.int32), np.array([0.0, -0.0, 4e-16])]
    assert find_copies(columns).tolist() == [False, True, False]
    moment[1] += np.timedelta64(1, "us")
    assert find_copies(columns) is None


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
        assert (kept.n_duplicates_kept, dropped.n_duplicates_kept) == (1, 0)
        assert type(kept).from_json(kept.to_json()) == kept
        assert (kept.revenue.tolist(), kept.n_duplicates) == ([[39.0, 7.0]], 0)
        assert (dropped.revenue.tolist(), dropped.n_duplicates) == ([[29.0, 7.0]], 1)
        assert type(dropped).from_json(dropped.to_json()) == dropped

    def test_cash_flows(self):
        assert self.flows("keep") == [[15.0], [4.5]]
        assert self.flows("drop") == [[10.0], [4.5]]

    @pytest.mark.parametrize("policy", ["keep", "drop"])
    def test_later_copies_are_later_rows(self, policy):
        log = CUSTOMER + ["bob"] * 3, DATE + ["2024-03-01"] * 3, AMOUNT + [1.0] * 3
        later = retention_triangle(*log, period="month", as_of="2024-02-29", duplicates=policy)
        assert (later.n_rows_later, later.n_duplicates + later.n_duplicates_kept) == (3, 1)
        paths = paths_from_touches(
            [1, 1, 1],
            ["ads"] * 3,
            ["2024-01-02"] + ["2024-03-01"] * 2,
            conversion_customer=[1, 1],
            conversion_time=["2024-03-01"] * 2,
            as_of="2024-02-01",
            duplicates=policy,
        )
        assert (paths.n_later_touches, paths.n_later_conversions) == (2, 2)
        assert "says the same" not in paths.conclusion

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
        assert (dropped.n_duplicate_touches_kept, dropped.n_duplicate_conversions_kept) == (0, 0)
        assert "counted, although" not in dropped.conclusion
        assert (kept.n_duplicate_touches_kept, kept.n_duplicate_conversions_kept) == (1, 1)
        assert "1 touch counted, although an earlier row says the same; 1 conversion counted" in kept.conclusion
        assert "dropped" not in kept.conclusion

    @pytest.mark.parametrize("name", ["triangle", "flows", "paths"])
    def test_refusals(self, name):
        with pytest.raises(InputError, match=r'exact copy of an earlier one.*duplicates="drop" leaves') as caught:
            getattr(self, name)("raise")
        assert caught.value.index == 1
        with pytest.raises(InputError, match="duplicates"):
            getattr(self, name)("some")
