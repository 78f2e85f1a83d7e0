"""What a customer wants to buy: lines of a cart, and where, when and by whom."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import attrs

from crmvalue._core.checks import as_flag, as_name, as_text
from crmvalue._core.json import from_json, to_json
from crmvalue._core.money import Money, as_currency, as_minor, as_money, as_percent, exponent_of
from crmvalue._core.values import checked_field, repr_of_given, tuple_of, words_field
from crmvalue._promotions.fields import (
    as_count,
    count_or_none,
    mapping_field,
    money_field,
    money_or_none,
    time_or_none,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    import numpy as np

__all__ = ["Cart", "CartLine", "exponent_in"]


@attrs.frozen(kw_only=True, repr=False)
class CartLine:
    """One line of a cart: a product, how many of it, and the price of one.

    Parameters
    ----------
    id : str
        Name of the line, different from the others of its cart.
    product : str
        Product, as promotions and caps name it.
    unit_price : int, Decimal or str
        Price of one unit before any discount, >= 0: a whole number in minor units, or "18.50" in units of the currency.
    quantity : int, optional
        Number of units, >= 1.
    brand : str, optional
        Brand of the product.
    categories : sequence of str, optional
        Categories of the product.
    unit_cost : int, Decimal or str, optional
        What one unit costs the shop; a margin floor needs it.
    tax_class : str, optional
        Name of the tax class, a key of the cart's `tax_rates`.
    attributes : mapping of str to str, optional
        Anything else that promotions may ask for, such as {"season": "summer"}.

    Examples
    --------
    >>> CartLine(id="1", product="eau 50 ml", brand="LUX", unit_price="1850.00").unit_price
    Decimal('1850.00')
    """

    id: str = checked_field("id", as_name)
    product: str = checked_field("product", as_name)
    unit_price: int | Decimal = money_field("unit_price")
    quantity: int = checked_field("quantity", as_count, default=1)
    brand: str = checked_field("brand", as_text, default="")
    categories: tuple[str, ...] = words_field("categories", distinct=True, default=())
    unit_cost: int | Decimal | None = money_or_none("unit_cost")
    tax_class: str = checked_field("tax_class", as_text, default="")
    attributes: Mapping[str, str] = mapping_field("attributes", as_text)

    __repr__ = repr_of_given


@attrs.frozen(kw_only=True, repr=False)
class Cart:
    """Lines that one customer buys at once, and what promotions ask about the purchase.

    Parameters
    ----------
    lines : sequence of CartLine
        At least one line. Their order does not matter: lines are sorted by `id`.
    currency : str
        Currency of all amounts, by three letters such as "UAH".
    exponent : int, optional
        Decimals of the currency, in [0, 4]; by default those of ISO 4217, which are 2 for most.
    channel, place : str, optional
        Where the cart is bought, such as "app" and "Kyiv 3".
    time : date-like, optional
        Local time of the purchase.
    segments : sequence of str, optional
        Segments of the customer.
    first_purchase : bool, optional
        Whether the customer buys for the first time.
    codes : sequence of str, optional
        Codes that the shop has accepted for this purchase: words such as SPRING, and the `campaign` of each secret code
        that :meth:`crmvalue.codes.PromoCode.reserve` has accepted. Never the secret code itself.
    delivery_price : int, Decimal or str, optional
        Price of the delivery before any discount.
    tax_rates : mapping of str to percent, optional
        Tax of each tax class in percent, such as {"": 20}.
    prices_include_tax : bool, optional
        Whether prices, and so the discounts, include tax.

    Examples
    --------
    >>> line = CartLine(id="1", product="eau 50 ml", brand="LUX", unit_price="1850.00")
    >>> cart = Cart(lines=[line], currency="UAH", channel="app", time="2026-03-07T11:00")
    >>> cart.minor(cart.lines[0].unit_price)
    185000
    """

    lines: tuple[CartLine, ...] = checked_field("lines", tuple_of(CartLine))
    currency: str = checked_field("currency", as_currency)
    exponent: int | None = count_or_none("exponent", 0)
    channel: str = checked_field("channel", as_text, default="")
    place: str = checked_field("place", as_text, default="")
    time: np.datetime64 | None = time_or_none("time")
    segments: tuple[str, ...] = words_field("segments", default=())
    first_purchase: bool = checked_field("first_purchase", as_flag, default=False)
    codes: tuple[str, ...] = words_field("codes", default=())
    delivery_price: int | Decimal = money_field("delivery_price", default=0)
    tax_rates: Mapping[str, Decimal] = mapping_field("tax_rates", partial(as_percent, zero=True))
    prices_include_tax: bool = checked_field("prices_include_tax", as_flag, default=True)

    __repr__ = repr_of_given

    def __attrs_post_init__(self) -> None:
        if not self.lines:
            raise InputError("lines", "at least one line", 0)
        if self.exponent is not None and self.exponent > 4:
            raise InputError("exponent", "in [0, 4]", self.exponent)
        object.__setattr__(self, "lines", tuple(sorted(self.lines, key=lambda line: line.id)))  # order must not matter
        ids = Counter(line.id for line in self.lines)
        brands: dict[str, str] = {}
        total = self.minor(self.delivery_price)
        for line in self.lines:
            if ids[line.id] > 1:
                raise InputError("lines", "of different ids", line.id)
            if brands.setdefault(line.product, line.brand) != line.brand:
                both = [brands[line.product], line.brand]
                raise InputError("lines", f"of the same brand wherever the product is {line.product!r}", both)
            if self.tax_rates and line.tax_class not in self.tax_rates:
                rule = f"given for the tax class {line.tax_class!r} of line {line.id!r} too"
                raise InputError("tax_rates", rule, list(self.tax_rates))
            total += as_minor("unit_price", line.unit_price, exponent_in(self)) * line.quantity
            if line.unit_cost is not None:
                as_minor("unit_cost", line.unit_cost, exponent_in(self))
        as_money("lines", total)

    def minor(self, amount: Money) -> int:
        """Give an amount in minor units of the cart's currency; a whole number is one already."""
        return as_minor("amount", as_money("amount", amount, low=None), exponent_in(self))

    def to_json(self) -> str:
        """Write the cart as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Cart:
        """Read what :meth:`to_json` wrote, or the same written by hand."""
        return from_json(cls, text, CartLine)


def exponent_in(cart: Cart) -> int:
    """Give the decimals of the currency of a cart."""
    return exponent_of(cart.currency, cart.exponent)
