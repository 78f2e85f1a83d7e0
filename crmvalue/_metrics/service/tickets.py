"""Key figures of customer service: resolution at the first contact, and time to a reply and to a resolution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_time,
    as_time_column,
    as_whole_number,
    require_same_index,
    require_same_length,
)
from crmvalue._core.clock.business_hours import BusinessHours, as_business_hours
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import count_field, optional
from crmvalue._metrics.common import amount_field, as_of_field, share
from crmvalue._metrics.intervals import proportion_interval
from crmvalue._metrics.survival import require_order, require_waits, summarise_waiting, waiting_field
from crmvalue.typing import Interval

if TYPE_CHECKING:
    from crmvalue.typing import ArrayLike, Dates, FloatOrArray, Floats

__all__ = [
    "FirstContactResolution",
    "ResolutionTime",
    "ResponseTime",
    "first_contact_resolution",
    "first_contact_resolution_from_tickets",
    "resolution_time",
    "response_time",
]


@attrs.frozen(kw_only=True)
class FirstContactResolution:
    """Tickets counted by the result of the first contact.

    Every ticket is in exactly one count. The rate is a share of the tickets whose window is over (`n_decided`).

    Parameters
    ----------
    n_resolved_first : int
        Resolved within the window, and the customer did not come back within it.
    n_contacted_again : int
        The customer came back within the window, a reopening included.
    n_unresolved : int
        Not resolved within the window, and the customer did not come back within it.
    n_pending : int
        The window is not over at `as_of`.
    n_later : int
        Opened after `as_of`.
    window_days : int
        Length of the window, counted from the opening [days], >= 1.
    as_of : datetime64[us]
        Last moment that is taken as known.

    Examples
    --------
    >>> result = FirstContactResolution(
    ...     n_resolved_first=75,
    ...     n_contacted_again=20,
    ...     n_unresolved=5,
    ...     n_pending=12,
    ...     n_later=0,
    ...     window_days=7,
    ...     as_of="2024-03-31",
    ... )
    >>> result.n_decided, result.rate
    (100, 0.75)
    >>> result.n_contacts, result.rate_of_contacts
    (120, 0.625)
    """

    n_resolved_first: int = count_field("n_resolved_first")
    n_contacted_again: int = count_field("n_contacted_again")
    n_unresolved: int = count_field("n_unresolved")
    n_pending: int = count_field("n_pending")
    n_later: int = count_field("n_later")
    window_days: int = count_field("window_days", low=1)
    as_of: np.datetime64 = as_of_field(day=False)

    @property
    def n_decided(self) -> int:
        """Tickets whose window is over."""
        return self.n_resolved_first + self.n_contacted_again + self.n_unresolved

    @property
    def rate(self) -> float:
        """First contact resolution, a fraction of `n_decided`; NaN while no window is over."""
        return self.n_resolved_first / self.n_decided if self.n_decided else math.nan

    @property
    def n_contacts(self) -> int:
        """Contacts about these problems: the first about each, and the next one where it came within the window."""
        return self.n_decided + self.n_contacted_again

    @property
    def rate_of_contacts(self) -> float:
        """First contact resolution as many sources have it, a fraction of `n_contacts`; at most `rate`, or NaN."""
        return self.n_resolved_first / self.n_contacts if self.n_contacts else math.nan

    def interval(self, *, level: float = 0.95) -> Interval:
        """Interval of the rate: :func:`proportion_interval`; from 0 to 1 while no window is over."""
        if not self.n_decided:
            proportion_interval(0, 1, level=level)  # the level is checked
            return Interval(np.float64(0.0), np.float64(1.0))
        return proportion_interval(self.n_resolved_first, self.n_decided, level=level)

    def to_json(self) -> str:
        """Write the counts as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> FirstContactResolution:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


@attrs.frozen(kw_only=True)
class ResolutionTime:
    """Hours from opening a ticket to its resolution, as known at one moment.

    Parameters
    ----------
    mean : float
        Mean time up to the longest one observed [hours].
    median, percentile_90 : float
        Time by which half and nine tenths of the tickets are resolved [hours]; infinite if fewer are resolved.
    n_resolved, n_open : int
        Tickets resolved by `as_of`, and tickets open at that moment; together at least one.
    n_later : int
        Tickets opened after `as_of`, left out.
    as_of : datetime64[us]
        Last moment that is taken as known.

    Examples
    --------
    >>> ResolutionTime(
    ...     mean=9.5, median=8, percentile_90=float("inf"), n_resolved=6, n_open=4, n_later=0, as_of="2024-03-31"
    ... ).median
    8.0
    """

    mean: float = amount_field("mean")
    median: float = waiting_field("median")
    percentile_90: float = waiting_field("percentile_90")
    n_resolved: int = count_field("n_resolved")
    n_open: int = count_field("n_open")
    n_later: int = count_field("n_later")
    as_of: np.datetime64 = as_of_field(day=False)

    def __attrs_post_init__(self) -> None:
        require_waits(self, "n_resolved")

    def to_json(self) -> str:
        """Write the times as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ResolutionTime:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


@attrs.frozen(kw_only=True)
class ResponseTime:
    """Hours from a contact to the first reply, as known at one moment.

    Parameters
    ----------
    mean : float
        Mean time up to the longest one observed [hours].
    median, percentile_90 : float
        Time by which half and nine tenths of the contacts are answered [hours]; infinite if fewer are answered.
    n_answered, n_open : int
        Contacts answered by `as_of`, and contacts without an answer at that moment; together at least one.
    n_later : int
        Contacts after `as_of`, left out.
    as_of : datetime64[us]
        Last moment that is taken as known.

    Examples
    --------
    >>> ResponseTime(
    ...     mean=0.7, median=0.5, percentile_90=2, n_answered=9, n_open=1, n_later=0, as_of="2024-03-31"
    ... ).percentile_90
    2.0
    """

    mean: float = amount_field("mean")
    median: float = waiting_field("median")
    percentile_90: float = waiting_field("percentile_90")
    n_answered: int = count_field("n_answered")
    n_open: int = count_field("n_open")
    n_later: int = count_field("n_later")
    as_of: np.datetime64 = as_of_field(day=False)

    def __attrs_post_init__(self) -> None:
        require_waits(self, "n_answered")

    def to_json(self) -> str:
        """Write the times as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> ResponseTime:
        """Read what :meth:`to_json` wrote, and check it; other text is an InputError."""
        return from_json(cls, text)


def first_contact_resolution(n_resolved_first: ArrayLike, n_contacts: ArrayLike) -> FloatOrArray:
    """First contact resolution (FCR): share of problems solved at the first contact.

    Parameters
    ----------
    n_resolved_first : array_like
        Problems solved at the first contact, <= `n_contacts`.
    n_contacts : array_like
        Contacts, > 0. Many sources divide by all contacts: count further contacts about the same problem too. Count
        only the first contact about each problem for the share of the problems, which is higher.

    Returns
    -------
    numpy.float64 or numpy.ndarray
        Fraction in [0, 1].

    Raises
    ------
    InputError
        If a count is no whole number >= 0, `n_contacts` is 0 or smaller than `n_resolved_first`.

    Notes
    -----
    ``n_resolved_first / n_contacts``; its interval is :func:`proportion_interval`. The meaning of "solved" is a choice;
    :func:`first_contact_resolution_from_tickets` states its own.

    Examples
    --------
    >>> print(first_contact_resolution(75, 100))
    0.75
    """
    return share(n_resolved_first=n_resolved_first, n_contacts=n_contacts)


def first_contact_resolution_from_tickets(
    opened: ArrayLike, resolved: ArrayLike, next_contact: ArrayLike, *, as_of: ArrayLike, window_days: int
) -> FirstContactResolution:
    """First contact resolution (FCR) from a list of tickets, one row per problem.

    A ticket was resolved at the first contact if, within `window_days` days from its opening, it was resolved and the
    customer did not come back about it.

    Parameters
    ----------
    opened : array_like
        Moment of the first contact about the problem.
    resolved : array_like
        Moment of the resolution; missing (None or NaT) if the ticket is open.
    next_contact : array_like
        Moment of the customer's next contact about the same problem, before or after the resolution; a reopening is
        such a contact. Missing if there was none.
    as_of : date
        Last moment that is taken as known; a date without time is its midnight. Later resolutions and contacts have
        not happened yet; tickets opened later are left out and counted.
    window_days : int
        Length of the window [days of 24 hours], >= 1, its end included. A contact after it is about a new problem.
        One week and one month are usual.

    Returns
    -------
    FirstContactResolution
        Counts, with the rate and its interval.

    Raises
    ------
    InputError
        If the columns are empty or unequally long, an opening is missing, a resolution or contact comes before its
        opening, or `window_days` is no whole number >= 1.

    Notes
    -----
    A ticket whose window is not over at `as_of` is pending and stays out of the rate, whatever is known of it. Failures
    show earlier than successes, so counting the failures of unfinished windows would bias the rate.

    Examples
    --------
    >>> result = first_contact_resolution_from_tickets(
    ...     ["2024-03-01 09:00", "2024-03-01 10:00", "2024-03-02 11:00", "2024-03-28 12:00"],
    ...     ["2024-03-01 09:20", "2024-03-01 10:30", None, "2024-03-28 12:10"],
    ...     [None, "2024-03-04 08:00", None, None],
    ...     as_of="2024-03-31",
    ...     window_days=7,
    ... )
    >>> result.n_resolved_first, result.n_contacted_again, result.n_unresolved, result.n_pending
    (1, 1, 1, 1)
    """
    require_same_index(opened=opened, resolved=resolved, next_contact=next_contact)
    start = as_time_column("opened", opened)
    solved = as_time_column("resolved", resolved, allow_missing=True)
    again = as_time_column("next_contact", next_contact, allow_missing=True)
    require_same_length(opened=start, resolved=solved, next_contact=again)
    require_order("opened", start, "resolved", solved)
    require_order("opened", start, "next_contact", again)
    now = as_time("as_of", as_of)
    days = as_whole_number("window_days", window_days, low=1)

    decided = _days_between(start, now) >= days
    came_back = _days_between(start, again) <= days  # missing is NaN, which compares false
    in_time = _days_between(start, solved) <= days
    return FirstContactResolution(
        n_resolved_first=(decided & ~came_back & in_time).sum(),
        n_contacted_again=(decided & came_back).sum(),
        n_unresolved=(decided & ~came_back & ~in_time).sum(),
        n_pending=(~decided & (start <= now)).sum(),
        n_later=(start > now).sum(),
        window_days=days,
        as_of=now,
    )


def resolution_time(
    opened: ArrayLike, resolved: ArrayLike, *, as_of: ArrayLike, business_hours: BusinessHours | None = None
) -> ResolutionTime:
    r"""Time from opening a ticket to its resolution, with the tickets that are still open.

    Parameters
    ----------
    opened : array_like
        Moment each ticket was opened.
    resolved : array_like
        Moment of the resolution, at or after the opening; missing (None or NaT) if the ticket is open.
    as_of : date
        Last moment that is taken as known; a date without time is its midnight. A ticket resolved later is open; a
        ticket opened later is left out and counted.
    business_hours : BusinessHours, optional
        The hours that count; by default all hours. With a time zone, all moments are in UTC.

    Returns
    -------
    ResolutionTime
        Mean, median and 90th percentile [hours], and counts.

    Raises
    ------
    InputError
        If the columns are empty or unequally long, an opening is missing, a resolution comes before its opening, or
        every ticket was opened after `as_of`.

    Notes
    -----
    An open ticket has taken at least until `as_of`. It is censored, not dropped, because slow tickets are open more
    often. With the estimate :math:`S` of Kaplan and Meier [1]_ for the share that takes longer than :math:`t` (computed
    by `scipy.stats.ecdf`), the mean is

    .. math:: \int_0^{\tau} S(t) \, dt

    up to the longest time :math:`\tau` observed, of a resolved or an open ticket. The quantile *q* is the time at which
    :math:`1 - S` reaches *q*. If :math:`1 - S` stays at exactly *q* for some time, it is the middle of that time; if
    :math:`1 - S` never reaches *q*, it is infinite. Without open tickets, mean and median are the plain ones.

    .. [1] Kaplan, E. L. and Meier, P. (1958). Nonparametric estimation from incomplete observations. Journal of the
       American Statistical Association 53, 457-481.

    Examples
    --------
    >>> result = resolution_time(
    ...     ["2024-03-01 09:00", "2024-03-01 10:00", "2024-03-01 11:00"],
    ...     ["2024-03-01 11:00", "2024-03-01 16:00", None],
    ...     as_of="2024-03-01 21:00",
    ... )
    >>> result.median, result.percentile_90, result.n_open
    (6.0, inf, 1)

    A ticket of Friday evening that was resolved on Monday morning, in business hours:

    >>> office = BusinessHours(start="09:00", end="18:00")
    >>> resolution_time(["2024-03-01 17:00"], ["2024-03-04 11:00"], as_of="2024-03-05", business_hours=office).mean
    3.0
    """
    require_same_index(opened=opened, resolved=resolved)
    start = as_time_column("opened", opened)
    end = as_time_column("resolved", resolved, allow_missing=True)
    require_same_length(opened=start, resolved=end)
    require_order("opened", start, "resolved", end)
    now = as_time("as_of", as_of)
    office = optional(as_business_hours)("business_hours", business_hours)

    waits = summarise_waiting("opened", start, end, now, "h", office)
    return ResolutionTime(**waits.named("n_resolved"), as_of=now)


def response_time(
    contacted: ArrayLike, replied: ArrayLike, *, as_of: ArrayLike, business_hours: BusinessHours | None = None
) -> ResponseTime:
    """Time from a contact to the first reply, with the contacts that still wait.

    Parameters
    ----------
    contacted : array_like
        Moment of each contact.
    replied : array_like
        Moment of the first reply, at or after the contact; missing (None or NaT) if there is none yet.
    as_of : date
        Last moment that is taken as known; a date without time is its midnight. A contact answered later waits; a
        later contact is left out and counted.
    business_hours : BusinessHours, optional
        The hours that count; by default all hours. With a time zone, all moments are in UTC.

    Returns
    -------
    ResponseTime
        Mean, median and 90th percentile [hours], and counts.

    Raises
    ------
    InputError
        If the columns are empty or unequally long, a contact is missing, a reply comes before its contact, or every
        contact is after `as_of`.

    Notes
    -----
    Computed by Kaplan and Meier, as :func:`resolution_time`: a contact without a reply has waited at least until
    `as_of`. A reply outside the business hours counts as if it had come at the closing before it.

    Examples
    --------
    >>> waits = response_time(
    ...     ["2024-03-01 09:00", "2024-03-01 17:30", "2024-03-01 11:00"],
    ...     ["2024-03-01 09:30", "2024-03-04 09:30", None],
    ...     as_of="2024-03-04 12:00",
    ...     business_hours=BusinessHours(start="09:00", end="18:00"),
    ... )
    >>> waits.median, waits.n_answered, waits.n_open
    (1.0, 2, 1)
    """
    require_same_index(contacted=contacted, replied=replied)
    start = as_time_column("contacted", contacted)
    end = as_time_column("replied", replied, allow_missing=True)
    require_same_length(contacted=start, replied=end)
    require_order("contacted", start, "replied", end)
    now = as_time("as_of", as_of)
    office = optional(as_business_hours)("business_hours", business_hours)

    waits = summarise_waiting("contacted", start, end, now, "h", office)
    return ResponseTime(**waits.named("n_answered"), as_of=now)


def _days_between(start: Dates, end: Dates | np.datetime64) -> Floats:
    return (end - start) / np.timedelta64(1, "D")
