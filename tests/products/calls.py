"""Valid calls of crmvalue.products."""

from __future__ import annotations

from crmvalue.products import (
    OrderLines,
    best_customer_products,
    check_next_products,
    first_products,
    next_products,
    next_purchases,
    product_pairs,
    product_trends,
    read_order_lines,
    replenishment,
)
from tests.calls import Call, Later

__all__ = ["CALLS"]


def lines():
    dates = ["2024-01-05", "2024-02-05", "2024-03-05", "2024-03-25"]
    return OrderLines(
        customer=["ann"] * 4 + ["bob"] * 4,
        date=dates * 2,
        product=["tea", "jam", "tea", "tea", "tea", "tea", "jam", "jam"],
        category=["drinks", "food", "drinks", "drinks", "drinks", "drinks", "food", "food"],
        amount=[3.0, 4.0, 3.0, 3.0, 3.0, 3.0, 5.0, 4.0],
    )


CALLS = [
    Call(
        best_customer_products,
        {"lines": Later(lines), "best": ["ann"], "top_share": 0.5, "min_buyers": 1},
        out_of_range={"top_share": 20.0, "min_buyers": 0, "level": 95.0},
    ),
    Call(
        check_next_products,
        {"lines": Later(lines), "as_of": "2024-03-31", "horizon_days": 30, "n": 1},
        out_of_range={"as_of": "yesterday", "horizon_days": 0, "n": 0, "level": 95.0},
    ),
    Call(
        first_products,
        {
            "lines": Later(lines),
            "as_of": "2024-03-31",
            "horizon_days": 30,
            "began_after": "2024-01-01",
            "min_customers": 2,
        },
        out_of_range={
            "as_of": "yesterday",
            "horizon_days": 0,
            "began_after": "once",
            "min_customers": 1,
            "level": 95.0,
        },
    ),
    Call(
        next_products,
        {
            "lines": Later(lines),
            "as_of": "2024-03-31",
            "horizon_days": 30,
            "n": 2,
            "margin": 0.4,
            "customers": ["ann", "bob"],
        },
        out_of_range={"as_of": "yesterday", "horizon_days": 0, "n": 0, "margin": 40.0},
    ),
    Call(
        next_purchases,
        {"lines": Later(lines), "within_days": 30, "as_of": "2024-03-31", "min_count": 1},
        out_of_range={"within_days": 0, "as_of": "yesterday", "min_count": 0, "level": 95.0},
    ),
    Call(
        product_pairs,
        {"lines": Later(lines), "within": "customer", "min_count": 1},
        out_of_range={"min_count": 0, "level": 95.0},
    ),
    Call(
        product_trends,
        {"lines": Later(lines), "as_of": "2024-03-31", "period_days": 30, "min_buyers": 1},
        out_of_range={"as_of": "yesterday", "period_days": 0, "min_buyers": 0, "level": 95.0},
    ),
    Call(
        read_order_lines,
        {
            "customer": ["ann", "ann"],
            "date": ["2024-01-05", "2024-01-06"],
            "product": ["tea", "jam"],
            "category": ["drinks", "food"],
            "brand": ["A", "B"],
            "quantity": [1.0, 2.0],
            "amount": [3.0, 4.0],
            "order": ["o1", "o2"],
        },
        out_of_range={"date": "yesterday", "quantity": 0.0, "amount": -1.0},
    ),
    Call(
        replenishment,
        {"lines": Later(lines), "as_of": "2024-03-31", "min_purchases": 2, "min_intervals": 1},
        out_of_range={"as_of": "yesterday", "min_purchases": 0, "min_intervals": 0, "level": 80.0},
    ),
]
