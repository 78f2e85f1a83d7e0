"""Attribution: known answers, slow references, what credits must satisfy, and what is refused."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue import attribution
from crmvalue._attribution import markov as chains
from crmvalue._attribution.shapley import _sampled
from crmvalue.attribution import (
    Attribution,
    ChannelReturns,
    ChannelTransitions,
    Paths,
    RemovalEffects,
    ShapleyValues,
    attribute,
    channel_returns,
    channel_transitions,
    markov_removal_effects,
    paths_from_touches,
    shapley_values,
)
from crmvalue.errors import InputError
from tests.attribution.references import credit, markov, paths_of_log, shapley, transitions

TOUCH_MODELS = ("first", "last", "last_non_direct", "linear", "position", "time_decay")
MODELS = (*TOUCH_MODELS, "markov", "shapley")
CHANNELS = ("ad", "direct", "mail", "shop")

plain_days = st.integers(0, 60_000).map(lambda thousandths: thousandths / 1000)

KNOWN = Paths.from_lists([["G"], ["M"], ["G", "M"], ["G"]], [2, 1, 1, 0])
GAME = {("O",): 7, ("F",): 6, ("D",): 4, ("O", "F"): 15, ("O", "D"): 7, ("F", "D"): 9, ("O", "F", "D"): 19}


touches_of = [st.lists(st.sampled_from(CHANNELS), min_size=least, max_size=6) for least in (0, 1)]
days_of = [st.lists(plain_days, min_size=n, max_size=n) for n in range(7)]
conversions_of = [st.integers(least, 4) for least in (0, 1)]
lost_of = [st.integers(least, 3) for least in (0, 1)]
n_rows = st.integers(1, 7)


@st.composite
def rows(draw, *, won=False):
    """Draw rows (touches, days before, conversions, lost), at least one of them converted after a touch if `won`."""
    found = []
    for i in range(draw(n_rows)):
        touches = draw(touches_of[won and not i])
        days = sorted(draw(days_of[len(touches)]), reverse=True)
        n = draw(conversions_of[won and not i])
        found.append((touches, days, n, draw(lost_of[not n])))
    return found


def paths_of(found, **options):
    touches, days, n, lost = zip(*found, strict=True)
    return Paths.from_lists(touches, list(n), n_lost=list(lost), days_before=days, **options)


def by_channel(result):
    return dict(zip(result.channels, result.conversion_credit.tolist(), strict=True))


def assert_same(found, expected, **options):
    """Compare two mappings of numbers; an absent name is 0."""
    for name in {*found, *expected}:
        assert found.get(name, 0) == pytest.approx(expected.get(name, 0), **({"rel": 1e-9, "abs": 1e-9} | options)), (
            name
        )


class TestAttribute:
    """`attribute`: the conversions of paths, credited to the channels that touched them."""

    def test_time_decay_with_a_half_life_of_a_week(self):
        """Oracles section 4: touches 14, 7, 0 days before: 1/7, 2/7, 4/7."""
        paths = Paths.from_lists([["a", "b", "c"]], [1], days_before=[[14, 7, 0]])
        np.testing.assert_allclose(attribute(paths, model="time_decay").conversion_credit, [1 / 7, 2 / 7, 4 / 7])

    @pytest.mark.parametrize(
        ("touches", "expected"),
        [
            (["a"], {"a": 1}),
            (["a", "b"], {"a": 0.5, "b": 0.5}),
            (["a", "b", "c"], {"a": 0.4, "b": 0.2, "c": 0.4}),
            (["a", "b", "c", "d"], {"a": 0.4, "b": 0.1, "c": 0.1, "d": 0.4}),
            (["a", "b", "a"], {"a": 0.8, "b": 0.2}),
        ],
    )
    def test_position(self, touches, expected):
        """Oracles section 4: 40/20/40; one touch 100 %, two 50/50."""
        assert_same(by_channel(attribute(Paths.from_lists([touches], [1]), model="position")), expected)

    @pytest.mark.parametrize(
        ("weights", "expected"),
        [((0.6, 0.2, 0.2), {"a": 0.75, "b": 0.25}), ((0, 1, 0), {"a": 0.5, "b": 0.5}), ((1, 0, 0), {"a": 1, "b": 0})],
    )
    def test_position_of_two_touches(self, weights, expected):
        paths = Paths.from_lists([["a", "b"]], [1])
        assert_same(by_channel(attribute(paths, model="position", position_weights=weights)), expected)

    def test_markov(self):
        """Oracles section 4: credit 2.4 and 1.6."""
        assert_same(by_channel(attribute(KNOWN, model="markov")), {"G": 2.4, "M": 1.6})

    @pytest.mark.parametrize(
        ("touches", "winner"),
        [
            (["ad", "mail", "direct", "direct"], "mail"),
            (["direct", "ad"], "ad"),
            (["direct", "direct"], "direct"),
            (["direct"], "direct"),
        ],
    )
    def test_last_non_direct(self, touches, winner):
        paths = Paths.from_lists([[], touches, ["ad", "direct"]], [1, 1, 0])
        assert_same(by_channel(attribute(paths, model="last_non_direct")), {winner: 1})

    def test_another_name_for_direct(self):
        paths = Paths.from_lists([["ad", "typed in"]], [1])
        assert_same(by_channel(attribute(paths, model="last_non_direct", direct="typed in")), {"ad": 1})
        assert_same(by_channel(attribute(paths, model="last_non_direct")), {"typed in": 1})

    @pytest.mark.parametrize("model", TOUCH_MODELS)
    @given(found=rows())
    def test_equals_a_slow_reference(self, model, found):
        result = attribute(paths_of(found), model=model)
        assert_same(by_channel(result), credit([row[:3] for row in found], model))

    @pytest.mark.parametrize("model", MODELS)
    @given(found=rows(won=True), data=st.data())
    def test_credits_sum_to_what_is_distributed(self, model, found, data):
        value = [data.draw(st.floats(0, 1e6).map(lambda x: round(x, 2))) if row[2] else 0.0 for row in found]
        paths = paths_of(found, value=value)
        result = attribute(paths, model=model, order=2)
        with_touch = [bool(row[0]) for row in found]
        assert result.n_conversions == sum(row[2] for row in found if row[0])
        assert result.n_conversions + result.n_unattributed == paths.n_conversions.sum()
        assert result.conversion_credit.sum() == pytest.approx(result.n_conversions, rel=1e-12)
        assert result.value_credit.sum() == pytest.approx(np.dot(value, with_touch), rel=1e-12)
        assert result.value_credit.sum() + result.unattributed_value == pytest.approx(sum(value), rel=1e-12)
        assert result.share.sum() == pytest.approx(1)

    @pytest.mark.parametrize("model", MODELS)
    @given(found=rows(won=True), data=st.data())
    def test_order_of_paths_does_not_matter_and_a_number_is_as_good_as_copies(self, model, found, data):
        expected = by_channel(attribute(paths_of(found), model=model))
        apart = [(touches, days, 1, 0) for touches, days, n, _ in found for _ in range(n)]
        apart += [(touches, days, 0, 1) for touches, days, _, lost in found for _ in range(lost)]
        result = attribute(paths_of(data.draw(st.permutations(apart))), model=model)
        assert_same(by_channel(result), expected)
        assert result.n_touches.tolist() == attribute(paths_of(found), model=model).n_touches.tolist()
        assert result.n_paths.tolist() == attribute(paths_of(found), model=model).n_paths.tolist()

    @pytest.mark.parametrize("model", MODELS)
    @given(found=rows(won=True))
    def test_two_interchangeable_channels_get_the_same(self, model, found):
        """Every path is there twice, the second time with the two exchanged."""
        other = {"ad": "shop", "shop": "ad"}
        mirrored = [([other.get(name, name) for name in row[0]], *row[1:]) for row in found]
        result = by_channel(attribute(paths_of([*found, *mirrored]), model=model))
        assert_same({"x": result.get("ad", 0)}, {"x": result.get("shop", 0)})

    @pytest.mark.parametrize("model", MODELS)
    @given(found=rows(won=True))
    def test_a_channel_without_effect_gets_nothing(self, model, found):
        """It occurs only as the last touch of paths that are lost."""
        plain = by_channel(attribute(paths_of(found), model=model))
        lost = [([*row[0], "void"], [*row[1], 0.0], 0, 2) for row in found]
        result = by_channel(attribute(paths_of([*found, *lost]), model=model))
        assert result["void"] == pytest.approx(0, abs=1e-12)
        if model != "markov":  # there the new losses change who passes on to whom
            assert_same(result, plain)

    @given(found=rows(won=True), factor=st.sampled_from([0.001, 7.0, 1e6]))
    def test_time_decay_knows_no_unit(self, found, factor):
        scaled = [(row[0], [day * factor for day in row[1]], *row[2:]) for row in found]
        plain = attribute(paths_of(found), model="time_decay", half_life_days=5)
        result = attribute(paths_of(scaled), model="time_decay", half_life_days=5 * factor)
        assert_same(by_channel(result), by_channel(plain), rel=1e-6)

    def test_touches_long_ago_share_among_themselves(self):
        """Weights of 2**-10000 are 0 as floats; what counts is the time between them."""
        paths = Paths.from_lists([["a", "b"]], [1], days_before=[[70_007, 70_000]])
        assert_same(by_channel(attribute(paths, model="time_decay")), {"a": 1 / 3, "b": 2 / 3})

    def test_counts_touches_and_paths(self):
        paths = Paths.from_lists([["a", "a", "b"], ["a"], []], [2, 0, 1], n_lost=[1, 4, 0])
        result = attribute(paths, model="linear")
        assert (result.channels, result.n_touches.tolist(), result.n_paths.tolist()) == (("a", "b"), [10, 3], [7, 3])
        assert (result.n_conversions, result.n_unattributed) == (2, 1)

    def test_without_a_conversion(self):
        result = attribute(Paths.from_lists([["a"], []], [0, 3]), model="linear")
        assert result.conversion_credit.tolist() == [0]
        assert np.isnan(result.share).all()
        assert result.conclusion == "No conversion had a touch: 3 conversions are credited to no channel."
        nothing = attribute(Paths.from_lists([["a"]], [0]), model="linear")
        assert nothing.conclusion == "No conversion had a touch."

    def test_a_small_credit_is_not_written_as_none(self):
        days = [[40.0, 0.0]] * 2
        result = attribute(
            Paths.from_lists([["a", "b"], ["b", "b"]], [1, 1], days_before=days), model="time_decay", half_life_days=5
        )
        assert 0 < result.conversion_credit[0] < 0.005
        assert ", a 0.0039 (0.19%)." in result.conclusion

    @pytest.mark.parametrize("model", ["first", "linear", "shapley", "last_non_direct"])
    def test_no_touch_at_all(self, model):
        result = attribute(Paths.from_lists([[], []], [2, 0]), model=model)
        assert (result.channels, result.n_unattributed, result.conversion_credit.size) == ((), 2, 0)

    def test_says_it_in_words(self):
        result = attribute(Paths.from_lists([["a"], ["b"], []], [3, 1, 2]), model="last")
        expected = (
            "Of 4 conversions, a gets 3 (75.0%), b 1 (25.0%). 2 more had no touch and are credited to no channel."
        )
        assert result.conclusion == expected

    @pytest.mark.parametrize("value", [None, [30, 20, 5]])
    def test_json_gives_the_same_value_back(self, value):
        result = attribute(Paths.from_lists([["a", "b"], ["b"], []], [3, 1, 2], value=value), model="shapley")
        assert Attribution.from_json(result.to_json()) == result

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": "first"}'])
    def test_other_text_is_no_attribution(self, text):
        with pytest.raises(InputError, match="what `to_json` wrote"):
            Attribution.from_json(text)

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({"model": "best"}, "model"),
            ({"model": ["first"]}, "model"),
            ({"model": "time_decay"}, "paths"),
            ({"model": "first", "half_life_days": 0}, "half_life_days"),
            ({"model": "first", "order": 1.5}, "order"),
            ({"model": "first", "direct": 3}, "direct"),
            ({"model": "position", "position_weights": (0.5, 0.5)}, "position_weights"),
            ({"model": "position", "position_weights": (40, 20, 40)}, "position_weights"),
            ({"model": "position", "position_weights": (0.6, -0.2, 0.6)}, "position_weights"),
        ],
    )
    def test_rejections(self, options, name):
        with pytest.raises(InputError) as caught:
            attribute(KNOWN, **options)
        assert caught.value.name == name

    def test_lists_are_no_paths(self):
        with pytest.raises(InputError, match="Paths"):
            attribute([["a"]], model="first")

    def test_the_value_checks_itself(self):
        result = attribute(KNOWN, model="first")
        for change in ({"conversion_credit": [1.0]}, {"n_touches": np.array([-1, 1])}, {"model": "best"}):
            with pytest.raises(InputError) as caught:
                attrs.evolve(result, **change)
            assert caught.value.name in change


class TestPaths:
    """`Paths`: touches of many paths, each to a conversion or to none."""

    def test_of_lists(self):
        paths = Paths.from_lists([["b", "a"], [], ["a"]], [True, True, False], value=[5, 2, 0])
        assert paths.channels == ("a", "b")
        assert paths.code.tolist() == [1, 0, 0]
        assert paths.offsets.tolist() == [0, 2, 2, 3]
        assert (paths.n_paths.tolist(), paths.n_conversions.tolist()) == ([1, 1, 1], [1, 1, 0])
        assert (len(paths), paths.n_without_touch, paths.n_touches.tolist()) == (3, 1, [2, 0, 1])
        assert paths.conclusion == "3 paths over 2 channels: 2 converted, 1 did not. 1 conversion had no touch."

    @pytest.mark.parametrize("flags", [[True, False], np.array([True, False]), [1, 0], np.array([1.0, 0.0])])
    def test_conversions_as_flags_or_numbers(self, flags):
        assert Paths.from_lists([["a"], ["b"]], flags).n_conversions.tolist() == [1, 0]

    @pytest.mark.parametrize(
        ("change", "name", "index"),
        [
            ({"touches": []}, "touches", None),
            ({"touches": "ab"}, "touches", None),
            ({"touches": 3}, "touches", None),
            ({"touches": [["a"], "a > b"]}, "touches", 1),
            ({"touches": [["a"], None]}, "touches", 1),
            ({"touches": [["a"], ["b", ""]]}, "touches", (1, 1)),
            ({"touches": [["a"], ["b", None]]}, "touches", (1, 1)),
            ({"touches": [["a"], [3, "b"]]}, "touches", (1, 0)),
            ({"touches": [["a"], [["b"], "b"]]}, "touches", (1, 0)),
            ({"n_conversions": [1]}, "n_conversions", None),
            ({"n_conversions": 1}, "n_conversions", None),
            ({"n_conversions": [1, -1]}, "n_conversions", 1),
            ({"n_conversions": [1, 0.5]}, "n_conversions", 1),
            ({"n_conversions": [1, np.nan]}, "n_conversions", 1),
            ({"n_lost": [0, 0]}, "n_lost", 1),
            ({"n_lost": [-1, 0]}, "n_lost", 0),
            ({"n_lost": [1]}, "n_lost", None),
            ({"value": [-5, 0]}, "value", 0),
            ({"value": [5, 5]}, "value", 1),
            ({"value": [5]}, "value", None),
            ({"value": [np.nan, 0]}, "value", 0),
            ({"days_before": [[1]]}, "days_before", None),
            ({"days_before": [[1, 2], [3, 1]]}, "days_before", 0),
            ({"days_before": [[1], [1, 2]]}, "days_before", 2),
            ({"days_before": [[1], [1, -2]]}, "days_before", 2),
            ({"days_before": [[1], [1, np.nan]]}, "days_before", (1, 1)),
            ({"days_before": [[1], ["x", 0]]}, "days_before", (1, 0)),
            ({"days_before": [1, 2]}, "days_before", 0),
            ({"days_before": [[1], [[1, 2], 0]]}, "days_before", None),
        ],
    )
    def test_rejections_of_lists(self, change, name, index):
        valid = {"touches": [["a"], ["b", "a"]], "n_conversions": [1, 0]}
        with pytest.raises(InputError) as caught:
            Paths.from_lists(**(valid | change))
        assert (caught.value.name, caught.value.index) == (name, index)

    @pytest.mark.parametrize(
        "change",
        [
            {"channels": ("G", "G")},
            {"channels": "GM"},
            {"channels": (1, 2)},
            {"n_conversions": np.array([2, 1, 1, 2])},  # more conversions than paths
            {"n_conversions": np.array([2, 1, 1])},
            {"n_conversions": np.array([2, 1, 1, -1])},
            {"n_paths": np.array([2, 1, 1, 0])},
            {"n_paths": np.array([2.0, 1, 1, 1])},
            {"n_paths": np.array([], dtype=int)},
            {"offsets": np.array([0, 1, 2, 4, 6])},
            {"offsets": np.array([0, 3, 2, 4, 5])},
            {"offsets": np.array([0, 5])},
            {"code": np.array([0, 1, 0, 2, 0])},
            {"code": np.array([0, 1, 0, -1, 0])},
            {"value": [1.0]},
            {"days_before": [1.0]},
            {"n_too_old": -1},
        ],
    )
    def test_rejections_of_fields(self, change):
        with pytest.raises(InputError) as caught:
            attrs.evolve(KNOWN, **change)
        assert caught.value.name in change


DAY0 = dt.datetime(2024, 1, 1)
moments = st.integers(0, 80).map(lambda half: DAY0 + half * dt.timedelta(hours=12))
customers = st.sampled_from(["ann", "bob", "cay"])

LOG = {
    "customer": [1, 1, 2],
    "channel": ["ad", "mail", "ad"],
    "time": ["2024-01-01", "2024-01-10", "2024-01-05"],
    "conversion_customer": [1, 3],
    "conversion_time": ["2024-01-31", "2024-01-15"],
    "as_of": "2024-03-01",
}


class TestPathsFromTouches:
    """`paths_from_touches`: a path holds the touches after the conversion before and up to the next."""

    @given(
        touches=st.lists(st.tuples(customers, st.sampled_from(CHANNELS), moments), min_size=1, max_size=15),
        conversions=st.lists(st.tuples(customers, moments, st.integers(0, 9).map(float)), max_size=6),
        as_of=moments,
        window=st.none() | st.sampled_from([0.5, 3.0, 10.0, 100.0]),
        reuse=st.booleans(),
        data=st.data(),
    )
    def test_equals_a_slow_reference_in_any_order_of_rows(self, touches, conversions, as_of, window, reuse, data):
        expected, left = paths_of_log(touches, conversions, as_of, window, reuse=reuse)
        who, channel, time = zip(*data.draw(st.permutations(touches)), strict=True)
        sold = data.draw(st.permutations(conversions))
        log = {
            "customer": list(who),
            "channel": list(channel),
            "time": list(time),
            "conversion_customer": [row[0] for row in sold],
            "conversion_time": [row[1] for row in sold],
            "conversion_value": [row[2] for row in sold],
            "reuse_touches": reuse,
        }
        if not expected:
            with pytest.raises(InputError, match="as_of"):
                paths_from_touches(**log, as_of=as_of, look_back_days=window)
            return
        paths = paths_from_touches(**log, as_of=as_of, look_back_days=window)
        ends = paths.offsets.tolist()
        found = [
            (
                [paths.channels[i] for i in paths.code[a:b]],
                paths.days_before[a:b].tolist(),
                int(paths.n_conversions[k]),
                float(paths.value[k]),
            )
            for k, (a, b) in enumerate(pairwise(ends))
        ]
        assert found == expected
        copies = {
            f"n_duplicate_{kind}_kept": len(known) - len(set(known))
            for kind, rows in (("touches", touches), ("conversions", conversions))
            if (known := [row for row in rows if (row[2] if kind == "touches" else row[1]) <= as_of])
        }
        left |= {name: n for name, n in copies.items() if n}
        names = [field.name for field in attrs.fields(Paths) if field.name.startswith("n_")]
        assert {name: getattr(paths, name) for name in names[2:] if getattr(paths, name)} == left
        assert (paths.n_paths == np.maximum(paths.n_conversions, 1)).all()
        n_kept = len(paths.code) + paths.n_too_old + paths.n_open_touches + paths.n_later_touches
        assert reuse or n_kept == len(touches)

    def test_both_ends_of_the_window_are_in(self):
        paths = paths_from_touches(**LOG, look_back_days=30)
        assert (paths.n_too_old, paths.days_before.tolist()) == (0, [30, 21, 56])
        assert paths_from_touches(**LOG, look_back_days=29.99).n_too_old == 1
        assert paths_from_touches(**LOG, look_back_days=56).n_open_paths == 1

    def test_a_wider_window_never_gives_fewer_touches_to_conversions(self):
        counts = []
        for days in (1, 21, 30, 100):
            paths = paths_from_touches(**LOG, look_back_days=days)
            counts.append(int(paths.n_touches[paths.n_conversions > 0].sum()))
        assert counts == [0, 1, 2, 2]

    def test_a_conversion_without_touch_is_direct_if_asked(self):
        plain = paths_from_touches(**LOG)
        assert (plain.n_without_touch, plain.n_filled, plain.value) == (1, 0, None)
        filled = paths_from_touches(**LOG, direct="direct")
        assert (filled.n_without_touch, filled.n_filled) == (0, 1)
        assert by_channel(attribute(filled, model="last")) == {"ad": 0, "direct": 1, "mail": 1}
        assert filled.conclusion.endswith("2 converted, 1 did not. 1 conversion without a touch counted as direct.")
        late = paths_from_touches(**(LOG | {"conversion_customer": [1, 2]}), direct="ad", look_back_days=1)
        assert (late.channels, late.code.tolist(), late.n_filled, late.n_too_old) == (("ad", "mail"), [0, 0], 2, 3)

    def test_says_what_it_leaves_out(self):
        paths = paths_from_touches(**(LOG | {"as_of": "2024-01-20"}), look_back_days=12)
        assert paths.conclusion == (
            "2 paths over 2 channels: 1 converted, 1 did not. 1 conversion had no touch; 1 open path left out; "
            "1 conversion came after the end of the log."
        )

    def test_conversions_at_one_moment_share_their_path(self):
        log = LOG | {"conversion_customer": [1, 1], "conversion_time": ["2024-01-31"] * 2}
        paths = paths_from_touches(**log, conversion_value=[5, 6])
        assert (paths.n_conversions.tolist(), paths.value.tolist()) == ([2, 0], [11, 0])

    def test_a_touch_in_several_paths(self):
        """Each conversion is credited once, also one without a touch since the conversion before."""
        log = LOG | {"conversion_customer": [1, 1, 1], "conversion_time": ["2024-01-20", "2024-01-31", "2024-02-01"]}
        paths = paths_from_touches(**log, conversion_value=[5, 6, 7], reuse_touches=True)
        assert (paths.n_without_touch, paths.n_conversions.tolist()) == (0, [1, 1, 1, 0])
        found = attribute(paths, model="linear")
        assert found.conversion_credit.sum() == pytest.approx(3)
        assert found.value_credit.sum() == pytest.approx(18)
        with pytest.raises(InputError, match="reuse_touches"):
            paths_from_touches(**log, reuse_touches=1)

    def test_a_wide_window_is_no_window(self):
        log = LOG | {"conversion_customer": [1, 1], "conversion_time": ["2024-01-20", "2024-01-31"]}
        wide = paths_from_touches(**log, reuse_touches=True, look_back_days=1e6)
        plain = paths_from_touches(**log, reuse_touches=True)
        won = plain.n_conversions > 0
        assert plain.n_touches[won].tolist() == wide.n_touches.tolist()

    def test_nobody_converted(self):
        paths = paths_from_touches(**(LOG | {"conversion_customer": [], "conversion_time": []}))
        assert (paths.n_conversions.tolist(), paths.n_touches.tolist()) == ([0, 0], [2, 1])

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"channel": [1, 2, 3]}, "channel"),
            ({"channel": ["ad", "", "ad"]}, "channel"),
            ({"channel": ["ad", None, "ad"]}, "channel"),
            ({"customer": [1, None, 2]}, "customer"),
            ({"customer": [1, 2]}, "channel"),
            ({"customer": [], "channel": [], "time": []}, "customer"),
            ({"time": ["2024-01-01", None, "2024-01-05"]}, "time"),
            ({"conversion_customer": ["1", "3"]}, "conversion_customer"),
            ({"conversion_customer": [1]}, "conversion_time"),
            ({"conversion_time": ["2024-01-31", "NaT"]}, "conversion_time"),
            ({"conversion_value": [1]}, "conversion_value"),
            ({"conversion_value": [1, -1]}, "conversion_value"),
            ({"as_of": "2023-12-31"}, "as_of"),
            ({"look_back_days": 0}, "look_back_days"),
            ({"direct": ""}, "direct"),
            ({"direct": 5}, "direct"),
        ],
    )
    def test_rejections(self, change, name):
        with pytest.raises(InputError) as caught:
            paths_from_touches(**(LOG | change))
        assert caught.value.name == name


class TestMarkovRemovalEffects:
    """`markov_removal_effects`: what conversion would be if all who come to a channel were lost."""

    def test_known_answer(self):
        """Oracles section 4: P(conversion) .8, removal effect G .75, M .5, credit 2.4 and 1.6."""
        effects = markov_removal_effects(KNOWN)
        assert (effects.channels, effects.n_states, effects.n_conversions) == (("G", "M"), 2, 4)
        assert effects.prob_conversion == pytest.approx(0.8)
        np.testing.assert_allclose(effects.removal_effect, [0.75, 0.5])
        np.testing.assert_allclose(effects.conversion_credit, [2.4, 1.6])
        np.testing.assert_allclose(effects.share, [0.6, 0.4])

    @pytest.mark.parametrize("order", [1, 2, 3])
    @given(found=rows(won=True))
    def test_equals_a_walk_along_the_chain(self, order, found):
        effects = markov_removal_effects(paths_of(found), order=order)
        prob, without = markov([(row[0], *row[2:]) for row in found], order)
        assert effects.prob_conversion == pytest.approx(prob, abs=1e-9)
        assert_same(dict(zip(effects.channels, effects.prob_without.tolist(), strict=True)), without)

    @pytest.mark.parametrize("order", [1, 2, 3])
    @given(found=rows(won=True))
    def test_with_all_channels_it_is_the_share_that_converted(self, order, found):
        touched = [row for row in found if row[0]]
        share = sum(row[2] for row in touched) / sum(row[2] + row[3] for row in touched)
        effects = markov_removal_effects(paths_of(found), order=order)
        assert effects.prob_conversion == pytest.approx(share, rel=1e-9)
        assert ((effects.removal_effect >= 0) & (effects.removal_effect <= 1)).all()

    @given(found=rows(won=True))
    def test_an_order_as_long_as_the_paths_removes_exactly_their_conversions(self, found):
        """Where no path is longer than 3, the chain of order 3 remembers each whole path."""
        found = [(row[0][:3], row[1][:3], *row[2:]) for row in found]
        effects = markov_removal_effects(paths_of(found), order=3)
        for channel, effect in zip(effects.channels, effects.removal_effect, strict=True):
            gone = sum(row[2] for row in found if channel in row[0])
            assert effect == pytest.approx(gone / effects.n_conversions, abs=1e-9)

    @pytest.mark.parametrize("order", [1, 2, 3])
    def test_large_systems_are_solved_to_the_same_numbers(self, order, monkeypatch):
        rng = np.random.default_rng(order)
        lists = [[f"c{i}" for i in rng.integers(0, 9, n)] for n in rng.geometric(0.1, 500)]
        paths = Paths.from_lists(lists, rng.random(500) < 0.3)
        direct = markov_removal_effects(paths, order=order)
        monkeypatch.setattr("crmvalue._attribution.markov._MOST_DIRECT", 0)
        stepwise = markov_removal_effects(paths, order=order)
        np.testing.assert_allclose(stepwise.prob_without, direct.prob_without, rtol=1e-13)
        np.testing.assert_allclose(stepwise.removal_effect, direct.removal_effect, rtol=1e-12)
        # one step is not enough: factors solve each system after all
        monkeypatch.setattr("crmvalue._attribution.markov._MOST_STEPS", 1)
        each = markov_removal_effects(paths, order=order)
        np.testing.assert_allclose(each.prob_without, direct.prob_without, rtol=1e-13)
        monkeypatch.setattr("crmvalue._attribution.markov._MOST_BRANCHES", 10**6)
        factors = markov_removal_effects(paths, order=order)
        np.testing.assert_allclose(factors.prob_without, direct.prob_without, rtol=1e-13)

    def test_many_states_take_no_system_each(self, monkeypatch):
        """Of a chain of three touches, what converts without a channel are the paths that never come to it."""
        rng = np.random.default_rng(7)
        lists = [[f"c{i:02d}" for i in rng.integers(0, 60, 3)] for _ in range(1500)]
        converted = rng.random(1500) < 0.3
        paths = Paths.from_lists(lists, converted)
        monkeypatch.setattr("crmvalue._attribution.markov._directly", None)
        effects = markov_removal_effects(paths, order=3)
        assert effects.n_states > 2000
        without = [
            sum(won for row, won in zip(lists, converted, strict=True) if channel not in row) / 1500
            for channel in effects.channels
        ]
        np.testing.assert_allclose(effects.prob_without, without, rtol=1e-12)

    @staticmethod
    def many_states(n_channels, n_paths, n_touches):
        """Paths whose touches follow no rule; a twentieth of them converts."""
        rng = np.random.default_rng(1)
        n = n_paths * n_touches
        return Paths(
            channels=tuple(f"c{i:03d}" for i in range(n_channels)),
            offsets=np.arange(0, n + 1, n_touches),
            code=rng.integers(0, n_channels, n).astype(np.int32),
            n_paths=np.ones(n_paths, dtype=np.int64),
            n_conversions=(np.arange(n_paths) % 20 == 0).astype(np.int64),
        )

    def test_what_takes_longer_than_seconds_is_refused_after_the_first_channels(self, monkeypatch):
        """Long paths took 31 s: channels times states, which was limited, say nothing of how long paths are."""
        solved = []
        lost_after = chains._lost_after
        monkeypatch.setattr(chains, "_lost_after", lambda *given: solved.append(1) or lost_after(*given))
        with pytest.raises(
            InputError, match=r"some ten seconds; got 2\. Hint: 400 channels have 5\d,\d+ states"
        ) as caught:
            markov_removal_effects(self.many_states(400, 1500, 50), order=2)
        assert caught.value.name == "order"
        assert len(solved) <= 3

    def test_what_takes_longer_is_refused_within_the_first_channel(self, monkeypatch):
        """One path of a million touches took 65 s until it was refused: all steps of the largest channel."""
        steps, visits = [], chains._visits
        monkeypatch.setattr(chains, "_visits", lambda *given: steps.append(visits(*given)) or steps[-1])
        monkeypatch.setattr(chains, "_MOST_DIRECT", 0)
        monkeypatch.setattr(chains, "_MOST_WORK", 1)
        with pytest.raises(InputError, match="some ten seconds"):
            markov_removal_effects(self.many_states(20, 300, 50), order=2)
        assert sum(n for _, n in steps) == 1

    def test_long_paths_take_few_steps(self, monkeypatch):
        """A path of 50 touches was followed until 1e-15 of it went on: 400 touches, and then a system after all."""
        paths = self.many_states(20, 300, 50)
        direct, steps, visits = markov_removal_effects(paths, order=2), [], chains._visits
        monkeypatch.setattr(chains, "_visits", lambda *given: steps.append(visits(*given)) or steps[-1])
        monkeypatch.setattr(chains, "_MOST_DIRECT", 0)
        effects = markov_removal_effects(paths, order=2)
        np.testing.assert_allclose(effects.prob_without, direct.prob_without, rtol=1e-12)
        assert 0 < sum(n for _, n in steps) < 60 * 20

    def test_chains_with_hardly_a_branch_are_factored_once(self, monkeypatch):
        paths = self.many_states(100, 20, 50)
        direct = markov_removal_effects(paths, order=2)
        monkeypatch.setattr(chains, "_lost_after", None)
        monkeypatch.setattr(chains, "_MOST_DIRECT", 0)
        effects = markov_removal_effects(paths, order=2)
        np.testing.assert_allclose(effects.removal_effect, direct.removal_effect, rtol=1e-12)

    @pytest.mark.parametrize("n_lost", [10**5, 10**10, 10**15])
    def test_rare_conversions_keep_their_digits(self, n_lost):
        """By hand: 2 of 4 mails convert; a chat is the last of its path with N + 2 chances, and 2 of them convert."""
        paths = Paths.from_lists([["mail", "chat", "mail"], ["chat"] * 4], [2, 2], n_lost=[0, n_lost])
        effects = markov_removal_effects(paths)
        n = n_lost + 4
        assert effects.prob_conversion == pytest.approx(4 / n, rel=1e-14)
        chat, mail = Fraction(2, n) * Fraction(2, 4), Fraction(n_lost + 2, n) * Fraction(2, n)
        np.testing.assert_allclose(effects.prob_without, [float(chat), float(mail)], rtol=1e-14)

    @pytest.mark.parametrize("n", [1, 63, 64, 130])
    def test_each_channel_passes_on_to_the_next(self, n):
        """One path converts at each channel and the others go on: without channel k, only k paths convert."""
        lists = [[f"c{i:03d}" for i in range(k + 1)] for k in range(n)]
        paths = Paths.from_lists(lists, [1] * n, n_lost=[0] * (n - 1) + [n])
        reach = np.arange(2 * n, n, -1) / (2 * n)  # one path less at each step
        np.testing.assert_allclose(markov_removal_effects(paths).prob_without, 1 - reach, rtol=0, atol=1e-14)

    def test_channels_that_are_hardly_reached_under_strict_numpy_settings(self):
        names = [f"c{i:03d}" for i in range(60)]
        n_lost = [0] + [10**6] * 60
        paths = Paths.from_lists([names, *([name] for name in names)], [1] + [0] * 60, n_lost=n_lost)
        with np.errstate(all="raise"):
            effects = markov_removal_effects(paths)
            effect = effects.removal_effect
        np.testing.assert_allclose(effect[-3:], [0.0, 1e-6, 1.0], rtol=1e-5, atol=1e-11)

    def test_many_channels_take_one_elimination(self, monkeypatch):
        rng = np.random.default_rng(5)
        lists = [[f"c{i}" for i in rng.integers(0, 150, n)] for n in rng.geometric(0.2, 600)]
        paths = Paths.from_lists(lists, rng.random(600) < 0.2)
        monkeypatch.setattr("crmvalue._attribution.markov._lost_after", None)  # one system for each channel
        effects = markov_removal_effects(paths)
        monkeypatch.undo()
        monkeypatch.setattr("crmvalue._attribution.markov._MOST_DIRECT", 0)
        np.testing.assert_allclose(markov_removal_effects(paths).prob_without, effects.prob_without, rtol=1e-11)

    def test_repeats_and_loops_end(self):
        paths = Paths.from_lists([["a"] * 50, ["a", "b"] * 30, ["b", "a", "a"]], [1, 1, 0])
        for order in (1, 2, 3):
            effects = markov_removal_effects(paths, order=order)
            assert effects.prob_conversion == pytest.approx(2 / 3)

    @pytest.mark.parametrize("lists", [([["a"]], [0]), ([["a"], []], [0, 1])])
    def test_without_conversion_nothing_can_be_lost(self, lists):
        with pytest.raises(InputError, match="at least one conversion after a touch"):
            markov_removal_effects(Paths.from_lists(*lists))

    @pytest.mark.parametrize("order", [0, 4, 1.5, "2", None])
    def test_rejections(self, order):
        with pytest.raises(InputError) as caught:
            markov_removal_effects(KNOWN, order=order)
        assert caught.value.name == "order"


class TestShapleyValues:
    """`shapley_values`: the mean over all orders of what each channel adds to those before it."""

    def test_known_answer(self):
        """Oracles section 4: 7.6667, 8.1667, 3.1667."""
        shares = shapley_values(GAME)
        found = dict(zip(shares.channels, shares.value, strict=True))
        assert_same(found, {"O": 7.6667, "F": 8.1667, "D": 3.1667}, abs=5e-5)
        assert (shares.total, shares.is_exact, shares.standard_error) == (19, True, None)

    @given(
        st.integers(1, 5).flatmap(
            lambda n: st.lists(st.integers(-9999, 9999).map(lambda x: x / 100), min_size=2**n, max_size=2**n)
        )
    )
    def test_equals_the_mean_over_all_orders(self, worth):
        n = len(worth).bit_length() - 1
        names = "abcde"[:n]

        def of(members):
            return worth[sum(1 << names.index(name) for name in members)]

        sets = {frozenset(c for i, c in enumerate(names) if bits >> i & 1): worth[bits] for bits in range(2**n)}
        shares = shapley_values(sets)
        assert_same(dict(zip(shares.channels, shares.value.tolist(), strict=True)), shapley(of, names))
        assert shares.value.sum() == pytest.approx(shares.total, abs=1e-9)

        def function(members):
            return np.array(worth)[members @ (1 << np.arange(n))]

        np.testing.assert_array_equal(shapley_values(function, channels=list(names)).value, shares.value)

    @given(found=rows())
    def test_of_paths_is_that_of_conversions_within_the_set(self, found):
        paths = paths_of(found)

        def within(members):
            return sum(row[2] for row in found if row[0] and set(row[0]) <= members)

        shares = shapley_values(paths)
        assert shares.total == within(set(CHANNELS))
        assert_same(dict(zip(shares.channels, shares.value.tolist(), strict=True)), shapley(within, paths.channels))

    def test_fifteen_channels_exactly(self):
        """A glove game: 5 left and 10 right gloves, a pair is worth 1; the value is computed by counting orders."""
        left = np.arange(15) < 5
        shares = shapley_values(
            lambda sets: np.minimum(sets[:, left].sum(axis=1), sets[:, ~left].sum(axis=1)),
            channels=[f"c{i:02}" for i in range(15)],
        )
        rng = np.random.default_rng(3)
        rank = np.argsort(rng.random((100_000, 15)), axis=1)
        before = rank[:, :, None] > rank[:, None, :]
        n_left, n_right = before[:, 0, left].sum(axis=1), before[:, 0, ~left].sum(axis=1)
        assert shares.is_exact
        assert np.ptp(shares.value[:5]) < 1e-12
        assert np.ptp(shares.value[5:]) < 1e-12
        assert shares.value.sum() == pytest.approx(5)
        assert shares.value[0] == pytest.approx((n_left < n_right).mean(), abs=0.005)  # three standard errors

    def test_drawn_orders_are_unbiased_and_their_error_is_honest(self):
        """Off by more than 2 standard errors in about one case of twenty; the sum is exact each time."""
        names = tuple("abcdefgh")
        table = np.random.default_rng(5).normal(size=256).cumsum()

        def worth(sets):
            return table[sets @ (1 << np.arange(8))]

        exact = shapley_values(worth, channels=names)
        off = []
        for seed in range(200):
            drawn = _sampled(worth, names, 200, np.random.default_rng(seed))
            assert drawn.value.sum() == pytest.approx(exact.total, rel=1e-9)
            off.append((drawn.value - exact.value) / drawn.standard_error)
        off = np.array(off)
        assert abs(off.mean()) < 0.1
        assert 0.03 < (np.abs(off) > 1.96).mean() < 0.075

    def test_more_than_fifteen_channels_are_drawn(self):
        weights = np.arange(1.0, 31.0)
        names = [f"c{i:02}" for i in range(30)]

        def worth(sets):
            return (sets @ weights) ** 2

        shares = shapley_values(worth, channels=names, n_orders=5000, rng=np.random.default_rng(1))
        expected = weights * weights.sum()  # of a square: its own weight times that of all
        assert shares.n_orders == 5000
        assert not shares.is_exact
        assert shares.value.sum() == pytest.approx(shares.total, rel=1e-12)
        assert (np.abs(shares.value - expected) < 4.5 * shares.standard_error).all()
        assert shares == shapley_values(worth, channels=names, n_orders=5000, rng=np.random.default_rng(1))

    def test_blocks_of_orders_make_one_mean(self, monkeypatch):
        def worth(sets):
            return np.sqrt(sets @ np.arange(1.0, 5.0))

        names = tuple("abcd")
        whole = _sampled(worth, names, 100, np.random.default_rng(2))
        monkeypatch.setattr("crmvalue._attribution.shapley._SETS_AT_ONCE", 35)
        parts = _sampled(worth, names, 100, np.random.default_rng(2))
        np.testing.assert_allclose(parts.value, whole.value)
        np.testing.assert_allclose(parts.standard_error, whole.standard_error)

    def test_worth_without_any_channel_is_taken_off(self):
        shares = shapley_values({(): 3, ("a",): 5})
        assert (shares.value.tolist(), shares.total) == ([2], 2)

    def test_symmetry_and_null_player(self):
        shares = shapley_values(lambda sets: sets[:, 0] & sets[:, 1], channels=["a", "b", "void"])
        assert shares.value.tolist() == [0.5, 0.5, 0]

    @pytest.mark.parametrize(
        ("worth", "options", "name"),
        [
            ({("a",): 1, ("b",): 1}, {}, "worth"),
            ({"a": 1}, {}, "worth"),
            ({("a",): np.nan}, {}, "worth"),
            ({("a",): 1, frozenset("a"): 2}, {}, "worth"),
            ({(): 1}, {}, "worth"),
            ({(1,): 1}, {}, "worth"),
            ({tuple("abcdefghijklmnop"): 1}, {}, "worth"),
            ([1, 2], {}, "worth"),
            (GAME, {"channels": ["O"]}, "channels"),
            (KNOWN, {"channels": ["G"]}, "channels"),
            (np.ravel, {}, "channels"),
            (np.ravel, {"channels": []}, "channels"),
            (np.ravel, {"channels": "ab"}, "channels"),
            (np.ravel, {"channels": ["a", "a"]}, "channels"),
            (np.ravel, {"channels": ["a", "b"]}, "worth"),
            (lambda sets: np.full(len(sets), np.inf), {"channels": ["a"]}, "worth"),
            (lambda sets: ["x"] * len(sets), {"channels": ["a"]}, "worth"),
            (lambda sets: sets[:, 0] * 1.0, {"channels": list("abcdefghijklmnop")}, "rng"),
            (KNOWN, {"rng": 3}, "rng"),
            (KNOWN, {"n_orders": 1}, "n_orders"),
        ],
    )
    def test_rejections(self, worth, options, name):
        with pytest.raises(InputError) as caught:
            shapley_values(worth, **options)
        assert caught.value.name == name

    def test_the_missing_set_is_named(self):
        with pytest.raises(InputError, match=r"every set of channels; got \('a', 'b'\)"):
            shapley_values({("a",): 1, ("b",): 1})

    @pytest.mark.parametrize(
        ("n_channels", "n_orders", "name"),
        [(16, 10**12, "n_orders"), (16, 2**70, "n_orders"), (2_000, 2_501, "n_orders"), (10_001, 2, "channels")],
    )
    def test_endless_work_is_refused(self, n_channels, n_orders, name):
        def worth(_):
            raise AssertionError("called before the size was checked")

        channels = [f"channel {k}" for k in range(n_channels)]
        with pytest.raises(InputError) as caught:
            shapley_values(worth, channels=channels, n_orders=n_orders, rng=np.random.default_rng(1))
        assert caught.value.name == name


class TestChannelTransitions:
    """`channel_transitions`: how often one touch follows another."""

    def test_known_answer(self):
        result = channel_transitions(KNOWN)
        assert (result.from_states, result.to_states) == (("start", "G", "M"), ("G", "M", "conversion", "lost"))
        assert result.n_transitions.tolist() == [[4, 1, 0, 0], [0, 1, 2, 1], [0, 0, 2, 0]]

    @given(found=rows())
    def test_equals_a_count_step_by_step(self, found):
        result = channel_transitions(paths_of(found))
        expected = transitions([(row[0], *row[2:]) for row in found])
        counts = {
            (a, b): int(n)
            for a, line in zip(result.from_states, result.n_transitions, strict=True)
            for b, n in zip(result.to_states, line, strict=True)
            if n
        }
        assert counts == dict(expected)

    @given(found=rows())
    def test_what_comes_in_goes_out(self, found):
        counts = channel_transitions(paths_of(found)).n_transitions
        k = len(counts) - 1
        assert counts[:, :k].sum(axis=0).tolist() == counts[1:].sum(axis=1).tolist()
        assert counts[0].sum() == counts[:, k:].sum() == sum(row[2] + row[3] for row in found if row[0])

    def test_probabilities(self):
        paths = attrs.evolve(KNOWN, channels=("G", "M", "none"))
        prob = channel_transitions(paths).prob
        np.testing.assert_allclose(prob[:3].sum(axis=1), 1)
        assert np.isnan(prob[3]).all()

    @pytest.mark.parametrize("wrong", [np.zeros((3, 3), dtype=int), np.full((3, 4), -1)])
    def test_rejections(self, wrong):
        with pytest.raises(InputError, match="n_transitions"):
            ChannelTransitions(channels=("a", "b"), n_transitions=wrong)


class TestChannelReturns:
    """`channel_returns`: cost per credited conversion, and net gain per unit of cost."""

    PATHS = Paths.from_lists([["ad"], ["ad"], ["mail"], ["shop"]], [1, 1, 1, 0], value=[100, 50, 30, 0])

    def test_known_answer(self):
        returns = channel_returns(attribute(self.PATHS, model="last"), {"shop": 20, "ad": 60, "mail": 0})
        assert returns.acquisition_cost.tolist() == [30, 0, np.inf]
        assert returns.net_gain.tolist() == [90, 30, -20]
        assert returns.return_on_investment.tolist() == [1.5, np.inf, -1]

    def test_without_money(self):
        returns = channel_returns(attribute(KNOWN, model="last"), [6, 3])
        assert returns.net_gain is returns.return_on_investment is None
        assert returns.acquisition_cost.tolist() == [3, 1.5]

    def test_neither_cost_nor_credit(self):
        returns = channel_returns(attribute(self.PATHS, model="last"), [60, 5, 0])
        assert np.isnan(returns.acquisition_cost[2])
        assert np.isnan(returns.return_on_investment[2])

    @pytest.mark.parametrize(
        "cost",
        [
            {"ad": 1, "mail": 2},
            {"ad": 1, "mail": 2, "shop": 3, "tv": -4},
            {"ad": 1, "mail": 2, "shop": -3},
            {"ad": 1, "mail": 2, "shop": np.nan},
            [1, 2],
            [1, 2, -3],
            5,
        ],
    )
    def test_rejections(self, cost):
        with pytest.raises(InputError) as caught:
            channel_returns(attribute(self.PATHS, model="last"), cost)
        assert caught.value.name == "cost"

    def test_paths_are_no_attribution(self):
        with pytest.raises(InputError, match="Attribution"):
            channel_returns(self.PATHS, [1, 2, 3])


VALUES = [
    KNOWN,
    attribute(KNOWN, model="markov"),
    channel_returns(attribute(KNOWN, model="last"), [6, 3]),
    channel_transitions(KNOWN),
    markov_removal_effects(KNOWN),
    shapley_values(GAME),
]


class TestValues:
    """The results are frozen and check the length of their columns."""

    def test_none_is_forgotten(self):
        kinds = {getattr(attribution, name) for name in attribution.__all__}
        assert {type(value) for value in VALUES} == {kind for kind in kinds if attrs.has(kind)}

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
    def test_read_only(self, value):
        for field in attrs.fields(type(value)):
            array = getattr(value, field.name)
            with pytest.raises(attrs.exceptions.FrozenInstanceError):
                setattr(value, field.name, None)
            assert not (isinstance(array, np.ndarray) and array.flags.writeable)

    @pytest.mark.parametrize(
        ("kind", "fields", "name"),
        [
            (RemovalEffects, {"order": 1, "n_states": 1, "n_conversions": 1, "prob_conversion": 0.5}, "prob_without"),
            (ShapleyValues, {"total": 1.0}, "value"),
            (ChannelReturns, {"conversion_credit": [1.0, 2.0]}, "cost"),
        ],
    )
    def test_one_number_a_channel(self, kind, fields, name):
        with pytest.raises(InputError) as caught:
            kind(channels=("a", "b"), **fields, **{name: [1.0]})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("field", "wrong"), [("total", np.nan), ("total", "1"), ("total", [1, 2]), ("n_orders", 0)]
    )
    def test_numbers_are_checked(self, field, wrong):
        with pytest.raises(InputError) as caught:
            attrs.evolve(shapley_values(GAME), **{field: wrong})
        assert caught.value.name == field
