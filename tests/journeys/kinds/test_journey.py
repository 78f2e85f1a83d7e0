"""The general journey: its steps, its checks, its runs, and its messages in a plan."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from unittest import mock
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue._journeys.kinds.steps import as_duration, take_apart
from crmvalue.errors import InputError
from crmvalue.journeys import (
    BirthdayJourney,
    Branch,
    Cascade,
    Choice,
    Customers,
    Events,
    FrequencyCap,
    Journey,
    Message,
    MessageHistory,
    Offer,
    Policy,
    Split,
    TriggerJourney,
    Wait,
    WaitFor,
    plan,
    simulate_plan,
)
from tests.journeys.references import admitted_entries, follow_run, later
from tests.work import n_calls

WORDS = (
    "1 minute", "90 minutes", "36 hours", "3 days", "2 weeks", "1 month", "13 months", "next day at 15:00",
    "1 day at 15:00", "2 days at 00:00", "1 week at 9:30", "1 month at 23:59",
)  # fmt: skip
EVENTS = ("registered", "opened", "purchase", "unsubscribed")


def one(events, **options):
    """Give customer 1 with some events, and other columns."""
    names, times = zip(*events, strict=True)
    base = Customers(customer=[1], consent={"email": [True], "sms": [True], "phone": [True]}, **options)
    return base, Events(customer=[1] * len(events), name=list(names), time=list(times))


def messages(made):
    """Give what a plan sends: step, time and channel."""
    sent = made.decision == "send"
    return list(
        zip(made.step[sent].tolist(), made.send_time[sent].astype(str), made.channel[sent].tolist(), strict=True)
    )


class TestWait:
    """Waits in words, in the customer's own time."""

    @pytest.mark.parametrize(
        ("words", "start", "end"),
        [
            ("next day at 15:00", "2024-05-31T14:00:00", "2024-06-01T15:00:00"),
            ("next day at 15:00", "2024-05-31T16:00:00", "2024-06-01T15:00:00"),
            ("1 month", "2024-01-31T12:34:56", "2024-02-29T12:34:56"),
            ("12 months", "2024-02-29T00:00:00", "2025-02-28T00:00:00"),
            ("36 hours", "2024-02-28T13:00:00", "2024-03-01T01:00:00"),
            ("2 weeks at 09:30", "2024-12-24T23:59:59", "2025-01-07T09:30:00"),
        ],
    )
    def test_known(self, words, start, end):
        start, end = np.array([start], dtype="datetime64[s]"), np.array([end], dtype="datetime64[s]")
        assert take_apart("duration", words).after(start) == end

    @given(
        words=st.sampled_from(WORDS),
        start=st.datetimes(datetime(1, 1, 1), datetime(9990, 1, 1)).map(lambda t: t.replace(microsecond=0)),
    )
    def test_equals_the_reference_and_is_never_longer_than_it_says(self, words, start):
        wait = take_apart("duration", words)
        begun = np.array([start], dtype="datetime64[s]")
        ended = wait.after(begun)
        assert ended.tolist() == [later(start, words)]
        assert (ended - begun).astype(np.int64)[0] <= wait.longest

    def test_spaces_and_capitals_do_not_matter(self):
        assert Wait("  Next  day at 15:00 ") == Wait("next day at 15:00")
        assert Wait("3660 days").parts.days == 3660
        assert as_duration("x", "1 Days") == "1 days"

    @pytest.mark.parametrize(
        "wrong",
        ["", "soon", "0 days", "3", "days", "-1 days", "1.5 days", "3 years", "3 days at 24:00", "3 days at 12:60",
         "2 hours at 12:00", "9999 weeks", "next week", "3 days  at", "\N{DEVANAGARI DIGIT ONE} days",
         "1 day at 1\N{ARABIC-INDIC DIGIT TWO}:00", "1_0 days", 3, None, True],
    )  # fmt: skip
    def test_rejections(self, wrong):
        with pytest.raises(InputError) as caught:
            Wait(wrong)
        assert caught.value.name == "duration"
        with pytest.raises(InputError) as caught:
            WaitFor("opened", at_most=wrong)
        assert caught.value.name == "at_most"


class TestSteps:
    """What is wrong with the steps raises when the journey is made."""

    @pytest.mark.parametrize(
        ("steps", "words"),
        [
            ({"a": Message(then="b")}, "leads to 'b'"),
            ({"a": Message(then="end"), "b": Message()}, "reached from the first"),
            ({"a": Branch("vip", then="c", otherwise="c"), "b": Message(), "c": Message()}, "reached from the first"),
            ({"a": Message(), "b": Wait("1 day", then="a")}, "leads back to itself"),
            ({"a": Message(), "b": Wait("1 day", then="b")}, "leads back to itself"),
            ({"a": Message(), "b": WaitFor("x", at_most="1 day", otherwise="c"), "c": Wait("1 day", then="b")}, "back"),
            ({"a": Split({"b": 0.5, "c": 0.5}), "b": Message()}, "leads to 'c'"),
            ({"a": Choice("city", cases={"Kyiv": "b"}, otherwise="z"), "b": Message()}, "leads to 'z'"),
            ({"end": Message()}, "other than 'end'"),
            ({"a": Wait("1 day")}, "at least one Message"),
            ({"": Message()}, "not empty"),
            ({"a": "message"}, "Message, Wait"),
            ({}, "a mapping"),
            ([Message()], "a mapping"),
        ],
    )
    def test_rejections(self, steps, words):
        with pytest.raises(InputError, match=words):
            Journey("x", entry="registered", steps=steps)

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Branch("vip", then="a"),
            lambda: Branch("vip", otherwise="a"),
            lambda: Branch("", then="a", otherwise="b"),
            lambda: Choice("city", cases={"Kyiv": "a"}),
            lambda: Choice("city", cases={}, otherwise="a"),
            lambda: Choice("city", cases={"Kyiv": None}, otherwise="a"),
            lambda: Choice("city", cases=["Kyiv"], otherwise="a"),
            lambda: Split({"a": 1.0}),
            lambda: Split({"a": 0.5, "b": 0.6}),
            lambda: Split({"a": 0.0, "b": 1.0}),
            lambda: Split({"a": -0.5, "b": 1.5}),
            lambda: Split({"a": np.nan, "b": 0.5}),
            lambda: Split("a"),
            lambda: Split(dict.fromkeys(map(str, range(1001)), 1 / 1001)),
            lambda: Message(channels=[]),
            lambda: Message(channels=["sms", "sms"]),
            lambda: Message(valid_days=0),
            lambda: Message(valid_days=3661),
            lambda: Message(then=1),
            lambda: WaitFor("", at_most="1 day"),
        ],
    )
    def test_rejections_of_one_step(self, make):
        with pytest.raises(InputError):
            make()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": ""},
            {"entry": " "},
            {"goals": 1},
            {"exits": [1]},
            {"reentry": "sometimes"},
            {"version": 0},
            {"starts": "tomorrow"},
            {"starts": "2024-01-02", "ends": "2024-01-02"},
            {"priority": 0.5},
            {"catch_up_days": -1},
        ],
    )
    def test_rejections_of_the_journey(self, wrong):
        with pytest.raises(InputError) as caught:
            Journey(**{"name": "x", "entry": "e", "steps": {"a": Message()}, **wrong})
        assert caught.value.name == list(wrong)[-1]

    def test_nothing_can_be_changed(self):
        journey = Journey("x", entry="e", steps={"a": Message()})
        with pytest.raises(TypeError, match="cannot be changed"):
            journey.steps["b"] = Message()
        with pytest.raises(TypeError, match="cannot be changed"):
            journey.steps.update(b=Message())
        for again in (copy.copy(journey), copy.deepcopy(journey), pickle.loads(pickle.dumps(journey))):  # noqa: S301 - its own
            assert again == journey
            with pytest.raises(TypeError, match="cannot be changed"):
                again.steps.clear()


ONBOARDING = Journey(
    "first month",
    entry="registered",
    steps={
        "welcome": Message(offer="5 %"),
        "answer": WaitFor("opened", at_most="7 days", otherwise="reminder"),
        "morning": Wait("next day at 09:00", then="who"),
        "reminder": Message(channels="sms"),
        "who": Branch("vip", then="call", otherwise="where"),
        "call": Message(channels=["phone", "email"], then="end"),
        "where": Choice("city", cases={"Kyiv": "shop", "Lviv": "end"}, otherwise="lot"),
        "shop": Message(then="end"),
        "lot": Split({"gift": 0.3, "plain": 0.7}),
        "gift": Message(offer="a gift", then="end"),
        "plain": Wait("1 month"),
        "last": Message(offer="10 %"),
    },
    goals="purchase",
    exits=["unsubscribed"],
)


class TestJourney:
    """Messages of a journey in a plan."""

    def test_the_ways_of_one_customer(self):
        base, did = one(
            [("registered", "2024-05-01T12:00"), ("opened", "2024-05-03T20:00")],
            segments={"vip": [True]},
            attributes={"city": [None]},
        )
        made = simulate_plan([ONBOARDING], base, did, Policy(), "2024-05-01", "2024-07-01")
        assert messages(made) == [
            ("welcome", "2024-05-01T12:00:00", "email"),
            ("call", "2024-05-04T09:00:00", "phone"),
        ]

    def test_without_the_event(self):
        base, did = one([("registered", "2024-05-01T12:00")], segments={"vip": [False]}, attributes={"city": ["Kyiv"]})
        made = simulate_plan([ONBOARDING], base, did, Policy(), "2024-05-01", "2024-07-01")
        assert messages(made) == [
            ("welcome", "2024-05-01T12:00:00", "email"),
            ("reminder", "2024-05-08T12:00:00", "sms"),
            ("shop", "2024-05-08T12:00:00", "email"),
        ]

    def test_a_lot_of_three(self):
        """Each way has the share that it names."""
        steps = {"lot": Split({"a": 0.2, "b": 0.3, "c": 0.5})} | {name: Message(then="end") for name in "abc"}
        base = Customers(customer=range(1000), consent={"email": np.ones(1000, dtype=bool)})
        did = Events(customer=range(1000), name=["e"] * 1000, time=["2024-05-01"] * 1000)
        made = plan([Journey("x", entry="e", steps=steps)], base, did, None, Policy(), "2024-05-01")
        assert np.unique(made.step, return_counts=True)[1] == pytest.approx([200, 300, 500], abs=60)  # four errors

    @pytest.mark.parametrize("city", ["Lviv", "Odesa", None])
    def test_choices_and_lots(self, city):
        base, did = one([("registered", "2024-05-01T12:00")], segments={"vip": [False]}, attributes={"city": [city]})
        made = simulate_plan([ONBOARDING], base, did, Policy(), "2024-05-01", "2024-07-01")
        rest = [step for step, *_ in messages(made)[2:]]
        assert rest in ([[]] if city == "Lviv" else [["gift"], ["last"]])

    @pytest.mark.parametrize("event", ["purchase", "unsubscribed"])
    def test_over_at_once_during_a_wait(self, event):
        base, did = one(
            [("registered", "2024-05-01T12:00"), (event, "2024-05-05T01:00")],
            segments={"vip": [True]},
            attributes={"city": [None]},
        )
        made = simulate_plan([ONBOARDING], base, did, Policy(), "2024-05-01", "2024-07-01")
        assert [step for step, *_ in messages(made)] == ["welcome"]
        assert set(made.decision[made.step != "welcome"].tolist()) == {"exited"}

    def test_a_purchase_in_the_quiet_hours_comes_before_the_message(self):
        journey = Journey("x", entry="registered", steps={"a": Message()}, goals="purchase")
        base, did = one([("registered", "2024-05-01T23:00"), ("purchase", "2024-05-02T05:00")])
        for day in ("2024-05-01", "2024-05-02"):
            made = plan([journey], base, did, None, Policy(quiet_hours=(22, 6)), day)
            assert made.decision.tolist() == ["exited"]

    def test_a_missed_run_is_caught_up(self):
        base, did = one([("registered", "2024-05-01T12:00")])
        journey = Journey("x", entry="registered", steps={"a": Message(), "w": Wait("1 hour"), "b": Message()})
        late = plan([journey], base, did, None, Policy(), "2024-05-03")
        assert messages(late) == [("a", "2024-05-03T12:00:00", "email"), ("b", "2024-05-03T13:00:00", "email")]
        late = plan([journey], base, did, None, Policy(catch_up="all"), "2024-05-03")
        assert late.n_by_decision == {"send": 2}
        assert len(plan([journey], base, did, None, Policy(), "2024-05-05")) == 0

    def test_who_received_a_message_stays_on_its_way(self):
        steps = {
            "who": Branch("vip", then="gold", otherwise="silver"),
            "gold": Message(),
            "rest": Wait("3 days"),
            "more gold": Message(then="end"),
            "silver": Message(),
        }
        journey = Journey("x", entry="registered", steps=steps)
        did = Events(customer=[1], name=["registered"], time=["2024-05-01T12:00"])
        as_vip, as_other = (
            Customers(customer=[1], segments={"vip": [vip]}, consent={"email": [True]}) for vip in (True, False)
        )
        first = plan([journey], as_vip, did, None, Policy(), "2024-05-01")
        assert first.step.tolist() == ["gold"]
        then = plan([journey], as_other, did, first.history(), Policy(), "2024-05-04")
        assert then.step.tolist() == ["gold", "more gold"]
        assert then.decision.tolist() == ["duplicate", "send"]
        assert journey.runs(as_other, did, "2024-05-02", history=first.history()).step.tolist() == ["rest"]
        assert plan([journey], as_other, did, None, Policy(), "2024-05-04").step.tolist() == ["silver"]

    @pytest.mark.parametrize(("opened", "step"), [("2024-05-08T12:00:00", "thanks"), ("2024-05-08T12:00:01", "again")])
    def test_an_event_at_the_very_end_of_the_wait_counts(self, opened, step):
        steps = {
            "wait": WaitFor("opened", at_most="7 days", then="thanks", otherwise="again"),
            "thanks": Message(then="end"),
            "again": Message(),
        }
        base, did = one([("e", "2024-05-01T12:00"), ("opened", opened)])
        made = plan([Journey("x", entry="e", steps=steps)], base, did, None, Policy(), "2024-05-08")
        assert made.step.tolist() == [step]

    def test_a_goal_at_the_moment_of_a_step_comes_first(self):
        steps = {"first": Message(), "wait": Wait("1 day"), "second": Message()}
        journey = Journey("x", entry="e", steps=steps, goals="purchase", exits="purchase")
        base, did = one([("e", "2024-05-01T12:00"), ("purchase", "2024-05-02T12:00")])
        runs = journey.runs(base, did, "2024-05-02")
        assert (runs.step.tolist(), runs.outcome.tolist()) == (["wait"], ["goal"])
        assert plan([journey], base, did, None, Policy(), "2024-05-02").decision.tolist() == ["exited"]
        past = plan([journey], base, did, None, Policy(), "2024-05-01").history()
        assert plan([journey], base, did, past, Policy(), "2024-05-02").decision.tolist() == ["duplicate", "exited"]

    @pytest.mark.parametrize(("again", "n_runs"), [("2024-05-02T12:00:00", 1), ("2024-05-02T12:00:01", 2)])
    def test_who_leaves_enters_again_a_second_later(self, again, n_runs):
        journey = Journey("x", entry="e", steps={"wait": Wait("1 day"), "a": Message()})
        base, did = one([("e", "2024-05-01T12:00"), ("e", again)])
        assert len(journey.runs(base, did, "2024-05-05")) == n_runs

    def test_versions_part_the_entries(self):
        old = Journey("x", entry="e", steps={"a": Message()}, version=1, ends="2024-05-02")
        new = Journey("x", entry="e", steps={"a": Message()}, version=2, starts="2024-05-02")
        base, did = one([("e", "2024-05-01T23:59:59"), ("e", "2024-05-02T00:00")])
        made = simulate_plan([new, old], base, did, Policy(), "2024-05-01", "2024-05-03")
        sent = made.decision == "send"
        assert list(zip(made.group[sent], made.anchor[sent].astype(str), strict=True)) == [
            ("x, version 1", "2024-05-01T23:59:59"),
            ("x, version 2", "2024-05-02T00:00:00"),
        ]
        with pytest.raises(InputError, match="different names"):
            plan([old, attrs.evolve(old, ends=None)], base, did, None, Policy(), "2024-05-02")
        with pytest.raises(InputError, match="group"):
            plan([old, TriggerJourney("x, version 1", event="e")], base, did, None, Policy(), "2024-05-02")

    def test_the_history_remembers_who_never_enters_again(self):
        journey = Journey("x", entry="e", steps={"a": Message()}, reentry="never")
        base, did = one([("e", "2024-05-01T12:00")])
        past = plan([journey], base, did, None, Policy(), "2024-05-01").history()
        later_event = Events(customer=[1], name=["e"], time=["2024-06-01T12:00"])
        assert len(plan([journey], base, later_event, past, Policy(), "2024-06-01")) == 0
        assert len(plan([journey], base, later_event, None, Policy(), "2024-06-01")) == 1

    def test_a_split_is_the_same_in_every_version_and_near_its_shares(self):
        steps = {"lot": Split({"a": 0.3, "b": 0.7}), "a": Message(then="end"), "b": Message()}
        n = 20_000
        base = Customers(customer=np.arange(n), consent={"email": np.ones(n, dtype=bool)})
        did = Events(customer=np.arange(n), name=["e"] * n, time=np.full(n, "2024-05-01T12:00", "datetime64[s]"))
        first, second = (
            plan([Journey("x", entry="e", steps=steps, version=v)], base, did, None, Policy(), "2024-05-01")
            for v in (1, 2)
        )
        assert first.step.tolist() == second.step.tolist()
        assert abs(np.mean(first.step == "a") - 0.3) < 5 * np.sqrt(0.3 * 0.7 / n)
        other = plan([Journey("y", entry="e", steps=steps)], base, did, None, Policy(), "2024-05-01")
        both = np.mean((other.step == "a") & (first.step == "a"))
        assert abs(both - 0.09) < 5 * np.sqrt(0.09 * 0.91 / n)

    def test_what_the_customers_do_not_have(self):
        base, did = one([("registered", "2024-05-01T12:00")])
        with pytest.raises(InputError, match="'vip'"):
            plan([ONBOARDING], base, did, None, Policy(), "2024-05-08")
        base, did = one([("registered", "2024-05-01T12:00")], segments={"vip": [False]})
        with pytest.raises(InputError, match="'city'"):
            plan([ONBOARDING], base, did, None, Policy(), "2024-05-08")

    def test_a_number_beside_a_missing_attribute(self):
        """Pandas' NA equals nothing, not even itself."""
        missing = pytest.importorskip("pandas").NA
        with pytest.raises(InputError, match="attributes") as caught:
            Customers(customer=[1, 2], attributes={"city": [missing, 5]})
        assert caught.value.index == 1

    @pytest.mark.parametrize("wrong", [[1], [["Kyiv"]], [True], "Kyiv", [{}], ["Kyiv", "Lviv"]])
    def test_attributes_are_texts(self, wrong):
        with pytest.raises(InputError, match="attributes"):
            Customers(customer=[1], attributes={"city": wrong})


moments = st.integers(0, 40 * 24).map(
    lambda hours: datetime(2024, 1, 30) + hours * (datetime(1, 1, 2, 1) - datetime(1, 1, 2))
)
logs = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(EVENTS), moments), min_size=1, max_size=14)
reentries = st.sampled_from(["never", "after exit", "always", "3 days", "1 month", "next day at 09:00"])


class TestAgainstTheReference:
    """Whole journeys, compared with a walk customer by customer."""

    SIDES: ClassVar = {  # customer: way of "who" and "where"
        1: {"who": "call"},
        2: {"who": "where", "where": "shop"},
        3: {"who": "where", "where": "lot"},
    }

    def base(self):
        return Customers(
            customer=[1, 2, 3],
            segments={"vip": [True, False, False]},
            attributes={"city": ["Lviv", "Kyiv", None]},
            consent=dict.fromkeys(("email", "sms", "phone"), [True] * 3),
        )

    def lot(self, customer):
        """Way of a customer at the lot, read off a run for this customer alone."""
        did = Events(customer=[customer], name=["registered"], time=["2020-01-01T00:00"])
        steps = {"lot": ONBOARDING.steps["lot"], "gift": Message(then="end"), "plain": Message()}
        journey = Journey("first month", entry="registered", steps=steps)
        return plan([journey], self.base(), did, None, Policy(), "2020-01-01").step[0]

    def side(self, customer):
        lot = self.lot(3)
        return lambda name, _: lot if name == "lot" else self.SIDES[customer][name]

    @given(log=logs, reentry=reentries, day=st.integers(0, 70))
    def test_runs(self, log, reentry, day):
        journey = attrs.evolve(ONBOARDING, reentry=reentry)
        today = np.datetime64("2024-01-30") + day
        end = (today + 1).astype("datetime64[s]").item()
        who, names, times = zip(*log, strict=True)
        runs = journey.runs(self.base(), Events(customer=who, name=names, time=times), today)
        expected = []
        for customer in (1, 2, 3):
            events = [(name, time) for c, name, time in log if c == customer and time < end]
            taken = admitted_entries(journey, events, end, side=self.side(customer))
            expected += [(customer, *row) for row in taken]
        columns = (runs.customer, runs.entered, runs.step, runs.since, runs.outcome, runs.ended)
        assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected

    @pytest.mark.slow
    @settings(max_examples=20)
    @given(log=logs, reentry=st.sampled_from(["always", "after exit"]))
    def test_messages_of_all_days(self, log, reentry):
        """Over all days, the messages planned are those of the runs that count, until one is called off."""
        journey = attrs.evolve(ONBOARDING, reentry=reentry, catch_up_days=0)
        who, names, times = zip(*log, strict=True)
        events = Events(customer=who, name=names, time=times)
        made = simulate_plan([journey], self.base(), events, Policy(catch_up="all"), "2024-01-30", "2024-04-30")
        end = datetime(2024, 5, 1)
        expected = set()
        for customer in (1, 2, 3):
            mine = [(name, time) for c, name, time in log if c == customer]
            for entered, _, _, outcome, ended in admitted_entries(journey, mine, end, side=self.side(customer)):
                sent = follow_run(journey, mine, entered, end, side=self.side(customer))[0]
                over = ended if outcome in ("goal", "exit") else datetime.max
                called_off = [step for step, time in sent if time >= over][:1]  # and nobody is reminded of it
                expected |= {
                    (customer, entered, step, time, time >= over)
                    for step, time in sent
                    if time < over or step in called_off
                }
        exited = made.decision == "exited"
        assert set(made.decision.tolist()) <= {"send", "exited", "duplicate"}
        fresh = made.decision != "duplicate"
        columns = (made.customer, made.anchor, made.step, made.planned, exited)
        assert {
            row for row, new in zip(zip(*(c.tolist() for c in columns), strict=True), fresh, strict=True) if new
        } == expected

    @pytest.mark.parametrize("day", ["2024-10-20", "2024-10-27"])
    @pytest.mark.parametrize("reentry", ["after exit", "45 minutes", "always"])
    def test_entries_of_one_day_after_another_and_when_clocks_are_set_back(self, day, reentry):
        """On 27 October the run ends at 03:30 of the second time, by the clock before its beginning at 03:45."""
        steps = {"wait": Wait("45 minutes"), "message": Message(valid_days=30)}
        journey = Journey("x", entry="e", steps=steps, reentry=reentry)
        base = Customers(customer=[1], consent={"email": [True]}, time_zone=["Europe/Kyiv"])
        hours = ["03:45", "09:00", "09:30", "20:00"]
        events = Events(customer=[1] * 4, name=["e"] * 4, time=[f"{day}T{hour}" for hour in hours])
        made = simulate_plan([journey], base, events, Policy(), day, np.datetime64(day) + 2)
        sent = made.decision == "send"
        expected = [hour for hour in hours if hour != "09:30" or reentry == "always"]
        assert made.anchor[sent].tolist() == [datetime.fromisoformat(f"{day}T{hour}") for hour in expected]
        started = [datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=ZoneInfo("Europe/Kyiv")) for hour in expected]
        due = [time.astimezone(UTC).replace(tzinfo=None) + timedelta(minutes=45) for time in started]
        assert made.send_time_utc[sent].tolist() == due

    def test_a_thousand_entries_of_one_day_do_not_take_for_ever(self):
        journey = Journey("x", entry="e", steps={"wait": Wait("1 minute"), "message": Message()})
        base = Customers(customer=[1], consent={"email": [True]})
        times = np.datetime64("2024-01-01T00:00", "s") + np.arange(1000) * 86
        events = Events(customer=[1] * 1000, name=["e"] * 1000, time=times)
        assert plan([journey], base, events, None, Policy(), "2024-01-01").n_by_decision == {"send": 24}

    @settings(max_examples=20)
    @given(log=logs, reentry=reentries)
    def test_a_second_run_plans_nothing_new_and_two_weeks_are_their_days(self, log, reentry):
        journey = attrs.evolve(ONBOARDING, reentry=reentry)
        who, names, times = zip(*log, strict=True)
        events = Events(customer=who, name=names, time=times)
        whole = plan([journey], self.base(), events, None, Policy(), "2024-02-01", days=14)
        past = MessageHistory.empty()
        for day in range(14):
            made = plan([journey], self.base(), events, past, Policy(), np.datetime64("2024-02-01") + day)
            past = past + made.history()
            again = plan([journey], self.base(), events, past, Policy(), np.datetime64("2024-02-01") + day)
            assert "send" not in again.decision
        assert whole.history() == past
        assert len(set(whole.key[whole.decision == "send"].tolist())) == len(past)


class TestJson:
    """Journeys and policies survive JSON."""

    VALUES = (
        ONBOARDING,
        attrs.evolve(ONBOARDING, starts="2024-01-01", ends="2025-01-01", reentry="30 days", segment="new", version=3),
        Journey(
            "kind", entry="kind", steps={"kind": Choice("kind", cases={"kind": "m"}, otherwise="end"), "m": Message()}
        ),
        Cascade(),
        Cascade(
            offers=[Offer(amount="5.50"), Offer(amount="7.00")],
            repeat_last=True,
            catch_up_days=90,
            ends_with="reaction",
        ),
        BirthdayJourney("b", offer=Offer(percent=10), segment="vip", leap_day="forward"),
        TriggerJourney.abandoned_cart(channels=["push", "email"]),
        Policy(),
        Policy(quiet_hours=(22, 6), caps=[FrequencyCap(messages=2, days=7)], suppressed=["a", "b"], budget=5),
        Policy(suppressed=[1, 2], caps=[FrequencyCap(messages=1, per="day", channel="sms")], catch_up="all"),
    )

    @pytest.mark.parametrize("value", VALUES)
    def test_round_trip(self, value):
        assert type(value).from_json(value.to_json()) == value

    def test_the_order_of_steps_and_shares_counts(self):
        steps = {"hello": Message(), "wait": Wait("1 day"), "later": Message(offer="5 %")}
        turned = dict(reversed(steps.items()))
        journey = Journey("x", entry="e", steps=steps)
        assert journey != Journey("x", entry="e", steps=turned)
        assert Split({"a": 0.3, "b": 0.7}) != Split({"b": 0.7, "a": 0.3})
        sorted_keys = json.dumps(json.loads(journey.to_json()), sort_keys=True)  # as a store of JSON may give it back
        assert list(Journey.from_json(sorted_keys).steps) == ["hello", "wait", "later"]
        assert hash(journey) == hash(Journey("x", entry="e", steps=dict(steps)))
        twice = journey.to_json().replace('["later"', '["hello"')
        with pytest.raises(InputError, match="`text`"):
            Journey.from_json(twice)

    def test_written_by_hand(self):
        text = """{"kind": "Journey", "name": "hello", "entry": "registered", "steps": {
            "wait": {"kind": "Wait", "duration": "1 hour"},
            "hello": {"kind": "Message", "offer": "5 %"}}}"""
        steps = {"wait": Wait("1 hour"), "hello": Message(offer="5 %")}
        assert Journey.from_json(text) == Journey("hello", entry="registered", steps=steps)
        cascade = (
            '{"kind": "Cascade", "offers": ["5 %", {"kind": "Offer", "percent": 7}, "a gift"], "repeat_last": true}'
        )
        assert Cascade.from_json(cascade) == Cascade(offers=["5 %", Offer(percent=7), "a gift"], repeat_last=True)
        visit = (
            '{"kind": "TriggerJourney", "name": "x", "event": "visit", "unless": "purchase", "offer": {"percent": 5}}'
        )
        assert TriggerJourney.from_json(visit) == TriggerJourney(
            "x", event="visit", unless="purchase", offer=Offer(percent=5)
        )
        for wrong in ("now", "today", "2024", 5, "2024-05-01T10:00Z"):
            with pytest.raises(InputError):
                Journey.from_json(json.dumps({**json.loads(ONBOARDING.to_json()), "starts": wrong}))

    @pytest.mark.parametrize("value", VALUES)
    @pytest.mark.parametrize("wrong", ["", "[]", "1", "null", '{"kind": "Plan"}', "{}", b"\xff"])
    def test_rejections(self, value, wrong):
        with pytest.raises(InputError) as caught:
            type(value).from_json(wrong)
        assert caught.value.name == "text"

    @pytest.mark.parametrize("value", VALUES)
    def test_unknown_and_wrong_fields(self, value):
        fields = json.loads(value.to_json())
        for changed in ({**fields, "colour": "red"}, {**fields, "kind": "Message"}, {**fields, "priority": "high"}):
            with pytest.raises(InputError):
                type(value).from_json(json.dumps(changed))

    @pytest.mark.parametrize("step", [{"kind": "Policy"}, {"kind": "Jump"}, {}, "message", None, 1, []])
    def test_unknown_steps(self, step):
        text = json.dumps(
            {"kind": "Journey", "name": "x", "entry": "e", "steps": {"a": step, "b": {"kind": "Message"}}}
        )
        with pytest.raises(InputError):
            Journey.from_json(text)


class TestCustomersAndEvents:
    """Customers and events compare by value, cannot be changed, and events can be joined."""

    @pytest.mark.parametrize(
        "given",
        [
            (("nonsense",), [0, 0]),
            *((("UTC",), place) for place in ([0, 5], [-1, 0], [0.5, 0.0], ["a", "b"], [None, 0])),
            ((1,), [0, 0]),
        ],
    )
    def test_zones_with_places_are_checked(self, given):
        made = Customers(customer=[1, 2], time_zone=["UTC", "Europe/Kyiv"])
        assert attrs.evolve(made) == made == Customers(customer=[1, 2], time_zone=made.time_zone)
        with pytest.raises(InputError, match="`time_zone` must be"):
            Customers(customer=[1, 2], time_zone=(given[0], np.array(given[1])))

    @pytest.mark.parametrize(
        "given",
        [
            [True, False, True],
            [1, 0, 1],
            [1.0, 0.0, 1.0],
            [True, 0, 1.0],
            np.array([1, 0, 1], dtype=np.int8),
            np.array([True, False, True], dtype=object),
            pd.Series([1, 0, 1], dtype="Int64"),
            pd.Series([True, False, True], dtype="boolean"),
            pl.Series([True, False, True]),
            pa.array([1, 0, 1]),
        ],
    )
    def test_consent_is_true_or_false_or_one_or_zero(self, given):
        base = Customers(customer=[1, 2, 3], consent={"email": given}, segments={"best": given})
        for flags in (base.consent["email", "*"], base.segments["best"]):
            assert flags.dtype == bool
            assert flags.tolist() == [True, False, True]

    @pytest.mark.parametrize(
        "given",
        [
            [True, None, True],
            [1, float("nan"), None],
            np.array([1.0, np.nan, 0.0]),
            pd.Series([True, None, True]),
            pd.Series([1, None, 0]),
            pd.Series([True, None, True], dtype="boolean"),
            pl.Series([True, None, False]),
            pa.array([1, None, 0]),
        ],
    )
    def test_missing_consent_raises_with_its_row(self, given):
        with pytest.raises(InputError, match=r"not missing.*who has not answered has not agreed") as caught:
            Customers(customer=[1, 2, 3], consent={"email": given})
        assert caught.value.index == 1
        assert caught.value.name == "consent['email']"

    @pytest.mark.parametrize("given", [[True, "yes", False], [1, 2, 0], [1, -1, 0], [0, 0.5, 1]])
    def test_what_is_no_consent_raises_with_its_row(self, given):
        with pytest.raises(InputError, match="True or False") as caught:
            Customers(customer=[1, 2, 3], consent={"email": given})
        assert caught.value.index == 1

    def make(self, **changes):
        given = {
            "customer": ["a", "b"],
            "dates": {"birthday": ["1990-01-01", None]},
            "segments": {"vip": [True, False]},
            "attributes": {"city": ["Kyiv", None]},
            "consent": {"email": [True, True]},
            "time_zone": ["Europe/Kyiv", "UTC"],
        }
        return Customers(**{**given, **changes})

    @pytest.mark.parametrize(
        "change",
        [
            {"customer": ["a", "c"]},
            {"dates": {"birthday": ["1990-01-01", "1990-01-01"]}},
            {"dates": {}},
            {"segments": {"vip": [True, True]}},
            {"attributes": {"city": ["Kyiv", "Lviv"]}},
            {"attributes": {"town": ["Kyiv", None]}},
            {"consent": {("email", "news"): [True, True]}},
            {"time_zone": "UTC"},
        ],
    )
    def test_compare_by_value(self, change):
        assert self.make() == self.make()
        assert copy.deepcopy(self.make()) == self.make()
        assert self.make() != self.make(**change)

    def test_consent_is_said_once(self):
        with pytest.raises(InputError, match="consent"):
            self.make(consent={"email": [True, True], ("email", "*"): [False, False]})

    def test_a_base_too_large_for_one_plan(self):
        with mock.patch("crmvalue._journeys.data.MOST_CUSTOMERS", 1), pytest.raises(InputError, match="in parts"):
            self.make()

    @pytest.mark.parametrize("hours", [{22, 6}, {22: 1, 6: 2}])
    def test_quiet_hours_have_an_order(self, hours):
        with pytest.raises(InputError, match="quiet_hours"):
            Policy(quiet_hours=hours)

    @pytest.mark.parametrize("name", ["dates", "segments", "attributes", "consent"])
    def test_mappings_cannot_be_changed(self, name):
        with pytest.raises(TypeError, match="cannot be changed"):
            getattr(self.make(), name)["other"] = [True, True]

    def test_evolve(self):
        assert attrs.evolve(self.make(), segments={"vip": [True, True]}).attributes == self.make().attributes

    def test_events(self):
        first = Events(customer=[2, 1], name=["cart", "purchase"], time=["2024-01-01T00:00", "2024-01-02T00:00"])
        second = Events(customer=[3], name=["a"], time=["2023-01-01T00:00"])
        both = Events(
            customer=[2, 1, 3],
            name=["cart", "purchase", "a"],
            time=["2024-01-01T00:00", "2024-01-02T00:00", "2023-01-01T00:00"],
        )
        assert first + second == both != second + first
        none = Events(customer=[], name=[], time=[])
        assert first + none == none + first == first
        with pytest.raises(InputError, match="one kind"):
            first + Events(customer=["x"], name=["a"], time=["2023-01-01T00:00"])


class TestHistory:
    """What was sent survives JSON and tables."""

    def test_round_trips(self):
        base, did = one([("registered", "2024-05-01T12:00")], segments={"vip": [True]}, attributes={"city": [None]})
        past = simulate_plan([ONBOARDING], base, did, Policy(), "2024-05-01", "2024-06-01").history()
        assert len(past) == 3
        assert MessageHistory.from_json(past.to_json()) == past
        assert MessageHistory(**past.to_columns()) == past
        assert MessageHistory.from_json(MessageHistory.empty().to_json()) == MessageHistory.empty()
        assert past.to_columns()["sent_at"].dtype == "datetime64[us]"

    @pytest.mark.parametrize("wrong", ["", "{}", "[]", '{"customer": [1]}', '{"customer": [1], "colour": ["red"]}'])
    def test_rejections(self, wrong):
        with pytest.raises(InputError) as caught:
            MessageHistory.from_json(wrong)
        assert caught.value.name == "text"

    @pytest.mark.parametrize("name", ["sent_at", "anchor"])
    @pytest.mark.parametrize("wrong", ["now", 5, True, None, "NaT", "2024-01-01T10:00:00Z"])
    def test_no_clock_and_no_number_is_a_moment(self, name, wrong):
        base, did = one([("registered", "2024-05-01T12:00")], segments={"vip": [True]}, attributes={"city": [None]})
        past = simulate_plan([ONBOARDING], base, did, Policy(), "2024-05-01", "2024-06-01").history()
        fields = json.loads(past.to_json())
        fields[name][0] = wrong
        with pytest.raises(InputError):
            MessageHistory.from_json(json.dumps(fields))

    def test_a_budget_counts_what_the_day_has_sent(self):
        n = 30
        base = Customers(customer=np.arange(n), consent={"email": np.ones(n, dtype=bool)})
        did = Events(customer=np.arange(n), name=["e"] * n, time=["2024-05-01T23:00"] * 10 + ["2024-05-01T12:00"] * 20)
        journey, policy = Journey("x", entry="e", steps={"a": Message()}), Policy(budget=8, quiet_hours=(22, 6))
        first = plan([journey], base, did, None, policy, "2024-05-01")
        days, counts = np.unique(first.history().sent_at.astype("datetime64[D]"), return_counts=True)
        assert (days.astype(str).tolist(), counts.tolist()) == (["2024-05-01", "2024-05-02"], [8, 8])
        again = plan([journey], base, did, first.history(), policy, "2024-05-01")
        assert again.n_by_decision == {"duplicate": 16, "over budget": 14}
        more = plan([journey], base, did, first.history(), attrs.evolve(policy, budget=10), "2024-05-01")
        assert more.n_by_decision["send"] == 4


class TestFirstRunOfACascade:
    """With nothing in the history, `plan` gives the latest step to everybody; later runs wait for the next step."""

    def test_a_first_run_at_month_twenty_sends_month_eighteen(self):
        base = Customers(customer=[1], dates={"last_purchase": ["2023-01-31"]}, consent={"email": [True]})
        cascade = Cascade(offers=["5 %", "7 %", "9 %", "11 %"], repeat_last=True)
        first = plan([cascade], base, None, None, Policy(), "2024-09-30")
        assert (first.step.tolist(), first.offer.tolist(), first.decision.tolist()) == (
            ["month 18"],
            ["11 %"],
            ["send"],
        )
        limited = plan([attrs.evolve(cascade, catch_up_days=3)], base, None, None, Policy(), "2024-09-30")
        assert len(limited) == 0
        again = plan([cascade], base, None, first.history(), Policy(), "2024-09-30")
        assert "send" not in again.decision

    def test_who_comes_late_into_a_cascade_that_runs_waits_for_the_next_step(self):
        dates = {"last_purchase": ["2023-01-31", "2023-12-31"]}
        both = Customers(customer=[1, 2], dates=dates, consent={"email": [True, True]})
        past = plan([Cascade()], both, None, None, Policy(), "2024-09-30").history()
        kept = MessageHistory(**{f.name: getattr(past, f.name)[past.customer == 2] for f in attrs.fields(type(past))})
        assert plan([Cascade()], both, None, kept, Policy(), "2024-09-30").customer.tolist() == [2]


class TestManySteps:
    """The work for each message of a day does not grow with the square of the steps."""

    @pytest.mark.parametrize("if_unsent", ["stop", "go on"])
    @pytest.mark.parametrize("channel", ["email", "sms"])  # without consent to the second
    def test_fifty_messages_without_waits(self, if_unsent, channel):
        n = 50
        steps = {f"m{i}": Message(channels=channel, if_unsent=if_unsent) for i in range(n)}
        journey = Journey("j", entry="came", steps=steps)
        customers = Customers(customer=[1], consent={"email": [True], "sms": [False]})
        came = Events(customer=[1], name=["came"], time=["2024-05-01T10:00"])
        n_done, made = n_calls(lambda: plan([journey], customers, came, None, Policy(), "2024-05-01"))
        assert n_done < 2_000_000  # were more than 10,000,000
        if channel == "email":
            assert made.decision.tolist() == ["send"] * n
            assert made.step.tolist() == [*steps]
        else:
            assert made.decision.tolist() == ["no consent"] * (1 if if_unsent == "stop" else n)

    def test_many_branches(self):
        steps = {}
        for i in range(50):
            steps[f"b{i}"] = Branch("vip", then=f"m{i}", otherwise=f"b{i + 1}" if i < 49 else "end")
            steps[f"m{i}"] = Message(then=f"b{i + 1}" if i < 49 else "end")
        customers = Customers(customer=[1], consent={"email": [True]}, segments={"vip": [True]})
        came = Events(customer=[1], name=["came"], time=["2024-05-01T10:00"])
        journey = Journey("j", entry="came", steps=steps)
        n_done, made = n_calls(lambda: plan([journey], customers, came, None, Policy(), "2024-05-01"))
        assert n_done < 2_000_000  # were 35,000,000
        assert made.decision.tolist() == ["send"] * 50
