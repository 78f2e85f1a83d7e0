"""Customer identifiers of every kind: each distinct one gets one code, nothing missing gets any."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue import attribution, journeys, segmentation
from crmvalue._core.encoding.customers import as_comparable, encode_customers, fill_missing, join_customers, stable_draw
from crmvalue.errors import InputError
from crmvalue.purchases import summarise_purchases

TEXT = ["b", "a", "b", "Ž"]
NUMBERS = [3, -1, 3, 70]

TEXT_KINDS = {
    "list": TEXT,
    "tuple": tuple(TEXT),
    "numpy": np.array(TEXT),
    "numpy objects": np.array(TEXT, dtype=object),
    "numpy variable width": np.array(TEXT, dtype=np.dtypes.StringDType()),
    "pandas": pd.Series(TEXT),
    "pandas index": pd.Index(TEXT),
    "pandas objects": pd.Series(TEXT, dtype=object),
    "pandas string": pd.Series(TEXT, dtype="string"),
    "pandas arrow": pd.Series(TEXT, dtype="string[pyarrow]"),
    "pandas category": pd.Series(TEXT, dtype="category"),
    "pandas ordered category": pd.Series(pd.Categorical(TEXT, categories=["Ž", "b", "a"], ordered=True)),
    "polars": pl.Series(TEXT),
    "polars categorical": pl.Series(TEXT, dtype=pl.Categorical),
    "polars enum": pl.Series(TEXT, dtype=pl.Enum(["Ž", "b", "a"])),
    "arrow": pa.array(TEXT),
    "arrow large": pa.array(TEXT, pa.large_string()),
    "arrow view": pa.array(TEXT, pa.string_view()),
    "arrow dictionary": pa.array(TEXT).dictionary_encode(),
    "arrow chunks": pa.chunked_array([TEXT[:1], TEXT[1:]]),
    "arrow chunks of dictionaries": pa.chunked_array([pa.array(TEXT).dictionary_encode()]),
}

NUMBER_KINDS = {
    "list": NUMBERS,
    "int8": np.array(NUMBERS, dtype=np.int8),
    "big-endian": np.array(NUMBERS, dtype=">i4"),
    "objects": np.array(NUMBERS, dtype=object),
    "float64": np.array(NUMBERS, dtype=np.float64),
    "float16": np.array(NUMBERS, dtype=np.float16),
    "long double": np.array(NUMBERS, dtype=np.longdouble),
    "pandas": pd.Series(NUMBERS),
    "pandas nullable": pd.Series(NUMBERS, dtype="Int64"),
    "pandas arrow": pd.Series(NUMBERS, dtype="int64[pyarrow]"),
    "pandas category": pd.Series(NUMBERS, dtype="category"),
    "polars": pl.Series(NUMBERS),
    "polars int16": pl.Series(NUMBERS, dtype=pl.Int16),
    "arrow": pa.array(NUMBERS),
    "arrow dictionary": pa.array(NUMBERS).dictionary_encode(),
    "arrow chunks": pa.chunked_array([NUMBERS[:1], NUMBERS[1:]]),
    "masked, nothing hidden": np.ma.array(NUMBERS),
    "strided": np.repeat(NUMBERS, 2)[::2],
}

MISSING = {
    "NaN": [1, np.nan],
    "infinity": [1, np.inf],
    "None": [1, None],
    "None beside text": ["a", None],
    "NaN beside text": ["a", np.nan],
    "masked number": np.ma.array([1, 2], mask=[False, True]),
    "masked text": np.ma.array(["a", "b"], mask=[False, True]),
    "numpy variable width": np.array(["a", None], dtype=np.dtypes.StringDType(na_object=None)),
    "pandas nullable": pd.Series([1, None], dtype="Int64"),
    "pandas text": pd.Series(["a", None]),
    "pandas string": pd.Series(["a", None], dtype="string"),
    "pandas category": pd.Series(["a", None], dtype="category"),
    "pandas category of numbers": pd.Series([1, None], dtype="category"),
    "pandas NA": pd.Series([1, pd.NA], dtype=object),
    "polars": pl.Series([1, None]),
    "polars text": pl.Series(["a", None]),
    "polars categorical": pl.Series(["a", None], dtype=pl.Categorical),
    "arrow": pa.array([1, None]),
    "arrow text": pa.array(["a", None]),
    "arrow dictionary": pa.array(["a", None]).dictionary_encode(),
    "arrow null in a dictionary": pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array([1, None])),
    "empty text": ["a", ""],
    "blank text": ["a", " \t\n"],
}

NEITHER = {
    "half": ([1.0, 1.5], 1),
    "float beyond whole numbers": ([1.0, 2.0**54], 1),
    "long double beyond float64": (np.array([1, "1e4000"], dtype=np.longdouble), 1),
    "text and number": (["a", 1], 1),
    "number and text": (np.array([1, "a"], dtype=object), 1),
    "bool": ([True, False], None),
    "bool among objects": (np.array([1, True], dtype=object), 1),
    "float among objects": (np.array([1, 1.0], dtype=object), 1),
    "bool among text": (["a", True], 1),
    "bool in a list": ([1, True], 1),
    "numpy's bool in a list": ([1, np.True_], 1),
    "bool among floats": ([1.0, True], None),
    "float64 beyond its digits": ([1.0, 2.0**53], 1),
    "whole number that a float beside it rounds": ([2**53 + 1, 2.0**53], 0),
    "float32 beyond its digits": (np.array([16777217, 16777216], dtype=np.float32), 0),
    "float16 beyond its digits": (np.array([1, 2049], dtype=np.float16), 1),
    "long double beyond the digits of float64": (np.array([1, 2**53 + 1], dtype=np.longdouble), 1),
    "masked array in a list": ([np.ma.array(1, mask=True), 2], None),
    "bytes": (np.array([b"a", b"b"]), None),
    "bytes in a list": ([b"a", b"b"], None),
    "complex": ([1j, 2], None),
    "date": (np.array(["2024-01-01"], dtype="datetime64[D]"), None),
    "decimal": ([Decimal(1), Decimal(2)], 0),
    "UUID": ([UUID(int=1)], 0),
    "list": (np.array([["a"], None], dtype=object), 0),
    "polars list": (pl.Series([[1], [2]]), 0),
    "ragged": ([[1], [1, 2]], None),
    "scalar": (5, None),
    "text scalar": ("ann", None),
    "matrix": ([[1, 2], [3, 4]], None),
    "dictionary": ({1: 2}, None),
}

EDGES = {
    "all of int8": (np.arange(-128, 128).astype(np.int8), np.int8),
    "ends of int8": (np.array([127, -128, 0], dtype=np.int8), np.int8),
    "end of uint8": (np.array([255, 254], dtype=np.uint8), np.uint8),
    "end of int64": (np.array([2**63 - 1, 2**63 - 2, 2**63 - 1]), np.int64),
    "begin of int64": (np.array([-(2**63), -(2**63) + 1]), np.int64),
    "both ends of int64": (np.array([2**63 - 1, -(2**63), 0]), np.int64),
    "end of uint64": (np.array([2**64 - 1, 2**64 - 2], dtype=np.uint64), np.uint64),
    "across 2**63": (np.array([2**63, 2**63 - 1], dtype=np.uint64), np.uint64),
    "objects beyond int64": (np.array([2**63 + 1, 2**63, -1], dtype=object), object),
    "objects far beyond": ([10**30, 1, 10**30 + 1], object),
    "text ending in a null": (np.array(["a\0", "a", "a\0\0", "a"], dtype=object), object),
    "text of Polars ending in a null": (pl.Series(["a\0", "a", "a\0"]), object),
    "text of Arrow ending in a null": (pa.array(["a\0", "a", "a\0"]).to_pylist(), object),
    "float at the limit": ([2.0**53 - 1, 2.0**53 - 2], np.int64),
    "float32 at the limit": (np.array([2**24 - 1, 2**24 - 2], dtype=np.float32), np.int64),
    "float16 at the limit": (np.array([2**11 - 1, -(2**11) + 1], dtype=np.float16), np.int64),
}


def check(value, expected):
    """Compare with the definition: ascending distinct values, which the codes turn back into the column."""
    distinct, codes = encode_customers("customer", value)
    assert distinct.tolist() == sorted(set(expected))
    assert [distinct[code] for code in codes.tolist()] == list(expected)
    assert codes.dtype == np.int64
    return distinct


class TestEncodeCustomers:
    """`encode_customers`: distinct customers in ascending order, and each row's position among them."""

    @pytest.mark.parametrize("value", TEXT_KINDS.values(), ids=TEXT_KINDS)
    def test_text(self, value):
        assert check(value, TEXT).dtype.kind == "U"

    @pytest.mark.parametrize("value", NUMBER_KINDS.values(), ids=NUMBER_KINDS)
    def test_numbers(self, value):
        assert check(value, NUMBERS).dtype.kind == "i"

    @pytest.mark.parametrize("value", MISSING.values(), ids=MISSING)
    def test_missing_raises(self, value):
        with pytest.raises(InputError, match=r"not missing|not empty|masked") as caught:
            encode_customers("who", value)
        assert (caught.value.name, caught.value.index) == ("who", 1)

    @pytest.mark.parametrize(("value", "index"), NEITHER.values(), ids=NEITHER)
    def test_what_is_neither_text_nor_whole_raises(self, value, index):
        with pytest.raises(InputError) as caught:
            encode_customers("who", value)
        assert caught.value.name == "who"
        if index is not None:
            assert caught.value.index == index

    @pytest.mark.parametrize(("value", "dtype"), EDGES.values(), ids=EDGES)
    def test_edges(self, value, dtype):
        assert check(value, list(value)).dtype == dtype

    def test_nobody(self):
        for nobody in ([], np.array([], dtype=object), np.array([], dtype=np.int64), np.array([], dtype=str)):
            distinct, codes = encode_customers("customer", nobody)
            assert len(distinct) == len(codes) == 0

    @given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5), min_size=1))
    def test_any_integers(self, ids):
        check(np.array(ids, dtype=np.int64), ids)
        check(np.array(ids, dtype=object), ids)

    @given(st.integers(-(10**6), 10**6), st.lists(st.integers(0, 3000), min_size=1))
    def test_counting_and_sorting_agree(self, low, offsets):
        """Numbers close together are counted, others sorted; where the span passes the border both are met."""
        check(np.array([low + offset for offset in offsets]), [low + offset for offset in offsets])

    @given(st.lists(st.text(min_size=1, max_size=3).filter(str.strip), min_size=1))
    def test_any_text(self, ids):
        check(ids, ids)
        check(np.array(ids, dtype=object), ids)

    def test_the_column_is_left_alone(self):
        for ids in (np.array([5, 3, 4]), np.array([0, 1, 2]), np.array([0, 10**9]), np.array([0.0, 1.0])):
            before = ids.copy()
            distinct, codes = encode_customers("customer", ids)
            distinct += 1
            codes += 1
            np.testing.assert_array_equal(ids, before)

    @pytest.mark.parametrize(
        "column",
        [
            pd.period_range("2024-01", periods=3, freq="M"),
            pd.interval_range(0, 3),
            pd.date_range("2024-01-01", periods=3, tz="Europe/Kyiv"),
        ],
        ids=["periods", "intervals", "zoned times"],
    )
    def test_other_types_of_pandas_are_refused_without_a_warning(self, column):
        with pytest.raises(InputError, match="all whole numbers or all text"):
            encode_customers("customer", pd.Series(column))

    @pytest.mark.parametrize("item", [Decimal(1), UUID(int=1), b"a"], ids=["Decimal", "UUID", "bytes"])
    def test_identifiers_of_a_database_are_cast_first(self, item):
        with pytest.raises(InputError, match="Hint: cast the column to whole numbers or text first"):
            encode_customers("customer", [item, item])


class TestGapsInColumns:
    """A missing identifier in a column of another library is nobody, and the others keep their digits."""

    def test_chunks_of_a_dictionary(self):
        """Numpy reads a null in them as a text of the dictionary."""
        kind = pa.dictionary(pa.int32(), pa.string())
        column = pa.chunked_array([pa.array(["a", None, "b"], kind), pa.array([None, "c"], kind)])
        with pytest.raises(InputError, match="an identifier, not missing"):
            encode_customers("customer", column)
        history = summarise_purchases(column, ["2024-01-01"] * 5, missing="drop")
        assert history.customer.tolist() == ["a", "b", "c"]
        assert history.counts.n_without_customer == 2

    @pytest.mark.parametrize(
        "make",
        [
            pa.array,
            lambda ids: pa.chunked_array([ids]),
            lambda ids: pd.Series(ids, dtype="Int64"),
            lambda ids: pd.Series(ids, dtype="int64[pyarrow]"),
            pl.Series,
        ],
    )
    def test_large_whole_numbers(self, make):
        """Beside a null they would become floats, which cannot tell them apart."""
        history = summarise_purchases(make([2**60 + 1, None, 2**60 + 2]), ["2024-01-01"] * 3, missing="drop")
        assert history.customer.tolist() == [2**60 + 1, 2**60 + 2]

    @pytest.mark.parametrize(
        "ids", [[2**64 - 1, 5], [2**63, -1], (5, 2**63 + 1, 2**63), [np.uint64(2**63), 7], [2**70, 1]]
    )
    def test_whole_numbers_on_both_sides_of_the_largest_signed_one(self, ids):
        """Of such a list, numpy makes floats."""
        found, code = encode_customers("customer", ids)
        assert found.tolist() == sorted(ids)
        assert found[code].tolist() == list(ids)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "column",
    [
        pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02"]).tz_localize("UTC")),
        pd.period_range("2024-01", periods=2, freq="M"),
        pd.interval_range(0, 2),
    ],
)
def test_columns_that_are_no_identifiers_warn_of_nothing(column):
    with pytest.raises(InputError, match="`customer`"):
        encode_customers("customer", column)


@pytest.mark.parametrize("others", [[], [1, 2]])
def test_spans_of_time_in_a_column_of_objects_are_no_identifiers(others):
    """To numpy they are whole numbers."""
    column = pd.Series([np.timedelta64(5, "D"), *others], dtype=object)
    with pytest.raises(InputError, match=r"`customer`.*whole numbers or all text.*at index 0"):
        encode_customers("customer", column)


class TestLargeNumbersBesideMissingOnes:
    """Whole numbers from 2**53 on keep their digits where some are missing, or the error says what to do."""

    @pytest.mark.parametrize("missing", [float("nan"), None])
    @pytest.mark.parametrize("make", [list, tuple])
    def test_lists(self, make, missing):
        ids, gone = fill_missing("customer", make([2**53 + 1, missing, 3]))
        assert ids.tolist()[::2] == [2**53 + 1, 3]
        assert gone.tolist() == [False, True, False]

    def test_columns_of_floats(self):
        with pytest.raises(InputError, match="as text, or as a column of whole numbers with nulls") as caught:
            encode_customers("customer", np.array([2.0**53 + 2, 3.0]))
        assert caught.value.rule == "below 2**53 in a column of floats, which cannot tell larger numbers apart"

    def test_an_order_log(self):
        made = summarise_purchases([2**53 + 1, float("nan")], ["2024-01-01"] * 2, [1, 2], missing="drop")
        assert made.customer.tolist() == [2**53 + 1]
        assert made.counts.n_without_customer == 1


def test_half_of_a_pair_of_utf_16_draws_too():
    ids = np.array(["a", "\udfff"], dtype=object)
    one, other = stable_draw(ids, "spring"), stable_draw(ids, "\udfff" * 30)
    assert len({*one.tolist(), *other.tolist()}) == 4
    assert stable_draw(ids[:1], "spring") == one[0]


@pytest.mark.parametrize("column", [list, pd.Series, pl.Series, pa.array])
@pytest.mark.parametrize("longest", [3_000, 20_000])
def test_one_long_text_pads_no_other(column, longest):
    # a stray quotation mark makes one text of thousands of rows of a file; padded to it, all would take gigabytes
    items = [f"c{i}" for i in range(300)]
    items[7] = "y" * longest
    distinct, code = encode_customers("customer", column(items))
    assert distinct.nbytes < 2**16
    assert distinct.tolist() == sorted(items)
    assert [distinct[place] for place in code.tolist()] == items
    assert fill_missing("customer", column(items))[0].nbytes < 2**16
    history = summarise_purchases(column(items), np.full(300, np.datetime64("2024-01-05")))
    assert history.customer.tolist() == sorted(items)


class TestSignedBesideUnsigned:
    """Numbers of a warehouse have no sign, those of a list or of JSON have one; numpy makes floats of both together."""

    ALL = np.array([2**63 + 5, 2**60 + 1, 2**60 + 2, 2**60 + 3, 7], dtype=np.uint64)
    SOME = (2**60 + 2, 7)

    def test_unsigned_numbers_stay_unsigned_and_are_signed_beside_others(self):
        unsigned, signed = self.ALL[1:], np.array([5, -(2**60)])
        assert encode_customers("customer", unsigned)[0].dtype == unsigned.dtype == np.uint64
        assert [column.dtype for column in as_comparable(unsigned, signed)] == [np.int64, np.int64]
        assert join_customers(unsigned, signed).tolist() == [*unsigned.tolist(), 5, -(2**60)]
        assert join_customers(self.ALL, signed).tolist() == [*self.ALL.tolist(), 5, -(2**60)]

    def test_events_and_steps_find_their_customers(self):
        base = journeys.Customers(customer=self.ALL)
        assert base.rows_of(self.SOME).tolist() == [2, 4]
        open_ = journeys.without_next_step(self.ALL, self.SOME, ["2025-01-01"] * 2, as_of="2024-01-01")
        assert open_.customer.tolist() == [2**63 + 5, 2**60 + 1, 2**60 + 3]

    def test_events_and_histories_keep_their_customers(self):
        logs = [
            journeys.Events(customer=ids, name=["cart"] * len(ids), time=["2024-05-31"] * len(ids))
            for ids in (self.SOME, self.ALL)
        ]
        joined = (logs[0] + logs[1]).customer
        assert joined.distinct[joined.code].tolist() == [*self.SOME, *self.ALL.tolist()]
        sent = [
            journeys.MessageHistory.from_log(
                customer=ids, journey=["x"] * len(ids), sent_at=["2024-05-31"] * len(ids), channel=["sms"] * len(ids)
            )
            for ids in (self.SOME, self.ALL)
        ]
        assert (sent[0] + sent[1]).customer.tolist() == [*self.SOME, *self.ALL.tolist()]

    def test_a_conversion_belongs_to_its_own_touches(self):
        days = ["2024-01-01"] * len(self.ALL)
        bought = {"conversion_customer": self.SOME, "conversion_time": ["2024-01-02"] * 2}
        paths = attribution.paths_from_touches(self.ALL, list("abcde"), days, as_of="2024-02-01", **bought)
        found = attribution.attribute(paths, model="last")
        credit = dict(zip(found.channels, found.conversion_credit.tolist(), strict=True))
        assert credit == {"a": 0, "b": 0, "c": 1, "d": 0, "e": 1}

    def test_a_segment_that_a_customer_leaves(self):
        vip = segmentation.Segment("vip", segmentation.SegmentColumns({"spend": "number"})["spend"] > 5)
        runs = [
            segmentation.evaluate_segments([vip], {"spend": spend}, customer=ids, as_of="2024-05-01")
            for ids, spend in ((self.SOME, [9, 1]), (self.ALL, [9, 1, 1, 1, 1]))
        ]
        changes = journeys.segment_changes(*runs, "2024-05-01")
        assert changes.customer.distinct.tolist() == [2**60 + 2, 2**63 + 5]
