"""Units that go into groups of one promotion, and bundles that are taken as often as the cart allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from crmvalue._promotions.units.groups import rewarded, rules_of

if TYPE_CHECKING:
    from crmvalue._promotions.prepare import Active, Problem
    from crmvalue._promotions.units.listing import Bundle

__all__ = ["State", "Times", "is_end", "most_times", "put", "use"]

Times: TypeAlias = "tuple[Bundle, int]"
"""A bundle, and how often it is taken."""

State: TypeAlias = tuple[int, int, int]
"""Units (to buy), units to get, and the discount so far where it is limited."""


def most_times(problem: Problem, bundle: Bundle, chosen: list[Times], used: dict[int, int]) -> int:
    """Give how often a bundle can be taken more."""
    most = min((problem.quantity[i] - used[i]) // n for i, n in bundle.units.items())
    active = bundle.active
    if active.times is not None:
        most = min(most, active.times - sum(n for other, n in chosen if other.active is active))
    if active.limit is not None:
        taken = sum(n * other.total for other, n in chosen if other.active is active)
        most = min(most, (active.limit - taken) // bundle.total)
    return most


def use(bundle: Bundle, used: dict[int, int], times: int) -> None:
    """Take the units of a bundle, or give them back where `times` is below 0."""
    for i, n in bundle.units.items():
        used[i] += times * n


def put(active: Active, role: str, each: int, n: int, state: State) -> tuple[State, int] | None:
    """Put n more units into the groups of a promotion; None where that is too much.

    Whole groups are taken out of the state where their number does not matter.
    """
    buy, get, lines_to_get = rules_of(active)
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
        gained = each * (rewarded(units + n, buy, size) - rewarded(units, buy, size))
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


def is_end(active: Active, state: State) -> bool:
    """Whether all groups of a promotion are complete."""
    buy, get, lines_to_get = rules_of(active)
    units, got, _ = state
    if lines_to_get:
        return not units % buy and not got % get and units // buy == got // get
    return units % (buy + get) == 0
