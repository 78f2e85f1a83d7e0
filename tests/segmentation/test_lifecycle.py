"""Stages, steps and tiers of single customers."""

from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.segmentation import (
    LIFECYCLE_STAGES,
    LOYALTY_STEPS,
    lifecycle_limits,
    lifecycle_stage,
    loyalty_step,
    value_tier,
)
from tests.segmentation.references import calendar_months_later, tiers_by_loops

DAY = dt.timedelta(days=1)
ENDS_OF_MONTHS = [
    day
    for day in (dt.date(2019, 1, 1) + i * DAY for i in range(6 * 365))  # 2020 and 2024 are leap years
    if day.day in (1, 15) or day.day >= 27
]


def stage_by_calendar(last, as_of, months):
    """Count the stages whose first day has come."""
    return LIFECYCLE_STAGES[sum(calendar_months_later(last, limit) <= as_of for limit in months)]


class TestLifecycleStage:
    """Calendar months of silence, anchored at the last purchase and clamped to the end of the month."""

    @pytest.mark.parametrize(
        ("last", "as_of", "stage"),
        [
            ("2023-05-31", "2024-02-28", "active"),  # definition: 31 May + 9 months is 29 February 2024
            ("2023-05-31", "2024-02-29", "sleeping"),
            ("2022-05-31", "2023-02-27", "active"),  # 28 February in a common year
            ("2022-05-31", "2023-02-28", "sleeping"),
            ("2022-05-29", "2023-02-28", "sleeping"),
            ("2022-05-28", "2023-02-28", "sleeping"),
            ("2022-06-01", "2023-02-28", "active"),
            ("2022-02-28", "2022-11-27", "active"),  # the end of February is no end of November
            ("2022-02-28", "2022-11-28", "sleeping"),
            ("2020-02-29", "2022-02-27", "sleeping"),
            ("2020-02-29", "2022-02-28", "potential churn"),
            ("2020-02-29", "2023-02-27", "potential churn"),
            ("2020-02-29", "2023-02-28", "churned"),
            ("2024-02-29", "2024-02-29", "active"),
            ("1899-12-31", "1900-09-30", "sleeping"),
            ("0001-01-01", "9999-12-31", "churned"),
        ],
    )
    def test_known(self, last, as_of, stage):
        assert lifecycle_stage(last, as_of) == stage

    @pytest.mark.parametrize("months", [(9, 24, 36), (1, 2, 3), (11, 12, 13)])
    def test_each_stage_begins_on_the_very_day(self, months):
        """At every end of a month of six years, leap years among them."""
        keywords = dict(zip(("sleeping_from", "potential_churn_from", "churned_from"), months, strict=True))
        for anchor in ENDS_OF_MONTHS[:: 1 if months[0] == 9 else 7]:
            for place, limit in enumerate(months):
                begins = calendar_months_later(anchor, limit)
                assert lifecycle_stage(anchor, begins, **keywords) == LIFECYCLE_STAGES[place + 1]
                assert lifecycle_stage(anchor, begins - DAY, **keywords) == LIFECYCLE_STAGES[place]

    @given(
        st.lists(st.dates(dt.date(1600, 1, 1), dt.date(2100, 1, 1)), min_size=1, max_size=20),
        st.integers(0, 2000),
        st.lists(st.integers(1, 60), min_size=3, max_size=3, unique=True).map(sorted),
    )
    def test_equals_the_calendar_one_by_one(self, days, later, months):
        as_of = max(days) + later * DAY
        found = lifecycle_stage(
            days, as_of, sleeping_from=months[0], potential_churn_from=months[1], churned_from=months[2]
        )
        assert found.tolist() == [stage_by_calendar(day, as_of, months) for day in days]

    @given(st.lists(st.dates(dt.date(2015, 1, 1), dt.date(2024, 12, 31)), min_size=1, max_size=30))
    def test_longer_silence_is_never_a_better_stage(self, days):
        ordered = sorted(days, reverse=True)
        places = [LIFECYCLE_STAGES.index(stage) for stage in lifecycle_stage(ordered, "2024-12-31").tolist()]
        assert places == sorted(places)

    @pytest.mark.parametrize(
        "make",
        [
            tuple,
            np.array,
            lambda days: np.array(days, dtype="M8[D]"),
            lambda days: np.array(days, dtype="M8[ns]"),
            lambda days: [str(day) for day in days],
            lambda days: [dt.datetime.combine(day, dt.time(23, 59)) for day in days],
            pd.Series,
            lambda days: pd.Series(pd.to_datetime(days)),
            pl.Series,
        ],
    )
    def test_takes_columns_of_any_kind(self, make):
        days = [dt.date(2024, 5, 30), dt.date(2023, 8, 31), dt.date(2022, 5, 31), dt.date(2021, 5, 31)]
        assert lifecycle_stage(make(days), dt.date(2024, 5, 31)).tolist() == list(LIFECYCLE_STAGES)

    def test_one_customer_and_shapes(self):
        assert isinstance(lifecycle_stage("2024-01-01", "2024-01-01"), str)
        assert lifecycle_stage([["2024-01-01"], ["2020-01-01"]], "2024-01-01").tolist() == [["active"], ["churned"]]
        assert lifecycle_stage([], "2024-01-01").tolist() == []

    @given(
        st.lists(st.dates(dt.date(2023, 1, 1), dt.date(2024, 1, 1)), min_size=1, max_size=20),
        st.integers(0, 400),
        st.lists(st.integers(1, 60), min_size=3, max_size=3, unique=True).map(sorted),
        st.sampled_from([("day", 1), ("week", 7)]),
    )
    def test_days_and_weeks(self, days, later, limits, unit):
        as_of = max(days) + later * DAY
        names = ("sleeping_from", "potential_churn_from", "churned_from")
        found = lifecycle_stage(days, as_of, unit=unit[0], **dict(zip(names, limits, strict=True)))
        expected = [LIFECYCLE_STAGES[sum(day + limit * unit[1] * DAY <= as_of for limit in limits)] for day in days]
        assert found.tolist() == expected

    @pytest.mark.parametrize(
        ("changes", "name", "index"),
        [
            ({"unit": "year"}, "unit", None),
            ({"unit": "day"}, "sleeping_from", None),
            ({"unit": "week", "sleeping_from": 2, "potential_churn_from": 3}, "churned_from", None),
            ({"last_purchase": ["2024-01-01", "2024-06-02"]}, "last_purchase", 1),  # after the as-of date
            ({"last_purchase": ["2024-01-01", None]}, "last_purchase", 1),
            ({"last_purchase": np.array(["NaT"], dtype="M8[D]")}, "last_purchase", 0),
            ({"last_purchase": ["2023-02-29"]}, "last_purchase", 0),
            ({"last_purchase": [3]}, "last_purchase", 0),
            ({"as_of": ["2024-06-01"]}, "as_of", None),
            ({"as_of": None}, "as_of", None),
            ({"sleeping_from": 0}, "sleeping_from", None),
            ({"potential_churn_from": 24.5}, "potential_churn_from", None),
            ({"churned_from": "36"}, "churned_from", None),
            ({"sleeping_from": 24}, "churned_from", None),
            ({"potential_churn_from": 36}, "churned_from", None),
            ({"sleeping_from": 30, "potential_churn_from": 20}, "churned_from", None),
        ],
    )
    def test_rejects(self, changes, name, index):
        with pytest.raises(InputError) as caught:
            lifecycle_stage(**{"last_purchase": ["2024-01-01"], "as_of": "2024-06-01", **changes})
        assert (caught.value.name, caught.value.index) == (name, index)


class TestLifecycleLimits:
    """The first limit is the shortest whole number of days not below the gap of a share of the customers."""

    @pytest.mark.parametrize("percent", range(1, 100))
    def test_a_share_that_is_a_whole_number_of_customers(self, percent):
        assert lifecycle_limits(range(1, 101), share=percent / 100)["sleeping_from"] == percent

    @given(
        st.lists(st.floats(0.01, 500), min_size=1, max_size=30),
        st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]),
    )
    def test_definition(self, gaps, share):
        limits = lifecycle_limits(gaps, share=share)
        first = limits["sleeping_from"]
        fits = [n for n in range(1, 502) if sum(gap * (1 - 1e-12) <= n for gap in gaps) >= share * len(gaps) - 1e-9]
        assert first == fits[0]
        assert limits == {
            "unit": "day",
            "sleeping_from": first,
            "potential_churn_from": math.ceil(Fraction(24, 9) * first),
            "churned_from": 4 * first,
        }
        lifecycle_stage("2024-01-01", "2024-02-01", **limits)

    def test_whole_days_counted_in_weeks_are_whole_days(self):
        """7 * (d / 7 / f) is more than d / f for some whole d / f, such as 58 days with 29 purchases."""
        for gap in range(1, 200):
            for number in (1, 9, 29):
                days = gap * number
                assert lifecycle_limits([7 * (days / 7) / number])["sleeping_from"] == gap
                assert lifecycle_limits([7 * (days / 7 / number)])["sleeping_from"] == gap

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ({"gap": []}, "gap"),
            ({"gap": [1, 0]}, "gap"),
            ({"gap": [1, None]}, "gap"),
            ({"gap": 5}, "gap"),
            ({"gap": [1], "share": 0}, "share"),
            ({"gap": [1], "share": 90}, "share"),
        ],
    )
    def test_rejects(self, arguments, name):
        with pytest.raises(InputError) as caught:
            lifecycle_limits(**arguments)
        assert caught.value.name == name


class TestLoyaltyStep:
    """First purchase, repeat, regular, loyal by number of purchases; an advocate is who brought somebody."""

    @given(
        st.lists(st.tuples(st.integers(1, 12) | st.integers(1, 10**12), st.integers(0, 2)), min_size=1, max_size=30),
        st.lists(st.integers(3, 12), min_size=2, max_size=2, unique=True).map(sorted),
    )
    def test_equals_its_definition(self, rows, limits):
        regular, loyal = limits
        expected = []
        for bought, brought in rows:
            if brought:
                expected.append("advocate")
            elif bought == 1:
                expected.append("first purchase")
            elif bought < regular:
                expected.append("repeat")
            else:
                expected.append("loyal" if bought >= loyal else "regular")
        bought, brought = zip(*rows, strict=True)
        assert loyalty_step(bought, brought, regular_from=regular, loyal_from=loyal).tolist() == expected

    def test_defaults(self):
        steps = ["first purchase", "repeat", "regular", "regular", "regular", "loyal", "loyal"]
        assert loyalty_step(range(1, 8)).tolist() == steps
        assert {*steps, "advocate"} == set(LOYALTY_STEPS)

    def test_one_customer_and_shapes(self):
        assert loyalty_step(1) == "first purchase"
        assert loyalty_step(1, [0, 1]).tolist() == ["first purchase", "advocate"]
        assert loyalty_step(pl.Series([2]), pd.Series([0])).tolist() == ["repeat"]

    @pytest.mark.parametrize(
        ("changes", "name", "index"),
        [
            ({"n_purchases": [1, 0]}, "n_purchases", 1),
            ({"n_purchases": [1, 1.5]}, "n_purchases", 1),
            ({"n_purchases": [None, 1]}, "n_purchases", 0),
            ({"n_referrals": [0, -1]}, "n_referrals", 1),
            ({"n_referrals": [0, 1, 2]}, "n_referrals", None),
            ({"n_referrals": [True, False]}, "n_referrals", 0),
            ({"regular_from": 2}, "regular_from", None),
            ({"loyal_from": 3}, "loyal_from", None),
            ({"loyal_from": 4.5}, "loyal_from", None),
            ({"regular_from": 7}, "loyal_from", None),
        ],
    )
    def test_rejects(self, changes, name, index):
        with pytest.raises(InputError) as caught:
            loyalty_step(**{"n_purchases": [1, 2], "n_referrals": [0, 0], **changes})
        assert (caught.value.name, caught.value.index) == (name, index)


values = st.lists(st.integers(0, 4) | st.integers(0, 10**5), min_size=1, max_size=30).filter(any)
limits = st.lists(st.integers(1, 99), max_size=4, unique=True).map(sorted)
bases = st.sampled_from(["value_share", "customer_share"])


class TestValueTier:
    """The first tier whose limit is above the share of those who are strictly better."""

    @pytest.mark.parametrize(
        ("value", "options", "expected"),
        [
            ([500, 300, 100, 60, 40], {"basis": "value_share"}, "AABBC"),  # definition: 0, .5 | .8, .9 | .96 are ahead
            ([7, 7, 1, 1], {"basis": "customer_share", "limits": [0.25]}, "AABB"),  # equals are not parted
            ([1, 1, 1], {"basis": "value_share"}, "AAA"),
            ([3], {"basis": "customer_share", "limits": [0.8]}, "A"),
            ([0, 5], {"basis": "value_share"}, "CA"),
            (range(1, 11), {"basis": "customer_share", "limits": [0.1, 0.3]}, "CCCCCCCBBA"),
            (range(1, 11), {"basis": "customer_share", "limits": [0.7]}, "BBBAAAAAAA"),  # 0.7 * 10 < 7 in floats
            ([0.1] * 3 + [0.3, 0.6], {"basis": "value_share", "limits": [0.5, 0.75]}, "CCCBA"),
            ([2, 1], {"basis": "value_share", "limits": []}, "AA"),
        ],
    )
    def test_known(self, value, options, expected):
        assert "".join(value_tier(value, **options).tolist()) == expected

    @given(values, limits, bases)
    def test_equals_its_definition(self, value, percents, basis):
        """Against fractions, amounts in cents: no limit is missed by rounding."""
        found = value_tier([cents / 100 for cents in value], basis=basis, limits=[p / 100 for p in percents])
        tiers = tiers_by_loops(value, [Fraction(p, 100) for p in percents], basis)
        assert found.tolist() == ["ABCDE"[tier] for tier in tiers]

    @given(values, limits, bases, st.randoms(use_true_random=False))
    def test_order_of_customers_does_not_matter(self, value, percents, basis, random):
        ends = [p / 100 for p in percents]
        tier = dict(zip(value, value_tier(value, basis=basis, limits=ends).tolist(), strict=True))
        shuffled = value.copy()
        random.shuffle(shuffled)
        assert value_tier(shuffled, basis=basis, limits=ends).tolist() == [tier[mine] for mine in shuffled]

    @given(st.lists(st.floats(0, 1e6).map(lambda x: round(x, 9)), min_size=1, max_size=30).filter(any), limits, bases)
    def test_equals_are_in_one_tier_and_better_is_never_worse(self, value, percents, basis):
        found = value_tier(value + value, basis=basis, limits=[p / 100 for p in percents]).tolist()
        assert found[: len(value)] == found[len(value) :]
        ordered = [tier for _, tier in sorted(zip(value, found, strict=False), key=lambda pair: -pair[0])]
        assert ordered == sorted(ordered)
        assert ordered[0] == "A"

    @given(values, limits, bases, st.sampled_from([0.01, 3, 1e6, 1e50, 1e-6]))
    def test_the_unit_of_money_does_not_matter(self, value, percents, basis, unit):
        ends = [p / 100 for p in percents]
        scaled = value_tier([mine * unit for mine in value], basis=basis, limits=ends)
        assert scaled.tolist() == value_tier(value, basis=basis, limits=ends).tolist()

    def test_residues_count_as_nothing(self):
        """4e-16 is what is left of 0.1 + 0.2 - 0.3 and its like, above or below 0."""
        for residue in (4e-16, -4e-16, 9.9e-10, -9.9e-10, 1e-167):
            value = [3.0, residue, 1.0, 0.0]
            for basis, ends in (("value_share", [0.5]), ("customer_share", [0.25, 0.5])):
                options = {"basis": basis, "limits": ends}
                assert value_tier(value, **options).tolist() == value_tier([3.0, 0, 1.0, 0], **options).tolist()
            with pytest.raises(InputError, match="above 0 for at least one customer"):
                value_tier([residue, 0.0], basis="value_share")
        assert value_tier([1e-9, 0.0], basis="value_share").tolist() == ["A", "C"]
        with pytest.raises(InputError, match=">= 0"):
            value_tier([1.0, -1e-9], basis="value_share")

    @pytest.mark.parametrize("share", [0.01, 0.07, 0.1, 0.29, 0.57, 0.58])
    def test_top_share_of_many_customers_is_exact(self, share):
        found = value_tier(np.arange(100_000.0), basis="customer_share", limits=[share])
        assert (found == "A").sum() == round(share * 100_000)

    @pytest.mark.parametrize("make", [tuple, np.array, lambda v: np.array(v, dtype="u1"), pd.Series, pl.Series])
    def test_takes_columns_of_any_kind(self, make):
        found = value_tier(make([8, 1, 1]), basis="value_share", limits=make([0.5]) if make is tuple else [0.5])
        assert found.tolist() == ["A", "B", "B"]

    def test_names(self):
        found = value_tier([5, 1], basis="value_share", limits=[0.5], names=("gold", "other"))
        assert found.tolist() == ["gold", "other"]
        many = value_tier([5, 1], basis="value_share", limits=np.linspace(0.01, 0.99, 30), names=map(str, range(31)))
        assert many.tolist() == ["0", "25"]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"value": [1, -1]}, "value"),
            ({"value": [1, np.nan]}, "value"),
            ({"value": [1, None]}, "value"),
            ({"value": [0, 0]}, "value"),
            ({"value": []}, "value"),
            ({"value": 5}, "value"),
            ({"value": [[5]]}, "value"),
            ({"basis": "share"}, "basis"),
            ({"basis": None}, "basis"),
            ({"limits": [80, 95]}, "limits"),
            ({"limits": [0, 0.5]}, "limits"),
            ({"limits": [0.5, 1]}, "limits"),
            ({"limits": [0.5, 0.4]}, "limits"),
            ({"limits": [0.5, 0.5]}, "limits"),
            ({"limits": 0.5}, "limits"),
            ({"limits": [0.5, np.nan]}, "limits"),
            ({"names": ["u", "v"]}, "names"),
            ({"names": ["u", "v", "u"]}, "names"),
            ({"names": ["u", "v", 3]}, "names"),
            ({"names": "uvw"}, "names"),
            ({"names": 3}, "names"),
            ({"limits": np.linspace(0.01, 0.99, 26)}, "names"),
        ],
    )
    def test_rejects(self, changes, name):
        with pytest.raises(InputError) as caught:
            value_tier(**{"value": [2, 1], "basis": "value_share", **changes})
        assert caught.value.name == name

    def test_needs_to_know_what_the_limits_count(self):
        with pytest.raises(TypeError, match="basis"):
            value_tier([1, 2])
