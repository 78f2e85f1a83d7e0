"""Service levels: tickets resolved in their target time, and the open ones that are about to miss it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_float,
    as_fraction,
    as_positive,
    as_time,
    as_time_column,
    require,
    require_same_index,
    require_same_length,
)
from crmvalue._core.clock.business_hours import as_business_hours, as_hours
from crmvalue._core.clock.zones import local_days
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import counted, in_percent, listed, percent
from crmvalue._core.pictures.pictured import Pictured
from crmvalue._core.values import (
    checked_field,
    count_field,
    flag_table,
    hand_over,
    label_column,
    number_column,
    number_field,
    of_class,
    optional,
    require_columns,
    stay_frozen,
    whole_table,
)
from crmvalue._metrics.common import as_of_field
from crmvalue._metrics.intervals import normal_quantile, wilson
from crmvalue._metrics.pictures import level_parts
from crmvalue._metrics.survival import require_order
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._core.clock.business_hours import BusinessHours
    from crmvalue._core.pictures.parts import Parts
    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["OpenTickets", "ServiceLevel", "service_level"]

_SAME = 1e-9  # hours; times are whole microseconds, targets may be thirds of an hour


@stay_frozen
@attrs.frozen(kw_only=True)
class OpenTickets(Columns):
    """Tickets that are open at one moment, the least time left first.

    Parameters
    ----------
    row : ndarray of int
        Row of each ticket in the columns that were given.
    hours_left : ndarray
        Hours that are left until the target, in business hours where these were given; negative where it is missed.
    at_risk : ndarray of bool
        Whether little time is left, but not yet none.

    Examples
    --------
    >>> waiting = OpenTickets(row=[7, 2], hours_left=[-1.5, 0.5], at_risk=[False, True])
    >>> waiting.n_overdue, waiting.row[waiting.at_risk]
    (1, array([2]))
    """

    row: Integers = whole_table("row")
    hours_left: Floats = number_column("hours_left")
    at_risk: Bools = flag_table("at_risk")

    def __attrs_post_init__(self) -> None:
        require_columns(self, len(self.row), ("hours_left", "at_risk"), "tickets")
        left = self.hours_left
        require(np.append(True, left[1:] >= left[:-1])[: len(left)], "hours_left", left, "ascending")
        require(~(self.at_risk & (left < 0)), "at_risk", self.at_risk, "False where the target is missed")

    def __len__(self) -> int:
        return len(self.row)

    @property
    def n_overdue(self) -> int:
        """Tickets whose target is missed."""
        return int(np.count_nonzero(self.hours_left < 0))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the tickets column by column, for a dataframe of any kind."""
        return {"row": self.row, "hours_left": self.hours_left, "at_risk": self.at_risk}

    def to_json(self) -> str:
        """Write the tickets as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> OpenTickets:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


@stay_frozen
@attrs.frozen(kw_only=True)
class ServiceLevel(Columns, Pictured):
    """Share of tickets resolved in their target time, by class of customers and by priority.

    Every ticket opened by `as_of` is in exactly one of the three counts.

    Parameters
    ----------
    customer_class, priority : ndarray
        Class and priority of each group; "all" where they were not given.
    n_within : ndarray of int
        Tickets resolved within the target.
    n_missed : ndarray of int
        Tickets resolved later, or open although the target is over.
    n_pending : ndarray of int
        Tickets whose target time is not over, resolved or not; they are not part of the share.
    level : float
        Level of the intervals.
    open : OpenTickets
        The open tickets, those of which the target is over first.
    n_later : int
        Tickets opened after `as_of`, left out.
    as_of : datetime64[us]
        Last moment that is taken as known.
    design_effect : ndarray, optional
        How many tickets of each group say as much as one that is independent of the others, >= 1; by default 1.
    overall_design_effect : float, default 1.0
        The same for all tickets together.

    Examples
    --------
    >>> level = service_level(
    ...     ["2024-03-01 09:00", "2024-03-01 10:00", "2024-03-01 11:00"],
    ...     ["2024-03-01 11:00", "2024-03-01 17:00", None],
    ...     4,
    ...     as_of="2024-03-01 14:30",
    ... )
    >>> level.n_within.tolist(), level.n_missed.tolist(), level.n_pending.tolist()
    ([1], [1], [1])
    """

    customer_class: npt.NDArray[Any] = label_column("customer_class")
    priority: npt.NDArray[Any] = label_column("priority")
    n_within: Integers = whole_table("n_within")
    n_missed: Integers = whole_table("n_missed")
    n_pending: Integers = whole_table("n_pending")
    level: float = checked_field("level", as_fraction)
    open: OpenTickets = checked_field("open", of_class(OpenTickets))
    n_later: int = count_field("n_later")
    as_of: np.datetime64 = as_of_field(day=False)
    design_effect: Floats = number_column(
        "design_effect", low=1.0, default=attrs.Factory(lambda self: np.ones(len(self.n_within)), takes_self=True)
    )
    overall_design_effect: float = number_field("overall_design_effect", low=1.0, default=1.0)

    def __attrs_post_init__(self) -> None:
        names = ("priority", "n_within", "n_missed", "n_pending", "design_effect")
        require_columns(self, len(self.customer_class), names, "groups")
        if len(self.open) > self.n_missed.sum() + self.n_pending.sum():
            raise InputError("open", "of at most as many tickets as `n_missed` and `n_pending` count", len(self.open))

    @property
    def share(self) -> Floats:
        """Share within the target, of the tickets whose target time is over; NaN where there are none."""
        n = self.n_within + self.n_missed
        share: Floats = np.divide(self.n_within, n, out=np.full(len(n), np.nan), where=n > 0)
        return share

    @property
    def low(self) -> Floats:
        """Lower end of the interval of each share; NaN where no target time is over."""
        return self._ends()[0]

    @property
    def high(self) -> Floats:
        """Upper end of the interval of each share; NaN where no target time is over."""
        return self._ends()[1]

    @property
    def conclusion(self) -> str:
        """Say the share over all groups, and what is overdue or at risk now."""
        within, n = int(self.n_within.sum()), int(self.n_within.sum() + self.n_missed.sum())
        risk, overdue = int(np.count_nonzero(self.open.at_risk)), self.open.n_overdue
        now = f"{counted(len(self.open), 'open ticket')}: {overdue:,} overdue, {risk:,} at risk."
        left = [(int(self.n_pending.sum()), "whose target time is not over"), (self.n_later, "opened later")]
        if some := [f"{counted(tickets, 'ticket')} {why}" for tickets, why in left if tickets]:
            now += f" Not in the share: {listed(some)}."
        if n == 0:
            return f"No target time is over yet. {now}"
        low, high = wilson(within / n, n / self.overall_design_effect, self.level)
        return (
            f"{within:,} of {counted(n, 'ticket')} within the target ({percent(within / n)}, "
            f"{in_percent(self.level)} % interval {percent(low)} to {percent(high)}). {now}"
        )

    def _parts(self) -> Parts:
        labels = zip(self.customer_class.tolist(), self.priority.tolist(), strict=True)
        groups = [", ".join(str(label) for label in pair if label != "all") or "all tickets" for pair in labels]
        return level_parts(groups, self.n_within, self.n_missed, self._ends())

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the table column by column, for a dataframe of any kind.

        Returns
        -------
        dict of str to ndarray
            One row for each class and priority, with counts, share and interval.
        """
        names = ("customer_class", "priority", "n_within", "n_missed", "n_pending", "share", "low", "high")
        return {name: getattr(self, name) for name in names}

    def _ends(self) -> tuple[Floats, Floats]:
        n, ends = self.n_within + self.n_missed, np.full((2, len(self.n_within)), np.nan)
        some = n > 0
        ends[:, some] = wilson(self.share[some], (n / self.design_effect)[some], self.level)
        return ends[0], ends[1]

    def to_json(self) -> str:
        """Write the table and the open tickets as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ServiceLevel:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text, OpenTickets)


def service_level(
    opened: ArrayLike,
    resolved: ArrayLike,
    target_hours: ArrayLike | Mapping[Any, float],
    *,
    as_of: ArrayLike,
    business_hours: BusinessHours | None = None,
    priority: ArrayLike | None = None,
    customer_class: ArrayLike | None = None,
    at_risk_hours: float = 1.0,
    level: float = 0.95,
) -> ServiceLevel:
    """Share of tickets within a service level agreement (SLA), and the open tickets at risk now.

    Parameters
    ----------
    opened : array_like
        Moment each ticket was opened.
    resolved : array_like
        Moment of the resolution, or of the first reply if the agreement is about that; missing (None or NaT) if the
        ticket is open.
    target_hours : float, array_like or mapping
        Target [hours], above 0 and at most 100,000: one for all tickets, one for each, a mapping of priorities to
        hours, such as ``{"high": 4, "normal": 24}``, or of pairs of customer class and priority to hours.
    as_of : date
        Last moment that is taken as known; a date without time is its midnight.
    business_hours : BusinessHours, optional
        The hours that count; by default all hours. With a time zone, all moments are in UTC.
    priority, customer_class : array_like, optional
        Priority of each ticket, and class of its customer, whole numbers or text. The result has a row for each pair
        that occurs.
    at_risk_hours : float, optional
        An open ticket is at risk if at most so many hours are left, >= 0.
    level : float, optional
        Level of the intervals, in (0, 1).

    Returns
    -------
    ServiceLevel
        Counts, shares and intervals by class and priority, and the open tickets with the hours left.

    Raises
    ------
    InputError
        If the columns are empty or unequally long, an opening is missing, a resolution comes before its opening, a
        target is out of range or missing in the mapping, or every ticket was opened after `as_of`.

    Notes
    -----
    A ticket counts once its target time is over at `as_of`, whether it was resolved or not. Of the newest tickets, only
    the quick ones are resolved; to count these would make each report look better than the agreement is kept.

    Tickets of one bad day are late together and say less than as many independent ones. The intervals are Wilson's with
    the effective number of tickets [1]_: their number over the design effect, which is the variance of the share by
    days of opening, in the time zone of the business hours, over that of independent tickets, times the square of
    Student's quantile for the days less one over the normal one, and at least 1. Where tickets of one day are
    independent, or the log odds of a day vary with a standard deviation of 0.5 or 1, intervals of 95 % hold the share
    of all days in 93 to 97 of 100 simulated worlds, with 10 days of 10 tickets up to 60 of 10 and shares of 80 and
    95 %. Tickets of a single day, and those that are all within the target or all late, count as independent.

    .. [1] Korn, E. L. and Graubard, B. I. (1998). Confidence intervals for proportions with small expected number of
       positive counts estimated from survey data. Survey Methodology 24, 193-201.

    Examples
    --------
    >>> from crmvalue.metrics import BusinessHours
    >>> level = service_level(
    ...     ["2024-03-01 09:00", "2024-03-01 17:00", "2024-03-01 10:00", "2024-03-04 09:00"],
    ...     ["2024-03-01 12:00", "2024-03-04 10:00", None, None],
    ...     {"high": 4, "normal": 9},
    ...     priority=["high", "high", "normal", "normal"],
    ...     business_hours=BusinessHours(start="09:00", end="18:00"),
    ...     as_of="2024-03-04 17:30",
    ... )
    >>> level.priority.tolist(), level.share.tolist()
    (['high', 'normal'], [1.0, 0.0])
    >>> level.open.row.tolist(), level.open.hours_left.tolist(), level.open.at_risk.tolist()
    ([2, 3], [-7.5, 0.5], [False, True])
    """
    require_same_index(
        opened=opened,
        resolved=resolved,
        target_hours=target_hours,
        priority=priority,
        customer_class=customer_class,
    )
    start = as_time_column("opened", opened)
    end = as_time_column("resolved", resolved, allow_missing=True)
    n = require_same_length(opened=start, resolved=end)
    require_order("opened", start, "resolved", end)
    now = as_time("as_of", as_of)
    office = optional(as_business_hours)("business_hours", business_hours)
    urgent = as_positive("at_risk_hours", at_risk_hours, zero=True)
    level = as_fraction("level", level)
    classes, of_class_ = _labels("customer_class", customer_class, n)
    priorities, of_priority = _labels("priority", priority, n)
    target = _targets(target_hours, classes.tolist(), of_class_, priorities.tolist(), of_priority)

    known = start <= now
    if not known.any():
        raise InputError("opened", "at or before `as_of` in at least one row", str(start.min()))
    rows = np.nonzero(known)[0]
    begun, ended, target = start[rows], end[rows], np.broadcast_to(target, n)[rows]
    solved = ended <= now  # NaT compares false
    used = _hours(begun, np.where(solved, ended, now), office)
    so_far = _hours(begun, np.full(len(rows), now), office)
    over = so_far > target + _SAME
    within = over & solved & (used <= target + _SAME)

    code = of_class_[rows] * len(priorities) + of_priority[rows]
    present, place = np.unique(code, return_inverse=True)
    n_within, n_missed, n_pending = (
        np.bincount(place, weights=chosen, minlength=len(present)).astype(np.int64)
        for chosen in (within, over & ~within, ~over)
    )
    day = begun.astype("datetime64[D]").astype(np.int64)
    if office is not None and office.time_zone is not None:
        day = local_days(office.time_zone, begun)
    together = within[over], day[over]
    return ServiceLevel(
        customer_class=hand_over(classes[present // len(priorities)]),
        priority=hand_over(priorities[present % len(priorities)]),
        n_within=hand_over(n_within),
        n_missed=hand_over(n_missed),
        n_pending=hand_over(n_pending),
        level=level,
        open=_open_tickets(rows[~solved], (target - so_far)[~solved], urgent),
        n_later=n - len(rows),
        as_of=now,
        design_effect=hand_over(_design_effect(*together, place[over], len(present), level)),
        overall_design_effect=float(_design_effect(*together, np.zeros(len(place[over]), np.int64), 1, level)[0]),
    )


def _design_effect(within: Bools, day: Integers, place: Integers, n_groups: int, level: float) -> Floats:
    """Variance of each group's share by days over that of independent tickets, with Student's quantile; at least 1."""
    from scipy import special

    days, day = np.unique(day, return_inverse=True)
    pairs, pair = np.unique(place * len(days) + day, return_inverse=True)
    of_pair = pairs // max(len(days), 1)
    n, k = np.bincount(pair), np.bincount(pair, weights=within)
    n_all, k_all, n_days = (np.bincount(of_pair, weights, n_groups) for weights in (n, k, None))
    varies = (n_days > 1) & (k_all > 0) & (k_all < n_all)
    share = np.divide(k_all, n_all, out=np.zeros(n_groups), where=varies)
    squares = np.bincount(of_pair, (k - share[of_pair] * n) ** 2, n_groups)
    freedom = np.maximum(n_days - 1, 1)
    wider = -special.stdtrit(freedom, (1 - level) / 2) / normal_quantile(level)
    independent = np.where(varies, share * (1 - share) * n_all, 1.0)
    effect = n_days / freedom * squares / independent * wider**2
    return np.where(varies, np.maximum(effect, 1.0), 1.0)


def _open_tickets(rows: Integers, left: Floats, urgent: float) -> OpenTickets:
    left = np.where(np.abs(left) <= _SAME, 0.0, left)
    order = np.argsort(left, kind="stable")
    left = left[order]
    return OpenTickets(
        row=hand_over(rows[order]), hours_left=hand_over(left), at_risk=hand_over((left >= 0) & (left <= urgent))
    )


def _hours(start: Dates, end: Dates, office: BusinessHours | None) -> Floats:
    if office is not None:
        return np.asarray(office.hours_between(start, end))
    hours: Floats = (end - start) / np.timedelta64(1, "h")
    return hours


def _labels(name: str, value: ArrayLike | None, n: int) -> tuple[npt.NDArray[Any], Integers]:
    if value is None:
        return np.array(["all"]), np.zeros(n, dtype=np.int64)
    labels, code = encode_customers(name, value)
    if len(code) != n:
        raise InputError(name, f"one for each of the {n} tickets", len(code))
    return labels, code


def _targets(
    value: Any, classes: list[Any], of_class_: Integers, priorities: list[Any], of_priority: Integers
) -> Floats:
    """Target of each ticket, or one for all."""
    if not isinstance(value, Mapping):
        target = as_hours("target_hours", value)
        if target.shape not in ((), of_class_.shape):
            raise InputError("target_hours", f"one, or one for each of the {len(of_class_)} tickets", target.shape)
        return target
    hours = {key: float(as_hours("target_hours", as_float("target_hours", found))) for key, found in value.items()}
    table = np.full((len(classes), len(priorities)), np.nan)
    for i, customers in enumerate(classes):
        for j, urgency in enumerate(priorities):
            table[i, j] = hours.get((customers, urgency), hours.get(urgency, np.nan))
    target = table[of_class_, of_priority]
    lacks = np.nonzero(np.isnan(target))[0]
    if len(lacks):
        pair = (classes[of_class_[lacks[0]]], priorities[of_priority[lacks[0]]])
        rule = "with hours for each priority, or for each pair of class and priority"
        hint = "give `priority`" if priorities == ["all"] else f"{pair!r} has none"
        raise InputError("target_hours", rule, tuple(value), hint=hint)
    return target
