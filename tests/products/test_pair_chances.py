"""Chances of pairs, where customers have many orders, against slow sums over sets, and of ratios."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from crmvalue._products.table import tail
from crmvalue.products import OrderLines, product_pairs
from tests.products import references


def a_log(rng):
    """Draw orders of customers who often buy a and b together, or of one of them; up to 12 have most orders."""
    orders = []
    n_most, n_other, most = rng.choice([1, 2, 9, 10, 11, 12]), rng.integers(0, 15), rng.choice([3, 9])
    alone = rng.random() < 0.2
    for customer in range(n_most + n_other):
        n_orders = most if customer < n_most else rng.integers(1, 3)
        often, more = rng.random(2)
        for _ in range(n_orders):
            together = {"a", "b"} if rng.random() < often and (customer == 0 or not alone) else set()
            rest = set(np.array(list("abcde"))[rng.random(5) < more**2 / 4].tolist())
            orders.append((customer, together | rest or {"e"}))
    return orders


@pytest.mark.parametrize("seed", [2, 3, 5, 6, 8, 9, 12, 16, 19, 25, 28, 31, 64, 80])  # each kind of log
def test_q_values_follow_the_definition(seed):
    orders = a_log(np.random.default_rng(seed))
    rows = [(customer, number, item) for number, (customer, items) in enumerate(orders) for item in sorted(items)]
    customer, order, product = zip(*rows, strict=True)
    lines = OrderLines(customer=customer, date=["2024-01-05"] * len(rows), order=order, product=product)
    found = product_pairs(lines, min_count=2)
    single, both = references.pair_counts([items for _, items in orders])
    often = sorted(item for item, n in single.items() if n >= 2)
    p_value = dict.fromkeys(itertools.combinations(often, 2), 1.0)
    p_value |= {pair: references.pair_p_value(orders, *pair) for pair in p_value if both[pair] >= 2}
    q_value, least = {}, 1.0
    for rank, pair in reversed(list(enumerate(sorted(p_value, key=p_value.__getitem__), 1))):  # Benjamini, Hochberg
        least = min(least, p_value[pair] * len(p_value) / rank)
        q_value[pair] = least
    expected = [q_value[tuple(sorted(pair))] for pair in zip(found.bought, found.also_bought, strict=True)]
    np.testing.assert_allclose(found.q_value, expected, rtol=1e-9)


@pytest.mark.parametrize("degrees", [0.5, 1.0, 2.5])
def test_a_ratio_of_few_customers_is_judged_by_students_distribution(degrees):
    found = tail(np.array([1.0, 2.0, 0.5, 30.0]), np.array([0.25, 0.25, 0.25, 0.25]), degrees)
    expected = 2 * stats.t(degrees).sf([0.0, 2 * np.log(2), 2 * np.log(2), 2 * np.log(30)])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert tail(np.array([2.0]), np.array([0.25]), 0.0).tolist() == [1.0]
