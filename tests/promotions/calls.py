"""Valid calls of promotions."""

from __future__ import annotations

from crmvalue.promotions import Cart, CartLine, Promotion, best_price, split_amount
from tests.calls import Call

__all__ = ["CALLS"]

CALLS = [
    Call(
        split_amount,
        {"amount": 300, "weights": [4000, 2000], "minima": [3800, 0]},
        out_of_range={"amount": 7000, "weights": -1, "minima": -1},
    ),
    Call(
        best_price,
        {
            "cart": Cart(lines=[CartLine(id="1", product="soap", unit_price=1000)], currency="UAH"),
            "promotions": [Promotion.percent("tenth", 10)],
        },
        out_of_range={"node_limit": 0},
    ),
]
