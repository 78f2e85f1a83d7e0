"""Moments: what a wait takes over a change of the clocks, and what counts until a message is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue._core.calendar import local_to_utc
from crmvalue._core.encoding.customers import stable_draw
from crmvalue._journeys.zones import Clocks
from crmvalue.journeys import (
    BirthdayJourney,
    Cascade,
    Customers,
    Events,
    FrequencyCap,
    Journey,
    Message,
    Policy,
    TriggerJourney,
    Wait,
    WaitFor,
    plan,
    simulate_plan,
)
from tests.journeys.references import decide_one_by_one, instant_of, later_in_zone, send_day

CHANGES = [
    ("Europe/Kyiv", "2024-03-31"), ("Europe/Kyiv", "2024-10-27"), ("America/New_York", "2024-03-10"),
    ("America/New_York", "2024-11-03"), ("Australia/Lord_Howe", "2024-04-07"), ("Australia/Lord_Howe", "2024-10-06"),
    ("Antarctica/Troll", "2024-10-27"), ("America/St_Johns", "1988-10-30"),  # two hours; back over midnight
]  # fmt: skip
WAITS = (
    "1 minute", "90 minutes", "2 hours", "24 hours", "36 hours", "1 day", "1 day at 02:15", "next day at 03:30",
    "2 days at 01:45",
)  # fmt: skip
HALF_HOUR = timedelta(minutes=30)


def starts(day):
    """Local times, half an hour apart, from the day before a change of the clocks to the day after it."""
    first = datetime.fromisoformat(day) - timedelta(days=1)
    return [first + i * HALF_HOUR for i in range(3 * 48)]


def planned_utc(journey, times, zone, day, *, more=(), days=6):
    """Give the time of sending in UTC of each message, by customer and step; each customer enters at one time."""
    who = list(range(len(times)))
    base = Customers(customer=who, consent={"email": [True] * len(who)}, time_zone=zone)
    names, at = ["enter"] * len(who), list(times)
    for name, extra in more:
        who, names, at = who + list(range(len(times))), names + [name] * len(times), at + list(extra)
    events = Events(customer=who, name=names, time=at)
    made = plan([journey], base, events, None, Policy(), np.datetime64(day) - 1, days=days)
    sent = made.decision == "send"
    columns = (made.customer[sent].tolist(), made.step[sent].tolist(), made.send_time_utc[sent].tolist())
    return {(customer, step): time.replace(tzinfo=UTC) for customer, step, time in zip(*columns, strict=True)}


@pytest.mark.parametrize(("zone", "day"), CHANGES)
class TestWaitsOverAChangeOfTheClocks:
    """Minutes and hours are elapsed time; days keep the local time of day."""

    @pytest.mark.parametrize("words", WAITS)
    def test_wait(self, zone, day, words):
        journey = Journey("x", entry="enter", steps={"w": Wait(words), "m": Message()})
        found = planned_utc(journey, starts(day), zone, day)
        tz = ZoneInfo(zone)
        expected = {(i, "m"): later_in_zone(instant_of(start, tz), words, tz) for i, start in enumerate(starts(day))}
        assert found == expected

    @pytest.mark.parametrize("words", ["90 minutes", "26 hours", "1 day"])
    def test_wait_for_an_event(self, zone, day, words):
        steps = {"w": WaitFor("opened", at_most=words, then="came", otherwise="late"), "came": Message(then="end")}
        journey = Journey("x", entry="enter", steps={**steps, "late": Message()})
        opened = [start + timedelta(minutes=90) for start in starts(day)]
        found = planned_utc(journey, starts(day), zone, day, more=[("opened", opened)])
        tz, expected = ZoneInfo(zone), {}
        for i, (start, event) in enumerate(zip(starts(day), opened, strict=True)):
            begun, came = instant_of(start, tz), instant_of(event, tz)
            limit = later_in_zone(begun, words, tz)
            in_time = begun < came <= limit
            expected[i, "came" if in_time else "late"] = came if in_time else limit
        assert found == expected

    @pytest.mark.parametrize(("fields", "words"), [({"wait_hours": 1.5}, "90 minutes"), ({"wait_days": 2}, "2 days")])
    def test_trigger(self, zone, day, fields, words):
        journey = TriggerJourney("x", event="enter", cool_down_days=0, **fields)
        tz = ZoneInfo(zone)
        expected = {
            (i, "message"): later_in_zone(instant_of(start, tz), words, tz) for i, start in enumerate(starts(day))
        }
        assert planned_utc(journey, starts(day), zone, day) == expected

    @pytest.mark.parametrize("words", ["90 minutes", "25 hours", "1 day"])
    def test_waits_one_after_the_other_and_after_a_message(self, zone, day, words):
        """The second wait begins within an hour that comes twice, also where the history knows only its local time."""
        steps = {"a": Wait("90 minutes"), "first": Message(), "b": Wait(words), "second": Message()}
        found = planned_utc(Journey("x", entry="enter", steps=steps), starts(day), zone, day)
        tz, expected = ZoneInfo(zone), {}
        for i, start in enumerate(starts(day)):
            expected[i, "first"] = instant_of(start, tz) + timedelta(minutes=90)
            expected[i, "second"] = later_in_zone(expected[i, "first"], words, tz)
        assert found == expected

    @pytest.mark.parametrize("words", ["90 minutes", "24 hours", "1 day"])
    def test_reentry(self, zone, day, words):
        journey = Journey("x", entry="enter", steps={"m": Message()}, reentry=words)
        times, tz = starts(day), ZoneInfo(zone)
        base = Customers(customer=[1], time_zone=zone)
        events = Events(customer=[1] * len(times), name=["enter"] * len(times), time=times)
        free, expected = instant_of(datetime(1900, 1, 1), tz), []
        for time in times:
            start = instant_of(time, tz)
            if start >= free:
                expected.append(time)
                free = later_in_zone(start, words, tz)
        assert journey.runs(base, events, np.datetime64(day) + 3).entered.tolist() == expected

    def test_both_ways_of_the_clocks(self, zone, day):
        clocks, tz = Clocks(Customers(customer=[1], time_zone=zone)), ZoneInfo(zone)
        local = np.array(starts(day), dtype="datetime64[s]")
        row = np.zeros(len(local), dtype=np.int64)
        utc = clocks.to_utc(row, local)
        assert utc.tolist() == local_to_utc(local, tz).tolist()
        there = [time.replace(tzinfo=UTC).astimezone(tz).replace(tzinfo=None) for time in local.tolist()]
        assert clocks.to_local(row, local).tolist() == there


hours = st.integers(0, 5 * 48).map(lambda n: datetime(2024, 5, 1) + n * HALF_HOUR)
JOURNEY = {
    "letter": Message(valid_days=2),
    "answer": WaitFor("opened", at_most="20 hours", then="thanks", otherwise="reminder"),
    "thanks": Message(then="end"),
    "reminder": Message(channels="sms", valid_days=1, if_unsent="go on"),
    "soon": Wait("2 hours"),
    "last": Message(),
    "pause": Wait("next day at 23:00"),
    "night": Message(),
}


class TestUntilTheMomentOfSending:
    """Events until the sending end what they end, and a wait goes on from what was sent."""

    @settings(max_examples=60, deadline=None)
    @given(
        log=st.lists(
            st.tuples(st.integers(1, 3), st.sampled_from(["e", "opened", "opened", "purchase"]), hours),
            max_size=12,
            unique=True,
        ),
        quiet=st.sampled_from([(22, 6), (20, 9), (0, 7), (9, 18)]),
        steps=st.sampled_from(["letter", "thanks", "soon", "pause"]),
    )
    def test_equals_a_walk_message_by_message(self, log, quiet, steps):
        names = list(JOURNEY)
        if steps == "letter":
            names.remove("thanks")
        chosen = {name: JOURNEY[name] for name in names}
        if steps == "letter":
            chosen["answer"] = WaitFor("opened", at_most="20 hours")
        journey = Journey("x", entry="e", steps=chosen, goals="purchase", reentry="always")
        log = [(1, "e", datetime(2024, 5, 1, 21, 30)), (2, "e", datetime(2024, 5, 1, 23)), *log]
        log = list(dict.fromkeys(log))
        sms = [True, False, True]
        email = [True, True, False]
        base = Customers(customer=[1, 2, 3], consent={"email": email, "sms": sms})
        who, words, times = zip(*log, strict=True)
        events = Events(customer=who, name=words, time=times)
        policy = Policy(quiet_hours=quiet, catch_up="all")
        made = simulate_plan([journey], base, events, policy, "2024-05-01", "2024-05-12")
        on = made.decision == "send"
        columns = (made.customer, made.anchor, made.step, made.send_time)
        found = set(zip(*(column[on].tolist() for column in columns), strict=True))
        expected = set()
        for customer in (1, 2, 3):
            mine = [(word, time) for c, word, time in log if c == customer]
            allowed = {
                name
                for name, step in chosen.items()
                if isinstance(step, Message) and (sms if step.channels == ("sms",) else email)[customer - 1]
            }
            for entered in {time for word, time in mine if word == "e"}:
                past = {}
                for day in range(12):
                    today = datetime(2024, 5, 1) + timedelta(days=day)
                    if entered < today + timedelta(days=1):
                        send_day(journey, mine, entered, past, today, quiet=quiet, allowed=allowed)
                expected |= {(customer, entered, step, time) for step, time in past.items()}
        assert found == expected

    @pytest.mark.parametrize(
        "journey",
        [
            TriggerJourney("x", event="cart", wait_hours=1, unless="purchase"),
            Journey("x", entry="cart", steps={"w": Wait("1 hour"), "m": Message()}, goals="purchase"),
            Cascade(send_hour=23),
        ],
    )
    @pytest.mark.parametrize(("bought", "decision"), [("05:59", "exited"), ("06:00", "exited"), ("06:01", "send")])
    def test_a_purchase_in_the_night_ends_what_waits_for_the_morning(self, journey, bought, decision):
        base = Customers(customer=[1], dates={"last_purchase": ["2023-08-31"]}, consent={"email": [True]})
        events = Events(customer=[1, 1], name=["cart", "purchase"], time=["2024-05-31T22:30", f"2024-06-01T{bought}"])
        made = plan([journey], base, events, None, Policy(quiet_hours=(22, 6)), "2024-05-31")
        assert made.decision.tolist() == [decision]

    @pytest.mark.parametrize("quiet", [(22, 6), (2, 3), (1, 2), (2, 6), (0, 2), (1, 3), (22, 2), (3, 5)])
    @pytest.mark.parametrize(("zone", "day"), CHANGES)
    def test_quiet_hours_end_at_the_first_minute_that_is_not_quiet(self, zone, day, quiet):
        """Where two hours come again, an hour before the quiet ones follows them: a walk through the minutes of UTC."""
        tz, (start, end) = ZoneInfo(zone), quiet

        def is_quiet(instant):
            hour = instant.astimezone(tz).hour
            return start <= hour < end if start <= end else hour >= start or hour < end

        entered = [datetime.fromisoformat(day) - timedelta(minutes=720 - 25 * i) for i in range(25)]
        customers = Customers(customer=range(25), consent={"email": [True] * 25}, time_zone=zone)
        events = Events(customer=range(25), name=["e"] * 25, time=entered)
        journey = Journey("x", entry="e", steps={"w": Wait("12 hours"), "m": Message()})
        made = plan([journey], customers, events, None, Policy(quiet_hours=quiet), np.datetime64(day) - 1, days=3)
        sent = made.decision == "send"
        found = dict(zip(made.customer[sent].tolist(), made.send_time_utc[sent].tolist(), strict=True))
        for i, time in enumerate(entered):
            instant = instant_of(time, tz) + timedelta(hours=12)
            while is_quiet(instant):
                instant += timedelta(minutes=1)
            if instant.astimezone(tz).date() >= (instant_of(time, tz) + timedelta(hours=12)).astimezone(tz).date():
                assert found[i] == instant.replace(tzinfo=None)

    def test_nobody_is_reminded_of_what_they_did_not_get(self):
        steps = {"letter": Message(channels="sms"), "w": Wait("2 days"), "reminder": Message()}
        events = Events(customer=[1], name=["e"], time=["2024-05-01T12:00"])
        base = Customers(customer=[1], consent={"email": [True]})
        journey = Journey("x", entry="e", steps=steps)
        made = simulate_plan([journey], base, events, Policy(), "2024-05-01", "2024-05-20")
        assert set(made.step.tolist()) == {"letter"}
        runs = journey.runs(base, events, "2024-05-20", history=made.history())
        assert (runs.step.tolist(), runs.outcome.tolist()) == (["letter"], ["stopped"])
        assert runs.ended.astype(str).tolist() == ["2024-05-04T12:00:00"]
        runs = journey.runs(base, events, "2024-05-03", history=made.history())
        assert (runs.step.tolist(), runs.outcome.tolist()) == (["letter"], ["running"])
        assert journey.runs(base, events, "2024-05-20").outcome.tolist() == ["finished"]
        freely = Journey("x", entry="e", steps={**steps, "letter": Message(channels="sms", if_unsent="go on")})
        made = simulate_plan([freely], base, events, Policy(), "2024-05-01", "2024-05-20")
        sent = made.decision == "send"
        assert made.send_time[sent].astype(str).tolist() == ["2024-05-03T12:00:00"]


class TestWhatIsNotSentHoldsNothingBack:
    """A message over budget counts for no cap, and a capped one begins no cool-down."""

    def test_a_message_over_budget_uses_up_no_cap(self):
        base = Customers(customer=[1, 2], consent={"email": [True, True]})
        events = Events(
            customer=[2, 1, 1],
            name=["first", "second", "third"],
            time=["2024-05-31T09:00", "2024-05-31T10:00", "2024-05-31T23:00"],
        )
        kinds = [
            TriggerJourney(name, event=name, priority=priority)
            for name, priority in (("first", 3), ("second", 2), ("third", 1))
        ]
        policy = Policy(quiet_hours=(22, 6), caps=[FrequencyCap(messages=1, days=7)], budget=1)
        made = plan(kinds, base, events, None, policy, "2024-05-31")
        decided = dict(zip(made.journey.tolist(), made.decision.tolist(), strict=True))
        assert decided == {"first": "send", "second": "over budget", "third": "send"}

    def test_a_capped_message_begins_no_cool_down(self):
        base = Customers(customer=[1], consent={"email": [True]})
        names = ["news", "visit", "visit"]
        events = Events(customer=[1] * 3, name=names, time=["2024-05-31T09:00", "2024-05-31T10:00", "2024-05-31T23:00"])
        kinds = [TriggerJourney("news", event="news", priority=1), TriggerJourney("visit", event="visit")]
        policy = Policy(quiet_hours=(22, 6), caps=[FrequencyCap(messages=1, per="day")])
        made = plan(kinds, base, events, None, policy, "2024-05-31")
        assert made.decision.tolist() == ["send", "capped", "send"]

    @settings(max_examples=60, deadline=None)
    @given(
        acts=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 47)), min_size=1, unique=True),
        cap=st.integers(1, 2),
        days=st.integers(1, 2),
        budget=st.integers(0, 4),
        resting=st.sets(st.integers(0, 2)),
        exempt=st.sets(st.integers(0, 2), max_size=1),
    )
    def test_equals_deciding_one_by_one(self, acts, cap, days, budget, resting, exempt):
        base = Customers(customer=np.arange(5), consent={"email": [True] * 5})
        time = [datetime(2024, 5, 31) + half * HALF_HOUR for *_, half in acts]
        events = Events(customer=[a[0] for a in acts], name=[f"j{a[1]}" for a in acts], time=time)
        kinds = [
            TriggerJourney(f"j{i}", event=f"j{i}", priority=i, cool_down_days=int(i in resting), exempt=i in exempt)
            for i in range(3)
        ]
        policy = Policy(quiet_hours=(20, 6), caps=[FrequencyCap(messages=cap, days=days)], budget=budget)
        made = plan(kinds, base, events, None, policy, "2024-05-31")
        draw = dict(enumerate(stable_draw(np.arange(5), policy.salt + " budget").tolist()))
        kind = [int(name[1:]) for name in made.journey]
        in_turn = sorted(range(len(made)), key=lambda i: (-kind[i], draw[made.customer[i]], made.planned[i], i))
        rows = [(int(made.customer[i]), made.send_time[i].item(), kind[i]) for i in in_turn]
        decided = decide_one_by_one(rows, cap=cap, days=days, budget=budget, resting=resting, exempt=exempt)
        assert made.decision[in_turn].tolist() == decided

    def test_what_one_customer_gets_holds_back_no_other(self):
        """The visit of the second customer comes in the second round, after that of the first one was sent."""
        base = Customers(customer=[1, 2], consent={"email": [True, True]})
        events = Events(customer=[1, 2, 2], name=["visit", "news", "visit"], time=["2024-05-31T09:00"] * 3)
        kinds = [TriggerJourney("news", event="news", priority=1), TriggerJourney("visit", event="visit")]
        made = plan(kinds, base, events, None, Policy(caps=[FrequencyCap(messages=2, days=7)]), "2024-05-31")
        assert made.decision.tolist() == ["send"] * 3

    def test_a_message_that_no_cap_counts_rests_as_well(self):
        base = Customers(customer=[1], consent={"email": [True]})
        events = Events(customer=[1, 1], name=["cart"] * 2, time=["2024-05-31T09:00", "2024-05-31T11:00"])
        carts = TriggerJourney.abandoned_cart(exempt=True)
        made = plan([carts], base, events, None, Policy(caps=[FrequencyCap(messages=5, days=7)]), "2024-05-31")
        assert made.decision.tolist() == ["send", "cool-down"]


class TestTheVeryMoment:
    """A message that expires exactly at its sending is still sent."""

    @pytest.mark.parametrize(
        ("visited", "quiet", "decision"),
        [
            ("2024-05-30T00:00:00", None, "send"),  # expires at midnight, when the run begins and the message goes out
            ("2024-05-29T23:59:59", None, "expired"),
            ("2024-05-30T06:00:00", (22, 6), "send"),  # a day late, at the end of the quiet hours
            ("2024-05-30T05:59:59", (22, 6), "expired"),
        ],
    )
    def test_a_message_that_expires_when_it_is_sent(self, visited, quiet, decision):
        base = Customers(customer=[1], consent={"email": [True]})
        events = Events(customer=[1], name=["visit"], time=[visited])
        kinds = [TriggerJourney("x", event="visit", valid_days=1)]
        made = plan(kinds, base, events, None, Policy(quiet_hours=quiet), "2024-05-31")
        assert made.decision.tolist() == [decision]


class TestCoolDownAgainstTheHistory:
    """The cool-down of each customer and journey looks at the messages of this customer and this journey alone."""

    def test_each_customer_and_each_journey(self):
        names = ["a", "b", "c"]
        kinds = [TriggerJourney(name, event=name, cool_down_days=7) for name in names]
        n = 6
        base = Customers(customer=np.arange(n), consent={"email": [True] * n})
        written = {(c, name) for c in range(n) for i, name in enumerate(names) if (c * 3 + i) % 4 == 1}
        who, words = zip(*sorted(written), strict=True)
        first = Events(customer=list(who), name=list(words), time=["2024-05-28T10:00"] * len(who))
        past = plan(kinds, base, first, None, Policy(), "2024-05-28").history()
        assert len(past) == len(written)
        everybody = [(c, name) for c in range(n) for name in names]
        who, words = zip(*everybody, strict=True)
        again = Events(customer=list(who), name=list(words), time=["2024-05-31T10:00"] * len(who))
        made = plan(kinds, base, again, past, Policy(), "2024-05-31")
        found = dict(
            zip(zip(made.customer.tolist(), made.journey.tolist(), strict=True), made.decision.tolist(), strict=True)
        )
        assert found == {pair: "cool-down" if pair in written else "send" for pair in everybody}


class TestMessagesAndLooks:
    """`n_by_decision` counts messages, `n_looks_by_decision` the rows of all days."""

    def test_a_control_group_is_counted_once(self):
        n = 200
        base = Customers(customer=np.arange(n), consent={"email": [True] * n})
        events = Events(customer=np.arange(n), name=["visit"] * n, time=["2024-05-01T10:00"] * n)
        kinds = [TriggerJourney("x", event="visit")]
        made = simulate_plan(kinds, base, events, Policy(control_share=0.3), "2024-05-01", "2024-05-10")
        messages, looks = made.n_by_decision, made.n_looks_by_decision
        held = len(set(made.customer[made.decision == "control group"].tolist()))
        assert messages == {"control group": held, "send": n - held}
        assert looks == {"control group": 4 * held, "send": n - held, "duplicate": 3 * (n - held)}
        assert sum(looks.values()) == len(made)

    def test_the_last_look_counts_unless_the_message_was_sent(self):
        base = Customers(customer=[1, 2], consent={"email": [True, True]})
        events = Events(customer=[1, 2, 2], name=["visit"] * 3, time=["2024-05-01T10:00"] * 3)
        kinds = [TriggerJourney("x", event="visit", cool_down_days=0)]
        made = simulate_plan(kinds, base, events, Policy(budget=1), "2024-05-01", "2024-05-04")
        assert made.n_by_decision == {"send": 2, "duplicate": 1}  # one event was given twice
        assert made.is_last_look.sum() == 3
        empty = plan(kinds, base, None, None, Policy(), "2024-05-01")
        assert empty.n_by_decision == empty.n_looks_by_decision == {}

    @given(st.lists(st.tuples(st.integers(0, 3), hours), max_size=12, unique=True), st.integers(0, 2))
    @settings(max_examples=30, deadline=None)
    def test_equals_a_count_by_key(self, acts, budget):
        base = Customers(customer=np.arange(4), consent={"email": [True] * 4})
        if not acts:
            return
        events = Events(customer=[a[0] for a in acts], name=["visit"] * len(acts), time=[a[1] for a in acts])
        kinds = [TriggerJourney("x", event="visit")]
        made = simulate_plan(kinds, base, events, Policy(budget=budget), "2024-05-01", "2024-05-08")
        became = {}
        for key, decision in zip(made.key.tolist(), made.decision.tolist(), strict=True):
            if became.get(key) != "send":
                became[key] = decision
        counted = {word: list(became.values()).count(word) for word in became.values()}
        assert made.n_by_decision == counted


class TestClocksThatChangeAtMidnight:
    """A message goes out on the local day of its instant, also where a clock comes back to the day before."""

    @pytest.mark.parametrize(
        ("zone", "day"),
        [
            ("America/St_Johns", "2010-11-06"), ("America/St_Johns", "2010-11-07"), ("America/St_Johns", "2010-03-14"),
            ("America/Sao_Paulo", "2018-02-17"), ("America/Sao_Paulo", "2018-11-04"), ("Asia/Beirut", "2023-10-28"),
            ("Asia/Beirut", "2023-03-30"), ("Africa/Cairo", "2023-10-26"), ("Africa/Cairo", "2024-04-26"),
            ("America/Havana", "2023-11-05"), ("America/Havana", "2023-03-12"), ("Asia/Amman", "2021-10-28"),
            ("Asia/Amman", "2022-02-25"), ("Asia/Tehran", "2021-09-21"), ("America/Scoresbysund", "2023-10-29"),
            ("Australia/Lord_Howe", "2023-04-02"), ("Pacific/Apia", "2011-12-29"), ("America/Asuncion", "2023-03-25"),
        ],
    )  # fmt: skip
    def test_a_wait_of_minutes(self, zone, day):
        waits = range(7, 500, 29)
        clock, first = ZoneInfo(zone), datetime.fromisoformat(day)
        local = first.replace(hour=20, minute=30, tzinfo=clock)
        customers = Customers(customer=[1], time_zone=zone, consent={"email": [True]})
        entered = Events(customer=[1], name=["cart"], time=[local.replace(tzinfo=None).isoformat()])
        steps = {str(minutes): {"wait": Wait(f"{minutes} minutes"), "hello": Message()} for minutes in waits}
        kinds = [Journey(name, entry="cart", steps=each) for name, each in steps.items()]
        made = plan(kinds, customers, entered, None, Policy(), day, days=4)
        for minutes in waits:
            instant = local.astimezone(UTC) + timedelta(minutes=minutes)
            wanted = instant.astimezone(clock).replace(tzinfo=None)
            sent = (made.decision == "send") & (made.journey == str(minutes))
            assert made.send_time_utc[sent].tolist() == [instant.replace(tzinfo=None)]
            assert made.send_time[sent].tolist() == [wanted]
            assert made.run[sent].tolist() == [wanted.date()]

    @pytest.mark.parametrize("catch_up", ["latest", "all", "skip"])
    @pytest.mark.parametrize("day", ["2008-11-02", "2009-11-01", "2010-11-07"])
    def test_an_event_in_the_minute_before_the_clock_comes_back(self, day, catch_up):
        clock, start = ZoneInfo("America/St_Johns"), datetime.fromisoformat(day)
        seconds, waits = (0, 30, 59), (1, 15, 58, 59, 61)
        who = range(len(seconds))
        customers = Customers(customer=who, time_zone="America/St_Johns", consent={"email": [True] * len(who)})
        local = [start + timedelta(seconds=second) for second in seconds]
        events = Events(customer=who, name=["cart"] * len(who), time=local)
        triggers = [TriggerJourney(f"t{wait}", event="cart", wait_hours=wait / 60) for wait in waits]
        steps = {f"j{wait}": {"wait": Wait(f"{wait} minutes"), "hello": Message()} for wait in waits}
        journeys = [Journey(name, entry="cart", steps=each) for name, each in steps.items()]
        made = plan([*triggers, *journeys], customers, events, None, Policy(catch_up=catch_up), day, days=3)
        for customer, wait, kind in product(who, waits, "tj"):
            instant = local[customer].replace(tzinfo=clock).astimezone(UTC) + timedelta(minutes=wait)
            sent = (made.decision == "send") & (made.customer == customer) & (made.journey == f"{kind}{wait}")
            assert made.send_time_utc[sent].tolist() == [instant.replace(tzinfo=None)]
            assert made.send_time[sent].tolist() == [instant.astimezone(clock).replace(tzinfo=None)]

    def test_quiet_hours_hold_a_message_on_its_day(self):
        """A minute after the message is due it is 23:01 of the day before, outside the quiet hours."""
        customers = Customers(customer=[1], time_zone="America/St_Johns", consent={"email": [True]})
        events = Events(customer=[1], name=["cart"], time=["2010-11-07T00:00:30"])
        made = plan(
            [TriggerJourney("t", event="cart")], customers, events, None, Policy(quiet_hours=(0, 8)), "2010-11-07"
        )
        assert (made.decision.tolist(), made.send_time.tolist()) == (["send"], [datetime(2010, 11, 7, 8)])

    @pytest.mark.parametrize(("zone", "last"), [("Pacific/Apia", "2011-12-29"), ("Pacific/Kwajalein", "1993-08-20")])
    @pytest.mark.parametrize("quiet", [(22, 6), (20, 1), (23, 9)])
    def test_quiet_hours_over_a_day_that_a_zone_skips(self, zone, last, quiet):
        customers = Customers(customer=[1], time_zone=zone, consent={"email": [True]})
        events = Events(customer=[1], name=["visit"], time=[f"{last}T23:59"])
        kind = TriggerJourney("t", event="visit")
        made = plan([kind], customers, events, None, Policy(quiet_hours=quiet), last, days=4)
        after = datetime.fromisoformat(last) + timedelta(days=2, hours=quiet[1])
        assert made.send_time[made.decision == "send"].tolist() == [after]

    def test_a_message_of_yesterday_goes_out_today_though_the_clocks_went_back_yesterday(self):
        """It was due at midnight, in the quiet hours, three hours before the clock came back to their end."""
        customers = Customers(
            customer=[1], time_zone="Europe/Kyiv", consent={"email": [True]}, dates={"birthday": ["1990-11-03"]}
        )
        journey = BirthdayJourney("b", send_hour=0)
        made = plan([journey], customers, None, None, Policy(quiet_hours=(22, 3)), "2024-10-28")
        assert (made.decision.tolist(), made.send_time.tolist()) == (["send"], [datetime(2024, 10, 28, 3)])
