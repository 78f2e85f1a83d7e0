"""Levels against a walk day by day, and points against one order at a time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.journeys import level_changes
from crmvalue.loyalty import EarnRule, Level, LoyaltyProgramme, PointsPolicy, Reward
from tests.loyalty.references import slow_levels
from tests.tables import check_json, check_table
from tests.work import n_calls

NEEDS = [0, 10, 25]
LEVELS = [Level(name=name, at_least=need) for name, need in zip(("base", "silver", "gold"), NEEDS, strict=True)]
AS_OF = np.datetime64("2026-03-01", "D")
STARTS = ["2023-12-31", "2024-01-01", "2024-02-29", "2023-02-28", "2024-03-01", "2023-07-15"]


def largest_remainder_fast(amount, weights):
    """Whole parts first, then one each to the largest remainders."""
    exact = [Fraction(amount * weight, sum(weights)) for weight in weights]
    parts = [share.__floor__() for share in exact]
    order = sorted(range(len(weights)), key=lambda i: parts[i] - exact[i])
    for i in order[: amount - sum(parts)]:
        parts[i] += 1
    return parts


def programme(window="year", **options):
    return LoyaltyProgramme(levels=LEVELS, window=window, **options)


@st.composite
def histories(draw):
    joined = np.datetime64(draw(st.sampled_from(STARTS)), "D")
    days = draw(st.lists(st.integers(0, int((AS_OF - joined).astype(int))), min_size=1, max_size=8))
    near = draw(st.lists(st.sampled_from([364, 365, 366, 367, 730, 731, 732]), max_size=3))
    when = sorted({joined + day for day in [*days, *near]})
    amounts = draw(st.lists(st.integers(0, 30), min_size=len(when), max_size=len(when)))
    return joined, [(day, amount) for day, amount in zip(when, amounts, strict=True) if day <= AS_OF]


class TestMemberLevels:
    """Upgrade at once, downgrade at the end of a period, and with a soft landing by one level at most."""

    @pytest.mark.parametrize("window", ["year", "rolling"])
    @pytest.mark.parametrize("soft_landing", [False, True])
    def test_years_without_a_row_change_nothing_and_are_passed_over(self, window, soft_landing):
        made = programme(window, rolling_months=3, soft_landing=soft_landing)
        logs = [[("1990-01-31", 30)], [("1990-01-31", 12), ("2025-11-30", 26)], [("2026-01-01", 9)]]
        logs = [[(np.datetime64(day, "D"), amount) for day, amount in log] for log in logs]
        member, day, amount = zip(*((i, *row) for i, log in enumerate(logs) for row in log), strict=True)
        options = {"window": window, "months": 3, "soft_landing": soft_landing, "leap_day": "backward"}
        slow = [slow_levels(log, NEEDS, joined=log[0][0], as_of=AS_OF, **options)[0] for log in logs]
        for end in ["1990-06-01", "2025-12-31", "2026-03-01"]:
            kept = np.array(day) <= np.datetime64(end)
            found = made.member_levels(*(np.array(c)[kept] for c in (member, day, amount)), as_of=end)
            for number, level, collected in zip(found.member.tolist(), found.tier, found.collected, strict=True):
                assert (level, collected) == slow[number][np.datetime64(end)]

    def test_one_order_of_another_age_costs_no_time(self):
        """20,000 members took 4 seconds, and 100,000 took 16: each was looked at in each month since the year 203."""
        n = 2_000
        day = np.full(n, np.datetime64("2025-03-01"))
        day[0] = np.datetime64("0203-01-01")
        made = programme("rolling")
        n_done, found = n_calls(lambda: made.member_levels(np.arange(n), day, np.full(n, 12), as_of="2026-01-31"))
        assert n_done < 150_000  # 370,000 with all in each month
        assert found.tier[:2].tolist() == [0, 1]

    @pytest.mark.parametrize("window", ["year", "anniversary", "rolling"])
    @pytest.mark.parametrize("soft_landing", [False, True])
    @settings(max_examples=25)
    @given(people=st.lists(histories(), min_size=1, max_size=3), leap_day=st.sampled_from(["backward", "forward"]))
    def test_equals_a_walk_day_by_day(self, window, soft_landing, people, leap_day):
        made = programme(window, rolling_months=7, soft_landing=soft_landing, leap_day=leap_day)
        rows = [(i, day, amount, joined) for i, (joined, log) in enumerate(people) for day, amount in log]
        slow = [
            slow_levels(
                log,
                NEEDS,
                window=window,
                months=7,
                soft_landing=soft_landing,
                leap_day=leap_day,
                joined=joined,
                as_of=AS_OF,
            )
            for joined, log in people
        ]  # fmt: skip - one argument for each option
        member, day, amount, joined = (list(column) for column in zip(*rows, strict=True))
        days = [AS_OF, *sorted({*day, *(when + 1 for when in day if when < AS_OF)})]
        for end in days:
            if not any(when <= end for when in day):
                continue
            found = made.member_levels(member, np.array(day), amount, as_of=end, joined=np.array(joined))
            for number, level, collected in zip(found.member.tolist(), found.tier, found.collected, strict=True):
                if people[number][0] <= end:
                    assert (level, collected) == slow[number][0][end]
                    missing = NEEDS[level + 1] - collected if level < 2 else 0
                    assert found.to_next[found.member == number] == missing
        history = made.level_history(member, np.array(day), amount, as_of=AS_OF, joined=np.array(joined))
        for number, (by_day, _) in enumerate(slow):
            own = history["customer"] == number
            names, times = history["tier"][own], history["time"][own]
            for when, (level, _) in by_day.items():
                last = np.nonzero(times < np.datetime64(when + 1, "s"))[0].max()
                assert names[last] == LEVELS[level].name

    def test_the_last_day_to_keep_a_level(self):
        found = programme().member_levels(["ann"] * 2, ["2024-05-01", "2025-02-01"], [12, 4])
        assert found.tier_names.tolist() == ["silver"]
        assert found.to_keep.tolist() == [6]
        assert found.to_next.tolist() == [21]
        assert str(found.period_end[0]) == "2025-12-31"
        check_table(found, 1, "to_keep", [6])

    @pytest.mark.parametrize("window", ["year", "anniversary", "rolling"])
    @given(history=histories(), months=st.integers(2, 13), back=st.integers(0, 400))
    def test_what_is_missing_to_keep_a_level_is_what_keeps_it(self, window, history, months, back):
        """Whoever collects it on the day itself has the level after the period; whoever collects 1 less does not."""
        joined, log = history
        made = programme(window, rolling_months=months)
        end = max(AS_OF - back, joined)
        rows = [row for row in log if row[0] <= end] or [(joined, 0)]

        def found(more, day):
            days, amounts = zip(*rows, (end, more), strict=True)
            return made.member_levels([1] * len(days), np.array(days), amounts, as_of=day, joined=[joined] * len(days))

        now = found(0, end)
        missing, after = int(now.to_keep[0]), now.period_end[0] + 1
        assert found(missing, after).tier[0] >= now.tier[0]
        if missing:
            assert found(missing - 1, after).tier[0] < now.tier[0]

    def test_no_amount_keeps_a_level_of_one_month(self):
        made = programme("rolling", rolling_months=1)
        found = made.member_levels(["ann"] * 2, ["2024-05-01", "2024-05-20"], [20, 10**6])
        assert found.tier_names.tolist() == ["gold"]
        assert found.to_keep is None
        assert "to_keep" not in found.to_columns()
        check_json(found)
        later = made.member_levels(["ann"] * 2, ["2024-05-01", "2024-05-20"], [20, 10**6], as_of="2024-06-01")
        assert later.tier_names.tolist() == ["base"]

    def test_order_of_rows_does_not_matter(self):
        rng = np.random.default_rng(1)
        member, day = rng.integers(0, 20, 200), np.datetime64("2023-01-01") + rng.integers(0, 900, 200)
        amount, mixed = rng.integers(0, 9, 200), rng.permutation(200)
        for window in ("year", "anniversary", "rolling"):
            one = programme(window).member_levels(member, day, amount)
            assert one == programme(window).member_levels(member[mixed], day[mixed], amount[mixed])

    def test_moments_are_not_matched_by_position(self):
        time = pd.Series(["2024-05-01", "2024-06-01"], index=["b", "a"])
        with pytest.raises(InputError, match="`time` must be with the same index as `member`"):
            programme().level_history(pd.Series(["ann", "bob"], index=["a", "b"]), time, [30, 3])
        with pytest.raises(InputError, match="`time` must be as long as `member`"):
            programme().level_history(["ann", "bob"], ["2024-05-01"], [30, 3])

    @pytest.mark.parametrize("amount", [[12, 20], [20, 12]])
    def test_rows_of_one_moment_count_together(self, amount):
        history = programme().level_history(["ann", "ann"], ["2024-05-01"] * 2, amount)
        assert history["tier"].tolist() == ["base", "gold"]  # not first silver, by the order of rows

    def test_rows_that_change_no_level_are_no_record(self):
        days = ["2024-05-01", "2024-06-01", "2024-07-01"]
        history = programme().level_history(["ann"] * 3, days, [1, 11, 1])
        assert history["tier"].tolist() == ["base", "silver"]
        assert history["time"].astype(str).tolist() == ["2024-04-30T23:59:59", "2024-06-01T00:00:00"]

    def test_changes_become_events_of_journeys(self):
        made = programme(soft_landing=True)
        history = made.level_history(["ann", "bob"], ["2024-05-01", "2024-06-01"], [30, 3], as_of="2027-01-01")
        events = level_changes(history["customer"], history["tier"], history["time"], tiers=["base", "silver", "gold"])
        found = [(str(day)[:10], events.names[i]) for day, i in zip(events.time, events.name.code, strict=True)]
        assert found == [("2024-05-01", "level up"), ("2026-01-01", "level down"), ("2027-01-01", "level down")]

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"amount": [-1]}, "amount"),
            ({"amount": [0.5]}, "amount"),
            ({"day": ["soon"]}, "day"),
            ({"as_of": "2020-01-01"}, "as_of"),
            ({"joined": ["2024-05-01"]}, "joined"),
            ({"member": [None]}, "member"),
        ],
    )
    def test_wrong_columns_are_refused(self, change, name):
        with pytest.raises(InputError) as caught:
            programme().member_levels(**{"member": ["ann"], "day": ["2024-01-01"], "amount": [1], **change})
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("wrong", "name"),
        [
            ({"levels": LEVELS}, "window"),
            ({"levels": LEVELS, "window": "week"}, "window"),
            ({"levels": LEVELS[1:], "window": "year"}, "levels"),
            ({"levels": LEVELS[::-1], "window": "year"}, "levels"),
            ({"levels": [LEVELS[0], Level(name="base", at_least=2)], "window": "year"}, "levels"),
            ({"rules": [EarnRule(name="a", points=1), EarnRule(name="a", points=2)]}, "rules"),
            ({"rules": [EarnRule(name="a", points=1, level_percent={"gold": 2})]}, "rules"),
            ({"rules": "all"}, "rules"),
        ],
    )
    def test_wrong_programmes_are_refused(self, wrong, name):
        with pytest.raises(InputError) as caught:
            LoyaltyProgramme(**wrong)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        "wrong",
        [
            {"points": 0},
            {"per": 0},
            {"per": 5, "basis": "orders"},
            {"per": 2, "basis": "event", "event": "review"},
            {"basis": "x"},
            {"event": "review"},
            {"basis": "event"},
            {"only": "Ajax"},
            {"only": {"brand": [{}]}},
            {"only": {"brand": [["Ajax"]]}},
            {"excluded": {"brand": [float("nan")]}},
            {"level_percent": {"gold": 1.5}},
            {"most_per_order": 0},
            {"period": "week"},
            {"rounding": "up"},
        ],
    )  # fmt: skip - a table of single wrong fields
    def test_wrong_rules_are_refused(self, wrong):
        with pytest.raises(InputError):
            EarnRule(**{"name": "rule", "points": 1, **wrong})


ORDERS = {
    "order": [1, 1, 2, 3, 4],
    "customer": ["ann", "ann", "ann", "bob", "ann"],
    "time": ["2024-01-05", "2024-01-05", "2024-01-20", "2024-01-21", "2024-02-01"],
    "spend": [2500, 2599, 4000, 999, 10_000],
    "items": [1, 2, 3, 4, 5],
    "traits": {"brand": ["A", "B", "A", "B", "B"]},
}


class TestEarn:
    """Points of an order are rounded once; the lines share them by largest remainder."""

    def test_a_trait_that_ends_in_a_null_is_another_one(self):
        made = LoyaltyProgramme(rules=[EarnRule(name="x", points=1, only={"brand": ["q", "w\0"]})])
        for brands, points in ((["q", "q\0"], [5, 0]), (["w", "w"], [0, 0]), (["w", "w\0"], [0, 5])):
            rows = {"order": [1, 2], "customer": [1, 1], "time": ["2024-01-01"] * 2, "spend": [5, 5]}
            assert made.earn(**rows, traits={"brand": brands}).points.tolist() == points

    @pytest.mark.parametrize(
        ("rule", "points"),
        [
            ({"points": 1, "per": 1000}, [5, 4, 0, 10]),
            ({"points": 1, "per": 1000, "rounding": "half_up"}, [5, 4, 1, 10]),
            ({"points": 5, "per": 100}, [254, 200, 49, 500]),
            ({"points": 1, "basis": "items"}, [3, 3, 4, 5]),
            ({"points": 3, "per": 2, "basis": "items"}, [4, 4, 6, 7]),
            ({"points": 1, "per": 2, "basis": "items", "rounding": "half_up"}, [2, 2, 2, 3]),
            ({"points": 7, "basis": "orders"}, [7, 7, 7, 7]),
            ({"points": 1, "per": 1000, "only": {"brand": ["A"]}}, [2, 4, 0, 0]),
            ({"points": 1, "per": 1000, "excluded": {"brand": ["A"]}}, [2, 0, 0, 10]),
            ({"points": 1, "per": 1000, "most_per_order": 4}, [4, 4, 0, 4]),
            ({"points": 1, "per": 1000, "most_per_period": 7}, [5, 2, 0, 7]),
            ({"points": 1, "per": 1000, "most_per_period": 7, "period": "year"}, [5, 2, 0, 0]),
            ({"points": 1, "basis": "event", "event": "review"}, [0, 0, 0, 0]),
        ],
    )
    def test_known_points(self, rule, points):
        found = LoyaltyProgramme(rules=[EarnRule(name="r", **rule)]).earn(**ORDERS)
        assert found.points.tolist() == points
        assert np.bincount([0, 0, 1, 2, 3], found.line_points).tolist() == points

    def test_events_earn_by_their_name(self):
        rules = [
            EarnRule(name="base", points=1, per=1000),
            EarnRule(name="r", points=50, basis="event", event="review"),
        ]
        found = LoyaltyProgramme(rules=rules).earn(**ORDERS, event=["order", "order", "review", "order", "order"])
        assert found.by_rule.tolist() == [[5, 0], [0, 50], [0, 0], [10, 0]]
        assert found.spend.tolist() == [5099, 0, 999, 10_000]

    def test_the_level_before_the_order_counts(self):
        levels = [Level(name="base", at_least=0), Level(name="gold", at_least=5000)]
        rule = EarnRule(name="r", points=1, per=1000, level_percent={"gold": 150})
        found = LoyaltyProgramme(rules=[rule], levels=levels, window="year").earn(**ORDERS)
        assert found.tier.tolist() == [0, 1, 0, 1]
        assert found.points.tolist() == [5, 6, 0, 15]
        by_orders = LoyaltyProgramme(
            rules=[rule], levels=[levels[0], Level(name="gold", at_least=2)], window="rolling", level_basis="orders"
        )
        assert by_orders.earn(**ORDERS).tier.tolist() == [0, 0, 0, 1]
        by_points = LoyaltyProgramme(
            rules=[rule], levels=[levels[0], Level(name="gold", at_least=9)], window="year", level_basis="points"
        )
        assert by_points.earn(**ORDERS).tier.tolist() == [0, 0, 0, 1]

    @given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3000)), min_size=1, max_size=20), st.integers(1, 400))
    def test_equals_exact_fractions(self, lines, percent):
        rule = EarnRule(name="r", points=3, per=700, rounding="half_up", level_percent={"base": percent})
        made = LoyaltyProgramme(rules=[rule], levels=LEVELS[:1], window="year")
        order, spend = zip(*lines, strict=True)
        found = made.earn(order=order, customer=order, time=["2024-01-01"] * len(lines), spend=spend)
        for number, points in zip(found.order.tolist(), found.points.tolist(), strict=True):
            exact = Fraction(3 * percent * sum(s for o, s in lines if o == number), 700 * 100)
            assert points == int(exact + Fraction(1, 2))

    def test_orders_of_one_moment_earn_alike_whatever_their_identifiers(self):
        rule = EarnRule(name="r", points=1, per=1000, level_percent={"gold": 200})
        levels = [Level(name="base", at_least=0), Level(name="gold", at_least=100_000)]
        made = LoyaltyProgramme(rules=[rule], levels=levels, window="year")
        given = {"customer": ["ann"] * 4, "spend": [100_000, 50_000, 10_000, 10_000]}
        days = ["2024-01-05", "2024-01-05", "2024-01-06", "2024-01-06"]
        for order in ([9, 10, 11, 12], [10, 9, 12, 11], ["o9", "o10", "o11", "o12"]):
            found = made.earn(order=order, time=days, **given)
            points = dict(zip(found.order.tolist(), found.points.tolist(), strict=True))
            assert [points[one] for one in order] == [100, 50, 20, 20]
        hours = ["2024-01-05T10:00", "2024-01-05T12:00", "2024-01-06T09:00", "2024-01-06T09:00"]
        assert made.earn(order=[9, 10, 11, 12], time=hours, **given).points.tolist() == [100, 100, 20, 20]

    def test_the_ledger_of_orders(self):
        found = LoyaltyProgramme(rules=[EarnRule(name="r", points=1, per=1000)]).earn(**ORDERS)
        book = found.ledger(PointsPolicy(if_spent="negative"))
        assert book.members.tolist() == ["ann"]
        check_table(found, 4, "points", found.points)
        none = LoyaltyProgramme().earn(**ORDERS).ledger(PointsPolicy(if_spent="forgive"))
        assert none.balance("ann", "2024-02-01") == 0
        assert book.balance("ann", "2024-02-01") == 19

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"spend": [-1] * 5}, "spend"),
            ({"items": [0.5] * 5}, "items"),
            ({"customer": ["ann", "bob", "ann", "bob", "ann"]}, "customer"),
            ({"time": ["2024-01-05", "2024-01-06", "2024-01-20", "2024-01-21", "2024-02-01"]}, "time"),
            ({"traits": {"colour": ["A"] * 5}}, "only"),
            ({"traits": {"brand": ["A"]}}, "brand"),
            ({"event": ["order"]}, "event"),
        ],
    )
    def test_wrong_orders_are_refused(self, change, name):
        made = LoyaltyProgramme(rules=[EarnRule(name="r", points=1, only={"brand": ["A"]})])
        with pytest.raises(InputError) as caught:
            made.earn(**{**ORDERS, **change})
        assert caught.value.name == name

    def test_an_order_of_two_moments_says_what_to_do(self):
        times = ["2024-01-05T10:00", "2024-01-05T10:01", "2024-01-20", "2024-01-20", "2024-02-01"]
        with pytest.raises(InputError, match="all lines of an order one moment"):
            LoyaltyProgramme().earn(**{**ORDERS, "order": [1, 1, 2, 2, 3], "customer": ["ann"] * 5, "time": times})
        with pytest.raises(InputError, match="make the identifier of both"):
            LoyaltyProgramme().earn(**{**ORDERS, "order": [1] * 5, "customer": ["ann"] * 4 + ["bob"]})

    @pytest.mark.parametrize("spend", [10**9, 10**10, 10**12])
    @pytest.mark.parametrize("rounding", ["down", "half_up"])
    def test_large_amounts_are_exact(self, spend, rounding):
        made = LoyaltyProgramme(rules=[EarnRule(name="r", points=7, per=300, rounding=rounding)])
        lines = [spend, spend - 1, 0]
        found = made.earn(order=[1] * 3, customer=["ann"] * 3, time=["2024-01-05"] * 3, spend=lines)
        exact = Fraction(7 * sum(lines), 300)
        whole = exact.__floor__() if rounding == "down" else (exact + Fraction(1, 2)).__floor__()
        assert found.points.tolist() == [whole]
        assert found.line_points.tolist() == largest_remainder_fast(whole, lines)
        with pytest.raises(InputError, match=r"10\*\*15"):
            LoyaltyProgramme(rules=[EarnRule(name="r", points=10**9)]).earn(
                order=[1], customer=["ann"], time=["2024-01-05"], spend=[10**12]
            )

    @pytest.mark.parametrize(
        ("column", "values", "points"),
        [
            (pd.Series(["x", None, "y"], dtype="string"), ["x"], [10, 0, 0]),
            (pd.Series(["x", None, "y"], dtype="string[pyarrow]"), ["x"], [10, 0, 0]),
            (pd.Series([1, None, 2], dtype="Int64"), [1], [10, 0, 0]),
            (pd.Categorical(["x", None, "y"]), ["y"], [0, 0, 30]),
            (["x", 1, None], [1, "x"], [10, 20, 0]),
            ([1.0, np.nan, 3.0], [3], [0, 0, 30]),
            ([True, False, False], [False], [0, 20, 30]),
        ],
    )
    def test_columns_of_any_kind_choose_lines(self, column, values, points):
        """A missing value fits nothing; a column may have the name of an argument."""
        column = np.array(column, dtype=object) if isinstance(column, list) and "x" in column else column
        rule = EarnRule(name="r", points=1, per=100, only={"time": values})
        given = {"order": [1, 2, 3], "customer": ["ann"] * 3, "time": ["2024-01-05"] * 3, "spend": [1000, 2000, 3000]}
        assert LoyaltyProgramme(rules=[rule]).earn(**given, traits={"time": column}).points.tolist() == points

    @pytest.mark.parametrize(
        ("traits", "name"),
        [
            ({"brand": [1, 2, 3, 4, 5]}, "only"),
            ({"brand": [["A"]] * 5}, "brand"),
            ({"brand": "A"}, "brand"),
            ("brand", "traits"),
        ],
    )
    def test_columns_that_no_value_can_fit_are_refused(self, traits, name):
        made = LoyaltyProgramme(rules=[EarnRule(name="r", points=1, only={"brand": ["A"]})])
        with pytest.raises(InputError) as caught:
            made.earn(**{**ORDERS, "traits": traits})
        assert caught.value.name == name

    def test_rules_that_cannot_be_meant_are_refused(self):
        with pytest.raises(InputError, match="not empty"):
            EarnRule(name=" ", points=1)
        with pytest.raises(InputError, match="another name than that of orders"):
            EarnRule(name="r", points=1, basis="event", event="order")

    def test_json_gives_the_same_programme(self):
        rule = EarnRule(name="r", points=1, per=1000, only={"brand": ["A"]}, level_percent={"gold": 150})
        made = LoyaltyProgramme(rules=[rule], levels=LEVELS, window="rolling", leap_day="forward")
        check_json(made)
        assert LoyaltyProgramme.from_json(made.to_json()).earn(**ORDERS).points.tolist() == [2, 6, 0, 0]

    @pytest.mark.parametrize(
        "value",
        [
            EarnRule(name="r", points=1, excluded={"brand": ["A", "B"]}, level_percent={"gold": 150}),
            Level(name="gold", at_least=5, privileges=["free delivery"]),
            Reward(name="mug", price=10, stock=3, levels=["gold"]),
            LoyaltyProgramme(rules=[EarnRule(name="r", points=1, per=1000)]).earn(**ORDERS),
            LoyaltyProgramme().earn(**ORDERS),
            LoyaltyProgramme(levels=LEVELS, window="year").member_levels(["ann", "bob"], ["2024-05-01"] * 2, [30, 3]),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_json_of_rules_and_results(self, value):
        check_json(value)
