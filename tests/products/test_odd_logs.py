"""Logs that would mislead: they begin in the middle of a period or of a life, end in another century, or are huge."""

from __future__ import annotations

import attrs
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from crmvalue._products import pairs
from crmvalue._products.offers.learning import bought_in, history_of, learn, purchase_days
from crmvalue.errors import DataWarning, InputError
from crmvalue.products import (
    FirstProducts,
    OrderLines,
    ProductTrends,
    check_next_products,
    first_products,
    next_products,
    next_purchases,
    product_pairs,
    product_trends,
    replenishment,
)
from tests.work import times_longer

DAY = np.datetime64("2024-01-01")


def steady_log():
    """Ten buyers of one product on each day of a year."""
    days = np.repeat(np.arange(360), 10)
    return OrderLines(customer=np.arange(len(days)) % 97, date=DAY + days, product=["tea"] * len(days))


def test_due_dates_name_a_line_long_before_all_others():
    """Of two purchases, one of 1900 by mistake, the interval would be 124 years."""
    log = steady_log().to_columns()
    log = {name: np.append(column, column[:1]) for name, column in log.items()}
    log["date"][-1] = np.datetime64("1900-01-01")
    with pytest.warns(DataWarning, match="1 row is more than 5 years before all others, the first of 1900-01-01"):
        replenishment(OrderLines(**log), as_of=DAY + 360)


class TestTrends:
    """A period that the log does not cover shows no growth."""

    def test_the_log_begins_within_the_earlier_period(self):
        found = product_trends(steady_log(), as_of=DAY + 50, period_days=30, min_buyers=1)
        assert (found.days_missing, found.change) == (9, ("",))
        assert "begins after 9 days of the 30 of the earlier period" in found.conclusion
        assert ProductTrends.from_json(found.to_json()) == found

    @pytest.mark.parametrize("days", [12, 400, 20_000])
    def test_one_line_long_before_all_others_is_no_beginning(self, days):
        log = steady_log().to_columns()
        log = {name: np.append(column, column[:1]) for name, column in log.items()}
        log["date"][-1] = DAY - days
        found = product_trends(OrderLines(**log), as_of=DAY + 50, period_days=30, min_buyers=1)
        assert (found.days_missing, found.change) == (9, ("",))

    def test_a_customer_long_before_all_others_is_no_beginning(self):
        customer = np.append(np.arange(3600) % 199, np.full(300, 999))
        date = DAY + np.append(np.repeat(np.arange(360), 10), np.arange(300) - 700)
        log = OrderLines(customer=customer, date=date, product=["tea"] * 3900)
        found = product_trends(log, as_of=DAY + 50, period_days=30, min_buyers=1)
        assert (found.days_missing, found.change) == (9, ("",))

    def test_the_log_ends_within_the_later_period(self):
        found = product_trends(steady_log(), as_of=DAY + 374, period_days=30, min_buyers=1)
        assert (found.customers_before, found.days_after, found.change) == (97, 15, ("",))
        assert "ends before the last 15 days of the 30 of the later period" in found.conclusion
        assert ProductTrends.from_json(found.to_json()) == found
        late = steady_log().to_columns()
        late["date"] = np.append(late["date"][1:], DAY + 390)  # one order with a wrong date
        assert product_trends(OrderLines(**late), as_of=DAY + 374, period_days=30, min_buyers=1).days_after == 15
        assert product_trends(steady_log(), as_of=DAY + 365, period_days=30, min_buyers=1).days_after == 0

    def test_the_whole_period_is_there(self):
        found = product_trends(steady_log(), as_of=DAY + 59, period_days=30, min_buyers=1)
        assert found.days_missing == 0
        assert "begins after" not in found.conclusion

    def test_three_buyers_do_not_show_how_their_times_vary(self):
        """Before they bought on 5, 6 and 7 days, now on 2 each; with three customers Student's p is above 0.05."""
        customer = np.r_[np.repeat([1, 2, 3], [5, 6, 7]), np.repeat([1, 2, 3], [4, 4, 6])]
        day = np.r_[np.arange(5), np.arange(6), np.arange(7), 30 + np.arange(4), 30 + np.arange(4), 30 + np.arange(6)]
        lines = OrderLines(customer=customer, date=DAY + day, product=["tea"] * len(day))
        found = product_trends(lines, as_of=DAY + 59, period_days=30, min_buyers=1)
        logs = np.log([4 / 5, 4 / 6, 6 / 7])
        assert found.times_high[0] > 1 > found.times_ratio[0]
        assert stats.ttest_1samp(logs, 0.0).pvalue > 0.05
        assert found.change == ("",)


class TestFirstProducts:
    """Old customers of the first days of a log are no beginners."""

    @staticmethod
    def log(rng):
        """Two hundred old customers who buy each week, and one new customer a day who buys once."""
        old = np.repeat(np.arange(200), 50)
        when = np.tile(7 * np.arange(50), 200) + rng.integers(0, 7, len(old))
        new = np.arange(1000, 1340)
        return OrderLines(
            customer=np.concatenate([old, new]),
            date=DAY + np.concatenate([when, np.arange(len(new))]),
            product=["tea"] * (len(old) + len(new)),
            amount=np.ones(len(old) + len(new)),
        )

    def test_the_pile_is_left_out_by_default(self):
        lines = self.log(np.random.default_rng(5))
        found = first_products(lines, as_of=DAY + 349, horizon_days=60)
        assert found.n_old >= 200
        assert found.mean_later.tolist() == [0.0]
        assert f"first seen up to {found.began_after}" in found.conclusion
        assert FirstProducts.from_json(found.to_json()) == found
        everybody = first_products(lines, as_of=DAY + 349, horizon_days=60, began_after=DAY - 1)
        assert (everybody.n_old, everybody.mean_later[0] > 2) == (0, True)

    def test_nobody_is_left(self):
        lines = OrderLines(customer=range(100), date=[DAY] * 100, product=["tea"] * 100, amount=[1.0] * 100)
        with pytest.raises(InputError, match="give `began_after`"):
            first_products(lines, as_of=DAY + 90, horizon_days=60)


class TestFarDates:
    """One line dated 2203 does not move the end of a log."""

    def test_next_purchases(self):
        log = steady_log().to_columns()
        wrong = OrderLines(
            customer=np.append(log["customer"], 5),
            date=np.append(log["date"], np.datetime64("2203-01-01")),
            product=np.append(log["product"], "tea"),
        )
        with pytest.raises(InputError, match=r"unless `as_of` is given.*2203"):
            next_purchases(wrong, within_days=30)
        found = next_purchases(wrong, within_days=30, as_of=DAY + 359)
        assert found == attrs.evolve(next_purchases(steady_log(), within_days=30), n_later=1)


class TestLimits:
    """What would take gigabytes is refused with the argument that helps."""

    def test_pairs(self, monkeypatch):
        lines = OrderLines(customer=[1] * 400, date=[DAY] * 200 + [DAY + 1] * 200, product=[*range(200)] * 2)
        monkeypatch.setattr("crmvalue._products.counting._MOST_PAIRS", 10_000)
        for function in (product_pairs, next_purchases):
            with pytest.raises(InputError, match="at most 10,000 pairs") as caught:
                function(lines, min_count=1)
            assert caught.value.name == "min_count"

    def test_pairs_that_take_more_than_two_gigabytes(self):
        items = np.arange(2500)  # 6.2 million pairs
        lines = OrderLines(customer=np.repeat(np.arange(6), 2500), date=[DAY] * 15_000, product=np.tile(items, 6))
        with pytest.raises(InputError, match="at most 6,000,000 pairs"):
            product_pairs(lines)

    def test_offers(self, monkeypatch):
        lines = OrderLines(customer=[*range(50)] * 2, date=[DAY] * 50 + [DAY + 40] * 50, product=[*range(50)] * 2)
        monkeypatch.setattr("crmvalue._products.offers.candidates._MOST_ROWS", 1000)
        for function, end, days in ((next_products, DAY + 60, 30), (check_next_products, DAY + 42, 10)):
            with pytest.raises(InputError, match=r"at most 1,000 products.*Hint: 20 fits; or choose") as caught:
                function(lines, as_of=end, horizon_days=days, n=2**53)
            assert caught.value.name == "n"


class TestRowsOfOneItem:
    """What is no identifier has no rows: it is refused."""

    @pytest.mark.parametrize("item", [np.array([1, 2]), [["a"]], None, pd.NA, True, 1.5, np.zeros(2, "i4,f4")])
    def test_refused(self, item):
        lines = steady_log()
        calls = {
            "item": (product_pairs(lines, min_count=1).of, next_purchases(lines, min_count=1).after),
            "customer": (next_products(lines, as_of=DAY + 100, horizon_days=20).of,),
        }
        for name, methods in calls.items():
            for method in methods:
                with pytest.raises(InputError) as caught:
                    method(item)
                assert caught.value.name == name


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (product_trends, {"period_days": 30, "min_buyers": 1}),
        (first_products, {"horizon_days": 30, "began_after": "2023-12-31", "min_customers": 2}),
        (next_purchases, {"min_count": 1}),
        (next_purchases, {"min_count": 1, "within_days": 30}),
        (replenishment, {}),
        (next_products, {"horizon_days": 30}),
        (check_next_products, {"horizon_days": 30}),
    ],
)
def test_lines_after_the_last_day_are_counted(function, options):
    """They were left out without a word, so that a wrong last day went unnoticed."""
    log = steady_log()
    lines = OrderLines(customer=log.customer, date=log.date, product=log.product, amount=np.ones(len(log)))
    found = function(lines, as_of=DAY + 299, **options)
    assert found.n_later == 600
    assert found.conclusion.endswith(". Left out, after the last day: 600 lines.")
    assert type(found).from_json(found.to_json()) == found
    assert "Left out, after" not in function(lines, as_of=DAY + 359, **options).conclusion


class TestOneAccountForAll:
    """Sales without a name stand on one account of the till, which has bought nearly every product."""

    @pytest.mark.parametrize(
        "find",
        [
            lambda lines: next_products(lines, as_of=DAY + 180, horizon_days=60, customers=["ann"]),
            lambda lines: next_purchases(lines, min_count=2),
        ],
        ids=["next_products", "next_purchases"],
    )
    def test_pairs_of_it_alone_are_not_counted(self, find):
        """Of 40,000 products there are 800 million pairs, nearly all of this account alone."""

        def lines_of(n):
            day = DAY + np.append(np.arange(n) % 8 * 25, [0, 180])
            return OrderLines(customer=[*["till"] * n, "ann", "ann"], date=day, product=[*range(n), 0, 1])

        lines = {n: lines_of(n) for n in (2_100, 12_600)}
        assert times_longer(lambda n: find(lines[n]), *lines)[0] < 8  # some 36 for all pairs

    def test_two_accounts_with_the_same_products(self):
        """They share 900 million pairs: tills of two shops."""

        def lines_of(n):
            day = DAY + np.append(np.tile(np.arange(n) % 8 * 25, 2), [0, 180])
            customer = [*["till a"] * n, *["till b"] * n, "ann", "ann"]
            return OrderLines(customer=customer, date=day, product=[*range(n), *range(n), 0, 1])

        lines = {n: lines_of(n) for n in (2_100, 12_600)}
        asked = {"as_of": DAY + 180, "horizon_days": 60, "customers": ["ann"]}
        assert times_longer(lambda n: next_products(lines[n], **asked), *lines)[0] < 8  # some 36 for all pairs

    @pytest.mark.parametrize(
        ("n", "share"), [(1_997, (20 + 10 * 25 / 203) / (53 + 10)), (1_998, (20 + 10 * 25 / 203) / (50 + 10))]
    )
    def test_who_teaches_pairs(self, n, share):
        """Three wholesalers count among those with a lamp if they have 2,000 products: lamp, oil, new wick and others.

        Of 203 customers, 25 bought ink: 20 of the 50 or, with the wholesalers, 53 with a lamp. The overall share counts
        as 10 more.
        """
        people = [(i, 0, "lamp" if i < 50 else "mug") for i in range(200)]
        people += [(i, 130, "ink") for i in [*range(20), *range(50, 55)]]
        trade = [(i, 0, p) for i in (900, 901, 902) for p in ("lamp", "oil", *range(n))]
        trade += [(i, 130, "wick") for i in (900, 901, 902)]
        customer, day, product = zip(*people, *trade, strict=True)
        lines = OrderLines(customer=customer, date=DAY + np.array(day), product=[str(p) for p in product])
        days = purchase_days(lines)
        lessons = learn(history_of(days, DAY + 120), bought_in(days, DAY + 120, DAY + 180))
        lamp, ink = (lines.product.distinct.tolist().index(name) for name in ("lamp", "ink"))
        assert lessons.base[ink] == 25 / 203
        assert lessons.base[ink] + lessons.more[lamp, ink] == pytest.approx(share, rel=1e-12)


def test_chance_without_the_customer_with_most_orders():
    """Of 8 orders with both, 4 are of one customer: the others have 4 of 8, which chance explains best."""
    customer = np.r_[[0] * 4, range(1, 25)]
    table = np.zeros((28, 2), dtype=int)
    table[:12, 0] = table[:8, 1] = table[12:, 1] = 1
    counts = np.array([8]), np.array([12]), np.array([0.3])
    table, pair = sparse.csr_array(table), (np.array([0]), np.array([1]))
    found = pairs.chance_for_customers(pairs.chance_of_more(*counts), counts, table, table, pair, customer)
    np.testing.assert_allclose(found, stats.binom.sf(3, 8, 0.3))
