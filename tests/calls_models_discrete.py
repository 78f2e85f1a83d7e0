"""Valid calls of the fits of spend, contracts and fixed opportunities."""

from __future__ import annotations

from crmvalue.models import (
    OpportunityHistory,
    fit_beta_discrete_weibull,
    fit_bg_bb,
    fit_gamma_gamma,
    fit_shifted_beta_geometric,
)
from crmvalue.purchases import PurchaseHistory
from tests.calls import Call

__all__ = ["CALLS"]

SPENDERS = PurchaseHistory.from_columns(
    frequency=[1, 2, 3, 0],
    recency=[1, 2, 3, 0],
    age=[4, 4, 4, 4],
    mean_repeat_spend=[9.0, 20.0, 31.0, 0.0],
    time_unit="week",
)
DONORS = OpportunityHistory(frequency=[0, 1, 2, 3], recency=[0, 1, 3, 3], n_opportunities=[3, 3, 3, 3])
COHORT = [100, 80, 70, 65]

CALLS = [
    Call(fit_gamma_gamma, {"history": SPENDERS, "priors": {"q": (4.0, 0.5)}}),
    Call(
        fit_shifted_beta_geometric,
        {"survivors": COHORT, "priors": {"alpha": (1.0, 1.0)}},
        out_of_range={"survivors": -1.0},
    ),
    Call(
        fit_beta_discrete_weibull,
        {"survivors": COHORT, "priors": {"alpha": (1.0, 1.0)}},
        out_of_range={"survivors": -1.0},
    ),
    Call(fit_bg_bb, {"history": DONORS, "priors": {"alpha": (1.0, 1.0)}}),
]
