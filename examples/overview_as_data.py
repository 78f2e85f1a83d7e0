"""Measure a customer base in a service: the overview as a value, as JSON text, and as a decision.

Run with `python examples/overview_as_data.py`.
"""

from __future__ import annotations

from crmvalue.datasets import load_cdnow
from crmvalue.report import BaseSummary, summarise_base

orders = load_cdnow()
summary = summarise_base(orders.customer, orders.date, orders.amount, margin=0.3, acquisition_cost=20)

stored = summary.to_json()
print(f"{len(stored):,} characters to keep; read back unchanged: {BaseSummary.from_json(stored) == summary}")

newcomer = summary.value.ltv_newcomer
if newcomer is not None and summary.value.band is not None:
    print(f"a newcomer is worth {newcomer.value:.2f}: {summary.value.band.name}")
    print(f"spend at most {summary.value.max_acquisition_cost:.2f} on winning one")
