"""Pairs, next purchases, best customers, trends and first products, against slow counts."""

from __future__ import annotations

from collections import defaultdict

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue._products import counting, pairs
from crmvalue._products.firsts import chance_of_total
from crmvalue._products.replenishment import _moments
from crmvalue._products.table import q_values
from crmvalue.errors import InputError
from crmvalue.products import (
    OrderLines,
    best_customer_products,
    first_products,
    next_purchases,
    product_pairs,
    product_trends,
    replenishment,
)
from tests.products import references
from tests.tables import check_json

DAY = np.datetime64("2024-01-01")

LOGS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30), st.integers(0, 4)), min_size=1, max_size=40)


def as_lines(log, **columns):
    customer, day, product = (np.array(column) for column in zip(*log, strict=True))
    return OrderLines(customer=customer, date=DAY + day, product=product, **columns)


def rows_of(table, *keys):
    """Give the rows of a table by their keys."""
    columns = {name: column.tolist() for name, column in table.to_columns().items()}
    names = list(zip(*(columns[key] for key in keys), strict=True)) if len(keys) > 1 else columns[keys[0]]
    return {name: {key: column[i] for key, column in columns.items()} for i, name in enumerate(names)}


def shuffled(log, rng):
    return [log[i] for i in rng.permutation(len(log))]


class TestProductPairs:
    """support n_ab / n, confidence n_ab / n_a, lift n n_ab / (n_a n_b)."""

    def test_the_sentence_about_one_item_counts_its_pairs(self):
        """The rows of one item have one direction of each pair, all rows have both."""
        lines = OrderLines(
            customer=np.repeat(np.arange(40), 2),
            date=[DAY] * 80,
            product=["tea", "milk"] * 20 + ["x", "y"] * 20,
        )
        pairs = product_pairs(lines)
        assert ": 2 of 6 possible pairs. First: " in pairs.conclusion
        assert ": 1 of 6 possible pairs. First: tea and milk, 2.0 times" in pairs.of("tea").conclusion

    def test_the_sentence_names_a_pair_that_is_sure(self):
        found = product_pairs(as_lines([(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1), (2, 0, 2)]), min_count=1)
        rows = {"q_value": np.where(found.bought == 1, 0.01, 0.9)}
        assert "1 of 3 possible pairs. First: 1 and 0" in attrs.evolve(found, **rows).conclusion

    @given(log=LOGS, by_customer=st.booleans(), small_blocks=st.booleans())
    def test_equals_a_slow_count(self, log, by_customer, small_blocks):
        baskets = defaultdict(list)
        for customer, day, product in log:
            baskets[customer if by_customer else (customer, day)].append(product)
        single, both = references.pair_counts(baskets.values())
        with pytest.MonkeyPatch.context() as patch:
            if small_blocks:
                patch.setattr(counting, "_BLOCK", 3)
            found = product_pairs(as_lines(log), within="customer" if by_customer else "order", min_count=1)
        rows = rows_of(found, "bought", "also_bought")
        assert set(rows) == set(both)
        assert found.n_orders == len(baskets)
        for (a, b), row in rows.items():
            assert (row["n_together"], row["n_bought"], row["n_also_bought"]) == (both[a, b], single[a], single[b])
            assert row["support"] == pytest.approx(both[a, b] / len(baskets))
            assert row["confidence"] == pytest.approx(both[a, b] / single[a])
            assert row["lift"] == pytest.approx(len(baskets) * both[a, b] / single[a] / single[b])
            assert row["lift_low"] <= row["lift"] <= row["lift_high"]
        n_tested = sum(1 for n in single.values() if n >= 1)
        assert found.n_tested == n_tested * (n_tested - 1) // 2
        assert (np.diff(found.lift_low) <= 0).all()

    @given(log=LOGS, seed=st.integers(0, 9))
    def test_order_of_lines_does_not_matter(self, log, seed):
        other = shuffled(log, np.random.default_rng(seed))
        assert product_pairs(as_lines(log), min_count=1) == product_pairs(as_lines(other), min_count=1)

    @given(log=LOGS, least=st.integers(1, 4))
    def test_min_count_only_leaves_out(self, log, least):
        all_rows = rows_of(product_pairs(as_lines(log), min_count=1), "bought", "also_bought")
        rows = rows_of(product_pairs(as_lines(log), min_count=least), "bought", "also_bought")
        assert set(rows) == {pair for pair, row in all_rows.items() if row["n_together"] >= least}

    def test_by_category_and_brand(self):
        log = [(1, 0, 1), (1, 0, 2), (1, 0, 3), (2, 0, 1)]
        lines = as_lines(log, category=["x", "x", "y", "x"], brand=[5, 6, 6, 5])
        assert product_pairs(lines, item_kind="category", min_count=1).support.tolist() == [0.5, 0.5]
        assert set(product_pairs(lines, item_kind="brand", min_count=1).bought.tolist()) == {5, 6}

    def test_rows_of_one_item(self):
        found = product_pairs(as_lines([(1, 0, 1), (1, 0, 2), (1, 0, 3)]), min_count=1).of(2)
        assert sorted(found.also_bought.tolist()) == [1, 3]
        assert len(found.of("no such item")) == 0

    def test_interval_covers_and_chance_is_binomial(self):
        """400 shops of 2,000 orders with a lift of 1.6; the share covered has a standard error of 0.011."""
        rng, covered, lows = np.random.default_rng(5), 0, 0
        for _ in range(400):
            a = rng.random(2000) < 0.1
            b = rng.random(2000) < np.where(a, 0.16, (0.1 - 0.016) / 0.9)
            order = np.concatenate([np.nonzero(a)[0], np.nonzero(b)[0], [1999]])
            product = np.repeat(["a", "b", "c"], [a.sum(), b.sum(), 1])
            n = len(np.unique(order))
            lines = OrderLines(customer=order, date=np.full(len(order), DAY), product=product)
            row = product_pairs(lines).of("a")
            lift_of_seen = 1.6 * n / 2000  # orders without a, b and c are no orders of the lines
            covered += row.lift_low[0] <= lift_of_seen <= row.lift_high[0]
            chance = stats.binom.sf(row.n_together[0] - 1, *self.rare_and_share(row, n))
            np.testing.assert_allclose(row.q_value[0], chance, rtol=1e-9)
            lows += row.lift_low[0] > lift_of_seen
        assert 0.95 - 3 * 0.011 <= covered / 400 <= 0.95 + 3 * 0.011
        assert 0 < lows < 30

    @staticmethod
    def rare_and_share(row, n):
        few, many = sorted([row.n_bought[0], row.n_also_bought[0]])
        return few, many / n

    def test_interval_is_that_of_the_delta_method(self):
        """Variance of the logarithm from the gradient and the covariance of four cells of a multinomial sample."""
        log = [
            (c, 0, p) for c in range(20) for p in ([1, 2] * (c < 4) + [1] * (4 <= c < 9) + [2] * (9 <= c < 12) + [3])
        ]
        found = rows_of(product_pairs(as_lines(log), min_count=1), "bought", "also_bought")[1, 2]
        share = np.array([4, 5, 3, 8]) / 20  # both, the first alone, the second alone, none
        gradient = np.array([1, 0, 0, 0]) / share[0] - np.array([1, 1, 0, 0]) / 0.45 - np.array([1, 0, 1, 0]) / 0.35
        variance = gradient @ (np.diag(share) - np.outer(share, share)) @ gradient / 20
        lift = 0.2 / 0.45 / 0.35
        ends = lift * np.exp(np.array([-1, 1]) * stats.norm.ppf(0.975) * np.sqrt(variance))
        np.testing.assert_allclose([found["lift_low"], found["lift_high"]], ends)

    def test_chance_pairs_are_not_called_sure(self):
        rng = np.random.default_rng(2)
        order, product = np.nonzero(rng.random((3000, 60)) < 0.05)
        lines = OrderLines(customer=order, date=np.full(len(order), DAY), product=product)
        found = product_pairs(lines)
        assert found.lift.max() > 1.5
        assert (found.q_value > 0.05).all()
        assert found.conclusion == "Bought together more often than chance explains: 0 of 1,770 possible pairs."

    def test_items_of_large_orders_are_no_pairs(self):
        """Who buys much buys anything: each order takes its items by chance, but orders differ in size."""
        rng = np.random.default_rng(3)
        claims = 0
        for _ in range(20):
            size = rng.lognormal(0.7, 1.0, 400)
            order, product = np.nonzero(rng.random((400, 30)) < 0.1 * size[:, np.newaxis])
            lines = OrderLines(customer=order, date=np.full(len(order), DAY), product=product)
            for within in ("order", "customer"):
                found = product_pairs(lines, within=within)
                claims += bool((found.q_value <= 0.05).any())
        assert claims <= 4  # 36 of 40 before

    def test_of_customers_with_equally_many_orders_the_identifier_decides_nothing(self):
        days = [f"2024-02-{day:02}" for day in range(1, 21)]
        baskets = [["tea", "milk"] if i % 8 == 0 else [("egg", "tea", "milk")[min(i % 8, 3) % 3]] for i in range(148)]
        log = [(i + 2, "2024-01-05", item) for i, basket in enumerate(baskets) for item in basket]

        def chance(oil, tea):
            rows = [*log, *((oil, day, "oil") for day in days), *((tea, day, "tea") for day in days)]
            customer, date, product = zip(*rows, strict=True)
            pairs = product_pairs(OrderLines(customer=customer, date=date, product=product), min_count=2)
            return pairs.of("tea").q_value[0]

        assert chance(0, 1) == chance(1, 0)
        assert chance(0, 1) < 1

    @pytest.mark.parametrize("with_both", [True, False])
    def test_one_customer_with_a_habit_is_no_pair(self, with_both):
        """One customer with many orders buys two items often, or never; all others take them by chance."""
        rng = np.random.default_rng(4)
        claims = 0
        for _ in range(30):
            bought = rng.random((400, 10)) < 0.3
            bought[:100, :2] = with_both
            order, product = np.nonzero(bought)
            lines = OrderLines(
                customer=np.maximum(order, 100), date=np.full(len(order), DAY), product=product, order=order
            )
            claims += bool((product_pairs(lines).q_value <= 0.05).any())
        assert claims <= 3

    def test_a_pair_of_many_customers_is_found(self):
        """Two items that go together in a third of the orders of half of 200 customers, with five orders each."""
        rng = np.random.default_rng(5)
        bought = rng.random((1000, 30)) < 0.08
        bought[:, 1] |= bought[:, 0] & (rng.random(1000) < 0.5)
        order, product = np.nonzero(bought)
        lines = OrderLines(customer=order // 5, date=np.full(len(order), DAY), product=product, order=order)
        found = product_pairs(lines)
        sure = found.q_value <= 0.05
        assert {
            frozenset(p) for p in zip(found.bought[sure].tolist(), found.also_bought[sure].tolist(), strict=True)
        } == {frozenset((0, 1))}

    def test_the_chance_counts_customers(self):
        """Forty orders with both of 20 customers with two each count as 20; of one customer as none."""
        log = [(c, day, p) for c in range(20) for day in (0, 1) for p in (1, 2)]
        log += [(c, 0, p) for c in range(20, 100) for p in (3 + c % 4, 7 + c % 4)]
        found = rows_of(product_pairs(as_lines(log)), "bought", "also_bought")[1, 2]
        n = 120
        share = max(40 * 40 / n, 40 * 40 / (2 * n - 40)) / 40
        few = stats.binom.sf(19, 20, share)
        without_one_customer = stats.binom.sf(37, 38, max(share, 38 * 38 / 118 / 38))
        expected = max(few, without_one_customer) * 9 * 10 / 2
        assert found["q_value"] <= expected * 1.2
        assert found["q_value"] >= few

    def test_json_and_conclusion(self):
        found = product_pairs(as_lines([(c, 0, p) for c in range(40) for p in ((1, 2) if c < 20 else (3,))]))
        check_json(found)
        assert "than chance explains: 1 of 3 possible pairs. First: 1 and 2, 2.0 times as often." in found.conclusion


class TestChanceOfPairs:
    """The chance of a pair is that of both directions, so it is found once."""

    def test_once(self, monkeypatch):
        seen = []
        original = pairs.chance_for_customers
        monkeypatch.setattr(pairs, "chance_for_customers", lambda *given: seen.append(given[4]) or original(*given))
        rng = np.random.default_rng(1)
        lines = OrderLines(
            customer=rng.integers(0, 60, 900), date=["2024-01-05"] * 900, product=rng.integers(0, 12, 900)
        )
        found = product_pairs(lines, min_count=1)
        ((a, b),) = seen
        assert len({frozenset(pair) for pair in zip(a.tolist(), b.tolist(), strict=True)}) == len(a)
        assert 2 * len(a) == len(found)
        by_pair = dict(zip(zip(found.bought, found.also_bought, strict=True), found.q_value, strict=True))
        assert all(q == by_pair[other, one] for (one, other), q in by_pair.items())


class TestQValues:
    """The smallest share of false findings at which a finding counts: min over larger p of p m / rank."""

    @given(p=st.lists(st.floats(0, 1), min_size=1, max_size=20), more=st.integers(0, 5))
    def test_definition(self, p, more):
        m = len(p) + more
        expected = [min(1.0, *(q * m / sum(r <= q for r in p) for q in p if q >= one), 1.0) for one in p]
        np.testing.assert_allclose(q_values(np.array(p), m), expected)

    def test_equals_scipy(self):
        p = np.random.default_rng(1).random(50) ** 3
        np.testing.assert_allclose(q_values(p, 50), stats.false_discovery_control(p))


class TestNextPurchases:
    """Share of purchases with one item whose next purchase has another one, and the days between."""

    def test_conclusion(self):
        """Fifty customers buy ink ten days after a printer, fifty others tea after tea."""
        customers = np.arange(100)
        lines = OrderLines(
            customer=np.tile(customers, 2),
            date=DAY + np.repeat([0, 10], 100),
            product=["printer"] * 50 + ["tea"] * 50 + ["ink"] * 50 + ["tea"] * 50,
        )
        first = "First: ink after printer, in 100% of cases and after 10 days on average."
        assert next_purchases(lines).conclusion.endswith(first)
        none = next_purchases(lines.without(["printer"]))
        assert none.conclusion == "Bought next more often than chance explains: 0 of 1 possible pair."

    def test_the_conclusion_names_a_pair_that_is_shown(self):
        """Milk follows everything, so it comes first by its share; ink follows the printer more than by chance."""
        customers = np.arange(300)
        lines = OrderLines(
            customer=np.concatenate([customers, customers, customers[:40]]),
            date=DAY + np.concatenate([np.zeros(300, int), np.full(300, 1), np.full(40, 1)]),
            product=["printer"] * 60 + ["tea"] * 240 + ["milk"] * 300 + ["ink"] * 40,
        )
        found = next_purchases(lines)
        assert found.bought_next[0] == "milk"
        assert found.conclusion.endswith("First: ink after printer, in 67% of cases and after 1 day on average.")

    def test_one_customer_with_a_habit_shows_nothing(self):
        rng = np.random.default_rng(6)
        claims = 0
        for _ in range(30):
            customer = np.append(np.repeat(np.arange(300), 4), np.full(300, 300))
            product = np.append(
                rng.choice(8, 1200, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05]), rng.integers(5, 8, 300)
            )
            lines = OrderLines(customer=customer, date=DAY + rng.integers(0, 365, 1500), product=product)
            found = next_purchases(lines)
            claims += bool(((found.lift > 1) & (found.q_value <= 0.05)).any())
        assert claims <= 3

    @pytest.mark.parametrize("within", [None, 60])
    def test_large_purchases_after_large_ones_show_nothing(self, within):
        """Customers with large baskets have large ones next, so every item follows every other more often."""
        rng = np.random.default_rng(7)
        claims = 0
        for _ in range(30):
            size = np.repeat(rng.choice([1, 6], 200), 6)  # of each purchase, the same for all of a customer
            customer, day = np.repeat(np.arange(200), 6), np.tile(np.arange(0, 180, 30), 200)
            lines = OrderLines(
                customer=np.repeat(customer, size),
                date=DAY + np.repeat(day, size),
                product=rng.integers(0, 12, size.sum()),
            )
            found = next_purchases(lines, within_days=within)
            claims += bool(((found.lift > 1) & (found.q_value <= 0.05)).any())
        assert claims <= 3

    @given(log=LOGS, within=st.one_of(st.none(), st.integers(1, 20)), later=st.integers(0, 9))
    def test_equals_a_slow_count(self, log, within, later):
        end = max(day for _, day, _ in log) + later
        n_bought, n_next, days, n_followed = references.next_counts(log, within, end)
        arguments = {"within_days": within, "as_of": DAY + end, "min_count": 1}
        if not n_followed:
            with pytest.raises(InputError, match="followed"):
                next_purchases(as_lines(log), **arguments)
            return
        found = next_purchases(as_lines(log), **arguments)
        rows = rows_of(found, "bought", "bought_next")
        assert found.n_purchases == n_followed
        assert {pair: row["n_next"] for pair, row in rows.items()} == dict(n_next)
        for (a, b), row in rows.items():
            assert row["n_bought"] == n_bought[a]
            assert row["mean_days"] == pytest.approx(days[a, b] / n_next[a, b])
            assert row["prob"] == pytest.approx(n_next[a, b] / n_bought[a])
            assert row["prob_low"] <= row["prob"] <= row["prob_high"]

    @given(log=LOGS, seed=st.integers(0, 9))
    def test_order_of_lines_does_not_matter(self, log, seed):
        log = [*log, (9, 0, 1), (9, 5, 1)]
        other = shuffled(log, np.random.default_rng(seed))
        assert next_purchases(as_lines(log), min_count=1) == next_purchases(as_lines(other), min_count=1)

    def test_the_last_day_of_the_window_belongs_to_it(self):
        lines = as_lines([(1, 0, 1), (1, 20, 2)])
        assert len(next_purchases(lines, within_days=20, as_of=DAY + 20, min_count=1)) == 1
        assert len(next_purchases(lines, within_days=19, as_of=DAY + 20, min_count=1)) == 0

    def test_json_and_rows_of_one_item(self):
        found = next_purchases(
            as_lines([(1, 0, 1), (1, 5, 2), (1, 9, 3)]), min_count=1, within_days=30, as_of="2024-03-31"
        )
        check_json(found)
        assert found.after(1).bought_next.tolist() == [2]


class TestBestCustomerProducts:
    """Share of the purchases of the best, divided by the share of those of the others."""

    @pytest.mark.slow
    def test_one_very_large_customer_is_no_preference(self):
        """The best are drawn by chance. One customer, who places a third of all orders, made claims in 34 of 100."""
        rng = np.random.default_rng(8)
        claims = 0
        for _ in range(200):
            n = np.append(300, rng.poisson(5, 99) + 1)
            customer, taste = np.repeat(np.arange(100), n), rng.dirichlet(np.full(12, 0.3), 100)
            product = (taste[customer].cumsum(axis=1) > rng.random(len(customer))[:, np.newaxis]).argmax(axis=1)
            lines = OrderLines(
                customer=customer, date=np.full(len(customer), DAY), product=product, order=np.arange(len(customer))
            )
            found = best_customer_products(lines, best=rng.choice(100, 40, replace=False), min_buyers=5)
            claims += bool((found.q_value <= 0.05).any())
        assert claims <= 14  # 5 % and 1.3 standard errors

    @pytest.mark.parametrize("n_best", [1, 2, 3, 10])
    def test_a_few_customers_like_all_others_are_not_said_to_prefer_anything(self, n_best):
        claims = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            bought = np.column_stack([rng.integers(0, 100, 1500), rng.integers(0, 200, 1500), rng.integers(0, 8, 1500)])
            found = best_customer_products(as_lines(bought.tolist()), best=list(range(n_best)), min_buyers=1)
            claims += bool((found.q_value <= 0.05).any())
        assert claims <= 4

    def test_the_surest_preference_comes_first(self):
        """Everybody buys product 1; of the best, four in five buy product 2, of the others, four in five product 0."""
        log = [(who, 0, 1) for who in range(80)]
        log += [(who, 1, 2 if (who < 40) == (who % 5 > 0) else 0) for who in range(80)]
        found = best_customer_products(as_lines(log), best=list(range(40)), min_buyers=1)
        assert found.item.tolist() == [2, 1, 0]
        assert (np.diff(found.index_low) < 0).all()

    def test_one_customer_has_no_interval(self):
        found = best_customer_products(as_lines([(1, 0, 1), (2, 0, 1), (3, 0, 2)]), best=[1], min_buyers=1)
        assert found.index_low.tolist() == [0.0, 0.0]
        assert np.isinf(found.index_high).all()
        assert found.q_value.tolist() == [1.0, 1.0]

    @given(log=LOGS)
    def test_equals_a_slow_count(self, log):
        log = [*log, (0, 0, 0), (7, 0, 0)]
        orders = defaultdict(lambda: defaultdict(list))
        for customer, day, product in log:
            orders[customer][day].append(product)
        best, others = references.best_counts({c: list(days.values()) for c, days in orders.items()}, {0})
        rows = rows_of(best_customer_products(as_lines(log), best=[0], min_buyers=1), "item")
        assert set(rows) == {product for _, _, product in log}
        for item, row in rows.items():
            assert row["share_best"] == pytest.approx(best.get(item, 0))
            assert row["share_others"] == pytest.approx(others.get(item, 0))
            assert row["index_low"] <= row["index"] <= row["index_high"]

    def test_interval_covers(self):
        """200 shops in which the best prefer one product 1.5 times; customers differ in how much they buy."""
        rng, covered = np.random.default_rng(3), 0
        for _ in range(200):
            n_orders = rng.poisson(rng.gamma(2, 4, 400)) + 1
            customer = np.repeat(np.arange(400), n_orders)
            own_taste = rng.beta(10, 90, 400)[customer] * np.where(customer < 100, 1.5, 1.0)
            product = np.where(rng.random(len(customer)) < own_taste, "a", "b")
            day = DAY + np.arange(len(customer))
            found = best_customer_products(
                OrderLines(customer=customer, date=day, product=product), best=np.arange(100)
            )
            row = rows_of(found, "item")["a"]
            covered += row["index_low"] <= 1.5 <= row["index_high"]
        assert covered / 200 >= 0.95 - 3 * 0.0155

    @pytest.mark.parametrize(
        ("best", "level"),  # orders of each customer with each item; without the first of two, one purchase is left
        [([[9, 0, 1, 4], [2, 0, 2, 0], [1, 0, 3, 1], [4, 0, 0, 2]], 0.9), ([[3, 0, 2, 1], [0, 0, 1, 0]], 0.1)],
    )
    def test_the_interval_is_that_of_leaving_out_one_customer_at_a_time(self, best, level):
        """An item that a group never bought has half a purchase more in both, and all purchases one more."""
        best = np.array(best)
        others = np.array([[3, 2, 2, 0], [1, 0, 6, 0], [0, 3, 1, 0], [5, 1, 2, 0], [4, 1, 6, 0]])
        counts = np.vstack((others, best))
        log = [
            (who, day, item)
            for who, row in enumerate(counts)
            for item, n in enumerate(row)
            for day in range(30 * item, 30 * item + n)
        ]
        who = list(range(5, 5 + len(best)))
        found = rows_of(best_customer_products(as_lines(log), best=who, min_buyers=1, level=level), "item")
        kish = [table.sum() ** 2 / (table.sum(axis=1) ** 2).sum() for table in (best, others)]
        for item in range(4):
            bought = np.array([table[:, item].sum() for table in (best, others)])
            everything = np.array([best.sum(), others.sum()])
            if 0 in bought:
                near = np.divide(*((bought + 0.5) / (everything + 1)))
                variance = (1 / (bought + 0.5)).sum()
            else:
                near = np.divide(*(bought / everything))
                variance = 0.0
                for table in (best, others):
                    without = [np.delete(table, who, axis=0) for who in range(len(table))]
                    apart = np.array([rest[:, item].sum() / rest.sum() for rest in without])
                    share = table[:, item].sum() / table.sum()
                    variance += (len(table) - 1) / len(table) * ((apart - share) ** 2).sum() / share**2
            factor = np.exp(stats.t.ppf(0.5 + level / 2, min(kish) - 1) * np.sqrt(variance))
            index = found[item]["index"]
            assert found[item]["index_low"] == pytest.approx(min(near / factor, index))
            assert found[item]["index_high"] == pytest.approx(max(near * factor, index))

    def test_the_largest_sums_are_the_best(self):
        lines = as_lines([(0, 0, 1), (1, 0, 2), (2, 0, 2), (3, 0, 2), (4, 0, 2)], amount=[9.0, 1.0, 1.0, 1.0, 1.0])
        found = best_customer_products(lines, min_buyers=1)
        assert (found.n_best, found.n_others) == (1, 4)
        assert rows_of(found, "item")[1]["index"] == np.inf
        check_json(found)

    @pytest.mark.parametrize(("top_share", "n_best"), [(0.2, 1), (0.4, 1), (0.7, 6), (0.8, 6)])
    def test_customers_with_equal_sums_are_all_among_the_best_or_none_is(self, top_share, n_best):
        """One spent more, five spent 0.3 in different orders of three amounts, two spent less."""
        sums = [[9.0], [0.1, 0.2], [0.3], [0.2, 0.1], [0.1, 0.1, 0.1], [0.3], [0.1], [0.1]]
        order = [(customer, 0, customer % 2) for customer, amounts in enumerate(sums) for _ in amounts]
        amount = [x for amounts in sums for x in amounts]
        for rows in (order, [(7 - customer, day, product) for customer, day, product in order]):
            found = best_customer_products(as_lines(rows, amount=amount), top_share=top_share, min_buyers=1)
            assert found.n_best == n_best

    def test_nobody_is_the_best_where_all_spent_the_same(self):
        with pytest.raises(InputError, match="different sums"):
            best_customer_products(as_lines([(0, 0, 1), (1, 0, 2), (2, 0, 2)], amount=[0.3, 0.3, 0.1 + 0.2]))

    @pytest.mark.parametrize("best", [["ann"], [9], [], [0, 1], None])
    def test_rejections(self, best):
        with pytest.raises(InputError, match="best"):
            best_customer_products(as_lines([(0, 0, 1), (1, 0, 2)]), best=best)


class TestProductTrends:
    """Buyers of two periods, and days with a purchase for each buyer."""

    @given(log=LOGS, length=st.integers(1, 12))
    def test_equals_a_slow_count(self, log, length):
        log = [*log, (8, 0, 9)]
        before, days_before = references.trend_counts(log, 30 - length, length)
        now, days_now = references.trend_counts(log, 30, length)
        found = product_trends(as_lines(log), as_of=DAY + 30, period_days=length, min_buyers=1)
        rows = rows_of(found, "item")
        assert {item: row["buyers_before"] for item, row in rows.items()} == dict(before)
        for item, row in rows.items():
            assert row["buyers_now"] == now[item]
            assert row["times_before"] == pytest.approx(days_before[item] / before[item])
            assert row["buyers_low"] <= row["buyers_ratio"] <= row["buyers_high"]
            if now[item]:
                assert row["times_now"] == pytest.approx(days_now[item] / now[item])

    def test_mcnemar_of_lost_and_won_customers(self):
        log = [(c, 5, 1) for c in range(30)] + [(c, 15, 1) for c in range(22, 33)]
        found = product_trends(as_lines(log), as_of=DAY + 20, period_days=10)
        expected = stats.binomtest(3, 25).pvalue
        np.testing.assert_allclose(found.buyers_q_value, [expected])
        assert found.change == ("fewer",)
        assert "Fewer buyers, beyond chance: 1 of 1 item." in found.conclusion
        check_json(found)

    def test_times_of_what_nobody_buys_any_more_are_unknown(self):
        log = [(c, 5, 1) for c in range(30)] + [(c, day, 2) for c in range(30) for day in (5, 15)]
        trends = product_trends(as_lines(log), as_of=DAY + 20, period_days=10)
        check_json(trends)
        found = rows_of(trends, "item")[1]
        assert (found["buyers_now"], found["times_q_value"], found["change"]) == (0, 1.0, "fewer")
        assert np.isnan([found[name] for name in ("times_now", "times_ratio", "times_low", "times_high")]).all()

    def test_variance_of_the_times_by_leaving_out_customers(self):
        """The linearised variance is near that of the jackknife, with 400 customers within 5 %."""
        rng = np.random.default_rng(6)
        log = [
            (c, d, 1) for c in range(400) for d in range(20) if rng.random() < (0.2 if d < 10 else 0.12) * (1 + c % 3)
        ]
        found = product_trends(as_lines(log), as_of=DAY + 19, period_days=10)
        half = np.log(found.times_high[0] / found.times_ratio[0]) / 1.959964
        counts = np.zeros((400, 2))
        for c, d, _ in log:
            counts[c, d // 10] += 1
        total, buyers = counts.sum(0), (counts > 0).sum(0)
        rest, rest_buyers = total - counts, buyers - (counts > 0)
        ratios = np.log(rest[:, 1] / rest_buyers[:, 1] / (rest[:, 0] / rest_buyers[:, 0]))
        jackknife = np.sqrt(399 / 400 * ((ratios - ratios.mean()) ** 2).sum())
        assert half == pytest.approx(jackknife, rel=0.05)

    def test_against_the_year_before(self):
        log = [(c, 0, 1) for c in range(12)] + [(c, 364, 1) for c in range(12)]
        found = product_trends(as_lines(log), as_of=DAY + 364, period_days=1, against="year before")
        assert (found.buyers_now.tolist(), found.change) == ([12], ("",))


class TestFirstProducts:
    """Mean amounts of the customers who began with an item."""

    @given(log=LOGS, horizon=st.integers(1, 20), seed=st.integers(0, 3))
    def test_equals_a_slow_count(self, log, horizon, seed):
        log = [*log, (8, 0, 1), (9, 0, 1), (9, 1, 1)]
        amounts = np.random.default_rng(seed).integers(0, 50, len(log)).astype(float)
        expected = references.first_counts(log, amounts, horizon, 30)
        found = first_products(as_lines(log, amount=amounts), as_of=DAY + 30, horizon_days=horizon, min_customers=2)
        rows = rows_of(found, "item")
        assert set(rows) == {item for item, values in expected.items() if len(values) > 1}
        for item, row in rows.items():
            first, later, again = map(np.array, zip(*expected[item], strict=True))
            assert row["n_customers"] == len(first)
            assert row["repeat_rate"] == pytest.approx(again.mean())
            assert row["mean_first"] == pytest.approx(first.mean())
            assert row["mean_later"] == pytest.approx(later.mean())
            error, all_later = stats.sem(later), list(references.later_amounts(log, amounts, horizon, 30))
            error = max(error, np.std(all_later, ddof=1) / np.sqrt(len(later)))
            if error == 0:
                continue
            low, high = stats.t.interval(0.95, len(later) - 1, later.mean(), error)
            assert row["later_low"] == pytest.approx(low, abs=1e-6)
            assert row["later_high"] == pytest.approx(high, abs=1e-6)

    def test_equal_customers_of_an_item_have_the_spread_of_all(self):
        log = [(customer, 0, customer % 3) for customer in range(30)] + [(customer, 5, 3) for customer in (1, 4, 8)]
        lines = as_lines(log, amount=[1.0] * 30 + [20.0, 30.0, 10.0])
        row = rows_of(first_products(lines, as_of=DAY + 30, horizon_days=20, began_after=DAY - 1), "item")[0]
        error = np.std([20.0, 30.0, 10.0] + [0.0] * 27, ddof=1) / np.sqrt(10)
        assert (row["mean_later"], row["later_high"]) == (0.0, pytest.approx(stats.t.ppf(0.975, 9) * error))

    def test_items_that_make_no_difference_are_not_said_to(self):
        """Few come back, so an item whose few customers all stayed away says nothing."""
        claims = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            item = rng.choice(12, 600, p=rng.dirichlet(np.full(12, 0.6)))
            back = np.nonzero(rng.random(600) < 0.25)[0]
            log = [(c, 0, i) for c, i in enumerate(item.tolist())] + [(c, 9, 0) for c in back.tolist()]
            amount = np.concatenate((np.full(600, 10.0), rng.lognormal(3.0, 1.0, len(back)).round(2)))
            found = first_products(
                as_lines(log, amount=amount), as_of=DAY + 30, horizon_days=20, min_customers=2, began_after=DAY - 1
            )
            claims += bool((found.q_value <= 0.05).any())
        assert claims <= 4

    def test_the_chance_of_a_sum_is_that_of_draws(self):
        rng = np.random.default_rng(1)
        values = np.where(rng.random(300) < 0.25, rng.lognormal(3.0, 1.0, 300), 0.0)
        off = values - values.mean()
        for n in (40, 150):
            drawn = off[np.argsort(rng.random((8000, 300)), axis=1)[:, :n]]
            above = (drawn > np.median(off)).sum(axis=1).astype(float)
            chance = chance_of_total(drawn.sum(axis=1), np.full(8000, float(n)), above, off)
            assert 0.03 < np.mean(chance <= 0.05) < 0.06

    def test_q_value_is_that_of_a_draw_without_replacement(self):
        rng = np.random.default_rng(4)
        log = [(c, 0, c % 2) for c in range(60)] + [(c, 5, 3) for c in range(60)]
        amounts = np.concatenate([np.ones(60), rng.gamma(2, 5, 60) + 4 * (np.arange(60) % 2)])
        lines = as_lines(log, amount=amounts)
        found = first_products(lines, as_of=DAY + 30, horizon_days=20, began_after=DAY - 1)
        later = amounts[60:]
        error = np.sqrt(later.var(ddof=1) / 30 * (1 - 30 / 60))  # of the mean of half of them, which is not skewed
        expected = 2 * stats.norm.sf(abs(later[::2].mean() - later.mean()) / error)
        np.testing.assert_allclose(found.q_value, [expected, expected], rtol=1e-4)
        check_json(found)

    def test_old_customers_can_be_left_out(self):
        lines = as_lines([(1, 0, 1), (2, 9, 1), (3, 9, 1)], amount=[1.0, 1.0, 1.0])
        found = first_products(lines, as_of=DAY + 30, horizon_days=10, began_after=DAY, min_customers=2)
        assert found.n_followed == 2

    def test_rejections(self):
        with pytest.raises(InputError, match="with an amount"):
            first_products(as_lines([(1, 0, 1)]), as_of=DAY + 30, horizon_days=10)
        with pytest.raises(InputError, match="late enough"):
            first_products(as_lines([(1, 0, 1)], amount=[1.0]), as_of=DAY + 3, horizon_days=10)


class TestReplenishment:
    """Mean of the logarithm of the intervals, shrunk towards the product."""

    def test_equals_a_slow_shrinkage(self):
        """One product: its own mean is that of all products."""
        rng = np.random.default_rng(7)
        log, intervals = [], {}
        for customer in range(30):
            gaps = np.maximum(np.rint(np.exp(3 + 0.4 * rng.normal() + 0.3 * rng.normal(size=1 + customer % 6))), 1)
            days = np.concatenate([[0], np.cumsum(gaps)]).astype(int)
            log += [(customer, day, 1) for day in days]
            intervals[customer] = np.log(gaps)
        found = replenishment(as_lines(log), as_of=DAY + 2000)
        own, between = found.spread_own**2, found.spread_customers**2
        expected = references.shrunk_intervals(intervals, own, between, 0, None)
        np.testing.assert_allclose(found.interval_days, [expected[c] for c in range(30)])
        inside = np.concatenate([y - y.mean() for y in intervals.values()])
        assert own == pytest.approx((inside**2).sum() / (len(inside) - 30))
        assert 0.2 < found.spread_own < 0.4
        assert 0.25 < found.spread_customers < 0.6
        assert (found.due_date == found.last_date + np.rint(found.interval_days).astype("timedelta64[D]")).all()
        check_json(found)

    def test_due_dates_find_the_next_purchase(self):
        """With many customers the interval holds the next purchase as often as `level` says."""
        rng, log, following = np.random.default_rng(8), [], {}
        for customer in range(3000):
            product = customer % 20
            middle = 3.5 + 0.02 * product + 0.3 * rng.normal()
            days = np.cumsum(np.rint(np.exp(middle + 0.4 * rng.normal(size=5)))).astype(int)
            log += [(customer, day, product) for day in days[:4]]
            following[customer] = days[4]
        found = replenishment(as_lines(log), as_of=DAY + 5000, level=0.8)
        day = DAY + np.array([following[c] for c in found.customer.tolist()])
        inside = ((day >= found.due_low) & (day <= found.due_high)).mean()
        assert inside == pytest.approx(0.8, abs=0.03)  # three standard errors, and rounding to days

    @pytest.mark.parametrize(("n_customers", "n_intervals"), [(1, 6), (2, 5), (6, 2)])
    def test_few_intervals_do_not_show_how_they_vary(self, n_customers, n_intervals):
        """The normal quantile covered 87 to 90 of 100 next purchases at a level of 95 %."""
        rng, inside = np.random.default_rng(4), []
        for _ in range(300):
            gaps = np.exp(4 + 0.5 * rng.normal(size=(n_customers, n_intervals + 1)))
            days = np.rint(np.cumsum(np.maximum(gaps, 1), axis=1)).astype(int)
            log = [(c, 0, 1) for c in range(n_customers)]
            log += [(c, int(day), 1) for c in range(n_customers) for day in days[c, :-1]]
            found = replenishment(as_lines(log), as_of=DAY + 9000)
            inside += ((DAY + days[:, -1] >= found.due_low) & (DAY + days[:, -1] <= found.due_high)).tolist()
        assert np.mean(inside) > 0.92  # 95 % less two standard errors of 300 logs

    @pytest.mark.parametrize(
        ("gaps", "low", "high"),
        [
            ([30], 0, 36_500),  # one interval shows nothing of how they vary
            ([30, 30], 24, 37),  # 30 exp(-12.706 / 60), rounded, and the inverse
            ([30] * 10, 29, 31),
            ([1] * 300, 1, 1),
        ],
    )
    def test_equal_intervals_are_not_certain(self, gaps, low, high):
        log = [(1, int(day), 1) for day in np.cumsum([0, *gaps])]
        found = replenishment(as_lines(log), as_of=DAY + 400, min_intervals=1)
        days = [int((end - found.last_date)[0].astype(int)) for end in (found.due_low, found.due_high)]
        assert days == [low, high]

    def test_order_of_lines_does_not_matter(self):
        rng = np.random.default_rng(1)
        log = [(int(c), int(d), int(p)) for c, d, p in rng.integers(0, [4, 60, 3], (80, 3))]
        one = replenishment(as_lines(log), as_of=DAY + 60)
        assert one == replenishment(as_lines(shuffled(log, rng)), as_of=DAY + 60)

    def test_twice_the_quantity_lasts_twice_as_long(self):
        log = [(1, 0, 1), (1, 20, 1), (1, 30, 1), (1, 50, 1)]
        found = replenishment(as_lines(log, quantity=[2, 1, 2, 4]), as_of=DAY + 60, min_intervals=3, per_unit=True)
        np.testing.assert_allclose(found.interval_days, [40.0])

    def test_events_of_journeys(self):
        found = replenishment(as_lines([(1, 0, 5), (1, 20, 5), (1, 40, 5)]), as_of=DAY + 50, min_intervals=2)
        events = found.events(name="due: {product}", days_before=3)
        assert events.names == ("due: 5",)
        assert events.time.tolist() == [(DAY + 57).astype("datetime64[s]").item()]
        assert len(found.due(DAY + 60, DAY + 60)) == 1
        assert len(found.due(DAY + 61, DAY + 90)) == len(found.due(DAY, DAY + 59).events()) == 0

    @pytest.mark.parametrize(("days", "due"), [(30, "1 is"), (31, "0 are")])
    def test_what_is_due_in_thirty_days(self, days, due):
        found = replenishment(as_lines([(1, 0, 5), (1, 30, 5)]), as_of=DAY + 30, min_intervals=1)
        found = attrs.evolve(found, due_date=found.last_date + days)
        assert f" and {due} due in the 30 days" in found.conclusion

    def test_nothing_is_due_without_a_second_purchase(self):
        found = replenishment(as_lines([(1, 0, 1), (2, 0, 1)]), as_of=DAY)
        assert len(found) == 0
        assert found.n_intervals == 0
        check_json(found)

    def test_a_single_purchase_is_due_after_the_interval_of_the_product(self):
        log = [(1, 0, 1), (1, 20, 1), (1, 40, 1), (2, 7, 1)]
        found = replenishment(as_lines(log), as_of=DAY + 50, min_intervals=2, min_purchases=1)
        np.testing.assert_allclose(found.interval_days, [20.0, 20.0])

    def test_the_calendar_ends(self):
        lines = OrderLines(customer=[1] * 3, date=["9000-01-01", "9500-01-01", "9999-12-01"], product=["a"] * 3)
        assert str(replenishment(lines, as_of="9999-12-31", min_intervals=1).due_date[0]) == "9999-12-31"


def test_the_mean_of_products_and_how_they_vary():
    """DerSimonian and Laird: means 1, 3, 8 of the precisions 1, 1, 2 lie 4, 2, 3 from their mean 5.

    The weighted squares are 16 + 4 + 2 x 9 = 38, less 2 for three products; divided by 4 - (1 + 1 + 4) / 4 = 2.5 they
    give the variance 14.4. The weights become 1 / 15.4, 1 / 15.4 and 1 / 14.9.
    """
    mean, between = _moments(np.array([1.0, 3.0, 8.0]), np.array([1.0, 1.0, 2.0]))
    assert between == pytest.approx(14.4, rel=1e-12)
    assert mean == pytest.approx((4 / 15.4 + 8 / 14.9) / (2 / 15.4 + 1 / 14.9), rel=1e-12)
