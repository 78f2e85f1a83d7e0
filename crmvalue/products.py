"""doc."""

from __future__ import annotations

from crmvalue._products.best import BestCustomerProducts, best_customer_products
from crmvalue._products.candidates import NextProducts, next_products
from crmvalue._products.check import NextProductsCheck, check_next_products
from crmvalue._products.firsts import FirstProducts, first_products
from crmvalue._products.lines import OrderLineCounts, OrderLines, read_order_lines
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
