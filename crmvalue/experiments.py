"""Experiments: choice of ideas, number of customers, assignment to variants, and conclusions from the results.

==========================================================  ===========================================================
For                                                         Use
==========================================================  ===========================================================
order of ideas                                              :func:`ice_score`, :func:`ice_rank`
number of customers and days                                :func:`sample_size`, :func:`sample_size_means`,
                                                            :func:`duration`
effect that a number of customers can detect                :func:`minimum_detectable_effect`,
                                                            :func:`minimum_detectable_effect_means`
assignment of customers to variants                         :func:`assign_variant`
check of the split between the arms                         :func:`sample_ratio_mismatch`
conversion rates, and which variant is probably best        :func:`compare_proportions`
means, such as revenue per customer                         :func:`compare_means`, :func:`compare_means_from_summary`
ratios of sums, such as revenue per order                   :func:`compare_ratios`
less variance, by a number known before                     :func:`adjust_by_covariate`
looks before the end, as often as you like                  :func:`sequential_test`,
                                                            :func:`sequential_test_from_stream`,
                                                            :func:`sequential_test_means`
==========================================================  ===========================================================

The `conclusion` of each result says what can be concluded, and what not. Rates, shares and levels are fractions. Arms
are chosen by customer, so a row is a customer, never a visit or an order.
"""

from __future__ import annotations

from crmvalue._experiments.assignment import assign_variant, ice_rank, ice_score
from crmvalue._experiments.means import (
    CovariateAdjustment,
    MeanComparison,
    adjust_by_covariate,
    compare_means,
    compare_means_from_summary,
)
from crmvalue._experiments.proportions import ProportionComparison, compare_proportions
from crmvalue._experiments.ratios import compare_ratios
from crmvalue._experiments.sequential import SequentialTest, sequential_test, sequential_test_from_stream
from crmvalue._experiments.sequential_means import SequentialMeans, sequential_test_means
from crmvalue._experiments.size import (
    SampleSize,
    SplitCheck,
    duration,
    minimum_detectable_effect,
    minimum_detectable_effect_means,
    sample_ratio_mismatch,
    sample_size,
    sample_size_means,
)

__all__ = [
    "CovariateAdjustment",
    "MeanComparison",
    "ProportionComparison",
    "SampleSize",
    "SequentialMeans",
    "SequentialTest",
    "SplitCheck",
    "adjust_by_covariate",
    "assign_variant",
    "compare_means",
    "compare_means_from_summary",
    "compare_proportions",
    "compare_ratios",
    "duration",
    "ice_rank",
    "ice_score",
    "minimum_detectable_effect",
    "minimum_detectable_effect_means",
    "sample_ratio_mismatch",
    "sample_size",
    "sample_size_means",
    "sequential_test",
    "sequential_test_from_stream",
    "sequential_test_means",
]
