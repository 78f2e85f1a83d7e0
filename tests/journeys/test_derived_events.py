"""Events that follow from other data: price drops of wished items, levels, segments."""

from __future__ import annotations

import datetime as dt
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.journeys import (
    Customers,
    Events,
    Policy,
    TriggerJourney,
    level_changes,
    nth_events,
    plan,
    price_drops,
    segment_changes,
)
from crmvalue.segmentation import Segment, SegmentColumns, SegmentMembership, evaluate_segments

START = dt.datetime(2024, 5, 1)


def at(hours):
    return START + dt.timedelta(hours=hours)


def as_rows(events):
    """List events as (customer, name, time), in their order."""
    people, names = events.customer, events.name
    return [
        (people.distinct[i], names.distinct[k], moment)
        for i, k, moment in zip(people.code, names.code, events.time.tolist(), strict=True)
    ]


def drops(wishes, prices, **options):
    """Call with rows: wishes of (customer, item, hour, hour of removal or None), prices of (item, hour, price)."""
    customer, item, wished, removed = zip(*wishes, strict=True) if wishes else ([], [], [], [])
    price_item, since, price = zip(*prices, strict=True) if prices else ([], [], [])
    return price_drops(
        customer,
        item,
        [at(hour) for hour in wished],
        price_item,
        [at(hour) for hour in since],
        price,
        removed_at=[None if hour is None else at(hour) for hour in removed],
        **options,
    )


def by_hand(wishes, prices, *, cents=None, percent=None, days=None, again=False):
    """Walk through the log of each wish in whole cents; of prices at one moment the last row holds."""
    found = []
    for customer, item, wished, removed in wishes:
        log = {hour: price for of, hour, price in prices if of == item}
        base = log[max(hour for hour in log if hour <= wished)]
        limit = base - cents if percent is None else base - Fraction(base) * percent / 100
        low = base
        for hour in sorted(log):
            if hour <= wished or (removed is not None and hour >= removed):
                continue
            if days is not None and hour - wished > 24 * days:
                continue
            if again and log[hour] > limit:
                low = base
            if log[hour] <= limit and log[hour] < low:
                low = log[hour]
                found.append((customer, "price drop", at(hour)))
    return sorted(found, key=lambda row: (row[2], row[0]))


def hours_of(prices, wished=0, removed=None, **options):
    """Hours of the events of one wish whose item costs 100 from the start and then so much from hour 1, 2, ... on."""
    log = [("x", hour, price) for hour, price in enumerate([100.0, *prices])]
    events = drops([("ann", "x", wished, removed)], log, **options)
    return [int((moment - START).total_seconds()) // 3600 for _, _, moment in as_rows(events)]


wish_rows = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "eve"]),
        st.sampled_from(["x", "y"]),
        st.integers(0, 60),
        st.none() | st.integers(0, 60),
    ).map(lambda row: (*row[:3], None if row[3] is None else row[2] + row[3])),
    max_size=6,
)
price_rows = st.lists(
    st.tuples(st.sampled_from(["x", "y", "z"]), st.integers(-5, 80), st.integers(0, 12).map(lambda price: 5 * price)),
    max_size=40,
).map(lambda rows: [("x", -9, 45), ("y", -7, 30), *rows])


class TestNthEvents:
    """The n-th distinct moment of an event of each customer."""

    log_rows = st.lists(
        st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(["purchase", "visit"]), st.integers(0, 9)),
        max_size=30,
    )

    @given(log_rows, st.integers(1, 5))
    def test_equals_the_walk_by_hand(self, rows, n):
        people, names, hours = zip(*rows, strict=True) if rows else ([], [], [])
        log = Events(customer=list(people), name=list(names), time=np.array([at(hour) for hour in hours], "M8[s]"))
        expected = []
        for person in ("ann", "bob"):
            mine = sorted({hour for one, name, hour in rows if one == person and name == "purchase"})
            expected += [(person, f"purchase {n}", at(hour)) for hour in mine[n - 1 : n]]
        assert as_rows(nth_events(log, "purchase", n)) == sorted(expected, key=lambda row: (row[2], row[0]))

    def test_starts_a_journey(self):
        log = Events(customer=[1] * 3, name=["purchase"] * 3, time=["2024-05-01", "2024-05-09", "2024-05-31T08:00"])
        thanks = TriggerJourney("thanks", event="third", once=True)
        base = Customers(customer=[1], consent={"email": [True]})
        made = plan([thanks], base, log + nth_events(log, "purchase", 3, name="third"), None, Policy(), "2024-05-31")
        assert made.send_time.astype(str).tolist() == ["2024-05-31T08:00:00"]

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"events": None}, "events"),
            ({"event": ""}, "event"),
            ({"n": 0}, "n"),
            ({"n": 1.5}, "n"),
            ({"name": ""}, "name"),
        ],
    )
    def test_refuses(self, changes, name):
        log = Events(customer=[1], name=["purchase"], time=["2024-05-01"])
        with pytest.raises(InputError) as caught:
            nth_events(**{"events": log, "event": "purchase", "n": 1, **changes})
        assert caught.value.name == name


class TestPriceDrops:
    """`price_drops`: a change to a price that is low enough, and after it each new low."""

    @pytest.mark.parametrize(
        ("prices", "options", "expected"),
        [  # reckoned by hand: hour k is that of the k-th price
            ([90.0], {"percent": 10}, [1]),
            ([90.01], {"percent": 10}, []),
            ([90.0], {"amount": 10}, [1]),
            ([90.01], {"amount": 10}, []),
            ([110.0, 99.0, 90.0], {"amount": 10}, [3]),  # against the wish, not against the price before
            ([80.0, 80.0, 100.0, 80.0], {"amount": 10}, [1]),  # armed again only by a new low
            ([80.0, 85.0, 100.0, 79.99], {"amount": 10}, [1, 4]),
            ([80.0, 80.0, 100.0, 80.0], {"amount": 10, "again": True}, [1, 4]),
            ([80.0, 85.0, 75.0, 90.01, 90.0, 75.0, 80.0], {"amount": 10, "again": True}, [1, 3, 5, 6]),
            ([80.0, 90.0, 80.0], {"amount": 10, "again": True}, [1]),  # 90 is low enough still
            ([95.0, 80.0, 85.0, 75.0, 76.0, 10.0, 0.0], {"percent": 20}, [2, 4, 6, 7]),
            ([1.0, 0.0], {"percent": 100}, [2]),
            ([0.0], {"amount": 100}, [1]),
            ([0.0], {"amount": 100.01}, []),
            ([100.0, 100.0], {"percent": 1e-9}, []),
            ([80.0, 70.0, 60.0], {"amount": 10, "wished": 1}, [2, 3]),  # a price of the moment of the wish is its price
            ([80.0, 70.0, 60.0], {"amount": 10, "removed": 2}, [1]),  # the end is out
            ([80.0], {"amount": 10, "removed": 0}, []),
            ([*[100.0] * 23, 80.0, 70.0], {"amount": 10, "look_back_days": 1}, [24]),  # the end is in
            ([*[100.0] * 24, 80.0], {"amount": 10, "look_back_days": 1}, []),
        ],
    )
    def test_oracle(self, prices, options, expected):
        assert hours_of(prices, **options) == expected

    @pytest.mark.parametrize(
        ("base", "now", "options"),
        [
            (19.99, 17.991, {"percent": 10}),
            (0.7, 0.63, {"percent": 10}),
            (100.0, 100.0 * 0.9, {"percent": 10}),
            (1.1, 0.1 * 10, {"amount": 0.1}),
            (1_000_000.01, 0.01, {"amount": 1_000_000}),
            (29.99, 29.98, {"amount": 0.01}),
        ],
    )
    def test_is_not_misled_by_binary_rounding(self, base, now, options):
        """The decimal sums are exact; beyond 1e-12 of the price of the wish it is too dear."""
        wish = [("ann", "x", 0, None)]
        assert len(drops(wish, [("x", 0, base), ("x", 1, now)], **options)) == 1
        assert len(drops(wish, [("x", 0, base), ("x", 1, now + 2e-12 * base)], **options)) == 0

    def test_what_only_rounding_makes_lower_is_no_new_low(self):
        assert hours_of([np.nextafter(90.0, 91), 90.0], amount=10) == [1]

    def test_an_item_that_was_free_cannot_become_cheaper(self):
        assert len(drops([("ann", "x", 0, None)], [("x", 0, 0.0), ("x", 1, 0.0)], percent=10)) == 0

    def test_each_wish_has_its_own_price_and_lows(self):
        prices = [("x", 0, 100.0), ("x", 2, 80.0), ("x", 4, 70.0), ("y", 0, 50.0), ("y", 2, 30.0)]
        wishes = [("ann", "x", 1, None), ("bob", "x", 3, None), ("ann", "y", 1, None)]
        assert as_rows(drops(wishes, prices, amount=10, name="cheaper")) == [
            ("ann", "cheaper", at(2)),
            ("ann", "cheaper", at(2)),
            ("ann", "cheaper", at(4)),
            ("bob", "cheaper", at(4)),
        ]

    @given(wish_rows, price_rows, st.integers(1, 30), st.booleans(), st.none() | st.integers(1, 3), st.booleans())
    def test_equals_the_walk_by_hand(self, wishes, prices, least, in_percent, days, again):
        options = {"percent": 3 * least} if in_percent else {"amount": float(least)}
        found = drops(wishes, prices, look_back_days=days, again=again, **options)
        percent = 3 * least if in_percent else None
        expected = by_hand(wishes, prices, cents=least, percent=percent, days=days, again=again)
        assert as_rows(found) == expected

    @given(st.lists(st.integers(0, 10**6), min_size=1, max_size=300), st.integers(1, 400), st.booleans())
    @example(list(range(300, 0, -1)), 1, False)
    @example(list(range(300)), 1, False)
    @example([9, 1] * 150, 1, True)
    def test_equals_the_walk_on_long_logs_in_cents(self, prices, least, again):
        log = [("x", hour, price) for hour, price in enumerate(prices)]
        wishes = [("ann", "x", len(prices) // 3, None), ("bob", "x", 0, None)]
        in_money = [(item, hour, price / 100) for item, hour, price in log]
        found = drops(wishes, in_money, amount=least / 100, again=again)
        assert as_rows(found) == by_hand(wishes, log, cents=least, again=again)

    @given(wish_rows, price_rows, st.randoms(use_true_random=False))
    def test_order_of_rows_does_not_matter(self, wishes, prices, shuffled):
        prices = list({row[:2]: row for row in prices}.values())  # of one moment the last row holds
        found = drops(wishes, prices, amount=7)
        shuffled.shuffle(wishes)
        shuffled.shuffle(prices)
        assert drops(wishes, prices, amount=7) == found

    def test_of_prices_at_one_moment_the_last_row_holds(self):
        start = ("x", 0, 100.0)
        wish = [("ann", "x", 0, None)]
        assert len(drops(wish, [start, ("x", 1, 50.0), ("x", 1, 99.0)], amount=10)) == 0
        assert len(drops(wish, [start, ("x", 1, 99.0), ("x", 1, 50.0)], amount=10)) == 1

    def test_items_and_customers_of_any_kind(self):
        big = 2**63
        for item, other in ((7, 8), (big, big + 1), (-(2**70), 5), ("ваза", "лампа")):
            prices = [(item, 0, 10.0), (item, 1, 5.0), (other, 0, 1.0), (other, 1, 0.5)]
            assert as_rows(drops([(3, item, 0, None)], prices, amount=5)) == [(3, "price drop", at(1))]

    def test_nothing_wished_is_no_event(self):
        assert len(drops([], [("x", 0, 1.0)], amount=1)) == 0
        assert len(drops([], [], amount=1)) == 0

    def test_starts_a_journey(self):
        """One message for two wishes that become cheaper at one moment; none where a purchase came meanwhile."""
        prices = [("x", 0, 10.0), ("y", 0, 10.0), ("x", 10, 5.0), ("y", 10, 5.0)]
        wishes = [("ann", "x", 0, None), ("ann", "y", 0, None), ("bob", "x", 0, None)]
        events = drops(wishes, prices, amount=5) + Events(customer=["bob"], name=["purchase"], time=[at(11)])
        base = Customers(customer=["ann", "bob"], consent={"email": [True, True]})
        journey = TriggerJourney("cheaper", event="price drop", wait_hours=2, unless="purchase")
        made = plan([journey], base, events, None, Policy(), "2024-05-01")
        assert made.customer[made.decision == "send"].tolist() == ["ann"]

    @pytest.mark.parametrize(
        ("wishes", "prices", "name", "index"),
        [
            ([("ann", "x", 0, None), ("bob", "y", 0, None)], [("x", 0, 1.0)], "item", 1),  # no price at all
            ([("ann", "x", 1, None), ("bob", "x", 0, None)], [("x", 1, 1.0)], "item", 1),  # only a later one
            ([("ann", "y", 0, None)], [("x", 0, 1.0), ("y", 1, 1.0)], "item", 0),  # that of another item before it
            ([("ann", 7, 0, None)], [("7", 0, 1.0)], "item", 0),  # numbers are never text
            ([("ann", "x", 0, None)], [], "item", 0),
            ([("ann", "x", 5, 4)], [("x", 0, 1.0)], "removed_at", 0),
            ([("ann", "x", 5, None)], [("x", 0, 1.0), ("x", 1, -1.0)], "price", 1),
            ([("ann", "", 5, None)], [("x", 0, 1.0)], "item", 0),
        ],
    )
    def test_rejections_of_rows(self, wishes, prices, name, index):
        with pytest.raises(InputError) as caught:
            drops(wishes, prices, amount=1)
        assert (caught.value.name, caught.value.index) == (name, index)

    @pytest.mark.parametrize(
        ("options", "name"),
        [
            ({}, "amount"),
            ({"amount": 1, "percent": 1}, "amount"),
            ({"amount": 0}, "amount"),
            ({"percent": 0}, "percent"),
            ({"percent": 100.5}, "percent"),
            ({"amount": 1, "look_back_days": 1.5}, "look_back_days"),
            ({"amount": 1, "name": " "}, "name"),
        ],
    )
    def test_rejections_of_options(self, options, name):
        with pytest.raises(InputError) as caught:
            drops([("ann", "x", 0, None)], [("x", 0, 1.0)], **options)
        assert caught.value.name == name

    def test_too_many_events_are_refused_while_they_are_counted(self, monkeypatch):
        monkeypatch.setattr("crmvalue._journeys.derived_events._MOST_EVENTS", 5)
        price, wishes = [100.0, 90.0] * 3, [("ann", "x", 0, None), ("bob", "x", 0, None)]
        log = [("x", hour, value) for hour, value in enumerate(price)]
        assert len(drops(wishes, log, percent=10)) == 2
        with pytest.raises(InputError, match="at most 5 events") as caught:
            drops(wishes, log, percent=10, again=True)  # six
        assert caught.value.name == "customer"
        assert len(drops(wishes[:1], log, percent=10, again=True)) == 3


TIERS = ["bronze", "silver", "gold"]


def changes_of(rows, tiers=TIERS):
    customer, tier, hour = zip(*rows, strict=True) if rows else ([], [], [])
    return level_changes(customer, tier, [at(h) for h in hour], tiers=tiers)


class TestLevelChanges:
    """`level_changes`: another tier than in the record before."""

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            ([("ann", "gold", 0)], []),  # a first record is no change
            ([("ann", "silver", 0), ("ann", "silver", 1)], []),
            ([("ann", "silver", 0), ("ann", "gold", 1)], [("ann", "level up", 1)]),
            ([("ann", "bronze", 0), ("ann", "gold", 1)], [("ann", "level up", 1)]),  # two steps are one event
            ([("ann", "silver", 0), ("bob", "gold", 1)], []),
            ([("ann", "gold", 2), ("ann", "bronze", 1), ("ann", "silver", 3)], [
                ("ann", "level up", 2),
                ("ann", "level down", 3),
            ]),
            ([("ann", "silver", 0), ("ann", "gold", 1), ("ann", "silver", 1)], []),  # the last row of a moment holds
            ([("ann", "silver", 0), ("ann", "silver", 1), ("ann", "gold", 1)], [("ann", "level up", 1)]),
            ([("ann", "gold", 0), ("ann", "silver", 0)], []),
            ([], []),
        ],
    )  # fmt: skip
    def test_oracle(self, rows, expected):
        assert as_rows(changes_of(rows)) == [(who, name, at(hour)) for who, name, hour in expected]

    @given(
        st.lists(st.tuples(st.integers(1, 3), st.sampled_from(TIERS), st.integers(0, 9)), max_size=30),
        st.randoms(use_true_random=False),
    )
    def test_equals_the_walk_by_hand_in_any_order_of_rows(self, rows, shuffled):
        expected = []
        for who in (1, 2, 3):
            log = {hour: TIERS.index(tier) for customer, tier, hour in rows if customer == who}
            hours = sorted(log)
            for before, now in itertools.pairwise(hours):
                if log[now] != log[before]:
                    expected.append((who, "level up" if log[now] > log[before] else "level down", at(now)))
        found = changes_of(rows)
        assert as_rows(found) == sorted(expected, key=lambda row: (row[2], row[0]))
        rows = list({(who, hour): (who, tier, hour) for who, tier, hour in rows}.values())
        shuffled.shuffle(rows)
        assert changes_of(rows) == found

    @pytest.mark.parametrize(
        ("rows", "tiers", "name", "index"),
        [
            ([("ann", "gold", 0), ("ann", "tin", 1)], TIERS, "tier", 1),
            ([("ann", "gold", 0), ("ann", "", 1)], TIERS, "tier", 1),
            ([("ann", "gold", 0)], ["gold"], "tiers", None),
            ([("ann", "gold", 0)], ["gold", "gold"], "tiers", None),
            ([("ann", "gold", 0)], "gold", "tiers", None),
            ([("ann", "gold", 0)], [1, 2], "tiers", None),
            ([("ann", "gold", 0)], 3, "tiers", None),
        ],
    )
    def test_rejections(self, rows, tiers, name, index):
        with pytest.raises(InputError) as caught:
            changes_of(rows, tiers)
        assert (caught.value.name, caught.value.index) == (name, index)


COLUMNS = SegmentColumns({"spend": "number"})
VIP = Segment("vip", COLUMNS["spend"] >= 500)
ANY = Segment("buyers", COLUMNS["spend"] > 0)
NEW = Segment("small", COLUMNS["spend"] < 50)


def evaluate(spend, segments=(VIP, ANY), as_of="2024-05-30"):
    return evaluate_segments(segments, {"spend": list(spend.values())}, customer=list(spend), as_of=as_of)


class TestSegmentChanges:
    """`segment_changes`: who is in a segment in one evaluation and not in the other."""

    BEFORE = evaluate({"ann": 900, "bob": 20, "eve": 600})
    NOW = evaluate({"zoe": 700, "bob": 520, "ann": 0}, [NEW, VIP, ANY], "2024-05-31")

    def test_oracle(self):
        """Ann is no longer a vip nor a buyer, Bob becomes a vip, Eve is gone, Zoe is new; "small" was not there."""
        found = as_rows(segment_changes(self.BEFORE, self.NOW, at(3)))
        assert sorted(found) == [
            ("ann", "left buyers", at(3)),
            ("ann", "left vip", at(3)),
            ("bob", "entered vip", at(3)),
            ("eve", "left buyers", at(3)),
            ("eve", "left vip", at(3)),
            ("zoe", "entered buyers", at(3)),
            ("zoe", "entered vip", at(3)),
        ]

    def test_chosen_segments(self):
        found = segment_changes(self.BEFORE, self.NOW, at(3), names=["buyers", "buyers"])
        assert found.names == ("entered buyers", "left buyers")
        assert len(found) == 3

    def test_no_change_is_no_event(self):
        assert len(segment_changes(self.NOW, self.NOW, at(0))) == 0
        assert len(segment_changes(self.BEFORE, self.NOW, at(0), names=[])) == 0

    @given(
        st.dictionaries(st.integers(1, 12), st.sampled_from([0, 100, 900]), min_size=1),
        st.dictionaries(st.integers(1, 12), st.sampled_from([0, 100, 900]), min_size=1),
    )
    def test_equals_sets(self, then, today):
        expected = set()
        for name, least in (("vip", 500), ("buyers", 1)):
            old, new = ({who for who, spend in of.items() if spend >= least} for of in (then, today))
            expected |= {(who, f"entered {name}", at(1)) for who in new - old}
            expected |= {(who, f"left {name}", at(1)) for who in old - new}
        found = as_rows(segment_changes(evaluate(then), evaluate(today), at(1)))
        assert len(found) == len(expected)
        assert set(found) == expected

    @pytest.mark.parametrize(
        ("before", "now", "names", "name"),
        [
            (None, NOW, None, "before"),
            (BEFORE, "x", None, "now"),
            (NOW, BEFORE, None, "before"),  # the later one first
            (evaluate({1: 20}), NOW, None, "before"),  # numbers against text
            (BEFORE, NOW, ["small"], "names"),  # only in the later one
            (BEFORE, NOW, "vip", "names"),
            (BEFORE, NOW, 3, "names"),
        ],
    )
    def test_rejections(self, before, now, names, name):
        with pytest.raises(InputError) as caught:
            segment_changes(before, now, at(0), names=names)
        assert caught.value.name == name

    def test_asks_for_identifiers(self):
        nameless = SegmentMembership(
            names=("vip",), bits=np.zeros((1, 1), dtype=np.uint8), n_customers=3, as_of="2024-05-30"
        )
        for before, now, name in ((nameless, self.NOW, "before"), (self.BEFORE, nameless, "now")):
            with pytest.raises(InputError, match="evaluate_segments") as caught:
                segment_changes(before, now, at(0))
            assert caught.value.name == name
