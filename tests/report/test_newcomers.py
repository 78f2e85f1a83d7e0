"""Newcomers in a log that begins in the middle of the business's life: old customers do not count as newcomers."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue._report.newcomers import pile_of_first_days
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

    def test_says_who_stands_behind_the_figure(self):
        summary = summarise_base(*business(1), margin=MARGIN, acquisition_cost=100.0)
        period = summary.last_period
        assert period.n_newcomers >= 100
        assert period.n_ignored >= 500
        assert period.newcomers_from >= summary.first_day + np.timedelta64(period.ignored_days, "D")
        text = format_summary(summary)
        assert f"Measured on {period.n_newcomers:,} newcomers, first seen from {period.newcomers_from} to" in text
        assert f"The {period.n_ignored:,} customers first seen in the first {period.ignored_days} days" in text
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


class TestPileOfFirstDays:
    """Old customers pile up at the start of a log; a cohort and a young business do not."""

    def test_a_cohort_is_no_pile(self):
        cdnow = load_cdnow()
        assert pile_of_first_days(cdnow.date[np.unique(cdnow.customer, return_index=True)[1]]) == 0

    @pytest.mark.parametrize("seed", range(5))
    def test_a_business_seen_from_its_first_day_has_no_pile(self, seed):
        log = simulate_transactions(3000, rng=np.random.default_rng(seed), n_days=900, n_acquisition_days=900)
        assert pile_of_first_days(log.date[np.unique(log.customer, return_index=True)[1]]) == 0

    @pytest.mark.parametrize("seed", range(5))
    def test_a_business_seen_from_the_middle_has_one(self, seed):
        customer, date, _ = business(seed)
        days = pile_of_first_days(date[np.unique(customer, return_index=True)[1]])
        assert 14 <= days <= 80

    def test_few_customers_are_no_pile(self):
        start = np.datetime64("2024-01-01")
        assert pile_of_first_days(start + np.array([0, 0, 0, 5, 40])) == 0
        assert pile_of_first_days(start + np.zeros(5, dtype=np.int64)) == 0

    def test_everybody_on_one_day(self):
        assert pile_of_first_days(np.full(100, np.datetime64("2024-01-01"))) == 7
