"""The cheapest choice: branch and bound over promotions of the order, in parts of the cart that do not interact."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

import attrs

from crmvalue._promotions.groups import Budget, Grouping, OutOfSteps, group_parts
from crmvalue._promotions.prepare import bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crmvalue._promotions.prepare import Active, Problem
    from crmvalue._promotions.pricing import LineBest, Pricer

__all__ = ["Choice", "cheapest", "together"]

_STEPS_OF_FEW = 1_000
"""Steps for each small search where the whole one was given up."""

_MOST_TOGETHER = 20
"""Promotions that are then tried together."""

_MOST_WAYS = 512
"""Ways to leave promotions of lines out of which all are tried; more make the result unproven."""


@attrs.define(eq=False)
class Choice:
    """A choice of promotions for a cart, or for a part of it."""

    value: int  # discount of all lines, with what gifts count
    order: int = 0  # promotions of the order, as bits
    groupings: list[Grouping] = attrs.field(factory=list)
    lines: dict[int, LineBest] = attrs.field(factory=dict)
    most: int = 0  # no choice is worth more

    def promotions(self) -> int:
        """Give all promotions of the choice, as bits."""
        mask = self.order
        for grouping in self.groupings:
            for bit in grouping.times:
                mask |= bit
        for line in self.lines.values():
            mask |= line.chosen
        return mask


def cheapest(pricer: Pricer, budget: Budget) -> Choice:
    """Find the best choice of a whole cart: promotions that apply alone against all others together."""
    alone = [active for active in pricer.problem.active if active.ready.promotion.alone]
    others = [active for active in pricer.problem.active if not active.ready.promotion.alone]
    best = together(pricer, others, budget)
    for active in alone:
        choice = together(pricer, [active], budget)
        most = max(best.most, choice.most)
        if _is_better(pricer, choice, best):
            best = choice
        best.most = most
    return best


def _is_better(pricer: Pricer, one: Choice, other: Choice) -> bool:
    """Whether a choice takes more off, or the same and comes first."""
    if one.value != other.value:
        return one.value > other.value
    return pricer.rank(one.promotions()) < pricer.rank(other.promotions())


def together(pricer: Pricer, actives: list[Active], budget: Budget) -> Choice:
    """Find the best choice among promotions, part by part."""
    best = Choice(0)
    before, pricer.members = pricer.members, sum(active.bit for active in actives)
    for lines, members in _parts(pricer.problem, actives):
        choice = _Part(pricer, lines, members, budget).run()
        best.value += choice.value
        best.most += choice.most
        best.order |= choice.order
        best.groupings += choice.groupings
        best.lines.update(choice.lines)
    pricer.members = before
    return best


def _parts(problem: Problem, actives: list[Active]) -> list[tuple[int, list[Active]]]:
    """Bring lines together that a promotion or a cap connects, with their promotions."""
    parts: list[tuple[int, list[Active]]] = [(1 << i, []) for i in range(len(problem.quantity))]
    links: list[tuple[int, list[Active]]] = [(lines, []) for lines, _ in problem.nodes]
    joining = [active for active in actives if active.ready.kind not in {"line", "delivery"}]
    links += [(active.lines | active.lines_to_get, [active]) for active in joining]
    for lines, members in links:
        touched = [part for part in parts if part[0] & lines]
        parts = [part for part in parts if not part[0] & lines]
        joined = lines
        for other, others in touched:
            joined |= other
            members = members + others  # noqa: PLW2901 - it gathers
        parts.append((joined, members))
    singles = [active for active in actives if active.ready.kind == "line"]
    parts = [(lines, members + [a for a in singles if a.lines & lines]) for lines, members in parts]
    deliveries = [active for active in actives if active.ready.kind == "delivery"]
    return [*parts, (0, deliveries)] if deliveries else parts


class _Part:
    """Lines that interact, and the promotions on them."""

    def __init__(self, pricer: Pricer, lines: int, members: list[Active], budget: Budget) -> None:
        self.pricer = pricer
        self.problem = pricer.problem
        self.lines = bits(lines)
        self.budget = budget
        self.line_members = [active for active in members if active.ready.kind == "line"]
        self.members = 0
        for active in members:
            self.members |= active.bit
        self.rates = pricer.rates
        self.shared = sum(a.bit for a in members if a.ready.kind == "money") & ~pricer.rates
        order = [a for a in members if a.ready.kind in {"rate", "money", "gift", "delivery"}]
        self.order = sorted(order, key=self._most_of, reverse=True)
        self.groups = group_parts(self.problem, [a for a in members if a.ready.kind in {"units", "buy_get", "bundle"}])
        self.complete = all(groups.complete for groups in self.groups)
        self.touching = [sum(a.bit for a in self.order if a.lines >> i & 1) for i in range(len(self.problem.quantity))]
        largest = self.problem.largest
        self.ceiling = pricer.under_nodes([most if lines >> i & 1 else 0 for i, most in enumerate(largest)])
        self.winner: Choice | None = None
        self._seen: set[int] = set()
        self._grouped: dict[tuple[int, tuple[int, ...]], Grouping] = {}

    def _most_of(self, active: Active) -> tuple[int, int]:
        if active.bit & self.pricer.rates:
            most = sum(self.pricer.off(i, self.problem.amount[i], active.step) for i in bits(active.lines))
        else:
            most = self.pricer.size(active)
        return (most, -active.bit)

    def run(self, *, give_up: bool = False) -> Choice:
        """Search all sets of promotions of the order in which each combines with each."""
        if not self.order and not self.groups:
            choice = self._choice(0, [])
            choice.most = choice.value if self.pricer.complete else max(choice.value, self._bound(0, 0))
            return choice
        try:
            for active in (None, *self.order):  # a good choice at the start leaves much out
                self._look_at(active.bit if active else 0)
            self._branch(0, 0)
            done = self.complete and self.pricer.complete and not self.budget.exceeded
        except OutOfSteps:
            done = False
            if self.winner is None:
                self.winner = self._evaluate(0, simple=True)
        assert self.winner is not None  # noqa: S101 - the empty set is a choice too
        if not done and not give_up and self.budget.used > self.budget.limit:
            self._try_few()
        top = 0 if done else self._bound(0, sum(active.bit for active in self.order))
        self.winner.most = max(top, self.winner.value)
        return self.winner

    def _try_few(self) -> None:
        """Look at each promotion of the order or of groups by itself, and then at the best ones together.

        So a search that was given up is not dearer than any of them.
        """
        found: list[tuple[int, Active]] = []
        for active in [*self.order, *(active for groups in self.groups for active in groups.actives)]:
            choice = self._of_few([active])
            found.append((choice.value, active))
            self._keep(choice)
        together: list[Active] = []
        best = -1
        for _, active in sorted(found, key=lambda pair: (-pair[0], pair[1].bit))[:_MOST_TOGETHER]:
            choice = self._of_few([*together, active])
            if choice.value > best:
                best = choice.value
                together.append(active)
                self._keep(choice)

    def _of_few(self, actives: list[Active]) -> Choice:
        """Find a good choice of these promotions of the order or of groups, with all of single lines."""
        lines = sum(1 << i for i in self.lines)
        others = [active for active in self.line_members if active not in actives]
        few = _Part(self.pricer, lines, [*actives, *others], Budget(_STEPS_OF_FEW))
        return few.run(give_up=True)

    def _keep(self, choice: Choice) -> None:
        if self.winner is None or _is_better(self.pricer, choice, self.winner):
            self.winner = choice

    def _branch(self, place: int, chosen: int) -> None:
        self.budget.spend(1 + self.pricer.sets_seen())
        if self.winner is not None:
            rest = sum(a.bit for a in self.order[place:] if not a.bad & chosen & self._meeting(a))
            if self._bound(chosen, rest) < self.winner.value:
                return
        if place == len(self.order):
            self._look_at(chosen)
            return
        active = self.order[place]
        if not active.bad & chosen & self._meeting(active):
            self._branch(place + 1, chosen | active.bit)
        self._branch(place + 1, chosen)

    def _look_at(self, chosen: int) -> None:
        if chosen not in self._seen:
            self._seen.add(chosen)
            n_shared = (chosen & self.shared).bit_count()
            self.budget.spend(n_shared * n_shared // 4)  # what a flow costs
            choice = self._evaluate(chosen)
            if self.winner is None or _is_better(self.pricer, choice, self.winner):
                self.winner = choice

    def _meeting(self, active: Active) -> int:
        """Give the promotions of the order that share a line with one."""
        mask = 0
        for other in self.order:
            if other.lines & active.lines or (active.ready.kind == other.ready.kind == "delivery"):
                mask |= other.bit
        return mask

    def _bound(self, chosen: int, rest: int) -> int:
        """Give what no choice with these promotions of the order, and some of the rest, can exceed.

        Each line takes the best of the rest for itself, and what lines share is added as a whole, up to what caps and
        prices allow.
        """
        touching, most, rates = self.touching, self.pricer.most_of_line, self.rates

        def price(i: int, mask: int, off: int) -> int:
            here = chosen & touching[i]
            return most(i, here & rates, rest & touching[i], here | mask, off)

        given = [a for a in self.order if a.bit & (chosen | rest) and not a.bit & rates]
        shared = sum(self.pricer.size(a) for a in given if a.bit & self.shared)
        beside = sum(self.pricer.size(a) for a in given if not a.bit & self.shared)
        lines = sum(price(i, 0, 0) for i in self.lines) + sum(g.most_gain(price) for g in self.groups) + shared
        return min(lines, self.ceiling) + beside

    def _evaluate(self, order: int, *, simple: bool = False) -> Choice:
        """Find the best groups and lines for a set of promotions of the order."""
        groupings = [] if simple else [self._group(place, order) for place in range(len(self.groups))]
        choice = self._choice(order, groupings)
        if self.groups and not simple and not self._is_sum_of_lines(choice):
            for other in self._all_groupings(order):
                candidate = self._choice(order, other)
                if _is_better(self.pricer, candidate, choice):
                    choice = candidate
        return choice

    def _is_sum_of_lines(self, choice: Choice) -> bool:
        """Whether no cap, and no amount that lines share, made the discount smaller than its parts."""
        shared = (a for a in self.order if a.bit & choice.order and not a.bit & self.rates)
        return choice.value >= sum(line.taken for line in choice.lines.values()) + sum(map(self.pricer.size, shared))

    def _usable(self, order: int) -> Callable[[Active, int], bool]:
        return lambda active, i: not active.bad & order & self.touching[i]

    def _price(self, order: int) -> Callable[[int, int, int], int]:
        best_line, touching, rates = self.pricer.best_line, self.touching, self.rates & order
        return lambda i, mask, off: best_line(i, rates & touching[i], (order & touching[i]) | mask, off).taken

    def _group(self, place: int, order: int) -> Grouping:
        groups = self.groups[place]
        key = (place, tuple(order & self.touching[i] for i in groups.lines))
        if key not in self._grouped:
            self._grouped[key] = groups.best(self._price(order), self._usable(order), self.budget)
        return self._grouped[key]

    def _all_groupings(self, order: int) -> list[list[Grouping]]:
        found: list[list[Grouping]] = [[]]
        for groups in self.groups:
            every = list(groups.every(self._usable(order), self.budget))
            self.budget.spend(len(found) * len(every))
            found = [[*start, grouping] for start in found for grouping in every]
        return found

    def _choice(self, order: int, groupings: list[Grouping]) -> Choice:
        touched: dict[int, tuple[int, int]] = {}
        for grouping in groupings:
            for (bit, i), off in grouping.off.items():
                mask, so_far = touched.get(i, (0, 0))
                touched[i] = (mask | bit, so_far + off)
        lines = {}
        for i in self.lines:
            mask, off = touched.get(i, (0, 0))
            here = order & self.touching[i]
            lines[i] = self.pricer.best_line(i, here & self.rates, here | mask, off)
        choice = Choice(self.pricer.total(order, lines), order, groupings, lines)
        return self._with_less_on_lines(choice, touched) if order & self.pricer.of_rest else choice

    def _with_less_on_lines(self, choice: Choice, touched: dict[int, tuple[int, int]]) -> Choice:
        """Try fewer promotions on lines where shared amounts of what is left may then take more than these did."""
        order, others = choice.order, {}
        for i, line in choice.lines.items():
            mask, off = touched.get(i, (0, 0))
            here = order & self.touching[i]
            found, all_found = self.pricer.with_less(i, here, here | mask, off, line)
            self.budget.exceeded = self.budget.exceeded or not all_found
            if found:
                others[i] = [line, *found]
        n_ways = prod(map(len, others.values()))
        if n_ways <= _MOST_WAYS:
            self.budget.spend(n_ways // 4)
            ways = (dict(zip(others, way, strict=True)) for way in product(*others.values()))
            return self._best_of(choice, ways)
        self.budget.exceeded = True
        for i, some in others.items():  # line by line, where there are too many ways
            choice = self._best_of(choice, ({i: line} for line in some))
        return choice

    def _best_of(self, choice: Choice, ways: Iterable[dict[int, LineBest]]) -> Choice:
        for way in ways:
            lines = {**choice.lines, **way}
            other = Choice(self.pricer.total(choice.order, lines), choice.order, choice.groupings, lines)
            if _is_better(self.pricer, other, choice):
                choice = other
        return choice
