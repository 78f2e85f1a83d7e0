"""Valid calls of the planner."""

from __future__ import annotations

from crmvalue.journeys import Cascade, Customers, Policy, explain, plan, simulate_plan
from tests.calls import Call

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
    Call(explain, {"made": plan([Cascade()], BASE, None, None, Policy(), "2024-05-31"), "customer": 1}),
]
