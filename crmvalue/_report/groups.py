"""The RFM groups and lifecycle stages of the customers of a log; the part of the report on segments.

The public door is :mod:`crmvalue.report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.calendar import add_months
from crmvalue._core.checks import as_day, as_flag, as_whole_number
from crmvalue._core.values import FixedMapping, checked_field, of_class, optional, stay_frozen
from crmvalue._purchases.order_log import Log, Policy, aggregate, last_day, read_log
from crmvalue.errors import InputError
from crmvalue.journeys import Cascade
from crmvalue.purchases import PurchaseHistory, to_history
from crmvalue.segmentation import (
    LIFECYCLE_STAGES,
    RfmBreaks,
    RfmScores,
    SegmentSummary,
    SegmentTable,
    assign_segments,
    fit_rfm,
    lifecycle_stage,
    score_rfm,
    summarise_segments,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.purchases import Duplicates, Missing, Refunds, Zeros
    from crmvalue.typing import ArrayLike

__all__ = ["GroupSummary", "summarise_groups", "summarise_groups_log"]

_ATTENTION = ("Can't Lose Them", "At Risk", "Need Attention", "About To Sleep")
_MONTHS_BEFORE = 3


def _counts_by_month(name: str, value: Any) -> FixedMapping[int, int]:
    """Take numbers of customers by month."""
    if not isinstance(value, Mapping):
        raise InputError(name, "a mapping of months to numbers of customers", value)
    return FixedMapping(
        {as_whole_number(name, month, low=0): as_whole_number(name, number, low=0) for month, number in value.items()}
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class GroupSummary:
    """The groups of a base, what they have spent, and what they were three months before.

    Parameters
    ----------
    as_of : datetime64[D]
        Last day of observation.
    groups : SegmentSummary
        The groups of RFM, best first, with the revenue of all time.
    stages : SegmentSummary
        The stages of the lifecycle.
    breaks : RfmBreaks
        Break points of the scores; they can score other customers.
    before : SegmentSummary or None
        The groups three months before, by the same break points; None if the log was then shorter than the largest
        break point of the days since the last purchase.
    due : dict of int to int
        Customers due in a first run of the default win-back cascade on that day, by months without a purchase.
    has_money : bool
        Whether the log has amounts; without them the groups come from recency and frequency only.

    Examples
    --------
    >>> summary = summarise_groups([1, 1, 2], ["2024-01-01", "2024-03-01", "2023-01-10"], [10, 20, 30])
    >>> summary.stages.n_customers
    array([1, 1, 0, 0])
    """

    as_of: np.datetime64 = checked_field("as_of", as_day, eq=str)
    groups: SegmentSummary = checked_field("groups", of_class(SegmentSummary))
    stages: SegmentSummary = checked_field("stages", of_class(SegmentSummary))
    breaks: RfmBreaks = checked_field("breaks", of_class(RfmBreaks))
    before: SegmentSummary | None = checked_field("before", optional(of_class(SegmentSummary)))
    due: Mapping[int, int] = checked_field("due", _counts_by_month)
    has_money: bool = checked_field("has_money", as_flag)

    @property
    def attention(self) -> tuple[str, ...]:
        """Groups with customers that need attention now, most urgent first."""
        size = dict(zip(self.groups.names, self.groups.n_customers.tolist(), strict=True))
        return tuple(name for name in _ATTENTION if size.get(name))


def summarise_groups(
    customer: ArrayLike,
    date: ArrayLike,
    amount: ArrayLike | None = None,
    *,
    as_of: ArrayLike | None = None,
    refunds: Refunds = "raise",
    zeros: Zeros = "keep",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
) -> GroupSummary:
    """Sort the customers of an order log into the groups of RFM and the stages of the lifecycle.

    Parameters
    ----------
    customer, date, amount, as_of, refunds, zeros, missing, duplicates
        As in :func:`summarise_base`.

    Returns
    -------
    GroupSummary
        Size and revenue of each group, now and three months before.

    Raises
    ------
    InputError
        As :func:`crmvalue.purchases.summarise_purchases`.

    Notes
    -----
    Customers are scored by rank on days since the last purchase, number of purchases and total spend. Table A of
    :class:`crmvalue.segmentation.SegmentTable` turns the scores into groups; without amounts it is table D. Both days
    use the break points of the last day, so that their groups can be compared.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> summarise_groups(cdnow.customer, cdnow.date, cdnow.amount).attention
    ("Can't Lose Them", 'At Risk', 'Need Attention')
    """
    log = read_log(customer, date, amount, time_unit="day", grain="day")
    return summarise_groups_log(log, Policy(refunds, zeros, missing, duplicates), as_of=as_of)[0]


def summarise_groups_log(
    log: Log, policy: Policy, *, as_of: ArrayLike | None
) -> tuple[GroupSummary, dict[str, npt.NDArray[np.generic]]]:
    """Do what :func:`summarise_groups` does, for a log that has been read; give the columns of all customers too."""
    end = last_day(log, "as_of", as_of)
    history = to_history(aggregate(log, policy, None, end, "day"), end, "day", "day")
    has_money = history.total_spend is not None
    table = SegmentTable.preset("A" if has_money else "D")
    breaks = fit_rfm(*_columns(history), spend_basis="total", as_of=end)
    scores, groups, summary = _sort(history, breaks, table)
    last_purchase = end - history.days_since_last.astype(np.int64).astype("timedelta64[D]")
    stages = summarise_segments(
        lifecycle_stage(last_purchase, end), _columns(history)[2], table=LIFECYCLE_STAGES, as_of=end
    )  # fmt: skip
    earlier = add_months(np.array([end]), -_MONTHS_BEFORE)[0]
    before = None
    oldest = breaks.days_since_last[np.isfinite(breaks.days_since_last)].max(initial=0.0)
    if (earlier - log.day.min()).astype(np.int64) >= oldest:  # else no customer could have been silent for so long
        past = aggregate(log, policy, None, earlier, "day")
        if len(past.customer):
            before = _sort(to_history(past, earlier, "day", "day"), breaks, table)[2]
    found = GroupSummary(
        as_of=end,
        groups=summary,
        stages=stages,
        breaks=breaks,
        before=before,
        due=Cascade().due(last_purchase, end).n_by_month,
        has_money=has_money,
    )
    columns = {"r_score": scores.r_score, "f_score": scores.f_score, "m_score": scores.m_score, "segment": groups}
    if not has_money:
        del columns["m_score"]
    return found, columns


def _columns(history: PurchaseHistory) -> tuple[npt.NDArray[np.float64], ...]:
    spend = np.zeros(len(history)) if history.total_spend is None else history.total_spend
    return history.days_since_last, history.n_purchases, spend


def _sort(
    history: PurchaseHistory, breaks: RfmBreaks, table: SegmentTable
) -> tuple[RfmScores, npt.NDArray[np.str_], SegmentSummary]:
    days, count, spend = _columns(history)
    scores = score_rfm(days, count, spend, breaks)
    groups = assign_segments(scores.r_score, scores.f_score, scores.m_score, table)
    return scores, groups, summarise_segments(groups, spend, table=table, as_of=history.as_of)
