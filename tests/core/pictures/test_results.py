"""Pictures of results show their figures, beside a naive rule, under a title that the figures bear out."""

from __future__ import annotations

import functools

import attrs
import numpy as np
import pytest

from crmvalue import attribution, cohorts, experiments, funnels, journey_map, journeys, ltv, metrics, models, plots
from crmvalue._core.pictures.parts import title_of
from crmvalue._loyalty.pictures import costs_parts
from crmvalue._promotions.uses.pictures import discounts_parts
from crmvalue.loyalty import MemberEffect, ProgrammeCosts, ReferredValue, programme_liability
from crmvalue.segmentation import (
    Migration,
    RfmScores,
    customer_share,
    lorenz_curve,
    migration_matrix,
    summarise_segments,
)
from tests.core.pictures.awkward import attempts, results

FOUND = {"n_matched": 40, "n_others": 70, "level": 0.95}


MONDAY = np.datetime64("2024-01-01")


def many_credits():
    paths = attribution.Paths.from_lists([[f"c{k:02d}"] for k in range(30)], [1] * 30, value=[1] * 30)
    return attribution.attribute(paths, model="last")


def many_returns():
    """Thirty channels of which the last one alone costs money."""
    return attribution.channel_returns(many_credits(), [0] * 29 + [501])


def member_effect(effect, interval):
    naive = {"naive_difference": 5.0, "naive_interval": (4.0, 6.0), "before_difference": 0.5}
    return MemberEffect(effect=effect, interval=interval, **naive, n_members=50, **FOUND)


def parts(value):
    return value.to_vega()["description"], value.plot_data()


@pytest.mark.parametrize(
    ("value", "title"),
    [
        ([100, 0], "The best customer brings 100 % of the value"),
        ([1, 3], "The best customer brings 75 % of the value"),
        ([1, 3, 1, 1], "Half of the value comes from 25 % of the customers"),
        ([3508, *[1] * 605], "The best customer brings 85 % of the value"),  # 0.1 % of the customers
        ([50, 10, 10, 10, 20], "Half of the value comes from 20 % of the customers"),
        ([9], "One customer brings all of the value"),
    ],
)
def test_half_of_the_value_is_where_the_curve_crosses_it(value, title):
    found, data = parts(lorenz_curve(value))
    assert found == title
    assert np.nanmax(data["half_customer_share"]) == pytest.approx(customer_share(value, 0.5), abs=1e-12)
    assert np.nanmax(data["half_value_share"]) == 0.5


class TestEffects:
    """What was found, and what the naive rule says, each in a row of its own."""

    def test_rows(self):
        _, data = parts(member_effect(2.0, (1.0, 3.0)))
        assert data["comparison"].tolist() == ["others alike", "all others"]
        assert (data["difference"][0], data["low"][0], data["high"][0]) == (2, 1, 3)
        assert (data["naive_difference"][1], data["naive_low"][1], data["naive_high"][1]) == (5, 4, 6)
        assert np.isnan([data["difference"][1], data["naive_difference"][0]]).all()

    @pytest.mark.parametrize(
        ("effect", "interval", "title"),
        [
            (2.0, (1.0, 3.0), "Members have 2 more than others who did the same before"),
            (-2.0, (-3.0, -1.0), "Members have 2 less than others who did the same before"),
            (2.0, (-1.0, 5.0), "No difference is shown between members and others who did the same before"),
            (0.0, (0.0, 0.0), "No difference is shown between members and others who did the same before"),
        ],
    )
    def test_titles(self, effect, interval, title):
        assert parts(member_effect(effect, interval))[0] == title

    def test_referred(self):
        naive = {"naive_difference": 5.0, "naive_interval": (4.0, 6.0), "start_difference": 0.5}
        value = ReferredValue(difference=-1.5, interval=(-2.0, -1.0), **naive, n_referred=50, **FOUND)
        assert parts(value)[0] == "Referred customers have 1.5 less than others who began alike"

    def test_observed(self):
        value = journeys.observed_effect([True] * 20 + [False] * 20, [1.0, 2.0, 3.0, 4.0] * 10, past=[[1.0, 2.0] * 20])
        _, data = parts(value)
        assert data["difference"][:2] == pytest.approx([value.effect, value.did_difference])
        assert data["low"][1] == pytest.approx(value.did_interval.low)
        assert data["naive_difference"][2] == pytest.approx(value.naive_difference)


class TestJourneyResults:
    """The added revenue where a control group shows it, beside what was credited."""

    def test_with_a_control_group(self):
        found = results(["birthday", "name day"], n=300, control=0.3)
        _, data = parts(found)
        place = [found.label.tolist().index(label) for label in data["label"].tolist()]
        assert data["revenue"] == pytest.approx(found.incremental_revenue[place])
        assert data["low"] == pytest.approx(found.incremental_revenue_interval.low[place])
        assert data["credited"] == pytest.approx(found.revenue[place])
        assert (np.diff(data["revenue"]) <= 0).all()

    def test_without_one(self):
        found = results(["birthday"])
        title, data = parts(found)
        assert data["revenue"] == pytest.approx(found.revenue)
        assert data["low"] == pytest.approx(found.revenue_per_message_interval.low * found.n_sent)
        assert "credited" not in data
        assert title.endswith("only a control group shows what it added")

    @pytest.mark.parametrize(
        ("effect", "title"),
        [
            (3.0, "birthday has added 630 of revenue, at least 420"),
            (-3.0, "birthday has cost 630 of revenue"),
            (0.5, "No journey is shown to add revenue"),
        ],
    )
    def test_titles(self, effect, title):
        found = results(["birthday"], n=300, control=0.3)
        ends = {"revenue_p_value": [0.01 if abs(effect) > 1 else 0.3]}
        ends |= {"revenue_effect": [effect], "revenue_effect_low": [effect - 1], "revenue_effect_high": [effect + 1]}
        assert parts(attrs.evolve(found, n_treated=[210], **ends))[0] == title

    @pytest.mark.parametrize(
        ("effect", "title"),
        [
            ([3.0, 2.0], "birthday has added 630 of revenue, at least 420"),
            ([0.0, -2.0], "name day has cost 420 of revenue"),
            ([0.5, -0.5], "No journey is shown to add revenue"),
        ],
    )
    def test_the_best_of_several_rows_is_named(self, effect, title):
        found = results(["birthday", "name day"], n=300, control=0.3)
        ends = {"revenue_effect_low": np.subtract(effect, 1), "revenue_effect_high": np.add(effect, 1)}
        ends["revenue_p_value"] = np.where(np.abs(effect) > 1, 0.01, 0.3)
        changed = attrs.evolve(found, n_treated=[210, 210], revenue_effect=effect, **ends)
        assert parts(changed)[0] == title
        assert "Of 2 rows, about 5 % have an interval without 0 by chance alone; only what" in changed.conclusion

    def test_of_many_rows_the_named_one_is_drawn(self):
        """Only the last of 20 rows is shown to cost revenue, and the picture draws 15 of them."""
        found = results([f"journey {k:02}" for k in range(20)], n=300, control=0.3)
        effect = np.array([0.5] * 19 + [-2.0])
        ends = {"revenue_effect_low": effect - 1, "revenue_effect_high": effect + 1}
        ends["revenue_p_value"] = np.where(effect < -1, 0.0001, 0.3)
        changed = attrs.evolve(found, n_treated=[210] * 20, revenue_effect=effect, **ends)
        title, data = parts(changed)
        assert title == "journey 19 has cost 420 of revenue"
        weaker = attrs.evolve(changed, revenue_p_value=np.where(effect < -1, 0.01, 0.3))
        assert parts(weaker)[0] == "No journey is shown to add revenue"
        assert len(data["label"]) == 15
        assert data["label"][-1] == "journey 19"

    def test_ranks(self):
        rank = results(["birthday", "name day"], n=300).rank(top=1)
        title, data = parts(rank)
        assert data["prob_best"].tolist() == rank.prob_best.tolist()
        assert title.startswith(f"{rank.label[0]} is the best by revenue")


class TestEventFunnel:
    """Went on, lost and open add up to those who reached the stage; shares are those of attempts that are over."""

    @functools.cached_property
    def funnel(self):
        customer = [1, 1, 2, 2, 3, 4, 5]
        event = ["lead", "deal", "lead", "deal", "lead", "lead", "lead"]
        day = ["2024-01-01", "2024-01-03", "2024-01-01", "2024-01-09", "2024-01-02", "2024-01-05", "2024-05-31"]
        return attempts(customer, event, day, window=5)

    def test_bars(self):
        _, data = parts(self.funnel)
        assert data["converted_high"].tolist() == [1, 1]
        assert (data["lost_low"][0], data["lost_high"][0]) == (1, 4)
        assert (data["open_low"][0], data["open_high"][0]) == (4, 5)

    def test_shares_of_what_is_over(self):
        title, data = parts(self.funnel)
        low, high = metrics.proportion_interval(1, 4)
        assert title == "The weakest step: 25 % go on from lead to deal"
        assert data["said"][0] == f"5: 25 % go on ({100 * low:.1f} to {100 * high:.0f} %)"

    def test_groups_are_added_up(self):
        found = attempts([1, 2, 2], ["lead", "lead", "deal"], ["2024-01-01"] * 3, window=5, by=["a", "b", "b"])
        assert parts(found)[1]["converted_high"].tolist() == [1, 1]

    def test_titles(self):
        assert parts(attempts([1], ["lead"], ["2024-05-31"], window=5))[0] == (
            "No window is over yet: 1 of 1 attempt is still open"
        )
        assert parts(attempts([1], ["lead"], ["2024-05-31"]))[0] == "Of 1 attempt, 0 are lost so far, and 1 still open"


class TestGroupEconomics:
    """Ratios with their intervals, all customers first."""

    def test_rows(self):
        value = [10.0, 12.0, 70.0, 115.0, 30.0, 31.0]
        found = ltv.group_economics({"c": ["a", "a", "b", "b", "d", "d"]}, value, acquisition_cost=20)
        title, data = parts(found)
        assert data["group"].tolist() == ["all customers", "b", "d", "a"]
        assert data["ratio"] == pytest.approx([np.mean(value) / 20, 92.5 / 20, 30.5 / 20, 11 / 20])
        assert data["target"][0] == 3
        assert title == "No group is clearly above 3 or below 1 times its cost"

    def test_titles(self):
        value = np.r_[np.linspace(5, 6, 20), np.linspace(90, 95, 20)]
        found = ltv.group_economics({"c": ["a"] * 20 + ["b"] * 20}, value, acquisition_cost=20)
        assert parts(found)[0].startswith("a loses money: 0.275 times its cost, at most ")
        found = ltv.group_economics({"c": ["a"] * 20 + ["b"] * 20}, value + 25, acquisition_cost=20)
        assert parts(found)[0].startswith("b earns most for its cost: 5.88 times it, at least ")

    @pytest.mark.parametrize(
        ("factors", "title"),
        [
            ([5, 5, 5, 5], "4 of 4 groups are clearly above 3 times their cost"),
            ([5, 5, 2, 2], "2 of 4 groups are clearly above 3 times their cost"),
            ([5], "1 of 1 group is clearly above 3 times its cost"),
            ([5, 4, 4, 2], "0 earns most for its cost: 5 times it, at least 4.9"),
        ],
    )
    def test_the_best_is_named_where_all_others_of_its_dimension_are_clearly_below(self, factors, title):
        """Of four equal channels, the one that led by chance was said to earn most."""
        value = np.repeat(factors, 200) * 10 + np.tile(np.linspace(-5, 5, 200), len(factors))
        found = ltv.group_economics({"c": np.repeat(range(len(factors)), 200)}, value, acquisition_cost=10)
        assert parts(found)[0].startswith(title)


class TestJourneyMap:
    """The emotion of each stage; the worst one is marked, also among many."""

    def test_the_worst_stage(self):
        stages = [journey_map.Stage(f"s{k}", emotion=-1.5 if k == 50 else np.sin(k)) for k in range(99)]
        title, data = parts(journey_map.JourneyMap(persona="Student", type="current state", stages=stages))
        assert title == "Student feels worst at s50"
        assert data["stage"][data["worst"] == -1.5].tolist() == ["s50"]
        assert len(data["stage"]) <= 21

    @pytest.mark.parametrize(
        ("emotions", "title", "marked"),
        [
            ([-1, 2, -1], "Student feels worst at s0 and s2", ["s0", "s2"]),
            ([-1, 2, -1, None, -1], "Student feels worst at 3 of 5 stages", ["s0", "s2", "s4"]),
            ([1] * 98 + [-1, -1], "Student feels worst at s98 and s99", ["s98", "s99"]),
            ([1, 1, None], "Student feels the same at each stage that is known", []),
            ([None], "No stage of Student has an emotion yet", []),
        ],
    )
    def test_all_that_are_worst(self, emotions, title, marked):
        """Of several stages that are equally bad, the first one was said to be the worst."""
        stages = [journey_map.Stage(f"s{k}", emotion=emotion) for k, emotion in enumerate(emotions)]
        said, data = parts(journey_map.JourneyMap(persona="Student", type="current state", stages=stages))
        assert said == title
        assert data["stage"][np.isfinite(data["worst"])].tolist() == marked

    def test_what_stands_beside(self):
        touch = [journey_map.Touchpoint("page", "website"), journey_map.Touchpoint("letter", "e-mail")]
        stage = journey_map.Stage("order", emotion=1, touchpoints=touch, barriers=["no card", "slow"])
        _, data = parts(journey_map.JourneyMap(persona="Student", type="current state", stages=[stage]))
        assert data["said"].tolist() == ["website, e-mail: no card"]


class TestProgrammes:
    """Costs by month or year, and what is owed at some of many dates."""

    def costs(self, n, spend=None):
        names = ("issued", "redeemed", "expired", "adjusted", "deducted", "outstanding")
        months = np.datetime64("2023-11") + np.arange(n)
        counts = {name: np.zeros(n, dtype=np.int64) for name in names}
        return ProgrammeCosts(
            month=months.astype("datetime64[D]"),
            cost=np.arange(n) + 1.0,
            liability_change=[0.5] * n,
            spend=spend,
            **counts,
        )

    def test_months(self):
        title, data = parts(self.costs(3))
        assert data["month"].tolist() == ["2023-11", "2023-12", "2024-01"]
        assert data["cost"].tolist() == [1, 2, 3]
        assert data["redeemed"].tolist() == [0.5, 1.5, 2.5]
        assert title == "The programme has cost 6 minor units in 3 months"

    def test_years(self):
        _, data = parts(self.costs(20))
        assert data["year"].tolist() == ["2023", "2024", "2025"]
        assert data["cost"].tolist() == [3, sum(range(3, 15)), sum(range(15, 21))]

    def test_share_of_the_orders(self):
        assert parts(self.costs(2, [10.0, 20.0]))[0] == "The programme costs 10 % of the money of the orders"

    def test_liability_of_many_dates(self):
        found = programme_liability(1000, 100, redeemed=np.arange(400.0), expected=[400.0] * 400)
        _, data = parts(found)
        owed = np.array([found.points, *found.liability])
        assert data["liability"] == pytest.approx(owed[data["reporting_date"].astype(int)])
        assert data["reporting_date"][[0, -1]].tolist() == ["0", "400"]


class TestMany:
    """Where there is no room for all, the rest stands together and nothing is lost."""

    def test_groups_that_moved(self):
        counts = np.random.default_rng(1).integers(0, 9, (30, 30))
        new, gone = np.arange(30), np.arange(30)[::-1]
        title, data = parts(Migration(states=[f"s{k}" for k in range(30)], counts=counts, n_new=new, n_gone=gone))
        assert title == "The largest move: 29 customers from s0 to gone"
        hidden = counts.sum() + new.sum() + gone.sum() - np.nansum(data["n_customers"])
        size = counts.sum(axis=0) + counts.sum(axis=1) + new + gone
        size[0] = 9999  # the group of the title has a row of its own
        others = np.argsort(-size, kind="stable")[19:]
        assert hidden == counts[np.ix_(others, others)].sum()  # the one cell without a colour
        assert "11 other groups" in data["before"].tolist()

    def test_neighbouring_scores(self):
        rng = np.random.default_rng(1)
        r, f = rng.integers(1, 51, (2, 500))
        _, data = parts(RfmScores(r_score=r, f_score=f, m_score=r, n_bins=50))
        cell = (data["r_score"] == "4–6") & (data["f_score"] == "49–50")  # noqa: RUF001 - a dash in a range
        assert data["n_customers"][cell].tolist() == [np.count_nonzero((r >= 4) & (r <= 6) & (f >= 49))]
        assert data["n_customers"].sum() == 500

    @pytest.mark.parametrize(
        ("make", "said"),
        [
            (lambda: experiments.compare_proportions([9] * 40, [99] * 40), "; 15 of 39 variants"),
            (lambda: funnels.funnel_conversion([[9, 6, 3]] * 30, by=range(30)), "; 16 of 60 steps, the weakest"),
            (many_credits, "; 15 of 30 channels"),
            (many_returns, "; 15 of 30 channels"),
            (lambda: metrics.service_level([MONDAY] * 40, [MONDAY] * 40, 4, priority=range(40), as_of=MONDAY + 9),
             "; 14 of 40 groups, the worst"),
        ],
    )  # fmt: skip
    def test_what_is_not_drawn_is_counted(self, make, said):
        assert make()._parts().x.title.endswith(said)

    def test_both_cohorts_of_the_title_are_drawn_and_those_of_known_times(self):
        time = np.concatenate([np.full(20 * 22, 90.0), np.tile(np.arange(1.0, 21), 8)])
        left, cohort = time < 90, np.concatenate([np.arange(440) % 22, 22 + np.arange(160) // 20])
        found = cohorts.compare_survival(time, left, cohort)._parts()
        drawn = dict(zip(found.columns["cohort"].tolist(), found.columns["value"].tolist(), strict=True))
        better, worse = found.title.removesuffix(" in the time that customers stay").split(" is ahead of ")
        assert (better in drawn, worse in drawn, drawn[worse]) == (True, True, 10.5)
        assert sum(value == 10.5 for value in drawn.values()) == 8
        assert found.x.title.endswith("; 18 of 30 cohorts; no point: under half left")
        assert title_of(found.x, "x") == found.x.title  # it was cut, and its end with it

    def test_cohorts_and_ages_that_are_not_drawn_are_counted(self):
        weeks = MONDAY + 7 * np.arange(30)
        found = cohorts.retention_triangle(range(30), weeks, period="week", as_of=weeks[-1] + 6)._parts()
        assert found.x.title.endswith("; 13 of 30 ages, the first")
        assert found.y.title.endswith("; 18 of 30, the last")
        assert title_of(found.y, "y") == found.y.title  # it was cut, and the number with it

    def test_promotions_that_are_not_drawn_are_counted(self):
        taken_off = np.arange(40)
        found = discounts_parts(taken_off.astype(str), taken_off, taken_off, 0, 0)
        assert found.title == "With the same purchases, the new promotions change nothing"
        assert found.x.title.endswith("; 15 of 40 promotions")
        assert found.columns["promotion"].tolist() == [str(k) for k in range(39, 24, -1)]

    def test_a_step_without_gain_loses_nothing(self):
        assert journeys.StepsThatPay(gain=[2, 0])._parts().title == "Step 2 earns nothing if all customers get it"
        gain, cascade = journeys.LastStep(gain_by_last_step=[0.0, 2.0, 2.0]), journeys.Cascade()
        title = plots.cascade_timeline(cascade, "2024-01-31", gain).title
        assert title == "Stop after 2024-10-31, step 1: later offers add nothing"

    @pytest.mark.parametrize(
        ("gain", "title"),
        [
            ([0.0, 5.0, 4.0, 6.0], "For all customers together, go on to the last step, 3"),
            ([0.0, 4.0, 5.0, 6.0], "For all customers together, each step adds to the gain"),
        ],
    )
    def test_a_step_that_loses_is_not_said_to_add(self, gain, title):
        assert journeys.LastStep(gain_by_last_step=gain)._parts().title == title

    def test_stages_that_are_not_drawn_are_counted(self):
        stages = [journey_map.Stage(f"s{k:02d}", emotion=(k - 12) % 5 - 2) for k in range(25)]
        found = journey_map.JourneyMap(persona="Student", type="current state", stages=stages)._parts()
        assert found.y.title == f"{len(found.columns['stage'])} of 25 stages"

    def test_days_that_are_not_drawn_are_counted(self):
        found = cohorts.n_day_retention([1], [MONDAY], range(99), kind="day", as_of=MONDAY + 99)._parts()
        assert found.x.title.endswith("; 40 of 99 days")

    def test_years_of_a_programme_that_are_not_drawn_are_counted(self):
        months = np.arange("2010-01", "2026-01", dtype="datetime64[M]").astype("datetime64[D]")
        found = costs_parts(months, np.ones(192), np.zeros(192), None)
        assert found.title == "The programme has cost 192 minor units in 192 months"
        assert found.x.title == "Year; 12 of 16 years, the last"
        assert found.columns["year"][0] == "2014"

    def test_channels_without_a_conversion_are_counted(self):
        paths = attribution.Paths.from_lists([["mail"], ["ads"]], [2, 0])
        found = attribution.channel_returns(attribution.attribute(paths, model="last"), {"mail": 10, "ads": 900})
        assert found._parts().title == "mail costs 5 for a conversion"
        assert found._parts().x.title == "Cost of a conversion [money]; 1 has none"

    def test_groups_without_a_cost_are_counted(self):
        found = ltv.group_economics(
            {"channel": ["ads"] * 3 + ["mail"] * 3}, [5, 6, 7] * 2, acquisition_cost=[2] * 3 + [0] * 3
        )
        assert found._parts().x.title == "LTV:CAC; 1 costs nothing"

    def test_the_losing_step_of_the_title_is_drawn(self):
        gain = np.ones(27)
        steps = {label.split(":")[0] for label in journeys.StepsThatPay(gain=gain)._parts().columns["step"]}
        gain[next(k for k in range(27) if str(k + 1) not in steps)] = -4
        found = journeys.StepsThatPay(gain=gain)._parts()
        drawn = [label.split(":")[0] for label in found.columns["step"]]
        assert found.title == f"Step {gain.argmin() + 1} loses 4 if all customers get it"
        assert str(gain.argmin() + 1) in drawn
        assert found.x.title.endswith("; 21 of 27 steps")

    def test_the_last_day_of_the_title_is_drawn(self):
        found = cohorts.n_day_retention([1], [MONDAY], range(99), kind="day", as_of=MONDAY + 44)._parts()
        assert found.title == "100 % of the customers come back on day 0, 0 % on day 44"
        assert "44" in found.columns["days"].tolist()

    def test_cohorts_of_which_half_has_not_left_are_compared(self):
        life = [*range(1, 21), *[30] * 60]
        found = cohorts.compare_survival(life, np.array(life) < 30, ["b"] * 25 + ["b"] * 20 + ["a"] * 35)
        assert found._parts().title == (
            "a is ahead of b in the time that customers stay; no cohort has lost half of its customers yet"
        )

    def test_who_never_bought_does_not_buy_again(self):
        signups = ([1, 2], ["2024-01-05", "2024-01-20"])
        found = cohorts.retention_triangle([1], ["2024-02-03"], period="month", as_of="2024-02-29", start=signups)
        title, data = parts(found)
        assert title == "In the month after that of their start, 50 % of the customers buy"
        assert data["retention"].tolist() == [0, 0.5]

    def test_a_move_between_small_groups_is_drawn(self):
        stayed = [f"g{k:02d}" for k in range(25) for _ in range(9)]
        found = migration_matrix([*stayed, "x", "x", "y"], [*stayed, "y", "y", "y"])._parts()
        assert found.title == "The largest move: 2 customers from x to y"
        assert migration_matrix(["x", "y"], ["y", "x"])._parts().title.endswith("from x to y; 1 more is equal")
        cell = (np.array(found.columns["before"]) == "x") & (np.array(found.columns["now"]) == "y")
        assert found.columns["n_customers"][cell].tolist() == [2]
        gone = migration_matrix([*stayed, "x"], stayed, customer_before=range(226), customer_now=range(225))._parts()
        assert gone.title == "The largest move: 1 customer from x to gone"
        assert "x" in gone.columns["before"]

    def test_steps_without_a_row_are_counted(self):
        days = np.arange(40)
        found = funnels.funnel_from_events(np.zeros(40), days, MONDAY + days, list(range(40)), as_of=MONDAY + 90)
        assert funnels.time_in_stage(found)._parts().x.title == "Days; 13 of 39 steps, the longest"

    def test_a_group_of_the_title_is_drawn(self):
        counts = [[100, 50 - k, 20] for k in range(30)] + [[100, 99, 98]]
        found = funnels.funnel_conversion(counts, funnel=["a", "b", "c"], by=[f"g{k}" for k in range(31)])._parts()
        assert found.title.startswith("g30 has the largest share")
        assert found.columns["step"].tolist() == [*(f"g{k}: to b" for k in range(15, 30)), "g30: to c"]

    def test_a_channel_of_the_title_is_drawn(self):
        found = many_returns()._parts()
        assert found.title.startswith("By credit, c29 costs 500 more than it brings")
        assert "c29" in found.columns["channel"].tolist()

    def test_a_channel_that_brings_its_cost_loses_nothing(self):
        """Three thirds of a cent are a little less than a cent: "ad costs 0 more than it brings, as 2 more do"."""
        paths = attribution.Paths.from_lists([["ad", "mail", "tv"]] * 3, [1, 1, 1], value=[0.01] * 3)
        found = attribution.channel_returns(attribution.attribute(paths, model="linear"), [0.01] * 3)._parts()
        assert found.title == "By credit, no channel brings more than its cost"

    def test_a_variant_of_the_title_is_drawn(self):
        """Twenty small arms have larger differences, which chance explains."""
        found = experiments.compare_proportions([5000] + [3] * 20 + [5600], [50000] + [15] * 20 + [50000])._parts()
        assert found.title == "V is better than A by 1.2 percentage points"
        assert "V" in found.columns["variant"].tolist()

    def test_the_most_probable_row_of_a_rank_is_drawn(self):
        """It has a lower figure than nineteen others, and is known so little that it may well be the best."""
        value, prob = np.append(10 - 0.01 * np.arange(19), 9.0), np.append([0.40, 0.12] + [0.0] * 17, 0.45)
        found = journeys.JourneyRank(
            label=[f"r{k}" for k in range(20)], value=value, error=[0.01] * 19 + [8.0], place=np.arange(1, 21),
            prob_best=prob, prob_top=prob, top=1, rank_by="revenue",
        )._parts()  # fmt: skip
        assert found.title == "r19 is the best by revenue with a probability of 45 %"
        assert "r19" in found.columns["label"].tolist()

    def test_the_worst_of_two_scores_has_been_silent_for_long(self):
        scores = RfmScores(r_score=[1, 1, 2, 2], f_score=[2, 1, 2, 1], m_score=[1] * 4, n_bins=2)
        assert parts(scores)[0].startswith("25 % of the customers bought often, but not lately")

    def test_the_weakest_steps_of_groups(self):
        counts = [[100, 50 - k % 40, 10] for k in range(100)]
        found = funnels.funnel_conversion(counts, funnel=["a", "b", "c"], by=[f"g{k}" for k in range(100)])
        _, data = parts(found)
        assert len(data["step"]) == 16  # as many labels as have room
        assert (
            np.nanmax(data["weakest"])
            == np.sort([min((50 - k % 40) / 100, 10 / (50 - k % 40)) for k in range(100)])[15]
        )

    def test_runs_of_a_year(self):
        days = np.arange("2024-01-01", "2024-12-31", dtype="datetime64[D]")
        base = journeys.Customers(customer=range(len(days)), dates={"birthday": days - 9999})
        made = journeys.simulate_plan(
            [journeys.BirthdayJourney("birthday")], base, None, journeys.Policy(), "2024-01-01", "2024-12-31"
        )
        _, data = parts(made)
        last = made.run[made.is_last_look].astype("datetime64[M]")
        months, counts = np.unique(last, return_counts=True)
        assert data["month"].tolist() == months.astype(str).tolist()
        assert data["other_high"].tolist() == counts.tolist()

    def test_groups_without_value(self):
        assert parts(summarise_segments(["a", "b"], [0.0, 0.0]))[0] == "The groups bring no value in all"
        worst = parts(summarise_segments(["a", "b"], [-3, -3]))[0]
        assert worst == "The groups bring no value in all; a cost 3; 1 more is equal"
        equal = parts(summarise_segments(["a", "b", "c"], [5, 5, 2]))[0]
        assert equal == "a: 42 % of the value from 33 % of the customers; 1 more is equal"
        assert parts(summarise_segments(["a", "b"], [-3.0, 1.0]))[0] == "The groups bring no value in all; a cost 3"
        title = parts(summarise_segments(["a", "b", "c"], [-5.0, 8.0, -1.0]))[0]
        assert (
            title == "b: 400 % of the value from 33 % of the customers; a cost 5"
        )  # 400 % of what is left after losses


class TestForecasts:
    """Revenue of the months ahead, forecasts of deals, and cohorts side by side."""

    def test_revenue_plan(self):
        total = {"total_revenue": (13.0, 19.0), "level": 0.8}
        ends = {"revenue_low": [7.0, 4.0], "revenue_high": [11.0, np.inf]}
        plan = models.RevenuePlan(
            start=["2024-01-01", "2024-02-01"],
            end=["2024-01-31", "2024-02-29"],
            expected_purchases=[2, 1],
            revenue=[9.0, 7.0],
            margin=[3.0, 2.0],
            as_of="2023-12-31",
            **ends,
            **total,
        )
        title, data = parts(plan)
        assert title == "The customers of today will bring 16 in 2 months: 13 to 19"
        assert data["revenue"].tolist() == [9, 7]
        assert data["first_pace"] == pytest.approx([9, 9 / 31 * 29])
        assert data["low"].tolist() == [7, 4]
        assert (data["high"][0], np.isnan(data["high"][1])) == (11, True)

    def test_revenue_plan_that_begins_within_a_month(self):
        """The rest of a month is neither a month of the title nor the measure of whole months."""
        money = {name: [2.0, 3.0] for name in ("expected_purchases", "revenue", "margin")}
        days = {"start": ["2024-01-22", "2024-02-01"], "end": ["2024-01-31", "2024-02-29"]}
        title, data = parts(models.RevenuePlan(**days, **money, as_of="2024-01-21"))
        assert title == "The customers of today will bring 5 until 2024-02-29"
        assert data["first_pace"] == pytest.approx([2, 5.8])

    def test_forecast_of_deals(self):
        found = funnels.forecast_calibration([0.2] * 10 + [0.9] * 20, [True] * 3 + [False] * 27, n_bins=2)
        title, data = parts(found)
        assert data["forecast"] == pytest.approx([0.2, 0.9])
        assert data["won"] == pytest.approx([0.3, 0])
        assert (data["low"][0], data["high"][0]) == pytest.approx(metrics.proportion_interval(3, 10))
        assert title == "The forecasts promise too many deals: expected 20, won 3"
        assert parts(funnels.forecast_calibration([0.5, 0.5], [True, False]))[0] == (
            "Nothing shows that the forecasts of deals are wrong: expected 1, won 1"
        )
        half = [True] * 25 + [False] * 25
        found = funnels.forecast_calibration([0.2] * 50 + [0.8] * 50, half * 2)
        assert "The single probabilities do not fit" in found.conclusion
        said = "The number of won deals fits, the single forecasts do not: expected 50, won 50"
        assert parts(found)[0] == said
        found = funnels.forecast_calibration([0.5] * 50, half, amount=[1] * 25 + [100] * 25)
        assert "25 came, beyond what chance explains" in found.conclusion
        assert parts(found)[0] == "The number of won deals fits, their money does not: expected 25, won 25"

    def test_cohorts(self):
        found = cohorts.compare_survival([1, 2, 3, 4, 6, 7, 8, 9], [True] * 8, ["old"] * 4 + ["new"] * 4)
        title, data = parts(found)
        assert data["cohort"].tolist() == ["new", "old"]
        assert data["value"].tolist() == found.value.tolist()
        assert title == "new is ahead of old in the time that customers stay"

    def test_cohorts_follow_the_conclusion(self):
        """By the medians 10 and 40, B would be ahead; the log-rank test says that A keeps its customers better."""
        time = [10] * 55 + [200] * 45 + [40] * 60 + [45] * 40
        found = cohorts.compare_survival(time, [True] * 55 + [False] * 45 + [True] * 100, ["A"] * 100 + ["B"] * 100)
        assert found.value.tolist() == [10, 40]
        assert "A keeps its customers better than B" in found.conclusion
        assert parts(found)[0] == "A is ahead of B in the time that customers stay"

    def test_cohorts_that_differ_without_a_pair(self):
        some = {"first": [0, 0, 1], "second": [1, 2, 2], "pair_p_value": [0.2, 0.3, 0.9], "direction": [1, 1, 1]}
        found = cohorts.CohortComparison(
            measure="retention at age 1",
            names=("a", "b", "c"),
            n_customers=[9, 9, 9],
            value=[0.5, 0.4, 0.3],
            low=[0.2, 0.1, 0.1],
            high=[0.8, 0.7, 0.6],
            p_value=0.04,
            level=0.95,
            **some,
        )
        assert "no single pair does" in found.conclusion
        assert parts(found)[0] == "The cohorts differ in the retention at age 1, but no single pair does"

    @pytest.mark.parametrize(
        ("counts", "title"),
        [
            ([[10, 0, 0], [20, 5, 0]], "Nobody reached r"),
            ([[10, 5, 2], [20, 10, 4]], "2 groups have the same share of prospects who reach r, the largest"),
            ([[10, 5, 2]], "20 % of the prospects reach r"),
            ([[10, 5, 2], [20, 10, 5]], "y has the largest share of prospects who reach r"),
        ],
    )
    def test_groups_of_a_funnel(self, counts, title):
        stages = funnels.Funnel(["p", "q", "r"])
        found = funnels.funnel_conversion(counts, by=["x", "y"][: len(counts)], funnel=stages)
        assert parts(found)[0] == title

    def test_channels_that_bring_just_their_cost(self):
        paths = attribution.Paths.from_lists([["a"], ["b"]], [1, 1], value=[5, 5])
        credit = attribution.attribute(paths, model="last")
        assert (
            parts(attribution.channel_returns(credit, [5, 5]))[0] == "By credit, no channel brings more than its cost"
        )
        assert parts(attribution.channel_returns(credit, [5, 2]))[0] == "By credit, b earns most: 3 more than its cost"

    @pytest.mark.parametrize(
        ("value", "cost", "title"),
        [
            ([5, 5], [2, 2], "By credit, 2 channels earn the same, the most: each 3 more than its cost"),
            (
                [1.1, 0.3],
                [0.9, 0.1],
                "By credit, 2 channels earn the same, the most: each 0.2 more than its cost",
            ),  # but for rounding
            (None, [2, 2], "2 channels cost the same, the least: 2 for a conversion"),
            (None, [3, 2], "b costs least: 2 for a conversion"),
        ],
    )
    def test_channels_that_are_equal(self, value, cost, title):
        paths = attribution.Paths.from_lists([["a"], ["b"]], [1, 1], value=value)
        credit = attribution.attribute(paths, model="last")
        assert parts(attribution.channel_returns(credit, cost))[0] == title

    def test_channels_with_the_same_credit(self):
        paths = attribution.Paths.from_lists([["a"], ["b"]], [1, 1])
        credit = attribution.attribute(paths, model="last")
        assert parts(credit)[0] == "a gets 50 % of the conversions; 1 more is equal"

    @pytest.mark.parametrize(
        ("successes", "trials", "title"),
        [
            ([2, 8], [50, 50], "B is better than A by 12 percentage points"),  # p 0.046, interval -0.2 to 24.8
            ([8, 2], [50, 50], "A is better than B"),
            ([100, 50, 90], [1000, 1000, 1000], "No variant is shown to be better than A"),
            ([100, 180, 2], [1000, 1000, 8], "B is better than A by 8 percentage points"),  # C is higher by chance
            ([100, 900, 900], [1000] * 3, "B is better than A by 80 percentage points; 1 more is equal"),
        ],
    )
    def test_experiments_follow_the_test(self, successes, trials, title):
        assert parts(experiments.compare_proportions(successes, trials))[0] == title
