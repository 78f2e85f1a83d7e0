"""The discount of one choice: each line by itself, then money that lines share, all under the caps.

The discount of a choice is the largest flow from its discounts to its lines: each line takes up to its own limit, and
lines together up to the limit of their brand or of the order. So a cap never makes a cart cheaper, and a larger
discount of one line never makes it dearer.
"""

from __future__ import annotations

from functools import reduce
from itertools import islice
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from crmvalue._core.money import split_limited
from crmvalue._promotions.prepare import AFTER_OTHERS, OF_INITIAL, PER_UNIT, SHARED, TO_PRICE, Problem, bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from crmvalue._promotions.prepare import Active
    from crmvalue._promotions.units.budget import Budget

__all__ = ["LineBest", "Pricer", "Source", "largest_flow"]

Step = tuple[int, int]

_MOST_CLIQUES = 2_000
"""Sets of promotions of one line that are looked at; more make the result unproven."""

_SETS_A_STEP = 16
"""Sets of promotions of one line that count as one step of the search."""

_FEW_ON_LINE, _FEW_CLIQUES = 8, 16
"""Promotions of one set, and sets of one line, of which all parts are looked at where less may be better."""

_FEW_SOURCES = 8
"""Amounts that lines share of which all cuts are looked at; of more, the flow itself is found."""


class LineBest(NamedTuple):
    """The best promotions of one line."""

    taken: int  # discount of the line by itself, at most its limit
    wanted: int  # the same without the limit
    left: int  # price before what lines share
    chosen: int  # promotions of the line, as bits


class Source(NamedTuple):
    """An amount that lines share: its limit, and what each line may take of it."""

    active: Active
    limit: int
    edges: dict[int, int]


class Pricer:
    """Prices lines and choices of one problem, and remembers what it has priced."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.by_bit = {active.bit: active for active in problem.active}
        self._place_of = {
            active.ready.place: (active.step[0], active.id, active.step) for active in problem.active
        }  # in the order in which they reach a line
        self.line_promotions = [0] * len(problem.quantity)
        self.members = 0
        self.touching = [0] * len(problem.quantity)  # all promotions of each line, without items to get
        for active in problem.active:
            self.members |= 0 if active.ready.promotion.alone else active.bit
            for i in bits(active.lines):
                self.touching[i] |= active.bit
        self.free = 0  # percentages and amounts of lines with a limit that they can never reach
        for active in problem.active:
            if active.ready.kind == "money" and active.step[0] != SHARED:
                most = sum(self.off(i, problem.amount[i], active.step) for i in bits(active.lines))
                self.free |= active.bit if most <= (active.limit or 0) else 0
            if active.ready.kind == "line":
                for i in bits(active.lines):
                    self.line_promotions[i] |= active.bit
        self.rates = self.free | sum(active.bit for active in problem.active if active.ready.kind == "rate")
        self.of_rest = 0  # amounts with a limit that follow from what is left of each line
        for active in problem.active:
            if active.ready.kind == "money" and active.step[0] != SHARED:
                self.of_rest |= active.bit & ~self.free
        self.budget: Budget | None = None  # of the search that asks
        self.untouched = {i: LineBest(0, 0, amount, 0) for i, amount in enumerate(problem.amount)}
        self.apart = _apart(problem)
        self._most_inside = _most_inside(problem)
        self._outer = _outer_nodes(problem)
        self._n_outer = sum(len(lines) + 8 for lines, _, _ in self._outer)
        self._best: dict[tuple[int, int, int, int, int], LineBest] = {}
        self._most: dict[tuple[int, int, int, int], int] = {}
        self._cliques: dict[int, list[int]] = {}
        self._n_seen = 0
        self._largest: dict[tuple[int, int], int] = {}
        self._cut_off: set[int] = set()  # where there are more cliques than are looked at
        self._steps: dict[int, tuple[Step, ...]] = {}
        self._bad: dict[int, int] = {}
        self._shares: dict[int, dict[int, int]] = {}

    def bad(self, mask: int) -> int:
        """Give the promotions that do not combine with one of these."""
        if mask not in self._bad:
            found = 0
            for bit in self._actives(mask):
                found |= bit.bad
            self._bad[mask] = found
        return self._bad[mask]

    def best_line(self, i: int, order: int, others: int, group_discount: int, forced: int = 0) -> LineBest:
        """Find the promotions of a line that take most off, `forced` among them; others are beside them.

        `order` are rates of the order, and shared amounts without effective limit, that reach this line; `others` are
        all whose combination matters.
        """
        allowed = self.line_promotions[i] & self.members & ~self.bad(others | forced) & ~forced
        key = (i, order, allowed, group_discount, forced)
        found = self._best.get(key)
        if found is None:
            found = self._best[key] = self._find_best(i, order, allowed, group_discount, forced)
        return found

    def _find_best(self, i: int, order: int, allowed: int, group_discount: int, forced: int) -> LineBest:
        start = self.problem.amount[i] - group_discount
        rates, free = self.steps(order & ~self.free), self.steps(order & self.free)
        best = best_key = None
        self._work(10 + 3 * order.bit_count())
        self._n_seen += len(self._cliques_of(allowed))
        for chosen in self._sets_on(i, allowed, free):
            self._work(4 + 4 * chosen.bit_count() + 2 * len(rates) + 2 * len(free))
            line = self._line(i, start, self.steps(chosen | forced) + rates, free, chosen | forced)
            if best is None or line.taken >= best.taken:
                if not (self._is_late() and chosen.bit_count() > _FEW_ON_LINE):
                    line = self._without_needless(i, start, rates, free, line, forced)
                if best is None or line.taken > best.taken:
                    best, best_key = line, None
                elif line.chosen != best.chosen:
                    best_key = self.rank(best.chosen) if best_key is None else best_key
                    key = self.rank(line.chosen)
                    if key < best_key:
                        best, best_key = line, key
        assert best is not None  # noqa: S101 - there is always the clique of nothing
        return best

    def with_less(
        self, i: int, order: int, others: int, group_discount: int, line: LineBest
    ) -> tuple[list[LineBest], bool]:
        """Give other promotions of a line that may be better with what lines share, and whether these are all.

        They take less off themselves, but by more than they lose may amounts grow that follow from what is left.
        """
        shares = [active.step for active in self._actives(order & self.of_rest)]
        allowed = self.line_promotions[i] & self.members & ~self.bad(others)
        if not shares or not line.chosen:
            return [], True
        cliques = self._cliques_of(allowed)
        few = _few(cliques)
        rates, start = order & self.rates, self.problem.amount[i] - group_discount
        before = [self.off(i, line.left, step) for step in shares]
        found: dict[tuple[int, int], LineBest] = {}
        for chosen in sorted({part for clique in few for part in _parts_of(clique)} | {0}, key=self.rank):
            steps = self.steps(chosen) + self.steps(rates & ~self.free)  # the order's come after those of the line
            other = self._line(i, start, steps, self.steps(rates & self.free), chosen)
            after = [self.off(i, other.left, step) for step in shares]
            gain = sum(max(0, now - then) for now, then in zip(after, before, strict=True))
            if gain > line.wanted - other.wanted and other.taken < self.problem.largest[i]:
                found.setdefault((other.wanted, other.left), other)
        return list(found.values()), len(few) == len(cliques) and allowed not in self._cut_off

    def most_of_line(self, i: int, order: int, rest: int, others: int, group_discount: int) -> int:
        """Give what a line can get at most: `rest` are promotions of the order that it may have or not, by itself."""
        allowed = (self.line_promotions[i] & self.members | rest & self.rates) & ~self.bad(others)
        key = (i, order, allowed, group_discount)
        found = self._most.get(key)
        if found is None:
            start, found = self.problem.amount[i] - group_discount, 0
            self._work(10 + 3 * (allowed.bit_count() + order.bit_count()))
            cliques = self._cliques_of(allowed)
            self._n_seen += len(cliques)
            for chosen in [allowed] if allowed in self._cut_off else cliques:  # more take at least as much off
                with_it = order | chosen & self.rates
                steps = self.steps(chosen & ~self.rates) + self.steps(with_it & ~self.free)
                free = self.steps(with_it & self.free)
                more = self._more_with_less(i, start, free) if len(free) > 1 else 0
                found = max(found, min(self.problem.largest[i], self._line(i, start, steps, free, 0).taken + more))
            self._most[key] = found
        return found

    def _line(self, i: int, start: int, steps: tuple[Step, ...], free: tuple[Step, ...], chosen: int) -> LineBest:
        left = self.after(i, start, steps)
        wanted = self.problem.amount[i] - left
        for step in free:
            wanted += self.off(i, left, step)
        return LineBest(min(self.problem.largest[i], wanted), wanted, left, chosen)

    def _without_needless(
        self, i: int, start: int, rates: tuple[Step, ...], free: tuple[Step, ...], line: LineBest, forced: int
    ) -> LineBest:
        """Leave promotions out, the last first, without which the line costs the same."""
        places = self._places(line.chosen)
        steps = [self._place_of[place][2] for place in places]
        left = [start]  # before each step
        for step in steps:
            left.append(self.after(i, left[-1], (step,)))
        for place in reversed(bits(line.chosen & ~forced)):
            self._work(4 + len(places) + len(rates))
            at = places.index(place)
            other = self._line(i, left[at], (*steps[at + 1 :], *rates), free, line.chosen & ~(1 << place))
            if other.taken == line.taken:
                line = other
                del places[at], steps[at], left[at + 1 :]
                for step in steps[at:]:
                    left.append(self.after(i, left[-1], (step,)))
        return line

    def rank(self, mask: int) -> tuple[int, int, tuple[str, ...]]:
        """Give the order of choices that cost the same: priority, then fewer promotions, then names."""
        actives = self._actives(mask)
        priority = sum(active.ready.promotion.priority for active in actives)
        return (-priority, len(actives), tuple(sorted(active.id for active in actives)))

    def _actives(self, mask: int) -> list[Active]:
        return [self.by_bit[1 << place] for place in bits(mask)]

    def steps(self, mask: int) -> tuple[Step, ...]:
        """Give what promotions do to a line, in the order in which they do it."""
        found = self._steps.get(mask)
        if found is None:
            found = self._steps[mask] = tuple(self._place_of[place][2] for place in self._places(mask))
        return found

    def in_order(self, mask: int) -> list[Active]:
        """Sort promotions by the order in which they reach a line."""
        return [self.by_bit[1 << place] for place in self._places(mask)]

    def _places(self, mask: int) -> list[int]:
        """Sort promotions in the same way, and give their places."""
        return sorted(bits(mask), key=self._place_of.__getitem__)

    @property
    def complete(self) -> bool:
        """Whether all sets of promotions of each line have been looked at."""
        return not self._cut_off

    def sets_seen(self) -> int:
        """Give the steps for the sets of promotions of lines that were looked at since the last call."""
        steps, self._n_seen = divmod(self._n_seen, _SETS_A_STEP)
        return steps

    def _more_with_less(self, i: int, start: int, free: tuple[Step, ...]) -> int:
        """Bound what a line may gain, beside several amounts that follow from what is left, if less comes before them.

        It is what rounding can give, but for a fixed price, which takes all that is above it.
        """
        if any(kind == TO_PRICE for kind, _ in free):
            return sum(self.off(i, start, step) for step in free)
        return len(free) * self.problem.quantity[i]

    def _sets_on(self, i: int, allowed: int, free: tuple[Step, ...]) -> list[int]:
        """Give the sets to look at for a line: where less may be better, also the parts of the largest sets."""
        cliques = self._cliques_on(i, allowed)
        if self._is_late() and len(cliques) > 1:
            self._cut_off.add(allowed)
            return [cliques[0], self._cliques_on(i, allowed)[-1]]
        if len(free) < 2 or not allowed:
            return cliques
        few = _few(cliques)
        if len(few) < len(cliques):
            self._cut_off.add(allowed)
        return [*cliques, *({part for clique in few for part in _parts_of(clique)} - {*cliques})]

    def _cliques_on(self, i: int, allowed: int) -> list[int]:
        """Give the sets to look at for a line: where not all are known, also the one that takes the most first."""
        cliques = self._cliques_of(allowed)
        if allowed not in self._cut_off:
            return cliques
        self._work(3 * allowed.bit_count())
        if (i, allowed) not in self._largest:
            self._largest[i, allowed] = self._largest_first(i, allowed)
        return [*cliques, self._largest[i, allowed]]

    def _largest_first(self, i: int, allowed: int) -> int:
        """Give a set of promotions that combine: of those that are left, the one that takes most off comes next."""
        amount, chosen = self.problem.amount[i], 0
        for active in sorted(self._actives(allowed), key=lambda active: -self.off(i, amount, active.step)):
            chosen |= 0 if active.bad & chosen else active.bit
        return chosen

    def _cliques_of(self, allowed: int) -> list[int]:
        """Give the largest sets of promotions in which each combines with each."""
        found = self._cliques.get(allowed)
        if found is None:
            free = sum(active.bit for active in self._actives(allowed) if not active.bad & allowed)  # in each set
            most = 1 if self._is_late() and free != allowed else _MOST_CLIQUES
            found = self._cliques[allowed] = list(islice(self._grow(free, allowed & ~free), most))
            self._n_seen += len(found)
            if len(found) == most:
                self._cut_off.add(allowed)
        return found

    def _grow(self, chosen: int, rest: int) -> Iterator[int]:
        """Give the largest sets that have the chosen ones and some of the rest (Bron and Kerbosch)."""
        open_ = [(chosen, rest, 0)]  # and those that are done: sets with one of them have been given
        while open_:
            chosen, rest, done = open_.pop()
            if not rest:
                if not done:
                    yield chosen
                continue
            # Each largest set has the pivot, or one that does not combine with it.
            pivot = max(bits(rest | done), key=lambda place: (rest & ~self.by_bit[1 << place].bad).bit_count())
            following = []
            places = bits(rest & (self.by_bit[1 << pivot].bad | 1 << pivot))
            self._work(2 * (rest | done).bit_count())
            for place in places:
                active = self.by_bit[1 << place]
                keep = ~active.bad & ~active.bit
                following.append((chosen | active.bit, rest & keep, done & keep))
                rest &= ~active.bit
                done |= active.bit
            open_ += reversed(following)

    def _work(self, parts: int) -> None:
        if self.budget is not None:
            self.budget.work(parts)

    def _is_late(self) -> bool:
        """Whether the search has to come to an end, so that no more sets are looked at than are needed."""
        return self.budget is not None and self.budget.is_empty()

    def after(self, i: int, left: int, steps: tuple[Step, ...]) -> int:
        """Give the price of a line after steps, in this order."""
        rounded, whole, quantity = self.problem.rounded, not self.problem.per_unit, self.problem.quantity[i]
        for step in steps:  # the two most common kinds as in `off`, without a call
            if not left:
                break
            if whole and step[0] == AFTER_OTHERS:
                left -= rounded(left * step[1])
            elif step[0] == PER_UNIT:
                left = max(0, left - step[1] * quantity)
            else:
                left -= self.off(i, left, step)
        return left

    def off(self, i: int, left: int, step: Step) -> int:  # noqa: PLR0911 - one answer for each kind of step
        """Give what one step takes off what is left of a line."""
        kind, size = step
        problem = self.problem
        if kind == AFTER_OTHERS:
            if not problem.per_unit:
                return problem.rounded(left * size)
            each, more = divmod(left, problem.quantity[i])
            dearer = problem.rounded((each + 1) * size) if more else 0
            return more * dearer + (problem.quantity[i] - more) * problem.rounded(each * size)
        if kind == OF_INITIAL:
            if problem.per_unit:
                return min(left, problem.quantity[i] * problem.rounded(problem.price[i] * size))
            return min(left, problem.rounded(problem.amount[i] * size))
        if kind == PER_UNIT:
            return min(left, size * problem.quantity[i])
        if kind == TO_PRICE:
            return max(0, left - size * problem.quantity[i])
        return min(left, size)

    def size(self, active: Active) -> int:
        """Give what a promotion of the order is worth where it is no rate: its amount, its gift or the delivery."""
        return active.step[1] if active.ready.kind == "gift" else active.limit or 0

    def sources(self, order: int, left: Sequence[int]) -> list[Source]:
        """Give the amounts that lines share, of the promotions of an order, given what is left of each line."""
        found = []
        for active in self._actives(order):
            if active.ready.kind == "money" and not active.bit & self.free:
                if active.step[0] != SHARED:
                    edges = {i: self.off(i, left[i], active.step) for i in bits(active.lines)}
                elif self.problem.moves:
                    edges = dict.fromkeys(bits(active.lines), active.limit or 0)
                else:
                    edges = self._fixed_shares(active)
                found.append(Source(active, active.limit or 0, edges))
        return sorted(found, key=lambda source: source.active.id)

    def _fixed_shares(self, active: Active) -> dict[int, int]:
        """Split an amount by the prices before discounts; what a line cannot take of it is lost."""
        if active.bit not in self._shares:
            lines = bits(active.lines)
            weights = [self.problem.amount[i] for i in lines]
            shares = split_limited(active.limit or 0, weights, weights)
            self._shares[active.bit] = dict(zip(lines, shares, strict=True))
        return self._shares[active.bit]

    def total(self, order: int, best: dict[int, LineBest]) -> int:
        """Give the discount of lines and of what they share, of the delivery, and what gifts count."""
        everywhere = [best.get(i, _UNTOUCHED) for i in range(len(self.problem.quantity))]
        gifts = delivery = 0
        for active in self._actives(order):
            if active.ready.kind == "gift":
                gifts += active.step[1]
            elif active.ready.kind == "delivery":
                delivery += active.limit or 0
        sources = self.sources(order, [line.left for line in everywhere])
        return self.value(everywhere, sources) + gifts + min(self.problem.delivery, delivery)

    def value(self, best: Sequence[LineBest], sources: list[Source]) -> int:
        """Give the largest discount of all lines together under the caps: the smallest cut of the flow."""
        if not sources:
            return self.under_nodes([line.taken for line in best])
        if len(sources) > _FEW_SOURCES:
            together, alone = [most for _, most in self.problem.nodes], [line.wanted for line in best]
            problem = self.problem
            self._work(4 * len(best) + 2 * sum(len(source.edges) for source in sources))
            return largest_flow(problem, problem.largest, together, sources, fixed=alone, work=self._work)[0]
        self._work(((len(best) + self._n_outer) << len(sources)) // 16)
        largest = self.problem.largest
        smallest = None
        for inside in range(1 << len(sources)):
            wanted = [line.wanted for line in best]
            cut = 0
            for place, source in enumerate(sources):
                if inside >> place & 1:
                    for i, most in source.edges.items():
                        wanted[i] += most
                else:
                    cut += source.limit
            cut += self.under_nodes([min(most, want) for most, want in zip(largest, wanted, strict=True)])
            if smallest is None or cut < smallest:
                smallest = cut
        return smallest or 0

    def under_nodes(self, taken: Sequence[int]) -> int:
        """Sum discounts of lines, with those of lines together cut to their limit."""
        taken = [min(off, most) for off, most in zip(taken, self._most_inside, strict=True)]
        whole, lost = sum(taken), [0] * len(self._outer)
        for place, (lines, most, outer) in enumerate(self._outer):
            total = sum([taken[i] for i in lines]) - lost[place]
            if total > most:
                whole -= total - most
                for other in outer:
                    lost[other] += total - most
        return whole


def _most_inside(problem: Problem) -> list[int]:
    """Give what each line can take off by limits of lines together that hold this line alone."""
    most_of = list(problem.amount)
    for lines, most in problem.nodes:
        if not lines & (lines - 1):
            i = lines.bit_length() - 1
            most_of[i] = min(most_of[i], most)
    return most_of


def _outer_nodes(problem: Problem) -> list[tuple[list[int], int, list[int]]]:
    """Give the lines of each limit of several lines, the limit, and the places of those that it is a part of."""
    nodes = [(lines, most) for lines, most in problem.nodes if lines & (lines - 1)]
    return [
        (bits(lines), most, [k for k in range(place + 1, len(nodes)) if nodes[k][0] & lines])
        for place, (lines, most) in enumerate(nodes)
    ]


def _apart(problem: Problem) -> list[int]:
    """Give the lines that limits of lines together connect, as bits."""
    parts = [1 << i for i in range(len(problem.quantity))]
    for lines, _ in problem.nodes:
        if lines & (lines - 1):
            parts = [part for part in parts if not part & lines] + [
                reduce(or_, (part for part in parts if part & lines))
            ]
    return parts


def _few(cliques: list[int]) -> list[int]:
    """Give the sets of which all parts are looked at."""
    return [clique for clique in cliques if clique.bit_count() <= _FEW_ON_LINE][:_FEW_CLIQUES]


def _parts_of(mask: int) -> Iterator[int]:
    """Give all parts of a set, itself and nothing among them."""
    part = mask
    while True:
        yield part
        if not part:
            return
        part = (part - 1) & mask


_UNTOUCHED = LineBest(0, 0, 0, 0)
"""A line of another part of the cart."""


def largest_flow(
    problem: Problem,
    lines: Sequence[int],
    nodes: Sequence[int],
    sources: list[Source],
    *,
    fixed: Sequence[int] = (),
    work: Callable[[int], None] | None = None,
) -> tuple[int, list[dict[int, int]]]:
    """Share amounts so that all of them together take most off (Dinic: shortest paths with room, many at a time).

    `lines` and `nodes` can take so much; `fixed` is what each line takes off by itself; `work` counts what is done. The
    answer is all that is taken off, and what each line takes of each amount.
    """
    n = len(lines)
    start, end, of_nodes, of_sources = n, n + 1, n + 2, n + 2 + len(nodes)
    to: list[int] = []  # where each edge goes, and its room; the edge back is beside it
    room: list[int] = []
    out: list[list[int]] = [[] for _ in range(of_sources + len(sources))]

    def link(one: int, other: int, most: int) -> None:
        out[one].append(len(to))
        out[other].append(len(to) + 1)
        to.extend((other, one))
        room.extend((max(0, most), 0))

    around = _limits_around(problem)
    for i, most in enumerate(lines):
        link(i, of_nodes + around[i][0] if around[i] else end, most)
    for k, (mask, _) in enumerate(problem.nodes):
        outer = [other for other in around[bits(mask)[0]] if other > k]
        link(of_nodes + k, of_nodes + outer[0] if outer else end, nodes[k])
    for i, off in enumerate(fixed):
        link(start, i, off)
    edges: list[dict[int, int]] = []  # of each source, the edge to each line
    for place, source in enumerate(sources):
        link(start, of_sources + place, source.limit)
        edges.append({})
        for i, most in source.edges.items():
            edges[-1][i] = len(to)
            link(of_sources + place, i, most)
    total = 0
    while levels := _levels(out, to, room, start, end):
        total += _push(out, to, room, levels, start, end)
        if work is not None:
            work(len(to))
    return total, [{i: room[edge + 1] for i, edge in own.items()} for own in edges]


def _limits_around(problem: Problem) -> list[list[int]]:
    """Give the limits of lines together that hold for each line, inner ones first."""
    around: list[list[int]] = [[] for _ in problem.quantity]
    for k, (mask, _) in enumerate(problem.nodes):
        for i in bits(mask):
            around[i].append(k)
    return around


def _levels(out: list[list[int]], to: list[int], room: list[int], start: int, end: int) -> list[int]:
    """Give how far each place is from the start by edges with room; nothing where the end is out of reach."""
    levels = [-1] * len(out)
    levels[start] = 0
    here = [start]
    while here and levels[end] < 0:
        following = []
        for place in here:
            far = levels[place] + 1
            for edge in out[place]:
                if room[edge] and levels[to[edge]] < 0:
                    levels[to[edge]] = far
                    following.append(to[edge])
        here = following
    return levels if levels[end] >= 0 else []


def _push(out: list[list[int]], to: list[int], room: list[int], levels: list[int], start: int, end: int) -> int:
    """Send as much as shortest paths have room for, path by path in the order of the edges."""
    at = [0] * len(out)  # edges before it lead nowhere any more
    path: list[int] = []
    here, total = start, 0
    while True:
        if here == end:
            step = min(room[edge] for edge in path)
            total += step
            full = -1
            for place, edge in enumerate(path):
                room[edge] -= step
                room[edge ^ 1] += step
                if full < 0 and not room[edge]:
                    full = place
            here = to[path[full] ^ 1]
            del path[full:]
        own, place = out[here], at[here]
        while place < len(own) and not (room[own[place]] and levels[to[own[place]]] == levels[here] + 1):
            place += 1
        at[here] = place
        if place < len(own):
            path.append(own[place])
            here = to[own[place]]
        elif not path:
            return total
        else:
            here = to[path.pop() ^ 1]
            at[here] += 1
