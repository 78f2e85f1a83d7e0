"""Pictures of rates, times and money show the figures of their results, beside a naive rule where there is one."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue import cohorts, experiments, funnels, loyalty
from crmvalue._core.pictures.parts import apart


def parts(value):
    return value.to_vega()["description"], value.plot_data()


def test_apart():
    assert apart(["a", "b", "a", "a (2)", "a"]) == ["a", "b", "a (2)", "a (2) (2)", "a (3)"]


class TestNDayRetention:
    """Shares by day, with intervals, beside those in which customers who are too young count as lost."""

    def retention(self, **changes):
        given = {
            "kind": "day",
            "as_of": "2024-03-01",
            "first_day": [1, 7, 90],
            "last_day": [1, 7, 90],
            "n_eligible": [10, 8, 0],
            "n_retained": [5, 2, 0],
            "n_too_young": [0, 2, 10],
        }
        return cohorts.NDayRetention(**{**given, **changes})

    def test_shares(self):
        found = self.retention()
        title, data = parts(found)
        assert title == "50 % of the customers come back on day 1, 25 % of those old enough on day 7"
        assert data["days"].tolist() == ["1", "7", "90"]
        np.testing.assert_array_equal(data["rate"], found.rate)
        np.testing.assert_array_equal(data["low"], found.interval().low)
        np.testing.assert_array_equal(data["too_young_as_lost"], [np.nan, 0.2, np.nan])

    def test_titles_of_spans(self):
        brackets = self.retention(kind="bracket", last_day=[6, 30, 90])
        said = "50 % of the customers come back on days 1 to 6, 25 % of those old enough on days 7 to 30"
        assert parts(brackets)[0] == said
        assert parts(brackets)[1]["days"].tolist() == ["1–6", "7–30", "90"]  # noqa: RUF001 - a dash in a range
        later = self.retention(kind="unbounded", last_day=[np.inf] * 3)
        assert parts(later)[1]["days"].tolist() == ["1+", "7+", "90+"]
        assert parts(self.retention(n_eligible=[0] * 3, n_retained=[0] * 3))[0] == "No customer is old enough yet"


class TestStageTimes:
    """The middle quantile of each step between the outer ones; what was not seen goes to the edge."""

    def times(self, **changes):
        given = {
            "stages": ["lead", "call", "deal"],
            "prob": [0.75, 0.25, 0.5],
            "time_in_stage": [[9.0, 2.0, 4.0], [np.inf, 3.0, 6.0]],
            "time_to_convert": [np.inf, 8.0, np.inf],
            "n_moved_on": [30, 20],
            "n_censored": [10, 10],
        }
        return funnels.StageTimes(**{**given, **changes})

    def test_rows(self):
        title, data = parts(self.times())
        assert title == "The longest step, call to deal: half went on within 6 days"
        assert data["step"].tolist() == ["lead to call", "call to deal", "entry to conversion"]
        np.testing.assert_array_equal(data["days"], [4, 6, np.nan])
        np.testing.assert_array_equal(data["low"], [2, 3, 8])
        assert data["high"] == pytest.approx([9, 1.15 * 9, 1.15 * 9])
        assert data["said"].tolist() == [
            "4 days; 30 of 40 went on",
            "6 days; 20 of 30 went on",
            "not seen; 20 of 40 went on",
        ]

    def test_not_seen(self):
        found = self.times(time_in_stage=[[9, 2, 4], [np.inf, 3, np.inf]])
        assert parts(found)[0] == "Fewer than half were seen to go on from call to deal"
        nobody = self.times(
            time_in_stage=np.full((2, 3), np.inf), time_to_convert=[np.inf] * 3, n_moved_on=[0, 0], n_censored=[9, 0]
        )
        assert parts(nobody)[0] == "Fewer than half were seen to go on from lead to call"

    def test_of_many_steps_the_longest(self):
        n = 40
        days = np.random.default_rng(1).permutation(n).astype(float)[:, np.newaxis]
        found = funnels.StageTimes(
            stages=[f"s{k}" for k in range(n + 1)],
            prob=[0.5],
            time_in_stage=days,
            time_to_convert=[99.0],
            n_moved_on=[5] * n,
            n_censored=[0] * n,
        )
        _, data = parts(found)
        assert sorted(data["days"].tolist()) == [*range(n - 13, n), 99]
        assert data["step"][-1] == "entry to conversion"


class TestRedemptionRates:
    """Redeemed and expired shares of each period; the title tells the periods whose time is over."""

    def rates(self, **changes):
        given = {
            "period": ["2024-01-01", "2024-02-01", "2024-03-01"],
            "n_members": [5, 5, 1],
            "issued": [100, 200, 100],
            "redeemed": [60, 100, 10],
            "expired": [40, 50, 0],
            "rate": [0.6, 0.5, 0.1],
            "low": [0.5, 0.4, np.nan],
            "high": [0.7, 0.6, np.nan],
        }
        return loyalty.RedemptionRates(**{**given, **changes})

    def test_bars(self):
        title, data = parts(self.rates())
        assert title == "Of the points whose time is over, 60 % were redeemed; of all points 42 % so far"
        assert data["month"].tolist() == ["2024-01", "2024-02", "2024-03"]
        assert data["rate"].tolist() == [0.6, 0.5, 0.1]
        np.testing.assert_array_equal(data["expired_low"], [0.6, 0.5, np.nan])
        np.testing.assert_array_equal(data["expired_high"], [1.0, 0.75, np.nan])
        np.testing.assert_array_equal(data["low"], [0.5, 0.4, np.nan])
        assert data["all_points"].tolist() == [170 / 400] * 3

    def test_titles(self):
        young = self.rates(expired=[0, 0, 0])
        assert parts(young)[0] == "42 % of all points are redeemed so far; the time of no period is over"
        old = self.rates(expired=[40, 100, 90])
        assert parts(old)[0] == "Of the points whose time is over, 42 % were redeemed"
        assert parts(self.rates(issued=[0] * 3, redeemed=[0] * 3, expired=[0] * 3))[0] == "No points were issued"

    def test_points_that_are_all_spent_may_have_time_left(self):
        ends = {"low": [np.nan] * 3, "high": [np.nan] * 3}
        early = self.rates(redeemed=[60, 100, 100], expired=[0, 50, 0], rate=[0.6, 0.5, 1.0], **ends)
        assert parts(early)[0] == "65 % of all points are redeemed so far; the time of no period is over"
        late = self.rates(redeemed=[100, 100, 100], expired=[0, 100, 0], rate=[1.0, 0.5, 1.0], **ends)
        title = "Of the points whose time is over, 67 % were redeemed; of all points 75 % so far"
        assert parts(late)[0] == title

    def test_years(self):
        data = parts(self.rates(period=["2022-01-01", "2023-01-01", "2024-01-01"]))[1]
        assert data["year"].tolist() == ["2022", "2023", "2024"]


class TestProgrammeSimulation:
    """Expected cost by month or year, beside the cost if all points were redeemed."""

    def simulation(self, n=3, **changes):
        points = np.arange(1, n + 1) * 100
        given = {
            "cost": points.sum() * 2.0 * 0.7,
            "cost_if_all_redeemed": points.sum() * 2.0,
            "spend": points.sum() * 50.0,
            "rules": ["base"],
            "points_by_rule": [points.sum()],
            "month": (np.datetime64("2023-11") + np.arange(n)).astype("datetime64[D]"),
            "points_by_month": points,
            "cost_by_month": points * 2.0 * 0.7,
            "levels": [],
            "points_by_level": [],
            "member": ["ann"],
            "member_points": [points.sum()],
            "member_spend": [points.sum() * 50],
        }
        return loyalty.ProgrammeSimulation(**{**given, **changes})

    def test_months(self):
        title, data = parts(self.simulation())
        assert title == "The points would have cost 2.8 % of the money of the orders, 4 % if all were redeemed"
        assert data["month"].tolist() == ["2023-11", "2023-12", "2024-01"]
        assert data["cost"] == pytest.approx([140, 280, 420])
        assert data["cost_if_all_redeemed"] == pytest.approx([200, 400, 600])

    def test_years(self):
        data = parts(self.simulation(26))[1]
        assert data["year"].tolist() == ["2023", "2024", "2025"]
        assert data["cost_if_all_redeemed"][:2] == pytest.approx([600, 2 * sum(range(300, 1500, 100))])

    def test_no_money_and_no_points(self):
        free = self.simulation(spend=0, member_spend=[0])
        assert parts(free)[0] == "The points would have cost 840 minor units, and 1,200 if all were redeemed"
        nothing = {"cost": 0, "cost_if_all_redeemed": 0, "points_by_rule": [0], "member_points": [0]}
        none = self.simulation(**nothing, points_by_month=[0] * 3, cost_by_month=[0] * 3)
        assert parts(none)[1]["cost_if_all_redeemed"].tolist() == [0, 0, 0]
        empty = {"month": [], "points_by_month": [], "cost_by_month": []}
        assert parts(self.simulation(**nothing, **empty))[0] == "No month has an order"


class TestManyLooks:
    """Of thousands of looks some are drawn: the first, the last, that of the decision and the one before."""

    def test(self):
        n = np.arange(1, 801)[:, np.newaxis] * [9, 9]
        found = experiments.sequential_test((n * [0.25, 0.30]).astype(int), n)
        title, data = parts(found)
        look = int(found.decided_at[0])
        kept = np.searchsorted(n.sum(axis=1), data["n_customers"])
        assert len(kept) <= 104
        assert {0, look - 1, look, len(n) - 1} <= set(kept.tolist())
        assert title == f"B is better than A, shown after {n[look].sum():,} customers"
        low, high = (np.asarray(end)[kept, 0] for end in found.difference_interval)
        late = data["n_customers"] >= 0.1 * n[-1].sum()
        assert data["low"][late] == pytest.approx(low[late])
        assert data["high"][late] == pytest.approx(high[late])
        assert data["low"].min() == min(low[late].min(), 0)
        assert data["high"].max() == high[late].max()
        inside = ~np.isnan(data["difference"])
        assert data["difference"][inside] == pytest.approx(found.difference[kept, 0][inside])
        assert inside[late].all()

    def test_of_few_looks_all(self):
        n = np.arange(1, 21)[:, np.newaxis] * [100, 100]
        found = experiments.sequential_test(n // [10, 8], n)
        _, data = parts(found)
        assert data["n_customers"].tolist() == n.sum(axis=1).tolist()
        assert data["low"] == pytest.approx(np.asarray(found.difference_interval.low)[:, 0])
        assert data["difference"] == pytest.approx(found.difference[:, 0])
