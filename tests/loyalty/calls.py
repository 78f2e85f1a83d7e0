"""Valid calls of crmvalue.loyalty."""

from __future__ import annotations

from crmvalue.loyalty import (
    EarnRule,
    LoyaltyProgramme,
    PointsLedger,
    PointsPolicy,
    attribute_referrals,
    find_streaks,
    member_effect,
    membership_break_even,
    programme_costs,
    programme_liability,
    redemption_rates,
    referral_growth,
    referral_limit,
    referred_value,
    simulate_programme,
)
from tests.calls import Call, Later

__all__ = ["CALLS"]


def ledger():
    return PointsLedger(
        policy=PointsPolicy(if_spent="negative"),
        event=[1, 2, 3],
        member=["ann", "bob", "ann"],
        kind=["earn", "earn", "spend"],
        time=["2024-01-10", "2024-01-12", "2024-02-20"],
        points=[100, 100, 80],
    )


CALLS = [
    Call(
        attribute_referrals,
        {
            "customer": ["bob", "ann"],
            "referrer": ["ann", None],
            "time": ["2024-02-01", "2024-01-01"],
            "paid": [500.0, 900.0],
            "minimum": 100.0,
            "keys": {"phone": ["1", "2"]},
            "most_per_referrer": 3,
        },
        out_of_range={"time": "yesterday", "paid": -1.0, "minimum": -1.0, "most_per_referrer": 0},
    ),
    Call(
        member_effect,
        {
            "member": [True] * 20 + [False] * 20,
            "after": [1.0, 2.0, 3.0, 4.0, 5.0] * 8,
            "before": {"orders": [1.0, 2.0] * 20},
        },
        out_of_range={"level": 95.0},
        unbounded={"after"},
    ),
    Call(
        referred_value,
        {
            "referred": [True] * 20 + [False] * 20,
            "value": [1.0, 2.0, 3.0, 4.0, 5.0] * 8,
            "start": {"month": [1.0, 2.0] * 20},
        },
        out_of_range={"level": 95.0},
        unbounded={"value"},
    ),
    Call(
        find_streaks,
        {
            "customer": ["ann", "ann"],
            "date": ["2024-01-05", "2024-02-07"],
            "period": "month",
            "length": 2,
            "as_of": "2024-03-01",
            "at_least": 1,
        },
        out_of_range={"date": "yesterday", "length": 0, "as_of": "2020-01-01", "at_least": 0},
    ),
    Call(
        membership_break_even,
        {"spend": [100.0, 1500.0], "fee": 50.0, "discount": 0.1, "margin": 0.3},
        out_of_range={"spend": -1.0, "fee": 0.0, "discount": 10.0, "margin": 30.0},
    ),
    Call(
        programme_costs,
        {
            "ledger": Later(ledger),
            "as_of": "2024-03-01",
            "point_value": 1.0,
            "redemption_rate": 0.5,
            "time": ["2024-01-10", "2024-02-20"],
            "spend": [2000.0, 1000.0],
        },
        out_of_range={
            "as_of": "tomorrow",
            "point_value": 0.0,
            "redemption_rate": 50.0,
            "time": "yesterday",
            "spend": -1.0,
        },
    ),
    Call(
        programme_liability,
        {"sales": 100_000.0, "points_value": 9500.0, "redeemed": [4500.0, 8500.0], "expected": [9500.0, 9700.0]},
        out_of_range={"sales": 0.0, "points_value": -1.0, "redeemed": -1.0, "expected": -1.0},
    ),
    Call(
        redemption_rates,
        {"ledger": Later(ledger), "as_of": "2024-03-01"},
        out_of_range={"as_of": "tomorrow", "level": 95.0},
    ),
    Call(
        referral_growth,
        {"n_start": 100.0, "coefficient": 0.5, "cycle_time": 10.0, "time": 20.0},
        out_of_range={"n_start": -1.0, "coefficient": -0.1, "cycle_time": 0.0, "time": -1.0},
    ),
    Call(
        referral_limit,
        {"n_start": 100.0, "coefficient": 0.5},
        out_of_range={"n_start": -1.0, "coefficient": -0.1},
    ),
    Call(
        simulate_programme,
        {
            "programme": LoyaltyProgramme(rules=[EarnRule(name="base", points=5, per=100)]),
            "order": ["o1", "o2"],
            "customer": ["ann", "bob"],
            "time": ["2024-01-05", "2024-02-05"],
            "spend": [10_000, 30_000],
            "point_value": 1.0,
            "redemption_rate": 0.8,
            "items": [1, 2],
            "event": ["order", "order"],
            "traits": {"brand": ["A", "B"]},
            "joined": ["2024-01-01", "2024-01-01"],
        },
        out_of_range={
            "time": "yesterday",
            "spend": -1,
            "point_value": 0.0,
            "redemption_rate": 80.0,
            "items": -1,
            "joined": "once",
        },
    ),
]
