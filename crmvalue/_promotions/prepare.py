"""What can apply to a cart, and why the rest cannot; amounts become whole numbers, lines and promotions bits."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache, reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import first_moment_after
from crmvalue._core.labels import moment_text
from crmvalue._core.money import as_minor, divide_rounded, money_text, shifted
from crmvalue._promotions.cart import exponent_in
from crmvalue._promotions.fields import WEEKDAYS
from crmvalue._promotions.result import Rejected
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from crmvalue._core.money import Rounding
    from crmvalue._promotions.caps import Caps
    from crmvalue._promotions.cart import Cart, CartLine
    from crmvalue._promotions.promotion import Items, Promotion
    from crmvalue._promotions.result import RejectedKind

__all__ = [
    "AFTER_OTHERS",
    "MILLION",
    "OF_INITIAL",
    "PER_UNIT",
    "SHARED",
    "TO_PRICE",
    "Active",
    "Problem",
    "Ready",
    "bits",
    "can_meet",
    "combine",
    "conditions_of",
    "finder",
    "fits",
    "least_units",
    "line_limit",
    "line_limits",
    "missing_of",
    "named",
    "not_now",
    "order_limits",
    "prepare",
    "ready",
    "refusal",
    "units_missing",
]

MILLION = 10**6
"""Percentages are whole millionths."""

FINE = 10**12
"""Parts of a minor unit that are kept where only the order is rounded."""

TO_PRICE, PER_UNIT, AFTER_OTHERS, OF_INITIAL, SHARED = range(5)
"""Steps in the order in which they reach a line: to a fixed price, an amount off each unit, percentages of what is left
or of the first price. What lines share comes when all lines are known."""

_MINUTES_A_DAY = 24 * 60


@attrs.define(eq=False)
class Ready:
    """A promotion with its amounts in minor units; the same for all carts of one currency.

    `kind` says how it works: on single lines ("line"), as a rate of the order ("rate"), as an amount that its lines
    share ("money"), on groups of units ("units", "buy_get", "bundle"), as "gift" or "delivery".
    """

    promotion: Promotion
    place: int
    kind: str
    sizes: dict[str, int]
    limit: int | None  # of its discount, in minor units
    times: int | None  # it may apply, to groups or units
    steps: tuple[tuple[int, int], ...]  # of a threshold: where from, and minor units or millionths
    bad: int = 0  # promotions that it does not combine with, as bits of their places
    always: bool = False  # whether it is for each purchase, whatever is bought
    of_any_size: bool = False  # whether one unit of its items is enough
    possible: bool = True  # whether there can be lines that meet its conditions


@attrs.define(eq=False)
class Active:
    """A promotion that can apply to a cart: its bit, its lines, and what it takes off."""

    ready: Ready
    bit: int
    lines: int  # as bits
    step: tuple[int, int]  # what it does to one line, and how much
    limit: int | None = None  # of its discount, in the scale of the problem
    times: int | None = None  # it may apply
    lines_to_get: int = 0
    sets: tuple[int, ...] = ()
    bundles: tuple[list[Any], bool] | None = None  # once they are known, and whether these are all
    most: int | None = None  # of its discount in groups, once it is known
    units: dict[int, int] = attrs.field(factory=dict)  # discount of one unit of a line, once it is known

    @property
    def bad(self) -> int:
        """Promotions that it does not combine with, as bits."""
        return self.ready.bad

    @property
    def id(self) -> str:
        """Name of the promotion."""
        return self.ready.promotion.id


@attrs.define(eq=False)
class Problem:
    """A cart as whole numbers; amounts are minor units times `scale`."""

    cart: Cart
    caps: Caps | None
    scale: int
    rounding: Rounding
    per_unit: bool
    quantity: list[int]
    price: list[int]
    amount: list[int]
    largest: list[int]  # discount of each line
    nodes: list[tuple[int, int]]  # lines as bits, and their largest discount together; inner ones first
    active: list[Active]
    rejected: dict[str, Rejected]
    delivery: int
    moves: bool

    def rounded(self, millionths_of: int) -> int:
        """Divide by a million, by the rounding of the problem."""
        if self.rounding == "half_up":  # what most carts ask for, many times
            return (millionths_of + MILLION // 2) // MILLION
        return divide_rounded(millionths_of, MILLION, self.rounding)


def bits(mask: int) -> list[int]:
    """Give the places of the bits that are set."""
    n = mask.bit_count()
    if (
        n > 8 and 8 * n > mask.bit_length()
    ):  # many of them: digit by digit, because each step on a long number takes long
        return [place for place, digit in enumerate(bin(mask)[:1:-1]) if digit == "1"]
    places = []
    while mask:
        low = mask & -mask
        places.append(low.bit_length() - 1)
        mask ^= low
    return places


@lru_cache(maxsize=64)
def ready(promotions: tuple[Promotion, ...], digits: int) -> tuple[Ready, ...]:
    """Bring promotions into the order in which ties are broken, with their amounts in minor units."""
    for name, n in Counter(promotion.id for promotion in promotions).items():
        if n > 1:
            raise InputError("promotions", "of different ids", name)
    ordered = sorted(promotions, key=lambda promotion: (-promotion.priority, promotion.id))
    made = tuple(_ready(promotion, place, digits) for place, promotion in enumerate(ordered))
    _bar(made)
    return made


def _bar(made: tuple[Ready, ...]) -> None:
    """Say which promotions do not combine, as `combine` says it, family by family."""
    every = (1 << len(made)) - 1
    of_family: dict[str, int] = {}  # promotions of a family, as bits
    allowing: dict[str, int] = {}  # promotions that allow a family
    for one in made:
        if one.promotion.family:
            of_family[one.promotion.family] = of_family.get(one.promotion.family, 0) | 1 << one.place
        for name in one.promotion.combines_with:
            allowing[name] = allowing.get(name, 0) | 1 << one.place
    for one in made:
        names, family = one.promotion.combines_with, one.promotion.family
        allows = every if "*" in names else reduce(or_, (of_family.get(name, 0) for name in names), 0)
        allowed = allowing.get("*", 0) | (allowing.get(family, 0) if family else 0)
        one.bad = every & ~(allows & allowed) & ~(1 << one.place)


def _ready(promotion: Promotion, place: int, digits: int) -> Ready:
    def minor(name: str) -> int:
        return as_minor(name, getattr(promotion, name), digits)

    money = ("amount_off", "price", "bundle_total", "gift_value", "min_amount")
    sizes = {name: minor(name) for name in money if getattr(promotion, name) is not None}
    if promotion.percent_off is not None:
        sizes["percent_off"] = _millionths(promotion.percent_off)
    limits = [minor(name) for name in ("max_discount", "budget_left") if getattr(promotion, name) is not None]
    times = [promotion.limit_per_order, promotion.uses_left_customer, promotion.uses_left]
    known = [number for number in times if number is not None]
    limit = min(limits, default=None)
    in_money = promotion.steps_in == "amount"
    steps = tuple(
        (as_minor("steps", start, digits), as_minor("steps", off, digits) if in_money else _millionths(off))
        for start, off in promotion.steps
    )
    made = Ready(promotion, place, _kind(promotion, limit), sizes, limit, min(known, default=None), steps)
    asked = (promotion.channels, promotion.places, promotion.segments, promotion.first_purchase, promotion.code)
    when = (promotion.starts, promotion.ends, promotion.hours)
    made.always = not any(asked) and when == (None, None, None) and not promotion.weekdays and not known and not limits
    plain = made.kind in {"line", "rate", "money", "units"} and not steps
    made.possible = all(can_meet(*wanted) for wanted in conditions_of(promotion))
    made.of_any_size = plain and promotion.min_quantity < 2 and not sizes["min_amount"]
    return made


def _millionths(percent: Decimal) -> int:
    return int(shifted(percent, 4) or 0)


def _kind(promotion: Promotion, limit: int | None) -> str:
    if promotion.benefit in {"buy_get", "bundle", "gift"}:
        return promotion.benefit
    if promotion.benefit == "free_delivery":
        return "delivery"
    if promotion.benefit == "threshold":
        return "money" if promotion.steps_in == "amount" or limit is not None else "rate"
    if promotion.on == "line":
        if promotion.limit_per_order is not None:
            return "units"
        return "line" if limit is None else "money"
    return "rate" if promotion.benefit == "percent" and limit is None else "money"


def prepare(
    cart: Cart,
    promotions: Sequence[Ready],
    caps: Caps | None,
    *,
    rounding: Rounding,
    rounded_per: str,
) -> Problem:
    """Find what can apply to a cart, and why the rest cannot."""
    scale = FINE if rounded_per == "order" else 1
    price = [cart.minor(line.unit_price) * scale for line in cart.lines]
    quantity = [line.quantity for line in cart.lines]
    amount = [p * q for p, q in zip(price, quantity, strict=True)]
    problem = Problem(
        cart,
        caps,
        scale,
        rounding,
        rounded_per == "unit",
        quantity,
        price,
        amount,
        *_limits(cart, caps, amount, scale),
        [],
        {},
        cart.minor(cart.delivery_price) * scale,
        caps is None or caps.blocked == "moves",
    )
    lines_of = finder(cart)
    for promotion in promotions:
        _require_currency(promotion.promotion.currency, cart.currency, "promotions")
        _activate(problem, promotion, lines_of)
    return problem


def _require_currency(currency: str | None, expected: str, name: str) -> None:
    if currency is not None and currency != expected:
        raise InputError(name, f"in the currency of the cart, {expected}", currency)


def finder(cart: Cart) -> Callable[[Items], int]:
    """Give a function that finds the lines of some items, as bits; it says the same as `fits` for each line."""
    of_words: dict[str, dict[str, int]] = {"products": {}, "brands": {}, "categories": {}}
    for i, line in enumerate(cart.lines):
        for (_, masks), names in zip(of_words.items(), ((line.product,), (line.brand,), line.categories), strict=True):
            for name in names:
                masks[name] = masks.get(name, 0) | 1 << i
    every = (1 << len(cart.lines)) - 1
    found: dict[Items, int] = {}

    def lines_of(items: Items) -> int:
        if items not in found:
            lines = every
            for word, masks in of_words.items():
                wanted = getattr(items, word)
                lines &= reduce(or_, (masks.get(name, 0) for name in wanted)) if wanted else every
                for name in getattr(items, f"except_{word}"):
                    lines &= ~masks.get(name, 0)
            for name, value in items.attributes.items():
                lines = sum(1 << i for i in bits(lines) if cart.lines[i].attributes.get(name) == value)
            found[items] = lines
        return found[items]

    return lines_of


def fits(items: Items, line: CartLine) -> bool:
    """Whether a line meets each condition given."""
    return (
        (not items.products or line.product in items.products)
        and (not items.brands or line.brand in items.brands)
        and (not items.categories or any(category in items.categories for category in line.categories))
        and line.product not in items.except_products
        and line.brand not in items.except_brands
        and not any(category in items.except_categories for category in line.categories)
        and all(line.attributes.get(name) == value for name, value in items.attributes.items())
    )


def combine(one: Promotion, other: Promotion) -> bool:
    """Whether each of two promotions allows the other on its lines."""
    return all(
        "*" in a.combines_with or (b.family != "" and b.family in a.combines_with)
        for a, b in ((one, other), (other, one))
    )


def _limits(cart: Cart, caps: Caps | None, amount: list[int], scale: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Give the largest discount of each line, and of lines together; whole minor units."""
    if caps is None:
        return list(amount), []
    _require_currency(caps.currency, cart.currency, "caps")
    pairs = zip(cart.lines, amount, strict=True)
    largest = [line_limit(cart, caps, line, whole // scale) * scale for line, whole in pairs]
    nodes = []
    for names, key in ((caps.product_amount, "product"), (caps.brand_amount, "brand")):
        of_name: dict[str, int] = {}
        for i, line in enumerate(cart.lines if names else ()):
            of_name[getattr(line, key)] = of_name.get(getattr(line, key), 0) | 1 << i
        for name, most in names.items():
            lines = of_name.get(name, 0)
            if lines:
                nodes.append((lines, cart.minor(most) * scale))
        for i, line in enumerate(cart.lines if names else ()):  # no line takes more than its lines together
            if getattr(line, key) in names:
                largest[i] = min(largest[i], cart.minor(names[getattr(line, key)]) * scale)
    orders = order_limits(cart, caps, sum(amount) // scale)
    if orders:
        whole = min(orders.values()) * scale
        nodes.append(((1 << len(amount)) - 1, whole))
        largest = [min(most, whole) for most in largest]
    return largest, nodes


def order_limits(cart: Cart, caps: Caps, amount: int) -> dict[str, int]:
    """Give the largest discount that each cap leaves to the whole order, by the name of the cap."""
    limits = {}
    if caps.order_amount is not None:
        limits["order_amount"] = cart.minor(caps.order_amount)
    if caps.order_percent is not None:
        limits["order_percent"] = amount * _millionths(caps.order_percent) // MILLION
    return limits


def line_limit(cart: Cart, caps: Caps, line: CartLine, amount: int) -> int:
    return max(0, min([amount, *line_limits(cart, caps, line, amount).values()]))


def line_limits(cart: Cart, caps: Caps, line: CartLine, amount: int) -> dict[str, int]:
    """Give the largest discount that each cap leaves to one line by itself, by the name of the cap."""
    percents = {
        "product_percent": caps.product_percent.get(line.product),
        "brand_percent": caps.brand_percent.get(line.brand),
        "line_percent": caps.line_percent,
    }
    limits = {
        name: amount * _millionths(percent) // MILLION for name, percent in percents.items() if percent is not None
    }
    if caps.line_amount is not None:
        limits["line_amount"] = cart.minor(caps.line_amount)
    if line.product in caps.floor_price:
        limits["floor_price"] = amount - cart.minor(caps.floor_price[line.product]) * line.quantity
    if caps.margin_percent is not None and line.unit_cost is not None:
        kept = MILLION - _millionths(caps.margin_percent)
        cost = cart.minor(line.unit_cost) * line.quantity
        limits["margin_percent"] = amount + -cost * MILLION // kept if kept else 0
    return limits


def _activate(problem: Problem, ready: Ready, lines_of: Callable[[Items], int]) -> None:
    """Add a promotion to those that can apply, or say why it cannot."""
    promotion = ready.promotion
    reason = None if ready.always else refusal(problem.cart, ready)
    lines = lines_of(promotion.items)
    if reason is None and not (lines and ready.of_any_size):
        reason = _shortage(problem, ready, lines, lines_of)
    if reason is not None:
        problem.rejected[promotion.id] = reason
        return
    sets = tuple(lines & lines_of(items) for items in promotion.sets)
    reached = lines
    if sets:
        reached = reduce(or_, sets)
    elif ready.kind == "delivery":
        reached = 0
    active = Active(
        ready,
        1 << ready.place,
        reached,
        step=_step(problem, ready, lines),
        limit=None if ready.limit is None else ready.limit * problem.scale,
        times=ready.times,
        lines_to_get=0 if promotion.get_items is None else lines_of(promotion.get_items),
        sets=sets,
    )
    if active.step[0] == SHARED:
        active.limit = min(size for size in (active.step[1], active.limit) if size is not None)
    problem.active.append(active)


def _step(problem: Problem, ready: Ready, lines: int) -> tuple[int, int]:
    """Say what a promotion does to each of its lines, and how much: millionths, or an amount."""
    promotion, scale = ready.promotion, problem.scale
    rate = AFTER_OTHERS if promotion.basis == "discounted" else OF_INITIAL
    if promotion.benefit == "threshold":
        total = sum(problem.amount[i] for i in bits(lines)) // scale
        reached = max(off for start, off in ready.steps if start <= total)
        return (rate, reached) if promotion.steps_in == "percent" else (SHARED, reached * scale)
    if promotion.benefit == "gift":
        return (SHARED, ready.sizes["gift_value"] * promotion.gift_quantity * scale)
    if "percent_off" in ready.sizes:
        return (rate, ready.sizes["percent_off"])
    if "price" in ready.sizes:
        return (TO_PRICE, ready.sizes["price"] * scale)
    if "amount_off" in ready.sizes:
        return (SHARED if promotion.on == "order" else PER_UNIT, ready.sizes["amount_off"] * scale)
    return (SHARED, problem.delivery)


def refusal(cart: Cart, ready: Ready) -> Rejected | None:  # noqa: PLR0911 - one answer for each reason
    """Say why a promotion is not for this purchase at all; None where it is."""
    promotion = ready.promotion
    where: tuple[tuple[RejectedKind, tuple[str, ...], tuple[str, ...]], ...] = (
        ("channel", promotion.channels, (cart.channel,)),
        ("place", promotion.places, (cart.place,)),
        ("segment", promotion.segments, cart.segments),
    )
    for kind, wanted, given in where:
        if wanted and not any(word in wanted for word in given):
            return _rejected(promotion, kind, f"only for {kind} {' or '.join(wanted)}")
    if promotion.first_purchase and not cart.first_purchase:
        return _rejected(promotion, "first_purchase", "only for a first purchase")
    if promotion.code is not None and promotion.code not in cart.codes:
        return _rejected(promotion, "code", "needs its code")
    if promotion.uses_left_customer == 0:
        return _rejected(promotion, "limit", "the customer has used it as often as allowed")
    if promotion.uses_left == 0:
        return _rejected(promotion, "limit", "used as often as allowed")
    if ready.limit is not None and ready.limit < ready.sizes.get("gift_value", 1) * promotion.gift_quantity:
        return _rejected(promotion, "budget", "the budget is spent")
    return not_now(cart.time, promotion)


def not_now(time: np.datetime64 | None, promotion: Promotion) -> Rejected | None:  # noqa: PLR0911 - the same
    """Say why a promotion does not hold at a local time; None where it does."""
    rules = (promotion.starts, promotion.ends, promotion.hours)
    if not promotion.weekdays and rules == (None, None, None):
        return None
    if time is None:
        return _rejected(promotion, "period", "needs the time of the purchase")
    if promotion.starts is not None and time < promotion.starts:
        return _rejected(promotion, "period", f"starts {moment_text(promotion.starts)}")
    if promotion.ends is not None and time >= first_moment_after(promotion.ends):
        return _rejected(promotion, "period", f"ended {moment_text(promotion.ends)}")
    day = time.astype("datetime64[D]")
    if promotion.hours is not None:
        start, end = (_minutes(text) for text in promotion.hours)
        minute = int((time - day) // np.timedelta64(1, "m"))
        past_midnight = end < start and minute < end
        if past_midnight:
            day = day - np.timedelta64(1, "D")
        if not (past_midnight or start <= minute < (end if end > start else _MINUTES_A_DAY)):
            return _rejected(promotion, "hours", f"only from {promotion.hours[0]} to {promotion.hours[1]}")
    if promotion.weekdays and WEEKDAYS[(int(day.astype(np.int64)) + 3) % 7] not in promotion.weekdays:
        return _rejected(promotion, "weekday", f"only on {', '.join(promotion.weekdays)}")
    return None


def _minutes(text: str) -> int:
    return 60 * int(text[:2]) + int(text[3:])


def _shortage(problem: Problem, ready: Ready, lines: int, lines_of: Callable[[Items], int]) -> Rejected | None:
    """Say what is missing in the cart; None where nothing is."""
    promotion, cart = ready.promotion, problem.cart
    if not ready.possible:
        return _rejected(promotion, "no_items", "its conditions on items contradict each other")
    if promotion.benefit == "free_delivery" and not problem.delivery:
        return _rejected(promotion, "no_items", "there is no delivery to pay for")
    n_units = sum(problem.quantity[i] for i in bits(lines))
    if not lines and promotion.benefit != "bundle":
        n_missing = sum(n for _, n in units_missing(promotion, cart, n_units))
        return _rejected(promotion, "no_items", f"needs {named(promotion.items)}", missing_quantity=n_missing)
    if n_units < least_units(promotion):
        return _too_few(promotion, cart, n_units)
    total = sum(problem.amount[i] for i in bits(lines)) // problem.scale
    starts = [ready.sizes["min_amount"], ready.sizes.get("bundle_total", 0), *(start for start, _ in ready.steps[:1])]
    if total < max(starts):
        missing = max(starts) - total
        text = f"needs {money_text(missing, exponent_in(cart))} more of {named(promotion.items)}"
        return _rejected(promotion, "minimum", text, missing_amount=missing)
    return _too_few(promotion, cart, n_units) if missing_of(promotion, cart, lines_of) else None


def _too_few(promotion: Promotion, cart: Cart, n_units: int) -> Rejected:
    """Say which units are missing, of a cart that holds some units of the items."""
    short = units_missing(promotion, cart, n_units)
    held = [any(all(fits(items, line) for items in wanted) for line in cart.lines) for wanted, _ in short]
    parts = ((named(*wanted), n, n > 1 or some) for (wanted, n), some in zip(short, held, strict=True))
    text = " and ".join(f"{n} more of {name}" if some else name for name, n, some in parts)
    kind: RejectedKind = "minimum" if all(held) or n_units < least_units(promotion) else "no_items"
    return _rejected(promotion, kind, f"needs {text}", missing_quantity=sum(n for _, n in short))


def least_units(promotion: Promotion) -> int:
    """Give the units of its items that a cart must hold, whatever else it holds."""
    group = promotion.buy + (promotion.get if promotion.get_items is None else 0)
    return max(promotion.min_quantity, group, 0 if promotion.benefit == "bundle" else 1)


def units_missing(promotion: Promotion, cart: Cart, n_units: int) -> list[tuple[tuple[Items, ...], int]]:
    """Give the fewest units to add, so that a promotion has all units that it needs: conditions on them, how many.

    `n_units` of its items are in the cart. A unit to get that is one of the items too counts for both.
    """
    items, lacking = promotion.items, least_units(promotion) - n_units
    if not promotion.sets and promotion.get_items is None:  # the same, only sooner
        return [((items,), lacking)] if lacking > 0 else []
    found: dict[tuple[Items, ...], int] = {}
    of_group = missing_of(promotion, cart)
    for other, n in sorted(of_group, key=lambda part: part[0] != items):
        is_item = bool(promotion.sets) or other == items
        n_both = n if is_item else max(0, min(n, lacking)) if can_meet(other, items) else 0
        both, alone = (other,) if other == items else (other, items), (items,) if other == items else (other,)
        if named(*both) == named(*alone):
            both = alone
        for wanted, number in ((both, n_both), (alone, n - n_both)):
            found[wanted] = found.get(wanted, 0) + number
        lacking -= n_both
    found[(items,)] = found.get((items,), 0) + max(0, lacking)
    return [(wanted, n) for wanted, n in found.items() if n]


def conditions_of(promotion: Promotion) -> list[tuple[Items, ...]]:
    """Give the conditions that lines must meet together, once for each kind of unit that a promotion needs."""
    if promotion.sets:
        return [(items, promotion.items) for items in promotion.sets]
    return [(items,) for items in (promotion.items, promotion.get_items) if items is not None]


def can_meet(*conditions: Items) -> bool:
    """Whether one line can meet all of some conditions."""
    for word in ("products", "brands"):
        wanted = [set(getattr(items, word)) for items in conditions if getattr(items, word)]
        excluded = {name for items in conditions for name in getattr(items, f"except_{word}")}
        if wanted and not set.intersection(*wanted) - excluded:
            return False
    excluded = {name for items in conditions for name in items.except_categories}
    if any(items.categories and excluded.issuperset(items.categories) for items in conditions):
        return False
    attributes = {pair for items in conditions for pair in items.attributes.items()}
    return len({name for name, _ in attributes}) == len(attributes)


def missing_of(
    promotion: Promotion, cart: Cart, lines_of: Callable[[Items], int] | None = None
) -> list[tuple[Items, int]]:
    """Name the items, and how many of each, that one group still needs beside what the cart holds.

    A group is one unit of each set of a bundle, or the units to buy and those to get of other items.
    """
    wanted = list(promotion.sets)
    if promotion.get_items is not None:
        wanted = [promotion.items] * promotion.buy + [promotion.get_items] * promotion.get
    if not wanted:
        return []
    lines_of = finder(cart) if lines_of is None else lines_of
    able = lines_of(promotion.items) if promotion.sets else (1 << len(cart.lines)) - 1
    of_items = {items: bits(able & lines_of(items)) for items in {*wanted}}
    lines = [of_items[items] for items in wanted]
    left = [line.quantity for line in cart.lines]
    taken: dict[int, int] = {}  # place in the group -> line

    def fill(place: int, seen: set[int]) -> bool:
        """Give a place a unit, if need be by giving another place another one."""
        for i in lines[place]:
            if i in seen:
                continue
            seen.add(i)
            others = [other for other, line in taken.items() if line == i]
            if len(others) < left[i] or any(fill(other, seen) for other in others):
                taken[place] = i
                return True
        return False

    short: dict[Items, int] = {}
    for place, items in enumerate(wanted):
        if not fill(place, set()):
            short[items] = short.get(items, 0) + 1
    return list(short.items())


def _rejected(promotion: Promotion, kind: RejectedKind, reason: str, **missing: Any) -> Rejected:
    return Rejected(promotion=promotion.id, kind=kind, reason=reason, **missing)


_WORDS = (("product", "products"), ("brand", "brands"), ("category", "categories"))


def named(*conditions: Items) -> str:
    """Name items that meet all of some conditions, in a sentence."""
    wanted: list[str] = []
    excluded: list[str] = []
    for items in conditions:
        wanted += [f"{word} {' or '.join(names)}" for word, field in _WORDS if (names := getattr(items, field))]
        wanted += [f"{name} {value}" for name, value in items.attributes.items()]
        excluded += [f"{word} {name}" for word, field in _WORDS for name in getattr(items, f"except_{field}")]
    text = ", ".join(dict.fromkeys(wanted)) or "any item"
    return f"{text} except {' or '.join(dict.fromkeys(excluded))}" if excluded else text
