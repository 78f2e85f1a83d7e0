"""What is owed, what it costs, whom referrals reward, and whether a programme does anything."""

from __future__ import annotations

import re
from collections import defaultdict

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue.errors import InputError
from crmvalue.loyalty import (
    EarnRule,
    Level,
    LoyaltyProgramme,
    PointsLedger,
    PointsPolicy,
    attribute_referrals,
    member_effect,
    programme_liability,
    redemption_rates,
    referral_growth,
    referral_limit,
    referred_value,
    simulate_programme,
)
from tests.loyalty.references import slow_referrals
from tests.tables import check_json, check_table


class TestProgrammeLiability:
    """IFRS 15: the points' share of the sales becomes revenue as they are redeemed, by cumulative catch-up."""

    def test_nothing_is_owed_where_all_are_redeemed(self):
        found = programme_liability(6_543_210.01, 1_234_567.89, redeemed=[81, 99, 217], expected=[81, 99, 217])
        assert found.liability.tolist() == [0.0, 0.0, 0.0]
        for whole in range(1, 300):
            assert programme_liability(65_432.1, 9_876.5, redeemed=[whole], expected=[whole]).liability[0] == 0.0

    def test_illustrative_example_52(self):
        found = programme_liability(100_000, 9_500, redeemed=[4_500, 8_500], expected=[9_500, 9_700])
        assert round(found.goods) == 91_324
        assert round(found.points) == 8_676
        assert found.revenue.round().tolist() == [4_110, 3_493]
        check_json(found)
        check_table(found, 2, "liability", found.liability)

    @given(
        st.floats(1, 1e6),
        st.floats(1, 1e5),
        st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 1000)), min_size=1, max_size=9),
    )
    def test_nothing_is_lost(self, sales, value, steps):
        redeemed = np.cumsum([step for step, _ in steps])
        found = programme_liability(sales, value, redeemed=redeemed, expected=redeemed + [rest for _, rest in steps])
        assert found.goods + found.points == pytest.approx(sales)
        np.testing.assert_allclose(np.cumsum(found.revenue) + found.liability, found.points, rtol=1e-9)
        assert (found.liability >= 0).all()

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"redeemed": [2, 1]}, "redeemed"),
            ({"redeemed": [1, 11]}, "expected"),
            ({"expected": [0, 10]}, "expected"),
            ({"expected": [10]}, "expected"),
        ],
    )
    def test_wrong_inputs_are_refused(self, change, name):
        with pytest.raises(InputError) as caught:
            programme_liability(100, 10, **{"redeemed": [1, 2], "expected": [10, 10], **change})
        assert caught.value.name == name


def random_ledger(rng, n=400):
    kind = np.where(rng.random(n) < 0.6, "earn", "spend")
    return PointsLedger(
        policy=PointsPolicy(if_spent="negative", expire_months=4),
        event=np.arange(n),
        member=rng.integers(0, 40, n),
        kind=kind,
        time=np.datetime64("2023-11-01") + np.sort(rng.integers(0, 300, n)),
        points=rng.integers(1, 50, n),
        if_refused="count",
    )


class TestRedemptionRates:
    """Spent points over issued points, by month of issue, with members as observations."""

    def test_points_of_all_months_sum_to_the_ledger(self):
        book = random_ledger(np.random.default_rng(1))
        found = redemption_rates(book, "2024-09-30")
        total = book.totals("2024-09-30")
        assert found.issued.sum() == total["earn"]
        assert found.redeemed.sum() == -total["spend"]
        assert found.expired.sum() == -total["expire"]
        assert ((found.rate >= 0) & (found.rate <= 1)).all()
        assert ((found.low <= found.rate) & (found.rate <= found.high)).all()
        of_years = redemption_rates(book, "2024-09-30", period="year")
        assert of_years.issued.sum() == total["earn"]
        assert of_years.period.astype(str).tolist() == ["2023-01-01", "2024-01-01"]
        check_table(found, len(found.rate), "rate", found.rate)
        check_json(found)

    def test_the_interval_covers(self):
        """Members who spend all or nothing: an interval over points would be far too short."""
        rng = np.random.default_rng(2)
        n_covered = 0
        for _ in range(200):
            spends = rng.random(60) < 0.5
            earned = rng.integers(50, 151, 60)
            member = np.concatenate([np.arange(60), np.nonzero(spends)[0]])
            book = PointsLedger(
                policy=PointsPolicy(if_spent="negative"),
                event=np.arange(len(member)),
                member=member,
                kind=np.where(np.arange(len(member)) < 60, "earn", "spend"),
                time=np.where(np.arange(len(member)) < 60, np.datetime64("2024-01-05"), np.datetime64("2024-01-06")),
                points=np.concatenate([earned, earned[spends]]),
            )
            found = redemption_rates(book, "2024-02-01")
            n_covered += found.low[0] <= 0.5 <= found.high[0]
        assert 180 <= n_covered <= 199

    @pytest.mark.parametrize("kind", ["spend", "adjust", "earn"])
    def test_points_that_replace_those_of_a_returned_order_are_spent(self, kind):
        """100 spent of an order that came back, 150 earned later: 100 of 150, whatever happens next."""
        book = PointsLedger(
            policy=PointsPolicy(if_spent="negative"),
            event=[1, 2, 3, 4, 5],
            member=["ann"] * 5,
            kind=["earn", "spend", "reverse", "earn", kind],
            time=["2024-01-01", "2024-01-02", "2024-01-03", "2024-02-01", "2024-03-10"],
            points=[100, 100, 100, 150, 10],
            refers_to=[None, None, 1, None, None],
        )
        found = redemption_rates(book, "2024-03-20")
        assert found.period.astype(str).tolist()[0] == "2024-02-01"
        assert (found.issued[0], found.redeemed[0]) == (150, 110 if kind == "spend" else 100)
        before = redemption_rates(book, "2024-02-20")
        assert (before.issued.tolist(), before.redeemed.tolist()) == ([150], [100])

    def test_points_of_another_order_replace_spent_ones(self):
        """Both orders are there on the day of the return: 100 spent, 150 left of the issue in the end."""
        book = PointsLedger(
            policy=PointsPolicy(if_spent="forgive"),
            event=[1, 2, 3, 4],
            member=["ann"] * 4,
            kind=["earn", "earn", "spend", "reverse"],
            time=["2024-01-01", "2024-02-01", "2024-02-02", "2024-02-03"],
            points=[100, 150, 100, 100],
            refers_to=[None, None, None, 1],
        )
        found = redemption_rates(book, "2024-03-20")
        assert (found.issued.tolist(), found.redeemed.tolist()) == ([150], [100])
        assert book.balance("ann", "2024-03-20") == 50

    @pytest.mark.parametrize("n", [2, 30])
    def test_nobody_or_everybody_is_no_certainty(self, n):
        """With none of n members: the share at which (1 - share) ** n is 0.025."""
        earned = {"kind": ["earn"] * n, "time": ["2024-01-05"] * n, "points": [10] * n}
        book = PointsLedger(policy=PointsPolicy(if_spent="forgive"), event=range(n), member=range(n), **earned)
        found = redemption_rates(book, "2024-02-01")
        assert found.low.tolist() == [0.0]
        assert (1 - found.high[0]) ** n == pytest.approx(0.025, rel=1e-12)
        spends = {"kind": ["spend"] * n, "time": ["2024-01-06"] * n, "points": [10] * n}
        full = redemption_rates(book.add(event=range(n, 2 * n), member=range(n), **spends), "2024-02-01")
        assert (full.low[0], full.high[0]) == (pytest.approx(1 - found.high[0], rel=1e-12), 1.0)

    @pytest.mark.parametrize("parts", [(1, 2), (1, 3), (7, 10)])
    def test_members_who_spend_the_same_share_are_no_certainty(self, parts):
        """Of 5 members a group of the share 1 - 0.025 ** (1 / 5) may be missing: it spends all, or nothing."""
        spent, earned = np.outer(parts, [1, 2, 3, 5, 8]) * 3
        book = PointsLedger(
            policy=PointsPolicy(if_spent="forgive"),
            event=np.arange(10),
            member=np.tile(np.arange(5), 2),
            kind=["earn"] * 5 + ["spend"] * 5,
            time=["2024-01-05"] * 5 + ["2024-01-06"] * 5,
            points=np.concatenate([earned, spent]),
        )
        found = redemption_rates(book, "2024-02-01")
        share, missing = parts[0] / parts[1], 1 - 0.025**0.2
        assert found.low[0] == pytest.approx((1 - missing) * share, rel=1e-12)
        assert found.high[0] == pytest.approx((1 - missing) * share + missing, rel=1e-12)

    def test_the_interval_of_a_ratio(self):
        """Student's t with n - 1 degrees, around sum(spent) / sum(issued), by the residuals of the members."""
        spent = np.array([30, 50, 60, 20])
        book = PointsLedger(
            policy=PointsPolicy(if_spent="negative"),
            event=np.arange(8),
            member=np.tile(np.arange(4), 2),
            kind=["earn"] * 4 + ["spend"] * 4,
            time=["2024-01-05"] * 4 + ["2024-01-06"] * 4,
            points=[100, 100, 100, 100, *spent],
        )
        found = redemption_rates(book, "2024-02-01", level=0.9)
        half = 2.353363 * (spent / 100).std(ddof=1) / 2  # t of 95 % with 3 degrees; equal issues make it a mean
        assert found.low[0] == pytest.approx(0.4 - half, rel=1e-6)
        assert found.high[0] == pytest.approx(0.4 + half, rel=1e-6)

    def test_a_day_before_the_first_points_is_refused(self):
        with pytest.raises(InputError, match="as_of"):
            redemption_rates(random_ledger(np.random.default_rng(1)), "2020-01-01")


class TestReferralGrowth:
    """Each customer brings K others, once, one cycle after coming: a geometric sum."""

    @given(st.just(0) | st.floats(1e-9, 5), st.integers(0, 20), st.floats(0.1, 100))
    def test_equals_the_sum_of_the_cycles(self, k, cycles, start):
        expected = sum(start * k**i for i in range(cycles + 1))
        assert referral_growth(start, k, cycle_time=3, time=3 * cycles) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("k", [1 - 1e-12, 1.0, 1 + 1e-12])
    def test_is_smooth_at_one(self, k):
        assert referral_growth(10, k, cycle_time=2, time=5) == pytest.approx(35, rel=1e-9)

    @pytest.mark.parametrize(("k", "limit"), [(0, 100), (0.5, 200), (0.9, 1000), (1, np.inf), (2, np.inf)])
    def test_ends_below_one(self, k, limit):
        assert referral_limit(100, k) == pytest.approx(limit)
        if k < 1:
            assert referral_growth(100, k, cycle_time=1, time=1000) == pytest.approx(limit)

    def test_a_forecast_beyond_all_numbers_is_refused(self):
        with pytest.raises(InputError, match="time"):
            referral_growth(1, 10, cycle_time=1, time=1000)

    def test_nobody_brings_nobody(self):
        assert referral_growth(0, [0.5, 1, 2], cycle_time=3, time=2_000).tolist() == [0, 0, 0]
        assert referral_limit(0, [0.5, 1, 2]).tolist() == [0, 0, 0]

    def test_more_than_a_million_for_each_are_refused(self):
        for refused in (lambda k: referral_growth(1, k, cycle_time=1, time=1), lambda k: referral_limit(1, k)):
            refused(1e6)
            with pytest.raises(InputError, match="coefficient"):
                refused(1.01e6)


def referrals(rows, **options):
    """Make referrals of rows (customer, referrer, day in January, paid, phone)."""
    customer, referrer, day, paid, phone = zip(*rows, strict=True)
    time = [f"2024-01-{number:02d}" for number in day]
    return attribute_referrals(customer, referrer, time, paid=paid, keys={"phone": phone}, **options)


PEOPLE = st.lists(
    st.tuples(
        st.sampled_from([None, 0, 0, 0, 0, 1, 1, 2, 3, 9]),
        st.integers(0, 20),
        st.sampled_from([4, 3, 3, 2, 1, 0]),
        st.sampled_from([*"12345", *[None] * 9]),
        st.sampled_from(["a", "b", *[None] * 9]),
    ),
    min_size=1,
    max_size=12,
)


def test_each_paid_order_of_a_referred_customer_counts_without_a_minimum():
    found = attribute_referrals(["ann", "bob"], [None, "ann"], ["2024-01-01", "2024-02-01"], paid=[0.5, 0.5])
    assert found.outcome.tolist() == ["no referrer", "rewarded"]


class TestAttributeReferrals:
    """Each guard and each condition, and their order."""

    @pytest.mark.parametrize(
        ("row", "outcome"),
        [
            (("new", "ann", 5, 50, "9"), "rewarded"),
            (("new", None, 5, 50, "9"), "no referrer"),
            (("new", "zoe", 5, 50, "9"), "unknown referrer"),
            (("new", "new", 5, 50, "9"), "self-referral"),
            (("new", "ann", 5, 50, "1"), "self-referral"),
            (("new", "bob", 5, 50, "1"), "not a new customer"),
            (("new", "ann", 1, 50, "9"), "referrer came later"),
            (("new", "ann", 5, 0, "9"), "condition not met"),
            (("new", "ann", 5, 19, None), "condition not met"),
            (("new", "ann", 5, 20, None), "rewarded"),
        ],
    )
    def test_each_outcome(self, row, outcome):
        rows = [("ann", None, 1, 10, "1"), ("bob", None, 2, 10, "2"), row]
        found = referrals(rows, minimum=20)
        assert found.outcome[2] == outcome
        assert sum(found.n_by_outcome.values()) == 3
        check_table(found, 3, "depth", found.depth)
        check_json(found)

    def test_a_referrer_whose_name_ends_in_a_null(self):
        """It is a text like all others, and another one than the text without it."""
        found = referrals([("a", None, 1, 9, "1"), ("b", "a\0", 2, 9, "2")])
        assert found.outcome.tolist() == ["no referrer", "unknown referrer"]
        found = referrals([("a\0", None, 1, 9, "1"), ("b", "a\0", 2, 9, "2"), ("c", "a", 3, 9, "3")])
        assert found.outcome.tolist() == ["no referrer", "rewarded", "unknown referrer"]

    def test_a_cycle_rewards_nobody_twice(self):
        found = referrals([("a", "c", 1, 9, "1"), ("b", "a", 2, 9, "2"), ("c", "b", 3, 9, "3")])
        assert found.outcome.tolist() == ["referrer came later", "rewarded", "rewarded"]
        assert found.depth.tolist() == [0, 1, 2]
        same = referrals([("a", "b", 1, 9, "1"), ("b", "a", 1, 9, "2")])
        assert same.outcome.tolist() == ["referrer came later"] * 2

    def test_a_payment_with_a_residue_meets_the_minimum(self):
        """A price of 33.3 less 3.3 is 29.999999999999996, and no cent below 30."""
        paid = [50, 33.3 - 3.3, 29.99]
        assert paid[1] < 30
        days = ["2024-01-01", "2024-01-02", "2024-01-03"]
        found = attribute_referrals(["ann", "bob", "eve"], ["", "ann", "ann"], days, paid=paid, minimum=30)
        assert found.outcome.tolist() == ["no referrer", "rewarded", "condition not met"]

    def test_what_binary_arithmetic_leaves_of_a_return_is_no_purchase(self):
        """Three for 1.10 and 3.30 back leave 4.4e-16; the other way round, less than nothing."""
        days = ["2024-01-01", "2024-02-01"]
        for rest in (1.10 * 3 - 3.30, 3.30 - 1.10 * 3):
            assert attribute_referrals(["ann", "bob"], [None, "ann"], days, paid=[5, rest]).n_by_outcome == {
                "no referrer": 1,
                "condition not met": 1,
            }

    @given(people=PEOPLE, minimum=st.sampled_from([0, 0, 1, 3]), cap=st.sampled_from([None, 1, 1, 2]))
    def test_equals_one_question_after_the_other(self, people, minimum, cap):
        """Referrals to oneself, in circles and chains, of unknown and later customers, and with shared phones."""
        by, day, paid, phone, card = (list(column) for column in zip(*people, strict=True))
        rows = [
            {"name": name, "by": row[0], "day": row[1], "paid": row[2], "keys": row[3:]}
            for name, row in enumerate(people)
        ]
        outcome, depth = slow_referrals(rows, minimum=minimum, cap=cap)
        found = attribute_referrals(
            np.arange(len(people)),
            by,
            np.datetime64("2024-01-01") + np.array(day),
            paid=paid,
            minimum=minimum,
            keys={"phone": phone, "card": card},
            most_per_referrer=cap,
        )
        assert found.outcome.tolist() == outcome
        assert found.depth.tolist() == depth

    def test_the_cap_takes_the_earlier_ones(self):
        rows = [("ann", None, 1, 9, "1")] + [(f"n{i}", "ann", 9 - i, 9, None) for i in range(4)]
        found = referrals(rows, most_per_referrer=2)
        assert found.outcome.tolist()[1:] == ["cap of the referrer"] * 2 + ["rewarded"] * 2

    def test_two_rows_of_one_customer_are_refused(self):
        with pytest.raises(InputError, match="one row each"):
            referrals([("ann", None, 1, 9, "1"), ("ann", None, 2, 9, "1")])

    def test_referrers_of_another_type_are_refused(self):
        """Otherwise all of them would be unknown, in silence."""
        with pytest.raises(InputError, match="of the same type as `customer`"):
            attribute_referrals([1, 2], [None, "1"], ["2024-01-01", "2024-02-01"], paid=[5, 5])
        found = attribute_referrals([1, 2], [np.nan, 1.0], ["2024-01-01", "2024-02-01"], paid=[5, 5])
        assert found.outcome.tolist() == ["no referrer", "rewarded"]


class TestSimulateProgramme:
    """The cost of rules on past orders equals a loop over the orders."""

    def test_equals_a_loop_over_orders(self):
        rng = np.random.default_rng(3)
        n = 300
        customer = rng.integers(0, 30, n)
        time = np.datetime64("2023-06-01") + np.arange(n)
        spend = rng.integers(0, 20_000, n)
        levels = [Level(name="base", at_least=0), Level(name="gold", at_least=50_000)]
        rule = EarnRule(name="r", points=1, per=100, level_percent={"gold": 200}, most_per_period=200)
        made = LoyaltyProgramme(rules=[rule], levels=levels, window="year")
        found = simulate_programme(
            made, order=np.arange(n), customer=customer, time=time, spend=spend, point_value=2, redemption_rate=0.5
        )
        got, year, month = defaultdict(int), defaultdict(int), defaultdict(int)
        gold_until = {}
        for who, day, money in zip(customer.tolist(), time, spend.tolist(), strict=True):
            y, m = str(day)[:4], str(day)[:7]
            gold = gold_until.get(who, "") >= y
            points = min(money * (2 if gold else 1) // 100, 200 - month[who, m])
            got[who] += points
            month[who, m] += points
            year[who, y] += money
            if year[who, y] >= 50_000:
                gold_until[who] = str(int(y) + 1)
        assert found.member_points.tolist() == [got[who] for who in found.member.tolist()]
        assert found.cost_if_all_redeemed == 2 * sum(got.values())
        assert found.cost == found.cost_by_month.sum() == sum(got.values())
        assert found.points_by_rule.sum() == found.points_by_month.sum() == found.points_by_level.sum()
        assert found.share_of_top(1.0 - 1e-12) == 1
        check_table(found, 30, "points", found.member_points)
        assert f"{found.cost:,.0f}" in found.conclusion
        check_json(found)

    def test_no_money_has_no_share(self):
        made = LoyaltyProgramme(rules=[EarnRule(name="r", points=1)])
        found = simulate_programme(
            made, order=[1], customer=[1], time=["2024-01-01"], spend=[0], point_value=1, redemption_rate=1
        )
        assert np.isnan(found.cost_share)
        assert np.isnan(found.share_of_top())
        assert found.share_rewarded == 0
        assert "no money" in found.conclusion
        assert found.conclusion.endswith(" Without points: 1 rule (r).")


def base(rng, n=2000, gain=0.0):
    """Heavy buyers join by themselves; the programme adds `gain` to the spend of members."""
    rate = rng.gamma(1.0, 3.0, n)
    orders = rng.poisson(rate)
    spend = rng.gamma(2.0 * np.maximum(orders, 1e-9), 20.0)
    joins = rng.random(n) < 1 / (1 + np.exp(1.5 - 0.4 * orders))
    later = rng.poisson(rate)
    return joins, rng.gamma(2.0 * np.maximum(later, 1e-9), 20.0) + gain * joins, {"orders": orders, "spend": spend}


class TestMemberEffect:
    """Matched on what customers did before, a programme that does nothing has no effect."""

    @pytest.mark.slow
    def test_a_programme_that_does_nothing(self):
        """The interval covers 0 in 92 to 98 % of 200 bases; the naive difference is above 0 in nearly all."""
        n_covered = n_naive = 0
        for seed in range(200):
            joins, after, before = base(np.random.default_rng(seed))
            found = member_effect(joins, after, before={k: v.round(6) for k, v in before.items()})
            n_covered += found.interval.low <= 0 <= found.interval.high
            n_naive += found.naive_interval.low > 0
        assert 184 <= n_covered <= 196
        assert n_naive >= 198

    def test_the_naive_interval_is_the_wider_of_welch_and_student(self):
        joins = np.arange(90) % 3 == 0
        after = np.where(joins, np.arange(90) % 7 * 4.0, np.arange(90) % 5)
        found = member_effect(joins, after, before={"orders": np.arange(90) % 2}, level=0.9)
        ends = [
            stats.ttest_ind(after[joins], after[~joins], equal_var=alike).confidence_interval(0.9)
            for alike in (False, True)
        ]
        widest = max(ends, key=lambda end: end.high - end.low)
        assert tuple(found.naive_interval) == pytest.approx((widest.low, widest.high))

    @pytest.mark.parametrize("times", [0.25, 4.0])
    def test_the_interval_is_the_wider_of_welch_and_student(self, times):
        """Equal customers leave nothing to match: 120 members who vary less, or more, than 300 others."""
        joins = np.arange(420) % 7 < 2
        after = np.where(joins, np.arange(420) % 11 * times, np.arange(420) % 5)
        found = member_effect(joins, after, before={"orders": np.ones(420)}, level=0.9)
        ends = [
            stats.ttest_ind(after[joins], after[~joins], equal_var=alike).confidence_interval(0.9)
            for alike in (False, True)
        ]
        widest = max(ends, key=lambda end: end.high - end.low)
        assert tuple(found.interval) == pytest.approx((widest.low, widest.high))

    @pytest.mark.parametrize("level", [-0.1, 1.5])
    def test_no_level_beyond_certainty(self, level):
        found = member_effect(np.arange(90) % 3 == 0, np.arange(90) % 7, before={"orders": np.arange(90) % 2})
        with pytest.raises(InputError, match="level"):
            attrs.evolve(found, level=level)

    def test_a_true_gain_is_found(self):
        joins, after, before = base(np.random.default_rng(1), n=20_000, gain=40.0)
        found = member_effect(joins, after, before={"orders": before["orders"]})
        assert found.interval.low > 0
        assert found.interval.low < 40 < found.interval.high
        assert found.naive_difference > 80
        assert "more than non-members" in found.conclusion
        less = member_effect(joins, -after, before={"orders": before["orders"]})
        said = found.conclusion.replace(" more than", " less than").partition(" Without")[0]
        assert less.conclusion.partition(" Without")[0] == said
        check_json(found)

    @pytest.mark.parametrize("offset", [1e6, 1e12, 1e14])
    def test_columns_far_from_zero_keep_their_digits(self, offset):
        """Where the zero of a column lies changes nothing: whole numbers up to 2**53 move without rounding."""
        rng = np.random.default_rng(1)
        joins, orders = rng.random(400) < 0.4, rng.integers(0, 20, 400)
        after = 2 * orders + rng.integers(0, 10, 400) + 3 * joins
        near, far = (member_effect(joins, after, before={"orders": orders + zero}) for zero in (0.0, offset))
        assert far.effect == pytest.approx(near.effect, rel=1e-12)
        assert far.interval == pytest.approx(near.interval, rel=1e-9)

    def test_an_unseen_trait_is_no_effect_of_membership(self):
        """Taste drives joining and buying and is seen only in part; the programme does nothing."""
        rng = np.random.default_rng(1)
        taste = rng.normal(size=4000)
        orders, joins = rng.poisson(np.exp(taste / 2)), rng.random(4000) < 1 / (1 + np.exp(-2 * taste))
        found = member_effect(joins, rng.poisson(np.exp(taste / 2)), before={"orders": orders})
        assert found.interval.low > 0  # no rows of observed customers can tell this from an effect
        gap = (orders[joins].mean() - orders[~joins].mean()) / orders.std()
        assert f"Before joining, the groups differed by up to {gap:.2g} standard deviations." in found.conclusion
        assert "Only a group that could not join, drawn by chance, can tell" in found.conclusion
        assert not re.search("programme|raised|because of|thanks to", found.conclusion)

    def test_one_standard_deviation_is_one(self):
        found = member_effect([True, False] * 20, np.arange(40.0), before={"x": np.arange(40.0) // 20})
        assert "up to 1 standard deviation. " in attrs.evolve(found, before_difference=1.04).conclusion
        assert "up to 1.1 standard deviations. " in attrs.evolve(found, before_difference=1.06).conclusion

    def test_groups_that_were_the_same_before(self):
        columns = {"member": [True, False] * 40, "before": {"x": np.repeat(np.arange(4.0), 20)}}
        found = member_effect(after=np.tile([1.0, 2.0, 4.0, 4.5], 20), **columns)
        assert "the groups differed by nothing." in found.conclusion

    def test_one_huge_amount_before_changes_little(self):
        """Beside 1e12 nothing of the difference inside cells was taken off, and 0.72 deviations became 0.03."""
        rng = np.random.default_rng(3)
        size = rng.gamma(2, 10, 2000)
        spend, after = size * rng.gamma(4, 0.25, 2000), size * rng.gamma(4, 0.25, 2000)
        joins = rng.random(2000) < spend / (spend + 40)
        without = member_effect(joins, after, before={"spend": spend})
        spend[np.flatnonzero(~joins)[5]] = 1e12
        found = member_effect(joins, after, before={"spend": spend})
        assert found.effect == pytest.approx(without.effect, abs=0.05 * np.ptp(without.interval))
        assert found.before_difference == pytest.approx(without.before_difference, abs=0.05)

    def test_two_large_buyers_do_not_hide_a_gain(self):
        """Both are members; with only their past cut back, the interval was twenty times as wide."""
        rng = np.random.default_rng(0)
        joins, taste = np.arange(300) % 2 == 0, rng.lognormal(3, 0.6, 300)
        spend, after = taste * rng.lognormal(0, 0.4, 300), taste * rng.lognormal(0, 0.4, 300) + 10 * joins
        without = member_effect(joins, after, before={"spend": spend})
        spend[[0, 2]], after[[0, 2]] = [5_000, 6_000], [5_600, 5_400]
        found = member_effect(joins, after, before={"spend": spend})
        assert found.interval.low > 0
        assert np.ptp(found.interval) < 1.2 * np.ptp(without.interval)

    def test_a_chance_split_agrees_with_the_naive_difference(self):
        rng = np.random.default_rng(2)
        before = rng.poisson(3, 5000)
        joins = rng.random(5000) < 0.5
        found = member_effect(joins, before + rng.normal(0, 1, 5000), before={"orders": before})
        assert found.n_matched >= found.n_members - 5
        assert abs(found.effect) < 0.1
        assert "may be chance" in found.conclusion

    def test_a_straight_line_is_taken_off_exactly(self):
        rng = np.random.default_rng(6)
        spend = rng.gamma(2, 50, 500).round(2)
        joins = rng.random(500) < spend / (spend + 100)
        found = member_effect(joins, 3 * spend + 5 * joins, before={"spend": spend})
        assert found.effect == pytest.approx(5)

    def test_order_and_units_do_not_matter(self):
        joins, after, before = base(np.random.default_rng(4))
        one = member_effect(joins, after, before={"orders": before["orders"]})
        mixed = np.random.default_rng(5).permutation(len(after))
        two = member_effect(joins[mixed], after[mixed] * 100, before={"orders": before["orders"][mixed] * 7})
        assert two.effect == pytest.approx(one.effect * 100)
        assert two.interval.low == pytest.approx(one.interval.low * 100)

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"member": [True] * 20}, "member"),
            ({"member": [2] * 20}, "member"),
            ({"before": {}}, "before"),
            ({"before": {"x": [np.nan] * 20}}, "before['x']"),
            ({"before": {"x": [1.0] * 10 + [2.0] * 10}}, "before"),
        ],
    )
    def test_wrong_inputs_are_refused(self, change, name):
        columns = {"member": [True] * 10 + [False] * 10, "after": [1.0, 2.0] * 10, "before": {"x": [1.0, 2.0] * 10}}
        with pytest.raises(InputError) as caught:
            member_effect(**{**columns, **change})
        assert caught.value.name == name

    def test_the_money_of_one_who_is_left_out_hides_no_effect(self):
        """Beside 1e12 an effect of 0.50 was taken for rounding: 0, and nothing showed how far chance reaches."""
        member = np.arange(300) < 100
        before = np.r_[np.arange(100.0), np.arange(200.0) % 80]
        after = before + 0.5 * member + np.random.default_rng(1).normal(0.0, 0.1, 300)
        found = member_effect(member, after, before={"spend": before})
        after[99] = 1e12
        huge = member_effect(member, after, before={"spend": before})
        assert huge.n_matched == found.n_matched == 80
        assert (huge.effect, *huge.interval) == pytest.approx((found.effect, *found.interval), rel=1e-6)


def newcomers(rng, n=1500, gain=0.0):
    """Referrals come late, and late customers had less time to buy; a referral itself adds `gain`."""
    month = rng.integers(0, 12, n)
    referred = rng.random(n) < (month + 1) / 24
    return referred, rng.gamma(2.0, 20.0, n) * (13 - month) / 12 + gain * referred, {"month": month}


class TestReferredValue:
    """Referred customers against others who began in the same way."""

    def test_referrals_that_bring_nothing_more(self):
        """The interval covers 0 in 92 to 98 % of 200 bases; the naive difference is below 0 in nearly all."""
        n_covered = n_naive = 0
        for seed in range(200):
            referred, value, start = newcomers(np.random.default_rng(seed))
            found = referred_value(referred, value, start=start)
            n_covered += found.interval.low <= 0 <= found.interval.high
            n_naive += found.naive_interval.high < 0
        assert 184 <= n_covered <= 196
        assert n_naive >= 198

    def test_a_true_difference_is_found(self):
        referred, value, start = newcomers(np.random.default_rng(1), n=20_000, gain=10.0)
        found = referred_value(referred, value, start=start)
        assert 0 < found.interval.low < 10 < found.interval.high
        assert found.naive_difference < 5
        assert found.n_referred + found.n_others == 20_000
        assert "more than others" in found.conclusion
        check_json(found)
        less = referred_value(referred, -value, start=start)
        assert less.difference == pytest.approx(-found.difference)
        assert "less than others" in less.conclusion
        low, high = less.interval  # less by so much: the ends are turned round with the figure
        assert f"{-less.difference:,.4g} ({-high:,.4g} to {-low:,.4g}) less than" in less.conclusion

    def test_an_exact_difference(self):
        month = np.arange(240) % 12
        referred = np.arange(240) % 5 == 0
        found = referred_value(referred, 100.0 - 5 * month + 3 * referred, start={"month": month})
        assert found.difference == pytest.approx(3)

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"referred": [True] * 20}, "referred"),
            ({"value": [np.nan] * 20}, "value"),
            ({"start": {}}, "start"),
            ({"start": {"month": [1.0] * 10 + [2.0] * 10}}, "start"),
        ],
    )
    def test_wrong_inputs_are_refused(self, change, name):
        columns = {"referred": [True] * 10 + [False] * 10, "value": [1.0, 2.0] * 10, "start": {"month": [1.0] * 20}}
        with pytest.raises(InputError) as caught:
            referred_value(**{**columns, **change})
        assert caught.value.name == name
