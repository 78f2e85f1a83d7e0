"""Attribution: rules, Markov chains, Shapley values, and the paths that they divide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references_attribution import (
    conversion_by_walking,
    removal_effect,
    rule_credit,
    shapley_by_orders,
    touch_paths,
)

from crmvalue.attribution import (
    Paths,
    attribute,
    channel_returns,
    channel_transitions,
    markov_removal_effects,
    paths_from_touches,
    shapley_values,
)
from crmvalue.errors import InputError

MODELS = ("first", "last", "last non-direct", "linear", "position", "time decay", "markov", "shapley")
lists = st.lists(
    st.tuples(st.lists(st.sampled_from("abcd"), max_size=6), st.integers(0, 5), st.integers(0, 5)).filter(
        lambda path: path[1] + path[2] > 0
    ),
    min_size=1,
    max_size=12,
)


def made(paths, *, money=None, days=True):
    """Paths of (channels, conversions, lost)."""
    channels, conversions, lost = zip(*paths, strict=True)
    return Paths.from_lists(
        [list(names) for names in channels],
        n_conversions=conversions,
        n_lost=lost,
        value=money,
        days_before=[list(range(len(names) - 1, -1, -1)) for names in channels] if days else None,
    )


def by_name(found, column="n_conversions"):
    return dict(zip(found.channel.tolist(), getattr(found, column).tolist(), strict=True))


class TestPaths:
    """Paths from lists."""

    def test_counts(self):
        paths = Paths.from_lists([["b", "a"], [], ["a"]], n_conversions=[2, 3, 0], n_lost=[1, 0, 4], value=[5, 7, 0])
        assert (paths.channels, paths.start.tolist(), paths.channel.tolist()) == (("a", "b"), [0, 2, 2, 3], [1, 0, 0])
        assert (len(paths), paths.length.tolist()) == (3, [2, 0, 1])
        assert (paths.n_unattributed, paths.value_unattributed) == (3, 7.0)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"paths": "ab"}, "paths"),
            ({"paths": ["ab"]}, "paths"),
            ({"paths": [["a"], 1]}, "paths"),
            ({"paths": [["a"], [1]]}, "paths"),
            ({"paths": [["a"], [""]]}, "paths"),
            ({"n_conversions": [1, -1]}, "n_conversions"),
            ({"n_conversions": [1, 0.5]}, "n_conversions"),
            ({"n_conversions": [1, 0]}, "n_conversions"),
            ({"n_conversions": [1, 1, 1]}, "n_conversions"),
            ({"n_lost": np.nan}, "n_lost"),
            ({"value": [1.0, np.inf]}, "value"),
            ({"value": [1.0]}, "value"),
            ({"days_before": [[1.0], [-1.0]]}, "days_before"),
            ({"days_before": [[1.0], []]}, "days_before"),
        ],
    )
    def test_rejections(self, changes, name):
        given_ = {"paths": [["a"], ["b"]], "n_conversions": 1, **changes}
        with pytest.raises(InputError) as caught:
            Paths.from_lists(given_.pop("paths"), **given_)
        assert caught.value.name == name

    def test_the_oldest_touch_comes_first(self):
        with pytest.raises(InputError, match="rising"):
            Paths.from_lists([["a", "b"]], days_before=[[1, 2]])
        Paths.from_lists([["a", "b"], ["a"]], days_before=[[2, 2], [9]])


class TestPathsFromTouches:
    """Paths from a log of touches and one of conversions."""

    def test_a_conversion_ends_a_path(self):
        paths = paths_from_touches(
            [1, 1, 1, 1, 2],
            ["a", "b", "c", "a", "b"],
            ["2024-05-01", "2024-05-03", "2024-05-04", "2024-03-01", "2024-06-02"],
            conversion_customer=[1, 3, 3],
            conversion_time=["2024-05-03", "2024-05-05", "2024-06-09"],
            conversion_value=[10, 20, 30],
            as_of="2024-06-01",
        )
        assert paths.length.tolist() == [2, 1, 0]
        assert paths.channel.tolist() == [0, 1, 2]
        assert paths.days_before.tolist() == [2.0, 0.0, 29.0]
        assert (paths.n_conversions.tolist(), paths.n_lost.tolist()) == ([1, 0, 1], [0, 1, 0])
        assert paths.value.tolist() == [10, 0, 20]
        assert (paths.n_touches_outside, paths.n_conversions_later) == (2, 1)

    @given(
        touches=st.lists(st.tuples(st.integers(1, 3), st.sampled_from("ab"), st.integers(0, 59)), max_size=12),
        conversions=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 59)), max_size=5, unique=True),
        window=st.integers(1, 40),
        as_of=st.integers(0, 60),
    )
    def test_equals_the_reference(self, touches, conversions, window, as_of):
        epoch = np.datetime64("2024-01-01")
        who, names, times = zip(*touches, strict=True) if touches else ((), (), ())
        buyers, bought = zip(*conversions, strict=True) if conversions else ((), ())
        paths = paths_from_touches(
            np.array(who, dtype=np.int64), list(names), epoch + np.array(times, dtype="timedelta64[D]"),
            conversion_customer=np.array(buyers, dtype=np.int64),
            conversion_time=epoch + np.array(bought, dtype="timedelta64[D]"),
            as_of=epoch + as_of, look_back_days=window,
        )  # fmt: skip
        expected = touch_paths(touches, conversions, as_of + 1, window)
        assert len(paths) == len(expected)
        bounds = zip(paths.start[:-1].tolist(), paths.start[1:].tolist(), expected, strict=True)
        for i, (low, high, (channels, days, converted)) in enumerate(bounds):
            found = [paths.channels[c] for c in paths.channel[low:high]]
            assert sorted(zip(paths.days_before[low:high].tolist(), found, strict=True)) == sorted(
                zip(days, channels, strict=True)
            )
            assert (paths.n_conversions[i] == 1) is np.bool_(converted)
        assert len(paths.channel) + paths.n_touches_outside == len(touches)
        assert paths.n_conversions.sum() + paths.n_conversions_later == len(conversions)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"customer": [1, 2]}, "channel"),
            ({"channel": [""]}, "channel"),
            ({"time": ["2024-13-01"]}, "time"),
            ({"time": [None]}, "time"),
            ({"conversion_customer": ["x"]}, "conversion_customer"),
            ({"conversion_time": []}, "conversion_time"),
            ({"conversion_value": [np.nan]}, "conversion_value"),
            ({"as_of": "soon"}, "as_of"),
            ({"look_back_days": 0}, "look_back_days"),
        ],
    )
    def test_rejections(self, changes, name):
        log = {
            "customer": [1], "channel": ["a"], "time": ["2024-05-01"], "conversion_customer": [1],
            "conversion_time": ["2024-05-02"], "as_of": "2024-06-01", **changes,
        }  # fmt: skip
        with pytest.raises(InputError) as caught:
            paths_from_touches(log.pop("customer"), log.pop("channel"), log.pop("time"), **log)
        assert caught.value.name == name


class TestAttribute:
    """Credit by rules."""

    @pytest.mark.parametrize(
        ("channels", "model", "expected"),
        [
            ("abc", "time decay", {"a": 1 / 7, "b": 2 / 7, "c": 4 / 7}),  # 14, 7, 0 days before, half-life 7 days
            ("abc", "position", {"a": 0.4, "b": 0.2, "c": 0.4}),
            ("a", "position", {"a": 1.0}),
            ("ab", "position", {"a": 0.5, "b": 0.5}),
            ("abcdb", "position", {"a": 0.4, "b": 0.2 / 3 + 0.4, "c": 0.2 / 3, "d": 0.2 / 3}),
            ("abc", "first", {"a": 1.0, "b": 0.0, "c": 0.0}),
            ("abc", "last", {"a": 0.0, "b": 0.0, "c": 1.0}),
            ("aab", "linear", {"a": 2 / 3, "b": 1 / 3}),
            ("aab", "shapley", {"a": 1 / 2, "b": 1 / 2}),
        ],
    )
    def test_known(self, channels, model, expected):
        days = [[7 * i for i in range(len(channels) - 1, -1, -1)]]
        credit = attribute(Paths.from_lists([list(channels)], value=[10.0], days_before=days), model=model)
        assert by_name(credit) == pytest.approx(expected, abs=1e-15)
        assert by_name(credit, "value") == pytest.approx({k: 10 * v for k, v in expected.items()}, abs=1e-14)

    def test_last_non_direct(self):
        paths = Paths.from_lists([["ads", "direct"], ["direct"], ["direct", "ads"], ["ads", "email", "direct"]])
        credit = attribute(paths, model="last non-direct")
        assert by_name(credit) == {"ads": 2.0, "direct": 1.0, "email": 1.0}
        assert by_name(attribute(paths, model="last non-direct", direct="other")) == by_name(
            attribute(paths, model="last")
        )

    def test_shares_by_position(self):
        paths = Paths.from_lists([["a", "b"], ["a", "c", "b"]])
        credit = attribute(paths, model="position", position_shares=(0.6, 0.2))
        assert by_name(credit) == pytest.approx({"a": 0.75 + 0.6, "b": 0.25 + 0.2, "c": 0.2})

    @given(paths=lists)
    def test_rules_equal_the_reference(self, paths):
        rules = {
            "first": lambda names: [i == 0 for i in range(len(names))],
            "linear": lambda names: [1 / max(len(names), 1)] * len(names),
            "time decay": lambda names: [2.0**i / (2.0 ** len(names) - 1) for i in range(len(names))],
            "shapley": lambda names: [1 / len(set(names)) / names.count(name) for name in names],
        }
        for model, rule in rules.items():
            credit = attribute(made(paths), model=model, half_life_days=1)
            expected = rule_credit(paths, rule)
            assert by_name(credit) == pytest.approx({name: expected[name] for name in credit.channel.tolist()})

    @given(paths=lists, seed=st.integers(0, 99))
    def test_credits_add_up_and_nothing_else_matters(self, paths, seed):
        money = [3.0 * conversions for _, conversions, _ in paths]
        mixed = np.random.default_rng(seed).permutation(len(paths))
        split = [path for names, c, lost in paths for path in [(names, 1, 0)] * c + [(names, 0, 1)] * lost]
        for model in MODELS:
            credit = attribute(made(paths, money=money), model=model)
            attributed = sum(c for names, c, _ in paths if names)
            no_effect = model == "markov" and attributed == 0
            assert credit.n_conversions.sum() == pytest.approx(attributed, abs=1e-9)
            assert credit.value.sum() == pytest.approx(0 if no_effect else 3.0 * attributed, abs=1e-9)
            assert (credit.n_conversions >= -1e-12).all()
            assert credit.n_unattributed == sum(c for names, c, _ in paths if not names)
            again = attribute(made([paths[i] for i in mixed], money=[money[i] for i in mixed]), model=model)
            one_by_one = attribute(made(split), model=model)
            for other in (again, one_by_one):
                assert by_name(other) == pytest.approx(by_name(credit), abs=1e-9)
            assert one_by_one.n_touches.tolist() == credit.n_touches.tolist()
            assert one_by_one.n_paths.tolist() == credit.n_paths.tolist()

    @pytest.mark.parametrize("model", MODELS)
    def test_nothing_was_touched(self, model):
        credit = attribute(Paths.from_lists([[]], n_conversions=4, value=[9]), model=model)
        assert (len(credit.channel), credit.n_unattributed, credit.value_unattributed) == (0, 4, 9.0)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"paths": [["a"]]}, "paths"),
            ({"model": "best"}, "model"),
            ({"model": "time decay"}, "days_before"),
            ({"model": "time decay", "half_life_days": 0}, "half_life_days"),
            ({"model": "position", "position_shares": (0.6, 0.6)}, "position_shares"),
            ({"model": "position", "position_shares": (0, 0)}, "position_shares"),
            ({"model": "last non-direct", "direct": 1}, "direct"),
            ({"model": "markov", "order": 4}, "order"),
        ],
    )
    def test_rejections(self, changes, name):
        options = {"paths": Paths.from_lists([["a"]]), "model": "last", **changes}
        with pytest.raises(InputError) as caught:
            attribute(options.pop("paths"), **options)
        assert caught.value.name == name


class TestMarkovRemovalEffects:
    """The share of conversions that is lost without a channel."""

    def test_known(self):
        paths = Paths.from_lists([["G"], ["M"], ["G", "M"]], n_conversions=[2, 1, 1], n_lost=[1, 0, 0])
        effects = markov_removal_effects(paths)
        assert effects.prob_conversion == pytest.approx(0.8, abs=1e-14)
        assert effects.effect == pytest.approx([0.75, 0.5], abs=1e-14)
        assert by_name(attribute(paths, model="markov")) == pytest.approx({"G": 2.4, "M": 1.6}, abs=1e-13)

    @given(paths=lists.filter(lambda paths: any(names and c for names, c, _ in paths)), order=st.integers(1, 3))
    def test_equals_walking(self, paths, order):
        effects = markov_removal_effects(made(paths), order=order)
        assert effects.prob_conversion == pytest.approx(conversion_by_walking(paths, order), abs=1e-9)
        for channel, effect in by_name(effects, "effect").items():
            assert effect == pytest.approx(removal_effect(paths, channel, order), abs=1e-8)

    @given(paths=lists.filter(lambda paths: any(names and c for names, c, _ in paths)), order=st.integers(1, 3))
    def test_alike_channels_get_alike_and_one_without_conversions_nothing(self, paths, order):
        swap = str.maketrans("ab", "ba")
        both = paths + [([name.translate(swap) for name in names], c, lost) for names, c, lost in paths]
        both += [(["a"], 1, 0), (["b"], 1, 0), (["z", "z"], 0, 3)]
        effect = by_name(markov_removal_effects(made(both), order=order), "effect")
        assert effect["a"] == pytest.approx(effect["b"], abs=1e-9)
        assert effect["z"] == pytest.approx(0, abs=1e-12)

    def test_without_conversions_there_is_nothing_to_share(self):
        effects = markov_removal_effects(Paths.from_lists([["a"]], n_conversions=0, n_lost=1))
        assert (effects.prob_conversion, effects.effect.tolist()) == (0.0, [0.0])
        assert np.isnan(effects.share).all()

    @pytest.mark.parametrize("order", [0, 4, 1.5, True, "1"])
    def test_orders(self, order):
        with pytest.raises(InputError, match="order"):
            markov_removal_effects(Paths.from_lists([["a"]]), order=order)

    def test_no_touch(self):
        with pytest.raises(InputError, match="at least one touch"):
            markov_removal_effects(Paths.from_lists([[]]))


class TestShapleyValues:
    """The mean over all orders of what a channel adds."""

    GAME = (("O", 7), ("F", 6), ("D", 4), ("OF", 15), ("OD", 7), ("FD", 9), ("OFD", 19))

    def test_known(self):
        found = shapley_values({tuple(names): worth for names, worth in self.GAME})
        assert by_name(found, "value") == pytest.approx({"O": 23 / 3, "F": 24.5 / 3, "D": 9.5 / 3}, abs=1e-14)
        assert found.standard_error.tolist() == [0, 0, 0]

    @given(numbers=st.lists(st.integers(-50, 50), min_size=31, max_size=31))
    def test_equals_all_orders(self, numbers):
        def worth(members):
            return numbers[sum(1 << "abcde".index(name) for name in members) - 1]

        found = by_name(shapley_values(worth, channels=list("abcde")), "value")
        assert found == pytest.approx(shapley_by_orders(worth, "abcde"), abs=1e-12)
        assert sum(found.values()) == pytest.approx(numbers[-1], abs=1e-12)

    def test_of_paths_it_equals_the_credit(self):
        paths = [(["a", "b"], 3, 1), (["b", "c", "b"], 2, 0), (["a"], 5, 0), (["a", "b", "c"], 1, 2)]
        found = shapley_values(lambda s: sum(c for names, c, _ in paths if set(names) <= s), channels=list("abc"))
        assert by_name(found, "value") == pytest.approx(by_name(attribute(made(paths), model="shapley")))

    def test_drawn_orders(self):
        names = [f"c{i:02}" for i in range(18)]
        weight = {name: i + 1.0 for i, name in enumerate(names)}

        def worth(members):
            return sum(weight[name] for name in members) ** 2

        found = shapley_values(worth, channels=names, n_samples=400, rng=np.random.default_rng(5))
        total = sum(weight.values())
        exact = [weight[name] * total for name in names]  # of the square of a sum
        assert found.value.sum() == pytest.approx(total**2, rel=1e-12)
        assert (np.abs(found.value - exact) < 4.5 * found.standard_error).all()
        assert (found.standard_error > 0).all()

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({"worth": {"a": 1, "b": 2}}, "worth"),
            ({"worth": {"a": 1, ("a",): 2}}, "worth"),
            ({"worth": {"a": np.nan}}, "worth"),
            ({"worth": {(): 1, "a": 1}}, "worth"),
            ({"worth": 5}, "worth"),
            ({"worth": len}, "channels"),
            ({"worth": len, "channels": ["a", "a"]}, "channels"),
            ({"worth": len, "channels": []}, "channels"),
            ({"worth": len, "channels": "abc"}, "channels"),
            ({"worth": len, "channels": [f"c{i}" for i in range(16)]}, "rng"),
        ],
    )
    def test_rejections(self, options, name):
        with pytest.raises(InputError) as caught:
            shapley_values(**options)
        assert caught.value.name == name


class TestChannelTransitions:
    """Steps from channel to channel."""

    @given(paths=lists)
    def test_who_comes_leaves(self, paths):
        found = channel_transitions(made(paths))
        k = len(found.origin) - 1
        assert found.n[1:].sum(axis=1).tolist() == found.n[:, :k].sum(axis=0).tolist()
        assert found.n[0].sum() == sum(c + lost for names, c, lost in paths if names)
        assert found.n[:, k].sum() == sum(c for names, c, _ in paths if names)
        share = found.share
        assert np.nansum(share, axis=1) == pytest.approx((found.n.sum(axis=1) > 0).astype(float))

    def test_known(self):
        found = channel_transitions(Paths.from_lists([["a", "b", "b"], ["b"]], n_conversions=[2, 0], n_lost=[1, 4]))
        assert found.n.tolist() == [[3, 4, 0, 0], [0, 3, 0, 0], [0, 3, 2, 5]]


class TestChannelReturns:
    """Cost per conversion, return on cost."""

    def test_known(self):
        credit = attribute(Paths.from_lists([["ads"], ["email"]], n_conversions=[4, 1], value=[200, 30]), model="last")
        found = channel_returns(credit, {"ads": 50, "email": 0, "tv": 10}, margin=0.5)
        assert found.channel.tolist() == ["ads", "email", "tv"]
        assert found.cost_per_conversion.tolist() == [12.5, 0.0, np.inf]
        assert found.value_per_cost.tolist() == [4.0, np.inf, 0.0]
        assert found.return_on_investment.tolist() == [1.0, np.inf, -1.0]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"credit": None}, "credit"),
            ({"cost": 5}, "cost"),
            ({"cost": {}}, "cost"),
            ({"cost": {"a": -1}}, "cost"),
            ({"cost": {"a": 1, 2: 1}}, "cost"),
            ({"margin": 1.5}, "margin"),
        ],
    )
    def test_rejections(self, changes, name):
        credit = attribute(Paths.from_lists([["a"]]), model="last")
        options = {"credit": credit, "cost": {"a": 1}, "margin": 0.5, **changes}
        with pytest.raises(InputError) as caught:
            channel_returns(options.pop("credit"), options.pop("cost"), **options)
        assert caught.value.name == name
