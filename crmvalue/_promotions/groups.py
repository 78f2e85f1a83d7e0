"""Groups of units: buy some and get others, units with a limit, bundles.

A unit is in at most one group. Discounts of groups are taken of prices before all discounts. The units of one
"buy and get" promotion are grouped dearest first, and the cheapest of each group get the discount.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from crmvalue._core.money import split_limited
from crmvalue._promotions.prepare import TO_PRICE, bits

if TYPE_CHECKING:
    from crmvalue._promotions.prepare import Active, Problem

__all__ = ["Budget", "Bundle", "Grouping", "Groups", "OutOfSteps", "group_parts"]

LinePrice = Callable[[int, int, int], int]
"""Discount of a line, given the groups that touch it, as bits, and their discount of it."""

_MOST_BUNDLES = 20_000
"""Different bundles of one promotion that are looked at; more make the result unproven."""

_MOST_OF_ALL = 100_000
"""The same for all promotions that share lines."""

_FEW_BUNDLES = 2_000
"""Bundles of one promotion that are looked at where there are more."""


class OutOfSteps(Exception):  # noqa: N818 - it ends a search and is no error
    """The search has reached its limit."""


@attrs.define
class Budget:
    """Steps of a search, counted."""

    limit: int
    used: int = 0
    exceeded: bool = False  # whether a result is the best so far only

    def spend(self, steps: int = 1) -> None:
        """Count steps; raise where there are too many."""
        self.used += steps
        if self.used > self.limit:
            raise OutOfSteps


class Bundle(NamedTuple):
    """Units that form one bundle, and what each line gets."""

    active: Active
    units: dict[int, int]
    off: dict[int, int]
    total: int
    size: int


class Grouping(NamedTuple):
    """Groups of a cart: units in them and their discount, for each promotion and line."""

    value: int
    units: dict[tuple[int, int], int]  # (bit, line) -> units in groups
    off: dict[tuple[int, int], int]  # (bit, line) -> discount
    times: dict[int, int]  # bit -> number of groups


NOTHING = Grouping(0, {}, {}, {})


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
    touching: dict[int, list[int]]  # promotions that can use units of a line, as bits
    unit_most: dict[int, int]  # what one unit of a line can get at most

    def most_gain(self, price: LinePrice) -> int:
        """Give what groups can add to the discounts of their lines at most, each line seen by itself."""
        gain = 0
        for i in self.lines:
            plain, most = price(i, 0, 0), self.most_off(i, self.problem.quantity[i])
            gain += max([0, *(price(i, bit, most) - plain for bit in self.touching[i])])
        return min(gain, self.most)

    def most_off(self, i: int, units: int) -> int:
        """Give what groups can take off units of a line at most."""
        return min(self.problem.price[i], self.unit_most[i]) * units

    def best(self, price: LinePrice, usable: Callable[[Active, int], bool], budget: Budget) -> Grouping:
        """Find the groups whose lines have the largest discounts together."""
        return _Search(self, price, usable, budget).run()

    def every(self, usable: Callable[[Active, int], bool], budget: Budget) -> Iterator[Grouping]:
        """Give all groupings."""
        yield from _Search(self, lambda *_: 0, usable, budget).every()


def group_parts(problem: Problem, actives: list[Active]) -> list[Groups]:
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
    return [_groups(problem, lines, sorted(members, key=lambda active: active.bit)) for lines, members in parts]


def _groups(problem: Problem, lines: int, actives: list[Active]) -> Groups:
    ordered = sorted(bits(lines), key=lambda i: (-problem.price[i], i))
    bundles: list[Bundle] = []
    complete, most = True, 0
    singles, partly = [], []
    n_bundles = sum(active.ready.kind == "bundle" for active in actives)
    for active in actives:
        if active.ready.kind == "bundle":
            if active.bundles is None:
                active.bundles = _bundles(problem, active, ordered, min(_MOST_BUNDLES, _MOST_OF_ALL // n_bundles))
            found, all_found = active.bundles
            complete = complete and all_found
            bundles += found
            most += _most_of_bundles(problem, active, found if all_found else None)
            if not all_found:
                partly.append(active)
        else:
            singles.append(active)
            most += _most_of_single(problem, active, ordered)
    bundles.sort(key=lambda bundle: (-bundle.total, bundle.active.bit, sorted(bundle.units.items())))
    touching, unit_most = _reach(problem, actives, singles, bundles, ordered)
    for active in partly:
        for i in bits(active.lines):
            unit_most[i] = problem.price[i]  # in a bundle that is not known
    return Groups(problem, actives, ordered, singles, bundles, complete, most, touching, unit_most)


def _reach(
    problem: Problem, actives: list[Active], singles: list[Active], bundles: list[Bundle], ordered: list[int]
) -> tuple[dict[int, list[int]], dict[int, int]]:
    """Give the promotions that can use units of each line, and what one unit can get at most."""
    touching: dict[int, list[int]] = {i: [] for i in ordered}
    unit_most = dict.fromkeys(ordered, 0)
    for active in actives:
        for i in bits(active.lines | active.lines_to_get):
            touching[i].append(active.bit)
            unit_most[i] = max(unit_most[i], _off_unit(problem, active, i) if active in singles else 0)
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
        dearest = [max((problem.price[i] for i in bits(lines)), default=0) for lines in active.sets]
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


def _most_of_single(problem: Problem, active: Active, ordered: list[int]) -> int:
    buy, get, lines_to_get = _rules(active)
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
                n = _rewarded(after, buy, size) - _rewarded(place, buy, size)
                most, place = most + n * _off_unit(problem, active, i), after
    return most if active.limit is None else min(most, active.limit)


def _most_of_units(problem: Problem, active: Active, lines: list[int], n: int) -> int:
    """Give what so many units of some lines get at most: those with the largest discounts."""
    most = 0
    for off, quantity in sorted(((_off_unit(problem, active, i), problem.quantity[i]) for i in lines), reverse=True):
        most += off * min(quantity, n)
        n -= min(quantity, n)
    return most


def _rules(active: Active) -> tuple[int, int, int]:
    """Units to buy, units to get, and the lines to get them from, where they are others."""
    if active.ready.kind == "units":
        return 0, 1, 0
    promotion = active.ready.promotion
    return promotion.buy, promotion.get, active.lines_to_get


def _off_unit(problem: Problem, active: Active, i: int) -> int:
    """Discount of one unit that is rewarded."""
    price = problem.price[i]
    if active.step[0] == TO_PRICE:
        return max(0, price - active.step[1])
    if "percent_off" in active.ready.sizes:
        return problem.rounded(price * active.step[1])
    return min(price, active.step[1])


def _bundles(problem: Problem, active: Active, ordered: list[int], most: int) -> tuple[list[Bundle], bool]:
    """Give the different bundles of a promotion that take something off, and whether these are all."""
    found: dict[tuple[tuple[int, int], ...], Bundle] = {}

    def add(lines: list[int], most: int) -> bool:
        """Look at so many bundles of these lines, and say whether these are all."""
        n_seen = 0
        for units in islice(_members(problem, active, lines), most):
            n_seen += 1
            key = tuple(sorted(units.items()))
            if key not in found:
                off = _off_bundle(problem, active, key)
                if sum(off.values()):
                    found[key] = Bundle(active, dict(key), off, sum(off.values()), sum(units.values()))
        return n_seen < most

    ordered = [i for i in ordered if active.lines >> i & 1]
    complete = add(ordered, most)
    if not complete:  # some of each line, so that no line is left out
        found.clear()
        for start in range(len(ordered)):
            add(ordered[start:], max(1, _FEW_BUNDLES // len(ordered)))
    return list(found.values()), complete


def _members(problem: Problem, active: Active, ordered: list[int]) -> Iterator[dict[int, int]]:
    """Give the units of each bundle; some come twice."""
    if active.sets:
        yield from _of_sets(problem, active.sets, ordered)
    else:
        lines = [i for i in ordered if active.lines >> i & 1 and problem.price[i]]
        yield from _of_total(problem, active.ready.sizes["bundle_total"] * problem.scale, lines)


def _of_sets(problem: Problem, sets: tuple[int, ...], ordered: list[int]) -> Iterator[dict[int, int]]:
    used: dict[int, int] = {}

    def add(place: int, first: int) -> Iterator[dict[int, int]]:
        if place == len(sets):
            yield {i: n for i, n in used.items() if n}
            return
        same = place > 0 and sets[place] == sets[place - 1]  # equal sets take lines in one order
        for rank in range(first if same else 0, len(ordered)):
            i = ordered[rank]
            if sets[place] >> i & 1 and used.get(i, 0) < problem.quantity[i]:
                used[i] = used.get(i, 0) + 1
                yield from add(place + 1, rank)
                used[i] -= 1

    yield from add(0, 0)


def _of_total(problem: Problem, least: int, lines: list[int]) -> Iterator[dict[int, int]]:
    """Give units, dearest first, of which the last one brings them to the total: none of them can be left out."""
    used: dict[int, int] = {}

    def add(rank: int, total: int) -> Iterator[dict[int, int]]:
        for place in range(rank, len(lines)):
            i = lines[place]
            if used.get(i, 0) < problem.quantity[i]:
                used[i] = used.get(i, 0) + 1
                if total + problem.price[i] >= least:
                    yield {j: n for j, n in used.items() if n}
                else:
                    yield from add(place, total + problem.price[i])
                used[i] -= 1

    yield from add(0, 0)


def _off_bundle(problem: Problem, active: Active, units: tuple[tuple[int, int], ...]) -> dict[int, int]:
    """Discount of each line of a bundle: an amount is shared in proportion to the prices."""
    if "percent_off" in active.ready.sizes:
        return {i: n * problem.rounded(problem.price[i] * active.step[1]) for i, n in units}
    prices = [n * problem.price[i] for i, n in units]
    total = sum(prices)
    off = max(0, total - active.step[1]) if active.step[0] == TO_PRICE else min(total, active.step[1])
    return {i: part for (i, _), part in zip(units, split_limited(off, prices, prices), strict=True)}


class _Search:
    """The best groups of one part: bundles by branch and bound, all others line by line."""

    def __init__(self, groups: Groups, price: LinePrice, usable: Callable[[Active, int], bool], budget: Budget) -> None:
        self.groups = groups
        self.problem = groups.problem
        self.price = price
        self.budget = budget
        self.bundles = [b for b in groups.bundles if all(usable(b.active, i) for i in b.units)]
        self.of_bundles: dict[int, tuple[int, int]] = {}  # line -> what a unit gets at most, and bundles as bits
        for bundle in self.bundles:
            for i, n in bundle.units.items():
                most, mask = self.of_bundles.get(i, (0, 0))
                self.of_bundles[i] = (max(most, -(-bundle.off[i] // n)), mask | bundle.active.bit)
        self.roles = {i: self._roles_of(i, usable) for i in groups.lines}
        self.most_of_singles = sum(_most_of_single(self.problem, a, groups.lines) for a in groups.singles)
        self.plain = {i: price(i, 0, 0) for i in groups.lines}
        self.base = sum(self.plain.values())
        sizes = [bundle.size for bundle in reversed(self.bundles)]
        self.smallest = list(accumulate(sizes, min))[::-1]  # of the bundles from a place on
        self.tops: dict[tuple[int, int, int, int], int] = {}
        self.winner: tuple[int, list[Bundle], tuple[Any, ...]] | None = None

    def _roles_of(self, i: int, usable: Callable[[Active, int], bool]) -> list[tuple[int, str, int]]:
        """Give what a unit of a line can be: (place of the promotion, role, discount)."""
        roles = []
        for place, active in enumerate(self.groups.singles):
            off = _off_unit(self.problem, active, i)
            if not usable(active, i):
                continue
            if active.lines_to_get:
                roles += [(place, "buy", 0)] if active.lines >> i & 1 else []
                roles += [(place, "get", off)] if active.lines_to_get >> i & 1 else []
            elif active.lines >> i & 1:
                roles.append((place, "all", off))
        return roles

    def run(self) -> Grouping:
        """Search, and give the best groups."""
        try:
            self._add([], 0, dict.fromkeys(self.groups.lines, 0), 0)
        except OutOfSteps:
            self.budget.exceeded = True
        value, bundles, chain = self.winner or (self.base, [], ())
        return self._grouping(value, bundles, chain)

    def _add(self, chosen: list[Bundle], first: int, used: dict[int, int], gained: int) -> None:
        self.budget.spend(1 + len(chosen) // 8)
        value, chain = self._with_singles(chosen, used)
        if self.winner is None:  # without bundles, others take off most
            self.most_of_singles = min(self.most_of_singles, value - self.base)
        if self.winner is None or value > self.winner[0]:
            self.winner = (value, list(chosen), chain)
        if first < len(self.bundles) and self._most(chosen, used) <= self.winner[0]:
            return
        rest = sum(self.problem.quantity[i] - n for i, n in used.items())
        for place in range(first, len(self.bundles)):
            bundle = self.bundles[place]
            more = bundle.total * (rest // self.smallest[place])
            if self.base + gained + self.most_of_singles + more <= self.winner[0]:
                break
            self.budget.spend()
            for n in self._as_often_as_possible(bundle, chosen, used):
                self._add(chosen, place + 1, used, gained + n * bundle.total)

    def _as_often_as_possible(self, bundle: Bundle, chosen: list[Bundle], used: dict[int, int]) -> Iterator[int]:
        """Take a bundle as often as the cart allows, then once less, down to once; leave all as it was."""
        n = 0
        while self._allowed(bundle, chosen, used):
            self.budget.spend()
            self._use(bundle, used, 1)
            chosen.append(bundle)
            n += 1
        while n:
            yield n
            chosen.pop()
            self._use(bundle, used, -1)
            n -= 1

    def _most(self, chosen: list[Bundle], used: dict[int, int]) -> int:
        """Give what the lines can get at most with these bundles and any groups of the units left.

        Either each line takes the best that it can get; or bundles add it to the lines of their own, and their whole
        discount to the lines of others, on top of the best of the others.
        """
        touched = self._touched(chosen)
        by_line, on_top = 0, self.base + self.most_of_singles
        for i, n in used.items():
            mask, off = touched.get(i, (0, 0))
            rest = self.problem.quantity[i] - n
            by_line += self._top_of_line(i, mask, off, rest)
            if i in self.of_bundles:
                on_top += self._of_bundles(i, mask, off, rest)
        return min(by_line, on_top)

    def _of_bundles(self, i: int, mask: int, off: int, rest: int) -> int:
        """Give what bundles can add to a line at most: alone on it, or beside a group that takes a unit."""
        key = (i, mask, off, ~rest)
        if key not in self.tops:
            each, bundles = self.of_bundles[i]
            more = off + each * rest
            others = [self.price(i, mask | 1 << place, more) for place in bits(bundles)] if rest else []
            alone = max([self.price(i, mask, off), *others]) - self.plain[i]
            beside = off + each * (rest - 1) if self.roles[i] and rest else alone
            self.tops[key] = max(alone, beside)
        return self.tops[key]

    def _top_of_line(self, i: int, mask: int, off: int, rest: int) -> int:
        key = (i, mask, off, rest)
        if key not in self.tops:
            more = off + self.groups.most_off(i, rest)
            others = [self.price(i, mask | bit, more) for bit in self.groups.touching[i]] if rest else []
            self.tops[key] = max([self.price(i, mask, off), *others])
        return self.tops[key]

    def _allowed(self, bundle: Bundle, chosen: list[Bundle], used: dict[int, int]) -> bool:
        active = bundle.active
        if any(used[i] + n > self.problem.quantity[i] for i, n in bundle.units.items()):
            return False
        if active.times is None and active.limit is None:
            return True
        same = [other for other in chosen if other.active is active]
        if active.times is not None and len(same) >= active.times:
            return False
        return active.limit is None or sum(other.total for other in same) + bundle.total <= active.limit

    @staticmethod
    def _use(bundle: Bundle, used: dict[int, int], sign: int) -> None:
        for i, n in bundle.units.items():
            used[i] += sign * n

    def _touched(self, chosen: list[Bundle]) -> dict[int, tuple[int, int]]:
        """Give the bundles that touch each line, as bits, and their discount."""
        touched: dict[int, tuple[int, int]] = {}
        for bundle in chosen:
            for i in bundle.units:
                mask, off = touched.get(i, (0, 0))
                touched[i] = (mask | bundle.active.bit, off + bundle.off[i])
        return touched

    def _with_singles(self, chosen: list[Bundle], used: dict[int, int]) -> tuple[int, tuple[Any, ...]]:
        """Find the best groups of all but bundles on the units that bundles leave."""
        touched = self._touched(chosen)
        if not self.groups.singles:
            value = self.base + sum(self.price(i, *at) - self.plain[i] for i, at in touched.items())
            return value, ()
        start = tuple((0, 0, 0) for _ in self.groups.singles)
        states: dict[tuple[tuple[int, int, int], ...], tuple[int, tuple[Any, ...]]] = {start: (0, ())}
        for i in self.groups.lines:
            mask, off = touched.get(i, (0, 0))
            rest = self.problem.quantity[i] - used[i]
            following: dict[tuple[tuple[int, int, int], ...], tuple[int, tuple[Any, ...]]] = {}
            for state, (value, chain) in states.items():
                self.budget.spend()
                for n, (after, more_mask, more_off, moves) in enumerate(self._moves(i, rest, state)):
                    self.budget.spend(n % 2)  # as it goes, because a line may have a million units
                    gain = value + self.price(i, mask | more_mask, off + more_off)
                    known = following.get(after)
                    if known is None or gain > known[0]:
                        following[after] = (gain, (chain, i, moves) if moves else chain)
            states = following
        ends = [(value, chain) for state, (value, chain) in states.items() if self._is_end(state)]
        return max(ends, key=lambda end: end[0])

    def _moves(
        self, i: int, rest: int, state: tuple[tuple[int, int, int], ...]
    ) -> Iterator[tuple[tuple[tuple[int, int, int], ...], int, int, tuple[tuple[int, int, int], ...]]]:
        """Give what units of a line can do: the state after it, promotions, discount, and (promotion, units, off)."""
        roles = self.roles[i]

        def spread(
            place: int, left: int, now: tuple[tuple[int, int, int], ...], mask: int, off: int,
            moves: tuple[tuple[int, int, int], ...],
        ) -> Iterator[tuple[tuple[tuple[int, int, int], ...], int, int, tuple[tuple[int, int, int], ...]]]:  # fmt: skip
            if place == len(roles):
                yield now, mask, off, moves
                return
            yield from spread(place + 1, left, now, mask, off, moves)
            which, role, each = roles[place]
            active = self.groups.singles[which]
            # Of numbers that fill a row of groups to the same place, the largest is the best for the last role.
            is_row = active.times is None and active.limit is None and not active.lines_to_get
            few = left - sum(_rules(active)[:2]) + 1 if is_row and place + 1 == len(roles) else 1
            for n in range(max(1, few), left + 1):
                step = self._step(active, role, each, n, now[which])
                if step is None:
                    break
                state_of, gained = step
                after = (*now[:which], state_of, *now[which + 1 :])
                more = (*moves, (which, n, gained))
                yield from spread(place + 1, left - n, after, mask | active.bit, off + gained, more)

        return spread(0, rest, state, 0, 0, ())

    @staticmethod
    def _step(
        active: Active, role: str, each: int, n: int, state: tuple[int, int, int]
    ) -> tuple[tuple[int, int, int], int] | None:
        """Put n more units into the groups of a promotion; None where that is too much.

        A state is units (to buy), units to get, and the discount so far where it is limited. Whole groups are taken out
        of it where their number does not matter.
        """
        buy, get, lines_to_get = _rules(active)
        units, got, total = state
        if lines_to_get:
            units, got = (units + n, got) if role == "buy" else (units, got + n)
            gained = each * n if role == "get" else 0
            if active.times is not None and (units > buy * active.times or got > get * active.times):
                return None
            if active.times is None:
                whole = min(units // buy, got // get)
                units, got = units - whole * buy, got - whole * get
        else:
            size = buy + get
            gained = each * (_rewarded(units + n, buy, size) - _rewarded(units, buy, size))
            units += n
            if active.times is not None and units > size * active.times:
                return None
            if active.times is None:
                units %= size
        if active.limit is not None:
            total += gained
            if total > active.limit:
                return None
        return (units, got, total), gained

    def _is_end(self, state: tuple[tuple[int, int, int], ...]) -> bool:
        """Whether all groups are complete."""
        for active, (units, got, _) in zip(self.groups.singles, state, strict=True):
            buy, get, lines_to_get = _rules(active)
            if lines_to_get:
                if units % buy or got % get or units // buy != got // get:
                    return False
            elif units % (buy + get):
                return False
        return True

    def _grouping(self, value: int, bundles: list[Bundle], chain: tuple[Any, ...]) -> Grouping:
        units: dict[tuple[int, int], int] = {}
        off: dict[tuple[int, int], int] = {}
        times: dict[int, int] = {}

        def put(bit: int, i: int, n: int, gained: int) -> None:
            units[bit, i] = units.get((bit, i), 0) + n
            off[bit, i] = off.get((bit, i), 0) + gained

        for bundle in bundles:
            times[bundle.active.bit] = times.get(bundle.active.bit, 0) + 1
            for i, n in bundle.units.items():
                put(bundle.active.bit, i, n, bundle.off[i])
        while chain:
            chain, i, moves = chain
            for which, n, gained in moves:
                put(self.groups.singles[which].bit, i, n, gained)
        for active in self.groups.singles:
            buy, get, _ = _rules(active)
            total = sum(n for (bit, _), n in units.items() if bit == active.bit)
            if total:
                times[active.bit] = total // (buy + get)
        return Grouping(value, units, off, times)

    def every(self) -> Iterator[Grouping]:
        """Give all groupings."""
        yield from self._every([], 0, dict.fromkeys(self.groups.lines, 0))

    def _every(self, chosen: list[Bundle], first: int, used: dict[int, int]) -> Iterator[Grouping]:
        start = tuple((0, 0, 0) for _ in self.groups.singles)
        yield from self._every_single(chosen, used, 0, start, ())
        for place in range(first, len(self.bundles)):
            for _ in self._as_often_as_possible(self.bundles[place], chosen, used):
                yield from self._every(chosen, place + 1, used)

    def _every_single(
        self,
        chosen: list[Bundle],
        used: dict[int, int],
        place: int,
        state: tuple[tuple[int, int, int], ...],
        chain: tuple[Any, ...],
    ) -> Iterator[Grouping]:
        self.budget.spend()
        if place == len(self.groups.lines):
            if self._is_end(state):
                yield self._grouping(0, chosen, chain)
            return
        i = self.groups.lines[place]
        for after, _, _, moves in self._moves(i, self.problem.quantity[i] - used[i], state):
            yield from self._every_single(chosen, used, place + 1, after, (chain, i, moves) if moves else chain)


def _rewarded(units: int, buy: int, size: int) -> int:
    """Of the first units of a row of groups, those that get the discount."""
    return units // size * (size - buy) + max(0, units % size - buy)
