"""Messages that an event starts."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import numpy as np

from crmvalue._core.checks import as_positive, as_whole_number
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import checked_field, of_class
from crmvalue._journeys.context import Candidates, Context
from crmvalue._journeys.fields import (
    CATCH_UP_DAYS,
    channels_field,
    flag_field,
    hour_field,
    name_field,
    name_of,
    offer_field,
    priority_field,
    purpose_field,
    segment_field,
    whole_field,
    words_of,
)
from crmvalue._journeys.offers import Offer
from crmvalue.errors import InputError

__all__ = ["TriggerJourney"]

_MOST_HOURS = 3660 * 24
_THREE_DAYS = np.timedelta64(3, "D")


def _hours(name: str, value: Any) -> float:
    hours = as_positive(name, value, zero=True)
    if hours > _MOST_HOURS:
        raise InputError(name, f"from 0 to {_MOST_HOURS}", hours)
    return hours


@attrs.frozen
class TriggerJourney:
    """A message some time after an event, unless another event calls it off.

    A run plans a whole day, but knows only the events until then. A message that is due soon after its event therefore
    needs several runs a day. The events have names of your own choice. :meth:`abandoned_cart`, :meth:`welcome`,
    :meth:`no_second_purchase` and :meth:`survey` give the usual journeys.

    Parameters
    ----------
    name : str
        Name of the journey.
    event : str
        Event that starts it.
    wait_hours : float, optional
        Hours from the event to the message, from 0 to 87840 (ten years). They are elapsed time: 2 hours are 2 hours
        also where the clocks change meanwhile.
    wait_days : int, optional
        Calendar days from the event to the message, from 0 to 3660, such as 30. They keep the local time of day. Where
        both are given, the days come first, and then the hours.
    unless : str or sequence of str, optional
        Events that call the message off, if they come after the first event, up to the moment of sending.
    valid_days : int, optional
        Calendar days after the planned moment on which the message is still worth sending, >= 1.
    cool_down_days : int, optional
        Calendar days after a message, until the same local time of day, in which the journey does not write to the same
        customer again, >= 0.
    once : bool, optional
        Whether a customer gets the message only once ever.
    send_hour : int, "best" or "any", optional
        Local hour of sending, 0 to 23: after the wait, the message goes out when the clock of the customer next shows
        it. "best" is the `send_hour` of each customer; "any" waits for no hour. By default that of the policy, and
        without one the message waits for no hour. :meth:`abandoned_cart` and :meth:`welcome` say "any".
    offer, segment, priority, channels, purpose, exempt, catch_up_days
        As in :class:`BirthdayJourney`.

    Examples
    --------
    >>> TriggerJourney("back in stock", event="restock", wait_hours=2, unless="purchase").valid_days
    3
    """

    name: str = name_field()
    event: str = checked_field("event", name_of, kw_only=True)
    wait_hours: float = checked_field("wait_hours", _hours, default=0.0, kw_only=True)
    wait_days: int = whole_field("wait_days", 0, 3660, default=0)
    unless: tuple[str, ...] = checked_field("unless", words_of, default=(), kw_only=True)
    valid_days: int = whole_field("valid_days", 1, 3660, default=3)
    cool_down_days: int = whole_field("cool_down_days", 0, 3660, default=7)
    once: bool = flag_field("once", default=False)
    send_hour: int | str | None = hour_field("any")
    offer: Offer | None = offer_field()
    segment: str | None = segment_field()
    priority: int = priority_field()
    channels: tuple[str, ...] = channels_field()
    purpose: str = purpose_field()
    exempt: bool = flag_field("exempt", default=False)
    catch_up_days: int = whole_field("catch_up_days", 0, 3660, default=CATCH_UP_DAYS)

    version: ClassVar[int] = 0
    shares_group: ClassVar[bool] = False

    @property
    def group(self) -> str:
        """A trigger is a group of its own."""
        return self.name

    @classmethod
    def abandoned_cart(cls, name: str = "abandoned cart", **options: Any) -> TriggerJourney:
        """Remind of an abandoned cart: an hour after "cart", unless "purchase" comes first.

        Events know no carts. The first purchase after several carts of a customer calls off the reminders of all of
        them, and within `cool_down_days` the customer gets one reminder. A purchase that ends only its own cart cannot
        be told apart, unless each cart gets a journey with names of its own.
        """
        return cls(name, **{"event": "cart", "wait_hours": 1.0, "unless": "purchase", "send_hour": "any", **options})

    @classmethod
    def welcome(cls, name: str = "welcome", **options: Any) -> TriggerJourney:
        """Welcome a new customer: at once after "first purchase", only once."""
        return cls(name, **{"event": "first purchase", "once": True, "send_hour": "any", **options})

    @classmethod
    def no_second_purchase(cls, days: int = 30, name: str = "no second purchase", **options: Any) -> TriggerJourney:
        """Ask for the second purchase: some calendar days after "first purchase", unless "purchase" comes first."""
        wait = as_whole_number("days", days, low=1, high=3660)
        return cls(
            name, **{"event": "first purchase", "wait_days": wait, "unless": "purchase", "once": True, **options}
        )

    @classmethod
    def survey(cls, days: int = 7, name: str = "survey", **options: Any) -> TriggerJourney:
        """Ask for an opinion: some calendar days after "purchase", at most every 90 days.

        Its purpose is "survey", so customers agree to surveys apart from offers, and ``FrequencyCap(messages=1,
        days=180, purpose="survey")`` limits all surveys together.
        """
        wait = as_whole_number("days", days, low=1, high=3660)
        return cls(
            name, **{"event": "purchase", "wait_days": wait, "purpose": "survey", "cool_down_days": 90, **options}
        )

    def to_json(self) -> str:
        """Write the journey as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> TriggerJourney:
        """Read what :meth:`to_json` wrote, or the same written by hand.

        Other text raises :class:`~crmvalue.errors.InputError`.
        """
        return from_json(cls, text, Offer)

    def candidates(self, context: Context) -> Candidates:
        """Find the messages of the run, including those that were missed in the last days.

        :meta private:
        """
        of_class(Context)("context", context)
        row, time = context.events_of(self.event)
        hours = np.timedelta64(round(self.wait_hours * 3600), "s")
        days = np.timedelta64(self.wait_days, "D")
        first = (context.today - np.timedelta64(self.catch_up_days, "D")).astype("datetime64[s]")
        near = time + days + hours >= first - _THREE_DAYS  # clocks and the hour of sending move it by less
        row, time = row[near], time[near]
        instant = context.log.to_utc(row, time, self.event)
        if self.wait_days:
            instant = context.clocks.to_utc(row, context.clocks.to_local(row, instant) + days)
        instant = context.next_hour(self.send_hour, row, instant + hours)
        planned = context.clocks.to_local(row, instant)
        due = (planned >= first) & (planned < context.end)
        row, time, planned, instant = row[due], time[due], planned[due], instant[due]
        over = context.ended_at(self.unless, row, time, self.event)
        return Candidates(
            row, np.zeros(len(row), dtype=np.int64), ("message",), time, planned,
            planned + np.timedelta64(self.valid_days, "D"), context.clocks.to_local(row, over), (self.offer,),
            planned_utc=instant, exited_utc=over,
        )  # fmt: skip
