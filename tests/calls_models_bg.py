"""Valid calls of the public functions of BG/NBD and MBG/NBD in crmvalue.models."""

from __future__ import annotations

from crmvalue.models import fit_bg_nbd, fit_mbg_nbd
from crmvalue.purchases import PurchaseHistory
from tests.calls import Call

__all__ = ["CALLS"]

HISTORY = PurchaseHistory.from_columns(
    frequency=[0, 0, 1, 2, 5, 0, 1],
    recency=[0, 0, 3, 20, 30, 0, 33],
    age=[30, 35, 31, 38, 33, 28, 36],
    time_unit="week",
)

CALLS = [Call(function, {"history": HISTORY, "priors": {"r": (0.5, 1.0)}}) for function in (fit_bg_nbd, fit_mbg_nbd)]
