"""Results of models whose pieces contradict each other are refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contradictions import first, refuses


@pytest.mark.parametrize(
    ("cls", "changes", "words"),
    [
        ("CustomerValues", {"prob_alive": first(1.1)}, "prob_alive.*in \\[0, 1\\]; got 1.1 at index 0"),
        ("CustomerValues", {"prob_alive": first(-0.1)}, "prob_alive.*in \\[0, 1\\]"),
        ("CustomerValues", {"expected_purchases": first(-1.0)}, "expected_purchases.*>= 0"),
        ("CustomerValues", {"expected_spend": first(-1.0)}, "expected_spend.*>= 0"),
        ("CustomerValues", {"expected_service_cost": lambda _: [-1.0] * 3}, "expected_service_cost.*>= 0"),
        ("CustomerValues", {"horizon": None}, "expected_purchases.*only where, `horizon` is"),
        ("CustomerValues", {"expected_purchases": None}, "expected_purchases.*only where, `horizon` is"),
        ("ValueIntervals", {"inflation": None}, "holdout_errors.*only where, `inflation` is"),
        ("ValueIntervals", {"holdout_errors": None}, "holdout_errors.*only where, `inflation` is"),
        ("ValueIntervals", {"total": (2.0, 1.0)}, "total.*not above the high one"),
        ("ValueIntervals", {"total_outcome": (np.nan, 1.0)}, "total_outcome.*not above the high one"),
        ("RevenuePlan", {"revenue": first(-1.0)}, "revenue.*>= 0"),
        ("RevenuePlan", {"margin": first(1e6)}, "margin.*at most `revenue`"),
        ("RevenuePlan", {"start": first(np.datetime64("NaT"))}, "start.*a date, not missing"),
        ("RevenuePlan", {"end": first(np.datetime64("NaT"))}, "end.*a date, not missing"),
        ("RevenuePlan", {"end": first(np.datetime64("2024-02-01"))}, "start.*at most `end`"),
        ("RevenuePlan", {"end": first(np.datetime64("2024-03-01"))}, "start.*after the end of the month before"),
        ("RevenuePlan", {"as_of": "2024-03-01"}, "start.*after `as_of`, 2024-03-01"),
        ("RevenuePlan", {"level": 0.9}, "revenue_low.*given with"),
        (
            "RevenuePlan",
            {"revenue_low": lambda _: [0.0, 0.0], "revenue_high": lambda _: [1.0, 1.0]},
            "total_revenue.*given with",
        ),
        (
            "RevenuePlan",
            {"revenue_low": lambda _: [2.0, 0.0], "revenue_high": lambda _: [1.0, 1.0], "total_revenue": (0.0, 2.0)},
            "revenue_low.*at most `revenue_high`; got 2.0",
        ),
        ("FrequencyCalibration", {"actual": first(-0.5)}, "actual.*>= 0"),
        (
            "FrequencyCalibration",
            {"expected": first(1.0)},
            "expected.*NaN where, and only where, `n_customers` is 0",
        ),
        ("FrequencyCalibration", {"frequency": first(2)}, "frequency.*ascending"),
        ("PurchaseTracking", {"expected": first(-0.5)}, "expected.*>= 0"),
        ("PurchaseTracking", {"cumulative_actual": first(-0.5)}, "cumulative_actual.*>= 0"),
        (
            "PurchaseTracking",
            {"cumulative_expected": first(1e6)},
            "cumulative_expected.*at least that of the period before",
        ),
        ("PurchaseTracking", {"actual": first(1e6)}, "cumulative_actual.*at least"),
        ("PurchaseTracking", {"end": first(np.datetime64("2099-01-01"))}, "end.*ascending"),
        ("ProbabilityIntegralTransform", {"upper": first(2.0)}, "upper.*in \\[0, 1\\]"),
        ("ProbabilityIntegralTransform", {"upper": first(0.9)}, "upper.*ascending"),
        (
            "ProbabilityIntegralTransform",
            {"upper": first(5e-324)},
            "upper.*ascending order, above 0, by at least 1e-09",
        ),
        ("ProbabilityIntegralTransform", {"share": first(1.5)}, "share.*in \\[0, 1\\]"),
        ("ProbabilityIntegralTransform", {"share": [0.5] * 4}, "share.*of sum 1; got 2.0"),
        ("RollingHoldout", {"n_purchases": [-1.0]}, "n_purchases.*>= 0"),
        ("RollingHoldout", {"expected": [-1.0]}, "expected.*>= 0"),
        ("RollingHoldout", {"bias": [-1.5]}, "bias.*>= -1"),
        ("RollingHoldout", {"mean_absolute_error": [0.7]}, "mean_absolute_error.*at most `root_mean_squared_error`"),
        ("RollingHoldout", {"log_score": [-0.5]}, "log_score.*>= 0"),
        ("RollingHoldout", {"crps": [-0.5]}, "crps.*>= 0"),
        ("RollingHoldout", {"coverage": [1.5]}, "coverage.*in \\[0, 1\\]"),
        ("ModelChoice", {"scores": [np.nan, np.nan]}, "scores.*a number for the chosen model, BG/NBD"),
        ("ModelChoice", {"scores": [np.nan, -0.5]}, "scores.*>= 0"),
        ("Diagnosis", {"boundary": ["r"], "messages": [], "grade": "good"}, "messages.*in words what is wrong with r"),
        ("SeasonalFit", {"end": "1900-01-01"}, "begin.*at most `end`"),
    ],
)
def test_contradictions_are_refused(cls, changes, words):
    refuses(cls, changes, words)
