"""Results as tables, with a row for each stage, channel, arm or cohort, and as JSON text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmvalue.attribution import Paths, attribute, channel_returns, markov_removal_effects, shapley_values
from crmvalue.cohorts import cohort_ltv, compare_survival, n_day_retention, retention_triangle, survival_curve
from crmvalue.errors import InputError
from crmvalue.experiments import compare_means_from_summary, compare_proportions, sequential_test
from crmvalue.funnels import (
    BusinessHours,
    FollowUpRule,
    conversion,
    fit_lead_score,
    forecast_calibration,
    forecast_pipeline,
    funnel_from_events,
    stage_probabilities,
    time_in_stage,
)

PATHS = Paths.from_lists([["ad"], ["mail"], ["ad", "mail"], ["ad"]], [2, 1, 1, 0], value=[20, 10, 30, 0])
CREDIT = attribute(PATHS, model="last")
LOG = ([1, 1, 2, 2, 3], ["lead", "deal", "lead", "deal", "lead"], ["2024-01-0" + day for day in "15296"])
OPTIONS = {"steps": ["lead", "deal"], "as_of": "2024-03-01", "window": 30}
FUNNEL = funnel_from_events(*LOG, **OPTIONS)
BY = funnel_from_events(*LOG, **OPTIONS, by=["ads", "ads", "mail", "mail", "mail"])


@pytest.mark.parametrize(
    ("result", "n_rows", "column", "values"),
    [
        (CREDIT, 2, "conversion_credit", [2, 2]),
        (channel_returns(CREDIT, {"ad": 10, "mail": 5}), 2, "net_gain", [10, 35]),
        (markov_removal_effects(PATHS), 2, "share", [0.6, 0.4]),
        (shapley_values({("a",): 1, ("a", "b"): 3, ("b",): 1}), 2, "value", [1.5, 1.5]),
        (conversion([10, 5, 1]), 3, "step_conversion", [0.5, 0.2, np.nan]),
        (conversion([[10, 5], [8, 2]], groups=["x", "y"]), 4, "lost", [5, 0, 6, 0]),
        (FUNNEL, 2, "entered", [3, 2]),
        (BY, 4, "step_conversion", [1, np.nan, 0.5, np.nan]),
        (time_in_stage(FUNNEL, prob=[0.5]), 2, "0.5", [7, 7]),
        (forecast_calibration([0.2, 0.8], [0, 1], n_bins=2), 2, "n_won", [0, 1]),
        (stage_probabilities(["a", "b"], [0, 1], stages=["a", "b"]), 2, "prob_won", [0.5, 1]),
        (n_day_retention([1, 1], ["2024-01-01", "2024-01-08"], 7, kind="day", as_of="2024-02-01"), 1, "rate", [1]),
        (compare_survival([1, 2, 3, 4], [1, 1, 1, 1], ["x", "x", "y", "y"]), 2, "n_customers", [2, 2]),
        (compare_proportions([20, 25, 31], [100] * 3, control=1), 3, "difference", [-0.05, np.nan, 0.06]),
        (sequential_test([[1, 2], [3, 9]], [[9, 9], [20, 20]]), 2, "difference", [1 / 9, 0.3]),
        (compare_means_from_summary([3.0, 5.0], [1.0, 1.0], [9, 9]), 2, "difference", [np.nan, 2]),
    ],
)
def test_rows_and_values(result, n_rows, column, values):
    columns = result.to_columns()
    for frame in (pd.DataFrame, pl.DataFrame):
        table = frame(columns)
        assert len(table) == n_rows
        np.testing.assert_allclose(table[column].to_numpy(), values)


def test_groups_of_dates_are_their_text():
    months = np.array(LOG[2], dtype="datetime64[M]")
    assert funnel_from_events(*LOG, **OPTIONS, by=months).to_columns()["group"].tolist() == ["2024-01", "2024-01"]
    days = pd.to_datetime(LOG[2])
    assert funnel_from_events(*LOG, **OPTIONS, by=days).groups[0] == "2024-01-01"
    with pytest.raises(ValueError, match="`by`"):
        funnel_from_events(*LOG, **OPTIONS, by=np.array(["NaT"] * 5, dtype="datetime64[M]"))


TRIANGLE = retention_triangle(
    [1, 2, 1], ["2024-01-05", "2024-02-05", "2024-02-09"], [9, 9, 9], period="month", as_of="2024-03-31"
)
DEALS = ([100.0, 250.0, 70.0], [0.5, 0.2, 0.9])


@pytest.mark.parametrize(
    "result",
    [
        fit_lead_score(np.arange(40).reshape(20, 2) % 7, [0, 1] * 10, names=["a", "b"], rng=np.random.default_rng(1)),
        time_in_stage(FUNNEL, prob=[0.1, 0.99]),
        forecast_calibration([0.2, 0.8], [0, 1], n_bins=2),
        forecast_calibration([0.5, 0.5], [0, 1], n_bins=3, amount=[5, 8]),
        FollowUpRule(event="offer", hours=4, business_hours=BusinessHours(holidays=["2024-12-25"])),
        FollowUpRule(event="offer", hours=24),
        markov_removal_effects(PATHS),
        shapley_values({("a",): 1, ("a", "b"): 3, ("b",): 1}),
        shapley_values(
            lambda s: s.sum(axis=1) ** 2.0, channels=list("abcdefghijklmnopq"), n_orders=9, rng=np.random.default_rng(1)
        ),
        channel_returns(CREDIT, {"ad": 10, "mail": 0, "tv": 7}),
        survival_curve([1, 2, 3, 4], [1, 0, 1, 1]),
        compare_survival([1, 2, 3, 4], [1, 0, 0, 0], ["x", "x", "y", "y"]),
        cohort_ltv(TRIANGLE, margin=0.5, acquisition_cost=4),
        cohort_ltv(TRIANGLE, margin=0.5),
        n_day_retention([1, 1], ["2024-01-01", "2024-01-08"], 7, kind="unbounded", as_of="2024-02-01"),
        forecast_pipeline(*DEALS),
        forecast_pipeline(*DEALS, month=["2024-06", "2024-07", "2024-06"], group=[3, 3, 4]),
    ],
)
def test_json_there_and_back(result):
    text = result.to_json()
    assert type(result).from_json(text) == result
    assert "NaN" not in text
    assert "Infinity" not in text
    for wrong in ("", "[]", "{}", text[:-1], text.replace(":", ": {}, ", 1), '{"nonsense": 1}'):
        with pytest.raises(InputError, match="`"):
            type(result).from_json(wrong)
