"""The value of customers, and actions that raise it.

Import functions and classes from the modules below; the package itself exports only these modules.

===========================  ================================================================================
`crmvalue.metrics`           key figures with intervals; service in business hours, surveys, plan and actual
`crmvalue.ltv`               lifetime value in closed form, payback, LTV:CAC, unprofitable customers, budgets
`crmvalue.frames`            dataframes of any kind and size: from orders to values, groups, cohorts and plans
`crmvalue.purchases`         an order log to one row per customer; calibration and holdout
`crmvalue.models`            models of single customers: still active or not, future purchases, spend, value
`crmvalue.segmentation`      RFM groups, stages, tiers, dynamic segments, migration, concentration
`crmvalue.journeys`          plans of messages: whom to contact today, with what, and what each journey earned
`crmvalue.journey_map`       customer journey maps: gaps, and changes from the present to a future state
`crmvalue.funnels`           funnels: lost prospects, value of the open pipeline, scores of leads
`crmvalue.cohorts`           retention and revenue by period of first purchase; survival; payback
`crmvalue.attribution`       shares of marketing channels in the conversions
`crmvalue.experiments`       effects of changes: comparisons, sample sizes, sequential tests
`crmvalue.promotions`        promotions on a cart: the cheapest legal price, exact to the cent
`crmvalue.codes`             promotional codes and gift certificates: hard to guess, exact to the cent
`crmvalue.loyalty`           loyalty programmes: points, levels, what is owed, referrals, effect
`crmvalue.products`          what goes together, what is bought next, what is due, offers for each customer
`crmvalue.profiles`          one customer from the records of many channels, with the reason of each merge
`crmvalue.plots`             pictures of results, for notebooks, browsers and files
`crmvalue.report`            the overview of a base, as `python -m crmvalue` prints it
`crmvalue.datasets`          the CDNOW sample, and simulated order logs of any size
`crmvalue.errors`            the errors and warnings of all modules
`crmvalue.typing`            the types in the signatures
===========================  ================================================================================

Importing the package loads numpy and attrs; scipy's submodules are loaded by the functions that use them.
"""

from __future__ import annotations

__version__ = "0.1.0"
