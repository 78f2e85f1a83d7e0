"""Why a promotion that could apply was not: another choice is better, a cap leaves nothing, or nothing comes off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmvalue._core.money import money_text
from crmvalue._promotions.cart import exponent_in
from crmvalue._promotions.groups import Budget, Grouping, OutOfSteps, group_parts
from crmvalue._promotions.prepare import bits
from crmvalue._promotions.result import Rejected
from crmvalue._promotions.search import Choice, together

if TYPE_CHECKING:
    from crmvalue._promotions.prepare import Active, Problem
    from crmvalue._promotions.pricing import Pricer

__all__ = ["why_not"]

_STEPS = 20_000


def why_not(pricer: Pricer, choice: Choice, promotion: str) -> Rejected:
    """Say why a promotion is not in a choice."""
    problem = pricer.problem
    if promotion in problem.rejected:
        return problem.rejected[promotion]
    active = next(active for active in problem.active if active.id == promotion)
    other = _instead(pricer, choice, active)
    if other is None or not active.bit & other.promotions():
        return Rejected(promotion=promotion, kind="no_benefit", reason="takes nothing off this cart")
    lost = choice.promotions() & ~other.promotions()
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
    cap = next((text for i in bits(active.lines) if (text := _binding(problem, i))), None)
    if cap is not None:
        return Rejected(promotion=promotion, kind="capped", reason=cap)
    return Rejected(promotion=promotion, kind="no_benefit", reason="takes nothing more off this cart")


def _instead(pricer: Pricer, choice: Choice, active: Active) -> Choice | None:
    """Put a promotion in the place of those that it does not combine with; None where that cannot be found out."""
    problem = pricer.problem
    budget = Budget(_STEPS)
    chosen = choice.promotions()
    in_choice = [one for one in problem.active if one.bit & chosen]
    try:
        if active.ready.promotion.alone or any(one.ready.promotion.alone for one in in_choice):
            return together(pricer, [active], budget)
        return _swapped(pricer, choice, active, in_choice, budget)
    except OutOfSteps:
        return None


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
        groupings.append(group_parts(problem, [active])[0].best(lambda _i, _mask, off: off, lambda *_: True, budget))
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
        here = sum(one.bit for one in problem.active if one.bit & order and one.lines >> i & 1)
        forced = active.bit if active.ready.kind == "line" and active.lines >> i & 1 else 0
        best[i] = pricer.best_line(i, here & pricer.rates, here | mask, off, forced)
    return Choice(pricer.total(order, best), order, groupings, best)


def _without(grouping: Grouping, gone: int) -> Grouping:
    """Leave the groups of some promotions out."""
    return Grouping(
        grouping.value,
        {key: n for key, n in grouping.units.items() if not key[0] & gone},
        {key: off for key, off in grouping.off.items() if not key[0] & gone},
        {bit: n for bit, n in grouping.times.items() if not bit & gone},
    )


def _binding(problem: Problem, i: int) -> str | None:
    """Name the cap that limits a line; None without one."""
    caps, line, cart = problem.caps, problem.cart.lines[i], problem.cart
    if caps is None:
        return None
    percents = (
        (caps.product_percent.get(line.product), f"product {line.product}"),
        (caps.brand_percent.get(line.brand), f"brand {line.brand}"),
        (caps.line_percent, "each line"),
    )
    known = [(percent, what) for percent, what in percents if percent is not None]
    if known:
        percent, what = min(known)
        return f"cap of {percent} % on {what} binds"
    amounts = (
        (caps.product_amount.get(line.product), f"product {line.product}"),
        (caps.brand_amount.get(line.brand), f"brand {line.brand}"),
        (caps.line_amount, "each line"),
        (caps.order_amount, "the order"),
    )
    for amount, what in amounts:
        if amount is not None:
            return f"cap of {money_text(cart.minor(amount), exponent_in(cart))} on {what} binds"
    if caps.order_percent is not None:
        return f"cap of {caps.order_percent} % on the order binds"
    return "the floor price binds" if problem.largest[i] < problem.amount[i] else None
