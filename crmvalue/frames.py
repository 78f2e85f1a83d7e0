"""Dataframes of any kind and size: a frame in, the same kind of frame out.

====================================================  =================================================================
For                                                   Use
====================================================  =================================================================
one row per customer from a frame of orders           :func:`summarise`
a part to fit a model, and a later part to check it   :func:`split`
a model of purchases or of spend                      :func:`fit`
the value of each customer                            :func:`value`
scores and groups of recency, frequency and money     :func:`rfm`
segments by your own rules                            :func:`segments`
retention and revenue of cohorts                      :func:`retention`
customers on their way through the steps of a funnel  :func:`funnel`
movement between groups from one date to another      :func:`migrate`
the messages of a day                                 :func:`plan`
what came of messages                                 :func:`journey_results`
order lines, for the functions of products            :func:`order_lines`
====================================================  =================================================================

pandas, Polars and PyArrow, and the lazy frames of Polars, DuckDB, Ibis, SQLFrame, Dask and Spark (PySpark, Spark
Connect). The work goes to the data: lazy frames stay lazy, and only distinct rows and counts come into memory.

The same functions for arrays are in :mod:`crmvalue.purchases`, :mod:`crmvalue.models`, :mod:`crmvalue.segmentation`,
:mod:`crmvalue.cohorts`, :mod:`crmvalue.funnels` and :mod:`crmvalue.journeys`. Each result with rows has `to_frame`.
"""

from __future__ import annotations

from crmvalue._frames.cohorts import retention
from crmvalue._frames.customers import CustomerFrame, FrameResult
from crmvalue._frames.events import funnel
from crmvalue._frames.fits import fit
from crmvalue._frames.groups import migrate, rfm
from crmvalue._frames.log import order_lines, split, summarise
from crmvalue._frames.plans import journey_results, plan
from crmvalue._frames.segments import segments
from crmvalue._frames.values import value

__all__ = [
    "CustomerFrame",
    "FrameResult",
    "fit",
    "funnel",
    "journey_results",
    "migrate",
    "order_lines",
    "plan",
    "retention",
    "rfm",
    "segments",
    "split",
    "summarise",
    "value",
]
