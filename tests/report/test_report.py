"""The overview of a base: figures against a slow count, and every state that a log can be in."""

from __future__ import annotations

import datetime as dt
import math
import re
import statistics

import numpy as np
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.report import (
    BaseSummary,
    format_groups,
    format_models,
    format_report,
    format_summary,
    summarise_base,
    summarise_groups,
    summarise_models,
    summarise_report,
)


@pytest.fixture(scope="module")
def cdnow():
    return load_cdnow()


def half_year_after(day):
    month = day.month + 5
    year, month = day.year + month // 12, month % 12 + 1
    last = (dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)).day
    return dt.date(year, month, min(day.day, last))


def daily(first, last, n):
    """Spread n days evenly from the first to the last."""
    start, end = np.datetime64(first), np.datetime64(last)
    return start + np.round(np.linspace(0, (end - start).astype(int), n)).astype("timedelta64[D]")


class TestSummariseBase:
    """Key figures, lifetime value and concentration of an order log."""

    @pytest.mark.parametrize(
        ("rate", "said"),
        [(10, "at 10 a year, which is 1,000%"), (1, "at 1 a year, which is 100%"), (0.99, "at 0.99 a year")],
    )
    def test_a_discount_rate_of_percents_is_said(self, cdnow, rate, said):
        summary = summarise_base(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3, discount_rate=rate)
        assert re.search(f" {said}$", format_summary(summary), re.MULTILINE)

    def test_equals_a_count_by_hand(self, cdnow):
        rows = list(zip(cdnow.customer.tolist(), cdnow.date.tolist(), cdnow.amount.tolist(), strict=True))
        before = {who for who, day, _ in rows if dt.date(1997, 6, 30) < day <= dt.date(1997, 12, 30)}
        newest = {who for who, day, _ in rows if dt.date(1997, 12, 30) < day <= dt.date(1998, 6, 30)}
        money = sum(amount for _, day, amount in rows if dt.date(1997, 12, 30) < day <= dt.date(1998, 6, 30))
        summary = summarise_base(
            cdnow.customer, cdnow.date, cdnow.amount, margin=0.3, acquisition_cost=20, discount_rate=0.1
        )
        period = summary.last_period
        assert (period.name, period.n_before, period.n_active) == ("half-year", len(before), len(newest))
        retention = len(before & newest) / len(before)
        assert period.retention_rate.value == pytest.approx(retention, rel=1e-12)
        arpu = money / len(newest)
        assert period.arpu.value == pytest.approx(arpu, rel=1e-12)
        value = summary.value
        assert value.ltv_revenue.value == pytest.approx(arpu / (1 - retention), rel=1e-12)
        assert value.ltv_margin.value == pytest.approx(0.3 * arpu / (1 - retention), rel=1e-12)
        growth = 1.1**0.5
        discounted = sum(0.3 * arpu * retention**t / growth ** (t + 1) for t in range(500))
        assert value.ltv_discounted.value == pytest.approx(discounted, rel=1e-12)
        days_of = {}
        for who, day, _ in rows:
            days_of.setdefault(who, set()).add(day)
        gaps = [(max(days) - min(days)).days / (len(days) - 1) for days in days_of.values() if len(days) > 1]
        assert period.prob_silent == pytest.approx(math.exp(-182 / statistics.median(gaps)), rel=1e-12)

        first = {}
        for who, day, _ in rows:
            first[who] = min(day, first.get(who, day))
        second = {who: half_year_after(day) for who, day in first.items()}
        third = {who: half_year_after(half_year_after(day)) for who, day in first.items()}
        again = {who for who, day, _ in rows if second[who] <= day < third[who]}
        early = sum(amount for who, day, amount in rows if day < second[who])
        assert period.n_newcomers == len(first) == 2357
        assert period.newcomer_revenue == pytest.approx(early / 2357, rel=1e-12)
        assert period.newcomer_retention_rate == pytest.approx(len(again) / 2357, rel=1e-12)
        firsts = sum(amount for who, day, amount in rows if day == first[who])
        late = sum(amount for who, day, amount in rows if second[who] <= day <= third[who])  # two periods after day 1
        # 545 days, half-years, so 12 months apart: the last 90 days of June 1997 and 1998, for those who came before.
        known = {who for who, day in first.items() if day <= dt.date(1997, 4, 1)}
        earlier, newest = (
            sum(a for who, day, a in rows if who in known and dt.date(year, 4, 2) <= day <= dt.date(year, 6, 30))
            for year in (1997, 1998)
        )
        assert period.money_kept.value == pytest.approx(newest / earlier, rel=1e-12)
        repeats = (early - firsts) / growth + late / growth**2
        newcomer = early / growth + late / growth**2
        newcomer += sum(repeats * (newest / earlier / growth**2) ** block for block in range(1, 200))
        newcomer *= 0.3 / 2357
        assert value.ltv_newcomer.value == pytest.approx(newcomer, rel=1e-12)
        assert value.ltv_to_cac == pytest.approx(newcomer / 20, rel=1e-12)
        assert value.max_acquisition_cost == pytest.approx(newcomer / 3, rel=1e-12)
        assert value.band.name == "below healthy"
        assert str(summary.recompute_on) == "1998-09-30"
        assert summary.revenue == pytest.approx(sum(amount for *_, amount in rows), rel=1e-12)

    def test_what_rests_on_a_newcomer_is_as_uncertain(self, cdnow):
        value = summarise_base(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3, acquisition_cost=8).value
        new = value.ltv_newcomer
        assert 0 < new.low < new.value < new.high
        ratio, cost = value.of_newcomer(value.ltv_to_cac), value.of_newcomer(value.max_acquisition_cost)
        assert (ratio.low, ratio.high) == pytest.approx((new.low / 8, new.high / 8), rel=1e-12)
        assert (cost.low, cost.high) == pytest.approx((new.low / 3, new.high / 3), rel=1e-12)
        assert value.of_newcomer(1.0).value == 1.0

    def test_a_verdict_names_the_lower_end_where_it_differs(self, cdnow):
        def said(cost):
            found = summarise_base(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3, acquisition_cost=cost)
            return found.value, " ".join(format_summary(found).split())

        low = said(1)[0].ltv_newcomer.low
        value, text = said(low / 2.99)  # the lower end is just below 3, the value above
        assert (value.band.name, value.lowest_band.name) == ("healthy", "below healthy")
        assert f"{value.ltv_to_cac:.2f} 2.99 to" in text
        assert "But at the lower end: below healthy." in text
        assert " 2.997 to" in said(low / 2.997)[1]  # not "3.00" beside "below healthy"
        middle = said(1)[0].ltv_newcomer.value
        assert " LTV:CAC 2.997 " in said(middle / 2.997)[1]
        value, text = said(low / 6)
        assert value.band == value.lowest_band
        assert "at the lower end" not in text

    def test_intervals_hold_their_figure(self, cdnow):
        summary = summarise_base(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3, discount_rate=0.1)
        estimates = [
            summary.repeat_purchase_rate, summary.purchases_per_customer, summary.average_order_value,
            summary.revenue_per_customer, summary.time_between_purchases, summary.last_period.retention_rate,
            summary.last_period.arpu, summary.value.ltv_revenue, summary.value.ltv_margin,
            summary.value.ltv_discounted, summary.value.ltv_newcomer,
        ]  # fmt: skip
        for estimate in estimates:
            assert 0 < estimate.low < estimate.value < estimate.high

    @pytest.mark.parametrize(
        ("n_days", "period"),
        [(40, None), (80, "month"), (190, "quarter"), (400, "half-year"), (800, "year")],
    )
    def test_takes_the_longest_period_of_which_two_fit(self, n_days, period):
        days = np.datetime64("2024-01-01") + np.arange(0, n_days, 5)
        summary = summarise_base(["a"] * len(days), days)
        assert (summary.last_period and summary.last_period.name) == period

    def test_two_full_periods_fit_exactly(self):
        exactly = summarise_base(["a"] * 6, daily("2024-01-02", "2024-03-01", 6))
        assert exactly.last_period.name == "month"  # from 2 January to 1 March, both in: two months to the day
        short = summarise_base(["a"] * 6, daily("2024-01-03", "2024-03-01", 6))
        assert short.last_period is None

    def test_gives_no_value_where_customers_buy_too_rarely_for_the_log(self):
        seldom = summarise_base(["a", "a", "a", "b"], ["2024-01-01", "2024-03-01", "2024-05-01", "2024-01-01"], [1] * 4)
        assert seldom.time_between_purchases.value == pytest.approx(60.5)
        assert seldom.last_period is None
        assert "the log is too short for how rarely" in format_summary(seldom)

    def test_does_not_call_a_log_of_years_too_short(self):
        """No longer log would help: the longest period is a year."""
        log = ["a"] * 9, [f"{year}-03-01" for year in range(2012, 2021)], [5] * 9
        assert "a year is too short for how rarely" in format_summary(summarise_base(*log))
        assert "Even a year is too short for how rarely" in format_report(summarise_report(*log))

    def test_a_refund_in_another_period_cancels_the_purchase(self):
        customer = ["a", "a", *["b"] * 9, *["c"] * 2]
        date = ["2024-01-31", "2024-03-02", *daily("2024-01-20", "2024-03-20", 9), "2024-01-22", "2024-01-29"]
        amount = [1000, -1000, *[5] * 9, 5, 5]
        period = summarise_base(customer, date, amount, as_of="2024-03-20", refunds="net").last_period
        assert (period.name, period.n_before) == ("month", 2)
        assert period.retention_rate.value == 0.5

    def test_nobody_left_has_no_finite_value_without_discount(self):
        days = daily("2024-01-02", "2024-03-01", 8)
        customers, amounts = ["a"] * 8, [10] * 8
        plain = summarise_base(customers, days, amounts, margin=0.5, acquisition_cost=5)
        assert plain.last_period.retention_rate.value == 1
        assert plain.value.ltv_revenue is None
        assert plain.value.ltv_to_cac is None
        discounted = summarise_base(customers, days, amounts, margin=0.5, acquisition_cost=5, discount_rate=0.1)
        margin = 0.5 * discounted.last_period.arpu.value
        assert discounted.value.ltv_discounted.value == pytest.approx(margin / (1.1 ** (1 / 12) - 1), rel=1e-12)
        assert "churn cannot be measured" not in format_summary(discounted)

    def test_survives_json(self, cdnow):
        for options in ({}, {"margin": 0.3, "acquisition_cost": 20, "discount_rate": 0.1}, {"as_of": "1997-01-01"}):
            summary = summarise_base(cdnow.customer, cdnow.date, cdnow.amount, **options)
            assert BaseSummary.from_json(summary.to_json()) == summary

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ({"margin": 30}, "margin"),
            ({"margin": -0.1}, "margin"),
            ({"acquisition_cost": 0}, "acquisition_cost"),
            ({"discount_rate": -0.01}, "discount_rate"),
            ({"as_of": "1990-01-01"}, "as_of"),
            ({"discount_rate": 0.1}, "discount_rate"),
            ({"acquisition_cost": 5}, "acquisition_cost"),
            ({"refunds": "keep"}, "refunds"),
        ],
    )
    def test_rejects(self, arguments, name):
        with pytest.raises(InputError) as caught:
            summarise_base([1, 2], ["2024-01-01", "2024-02-01"], [1, 2], **arguments)
        assert caught.value.name == name


class TestFormatSummary:
    """Every figure that was measured stands in the text, at most 120 columns wide."""

    STATES = (
        {},
        {"margin": 0.3},
        {"margin": 0.3, "acquisition_cost": 20},
        {"margin": 0.3, "acquisition_cost": 20, "discount_rate": 0.1},
        {"margin": 0.3, "acquisition_cost": 20, "discount_rate": 0},
        {"margin": 0.0, "acquisition_cost": 20},
        {"as_of": "1997-01-01"},
        {"as_of": "1997-03-15"},
    )

    @pytest.mark.parametrize("state", STATES)
    def test_every_state_prints(self, cdnow, state):
        text = format_summary(summarise_base(cdnow.customer, cdnow.date, cdnow.amount, **state))
        assert max(map(len, text.splitlines())) <= 120
        assert "None" not in text
        assert "nan" not in text

    def test_log_without_amounts_or_money(self):
        none = format_summary(summarise_base([1, 1], ["2024-01-01", "2024-06-01"]))
        assert "the log has no amounts" in none
        free = format_summary(summarise_base([1, 1], ["2024-01-01", "2024-06-01"], [0, 0]))
        assert re.search(r"revenue +0\.00", free)
        assert "CONCENTRATION" not in free

    def test_one_customer_has_no_interval(self):
        text = format_summary(summarise_base([1], ["2024-01-01"], [5]))
        assert re.search(r"average order value +5\.00$", text, flags=re.MULTILINE)

    def test_says_what_was_left_out(self):
        summary = summarise_base(
            customer=[1, 1, 2, 2, 3],
            date=["2024-01-01", "2024-01-02", "2024-01-01", "2024-03-01", "2024-01-05"],
            amount=[5, -9, np.nan, 3, 8],
            as_of="2024-02-01",
            refunds="net",
            missing="drop",
        )
        text = format_summary(summary)
        for fact in (r"1 row +after that day", r"1 row +without an amount", r"-4\.00 +refunded without"):
            assert re.search(fact, text), fact

    def test_says_that_open_waits_are_not_in_the_time_between_purchases(self):
        """Of 200 who buy once in three years, a log of 120 days meets only the shortest waits."""
        at = np.random.default_rng(0).exponential(1095.0, (200, 8)).cumsum(axis=1) % 3000
        who, column = np.nonzero(at < 120.0)
        day = np.datetime64("2024-01-01") + at[who, column].astype(int)
        summary = summarise_base(who, day)
        assert summary.time_between_purchases.high < 1095.0 / 3
        assert "waits that are not over, often long ones, are left out" in format_summary(summary)

    def test_the_chance_to_be_silent_is_that_of_the_typical_pace(self):
        """10 buy every 10 days and 9 every 150: of all, 4 % are silent for a year by chance."""
        days = [np.arange(0, 730, gap) for gap in [10] * 10 + [150] * 9]
        who = np.repeat(np.arange(19), [len(one) for one in days])
        day = np.datetime64("2022-01-01") + np.concatenate(days)
        summary = summarise_base(who, day, np.ones(len(who)), as_of="2023-12-31")
        assert (10 * np.exp(-365 / 10) + 9 * np.exp(-365 / 150)) / 19 > 0.04
        assert summary.last_period.prob_silent < 1e-6
        text = " ".join(format_summary(summary).split())
        assert re.search(
            r"At the typical pace, [^.]+ % would be silent that long by chance; of slower customers, more", text
        )

    def test_the_interval_of_active_customers_is_said_to_be_that_of_the_retention_rate(self):
        """One order of 900,000 makes the spend unknown, and the value looked sure to a third."""
        rng = np.random.default_rng(7)
        who = np.repeat(np.arange(200), 12)
        day = np.datetime64("2021-01-01") + rng.integers(0, np.repeat(rng.integers(300, 1095, 200), 12))
        amount = np.where(np.arange(len(who)) == day.argmax(), 900_000.0, 1.0)
        summary = summarise_base(who, day, amount, as_of="2023-12-31")
        arpu, worth = summary.last_period.arpu, summary.value.ltv_revenue
        assert arpu.low < 0.1 * arpu.value
        assert worth.low > 0.7 * worth.value
        text = " ".join(format_summary(summary).split())
        assert "The intervals of active customers show chance in the retention rate alone, not in the spend." in text


class TestPlurals:
    """One of a thing is written in the singular."""

    def test_a_log_of_one_row(self):
        texts = [
            format_summary(summarise_base([1], ["2024-01-01"], [5], margin=0.3)),
            format_models(summarise_models([1], ["2024-01-01"], [5])),
            format_groups(summarise_groups([1], ["2024-01-01"], [5])),
        ]
        assert not re.search(r"\b1 [a-z-]+s\b(?! (was|is)\b)", "\n".join(texts))
        assert "the log spans 1 day, too few" in texts[1]

    def test_one_of_everything(self):
        customer = [1, 1, 1, 2, 2, 3, *range(100, 140), *range(100, 140)]
        day = np.array(["2024-01-01"] * 6 + ["2024-01-02"] * 40 + ["2025-06-01"] * 40, dtype="M8[D]")
        day[4], day[5] = np.datetime64("2025-07-01"), np.datetime64("2025-07-02")
        amount = [5.0, 5.0, -5.0, 7.0, 9.0, 4.0, *[3.0] * 80]
        summary = summarise_base(
            customer, day, amount, refunds="net", as_of="2025-06-30", margin=0.3, acquisition_cost=2.0,
            ignore_first_days=1,
        )  # fmt: skip
        text = format_summary(summary)
        assert "1 customer first bought then" in text
        assert not re.search(r"\b1 [a-z-]+s\b(?! (was|is)\b)", text)
