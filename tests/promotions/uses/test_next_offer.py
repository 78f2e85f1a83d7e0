"""Promotions that a cart has nearly reached."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given

from crmvalue.errors import InputError
from crmvalue.promotions import Cart, CartLine, Items, NextOffer, Promotion, best_price, next_offer
from tests.promotions.carts import carts, promotions


def near(offers, *lines, reached=0.5, **options):
    made = [
        CartLine(id=str(i), product=product, brand=product[0], unit_price=price, quantity=n)
        for i, (product, price, n) in enumerate(lines)
    ]
    found = next_offer(best_price(Cart(lines=made, currency="UAH", **options), offers), reached=reached)
    return [(offer.promotion, offer.missing_quantity, offer.missing_amount) for offer in found]


class TestNextOffer:
    """`next_offer`: promotions whose items, units or amount fall short, the nearest first."""

    @pytest.mark.parametrize(
        ("offer", "found"),
        [
            (Promotion.percent("A", 10, min_quantity=4), [("A", 1, None)]),
            (Promotion.percent("A", 10, min_quantity=7), []),
            (Promotion.percent("A", 10, min_amount=500), [("A", None, 200)]),
            (Promotion.percent("A", 10, min_amount=300), []),
            (Promotion.threshold("A", {400: 5, 500: 10}), [("A", None, 100)]),
            (Promotion.threshold("A", {200: 5, 500: 10}), [("A", None, 200)]),
            (Promotion.threshold("A", {200: 5, 300: 10}), []),
            (Promotion.n_for_m("A", 4, 3), [("A", 1, None)]),
            (Promotion.n_for_m("A", 2, 1), [("A", 1, None)]),
            (Promotion.n_for_m("A", 2, 1, limit_per_order=1), []),
            (Promotion.n_for_m("A", 3, 2), []),
            (Promotion.bundle("A", [Items(brands=["a"]), Items(brands=["b"])], price=1), [("A", 1, None)]),
            (Promotion.bundle("A", total=400, amount_off=1), [("A", None, 100)]),
            (Promotion.gift("A", "mini", 1, min_amount=301), [("A", None, 1)]),
            (Promotion.free_delivery("A", min_amount=301), []),
            (Promotion.percent("A", 10, min_amount=301, channels=["shop"]), []),
            (Promotion.percent("A", 10, min_amount=301, code="X"), []),
            (Promotion.buy_get("A", 2, 1, get_items=Items(brands=["z"])), [("A", 1, None)]),
        ],
    )
    def test_three_units_of_one_product_for_300(self, offer, found):
        assert near([offer], ("a", 100, 3), channel="app") == found

    @pytest.mark.parametrize(
        ("offer", "missing"),
        [
            (Promotion.bundle("A", [Items(brands=["x"]), Items(brands=["y"]), Items(brands=["a"])], price=1), 2),
            (Promotion.bundle("A", [Items(brands=["x"]), Items(brands=["x"])], price=1), 2),
            (Promotion.bundle("A", [Items(brands=["b"]), Items(brands=["b"]), Items()], price=1), 1),
            (Promotion.bundle("A", [Items(brands=["b"]), Items(brands=["b", "a"]), Items()], price=1), None),
            (Promotion.bundle("A", [Items(brands=["a"])] * 2, brands=["b"], price=1), 2),
            (Promotion.buy_get("A", 2, 2, get_items=Items(brands=["b"])), 1),
            (Promotion.buy_get("A", 1, 1, brands=["b"], get_items=Items(brands=["b"])), 1),
            (Promotion.buy_get("A", 1, 2, brands=["z"], get_items=Items(brands=["y"]), min_quantity=2), 4),
        ],
    )
    def test_what_a_group_still_needs_is_all_named(self, offer, missing):
        """Three units of brand a, one of brand b. A unit is in one place of a group only."""
        found = near([offer], ("a", 100, 3), ("b", 100, 1), reached=0)
        assert found == ([] if missing is None else [("A", missing, None)])

    def test_free_delivery(self):
        assert near([Promotion.free_delivery("A", min_amount=400)], ("a", 100, 3), delivery_price=60) == [
            ("A", None, 100)
        ]

    def test_the_nearest_come_first_and_the_far_ones_on_demand(self):
        offers = [Promotion.percent("B", 9, brands=["z"]), Promotion.percent("C", 9, min_amount=600)]
        offers += [Promotion.percent("A", 9, min_quantity=4)]
        assert near(offers, ("a", 100, 3)) == [("A", 1, None), ("C", None, 300)]
        assert near(offers, ("a", 100, 3), reached=0) == [("A", 1, None), ("C", None, 300), ("B", 1, None)]

    @given(carts(), promotions(most=4))
    def test_each_rejected_for_too_little_is_named_and_lacks_as_much(self, bought, offers):
        priced = best_price(bought, offers)
        found = {offer.promotion: offer for offer in next_offer(priced, reached=0)}
        for one in priced.rejected:
            if one.kind == "minimum":
                offer = found[one.promotion]
                assert one.missing_quantity in {None, offer.missing_quantity}
                assert one.missing_amount in {None, offer.missing_amount}

    @given(carts(most_lines=3), promotions(most=3))
    def test_a_cart_with_the_missing_units_of_its_own_lines_lacks_no_units(self, bought, offers):
        for offer in next_offer(best_price(bought, offers)):
            more = offer.missing_quantity or 10**4
            lines = [attrs.evolve(line, quantity=line.quantity + more) for line in bought.lines]
            fuller = best_price(attrs.evolve(bought, lines=lines), [p for p in offers if p.id == offer.promotion])
            if offer.missing_amount is not None:
                assert all(one.kind != "minimum" for one in fuller.rejected)

    def test_an_offer_reads_back(self):
        offer = NextOffer(promotion="A", text="needs 1 more", reached=0.5, missing_quantity=1)
        assert NextOffer.from_json(offer.to_json()) == offer

    @pytest.mark.parametrize("reached", [-0.1, 1.1, float("nan"), "half"])
    def test_rejections(self, reached):
        with pytest.raises(InputError):
            near([], ("a", 100, 1), reached=reached)
