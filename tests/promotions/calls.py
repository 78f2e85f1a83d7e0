"""Valid calls of promotions."""

from __future__ import annotations

from crmvalue.promotions import (
    Cart,
    CartLine,
    Promotion,
    best_price,
    compare_promotions,
    lint_promotions,
    next_offer,
    return_items,
    split_amount,
)
from tests.calls import Call, Later

__all__ = ["CALLS"]

CART = Cart(lines=[CartLine(id="1", product="soap", unit_price=1000, quantity=2)], currency="UAH")
OFFERS = [Promotion.n_for_m("3 for 2", 3, 2)]
PRICED = Later(lambda: best_price(CART, OFFERS))

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
    Call(return_items, {"result": PRICED, "items": {"1": 1}, "policy": "prorated"}),
    Call(next_offer, {"result": PRICED, "reached": 0.5}, out_of_range={"reached": 1.5}),
    Call(lint_promotions, {"promotions": OFFERS, "as_of": "2026-03-01"}, out_of_range={"as_of": "soon"}),
    Call(
        compare_promotions,
        {
            "carts": [CART] * 3,
            "before": OFFERS,
            "after": [*OFFERS, Promotion.percent("tenth", 10)],
            "node_limit": 9,
            "n_processes": 1,
        },
        out_of_range={"node_limit": 0, "n_processes": 0},
    ),
]
