"""Segments: groups of customers, their value and their changes.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
scores of recency, frequency and money                      :func:`fit_rfm` once, then :func:`score_rfm`; over a window
                                                            of time, of :func:`crmvalue.purchases.summarise_window`
the eleven groups, or your own                              :class:`SegmentTable`, :meth:`RfmScores.segments`;
                                                            :func:`assign_segments` for scores from elsewhere
stages by last purchase, steps by purchases                 :func:`lifecycle_stage`, :func:`lifecycle_limits`,
                                                            :func:`loyalty_step`
the best customers                                          :func:`value_tier`
your own rules, evaluated for a day                         :class:`SegmentColumns`, with `&`, `|` and `~`;
                                                            :class:`Segment`, :func:`evaluate_segments`
movement between groups from one date to another            :func:`migration_matrix`
size and value of each group, and losses                    :func:`summarise_segments`, :func:`segment_value_changes`
dependence on few customers                                 :func:`concentration`, :func:`gini`, :func:`lorenz_curve`,
                                                            :func:`top_share`, :func:`customer_share`
==========================================================  ===========================================================

All functions take columns with one element per customer, in any order. Days and months follow the calendar; money keeps
its unit. Columns of a base come from :mod:`crmvalue.purchases`, values from :mod:`crmvalue.ltv` and
:mod:`crmvalue.models`.
"""

from __future__ import annotations

from crmvalue._segmentation.concentration import (
    LorenzCurve,
    ValueConcentration,
    concentration,
    customer_share,
    gini,
    lorenz_curve,
    top_share,
)
from crmvalue._segmentation.lifecycle import (
    LIFECYCLE_STAGES,
    LOYALTY_STEPS,
    SilenceUnit,
    lifecycle_limits,
    lifecycle_stage,
    loyalty_step,
    value_tier,
)
from crmvalue._segmentation.membership import Segment, SegmentChanges, SegmentMembership, evaluate_segments
from crmvalue._segmentation.migration import Migration, migration_matrix
from crmvalue._segmentation.rfm import RfmBreaks, RfmMethod, RfmScores, SpendBasis, fit_rfm, score_rfm
from crmvalue._segmentation.rules import AllOf, AnyOf, Column, ColumnType, Condition, Not, SegmentColumns
from crmvalue._segmentation.segment_table import Inversion, SegmentTable, TableBasis, assign_segments
from crmvalue._segmentation.segment_value import (
    SegmentSummary,
    SegmentValueChanges,
    segment_value_changes,
    summarise_segments,
)

__all__ = [
    "LIFECYCLE_STAGES",
    "LOYALTY_STEPS",
    "AllOf",
    "AnyOf",
    "Column",
    "ColumnType",
    "Condition",
    "Inversion",
    "LorenzCurve",
    "Migration",
    "Not",
    "RfmBreaks",
    "RfmMethod",
    "RfmScores",
    "Segment",
    "SegmentChanges",
    "SegmentColumns",
    "SegmentMembership",
    "SegmentSummary",
    "SegmentTable",
    "SegmentValueChanges",
    "SilenceUnit",
    "SpendBasis",
    "TableBasis",
    "ValueConcentration",
    "assign_segments",
    "concentration",
    "customer_share",
    "evaluate_segments",
    "fit_rfm",
    "gini",
    "lifecycle_limits",
    "lifecycle_stage",
    "lorenz_curve",
    "loyalty_step",
    "migration_matrix",
    "score_rfm",
    "segment_value_changes",
    "summarise_segments",
    "top_share",
    "value_tier",
]
