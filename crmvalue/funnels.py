"""Funnels: which stage leaks, how surely, and who is still on the way.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
the stages of a funnel, your own or ready ones              :class:`Funnel`, :data:`AIDA`, :data:`SALES`, :data:`B2B`,
                                                            :data:`TOP_MIDDLE_BOTTOM`, :data:`MQL_SQL`
conversion from counts, and the weakest step                :func:`conversion`
conversion from a log of events, by group                   :func:`funnel_from_events`
how long prospects stay at each stage                       :func:`time_in_stage`
==========================================================  ===========================================================

A prospect that may still convert is open, never lost. Conversion of a step is the share of those at a stage who reach
the next one; overall conversion is the share of those who entered who reach the last.
"""

from __future__ import annotations

from crmvalue._funnel_counts import (
    AIDA,
    B2B,
    MQL_SQL,
    SALES,
    TOP_MIDDLE_BOTTOM,
    Funnel,
    FunnelConversion,
    conversion,
)
from crmvalue._funnel_events import EventFunnel, StageTimes, funnel_from_events, time_in_stage

__all__ = [
    "AIDA",
    "B2B",
    "MQL_SQL",
    "SALES",
    "TOP_MIDDLE_BOTTOM",
    "EventFunnel",
    "Funnel",
    "FunnelConversion",
    "StageTimes",
    "conversion",
    "funnel_from_events",
    "time_in_stage",
]
