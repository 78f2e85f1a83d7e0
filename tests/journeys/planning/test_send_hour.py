"""The hour of sending: of a message, a journey or a policy; "best" for that of each customer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.journeys import (
    BirthdayJourney,
    Cascade,
    Customers,
    Events,
    InstalledItems,
    Journey,
    Message,
    Policy,
    ServiceCycle,
    TriggerJourney,
    Wait,
    best_send_hours,
    plan,
    simulate_plan,
)
from tests.journeys.references import instant_of

N = 3
BASE = {
    "customer": list(range(N)),
    "dates": {"birthday": ["1990-06-07"] * N, "last_purchase": ["2023-08-31"] * N},
    "consent": {"email": [True] * N},
}
CART = Events(customer=range(N), name=["e"] * N, time=["2024-05-31T12:30"] * N)
HOURS = [8, 13, 23]
NEXT = ["2024-06-01T08:00:00", "2024-05-31T13:00:00", "2024-05-31T23:00:00"]
SAME_DAY = ["2024-05-31T08:00:00", "2024-05-31T13:00:00", "2024-05-31T23:00:00"]
AT_ONCE = ["2024-05-31T12:30:00"] * N


def of_a_day(**hour):
    items = InstalledItems(customer=range(N), last_service=["2023-06-14"] * N, interval_months=12)
    return [
        BirthdayJourney("b", **hour),
        Cascade(**hour),
        ServiceCycle(items=items, purpose="marketing", **hour),
    ]


def of_a_moment(**hour):
    return [
        TriggerJourney("t", event="e", **hour),
        Journey("j", entry="e", steps={"m": Message()}, **hour),
        Journey("j", entry="e", steps={"m": Message(**hour)}),
    ]


def times(journey, policy, hours=HOURS):
    """Give the planned time of each customer, and the time of sending."""
    made = simulate_plan([journey], Customers(**BASE, send_hour=hours), CART, policy, "2024-05-31", "2024-06-01")
    last = np.nonzero(made.is_last_look)[0]
    last = last[np.argsort(made.customer[last])]
    made = {name: column[last] for name, column in made.to_columns().items()}
    assert made["customer"].tolist() == list(range(N))
    assert set(made["decision"].tolist()) == {"send"}
    return tuple(made[name].astype("datetime64[s]").astype(str).tolist() for name in ("planned", "send_time"))


class TestSendHour:
    """Messages of a day go out at the hour on their day; messages due at a moment wait until the clock shows it."""

    @pytest.mark.parametrize("journey", of_a_day(send_hour="best"))
    def test_best_hour_of_a_day(self, journey):
        assert times(journey, Policy()) == (SAME_DAY, SAME_DAY)
        assert type(journey).from_json(journey.to_json()) == journey

    @pytest.mark.parametrize("journey", of_a_moment(send_hour="best"))
    def test_best_hour_after_a_moment(self, journey):
        assert times(journey, Policy()) == (NEXT, NEXT)
        assert type(journey).from_json(journey.to_json()) == journey

    def test_the_policy_holds_where_the_journey_says_nothing(self):
        policy = Policy(send_hour="best")
        assert Policy.from_json(policy.to_json()) == policy
        for journey in of_a_day():
            assert times(journey, policy) == (SAME_DAY, SAME_DAY)
            assert times(journey, Policy())[0] == ["2024-05-31T10:00:00"] * N
        for journey in of_a_day(send_hour=15):
            assert times(journey, policy)[0] == ["2024-05-31T15:00:00"] * N
        for journey in of_a_moment():
            assert times(journey, policy) == (NEXT, NEXT)
            assert times(journey, Policy())[0] == AT_ONCE
        for journey in of_a_moment(send_hour=12):
            assert times(journey, policy)[0] == ["2024-06-01T12:00:00"] * N
        for journey in of_a_moment(send_hour="any"):
            assert times(journey, policy)[0] == AT_ONCE
        assert times(of_a_moment()[0], Policy(send_hour=13))[0] == ["2024-05-31T13:00:00"] * N

    def test_a_message_before_its_journey(self):
        steps = {"now": Message(send_hour="any"), "later": Message(), "noon": Message(send_hour=12)}
        journey = Journey("j", entry="e", steps=steps, send_hour="best")
        base = Customers(**BASE, send_hour=HOURS)
        made = simulate_plan([journey], base, CART, Policy(send_hour=5), "2024-05-31", "2024-06-04")
        made = {(c, s): str(t) for c, s, t in zip(made.customer, made.step, made.planned, strict=True)}
        assert made[0, "now"] == "2024-05-31T12:30:00"
        assert made[0, "later"] == "2024-06-01T08:00:00"
        assert made[0, "noon"] == "2024-06-01T12:00:00"
        assert made[2, "noon"] == "2024-06-01T12:00:00"

    def test_presets_that_go_at_once_wait_for_no_hour(self):
        assert [TriggerJourney.abandoned_cart().send_hour, TriggerJourney.welcome().send_hour] == ["any", "any"]
        assert TriggerJourney.welcome(send_hour="best").send_hour == "best"
        assert TriggerJourney.survey().send_hour is TriggerJourney.no_second_purchase().send_hour is None

    def test_quiet_hours_hold(self):
        policy = Policy(quiet_hours=(22, 9), send_hour="best")
        out = ["2024-06-01T09:00:00", "2024-05-31T13:00:00", "2024-06-01T09:00:00"]
        for journey in of_a_moment():
            assert times(journey, policy) == (NEXT, out)
        out[0] = "2024-05-31T09:00:00"
        for journey in of_a_day():
            assert times(journey, policy) == (SAME_DAY, out)

    def test_who_opened_nothing_gets_the_hour_of_everybody(self):
        opened = best_send_hours([0] * 30 + [1] * 30, ["2024-05-01T18:10"] * 30 + ["2024-05-01T13:10"] * 30)
        hours = opened.of(range(N))
        assert hours.tolist() == [18, 13, opened.base_hour]
        assert times(of_a_moment()[0], Policy(send_hour="best"), hours)[0][2] == f"2024-05-31T{opened.base_hour}:00:00"

    @pytest.mark.parametrize("journey", [*of_a_day(send_hour="best"), *of_a_moment(send_hour="best")])
    def test_without_hours_it_is_said(self, journey):
        with pytest.raises(InputError, match=r"send_hour.*best_send_hours") as caught:
            plan([journey], Customers(**BASE), CART, None, Policy(), "2024-05-31")
        assert caught.value.name == "customers"

    def test_a_missed_message_goes_out_at_its_hour(self):
        base = Customers(**BASE, send_hour=HOURS)
        for journey in of_a_moment(send_hour="best"):
            made = plan([journey], base, CART, None, Policy(), "2024-06-02")
            hours = made.send_time.astype("datetime64[h]").astype(np.int64) % 24
            assert hours.tolist() == HOURS
            assert set(made.send_time.astype("datetime64[D]").astype(str).tolist()) == {"2024-06-02"}

    @given(
        zone=st.sampled_from(["UTC", "Europe/Kyiv", "America/New_York", "Australia/Lord_Howe", "America/St_Johns"]),
        day=st.sampled_from(["2010-03-13", "2010-04-04", "2010-10-31", "2010-11-06", "2010-11-07", "2024-05-31"]),
        minutes=st.integers(0, 2880),
        hour=st.integers(0, 23),
    )
    def test_it_is_the_next_time_the_clock_shows_the_hour(self, zone, day, minutes, hour):
        """Python's own clocks: of the days around, the first instant at the hour that is not before the event."""
        clock = ZoneInfo(zone)
        instant = instant_of(datetime.fromisoformat(day) + timedelta(minutes=minutes), clock)
        local = instant.astimezone(clock).replace(tzinfo=None)
        dates = [local.replace(hour=hour, minute=0) + timedelta(days=days) for days in (0, 1, 2)]
        wanted = next(at for at in (instant_of(date, clock) for date in dates) if at >= instant)
        base = Customers(customer=[1], consent={"email": [True]}, time_zone=zone)
        did = Events(customer=[1], name=["e"], time=[local])
        first = np.datetime64(local.date()) - 1
        for journey in (of_a_moment(send_hour=hour)[0], of_a_moment()[1]):
            made = plan([journey], base, did, None, Policy(send_hour=hour), first, days=5)
            sent = made.send_time_utc[made.decision == "send"].tolist()
            assert [moment.replace(tzinfo=UTC) for moment in sent] == [wanted]

    def test_runs_know_the_hour(self):
        journey = Journey("j", entry="e", steps={"m": Message(), "w": Wait("1 hour"), "n": Message()}, goals="buy")
        base = Customers(**BASE, send_hour=HOURS)
        runs = journey.runs(base, CART, "2024-05-31", send_hour="best")
        assert runs.step.tolist() == ["m", "n", "w"]
        assert runs.outcome.tolist() == ["running"] * 3
        made = simulate_plan([journey], base, CART, Policy(send_hour="best"), "2024-05-31", "2024-06-05")
        ended = journey.runs(base, CART, "2024-06-05", history=made.history(), send_hour="best")
        assert ended.outcome.tolist() == ["finished"] * 3
        assert sorted(ended.ended.tolist()) == sorted(made.history().sent_at[made.history().step == "n"].tolist())

    @pytest.mark.parametrize("wrong", [24, -1, 9.5, "noon", True])
    def test_rejections(self, wrong):
        for make in (
            lambda: Policy(send_hour=wrong),
            lambda: of_a_day(send_hour=wrong),
            lambda: TriggerJourney("t", event="e", send_hour=wrong),
            lambda: Message(send_hour=wrong),
            lambda: Journey("j", entry="e", steps={"m": Message()}, send_hour=wrong),
            lambda: of_a_moment()[1].runs(Customers(**BASE), CART, "2024-05-31", send_hour=wrong),
        ):
            with pytest.raises(InputError) as caught:
                make()
            assert caught.value.name == "send_hour"
        for make in (lambda: Policy(send_hour="any"), lambda: of_a_day(send_hour="any")):
            with pytest.raises(InputError, match="best"):
                make()
