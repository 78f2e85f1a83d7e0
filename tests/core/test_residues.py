"""In each log of money, what binary arithmetic leaves of nothing counts as 0, and no longer stops the whole log."""

from __future__ import annotations

import pytest

from crmvalue.attribution import paths_from_touches
from crmvalue.cohorts import retention_triangle
from crmvalue.ltv import cash_flows_by_age
from crmvalue.metrics import plan_and_actual

TINY = [4e-16, -4e-16, 1e-10]


def planned(tiny):
    plan = {"start": ["2024-01-01"], "end": ["2024-01-31"], "target": [10.0]}
    sales = {"date": ["2024-01-02", "2024-01-03"], "amount": [4.0, tiny]}
    return plan_and_actual(plan, sales, as_of="2024-01-10")


def retained(tiny):
    days = ["2024-01-02", "2024-02-03"]
    return retention_triangle([1, 1], days, amount=[4.0, tiny], period="month", as_of="2024-02-29")


def touched(tiny):
    return paths_from_touches(
        ["ann"], ["mail"], ["2024-01-01"],
        conversion_customer=["ann", "ann"], conversion_time=["2024-01-02", "2024-01-03"],
        conversion_value=[4.0, abs(tiny)], as_of="2024-02-01", look_back_days=30,
    )  # fmt: skip


def aged(tiny):
    days = ["2024-01-02", "2024-02-03"]
    log = {"customers": [1], "margin": 1.0, "period": "month", "as_of": "2024-03-15"}
    return cash_flows_by_age([1, 1], days, [4.0, tiny], **log).tolist()


@pytest.mark.parametrize("make", [planned, retained, touched, aged])
@pytest.mark.parametrize("tiny", TINY)
def test_it_is_nothing(make, tiny):
    assert make(tiny) == make(0.0)
