"""Members whose points only come and go, all at once: no returns, no transfers, no lots out of order.

All points that such a member ever earned lie on one line, lot after lot. A spending takes the part of the line where
the last one ended, or where what has expired ends. A spending of too many points is left out, and the member is booked
again without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._loyalty.booking.log import Log
    from crmvalue.typing import Integers

__all__ = ["Plain", "Roles", "book_plain"]

_MOST = 2**62
_MOST_ROUNDS = 30


class Plain(NamedTuple):
    """Entries and lots as in `Booked`, positions of refused events in the log, and which members were booked."""

    entries: Integers
    lots: Integers
    refused: Integers
    members: npt.NDArray[np.bool_]


class Roles(NamedTuple):
    """What events do: make a lot, make all members whom they concern not plain, count as activity."""

    gives: npt.NDArray[np.bool_]
    special: npt.NDArray[np.bool_]
    active: npt.NDArray[np.bool_]


def book_plain(log: Log, roles: Roles, n_members: int) -> Plain:
    """Book the events of all plain members."""
    plain = np.ones(n_members, dtype=bool)
    plain[log.member[roles.special]] = False
    plain[log.receiver[log.receiver >= 0]] = False
    place = np.zeros(int(log.row.max(initial=-1)) + 1, dtype=np.int64)
    place[log.row] = np.arange(len(log.row))
    plain[log.member[place[log.refers[roles.special & (log.refers >= 0)]]]] = False
    rows = np.argsort(log.member, kind="stable")
    rows = rows[plain[log.member[rows]]]
    lots = rows[roles.gives[rows]]
    same = np.diff(log.member[lots]) == 0
    earlier = (np.diff(log.last[lots]) < 0) | (np.diff(log.usable[lots]) < 0)
    plain[log.member[lots[1:][same & earlier]]] = False
    rows = rows[plain[log.member[rows]]]
    most = np.bincount(log.member, np.abs(log.points), minlength=n_members).max(initial=0)
    if (4 * float(most) + 1) * (len(rows) + 1) > _MOST:  # whole numbers would not hold the lines of all members
        plain[:], rows = False, rows[:0]
    entries, parts, refused, n_lots = [], [], [np.zeros(0, dtype=np.int64)], 0
    for _ in range(_MOST_ROUNDS):
        if not len(rows):
            break
        lots = rows[roles.gives[rows]]
        start, wrong, last = _starts(log, roles, rows, lots)
        again = np.zeros(n_members, dtype=bool)
        again[log.member[rows[wrong]]] = True
        done, kept = ~again[log.member[rows]], ~again[log.member[lots]]
        entry = _entries(log, roles, rows[done], lots, start[done], np.nonzero(kept)[0])
        entry[2] = (np.cumsum(kept) - 1)[entry[2]] + n_lots
        entries.append(entry)
        parts.append(np.stack([log.member[lots], log.row[lots], log.usable[lots], last])[:, kept])
        n_lots += int(kept.sum())
        first = np.nonzero(wrong)[0]  # the first of each member is refused, for the others it is not known yet
        first = first[np.diff(log.member[rows[first]], prepend=-1) != 0]
        refused.append(rows[first])
        done[first] = True
        rows = rows[~done]
    unknown = np.zeros(n_members, dtype=bool)
    unknown[log.member[rows]] = True
    out = np.concatenate(refused)
    empty = [np.zeros((5, 0), dtype=np.int64)], [np.zeros((4, 0), dtype=np.int64)]
    return Plain(
        np.concatenate(entries or empty[0], axis=1),
        np.concatenate(parts or empty[1], axis=1),
        out[~unknown[log.member[out]]],
        plain & ~unknown,
    )


def _starts(log: Log, roles: Roles, rows: Integers, lots: Integers) -> tuple[Integers, npt.NDArray[np.bool_], Integers]:
    """Give where on the line each event begins to take, which events take too much, and the last day of each lot."""
    gives, active = roles.gives, roles.active
    member, day, place = log.member[rows], log.day[rows], np.arange(len(rows))
    line = _line(log, lots)
    new = np.diff(member, prepend=-1) != 0
    first = np.maximum.accumulate(np.where(new, place, 0))
    lots_before: Integers = np.cumsum(gives[rows]) - gives[rows]
    gone = _before(log.member[lots], log.last[lots], member, day)
    ready = np.minimum(_before(log.member[lots], log.usable[lots], member, day + 1), lots_before)
    last = log.last[lots]

    acts = np.maximum.accumulate(np.where(active[rows], place, -1))
    previous = np.append(-1, acts[:-1])
    closed = (previous >= first) & (log.inactive[rows[previous]] < day)
    gone = np.where(closed, np.maximum(gone, lots_before), gone)
    session = np.cumsum(new | closed)
    ends = np.zeros(int(session.max(initial=0)) + 1, dtype=np.int64)
    ends[session[active[rows]]] = log.inactive[rows[active[rows]]]  # the last one of a session is written last
    last = np.minimum(last, ends[session[gives[rows]]])

    points = np.where(gives[rows], 0, np.abs(log.points[rows]))
    spent = np.cumsum(points) - points
    spent = spent - spent[first]
    base = line[lots_before[first]]
    ahead = line[gone] - base - spent
    width = 2 * int(np.abs(ahead).max(initial=0)) + 1
    rank = np.cumsum(new)
    start = base + spent + np.maximum.accumulate(ahead + rank * width) - rank * width
    refused = ~gives[rows] & (start + points > line[ready])
    return start, refused, last


def _entries(log: Log, roles: Roles, rows: Integers, lots: Integers, start: Integers, earns: Integers) -> Integers:
    """Give the entries of earnings, and those of spendings, one for each lot that they take from.

    `earns` are the places of the lots of the earnings.
    """
    line = _line(log, lots)
    gives = roles.gives[rows]
    takes = np.nonzero(~gives)[0]
    begin = start[takes]
    end = begin + np.abs(log.points[rows[takes]])
    low = np.searchsorted(line, begin, side="right") - 1
    count = np.searchsorted(line, end, side="left") - low
    of = np.repeat(np.arange(len(takes)), count)
    lot = low[of] + np.arange(len(of)) - (np.cumsum(count) - count)[of]
    part = np.minimum(end[of], line[lot + 1]) - np.maximum(begin[of], line[lot])
    event = np.concatenate([rows[gives], rows[takes[of]]])
    points = np.concatenate([log.points[rows[gives]], -part])
    return np.stack([log.row[event], log.member[event], np.concatenate([earns, lot]), log.day[event], points])


def _line(log: Log, lots: Integers) -> Integers:
    return np.append(0, np.cumsum(log.points[lots]))


def _before(owner: Integers, value: Integers, member: Integers, day: Integers) -> Integers:
    """Count the lots of earlier members, and those of each member whose value is before a day."""
    low = min(int(value.min(initial=0)), int(day.min(initial=0)))
    width = max(int(value.max(initial=0)), int(day.max(initial=0))) - low + 1
    return np.searchsorted(owner * width + (value - low), member * width + (day - low), side="left")
