"""The row that counts for each message of a plan of many days."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._journeys.planning import looks
from tests.journeys.references import looks_that_count

TEXTS = st.sampled_from(["", "a", "birthday", "დაბადების დღე", "birthday of the year"])
WHOLE = st.one_of(st.integers(-3, 3), st.sampled_from([-(2**62), 2**40, 2**62]))


def rows(columns):
    return st.lists(st.tuples(st.integers(0, 3), st.booleans(), *columns), min_size=1, max_size=30)


class TestLastLooks:
    """One row of each message: where it was sent, or else the last look at it."""

    @given(rows([WHOLE, TEXTS]))
    def test_equals_one_by_one(self, table):
        run, sent, *columns = map(np.array, zip(*table, strict=True))
        days = run.astype("datetime64[D]")
        found = looks.last_looks(days, sent, columns)
        assert found.tolist() == looks_that_count(run, sent, columns)

    @given(rows([st.integers(0, 2), TEXTS, WHOLE, WHOLE]))
    def test_in_the_order_of_days(self, table):
        run, sent, *columns = map(np.array, zip(*sorted(table, key=lambda row: row[0]), strict=True))
        found = looks.last_looks(run.astype("datetime64[D]"), sent, columns)
        assert found.tolist() == looks_that_count(run, sent, columns)

    def test_known(self):
        run = np.array(["2024-06-01", "2024-06-01", "2024-06-02", "2024-06-02", "2024-06-03"], dtype="datetime64[D]")
        sent = np.array([False, False, True, False, False])
        found = looks.last_looks(run, sent, [np.array([1, 2, 1, 2, 1])])
        assert found.tolist() == [False, False, True, True, False]

    def test_equal_rows_of_one_day(self):
        run = np.array(["2024-06-01"] * 2 + ["2024-06-02"] * 2, dtype="datetime64[D]")
        found = looks.last_looks(run, np.zeros(4, dtype=bool), [np.array([7] * 4)])
        assert found.tolist() == [False, False, True, True]
