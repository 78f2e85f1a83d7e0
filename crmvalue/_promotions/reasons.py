"""Why a promotion that could apply was not: another choice is better, a cap leaves nothing, or nothing comes off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmvalue._core.money import money_text
from crmvalue._promotions.cart import exponent_in
from crmvalue._promotions.prepare import SHARED, bits, line_limits, order_limits
from crmvalue._promotions.receipt import line_discounts, wanted_discounts
from crmvalue._promotions.result import Rejected
from crmvalue._promotions.search import Choice, together
from crmvalue._promotions.units.budget import Budget, OutOfSteps
from crmvalue._promotions.units.exact import best_groups
from crmvalue._promotions.units.groups import Grouping, group_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crmvalue._promotions.caps import Caps
    from crmvalue._promotions.cart import Cart, CartLine
    from crmvalue._promotions.prepare import Active, Problem
    from crmvalue._promotions.pricing import Pricer

__all__ = ["reasons_why_not"]

_STEPS = 20_000
"""Steps for the reason of one promotion."""

_STEPS_OF_ALL = 60_000
"""The same for all promotions of a cart, counted by the work."""


def reasons_why_not(pricer: Pricer, choice: Choice, promotions: Iterable[str]) -> list[Rejected]:
    """Say why promotions are not in a choice."""
    problem = pricer.problem
    active_of = {active.id: active for active in problem.active}
    work = Budget(_STEPS_OF_ALL)
    found = []
    names = sorted(promotions)
    idle = sum(active_of[name].bit for name in names if name in active_of)
    for name in names:
        if name in problem.rejected:
            found.append(problem.rejected[name])
        elif work.is_spent():
            found.append(_not_compared(name))
        else:
            work.work(2 * len(problem.quantity))
            found.append(_why_not(pricer, choice, active_of[name], idle, work.small(_STEPS)))
    return found


def _not_compared(promotion: str) -> Rejected:
    return Rejected(promotion=promotion, kind="not_compared", reason="not compared: the steps for reasons are used up")


def _why_not(pricer: Pricer, choice: Choice, active: Active, idle: int, budget: Budget) -> Rejected:
    """Say why one promotion is not applied; `idle` are all that are not, as bits, which can beat nothing."""
    problem, promotion = pricer.problem, active.id
    pricer.budget = budget
    try:
        other = _instead(pricer, choice, active, budget)
    except OutOfSteps:
        return _not_compared(promotion)
    if not active.bit & other.promotions():
        return Rejected(promotion=promotion, kind="no_benefit", reason="takes nothing off this cart")
    lost = choice.promotions() & ~other.promotions() & ~idle
    gone = [one.id for one in problem.active if one.bit & lost]
    difference = (choice.value - other.value) // problem.scale
    if gone:
        by = (
            f" by {money_text(difference, exponent_in(problem.cart))}"
            if difference > 0
            else ", which takes off as much"
        )
        return Rejected(
            promotion=promotion,
            kind="beaten",
            reason=f"beaten by {' + '.join(sorted(gone))}{by}",
            beaten_by=tuple(sorted(gone)),
            difference=max(0, difference),
        )
    budget.work(8 * len(problem.quantity))
    cap = None if problem.caps is None else _cap_that_binds(pricer, other, active)
    if cap is not None:
        return Rejected(promotion=promotion, kind="capped", reason=cap)
    return Rejected(promotion=promotion, kind="no_benefit", reason="takes nothing more off this cart")


def _cap_that_binds(pricer: Pricer, choice: Choice, active: Active) -> str | None:
    """Name the cap without which a promotion of a choice would take something off; None where there is none."""
    wanted = wanted_discounts(pricer, choice)
    lines = [i for i in bits(active.lines | active.lines_to_get) if _takes_without_caps(pricer, active, wanted[i], i)]
    off = [sum(part.values()) for part in line_discounts(pricer, choice, wanted)] if lines else []
    return next((text for i in lines if (text := _binding(pricer.problem, off, i))), None)


def _takes_without_caps(pricer: Pricer, active: Active, wanted: dict[int, int], i: int) -> bool:
    """Whether a promotion takes something off a line before caps; `wanted` is what each one takes, but for shares."""
    if active.ready.kind != "money" or active.bit & pricer.free:
        return wanted.get(active.bit, 0) > 0
    left = pricer.problem.amount[i] - sum(wanted.values())
    return (left if active.step[0] == SHARED else pricer.off(i, left, active.step)) > 0


def _instead(pricer: Pricer, choice: Choice, active: Active, budget: Budget) -> Choice:
    """Put a promotion in the place of those that it does not combine with."""
    chosen = choice.promotions()
    if active.bit & chosen:  # and rounded to nothing
        return choice
    in_choice = [one for one in pricer.problem.active if one.bit & chosen]
    if active.ready.promotion.alone or any(one.ready.promotion.alone for one in in_choice):
        return together(pricer, [active], budget)
    return _swapped(pricer, choice, active, in_choice, budget)


def _swapped(pricer: Pricer, choice: Choice, active: Active, in_choice: list[Active], budget: Budget) -> Choice:
    problem = pricer.problem
    lines = active.lines | active.lines_to_get
    is_group = active.ready.kind in {"units", "buy_get", "bundle"}
    gone = 0
    for one in in_choice:
        shares = (one.lines | one.lines_to_get) & lines or one.ready.kind == active.ready.kind == "delivery"
        both_groups = is_group and one.ready.kind in {"units", "buy_get", "bundle"}
        if shares and (both_groups or one.bit & active.bad):
            gone |= one.bit
    order = choice.order & ~gone
    groupings = [_without(grouping, gone) for grouping in choice.groupings]
    if is_group:
        groupings.append(
            best_groups(group_parts(problem, [active], budget)[0], lambda _i, _mask, off: off, lambda *_: True, budget)
        )
    elif active.ready.kind != "line":
        order |= active.bit
    touched: dict[int, tuple[int, int]] = {}
    for grouping in groupings:
        for (bit, i), off in grouping.off.items():
            mask, so_far = touched.get(i, (0, 0))
            touched[i] = (mask | bit, so_far + off)
    best = {}
    for i in range(len(problem.quantity)):
        mask, off = touched.get(i, (0, 0))
        here = order & pricer.touching[i]
        forced = active.bit if active.ready.kind == "line" and active.lines >> i & 1 else 0
        best[i] = pricer.best_line(i, here & pricer.rates, here | mask, off, forced)
    return Choice(pricer.total(order, best), order, groupings, best)


def _without(grouping: Grouping, gone: int) -> Grouping:
    """Leave the groups of some promotions out."""
    return Grouping(
        grouping.value,
        {key: off for key, off in grouping.off.items() if not key[0] & gone},
        {bit: n for bit, n in grouping.times.items() if not bit & gone},
    )


def _binding(problem: Problem, off: list[int], i: int) -> str | None:
    """Name the cap that a line has reached with the discounts of all lines: one of its own, or of several lines."""
    caps, line, cart = problem.caps, problem.cart.lines[i], problem.cart
    if caps is None:
        return None
    amount = problem.amount[i] // problem.scale
    own_limits = line_limits(cart, caps, line, amount)
    least = min(own_limits, key=lambda name: own_limits[name], default="")
    if off[i] >= min(own_limits.get(least, amount), amount):
        return f"{_cap_of_line(caps, line, cart)[least]()} binds" if own_limits.get(least, amount) < amount else None
    for key, amounts in (("product", caps.product_amount), ("brand", caps.brand_amount)):
        own = getattr(line, key)
        so_far = sum(part for part, one in zip(off, cart.lines, strict=True) if getattr(one, key) == own)
        if own in amounts and so_far >= cart.minor(amounts[own]):
            return f"cap of {_money(cart, amounts[own])} on {key} {own} binds"
    limits = order_limits(cart, caps, sum(problem.amount) // problem.scale)
    name = min(limits, key=lambda name: limits[name], default="")
    if not name or sum(off) < limits[name]:
        return None
    most = f"{caps.order_percent} %" if name == "order_percent" else _money(cart, caps.order_amount)
    return f"cap of {most} on the order binds"


def _cap_of_line(caps: Caps, line: CartLine, cart: Cart) -> dict[str, Callable[[], str]]:
    """Give the words for each cap of one line by itself."""
    return {
        "product_percent": lambda: f"cap of {caps.product_percent[line.product]} % on product {line.product}",
        "brand_percent": lambda: f"cap of {caps.brand_percent[line.brand]} % on brand {line.brand}",
        "line_percent": lambda: f"cap of {caps.line_percent} % on each line",
        "line_amount": lambda: f"cap of {_money(cart, caps.line_amount)} on each line",
        "floor_price": lambda: f"the floor price of product {line.product}",
        "margin_percent": lambda: f"the lowest margin of {caps.margin_percent} %",
    }


def _money(cart: Cart, amount: Any) -> str:
    return money_text(cart.minor(amount), exponent_in(cart))
