"""Carts, promotions and caps: what they take and what they refuse."""

from __future__ import annotations

from decimal import Decimal

import pytest

from crmvalue.codes import CodeRules
from crmvalue.errors import InputError
from crmvalue.promotions import (
    Caps,
    Cart,
    CartHistory,
    CartLine,
    Items,
    Promotion,
    Rejected,
    best_price,
    compare_promotions,
)
from tests.work import n_calls

LINE = CartLine(id="1", product="soap", unit_price=250)


class TestCart:
    """Lines of different ids, one brand for each product, exact prices."""

    def test_order_of_lines_does_not_matter(self):
        other = CartLine(id="0", product="cream", unit_price="9.00")
        assert Cart(lines=[LINE, other], currency="UAH") == Cart(lines=[other, LINE], currency="UAH")

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"lines": []}, "lines"),
            ({"lines": [LINE, LINE]}, "lines"),
            ({"lines": [LINE, CartLine(id="2", product="soap", unit_price=1, brand="B")]}, "lines"),
            ({"lines": [CartLine(id="1", product="soap", unit_price="2.505")]}, "unit_price"),
            ({"lines": [CartLine(id="1", product="soap", unit_price=1, unit_cost="0.001")]}, "unit_cost"),
            ({"lines": [CartLine(id="1", product="soap", unit_price=10**15, quantity=2)]}, "lines"),
            ({"currency": "hryvnia"}, "currency"),
            ({"exponent": 5}, "exponent"),
            ({"tax_rates": {"food": 7}}, "tax_rates"),
            ({"delivery_price": 1.5}, "delivery_price"),
            ({"time": "today"}, "time"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            Cart(**{"lines": [LINE], "currency": "UAH", **changes})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("changes", "name"),
        [({"quantity": -1}, "quantity"), ({"quantity": 0}, "quantity"), ({"unit_price": 1.5}, "unit_price"),
         ({"unit_price": -1}, "unit_price"), ({"id": ""}, "id"), ({"brand": 3}, "brand"),
         ({"categories": ["a", "a"]}, "categories")],
    )  # fmt: skip
    def test_line_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            CartLine(**{"id": "1", "product": "soap", "unit_price": 1, **changes})
        assert caught.value.name == name

    def test_a_line_of_plain_values_is_made_with_few_steps(self):
        """Six calls for each of its nine fields; carts of many lines are made in loops."""

        def make():
            return CartLine(id="1", product="soap", brand="Belle", unit_price=1850)

        make()
        assert n_calls(make)[0] <= 6 * 9


PERCENT, GIFT = Promotion.percent, Promotion.gift


def with_amount(amount):
    """Give values with one amount, in each place where one can be."""
    line = {"id": "1", "product": "soap"}
    yield CartLine(**line, unit_price=amount)
    yield CartLine(**line, unit_price=1, unit_cost=amount)
    yield Cart(lines=[LINE], currency="UAH", delivery_price=amount)
    for name in ("line_amount", "order_amount"):
        yield Caps(**{name: amount})
    for name in ("brand_amount", "product_amount", "floor_price"):
        yield Caps(**{name: {"soap": amount}})
    yield Promotion.amount("a", amount)
    yield Promotion.gift("a", "mini", amount)
    yield Promotion.bundle("a", total=amount, amount_off="0.01")
    yield Promotion.threshold("a", {amount: 10})
    yield Promotion.threshold("a", {"9.00": amount}, steps_in="amount")
    yield Promotion(id="a", benefit="fixed_price", price=amount)
    for name in ("min_amount", "max_discount", "budget_left"):
        yield PERCENT("a", 10, **{name: amount})


class TestAmounts:
    """5 is 0.05, and "5" is 5.00."""

    def test_minor_units_equal_no_units(self):
        for minor, text, same in zip(with_amount(5), with_amount("5"), with_amount("5.00"), strict=True):
            assert minor != text
            assert (text, hash(text)) == (same, hash(same))

    def test_zero_is_zero(self):
        assert PERCENT("a", 10, min_amount="0.00") == PERCENT("a", 10)

    def test_true_is_no_quantity_after_a_one(self):
        history = {"cart": [1], "product": ["soap"], "unit_price": ["9.00"], "currency": "UAH"}
        compare_promotions(CartHistory(**history, quantity=[1]), [], [])
        with pytest.raises(InputError, match="`quantity` must be numeric; got True"):
            compare_promotions(CartHistory(**history, quantity=[True]), [], [])

    @pytest.mark.parametrize("amounts", [(5, "5"), ("5", 5), (5, Decimal(5))])
    def test_a_price_does_not_hang_on_promotions_before(self, amounts):
        cart = Cart(lines=[CartLine(id="1", product="soap", unit_price="10.00")], currency="UAH")
        totals = [best_price(cart, [Promotion.amount("a", amount)]).total for amount in amounts]
        assert totals == [995 if amount == 5 and isinstance(amount, int) else 500 for amount in amounts]


class TestEnds:
    """A day as the end belongs to the period; the midnight at its begin does not."""

    ENDS = ("2024-01-05", "2024-01-05T00:00")

    @pytest.mark.parametrize("make", [lambda ends: PERCENT("a", 10, ends=ends), lambda ends: CodeRules(ends=ends)])
    def test_a_day_is_no_moment(self, make):
        day, moment = map(make, self.ENDS)
        assert day != moment
        assert (moment, hash(moment)) == (make("2024-01-05T00:00:00"), hash(make("2024-01-05T00:00:00")))

    @pytest.mark.parametrize("ends", [ENDS, ENDS[::-1]])
    def test_a_price_does_not_hang_on_promotions_before(self, ends):
        line = CartLine(id="1", product="soap", unit_price="7.00")
        cart = Cart(lines=[line], currency="UAH", time="2024-01-05T12:00")
        totals = [best_price(cart, [PERCENT("a", 10, ends=end)]).total for end in ends]
        assert totals == [630 if end == "2024-01-05" else 700 for end in ends]


class TestPromotion:
    """Each kind asks for what it needs, and refuses what it cannot use."""

    @pytest.mark.parametrize(
        ("make", "name"),
        [
            (lambda: PERCENT("a", 0), "percent_off"),
            (lambda: PERCENT("a", 101), "percent_off"),
            (lambda: PERCENT("a", 12.5), "percent_off"),
            (lambda: PERCENT("", 10), "id"),
            (lambda: PERCENT("a", 10, on="cart"), "on"),
            (lambda: PERCENT("a", 10, amount_off=5), "amount_off"),
            (lambda: PERCENT("a", 10, buy=2), "buy"),
            (lambda: Promotion.amount("a", 100, price=5), "price"),
            (lambda: Promotion.amount("a", 100, basis="initial"), "basis"),
            (lambda: Promotion.free_delivery("a", gift_product="mini"), "gift_product"),
            (lambda: Promotion.buy_get("a", 2, 1, on="order"), "on"),
            (lambda: Promotion.bundle("a", quantity=2, price=100, on="order"), "on"),
            (lambda: PERCENT("a", 10, basis="net"), "basis"),
            (lambda: PERCENT("a", 10, brands=["L"], items=Items()), "items"),
            (lambda: PERCENT("a", 10, starts="2026-03-08", ends="2026-03-07"), "ends"),
            (lambda: PERCENT("a", 10, weekdays=["monday"]), "weekdays"),
            (lambda: PERCENT("a", 10, hours=("10:00", "10:00")), "hours"),
            (lambda: PERCENT("a", 10, hours=("25:00", "10:00")), "hours"),
            (lambda: PERCENT("a", 10, hours=("24:00", "00:00")), "hours"),
            (lambda: PERCENT("a", 10, on="order", limit_per_order=2), "limit_per_order"),
            (lambda: PERCENT("a", 10, budget_left=5, limit_per_order=2), "limit_per_order"),
            (lambda: PERCENT("a", 10, uses_left=-1), "uses_left"),
            (lambda: Promotion.amount("a", 0), "amount_off"),
            (lambda: Promotion.amount("a", 1.5), "amount_off"),
            (lambda: Promotion.fixed_price("a", 100, on="order"), "on"),
            (lambda: Promotion.buy_get("a", 0, 1), "buy"),
            (lambda: Promotion.buy_get("a", 1, 0), "get"),
            (lambda: Promotion.buy_get("a", 20, 1), "buy"),
            (lambda: Promotion.n_for_m("a", 2, 2), "m"),
            (lambda: Promotion.bundle("a", price=5), "sets"),
            (lambda: Promotion.bundle("a", quantity=2), "price"),
            (lambda: Promotion.bundle("a", quantity=2, price=5, amount_off=5), "price"),
            (lambda: Promotion.bundle("a", total=5, price=5), "amount_off"),
            (lambda: Promotion.bundle("a", [Items()] * 21, price=5), "sets"),
            (lambda: Promotion.threshold("a", {}), "steps"),
            (lambda: Promotion.threshold("a", {300: 10, 200: 15}), "steps"),
            (lambda: Promotion.threshold("a", {300: 10, 400: 10}), "steps"),
            (lambda: Promotion.threshold("a", {300: 10, "4.00": 20}), "steps"),
            (lambda: Promotion.threshold("a", {300: 10}, on="line"), "on"),
            (lambda: GIFT("a", "", 1), "product"),
            (lambda: Promotion(id="a", benefit="gift", on="order", gift_value=1), "gift_product"),
            (lambda: GIFT("a", "mini", 0), "value"),
            (lambda: Promotion(id="a", benefit="gift", on="order", gift_product="mini", gift_value=0), "gift_value"),
            (lambda: GIFT("a", "mini", 5, limit_per_order=1), "limit_per_order"),
            (lambda: Promotion(id="a", benefit="cashback"), "benefit"),
            (lambda: Promotion.percent("a", 1, priority=-(10**9) - 1), "priority"),
            (lambda: Promotion(id="a", benefit="percent"), "percent_off"),
        ],
    )
    def test_refuses(self, make, name):
        with pytest.raises(InputError) as caught:
            make()
        assert caught.value.name == name

    def test_n_for_m_is_buy_get(self):
        assert Promotion.n_for_m("a", 3, 2) == Promotion.buy_get("a", 2, 1)

    def test_day_as_the_end_belongs_to_the_period(self):
        assert str(PERCENT("a", 1, ends="2026-03-08").ends) == "2026-03-08"
        assert str(PERCENT("a", 1, ends="2026-03-08T10:00").ends) == "2026-03-08T10:00:00.000000"

    @pytest.mark.parametrize(
        "promotion",
        [
            PERCENT("a", "12.5", brands=["LUX"], starts="2026-03-01", ends="2026-03-08", hours=("10:00", "14:00")),
            PERCENT("a", 10, ends="2026-03-08T10:00", budget_left="500.00", combines_with=["*"]),
            Promotion.bundle("a", [Items(brands=["LUX"]), Items()], price="9.00"),
            Promotion.buy_get("a", 2, 1, 50, get_items=Items(products=["x"])),
            Promotion.threshold("a", {100: 10, 200: "12.5"}),
            GIFT("a", "mini", 500),
            Promotion.free_delivery("a", min_amount="300.00"),
        ],
    )
    def test_json_and_back(self, promotion):
        assert Promotion.from_json(promotion.to_json()) == promotion


class TestCaps:
    """Percentages in [0, 100], amounts of at least 0."""

    @pytest.mark.parametrize(
        ("changes", "name"),
        [({"brand_percent": {"L": 101}}, "brand_percent['L']"), ({"brand_percent": {"L": 0.1}}, "brand_percent['L']"),
         ({"line_amount": -1}, "line_amount"), ({"floor_price": {"p": 1.5}}, "floor_price['p']"),
         ({"blocked": "stays"}, "blocked"), ({"brand_percent": ["L"]}, "brand_percent")],
    )  # fmt: skip
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            Caps(**changes)
        assert caught.value.name == name

    def test_json_and_back(self):
        caps = Caps(brand_percent={"LUX": 10}, order_amount="500.00", blocked="lost")
        assert Caps.from_json(caps.to_json()) == caps


class TestRepr:
    """A value is shown by what differs from the defaults, as it can be written again."""

    @pytest.mark.parametrize(
        "value",
        [
            LINE,
            Cart(lines=[LINE], currency="UAH", time="2026-03-07T11:30", tax_rates={"": 20}),
            Promotion.percent("a", 10, brands=["L"], starts="2026-03-01", ends="2026-03-08"),
            Promotion.bundle("b", [Items(products=["x"]), Items()], price="9.00", ends="2026-03-08T00:00"),
            Caps(brand_percent={"L": 10}),
            Rejected(promotion="a", kind="code", reason="needs its code"),
        ],
    )
    def test_can_be_read_back(self, value):
        names = {kind.__name__: kind for kind in (Cart, CartLine, Items, Promotion, Caps, Rejected, Decimal)}
        assert eval(repr(value), names) == value  # noqa: S307 - the text is from this test
        assert "None" not in repr(value)

    def test_priced_cart(self):
        cart = Cart(
            lines=[CartLine(id="1", product="soap", unit_price=250, quantity=2)], currency="UAH", delivery_price=100
        )
        offers = [
            Promotion.percent("tenth", 10, family="a", combines_with=["a"]),
            Promotion.gift("mini", "eau 5 ml", 50, family="a", combines_with=["a"]),
            Promotion.percent("fans", 20, segments=["fan"]),
        ]
        priced = best_price(cart, offers)
        shown = "total=550, discount=50, applied=['tenth', 'mini'], gifts=['eau 5 ml'], optimal=True"
        assert repr(priced) == f"PricedCart({shown})"
        assert str(priced).splitlines() == [
            "2 x soap               5.00",
            "  tenth               -0.50",
            "delivery               1.00",
            "1 x eau 5 ml, a gift   0.00",
            "total, UAH             5.50",
            "fans not applied: only for segment fan",
        ]

    @pytest.mark.parametrize(
        ("included", "text"), [(True, "tax in the total  1.00"), (False, "tax on top of the total  1.20")]
    )
    def test_tax_of_a_priced_cart(self, included, text):
        line = CartLine(id="1", product="soap", unit_price=600)
        cart = Cart(lines=[line], currency="UAH", tax_rates={"": 20}, prices_include_tax=included)
        assert str(best_price(cart, [])).splitlines()[-1] == text


@pytest.mark.parametrize(("name", "near"), [("brand", "brands"), ("start", "starts"), ("min_quantty", "min_quantity")])
def test_a_misspelt_field_is_named(name, near):
    with pytest.raises(TypeError, match=f"a promotion has no `{name}`; did you mean `{near}`"):
        Promotion.percent("A", 10, **{name: 1})
