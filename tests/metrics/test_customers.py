"""Tests of the key figures of the customer base that are read off an order log."""

from __future__ import annotations

import warnings
from fractions import Fraction

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import DataWarning, InputError
from crmvalue.metrics import (
    CustomerMovements,
    TimeToPurchase,
    churn_rate,
    customer_movements,
    retention_rate,
    time_between_purchases,
    time_to_purchase,
)
from tests.metrics.references import movements_by_sets, time_between_purchases_by_loops, waiting_by_fractions
from tests.strategies import dates

NAT = np.datetime64("NaT", "D")
rows = st.lists(st.tuples(st.integers(-3, 3), st.integers(-40, 40)), min_size=1, max_size=30)
"""Customers with days around 1 January 1970."""


def as_dates(days):
    return np.array(days, dtype="datetime64[D]")


class TestTimeBetweenPurchases:
    """Sum of all customers' intervals / number of intervals."""

    @pytest.mark.parametrize(
        ("customer", "date", "days"),
        [
            # domain, section 1: (14 + 17) / 2; the source prints 15, a slip
            ([1, 1, 1], ["2024-01-01", "2024-01-15", "2024-02-01"], 15.5),
            (["a", "b", "a", "b"], ["2024-02-28", "2024-01-01", "2024-03-01", "2024-01-02"], 1.5),  # by hand
            ([7, 7, 7], ["2023-12-31 10:00", "2023-12-31 23:59", "2024-01-03"], 3),  # one day is one purchase
            ([1, 2, 2], ["1969-12-31", "1969-12-30", "1970-01-02"], 3),  # a single purchase does not count
        ],
    )
    def test_known_answers(self, customer, date, days):
        result = time_between_purchases(customer, date)
        assert result == days
        assert isinstance(result, np.float64)

    @given(rows, st.randoms(use_true_random=False))
    def test_equals_the_loop_in_any_order_of_rows(self, log, random):
        customers, days = zip(*log, strict=True)
        expected = time_between_purchases_by_loops(customers, days)
        random.shuffle(log)
        customers, days = zip(*log, strict=True)
        if expected is None:
            with pytest.raises(InputError, match="`date` must be on two days for at least one customer"):
                time_between_purchases(customers, as_dates(days))
        else:
            assert time_between_purchases(customers, as_dates(days)) == pytest.approx(float(expected), rel=1e-15)

    @given(dates, dates)
    def test_two_days_anywhere_in_the_calendar(self, one, other):
        if one != other:
            assert time_between_purchases([1, 1], [one, other]) == abs((other - one).astype(int))

    @pytest.mark.parametrize(
        ("customer", "date", "name"),
        [
            ([1, 1], ["2024-01-01", "2024-01-01"], "date"),  # no interval
            ([1, 2], ["2024-01-01", "2024-01-02"], "date"),
            ([1, 1, 1], ["2024-01-01", "2024-01-02"], "date"),
            ([1, None], ["2024-01-01", "2024-01-02"], "customer"),
            ([1.5, 1], ["2024-01-01", "2024-01-02"], "customer"),
            ([1, 1], ["2024-01-01", NAT], "date"),
            ([1, 1], [1, 2], "date"),
            ([1, 1], [["2024-01-01"], ["2024-01-02"]], "date"),
            ([], [], "customer"),
        ],
    )
    def test_refuses(self, customer, date, name):
        with pytest.raises(InputError) as caught:
            time_between_purchases(customer, date)
        assert caught.value.name == name


def movements(log, start=0, end=20, active_days=5):
    customers, days = zip(*log, strict=True)
    start, end = as_dates([start, end])
    return customer_movements(customers, as_dates(days), start=start, end=end, active_days=active_days)


class TestCustomerMovements:
    """A customer is active on a day if he bought within the `active_days` days up to and including it."""

    @pytest.mark.parametrize(
        ("days", "group"),
        [
            # by hand, with start on day 0, end on day 20 and 5 active days: -4 to 0 and 16 to 20 keep active
            ([0, 20], "n_retained"),
            ([-4, 16], "n_retained"),
            ([0], "n_lost"),
            ([-4, 15], "n_lost"),
            ([16], "n_new"),
            ([1, 20, 30], "n_new"),
            ([-5, 16], "n_returned"),
            ([-100, 10, 20], "n_returned"),
            ([1], "n_passing"),
            ([-5, 15], "n_passing"),
            ([-5], "n_dormant"),
            ([-5, 21], "n_dormant"),
            ([21], "n_later"),
        ],
    )
    def test_each_customer_is_in_one_group(self, days, group):
        result = movements([("cy", day) for day in days])
        groups = ("n_retained", "n_lost", "n_new", "n_returned", "n_passing", "n_dormant", "n_later")
        assert {name: getattr(result, name) for name in groups} == {name: int(name == group) for name in groups}
        assert result.n_start == int(group in {"n_retained", "n_lost"})
        assert result.n_end == int(group in {"n_retained", "n_new", "n_returned"})

    @given(rows, st.integers(-30, 30), st.integers(1, 30), st.integers(1, 100), st.randoms(use_true_random=False))
    def test_equals_the_sets_in_any_order_of_rows(self, log, start, length, active_days, random):
        customers, days = zip(*log, strict=True)
        groups = movements_by_sets(customers, days, start, start + length, active_days)
        random.shuffle(log)
        result = movements(log, start, start + length, active_days)
        assert {name: getattr(result, f"n_{name}") for name in groups} == {name: len(groups[name]) for name in groups}
        assert sum(len(group) for group in groups.values()) == len(set(customers))
        assert result.n_start - result.n_lost + result.n_new + result.n_returned == result.n_end

    @given(rows)
    def test_rates_are_those_of_the_counts(self, log):
        result = movements(log)
        if result.n_start == 0:
            assert np.isnan([result.retention_rate, result.churn_rate]).all()
            return
        arrived = result.n_new + result.n_returned
        assert result.retention_rate == retention_rate(result.n_start, result.n_end, arrived)
        assert result.churn_rate == churn_rate(result.n_lost, result.n_start)
        assert result.retention_rate + result.churn_rate == pytest.approx(1)

    def test_who_came_back_cannot_make_retention_exceed_1(self):
        """With ten who come back and one who stays, (end - new) / start would be 11."""
        log = [(0, 0), (0, 20)] + [(customer, day) for customer in range(1, 11) for day in (-30, 20)]
        result = movements(log)
        assert (result.n_start, result.n_end, result.n_new, result.n_returned) == (1, 11, 0, 10)
        assert result.retention_rate == 1
        with pytest.raises(InputError, match="does `n_new` count customers who came back"):
            retention_rate(result.n_start, result.n_end, result.n_new)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"end": "2024-01-31"}, "end"),
            ({"end": "2024-01-30"}, "end"),
            ({"end": [["2024-02-28"]]}, "end"),
            ({"start": None}, "start"),
            ({"start": 0}, "start"),
            ({"active_days": 0}, "active_days"),
            ({"active_days": 1.5}, "active_days"),
            ({"active_days": float("nan")}, "active_days"),
            ({"date": ["2024-01-01"]}, "date"),
            ({"date": "2024-01-01"}, "date"),
            ({"customer": [1, ""]}, "customer"),
        ],
    )
    def test_refuses(self, changes, name):
        valid = {"customer": [1, 2], "date": ["2024-01-01", "2024-01-02"], "start": "2024-01-31", "end": "2024-02-29"}
        customer_movements(**valid, active_days=30)
        with pytest.raises(InputError) as caught:
            customer_movements(**{**valid, "active_days": 30, **changes})
        assert caught.value.name == name


def test_movements_past_the_end_of_the_log_are_told():
    """Four purchases a day until 31 January; all who bought look lost on 31 March."""
    january = np.datetime64("2024-01-01") + np.arange(124) // 4
    for end, n in (("2024-02-05", 0), ("2024-03-31", 60)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            customer_movements(np.arange(124), january, start="2024-01-15", end=end, active_days=30)
        told = [(each.category, each.message.count) for each in caught]
        assert told == [(DataWarning, n)] * bool(n)


def test_movements_that_take_old_customers_for_new_ones_are_told():
    """Of 600 old customers, 176 are first seen from day 30 to day 60 and buy again 60 days later; 2 new ones a day."""
    old, new, seen = np.arange(600), np.arange(600, 1400), np.arange(600) ** 2 // 6000
    customer, day = np.concatenate([old, old, new]), np.concatenate([seen, seen + 60, np.arange(800) // 2])
    for start, n in ((30, 170), (150, 0)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            movements(list(zip(customer.tolist(), day.tolist(), strict=True)), start, start + 90, 90)
        assert len(caught) == bool(n)
        assert all(each.message.count >= n for each in caught)


def test_movements_of_one_cohort_are_told_as_they_are():
    """All 300 customers come within three days and buy again a month later: nobody came later to compare."""
    customer, day = np.tile(np.arange(300), 2), np.repeat([0, 30], 300) + np.tile(np.arange(300) // 100, 2)
    log = list(zip(customer.tolist(), day.tolist(), strict=True))
    assert movements(log, start=0, end=32, active_days=60).n_new == 200  # without a warning


class TestCustomerMovementsValue:
    """A frozen value whose counts reconcile."""

    VALID = {  # noqa: RUF012 - a table that nobody changes
        "n_start": 100,
        "n_end": 90,
        "n_new": 15,
        "n_returned": 5,
        "n_lost": 30,
        "n_passing": 1,
        "n_dormant": 2,
        "n_later": 3,
    }

    def test_survives_a_round_trip(self):
        value = CustomerMovements(**self.VALID)
        assert attrs.asdict(value) == self.VALID
        assert CustomerMovements(**attrs.asdict(value)) == value

    def test_is_frozen(self):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            CustomerMovements(**self.VALID).n_new = 1

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"n_end": 91}, "n_end"),
            ({"n_returned": 0}, "n_end"),
            ({"n_lost": 101}, "n_lost"),
            ({"n_dormant": -1}, "n_dormant"),
            ({"n_later": 1.5}, "n_later"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            CustomerMovements(**{**self.VALID, **changes})
        assert caught.value.name == name


class TestTimeToPurchase:
    """Days from first contact to first purchase; who has not bought has waited at least until `as_of`."""

    @pytest.mark.parametrize(
        ("purchase", "expected"),
        [
            # by hand, contact on day 0 and as_of on day 100
            ([1, 2, 3, 4], (2.5, 2.5, 4, 4, 0)),
            ([1, 2, None], ((1 + 2 + 100) / 3, 2, np.inf, 2, 1)),
            ([1, None, None], ((1 + 100 + 100) / 3, np.inf, np.inf, 1, 2)),
            ([None], (100, np.inf, np.inf, 0, 1)),
            ([0, 0, 101], (100 / 3, 0, np.inf, 2, 1)),  # bought after as_of: has not bought yet
        ],
    )
    def test_known_answers(self, purchase, expected):
        contact = as_dates([0] * len(purchase))
        result = time_to_purchase(contact, as_dates(purchase), as_of=np.datetime64(100, "D"))
        figures = (result.mean, result.median, result.percentile_90, result.n_purchased, result.n_open)
        assert figures == pytest.approx(expected, rel=1e-15)
        assert result.as_of == np.datetime64("1970-04-11")

    def test_counts_who_came_later(self):
        result = time_to_purchase(as_dates([0, 50, 51]), as_dates([2, 60, 70]), as_of=np.datetime64(50, "D"))
        assert (result.n_purchased, result.n_open, result.n_later, result.mean) == (1, 1, 1, 2)

    @given(st.lists(st.tuples(st.integers(0, 60), st.none() | st.integers(0, 60)), min_size=1, max_size=25))
    def test_equals_exact_fractions(self, waits):
        contact = [50 - elapsed for elapsed, _ in waits]
        purchase = [None if wait is None else start + wait for start, (_, wait) in zip(contact, waits, strict=True)]
        over = [wait is not None and wait <= elapsed for elapsed, wait in waits]
        times = [wait if done else elapsed for (elapsed, wait), done in zip(waits, over, strict=True)]
        _, mean, quantile = waiting_by_fractions(times, over)
        result = time_to_purchase(as_dates(contact), as_dates(purchase), as_of=np.datetime64(50, "D"))
        assert result.mean == pytest.approx(float(mean), rel=1e-12)
        assert result.median == quantile(Fraction(1, 2))
        assert result.percentile_90 == quantile(Fraction(9, 10))
        assert (result.n_purchased, result.n_open) == (sum(over), len(over) - sum(over))

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"first_contact": ["2024-03-01", None]}, "first_contact"),
            ({"first_contact": ["2024-03-01"]}, "first_purchase"),
            ({"first_contact": "2024-03-01"}, "first_contact"),
            ({"first_contact": [], "first_purchase": []}, "first_contact"),
            ({"first_purchase": ["2024-02-29", None]}, "first_purchase"),
            ({"first_purchase": ["2024-03-02", "soon"]}, "first_purchase"),
            ({"first_purchase": [3, None]}, "first_purchase"),
            ({"as_of": "2024-02-28"}, "first_contact"),
            ({"as_of": NAT}, "as_of"),
            ({"as_of": ["2024-03-31"]}, "as_of"),
        ],
    )
    def test_refuses(self, changes, name):
        valid = {"first_contact": ["2024-03-01", "2024-03-01"], "first_purchase": ["2024-03-02", None]}
        time_to_purchase(**valid, as_of="2024-03-31")
        with pytest.raises(InputError) as caught:
            time_to_purchase(**{**valid, "as_of": "2024-03-31", **changes})
        assert caught.value.name == name


class TestTimeToPurchaseValue:
    """A frozen value with checked fields."""

    VALID = {  # noqa: RUF012 - a table that nobody changes
        "mean": 9.5,
        "median": 8.0,
        "percentile_90": np.inf,
        "n_purchased": 6,
        "n_open": 4,
        "n_later": 0,
        "as_of": np.datetime64("2024-03-31"),
    }

    def test_survives_a_round_trip(self):
        value = TimeToPurchase(**self.VALID)
        assert attrs.asdict(value) == self.VALID
        assert TimeToPurchase(**{**attrs.asdict(value), "as_of": "2024-03-31"}) == value

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"mean": -1}, "mean"),
            ({"mean": np.nan}, "mean"),
            ({"percentile_90": 7}, "percentile_90"),
            ({"median": -np.inf}, "median"),
            ({"n_purchased": 0, "n_open": 0}, "n_open"),
            ({"n_later": -1}, "n_later"),
            ({"as_of": ["2024-03-31"]}, "as_of"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            TimeToPurchase(**{**self.VALID, **changes})
        assert caught.value.name == name
