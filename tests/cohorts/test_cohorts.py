"""Cohorts: triangles, retention by day, survival, comparisons, projection and value."""

from __future__ import annotations

import datetime as dt
import math
import warnings
from unittest import mock

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from crmvalue import frames
from crmvalue.cohorts import (
    CohortComparison,
    RetentionTriangle,
    cohort_ltv,
    compare_retention,
    compare_survival,
    n_day_retention,
    project_retention,
    retention_triangle,
    survival_curve,
)
from crmvalue.datasets import load_cdnow
from crmvalue.errors import DataWarning, InputError
from tests.cohorts.references import (
    first_day,
    holm,
    kaplan_meier,
    log_rank,
    log_rank_exact,
    next_first_day,
    slow_days,
    slow_days_from,
    slow_days_of_24_hours,
    slow_triangle,
    slow_triangle_from,
)
from tests.work import times_longer

PERIODS = ["week", "month", "quarter", "year"]
BEGIN = dt.date(2023, 12, 20)

periods = st.sampled_from(PERIODS)
days = st.integers(0, 120).map(lambda n: BEGIN + dt.timedelta(days=n))
amounts = st.integers(-500, 5000).map(lambda cents: cents / 100)
logs = st.lists(st.tuples(st.integers(1, 6), days, amounts), min_size=1, max_size=40)
visits = st.lists(st.tuples(st.integers(1, 6), days), min_size=1, max_size=40)
lives = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=40)

SIX_MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
SIX_MP_LEFT = [True] * 3 + [False, True, False, True, False, False, True, True] + [False] * 3 + [True] * 2 + [False] * 5
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]


def triangle_of(rows, period, as_of):
    customer, date, amount = zip(*rows, strict=True)
    return retention_triangle(customer, date, amount, period=period, as_of=as_of)


def bought_by(rows, as_of):
    return any(day <= as_of and amount >= 0 for _, day, amount in rows)


def cells_of(triangle):
    """Tell a triangle as the slow reference does."""
    calendar = "week from Sunday" if triangle.week_start == "sunday" else triangle.period
    cells = {}
    for row, cohort in enumerate(triangle.cohort.tolist()):
        start = cohort
        for age in triangle.age.tolist():
            seen, running = triangle.observed[row, age], triangle.partly_observed[row, age]
            assert not (seen and running)
            if seen or running:
                state = "observed" if seen else "partly observed"
                money = None if triangle.revenue is None else triangle.revenue[row, age]
                cells[cohort, start] = (triangle.active[row, age], money, state)
            else:
                assert triangle.active[row, age] == 0
            start = next_first_day(start, calendar)
    return cells


def subscriptions(starts, as_of="2024-06-30"):
    """Make the log of a monthly payment: (first month of 2024, number of months) of each customer."""
    rows = [
        (customer, f"2024-{month:02}-15")
        for customer, (start, n) in enumerate(starts)
        for month in range(start, start + n)
        if f"2024-{month:02}-15" <= as_of
    ]
    customer, date = zip(*rows, strict=True)
    return retention_triangle(customer, date, period="month", as_of=as_of)


class TestRetentionTriangle:
    """Cell (c, k): customers of cohort c with a purchase in the k-th calendar period after c."""

    def test_known_cells(self):
        rows = [
            ("a", "2024-01-31", 10), ("a", "2024-02-01", 20), ("a", "2024-02-29", 2), ("a", "2024-04-01", 4),
            ("b", "2024-01-01", 1), ("c", "2024-03-31", 8), ("d", "2024-04-03", 9), ("a", "2024-04-02", 99),
        ]  # fmt: skip
        found = triangle_of(rows, "month", "2024-04-01")
        assert found.cohort.astype(str).tolist() == ["2024-01-01", "2024-03-01"]
        assert found.size.tolist() == [2, 1]
        assert found.active.tolist() == [[2, 1, 0, 1], [1, 0, 0, 0]]
        assert found.revenue.tolist() == [[11, 22, 0, 4], [8, 0, 0, 0]]
        assert found.observed.tolist() == [[True, True, True, False], [True, False, False, False]]
        assert found.partly_observed.tolist() == [[False, False, False, True], [False, True, False, False]]
        np.testing.assert_array_equal(found.retention, [[1, 0.5, 0, np.nan], [1, np.nan, np.nan, np.nan]])
        np.testing.assert_array_equal(found.retention_so_far, [[1, 0.5, 0, 0.5], [1, 0, np.nan, np.nan]])
        np.testing.assert_array_equal(found.mean_retention, [1, 0.5, 0, np.nan])
        np.testing.assert_array_equal(found.cumulative_revenue_per_customer[0], [5.5, 16.5, 16.5, np.nan])
        np.testing.assert_array_equal(found.revenue_per_customer[1], [8, np.nan, np.nan, np.nan])
        assert (found.n_rows_later, found.n_customers_later) == (2, 1)

    def test_a_return_is_money_and_no_purchase(self):
        rows = [(1, "2024-01-02", -3), (1, "2024-02-01", 10), (1, "2024-03-05", -4), (2, "2024-02-01", -5)]
        found = triangle_of(rows, "month", "2024-03-31")
        assert found.active.tolist() == [[1, 0]]
        assert found.revenue.tolist() == [[10, -4]]
        assert (found.n_returns_outside, found.revenue_outside, found.n_customers_later) == (2, -8, 1)

    def test_a_return_earlier_in_the_first_period_is_inside(self):
        found = triangle_of([(1, "2024-02-01", -3), (1, "2024-02-05", 10)], "month", "2024-02-29")
        assert (found.revenue.tolist(), found.n_returns_outside) == ([[7]], 0)

    @pytest.mark.parametrize(
        ("period", "last_open", "over"),
        [
            ("week", "2024-03-02", "2024-03-03"),  # a Sunday
            ("month", "2024-02-28", "2024-02-29"),
            ("quarter", "2024-03-30", "2024-03-31"),
            ("year", "2024-12-30", "2024-12-31"),
        ],
    )
    def test_a_period_is_observed_from_its_last_day(self, period, last_open, over):
        rows = [(1, "2024-02-28", 1.0)]
        assert triangle_of(rows, period, last_open).partly_observed.tolist() == [[True]]
        assert triangle_of(rows, period, over).observed.tolist() == [[True]]

    @given(logs, periods, days)
    def test_equals_the_slow_reference(self, rows, period, as_of):
        if not bought_by(rows, as_of):
            with pytest.raises(InputError, match="as_of"):
                triangle_of(rows, period, as_of)
            return
        found, wanted = cells_of(triangle_of(rows, period, as_of)), slow_triangle(rows, period, as_of)
        assert found.keys() == wanted.keys()
        for place, (n, money, state) in wanted.items():
            assert (found[place][0], found[place][2]) == (n, state)
            assert found[place][1] == pytest.approx(money, abs=1e-9)

    @given(logs, periods, days)
    def test_nothing_is_lost(self, rows, period, as_of):
        if not bought_by(rows, as_of):
            return
        found = triangle_of(rows, period, as_of)
        known = [row for row in rows if row[1] <= as_of]
        total = math.fsum(row[2] for row in known)
        assert found.revenue.sum() + found.revenue_outside == pytest.approx(total, abs=1e-9)
        assert found.n_rows_later + len(known) == len(rows)
        assert found.size.sum() + found.n_customers_later == len({row[0] for row in rows})
        assert found.retention_so_far[:, 0].tolist() == [1.0] * len(found.size)
        assert ((found.retention[:, 0] == 1) == found.observed[:, 0]).all()
        shares = found.retention[found.observed]
        assert ((shares >= 0) & (shares <= 1)).all()
        assert np.isnan(found.retention[~found.observed]).all()

    @given(logs, periods, days, st.integers(0, 90))
    def test_a_later_day_only_adds_cells(self, rows, period, as_of, more):
        if not bought_by(rows, as_of):
            return
        before = cells_of(triangle_of(rows, period, as_of))
        after = cells_of(triangle_of(rows, period, as_of + dt.timedelta(days=more)))
        for place, cell in before.items():
            assert place in after
            if cell[2] == "observed":
                assert after[place] == cell
            else:
                assert after[place][0] >= cell[0]

    @given(logs, periods, st.randoms(use_true_random=False))
    def test_order_of_rows_does_not_matter(self, rows, period, random):
        rows = [(customer, day, float(round(abs(amount)))) for customer, day, amount in rows]  # sums are exact
        shuffled = rows.copy()
        random.shuffle(shuffled)
        assert triangle_of(shuffled, period, "2024-05-01") == triangle_of(rows, period, "2024-05-01")

    @given(logs, periods)
    def test_names_of_customers_do_not_matter(self, rows, period):
        named = [(f"no {customer * 7 % 11}", day, abs(amount)) for customer, day, amount in rows]
        sparse = [(customer * 10**12, day, abs(amount)) for customer, day, amount in rows]
        plain = [(customer, day, abs(amount)) for customer, day, amount in rows]
        wanted = triangle_of(plain, period, "2024-05-01")
        assert triangle_of(named, period, "2024-05-01") == triangle_of(sparse, period, "2024-05-01") == wanted

    def test_equals_a_pivot_of_pandas(self):
        log = load_cdnow()
        found = retention_triangle(log.customer, log.date, log.amount, period="month", as_of="1998-06-30")
        frame = pd.DataFrame({"customer": log.customer, "month": log.date, "amount": log.amount})
        frame["month"] = frame["month"].dt.to_period("M")
        frame["cohort"] = frame.groupby("customer")["month"].transform("min")
        frame["age"] = (frame["month"] - frame["cohort"]).map(lambda gap: gap.n)
        active = frame.pivot_table(index="cohort", columns="age", values="customer", aggfunc="nunique")
        revenue = frame.pivot_table(index="cohort", columns="age", values="amount", aggfunc="sum")
        np.testing.assert_array_equal(np.where(found.observed, found.active, np.nan), active.to_numpy())
        np.testing.assert_allclose(np.where(found.observed, found.revenue, np.nan), revenue.to_numpy(), rtol=1e-12)
        assert found.observed.sum(axis=1).tolist() == [18, 17, 16]

    @pytest.mark.filterwarnings("ignore:first purchases pile up")
    def test_large_logs_and_sparse_ones_count_alike(self):
        rng = np.random.default_rng(3)
        customer, day = rng.integers(0, 3000, 20_000), np.datetime64("2020-01-01") + rng.integers(0, 700, 20_000)
        found = retention_triangle(customer, day, period="week", as_of="2022-01-31")
        index = (day.astype("datetime64[D]").astype(np.int64) + 3) // 7
        frame = pd.DataFrame({"customer": customer, "week": index})
        frame["first"] = frame.groupby("customer")["week"].transform("min")
        wanted = frame.groupby(["first", "week"])["customer"].nunique()
        assert int(found.active.sum()) == int(wanted.sum())
        assert sorted(found.active[found.active > 0].tolist()) == sorted(wanted.tolist())

    def test_a_long_life_in_few_rows(self):
        """Few rows and many periods, where customers are not counted in a table."""
        found = triangle_of(
            [(1, "1900-01-01", 1.0), (1, "2024-01-01", 2.0), (2, "2024-01-01", 4.0)], "week", "2024-01-07"
        )
        assert found.active.shape == (2, 6471)
        assert found.active.sum() == 3
        assert found.revenue[0, -1] == 2.0

    def test_intervals_are_those_of_wilson(self):
        """Wilson (1927), 95 %: 81/263 and 15/148; the first column is 1 by definition."""
        made = RetentionTriangle(
            period="year", as_of="2023-12-31", cohort=["2022-01-01", "2023-01-01"], size=[263, 148],
            active=[[263, 81], [148, 0]],
        )  # fmt: skip
        low, high = made.retention_interval()
        np.testing.assert_allclose([low[0, 1], high[0, 1]], [0.2553, 0.3662], atol=5e-5)
        assert np.isnan(low[1, 1])
        assert low[:, 0].tolist() == high[:, 0].tolist() == [1.0, 1.0]
        with pytest.raises(InputError, match="level"):
            made.retention_interval(level=95)

    @given(logs, periods)
    def test_json_and_columns(self, rows, period):
        rows = [(customer, day, abs(amount)) for customer, day, amount in rows]
        made = triangle_of(rows, period, "2024-04-18")
        assert RetentionTriangle.from_json(made.to_json()) == made
        columns = made.to_columns()
        assert columns["active"].sum() == made.active.sum()
        assert columns["revenue"].sum() == pytest.approx(made.revenue.sum())
        assert (np.isnan(columns["retention"]) == ~columns["is_observed"]).all()
        without = attrs.evolve(made, revenue=None)
        assert RetentionTriangle.from_json(without.to_json()) == without
        assert "revenue" not in without.to_columns()
        with pytest.raises(InputError, match="amount"):
            _ = without.revenue_per_customer

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"period": "day"}, "period"),
            ({"cohort": ["2024-01-02", "2024-02-01"]}, "cohort"),
            ({"cohort": ["2024-02-01", "2024-01-01"]}, "cohort"),
            ({"cohort": ["2024-01-01", "2024-04-01"]}, "cohort"),
            ({"cohort": []}, "cohort"),
            ({"size": [2]}, "size"),
            ({"size": [0, 1]}, "size"),
            ({"size": [3, 1]}, "active"),
            ({"active": [[2, 3, 1], [1, 0, 0]]}, "active"),
            ({"active": [[2, 1, 1], [1, 0, 1]]}, "active"),
            ({"active": [[2, 1], [1, 0]]}, "active"),
            ({"revenue": [[2.0, 1.0, 1.0], [1.0, 0.0, 1.0]]}, "revenue"),
            ({"n_rows_later": -1}, "n_rows_later"),
        ],
    )
    def test_refuses_what_cannot_be(self, changes, name):
        good = {"period": "month", "as_of": "2024-03-15", "cohort": ["2024-01-01", "2024-02-01"], "size": [2, 1]}
        good["active"] = [[2, 1, 1], [1, 0, 0]]
        assert RetentionTriangle(**good).retention[0, 1] == 0.5
        with pytest.raises(InputError) as caught:
            RetentionTriangle(**{**good, **changes})
        assert caught.value.name == name

    def test_refuses_a_triangle_without_end(self):
        day = np.arange(np.datetime64("1950-01-01"), np.datetime64("2024-01-01"), 7)
        with pytest.raises(InputError, match="at most 10,000,000 cells"):
            retention_triangle(np.arange(len(day)), day, period="week", as_of="2024-01-31")

    @pytest.mark.parametrize("make", [list, pd.Series, pl.Series, np.array])
    def test_takes_columns_of_any_kind(self, make):
        customer, date = make(["a", "b"]), make([dt.date(2024, 1, 1), dt.date(2024, 2, 1)])
        found = retention_triangle(customer, date, make([1.0, 2.0]), period="month", as_of=dt.date(2024, 2, 29))
        assert found.active.tolist() == [[1, 0], [1, 0]]

    @given(st.dates(dt.date(1, 1, 15), dt.date(9990, 1, 1)), periods)
    def test_knows_the_first_day_of_any_period(self, day, period):
        found = triangle_of([(1, day, 1.0)], period, day)
        assert found.cohort.tolist() == [first_day(day, period)]
        assert bool(found.observed[0, 0]) == (next_first_day(day, period) == day + dt.timedelta(days=1))


class TestWeeksFromSunday:
    """The same cells, with weeks from Sunday to Saturday."""

    @given(logs, days)
    def test_equals_the_slow_reference(self, rows, as_of):
        if not bought_by(rows, as_of):
            return
        customer, date, amount = zip(*rows, strict=True)
        found = retention_triangle(customer, date, amount, period="week", as_of=as_of, week_start="sunday")
        cells, wanted = cells_of(found), slow_triangle(rows, "week from Sunday", as_of)
        assert cells.keys() == wanted.keys()
        for place, (n, money, state) in wanted.items():
            assert (cells[place][0], cells[place][2]) == (n, state)
            assert cells[place][1] == pytest.approx(money, abs=1e-9)
        assert RetentionTriangle.from_json(found.to_json()) == found
        moved = [day + dt.timedelta(days=1) for day in date]  # Sunday becomes Monday
        shifted = retention_triangle(customer, moved, amount, period="week", as_of=as_of + dt.timedelta(days=1))
        np.testing.assert_array_equal(found.active, shifted.active)

    @given(st.dates(dt.date(1, 1, 15), dt.date(9990, 1, 1)))
    def test_knows_the_first_day(self, day):
        found = retention_triangle([1], [day], period="week", as_of=day, week_start="sunday")
        assert found.cohort.tolist()[0].isoweekday() == 7
        assert (day - found.cohort.tolist()[0]).days in range(7)
        assert bool(found.observed[0, 0]) == (day.isoweekday() == 6)

    @pytest.mark.parametrize(("period", "week_start"), [("month", "sunday"), ("week", "saturday"), ("week", None)])
    def test_refuses(self, period, week_start):
        with pytest.raises(InputError, match="week_start"):
            retention_triangle([1], ["2024-01-01"], period=period, as_of="2024-01-31", week_start=week_start)


class TestStarts:
    """Cohorts that begin with another event than the one counted: the day of the start is given for each customer."""

    @given(visits, logs, periods, days)
    def test_triangle_equals_the_slow_reference(self, starts, rows, period, as_of):
        customer, date, amount = zip(*rows, strict=True)
        log = {"period": period, "as_of": as_of, "start": tuple(zip(*starts, strict=True))}
        if min(day for _, day in starts) > as_of:
            with pytest.raises(InputError, match="as_of"):
                retention_triangle(customer, date, amount, **log)
            return
        found = retention_triangle(customer, date, amount, **log)
        wanted = slow_triangle_from(starts, rows, period, as_of)
        cells = cells_of(found)
        assert cells.keys() == wanted.keys()
        size = dict(zip(found.cohort.tolist(), found.size.tolist(), strict=True))
        for place, (n, n_active, money) in wanted.items():
            assert (size[place[0]], cells[place][0]) == (n, n_active)
            assert cells[place][1] == pytest.approx(money, abs=1e-9)
        known = [row for row in rows if row[1] <= as_of]
        total = math.fsum(row[2] for row in known)
        assert found.revenue.sum() + found.revenue_outside == pytest.approx(total, abs=1e-9)
        assert found.size.sum() + found.n_customers_later == len({row[0] for row in starts + rows})
        began = {one: min(day for other, day in starts if other == one) for one, _ in starts}
        outside = [row for row in known if row[0] not in began or row[1] < began[row[0]]]
        assert found.n_purchases_outside == sum(row[2] >= 0 for row in outside)
        assert found.n_returns_outside == sum(row[2] < 0 for row in outside)
        assert RetentionTriangle.from_json(found.to_json()) == found

    @given(visits, periods, days)
    def test_the_first_purchase_as_start_changes_nothing(self, rows, period, as_of):
        customer, date = zip(*rows, strict=True)
        if min(date) > as_of:
            return
        plain = retention_triangle(customer, date, period=period, as_of=as_of)
        found = retention_triangle(customer, date, period=period, as_of=as_of, start=(customer, date))
        assert attrs.evolve(found, by_start=False) == plain
        days = {"days": [0, 7, 30], "kind": "day", "as_of": as_of}
        assert n_day_retention(customer, date, **days, start=(customer, date)) == n_day_retention(
            customer, date, **days
        )

    @given(visits, visits, days, st.integers(0, 60), st.integers(0, 30))
    def test_days_equal_the_slow_reference(self, starts, rows, as_of, low, width):
        customer, date = zip(*rows, strict=True)
        start = tuple(zip(*starts, strict=True))
        if min(start[1]) > as_of:
            with pytest.raises(InputError, match="as_of"):
                n_day_retention(customer, date, low, kind="day", as_of=as_of, start=start)
            return
        windows = {"day": (low, low, low), "bracket": ([[low, low + width]], low, low + width)}
        for kind, (given_days, begin, end) in {**windows, "unbounded": (low, low, None)}.items():
            found = n_day_retention(customer, date, given_days, kind=kind, as_of=as_of, start=start)
            counts = (found.n_eligible[0], found.n_retained[0], found.n_too_young[0])
            assert counts == slow_days_from(starts, rows, as_of, begin, end)
            everybody = len(set(customer) | set(start[0]))
            assert found.n_customers_later == everybody - counts[0] - counts[2]

    @pytest.mark.filterwarnings("ignore:first purchases pile up")
    @pytest.mark.parametrize("kind", ["day", "unbounded"])
    def test_many_days_take_little_more_time_than_few(self, kind):
        """With the whole log looked through for each day, 2,000 days took fifty times as long as 40: 8 s."""
        rng = np.random.default_rng(1)
        log = rng.integers(0, 1_000, 300_000), np.datetime64(BEGIN) + rng.integers(0, 2_000, 300_000)
        as_of = BEGIN + dt.timedelta(days=2_100)
        ratio, found = times_longer(
            lambda n: n_day_retention(*log, np.arange(n), kind=kind, as_of=as_of), 40, 2_000, n_rounds=1
        )
        assert found.n_retained[0] == 1_000
        assert ratio < 10

    def test_nobody_has_bought(self):
        start = (["a", "b"], ["2024-01-05", "2024-02-01"])
        found = retention_triangle(["z"], ["2024-05-01"], [9.0], period="month", as_of="2024-02-29", start=start)
        assert (found.active.tolist(), found.n_rows_later) == ([[0, 0], [0, 0]], 1)
        assert found.retention_interval().low[0, 0] == 0.0

    def test_cohorts_can_be_compared_at_age_0(self):
        """3 of 4 of January bought in the month of their sign-up, and 1 of 4 of February."""
        start = (range(8), ["2024-01-05"] * 4 + ["2024-02-05"] * 4)
        log = {"customer": [0, 1, 2, 4], "date": ["2024-01-09"] * 3 + ["2024-02-09"]}
        triangle = retention_triangle(**log, period="month", as_of="2024-02-29", start=start)
        found = compare_retention(triangle, 0)
        assert found.value.tolist() == [0.75, 0.25]
        assert found.p_value == pytest.approx(stats.fisher_exact([[3, 1], [1, 3]]).pvalue)

    def test_a_projection_refuses_it(self):
        start = (["a", "b"], ["2024-01-05", "2024-01-05"])
        made = retention_triangle(
            ["a"] * 2, ["2024-01-06", "2024-02-06"], period="month", as_of="2024-03-31", start=start
        )
        with pytest.raises(InputError, match="begin with the first purchase"):
            project_retention(made, 2)

    @pytest.mark.parametrize(
        "start",
        [5, "ab", ["a"], (["a"], ["2024-01-01", "2024-01-02"]), ([], []), ([1], ["2024-01-01"]), (["a"], [None]),
         ([""], ["2024-01-01"]), {"a": "2024-01-01", "b": "2024-01-01"}, (["a"], ["2024-02-30"])],
    )  # fmt: skip
    def test_refuses(self, start):
        log = {"customer": ["a"], "date": ["2024-01-05"], "as_of": "2024-01-31", "start": start}
        with pytest.raises(InputError, match="start"):
            retention_triangle(**log, period="month")
        with pytest.raises(InputError, match="start"):
            n_day_retention(**log, days=1, kind="day")

    def test_old_customers_are_warned_of(self):
        """Of a log that begins in the middle, the first purchases are no first ones; starts that are given are.

        300 old customers buy each fifth day or so, and one newcomer comes on each day.
        """
        customer = np.concatenate([np.repeat(np.arange(300), 20), np.arange(300, 500)])
        day = np.datetime64("2024-01-01") + np.concatenate([np.tile(np.arange(20) * 10, 300) % 197, np.arange(200)])
        end = {"as_of": "2024-07-31"}
        for count in (
            lambda *log, **options: retention_triangle(*log, **end, **options, period="month"),
            lambda *log, **options: n_day_retention(*log, 28, **end, **options, kind="unbounded"),
            lambda *log, **options: n_day_retention(*log, 28, **end, **options, kind="day", day_length="24h"),
        ):
            with pytest.warns(DataWarning, match="first purchases pile up in the first .* 500 customers") as caught:
                count(customer, day)
            assert len(caught) == 1
            assert caught[0].filename == __file__
            assert 300 <= caught[0].message.count <= 350
            count(customer, day, start=(customer, day))
            is_new = customer >= 300
            count(customer[is_new], day[is_new])
            count(np.arange(60), np.full(60, "2024-01-01"))  # one cohort

    @pytest.mark.parametrize("make", [pl.DataFrame, pl.LazyFrame])
    def test_old_customers_in_a_frame(self, make):
        day = np.datetime64("2024-01-01") + np.append(np.zeros(100, dtype=np.int64), np.arange(200))
        frame = make({"customer": np.arange(300), "date": day, "amount": np.ones(300)})
        with pytest.warns(
            DataWarning, match="first purchases pile up in the first 10 days of the log: 110 of 300"
        ) as caught:
            frames.retention(frame, period="month", as_of="2024-07-31")
        assert [warning.filename for warning in caught] == [__file__]


class TestDaysOf24Hours:
    """Day n: from 24 n hours after the start to just before 24 (n + 1) hours after it."""

    moments = st.integers(0, 60 * 24 * 6).map(lambda n: dt.datetime(2023, 12, 20) + dt.timedelta(minutes=10 * n))
    rows = st.lists(st.tuples(st.integers(1, 4), moments), min_size=1, max_size=25)

    @given(rows, st.none() | rows, st.integers(0, 70), st.integers(0, 12), st.integers(0, 20))
    def test_equals_the_slow_reference(self, rows, starts, day, low, width):
        as_of = dt.date(2023, 12, 20) + dt.timedelta(days=day)
        customer, date = zip(*rows, strict=True)
        begins = rows if starts is None else starts
        start = None if starts is None else tuple(zip(*starts, strict=True))
        if min(moment for _, moment in begins).date() > as_of:
            with pytest.raises(InputError, match="as_of"):
                n_day_retention(customer, date, low, kind="day", as_of=as_of, start=start, day_length="24h")
            return
        windows = {"day": (low, low, low), "bracket": ([[low, low + width]], low, low + width)}
        for kind, (given_days, begin, end) in {**windows, "unbounded": (low, low, None)}.items():
            log = {"kind": kind, "as_of": as_of, "start": start, "day_length": "24h"}
            found = n_day_retention(customer, date, given_days, **log)
            counts = (found.n_eligible[0], found.n_retained[0], found.n_too_young[0])
            assert counts == slow_days_of_24_hours(begins, rows, as_of, begin, end)

    @given(visits, days, st.integers(0, 60))
    def test_at_midnight_both_are_the_same(self, rows, as_of, low):
        customer, date = zip(*rows, strict=True)
        if min(date) > as_of:
            return
        log = {"kind": "day", "as_of": as_of}
        found = n_day_retention(customer, date, low, **log, day_length="24h")
        assert found == attrs.evolve(n_day_retention(customer, date, low, **log), day_length="24h")

    def test_the_first_and_the_last_moment(self):
        date = ["2024-01-01 10:00", "2024-01-02 09:59:59.999999", "2024-01-03 10:00"]
        log = {"kind": "day", "as_of": "2024-01-31", "day_length": "24h"}
        assert n_day_retention([1] * 3, date, [0, 1, 2], **log).n_retained.tolist() == [1, 0, 1]
        assert n_day_retention([1] * 3, date, [0, 1], **{**log, "as_of": "2024-01-02"}).n_too_young.tolist() == [0, 1]

    def test_refuses_another_word(self):
        with pytest.raises(InputError, match="day_length"):
            n_day_retention([1], ["2024-01-01"], 1, kind="day", as_of="2024-02-01", day_length="24 h")


class TestNDayRetention:
    """On day n; between two days; on day n or later: of the customers who are old enough."""

    @given(visits, days, st.integers(0, 60), st.integers(0, 30))
    def test_equals_the_slow_reference(self, rows, as_of, low, width):
        customer, date = zip(*rows, strict=True)
        if min(date) > as_of:
            with pytest.raises(InputError, match="as_of"):
                n_day_retention(customer, date, low, kind="day", as_of=as_of)
            return
        windows = {"day": (low, low, low), "bracket": ([[low, low + width]], low, low + width)}
        for kind, (given_days, begin, end) in {**windows, "unbounded": (low, low, None)}.items():
            found = n_day_retention(customer, date, given_days, kind=kind, as_of=as_of)
            counts = (found.n_eligible[0], found.n_retained[0], found.n_too_young[0])
            assert counts == slow_days(rows, as_of, begin, end)
            assert found.n_rows_later == sum(day > as_of for day in date)
            known = {one for one, day in rows if day <= as_of}
            assert found.n_customers_later == len(set(customer) - known)
            assert counts[0] + counts[2] == len(known)

    @given(visits, st.lists(st.integers(0, 60), min_size=1, max_size=5))
    def test_wider_windows_keep_no_fewer(self, rows, numbers):
        customer, date = zip(*rows, strict=True)
        log = {"customer": customer, "date": date, "as_of": "2024-12-31"}  # everybody is old enough
        day = n_day_retention(**log, days=numbers, kind="day")
        later = n_day_retention(**log, days=numbers, kind="unbounded")
        bracket = n_day_retention(**log, days=[[n, n + 9] for n in numbers], kind="bracket")
        assert (day.rate <= bracket.rate).all()
        assert (bracket.rate <= later.rate).all()
        ordered = n_day_retention(**log, days=sorted(numbers), kind="unbounded").rate
        assert (np.diff(ordered) <= 0).all()
        assert n_day_retention(**log, days=0, kind="day").rate.tolist() == [1.0]

    def test_the_young_are_not_lost(self):
        customer, date = [1, 1, 2], ["2024-01-01", "2024-01-08", "2024-01-03"]
        found = n_day_retention(customer, date, [7, 30], kind="day", as_of="2024-01-09")
        assert (found.n_eligible.tolist(), found.n_too_young.tolist()) == ([1, 0], [1, 2])
        np.testing.assert_array_equal(found.rate, [1.0, np.nan])
        low, high = found.interval()
        assert np.isnan([low[1], high[1]]).all()
        one_later = n_day_retention(customer, date, 7, kind="day", as_of="2024-01-10")
        assert one_later.rate.tolist() == [0.5]

    def test_interval_is_that_of_wilson(self):
        """0 of 20: 0 to 0.1611."""
        found = n_day_retention(range(20), ["2024-01-01"] * 20, 7, kind="day", as_of="2024-02-01")
        low, high = found.interval()
        assert (low[0], round(high[0], 4)) == (0.0, 0.1611)

    @pytest.mark.parametrize(
        ("days", "kind", "name"),
        [([7], "week", "kind"), ([1, 7], "bracket", "days"), ([[7, 1]], "bracket", "days"), ([[1, 7]], "day", "days"),
         ([], "day", "days"), (1.5, "day", "days"), (range(10_001), "day", "days")],
    )  # fmt: skip
    def test_refuses(self, days, kind, name):
        with pytest.raises(InputError) as caught:
            n_day_retention([1], ["2024-01-01"], days, kind=kind, as_of="2024-02-01")
        assert caught.value.name == name

    def test_rows_before_the_start_are_counted(self):
        """One row before the start of its customer, one of a customer without a start, one that counts."""
        log = ["a", "a", "b"], ["2024-01-05", "2024-01-12", "2024-01-12"]
        start = [["a"], ["2024-01-10"]]
        for length in ("calendar", "24h"):
            found = n_day_retention(*log, 2, kind="day", as_of="2024-02-01", start=start, day_length=length)
            assert (found.n_rows_outside, found.n_retained.tolist()) == (2, [1])
        assert n_day_retention(*log, 2, kind="day", as_of="2024-02-01").n_rows_outside == 0


class TestSurvivalCurve:
    """S(t): product of 1 - d/n over the times up to t."""

    def test_freireich(self):
        """6-MP data of Freireich et al. (1963): survival at 6, 7, 10, 13, 16, 22, 23 weeks."""
        curve = survival_curve(SIX_MP, SIX_MP_LEFT)
        wanted = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
        assert curve.at([6, 7, 10, 13, 16, 22, 23]).round(4).tolist() == wanted
        assert (curve.median, curve.n_customers) == (23.0, 21)
        at_risk = dict(zip(curve.time.tolist(), curve.n_at_risk.tolist(), strict=True))
        assert [at_risk[t] for t in (6, 7, 10, 13, 16, 22, 23)] == [21, 17, 15, 12, 11, 7, 6]

    @given(lives)
    def test_equals_exact_fractions(self, rows):
        duration, event = zip(*rows, strict=True)
        curve = survival_curve(duration, event)
        wanted = kaplan_meier(duration, event)
        assert curve.time.tolist() == [row[0] for row in wanted]
        assert curve.n_at_risk.tolist() == [row[1] for row in wanted]
        assert curve.n_events.tolist() == [row[2] for row in wanted]
        np.testing.assert_allclose(curve.survival, [float(row[3]) for row in wanted], atol=1e-12)
        assert curve.n_events.sum() + curve.n_censored.sum() == len(rows)
        inside = ~np.isnan(curve.low)
        assert (curve.low[inside] <= curve.survival[inside]).all()
        assert (curve.survival[inside] <= curve.high[inside]).all()
        assert (inside == (curve.survival > 0)).all()

    @given(lives, st.floats(0.05, 0.99))
    def test_equals_scipy(self, rows, level):
        duration, event = (np.array(column) for column in zip(*rows, strict=True))
        curve = survival_curve(duration, event, level=level)
        data = stats.CensoredData(uncensored=duration[event.astype(bool)], right=duration[~event.astype(bool)])
        wanted = stats.ecdf(data).sf
        np.testing.assert_allclose(curve.survival, wanted.probabilities, atol=1e-14)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scipy warns where the curve is 0
            interval = wanted.confidence_interval(level, method="log-log")
        inside = (curve.survival > 0) & (curve.survival < 1)
        np.testing.assert_allclose(curve.low[inside], interval.low.probabilities[inside], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(curve.high[inside], interval.high.probabilities[inside], rtol=1e-9)

    def test_leaves_the_process_alone(self):
        """Filters of warnings belong to the whole process: changed for a moment in one thread, they leak to others."""
        guard = mock.patch.object(warnings.catch_warnings, "__enter__", side_effect=AssertionError("filters changed"))
        with guard, np.errstate(all="raise"):
            survival_curve([3, 5, 5, 8, 12], [True, True, False, True, True], level=1 - 1e-15)
            compare_survival([1, 2, 3, 4, 6, 7, 8, 9], [True] * 8, ["old"] * 4 + ["new"] * 4)

    @given(lives, st.floats(0.05, 0.99))
    def test_interval_is_greenwood_on_the_log_log_scale(self, rows, level):
        from statistics import NormalDist

        duration, event = zip(*rows, strict=True)
        curve = survival_curve(duration, event, level=level)
        z, variance = NormalDist().inv_cdf((1 + level) / 2), 0.0
        for i, (_, n, d, share) in enumerate(kaplan_meier(duration, event)):
            if share == 0:
                break
            variance += d / (n * (n - d))
            if share < 1:
                half = z * math.sqrt(variance) / abs(math.log(share))
                assert curve.low[i] == pytest.approx(float(share) ** math.exp(half), rel=1e-6, abs=1e-12)
                assert curve.high[i] == pytest.approx(float(share) ** math.exp(-half), rel=1e-6)
            else:
                assert curve.low[i] == curve.high[i] == 1.0

    @given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
    def test_without_censoring_it_counts(self, duration):
        curve = survival_curve(duration, [True] * len(duration))
        end = float(max(duration) + 1)
        assert curve.restricted_mean(horizon=end) == pytest.approx(np.mean(duration))
        assert curve.median == pytest.approx(np.median(duration))
        times = np.arange(31)
        np.testing.assert_allclose(curve.at(times), [np.mean(np.array(duration) > t) for t in times], atol=1e-12)

    @given(lives, st.randoms(use_true_random=False), st.floats(0.01, 100))
    def test_order_does_not_matter_and_time_scales(self, rows, random, scale):
        shuffled = rows.copy()
        random.shuffle(shuffled)
        curve = survival_curve(*zip(*rows, strict=True))
        assert survival_curve(*zip(*shuffled, strict=True)) == curve
        longer = survival_curve([scale * t for t, _ in rows], [over for _, over in rows])
        np.testing.assert_allclose(longer.time, scale * curve.time)
        np.testing.assert_array_equal(longer.survival, curve.survival)

    def test_what_is_not_known_is_not_told(self):
        curve = survival_curve([1, 2, 3], [True, False, False])
        assert curve.median == math.inf
        assert curve.median_interval == (1.0, math.inf)
        assert np.isnan(curve.at(3.5))
        assert curve.at(0.5) == 1.0
        with pytest.raises(InputError, match="at most the longest duration"):
            curve.restricted_mean(horizon=4)
        for horizon in (0, -1, math.nan):
            with pytest.raises(InputError, match="horizon"):
                curve.restricted_mean(horizon=horizon)
        with pytest.raises(InputError, match="time"):
            curve.at(-1)
        assert survival_curve([1, 2], [True, True]).at(9) == 0.0

    def test_interval_of_the_median(self):
        """Medians of the two arms by the log-log interval: 13 to none, and 4 to 11 weeks."""
        assert survival_curve(SIX_MP, SIX_MP_LEFT).median_interval == (13.0, math.inf)
        assert survival_curve(PLACEBO, [True] * 21).median_interval == (4.0, 11.0)

    def test_the_interval_covers(self):
        rng = np.random.default_rng(6)
        covered = 0
        for _ in range(400):
            life, watched = rng.exponential(1.0, 80), rng.uniform(0, 3, 80)
            curve = survival_curve(np.minimum(life, watched), life <= watched, level=0.9)
            place = np.searchsorted(curve.time, 1.0, side="right") - 1
            covered += curve.low[place] <= math.exp(-1) <= curve.high[place]
        assert 0.86 <= covered / 400 <= 0.94  # four standard errors are 0.06, and the interval is approximate

    @pytest.mark.parametrize(
        ("duration", "event", "name"),
        [([1, -2], [True, True], "duration"), ([1, 2], [1, 2], "event"), ([1, 2], [True], "event"),
         ([1, math.nan], [True, False], "duration"), ([], [], "duration"), ([1], ["yes"], "event")],
    )  # fmt: skip
    def test_refuses(self, duration, event, name):
        with pytest.raises(InputError) as caught:
            survival_curve(duration, event)
        assert caught.value.name == name


class TestCompareSurvival:
    """Log-rank test of each pair, corrected by Holm's method."""

    def test_freireich(self):
        """6-MP against placebo: chi-squared 16.8 on 1 degree of freedom (Freireich et al. 1963; p 4.2e-5).

        Both groups expect fewer than 30 relapses, so the exact p-value takes the place of this approximation.
        """
        found = compare_survival(SIX_MP + PLACEBO, SIX_MP_LEFT + [True] * 21, ["6-MP"] * 21 + ["placebo"] * 21)
        difference, variance = log_rank(SIX_MP + PLACEBO, SIX_MP_LEFT + [True] * 21, [True] * 21 + [False] * 21)
        assert float(difference**2 / variance) == pytest.approx(16.79, abs=0.01)
        exact, _ = log_rank_exact(SIX_MP + PLACEBO, SIX_MP_LEFT + [True] * 21, [True] * 21 + [False] * 21)
        assert found.p_value == pytest.approx(float(exact), rel=1e-6)
        assert found.p_value > 4.17e-5
        assert (found.value.tolist(), found.direction.tolist()) == ([23.0, 8.0], [1])
        said = "Time that customers stay: 6-MP keeps its customers better than placebo (p 0.00012)."
        assert found.conclusion == said

    @given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), min_size=2, max_size=40))
    def test_equals_the_definition(self, rows):
        duration, event, first = zip(*rows, strict=True)
        if len(set(first)) < 2:
            return
        found = compare_survival(duration, event, ["a" if one else "b" for one in first])
        difference, variance = log_rank(duration, event, first)
        exact, _ = log_rank_exact(duration, event, first)  # all rows are too few to lose 30
        normal = math.erfc(abs(float(difference)) / math.sqrt(2 * float(variance))) if variance else 1.0
        wanted = max(normal, float(exact)) if variance else 1.0
        assert found.p_value == pytest.approx(wanted, rel=1e-6)
        if variance and difference:
            assert found.direction.tolist() == [-1 if difference > 0 else 1]

    def test_the_extreme_order_of_eight_is_one_of_seventy(self):
        """All of one cohort leave before all of the other: 2 of the 70 orders of 4 and 4 are so extreme."""
        found = compare_survival([1, 2, 3, 4, 6, 7, 8, 9], [True] * 8, ["a"] * 4 + ["b"] * 4)
        assert found.p_value == pytest.approx(2 / 70, rel=1e-12)

    def test_many_customers_beside_a_few(self):
        """The first three to leave, of 3,003, are the three of one cohort: 3, 2 and 1 of those at risk."""
        rows = np.arange(3000) + 1.0
        found = compare_survival([*rows, 0.1, 0.2, 0.3], [True] * 3003, ["many"] * 3000 + ["few"] * 3)
        assert found.p_value == pytest.approx(2 * 6 / (3003 * 3002 * 3001), rel=1e-9)
        assert "many keeps its customers better than few" in found.conclusion

    def test_from_30_expected_losses_on_it_is_that_of_scipy(self):
        rng = np.random.default_rng(4)
        life, other = rng.exponential(1.0, 200), rng.exponential(1.1, 300)
        found = compare_survival([*life, *other], [True] * 500, ["a"] * 200 + ["b"] * 300)
        assert found.p_value == pytest.approx(stats.logrank(life, other).pvalue, rel=1e-9)

    @pytest.mark.slow
    @pytest.mark.parametrize(("n", "other"), [(3, 3), (3, 10), (3, 50), (4, 4), (5, 5), (20, 20)])
    def test_few_customers_alike_seldom_differ(self, n, other):
        """With the normal approximation 6 to 9 in 100 pairs of cohorts alike differed."""
        rng = np.random.default_rng(10)
        cohort = np.repeat(["a", "b"], [n, other])
        wrong = sum(
            compare_survival(life := rng.exponential(1.0, n + other), life < 4, cohort).p_value < 0.05
            for _ in range(400)
        )
        assert wrong <= 400 * 0.05

    def test_many_cohorts_are_corrected(self):
        rng = np.random.default_rng(8)
        cohort = np.repeat(["a", "b", "c", "d"], 60)
        life = rng.exponential(np.repeat([1.0, 1.1, 1.0, 2.5], 60))
        event = life < 4
        found = compare_survival(np.minimum(life, 4), event, cohort)
        plain = []
        for i, j in zip(found.first, found.second, strict=True):
            two = np.isin(cohort, [found.names[i], found.names[j]])
            plain.append(compare_survival(np.minimum(life, 4)[two], event[two], cohort[two]).p_value)
        np.testing.assert_allclose(found.pair_p_value, holm(plain), rtol=1e-9)
        assert found.p_value == found.pair_p_value.min()
        assert "d keeps its customers better than" in found.conclusion
        assert f"{found.differs.sum()} of 6 pairs" in found.conclusion

    def test_pairs_that_the_correction_makes_equal_are_counted(self):
        """Holm's method lifts the p-value of the second pair to that of the first one."""
        life = [*range(1, 9), *range(11, 19), *range(11, 19)]
        found = compare_survival(life, [True] * 24, np.repeat(["a", "b", "c"], 8))
        assert "2 of 3 pairs of cohorts differ" in found.conclusion
        assert found.conclusion.endswith("b keeps its customers better than a (p 0.00047; 1 more is equal).")

    def test_alike_cohorts_seldom_differ(self):
        """Of 300 sets of five cohorts that are alike, at most 5 % and three standard errors show a difference."""
        rng = np.random.default_rng(9)
        cohort = np.repeat(np.arange(5), 30)
        wrong = sum(compare_survival(rng.exponential(1.0, 150), [True] * 150, cohort).differs.any() for _ in range(300))
        assert wrong <= 300 * (0.05 + 3 * math.sqrt(0.05 * 0.95 / 300))

    @pytest.mark.parametrize("cohort", [[1, 1, 1], [1, 2], list(range(101))])
    def test_refuses(self, cohort):
        n = max(len(cohort), 3)
        with pytest.raises(InputError) as caught:
            compare_survival([1.0] * n, [True] * n, cohort)
        assert caught.value.name == "cohort"


class TestCompareRetention:
    """Chi-squared or Fisher's test of each pair at one age, corrected by Holm's method."""

    @staticmethod
    def two(first, second, *others):
        cohorts = [first, second, *others]
        n = len(cohorts)
        active = np.zeros((n, n + 1), dtype=int)
        for row, (kept, size) in enumerate(cohorts):
            active[row, :2] = size, kept
        starts = [f"{2000 + row}-01-01" for row in range(n)]
        sizes = [size for _, size in cohorts]
        return RetentionTriangle(period="year", as_of=f"{2000 + n}-12-31", cohort=starts, size=sizes, active=active)

    def test_two_proportions(self):
        """200 of 1000 against 250 of 1000: z 2.6774, p .00742."""
        found = compare_retention(self.two((200, 1000), (250, 1000)), 1)
        assert found.p_value == pytest.approx(0.00742, abs=5e-6)
        assert found.direction.tolist() == [-1]
        said = "Retention at age 1: 2001-01-01 keeps its customers better than 2000-01-01 (p 0.0074)."
        assert found.conclusion == said

    def test_a_log_that_begins_later_than_the_business(self):
        """Nobody is new: all buy in a month with their own probability, and the log begins in the middle."""
        rng = np.random.default_rng(5)
        often = rng.choice([0.05, 0.6], 2000)
        bought = rng.random((2000, 8)) < often[:, np.newaxis]
        customer, month = np.nonzero(bought)
        log = customer, (np.datetime64("2024-01", "M") + month).astype("datetime64[D]")
        with pytest.warns(DataWarning, match="first purchases pile up"):
            triangle = retention_triangle(*log, period="month", as_of="2024-08-31")
        found = compare_retention(triangle, 1)
        assert found.p_value < 0.001
        said = " The log begins with 2024-01-01. If the business is older, this cohort holds old customers"
        assert "2024-01-01 keeps its customers better" in found.conclusion
        assert said in found.conclusion
        assert CohortComparison.from_json(found.to_json()) == found
        odd = np.append(customer, 5_000), np.append(log[1], np.datetime64("2023-11-08"))
        with pytest.warns(DataWarning, match="first purchases pile up"):
            with_odd = compare_retention(retention_triangle(*odd, period="month", as_of="2024-08-31"), 1)
        assert said in with_odd.conclusion
        start = np.arange(2000), np.full(2000, np.datetime64("2024-01-01"))
        start[1][1000:] = np.datetime64("2024-02-01")
        by_start = compare_retention(
            retention_triangle(*log, period="month", as_of="2024-08-31", start=start), 1
        )  # fmt: skip
        assert by_start.log_begins_with is None

    def test_few_customers(self):
        """Fisher's lady: 3 of 4 against 1 of 4, two-sided p 34/70."""
        found = compare_retention(self.two((3, 4), (1, 4)), 1)
        assert found.p_value == pytest.approx(34 / 70)
        assert found.conclusion == (
            "Retention at age 1: no difference among the 2 cohorts is shown at the 5 % level (p 0.49). "
            "This does not prove that they are equal."
        )

    @pytest.mark.parametrize(("kept", "size"), [((31, 25), 33), ((21, 15), 23), ((28, 22), 30)])
    def test_a_cell_that_expects_exactly_five(self, kept, size):
        """The z test holds from five on, as for all rates: z = (p1 - p2) / sqrt(2 p (1 - p) / n), by hand."""
        share = sum(kept) / (2 * size)
        z = (kept[0] - kept[1]) / size / math.sqrt(2 * share * (1 - share) / size)
        found = compare_retention(self.two((kept[0], size), (kept[1], size)), 1)
        assert found.p_value == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-12)
        assert found.p_value < 0.05

    def test_three_cohorts_that_expect_exactly_five(self):
        """Expected 5 and 28 of 33: the chi-squared test, 2 degrees of freedom, p exp(-statistic / 2)."""
        found = compare_retention(self.two((32, 33), (27, 33), (25, 33)), 1)
        statistic = sum((x - 28) ** 2 * (1 / 28 + 1 / 5) for x in (32, 27, 25))
        assert found.p_value == pytest.approx(math.exp(-statistic / 2), rel=1e-12)

    def test_three_cohorts(self):
        """Chi-squared of [[10, 20, 30], [90, 80, 70]]: expected 20 and 80, sum 12.5, p exp(-6.25)."""
        found = compare_retention(self.two((10, 100), (20, 100), (30, 100)), 1)
        assert found.p_value == pytest.approx(math.exp(-6.25))
        pairs = [compare_retention(self.two(*two), 1).p_value for two in
                 [((10, 100), (20, 100)), ((10, 100), (30, 100)), ((20, 100), (30, 100))]]  # fmt: skip
        np.testing.assert_allclose(found.pair_p_value, holm(pairs))
        assert found.differs.tolist() == [False, True, False]
        assert "1 of 3 pairs of cohorts differs at the 5 % level after correction" in found.conclusion

    def test_no_pair_differs_where_all_cohorts_may_be_equal(self):
        """Two tests at 5 %, of all cohorts and of pairs, would together show one in 6 to 7 of 100 worlds."""
        found = compare_retention(self.two((255, 1000), (345, 1000), *[(300, 1000)] * 18), 1)
        assert (found.pair_p_value.min() < 0.05, found.p_value > 0.05) == (True, True)
        assert not found.differs.any()
        assert "no difference among the 20 cohorts is shown" in found.conclusion

    def test_no_pair_of_many(self):
        found = compare_retention(self.two((10, 100), (10, 100), (21, 100), (21, 100)), 1)
        assert found.p_value < 0.05
        assert not found.differs.any()
        assert found.conclusion.endswith("but no single pair does.")

    def test_all_or_nobody_stays(self):
        assert compare_retention(self.two((0, 5), (0, 50)), 1).p_value == 1.0
        assert compare_retention(self.two((5, 5), (50, 50)), 1).p_value == 1.0

    def test_young_cohorts_are_left_out(self):
        log = load_cdnow()
        triangle = retention_triangle(log.customer, log.date, period="month", as_of="1998-06-29")
        assert compare_retention(triangle, 15).names == ("1997-01-01", "1997-02-01")
        for age in (16, 17, 99):
            with pytest.raises(InputError, match="2 to 100 cohorts are observed"):
                compare_retention(triangle, age)
        with pytest.raises(InputError, match="Hint: 1 cohort observed then"):
            compare_retention(triangle, 16)
        with pytest.raises(InputError, match="RetentionTriangle"):
            compare_retention([[1, 2]], 1)


class TestProjectRetention:
    """Observed, then S(t) / S(a) times those who are still there at age a."""

    @pytest.mark.parametrize(
        ("survivors", "alpha", "beta", "log_likelihood"),
        [(HIGH_END, 0.668, 3.806, -1611.158), (REGULAR, 0.704, 1.182, -1680.265)],
    )
    def test_fader_and_hardie(self, survivors, alpha, beta, log_likelihood):
        """Fader and Hardie (2007): both parameters and the log-likelihood of each cohort."""
        found = project_retention(survivors, 5)
        assert (round(found.fit.model.alpha, 3), round(found.fit.model.beta, 3)) == (alpha, beta)
        assert found.fit.log_likelihood == pytest.approx(log_likelihood, abs=5e-4)

    def test_starts_from_what_was_seen(self):
        """High-end forecast of years 8 to 12: 46.0 43.6 41.4 39.5 37.8 %, from a model that has 48.8 in year 7."""
        found = project_retention(HIGH_END, 5)
        wanted = np.array([46.0, 43.6, 41.4, 39.5, 37.8]) / 100 * 491 / (1000 * float(found.fit.model.survival(7)))
        np.testing.assert_allclose(found.retention[0, 8:], wanted, atol=6e-4)
        assert found.n_active[0, :8].tolist() == HIGH_END
        assert found.is_projected.tolist() == [[False] * 8 + [True] * 5]
        assert math.isnan(found.holdout_error)
        assert "not checked" in found.conclusion

    def test_holdout_is_what_the_model_did_not_see(self):
        found = project_retention(HIGH_END, 1, n_holdout=3)
        earlier = project_retention(HIGH_END[:5], 3)
        np.testing.assert_allclose(found.holdout_predicted, earlier.n_active[:, 5:])
        assert found.holdout_actual.tolist() == [HIGH_END[5:]]
        error = np.abs(earlier.n_active[0, 5:] - HIGH_END[5:]).sum() / sum(HIGH_END[5:])
        assert found.holdout_error == pytest.approx(error)
        assert f"{error:.1%} off" in found.conclusion

    def test_a_check_on_periods_without_customers_is_said(self):
        found = project_retention([100, 40, 0, 0], 2, n_holdout=2)
        assert math.isnan(found.holdout_error)
        said = f"On 2 held-out periods, nobody was active; the model expected {found.holdout_predicted.sum():.4g}."
        assert found.conclusion.endswith(said)

    @pytest.mark.filterwarnings("ignore:first purchases pile up")
    def test_cohorts_of_a_triangle(self):
        starts = [(1, 12)] * 20 + [(1, 1)] * 6 + [(1, 3)] * 4 + [(3, 9)] * 11 + [(3, 2)] * 7 + [(6, 1)] * 3
        triangle = subscriptions(starts)
        found = project_retention(triangle, 2, n_holdout=2)
        assert found.n_active.shape == (3, 8)
        assert found.n_observed.tolist() == [6, 4, 1]
        assert found.n_active[0, :6].tolist() == [30, 24, 24, 20, 20, 20]
        assert found.n_active[1, :4].tolist() == [18, 18, 11, 11]
        model = found.fit.model
        np.testing.assert_allclose(found.n_active[0, 6:], 20 * model.survival([1, 2], tenure=5))
        np.testing.assert_allclose(found.n_active[1, 4:], 11 * model.survival([1, 2, 3, 4], tenure=3))
        np.testing.assert_allclose(found.n_active[2, 1:], 3 * model.survival(np.arange(1, 8)))
        assert found.holdout_actual[:2].tolist() == [[20, 20], [11, 11]]
        assert np.isnan(found.holdout_actual[2]).all()
        assert found.fit.n_customers == 48  # the youngest cohort has had no renewal

    @pytest.mark.filterwarnings("ignore:first purchases pile up")
    def test_a_cohort_of_one_period_before_the_held_out_ones_is_checked(self):
        starts = [(1, 12)] * 20 + [(1, 1)] * 6 + [(1, 3)] * 4 + [(4, 9)] * 11 + [(4, 2)] * 7
        found = project_retention(subscriptions(starts), 2, n_holdout=2)
        assert found.n_observed.tolist() == [6, 3]
        assert found.holdout_actual.tolist() == [[20, 20], [18, 11]]

    @pytest.mark.filterwarnings("ignore:first purchases pile up")
    def test_a_running_period_is_projected(self):
        starts = [(1, 12)] * 20 + [(1, 1)] * 6 + [(1, 3)] * 4 + [(6, 1)] * 3
        found = project_retention(subscriptions(starts, as_of="2024-06-20"), 1)
        assert found.n_observed.tolist() == [5, 0]
        assert found.is_projected[:, :6].tolist() == [[False] * 5 + [True], [False] + [True] * 5]
        assert found.n_active[1, 0] == 3

    @settings(max_examples=20)  # each fits a model
    @given(st.lists(st.integers(1, 300), min_size=2, max_size=8), st.integers(1, 20))
    def test_never_rises_nor_ends_below_zero(self, drops, n_periods):
        survivors = np.cumsum(drops)[::-1]
        found = project_retention(survivors, n_periods)
        assert (np.diff(found.n_active[0]) <= 1e-9).all()
        assert (found.n_active >= 0).all()

    @pytest.mark.parametrize(
        ("survivors", "options", "name"),
        [
            ([100, 120], {}, "survivors"),
            ([100], {}, "survivors"),
            ([[100, 90], [80, 70]], {}, "survivors"),
            ([0, 0], {}, "survivors"),
            ([100.5, 90], {}, "survivors"),
            ([100, 90, 80], {"n_holdout": 2}, "n_holdout"),
            ([100, 90, 80], {"n_holdout": 9}, "n_holdout"),
            ([100, 90, 80], {"n_holdout": 10**12}, "n_holdout"),  # no room is made for them
            ([100, 90, 80], {"n_holdout": 2**70}, "n_holdout"),
        ],
    )
    def test_refuses(self, survivors, options, name):
        with pytest.raises(InputError) as caught:
            project_retention(survivors, 3, **options)
        assert caught.value.name == name

    def test_refuses_buyers_without_a_contract(self):
        log = load_cdnow()
        triangle = retention_triangle(log.customer, log.date, period="month", as_of="1998-06-30")
        with pytest.raises(InputError, match="BgNbd"):
            project_retention(triangle, 3)


class TestCohortLtv:
    """Sum over ages of margin x revenue / size, discounted."""

    def triangle(self):
        rows = [(1, "2024-01-05", 60), (1, "2024-02-09", 30), (2, "2024-01-09", 0), (2, "2024-03-01", 20),
                (3, "2024-02-20", 40), (3, "2024-03-01", -10), (4, "2024-03-09", 500)]  # fmt: skip
        return triangle_of(rows, "month", "2024-03-30")

    def test_known_curves(self):
        found = cohort_ltv(self.triangle(), margin=0.5, acquisition_cost=[20, 25, 1])
        np.testing.assert_array_equal(found.ltv, [[15, 22.5, np.nan], [20, np.nan, np.nan], [np.nan] * 3])
        np.testing.assert_array_equal(found.payback, [2, np.nan, np.nan])
        np.testing.assert_array_equal(found.latest, [22.5, 20, np.nan])
        np.testing.assert_array_equal(found.ltv_to_cac, [1.125, 0.8, np.nan])
        assert found.conclusion == (
            "1 of 3 cohorts has paid back its acquisition, in 2 months; not yet: 2024-02-01, 2024-03-01."
        )

    def test_says_what_returns_took_back(self):
        """Paid back in the first month, and far below the cost after the refund of the third."""
        dates = ["2024-01-05", "2024-02-09", "2024-03-20"]
        triangle = retention_triangle([1, 1, 1], dates, [100, 10, -90], period="month", as_of="2024-04-30")
        found = cohort_ltv(triangle, margin=1, acquisition_cost=50)
        assert found.ltv_to_cac.tolist() == [0.4]
        assert found.conclusion == (
            "1 of 1 cohort has paid back its acquisition, in 1 month; below it again, after returns: 2024-01-01."
        )
        assert "again" not in cohort_ltv(triangle, margin=1, acquisition_cost=20).conclusion

    def test_discounts_by_age(self):
        found = cohort_ltv(self.triangle(), margin=0.5, discount_rate=0.1)
        assert found.ltv[0, 1] == pytest.approx(15 + 7.5 / 1.1)
        assert found.payback is None
        most = np.nanmax(found.ltv)
        said = f"A customer has brought up to {most:,.2f} on average so far. Without a cost, payback is not known."
        assert found.conclusion == said

    @given(logs, periods, st.floats(0.01, 1), st.integers(0, 2), st.integers(0, 3000))
    def test_equals_a_loop(self, rows, period, margin, tenths, cents):
        rows = [(customer, day, abs(amount)) for customer, day, amount in rows]
        triangle = triangle_of(rows, period, "2024-05-31")
        found = cohort_ltv(triangle, margin=margin, discount_rate=tenths / 10, acquisition_cost=cents / 100)
        for row in range(len(triangle.size)):
            total, paid = 0.0, math.nan if cents else 0.0
            for age in range(int(triangle.observed[row].sum())):
                total += margin * triangle.revenue[row, age] / triangle.size[row] / (1 + tenths / 10) ** age
                assert found.ltv[row, age] == pytest.approx(total)
                if math.isnan(paid) and total >= cents / 100 * (1 - 1e-11):
                    paid = age + 1.0
            if not math.isclose(np.nanmax(found.ltv[row], initial=0.0), cents / 100, rel_tol=1e-9):
                np.testing.assert_equal(found.payback[row], paid)

    @pytest.mark.parametrize(
        ("old", "title"),
        [
            (
                100,
                "A customer has not paid back their cost of 55 yet",
            ),
            (80, "On average, a customer of the cohorts that are so old pays back their cost within 2 months"),
            (30, "On average, a customer pays back their cost within 1 month"),
        ],
    )
    def test_the_picture_compares_value_and_cost_of_the_same_cohorts(self, old, title):
        rows = [(k, f"2024-0{month}-05", 40) for k in range(10) for month in (1, 2)]
        rows += [(k, "2024-03-05", 5) for k in range(10, 20)]
        found = cohort_ltv(triangle_of(rows, "month", "2024-04-10"), margin=1, acquisition_cost=[old, 10])
        if old == 100:
            assert found.conclusion.startswith("No cohort has paid back")
        assert found._parts().title == title

    def test_the_picture_says_whose_value_it_names(self):
        rows = [(1, f"2024-0{month}-05", 100) for month in (1, 2, 3)] + [(k, "2024-03-05", 5) for k in range(2, 20)]
        one = "On average, a customer of the cohorts that are so old has brought 300 in 3 months"  # 18 of 19 brought 5
        assert cohort_ltv(triangle_of(rows, "month", "2024-03-31"), margin=1)._parts().title == one
        every = cohort_ltv(triangle_of(rows[:3], "month", "2024-03-31"), margin=1)._parts().title
        assert every == "On average, a customer has brought 300 in 3 months"

    @pytest.mark.filterwarnings("ignore:first purchases pile up")
    @pytest.mark.parametrize(
        ("end", "title"),
        [
            ("2024-02-15", "On average, a customer has brought 40 in 1 month"),
            ("2024-05-10", "On average, a customer of the cohorts that are so old has brought 80 in 4 months"),
        ],
    )
    def test_the_picture_says_who_has_brought_so_much(self, end, title):
        rows = [(1, "2024-01-05", 40), (1, "2024-02-05", 40)] + [(k, "2024-03-05", 5) for k in range(2, 90)]
        found = cohort_ltv(triangle_of([row for row in rows if row[1] <= end], "month", end), margin=1)
        assert found._parts().title == title

    @pytest.mark.parametrize(
        ("cost", "said"),
        [
            (0, "3 of 3 cohorts have paid back their acquisition, in 0 months."),
            (10, "2 of 3 cohorts have paid back their acquisition, in 1 month; not yet: 2024-03-01."),
            (18, "2 of 3 cohorts have paid back their acquisition, in 1 to 2 months; not yet: 2024-03-01."),
            (99, "No cohort has paid back its acquisition yet: 2024-01-01, 2024-02-01, 2024-03-01."),
        ],
    )
    def test_says_what_is_paid(self, cost, said):
        found = cohort_ltv(self.triangle(), margin=0.5, acquisition_cost=cost)
        assert found.conclusion == said
        columns = found.to_columns()
        assert columns["ltv"].tolist() == [15.0, 22.5, 20.0]
        assert columns["age"].tolist() == [0, 1, 0]

    @pytest.mark.parametrize(
        ("change", "name"),
        [({"margin": 50}, "margin"), ({"acquisition_cost": [1, 2]}, "acquisition_cost"),
         ({"acquisition_cost": -1}, "acquisition_cost"), ({"discount_rate": -0.1}, "discount_rate"),
         ({"triangle": None}, "triangle")],
    )  # fmt: skip
    def test_refuses(self, change, name):
        with pytest.raises(InputError) as caught:
            cohort_ltv(**{"triangle": self.triangle(), "margin": 0.5, **change})
        assert caught.value.name == name

    def test_at_a_huge_rate_only_the_first_period_counts(self):
        rows = [(1, "2024-01-05", 60.0), (1, "2024-07-09", 30.0)]
        with np.errstate(all="raise"):
            found = cohort_ltv(triangle_of(rows, "month", "2024-07-31"), margin=0.5, discount_rate=1e100)
        np.testing.assert_array_equal(found.ltv, [[30.0] * 7])

    def test_refuses_a_triangle_without_revenue(self):
        with pytest.raises(InputError, match="one with revenue"):
            cohort_ltv(subscriptions([(1, 3)]), margin=0.5)

    @pytest.mark.parametrize("period", ["week", "month"])
    def test_old_customers_are_warned_of(self, period):
        """200 old customers are first seen in January, and one newcomer comes on each day from then on."""
        customer = np.arange(530)
        day = np.datetime64("2024-01-01") + np.where(customer < 200, customer % 28, customer - 200)
        columns = {"customer": customer, "date": day, "amount": np.ones(530)}
        with pytest.warns(DataWarning, match="first purchases pile up in the first .* days"):
            triangle = retention_triangle(**columns, period=period, as_of="2024-11-30")
        with pytest.warns(DataWarning, match="first purchases pile up in the first .* cohorts?") as caught:
            cohort_ltv(triangle, margin=0.3)
        assert 228 <= caught[0].message.count <= 260
        starts = (customer, day)
        cohort_ltv(retention_triangle(**columns, period=period, as_of="2024-11-30", start=starts), margin=0.3)
        new = {name: column[200:] for name, column in columns.items()}
        cohort_ltv(retention_triangle(**new, period=period, as_of="2024-11-30"), margin=0.3)

    def test_a_base_of_any_size_is_looked_at_in_little_room(self):
        triangle = retention_triangle([1, 1], ["2024-01-05", "2024-03-09"], [1, 1], period="month", as_of="2024-03-30")
        large = attrs.evolve(triangle, size=[10**15], active=[[10**15, 0, 1]])
        assert cohort_ltv(large, margin=1).ltv[0, 0] == pytest.approx(1e-15)


class TestValues:
    """A field that takes a number refuses NaN, text and arrays, in the constructor and so in JSON."""

    DAYS = n_day_retention([1, 1], ["2024-01-01", "2024-01-08"], 7, kind="day", as_of="2024-02-01")
    TRIANGLE = retention_triangle([1, 1], ["2024-01-01", "2024-02-08"], [5, 5], period="month", as_of="2024-02-29")
    LTV = cohort_ltv(TRIANGLE, margin=0.5, acquisition_cost=2)
    CURVE = survival_curve([1, 2, 3], [True, False, True])
    TEST = compare_survival([1, 2, 3, 4, 6, 7, 8, 9], [True] * 8, ["old"] * 4 + ["new"] * 4)

    @pytest.mark.parametrize(
        "wrong", [math.nan, "five", [[1.0], [2.0]], None, -1.5, object()], ids=lambda value: type(value).__name__
    )
    @pytest.mark.parametrize(
        ("value", "field"),
        [
            *(("DAYS", name) for name in ("kind", "as_of", "first_day", "n_eligible", "n_retained", "n_rows_later")),
            *(("LTV", name) for name in ("cohort", "size", "ltv")),
            *(("CURVE", name) for name in ("time", "survival", "n_at_risk", "n_events", "n_censored", "level")),
            *(("TEST", name) for name in ("n_customers", "p_value", "pair_p_value", "level")),
        ],
    )
    def test_fields_are_checked(self, value, field, wrong):
        with pytest.raises(InputError) as caught:
            attrs.evolve(getattr(self, value), **{field: wrong})
        assert caught.value.name == field

    @pytest.mark.parametrize("day", ["now", "today", "NaT", None, 20_000])
    def test_days_are_dates(self, day):
        with pytest.raises(InputError, match="date"):
            attrs.evolve(self.LTV, cohort=[day])
        with pytest.raises(InputError, match="date"):
            attrs.evolve(self.DAYS, as_of=day)

    @pytest.mark.parametrize("value", [DAYS, LTV, CURVE, TEST], ids=lambda value: type(value).__name__)
    def test_round_trip(self, value):
        assert type(value).from_json(value.to_json()) == value
