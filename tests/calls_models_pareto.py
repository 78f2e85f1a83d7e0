"""Valid calls of the public functions of Pareto/NBD in crmvalue.models."""

from __future__ import annotations

from crmvalue.models import fit_pareto_nbd
from crmvalue.purchases import PurchaseHistory
from tests.calls import Call

__all__ = ["CALLS"]

HISTORY = PurchaseHistory.from_columns(
    frequency=[0, 1, 2, 5, 0], recency=[0, 3, 8, 9, 0], age=[10, 10, 9, 10, 3], time_unit="week"
)

CALLS = [Call(fit_pareto_nbd, {"history": HISTORY, "priors": {"r": (0.5, 1.0)}})]
