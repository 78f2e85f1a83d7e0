"""Newcomers in a log that begins in the middle of the business's life: old customers do not count as newcomers."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from scipy.special import gammaln

from crmvalue._core.calendar import pile_of_first_days
from crmvalue.datasets import load_cdnow, simulate_transactions
from crmvalue.errors import InputError
from crmvalue.report import BaseSummary, format_summary, summarise_base

MARGIN = 0.3
RATE, LIFE = 0.2, 365.0  # purchases a day while a customer stays, and the days that they stay, both on average
MEAN_SPEND = 6.25 * 15.44 / (3.74 - 1.0)
TRUE_VALUE = MARGIN * MEAN_SPEND * (1.0 + RATE * LIFE)  # the first purchase, then a Poisson process until they leave


def business(seed, n_days=372, n_before=1460):
    """Simulate a business, and observe its last days only; customers leave at one rate for all."""
    log = simulate_transactions(
        6000,
        rng=np.random.default_rng(seed),
        n_days=n_before + n_days,
        n_acquisition_days=n_before + n_days,
        purchase_shape=3.0,
        purchase_scale=3.0 / RATE,
        dropout_shape=1e6,
        dropout_scale=1e6 * LIFE,
    )
    seen = log.date > log.date.max() - np.timedelta64(n_days, "D")
    return log.customer[seen], log.date[seen], log.amount[seen]


SHAPES = {
    "varied customers": {},
    "most buy rarely": {"shape": 0.5, "rate": 0.1},
    "frequent buyers spend more": {"shape": 1.0, "spread": 0.8, "by_rate": 0.5},
    "more and more newcomers": {"growth": 0.5},
    "fewer and fewer newcomers": {"n": 5000, "growth": -0.4},
    "seasons": {"season": 0.5},
    "seasons in a short log": {"season": 0.5, "n_years": 1.5},
    "some stay for long": {"stay_shape": 3.0},
    "short stays": {"shape": 1.5, "rate": 0.1, "stay": 80.0},
}

MOST_BUY_ONCE = {"n": 10_000, "once": 0.85, "rate": 1 / 120, "stay": 400.0, "n_years": 2.5}


def varied_business(
    seed, n=3000, shape=2.0, rate=1 / 15, stay=300.0, stay_shape=np.inf, spread=0.4, by_rate=0.0, growth=0.0,
    season=0.0, n_years=2.0, peak=1.0, peak_from=304, once=0.0,
):  # fmt: skip
    """Simulate the last years of five, and give the log and the true value of a newcomer.

    `shape` is that of the gamma distribution of purchase rates, `stay_shape` that of the rates of leaving, `spread`
    that of the logarithm of the customers' mean spends, which also grow with the power `by_rate` of the rate. Newcomers
    grow by `growth` a year, and purchases rise and fall by the share `season` within each year, or are `peak` times as
    many in 61 days of each year. The share `once` buys once.
    """
    rng = np.random.default_rng(seed)
    uniform = rng.random(n)
    came = 1825 * (uniform if growth == 0 else np.log1p(uniform * np.expm1(5 * growth)) / (5 * growth))
    pace = rng.gamma(shape, 1.0 / shape, n)
    leaving = 1.0 if np.isinf(stay_shape) else rng.gamma(stay_shape, 1.0 / (stay_shape - 1.0), n)
    stayed = rng.exponential(stay, n) / leaving
    if once:
        stayed[rng.random(n) < once] = 0.0
    spend = np.exp(3.0 + spread * rng.normal(size=n)) * pace**by_rate
    top = max(1.0 + season, peak)
    n_repeat = rng.poisson(rate * pace * stayed * top)
    customer = np.repeat(np.arange(n), n_repeat + 1)
    first = np.r_[True, customer[1:] != customer[:-1]]
    day = came[customer] + np.where(first, 0.0, rng.random(len(customer)) * stayed[customer])
    level = 1.0 + season * np.sin(2.0 * np.pi * day / 365.0) + (peak - 1.0) * ((day - peak_from) % 365 < 61)
    in_season = rng.random(len(day)) * top < level
    amount = (spend[customer] * np.exp(0.5 * rng.normal(size=len(day)) - 0.125)).round(2)
    seen = (first | in_season) & (day >= 1825 - 365 * n_years) & (day < 1825)

    def mean_power(power):
        return np.exp(gammaln(shape + power) - gammaln(shape) - power * np.log(shape))

    a_stay = (1.0 - once) * stay * (1.0 + (peak - 1.0) * 61 / 365)  # newcomers come at all times of the year
    true = MARGIN * np.exp(3.0 + spread**2 / 2.0) * (mean_power(by_rate) + rate * a_stay * mean_power(1.0 + by_rate))
    return (customer[seen], np.datetime64("2019-01-01") + np.floor(day[seen]).astype(np.int64), amount[seen]), true


def n_covered_of(seeds, **shape):
    count = 0
    for seed in seeds:
        log, true = varied_business(seed, **shape)
        estimate = summarise_base(*log, margin=MARGIN).value.ltv_newcomer
        count += estimate.low <= true <= estimate.high
    return count


def n_covered(n_runs, **options):
    estimates = [summarise_base(*business(seed), margin=MARGIN, **options).value.ltv_newcomer for seed in range(n_runs)]
    return sum(estimate.low <= TRUE_VALUE <= estimate.high for estimate in estimates)


class TestNewcomerValue:
    """The value of a newcomer is that of a customer who has just come."""

    def test_covers_the_true_value_from_the_middle_of_the_life(self):
        assert n_covered(10) >= 9

    @pytest.mark.slow
    def test_covers_the_true_value_in_90_of_100_runs(self):
        assert n_covered(100) >= 90
        assert n_covered(100, ignore_first_days=0) < 75  # the heaviest shoppers of the first days are no newcomers

    @pytest.mark.parametrize("name", ["varied customers", "seasons", "some stay for long"])
    def test_covers_the_true_value_of_varied_customers(self, name):
        assert n_covered_of(range(10), **SHAPES[name]) >= 8

    @pytest.mark.slow
    @pytest.mark.parametrize("name", SHAPES)
    def test_covers_the_true_value_in_36_of_40_runs_of_a_varied_business(self, name):
        assert n_covered_of(range(500, 540), **SHAPES[name]) >= 36

    def test_covers_the_true_value_where_most_buy_once(self):
        """The few old customers who buy again are no pile, and worth many times a newcomer."""
        assert n_covered_of(range(10), **MOST_BUY_ONCE) >= 9

    def test_says_that_a_log_without_a_pile_may_begin_with_old_customers(self):
        log, _ = varied_business(0, **MOST_BUY_ONCE)
        summary, began = (summarise_base(*log, margin=MARGIN, ignore_first_days=days) for days in (None, 0))
        period = summary.last_period
        who, first = np.unique(log[0], return_index=True)
        is_newcomer = log[1][np.lexsort((log[1], log[0]))][first] <= period.newcomers_to
        came = 1825 * np.random.default_rng(0).random(MOST_BUY_ONCE["n"])[who]
        n_old = np.count_nonzero(is_newcomer & (came < 1825 - 365 * MOST_BUY_ONCE["n_years"]))
        assert period.ignored_days == 0
        assert period.n_late == pytest.approx(n_old, abs=4 * np.sqrt(2 * n_old))
        text = " ".join(format_summary(summary).split())
        assert "may be old customers from before the log; the interval allows for it. If the business began" in text
        assert began.last_period.n_late == 0
        assert "old customers from before" not in format_summary(began)
        assert began.value.ltv_newcomer.value == summary.value.ltv_newcomer.value
        assert began.value.ltv_newcomer.low > summary.value.ltv_newcomer.low
        assert began.value.ltv_newcomer.high < summary.value.ltv_newcomer.high

    def test_says_what_it_cannot_know(self):
        log, _ = varied_business(0, season=0.5)
        summary = summarise_base(*log, margin=MARGIN)
        text = " ".join(format_summary(summary).split())
        period = summary.last_period
        assert (period.name, period.months_kept) == ("half-year", 12)
        assert f"{summary.value.newcomer_beyond:.0%} of the value lies beyond their first two half-years." in text
        assert f"times {period.money_kept.value:.2f} in 12 months" in text
        assert "It holds for newcomers like them." in text
        assert "too short to tell a season" not in text
        assert f"{period.n_late} may be old customers from before the log" in text
        short = summarise_base(*business(1), margin=MARGIN)
        assert short.last_period.months_kept == 6
        assert "too short to tell a season from customers who leave" in " ".join(format_summary(short).split())

    def test_known_customers_who_spend_no_less_give_no_figure(self):
        days = np.datetime64("2023-01-01") + np.arange(0, 730, 10)
        customer = np.repeat(np.arange(40), len(days))
        log = customer, np.tile(days, 40), np.full(len(customer), 10.0)
        summary = summarise_base(*log, margin=MARGIN, acquisition_cost=5.0, ignore_first_days=0)
        assert summary.value.ltv_newcomer is None
        assert summary.last_period.money_kept.value == 1.0
        assert "known customers spend no less than 12 months earlier" in " ".join(format_summary(summary).split())
        discounted = summarise_base(*log, margin=MARGIN, discount_rate=0.1, ignore_first_days=0)
        assert discounted.value.ltv_newcomer.value == pytest.approx(0.3 * 10 * 36.5 / (1.1**0.5 - 1) / 2, rel=0.02)

    def test_the_figure_by_hand(self):
        """40 customers buy on the 15th of each month, for 10 in the first year and for 5 in the second."""
        month = np.arange("2022-01", "2024-01", dtype="datetime64[M]")
        day = np.tile(month.astype("datetime64[D]") + 14, 40)
        customer, amount = np.repeat(np.arange(40), 24), np.tile(np.repeat([10.0, 5.0], 12), 40)
        summary = summarise_base(customer, day, amount, margin=0.5, as_of="2024-01-14", ignore_first_days=0)
        period, value = summary.last_period, summary.value
        assert (period.name, period.n_newcomers, period.n_late) == ("year", 40, 0)
        assert (period.money_kept.value, period.months_kept, period.n_known) == (0.5, 12, 40)
        # Two years bring 120 + 60. Their repeat purchases bring 170, which falls to a quarter every two years.
        assert value.ltv_newcomer.value == pytest.approx(0.5 * (180.0 + 170.0 * (1 / 4) / (3 / 4)), rel=1e-12)
        assert value.newcomer_beyond == pytest.approx(1.0 - 90.0 / value.ltv_newcomer.value, rel=1e-12)

    @pytest.mark.parametrize("grain", ["D", "M"])
    def test_monthly_payments_by_hand(self, grain):
        """Who pays 10 at first, and each month a little less, half of it after a year, pays 10 / (1 - 0.5^(1/12))."""
        came, paid = (x.ravel() for x in np.meshgrid(np.arange(48), np.arange(48)))
        seen = came + paid < 48
        came, paid = np.repeat(came[seen], 5), np.repeat(paid[seen], 5)
        customer = 5 * came + np.tile(np.arange(5), seen.sum())
        day = (np.datetime64("2020-01") + came + paid).astype("datetime64[D]") + (14 if grain == "D" else 0)
        log = customer, day, 10.0 * 0.5 ** (paid / 12)
        summary = summarise_base(*log, margin=0.5, as_of="2023-12-31" if grain == "D" else None, ignore_first_days=0)
        assert summary.last_period.money_kept.value == pytest.approx(0.5, rel=1e-9)
        assert summary.value.ltv_newcomer.value == pytest.approx(0.5 * 10.0 / (1.0 - 0.5 ** (1 / 12)), rel=1e-9)

    def test_says_who_stands_behind_the_figure(self):
        summary = summarise_base(*business(1), margin=MARGIN, acquisition_cost=100.0)
        period = summary.last_period
        assert period.n_newcomers >= 100
        assert period.n_ignored >= 500
        assert period.newcomers_from >= summary.first_day + np.timedelta64(period.ignored_days, "D")
        text = format_summary(summary)
        assert f"Measured on {period.n_newcomers:,} newcomers, first seen from {period.newcomers_from} to" in text
        assert f"The {period.n_ignored:,} customers first seen in the first {period.ignored_days} days" in text
        assert "give --ignore-first-days 0, or ignore_first_days=0 in Python." in " ".join(text.split())
        assert BaseSummary.from_json(summary.to_json()) == summary

    def test_too_few_newcomers_give_no_figure(self):
        summary = summarise_base(*business(1), margin=MARGIN, acquisition_cost=100.0, ignore_first_days=365)
        value, period = summary.value, summary.last_period
        assert (value.ltv_newcomer, value.ltv_to_cac, value.max_acquisition_cost) == (None, None, None)
        assert (period.newcomer_revenue, period.newcomer_retention_rate, period.n_newcomers) == (None, None, 0)
        assert value.ltv_margin is not None
        assert "0 newcomers with two full half-years are too few" in format_summary(summary)

    def test_the_number_of_days_is_the_callers(self):
        cdnow = load_cdnow()
        came = cdnow.date[np.unique(cdnow.customer, return_index=True)[1]]
        for days in (0, 1, 80, 84):
            period = summarise_base(cdnow.customer, cdnow.date, cdnow.amount, ignore_first_days=days).last_period
            late = np.count_nonzero(came >= cdnow.date.min() + np.timedelta64(days, "D"))
            assert (period.n_newcomers, period.n_ignored, period.ignored_days) == (late, 2357 - late, days)

    @pytest.mark.parametrize("days", [-1, 1.5, float("nan"), "60"])
    def test_rejects(self, days):
        with pytest.raises(InputError, match="ignore_first_days"):
            summarise_base([1, 2], ["2024-01-01", "2024-02-01"], [1, 2], ignore_first_days=days)

    def test_a_newcomers_interval_holds_the_spread_of_newcomers(self):
        summary = summarise_base(*business(3), margin=MARGIN)
        value, rate_only = summary.value.ltv_newcomer, summary.value.ltv_margin
        assert value.high - value.low > (rate_only.high - rate_only.low) * 0.5
        assert value.low < value.value < value.high

    def test_one_customer_with_most_of_the_money_leaves_a_lower_end(self):
        """What customers keep spending may then be anything from nothing on; the value had no interval at all."""
        month = np.arange("2022-01", "2024-01", dtype="datetime64[M]")
        day = np.tile(month.astype("datetime64[D]") + 14, 40)
        amount = np.tile(np.repeat([10.0, 5.0], 12), 40)
        amount[:24] = np.repeat([10_000.0, 0.0], 12)
        given = {"margin": 0.5, "acquisition_cost": 1_500.0, "as_of": "2024-01-14", "ignore_first_days": 0}
        summary = summarise_base(np.repeat(np.arange(40), 24), day, amount, **given)
        value = summary.value
        assert value.ltv_newcomer.high is None
        assert 0.0 <= value.ltv_newcomer.low < 0.5 * 180.0
        assert (value.band.name, value.lowest_band.name) == ("break-even", "loss")
        assert "But at the lower end: loss." in " ".join(format_summary(summary).split())

    def test_says_what_moves_the_money_kept_and_where_the_figure_is_low(self):
        """Nobody leaves and a price falls by half: the money kept cannot tell the one from the other."""
        month = np.arange("2022-01", "2024-01", dtype="datetime64[M]")
        day = np.tile(month.astype("datetime64[D]") + 14, 40)
        customer, amount = np.repeat(np.arange(40), 24), np.tile(np.repeat([10.0, 5.0], 12), 40)
        young = summarise_base(customer, day, amount, margin=0.5, as_of="2024-01-14", ignore_first_days=0)
        text = " ".join(format_summary(young).split())
        assert "times 0.50 in 12 months. Changes of prices are in it." in text
        assert "If customers leave less the longer they stay, the value is higher, often above the interval." in text
        old = attrs.evolve(young, last_period=attrs.evolve(young.last_period, ignored_days=30, n_ignored=5))
        text = " ".join(format_summary(old).split())
        assert (
            "If customers leave less the longer they stay, the value may be higher, even above the interval; if "
            "newcomers leave sooner than known customers, it is lower."
        ) in text
        assert "the value is higher" not in text


class TestUneven:
    """In a log of less than 15 months, customers who spend more in some weeks than in others give no figure."""

    def test_says_why_there_is_no_figure(self):
        """Purchases are doubled in November and December: the figure was 333, and its interval began at 225."""
        log, true = varied_business(0, n=1000, peak=2.0, n_years=1.1)
        assert true < 180
        summary = summarise_base(*log, margin=MARGIN, acquisition_cost=20.0)
        value, period = summary.value, summary.last_period
        assert (value.ltv_newcomer, value.ltv_to_cac, value.max_acquisition_cost) == (None, None, None)
        assert (period.is_uneven, period.months_kept) == (True, 6)
        text = " ".join(format_summary(summary).split())
        assert "newcomer, in margin not known a season may be in it" in text
        assert f"first {period.name} alone brought {MARGIN * period.newcomer_revenue:.2f} on average. The same" in text
        assert f"active customers hold for the season of the last {period.name} alone." in text
        assert "LTV:CAC" not in text
        in_revenue = " ".join(format_summary(summarise_base(*log)).split())
        assert f"hold for the season of the last {period.name} alone. The same customers spent more" in in_revenue
        assert BaseSummary.from_json(summary.to_json()) == summary

    @staticmethod
    def is_uneven(spend, n=40, n_weeks=56, which=slice(40, 44), old=0):
        """Ask for customers who buy each week for 10, and in some four weeks for another amount."""
        spends = np.full(n_weeks, 10.0)
        spends[which] = spend
        day = np.datetime64("2023-01-02") + np.arange(7, 7 * n_weeks + 7, 7)
        customer = np.repeat(np.arange(n), n_weeks)
        log = customer, np.tile(day, n), np.tile(spends, n)
        return summarise_base(*log, as_of=day[-1], ignore_first_days=old).last_period.is_uneven

    def test_more_than_a_tenth(self):
        assert self.is_uneven(11.1)
        assert not self.is_uneven(10.9)
        assert not self.is_uneven(10.0)

    def test_more_than_chance(self):
        """If all n customers change alike, the change is the square root of n standard deviations."""
        assert self.is_uneven(20.0, n=17)
        assert not self.is_uneven(20.0, n=15)

    def test_at_the_start_of_the_log_and_at_its_end(self):
        assert self.is_uneven(20.0, which=slice(1, 8), old=1)
        assert self.is_uneven(20.0, which=slice(52, 56))

    def test_new_customers_whose_interest_fades_are_no_season(self):
        assert not self.is_uneven(5.0, which=slice(12, None))
        assert self.is_uneven(5.0, which=slice(12, None), old=1)  # of old customers it is not expected
        assert not self.is_uneven(0.0, which=slice(52, None))
        cdnow = load_cdnow()
        year = cdnow.date <= np.datetime64("1997-12-31")
        log = cdnow.customer[year], cdnow.date[year], cdnow.amount[year]
        assert not summarise_base(*log).last_period.is_uneven

    @pytest.mark.parametrize("day", [1, 15, 28, 31])
    @pytest.mark.parametrize("end", ["2023-12-20", "2023-11-30", "2023-10-15"])
    def test_customers_who_pay_on_one_day_of_the_month_are_even(self, day, end):
        """Four weeks can have no first day of a month: 100 customers paid 0 in them and 10 in others."""
        month = np.arange("2022-09", "2024-01", dtype="datetime64[M]")
        month_end = (month + 1).astype("datetime64[D]") - 1
        paid = np.minimum(month.astype("datetime64[D]") + day - 1, month_end)
        paid = paid[paid <= np.datetime64(end)][-13:]
        log = np.repeat(np.arange(100), len(paid)), np.tile(paid, 100), np.full(100 * len(paid), 10.0)
        period = summarise_base(*log, as_of=end, ignore_first_days=0).last_period
        assert (period.months_kept, period.is_uneven) == (6, False)

    def test_from_15_months_on_years_are_compared(self):
        assert not self.is_uneven(20.0, n_weeks=67)

    @pytest.mark.slow
    @pytest.mark.parametrize("n_years", [1.02, 1.2])
    @pytest.mark.parametrize("peak_from", [0, 90, 180, 304])
    def test_no_wrong_figure_in_36_of_40_runs(self, n_years, peak_from):
        n_wrong = 0
        for seed in range(40):
            log, true = varied_business(seed, peak=2.0, peak_from=peak_from, n_years=n_years)
            found = summarise_base(*log, margin=MARGIN).value.ltv_newcomer
            n_wrong += found is not None and not (found.low <= true <= (found.high or np.inf))
        assert n_wrong <= 4

    @pytest.mark.slow
    @pytest.mark.parametrize("name", [name for name in SHAPES if "seasons" not in name])
    def test_a_steady_shop_has_its_figure_in_38_of_40_runs(self, name):
        logs = (varied_business(seed, **SHAPES[name], n_years=1.1)[0] for seed in range(40))
        assert sum(summarise_base(*log, margin=MARGIN).last_period.is_uneven for log in logs) <= 2


class TestPileOfFirstDays:
    """Old customers pile up at the start of a log; a cohort and a young business do not."""

    def test_a_cohort_is_no_pile(self):
        cdnow = load_cdnow()
        assert pile_of_first_days(cdnow.date[np.unique(cdnow.customer, return_index=True)[1]]) == 0

    @pytest.mark.parametrize("seed", range(5))
    def test_a_business_seen_from_its_first_day_has_no_pile(self, seed):
        log = simulate_transactions(3000, rng=np.random.default_rng(seed), n_days=900, n_acquisition_days=900)
        assert pile_of_first_days(log.date[np.unique(log.customer, return_index=True)[1]]) == 0
        assert summarise_base(log.customer, log.date, log.amount, margin=MARGIN).last_period.n_late == 0

    @pytest.mark.parametrize("seed", range(5))
    def test_a_business_seen_from_the_middle_has_one(self, seed):
        customer, date, _ = business(seed)
        days = pile_of_first_days(date[np.unique(customer, return_index=True)[1]])
        assert 14 <= days <= 80

    @pytest.mark.parametrize("gap", [28, 60, 90])
    def test_old_customers_who_buy_at_regular_times_are_one(self, gap):
        """800 of them come evenly within their gap, and 365 new ones in a year; most customers are old."""
        old, new = np.arange(800) * gap // 800, np.arange(365)
        assert gap <= pile_of_first_days(np.datetime64("2024-01-01") + np.append(old, new)) <= 2 * gap + 14

    def test_an_even_cohort_with_stragglers_is_none(self):
        """600 come within 12 weeks, and 50 in the rest of the year."""
        came = np.append(np.arange(600) * 84 // 600, 84 + np.arange(50) * 281 // 50)
        assert pile_of_first_days(np.datetime64("2024-01-01") + came) == 0

    def test_one_day_of_1970_hides_none(self):
        customer, date, _ = business(0)
        pile = date[np.unique(customer, return_index=True)[1]]
        odd = np.append(pile, np.datetime64("1970-01-01"))
        assert pile_of_first_days(odd) == pile_of_first_days(pile) + (pile.min() - odd[-1]).astype(np.int64)

    @pytest.mark.parametrize("days", [12, 61, 4000])
    def test_one_order_long_before_all_others_hides_no_pile(self, days):
        customer, date, _ = business(1)
        came = date[np.unique(customer, return_index=True)[1]]
        begin = came.min()
        end = begin + np.timedelta64(pile_of_first_days(came), "D")
        odd = begin - np.timedelta64(days, "D")
        found = odd + np.timedelta64(pile_of_first_days(np.append(came, odd)), "D")
        assert abs((found - end).astype(int)) <= 7

    def test_few_customers_are_no_pile(self):
        start = np.datetime64("2024-01-01")
        assert pile_of_first_days(start + np.array([0, 0, 0, 5, 40])) == 0
        assert pile_of_first_days(start + np.zeros(5, dtype=np.int64)) == 0

    def test_everybody_on_one_day(self):
        assert pile_of_first_days(np.full(100, np.datetime64("2024-01-01"))) == 7
