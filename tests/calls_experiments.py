"""Valid calls of crmvalue.experiments."""

from __future__ import annotations

from calls import Call

from crmvalue import experiments

__all__ = ["CALLS"]

CALLS = [
    Call(
        experiments.ice_score,
        {"impact": [8, 5], "confidence": [6, 9], "ease": [3, 9], "convention": "mean"},
        {"impact": 11, "confidence": 0, "ease": 0},
    ),
    Call(
        experiments.sample_size,
        {"rate": 0.2, "difference": 0.05, "level": 0.95, "power": 0.8, "n_comparisons": 2},
        {"rate": 0, "difference": 0, "level": 1, "power": 0, "n_comparisons": 0},
    ),
    Call(
        experiments.sample_size_means,
        {"standard_deviation": 40, "difference": 2, "level": 0.95, "power": 0.8, "n_comparisons": 2},
        {"standard_deviation": 0, "difference": 0, "level": 1, "power": 0, "n_comparisons": 0},
    ),
    Call(
        experiments.detectable_difference,
        {"rate": 0.2, "n": 1030, "level": 0.95, "power": 0.8, "n_comparisons": 2},
        {"rate": 0, "n": 1, "level": 1, "power": 0, "n_comparisons": 0},
    ),
    Call(
        experiments.days_needed,
        {"n_per_variant": 1030, "visitors_per_day": 150.0, "n_variants": 2},
        {"n_per_variant": 0, "visitors_per_day": 0, "n_variants": 1},
    ),
    Call(
        experiments.sample_ratio_mismatch,
        {"counts": [310, 98], "shares": [0.7, 0.3]},
        {"counts": -1, "shares": 0},
    ),
    Call(
        experiments.compare_proportions,
        {"successes": [200, 250], "trials": [1000, 1000], "names": ["a", "b"], "control": 0, "level": 0.95},
        {"successes": -1, "trials": 0, "control": 2, "level": 1},
    ),
    Call(
        experiments.compare_means,
        {"values": [[1.0, 2.0], [2.0, 4.0]], "control": 0, "level": 0.95},
        {"control": 2, "level": 1},
        unbounded={"values"},
    ),
    Call(
        experiments.compare_ratios,
        {"numerator": [[1.0, 2.0], [2.0, 4.0]], "denominator": [[1.0, 1.0], [1.0, 2.0]], "control": 0, "level": 0.95},
        {"control": 2, "level": 1},
        unbounded={"numerator", "denominator"},
    ),
    Call(
        experiments.adjust_by_covariate,
        {"values": [[1.0, 2.0], [2.0, 4.0]], "covariate": [[1.0, 1.0], [1.0, 2.0]]},
        unbounded={"values", "covariate"},
    ),
    Call(
        experiments.sequential_test,
        {"variant": [0, 1], "outcome": [0.5, 1.5], "share": 0.5, "level": 0.95, "burn_in": 5},
        {"variant": 2, "share": 1, "level": 1, "burn_in": 1},
        unbounded={"outcome"},
    ),
    Call(
        experiments.assign_variant,
        {"customer": [1, 2], "shares": [0.5, 0.5], "salt": "spring", "strata": ["a", "b"]},
        {"shares": 0},
    ),
]
