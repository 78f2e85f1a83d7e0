"""What is wrong with promotions: each finding against searched carts."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue._promotions.prepare import not_now
from crmvalue._promotions.uses import lint
from crmvalue.errors import InputError
from crmvalue.promotions import Caps, CartLine, Finding, Items, Promotion, best_price, lint_promotions
from tests.promotions.carts import BRANDS, CATEGORIES, caps, carts, promotions

CATALOGUE = [
    CartLine(id=f"{brand}{i}", product=f"{brand}{i}", brand=brand, categories=CATEGORIES, unit_price=1000)
    for brand in BRANDS
    for i in (1, 2)
]
NIGHT = {"starts": "2026-03-01", "ends": "2026-03-01"}


def kinds(offers, **options):
    return [(finding.kind, finding.promotions) for finding in lint_promotions(offers, currency="UAH", **options)]


def pct(name, size=10, **rules):
    return Promotion.percent(name, size, **rules)


@st.composite
def near_promotions(draw):
    """Percentages that are often alike, so that one can beat another."""
    made = []
    for i in range(draw(st.integers(1, 4))):
        rules = {
            "brands": draw(st.sampled_from([(), ("A",), ("A", "B")])),
            "on": draw(st.sampled_from(["line", "line", "order"])),
            "family": draw(st.sampled_from(["", "f"])),
            "combines_with": draw(st.sampled_from([(), (), ("f",), ("*",)])),
            "alone": draw(st.booleans()),
            "min_amount": draw(st.sampled_from([0, 0, 300])),
            "uses_left": draw(st.sampled_from([None, None, None, 0])),
            "except_brands": draw(st.sampled_from([(), (), ("A",)])),
            "priority": draw(st.integers(-1, 1)),
        }
        kind = draw(st.sampled_from(["percent", "percent", "fixed_price", "amount"]))
        if kind == "percent":
            made.append(Promotion.percent(f"p{i}", draw(st.sampled_from([10, 15, 20])), **rules))
        elif kind == "amount":
            made.append(Promotion.amount(f"p{i}", draw(st.sampled_from([20, 50])), **rules))
        else:
            made.append(Promotion.fixed_price(f"p{i}", draw(st.sampled_from([90, 200])), **{**rules, "on": "line"}))
    return made


def check(bought, offers, limits):
    findings = lint_promotions(offers, caps=limits, catalogue=CATALOGUE, currency="UAH")
    priced = best_price(bought, offers, caps=limits)
    applied = {one.promotion for one in priced.applied}
    for finding in findings:
        if finding.kind == "never":
            assert finding.promotions[0] not in applied
        if finding.kind in {"beaten", "shadowed"}:
            rest = [offer for offer in offers if offer.id != finding.promotions[0]]
            without = best_price(bought, rest, caps=limits)
            assert without.total - without.gift_value == priced.total - priced.gift_value
        grouped = {offer.id for offer in offers if offer.benefit in {"buy_get", "bundle"} or offer.limit_per_order}
        if finding.kind == "families" and len(finding.promotions) == 2 and not grouped & {*finding.promotions}:
            for line in priced.lines:
                assert not set(finding.promotions) <= {discount.promotion for discount in line.discounts}


class TestLintPromotions:
    """`lint_promotions`: what is found is certain."""

    @pytest.mark.parametrize(
        ("offers", "options", "found"),
        [
            ([pct("A", uses_left=0)], {}, [("never", ("A",))]),
            ([pct("A", uses_left_customer=0)], {}, [("never", ("A",))]),
            ([pct("A", max_discount=0)], {}, [("never", ("A",))]),
            ([Promotion.gift("A", "mini", 500, budget_left=499)], {}, [("never", ("A",))]),
            ([pct("A", brands=["A"], except_brands=["A", "B"])], {}, [("never", ("A",))]),
            ([Promotion.bundle("A", [Items(brands=["A"])], price=1, brands=["B"])], {}, [("never", ("A",))]),
            ([Promotion.bundle("A", [Items(brands=["A"])], price=1, brands=["A", "B"])], {}, []),
            (
                [Promotion.bundle("A", [Items(products=["A1"])], price=1, brands=["B"])],
                {"catalogue": CATALOGUE},
                [("never", ("A",))],
            ),
            ([pct("A", weekdays=["mon"], hours=("22:00", "02:00")), pct("B", 20, weekdays=["mon"])], {}, []),
            ([pct("A", weekdays=["mon"], **NIGHT)], {}, [("never", ("A",))]),
            ([pct("A", weekdays=["sun"], **NIGHT)], {}, []),
            (
                [pct("A", starts="2026-03-01T08:00", ends="2026-03-01T10:00", hours=("10:00", "11:00"))],
                {},
                [("never", ("A",))],
            ),
            ([pct("A", starts="2026-03-01T08:00", ends="2026-03-01T10:01", hours=("10:00", "11:00"))], {}, []),
            ([pct("A", ends="2026-03-01")], {"as_of": "2026-03-02"}, [("never", ("A",))]),
            ([pct("A", ends="2026-03-01")], {"as_of": "2026-03-01T23:00"}, []),
            ([pct("A", brands=["A"], products=["B1"])], {"catalogue": CATALOGUE}, [("never", ("A",))]),
            ([pct("A", 10, brands=["A"]), pct("B", 10)], {}, [("beaten", ("A", "B"))]),
            ([pct("A", 10), pct("B", 10)], {}, [("beaten", ("B", "A"))]),
            ([pct("A", 10), pct("B", 9, brands=["A"], channels=["app"])], {}, [("beaten", ("B", "A"))]),
            ([pct("A", 10, channels=["app"]), pct("B", 9)], {}, []),
            (
                [pct("A"), pct("B", 9, family="f", combines_with=["g"]), pct("C", 1, family="g", combines_with=["f"])],
                {},
                [],
            ),
            ([Promotion.fixed_price("A", 100), Promotion.fixed_price("B", 120)], {}, [("beaten", ("B", "A"))]),
            ([Promotion.amount("A", 100), Promotion.amount("B", 120)], {}, [("beaten", ("A", "B"))]),
            ([pct("A", 30, alone=True, on="order"), pct("B", 20, brands=["A"])], {}, [("shadowed", ("B", "A"))]),
            ([pct("A", 10, alone=True, on="order"), pct("B", 20, brands=["A"])], {}, []),
            (
                [
                    pct("A", family="f", combines_with=["f"], ends="2026-03-01"),
                    pct("B", 20, family="f", combines_with=["f"], starts="2026-03-02"),
                ],
                {},
                [("apart", ("A", "B"))],
            ),
            (
                [
                    pct("A", family="f", combines_with=["f"], weekdays=["sat"]),
                    pct("B", 20, family="f", combines_with=["f"], weekdays=["sun"]),
                ],
                {},
                [("apart", ("A", "B"))],
            ),
            (
                [
                    pct("A", family="f", combines_with=["f"], weekdays=["sat"], hours=("22:00", "02:00")),
                    pct("B", 20, family="f", combines_with=["f"], weekdays=["sun"], hours=("01:00", "03:00")),
                ],
                {},
                [],
            ),
            (
                [pct("A", family="f", combines_with=["g"]), pct("B", 20, brands=["B"], family="g")],
                {},
                [("families", ("A", "B"))],
            ),
            ([pct("A", combines_with=["nobody"])], {}, [("families", ("A",))]),
            ([pct("A", alone=True, combines_with=["*"])], {}, [("families", ("A",))]),
            (
                [pct("A", brands=["A"])],
                {"caps": Caps(brand_percent={"A": 0}), "catalogue": CATALOGUE},
                [("floor", ("A",))],
            ),
            ([pct("A", brands=["A"])], {"caps": Caps(brand_percent={"A": 1}), "catalogue": CATALOGUE}, []),
            (
                [pct("A", products=["A1"])],
                {"caps": Caps(floor_price={"A1": 1000}), "catalogue": CATALOGUE},
                [("floor", ("A",))],
            ),
            ([pct("A")], {"caps": Caps(order_amount=0), "catalogue": CATALOGUE}, [("floor", ("A",))]),
            ([], {"caps": Caps(brand_amount={"LUXX": 5}), "catalogue": CATALOGUE}, [("unknown", ())]),
            ([pct("A", except_brands=["LUXX"])], {"catalogue": CATALOGUE}, [("unknown", ("A",))]),
        ],
    )
    def test_findings(self, offers, options, found):
        assert kinds(offers, **options) == found

    @given(carts(), promotions(most=5), caps())
    @settings(max_examples=80)
    def test_what_is_found_holds_in_searched_carts(self, bought, offers, limits):
        check(bought, offers, limits)

    @given(carts(), near_promotions(), caps())
    @settings(max_examples=200)
    def test_what_is_found_of_promotions_alike_holds_in_searched_carts(self, bought, offers, limits):
        check(bought, offers, limits)

    @given(carts(), promotions(most=4), caps())
    @settings(max_examples=60)
    def test_below_the_floor_everywhere_takes_nothing_off(self, bought, offers, limits):
        lines = [attrs.evolve(line, id=str(i)) for i, line in enumerate(bought.lines)]
        applied = {one.promotion for one in best_price(bought, offers, caps=limits).applied}
        for finding in lint_promotions(offers, caps=limits, catalogue=lines, currency="UAH"):
            assert finding.kind not in {"floor", "never"} or finding.promotions[0] not in applied

    PERIODS = st.fixed_dictionaries(
        {
            "starts": st.sampled_from([None, "2026-03-02", "2026-03-03"]),
            "ends": st.sampled_from([None, "2026-03-03", "2026-03-04", "2026-03-04T10:00"]),
            "weekdays": st.sampled_from([(), ("mon",), ("wed", "sun")]),
            "hours": st.sampled_from([None, ("10:00", "11:00"), ("22:00", "02:00"), ("10:30", "12:00")]),
        }
    )

    @pytest.mark.slow
    @given(PERIODS, PERIODS)
    def test_periods_against_every_half_hour(self, one, other):
        """From 16 February to 22 March, over all periods that are searched."""
        rules = {"family": "f", "combines_with": ["f"], "uses_left": 5}
        offers = [pct("A", **one, **rules), pct("B", 20, **other, **rules)]
        times = np.arange("2026-02-16", "2026-03-22", 30, dtype="datetime64[m]")
        holds = [{p for p in offers if not_now(np.datetime64(time, "us"), p) is None} for time in times]
        found = kinds(offers)
        for offer in offers:
            assert (("never", (offer.id,)) in found) == (not any(offer in now for now in holds))
        if not any(kind == "never" for kind, _ in found):
            assert (("apart", ("A", "B")) in found) == (not any(len(now) == 2 for now in holds))

    @given(PERIODS, PERIODS)
    def test_beaten_at_every_half_hour_at_which_it_holds(self, one, other):
        offers = [pct("A", **one), pct("B", 20, **other)]
        times = np.arange("2026-02-16", "2026-03-22", 30, dtype="datetime64[m]")
        if ("beaten", ("A", "B")) in kinds(offers):
            for time in times.astype("datetime64[us]"):
                assert not_now(time, offers[0]) is not None or not_now(time, offers[1]) is None

    def test_promotions_that_share_no_items_are_not_compared(self, monkeypatch):
        """Two of the same items are; 300 pairs each would be 90,000 looks."""
        looks = []
        wherever = lint._wherever
        monkeypatch.setattr(lint, "_wherever", lambda *pair: looks.append(pair) or wherever(*pair))
        offers = [pct(f"{i:03}", 1 + i % 3, products=[f"p{i // 2}"]) for i in range(300)]
        pairs = [(i, i + 1) if i % 6 != 2 else (i + 1, i) for i in range(0, 300, 2)]  # the lower percentage first
        beaten = {(f"{low:03}", f"{high:03}") for low, high in pairs}
        assert {found.promotions for found in lint_promotions(offers)} == beaten
        assert len(looks) <= 600

    def test_promotions_that_all_combine_are_not_compared(self, monkeypatch):
        """None can stand for another: 2,000 took half a minute."""
        looks = []
        monkeypatch.setattr(lint, "_takes_as_much", lambda *pair: bool(looks.append(pair)))
        assert lint_promotions([pct(f"{i:03}", 1 + i % 50, combines_with=["*"]) for i in range(100)]) == ()
        assert looks == []

    def test_what_takes_most_off_is_asked_first(self, monkeypatch):
        """Each is beaten by the last one, or for a price by the lowest; time grew as the square of their number."""
        looks = []
        as_much = lint._takes_as_much
        monkeypatch.setattr(lint, "_takes_as_much", lambda *pair: looks.append(pair) or as_much(*pair))
        offers = [pct(f"p{i:02}", 1 + i) for i in range(60)]
        offers += [Promotion.amount(f"a{i:02}", 1 + i) for i in range(60)]
        offers += [Promotion.fixed_price(f"f{i:02}", 100 - i) for i in range(60)]
        beaten = {(f"{kind}{i:02}", f"{kind}59") for kind in "paf" for i in range(59)}
        assert {found.promotions for found in lint_promotions(offers)} == beaten
        assert len(looks) <= 3 * (2 * 59 + 60)

    def test_families_of_many_are_looked_at_once(self, monkeypatch):
        """3 kinds of the same family and days are 6 looks and one pair that meets nowhere; 99 promotions were 4,851."""
        looks = []
        times = lint._times
        monkeypatch.setattr(lint, "_times", lambda *pair: looks.append(pair) or times(*pair))
        monkeypatch.setattr(lint, "_never", lambda *_: ())
        days = ({}, {"ends": "2026-03-01"}, {"starts": "2026-03-02"})
        offers = [pct(f"{i:02}", family="f", combines_with=["f"], **days[i % 3]) for i in range(99)]
        apart = {(f"{i:02}", f"{j:02}") for i in range(99) for j in range(i) if {i % 3, j % 3} == {1, 2}}
        found = lint_promotions(offers)
        assert {one.kind for one in found} == {"apart"}
        assert {tuple(sorted(one.promotions, reverse=True)) for one in found} == apart
        assert len(looks) <= 6

    def test_a_finding_reads_back(self):
        (finding,) = lint_promotions([pct("A", uses_left=0)])
        assert Finding.from_json(finding.to_json()) == finding
        assert finding.text == "A never applies: no use is left"

    @pytest.mark.parametrize(
        ("offers", "options"),
        [
            ([pct("A"), pct("A")], {}),
            (["A"], {}),
            ([], {"caps": 5}),
            ([], {"catalogue": ["A"], "currency": "UAH"}),
            ([], {"catalogue": CATALOGUE}),
            ([], {"catalogue": CATALOGUE, "currency": "hryvnia"}),
            ([], {"as_of": "soon"}),
        ],
    )
    def test_rejections(self, offers, options):
        with pytest.raises(InputError):
            lint_promotions(offers, **options)
