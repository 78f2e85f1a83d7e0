"""Many messages of one journey to one customer on one day, such as those of a till that is kept as a customer."""

from __future__ import annotations

import time

import numpy as np
import pytest

from crmvalue.journeys import Customers, Events, FrequencyCap, Offer, Plan, Policy, TriggerJourney, plan


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(caps=[FrequencyCap(messages=1, days=7)]), {"send": 2, "capped": 1_001}),
        (Policy(caps=[FrequencyCap(messages=2, days=7)]), {"send": 4, "cool-down": 999}),
        (Policy(caps=[FrequencyCap(messages=2, days=7)], budget=1), {"send": 1, "over budget": 1_002}),
        (Policy(budget=0), {"over budget": 1_003}),
    ],
)
def test_carts_that_a_cap_or_the_budget_holds_back_are_not_tried_again_and_again(policy, expected):
    """A thousand of them took ten seconds, in which each began a round of its own."""
    carts = np.datetime64("2024-05-31T08:00") + 30 * np.arange(1_000).astype("timedelta64[s]")
    events = Events(
        customer=[1] * 1_001 + [2, 2],
        name=["cart"] * 1_000 + ["visit", "cart", "visit"],
        time=[*carts, *(np.datetime64("2024-05-31T09:00"),) * 3],
    )
    customers = Customers(customer=[1, 2], consent={"email": [True, True]})
    journeys = [
        TriggerJourney("news", event="visit", priority=1, cool_down_days=0),
        TriggerJourney.abandoned_cart(),
    ]
    begun = time.process_time()
    made = plan(journeys, customers, events, None, policy, "2024-05-31")
    assert time.process_time() - begun < 2.0
    assert made.n_by_decision == expected


def test_a_long_offer_pads_no_other():
    labels = ["10 % off", "the same with all its terms: " + "x" * 1_000]
    journeys = [
        TriggerJourney(f"news {i}", event="visit", cool_down_days=0, offer=Offer(label=label))
        for i, label in enumerate(labels)
    ]
    events = Events(customer=range(1_000), name=["visit"] * 1_000, time=[np.datetime64("2024-05-31T08:00")] * 1_000)
    customers = Customers(customer=range(1_000), consent={"email": [True] * 1_000})
    made = plan(journeys, customers, events, None, Policy(), "2024-05-31")
    assert set(made.offer.tolist()) == set(labels)
    assert made.offer.nbytes == 8 * len(made)
    assert Plan.from_json(made.to_json()) == made
