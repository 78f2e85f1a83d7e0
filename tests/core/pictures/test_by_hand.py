"""Pictures of small cases whose figures were worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import gamma

from crmvalue import attribution
from crmvalue._cohorts.pictures import comparison_parts, days_parts, payback_parts, survival_parts, triangle_parts
from crmvalue._core.pictures.effects import effect_parts
from crmvalue._experiments.pictures import differences_parts, looks_parts
from crmvalue._funnels.pictures import events_parts, groups_parts, stages_parts, times_parts
from crmvalue._journeys.pictures import last_step_parts, plan_parts, steps_parts
from crmvalue._journeys.results.pictures import observed_parts, rank_parts, results_parts
from crmvalue._loyalty.pictures import costs_parts, liability_parts, rates_parts, simulation_parts
from crmvalue._metrics.pictures import drivers_parts, level_parts, targets_parts
from crmvalue._products.pictures import hits_parts
from crmvalue._promotions.uses.pictures import discounts_parts
from crmvalue._purchases.pictures import regularity_parts
from crmvalue._segmentation.pictures import lorenz_parts, migration_parts, scores_parts, summary_parts
from crmvalue.typing import Interval

MONTHS = np.arange("2024-01", "2024-04", dtype="datetime64[M]").astype("datetime64[D]")


def days(n, start="2024-01-01"):
    return np.datetime64(start) + np.arange(n)


class TestChannels:
    """The largest credit stands first; grey is the money by the share of the touches."""

    def test_credit(self):
        paths = attribution.Paths.from_lists([["mail", "ads"], ["mail"]], [3, 2], value=[30, 30])
        found = attribution.attribute(paths, model="last")._parts()
        assert found.title == "ads gets 50 % of the money; 1 more is equal"
        paths = attribution.Paths.from_lists([["mail", "ads"], ["mail"]], [3, 2])
        found = attribution.attribute(paths, model="last")._parts()
        assert found.title == "ads gets 60 % of the conversions"
        assert found.columns["channel"].tolist() == ["ads", "mail"]
        assert found.columns["credit"].tolist() == [3, 2]
        assert found.columns["by_touches"] == pytest.approx([5 * 3 / 8, 5 * 5 / 8])

    @pytest.mark.parametrize(
        ("cost", "title"),
        [
            ([7, 1, 1, 1], "By credit, a costs 2 more than it brings"),
            ([7, 6, 1, 5], "By credit, a costs 2 more than it brings, as one more does"),
            ([7, 6, 6, 5], "By credit, a costs 2 more than it brings, as 2 more do"),
        ],
    )
    def test_losses(self, cost, title):
        paths = attribution.Paths.from_lists([[name] for name in "abcd"], [1] * 4, value=[5] * 4)
        found = attribution.channel_returns(attribution.attribute(paths, model="last"), cost)._parts()
        assert found.title == title

    def test_the_cheapest_are_counted(self):
        paths = attribution.Paths.from_lists([[name] for name in "abc"], [1] * 3)
        credit = attribution.attribute(paths, model="last")
        least = attribution.channel_returns(credit, [2, 2, 5])._parts().title
        assert least == "2 channels cost the same, the least: 2 for a conversion"
        assert attribution.channel_returns(credit, [2, 5, 5])._parts().title == "a costs least: 2 for a conversion"
        two = attribution.Paths.from_lists([["a"], ["b"]], [1] * 2)
        returns = attribution.channel_returns(attribution.attribute(two, model="last"), [2, 5])
        assert returns._parts().title == "a costs least: 2 for a conversion"

    def test_costs_of_many(self):
        """Of 20 channels with conversions 15 are drawn; that is no channel without one."""
        paths = attribution.Paths.from_lists([[f"c{k:02}"] for k in range(21)], [1] * 20 + [0])
        returns = attribution.channel_returns(attribution.attribute(paths, model="last"), np.arange(1, 22))
        found = returns._parts()
        assert found.title == "c00 costs least: 1 for a conversion"
        assert found.x.title == "Cost of a conversion [money]; 15 of 20 channels; 1 has none"


class TestCohorts:
    """Shares weigh each cohort by its size; the last cohorts are drawn."""

    def test_triangle(self):
        rates = np.array([[1.0, 0.5, 0.25], [1.0, 0.1, np.nan], [1.0, np.nan, np.nan]])
        found = triangle_parts("month", MONTHS, np.array([10, 90, 5]), rates, by_start=False)
        assert found.title == "One month after the first, 14 % of the customers buy again"
        assert found.columns["cohort"][::3].tolist() == ["2024-01, 10", "2024-02, 90", "2024-03, 5"]
        np.testing.assert_array_equal(found.columns["retention"][:3], [np.nan, 0.5, 0.25])
        assert found.columns["shown"][:3].tolist() == ["100", "50", "25"]
        by_start = triangle_parts("month", MONTHS, np.array([10, 90, 5]), rates, by_start=True)
        assert by_start.columns["retention"][0] == 1

    def test_the_last_cohorts_and_the_first_ages(self):
        start = np.arange("2022-01", "2023-09", dtype="datetime64[M]").astype("datetime64[D]")
        rates = np.full((20, 20), 0.5)
        found = triangle_parts("quarter", start, np.arange(1, 21), rates, by_start=False)
        assert found.columns["cohort"][0] == "2022-03, 3"
        assert found.columns["cohort"][-1] == "2023-08, 20"
        assert sorted(set(map(int, found.columns["age"]))) == list(range(13))

    def test_days(self):
        """On day 7 as many are old enough as on day 1: then they are the same people."""
        span, ends = (np.array([1.0, 7.0]),) * 2, Interval(np.zeros(2), np.ones(2))
        counts = tuple(np.array(column) for column in ([5, 2], [10, 10], [0, 2]))
        found = days_parts(span, counts, np.array([0.5, 0.2]), ends)
        assert found.title == "50 % of the customers come back on day 1, 20 % on day 7"
        np.testing.assert_array_equal(found.columns["too_young_as_lost"], [np.nan, 2 / 12])
        back = days_parts(span, (counts[0], np.array([10, 12]), counts[2]), np.array([0.5, 0.2]), ends)
        assert back.title == "50 % of the customers come back on day 1, 20 % of those old enough on day 7"
        none = days_parts(span, (counts[0], counts[1], np.zeros(2, dtype=int)), np.array([0.5, 0.2]), ends)
        assert [layer.label for layer in none.layers] == ["", "share and interval"]

    def test_survival(self):
        """Half have left by time 2 of 3; at the time of a step, the share is that after it."""
        ends = np.array([0.6, 0.3, 0.1]), np.array([0.9, 0.7, 0.5])
        found = survival_parts(np.array([1.0, 2.0, 3.0]), np.array([0.8, 0.5, 0.25]), ends, 0.5, 2.0)
        assert found.title == "Half of the customers have left by time 2"
        time, share = found.columns["time"], found.columns["survival"]
        assert share.tolist() == [1 if t < 1 else 0.8 if t < 2 else 0.5 if t < 3 else 0.25 for t in time]
        assert {1.0, 2.0, 3.0} <= set(time.tolist())
        assert found.columns["low"][-1] == 0.1
        assert found.columns["constant_churn"] == pytest.approx([math.exp(-t / 2) for t in time])
        many = survival_parts(np.array([1.0, 2.0]), np.array([0.9, 0.7]), ends, 0.1, math.inf)
        assert many.title == "70 % of the customers stay longer than time 2"

    def test_payback(self):
        """Cohorts of 1 and 3 customers; the older one alone is two months old."""
        size, cost = np.array([1, 3]), np.array([4.0, 12.0])
        found = payback_parts("month", size, np.array([[2.0, 4.0], [10.0, np.nan]]), cost)
        assert (
            found.title == "On average, a customer of the cohorts that are so old pays back their cost within 2 months"
        )
        assert found.columns["mean_ltv"].tolist() == [8, 4]
        assert found.columns["lowest"].tolist() == [2, 4]
        assert found.columns["highest"].tolist() == [10, 4]
        assert found.columns["acquisition_cost"].tolist() == [10, 4]
        assert np.nanmax(found.columns["payback"]) == 2
        first = payback_parts("month", size, np.array([[4.0, 4.0], [12.0, np.nan]]), cost)
        assert first.title == "On average, a customer pays back their cost within 1 month"
        never = payback_parts("month", size, np.array([[2.0, 3.0], [10.0, np.nan]]), cost)
        assert never.title == "A customer has not paid back their cost of 10 yet"

    def test_the_best_cohort_stands_first(self):
        ends = np.array([0.1, 0.2, 0.1]), np.array([0.4, 0.9, 0.6])
        found = comparison_parts(
            "retention at age 1", ("a", "b", "c"), np.array([0.2, 0.6, 0.4]), ends, ("b", "a"), differs=True
        )
        assert found.columns["cohort"].tolist() == ["b", "c", "a"]
        assert found.columns["high"].tolist() == [0.9, 0.6, 0.4]
        assert found.x.form == "share"

    def test_a_cohort_of_the_title_is_drawn_before_those_of_known_times(self):
        value = np.append(math.inf, np.arange(1.0, 20))
        names = tuple(f"c{k}" for k in range(20))
        found = comparison_parts(
            "time that customers stay", names, value, (value - 1, value + 1), ("c0", "c1"), differs=True
        )
        assert found.columns["cohort"].tolist() == ["c0", *(f"c{k}" for k in range(19, 3, -1)), "c1"]


class TestExperiments:
    """The variant with the largest shown difference is named."""

    def test_differences(self):
        """C has the larger difference but for chance; only B is shown."""
        shown, ends = np.array([True, False]), Interval(np.array([0.01, -0.1]), np.array([0.05, 0.3]))
        found = differences_parts(
            ("B", "C"), "A", np.array([0.03, 0.1]), ends, what="rate", form="share", is_shown=shown
        )
        assert found.title == "B is better than A by 3 percentage points"
        one_worse = differences_parts(
            ("B", "C"), "A", np.array([-0.03, 0.1]), ends, what="rate", form="share", is_shown=shown
        )
        assert one_worse.title == "No variant is shown to be better than A"
        both = differences_parts(
            ("B", "C"), "A", np.array([-0.03, -0.1]), ends, what="rate", form="share", is_shown=~np.zeros(2, bool)
        )
        assert both.title == "A is better than each variant"
        equal = differences_parts(
            ("B",), "A", np.array([0.0]), Interval(np.zeros(1), np.zeros(1)), what="sum", form="number",
            is_shown=np.array([True]),
        )  # fmt: skip
        assert equal.title == "No variant is shown to be better than A"

    def test_looks(self):
        """B won at the second look of three; C, which leads at the end, is not shown."""
        difference = np.array([[0.1, 0.0], [0.2, 0.1], [0.2, 0.5]])
        found = looks_parts(
            ("B", "C"), "A", np.array([10.0, 20.0, 30.0]), difference,
            lambda k: Interval(difference[k] - 0.1, difference[k] + 0.1), np.array([1, -1]), "number",
        )  # fmt: skip
        assert found.title == "B is better than A, shown after 20 customers"
        assert found.columns["low"] == pytest.approx([0, 0.1, 0.1])
        assert [layer.mark for layer in found.layers] == ["band", "line", "line", "points", "rule"]

    def test_a_win_that_turned(self):
        """B won at the first look; at the end its interval is below 0, C is ahead, and D was shown to be worse."""
        difference = np.array([[0.2, 0.1, -0.3], [-0.1, 0.4, -0.3]])
        ends = Interval(difference - 0.05, difference + 0.05)
        found = looks_parts(
            ("B", "C", "D"), "A", np.array([10.0, 20.0]), difference,
            lambda k: Interval(ends.low[k], ends.high[k]), np.array([0, -1, 0]), "number",
        )  # fmt: skip
        assert found.title == "B was better than A after 10 customers, and is worse now"
        wide = looks_parts(
            ("B",), "A", np.array([10.0, 20.0]), difference[:, :1],
            lambda k: Interval(difference[k, :1] - 0.15, difference[k, :1] + 0.15), np.array([0]), "number",
        )  # fmt: skip
        assert wide.title == "B was better than A after 10 customers; the difference has the other sign now"


class TestFunnels:
    """Counts and shares of each stage."""

    def test_stages(self):
        ends = Interval(np.array([0.4, 0.1]), np.array([0.6, 0.3]))
        found = stages_parts(("a", "b", "c"), np.array([100, 50, 10]), ends, 1)
        assert found.title == "The weakest step: 20 % go on from b to c"
        np.testing.assert_array_equal(found.columns["reached"], [100, 50, np.nan])
        np.testing.assert_array_equal(found.columns["weakest"], [np.nan, np.nan, 10])
        np.testing.assert_allclose(found.columns["low"], [np.nan, 40, 5])
        np.testing.assert_allclose(found.columns["high"], [np.nan, 60, 15])
        assert found.columns["said"].tolist() == ["100", "50, 50 % of those before", "10, 20 % of those before"]

    def test_the_best_group_is_that_of_the_whole_way(self):
        """60 % of 60 % is more than 100 % of 30 %, and group y has the weaker step of the two."""
        rate = np.array([[0.6, 0.6], [1.0, 0.3], [0.0, np.nan]])
        found = groups_parts(("x", "y", "z"), ("a", "b", "c"), rate, Interval(rate, rate), [0, 1, 0])
        assert found.title == "x has the largest share of prospects who reach c"
        weak = groups_parts(
            ("x", "y"), ("a", "b", "c"), np.array([[0.5, 0.5], [1.0, 0.4]]), Interval(rate, rate), [0, 1]
        )
        assert weak.title == "y has the largest share of prospects who reach c"

    def test_events(self):
        """Ten came, of whom 6 went on and 1 is lost; then 2 arrived and 3 are lost."""
        counts = tuple(np.array(column) for column in ([6, 2], [1, 3], [3, 1], [8, 4]))
        found = events_parts(("a", "b"), counts, has_window=False)
        assert found.title == "Of 10 attempts, 4 are lost so far, and 4 still open"
        assert found.columns["said"].tolist() == ["10", "6"]
        three = (np.array([6, 4, 2]), np.array([1, 1, 1]), np.array([3, 1, 1]), np.array([8, 6, 3]))
        window = events_parts(("a", "b", "c"), three, has_window=True)
        assert window.title == "The weakest step: 50 % go on from b to c"

    def test_times(self):
        days_by = np.array([[1.0, 2.0, 4.0], [1.0, 5.0, 9.0], [3.0, 8.0, 20.0]])
        found = times_parts(
            ("a to b", "b to c", "all"), np.array([0.25, 0.5, 0.75]), days_by, (np.array([8, 3]), np.array([2, 5]))
        )
        assert found.title == "The longest step, b to c: half went on within 5 days"
        assert found.columns["said"].tolist() == [
            "2 days; 8 of 10 went on", "5 days; 3 of 8 went on", "8 days; 3 of 10 went on"
        ]  # fmt: skip
        near = times_parts(("a to b", "all"), np.array([0.25, 0.6]), days_by[:2, :2], (np.array([8]), np.array([2])))
        assert near.title == "The longest step, a to b: 60 % went on within 2 days"


class TestJourneys:
    """Messages by what became of them, and steps by what they earn."""

    def test_plan(self):
        decision = np.array(["send", "capped", "capped", "no_consent"])
        found = plan_parts(days(4), decision, ["send", "no_consent", "capped"])
        assert found.title == "1 of 4 messages is sent; the main reason against: capped"
        assert [layer.label for layer in found.layers] == ["sent", "capped", "other reasons"]
        assert found.columns["other_high"].tolist() == [1, 1, 1, 1]
        np.testing.assert_array_equal(found.columns["held_low"], [np.nan, 0, 0, np.nan])

    @pytest.mark.parametrize(("n", "unit"), [(45, "day"), (46, "month"), (45 * 31 + 31, "year")])
    def test_days_months_or_years_of_runs(self, n, unit):
        assert unit in plan_parts(days(n), np.full(n, "send"), ["send"]).columns

    def test_steps(self):
        """Two customers: the second step earns 3 from one and loses 5 with the other."""
        found = steps_parts(np.array([[1.0, 3.0], [2.0, -5.0]]), np.array([2, 1]))
        assert found.title == "Step 2 loses 2 if all customers get it"
        assert found.columns["gain_for_all"].tolist() == [3, -2]
        assert found.columns["gain_where_it_pays"].tolist() == [3, 3]
        assert found.columns["step"].tolist() == ["1: 2", "2: 1"]

    @pytest.mark.parametrize(
        ("gain", "title", "said"),
        [
            ([0.0, 2.0, 1.0], "For all customers together, stop after step 1", "stop after 1"),
            ([0.0, -2.0, -1.0], "No step pays for all customers together", "make no offer"),
        ],
    )
    def test_last_step(self, gain, title, said):
        found = last_step_parts(np.array(gain))
        assert (found.title, [word for word in found.columns["said"].tolist() if word not in ("", "nan", None)]) == (
            title,
            [said],
        )

    def test_the_row_that_is_shown_to_cost_is_named(self):
        """The first row is shown, and its high end is lowest; the second has a lower low end."""
        added = np.array([-3.0, -4.0, 1.0]), Interval(np.array([-5.0, -9.0, -1.0]), np.array([-2.0, -1.0, 3.0]))
        shown = np.array([True, True, False])
        found = results_parts(np.array(["a", "b", "c"]), "journey", added, added, shown)
        assert found.title == "a has cost 3 of revenue"
        assert found.columns["label"].tolist() == ["c", "a", "b"]
        added = np.array([4.0, 3.0]), Interval(np.array([1.0, 2.0]), np.array([9.0, 5.0]))
        found = results_parts(np.array(["a", "b"]), "journey", added, added, np.array([True, True]))
        assert found.title == "b has added 3 of revenue, at least 2"

    def test_an_interval_with_0_shows_no_cost(self):
        added = np.array([1.0]), Interval(np.array([-1.0]), np.array([3.0]))
        found = results_parts(np.array(["a"]), "journey", added, added, np.array([True]))
        assert found.title == "No journey is shown to add revenue"

    @pytest.mark.parametrize(
        ("ends", "is_balanced", "title"),
        [
            ((1.0, 3.0), True, "Customers who got the campaign have 2 more than others like them"),
            ((-1.0, 5.0), True, "No effect of the campaign is shown against others like them"),
            ((1.0, 3.0), False, "The groups are not alike even after weighting: do not build on this figure"),
        ],
    )
    def test_observed(self, ends, is_balanced, title):
        one = 2.0, Interval(*ends)
        assert observed_parts(one, one, one, is_balanced=is_balanced).title == title
        less = observed_parts((-2.0, Interval(-3.0, -1.0)), one, one, is_balanced=True)
        assert less.title == "Customers who got the campaign have 2 less than others like them"

    def test_nothing_was_credited(self):
        none = np.full(2, np.nan), Interval(np.full(2, np.nan), np.full(2, np.nan))
        zero = np.zeros(2), Interval(np.zeros(2), np.zeros(2))
        found = results_parts(np.array(["a", "b"]), "journey", zero, none, np.zeros(2, bool))
        assert found.title == "No order follows a message"

    @pytest.mark.parametrize(("top", "n_layers"), [(1, 1), (2, 2)])
    def test_rank(self, top, n_layers):
        found = rank_parts(np.array(["a", "b"]), np.array([0.3, 0.7]), np.ones(2), top, "revenue_per_message")
        assert found.title == "b is the best by revenue per message with a probability of 70 %"
        assert len(found.layers) == n_layers


class TestProgrammes:
    """Money of points."""

    def test_liability(self):
        found = liability_parts(100.0, np.array([60.0, 25.0]))
        assert found.title == "25 % of the money for points is still owed after 2 reporting dates"
        assert found.columns["liability"].tolist() == [100, 60, 25]
        assert liability_parts(100.0, np.array([60.0])).title.endswith("after 1 reporting date")

    def test_costs(self):
        found = costs_parts(MONTHS, np.array([3.0, 2.0, 1.0]), np.array([1.0, -1.0, 0.5]), np.array([10.0, 20.0, 30.0]))
        assert found.title == "The programme costs 10 % of the money of the orders"
        assert found.columns["redeemed"].tolist() == [2, 3, 0.5]

    @pytest.mark.parametrize(("n", "unit"), [(12, "month"), (13, "year")])
    def test_months_or_years_of_costs(self, n, unit):
        months = (np.datetime64("2024-01") + np.arange(n)).astype("datetime64[D]")
        assert unit in costs_parts(months, np.ones(n), np.zeros(n), None).columns

    @pytest.mark.parametrize(("n", "unit"), [(24, "month"), (25, "year")])
    def test_months_or_years_of_a_simulation(self, n, unit):
        months = (np.datetime64("2024-01") + np.arange(n)).astype("datetime64[D]")
        found = simulation_parts(months, np.ones(n), np.full(n, 10), (float(n), 2.0 * n, 100.0 * n))
        assert found.title == "The points would have cost 1 % of the money of the orders, 2 % if all were redeemed"
        assert found.columns["cost_if_all_redeemed"].sum() == pytest.approx(2 * n)
        assert unit in found.columns

    def test_rates(self):
        counts = tuple(np.array(column) for column in ([100, 100, 100], [60, 20, 10], [40, 80, 0]))
        rate = np.array([0.6, 0.2, 0.1])
        found = rates_parts(MONTHS, counts, rate, (rate, rate))
        assert found.title == "Of the points whose time is over, 40 % were redeemed; of all points 30 % so far"
        np.testing.assert_allclose(found.columns["expired_high"], [1, 1, np.nan])


class TestKeyFigures:
    """Groups and targets, the worst first."""

    def test_all_tickets_are_more_than_the_mean_of_groups(self):
        found = level_parts(["a", "b"], np.array([90, 0]), np.array([0, 10]), (np.zeros(2), np.ones(2)))
        assert found.title == "90 % of the tickets are resolved within the target, 0 % in group b"
        assert found.columns["all_tickets"][0] == 0.9
        equal = level_parts(["a", "b"], np.array([5, 5]), np.array([5, 5]), (np.zeros(2), np.ones(2)))
        assert equal.title == "50 % of the tickets are resolved within the target"

    def test_of_two_equal_questions_one_is_shown(self):
        effect, ends = np.array([1.0, 2.0]), (np.array([-1.0, 1.0]), np.array([3.0, 3.0]))
        part = np.array([0.4, 0.4])
        found = drivers_parts(["a", "b"], effect, ends, part, "a", is_shown=np.array([False, True]))
        assert found.title == "b is shown to go with the score: one point more goes with 2 points more"

    def test_a_target_that_is_reached_is_last(self):
        span = (np.full(2, "2024-01-01", "datetime64[D]"), np.full(2, "2024-01-31", "datetime64[D]"))
        money = np.array([100.0, 100.0]), np.array([120.0, 10.0]), np.array([130.0, 50.0])
        ends = np.array([120.0, 20.0]), np.array([999.0, 80.0])
        found = targets_parts(["a", "b"], span, money, ends, np.array([1.0, 0.79]), np.array([0.0, 5.0]))
        assert found.title == "1 of 2 targets is reached or likely; b needs 5 a working day"
        assert found.columns["target_of"].tolist() == ["b", "a"]
        assert found.columns["high"].tolist() == [80, 3 * 130]  # wide ends are cut
        assert found.x.title == "Amount [money]; wide ends are cut"


class TestProducts:
    """Rules are told apart where an interval of the lead is all on one side of 0."""

    @pytest.mark.parametrize(
        ("lead", "said"),
        [
            ((0.0, 0.2), 'The first 3 products hit 50 % of the customers, not shown to be more than by "popular"'),
            ((-0.2, 0.0), 'The first 3 products hit 50 % of the customers, not shown to be more than by "popular"'),
            ((-0.2, -0.1), 'The first 3 products hit 50 % of the customers, less than by "popular"'),
            ((0.1, 0.2), "The first 3 products hit 50 % of the customers, more than each naive rule"),
        ],
    )
    def test_hits(self, lead, said):
        rate, ends = np.array([0.5, 0.4]), (np.zeros(2), np.ones(2))
        least, most = (np.array([0.0, end]) for end in lead)
        assert hits_parts(["own", "popular"], rate, ends, (least, most), 3).title == said


class TestOthers:
    """Promotions, regularity, groups and effects."""

    def test_promotions(self):
        found = discounts_parts(np.array(["a", "b"]), np.array([5, 0]), np.array([0, 3]), 7, -2)
        assert (
            found.title
            == "With the same purchases, the new promotions change revenue by +7 and margin by −2 minor units"  # noqa: RUF001 - a minus sign
        )
        assert found.columns["promotion"].tolist() == ["a", "b"]

    def test_regularity(self):
        """The shares are those of gamma times of mean 1; the interval is 1.96 errors wide on each side."""
        found = regularity_parts(2.0, 0.1, 9)
        assert found.title == "Customers buy more regularly than at random: shape 2 (1.8 to 2.2)"
        edges = [0, 0.4, 0.8, 1.2, 1.6, 2, 2.4, 2.8, np.inf]
        assert found.columns["share"] == pytest.approx(np.diff(gamma(2, scale=1 / 2).cdf(edges)))
        assert found.columns["at_random"] == pytest.approx(np.diff(gamma(1).cdf(edges)))
        both = [np.diff(gamma(k, scale=1 / k).cdf(edges)) for k in (2 - 0.19599639845, 2 + 0.19599639845)]
        assert found.columns["high"][0] == pytest.approx(max(both[0][0], both[1][0]))
        assert found.columns["low"][0] == pytest.approx(min(both[0][0], both[1][0]))
        burst = "Customers buy in bursts, less regularly than at random: shape 0.5 (0.304 to 0.696)"
        assert regularity_parts(0.5, 0.1, 9).title == burst
        assert regularity_parts(1.5, 0.1, 9).title.startswith("Customers buy more regularly")
        clock = regularity_parts(np.inf, np.nan, 9)
        assert clock.columns["share"].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]
        assert regularity_parts(np.nan, np.nan, 1).title.startswith("The times between purchases are too few")

    def test_lorenz(self):
        """The best of four brings 40, the next 30, 20 and 10 of 100: half is reached within the second."""
        found = lorenz_parts(np.array([0, 0.25, 0.5, 0.75, 1]), np.array([0, 0.1, 0.3, 0.6, 1]))
        assert found.columns["value_share"] == pytest.approx([0, 0.4, 0.7, 0.9, 1])
        assert found.title == "Half of the value comes from 33 % of the customers"
        alike = lorenz_parts(np.array([0, 0.5, 1]), np.array([0, 0.46, 1]))
        assert alike.title == "All customers bring about the same value"
        unlike = lorenz_parts(np.array([0, 0.5, 1]), np.array([0, 0.44, 1]))
        assert unlike.title == "The best customer brings 56 % of the value"

    def test_groups(self):
        n = 17
        found = summary_parts(
            tuple(f"g{k}" for k in range(n)), np.ones(n, int), np.append(np.arange(16.0, 0, -1), -4.0)
        )
        assert found.columns["group"][-1] == "2 other groups"
        assert found.columns["value"][-1] == 1 - 4
        assert found.columns["n_customers"].sum() == n
        assert found.title == "g0: 12 % of the value from 5.9 % of the customers; 2 other groups cost 3"

    def test_scores(self):
        """Of five bins, 1 and 2 are silent, 4 and 5 buy often."""
        r, f = np.array([2, 2, 3, 1, 5]), np.array([4, 3, 5, 5, 5])
        found = scores_parts(r, f, 5)
        assert found.title == "40 % of the customers bought often, but not lately: win them back first"
        cells = dict(
            zip(
                zip(found.columns["r_score"], found.columns["f_score"], strict=True),
                found.columns["n_customers"],
                strict=True,
            )
        )
        assert [cells[str(a), str(b)] for a, b in zip(r, f, strict=True)] == [1] * 5
        assert found.columns["r_score"][0] == "5"

    @pytest.mark.parametrize(("n_bins", "is_written"), [(12, True), (13, False)])
    def test_numbers_are_written_where_they_have_room(self, n_bins, is_written):
        assert (len(scores_parts(np.array([1]), np.array([1]), n_bins).layers) == 2) == is_written

    def test_each_score_has_a_row_up_to_20(self):
        assert len(set(scores_parts(np.array([1]), np.array([1]), 20).columns["r_score"].tolist())) == 20

    def test_migration(self):
        counts = np.array([[50, 3], [2, 40]])
        found = migration_parts(("a", "b"), counts, np.array([9, 0]), np.array([0, 4]))
        assert found.title == "The largest move: 4 customers from b to gone"
        nobody = np.zeros(2, int)
        assert migration_parts(("a", "b"), counts, nobody, nobody).title == "The largest move: 3 customers from a to b"
        assert migration_parts(("a", "b"), np.diag([5, 6]), nobody, nobody).title == "No customer changed the group"

    def test_twenty_groups_are_drawn_each(self):
        n = 20
        found = migration_parts(
            tuple(f"g{k}" for k in range(n)), np.eye(n, dtype=int), np.zeros(n, int), np.zeros(n, int)
        )
        assert len(set(found.columns["before"])) == n

    def test_effects(self):
        rows = (
            {"alike": (1.0, Interval(0.5, 1.5))},
            {"all": (3.0, Interval(2.0, 4.0)), "rest": (5.0, Interval(4.0, 7.0))},
        )
        found = effect_parts("title", "axis", *rows)
        np.testing.assert_array_equal(found.columns["difference"], [1, np.nan, np.nan])
        np.testing.assert_array_equal(found.columns["naive_low"], [np.nan, 2, 4])
        np.testing.assert_array_equal(found.columns["naive_high"], [np.nan, 4, 7])
        np.testing.assert_array_equal(found.columns["high"], [1.5, np.nan, np.nan])
