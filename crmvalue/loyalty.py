"""Loyalty programmes: points."""

from __future__ import annotations

from crmvalue._loyalty.earning import EarnRule
from crmvalue._loyalty.ledger import PointsLedger
from crmvalue._loyalty.levels import Level, MemberLevels
from crmvalue._loyalty.policy import PointsPolicy
from crmvalue._loyalty.programme import EarnedPoints, LoyaltyProgramme

__all__ = ["EarnRule", "EarnedPoints", "Level", "LoyaltyProgramme", "MemberLevels", "PointsLedger", "PointsPolicy"]
