"""Split of an acquisition budget over channels."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from crmvalue.errors import InputError
from crmvalue.ltv import BudgetSplit, split_budget
from tests.work import times_longer

ADS = {
    "spend": {"ads": 6_000, "mail": 1_000},
    "n_new": {"ads": 100, "mail": 50},
    "value": {"ads": 200, "mail": 150},
    "target_ratio": 3,
    "keep": "total",
    "elasticity": {"ads": 0.6, "mail": 0.7},
}


def outcome(split, spend, given):
    """Value and net value of a spend, from the definition."""
    names = split.channels
    new = [
        given["n_new"][name] * (s / given["spend"][name]) ** given["elasticity"][name] if s else 0.0
        for name, s in zip(names, spend, strict=True)
    ]
    value = [n * given["value"][name] for name, n in zip(names, new, strict=True)]
    return value, sum(value) - sum(spend)


class TestSplitBudget:
    """The most net value within the budget and at the target ratio."""

    def test_the_spend_stays_the_callers(self):
        spend = np.array([500.0])
        split = split_budget(1_000, spend=spend, n_new=[10], value=[200], target_ratio=3, keep="total")
        spend[0] = 9.0
        assert split.spend_now.tolist() == [500.0]

    def test_the_value_may_be_larger_than_any_amount_given(self):
        split = split_budget(1e99, spend={"a": 5}, n_new={"a": 1}, value={"a": 100}, target_ratio=2, keep="total")
        assert split.value == pytest.approx(2e100, rel=1e-15)
        assert type(split).from_json(split.to_json()) == split

    def test_a_large_budget_leaves_no_channel_below_0(self):
        """What sums of large amounts lose as floats is taken from the largest spend, not from one of 0."""
        split = split_budget(
            1e12,
            spend=[1e3, 1e15, 1.0, 0.01],
            n_new=[1e12, 1, 1, 1e12],
            value=[1e9, 0.01, 1e15, 0],
            elasticity=[1.0, 0.999, 0.5, 0.1],
            target_ratio=1,
            keep="total",
        )
        assert (split.spend >= 0).all()
        assert np.isfinite(split.n_new).all()
        assert split.spend.sum() + split.unspent == pytest.approx(1e12, abs=0.01)

    @pytest.mark.parametrize("budget", [500, 10_000, 100_000])
    @pytest.mark.parametrize("target", [1, 3, 6])
    @pytest.mark.parametrize("keep", ["total", "each"])
    def test_no_split_on_a_grid_is_better(self, budget, target, keep):
        split = split_budget(budget, **{**ADS, "target_ratio": target, "keep": keep})
        value, best = outcome(split, split.spend, ADS)
        assert split.value == pytest.approx(sum(value))
        assert split.spend.sum() + split.unspent == pytest.approx(budget, abs=0.005)
        assert split.total_ratio >= target * (1 - 1e-4)
        if keep == "each":
            assert (split.ratio >= target * (1 - 1e-4)).all()
        steps = np.linspace(0, budget, 81)
        for spend in itertools.product(steps, steps):
            if sum(spend) > budget or not sum(spend):
                continue
            worth, net = outcome(split, spend, ADS)
            kept = sum(worth) >= target * sum(spend)
            if keep == "each":
                kept = all(v >= target * s for v, s in zip(worth, spend, strict=True))
            if kept:
                assert net <= best + 0.02 + 1e-9 * abs(best)

    def test_equals_a_general_optimiser_for_four_channels(self):
        names = "abcd"
        given = {
            "spend": dict(zip(names, [500, 900, 300, 1200], strict=True)),
            "n_new": dict(zip(names, [20, 25, 4, 60], strict=True)),
            "value": dict(zip(names, [120, 150, 300, 90], strict=True)),
            "elasticity": dict(zip(names, [0.5, 0.8, 0.3, 0.65], strict=True)),
        }
        split = split_budget(4_000, **given, target_ratio=4, keep="total")
        _, net = outcome(split, split.spend, given)
        found = minimize(
            lambda s: -outcome(split, np.maximum(s, 1e-9), given)[1],
            np.full(4, 100.0),
            bounds=[(0, 4_000)] * 4,
            constraints=[
                {"type": "ineq", "fun": lambda s: 4_000 - s.sum()},
                {"type": "ineq", "fun": lambda s: sum(outcome(split, np.maximum(s, 1e-9), given)[0]) - 4 * s.sum()},
            ],
            method="SLSQP",
            options={"ftol": 1e-12, "maxiter": 500},
        )
        assert net == pytest.approx(-found.fun, rel=1e-5)

    def test_straight_channels_are_filled_from_the_best(self):
        """Ratios 5, 4 and 2: the last one is filled until all together are at 4."""
        split = split_budget(
            10_000,
            spend={"a": 100, "b": 100, "c": 100},
            n_new={"a": 5, "b": 4, "c": 2},
            value=100,
            target_ratio=4,
            keep="total",
            most={"a": 1_000, "b": 500, "c": 9_000},
        )
        assert split.spend.tolist() == [1_000, 500, 500]
        assert split.total_ratio == pytest.approx(4)
        assert split.unspent == 8_000
        each = split_budget(
            10_000,
            spend=[100, 100, 100],
            n_new=[5, 4, 2],
            value=100,
            target_ratio=4,
            keep="each",
            most=[1_000, 500, 9_000],
        )
        assert each.spend.tolist() == [1_000, 500, 0]

    def test_no_channel_can_take_more_than_the_budget(self):
        split = split_budget(100, spend=[50, 50], n_new=[5, 1], value=100, target_ratio=2, keep="total", most=[900, 30])
        assert (split.most.tolist(), split.spend.tolist()) == ([100, 30], [100, 0])

    def test_nothing_is_spent_where_no_channel_reaches_the_target(self):
        split = split_budget(100, spend=[100], n_new=[1], value=[200], target_ratio=3, keep="each")
        assert split.spend.tolist() == [0]
        assert "No channel reaches the ratio of 3" in split.conclusion

    @pytest.mark.parametrize(
        ("value", "most", "advice"),
        [(200, None, "Spend nothing, or lower the target."), (200, 0, "Spend nothing."), (50, None, "Spend nothing.")],
    )
    def test_the_target_is_lowered_where_that_helps(self, value, most, advice):
        """At a ratio below 1 no target is low enough, and a channel that takes no money takes none at any target."""
        split = split_budget(100, spend=[100], n_new=[1], value=value, target_ratio=3, keep="each", most=most)
        assert split.conclusion == f"No channel reaches the ratio of 3. {advice}"

    @pytest.mark.parametrize("keep", ["total", "each"])
    def test_a_limit_next_to_the_ratio_is_a_limit(self, keep):
        """At its largest spend the mean ratio of the channel is the target, or just above, and the next unit below."""
        for most in (4_000, 3_999):
            world = {"spend": [1000], "n_new": [60], "value": 100, "elasticity": 0.5, "most": most}
            split = split_budget(10_000, **world, target_ratio=3, keep=keep)
            assert split.spend[0] == most
            assert split.conclusion.endswith("of the budget is left: no channel can take more.")

    def test_money_that_a_channel_cannot_take_is_not_said_not_to_pay(self):
        """The next unit of money would bring ten times itself, if the channel could take it."""
        split = split_budget(1_000, spend=[100], n_new=[10], value=[100], target_ratio=3, keep="each", most=500)
        assert (split.next_ratio[0], split.unspent) == (10, 500)
        assert split.conclusion.endswith("500.00 of the budget is left: no channel can take more.")
        none = attrs.evolve(split, spend=[0.0], most=[0.0], unspent=1_000.0)
        said = "The best spend of each channel at the ratio of 3 is less than a cent"
        assert (none.conclusion, none._parts().title) == (f"{said}. Spend nothing.", f"{said}: spend nothing")

    def test_a_limit_is_told_beside_the_ratio(self):
        """One channel takes no more than 10 at a ratio of 15; the other goes down to a ratio of 3."""
        world = {"spend": [500, 100], "n_new": 10, "value": [200, 150], "elasticity": [0.5, 1], "most": [1_000, 10]}
        split = split_budget(1_000, **world, target_ratio=3, keep="total")
        assert split.spend[1] == 10
        assert split.conclusion.endswith("is left: channels can take no more, or not at the ratio of 3.")

    def test_less_than_a_cent_is_no_limit(self):
        """The first cent of one channel is below the ratio; the other is at its largest spend."""
        world = {"spend": [100, 100], "n_new": [10, 0.01], "value": [100, 1], "elasticity": [1, 0.5], "most": [50, 500]}
        split = split_budget(1_000, **world, target_ratio=3, keep="each")
        assert split.spend.tolist() == [50, 0]
        assert split.conclusion.endswith("is left: channels can take no more, or a first cent would bring too little.")

    @pytest.mark.parametrize(
        ("most", "why"),
        [
            (10_000, "more would bring less than it costs."),
            ([3000, 9000], "channels can take no more, or more would bring less than it costs."),
        ],
    )
    def test_what_is_left_is_not_for_a_ratio_that_is_exceeded(self, most, why):
        """40 customers of 100 for 1,000, and twice as many for four times as much: the ratio is 2 at 4,000."""
        world = {"spend": [1000] * 2, "n_new": [40] * 2, "value": 100, "elasticity": 0.5, "most": most}
        split = split_budget(10_000, **world, target_ratio=1.5, keep="total")
        assert split.spend.tolist() == [4000 if most == 10_000 else 3000, 4000]
        assert split.conclusion.endswith(f"of the budget is left: {why}")

    @pytest.mark.parametrize("keep", ["each", "total"])
    def test_a_limit_is_told_where_the_next_unit_is_below_the_ratio(self, keep):
        """120 customers of 100 for 4,000 keep the ratio of 1.5 with room: their channel can take no more."""
        world = {"spend": [1000], "n_new": [60], "value": 100, "elasticity": 0.5, "most": 4_000}
        split = split_budget(10_000, **world, target_ratio=1.75, keep=keep)
        assert (split.spend[0], split.ratio[0], split.next_ratio[0]) == (4000, 3, 1.5)
        assert split.conclusion.endswith(
            "LTV:CAC is then 3.00. 6,000.00 of the budget is left: no channel can take more."
        )

    @pytest.mark.parametrize("keep", ["total", "each"])
    def test_whole_cents_keep_the_ratio(self, keep):
        """188.98 x (5 x 11.75 / 188.98 / 3)^(1 / 0.3) to the cent is 0.10, at a ratio of 2.989."""
        split = split_budget(1_000, spend=[188.98], n_new=5, value=11.75, elasticity=0.7, target_ratio=3, keep=keep)
        assert split.spend[0] == 0.09
        assert split.total_ratio == pytest.approx(58.75 * (0.09 / 188.98) ** 0.7 / 0.09)
        assert split.conclusion.endswith("is left: no channel can spend more at the ratio of 3.")

    def test_a_spend_of_cents_is_no_limit(self):
        """At 0.20 the next unit brings 1.01, and the next cent less than it costs."""
        world = {"spend": [1000], "n_new": [1], "value": 28.6, "elasticity": 0.5}
        split = split_budget(10_000, **world, target_ratio=1, keep="total")
        assert split.spend[0] == 0.2
        assert split.conclusion.endswith("is left: more would bring less than it costs.")

    def test_a_channel_whose_best_spend_is_less_than_a_cent_is_not_said_to_break_the_ratio(self):
        """The best spend is 1000 (0.9 x 0.3)^10 = 0.002."""
        columns = {"n_new": {"mail": 100, "ads": 3}, "elasticity": {"mail": 1, "ads": 0.9}}
        split = split_budget(
            4_000, spend={"mail": 1_000, "ads": 1_000}, value=100, target_ratio=3, keep="total", most=1_500, **columns
        )
        assert split.spend.tolist() == [1_500, 0]
        why = "channels can take no more, or a first cent would bring too little"
        assert split.conclusion.endswith(f"LTV:CAC is then 10.00. 2,500.00 of the budget is left: {why}.")

    def test_a_channel_left_out_for_its_ratio_is_not_said_to_be_full(self):
        """The first unit in ads brings 2, which is below the ratio of 3, while mail has all that pays."""
        world = {"spend": [100] * 2, "n_new": 1, "value": [200, 700], "elasticity": [1, 0.3]}
        split = split_budget(1_000, **world, target_ratio=3, keep="each")
        assert split.next_ratio[0] == 2
        assert "channels can spend no more at the ratio of 3, or more would" in split.conclusion

    def test_a_title_names_no_change_of_nothing(self):
        split = split_budget(100, spend=[50, 1e-4], n_new=[10, 1e-9], value=[100, 1e-9], target_ratio=1, keep="each")
        assert split.spend[1] == 0
        assert split._parts().title.startswith("Spend 50 more on 1: ")

    def test_a_channel_of_less_than_one_money_takes_its_spend_too(self):
        """The ratio is 5 (s / 0.1)^-0.5, which is 2 at a spend of 0.625."""
        found = split_budget(
            10, spend={"a": 0.1}, n_new={"a": 1}, value={"a": 0.5}, elasticity=0.5, target_ratio=2, keep="each"
        )
        assert found.spend.tolist() == [0.62]

    def test_no_money_brings_in_less_than_itself(self):
        split = split_budget(1e9, **{**ADS, "target_ratio": 1})
        assert (split.next_ratio >= 1 - 1e-6).all()
        assert split.unspent > 0

    @given(
        st.lists(
            st.tuples(st.integers(1, 10**6), st.integers(0, 10**4), st.integers(0, 10**4), st.integers(1, 100)),
            min_size=1,
            max_size=5,
        ),
        st.integers(1, 10**7),
        st.sampled_from(["total", "each"]),
    )
    def test_budget_and_ratio_are_kept(self, rows, budget, keep):
        spend, new, value, percent = zip(*rows, strict=True)
        split = split_budget(
            budget, spend=spend, n_new=new, value=value, target_ratio=3, keep=keep, elasticity=np.array(percent) / 100
        )
        assert np.rint(split.spend * 100).sum() + round(split.unspent * 100) == budget * 100
        spent = split.spend.sum()
        if spent > 100:  # whole cents move a ratio of less
            assert split.value >= 3 * spent * (1 - 1e-3)
        assert BudgetSplit.from_json(split.to_json()) == split

    @pytest.mark.parametrize("keep", ["total", "each"])
    @pytest.mark.parametrize("bend", [1.0, 0.6])
    def test_budget_and_limits_that_are_no_whole_cents_are_kept(self, keep, bend):
        given_ = {
            "spend": [100, 100],
            "n_new": [10, 9],
            "value": 90,
            "target_ratio": 1,
            "keep": keep,
            "elasticity": bend,
        }
        split = split_budget(66.668, **given_)
        assert round(split.spend.sum() * 100) == 6666
        split = split_budget(10_000, **given_, most=[33.336, 20.009])
        np.testing.assert_array_equal(split.spend, [33.33, 20.0])
        split = split_budget(10_000, **given_, most=[0.1 + 0.2, 1.1 * 1.1])  # binary arithmetic of 0.30 and 1.21
        np.testing.assert_array_equal(split.spend, [0.3, 1.21])

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"budget": 0}, "budget"),
            ({"spend": {"ads": 0, "mail": 1}}, "spend"),
            ({"n_new": {"ads": 1}}, "n_new"),
            ({"spend": 5}, "spend"),
            ({"value": {"ads": 1, "mail": 1, "tv": 3}}, "value"),
            ({"value": [1, 2, 3]}, "spend"),
            ({"value": -1}, "value"),
            ({"elasticity": 1.1}, "elasticity"),
            ({"elasticity": 0}, "elasticity"),
            ({"target_ratio": 0.9}, "target_ratio"),
            ({"keep": "both"}, "keep"),
            ({"most": -1}, "most"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            split_budget(**{"budget": 100, **ADS, **changes})
        assert caught.value.name == name


@pytest.mark.parametrize(
    ("name", "value"), [("target_ratio", 0.5), ("keep", "?"), ("elasticity", 2), ("most", -1), ("n_new", -1)]
)
def test_single_numbers_are_checked_before_the_channels_are_read(name, value):
    options = {"n_new": {"a": 1, "c": 1}, "value": {"a": 1}, "target_ratio": 3, "keep": "total", name: value}
    with pytest.raises(InputError) as caught:
        split_budget(100, spend={"a": 1, "b": -1}, **options)
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"spend": [5.0, -5.0]}, "spend.*>= 0; got -5.0 at index 1"),
        ({"spend": [5e-324, 750.0]}, "spend.*0, or at least a cent"),
        ({"spend": [1e300, 250.0], "most": [1e300, 250.0]}, "budget.*the sum of `spend` and `unspent`"),
        ({"unspent": 1.0}, "budget.*the sum of `spend` and `unspent`"),
        ({"spend_now": [-1.0, 100.0]}, "spend_now.*>= 0"),
        ({"most": [750.0, 249.0]}, "spend.*at most `most`; got 250.0 at index 1"),
        ({"n_new": [-1.0, 10.0]}, "n_new.*>= 0"),
        ({"acquisition_cost": [-1.0, 10.0]}, "acquisition_cost.*>= 0"),
        ({"ratio": [-1.0, np.nan]}, "ratio.*>= 0"),
        ({"next_ratio": [-1.0, np.inf]}, "next_ratio.*>= 0"),
    ],
)
def test_contradictions_are_refused(changes, named):
    columns = {"spend_now": [500.0, 100.0], "spend": [500.0, 250.0], "most": [750.0, 250.0], "n_new": [10.0, 10.0]}
    columns |= {"acquisition_cost": [50.0, 25.0], "ratio": [4.0, 8.0], "next_ratio": [2.0, np.inf]}
    whole = {"channels": ["ads", "mail"], "budget": 750.004, "unspent": 0.0, "value": 4000.0, "target_ratio": 3.0}
    assert BudgetSplit(**columns, **whole).total_ratio == pytest.approx(4000 / 750)
    with pytest.raises(InputError, match=named):
        BudgetSplit(**{**columns, **whole, **changes})


def test_many_equal_channels_are_filled_in_turn():
    def of_channels(n):
        each = {"spend": 10.0, "n_new": 2.0, "value": 50.0, "most": 20.0}
        columns = {name: np.full(n, number) for name, number in each.items()}
        return split_budget(15 * n + 0.5, **columns, target_ratio=3, keep="total")

    ratio, split = times_longer(of_channels, 2_000, 20_000)
    assert ratio < 30
    assert split.spend[[0, 14_999, 15_000, 15_001]].tolist() == [20, 20, 0.5, 0]
    assert split.unspent == 0


def test_equal_channels_below_the_target_take_what_a_better_one_leaves():
    # The first earns 10 for 1 on 20, so it pays for 140 of loss; each unit of the others loses 1 of the target of 3.
    split = split_budget(
        1_000,
        spend=[10] * 4,
        n_new=[1] * 4,
        value=[100, 20, 20, 20],
        target_ratio=3,
        keep="total",
        most=[20, 100, 100, 100],
    )
    assert split.spend.tolist() == [20, 100, 40, 0]
    assert split.total_ratio == 3


@pytest.mark.parametrize("elasticity", [1 - 2**-53, 1 + 2**-52, 1 - 1e-11])
def test_an_elasticity_that_logarithms_leave_next_to_one_is_one(elasticity):
    """At one customer for 60, the spend of two periods gives a ratio of logarithms with a residue."""
    world = {"spend": [6_000, 1_000], "n_new": [100, 50], "value": [200, 150], "target_ratio": 3, "keep": "total"}
    one, near = (split_budget(10_000, **world, elasticity=[e, 0.7]) for e in (1, elasticity))
    assert near.spend.tolist() == one.spend.tolist() == [5_454.29, 4_545.71]
