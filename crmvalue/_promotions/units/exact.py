"""The best groups of lines that promotions on groups share: all of them are looked at, or left out by a bound."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from crmvalue._promotions.prepare import bits
from crmvalue._promotions.units.budget import Budget, OutOfSteps
from crmvalue._promotions.units.greedy import Role, greedy
from crmvalue._promotions.units.groups import Grouping, Groups, LinePrice, Usable, off_unit, rules_of
from crmvalue._promotions.units.moves import Times, is_end, most_times, put, use

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["best_groups", "every_grouping"]

_MANY_UNITS, _MANY_ACTIVES = 2_000, 20
"""Units and promotions above which good groups are looked for before the best ones."""

_MOST_LINES = 200
"""Lines of groups, and different bundles of them, of which all groupings are looked at."""


def best_groups(groups: Groups, price: LinePrice, usable: Usable, budget: Budget) -> Grouping:
    """Find the groups whose lines have the largest discounts together."""
    return _Search(groups, price, usable, budget).run()


def every_grouping(groups: Groups, usable: Usable, budget: Budget) -> Iterator[Grouping]:
    """Give all groupings."""
    yield from _Search(groups, lambda *_: 0, usable, budget).every()


class _Search:
    """The best groups of one part: bundles by branch and bound, all others line by line."""

    def __init__(self, groups: Groups, price: LinePrice, usable: Usable, budget: Budget) -> None:
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
        self.roles = self._roles(usable)
        self.most_of_singles = sum(groups.most_of[active.bit] for active in groups.singles)
        self.plain = {i: price(i, 0, 0) for i in groups.lines}
        self.base = sum(self.plain.values())
        sizes = [bundle.size for bundle in reversed(self.bundles)]
        self.smallest = list(accumulate(sizes, min))[::-1]  # of the bundles from a place on
        self.tops: dict[tuple[int, int, int, int], int] = {}
        self.top = self.base + groups.most
        self.chosen: list[Times] = []
        self.used = dict.fromkeys(groups.lines, 0)
        self.winner: tuple[int, list[Times], tuple[Any, ...]] | None = None
        budget.work(2 * len(self.bundles) + 4 * len(groups.lines))

    def _roles(self, usable: Usable) -> dict[int, list[Role]]:
        """Give what a unit of each line can be: (place of the promotion, role, discount)."""
        roles: dict[int, list[Role]] = {i: [] for i in self.groups.lines}
        n_looked_at = 0
        for place, active in enumerate(self.groups.singles):
            lines, lines_to_get = active.lines, active.lines_to_get
            for i in bits(lines | lines_to_get):
                n_looked_at += 1
                if not usable(active, i):
                    continue
                off = off_unit(self.problem, active, i)
                if lines_to_get:
                    roles[i] += [(place, "buy", 0)] if lines >> i & 1 else []
                    roles[i] += [(place, "get", off)] if lines_to_get >> i & 1 else []
                else:
                    roles[i].append((place, "all", off))
        self.budget.work(n_looked_at)
        return roles

    def run(self) -> Grouping:
        """Search, and give the best groups."""
        groups = self.groups
        many = sum(self.problem.quantity[i] for i in groups.lines) > _MANY_UNITS or len(groups.actives) > _MANY_ACTIVES
        good = self._greedy() if many else None
        if good is not None and good.value >= self.top:
            return good
        try:
            self._search()
        except OutOfSteps:
            self.budget.exceeded = True
            good = self._greedy() if good is None else good
            if good.value >= (self.winner[0] if self.winner else self.base):
                return good
        value, bundles, chain = self.winner or (self.base, [], ())
        return self._grouping(value, bundles, chain)

    def _greedy(self) -> Grouping:
        return greedy(self.groups, self.bundles, self.roles, self.price, self.plain, self.budget)

    def _search(self) -> None:
        """Look through bundles, depth first; the levels are kept here, because there may be thousands."""
        levels = [self._node(0, 0)]
        while levels and (self.winner is None or self.winner[0] < self.top):
            child = next(levels[-1], None)
            if child is None:
                levels.pop()
            else:
                levels.append(self._node(*child))

    def _node(self, first: int, gained: int) -> Iterator[tuple[int, int]]:
        """Look at the bundles that are chosen; give the next level for each bundle that is added, from a place on."""
        chosen, used = self.chosen, self.used
        self.budget.spend(1 + len(chosen) // 8, 2 * len(self.groups.lines))
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
            self.budget.spend(1, len(chosen) // 4)
            for n in range(most_times(self.problem, bundle, chosen, used), 0, -1):
                if self._is_too_little(place, n, gained, rest):
                    break
                use(bundle, used, n)
                chosen.append((bundle, n))
                yield place + 1, gained + n * bundle.total
                chosen.pop()
                use(bundle, used, -n)

    def _is_too_little(self, place: int, n: int, gained: int, rest: int) -> bool:
        """Whether a bundle so often, or less often, with any that follow it, is not better than the best so far."""
        assert self.winner is not None  # noqa: S101 - the bundles before it are one
        bundle, needed = self.bundles[place], self.winner[0] - self.base - gained - self.most_of_singles
        if place + 1 == len(self.bundles):
            return n * bundle.total <= needed
        following, smallest = self.bundles[place + 1].total, self.smallest[place + 1]
        less_is_less = bundle.total * smallest >= following * bundle.size
        return less_is_less and n * bundle.total * smallest + following * (rest - n * bundle.size) <= needed * smallest

    def _most(self, chosen: list[Times], used: dict[int, int]) -> int:
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

    @staticmethod
    def _touched(chosen: list[Times]) -> dict[int, tuple[int, int]]:
        """Give the bundles that touch each line, as bits, and their discount."""
        touched: dict[int, tuple[int, int]] = {}
        for bundle, n in chosen:
            for i in bundle.units:
                mask, off = touched.get(i, (0, 0))
                touched[i] = (mask | bundle.active.bit, off + n * bundle.off[i])
        return touched

    def _with_singles(self, chosen: list[Times], used: dict[int, int]) -> tuple[int, tuple[Any, ...]]:
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
                    self.budget.spend(
                        n % 2, 4 + len(self.roles[i]) + len(self.groups.singles) // 4
                    )  # as it goes, because a line may have a million units
                    gain = value + self.price(i, mask | more_mask, off + more_off)
                    known = following.get(after)
                    if known is None or gain > known[0]:
                        following[after] = (gain, (chain, i, moves) if moves else chain)
            states = following
        ends = [
            (value, chain) for state, (value, chain) in states.items() if all(map(is_end, self.groups.singles, state))
        ]
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
            few = left - sum(rules_of(active)[:2]) + 1 if is_row and place + 1 == len(roles) else 1
            for n in range(max(1, few), left + 1):
                step = put(active, role, each, n, now[which])
                if step is None:
                    break
                state_of, gained = step
                after = (*now[:which], state_of, *now[which + 1 :])
                more = (*moves, (which, n, gained))
                yield from spread(place + 1, left - n, after, mask | active.bit, off + gained, more)

        return spread(0, rest, state, 0, 0, ())

    def _grouping(self, value: int, bundles: list[Times], chain: tuple[Any, ...]) -> Grouping:
        units: dict[int, int] = {}  # of each promotion
        off: dict[tuple[int, int], int] = {}
        times: dict[int, int] = {}

        def add(bit: int, i: int, n: int, gained: int) -> None:
            units[bit] = units.get(bit, 0) + n
            off[bit, i] = off.get((bit, i), 0) + gained

        for bundle, often in bundles:
            times[bundle.active.bit] = times.get(bundle.active.bit, 0) + often
            for i, n in bundle.units.items():
                add(bundle.active.bit, i, often * n, often * bundle.off[i])
        while chain:
            chain, i, moves = chain
            for which, n, gained in moves:
                add(self.groups.singles[which].bit, i, n, gained)
        for active in self.groups.singles:
            buy, get, _ = rules_of(active)
            if units.get(active.bit):
                times[active.bit] = units[active.bit] // (buy + get)
        return Grouping(value, off, times)

    def every(self) -> Iterator[Grouping]:
        """Give all groupings."""
        if len(self.groups.lines) > _MOST_LINES:
            raise OutOfSteps
        yield from self._every(0)

    def _every(self, first: int) -> Iterator[Grouping]:
        start = tuple((0, 0, 0) for _ in self.groups.singles)
        if len(self.chosen) > _MOST_LINES:
            raise OutOfSteps
        yield from self._every_single(self.chosen, self.used, 0, start, ())
        for place in range(first, len(self.bundles)):
            bundle = self.bundles[place]
            for n in range(most_times(self.problem, bundle, self.chosen, self.used), 0, -1):
                use(bundle, self.used, n)
                self.chosen.append((bundle, n))
                yield from self._every(place + 1)
                self.chosen.pop()
                use(bundle, self.used, -n)

    def _every_single(
        self,
        chosen: list[Times],
        used: dict[int, int],
        place: int,
        state: tuple[tuple[int, int, int], ...],
        chain: tuple[Any, ...],
    ) -> Iterator[Grouping]:
        self.budget.spend(1, 20)
        if place == len(self.groups.lines):
            if all(map(is_end, self.groups.singles, state)):
                yield self._grouping(0, chosen, chain)
            return
        i = self.groups.lines[place]
        for after, _, _, moves in self._moves(i, self.problem.quantity[i] - used[i], state):
            yield from self._every_single(chosen, used, place + 1, after, (chain, i, moves) if moves else chain)
