"""Messages go out in the contact hours of a policy: days of the week, breaks and holidays."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.journeys import BusinessHours, Customers, Events, Policy, TriggerJourney, plan

HOURS = BusinessHours(hours={"Mon-Fri": ["09:00-13:00", "14:00-20:00"]}, holidays=["2024-06-03"])
ASKED = [TriggerJourney("asked", event="ask", valid_days=9)]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("2024-05-31 10:30", "2024-05-31T10:30"),  # Friday
        ("2024-05-31 13:30", "2024-05-31T14:00"),  # the break
        ("2024-05-31 20:00", "2024-06-04T09:00"),  # a weekend, and a holiday on Monday
        ("2024-05-30 20:30", "2024-05-31T09:00"),
    ],
)
def test_a_message_waits_for_the_next_contact_hours(asked, sent):
    base = Customers(customer=[1], consent={"email": [True]}, time_zone="Europe/Kyiv")
    did = Events(customer=[1], name=["ask"], time=[asked])
    made = plan(ASKED, base, did, None, Policy(contact_hours=HOURS), asked[:10])
    assert made.send_time.astype("datetime64[m]").astype(str).tolist() == [sent]
    assert made.decision.tolist() == ["send"]


def test_hours_of_one_period_are_quiet_hours():
    base = Customers(customer=np.arange(48), consent={"email": [True] * 48})
    times = np.datetime64("2024-05-31T00:00", "m") + 30 * np.arange(48)
    did = Events(customer=np.arange(48), name=["ask"] * 48, time=times)
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    policies = Policy(quiet_hours=(22, 6)), Policy(contact_hours=BusinessHours(days=days, start="06:00", end="22:00"))
    sent = [plan(ASKED, base, did, None, policy, "2024-05-31").send_time for policy in policies]
    np.testing.assert_array_equal(*sent)


def test_rejections():
    with pytest.raises(InputError, match="contact_hours"):
        Policy(contact_hours=HOURS, quiet_hours=(22, 6))
    with pytest.raises(InputError, match="time zone"):
        Policy(contact_hours=BusinessHours(time_zone="Europe/Kyiv"))
    with pytest.raises(InputError, match="contact_hours"):
        Policy(contact_hours=(9, 20))
    policy = Policy(contact_hours=HOURS)
    assert Policy.from_json(policy.to_json()) == policy


@pytest.mark.parametrize(
    ("wait_hours", "sent"),
    [(0, "2024-10-27T00:30"), (1, "2024-10-27T01:30"), (2, "2024-10-27T02:20")],
)
def test_within_an_hour_that_comes_twice_nothing_goes_out_before_it_is_due(wait_hours, sent):
    """In Kyiv, 03:00 to 04:00 comes twice; the event at 03:20 is at 00:20 in UTC."""
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    policy = Policy(contact_hours=BusinessHours(days=days, start="03:30", end="22:00"))
    base = Customers(customer=[1], consent={"email": [True]}, time_zone="Europe/Kyiv")
    did = Events(customer=[1], name=["ask"], time=["2024-10-27 03:20"])
    asked = [TriggerJourney("asked", event="ask", wait_hours=wait_hours)]
    made = plan(asked, base, did, None, policy, "2024-10-27")
    assert made.send_time_utc.astype("datetime64[m]").astype(str).tolist() == [sent]


def test_when_the_clocks_go_back_a_message_goes_out_in_the_hours_that_come_again():
    """At 03:50, after the break begins, the clock has 03:30 ahead of it once more: at 01:30 in UTC."""
    policy = Policy(contact_hours=BusinessHours(hours={"Sun": ["03:30-03:45", "09:00-20:00"]}))
    base = Customers(customer=[1], consent={"email": [True]}, time_zone="Europe/Kyiv")
    did = Events(customer=[1], name=["ask"], time=["2024-10-27 03:50"])
    made = plan(ASKED, base, did, None, policy, "2024-10-27")
    assert made.send_time.astype("datetime64[m]").astype(str).tolist() == ["2024-10-27T03:30"]
    assert made.send_time_utc.astype("datetime64[m]").astype(str).tolist() == ["2024-10-27T01:30"]
