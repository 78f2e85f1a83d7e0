"""Dynamic segments: who belongs, against rules read row by row, and who entered and left."""

from __future__ import annotations

import datetime as dt
import io
import json
import math

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crmvalue import frames
from crmvalue._segmentation import membership
from crmvalue.errors import InputError
from crmvalue.segmentation import Segment, SegmentColumns, SegmentMembership, evaluate_segments
from tests.segmentation.references import NeverSearched, conditions, meets, months_from, rules

TYPES = {"spend": "number", "last": "date", "city": "text", "member": "flag"}
of = SegmentColumns(TYPES)
AS_OF = dt.date(2024, 2, 29)
CITIES = ["Kyiv", "Lviv", "Odesa", "", "kyiv", "Дніпро", *"abcdefgh"]

spend = st.sampled_from([0.0, 0.5, 1.0, 2.0, 100.0, -3.0])
city = st.sampled_from(CITIES)
day = st.dates(dt.date(2023, 1, 1), dt.date(2024, 5, 1)) | st.sampled_from(
    [AS_OF, dt.date(2024, 3, 31), dt.date(2023, 5, 31), dt.date(2023, 8, 31), dt.date(1, 1, 1), dt.date(9999, 12, 31)]
)
row = st.fixed_dictionaries(
    {
        "spend": spend | st.none() | st.just(float("nan")),
        "last": day | st.none(),
        "city": city | st.none(),
        "member": st.sampled_from([True, False, None]),
    }
)
small_rule = rules(
    st.one_of(
        conditions("spend", "number", spend),
        conditions("city", "text", city),
        conditions("last", "date", day.map(dt.date.isoformat)),
        conditions("last", "date", st.integers(-60, 400), "days_ago"),
        conditions("last", "date", st.integers(-3, 14), "months_ago"),
        st.sampled_from(["true", "false", "missing"]).map(lambda word: {"column": "member", "operator": word}),
    )
)


def segment(fields, name="a"):
    return Segment.from_json(json.dumps({"name": name, "rule": fields}), of)


def as_columns(rows):
    return {name: [row[name] for row in rows] for name in TYPES}


def evaluate(rule, columns, as_of=AS_OF, **options):
    return evaluate_segments([Segment("a", rule)], columns, as_of=as_of, **options)


NUMBERS = {
    "list": [5, None, 7.5, float("nan")],
    "tuple": (5, None, 7.5, float("nan")),
    "float64": np.array([5, np.nan, 7.5, np.nan]),
    "float32": np.array([5, np.nan, 7.5, np.nan], dtype=np.float32),
    "objects": np.array([5, None, 7.5, np.nan], dtype=object),
    "strided": np.array([5, 0, np.nan, 0, 7.5, 0, np.nan, 0])[::2],
    "big-endian": np.array([5, np.nan, 7.5, np.nan], dtype=">f8"),
    "locked": np.frombuffer(np.array([5, np.nan, 7.5, np.nan]).tobytes()),
    "pandas": pd.Series([5, None, 7.5, np.nan]),
    "pandas, other index": pd.Series([5, None, 7.5, np.nan], index=[9, 9, 3, 0]),
    "pandas Float64": pd.Series([5, pd.NA, 7.5, pd.NA], dtype="Float64"),
    "pandas Arrow": pd.Series([5, None, 7.5, None], dtype="double[pyarrow]"),
    "polars": pl.Series([5.0, None, 7.5, float("nan")]),
    "polars chunks": pl.concat([pl.Series([5.0, None]), pl.Series([7.5, None])], rechunk=False),
}
WHOLE = {
    "list": [5, None, 7, None],
    "pandas Int64": pd.Series([5, None, 7, None], dtype="Int64"),
    "pandas Arrow": pd.Series([5, None, 7, None], dtype="int64[pyarrow]"),
    "polars": pl.Series([5, None, 7, None], dtype=pl.Int32),
    "polars UInt8": pl.Series([5, None, 7, None], dtype=pl.UInt8),
}
TEXTS = {
    "list": ["Kyiv", None, "", "Lviv"],
    "NaN in a list": ["Kyiv", float("nan"), "", "Lviv"],
    "NaN of numpy in a list": ["Kyiv", np.float32("nan"), "", "Lviv"],
    "NA in a list": ["Kyiv", pd.NA, "", "Lviv"],
    "NaT in a list": ["Kyiv", pd.NaT, "", "Lviv"],
    "objects": np.array(["Kyiv", None, "", "Lviv"], dtype=object),
    "StringDType": np.array(["Kyiv", None, "", "Lviv"], dtype=np.dtypes.StringDType(na_object=None)),
    "StringDType with NaN": np.array(["Kyiv", np.nan, "", "Lviv"], dtype=np.dtypes.StringDType(na_object=np.nan)),
    "pandas objects": pd.Series(["Kyiv", None, "", "Lviv"], dtype=object),
    "pandas string": pd.Series(["Kyiv", None, "", "Lviv"], dtype="string"),
    "pandas str": pd.Series(["Kyiv", None, "", "Lviv"], dtype="str"),
    "pandas Arrow": pd.Series(["Kyiv", None, "", "Lviv"], dtype="string[pyarrow]"),
    "pandas category": pd.Series(["Kyiv", None, "", "Lviv"], dtype="category"),
    "polars": pl.Series(["Kyiv", None, "", "Lviv"]),
    "polars Categorical": pl.Series(["Kyiv", None, "", "Lviv"], dtype=pl.Categorical),
    "polars Enum": pl.Series(["Kyiv", None, "", "Lviv"], dtype=pl.Enum(["Lviv", "Kyiv", ""])),
}
FLAGS = {
    "list": [True, None, False, True],
    "NaN in a list": [True, float("nan"), False, np.True_],
    "NA in a list": [True, pd.NA, False, True],
    "objects": np.array([True, None, False, True], dtype=object),
    "pandas boolean": pd.Series([True, None, False, True], dtype="boolean"),
    "pandas objects": pd.Series([True, np.nan, False, True], dtype=object),
    "pandas Arrow": pd.Series([True, None, False, True], dtype="bool[pyarrow]"),
    "polars": pl.Series([True, None, False, True]),
}
DATES = {
    "list": ["2024-01-31", None, dt.date(2024, 3, 1), "2023-02-28"],
    "objects": np.array([dt.date(2024, 1, 31), None, dt.date(2024, 3, 1), dt.date(2023, 2, 28)], dtype=object),
    "times": np.array(["2024-01-31T23:59", "NaT", "2024-03-01T00:00", "2023-02-28T12:00"], dtype="M8[s]"),
    "days": np.array(["2024-01-31", "NaT", "2024-03-01", "2023-02-28"], dtype="M8[D]"),
    "pandas": pd.to_datetime(pd.Series(["2024-01-31", None, "2024-03-01", "2023-02-28"])),
    "pandas text": pd.Series(["2024-01-31", None, "2024-03-01", "2023-02-28"], dtype="string"),
    "polars Date": pl.Series([dt.date(2024, 1, 31), None, dt.date(2024, 3, 1), dt.date(2023, 2, 28)]),
    "polars Datetime": pl.Series([dt.datetime(2024, 1, 31, 9), None, dt.datetime(2024, 3, 1), dt.datetime(2023, 2, 28)]),  # noqa: E501 - local, one table
}  # fmt: skip


class TestEvaluateSegments:
    """Who belongs to each segment on a day: a rule read for each customer."""

    @given(st.lists(row, min_size=1, max_size=10), st.lists(small_rule, min_size=1, max_size=3))
    def test_equals_the_rules_read_row_by_row(self, rows, written):
        """Of several segments at once, since they share what they have in common."""
        segments = [segment(fields, str(i)) for i, fields in enumerate(written)]
        found = evaluate_segments(segments, as_columns(rows), as_of=AS_OF)
        for i, fields in enumerate(written):
            assert found.members(str(i)).tolist() == [meets(fields, row, AS_OF) for row in rows]

    @given(st.lists(row, min_size=1, max_size=10), small_rule, st.randoms(use_true_random=False))
    def test_order_of_customers_does_not_matter(self, rows, written, random):
        order = list(range(len(rows)))
        random.shuffle(order)
        one = evaluate_segments([segment(written)], as_columns(rows), as_of=AS_OF).members("a")
        other = evaluate_segments([segment(written)], as_columns([rows[i] for i in order]), as_of=AS_OF).members("a")
        assert other.tolist() == one[order].tolist()

    @given(st.lists(row, min_size=1, max_size=10), small_rule)
    def test_a_rule_and_its_opposite_share_out_the_customers(self, rows, written):
        rule = segment(written).rule
        found = evaluate_segments([Segment("in", rule), Segment("out", ~rule)], as_columns(rows), as_of=AS_OF)
        assert sum(found.sizes.values()) == len(rows)
        assert found.overlap("in", "out") == 0

    @given(st.dates(dt.date(1999, 1, 1), dt.date(2026, 12, 31)), st.integers(-40, 900))
    @example(dt.date(2024, 2, 29), 29)  # 31 January
    @example(dt.date(2023, 2, 28), 28)
    @example(dt.date(2024, 2, 28), 59)  # 31 December
    @example(dt.date(2025, 2, 28), 365)  # 29 February
    def test_months_are_those_of_the_calendar(self, as_of, days):
        """The most months that, counted on from a day and clamped, do not pass the day of asking."""
        start = as_of - dt.timedelta(days)
        months = months_from(start, as_of)
        found = evaluate_segments(
            [Segment("at", of["last"].months_ago == months), Segment("most", of["last"].months_ago < months)],
            {"last": [start]},
            as_of=as_of,
        )
        assert found.sizes == {"at": 1, "most": 0}

    @pytest.mark.parametrize(
        ("start", "as_of", "months"),
        [  # known answers of the win-back cascade: the anchor is counted from, clamped to the end of the month
            ("2023-01-31", "2023-10-31", 9),
            ("2023-01-31", "2023-10-30", 8),
            ("2023-01-31", "2024-04-30", 15),
            ("2023-01-31", "2024-04-29", 14),
            ("2023-05-31", "2024-02-29", 9),
            ("2023-05-31", "2024-02-28", 8),
            ("2023-05-31", "2025-02-28", 21),
            ("2024-02-29", "2025-02-28", 12),
            ("2024-02-29", "2025-02-27", 11),
            ("2024-07-15", "2024-06-30", -1),
            ("2024-07-30", "2024-06-30", -1),
            ("2024-07-31", "2024-06-30", -1),
        ],
    )
    def test_known_months(self, start, as_of, months):
        assert evaluate(of["last"].months_ago == months, {"last": [start]}, as_of).sizes == {"a": 1}

    @pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 15, 63, 64, 65, 65_535, 65_536, 65_537, 65_543, 131_072, 131_081])
    def test_every_customer_counts_at_every_length(self, n):
        """Around the length of a byte, a word and a piece of work; the last customers are those that would be lost."""
        number = np.arange(n) % 7
        last = np.arange(n) >= n - 3
        segments = [
            Segment("all", of["spend"] >= 0),
            Segment("none", of["spend"] < 0),
            Segment("threes", of["spend"] == 3),
            Segment("last", of["member"].is_true()),
            Segment("not last", ~of["member"].is_true()),
        ]
        found = evaluate_segments(segments, {"spend": number, "member": last}, as_of=AS_OF)
        n_last = min(n, 3)
        threes = (n + 3) // 7
        assert found.sizes == {"all": n, "none": 0, "threes": threes, "last": n_last, "not last": n - n_last}
        np.testing.assert_array_equal(found.members("threes"), number == 3)
        np.testing.assert_array_equal(found.members("last"), last)
        assert found.overlap("all", "last") == n_last
        assert found.overlaps()[0].tolist() == list(found.sizes.values())

    def test_rows_far_apart_are_read_as_one(self):
        """Row by row over three pieces of work, all kinds of columns with missing values."""
        rng = np.random.default_rng(4)
        n = 2 * 65_536 + 11
        columns = {
            "spend": np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 50, n)),
            "last": [AS_OF - dt.timedelta(k) if k % 13 else None for k in rng.integers(-50, 900, n).tolist()],
            "city": [CITIES[k] if k >= 0 else None for k in rng.integers(-1, len(CITIES), n).tolist()],
            "member": [(True, False, None)[k] for k in rng.integers(0, 3, n).tolist()],
        }  # fmt: skip
        written = {
            "any": [
                {"all": [{"column": "spend", "operator": "between", "value": [5, 40]},
                         {"column": "last", "operator": ">=", "value": 9, "measure": "months_ago"},
                         {"not": {"column": "city", "operator": "in", "value": CITIES[:10]}}]},
                {"all": [{"column": "member", "operator": "missing"}, {"column": "spend", "operator": "missing"}]},
            ],
        }  # fmt: skip
        found = evaluate_segments([segment(written)], columns, as_of=AS_OF).members("a")
        rows = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
        assert found.tolist() == [meets(written, row, AS_OF) for row in rows]
        assert 0.1 < found.mean() < 0.9

    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            (of["spend"] >= 30, [True, True, True, False, True]),
            (of["spend"] > 30, [False, False, False, False, True]),
            (of["spend"] <= 30, [True, True, True, True, False]),
            (of["spend"] < 30, [False, False, False, True, False]),
            (of["spend"] == 30, [True, True, True, False, False]),
            (of["spend"] != 30, [False, False, False, True, True]),
            (of["spend"].between(30, 40), [True, True, True, False, False]),
            (of["spend"].is_in([2, 30]), [True, True, True, False, False]),
            (of["spend"].is_in([0.5, 29.99]), [False, False, False, True, False]),
            (of["spend"] == 4006381333931, [False] * 5),
        ],
    )
    def test_numbers_that_differ_by_rounding_are_equal(self, rule, expected):
        """30, and the floats next to it; a cent is no rounding, and neighbours among long numbers stay apart."""
        column = [30, math.nextafter(30, 0), math.nextafter(30, 99), 29.99, 4006381333930]
        assert evaluate(rule, {"spend": column}).members("a").tolist() == expected
        frame = frames.segments(
            pd.DataFrame({"customer": range(5), "spend": column}), [Segment("a", rule)], as_of=AS_OF
        )
        assert frame.frame["a"].tolist() == expected

    @pytest.mark.parametrize("kind", NUMBERS)
    def test_numbers_of_every_kind(self, kind):
        column = {"spend": NUMBERS[kind]}
        assert evaluate(of["spend"] >= 6, column).members("a").tolist() == [False, False, True, False]
        assert evaluate(of["spend"] != 5, column).members("a").tolist() == [False, False, True, False]
        assert evaluate(of["spend"].is_missing(), column).members("a").tolist() == [False, True, False, True]

    @pytest.mark.parametrize("kind", WHOLE)
    def test_whole_numbers_of_every_kind(self, kind):
        column = {"spend": WHOLE[kind]}
        assert evaluate(of["spend"].is_in([1, 7]), column).members("a").tolist() == [False, False, True, False]
        assert evaluate(of["spend"].is_in(range(7, 40)), column).members("a").tolist() == [False, False, True, False]
        assert evaluate(of["spend"].is_missing(), column).members("a").tolist() == [False, True, False, True]

    @pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64, np.float16])
    def test_numbers_of_every_width(self, dtype):
        column = {"spend": np.array([0, 5, 100], dtype=dtype)}
        assert evaluate(of["spend"].between(-1, 5), column).members("a").tolist() == [True, True, False]

    @pytest.mark.parametrize("kind", TEXTS)
    def test_texts_of_every_kind(self, kind):
        column = {"city": TEXTS[kind]}
        assert evaluate(of["city"] == "Kyiv", column).members("a").tolist() == [True, False, False, False]
        assert evaluate(of["city"] != "Kyiv", column).members("a").tolist() == [False, False, True, True]
        assert evaluate(of["city"] != "Rome", column).members("a").tolist() == [True, False, True, True]
        assert evaluate(of["city"].is_in(["", "Rome"]), column).members("a").tolist() == [False, False, True, False]
        assert evaluate(of["city"].is_missing(), column).members("a").tolist() == [False, True, False, False]
        many = [*map(str, range(30)), "Lviv"]
        assert evaluate(of["city"].is_in(many), column).members("a").tolist() == [False, False, False, True]

    @pytest.mark.parametrize("column", [np.array(["Kyiv", "", "Lviv"]), np.array(["Kyiv", "", "Lviv"])[:]])
    def test_texts_of_fixed_width(self, column):
        assert evaluate(of["city"] != "Lviv", {"city": column}).members("a").tolist() == [True, True, False]
        assert not evaluate(of["city"].is_missing(), {"city": column}).members("a").any()

    @pytest.mark.parametrize(
        "missing", [[None, None], pl.Series([None, None]), pd.Series([None, None], dtype="string")]
    )
    def test_nobody_has_a_city(self, missing):
        for rule in (of["city"] == "Kyiv", of["city"] != "Kyiv", of["city"].is_in(map(str, range(20)))):
            assert evaluate(rule, {"city": missing}).sizes == {"a": 0}
        assert evaluate(of["city"].is_missing(), {"city": missing}).sizes == {"a": 2}

    @pytest.mark.parametrize("n", [1, 2, 125, 126, 127, 128, 129, 255, 256, 257, 32_766, 32_767, 32_768, 70_000])
    def test_as_many_cities_as_there_are(self, n):
        """Around the largest number of each width in which the cities are counted, the last one too."""
        names = [f"city {i}" for i in range(n)]
        column = {"city": [*names, None, names[-1]]}
        assert np.nonzero(evaluate(of["city"] == names[-1], column).members("a"))[0].tolist() == [n - 1, n + 1]
        assert np.nonzero(evaluate(of["city"].is_in(["x", *names[-9:]]), column).members("a"))[0].tolist() == [
            *range(max(n - 9, 0), n),
            n + 1,
        ]
        assert evaluate(of["city"] == "x", column).sizes == {"a": 0}
        assert evaluate(of["city"].is_missing(), column).sizes == {"a": 1}
        assert evaluate(of["city"] != names[0], column).sizes == {"a": n if n > 1 else 0}

    @pytest.mark.parametrize("kind", FLAGS)
    def test_flags_of_every_kind(self, kind):
        column = {"member": FLAGS[kind]}
        assert evaluate(of["member"].is_true(), column).members("a").tolist() == [True, False, False, True]
        assert evaluate(of["member"].is_false(), column).members("a").tolist() == [False, False, True, False]
        assert evaluate(of["member"].is_missing(), column).members("a").tolist() == [False, True, False, False]

    def test_flags_of_numpy(self):
        column = {"member": np.array([True, False])}
        assert evaluate(of["member"].is_false(), column).members("a").tolist() == [False, True]

    @pytest.mark.parametrize("kind", DATES)
    def test_dates_of_every_kind(self, kind):
        column = {"last": DATES[kind]}
        assert evaluate(of["last"] == "2024-01-31", column).members("a").tolist() == [True, False, False, False]
        assert evaluate(of["last"] != "2024-01-31", column).members("a").tolist() == [False, False, True, True]
        assert evaluate(of["last"].days_ago == 29, column).members("a").tolist() == [True, False, False, False]
        assert evaluate(of["last"].days_ago < 0, column).members("a").tolist() == [False, False, True, False]
        assert evaluate(of["last"].months_ago >= 1, column).members("a").tolist() == [True, False, False, True]
        assert evaluate(of["last"].days_ago.is_missing(), column).members("a").tolist() == [False, True, False, False]
        years = [f"{year}-01-31" for year in range(2015, 2035)]
        assert evaluate(of["last"].is_in(years), column).members("a").tolist() == [True, False, False, False]

    def test_columns_of_dataframes(self):
        columns = {"spend": [1, 2], "city": ["b", None]}
        for table in (dict(pd.DataFrame(columns).items()), pl.DataFrame(columns).to_dict()):
            assert evaluate((of["spend"] > 1) & of["city"].is_missing(), table).members("a").tolist() == [False, True]

    def test_one_rule_gives_another_answer_another_day(self):
        asleep = of["last"].months_ago >= 9
        table = {"last": ["2023-05-31"]}
        assert [evaluate(asleep, table, day).sizes["a"] for day in ("2024-02-28", "2024-02-29")] == [0, 1]
        for day in (dt.date(2024, 2, 29), np.datetime64("2024-02-29"), pd.Timestamp("2024-02-29 18:00")):
            assert evaluate(asleep, table, day) == evaluate(asleep, table, "2024-02-29")

    def test_what_no_rule_speaks_of_is_not_looked_at(self):
        class Trap(dict):
            def __getitem__(self, name):
                assert name == "spend"
                return [1, 2]

        assert evaluate(of["spend"] > 1, Trap(spend=0, city=object())).sizes == {"a": 1}

    def test_columns_stay_as_they_are(self):
        columns = {"spend": np.array([1.0, np.nan]), "last": np.array(["2024-01-01", "NaT"], dtype="M8[D]")}
        copies = {name: column.copy() for name, column in columns.items()}
        ids = np.array([5, 3])
        found = evaluate((of["spend"] > 1) | (of["last"].days_ago > 3), columns, customer=ids)
        ids[0] = 9
        assert found.customer.tolist() == [5, 3]
        for name, column in columns.items():
            np.testing.assert_array_equal(column, copies[name])

    @pytest.mark.parametrize(
        ("rule", "columns", "name"),
        [
            (of["spend"] > 1, {"age": [1]}, "columns"),
            (of["spend"] > 1, {}, "columns"),
            (of["spend"] > 1, [[1]], "columns"),
            (of["spend"] > 1, None, "columns"),
            (of["spend"] > 1, pd.DataFrame({"spend": [1]}), "columns"),
            (of["spend"] > 1, {"spend": []}, "columns"),
            (of["city"] == "b", {"city": []}, "columns"),
            (of["member"].is_true(), {"member": []}, "columns"),
            (of["last"] > "2024-01-01", {"last": []}, "columns"),
            (of["spend"] > 1, {"spend": 5}, "columns['spend']"),
            (of["spend"] > 1, {"spend": [[5]]}, "columns['spend']"),
            (of["spend"] > 1, {"spend": ["5"]}, "columns['spend']"),
            (of["spend"] > 1, {"spend": [True]}, "columns['spend']"),
            (of["spend"] > 1, {"spend": [np.inf]}, "columns['spend']"),
            (of["spend"] > 1, {"spend": np.array(["2024-01-01"], dtype="M8[D]")}, "columns['spend']"),
            (of["spend"] > 1, {"spend": np.ma.masked_array([1.0, 2.0], [False, True])}, "columns['spend']"),
            (of["city"] == "b", {"city": "b"}, "columns['city']"),
            (of["city"] == "b", {"city": [["b"]]}, "columns['city']"),
            (of["city"] == "b", {"city": [["b"], "b"]}, "columns['city']"),
            (of["city"] == "b", {"city": [5]}, "columns['city']"),
            (of["city"] == "b", {"city": [True]}, "columns['city']"),
            (of["city"] == "b", {"city": np.array([b"b"])}, "columns['city']"),
            (of["city"] == "b", {"city": np.array([5])}, "columns['city']"),
            (of["city"] == "b", {"city": np.ma.masked_array(["b", "c"], [False, True])}, "columns['city']"),
            (of["member"].is_true(), {"member": [1]}, "columns['member']"),
            (of["member"].is_true(), {"member": [True, 1]}, "columns['member']"),
            (of["member"].is_true(), {"member": np.array([0, 1])}, "columns['member']"),
            (of["member"].is_true(), {"member": ["yes"]}, "columns['member']"),
            (of["member"].is_true(), {"member": [[True]]}, "columns['member']"),
            (of["member"].is_true(), {"member": True}, "columns['member']"),
            (of["member"].is_true(), {"member": np.ma.masked_array([True, True], [0, 1])}, "columns['member']"),
            (of["last"] > "2024-01-01", {"last": ["yesterday"]}, "columns['last']"),
            (of["last"] > "2024-01-01", {"last": [45_000]}, "columns['last']"),
            (of["last"] > "2024-01-01", {"last": np.array(["2024-01"], dtype="M8[M]")}, "columns['last']"),
            (of["last"] > "2024-01-01", {"last": pd.Series(pd.to_datetime(["2024-01-01"]).tz_localize("UTC"))},
             "columns['last']"),
            ((of["spend"] > 1) & (of["city"] == "b"), {"spend": [1, 2], "city": ["b"]}, "columns['city']"),
            ((of["spend"] > 1) & (of["member"].is_true()), {"spend": [1], "member": []}, "columns['member']"),
            ((of["spend"] > 1) & (of["member"].is_true()), {"spend": [1], "member": [True] * 2}, "columns['member']"),
        ],
    )  # fmt: skip
    def test_rejects_columns(self, rule, columns, name):
        with pytest.raises(InputError) as caught:
            evaluate(rule, columns)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("column", "index"),
        [(["b", pd.NA, 5], 2), ([pd.NA, 5], 1), ([float("nan"), None, True, 5], 2), (np.array(["b", 5], object), 1)],
    )
    def test_says_where_a_text_is_none(self, column, index):
        with pytest.raises(InputError) as caught:
            evaluate(of["city"] == "b", {"city": column})
        assert caught.value.index == index

    RULE = Segment("a", of["spend"] > 1)

    @pytest.mark.parametrize(
        ("segments", "name"),
        [
            ([], "segments"),
            (None, "segments"),
            (RULE, "segments"),
            ("a", "segments"),
            ([RULE, RULE], "segments"),
            ([RULE, Segment("a", of["city"] == "b")], "segments"),
            ([RULE, of["spend"] > 2], "segments"),
            ({"a": RULE}, "segments"),
            ([RULE, Segment("b", SegmentColumns({"spend": "text"})["spend"] == "b")], "segments"),
        ],
    )
    def test_rejects_segments(self, segments, name):
        with pytest.raises(InputError) as caught:
            evaluate_segments(segments, {"spend": [1]}, as_of=AS_OF)
        assert caught.value.name == name

    @pytest.mark.parametrize("as_of", [None, "today", np.datetime64("NaT"), ["2024-01-01"], 5, "2024-02-30"])
    def test_rejects_days(self, as_of):
        with pytest.raises(InputError) as caught:
            evaluate(of["spend"] > 1, {"spend": [1]}, as_of)
        assert caught.value.name == "as_of"

    @pytest.mark.parametrize("customer", [[1], [1, 2, 3], [1, 1], [1, None], ["a", ""], ["a", 1], [[1, 2]], [0.5, 1]])
    def test_rejects_customers(self, customer):
        with pytest.raises(InputError) as caught:
            evaluate(of["spend"] > 1, {"spend": [1, 2]}, customer=customer)
        assert caught.value.name == "customer"


@st.composite
def evaluations(draw):
    """Draw two evaluations of two segments, of customers that partly are the same, in any order."""
    text = draw(st.booleans())
    ids = st.lists(st.integers(0, 12), min_size=1, max_size=10, unique=True)
    both = []
    for as_of in ("2024-01-31", "2024-02-29"):
        customer = draw(ids)
        table = {"spend": draw(st.lists(spend, min_size=len(customer), max_size=len(customer)))}
        segments = [Segment("low", of["spend"] < 1), Segment("any", of["spend"] != 2.0)]
        names = [f"c{number}" for number in customer] if text else customer
        both.append(evaluate_segments(segments, table, customer=names, as_of=as_of))
    return both


class TestSegmentMembership:
    """One bit for each customer and segment."""

    @given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=70))
    def test_sizes_and_overlaps_equal_counting(self, flags):
        columns = SegmentColumns(dict.fromkeys("abc", "flag"))
        segments = [Segment(name, columns[name].is_true()) for name in "abc"]
        found = evaluate_segments(
            segments, dict(zip("abc", map(list, zip(*flags, strict=True)), strict=True)), as_of=AS_OF
        )
        table = np.array(flags)
        expected = [[int((table[:, i] & table[:, j]).sum()) for j in range(3)] for i in range(3)]
        assert found.overlaps().tolist() == expected
        assert found.overlaps().tolist() == [[found.overlap(one, other) for other in "abc"] for one in "abc"]
        assert list(found.sizes.values()) == [expected[i][i] for i in range(3)]
        assert list(found.sizes) == list(found.names) == list("abc")

    def test_overlaps_of_everybody(self):
        n = 200_000  # more than 16 bits can count
        found = SegmentMembership(
            names=("a", "b"), bits=np.full((2, n // 8), 255, dtype=np.uint8), n_customers=n, as_of="2024-01-01"
        )
        assert found.overlaps().tolist() == [[n, n], [n, n]]

    def test_overlaps_of_long_columns(self):
        """Longer than what is counted at once."""
        rng = np.random.default_rng(3)
        n, k = 300_011, 60
        bits = rng.integers(0, 256, (k, -(-n // 8)), dtype=np.uint8)
        bits[:, -1] &= 0b1110_0000
        found = SegmentMembership(names=[str(i) for i in range(k)], bits=bits, n_customers=n, as_of=AS_OF)
        table = np.unpackbits(bits, axis=1, count=n).astype(np.float32)
        np.testing.assert_array_equal(found.overlaps(), table @ table.T)
        np.testing.assert_array_equal(found.overlaps(), found.overlaps().T)
        assert list(found.sizes.values()) == table.sum(axis=1).tolist()

    def test_needs_one_bit_for_each_customer_and_segment(self):
        rules = [Segment(str(i), of["spend"] > i) for i in range(20)]
        found = evaluate_segments(rules, {"spend": np.arange(80_000) % 19}, as_of=AS_OF)
        assert found.bits.nbytes == 20 * 10_000
        assert found.customer is None

    def test_is_kept_with_numpy_and_made_again(self):
        ids = ["ann", "bob", "eve"]
        found = evaluate(of["spend"] > 1, {"spend": [1, 2, 3]}, customer=ids)
        file = io.BytesIO()
        np.savez(file, **attrs.asdict(found))
        file.seek(0)
        with np.load(file) as kept:
            again = SegmentMembership(**kept)
        assert again == found
        assert again.sizes == {"a": 2}
        assert again.changes_since(found).n_entered.tolist() == [0]

    @pytest.mark.parametrize("name", ["b", "", None, 0, ["a"]])
    def test_unknown_segments_are_refused(self, name):
        found = evaluate(of["spend"] > 1, {"spend": [1, 2]})
        changes = found.changes_since(found)
        for argument, ask in (
            ("name", found.members), ("name", changes.entered), ("name", changes.left),
            ("second", lambda name: found.overlap("a", name)), ("first", lambda name: found.overlap(name, "a")),
        ):  # fmt: skip
            with pytest.raises(InputError) as caught:
                ask(name)
            assert caught.value.name == argument

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"names": ("a",)}, "bits"),
            ({"names": ("a", "a")}, "names"),
            ({"names": ()}, "names"),
            ({"names": "ab"}, "names"),
            ({"names": ("a", 5)}, "names"),
            ({"names": None}, "names"),
            ({"bits": np.array([[0b1010_0000], [0b0001_0000]], np.uint8)}, "bits"),
            ({"bits": np.array([[1], [0]], np.uint8)}, "bits"),
            ({"bits": np.array([[0], [0]])}, "bits"),
            ({"bits": np.array([0, 0], np.uint8)}, "bits"),
            ({"n_customers": 9}, "bits"),
            ({"n_customers": 0}, "n_customers"),
            ({"n_customers": -1}, "n_customers"),
            ({"n_customers": 2.5}, "n_customers"),
            ({"as_of": None}, "as_of"),
            ({"as_of": "soon"}, "as_of"),
            ({"customer": [1, 2]}, "customer"),
            ({"customer": [1, 2, 2]}, "customer"),
            ({"customer": [1, 2, None]}, "customer"),
        ],
    )
    def test_rejects(self, change, name):
        fields = {
            "names": ("a", "b"),
            "bits": np.array([[0b1010_0000], [0]], np.uint8),
            "n_customers": 3,
            "as_of": "2024-02-29",
            "customer": ["x", "y", "z"],
        }
        assert SegmentMembership(**fields).sizes == {"a": 2, "b": 0}
        with pytest.raises(InputError) as caught:
            SegmentMembership(**{**fields, **change})
        assert caught.value.name == name


class TestSegmentChanges:
    """Size now = size before + entered - left."""

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"names": "ab"}, "names"),
            ({"size_before": [1, 2]}, "size_before"),
            ({"size_now": [-1]}, "size_now"),
            ({"n_entered": [0.5]}, "n_entered"),
            ({"n_left": None}, "n_left"),
            ({"n_new_customers": -1}, "n_new_customers"),
            ({"n_gone_customers": "1"}, "n_gone_customers"),
            ({"added": [5]}, "added"),
            ({"removed": None}, "removed"),
            ({"before": None}, "before"),
            ({"now": "now"}, "now"),
        ],
    )
    def test_fields_are_checked(self, changes, name):
        big = [Segment("big", SegmentColumns({"x": "number"})["x"] > 1)]
        day = {day: evaluate_segments(big, {"x": [1, 2]}, as_of=day) for day in ("2024-01-01", "2024-02-01")}
        found = day["2024-02-01"].changes_since(day["2024-01-01"])
        with pytest.raises(InputError) as caught:
            attrs.evolve(found, **changes)
        assert caught.value.name == name

    def test_many_segments_take_no_square_of_their_number(self):
        bits = np.zeros((4000, 1), dtype=np.uint8)
        before, now = (
            SegmentMembership(
                names=[f"{k}" for k in range(first, first + 4000)], bits=bits, n_customers=8, as_of="2024-01-01"
            )
            for first in (0, 1)
        )

        for one in (before, now):
            object.__setattr__(one, "names", NeverSearched(one.names))
        changes = now.changes_since(before)
        assert (len(changes.names), changes.added, changes.removed) == (3999, ("4000",), ("0",))
        assert len(now.to_columns()) == 4000

    def test_identifiers_are_not_lost_to_a_segment_of_their_name(self):
        adults = Segment("customer", SegmentColumns({"age": "number"})["age"] >= 18)
        found = evaluate_segments([adults], {"age": [17, 18]}, customer=["ann", "bob"], as_of="2024-06-30")
        with pytest.raises(InputError, match="'customer', which is the column of the identifiers"):
            found.to_columns()
        assert attrs.evolve(found, customer=None).to_columns()["customer"].tolist() == [False, True]

    @given(evaluations())
    def test_equals_sets(self, both):
        before, now = both
        changes = now.changes_since(before)
        for i, name in enumerate(("low", "any")):
            then = set(before.customer[before.members(name)].tolist())
            today = set(now.customer[now.members(name)].tolist())
            assert set(changes.entered(name).tolist()) == today - then
            assert set(changes.left(name).tolist()) == then - today
            assert (changes.n_entered[i], changes.n_left[i]) == (len(today - then), len(then - today))
            assert (changes.size_before[i], changes.size_now[i]) == (len(then), len(today))
        assert (changes.size_now == changes.size_before + changes.n_entered - changes.n_left).all()
        old, new = set(before.customer.tolist()), set(now.customer.tolist())
        assert (changes.n_new_customers, changes.n_gone_customers) == (len(new - old), len(old - new))
        assert changes.names == ("low", "any")
        assert changes.added == changes.removed == ()

    @given(evaluations())
    def test_forth_and_back_cancel(self, both):
        before, now = (attrs.evolve(one, as_of="2024-02-29") for one in both)
        there, back = now.changes_since(before), before.changes_since(now)
        assert there.n_entered.tolist() == back.n_left.tolist()
        assert there.n_left.tolist() == back.n_entered.tolist()
        assert there.n_new_customers == back.n_gone_customers

    @given(evaluations())
    def test_nothing_happens_to_itself(self, both):
        for one in both:
            changes = one.changes_since(one)
            assert changes.n_entered.tolist() == changes.n_left.tolist() == [0, 0]
            assert changes.n_new_customers == changes.n_gone_customers == 0

    def test_without_identifiers_places_count(self):
        before = evaluate(of["spend"] > 1, {"spend": [1, 2, 3]}, "2024-01-31")
        changes = evaluate(of["spend"] > 1, {"spend": [2, 2, 1]}, "2024-02-29").changes_since(before)
        assert (changes.entered("a").tolist(), changes.left("a").tolist()) == ([0], [2])

    def test_segments_come_and_go(self):
        def of_names(names, as_of):
            return evaluate_segments([Segment(n, of["spend"] > 1) for n in names], {"spend": [2]}, as_of=as_of)

        changes = of_names("cbd", "2024-02-29").changes_since(of_names("abc", "2024-01-31"))
        assert (changes.names, changes.added, changes.removed) == (("c", "b"), ("d",), ("a",))
        assert changes.size_now.tolist() == [1, 1]
        for gone in "ad":
            with pytest.raises(InputError, match="both evaluations: c, b"):
                changes.entered(gone)
        nothing = of_names("d", "2024-02-29").changes_since(of_names("a", "2024-01-31"))
        assert nothing.names == ()
        assert nothing.n_entered.shape == (0,)

    @pytest.mark.parametrize(
        ("before", "now"),
        [
            (np.array([2**53 + 1, 2**53], np.int64), np.array([2**53, 2**53 + 1, 2**53 + 2], np.uint64)),
            (np.array([2**53 + 1, 2**53], np.uint64), np.array([2**53, 2**53 + 1, 7], np.int64)),
            (np.array([2**64 - 1, 5], np.uint64), np.array([5, 2**64 - 1, 2**64 - 2], np.uint64)),
            (np.array([2**63 - 1, -1]), np.array([2**63 - 1, 2**64 - 1, 2**63], np.uint64)),
            (np.array([3, 4], np.int8), [4, 3, 10**6]),
            ([3.0, 4.0], [4, 3, 10**6]),
            (["b", "a"], np.array(["a", "b", "abc"])),
            (["b", "a"], np.array(["a", "b", "abc"], dtype=np.dtypes.StringDType())),
            (pl.Series(["b", "a"]), pd.Series(["a", "b", "abc"], dtype="category")),
            (["b\0", "a"], ["a", "b\0", "b"]),
            ([2**70, 1], [1, 2**70, 2**70 + 1]),
        ],
    )
    def test_identifiers_of_every_kind(self, before, now):
        then = evaluate(of["spend"] >= 0, {"spend": [1, 1]}, customer=before)
        changes = evaluate(of["spend"] >= 0, {"spend": [1, 1, 1]}, customer=now).changes_since(then)
        same = len({*list(before)} & {*list(now)})
        assert changes.n_new_customers == 3 - same
        assert changes.n_gone_customers == 2 - same
        assert len(changes.entered("a")) == 3 - same

    def test_rejects(self):
        def of_ids(ids, as_of="2024-02-29", n=2):
            return evaluate(of["spend"] > 1, {"spend": [2] * n}, as_of, customer=ids)

        now = of_ids([1, 2])
        for previous in (of_ids(None), of_ids(["a", "b"]), of_ids([1, 2], "2024-03-01"), None, now.bits):
            with pytest.raises(InputError) as caught:
                now.changes_since(previous)
            assert caught.value.name == "previous"
        with pytest.raises(InputError, match="same 2 customers"):
            of_ids(None).changes_since(of_ids(None, n=3))

    @settings(max_examples=20)
    @given(st.integers(0, 2**32))
    def test_many_customers_in_another_order(self, seed):
        rng = np.random.default_rng(seed)
        ids = rng.permutation(3000)[:2000] * 10**9
        order = rng.permutation(2000)[:1500]
        spent = rng.random(2000)
        before = evaluate(of["spend"] < 0.5, {"spend": spent}, customer=ids)
        now = evaluate(of["spend"] < 0.5, {"spend": spent[order]}, customer=ids[order])
        changes = now.changes_since(before)
        stayed = np.isin(np.arange(2000), order)
        assert changes.n_entered.tolist() == [0]
        assert changes.n_gone_customers == 500
        assert sorted(changes.left("a").tolist()) == sorted(ids[(spent < 0.5) & ~stayed].tolist())

    def test_many_segments_search_the_customers_once(self, monkeypatch):
        """Each segment compared the identifiers of its members anew."""
        looks = []
        places = membership._places
        monkeypatch.setattr(membership, "_places", lambda *pair: looks.append(pair) or places(*pair))
        rng = np.random.default_rng(5)
        names, ids = tuple(f"s{i}" for i in range(20)), [f"customer {i}" for i in range(800)]
        bits = rng.integers(0, 256, (2, 20, 100), dtype=np.uint8)
        both = [
            SegmentMembership(names=names, bits=each, n_customers=800, as_of=day, customer=ids)
            for each, day in zip(bits, ("2024-01-01", "2024-01-02"), strict=True)
        ]
        changes = both[1].changes_since(both[0])
        looks.clear()
        entered = [len(changes.entered(name)) for name in names]
        assert entered == np.unpackbits(bits[1] & ~bits[0], axis=1).sum(axis=1).tolist()
        assert len(looks) == 1
