"""Targets against what came in so far."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue._metrics import plan_and_actual as module
from crmvalue.errors import InputError
from crmvalue.metrics import BusinessHours, PlanAndActual, plan_and_actual
from tests.work import times_longer

START, END, NOW = date(2025, 3, 1), date(2025, 3, 31), date(2025, 3, 12)
WHO, WHERE = st.sampled_from(["ann", "bob", "eve"]), st.sampled_from(["north", "south"])
SALE = st.tuples(WHO, WHERE, st.integers(-40, 20), st.integers(-500, 5_000).map(lambda cents: cents / 100))


def plan_of(rows):
    names = ("manager", "region", "start", "end", "target")
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def sales_of(rows):
    who, where, day, amount = zip(*rows, strict=True)
    return {
        "manager": list(who),
        "region": list(where),
        "date": [START + timedelta(d) for d in day],
        "amount": list(amount),
    }


PLAN = plan_of(
    [("ann", "north", START, END, 100.0), ("ann", "south", START, END, 50.0), ("bob", "north", START, END, 0.0)]
)


class TestPlanAndActual:
    """Sums of each target, what is missing per working day, and the chance to reach it."""

    @given(st.lists(SALE, min_size=1, max_size=30))
    def test_sums_are_those_of_a_loop_and_nothing_is_lost(self, rows):
        found = plan_and_actual(PLAN, sales_of(rows), as_of=NOW)
        kept = [row for row in rows if START + timedelta(row[2]) <= NOW]
        for i in range(3):
            who, where = PLAN["manager"][i], PLAN["region"][i]
            own = [row[3] for row in kept if row[:2] == (who, where) and row[2] >= 0]
            assert found.actual[i] == pytest.approx(sum(own), abs=1e-9)
            assert found.needed[i] == max(PLAN["target"][i] - found.actual[i], 0)
        assert found.actual.sum() + found.unplanned == pytest.approx(sum(row[3] for row in kept), abs=1e-9)
        assert PlanAndActual.from_json(found.to_json()) == found

    @pytest.mark.parametrize("hours", [None, {"Mon-Thu": ["09:00-13:00", "14:00-18:00"], "Fri": "09:00-12:00"}])
    def test_working_days(self, hours):
        """March 2025 has 21 days from Monday to Friday; 8 of them until the 12th, less the holiday on the 10th."""
        office = BusinessHours(hours=hours, holidays=["2025-03-10"])
        found = plan_and_actual(PLAN, sales_of([("ann", "north", 0, 40.0)]), as_of=NOW, business_hours=office)
        assert found.days_over.tolist() == [7] * 3
        assert found.days_left.tolist() == [13] * 3
        assert found.needed_per_day.tolist() == [60 / 13, 50 / 13, 0]
        assert found.share[:2].tolist() == [0.4, 0]
        assert np.isnan(found.share[2])

    def test_over_and_not_begun(self):
        rows = [("ann", "north", date(2025, 1, 1), date(2025, 1, 31), 10.0), ("ann", "north", END, END, 10.0)]
        found = plan_and_actual(plan_of(rows), sales_of([("ann", "north", -40, 9.0)]), as_of=NOW)
        assert found.days_left.tolist() == [0, 1]
        assert found.actual.tolist() == [9, 0]
        assert found.needed_per_day.tolist() == [np.inf, 10]
        assert found.prob_reached[0] == 0
        assert found.forecast[0] == 9
        assert found.conclusion == "Of 2 targets: 1 missed, 1 without enough days to say."

    def test_the_days_before_the_period_show_the_pace_too(self):
        sales = {
            "manager": ["ann"] * 31,
            "date": [START + timedelta(day) for day in range(-29, 2)],
            "amount": [10.0, 12.0] * 15 + [11.0],
        }
        plan = {"manager": ["ann"], "start": [START], "end": [END], "target": [341]}
        found = plan_and_actual(plan, sales, as_of=START + timedelta(1))
        assert found.forecast[0] == pytest.approx(found.actual[0] + 29 * np.mean(sales["amount"]))
        assert 0.3 < found.prob_reached[0] < 0.7

    def test_one_sale_long_before_all_others_is_no_beginning(self):
        days = [*range(-9, 5)] * 10
        sales = {"date": [START + timedelta(day) for day in days], "amount": [10.0, 12.0] * 70}
        plan = {"start": [START], "end": [END], "target": [2_000]}
        odd = {"date": [*sales["date"], START - timedelta(900)], "amount": [*sales["amount"], 11.0]}
        options = {"as_of": START + timedelta(4)}
        assert plan_and_actual(plan, odd, **options).forecast == plan_and_actual(plan, sales, **options).forecast

    def test_a_target_that_is_reached_stays_reached_unless_days_take_money_back(self):
        """A sum of days >= 0 never falls, so the chance of a target that it has passed is 1, not that of a normal."""
        plan = plan_of([("ann", "north", START, END, 50.0)])
        days = [("ann", "north", -day, amount) for day, amount in enumerate([90.0, 1.0, 0.0, 0.0, 2.0, 1.0], 1)]
        found = plan_and_actual(plan, sales_of([*days, ("ann", "north", 0, 60.0)]), as_of=NOW)
        assert found.actual.tolist() == [60]
        assert found.prob_reached.tolist() == [1]
        taken_back = plan_and_actual(
            plan, sales_of([*days, ("ann", "north", 0, 60.0), ("ann", "north", -9, -80.0)]), as_of=NOW
        )
        assert 0.5 < taken_back.prob_reached[0] < 1
        known_only_today = plan_and_actual(plan, sales_of([("ann", "north", 0, 60.0)]), as_of=START + timedelta(1))
        assert known_only_today.prob_reached.tolist() == [1]

    @pytest.mark.parametrize("days", [10, 20])
    def test_chance_and_interval_hold_in_simulated_months(self, days):
        """600 months, each with its pace: the interval holds the end in 87 to 93 %; chances are met as often."""
        rng = np.random.default_rng(days)
        money = rng.gamma(2.0, np.exp(rng.normal(4, 1, (600, 1))), (600, 30))
        names = [f"m{i}" for i in range(600)]
        first = np.datetime64("2025-06-01")
        plan = {
            "manager": names,
            "start": [str(first)] * 600,
            "end": ["2025-06-30"] * 600,
            "target": 60 * np.exp(rng.normal(4, 1, 600)),
        }
        sales = {
            "manager": np.repeat(names, days),
            "date": np.tile(first + np.arange(days), 600),
            "amount": money[:, :days].ravel(),
        }
        found = plan_and_actual(plan, sales, as_of=first + np.timedelta64(days - 1, "D"), level=0.9)
        truth = money.sum(axis=1)
        held = (found.forecast_low <= truth) & (truth <= found.forecast_high)
        assert 0.87 <= held.mean() <= 0.93
        reached = truth >= plan["target"]
        for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.01)):
            some = (found.prob_reached >= low) & (found.prob_reached < high)
            # four standard errors of a share of so many
            assert reached[some].mean() == pytest.approx(found.prob_reached[some].mean(), abs=2 / np.sqrt(some.sum()))

    @pytest.mark.parametrize(("n", "most"), [(15, 0.11), (43, 0.10)])
    def test_interval_holds_the_end_of_skewed_days(self, n, most):
        """Lognormal days with sigma 1.5, 16 to come: 84 and 89 of 100 held the end; now 90 and 91."""
        rng, first = np.random.default_rng(2), np.datetime64("2025-01-01")
        money, names = rng.lognormal(5, 1.5, (3000, n + 16)), np.arange(3000)
        plan = {"id": names, "start": [first] * 3000, "end": [first + n + 15] * 3000, "target": [1.0] * 3000}
        sales = {"id": np.repeat(names, n), "date": np.tile(first + np.arange(n), 3000), "amount": money[:, :n].ravel()}
        found = plan_and_actual(plan, sales, as_of=first + n - 1)
        truth = money.sum(axis=1)
        assert ((truth < found.forecast_low) | (truth > found.forecast_high)).mean() <= most

    @pytest.mark.parametrize("sign", [1, -1])
    def test_the_side_of_the_long_tail_is_longer(self, sign):
        """By hand: ten days of mean 11, sum of squares 90 and of cubes 720 - 9 = 711, and 21 days to come."""
        days = sign * np.array([10.0] * 9 + [20.0])
        sales = {"date": np.arange("2025-03-01", "2025-03-11", dtype="datetime64[D]"), "amount": days}
        plan = {"start": [START], "end": [END], "target": [0.0]}
        found = plan_and_actual(plan, sales, as_of="2025-03-10", level=0.9)
        spread, error = np.sqrt(10.0), np.sqrt(10.0) * np.sqrt(21 + 21**2 / 10)
        t, few = 1.8331129327, stats.t.ppf(0.95, (110 / 20) ** 2 / (9 * 0.25 + 1) - 1)
        high = max(few * error, t * error / (1 - t * spread / 11 * np.sqrt(21 / (10 * 31))))
        assert high > few * error
        ends = np.sort(sign * np.array([341 - few * error, 341 + high]))
        np.testing.assert_allclose([found.forecast_low[0], found.forecast_high[0]], ends, rtol=1e-9)

    def test_chances_are_those_of_the_ends_of_the_interval(self):
        sales = {"date": np.arange("2025-03-01", "2025-03-11", dtype="datetime64[D]"), "amount": [3.0] * 8 + [9, 30]}
        made = {"start": [START], "end": [END]}
        ends = plan_and_actual(made | {"target": [1e9]}, sales, as_of="2025-03-10", level=0.6)
        for end, chance in ((ends.forecast_high[0], 0.2), (ends.forecast_low[0], 0.8)):
            found = plan_and_actual(made | {"target": [end]}, sales, as_of="2025-03-10")
            assert found.prob_reached[0] == pytest.approx(chance, rel=1e-9)

    def test_few_days_with_one_large_sale_set_no_bound(self):
        sales = {"date": ["2025-03-01", "2025-03-06"], "amount": [100.0, 1.0]}
        plan = {"start": [START], "end": [END], "target": [9e9]}
        found = plan_and_actual(plan, sales, as_of="2025-03-06")
        assert np.isposinf(found.forecast_high[0])
        assert found.prob_reached[0] > 0.01
        assert PlanAndActual.from_json(found.to_json()) == found
        assert np.isfinite(found.plot_data()["high"]).all()

    def test_interval_holds_the_end_where_sales_are_rare(self):
        """A sale of very different size on each fifth day: with n - 1 degrees of freedom 81 of 100 held the end."""
        rng = np.random.default_rng(11)
        money = rng.lognormal(5, 1, (400, 31)) * (rng.random((400, 31)) < 0.2)
        names, first = [f"m{i}" for i in range(400)], np.datetime64("2025-03-01")
        plan = {"manager": names, "start": [START] * 400, "end": [END] * 400, "target": [1.0] * 400}
        sales = {
            "manager": np.repeat(names, 10),
            "date": np.tile(first + np.arange(10), 400),
            "amount": money[:, :10].ravel(),
        }
        found = plan_and_actual(plan, sales, as_of=first + np.timedelta64(9, "D"))
        truth, known = money.sum(axis=1), ~np.isnan(found.forecast_low)
        held = (found.forecast_low <= truth) & (truth <= found.forecast_high)
        assert known.sum() > 300
        assert held[known].mean() >= 0.9

    @given(st.lists(st.integers(1, 10**7), min_size=1, max_size=12))
    def test_a_target_that_is_just_met_is_reached(self, cents):
        """Sums of cents as floats fall short of it by rounding."""
        sales = {"date": [START] * len(cents), "amount": [cent / 100 for cent in cents]}
        found = plan_and_actual({"start": [START], "end": [END], "target": [sum(cents) / 100]}, sales, as_of=NOW)
        assert (found.needed[0], found.conclusion[:23]) == (0, "Of 1 target: 1 reached.")

    def test_a_target_reached_early_may_be_lost_to_returns(self):
        """Sales of six days and one large refund: 101 of 100 came, but refunds of the days to come may take it away."""
        day = np.datetime64("2025-03-01") + np.arange(6)
        plan = {"start": ["2025-03-01"], "end": ["2025-03-31"], "target": [100.0]}
        sales = {"date": day, "amount": [60.0, 50.0, 40.0, -90.0, 30.0, 11.0]}
        early = plan_and_actual(plan, sales, as_of="2025-03-06")
        chance = early.prob_reached[0]
        assert 0.5 < chance < 0.99
        assert early.conclusion == (
            "Of 1 target: 1 reached. 1 of those reached has days left: returns may still take it below the target "
            f"(probability to end at or above it {chance:.0%})."
        )
        over = plan_and_actual(plan, sales, as_of="2025-03-31")
        assert (over.prob_reached[0], over.conclusion) == (1.0, "Of 1 target: 1 reached.")
        missed = plan_and_actual({**plan, "target": [112.0]}, sales, as_of="2025-03-31")
        assert (over.needed_per_day[0], missed.needed_per_day[0]) == (0, np.inf)

    def test_the_least_chance_of_several_is_not_rounded_up(self):
        """Chances of 0.895 and 0.905 are at least 89 %; nothing is said of one that too few days tell."""
        day = np.datetime64("2025-03-01") + np.arange(8)
        sales = {"who": ["ann"] * 8 + ["bob"], "date": [*day, day[-1]], "amount": [5, -1, 5, 4, 6, 5, -3, 6, -1]}
        plan = {"who": ["ann"] * 2, "start": ["2025-03-01"] * 2, "end": ["2025-03-31"] * 2, "target": [27, 20]}
        found = plan_and_actual(plan, sales, as_of="2025-03-08")
        assert 0.895 <= found.prob_reached[0] < 0.9 < found.prob_reached[1]
        assert found.conclusion.split(".")[1].endswith("(probability to end at or above it at least 89%)")
        ends = {"start": ["2025-03-01", "2025-03-08"], "end": ["2025-03-31", "2025-03-09"], "target": [27, 0]}
        sales["amount"][-2:] = [6, 0]
        sales |= {
            "who": [*sales["who"], "bob"],
            "date": [*sales["date"], "2025-03-06"],
            "amount": [*sales["amount"], -1],
        }
        found = plan_and_actual({"who": ["ann", "bob"], **ends}, sales, as_of="2025-03-08")
        assert np.isnan(found.prob_reached[1])
        assert found.conclusion.split(".")[1].endswith(
            "(probability to end at or above it, where it is known, at least 89%)"
        )

    @pytest.mark.parametrize("paid", [0.1, 0.7, 4.35, 19.99])
    def test_equal_days_foretell_a_sum_but_no_chance(self, paid):
        """Nothing shows how days vary that are all alike, whatever their residue."""
        sales = {"date": [START + timedelta(day) for day in range(10)], "amount": [paid] * 10}
        plan = {"start": [START] * 2, "end": [END] * 2, "target": [round(31 * paid, 2), round(31 * paid + 0.01, 2)]}
        found = plan_and_actual(plan, sales, as_of=START + timedelta(9))
        np.testing.assert_allclose(found.forecast, 31 * paid)
        assert np.isnan(found.prob_reached).all()

    def test_a_whole_number_is_one_label_as_integer_and_as_float(self):
        """A column with gaps holds floats."""
        plan = {"store": [1, 2], "start": [START] * 2, "end": [END] * 2, "target": [10, 10]}
        found = plan_and_actual(plan, {"store": [1.0, 2.5], "date": [START] * 2, "amount": [10, 4]}, as_of=NOW)
        assert found.dimensions == {"store": ("1", "2")}
        assert found.actual.tolist() == [10, 0]
        assert found.conclusion.endswith("1 amount has labels of which no target is known.")
        assert (found.n_unplanned, found.n_unlabelled, found.unplanned) == (1, 1, 4)

    def test_targets_of_single_days_take_time_in_proportion_to_their_number(self):
        """With all sales looked through for each day, eight times the days took eight times as long."""
        days = np.arange("2018-01-01", "2024-01-01", dtype="datetime64[D]")
        sales = {"date": np.tile(days, 30), "amount": np.ones(30 * len(days))}

        def of_days(n):
            plan = {"start": days[:n], "end": days[:n], "target": np.ones(n)}
            found = plan_and_actual(plan, sales, as_of="2023-12-31")
            assert found.actual.sum() + found.unplanned == len(sales["date"])

        assert times_longer(of_days, len(days) // 8, len(days), n_rounds=1)[0] < 4

    def test_many_targets_are_foretold_at_once(self, monkeypatch):
        """Periods of 31 and 28 days: two calls, however many targets; each target is as it is alone."""
        calls, foretell = [], module._forecast
        monkeypatch.setattr(module, "_forecast", lambda days, *rest: calls.append(days.shape) or foretell(days, *rest))
        rng, n = np.random.default_rng(5), 200
        start = np.where(np.arange(n) % 4 > 0, np.datetime64("2025-03-01"), np.datetime64("2025-02-01"))
        plan = {"who": np.arange(n), "start": start, "end": (start.astype("M8[M]") + 1).astype("M8[D]") - 1}
        plan["target"] = rng.uniform(0, 3000, n)
        who, day = rng.integers(0, n, 6000), np.datetime64("2025-01-01") + rng.integers(0, 80, 6000)
        sales = {"who": who, "date": day, "amount": rng.lognormal(3, 1, 6000)}
        found = plan_and_actual(plan, sales, as_of="2025-03-15")
        assert calls == [(150, 46), (50, 56)]
        first = {name: column[:1] for name, column in plan.items()}
        alone = plan_and_actual(first, sales, as_of="2025-03-15")
        for name in ("actual", "forecast", "forecast_low", "forecast_high", "prob_reached"):
            assert getattr(found, name)[0] == pytest.approx(getattr(alone, name)[0], rel=1e-12)

    @pytest.mark.parametrize("unit", ["D", "us", "ns"])
    def test_a_day_is_one_label_in_every_form(self, unit):
        days = [date(2025, 1, 1), date(2025, 2, 1)]
        column = np.array(days, f"datetime64[{unit}]")
        forms = [days, column, pd.Series(column), [str(day) for day in days], list(pd.to_datetime(days))]
        for planned in forms:
            plan = {"cohort": planned, "start": [START] * 2, "end": [END] * 2, "target": [10, 10]}
            for sold in forms:
                found = plan_and_actual(plan, {"cohort": sold, "date": [START] * 2, "amount": [3, 4]}, as_of=NOW)
                assert found.dimensions == {"cohort": ("2025-01-01", "2025-02-01")}
                assert found.actual.tolist() == [3, 4]

    def test_dataframes(self):
        sales = sales_of([("ann", "north", 0, 40.0), ("bob", "north", 1, 5.0)])
        found = plan_and_actual(pd.DataFrame(PLAN), pd.DataFrame(sales), as_of=NOW)
        assert found == plan_and_actual(PLAN, sales, as_of=NOW)
        assert found.to_frame()["manager"].tolist() == ["ann", "ann", "bob"]

    @pytest.mark.parametrize(
        ("plan", "actual", "options", "name"),
        [
            ({"target": None}, {}, {}, "plan"),
            ({}, {"amount": None}, {}, "actual"),
            ({}, {"region": None}, {}, "actual"),
            ({"end": [date(2025, 2, 1)] * 3}, {}, {}, "end"),
            ({"target": [1, 2, -3]}, {}, {}, "target"),
            ({"target": [1, 2]}, {}, {}, "target"),
            ({"manager": ["ann"]}, {}, {}, "manager"),
            ({}, {"manager": [None]}, {}, "manager"),
            ({}, {"amount": ["x"]}, {}, "amount"),
            ({}, {}, {"business_hours": "1111100"}, "business_hours"),
            ({"start": [END] * 3}, {}, {"business_hours": BusinessHours(days=["Sun"])}, "plan"),
            ({}, {}, {"level": 90}, "level"),
            ({"share": ["a"] * 3}, {"share": ["a"]}, {}, "plan"),
            ({"date": [START] * 3}, {}, {}, "plan"),
        ],
    )
    def test_refuses(self, plan, actual, options, name):
        given = [
            {key: column for key, column in {**base, **changes}.items() if column is not None}
            for base, changes in ((PLAN, plan), (sales_of([("ann", "north", 0, 40.0)]), actual))
        ]
        with pytest.raises(InputError) as caught:
            plan_and_actual(*given, **{"as_of": NOW, **options})
        assert caught.value.name == name

    def test_the_conclusion_counts_what_is_likely_open_and_unlikely(self):
        """About 10 a day leads to 310 in the month, which three targets are below, at and above."""
        targets = plan_of(
            [(who, "north", START, END, target) for who, target in zip("abc", (250, 310, 370), strict=True)]
        )
        sales = sales_of([(who, "north", day, 5.0 + 10 * (day % 2)) for who in "abc" for day in range(-40, 12)])
        found = plan_and_actual(targets, sales, as_of=NOW)
        assert found.conclusion == "Of 3 targets: 1 likely (at least 80 %), 1 open, 1 unlikely (below 20 %)."

    def test_amounts_after_the_last_day_are_counted(self):
        sales = sales_of([("ann", "north", 0, 40.0), ("ann", "north", 20, 5.0), ("eve", "north", 21, 5.0)])
        found = plan_and_actual(PLAN, sales, as_of=NOW)
        assert (found.n_later, found.n_unplanned, found.n_unlabelled) == (2, 0, 0)
        assert found.conclusion.endswith(" 2 amounts came after 2025-03-12: left out.")
        assert "came after" not in plan_and_actual(PLAN, sales, as_of=END).conclusion
        assert PlanAndActual.from_json(found.to_json()) == found


def test_a_sale_of_two_targets_is_planned():
    plan = {"start": ["2024-01-01"] * 2, "end": ["2024-01-31", "2024-03-31"], "target": [100, 300]}
    found = plan_and_actual(plan, {"date": ["2024-01-10"], "amount": [50]}, as_of="2024-02-15")
    assert (found.actual.tolist(), found.n_unplanned, found.unplanned) == ([50, 50], 0, 0)


def test_a_sale_on_a_free_day_belongs_to_the_working_day_before():
    plan, hours = {"start": ["2024-06-03"], "end": ["2024-06-30"], "target": [900]}, BusinessHours()
    friday, saturday = (
        plan_and_actual(
            plan, {"date": ["2024-06-03", day], "amount": [50, 80]}, as_of="2024-06-16", business_hours=hours
        )
        for day in ("2024-06-14", "2024-06-15")
    )
    assert friday == saturday


@pytest.mark.parametrize(("n", "end", "n_sales"), [(6_000, "2124-01-01", 1), (2_100, "2024-01-01", 100_000)])
def test_too_much_work_is_refused_before_it(n, end, n_sales):
    """50,000 targets of a century took more than 30 seconds; amounts count for each target that they belong to."""
    plan = {"start": ["2024-01-01"] * n, "end": [end] * n, "target": [100] * n}
    sales = {"date": np.full(n_sales, np.datetime64("2024-01-01")), "amount": np.ones(n_sales)}
    with pytest.raises(InputError, match="`plan` must be targets that have at most 200,000,000 days and amounts"):
        plan_and_actual(plan, sales, as_of=end)
