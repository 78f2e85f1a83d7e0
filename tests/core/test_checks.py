"""The input checks, fed with what callers really pass: columns of other libraries, gaps, texts and broken numbers."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from enum import Enum
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._core.checks import (
    as_amounts,
    as_column,
    as_counts,
    as_day,
    as_days,
    as_flag,
    as_float,
    as_floats,
    as_fraction,
    as_outcomes,
    as_positive,
    as_text,
    as_times,
    as_whole_number,
    is_missing_object,
    require,
    require_choice,
    require_same_length,
    to_array,
)
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.per_customer import as_per_customer, as_segments
from crmvalue.attribution import Paths, paths_from_touches
from crmvalue.codes import CodePolicy, MessageCodes, codes_for_messages
from crmvalue.cohorts import retention_triangle
from crmvalue.errors import InputError
from crmvalue.ltv import cash_flows_by_age, customer_profits
from crmvalue.metrics import plan_and_actual
from crmvalue.products import OrderLines
from crmvalue.profiles import resolve_profiles
from crmvalue.purchases import summarise_purchases
from tests.strategies import dates
from tests.work import n_calls

UTC_TIME = dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC)
ORDINAL = type("Ordinal", (), {"toordinal": lambda _: 5})()  # what other calendars offer
HUGE = 10**400  # an integer that no float can hold

# What is wrong as a number: the input, the offending value (nan stands for any missing one) and its index.
NOT_NUMBERS = {
    "nan": (np.nan, np.nan, None),
    "nan in a list": ([1, np.nan, np.nan], np.nan, 1),
    "inf": (np.inf, np.inf, None),
    "-inf in a list": ([1.0, -np.inf], -np.inf, 1),
    "nan in a matrix": ([[1.0, 2.0], [3.0, np.nan]], np.nan, (1, 1)),
    "None": (None, np.nan, None),
    "None in a list": ([1, None], np.nan, 1),
    "None in a matrix": ([[1, 2], [None, 3]], np.nan, (1, 0)),
    "masked": (np.ma.array([1.0, 2.0], mask=[False, True]), 2.0, 1),
    "pandas NA": (pd.Series([1, None], dtype="Int64"), np.nan, 1),
    "pandas NA object": (pd.Series([1, pd.NA], dtype=object), np.nan, 1),
    "pandas NaN": (pd.Series([1.0, np.nan]), np.nan, 1),
    "polars null": (pl.Series([1, None, 2]), np.nan, 1),
    "polars all null": (pl.Series([None, None]), np.nan, 0),
    "arrow null": (pa.array([1, None]), np.nan, 1),
    "decimal NaN": ([Decimal(1), Decimal("NaN")], np.nan, 1),
    "text": ("12", "12", None),
    "text in a list": (["12", "13"], "12", 0),
    "text among numbers": ([1, "a"], "a", 1),
    "text among objects": (np.array([1, "a"], dtype=object), "a", 1),
    "text column": (pd.Series(["a", "b"]), "a", 0),
    "bytes": (b"12", b"12", None),
    "bool": (True, True, None),
    "bools": ([True, False], True, 0),
    "bool among whole numbers": ([1, True], True, 1),
    "bool among numbers": ((0.5, np.True_), True, 1),
    "bool in a matrix": ([[1, 2], [3, True]], True, (1, 1)),
    "bools of an array in a list": ([np.array([1.0]), np.array([True])], True, (1, 0)),
    "complex": (1j, 1j, None),
    "complex among numbers": ([1, 2j], 2j, 1),
    "date": (dt.date(2024, 1, 1), dt.date(2024, 1, 1), None),
    "datetime64": (np.array(["2024-01-01"], dtype="datetime64[D]"), "2024-01-01", 0),
    "timedelta64": (np.array([1, 2], dtype="timedelta64[D]"), "1 days", 0),
    "huge integer": (HUGE, HUGE, None),
    "huge integer in a list": ([1, HUGE], HUGE, 1),
    "too large": ([1.0, 1e101], 1e101, 1),
    "long double": (np.longdouble("1e4000"), np.inf, None),
    "dictionary": ({1: 2}, {1: 2}, None),
}

MASKED = np.ma.array([1, 2], mask=[False, True])

RAGGED = [[[1, 2], [3]], [1.0, [2.0]], [[1, [2, 3]], [3, 4]]]

ABOVE_1 = 1.0000000000000002


def cases(table):
    """Turn a table by name into pytest's parameters."""
    return [pytest.param(*(row if isinstance(row, tuple) else (row,)), id=name) for name, row in table.items()]


def attempt(check, **arguments):
    """Give the result or the InputError of a call; anything else that it raises fails the test."""
    try:
        return check(**arguments), None
    except InputError as error:
        return None, error


def is_same(value, expected):
    if isinstance(expected, float) and np.isnan(expected):
        return isinstance(value, float) and np.isnan(value)
    return value == expected


class TestAsFloats:
    """Cast each input to float64 and check that all are ordinary numbers whose shapes broadcast together."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (3, 3.0),
            (-0.0, 0.0),
            (np.array(3), 3.0),
            (np.float16(1.5), 1.5),
            (np.float32(0.5), 0.5),
            (np.uint8(255), 255.0),
            (Decimal("1.5"), 1.5),
            (Fraction(1, 4), 0.25),
            ([1, 2.5], [1.0, 2.5]),
            ((1, 2), [1.0, 2.0]),
            (range(3), [0.0, 1.0, 2.0]),
            ([Decimal("0.1"), Fraction(1, 2)], [0.1, 0.5]),
            ([10**30], [1e30]),
            ([[1, 2], [3, 4]], [[1.0, 2.0], [3.0, 4.0]]),
            (np.ma.array([1.0, 2.0], mask=[False, False]), [1.0, 2.0]),
            (pd.Series([1, 2], dtype="Int64"), [1.0, 2.0]),
            (pl.Series([1, 2]), [1.0, 2.0]),
            (pl.Series([Decimal("1.5")]), [1.5]),
            (pa.array([1, 2]), [1.0, 2.0]),
            (np.longdouble("1.5"), 1.5),
            (1e100, 1e100),
            (-1e-100, -1e-100),
            ([], []),
            (np.array([], dtype=str), []),
        ],
    )
    def test_takes(self, value, expected):
        (array,) = as_floats(x=value)
        assert array.dtype == np.float64
        assert array.shape == np.shape(expected)
        np.testing.assert_array_equal(array, expected)

    @pytest.mark.parametrize(("value", "offender", "index"), cases(NOT_NUMBERS))
    def test_rejects(self, value, offender, index):
        with pytest.raises(InputError) as caught:
            as_floats(fine=1.0, x=value)
        assert caught.value.name == "x"
        assert caught.value.index == index
        assert is_same(caught.value.value, offender)
        assert caught.value.rule

    @pytest.mark.parametrize("value", [np.array([], dtype="datetime64[D]"), np.array([], dtype=bool)])
    def test_rejects_an_empty_column_of_another_kind(self, value):
        with pytest.raises(InputError, match=f"must be numeric; got '{re.escape(str(value.dtype))}'"):
            as_floats(x=value)

    @pytest.mark.parametrize(("text", "hints"), [("1.200,50", True), ("-9,9", True), ("9.9", False), ("a,5", False)])
    def test_hints_at_a_decimal_comma(self, text, hints):
        with pytest.raises(InputError, match="must be numeric") as caught:
            as_floats(x=[text, "1"])
        assert ("decimal=','" in str(caught.value)) is hints

    def test_counts_every_offender(self):
        with pytest.raises(InputError) as caught:
            as_floats(x=[1, np.nan, 2, np.inf, np.nan])
        assert (caught.value.index, caught.value.count) == (1, 3)

    @pytest.mark.parametrize("value", RAGGED)
    def test_rejects_ragged_lists(self, value):
        with pytest.raises(InputError, match="regular array of numbers") as caught:
            as_floats(x=value)
        assert caught.value.value == value

    @pytest.mark.parametrize("value", [[MASKED, MASKED], [1.0, np.ma.masked], ([MASKED], [[3, 4]])])
    def test_rejects_masked_arrays_in_a_list(self, value):
        for check in (as_floats, as_days):
            with pytest.raises(InputError, match="without masked arrays inside a list"):
                check(x=value) if check is as_floats else check("x", value)

    def test_rejects_a_list_in_itself(self):
        endless = []
        endless.append(endless)
        with pytest.raises(InputError, match="regular array"):
            as_floats(x=endless)

    def test_names_the_input_whose_shape_does_not_fit(self):
        with pytest.raises(InputError) as caught:
            as_floats(a=1.0, b=[1, 2], c=[1, 2, 3])
        assert caught.value.name == "c"
        assert caught.value.value == (3,)
        assert "`a` and `b` (2,)" in str(caught.value)

    def test_shapes_may_broadcast(self):
        a, b, c = as_floats(a=1.0, b=[1, 2], c=[[1], [2], [3]])
        assert np.broadcast_shapes(a.shape, b.shape, c.shape) == (3, 2)

    def test_integers_do_not_leak_their_type(self):
        (array,) = as_floats(x=np.array([200, 100], dtype=np.uint8))
        assert array[0] * 2 == 400.0

    @given(st.lists(st.one_of(st.floats(), st.integers(), st.none(), st.text(max_size=2)), max_size=5))
    def test_either_ordinary_numbers_or_an_input_error(self, values):
        array, error = attempt(as_floats, x=values)
        if error:
            assert (error.name, type(error.index)) == ("x", int)
            return
        (array,) = array
        assert array.shape == (len(values),)
        size = np.abs(array)
        assert ((size == 0) | ((size >= 1e-100) & (size <= 1e100))).all()


class TestRequireSameIndex:
    """Columns with an index have the same one: nothing is matched by position in silence."""

    def test_other_labels_are_refused(self):
        left, right = pd.Series([1, 2], ["a", "b"]), pd.Series([10, 20], ["b", "a"])
        with pytest.raises(InputError, match="`y` must be with the same index as `x`"):
            as_floats(x=left, y=right)
        with pytest.raises(InputError, match="with the same index"):
            as_floats(x=pd.Series([1, 2, 3])[[True, False, True]], y=pd.Series([1, 2]))

    def test_the_same_labels_plain_arrays_and_scalars_pass(self):
        left = pd.Series([1, 2], ["a", "b"])
        found = as_floats(x=left, y=2 * left, z=[5, 6], w=7)
        assert [array.tolist() for array in found] == [[1, 2], [2, 4], [5, 6], 7]

    def test_an_attribute_takes_little_more_work_than_python_needs_for_it(self):
        n, _ = n_calls(lambda: [part_of(5, "index") for _ in range(100)])
        assert n < 250  # 200 are those of `part_of` and `getattr`


class TestAsCounts:
    """Whole numbers >= 0 whose shapes broadcast together."""

    @pytest.mark.parametrize("value", [0, 3.0, [1, 2], 2**53, np.uint64(7), Decimal(4)])
    def test_takes(self, value):
        (array,) = as_counts(n=value)
        np.testing.assert_array_equal(array, np.asarray(value, dtype=float))

    @pytest.mark.parametrize(
        ("value", "offender", "index"),
        [(-1, -1.0, None), (2.5, 2.5, None), ([1, 0.5], 0.5, 1), ([1, -2], -2.0, 1), ([2.0**54], 2.0**54, 0)],
    )
    def test_rejects(self, value, offender, index):
        with pytest.raises(InputError, match="whole number") as caught:
            as_counts(n=value)
        assert (caught.value.name, caught.value.value, caught.value.index) == ("n", offender, index)

    def test_says_why_an_enormous_count_is_refused(self):
        with pytest.raises(InputError, match=r"2\*\*53"):
            as_counts(n=1e20)

    def test_shapes_must_broadcast(self):
        with pytest.raises(InputError) as caught:
            as_counts(a=[1, 2], b=[1, 2, 3])
        assert caught.value.name == "b"

    @pytest.mark.parametrize("wrong", [2**53 + 1, [1, 2**53 + 1], np.array([2**53 + 1]), 10**400])
    def test_a_whole_number_that_float64_would_round_is_refused(self, wrong):
        with pytest.raises(InputError, match=r"2\*\*53|magnitude"):
            as_counts(n=wrong)
        if not isinstance(wrong, list | np.ndarray):
            with pytest.raises(InputError):
                as_whole_number("n", wrong, low=0)
        assert as_counts(n=2**53)[0] == 2**53
        assert as_whole_number("n", 2**53, low=0) == 2**53
        assert as_whole_number("n", np.int64(-(2**53)), low=-(2**60)) == -(2**53)

    @pytest.mark.parametrize("of", [int, np.int64, np.array, Decimal])
    @pytest.mark.parametrize("wrong", [2**53 + 1, -(2**53) - 1])
    def test_what_float64_rounds_to_the_bound_is_refused(self, of, wrong):
        with pytest.raises(InputError, match="whole number"):
            as_whole_number("n", of(wrong), low=-(2**53))


class TestNoDates:
    """Dates and durations are no numbers, wherever they stand."""

    @pytest.mark.parametrize(
        "date",
        [
            np.datetime64("2024-01-01"),
            np.datetime64("2024-01-01T00:00:00.000000000"),
            np.timedelta64(3, "ns"),
            np.timedelta64(3),
        ],
    )
    def test_in_a_list_or_alone(self, date):
        for value in (date, [date, 5.0], [5.0, date], np.array([5.0, date], dtype=object), [[date], [1]]):
            with pytest.raises(InputError, match=r"numeric|number"):
                as_floats(x=value)


class TestTimeSpans:
    """One time span among numbers makes numpy read all of them as time spans; the error names the right row."""

    def test_the_row_is_named(self):
        with pytest.raises(InputError, match="numeric") as caught:
            as_floats(x=[10, 7.5, np.timedelta64(1, "D")])
        assert caught.value.index == 2
        with pytest.raises(InputError, match="numeric") as caught:
            as_floats(x=[10, np.timedelta64(1, "D"), 3])
        assert caught.value.index == 1
        assert caught.value.value == np.timedelta64(1, "D")


class TestAsColumn:
    """One column of raw data; NaN passes only where it is asked for."""

    def test_takes_a_column(self):
        np.testing.assert_array_equal(as_column("x", pl.Series([1, 2])), [1.0, 2.0])

    @pytest.mark.parametrize("allow_missing", [False, True])
    @pytest.mark.parametrize("value", [3.0, [[1.0, 2.0]]])
    def test_rejects_other_dimensions(self, value, allow_missing):
        with pytest.raises(InputError, match="one-dimensional"):
            as_column("x", value, allow_missing=allow_missing)

    @pytest.mark.parametrize("value", [[1.0, np.nan], [1, None], pl.Series([1, None]), pd.Series([1, pd.NA])])
    def test_missing_only_where_asked_for(self, value):
        np.testing.assert_array_equal(as_column("x", value, allow_missing=True), [1.0, np.nan])
        with pytest.raises(InputError) as caught:
            as_column("x", value)
        assert caught.value.index == 1

    def test_what_is_too_small_to_matter_is_0(self):
        assert as_column("x", [np.nan, 1e-101, -5e-324, 1e-100], allow_missing=True).tolist()[1:] == [0, 0, 1e-100]
        assert as_column("x", [1.95e-240, 3.0]).tolist() == [0, 3]
        assert as_floats(x=[[5e-324], [2.0]], y=1.0)[0].tolist() == [[0], [2]]

    @pytest.mark.parametrize("value", [np.inf, -np.inf, 1e101, "a", HUGE])
    def test_what_is_not_ordinary_is_never_missing(self, value):
        with pytest.raises(InputError) as caught:
            as_column("x", [np.nan, value], allow_missing=True)
        assert (caught.value.index, caught.value.value) == (1, value)

    def test_a_masked_value_is_never_missing(self):
        with pytest.raises(InputError, match="masked"):
            as_column("x", np.ma.array([1.0, 2.0], mask=[False, True]), allow_missing=True)


class TestAsAmounts:
    """One column of money: so small that sums, and so large that differences and means, stay ordinary."""

    def test_takes(self):
        np.testing.assert_array_equal(as_amounts("x", [0, -1e15, 1e-15]), [0, -1e15, 1e-15])
        np.testing.assert_array_equal(as_amounts("x", [None, 5], allow_missing=True), [np.nan, 5])

    def test_takes_what_a_model_leaves_of_a_customer_as_0(self):
        np.testing.assert_array_equal(as_amounts("x", [9e-16, -8e-22, 1e-99, 1e-200, 2]), [0, 0, 0, 0, 2])
        np.testing.assert_array_equal(as_amounts("x", [None, 9e-16], allow_missing=True), [np.nan, 0])

    @pytest.mark.parametrize("allow_missing", [False, True])
    @pytest.mark.parametrize("value", [1.1e15, -1e100, np.inf])
    def test_rejects(self, value, allow_missing):
        with pytest.raises(InputError) as caught:
            as_amounts("x", [1, value], allow_missing=allow_missing)
        assert (caught.value.name, caught.value.value, caught.value.index) == ("x", value, 1)

    def test_says_the_range(self):
        with pytest.raises(InputError, match="of a magnitude up to 1e15; got"):
            as_amounts("x", [1e100])
        with pytest.raises(InputError, match="finite, without NaN"):
            as_amounts("x", [np.nan])


class TestAsColumnOfResults:
    """One column of values that may have been computed: too small to matter is 0."""

    def test_takes(self):
        np.testing.assert_array_equal(as_column("x", [0, -1e100, 1e-100, 1e-167, -5e-324]), [0, -1e100, 1e-100, 0, 0])
        np.testing.assert_array_equal(as_column("x", [None, 1e-101], allow_missing=True), [np.nan, 0])

    def test_leaves_what_is_given_alone(self):
        mine = np.array([1e-200, 1.0])
        assert as_column("x", mine).tolist() == [0.0, 1.0]
        assert mine[0] == 1e-200

    @pytest.mark.parametrize("value", [np.inf, 1.1e100, "1", True])
    @pytest.mark.parametrize("allow_missing", [False, True])
    def test_rejects(self, value, allow_missing):
        with pytest.raises(InputError) as caught:
            as_column("x", [1, value], allow_missing=allow_missing)
        assert (caught.value.name, caught.value.value, caught.value.index) == ("x", value, 1)

    @pytest.mark.parametrize("value", [1.0, [[1.0]], [np.nan]])
    def test_rejects_other_shapes_and_missing_values(self, value):
        with pytest.raises(InputError, match="`x` must be"):
            as_column("x", value)


class TestAsFlag:
    """True or False, and nothing that is merely truthy."""

    @pytest.mark.parametrize("value", [True, False, np.True_, np.False_])
    def test_takes(self, value):
        assert as_flag("net", value) is bool(value)

    @pytest.mark.parametrize("value", ["no", "", 0, 1, None, np.nan, [True], np.array([True, False])])
    def test_rejects(self, value):
        with pytest.raises(InputError, match="`net` must be True or False"):
            as_flag("net", value)


class TestAsText:
    """A text."""

    def test_takes_text_alone(self):
        assert as_text("name", "a") == "a"
        with pytest.raises(InputError, match="`name` must be text; got 5"):
            as_text("name", 5)


class TestAsFloat:
    """One number; arrays with a dimension raise."""

    @pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.array(2), Decimal(2)])
    def test_takes(self, value):
        number = as_float("x", value)
        assert type(number) is float
        assert number == 2.0

    @pytest.mark.parametrize("value", [[2.0], [1.0, 2.0], [], [[2.0]]])
    def test_rejects_arrays(self, value):
        with pytest.raises(InputError, match="one number, not an array"):
            as_float("x", value)

    @pytest.mark.parametrize("value", [np.nan, np.inf, "2", None, True, 1j, HUGE])
    def test_rejects(self, value):
        with pytest.raises(InputError) as caught:
            as_float("x", value)
        assert (caught.value.name, caught.value.index) == ("x", None)


class TestAsWholeNumber:
    """One whole number that is at least `low`."""

    @pytest.mark.parametrize("value", [3, 3.0, np.int8(3), Decimal(3)])
    def test_takes(self, value):
        number = as_whole_number("n", value, low=3)
        assert type(number) is int
        assert number == 3

    def test_an_upper_end(self):
        assert as_whole_number("n", 5, low=3, high=5) == 5
        with pytest.raises(InputError, match="a whole number from 3 to 5; got 6"):
            as_whole_number("n", 6, low=3, high=5)

    @pytest.mark.parametrize("value", [2, 3.5, -3, 2.0**54, np.nan, "3", True, [3, 4]])
    def test_rejects(self, value):
        with pytest.raises(InputError) as caught:
            as_whole_number("n", value, low=3)
        assert caught.value.name == "n"


class TestAsPositive:
    """One number above 0."""

    @pytest.mark.parametrize("value", [1e-300, 5e-324, np.float64(1e-101)])
    def test_what_counts_as_0_is_shown_as_given(self, value):
        with pytest.raises(InputError, match=f"must be >= 1e-100: what is smaller counts as 0; got {value}"):
            as_positive("penalty", value)
        assert as_positive("cost", value, zero=True) == 0


class TestAsFraction:
    """One number inside (0, 1), or in [0, 1] where closed."""

    @pytest.mark.parametrize("closed", [False, True])
    def test_takes(self, closed):
        assert as_fraction("level", 0.95, closed=closed) == 0.95
        assert as_fraction("level", 1e-16, closed=closed) == 1e-16  # 1 less it is not 1

    @pytest.mark.parametrize("value", [0, 1])
    def test_ends_only_where_closed(self, value):
        assert as_fraction("level", value, closed=True) == value
        with pytest.raises(InputError, match=r"in \(0, 1\)"):
            as_fraction("level", value)

    @pytest.mark.parametrize("closed", [False, True])
    @pytest.mark.parametrize("value", [95, -0.1, 1.0000001])
    def test_rejects_percent(self, value, closed):
        with pytest.raises(InputError, match="a fraction, not percent") as caught:
            as_fraction("level", value, closed=closed)
        assert caught.value.value == value

    @pytest.mark.parametrize("value", [np.nan, np.inf, "0.5", [0.5, 0.6], True])
    def test_rejects_what_is_no_number(self, value):
        with pytest.raises(InputError) as caught:
            as_fraction("level", value)
        assert caught.value.name == "level"


GOOD_DATES = {
    "text": "2024-02-29",
    "text with blanks": " 2024-02-29 ",
    "text with a time": "2024-02-29T23:59",
    "text with a blank and a time": "2024-02-29 23:59:59.999999",
    "bytes": b"2024-02-29",
    "date": dt.date(2024, 2, 29),
    "datetime": dt.datetime(2024, 2, 29, 23, 59),
    "datetime64[D]": np.datetime64("2024-02-29"),
    "datetime64[ns]": np.datetime64("2024-02-29T23:59:59.999999999"),
    "pandas": pd.Timestamp("2024-02-29 23:59"),
}

GOOD_COLUMNS = {
    "texts": ["2024-02-29", "1969-12-31"],
    "text array": np.array(["2024-02-29", "1969-12-31"]),
    "text of any width": np.array(["2024-02-29", "1969-12-31"], dtype=np.dtypes.StringDType()),
    "dates": [dt.date(2024, 2, 29), dt.date(1969, 12, 31)],
    "dates and texts": [dt.date(2024, 2, 29), "1969-12-31"],
    "dates and times": [dt.datetime(2024, 2, 29, 1), dt.date(1969, 12, 31)],
    "datetime64[s]": np.array(["2024-02-29T05:00", "1969-12-31T23:59"], dtype="datetime64[s]"),
    "datetime64 objects": np.array([np.datetime64("2024-02-29"), dt.date(1969, 12, 31)], dtype=object),
    "unmasked": np.ma.array(np.array(["2024-02-29", "1969-12-31"], dtype="datetime64[D]"), mask=[False, False]),
    "pandas": pd.to_datetime(pd.Series(["2024-02-29", "1969-12-31"])),
    "pandas index": pd.DatetimeIndex(["2024-02-29", "1969-12-31"]),
    "pandas text": pd.Series(["2024-02-29", "1969-12-31"]),
    "pandas arrow": pd.Series(["2024-02-29", "1969-12-31"]).astype("timestamp[us][pyarrow]"),
    "polars": pl.Series([dt.date(2024, 2, 29), dt.date(1969, 12, 31)]),
    "polars text": pl.Series(["2024-02-29", "1969-12-31"]),
    "arrow": pa.array([dt.date(2024, 2, 29), dt.date(1969, 12, 31)]),
    "arrow chunks": pa.chunked_array([[dt.date(2024, 2, 29)], [dt.date(1969, 12, 31)]]),
    "arrow dictionary": pa.array(["2024-02-29", "1969-12-31"]).dictionary_encode(),
}

# What is wrong as a date: the input, the offending value (nan stands for any missing one) and its index.
NOT_DATES = {
    "word": ("today", "today", None),
    "compact": ("20240229", "20240229", None),
    "empty text": ("", "", None),
    "NaT text": ("NaT", "NaT", None),
    "not in the calendar": ("2023-02-29", "2023-02-29", None),
    "month": ("2024-02", "2024-02", None),
    "year": ("2024", "2024", None),
    "other digits": ("٢٠٢٤-01-01", "٢٠٢٤-01-01", None),
    "other order": (["2024-02-29", "29.02.2024"], "29.02.2024", 1),
    "hour 25": ("2024-02-29T25:00", "2024-02-29T25:00", None),
    "text with a zone": ("2024-02-29T10:00Z", "2024-02-29T10:00Z", None),
    "word in an array": (np.array([["2024-02-29"], ["now"]]), "now", (1, 0)),
    "number": (20240229, 20240229, None),
    "numbers": ([1.5, 2.5], 1.5, 0),
    "number among texts": (["2024-02-29", 5], "5", 1),  # numpy has made it a text
    "number among objects": (np.array(["2024-02-29", 5], dtype=object), 5, 1),
    "number among dates": ([dt.date(2024, 2, 29), 5], 5, 1),
    "bool": (True, True, None),
    "time of day": (dt.time(5), dt.time(5), None),
    "time span": (dt.timedelta(1), dt.timedelta(1), None),
    "pandas period": (pd.period_range("2024-01", periods=1, freq="M"), pd.Period("2024-01", "M"), 0),
    "month object": (np.array([np.datetime64("2024-02")], dtype=object), np.datetime64("2024-02"), 0),
    "year 0": ("0000-01-01", "0000-01-01", None),
    "year 20000": (np.array(["20000-01-01"], dtype="datetime64[D]"), "20000-01-01", 0),
    "end of int64": (np.array([2**62], dtype="datetime64[D]"), "12626367463885247-04-15", 0),
    "NaT": (np.datetime64("NaT", "D"), "NaT", None),
    "NaT in a list": ([np.datetime64("2024-02-29"), np.datetime64("NaT", "D")], "NaT", 1),
    "None": ([dt.date(2024, 2, 29), None], None, 1),
    "None in a matrix": ([[dt.date(2024, 2, 29)], [None]], None, (1, 0)),
    "None among texts": (np.array(["2024-02-29", None], dtype=object), None, 1),
    "nan among dates": ([dt.date(2024, 2, 29), np.nan], np.nan, 1),
    "pandas NaT": (pd.to_datetime(pd.Series(["2024-02-29", None])), "NaT", 1),
    "pandas text NaN": (pd.Series(["2024-02-29", None], dtype="str"), np.nan, 1),
    "polars null": (pl.Series([dt.date(2024, 2, 29), None]), "NaT", 1),
    "polars text null": (pl.Series(["2024-02-29", None]), None, 1),
    "arrow null": (pa.array([dt.date(2024, 2, 29), None]), "NaT", 1),
    "masked": (np.ma.array(["2024-02-29", "2024-03-01"], mask=[False, True], dtype="datetime64[D]"), "2024-03-01", 1),
    "datetime with a zone": (UTC_TIME, UTC_TIME, None),
    "hour alone": ("2024-02-29T10", "2024-02-29T10", None),
    "fraction of a minute": ("2024-02-29T10:00.5", "2024-02-29T10:00.5", None),
    "ten decimals": ("2024-02-29T10:00:00.1234567890", "2024-02-29T10:00:00.1234567890", None),
    "long fraction": ("2024-02-29T10:00:00." + "1" * 25, "2024-02-29T10:00:00." + "1" * 25, None),
    "attoseconds": (np.array([0], dtype="datetime64[as]"), "datetime64[as]", None),
    "end of int64 object": (np.array([np.datetime64(2**62, "D")], dtype=object), np.datetime64(2**62, "D"), 0),
    "with an ordinal": ([ORDINAL], ORDINAL, 0),
    "datetimes with a zone": ([UTC_TIME.replace(tzinfo=None), UTC_TIME], UTC_TIME, 1),
}
WITH_ZONE = {
    "pandas": pd.Series([UTC_TIME]),
    "pandas index": pd.DatetimeIndex([UTC_TIME]).tz_convert("Europe/Kyiv"),
    "pandas arrow": pd.Series([UTC_TIME]).astype("timestamp[us, tz=UTC][pyarrow]"),
    "polars": pl.Series([UTC_TIME]),
    "arrow": pa.array([UTC_TIME]),
    "arrow chunks": pa.chunked_array([[UTC_TIME]]),
    "arrow dictionary": pa.array([UTC_TIME]).dictionary_encode(),
}


class TestMissingInEverySpelling:
    """A missing value is missing in every kind of column."""

    def test_nulls_between_chunks_of_a_dictionary(self):
        """Arrow gives numpy another value in the place of each null."""
        column = pa.chunked_array([pa.array([True, None, False]).dictionary_encode()])
        with pytest.raises(InputError, match="not missing; got None at index 1"):
            as_outcomes("x", column)

    def test_a_time_span_is_no_outcome(self):
        """Numpy takes it for a whole number: a consent of one day was a consent."""
        with pytest.raises(InputError, match="True and False or of 1 and 0; got '1 days' at index 0"):
            as_outcomes("x", [np.timedelta64(1, "D"), True])

    @pytest.mark.parametrize("nothing", [None, np.nan, np.float32("nan"), Decimal("NaN"), pd.NA, pd.NaT])
    def test_missing_objects(self, nothing):
        assert is_missing_object(nothing)
        with pytest.raises(InputError, match="a label, not empty or missing"):
            customer_profits([10, 20, 30], margin=0.3, segment=["a", nothing, "b"])


class TestAsDays:
    """Cast dates of any usual kind to datetime64[D]; a time of day is cut off."""

    @pytest.mark.parametrize("value", cases(GOOD_DATES))
    def test_takes_one(self, value):
        day = as_days("d", value)
        assert isinstance(day, np.ndarray)
        assert day.dtype == "datetime64[D]"
        assert day.shape == ()
        assert day == np.datetime64("2024-02-29")

    @pytest.mark.parametrize("value", cases(GOOD_COLUMNS))
    def test_takes_a_column(self, value):
        days = as_days("d", value)
        assert days.dtype == "datetime64[D]"
        assert days.tolist() == [dt.date(2024, 2, 29), dt.date(1969, 12, 31)]

    @pytest.mark.parametrize("value", [[], np.array([], dtype=object), np.array([], dtype="datetime64[us]")])
    def test_takes_an_empty_column(self, value):
        days = as_days("d", value)
        assert days.dtype == "datetime64[D]"
        assert days.shape == (0,)

    @pytest.mark.parametrize(("value", "offender", "index"), cases(NOT_DATES))
    def test_rejects(self, value, offender, index):
        with pytest.raises(InputError) as caught:
            as_days("d", value)
        assert (caught.value.name, caught.value.index) == ("d", index)
        assert is_same(caught.value.value, offender)

    @pytest.mark.parametrize("value", cases(WITH_ZONE))
    def test_rejects_columns_with_a_time_zone(self, value):
        with pytest.raises(InputError, match=r"must be without time zone.*convert to local time first"):
            as_days("d", value)
        with pytest.raises(InputError, match=r"must be without time zone.*convert to UTC first if hours count"):
            as_times("d", value)

    @pytest.mark.parametrize(
        "value",
        [
            [["2024-01-01"], ["2024-01-02", "2024-01-03"]],
            np.array(["2024-01"], dtype="datetime64[M]"),
            np.array(["2024-01-04"], dtype="datetime64[W]"),
            np.datetime64("2024"),
            np.array([], dtype=np.int64),
        ],
    )
    def test_rejects_what_is_no_array_of_days(self, value):
        with pytest.raises(InputError) as caught:
            as_days("d", value)
        assert caught.value.name == "d"

    def test_counts_all_wrong_texts_and_names_the_first(self):
        with pytest.raises(InputError) as caught:
            as_days("d", ["2024-01-01", "x", "2024-01-01", "2024-02-30", "31.12.2024", "x"])
        assert (caught.value.value, caught.value.index, caught.value.count) == ("x", 1, 4)

    @given(st.lists(dates, min_size=1))
    def test_every_kind_gives_the_same_days(self, days):
        expected = np.array(days)
        for column in (
            expected.astype("datetime64[s]") + np.timedelta64(86_399, "s"),
            expected.tolist(),
            np.datetime_as_string(expected),
            [f"{day}T12:30" for day in days],
        ):
            np.testing.assert_array_equal(as_days("d", column), expected)


class TestAsDaysAllowMissing:
    """With allow_missing, missing dates become NaT and everything else is checked as before, where it stands."""

    @pytest.mark.parametrize(
        "value",
        [
            [dt.date(2024, 2, 29), None],
            ["2024-02-29", None],
            ["2024-02-29", np.nan],
            [dt.date(2024, 2, 29), pd.NA],
            [dt.date(2024, 2, 29), pd.NaT],
            [np.datetime64("2024-02-29"), np.datetime64("NaT", "D")],
            np.array(["2024-02-29", "NaT"], dtype="datetime64[ns]"),
            np.array(["2024-02-29", None], dtype=object),
            pd.to_datetime(pd.Series(["2024-02-29", None])),
            pd.Series(["2024-02-29", None], dtype="str"),
            pd.Series(["2024-02-29", None], dtype="string"),
            pl.Series([dt.date(2024, 2, 29), None]),
            pl.Series(["2024-02-29", None]),
            pa.array([dt.date(2024, 2, 29), None]),
        ],
    )
    def test_takes(self, value):
        assert as_days("d", value, allow_missing=True).tolist() == [dt.date(2024, 2, 29), None]
        times = as_times("d", value, allow_missing=True)
        assert times.dtype == "datetime64[us]"
        assert np.isnat(times).tolist() == [False, True]

    @pytest.mark.parametrize("value", [[None, None], [np.nan, np.nan], pl.Series([None, None]), np.full(2, np.nan)])
    def test_all_may_be_missing(self, value):
        days = as_days("d", value, allow_missing=True)
        assert days.dtype == "datetime64[D]"
        assert days.tolist() == [None, None]

    @pytest.mark.parametrize("value", [None, np.nan, np.datetime64("NaT", "D"), pd.NaT, pd.NA])
    def test_one_may_be_missing(self, value):
        day = as_days("d", value, allow_missing=True)
        assert day.shape == ()
        assert np.isnat(day)

    @pytest.mark.parametrize(
        ("value", "offender", "index"),
        [
            ([None, "today"], "today", 1),
            ([None, 5], 5, 1),
            ([None, UTC_TIME], UTC_TIME, 1),
            ([[None], ["20240229"]], "20240229", (1, 0)),
            (np.array([np.nan, 5.0]), 5.0, 1),
            ("NaT", "NaT", None),
            ("", "", None),
        ],
    )
    def test_rejects(self, value, offender, index):
        with pytest.raises(InputError) as caught:
            as_days("d", value, allow_missing=True)
        assert (caught.value.value, caught.value.index) == (offender, index)


class TestAsTimes:
    """Cast points in time of any usual kind to datetime64[us], by the rules of as_days."""

    @pytest.mark.parametrize(
        "value",
        [
            "2024-02-29 23:59:59.5",
            dt.datetime(2024, 2, 29, 23, 59, 59, 500_000),
            np.datetime64("2024-02-29T23:59:59.500"),
            pd.Timestamp("2024-02-29 23:59:59.5"),
        ],
    )
    def test_keeps_the_time_of_day(self, value):
        time = as_times("t", value)
        assert time.dtype == "datetime64[us]"
        assert time == np.datetime64("2024-02-29T23:59:59.500000")

    def test_a_day_is_its_midnight(self):
        assert as_times("t", dt.date(1969, 12, 31)) == np.datetime64("1969-12-31T00:00:00.000000")

    @pytest.mark.parametrize(("value", "offender", "index"), cases(NOT_DATES))
    def test_rejects(self, value, offender, index):
        with pytest.raises(InputError) as caught:
            as_times("t", value)
        assert (caught.value.name, caught.value.index) == ("t", index)
        assert is_same(caught.value.value, offender)


class TestRequire:
    """Raise InputError for the first place where the condition does not hold."""

    def test_silent_where_all_hold(self):
        require(np.array([True, True]), "x", np.array([1.0, 2.0]), "positive")
        require(condition=True, name="x", value=1.0, rule="positive")
        require(np.array([], dtype=bool), "x", np.array([]), "positive")

    @pytest.mark.parametrize(
        ("condition", "value", "offender", "index", "count"),
        [
            (False, 5.0, 5.0, None, 1),
            (np.array([True, False, False]), np.array([1.0, 2.0, 3.0]), 2.0, 1, 2),
            (np.array([[True, True], [True, False]]), np.array([[1.0, 2.0], [3.0, 4.0]]), 4.0, (1, 1), 1),
            # A relation between arguments of two shapes: the index counts in the broadcast shape.
            (np.array([True, False]), np.array(7.0), 7.0, 1, 1),
            (np.array([[True], [False]]), np.array([1.0, 2.0]), 1.0, (1, 0), 2),
        ],
    )
    def test_first_offender(self, condition, value, offender, index, count):
        with pytest.raises(InputError) as caught:
            require(condition, "x", value, "fine", hint="try 1")
        error = caught.value
        assert (error.value, error.index, error.count) == (offender, index, count)
        assert (error.name, error.rule, error.hint) == ("x", "fine", "try 1")

    def test_values_are_plain_python(self):
        with pytest.raises(InputError) as caught:
            require(np.array([False]), "n", np.array([3], dtype=np.int8), "fine")
        assert type(caught.value.value) is int
        with pytest.raises(InputError, match="got '2024-01-01' at index 0"):
            require(np.array([False]), "d", np.array(["2024-01-01"], dtype="datetime64[D]"), "fine")


LINES = OrderLines(customer=[1, 2, 3], date=["2024-01-01"] * 3, product=["a", "b", "c"])
CARDS = {"record": [1, 2], "keys": {"card": ["0", "0"]}, "rules": ["card"]}


class TestColumnsOfArrow:
    """A column of PyArrow gives the same as a list, also where a list of names is asked for."""

    @pytest.mark.parametrize(
        ("make", "items"),
        [
            (lambda items: LINES.without(items).n_orders, ["a", "b"]),
            (lambda items: Paths.from_lists(items, [1, 0]).channels, [["ad", "mail"], ["ad"]]),
            (lambda items: resolve_profiles(**CARDS, never={"card": items}).n_profiles, ["0"]),
            (lambda items: resolve_profiles(**CARDS, apart=items).n_profiles, [[1, 2]]),
            (lambda items: MessageCodes(key=items, code=["X", "Y"]).of(["k1"]).tolist(), ["k1", "k2"]),
            (lambda items: codes_for_messages(items, CodePolicy()).key.tolist(), ["k1", "k2"]),
        ],
    )
    def test_it_is_read_as_a_list_is(self, make, items):
        assert make(pa.array(items)) == make(pa.chunked_array([pa.array(items)])) == make(items)


WORDS = {"END": "end", "MONTH": "month", "DAY": "2024-02-10", "DOWN": "down"}
Word = Enum("Word", WORDS, type=str)
"""Words as a service declares them: `str` of a member gives its name, not its text."""
Basis = Enum("Basis", {"TOTAL": "total"}, type=str)


class TestMembersOfAnEnumeration:
    """A member stands for its text, alone, in a list and in a list of lists."""

    def test_days(self):
        assert as_day("as_of", Word.DAY) == np.datetime64("2024-02-10")
        assert as_days("date", [["2024-01-01", Word.DAY]]).tolist() == [[dt.date(2024, 1, 1), dt.date(2024, 2, 10)]]

    def test_labels(self):
        array, _ = to_array("label", [Word.END, "x"], "labels")
        assert array.tolist() == ["end", "x"]

    def test_words(self):
        from crmvalue.loyalty import EarnRule
        from crmvalue.models import BgNbd

        log = ([1, 1], ["2024-01-01", "2024-02-10"])
        triangle = retention_triangle(*log, period=Word.MONTH, as_of=Word.DAY)
        assert triangle == retention_triangle(*log, period="month", as_of="2024-02-10")
        rule = EarnRule(name="base", points=1, per=100, rounding=Word.DOWN)
        assert rule == EarnRule(name="base", points=1, per=100, rounding="down")
        assert repr(BgNbd(0.2, 4.4, 0.8, 2.4, Word.MONTH)) == repr(BgNbd(0.2, 4.4, 0.8, 2.4, "month"))

    def test_texts_that_are_kept(self):
        from crmvalue.codes import CodePolicy, codes_for_messages
        from crmvalue.experiments import compare_means
        from crmvalue.segmentation import fit_rfm

        assert codes_for_messages([Word.END, "x"], CodePolicy()).key.tolist() == ["end", "x"]
        arms = [Word.END, Word.END, Word.DOWN, Word.DOWN]
        means = compare_means([1.0, 2.0, 3.0, 5.0], arms, control=Word.END)
        assert (means.names, means.control) == (("down", "end"), 1)
        breaks = fit_rfm([1, 2, 3], [1, 2, 3], [1, 2, 3], spend_basis=Basis.TOTAL, n_bins=3)
        assert type(breaks.spend_basis) is str

    def test_columns_of_objects(self):
        from crmvalue.journeys import Customers

        made = Customers(customer=[1, 2, 3], attributes={"kind": np.array([Word.END, "end", None], dtype=object)})
        assert repr(made.attributes["kind"]) == "Coded(distinct=['end'], code=[ 0,  0, -1])"

    def test_words_of_a_frame(self):
        from crmvalue.frames import CustomerFrame

        made = CustomerFrame(frame=None, columns={Word.END: Word.DOWN}, guessed=[Word.END], grain=Word.DAY)
        assert (made.columns, made.guessed, made.grain) == ({"end": "down"}, ("end",), "2024-02-10")
        assert "Word" not in repr((made.columns, made.guessed, made.grain))

    def test_names_of_what_is_given_by_name(self):
        from crmvalue.experiments import compare_proportions

        made = compare_proportions({"down": 5, "end": 3}, {"down": 10, "end": 10}, names=[Word.END, Word.DOWN])
        assert (made.names, made.successes.tolist()) == (("end", "down"), [3, 5])


class TestManyDimensions:
    """Numpy brings arrays of up to 32 dimensions into one shape."""

    @pytest.mark.parametrize("check", [as_floats, as_counts])
    def test_more_are_refused(self, check):
        deep = np.ones((1,) * 33).tolist()
        with pytest.raises(InputError, match="`n` must be a number or a regular array of numbers; got '33 dimensions'"):
            check(n=deep)
        assert np.shape(check(n=deep[0])[0]) == (1,) * 32


class TestRequireChoice:
    """The value is one of the words."""

    def test_takes(self):
        require_choice("timing", "end", ("start", "middle", "end"))

    def test_gives_the_word_of_a_member_of_an_enumeration(self):
        assert type(require_choice("timing", Word.END, ("start", "end"))) is str

    def test_rejects_a_text_that_cannot_be_compared(self):
        class Odd(str):
            __slots__ = ()
            __hash__ = str.__hash__

            def __eq__(self, other):
                raise RuntimeError

        with pytest.raises(InputError, match="one of 'start', 'end'"):
            require_choice("timing", Odd("late"), ("start", "end"))

    @pytest.mark.parametrize("value", ["END", "", None, 1, ["end"], b"end"])
    def test_rejects(self, value):
        with pytest.raises(InputError, match="one of 'start', 'end'") as caught:
            require_choice("timing", value, ("start", "end"))
        assert caught.value.value == value


class TestRequireSameLength:
    """Columns of raw data are equally long and not empty."""

    def test_gives_the_length(self):
        assert require_same_length(a=np.zeros(3), b=np.array(["x", "y", "z"])) == 3

    def test_rejects_another_length(self):
        with pytest.raises(InputError, match=r"as long as `a` \(2 rows\); got 3") as caught:
            require_same_length(a=np.zeros(2), b=np.zeros(2), c=np.zeros(3))
        assert caught.value.name == "c"

    def test_rejects_an_empty_table(self):
        with pytest.raises(InputError, match="`a` must be at least one row"):
            require_same_length(a=np.zeros(0), b=np.zeros(0))


@pytest.mark.parametrize(
    "check",
    [
        as_floats,
        as_counts,
        lambda x: as_column("x", x),
        lambda x: as_float("x", x),
        lambda x: as_whole_number("x", x, low=0),
        lambda x: as_fraction("x", x),
        lambda x: as_days("x", x),
        lambda x: as_times("x", x),
        lambda x: as_days("x", x, allow_missing=True),
        lambda x: as_times("x", x, allow_missing=True),
    ],
)
@given(
    value=st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3),
            st.complex_numbers(), st.dates(), st.datetimes(timezones=st.none() | st.just(dt.UTC)), st.times(),
            st.timedeltas(), st.decimals(), st.fractions(), st.just(pd.NA), st.just(pd.NaT),
            st.just(np.datetime64("NaT", "D")), st.just(np.timedelta64("NaT", "D")), st.just(np.array([1.0, np.nan])),
        ),
        lambda children: st.lists(children, max_size=3),
        max_leaves=6,
    )
)  # fmt: skip
def test_whatever_comes_in_only_an_input_error_comes_out(check, value):
    result, error = attempt(check, x=value)
    if error:
        assert error.name == "x"
        assert error.rule
    else:
        assert result is not None


TINY = [4e-16, -4e-16, 1e-10]


def planned(tiny):
    plan = {"start": ["2024-01-01"], "end": ["2024-01-31"], "target": [10.0]}
    sales = {"date": ["2024-01-02", "2024-01-03"], "amount": [4.0, tiny]}
    return plan_and_actual(plan, sales, as_of="2024-01-10")


def retained(tiny):
    days = ["2024-01-02", "2024-02-03"]
    return retention_triangle([1, 1], days, amount=[4.0, tiny], period="month", as_of="2024-02-29")


def touched(tiny):
    return paths_from_touches(
        ["ann"], ["mail"], ["2024-01-01"],
        conversion_customer=["ann", "ann"], conversion_time=["2024-01-02", "2024-01-03"],
        conversion_value=[4.0, abs(tiny)], as_of="2024-02-01", look_back_days=30,
    )  # fmt: skip


def aged(tiny):
    days = ["2024-01-02", "2024-02-03"]
    log = {"customers": [1], "margin": 1.0, "period": "month", "as_of": "2024-03-15"}
    return cash_flows_by_age([1, 1], days, [4.0, tiny], **log).tolist()


@pytest.mark.parametrize("make", [planned, retained, touched, aged])
@pytest.mark.parametrize("tiny", TINY)
def test_it_is_nothing(make, tiny):
    assert make(tiny) == make(0.0)


@pytest.mark.parametrize("duplicates", ["raise", "drop"])
def test_a_row_of_such_money_is_no_copy_of_one_without_money(duplicates):
    """Copies are exact, as in an order log: equal in the amount that is given."""
    ids, days, amounts = [1, 1, 1], ["2024-01-02"] * 3, [4.0, 0.0, 4e-16]
    log = {"period": "month", "as_of": "2024-03-15", "duplicates": duplicates}
    assert summarise_purchases(ids, days, amounts, duplicates=duplicates).counts.n_duplicates_dropped == 0
    assert retention_triangle(ids, days, amounts, **log).n_duplicates == 0
    assert cash_flows_by_age(ids, days, amounts, customers=[1], margin=1.0, **log).sum() == 4
    sales = {"conversion_customer": ids, "conversion_time": days, "conversion_value": amounts}
    times = {"as_of": "2024-02-01", "look_back_days": 30, "duplicates": duplicates}
    assert paths_from_touches([1], ["mail"], ["2024-01-01"], **sales, **times).n_duplicate_conversions == 0


@pytest.mark.parametrize(("name", "number"), [("revenue", -7e-15), ("margin", 1 + 2e-16 * 2), ("margin", -4e-16)])
def test_the_hint_names_what_binary_arithmetic_leaves(name, number):
    columns = {"revenue": [4.0, 5.0], "margin": [0.5, 0.5]}
    with pytest.raises(InputError, match="binary arithmetic"):
        customer_profits(**columns | {name: [1.0, number]})


@pytest.mark.parametrize(
    "check",
    [
        lambda: as_per_customer("margin", ABOVE_1, 1, kind="fraction"),
        lambda: as_per_customer("margin", {"a": ABOVE_1}, 1, kind="fraction", segments=as_segments(["a"], 1)),
        lambda: as_fraction("share", ABOVE_1, closed=True),
        lambda: as_positive("cost", -4e-16, zero=True),
        lambda: require(ABOVE_1 <= 1, "margin", ABOVE_1, "at most 1", hint="a fraction, not percent"),
    ],
)
def test_the_hint_is_that_of_a_single_number_too(check):
    with pytest.raises(InputError, match="binary arithmetic"):
        check()


@pytest.mark.parametrize(("name", "number"), [("revenue", -0.01), ("margin", 1.01), ("margin", 40.0)])
def test_the_hint_does_not_speak_of_arithmetic_where_the_number_is_wrong(name, number):
    columns = {"revenue": [4.0, 5.0], "margin": [0.5, 0.5]}
    with pytest.raises(InputError) as caught:
        customer_profits(**columns | {name: [1.0, number]})
    assert "arithmetic" not in str(caught.value)
