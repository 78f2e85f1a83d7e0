"""The overview of a base: what `python -m crmvalue` prints, as values and as text.

======================================================  ===============================================================
For                                                     Use
======================================================  ===============================================================
key figures, lifetime value, concentration              :func:`summarise_base`, :func:`format_summary`
the groups of RFM, now and three months before          :func:`summarise_groups`, :func:`format_groups`
the forecast of a purchase model, checked on a holdout  :func:`summarise_models`, :func:`format_models`
all of it as one page of HTML, with pictures and names  :func:`summarise_report`, :func:`format_report`
======================================================  ===============================================================

The functions `summarise_...` measure an order log and return frozen values; `format_...` write these as text, and
:func:`format_report` as a page in English, Ukrainian, Georgian or Azerbaijani. Every
figure comes from a public function of :mod:`crmvalue.metrics`, :mod:`crmvalue.ltv`, :mod:`crmvalue.purchases`,
:mod:`crmvalue.segmentation` or :mod:`crmvalue.models`.
"""

from __future__ import annotations

from crmvalue._report.base import summarise_base
from crmvalue._report.base_summary import BaseSummary, BaseValue, Concentration, Estimate, LastPeriod
from crmvalue._report.groups import GroupSummary, summarise_groups
from crmvalue._report.models import ModelSummary, summarise_models
from crmvalue._report.page.contents import Report, summarise_report
from crmvalue._report.page.html import format_report
from crmvalue._report.page.people import CustomerList
from crmvalue._report.text import format_groups, format_models, format_summary

__all__ = [
    "BaseSummary",
    "BaseValue",
    "Concentration",
    "CustomerList",
    "Estimate",
    "GroupSummary",
    "LastPeriod",
    "ModelSummary",
    "Report",
    "format_groups",
    "format_models",
    "format_report",
    "format_summary",
    "summarise_base",
    "summarise_groups",
    "summarise_models",
    "summarise_report",
]
