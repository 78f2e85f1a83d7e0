"""The steps of a general journey, and the waits between them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import attrs
import numpy as np

from crmvalue._core.calendar import add_months, next_day_at
from crmvalue._core.checks import as_float, as_text
from crmvalue._core.values import FixedMapping, checked_field, choice_field, optional
from crmvalue._journeys.fields import channels_of, hour_field, name_of, offer_field, whole_field
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._journeys.offers import Offer
    from crmvalue._journeys.zones import Clocks
    from crmvalue.typing import Dates, Integers

__all__ = [
    "END",
    "Branch",
    "Choice",
    "Duration",
    "Message",
    "Split",
    "Step",
    "Wait",
    "WaitFor",
    "as_duration",
    "follow",
    "in_order",
    "in_their_order",
    "reachable",
    "take_apart",
]

END = "end"
"""Name that stands for the end of a journey where a step is named."""

_SECONDS = {"minute": 60, "hour": 3600}
_DAYS = {"day": 1, "week": 7}
_LONGEST_DAYS = 3660
_LONGEST_DAY = 172_800  # seconds; clocks were set back by 2 hours, and by 23 where a zone changed its date
_MOST_WAYS = 1000  # of a split
_DURATION = re.compile(
    r"(?:(?P<next>next day)|(?P<count>\d{1,7}) (?P<unit>minute|hour|day|week|month)s?)"
    r"(?: at (?P<hour>\d{1,2}):(?P<minute>\d\d))?",
    re.ASCII,
)
_RULE = 'a time such as "3 days", "1 month", "90 minutes" or "next day at 15:00"'


class Duration(NamedTuple):
    """A wait as numbers: calendar months or days, or seconds, and the time of day at which it ends."""

    months: int
    days: int
    seconds: int
    at: int | None  # seconds after midnight; None keeps the time of day at which the wait began

    def after_utc(self, start: Dates, row: Integers, clocks: Clocks) -> Dates:
        """Instant at which the wait ends, for each instant at which it begins: months and days by local calendars."""
        if self.months == self.days == 0:
            return start + np.timedelta64(self.seconds, "s")
        return clocks.to_utc(row, self.after(clocks.to_local(row, start)))

    def after(self, start: Dates) -> Dates:
        """Local time at which the wait ends, for each local time at which it begins, on clocks that never change."""
        if self.months == self.days == 0:
            return start + np.timedelta64(self.seconds, "s")
        day = start.astype("datetime64[D]")
        if self.at is not None:
            start = np.add(day.astype("datetime64[s]"), np.timedelta64(self.at, "s"))
        moved = add_months(day, self.months) if self.months else next_day_at(day, days=self.days, hour=0)
        passed = moved.astype("datetime64[D]") - day
        ended: Dates = np.add(start, passed)
        return ended

    @property
    def longest(self) -> int:
        """Seconds that a wait of this kind takes at most."""
        return 86_400 * (31 * self.months + self.days + 1) + self.seconds

    @property
    def may_end_today(self) -> bool:
        """Whether the wait may end on the day on which it begins; a clock that is set back makes a day longer."""
        return 0 < self.seconds < _LONGEST_DAY


def as_duration(name: str, value: object) -> str:
    """Check a wait in words, and write it in one form."""
    text = " ".join(as_text(name, value).split()).lower()
    take_apart(name, text)
    return text


def take_apart(name: str, text: str) -> Duration:
    """Turn a wait in words into numbers."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise InputError(name, _RULE, text)
    count, unit = (1, "day") if found["next"] else (int(found["count"]), found["unit"])
    at = None
    if found["hour"] is not None:
        hour, minute = int(found["hour"]), int(found["minute"])
        if hour > 23 or minute > 59 or unit in _SECONDS:
            raise InputError(name, _RULE, text, hint="days, weeks or months end at a time from 00:00 to 23:59")
        at = 3600 * hour + 60 * minute
    months = count if unit == "month" else 0
    days = count * _DAYS.get(unit, 0)
    seconds = count * _SECONDS.get(unit, 0)
    if count < 1 or 31 * months + days + seconds / 86_400 > _LONGEST_DAYS:
        raise InputError(name, f"a time above 0 and up to {_LONGEST_DAYS} days", text)
    return Duration(months, days, seconds, at)


def _needed_target(name: str, value: object) -> str:
    if value is None:
        raise InputError(name, f"the name of a step, or {END!r}", value, hint="a branch says where each way leads")
    return name_of(name, value)


def _cases(name: str, value: Any) -> FixedMapping[str, str]:
    if not isinstance(value, Mapping) or not value:
        raise InputError(name, "a mapping from values of the attribute to names of steps", value)
    return FixedMapping(
        {as_text(name, case): _needed_target(f"{name}[{case!r}]", step) for case, step in value.items()}
    )


def _shares(name: str, value: Any) -> FixedMapping[str, float]:
    if not isinstance(value, Mapping) or len(value) < 2:
        raise InputError(name, "a mapping from the names of at least two steps to their shares", value)
    if len(value) > _MOST_WAYS:
        raise InputError(name, f"at most {_MOST_WAYS:,} ways", len(value))
    shares = FixedMapping({name_of(name, step): as_float(f"{name}[{step!r}]", share) for step, share in value.items()})
    if min(shares.values()) <= 0 or not math.isclose(math.fsum(shares.values()), 1.0, rel_tol=1e-9):
        raise InputError(name, "above 0, with the sum 1", dict(shares))
    return shares


def in_their_order(mapping: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Give the pairs of a mapping, so that comparing them compares their order too."""
    return tuple(mapping.items())


def _next_step(name: str) -> Any:
    """Field for the step that follows; None for the next one."""
    return checked_field(name, optional(name_of), default=None, kw_only=True)


def _way(name: str) -> Any:
    """Field for the step to which a way leads; what is left out is refused with a hint."""
    return checked_field(name, _needed_target, default=None, kw_only=True)


@attrs.frozen
class Message:
    """Send a message, and go on from the moment at which it was sent.

    Parameters
    ----------
    offer : Offer or str, optional
        What is offered.
    channels : str or sequence of str, optional
        Channels of this message, the preferred one first; by default those of the journey.
    valid_days : int, optional
        Calendar days after the planned moment on which the message is still worth sending, >= 1.
    if_unsent : {"stop", "go on"}, optional
        What becomes of a customer to whom the message was not sent. With "stop" they wait for it, and the journey ends
        for them when the message is no longer valid: nobody is reminded of what they never got. With "go on" the steps
        after it count from the moment at which it was due, such as a text message after a letter that not everybody
        may get.
    send_hour : int, "best" or "any", optional
        Local hour of sending, 0 to 23: a customer who comes to the step waits until their clock next shows it. "best"
        is the `send_hour` of each customer; "any" waits for no hour. By default that of the journey.
    then : str, optional
        Step that follows; by default the next one of the journey. In every kind of step, "end" ends the journey.

    Examples
    --------
    >>> Message(offer="5 %").valid_days
    3
    """

    offer: Offer | None = offer_field()
    channels: tuple[str, ...] | None = checked_field("channels", optional(channels_of), default=None, kw_only=True)
    valid_days: int = whole_field("valid_days", 1, 3660, default=3)
    if_unsent: Literal["stop", "go on"] = choice_field("if_unsent", ("stop", "go on"), default="stop", kw_only=True)
    send_hour: int | str | None = hour_field("any")
    then: str | None = _next_step("then")

    @property
    def targets(self) -> tuple[str | None, ...]:
        """Steps that may follow; None stands for the next one."""
        return (self.then,)


@attrs.frozen
class Wait:
    """Wait for some time.

    Parameters
    ----------
    duration : str
        A time such as "90 minutes", "36 hours", "3 days", "2 weeks" or "1 month", with or without the final "s". Days,
        weeks and months may name a local time of day, as in "2 days at 09:30" and "next day at 15:00".
    then : str, optional
        Step that follows; by default the next one.

    Notes
    -----
    Minutes and hours are elapsed time: 90 minutes are 90 minutes also where the clocks change meanwhile. Days, weeks
    and months follow the calendar of the customer and keep the local time of day, so "1 day" takes 23 to 25 hours where
    the clocks change, and "24 hours" always 24. A time of day that a change of the clocks skips becomes the moment of
    the change; one that comes twice means its first time. One month after 31 January is the last day of February.
    "next day at 15:00" is 15:00 of the day after, at whatever time of day the wait begins.

    Examples
    --------
    >>> Wait("next day at 15:00").duration
    'next day at 15:00'
    """

    duration: str = checked_field("duration", as_duration)
    then: str | None = _next_step("then")

    @property
    def targets(self) -> tuple[str | None, ...]:
        """Steps that may follow; None stands for the next one."""
        return (self.then,)

    @property
    def parts(self) -> Duration:
        """The wait as numbers."""
        return take_apart("duration", self.duration)


@attrs.frozen
class WaitFor:
    """Wait for an event, but not longer than some time.

    Parameters
    ----------
    event : str
        Event of the customer, after the beginning of the wait.
    at_most : str
        Longest time to wait, as in :class:`Wait`: minutes and hours elapse, days and months follow the calendar.
    then : str, optional
        Step that follows at once when the event happens; by default the next one.
    otherwise : str, optional
        Step that follows if the event does not happen in time; by default the next one.

    Examples
    --------
    >>> WaitFor("opened", at_most="7 days", then="thanks", otherwise="reminder").event
    'opened'
    """

    event: str = checked_field("event", name_of)
    at_most: str = checked_field("at_most", as_duration, kw_only=True)
    then: str | None = _next_step("then")
    otherwise: str | None = _next_step("otherwise")

    @property
    def targets(self) -> tuple[str | None, ...]:
        """Steps that may follow; None stands for the next one."""
        return self.then, self.otherwise

    @property
    def parts(self) -> Duration:
        """The longest wait as numbers."""
        return take_apart("at_most", self.at_most)


@attrs.frozen
class Branch:
    """Two ways: one for the customers in a segment, one for all others.

    Parameters
    ----------
    segment : str
        Name of the segment.
    then, otherwise : str
        Step for the customers in the segment, and step for the others.

    Examples
    --------
    >>> Branch("vip", then="call", otherwise="letter").targets
    ('call', 'letter')
    """

    segment: str = checked_field("segment", name_of)
    then: str = _way("then")
    otherwise: str = _way("otherwise")

    @property
    def targets(self) -> tuple[str, ...]:
        """Steps that may follow."""
        return self.then, self.otherwise


@attrs.frozen
class Choice:
    """A way for each value of an attribute.

    Parameters
    ----------
    attribute : str
        Name of the attribute.
    cases : mapping of str to str
        Step for each value.
    otherwise : str
        Step for every other value, and for customers without a value.

    Examples
    --------
    >>> Choice("language", cases={"uk": "letter_uk", "en": "letter_en"}, otherwise="end").targets
    ('letter_uk', 'letter_en', 'end')
    """

    attribute: str = checked_field("attribute", name_of)
    cases: FixedMapping[str, str] = checked_field("cases", _cases, kw_only=True)
    otherwise: str = _way("otherwise")

    @property
    def targets(self) -> tuple[str, ...]:
        """Steps that may follow."""
        return (*dict.fromkeys((*self.cases.values(), self.otherwise)),)


@attrs.frozen
class Split:
    """Two or more ways to which chance assigns the customers, to test one way against another.

    Parameters
    ----------
    shares : mapping of str to float
        Share of the customers for each next step, in (0, 1), with the sum 1. A hash of the customer's identifier, the
        name of the journey and the name of this step decides: always in the same way, in every version of the
        journey.

    Examples
    --------
    >>> Split({"with_gift": 0.5, "without": 0.5}).targets
    ('with_gift', 'without')
    """

    shares: FixedMapping[str, float] = checked_field("shares", _shares, eq=in_their_order)

    @property
    def targets(self) -> tuple[str, ...]:
        """Steps that may follow."""
        return tuple(self.shares)


Step = Message | Wait | WaitFor | Branch | Choice | Split


def follow(steps: Mapping[str, Step]) -> dict[str, tuple[str, ...]]:
    """Name the steps that may follow each step; the end follows the last one."""
    names = list(steps)
    after = dict(zip(names, [*names[1:], END], strict=True))
    return {name: tuple(after[name] if t is None else t for t in step.targets) for name, step in steps.items()}


def in_order(steps: Mapping[str, Step]) -> tuple[str, ...]:
    """Sort the steps so that each comes after all steps that lead to it; raise if they are wrong."""
    ways = follow(steps)
    for name, targets in ways.items():
        for target in targets:
            if target != END and target not in steps:
                raise InputError("steps", f"steps that lead to steps; {name!r} leads to {target!r}", list(steps))
    reached = reachable(ways, next(iter(steps)))
    lost = [name for name in steps if name not in reached]
    if lost:
        raise InputError("steps", "steps that can be reached from the first one", lost[0], count=len(lost))
    ordered: list[str] = []
    leads_to = Counter(chain.from_iterable(set(targets) for targets in ways.values()))
    waiting = {name: leads_to[name] for name in steps}
    free = [name for name, n in waiting.items() if n == 0]
    while free:
        name = free.pop()
        ordered.append(name)
        for target in set(ways[name]) - {END}:
            waiting[target] -= 1
            if waiting[target] == 0:
                free.append(target)
    if len(ordered) < len(steps):
        loop = next(name for name in steps if any(name in reachable(ways, target) for target in ways[name]))
        rule = f"steps that all lead to the end; {loop!r} leads back to itself"
        raise InputError("steps", rule, list(steps), hint="to repeat a message, write a step for each time")
    return tuple(ordered)


def reachable(ways: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """Find all steps that can be reached from a step, itself included."""
    found: set[str] = set()
    open_ = [start]
    while open_:
        name = open_.pop()
        if name != END and name not in found:
            found.add(name)
            open_.extend(ways[name])
    return found
