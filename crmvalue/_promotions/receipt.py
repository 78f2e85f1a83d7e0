"""The result of a search: discounts of each line under the caps, and why the other promotions were not applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from crmvalue._core.money import divide_rounded, shifted, split_limited
from crmvalue._promotions.prepare import SHARED, bits
from crmvalue._promotions.pricing import Source, largest_flow
from crmvalue._promotions.result import Applied, Discount, Gift, PricedLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crmvalue._promotions.prepare import Active, Problem
    from crmvalue._promotions.pricing import Pricer
    from crmvalue._promotions.search import Choice

_MOST_SHARES = 2_000_000
"""Amounts times lines times limits of lines together, up to which amounts are shared in proportion to the prices."""

__all__ = ["Receipt", "delivery_paid", "line_discounts", "wanted_discounts", "write_receipt"]


@attrs.define(eq=False)
class Receipt:
    """What a choice means for each line; amounts in minor units."""

    lines: list[PricedLine]
    applied: list[Applied]
    gifts: list[Gift]
    delivery: int


def write_receipt(pricer: Pricer, choice: Choice) -> Receipt:
    """Write the discounts of a choice line by line."""
    problem = pricer.problem
    wanted = wanted_discounts(pricer, choice)
    granted = _granted(pricer, choice, wanted)
    whole = _in_minor_units(problem, granted)
    ids = {active.bit: active.id for active in problem.active}
    lines = [_line(problem, i, parts, ids) for i, parts in enumerate(whole)]
    delivery, off_delivery = delivery_paid(pricer, choice)
    gifts = [
        Gift(
            promotion=active.id,
            product=active.ready.promotion.gift_product,
            quantity=active.ready.promotion.gift_quantity,
            value=active.step[1] // problem.scale,
        )
        for active in problem.active
        if active.bit & choice.order and active.ready.kind == "gift"
    ]
    applied = _applied(pricer, choice, whole, (wanted, granted), off_delivery)
    return Receipt(lines, applied, gifts, delivery)


def line_discounts(pricer: Pricer, choice: Choice, wanted: list[dict[int, int]] | None = None) -> list[dict[int, int]]:
    """Give what each promotion takes off each line, by its bit [minor units], without writing a receipt.

    A promotion that takes nothing off a line is left out; one whose part was rounded to 0 beside others is there, where
    the order may be dearer without it. `wanted` are the discounts without caps, where they are known.
    """
    wanted = wanted_discounts(pricer, choice) if wanted is None else wanted
    granted = _granted(pricer, choice, wanted)
    whole = _in_minor_units(pricer.problem, granted)
    idle = _without_effect(pricer.problem, granted, whole)
    return [
        {bit: off for bit, off in part.items() if before[bit] and not bit & idle}
        for part, before in zip(whole, granted, strict=True)
    ]


def wanted_discounts(pricer: Pricer, choice: Choice) -> list[dict[int, int]]:
    """Give the discounts of each line by promotion, in their order, without caps and without shared amounts."""
    groups: list[dict[int, int]] = [{} for _ in pricer.problem.quantity]
    for grouping in choice.groupings:
        for (bit, i), off in sorted(grouping.off.items()):
            groups[i][bit] = off
    known: dict[int, list[Active]] = {}  # promotions in the order in which they reach a line, which many lines share

    def in_order(mask: int) -> list[Active]:
        if mask not in known:
            known[mask] = pricer.in_order(mask)
        return known[mask]

    return [_wanted_of(pricer, choice, i, parts, in_order) for i, parts in enumerate(groups)]


def _wanted_of(
    pricer: Pricer, choice: Choice, i: int, parts: dict[int, int], in_order: Callable[[int], list[Active]]
) -> dict[int, int]:
    left = pricer.problem.amount[i] - sum(parts.values())
    here = choice.order & pricer.touching[i]
    rates = here & pricer.rates & ~pricer.free
    chosen = choice.lines[i].chosen if i in choice.lines else 0
    for mask in (chosen, rates):
        for active in in_order(mask):
            off = parts[active.bit] = pricer.off(i, left, active.step)
            left -= off
    for active in in_order(here & pricer.free):
        parts[active.bit] = pricer.off(i, left, active.step)
    return parts


def _granted(pricer: Pricer, choice: Choice, wanted: list[dict[int, int]]) -> list[dict[int, int]]:
    """Cut discounts to the caps, the last promotion first, and share what lines share."""
    problem = pricer.problem
    parts = [dict(part) for part in wanted]
    left = [amount - sum(off.values()) for amount, off in zip(problem.amount, parts, strict=True)]
    for i, part in enumerate(parts):
        _cut(part, sum(part.values()) - problem.largest[i])
    for lines, most in problem.nodes:
        here = bits(lines)
        totals = [sum(parts[i].values()) for i in here]
        if sum(totals) > most:
            for i, cut in zip(here, split_limited(sum(totals) - most, totals, totals), strict=True):
                _cut(parts[i], cut)
    before = [choice.lines[i].left if i in choice.lines else left[i] for i in range(len(left))]
    sources = pricer.sources(choice.order, before)
    if len(sources) * len(parts) * max(1, len(problem.nodes)) > _MOST_SHARES:
        flows = largest_flow(problem, *_room(problem, parts), sources)[1]
    else:
        flows = _shared(problem, parts, sources)
    best = [choice.lines[i] for i in sorted(choice.lines)]
    if sources and len(best) == len(parts):
        reached = sum(sum(part.values()) for part in parts) + sum(sum(flow.values()) for flow in flows)
        if len(sources) > 1 and reached < pricer.value(best, sources):
            _, flows = largest_flow(problem, *_room(problem, parts), sources)
    for source, flow in zip(sources, flows, strict=True):
        for i, off in flow.items():
            parts[i][source.active.bit] = off
    return parts


def _cut(part: dict[int, int], cut: int) -> None:
    """Take an amount out of the discounts of a line, the last one first."""
    for bit in reversed(list(part)):
        if cut <= 0:
            return
        less = min(cut, part[bit])
        part[bit] -= less
        cut -= less


def _room(problem: Problem, parts: list[dict[int, int]]) -> tuple[list[int], list[int]]:
    """Give what each line, and lines together, can still take off."""
    taken = [sum(part.values()) for part in parts]
    lines = [most - off for most, off in zip(problem.largest, taken, strict=True)]
    nodes = [most - sum(taken[i] for i in bits(mask)) for mask, most in problem.nodes]
    return lines, nodes


def _shared(problem: Problem, parts: list[dict[int, int]], sources: list[Source]) -> list[dict[int, int]]:
    """Share amounts over lines one after the other, in proportion to what the lines still cost."""
    flows: list[dict[int, int]] = []
    so_far = [dict(part) for part in parts]
    for place, source in enumerate(sources):
        room, nodes = _room(problem, so_far)
        costs = [amount - sum(part.values()) for amount, part in zip(problem.amount, so_far, strict=True)]
        flow = _fill(problem, source, room, nodes, costs)
        for i, off in flow.items():
            so_far[i][-1 - place] = off
        flows.append(flow)
    return flows


def _fill(problem: Problem, source: Source, room: list[int], nodes: list[int], costs: list[int]) -> dict[int, int]:
    """Share one amount; where a limit of lines together is reached, these lines keep what they have."""
    lines = list(source.edges)
    limits = [max(0, min(room[i], source.edges[i])) for i in lines]
    weights = [source.edges[i] if source.active.step[0] != SHARED else costs[i] for i in lines]
    while True:
        shares = split_limited(source.limit, weights, limits)
        for (mask, _), rest in zip(problem.nodes, nodes, strict=True):
            inside = [place for place, i in enumerate(lines) if mask >> i & 1]
            total = sum(shares[place] for place in inside)
            if total > max(rest, 0):
                kept = split_limited(max(rest, 0), [shares[p] for p in inside], [shares[p] for p in inside])
                for place, share in zip(inside, kept, strict=True):
                    limits[place] = share
                break
        else:
            return dict(zip(lines, shares, strict=True))


def _in_minor_units(problem: Problem, parts: list[dict[int, int]]) -> list[dict[int, int]]:
    """Round the discount of the order once, and split it over lines and promotions by largest remainder."""
    if problem.scale == 1:
        return parts
    totals = [sum(part.values()) for part in parts]
    whole = divide_rounded(sum(totals), problem.scale, problem.rounding)
    shares = [0] * len(parts)

    def share(amount: int, lines: int, nodes: list[int]) -> None:
        """Give an amount to lines; those with a limit of their own together come as one."""
        children: list[tuple[int, list[int]]] = []
        rest = lines
        for place in reversed(range(len(nodes))):
            if nodes[place] & rest == nodes[place]:
                children.append((nodes[place], nodes[:place]))
                rest &= ~nodes[place]
        children += [(1 << i, []) for i in bits(rest)]
        children.sort(key=lambda child: bits(child[0])[0])
        sizes = [sum(totals[i] for i in bits(child)) for child, _ in children]
        for (child, inner), part in zip(children, _by_remainder(amount, sizes, problem.scale), strict=True):
            if child & (child - 1):
                share(part, child, [node for node in inner if node & child == node and node != child])
            else:
                shares[bits(child)[0]] = part

    share(whole, (1 << len(parts)) - 1, [lines for lines, _ in problem.nodes if lines != (1 << len(parts)) - 1])
    rounded = [
        dict(zip(part, _by_remainder(total, list(part.values()), problem.scale), strict=True))
        for part, total in zip(parts, shares, strict=True)
    ]
    limits = {active.bit: active.limit // problem.scale for active in problem.active if active.limit is not None}
    if any(sum(part.get(bit, 0) for part in rounded) > most for bit, most in limits.items()):
        return _within_limits(problem, parts, limits, whole)
    return rounded


def _within_limits(
    problem: Problem, parts: list[dict[int, int]], limits: dict[int, int], whole: int
) -> list[dict[int, int]]:
    """Round each discount down or up so that they sum to a whole, and no limit of a promotion or a cap is exceeded."""
    scale = problem.scale
    rounded = [{bit: off // scale for bit, off in part.items()} for part in parts]
    sources = []
    for active in problem.active:
        edges = {i: 1 for i, part in enumerate(parts) if part.get(active.bit, 0) % scale}
        so_far = sum(part.get(active.bit, 0) for part in rounded)
        sources.append(Source(active, limits[active.bit] - so_far if active.bit in limits else len(edges), edges))

    def room(lines: list[int]) -> int:
        return -(-sum(sum(parts[i].values()) for i in lines) // scale) - sum(sum(rounded[i].values()) for i in lines)

    each = [room([i]) for i in range(len(parts))]
    together = [room(bits(mask)) for mask, _ in problem.nodes]
    left = whole - sum(sum(part.values()) for part in rounded)
    for source, flow in zip(sources, largest_flow(problem, each, together, sources)[1], strict=True):
        for i, up in flow.items():
            if up and left:
                rounded[i][source.active.bit] += 1
                left -= 1
    return rounded


def _by_remainder(amount: int, sizes: Sequence[int], scale: int) -> list[int]:
    """Round each size down or up so that they sum to an amount; the largest remainders go up."""
    shares = [size // scale for size in sizes]
    order = sorted(range(len(sizes)), key=lambda place: -(sizes[place] % scale))
    for place in order[: amount - sum(shares)]:
        shares[place] += 1
    return shares


def _without_effect(problem: Problem, granted: list[dict[int, int]], whole: list[dict[int, int]]) -> int:
    """Give the promotions, as bits, that are rounded to nothing and without which the order costs the same."""
    if problem.scale == 1:
        return 0
    given, off = _by_promotion(granted), _by_promotion(whole)
    left, least, idle = sum(given.values()), sum(off.values()), 0
    for active in reversed(problem.active):
        part = 0 if off.get(active.bit) else given.get(active.bit, 0)
        if part and divide_rounded(left - part, problem.scale, problem.rounding) >= least:
            left -= part
            idle |= active.bit
    return idle


def _line(problem: Problem, i: int, parts: dict[int, int], ids: dict[int, str]) -> PricedLine:
    line = problem.cart.lines[i]
    paid = problem.amount[i] // problem.scale - sum(parts.values())
    each, more = divmod(paid, line.quantity)
    pairs = [(more, each + 1), (line.quantity - more, each)]
    return PricedLine(
        id=line.id,
        product=line.product,
        brand=line.brand,
        quantity=line.quantity,
        unit_price=problem.price[i] // problem.scale,
        discounts=tuple(Discount(promotion=ids[bit], amount=off) for bit, off in parts.items() if off),
        total=paid,
        unit_prices=tuple(pair for pair in pairs if pair[0]),
        tax=_tax(problem, line.tax_class, paid),
    )


def _tax(problem: Problem, tax_class: str, paid: int) -> int:
    cart = problem.cart
    if not cart.tax_rates:
        return 0
    rate = int(shifted(cart.tax_rates[tax_class], 4) or 0)
    return divide_rounded(paid * rate, 10**6 + (rate if cart.prices_include_tax else 0), problem.rounding)


def delivery_paid(pricer: Pricer, choice: Choice) -> tuple[int, dict[int, int]]:
    """Give what is paid for the delivery, and what promotions take off it."""
    problem = pricer.problem
    left, off = problem.delivery, {}
    for active in problem.active:
        if active.bit & choice.order and active.ready.kind == "delivery":
            off[active.bit] = min(left, active.limit or 0) // problem.scale
            left -= min(left, active.limit or 0)
    return left // problem.scale, off


def _applied(
    pricer: Pricer,
    choice: Choice,
    whole: list[dict[int, int]],
    before: tuple[list[dict[int, int]], list[dict[int, int]]],
    off_delivery: dict[int, int],
) -> list[Applied]:
    """Give the promotions that took something off, in the order in which they did.

    `before` are the discounts before the caps, and before they are rounded. What is rounded with others to nothing may
    still have changed the sum.
    """
    problem = pricer.problem
    found = []
    chosen = choice.promotions()
    off = _by_promotion(whole)
    asked_for, given = map(_by_promotion, before)
    idle = _without_effect(problem, before[1], whole)
    times: dict[int, int] = {}
    for grouping in choice.groupings:
        times.update(grouping.times)
    for active in sorted(problem.active, key=lambda active: (_LAYERS[active.ready.kind], active.step[0], active.id)):
        if not active.bit & chosen:
            continue
        amount = off.get(active.bit, 0) + off_delivery.get(active.bit, 0)
        took = amount or (not active.bit & idle and given.get(active.bit, 0))
        if not took and active.ready.kind != "gift":
            continue
        asked = asked_for.get(active.bit, 0) // problem.scale
        if active.ready.kind == "money" and not active.bit & pricer.free:
            asked = amount  # what lines share has moved to other lines
        often, blocked = max(1, times.get(active.bit, 0)), max(0, asked - amount)
        found.append(Applied(promotion=active.id, amount=amount, times=often, blocked_amount=blocked))
    return found


def _by_promotion(lines: list[dict[int, int]]) -> dict[int, int]:
    """Sum discounts of lines by the bit of the promotion."""
    sums: dict[int, int] = {}
    for parts in lines:
        for bit, off in parts.items():
            sums[bit] = sums.get(bit, 0) + off
    return sums


_LAYERS = {"units": 0, "buy_get": 0, "bundle": 0, "line": 1, "rate": 2, "money": 3, "gift": 4, "delivery": 5}
"""Kinds in the order in which they reach a cart."""
