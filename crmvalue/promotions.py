"""Promotions: the cheapest legal price of a cart, exact to the last minor unit.

=====================================================  ==============================================================
For                                                    Use
=====================================================  ==============================================================
what a customer buys                                   :class:`Cart`, :class:`CartLine`
promotions, and the items they are for                 :class:`Promotion`, :class:`Items`
limits of discounts that no customer sees              :class:`Caps`
the cheapest legal price, and why                      :func:`best_price`
its lines, promotions applied and not, gifts           :class:`PricedCart`, :class:`PricedLine`, :class:`Discount`,
                                                       :class:`Applied`, :class:`Rejected`, :class:`Gift`
promotions that are nearly reached                     :func:`next_offer`, :class:`NextOffer`
what is refunded when items come back                  :func:`return_items`, :class:`Refund`, :class:`RefundedLine`
what is wrong with promotions before anyone buys       :func:`lint_promotions`, :class:`Finding`
what promotions would have cost on past carts          :func:`compare_promotions`, :class:`CartHistory`,
                                                       :class:`PromotionComparison`
an amount split over lines                             :func:`split_amount`
=====================================================  ==============================================================

An amount is a whole number of minor units, or a Decimal or text in units of the currency: 1850 and "18.50" are the same
in hryvnia. Amounts that come out are whole numbers of minor units. A float is refused, because it is not exact.

>>> cart = Cart(
...     lines=[
...         CartLine(id="1", product="eau 50 ml", brand="LUX", unit_price="1850.00"),
...         CartLine(id="2", product="soap", brand="Belle", unit_price="120.00", quantity=3),
...     ],
...     currency="UAH",
...     channel="app",
...     time="2026-03-07T11:00",
... )
>>> promotions = [
...     Promotion.percent("spring", 20, channels=["app"], starts="2026-03-01", ends="2026-03-08"),
...     Promotion.n_for_m("3 for 2", 3, 2, brands=["Belle"]),
... ]
>>> priced = best_price(cart, promotions, caps=Caps(brand_percent={"LUX": 10}))
>>> priced.total, [(line.id, line.total) for line in priced.lines]
(190500, [('1', 166500), ('2', 24000)])
>>> priced.optimal
True
"""

from __future__ import annotations

from crmvalue._core.money import split_amount
from crmvalue._promotions.best import best_price
from crmvalue._promotions.caps import Caps
from crmvalue._promotions.cart import Cart, CartLine
from crmvalue._promotions.promotion import Items, Promotion
from crmvalue._promotions.result import Applied, Discount, Gift, PricedCart, PricedLine, Rejected
from crmvalue._promotions.uses.compare import PromotionComparison, compare_promotions
from crmvalue._promotions.uses.history import CartHistory
from crmvalue._promotions.uses.lint import Finding, lint_promotions
from crmvalue._promotions.uses.offers import NextOffer, next_offer
from crmvalue._promotions.uses.returns import Refund, RefundedLine, return_items

__all__ = [
    "Applied",
    "Caps",
    "Cart",
    "CartHistory",
    "CartLine",
    "Discount",
    "Finding",
    "Gift",
    "Items",
    "NextOffer",
    "PricedCart",
    "PricedLine",
    "Promotion",
    "PromotionComparison",
    "Refund",
    "RefundedLine",
    "Rejected",
    "best_price",
    "compare_promotions",
    "lint_promotions",
    "next_offer",
    "return_items",
    "split_amount",
]
