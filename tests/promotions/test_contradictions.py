"""Prices of carts whose pieces do not add up are refused."""

from __future__ import annotations

import pytest

from tests.contradictions import first, refuses


@pytest.mark.parametrize(
    ("cls", "changes", "words"),
    [
        ("PricedLine", {"total": 1}, "total.*the price of .* less the discounts"),
        ("PricedLine", {"quantity": 99}, "total.*the price of .* less the discounts"),
        ("PricedLine", {"discounts": []}, "total.*the price of .* less the discounts of 0"),
        ("PricedLine", {"unit_prices": [(1, 1)]}, "unit_prices.*prices of"),
        (
            "PricedLine",
            {"unit_prices": lambda pairs: [(n, price + 1) for n, price in pairs]},
            "unit_prices.*of the sum `total`",
        ),
        ("PricedCart", {"lines": []}, "lines.*those of the cart"),
        ("PricedCart", {"delivery": 10**6}, "delivery.*at most the price of the delivery"),
        ("PricedCart", {"applied": []}, "applied.*of the sum that is taken off"),
        ("PricedCart", {"rejected": []}, "promotions.*those that are applied or rejected"),
        ("PricedCart", {"promotions": []}, "promotions.*those that are applied or rejected"),
        ("PricedCart", {"possible_saving": 5}, "possible_saving.*0 where `optimal`"),
        ("Refund", {"returned": {"1": 99}}, "returned.*at most the"),
        ("Refund", {"returned": {"9": 1}}, r"returned\['9'\].*at most the 0 units of the line"),
        ("Refund", {"lines": []}, "amount.*the sum of `lines` and `delivery_amount`"),
        ("Refund", {"delivery_amount": 1}, "amount.*the sum of `lines` and `delivery_amount`"),
        ("Refund", {"refunded": 0}, "amount.*at most `refunded`"),
        ("Refund", {"refunded": 10**9}, "refunded.*at most what was paid"),
        ("Refund", {"tax": 1}, "tax.*at most `refunded_tax`"),
        ("Refund", {"refunded_tax": 10**9}, "refunded_tax.*at most the tax that was paid"),
        ("PromotionComparison", {"n_carts_before": first(10**6)}, "n_carts_before.*at most `n_carts`"),
        ("PromotionComparison", {"revenue_after": first(-1)}, "revenue_after.*>= 0"),
        ("PromotionComparison", {"discount_after": first(-1)}, "discount_after.*>= 0"),
        ("PromotionComparison", {"gift_value_before": first(-1)}, "gift_value_before.*>= 0"),
        ("PromotionComparison", {"margin_before": first(10**9)}, "margin_before.*at most `revenue_before`"),
        ("PromotionComparison", {"n_distinct": 10**6}, "n_distinct.*at most `n_carts`"),
        ("PromotionComparison", {"odd": ["a", "b"], "n_odd": 1}, "n_odd.*at least the 2 carts of `odd`"),
    ],
)
def test_contradictions_are_refused(cls, changes, words):
    refuses(cls, changes, words)
