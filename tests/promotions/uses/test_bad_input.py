"""What people get wrong: one clear error, or a finding before anyone buys."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crmvalue.errors import InputError
from crmvalue.promotions import Caps, Cart, CartHistory, CartLine, Promotion, best_price, lint_promotions

LINE = CartLine(id="1", product="soap", brand="Belle", unit_price=1000)
CART = Cart(lines=[LINE], currency="UAH")
ROWS = {"cart": [1], "product": ["soap"], "quantity": [1], "currency": "UAH"}
FAMILY = {"family": "a", "combines_with": ["b"]}


class TestBadInput:
    """Each mistake is one error that names the argument, or one finding that names the promotions."""

    @pytest.mark.parametrize(
        ("wrong", "name", "text"),
        [
            (lambda: best_price(CART, [Promotion.amount("A", "5.00", currency="USD")]), "promotions", "UAH"),
            (lambda: best_price(CART, [], caps=Caps(currency="USD")), "caps", "UAH"),
            (lambda: CartLine(id="1", product="soap", unit_price=10.5), "unit_price", "write '18.50'"),
            (lambda: Promotion.amount("A", 5.5), "amount_off", "write '18.50'"),
            (lambda: Promotion.percent("A", 12.5), "percent_off", "write 20 or '12.5'"),
            (lambda: Caps(floor_price={"soap": 9.5}), "floor_price['soap']", "write '18.50'"),
            (lambda: CartHistory(unit_price=[10.5], **ROWS), "unit_price", "whole minor units"),
            (lambda: CartHistory(unit_price=[timedelta(1)], **ROWS), "unit_price", "column of texts, numbers"),
            (lambda: CartHistory(unit_price=[1], brand=[{"a"}], **ROWS), "brand", "got {'a'} at index 0"),
            (lambda: CartHistory(unit_price=[1], unit_cost=[object()], **ROWS), "unit_cost", "at index 0"),
            (lambda: CartLine(id="1", product="soap", unit_price=-1), "unit_price", "at least 0"),
            (lambda: CartLine(id="1", product="soap", unit_price=1, quantity=-1), "quantity", "whole number"),
            (lambda: CartLine(id="1", product="soap", unit_price=1, quantity=1.5), "quantity", "whole number"),
            (lambda: Promotion.percent("A", 10, starts="2026-03-08", ends="2026-03-07"), "ends", "after the start"),
            (lambda: Promotion.percent("A", 101), "percent_off", "0, 100]"),
            (lambda: Promotion.percent("A", 10, weekdays=["monday"]), "weekdays", "one of 'mon'"),
            (lambda: Cart(lines=[], currency="UAH"), "lines", "at least one"),
            (lambda: Cart(lines=[LINE, LINE], currency="UAH"), "lines", "different ids"),
            (lambda: best_price(CART, [Promotion.percent("A", 10)] * 2), "promotions", "different ids"),
            (lambda: best_price(CART, [Promotion.amount("A", "0.005")]), "amount_off", "at most 2 decimals"),
        ],
    )
    def test_errors(self, wrong, name, text):
        with pytest.raises(InputError) as caught:
            wrong()
        assert caught.value.name == name
        assert text in str(caught.value)

    @pytest.mark.parametrize(
        ("promotions", "caps", "text"),
        [
            ([], Caps(brand_percent={"Bele": 10}), "`brand_percent` caps the unknown brand Bele"),
            ([], Caps(floor_price={"soup": 10}), "`floor_price` caps the unknown product soup"),
            (
                [Promotion.percent("A", 10, **FAMILY), Promotion.percent("B", 10, brands=["Belle"], family="b")],
                None,
                "A allows B, but B does not allow A",
            ),
            (
                [Promotion.percent("A", 10, alone=True, **FAMILY)],
                None,
                "A applies alone, but says what it combines with",
            ),
        ],
    )
    def test_findings(self, promotions, caps, text):
        found = lint_promotions(promotions, caps=caps, catalogue=[LINE], currency="UAH")
        assert text in [finding.text for finding in found]
