"""The RFM groups and lifecycle stages of the customers of a log; the part of the report on segments.

The public door is :mod:`crmvalue.report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, get_args

import attrs
import numpy as np

from crmvalue._core.calendar import add_months
from crmvalue._core.checks import as_day, as_flag, as_whole_number, require_choice
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
    SpendBasis,
    fit_rfm,
    lifecycle_stage,
    score_rfm,
    summarise_segments,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.purchases import Duplicates, Missing, Refunds, Zeros
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["GroupSummary", "summarise_groups", "summarise_groups_log"]

_ATTENTION = ("Can't Lose Them", "At Risk", "Need Attention", "About To Sleep")
_MONTHS_BEFORE = 3
_WINDOWS = (365, 180)  # days; the first that the log covers until both days


def _as_counts(name: str, value: object) -> FixedMapping[int, int]:
    """Take customers by month; the mapping can no longer be changed."""
    if not isinstance(value, Mapping):
        raise InputError(name, "a mapping from months to customers", value)
    return FixedMapping(
        (as_whole_number(f"{name}'s months", month, low=0), as_whole_number(f"{name}[{month!r}]", n, low=0))
        for month, n in value.items()
    )


@stay_frozen
@attrs.frozen(kw_only=True)
class GroupSummary:
    """The groups of a base, what they have spent, and how the groups have changed in three months.

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
    window : int or None
        Length of the windows of `before` and `now` [days]: 365 or 180; None if the log does not cover 180 days until
        three months before.
    before, now : SegmentSummary or None
        The groups of those who bought within the window until three months before, and until the last day. Only
        purchases and money of the window count, and the break points are those of `now`, so that the two can be
        compared. None without a window.
    due : mapping of int to int
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
    window: int | None = checked_field("window", optional(partial(as_whole_number, low=1)))
    before: SegmentSummary | None = checked_field("before", optional(of_class(SegmentSummary)))
    now: SegmentSummary | None = checked_field("now", optional(of_class(SegmentSummary)))
    due: Mapping[int, int] = checked_field("due", _as_counts)
    has_money: bool = checked_field("has_money", as_flag)

    def __attrs_post_init__(self) -> None:
        if len({self.window is None, self.before is None, self.now is None}) > 1:
            raise InputError("window", "given where, and only where, `before` and `now` are given", self.window)

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
    spend_basis: SpendBasis = "total",
) -> GroupSummary:
    """Sort the customers of an order log into the groups of RFM and the stages of the lifecycle.

    Parameters
    ----------
    customer, date, amount, as_of, refunds, zeros, missing, duplicates
        As in :func:`summarise_base`.
    spend_basis : {"total", "mean"}, default "total"
        What M of RFM is: the total spend of a customer, or their mean spend per purchase. One of the sources of RFM
        takes the mean. The revenue of the groups is the total in both cases.

    Returns
    -------
    GroupSummary
        Size and revenue of each group, and the change in three months.

    Raises
    ------
    InputError
        As :func:`crmvalue.purchases.summarise_purchases`, and if `spend_basis` is neither "total" nor "mean".

    Notes
    -----
    Customers are scored by rank on days since the last purchase, number of purchases and spend. Ranks compare the
    customers of this log with each other: in a log of one month, the longest silence of three weeks is the worst score,
    and "Can't Lose Them" are frequent buyers who are silent beside the others, not lost. Table A of
    :class:`crmvalue.segmentation.SegmentTable` turns the scores into groups; without amounts it is table D.

    Purchases of all time can only grow, and so would the best groups. So the change in three months compares equal
    windows: the 365 days until each of the two days, or 180 days for a shorter log.

    Examples
    --------
    >>> from crmvalue.datasets import load_cdnow
    >>> cdnow = load_cdnow()
    >>> summarise_groups(cdnow.customer, cdnow.date, cdnow.amount).attention
    ("Can't Lose Them", 'At Risk', 'Need Attention')
    >>> summarise_groups(cdnow.customer, cdnow.date, cdnow.amount, spend_basis="mean").breaks.spend_basis
    'mean'
    """
    log = read_log(customer, date, amount, time_unit="day", grain="day", missing=missing)
    return summarise_groups_log(log, Policy(refunds, zeros, missing, duplicates), as_of=as_of, spend_basis=spend_basis)[
        0
    ]


def summarise_groups_log(
    log: Log, policy: Policy, *, as_of: ArrayLike | None, spend_basis: SpendBasis = "total"
) -> tuple[GroupSummary, dict[str, npt.NDArray[np.generic]]]:
    """Do what :func:`summarise_groups` does, for a log that has been read; give the columns of all customers too."""
    require_choice("spend_basis", spend_basis, get_args(SpendBasis))
    end = last_day(log, "as_of", as_of)
    history = to_history(aggregate(log, policy, None, end, "day"), end, "day", "day")
    has_money = history.total_spend is not None
    table = SegmentTable.preset("A" if has_money else "D")
    breaks = fit_rfm(*_columns(history, spend_basis), spend_basis=spend_basis, as_of=end)
    scores, groups, summary = _sort(history, breaks, table)
    last_purchase = end - history.days_since_last.astype(np.int64).astype("timedelta64[D]")
    stages = summarise_segments(
        lifecycle_stage(last_purchase, end), _columns(history, "total")[2], table=LIFECYCLE_STAGES, as_of=end
    )  # fmt: skip
    window, before, now = _compare(log, policy, end, table, spend_basis)
    found = GroupSummary(
        as_of=end,
        groups=summary,
        stages=stages,
        breaks=breaks,
        window=window,
        before=before,
        now=now,
        due=Cascade().due(last_purchase, end).n_by_month,
        has_money=has_money,
    )
    columns = {"r_score": scores.r_score, "f_score": scores.f_score, "m_score": scores.m_score, "segment": groups}
    if not has_money:
        del columns["m_score"]
    return found, columns


def _compare(
    log: Log, policy: Policy, end: np.datetime64, table: SegmentTable, spend_basis: SpendBasis
) -> tuple[int | None, SegmentSummary | None, SegmentSummary | None]:
    """Sort those who bought in equal windows until three months before the end, and until the end."""
    earlier = add_months(np.array([end]), -_MONTHS_BEFORE)[0]
    covered = (earlier - log.begin(end)).astype(np.int64) + 1
    window = next((days for days in _WINDOWS if days <= covered), None)
    if window is None:
        return None, None, None
    parts = [aggregate(log, policy, day - np.timedelta64(window, "D"), day, "day") for day in (earlier, end)]
    if not all(len(part.customer) for part in parts):
        return None, None, None
    before, now = (to_history(part, day, "day", "day") for part, day in zip(parts, (earlier, end), strict=True))
    breaks = fit_rfm(*_columns(now, spend_basis), spend_basis=spend_basis, as_of=end)
    return window, _sort(before, breaks, table)[2], _sort(now, breaks, table)[2]


def _columns(history: PurchaseHistory, spend_basis: SpendBasis) -> tuple[Floats, Floats, Floats]:
    spend = np.zeros(len(history)) if history.total_spend is None else history.total_spend
    if spend_basis == "mean":
        spend = spend / history.n_purchases
    return history.days_since_last, history.n_purchases, spend


def _sort(
    history: PurchaseHistory, breaks: RfmBreaks, table: SegmentTable
) -> tuple[RfmScores, npt.NDArray[np.str_], SegmentSummary]:
    days, count, spend = _columns(history, breaks.spend_basis)
    scores = score_rfm(days, count, spend, breaks)
    groups = scores.segments(table)
    return scores, groups, summarise_segments(groups, _columns(history, "total")[2], table=table, as_of=history.as_of)
