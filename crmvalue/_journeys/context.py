"""What a run gives to each journey, and what it asks of each: the protocol that a kind of journey fulfils."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np

from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.encoding.keys import distinct_days
from crmvalue._core.labels import warn_at_user
from crmvalue._journeys.data import rows_among
from crmvalue._journeys.fields import SEND_HOUR
from crmvalue._journeys.moments import NEVER, at_hour, moment
from crmvalue._journeys.zones import Clocks
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from crmvalue._journeys.data import Coded, Customers, Events, MessageHistory
    from crmvalue._journeys.offers import Offer
    from crmvalue._journeys.planning.plan import Plan
    from crmvalue.typing import Dates, Integers

__all__ = ["Candidates", "Context", "EventLog", "JourneyKind", "like"]

_T = TypeVar("_T")
_DAY = np.timedelta64(1, "D")
_FEBRUARY = 64  # of a month and day as one number


class JourneyKind(Protocol):
    """All that the planner knows of a journey; a new kind is a class with these members."""

    @property
    def name(self) -> str:
        """Name, for reports."""

    @property
    def version(self) -> int:
        """Number of the version; 0 for a kind without versions. No two journeys share name and version."""

    @property
    def group(self) -> str:
        """Name under which the history keeps its messages."""

    @property
    def shares_group(self) -> bool:
        """Whether journeys of one group may stand side by side; they send one message for each anchor together."""

    @property
    def segment(self) -> str | None:
        """Segment whose customers it is for; None for all."""

    @property
    def priority(self) -> int:
        """Higher goes first."""

    @property
    def purpose(self) -> str:
        """Purpose to which the customer has to have agreed."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels, the preferred one first."""

    @property
    def exempt(self) -> bool:
        """Whether frequency caps neither limit nor count its messages."""

    @property
    def cool_down_days(self) -> int:
        """Days after a message in which it does not write to the same customer again."""

    @property
    def once(self) -> bool:
        """Whether a customer gets one message ever."""

    def candidates(self, context: Context) -> Candidates:
        """Messages of the run, including those that were missed in the last days."""


class Candidates(NamedTuple):
    """Messages that a journey would send, columns of equal length; times are local to the customer."""

    row: Integers
    step: Integers  # place among `labels`
    labels: tuple[str, ...]
    anchor: Dates  # what the message is about: the day or the moment that started it
    planned: Dates
    expires: Dates  # last moment
    exited: Dates  # moment at which the reason for the message was gone; NaT where it is not
    offers: tuple[Offer | None, ...]  # of each label
    channels: tuple[tuple[str, ...] | None, ...] = ()  # of each label; None for the channels of the journey
    planned_utc: Dates | None = None  # tells apart two instants of one local time; None takes the first one
    goes_on: npt.NDArray[np.bool_] | None = None  # whether another message may be due on the day that sends this one
    goes_on_without: npt.NDArray[np.bool_] | None = None  # whether another one may be due where this one is not sent
    exited_utc: Dates | None = None  # tells apart two instants of one local time; None takes that of the event


class EventLog:
    """The events of the customers by name, sorted once for all days of a plan.

    `instants` are those of the events in UTC, where they are known; they tell apart two moments of one local time.
    """

    def __init__(self, customers: Customers, events: Events | None, instants: Dates | None = None) -> None:
        self.clocks = Clocks(customers)
        self.n_unknown = 0
        self.has_instants = instants is not None
        self._by_name: dict[str, tuple[Integers, Dates]] = {}
        self._instants: dict[str, Dates] = {}
        self._keys: dict[tuple[str, bool], Integers] = {}
        self._asked: set[str] = set()
        self._later: dict[str, tuple[Integers, Dates]] = {}  # by name of the event; "" for those of all names
        if events is None or len(events) == 0:
            return
        rows = rows_among(customers, events.customer.distinct)[events.customer.code]
        self.n_unknown = int(np.count_nonzero(rows < 0))
        usable = rows >= 0
        rows, names, times = rows[usable], events.name.code[usable], events.time[usable]
        order = np.lexsort((times, rows, names))
        rows, names, times = rows[order], names[order], times[order]
        given = None if instants is None else instants[usable][order]
        if given is not None:
            self._keep_later("", rows, times, given)
        ends = np.searchsorted(names, np.arange(len(events.names) + 1))
        for i, name in enumerate(events.names):
            part = slice(ends[i], ends[i + 1])
            self._by_name[name] = rows[part], times[part]
            if given is not None:
                self._instants[name] = given[part][np.lexsort((given[part], rows[part]))]
                self._keep_later(name, rows[part], times[part], given[part])

    def of(self, name: str) -> tuple[Integers, Dates]:
        """Give the customers and local times of all events of a name, by customer and time."""
        empty = np.zeros(0, dtype=np.int64), np.zeros(0, dtype="datetime64[s]")
        self._asked.add(name)
        return self._by_name.get(name, empty)

    def warn_of_misspelt(self) -> None:
        """Warn of names that journeys ask for and no event has, where events have the same name in another spelling."""
        for name in sorted(self._asked - self._by_name.keys()):
            for other in like(name, self._by_name):
                message = f"no event is named {name!r}, which a journey looks for; there are events named {other!r}"
                warn_at_user(message, len(self._by_name[other][0]))

    def instants_of(self, name: str) -> Dates:
        """Give the instants of the same events, in UTC."""
        if name not in self._instants:  # ascending for each customer
            self._instants[name] = self.clocks.to_utc(*self.of(name))
        return self._instants[name]

    def to_utc(self, row: Integers, time: Dates, name: str = "") -> Dates:
        """Give the instants of local times of events; of one that comes twice, that of the event if it is known.

        Two events of different names may share a local time and not the instant: `name` is that of the events.
        """
        utc = self.clocks.to_utc(row, time)
        if name not in self._later:
            return utc
        keys, instants = self._later[name]
        key = moment(row, time)
        place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        return np.where((keys[place] == key) & ~np.isnat(time), instants[place], utc)

    def _keep_later(self, name: str, rows: Integers, times: Dates, instants: Dates) -> None:
        """Keep customers and local times of events of which the first was at the second time that a clock showed."""
        key = moment(rows, times)
        order = np.lexsort((instants, key))
        first = order[np.diff(key[order], prepend=-1) != 0]
        later = first[instants[first] > self.clocks.to_utc(rows[first], times[first])]
        if len(later):
            self._later[name] = key[later], instants[later]

    def keys_of(self, name: str, *, utc: bool) -> Integers:
        """Give customer and time of the same events as ascending numbers, by local times or by instants."""
        if (name, utc) not in self._keys:
            rows, times = self.of(name)
            self._keys[name, utc] = moment(rows, self.instants_of(name) if utc else times)
        return self._keys[name, utc]


class Context:
    """What all journeys of a run look at: the customers, the day, their events, and what was sent.

    An event after the day starts nothing. It ends what would be sent after it, in the night after the day.
    """

    def __init__(
        self,
        customers: Customers,
        events: Events | EventLog | None,
        history: MessageHistory,
        today: np.datetime64,
        *,
        send_hour: int | str | None = None,
    ) -> None:
        self.customers, self.history, self.today = customers, history, today
        self.send_hour = send_hour  # of messages whose journey says none
        self.refused: Plan | None = None  # messages that a run of the planner has decided not to send so far
        self.is_run = False  # whether the planner asks
        self.memory: dict[tuple[str, str], Any] = {}  # what journeys keep from one day of a plan to the next
        self.end = (today + _DAY).astype("datetime64[s]")
        self.log = events if isinstance(events, EventLog) else EventLog(customers, events)
        self.clocks, self.n_unknown = self.log.clocks, self.log.n_unknown
        self._month_days: dict[str, Integers] = {}

    def events_of(self, name: str) -> tuple[Integers, Dates]:
        """Give the customers and times of the events of a name until the end of the day, by customer and time."""
        rows, times = self.log.of(name)
        known = times < self.end
        return rows[known], times[known]

    def not_sent(self, group: str) -> tuple[Integers, npt.NDArray[np.str_], Dates]:
        """Give customer, step and anchor of each message of a group that this run has decided not to send."""
        if self.refused is None:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.str_), np.zeros(0, dtype="datetime64[s]")
        mine = np.nonzero(self.refused.group == group)[0]
        distinct, code = encode_customers("made", self.refused.customer[mine])
        return rows_among(self.customers, distinct)[code], self.refused.step[mine], self.refused.anchor[mine]

    def sent(self, group: str) -> tuple[Integers, npt.NDArray[np.str_], Dates, Dates]:
        """Give customer, step, anchor and local time of sending of each message of a group that was sent before."""
        mine = np.nonzero(self.history.group == group)[0]
        distinct, code = encode_customers("history", self.history.customer[mine])
        row = rows_among(self.customers, distinct)[code]
        known = row >= 0
        mine = mine[known]
        return row[known], self.history.step[mine], self.history.anchor[mine], self.history.sent_at[mine]

    def first_after(self, names: Iterable[str], row: Integers, after: Dates, *, utc: bool = False) -> Dates:
        """Time of the first event of some names after a moment, for each row, also after the day; NaT for none.

        Moments are local times, or instants with `utc`.
        """
        first = np.full(len(row), NEVER, dtype="datetime64[s]")
        for name in names:
            rows, times = self.log.of(name)
            if len(rows) == 0:
                continue
            if utc:
                times = self.log.instants_of(name)
            place = np.searchsorted(self.log.keys_of(name, utc=utc), moment(row, after), side="right")
            inside = np.minimum(place, len(rows) - 1)
            found = np.where((place < len(rows)) & (rows[inside] == row), times[inside], NEVER)
            first = np.fmin(first, found)
        return first

    def ended_at(self, names: Iterable[str], row: Integers, after: Dates, begun_by: str = "") -> Dates:
        """Instant of the first event of some names after that of an event at a local time, for each row; NaT for none.

        `begun_by` is the name of that event.
        """
        if not self.log.has_instants:
            return self.clocks.to_utc(row, self.first_after(names, row, after))
        return self.first_after(names, row, self.log.to_utc(row, after, begun_by), utc=True)

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
            distinct, place = distinct_days(np.where(np.isnat(date), np.datetime64("1970-01-01"), date))
            self._month_days[name] = np.where(np.isnat(date), 0, _month_day(distinct)[place])
        wanted = np.zeros(12 * 32 + 32, dtype=bool)
        wanted[_month_day(days)] = True
        if wanted[[_FEBRUARY + 28, _FEBRUARY + 29, _FEBRUARY + 32 + 1]].any():
            wanted[_FEBRUARY + 29] = True
        return np.nonzero(wanted[self._month_days[name]])[0]

    def hour_of_day(self, hour: int | str | None, row: Integers) -> int | Integers:
        """Give the hour of messages of a day: that of the journey, or of the policy, or else 10 o'clock."""
        found = self.send_hour if hour is None else hour
        return SEND_HOUR if found is None else self._hours(found, row)

    def next_hour(self, hour: int | str | None, row: Integers, instant: Dates) -> Dates:
        """Give the first instant at the hour of sending, for messages that are due at an instant; all in UTC.

        Without an hour of the journey and of the policy, and at "any" hour, a message waits for none.
        """
        found = self.send_hour if hour is None else hour
        if found is None or found == "any":
            return instant
        local = self.clocks.to_local(row, instant)
        at = at_hour(local.astype("datetime64[D]"), self._hours(found, row))
        waits = np.where(at == local, instant, self.clocks.to_utc(row, at))
        return np.where(waits < instant, self.clocks.to_utc(row, at + _DAY), waits)

    def _hours(self, hour: int | str, row: Integers) -> int | Integers:
        if isinstance(hour, int):
            return hour
        if self.customers.send_hour is None:
            hint = "best_send_hours(...).of(customer) gives one for each customer, also for those without an open"
            raise InputError("customers", "with `send_hour`, which send_hour='best' asks for", None, hint=hint)
        return self.customers.send_hour[row]

    def date(self, name: str) -> Dates:
        """Column of days of the customers."""
        return _known(self.customers.dates, "date", name)

    def segment(self, name: str) -> npt.NDArray[np.bool_]:
        """Whether each customer is in a segment."""
        return _known(self.customers.segments, "segment", name)

    def attribute(self, name: str) -> Coded:
        """Column of an attribute of the customers."""
        return _known(self.customers.attributes, "attribute", name)


def like(name: str, others: Iterable[str]) -> list[str]:
    """Find names that differ from a name in case, spaces and signs only, such as "First_Purchase"."""
    return sorted(other for other in others if _letters(other) == _letters(name) and other != name)


def _letters(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum()) or name


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
