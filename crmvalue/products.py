"""Products: what goes together, what is bought next, when it is due, and what to offer to whom.

======================================================  ==============================================================
For                                                     Use
======================================================  ==============================================================
lines of orders, with returns and gaps                  :func:`read_order_lines`, :class:`OrderLines`,
                                                        :class:`OrderLineCounts`
what is bought together: support, confidence, lift      :func:`product_pairs`, :class:`ProductPairs`
what is bought next, and after how many days            :func:`next_purchases`, :class:`NextPurchases`
when a customer is due to buy again; events             :func:`replenishment`, :class:`Replenishment`
offers for each customer: again, cross-sell, upsell     :func:`next_products`, :class:`NextProducts`
whether the offers beat naive rules                     :func:`check_next_products`, :class:`NextProductsCheck`
what the best customers buy more than others            :func:`best_customer_products`, :class:`BestCustomerProducts`
products or brands that lose buyers                     :func:`product_trends`, :class:`ProductTrends`
first products, and what their buyers bought later      :func:`first_products`, :class:`FirstProducts`
======================================================  ==============================================================

Tables have one row for each product, or for each category or brand with ``item_kind="category"`` or "brand". Where many
products are compared, some look special by chance: read `q_value`, the expected share of false findings among all that
are at most as doubtful. No function reads a clock: give `as_of`. For deep recommenders see the package implicit.

>>> from crmvalue.products import OrderLines, product_pairs
>>> lines = OrderLines(
...     customer=["ann", "ann", "bob", "bob", "cid"],
...     date=["2024-01-05", "2024-01-05", "2024-01-07", "2024-01-07", "2024-01-09"],
...     product=["tea", "milk", "tea", "milk", "tea"],
... )
>>> pairs = product_pairs(lines, min_count=2)
>>> for columns in zip(pairs.bought.tolist(), pairs.also_bought.tolist(), pairs.confidence.round(2).tolist()):
...     print(*columns)
milk tea 1.0
tea milk 0.67
"""

from __future__ import annotations

from crmvalue._products.best import BestCustomerProducts, best_customer_products
from crmvalue._products.firsts import FirstProducts, first_products
from crmvalue._products.lines import OrderLineCounts, OrderLines, read_order_lines
from crmvalue._products.offers.candidates import NextProducts, next_products
from crmvalue._products.offers.check import NextProductsCheck, check_next_products
from crmvalue._products.pairs import ProductPairs, product_pairs
from crmvalue._products.replenishment import Replenishment, replenishment
from crmvalue._products.transitions import NextPurchases, next_purchases
from crmvalue._products.trends import ProductTrends, product_trends

__all__ = [
    "BestCustomerProducts",
    "FirstProducts",
    "NextProducts",
    "NextProductsCheck",
    "NextPurchases",
    "OrderLineCounts",
    "OrderLines",
    "ProductPairs",
    "ProductTrends",
    "Replenishment",
    "best_customer_products",
    "check_next_products",
    "first_products",
    "next_products",
    "next_purchases",
    "product_pairs",
    "product_trends",
    "read_order_lines",
    "replenishment",
]
