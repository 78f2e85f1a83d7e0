"""Promotions: what is taken off, of which items, when, for whom, how often, and together with what."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import attrs

from crmvalue._core.checks import (
    as_end,
    as_flag,
    as_name,
    as_text,
    as_whole_number,
    require_choice,
)
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.json import from_json, to_json
from crmvalue._core.labels import moment_repr, moment_text
from crmvalue._core.money import Money, as_money, as_percent
from crmvalue._core.values import (
    checked_field,
    choice_field,
    count_field,
    of_class,
    optional,
    plain_given,
    repr_of_given,
    words_field,
)
from crmvalue._promotions.fields import (
    WEEKDAYS,
    as_hours,
    as_written,
    count_or_none,
    currency_or_none,
    mapping_field,
    money_field,
    money_or_none,
    percent_or_none,
    time_or_none,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    import numpy as np

__all__ = ["Benefit", "Items", "Promotion"]

Benefit = Literal["percent", "amount", "fixed_price", "buy_get", "bundle", "threshold", "gift", "free_delivery"]
Target = Literal["line", "order"]
Basis = Literal["discounted", "initial"]

_ITEM_WORDS = ("products", "brands", "categories", "except_products", "except_brands", "except_categories")
_MOST_BUNDLE = 20
"""Units in one group of items at most."""


@attrs.frozen(kw_only=True, cache_hash=True, repr=False)
class Items:
    """Which lines of a cart a promotion is for: those that meet each condition given; without one, all.

    Parameters
    ----------
    products, brands, categories : sequence of str, optional
        The product, the brand or one of the categories is among these.
    except_products, except_brands, except_categories : sequence of str, optional
        The product, the brand and all categories are none of these.
    attributes : mapping of str to str, optional
        The line has these attributes with these values.

    Examples
    --------
    >>> Items(categories=["perfume"], except_brands=["LUX"]).except_brands
    ('LUX',)
    """

    products: tuple[str, ...] = words_field("products", default=())
    brands: tuple[str, ...] = words_field("brands", default=())
    categories: tuple[str, ...] = words_field("categories", default=())
    except_products: tuple[str, ...] = words_field("except_products", default=())
    except_brands: tuple[str, ...] = words_field("except_brands", default=())
    except_categories: tuple[str, ...] = words_field("except_categories", default=())
    attributes: Mapping[str, str] = mapping_field("attributes", as_text)

    __repr__ = repr_of_given

    def to_json(self) -> str:
        """Write the condition as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Items:
        """Read what :meth:`to_json` wrote, or the same written by hand."""
        return from_json(cls, text)


def _items_field(name: str) -> Any:
    """Field for items: one, or None for those of the promotion."""
    return checked_field(name, optional(of_class(Items)), default=None)


def _sets(given: Any) -> tuple[Items, ...]:
    value = plain_given(given)
    if not isinstance(value, list | tuple) or not all(isinstance(part, Items) for part in value):
        raise InputError("sets", "a list of Items", value)
    return tuple(value)


def _steps(given: Any) -> tuple[tuple[Any, Any], ...]:
    """Take steps as a mapping or pairs from the amount to what is off; the class checks what is off."""
    rule = "pairs of an amount to reach and what is taken off from there"
    value = plain_given(given)
    pairs = list(value.items()) if part_of(value, "items") is not None else value
    if not isinstance(pairs, list | tuple) or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
        raise InputError("steps", rule, value)
    return tuple((as_money("steps", start), off) for start, off in pairs)


@attrs.frozen(kw_only=True, cache_hash=True, repr=False)
class Promotion:
    """One promotion. The class methods make each kind; their other arguments are the fields of this class.

    Parameters
    ----------
    id : str
        Name of the promotion, different from all others.
    benefit : str
        Kind: "percent", "amount", "fixed_price", "buy_get", "bundle", "threshold", "gift" or "free_delivery".
    on : {"line", "order"}, optional
        For a percentage or an amount: of each line by itself, or of the order. A line takes the best of its
        promotions; a promotion of the order is for all of its lines or for none.
    items : Items, optional
        The lines it is for. The class methods also take `products=`, `brands=`, `categories=` and their exceptions.
    percent_off : percent, optional
        Percentage taken off, in (0, 100].
    amount_off : int, Decimal or str, optional
        Amount taken off: of each unit, of each bundle, or of the order.
    price : int, Decimal or str, optional
        Fixed price of each unit, or of each bundle.
    basis : {"discounted", "initial"}, optional
        What a percentage is taken of: the price after the discounts before it, so that percentages follow one another,
        or the price before all discounts, so that they add up.
    buy, get : int, optional
        Units to buy at full price and units that get the discount; the cheapest of each group get it.
    get_items : Items, optional
        Items that get the discount, if they are not the items to buy.
    sets : sequence of Items, optional
        The items of one bundle, one unit of each. `items` narrows each of them.
    bundle_total : int, Decimal or str, optional
        A bundle is any units that together cost at least so much, none of which can be left out.
    steps : mapping or pairs, optional
        Amount of the items to reach, and the percentage or amount taken off from there.
    steps_in : {"percent", "amount"}, optional
        What the steps take off.
    gift_product : str, optional
        Product that is given.
    gift_value : int, Decimal or str, optional
        Value of one gift when promotions are compared, above 0: the price that matters is what is paid less this value.
    gift_quantity : int, optional
        Number of gifts.
    channels, places, segments : sequence of str, optional
        The channel, the place, or one of the customer's segments is among these.
    starts, ends : date-like, optional
        Local time from which and to which it holds. A day as the end belongs to the period; a time does not.
    weekdays : sequence of str, optional
        Days on which it holds, of "mon", "tue", "wed", "thu", "fri", "sat", "sun".
    hours : pair of str, optional
        Hours of these days, such as ("10:00", "14:00"), the end left out. ("22:00", "02:00") goes past midnight; the
        hours after midnight belong to the day before.
    first_purchase : bool, optional
        Only for a first purchase.
    code : str, optional
        Only if `codes` of the cart has it: a word such as SPRING, or the `campaign` of secret codes.
    min_quantity : int, optional
        Units of the items that the cart must hold.
    min_amount : int, Decimal or str, optional
        Price of the items, before discounts, that the cart must reach.
    limit_per_order : int, optional
        How often it applies in one order at most: in groups of units, or in units for a percentage, an amount or a
        price of lines.
    uses_left_customer, uses_left : int, optional
        How often it can still apply for this customer and in all: in groups of units, or in orders for other kinds.
    max_discount, budget_left : int, Decimal or str, optional
        Largest discount of one order, and money left in the campaign.
    family : str, optional
        Name under which other promotions allow this one.
    combines_with : sequence of str, optional
        Families that may meet this promotion on the same line, "*" for all. Both promotions must allow it. Without it
        no other promotion is on its lines. A gift and a threshold are on all of their lines.
    alone : bool, optional
        Applies with no other promotion in the order.
    priority : int, optional
        Breaks ties: the higher one wins.
    currency : str, optional
        Currency of the amounts; by default that of the cart.

    Examples
    --------
    >>> spring = Promotion.percent("spring", 15, brands=["Belle"], channels=["app"])
    >>> spring.benefit, spring.percent_off, spring.items.brands
    ('percent', Decimal('15'), ('Belle',))
    >>> Promotion.n_for_m("3 for 2", 3, 2, categories=["soap"], limit_per_order=2).get
    1
    >>> Promotion.threshold("more", {"300.00": 10, "500.00": 15}).steps
    ((Decimal('300.00'), Decimal('10')), (Decimal('500.00'), Decimal('15')))
    """

    id: str = checked_field("id", as_name)
    benefit: Benefit = choice_field("benefit", Benefit)
    on: Target = choice_field("on", Target, default="line")
    items: Items = checked_field("items", of_class(Items), factory=Items)
    percent_off: Decimal | None = percent_or_none("percent_off")
    amount_off: int | Decimal | None = money_or_none("amount_off")
    price: int | Decimal | None = money_or_none("price")
    basis: Basis = choice_field("basis", Basis, default="discounted")
    buy: int = count_field("buy", default=0)
    get: int = count_field("get", default=0)
    get_items: Items | None = _items_field("get_items")
    sets: tuple[Items, ...] = attrs.field(converter=_sets, default=())
    bundle_total: int | Decimal | None = money_or_none("bundle_total")
    steps: tuple[tuple[Any, Any], ...] = attrs.field(converter=_steps, eq=as_written, default=())
    steps_in: Literal["percent", "amount"] = choice_field("steps_in", ("percent", "amount"), default="percent")
    gift_product: str = checked_field("gift_product", as_text, default="")
    gift_value: int | Decimal | None = money_or_none("gift_value")
    gift_quantity: int = count_field("gift_quantity", low=1, default=1)
    channels: tuple[str, ...] = words_field("channels", default=())
    places: tuple[str, ...] = words_field("places", default=())
    segments: tuple[str, ...] = words_field("segments", default=())
    starts: np.datetime64 | None = time_or_none("starts")
    ends: np.datetime64 | None = checked_field("ends", optional(as_end), default=None, eq=moment_repr, repr=moment_repr)
    weekdays: tuple[str, ...] = words_field("weekdays", distinct=True, default=())
    hours: tuple[str, str] | None = checked_field("hours", optional(as_hours), default=None)
    first_purchase: bool = checked_field("first_purchase", as_flag, default=False)
    code: str | None = checked_field("code", optional(as_name), default=None)
    min_quantity: int = count_field("min_quantity", default=0)
    min_amount: int | Decimal = money_field("min_amount", default=0)
    limit_per_order: int | None = count_or_none("limit_per_order", 1)
    uses_left_customer: int | None = count_or_none("uses_left_customer", 0)
    uses_left: int | None = count_or_none("uses_left", 0)
    max_discount: int | Decimal | None = money_or_none("max_discount")
    budget_left: int | Decimal | None = money_or_none("budget_left")
    family: str = checked_field("family", as_text, default="")
    combines_with: tuple[str, ...] = words_field("combines_with", default=())
    alone: bool = checked_field("alone", as_flag, default=False)
    priority: int = count_field("priority", low=-(10**9), default=0)
    currency: str | None = currency_or_none("currency")

    __repr__ = repr_of_given

    def __attrs_post_init__(self) -> None:
        for day in self.weekdays:
            require_choice("weekdays", day, WEEKDAYS)
        if self.starts is not None and self.ends is not None and self.ends < self.starts:
            raise InputError("ends", f"after the start {moment_text(self.starts)}", moment_text(self.ends))
        for name in sorted(_OWN_FIELDS - _FIELDS_OF[self.benefit]):
            if getattr(self, name) != _DEFAULTS[name]:
                raise InputError(name, f"left out where the benefit is {self.benefit!r}", getattr(self, name))
        _CHECKS[self.benefit](self)

    @classmethod
    def percent(cls, id: str, percent_off: Any, **rules: Any) -> Promotion:  # noqa: A002 - the name of the field
        """Take a percentage off each line, or off the order with `on="order"`."""
        return cls(id=id, benefit="percent", percent_off=percent_off, **_rules(rules))

    @classmethod
    def amount(cls, id: str, amount_off: Any, **rules: Any) -> Promotion:  # noqa: A002 - the name of the field
        """Take an amount off each unit, or one amount off the order with `on="order"`."""
        return cls(id=id, benefit="amount", amount_off=amount_off, **_rules(rules))

    @classmethod
    def fixed_price(cls, id: str, price: Any, **rules: Any) -> Promotion:  # noqa: A002 - the name of the field
        """Sell each unit at a fixed price, where that is lower."""
        return cls(id=id, benefit="fixed_price", price=price, **_rules(rules))

    @classmethod
    def buy_get(cls, id: str, buy: int, get: int, percent_off: Any = 100, **rules: Any) -> Promotion:  # noqa: A002 - the name of the field
        """Buy some units, get others with a discount; with `get_items`, the others are of these."""
        return cls(id=id, benefit="buy_get", buy=buy, get=get, percent_off=percent_off, **_rules(rules))

    @classmethod
    def n_for_m(cls, id: str, n: int, m: int, **rules: Any) -> Promotion:  # noqa: A002 - the name of the field
        """Sell n units for the price of the m dearest of them."""
        n, m = as_whole_number("n", n, low=2, high=_MOST_BUNDLE), as_whole_number("m", m, low=1)
        if m >= n:
            raise InputError("m", f"below n, which is {n}", m)
        return cls.buy_get(id, m, n - m, **rules)

    @classmethod
    def bundle(
        cls,
        id: str,  # noqa: A002 - the name of the field
        sets: Any = None,
        *,
        quantity: int | None = None,
        total: Any = None,
        **rules: Any,
    ) -> Promotion:
        """Take something off each bundle: one unit of each set, `quantity` units, or units that cost `total`.

        One of `percent_off`, `amount_off` and `price` says what a bundle gets.
        """
        given = _rules(rules)
        if sum(part is None for part in (sets, quantity, total)) != 2:
            raise InputError("sets", "given, or `quantity`, or `total`: one of the three", sets)
        if quantity is not None:
            sets = (given.get("items", Items()),) * as_whole_number("quantity", quantity, low=1, high=_MOST_BUNDLE)
        least = None if total is None else _money_above_0("total", total)
        return cls(id=id, benefit="bundle", sets=() if sets is None else sets, bundle_total=least, **given)

    @classmethod
    def threshold(cls, id: str, steps: Any, steps_in: Any = "percent", **rules: Any) -> Promotion:  # noqa: A002 - the name of the field
        """Take more off the order, the more its items cost: {"300.00": 10} is 10 % from 300."""
        return cls(id=id, benefit="threshold", steps=steps, steps_in=steps_in, **{"on": "order", **_rules(rules)})

    @classmethod
    def gift(cls, id: str, product: str, value: Any, **rules: Any) -> Promotion:  # noqa: A002 - the name of the field
        """Give a product with the purchase; `value` is what it counts when promotions are compared."""
        given = {"on": "order", **_rules(rules)}
        worth = _money_above_0("value", value)
        return cls(id=id, benefit="gift", gift_product=as_name("product", product), gift_value=worth, **given)

    @classmethod
    def free_delivery(cls, id: str, **rules: Any) -> Promotion:  # noqa: A002 - the name of the field
        """Take the price of the delivery off."""
        return cls(id=id, benefit="free_delivery", **{"on": "order", **_rules(rules)})

    def to_json(self) -> str:
        """Write the promotion as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Promotion:
        """Read what :meth:`to_json` wrote, or the same written by hand."""
        return from_json(cls, text, Items)


def _rules(rules: dict[str, Any]) -> dict[str, Any]:
    """Bring conditions on items that are given one by one into the field `items`."""
    for name in rules:
        if name not in _DEFAULTS and name not in _ITEM_WORDS:
            near = get_close_matches(name, [*_DEFAULTS, *_ITEM_WORDS], n=1)
            raise TypeError(f"a promotion has no `{name}`" + (f"; did you mean `{near[0]}`?" if near else ""))
    words = {name: rules[name] for name in _ITEM_WORDS if name in rules}
    others = {name: value for name, value in rules.items() if name not in words}
    if not words:
        return others
    if "items" in others:
        raise InputError("items", "left out where its conditions are given one by one", sorted(words))
    return {**others, "items": Items(**words)}


def _money_above_0(name: str, value: Any) -> int | Decimal:
    amount = as_money(name, value)
    if amount <= 0:
        raise InputError(name, "above 0", value)
    return amount


def _require(promotion: Promotion, name: str, *, above: int | None = None) -> None:
    value = getattr(promotion, name)
    if value is None or (above is not None and value <= above):
        rule = f"given where the benefit is {promotion.benefit!r}" if above is None else f"above {above}"
        raise InputError(name, rule, value)


def _check_percent(promotion: Promotion) -> None:
    _require(promotion, "percent_off")
    _check_limit(promotion)


def _check_amount(promotion: Promotion) -> None:
    _require(promotion, "amount_off", above=0)
    _check_limit(promotion)


def _check_price(promotion: Promotion) -> None:
    _require(promotion, "price")
    _require_on(promotion, "line")
    _check_limit(promotion)


def _check_limit(promotion: Promotion) -> None:
    limited = promotion.max_discount is not None or promotion.budget_left is not None
    if promotion.limit_per_order is not None and (promotion.on == "order" or limited):
        rule = "left out with `on='order'`, `max_discount` or `budget_left`"
        raise InputError("limit_per_order", rule, promotion.limit_per_order)


def _check_buy_get(promotion: Promotion) -> None:
    _require_on(promotion, "line")
    _require(promotion, "percent_off")
    _require(promotion, "buy", above=0)
    _require(promotion, "get", above=0)
    if promotion.buy + promotion.get > _MOST_BUNDLE:
        raise InputError("buy", f"at most {_MOST_BUNDLE} together with `get`", promotion.buy)


def _check_bundle(promotion: Promotion) -> None:
    _require_on(promotion, "line")
    offs: list[Money | Decimal | None] = [promotion.percent_off, promotion.amount_off, promotion.price]
    if offs.count(None) != 2:
        raise InputError("price", "given for a bundle, or `percent_off`, or `amount_off`: one of the three", offs)
    if promotion.amount_off is not None:
        _require(promotion, "amount_off", above=0)
    if bool(promotion.sets) == (promotion.bundle_total is not None):
        raise InputError("sets", "given for a bundle, or `bundle_total`: one of the two", promotion.sets)
    if len(promotion.sets) > _MOST_BUNDLE:
        raise InputError("sets", f"at most {_MOST_BUNDLE}", len(promotion.sets))
    if promotion.bundle_total is not None:
        _require(promotion, "bundle_total", above=0)
        if promotion.amount_off is None:
            raise InputError("amount_off", "given for a bundle of a total", None)


def _check_threshold(promotion: Promotion) -> None:
    if not promotion.steps:
        raise InputError("steps", "at least one step", 0)
    check = as_percent if promotion.steps_in == "percent" else as_money
    steps = tuple((start, check("steps", off)) for start, off in promotion.steps)
    for (start, off), (later, more) in pairwise(steps):
        if type(start) is not type(later) or later <= start or more <= off:
            rule = "rising amounts with rising discounts, all amounts in minor units or all in units of the currency"
            raise InputError("steps", rule, [str(later), str(more)])
    object.__setattr__(promotion, "steps", steps)  # frozen, but checked together with `steps_in`
    _require_order(promotion)


def _check_gift(promotion: Promotion) -> None:
    if not promotion.gift_product:
        raise InputError("gift_product", "given for a gift", promotion.gift_product)
    _require(promotion, "gift_value", above=0)
    _require_order(promotion)


def _require_order(promotion: Promotion) -> None:
    _require_on(promotion, "order")
    if promotion.limit_per_order is not None:
        rule = f"left out where the benefit is {promotion.benefit!r}"
        raise InputError("limit_per_order", rule, promotion.limit_per_order)


def _require_on(promotion: Promotion, target: Target) -> None:
    if promotion.on != target:
        raise InputError("on", f"{target!r} where the benefit is {promotion.benefit!r}", promotion.on)


_FIELDS_OF = {
    "percent": {"percent_off", "basis"},
    "amount": {"amount_off"},
    "fixed_price": {"price"},
    "buy_get": {"percent_off", "buy", "get", "get_items"},
    "bundle": {"percent_off", "amount_off", "price", "sets", "bundle_total"},
    "threshold": {"steps", "steps_in", "basis"},
    "gift": {"gift_product", "gift_value", "gift_quantity"},
    "free_delivery": set(),
}
"""Fields that say what a promotion gives, by benefit; all others have to be left out."""

_OWN_FIELDS = set().union(*_FIELDS_OF.values())
_DEFAULTS = {field.name: field.default for field in attrs.fields(Promotion)}

_CHECKS = {
    "percent": _check_percent,
    "amount": _check_amount,
    "fixed_price": _check_price,
    "buy_get": _check_buy_get,
    "bundle": _check_bundle,
    "threshold": _check_threshold,
    "gift": _check_gift,
    "free_delivery": _require_order,
}
