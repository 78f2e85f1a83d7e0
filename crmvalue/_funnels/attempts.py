"""Attempts to pass a funnel, found in a log: whole arrays, one pass for each step.

The most common question is about the first attempt of each customer, with steps in order. It needs no sorted log
(:func:`first_attempts`): a customer reaches a step at the earliest of its events that is not before the step before.
For all other questions :func:`all_attempts` sorts the log and follows each entry through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crmvalue._funnels.steps import DAY
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._funnels.steps import Rules
    from crmvalue.typing import Integers

    Bools = npt.NDArray[np.bool_]

__all__ = [
    "Options",
    "Outcome",
    "Rows",
    "all_attempts",
    "first_attempts",
    "independent",
    "is_first",
    "near_first_entry",
    "takes_first_in_order",
]

_NEVER = 2**62  # later than any time
_MISSING = np.datetime64("NaT", "us").view(np.int64)


class Options(NamedTuple):
    """How attempts are followed: the checked options of :func:`crmvalue.funnels.funnel_from_events`."""

    order: str
    reentry: str
    ties: str
    belongs_to: str
    window: int | None  # microseconds
    as_of: int  # microseconds
    repeats: str = "end"


class Rows(NamedTuple):
    """Events that may count, in any order."""

    who: Integers
    time: Integers  # microseconds
    symbol: npt.NDArray[np.int16]
    group: Integers | None
    n_customers: int
    entry: Integers | None = None  # first entry of each customer, where no row lies outside its window
    n_before: int = 0  # events of steps that were left out because they came before these entries


class Log(NamedTuple):
    """Events that count, in order."""

    who: Integers
    time: Integers  # microseconds
    symbol: npt.NDArray[np.int16]
    group: Integers | None
    bound: Integers  # where each customer's events begin, and the end
    is_near: bool  # nothing lies beyond the windows


class Attempts(NamedTuple):
    """Attempts, and where in the log each stage was reached; the length of the log stands for never."""

    start: Integers
    who: Integers
    place: list[Integers]  # of each stage
    n_reached: Integers  # stages
    lost: Bools
    matured: Bools
    ended: Integers  # a time
    stop: Integers  # first event that is not the attempt's any more
    free: Integers  # first event that may be an entry again


class Outcome(NamedTuple):
    """What became of each attempt that counts, ascending by customer and entry."""

    who: Integers
    n_reached: Integers  # stages
    lost: Bools
    matured: Bools
    step_time: Integers  # attempts by stages, missing as NaT
    ended: Integers
    group: Integers | None
    skipped: Bools | None
    n_returns: Integers | None
    n_before: int  # events of steps before the first entry of their customer


def takes_first_in_order(rules: Rules, options: Options) -> bool:
    """Tell whether :func:`first_attempts` can follow the attempts: each step then has one symbol of its own."""
    plain = (options.order, options.reentry, options.ties) == ("ordered", "first", "steps")
    return plain and bool((rules.opens.sum(axis=0) <= 1).all())


def near_first_entry(events: Rows, rules: Rules, options: Options) -> Rows:
    """Keep the events from each customer's first entry to the end of its window; count the steps before it."""
    opening = np.nonzero(_among(events.symbol, _entries(rules, options.order)))[0]
    entry = _earliest(events.n_customers, events.who[opening], events.time[opening])
    since = events.time - entry.take(events.who)
    near = since >= 0
    if options.window is not None:
        near &= since <= options.window
    early = np.nonzero((since < 0) & (since > -_NEVER // 2))[0]
    n_before = int(np.count_nonzero(rules.opens_from(0)[events.symbol[early]]))
    rows = np.nonzero(near)[0]
    group = None if events.group is None else events.group[rows]
    return Rows(
        who=events.who[rows],
        time=events.time[rows],
        symbol=events.symbol[rows],
        group=group,
        n_customers=events.n_customers,
        entry=entry,
        n_before=n_before,
    )


def first_attempts(events: Rows, rules: Rules, options: Options) -> Outcome:
    """Follow each customer's first entry through steps in order, in events from :func:`near_first_entry`.

    Step k has the symbol k + 1 alone. Events of one moment count in the order of the steps; excluded events come last.
    """
    assert events.entry is not None  # noqa: S101 - near_first_entry gives it
    at, closed = _moments(events, events.entry, rules)
    entered = np.nonzero(at[0] < _NEVER)[0]
    at, closed = at.take(entered, axis=1), closed[entered]
    n_reached = np.zeros(len(entered), dtype=np.int64)
    for moments in at:
        n_reached += moments < _NEVER
    over, won = closed < _NEVER, n_reached == len(at)
    matured: Bools = np.zeros(len(entered), dtype=bool)
    ended = np.full(len(entered), options.as_of)
    if options.window is not None:
        end = at[0] + options.window
        matured = end <= options.as_of
        ended = np.where(matured, end, options.as_of)
    ended = np.where(won, at[-1], np.where(over, closed, ended))
    group = None
    if events.group is not None:
        stage = np.zeros_like(n_reached) if options.belongs_to == "entry" else n_reached - 1
        group = _groups_at(events, events.group, entered, stage, at[stage, np.arange(len(entered))])
    at[at == _NEVER] = _MISSING
    lost = (matured | over) & ~won
    return Outcome(entered, n_reached, lost, matured, at.T, ended, group, None, None, events.n_before)


def _moments(events: Rows, entry: Integers, rules: Rules) -> tuple[Integers, Integers]:
    """When each customer reaches each step, shape (steps, customers), and when an excluded event comes."""
    who, time, symbol, n, k = events.who, events.time, events.symbol, events.n_customers, len(rules.opens)
    closing = np.nonzero(symbol == k + 1)[0]
    closed = _earliest(n, who[closing], time[closing])
    at = np.empty((k, n), dtype=np.int64)
    at[0] = entry
    for step in range(1, k):
        rows = np.nonzero(symbol == step + 1)[0]
        rows = rows[time[rows] >= at[step - 1].take(who[rows])]
        if len(closing):
            rows = rows[time[rows] <= closed[who[rows]]]
        at[step] = _earliest(n, who[rows], time[rows])
    return at, closed


def _groups_at(events: Rows, group: Integers, entered: Integers, stage: Integers, moment: Integers) -> Integers:
    """Group of the event by which each customer entered a stage at a moment; the least of several."""
    n = events.n_customers
    wanted, at = np.full(n, -1), np.full(n, _NEVER)
    wanted[entered], at[entered] = stage, moment
    rows = np.nonzero((events.symbol == wanted[events.who] + 1) & (events.time == at[events.who]))[0]
    return _earliest(n, events.who[rows], group[rows])[entered]


def all_attempts(events: Rows, rules: Rules, options: Options) -> Outcome:
    """Sort the log, follow its entries, and keep the attempts that count."""
    log = _sorted_log(events, options.ties)
    attempts = _choose(_follow(log, rules, options), options.reentry)
    return _outcome(log, rules, attempts, options.belongs_to, events.n_before)


def _entries(rules: Rules, order: str) -> Bools:
    """Tell the symbols that begin an attempt."""
    opens: Bools = rules.opens[0] if order in {"ordered", "strict"} else rules.opens_from(0)
    return opens


def _earliest(n: int, who: Integers, value: Integers) -> Integers:
    """Least value of each customer; never for a customer without one."""
    least = np.full(n, _NEVER)
    np.minimum.at(least, who, value)
    return least


def _sorted_log(events: Rows, ties: str) -> Log:
    """Sort by customer and time. Symbol and group decide between ties, or with "row" the order of the rows."""
    who, time, symbol, group, is_near = events.who, events.time, events.symbol, events.group, events.entry is not None
    bound = np.concatenate(([0], np.cumsum(np.bincount(who, minlength=events.n_customers))))
    first = int(time.min(initial=0 if not len(time) else time[0]))
    since = time - first
    unit = next(unit for unit in (DAY, 1_000_000, 1_000, 1) if not (since[:1000] % unit).any() and _whole(since, unit))
    since //= unit
    columns: list[npt.NDArray[Any]] = [who, since]
    if ties != "row":
        columns += [symbol] if group is None else [symbol, group]
    bits = [int(column.max(initial=0)).bit_length() for column in columns]
    if sum(bits) > 62:
        place = np.lexsort(columns[::-1])
    else:
        key: Integers = columns[0].astype(np.int64)
        for column, width in zip(columns[1:], bits[1:], strict=True):
            key <<= width
            key |= column
        if ties != "row":
            log = Log(*_unpacked(key, bits, unit, first, grouped=group is not None), bound, is_near)
            return _without_ties(log) if ties == "error" else log
        place = np.argsort(key, kind="stable")
    log = Log(who[place], time[place], symbol[place], None if group is None else group[place], bound, is_near)
    return _without_ties(log) if ties == "error" else log


def _whole(since: Integers, unit: int) -> bool:
    return not (since % unit).any()


def _unpacked(
    key: Integers, bits: list[int], unit: int, first: int, *, grouped: bool
) -> tuple[Integers, Integers, npt.NDArray[np.int16], Integers | None]:
    """Sort the keys, and take customer, time, symbol and group out of them."""
    key.sort()
    group = None
    if grouped:
        group = key & ((1 << bits[3]) - 1)
        key >>= bits[3]
    symbol = (key & ((1 << bits[2]) - 1)).astype(np.int16)
    key >>= bits[2]
    time = (key & ((1 << bits[1]) - 1)) * unit + first
    key >>= bits[1]
    return key, time, symbol, group


def _without_ties(log: Log) -> Log:
    same = (log.who[1:] == log.who[:-1]) & (log.time[1:] == log.time[:-1])
    if same.any():
        moment = np.datetime64(int(log.time[1:][same][0]), "us")
        rule = "different for any two events of a customer that count"
        hint = "ties='steps' and ties='row' take such events"
        raise InputError("time", rule, str(moment), count=int(same.sum()), hint=hint)
    return log


def _among(symbol: npt.NDArray[np.int16], wanted: Bools) -> Bools:
    """Tell the events whose symbol is among the wanted ones."""
    if np.count_nonzero(wanted) == 1:
        return np.asarray(symbol == np.argmax(wanted))
    return wanted[symbol]


def _next(mask: Bools) -> Integers:
    """Place of the first True at or after each place, also for two places beyond the end.

    Where no True follows, it is the length of the mask.
    """
    n = len(mask)
    place: Integers = np.full(n + 2, n, dtype=np.int32 if n < 2**31 - 2 else np.int64)
    place[:n][mask] = np.nonzero(mask)[0]
    np.minimum.accumulate(place[::-1], out=place[::-1])
    return place


def _follow(log: Log, rules: Rules, options: Options) -> Attempts:
    """Follow every entry, or the first of each customer, as far as it gets."""
    n, k, order, window, as_of = len(log.time), len(rules.opens), options.order, options.window, options.as_of
    start = np.nonzero(_among(log.symbol, _entries(rules, order)))[0]
    who = log.who[start]
    if options.reentry == "first" and len(start):
        first = is_first(who)
        start, who = start[first], who[first]
    begun, end = log.time[start], log.bound[who + 1]
    limit = begun + window if window is not None else None
    after = end if limit is None or log.is_near else _first_after(log.time, start, end, limit)
    excluded = _next(_among(log.symbol, rules.closes))[start + 1] if rules.closes.any() else np.full(len(start), n)
    stop = np.minimum(after, excluded)

    broken = np.full(len(start), n)
    if order == "strict":
        place, broken = _strict_places(log, rules, start, stop, options)
    else:
        place = _places(log, rules, start, stop, options)
    n_reached = np.zeros(len(start), dtype=np.int64)
    for column in place:
        n_reached += column < n
    last = _last_place(place, n_reached)
    won = n_reached == k
    matured: Bools = np.zeros(len(start), dtype=bool) if limit is None else np.asarray(as_of >= limit)
    ended, free = np.full(len(start), as_of), end.copy()
    if limit is not None:
        ended, free = np.where(matured, limit, ended), np.where(matured, after, free)
    ended_by_event = excluded < after
    time = np.append(log.time, 0)
    ended = np.where(ended_by_event, time[excluded], ended)
    free = np.where(ended_by_event, excluded + 1, free)
    lost = matured | ended_by_event
    if order == "strict":
        lost |= broken < n
        ended, free = np.where(broken < n, time[broken], ended), np.where(broken < n, broken, free)
    ended, free = np.where(won, time[last], ended), np.where(won, last + 1, free)
    return Attempts(start, who, place, n_reached, lost & ~won, matured, ended, stop, free)


def is_first(who: Integers) -> Bools:
    """Tell the first element of each run of equals."""
    first = np.ones(len(who), dtype=bool)
    np.not_equal(who[1:], who[:-1], out=first[1:])
    return first


def _first_after(time: Integers, low: Integers, high: Integers, limit: Integers) -> Integers:
    """First place in [low, high) with a time above the limit, or high; times ascend there."""
    low, high = low.copy(), high.copy()
    going = np.nonzero(low < high)[0]
    while len(going):
        a, b = low[going], high[going]
        middle = (a + b) >> 1
        later: Bools = np.asarray(time[middle] > limit[going])
        low[going], high[going] = np.where(later, a, middle + 1), np.where(later, middle, b)
        going = going[low[going] < high[going]]
    return high


def _places(log: Log, rules: Rules, start: Integers, stop: Integers, options: Options) -> list[Integers]:
    """Where each attempt reaches each stage; for strict order see :func:`_strict_places`."""
    n, k, order = len(log.time), len(rules.opens), options.order
    after = _later(log) if options.ties == "later" else np.arange(1, n + 2)
    place: list[Integers] = []
    for stage in range(k):
        if order == "ordered":
            reached = start if not stage else _next(_among(log.symbol, rules.opens[stage]))[after[place[-1]]]
        else:
            opens = rules.opens[stage] if order == "any" else rules.opens_from(stage)
            reached = _next(_among(log.symbol, opens))[start]
        place.append(np.where(reached < stop, reached, n))
    return list(np.sort(place, axis=0)) if order == "any" else place


def _strict_places(
    log: Log, rules: Rules, start: Integers, stop: Integers, options: Options
) -> tuple[list[Integers], Integers]:
    """Where each attempt reaches each stage, and the event that breaks it; the length of the log for none."""
    n, k = len(log.time), len(rules.opens)
    later = _later(log) if options.ties == "later" else None
    place, broken = [start], np.full(len(start), n)
    for stage in range(1, k):
        here = place[-1] + 1
        if options.repeats == "pass":
            done: Bools = np.logical_or.reduce(rules.opens[:stage])
            following = _next(~(done & ~rules.opens[stage])[log.symbol])
            if later is None:
                here = following[here]
            else:  # at the moment of the last step no event is the next step, and any repeat passes
                other, moved = _next(~done[log.symbol])[here], later[place[-1]]
                here = np.where(other < moved, other, following[moved])
        mask = np.append(_among(log.symbol, rules.opens[stage]), [False, False])
        reached: Bools = np.asarray(mask[here] & (here < stop))
        if later is not None:
            reached &= here >= later[place[-1]]
        broken = np.where((place[-1] < n) & ~reached & (here < stop), here, broken)
        place.append(np.where(reached, here, n))
    return place, broken


def _later(log: Log) -> Integers:
    """Place of the first event after the moment of each event, or of another customer; also for one place more."""
    n = len(log.time)
    starts: Bools = np.ones(n, dtype=bool)
    starts[1:] = (log.who[1:] != log.who[:-1]) | (log.time[1:] != log.time[:-1])
    return _next(starts)[np.arange(1, n + 2)]


def _last_place(place: list[Integers], n_reached: Integers) -> Integers:
    """Where each attempt reaches its last stage."""
    last = place[0]
    for stage, column in enumerate(place[1:], start=2):
        last = np.where(n_reached >= stage, column, last)
    return last


def _choose(found: Attempts, reentry: str) -> Attempts:
    """Keep the attempts that count."""
    m = len(found.start)
    if reentry == "first" or not m:
        return found
    first = np.nonzero(is_first(found.who))[0]
    if reentry == "best":
        score = found.n_reached * m + np.arange(m - 1, -1, -1)
        chosen = m - 1 - np.maximum.reduceat(score, first) % m
    else:
        following = np.searchsorted(found.start, found.free)
        who = np.append(found.who, -1)
        kept = []
        while len(first):
            kept.append(first)
            later = following[first]
            first = later[who[later] == found.who[first]]
        chosen = np.sort(np.concatenate(kept))
    parts = {name: part[chosen] for name, part in found._asdict().items() if name != "place"}
    return Attempts(place=[column[chosen] for column in found.place], **parts)


def _outcome(log: Log, rules: Rules, found: Attempts, belongs_to: str, n_before: int) -> Outcome:
    """Tell what became of each attempt."""
    time = np.append(log.time, _MISSING)
    step_time = np.array([time[column] for column in found.place]).T
    skipped, n_returns = _skips(log, rules, found) if rules.by_stage else (None, None)
    row = found.start if belongs_to == "entry" else _last_place(found.place, found.n_reached)
    group = None if log.group is None else log.group[row]
    entered = is_first(found.who)
    steps_before = np.append(0, np.cumsum(rules.opens_from(0)[log.symbol]))
    entry, who = found.start[entered], found.who[entered]
    n_before += int((steps_before[entry] - steps_before[log.bound[who]]).sum())
    return Outcome(
        who=found.who,
        n_reached=found.n_reached,
        lost=found.lost,
        matured=found.matured,
        step_time=step_time,
        ended=found.ended,
        group=group,
        skipped=skipped,
        n_returns=n_returns,
        n_before=n_before,
    )


def _skips(log: Log, rules: Rules, found: Attempts) -> tuple[Bools, Integers]:
    """Tell which stages an attempt passed over, and count signals of each stage after a later one was reached."""
    n, k = len(log.time), len(rules.opens)
    skipped = np.zeros((len(found.start), k), dtype=bool)
    n_returns = np.zeros((len(found.start), k), dtype=np.int64)
    end = np.where(found.n_reached == k, found.place[-1], found.stop)
    for stage in range(k - 1):
        beyond = found.place[stage + 1]
        skipped[:, stage] = (beyond < n) & (found.place[stage] == beyond)
        so_far = np.append(0, np.cumsum(_among(log.symbol, rules.opens[stage])))
        n_returns[:, stage] = np.where(beyond < n, so_far[end] - so_far[np.minimum(beyond, end)], 0)
    return skipped, n_returns


def independent(
    customer: npt.NDArray[Any],
    n_reached: Integers,
    n_stages: int,
    group: Integers | None,
    groups: tuple[Any, ...] | None,
) -> Integers | None:
    """Count how many customers tell as much as the attempts at each stage (Kish); None for one attempt each.

    The result has the shape (stages,), or (groups, stages) with groups.
    """
    _, person = np.unique(customer, return_inverse=True)
    if len(person) == person.max(initial=-1) + 1:
        return None
    n = 1 if groups is None else len(groups)
    of = np.zeros(len(person), dtype=np.int64) if group is None else group
    found = np.zeros((n, n_stages), dtype=np.int64)
    for stage in range(n_stages):
        here = n_reached > stage
        pair, weight = np.unique(of[here] * len(person) + person[here], return_counts=True)
        total, squares = (np.bincount(pair // len(person), weight**power, minlength=n) for power in (1, 2))
        found[:, stage] = total**2 // np.maximum(squares, 1)
    return found[0] if groups is None else found
