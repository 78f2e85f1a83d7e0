"""Many messages of one journey to one customer on one day, such as those of a till that is kept as a customer."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.journeys import (
    Customers,
    Events,
    FrequencyCap,
    MessageHistory,
    Offer,
    Orders,
    Plan,
    Policy,
    TriggerJourney,
    expiring_terms,
    journey_results,
    plan,
    terms_in_force,
)
from tests.work import n_calls, times_longer


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
    n_done, made = n_calls(lambda: plan(journeys, customers, events, None, policy, "2024-05-31"))
    assert n_done < 150_000  # 180,000 for a hundred carts with a round each
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


LONG = "x" * 20_000
"""What a stray quotation mark makes of a customer; a hundred texts padded to it take 8 MB."""


class TestOneVeryLongText:
    """It pads no key, term or step of the others, and the others are still found at once."""

    def test_the_keys_of_a_plan_and_of_a_history(self):
        ids = [LONG, *(f"c{i}" for i in range(99))]
        events = Events(customer=ids, name=["visit"] * 100, time=["2024-05-30T12:00"] * 100)
        journeys = [TriggerJourney("news", event="visit")]
        customers = Customers(customer=ids, consent={"email": [True] * 100})
        made = plan(journeys, customers, events, None, Policy(), "2024-05-31")
        for keys in (made.key, made.history().key):
            assert keys.nbytes < 100_000
            assert sum(LONG in key for key in keys.tolist()) == 1
        with_codes = made.with_codes([f"code {i}" for i in range(100)], key=made.key)
        assert with_codes.code.tolist() == [f"code {i}" for i in range(100)]

    def test_the_steps_offers_and_segments_of_results(self):
        ids = [f"c{i}" for i in range(100)]
        words = [LONG] + ["plain"] * 99
        sent = MessageHistory.from_log(
            ids, ["news"] * 100, ["2024-05-30"] * 100, ["email"] * 100, step=words, offer=words
        )
        orders = Orders(customer=ids[:2], time=["2024-05-31"] * 2, revenue=[10.0, 20.0], margin=0.5)
        assert max(sent.step.nbytes, sent.offer.nbytes) < 100_000
        for by in ("step", "offer", "segment"):
            of_segments = {"segment_customer": ids, "segment": words} if by == "segment" else {}
            found = journey_results(sent, None, orders, as_of="2024-06-30", by=by, **of_segments).to_columns()
            assert dict(zip(found[by].tolist(), found["n_sent"].tolist(), strict=True)) == {LONG: 1, "plain": 99}

    def test_the_terms_of_customers(self):
        words = [LONG] + ["plain"] * 99
        days = ["2024-06-30"] * 100
        terms = terms_in_force(range(100), words, days, words, words, as_of="2024-06-30")
        for column in (terms.term, terms.manager, expiring_terms(words, days, as_of="2024-06-30").term):
            assert column.nbytes < 100_000
            assert column.tolist() == words

    def test_many_suppressed_customers(self):
        """Each was compared with each: 60,000 customers, half of them suppressed, took twelve seconds."""

        def plan_for(n):
            ids = [LONG, *(f"c{i}" for i in range(n - 1))]
            events = Events(customer=ids, name=["visit"] * n, time=["2024-05-30T12:00"] * n)
            policy = Policy(suppressed=ids[: n * 3 // 4])
            customers = Customers(customer=ids, consent={"email": [True] * n})
            return plan([TriggerJourney("news", event="visit")], customers, events, None, policy, "2024-05-31")

        ratio, made = times_longer(plan_for, 1_000, 12_000, n_rounds=2)
        assert made.n_by_decision == {"send": 3_000, "suppressed": 9_000}
        assert ratio < 36  # 12 times the customers; 144 for all pairs
