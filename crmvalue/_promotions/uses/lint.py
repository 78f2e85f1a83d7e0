"""What is wrong with a set of promotions before anyone buys."""

from __future__ import annotations

from functools import reduce
from heapq import merge
from itertools import product
from operator import and_, or_
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from crmvalue._core.checks import as_ordered_items, as_text, as_time
from crmvalue._core.json import from_json, to_json
from crmvalue._core.money import as_currency
from crmvalue._core.values import checked_field, choice_field, of_class, optional, words_field
from crmvalue._promotions.caps import Caps
from crmvalue._promotions.cart import Cart, CartLine, exponent_in
from crmvalue._promotions.prepare import bits, can_meet, conditions_of, finder, line_limit, not_now, ready
from crmvalue._promotions.promotion import Items, Promotion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from crmvalue._promotions.prepare import Ready

__all__ = ["Finding", "lint_promotions"]

FindingKind = Literal["never", "beaten", "shadowed", "apart", "floor", "unknown", "families"]

_MANY = 10**6
"""Units of a product, so that a percentage of the smallest price is at least one minor unit."""

_WORDS = ("products", "brands", "categories")
"""Conditions on items that are lists of names, any of which will do."""


@attrs.frozen(kw_only=True)
class Finding:
    """What is wrong with one promotion, with several, or with a cap.

    Parameters
    ----------
    kind : {"never", "beaten", "shadowed", "apart", "floor", "unknown", "families"}
        "never": the promotion can never apply. "beaten": another one is always at least as good. "shadowed": one that
        applies alone is always at least as good as all others together. "apart": promotions that are meant to combine
        never hold at the same time. "floor": caps leave no discount on any product. "unknown": a brand, product or
        category is not in the catalogue. "families": promotions contradict each other on what they combine with.
    promotions : sequence of str
        Ids of the promotions, the one to change first; empty for a cap.
    text : str
        A sentence that says what is wrong.

    Examples
    --------
    >>> Finding(kind="never", promotions=["spring"], text="spring never applies: no use is left").promotions
    ('spring',)
    """

    kind: FindingKind = choice_field("kind", FindingKind)
    promotions: tuple[str, ...] = words_field("promotions")
    text: str = checked_field("text", as_text)

    def to_json(self) -> str:
        """Write the finding as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Finding:
        """Read what :meth:`to_json` wrote, or the same written by hand."""
        return from_json(cls, text)


def lint_promotions(
    promotions: Sequence[Promotion],
    *,
    caps: Caps | None = None,
    catalogue: Sequence[CartLine] | None = None,
    currency: str | None = None,
    as_of: Any = None,
) -> tuple[Finding, ...]:
    """Find promotions that can do nothing, and contradictions, before anyone buys.

    What is found is certain, up to one minor unit of rounding; not all that could be wrong is found.

    Parameters
    ----------
    promotions : sequence of Promotion
        The promotions that run together.
    caps : Caps, optional
        Technical limits.
    catalogue : sequence of CartLine, optional
        One line for each product that is sold, with its brand, categories, attributes, price and cost. Without it,
        nothing is said of unknown names and of floors.
    currency : str, optional
        Currency of the catalogue, by three letters; required with a catalogue.
    as_of : date-like, optional
        Promotions that ended before this time never apply.

    Returns
    -------
    tuple of Finding
        What was found; empty if nothing was.

    Raises
    ------
    InputError
        If two promotions have one id, or an argument is outside its range.

    Notes
    -----
    A promotion is called beaten where another one of the same kind is for at least the same lines, customers, channels,
    times and minima, takes off at least as much without limits, and may meet every promotion that the first may meet.
    Without a beaten or shadowed promotion, every cart costs the same.

    Examples
    --------
    >>> offers = [
    ...     Promotion.percent("soap", 10, brands=["Belle"]),
    ...     Promotion.percent("all", 15),
    ...     Promotion.percent("old", 30, ends="2026-02-28"),
    ... ]
    >>> for finding in lint_promotions(offers, as_of="2026-03-01"):
    ...     print(finding.kind, finding.text)
    beaten soap is always beaten by all
    never old never applies: it ended 2026-02-28
    """
    listed = as_ordered_items("promotions", promotions, "a list of promotions")
    given = tuple(of_class(Promotion)("promotions", promotion) for promotion in listed)
    caps = optional(of_class(Caps))("caps", caps)
    now = optional(as_time)("as_of", as_of)
    known = None
    if catalogue is not None:
        items = as_ordered_items("catalogue", catalogue, "a list of lines, one for each product")
        products = [of_class(CartLine)("catalogue", line) for line in items]
        lines = tuple(attrs.evolve(line, id=str(i), quantity=1) for i, line in enumerate(products))
        known = Cart(lines=lines, currency=as_currency("currency", currency))
    made = ready(given, exponent_in(known) if known else 4)
    of_id = {one.promotion.id: one for one in made}
    ordered = [of_id[promotion.id] for promotion in given]
    lines_of = finder(known) if known else None
    never = [found for promotion in given for found in _never(promotion, lines_of, now)]
    findings = [*never, *_beaten(ordered, never), *_shadowed(ordered, never), *_apart(given), *_groups(ordered)]
    if known is not None:
        findings += [*_unknown(given, caps, known), *_below_floor(given, caps, known)]
    return tuple(sorted(findings, key=lambda finding: (finding.kind, finding.promotions, finding.text)))


def _never(
    promotion: Promotion, lines_of: Callable[[Items], int] | None, now: np.datetime64 | None
) -> Iterator[Finding]:
    """Say why a promotion can never apply."""
    reasons = []
    if promotion.uses_left == 0 or promotion.uses_left_customer == 0:
        reasons.append("no use is left")
    least = promotion.gift_value or 0
    for name in ("budget_left", "max_discount"):
        limit = getattr(promotion, name)
        if limit is not None and (limit == 0 or (type(limit) is type(least) and limit < least)):
            reasons.append(f"`{name}` is {limit}")
    needed = conditions_of(promotion)
    if not all(can_meet(*wanted) for wanted in needed):
        reasons.append("its conditions on items contradict each other")
    elif lines_of is not None and not all(reduce(and_, map(lines_of, wanted)) for wanted in needed):
        reasons.append("no product of the catalogue is among its items")
    if not _times(promotion, promotion):
        reasons.append("its hours or weekdays are outside its period")
    elif now is not None and promotion.ends is not None and not_now(now, attrs.evolve(promotion, starts=None)):
        ended = not_now(now, attrs.evolve(promotion, starts=None, weekdays=(), hours=None))
        if ended is not None:
            reasons.append(f"it {ended.reason}")
    if reasons:
        text = f"{promotion.id} never applies: {' and '.join(reasons)}"
        yield Finding(kind="never", promotions=(promotion.id,), text=text)


def _times(one: Promotion, other: Promotion) -> bool:
    """Whether there is a time at which both promotions hold."""
    starts = [p.starts for p in (one, other) if p.starts is not None]
    start = max(starts, default=None)
    if not any(p.weekdays or p.hours for p in (one, other)):
        return start is None or all(start < _end(p.ends) for p in (one, other) if p.ends is not None)
    if start is None:
        ends = [p.ends.astype("datetime64[D]") for p in (one, other) if p.ends is not None]
        start = (min(ends) - np.timedelta64(9, "D")) if ends else np.datetime64("2026-01-05")
    start = start.astype("datetime64[us]")
    clocks = {"00:00", *(hour for p in (one, other) if p.hours for hour in p.hours if hour != "24:00")}
    times = [start]
    for day in range(10):
        for clock in clocks:
            minutes = 60 * int(clock[:2]) + int(clock[3:])
            times.append(start.astype("datetime64[D]") + np.timedelta64(24 * 60 * day + minutes, "m"))
    return any(bool(time >= start) and not_now(time, one) is None and not_now(time, other) is None for time in times)


def _covers(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def _wherever(one: Promotion, other: Promotion) -> bool:
    """Whether a promotion holds for each line and each purchase for which another one does."""
    a, b = one.items, other.items
    items = all(_covers(getattr(a, name), getattr(b, name)) for name in ("products", "brands", "categories")) and all(
        set(getattr(a, name)) <= set(getattr(b, name))
        for name in ("except_products", "except_brands", "except_categories")
    )
    starts = one.starts is None or (other.starts is not None and one.starts <= other.starts)
    same_ends = one.ends is None or (other.ends is not None and _end(one.ends) >= _end(other.ends))
    return (
        items
        and set(a.attributes.items()) <= set(b.attributes.items())
        and all(_covers(getattr(one, name), getattr(other, name)) for name in ("channels", "places", "segments"))
        and bool(starts)
        and bool(same_ends)
        and _covers(one.weekdays, other.weekdays)
        and (one.hours == other.hours or (one.hours is None and not (one.weekdays and _is_past_midnight(other))))
        and (other.first_purchase or not one.first_purchase)
        and one.code in {None, other.code}
        and one.min_quantity <= other.min_quantity
        and _at_most(one.min_amount, other.min_amount)
        and one.currency in {None, other.currency}
    )


def _is_past_midnight(promotion: Promotion) -> bool:
    """Whether hours go on after midnight, which is another day of the week."""
    return promotion.hours is not None and "00:00" < promotion.hours[1] < promotion.hours[0]


def _end(time: np.datetime64) -> np.datetime64:
    """Give the moment after the end of a period."""
    day = np.datetime_data(time.dtype)[0] == "D"
    return (time + np.timedelta64(1, "D")).astype("datetime64[us]") if day else time


def _at_most(one: Any, other: Any) -> bool:
    """Whether an amount is at most another, both written alike."""
    return one == 0 or (type(one) is type(other) and one <= other)


def _is_unlimited(promotion: Promotion) -> bool:
    limits = (promotion.limit_per_order, promotion.uses_left_customer, promotion.uses_left)
    return limits == (None, None, None) and promotion.max_discount is None and promotion.budget_left is None


def _is_simple(promotion: Promotion) -> bool:
    """Whether a promotion is one of those whose sizes can be compared, by its kind."""
    return _is_unlimited(promotion) and (
        promotion.benefit in {"percent", "free_delivery", "fixed_price"}
        or (promotion.benefit == "amount" and promotion.on == "line")
    )


def _takes_as_much(one: Promotion, other: Promotion) -> bool:
    """Whether a promotion of the same kind takes at least as much off each line."""
    if (one.benefit, one.on, one.basis) != (other.benefit, other.on, other.basis):
        return False
    if one.on == "order" and one.items != other.items:
        return False
    if one.benefit == "percent":
        return one.percent_off is not None and other.percent_off is not None and one.percent_off >= other.percent_off
    if one.benefit == "fixed_price":
        return _at_most(one.price, other.price)
    return one.benefit == "free_delivery" or _at_most(other.amount_off, one.amount_off)


def _beaten(given: Sequence[Ready], never: Sequence[Finding]) -> Iterator[Finding]:
    """Find promotions that another one can replace in each cart."""
    idle = {finding.promotions[0] for finding in never}
    simple = [made for made in given if _is_simple(made.promotion) and made.promotion.id not in idle]
    simple.sort(key=lambda made: -_strength(made.promotion))  # what takes most off is asked first, and beats most
    of_key: dict[tuple[Any, ...], list[tuple[int, Ready]]] = {}
    places: dict[tuple[Any, ...], int] = {}  # of the same promotions, as bits
    for k, made in enumerate(simple):
        for key in _keys(made.promotion):
            of_key.setdefault(key, []).append((k, made))
            places[key] = places.get(key, 0) | 1 << made.place
    of_place = {made.place: made.promotion for made in given}
    for made in simple:
        other = made.promotion
        keys = [key for key in _keys_above(other) if places.get(key, 0) & made.bad]  # whoever combines beats nobody
        for _, candidate in merge(*(of_key[key] for key in keys), key=lambda item: item[0]):
            one = candidate.promotion
            if one is other or not _takes_as_much(one, other) or not _wherever(one, other):
                continue
            equal = _takes_as_much(other, one) and _wherever(other, one)
            if equal and (-one.priority, one.id) > (-other.priority, other.id):
                continue  # of two equal ones, the one that loses ties
            if _can_stand_for(candidate, made, of_place):
                text = f"{other.id} is always beaten by {one.id}"
                yield Finding(kind="beaten", promotions=(other.id, one.id), text=text)
                break


def _strength(one: Promotion) -> float:
    """Give a number that grows with what a simple promotion takes off, among those of its kind."""
    return float(one.percent_off or one.amount_off or 0) - float(one.price or 0)


def _keys(one: Promotion) -> list[tuple[Any, ...]]:
    """Give the keys under which a promotion is found: its kind and code, with the first words that bind its items."""
    kind = (one.benefit, one.on, one.basis, one.code)
    for word in _WORDS:
        if getattr(one.items, word):
            return [(*kind, word, name) for name in getattr(one.items, word)]
    return [(*kind, "", "")]


def _keys_above(other: Promotion) -> list[tuple[Any, ...]]:
    """Give the keys of all promotions that hold wherever this one does."""
    kind = (other.benefit, other.on, other.basis)
    names = [("", ""), *((word, getattr(other.items, word)[0]) for word in _WORDS if getattr(other.items, word))]
    return [(*kind, code, *name) for code in {None, other.code} for name in names]


def _can_stand_for(one: Ready, other: Ready, of_place: dict[int, Promotion]) -> bool:
    """Whether a promotion may stand in the place of another, beside each one that the other may meet."""
    both, every = 1 << one.place | 1 << other.place, (1 << len(of_place)) - 1
    if not one.bad >> other.place & 1 or (one.promotion.alone and not other.promotion.alone):
        return False
    companions = every & ~other.bad & ~both
    if companions & one.bad:
        return False
    low, high = sorted((one.promotion.id, other.promotion.id))
    beside = (of_place[place] for place in bits(companions))
    return not any(p.benefit == "percent" and low < p.id < high for p in beside)  # rounding is by this order


def _shadowed(given: Sequence[Ready], never: Sequence[Finding]) -> Iterator[Finding]:
    """Find promotions that one which applies alone is always at least as good as."""
    idle = {finding.promotions[0] for finding in never}
    beside = [made for made in given if not made.promotion.alone and made.promotion.id not in idle]
    others, together = [made.promotion for made in beside], sum(1 << made.place for made in beside)
    plain = all(p.benefit == "percent" and p.limit_per_order is None for p in others)
    if not plain or any(together & ~made.bad & ~(1 << made.place) for made in beside):
        return
    most = max((p.percent_off for p in others if p.percent_off is not None), default=None)
    for one in (made.promotion for made in given):
        strong = one.alone and one.benefit == "percent" and _is_unlimited(one) and one.id not in idle
        if not strong or most is None or one.percent_off is None or one.percent_off < most or one.items != Items():
            continue
        for other in others:
            if _wherever(one, other):
                text = f"{other.id} is in the shadow of {one.id}, which applies alone and takes off at least as much"
                yield Finding(kind="shadowed", promotions=(other.id, one.id), text=text)


def _apart(given: Sequence[Promotion]) -> Iterator[Finding]:
    """Find promotions that are meant to combine but never hold at the same time."""
    alike: dict[tuple[Any, ...], list[int]] = {}  # places of one family, one list of families and one time
    for place, p in enumerate(given):
        if p.family and p.combines_with:  # str keeps a day and its midnight apart
            key = (p.family, p.combines_with, str(p.starts), str(p.ends), p.weekdays, p.hours)
            alike.setdefault(key, []).append(place)
    firsts = [(given[places[0]], key[2:], places) for key, places in alike.items()]
    kinds = [kind for kind in firsts if _times(kind[0], kind[0])]
    of_family: dict[str, list[int]] = {}
    for k, (p, _, _) in enumerate(kinds):
        of_family.setdefault(p.family, []).append(k)
    for k, (p, when, places) in enumerate(kinds):
        for other in (n for family in {*p.combines_with} for n in of_family.get(family, []) if n > k):
            q, other_when, other_places = kinds[other]
            if p.family not in q.combines_with or when == other_when or _times(p, q):
                continue
            for a, b in (sorted(pair) for pair in product(places, other_places)):
                one, two = given[a].id, given[b].id
                text = f"{one} and {two} allow each other, but never hold at the same time"
                yield Finding(kind="apart", promotions=(one, two), text=text)


def _groups(given: Sequence[Ready]) -> Iterator[Finding]:
    """Find contradictions in what promotions combine with."""
    promotions = [one.promotion for one in given]
    families = {promotion.family for promotion in promotions}
    for promotion in promotions:
        if promotion.alone and promotion.combines_with:
            text = f"{promotion.id} applies alone, but says what it combines with"
            yield Finding(kind="families", promotions=(promotion.id,), text=text)
        for family in promotion.combines_with:
            if family not in {*families, "*"}:
                text = f"{promotion.id} combines with family {family}, which no promotion has"
                yield Finding(kind="families", promotions=(promotion.id,), text=text)
    of_family: dict[str, int] = {}  # promotions as bits of their places
    of_place = {made.place: made.promotion for made in given}
    for made in given:
        if made.promotion.family:
            of_family[made.promotion.family] = of_family.get(made.promotion.family, 0) | 1 << made.place
    for made in given:
        one, allowed = made.promotion, reduce(or_, (of_family.get(name, 0) for name in made.promotion.combines_with), 0)
        for other in (of_place[place] for place in bits(allowed & made.bad)):
            text = f"{one.id} allows {other.id}, but {other.id} does not allow {one.id}"
            yield Finding(kind="families", promotions=(one.id, other.id), text=text)


def _unknown(given: Sequence[Promotion], caps: Caps | None, known: Cart) -> Iterator[Finding]:
    """Find names that the catalogue does not have."""
    names: dict[str, set[str]] = {
        "brand": {line.brand for line in known.lines},
        "product": {line.product for line in known.lines},
        "category": {category for line in known.lines for category in line.categories},
    }
    if caps is not None:
        for field in ("brand_percent", "brand_amount", "product_percent", "product_amount", "floor_price"):
            word = "brand" if field.startswith("brand") else "product"
            for name in getattr(caps, field):
                if name not in names[word]:
                    yield Finding(kind="unknown", promotions=(), text=f"`{field}` caps the unknown {word} {name}")
    fields = (("brand", "brands"), ("product", "products"), ("category", "categories"))
    for promotion in given:
        for items in (promotion.items, *promotion.sets, *([promotion.get_items] if promotion.get_items else [])):
            for word, field in fields:
                for name in (*getattr(items, field), *getattr(items, f"except_{field}")):
                    if name not in names[word]:
                        text = f"{promotion.id} names the unknown {word} {name}"
                        yield Finding(kind="unknown", promotions=(promotion.id,), text=text)


def _below_floor(given: Sequence[Promotion], caps: Caps | None, known: Cart) -> Iterator[Finding]:
    """Find promotions on whose products caps leave no discount at all."""
    if caps is None:
        return
    lines_of = finder(known)
    with_room = sum(1 << i for i, line in enumerate(known.lines) if _room(caps, known, line))
    for promotion in given:
        if promotion.benefit in {"gift", "free_delivery"}:
            continue
        all_items = [promotion.items, *promotion.sets, *([promotion.get_items] if promotion.get_items else [])]
        lines = reduce(or_, map(lines_of, all_items))
        if lines and not lines & with_room:
            text = f"{promotion.id} takes nothing off: floors and caps leave no discount on any of its products"
            yield Finding(kind="floor", promotions=(promotion.id,), text=text)


def _room(caps: Caps, known: Cart, line: CartLine) -> bool:
    """Whether caps leave a discount on many units of a product."""
    together = (
        caps.brand_amount.get(line.brand),
        caps.product_amount.get(line.product),
        caps.order_amount,
        caps.order_percent,
    )
    many = attrs.evolve(line, quantity=_MANY)
    return 0 not in together and line_limit(known, caps, many, known.minor(line.unit_price) * _MANY) > 0
