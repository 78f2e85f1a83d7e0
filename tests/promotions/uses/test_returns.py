"""Returns: what is refunded, in every order, and to the cent."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.promotions import Cart, CartLine, Promotion, Refund, best_price, return_items
from tests.promotions.carts import caps, carts, promotions

POLICIES = ["prorated", "reprice"]


def cart(*lines, **options):
    made = [
        CartLine(id=str(i), product=f"p{i}", unit_price=price, quantity=n)
        for i, (price, n) in enumerate(lines, start=1)
    ]
    return Cart(lines=made, currency="UAH", **options)


def run(paid, events, policy, **options):
    """Return events one after the other."""
    refunds = []
    last = paid
    for event in events:
        last = return_items(last, event, policy=policy, **options)
        refunds.append(last)
    return refunds


class TestReturnItems:
    """`return_items`: refunds of all returns sum to what was paid, to the cent, and none is negative."""

    @pytest.mark.parametrize("policy", POLICIES)
    def test_a_line_of_an_order_with_a_discount(self, policy):
        """150 + 60 less 20 %; the 150 comes back: refund 120, kept 48 (section 5 of the known answers)."""
        paid = best_price(cart((15000, 1), (6000, 1)), [Promotion.percent("A", 20, on="order")])
        refund = return_items(paid, {"1": 1}, policy=policy)
        assert (refund.amount, refund.kept, [(r.id, r.amount) for r in refund.lines]) == (12000, 4800, [("1", 12000)])

    def test_units_of_a_line_carry_their_share(self):
        paid = best_price(cart((1000, 3)), [Promotion.n_for_m("A", 3, 2)])
        assert [r.amount for r in run(paid, [{"1": 1}] * 3, "prorated")] == [667, 667, 666]
        assert [r.amount for r in run(paid, [{"1": 1}] * 3, "reprice")] == [0, 1000, 1000]

    def test_a_lost_step_of_a_threshold_is_taken_off(self):
        paid = best_price(cart((20000, 1), (15000, 1)), [Promotion.threshold("A", {"300.00": 10})])
        assert paid.total == 31500
        assert return_items(paid, {"2": 1}, policy="prorated").amount == 13500
        assert return_items(paid, {"2": 1}, policy="reprice").amount == 11500

    def test_what_was_refunded_is_not_asked_back(self):
        """300 less 50 %; 10 comes back, and the kept 290 would cost more than was paid."""
        paid = best_price(cart((29000, 1), (1000, 1)), [Promotion.threshold("A", {"300.00": 50})])
        refunds = run(paid, [{"2": 1}, {"1": 1}], "reprice")
        assert [r.amount for r in refunds] == [0, 15000]

    @pytest.mark.parametrize("policy", POLICIES)
    def test_gifts_that_lose_their_reason_are_named(self, policy):
        offer = Promotion.gift("mini", "eau 5 ml", 5000, min_amount="200.00")
        paid = best_price(cart((20000, 1), (1000, 2)), [offer])
        refund = return_items(paid, {"2": 1}, policy=policy)
        assert (refund.amount, refund.lost_gifts) == (1000, ())
        refund = return_items(refund, {"1": 1})
        assert (refund.amount, [gift.product for gift in refund.lost_gifts]) == (20000, ["eau 5 ml"])

    @pytest.mark.parametrize("policy", POLICIES)
    def test_delivery_is_refunded_with_the_last_item_or_kept(self, policy):
        paid = best_price(cart((1000, 2), delivery_price=300), [])
        refunds = run(paid, [{"1": 1}, {"1": 1}], policy)
        assert [(r.amount, r.delivery_amount) for r in refunds] == [(1000, 0), (1300, 300)]
        kept = run(paid, [{"1": 1}, {"1": 1}], policy, delivery="kept")
        assert [(r.amount, r.delivery_amount) for r in kept] == [(1000, 0), (1000, 0)]
        assert kept[-1].kept == 300

    def test_free_delivery_that_is_lost_is_charged_when_repriced(self):
        offer = Promotion.free_delivery("A", min_amount=2000)
        paid = best_price(cart((1000, 2), delivery_price=300), [offer])
        assert [r.amount for r in run(paid, [{"1": 1}, {"1": 1}], "reprice")] == [700, 1300]
        assert [r.amount for r in run(paid, [{"1": 1}, {"1": 1}], "prorated")] == [1000, 1000]

    @pytest.mark.parametrize("policy", POLICIES)
    def test_tax_comes_back_too(self, policy):
        bought = cart((1000, 3), (500, 1), tax_rates={"": 20}, prices_include_tax=False)
        paid = best_price(bought, [Promotion.percent("A", 15, on="order")])
        refunds = run(paid, [{"1": 1}, {"1": 1, "2": 1}, {"1": 1}], policy)
        assert sum(r.tax for r in refunds) == refunds[-1].refunded_tax == paid.tax > 0
        assert refunds[0].tax == 170

    @given(carts(most_lines=3, most_units=5), promotions(most=4), caps(), st.sampled_from(POLICIES), st.data())
    @settings(max_examples=60)
    def test_every_order_of_partial_returns_sums_to_what_was_paid(self, bought, offers, limits, policy, data):
        paid = best_price(bought, offers, caps=limits, rounded_per=data.draw(st.sampled_from(["line", "order"])))
        units = [line.id for line in bought.lines for _ in range(line.quantity)]
        cuts = data.draw(st.lists(st.booleans(), min_size=len(units) - 1, max_size=len(units) - 1))
        events = [{units[0]: 1}]
        for unit, cut in zip(units[1:], cuts, strict=True):
            if cut:
                events.append({})
            events[-1][unit] = events[-1].get(unit, 0) + 1
        for order in list(permutations(events))[:24]:
            refunds = run(paid, order, policy)
            assert sum(r.amount for r in refunds) == refunds[-1].refunded == paid.total
            assert all(r.amount >= 0 and r.tax >= 0 and r.kept >= 0 for r in refunds)
            for r in refunds:
                assert sum(line.amount for line in r.lines) + r.delivery_amount == r.amount
            assert refunds[-1].lost_gifts == paid.gifts
            if policy == "prorated":
                by_line = {}
                for r in refunds:
                    for line in r.lines:
                        by_line[line.id] = by_line.get(line.id, 0) + line.amount
                assert by_line == {line.id: line.total for line in paid.lines}

    @given(carts(most_lines=3), promotions(most=4), st.data())
    @settings(max_examples=40)
    def test_repriced_is_the_price_of_what_is_kept(self, bought, offers, data):
        paid = best_price(bought, offers)
        line = data.draw(st.sampled_from(bought.lines))
        refund = return_items(paid, {line.id: line.quantity}, policy="reprice")
        kept = [other for other in bought.lines if other is not line]
        if kept:
            again = best_price(
                Cart(lines=kept, currency="UAH", channel="app", codes=["yes"], delivery_price=bought.delivery_price),
                offers,
            )
            assert refund.kept == min(paid.total, again.total)

    def test_a_refund_reads_back(self):
        paid = best_price(cart((1000, 3)), [Promotion.n_for_m("A", 3, 2)])
        refund = return_items(paid, {"1": 1}, policy="reprice")
        assert Refund.from_json(refund.to_json()) == refund

    @pytest.mark.parametrize(
        ("items", "options", "name"),
        [
            ({"9": 1}, {}, "items"),
            ({"1": 4}, {}, "items"),
            ({"1": 0}, {}, "items['1']"),
            ({"1": 1.5}, {}, "items['1']"),
            ({"1": -1}, {}, "items['1']"),
            ({}, {}, "items"),
            (["1"], {}, "items"),
            ({"1": 1}, {"policy": None}, "policy"),
            ({"1": 1}, {"policy": "half"}, "policy"),
            ({"1": 1}, {"delivery": "half"}, "delivery"),
        ],
    )
    def test_rejections(self, items, options, name):
        paid = best_price(cart((1000, 3)), [])
        with pytest.raises(InputError) as caught:
            return_items(paid, items, **{"policy": "prorated", **options})
        assert caught.value.name == name

    def test_a_further_return_keeps_the_policy(self):
        refund = return_items(best_price(cart((1000, 3)), []), {"1": 2}, policy="prorated")
        with pytest.raises(InputError, match="that of the first return"):
            return_items(refund, {"1": 1}, policy="reprice")
        with pytest.raises(InputError, match="at most 1 of line 1"):
            return_items(refund, {"1": 2})
