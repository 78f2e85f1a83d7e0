"""Cohorts: how many customers stay, for how long, and when a cohort has paid back its acquisition.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
retention and revenue by period of first purchase           :func:`retention_triangle`
retention on day n, between two days, from day n on         :func:`n_day_retention`
whether cohorts differ at one age                           :func:`compare_retention`
how long customers stay, with some still active             :func:`survival_curve`
whether cohorts stay equally long                           :func:`compare_survival`
retention of subscribers in future periods                  :func:`project_retention`
value of each cohort so far, and its payback period         :func:`cohort_ltv`
==========================================================  ===========================================================

A period that is not over at `as_of` never counts as a loss: its cells and customers are kept apart. Retention rates are
fractions. The age of a cohort counts periods; the period of the first purchase is age 0. For the future of customers
without a contract see :mod:`crmvalue.models`.
"""

from __future__ import annotations

from crmvalue._cohorts.n_day_retention import NDayRetention, n_day_retention
from crmvalue._cohorts.payback import CohortLtv, cohort_ltv
from crmvalue._cohorts.projection import RetentionProjection, project_retention
from crmvalue._cohorts.retention import RetentionTriangle, retention_triangle
from crmvalue._cohorts.survival_curve import (
    CohortComparison,
    SurvivalCurve,
    compare_retention,
    compare_survival,
    survival_curve,
)

__all__ = [
    "CohortComparison",
    "CohortLtv",
    "NDayRetention",
    "RetentionProjection",
    "RetentionTriangle",
    "SurvivalCurve",
    "cohort_ltv",
    "compare_retention",
    "compare_survival",
    "n_day_retention",
    "project_retention",
    "retention_triangle",
    "survival_curve",
]
