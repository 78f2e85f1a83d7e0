"""Pictures of key figures: targets, budgets, drivers of a score, and service levels."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue import ltv, metrics


def parts(value):
    return value.to_vega()["description"], value.plot_data()


class TestBudgetSplit:
    """Spend in the split beside that of today, the largest change first."""

    def split(self, **changes):
        given = {
            "channels": ["ads", "mail", "search"],
            "spend_now": [600.0, 100.0, 50.0],
            "spend": [250.0, 700.0, 50.0],
            "n_new": [9.0, 20.0, 0.0],
            "acquisition_cost": [27.8, 35.0, np.nan],
            "ratio": [5.0, 4.0, np.nan],
            "next_ratio": [1.0, 1.0, 0.0],
            "unspent": 500.0,
            "value": 4050.0,
            "target_ratio": 3.0,
        } | changes
        return ltv.BudgetSplit(**given, most=given["spend"], budget=np.sum(given["spend"]) + given["unspent"])

    def test_rows(self):
        found = self.split()
        title, data = parts(found)
        assert title == "Spend 600 more on mail and 350 less on ads: LTV:CAC is then 4.05"
        assert data["channel"].tolist() == ["mail", "ads", "search"]
        assert data["spend"].tolist() == [700, 250, 50]
        assert data["spend_now"].tolist() == [100, 600, 50]
        assert data["said"].tolist() == ["LTV:CAC 4", "LTV:CAC 5", ""]
        axis = found.to_vega()["layer"][0]["encoding"]["x"]["title"]
        assert axis == "Spend of a period [money]; 500 of the budget is left"

    def test_titles(self):
        assert parts(self.split(spend=[600, 100, 50]))[0] == "Leave the spend of all channels as it is"
        assert parts(self.split(spend=[0, 0, 0]))[0] == "No channel reaches the ratio of 3: spend nothing"
        assert parts(self.split(spend=[600, 100, 200]))[0] == "Spend 150 more on search: LTV:CAC is then 4.5"
        assert parts(self.split(spend=[300, 100, 50]))[0] == "Spend 300 less on ads: LTV:CAC is then 9"
        title = parts(self.split(spend=[300, 80, 50]))[0]
        assert title == "Spend 300 less on ads, and change 1 other channel: LTV:CAC is then 9.42"

    def test_of_many_channels_the_rest_is_one(self):
        n = 40
        names = ("spend", "n_new", "acquisition_cost", "ratio", "next_ratio")
        columns = {name: np.arange(1.0, n + 1) for name in names}
        found = self.split(channels=[f"c{k}" for k in range(n)], spend_now=np.ones(n), **columns)
        _, data = parts(found)
        assert data["channel"][-1] == "27 other channels"
        assert (data["spend"].sum(), data["spend_now"].sum()) == (found.spend.sum(), n)


class TestScoreDrivers:
    """Effects with intervals, the most important question first, beside a line at no effect."""

    def drivers(self, **changes):
        given = {
            "question": ["price", "speed", "staff"],
            "effect": [0.5, 1.25, -0.1],
            "low": [0.2, 1.0, -0.4],
            "high": [0.8, 1.5, 0.2],
            "p_value": [0.002, 0.0001, 0.4],
            "importance": [0.2, 0.6, 0.01],
            "mean": [3.0, 4.0, 2.0],
            "explained": 0.81,
            "n_answers": 90,
            "n_incomplete": 0,
            "level": 0.95,
        }
        return metrics.ScoreDrivers(**{**given, **changes})

    def test_rows(self):
        title, data = parts(self.drivers())
        assert title == "speed goes with the score most closely: one point more goes with 1.25 points more"
        assert data["question"].tolist() == ["speed", "price", "staff"]
        assert data["effect"].tolist() == [1.25, 0.5, -0.1]
        assert data["low"].tolist() == [1, 0.2, -0.4]
        assert data["said"].tolist() == ["60 % of the variance", "20 % of the variance", "1 % of the variance"]
        assert data["no_effect"][0] == 0

    def test_equals(self):
        found = self.drivers(importance=[0.4, 0.4, 0.01])
        assert parts(found)[0] == "2 questions go with the score equally closely, the most"
        assert found.conclusion.startswith(
            "price, speed go with the score equally closely, the most. For price, one point more"
        )

    def test_titles(self):
        assert parts(self.drivers(p_value=[0.06, 0.2, 1.0]))[0] == "No question is shown to go with the score"
        ends = {"low": [-0.8, -1, -1], "high": [-0.2, 3, 1]}
        found = self.drivers(effect=[-0.5, 1.25, 0], **ends, p_value=[0.01, 0.5, 1])
        assert parts(found)[0] == (
            "Most important is speed, but it is price that is shown to go with the score: "
            "one point more goes with 0.5 points less"
        )


class TestServiceLevel:
    """Shares with intervals, the worst group first, beside the share of all tickets."""

    def level(self, within, missed, names=("high", "low")):
        n = len(within)
        return metrics.ServiceLevel(
            customer_class=["all"] * n,
            priority=list(names),
            n_within=within,
            n_missed=missed,
            n_pending=[7] * n,
            level=0.95,
            open=metrics.OpenTickets(row=[], hours_left=[], at_risk=[]),
            n_later=0,
            as_of="2024-03-01",
        )

    def test_rows(self):
        found = self.level([80, 30], [20, 20])
        title, data = parts(found)
        assert title == "73 % of the tickets are resolved within the target, 60 % in group low"
        equal = self.level([80, 3, 6], [20, 2, 4], ("high", "low", "none"))
        assert parts(equal)[0].endswith(", 60 % in group low; 1 more is equal")
        assert data["group"].tolist() == ["low", "high"]
        assert data["share"].tolist() == [0.6, 0.8]
        assert data["low"] == pytest.approx(found.low[::-1])
        assert data["all_tickets"][0] == pytest.approx(110 / 150)
        assert data["said"].tolist() == ["30 of 50", "80 of 100"]

    def test_titles(self):
        assert parts(self.level([0, 0], [0, 0]))[0] == "No target time is over yet"
        assert parts(self.level([9, 9], [0, 0]))[0] == "100 % of the tickets are resolved within the target"
        alone = parts(self.level([1], [3], ["all"]))
        assert alone[0] == "25 % of the tickets are resolved within the target"
        assert alone[1]["group"].tolist() == ["all tickets"]

    def test_of_many_groups_the_worst(self):
        n = 60
        found = self.level(np.random.default_rng(1).permutation(n) + 1, [n] * n, [f"g{k}" for k in range(n)])
        _, data = parts(found)
        assert data["share"] == pytest.approx(np.sort(found.share)[: len(data["share"])])


class TestPlanAndActual:
    """What came in and the forecast beside the target; the furthest behind first."""

    def targets(self, **changes):
        n = len(changes.get("target", "abc"))
        given = {
            "dimensions": {"manager": ["ann", "bob", "eve"], "region": ["east", "west", "east"]},
            "start": ["2025-03-01"] * n,
            "end": ["2025-03-31"] * n,
            "target": [100.0, 100.0, 100.0],
            "actual": [60.0, 100.0, 40.0],
            "days_over": [20] * n,
            "days_left": [11] * n,
            "forecast": [95.0, 150.0, np.nan],
            "forecast_low": [80.0, 130.0, np.nan],
            "forecast_high": [110.0, 170.0, np.nan],
            "prob_reached": [0.3, 1.0, np.nan],
            "level": 0.95,
            "as_of": "2025-03-20",
        }
        return metrics.PlanAndActual(**{**given, **changes})

    def test_rows(self):
        title, data = parts(self.targets())
        assert title == "1 of 3 targets is reached or likely; eve, east needs 5.45 a working day"
        assert data["target_of"].tolist() == ["eve, east", "ann, east", "bob, west"]
        assert data["actual"].tolist() == [40, 60, 100]
        np.testing.assert_array_equal(data["forecast"], [np.nan, 95, 150])
        np.testing.assert_array_equal(data["high"], [np.nan, 110, 170])
        assert data["target"].tolist() == [100, 100, 100]

    @pytest.mark.parametrize(
        ("changes", "title"),
        [
            ({"actual": [100, 120, 100]}, "All 3 targets are reached"),
            ({"prob_reached": [0.8, 1, 0.9]}, "All 3 targets are reached or likely"),
            ({"days_left": [0] * 3}, "1 of 3 targets is reached or likely; eve, east was missed"),
        ],
    )
    def test_titles(self, changes, title):
        assert parts(self.targets(**changes))[0] == title

    @pytest.mark.parametrize(
        ("actual", "prob", "days", "title"),
        [
            (100, 1, 11, "The target is reached"),
            (90, 0.9, 11, "The target will likely be reached"),
            (78, 0.5, 11, "The target needs 2 a working day"),
            (78, 0, 0, "The target was missed"),
        ],
    )
    def test_one_target(self, actual, prob, days, title):
        one = {name: [value] for name, value in {"target": 100, "actual": actual, "prob_reached": prob}.items()}
        ahead = {name: [actual] for name in ("forecast", "forecast_low", "forecast_high")}
        found = self.targets(dimensions={}, days_over=[20], days_left=[days], **one, **ahead)
        assert parts(found)[0] == title
        assert parts(found)[1]["target_of"].tolist() == ["2025-03-01"]

    def test_periods_stay_in_their_order(self):
        found = self.targets(dimensions={}, start=["2025-01-01", "2025-02-01", "2025-03-01"])
        assert parts(found)[1]["target_of"].tolist() == ["2025-01-01", "2025-02-01", "2025-03-01"]

    def test_no_target(self):
        names = ("target", "actual", "forecast", "forecast_low", "forecast_high", "prob_reached")
        none = {name: [] for name in names}
        assert parts(self.targets(dimensions={}, **none))[0] == "There is no target"
