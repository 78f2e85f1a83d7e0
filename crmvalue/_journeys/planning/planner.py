"""The planner: every message that is due, with one decision and its reason; `checks` states the order of decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.checks import as_day, as_flag, as_whole_number, require
from crmvalue._core.encoding.customers import encode_customers, is_among, text_array
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.labels import warn_at_user
from crmvalue._core.values import hand_over
from crmvalue._journeys.context import Candidates, Context, EventLog, JourneyKind, like
from crmvalue._journeys.data import Coded, Customers, Events, MessageHistory, rows_among
from crmvalue._journeys.fields import channels_of, name_of
from crmvalue._journeys.planning.caps import Past
from crmvalue._journeys.planning.checks import SEND, Messages, Run, decide
from crmvalue._journeys.planning.plan import DECISIONS, Plan, concatenate, take
from crmvalue._journeys.planning.policy import Policy
from crmvalue._journeys.planning.sending_times import is_late, send_times
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._journeys.offers import Offer
    from crmvalue.typing import ArrayLike, Dates, Integers

    Bools = npt.NDArray[np.bool_]
    Memory = dict[tuple[str, str], Any]

__all__ = ["explain", "plan", "plan_events", "simulate_plan"]

_FIRST_DAY, _LAST_DAY = np.datetime64("1000-01-01", "D"), np.datetime64("9997-12-31", "D")  # zones need room
_MOST_DAYS = 3660
_MOST_ROWS = 10_000_000  # of a plan of several days, which take 6 GB while it is made
_TIMES = ("anchor", "planned", "expires", "exited", "planned_utc", "exited_utc")
_COLUMNS = {"row": "iu", "step": "iu", **dict.fromkeys(_TIMES, "M"), "goes_on": "b", "goes_on_without": "b"}
_MEMBERS = tuple(name for name in vars(JourneyKind) if not name.startswith("_"))


def plan(
    journeys: Sequence[JourneyKind],
    customers: Customers,
    events: Events | None,
    history: MessageHistory | None,
    policy: Policy,
    as_of: ArrayLike,
    *,
    days: int = 1,
) -> Plan:
    """Decide on every message that is due on a day: whom to contact, with what, and why not the others.

    Parameters
    ----------
    journeys : sequence
        Journeys with different names, such as :class:`Cascade`, :class:`BirthdayJourney`, :class:`TriggerJourney` and
        :class:`Journey`; two versions of a journey may share a name. Among messages of equal priority, the one planned
        earlier goes first, then the one whose journey comes first by name.
    customers : Customers
        The customers.
    events : Events or None
        What they did. Events after the day start nothing; until the moment of sending they call off what the day sends
        after its end, such as a reminder that quiet hours carry over midnight.
    history : MessageHistory or None
        What was sent to them before. A :class:`Journey` goes on from it.
    policy : Policy
        Rules for all messages.
    as_of : date
        Day of the run, in the local time of each customer: a run plans the whole day, at whatever hour it is made. A
        message that an earlier run has missed is sent at its hour, or, if that hour is quiet, at the first moment of
        the day outside the quiet hours.
    days : int, optional
        Number of daily runs, one after the other; each run knows what the earlier ones have sent.

    Returns
    -------
    Plan
        Every message that was looked at, with its decision. The same arguments give the same plan, and with the sent
        messages in `history` nothing is sent twice. Shortly before sending, plan the day again with the same `history`
        and the events until then: messages whose reason is gone become "exited".

    Raises
    ------
    InputError
        If a journey asks for a date or a segment that the customers do not have, a name occurs twice, a date of the
        last purchase is after the day of the run, the policy raises for a customer who is not among the customers, or a
        plan of several days has more than 10,000,000 rows.

    Warns
    -----
    DataWarning
        If a journey looks for an event, or a cap for a channel, that only occurs in another spelling, such as "Cart"
        for "cart". Names that occur in no spelling are ordinary: nobody may have left a cart yet.

    Notes
    -----
    A customer may have come after the list of customers was made. An unknown customer counts as new if all their events
    lie on the first day of the run or later, and all past messages to them after it. New customers never stop a run:
    their rows are left out, and `n_unknown_events` and `n_unknown_messages` of the plan count them.

    Examples
    --------
    >>> from crmvalue.journeys import BirthdayJourney
    >>> base = Customers(
    ...     customer=["ann", "bob"],
    ...     dates={"birthday": ["1990-06-07", "1985-06-07"]},
    ...     segments={"vip": [False, True]},
    ...     consent={"email": [True, True]},
    ... )
    >>> birthdays = [
    ...     BirthdayJourney("birthday", offer="10 %"),
    ...     BirthdayJourney("vip birthday", offer="a gift", segment="vip", priority=1),
    ... ]
    >>> made = plan(birthdays, base, None, None, Policy(), "2024-05-31")
    >>> for row in zip(made.customer, made.journey, made.decision):
    ...     print(*row)
    ann birthday send
    bob vip birthday send
    bob birthday outranked
    """
    return plan_events(journeys, customers, events, history, policy, as_of, days=days)


def plan_events(
    journeys: Sequence[JourneyKind],
    customers: Customers,
    events: Events | None,
    history: MessageHistory | None,
    policy: Policy,
    as_of: ArrayLike,
    *,
    days: int,
    instants: Dates | None = None,
) -> Plan:
    """Decide as :func:`plan` does, with the instants of the events in UTC where they are known."""
    chosen = _read_journeys(journeys)
    for name, value, kind in (("customers", customers, Customers), ("policy", policy, Policy)):
        if not isinstance(value, kind):
            raise InputError(name, f"a {kind.__name__}", type(value).__name__)
    spare: tuple[tuple[str, object, type], ...] = (("events", events, Events), ("history", history, MessageHistory))
    for name, given, wanted in spare:
        if given is not None and not isinstance(given, wanted):
            raise InputError(name, f"{wanted.__name__} or None", type(given).__name__)
    _check_suppressed(policy, customers)
    past = MessageHistory.empty() if history is None else history
    first = as_day("as_of", as_of)
    n_days = as_whole_number("days", days, low=1, high=_MOST_DAYS)
    require((first >= _FIRST_DAY) & (first + n_days <= _LAST_DAY), "as_of", first, "in the years 1000 to 9997")
    if policy.unknown_customers == "raise":
        if events is not None:
            _require_known("events", customers, events.customer, events.time < first)
        senders = Coded(*encode_customers("history", past.customer))
        _require_known("history", customers, senders, past.sent_at < first + np.timedelta64(1, "D"))
    parts: list[Plan] = []
    n_rows = 0
    memory: Memory = {}
    log = EventLog(customers, events, instants)
    for day in range(n_days):
        room = _Room(_MOST_ROWS - n_rows, n_days)
        made = _plan_day(chosen, customers, log, past, policy, first + np.timedelta64(day, "D"), memory, room)
        parts.append(made)
        n_rows += len(made)
        _require_room(room, len(made), customers)
        past = past + made.history() if day < n_days - 1 else past
    log.warn_of_misspelt()
    _warn_of_channels(chosen, customers, past, policy)
    del past  # its memory is needed for the whole plan
    return parts[0] if n_days == 1 else concatenate(parts)


def simulate_plan(
    journeys: Sequence[JourneyKind],
    customers: Customers,
    events: Events | None,
    policy: Policy,
    start: ArrayLike,
    end: ArrayLike,
    *,
    history: MessageHistory | None = None,
) -> Plan:
    """Run journeys over past data day by day, to see loads and conflicts before going live.

    Parameters
    ----------
    journeys, customers, events, policy, history
        As in :func:`plan`. Give the dates of the customers as they were on `start`, and later purchases as events.
    start, end : date
        First and last day, both included.

    Returns
    -------
    Plan
        The plans of all days, one after the other; `run` is the day of each row.

    Raises
    ------
    InputError
        As :func:`plan`, and if `end` is before `start`.

    Warns
    -----
    DataWarning
        As :func:`plan`.

    Examples
    --------
    >>> from crmvalue.journeys import Cascade
    >>> base = Customers(customer=[1], dates={"last_purchase": ["2023-01-31"]}, consent={"email": [True]})
    >>> simulated = simulate_plan([Cascade()], base, None, Policy(), "2023-10-01", "2024-02-01")
    >>> simulated.send_time.astype("datetime64[D]")[simulated.decision == "send"]
    array(['2023-10-31', '2024-01-31'], dtype='datetime64[D]')
    """
    first, last = as_day("start", start), as_day("end", end)
    if last < first:
        raise InputError("end", f"no earlier than start ({first})", str(last))
    days = int((last - first).astype(np.int64)) + 1
    if days > _MOST_DAYS:
        raise InputError("end", f"at most {_MOST_DAYS} days from start on", str(last))
    return plan(journeys, customers, events, history, policy, first, days=days)


def explain(made: Plan, customer: object) -> str:
    """Say in words what a plan does with one customer, and why.

    Parameters
    ----------
    made : Plan
        A plan.
    customer : int or str
        Identifier.

    Returns
    -------
    str
        A line for each message that was looked at.

    Raises
    ------
    InputError
        If `made` is not a plan or `customer` is not an identifier.

    Examples
    --------
    >>> from crmvalue.journeys import Cascade
    >>> base = Customers(customer=[1], dates={"last_purchase": ["2023-01-31"]})
    >>> print(explain(plan([Cascade()], base, None, None, Policy(), "2023-10-31"), 1))
    2023-10-31 win-back, month 9: no consent (no channel of the journey has the customer's consent)
    """
    if not isinstance(made, Plan):
        raise InputError("made", "a Plan", type(made).__name__)
    if not isinstance(customer, int | str | np.integer) or isinstance(customer, bool):
        raise InputError("customer", "one identifier", customer)
    if len(made) and isinstance(customer, str) != isinstance(made.customer[0], str):
        raise InputError("customer", "an identifier like those of the plan", customer)
    mine = np.nonzero(made.customer == customer)[0]
    if len(mine) == 0:
        return f"no message was due to {customer}"
    lines = []
    reasons = made.reason
    for i in mine.tolist():
        sent = f" on {made.channel[i]} at {made.send_time[i]}" if made.decision[i] == "send" else ""
        lines.append(f"{made.run[i]} {made.journey[i]}, {made.step[i]}: {made.decision[i]}{sent} ({reasons[i]})")
    return "\n".join(lines)


def _warn_of_channels(
    journeys: tuple[JourneyKind, ...], customers: Customers, history: MessageHistory, policy: Policy
) -> None:
    """Warn of caps on a channel that only another spelling of some journey, consent or message names."""
    limited = {cap.channel for cap in policy.caps if cap.channel is not None}
    if not limited:
        return
    maps = (getattr(journey, "steps", None) for journey in journeys)  # a cascade has a method of this name
    steps = chain.from_iterable(each.values() for each in maps if isinstance(each, Mapping))
    own = chain.from_iterable(getattr(step, "channels", None) or () for step in steps)
    of_journeys = chain.from_iterable(journey.channels for journey in journeys)
    consented = (channel for channel, _ in customers.consent)
    known = {*own, *of_journeys, *consented}
    if limited <= known:
        return
    known |= set(np.unique(history.channel).tolist())
    for channel in sorted(limited - known):
        for other in like(channel, known):
            message = f"no message has the channel {channel!r}, which a cap limits; there is a channel {other!r}"
            warn_at_user(message, sum(cap.channel == channel for cap in policy.caps))


def _read_journeys(journeys: Sequence[JourneyKind]) -> tuple[JourneyKind, ...]:
    given: object = journeys
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise InputError("journeys", "a sequence of at least one journey", given)
    for journey in given:
        lacks = [name for name in _MEMBERS if isinstance(journey, type) or part_of(journey, name, ...) is ...]
        if lacks:
            rule = "journeys of the kinds that crmvalue.journeys offers, or of a kind with the same members"
            raise InputError("journeys", rule, journey, hint=f"it has no {', '.join(lacks)}")
        name_of("name", journey.name)
        as_whole_number("version", journey.version, low=0)
    _require_different("with different names", [_full_name(journey) for journey in given])
    for journey in given:
        _check_members(journey)
    shared = {journey.group for journey in given if journey.shares_group}
    alone = [journey.group for journey in given if not journey.shares_group]
    _require_different("with names that are no group of another one", [*alone, *shared])
    return tuple(sorted(given, key=_full_name))  # the order in which they are given decides nothing


def _check_members(journey: JourneyKind) -> None:
    """Check the members of a journey, which may be of a kind that somebody else has written."""
    name_of("group", journey.group)
    name_of("purpose", journey.purpose)
    if journey.segment is not None:
        name_of("segment", journey.segment)
    _check_channels(journey.channels)
    as_whole_number("priority", journey.priority, low=-(2**53))
    as_whole_number("cool_down_days", journey.cool_down_days, low=0)
    for name in ("shares_group", "exempt", "once"):
        as_flag(name, getattr(journey, name))


def _check_channels(channels: object) -> None:
    if not isinstance(channels, tuple | list):
        raise InputError("channels", "a tuple of channels", channels, hint="('email',) for one channel")
    channels_of("channels", channels)


def _candidates(journey: JourneyKind, context: Context) -> Candidates:
    """Ask a journey for its messages, and check their form: columns of one length, one offer for each label."""
    found = journey.candidates(context)
    if not isinstance(found, Candidates):
        raise InputError("candidates", "giving Candidates", found)
    _check_columns(found)
    for name, places, n in (("row", found.row, len(context.customers)), ("step", found.step, len(found.labels))):
        require((places >= 0) & (places < n), name, places, f"from 0 to {n - 1}")
    for name in ("offers", "channels"):
        parts = getattr(found, name)
        if len(parts) != len(found.labels) and (parts or name == "offers"):
            raise InputError("candidates", f"with one element of `{name}` for each label", parts)
    for channels in found.channels:
        if channels is not None:
            _check_channels(channels)
    return found


def _check_columns(found: Candidates) -> None:
    for name, kinds in _COLUMNS.items():
        column = getattr(found, name)
        if column is None and found._field_defaults.get(name, name) is None:
            continue
        if not isinstance(column, np.ndarray) or column.shape != found.row.shape or column.dtype.kind not in kinds:
            raise InputError("candidates", f"with an array `{name}` that fits `row`", column)
    for name in ("anchor", "planned", "expires"):
        require(~np.isnat(getattr(found, name)), name, getattr(found, name), "a moment, not missing")


def _full_name(journey: JourneyKind) -> tuple[str, int]:
    return journey.name, journey.version


def _require_different(rule: str, given: Sequence[object]) -> None:
    times = Counter(given)
    if len(times) < len(given):
        raise InputError("journeys", rule, next(item for item in given if times[item] > 1))


def _check_suppressed(policy: Policy, customers: Customers) -> None:
    listed = policy.suppressed
    if len(listed) and isinstance(listed[0], str) != isinstance(customers.customer[0], str):
        raise InputError("suppressed", "identifiers like those of the customers", listed[0])


def _plan_day(
    journeys: tuple[JourneyKind, ...],
    customers: Customers,
    log: EventLog,
    history: MessageHistory,
    policy: Policy,
    today: np.datetime64,
    memory: Memory,
    room: _Room,
) -> Plan:
    made, goes_on = _decide_day(journeys, customers, log, history, policy, today, memory, room)
    if not goes_on.any():
        return made
    parts = [made]
    known = take(made, np.isin(made.group, np.unique(made.group[goes_on]))).key  # only these come again
    refused = take(made, made.decision != DECISIONS[SEND])
    while goes_on.any():  # what is sent lets its journey go on, maybe to another message of the same day
        sent_by = set(parts[-1].group[goes_on].tolist())
        history = history + parts[-1].history()
        again = tuple(journey for journey in journeys if journey.group in sent_by)
        more, goes_on = _decide_day(again, customers, log, history, policy, today, memory, refused=refused)
        keys = more.key
        new = ~is_among(keys, known)
        known = np.concatenate([known, keys[new]])
        parts.append(take(more, new))
        goes_on = goes_on[new]
        refused = concatenate([refused, take(parts[-1], parts[-1].decision != DECISIONS[SEND])])
    whole = concatenate(parts)
    return take(whole, np.argsort(whole.customer, kind="stable"))


def _decide_day(
    journeys: tuple[JourneyKind, ...],
    customers: Customers,
    log: EventLog,
    history: MessageHistory,
    policy: Policy,
    today: np.datetime64,
    memory: Memory,
    room: _Room | None = None,
    refused: Plan | None = None,
) -> tuple[Plan, Bools]:
    """Decide on what is due by now; tell also after which messages another one may be due on the same day."""
    context = Context(customers, log, history, today, send_hour=policy.send_hour)
    context.is_run, context.refused, context.memory = True, refused, memory
    messages, labels, steps, goes_on = _collect(journeys, context)
    if room is not None:  # before the work of deciding on them
        _require_room(room, len(messages.row), customers)
    ids, rank = np.unique(customers.customer[messages.row], return_inverse=True)
    priority = np.array([journey.priority for journey in journeys], dtype=np.int64)[messages.journey]
    order = np.lexsort((messages.place, messages.planned_utc, -priority, rank))
    messages, rank, priority = Messages._make(column[order] for column in messages), rank[order], priority[order]
    clocks = context.clocks
    due = messages.planned, messages.planned_utc
    late = is_late(*due, messages.row, today, clocks)
    send, send_utc = send_times(*due, late, messages.row, today, policy, clocks)

    of = messages.journey
    purposes = np.array([journey.purpose for journey in journeys])
    group_names, group_of = np.unique(np.array([journey.group for journey in journeys]), return_inverse=True)
    past = Past(history, customers, messages.row, group_names, labels)
    channels, channel_names = _channels(steps, customers, messages)
    run = Run(
        today=today,
        policy=policy,
        history=history,
        past=past,
        clocks=clocks,
        ids=ids,
        messages=messages,
        rank=rank,
        group=group_of[of],
        priority=priority,
        purpose=purposes[of],
        exempt=np.array([journey.exempt for journey in journeys])[of],
        shares_group=np.array([journey.shares_group for journey in journeys])[of],
        rest=np.array([journey.cool_down_days for journey in journeys], dtype="timedelta64[D]")[of],
        once=np.array([journey.once for journey in journeys])[of],
        late=late,
        send=send,
        send_utc=send_utc,
        channels=channels,
        channel_names=channel_names,
    )
    decision, used = decide(run)

    names, words = np.array([journey.name for journey in journeys]), np.array([*channel_names, ""])
    offers = text_array([step.offer.label if step.offer else "" for step in steps])
    made = Plan(
        run=hand_over(np.full(len(rank), today)),
        customer=hand_over(ids[rank]),
        journey=hand_over(names[of]),
        step=hand_over(np.array(labels)[messages.step] if labels else np.zeros(0, dtype=np.str_)),
        group=hand_over(group_names[run.group]),
        anchor=hand_over(messages.anchor),
        planned=hand_over(messages.planned),
        send_time=hand_over(run.send),
        expires=hand_over(messages.expires),
        send_time_utc=hand_over(run.send_utc),
        channel=hand_over(np.where(decision == SEND, words[used], "")),
        offer=hand_over(offers[messages.place]),
        decision=hand_over(np.array(DECISIONS)[decision]),
        counted=hand_over(~run.exempt),
        version=hand_over(np.array([journey.version for journey in journeys], dtype=np.int64)[of]),
        purpose=hand_over(run.purpose),
        first_channel=hand_over(words[_first_of(channels)]),
        n_unknown_events=context.n_unknown,
        n_unknown_messages=past.n_unknown,
    )
    sent, open_ = decision == SEND, decision != DECISIONS.index("duplicate")
    return made, np.where(sent, goes_on[0][order], goes_on[1][order] & open_)


class _Room(NamedTuple):
    """Rows that a plan of some days may still get."""

    n_rows: int
    n_days: int


def _require_room(room: _Room, n: int, customers: Customers) -> None:
    """Check that a plan of several days has room for so many more rows."""
    if n > room.n_rows and room.n_days > 1:
        rule = f"so few that the plan has at most {_MOST_ROWS:,} rows, one a day for each message that is open"
        hint = "plan fewer days or some of the customers at a time"
        raise InputError("customers", rule, f"{len(customers):,} customers, {room.n_days:,} days", hint=hint)


def _require_known(name: str, customers: Customers, whose: Coded, is_old: Bools) -> None:
    """Check that the customers of all old rows are in the plan; those without an old row may be new."""
    unknown = (rows_among(customers, whose.distinct) < 0)[whose.code] & is_old
    if unknown.any():
        first = int(np.argmax(unknown))
        hint = "Policy(unknown_customers='count') leaves them out and counts them"
        n, found = int(np.count_nonzero(unknown)), whose.distinct[whose.code[first]].item()
        raise InputError(name, "of customers of the plan", found, index=first, count=n, hint=hint)


class _Step(NamedTuple):
    """What the messages of one step of one journey have in common."""

    offer: Offer | None
    channels: tuple[str, ...]
    purpose: str


def _collect(
    journeys: tuple[JourneyKind, ...], context: Context
) -> tuple[Messages, tuple[str, ...], list[_Step], Bools]:
    """Collect the candidates of all journeys, each within its segment; give also labels, steps, and which go on."""
    labels: dict[str, int] = {}
    steps: list[_Step] = []
    columns: list[list[Any]] = [[] for _ in Messages._fields]
    goes_on = []
    for j, journey in enumerate(journeys):
        found = _candidates(journey, context)
        keep: Any = slice(None) if journey.segment is None else context.segment(journey.segment)[found.row]
        place = np.array([labels.setdefault(label, len(labels)) for label in found.labels], dtype=np.int64)
        row, step = found.row[keep], found.step[keep]
        utc = context.clocks.to_utc(found.row, found.planned) if found.planned_utc is None else found.planned_utc
        over = context.log.to_utc(found.row, found.exited) if found.exited_utc is None else found.exited_utc
        values = (
            row, np.full(len(row), j), place[step], step + len(steps),
            found.anchor[keep], found.planned[keep], utc[keep], found.expires[keep], over[keep],
        )  # fmt: skip
        none = np.zeros(len(found.row), dtype=bool)
        ways = (found.goes_on, found.goes_on_without)
        goes_on.append(np.array([(none if way is None else way)[keep] for way in ways]))
        channels = found.channels or (None,) * len(found.offers)
        steps.extend(
            _Step(offer, own_channels or journey.channels, journey.purpose)
            for offer, own_channels in zip(found.offers, channels, strict=True)
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    messages = Messages(*(np.concatenate(column) for column in columns))
    return messages, tuple(labels), steps, np.concatenate(goes_on, axis=1)


def _channels(steps: list[_Step], customers: Customers, messages: Messages) -> tuple[Integers, list[str]]:
    """Find the channels that each message may use, the preferred one first; as places among the names, -1 for none."""
    names = list(dict.fromkeys(channel for step in steps for channel in step.channels))
    number = {name: i for i, name in enumerate(names)}
    width = max((len(step.channels) for step in steps), default=0)
    found = np.full((len(messages.row), width), -1, dtype=np.int64)
    by_step = np.argsort(messages.place, kind="stable")
    present, starts = np.unique(messages.place[by_step], return_index=True)
    for i, lines in zip(present.tolist(), np.split(by_step, starts[1:]), strict=len(present) > 0):
        step, rows = steps[i], messages.row[lines]
        for position, channel in enumerate(step.channels):
            consent = customers.consent.get((channel, step.purpose), customers.consent.get((channel, "*")))
            if consent is not None:
                found[lines, position] = np.where(consent[rows], number[channel], -1)
    return found, names


def _first_of(channels: Integers) -> Integers:
    """Give the first channel that each message may use; -1 for none."""
    first = np.full(len(channels), -1, dtype=np.int64)
    for column in channels.T[::-1]:
        first = np.where(column >= 0, column, first)
    return first
