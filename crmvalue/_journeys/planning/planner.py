"""The planner: every message that is due, with one decision and its reason.

Decisions are taken in a fixed order; the first check that a message fails decides:

1. duplicate: it has been sent already, or the same event was given twice
2. exited: a purchase, or what else ends the journey, came first
3. missed: an earlier run missed it, and the policy does not catch up on it
4. expired: its time is over
5. suppressed: the customer is on the suppression list
6. control group: the customer is never written to
7. no consent: on none of the channels of the journey
8. cool-down: the journey wrote to the customer a short while ago
9. outranked: another journey of its group has the customer's one message
10. expired: its time is over when the quiet hours end
11. capped: a frequency cap is reached on every channel
12. over budget: on the day of sending no more messages may be sent
13. send
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from crmvalue._core.calendar import local_to_utc, skip_quiet_hours
from crmvalue._core.checks import as_day, as_whole_number, require
from crmvalue._core.customers import stable_draw
from crmvalue._core.keys import row_keys
from crmvalue._core.values import hand_over
from crmvalue._journeys.data import Customers, Events, MessageHistory
from crmvalue._journeys.kinds.cascade import Cascade
from crmvalue._journeys.kinds.journey import Journey
from crmvalue._journeys.kinds.trigger import BirthdayJourney, Context, TriggerJourney
from crmvalue._journeys.planning.caps import Past, apply_caps
from crmvalue._journeys.planning.plan import DECISIONS, Plan, concatenate
from crmvalue._journeys.planning.policy import Policy
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._journeys.offers import Offer
    from crmvalue.typing import ArrayLike, Dates, Integers

    Bools = npt.NDArray[np.bool_]
    JourneyKind = Cascade | BirthdayJourney | TriggerJourney | Journey

__all__ = ["explain", "plan", "simulate_plan"]

_SEND, _OPEN = 0, 255
_FIRST_DAY, _LAST_DAY = np.datetime64("1000-01-01", "D"), np.datetime64("9997-12-31", "D")  # zones need room
_MOST_DAYS = 3660
_DAY = np.timedelta64(1, "D")


class _Table(NamedTuple):
    """All candidates of a run, columns of equal length."""

    row: Integers
    journey: Integers
    step: Integers  # among all labels of the run
    place: Integers  # among all steps of all journeys of the run
    anchor: Dates
    planned: Dates
    expires: Dates
    exited: Dates


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
        :class:`Cascade`, :class:`BirthdayJourney`, :class:`TriggerJourney` and :class:`Journey` objects with different
        names; two versions of a journey may share one. Of equal
        priority the message that was planned earlier goes first, then the journey whose name comes first.
    customers : Customers
        The customers.
    events : Events or None
        What they did; events after the day are not looked at.
    history : MessageHistory or None
        What was sent to them before.
    policy : Policy
        What holds for every message.
    as_of : date
        Day of the run, in the local time of each customer: a run plans the whole day, whatever the hour. What an
        earlier run has missed is sent at its hour, or at the first moment of the day outside the quiet hours.
    days : int, optional
        Runs on so many days one after the other, each knowing what those before it have sent.

    Returns
    -------
    Plan
        Every message that was looked at, with its decision. The same arguments give the same plan, and with the sent
        messages in `history` nothing is sent twice. Shortly before sending, plan the day again with the `history` of
        before it and the events until then: what has ended meanwhile is "exited".

    Raises
    ------
    InputError
        If a journey asks for a date or a segment that the customers do not have, a name occurs twice, or an event is of
        an unknown customer and the policy does not allow for that.

    Examples
    --------
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
    parts = []
    for day in range(n_days):
        made = _plan_day(chosen, customers, events, past, policy, first + np.timedelta64(day, "D"))
        parts.append(made)
        past = past + made.history() if n_days > 1 else past
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
        As in :func:`plan`; dates of the customers as they stood at `start`, later purchases as events.
    start, end : date
        First and last day, both in.

    Returns
    -------
    Plan
        The plans of all days, one after the other; `run` tells them apart.

    Raises
    ------
    InputError
        As :func:`plan`, and if `end` is before `start`.

    Examples
    --------
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
        If `made` is no plan or `customer` no identifier.

    Examples
    --------
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


def _read_journeys(journeys: Sequence[JourneyKind]) -> tuple[JourneyKind, ...]:
    given: object = journeys
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise InputError("journeys", "a sequence of at least one journey", given)
    for journey in given:
        if not isinstance(journey, Cascade | BirthdayJourney | TriggerJourney | Journey):
            raise InputError("journeys", "Cascade, BirthdayJourney, TriggerJourney or Journey objects", journey)
    _require_different("with different names", [_full_name(journey) for journey in given])
    shared = {journey.group for journey in given if isinstance(journey, BirthdayJourney)}
    groups = [journey.group for journey in given if not isinstance(journey, BirthdayJourney)]
    _require_different("with names that are no group of another one", [*groups, *shared])
    return tuple(sorted(given, key=_full_name))  # the order in which they are given decides nothing


def _full_name(journey: JourneyKind) -> tuple[str, int]:
    return journey.name, journey.version if isinstance(journey, Journey) else 0


def _require_different(rule: str, given: Sequence[object]) -> None:
    if len(set(given)) < len(given):
        raise InputError("journeys", rule, next(item for item in given if given.count(item) > 1))


def _check_suppressed(policy: Policy, customers: Customers) -> None:
    listed = policy.suppressed
    if len(listed) and isinstance(listed[0], str) != isinstance(customers.customer[0], str):
        raise InputError("suppressed", "identifiers like those of the customers", listed[0])


def _plan_day(
    journeys: tuple[JourneyKind, ...],
    customers: Customers,
    events: Events | None,
    history: MessageHistory,
    policy: Policy,
    today: np.datetime64,
) -> Plan:
    context = Context(customers, events, history, today)
    if context.n_unknown and policy.unknown_customers == "raise":
        rule = "of customers of the plan"
        raise InputError("events", rule, "others", count=context.n_unknown, hint="unknown_customers='count' of Policy")
    table, labels, steps = _collect(journeys, context)
    ids, rank = np.unique(customers.customer[table.row], return_inverse=True)
    priority = np.array([journey.priority for journey in journeys], dtype=np.int64)[table.journey]
    order = np.lexsort((table.step, table.journey, table.planned, -priority, rank))
    table = _Table._make(column[order] for column in table)
    rank, priority = rank[order], priority[order]

    decision = np.full(len(rank), _OPEN, dtype=np.uint8)

    def decide(word: str, chosen: Bools) -> None:
        decision[(decision == _OPEN) & chosen] = DECISIONS.index(word)

    send = _send_times(table, today, policy, customers)
    group_names, group_of = np.unique(np.array([journey.group for journey in journeys]), return_inverse=True)
    group = group_of[table.journey]
    past = Past(history, customers, table.row, group_names, labels)
    if past.n_unknown and policy.unknown_customers == "raise":
        rule = "of customers of the plan"
        raise InputError("history", rule, "others", count=past.n_unknown, hint="unknown_customers='count' of Policy")
    decide("duplicate", past.has(table.row, group, table.step, table.anchor))
    decide("duplicate", _not_first(decision == _OPEN, rank, table.journey, table.step, table.anchor))
    decide("exited", table.exited <= send)
    start = today.astype("datetime64[s]")
    over = np.asarray(np.maximum(table.planned, start) > table.expires)
    if policy.catch_up != "all":
        late = table.planned < start
        sent_or_open = (decision == _OPEN) | (decision == DECISIONS.index("duplicate"))
        later = _has_later(rank, table, sent_or_open & ~over)
        decide("missed", late & (later | np.full(len(rank), policy.catch_up == "skip")))
    decide("expired", over)
    decide("suppressed", np.isin(ids, policy.suppressed)[rank])
    decide("control group", (stable_draw(ids, policy.salt) < policy.control_share)[rank])
    channels, channel_names = _channels(steps, customers, table)
    decide("no consent", np.all(channels < 0, axis=1))
    _cool_down(journeys, table, rank, send, past, group, decision, decide)
    contest = np.array([isinstance(journey, BirthdayJourney) for journey in journeys])[table.journey]
    decide("outranked", contest & _not_first(decision == _OPEN, rank, group, table.anchor))
    decide("expired", send > table.expires)
    exempt = np.array([journey.exempt for journey in journeys])[table.journey]
    used = apply_caps(policy.caps, channel_names, channels, table.row, send, exempt, decision == _OPEN, past)
    decide("capped", used < 0)
    if policy.budget is not None:
        open_ = np.nonzero(decision == _OPEN)[0]
        draw = stable_draw(ids, policy.salt + " budget")[rank[open_]]
        in_turn = open_[np.lexsort((table.planned[open_], draw, -priority[open_]))]
        decision[_over_budget(policy.budget, in_turn, send, history)] = DECISIONS.index("over budget")
    decision[decision == _OPEN] = _SEND
    words = np.array(DECISIONS)[decision]
    sent = decision == _SEND
    return Plan(
        run=hand_over(np.full(len(rank), today)),
        customer=hand_over(ids[rank]),
        journey=hand_over(np.array([journey.name for journey in journeys])[table.journey]),
        step=hand_over(np.array(labels)[table.step] if labels else np.zeros(0, dtype=np.str_)),
        group=hand_over(group_names[group]),
        anchor=hand_over(table.anchor),
        planned=hand_over(table.planned),
        send_time=hand_over(send),
        expires=hand_over(table.expires),
        send_time_utc=hand_over(_to_utc(send, customers, table.row)),
        channel=hand_over(np.where(sent, np.array([*channel_names, ""])[used], "")),
        offer=hand_over(
            np.array([step.offer.label if step.offer else "" for step in steps], dtype=np.str_)[table.place]
        ),
        decision=hand_over(words),
        counted=hand_over(~exempt),
        n_unknown_events=context.n_unknown,
        n_unknown_messages=past.n_unknown,
    )


def _over_budget(budget: int, in_turn: Integers, send: Dates, history: MessageHistory) -> Integers:
    """Messages for which the day of sending has no room, of those given in their turn."""
    day, sent_on = send[in_turn].astype("datetime64[D]"), history.sent_at.astype("datetime64[D]")
    over = []
    for date in np.unique(day):
        left = max(budget - int(np.count_nonzero(sent_on == date)), 0)
        over.append(in_turn[day == date][left:])
    return np.concatenate([*over, in_turn[:0]])


class _Step(NamedTuple):
    """What the messages of one step of one journey have in common."""

    offer: Offer | None
    channels: tuple[str, ...]
    purpose: str


def _collect(journeys: tuple[JourneyKind, ...], context: Context) -> tuple[_Table, tuple[str, ...], list[_Step]]:
    """Candidates of all journeys whose segment the customer is in, with all labels of steps and all steps."""
    labels: dict[str, int] = {}
    steps: list[_Step] = []
    columns: list[list[Any]] = [[] for _ in _Table._fields]
    for j, journey in enumerate(journeys):
        found = journey.candidates(context)
        keep: Any = slice(None) if journey.segment is None else context.segment(journey.segment)[found.row]
        place = np.array([labels.setdefault(label, len(labels)) for label in found.labels], dtype=np.int64)
        row, step = found.row[keep], found.step[keep]
        values = (
            row, np.full(len(row), j), place[step], step + len(steps),
            found.anchor[keep], found.planned[keep], found.expires[keep], found.exited[keep],
        )  # fmt: skip
        channels = found.channels or (None,) * len(found.offers)
        steps.extend(
            _Step(offer, own_channels or journey.channels, journey.purpose)
            for offer, own_channels in zip(found.offers, channels, strict=True)
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return _Table(*(np.concatenate(column) for column in columns)), tuple(labels), steps


def _send_times(table: _Table, today: np.datetime64, policy: Policy, customers: Customers) -> Dates:
    """Send what was missed today at its hour, and what falls into quiet hours at their end; all on existing times."""
    planned = table.planned
    late = planned < today.astype("datetime64[s]")
    hour = planned - planned.astype("datetime64[D]")
    send: Dates = np.where(late, today.astype("datetime64[s]") + hour, planned)
    send = _skip_gaps(send, customers, table.row)
    if policy.quiet_hours is not None:
        start, end = policy.quiet_hours
        allowed = skip_quiet_hours(send, start_hour=start, end_hour=end)
        # What is late has waited long enough: where its hour is quiet, the first allowed moment of the day.
        earliest = skip_quiet_hours(today.astype("datetime64[s]")[np.newaxis], start_hour=start, end_hour=end)
        send = _skip_gaps(np.where(late & (allowed != send), earliest, allowed), customers, table.row)
    return send


def _skip_gaps(local: Dates, customers: Customers, row: Integers) -> Dates:
    """Move local times that a change of the clocks skips to the first moment after it."""
    zones, code = customers.time_zone
    day = local.astype("datetime64[D]")
    days = np.unique(day)
    moved = local.copy()
    for i, name in enumerate(zones):
        zone = ZoneInfo(name)
        for date in days[[_offset(date, zone) < _offset(date + _DAY, zone) for date in days]]:  # an hour is skipped
            mine = np.nonzero((day == date) & (code[row] == i))[0]
            moved[mine] = _from_utc(local_to_utc(local[mine], zone), zone)
    return moved


def _offset(date: np.datetime64, zone: ZoneInfo) -> timedelta:
    """Local time less UTC at the beginning of a day."""
    return datetime.combine(date.astype(object), time(), tzinfo=zone).utcoffset() or timedelta()


def _from_utc(utc: Dates, zone: ZoneInfo) -> Dates:
    times, place = np.unique(utc, return_inverse=True)
    local = [instant.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) for instant in times.tolist()]
    return np.array(local, dtype="datetime64[s]")[place]


def _has_later(rank: Integers, table: _Table, chosen: Bools) -> Bools:
    """Whether one of the chosen messages to the same customer from the same journey was planned later."""
    journeys = int(table.journey.max(initial=0)) + 1
    distinct, place = np.unique(rank * journeys + table.journey, return_inverse=True)
    latest = np.full(len(distinct), -(2**62), dtype=np.int64)
    planned = table.planned.astype(np.int64)
    np.maximum.at(latest, place[chosen], planned[chosen])
    found: Bools = planned < latest[place]
    return found


def _not_first(open_: Bools, *columns: npt.NDArray[Any]) -> Bools:
    """Whether another open row that is the same in these columns stands further up."""
    rows = np.nonzero(open_)[0]
    key = row_keys(*(column[rows].astype(np.float64) for column in columns))
    _, first = np.unique(key, return_index=True)
    found = np.ones(len(open_), dtype=bool)
    found[rows[first]] = False
    return found & open_


def _cool_down(
    journeys: tuple[JourneyKind, ...],
    table: _Table,
    rank: Integers,
    send: Dates,
    past: Past,
    group: Integers,
    decision: npt.NDArray[np.uint8],
    decide: Any,
) -> None:
    days = [j.cool_down_days if isinstance(j, TriggerJourney) else 0 for j in journeys]
    once = [isinstance(j, TriggerJourney) and j.once for j in journeys]
    rest = np.array(days)[table.journey].astype("timedelta64[D]")
    single = np.array(once)[table.journey]
    latest = past.latest(table.row, group)
    soon = (send < latest + rest) | (single & ~np.isnat(latest))
    held = (rest > np.timedelta64(0, "D")) | single
    decide("cool-down", held & soon)
    decide("cool-down", held & _not_first((decision == _OPEN) & held, rank, table.journey))


def _channels(steps: list[_Step], customers: Customers, table: _Table) -> tuple[Integers, list[str]]:
    """Channels that may be used for each message, the preferred one first, as places among the names; -1 for none."""
    names = list(dict.fromkeys(channel for step in steps for channel in step.channels))
    number = {name: i for i, name in enumerate(names)}
    width = max(len(step.channels) for step in steps)
    found = np.full((len(table.row), width), -1, dtype=np.int64)
    by_step = np.argsort(table.place, kind="stable")
    ends = np.searchsorted(table.place[by_step], np.arange(len(steps) + 1))
    for i, step in enumerate(steps):
        lines = by_step[ends[i] : ends[i + 1]]
        if len(lines) == 0:
            continue
        rows = table.row[lines]
        for position, channel in enumerate(step.channels):
            consent = customers.consent.get((channel, step.purpose), customers.consent.get((channel, "*")))
            if consent is not None:
                found[lines, position] = np.where(consent[rows], number[channel], -1)
    return found, names


def _to_utc(local: Dates, customers: Customers, row: Integers) -> Dates:
    zones, code = customers.time_zone
    utc = local.copy()
    if zones == ("UTC",):
        return utc
    of = code[row]
    for i, zone in enumerate(zones):
        mine = of == i
        if mine.any():
            utc[mine] = local_to_utc(local[mine], ZoneInfo(zone))
    return utc
