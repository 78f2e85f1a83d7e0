"""The general journey: named steps with waits and branches, computed for all its customers at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, get_args

import attrs
import numpy as np

from crmvalue._core.checks import as_day, as_text
from crmvalue._core.encoding.customers import stable_draw
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    FixedMapping,
    checked_field,
    hand_over,
    of_class,
    optional,
)
from crmvalue._journeys.context import Candidates, Context
from crmvalue._journeys.data import Customers, Events, MessageHistory
from crmvalue._journeys.fields import (
    CATCH_UP_DAYS,
    channels_field,
    flag_field,
    hour_field,
    name_field,
    name_of,
    priority_field,
    purpose_field,
    segment_field,
    whole_field,
    words_of,
)
from crmvalue._journeys.fields import send_hour as check_hour
from crmvalue._journeys.kinds.runs import JourneyRuns
from crmvalue._journeys.kinds.settled import Settled
from crmvalue._journeys.kinds.steps import (
    END,
    Branch,
    Choice,
    Message,
    Split,
    Step,
    Wait,
    WaitFor,
    as_duration,
    follow,
    in_order,
    in_their_order,
    reachable,
    take_apart,
)
from crmvalue._journeys.moments import NEVER, moment
from crmvalue._journeys.offers import Offer
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["Journey"]

_REENTRY = ("never", "after exit", "always")
_MOST_A_DAY = 24  # runs of a customer that begin on one day; what comes after them is looked at on the next day
_LATEST = np.datetime64("9999-12-31T23:59:59", "s")
_SECOND = np.timedelta64(1, "s")
_NOTHING = Settled(*(np.zeros(0, dtype=kind) for kind in ("int64", "int64", "datetime64[s]")))


def _steps(name: str, value: Any) -> FixedMapping[str, Step]:
    if not isinstance(value, Mapping) or not value:
        raise InputError(name, "a mapping from names to steps, in their order", value)
    steps: dict[str, Step] = {}
    for key, step in value.items():
        word = name_of(name, key)
        if word == END:
            raise InputError(name, f"names other than {END!r}, which is where every journey leads", word)
        if not isinstance(step, Step):
            raise InputError(f"{name}[{word!r}]", "a Message, Wait, WaitFor, Branch, Choice or Split", step)
        steps[word] = step
    if not any(isinstance(step, Message) for step in steps.values()):
        raise InputError(name, "at least one Message", list(steps))
    in_order(steps)
    return FixedMapping(steps)


def _reentry(name: str, value: Any) -> str:
    text = " ".join(as_text(name, value).lower().split())
    if text in _REENTRY:
        return text
    try:
        return as_duration(name, text)
    except InputError as error:
        raise InputError(name, f"one of {_REENTRY}, or {error.rule}", value) from error


@attrs.frozen
class Journey:
    """Messages in several steps, with waits and branches between them.

    Parameters
    ----------
    name : str
        Name of the journey.
    entry : str
        Event with which a customer enters.
    steps : mapping of str to step
        Named steps in their order: :class:`Message`, :class:`Wait`, :class:`WaitFor`, :class:`Branch`, :class:`Choice`
        and :class:`Split`. The journey begins with the first step. Each step is followed by the next one, unless it
        names another.
    goals : str or sequence of str, optional
        Events that the journey is for. The first of them ends it at once, even during a wait.
    exits : str or sequence of str, optional
        Other events that end it in the same way.
    reentry : str, optional
        Whether a customer may enter again: "never"; "after exit", when the run before is over; "always", with every
        event; or a time such as "30 days", with an event at least so long after the last entry. As
        in :class:`Wait`, hours elapse, and days and months follow the calendar.
    version : int, optional
        Number of the version, >= 1. Two versions are two journeys that share a name; each counts its own messages.
    starts, ends : date, optional
        First day on which customers enter, and first day on which they no longer enter. Let an old version end on the
        day on which the new one starts: it takes no more customers, and finishes the runs still in it.
    send_hour : int, "best" or "any", optional
        Local hour of sending of its messages, as in :class:`Message`, where it may be another one for each. By default
        that of the policy, and without one the messages wait for no hour.
    segment, priority, channels, purpose, exempt, catch_up_days
        As in :class:`BirthdayJourney`.

    Notes
    -----
    A journey has no memory of its own. Where each customer stands follows from the events, from the history of what was
    sent, and from the day.

    A customer goes on from a message at the moment at which it was sent, by the history. A message that quiet hours, a
    cap or a missed run holds back also holds back the steps after it. A reminder therefore never comes together with
    its message, or without it. If the message is not sent at all, the journey ends for the customer when the message is
    no longer valid, and its outcome is "stopped". ``Message(if_unsent="go on")`` goes on without it. The history has
    to hold the messages of the runs that are still under way.

    Branches look at the segments and attributes of the given customers. A customer who has received a message on one
    way stays on that way, even if their segment changes.

    An event counts only after the entry, and for :class:`WaitFor` only after the beginning of the wait; an event at
    that very moment does not count.

    Making a journey raises if a step leads back to itself, if no step leads to it, or if it leads to an unknown
    step.

    Examples
    --------
    >>> journey = Journey(
    ...     "first month",
    ...     entry="registered",
    ...     steps={
    ...         "welcome": Message(offer="5 %"),
    ...         "answer": WaitFor("opened", at_most="7 days", otherwise="reminder"),
    ...         "morning": Wait("next day at 09:00", then="who"),
    ...         "reminder": Message(channels="sms"),
    ...         "who": Branch("vip", then="call", otherwise="end"),
    ...         "call": Message(channels="phone"),
    ...     },
    ...     goals="purchase",
    ...     exits="unsubscribed",
    ...     reentry="never",
    ... )
    >>> journey == Journey.from_json(journey.to_json())
    True
    """

    name: str = name_field()
    entry: str = checked_field("entry", name_of, kw_only=True)
    steps: FixedMapping[str, Step] = checked_field("steps", _steps, kw_only=True, eq=in_their_order)
    goals: tuple[str, ...] = checked_field("goals", words_of, default=(), kw_only=True)
    exits: tuple[str, ...] = checked_field("exits", words_of, default=(), kw_only=True)
    reentry: str = checked_field("reentry", _reentry, default="after exit", kw_only=True)
    version: int = whole_field("version", 1, 1_000_000, default=1)
    starts: np.datetime64 | None = checked_field("starts", optional(as_day), default=None, kw_only=True)
    ends: np.datetime64 | None = checked_field("ends", optional(as_day), default=None, kw_only=True)
    segment: str | None = segment_field()
    priority: int = priority_field()
    channels: tuple[str, ...] = channels_field()
    purpose: str = purpose_field()
    exempt: bool = flag_field("exempt", default=False)
    send_hour: int | str | None = hour_field("any")
    catch_up_days: int = whole_field("catch_up_days", 0, 3660, default=CATCH_UP_DAYS)

    shares_group: ClassVar[bool] = False
    cool_down_days: ClassVar[int] = 0
    once: ClassVar[bool] = False

    def __attrs_post_init__(self) -> None:
        if self.starts is not None and self.ends is not None and self.ends <= self.starts:
            raise InputError("ends", f"after starts ({self.starts})", str(self.ends))

    @property
    def group(self) -> str:
        """Each version of a journey is a group of its own."""
        return f"{self.name}, version {self.version}"

    def candidates(self, context: Context) -> Candidates:
        """Find the messages of the run, including those that were missed in the last days.

        :meta private:
        """
        of_class(Context)("context", context)
        past = self._past(context)
        row, entered = self._admitted(context, past)
        first = self._first(context)
        recent = entered >= first - self._longest
        row, entered = row[recent], entered[recent]
        walk = self._walk(context, past, row, entered, np.full(len(row), NEVER), keep="messages")
        messages = self._messages
        none = np.zeros(0, dtype=np.int64)
        run = np.concatenate([none, *(visit.run for visit in walk.due)])
        step = np.repeat([messages.place[visit.step] for visit in walk.due], [len(visit.run) for visit in walk.due])
        step = step.astype(np.int64)
        planned_utc = np.concatenate([none.astype("datetime64[s]"), *(visit.time for visit in walk.due)])
        planned = context.clocks.to_local(row[run], planned_utc)
        due = (planned >= first) & (planned < context.end)
        run, step, planned, planned_utc = run[due], step[due], planned[due], planned_utc[due]
        over = context.ended_at(self.goals + self.exits, row[run], entered[run], self.entry)
        # Where a clock comes back over midnight, a message of today shows the time of yesterday: a day ends today.
        goes_on = messages.goes_on[step] | (planned < context.today)
        again = np.zeros(len(row), dtype=bool)
        if self.reentry == "after exit":  # what is sent may end a run, and let the customer enter again on the same day
            later = context.first_after((self.entry,), row, context.log.to_utc(row, entered, self.entry), utc=True)
            again = context.clocks.to_local(row, later) < context.end
            today = np.bincount(row[entered >= context.today], minlength=len(context.customers))
            again &= today[row] < _MOST_A_DAY
        return Candidates(
            row[run], step, tuple(messages.place), entered[run], planned, planned + messages.valid[step],
            context.clocks.to_local(row[run], over), messages.offers, messages.channels,
            planned_utc, goes_on | again[run], messages.goes_on_without[step], over,
        )  # fmt: skip

    def runs(
        self,
        customers: Customers,
        events: Events,
        as_of: ArrayLike,
        *,
        history: MessageHistory | None = None,
        send_hour: int | str | None = None,
    ) -> JourneyRuns:
        """Tell where every customer who has entered stands at the end of a day.

        Parameters
        ----------
        customers : Customers
            The customers; events of others are left out.
        events : Events
            What they did.
        as_of : date
            Day of the answer.
        history : MessageHistory, optional
            What was sent. A customer goes on from a message when it was sent, and stays on the way of a branch on which
            they have received a message. Without a history, every message counts as sent when it was due.
        send_hour : int or "best", optional
            Hour of sending of the policy, which holds where neither the message nor the journey says one.

        Returns
        -------
        JourneyRuns
            A row for each entry, by customer and time.

        Raises
        ------
        InputError
            If a branch asks for a segment or an attribute that the customers do not have.

        Warns
        -----
        DataWarning
            If the journey looks for an event that only occurs in another spelling.

        Examples
        --------
        >>> journey = Journey("hello", entry="registered", steps={"hello": Message()}, goals="purchase")
        >>> did = Events(
        ...     customer=[1, 2, 2],
        ...     name=["registered", "registered", "purchase"],
        ...     time=["2024-05-01T12:00", "2024-05-01T13:00", "2024-05-02T10:00"],
        ... )
        >>> journey.runs(Customers(customer=[1, 2]), did, "2024-05-03").outcome
        array(['finished', 'finished'], dtype='<U8')
        """
        known = MessageHistory.empty() if history is None else history
        given: tuple[tuple[str, object, type], ...]
        given = (("customers", customers, Customers), ("events", events, Events), ("history", known, MessageHistory))
        for name, value, kind in given:
            if not isinstance(value, kind):
                raise InputError(name, f"of the class {kind.__name__}", type(value).__name__)
        hour = optional(check_hour)("send_hour", send_hour)
        context = Context(customers, events, known, as_day("as_of", as_of), send_hour=hour)
        as_due = history is None
        past = self._past(context)
        row, entered = self._admitted(context, past, as_due=as_due)
        goal, other = (_until(context, names, row, entered) for names in (self.goals, self.exits))
        over = np.fmin(goal, other)
        walk = self._walk(context, past, row, entered, context.log.to_utc(row, over), as_due=as_due)
        context.log.warn_of_misspelt()
        finished, stopped = ~np.isnat(walk.finished), ~np.isnat(walk.stopped)
        since, through, cut = (context.clocks.to_local(row, time) for time in (walk.since, walk.finished, walk.stopped))
        outcome = np.where(np.isnat(over), "running", np.where(goal <= over, "goal", "exit"))
        outcome, over = np.where(stopped, "stopped", outcome), np.where(stopped, cut, over)
        names = np.array([*self.steps, END])
        return JourneyRuns(
            customer=hand_over(customers.customer[row]),
            entered=hand_over(entered),
            step=hand_over(names[np.where(finished, len(self.steps), walk.place)]),
            since=hand_over(np.where(finished, through, since)),
            outcome=hand_over(np.where(finished, "finished", outcome)),
            ended=hand_over(np.where(finished, through, over)),
        )

    def to_json(self) -> str:
        """Write the journey as JSON text."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Journey:
        """Read what :meth:`to_json` wrote, or the same written by hand.

        Other text raises :class:`~crmvalue.errors.InputError`.
        """
        return from_json(cls, text, Offer, *get_args(Step))

    @cached_property
    def _longest(self) -> np.timedelta64:
        """Longest time from an entry to the last message."""
        seconds = 2 * 86_400  # for zones
        for step in self.steps.values():
            if isinstance(step, Wait | WaitFor):
                seconds += step.parts.longest
            elif isinstance(step, Message):
                seconds += 86_400 * (step.valid_days + 2)  # so late it may be sent, also where it waits for its hour
        return np.timedelta64(seconds, "s")

    def _hour_of(self, message: Message) -> int | str | None:
        """Hour of sending of a message; None for that of the policy."""
        return self.send_hour if message.send_hour is None else message.send_hour

    @cached_property
    def _ways(self) -> dict[str, tuple[str, ...]]:
        """Steps that may follow each step, in an order in which each step comes after all that lead to it."""
        ways = follow(self.steps)
        return {name: ways[name] for name in in_order(self.steps)}

    @cached_property
    def _before_another(self) -> set[str]:
        """Messages after which another one may be due on the same day."""
        ways, found = self._ways, set()
        for name in reversed(ways):  # the steps that follow come first
            step = self.steps[name]
            near = list(ways[name])
            if isinstance(step, Wait) and not step.parts.may_end_today:
                near = []
            elif isinstance(step, WaitFor) and not step.parts.may_end_today:
                near = near[:1]
            if any(target in found or isinstance(self.steps.get(target), Message) for target in near):
                found.add(name)
        return found

    @cached_property
    def _messages(self) -> _Messages:
        """What the planner asks about the messages."""
        messages = {name: step for name, step in self.steps.items() if isinstance(step, Message)}
        each = messages.values()
        return _Messages(
            place={name: i for i, name in enumerate(messages)},
            offers=tuple(message.offer for message in each),
            channels=tuple(message.channels for message in each),
            valid=np.array([message.valid_days for message in each], dtype="timedelta64[D]"),
            goes_on=np.array([name in self._before_another for name in messages]),
            goes_on_without=np.array([message.if_unsent == "go on" for message in each]),
        )

    def _first(self, context: Context) -> np.datetime64:
        """First local moment at which a message may have been due that a run still looks at."""
        first: np.datetime64 = (context.today - np.timedelta64(self.catch_up_days, "D")).astype("datetime64[s]")
        return first

    def _admitted(self, context: Context, past: _Past, *, as_due: bool = False) -> tuple[Integers, Dates]:
        """Give the customers and times of all entries that count, sorted by customer and time."""
        row, time = context.events_of(self.entry)
        keep = np.ones(len(row), dtype=bool)
        if self.starts is not None:
            keep &= time >= self.starts
        if self.ends is not None:
            keep &= time < self.ends
        row, time = row[keep], time[keep]
        if self.reentry == "always" or len(row) == 0:
            return row, time
        start = context.log.to_utc(row, time, self.entry)  # what came first: a clock that is set back shows times again
        order = np.lexsort((start, row))
        row, time, start = row[order], time[order], start[order]
        first = np.r_[True, row[1:] != row[:-1]]
        if self.reentry == "never":
            before = np.full(len(context.customers), _LATEST)
            sent_row, _, anchor, _ = context.sent(self.group)
            np.minimum.at(before, sent_row, context.log.to_utc(sent_row, anchor, self.entry))
            keep = first & (start <= before[row])
            return row[keep], time[keep]
        key, current, taken = moment(row, start), np.nonzero(first)[0], []
        while len(current):  # one round for each entry of the customer with the most entries
            taken.append(current)
            name = "" if as_due else f"entry {len(taken)}"
            of_round = row[current], time[current], start[current]
            free = self._free_from(context, past, *of_round, as_due=as_due, keep=name)
            place = np.searchsorted(key, moment(row[current], free))
            inside = np.minimum(place, len(row) - 1)
            current = inside[(place < len(row)) & (row[inside] == row[current]) & (free < _LATEST)]
        chosen = np.concatenate(taken)
        chosen = chosen[np.lexsort((time[chosen], row[chosen]))]
        return row[chosen], time[chosen]

    def _free_from(
        self, context: Context, past: _Past, row: Integers, entered: Dates, start: Dates, *, as_due: bool, keep: str
    ) -> Dates:
        """Find the first instant at which each customer may enter again, which is after the instant of `start`."""
        if self.reentry != "after exit":
            again = take_apart("reentry", self.reentry)
            return np.maximum(again.after_utc(start, row, context.clocks), start + _SECOND)
        over = context.ended_at(self.goals + self.exits, row, entered, self.entry)
        walk = self._walk(context, past, row, entered, over, as_due=as_due, keep=keep)
        left = np.fmin(over, np.fmin(walk.finished, walk.stopped))
        return np.where(np.isnat(left), _LATEST, left + _SECOND)

    def _walk(
        self,
        context: Context,
        past: _Past,
        row: Integers,
        entered: Dates,
        until: Dates,
        *,
        as_due: bool = False,
        keep: str = "",
    ) -> _Walk:
        """Follow the runs from step to step, in UTC, until the end of the local day of the context.

        What would happen at `until` or later does not happen. With `as_due` each message counts as sent when it was
        due. With `keep`, the runs go on from where the walk of that name had come for good on an earlier day, and the
        messages before that are left out.
        """
        order, names, first = self._order, self._place, self._first(context)
        self._require_columns(context)
        n, key, start = len(row), moment(row, entered), context.log.to_utc(row, entered, self.entry)
        settled, came = context.memory.get((self.group, keep), _NOTHING).of(key, start)
        arrived: defaultdict[str, list[tuple[Integers, Dates]]] = defaultdict(list)
        arrived |= {order[i]: [(runs, came[runs])] for i, runs in _places_of(settled)}
        place, since, due = np.zeros(n, dtype=np.int64), start.copy(), []
        finished, stopped, is_settled = np.full(n, NEVER), np.full(n, NEVER), np.ones(n, dtype=bool)
        for i, name, visit in _in_turn(order, arrived):
            run, time = visit
            mine = is_settled[run]
            settled[run[mine]], came[run[mine]] = i, time[mine]
            if name == END:
                finished[run] = time
                continue
            place[run], since[run] = names[name], time
            step = self.steps[name]
            if isinstance(step, Message):
                time = context.next_hour(self._hour_of(step), row[run], time)
                due.append(_Due(name, run, time))
                is_settled[run] &= context.clocks.to_local(row[run], time) < first
                if not as_due:
                    about = past, context, row[run], entered[run], time
                    time, stopped[run] = self._after_message(name, *about, until[run])
                    run, time = run[~np.isnat(time)], time[~np.isnat(time)]
            for target, chosen, moved in self._leave(name, past.sent, context, row, entered, run, time):
                # By the local clock: an hour of a day may come again after the midnight that ends it.
                reached = context.clocks.to_local(row[run[chosen]], moved) < context.end
                reached &= ~(moved >= until[run[chosen]])
                arrived[target].append((run[chosen][reached], moved[reached]))
        if keep:
            context.memory[self.group, keep] = Settled(key, settled, came)
        return _Walk(due, finished, stopped, place, since)

    def _after_message(
        self, name: str, past: _Past, context: Context, row: Integers, entered: Dates, due: Dates, until: Dates
    ) -> tuple[Dates, Dates]:
        """Find when each run leaves a message, and when it is given up there; NaT where it does not or is not."""
        step = self.steps[name]
        assert isinstance(step, Message)  # noqa: S101 - the caller knows
        leave, stopped = _sent_at(past.sent.get(name), context, row, entered, due), np.full(len(row), NEVER)
        never = np.isnat(leave)
        if not never.any():
            return leave, stopped
        if step.if_unsent == "go on":
            never &= self._is_decided(past.held.get(name), context, row, entered, due)
            return np.where(never, due, leave), stopped
        valid = context.clocks.to_local(row, due) + np.timedelta64(step.valid_days, "D")
        given_up = context.clocks.to_utc(row, valid)
        never &= (valid < context.end) & ~(given_up >= until)
        return leave, np.where(never, given_up, stopped)

    @cached_property
    def _order(self) -> tuple[str, ...]:
        """Steps in the order of a walk, and the end."""
        return (*self._ways, END)

    @cached_property
    def _place(self) -> dict[str, int]:
        """Place of each step in their own order."""
        return {name: i for i, name in enumerate(self.steps)}

    def _require_columns(self, context: Context) -> None:
        """Raise if a step looks at something that the customers do not have."""
        for name in self._asking:
            step = self.steps[name]
            if isinstance(step, Branch):
                context.segment(step.segment)
            elif isinstance(step, Choice):
                context.attribute(step.attribute)

    @cached_property
    def _asking(self) -> tuple[str, ...]:
        """Steps that look at columns of the customers, in the order of a walk."""
        return tuple(name for name in self._ways if isinstance(self.steps[name], Branch | Choice))

    def _is_decided(self, held: Integers | None, context: Context, row: Integers, anchor: Dates, due: Dates) -> Bools:
        """Tell which messages that were not sent will not be sent in this run either."""
        if not context.is_run:
            return np.ones(len(row), dtype=bool)
        decided: Bools = np.asarray(context.clocks.to_local(row, due) < self._first(context))
        return decided if held is None else decided | np.isin(moment(row, anchor), held)

    def _past(self, context: Context) -> _Past:
        """Look up what was sent, and what this run has decided not to send."""
        return _Past(self._sent(context), self._held(context))

    def _held(self, context: Context) -> dict[str, Integers]:
        """Give for each step customer and entry of the messages that this run has decided not to send, as keys."""
        row, step, anchor = context.not_sent(self.group)
        return {name: moment(row[places], anchor[places]) for name, places in _places_of(step)}

    def _sent(self, context: Context) -> dict[str, tuple[Integers, Dates]]:
        """Give for each step customer and entry of the messages that were sent, as keys, and when."""
        row, step, anchor, local = context.sent(self.group)
        key = moment(row, anchor)
        order = np.lexsort((local, key))
        key, step, local = key[order], step[order], local[order]
        return {name: (key[places], local[places]) for name, places in _places_of(step)}

    def _leave(
        self,
        name: str,
        sent: Mapping[str, tuple[Integers, Dates]],
        context: Context,
        row: Integers,
        entered: Dates,
        run: Integers,
        time: Dates,
    ) -> list[tuple[str, Integers, Dates]]:
        """For each next step, find who goes there (as places in `run`) and when."""
        step, targets = self.steps[name], self._ways[name]
        everyone = np.arange(len(run))
        if isinstance(step, Message):
            return [(targets[0], everyone, time)]
        if isinstance(step, Wait):
            return [(targets[0], everyone, step.parts.after_utc(time, row[run], context.clocks))]
        if isinstance(step, WaitFor):
            limit = step.parts.after_utc(time, row[run], context.clocks)
            event = context.first_after((step.event,), row[run], time, utc=True)
            came = event <= limit
            return [(targets[0], everyone[came], event[came]), (targets[1], everyone[~came], limit[~came])]
        if isinstance(step, Split):
            ids, inverse = np.unique(row[run], return_inverse=True)
            draw = stable_draw(context.customers.customer[ids], f"{self.name}/{name}")[inverse]
            bounds = np.cumsum(list(step.shares.values()))[:-1]
            way = np.searchsorted(bounds, draw, side="right")
        elif isinstance(step, Branch):
            way = np.where(context.segment(step.segment)[row[run]], 0, 1)
        else:
            values = context.attribute(step.attribute)
            case = [targets.index(step.cases[v]) if v in step.cases else -1 for v in values.distinct]
            way = np.array([*case, -1], dtype=np.int64)[values.code[row[run]]]
            way = np.where(way < 0, targets.index(step.otherwise), way)
        if not isinstance(step, Split):
            way = self._stay(way, name, sent, row[run], entered[run])
        return [(target, everyone[way == i], time[way == i]) for i, target in enumerate(targets)]

    def _stay(
        self, way: Integers, name: str, sent: Mapping[str, tuple[Integers, Dates]], row: Integers, entered: Dates
    ) -> Integers:
        """Keep customers on their way if they have received a message that lies on this way alone."""
        for i, messages in enumerate(self._alone[name]):
            known = [sent[message][0] for message in messages & sent.keys()]
            if known:
                way = np.where(np.isin(moment(row, entered), np.concatenate(known)), i, way)
        return way

    @cached_property
    def _alone(self) -> dict[str, list[set[str]]]:
        """For each branch and choice, the messages that lie on each of its ways alone."""
        found = {}
        for name, step in self.steps.items():
            if isinstance(step, Branch | Choice):
                beyond = [reachable(self._ways, target) for target in self._ways[name]]
                often = Counter(chain.from_iterable(beyond))
                found[name] = [
                    {target for target in part if often[target] == 1 and isinstance(self.steps[target], Message)}
                    for part in beyond
                ]
        return found


def _places_of(step: npt.NDArray[Any]) -> list[tuple[Any, Integers]]:
    """Give each step of a column with its places, in their order."""
    names, code = np.unique(step, return_inverse=True)
    order = np.argsort(code, kind="stable")
    ends = np.cumsum(np.bincount(code, minlength=len(names)))
    return list(zip(names.tolist(), np.split(order, ends[:-1]), strict=True)) if len(names) else []


def _sent_at(sent: tuple[Integers, Dates] | None, context: Context, row: Integers, anchor: Dates, due: Dates) -> Dates:
    """Find the instant at which each message of a step was sent; NaT where the history does not hold it."""
    if sent is None:
        return np.full(len(row), NEVER)
    key, local = sent
    wanted = moment(row, anchor)
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    local = np.where(key[place] == wanted, local[place], NEVER)
    # In an hour that comes twice, a message that went out as planned went out at the instant that was planned.
    as_planned = local == context.clocks.to_local(row, due)
    return np.where(as_planned, due, context.clocks.to_utc(row, local))


def _until(context: Context, names: tuple[str, ...], row: Integers, after: Dates) -> Dates:
    """Local time of the first event of some names after a moment, until the end of the day; NaT for none."""
    first = context.first_after(names, row, after)
    return np.where(first < context.end, first, NEVER)


def _in_turn(
    order: tuple[str, ...], arrived: Mapping[str, list[tuple[Integers, Dates]]]
) -> Iterator[tuple[int, str, tuple[Integers, Dates]]]:
    """Give the steps to which runs have come, one after the other, with the runs in their order and when they came."""
    for i, name in enumerate(order):
        parts = [part for part in arrived[name] if len(part[0])] if name in arrived else []
        if parts:
            run, time = (np.concatenate(columns) for columns in zip(*parts, strict=True))
            places = np.argsort(run, kind="stable")
            yield i, name, (run[places], time[places])


class _Past(NamedTuple):
    """What earlier runs have sent, and what this one has decided not to send, by step."""

    sent: dict[str, tuple[Integers, Dates]]  # customer and entry as keys, and the local time
    held: dict[str, Integers]


class _Messages(NamedTuple):
    """What the planner asks about the messages; each column has one element for each."""

    place: dict[str, int]
    offers: tuple[Offer | None, ...]
    channels: tuple[tuple[str, ...] | None, ...]
    valid: npt.NDArray[np.timedelta64]
    goes_on: Bools
    goes_on_without: Bools


class _Due(NamedTuple):
    """The runs that come to a message, and at which instant it is due."""

    step: str
    run: Integers
    time: Dates


class _Walk(NamedTuple):
    """How far the runs have come, in UTC."""

    due: list[_Due]
    finished: Dates  # NaT where a run has not come to its end
    stopped: Dates  # NaT where a run is not given up, because a message was not sent
    place: Integers  # of the latest step
    since: Dates
