"""The bundles of a promotion: which units form one, and what each line of it gets."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from crmvalue._core.money import split_limited
from crmvalue._promotions.prepare import TO_PRICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crmvalue._promotions.prepare import Active, Problem
    from crmvalue._promotions.units.budget import Budget

__all__ = ["Bundle", "list_bundles"]

_MOST_BUNDLES = 20_000
"""Different bundles of one promotion that are looked at; more make the result unproven."""

_MOST_OF_ALL = 5 * _MOST_BUNDLES
"""The same for all promotions that share lines: so five of them are listed in full, and more in equal parts."""

_FEW_BUNDLES = _MOST_BUNDLES // 10
"""Bundles of one promotion that are looked at from each line on where there are more, so that each line has some."""

_FEWEST_BUNDLES = 20
"""The same where the work of the search is used up: one from each of 20 lines, spread over the cart."""

_MOST_IN_TURN = 60
"""Bundles of the dearest units that are left, which are looked at beside these."""

_TRIES_A_BUNDLE = 50
"""Units that are tried for each bundle that is looked for, also where they form none: a bundle has 20 units at most."""


class Bundle(NamedTuple):
    """Units that form one bundle, and what each line gets."""

    active: Active
    units: dict[int, int]
    off: dict[int, int]
    total: int
    size: int


class _TooMany(Exception):  # noqa: N818 - it ends a list and is no error
    """There are more bundles, or more ways to none, than are looked at."""


def list_bundles(
    problem: Problem, active: Active, ordered: list[int], n_promotions: int, budget: Budget
) -> tuple[list[Bundle], bool]:
    """Give the different bundles of a promotion that take something off, and whether these are all.

    `ordered` are the lines, dearest first; `n_promotions` have bundles of the same lines.
    """
    ordered = [i for i in ordered if active.lines >> i & 1]
    most = min(_MOST_BUNDLES, _MOST_OF_ALL // n_promotions)
    found: dict[tuple[tuple[int, int], ...], Bundle] = {}
    of_set = {mask: [rank for rank, i in enumerate(ordered) if mask >> i & 1] for mask in {*active.sets}}
    ranks = [of_set[mask] for mask in active.sets]
    budget.work(2 * len(ordered) * len(of_set) // 16)
    is_late = budget.is_for_search()
    if not is_late and _list(problem, active, ordered, ranks, 0, most, found, budget):
        return list(found.values()), True
    found.clear()  # some of each line, so that no line is left out
    few = _FEWEST_BUNDLES if is_late else _FEW_BUNDLES
    starts = range(0, len(ordered), -(-len(ordered) // few) if is_late else 1)
    for start in starts:
        _list(problem, active, ordered, ranks, start, max(1, few // len(starts)), found, budget)
    if active.sets:  # and some that use up the units of all lines, so that they can be taken one after the other
        n_seen = 0
        for units in _in_turn(problem, ordered, ranks):
            n_seen += 1
            _keep(problem, active, units, found)
        budget.work((25 + 2 * len(ranks)) * n_seen)
    return list(found.values()), False


def _list(
    problem: Problem,
    active: Active,
    ordered: list[int],
    ranks: list[list[int]],
    start: int,
    most: int,
    found: dict[tuple[tuple[int, int], ...], Bundle],
    budget: Budget,
) -> bool:
    """Look at so many bundles of the lines from a place on, and say whether these are all."""
    n_tried = n_seen = 0

    def tried() -> None:
        nonlocal n_tried
        n_tried += 1
        if n_tried > _TRIES_A_BUNDLE * most:
            raise _TooMany

    try:
        for units in _members(problem, active, ordered, ranks, start, tried):
            n_seen += 1
            _keep(problem, active, units, found)
            if n_seen >= most:
                return False
    except _TooMany:
        return False
    finally:
        budget.work(20 + n_tried + (25 + 2 * len(ranks)) * n_seen)
    return True


def _keep(
    problem: Problem, active: Active, units: dict[int, int], found: dict[tuple[tuple[int, int], ...], Bundle]
) -> None:
    """Add a bundle to those that are found, unless it is there or takes nothing off."""
    key = tuple(sorted(units.items()))
    if key not in found:
        off = _off_bundle(problem, active, key)
        if sum(off.values()):
            found[key] = Bundle(active, dict(key), off, sum(off.values()), sum(units.values()))


def _in_turn(problem: Problem, ordered: list[int], ranks: list[list[int]]) -> Iterator[dict[int, int]]:
    """Give bundles of the dearest units that are left, each taken as often as it can be; small sets choose first."""
    left = [problem.quantity[i] for i in ordered]
    for _ in range(_MOST_IN_TURN):
        used: dict[int, int] = {}
        for own in sorted(ranks, key=len):
            rank = next((rank for rank in own if left[rank] > used.get(rank, 0)), None)
            if rank is None:
                return
            used[rank] = used.get(rank, 0) + 1
        times = min(left[rank] // n for rank, n in used.items())
        for rank, n in used.items():
            left[rank] -= n * times
        yield {ordered[rank]: n for rank, n in used.items()}


def _members(
    problem: Problem,
    active: Active,
    ordered: list[int],
    ranks: list[list[int]],
    start: int,
    tried: Callable[[], None],
) -> Iterator[dict[int, int]]:
    """Give the units of each bundle, to be read before the next one is asked for; some come twice."""
    if active.sets:
        yield from _of_sets(problem, active.sets, ordered, ranks, start, tried)
    else:
        lines = [i for i in ordered[start:] if problem.price[i]]
        yield from _of_total(problem, active.ready.sizes["bundle_total"] * problem.scale, lines, tried)


def _of_sets(
    problem: Problem,
    sets: tuple[int, ...],
    ordered: list[int],
    ranks: list[list[int]],
    start: int,
    tried: Callable[[], None],
) -> Iterator[dict[int, int]]:
    used: dict[int, int] = {}

    def add(place: int, first: int) -> Iterator[dict[int, int]]:
        if place == len(sets):
            yield used
            return
        same = place > 0 and sets[place] == sets[place - 1]  # equal sets take lines in one order
        own = ranks[place]
        for at in range(bisect_left(own, max(start, first) if same else start), len(own)):
            rank = own[at]
            i = ordered[rank]
            if used.get(i, 0) >= problem.quantity[i]:
                continue
            tried()
            used[i] = used.get(i, 0) + 1
            yield from add(place + 1, rank)
            used[i] -= 1
            if not used[i]:
                del used[i]

    yield from add(0, 0)


def _of_total(problem: Problem, least: int, lines: list[int], tried: Callable[[], None]) -> Iterator[dict[int, int]]:
    """Give units, dearest first, of which the last one brings them to the total: none of them can be left out."""
    worth = [problem.price[i] * problem.quantity[i] for i in lines]
    behind = [*accumulate(reversed(worth), initial=0)][::-1]  # of the lines from a place on
    used: dict[int, int] = {}

    def numbers(place: int, need: int) -> Iterator[tuple[int, int]]:
        """Give units of a line, as many as possible first, and what others still have to cost."""
        price, quantity = problem.price[lines[place]], problem.quantity[lines[place]]
        fewest = max(0, -(-(need - behind[place + 1]) // price))
        for n in range(min(quantity, -(-need // price)), fewest - 1, -1):
            yield n, need - n * price

    levels = [numbers(0, least)] if lines and behind[0] >= least else []
    while levels:
        tried()
        place = len(levels) - 1
        n, need = next(levels[-1], (-1, 0))
        used.pop(lines[place], None)
        if n < 0:
            levels.pop()
            continue
        if n:
            used[lines[place]] = n
        if need <= 0:
            yield used
        elif place + 1 < len(lines):
            levels.append(numbers(place + 1, need))


def _off_bundle(problem: Problem, active: Active, units: tuple[tuple[int, int], ...]) -> dict[int, int]:
    """Discount of each line of a bundle: an amount is shared in proportion to the prices."""
    if "percent_off" in active.ready.sizes:
        return {i: n * problem.rounded(problem.price[i] * active.step[1]) for i, n in units}
    prices = [n * problem.price[i] for i, n in units]
    total = sum(prices)
    off = max(0, total - active.step[1]) if active.step[0] == TO_PRICE else min(total, active.step[1])
    return {i: part for (i, _), part in zip(units, split_limited(off, prices, prices), strict=True)}
