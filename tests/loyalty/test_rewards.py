"""Rewards for points, runs of periods, and paid membership."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.loyalty import Level, LoyaltyProgramme, Reward, RewardCatalogue, find_streaks, membership_break_even
from tests.tables import check_json, check_table

CATALOGUE = RewardCatalogue(
    rewards=[
        Reward(name="mug", price=80, stock=2),
        Reward(name="box", price=50, levels=["gold"]),
        Reward(name="coffee", price=10),
    ]
)


class TestRewardCatalogue:
    """A reward is available if the points, the level and the stock allow it."""

    @pytest.mark.parametrize(
        ("points", "level", "names"),
        [
            (9, "gold", ()),
            (-5, "gold", ()),
            (10, None, ("coffee",)),
            (79, "gold", ("box", "coffee")),
            (80, "base", ("mug", "coffee")),
            (500, "gold", ("mug", "box", "coffee")),
        ],
    )
    def test_available(self, points, level, names):
        assert CATALOGUE.available(points, tier=level) == names

    def test_redeeming_lowers_the_stock(self):
        price, left = CATALOGUE.redeem("mug", 100)
        assert price == 80
        _, left = left.redeem("mug", 100)
        assert "mug" not in left.available(100)
        assert "mug" in CATALOGUE.available(100)
        assert left.redeem("coffee", 100)[1] == left
        check_json(left)
        with pytest.raises(InputError, match="none is left"):
            left.redeem("mug", 100)

    @pytest.mark.parametrize(
        ("name", "points", "level", "reason"),
        [
            ("car", 100, None, "name of a reward"),
            ("mug", 79, None, "costs 80"),
            ("box", 100, "base", "it is for the level gold$"),
        ],
    )
    def test_what_cannot_be_is_refused(self, name, points, level, reason):
        with pytest.raises(InputError, match=reason):
            CATALOGUE.redeem(name, points, tier=level)

    @pytest.mark.parametrize("level", [None, pd.NA, np.nan])
    def test_a_missing_level_of_a_dataframe_is_none(self, level):
        assert CATALOGUE.available(60, tier=level) == ("coffee",)
        with pytest.raises(InputError, match=r"it is for the level gold$"):
            CATALOGUE.redeem("box", 60, tier=level)

    @pytest.mark.parametrize("level", [["gold"], np.array(["gold", "base"]), 1])
    def test_a_level_is_text(self, level):
        for ask in (CATALOGUE.available, lambda points, tier: CATALOGUE.redeem("box", points, tier=tier)):
            with pytest.raises(InputError, match="`tier` must be text"):
                ask(60, tier=level)

    def test_one_point_and_two_levels(self):
        catalogue = RewardCatalogue(
            rewards=[Reward(name="sticker", price=1), Reward(name="trip", price=9, levels=["gold", "silver"])]
        )
        with pytest.raises(InputError, match=r"it costs 1 point$"):
            catalogue.redeem("sticker", 0)
        with pytest.raises(InputError, match=r"it is for the levels gold, silver$"):
            catalogue.redeem("trip", 9, tier="base")

    def test_two_rewards_of_one_name_are_refused(self):
        with pytest.raises(InputError, match="different names"):
            RewardCatalogue(rewards=[Reward(name="a", price=1), Reward(name="a", price=2)])


def slow_streaks(log, period, length, as_of, at_least):
    """Walk from period to period."""
    first = {"day": lambda d: d, "week": lambda d: d - (int(d.astype(int)) + 3) % 7}
    first["month"] = lambda d: d.astype("datetime64[M]").astype("datetime64[D]")

    def after(start):
        return first[period](start + {"day": 1, "week": 7, "month": 31}[period])

    found = {}
    for customer in {who for who, _ in log}:
        starts = [first[period](day) for who, day in log if who == customer and day <= as_of]
        run = longest = 0
        won = []
        start = first[period](min(day for _, day in log))
        runs = {}
        while start <= as_of:
            run = run + 1 if starts.count(start) >= at_least else 0
            longest = max(longest, run)
            runs[start] = run
            if run and run % length == 0:
                won.append(start)
            start = after(start)
        now = first[period](as_of)
        before = [day for day in runs if day < now]
        current = runs.get(now, 0) or (runs[max(before)] if before else 0)
        found[customer] = (current, longest, won)
    return found


class TestFindStreaks:
    """Runs of calendar periods in a row, against a walk from period to period."""

    @given(
        st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 100)), min_size=1, max_size=40),
        st.sampled_from(["day", "week", "month"]),
        st.integers(1, 3),
        st.integers(1, 2),
        st.integers(0, 40),
    )
    def test_equals_a_walk(self, rows, period, length, at_least, later):
        log = [(who, np.datetime64("2023-12-15") + day) for who, day in rows]
        as_of = max(day for _, day in log) + later
        customer, date = zip(*log, strict=True)
        found = find_streaks(customer, date, period=period, length=length, as_of=as_of, at_least=at_least)
        slow = slow_streaks(log, period, length, as_of, at_least)
        for i, who in enumerate(found.customer.tolist()):
            assert (found.current[i], found.longest[i]) == slow[who][:2]
            assert found.won_period[found.won_customer == who].tolist() == [day.item() for day in slow[who][2]]

    def test_rows_after_the_last_day_are_counted(self):
        found = find_streaks(
            [1, 1, 2], ["2024-01-01", "2024-01-02", "2024-01-05"], period="day", length=2, as_of="2024-01-02"
        )
        assert (found.n_later, found.longest.tolist()) == (1, [2, 0])
        assert find_streaks([1], ["2024-01-01"], period="day", length=2).n_later == 0

    def test_table_and_json(self):
        found = find_streaks(["ann"] * 2, ["2024-01-05", "2024-02-07"], period="month", length=2)
        check_json(found)
        check_table(found, 1, "longest", [2])


class TestMembershipBreakEven:
    """Members save the discount and pay the fee."""

    def test_those_who_gain_cost_the_shop(self):
        found = membership_break_even([100, 500, 600, 1500], fee=50, discount=0.1, margin=0.3)
        assert found["spend_from"] == pytest.approx(500)
        assert found["share_gaining"] == 0.5
        assert found["gain"] == pytest.approx(50 - 60 + 50 - 150)
        rise = 1 + found["extra_spend"]
        assert sum(s * rise * (0.3 - 0.1) + 50 for s in (600, 1500)) == pytest.approx(0.3 * 2100)

    def test_nobody_gains(self):
        found = membership_break_even([1, 2], fee=50, discount=0.1, margin=0.3)
        assert found["share_gaining"] == found["gain"] == found["extra_spend"] == 0
        assert str(found["gain"]) == "0.0"

    @pytest.mark.parametrize(
        ("fee", "discount", "spend"), [(0.7, 0.1, 7), (0.3, 0.1, 3), (2.1, 0.7, 3), (5.6, 0.07, 80)]
    )
    def test_who_saves_just_the_fee_gains_nothing(self, fee, discount, spend):
        found = membership_break_even([spend, spend + 0.01], fee=fee, discount=discount, margin=0.9)
        assert (found["spend_from"], found["share_gaining"]) == (spend, 0.5)

    def test_rounding_of_sums_is_no_saving(self):
        """Customers with ten orders of 9.90 spent 99.00000000000001, and all of them gained."""
        found = membership_break_even([sum([9.9] * 10)] * 3 + [99.01], fee=9.9, discount=0.1, margin=0.3)
        assert (found["spend_from"], found["share_gaining"]) == (99.0, 0.25)

    def test_a_discount_above_the_margin_is_refused(self):
        with pytest.raises(InputError, match="discount"):
            membership_break_even([1], fee=1, discount=0.4, margin=0.3)


class TestFarDates:
    """One row dated 2203 does not move the end of a log."""

    def test_streaks(self):
        log = (["a", "a", "b"] * 5, ["2024-01-01", "2024-01-10", "2024-01-09"] * 5)
        wrong = ([*log[0], "b"], [*log[1], "2203-01-02"])
        with pytest.raises(InputError, match="unless `as_of` is given"):
            find_streaks(*wrong, period="week", length=2)
        assert find_streaks(*wrong, period="week", length=2, as_of="2024-01-10").current.tolist() == [2, 1]

    def test_levels(self):
        programme = LoyaltyProgramme(
            levels=[Level(name="base", at_least=0), Level(name="gold", at_least=100)], window="rolling"
        )
        log = (["a", "b"] * 6, ["2024-01-05"] * 12, [100] * 12)
        wrong = tuple([*column, odd] for column, odd in zip(log, ("b", "2203-01-01", 1), strict=True))
        with pytest.raises(InputError, match="unless `as_of` is given"):
            programme.member_levels(*wrong)
        found = programme.member_levels(*wrong, as_of="2024-01-05")
        assert found.tier_names.tolist() == ["gold", "gold"]

    @pytest.mark.parametrize(
        ("spend", "index", "value"), [([], None, 0), ([5.0, -1.0], 1, -1.0), ([-2.0, -1.0], 0, -2.0)]
    )
    def test_spend_that_is_not_there_or_negative_is_refused(self, spend, index, value):
        with pytest.raises(InputError, match="at least one row") as caught:
            membership_break_even(spend, fee=1, discount=0.1, margin=0.3)
        assert (caught.value.name, caught.value.index, caught.value.value) == ("spend", index, value)

    def test_a_discount_of_the_whole_margin_is_refused(self):
        with pytest.raises(InputError, match="below the margin"):
            membership_break_even([1], fee=1, discount=0.3, margin=0.3)
