"""Carts with more combinations than can be looked at: the search ends, and what it says is true."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue._promotions.best import choose
from crmvalue._promotions.units import exact
from crmvalue._promotions.units.budget import Budget, OutOfSteps
from crmvalue.promotions import Caps, Cart, CartLine, Items, Promotion, best_price, split_amount
from tests.promotions.carts import caps, carts, promotions
from tests.promotions.references import cheapest

STACK = {"family": "s", "combines_with": ["*"]}
MANY = 50


def cart(n=5, quantity=3):
    lines = [CartLine(id=f"{i:02}", product=f"p{i}", unit_price=10000 + 37 * i, quantity=quantity) for i in range(n)]
    return Cart(lines=lines, currency="UAH")


def in_threes(i):
    """Give families of three promotions: each combines with those of all other families."""
    return {"family": f"f{i // 3}", "combines_with": [f"f{j}" for j in range(MANY) if j != i // 3]}


def value(priced):
    return priced.total - priced.gift_value


class TestManyThatCombine:
    """Fifty promotions that may all meet."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda i: Promotion.percent(f"{i:02}", 1 + i % 5, **STACK),
            lambda i: Promotion.percent(f"{i:02}", 1 + i % 5, on="order", **STACK),
            lambda i: Promotion.amount(f"{i:02}", 100 + i, on="order", **STACK),
            lambda i: Promotion.percent(f"{i:02}", 1 + i % 5, on="order", max_discount=100 + i, **STACK),
        ],
        ids=["lines", "order", "amounts", "limited"],
    )
    def test_all_of_them_are_taken_and_proven(self, make):
        priced = best_price(cart(), [make(i) for i in range(MANY)])
        assert priced.optimal
        assert len(priced.applied) == MANY

    @pytest.mark.slow
    @pytest.mark.parametrize("on", ["line", "order"])
    def test_one_of_each_family_of_three(self, on):
        offers = [Promotion.percent(f"{i:02}", 1 + i % 3, on=on, **in_threes(i)) for i in range(48)]
        priced = best_price(cart(), offers, node_limit=5000)
        of_three = [Promotion.percent(f"{i:02}", 3, on=on, **STACK) for i in range(16)]
        lowest = best_price(cart(), of_three).total
        assert priced.total - priced.possible_saving <= lowest <= priced.total <= lowest + 3

    def test_no_cart_can_save_more_than_its_price(self):
        offers = [Promotion.amount(f"{i:02}", 20000 + i, on="order", **STACK) for i in range(MANY)]
        priced = best_price(cart(), offers, node_limit=5000)
        assert (priced.total, priced.possible_saving) == (0, 0)

    def test_caps_are_part_of_the_bound(self):
        offers = [Promotion.amount(f"{i:02}", 20000 + i, on="order", **STACK) for i in range(MANY)]
        priced = best_price(cart(), offers, caps=Caps(order_percent=20), node_limit=5000)
        assert (priced.discount, priced.possible_saving) == (priced.initial // 5, 0)


class TestManyGroups:
    """More groups of units than can be looked at."""

    @pytest.mark.slow
    def test_a_search_that_stops_is_not_dearer_than_one_promotion(self):
        offers = [Promotion.n_for_m(f"{i:02}", 2 + i % 5, 1, **STACK) for i in range(MANY)]
        priced = best_price(cart(20), offers, node_limit=20_000)
        assert not priced.optimal
        alone = min(best_price(cart(20), [offer]).total for offer in offers[:5])
        assert priced.total - priced.possible_saving <= alone
        assert priced.total <= alone

    def test_bundles_that_are_not_known_are_in_the_bound(self):
        dear = CartLine(id="00", product="dear", unit_price=10000, quantity=4)
        cheap = [CartLine(id=f"{i:02}", product=f"p{i}", unit_price=100, quantity=30) for i in range(1, 20)]
        offer = Promotion.bundle("ten", quantity=10, amount_off=1000)
        priced = best_price(Cart(lines=[dear, *cheap], currency="UAH"), [offer], node_limit=20_000)
        assert 50_000 <= priced.discount <= 57_000 <= priced.discount + priced.possible_saving

    def test_units_whose_product_takes_nothing_off_are_those_to_buy(self):
        bought = [CartLine(id=str(i), product="A1", unit_price=1) for i in range(4)]
        bought.append(CartLine(id="4", product="A2", unit_price=1, quantity=3))
        offer = Promotion.buy_get("half", 1, 1, percent_off=50, get_items=Items())
        limits = Caps(product_amount={"A1": 0})
        priced = best_price(Cart(lines=bought, currency="UAH"), [offer], caps=limits, node_limit=1)
        assert (priced.total, priced.optimal) == (4, True)  # each A2 at half its price, beside one A1

    def test_one_promotion_by_itself_has_as_many_steps_as_all_together(self):
        """One free B of 100 and three free C of 5, with eight others to buy, take 115 off 433; 1,000 steps find 109."""
        prices = {"A": (2, 50), "B": (3, 100), "C": (5, 5), "D": (4, 2)}
        lines = [CartLine(id=name, product=name, quantity=n, unit_price=price) for name, (n, price) in prices.items()]
        offers = [
            Promotion.amount("p0", 1, on="order", products=["B", "C"], family="f"),
            Promotion.buy_get("p1", 2, 1, get_items=Items(), max_discount=120),
            Promotion.bundle("p2", quantity=3, amount_off=1, limit_per_order=2, max_discount=50),
            Promotion.buy_get("p3", 2, 2, products=["A", "D"], limit_per_order=1, max_discount=120),
        ]
        assert best_price(Cart(lines=lines, currency="UAH"), offers, node_limit=2000).total <= 433 - 115

    def test_bundles_that_are_looked_at_last_use_up_the_units(self):
        """Thirty units are 10 sets of three at 1.00, also where bundles before these have taken all of the work."""
        lines = [CartLine(id=f"{i:02}", product=f"p{i}", unit_price=1000 + i) for i in range(30)]
        fours = [Promotion.bundle(name, quantity=4, percent_off=1) for name in ("a", "b")]
        threes = Promotion.bundle("threes", quantity=3, price=100)
        assert best_price(Cart(lines=lines, currency="UAH"), [*fours, threes], node_limit=1).total == 10 * 100

    def test_the_line_at_which_the_work_ends_has_its_best_promotion(self):
        """Of 49 percentages with 50 % in the middle, the line at which the work ended had the last one: 1 %."""
        bought = cart(250, 1)
        offers = [Promotion.percent(f"{k:02}", 50 if k == 25 else 1) for k in range(49)]
        assert best_price(bought, offers, node_limit=1).total == best_price(bought, [offers[25]]).total

    @settings(deadline=None)
    @given(carts(), promotions(), caps(), st.integers(1, 30))
    def test_a_search_that_stops_early(self, bought, offers, limits, steps):
        few = best_price(bought, offers, caps=limits, node_limit=steps)
        lowest = value(best_price(bought, offers, caps=limits))
        assert value(few) - few.possible_saving <= lowest <= value(few)
        assert few.optimal == (few.possible_saving == 0)
        assert value(few) <= min(value(best_price(bought, [offer], caps=limits)) for offer in offers)

    @pytest.mark.slow
    @pytest.mark.parametrize("steps", [1, 50])
    def test_bundles_of_a_total_beside_others_of_many_lines(self, steps):
        """One of four alone had 116,290, and all of them 119,239: each had a quarter of the bundles to choose from."""
        lines = [CartLine(id=f"{i:02}", product=f"p{i}", unit_price=1000 + i, quantity=2) for i in range(66)]
        offers = [Promotion.bundle(f"t{k}", total=3500 + k, amount_off=1000 + k, limit_per_order=20) for k in range(4)]
        bought = Cart(lines=lines, currency="UAH")
        alone = [best_price(bought, [offer], node_limit=steps).total for offer in offers]
        assert best_price(bought, offers, node_limit=steps).total <= min(alone)


class TestManyUnits:
    """The time does not grow with the units of a line."""

    def test_a_hundred_million_units_in_groups(self):
        n = 10**8
        priced = best_price(cart(2, n), [Promotion.n_for_m("a", 3, 2)])
        free = n // 3, 2 * n // 3 - n // 3  # of the dearer and the cheaper line, in one row of all units
        assert priced.optimal
        assert priced.discount == 10037 * free[0] + 10000 * free[1]

    @pytest.mark.parametrize(
        ("offer", "discount"),
        [
            (Promotion.n_for_m("a", 3, 2, limit_per_order=10**7), 10**7 * 10037),
            (Promotion.n_for_m("a", 3, 2, max_discount=10**11), 10**11),  # all of the cheaper line
            (Promotion.percent("a", 10, limit_per_order=10**7), 10**7 * 1004),
            (Promotion.bundle("a", quantity=2, amount_off=100, limit_per_order=10**6), 10**8),
            (Promotion.bundle("a", quantity=2, amount_off=100), 10**10),
            (Promotion.buy_get("a", 2, 1, 50, products=["p0"], get_items=Items(products=["p1"])), 10**8 // 2 * 5019),
        ],
        ids=["times", "money", "units", "bundles with a limit", "bundles", "others"],
    )
    def test_a_hundred_million_units_under_a_limit(self, offer, discount):
        priced = best_price(cart(2, 10**8), [offer])
        assert priced.discount == discount
        assert priced.optimal

    def test_a_unit_is_in_one_group_where_two_promotions_share_the_units(self):
        """Of 2,003 units, 500 groups of four have two free, and the last three one."""
        bought = Cart(lines=[CartLine(id="1", product="p", unit_price=100, quantity=2003)], currency="UAH")
        offers = [Promotion.n_for_m("a", 4, 2, **STACK), Promotion.n_for_m("b", 3, 2, **STACK)]
        assert best_price(bought, offers).discount == 100 * (2 * 500 + 1)

    @pytest.mark.slow
    def test_bundles_of_a_hundred_thousand_units(self):
        """Recursion over units would end in an error."""
        lines = [CartLine(id=f"{i}", product=f"p{i}", unit_price=1, quantity=10**8) for i in range(2)]
        priced = best_price(Cart(lines=lines, currency="UAH"), [Promotion.bundle("t", total=10**5, amount_off=100)])
        assert priced.discount <= 2000 * 100 <= priced.discount + priced.possible_saving
        assert priced.discount >= 1999 * 100


class TestGoodGroupsFirst:
    """Where there are many units, good groups are looked for before the best ones: the price is the same."""

    @settings(deadline=None, max_examples=40)
    @given(carts(most_lines=4, most_units=6), promotions(most=4, most_groups=3), caps())
    def test_equals_brute_force(self, bought, offers, limits):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(exact, "_MANY_UNITS", 0)
            priced = best_price(bought, offers, caps=limits)
        assert priced.optimal
        assert value(priced) == cheapest(bought, offers, limits)


class TestMuchWork:
    """The steps count the work, so that a large cart ends too."""

    @pytest.mark.slow
    def test_hundreds_of_lines_groups_and_promotions(self):
        lines = [
            CartLine(id=f"{i:03}", product=f"p{i}", brand=f"b{i % 25}", unit_price=10000 + 37 * i, quantity=3)
            for i in range(300)
        ]
        brands = [[f"b{i % 25}", f"b{i % 7}"] for i in range(60)]
        offers = [Promotion.n_for_m(f"n{i}", 2 + i % 5, 1, brands=brands[i]) for i in range(60)]
        offers += [
            Promotion.bundle(f"b{i}", quantity=2 + i % 4, amount_off=100 + i, brands=brands[i]) for i in range(60)
        ]
        offers += [
            Promotion.percent(f"p{i}", 1 + i % 9, on="order", brands=brands[i], **in_threes(i)) for i in range(60)
        ]
        priced = best_price(Cart(lines=lines, currency="UAH"), offers, node_limit=20_000)
        assert 0 <= priced.total - priced.possible_saving <= priced.total < priced.initial
        assert priced.discount == sum(one.amount for one in priced.applied)
        assert all(sum(n for n, _ in line.unit_prices) == 3 for line in priced.lines)
        assert priced.total <= min(best_price(priced.cart, [offer]).total for offer in offers[:5])

    @pytest.mark.slow
    def test_more_promotions_than_calls_can_be_nested(self):
        offers = [Promotion.percent(f"{i:04}", 1 + i % 5, on="order", **STACK) for i in range(1010)]
        priced = best_price(cart(2), offers, node_limit=2000)
        assert priced.total == 18  # two lines of 9, of which 5 % is rounded to nothing

    def test_hundreds_of_promotions_that_stand_alone(self):
        offers = [Promotion.percent(f"{i:04}", 1 + i % 30, alone=True) for i in range(300)]
        priced = best_price(cart(40), offers)
        assert (priced.optimal, [one.promotion for one in priced.applied]) == (True, ["0029"])


class TestOneBudget:
    """The work is counted once for a cart, wherever it is done."""

    def test_a_small_search_counts_in_the_whole_one(self):
        whole = Budget(10_000)
        small = whole.small(50)
        small.spend(1, 300)
        small.work(200)
        assert (whole.parts, whole.used, small.parts) == (500, 0, 500)
        assert small.small(1).whole is whole

    def test_small_searches_end_where_the_whole_one_is_spent(self):
        whole = Budget(1)
        whole.work(10**9)
        small = whole.small(10**9)
        small.spend(1, 2000)  # the least that each of them may do
        with pytest.raises(OutOfSteps):
            small.spend(1, 1)

    def test_hundreds_of_bundles_that_stand_alone_share_the_work(self):
        """The work does not grow with their number once there is none left."""
        lines = [CartLine(id=f"{i:03}", product=f"p{i}", unit_price=10000 + 37 * i) for i in range(100)]
        made = [Promotion.bundle(f"{i:03}", quantity=3 + i % 3, percent_off=1 + i % 20, alone=True) for i in range(200)]
        budget = Budget(2_000)
        choose(Cart(lines=lines, currency="UAH"), tuple(made), None, "half_up", "line", budget)
        assert budget.is_spent()
        assert budget.parts < 1_500_000

    @settings(deadline=None)
    @given(st.data())
    def test_the_flow_is_the_smallest_cut(self, data):
        n = data.draw(st.integers(1, 4))
        amount = st.integers(0, 50)
        caps = Caps(product_amount={"p0": data.draw(amount), "p1": data.draw(amount)}, order_amount=data.draw(amount))
        prices = [data.draw(amount) for _ in range(n)]
        lines = [CartLine(id=str(i), product=f"p{i % 2}", unit_price=price) for i, price in enumerate(prices)]
        offers = [
            Promotion.amount(f"{k}", data.draw(st.integers(1, 50)), on="order", products=[f"p{k % 2}"], **STACK)
            for k in range(6)
        ]
        priced = best_price(Cart(lines=lines, currency="UAH"), offers, caps=caps)
        most = [sum(prices[k::2]) for k in range(2)]
        own = [sum(int(offer.amount_off) for offer in offers[k::2]) for k in range(2)]
        limits = [int(caps.product_amount[f"p{k}"]) for k in range(2)]
        assert priced.discount == min(int(caps.order_amount), sum(map(min, most, own, limits)))


def test_a_fixed_price_above_the_price_is_not_capped():
    bought = Cart(lines=[CartLine(id="1", product="soap", unit_price="50.00")], currency="UAH")
    offers = [
        Promotion.fixed_price("price", "60.00", products=["soap"], **STACK),
        Promotion.percent("half", 50, **STACK),
        Promotion.percent("order", 10, on="order", **STACK),
    ]
    priced = best_price(bought, offers, caps=Caps(order_amount="10.00"))
    kinds = {one.promotion: one.kind for one in priced.rejected}
    assert priced.discount == 1000
    assert kinds["price"] == "no_benefit"
    alone = best_price(bought, offers[:2], caps=Caps(order_amount="10.00"))
    assert {one.promotion: one.kind for one in alone.rejected} == {"price": "no_benefit"}


def test_a_line_that_just_reaches_its_limit_keeps_the_split():
    assert split_amount(10, [1, 7, 7, 5], minima=0) == split_amount(10, [1, 7, 7, 5]) == (1, 4, 3, 2)


class TestRoundedPerOrder:
    """Discounts that are rounded once, for the order."""

    def test_is_not_rounded_before(self):
        one = Cart(lines=[CartLine(id="1", product="a", unit_price=1)], currency="UAH")
        assert best_price(one, [Promotion.percent("A", "49.995")], rounded_per="order").discount == 0

    @pytest.mark.parametrize("rounding", ["half_up", "half_even", "down"])
    def test_a_chain_of_percentages_is_exact(self, rounding):
        lines = [CartLine(id=f"{i:02}", product="a", unit_price=1) for i in range(32)]
        halves = [Promotion.percent(f"{i}", 50, **STACK) for i in range(5)]
        bought = Cart(lines=lines, currency="UAH")
        assert best_price(bought, halves, rounded_per="order", rounding=rounding).discount == 31

    def test_no_promotion_is_rounded_above_its_limit(self):
        lines = [CartLine(id=name, product=name, brand="A", unit_price=100) for name in "ab"]
        lines.append(CartLine(id="c", product="c", brand="B", unit_price=250))
        offers = [
            Promotion.percent("A", 99, on="order", brands=["A"], max_discount=1, **STACK),
            Promotion.bundle("B", quantity=3, amount_off=1, limit_per_order=1, **STACK),
        ]
        priced = best_price(Cart(lines=lines, currency="UAH"), offers, rounded_per="order")
        assert priced.discount == 2
        assert [applied.amount for applied in priced.applied] == [1, 1]

    @settings(deadline=None)
    @given(carts(), promotions(), caps())
    def test_limits_hold(self, bought, offers, limits):
        priced = best_price(bought, offers, caps=limits, rounded_per="order")
        most = {offer.id: [x for x in (offer.max_discount, offer.budget_left) if x is not None] for offer in offers}
        assert all(applied.amount <= limit for applied in priced.applied for limit in most[applied.promotion])


class TestLessOnLines:
    """Percentages with a limit are rounded each by itself, so a promotion of a line may cost more than it takes off."""

    @pytest.mark.parametrize(("prices", "limit", "total"), [([10], 1000, 4), ([100, 10], 20, 58)])
    def test_a_promotion_more_is_never_dearer(self, prices, limit, total):
        """10: three times 2 off leaves 4. With 1 off before, three times 1 off 9 leaves 6."""
        lines = [CartLine(id=str(i), product="a", unit_price=price) for i, price in enumerate(prices)]
        cart = Cart(lines=lines, currency="UAH")
        shared = [Promotion.percent(f"p{i}", 15, on="order", max_discount=limit, **STACK) for i in range(3)]
        offers = [*shared, Promotion.amount("one", 1, **STACK)]
        priced = best_price(cart, offers)
        assert (priced.total, priced.optimal) == (total, True)
        assert priced.total <= best_price(cart, shared).total
        assert priced.total == cheapest(cart, offers)
