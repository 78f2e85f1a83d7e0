"""One value of a field for each profile, consent, and the table of customers."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import DataWarning, InputError
from crmvalue.profiles import (
    MatchRule,
    ProfileField,
    ScoredPairs,
    check_names,
    choose_values,
    contact_quality,
    merge_consent,
    profile_table,
    resolve_profiles,
)
from tests.tables import check_json

PROFILES = resolve_profiles(range(6), {"card": ["a", "a", "a", "b", "b", "c"]}, ["card"])
ROWS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from([None, "", "x", "yy", "z"]),
        st.integers(1, 9),
        st.sampled_from(["shop", "web", "chat"]),
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip - one row


def slow(rows, choose):
    """Choose for each profile with Python's own `min` over its rows."""
    found = {}
    for profile in (0, 3, 5):
        mine = [row for row in rows if PROFILES.profile[row[0]] == profile and row[1]]
        ranks = {
            "most_recent": lambda row: -row[2],
            "most_frequent": lambda row, mine=mine: -sum(other[1] == row[1] for other in mine),
            "most_trusted": lambda row: ["web", "shop"].index(row[3]) if row[3] != "chat" else 2,
            "longest": lambda row: -len(row[1]),
            "first": lambda _: 0,
        }
        if mine:
            best = min(mine, key=lambda row: (ranks[choose](row), row[0], row[1]))
            found[profile] = best[0], best[1]
    return found


class TestChooseValues:
    """One value by the rule; among equals, the oldest record decides, then the order of the texts."""

    @pytest.mark.parametrize("choose", ["most_recent", "most_frequent", "most_trusted", "longest", "first"])
    @given(rows=ROWS)
    def test_equals_the_slow_choice(self, choose, rows):
        record, value, day, source = map(list, zip(*rows, strict=True))
        time = [f"2024-01-0{one}" for one in day]
        field = choose_values(PROFILES, record, value, choose=choose, time=time, source=source, trust=["web", "shop"])
        found = dict(
            zip(field.profile.tolist(), zip(field.record.tolist(), field.value.tolist(), strict=True), strict=True)
        )
        assert found == slow(rows, choose)

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"choose": "x"}, "choose"),
            ({"choose": "most_recent"}, "time"),
            ({"choose": "most_trusted"}, "source"),
            ({"record": [0, 9]}, "record"),
            ({"value": ["x"]}, "value"),
            ({"value": ["x", np.inf]}, "value"),
            ({"value": [b"x", "y"]}, "value"),
            ({"profiles": 3}, "profiles"),
            ({"source": ["web", Decimal(1)]}, "source"),
            ({"choose": "most_trusted", "trust": ["web"], "source": [{}, {}]}, "source"),
        ],
    )
    def test_rejections(self, change, name):
        with pytest.raises(InputError) as caught:
            choose_values(**{"profiles": PROFILES, "record": [0, 1], "value": ["x", "y"], "choose": "first", **change})
        assert caught.value.name == name

    @pytest.mark.parametrize(("source", "chosen"), [(["web", None], ["web", ""]), ([None, None], ["", ""])])
    def test_a_source_may_be_missing(self, source, chosen):
        """Records 0 and 3 are two customers."""
        field = choose_values(PROFILES, [0, 3], ["x", "y"], choose="most_trusted", source=source, trust=["shop"])
        assert field.value.tolist() == ["x", "y"]
        assert field.source.tolist() == chosen

    def test_a_missing_source_comes_after_all_that_are_trusted(self):
        one = resolve_profiles([1, 2], {"card": ["a", "a"]}, ["card"])
        field = choose_values(one, [1, 2], ["x", "y"], choose="most_trusted", source=[None, "web"], trust=["web"])
        assert (field.value.tolist(), field.source.tolist()) == (["y"], ["web"])

    def test_decimals_are_refused_before_the_choice(self):
        """Also one that would not be chosen: the rule does not hang on the other rows."""
        with pytest.raises(InputError, match=r"a finite number.*at index 1.*Hint: give amounts as text, or as float"):
            choose_values(PROFILES, [0, 1], ["2", Decimal("1.50")], choose="first")

    def test_what_is_no_amount_gets_no_hint_about_amounts(self):
        with pytest.raises(InputError, match="at index 1") as caught:
            choose_values(PROFILES, [0, 1], ["2", object()], choose="first")
        assert "amounts" not in str(caught.value)

    def test_chosen_numbers_are_a_column_of_numbers(self):
        one = resolve_profiles([1, 2, 3], {"card": ["a", "a", "b"]}, ["card"])
        found = choose_values(one, [1, 2, 3], [None, 7, 9], choose="first").value
        assert (found.dtype.kind, found.tolist()) == ("i", [7, 9])


class TestMergeConsent:
    """A refusal in any record wins."""

    @given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([True, False, None])), min_size=1, max_size=10))
    def test_a_refusal_wins(self, rows):
        merged = merge_consent(PROFILES, *map(list, zip(*rows, strict=True)))
        for profile in (0, 3, 5):
            answers = [answer for record, answer in rows if PROFILES.profile[record] == profile and answer is not None]
            assert merged.of(profile) == (all(answers) if answers else None)

    def test_rejections(self):
        with pytest.raises(InputError, match="`consent` must be True, False or None"):
            merge_consent(PROFILES, [0], ["yes"])


class TestProfileTable:
    """One row for each customer, and one frozen value for one of them."""

    def test_missing_values_are_none(self):
        with pytest.warns(DataWarning, match="1 of 'n'"):
            table = profile_table(PROFILES, {"n": ProfileField(profile=[3, 4], value=[7, 8])})
        assert table.n_dropped == {"n": 1}
        assert table.to_columns()["n"].tolist() == [None, 7, None]
        customer = table.of(3)
        assert (customer.records, customer.fields, customer.sources) == ((3, 4), {"n": 7}, {"n": None})

    def test_values_of_profiles_that_have_merged_are_counted(self):
        """The field is of the time before record 3 told that records 1 and 2 are one person."""
        before = resolve_profiles([1, 2], {"card": ["a", "b"], "phone": [None, None]}, ["card"])
        level = ProfileField(profile=[0, 1], value=["base", "gold"])
        assert profile_table(before, {"level": level}).n_dropped == {"level": 0}
        after = resolve_profiles([1, 2], {"card": ["a", "a"]}, ["card"])
        with pytest.warns(DataWarning, match="1 of 'level'") as caught:
            table = profile_table(after, {"level": level, "none": ProfileField(profile=[], value=[])})
        assert caught[0].message.count == 1
        assert table.n_dropped == {"level": 1, "none": 0}
        assert table.to_columns()["level"].tolist() == ["base"]

    def test_rejections(self):
        with pytest.raises(InputError, match="`fields`"):
            profile_table(PROFILES, {"profile": ProfileField(profile=[3], value=[7])})
        with pytest.raises(InputError, match="`profile` must be ascending"):
            ProfileField(profile=[3, 3], value=[7, 8])


CROWD = resolve_profiles([1, 2, 3], {"card": ["0"] * 3}, ["card"], most_sharing=2)
TABLE = profile_table(
    PROFILES,
    {"n": ProfileField(profile=[3, 5], value=[7.5, 8], record=[4, 5]), "none": merge_consent(PROFILES, [0], [None])},
)


class TestJson:
    """Rules and results that a service keeps come back from their text."""

    @pytest.mark.parametrize(
        "value",
        [
            MatchRule(["name", "city"]),
            CROWD.refused,
            PROFILES.undo(0, 1).changes_since(PROFILES),
            PROFILES.explain(0, 1)[0],
            TABLE,
            TABLE.fields["n"],
            TABLE.of(3),
            TABLE.of(5),
            check_names(["Ann", None, "Ana"], ["Ann"]),
            contact_quality(["web"], {"card": ["1"]}),
            ScoredPairs(first=["a"], second=["b"], prob=[0.5]),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_round_trip(self, value):
        check_json(value)


class Unprintable:
    """A value whose own code raises."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


class TestValuesThatAreNoValues:
    """A value that is a list, or whose own code raises, is refused with its place."""

    @pytest.mark.parametrize("value", [[1, [2]], {"a": 1}, np.zeros(2), Unprintable()], ids=type)
    def test_choose_values(self, value):
        profiles = resolve_profiles([1, 2], {"card": ["x", "x"]}, ["card"])
        with pytest.raises(InputError) as caught:
            choose_values(profiles, [1, 2], ["Ann", value], choose="longest")
        assert (caught.value.name, caught.value.index) == ("value", 1)


class TestValuesStayAsTheyAre:
    """Numpy makes text of values beside text, floats of large whole numbers, and whole numbers of nanoseconds."""

    @pytest.mark.parametrize("other", [1.5, 3, True, 2**63, "a\0", dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 5)])
    def test_beside_text(self, other):
        field = ProfileField(profile=[0, 1], value=["a", other])
        assert field.of(1) == other
        assert type(field.of(1)) is type(other)
        assert ProfileField.from_json(field.to_json()) == field

    @pytest.mark.parametrize("other", [b"x", 1j, float("nan"), np.timedelta64(1, "D"), pd.NaT, np.datetime64("NaT")])
    def test_what_json_cannot_say(self, other):
        with pytest.raises(InputError, match="`value`"):
            ProfileField(profile=[0, 1], value=["a", other])

    @pytest.mark.parametrize(
        ("value", "chosen"),
        [
            ([2**63, 1], 2**63),
            (["a\0", "b"], "a\0"),
            (np.array(["2024-01-31T05", "2024-02-01T05"], dtype="datetime64[ns]"), dt.datetime(2024, 1, 31, 5)),
            (np.array(["2024-01-31", "2024-02-01"], dtype="datetime64[D]"), dt.date(2024, 1, 31)),
            (np.array([0.5, 1.5], dtype=np.longdouble), 0.5),
        ],
    )
    def test_chosen(self, value, chosen):
        profiles = resolve_profiles([1, 2], {"card": ["x", "x"]}, ["card"])
        field = choose_values(profiles, [1, 2], value, choose="first")
        assert field.of(0) == chosen
        assert ProfileField.from_json(field.to_json()) == field

    def test_durations_are_no_values(self):
        profiles = resolve_profiles([1, 2], {"card": ["x", "x"]}, ["card"])
        with pytest.raises(InputError, match="durations"):
            choose_values(profiles, [1, 2], np.array([1, 2], dtype="timedelta64[ns]"), choose="first")
