"""Rules for all journeys: who may be written to, when, how often and on which channel."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Literal

import attrs

from crmvalue._core.checks import as_fraction, as_items, as_ordered_items, as_text, as_whole_number
from crmvalue._core.clock.business_hours import BusinessHours, as_business_hours
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import array_field, checked_field, choice_field, hand_over, optional, read_only, stay_frozen
from crmvalue._journeys.fields import name_of, send_hour
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike

__all__ = ["FrequencyCap", "Policy"]


def _days(name: str, value: Any) -> int:
    return as_whole_number(name, value, low=1, high=3660)


@attrs.frozen(kw_only=True)
class FrequencyCap:
    """Limit to the number of messages that a customer gets in some days.

    Parameters
    ----------
    messages : int
        Most messages, >= 1.
    days : int, optional
        Length of a rolling window in calendar days, from one local time of day to the same one, >= 1; give either this
        or `per`. A message is sent if fewer than `messages` others are less than so many days before or after it: the
        same time of day `days` days later is free again.
    per : {"day", "week", "month"}, optional
        Calendar period of the customer, instead of a rolling window; weeks begin on Monday.
    channel : str, optional
        Channel to which the limit applies; by default all channels together.
    purpose : str, optional
        Purpose to which the limit applies, such as "survey"; by default all purposes together. So surveys have a limit
        of their own, and a limit for "marketing" leaves them out. Messages of a history without purposes count for the
        limits of all purposes only.

    Examples
    --------
    >>> FrequencyCap(messages=2, days=7)
    FrequencyCap(messages=2, days=7, per=None, channel=None, purpose=None)
    >>> FrequencyCap(messages=1, days=90, purpose="survey").purpose
    'survey'
    >>> FrequencyCap(messages=1, per="day", channel="sms").channel
    'sms'
    """

    messages: int = checked_field("messages", lambda name, value: as_whole_number(name, value, low=1))
    days: int | None = checked_field("days", optional(_days), default=None)
    per: Literal["day", "week", "month"] | None = choice_field("per", ("day", "week", "month"), default=None)
    channel: str | None = checked_field("channel", optional(name_of), default=None)
    purpose: str | None = checked_field("purpose", optional(name_of), default=None)

    def __attrs_post_init__(self) -> None:
        if (self.days is None) == (self.per is None):
            raise InputError("days", "given, or else `per`, and not both", self.days)


def _caps(value: Iterable[FrequencyCap]) -> tuple[FrequencyCap, ...]:
    given: object = value
    caps = (
        (given,) if isinstance(given, FrequencyCap) else tuple(as_ordered_items("caps", given, "FrequencyCap objects"))
    )
    for cap in caps:
        if not isinstance(cap, FrequencyCap):
            raise InputError("caps", "FrequencyCap objects", cap)
    return caps


def _hours(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    rule = "a pair of hours such as (22, 6)"
    if isinstance(value, AbstractSet):  # it has no first hour
        raise InputError("quiet_hours", rule, value)
    items = as_items("quiet_hours", value, rule)
    hours = tuple(as_whole_number("quiet_hours", hour, low=0, high=23) for hour in items)
    if len(hours) != 2 or hours[0] == hours[1]:
        raise InputError("quiet_hours", "a pair of two different hours such as (22, 6)", value)
    return hours


def _contact_hours(name: str, value: object) -> BusinessHours:
    hours = as_business_hours(name, value)
    if hours.time_zone is not None:
        raise InputError(name, "without a time zone", hours.time_zone, hint="they are local hours of each customer")
    return hours


def _suppressed(value: ArrayLike) -> npt.NDArray[Any]:
    return read_only(hand_over(encode_customers("suppressed", value)[0]))


def _count(name: str, value: Any) -> int:
    return as_whole_number(name, value, low=0)


def _share(name: str, value: Any) -> float:
    return as_fraction(name, value, closed=True)


@stay_frozen
@attrs.frozen(kw_only=True)
class Policy:
    """Rules for all messages of a plan.

    Parameters
    ----------
    quiet_hours : (int, int), optional
        Local hours from which and until which nobody is written to; (22, 6) runs over midnight. A message planned for
        these hours waits for their end.
    contact_hours : BusinessHours, optional
        In place of `quiet_hours`: the hours in which messages go out, by day of the week and without holidays. They are
        local hours of each customer, so they have no time zone of their own. A message planned for any other time waits
        for the next of these hours.
    send_hour : int or "best", optional
        Local hour of sending, 0 to 23, of all messages whose journey says none; "best" for the `send_hour` of each
        customer. Messages of a day go out at it on their day. Messages that are due at a moment wait until the clock of
        the customer next shows it. Quiet hours and contact hours still hold.
    caps : sequence of FrequencyCap, optional
        Limits of frequency. Messages of journeys with `exempt` are neither limited nor counted. A capped message is
        tried again in the next run, until the `catch_up_days` of its journey are over.
    control_share : float, optional
        Share of the customers who are never written to, in [0, 1], to measure the effect. A salted hash of the
        identifier chooses them, so they are always the same.
    salt : str, optional
        Salt of that hash: another salt gives another control group.
    suppressed : array_like, optional
        Identifiers of customers who are not written to at all.
    budget : int, optional
        Most messages that are sent on one day, including those of the history, >= 0. The highest priority goes first,
        and a stable draw decides between equals. The rest is tried again in the next run, until the `catch_up_days` of
        the journey are over.
    catch_up : {"latest", "all", "skip"}, optional
        Which messages to send that earlier runs have missed and that are still valid: the latest one for each customer
        and journey, all, or none.
    unknown_customers : {"raise", "count"}, optional
        What to do with events and past messages of customers who are not in the plan: raise, or leave them out and
        count them in the plan. Customers who came since the first day of the run are always left out and counted.

    Examples
    --------
    >>> policy = Policy(quiet_hours=(22, 6), caps=[FrequencyCap(messages=2, days=7)], control_share=0.05)
    >>> policy.catch_up
    'latest'
    """

    quiet_hours: tuple[int, int] | None = attrs.field(default=None, converter=_hours)
    contact_hours: BusinessHours | None = checked_field("contact_hours", optional(_contact_hours), default=None)
    send_hour: int | str | None = checked_field("send_hour", optional(send_hour), default=None)
    caps: tuple[FrequencyCap, ...] = attrs.field(default=(), converter=_caps)
    control_share: float = checked_field("control_share", _share, default=0.0)
    salt: str = checked_field("salt", as_text, default="crmvalue")
    suppressed: npt.NDArray[Any] = array_field(_suppressed, default=())
    budget: int | None = checked_field("budget", optional(_count), default=None)
    catch_up: Literal["latest", "all", "skip"] = choice_field("catch_up", ("latest", "all", "skip"), default="latest")
    unknown_customers: Literal["raise", "count"] = choice_field(
        "unknown_customers", ("raise", "count"), default="raise"
    )

    def __attrs_post_init__(self) -> None:
        if self.contact_hours is not None and self.quiet_hours is not None:
            raise InputError("contact_hours", "given in place of `quiet_hours`, not beside them", "both")

    def to_json(self) -> str:
        """Write the policy as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Policy:
        """Read what :meth:`to_json` wrote, or the same written by hand.

        Other text raises :class:`~crmvalue.errors.InputError`.
        """
        return from_json(cls, text, FrequencyCap, BusinessHours)
