"""Value, cost, ratio and payback by channel, region and cohort."""

from __future__ import annotations

import warnings
from datetime import date, timedelta

import attrs
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import stats

from crmvalue._ltv.group_economics import _FIGURES
from crmvalue.errors import DataWarning, InputError
from crmvalue.ltv import GroupEconomics, cash_flows_by_age, group_economics
from crmvalue.metrics import mean_interval
from tests.work import n_calls, times_longer

CHANNEL = ["ads", "mail", "ads", "mail", "ads"]
REGION = ["north", "north", "south", "south", "south"]
VALUE = [20.0, 90.0, 25.0, 110.0, 30.0]
COST = {"ads": 50, "mail": 10}


def table(**changes):
    given = {"by": {"channel": CHANNEL, "region": REGION}, "value": VALUE, "acquisition_cost": COST}
    return group_economics(**{**given, "segment": CHANNEL, **changes})


def rows_of(found, by):
    return np.array([i for i, name in enumerate(found.by) if name == by])


class TestGroupEconomics:
    """Sums, means, ratio with its interval, and payback, a row for each group."""

    @pytest.mark.parametrize("value", [10.0, 0.1])
    def test_customers_alike_say_nothing_of_the_next_one(self, value):
        """An interval of width 0 would be certain after three customers."""
        found = group_economics({"channel": ["ads"] * 3}, [value] * 3, acquisition_cost=value / 5)
        assert np.isnan([found.ltv_low, found.ltv_high, found.ratio_low, found.ratio_high]).all()
        assert (found.ratio.tolist(), found.advice) == (pytest.approx([5, 5]), ("", "not clear"))

    def test_the_highest_level_has_ends(self):
        """1 + level is 2 for the highest level below 1; the end on the side of the long tail has a limit."""
        rng = np.random.default_rng(1)
        value = rng.lognormal(1, 1, 60)
        lows, highs = [], []
        for level in (0.95, 1 - 2**-50, np.nextafter(1, 0)):
            found = group_economics({"channel": ["ads", "mail"] * 30}, value, acquisition_cost=1, level=level)
            lows.append(found.ltv_low)
            highs.append(found.ltv_high)
        assert np.isfinite(lows).all()
        assert (np.diff(lows, axis=0) < 0).all()
        assert np.isfinite(highs[0]).all()
        assert np.isposinf(highs[1:]).all()

    def test_small_ratios_are_not_written_as_nothing(self):
        found = group_economics({"channel": ["ads"] * 4 + ["mail"] * 4}, [0.1, 0.2, 0.3, 0.2] * 2, acquisition_cost=100)
        said = f"ads (0.0020, at most {found.ratio_high[1]:.4f})"
        assert found.advice[1] == "less"
        assert said in found.conclusion

    def test_a_ratio_below_its_target_is_not_written_as_it(self):
        found = group_economics({"channel": ["ads"] * 2000}, [2.994, 2.998] * 1000, acquisition_cost=1)
        assert "ads (2.996, at most 2.996)" in found.conclusion

    def test_a_small_group_that_loses_money_is_drawn_and_named(self):
        """The picture draws the largest groups, and that of the title."""
        group = [f"g{k:02d}" for k in range(30) for _ in range(60)] + ["small"] * 40
        value = np.concatenate([np.tile([1.0, 3.0], 900), np.tile([0.09, 0.11], 20)])
        parts = group_economics({"channel": group}, value, acquisition_cost=1)._parts()
        assert parts.title.startswith("small loses money: 0.1 times its cost")
        assert "small" in parts.columns["group"].tolist()
        assert "; 14 of 31 groups" in parts.x.title

    def test_by_hand(self):
        found = table()
        assert found.group == ("all", "ads", "mail", "north", "south")
        assert found.n_customers.tolist() == [5, 3, 2, 2, 3]
        assert found.value.tolist() == [275, 75, 200, 110, 165]
        assert found.total_acquisition_cost.tolist() == [170, 150, 20, 60, 110]
        np.testing.assert_allclose(found.ratio, [275 / 170, 0.5, 10, 110 / 60, 1.5])
        low, high = mean_interval([20, 25, 30])
        np.testing.assert_allclose([found.ltv_low[1], found.ltv_high[1]], [low, high])
        np.testing.assert_allclose([found.ratio_low[1], found.ratio_high[1]], [low / 50, high / 50])
        assert found.advice == ("", "less", "not clear", "not clear", "not clear")
        assert found.moves[0].startswith("channel: spend less on ads (0.50, at most 0.75).")
        assert np.isnan(found.payback).all()
        assert GroupEconomics.from_json(found.to_json()) == found

    def test_money_moves_from_the_worse_to_the_better(self):
        rng = np.random.default_rng(1)
        channel = np.repeat(["ads", "mail"], 200)
        value = rng.gamma(2, np.where(channel == "ads", 20, 60))
        found = group_economics({"channel": channel}, value, acquisition_cost=30)
        assert found.advice[1:] == ("less", "more")
        assert "move money from ads" in found.moves[0]
        assert "to mail" in found.conclusion

    @pytest.mark.parametrize(
        ("n", "k", "sigma", "most"),
        [(60, 3, 1.2, 9), (200, 8, 1.2, 9), (2000, 10, 0.3, 9)],  # 5 of 100, and two standard errors
    )
    def test_groups_without_a_difference_are_left_alone(self, n, k, sigma, most):
        """Every group is worth three times its cost. Money was to be moved in 36 to 72 of 100 such shops."""
        rng, moved = np.random.default_rng(3), 0
        for _ in range(100):
            value = 30 * rng.lognormal(-(sigma**2) / 2, sigma, n)
            found = group_economics({"g": rng.integers(0, k, n)}, value, acquisition_cost=10)
            moved += "Leave the budget as it is" not in found.conclusion
        assert moved <= most

    @pytest.mark.parametrize("sizes", [(500, 500), (600, 10_000), (1000,) * 4])
    def test_large_groups_of_skewed_values_without_a_difference_are_left_alone(self, sizes):
        """95 % bring nothing, the others very different amounts: 20 to 46 of 100 worlds gave "spend less"."""
        rng, group, moved = np.random.default_rng(4), np.repeat(np.arange(len(sizes)), sizes), 0
        cost = 0.05 * np.exp(1.5**2 / 2) / 3
        for _ in range(60):
            value = rng.lognormal(0, 1.5, len(group)) * (rng.random(len(group)) < 0.05)
            found = group_economics({"g": group}, value, acquisition_cost=cost)
            moved += "Leave the budget as it is" not in found.conclusion
        assert moved <= 6  # 5 of 100, and two standard errors

    @pytest.mark.parametrize(("factor", "word"), [(0.5, "less"), (2, "more")])
    def test_half_and_twice_the_target_are_found_where_values_are_less_skewed(self, factor, word):
        rng, group, found = np.random.default_rng(5), np.repeat([0, 1], [600, 10_000]), 0
        for _ in range(20):
            value = rng.lognormal(0, 1, len(group)) * (rng.random(len(group)) < 0.5) * np.where(group, 1, factor)
            cost = 0.5 * np.exp(0.5) / 3
            found += group_economics({"g": group}, value, acquisition_cost=cost).advice[1] == word
        assert found >= 18

    @pytest.mark.parametrize("sign", [1, -1])
    def test_the_side_of_the_long_tail_is_longer(self, sign):
        """By hand: mean 10, variance 5.5, skewness 13.5 / 5.5**1.5 = 1.05, above the deviation over the mean, 0.23."""
        found = group_economics({"g": ["a"] * 5}, np.array([8, 9, 9, 10, 14.0]) * sign, acquisition_cost=1)
        t, relation = 2.7764451052, np.sqrt(5.5) / 10  # 4 degrees of freedom
        half = t * np.sqrt(5.5 / 5)
        ends = np.sort(sign * np.array([10 - half, 10 + half / (1 - t * relation / np.sqrt(5))]))
        np.testing.assert_allclose([found.ratio_low[1], found.ratio_high[1]], ends, rtol=1e-9)
        np.testing.assert_allclose([found.ltv_low[0], found.ltv_high[0]], ends, rtol=1e-9)

    def test_the_spread_grows_no_faster_than_the_skewness_says(self):
        """By hand: mean 0.1, so the deviation is 17 times the mean; the skewness is negative."""
        found = group_economics({"g": ["a"] * 5}, [-2.1, -0.9, 0.1, 1.6, 1.8], acquisition_cost=1)
        deviations = np.array([-2.2, -1.0, 0.0, 1.5, 1.7])
        variance, third = (deviations**2).sum() / 4, (deviations**3).sum() / 4
        half = 2.7764451052 * np.sqrt(variance / 5)
        below = half / (1 - 2.7764451052 * -third / variance**1.5 / np.sqrt(5))
        np.testing.assert_allclose([found.ratio_low[1], found.ratio_high[1]], [0.1 - below, 0.1 + half], rtol=1e-9)

    @pytest.mark.parametrize("shift", [0.0, 0.1, 40.0])
    def test_values_without_skewness_have_the_interval_of_student(self, shift):
        value = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0]) + shift
        found = group_economics({"g": ["a"] * 6}, value, acquisition_cost=1)
        np.testing.assert_allclose([found.ratio_low[1], found.ratio_high[1]], mean_interval(value), rtol=1e-9)

    def test_ends_of_the_payback_by_hand(self):
        """A mean of 10 a period whose error is 1, and t of 3 degrees 3.18: 50 are covered at 13.18, 10 and 6.82."""
        flows = np.repeat([[8.0], [12.0], [8.0], [12.0]], 20, axis=1)
        found = group_economics({"g": ["a"] * 4}, [8, 12, 8, 12], acquisition_cost=50, cash_flows=flows)
        assert (found.payback_low[0], found.payback[0], found.payback_high[0]) == (4, 5, 8)

    def test_a_group_of_one_customer_widens_no_other(self):
        """Two of three groups have an interval, so that each end together is that at half of the tail."""
        found = group_economics({"g": list("aaabbbc")}, [3.0, 1, 9, 2, 4, 30, 5], acquisition_cost=1)
        low, _ = found._ends_together()
        wider = stats.t.ppf(1 - 0.025 / 2, 2) / stats.t.ppf(1 - 0.025, 2)
        assert np.isnan(found.ratio_low[3])
        np.testing.assert_allclose((found.ratio - low)[1:3], wider * (found.ratio - found.ratio_low)[1:3], rtol=1e-9)

    def test_few_customers_with_one_large_value_have_no_upper_end(self):
        found = group_economics({"g": ["a"] * 5}, [0, 0, 0, 0, 10.0], acquisition_cost=1, target_ratio=1e6)
        assert (found.ratio_high[1], found.ltv_high[0], found.advice) == (np.inf, np.inf, ("", "not clear"))
        assert GroupEconomics.from_json(found.to_json()) == found

    @pytest.mark.parametrize("unit", [1e-90, 1e-40, 1e40, 1e90])
    def test_the_unit_of_money_does_not_matter(self, unit):
        value, groups = np.array([3.0, 1.0, 9.0, 2.0, 4.0, 30.0]), {"g": list("aaabbb")}
        usual = group_economics(groups, value, acquisition_cost=1)
        with np.errstate(all="raise"):
            found = group_economics(groups, value * unit, acquisition_cost=unit)
        np.testing.assert_allclose(found.ratio_low, usual.ratio_low, rtol=1e-9)
        np.testing.assert_allclose(found.ratio_high, usual.ratio_high, rtol=1e-9)

    def test_small_groups_take_the_spread_of_all(self):
        """By hand: squares over costs 0.08 and 0.005, over 1 and 5 degrees of freedom of means over costs 1 and 2."""
        value, channel = [12, 8, 41, 39, 40, 40, 40, 40], ["a"] * 2 + ["b"] * 6
        found = group_economics({"channel": channel}, value, acquisition_cost=[10, 10] + [20] * 6)
        own, alike = np.sqrt(0.08 / 2), np.sqrt((0.08 + 0.005) / (1 + 5 * 4) / 2)
        assert own > alike
        t = 12.706204736  # of one degree of freedom
        np.testing.assert_allclose([found.ratio_low[1], found.ratio_high[1]], [1 - t * own, 1 + t * own], rtol=1e-9)
        value[:2] = [10.1, 9.9]
        found = group_economics({"channel": channel}, value, acquisition_cost=[10, 10] + [20] * 6)
        alike = np.sqrt((0.0002 + 0.005) / (1 + 5 * 4) / 2)
        np.testing.assert_allclose([found.ratio_low[1], found.ratio_high[1]], [1 - t * alike, 1 + t * alike], rtol=1e-9)
        alike = 10 * np.sqrt((0.02 + 2) / (100 + 5 * 1600) / 2)  # in money
        np.testing.assert_allclose([found.ltv_low[1], found.ltv_high[1]], [10 - t * alike, 10 + t * alike], rtol=1e-9)

    @pytest.mark.parametrize("sizes", [(20,) * 4, (100, 100)])
    def test_values_in_proportion_to_costs_without_a_difference_are_left_alone(self, sizes):
        """Costs differ threefold, 90 % bring nothing: the dearest group was to get less in 15 to 18 of 100 worlds."""
        rng, group, moved = np.random.default_rng(6), np.repeat(np.arange(len(sizes)), sizes), 0
        cost = np.geomspace(1, 3, len(sizes))[group]
        for _ in range(150):
            value = (
                30 * np.exp(-(1.5**2) / 2) * cost * rng.lognormal(0, 1.5, len(group)) * (rng.random(len(group)) < 0.1)
            )
            found = group_economics({"g": group}, value, acquisition_cost=cost)
            moved += "Leave the budget as it is" not in found.conclusion
        assert moved <= 12  # 5 of 100, and two standard errors

    def test_a_small_group_of_other_shape_is_left_alone(self):
        """Half of 50 customers bring nothing, the others very different amounts; 1,000 others are much alike."""
        rng, group, called = np.random.default_rng(7), np.repeat([0, 1], [50, 1000]), 0
        for _ in range(150):
            skewed = 6 * rng.lognormal(-(1.5**2) / 2, 1.5, 50) * (rng.random(50) < 0.5)
            value = np.concatenate([skewed, 3 * rng.lognormal(-0.06125, 0.35, 1000)])
            called += group_economics({"g": group}, value, acquisition_cost=1).advice[1] != "not clear"
        assert called <= 12

    def test_advice_holds_for_all_groups_together(self):
        """Each interval alone is above 3; those of both groups together are not."""
        value = np.tile([33.0, 33.5], 6)
        value[:6] = np.linspace(29.92, 31.12, 6)
        found = group_economics({"g": ["a"] * 6 + ["b"] * 6}, value, acquisition_cost=10)
        assert found.ratio_low[1] > 3
        assert found.advice[1:] == ("not clear", "more")

    def test_many_groups_take_time_in_proportion_to_their_number(self):
        """The ends were counted again for each row, and all advice for each of them: hours for so many."""

        def of_groups(n):
            low = np.r_[2.0, np.tile([4.0, 1.0], n // 2)]
            columns = {name: np.ones(n + 1) for name in _FIGURES}
            ends = {"low": low - 0.1, "high": low + 0.2}
            for name in ("ltv", "ratio"):
                columns |= {
                    name: low + 0.1 * np.arange(n + 1) / n,
                    f"{name}_low": ends["low"],
                    f"{name}_high": ends["high"],
                }
            size = np.r_[n - 2, np.ones(n - 2), [n // 2 - 1] * 2]  # both dimensions add up to all customers
            columns |= {"value": size, "total_acquisition_cost": size}
            return GroupEconomics(
                by=("all", *["g"] * (n - 2), "h", "h"),
                group=("all", *map(str, range(n))),
                n_customers=10_000 * size,
                **columns,
                level=0.95,
                target_ratio=3,
            )

        found = {n: of_groups(n) for n in (300, 3_000)}
        n = 3_000
        ratio, moves = times_longer(lambda n: found[n].moves, 300, n)
        assert ratio < 30
        assert moves[0].startswith("g: move money from 1 (1.00, at most 1.20), 3 (1.00, at most 1.20), 5 ")
        assert f"to {n - 4} (4.10, at least 3.90), {n - 6} (4.10, at least 3.90), " in moves[0]
        assert moves[1] == f"h: move money from {n - 1} (1.10, at most 1.20) to {n - 2} (4.10, at least 3.90)."

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.floats(-1e6, 1e6)), min_size=1, max_size=30))
    def test_groups_add_up_to_the_cent(self, rows):
        channel, region, value = zip(*rows, strict=True)
        value = [0.0 if abs(v) < 1e-90 else v for v in value]
        cost = [abs(v) / 7 + 1 / 3 for v in value]
        found = group_economics({"channel": channel, "region": region}, value, acquisition_cost=cost)
        for by in ("channel", "region"):
            own = rows_of(found, by)
            for column in (found.value, found.total_acquisition_cost):
                assert np.rint(column[own] * 100).sum() == np.rint(column[0] * 100)
            assert found.n_customers[own].sum() == len(value)
        exact = {label: sum(v for v, c in zip(value, channel, strict=True) if str(c) == label) for label in found.group}
        for i in rows_of(found, "channel"):
            assert found.value[i] == pytest.approx(exact[found.group[i]], abs=0.011, rel=1e-12)

    def test_no_money_is_moved_to_a_month_that_is_over(self):
        cohort = np.repeat(["2024-01", "2024-02", "2024-03"], 40)
        found = group_economics({"cohort": cohort}, np.repeat([90, 60, 30], 40) + [-1, 1] * 60, acquisition_cost=20)
        assert found.moves == (
            "cohort: clearly above 3: 2024-01 (4.50, at least 4.48); clearly below 3: 2024-03 (1.50, at most 1.52).",
        )

    def test_days_of_cohorts_are_written_as_days(self):
        """Python knows no nanoseconds: such a day was written as 1735689600000000000, and a missing one was a group."""
        cohort = np.array(["2025-01-01", "2025-02-01"], "datetime64[ns]")
        found = group_economics({"cohort": cohort}, [1, 2], acquisition_cost=1)
        assert found.group == ("all", "2025-01-01", "2025-02-01")
        later = group_economics({"cohort": cohort + np.timedelta64(90, "m")}, [1, 2], acquisition_cost=1)
        assert later.group == ("all", "2025-01-01 01:30:00", "2025-02-01 01:30:00")
        cohort[1] = "NaT"
        with pytest.raises(InputError, match="a label, not empty or missing"):
            group_economics({"cohort": cohort}, [1, 2], acquisition_cost=1)

    def test_order_of_customers_does_not_matter(self):
        order = np.array([3, 0, 4, 1, 2])
        other = table(
            by={"channel": np.array(CHANNEL)[order], "region": np.array(REGION)[order]},
            value=np.array(VALUE)[order],
            segment=np.array(CHANNEL)[order],
        )
        np.testing.assert_allclose(
            [other.to_columns()[n] for n in ("value", "ratio", "ratio_low")],
            [table().to_columns()[n] for n in ("value", "ratio", "ratio_low")],
        )

    def test_interval_of_the_ratio_covers_the_truth(self):
        """Costs that differ and go with the value; 95 % of 400 samples, give or take 3 standard errors."""
        rng = np.random.default_rng(2)
        cost = rng.gamma(4, 10, (400, 300))
        value = cost * rng.gamma(3, 1, cost.shape)
        hit = 0
        for c, v in zip(cost, value, strict=True):
            found = group_economics({"g": np.zeros(300, int)}, v, acquisition_cost=c)
            hit += found.ratio_low[0] <= 3 <= found.ratio_high[0]
        assert 0.917 <= hit / 400 <= 0.983

    def test_margins_alike_give_no_interval_of_the_payback(self):
        found = group_economics({"g": ["a"] * 5}, [9] * 5, acquisition_cost=12, cash_flows=[[0.1] * 200] * 5)
        assert found.payback.tolist() == [120, 120]
        assert np.isnan([found.payback_low, found.payback_high]).all()

    def test_one_more_period_of_one_customer_gives_no_interval_either(self):
        flows = [[9, 5], [9, np.nan], [9, np.nan]]
        found = group_economics({"g": ["a"] * 3}, [14, 9, 9], acquisition_cost=9, cash_flows=flows)
        assert found.payback.tolist() == [1, 1]
        assert np.isnan([found.payback_low, found.payback_high]).all()

    def test_a_value_of_seven_times_the_cost_in_each_row_says_nothing_of_the_next_one(self):
        """What rounding leaves is no variation."""
        cost = np.array([10, 20.1, 30.7, 5.3, 7.7])
        found = group_economics({"g": ["a"] * 5}, cost * 0.7, acquisition_cost=cost * 0.1)
        assert np.isnan([found.ratio_low, found.ratio_high]).all()
        assert found.advice == ("", "not clear")

    def test_payback_by_hand(self):
        """A customer who came late is not observed in the last period."""
        flows = [[10, 10, 10], [20, 20, np.nan], [30, 0, 30]]
        found = group_economics({"g": ["a", "a", "b"]}, [1, 1, 1], acquisition_cost=[25, 25, 31], cash_flows=flows)
        assert found.payback.tolist() == [2, 2, 3]  # 20 + 10 >= 27; 15 + 15 >= 25; 30 + 0 + 30 >= 31
        assert (found.payback_low[:2] <= found.payback[:2]).all()
        residue = group_economics({"g": ["a", "b"]}, [1, 1], acquisition_cost=[0.1 + 0.2 - 0.3, 1.0])
        assert np.isnan(residue.ratio).tolist() == [False, True, False]
        free = group_economics({"g": ["a"]}, [1], acquisition_cost=0, cash_flows=[[0.0]])
        assert free.payback.tolist() == [0, 0]
        assert np.isnan(free.ratio).all()
        never = group_economics({"g": ["a"]}, [1], acquisition_cost=9, cash_flows=[[1.0]])
        assert np.isnan(never.payback).all()

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"by": {}}, "by"),
            ({"by": CHANNEL}, "by"),
            ({"by": {"all": CHANNEL}}, "by"),
            ({"by": {"channel": CHANNEL[:3]}}, "by"),
            ({"by": {"channel": [None, *CHANNEL[1:]]}}, "by"),
            ({"by": {"channel": None}}, "by"),
            ({"by": {"channel": [1, "1", 2, 3, 4]}}, "by"),
            ({"value": []}, "value"),
            ({"segment": None}, "acquisition_cost"),
            ({"acquisition_cost": -1}, "acquisition_cost"),
            ({"cash_flows": [1, 2, 3, 4, 5]}, "cash_flows"),
            ({"cash_flows": [[np.nan, 1]] * 5}, "cash_flows"),
            ({"cash_flows": "flows"}, "cash_flows"),
            ({"target_ratio": 0}, "target_ratio"),
            ({"level": 95}, "level"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            table(**changes)
        assert caught.value.name == name

    def test_a_group_that_came_this_month_has_no_payback_yet(self):
        names, days = ["ann", "bob", "cid"], ["2024-01-05", "2024-01-10", "2024-06-20"]
        flows = cash_flows_by_age(
            names, days, [100, 300, 40], customers=names, margin=0.5, period="month", as_of="2024-06-30"
        )
        channel = {"channel": ["ads", "ads", "new"]}
        found = group_economics(channel, [20.0, 90, 30], acquisition_cost=[10, 20, 30], cash_flows=flows)
        payback = dict(zip(found.group, found.payback.tolist(), strict=True))
        assert np.isnan(payback["new"])
        assert payback["ads"] == 1
        assert "nan" not in found.conclusion

    def test_many_groups_with_cash_flows_take_little_time(self):
        by = {"group": np.arange(20_000) % 10_000}
        flows = np.random.default_rng(1).gamma(1.0, 10.0, (20_000, 6))
        total = flows.sum(axis=1)
        group_economics({"group": [1, 2]}, [1, 2], acquisition_cost=50.0, cash_flows=flows[:2])  # imports what it needs
        n_done, found = n_calls(lambda: group_economics(by, total, acquisition_cost=50.0, cash_flows=flows))
        assert n_done < 500_000  # were 1,600,000
        sums = flows[:10_000].cumsum(axis=1) + flows[10_000:].cumsum(axis=1)
        reached = sums >= 100.0
        paid = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.nan)
        place = np.array(found.group[1:]).astype(np.int64)
        np.testing.assert_array_equal(found.payback[1:], paid[place])


class TestCashFlowsByAge:
    """Margin of each whole period since the first order."""

    @given(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 500), st.integers(-50, 100)), min_size=1, max_size=25),
        st.sampled_from(["week", "month", "quarter"]),
    )
    @example([(0, 489, 0)], "quarter")
    def test_equals_a_slow_count(self, rows, period):
        start, end = date(2023, 1, 30), date(2024, 8, 31)
        ids = sorted({row[0] for row in rows if row[2] >= 0})
        assume(ids)
        columns = ([row[0] for row in rows], [start + timedelta(row[1]) for row in rows], [row[2] for row in rows])
        arguments = {"customers": ids, "margin": 0.5, "period": period, "as_of": end}
        earliest = min(start + timedelta(day) for _, day, money in rows if money >= 0)
        if self.later(earliest, 1, period) > end + timedelta(1):
            with pytest.raises(InputError, match="over for at least one customer"):
                cash_flows_by_age(*columns, **arguments)
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # of refunds before the first order
            found = cash_flows_by_age(*columns, **arguments)
        for who, flows in zip(ids, found, strict=True):
            own = [(start + timedelta(day), money) for other, day, money in rows if other == who]
            first = min(day for day, money in own if money >= 0)
            for k, flow in enumerate(flows):
                begin, stop = (self.later(first, k + i, period) for i in (0, 1))
                money = sum(money for day, money in own if begin <= day < stop)
                if stop <= end + timedelta(1):
                    assert flow == 0.5 * money
                else:
                    assert np.isnan(flow)

    @staticmethod
    def later(first, k, period):
        if period == "week":
            return first + timedelta(7 * k)
        month = first.month - 1 + k * (1 if period == "month" else 3)
        year, month = first.year + month // 12, month % 12 + 1
        last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(1)).day
        return date(year, month, min(first.day, last))

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"customers": ["ann", "eve"]}, "customers"),
            ({"customers": ["ann", "ann"]}, "customers"),
            ({"as_of": "2024-01-20"}, "period"),
            ({"as_of": "2024-01-01"}, "customers"),
            ({"period": "day"}, "period"),
            ({"date": ["2024-01-10"]}, "date"),
            ({"margin": 30}, "margin"),
        ],
    )
    def test_refuses(self, changes, name):
        log = {"customer": ["ann", "ann"], "date": ["2024-01-10", "2024-02-20"], "amount": [1, 2]}
        terms = {"customers": ["ann"], "margin": 0.5, "period": "month", "as_of": "2024-03-15"}
        with pytest.raises(InputError) as caught:
            cash_flows_by_age(**{**log, **terms, **changes})
        assert caught.value.name == name

    def test_a_refund_is_no_first_order(self):
        """The order of the refund is older than the log; age begins with the first order of the log."""
        who, days = ["ann", "ann", "ann", "eve"], ["2024-01-05", "2024-03-10", "2024-04-12", "2024-02-01"]
        terms = {"margin": 1.0, "period": "month", "as_of": "2024-05-09"}
        with pytest.warns(DataWarning, match=r"^1 refund comes before the first order") as caught:
            found = cash_flows_by_age(who, days, [-20, 100, 50, -30], customers=["ann"], **terms)
        assert found.tolist() == [[100.0, 50.0]]
        assert caught[0].message.count == 1
        assert caught[0].filename == __file__
        with pytest.raises(InputError, match=r"with an order until .*'eve' at index 1.*leave out who has only refunds"):
            cash_flows_by_age(who, days, [-20, 100, 50, -30], customers=["ann", "eve"], **terms)

    def test_one_early_day_hides_no_old_customers(self):
        who, week = np.arange(401), np.append(np.repeat([0, 60], [300, 100]), 0)
        days = np.datetime64("2022-01-03") + 7 * week
        days[400] = np.datetime64("1970-01-01")
        with pytest.warns(DataWarning) as caught:
            cash_flows_by_age(who, days, np.ones(401), customers=who, margin=0.5, period="month", as_of="2024-01-01")
        said = [str(warning.message) for warning in caught]
        assert said[0].startswith("1 row is more than 5 years before all others, the first of 1970-01-01")
        assert "301 of 401 customers may be older" in said[1]

    def test_one_early_day_does_not_take_the_memory(self):
        who, days = np.arange(2_001), np.full(2_001, np.datetime64("2024-05-06"))
        days[7] = np.datetime64("0023-05-06")
        with pytest.raises(InputError, match=r"first order of 7 is on 0023-05-06; half .* on 2024-05-06 or later"):
            cash_flows_by_age(who, days, np.ones(2_001), customers=who, margin=0.5, period="week", as_of="2024-12-31")


@pytest.mark.parametrize(
    ("name", "value"), [("level", 2), ("target_ratio", 0), ("acquisition_cost", -1.0), ("cash_flows", [1.0])]
)
def test_small_arguments_are_checked_before_the_groups_are_read(name, value):
    options = {"acquisition_cost": 1.0, name: value}
    with pytest.raises(InputError) as caught:
        group_economics({"channel": ["a", ""]}, [1.0, 2.0], **options)
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"n_customers": [3, 2, 2]}, "n_customers.*of the same sum in each dimension"),
        ({"n_customers": [2, 2, 0]}, "n_customers.*>= 1"),
        ({"value": [6.0, 5.0, 2.0]}, "value.*of the same sum in each dimension"),
        ({"total_acquisition_cost": [3.0, 20.0, 1.0]}, "total_acquisition_cost.*of the same sum"),
        ({"total_acquisition_cost": [3.0, 4.0, -1.0]}, "total_acquisition_cost.*>= 0"),
        ({"ratio_low": [3.0, 3.0, 1.0], "ratio_high": [1.0, 1.0, 1.0]}, "ratio_low.*at most `ratio_high`"),
        ({"ratio_low": [np.nan, 1.0, np.nan]}, "ratio_low.*NaN where, and only where, `ratio_high`"),
        ({"ltv_high": [1.5, 5.0, np.nan]}, "ltv.*at most `ltv_high`"),
        ({"payback_low": [3.0, 1.0, 1.0]}, "payback_low.*at most `payback`"),
        ({"payback": [-1.0, 1.0, 1.0]}, "payback.*>= 0"),
        ({"ratio": [np.nan, 2.0, 2.0]}, "ratio.*NaN where, and only where, the cost is 0"),
        ({"ratio": [1.5, 2.0, 2.0]}, "ratio.*`ltv` over `acquisition_cost`"),
        ({"acquisition_cost": [-1.0, 1.0, 1.0]}, "acquisition_cost.*>= 0"),
        ({"by": ["all", "all", "all"]}, "group.*once, after the row of all customers"),
        ({"group": ["all", "a", "a"]}, "group.*once, after the row of all customers"),
    ],
)
def test_contradictions_are_refused(changes, named):
    flows = [[1.0, 1.0], [2.0, 0.0], [3.0, 3.0]]
    found = group_economics({"channel": ["a", "a", "b"]}, [1.0, 3.0, 2.0], acquisition_cost=1.0, cash_flows=flows)
    with pytest.raises(InputError, match=named):
        attrs.evolve(found, **changes)


def test_the_value_of_a_customer_long_silent_counts_as_nothing():
    groups, value = {"channel": ["ads", "ads", "mail"]}, [1.95e-240, 3.0, 2.0]
    found = group_economics(groups, value, acquisition_cost=1.0)
    assert found == group_economics(groups, [0.0, *value[1:]], acquisition_cost=1.0)


def test_an_order_of_the_last_day_counts():
    flows = cash_flows_by_age(
        [1, 1], ["2024-01-01", "2024-01-31"], [10, 5], customers=[1], margin=1, period="month", as_of="2024-01-31"
    )
    assert flows.tolist() == [[15.0]]


def test_an_end_exactly_at_the_target_reaches_it():
    found = group_economics({"g": ["a"] * 4}, [10, 20, 30, 60], acquisition_cost=10)
    found = attrs.evolve(found, ratio_low=[1.0, 1.0], ratio_high=[5.0, 5.0])
    for target, advice, moves in (
        (1, "more", "g: spend more on a (3.00, at least 1.00). No group is clearly below 1."),
        (5, "not clear", "g: no group is clearly above or below 5. Leave the budget as it is."),
    ):
        at = attrs.evolve(found, target_ratio=target)
        assert (at.advice, at.moves) == (("", advice), (moves,))
