"""The incremental effect of messages: customers who were meant to get one, against the control group of the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._core.comparisons import errors_of_means, half_width, newcombe, p_of_means
from crmvalue._core.encoding.keys import row_keys
from crmvalue._journeys.moments import moment
from crmvalue._journeys.planning.plan import DECISIONS
from crmvalue._journeys.results.logs import codes_of, places_in
from crmvalue.metrics import proportion_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._journeys.planning.plan import Plan
    from crmvalue.typing import Dates, Floats, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["Increment", "increments"]

_CONTROL, _DUPLICATE = DECISIONS.index("control group"), DECISIONS.index("duplicate")
_TREATED = tuple(
    DECISIONS.index(word) for word in ("send", "no consent", "cool-down", "outranked", "capped", "over budget")
)
"""Decisions that come after that on the control group: these customers were meant to get the message."""


class Increment(NamedTuple):
    """Treated and control customers of each cell, and how much more the treated did; NaN where nothing is known."""

    n_treated: Integers
    n_control: Integers
    n_treated_converted: Integers
    n_control_converted: Integers
    converted: tuple[Floats, Floats, Floats]  # difference of the shares, low, high
    revenue: tuple[Floats, Floats, Floats, Floats]  # difference per customer in minor units, low, high, p-value
    margin: tuple[Floats, Floats, Floats, Floats]


def increments(
    made: Plan,
    decision: Integers,
    whom: Integers,
    cell: Integers,
    n_cells: int,
    bought: tuple[Integers, Dates, Integers, Integers],
    *,
    days: int,
    end: np.datetime64,
    level: float,
) -> Increment:
    """Compare the customers of each cell with its control group, from the first message of the journey that was due.

    `bought` are customer, time, revenue and margin of each order.
    """
    in_control = decision == _CONTROL
    # That a message expires while it waits for its hours is checked after the control group, so it leaves out both.
    in_time = made.send_time <= made.expires
    # The first message of a customer in a group of journeys: what comes later depends on what the first one did.
    group = codes_of(made.group)[1]
    meant = (in_control | np.isin(decision, _TREATED)) & in_time
    meant = np.nonzero(meant & _in_both(made, decision, group))[0]
    order = meant[np.lexsort((meant, made.run[meant].astype(np.int64), group[meant], whom[meant]))]
    key = row_keys(whom[order].astype(np.float64), group[order].astype(np.float64))
    first = order[np.r_[True, key[1:] != key[:-1]]] if len(order) else order
    start = np.maximum(made.planned[first], made.run[first].astype("datetime64[s]"))
    # A row of several journeys counts a customer once as well, from the first of their messages.
    order = np.lexsort((first, start, cell[first], whom[first]))
    key = row_keys(whom[first[order]].astype(np.float64), cell[first[order]].astype(np.float64))
    order = order[np.r_[True, key[1:] != key[:-1]]] if len(order) else order
    first, start = first[order], start[order]
    over = start + np.timedelta64(days * 86_400, "s")
    known = over <= end
    first, start, over = first[known], start[known], over[known]
    arm, of = in_control[first], cell[first]
    n, revenue, margin = _sums(whom[first], start, over, *bought)
    count = [np.bincount(of[arm == side], minlength=n_cells) for side in (False, True)]
    converted = [np.bincount(of[(arm == side) & (n > 0)], minlength=n_cells) for side in (False, True)]
    return Increment(
        n_treated=count[0],
        n_control=count[1],
        n_treated_converted=converted[0],
        n_control_converted=converted[1],
        converted=_rates(count, converted, np.minimum(*count) > 0, level),
        revenue=_means(revenue, of, arm, n_cells, count, level),
        margin=_means(margin, of, arm, n_cells, count, level),
    )


def _in_both(made: Plan, decision: Integers, group: Integers) -> Bools:
    """Tell which messages customers of both groups could be meant to get within the plan.

    Where a plan goes on from an earlier one, messages due before it begins are open in the control group only, and the
    later steps of a run are due only to those who got the first one.
    """
    if not len(made):
        return np.zeros(0, dtype=bool)
    begin = made.run.min()
    early = made.planned < begin
    sent_before = early & (decision == _DUPLICATE) & (made.run == begin)
    found: Bools = ~(early & np.isin(group, group[sent_before]))
    in_control = (decision == _CONTROL) & found
    words, step = codes_of(made.step)
    pair = group * len(words) + step
    found &= np.isin(pair, pair[in_control]) | ~np.isin(group, group[in_control])
    return found


def _sums(
    whom: Integers, start: Dates, over: Dates, who: Integers, time: Dates, revenue: Integers, margin: Integers
) -> tuple[Integers, Integers, Integers]:
    """Count the orders of each customer from a moment to another one, and add up their money."""
    order = np.lexsort((time, who))
    key = moment(who[order], time[order])
    low, high = places_in(key, moment(whom, start)), places_in(key, moment(whom, over), side="right")
    total = [np.concatenate([[0], np.cumsum(part[order])]) for part in (revenue, margin)]
    return high - low, total[0][high] - total[0][low], total[1][high] - total[1][low]


def _rates(count: list[Any], bought: list[Any], both: Any, level: float) -> tuple[Floats, Floats, Floats]:
    found = np.full((3, len(both)), np.nan)
    if both.any():
        rate = [part[both] / n[both] for part, n in zip(bought, count, strict=True)]
        own = [proportion_interval(part[both], n[both], level=level) for part, n in zip(bought, count, strict=True)]
        found[0, both] = rate[0] - rate[1]
        found[1:, both] = newcombe(rate[0], own[0], rate[1], own[1])
    return found[0], found[1], found[2]


def _means(
    amount: Integers, of: Integers, arm: Any, n_cells: int, count: list[Any], level: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Difference of the means of both arms, its interval and p-value; NaN for an arm of fewer than two customers.

    Ends and p-value are NaN too where no customer differs from another one: nothing shows how the money varies.
    """
    enough = np.minimum(*count) >= 2
    found = np.full((4, n_cells), np.nan)
    mean, variance = [], []
    for side in (False, True):
        mine = arm == side
        n = np.maximum(count[side], 1)
        middle = np.bincount(of[mine], weights=amount[mine], minlength=n_cells) / n
        rest = np.bincount(of[mine], weights=(amount[mine] - middle[of[mine]]) ** 2, minlength=n_cells)
        mean.append(middle)
        variance.append(rest / np.maximum(n - 1, 1) / n)
    difference = mean[0] - mean[1]
    half, p = np.full((2, n_cells), np.nan)
    varies = enough & (variance[0] + variance[1] > 0)
    if varies.any():
        (e1, n1), (e0, n0) = ((np.sqrt(variance[i][varies]), count[i][varies]) for i in (0, 1))
        ways = errors_of_means(e1, n1, e0, n0)
        half[varies], p[varies] = half_width(ways, level), p_of_means(difference[varies], ways)
    found[:, enough] = np.stack([difference, difference - half, difference + half, p])[:, enough]
    return found[0], found[1], found[2], found[3]
