"""One whole number for each row of columns: equal for equal rows, ascending, however wide the columns are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._core.encoding import keys
from crmvalue._core.encoding.keys import distinct_days, distinct_keys, in_order, row_keys

WIDEST = keys._MOST_RANKS - 1
"""The largest whole number that is its own rank beside a 0."""

ordinary = st.just(0.0) | st.floats(1e-100, 1e100) | st.floats(-1e100, -1e-100)
values = [
    st.integers(0, 3).map(float),
    st.integers(-(10**6), 10**6).map(float),
    st.sampled_from([0.0, 1.0, WIDEST - 1.0, WIDEST, WIDEST + 1.0, -1.0]),
    st.integers(0, 5000).map(lambda days: days / 7),
    st.sampled_from([0.0, -0.0, 0.1, 0.1 + 2**-55, 1 / 3, 2.0**53, 2.0**53 + 2, 1e100, -1e100]),
    ordinary,
]


@st.composite
def tables(draw, most_rows=30, most_columns=6):
    """Columns of equal length, each of one kind, with rows that occur again."""
    n = draw(st.integers(0, most_rows))
    kinds = draw(st.lists(st.sampled_from(values), min_size=1, max_size=most_columns))
    columns = [np.array(draw(st.lists(kind, min_size=n, max_size=n)), dtype=float) for kind in kinds]
    again = draw(st.lists(st.integers(0, n - 1), max_size=20)) if n else []
    rows = np.concatenate([np.arange(n), np.array(again, dtype=int)])
    return [column[rows] for column in columns]


def ranks_of(columns):
    """Rank the distinct rows by numpy.unique over whole rows; -0 counts as 0."""
    rows = np.column_stack(columns) + 0.0
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)


def wide_table(n_rows, n_columns, seed):
    """Whole numbers that fill the widest column that is its own rank, and rows that occur again."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, WIDEST, size=(n_columns, n_rows), endpoint=True).astype(float)
    columns[:, :2] = [0.0, WIDEST]
    return list(columns[:, np.append(np.arange(n_rows), rng.integers(0, n_rows, size=n_rows))])


class TestRowKeys:
    """`row_keys`: equal for equal rows and ascending, the first column first; against numpy.unique over rows."""

    @given(tables())
    def test_equals_numpy_over_rows(self, columns):
        key = row_keys(*columns)
        assert key.dtype == np.int64
        assert (key >= 0).all()
        np.testing.assert_array_equal(np.unique(key, return_inverse=True)[1], ranks_of(columns))

    @given(st.integers(2, 400), st.integers(1, 9), st.integers(0, 2**32))
    def test_as_many_wide_columns_as_anyone_has(self, n_rows, n_columns, seed):
        """Three columns of 22 bits need 66: the keys are ranked again before they pass 2**62."""
        columns = wide_table(n_rows, n_columns, seed)
        np.testing.assert_array_equal(np.unique(row_keys(*columns), return_inverse=True)[1], ranks_of(columns))

    def test_just_below_and_at_the_limit(self):
        """Sizes 2**22, 2**22 and 2**18 multiply to 2**62, where the keys are ranked again; 2**18 - 1 stays below."""
        wide = np.array([0.0, WIDEST, WIDEST, 5.0])
        for last, ranked_again in ((2.0**18 - 2, False), (2.0**18 - 1, True)):
            columns = [wide, wide[::-1], np.array([0.0, last, 1.0, last])]
            key = row_keys(*columns)
            assert bool(key.max() < 4 * 2**18) is ranked_again
            np.testing.assert_array_equal(np.unique(key, return_inverse=True)[1], ranks_of(columns))

    def test_keys_are_closed_up_while_a_table_of_them_is_small(self):
        """Two rows in a thousand columns of 1,000 values: without closing up, keys would pass 2**62 in the seventh."""
        columns = [np.array([0.0, 999.0, 0.0])] * 1000
        assert row_keys(*columns).tolist() == [0, 1999, 0]

    def test_closed_up(self):
        key, size = keys._closed_up(np.array([7, 2, 7, 9]), 10)
        assert (key.tolist(), size) == ([1, 0, 1, 2], 3)
        key, size = keys._closed_up(np.array([], dtype=np.int64), 1)
        assert (key.tolist(), size) == ([], 0)

    @given(st.lists(st.integers(0, 60), max_size=30))
    def test_closing_up_keeps_the_order_and_leaves_no_gap(self, key):
        closed, size = keys._closed_up(np.array(key, dtype=np.int64), 61)
        places = {value: place for place, value in enumerate(sorted(set(key)))}
        assert closed.tolist() == [places[value] for value in key]
        assert size == len(places)

    @pytest.mark.parametrize(
        ("column", "ranks"),
        [
            ([3.0, 5.0, 3.0], [0, 2, 0]),
            ([-2.0, -1.0], [0, 1]),
            ([0.0, WIDEST], [0, WIDEST]),
            ([0.0, WIDEST + 1.0], [0, 1]),
            ([1 / 7, 3 / 7, 0.0], [1, 3, 0]),
            ([0.5, 0.25], [1, 0]),
            ([1e100, -1e100, 0.0], [2, 0, 1]),
            ([2.0**60, 2.0**60 + 2**10], [0, 2**10]),
            ([0.0, -0.0], [0, 0]),
            ([], []),
        ],
    )
    def test_ranks_of_one_column(self, column, ranks):
        """Whole numbers and days in weeks are counted from the lowest; other columns, and wide ones, are ranked."""
        assert row_keys(np.array(column)).tolist() == ranks


class TestDistinctKeys:
    """`distinct_keys`: a place of each key, the place of each row among them, and how often each occurs."""

    @staticmethod
    def check(key):
        distinct, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
        first, place, weight = distinct_keys(key)
        np.testing.assert_array_equal(key[first], distinct)
        np.testing.assert_array_equal(place, inverse)
        np.testing.assert_array_equal(weight, counts)

    @given(st.lists(st.integers(0, 50) | st.integers(0, 2**62 - 1), max_size=40))
    def test_equals_numpy(self, key):
        self.check(np.array(key, dtype=np.int64))

    @pytest.mark.parametrize("n_rows", [0, 1, 3, 1000])
    @pytest.mark.parametrize("beyond", [-1, 0, 1])
    def test_the_largest_table_and_the_next(self, n_rows, beyond):
        """A table has room for 16 cells a row and 4,096 more; larger keys are sorted, with the same answer."""
        n_cells = 16 * n_rows + 4096 + beyond
        key = np.arange(n_rows, dtype=np.int64) % 7 * 3
        key[:1] = n_cells - 1
        self.check(key)

    @given(st.lists(st.integers(-719_000, -718_900) | st.integers(-(2**40), 2**40), max_size=40))
    def test_of_days(self, day):
        column = np.array(day, dtype="datetime64[D]")
        days, place = distinct_days(column)
        assert days.tolist() == np.unique(column).tolist()
        np.testing.assert_array_equal(days[place], column)

    @given(tables())
    def test_of_rows(self, columns):
        first, place, weight = distinct_keys(row_keys(*columns))
        for column in columns:
            np.testing.assert_array_equal(column[first][place], column)
        np.testing.assert_array_equal(np.bincount(place, minlength=len(first)), weight)
        np.testing.assert_array_equal(place, ranks_of(columns))


class TestInOrder:
    """Numbers in ascending order with their places; equal numbers keep their order."""

    @given(st.integers(1, 64).flatmap(lambda b: st.tuples(st.just(b), st.lists(st.integers(0, 2**b - 1), max_size=40))))
    def test_as_sorted_does(self, case):
        n_bits, numbers = case
        order, ascending = in_order(np.array(numbers, dtype=np.uint64), n_bits)
        expected = sorted(range(len(numbers)), key=numbers.__getitem__)
        assert order.tolist() == expected
        assert ascending.tolist() == sorted(numbers)

    @pytest.mark.parametrize("n_bits", [20, 60])
    def test_many(self, n_bits):
        """With enough of them for two cores; 60 bits leave no room for the places of 200,000 numbers."""
        numbers = np.random.default_rng(4).integers(0, 2**n_bits, 200_000, dtype=np.uint64)
        order, ascending = in_order(numbers.copy(), n_bits)
        np.testing.assert_array_equal(order, np.argsort(numbers, kind="stable"))
        np.testing.assert_array_equal(ascending, np.sort(numbers))
