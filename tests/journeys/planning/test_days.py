"""Plans of many days: what journeys keep from one day to the next changes no answer."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue._journeys import context
from crmvalue._journeys.kinds import cascade
from crmvalue._journeys.planning import checks
from crmvalue.journeys import (
    Branch,
    Cascade,
    Customers,
    Events,
    FrequencyCap,
    Journey,
    Message,
    MessageHistory,
    Plan,
    Policy,
    TriggerJourney,
    Wait,
    WaitFor,
    plan,
    simulate_plan,
)

START = datetime(2024, 3, 25)  # the clocks of Kyiv change on the 31st

JOURNEY = Journey(
    "x",
    entry="e",
    steps={
        "hello": Message(channels=["sms", "email"], valid_days=2),
        "answer": WaitFor("opened", at_most="2 days", otherwise="again"),
        "thanks": Message(if_unsent="go on", then="who"),
        "again": Message(channels="sms", if_unsent="go on"),
        "hours": Wait("5 hours"),
        "who": Branch("vip", then="call", otherwise="pause"),
        "call": Message(channels="email", then="end"),
        "pause": Wait("1 day at 03:30"),
        "last": Message(valid_days=1),
    },
    goals="buy",
    exits="bye",
)

events = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(["e", "e", "e", "opened", "buy", "bye"]),
        st.integers(-4 * 24, 14 * 24).map(lambda hours: START + timedelta(hours=hours)),
    ),
    min_size=1,
    max_size=25,
)
policies = st.builds(
    Policy,
    quiet_hours=st.sampled_from([None, (22, 8)]),
    caps=st.sampled_from([(), (FrequencyCap(messages=1, days=2),)]),
    budget=st.sampled_from([None, 1]),
    catch_up=st.sampled_from(["latest", "all", "skip"]),
    send_hour=st.sampled_from([None, 7]),
)


def base(vip, consent=(True, False, True)):
    return Customers(
        customer=[1, 2, 3],
        segments={"vip": vip},
        consent={"email": [True, True, True], "sms": list(consent)},
        time_zone=["Europe/Kyiv", "UTC", "America/New_York"],
    )


def day_by_day(journey, customers, did, history, policy, start, n_days):
    """Plan each day by itself; each knows what the days before it have sent, and nothing else."""
    parts, past = [], history
    for day in range(n_days):
        parts.append(plan([journey], customers, did, past, policy, start + day))
        past = past + parts[-1].history()
    return parts


class TestDaysTogether:
    """A plan of several days is the plans of its days, one after the other."""

    @pytest.mark.slow
    @settings(max_examples=25)
    @given(
        log=events,
        policy=policies,
        vip=st.tuples(*[st.booleans()] * 3),
        reentry=st.sampled_from(["never", "after exit", "always", "3 days"]),
        catch_up_days=st.sampled_from([0, 1, 3]),
        was_vip=st.none() | st.tuples(*[st.booleans()] * 3),
    )
    def test_equal_to_each_day_by_itself(self, log, policy, vip, reentry, catch_up_days, was_vip):
        journey = attrs.evolve(JOURNEY, reentry=reentry, catch_up_days=catch_up_days)
        who, names, times = zip(*log, strict=True)
        did, start, past = (
            Events(customer=who, name=names, time=times),
            np.datetime64(START, "D"),
            MessageHistory.empty(),
        )
        if was_vip is not None:  # some are on a way that they would not take today
            past = plan([journey], base(was_vip), did, None, policy, start - 3, days=3).history()
        whole = simulate_plan([journey], base(vip), did, policy, start, start + 11, history=past)
        parts = day_by_day(journey, base(vip), did, past, policy, start, 12)
        for field in attrs.fields(Plan):
            if not field.name.startswith("n_"):
                joined = np.concatenate([getattr(part, field.name) for part in parts])
                assert getattr(whole, field.name).tolist() == joined.tolist()

    def test_the_work_of_a_day_does_not_grow(self, monkeypatch):
        """Each day looks at the steps of its last days, not at all steps since the entry."""
        steps = {}
        for i in range(60):
            steps |= {f"message {i}": Message(), f"wait {i}": Wait("2 days")}
        looked, leave = [], Journey._leave
        monkeypatch.setattr(
            Journey, "_leave", lambda self, name, *rest: looked.append(name) or leave(self, name, *rest)
        )
        customers = Customers(customer=[1], consent={"email": [True]})
        did = Events(customer=[1], name=["e"], time=["2024-01-01T12:00"])
        journey = Journey("long", entry="e", steps=steps)
        made = simulate_plan([journey], customers, did, Policy(), "2024-01-01", "2024-05-01")
        assert made.n_by_decision == {"send": 60}
        assert len(looked) < 20 * 122

    def test_what_is_the_same_for_many_is_asked_once(self, monkeypatch):
        """A plan of 60 days of a million customers took twice as long."""
        dated, drawn = [], []
        months, draw = cascade.months_between, checks.stable_draw
        monkeypatch.setattr(cascade, "months_between", lambda day, end: dated.append(len(day)) or months(day, end))
        monkeypatch.setattr(checks, "stable_draw", lambda ids, salt: drawn.append(len(ids)) or draw(ids, salt))
        monkeypatch.setattr(Plan, "key", None)  # which only a journey that goes on within a day needs
        customers = Customers(
            customer=range(1_000),
            dates={"last_purchase": np.datetime64("2023-01-31") + np.arange(1_000) % 3},
            consent={"email": [True] * 1_000},
        )
        made = simulate_plan([Cascade()], customers, None, Policy(control_share=0.1), "2023-10-31", "2023-11-09")
        of_control = checks.stable_draw(customers.customer, Policy().salt) < 0.1
        assert made.n_by_decision == {"control group": of_control.sum(), "send": (~of_control).sum()}
        assert dated == [3] * 10
        assert sum(drawn[:-1]) < 1_000 + 10 * 300  # each customer once, and those of the control group again
        plan([Cascade()], customers, None, None, Policy(), "2023-10-31")
        assert len(drawn) == 1 + 10  # nothing is drawn without a control group

    def test_events_are_sorted_once(self, monkeypatch):
        """Sorting them for each day took a third of the time of a plan of many days."""
        matched, rows_among = [], context.rows_among
        monkeypatch.setattr(context, "rows_among", lambda *asked: matched.append(asked[1]) or rows_among(*asked))
        did = Events(customer=[3, 1, 9], name=["cart"] * 3, time=["2024-03-27T23:30", "2024-03-25T10:00", START])
        made = simulate_plan([TriggerJourney.abandoned_cart()], base((False,) * 3), did, Policy(), START, "2024-03-29")
        assert [known.tolist() for known in matched] == [[1, 3, 9]]
        assert made.customer[made.decision == "send"].tolist() == [1, 3]
        assert made.n_unknown_events == 1


def test_a_run_that_comes_once_goes_on_after_its_message_and_a_missed_message_keeps_its_hour():
    """Where nobody enters again, the run whose message was sent is that one run; 12 o'clock is not quiet."""
    base = Customers(customer=[1], consent={"email": [True]})
    did = Events(customer=[1], name=["visit"], time=["2024-05-30T12:00"])
    steps = {"first": Message(), "pause": Wait("1 day"), "second": Message()}
    journey = Journey("hello", entry="visit", steps=steps, reentry="never")
    made = plan([journey], base, did, None, Policy(quiet_hours=(22, 6)), "2024-05-31", days=2)
    sent = made.decision == "send"
    assert made.step[sent].tolist() == ["first", "second"]
    assert made.send_time[sent].astype(str).tolist() == ["2024-05-31T12:00:00", "2024-06-01T12:00:00"]


def test_who_enters_later_gets_the_first_message_and_what_was_sent_stays_in_sight():
    """Each message is looked at on the day it is due and on the days of catching up; the others came before them."""
    entered = {2: 0, 1: 1, 3: 2}  # customer and day
    base = Customers(customer=[1, 2, 3], consent={"email": [True] * 3})
    did = Events(customer=[*entered], name=["e"] * 3, time=[f"2024-05-0{day + 1}T10:00" for day in entered.values()])
    journey = Journey("j", entry="e", steps={"hello": Message(), "pause": Wait("1 day"), "last": Message()})
    made = plan([journey], base, did, None, Policy(), "2024-05-01", days=4)
    days = (made.run - np.datetime64("2024-05-01")).astype(int).tolist()
    found = zip(days, made.customer.tolist(), made.step.tolist(), made.decision.tolist(), strict=True)
    assert sorted(found) == sorted(
        (day, customer, step, "send" if day == start + wait else "duplicate")
        for customer, start in entered.items()
        for step, wait in (("hello", 0), ("last", 1))
        for day in range(start + wait, 4)
    )
