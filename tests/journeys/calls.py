"""Valid calls of the planner."""

from __future__ import annotations

from crmvalue import journeys
from crmvalue.journeys import (
    Cascade,
    Customers,
    Events,
    Policy,
    explain,
    level_changes,
    nth_events,
    plan,
    price_drops,
    segment_changes,
    simulate_plan,
)
from crmvalue.segmentation import Segment, SegmentColumns, evaluate_segments
from tests.calls import Call, Later

__all__ = ["CALLS"]

BASE = Customers(customer=[1, 2], dates={"last_purchase": ["2023-08-31", None]}, consent={"email": [True, True]})
COMMON = {"journeys": [Cascade()], "customers": BASE, "events": None, "policy": Policy()}

CALLS = [
    Call(
        plan,
        {**COMMON, "history": None, "as_of": "2024-05-31", "days": 2},
        out_of_range={"as_of": "2024-05-32", "days": 0},
    ),
    Call(
        simulate_plan,
        {**COMMON, "start": "2024-05-31", "end": "2024-06-01"},
        out_of_range={"start": "2024-05-32", "end": "2024-05-30"},
    ),
    Call(explain, {"made": Later(lambda: plan([Cascade()], BASE, None, None, Policy(), "2024-05-31")), "customer": 1}),
]


ADULTS = Segment("adults", SegmentColumns({"age": "number"})["age"] >= 18)
BEFORE = Later(lambda: evaluate_segments([ADULTS], {"age": [17, 18]}, customer=["ann", "bob"], as_of="2024-05-30"))
NOW = Later(lambda: evaluate_segments([ADULTS], {"age": [18, 18]}, customer=["ann", "bob"], as_of="2024-05-31"))

CALLS += [
    Call(
        price_drops,
        {
            "customer": [1, 2],
            "item": ["lamp", "vase"],
            "wished_at": ["2024-05-01", "2024-05-02"],
            "price_item": ["lamp", "vase", "lamp"],
            "price_time": ["2024-01-01", "2024-01-01", "2024-05-31"],
            "price": [100.0, 50.0, 80.0],
            "removed_at": ["2024-06-30", None],
            "amount": 10.0,
        },
        out_of_range={
            "wished_at": "2024-05-32",
            "price_time": "2024-05-32",
            "price": -1.0,
            "removed_at": "2024-05-32",
            "amount": 0.0,
            "percent": 101.0,
            "look_back_days": 0,
        },
        missing_allowed={"removed_at"},
    ),
    Call(
        level_changes,
        {
            "customer": ["ann", "ann", "bob"],
            "tier": ["silver", "gold", "gold"],
            "time": ["2024-01-01", "2024-03-01", "2024-03-01"],
            "tiers": ["silver", "gold"],
        },
        out_of_range={"time": "2024-01-32"},
    ),
    Call(
        nth_events,
        {"events": Events(customer=[1], name=["visit"], time=["2024-05-01"]), "event": "visit", "n": 1},
        out_of_range={"n": 0},
    ),
    Call(segment_changes, {"before": BEFORE, "now": NOW, "time": "2024-05-31T08:00"}, {"time": "2024-05-32"}),
]


STEPS = {
    "value": [50.0, 400.0],
    "prob_return_with": [[0.1, 0.07], [0.2, 0.1]],
    "prob_return_without": [[0.05, 0.04], [0.1, 0.1]],
    "benefit": [[5.0, 10.0], [5.0, 10.0]],
    "contact_cost": 0.5,
}
OUTSIDE = {
    "value": -1.0,
    "prob_return_with": 1.5,
    "prob_return_without": -0.1,
    "benefit": -1.0,
    "contact_cost": -1.0,
}

CALLS += [
    Call(
        journeys.next_service,
        {"last_service": ["2024-01-31", "2024-02-29"], "interval_months": [1, 12]},
        {"last_service": "2024-02-30", "interval_months": 0},
    ),
    Call(
        journeys.expiring_terms,
        {"term": ["price", "delivery"], "expires": ["2024-07-01", "2024-08-01"], "as_of": "2024-06-30"},
        {"expires": "2024-06-31", "as_of": "2024-06-31", "days_before": -1},
        missing_allowed={"expires"},
    ),
    Call(
        journeys.terms_in_force,
        {
            "customer": ["ann", "bob"],
            "term": ["price", "delivery"],
            "expires": ["2024-07-01", "2024-08-01"],
            "promised_by": ["Olha", "Ihor"],
            "manager": ["Ihor", "Ihor"],
            "as_of": "2024-06-30",
        },
        {"expires": "2024-06-31", "as_of": "2024-06-31"},
        missing_allowed={"expires"},
    ),
    Call(
        journeys.group_services,
        {"customer": ["ann", "bob"], "dates": ["2024-06-12", "2024-06-13"], "days_early": 7},
        {"dates": "2024-06-31", "days_early": -1},
    ),
    Call(
        journeys.assign_visits,
        {
            "dates": ["2024-06-12", "2024-06-13"],
            "district": ["north", "south"],
            "technicians": (journeys.Technician("Ivan", districts=["north", "south"], hours=journeys.BusinessHours()),),
            "at_home": [None, journeys.BusinessHours()],
            "as_of": "2024-06-01",
            "minutes": 90,
        },
        {"dates": "2024-06-31", "as_of": "x-06-31", "minutes": 0, "days_early": -1, "days_late": 367},
    ),
    Call(
        journeys.spread_visits,
        {"dates": ["2024-06-12", "2024-06-13"], "capacity_per_week": 1, "as_of": "2024-06-01"},
        {"dates": "2024-06-31", "capacity_per_week": -1, "as_of": "x-06-31", "weeks_early": -1, "weeks_late": 521},
    ),
    Call(
        journeys.without_next_step,
        {
            "customer": ["ann", "bob"],
            "step_customer": ["ann", "bob"],
            "step_date": ["2024-07-01", "2024-05-01"],
            "as_of": "2024-06-30",
        },
        {"step_date": "2024-06-31", "as_of": "2024-06-31"},
        missing_allowed={"step_date"},
    ),
    Call(
        journeys.campaign_effect,
        {
            "n_treated": 3,
            "n_treated_responded": 2,
            "n_control": 2,
            "n_control_responded": 1,
            "revenue_treated": [10.0, 0.0, 20.0],
            "revenue_control": [0.0, 5.0],
            "margin": 0.5,
            "assignment": "observed",
            "before_treated": [5.0, 0.0, 10.0],
            "before_control": [0.0, 5.0],
        },
        {
            "n_treated": 0,
            "n_treated_responded": 4,
            "n_control": 0,
            "n_control_responded": 1.5,
            "margin": 1.5,
            "benefit": -1.0,
            "contact_cost": -1.0,
            "level": 1.0,
        },
        unbounded={"revenue_treated", "revenue_control", "before_treated", "before_control"},
    ),
    Call(
        journeys.break_even_benefit,
        {"value": [50.0, 90.0], "prob_return_with": [0.1, 0.2], "prob_return_without": [0.05, 0.1]},
        {"value": -1.0, "prob_return_with": 1.5, "prob_return_without": 1.5, "contact_cost": -1.0},
    ),
    Call(
        journeys.journey_results,
        {
            "messages": Later(lambda: plan([Cascade()], BASE, None, None, Policy(), "2024-05-31")),
            "responses": Later(lambda: journeys.Responses(customer=[1], name=["opened"], time=["2024-06-01"])),
            "orders": Later(lambda: journeys.Orders(customer=[1], time=["2024-06-02"], revenue=[5], margin=1)),
            "as_of": "2024-06-30",
            "contact_cost": 0.05,
            "segment_customer": [1, 2],
            "segment": ["a", "b"],
        },
        {"as_of": "2024-06-31", "within_days": 0, "contact_cost": -1.0, "level": 1.0},
    ),
    Call(
        journeys.observed_effect,
        {
            "treated": [True] * 20 + [False] * 20,
            "after": [1.0, 2.0, 3.0, 4.0] * 10,
            "past": [[1.0, 2.0] * 20, [2.0, 1.0] * 20],
            "traits": {"days": [5.0, 7.0, 9.0, 8.0] * 10},
        },
        {"treated": 0.5, "penalty": 0.0, "level": 1.0},
        unbounded={"after", "past"},
    ),
    Call(
        journeys.best_send_hours,
        {"customer": [1, 2], "time": ["2024-05-01T09:00", "2024-05-01T19:00"], "earliest": 8, "latest": 20},
        {"time": "2024-05-32", "earliest": 24, "latest": 7},
    ),
    Call(journeys.steps_that_pay, STEPS, OUTSIDE),
    Call(journeys.best_last_step, STEPS, OUTSIDE),
]
