"""Groups of units: buy some and get others, units with a limit, bundles.

A unit is in at most one group. Discounts of groups are taken of prices before all discounts. The units of one
"buy and get" promotion are grouped dearest first, and the cheapest of each group get the discount.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import attrs

from crmvalue._promotions.prepare import TO_PRICE, bits
from crmvalue._promotions.units.listing import Bundle, list_bundles

if TYPE_CHECKING:
    from crmvalue._promotions.prepare import Active, Problem
    from crmvalue._promotions.units.budget import Budget

__all__ = [
    "Grouping",
    "Groups",
    "LinePrice",
    "Usable",
    "group_parts",
    "most_of_groups",
    "most_of_single",
    "off_unit",
    "rewarded",
    "rules_of",
]

LinePrice = Callable[[int, int, int], int]
"""Discount of a line, given the groups that touch it, as bits, and their discount of it."""

Usable = Callable[["Active", int], bool]
"""Whether a promotion may take units of a line."""


class Grouping(NamedTuple):
    """Groups of a cart: their discount for each promotion and line, and how many they are."""

    value: int
    off: dict[tuple[int, int], int]  # (bit, line) -> discount
    times: dict[int, int]  # bit -> number of groups


@attrs.define(eq=False)
class Groups:
    """Promotions on groups of units that share lines, and the lines that they can use."""

    problem: Problem
    actives: list[Active]
    lines: list[int]  # dearest first
    singles: list[Active]  # units, and buy and get
    bundles: list[Bundle]
    complete: bool  # whether all bundles are known
    most: int  # what all of them can take off at most
    most_of: dict[int, int]  # the same of each promotion, by its bit
    touching: dict[int, list[int]]  # promotions that can use units of a line, as bits
    unit_most: dict[int, int]  # what one unit of a line can get at most

    @property
    def n_prices(self) -> int:
        """Promotions of all lines, counted once for each line: the prices that `most_gain` asks for."""
        return sum(map(len, self.touching.values()))

    def most_gain(self, price: LinePrice, *, roughly: bool = False) -> int:
        """Give what groups can add to the discounts of their lines at most, each line seen by itself.

        Roughly, groups hinder no other promotion, so that one price of a line is enough.
        """
        gain = 0
        for i in self.lines:
            plain, most = price(i, 0, 0), self.most_off(i, self.problem.quantity[i])
            masks = [0] if roughly else self.touching[i]
            gain += max([0, *(price(i, mask, most) - plain for mask in masks)])
        return min(gain, self.most)

    def most_off(self, i: int, units: int) -> int:
        """Give what groups can take off units of a line at most."""
        return min(self.problem.price[i], self.unit_most[i]) * units


def group_parts(problem: Problem, actives: list[Active], budget: Budget) -> list[Groups]:
    """Bring promotions on groups together that share lines."""
    parts: list[tuple[int, list[Active]]] = []
    for active in actives:
        lines, members = active.lines | active.lines_to_get, [active]
        rest = []
        for other, others in parts:
            if other & lines:
                lines, members = lines | other, others + members
            else:
                rest.append((other, others))
        parts = [*rest, (lines, members)]
    return [_groups(problem, lines, sorted(members, key=lambda active: active.bit), budget) for lines, members in parts]


def _groups(problem: Problem, lines: int, actives: list[Active], budget: Budget) -> Groups:
    ordered = sorted(bits(lines), key=lambda i: (-problem.price[i], i))
    bundles: list[Bundle] = []
    complete, most_of = True, {}
    singles, partly = [], []
    n_bundles = sum(active.ready.kind == "bundle" for active in actives)
    for active in actives:
        if active.ready.kind == "bundle":
            if active.bundles is None:
                active.bundles = list_bundles(problem, active, ordered, n_bundles, budget)
            found, all_found = active.bundles
            complete = complete and all_found
            bundles += found
            most_of[active.bit] = _most_of_bundles(problem, active, found if all_found else None)
            if not all_found:
                partly.append(active)
        else:
            singles.append(active)
            most_of[active.bit] = most_of_single(problem, active, ordered)
    bundles.sort(key=lambda bundle: (-bundle.total, bundle.active.bit, sorted(bundle.units.items())))
    touching, unit_most = _reach(problem, actives, singles, bundles, ordered)
    for active in partly:
        for i in bits(active.lines):
            unit_most[i] = problem.price[i]  # in a bundle that is not known
    most = sum(most_of.values())
    return Groups(problem, actives, ordered, singles, bundles, complete, most, most_of, touching, unit_most)


def _reach(
    problem: Problem, actives: list[Active], singles: list[Active], bundles: list[Bundle], ordered: list[int]
) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Give the promotions that can use units of each line, and what one unit can get at most."""
    touching: dict[int, list[int]] = {i: [] for i in ordered}
    single = sum(active.bit for active in singles)
    unit_most = dict.fromkeys(ordered, 0)
    for active in actives:
        for i in bits(active.lines | active.lines_to_get):
            touching[i].append(active.bit)
            unit_most[i] = max(unit_most[i], off_unit(problem, active, i) if active.bit & single else 0)
    for bundle in bundles:
        for i, n in bundle.units.items():
            unit_most[i] = max(unit_most[i], -(-bundle.off[i] // n))
    return touching, unit_most


def _most_of_bundles(problem: Problem, active: Active, found: list[Bundle] | None) -> int:
    """Give what bundles can take off at most; None where not all of them are known."""
    units = sum(problem.quantity[i] for i in bits(active.lines))
    if found is not None:
        best = max((bundle.total for bundle in found), default=0)
        smallest = min((bundle.size for bundle in found), default=1)
    else:
        of_set = {lines: max((problem.price[i] for i in bits(lines)), default=0) for lines in {*active.sets}}
        dearest = [of_set[lines] for lines in active.sets]
        best, smallest = sum(dearest), len(dearest)
        if not dearest:
            least = active.ready.sizes["bundle_total"] * problem.scale
            smallest = max(1, -(-least // max(problem.price[i] for i in bits(active.lines))))
        if active.step[0] == TO_PRICE:
            best = max(0, best - active.step[1])
        elif "percent_off" in active.ready.sizes:
            best = sum(problem.rounded(price * active.step[1]) for price in dearest)
        else:
            best = min(best, active.step[1]) if dearest else active.step[1]
    times = units // smallest
    most = best * (times if active.times is None else min(times, active.times))
    return most if active.limit is None else min(most, active.limit)


def most_of_groups(problem: Problem, active: Active) -> int:
    """Give what one promotion on groups can take off at most, before its bundles are listed."""
    if active.ready.kind == "bundle":
        return _most_of_bundles(problem, active, None)
    lines = active.lines | active.lines_to_get
    return most_of_single(problem, active, sorted(bits(lines), key=lambda i: (-problem.price[i], i)))


def most_of_single(problem: Problem, active: Active, ordered: list[int]) -> int:
    """Give what one promotion that is no bundle can take off at most."""
    if active.most is None:
        active.most = _most_of_single(problem, active, ordered)
    return active.most


def _most_of_single(problem: Problem, active: Active, ordered: list[int]) -> int:
    buy, get, lines_to_get = rules_of(active)
    units = sum(problem.quantity[i] for i in ordered if active.lines >> i & 1)
    if lines_to_get:
        times = min(units // buy, sum(problem.quantity[i] for i in bits(lines_to_get)) // get)
        times = times if active.times is None else min(times, active.times)
        most = _most_of_units(problem, active, bits(lines_to_get), times * get)
    elif buy == 0:
        most = _most_of_units(problem, active, bits(active.lines), units if active.times is None else active.times)
    else:
        size = buy + get
        end = size * (units // size if active.times is None else min(units // size, active.times))
        most = place = 0
        for i in ordered:
            if active.lines >> i & 1:
                after = min(place + problem.quantity[i], end)
                n = rewarded(after, buy, size) - rewarded(place, buy, size)
                most, place = most + n * off_unit(problem, active, i), after
    return most if active.limit is None else min(most, active.limit)


def _most_of_units(problem: Problem, active: Active, lines: list[int], n: int) -> int:
    """Give what so many units of some lines get at most: those with the largest discounts."""
    most = 0
    for off, quantity in sorted(((off_unit(problem, active, i), problem.quantity[i]) for i in lines), reverse=True):
        most += off * min(quantity, n)
        n -= min(quantity, n)
    return most


def rules_of(active: Active) -> tuple[int, int, int]:
    """Give units to buy, units to get, and the lines to get them from, where they are others."""
    if active.ready.kind == "units":
        return 0, 1, 0
    promotion = active.ready.promotion
    return promotion.buy, promotion.get, active.lines_to_get


def off_unit(problem: Problem, active: Active, i: int) -> int:
    """Give the discount of one unit that is rewarded."""
    if i not in active.units:
        active.units[i] = _off_unit(problem, active, problem.price[i])
    return active.units[i]


def _off_unit(problem: Problem, active: Active, price: int) -> int:
    if active.step[0] == TO_PRICE:
        return max(0, price - active.step[1])
    if "percent_off" in active.ready.sizes:
        return problem.rounded(price * active.step[1])
    return min(price, active.step[1])


def rewarded(units: int, buy: int, size: int) -> int:
    """Give how many of the first units of a row of groups get the discount."""
    return units // size * (size - buy) + max(0, units % size - buy)
