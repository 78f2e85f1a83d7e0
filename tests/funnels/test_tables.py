"""Funnels, forecasts and lead scores as tables and as JSON text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crmvalue.funnels import (
    BusinessHours,
    FollowUpRule,
    fit_lead_score,
    forecast_calibration,
    forecast_pipeline,
    funnel_conversion,
    funnel_from_events,
    stage_probabilities,
    time_in_stage,
)
from tests.tables import check_json, check_table

LOG = ([1, 1, 2, 2, 3], ["lead", "deal", "lead", "deal", "lead"], ["2024-01-0" + day for day in "15296"])
OPTIONS = {"steps": ["lead", "deal"], "as_of": "2024-03-01", "window": 30}
FUNNEL = funnel_from_events(*LOG, **OPTIONS)
BY = funnel_from_events(*LOG, **OPTIONS, by=["ads", "ads", "mail", "mail", "mail"])
DEALS = ([100.0, 250.0, 70.0], [0.5, 0.2, 0.9])


@pytest.mark.parametrize(
    ("result", "n_rows", "column", "values"),
    [
        (funnel_conversion([10, 5, 1]), 3, "step_conversion", [0.5, 0.2, np.nan]),
        (funnel_conversion([[10, 5], [8, 2]], by=["x", "y"]), 4, "lost", [5, 0, 6, 0]),
        (FUNNEL, 2, "entered", [3, 2]),
        (BY, 4, "step_conversion", [1, np.nan, 0.5, np.nan]),
        (time_in_stage(FUNNEL, prob=[0.5]), 2, "0.5", [7, 7]),
        (forecast_calibration([0.2, 0.8], [0, 1], n_bins=2), 2, "n_won", [0, 1]),
        (stage_probabilities(["a", "b"], [0, 1], stages=["a", "b"]), 2, "prob_won", [0.5, 1]),
    ],
)
def test_rows_and_values(result, n_rows, column, values):
    check_table(result, n_rows, column, values)


def test_each_row_has_its_group_and_stage():
    table = funnel_conversion([[10, 5], [8, 2]], by=["x", "y"]).to_columns()
    assert list(zip(table["group"], table["stage"], table["n_reached"].tolist(), strict=True)) == [
        ("x", "stage 1", 10), ("x", "stage 2", 5), ("y", "stage 1", 8), ("y", "stage 2", 2),
    ]  # fmt: skip


def test_groups_of_dates_are_their_text():
    months = np.array(LOG[2], dtype="datetime64[M]")
    assert funnel_from_events(*LOG, **OPTIONS, by=months).to_columns()["group"].tolist() == ["2024-01", "2024-01"]
    days = pd.to_datetime(LOG[2])
    assert funnel_from_events(*LOG, **OPTIONS, by=days).groups[0] == "2024-01-01"
    with pytest.raises(ValueError, match="`by`"):
        funnel_from_events(*LOG, **OPTIONS, by=np.array(["NaT"] * 5, dtype="datetime64[M]"))


@pytest.mark.parametrize(
    "result",
    [
        fit_lead_score(np.arange(40).reshape(20, 2) % 7, [0, 1] * 10, names=["a", "b"], rng=np.random.default_rng(1)),
        time_in_stage(FUNNEL, prob=[0.1, 0.99]),
        forecast_calibration([0.2, 0.8], [0, 1], n_bins=2),
        forecast_calibration([0.5, 0.5], [0, 1], n_bins=3, amount=[5, 8]),
        FollowUpRule(event="offer", hours=4, business_hours=BusinessHours(holidays=["2024-12-25"])),
        FollowUpRule(event="offer", hours=24),
        forecast_pipeline(*DEALS),
        forecast_pipeline(*DEALS, month=["2024-06", "2024-07", "2024-06"], by=[3, 3, 4]),
    ],
)
def test_json_there_and_back(result):
    check_json(result)
