"""Rules over columns: what can be said, what is refused at once, and that they are data."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import json
import operator

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.segmentation import AllOf, AnyOf, Column, Condition, Not, Segment, SegmentColumns
from tests.segmentation.references import conditions, rules

TYPES = {"spend": "number", "last": "date", "city": "text", "member": "flag"}
of = SegmentColumns(TYPES)
RICH = of["spend"] >= 500
NEAR = of["city"] == "Lviv"
RECENT = of["last"].months_ago < 9


class TestCondition:
    """One comparison of one column: column, type, operator, value, measure."""

    @pytest.mark.parametrize(
        ("made", "fields"),
        [
            (of["spend"] == 5, ("spend", "number", "==", 5.0, "value")),
            (of["spend"] != 5, ("spend", "number", "!=", 5.0, "value")),
            (of["spend"] < 5, ("spend", "number", "<", 5.0, "value")),
            (of["spend"] <= 5, ("spend", "number", "<=", 5.0, "value")),
            (of["spend"] > 5, ("spend", "number", ">", 5.0, "value")),
            (of["spend"] >= 5, ("spend", "number", ">=", 5.0, "value")),
            (5 <= of["spend"], ("spend", "number", ">=", 5.0, "value")),  # noqa: SIM300 - the other way round is tried
            (np.float64(5) <= of["spend"], ("spend", "number", ">=", 5.0, "value")),
            (np.int64(5) > of["spend"], ("spend", "number", "<", 5.0, "value")),
            (np.float64(5) == of["spend"], ("spend", "number", "==", 5.0, "value")),
            (of["spend"].between(1, 5), ("spend", "number", "between", (1.0, 5.0), "value")),
            (of["spend"].between(5, 5), ("spend", "number", "between", (5.0, 5.0), "value")),
            (of["spend"].is_in([5, 1, 5.0]), ("spend", "number", "in", (1.0, 5.0), "value")),
            (of["spend"].is_in(range(2)), ("spend", "number", "in", (0.0, 1.0), "value")),
            (of["spend"].is_in(np.array([3, 2])), ("spend", "number", "in", (2.0, 3.0), "value")),
            (of["spend"].is_in(pd.Series([3, 2])), ("spend", "number", "in", (2.0, 3.0), "value")),
            (of["spend"].is_missing(), ("spend", "number", "missing", None, "value")),
            (of["city"] == "Kyiv", ("city", "text", "==", "Kyiv", "value")),
            (of["city"] != "", ("city", "text", "!=", "", "value")),
            (of["city"].is_in({"b", "a"}), ("city", "text", "in", ("a", "b"), "value")),
            (of["city"].is_in(pl.Series(["b", "a"])), ("city", "text", "in", ("a", "b"), "value")),
            (of["member"].is_true(), ("member", "flag", "true", None, "value")),
            (of["member"].is_false(), ("member", "flag", "false", None, "value")),
            (of["member"].is_missing(), ("member", "flag", "missing", None, "value")),
            (of["last"] == dt.date(2024, 2, 29), ("last", "date", "==", "2024-02-29", "value")),
            (of["last"] < dt.datetime(2024, 2, 29, 23, 59), ("last", "date", "<", "2024-02-29", "value")),
            (of["last"] < pd.Timestamp("2024-02-29"), ("last", "date", "<", "2024-02-29", "value")),
            (np.datetime64("2024-02-29") > of["last"], ("last", "date", "<", "2024-02-29", "value")),
            (of["last"].between("0999-01-01", "2024-02-29"),
             ("last", "date", "between", ("0999-01-01", "2024-02-29"), "value")),
            (of["last"].days_ago <= 30, ("last", "date", "<=", 30.0, "days_ago")),
            (of["last"].months_ago.between(9, 35), ("last", "date", "between", (9.0, 35.0), "months_ago")),
            (of["last"].months_ago.is_missing(), ("last", "date", "missing", None, "months_ago")),
        ],
    )  # fmt: skip
    def test_known(self, made, fields):
        assert attrs.astuple(made) == fields
        assert made == Condition(*fields)
        assert hash(made) == hash(Condition(*fields))

    def test_a_set_gives_the_same_rule_in_every_order(self):
        """Text is hashed anew in each process, and with it the order of a set."""
        words = ["d", "a", "c", "b"]
        made = {repr(of["city"].is_in(list(order))) for order in itertools.permutations(words)}
        assert len(made) == 1

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ((5, "number", ">", 1), "column"),
            ((None, "number", ">", 1), "column"),
            (("a", "money", ">", 1), "type"),
            (("a", ["number"], ">", 1), "type"),
            (("a", "number", "=", 1), "operator on a"),
            (("a", "number", "===", 1), "operator on a"),
            (("a", "number", "__import__('os')", 1), "operator on a"),
            (("a", "number", None, 1), "operator on a"),
            (("a", "number", ["=="], 1), "operator on a"),
            (("a", "number", "true"), "operator on a"),
            (("a", "text", ">", "b"), "operator on a"),
            (("a", "text", "between", ("a", "b")), "operator on a"),
            (("a", "flag", "==", True), "operator on a"),
            (("a", "flag", "true", True), "a true"),
            (("a", "number", "missing", 0), "a missing"),
            (("a", "number", ">"), "a >"),
            (("a", "number", ">", "5"), "a >"),
            (("a", "number", ">", True), "a >"),
            (("a", "number", ">", np.nan), "a >"),
            (("a", "number", ">", np.inf), "a >"),
            (("a", "number", ">", 10**400), "a >"),
            (("a", "number", ">", 1j), "a >"),
            (("a", "number", ">", [5]), "a >"),
            (("a", "number", ">", pd.NA), "a >"),
            (("a", "number", ">", dt.date(2024, 1, 1)), "a >"),
            (("a", "number", "in", 5), "a in"),
            (("a", "number", "in", None), "a in"),
            (("a", "number", "in", "12"), "a in"),
            (("a", "number", "in", b"12"), "a in"),
            (("a", "number", "in", {1: 2}), "a in"),
            (("a", "number", "in", np.array(5)), "a in"),
            (("a", "number", "in", []), "a in"),
            (("a", "number", "in", [1, None]), "a in"),
            (("a", "number", "in", [1, np.nan]), "a in"),
            (("a", "number", "in", [1, [2]]), "a in"),
            (("a", "number", "in", [1, "2"]), "a in"),
            (("a", "number", "between", 5), "a between"),
            (("a", "number", "between", (1,)), "a between"),
            (("a", "number", "between", (1, 2, 3)), "a between"),
            (("a", "number", "between", (2, 1)), "a between"),
            (("a", "number", "between", (1, None)), "a between"),
            (("a", "number", "between", "12"), "a between"),
            (("a", "text", "==", 5), "a =="),
            (("a", "text", "==", None), "a =="),
            (("a", "text", "==", b"Kyiv"), "a =="),
            (("a", "text", "in", "Kyiv"), "a in"),
            (("a", "text", "in", ["Kyiv", None]), "a in"),
            (("a", "text", "in", ["Kyiv", 5]), "a in"),
            (("a", "date", "==", "2024-02-30"), "a =="),
            (("a", "date", "==", "2024-02"), "a =="),
            (("a", "date", "==", "20240229"), "a =="),
            (("a", "date", "==", "today"), "a =="),
            (("a", "date", "==", 45_000), "a =="),
            (("a", "date", "==", np.datetime64("NaT")), "a =="),
            (("a", "date", "==", pd.NaT), "a =="),
            (("a", "date", "==", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)), "a =="),
            (("a", "date", "between", ("2024-03-01", "2024-02-01")), "a between"),
            (("a", "date", ">", "2024-01-01", "months_ago"), "a >"),
            (("a", "date", ">", 5, "weeks_ago"), "measure"),
            (("a", "date", ">", 5, None), "measure"),
            (("a", "number", ">", 5, "days_ago"), "measure"),
            (("a", "text", "==", "b", "months_ago"), "measure"),
        ],
    )
    def test_rejects(self, fields, name):
        with pytest.raises(InputError) as caught:
            Condition(*fields)
        assert caught.value.name == name

    def test_a_long_list_is_quick(self):
        found = of["city"].is_in(str(i) for i in range(100_000))
        assert len(found.value) == 100_000


AMBIGUOUS = {
    "and": lambda: RICH and NEAR,
    "or": lambda: RICH or NEAR,
    "not": lambda: not RICH,
    "if": lambda: 1 if RICH else 0,
    "bool": lambda: bool(RICH & NEAR),
    "bool of or": lambda: bool(RICH | NEAR),
    "bool of not": lambda: bool(~RICH),
    "any": lambda: any([RICH, NEAR]),
    "all": lambda: all([RICH, NEAR]),
    "chained": lambda: 100 <= of["spend"] <= 500,
    "chained, numpy": lambda: np.float64(100) <= of["spend"] <= np.float64(500),
    "chained dates": lambda: "2024-01-01" <= of["last"] < "2024-06-30",
    "value in column": lambda: "Kyiv" in of["city"],
    "column in list": lambda: of["city"] in ["Kyiv", "Lviv"],
    "column in tuple": lambda: of["city"] in ("Kyiv", "Lviv"),
    "column as flag": lambda: bool(of["member"]),
    "column and": lambda: of["member"] and RICH,
    "not column": lambda: not of["member"],
    "column &": lambda: of["member"] & RICH,
    "column |": lambda: of["member"] | RICH,
    "& column": lambda: RICH & of["member"],
    "| column": lambda: RICH | of["member"],
    "~ column": lambda: ~of["member"],
    "no parentheses, numbers": lambda: of["spend"] >= 5 & of["spend"] <= 9,
    "no parentheses, texts": lambda: of["city"] == "a" | of["city"] == "b",
    "no parentheses on the left": lambda: of["spend"] >= 5 & (of["city"] == "b"),
    "no parentheses on the left, or": lambda: of["spend"] >= 5 | (RICH & NEAR),
    "no parentheses on the left, not": lambda: of["spend"] >= 5 & ~NEAR,
    "no parentheses on the left, any": lambda: of["spend"] >= 5 & (RICH | NEAR),
    "no parentheses on the right": lambda: (of["city"] == "b") & of["spend"] >= 5,
    "no parentheses after not": lambda: ~of["spend"] >= 5,
    "& True": lambda: RICH & True,
    "True &": lambda: True & RICH,
    "numpy's True &": lambda: np.True_ & RICH,
    "& None": lambda: RICH & None,
    "& text": lambda: RICH & "NEAR",
    "AllOf of a word": lambda: AllOf("ab"),
    "AllOf of columns": lambda: AllOf([of["member"]]),
    "AllOf of nothing": lambda: AllOf([]),
    "AnyOf of nothing": lambda: AnyOf(()),
    "AnyOf of no list": lambda: AnyOf(RICH),
    "Not of a column": lambda: Not(of["member"]),
    "Not of a word": lambda: Not("x"),
    "two columns": lambda: of["spend"] > of["spend"],
    "two dates": lambda: of["last"] > of["last"],
    "two texts": lambda: of["city"] == of["city"],
    "a rule as value": lambda: of["spend"] > RICH,
    "an array": lambda: of["spend"] > np.array([1, 2]),
    "an array first": lambda: np.array([1, 2]) < of["spend"],
    "a column of pandas": lambda: of["spend"] > pd.Series([1, 2]),
    "a text as a rule": lambda: Segment("a", "spend > 5"),
    "a column as a rule": lambda: Segment("a", of["member"]),
    "True as a rule": lambda: Segment("a", True),
    "no name": lambda: Segment("  ", RICH),
    "a number as name": lambda: Segment(5, RICH),
}


class TestAllOf:
    """All of some rules; made by `&`."""

    def test_is_made_side_by_side(self):
        assert RICH & NEAR == AllOf((RICH, NEAR)) == AllOf([RICH, NEAR]) == AllOf(iter([RICH, NEAR]))
        assert (RICH & NEAR) & RECENT == RICH & (NEAR & RECENT) == AllOf([RICH, NEAR, RECENT])
        assert AllOf([RICH, AnyOf([NEAR, RECENT])]) == RICH & (NEAR | RECENT)
        assert hash(RICH & NEAR) == hash(AllOf([RICH, NEAR]))

    def test_many_rules_stay_shallow_and_survive_json(self):
        many = functools.reduce(operator.and_, [of["spend"] != i for i in range(200)])
        segment = Segment("none of many", many)
        assert len(many.rules) == 200
        assert Segment.from_json(segment.to_json(), of) == segment

    @pytest.mark.parametrize("case", AMBIGUOUS)
    def test_what_is_ambiguous_is_refused_at_once(self, case):
        with pytest.raises(InputError):
            AMBIGUOUS[case]()

    @pytest.mark.parametrize("case", ["and", "chained", "value in column", "column in list", "no parentheses, texts"])
    def test_the_message_says_what_to_write(self, case):
        with pytest.raises(InputError, match=r"use &, \|, ~, is_in and between"):
            AMBIGUOUS[case]()

    def test_no_set_of_columns(self):
        with pytest.raises(TypeError, match="unhashable"):
            of["city"] in {"Kyiv", "Lviv"}  # noqa: B015 - it raises


class TestAnyOf:
    """At least one of some rules; made by `|`."""

    def test_is_made_side_by_side(self):
        assert AnyOf((RICH, NEAR)) == RICH | NEAR
        assert (RICH | NEAR) | RECENT == RICH | (NEAR | RECENT) == AnyOf([RICH, NEAR, RECENT])
        assert AnyOf([AllOf([RICH, NEAR]), RECENT]) == (RICH & NEAR) | RECENT
        assert (RICH | NEAR) != (RICH & NEAR)

    def test_many_rules_stay_shallow_and_survive_json(self):
        many = functools.reduce(operator.or_, [of["spend"] == i for i in range(200)])
        segment = Segment("one of many", many)
        assert Segment.from_json(segment.to_json(), of) == segment


class TestNot:
    """Whoever does not meet a rule; made by `~`."""

    def test_is_made(self):
        assert Not(RICH) == ~RICH
        assert Not(Not(RICH)) == ~~RICH
        assert Not(AllOf([RICH, NEAR])) == ~(RICH & NEAR)

    def test_what_is_too_deep_is_refused_when_it_is_made(self):
        """Fifty inside each other are taken, and come back from JSON; one more is refused, not later than here."""
        deep = functools.reduce(lambda rule, _: ~rule, range(50), RICH)
        assert Segment.from_json(Segment("deep", deep).to_json(), of).rule == deep
        for more in (lambda: ~deep, lambda: deep & NEAR, lambda: deep | NEAR, lambda: AllOf([NEAR, deep])):
            with pytest.raises(InputError, match="at most 50"):
                more()


class TestColumn:
    """One column, ready to be compared."""

    @pytest.mark.parametrize("name", ["days_ago", "months_ago"])
    @pytest.mark.parametrize("column", [of["spend"], of["city"], of["member"], of["last"].days_ago])
    def test_only_dates_have_an_age(self, column, name):
        with pytest.raises(InputError, match="of a date"):
            getattr(column, name)

    def test_wrong_columns_cannot_be_compared(self):
        for column in (Column("a", "money"), Column(5, "number"), Column("a", "number", "days_ago")):
            with pytest.raises(InputError):
                column > 5  # noqa: B015 - it raises

    def test_is_frozen(self):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            of["city"].name = "town"


class TestSegmentColumns:
    """Columns that rules may speak of, with what they hold."""

    def test_gives_its_columns(self):
        found = {name: (of[name].name, of[name].type) for name in TYPES}
        assert found == {name: (name, kind) for name, kind in TYPES.items()}
        assert SegmentColumns(of.types) == of
        assert SegmentColumns(list(TYPES.items())) == of
        assert hash(SegmentColumns(TYPES)) == hash(of)

    @pytest.mark.parametrize("name", ["town", "", "CITY", None, 0, ["city"], ("city",), np.array(["city"])])
    def test_unknown_columns_are_refused(self, name):
        with pytest.raises(InputError) as caught:
            of[name]
        assert caught.value.name == "column"

    @pytest.mark.parametrize(
        "types",
        [
            {}, [], None, "ab", ["ab"], 5, [5], [("a", "number", "b")], {"a": "float"}, {"a": None}, {5: "number"},
            {"a": float}, {"a": ["number"]}, [("a", "number"), ("a", "text")], {"a"}, of,
        ],
    )  # fmt: skip
    def test_rejects(self, types):
        with pytest.raises(InputError) as caught:
            SegmentColumns(types)
        assert caught.value.name.startswith("types")


numbers = st.floats(-1e9, 1e9).map(lambda x: 0.0 if abs(x) < 1e-9 else x) | st.integers(-5, 5)
texts = st.text(max_size=5)
days = st.dates(dt.date(1, 1, 1)).map(dt.date.isoformat)


any_rule = rules(
    st.one_of(
        conditions("spend", "number", numbers),
        conditions("city", "text", texts),
        conditions("last", "date", days),
        conditions("last", "date", numbers, "days_ago"),
        conditions("last", "date", numbers, "months_ago"),
        st.sampled_from(["true", "false", "missing"]).map(lambda word: {"column": "member", "operator": word}),
    )
)


class TestJson:
    """Rules are data: what is written is what is read."""

    @given(any_rule)
    def test_round_trip(self, fields):
        segment = Segment.from_json(json.dumps({"name": "any", "rule": fields}), of)
        written = segment.to_json()
        assert Segment.from_json(written, of) == segment
        assert Segment.from_json(written, of).to_json() == written
        assert Segment.from_json(written.encode(), of) == segment
        assert hash(Segment.from_json(written, of)) == hash(segment)

    @given(any_rule)
    def test_says_what_was_said(self, fields):
        """But for the order of the values of "in", for numbers as floats, and for what may be left out."""

        def same(rule):
            if "column" not in rule:
                ((key, inner),) = rule.items()
                return {key: same(inner) if key == "not" else [same(part) for part in inner]}
            listed = sorted(set(rule["value"])) if rule["operator"] == "in" else rule.get("value")
            kind = TYPES[rule["column"]]
            return {**rule, "type": kind} | ({"value": listed} if listed is not None else {})

        segment = Segment.from_json(json.dumps({"name": "any", "rule": fields}), of)
        assert json.loads(segment.to_json()) == {"schema": 1, "kind": "Segment", "name": "any", "rule": same(fields)}

    def test_type_and_measure_may_be_left_out(self):
        text = '{"name": "a", "rule": {"column": "last", "operator": ">", "value": "2024-01-01"}}'
        assert Segment.from_json(text, of) == Segment("a", of["last"] > "2024-01-01")

    @pytest.mark.parametrize("name", ['a"b', "\\", "🎁", "\ud800", "a\0b", "all"])
    def test_strange_names_and_texts(self, name):
        segment = Segment(name, of["city"].is_in([name, "b"]) | (of["city"] == name))
        assert Segment.from_json(segment.to_json(), of) == segment

    GOOD = '{"column": "spend", "operator": ">", "value": 5}'

    @pytest.mark.parametrize(
        "rule",
        [
            "",
            "{}",
            "[]",
            "null",
            "5",
            '"spend > 5"',
            "true",
            "{",
            "[" * 100_000,
            '{"all": []}',
            '{"any": []}',
            '{"all": {}}',
            '{"all": null}',
            '{"any": "ab"}',
            '{"not": []}',
            '{"not": null}',
            f'{{"all": {GOOD}}}',
            f'{{"not": [{GOOD}]}}',
            f'{{"all": [{GOOD}], "any": [{GOOD}]}}',
            f'{{"all": [{GOOD}], "not": {GOOD}}}',
            f'{{"all": [{GOOD}], "all": [{GOOD}]}}',
            f'{{"all": [{GOOD}], "column": "spend"}}',
            f'{{"and": [{GOOD}]}}',
            f'{{"ALL": [{GOOD}]}}',
            f'{{"all": [{GOOD}, 5]}}',
            f'{{"all": [{GOOD}, null]}}',
            '{"not": ' * 60 + GOOD + "}" * 60,
            '{"all": [' * 51 + GOOD + "]}" * 51,
            '{"not": ' * 50_000 + GOOD + "}" * 50_000,
            '{"column": "spend", "operator": ">", "value": 5, "value": 500}',
            '{"column": "spend", "operator": ">", "value": 5, "as_of": "2024-01-01"}',
            '{"column": "spend", "operator": ">", "value": 5, "": 1}',
            '{"column": "spend", "value": 5}',
            '{"operator": ">", "value": 5}',
            '{"column": "spend", "operator": ">"}',
            '{"column": "town", "operator": "==", "value": "b"}',
            '{"column": null, "operator": "missing"}',
            '{"column": ["spend"], "operator": "missing"}',
            '{"column": {}, "operator": "missing"}',
            '{"column": "spend", "type": "text", "operator": "==", "value": "b"}',
            '{"column": "spend", "type": null, "operator": "missing"}',
            '{"column": "spend", "type": [], "operator": "missing"}',
            '{"column": "spend", "operator": "=>", "value": 5}',
            '{"column": "spend", "operator": "eval", "value": "1"}',
            '{"column": "spend", "operator": ["=="], "value": 5}',
            '{"column": "spend", "operator": {}, "value": 5}',
            '{"column": "spend", "operator": ">", "value": "5"}',
            '{"column": "spend", "operator": ">", "value": null}',
            '{"column": "spend", "operator": ">", "value": true}',
            '{"column": "spend", "operator": ">", "value": [5]}',
            '{"column": "spend", "operator": ">", "value": {"column": "spend"}}',
            '{"column": "spend", "operator": ">", "value": NaN}',
            '{"column": "spend", "operator": "<", "value": Infinity}',
            '{"column": "spend", "operator": ">", "value": -Infinity}',
            '{"column": "spend", "operator": ">", "value": 1e999}',
            '{"column": "spend", "operator": ">", "value": ' + "9" * 5000 + "}",
            '{"column": "spend", "operator": ">", "value": 9' + "9" * 400 + "}",
            '{"column": "spend", "operator": "in", "value": 5}',
            '{"column": "spend", "operator": "in", "value": []}',
            '{"column": "spend", "operator": "in", "value": {"5": 1}}',
            '{"column": "spend", "operator": "in", "value": [NaN]}',
            '{"column": "spend", "operator": "in", "value": [[5]]}',
            '{"column": "spend", "operator": "in", "value": "5"}',
            '{"column": "spend", "operator": "between", "value": [9, 5]}',
            '{"column": "spend", "operator": "between", "value": [5, NaN]}',
            '{"column": "spend", "operator": "missing", "value": 5}',
            '{"column": "member", "operator": "true", "value": true}',
            '{"column": "member", "operator": "==", "value": true}',
            '{"column": "city", "operator": ">", "value": "b"}',
            '{"column": "city", "operator": "==", "value": 5}',
            '{"column": "city", "operator": "in", "value": "Kyiv"}',
            '{"column": "last", "operator": ">", "value": 5}',
            '{"column": "last", "operator": ">", "value": "today"}',
            '{"column": "last", "operator": ">", "value": 20240101}',
            '{"column": "last", "operator": ">", "value": "2024-01-01", "measure": "days_ago"}',
            '{"column": "last", "operator": ">", "value": 5, "measure": "years_ago"}',
            '{"column": "last", "operator": ">", "value": "2024-01-01", "measure": null}',
            '{"column": "spend", "operator": ">", "value": 5, "measure": "days_ago"}',
        ],
    )
    def test_hostile_rules_are_refused_when_they_are_read(self, rule):
        with pytest.raises(InputError) as caught:
            Segment.from_json(f'{{"name": "a", "rule": {rule}}}', of)
        assert caught.value.name == "text"
        assert len(str(caught.value)) < 2000

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "null",
            "[]",
            "5",
            "nonsense",
            b"\xff\xfe",
            5,
            None,
            '{"name": "a"}',
            f'{{"rule": {GOOD}}}',
            f'{{"name": "", "rule": {GOOD}}}',
            f'{{"name": null, "rule": {GOOD}}}',
            f'{{"name": 5, "rule": {GOOD}}}',
            f'{{"name": "a", "rule": {GOOD}, "sql": "x"}}',
            f'{{"name": "a", "name": "b", "rule": {GOOD}}}',
            f'[{{"name": "a", "rule": {GOOD}}}]',
            f'{{"name": "a", "rule": {GOOD}}} x',
            '{"name": "a", "rule": "eval(1)"}',
        ],
    )
    def test_hostile_segments_are_refused(self, text):
        with pytest.raises(InputError) as caught:
            Segment.from_json(text, of)
        assert caught.value.name == "text"

    @pytest.mark.parametrize("columns", [None, TYPES, "spend", [of]])
    def test_needs_columns(self, columns):
        with pytest.raises(InputError) as caught:
            Segment.from_json(f'{{"name": "a", "rule": {self.GOOD}}}', columns)
        assert caught.value.name == "columns"
