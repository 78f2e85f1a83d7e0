"""Results of this room whose figures contradict each other, made by hand or read from JSON, are refused."""

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.funnels import Funnel, funnel_from_events
from crmvalue.typing import Interval
from tests.contradictions import changed, value_of


@pytest.mark.parametrize(
    ("name", "field", "nonsense", "words"),
    [
        ("StageTimes", "prob", 2, r"`prob` must be in \[0, 1\]"),
        ("StageTimes", "time_in_stage", -1, "`time_in_stage` must be >= 0"),
        ("StageTimes", "time_to_convert", -np.inf, "`time_to_convert` must be >= 0"),
        ("PipelineForecast", "prob_total", -0.5, r"`prob_total` must be in \[0, 1\]"),
        ("PipelineForecast", "prob_total", 0.9, "`prob_total` must be of sum 1"),
        ("PipelineForecast", "total", -1, "`total` must be >= 0"),
        ("PipelineForecast", "total", 1e300, "`total` must be at most `amount`"),
        ("PipelineForecast", "expected", 1e300, "`expected` must be at most `amount`"),
        ("PipelineForecast", "standard_deviation", 1e300, "`standard_deviation` must be at most `amount`"),
        ("PipelineForecast", "n_deals", 10**9, "`by_month` must be a table whose `n_deals` sums to"),
        ("PipelineForecast", "amount", 1e300, "`by_month` must be a table whose `amount` sums to"),
        ("PipelineForecast", "expected", 0, "`by_month` must be a table whose `expected` sums to"),
        ("PipelineForecast", "method", "nan", "`method` must be one of 'exact', 'grid'"),
        ("PipelineTable", "low", 1e300, "`low` must be at most `high`"),
        ("PipelineTable", "high", 1e300, "`high` must be at most `amount`"),
        ("PipelineTable", "expected", 1e300, "`expected` must be at most `amount`"),
        ("PipelineTable", "amount", -1, "`amount` must be >= 0"),
        ("PipelineTable", "method", "nan", "`method` must be 'exact' or 'grid'"),
        ("ForecastCalibration", "edge", 2, r"`edge` must be in \[0, 1\]"),
        ("ForecastCalibration", "edge", 0.5, "`edge` must be ascending"),
        ("ForecastCalibration", "expected", 1e9, "`expected` must be at most `n_deals`"),
        ("LeadScoreFit", "n_won_train", 10**9, "`n_won_train` must be at most `n_train`"),
        ("LeadScoreFit", "n_won_holdout", 10**9, "`n_won_holdout` must be at most `n_holdout`"),
        ("LeadScoreFit", "auc_interval", Interval(np.float64(-0.5), np.float64(0.5)), r"`auc_interval` must be in"),
        ("LeadScoreFit", "auc", 0.01, "`auc_interval` must be an interval that holds its estimate, 0.01"),
        ("StepAlarms", "n_passed", 10**9, "`n_passed` must be at most `n_at`"),
        ("StepAlarms", "low", 2, r"`low` must be in \[0, 1\]"),
        ("StepAlarms", "low", np.nan, "`low` must be NaN where, and only where, `high` is NaN"),
        ("StepAlarms", "high", 2, r"`high` must be in \[0, 1\]"),
        ("StepAlarms", "high", 0, "`low` must be at most `high`"),
        ("StepAlarms", "least", -1, r"`least` must be in \[0, 1\]"),
        ("StepAlarms", "p_value", 2, r"`p_value` must be in \[0, 1\]"),
        ("FollowUpTasks", "due", np.datetime64("1999-01-01"), "`time` must be at most `due`"),
        ("FollowUpTasks", "as_of", "1999-01-01", "`time` must be at most `as_of`"),
        ("FollowUpTasks", "due", np.datetime64("9999-01-01"), "`late` must be whether the task was due"),
        ("LeadScores", "n_rules_of_fit", 10**6, "`n_rules_of_fit` must be at most all rules"),
        ("FollowUpTasks", "time", np.datetime64("NaT"), "`time` must be a date, not missing"),
        ("FollowUpTasks", "due", np.datetime64("NaT"), "`due` must be a date, not missing"),
        ("EventFunnel", "ended_at", np.datetime64("NaT"), "`ended_at` must be a date, not missing"),
        ("EventFunnel", "n_without_entry", 10**6, "`n_without_entry` must be at most `n_customers`"),
    ],
)
def test_contradictions_are_refused(name, field, nonsense, words):
    forecast = value_of("PipelineForecast")
    value = forecast.by_month if name == "PipelineTable" else value_of(name)
    if words.startswith("`late`"):
        value = attrs.evolve(value, done=value.done & False, late=value.late | True)
    with pytest.raises(InputError, match=words):
        changed(value, field, nonsense)


def test_totals_ascend():
    value = value_of("PipelineForecast")
    with pytest.raises(InputError, match="`total` must be ascending"):
        attrs.evolve(value, total=value.total[::-1])


def test_the_forecasts_of_sales_have_the_same_deals():
    value = value_of("SalesForecast")
    with pytest.raises(InputError, match="`margin` must be of the deals and the level of `revenue`"):
        attrs.evolve(value, margin=attrs.evolve(value.margin, n_deals=9, by_month=None, by_group=None))


def test_the_smallest_weight_gives_points():
    """Points were those of an infinite scale."""
    value = attrs.evolve(value_of("LeadScoreFit"), coefficient=[5e-324])
    assert list(value.points(largest=20).values()) == [20]


def test_one_group_of_a_funnel_with_returns():
    """The signals that came again have a column for each stage; taking one group refused them."""
    funnel = funnel_from_events(
        [1, 1, 1, 2],
        ["lead", "call", "lead", "lead"],
        ["2024-01-01", "2024-01-05", "2024-01-06", "2024-01-02"],
        Funnel(["lead", "call", "deal"]),
        as_of="2024-03-01",
        order="stages",
        by=["a", "a", "a", "b"],
        absent="allow",
    )
    np.testing.assert_array_equal(funnel.of_group("a").n_returns, [[1, 0, 0]])
