"""The cheapest choice: branch and bound over promotions of the order, in parts of the cart that do not interact."""

from __future__ import annotations

from itertools import accumulate, product
from math import prod
from operator import or_
from typing import TYPE_CHECKING

import attrs

from crmvalue._promotions.prepare import bits
from crmvalue._promotions.units.budget import Budget, OutOfSteps
from crmvalue._promotions.units.exact import best_groups, every_grouping
from crmvalue._promotions.units.groups import Grouping, group_parts, most_of_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crmvalue._promotions.prepare import Active
    from crmvalue._promotions.pricing import LineBest, Pricer

__all__ = ["Choice", "cheapest", "together"]

_STEPS_OF_FEW = 1_000
"""Steps for each small search where the whole one was given up."""

_MOST_TOGETHER = 20
"""Promotions that are then tried together."""

_FEW_LINES = 60
"""Lines up to which these small searches see all of them; on more, each sees those of its promotions."""

_FEW_SHARES = 2_000
"""Lines times amounts that they share of which one choice more is priced after the search."""

_MANY_PRICES = 20_000
"""Promotions on groups times lines, above which what they can add at most is found roughly after the search."""

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
    most_of = {active.bit: _most_alone(pricer, active) for active in alone}
    for active in sorted(alone, key=lambda active: -most_of[active.bit]):
        if most_of[active.bit] < best.value:
            break
        if budget.is_spent() and len(pricer.problem.quantity) > _FEW_LINES and not budget.is_for_single():
            best.most = max(best.most, most_of[active.bit])  # which is the most of those that follow too
            break
        choice = together(pricer, [active], budget)
        if choice.most > max(choice.value, best.value):
            single = _by_itself(pricer, active, budget)
            choice = single if single is not None and single.value > choice.value else choice
        most = max(best.most, choice.most)
        if _is_better(pricer, choice, best):
            best = choice
        best.most = most
    return best


def _by_itself(pricer: Pricer, active: Active, budget: Budget) -> Choice | None:
    """Find what a cart costs that has no other promotion, with as many steps; None where no work is left for this."""
    if not budget.is_for_single():
        return None
    single = Budget(budget.limit, of_one=True)
    known, active.bundles = active.bundles, None  # of which fewer are listed where there are others
    before, pricer.budget = pricer.budget, single
    choice = together(pricer, [active], single)
    budget.count_single(single)
    active.bundles, pricer.budget = known, before
    return choice


def _most_alone(pricer: Pricer, active: Active) -> int:
    """Give what a promotion can take off at most where no other one is."""
    problem, most = pricer.problem, list(pricer.problem.largest)
    if active.ready.kind in {"gift", "delivery"}:
        return pricer.size(active)
    lines = active.lines | active.lines_to_get
    each = active.ready.kind in {"line", "rate"} or active.bit & pricer.free
    for i, largest in enumerate(most):
        if not lines >> i & 1:
            most[i] = 0
        elif each:
            most[i] = min(largest, pricer.off(i, problem.amount[i], active.step))
    if each:
        size = sum(most)
    elif active.ready.kind == "money":
        size = pricer.size(active)
    else:
        size = most_of_groups(problem, active)
    return min(size, pricer.under_nodes(most))


def _is_better(pricer: Pricer, one: Choice, other: Choice) -> bool:
    """Whether a choice takes more off, or the same and comes first."""
    if one.value != other.value:
        return one.value > other.value
    return pricer.rank(one.promotions()) < pricer.rank(other.promotions())


def together(pricer: Pricer, actives: list[Active], budget: Budget) -> Choice:
    """Find the best choice among promotions, part by part."""
    best = Choice(0, lines=dict(pricer.untouched))
    before, pricer.members = pricer.members, sum(active.bit for active in actives)
    budget.work(4 * len(best.lines))
    for lines, members in _parts(pricer, actives):
        if not members:
            continue
        choice = _Part(pricer, lines, members, budget).run()
        best.value += choice.value
        best.most += choice.most
        best.order |= choice.order
        best.groupings += choice.groupings
        best.lines.update(choice.lines)
    pricer.members = before
    return best


def _parts(pricer: Pricer, actives: list[Active]) -> list[tuple[int, list[Active]]]:
    """Bring lines together that a promotion or a cap connects, with their promotions."""
    parts: list[tuple[int, list[Active]]] = [(lines, []) for lines in pricer.apart]
    joining = [active for active in actives if active.ready.kind not in {"line", "delivery"}]
    links = [(active.lines | active.lines_to_get, [active]) for active in joining]
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
        pricer.budget = budget
        self.rates = pricer.rates
        self.shared = sum(a.bit for a in members if a.ready.kind == "money") & ~pricer.rates
        order = [a for a in members if a.ready.kind in {"rate", "money", "gift", "delivery"}]
        self.order = sorted(order, key=self._most_of, reverse=True)
        self.groups = group_parts(
            self.problem, [a for a in members if a.ready.kind in {"units", "buy_get", "bundle"}], budget
        )
        self.complete = all(groups.complete for groups in self.groups)
        self.touching = dict.fromkeys(self.lines, 0)
        for active in self.order:
            for i in bits(active.lines):
                self.touching[i] |= active.bit
        self.blocks = self._blocks()
        self.from_place = [*accumulate((a.bit for a in reversed(self.order)), or_, initial=0)][::-1]
        self._ceiling: int | None = None
        self.winner: Choice | None = None
        self._seen: set[int] = set()
        self._grouped: dict[tuple[int, tuple[int, ...]], Grouping] = {}

    def _most_of(self, active: Active) -> tuple[int, int]:
        if active.bit & self.pricer.rates:
            most = sum(self.pricer.off(i, self.problem.amount[i], active.step) for i in bits(active.lines))
        else:
            most = self.pricer.size(active)
        return (most, -active.bit)

    def _blocks(self) -> dict[int, int]:
        """Give the promotions of the order that may not be with each: they do not combine, and meet on a line."""
        mask, deliveries = 0, 0
        for active in self.order:
            mask |= active.bit
            deliveries |= active.bit if active.ready.kind == "delivery" else 0
        found = {}
        for active in self.order:
            meeting, bad = 0, active.bad & mask
            if bad:
                for i in bits(active.lines):
                    meeting |= self.touching[i]
                    if bad & ~meeting == 0:
                        break
                meeting |= deliveries if active.bit & deliveries else 0
            found[active.bit] = bad & meeting
        return found

    def run(self, *, give_up: bool = False) -> Choice:
        """Search all sets of promotions of the order in which each combines with each."""
        if not self.order and not self.groups:
            choice = self._choice(0, [])
            choice.most = choice.value if self.pricer.complete else max(choice.value, self._bound(0, 0))
            return choice
        try:
            for active in (None, *self.order):  # a good choice at the start leaves much out
                self._look_at(active.bit if active else 0)
            self._branch()
            done = self.complete and self.pricer.complete and not self.budget.exceeded
        except OutOfSteps:
            done = False
            if self.winner is None:
                self.winner = self._evaluate(0, simple=True)
        assert self.winner is not None  # noqa: S101 - the empty set is a choice too
        if give_up:
            return self.winner
        top = 0 if done else self._bound(0, sum(active.bit for active in self.order))
        if not done and self.budget.is_over():
            self._try_few(top)
            self._try_by_itself()
        self.winner.most = max(top, self.winner.value)
        return self.winner

    def _try_few(self, top: int) -> None:
        """Look at each promotion of the order or of groups by itself, and then at the best ones together.

        So a search that was given up is not dearer than any of them. Where a short search of one was given up too, it
        has as many steps as the whole one in the end. No choice is worth more than `top`.
        """
        assert self.winner is not None  # noqa: S101 - the caller has one
        plain = self._choice(0, []).value
        most = {active.bit: self._most_of(active)[0] for active in self.order}
        in_groups = [(groups, active) for groups in self.groups for active in groups.actives]
        most |= {active.bit: groups.most_of[active.bit] for groups, active in in_groups}
        actives = [*self.order, *(active for _, active in in_groups)]
        found: list[tuple[int, Active]] = []
        too_short: list[Active] = []
        for active in sorted(actives, key=lambda active: (-most[active.bit], active.bit)):
            if plain + most[active.bit] < self.winner.value and len(found) >= _MOST_TOGETHER:
                break
            if found and self.budget.is_spent() and len(self.lines) > _FEW_LINES:
                break
            choice, is_all = self._of_few([active])
            found.append((choice.value, active))
            too_short += [] if is_all else [active]
            self._keep(choice)
        chosen = blocked = 0  # and as many of the order as combine, those that take most off first
        for active in self.order:
            too_much = active.bit & self.shared and len(self.lines) * (chosen & self.shared).bit_count() > _FEW_SHARES
            if not (active.bit & blocked or too_much):
                chosen, blocked = chosen | active.bit, blocked | self.blocks[active.bit]
        self._keep(self._evaluate(chosen, simple=True))
        together: list[Active] = []
        best = -1
        for _, active in sorted(found, key=lambda pair: (-pair[0], pair[1].bit))[:_MOST_TOGETHER]:
            if together and self.budget.is_spent():
                break
            choice, _ = self._of_few([*together, active])
            if choice.value > best:
                best = choice.value
                together.append(active)
                self._keep(choice)
        if self.budget.limit > _STEPS_OF_FEW:
            self._try_longer([active for active in too_short if plain + most[active.bit] > self.winner.value], top)
        self.pricer.budget = self.budget

    def _try_longer(self, actives: list[Active], top: int) -> None:
        """Look at each promotion by itself again, as long as there is work left and a better choice may be found."""
        for active in actives:
            if self.budget.is_spent() or (self.winner is not None and self.winner.value >= top):
                break
            self._keep(self._of_few([active], self.budget.limit)[0])

    def _try_by_itself(self) -> None:
        """Look at each promotion as if there were no other one, where it may be better; add those of lines."""
        assert self.winner is not None  # noqa: S101 - the caller has one
        actives = [*self.order, *(active for groups in self.groups for active in groups.actives)]
        if not self.budget.is_for_single() or len(self.pricer.problem.active) == 1:
            return
        most = {active.bit: _most_alone(self.pricer, active) for active in actives}
        for active in sorted(actives, key=lambda active: (-most[active.bit], active.bit)):
            if most[active.bit] <= self.winner.value:
                break
            found = _by_itself(self.pricer, active, self.budget)
            if found is None:
                break
            lines = {i: found.lines[i] for i in self.lines}
            self._keep(Choice(found.value, found.order, found.groupings, lines))
            self._keep(self._choice(found.order, found.groupings))

    def _of_few(self, actives: list[Active], steps: int = _STEPS_OF_FEW) -> tuple[Choice, bool]:
        """Find a good choice of these promotions of the order or of groups, with all of single lines.

        Say also whether the search was long enough.
        """
        lines = sum(1 << i for i in self.lines)
        others = [active for active in self.line_members if active not in actives]
        small = self.budget.small(steps)
        if len(self.lines) <= _FEW_LINES:
            choice = _Part(self.pricer, lines, [*actives, *others], small).run(give_up=True)
            return choice, not (small.exceeded or small.is_over())
        lines = 0
        for active in actives:
            lines |= active.lines | active.lines_to_get
        choice = _Part(self.pricer, lines, [*actives, *others], small).run(give_up=True)
        small.work(4 * len(self.lines))
        return self._choice(choice.order, choice.groupings), not (small.exceeded or small.is_over())

    def _keep(self, choice: Choice) -> None:
        if self.winner is None or _is_better(self.pricer, choice, self.winner):
            self.winner = choice

    def _branch(self) -> None:
        """Take or leave one promotion after the other, depth first, and leave out what cannot be better."""
        open_ = [(0, 0, 0)]  # place, promotions that are chosen, and those that may not be with them
        while open_:
            place, chosen, blocked = open_.pop()
            self.budget.spend(1 + self.pricer.sets_seen(), 2 * len(self.lines))
            may_be = self.from_place[place] & ~blocked
            if self.winner is not None and self._bound(chosen, may_be) < self.winner.value:
                continue
            if place == len(self.order):
                self._look_at(chosen)
                continue
            bit = self.order[place].bit
            open_.append((place + 1, chosen, blocked))
            if not bit & blocked:  # first, because it comes off first
                open_.append((place + 1, chosen | bit, blocked | self.blocks[bit]))

    def _look_at(self, chosen: int) -> None:
        if chosen not in self._seen:
            self._seen.add(chosen)
            n_shared = (chosen & self.shared).bit_count()
            self.budget.spend(n_shared // 4)
            choice = self._evaluate(chosen)
            if self.winner is None or _is_better(self.pricer, choice, self.winner):
                self.winner = choice

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
        n_prices = sum(groups.n_prices for groups in self.groups)
        roughly = self.budget.is_over() and n_prices > _MANY_PRICES
        self.budget.work(0 if roughly else n_prices)
        in_groups = sum(groups.most_gain(price, roughly=roughly) for groups in self.groups)
        lines = sum(price(i, 0, 0) for i in self.lines) + in_groups + shared
        if self._ceiling is None:
            largest = [0] * len(self.problem.largest)
            for i in self.lines:
                largest[i] = self.problem.largest[i]
            self._ceiling = self.pricer.under_nodes(largest)
        return min(lines, self._ceiling) + beside

    def _evaluate(self, order: int, *, simple: bool = False) -> Choice:
        """Find the best groups and lines for a set of promotions of the order."""
        groupings = [] if simple else [self._group(place, order) for place in range(len(self.groups))]
        choice = self._choice(order, groupings)
        if self.groups and not simple and not self._is_sum_of_lines(choice):
            self._keep(choice)
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
            self._grouped[key] = best_groups(groups, self._price(order), self._usable(order), self.budget)
        return self._grouped[key]

    def _all_groupings(self, order: int) -> list[list[Grouping]]:
        found: list[list[Grouping]] = [[]]
        for groups in self.groups:
            every = list(every_grouping(groups, self._usable(order), self.budget))
            self.budget.spend(len(found) * len(every), len(self.lines) * len(found) * len(every))
            found = [[*start, grouping] for start in found for grouping in every]
        return found

    def _choice(self, order: int, groupings: list[Grouping]) -> Choice:
        touched: dict[int, tuple[int, int]] = {}
        for grouping in groupings:
            for (bit, i), off in grouping.off.items():
                mask, so_far = touched.get(i, (0, 0))
                touched[i] = (mask | bit, so_far + off)
        lines = {}
        self.budget.work(2 * len(self.lines))
        for i in self.lines:
            mask, off = touched.get(i, (0, 0))
            here = order & self.touching[i]
            lines[i] = self.pricer.best_line(i, here & self.rates, here | mask, off)
        if order or self.problem.nodes:
            value = self.pricer.total(order, lines)
        else:
            value = sum(line.taken for line in lines.values())
        choice = Choice(value, order, groupings, lines)
        return self._with_less_on_lines(choice, touched) if order & self.pricer.of_rest else choice

    def _with_less_on_lines(self, choice: Choice, touched: dict[int, tuple[int, int]]) -> Choice:
        """Try fewer promotions on lines where shared amounts of what is left may then take more than these did."""
        order, others = choice.order, {}
        if self.budget.is_over():  # it may be better, and is not looked at any more
            self.budget.exceeded = True
            return choice
        for i, line in choice.lines.items():
            mask, off = touched.get(i, (0, 0))
            here = order & self.touching[i]
            found, all_found = self.pricer.with_less(i, here, here | mask, off, line)
            self.budget.exceeded = self.budget.exceeded or not all_found
            if found:
                others[i] = [line, *found]
        n_ways = prod(map(len, others.values()))
        if n_ways <= _MOST_WAYS:
            self.budget.used += n_ways // 4  # a choice is asked for even where there are no more steps
            ways = (dict(zip(others, way, strict=True)) for way in product(*others.values()))
            return self._best_of(choice, ways)
        self.budget.exceeded = True
        for i, some in others.items():  # line by line, where there are too many ways
            choice = self._best_of(choice, ({i: line} for line in some))
        return choice

    def _best_of(self, choice: Choice, ways: Iterable[dict[int, LineBest]]) -> Choice:
        for way in ways:
            if self.budget.is_over():
                self.budget.exceeded = True
                break
            lines = {**choice.lines, **way}
            self.budget.work(len(lines))
            other = Choice(self.pricer.total(choice.order, lines), choice.order, choice.groupings, lines)
            if _is_better(self.pricer, other, choice):
                choice = other
        return choice
