"""The cheapest legal price of a cart: published rows, brute force, and what must hold for every cart."""

from __future__ import annotations

from collections import Counter

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.promotions import Caps, Cart, CartLine, Items, PricedCart, Promotion, best_price, compare_promotions
from tests.promotions.carts import caps, carts, promotions
from tests.promotions.references import Reference, cheapest

PLACES = st.sampled_from(["unit", "line", "line", "order"])
ROUNDINGS = st.sampled_from(["half_up", "half_even", "down"])


def cart(*prices, **options):
    """Make a cart of one unit of each price, all of different products."""
    lines = [CartLine(id=f"{i:02}", product=f"p{i}", brand=f"b{i}", unit_price=price) for i, price in enumerate(prices)]
    return Cart(lines=lines, currency="UAH", **options)


def amounts(priced):
    return [line.total for line in priced.lines]


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
        assert best_price(cart(10000), [Promotion.amount("A", 1000, on="order", **STACK), twenty]).total == 7000

    def test_caps_bind_before_offers_are_compared(self):
        offers = [
            Promotion.percent("A", 20, on="order"),
            Promotion.amount("B", 1500, products=["p1"], **STACK),
            Promotion.percent("C", 10, on="order", **STACK),
        ]
        free = best_price(cart(10000, 10000), offers)
        assert (free.discount, [a.promotion for a in free.applied]) == (4000, ["A"])
        capped = best_price(cart(10000, 10000), offers, caps=Caps(brand_percent={"b0": 10}))
        assert (capped.discount, [a.promotion for a in capped.applied]) == (3350, ["B", "C"])
        assert capped.rejected[0].reason == "beaten by B + C by 3.50"

    def test_buy_one_get_one_at_half_price(self):
        assert best_price(cart(20, 30, 70, 80), [Promotion.buy_get("A", 1, 1, 50)]).discount == 45

    def test_one_of_three_is_paid(self):
        assert best_price(cart(100, 50, 30), [Promotion.buy_get("A", 1, 2, 100)]).discount == 80

    def test_ten_off_any_two(self):
        assert best_price(cart(20, 20, 4, 4), [Promotion.bundle("A", quantity=2, amount_off=10)]).discount == 20
        assert best_price(cart(100, 100), [Promotion.bundle("A", quantity=2, amount_off=1)]).discount == 1

    def test_a_bundle_gives_way_to_a_promotion_that_takes_more_off(self):
        offers = [Promotion.bundle("A", quantity=2, amount_off=100), Promotion.percent("B", 50, products=["p0"])]
        assert best_price(cart(1000, 1000), offers).discount == 500

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
        off = Promotion.amount("A", amount, on="order")
        assert amounts(best_price(cart(*prices), [off], caps=Caps(floor_price=floor_price))) == paid

    @pytest.mark.parametrize(
        ("prices", "parts"),
        [([4000, 2000, 2000], [150, 75, 75]), ([1000] * 3, [100, 100, 99]), ([4300, 1400, 2300], [161, 52, 86])],
    )
    def test_amount_of_the_order_is_split(self, prices, parts):
        priced = best_price(cart(*prices), [Promotion.amount("A", sum(parts), on="order")])
        assert [line.discount for line in priced.lines] == parts

    def test_fifteen_percent_of_the_order(self):
        off = [Promotion.percent("A", 15, on="order")]
        assert amounts(best_price(cart(2025, 1050, 994), off, rounded_per="order")) == [1721, 893, 845]

    @pytest.mark.parametrize(("place", "off"), [("order", 102), ("line", 104), ("unit", 104)])
    def test_place_of_rounding(self, place, off):
        ten = [Promotion.percent("A", 10, on="order")]
        assert best_price(cart(106, 206, 306, 406), ten, rounded_per=place).discount == off

    @pytest.mark.parametrize(("place", "off"), [("order", 4998), ("line", 5000), ("unit", 5000)])
    @pytest.mark.parametrize(
        "half",
        [Promotion.buy_get("A", 1, 1, 50), Promotion.percent("A", 50, limit_per_order=5)],
        ids=["group", "limit"],
    )
    def test_units_that_a_group_takes_are_rounded_one_by_one(self, half, place, off):
        """Half of 19.99 is 9.995, and 49.975 off five units."""
        bought = Cart(lines=[CartLine(id="1", product="p", unit_price=1999, quantity=10)], currency="UAH")
        assert best_price(bought, [half], rounded_per=place).discount == off

    @pytest.mark.parametrize(("rounding", "off"), [("half_up", 23), ("half_even", 22), ("down", 21)])
    def test_rule_of_rounding(self, rounding, off):
        """Ten percent of 1.05 and 1.15 are 10.5 and 11.5 cents."""
        assert best_price(cart(105, 115), [Promotion.percent("A", 10)], rounding=rounding).discount == off

    def test_rounding_of_units_of_different_prices(self):
        """What is left of three units is 83, 83 and 84 cents: 15 percent are 12, 12 and 13."""
        bought = Cart(lines=[CartLine(id="1", product="p", unit_price=100, quantity=3)], currency="UAH")
        offers = [Promotion.bundle("A", quantity=3, amount_off=50, **STACK), Promotion.percent("B", 15, **STACK)]
        assert best_price(bought, offers, rounded_per="unit").discount == 50 + 12 + 12 + 13

    @pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
    def test_two_of_three_get_one_of_them_in_every_order(self, order):
        lines = [CartLine(id=str(place), product="ABC"[i], unit_price=100) for place, i in enumerate(order)]
        offer = Promotion.buy_get("offer", 2, 1, products=["A", "B", "C"], get_items=Items(products=["A"]))
        assert best_price(Cart(lines=lines, currency="UAH"), [offer]).discount == 100


class TestSharesOfTheFirstPrice:
    """A percentage of the first price counts before one of the order also where the search weighs what takes less."""

    def test_one_alone_is_cheaper(self):
        pair = Cart(lines=[CartLine(id=name, product=name, unit_price=80000) for name in ("1", "2")], currency="UAH")
        together = [
            Promotion.fixed_price("special", 5000, max_discount=12000, **STACK),
            Promotion.percent("order", 50, on="order", **STACK),
            Promotion.percent("line", 30, basis="initial", **STACK),
        ]
        found = best_price(pair, [*together, Promotion.percent("alone", 80, alone=True)])
        assert (found.total, found.optimal) == (32000, True)

    def test_a_budget_of_units(self):
        """The price is that of every set of promotions tried by hand."""
        lines = [
            CartLine(id="a", product="a", unit_price=1005),
            CartLine(id="b", product="b", unit_price=250, quantity=3),
        ]
        offers = [
            Promotion.fixed_price("nothing", 0, budget_left=120, **STACK),
            Promotion.percent("order", 45, on="order", **STACK),
            Promotion.fixed_price("hundred", 100, **STACK),
            Promotion.percent("line", 10, basis="initial", **STACK),
        ]
        found = best_price(Cart(lines=lines, currency="UAH"), offers, rounded_per="unit")
        assert (found.total, found.optimal) == (3, True)


class TestBestPrice:
    """Equals brute force, and keeps what every best price must keep."""

    @pytest.mark.parametrize(
        ("prices", "most"),
        [([90, 60, 60, 60, 60, 60], 60), ([90, 100, 60, 100, 37], 90), ([60, 90, 60, 40, 40, 40], 90)],
    )
    def test_bundles_of_several_kinds_keep_the_largest_discount_together(self, prices, most):
        """Any two for 80; all ways to put the units in pairs are tried."""

        def ways(rest):
            if len(rest) < 2:
                return {0}
            first, *others = rest
            found = ways(others)
            for k, other in enumerate(others):
                found |= {max(first + other - 80, 0) + more for more in ways(others[:k] + others[k + 1 :])}
            return found

        priced = best_price(cart(*prices), [Promotion.bundle("A", quantity=2, price=80, max_discount=most)])
        assert priced.discount == max(off for off in ways(prices) if off <= most)

    @given(carts(), promotions(), caps(), PLACES, ROUNDINGS)
    @settings(max_examples=150)
    def test_is_that_of_brute_force(self, bought, offers, limits, place, rounding):
        check(bought, offers, limits, place, rounding)

    @pytest.mark.slow
    @pytest.mark.parametrize("rounding", ["half_up", "half_even", "down"])
    @pytest.mark.parametrize("place", ["unit", "line", "order"])
    @given(carts(), promotions(), caps())
    @settings(max_examples=1_120)
    def test_is_that_of_brute_force_on_10_000_carts(self, rounding, place, bought, offers, limits):
        check(bought, offers, limits, place, rounding)

    @given(carts(), promotions(), caps(), PLACES, st.randoms(use_true_random=False))
    def test_order_of_lines_and_promotions_does_not_matter(self, bought, offers, limits, place, rng):
        lines, others = list(bought.lines), list(offers)
        rng.shuffle(lines)
        rng.shuffle(others)
        one = best_price(bought, offers, caps=limits, rounded_per=place)
        other = best_price(attrs.evolve(bought, lines=lines), others, caps=limits, rounded_per=place)
        assert attrs.evolve(other, promotions=one.promotions, n_nodes=0) == attrs.evolve(one, n_nodes=0)

    @given(carts(), promotions(), caps(), PLACES)
    def test_parts_sum_to_the_whole_and_keep_floors(self, bought, offers, limits, place):
        check_parts(best_price(bought, offers, caps=limits, rounded_per=place))

    @given(carts(), promotions(), caps(), PLACES)
    def test_is_never_dearer_than_fewer_promotions(self, bought, offers, limits, place):
        """Nothing, each alone, and whatever is left when promotions are taken away one after the other."""
        costs = [cost(bought, offers[:n], limits, place) for n in range(len(offers) + 1)]
        assert costs == sorted(costs, reverse=True)
        assert costs[0] == sum(bought.minor(line.unit_price) * line.quantity for line in bought.lines) + bought.minor(
            bought.delivery_price
        )
        assert all(cost(bought, [offer], limits, place) >= costs[-1] for offer in offers)

    @given(carts(), promotions(), caps(), PLACES, st.permutations(range(8)))
    def test_is_never_dearer_than_a_greedy_order(self, bought, offers, limits, place, order):
        """Greedy: go through the promotions, and keep each that makes the cart cheaper than without it."""
        kept, least = [], cost(bought, [], limits, place)
        for i in order:
            if i < len(offers):
                with_it = cost(bought, [*kept, offers[i]], limits, place)
                if with_it < least:
                    kept, least = [*kept, offers[i]], with_it
        assert cost(bought, offers, limits, place) <= least

    @given(carts(), promotions(), caps(), caps(), PLACES)
    def test_a_cap_more_never_makes_it_cheaper(self, bought, offers, some, more, place):
        tighter = both(some, more)
        assert cost(bought, offers, some, place) <= cost(bought, offers, tighter, place)

    @given(carts(), promotions(most_groups=1), caps(), PLACES, ROUNDINGS)
    def test_json_and_back(self, bought, offers, limits, place, rounding):
        priced = best_price(bought, offers, caps=limits, rounded_per=place, rounding=rounding)
        assert PricedCart.from_json(priced.to_json()) == priced


def check_parts(priced):
    reference = Reference(priced.cart, priced.promotions, priced.caps)
    for i, line in enumerate(priced.lines):
        assert line.initial - sum(d.amount for d in line.discounts) == line.total
        assert sum(n * price for n, price in line.unit_prices) == line.total
        assert sum(n for n, _ in line.unit_prices) == line.quantity
        assert 0 <= line.discount <= reference.line_limit(i)
    for places, most in reference.together():
        assert sum(priced.lines[i].discount for i in places) <= most
    by_promotion = Counter()
    for line in priced.lines:
        by_promotion.update({d.promotion: d.amount for d in line.discounts})
    off_delivery = priced.cart.minor(priced.cart.delivery_price) - priced.delivery
    assert sum(one.amount for one in priced.applied) == priced.discount == by_promotion.total() + off_delivery
    assert all(by_promotion[one.promotion] <= one.amount for one in priced.applied)
    assert {one.promotion for one in (*priced.applied, *priced.rejected)} == {offer.id for offer in priced.promotions}


def cost(bought, offers, limits, place):
    priced = best_price(bought, offers, caps=limits, rounded_per=place)
    return priced.total - priced.gift_value


def both(one, other):
    """Keep the limits of one, and add those of the other that it does not have."""
    if one is None or other is None:
        return other if one is None else one
    changes = {}
    for field in attrs.fields(Caps):
        mine, more = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, dict):
            changes[field.name] = {**more, **mine}
        elif mine is None:
            changes[field.name] = more
    return attrs.evolve(one, **changes)


class TestReasons:
    """Each promotion that does not change the price says why."""

    @pytest.mark.parametrize(
        ("offer", "reason", "text"),
        [
            (Promotion.percent("A", 10, channels=["shop"]), "channel", "only for channel shop"),
            (Promotion.percent("A", 10, places=["Kyiv", "Lviv"]), "place", "only for place Kyiv or Lviv"),
            (Promotion.percent("A", 10, segments=["vip"]), "segment", "only for segment vip"),
            (Promotion.percent("A", 10, first_purchase=True), "first_purchase", "only for a first purchase"),
            (Promotion.percent("A", 10, code="X1"), "code", "needs its code"),
            (Promotion.percent("A", 10, uses_left=0), "limit", "used as often as allowed"),
            (Promotion.percent("A", 10, uses_left_customer=0), "limit", "the customer has used it as often as allowed"),
            (Promotion.percent("A", 10, budget_left=0), "budget", "the budget is spent"),
            (Promotion.gift("A", "mini", 500, budget_left=499), "budget", "the budget is spent"),
            (Promotion.percent("A", 10, ends="2026-03-06"), "period", "ended 2026-03-06"),
            (Promotion.percent("A", 10, starts="2026-03-08"), "period", "starts 2026-03-08T00:00"),
            (Promotion.percent("A", 10, weekdays=["sun"]), "weekday", "only on sun"),
            (Promotion.percent("A", 10, hours=("12:00", "14:00")), "hours", "only from 12:00 to 14:00"),
            (Promotion.percent("A", 10, brands=["LUX"]), "no_items", "needs brand LUX"),
            (Promotion.percent("A", 10, brands=["b0"], min_quantity=3), "minimum", "needs 2 more of brand b0"),
            (
                Promotion.bundle("A", total=5, amount_off=1, brands=["b0"], except_brands=["b0"]),
                "no_items",
                "its conditions on items contradict each other",
            ),
            (Promotion.n_for_m("A", 3, 2), "minimum", "needs 1 more of any item"),
            (Promotion.percent("A", 10, min_amount="50.00"), "minimum", "needs 20.00 more of any item"),
            (Promotion.threshold("A", {"40.00": 10}), "minimum", "needs 10.00 more of any item"),
            (Promotion.bundle("A", [Items(), Items(brands=["X"])], price=1), "no_items", "needs brand X"),
            (Promotion.bundle("A", quantity=3, price=1), "minimum", "needs 1 more of any item"),
            (Promotion.bundle("A", total=3100, amount_off=1), "minimum", "needs 1.00 more of any item"),
            (Promotion.free_delivery("A"), "no_items", "there is no delivery to pay for"),
            (Promotion.fixed_price("A", "90.00"), "no_benefit", "takes nothing more off this cart"),
        ],
    )
    def test_reason(self, offer, reason, text):
        bought = cart(1000, 2000, channel="app", time="2026-03-07T11:00")
        (rejected,) = best_price(bought, [offer]).rejected
        assert (rejected.kind, rejected.reason) == (reason, text)

    def test_a_period_needs_the_time(self):
        (rejected,) = best_price(cart(1000), [Promotion.percent("A", 10, ends="2026-03-06")]).rejected
        assert rejected.reason == "needs the time of the purchase"

    def test_cap_that_leaves_nothing(self):
        limits = Caps(brand_percent={"b0": 0})
        (rejected,) = best_price(cart(1000), [Promotion.percent("A", 10)], caps=limits).rejected
        assert (rejected.kind, rejected.reason) == ("capped", "cap of 0 % on brand b0 binds")

    @pytest.mark.parametrize(
        ("limits", "text"),
        [
            (Caps(margin_percent=30), "the lowest margin of 30 % binds"),
            (Caps(floor_price={"p": 9500}, line_percent=90), "the floor price of product p binds"),
            (Caps(brand_percent={"b": 60}, line_amount=1000), "cap of 10.00 on each line binds"),
            (Caps(brand_percent={"b": 60}, order_amount=1000), "cap of 10.00 on the order binds"),
            (Caps(line_amount=4000, order_percent=1, order_amount=200), "cap of 1 % on the order binds"),
            (Caps(brand_amount={"b": 300}, product_amount={"p": 900}), "cap of 3.00 on brand b binds"),
            (Caps(product_percent={"p": 40}, brand_percent={"b": 30}), "cap of 30 % on brand b binds"),
        ],
    )
    def test_the_cap_that_is_named_is_the_one_that_binds(self, limits, text):
        line = CartLine(id="1", product="p", brand="b", unit_price=10000, unit_cost=7000)
        offers = [Promotion.percent(name, 50, on="order", family="f", combines_with=["f"]) for name in "AB"]
        rejected = best_price(Cart(lines=[line], currency="UAH"), offers, caps=limits).rejected
        assert {(one.kind, one.reason) for one in rejected} == {("capped", text)}

    def test_a_cap_far_away_is_not_named(self):
        (rejected,) = best_price(cart(1000), [Promotion.fixed_price("A", "90.00")], caps=Caps(line_percent=50)).rejected
        assert (rejected.kind, rejected.reason) == ("no_benefit", "takes nothing more off this cart")

    def test_what_is_rounded_away_beside_others_was_applied_too(self):
        lines = [CartLine(id=name, product=name, unit_price=price) for name, price in (("a", 30), ("b", 99))]
        bought = Cart(lines=lines, currency="JPY")
        stack = {"on": "order", "family": "f", "combines_with": ["f"]}
        offers = [Promotion.percent("A", 5, **stack), Promotion.amount("B", 1, **stack)]
        priced = best_price(bought, offers, rounded_per="order")
        assert best_price(bought, offers[:1], rounded_per="order").total == 123
        assert priced.total == 122
        assert [(one.promotion, one.amount) for one in priced.applied] == [("A", 7), ("B", 0)]
        assert priced.rejected == ()

    def test_what_is_rounded_away_and_changes_nothing_was_not_applied(self):
        half = Promotion.percent("A", "49.995")
        one = Cart(lines=[CartLine(id="1", product="a", unit_price=1)], currency="UAH")
        priced = best_price(one, [half], rounded_per="order")
        assert priced.applied == ()
        assert [(no.kind, no.reason) for no in priced.rejected] == [("no_benefit", "takes nothing more off this cart")]
        assert "promotion" not in compare_promotions([one], [], [half], rounded_per="order").by

    def test_cap_that_binds_is_counted(self):
        limits = Caps(brand_percent={"b0": 10})
        (applied,) = best_price(cart(1000, 1000), [Promotion.percent("A", 20)], caps=limits).applied
        assert (applied.amount, applied.blocked_amount) == (300, 100)

    def test_beaten(self):
        offers = [Promotion.percent("A", 10), Promotion.percent("B", 20)]
        (rejected,) = best_price(cart(1000), offers).rejected
        assert (rejected.beaten_by, rejected.difference) == (("B",), 100)

    def test_groups_on_other_lines_count_in_both_choices(self):
        """A takes 1.00 off and B 2.00; two units of another product, of which one is free, are in both."""
        lines = [
            CartLine(id="0", product="p0", unit_price=1000, quantity=2),
            CartLine(id="1", product="p1", unit_price=1000),
        ]
        free = Promotion.buy_get("G", 1, 1, 100, products=["p0"])
        offers = [free, *(Promotion.percent(name, size, products=["p1"]) for name, size in (("A", 10), ("B", 20)))]
        (rejected,) = best_price(Cart(lines=lines, currency="UAH"), offers).rejected
        assert (rejected.beaten_by, rejected.difference) == (("B",), 100)

    def test_one_that_stands_alone_and_is_not_applied_says_nothing_of_the_others(self):
        offers = [Promotion.percent("A", 100, priority=1, **STACK), Promotion.percent("B", 50, **STACK)]
        rejected = best_price(cart(1000), [*offers, Promotion.percent("C", 1, alone=True)]).rejected
        assert [one.kind for one in rejected] == ["no_benefit", "beaten"]

    def test_what_is_not_applied_itself_beats_nothing(self):
        offers = [Promotion.amount("A", 2, on="order"), Promotion.percent("B", 50)]
        rejected = best_price(cart(9), offers, caps=Caps(order_percent=10)).rejected
        assert {one.reason for one in rejected} == {"cap of 10 % on the order binds"}
        offers = [
            Promotion.percent("A", 50, **STACK),
            Promotion.percent("B", "0.1", **STACK),
            Promotion.percent("C", 1),
        ]
        small, beaten = best_price(cart(100), offers, rounded_per="order", rounding="down").rejected
        assert (small.kind, beaten.beaten_by, beaten.reason) == ("no_benefit", ("A",), "beaten by A by 0.49")

    def test_ties_are_broken_line_by_line(self):
        offers = [Promotion.percent("A", 10, products=["p0"]), Promotion.percent("B", 10)]
        priced = best_price(cart(1000, 1000), offers)
        assert [[part.promotion for part in line.discounts] for line in priced.lines] == [["A"], ["B"]]
        assert best_price(cart(1000, 1000), offers[1:]).total == priced.total

    def test_the_higher_priority_wins_a_tie_then_the_first_name(self):
        offers = [Promotion.percent("B", 10), Promotion.percent("A", 10)]
        assert best_price(cart(1000), offers).applied[0].promotion == "A"
        assert best_price(cart(1000), [attrs.evolve(offers[0], priority=1), offers[1]]).applied[0].promotion == "B"


class TestConditions:
    """When a promotion holds."""

    @pytest.mark.parametrize(
        ("rules", "time", "holds"),
        [
            ({"ends": "2026-03-07"}, "2026-03-07T23:59", True),
            ({"ends": "2026-03-07"}, "2026-03-08", False),
            ({"ends": "2026-03-07T12:00"}, "2026-03-07T12:00", False),
            ({"starts": "2026-03-07"}, "2026-03-07", True),
            ({"weekdays": ["sat"]}, "2026-03-07T10:00", True),
            ({"weekdays": ["fri"]}, "2026-03-07T10:00", False),
            ({"hours": ("10:00", "11:00")}, "2026-03-07T10:00", True),
            ({"hours": ("10:00", "11:00")}, "2026-03-07T11:00", False),
            ({"hours": ("22:00", "02:00"), "weekdays": ["fri"]}, "2026-03-07T01:00", True),
            ({"hours": ("22:00", "02:00"), "weekdays": ["fri"]}, "2026-03-06T23:00", True),
            ({"hours": ("22:00", "02:00"), "weekdays": ["fri"]}, "2026-03-06T01:00", False),
            ({"hours": ("22:00", "24:00")}, "2026-03-06T23:59", True),
        ],
    )
    def test_time(self, rules, time, holds):
        priced = best_price(cart(1000, time=time), [Promotion.percent("A", 10, **rules)])
        assert bool(priced.applied) == holds

    def test_promotions_of_different_lines_do_not_hinder_each_other(self):
        offers = [Promotion.percent("A", 10, brands=["b0"]), Promotion.percent("B", 20, brands=["b1"])]
        assert amounts(best_price(cart(1000, 1000), offers)) == [900, 800]

    def test_those_of_the_order_that_meet_on_one_line_only_hinder_each_other(self):
        wide = Promotion.percent("A", 10, on="order", products=["p0", "p1"])
        narrow = Promotion.percent("B", 10, on="order", products=["p1"])
        assert best_price(cart(1000, 1000), [wide, narrow]).discount == 200

    def test_a_cap_on_what_is_not_bought_binds_nothing(self):
        limits = Caps(product_amount={"other": 1}, brand_amount={"other": 1})
        assert best_price(cart(1000), [Promotion.percent("A", 10)], caps=limits).discount == 100

    def test_both_have_to_allow_each_other(self):
        one = Promotion.percent("A", 10, family="a", combines_with=["b"])
        for combines_with, total in ((["a"], 7200), ([], 8000), (["*"], 7200)):
            other = Promotion.percent("B", 20, family="b", combines_with=combines_with)
            assert best_price(cart(10000), [one, other]).total == total

    def test_alone_means_alone(self):
        offers = [Promotion.percent("A", 10, brands=["b0"]), Promotion.percent("B", 20, brands=["b1"], alone=True)]
        priced = best_price(cart(1000, 1000), offers)
        assert (priced.total, [one.promotion for one in priced.applied]) == (1800, ["B"])

    def test_blocked_money_moves_or_is_lost(self):
        off = [Promotion.amount("A", 400, on="order")]
        limits = Caps(line_amount=150)
        assert best_price(cart(1000, 3000), off, caps=limits).discount == 300
        limits = Caps(brand_amount={"b0": 50})
        assert amounts(best_price(cart(1000, 3000), off, caps=limits)) == [950, 2650]
        assert amounts(best_price(cart(1000, 3000), off, caps=attrs.evolve(limits, blocked="lost"))) == [950, 2700]

    def test_an_amount_makes_room_for_another(self):
        """A alone would be shared by both lines; beside B, which is for one of them, it moves to the other."""
        offers = [Promotion.amount("A", 1000, on="order", **STACK)]
        offers.append(Promotion.amount("B", 1000, on="order", products=["p0"], **STACK))
        assert best_price(cart(1000, 1000), offers).total == 0
        limits = Caps(brand_amount={"b0": 700}, product_amount={"p1": 900}, order_amount=1550)
        priced = best_price(cart(1000, 1000), offers, caps=limits)
        assert priced.discount == 1550
        assert priced.lines[0].discount <= 700
        assert priced.lines[1].discount <= 900

    def test_limits_of_several_lines_when_the_order_is_rounded(self):
        lines = [CartLine(id=str(i), product=f"p{i}", brand="b"[: i % 2], unit_price=105) for i in range(5)]
        bought = Cart(lines=lines, currency="UAH")
        limits = Caps(brand_amount={"b": 11}, product_amount={"p1": 4}, order_percent=7)
        tenth = Promotion.percent("A", 10, on="order")
        priced = best_price(bought, [tenth], caps=limits, rounded_per="order")
        assert priced.discount == 36
        assert sum(priced.lines[i].discount for i in (1, 3)) <= 11

    def test_units_up_to_a_limit(self):
        offer = Promotion.percent("A", 50, limit_per_order=2)
        bought = Cart(
            lines=[
                CartLine(id="1", product="x", unit_price=1000, quantity=2),
                CartLine(id="2", product="y", unit_price=3000, quantity=1),
            ],
            currency="UAH",
        )
        priced = best_price(bought, [offer])
        assert amounts(priced) == [1500, 1500]
        assert priced.lines[0].unit_prices == ((2, 750),)

    def test_gift_and_delivery(self):
        offers = [Promotion.gift("A", "mini", 300, **STACK), Promotion.free_delivery("B")]
        priced = best_price(cart(1000, delivery_price=60), offers)
        assert (priced.total, priced.delivery, priced.gift_value) == (1000, 0, 300)
        assert priced.gifts[0].product == "mini"

    def test_tax_is_part_of_the_price_or_comes_on_top(self):
        line = CartLine(id="1", product="x", unit_price="120.00", tax_class="full")
        bought = Cart(lines=[line], currency="UAH", tax_rates={"full": 20})
        assert best_price(bought, []).tax == 2000
        assert best_price(attrs.evolve(bought, prices_include_tax=False), []).tax == 2400

    def test_yen_have_no_decimals(self):
        bought = Cart(lines=[CartLine(id="1", product="x", unit_price="1000")], currency="JPY")
        assert best_price(bought, [Promotion.amount("A", "50")]).total == 950
        assert best_price(attrs.evolve(bought, currency="XTS", exponent=0), []).total == 1000

    def test_node_limit_leaves_a_legal_price_and_says_so(self):
        offers = [Promotion.bundle(f"b{i}", quantity=2, price=10 * i + 5) for i in range(6)]
        bought = cart(100, 90, 80, 70, 60, 50)
        few, many = best_price(bought, offers, node_limit=2), best_price(bought, offers)
        assert many.optimal
        assert not few.optimal
        assert few.total - few.possible_saving <= many.total <= few.total


class TestRejections:
    """What best_price refuses."""

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"cart": None}, "cart"),
            ({"promotions": [None]}, "promotions"),
            ({"promotions": [Promotion.percent("A", 1), Promotion.percent("A", 2)]}, "promotions"),
            ({"promotions": [Promotion.percent("A", 1, currency="EUR")]}, "promotions"),
            ({"promotions": [Promotion.amount("A", "1.005")]}, "amount_off"),
            ({"caps": Caps(currency="EUR")}, "caps"),
            ({"caps": {}}, "caps"),
            ({"rounding": "up"}, "rounding"),
            ({"rounded_per": "cart"}, "rounded_per"),
            ({"node_limit": 0}, "node_limit"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            best_price(**{"cart": cart(1000), "promotions": [], **changes})
        assert caught.value.name == name


def check(bought, offers, limits, place, rounding):
    priced = best_price(bought, offers, caps=limits, rounded_per=place, rounding=rounding)
    assert priced.optimal
    assert priced.total - priced.gift_value == cheapest(bought, offers, limits, rounding, place)
    check_parts(priced)
