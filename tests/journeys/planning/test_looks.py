"""The row that counts for each message of a plan of many days."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue._journeys.planning import looks, planner
from crmvalue._journeys.planning.checks import decide
from crmvalue.errors import InputError
from crmvalue.journeys import (
    BirthdayJourney,
    Cascade,
    Customers,
    Events,
    MessageHistory,
    Orders,
    Policy,
    TriggerJourney,
    journey_results,
    plan,
    simulate_plan,
)
from tests.journeys.references import looks_that_count

TEXTS = st.sampled_from(["", "a", "birthday", "დაბადების დღე", "birthday of the year"])
WHOLE = st.one_of(st.integers(-3, 3), st.sampled_from([-(2**62), 2**40, 2**62]))


def rows(columns):
    return st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans(), *columns), min_size=1, max_size=30)


class TestLastLooks:
    """One row of each message: where it was sent, or else the last look that repeats no other one."""

    @given(rows([WHOLE, TEXTS]))
    def test_equals_one_by_one(self, table):
        run, sent, again, *columns = map(np.array, zip(*table, strict=True))
        days = run.astype("datetime64[D]")
        found = looks.last_looks(days, sent, again & ~sent, columns)
        assert found.tolist() == looks_that_count(run, sent, again & ~sent, columns)

    @given(rows([st.integers(0, 2), TEXTS, WHOLE, WHOLE]))
    def test_in_the_order_of_days(self, table):
        run, sent, again, *columns = map(np.array, zip(*sorted(table, key=lambda row: row[0]), strict=True))
        found = looks.last_looks(run.astype("datetime64[D]"), sent, again & ~sent, columns)
        assert found.tolist() == looks_that_count(run, sent, again & ~sent, columns)

    def test_known(self):
        run = np.array(["2024-06-01", "2024-06-01", "2024-06-02", "2024-06-02", "2024-06-03"], dtype="datetime64[D]")
        sent = np.array([False, False, True, False, False])
        found = looks.last_looks(run, sent, np.zeros(5, dtype=bool), [np.array([1, 2, 1, 2, 1])])
        assert found.tolist() == [False, False, True, True, False]

    def test_equal_rows_of_one_day(self):
        run = np.array(["2024-06-01"] * 2 + ["2024-06-02"] * 2, dtype="datetime64[D]")
        none = np.zeros(4, dtype=bool)
        found = looks.last_looks(run, none, none, [np.array([7] * 4)])
        assert found.tolist() == [False, False, True, True]


class TestSeveralRunsOfADay:
    """A trigger that is due soon needs several runs a day; added up, they say what one run says that knows all."""

    CARTS = np.datetime64("2024-05-01T08:10") + np.arange(40) * np.timedelta64(10, "m")
    BASE = Customers(customer=np.arange(40), consent={"email": np.arange(40) % 5 > 0})
    POLICY = Policy(control_share=0.3)

    def plan_at(self, hour, history):
        known = np.datetime64(f"2024-05-01T{hour:02d}:00") > self.CARTS
        did = Events(customer=np.arange(40)[known], name=["cart"] * known.sum(), time=self.CARTS[known])
        return plan([TriggerJourney.abandoned_cart()], self.BASE, did, history, self.POLICY, "2024-05-01")

    def test_repeats_are_no_messages(self):
        past, whole = MessageHistory.empty(), self.plan_at(8, None)
        for hour in (9, 11, 13, 16):
            made = self.plan_at(hour, past)
            past, whole = past + made.history(), whole + made
        alone = self.plan_at(16, None)
        assert alone.n_by_decision.keys() == {"send", "control group", "no consent"}
        assert whole.n_by_decision == whole.n_looks_by_decision == alone.n_by_decision
        assert whole.history().key.tolist() == past.key.tolist()
        sold = Orders(customer=[1], time=["2024-05-03"], revenue=[10], margin=1)
        assert journey_results(whole, None, sold, as_of="2024-06-30").n_planned.tolist() == [40]

    def test_the_later_look_stays_unless_the_first_one_sent(self):
        early = self.plan_at(16, None)
        codes = early.with_codes(["x"] * len(early))
        assert (early + codes).code.tolist() == ["x"] * 40
        bought = Events(customer=np.arange(40), name=["purchase"] * 40, time=self.CARTS + np.timedelta64(30, "m"))
        did = Events(customer=np.arange(40), name=["cart"] * 40, time=self.CARTS) + bought
        later = plan([TriggerJourney.abandoned_cart()], self.BASE, did, None, self.POLICY, "2024-05-01")
        assert later.n_by_decision == {"exited": 40}
        assert (later + early).n_by_decision == early.n_by_decision
        n_sent = early.n_by_decision["send"]
        assert (early + later).n_by_decision == {"send": n_sent, "exited": 40 - n_sent}


class TestManyLooks:
    """An open message has a row a day: too many of them are refused before the memory is full."""

    BASE = Customers(customer=range(4), dates={"last_purchase": ["2023-01-31"] * 4}, consent={"email": [False] * 4})

    def test_rows_of_several_days(self, monkeypatch):
        monkeypatch.setattr("crmvalue._journeys.planning.planner._MOST_ROWS", 12)
        given = [Cascade()], self.BASE, None
        assert len(plan(*given, None, Policy(), "2023-11-01", days=3)) == 12
        with pytest.raises(InputError, match="4 customers, 4 days") as caught:
            simulate_plan(*given, Policy(), "2023-11-01", "2023-11-04")
        assert caught.value.name == "customers"

    def test_one_day_has_as_many_as_it_has(self, monkeypatch):
        monkeypatch.setattr("crmvalue._journeys.planning.planner._MOST_ROWS", 3)
        assert len(plan([Cascade()], self.BASE, None, None, Policy(), "2023-11-01")) == 4

    def test_a_day_too_many_is_refused_before_it_is_decided_on(self, monkeypatch):
        decided = []
        monkeypatch.setattr("crmvalue._journeys.planning.planner._MOST_ROWS", 11)
        monkeypatch.setattr(planner, "decide", lambda run: decided.append(run.today) or decide(run))
        with pytest.raises(InputError, match="4 customers, 3 days"):
            plan([Cascade()], self.BASE, None, None, Policy(), "2023-11-01", days=3)
        assert [str(day) for day in decided] == ["2023-11-01", "2023-11-02"]


@pytest.mark.parametrize("low", [0, 3, -(2**40)])
@pytest.mark.parametrize("is_ordered", [True, False])
def test_where_it_was_sent_or_else_the_last_look_that_is_no_duplicate(low, is_ordered):
    rng = np.random.default_rng(7)
    for _ in range(40):
        n = rng.integers(1, 25)
        day = np.datetime64("2024-01-01") + rng.integers(0, 4, n)
        day = np.sort(day) if is_ordered else day
        sent = rng.random(n) < 0.3
        repeated = ~sent & (rng.random(n) < 0.5)
        columns = [low + rng.integers(0, 4, n), rng.choice(["a", "b"], n), low + rng.integers(0, 3, n)]
        n_of_day, found_of = {}, {}
        for i in sorted(range(n), key=day.__getitem__):
            key = tuple(column[i] for column in columns)
            number = n_of_day[key, day[i]] = n_of_day.get((key, day[i]), 0) + 1  # equal rows of a day are messages
            found_of.setdefault((key, number), []).append(i)
        expected = {
            ([i for i in rows if sent[i]] or [i for i in rows if not repeated[i]] or rows)[-1]
            for rows in found_of.values()
        }
        found = looks.last_looks(day.astype("datetime64[s]"), sent, repeated, columns)
        assert set(np.nonzero(found)[0].tolist()) == expected


def test_an_outranked_message_stays_outranked_on_later_days():
    base = Customers(
        customer=["ann", "bob"],
        dates={"birthday": ["1990-06-07", "1985-06-07"]},
        segments={"vip": [False, True]},
        consent={"email": [True, True]},
    )
    journeys = [BirthdayJourney("birthday"), BirthdayJourney("vip birthday", segment="vip", priority=1)]
    made = simulate_plan(journeys, base, None, Policy(), "2024-05-31", "2024-06-10")
    assert made.n_by_decision == {"outranked": 1, "send": 2}
    assert made.n_looks_by_decision == {"duplicate": 9, "outranked": 1, "send": 2}
