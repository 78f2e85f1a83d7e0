"""Valid calls of crmvalue.experiments."""

from __future__ import annotations

from crmvalue.experiments import (
    adjust_by_covariate,
    assign_variant,
    compare_means,
    compare_means_from_summary,
    compare_proportions,
    compare_ratios,
    duration,
    ice_rank,
    ice_score,
    minimum_detectable_effect,
    minimum_detectable_effect_means,
    sample_ratio_mismatch,
    sample_size,
    sample_size_means,
    sequential_test,
    sequential_test_from_stream,
    sequential_test_means,
)
from tests.calls import Call

__all__ = ["CALLS"]

ARMS = {"arm": ["A", "A", "B", "B"], "control": "A"}
LEVEL = {"level": 95.0}
COUNTED = {**LEVEL, "control": -1}
POWER = {"significance_level": 5.0, "power": 0.01, "ratio": 0.0, "n_variants": 0}

CALLS = [
    Call(
        ice_score,
        {"impact": [8, 5], "confidence": [6, 5], "ease": [3, 9], "convention": "mean"},
        out_of_range={"impact": 11.0, "confidence": 0.5, "ease": -1.0},
    ),
    Call(ice_rank, {"score": [3, 9, 3]}, unbounded={"score"}),
    Call(
        compare_proportions,
        {"successes": [48, 56], "trials": [80, 70]},
        out_of_range={**COUNTED, "successes": -1, "trials": -1},
    ),
    Call(compare_means, {**ARMS, "value": [1.0, 2.0, 3.0, 5.0]}, out_of_range=LEVEL, unbounded={"value"}),
    Call(
        compare_means_from_summary,
        {"mean": [10.0, 12.0], "std": [4.0, 6.0], "n": [200, 100]},
        out_of_range={**COUNTED, "std": -1.0, "n": 1},
        unbounded={"mean"},
    ),
    Call(
        compare_ratios,
        {**ARMS, "numerator": [1.0, 2.0, 3.0, 5.0], "denominator": [1.0, 1.0, 2.0, 3.0]},
        out_of_range=LEVEL,
        unbounded={"numerator", "denominator"},
    ),
    Call(
        adjust_by_covariate,
        {**ARMS, "value": [1.0, 2.0, 3.0, 5.0], "covariate": [1.0, 4.0, 2.0, 3.0]},
        out_of_range=LEVEL,
        unbounded={"value", "covariate"},
    ),
    Call(
        sample_size,
        {"baseline": 0.2, "target": 0.25, "null_variance": "pooled"},
        out_of_range={**POWER, "baseline": 20.0, "target": 25.0},
    ),
    Call(sample_size_means, {"std": 10.0, "difference": 5.0}, out_of_range={**POWER, "std": 0.0, "difference": 0.0}),
    Call(
        minimum_detectable_effect,
        {"baseline": 0.2, "n_control": 1094, "null_variance": "pooled"},
        out_of_range={**POWER, "baseline": 20.0, "n_control": 0},
    ),
    Call(
        minimum_detectable_effect_means,
        {"std": 10.0, "n_control": 64},
        out_of_range={**POWER, "std": 0.0, "n_control": 1},
    ),
    Call(duration, {"n_total": [2188, 100], "n_per_day": [150, 10]}, out_of_range={"n_total": -1, "n_per_day": 0}),
    Call(
        sample_ratio_mismatch,
        {"counts": [310, 98], "shares": [0.7, 0.3]},
        out_of_range={"counts": -1, "shares": 0.0, "significance_level": 1.0},
    ),
    Call(
        sequential_test,
        {"successes": [[3, 5], [6, 11]], "trials": [[50, 50], [100, 100]]},
        out_of_range={**COUNTED, "successes": -1, "trials": -1, "prior_successes": 0.0, "prior_failures": -1.0},
    ),
    Call(
        sequential_test_from_stream,
        {**ARMS, "converted": [1, 0, 0, 1], "looks": [2, 3, 4]},
        out_of_range={**LEVEL, "converted": 2, "looks": 0, "prior_successes": 0.0, "prior_failures": -1.0},
    ),
    Call(
        sequential_test_means,
        {**ARMS, "value": [1.0, 2.0, 3.0, 5.0], "effect_scale": 1.0, "looks": [2, 3, 4]},
        out_of_range={**LEVEL, "effect_scale": 0.0, "looks": 0, "min_n": 1},
        unbounded={"value"},
    ),
    Call(
        assign_variant,
        {"customer": [1, 2], "shares": {"control": 0.5, "new": 0.5}, "salt": "spring", "strata": ["a", "a"]},
    ),
]
