"""Cascade, birthdays, triggers and the planner on published dates, and what every plan must keep."""

from __future__ import annotations

from datetime import UTC, date, datetime
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
    FrequencyCap,
    MessageHistory,
    Offer,
    Plan,
    Policy,
    TriggerJourney,
    explain,
    plan,
    simulate_plan,
)

TABLES = {
    "2023-01-31": "23-10-31 24-01-31 24-04-30 24-07-31 24-10-31 25-01-31 25-04-30 25-07-31 25-10-31 26-01-31",
    "2023-05-31": "24-02-29 24-05-31 24-08-31 24-11-30 25-02-28 25-05-31 25-08-31 25-11-30 26-02-28 26-05-31",
    "2024-02-29": "24-11-29 25-02-28 25-05-29 25-08-29 25-11-29 26-02-28 26-05-29 26-08-29 26-11-29 27-02-28",
}
"""Days 9, 12, ..., 36 months after the last purchase: the calendar section of the project's oracles."""


class TestCascade:
    """Offers 9, 12, ... months after the last purchase, anchored, clamped, never chained; churned at 36."""

    @pytest.mark.parametrize(("anchor", "days"), TABLES.items())
    def test_published_days(self, anchor, days):
        expected = ["20" + day for day in days.split()]
        steps = Cascade().steps(anchor)
        assert steps.dates.astype(str).tolist() == expected[:-1]
        assert str(steps.churned_on) == expected[-1]
        assert Cascade(offer_at_end=True).steps(anchor).dates.astype(str).tolist() == expected

    def test_a_first_run_sends_the_latest_step_alone_with_its_benefit(self):
        cascade = Cascade(offers=["5 %", "7 %", "10 %", "12 %"], repeat_last=True)
        due = cascade.due(["2023-01-31"], "2024-09-30")  # month 20
        assert due.month.tolist() == [18]
        assert due.offer[0].label == "12 %"

    def test_a_purchase_moves_the_anchor_and_cancels_the_rest(self):
        base = Customers(customer=[1], dates={"last_purchase": ["2023-01-31"]}, consent={"email": [True]})
        events = Events(customer=[1], name=["purchase"], time=["2024-02-10T12:00"])
        made = simulate_plan([Cascade()], base, events, Policy(), "2023-10-01", "2024-12-31")
        sent = made.send_time[made.decision == "send"].astype("datetime64[D]").astype(str).tolist()
        assert sent == ["2023-10-31", "2024-01-31", "2024-11-10"]

    @given(st.dates(date(2015, 1, 1), date(2024, 1, 1)), st.integers(0, 3000))
    def test_state_and_due_agree_with_the_steps(self, last, days):
        today = np.datetime64(last) + np.timedelta64(days, "D")
        cascade = Cascade()
        steps, state = cascade.steps(last), cascade.state(last, today)
        passed = [month for month, day in zip(steps.months.tolist(), steps.dates, strict=True) if day <= today]
        churned = today >= steps.churned_on
        assert str(state.state) == ("churned" if churned else "in cascade" if passed else "active")
        due = cascade.due([last], today)
        assert due.month.tolist() == ([] if churned else passed[-1:])

    @pytest.mark.parametrize(
        "wrong",
        [
            {"first_month": 0},
            {"end_month": 9},
            {"every_months": 0},
            {"offers": "5 %"},
            {"ends_with": "click"},
            {"offers": [Offer(percent=10), Offer(percent=5)]},
            {"offers": ["x"] * 10},
        ],
    )
    def test_rejections(self, wrong):
        with pytest.raises(InputError):
            Cascade(**wrong)

    def test_dates_to_come_are_refused(self):
        for method in ("state", "due"):
            with pytest.raises(InputError, match="last_purchase"):
                getattr(Cascade(), method)(["2030-01-01"], "2024-01-01")


class TestBirthdayJourney:
    """Seven days before, valid to seven days after; 29 February backward by default."""

    @pytest.mark.parametrize(
        ("born", "year", "leap_day", "sent", "until"),
        [
            ("1990-01-03", 2025, "backward", "2024-12-27", "2025-01-10"),
            ("1990-12-31", 2025, "backward", "2025-12-24", "2026-01-07"),
            ("1990-03-05", 2025, "backward", "2025-02-26", "2025-03-12"),
            ("1990-03-05", 2024, "backward", "2024-02-27", "2024-03-12"),
            ("1992-02-29", 2025, "backward", "2025-02-21", "2025-03-07"),
            ("1992-02-29", 2025, "forward", "2025-02-22", "2025-03-08"),
            ("1992-02-29", 2024, "backward", "2024-02-22", "2024-03-07"),
            ("1992-02-29", 2025, "skip", "NaT", "NaT"),
        ],
    )
    def test_published_days(self, born, year, leap_day, sent, until):
        message = BirthdayJourney("birthday", leap_day=leap_day).message(born, year)
        assert (str(message.sent_on), str(message.valid_until)) == (sent, until)

    @given(st.dates(date(1950, 1, 1), date(2005, 1, 1)), st.sampled_from(["backward", "forward"]))
    def test_once_a_year_on_its_day(self, born, leap_day):
        base = Customers(customer=[1], dates={"birthday": [born]}, consent={"email": [True]})
        journey = BirthdayJourney("birthday", leap_day=leap_day)
        for year in (2024, 2025):
            sent = journey.message(born, year).sent_on
            for shift, expected in ((-1, []), (0, ["send"])):
                made = plan([journey], base, None, None, Policy(), sent + np.timedelta64(shift, "D"))
                assert made.decision.tolist() == expected

    def test_the_highest_priority_wins_once_a_year(self):
        base = Customers(
            customer=[1], dates={"birthday": ["1990-06-07"]}, segments={"vip": [True]}, consent={"email": [True]}
        )
        journeys = [BirthdayJourney("all"), BirthdayJourney("vip", segment="vip", priority=5)]
        made = simulate_plan(journeys, base, None, Policy(), "2024-05-25", "2024-06-20")
        assert made.journey[made.decision == "send"].tolist() == ["vip"]

    def test_days_before_and_after_are_two_things(self):
        journey = BirthdayJourney("b", days_before=3, valid_days_after=10)
        message = journey.message("1990-06-07", 2024)
        assert (str(message.sent_on), str(message.valid_until)) == ("2024-06-04", "2024-06-17")
        base = Customers(customer=[1], dates={"birthday": ["1990-06-07"]}, consent={"email": [True]})
        made = plan([journey], base, None, None, Policy(), "2024-06-04")
        assert made.expires.astype(str).tolist() == ["2024-06-17T23:59:59"]

    def test_half_a_year_at_most(self):
        journey = BirthdayJourney("b", days_before=180, valid_days_after=180, catch_up_days=180)
        assert str(journey.message("1790-06-29", 1824).sent_on) == "1824-01-01"
        for name in ("days_before", "valid_days_after", "catch_up_days"):
            with pytest.raises(InputError, match=name):
                BirthdayJourney("b", **{name: 181})

    def test_the_message_of_last_year_holds_back_none_of_this_year(self):
        customers = Customers(customer=[1], consent={"email": [True]}, dates={"birthday": ["1990-05-31"]})
        journey = BirthdayJourney("b", days_before=0)
        first = plan([journey], customers, None, None, Policy(), "2023-05-31")
        second = plan([journey], customers, None, first.history(), Policy(), "2024-05-31")
        assert (first.n_by_decision, second.n_by_decision) == ({"send": 1}, {"send": 1})

    def test_the_first_year_of_the_calendar(self):
        assert str(BirthdayJourney("b").message("0001-03-05", 2).sent_on) == "0002-02-26"
        with pytest.raises(InputError, match="year"):
            BirthdayJourney("b").message("0001-03-05", 1)

    def test_only_the_name_goes_without_a_word(self):
        with pytest.raises(TypeError, match="positional"):
            BirthdayJourney("b", "forward")

    def test_two_dates_of_a_customer_are_two_messages(self):
        """A birthday and a day of registration in one week, and two journeys on the birthday: two messages."""
        dates = {"birthday": ["1990-06-07"], "registered": ["2020-06-07"]}
        base = Customers(customer=[1], dates=dates, consent={"email": [True]})
        journeys = [BirthdayJourney("a"), BirthdayJourney("b", priority=1), BirthdayJourney("c", date="registered")]
        made = plan(journeys, base, None, None, Policy(), "2024-05-31")
        assert sorted(made.journey[made.decision == "send"].tolist()) == ["b", "c"]


N = 12
PEOPLE = st.lists(
    st.tuples(
        st.integers(0, 1300),
        st.integers(0, 364),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["Europe/Kyiv", "America/New_York"]),
    ),
    min_size=1,
    max_size=N,
)
ACTS = st.lists(
    st.tuples(st.integers(0, N - 1), st.sampled_from(["cart", "purchase"]), st.integers(0, 14 * 24 * 60)), max_size=25
)
TODAY = np.datetime64("2024-05-31")
JOURNEYS = [
    Cascade(offers=["5 %", "7 %"], repeat_last=True, channels=("email", "sms"), catch_up_days=30),
    BirthdayJourney("birthday", catch_up_days=5),
    BirthdayJourney("vip birthday", segment="vip", priority=2),
    TriggerJourney.abandoned_cart(channels=("sms", "email"), priority=3),
    TriggerJourney("after purchase", event="purchase", wait_hours=20, cool_down_days=0, exempt=True),
]
POLICY = Policy(
    quiet_hours=(22, 6), caps=[FrequencyCap(messages=2, days=7), FrequencyCap(messages=1, per="day", channel="email")]
)


def base_of(people):
    ago, birthday, vip, email, zone = zip(*people, strict=True)
    return Customers(
        customer=[f"c{i}" for i in range(len(people))],
        dates={
            "last_purchase": TODAY - 10 - np.array(ago).astype("timedelta64[D]"),
            "birthday": np.datetime64("1990-01-01") + np.array(birthday).astype("timedelta64[D]"),
        },
        segments={"vip": np.array(vip)},
        consent={"email": np.array(email), "sms": np.arange(len(people)) % 2 == 0},
        time_zone=list(zone),
    )


def events_of(acts, n, order=slice(None)):
    kept = [
        (f"c{who}", name, TODAY.astype("datetime64[m]") - 10 * 1440 + minute) for who, name, minute in acts if who < n
    ]
    kept = kept[order]
    return (
        Events(
            customer=[row[0] for row in kept],
            name=[row[1] for row in kept],
            time=np.array([row[2] for row in kept], "datetime64[m]"),
        )
        if kept
        else None
    )


def rows(made):
    return sorted(
        zip(made.key.tolist(), made.journey.tolist(), made.decision.tolist(), made.send_time.tolist(), strict=True)
    )


class TestPlan:
    """Every message has one decision; the same data give the same plan, and never twice the same message."""

    @given(PEOPLE, ACTS)
    def test_planning_twice_plans_nothing_new(self, people, acts):
        base, events = base_of(people), events_of(acts, len(people))
        first = plan(JOURNEYS, base, events, None, POLICY, TODAY)
        assert rows(first) == rows(plan(JOURNEYS, base, events, None, POLICY, TODAY))
        again = plan(JOURNEYS, base, events, first.history(), POLICY, TODAY)
        assert "send" not in again.n_by_decision
        assert len(again.reason) == len(again) == sum(again.n_by_decision.values())
        assert Plan.from_json(first.to_json()) == first

    @given(PEOPLE, ACTS)
    def test_a_week_in_one_call_equals_seven_daily_calls(self, people, acts):
        base, events = base_of(people), events_of(acts, len(people))
        week = plan(JOURNEYS, base, events, None, POLICY, TODAY, days=7)
        past, daily = MessageHistory.empty(), []
        for day in range(7):
            made = plan(JOURNEYS, base, events, past, POLICY, TODAY + day)
            past = past + made.history()
            daily += rows(made)
        assert rows(week) == sorted(daily)

    @given(PEOPLE, ACTS)
    def test_caps_quiet_hours_and_purchases(self, people, acts):
        base, events = base_of(people), events_of(acts, len(people))
        made = plan(JOURNEYS, base, events, None, POLICY, TODAY - 5, days=14)
        sent = made.decision == "send"
        for customer in set(made.customer[sent].tolist()):
            mine = sent & (made.customer == customer) & made.counted
            times = np.sort(made.send_time[mine])
            for start in times:
                assert ((times >= start) & (times < start + np.timedelta64(7, "D"))).sum() <= 2
            emails = made.send_time[mine & (made.channel == "email")].astype("datetime64[D]")
            assert len(set(emails.tolist())) == len(emails)
        hours = made.send_time[sent].astype("datetime64[h]").astype(int) % 24
        assert ((hours >= 6) & (hours < 22)).all()
        zones, code = base.time_zone
        place = {name: i for i, name in enumerate(base.customer.tolist())}
        for customer, local, utc in zip(
            made.customer[sent], made.send_time[sent], made.send_time_utc[sent], strict=True
        ):
            zone = ZoneInfo(zones[code[place[str(customer)]]])
            assert utc.astype(datetime).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) == local.astype(
                datetime
            )
        for who, name, minute in acts:
            bought = TODAY.astype("datetime64[m]") - 10 * 1440 + minute
            silenced = sent & (made.customer == f"c{who}") & (made.journey == "win-back")
            if name == "purchase":
                assert (made.send_time[silenced].astype("datetime64[D]") < bought.astype("datetime64[D]") + 1).all()

    @given(PEOPLE, ACTS, st.randoms(use_true_random=False))
    def test_the_order_of_customers_and_events_does_not_matter(self, people, acts, random):
        base, events = base_of(people), events_of(acts, len(people))
        order = list(range(len(people)))
        random.shuffle(order)
        zones, code = base.time_zone
        shuffled = Customers(
            customer=base.customer[order],
            dates={name: column[order] for name, column in base.dates.items()},
            segments={name: column[order] for name, column in base.segments.items()},
            consent={name: column[order] for name, column in base.consent.items()},
            time_zone=np.array(zones)[code][order],
        )
        other = events_of(acts, len(people), slice(None, None, -1))
        policy = Policy(control_share=0.3, budget=3, caps=POLICY.caps)
        assert rows(plan(JOURNEYS, base, events, None, policy, TODAY)) == rows(
            plan(JOURNEYS, shuffled, other, None, policy, TODAY)
        )

    def test_each_policy_decides(self):
        n = 2_000
        base = Customers(
            customer=np.arange(n),
            dates={"last_purchase": np.full(n, np.datetime64("2023-08-31"))},
            consent={("email", "marketing"): np.arange(n) % 4 > 0, "sms": np.arange(n) % 4 == 1},
        )
        journeys = [Cascade(channels=("sms", "email"))]
        made = plan(journeys, base, None, None, Policy(), TODAY)
        assert made.n_by_decision == {"no consent": 500, "send": 1500}
        assert dict(zip(*np.unique(made.channel, return_counts=True), strict=True)) == {
            "": 500,
            "email": 1000,
            "sms": 500,
        }
        control = plan(journeys, base, None, None, Policy(control_share=0.1), TODAY)
        chosen = set(control.customer[control.decision == "control group"].tolist())
        assert 150 < len(chosen) < 250
        later = plan(journeys, base, None, None, Policy(control_share=0.1), TODAY + 1)
        assert chosen == set(later.customer[later.decision == "control group"].tolist())
        budget = plan(journeys, base, None, None, Policy(budget=10, suppressed=[1, 2]), TODAY)
        assert budget.n_by_decision == {"no consent": 500, "over budget": 1488, "send": 10, "suppressed": 2}
        missed = plan(journeys, base, None, None, Policy(catch_up="skip"), TODAY + 1)
        assert missed.n_by_decision == {"missed": 2000}

    def test_a_message_in_the_gap_of_the_clocks_goes_out_right_after_it(self):
        """Kyiv, 31 March 2024: 03:00 becomes 04:00."""
        base = Customers(customer=[1], consent={"email": [True]}, time_zone="Europe/Kyiv")
        events = Events(customer=[1], name=["visit"], time=["2024-03-30T03:30"])
        made = plan([TriggerJourney("t", event="visit", wait_days=1)], base, events, None, Policy(), "2024-03-31")
        assert str(made.send_time_utc[0]) == "2024-03-31T01:00:00"
        made = plan([TriggerJourney("t", event="visit", wait_hours=24)], base, events, None, Policy(), "2024-03-31")
        assert str(made.send_time_utc[0]) == "2024-03-31T01:30:00"

    def test_exits_cool_down_and_once(self):
        base = Customers(customer=[1], consent={"email": [True]})
        names = ["cart", "purchase", "cart", "cart"]
        times = ["2024-05-01T10:00", "2024-05-01T10:30", "2024-05-03T10:00", "2024-05-05T10:00"]
        events = Events(customer=[1] * 4, name=names, time=times)
        made = simulate_plan([TriggerJourney.abandoned_cart()], base, events, Policy(), "2024-05-01", "2024-05-06")
        first = {}
        for anchor, decision in zip(made.anchor.astype(str), made.decision, strict=True):
            first.setdefault(anchor, str(decision))
        assert list(first.values()) == ["exited", "send", "cool-down"]

    def test_unknown_customers_and_explanations(self):
        base = Customers(customer=["ann"], dates={"last_purchase": ["2023-08-31"]}, consent={"email": [True]})
        events = Events(customer=["eve"], name=["purchase"], time=["2024-05-01"])
        with pytest.raises(InputError, match="events"):
            plan([Cascade()], base, events, None, Policy(), TODAY)
        made = plan([Cascade()], base, events, None, Policy(unknown_customers="count"), TODAY)
        assert made.n_unknown_events == 1
        assert "month 9: send on email at 2024-05-31T10:00:00" in explain(made, "ann")
        assert explain(made, "eve") == "no message was due to eve"

    @pytest.mark.parametrize(
        ("journeys", "changes"),
        [
            ([], {}),
            (["cascade"], {}),
            ([Cascade(), Cascade()], {}),
            ([Cascade(segment="vip")], {}),
            ([BirthdayJourney("b", date="name day")], {}),
            ([Cascade()], {"policy": None}),
            ([Cascade()], {"customers": None}),
            ([Cascade()], {"as_of": "tomorrow"}),
        ],
    )
    def test_rejections(self, journeys, changes):
        base = Customers(customer=[1], dates={"last_purchase": ["2023-08-31"]})
        arguments = {"customers": base, "policy": Policy(), "as_of": TODAY, **changes}
        with pytest.raises(InputError):
            plan(journeys, events=None, history=None, **arguments)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"quiet_hours": (22, 22)},
            {"quiet_hours": (22, 24)},
            {"quiet_hours": 22},
            {"control_share": 1.5},
            {"budget": -1},
            {"caps": [3]},
            {"catch_up": "some"},
            {"suppressed": [None]},
        ],
    )
    def test_rejections_of_policies(self, wrong):
        with pytest.raises(InputError):
            Policy(**wrong)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"customer": [1, 1]},
            {"customer": []},
            {"time_zone": "Mars"},
            {"dates": {"birthday": ["x", "y"]}},
            {"consent": {"email": [2, 0]}},
            {"segments": {"vip": [True]}},
        ],
    )
    def test_rejections_of_customers(self, wrong):
        with pytest.raises(InputError):
            Customers(**{"customer": [1, 2], **wrong})
