"""Loyalty programmes: points, levels, referrals, what a programme owes and costs, and whether it helps.

=========================================================  ============================================================
For                                                        Use
=========================================================  ============================================================
points of members at any date                              :class:`PointsLedger`
when points can be spent, when they expire, returns        :class:`PointsPolicy`
rules of earning: points, cashback, stamps                 :class:`LoyaltyProgramme`, :class:`EarnRule`
points of past orders                                      ``LoyaltyProgramme.earn``, :class:`EarnedPoints`
levels, and what is missing for the next one               :class:`Level`, ``LoyaltyProgramme.member_levels``,
                                                           :class:`MemberLevels`
changes of level as events of journeys                     ``LoyaltyProgramme.level_history`` with
                                                           :func:`crmvalue.journeys.level_changes`
cost of rules on past orders, before launch                :func:`simulate_programme`, :class:`ProgrammeSimulation`
cost of a running programme by month                       :func:`programme_costs`, :class:`ProgrammeCosts`
what is owed in points, and when it becomes revenue        :func:`programme_liability`, :class:`ProgrammeLiability`
share of points that is redeemed                           :func:`redemption_rates`, :class:`RedemptionRates`
what members do because of the programme                   :func:`member_effect`, :class:`MemberEffect`
which referrers earn a reward                              :func:`attribute_referrals`, :class:`Referrals`
value of referred against other customers                  :func:`referred_value`, :class:`ReferredValue`
rewards for points, with stock and levels                  :class:`RewardCatalogue`, :class:`Reward`
weeks or months in a row, and what they win                :func:`find_streaks`, :class:`Challenge`
whether a paid membership pays                             :func:`membership_break_even`
growth by recommendation                                   :func:`referral_growth`, :func:`referral_limit`
=========================================================  ============================================================

Points and money are whole numbers: points, and minor units such as cents. Rates and shares are fractions. No function
reads a clock: give `as_of`.

A programme from the rules to a balance:

>>> from crmvalue.loyalty import EarnRule, Level, LoyaltyProgramme, PointsPolicy
>>> programme = LoyaltyProgramme(
...     rules=[
...         EarnRule(name="purchases", points=1, per=1000, level_percent={"gold": 200}),
...         EarnRule(name="review", basis="event", event="review", points=50),
...     ],
...     levels=[Level(name="base", at_least=0), Level(name="gold", at_least=100_000)],
...     window="year",
... )
>>> earned = programme.earn(
...     order=["o1", "r1", "o2"],
...     customer=["ann", "ann", "ann"],
...     time=["2024-03-01", "2024-03-05", "2024-04-01"],
...     spend=[120_000, 0, 30_000],
...     event=["order", "review", "order"],
... )
>>> earned.points.tolist()
[120, 50, 60]
>>> ledger = earned.ledger(PointsPolicy(if_spent="negative", pending_days=14, expire_months=12))
>>> ledger = ledger.add(event=["s1"], member=["ann"], kind=["spend"], time=["2024-05-01"], points=[100])
>>> ledger.balance("ann", "2024-05-01"), ledger.balance("ann", "2025-03-02")
(130, 110)
"""

from __future__ import annotations

from crmvalue._loyalty.earning import EarnRule
from crmvalue._loyalty.effect import MemberEffect, ReferredValue, member_effect, referred_value
from crmvalue._loyalty.ledger import PointsLedger
from crmvalue._loyalty.levels import Level, MemberLevels
from crmvalue._loyalty.liability import (
    ProgrammeCosts,
    ProgrammeLiability,
    RedemptionRates,
    programme_costs,
    programme_liability,
    redemption_rates,
)
from crmvalue._loyalty.policy import PointsPolicy
from crmvalue._loyalty.programme import EarnedPoints, LoyaltyProgramme
from crmvalue._loyalty.referral import Referrals, attribute_referrals, referral_growth, referral_limit
from crmvalue._loyalty.rewards import Challenge, Reward, RewardCatalogue, find_streaks, membership_break_even
from crmvalue._loyalty.simulation import ProgrammeSimulation, simulate_programme

__all__ = [
    "Challenge",
    "EarnRule",
    "EarnedPoints",
    "Level",
    "LoyaltyProgramme",
    "MemberEffect",
    "MemberLevels",
    "PointsLedger",
    "PointsPolicy",
    "ProgrammeCosts",
    "ProgrammeLiability",
    "ProgrammeSimulation",
    "RedemptionRates",
    "Referrals",
    "ReferredValue",
    "Reward",
    "RewardCatalogue",
    "attribute_referrals",
    "find_streaks",
    "member_effect",
    "membership_break_even",
    "programme_costs",
    "programme_liability",
    "redemption_rates",
    "referral_growth",
    "referral_limit",
    "referred_value",
    "simulate_programme",
]
