"""A message that an earlier run missed goes out at its hour, or as early as is allowed where that hour is quiet."""

from __future__ import annotations

import pytest

from crmvalue import journeys


@pytest.mark.parametrize(("quiet", "hour"), [(None, "10"), ((22, 6), "10"), ((9, 12), "00"), ((22, 12), "12")])
def test_the_hour_of_a_late_message(quiet, hour):
    dates, consent = {"last_purchase": ["2024-01-31"]}, {"email": [True]}
    base = journeys.Customers(customer=[1], dates=dates, consent=consent)
    policy = journeys.Policy(quiet_hours=quiet)
    made = journeys.plan([journeys.Cascade()], base, None, None, policy, "2024-11-02")
    assert made.planned.astype(str).tolist() == ["2024-10-31T10:00:00"]
    assert made.send_time.astype(str).tolist() == [f"2024-11-02T{hour}:00:00"]


@pytest.mark.parametrize("reaction", ["2024-06-01", "2024-10-31T09:00"])
def test_a_reaction_ends_a_cascade_before_the_purchase_of_the_next_night(reaction):
    dates, consent = {"last_purchase": ["2024-01-31"]}, {"email": [True]}
    base = journeys.Customers(customer=[1], dates=dates, consent=consent)
    events = journeys.Events(customer=[1, 1], name=["clicked", "purchase"], time=[reaction, "2024-11-01T03:00"])
    cascade = journeys.Cascade(ends_with=("purchase", "clicked"))
    made = journeys.plan([cascade], base, events, None, journeys.Policy(), "2024-10-31")
    assert made.decision.tolist() == ["exited"]
