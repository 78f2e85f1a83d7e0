"""The checks that decide on each message of a run, in their order; the first one that takes a message decides it.

1. duplicate: the message was sent already
   duplicate: the same event was given twice
2. exited: a purchase, or another event that ends the journey, came first
3. missed: an earlier run missed it, and the policy does not catch up on it
4. expired: it is no longer valid
5. suppressed: the customer is on the suppression list
6. control group: the customer is never written to
7. no consent: the customer has agreed to none of the channels
8. cool-down: the journey wrote to the customer a short while ago
9. expired: it is no longer valid when the quiet hours end
10. cool-down: the journey writes to the customer with another message of this run
11. outranked: another journey of its group has the one message of the customer
12. capped: a frequency cap is reached on every channel
13. over budget: on the day of sending no more messages may be sent
14. send

A message that is outranked, capped or over budget is not sent, so it holds back no message after it: it counts for no
cap and begins no cool-down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from crmvalue._core.encoding.customers import is_among, stable_draw
from crmvalue._core.encoding.keys import row_keys
from crmvalue._journeys.planning.caps import apply_caps
from crmvalue._journeys.planning.plan import DECISIONS

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._journeys.data import MessageHistory
    from crmvalue._journeys.planning.caps import Past
    from crmvalue._journeys.planning.policy import Policy
    from crmvalue._journeys.zones import Clocks
    from crmvalue.typing import Dates, Floats, Integers

    Bools = npt.NDArray[np.bool_]
    Decisions = npt.NDArray[np.uint8]

__all__ = ["SEND", "Messages", "Run", "decide"]

SEND = DECISIONS.index("send")
_DUPLICATE = DECISIONS.index("duplicate")
_OPEN = 255


class Messages(NamedTuple):
    """All messages of a run, columns of equal length, by customer, priority and planned moment."""

    row: Integers  # of the customer
    journey: Integers
    step: Integers  # among the labels of all steps
    place: Integers  # among all steps of all journeys
    anchor: Dates
    planned: Dates
    planned_utc: Dates
    expires: Dates
    exited_utc: Dates  # NaT where nothing ended the reason for the message


class Run(NamedTuple):
    """All that the checks look at; what is not said otherwise is a column with one element for each message."""

    today: np.datetime64
    policy: Policy
    history: MessageHistory
    past: Past
    clocks: Clocks
    ids: npt.NDArray[Any]  # the distinct customers
    messages: Messages
    rank: Integers  # place of the customer among `ids`
    group: Integers
    priority: Integers
    exempt: Bools
    purpose: npt.NDArray[np.str_]
    shares_group: Bools
    rest: npt.NDArray[np.timedelta64]  # cool-down
    once: Bools
    late: Bools  # due before the day of the run began
    send: Dates  # local time
    send_utc: Dates
    channels: Integers  # two-dimensional: the allowed channels, the preferred one first; -1 for none
    channel_names: list[str]  # of all journeys


def decide(run: Run) -> tuple[Decisions, Integers]:
    """Decide on all messages; give the decisions as places in `DECISIONS`, and the channel of each sent message."""
    decision = np.full(len(run.send), _OPEN, dtype=np.uint8)
    for word, check in _CHECKS:
        decision[(decision == _OPEN) & check(run, decision)] = DECISIONS.index(word)
    # Each message depends only on messages before it, so the rounds settle; mostly it takes one or two.
    held, lost, open_ = _held(run), np.zeros(len(decision), dtype=bool), decision == _OPEN
    # Under a cap, each message of a journey is decided in its turn, after all before it.
    in_turn = held & ~run.shares_group & ~run.exempt & bool(run.policy.caps)
    whose = np.full(len(decision), -1)
    whose[in_turn] = _customer_and_journey(run, in_turn)
    while True:
        decision[open_] = _OPEN
        decision[_after_another(run, (decision == _OPEN) & held & ~in_turn, lost)] = DECISIONS.index("cool-down")
        outranked = _outranked(run, decision)
        decision[outranked] = DECISIONS.index("outranked")
        used, rests = apply_caps(
            run.policy.caps, run.channel_names, run.channels, run.messages.row, run.send, run.send_utc, run.exempt,
            run.purpose, decision == _OPEN, run.past, lost, whose, run.clocks,
        )  # fmt: skip
        decision[rests] = DECISIONS.index("cool-down")
        capped = (decision == _OPEN) & (used < 0)
        decision[capped] = DECISIONS.index("capped")
        over = _over_budget(run, decision)
        decision[over] = DECISIONS.index("over budget")
        now_lost = (outranked | capped) & held & ~in_turn
        is_over = np.zeros(len(decision), dtype=bool)
        is_over[over] = True
        now_lost |= is_over | _later_on_the_day(run, open_ & held, is_over)
        if np.array_equal(now_lost, lost):
            break
        lost = now_lost
    decision[decision == _OPEN] = SEND
    return decision, used


def _sent_before(run: Run, _: Decisions) -> Bools:
    return run.past.has(run.messages.row, run.group, run.messages.step, run.messages.anchor)


def _given_twice(run: Run, decision: Decisions) -> Bools:
    return _not_first(decision == _OPEN, run.rank, run.messages.journey, run.messages.step, run.messages.anchor)


def _exited(run: Run, _: Decisions) -> Bools:
    exited: Bools = run.messages.exited_utc <= run.send_utc
    return exited


def _missed(run: Run, decision: Decisions) -> Bools:
    if run.policy.catch_up == "all":
        return np.zeros(len(run.late), dtype=bool)
    if run.policy.catch_up == "skip":
        return run.late
    sent_or_open = (decision == _OPEN) | (decision == _DUPLICATE)
    return run.late & _has_later(run, sent_or_open & ~_no_longer_valid(run, decision))


def _no_longer_valid(run: Run, _: Decisions) -> Bools:
    start = run.today.astype("datetime64[s]")
    return np.asarray(np.maximum(run.messages.planned, start) > run.messages.expires)


def _suppressed(run: Run, _: Decisions) -> Bools:
    return is_among(run.ids, run.policy.suppressed)[run.rank]


def _in_control_group(run: Run, decision: Decisions) -> Bools:
    if run.policy.control_share == 0:
        return np.zeros(len(decision), dtype=bool)
    return _draws(run, decision, run.policy.salt) < run.policy.control_share


def _draws(run: Run, decision: Decisions, salt: str) -> Floats:
    """Draw a number in [0, 1) for the customer of each open message; 1 for the others."""
    whose = np.unique(run.rank[decision == _OPEN])
    draw = np.ones(len(run.ids))
    draw[whose] = stable_draw(run.ids[whose], salt)
    return draw[run.rank]


def _without_consent(run: Run, _: Decisions) -> Bools:
    return np.asarray(np.all(run.channels < 0, axis=1))


def _held(run: Run) -> Bools:
    """Tell which messages have a cool-down or come once only."""
    held: Bools = (run.rest > np.timedelta64(0, "D")) | run.once
    return held


def _cooling_down(run: Run, _: Decisions) -> Bools:
    latest = run.past.latest(run.messages.row, run.group)
    free = run.clocks.to_utc(run.messages.row, latest + run.rest)
    soon: Bools = (run.send_utc < free) | (run.once & ~np.isnat(latest))
    soon &= _held(run)
    return soon


def _customer_and_journey(run: Run, rows: Any) -> Integers:
    """Give the pair of a customer and a journey of each of some messages, as a number from 0 on."""
    n_journeys = int(run.messages.journey.max(initial=0)) + 1
    pair = run.rank[rows] * n_journeys + run.messages.journey[rows]
    return np.unique(pair, return_inverse=True)[1].astype(np.int64, copy=False)


def _later_on_the_day(run: Run, held: Bools, over: Bools) -> Bools:
    """Tell which held messages come after one over budget, of the same journey to the same customer on the same day.

    They would be over budget as well, so that none of them has to wait for the one before it to be decided.
    """
    found, mine = np.zeros(len(held), dtype=bool), np.nonzero(held)[0]
    if over[mine].any():
        pair, day = _customer_and_journey(run, mine), run.send[mine].astype("datetime64[D]")
        distinct, key = np.unique(row_keys(pair.astype(np.float64), day.astype(np.float64)), return_inverse=True)
        first = np.full(len(distinct), len(held))
        np.minimum.at(first, key[over[mine]], mine[over[mine]])
        found[mine] = mine > first[key]
    return found


def _after_another(run: Run, open_: Bools, lost: Bools) -> Bools:
    """Tell which of the open messages come after another one of their journey that is sent."""
    mine = np.nonzero(open_)[0]
    place = _customer_and_journey(run, mine)
    first = np.full(int(place.max(initial=-1)) + 1, len(open_))
    sent = ~lost[mine]
    np.minimum.at(first, place[sent], mine[sent])
    found = np.zeros(len(open_), dtype=bool)
    found[mine] = mine > first[place]
    return found


def _outranked(run: Run, decision: Decisions) -> Bools:
    return run.shares_group & _not_first(decision == _OPEN, run.rank, run.group, run.messages.anchor)


def _over_when_sent(run: Run, _: Decisions) -> Bools:
    over: Bools = run.send > run.messages.expires
    return over


_Check: TypeAlias = Callable[[Run, "Decisions"], "Bools"]
_CHECKS: tuple[tuple[str, _Check], ...] = (
    ("duplicate", _sent_before),
    ("duplicate", _given_twice),
    ("exited", _exited),
    ("missed", _missed),
    ("expired", _no_longer_valid),
    ("suppressed", _suppressed),
    ("control group", _in_control_group),
    ("no consent", _without_consent),
    ("cool-down", _cooling_down),
    ("expired", _over_when_sent),
)
"""Checks of each message alone; each tells which messages it takes, given what was decided before."""


def _over_budget(run: Run, decision: Decisions) -> Integers:
    """Find the open messages for which their day of sending has no room."""
    rows = np.nonzero(decision == _OPEN)[0]
    if run.policy.budget is None:
        return rows[:0]
    draw = _draws(run, decision, run.policy.salt + " budget")[rows]
    in_turn = rows[np.lexsort((draw, -run.priority[rows]))]  # then the one due earlier, as they stand
    day, sent_on = run.send[in_turn].astype("datetime64[D]"), run.history.sent_at.astype("datetime64[D]")
    over = [rows[:0]]
    for date in np.unique(day):
        left = max(run.policy.budget - int(np.count_nonzero(sent_on == date)), 0)
        over.append(in_turn[day == date][left:])
    return np.concatenate(over)


def _has_later(run: Run, chosen: Bools) -> Bools:
    """Tell whether one of the chosen messages of the same journey to the same customer was planned later."""
    n_journeys = int(run.messages.journey.max(initial=0)) + 1
    distinct, place = np.unique(run.rank * n_journeys + run.messages.journey, return_inverse=True)
    latest = np.full(len(distinct), -(2**62), dtype=np.int64)
    planned = run.messages.planned_utc.astype(np.int64)  # a clock that goes back shows times again
    np.maximum.at(latest, place[chosen], planned[chosen])
    found: Bools = planned < latest[place]
    return found


def _not_first(open_: Bools, *columns: npt.NDArray[Any]) -> Bools:
    """Tell which open messages have another open one above them that is the same in these columns."""
    rows = np.nonzero(open_)[0]
    key = row_keys(*(column[rows].astype(np.float64) for column in columns))
    _, first = np.unique(key, return_index=True)
    found = np.ones(len(open_), dtype=bool)
    found[rows[first]] = False
    return found & open_
