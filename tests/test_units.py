"""Money in another unit and a base that is there three times: what follows from the definitions alone."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.loyalty import EarnRule, LoyaltyProgramme, simulate_programme
from crmvalue.ltv import cash_flows_by_age, check_quoted_figures, group_economics, ltv_npv
from crmvalue.metrics import retention_by_worst_ticket, score_drivers
from crmvalue.profiles import contact_quality, resolve_profiles
from crmvalue.segmentation import value_tier

each_unit = pytest.mark.parametrize("unit", [0.25, 1000.0, 2.0**30])


class TestMoneyInAnotherUnit:
    """Sums of money are multiplied by it; ratios, times, classes and words stay."""

    @each_unit
    def test_ltv_npv(self, unit):
        """Margins of 30 and 20, and of 45 and 4, at the ends of two periods, less what winning them cost."""
        revenue, cost = np.array([[60.0, 50.0], [90.0, 10.0]]), np.array([10.0, 20.0])
        found = ltv_npv(revenue * unit, [0.5, 0.4], discount_rate=[0.1, 0.2], acquisition_cost=cost * unit)
        by_hand = np.array([30 / 1.1 + 20 / 1.1**2 - 10, 45 / 1.2 + 4 / 1.2**2 - 20])
        np.testing.assert_allclose(found, by_hand * unit, rtol=1e-12)

    @each_unit
    def test_group_economics(self, unit):
        value = np.array([20.0, 90.0, 30.0, 70.0])
        flows = np.array([[10.0, 10.0], [20.0, 70.0], [5.0, 25.0], [60.0, 10.0]])
        found, one = (
            group_economics(
                {"channel": ["ads", "mail", "ads", "mail"]}, value * u, acquisition_cost=25.0 * u, cash_flows=flows * u
            )
            for u in (unit, 1.0)
        )
        for name in ("value", "ltv", "ltv_low", "ltv_high", "acquisition_cost", "total_acquisition_cost"):
            np.testing.assert_allclose(getattr(found, name), getattr(one, name) * unit, rtol=1e-9)
        for name in ("ratio", "ratio_low", "ratio_high", "payback", "payback_low", "payback_high"):
            np.testing.assert_allclose(getattr(found, name), getattr(one, name), rtol=1e-9)
        assert found.advice == one.advice

    @each_unit
    def test_cash_flows_by_age(self, unit):
        """The margins 0.5 of 100 and 50, and 0.4 of 80; Bob has no third month yet."""
        found = cash_flows_by_age(
            ["ann", "ann", "bob"],
            ["2024-01-10", "2024-02-20", "2024-02-01"],
            np.array([100.0, 50.0, 80.0]) * unit,
            customers=["ann", "bob"],
            margin=[0.5, 0.4],
            period="month",
            as_of="2024-04-15",
        )
        np.testing.assert_allclose(found, np.array([[50, 25, 0], [32, 0, np.nan]]) * unit, rtol=1e-12)

    @each_unit
    def test_check_quoted_figures(self, unit):
        """Winning costs 2.5 times keeping, LTV:CAC is 3, and a cost of 100 takes five months of 20."""
        found = check_quoted_figures(
            acquisition_cost=100 * unit, retention_cost=40 * unit, ltv=300 * unit, monthly_margin=20 * unit
        )
        assert found.own.tolist() == [2.5, 3.0, 5.0]

    @each_unit
    def test_value_tier(self, unit):
        """The first has 5 of 9, and up to the second are 8 of 9."""
        found = value_tier(np.array([5.0, 3.0, 1.0]) * unit, basis="value_share", limits=[0.5, 0.9])
        assert found.tolist() == ["A", "B", "B"]

    @pytest.mark.parametrize("unit", [0.01, 10.0, 1e6])
    def test_scores_and_answers_on_another_scale(self, unit):
        score, speed = np.array([9.0, 7.0, 3.0, 8.0, 4.0, 10.0]), np.array([5, 4, 2, 4, 1, 3])
        found, one = score_drivers(score * unit, {"speed": speed}), score_drivers(score, {"speed": speed})
        np.testing.assert_allclose(found.effect, one.effect * unit, rtol=1e-9)
        np.testing.assert_allclose(found.importance, one.importance, rtol=1e-9)


class TestThreeTimesTheBase:
    """Counts and sums are three times as large, shares stay."""

    def test_simulate_programme(self):
        programme = LoyaltyProgramme(rules=[EarnRule(name="base", points=5, per=100)])
        one, many = (
            simulate_programme(
                programme,
                order=[f"{name}{i}" for i in range(n) for name in ("o", "p")],
                customer=[f"{name}{i}" for i in range(n) for name in ("ann", "bob")],
                time=["2024-01-05", "2024-02-05"] * n,
                spend=[10_000, 30_000] * n,
                point_value=1.0,
                redemption_rate=0.8,
            )
            for n in (1, 3)
        )
        assert (one.cost, one.points_by_rule.tolist()) == (1600.0, [2000])  # 5 points for each hundred, 0.80 each
        assert (many.cost, many.spend, many.points_by_rule.tolist()) == (4800.0, 120_000.0, [6000])
        assert one.share_of_top(0.5) == many.share_of_top(0.5) == 0.75  # 1,500 of 2,000 points
        assert many.share_rewarded == 1

    def test_retention_by_worst_ticket(self):
        one, many = (
            retention_by_worst_ticket(
                [f"{who}{i}" for i in range(n) for who in "abc"],
                ["2024-01-01", "2024-01-15", "2024-02-01"] * n,
                [None, None, "2024-05-01"] * n,
                [f"{who}{i}" for i in range(n) for who in "aac"],
                ["2024-01-02", "2024-01-03", "2024-02-02"] * n,
                ["minor", "major", "major"] * n,
                order=["minor", "major"],
                as_of="2024-12-31",
                landmark_days=30,
                horizon_days=90,
            )
            for n in (1, 3)
        )
        assert (many.n_customers.tolist(), many.n_lost.tolist()) == ([3, 6], [0, 3])
        assert one.retained.tolist() == many.retained.tolist() == [1.0, 0.5]

    def test_profiles_and_contacts(self):
        source, card = ["web", "web", "shop", "web"], ["1", None, "2", "1"]
        cards = [value and f"{value}-{i}" for i in range(3) for value in card]
        assert resolve_profiles(range(4), {"card": card}, ["card"]).n_profiles == 3
        assert resolve_profiles(range(12), {"card": cards}, ["card"]).n_profiles == 9
        many = contact_quality(source * 3, {"card": cards})
        assert (many.source, many.n_records.tolist()) == (("shop", "web"), [3, 9])
        assert (many.n_missing.tolist(), many.n_duplicate.tolist()) == ([0, 3], [0, 6])
