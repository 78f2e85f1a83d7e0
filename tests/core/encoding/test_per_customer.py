"""Terms of customers: one for all, by segment, or in the order of the customers, never by position in silence."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from crmvalue._core.per_customer import Rows, as_per_customer, as_segments, in_order, plain_moments
from crmvalue.errors import InputError

IDS = np.array([7, 3, 5])


def ordered(value, index, name=None, **rows):
    column = pd.Series(value, index=pd.Index(index, name=name))
    return in_order("margin", column, Rows(**{"customer": IDS, **rows}))


class TestInOrder:
    """A column with an index of identifiers is brought into the order of the customers."""

    def test_by_name(self):
        assert ordered([0.3, 0.5, 0.7], [3, 5, 7]) == [0.7, 0.3, 0.5]
        assert ordered([0.9, 0.3, 0.5, 0.7], [9, 3, 5, 7]) == [0.7, 0.3, 0.5]  # in no order: not a filtered table
        assert ordered([0.3, 0.5, 0.7, 0.9], [3, 5, 7, 9], name="customer") == [0.7, 0.3, 0.5]

    @pytest.mark.parametrize("index", [[3, 5, 7, 9], [7, 6, 5, 4, 3, 2, 1, 0]])
    def test_what_may_be_row_numbers_of_others_too_is_refused(self, index):
        with pytest.raises(InputError, match="row numbers of a filtered or sorted table"):
            ordered(np.arange(len(index)), index)

    def test_missing_customers_are_named(self):
        with pytest.raises(InputError, match=r"it is without 3, 5: reindex"):
            ordered([0.7], [7])
        with pytest.raises(InputError, match=r"it is without 1, 2, 3 and 1 more: reindex"):
            ordered([0.7], [7], customer=np.array([1, 2, 3, 4]))
        with pytest.raises(InputError, match=r"it is without 1, 2, 3: reindex"):
            ordered([0.7], [7], customer=np.array([1, 2, 3]))
        with pytest.raises(InputError, match="there are no identifiers here"):
            ordered([0.7], [7], customer=None)

    def test_beside_another_labelled_column(self):
        index = pd.Index([1, 2, 3])
        column = in_order("margin", pd.Series([0.1, 0.2, 0.3], index=[1, 2, 3]), Rows(IDS, index, "spend"))
        assert column.tolist() == [0.1, 0.2, 0.3]
        with pytest.raises(InputError, match="`margin` must be with the same index as `spend`"):
            in_order("margin", pd.Series([0.1, 0.2, 0.3], index=[3, 2, 1]), Rows(IDS, index, "spend"))

    def test_row_numbers_and_plain_columns_pass(self):
        assert ordered([0.1, 0.2, 0.3], range(3)).tolist() == [0.1, 0.2, 0.3]
        assert in_order("margin", [0.1, 0.2, 0.3], Rows(IDS)) == [0.1, 0.2, 0.3]

    def test_the_first_labelled_column_gives_the_index(self):
        found = Rows.of(IDS, spend=[1, 2, 3], margin=pd.Series([1, 2], index=["a", "b"]), tax=None)
        assert (found.name, list(found.index)) == ("margin", ["a", "b"])


class TestTerms:
    """A number for all, a mapping by segment, or one for each."""

    def test_by_segment(self):
        segments = as_segments(["b", "a", "b"], 3)
        margin = {"a": 0.1, "b": 0.2, "c": 0.9}
        found = as_per_customer("margin", margin, 3, kind="fraction", segments=segments)
        assert found.tolist() == [0.2, 0.1, 0.2]
        with pytest.raises(InputError, match=r"given for the segment 'b' too.*Hint: 1 more segment without one"):
            as_per_customer("margin", {"c": 0.9}, 3, kind="fraction", segments=segments)
        ends = as_per_customer("margin", {"a": 0.0, "b": 1.0}, 3, kind="fraction", segments=segments)
        assert ends.tolist() == [1.0, 0.0, 1.0]
        with pytest.raises(InputError, match=r"in \[0, 1\], also for 'a'"):
            as_per_customer("margin", {"a": 1.1, "b": 0.2}, 3, kind="fraction", segments=segments)

    @pytest.mark.parametrize(
        ("kind", "good", "bad"), [("fraction", (0.0, 1.0), (-0.1, 1.1)), ("amount", (0.0, 9e9), (-1.0,))]
    )
    def test_ends(self, kind, good, bad):
        for number in good:
            assert as_per_customer("x", number, 2, kind=kind) == number
            assert as_per_customer("x", [number] * 2, 2, kind=kind).tolist() == [number] * 2
        for number in bad:
            for value in (number, [good[0], number]):
                with pytest.raises(InputError, match="`x` must be"):
                    as_per_customer("x", value, 2, kind=kind)

    def test_columns_by_identifier(self):
        column, rows = pd.Series(["a", "b", "c"], index=[3, 5, 7]), Rows(IDS)
        found = as_segments(column, 3, rows=rows)
        assert [found.labels[place] for place in found.code] == ["c", "a", "b"]
        assert as_segments(found, 3) is found
        assert as_segments(None, 3) is None
        margin = as_per_customer("margin", pd.Series([0.3, 0.5, 0.7], index=[3, 5, 7]), 3, kind="fraction", rows=rows)
        assert margin.tolist() == [0.7, 0.3, 0.5]
        numbers = as_segments(np.array([9, 4, 9]), 3)
        assert (numbers.labels, numbers.code.tolist()) == ([4, 9], [1, 0, 1])

    @pytest.mark.parametrize("empty", ["", None, float("nan"), pd.NaT])
    def test_an_empty_label_is_named(self, empty):
        with pytest.raises(InputError, match=r"not empty or missing.* at index 1"):
            as_segments(["a", empty, "a"], 3)


def test_moments_that_are_all_midnights_are_days():
    days = np.array(["2024-01-02", "NaT"], dtype="datetime64[ns]")
    assert plain_moments(days).astype(object).tolist() == [dt.date(2024, 1, 2), None]
    moments = np.array(["2024-01-02", "2024-01-02T06", "NaT"], dtype="datetime64[ns]")
    assert plain_moments(moments).astype(object).tolist() == [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 2, 6), None]
    assert plain_moments(IDS) is IDS
