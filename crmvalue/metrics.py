"""The key figures of a customer base: counts in, rate out.

Rates are fractions, never percent. Functions of counts broadcast over arrays, such as a column of months. Functions of
raw data take one-dimensional columns with one row per order, answer or ticket. Give an interval with each figure: the
last table lists them.

====================================================  =================================================================
Customers
====================================================  =================================================================
:func:`retention_rate`, :func:`churn_rate`            share of customers that stayed, and that was lost
:func:`customer_movements`                            both from an order log, with new and returned customers
:func:`repeat_purchase_rate`                          share with more than one purchase
:func:`time_between_purchases`                        mean days from one purchase to the next
:func:`acquisition_cost`, :func:`time_to_purchase`    money for, and days to, a first purchase
====================================================  =================================================================

====================================================  =================================================================
Revenue
====================================================  =================================================================
:func:`average_order_value`                           per order
:func:`average_revenue_per_user`                      per active customer and period
:func:`monthly_recurring_revenue`                     of subscriptions
:func:`recurring_revenue_movements`                   new, returning, more, less, lost; net and gross retention
====================================================  =================================================================

====================================================  =================================================================
Plans and choices
====================================================  =================================================================
:func:`growth_rate`, :func:`doubling_time`            compound, per period
:func:`plan_and_actual`                               target against actual, needed per day, chance to reach it
:func:`weighted_choice`                               criteria, weights and marks, and how far the choice hangs on them
====================================================  =================================================================

====================================================  =================================================================
Feedback
====================================================  =================================================================
:func:`net_promoter_score`                            NPS from counts
:func:`nps_counts`                                    NPS from single answers
:func:`customer_satisfaction`                         CSAT from counts
:func:`customer_satisfaction_from_scores`             CSAT from single answers: your cut, top-two-box or mean
:func:`customer_effort_score`                         CES from single answers
:func:`nps_change`                                    change of NPS between two waves, with a test
:func:`score_drivers`                                 which questions go with the score
:func:`response_by_segment`                           who did not answer, and weights for those who did
====================================================  =================================================================

====================================================  =================================================================
Service
====================================================  =================================================================
:func:`first_contact_resolution`                      FCR from counts
:func:`first_contact_resolution_from_tickets`         FCR with a stated window
:func:`response_time`, :func:`resolution_time`        hours to a reply and to a resolution, with the open tickets
:class:`BusinessHours`                                opening hours, holidays and time zone for these times
:func:`service_level`                                 share within the target (SLA), and what is at risk now
:func:`agent_scores`                                  satisfaction and effort by agent, shrunk
:func:`retention_by_worst_ticket`                     how many customers stay after a bad ticket
:func:`return_rate`, :func:`complaint_rate`           share of sales that came back, and of orders with a complaint
:func:`cost_per_contact`                              money per contact
====================================================  =================================================================

====================================================  =================================================================
Campaigns and programmes
====================================================  =================================================================
:func:`open_rate`, :func:`click_through_rate`         per delivered message
:func:`click_to_open_rate`, :func:`conversion_rate`   per opened message; per person at a step
:func:`participation_rate`, :func:`redemption_rate`   of a loyalty programme and its rewards
:func:`return_on_investment`                          net gain per unit of money spent
====================================================  =================================================================

====================================================  =================================================================
Intervals
====================================================  =================================================================
:func:`proportion_interval`                           for every share of counts
:func:`net_promoter_score_interval`                   for NPS
:func:`mean_interval`                                 for means of answers or amounts
:func:`ratio_interval`                                for ratios of sums over customers, such as the average order value
====================================================  =================================================================

Lifetime value is in :mod:`crmvalue.ltv`, one row per customer from an order log in :mod:`crmvalue.purchases`.
"""

from __future__ import annotations

from crmvalue._core.clock.business_hours import BusinessHours
from crmvalue._metrics.choice import WeightedChoice, weighted_choice
from crmvalue._metrics.customers import (
    CustomerMovements,
    TimeToPurchase,
    acquisition_cost,
    churn_rate,
    customer_movements,
    repeat_purchase_rate,
    retention_rate,
    time_between_purchases,
    time_to_purchase,
)
from crmvalue._metrics.engagement import (
    click_through_rate,
    click_to_open_rate,
    complaint_rate,
    conversion_rate,
    cost_per_contact,
    open_rate,
    participation_rate,
    redemption_rate,
    return_on_investment,
    return_rate,
)
from crmvalue._metrics.feedback import (
    NpsCounts,
    customer_effort_score,
    customer_satisfaction,
    customer_satisfaction_from_scores,
    net_promoter_score,
    net_promoter_score_interval,
    nps_counts,
)
from crmvalue._metrics.growth import doubling_time, growth_rate
from crmvalue._metrics.intervals import mean_interval, proportion_interval, ratio_interval
from crmvalue._metrics.plan_and_actual import PlanAndActual, plan_and_actual
from crmvalue._metrics.revenue import (
    RecurringRevenueMovements,
    average_order_value,
    average_revenue_per_user,
    monthly_recurring_revenue,
    recurring_revenue_movements,
)
from crmvalue._metrics.service.influence import (
    AgentScores,
    WorstTicketRetention,
    agent_scores,
    retention_by_worst_ticket,
)
from crmvalue._metrics.service.level import OpenTickets, ServiceLevel, service_level
from crmvalue._metrics.service.tickets import (
    FirstContactResolution,
    ResolutionTime,
    ResponseTime,
    first_contact_resolution,
    first_contact_resolution_from_tickets,
    resolution_time,
    response_time,
)
from crmvalue._metrics.survey import (
    NpsChange,
    ResponseBySegment,
    ScoreDrivers,
    nps_change,
    response_by_segment,
    score_drivers,
)

__all__ = [
    "AgentScores",
    "BusinessHours",
    "CustomerMovements",
    "FirstContactResolution",
    "NpsChange",
    "NpsCounts",
    "OpenTickets",
    "PlanAndActual",
    "RecurringRevenueMovements",
    "ResolutionTime",
    "ResponseBySegment",
    "ResponseTime",
    "ScoreDrivers",
    "ServiceLevel",
    "TimeToPurchase",
    "WeightedChoice",
    "WorstTicketRetention",
    "acquisition_cost",
    "agent_scores",
    "average_order_value",
    "average_revenue_per_user",
    "churn_rate",
    "click_through_rate",
    "click_to_open_rate",
    "complaint_rate",
    "conversion_rate",
    "cost_per_contact",
    "customer_effort_score",
    "customer_movements",
    "customer_satisfaction",
    "customer_satisfaction_from_scores",
    "doubling_time",
    "first_contact_resolution",
    "first_contact_resolution_from_tickets",
    "growth_rate",
    "mean_interval",
    "monthly_recurring_revenue",
    "net_promoter_score",
    "net_promoter_score_interval",
    "nps_change",
    "nps_counts",
    "open_rate",
    "participation_rate",
    "plan_and_actual",
    "proportion_interval",
    "ratio_interval",
    "recurring_revenue_movements",
    "redemption_rate",
    "repeat_purchase_rate",
    "resolution_time",
    "response_by_segment",
    "response_time",
    "retention_by_worst_ticket",
    "retention_rate",
    "return_on_investment",
    "return_rate",
    "score_drivers",
    "service_level",
    "time_between_purchases",
    "time_to_purchase",
    "weighted_choice",
]
