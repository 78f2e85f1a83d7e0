"""The cheapest legal price of a cart: published rows, brute force, and what must hold for every cart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue.promotions import Caps, Cart, CartLine, Items, Promotion, best_price
from tests.promotions.carts import caps, carts, promotions
from tests.promotions.references import cheapest

PLACES = st.sampled_from(["unit", "line", "line", "order"])
ROUNDINGS = st.sampled_from(["half_up", "half_even", "down"])


def cart(*prices, **options):
    """Make a cart of one unit of each price, all of different products."""
    lines = [
        CartLine(id=f"{i:02}", product=f"p{i}", brand=f"b{i}", unit_price=price, quantity=options.pop("quantity", 1))
        for i, price in enumerate(prices)
    ]
    return Cart(lines=lines, currency="UAH", **options)


def amounts(priced):
    return [line.amount for line in priced.lines]


STACK = {"family": "s", "combines_with": ["s"]}


class TestPublished:
    """Rows of section 5 of the project's known answers, from the case and from test suites of open shops."""

    def test_compounded_and_added(self):
        ten = Promotion.percent("A", 10, **STACK)
        assert best_price(cart(10000), [ten, Promotion.percent("B", 20, **STACK)]).total == 7200
        added = [Promotion.percent(name, size, basis="initial", **STACK) for name, size in (("A", 10), ("B", 20))]
        assert best_price(cart(10000), added).total == 7000

    def test_amount_of_a_unit_comes_before_percentages_and_amount_of_the_order_after(self):
        twenty = Promotion.percent("B", 20, **STACK)
        assert best_price(cart(10000), [Promotion.amount("A", 1000, **STACK), twenty]).total == 7200
        assert best_price(cart(10000), [Promotion.amount("A", 1000, level="order", **STACK), twenty]).total == 7000

    def test_caps_bind_before_offers_are_compared(self):
        offers = [
            Promotion.percent("A", 20, level="order"),
            Promotion.amount("B", 1500, products=["p1"], **STACK),
            Promotion.percent("C", 10, level="order", **STACK),
        ]
        free = best_price(cart(10000, 10000), offers)
        assert (free.discount, [a.promotion for a in free.applied]) == (4000, ["A"])
        capped = best_price(cart(10000, 10000), offers, caps=Caps(brand_percent={"b0": 10}))
        assert (capped.discount, [a.promotion for a in capped.applied]) == (3350, ["B", "C"])
        assert capped.rejected[0].text == "beaten by B + C by 3.50"

    def test_buy_one_get_one_at_half_price(self):
        assert best_price(cart(20, 30, 70, 80), [Promotion.buy_get("A", 1, 1, 50)]).discount == 45

    def test_ten_off_any_two(self):
        assert best_price(cart(20, 20, 4, 4), [Promotion.bundle("A", quantity=2, amount_off=10)]).discount == 20

    def test_any_bundle_over_a_hundred(self):
        priced = best_price(cart(40, 50, 60, 70), [Promotion.bundle("A", total=100, amount_off=10)])
        assert (priced.discount, priced.applied[0].times) == (20, 2)

    @pytest.mark.parametrize(
        ("prices", "floors", "amount", "paid"),
        [
            ([1000, 2000, 5000, 3000], [0, 1900, 5000, 2600], 1200, [300, 1900, 5000, 2600]),
            ([5000, 2000, 2000, 2000], [4500, 0, 0, 0], 2500, [4500, 1333, 1333, 1334]),
            ([5000, 5000, 2000, 2000, 4000], [4500, 4500, 0, 0, 0], 2700, [4500, 4500, 1575, 1575, 3150]),
        ],
    )
    def test_floors(self, prices, floors, amount, paid):
        floor_price = {f"p{i}": floor for i, floor in enumerate(floors)}
        off = Promotion.amount("A", amount, level="order")
        assert amounts(best_price(cart(*prices), [off], caps=Caps(floor_price=floor_price))) == paid

    @pytest.mark.parametrize(
        ("prices", "parts"),
        [([4000, 2000, 2000], [150, 75, 75]), ([1000] * 3, [100, 100, 99]), ([4300, 1400, 2300], [161, 52, 86])],
    )
    def test_amount_of_the_order_is_split(self, prices, parts):
        priced = best_price(cart(*prices), [Promotion.amount("A", sum(parts), level="order")])
        assert [line.discount for line in priced.lines] == parts

    def test_fifteen_percent_of_the_order(self):
        off = [Promotion.percent("A", 15, level="order")]
        assert amounts(best_price(cart(2025, 1050, 994), off, rounded_per="order")) == [1721, 893, 845]

    @pytest.mark.parametrize(("place", "off"), [("order", 102), ("line", 104), ("unit", 104)])
    def test_place_of_rounding(self, place, off):
        ten = [Promotion.percent("A", 10, level="order")]
        assert best_price(cart(106, 206, 306, 406), ten, rounded_per=place).discount == off

    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    def test_two_of_three_get_one_of_them_in_every_order(self, order):
        lines = [CartLine(id=str(place), product="ABC"[i], unit_price=100) for place, i in enumerate(order)]
        offer = Promotion.buy_get("offer", 2, 1, products=["A", "B", "C"], get_items=Items(products=["A"]))
        assert best_price(Cart(lines=lines, currency="UAH"), [offer]).discount == 100


class TestBestPrice:
    """Equals brute force, and keeps what every best price must keep."""

    @given(carts(), promotions(), caps(), PLACES, ROUNDINGS)
    @settings(max_examples=150)
    def test_is_that_of_brute_force(self, bought, offers, limits, place, rounding):
        check(bought, offers, limits, place, rounding)

    @pytest.mark.slow
    @given(carts(), promotions(), caps(), PLACES, ROUNDINGS)
    @settings(max_examples=10_000)
    def test_is_that_of_brute_force_on_10_000_carts(self, bought, offers, limits, place, rounding):
        check(bought, offers, limits, place, rounding)


def check(bought, offers, limits, place, rounding):
    priced = best_price(bought, offers, caps=limits, rounded_per=place, rounding=rounding)
    assert priced.optimal
    assert priced.total - priced.gift_value == cheapest(bought, offers, limits, rounding, place)
