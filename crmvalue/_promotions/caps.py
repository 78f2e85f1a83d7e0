"""Technical limits of discounts, which no customer sees."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import attrs

from crmvalue._core.json import from_json, to_json
from crmvalue._core.money import as_money, as_percent
from crmvalue._core.values import checked_field, choice_field, optional, repr_of_given
from crmvalue._promotions.fields import currency_or_none, mapping_field, money_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

__all__ = ["Blocked", "Caps"]

Blocked = Literal["moves", "lost"]

_percent = partial(as_percent, zero=True)


@attrs.frozen(kw_only=True, repr=False)
class Caps:
    """The largest discounts that contracts and margins allow.

    Percentages hold for each line, of its price before discounts. Amounts hold for the whole order: all lines of the
    brand or product together. Gifts and delivery count in no cap.

    Parameters
    ----------
    brand_percent, product_percent : mapping of str to percent, optional
        Largest discount of each line of a brand or product, in percent of the line, in [0, 100].
    brand_amount, product_amount : mapping of str to amount, optional
        Largest discount of all lines of a brand or product together.
    line_percent : percent, optional
        Largest discount of any line, in percent.
    line_amount : int, Decimal or str, optional
        Largest discount of any line.
    floor_price : mapping of str to amount, optional
        Lowest price of one unit of a product.
    margin_percent : percent, optional
        Lowest margin of each line, in percent of the price that is paid, in [0, 100]; lines without a unit cost are
        free of it.
    order_percent : percent, optional
        Largest discount of the order, in percent of all its lines.
    order_amount : int, Decimal or str, optional
        Largest discount of the order.
    blocked : {"moves", "lost"}, optional
        What happens to the share of money off the order that a line cannot take: it moves to the other lines of the
        promotion, or is lost.
    currency : str, optional
        Currency of the amounts; by default that of the cart.

    Examples
    --------
    >>> Caps(brand_percent={"LUX": 10}, order_amount="500.00").brand_percent["LUX"]
    Decimal('10')
    """

    brand_percent: Mapping[str, Decimal] = mapping_field("brand_percent", _percent)
    product_percent: Mapping[str, Decimal] = mapping_field("product_percent", _percent)
    brand_amount: Mapping[str, int | Decimal] = mapping_field("brand_amount", as_money)
    product_amount: Mapping[str, int | Decimal] = mapping_field("product_amount", as_money)
    line_percent: Decimal | None = checked_field("line_percent", optional(_percent), default=None)
    line_amount: int | Decimal | None = money_or_none("line_amount")
    floor_price: Mapping[str, int | Decimal] = mapping_field("floor_price", as_money)
    margin_percent: Decimal | None = checked_field("margin_percent", optional(_percent), default=None)
    order_percent: Decimal | None = checked_field("order_percent", optional(_percent), default=None)
    order_amount: int | Decimal | None = money_or_none("order_amount")
    blocked: Blocked = choice_field("blocked", Blocked, default="moves")
    currency: str | None = currency_or_none("currency")

    __repr__ = repr_of_given

    def to_json(self) -> str:
        """Write the caps as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Caps:
        """Read what :meth:`to_json` wrote, or the same written by hand."""
        return from_json(cls, text)
