"""Journeys: whom to contact today, with what, and why not the others.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
offers that grow with a customer's silence                  :class:`Cascade`
birthdays and other days that come round each year          :class:`BirthdayJourney`
messages after an event                                     :class:`TriggerJourney`
who is who, what they did, what was sent                    :class:`Customers`, :class:`Events`, :class:`MessageHistory`
consent, quiet hours, frequency, control group, budget      :class:`Policy`, :class:`FrequencyCap`
every message of a day, with its decision and reason        :func:`plan`, :func:`explain`
the same over past data, day by day                         :func:`simulate_plan`
==========================================================  ===========================================================

A plan is a pure function of data and a day: the same arguments give the same plan. Times are the customer's own, and
nothing here reads a clock.
"""

from __future__ import annotations

from crmvalue._cascade import Cascade, CascadeDue, CascadeState, CascadeSteps
from crmvalue._journey_data import Customers, Events, MessageHistory
from crmvalue._offers import Offer
from crmvalue._plan import DECISIONS, Plan
from crmvalue._planner import explain, plan, simulate_plan
from crmvalue._policy import FrequencyCap, Policy
from crmvalue._sources import AnniversaryMessage, BirthdayJourney, TriggerJourney

__all__ = [
    "DECISIONS",
    "AnniversaryMessage",
    "BirthdayJourney",
    "Cascade",
    "CascadeDue",
    "CascadeState",
    "CascadeSteps",
    "Customers",
    "Events",
    "FrequencyCap",
    "MessageHistory",
    "Offer",
    "Plan",
    "Policy",
    "TriggerJourney",
    "explain",
    "plan",
    "simulate_plan",
]
