"""What customers are worth, and what to do about it.

The package exposes modules, not names; import what you need from where it lives.

===========================  ================================================================================
`crmvalue.metrics`           key figures: retention, churn, AOV, NPS and the rest, with intervals
`crmvalue.ltv`               lifetime value in closed form, NPV, payback, LTV:CAC and its bands
`crmvalue.purchases`         an order log to one row per customer; calibration and holdout
`crmvalue.models`            who is still a customer, what he will buy, spend and be worth
`crmvalue.segmentation`      RFM and its groups, stages, tiers, dynamic segments, migration, concentration
`crmvalue.journeys`          whom to contact today, with what, and why not the others
`crmvalue.journey_map`       customer journey maps: what is missing, what the future state changes
`crmvalue.funnels`           where prospects are lost, what the open pipeline will bring, who is ready to buy
`crmvalue.cohorts`           retention and revenue by period of first purchase; survival; payback of a cohort
`crmvalue.attribution`       which channels brought the customers
`crmvalue.experiments`       whether a change helped: comparisons, sample sizes, tests that may be watched
`crmvalue.report`            the overview of a base that `python -m crmvalue` prints
`crmvalue.datasets`          the CDNOW sample, and simulated order logs of any size
`crmvalue.errors`            the errors and warnings that all of these raise
`crmvalue.typing`            the types in their signatures
===========================  ================================================================================

Importing the package loads numpy and attrs; scipy's submodules are loaded by the functions that use them.
"""

from __future__ import annotations

__version__ = "0.1.0"
