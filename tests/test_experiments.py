"""Experiments: ICE, sample sizes, splits, comparisons of variants, assignment."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from crmvalue.errors import InputError
from crmvalue.experiments import (
    adjust_by_covariate,
    assign_variant,
    compare_means,
    compare_proportions,
    compare_ratios,
    days_needed,
    detectable_difference,
    ice_score,
    sample_ratio_mismatch,
    sample_size,
    sample_size_means,
)

arms = st.lists(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=2, max_size=5)


class TestIceScore:
    """Mean or product of impact, confidence and ease."""

    def test_known(self):
        assert ice_score(8, 6, 3, convention="mean").score == pytest.approx(17 / 3)
        assert ice_score(8, 6, 3, convention="product").score == 144

    def test_ranks(self):
        ideas = ([8, 5, 5, 1], [6, 9, 9, 1], [3, 9, 9, 10])
        assert ice_score(*ideas, convention="product").rank.tolist() == [3, 1, 1, 4]
        assert ice_score([9, 5], [9, 6], [1, 6], convention="mean").rank.tolist() == [1, 2]
        assert ice_score([9, 5], [9, 6], [1, 6], convention="product").rank.tolist() == [2, 1]

    @pytest.mark.parametrize("wrong", [0, 10.5, -1, np.nan, "8", True])
    @pytest.mark.parametrize("name", ["impact", "confidence", "ease"])
    def test_rejections(self, name, wrong):
        with pytest.raises(InputError) as caught:
            ice_score(**{"impact": 5, "confidence": 5, "ease": 5, "convention": "mean", name: wrong})
        assert caught.value.name == name

    def test_the_convention_has_no_default(self):
        with pytest.raises(TypeError, match="convention"):
            ice_score(8, 6, 3)
        with pytest.raises(InputError, match="convention"):
            ice_score(8, 6, 3, convention="sum")


class TestSampleSize:
    """Customers of each variant that tell two rates, or two means, apart."""

    def test_known(self):
        assert sample_size(0.20, 0.05) == 1030
        assert sample_size_means(40, 2) == math.ceil(2 * (1.959963984540054 + 0.8416212335729143) ** 2 * 400)

    @given(rate=st.floats(0.02, 0.6), difference=st.floats(0.02, 0.3), power=st.floats(0.5, 0.95))
    def test_the_difference_is_found_again(self, rate, difference, power):
        n = sample_size(rate, difference, power=power)
        if n > 20:
            found = detectable_difference(rate, n, power=power)
            assert found == pytest.approx(difference, rel=0.6 / n + 1e-9)

    def test_reached_in_simulation(self):
        """Of two rates of 20 and 25 %, with 1,030 customers each, four in five tests find the difference."""
        rng = np.random.default_rng(7)
        x = rng.binomial(1030, [[0.20, 0.25]], (20_000, 2))
        pooled = x.sum(axis=1) / 2060
        z = (x[:, 1] - x[:, 0]) / 1030 / np.sqrt(pooled * (1 - pooled) * 2 / 1030)
        assert np.mean(np.abs(z) > 1.959964) == pytest.approx(0.79, abs=0.015)

    def test_stricter_with_more_comparisons(self):
        assert sample_size(0.2, 0.05, n_comparisons=3) == sample_size(0.2, 0.05, level=1 - 0.05 / 3)
        assert sample_size_means(1, 0.1, n_comparisons=2) == sample_size_means(1, 0.1, level=0.975)

    def test_no_rate_is_high_enough(self):
        assert detectable_difference(0.5, 5) == math.inf

    def test_days(self):
        assert days_needed(1030, 150) == 14
        assert days_needed(1030, 150, n_variants=3) == 21
        assert days_needed(1, 1e9) == 7

    @pytest.mark.parametrize(
        ("call", "name"),
        [
            (lambda: sample_size(0, 0.1), "rate"),
            (lambda: sample_size(0.5, 0), "difference"),
            (lambda: sample_size(0.5, 0.5), "difference"),
            (lambda: sample_size(0.5, 0.1, power=1), "power"),
            (lambda: sample_size(0.5, 0.1, level=0), "level"),
            (lambda: sample_size(0.5, 0.1, n_comparisons=0), "n_comparisons"),
            (lambda: sample_size_means(0, 1), "standard_deviation"),
            (lambda: sample_size_means(1, 0), "difference"),
            (lambda: detectable_difference(0.2, 1), "n"),
            (lambda: days_needed(0, 1), "n_per_variant"),
            (lambda: days_needed(1, 0), "visitors_per_day"),
            (lambda: days_needed(1, 1, n_variants=1), "n_variants"),
        ],
    )
    def test_rejections(self, call, name):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.name == name


class TestSampleRatioMismatch:
    """Whether a split can be right."""

    def test_known(self):
        found = sample_ratio_mismatch([310, 98], [0.7, 0.3])
        assert found.p_value == pytest.approx(0.008388, abs=5e-7)
        assert found.is_wrong
        assert "cannot be trusted" in found.conclusion
        assert found.expected == pytest.approx([285.6, 122.4])

    def test_a_right_split(self):
        found = sample_ratio_mismatch([500, 500], [0.5, 0.5])
        assert (found.p_value, found.is_wrong) == (1.0, False)
        assert "not proved" in found.conclusion

    @pytest.mark.parametrize(
        ("counts", "shares", "name"),
        [
            ([1, -1], [0.5, 0.5], "counts"),
            ([0, 0], [0.5, 0.5], "counts"),
            ([1, 1, 1], [0.5, 0.5], "counts"),
            ([1, 1], [0.5, 0.6], "shares"),
            ([1, 1], [1.0, 0.0], "shares"),
            ([1], [1.0], "shares"),
        ],
    )
    def test_rejections(self, counts, shares, name):
        with pytest.raises(InputError) as caught:
            sample_ratio_mismatch(counts, shares)
        assert caught.value.name == name


class TestCompareProportions:
    """Rates of two or more variants."""

    @pytest.mark.parametrize(
        ("x", "n", "low", "high"),
        [  # Newcombe (1998), Statistics in Medicine 17, 873-890, method 10
            ((48, 56), (80, 70), 0.0524, 0.3339),
            ((3, 9), (10, 10), 0.1705, 0.8090),
        ],
    )
    def test_newcombe(self, x, n, low, high):
        found = compare_proportions(x, n)
        assert (found.difference_low[1], found.difference_high[1]) == pytest.approx((low, high), abs=6e-5)

    @pytest.mark.parametrize(
        ("x", "n", "low", "high"),
        [  # Newcombe (1998), Statistics in Medicine 17, 857-872
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ],
    )
    def test_wilson(self, x, n, low, high):
        found = compare_proportions([x, x], [n, n])
        assert (found.rate_low[0], found.rate_high[0]) == pytest.approx((low, high), abs=6e-5)

    def test_z_test(self):
        found = compare_proportions([200, 250], [1000, 1000])
        assert (found.test, found.p_value[1]) == ("z", pytest.approx(0.00742, abs=5e-6))
        assert found.p_value[1] == pytest.approx(2 * stats.norm.sf(2.6774), rel=1e-4)

    @pytest.mark.parametrize(
        ("x", "n", "expected"), [((49, 51), (100, 100), 0.61077), ((200, 250), (1000, 1000), 0.99628)]
    )
    def test_probability_of_being_best(self, x, n, expected):
        assert compare_proportions(x, n).prob_best[1] == pytest.approx(expected, abs=5e-6)

    @settings(max_examples=40)
    @given(counts=arms)
    def test_probabilities_and_losses(self, counts):
        x, n = np.array(counts).T
        found = compare_proportions(x, n)
        assert found.prob_best.sum() == pytest.approx(1, abs=1e-12)
        mean = (x + 1) / (n + 2)
        assert found.expected_loss + mean == pytest.approx(np.full(len(x), (found.expected_loss + mean)[0]), abs=1e-9)
        if len(x) == 2:  # P(B > A) and E(max(A - B, 0)), in the closed form for whole numbers and by scipy's quadrature
            a, b = (stats.beta(x[i] + 1, n[i] - x[i] + 1) for i in (0, 1))
            cuts = np.unique(np.concatenate([d.ppf([1e-9, 0.01, 0.5, 0.99, 1 - 1e-9]) for d in (a, b)]))
            beat, _ = integrate.quad(lambda t: b.pdf(t) * a.cdf(t), 0, 1, points=cuts, limit=200, epsabs=1e-11)
            lose, _ = integrate.quad(lambda t: a.sf(t) * b.cdf(t), 0, 1, points=cuts, limit=200, epsabs=1e-11)
            assert found.prob_best[1] == pytest.approx(beat, abs=1e-8)
            assert found.expected_loss[1] == pytest.approx(lose, abs=1e-8)

    @given(counts=arms)
    def test_the_order_of_the_variants_decides_nothing(self, counts):
        x, n = np.array(counts).T
        found, mirrored = compare_proportions(x, n), compare_proportions(x[::-1], n[::-1], control=len(x) - 1)
        for name in ("rate", "difference", "difference_low", "ratio_high", "p_value", "prob_best", "expected_loss"):
            np.testing.assert_allclose(getattr(found, name), getattr(mirrored, name)[::-1], rtol=1e-9, atol=1e-11)
        assert (found.difference_low <= found.difference).all()
        assert (found.difference <= found.difference_high).all()

    def test_swapping_two_variants_flips_the_sign(self):
        one, other = compare_proportions([3, 30], [50, 60]), compare_proportions([30, 3], [60, 50])
        assert one.difference[1] == -other.difference[1]
        assert one.difference_low[1] == pytest.approx(-other.difference_high[1])
        assert one.ratio_low[1] == pytest.approx(1 / other.ratio_high[1])
        assert one.p_value[1] == pytest.approx(other.p_value[1])

    def test_small_counts_are_tested_exactly(self):
        found = compare_proportions([1, 8], [12, 12])
        assert found.test == "Fisher"
        assert found.p_value[1] == pytest.approx(stats.fisher_exact([[8, 4], [1, 11]]).pvalue)

    def test_corrections(self):
        counts = ([100, 120, 135, 101], [1000] * 4)
        raw = compare_proportions(*counts, correction="none").p_value[1:]
        assert compare_proportions(*counts, correction="bonferroni").p_value[1:] == pytest.approx(
            np.minimum(3 * raw, 1)
        )
        smallest, middle, largest = np.sort(raw)
        expected = [3 * smallest, max(3 * smallest, 2 * middle), 1 * largest]
        assert np.sort(compare_proportions(*counts).p_value[1:]) == pytest.approx(expected)

    def test_intervals_cover_as_promised(self):
        rng = np.random.default_rng(11)
        for p, q, n, m in ((0.1, 0.1, 60, 80), (0.03, 0.08, 200, 150), (0.5, 0.7, 25, 25)):
            x, y = rng.binomial(n, p, 600), rng.binomial(m, q, 600)
            hits = 0
            ratio_hits = 0
            for one, two in zip(x.tolist(), y.tolist(), strict=True):
                found = _quick(one, n, two, m)
                hits += found[0] <= q - p <= found[1]
                ratio_hits += found[2] <= q / p <= found[3]
            assert 0.93 <= hits / 600 <= 0.99
            assert ratio_hits / 600 >= 0.93

    def test_conclusions(self):
        assert compare_proportions([200, 250], [1000] * 2).conclusion.startswith("B is better than A: +5.00 points")
        assert compare_proportions([250, 200], [1000] * 2).conclusion.startswith("B is worse than A")
        assert "may still be there" in compare_proportions([49, 51], [100, 100]).conclusion
        names = compare_proportions([1, 2], [5, 5], names=["old", "new"]).conclusion
        assert "new" in names
        assert "old" in names

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"successes": [1, 11]}, "successes"),
            ({"successes": [1, -1]}, "successes"),
            ({"successes": [1, 0.5]}, "successes"),
            ({"trials": [10, 0]}, "trials"),
            ({"successes": [1], "trials": [2]}, "successes"),
            ({"successes": [1, 2, 3]}, "successes"),
            ({"names": ["a"]}, "names"),
            ({"names": ["a", "a"]}, "names"),
            ({"names": "ab"}, "names"),
            ({"control": 2}, "control"),
            ({"level": 1}, "level"),
            ({"correction": "some"}, "correction"),
        ],
    )
    def test_rejections(self, changes, name):
        with pytest.raises(InputError) as caught:
            compare_proportions(**{"successes": [1, 2], "trials": [10, 10], **changes})
        assert caught.value.name == name or "successes" in str(caught.value)


def _quick(x, n, y, m):
    found = compare_proportions([x, y], [n, m])
    return found.difference_low[1], found.difference_high[1], found.ratio_low[1], found.ratio_high[1]


class TestCompareMeans:
    """Means of two or more variants."""

    @given(
        columns=st.lists(
            st.lists(st.integers(-1000, 1000), min_size=2, max_size=30).filter(lambda c: len(set(c)) > 1),
            min_size=2,
            max_size=4,
        )
    )
    def test_equals_scipy(self, columns):
        found = compare_means(columns, correction="none", level=0.9)
        for i in range(1, len(columns)):
            test = stats.ttest_ind(columns[i], columns[0], equal_var=False)
            low, high = test.confidence_interval(0.9)
            assert found.p_value[i] == pytest.approx(test.pvalue, abs=1e-12)
            assert (found.difference_low[i], found.difference_high[i]) == pytest.approx((low, high), abs=1e-8)

    def test_scaling(self):
        columns = [[1.0, 5.0, 2.0], [3.0, 9.0, 4.0]]
        found, scaled = compare_means(columns), compare_means([[7 * v for v in c] for c in columns])
        assert scaled.difference == pytest.approx(7 * found.difference)
        assert scaled.ratio_high == pytest.approx(found.ratio_high)
        assert scaled.p_value == pytest.approx(found.p_value)

    def test_fieller_covers_as_promised(self):
        rng = np.random.default_rng(3)
        hits = 0
        for _ in range(1500):
            found = compare_means([rng.exponential(10, 120), rng.exponential(14, 100)])
            hits += found.ratio_low[1] <= 1.4 <= found.ratio_high[1]
        assert 0.93 <= hits / 1500 <= 0.97

    def test_without_spread_the_means_are_known(self):
        found = compare_means([[2, 2], [2, 2], [3, 3]])
        assert found.p_value.tolist() == [1.0, 1.0, 0.0]
        assert found.difference_low.tolist() == found.difference_high.tolist() == [0.0, 0.0, 1.0]

    def test_a_control_near_zero_has_no_ratio(self):
        found = compare_means([[-5, 5, 1], [3, 9, 4]])
        assert (found.ratio_low[1], found.ratio_high[1]) == (-np.inf, np.inf)

    @pytest.mark.parametrize("wrong", [[[1, 2]], [[1, 2], [1]], [[1, 2], [1, np.nan]], 5, "ab", [[1, 2], ["a", "b"]]])
    def test_rejections(self, wrong):
        with pytest.raises(InputError, match="values"):
            compare_means(wrong)


class TestCompareRatios:
    """Ratios of sums, with the customer as the unit."""

    def test_orders_of_one_each_make_it_a_comparison_of_means(self):
        columns = [[1.0, 5.0, 2.0, 8.0], [3.0, 9.0, 4.0]]
        ones = [[1] * len(column) for column in columns]
        assert compare_ratios(columns, ones) == compare_means(columns)

    def test_covers_as_promised_where_the_orders_of_a_customer_are_alike(self):
        rng = np.random.default_rng(4)
        hits = 0
        for _ in range(1000):
            arms_ = []
            for _ in range(2):
                orders = 1 + rng.poisson(2, 400)
                arms_.append((orders * rng.gamma(4, 5, 400), orders))  # a customer's orders are of one size
            found = compare_ratios([arm[0] for arm in arms_], [arm[1] for arm in arms_])
            hits += found.difference_low[1] <= 0 <= found.difference_high[1]
        assert 0.93 <= hits / 1000 <= 0.97

    @pytest.mark.parametrize(
        ("numerator", "denominator"),
        [([[1, 2]], [[1, 2]]), ([[1, 2], [1, 2]], [[1, 2]]), ([[1, 2], [1, 2]], [[1, 2], [0, 0]]),
         ([[1, 2], [1, 2, 3]], [[1, 2], [1, 2]]), ([[1], [1, 2]], [[1], [1, 2]])],
    )  # fmt: skip
    def test_rejections(self, numerator, denominator):
        with pytest.raises(InputError):
            compare_ratios(numerator, denominator)


class TestAdjustByCovariate:
    """Narrower intervals by what was known before."""

    def test_explains_and_keeps_the_difference(self):
        rng = np.random.default_rng(5)
        before = [rng.normal(100, 20, 4000), rng.normal(100, 20, 4000)]
        after = [0.8 * x + rng.normal(0, 12, 4000) + lift for x, lift in zip(before, (0, 2), strict=True)]
        found = adjust_by_covariate(after, before)
        assert found.coefficient == pytest.approx(0.8, abs=0.02)
        assert found.variance_reduction == pytest.approx(256 / 400, abs=0.02)
        raw, adjusted = compare_means(after), compare_means(found.values)
        width = (adjusted.difference_high - adjusted.difference_low)[1] / (raw.difference_high - raw.difference_low)[1]
        assert width == pytest.approx(0.6, abs=0.02)
        assert adjusted.difference_low[1] < 2 < adjusted.difference_high[1]
        assert np.concatenate(found.values).mean() == pytest.approx(np.concatenate(after).mean())

    def test_a_covariate_without_spread_changes_nothing(self):
        found = adjust_by_covariate([[1, 2], [3, 5]], [[7, 7], [7, 7]])
        assert [column.tolist() for column in found.values] == [[1, 2], [3, 5]]
        assert found.variance_reduction == 0

    @pytest.mark.parametrize("covariate", [[[1, 2]], [[1, 2], [1]], [[1, 2], [1, np.nan]]])
    def test_rejections(self, covariate):
        with pytest.raises(InputError):
            adjust_by_covariate([[1, 2], [3, 5]], covariate)


class TestAssignVariant:
    """Variants by a hash of the identifier."""

    def test_the_same_customer_gets_the_same_variant(self):
        ids = np.arange(20_000)
        chosen = assign_variant(ids, [0.2, 0.3, 0.5], salt="x")
        assert np.bincount(chosen) / 20_000 == pytest.approx([0.2, 0.3, 0.5], abs=0.015)
        mixed = np.random.default_rng(1).permutation(20_000)[:500]
        assert assign_variant(ids[mixed], [0.2, 0.3, 0.5], salt="x").tolist() == chosen[mixed].tolist()
        other = assign_variant(ids, [0.2, 0.3, 0.5], salt="y")
        assert stats.chi2_contingency(np.histogram2d(chosen, other, bins=3)[0]).pvalue > 1e-3

    def test_a_growing_share_moves_only_those_in_between(self):
        ids = np.arange(5000)
        small, large = (assign_variant(ids, [1 - share, share], salt="x") for share in (0.1, 0.3))
        assert (large >= small).all()

    @given(
        strata=st.lists(st.sampled_from("abc"), min_size=1, max_size=60),
        share=st.floats(0.05, 0.95),
        seed=st.integers(0, 9),
    )
    def test_within_strata_the_shares_are_met_to_the_nearest_customer(self, strata, share, seed):
        ids = np.arange(len(strata))
        chosen = assign_variant(ids, [1 - share, share], salt="x", strata=strata)
        for stratum in set(strata):
            mine = np.array(strata) == stratum
            assert abs(chosen[mine].sum() - share * mine.sum()) <= 0.5 + 1e-9
        mixed = np.random.default_rng(seed).permutation(len(strata))
        again = assign_variant(ids[mixed], [1 - share, share], salt="x", strata=np.array(strata)[mixed])
        assert again.tolist() == chosen[mixed].tolist()

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"customer": [1, None]}, "customer"),
            ({"shares": [0.5, 0.4]}, "shares"),
            ({"salt": " "}, "salt"),
            ({"strata": ["a"]}, "strata"),
            ({"customer": [1, 1], "strata": ["a", "b"]}, "strata"),
        ],
    )
    def test_rejections(self, changes, name):
        given_ = {"customer": [1, 2], "shares": [0.5, 0.5], "salt": "x", **changes}
        with pytest.raises(InputError) as caught:
            assign_variant(given_.pop("customer"), given_.pop("shares"), **given_)
        assert caught.value.name == name
