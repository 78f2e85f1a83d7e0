"""Journeys that a date or an event starts, and the messages that each has to send on a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import attrs
import numpy as np

from crmvalue._core.calendar import LEAP_DAY_POLICIES, LeapDayPolicy, add_months, anniversary
from crmvalue._core.checks import as_days, as_flag, as_positive, as_text, as_whole_number, require, require_choice
from crmvalue._core.customers import encode_customers
from crmvalue._core.values import checked_field
from crmvalue._journeys.json import journey_from_json, journey_to_json
from crmvalue._journeys.offers import Offer, as_offer
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._journeys.data import Coded, Customers, Events, MessageHistory
    from crmvalue._journeys.kinds.cascade import Cascade
    from crmvalue.typing import ArrayLike, Dates, Integers

__all__ = [
    "NEVER",
    "BirthdayJourney",
    "Candidates",
    "Context",
    "TriggerJourney",
    "cascade_candidates",
    "channels_field",
    "channels_of",
    "flag_field",
    "hour_field",
    "moment",
    "name_field",
    "name_of",
    "offer_field",
    "purpose_field",
    "segment_field",
    "whole_field",
    "words_of",
]

_T = TypeVar("_T")
_DAY = np.timedelta64(1, "D")
_SECOND = np.timedelta64(1, "s")
_FEBRUARY = 64  # of a month and day as one number
NEVER = np.datetime64("NaT", "s")


class Candidates(NamedTuple):
    """Messages that a journey would send, columns of equal length; times are those of the customer."""

    row: Integers
    step: Integers  # place among `labels`
    labels: tuple[str, ...]
    anchor: Dates  # what the message is about: the day or the moment that started it
    planned: Dates
    expires: Dates  # last moment
    exited: Dates  # moment at which the reason for the message was gone; NaT where it is not
    offers: tuple[Offer | None, ...]  # of each label
    channels: tuple[tuple[str, ...] | None, ...] = ()  # of each label where they are not those of the journey


class Context:
    """What all journeys of a run look at: the customers, the day, and the events until its end."""

    def __init__(
        self, customers: Customers, events: Events | None, history: MessageHistory, today: np.datetime64
    ) -> None:
        self.customers, self.history, self.today = customers, history, today
        self.end = (today + _DAY).astype("datetime64[s]")
        self.by_name: dict[str, tuple[Integers, Dates]] = {}
        self._month_days: dict[str, Integers] = {}
        self.n_unknown = 0
        if events is None or len(events) == 0:
            return
        rows = customers.rows_of(events.customer.distinct)[events.customer.code]
        self.n_unknown = int(np.count_nonzero(rows < 0))
        usable = (rows >= 0) & (events.time < self.end)
        rows, names, times = rows[usable], events.name.code[usable], events.time[usable]
        order = np.lexsort((times, rows, names))
        rows, names, times = rows[order], names[order], times[order]
        ends = np.searchsorted(names, np.arange(len(events.names) + 1))
        for i, name in enumerate(events.names):
            part = slice(ends[i], ends[i + 1])
            self.by_name[name] = rows[part], times[part]

    def events_of(self, name: str) -> tuple[Integers, Dates]:
        """Give the customers and times of the events of a name, by customer and time."""
        empty = np.zeros(0, dtype=np.int64), np.zeros(0, dtype="datetime64[s]")
        return self.by_name.get(name, empty)

    def sent(self, group: str) -> tuple[Integers, npt.NDArray[np.str_], Dates]:
        """Give the customer, step and anchor of each message of a group that was sent before."""
        mine = np.nonzero(self.history.group == group)[0]
        distinct, code = encode_customers("history", self.history.customer[mine])
        row = self.customers.rows_of(distinct)[code]
        known = row >= 0
        return row[known], self.history.step[mine][known], self.history.anchor[mine][known]

    def first_after(self, names: Iterable[str], row: Integers, after: Dates) -> Dates:
        """Time of the first event of some names after a moment, for each row; NaT where there is none."""
        first = np.full(len(row), NEVER, dtype="datetime64[s]")
        for name in names:
            rows, times = self.events_of(name)
            if len(rows) == 0:
                continue
            place = np.searchsorted(moment(rows, times), moment(row, after), side="right")
            inside = np.minimum(place, len(rows) - 1)
            found = np.where((place < len(rows)) & (rows[inside] == row), times[inside], NEVER)
            first = np.fmin(first, found)
        return first

    def latest_day(self, name: str) -> Dates:
        """Day of the last event of a name of each customer; NaT where there is none."""
        rows, times = self.events_of(name)
        latest = np.full(len(self.customers), np.datetime64("NaT", "D"))
        latest[rows] = times.astype("datetime64[D]")  # sorted by time: the last one stays
        return latest

    def rows_by_month_day(self, name: str, days: Dates) -> Integers:
        """Find customers whose date may have its anniversary on one of some days; leap days are let through."""
        if name not in self._month_days:
            date = self.date(name)
            month_day = _month_day(np.where(np.isnat(date), np.datetime64("1970-01-01"), date))
            self._month_days[name] = np.where(np.isnat(date), 0, month_day)
        wanted = np.zeros(12 * 32 + 32, dtype=bool)
        wanted[_month_day(days)] = True
        if wanted[[_FEBRUARY + 28, _FEBRUARY + 29, _FEBRUARY + 32 + 1]].any():
            wanted[_FEBRUARY + 29] = True
        return np.nonzero(wanted[self._month_days[name]])[0]

    def date(self, name: str) -> Dates:
        """Column of days of the customers."""
        return _known(self.customers.dates, "date", name)

    def segment(self, name: str) -> npt.NDArray[np.bool_]:
        """Whether each customer is in a segment."""
        return _known(self.customers.segments, "segment", name)

    def attribute(self, name: str) -> Coded:
        """Column of an attribute of the customers."""
        return _known(self.customers.attributes, "attribute", name)


def _known(columns: Mapping[str, _T], kind: str, name: str) -> _T:
    if name not in columns:
        known = ", ".join(columns) or "none"
        raise InputError("customers", f"with the {kind} {name!r} that a journey asks for", known)
    return columns[name]


def _month_day(date: Dates) -> Integers:
    """One number for month and day: 32 times the month, counted from 1, and the day."""
    month = date.astype("datetime64[M]")
    number: Integers = 32 * (month.astype(np.int64) % 12 + 1) + (date - month.astype("datetime64[D]")).astype(np.int64)
    return number + 1


def moment(row: Integers, time: Dates) -> Integers:
    """One ascending number for a row below 2**24 and a moment of the years 1 to 9999."""
    key: Integers = row * np.int64(1 << 39) + (time.astype("datetime64[s]").astype(np.int64) + (1 << 36))
    return key


def words_of(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (name_of(name, value),)
    if not isinstance(value, Iterable):
        raise InputError(name, "a text or a sequence of texts", value)
    return tuple(name_of(name, word) for word in value)


def channels_of(name: str, value: Any) -> tuple[str, ...]:
    words = words_of(name, value)
    if not words or len(set(words)) != len(words):
        raise InputError(name, "at least one channel, each once, the preferred one first", value)
    return words


def _optional_name(name: str, value: Any) -> str | None:
    return None if value is None else name_of(name, value)


def _optional_offer(name: str, value: Any) -> Offer | None:
    return None if value is None else as_offer(name, value)


def name_of(name: str, value: Any) -> str:
    text = as_text(name, value)
    if not text.strip():
        raise InputError(name, "a text that is not empty", value)
    return text


def name_field(**options: Any) -> Any:
    """Field for the name of a journey."""
    return checked_field("name", name_of, **options)


def segment_field() -> Any:
    """Field for the segment whose customers a journey is for; None for all."""
    return checked_field("segment", _optional_name, default=None, kw_only=True)


def channels_field() -> Any:
    """Field for channels, the preferred one first."""
    return checked_field("channels", channels_of, default=("email",), kw_only=True)


def purpose_field() -> Any:
    """Field for the purpose to which a customer has to have agreed."""
    return checked_field("purpose", name_of, default="marketing", kw_only=True)


def offer_field() -> Any:
    """Field for what a message offers."""
    return checked_field("offer", _optional_offer, default=None, kw_only=True)


def hour_field() -> Any:
    """Field for the local hour of sending."""
    return whole_field("send_hour", 0, 23, default=10)


def flag_field(name: str, *, default: bool) -> Any:
    """Field for True or False."""
    return checked_field(name, as_flag, default=default, kw_only=True)


def whole_field(name: str, low: int, high: int, **options: Any) -> Any:
    """Field for a whole number from low to high."""
    return checked_field(
        name, lambda field, value: as_whole_number(field, value, low=low, high=high), kw_only=True, **options
    )


def _hours(name: str, value: Any) -> float:
    hours = as_positive(name, value, zero=True)
    if hours > _MOST_HOURS:
        raise InputError(name, f"from 0 to {_MOST_HOURS}", hours)
    return hours


_PRIORITY = 1_000_000
_CATCH_UP_DAYS = 3
_MOST_HOURS = 3660 * 24


@attrs.frozen
class BirthdayJourney:
    """A message some days before each birthday, or another anniversary, with an offer that ends some days after.

    Of several journeys on one date each customer gets one a year: of those that are due on a day and whose segment he
    is in, that with the highest priority.

    Parameters
    ----------
    name : str
        Name of the journey. What it has sent is known by it: a new name begins anew.
    date : str, optional
        Name of the date of the customers that comes round each year: "birthday", "registered", one of your own.
    day_itself : bool, optional
        Whether the date itself counts, as the end of a contract does; a birth is none of its anniversaries.
    days_before : int, optional
        Days from the message to the day itself, >= 0.
    valid_days_after : int, optional
        Days after it on which the offer still holds, >= 0.
    leap_day : {"backward", "forward", "skip"}, optional
        What becomes of 29 February in a common year: 28 February, 1 March, or no message.
    offer : Offer or str, optional
        What is offered.
    segment : str, optional
        Segment whose customers it is for; by default all.
    priority : int, optional
        Higher goes first where only some may be sent: under caps, a budget, and among journeys on one date.
    channels : str or sequence of str, optional
        Channels, the preferred one first: the others are tried where it may not be used.
    purpose : str, optional
        Purpose to which the customer has to have agreed.
    exempt : bool, optional
        Whether its messages neither count for frequency caps nor are held back by them. The control group and the
        budget hold for them too.
    send_hour : int, optional
        Local hour of sending, 0 to 23.
    catch_up_days : int, optional
        Days after which a missed message is given up, >= 0; later runs do not look at it.

    Examples
    --------
    >>> vip = BirthdayJourney("vip birthday", offer="a gift", segment="vip", priority=2)
    >>> message = vip.message("1992-02-29", 2025)
    >>> str(message.sent_on), str(message.day), str(message.valid_until)
    ('2025-02-21', '2025-02-28', '2025-03-07')
    """

    name: str = name_field()
    date: str = checked_field("date", name_of, default="birthday", kw_only=True)
    day_itself: bool = flag_field("day_itself", default=False)
    days_before: int = whole_field("days_before", 0, 180, default=7)
    valid_days_after: int = whole_field("valid_days_after", 0, 180, default=7)
    leap_day: LeapDayPolicy = attrs.field(default="backward", kw_only=True)
    offer: Offer | None = offer_field()
    segment: str | None = segment_field()
    priority: int = whole_field("priority", -_PRIORITY, _PRIORITY, default=0)
    channels: tuple[str, ...] = channels_field()
    purpose: str = purpose_field()
    exempt: bool = flag_field("exempt", default=False)
    send_hour: int = hour_field()
    catch_up_days: int = whole_field("catch_up_days", 0, 180, default=_CATCH_UP_DAYS)

    def __attrs_post_init__(self) -> None:
        require_choice("leap_day", self.leap_day, LEAP_DAY_POLICIES)

    @property
    def group(self) -> str:
        """Journeys of one group send one message a customer and year between them."""
        return f"anniversary of {self.date}"

    def message(self, date: ArrayLike, year: int) -> AnniversaryMessage:
        """Days of the message for an anniversary.

        Parameters
        ----------
        date : array_like
            The date itself, such as that of birth; one customer or any number.
        year : int
            Year of the anniversary. Its message may fall into the year before.

        Returns
        -------
        AnniversaryMessage
            Day of the message, of the anniversary, and the last on which the offer holds.

        Raises
        ------
        InputError
            If a date is missing or the year is not from 2 to 9998.

        Examples
        --------
        >>> message = BirthdayJourney("birthday").message("1990-01-03", 2025)
        >>> str(message.sent_on), str(message.valid_until)
        ('2024-12-27', '2025-01-10')
        """
        of_year = as_whole_number("year", year, low=2, high=9998)
        day = anniversary(as_days("date", date), of_year, leap_day=self.leap_day)
        before, after = (np.timedelta64(days, "D") for days in (self.days_before, self.valid_days_after))
        return AnniversaryMessage(sent_on=day - before, day=day, valid_until=day + after)

    def to_json(self) -> str:
        """Write the journey as JSON text.

        Returns
        -------
        str
            A JSON object.
        """
        return journey_to_json(self)

    @classmethod
    def from_json(cls, text: str) -> BirthdayJourney:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        BirthdayJourney
            An equal journey.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote.
        """
        return journey_from_json(text, cls, Offer)

    def candidates(self, context: Context) -> Candidates:
        """Messages of the run, those missed in the last days included.

        :meta private:
        """
        date = context.date(self.date)
        first = context.today - np.timedelta64(self.catch_up_days, "D")
        rows, days = [], []
        target = np.arange(first, context.today + _DAY) + np.timedelta64(self.days_before, "D")
        around = context.rows_by_month_day(self.date, target)
        for year in np.unique(target.astype("datetime64[Y]").astype(np.int64) + 1970).tolist():
            day = anniversary(date[around], year, leap_day=self.leap_day)
            hit = (day >= target[0]) & (day <= target[-1]) & (day >= date[around] + (_DAY * (not self.day_itself)))
            rows.append(around[hit])
            days.append(day[hit])
        row, day = np.concatenate(rows), np.concatenate(days)
        planned = _at_hour(day - np.timedelta64(self.days_before, "D"), self.send_hour)
        expires = _at_hour(day + np.timedelta64(self.valid_days_after + 1, "D"), 0) - _SECOND
        return Candidates(
            row, np.zeros(len(row), dtype=np.int64), ("message",),
            day.astype("datetime64[Y]").astype("datetime64[s]"),  # one a year, even if the date is corrected meanwhile
            planned, expires,
            np.full(len(row), NEVER), (self.offer,),
        )  # fmt: skip


class AnniversaryMessage(NamedTuple):
    """Days of a message of an anniversary.

    Parameters
    ----------
    sent_on : ndarray of datetime64[D]
        When it is sent.
    day : ndarray of datetime64[D]
        The anniversary.
    valid_until : ndarray of datetime64[D]
        Last day on which its offer holds.

    Examples
    --------
    >>> str(BirthdayJourney("birthday").message("1990-03-05", 2024).sent_on)
    '2024-02-27'
    """

    sent_on: Dates
    day: Dates
    valid_until: Dates


@attrs.frozen
class TriggerJourney:
    """A message some time after an event, unless something else has happened meanwhile.

    A run plans a day: a message that is due soon after its event needs the runs of that day to follow each other soon.
    The event is one of yours. The functions :meth:`abandoned_cart`, :meth:`welcome` and :meth:`no_second_purchase` give
    the usual ones.

    Parameters
    ----------
    name : str
        Name of the journey.
    event : str
        Event that starts it.
    wait_hours : float, optional
        Hours from the event to the message, from 0 to 87840 (ten years).
    unless : str or sequence of str, optional
        Events that call the message off, looked up until the moment of sending.
    valid_days : int, optional
        Days after the planned moment on which the message is still worth sending, >= 1.
    cool_down_days : int, optional
        Days after a message in which the journey does not write to the same customer again, >= 0.
    once : bool, optional
        Whether a customer gets the message once in his life.
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
    unless: tuple[str, ...] = checked_field("unless", words_of, default=(), kw_only=True)
    valid_days: int = whole_field("valid_days", 1, 3660, default=3)
    cool_down_days: int = whole_field("cool_down_days", 0, 3660, default=7)
    once: bool = flag_field("once", default=False)
    offer: Offer | None = offer_field()
    segment: str | None = segment_field()
    priority: int = whole_field("priority", -_PRIORITY, _PRIORITY, default=0)
    channels: tuple[str, ...] = channels_field()
    purpose: str = purpose_field()
    exempt: bool = flag_field("exempt", default=False)
    catch_up_days: int = whole_field("catch_up_days", 0, 3660, default=_CATCH_UP_DAYS)

    @property
    def group(self) -> str:
        """A trigger is a group of its own."""
        return self.name

    @classmethod
    def abandoned_cart(cls, name: str = "abandoned cart", **options: Any) -> TriggerJourney:
        """Remind of a cart that was left: an hour after "cart", unless "purchase"."""
        return cls(name, **{"event": "cart", "wait_hours": 1.0, "unless": "purchase", **options})

    @classmethod
    def welcome(cls, name: str = "welcome", **options: Any) -> TriggerJourney:
        """Welcome a new customer: at once after "first purchase", once in his life."""
        return cls(name, **{"event": "first purchase", "once": True, **options})

    @classmethod
    def no_second_purchase(cls, days: int = 30, name: str = "no second purchase", **options: Any) -> TriggerJourney:
        """Ask for the second purchase: so many days after "first purchase", unless "purchase" came after it."""
        wait = 24.0 * as_whole_number("days", days, low=1)
        return cls(
            name, **{"event": "first purchase", "wait_hours": wait, "unless": "purchase", "once": True, **options}
        )

    def to_json(self) -> str:
        """Write the journey as JSON text.

        Returns
        -------
        str
            A JSON object.
        """
        return journey_to_json(self)

    @classmethod
    def from_json(cls, text: str) -> TriggerJourney:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        TriggerJourney
            An equal journey.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote.
        """
        return journey_from_json(text, cls, Offer)

    def candidates(self, context: Context) -> Candidates:
        """Messages of the run, those missed in the last days included.

        :meta private:
        """
        row, time = context.events_of(self.event)
        planned = time + np.timedelta64(round(self.wait_hours * 3600), "s")
        first = (context.today - np.timedelta64(self.catch_up_days, "D")).astype("datetime64[s]")
        due = (planned >= first) & (planned < context.end)
        row, time, planned = row[due], time[due], planned[due]
        return Candidates(
            row, np.zeros(len(row), dtype=np.int64), ("message",), time, planned,
            planned + np.timedelta64(self.valid_days, "D"), context.first_after(self.unless, row, time), (self.offer,),
        )  # fmt: skip


def cascade_candidates(cascade: Cascade, context: Context) -> Candidates:
    """Find the steps of a win-back cascade that fall on the day or were missed in the last days."""
    bought = context.latest_day("purchase")
    given = context.date(cascade.date)
    last = np.fmax(given, bought)
    rule = f"no later than the day of the run ({context.today})"
    require(np.isnat(last) | (last <= context.today), f"dates[{cascade.date!r}]", last, rule)
    rows = np.nonzero(~np.isnat(last))[0]
    late = cascade.catch_up_days
    if late is None and (context.history.group == cascade.group).any():
        late = _CATCH_UP_DAYS  # not the first run
    due = cascade.due(last[rows], context.today, most_days_late=late)
    months = np.array(cascade.months, dtype=np.int64)
    step = np.searchsorted(months, due.month)
    row = rows[due.row]
    anchor = last[row]
    ends = add_months(anchor, np.append(months[1:], cascade.given_up_month)[step])
    exited: Dates = np.full(len(row), NEVER)
    if cascade.ends_with == "reaction":
        exited = context.first_after(("reaction",), row, _at_hour(_next_day(anchor), 0) - _SECOND)
    return Candidates(
        row, step, tuple(f"month {month}" for month in cascade.months), anchor.astype("datetime64[s]"),
        _at_hour(due.date, cascade.send_hour), _at_hour(ends, 0) - _SECOND, exited,
        tuple(cascade.offer_of(i) for i in range(len(months))),
    )  # fmt: skip


def _next_day(day: Dates) -> Dates:
    moved: Dates = np.add(day, _DAY)
    return moved


def _at_hour(day: Dates, hour: int) -> Dates:
    moment: Dates = np.add(day.astype("datetime64[s]"), np.timedelta64(hour * 3600, "s"))
    return moment
