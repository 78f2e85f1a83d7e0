"""The events of a ledger as whole numbers, what they did, and why some did nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from crmvalue.typing import Integers

__all__ = [
    "ADJUST",
    "DONE",
    "EARN",
    "EXPIRE",
    "KINDS",
    "NOT_REVERSIBLE",
    "NO_MEMBER",
    "OTHER_MEMBER",
    "REASONS",
    "REPEATED",
    "REVERSE",
    "REVERSED",
    "SPEND",
    "TAKEN",
    "TOO_MANY",
    "TRANSFER",
    "UNKNOWN",
    "Booked",
    "Links",
    "Log",
]

KINDS = ("earn", "spend", "expire", "reverse", "adjust", "transfer")
EARN, SPEND, EXPIRE, REVERSE, ADJUST, TRANSFER = range(len(KINDS))

REASONS = (
    "a repeated event",
    "another event has the same identifier",
    "the member has no points yet",
    "more points than the member has",
    "the event to reverse is unknown",
    "the event to reverse is of another member",
    "the event to reverse cannot be reversed",
    "more points than are left to reverse",
)
DONE = -1
REPEATED, TAKEN, NO_MEMBER, TOO_MANY, UNKNOWN, OTHER_MEMBER, NOT_REVERSIBLE, REVERSED = range(len(REASONS))


class Links(NamedTuple):
    """What each row of a ledger is and which rows and members it concerns, as whole numbers; -1 for none."""

    kind: Integers
    member: Integers
    like: Integers
    """First row with the same identifier: the row itself, unless the event is repeated."""
    refers: Integers
    """Row of the event to reverse."""
    receiver: Integers
    """Member who gets the points of a transfer."""


class Log(NamedTuple):
    """Checked events in the order of booking, as whole numbers; -1 for none."""

    row: Integers
    member: Integers
    kind: Integers
    day: Integers
    points: Integers
    refers: Integers
    """Row of the event to reverse."""
    receiver: Integers
    usable: Integers
    last: Integers
    inactive: Integers
    """Last day of the points if this event stays the last activity."""


class Booked(NamedTuple):
    """What the events did: entries, lots, refusals and what reversals could not take."""

    entries: Integers
    """Row of the event, member, lot (-1 for a debt), day, points; shape (5, n)."""
    lots: Integers
    """Member, row of the event, first day, last day; shape (4, n)."""
    refused: Integers
    """Row and number of the reason; shape (2, n)."""
    shortages: Integers
    """Row of the reversal and points that it could not take; shape (2, n)."""
