"""The planner against slow rules of its own: clocks, caps, consent, order, duplicates, and what it refuses."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import Counter
from functools import lru_cache
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crmvalue._journeys.context import Candidates
from crmvalue._journeys.moments import NEVER, at_hour
from crmvalue._journeys.planning.planner import _require_different
from crmvalue.errors import DataWarning, InputError
from crmvalue.journeys import (
    BirthdayJourney,
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
    WaitFor,
    explain,
    plan,
    simulate_plan,
)
from tests.work import times_longer

DAY = np.timedelta64(1, "D")
TODAY = np.datetime64("2024-05-31")


def one(**fields):
    """Give a customer who may be written to by e-mail."""
    return Customers(**{"customer": [1], "consent": {"email": [True]}, **fields})


def trigger(name="visit", **fields):
    return TriggerJourney(name, **{"event": "visit", "cool_down_days": 0, **fields})


def visits(*times, customer=1, name="visit"):
    return Events(customer=[customer] * len(times), name=[name] * len(times), time=times)


def sent(made):
    """Give who is sent what, when and where, in an order of its own."""
    columns = (made.key, made.journey, made.send_time_utc, made.channel, made.offer)
    rows = zip(*(column.tolist() for column in columns), made.decision.tolist(), strict=True)
    return sorted(row[:-1] for row in rows if row[-1] == "send")


class TestBirthdays:
    """Sent 7 days before, valid to the end of the 7th day after, one for each birthday year."""

    @pytest.mark.parametrize(
        ("born", "start", "leap_day", "sent_on", "valid_to"),
        [
            ("1990-01-03", "2024-12-20", "backward", "2024-12-27", "2025-01-10"),
            ("1990-12-31", "2025-12-10", "backward", "2025-12-24", "2026-01-07"),
            ("1990-03-05", "2025-02-20", "backward", "2025-02-26", "2025-03-12"),
            ("1990-03-05", "2024-02-20", "backward", "2024-02-27", "2024-03-12"),
            ("1992-02-29", "2025-02-15", "backward", "2025-02-21", "2025-03-07"),
            ("1992-02-29", "2025-02-15", "forward", "2025-02-22", "2025-03-08"),
            ("1992-02-29", "2024-02-15", "backward", "2024-02-22", "2024-03-07"),
            ("1992-02-29", "2024-02-15", "forward", "2024-02-22", "2024-03-07"),
            ("1992-02-29", "2024-02-15", "skip", "2024-02-22", "2024-03-07"),
            ("1992-02-29", "2025-02-15", "skip", None, None),
        ],
    )
    def test_published_days_in_daily_runs(self, born, start, leap_day, sent_on, valid_to):
        base = one(dates={"birthday": [born]})
        made = plan([BirthdayJourney("b", leap_day=leap_day)], base, None, None, Policy(), start, days=20)
        ours = made.decision == "send"
        assert made.send_time[ours].astype(str).tolist() == [f"{sent_on}T10:00:00"] * (sent_on is not None)
        assert made.expires[ours].astype(str).tolist() == [f"{valid_to}T23:59:59"] * (sent_on is not None)

    def test_the_birthday_year_is_that_of_the_day_itself(self):
        base = one(dates={"birthday": ["1990-01-03"]})
        made = plan([BirthdayJourney("b")], base, None, None, Policy(), "2024-12-27")
        assert made.anchor.astype("datetime64[Y]").astype(str).tolist() == ["2025"]

    def test_a_date_that_is_corrected_meanwhile_brings_no_second_message(self):
        journeys = [BirthdayJourney("b"), BirthdayJourney("leap", leap_day="forward", segment="vip", priority=1)]
        first = plan(
            journeys,
            one(dates={"birthday": ["1992-02-29"]}, segments={"vip": [False]}),
            None,
            None,
            Policy(),
            "2025-02-21",
        )
        for born in ("1992-03-01", "1992-02-29"):  # and as a VIP they would celebrate on 1 March
            base = one(dates={"birthday": [born]}, segments={"vip": [True]})
            again = plan(journeys, base, None, first.history(), Policy(), "2025-02-22")
            assert set(again.decision.tolist()) == {"duplicate"}

    @pytest.mark.parametrize(("days_late", "decisions"), [(3, ["send"]), (4, [])])
    def test_a_missed_run_is_caught_up_until_the_limit(self, days_late, decisions):
        base = one(dates={"birthday": ["1990-06-07"]})
        made = plan([BirthdayJourney("b", catch_up_days=3)], base, None, None, Policy(), TODAY + days_late)
        assert made.decision.tolist() == decisions
        assert (made.send_time.astype("datetime64[D]") == TODAY + days_late).all()

    def test_the_day_of_birth_is_no_anniversary(self):
        base = one(dates={"registered": ["2024-05-31"]})
        journey = BirthdayJourney("r", date="registered", days_before=0)
        assert len(plan([journey], base, None, None, Policy(), "2024-05-31")) == 0
        assert len(plan([journey], base, None, None, Policy(), "2025-05-31")) == 1


CHANGES = [
    ("Europe/Kyiv", "2024-03-31"),
    ("Europe/Kyiv", "2024-10-27"),
    ("America/New_York", "2024-03-10"),
    ("America/New_York", "2024-11-03"),
    ("Australia/Lord_Howe", "2024-10-06"),
    ("Australia/Lord_Howe", "2024-04-07"),
]


@lru_cache
def clock(zone, day):
    """Read a zone's clock every ten minutes from the day before the change to two days after: (UTC, local)."""
    start = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC) - dt.timedelta(days=2)
    instants = [start + dt.timedelta(minutes=10 * i) for i in range(6 * 24 * 6)]
    return [(utc.replace(tzinfo=None), utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for utc in instants]


def is_quiet(moment, hours):
    start, end = hours
    return start <= moment.hour < end if start < end else moment.hour >= start or moment.hour < end


class TestClocks:
    """A message goes out at the first instant whose local time is not before the planned one and not quiet."""

    @pytest.mark.parametrize("as_of", ["9999-12-31", "0001-01-01"])
    def test_the_ends_of_the_calendar_are_refused(self, as_of):
        with pytest.raises(InputError, match="`as_of`"):
            plan([trigger()], one(), visits("2024-05-31"), None, Policy(), as_of)

    @given(
        st.sampled_from(CHANGES),
        st.integers(0, 24 * 6 - 1),
        st.none() | st.tuples(st.integers(0, 23), st.integers(0, 23)).filter(lambda hours: hours[0] != hours[1]),
    )
    @example(("Europe/Kyiv", "2024-03-31"), 3 * 6 + 3, (4, 6))  # skipped by the clock, right into quiet hours
    @example(("Europe/Kyiv", "2024-03-31"), 0, (22, 3))  # quiet until an hour that does not exist
    @example(("Australia/Lord_Howe", "2024-10-06"), 2 * 6, (22, 2))
    @example(("America/New_York", "2024-11-03"), 6, None)  # the hour that comes twice
    @settings(max_examples=60)
    def test_over_both_changes(self, change, step, hours):
        zone, day = change
        planned = dt.datetime.fromisoformat(day) + dt.timedelta(minutes=10 * step)
        utc, local = next(
            (utc, local)
            for utc, local in clock(zone, day)
            if local >= planned and not (hours and is_quiet(local, hours))
        )
        base = one(time_zone=zone)
        made = plan([trigger(valid_days=9)], base, visits(planned), None, Policy(quiet_hours=hours), day)
        assert made.decision.tolist() == ["send"]
        assert made.send_time_utc.tolist() == [utc]
        assert made.send_time.tolist() == [local]

    @pytest.mark.parametrize(
        ("planned", "sent_at"),
        [
            ("2024-05-31T05:30", "2024-05-31T06:00:00"),
            ("2024-05-31T05:59:59", "2024-05-31T06:00:00"),
            ("2024-05-31T06:00", "2024-05-31T06:00:00"),
            ("2024-05-31T21:59:59", "2024-05-31T21:59:59"),
            ("2024-05-31T22:00", "2024-06-01T06:00:00"),
            ("2024-05-31T00:00", "2024-05-31T06:00:00"),
        ],
    )
    def test_quiet_from_22_to_6(self, planned, sent_at):
        made = plan([trigger()], one(), visits(planned), None, Policy(quiet_hours=(22, 6)), TODAY)
        assert made.send_time.astype(str).tolist() == [sent_at]

    def test_a_message_that_is_over_when_the_quiet_hours_end_is_not_sent(self):
        journey = BirthdayJourney("b", days_before=0, valid_days_after=0, send_hour=23)
        base = one(dates={"birthday": ["1990-05-31"]})
        made = plan([journey], base, None, None, Policy(quiet_hours=(22, 6)), TODAY)
        assert made.decision.tolist() == ["expired"]


N = 8
VISITS = st.lists(
    st.tuples(st.integers(0, N - 1), st.sampled_from(["visit", "cart", "purchase"]), st.integers(0, 8 * 24 * 4)),
    max_size=25,
)
CAP = st.builds(
    lambda messages, window, channel: FrequencyCap(messages=messages, channel=channel, **window),
    st.integers(1, 3),
    st.integers(1, 9).map(lambda days: {"days": days})
    | st.sampled_from(["day", "week", "month"]).map(lambda p: {"per": p}),
    st.sampled_from([None, "email", "sms"]),
)
JOURNEYS = [
    Cascade(offers=["5 %", "7 %"], repeat_last=True, channels=("sms", "email"), catch_up_days=40),
    BirthdayJourney("birthday", catch_up_days=4),
    BirthdayJourney("gift", segment="vip", priority=0, catch_up_days=4),
    trigger(channels=("email", "sms"), catch_up_days=5, valid_days=6),
    TriggerJourney.abandoned_cart(channels=("sms",), priority=3),
    trigger("receipt", event="purchase", exempt=True, purpose="service"),
    trigger("again", event="visit", wait_hours=30, priority=0, once=True),
]


def base_of(order=range(N)):
    who = np.array(order)
    return Customers(
        customer=[f"c{i}" for i in who],
        dates={
            "last_purchase": TODAY - (240 + 30 * who) * DAY,
            "birthday": np.datetime64("1990-06-05") + who * DAY,
        },
        segments={"vip": who % 2 == 0},
        consent={"email": who % 3 > 0, ("sms", "marketing"): who % 4 < 2, ("email", "service"): who >= 0},
        time_zone=[CHANGES[i % 3 * 2][0] for i in who],
    )


def events_of(acts, order=None):
    if not acts:
        return None
    acts = acts if order is None else [acts[i] for i in order]
    who, names, quarters = zip(*acts, strict=True)
    times = (TODAY - 3 * DAY).astype("datetime64[m]") + 15 * np.array(quarters)
    return Events(customer=[f"c{i}" for i in who], name=names, time=times)


def period(cap, day):
    if cap.per == "month":
        return day.year, day.month
    return day - dt.timedelta(days=day.weekday()) if cap.per == "week" else day


def most_in_window(cap, times):
    """Count the messages in the fullest window of a cap."""
    if cap.per is not None:
        return max(Counter(period(cap, time.date()) for time in times).values(), default=0)
    length = dt.timedelta(days=cap.days)
    return max((sum(start <= time < start + length for time in times) for start in times), default=0)


def is_full_around(cap, times, moment):
    """Whether no further message at a moment fits between the messages on both sides of it."""
    if cap.per is not None:
        near = [time for time in times if period(cap, time.date()) == period(cap, moment.date())]
    else:
        near = [time for time in times if abs(time - moment) < dt.timedelta(days=cap.days)]
    return len(near) >= cap.messages


class TestCaps:
    """No window of a cap holds more than its messages; exempt ones neither count nor are held back."""

    @given(VISITS, st.lists(CAP, min_size=1, max_size=3), st.sampled_from([None, (22, 6), (10, 12)]))
    @settings(max_examples=50)
    def test_none_is_exceeded_and_none_holds_back_without_need(self, acts, caps, hours):
        base = base_of()
        made = plan(JOURNEYS, base, events_of(acts), None, Policy(caps=caps, quiet_hours=hours), TODAY, days=5)
        is_sent = made.decision == "send"
        assert not ((made.decision == "capped") & (made.journey == "receipt")).any()
        assert (made.counted == (made.journey != "receipt")).all()
        for customer in set(made.customer.tolist()):
            mine = (made.customer == customer) & is_sent & made.counted
            times = {
                channel: made.send_time[mine & ((made.channel == channel) | (channel is None))].tolist()
                for channel in (None, "email", "sms")
            }
            for cap in caps:
                assert most_in_window(cap, times[cap.channel]) <= cap.messages
            for i in np.nonzero((made.customer == customer) & (made.decision == "capped"))[0]:
                for channel in ("email", "sms"):
                    assert any(
                        cap.channel in (None, channel)
                        and is_full_around(cap, times[cap.channel], made.send_time[i].tolist())
                        for cap in caps
                    ) or not may_use(base, made, i, channel)

    def test_a_full_channel_leaves_the_other(self):
        base = one(consent={"email": [True], "sms": [True]})
        policy = Policy(caps=[FrequencyCap(messages=1, per="day", channel="email")])
        events = visits("2024-05-31T10:00", "2024-05-31T11:00", "2024-05-31T12:00")
        made = plan([trigger(channels=("email", "sms"))], base, events, None, policy, TODAY)
        assert made.channel.tolist() == ["email", "sms", "sms"]

    @pytest.mark.parametrize(
        ("cap", "times", "expected"),
        [
            (FrequencyCap(messages=1, days=7), ["05-20T10:00", "05-27T09:59", "05-27T10:00"], [1, 0, 1]),
            (
                FrequencyCap(messages=1, per="week"),
                ["05-26T23:59", "05-27T00:00", "06-02T23:59", "06-03T00:00"],
                [1, 1, 0, 1],
            ),
            (FrequencyCap(messages=1, per="month"), ["05-01T00:00", "05-31T23:59", "06-01T00:00"], [1, 0, 1]),
            (
                FrequencyCap(messages=2, per="day"),
                ["05-20T00:00", "05-20T01:00", "05-20T23:59", "05-21T00:00"],
                [1, 1, 0, 1],
            ),
        ],
    )
    def test_the_edges_of_windows(self, cap, times, expected):
        """27 May 2024 is a Monday."""
        times = [f"2024-{time}" for time in times]
        made = simulate_plan(
            [trigger(catch_up_days=0)], one(), visits(*times), Policy(caps=[cap]), "2024-05-01", "2024-06-05"
        )
        assert (made.decision == "send").tolist() == [bool(one_sent) for one_sent in expected]

    @pytest.mark.parametrize("per", ["day", "week"])
    def test_a_later_message_that_was_decided_first_counts_in_its_own_window(self, per):
        """26 May 2024 is a Sunday. The one at 23:00 goes out on Monday and is decided first."""
        journeys = [trigger(priority=1), trigger("cart", event="cart", priority=0)]
        events = visits("2024-05-26T23:00") + visits("2024-05-26T10:00", name="cart")
        policy = Policy(caps=[FrequencyCap(messages=1, per=per)], quiet_hours=(22, 6))
        made = plan(journeys, one(), events, None, policy, "2024-05-26")
        assert made.n_by_decision == {"send": 2}
        held = plan(
            journeys, one(), events, None, attrs.evolve(policy, caps=[FrequencyCap(messages=1, days=1)]), "2024-05-26"
        )
        assert held.n_by_decision == {"send": 1, "capped": 1}


def may_use(base, made, i, channel):
    """Whether a journey of the caps' property may write to a customer on a channel at all."""
    journey = next(journey for journey in JOURNEYS if journey.name == made.journey[i])
    row = base.customer.tolist().index(made.customer[i])
    consent = base.consent.get((channel, journey.purpose), base.consent.get((channel, "*")))
    return channel in journey.channels and bool(consent[row])


class TestWholePlans:
    """Twice the same, never twice the same message, whatever the order of anything."""

    @given(VISITS, st.permutations(range(N)), st.permutations(JOURNEYS), st.randoms(use_true_random=False))
    @settings(max_examples=50)
    def test_no_order_matters(self, acts, order, journeys, random):
        policy = Policy(budget=6, caps=[FrequencyCap(messages=1, days=2)], quiet_hours=(22, 6), control_share=0.2)
        first = plan(JOURNEYS, base_of(), events_of(acts), None, policy, TODAY, days=3)
        shuffled = random.sample(range(len(acts)), len(acts))
        second = plan(journeys, base_of(order), events_of(acts, shuffled), None, policy, TODAY, days=3)
        assert second == first

    @pytest.mark.slow
    @given(VISITS)
    @example([(0, "visit", 0), (0, "cart", 180), (1, "visit", 0), (2, "visit", 0)])
    @settings(max_examples=20)
    def test_history_is_enough_and_no_key_is_sent_twice(self, acts):
        policy, base, events = Policy(quiet_hours=(22, 6), budget=9), base_of(), events_of([*acts, *acts[:3]])
        whole = plan(JOURNEYS, base, events, None, policy, TODAY, days=7)
        assert len(sent(whole)) == len({row[0] for row in sent(whole)})
        past, parts = MessageHistory.empty(), []
        for day in range(7):
            made = plan(JOURNEYS, base, events, past, policy, TODAY + day)
            assert Plan.from_json(made.to_json()) == made
            assert plan(JOURNEYS, base, events, past, policy, TODAY + day) == made
            past = past + made.history()
            parts += sent(made)
            again = plan(JOURNEYS, base, events, past, attrs.evolve(policy, budget=None), TODAY + day)
            assert not {row[0] for row in sent(again)} & {row[0] for row in parts}
        assert sorted(parts) == sent(whole)
        days = whole.send_time[whole.decision == "send"].astype("datetime64[D]")
        assert max(Counter(days.tolist()).values(), default=0) <= 9
        assert (whole.reason != "").all()

    @pytest.mark.slow
    @given(VISITS)
    @settings(max_examples=50)
    def test_a_purchase_silences_the_cascade_until_its_first_month_comes_again(self, acts):
        made = plan(JOURNEYS, base_of(), events_of(acts), None, Policy(), TODAY - 3, days=10)
        ours = (made.journey == "win-back") & (made.decision == "send")
        for who, name, quarters in acts:
            if name == "purchase":
                bought = TODAY - 3 + quarters // 96
                assert (made.run[ours & (made.customer == f"c{who}")] < bought).all()

    def test_the_same_event_given_twice_is_sent_once(self):
        made = plan([trigger()], one(), visits("2024-05-31T10:00", "2024-05-31T10:00"), None, Policy(), TODAY)
        assert made.n_by_decision == {"duplicate": 1, "send": 1}

    def test_equal_priority_falls_to_the_name(self):
        base = one(dates={"birthday": ["1990-06-07"]})
        for names in (["a", "b"], ["b", "a"]):
            made = plan([BirthdayJourney(name) for name in names], base, None, None, Policy(), TODAY)
            assert made.journey[made.decision == "send"].tolist() == ["a"]

    @pytest.mark.parametrize(
        ("catch_up", "expected"),
        [("latest", ["missed", "missed", "send"]), ("all", ["send"] * 3), ("skip", ["missed", "missed", "send"])],
    )
    def test_what_earlier_runs_have_missed(self, catch_up, expected):
        events = visits("2024-05-29T09:00", "2024-05-30T09:00", "2024-05-31T09:00")
        made = plan([trigger()], one(), events, None, Policy(catch_up=catch_up), TODAY)
        assert made.decision.tolist() == expected
        assert (made.send_time == np.datetime64("2024-05-31T09:00")).all()

    def test_catching_up_on_yesterday_or_not(self):
        for catch_up, expected in (("latest", "send"), ("skip", "missed")):
            made = plan([trigger()], one(), visits("2024-05-30T09:00"), None, Policy(catch_up=catch_up), TODAY)
            assert made.decision.tolist() == [expected]

    def test_what_a_run_left_out_a_second_run_of_the_day_does_not_send(self):
        """The later message is a duplicate then, and still the latest."""
        events = visits("2024-05-30T09:00", "2024-05-31T09:00")
        first = plan([trigger()], one(), events, None, Policy(), TODAY)
        assert first.decision.tolist() == ["missed", "send"]
        made = plan([trigger()], one(), events, first.history(), Policy(), TODAY)
        assert made.decision.tolist() == ["missed", "duplicate"]

    def test_what_is_late_goes_at_the_end_of_the_quiet_hours_of_the_day(self):
        """And not at those of the next night."""
        events = visits("2024-05-30T23:00")
        made = plan([trigger()], one(), events, None, Policy(quiet_hours=(22, 6)), TODAY)
        assert made.send_time.astype(str).tolist() == ["2024-05-31T06:00:00"]

    def test_a_day_that_counts_itself(self):
        base = one(dates={"contract_end": ["2024-06-07"]})
        for day_itself in (True, False):
            journey = BirthdayJourney("renewal", date="contract_end", day_itself=day_itself)
            assert len(plan([journey], base, None, None, Policy(), TODAY)) == day_itself

    def test_an_expired_message_is_not_the_latest(self):
        steps = {
            "fork": WaitFor("opened", at_most="1 minute", then="short", otherwise="long"),
            "long": Message(valid_days=30, then="end"),
            "short": Message(valid_days=1),
        }
        journey = Journey("x", entry="visit", steps=steps, reentry="always")
        events = visits("2024-05-28T09:00", "2024-05-28T10:00") + visits("2024-05-28T10:00:30", name="opened")
        made = plan([journey], one(), events, None, Policy(), TODAY)
        decided = dict(zip(made.step.tolist(), made.decision.tolist(), strict=True))
        assert decided == {"long": "send", "short": "expired"}

    def test_the_next_midnight_belongs_to_the_next_run(self):
        journeys, events = [trigger(wait_hours=1)], visits("2024-05-31T22:59:59", "2024-05-31T23:00")
        for day, expected in ((TODAY, ["2024-05-31T23:59:59"]), (TODAY + 1, ["2024-06-01T00:00:00"])):
            made = plan(journeys, one(), events, None, Policy(), day)
            assert made.planned[made.decision == "send"].astype(str).tolist() == expected


class TestWhoIsWrittenTo:
    """Consent by channel and purpose, suppression, control group, budget."""

    @pytest.mark.parametrize(
        ("consent", "channel"),
        [
            ({"email": [True], "sms": [True]}, "sms"),
            ({"email": [True], "sms": [False]}, "email"),
            ({"email": [True]}, "email"),
            ({"email": [False], "sms": [False]}, ""),
            ({}, ""),
            ({"sms": [True], ("sms", "marketing"): [False], "email": [True]}, "email"),
            ({("sms", "service"): [True], ("email", "marketing"): [True]}, "email"),
            ({("sms", "service"): [True]}, ""),
            ({"push": [True]}, ""),
        ],
    )
    def test_consent_and_the_channel_to_fall_back_on(self, consent, channel):
        base = one(consent=consent)
        made = plan([trigger(channels=("sms", "email"))], base, visits("2024-05-31T10:00"), None, Policy(), TODAY)
        assert made.channel.tolist() == [channel]
        assert made.decision.tolist() == ["send" if channel else "no consent"]

    def test_the_control_group_is_of_its_share_and_stays(self):
        def control(customers, day, **fields):
            base = Customers(
                customer=customers,
                dates={"birthday": ["1990-06-07"] * len(customers)},
                consent={"email": np.ones(len(customers), dtype=bool)},
            )
            made = plan([BirthdayJourney("b")], base, None, None, Policy(**{"control_share": 0.05, **fields}), day)
            return set(made.customer[made.decision == "control group"].tolist())

        everybody = [f"id {i}" for i in range(8_000)]
        group = control(everybody, TODAY)
        assert abs(len(group) - 400) < 5 * (8_000 * 0.05 * 0.95) ** 0.5
        assert control(everybody[::-2], TODAY + 1) == group & {*everybody[::-2]}
        assert group < control(everybody, TODAY, control_share=0.1)
        other = control(everybody, TODAY, salt="another")
        assert len(group & other) < 60  # 20 by chance
        assert control(everybody, TODAY, control_share=0) == set()
        assert control(everybody, TODAY, control_share=1) == {*everybody}

    def test_a_budget_goes_to_the_most_important(self):
        base = Customers(customer=range(20), consent={"email": [True] * 20})
        events = Events(customer=[*range(20)] * 2, name=["visit"] * 20 + ["cart"] * 20, time=["2024-05-31T10:00"] * 40)
        journeys = [trigger(), trigger("cart", event="cart", priority=1)]
        for budget, n_visits in ((0, 0), (7, 0), (25, 5), (50, 20)):
            made = plan(journeys, base, events, None, Policy(budget=budget), TODAY)
            ours = made.decision == "send"
            assert int(ours.sum()) == min(budget, 40)
            assert int((ours & (made.journey == "visit")).sum()) == n_visits
            assert set(made.decision[~ours].tolist()) <= {"over budget"}

    def test_suppressed_customers_are_not_written_to(self):
        base = Customers(customer=["a", "b"], consent={"email": [True, True]})
        events = Events(customer=["a", "b"], name=["visit"] * 2, time=["2024-05-31T10:00"] * 2)
        made = plan([trigger(exempt=True)], base, events, None, Policy(suppressed=["b", "z"]), TODAY)
        assert made.decision.tolist() == ["send", "suppressed"]

    def test_the_order_of_the_checks(self):
        """Of several reasons the first in the stated order is given."""
        base = one(dates={"birthday": ["1990-06-07"]}, consent={})
        journeys = [BirthdayJourney("b")]
        history = plan(journeys, one(dates=base.dates), None, None, Policy(), TODAY).history()
        everything = Policy(suppressed=[1], control_share=1.0, budget=0)
        assert plan(journeys, base, None, history, everything, TODAY).decision.tolist() == ["duplicate"]
        assert plan(journeys, base, None, None, everything, TODAY).decision.tolist() == ["suppressed"]
        late = plan(journeys, base, None, None, attrs.evolve(everything, catch_up="skip"), TODAY + 1)
        assert late.decision.tolist() == ["missed"]
        hidden = attrs.evolve(everything, suppressed=[])
        assert plan(journeys, base, None, None, hidden, TODAY).decision.tolist() == ["control group"]
        plain = attrs.evolve(hidden, control_share=0.0)
        assert plan(journeys, base, None, None, plain, TODAY).decision.tolist() == ["no consent"]
        assert plan(journeys, one(dates=base.dates), None, None, plain, TODAY).decision.tolist() == ["over budget"]


class TestTriggers:
    """A message after an event, unless another came meanwhile; with cool-down, or once in a life."""

    @pytest.mark.parametrize(
        ("bought", "decision"),
        [
            ("2024-05-31T09:59", "send"),  # before the cart
            ("2024-05-31T10:30", "exited"),
            ("2024-05-31T11:00", "exited"),  # at the moment of sending
            ("2024-05-31T11:01", "send"),
        ],
    )
    def test_an_abandoned_cart(self, bought, decision):
        events = Events(customer=[1, 1], name=["cart", "purchase"], time=["2024-05-31T10:00", bought])
        made = plan([TriggerJourney.abandoned_cart()], one(), events, None, Policy(), TODAY)
        assert made.decision.tolist() == [decision]

    def test_the_second_purchase_that_does_not_come(self):
        events = Events(
            customer=[1, 1], name=["first purchase", "purchase"], time=["2024-05-01T10:00", "2024-05-01T10:00"]
        )
        made = plan([TriggerJourney.no_second_purchase(30)], one(), events, None, Policy(), TODAY)
        assert made.send_time.astype(str).tolist() == ["2024-05-31T10:00:00"]
        assert made.decision.tolist() == ["send"]

    def test_what_one_customer_missed_does_not_depend_on_the_others(self):
        journeys = [trigger("a", event="a"), trigger("b", event="b")]
        base = Customers(customer=[1, 2, 3], consent={"email": [True] * 3})
        events = Events(
            customer=[1, 2, 3, 3],
            name=["b", "b", "a", "b"],
            time=["2024-05-30T10:00", "2024-05-31T09:00", "2024-05-31T10:00", "2024-05-31T11:00"],
        )
        made = plan(journeys, base, events, None, Policy(), TODAY)
        assert made.decision[made.customer == 1].tolist() == ["send"]  # its only one, a day late
        assert made.n_by_decision == {"send": 4}

    def test_a_cool_down_of_a_day(self):
        events = visits("2024-05-31T10:00", "2024-05-31T15:00")
        made = plan([trigger(cool_down_days=1)], one(), events, None, Policy(), TODAY)
        assert made.n_by_decision == {"send": 1, "cool-down": 1}
        assert plan([trigger()], one(), events, None, Policy(), TODAY).n_by_decision == {"send": 2}

    def test_cool_down_and_once(self):
        events = visits("2024-05-01T10:00", "2024-05-07T10:00", "2024-05-08T10:00")
        for fields, days in (({"cool_down_days": 7}, [1, 8]), ({"once": True}, [1]), ({}, [1, 7, 8])):
            made = simulate_plan([trigger(**fields)], one(), events, Policy(), "2024-05-01", "2024-05-20")
            assert [row[2].day for row in sent(made)] == days

    def test_what_the_documentation_says_of_the_usual_journeys(self):
        cart, welcome = TriggerJourney.abandoned_cart(), TriggerJourney.welcome()
        second, survey = TriggerJourney.no_second_purchase(), TriggerJourney.survey()
        assert (cart.wait_hours, cart.cool_down_days, cart.valid_days, cart.once, cart.exempt) == (
            1,
            7,
            3,
            False,
            False,
        )
        assert (welcome.wait_hours, welcome.wait_days, welcome.once) == (0, 0, True)
        assert (second.wait_days, second.once, survey.wait_days, survey.cool_down_days) == (30, True, 7, 90)

    def test_the_ends_of_what_is_permitted(self):
        for days in (1, 3660):
            assert TriggerJourney.survey(days).wait_days == TriggerJourney.no_second_purchase(days).wait_days == days
            trigger(wait_hours=24 * days, wait_days=days, valid_days=days, cool_down_days=days, catch_up_days=days)
        trigger(wait_hours=0, wait_days=0, cool_down_days=0, catch_up_days=0)
        for name in ("wait_hours", "wait_days", "valid_days", "cool_down_days", "catch_up_days"):
            with pytest.raises(InputError, match=name):
                trigger(**{name: 24 * 3660 + 1 if name == "wait_hours" else 3661})
        for make in (TriggerJourney.survey, TriggerJourney.no_second_purchase):
            with pytest.raises(InputError, match="`days`"):
                make(3661)
        with pytest.raises(TypeError):
            TriggerJourney("visit", "visit")

    @pytest.mark.parametrize("wait", [{"wait_hours": 240.0}, {"wait_days": 10}])
    def test_midnight_belongs_to_the_day_that_it_begins(self, wait):
        """The oldest message that is looked at was due at midnight `catch_up_days` days ago."""
        days = [str(day) for day in range(20, 24)]
        events = visits(*(f"2024-05-{day}T00:00" for day in days))
        made = plan([trigger(catch_up_days=1, **wait)], one(), events, None, Policy(catch_up="all"), TODAY)
        assert made.planned.astype(str).tolist() == ["2024-05-30T00:00:00", "2024-05-31T00:00:00"]
        assert made.expires.astype(str).tolist() == ["2024-06-02T00:00:00", "2024-06-03T00:00:00"]
        assert made.version.tolist() == [0, 0]  # a kind without versions


class TestSeveralCarts:
    """The first purchase ends all carts; without a purchase, the cool-down leaves one reminder."""

    CARTS = Events(customer=[1, 1], name=["cart"] * 2, time=["2024-05-31T10:00", "2024-05-31T11:00"])

    @pytest.mark.parametrize(
        ("bought", "decisions"),
        [
            (None, ["send", "cool-down"]),
            ("2024-05-31T10:30", ["exited", "send"]),
            ("2024-05-31T10:59", ["exited", "send"]),
            ("2024-05-31T11:01", ["send", "exited"]),
            ("2024-05-31T11:00:01", ["send", "exited"]),
        ],
    )
    def test_decisions(self, bought, decisions):
        events = self.CARTS if bought is None else self.CARTS + visits(bought, name="purchase")
        made = plan([TriggerJourney.abandoned_cart()], one(), events, None, Policy(), TODAY)
        assert made.decision.tolist() == decisions

    def test_one_purchase_ends_both(self):
        events = self.CARTS + visits("2024-05-31T11:30", name="purchase")
        made = plan([TriggerJourney.abandoned_cart(wait_hours=2)], one(), events, None, Policy(), TODAY)
        assert made.decision.tolist() == ["exited", "exited"]


@attrs.frozen(kw_only=True)
class Newsletter:
    """A kind of journey that the package does not know: a letter to everybody on some weekday."""

    weekday: int  # Monday is 0
    name: str = "newsletter"
    version: int = 0
    group: str = "letters"
    shares_group: bool = False
    segment: str | None = None
    priority: int = 0
    purpose: str = "marketing"
    channels: tuple[str, ...] = ("email",)
    exempt: bool = False
    cool_down_days: int = 0
    once: bool = False

    def candidates(self, context):
        n = len(context.customers) if context.today.astype(object).weekday() == self.weekday else 0
        day = np.full(n, context.today)
        return Candidates(
            np.arange(n), np.zeros(n, dtype=np.int64), ("letter",), day.astype("datetime64[s]"), at_hour(day, 9),
            at_hour(day, 20), np.full(n, NEVER), (None,),
        )  # fmt: skip


@attrs.frozen(kw_only=True)
class TwoLetters(Newsletter):
    """Two letters on one day: the second, some hours later, is about another day."""

    labels: tuple[str, str] = ("letter", "second letter")
    apart: int = 2

    def candidates(self, context):
        first = super().candidates(context)
        n, day = len(first.row), np.timedelta64(1, "D")
        pairs = {name: np.concatenate([getattr(first, name)] * 2) for name in ("row", "expires", "exited")}
        return first._replace(
            **pairs,
            step=np.repeat([0, 1], n),
            labels=self.labels,
            anchor=np.concatenate([first.anchor, first.anchor + day]),
            planned=np.concatenate([first.planned, first.planned + np.timedelta64(self.apart, "h")]),
            offers=(None, None),
        )


class TestNewKinds:
    """A class with the members of `JourneyKind` is planned like the kinds of the package."""

    FRIDAY = 4  # as TODAY is

    def test_is_planned_under_all_rules(self):
        base = Customers(customer=[1, 2, 3], consent={"email": [True, False, True]}, segments={"vip": [True] * 3})
        events = Events(customer=[1, 3], name=["visit"] * 2, time=["2024-05-31T08:00"] * 2)
        policy = Policy(suppressed=[3], caps=[FrequencyCap(messages=1, per="day")])
        journeys = [Newsletter(weekday=self.FRIDAY, segment="vip", priority=1), trigger()]
        made = plan(journeys, base, events, None, policy, TODAY)
        rows = zip(made.customer.tolist(), made.journey.tolist(), made.decision.tolist(), strict=True)
        assert sorted(rows) == [
            (1, "newsletter", "send"),
            (1, "visit", "capped"),
            (2, "newsletter", "no consent"),
            (3, "newsletter", "suppressed"),
            (3, "visit", "suppressed"),
        ]
        assert made.send_time[made.decision == "send"].astype(str).tolist() == ["2024-05-31T09:00:00"]
        again = plan(journeys, base, events, made.history(), policy, TODAY)
        assert "send" not in again.n_by_decision

    def test_an_outranked_message_begins_no_cool_down(self):
        """The first message about an anchor goes to the journey that ranks higher; the second one is its own."""
        pair = TwoLetters(weekday=self.FRIDAY, name="pair", cool_down_days=7, shares_group=True)
        winner = Newsletter(weekday=self.FRIDAY, priority=1, shares_group=True)
        made = plan([pair, winner], one(), None, None, Policy(), TODAY)
        decided = dict(zip(zip(made.journey.tolist(), made.step.tolist(), strict=True), made.decision, strict=True))
        assert decided == {
            ("newsletter", "letter"): "send",
            ("pair", "letter"): "outranked",
            ("pair", "second letter"): "send",
        }

    def test_another_journey_does_not_change_which_of_two_letters_of_one_moment_goes_first(self):
        pair = TwoLetters(weekday=self.FRIDAY, name="pair", cool_down_days=7, apart=0)
        other = TwoLetters(
            weekday=self.FRIDAY, name="another", group="others", segment="nobody", labels=("second letter", "letter")
        )
        base = Customers(customer=[1], consent={"email": [True]}, segments={"nobody": [False]})
        for journeys in ([pair], [pair, other]):
            made = plan(journeys, base, None, None, Policy(), TODAY)
            assert made.step[made.decision == "send"].tolist() == ["letter"]

    def test_has_a_cool_down_and_comes_once_and_is_outranked(self):
        letter = Newsletter(weekday=self.FRIDAY)
        for days, n in ((0, 4), (7, 4), (8, 2), (15, 2), (22, 1)):  # of four Fridays
            made = plan([attrs.evolve(letter, cool_down_days=days)], one(), None, None, Policy(), TODAY, days=28)
            assert made.n_by_decision["send"] == n
        made = plan([attrs.evolve(letter, once=True)], one(), None, None, Policy(), TODAY, days=28)
        assert made.n_by_decision == {"send": 1, "cool-down": 3}
        two = [attrs.evolve(letter, shares_group=True), attrs.evolve(letter, shares_group=True, version=1, priority=1)]
        made = plan(two, one(), None, None, Policy(), TODAY)
        assert made.decision.tolist() == ["send", "outranked"]

    @pytest.mark.parametrize("wrong", [Newsletter, BirthdayJourney, object(), None])
    def test_what_is_no_journey_is_told_what_it_lacks(self, wrong):
        with pytest.raises(InputError, match=r"it has no name, .*candidates") as caught:
            plan([trigger(), wrong], one(), None, None, Policy(), TODAY)
        assert caught.value.name == "journeys"

    @pytest.mark.parametrize(
        "member",
        [
            {"channels": "email"},
            {"channels": ()},
            {"channels": ("email", 5)},
            {"channels": None},
            {"name": 5},
            {"group": ""},
            {"purpose": None},
            {"segment": 5},
            {"version": "1"},
            {"version": -1},
            {"priority": math.nan},
            {"priority": -(2**53) - 2},
            {"cool_down_days": -1},
            {"once": 1},
            {"exempt": "no"},
            {"shares_group": None},
        ],
    )
    def test_members_are_checked(self, member):
        with pytest.raises(InputError) as caught:
            plan([Newsletter(weekday=self.FRIDAY, **member)], one(), None, None, Policy(), TODAY)
        assert caught.value.name in member

    def test_a_kind_may_have_nothing_to_say(self):
        class Silent(Newsletter):
            def candidates(self, context):
                found = super().candidates(context)
                columns = ("row", "step", "anchor", "planned", "expires", "exited")
                return found._replace(labels=(), offers=(), **{name: getattr(found, name)[:0] for name in columns})

        made = plan([Silent(weekday=self.FRIDAY)], one(), None, None, Policy(), TODAY)
        assert {len(column) for column in made.to_columns().values()} == {0}
        assert made.step.shape == (0,)

    def test_any_whole_number_is_a_priority(self):
        for priority in (-(2**53), -108, 0, 2**53 - 1):
            assert (
                len(plan([Newsletter(weekday=self.FRIDAY, priority=priority)], one(), None, None, Policy(), TODAY)) == 1
            )

    @pytest.mark.parametrize(
        "change",
        [
            {"row": [0]},
            {"row": np.array([7])},
            {"row": np.array([-1])},
            {"step": np.array([1])},
            {"step": np.array([0.0])},
            {"planned": np.array(["2024-05-31"])},
            {"expires": np.zeros(2, dtype="datetime64[s]")},
            {"expires": np.array(["NaT"], dtype="datetime64[s]")},
            {"planned": np.array(["NaT"], dtype="datetime64[s]")},
            {"offers": ()},
            {"channels": ("email",)},
            {"channels": (("email",), None)},
            {"goes_on": np.array([1])},
        ],
    )
    def test_candidates_are_checked(self, change):
        class Careless(Newsletter):
            def candidates(self, context):
                return super().candidates(context)._replace(**change)

        with pytest.raises(InputError) as caught:
            plan([Careless(weekday=self.FRIDAY)], one(), None, None, Policy(), TODAY)
        assert caught.value.name in {"candidates", "channels", *change}


class TestWhatIsKept:
    """A plan and its history survive JSON and lists."""

    @pytest.mark.parametrize("ids", [[1, 2], ["ann", "bob"], ["1", "2"], [-5, 2**70]])
    @pytest.mark.parametrize("day", [TODAY, TODAY + 40])
    def test_json_keeps_identifiers_and_emptiness(self, ids, day):
        base = Customers(customer=ids, dates={"birthday": ["1990-06-07"] * 2}, consent={"email": [True, False]})
        made = plan([BirthdayJourney("b")], base, None, None, Policy(suppressed=ids[1:]), day)
        assert len(made) == (2 if day == TODAY else 0)
        again = Plan.from_json(made.to_json())
        assert again == made
        assert again.customer.tolist() == made.customer.tolist()
        assert again.key.tolist() == made.key.tolist()

    @pytest.mark.parametrize("name", ["customer", "journey", "planned", "decision", "counted", "n_unknown_events"])
    @pytest.mark.parametrize("wrong", [None, 1.5, [], {}, "now"])
    def test_no_column_is_read_unchecked(self, name, wrong):
        fields = json.loads(plan([trigger()], one(), visits("2024-05-31T10:00"), None, Policy(), TODAY).to_json())
        if isinstance(fields[name], list):
            wrong = [5 if name in ("journey", "decision") and wrong == "now" else wrong]
        if name == "customer" and wrong == ["now"]:
            wrong = [" "]
        with pytest.raises(InputError) as caught:
            Plan.from_json(json.dumps({**fields, name: wrong}))
        assert caught.value.name == "text"

    def test_a_text_of_another_schema_is_named(self):
        made = plan([trigger()], one(), visits("2024-05-31T10:00"), None, Policy(), TODAY)
        for value in (made, made.history(), Policy(), trigger()):
            text = value.to_json().replace('"schema": 1', '"schema": 7')
            with pytest.raises(InputError, match="schema 1; got 7"):
                type(value).from_json(text)

    @pytest.mark.parametrize("text", ["", "[]", "{}", "5", '{"run": []}', "{]"])
    def test_other_texts_are_refused(self, text):
        with pytest.raises(InputError) as caught:
            Plan.from_json(text)
        assert caught.value.name == "text"

    def test_a_decision_that_is_none_is_refused(self):
        text = plan([trigger()], one(), visits("2024-05-31T10:00"), None, Policy(), TODAY).to_json()
        with pytest.raises(InputError, match="perhaps"):
            Plan.from_json(text.replace('"send"', '"perhaps"'))

    def test_a_history_of_lists_is_one_of_arrays(self):
        made = plan([trigger()], one(), visits("2024-05-31T10:00"), None, Policy(), TODAY)
        past = made.history()
        columns = {field.name: getattr(past, field.name) for field in attrs.fields(MessageHistory)}
        lists = {
            name: (column.astype(str) if column.dtype.kind == "M" else column).tolist()
            for name, column in columns.items()
        }
        assert MessageHistory(**lists) == past
        wrong = {"anchor": ["never"], "sent_at": [None], "counted": ["yes"], "channel": [5], "customer": [None]}
        for name, value in wrong.items():
            with pytest.raises(InputError) as caught:
                MessageHistory(**{**lists, name: value})
            assert caught.value.name == name

    def test_explanations(self):
        base = Customers(customer=["ann", "bob"], consent={"email": [True, False]})
        events = Events(customer=["ann", "bob"], name=["visit"] * 2, time=["2024-05-31T23:00"] * 2)
        made = plan([trigger()], base, events, None, Policy(quiet_hours=(22, 6)), TODAY)
        assert explain(made, "ann") == (
            "2024-05-31 visit, message: send on email at 2024-06-01T06:00:00 "
            "(the message is due; it goes out later than planned: after quiet hours, in contact hours, at the hour of "
            "sending, after a missed run or a clock change)"
        )
        later = Events(customer=["ann"], name=["visit"], time=["2026-05-31T12:00"])
        again = plan([trigger(once=True)], base, later, made.history(), Policy(), "2026-05-31")
        assert "may write only once" in explain(again, "ann")
        assert "no consent" in explain(made, "bob")
        assert explain(made, "eve") == "no message was due to eve"
        for wrong in (5, True):
            with pytest.raises(InputError, match="customer"):
                explain(made, wrong)


class TestRejections:
    """Bad input names its argument."""

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"journeys": []}, "journeys"),
            ({"journeys": "visit"}, "journeys"),
            ({"journeys": [5]}, "journeys"),
            ({"journeys": [trigger(), trigger()]}, "journeys"),
            ({"journeys": [BirthdayJourney("b"), trigger("anniversary of birthday")]}, "journeys"),
            ({"journeys": [trigger(segment="vip")]}, "customers"),
            ({"journeys": [BirthdayJourney("b")]}, "customers"),
            ({"customers": {"customer": [1]}}, "customers"),
            ({"events": "visit"}, "events"),
            ({"events": visits("2024-05-30", customer=2)}, "events"),
            ({"events": visits("2024-05-31", customer="1")}, "customer"),
            ({"history": "none"}, "history"),
            ({"policy": None}, "policy"),
            ({"policy": Policy(suppressed=["one"])}, "suppressed"),
            ({"as_of": "2024-02-30"}, "as_of"),
            ({"as_of": None}, "as_of"),
            ({"days": 0}, "days"),
            ({"days": 1.5}, "days"),
        ],
    )
    def test_of_a_plan(self, changes, name):
        arguments = {
            "journeys": [trigger()], "customers": one(), "events": None, "history": None, "policy": Policy(),
            "as_of": TODAY, **changes,
        }  # fmt: skip
        with pytest.raises(InputError) as caught:
            plan(**arguments)
        assert caught.value.name == name

    def test_a_purchase_after_the_day_of_the_run(self):
        """One order of 2203 stops a run: the row is named, and what to do."""
        base = one(customer=[1, 2], consent={}, dates={"last_purchase": ["2023-05-31", "2203-05-31"]})
        with pytest.raises(
            InputError, match=r"2203-05-31' at index 1\. Hint: correct it, take the last purchase until"
        ):
            plan([Cascade()], base, None, None, Policy(), TODAY)

    def test_of_customers_whom_nobody_knows(self):
        stranger = Customers(customer=[1, 2], consent={"email": [True, True]})
        history = plan([trigger()], stranger, visits("2024-05-31", customer=2), None, Policy(), TODAY).history()
        with pytest.raises(InputError) as caught:
            plan([trigger()], one(), None, history, Policy(), TODAY)
        assert caught.value.name == "history"
        events = visits("2024-05-31", "2024-05-31", customer=2)
        made = plan([trigger()], one(), events, history, Policy(unknown_customers="count"), TODAY, days=2)
        assert (len(made), made.n_unknown_events, made.n_unknown_messages) == (0, 2, 1)
        assert Plan.from_json(made.to_json()) == made

    def test_new_customers_never_stop_a_run(self):
        """Customers whose events all lie on the first day or later came after the list of customers was made."""
        base, policy, newcomer = one(), Policy(), visits("2024-05-31", "2024-06-02", customer=2)
        known = visits("2024-05-31")
        alone = plan([trigger()], base, known, None, policy, TODAY, days=4)
        made = plan([trigger()], base, known + newcomer, None, policy, TODAY, days=4)
        assert (alone.n_unknown_events, made.n_unknown_events) == (0, 2)
        assert attrs.evolve(made, n_unknown_events=0) == alone
        simulated = simulate_plan([trigger()], base, known + newcomer, policy, TODAY, "2024-06-03")
        assert simulated == made
        later = plan([trigger()], base, known + newcomer, None, policy, "2024-05-20", days=15)
        assert later.n_unknown_events == 2
        with pytest.raises(InputError, match=r"events.*got 2 at index 1.*count") as caught:
            plan([trigger()], base, known + newcomer, None, policy, "2024-06-01")
        assert caught.value.count == 1

    def test_new_customers_in_the_history(self):
        both = Customers(customer=[1, 2], consent={"email": [True, True]})
        history = plan([trigger()], both, visits("2024-05-31", customer=2), None, Policy(), TODAY).history()
        made = plan([trigger()], one(), visits("2024-05-30"), history, Policy(), "2024-05-30")
        assert (made.n_unknown_messages, made.n_by_decision) == (1, {"send": 1})
        again = plan([trigger()], one(), visits("2024-05-30"), made.history(), Policy(), "2024-05-31")
        assert again.n_unknown_messages == 0

    @pytest.mark.parametrize(("end", "name"), [("2024-05-30", "end"), ("2054-05-30", "end"), ("x", "end")])
    def test_of_a_simulation(self, end, name):
        with pytest.raises(InputError) as caught:
            simulate_plan([trigger()], one(), None, Policy(), TODAY, end)
        assert caught.value.name == name

    @pytest.mark.parametrize(("made", "customer", "name"), [("plan", 1, "made"), (None, [1, 2], "customer")])
    def test_of_an_explanation(self, made, customer, name):
        made = plan([trigger()], one(), None, None, Policy(), TODAY) if made is None else made
        with pytest.raises(InputError) as caught:
            explain(made, customer)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({}, "days"),
            ({"days": 7, "per": "day"}, "days"),
            ({"days": 0}, "days"),
            ({"days": 1.5}, "days"),
            ({"per": "year"}, "per"),
            ({"days": 7, "messages": 0}, "messages"),
            ({"days": 7, "channel": 5}, "channel"),
        ],
    )
    def test_of_caps(self, fields, name):
        with pytest.raises(InputError) as caught:
            FrequencyCap(**{"messages": 1, **fields})
        assert caught.value.name == name

    def test_days_of_a_cap_are_a_whole_number(self):
        """7.0 is one, and must not reach the planner as a float."""
        assert FrequencyCap(messages=1, days=7.0) == FrequencyCap(messages=1, days=7)
        assert isinstance(FrequencyCap(messages=1, days=7.0).days, int)

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"event": ""}, "event"),
            ({"wait_hours": -1}, "wait_hours"),
            ({"wait_hours": 1e99}, "wait_hours"),
            ({"wait_hours": np.nan}, "wait_hours"),
            ({"valid_days": 0}, "valid_days"),
            ({"unless": 5}, "unless"),
            ({"offer": 5}, "offer"),
            ({"segment": 5}, "segment"),
            ({"priority": 0.5}, "priority"),
            ({"channels": []}, "channels"),
            ({"once": "yes"}, "once"),
        ],
    )
    def test_of_triggers(self, fields, name):
        with pytest.raises(InputError) as caught:
            trigger(**fields)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"customer": [1]}, "customer"),
            ({"customer": [1, None]}, "customer"),
            ({"name": ["visit", ""]}, "name"),
            ({"name": ["visit", None]}, "name"),
            ({"time": ["2024-05-31", "2024-05-32"]}, "time"),
            ({"time": ["2024-05-31", None]}, "time"),
            ({"time": [dt.datetime(2024, 5, 31, tzinfo=dt.UTC)] * 2}, "time"),
        ],
    )
    def test_of_events(self, fields, name):
        with pytest.raises(InputError) as caught:
            Events(**{"customer": [1, 2], "name": ["visit"] * 2, "time": ["2024-05-31"] * 2, **fields})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"time_zone": "Europe/Atlantis"}, "time_zone"),
            ({"time_zone": ""}, "time_zone"),
            ({"time_zone": ["UTC"]}, "time_zone"),
            ({"dates": {"birthday": ["1990-01-01"]}}, "dates['birthday']"),
            ({"dates": {"birthday": ["1990-01-01", "soon"]}}, "dates['birthday']"),
            ({"dates": ["1990-01-01"]}, "dates"),
            ({"segments": {"vip": [2, 0]}}, "segments['vip']"),
            ({"consent": {("email", "a", "b"): [True, True]}}, "consent"),
            ({"consent": {"email": True}}, "consent['email']"),
            ({"customer": ["a", "a"]}, "customer"),
        ],
    )
    def test_of_customers(self, fields, name):
        with pytest.raises(InputError) as caught:
            Customers(**{"customer": [1, 2], **fields})
        assert caught.value.name == name


class TestNamesInAnotherSpelling:
    """A name that occurs in another spelling only is a slip of the pen; one that occurs in none is ordinary."""

    CARTS = visits("2024-05-31T10:00", name="cart")

    @pytest.mark.parametrize(
        ("run", "rest"), [(plan, (None, Policy(), TODAY)), (simulate_plan, (Policy(), TODAY, TODAY))]
    )
    def test_a_reminder_that_no_purchase_calls_off(self, run, rest):
        events = self.CARTS + visits("2024-05-31T10:30", "2024-05-31T10:40", name="Purchase")
        with pytest.warns(DataWarning, match="'purchase', which a journey looks for; .* named 'Purchase'") as caught:
            made = run([TriggerJourney.abandoned_cart()], one(), events, *rest)
        assert made.decision.tolist() == ["send"]
        assert [warning.message.count for warning in caught] == [2]
        assert caught[0].filename == __file__

    @pytest.mark.parametrize("name", ["First_Purchase", "FIRST PURCHASE", "first-purchase"])
    def test_no_entry(self, name):
        journey = Journey("hello", entry="first purchase", steps={"hello": Message()})
        with pytest.warns(DataWarning, match="'first purchase'") as caught:
            assert len(journey.runs(one(), visits("2024-05-31", name=name), TODAY)) == 0
        assert caught[0].filename == __file__

    @pytest.mark.parametrize("where", ["consent", "journey", "step", "history"])
    def test_a_cap_that_limits_nothing(self, where):
        hello = Message(channels="E-Mail") if where == "step" else Message()
        journey = Journey(
            "hello", entry="cart", steps={"hello": hello}, channels="E-Mail" if where == "journey" else "x"
        )
        base = one(consent={"E-Mail" if where == "consent" else "x": [True]})
        past = MessageHistory.from_log([1], ["old"], ["2024-05-01"], ["E-Mail" if where == "history" else "x"])
        caps = [FrequencyCap(messages=1, days=1, channel="e-mail"), FrequencyCap(messages=9, days=9, channel="e-mail")]
        with pytest.warns(DataWarning, match="'e-mail', which a cap limits; there is a channel 'E-Mail'") as caught:
            plan([journey], base, self.CARTS, past, Policy(caps=caps), TODAY)
        assert [warning.message.count for warning in caught] == [2]
        assert caught[0].filename == __file__

    def test_what_nobody_has_is_ordinary(self):
        """Both spellings may be in use, nobody has bought yet, and no journey of today uses a channel."""
        caps = [FrequencyCap(messages=1, days=1, channel=channel) for channel in ("sms", "email")]
        both = self.CARTS + visits("2024-05-01", name="Cart")
        made = plan([TriggerJourney.abandoned_cart()], one(), both, None, Policy(caps=caps), TODAY)
        assert made.decision.tolist() == ["send"]
        assert len(plan([TriggerJourney.welcome()], one(), self.CARTS, None, Policy(), TODAY)) == 0


@pytest.mark.parametrize(
    "journey",
    [
        TriggerJourney("anniversary of birthday", event="e"),
        Cascade(name="anniversary of birthday"),
    ],
)
def test_no_journey_has_the_name_of_a_group(journey):
    """The history knows a message by its group, so the two would take each other's messages for their own."""
    with pytest.raises(InputError, match="names that are no group of another one"):
        plan([BirthdayJourney("greeting"), journey], one(), None, None, Policy(), TODAY)


def test_two_of_many_journeys_with_one_name_are_found_at_once():
    """The time grew with the square: minutes for 100,000 names of which the last two were the same."""

    def refuse(n):
        with pytest.raises(InputError, match=f"different names; got {n}"):
            _require_different("with different names", [*range(n), n, n])

    assert times_longer(refuse, 200, 4000)[0] < 100  # 400 for all pairs


@pytest.mark.parametrize("kind", [TriggerJourney, BirthdayJourney])
def test_only_the_name_of_a_journey_goes_by_position(kind):
    """Of many settings, a reader of the call cannot tell which is which."""
    fields = [field.name for field in attrs.fields(kind) if field.init and not field.kw_only]
    assert fields == ["name"]
