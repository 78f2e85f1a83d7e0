"""What a programme promises about its points: when they can be spent, when they expire, and what a return does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import numpy as np

from crmvalue._core.calendar import add_months, anniversary
from crmvalue._core.checks import as_days, as_whole_number
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import checked_field, choice_field, count_field, optional
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue.typing import Dates

__all__ = ["NEVER", "IfSpent", "PointsPolicy"]

IfSpent: TypeAlias = Literal["negative", "refund", "forgive"]

NEVER = np.datetime64("9999-12-31", "D")
"""Last day of points that do not expire."""

_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)


def _months(name: str, value: Any) -> int:
    return as_whole_number(name, value, low=1, high=1200)


def _month_day(name: str, value: Any) -> str:
    rule = "a day of the year such as '12-31'"
    if not isinstance(value, str) or not _MONTH_DAY.fullmatch(value):
        raise InputError(name, rule, value)
    try:
        np.datetime64(f"2024-{value}", "D")
    except ValueError as error:
        raise InputError(name, rule, value) from error
    return value


@attrs.frozen(kw_only=True)
class PointsPolicy:
    """When points can be spent, when they expire, and what happens when a return takes back spent points.

    Parameters
    ----------
    if_spent : {"negative", "refund", "forgive"}
        What happens when an order is returned and its points are spent already. The other points of the member are
        taken first. What is still missing makes their balance negative, is deducted from the refund
        (``PointsLedger.shortages``), or is forgiven.
    pending_days : int, default 0
        Days from the earning to the first day on which points can be spent: the time for a return. Points whose last
        day comes before that day, such as those earned shortly before `expire_on`, can never be spent.
    expire_months : int, optional
        Months from the earning to the last day on which points can be spent, from 1 to 1200. By default, and if
        `expire_on` is not given either, points do not expire by age.
    inactive_months : int, optional
        Months without earning or spending after which all points expire, from 1 to 1200. The last day is included.
        Adjustments and transfers, of both members, count as such; returns and points taken away do not.
    expire_on : str, optional
        Day of the year on which points expire, such as "12-31": the last day on which they can be spent. A point
        expires on this day of the year of the earning plus `expire_years`. 29 February is 28 February in common years.
    expire_years : int, default 0
        Whole years from the year of the earning to the year of `expire_on`. A day that is already over in that year
        moves to the next year.

    Examples
    --------
    >>> policy = PointsPolicy(if_spent="negative", pending_days=14, expire_months=12)
    >>> policy.last_days(["2024-02-29", "2024-05-31"])
    array(['2025-02-28', '2025-05-31'], dtype='datetime64[D]')
    """

    if_spent: str = choice_field("if_spent", IfSpent)
    pending_days: int = count_field("pending_days", default=0)
    expire_months: int | None = checked_field("expire_months", optional(_months), default=None)
    inactive_months: int | None = checked_field("inactive_months", optional(_months), default=None)
    expire_on: str | None = checked_field("expire_on", optional(_month_day), default=None)
    expire_years: int = count_field("expire_years", default=0)

    def __attrs_post_init__(self) -> None:
        if self.pending_days > 3660:
            raise InputError("pending_days", "at most 3660", self.pending_days)
        if self.expire_years > 100:
            raise InputError("expire_years", "at most 100", self.expire_years)
        days = np.arange("2024-01-01", "2028-01-01", dtype="datetime64[D]")  # all days of the year
        if self.pending_days and (days + self.pending_days > self.last_days(days)).all():
            rule = "so few that some points can be spent before they expire"
            raise InputError("pending_days", rule, self.pending_days)

    def last_days(self, earned: Any) -> Dates:
        """Give the last day on which points that were earned on these days can be spent, without inactivity."""
        day = as_days("earned", earned)
        last = np.full(day.shape, NEVER)
        if self.expire_months is not None:
            last = np.minimum(last, add_months(day, self.expire_months))
        if self.expire_on is not None:
            base = np.array(f"2024-{self.expire_on}", dtype="datetime64[D]")
            year = day.astype("datetime64[Y]").astype(np.int64) + 1970 + self.expire_years
            end = anniversary(base, year)
            last = np.minimum(last, np.where(end < day, anniversary(base, year + 1), end))
        return last

    def to_json(self) -> str:
        """Write the policy as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> PointsPolicy:
        """Read what `to_json` wrote."""
        return from_json(cls, text)
