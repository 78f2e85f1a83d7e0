"""Attempts to pass a funnel, found in a log: whole arrays, one pass for each step.

What is asked most, the first attempt of each customer with steps in order, needs no sorted log: the moment at which a
customer reaches a step is the earliest of its events not before that of the step before (:func:`first_attempts`). All
else follows each entry through the sorted log (:func:`follow`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._funnels.steps import Rules
    from crmvalue.typing import Integers

    Bools = npt.NDArray[np.bool_]

__all__ = [
    "Attempts",
    "Outcome",
    "Rows",
    "are_distinct",
    "choose",
    "first_attempts",
    "follow",
    "is_first",
    "near_first_entry",
    "outcome",
    "sorted_log",
]

_DAY = 86_400_000_000  # microseconds
_NEVER = 2**62  # later than any time
_MISSING = np.datetime64("NaT", "us").view(np.int64)


class Rows(NamedTuple):
    """Events that may count, in any order."""

    who: Integers
    time: Integers  # microseconds
    symbol: npt.NDArray[np.int16]
    group: Integers | None
    n_customers: int
    is_near: bool = False  # nothing lies beyond the windows of the first entries


class Log(NamedTuple):
    """Events that count, in order."""

    who: Integers
    time: Integers  # microseconds
    symbol: npt.NDArray[np.int16]
    group: Integers | None
    bound: Integers  # where each customer's events begin, and the end
    is_near: bool  # nothing lies beyond the windows


class Attempts(NamedTuple):
    """Attempts, and for each of them where in the log what happened; the length of the log for what did not."""

    start: Integers
    who: Integers
    place: list[Integers]  # of each stage
    level: Integers
    lost: Bools
    matured: Bools
    ended: Integers  # a time
    stop: Integers  # first event that is not the attempt's any more
    free: Integers  # first event that may be an entry again


class Outcome(NamedTuple):
    """What became of each attempt that counts, ascending by customer and entry."""

    who: Integers
    level: Integers
    lost: Bools
    matured: Bools
    step_time: Integers  # attempts by stages, missing as NaT
    ended: Integers
    group: Integers | None
    skipped: Bools | None
    n_returns: Integers | None
    n_before: int  # events of steps before the first entry of their customer


def entries(rules: Rules, order: str) -> Bools:
    """Tell the symbols that begin an attempt."""
    opens: Bools = rules.opens[0] if order in {"ordered", "strict"} else rules.opens_from(0)
    return opens


def are_distinct(rules: Rules) -> bool:
    """Tell whether each step has one symbol of its own."""
    return bool((rules.opens.sum(axis=0) <= 1).all())


def near_first_entry(events: Rows, rules: Rules, window: int | None, order: str) -> tuple[Rows, Integers, int]:
    """Keep what lies between each customer's first entry and the end of its window; count the steps before it."""
    opening = np.nonzero(among(events.symbol, entries(rules, order)))[0]
    begun = _earliest(events.n_customers, events.who[opening], events.time[opening])
    since = events.time - begun.take(events.who)
    near = since >= 0
    if window is not None:
        near &= since <= window
    early = np.nonzero((since < 0) & (since > -_NEVER // 2))[0]
    n_before = int(np.count_nonzero(rules.opens_from(0)[events.symbol[early]]))
    rows = np.nonzero(near)[0]
    group = None if events.group is None else events.group[rows]
    kept = Rows(events.who[rows], events.time[rows], events.symbol[rows], group, events.n_customers, is_near=True)
    return kept, begun, n_before


def first_attempts(events: Rows, rules: Rules, window: int | None, as_of: int, order: str, belongs_to: str) -> Outcome:
    """Follow each customer's first entry through steps in order.

    Step k has the symbol k + 1 alone. At one moment the steps come in their order and what ends an attempt after them.
    """
    (who, time, symbol, group, n, _), begun, n_before = near_first_entry(events, rules, window, order)
    k = len(rules.opens)
    closing = np.nonzero(symbol == k + 1)[0]
    closed = _earliest(n, who[closing], time[closing])
    at = np.empty((k, n), dtype=np.int64)
    at[0] = begun
    for step in range(1, k):
        rows = np.nonzero(symbol == step + 1)[0]
        rows = rows[time[rows] >= at[step - 1].take(who[rows])]
        if len(closing):
            rows = rows[time[rows] <= closed[who[rows]]]
        at[step] = _earliest(n, who[rows], time[rows])

    entered = np.nonzero(at[0] < _NEVER)[0]
    at, closed = at.take(entered, axis=1), closed[entered]
    level = np.zeros(len(entered), dtype=np.int64)
    for moments in at:
        level += moments < _NEVER
    over, won = closed < _NEVER, level == k
    matured: Bools = np.zeros(len(entered), dtype=bool)
    ended = np.full(len(entered), as_of)
    if window is not None:
        matured = at[0] + window <= as_of
        ended = np.where(matured, at[0] + window, as_of)
    ended = np.where(won, at[-1], np.where(over, closed, ended))
    if group is not None:
        stage = np.full(n, -1)
        stage[entered] = 0 if belongs_to == "entry" else level - 1
        moment = np.full(n, _NEVER)
        moment[entered] = at[stage[entered], np.arange(len(entered))]
        rows = np.nonzero((symbol == stage[who] + 1) & (time == moment[who]))[0]
        group = _earliest(n, who[rows], group[rows])[entered]
    at[at == _NEVER] = _MISSING
    return Outcome(entered, level, (matured | over) & ~won, matured, at.T, ended, group, None, None, n_before)


def _earliest(n: int, who: Integers, value: Integers) -> Integers:
    least = np.full(n, _NEVER)
    np.minimum.at(least, who, value)
    return least


def sorted_log(events: Rows, ties: str) -> Log:
    """Sort by customer, time and, unless rows decide, by symbol and group."""
    who, time, symbol, group, n_customers, is_near = events
    bound = np.concatenate(([0], np.cumsum(np.bincount(who, minlength=n_customers))))
    first = int(time.min(initial=0 if not len(time) else time[0]))
    since = time - first
    unit = next(unit for unit in (_DAY, 1_000_000, 1_000, 1) if not (since[:1000] % unit).any() and _whole(since, unit))
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
        raise InputError("time", rule, str(moment), count=int(same.sum()), hint="ties='steps' or 'row' takes them")
    return log


def among(symbol: npt.NDArray[np.int16], wanted: Bools) -> Bools:
    """Tell the events whose symbol is among the wanted ones."""
    if np.count_nonzero(wanted) == 1:
        return np.asarray(symbol == np.argmax(wanted))
    return wanted[symbol]


def _next(mask: Bools) -> Integers:
    """Place of the first True at or after each place; the length where there is none, and so for two places beyond."""
    n = len(mask)
    place: Integers = np.full(n + 2, n, dtype=np.int32 if n < 2**31 - 2 else np.int64)
    place[:n][mask] = np.nonzero(mask)[0]
    np.minimum.accumulate(place[::-1], out=place[::-1])
    return place


def follow(log: Log, rules: Rules, window: int | None, as_of: int, order: str, reentry: str) -> Attempts:
    """Follow every entry, or the first of each customer, as far as it gets."""
    n, k = len(log.time), len(rules.opens)
    start = np.nonzero(among(log.symbol, entries(rules, order)))[0]
    who = log.who[start]
    if reentry == "first" and len(start):
        first = is_first(who)
        start, who = start[first], who[first]
    begun, end = log.time[start], log.bound[who + 1]
    limit = begun + window if window is not None else None
    after = end if limit is None or log.is_near else _first_after(log.time, start, end, limit)
    excluded = _next(among(log.symbol, rules.closes))[start + 1] if rules.closes.any() else np.full(len(start), n)
    stop = np.minimum(after, excluded)

    place = _places(log, rules, start, stop, order)
    level = np.zeros(len(start), dtype=np.int64)
    for column in place:
        level += column < n
    last = _at_level(place, level)
    won = level == k
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
        broken = last + 1 < stop
        lost |= broken
        ended, free = np.where(broken, time[np.minimum(last + 1, n)], ended), np.where(broken, last + 1, free)
    ended, free = np.where(won, time[last], ended), np.where(won, last + 1, free)
    return Attempts(start, who, place, level, lost & ~won, matured, ended, stop, free)


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


def _places(log: Log, rules: Rules, start: Integers, stop: Integers, order: str) -> list[Integers]:
    """Where each attempt reaches each stage."""
    n, k = len(log.time), len(rules.opens)
    place: list[Integers] = []
    for stage in range(k):
        if order == "strict":
            mask = np.append(among(log.symbol, rules.opens[stage]), [False, False])
            here = start if not stage else place[-1] + 1
            reached = np.where(mask[here], here, n)
        elif order == "ordered":
            reached = start if not stage else _next(among(log.symbol, rules.opens[stage]))[place[-1] + 1]
        else:
            opens = rules.opens[stage] if order == "any" else rules.opens_from(stage)
            reached = _next(among(log.symbol, opens))[start]
        place.append(np.where(reached < stop, reached, n))
    return list(np.sort(place, axis=0)) if order == "any" else place


def _at_level(place: list[Integers], level: Integers) -> Integers:
    last = place[0]
    for stage, column in enumerate(place[1:], start=2):
        last = np.where(level >= stage, column, last)
    return last


def choose(found: Attempts, reentry: str) -> Attempts:
    """Keep the attempts that count."""
    m = len(found.start)
    if reentry == "first" or not m:
        return found
    first = np.nonzero(is_first(found.who))[0]
    if reentry == "best":
        score = found.level * m + np.arange(m - 1, -1, -1)
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


def outcome(log: Log, rules: Rules, found: Attempts, belongs_to: str, n_before: int) -> Outcome:
    """Read off the attempts what became of them."""
    time = np.append(log.time, _MISSING)
    step_time = np.array([time[column] for column in found.place]).T
    skipped, n_returns = _skips(log, rules, found) if rules.by_stage else (None, None)
    row = found.start if belongs_to == "entry" else _at_level(found.place, found.level)
    group = None if log.group is None else log.group[row]
    entered = is_first(found.who)
    steps_before = np.append(0, np.cumsum(rules.opens_from(0)[log.symbol]))
    entry, who = found.start[entered], found.who[entered]
    n_before += int((steps_before[entry] - steps_before[log.bound[who]]).sum())
    return Outcome(
        found.who, found.level, found.lost, found.matured, step_time, found.ended, group, skipped, n_returns, n_before
    )


def _skips(log: Log, rules: Rules, found: Attempts) -> tuple[Bools, Integers]:
    """Tell which stages an attempt passed over, and count signals of each stage after a later one was reached."""
    n, k = len(log.time), len(rules.opens)
    skipped = np.zeros((len(found.start), k), dtype=bool)
    n_returns = np.zeros((len(found.start), k), dtype=np.int64)
    end = np.where(found.level == k, found.place[-1], found.stop)
    for stage in range(k - 1):
        beyond = found.place[stage + 1]
        skipped[:, stage] = (beyond < n) & (found.place[stage] == beyond)
        so_far = np.append(0, np.cumsum(among(log.symbol, rules.opens[stage])))
        n_returns[:, stage] = np.where(beyond < n, so_far[end] - so_far[np.minimum(beyond, end)], 0)
    return skipped, n_returns
