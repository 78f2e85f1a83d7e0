"""The price of a cart: each line with its discounts, what was applied, and why the rest was not."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from crmvalue._core.checks import as_flag, as_text
from crmvalue._core.json import from_json, to_json
from crmvalue._core.money import Rounding, money_text, whole_amount
from crmvalue._core.values import (
    checked_field,
    choice_field,
    count_field,
    of_class,
    optional,
    plain_given,
    repr_of_given,
    tuple_of,
    words_field,
)
from crmvalue._promotions.caps import Caps
from crmvalue._promotions.cart import Cart, CartLine, exponent_in
from crmvalue._promotions.fields import as_count
from crmvalue._promotions.promotion import Items, Promotion
from crmvalue.errors import InputError

__all__ = ["Applied", "Discount", "Gift", "PricedCart", "PricedLine", "Rejected", "RejectedKind", "RoundedPer"]

RoundedPer = Literal["unit", "line", "order"]

RejectedKind = Literal[
    "channel", "place", "segment", "first_purchase", "code", "limit", "budget", "period", "weekday", "hours",
    "no_items", "minimum", "capped", "beaten", "no_benefit", "not_compared",
]  # fmt: skip


def _whole(name: str, value: Any) -> int:
    return whole_amount(name, value, low=0)


def _amount_field(name: str, **options: Any) -> Any:
    """Field for whole minor units >= 0."""
    return checked_field(name, _whole, **options)


def _unit_prices(given: Any) -> tuple[tuple[int, int], ...]:
    value = plain_given(given)
    pairs = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise InputError("unit_prices", "pairs of a number of units and their price", value)
    return tuple((_whole("unit_prices", number), _whole("unit_prices", price)) for number, price in value)


@attrs.frozen(kw_only=True)
class Discount:
    """What one promotion takes off one line.

    Parameters
    ----------
    promotion : str
        Name of the promotion.
    amount : int
        Discount [minor units], after caps.

    Examples
    --------
    >>> Discount(promotion="spring", amount=2400).amount
    2400
    """

    promotion: str = checked_field("promotion", as_text)
    amount: int = _amount_field("amount")


@attrs.frozen(kw_only=True)
class PricedLine:
    """One line of a priced cart; amounts are whole minor units.

    Parameters
    ----------
    id, product, brand : str
        The line, as it was in the cart.
    quantity : int
        Number of units.
    unit_price : int
        Price of one unit before discounts.
    discounts : tuple of Discount
        Discounts in the order of their application.
    total : int
        What is paid for the line.
    unit_prices : tuple of pairs of int
        Prices for the receipt: how many units at which price; they sum to `total`.
    tax : int
        Tax of the line: part of `total`, or on top of it, as the cart says.

    Examples
    --------
    >>> line = PricedLine(
    ...     id="1",
    ...     product="soap",
    ...     brand="",
    ...     quantity=3,
    ...     unit_price=1000,
    ...     discounts=[Discount(promotion="spring", amount=500)],
    ...     total=2500,
    ...     unit_prices=[(1, 834), (2, 833)],
    ...     tax=0,
    ... )
    >>> line.initial, line.discount
    (3000, 500)
    """

    id: str = checked_field("id", as_text)
    product: str = checked_field("product", as_text)
    brand: str = checked_field("brand", as_text)
    quantity: int = checked_field("quantity", as_count)
    unit_price: int = _amount_field("unit_price")
    discounts: tuple[Discount, ...] = checked_field("discounts", tuple_of(Discount))
    total: int = _amount_field("total")
    unit_prices: tuple[tuple[int, int], ...] = attrs.field(converter=_unit_prices)
    tax: int = _amount_field("tax")

    def __attrs_post_init__(self) -> None:
        off = sum(one.amount for one in self.discounts)
        if self.total != self.initial - off:
            rule = f"the price of {self.initial} less the discounts of {off}, {self.initial - off}"
            raise InputError("total", rule, self.total)
        if sum(n for n, _ in self.unit_prices) != self.quantity:
            raise InputError("unit_prices", f"prices of {self.quantity} units", self.unit_prices)
        if sum(n * price for n, price in self.unit_prices) != self.total:
            raise InputError("unit_prices", f"of the sum `total`, {self.total}", self.unit_prices)

    @property
    def initial(self) -> int:
        """Price of the line before discounts [minor units]."""
        return self.unit_price * self.quantity

    @property
    def discount(self) -> int:
        """What is taken off the line [minor units]."""
        return self.initial - self.total


@attrs.frozen(kw_only=True)
class Gift:
    """A product that comes with the purchase.

    Parameters
    ----------
    promotion : str
        Name of the promotion that gives it.
    product : str
        Product that is given.
    quantity : int
        Number of units.
    value : int
        Value of all of them [minor units], as the promotion states it.

    Examples
    --------
    >>> Gift(promotion="mini", product="eau 5 ml", quantity=1, value=15000).product
    'eau 5 ml'
    """

    promotion: str = checked_field("promotion", as_text)
    product: str = checked_field("product", as_text)
    quantity: int = checked_field("quantity", as_count)
    value: int = _amount_field("value")


@attrs.frozen(kw_only=True)
class Applied:
    """A promotion that changed the price.

    Parameters
    ----------
    promotion : str
        Name of the promotion.
    amount : int
        What it takes off lines and delivery [minor units], after caps. 0 for a gift, and where only the order is
        rounded, the rest of it went to other promotions, and the order may be dearer without it.
    times : int
        How often it applied: groups of units, or 1.
    blocked_amount : int
        What caps kept it from taking off [minor units].

    Examples
    --------
    >>> Applied(promotion="spring", amount=2400, times=1, blocked_amount=0).amount
    2400
    """

    promotion: str = checked_field("promotion", as_text)
    amount: int = _amount_field("amount")
    times: int = checked_field("times", as_count, default=1)
    blocked_amount: int = _amount_field("blocked_amount", default=0)


@attrs.frozen(kw_only=True, repr=False)
class Rejected:
    """A promotion that did not change the price, and why.

    Parameters
    ----------
    promotion : str
        Name of the promotion.
    kind : str
        Kind of the reason: "channel", "place", "segment", "first_purchase", "code", "limit", "budget", "period",
        "weekday", "hours", "no_items", "minimum", "capped", "beaten", "no_benefit" or "not_compared", where the cart is
        too large to price it with each promotion.
    reason : str
        The reason, in words.
    missing_quantity : int, optional
        Units that are missing.
    missing_amount : int, optional
        Amount that is missing [minor units].
    beaten_by : sequence of str, optional
        Promotions that are better.
    difference : int, optional
        How much dearer the cart would be with this promotion in their place [minor units].

    Examples
    --------
    >>> Rejected(promotion="A", kind="beaten", reason="beaten by B + C by 3.50", difference=350).difference
    350
    """

    promotion: str = checked_field("promotion", as_text)
    kind: RejectedKind = choice_field("kind", RejectedKind)
    reason: str = checked_field("reason", as_text)
    missing_quantity: int | None = checked_field("missing_quantity", optional(_whole), default=None)
    missing_amount: int | None = checked_field("missing_amount", optional(_whole), default=None)
    beaten_by: tuple[str, ...] = words_field("beaten_by", default=())
    difference: int | None = checked_field("difference", optional(_whole), default=None)

    __repr__ = repr_of_given


@attrs.frozen(kw_only=True, repr=False)
class PricedCart:
    """A cart at its best price, as :func:`best_price` finds it; amounts are whole minor units.

    Parameters
    ----------
    cart : Cart
        The cart.
    promotions : tuple of Promotion
        All promotions that were asked about.
    caps : Caps or None
        Technical limits.
    rounding : {"half_up", "half_even", "down"}
        How discounts are rounded.
    rounded_per : {"unit", "line", "order"}
        Where they are rounded.
    lines : tuple of PricedLine
        Each line of the cart.
    applied : tuple of Applied
        Promotions that changed the price.
    rejected : tuple of Rejected
        All others, with the reason.
    gifts : tuple of Gift
        What is given with the purchase.
    delivery : int
        What is paid for the delivery.
    optimal : bool
        Whether no legal combination is cheaper.
    possible_saving : int
        How much cheaper the cart could be at most, if it is not proven optimal; 0 if it is.
    n_nodes : int
        Steps of the search.

    Examples
    --------
    >>> from crmvalue.promotions import Cart, CartLine, Promotion, best_price
    >>> cart = Cart(lines=[CartLine(id="1", product="soap", unit_price="20.00", quantity=3)], currency="UAH")
    >>> priced = best_price(cart, [Promotion.n_for_m("3 for 2", 3, 2), Promotion.percent("tenth", 10)])
    >>> priced.total, priced.applied[0].promotion, priced.rejected[0].reason
    (4000, '3 for 2', 'beaten by 3 for 2 by 14.00')
    >>> print(priced)
    3 x soap     60.00
      3 for 2   -20.00
    total, UAH   40.00
    tenth not applied: beaten by 3 for 2 by 14.00
    """

    cart: Cart = checked_field("cart", of_class(Cart))
    promotions: tuple[Promotion, ...] = checked_field("promotions", tuple_of(Promotion))
    caps: Caps | None = checked_field("caps", optional(of_class(Caps)), default=None)
    rounding: Rounding = choice_field("rounding", Rounding, default="half_up")
    rounded_per: RoundedPer = choice_field("rounded_per", RoundedPer, default="line")
    lines: tuple[PricedLine, ...] = checked_field("lines", tuple_of(PricedLine))
    applied: tuple[Applied, ...] = checked_field("applied", tuple_of(Applied))
    rejected: tuple[Rejected, ...] = checked_field("rejected", tuple_of(Rejected))
    gifts: tuple[Gift, ...] = checked_field("gifts", tuple_of(Gift))
    delivery: int = _amount_field("delivery")
    optimal: bool = checked_field("optimal", as_flag)
    possible_saving: int = _amount_field("possible_saving")
    n_nodes: int = count_field("n_nodes")

    def __attrs_post_init__(self) -> None:
        if [(line.id, line.quantity) for line in self.lines] != [(line.id, line.quantity) for line in self.cart.lines]:
            raise InputError("lines", "those of the cart, in its order", [line.id for line in self.lines])
        most = self.cart.minor(self.cart.delivery_price)
        if self.delivery > most:
            raise InputError("delivery", f"at most the price of the delivery, {most}", self.delivery)
        off = sum(one.amount for one in self.applied)
        if off != self.discount:
            raise InputError("applied", f"of the sum that is taken off, {self.discount}", off)
        told = sorted([one.promotion for one in self.applied] + [one.promotion for one in self.rejected])
        if told != sorted(promotion.id for promotion in self.promotions):
            raise InputError("promotions", "those that are applied or rejected, each once", told)
        if self.optimal and self.possible_saving:
            raise InputError("possible_saving", "0 where `optimal`", self.possible_saving)

    @property
    def initial(self) -> int:
        """Price of all lines and the delivery before discounts."""
        return sum(line.initial for line in self.lines) + self.cart.minor(self.cart.delivery_price)

    @property
    def total(self) -> int:
        """What is paid for all lines and the delivery; tax comes on top where prices do not include it."""
        return sum(line.total for line in self.lines) + self.delivery

    @property
    def discount(self) -> int:
        """What all promotions take off."""
        return self.initial - self.total

    @property
    def gift_value(self) -> int:
        """Value of all gifts."""
        return sum(gift.value for gift in self.gifts)

    @property
    def tax(self) -> int:
        """Tax of all lines."""
        return sum(line.tax for line in self.lines)

    def __repr__(self) -> str:
        """Write what matters in one line; each part has the rest."""
        shown = {
            "total": self.total,
            "discount": self.discount,
            "applied": [one.promotion for one in self.applied],
            "gifts": [gift.product for gift in self.gifts],
            "optimal": self.optimal,
        }
        return f"PricedCart({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def __str__(self) -> str:
        """Write the receipt, and below it the promotions that were rejected."""
        rows: list[tuple[str, str]] = []
        for line in self.lines:
            rows.append((f"{line.quantity} x {line.product}", self.money_text(line.initial)))
            rows += [(f"  {one.promotion}", f"-{self.money_text(one.amount)}") for one in line.discounts]
        rows += [("delivery", self.money_text(self.delivery))] if self.cart.delivery_price else []
        rows += [(f"{gift.quantity} x {gift.product}, a gift", self.money_text(0)) for gift in self.gifts]
        rows.append((f"total, {self.cart.currency}", self.money_text(self.total)))
        if self.cart.tax_rates:
            where = "in the total" if self.cart.prices_include_tax else "on top of the total"
            rows.append((f"tax {where}", self.money_text(self.tax)))
        widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
        receipt = [f"{what:<{widths[0]}}  {amount:>{widths[1]}}" for what, amount in rows]
        return "\n".join([*receipt, *(f"{one.promotion} not applied: {one.reason}" for one in self.rejected)])

    def money_text(self, amount: int) -> str:
        """Write an amount of this cart [minor units] in units of its currency, such as 18.50."""
        return money_text(whole_amount("amount", amount), exponent_in(self.cart))

    def to_json(self) -> str:
        """Write the priced cart as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> PricedCart:
        """Read what :meth:`to_json` wrote."""
        parts = (Cart, CartLine, Promotion, Items, Caps, PricedLine, Discount, Applied, Rejected, Gift)
        return from_json(cls, text, *parts)
