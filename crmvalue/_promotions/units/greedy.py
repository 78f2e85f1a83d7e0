"""Good groups in a time that grows with lines and promotions alone: one promotion after the other.

Any number of units is moved at once. What is found is legal; where it reaches what groups can take off at most, it is
the best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from crmvalue._promotions.units.groups import Grouping, rewarded, rules_of
from crmvalue._promotions.units.moves import State, Times, is_end, most_times, put, use

if TYPE_CHECKING:
    from crmvalue._promotions.prepare import Active
    from crmvalue._promotions.units.budget import Budget
    from crmvalue._promotions.units.groups import Groups, LinePrice
    from crmvalue._promotions.units.listing import Bundle

__all__ = ["Role", "greedy"]

Role: TypeAlias = tuple[int, str, int]
"""What a unit of a line can be: place of the promotion, role, and discount."""

_STATES, _FEW_STATES, _MANY_LINES = 24, 4, 50
"""States of a row of groups that are followed from line to line; fewer of them where there are many lines."""

_MOST_BUNDLES = 5_000
"""Bundles of one promotion that are tried, those that take most off first."""

_States: TypeAlias = "dict[State, tuple[int, tuple[Any, ...]]]"
"""States of a row of groups, with what they take off and the moves that lead to them."""

_Move: TypeAlias = tuple[int, int, int]  # line, units, discount


def greedy(
    groups: Groups,
    bundles: list[Bundle],
    roles: dict[int, list[Role]],
    price: LinePrice,
    plain: dict[int, int],
    budget: Budget,
) -> Grouping:
    """Take the groups of one promotion after the other, of the units that are left, as long as there is work left."""
    found = _Greedy(groups, price, plain, budget)
    of_place: list[dict[int, list[tuple[str, int]]]] = [{} for _ in groups.singles]
    for i, of_line in roles.items():
        for place, role, each in of_line:
            of_place[place].setdefault(i, []).append((role, each))
    of_active: dict[int, list[Bundle]] = {}
    for bundle in bundles:
        of_active.setdefault(bundle.active.bit, []).append(bundle)
    order: list[tuple[int, int, Active]] = []
    for place, active in enumerate(groups.singles):
        order.append((groups.most_of[active.bit], place, active))
    for bit, own in of_active.items():
        most = max(bundle.total * most_times(groups.problem, bundle, [], found.used) for bundle in own[:_MOST_BUNDLES])
        order.append((most, -bit, own[0].active))
    for _, place, active in sorted(order, key=lambda item: (-item[0], item[2].bit)):
        if found.times and budget.is_spent():
            break
        if active.bit in of_active:
            found.take_bundles(of_active[active.bit])
        else:
            found.take_units(active, of_place[place])
    return found.grouping()


class _Greedy:
    """Units that are taken, and what they take off."""

    def __init__(self, groups: Groups, price: LinePrice, plain: dict[int, int], budget: Budget) -> None:
        self.groups = groups
        self.problem = groups.problem
        self.price = price
        self.value = dict(plain)
        self.budget = budget
        self.touched: dict[int, tuple[int, int]] = {}
        self.used = dict.fromkeys(groups.lines, 0)
        self.off: dict[tuple[int, int], int] = {}
        self.times: dict[int, int] = {}

    def grouping(self) -> Grouping:
        """Give what was found."""
        return Grouping(sum(self.value.values()), self.off, self.times)

    def _line(self, i: int, bit: int, off: int) -> int:
        mask, so_far = self.touched.get(i, (0, 0))
        return self.price(i, mask | bit, so_far + off)

    def _take(self, bit: int, moves: list[_Move], times: int) -> None:
        for i, _, off in moves:
            mask, so_far = self.touched.get(i, (0, 0))
            self.touched[i] = (mask | bit, so_far + off)
            self.off[bit, i] = self.off.get((bit, i), 0) + off
        for i in {move[0] for move in moves}:
            self.value[i] = self.price(i, *self.touched[i])
        self.times[bit] = self.times.get(bit, 0) + times

    def take_bundles(self, bundles: list[Bundle]) -> None:
        """Take each bundle as often as the cart allows, the largest discount of a unit first."""
        chosen: list[Times] = []
        few = sorted(bundles[:_MOST_BUNDLES], key=lambda bundle: -bundle.total / bundle.size)
        self.budget.work(2 * len(few))
        for bundle in few:
            if any(self.problem.quantity[i] - self.used[i] < n for i, n in bundle.units.items()):
                continue
            self.budget.work(4 * len(bundle.units) + len(chosen) // 4)
            n = most_times(self.problem, bundle, chosen, self.used)
            bit = bundle.active.bit
            if n and sum(self._line(i, bit, n * off) - self.value[i] for i, off in bundle.off.items()) > 0:
                use(bundle, self.used, n)
                chosen.append((bundle, n))
                self._take(bit, [(i, n * units, n * bundle.off[i]) for i, units in bundle.units.items()], n)

    def take_units(self, active: Active, roles: dict[int, list[tuple[str, int]]]) -> None:
        """Put units into the groups of one promotion, line by line; only the best states go on."""
        lines = [i for i in self.groups.lines if i in roles and self.used[i] < self.problem.quantity[i]]
        if not lines:
            return
        times = self._most_groups(active, roles)
        if len(lines) > _MANY_LINES and active.times is not None and not active.lines_to_get:
            lines = self._enough(active, roles, lines, times)
        width = _STATES if len(lines) <= _MANY_LINES else _FEW_STATES
        states: _States = {(0, 0, 0): (0, ())}
        for i in lines:
            self.budget.work(8 * len(states))
            if self.times and self.budget.is_spent():
                break  # what is found so far is legal
            following = self._following(active, i, roles[i], states, times)
            best = sorted(following.items(), key=lambda item: -item[1][0])
            states = dict(best[:width])
            ends = (item for item in best if is_end(active, item[0]))
            states.update([next(ends)])  # the start is one, which is never left out
        gain, chain = max((item for state, item in states.items() if is_end(active, state)), key=lambda item: item[0])
        if gain <= 0:
            return
        moves: list[_Move] = []
        while chain:
            chain, i, n, off = chain
            moves.append((i, n, off))
            self.used[i] += n
        buy, get, _ = rules_of(active)
        self._take(active.bit, moves, sum(n for _, n, _ in moves) // (buy + get))

    def _following(self, active: Active, i: int, roles: list[tuple[str, int]], states: _States, times: int) -> _States:
        """Give the states after a line, also without its units, each with the most that leads to it."""
        following = dict(states)
        gains: dict[int, int] = {}  # of a discount of the line, which many states share
        for state, (gain, chain) in states.items():
            for after, moved, off in self._moves(active, i, roles, state, times):
                if off not in gains:
                    gains[off] = self._line(i, active.bit, off) - self.value[i]
                more = gain + gains[off]
                if after not in following or more > following[after][0]:
                    following[after] = (more, (chain, i, moved, off))
        return following

    def _enough(
        self, active: Active, roles: dict[int, list[tuple[str, int]]], lines: list[int], times: int
    ) -> list[int]:
        """Give twice as many units as so many groups need, the dearest whose lines can still get a discount."""
        buy, get, _ = rules_of(active)
        needed = {"all": times * (buy + get), "buy": times * buy, "get": times * get}
        left = {role: 2 * n for role, n in needed.items()}
        kept = []
        for i in lines:
            has_room = self.value[i] < self.problem.largest[i]
            wanted = [
                role
                for role, each in roles[i]
                if left[role] > 0 and (role == "buy" or (has_room and (active.limit is None or each <= active.limit)))
            ]
            for role in wanted:
                left[role] -= self.problem.quantity[i] - self.used[i]
            if wanted:
                kept.append(i)
        found = {role for own in roles.values() for role, _ in own}
        return kept if all(left[role] <= needed[role] for role in found) else lines

    def _most_groups(self, active: Active, roles: dict[int, list[tuple[str, int]]]) -> int:
        buy, get, _ = rules_of(active)
        left = {
            role: sum(self.problem.quantity[i] - self.used[i] for i, own in roles.items() if role in dict(own))
            for role in ("all", "buy", "get")
        }
        most = left["all"] // (buy + get) if left["all"] else min(left["buy"] // max(buy, 1), left["get"] // get)
        return most if active.times is None else min(most, active.times)

    def _moves(
        self, active: Active, i: int, roles: list[tuple[str, int]], state: State, times: int
    ) -> list[tuple[State, int, int]]:
        """Give states after some units of a line, with the units and their discount."""
        rest = self.problem.quantity[i] - self.used[i]
        found = []
        for place, (role, each) in enumerate(roles):
            for n in _numbers(active, role, each, rest, state, times):
                step = put(active, role, each, n, state)
                if step is None:
                    continue
                found.append((step[0], n, step[1]))
                for other, more in roles[place + 1 :]:  # a line to buy of and to get of
                    for m in _numbers(active, other, more, rest - n, step[0], times):
                        second = put(active, other, more, m, step[0])
                        if second is not None:
                            found.append((second[0], n + m, step[1] + second[1]))
        return found


def _numbers(active: Active, role: str, each: int, rest: int, state: State, times: int) -> set[int]:
    """Give numbers of units to look at: as many as possible, and those that complete groups."""
    buy, get, _ = rules_of(active)
    units, got, total = state
    if role == "all":
        size = buy + get
        most = rest if active.times is None else min(rest, size * active.times - units)
        if active.limit is not None and each:
            rewards = rewarded(units, buy, size) + (active.limit - total) // each
            most = min(most, rewards // get * size + buy + rewards % get - units)
        found = {*range(max(1, most - size + 1), most + 1)} if size < 4 else {most, most - (units + most) % size}
    elif role == "buy":
        found = {min(rest, buy * times), min(rest, buy * -(-got // get) - units), rest - rest % buy}
    else:
        most = rest if active.limit is None or not each else min(rest, (active.limit - total) // each)
        found = {min(most, get * times), min(most, units // buy * get - got), most - most % get}
    return {n for n in found if 0 < n <= rest}
