"""Parts of a report that contradict themselves or each other are refused, whoever makes them."""

from __future__ import annotations

import importlib
import math

import attrs
import pytest

from crmvalue.errors import InputError
from crmvalue.report import BaseValue, CustomerList, Estimate, summarise_report

LIST = {
    "basis": "model",
    "n_all": 3,
    "customer": ["ann"],
    "segment": ["At Risk"],
    "n_purchases": [4],
    "last_purchase": ["2024-01-31"],
    "prob_alive": [0.4],
}


@pytest.mark.parametrize(
    ("name", "changes", "named"),
    [
        ("Estimate", {"low": 0.9, "high": 0.1}, "low.*at most `high`"),
        ("Estimate", {"low": math.inf}, "low.*a finite number, or None"),
        ("LastPeriod", {"n_months": 3}, "n_months.*the months of a year, half-year, quarter, month: 12, 6, 3, 1"),
        ("LastPeriod", {"name": "decade"}, "n_months.*the months of a year"),
        ("LastPeriod", {"n_before": 5, "retention_rate": Estimate(2.0)}, "retention_rate.*in \\[0, 1\\]"),
        ("LastPeriod", {"retention_rate": Estimate(0.5)}, "retention_rate.*None where `n_before` is 0"),
        ("LastPeriod", {"n_newcomers": 5}, "newcomers_from.*where there are newcomers"),
        (
            "LastPeriod",
            {"n_newcomers": 5, "newcomers_from": "2024-02-01", "newcomers_to": "2024-01-01"},
            "newcomers_from.*at most `newcomers_to`",
        ),
        ("LastPeriod", {"newcomer_retention_rate": 2.0}, "newcomer_retention_rate.*in \\[0, 1\\]"),
        ("Concentration", {"gini": 2.0}, "gini.*in \\[0, 1\\]"),
        ("Concentration", {"top_decile_share": -0.5}, "top_decile_share.*in \\[0, 1\\]"),
        ("Concentration", {"top_decile_share": 0.6}, "top_decile_share.*at most `top_fifth_share`"),
        ("BaseSummary", {"first_day": "2200-01-01"}, "first_day.*at most `as_of`"),
        ("BaseSummary", {"recompute_on": "1700-01-01"}, "as_of.*at most `recompute_on`"),
        ("BaseSummary", {"n_purchases": 1}, "n_customers.*at most `n_purchases`"),
        ("BaseSummary", {"n_fell_silent": 3, "fell_silent": "ann"}, "n_fell_silent.*at most `n_customers`"),
        ("BaseSummary", {"fell_silent": "ann"}, "fell_silent.*where, and only where, `n_fell_silent`"),
        ("BaseSummary", {"margin": 2.0}, "margin.*in \\[0, 1\\]"),
        ("BaseSummary", {"acquisition_cost": -1.0}, "acquisition_cost.*>= 0"),
        ("BaseSummary", {"repeat_purchase_rate": Estimate(-0.5)}, "repeat_purchase_rate.*in \\[0, 1\\]"),
        ("BaseSummary", {"purchases_per_customer": Estimate(0.5)}, "purchases_per_customer.*>= 1"),
        ("BaseSummary", {"average_order_value": Estimate(-0.5)}, "average_order_value.*>= 0"),
        ("BaseSummary", {"revenue_per_customer": Estimate(30.0, -30.0)}, "revenue_per_customer.*>= 0"),
        ("BaseSummary", {"time_between_purchases": Estimate(-60.0)}, "time_between_purchases.*>= 0"),
        ("GroupSummary", {"window": 365}, "window.*where, and only where, `before` and `now`"),
        ("ModelSummary", {"grade": "nan"}, 'grade.*"good", "usable"'),
        ("ModelSummary", {"calibration_end": "2200-01-01"}, "calibration_end.*at most `as_of`"),
        ("ModelSummary", {"n_zero_spend": 9}, "n_zero_spend.*at most `n_customers`"),
        ("Report", {"n_unprofitable": 9}, "n_unprofitable.*at most the 2 customers of `base`"),
        ("Report", {"leaving": CustomerList(**LIST)}, "leaving.*at most the 2 customers of `base`"),
        ("Report", {"value_interval": (1.0, 2.0)}, "value_interval.*None where `models` has no value"),
    ],
)
def test_contradictions_are_refused(name, changes, named):
    values = importlib.import_module("tests.core.public_values").VALUES
    with pytest.raises(InputError, match=named):
        attrs.evolve(next(value for value in values if type(value).__name__ == name), **changes)


@pytest.mark.parametrize(("ends", "named"), [((0.6, 0.9), "low"), ((0.1, 0.4), "high"), ((None, 0.4), "high")])
def test_an_interval_holds_its_figure(ends, named):
    with pytest.raises(InputError, match=f"`{named}` must be an interval that holds its estimate, 0.5;"):
        Estimate(0.5, *ends)


def test_parts_of_another_day_are_refused():
    log = [1, 1, 2], ["2024-01-01", "2024-03-01", "2024-02-10"], [10, 20, 30]
    report, other = (summarise_report(*log, as_of=day) for day in ("2024-03-01", "2024-04-01"))
    with pytest.raises(InputError, match=r"base.*of the same day as `groups` and `models`"):
        attrs.evolve(report, base=other.base)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"prob_alive": [2.0]}, "prob_alive.*in \\[0, 1\\]"),
        ({"basis": "groups"}, "prob_alive.*None unless `basis` is 'model'"),
        ({"month": [3]}, "month.*None unless `basis` is 'cascade'"),
        ({"last_purchase": [None]}, "last_purchase.*a day"),
        ({"write_by": [None]}, "write_by.*a date"),
    ],
)
def test_lists_that_contradict_themselves_are_refused(changes, named):
    with pytest.raises(InputError, match=named):
        CustomerList(**{**LIST, **changes})


def test_an_infinite_end_is_none():
    found = Estimate(1.0, -math.inf, math.inf)
    assert (found.low, found.high) == (None, None)
    assert "inf" not in repr(found)


def test_a_figure_below_0_keeps_its_ends_in_order():
    found = BaseValue(ltv_newcomer=Estimate(60.0, 30.0, 90.0)).of_newcomer(-20.0)
    assert found == Estimate(-20.0, -30.0, -10.0)
