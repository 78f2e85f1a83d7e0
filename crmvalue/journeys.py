"""Journeys: which customers to contact today, with which message, and why the others get none.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
offers that rise while a customer stays silent              :class:`Cascade`, :class:`Offer`
birthdays and other days that come round each year          :class:`BirthdayJourney`
messages after an event                                     :class:`TriggerJourney`
several messages with waits and branches                    :class:`Journey`, :class:`JourneyRuns`
its steps                                                   :class:`Message`, :class:`Wait`, :class:`WaitFor`,
                                                            :class:`Branch`, :class:`Choice`, :class:`Split`
the customers, what they did, what was sent                 :class:`Customers`, :class:`Events`, :class:`MessageHistory`
events from prices, tiers and segments                      :func:`price_drops`, :func:`level_changes`,
                                                            :func:`segment_changes`
the fifth purchase as an event                              :func:`nth_events`
consent, quiet hours, frequency, control group, budget      :class:`Policy`, :class:`FrequencyCap`,
                                                            :class:`~crmvalue.metrics.BusinessHours`
every message of a day, with its decision and reason        :func:`plan`, :func:`explain`
the same over past data, day by day                         :func:`simulate_plan`
services and follow-ups of installed items                  :class:`ServiceCycle`, :class:`InstalledItems`,
                                                            :func:`next_service`, :func:`group_services`
visits over weeks, technicians and hours                    :func:`spread_visits`, :func:`assign_visits`,
                                                            :class:`Technician`
customers without a next step                               :func:`without_next_step`
what was promised: what ends, and what holds                :func:`expiring_terms`, :func:`terms_in_force`
what came of messages, by journey, step, offer, channel     :func:`journey_results`, :class:`Responses`,
                                                            :class:`Orders`
treated against control                                     :func:`campaign_effect`
the best hour to write to each customer                     :func:`best_send_hours`
a past campaign without a control group                     :func:`observed_effect`
which steps of a cascade pay, and when to stop              :func:`break_even_benefit`, :func:`steps_that_pay`,
                                                            :func:`best_last_step`
==========================================================  ===========================================================

A plan is a pure function of data and a day: the same arguments give the same plan. Times are local times of the
customer, and nothing here reads a clock. Minutes and hours of waits are elapsed time, also over a change of the clocks;
days, weeks and months, of waits, cool-downs, caps and validity, follow the calendar of the customer.
"""

from __future__ import annotations

from crmvalue._core.clock.business_hours import BusinessHours
from crmvalue._journeys.campaign import CampaignEffect, campaign_effect
from crmvalue._journeys.data import Customers, Events, MessageHistory
from crmvalue._journeys.derived_events import level_changes, nth_events, price_drops, segment_changes
from crmvalue._journeys.effect import (
    LastStep,
    StepsThatPay,
    best_last_step,
    break_even_benefit,
    steps_that_pay,
)
from crmvalue._journeys.kinds.birthday import AnniversaryMessage, BirthdayJourney
from crmvalue._journeys.kinds.cascade import Cascade, CascadeDue, CascadeState, CascadeSteps
from crmvalue._journeys.kinds.journey import Journey
from crmvalue._journeys.kinds.runs import JourneyRuns
from crmvalue._journeys.kinds.steps import Branch, Choice, Message, Split, Wait, WaitFor
from crmvalue._journeys.kinds.trigger import TriggerJourney
from crmvalue._journeys.offers import Offer
from crmvalue._journeys.planning.plan import DECISIONS, Plan
from crmvalue._journeys.planning.planner import explain, plan, simulate_plan
from crmvalue._journeys.planning.policy import FrequencyCap, Policy
from crmvalue._journeys.results.hours import SendHours, best_send_hours
from crmvalue._journeys.results.logs import Orders, Responses
from crmvalue._journeys.results.measure import CreditRule, journey_results
from crmvalue._journeys.results.observed import ObservedEffect, observed_effect
from crmvalue._journeys.results.ranks import JourneyRank
from crmvalue._journeys.results.table import JourneyResults
from crmvalue._journeys.service.cycle import (
    ServiceCycle,
    ServiceDue,
    WithoutNextStep,
    next_service,
    without_next_step,
)
from crmvalue._journeys.service.items import InstalledItems, group_services
from crmvalue._journeys.service.technicians import AssignedVisits, Technician, assign_visits
from crmvalue._journeys.service.terms import ExpiringTerms, TermsInForce, expiring_terms, terms_in_force
from crmvalue._journeys.service.visits import VisitSchedule, spread_visits

__all__ = [
    "DECISIONS",
    "AnniversaryMessage",
    "AssignedVisits",
    "BirthdayJourney",
    "Branch",
    "BusinessHours",
    "CampaignEffect",
    "Cascade",
    "CascadeDue",
    "CascadeState",
    "CascadeSteps",
    "Choice",
    "CreditRule",
    "Customers",
    "Events",
    "ExpiringTerms",
    "FrequencyCap",
    "InstalledItems",
    "Journey",
    "JourneyRank",
    "JourneyResults",
    "JourneyRuns",
    "LastStep",
    "Message",
    "MessageHistory",
    "ObservedEffect",
    "Offer",
    "Orders",
    "Plan",
    "Policy",
    "Responses",
    "SendHours",
    "ServiceCycle",
    "ServiceDue",
    "Split",
    "StepsThatPay",
    "Technician",
    "TermsInForce",
    "TriggerJourney",
    "VisitSchedule",
    "Wait",
    "WaitFor",
    "WithoutNextStep",
    "assign_visits",
    "best_last_step",
    "best_send_hours",
    "break_even_benefit",
    "campaign_effect",
    "expiring_terms",
    "explain",
    "group_services",
    "journey_results",
    "level_changes",
    "next_service",
    "nth_events",
    "observed_effect",
    "plan",
    "price_drops",
    "segment_changes",
    "simulate_plan",
    "spread_visits",
    "steps_that_pay",
    "terms_in_force",
    "without_next_step",
]
