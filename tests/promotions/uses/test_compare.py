"""Past carts under two sets of promotions."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.promotions import (
    Caps,
    Cart,
    CartHistory,
    CartLine,
    Promotion,
    PromotionComparison,
    best_price,
    compare_promotions,
)
from tests.promotions.carts import caps, carts, promotions

CARTS = st.lists(carts(most_lines=3), min_size=1, max_size=4)
OFFERS = [Promotion.n_for_m("3 for 2", 3, 2), Promotion.percent("tenth", 10, products=["eau"], channels=["app"])]
COLUMNS = {
    "cart": [1, 1, 2, 3],
    "product": ["eau", "soap", "soap", "eau"],
    "unit_price": [10000, 1000, 1000, 10000],
    "quantity": [1, 1, 3, 1],
    "brand": ["LUX", "Belle", "Belle", "LUX"],
    "unit_cost": [6000, 400, 400, 6000],
    "channel": ["app", "app", "app", "shop"],
    "currency": "UAH",
}


def rows(found, *names):
    columns = found.to_columns()
    keys = [f"{by} {name}".strip() for by, name in zip(columns["by"], columns["name"], strict=True)]
    return {key: tuple(int(columns[name][i]) for name in names) for i, key in enumerate(keys)}


class TestComparePromotions:
    """`compare_promotions`: what promotions would have cost on past carts."""

    def test_columns_by_hand(self):
        found = compare_promotions(CartHistory(**COLUMNS), [], OFFERS)
        assert rows(found, "n_carts_after", "revenue_after", "discount_after", "margin_after") == {
            "all": (3, 22000, 2000, 22000 - 13600),
            "promotion 3 for 2": (1, 2000, 1000, 800),
            "promotion tenth": (1, 9000, 1000, 3000),
            "brand Belle": (2, 3000, 1000, 1400),
            "brand LUX": (2, 19000, 1000, 7000),
        }
        assert rows(found, "revenue_before", "discount_before")["all"] == (24000, 0)
        assert (found.n_carts, found.n_distinct, found.n_odd, found.n_not_optimal) == (3, 3, 0, 0)

    @given(
        st.lists(carts(most_lines=3), min_size=1, max_size=4), promotions(most=4), promotions(most=3), caps(), st.data()
    )
    @settings(max_examples=50)
    def test_sums_are_those_of_the_best_prices(self, bought, before, after, limits, data):
        place = data.draw(st.sampled_from(["unit", "line", "order"]))
        found = compare_promotions([*bought, bought[0]], before, after, caps=limits, rounded_per=place)
        for offers, when in ((before, "before"), (after, "after")):
            priced = [best_price(cart, offers, caps=limits, rounded_per=place) for cart in [*bought, bought[0]]]
            got = rows(found, f"revenue_{when}", f"discount_{when}", f"gift_value_{when}")
            assert got["all"] == (
                sum(p.total for p in priced),
                sum(p.discount for p in priced),
                sum(p.gift_value for p in priced),
            )
            for brand in {line.brand for cart in bought for line in cart.lines}:
                lines = [line for p in priced for line in p.lines if line.brand == brand]
                assert got[f"brand {brand}"][:2] == (sum(x.total for x in lines), sum(x.discount for x in lines))
            applied = [one for p in priced for one in p.applied]
            for name in {one.promotion for one in applied}:
                assert got[f"promotion {name}"][1] == sum(one.amount for one in applied if one.promotion == name)
            counted = {key: n for key, (n,) in rows(found, f"n_carts_{when}").items() if key.startswith("promotion ")}
            times = Counter(f"promotion {one.promotion}" for one in applied)
            assert {key: n for key, n in counted.items() if n} == dict(times)
        assert found.n_distinct == len(set(bought))

    @given(CARTS, promotions(most=4), st.randoms())
    @settings(max_examples=30)
    def test_columns_give_what_carts_give(self, bought, offers, random):
        table = [
            (i, line.product, line.unit_price, line.quantity, line.brand, cart.channel, cart.delivery_price)
            for i, cart in enumerate(bought)
            for line in cart.lines
        ]
        random.shuffle(table)
        names = ("cart", "product", "unit_price", "quantity", "brand", "channel", "delivery_price")
        columns = dict(zip(names, zip(*table, strict=True), strict=True))
        kept = [Cart(**_plain(cart)) for cart in bought]
        history = CartHistory(
            **{name: list(column) for name, column in columns.items()},
            currency="UAH",
            codes={i: ["yes"] for i in range(len(bought))},
        )
        one, other = compare_promotions(history, [], offers), compare_promotions(kept, [], offers)
        assert (
            rows(one, "revenue_after", "discount_after")["all"] == rows(other, "revenue_after", "discount_after")["all"]
        )

    def test_two_processes_give_the_same(self, monkeypatch):
        monkeypatch.setattr("crmvalue._promotions.uses.compare._BATCH", 1)
        history = CartHistory(**{**COLUMNS, "quantity": [1, 1, -3, 1]})
        one = compare_promotions(history, [], OFFERS)
        assert compare_promotions(history, [], OFFERS, n_processes=2) == one

    def test_an_odd_cart_is_counted_and_named(self):
        wrong = {**COLUMNS, "quantity": [1, 1, -3, 1], "channel": ["app", "web", "app", "shop"]}
        found = compare_promotions(CartHistory(**wrong), [], OFFERS)
        assert (found.n_odd, found.n_carts) == (2, 1)
        assert found.odd[0] == "cart 1: its lines differ in `channel`"
        assert found.odd[1].startswith("cart 2: `quantity` must be")
        with pytest.raises(InputError, match="carts that can be priced"):
            compare_promotions(CartHistory(**wrong), [], OFFERS, odd="raise")
        dollars = Cart(lines=[CartLine(id="1", product="eau", unit_price=1)], currency="USD")
        hryvnia = Cart(lines=[CartLine(id="1", product="eau", unit_price=1)], currency="UAH")
        assert compare_promotions([hryvnia, dollars], [], OFFERS).n_odd == 1

    def test_the_latest_line_gives_the_time_of_a_cart(self):
        offers = [Promotion.percent("march", 10, starts="2026-03-01", ends="2026-03-31")]
        lines = {"product": ["a", "b"], "unit_price": [100, 100], "quantity": [1, 1], "currency": "UAH"}
        for times, discount in (
            (["2026-02-28T23:59:59", "2026-03-01T00:00:01"], 20),
            (["2026-03-01T00:00:01", "2026-02-28T23:59:59"], 20),
            (["2026-03-31T23:00", "2026-04-01T00:00"], 0),
            ([None, "2026-03-05"], 20),
        ):
            history = CartHistory(cart=[1, 1], time=np.array(times, dtype="datetime64[s]"), **lines)
            found = compare_promotions(history, [], offers)
            assert (found.n_odd, found.discount_after[0]) == (0, discount)

    @pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
    def test_a_missing_cell_is_none_in_every_spelling(self, gap):
        columns = {
            **COLUMNS,
            "brand": pd.Series(["LUX", gap, gap, gap], dtype=object),
            "channel": pd.Series(["app", "app", gap, gap], dtype=object),
            "delivery_price": pd.Series([500, 500, gap, gap], dtype=object),
        }
        found = compare_promotions(CartHistory(**columns), [], OFFERS)
        assert (found.n_odd, found.n_carts, found.n_lines_without_cost) == (0, 3, 0)
        assert rows(found, "revenue_after", "discount_after") == {
            "all": (22500, 2000),
            "promotion 3 for 2": (2000, 1000),
            "promotion tenth": (9000, 1000),
            "brand LUX": (9000, 1000),
            "brand": (13000, 1000),
        }

    @pytest.mark.parametrize(
        "costs",
        [
            pd.Series([6000, 400, None, None], dtype="Int64"),
            pl.Series([6000, 400, None, None]),
            pa.chunked_array([[6000, 400], [None, None]]),
        ],
    )
    def test_whole_costs_with_gaps_stay_whole(self, costs):
        history = CartHistory(**{**COLUMNS, "unit_cost": costs})
        found = compare_promotions(history, [], OFFERS)
        assert (found.n_odd, found.n_lines_without_cost, found.margin_before[0]) == (0, 2, 11000 - 6400)
        assert CartHistory.from_json(history.to_json()) == history

    def test_equal_carts_share_a_result_whatever_no_promotion_asks(self):
        many = {name: column * 3 if name != "currency" else column for name, column in COLUMNS.items()}
        many["cart"] = [i + 10 * k for k in range(3) for i in COLUMNS["cart"]]
        many["place"] = [f"Kyiv {k}" for k in range(3) for _ in range(4)]
        many["time"] = [f"2026-03-0{k + 1}" for k in range(3) for _ in range(4)]
        found = compare_promotions(CartHistory(**many), [], OFFERS)
        assert (found.n_carts, found.n_distinct) == (9, 3)

    def test_times_are_told_apart_where_a_promotion_asks(self):
        times = ["2026-03-01T09:59:59", "2026-03-01T10:00", "2026-03-08T10:30", "2026-03-08T11:00"]
        history = CartHistory(
            cart=[1, 2, 3, 4], product=["a"] * 4, unit_price=["1.00"] * 4, quantity=[1] * 4, time=times, currency="UAH"
        )
        offers = [Promotion.percent("A", 10, hours=("10:00", "11:00"))]
        found = compare_promotions(history, [], offers)
        assert (found.n_distinct, found.discount_after[0]) == (2, 20)

    def test_a_free_delivery_is_a_discount_of_its_promotion(self):
        line = CartLine(id="1", product="p", unit_price=1000)
        bought = Cart(lines=[line], currency="UAH", delivery_price=60)
        found = compare_promotions([bought], [], [Promotion.free_delivery("A")])
        assert dict(zip(found.by, found.discount_after.tolist(), strict=True)) == {
            "all": 60,
            "promotion": 60,
            "brand": 0,
        }

    def test_a_comparison_reads_back_and_becomes_a_frame(self):
        found = compare_promotions(CartHistory(**COLUMNS), [], OFFERS)
        assert PromotionComparison.from_json(found.to_json()) == found
        assert found.to_frame().shape == (5, 12)
        history = CartHistory(**COLUMNS)
        assert CartHistory.from_json(history.to_json()) == history

    @pytest.mark.parametrize(
        "wrong",
        [
            {"unit_price": [1.5, 1.0, 1.0, 1.0]},
            {"product": ["eau"]},
            {"product": [b"eau"] * 4},
            {"unit_price": [np.timedelta64(1, "D")] * 4},
            {"cart": [1, 1, None, 3]},
            {"currency": "hryvnia"},
            {"quantity": [[1], [1], [3], [1]]},
            {"categories": ["soap"]},
            {"time": ["soon"] * 4},
            {"codes": {"1": ["SPRING"]}},
            {"segments": {1: ["vip"], "2": ["vip"]}},
            {"cart": ["1", "1", "2", "3"], "codes": {1: ["SPRING"]}},
        ],
    )
    def test_rejected_columns(self, wrong):
        with pytest.raises(InputError):
            CartHistory(**{**COLUMNS, **wrong})

    @pytest.mark.parametrize("cart", [[1, 1, 2, 3], ["1", "1", "2", "3"], np.array([1, 1, 2, 3], dtype=np.uint8)])
    def test_codes_are_found_by_carts_as_they_are_written(self, cart):
        history = CartHistory(**{**COLUMNS, "cart": cart, "codes": {cart[0]: ["SPRING"]}})
        found = compare_promotions(history, [], [Promotion.percent("A", 10, code="SPRING")])
        assert found.discount_after[0] == 1100

    @pytest.mark.parametrize(
        ("given", "options"),
        [
            ([], {}),
            (["cart"], {}),
            (CartHistory(**COLUMNS), {"odd": "keep"}),
            (CartHistory(**COLUMNS), {"n_processes": 0}),
            (CartHistory(**COLUMNS), {"after": ["A"]}),
            (CartHistory(**COLUMNS), {"after": [Promotion.percent("A", 10, currency="USD")]}),
            (CartHistory(**COLUMNS), {"after": [OFFERS[0], OFFERS[0]]}),
            (CartHistory(**{**COLUMNS, "quantity": [0] * 4}), {}),
        ],
    )
    def test_rejections(self, given, options):
        with pytest.raises(InputError):
            compare_promotions(given, **{"before": [], "after": OFFERS, **options})

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [
            ("before", [Promotion.percent("A", 10)] * 2),
            ("before", [Promotion.percent("A", 10, currency="USD")]),
            ("after", [Promotion.percent("A", 10, currency="USD")]),
            ("caps", Caps(order_amount=5, currency="USD")),
        ],
    )
    def test_an_error_names_the_argument(self, name, wrong):
        """It named `promotions` and `currency`, which nobody gives."""
        with pytest.raises(InputError) as caught:
            compare_promotions(CartHistory(**COLUMNS), **{"before": [], "after": OFFERS, name: wrong})
        assert caught.value.name == name

    def test_prices_are_texts_or_decimals_too(self):
        for prices in (["100.00", "10.00", "10.00", "100.00"], [Decimal("100.00"), *[Decimal(10)] * 2, Decimal(100)]):
            history = CartHistory(**{**COLUMNS, "unit_price": np.array(prices, dtype=object)})
            assert compare_promotions(history, [], OFFERS).revenue_before[0] == 24000

    def test_numbers_with_a_gap_read_back_the_same(self):
        history = CartHistory(**{**COLUMNS, "quantity": np.array([1, np.nan, 3, 1])})
        assert history.quantity.tolist() == [1, None, 3, 1]
        assert CartHistory.from_json(history.to_json()) == history

    def test_decimals_of_a_database_read_back_the_same(self):
        """Quantities came back as texts, which no cart takes; 1E+2 is an amount, but no text of one."""
        prices = [Decimal("1E+2"), Decimal("10.00"), Decimal(10), Decimal("100.0")]
        history = CartHistory(**{**COLUMNS, "unit_price": prices, "quantity": list(map(Decimal, COLUMNS["quantity"]))})
        back = CartHistory.from_json(history.to_json())
        assert back == history
        assert back.quantity.tolist() == COLUMNS["quantity"]
        assert compare_promotions(back, [], OFFERS) == compare_promotions(CartHistory(**COLUMNS), [], OFFERS)

    @pytest.mark.parametrize("make", [list, lambda cells: pd.Series(cells, dtype=object)])
    def test_texts_beside_minor_units_are_read_as_they_are(self, make):
        """1000 minor units beside a text became "1000", 100 times the amount, in a list and so in JSON."""
        history = CartHistory(**{**COLUMNS, "unit_price": make(["100.00", 1000, Decimal("10.0"), 10000])})
        for one in (history, CartHistory.from_json(history.to_json())):
            assert one == history
            assert compare_promotions(one, [], OFFERS).revenue_before[0] == 24000

    def test_true_is_no_price_beside_numbers(self):
        history = CartHistory(**{**COLUMNS, "unit_price": [10000, True, 1000, 10000]})
        assert compare_promotions(history, [], OFFERS).odd[0].startswith("cart 1: `unit_price` must be")


def _plain(cart):
    lines = [
        CartLine(id=x.id, product=x.product, unit_price=x.unit_price, quantity=x.quantity, brand=x.brand)
        for x in cart.lines
    ]
    return {
        "lines": lines,
        "currency": "UAH",
        "channel": cart.channel,
        "codes": ["yes"],
        "delivery_price": cart.delivery_price,
    }
