"""One writer and one reader of JSON: what was written reads back, and whatever else is given is refused as `text`."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import re
import tracemalloc
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue import profiles, promotions, segmentation
from crmvalue._core.checks import as_fraction
from crmvalue._core.json import SCHEMA, from_json, read_json, to_json
from crmvalue._core.values import (
    FixedMapping,
    array_field,
    checked_field,
    count_field,
    date_table,
    label_column,
    optional,
    stay_frozen,
)
from crmvalue.errors import InputError
from crmvalue.typing import Dates, Floats, Integers, Interval
from tests.strategies import dates


def of_class(name, cls):
    """Check by the class alone, as some fields of results do."""

    def check(value):
        if not isinstance(value, cls):
            raise TypeError(f"`{name}` must be {cls}, not {value!r}")
        return value

    return attrs.field(converter=check)


@attrs.frozen(kw_only=True)
class Part:
    """A value inside another."""

    name: str = of_class("name", str)
    share: float | None = checked_field("share", optional(as_fraction), default=None)


@attrs.frozen(kw_only=True)
class Columns:
    """A value of long columns."""

    first: Floats
    second: Floats
    third: Floats
    fourth: Floats
    fifth: Floats
    sixth: Floats


@stay_frozen
@attrs.frozen(kw_only=True)
class Whole:
    """A value with a field of each kind that the library has, and fields with the names of JSON's own keys."""

    floats: Floats = array_field(lambda value: np.array(value, dtype=np.float64))
    table: Floats = array_field(lambda value: np.array(value, dtype=np.float64))
    counts: Integers = array_field(lambda value: np.array(value, dtype=np.int64))
    days: Dates = array_field(lambda value: np.array(value, dtype="datetime64[D]"))
    moments: Dates = array_field(lambda value: np.array(value, dtype="datetime64[us]"))
    flags: npt.NDArray[np.bool_] = array_field(lambda value: np.array(value, dtype=bool))
    number: float = of_class("number", float)
    count: int = count_field("count")
    day: np.datetime64 = of_class("day", np.datetime64)
    day_or_none: np.datetime64 | None = of_class("day_or_none", np.datetime64 | None)
    interval: Interval = of_class("interval", Interval)
    words: tuple[str, ...]
    weights: tuple[float, ...] = attrs.field(converter=tuple)
    plain_count: int
    plain_text: str
    converted_parts: tuple[Part, ...] = attrs.field(converter=tuple)
    price: Decimal = attrs.field(converter=Decimal)
    shares: Mapping[str, float] = attrs.field(converter=FixedMapping)
    named: FixedMapping[int, Part] = attrs.field(converter=FixedMapping)
    part: Part
    part_or_none: Part | None
    parts: tuple[Part, ...] = of_class("parts", tuple)
    either: Part | Other = of_class("either", object)
    kind: str = of_class("kind", str)
    schema: str = of_class("schema", str)
    short: Part | None = attrs.field(converter=lambda value: Part(name=value) if isinstance(value, str) else value)
    _hidden: int = count_field("hidden")
    made: str = attrs.field(init=False, default="not written")


@attrs.frozen(kw_only=True)
class Other:
    """Another class that may stand in the same field."""

    name: str = of_class("name", str)


numbers = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
parts = st.builds(Part, name=st.text(), share=st.none() | st.floats(1e-100, 1, exclude_max=True))
moments = st.datetimes(dt.datetime(1600, 1, 1), dt.datetime(2400, 1, 1)).map(lambda time: np.datetime64(time, "us"))
wholes = st.builds(
    Whole,
    floats=st.lists(numbers, max_size=5),
    table=st.integers(0, 3).flatmap(
        lambda n: st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=1, max_size=3)
    ),
    counts=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
    days=st.lists(dates | st.just(np.datetime64("NaT", "D")), max_size=5),
    moments=st.lists(moments, max_size=5),
    flags=st.lists(st.booleans(), max_size=5),
    number=numbers,
    count=st.integers(0, 10**12),
    day=dates | moments,
    day_or_none=st.none() | dates,
    interval=st.tuples(finite, numbers.filter(lambda number: not math.isnan(number))).map(
        lambda ends: Interval(*map(np.float64, ends))
    ),
    words=st.lists(st.text(), max_size=3).map(tuple),
    weights=st.lists(numbers.filter(lambda number: not math.isnan(number)), max_size=3).map(tuple),
    plain_count=st.integers(),
    plain_text=st.text(),
    converted_parts=st.lists(parts, max_size=3),
    price=st.decimals(allow_nan=False, allow_infinity=False),
    shares=st.dictionaries(st.text(), finite, max_size=3),
    named=st.dictionaries(st.integers(), parts, max_size=3),
    part=parts,
    part_or_none=st.none() | parts,
    parts=st.lists(parts, max_size=3).map(tuple),
    either=parts | st.builds(Other, name=st.text()),
    kind=st.text(),
    schema=st.text(),
    short=st.none() | parts,
    hidden=st.integers(0, 9),
)
WHOLE = Whole(
    floats=[1.5, np.inf, -np.inf, np.nan],
    table=[[1, np.nan], [np.inf, 0]],
    counts=[1, 2],
    days=["2024-02-29", "NaT"],
    moments=["2024-02-29T12:00:00.5"],
    flags=[True, False],
    number=-math.inf,
    count=3,
    day=np.datetime64("2024-02-29"),
    day_or_none=None,
    interval=Interval(np.float64(0.25), np.float64(np.inf)),
    words=("Käse", "\u4e16"),
    weights=(1.0, -math.inf),
    plain_count=4,
    plain_text="t",
    converted_parts=[Part(name="f")],
    price=Decimal("1.50"),
    shares={"b": 0.5, "a": 0.5},
    named={7: Part(name="seven")},
    part=Part(name="a", share=0.5),
    part_or_none=None,
    parts=(Part(name="b"), Part(name="c", share=0.75)),
    either=Other(name="d"),
    kind="day",
    schema="table",
    short="e",
    hidden=1,
)
TEXT = to_json(WHOLE)
FIELDS = json.loads(TEXT)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | finite
    | st.text(max_size=5)
    | st.sampled_from(["inf", "-inf", "nan", "now", "today", "NaT", "2024-02-30", "2024-02-29"])
    | st.sampled_from([10**400, -(10**400), 2**63, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "name", "x"]), inner),
    max_leaves=6,
)


def read(text):
    return from_json(Whole, text, Part, Other)


def refusal(text):
    """Read and give the InputError, or fail."""
    with pytest.raises(InputError) as caught:
        read(text)
    assert caught.value.name == "text"
    return caught.value


def changed(**fields):
    return json.dumps({**FIELDS, **fields})


def is_same(left, right):
    """Compare to the last bit and type, NaN equal to NaN."""
    if attrs.has(type(left)):
        names = [field.name for field in attrs.fields(type(left))]
        return type(left) is type(right) and all(is_same(getattr(left, name), getattr(right, name)) for name in names)
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind in "fM")
    if isinstance(left, Mapping):
        return is_same(tuple(left.items()), tuple(right.items()))
    if isinstance(left, tuple):
        return type(left) is type(right) and len(left) == len(right) and all(map(is_same, left, right))
    return type(left) is type(right) and (left == right or repr(left) == repr(right))


@stay_frozen
@attrs.frozen(kw_only=True)
class Moments:
    """A column of moments in any unit."""

    at: Dates = date_table("at")


class TestColumnsWithoutAMoment:
    """Empty columns, and those whose moments are all missing, keep their unit, which no text shows."""

    @pytest.mark.parametrize("n", [0, 2])
    @pytest.mark.parametrize("unit", ["D", "h", "s", "ms", "us", "ns"])
    def test_round_trip(self, unit, n):
        times = np.full(n, "NaT", dtype=f"datetime64[{unit}]")
        read = from_json(Moments, to_json(Moments(at=times))).at
        assert read.dtype == times.dtype
        assert len(read) == n
        assert np.isnat(read).all()

    @pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us", "ns"])
    def test_moments_of_whole_hours(self, unit):
        times = np.array(["2024-03-05T00", "NaT"], dtype=f"datetime64[{unit}]")
        read = from_json(Moments, to_json(Moments(at=times))).at
        assert read.dtype == times.dtype
        np.testing.assert_array_equal(read, times)

    @pytest.mark.parametrize(
        "column",
        [
            {"kind": "datetime64[us]"},
            {"kind": "datetime64[us]", "value": ["2024-01-01"]},
            {"kind": "datetime64[us]", "value": [["NaT"]]},
            {"kind": "datetime64[us]", "value": "NaT"},
            {"kind": "datetime64[us]", "value": ["now"]},
            {"kind": "datetime64[as]", "value": []},
            {"kind": ["datetime64[us]"], "value": []},
            {"kind": "datetime64[us]", "value": [], "more": 1},
        ],
    )
    def test_rejects(self, column):
        text = json.dumps({"schema": SCHEMA, "kind": "Moments", "at": column})
        with pytest.raises(InputError, match="what `to_json` wrote"):
            from_json(Moments, text)


class TestRoundTrip:
    """`from_json` gives what `to_json` wrote, to the last bit."""

    @given(wholes)
    def test_there_and_back(self, value):
        text = to_json(value)
        assert is_same(read(text), value)
        assert is_same(read(text.encode()), value)
        assert to_json(read(text)) == text

    def test_known(self):
        assert FIELDS == {
            "schema": 1,
            "kind": "Whole",
            "floats": [1.5, "inf", "-inf", None],
            "table": [[1.0, None], ["inf", 0.0]],
            "counts": [1, 2],
            "days": ["2024-02-29", "NaT"],
            "moments": ["2024-02-29T12:00:00.500000"],
            "flags": [True, False],
            "number": "-inf",
            "count": 3,
            "day": "2024-02-29",
            "day_or_none": None,
            "interval": [0.25, "inf"],
            "words": ["Käse", "\u4e16"],
            "weights": [1.0, "-inf"],
            "plain_count": 4,
            "plain_text": "t",
            "converted_parts": [{"kind": "Part", "name": "f", "share": None}],
            "price": "1.50",
            "shares": [["b", 0.5], ["a", 0.5]],
            "named": [[7, {"kind": "Part", "name": "seven", "share": None}]],
            "part": {"kind": "Part", "name": "a", "share": 0.5},
            "part_or_none": None,
            "parts": [
                {"kind": "Part", "name": "b", "share": None},
                {"kind": "Part", "name": "c", "share": 0.75},
            ],
            "either": {"kind": "Other", "name": "d"},
            "kind_": "day",
            "schema_": "table",
            "short": {"kind": "Part", "name": "e", "share": None},
            "_hidden": 1,
        }

    @pytest.mark.parametrize("kind", ["floats", "table", "counts", "days", "flags"])
    @pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3), (0, 0), (2, 0)])
    def test_arrays_without_an_element_keep_their_shape(self, kind, shape):
        value = attrs.evolve(WHOLE, **{kind: np.zeros(shape, dtype=getattr(WHOLE, kind).dtype)})
        again = read(to_json(value))
        assert getattr(again, kind).shape == shape
        assert getattr(again, kind).dtype == getattr(value, kind).dtype

    @pytest.mark.parametrize("shape", [[1, 3], [0], [0, 10**30], [-1, 0, 2], [0, 1.5], [True, 0, 2], "x", None, {}])
    def test_a_shape_with_elements_is_refused(self, shape):
        with pytest.raises(InputError, match="what `to_json` wrote"):
            read(json.dumps({**FIELDS, "table": {"shape": shape}}))

    @pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udc80\ud83d", "Käse \ud83d", "\U0001f600"])
    def test_half_a_letter_of_utf_16_can_be_written_as_utf_8(self, text):
        value = attrs.evolve(WHOLE, plain_text=text)
        assert read(to_json(value).encode()).plain_text == text
        assert "Käse" in to_json(value)

    def test_two_halves_of_a_letter_are_refused(self):
        with pytest.raises(InputError, match="two halves"):
            to_json(attrs.evolve(WHOLE, plain_text="a\ud83d\ude00"))

    def test_is_json_in_the_narrow_sense_with_text_as_it_is(self):
        def refuse(word):
            raise AssertionError(word)

        json.loads(TEXT, parse_constant=refuse)
        assert "Käse" in TEXT

    def test_columns_become_text_one_by_one(self):
        table = np.random.default_rng(1).random(20_000)
        value = Columns(**dict.fromkeys(("first", "second", "third", "fourth", "fifth", "sixth"), table))
        tracemalloc.start()
        text = to_json(value)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 3 * len(text)  # the lists of all columns together take as much as that and the text

    def test_not_a_number_in_a_field(self):
        assert math.isnan(read(changed(number=None)).number)

    def test_the_order_of_a_mapping_counts(self):
        assert [*read(TEXT).shares] == ["b", "a"]
        assert [*read(changed(shares=[["a", 0.5], ["b", 0.5]])).shares] == ["a", "b"]

    def test_written_by_hand(self):
        """A mapping may be an object; schema, and a kind that the field tells, may be left out.

        What is no object goes to the class where its field has a converter.
        """
        fields = {**FIELDS, "shares": {"b": 0.5, "a": 0.5}, "part": {"name": "a", "share": 0.5}}
        fields["short"] = "e"
        fields["parts"] = [{"name": "b"}, {"name": "c", "share": 0.75}]
        del fields["schema"], fields["kind"]
        assert is_same(read(json.dumps(fields)), WHOLE)

    def test_fields_that_need_more_than_their_type(self):
        text = to_json(Part(name="a"), name=["a", "b"])
        assert json.loads(text)["name"] == ["a", "b"]
        assert from_json(Part, text, name="-".join) == Part(name="a-b")


class TestRefusals:
    """Whatever is wrong is an InputError of `text`, and says what is wrong."""

    @pytest.mark.parametrize("schema", [2, 0, -1, 1.5, "1", None, True, [1], {"a": 1}])
    def test_another_schema_is_named(self, schema):
        error = refusal(changed(schema=schema))
        assert error.value == schema
        assert error.rule == f"JSON of schema {SCHEMA}"
        assert f"got {schema!r}" in str(error)

    @pytest.mark.parametrize(
        ("fields", "hint"),
        [
            ({"kind": "Part"}, "its kind is 'Part', not Whole"),
            ({"kind": None}, "its kind is None, not Whole"),
            ({"part": {"kind": "Other", "name": "a"}}, "its kind is 'Other', not Part"),
            ({"either": {"name": "a"}}, "its kind is None, not Whole, Part, Other"),
            ({"either": {"kind": "Third", "name": "a"}}, "its kind is 'Third', not Whole, Part, Other"),
            ({"nonsense": 1}, "a Whole has no nonsense"),
            ({f"key{i:02}": 1 for i in range(25)}, "key18, key19 and 5 more"),
            ({"made": "by hand"}, "made"),
            ({"part": {"name": "a", "nonsense": 1}}, "a Part has no nonsense"),
            ({"part": {"name": "a", "schema": 1}}, "a Part has no schema"),
            ({"part": {}}, "name"),
            ({"part": [1]}, "a field of type Part, not [1]"),
            ({"part": [{"name": "a"}]}, "a field of type Part, not [{'name': 'a'}]"),
            ({"part": None}, "a field of type Part, not None"),
            ({"part": {"name": "a", "share": 2}}, "`share` must be"),
            ({"shares": [["a", 1.0], ["a", 2.0]]}, "a key that occurs twice"),
            ({"shares": ["ab", "cd"]}, "pairs of a key and a value"),
            ({"shares": ""}, "pairs of a key and a value"),
            ({"shares": [["a"]]}, "another length"),
            ({"shares": [[["a"], 1]]}, "another kind"),
            ({"words": "ab"}, "a field of type tuple[str, ...], not 'ab'"),
            ({"words": [1]}, "a text, not 1"),
            ({"words": None}, "a field of type tuple[str, ...], not None"),
            ({"converted_parts": ""}, "a field of type tuple[Part, ...], not ''"),
            ({"plain_count": "4"}, "a whole number, not '4'"),
            ({"plain_count": 4.0}, "a whole number, not 4.0"),
            ({"plain_count": None}, "a whole number, not None"),
            ({"plain_text": 4}, "a text, not 4"),
            ({"plain_text": None}, "a text, not None"),
            ({"floats": None}, "a list, not None"),
            ({"floats": 1.5}, "a list, not 1.5"),
            ({"counts": 1}, "a list, not 1"),
            ({"days": None}, "a list, not None"),
            ({"days": "2024-02-29"}, "a list, not '2024-02-29'"),
            ({"flags": None}, "a list, not None"),
            ({"flags": True}, "a list, not True"),
            ({"flags": [1]}, "true and false, not [1]"),
            ({"flags": [None]}, "true and false, not [None]"),
            ({"interval": None}, "another kind"),
            ({"shares": None}, "pairs of a key and a value"),
            ({"counts": [1.0]}, "a whole number, not 1.0"),
            ({"counts": [True]}, "a whole number, not True"),
            ({"counts": ["1"]}, "a whole number, not '1'"),
            ({"counts": [2**63]}, "a number is too large"),
            ({"counts": [10**400]}, "a number is too large"),
            ({"floats": [10**400]}, "a number is too large"),
            ({"floats": ["Infinity"]}, "a number, not 'Infinity'"),
            ({"floats": [[1.0], [1.0, 2.0]]}, "a number, not [1.0]"),
            ({"number": True}, "a number, not True"),
            ({"number": "1"}, "a number, not '1'"),
            ({"number": 10**400}, "a number is too large"),
            ({"interval": [1.0]}, "high"),
            ({"interval": [1.0, 2.0, 3.0]}, "another length"),
            ({"days": ["now"]}, "a day or a moment"),
            ({"days": [""]}, "a day or a moment"),
            ({"days": [19782]}, "a day or a moment"),
            ({"schema": 1.0}, "another version"),
            ({"part_or_none": {}}, "name, share"),
            ({"parts": [{}]}, "name, share"),
            ({"days": ["2024-02-30"]}, "a day or a moment of the calendar, not '2024-02-30'"),
            ({"moments": ["2024-02-29T12:00:00+02:00"]}, "a day or a moment"),
            ({"day": "today"}, "a day or a moment"),
            ({"day": 19782}, "a day or a moment"),
            ({"day": None}, "day"),
        ],
    )
    def test_fields(self, fields, hint):
        assert hint in refusal(changed(**fields)).hint

    @pytest.mark.parametrize("number", ["1e999", "-1e999", "Infinity", "-Infinity", "NaN", "1" * 5000, "0x1", "1_0"])
    @pytest.mark.parametrize("name", ["floats", "number", "count", "counts", "interval", "plain_count", "shares"])
    def test_numbers_that_are_none_in_json_or_in_python(self, name, number):
        rest = json.dumps({other: value for other, value in FIELDS.items() if other != name})[:-1]
        template = {
            "number": "%s",
            "count": "%s",
            "plain_count": "%s",
            "interval": "[0, %s]",
            "shares": '[["a", %s]]',
        }.get(name, "[%s]")
        read(f'{rest}, "{name}": {template % 1}}}')
        refusal(f'{rest}, "{name}": {template % number}}}')

    @pytest.mark.parametrize("name", ["floats", "table", "number", "count", "counts", "interval"])
    def test_a_whole_number_too_large_for_any_field(self, name):
        value = 10**400 if name in {"number", "count"} else [10**400, 1]
        refusal(changed(**{name: value}))

    @pytest.mark.parametrize(
        "text",
        [
            f'{TEXT[:-1]}, "schema": 1}}',
            f'{TEXT[:-1]}, "count": 4}}',
            TEXT.replace('"name": "a"', '"name": "a", "name": "b"'),
        ],
    )
    def test_a_key_twice(self, text):
        assert "occurs twice" in str(refusal(text))

    @pytest.mark.parametrize("text", ["", " ", "{}", "[]", "[1]", "null", "5", '"text"', "{", TEXT[:-1], TEXT + "}"])
    def test_what_is_no_object_of_fields(self, text):
        refusal(text)

    @pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"\x80", b"", b'{"kind": "\xff"}', None, 5, [], object()])
    def test_what_is_no_text(self, text):
        assert refusal(text).value is text

    @pytest.mark.parametrize("n", [50, 900, 100_000])
    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"kind": ', "}"), ('[["a", ', "]]")])
    def test_deep_nesting(self, opening, closing, n):
        """Numpy knows 64 dimensions, and Python's stack ends; nothing but an InputError may come of it."""
        deep = opening * n + "1" + closing * n
        refusal(deep)
        for field in FIELDS:
            rest = json.dumps({name: value for name, value in FIELDS.items() if name != field})
            text = f'{rest[:-1]}, "{field}": {deep}}}'
            if n == 100_000 or field in {"days", "part", "schema", "count"}:
                refusal(text)
            else:
                assert self.is_read_or_refused(text), field

    @staticmethod
    def is_read_or_refused(text):
        try:
            return isinstance(read(text), Whole)
        except InputError as error:
            return error.name == "text"

    @given(st.sampled_from(sorted(FIELDS)), json_values)
    def test_any_other_value_of_any_field(self, name, value):
        assert self.is_read_or_refused(changed(**{name: value}))

    @given(st.text() | st.binary())
    def test_any_other_text(self, text):
        refusal(text)


class TestReadJson:
    """`read_json`: the fields go to a function; its errors are those of the text."""

    def test_fields_without_the_schema(self):
        assert read_json('{"schema": 1, "a": [1, 2]}', dict) == {"a": [1, 2]}
        assert read_json(b'{"a": "\xc3\xa9"}', dict) == {"a": "é"}

    @pytest.mark.parametrize(
        ("error", "hint"),
        [
            (KeyError("a"), "missing: `a`"),
            (KeyError(), "a field is missing"),
            (IndexError("list index out of range"), "a list is too short"),
            (TypeError(), "a value of another kind than is needed"),
            (TypeError("f() missing 2 required keyword-only arguments: 'a' and 'b'"), "missing: `a` and `b`"),
            (ValueError("a number, not 'x'"), "a number, not 'x'"),
            (OverflowError("int too large to convert to float"), "a number is too large"),
            (ZeroDivisionError("division by zero"), "numbers that cannot be computed with"),
            (RecursionError("maximum recursion depth exceeded"), "lists or objects nested too deeply"),
            (AttributeError("'int' object has no attribute 'items'"), "a value of another kind than is needed"),
            (InputError("share", ">= 0", -1), "`share` must be >= 0; got -1"),
        ],
    )
    def test_what_goes_wrong_in_the_function(self, error, hint):
        def build(_fields):
            raise error

        with pytest.raises(InputError) as caught:
            read_json("{}", build)
        assert caught.value.name == "text"
        assert caught.value.hint.rstrip(".") == hint
        assert caught.value.__cause__ is error

    @pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"a": 1,}', "x" * 99, "[" * 100_000])
    def test_other_texts_get_words_without_those_of_python(self, text):
        with pytest.raises(InputError) as caught:
            read_json(text, dict)
        assert not re.search("Error|object of type|argument", caught.value.hint)

    @pytest.mark.parametrize(
        ("caps", "hint"),
        [
            ({"brand_percent": [["LUX", "10", "10"]]}, "a list of another length than is needed"),
            ({"brand_percent": [["LUX"]]}, "a list of another length than is needed"),
            ({"kind": []}, "a value of another kind than is needed"),
        ],
    )
    def test_lists_of_another_length_and_values_of_another_kind(self, caps, hint):
        with pytest.raises(InputError) as caught:
            promotions.Caps.from_json(json.dumps(caps))
        assert caught.value.hint.rstrip(".") == hint

    def test_an_interval_of_three_ends(self):
        from crmvalue.journeys import CampaignEffect, campaign_effect

        fields = json.loads(campaign_effect(80, 56, 80, 48, assignment="random").to_json())
        fields["response_interval"] = [-0.1, 0.1, 0.2]
        with pytest.raises(InputError) as caught:
            CampaignEffect.from_json(json.dumps(fields))
        assert caught.value.hint == "a list of another length than is needed"

    def test_a_refusal_of_the_text_stays_as_it_is(self):
        mine = InputError("text", "of my kind", "x")

        def build(_fields):
            raise mine

        with pytest.raises(InputError) as caught:
            read_json("{}", build)
        assert caught.value is mine


class TestPublicValues:
    """The text of each public class, with any part replaced, gives a value that holds in JSON, or an InputError."""

    WRONG = (
        *[
            "null",
            "true",
            "-1",
            "0",
            "1.0",
            "1.5",
            "1e300",
            "5e-324",
            "1e999",
            "-1e999",
            "NaN",
            "1e-999",
            "9007199254740993",
            "18446744073709551616",
        ],
        *[
            "[]",
            "{}",
            "[[]]",
            "[[[1]]]",
            "[1]",
            "[null]",
            "[true]",
            "[{}]",
            "[[[],1]]",
            '{"kind":"x"}',
            '{"kind":[]}',
            '{"a":1,"a":2}',
        ],
        *[
            '""',
            '"now"',
            '"today"',
            '"inf"',
            '"-inf"',
            '"NaN"',
            '"NaT"',
            '"2024-02-30"',
            '"\\ud800"',
            '"\\u0000"',
            '[["a",1],["a",2]]',
        ],
    )
    LONG = ("1" + "0" * 400, "1" * 5000, "[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000)

    def mutant(self, fields, rng):
        """Write the fields with one part, at any depth, replaced, left out or doubled."""
        inner, place = fields, rng.choice(list(fields))
        while rng.random() < 0.6 and isinstance(inner[place], dict | list) and inner[place]:
            inner = inner[place]
            place = rng.choice(list(inner)) if isinstance(inner, dict) else rng.randrange(len(inner))
        old, mark = inner[place], "the place"
        wrong = rng.choice([*self.WRONG, *self.LONG, *map(json.dumps, [[old], [old, old], fields])])
        inner[place] = mark
        text = json.dumps(fields)
        inner[place] = old
        return text.replace(json.dumps(mark), wrong, 1)

    def test_hostile_texts(self):
        from tests.core.public_values import COLUMNS, VALUES

        rng, n_read, wrong = random.Random(20), 0, []  # noqa: S311 - no secret
        for value in VALUES:
            cls, more = type(value), {"columns": COLUMNS} if isinstance(value, segmentation.Segment) else {}
            if not hasattr(cls, "from_json"):
                continue
            fields = json.loads(value.to_json())
            for _ in range(40):
                text = self.mutant(fields, rng)
                try:
                    made = cls.from_json(text, **more)
                    written = made.to_json()
                    again = cls.from_json(written, **more)
                    holds = made == made and again == made and again.to_json() == written  # noqa: PLR0124 - NaN would differ from itself
                except InputError as error:
                    holds = error.name == "text"
                else:
                    n_read += 1
                if not holds:
                    wrong.append((cls.__name__, text))
        assert wrong == []
        assert n_read > 50

    def test_every_field_refuses_what_is_no_value_of_its_type(self):
        """The constructor itself is the check: a mapping or an object stands in no field of a number, array or text."""
        from tests.core.public_values import VALUES

        simple = ("float", "int", "str", "np.datetime64", "Floats", "Integers", "Bools", "Dates", "Interval", "tuple")
        taken = []
        for value in VALUES:
            cls = type(value)
            fields = {field.alias: getattr(value, field.name) for field in attrs.fields(cls) if field.init}
            for field in attrs.fields(cls):
                if not field.init or not str(field.type).startswith(simple):
                    continue
                wrong = [{"a": 1}, object(), 10**400 if str(field.type).startswith(("float", "int")) else 5j]
                for other in wrong:
                    try:
                        cls(**{**fields, field.alias: other})
                    except InputError:
                        continue
                    taken.append((cls.__name__, field.name, type(other)))
        assert taken == []


def _results():
    from crmvalue import funnels, journeys

    rule = funnels.FollowUpRule(event="x", hours=24, task="call")
    cycle = journeys.ServiceCycle()
    money = {"revenue_treated": [5, 0, 9, 4], "revenue_control": [3, 0, 2, 0], "margin": 0.4}
    money |= {"before_treated": [1, 2, 3, 5], "before_control": [2, 2, 4, 1]}
    return [
        cycle.due(["2023-06-10", "2023-01-01"], 12, "2024-06-01", last_visit=["2024-05-01", None]),
        cycle.due(["2024-05-10"], 12, "2024-06-01"),
        journeys.expiring_terms(["price", "знижка"], ["2024-07-10", None], as_of="2024-06-30"),
        journeys.expiring_terms(["price"], [None], as_of="2024-06-30"),
        journeys.without_next_step(["ann", "bob"], ["bob"], ["2024-06-01"], as_of="2024-06-30"),
        journeys.without_next_step([1, 2], [1], ["2024-07-01"], as_of="2024-06-30"),
        journeys.without_next_step([1], [1], ["2024-07-01"], as_of="2024-06-30"),
        funnels.follow_up_tasks(["a", "b"], ["x", "y"], ["2024-05-31T17:00"] * 2, rules=[rule], as_of="2024-06-03"),
        funnels.follow_up_tasks([1], ["y"], ["2024-05-31T17:00"], rules=[rule], as_of="2024-06-03"),
        journeys.campaign_effect(80, 56, 80, 48, assignment="random"),
        journeys.campaign_effect(4, 3, 4, 2, assignment="observed", **money),
        journeys.steps_that_pay([50, 400], [0.2, 0.1], [0.1, 0.05], 5),
        journeys.StepsThatPay(gain=[[[1.5], [-2.0]]]),
        journeys.StepsThatPay(gain=np.zeros((0, 3))),
        journeys.StepsThatPay(gain=np.zeros((2, 0))),
    ]


class TestResultsOfServiceAndCampaigns:
    """Tables of service, tasks and campaigns read back, empty ones and those without a date too."""

    def test_round_trips(self):
        for value in _results():
            text = value.to_json()
            again = type(value).from_json(text)
            assert again == value
            assert again.to_json() == text
            for field in attrs.fields(type(value)):
                column = getattr(value, field.name)
                if isinstance(column, np.ndarray):
                    assert getattr(again, field.name).shape == column.shape
                    if str(field.type) != "npt.NDArray[Any]":  # identifiers may be numbers or texts
                        assert getattr(again, field.name).dtype.kind == column.dtype.kind
            if hasattr(value, "to_frame"):
                assert again.to_frame().shape == value.to_frame().shape

    @pytest.mark.parametrize("gain", [{"shape": [2]}, {"shape": [-1, 0]}, {"shape": [0], "more": 1}, {}, {"a": 1}, "x"])
    def test_a_shape_holds_no_element(self, gain):
        from crmvalue.journeys import StepsThatPay

        with pytest.raises(InputError) as caught:
            StepsThatPay.from_json(json.dumps({"gain": gain}))
        assert caught.value.name == "text"


class TestDaysAmongOtherValues:
    """Fields of customers hold values of any type: days and moments come back as they were."""

    @pytest.mark.parametrize(
        "values",
        [
            [dt.date(1990, 3, 17), dt.date(2024, 2, 29)],
            [dt.date(1990, 3, 17), None],
            [dt.datetime(2024, 2, 29, 12, 30, 0, 5), "text"],
            np.array(["1990-03-17", "2024-02-29"], dtype="datetime64[D]"),
            ["1990-03-17", "text"],
            [1.5, 2.25],
            ["ends in null\0", "b"],
        ],
    )
    def test_round_trip(self, values):
        found = profiles.resolve_profiles([1, 2], {"card": ["a", "b"]}, ["card"])
        field = profiles.choose_values(found, [1, 2], values, choose="first")
        table = profiles.profile_table(found, {"x": field})
        for value in (field, table, table.of(0), table.of(1)):
            again = type(value).from_json(value.to_json())
            assert again == value
            assert again.to_json() == value.to_json()
        assert type(table.of(0).fields["x"]) is type(
            profiles.CustomerProfile.from_json(table.of(0).to_json()).fields["x"]
        )

    @pytest.mark.parametrize("text", ['"2024-02-30"', "5", '"x"', "null", '["2024-01-01"]'])
    def test_no_day(self, text):
        whole = '{"profile": 0, "value": [{"kind": "date", "value": ' + text + "}]}"
        with pytest.raises(InputError, match="`text`"):
            profiles.ProfileField.from_json(whole.replace('"profile": 0', '"profile": [0]'))

    @pytest.mark.parametrize("value", [[1], {}, np.nan, np.inf, b"x", object(), np.zeros(2)])
    def test_no_value_of_a_field(self, value):
        given = {"profile": 0, "records": [1], "contacts": {}, "fields": {}, "sources": {}}
        for name in ("fields", "sources"):
            with pytest.raises(InputError, match="must be a text, a number"):
                profiles.CustomerProfile(**{**given, name: {"a": value}})
        with pytest.raises(InputError, match="`first` must be"):
            profiles.MergeStep(value, 1, "card", "a")

    @pytest.mark.parametrize("label", [np.nan, np.inf])
    def test_labels_are_finite(self, label):
        with pytest.raises(InputError, match="`first` must be"):
            profiles.ScoredPairs(first=[label], second=[1], prob=[0.5])


@attrs.frozen(kw_only=True)
class Labelled:
    """A class with a column of labels."""

    label: npt.NDArray[Any] = label_column("label")


class TestDaysAsLabels:
    """Labels that are days or moments keep their unit; they came back as texts."""

    @pytest.mark.parametrize("unit", ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns"])
    @pytest.mark.parametrize("n", [0, 1, 3])
    def test_round_trip(self, unit, n):
        labels = np.array(["2024-02-29T12:30:15.123456789", "NaT", "1950-01-01"][:n], dtype=f"datetime64[{unit}]")
        written = to_json(Labelled(label=labels))
        again = from_json(Labelled, written).label
        assert again.dtype == labels.dtype
        np.testing.assert_array_equal(again, labels)
        assert to_json(Labelled(label=again)) == written

    @pytest.mark.parametrize("label", [np.datetime64("20240", "Y"), np.datetime64(1, "25s"), np.datetime64(1, "ps")])
    def test_what_json_cannot_say_is_refused(self, label):
        with pytest.raises(InputError, match="`label` must be days and moments of the years 1 to 9999"):
            Labelled(label=np.array([label]))

    @pytest.mark.parametrize(
        "column",
        [
            {"kind": "datetime64[D]", "value": ["2024-02-30"]},
            {"kind": "datetime64[D]", "value": ["2024-02-28T12"]},
            {"kind": "datetime64[D]", "value": ["now"]},
            {"kind": "datetime64[D]", "value": [5]},
            {"kind": "datetime64[D]", "value": "2024-02-28"},
            {"kind": "datetime64[ps]", "value": []},
            {"kind": ["datetime64[D]"], "value": []},
            {"value": []},
        ],
    )
    def test_rejects(self, column):
        with pytest.raises(InputError, match="`text`"):
            from_json(Labelled, json.dumps({"label": column}))

    def test_what_json_has_no_word_for(self):
        with pytest.raises(InputError, match="`value` must be of texts, numbers"):
            to_json(attrs.make_class("Odd", ["x"])(b"a"))
