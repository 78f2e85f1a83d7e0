"""The events of a ledger, booked one after the other into lots: the only place where points change hands."""

from __future__ import annotations

from bisect import bisect_left, insort
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crmvalue._core.money import split_amount
from crmvalue._loyalty.booking.log import (
    ADJUST,
    DONE,
    EARN,
    EXPIRE,
    NO_MEMBER,
    NOT_REVERSIBLE,
    OTHER_MEMBER,
    REVERSE,
    REVERSED,
    SPEND,
    TOO_MANY,
    TRANSFER,
    UNKNOWN,
    Booked,
    Log,
)
from crmvalue._loyalty.booking.plain import Roles, book_plain
from crmvalue._loyalty.policy import NEVER

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._loyalty.policy import PointsPolicy
    from crmvalue.typing import Integers

__all__ = ["replay"]

_NEVER = int(NEVER.astype(np.int64))


class _Event(NamedTuple):
    """One event of a log."""

    row: int
    member: int
    kind: int
    day: int
    points: int
    refers: int
    receiver: int
    usable: int
    last: int
    inactive: int


class _Book:
    """Lots and debts of all members while events are booked.

    Long columns are flat lists of whole numbers: a million small objects would keep Python's garbage collector busy.
    """

    def __init__(self, policy: PointsPolicy, n_members: int) -> None:
        self.policy = policy
        self.entries: list[int] = []  # row, member, lot, day and points of one entry after the other
        self.lots: list[int] = []  # member, row and first day of one lot after the other
        self.last: list[int] = []  # last day of each lot
        self.left: list[int] = []
        self.back: dict[int, int] = {}  # lot: the last day on which points came back to it
        self.open: list[list[tuple[int, int, int]]] = [[] for _ in range(n_members)]  # last day, first day, lot
        self.waits: list[list[tuple[int, int]]] = [[] for _ in range(n_members)]  # first day and lot, as a heap
        self.ready = [0] * n_members  # points of open lots whose first day has come
        self.spent: list[list[int]] = [[] for _ in range(n_members)]  # lots that a member has emptied
        self.debt = [0] * n_members
        self.debt_day = [0] * n_members
        self.ends = [_NEVER] * n_members
        self.seen = [False] * n_members
        self.lot_of: dict[int, int] = {}  # row of an earning: its lot
        self.to_reverse: dict[int, int] = {}  # row of an earning: points not yet reversed
        self.taken_by: dict[int, list[tuple[int, int]]] = {}  # row of a spending: lots, and points not given back
        self.member_of: dict[int, int] = {}  # row of an event that can be reversed
        self.shortages: list[int] = []  # row and points

    def write(self, row: int, member: int, lot: int, day: int, points: int) -> None:
        if points:
            self.entries.extend((row, member, lot, day, points))

    def new_lot(self, row: int, member: int, day: int, points: int, usable: int, last: int) -> int:
        lot = len(self.last)
        self.lots.extend((member, row, usable))
        self.last.append(last)
        self.left.append(points)
        insort(self.open[member], (last, usable, lot))
        if usable <= day:
            self.ready[member] += points
        elif usable <= last:
            heappush(self.waits[member], (usable, lot))
        self.seen[member] = True
        self.write(row, member, lot, day, points)
        return lot

    def come_to(self, row: int, member: int, day: int) -> None:
        """Close what has expired by a day, and pay debts from points that could be spent by then."""
        waits = self.waits[member]
        while waits and waits[0][0] <= day:
            self.ready[member] += self.left[heappop(waits)[1]]
        if self.debt[member] and self.ready[member]:
            self.settle(row, member, day)
        if self.ends[member] < day:
            for lot in (
                *(lot for _, _, lot in self.open[member]),
                *self.spent[member],
            ):  # points may come back to these
                self.last[lot] = min(self.last[lot], self.ends[member])
            self.open[member], self.spent[member], self.waits[member], self.ready[member] = [], [], [], 0
        lots = self.open[member]
        gone = 0
        while gone < len(lots) and lots[gone][0] < day:
            last, usable, lot = lots[gone]
            if usable <= last:
                self.ready[member] -= self.left[lot]
            gone += 1
        if gone:
            del lots[:gone]

    def settle(self, row: int, member: int, day: int) -> None:
        for usable, last, lot in sorted((usable, last, lot) for last, usable, lot in self.open[member]):
            paid_on = max(usable, self.debt_day[member], self.back.get(lot, usable))
            if paid_on <= min(day, last, self.ends[member]) and self.debt[member]:
                paid = min(self.debt[member], self.left[lot])
                self.left[lot] -= paid
                self.ready[member] -= paid
                self.debt[member] -= paid
                self.write(row, member, lot, paid_on, -paid)
                self.write(row, member, -1, paid_on, paid)
        self.put_away(member, len(self.open[member]))

    def put_away(self, member: int, n: int) -> None:
        """Take the empty ones of the first open lots out of the way."""
        lots = self.open[member]
        kept = []
        for item in lots[:n]:
            if self.left[item[2]]:
                kept.append(item)
            else:
                self.spent[member].append(item[2])
        lots[:n] = kept

    def spendable(self, member: int) -> int:
        return self.ready[member] - self.debt[member]

    def take(self, row: int, member: int, day: int, points: int) -> list[tuple[int, int]]:
        """Take points from the lots that expire first; give what came from which lot."""
        taken = []
        looked = 0
        for _, usable, lot in self.open[member]:
            if not points:
                break
            looked += 1
            part = min(points, self.left[lot])
            if usable <= day and part:
                self.left[lot] -= part
                self.ready[member] -= part
                points -= part
                taken.append((lot, part))
                self.write(row, member, lot, day, -part)
        self.put_away(member, looked)
        return taken

    def give_back(self, row: int, lot: int, day: int, points: int) -> None:
        """Put points back into the lot that they came from; it keeps its days."""
        member, _, usable = self.lots[3 * lot : 3 * lot + 3]
        last = self.last[lot]
        item = (last, usable, lot)
        self.left[lot] += points
        self.back[lot] = day
        self.write(row, member, lot, day, points)
        if last < day:
            return
        self.ready[member] += points
        lots = self.open[member]
        place = bisect_left(lots, item)
        if place == len(lots) or lots[place] != item:
            lots.insert(place, item)

    def owe(self, row: int, member: int, day: int, points: int) -> None:
        self.debt[member] += points
        self.debt_day[member] = day
        self.write(row, member, -1, day, -points)


def replay(policy: PointsPolicy, log: Log, n_members: int) -> Booked:
    """Book the events in their order: those of plain members at once, those of all others one after the other."""
    gives = (log.kind == EARN) | ((log.kind == ADJUST) & (log.points > 0))
    roles = Roles(gives, (log.kind == REVERSE) | (log.kind == TRANSFER), log.kind != EXPIRE)
    plain = book_plain(log, roles, n_members)
    rest = Log(*(column[~plain.members[log.member]] for column in log))
    others = np.nonzero(~plain.members)[0]
    number = np.append(np.cumsum(~plain.members) - 1, -1)
    booked = _replay(policy, rest._replace(member=number[rest.member], receiver=number[rest.receiver]), len(others))
    booked.entries[1], booked.lots[0] = others[booked.entries[1]], others[booked.lots[0]]
    booked.entries[2] += np.where(booked.entries[2] >= 0, plain.lots.shape[1], 0)
    return Booked(
        np.concatenate([plain.entries, booked.entries], axis=1),
        np.concatenate([plain.lots, booked.lots], axis=1),
        np.concatenate([_refusals(log, plain.refused, gives), booked.refused], axis=1),
        booked.shortages,
    )


def _refusals(log: Log, refused: Integers, gives: npt.NDArray[np.bool_]) -> Integers:
    """Give the row and the reason of refused events: a member without an earlier lot has no points yet."""
    first = np.full(int(log.member.max(initial=-1)) + 1, len(log.row), dtype=np.int64)
    lots = np.nonzero(gives)[0][::-1]
    first[log.member[lots]] = lots  # the earliest one of a member is written last
    reason = np.where(first[log.member[refused]] > refused, NO_MEMBER, TOO_MANY)
    return np.stack([log.row[refused], reason])


def _replay(policy: PointsPolicy, log: Log, n_members: int) -> Booked:
    """Book the events one after the other."""
    book = _Book(policy, n_members)
    refused: list[int] = []
    columns = (column.tolist() for column in log)
    for event in map(_Event._make, zip(*columns, strict=True)):
        book.come_to(event.row, event.member, event.day)
        if event.kind == EARN or (event.kind == ADJUST and event.points > 0):
            reason = _earn(book, event)
        elif event.kind == REVERSE:
            reason = _reverse(book, event)
        else:
            reason = _take_away(book, event)
        if reason != DONE:
            refused.extend((event.row, reason))
        elif event.kind not in {EXPIRE, REVERSE} and policy.inactive_months is not None:
            book.ends[event.member] = event.inactive
    for member in range(n_members):
        if book.debt[member]:
            book.settle(-1, member, _NEVER)
        if book.ends[member] < _NEVER:
            for last, _, lot in book.open[member]:
                book.last[lot] = min(last, book.ends[member])
    lots = np.concatenate([_columns(book.lots, 3), _columns(book.last, 1)])
    return Booked(_columns(book.entries, 5), lots, _columns(refused, 2), _columns(book.shortages, 2))


def _earn(book: _Book, event: _Event) -> int:
    row, member = event.row, event.member
    book.lot_of[row] = book.new_lot(row, member, event.day, event.points, event.usable, event.last)
    book.to_reverse[row] = event.points
    book.member_of[row] = member
    return DONE


def _take_away(book: _Book, event: _Event) -> int:
    """Book a spending, a transfer, or points that are taken away."""
    row, member, day = event.row, event.member, event.day
    points = abs(event.points)  # an adjustment that takes points is negative
    if not book.seen[member]:
        return NO_MEMBER
    if points > book.spendable(member):
        return TOO_MANY
    taken = book.take(row, member, day, points)
    if event.kind == SPEND:
        book.taken_by[row] = taken
        book.member_of[row] = member
    if event.kind == TRANSFER:
        book.come_to(row, event.receiver, day)
        for lot, part in taken:
            book.new_lot(row, event.receiver, day, part, day, book.last[lot])
        if book.policy.inactive_months is not None:
            book.ends[event.receiver] = event.inactive
    return DONE


def _reverse(book: _Book, event: _Event) -> int:
    """Reverse an earning or a spending, wholly or in part."""
    refers = event.refers
    if refers < 0:
        return UNKNOWN
    if refers not in book.member_of:
        return NOT_REVERSIBLE
    if book.member_of[refers] != event.member:
        return OTHER_MEMBER
    if refers in book.taken_by:
        return _return_spent(book, event)
    if event.points > book.to_reverse[refers]:
        return REVERSED
    book.to_reverse[refers] -= event.points
    _take_back(book, event, book.lot_of[refers])
    return DONE


def _return_spent(book: _Book, event: _Event) -> int:
    """Give spent points back to their lots, in proportion to what was taken from each."""
    taken = book.taken_by[event.refers]
    parts = [part for _, part in taken]
    if event.points > sum(parts):
        return REVERSED
    back = split_amount(event.points, parts)
    for (lot, _), part in zip(taken, back, strict=True):
        if part:
            book.give_back(event.row, lot, event.day, part)
    book.taken_by[event.refers] = [(lot, whole - part) for (lot, whole), part in zip(taken, back, strict=True)]
    return DONE


def _take_back(book: _Book, event: _Event, lot: int) -> None:
    """Take earned points back: from their lot, then from the others; what is missing follows the policy."""
    row, member, day = event.row, event.member, event.day
    own = min(event.points, book.left[lot])
    usable, last = book.lots[3 * lot + 2], book.last[lot]
    book.left[lot] -= own
    if usable <= day <= last:
        book.ready[member] -= own
    book.write(row, member, lot, day, -own)
    short = event.points - own
    if not short:  # mostly; and a member may have thousands of lots to add up
        return
    others = min(short, max(book.spendable(member), 0))
    book.take(row, member, day, others)
    if short > others:
        book.shortages.extend((row, short - others))
        if book.policy.if_spent == "negative":
            book.owe(row, member, day, short - others)


def _columns(flat: list[int], width: int) -> Integers:
    return np.array(flat, dtype=np.int64).reshape(-1, width).T.copy()
