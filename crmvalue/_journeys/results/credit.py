"""Which order is credited to which message: by code, by the last message, or by a model of `crmvalue.attribution`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np

from crmvalue._core.money import largest_remainder
from crmvalue._journeys.moments import moment
from crmvalue._journeys.results.logs import codes_of, latest_before, places_in
from crmvalue.attribution import AttributionModel, attribute, paths_from_touches
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = [
    "CREDITS",
    "MODELS",
    "Credit",
    "Log",
    "by_code",
    "by_last",
    "credit_by_message",
    "credit_by_model",
    "followed",
]

MODELS = tuple(model for model in get_args(AttributionModel) if model not in {"last", "last_non_direct"})
"""Models that divide an order among several messages; no message is direct, so that rule is the last message."""

CREDITS = ("code", "last", "code or last", *MODELS)

_MOST_PAIRS = 25_000_000  # of a message and a later order: some ten seconds and 2 GB
_MOST_MARKOV = 2000  # rows with messages, as channels in crmvalue.attribution
_PARTS = 20  # groups of customers that show how far a model's credit varies


class Log(NamedTuple):
    """Messages that were sent and orders, with common numbers of customers.

    Their times are local, or instants in UTC where these are known; those on the clock are always local.
    """

    whom: Integers
    sent_at: Dates
    sent_on_clock: Dates
    cell: Integers
    code: npt.NDArray[np.str_]
    who: Integers
    time: Dates
    time_on_clock: Dates
    order_code: npt.NDArray[np.str_] | None
    by_time: Integers  # the messages by customer and time
    days: int


class Credit(NamedTuple):
    """What is credited to each cell, and the units by which it varies: customers, or groups of customers."""

    orders: Floats
    money: list[Integers]  # minor units of each kind of money, by cell
    unit_cell: Integers
    unit_money: Floats  # of the first kind of money
    unit_messages: Integers
    credited: Bools  # of each order


def by_code(log: Log) -> Integers:
    """Find the message whose code each order used; -1 for none.

    It is the last message with this code to the customer. Where somebody else used the code, it is the message with it,
    if only one message has it and was sent before.
    """
    found = np.full(len(log.who), -1, dtype=np.int64)
    if log.order_code is None or not len(log.code):
        return found
    names, code = codes_of(np.concatenate([log.code, log.order_code]))
    held, used = code[: len(log.code)], code[len(log.code) :]
    blank = np.nonzero(names == "")[0]
    empty = blank[0] if len(blank) else -1
    rows = np.nonzero(used != empty)[0]
    if not len(rows) or (held == empty).all():
        return found
    # A customer with a code is one owner: pairs become whole numbers, so that the last message of a pair is found.
    n = len(names)
    asked_for = np.bincount(used[rows], minlength=n) > 0
    mine = np.nonzero(asked_for[held])[0]
    pair, wanted = log.whom[mine] * n + held[mine], log.who[rows] * n + used[rows]
    _, number = np.unique(np.concatenate([pair, wanted]), return_inverse=True)
    owner, asked = number[: len(pair)], number[len(pair) :]
    order = np.lexsort((log.sent_at[mine], owner))
    place = latest_before(owner, log.sent_at[mine], order, asked, log.time[rows])
    if len(mine):
        found[rows] = np.where(place >= 0, mine[place], -1)
    only = np.bincount(held, minlength=n) == 1
    message = np.full(n, -1, dtype=np.int64)
    message[held] = np.arange(len(held))
    other = rows[(found[rows] < 0) & only[used[rows]]]
    theirs = message[used[other]]
    found[other] = np.where(log.sent_at[theirs] <= log.time[other], theirs, -1)
    return found


def by_last(log: Log) -> Integers:
    """Find the last message to the customer before each order, within the days; -1 for none."""
    place = latest_before(log.whom, log.sent_at, log.by_time, log.who, log.time)
    if not len(log.whom):
        return place
    past = log.time_on_clock - log.sent_on_clock[place]
    return np.where(past <= np.timedelta64(log.days * 86_400, "s"), place, -1)


def followed(log: Log) -> Bools:
    """Tell which messages an order of the same customer follows, within the days."""
    if not len(log.who) or not len(log.whom):
        return np.zeros(len(log.whom), dtype=bool)
    order = np.lexsort((log.time, log.who))
    key = moment(log.who[order], log.time[order])
    place = np.minimum(places_in(key, moment(log.whom, log.sent_at)), len(key) - 1)
    first = order[place]
    came: Bools = (log.who[first] == log.whom) & (log.time[first] >= log.sent_at)
    return came & (log.time_on_clock[first] - log.sent_on_clock <= np.timedelta64(log.days * 86_400, "s"))


def credit_by_message(log: Log, message: Integers, money: list[Integers], n_cells: int, n_customers: int) -> Credit:
    """Credit each order to one message."""
    rows = np.nonzero(message >= 0)[0]
    of = message[rows]
    cell = log.cell[of]
    sums = [_whole_sums(cell, part[rows], n_cells) for part in money]
    # What varies is the customer who got the messages: their messages and what is credited to them.
    pair, place = np.unique(log.cell * n_customers + log.whom, return_inverse=True)
    return Credit(
        orders=np.bincount(cell, minlength=n_cells).astype(np.float64),
        money=sums,
        unit_cell=pair // max(n_customers, 1),
        unit_money=np.bincount(place[of], weights=money[0][rows], minlength=len(pair)).astype(np.float64),
        unit_messages=np.bincount(place, minlength=len(pair)),
        credited=message >= 0,
    )


def credit_by_model(log: Log, model: Any, money: list[Integers], n_cells: int) -> Credit:
    """Credit orders to cells by a model; each order that some message reached is credited once in sum."""
    _require_few_pairs(log)
    reached = latest_before(log.whom, log.sent_at, log.by_time, log.who, log.time, log.days) >= 0
    if model == "markov" and reached.any():
        _require_few_rows(log)
    part, part_of_order = log.whom % _PARTS, log.who % _PARTS
    orders, first = np.zeros((_PARTS, n_cells)), np.zeros((_PARTS, n_cells))
    for i in range(_PARTS):
        sold = reached & (part_of_order == i)
        if sold.any():
            orders[i], first[i] = _ask(log, model, part == i, sold, money[0], n_cells)
    everyone, credited = np.ones(len(log.whom), dtype=bool), orders.sum(axis=0)
    if model == "markov" and reached.any():  # its rates are those of all customers, and its money follows the orders
        credited = _ask(log, model, everyone, reached, money[0], n_cells)[0]
        parts = [_split(int(amounts[reached].sum()), credited) for amounts in money]
    else:
        parts = [_split(int(money[0][reached].sum()), first.sum(axis=0))]
        for amounts in money[1:]:
            found = np.zeros(n_cells, dtype=np.int64)
            for sign in (1, -1):  # the door takes no money below 0
                sold = reached & (sign * amounts > 0)
                if sold.any():
                    weight = _ask(log, model, everyone, sold, np.abs(amounts), n_cells)[1]
                    found += _split(int(amounts[sold].sum()), weight)
            parts.append(found)
    cell_part, count = np.unique(log.cell * _PARTS + part, return_counts=True)
    unit_cell = cell_part // _PARTS
    return Credit(
        orders=credited,
        money=parts,
        unit_cell=unit_cell,
        unit_money=first[cell_part % _PARTS, unit_cell],
        unit_messages=count,
        credited=reached,
    )


def _require_few_pairs(log: Log) -> None:
    """Refuse a log in which so many messages come before so many orders that a model would take long.

    They are counted before the parts, each of which has few.
    """
    key = moment(log.whom[log.by_time], log.sent_at[log.by_time])
    since = np.maximum(log.time - np.timedelta64(log.days * 86_400, "s"), np.datetime64("0001-01-01"))
    until = places_in(key, moment(log.who, log.time), side="right")
    n_pairs = int((until - places_in(key, moment(log.who, since))).sum())
    if n_pairs > _MOST_PAIRS:
        rule = f"so short that at most {_MOST_PAIRS:,} messages are within it before an order, counted for each order"
        raise InputError("within_days", rule, log.days, hint=f'there are {n_pairs:,}; or take `credit="last"`')


def _require_few_rows(log: Log) -> None:
    """Refuse more rows with messages than a Markov chain may have."""
    n_rows = len(np.unique(log.cell))
    if n_rows > _MOST_MARKOV:
        rule = f'a split into at most {_MOST_MARKOV:,} rows with messages for credit="markov"'
        raise InputError("by", rule, n_rows, hint='split by fewer names, or take `credit="last"`')


def _ask(log: Log, model: Any, messages: Bools, sold: Bools, money: Integers, n_cells: int) -> tuple[Floats, Floats]:
    """Ask the door for the credit of each cell: orders, and money."""
    names = np.array([f"{i:09d}" for i in range(n_cells)])
    end = max(log.time.max(), log.sent_at.max()) + np.timedelta64((log.days + 1) * 86_400, "s")
    paths = paths_from_touches(
        log.whom[messages],
        names[log.cell[messages]],
        log.sent_at[messages],
        conversion_customer=log.who[sold],
        conversion_time=log.time[sold],
        conversion_value=money[sold].astype(np.float64),
        as_of=end,
        look_back_days=float(log.days),
        reuse_touches=True,
    )
    found = attribute(paths, model=model)
    place = np.array([int(name) for name in found.channels], dtype=np.int64)
    orders, value = np.zeros(n_cells), np.zeros(n_cells)
    orders[place] = found.conversion_credit
    if found.value_credit is not None:
        value[place] = found.value_credit
    return orders, value


def _whole_sums(cell: Integers, amount: Integers, n_cells: int) -> Integers:
    """Add up whole numbers by cell, exactly: floats would lose digits above 2**53."""
    total = np.zeros(n_cells, dtype=np.int64)
    np.add.at(total, cell, amount)
    return total


def _split(total: int, weight: Floats) -> Integers:
    """Split minor units in proportion to weights >= 0, which are taken as the exact numbers that the floats are."""
    ratios = [number.as_integer_ratio() for number in weight.tolist()]
    common = max((below for _, below in ratios), default=1)  # all are powers of two
    parts = largest_remainder(abs(total), [above * (common // below) for above, below in ratios])
    return np.array([-part if total < 0 else part for part in parts], dtype=np.int64)
