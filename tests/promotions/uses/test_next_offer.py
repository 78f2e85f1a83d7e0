"""Promotions that a cart has nearly reached."""

from __future__ import annotations

import itertools

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.promotions import Cart, CartLine, Items, NextOffer, Promotion, best_price, next_offer
from tests.promotions.carts import BRANDS, bundle, buy_get, carts, promotion, promotions, units
from tests.promotions.references import matches

POOL = [
    CartLine(id="more", product=f"{brand}9", brand=brand, categories=names, unit_price=1)
    for brand in BRANDS
    for names in ([], ["soap"], ["eau"], ["soap", "eau"])
]


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
            (Promotion.threshold("A", {200: 5, 500: 10}, min_amount=400), [("A", None, 100)]),
            (Promotion.threshold("A", {200: 5, 600: 10}, min_amount=300), [("A", None, 300)]),
            (Promotion.threshold("A", {200: 5, 500: 10}, min_quantity=4), [("A", 1, None)]),
            (Promotion.threshold("A", {400: 5, 500: 10}, min_quantity=4), [("A", 1, 100)]),
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
            (Promotion.bundle("A", [Items(categories=["x"])] * 2, brands=["b"], price=1), 2),
            (Promotion.bundle("A", [Items(brands=["a"])] * 2, brands=["b"], price=1), None),
            (Promotion.percent("A", 10, brands=["x"], except_brands=["x"]), None),
            (Promotion.buy_get("A", 1, 1, get_items=Items(categories=["x"], except_categories=["x"])), None),
            (Promotion.buy_get("A", 2, 2, get_items=Items(brands=["b"])), 1),
            (Promotion.buy_get("A", 1, 1, brands=["b"], get_items=Items(brands=["b"])), 1),
            (Promotion.buy_get("A", 1, 2, brands=["z"], get_items=Items(brands=["y"]), min_quantity=2), 4),
            (Promotion.buy_get("A", 1, 2, get_items=Items(brands=["y"]), min_quantity=6), 2),
            (Promotion.buy_get("A", 1, 2, brands=["z", "y"], get_items=Items(brands=["y"]), min_quantity=4), 4),
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

    @pytest.mark.parametrize(
        ("offer", "text"),
        [
            (Promotion.percent("A", 9, except_brands=["a", "b"]), "needs 1 more of any item except brand a or brand b"),
            (Promotion.percent("A", 9, items=Items(attributes={"season": "summer"})), "needs 1 more of season summer"),
            (
                Promotion.bundle("A", [Items(categories=["x"])], except_brands=["b"], price=1),
                "needs 1 more of category x except brand b",
            ),
            (
                Promotion.buy_get("A", 1, 2, except_brands=["y"], get_items=Items(categories=["x"]), min_quantity=5),
                "needs 1 more of category x except brand y and 1 more of category x",
            ),
        ],
    )
    def test_the_text_names_each_condition(self, offer, text):
        made = [CartLine(id=brand, product=brand, brand=brand, unit_price=100, quantity=2) for brand in "ab"]
        priced = best_price(Cart(lines=made, currency="UAH"), [offer])
        assert [found.text for found in next_offer(priced, reached=0)] == [text]

    @given(carts(most_lines=2), st.data())
    @settings(max_examples=60)
    def test_the_missing_units_are_the_fewest_that_suffice(self, bought, data):
        """Against every choice of up to three more units; a promotion that says more needs more than three."""
        offer = data.draw(promotion("A", [buy_get, bundle, units]))
        plain = {"min_amount": 0, "uses_left": None, "alone": False, "code": None}
        offer = attrs.evolve(offer, **plain, min_quantity=data.draw(st.integers(0, 4)))
        if offer.bundle_total is not None or not self.lacks_units(bought, offer):
            return
        n_fewest = next((n for n in range(1, 4) if self.suffices(bought, offer, n)), None)
        said = [found.missing_quantity for found in next_offer(best_price(bought, [offer]), reached=0)]
        assert said == [n_fewest] if n_fewest else all(n > 3 for n in said)

    def suffices(self, bought, offer, n):
        items = [offer.items, *offer.sets, *([offer.get_items] if offer.get_items else [])]
        kinds = {tuple(matches(one, line) for one in items): line for line in POOL}
        for more in itertools.combinations_with_replacement(kinds.values(), n):
            lines = [attrs.evolve(line, id=f"more {i}") for i, line in enumerate(more)]
            if not self.lacks_units(attrs.evolve(bought, lines=[*bought.lines, *lines]), offer):
                return True
        return False

    def lacks_units(self, bought, offer):
        return any(one.kind in {"no_items", "minimum"} for one in best_price(bought, [offer]).rejected)

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
