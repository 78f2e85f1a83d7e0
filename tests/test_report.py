"""The overview of a base: figures against a slow count, and every state that a log can be in."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.report import format_summary, summarise_base


@pytest.fixture(scope="module")
def cdnow():
    return load_cdnow()


class TestSummariseBase:
    """Key figures, lifetime value and concentration of an order log."""

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
        assert period.arpu == pytest.approx(arpu, rel=1e-12)
        assert summary.value.revenue.value == pytest.approx(arpu / (1 - retention), rel=1e-12)
        assert summary.value.gross_margin.value == pytest.approx(0.3 * arpu / (1 - retention), rel=1e-12)
        per_period = 1.1**0.5
        explicit = sum(0.3 * arpu * retention**t / per_period ** (t + 1) for t in range(500))
        assert summary.value.discounted.value == pytest.approx(explicit, rel=1e-12)
        assert summary.value.ltv_to_cac == pytest.approx(explicit / 20, rel=1e-12)
        assert summary.value.max_acquisition_cost == pytest.approx(explicit / 3, rel=1e-12)
        assert summary.value.band.name == "below healthy"
        assert str(summary.recompute_on) == "1998-09-30"
        assert summary.revenue == pytest.approx(sum(amount for *_, amount in rows), rel=1e-12)

    def test_intervals_hold_their_figure(self, cdnow):
        summary = summarise_base(cdnow.customer, cdnow.date, cdnow.amount, margin=0.3, discount_rate=0.1)
        estimates = [
            summary.repeat_purchase_rate, summary.purchases_per_customer, summary.average_order_value,
            summary.revenue_per_customer, summary.time_between_purchases, summary.last_period.retention_rate,
            summary.value.revenue, summary.value.gross_margin, summary.value.discounted,
        ]  # fmt: skip
        for estimate in estimates:
            assert 0 < estimate.low < estimate.value < estimate.high

    @pytest.mark.parametrize(
        ("last_day", "period"),
        [("2024-01-20", None), ("2024-03-01", "month"), ("2024-07-01", "quarter"), ("2026-06-30", "year")],
    )
    def test_takes_the_longest_period_of_which_two_fit(self, last_day, period):
        summary = summarise_base(["a", "b"], ["2024-01-01", last_day], [1, 1])
        assert (summary.last_period and summary.last_period.name) == period

    def test_two_full_periods_fit_exactly(self):
        exactly = summarise_base(["a", "a"], ["2024-01-02", "2024-03-01"], [1, 1])
        assert exactly.last_period.name == "month"  # from 2 January to 1 March, both in: two months to the day
        short = summarise_base(["a", "a"], ["2024-01-03", "2024-03-01"], [1, 1])
        assert short.last_period is None

    def test_nobody_left_has_no_finite_value_without_discount(self):
        customers, days = ["a", "a", "a"], ["2024-01-02", "2024-02-01", "2024-03-01"]
        plain = summarise_base(customers, days, [10, 10, 10], margin=0.5, acquisition_cost=5)
        assert plain.last_period.retention_rate.value == 1
        assert plain.value.revenue is None
        assert plain.value.ltv_to_cac is None
        discounted = summarise_base(customers, days, [10, 10, 10], margin=0.5, acquisition_cost=5, discount_rate=0.1)
        assert discounted.value.discounted.value == pytest.approx(5 / (1.1 ** (1 / 12) - 1), rel=1e-12)
        assert "churn cannot be measured" not in format_summary(discounted)

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ({"margin": 30}, "margin"),
            ({"margin": -0.1}, "margin"),
            ({"acquisition_cost": 0}, "acquisition_cost"),
            ({"discount_rate": -0.01}, "discount_rate"),
            ({"as_of": "1990-01-01"}, "date"),
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
        )
        text = format_summary(summary)
        for fact in (r"1 row +after that day", r"1 row +without an amount", r"-4\.00 +refunded without"):
            assert re.search(fact, text), fact
