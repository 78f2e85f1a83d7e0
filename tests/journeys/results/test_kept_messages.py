"""What is kept of each message: journey, version, step, offer, channel, code and purpose; caps by purpose."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.journeys import (
    BirthdayJourney,
    Customers,
    Events,
    FrequencyCap,
    Journey,
    Message,
    MessageHistory,
    Orders,
    Plan,
    Policy,
    TriggerJourney,
    journey_results,
    plan,
    simulate_plan,
)

BASE = Customers(
    customer=["ann", "bob"],
    dates={"birthday": ["1990-06-07", "1985-06-07"]},
    segments={"vip": [False, True]},
    consent={"email": [True, True]},
)
BIRTHDAYS = [
    BirthdayJourney("birthday", offer="10 %"),
    BirthdayJourney("vip birthday", offer="a gift", segment="vip", priority=1),
]

LOG = {
    "customer": ["ann", "bob", "cid"],
    "journey": ["newsletter", "birthday", "birthday"],
    "sent_at": ["2024-05-01T09:00", "2024-05-02T09:00", "2024-05-03T09:00"],
    "channel": ["email", "sms", "sms"],
}


def kept(history):
    names = ("journey", "version", "step", "offer", "channel", "code", "purpose")
    return [tuple(row) for row in zip(*(getattr(history, name).tolist() for name in names), strict=True)]


class TestHistory:
    """The history of a plan keeps what every message was."""

    def test_two_birthday_journeys_are_told_apart_after_json(self):
        made = plan(BIRTHDAYS, BASE, None, None, Policy(), "2024-05-31")
        made = made.with_codes(np.where(made.decision == "send", ["A1", "B2", ""][: len(made)], ""))
        read = MessageHistory.from_json(made.history().to_json())
        assert read == made.history()
        assert kept(read) == [
            ("birthday", 0, "message", "10 %", "email", "A1", "marketing"),
            ("vip birthday", 0, "message", "a gift", "email", "B2", "marketing"),
        ]
        assert read.key.tolist() == made.key[made.decision == "send"].tolist()

    def test_codes_by_key(self):
        made = plan(BIRTHDAYS, BASE, None, None, Policy(), "2024-05-31")
        key = made.key[made.decision == "send"]
        coded = made.with_codes(["B2", "A1"], key=key[::-1])
        assert coded.history().code.tolist() == ["A1", "B2"]
        assert "A1" not in repr(coded) + repr(coded.history())
        assert made.with_codes([], key=[]) == made
        for keys in (["no such key"], [key[0], key[0]], [key[0]] * 3):
            with pytest.raises(InputError):
                made.with_codes(["x", "y"][: len(keys)], key=keys)

    def test_versions_of_a_journey(self):
        old, new = (Journey("hello", entry="registered", steps={"hi": Message()}, version=v) for v in (1, 2))
        did = Events(customer=["ann"], name=["registered"], time=["2024-05-31T09:00"])
        past = plan([old, new], BASE, did, None, Policy(), "2024-05-31").history()
        assert [(row[0], row[1]) for row in kept(past)] == [("hello", 1), ("hello", 2)]

    def test_tables_of_earlier_releases_are_read(self):
        journey = Journey("hello", entry="registered", steps={"hi": Message(offer="5 %")}, version=3)
        did = Events(customer=["ann"], name=["registered"], time=["2024-05-31T09:00"])
        made = plan([journey, *BIRTHDAYS], BASE, did, None, Policy(), "2024-05-31")
        fields = json.loads(made.history().to_json())
        for name in ("journey", "version", "offer", "code", "purpose"):
            fields.pop(name)
        read = MessageHistory.from_json(json.dumps(fields))
        assert kept(read) == [
            ("hello", 3, "hi", "", "email", "", ""),
            ("anniversary of birthday", 0, "message", "", "email", "", ""),
            ("anniversary of birthday", 0, "message", "", "email", "", ""),
        ]
        again = plan([journey, *BIRTHDAYS], BASE, did, read, Policy(), "2024-05-31")
        assert again.n_by_decision == {"duplicate": 4}  # both journeys of the birthday of bob
        older = json.loads(made.to_json())
        for name in ("version", "code", "purpose"):
            older.pop(name)
        assert Plan.from_json(json.dumps(older)) == attrs.evolve(made, purpose=[""] * len(made))

    def test_log_of_another_system(self):
        sent = MessageHistory.from_log(**LOG, offer=["", "5 %", ""])
        assert kept(sent) == [
            ("newsletter", 0, "message", "", "email", "", ""),
            ("birthday", 0, "message", "5 %", "sms", "", ""),
            ("birthday", 0, "message", "", "sms", "", ""),
        ]
        assert sent.counted.all()
        sold = Orders(customer=["bob", "eve"], time=["2024-05-04"] * 2, revenue=[30, 20], margin=1)
        found = journey_results(sent, None, sold, as_of="2024-06-30")
        assert dict(zip(found.journey.tolist(), found.revenue.tolist(), strict=True)) == {
            "birthday": 30,
            "newsletter": 0,
        }
        with pytest.raises(InputError):
            MessageHistory.from_log(**{**LOG, "channel": ["email"]})

    def test_frame_of_another_system(self):
        from crmvalue.frames import journey_results as results_of_frames

        pd = pytest.importorskip("pandas")
        log = pd.DataFrame(LOG).assign(offer=[None, "5 %", None])
        orders = pd.DataFrame({"customer": ["bob"], "date": ["2024-05-04"], "amount": [30.0]})
        found = results_of_frames(log, None, orders, as_of="2024-06-30", margin=1, by="offer")
        assert dict(zip(found.frame["offer"], found.frame["revenue"], strict=True)) == {"": 0, "5 %": 30}
        with pytest.raises(InputError, match="a log of your own needs these and the customer"):
            results_of_frames(log.drop(columns="channel"), None, orders, as_of="2024-06-30", margin=1)

    def test_frames_of_earlier_releases_are_read(self):
        from crmvalue.frames import plan as plan_frame

        pd = pytest.importorskip("pandas")
        past = plan(BIRTHDAYS, BASE, None, None, Policy(), "2024-05-31").history().to_frame()
        frame = pd.DataFrame(
            {"customer": ["ann", "bob"], "birthday": ["1990-06-07", "1985-06-07"], "email": [True, True]}
        )
        options = {"as_of": "2024-05-31", "dates": ["birthday"], "consent": ["email"]}
        for history in (past, past.drop(columns=["journey", "version", "offer", "code", "purpose"])):
            made = plan_frame(BIRTHDAYS[:1], frame, history=history, **options)
            assert made.result.n_by_decision == {"duplicate": 2}

    @pytest.mark.parametrize(
        ("name", "wrong"), [("code", ["x"] * 3), ("code", [None, None]), ("version", [-1, 0]), ("journey", ["", "x"])]
    )
    def test_rejections(self, name, wrong):
        past = plan(BIRTHDAYS, BASE, None, None, Policy(), "2024-05-31").history()
        with pytest.raises(InputError) as caught:
            attrs.evolve(past, **{name: wrong})
        assert caught.value.name == name

    def test_plans_of_two_days_make_one(self):
        days = [plan(BIRTHDAYS, BASE, None, None, Policy(), day) for day in ("2024-05-30", "2024-05-31")]
        assert len(days[0] + days[1]) == len(days[0]) + len(days[1])
        assert days[0] + days[1] == days[1]
        numbers = Customers(customer=[1], dates={"birthday": ["1990-06-07"]}, segments={"vip": [True]})
        with pytest.raises(InputError, match="customer"):
            days[1] + plan(BIRTHDAYS, numbers, None, None, Policy(), "2024-05-31")


class TestCapsByPurpose:
    """A cap for one purpose counts and limits the messages of this purpose alone."""

    CONSENT = Customers(customer=[1], consent={("email", "marketing"): [True], ("email", "survey"): [True]})
    JOURNEYS = (
        TriggerJourney("offer", event="visit", cool_down_days=0),
        TriggerJourney("poll", event="visit", purpose="survey", cool_down_days=0),
    )
    VISITS = Events(customer=[1] * 3, name=["visit"] * 3, time=[f"2024-05-0{day}T09:00" for day in (1, 2, 3)])

    def sent(self, *caps):
        made = simulate_plan(self.JOURNEYS, self.CONSENT, self.VISITS, Policy(caps=caps), "2024-05-01", "2024-05-03")
        return [(name, int(np.sum((made.journey == name) & (made.decision == "send")))) for name in ("offer", "poll")]

    def test_each_purpose_has_its_own_cap(self):
        assert self.sent(FrequencyCap(messages=1, days=90, purpose="survey")) == [("offer", 3), ("poll", 1)]
        assert self.sent(FrequencyCap(messages=2, days=90, purpose="marketing")) == [("offer", 2), ("poll", 3)]
        assert self.sent(FrequencyCap(messages=1, days=90)) == [("offer", 1), ("poll", 0)]

    def test_with_a_channel_it_limits_messages_of_both(self):
        assert self.sent(FrequencyCap(messages=1, days=90, purpose="survey", channel="sms")) == [
            ("offer", 3),
            ("poll", 3),
        ]

    def test_the_survey_journey(self):
        journey = TriggerJourney.survey(days=2)
        bought = Events(customer=[1, 1], name=["purchase"] * 2, time=["2024-05-01T09:00", "2024-06-01T09:00"])
        made = simulate_plan([journey], self.CONSENT, bought, Policy(), "2024-05-01", "2024-06-10")
        assert made.n_by_decision == {"send": 1, "cool-down": 1}
        assert made.history().purpose.tolist() == ["survey"]
        assert TriggerJourney.from_json(journey.to_json()) == journey
