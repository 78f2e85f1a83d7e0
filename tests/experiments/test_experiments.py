"""Experiments with a fixed end: scores, sizes, splits, comparisons and assignments."""

from __future__ import annotations

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmvalue._experiments import best_arm
from crmvalue.errors import InputError
from crmvalue.experiments import (
    CovariateAdjustment,
    MeanComparison,
    ProportionComparison,
    SampleSize,
    SplitCheck,
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
from tests.experiments.references import best_and_loss, best_mean_and_loss, cuped, holm, prob_b_over_a, two_proportion_z

MARK = st.integers(1, 10)
ARM = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
VALUES = st.lists(st.floats(-100, 100).map(lambda x: round(x, 2)), min_size=3, max_size=8)


def refused(function, *arguments, **options):
    with pytest.raises(InputError) as caught:
        function(*arguments, **options)
    return caught.value


class TestIceScore:
    """`ice_score`: mean or product of three marks from 1 to 10."""

    def test_both_conventions(self):
        assert round(float(ice_score(8, 6, 3, convention="mean")), 2) == 5.67
        assert ice_score(8, 6, 3, convention="product") == 144

    @given(st.lists(st.tuples(MARK, MARK, MARK), min_size=1, max_size=9))
    def test_bounds_and_ranks(self, marks):
        i, c, e = np.array(marks).T
        mean, product = (ice_score(i, c, e, convention=word) for word in ("mean", "product"))
        assert (product <= mean**3 * (1 + 1e-12)).all()  # of the arithmetic and the geometric mean
        for score in (mean, product):
            assert ice_rank(score).tolist() == [1 + int((score > mine * (1 + 1e-12)).sum()) for mine in score]

    @pytest.mark.parametrize("convention", ["mean", "product"])
    def test_the_order_of_the_marks_breaks_no_tie(self, convention):
        score = ice_score([1.8, 8.2, 3.1, 9], [3.1, 3.1, 8.2, 9], [8.2, 1.8, 1.8, 9], convention=convention)
        assert ice_rank(score).tolist() == [2, 2, 2, 1]
        assert ice_rank([7.4 + 4.4 + 1.8, 4.4 + 1.8 + 7.4, 13.7, -1, 0]).tolist() == [2, 2, 1, 5, 4]

    def test_the_convention_is_asked_for(self):
        with pytest.raises(TypeError, match="convention"):
            ice_score(8, 6, 3)
        assert refused(ice_score, 8, 6, 3, convention="sum").name == "convention"


class TestCompareProportions:
    """`compare_proportions`: Newcombe, Katz, pooled z or Fisher, flat priors."""

    def test_true_and_false_are_names_of_arms(self):
        """They equal 0 and 1, but number no rows."""
        successes = pd.Series([10, 20], index=[False, True])
        found = compare_proportions(successes, pd.Series([110, 100], index=[True, False]))
        assert (found.names, found.trials.tolist()) == (("False", "True"), [100, 110])
        assert compare_proportions(successes, {"False": 100, "True": 110}, names=["True", "False"]).control == 0
        with pytest.raises(InputError, match="`successes` must be given in order, as `trials` is, or both by name"):
            compare_proportions(successes, [100, 110])

    @pytest.mark.parametrize(
        ("x", "n", "low", "high"),
        [([48, 56], [80, 70], 0.0524, 0.3339), ([3, 9], [10, 10], 0.1705, 0.8090)],  # Newcombe (1998), method 10
    )
    def test_published_differences(self, x, n, low, high):
        found = compare_proportions(x, n).difference_interval
        assert (found.low.round(4), found.high.round(4)) == (low, high)

    def test_published_rates(self):  # Newcombe (1998), Statistics in Medicine 17, 857
        low, high = compare_proportions([81, 15, 0, 1], [263, 148, 20, 29]).rate_interval
        np.testing.assert_array_equal(np.round(low, 4), [0.2553, 0.0624, 0, 0.0061])
        np.testing.assert_array_equal(np.round(high, 4), [0.3662, 0.1605, 0.1611, 0.1718])

    def test_published_z(self):
        result = compare_proportions([200, 250], [1000, 1000])
        assert round(float(result.z[0]), 4) == 2.6774
        assert round(float(result.p_value[0]), 5) == 0.00742
        assert not result.is_exact[0]

    @pytest.mark.parametrize(("x", "n", "prob"), [([49, 51], [100, 100], 0.61077), ([200, 250], [1000, 1000], 0.99628)])
    def test_published_probabilities(self, x, n, prob):
        assert round(float(compare_proportions(x, n).prob_best[1]), 5) == prob

    @given(ARM, ARM)
    def test_two_arms_by_the_finite_sum(self, one, other):
        (xa, na), (xb, nb) = one, other
        best = compare_proportions([xa, xb], [na, nb]).prob_best
        np.testing.assert_allclose(best[1], prob_b_over_a(xa, na, xb, nb), atol=1e-12)
        np.testing.assert_allclose(best.sum(), 1, atol=1e-12)

    @pytest.mark.parametrize(
        ("x", "n"), [([3, 5, 4], [50, 60, 40]), ([90, 80, 85, 88], [100, 100, 100, 100]), ([0, 0, 1], [9, 99, 9])]
    )
    def test_many_arms_by_a_fine_grid(self, x, n):
        result = compare_proportions(x, n)
        best, loss = best_and_loss(x, n)
        np.testing.assert_allclose(result.prob_best, best, atol=1e-7)
        np.testing.assert_allclose(result.expected_loss, loss, atol=1e-8)

    def test_very_unlike_arms(self):
        result = compare_proportions([5, 500_000_000, 499_990_000], [10, 1_000_000_000, 1_000_000_000])
        np.testing.assert_allclose(result.prob_best.sum(), 1, atol=1e-9)
        assert (result.expected_loss > 0).all()
        np.testing.assert_allclose(result.prob_best[0], 0.5, atol=1e-4)  # a symmetric distribution around the others

    def test_the_control_by_its_name(self):
        names = ["old", "new", "newest"]
        counts = ([20, 25, 31], [100, 100, 100])
        assert compare_proportions(*counts, names=names, control="new") == compare_proportions(
            *counts, names=names, control=1
        )
        assert compare_means_from_summary(*counts, [9, 9, 9], control="B").variants == ("A", "C")
        assert refused(compare_proportions, *counts, names=names, control="newer").name == "control"

    def test_rare_sales_among_very_many_customers(self):
        """Fisher's test then is the binomial one; rates next to 1 keep their digits."""
        result = compare_proportions([1, 8], [10**9, 10**9])
        assert result.is_exact[0]
        np.testing.assert_allclose(result.p_value[0], stats.binomtest(1, 9, 0.5).pvalue, rtol=1e-6)
        surest = compare_proportions([0, 10**15], [1, 10**15])
        np.testing.assert_allclose(surest.prob_best.sum(), 1, atol=1e-12)
        np.testing.assert_allclose(surest.expected_loss[0], 2 / 3, rtol=1e-12)

    def test_many_arms_at_once(self):
        result = compare_proportions([10] * 60, [100] * 60)
        np.testing.assert_allclose(result.prob_best, 1 / 60, atol=1e-12)
        best, loss = best_and_loss([5, 9, 40] * 6, [50, 60, 400] * 6)
        mixed = compare_proportions([5, 9, 40] * 6, [50, 60, 400] * 6)
        np.testing.assert_allclose(mixed.prob_best, best, atol=1e-7)
        np.testing.assert_allclose(mixed.expected_loss, loss, atol=1e-8)

    def test_many_arms_are_tested_at_once(self):
        """Tables of very different sizes, each by scipy."""
        rng = np.random.default_rng(1)
        n = np.append(400, rng.integers(1, 400, 200))
        x = rng.binomial(n, 0.02)
        result = compare_proportions(x, n)
        p = result.p_value
        for k in np.nonzero(result.is_exact)[0]:
            table = [[x[k + 1], n[k + 1] - x[k + 1]], [x[0], n[0] - x[0]]]
            assert p[k] == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9)
        assert np.count_nonzero(result.is_exact) > 50

    @given(ARM, ARM)
    def test_small_counts_take_fisher(self, one, other):
        (xa, na), (xb, nb) = one, other
        result = compare_proportions([xa, xb], [na, nb])
        table = [[xb, nb - xb], [xa, na - xa]]
        expected = np.outer(np.sum(table, 1), np.sum(table, 0))  # times all customers, in whole numbers
        assert result.is_exact[0] == (expected.min() < 5 * (na + nb))
        if result.is_exact[0]:
            assert result.p_value[0] == pytest.approx(stats.fisher_exact(table).pvalue, abs=1e-12)
        else:
            z = two_proportion_z(xb, nb, xa, na)
            assert result.z[0] == pytest.approx(z)
            assert result.p_value[0] == pytest.approx(2 * stats.norm.sf(abs(z)))

    @given(ARM, ARM)
    def test_swapping_arms_turns_signs(self, one, other):
        (xa, na), (xb, nb) = one, other
        there, back = compare_proportions([xa, xb], [na, nb]), compare_proportions([xb, xa], [nb, na])
        np.testing.assert_allclose(there.difference, -back.difference)
        np.testing.assert_allclose(there.difference_interval.low, -back.difference_interval.high)
        np.testing.assert_allclose(there.z, -back.z)
        np.testing.assert_allclose(there.p_value, back.p_value)
        np.testing.assert_allclose(there.prob_best, back.prob_best[::-1], atol=1e-12)
        low, high = there.difference_interval
        assert -1 <= low <= there.difference <= high <= 1
        other_control = compare_proportions([xb, xa], [nb, na], control=1)
        np.testing.assert_allclose(other_control.difference, there.difference)

    def test_ratio_by_hand(self):
        result = compare_proportions([20, 30], [100, 100])
        half = 1.959964 * np.sqrt(1 / 30 - 1 / 100 + 1 / 20 - 1 / 100)  # Katz et al. (1978)
        np.testing.assert_allclose(result.ratio, 1.5)
        np.testing.assert_allclose(
            np.log([x[0] for x in result.ratio_interval]), np.log(1.5) + np.array([-half, half]), rtol=1e-6
        )

    @pytest.mark.parametrize("x", [[0, 3], [3, 0], [0, 0], [10, 10]])
    def test_ratio_at_the_edge_is_unbounded(self, x):
        low, high = compare_proportions(x, [10, 10]).ratio_interval
        assert (low[0], high[0]) == (0, np.inf)

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
    def test_holm(self, p):
        from crmvalue._experiments.arms import adjusted

        np.testing.assert_allclose(adjusted(np.array(p), "holm"), holm(p))
        np.testing.assert_allclose(adjusted(np.array(p), "bonferroni"), np.minimum(1, np.array(p) * len(p)))
        np.testing.assert_array_equal(adjusted(np.array(p), "none"), p)

    def test_intervals_of_many_hold_together(self):
        three = compare_proportions([48, 56, 50], [80, 70, 75])
        pair = compare_proportions([48, 56], [80, 70], level=0.975)
        np.testing.assert_allclose(three.difference_interval.low[0], pair.difference_interval.low[0])
        alone = compare_proportions([48, 56, 50], [80, 70, 75], correction="none")
        assert alone.difference_interval.low[0].round(4) == 0.0524

    @pytest.mark.parametrize(("rates", "n"), [((0.2, 0.2), (200, 150)), ((0.03, 0.06), (300, 300))])
    def test_intervals_cover(self, rates, n):
        rng = np.random.default_rng(5)
        x = rng.binomial(n, rates, (3000, 2))
        base = compare_proportions(np.r_[x[:, 0]], np.full(3000, n[0]))  # Wilson's of all at once
        low0, high0 = base.rate_interval
        assert 0.93 < ((low0 <= rates[0]) & (rates[0] <= high0)).mean() < 0.985
        pairs = [compare_proportions(row, n).difference_interval for row in x[:600]]
        hits = np.mean([low[0] <= rates[1] - rates[0] <= high[0] for low, high in pairs])
        assert 0.92 < hits < 0.985  # four standard errors around 95 %

    def test_says_what_may_not_be_concluded(self):
        shown = compare_proportions([200, 250], [1000, 1000]).conclusion
        assert "B is higher" in shown
        assert "probability 99.6%" in shown
        hidden = compare_proportions([49, 51], [100, 100]).conclusion
        assert "no difference is shown" in hidden
        assert "does not prove that there is none" in hidden
        assert "Holm over 2 variants" in compare_proportions([49, 51, 50], [100, 100, 100]).conclusion

    def test_round_trip(self):
        result = compare_proportions([3, 5, 9], [50, 60, 70], names=["x", "y", "z"], control=1, correction="none")
        assert ProportionComparison.from_json(result.to_json()) == result
        assert refused(ProportionComparison.from_json, "{}").name == "text"

    @pytest.mark.parametrize(
        ("name", "x", "n", "options"),
        [
            ("trials", [0, 1], [0, 5], {}),
            ("trials", [1, 2], 5, {}),
            ("successes", [6, 1], [5, 5], {}),
            ("successes", [-1, 1], [5, 5], {}),
            ("successes", [0.5, 1], [5, 5], {}),
            ("successes", [1], [5], {}),
            ("names", [1, 2], [5, 5], {"names": ["a", "a"]}),
            ("names", [1, 2], [5, 5], {"names": ["a", "b", "c"]}),
            ("control", [1, 2], [5, 5], {"control": 2}),
            ("correction", [1, 2], [5, 5], {"correction": "sidak"}),
        ],
    )
    def test_rejections(self, name, x, n, options):
        assert refused(compare_proportions, x, n, **options).name == name

    @pytest.mark.parametrize(
        ("x", "n", "said", "unlike"),
        [
            ([1, 6], [20, 20], "no difference is shown", "leaves 0 out"),  # Fisher p 0.091, interval +0.8 to +47.3
            ([6, 1], [20, 20], "no difference is shown", "leaves 0 out"),
            ([2, 8], [50, 50], "B is higher", "includes 0"),  # z test p 0.0455, interval -0.2 to +24.8
            ([8, 2], [50, 50], "B is lower", "includes 0"),
            ([48, 56], [80, 70], "B is higher", None),
            ([5, 6], [50, 50], "no difference is shown", None),
        ],
    )
    def test_says_where_test_and_interval_disagree(self, x, n, said, unlike):
        result = compare_proportions(x, n)
        line = result.conclusion.splitlines()[0]
        assert said in line
        assert result.test_agrees.tolist() == [unlike is None]
        assert ("The test and the interval disagree" in line) == (unlike is not None)
        if unlike is not None:
            assert f"disagree: the interval {unlike}. The conclusion follows the test" in line

    @given(st.integers(1, 60), st.integers(1, 60), st.data())
    def test_agreement_is_that_of_the_verdicts(self, n0, n1, data):
        """What an interval alone would say is what the test says, or the conclusion tells."""
        result = compare_proportions([data.draw(st.integers(0, n0)), data.draw(st.integers(0, n1))], [n0, n1])
        by_interval = int(result.difference_interval.low[0] > 0) - int(result.difference_interval.high[0] < 0)
        line = result.conclusion.splitlines()[0]
        by_test = int("B is higher" in line) - int("B is lower" in line)
        assert bool(result.test_agrees[0]) == (by_interval == by_test)
        assert ("disagree" in line) == (by_interval != by_test)

    def test_many_arms_are_compared_without_endless_integrals(self):
        """The integrals over all arms take the square of their number: they stop at 200 arms, all else goes on."""
        n = 2_000
        names = [f"arm {k}" for k in range(n)]
        proportions = compare_proportions(np.arange(n) + 5, np.full(n, 10_000), names=names)
        means = compare_means_from_summary(np.arange(n), np.ones(n), np.full(n, 9))
        for result in (proportions, means):
            assert "highest" not in result.conclusion
            assert len(result.conclusion.splitlines()) == 201
            assert "prob_best" not in result.to_columns()
            for name in ("prob_best", "expected_loss"):
                assert "200 arms" in str(refused(getattr, result, name))

    @pytest.mark.parametrize("power", [30, 33, 34, 36, 40, 45, 52])
    def test_choice_among_very_many_customers(self, power):
        n = 2**power
        equal = compare_proportions([n // 2, n // 2], [n, n])
        np.testing.assert_allclose(equal.prob_best, [0.5, 0.5], rtol=1e-9)
        np.testing.assert_allclose(equal.expected_loss, np.sqrt(0.5 / n / (2.0 * np.pi)), rtol=1e-7)
        assert "too few customers" not in equal.conclusion
        x = np.array([0.3 * n, 0.3 * n + 0.3 * np.sqrt(n)]).astype(np.int64)
        z = float(np.diff(x)[0]) / np.sqrt(2 * 0.3 * 0.7 * n)
        np.testing.assert_allclose(compare_proportions(x, [n, n]).prob_best[1], stats.norm.cdf(z), rtol=1e-5)

    @pytest.mark.parametrize(("x", "n"), [([0, 0], [30, 200]), ([30, 200], [30, 200]), ([5, 5, 5], [10, 10, 10])])
    def test_no_arm_is_named_best_where_all_rates_are_equal(self, x, n):
        """Only the prior and the numbers of customers could choose one: it said "A has the highest rate" of no sale."""
        *lines, choice = compare_proportions(x, n).conclusion.split("\n")
        assert len(lines) == len(x) - 1
        assert choice == "The rate is the same in all arms, so nothing shows which arm is best."
        means = compare_means_from_summary([5.0] * len(x), [2.0] * len(x), np.array(n) + 100)
        assert means.conclusion.endswith("The mean is the same in all arms, so nothing shows which arm is best.")
        assert "A has the highest rate with" in compare_proportions([3, 2], [30, 30]).conclusion

    def test_all_of_several_equal_best_arms_are_named(self):
        """Rounding named one of them: "C has the highest rate", with "it", beside a B with the same counts."""
        choice = compare_proportions([3000, 4000, 4000], [100_000] * 3).conclusion.split("\n")[-1]
        assert choice.startswith(
            "B, C each have the highest rate with probability 50.0% (flat priors); choosing one of"
        )
        means = compare_means_from_summary([3.0, 4.0, 4.0], [1.0] * 3, [1000] * 3).conclusion
        assert "B, C each have the highest mean with probability 50.0% (flat priors); choosing one of them" in means

    def test_rounding_names_no_best_arm_and_an_arm_that_is_not_compared_is_no_part_of_all(self):
        """It said "A has the highest mean" of 0.1 + 0.2 beside 0.3, and "the same in all arms" beside a mean of 99."""
        rounded = compare_means_from_summary([0.1 + 0.2, 0.3], [0.5, 0.5], [30, 30]).conclusion
        assert rounded.endswith("The mean is the same in all arms, so nothing shows which arm is best.")
        alone = compare_means([1, 2, 3, 1, 2, 3, 99], list("AAABBBC"), control="A").conclusion
        assert alone.endswith("The mean is the same in all arms that are compared, so nothing shows which arm is best.")


class TestCompareMeans:
    """`compare_means`: Welch's test and interval, Fieller's ratio, Student's distribution around each mean."""

    def test_a_label_of_numpy_is_a_label(self):
        assert compare_means([1, 2, 3, 4], [0, 0, 1, 1], control=np.int64(0)).variants == ("1",)
        assert compare_means([1, 2, 3, 4], list("AABB"), control=np.str_("B")).variants == ("A",)

    @pytest.mark.parametrize(
        ("mean", "std", "n"),
        [
            ([10, 12], [4, 6], [200, 200]),
            ([5.0, 5.2, 4.9], [1, 9, 3], [4, 3, 6]),
            ([0.31, 0.29, 0.33, 0.32], [2.5, 2.4, 2.7, 2.2], [10_000, 9_000, 8_000, 12_000]),
            ([-1e6, -1e6 + 3, -1e6 + 1], [40, 1, 7], [50, 5_000_000, 100]),
        ],
    )
    def test_best_by_a_fine_grid(self, mean, std, n):
        result = compare_means_from_summary(mean, std, n)
        best, loss = best_mean_and_loss(mean, np.array(std) / np.sqrt(n), n)
        np.testing.assert_allclose(result.prob_best, best, atol=1e-9)
        np.testing.assert_allclose(result.expected_loss, loss, rtol=1e-6, atol=1e-9 * max(std))
        np.testing.assert_allclose(result.prob_best.sum(), 1, atol=1e-10)

    def test_means_far_apart_for_their_errors(self):
        for mean, std in (([5e6, 0], [0, 0.3]), ([1e9, 0, 1e9], [1e-6, 1, 0])):
            best = compare_means_from_summary(mean, std, [30] * len(mean)).prob_best
            np.testing.assert_allclose(best.sum(), 1, atol=1e-5)
            assert best[1] < 1e-9

    def test_the_highest_of_normal_means(self):
        result = compare_means_from_summary([10, 12], [40, 60], [2_000_000, 2_000_000])
        error = np.hypot(40, 60) / np.sqrt(2_000_000)
        np.testing.assert_allclose(result.prob_best[0], stats.norm.cdf(-2 / error), atol=1e-12)

    def test_best_of_alike_arms_and_of_one_without_spread(self):
        alike = compare_means_from_summary([3, 3, 3, 3], [2, 2, 2, 2], [9, 9, 9, 9])
        np.testing.assert_allclose(alike.prob_best, 0.25, atol=1e-12)
        fixed = MeanComparison(mean=[3, 5], standard_error=[0.5, 0], n=[16, 16], names=("A", "B"))
        np.testing.assert_allclose(fixed.prob_best[0], stats.t(15, 3, 0.5).sf(5), atol=1e-9)
        assert np.isinf(compare_means_from_summary([3, 5], [2, 1], [16, 2]).expected_loss).all()

    def test_many_arms_of_two_customers_each(self):
        """Their means have Cauchy's heavy tails."""
        alike = compare_means_from_summary([3] * 40, [2] * 40, [2] * 40)
        np.testing.assert_allclose(alike.prob_best, 1 / 40, rtol=1e-12)

    def test_the_work_of_a_table_does_not_grow_with_the_square_of_the_arms(self, monkeypatch):
        """Arms that are nearly alike share the panels of the integrals, which one table computes once."""
        n, panels, integrate = 200, [], best_arm._best
        monkeypatch.setattr(best_arm, "_best", lambda f, ends: panels.append(len(ends)) or integrate(f, ends[::20]))
        result = compare_means_from_summary(np.linspace(10, 10.5, n), [4] * n, [200] * n)
        result.to_columns()
        assert panels == [pytest.approx(400, abs=200)]

    def test_an_arm_whose_values_are_all_equal_has_the_spread_of_the_others(self):
        """Five customers without an order do not show that nobody of their arm would order."""
        orders = [0.0] * 27 + [10.0, 40.0, 25.0]
        result = compare_means(orders + [0.0] * 5, ["new"] * 30 + ["old"] * 5, control="old")
        spread = np.std(orders, ddof=1)
        expected = stats.ttest_ind_from_stats(2.5, spread, 30, 0, spread, 5, equal_var=False)
        assert result.p_value[0] == pytest.approx(expected.pvalue)
        assert result.prob_best[1] < 0.9
        summed = compare_means_from_summary([0.0, 2.5], [0.0, spread], [5, 30], names=["old", "new"], control="old")
        np.testing.assert_allclose(summed.p_value, result.p_value)
        several = compare_means([1, 3, 2, 6, 5, 5], list("AABBCC"), control="A")
        np.testing.assert_allclose(several.standard_error, np.sqrt([1, 4, 2.5]))  # variances 2, 8 and their mean

    @given(VALUES, VALUES, st.floats(0.1, 0.99))
    def test_equals_scipy(self, a, b, level):
        a, b = [*a, 0.0, 50.0], [*b, 0.0, 70.0]  # no arm without variance
        result = compare_means([*a, *b], ["a"] * len(a) + ["b"] * len(b), control="a", level=level)
        expected, alike = (stats.ttest_ind(b, a, equal_var=same) for same in (False, True))
        np.testing.assert_allclose(result.welch_p_value, expected.pvalue, rtol=1e-8)
        np.testing.assert_allclose(result.p_value, max(expected.pvalue, alike.pvalue), rtol=1e-8)
        np.testing.assert_allclose(result.t, expected.statistic, rtol=1e-8, atol=1e-9)
        ends = np.transpose([test.confidence_interval(level) for test in (expected, alike)])
        interval = ends[0].min(), ends[1].max()
        np.testing.assert_allclose(np.ravel(result.difference_interval), interval, rtol=1e-8, atol=1e-8)
        summary = compare_means_from_summary(
            [np.mean(a), np.mean(b)],
            [np.std(a, ddof=1), np.std(b, ddof=1)],
            [len(a), len(b)],
            level=level,
        )
        np.testing.assert_allclose(result.p_value, summary.p_value, rtol=1e-8)

    @given(st.floats(0.01, 100), st.floats(-100, 100), st.permutations(range(8)))
    def test_scales_shifts_and_order(self, scale, shift, order):
        value, arm = np.array([1.0, 4, 2, 9, 3, 7, 8, 5]), np.array([0, 0, 0, 0, 1, 1, 1, 1])
        base = compare_means(value, arm, control=0)
        order = list(order)
        moved = compare_means((scale * value + shift)[order], arm[order], control=0)
        np.testing.assert_allclose(moved.difference, scale * base.difference, rtol=1e-9)
        np.testing.assert_allclose(moved.p_value, base.p_value, rtol=1e-9)
        back = compare_means(value, arm, control=1)
        np.testing.assert_allclose(back.difference, -base.difference)
        np.testing.assert_allclose(back.difference_interval.low, -base.difference_interval.high)

    def test_ratio_ends_where_the_test_turns(self):
        """Fieller: the ratios r for which variant minus r times control is not told from 0."""
        result = compare_means_from_summary([10.0, 12.0], [4.0, 6.0], [50, 40])
        v1, v0 = 6.0**2 / 40, 4.0**2 / 50
        degrees = (v1 + v0) ** 2 / (v1**2 / 39 + v0**2 / 49)  # Welch's
        both = np.sqrt((49 * 4.0**2 + 39 * 6.0**2) / 88)  # what the arms have in common, in Student's test
        ways = [(stats.t.isf(0.025, degrees), 6.0, 4.0), (stats.t.isf(0.025, 88), both, both)]
        for end in np.ravel(result.ratio_interval):
            widest = max(t * np.hypot(s1 / np.sqrt(40), end * s0 / np.sqrt(50)) for t, s1, s0 in ways)
            assert abs(12 - end * 10) == pytest.approx(widest)
        low, high = compare_means_from_summary([0.1, 12.0], [4.0, 6.0], [50, 40]).ratio_interval
        assert (low[0], high[0]) == (-np.inf, np.inf)

    def test_covers_with_many_variants(self):
        rng = np.random.default_rng(2)
        arm = np.repeat([0, 1, 2], 40)
        hits = 0
        for _ in range(400):
            value = rng.normal(5, 1 + arm)
            low, high = compare_means(value, arm, control=0).difference_interval
            hits += bool(((low <= 0) & (high >= 0)).all())
        assert 0.92 < hits / 400 < 0.995

    def test_round_trip_and_words(self):
        result = compare_means([1, 2, 3, 9, 8, 7], list("aaabbb"), control="a")
        assert MeanComparison.from_json(result.to_json()) == result
        assert "b is higher" in result.conclusion
        assert "no difference is shown" in compare_means([1, 2, 3, 3, 2, 1], list("aaabbb"), control="a").conclusion

    @pytest.mark.parametrize(
        ("name", "value", "arm", "control"),
        [
            ("arm", [1, 2, 3], list("aab"), "a"),
            ("arm", [1, 2, 3], list("aaa"), "a"),
            ("arm", [1, 2, 3], list("aa"), "a"),
            ("control", [1, 2, 3, 4], list("aabb"), "c"),
            ("control", [1, 2, 3, 4], [0, 0, 1, 1], "0"),
            ("control", [1, 2, 3, 4], [0, 0, 1, 1], False),
            ("value", [1, 2, np.nan, 4], list("aabb"), "a"),
            ("value", [0.1, 0.1, 0.1, 0.1], list("aabb"), "a"),
        ],
    )
    def test_rejections(self, name, value, arm, control):
        assert refused(compare_means, value, arm, control=control).name == name

    @pytest.mark.parametrize("unit", [1e-99, 1e-80, 1e-77, 1e77, 7e98])
    def test_units_do_not_matter(self, unit):
        small = compare_means_from_summary([10.0, 13.0], [1.0, 2.0], [10, 12])
        far = compare_means_from_summary([10.0 * unit, 13.0 * unit], [unit, 2.0 * unit], [10, 12])
        for name in ("t", "p_value", "ratio"):
            np.testing.assert_allclose(getattr(far, name), getattr(small, name), rtol=1e-12)
        np.testing.assert_allclose(far.ratio_interval, small.ratio_interval, rtol=1e-12)
        welch, alike = (
            stats.ttest_ind_from_stats(13.0, 2.0, 12, 10.0, 1.0, 10, equal_var=same) for same in (False, True)
        )
        np.testing.assert_allclose(far.welch_p_value, [welch.pvalue], rtol=1e-12)
        np.testing.assert_allclose(far.p_value, [max(welch.pvalue, alike.pvalue)], rtol=1e-12)


class TestMeansBesideEachOther:
    def test_means_that_differ_are_not_written_the_same(self):
        found = compare_means_from_summary([1002.31, 1002.44], [1.0, 1.0], [100_000] * 2)
        assert found.conclusion.startswith("B has a mean of 1,002.4 against 1,002.3 of A: +0.13 ")


class TestSmallArms:
    """A small arm of skewed values beside a large one misses the few large values, and shows no difference by that."""

    @staticmethod
    def spend(rng, n):
        return np.where(rng.random(n) < 0.1, rng.lognormal(3.0, 1.0, n).round(2), 0.0)

    @pytest.mark.parametrize("n_control", [20, 100])
    def test_no_difference_is_claimed_where_there_is_none(self, n_control):
        """Welch's test alone finds one in 20 and 12 percent of such tests."""
        rng, claims = np.random.default_rng(5), 0
        arm = np.repeat(["B", "A"], [1000, n_control])
        for _ in range(60):
            found = compare_means(self.spend(rng, len(arm)), arm, control="A")
            claims += "B is " in found.conclusion or "is better" in found.to_vega()["description"]
            number, said = found.p_value[0] < 0.05, "B is " in found.conclusion
            low, high = (end[0] for end in found.difference_interval)
            less, more = (end[0] for end in found.ratio_interval)
            assert number == said == (not low <= 0 <= high) == (not less <= 1 <= more)
            assert not (found.too_few[0] and found.prob_best.max() > 0.975)
        assert claims <= 3

    @pytest.mark.slow
    @pytest.mark.parametrize(("sizes", "share"), [((50, 1000), 1.0), ((50, 1000), 0.2), ((300, 300), 0.2)])
    def test_p_values_hold_their_level_and_find_what_is_large(self, sizes, share):
        """Spend is lognormal with sigma 1.5; at 50 beside 1000 Welch's test alone errs in 16 and 23 of 100."""
        rng, arm, found = np.random.default_rng(3), np.repeat([1, 0], sizes), []
        for factor in (1.0, 3.0):
            for _ in range(300):
                spend = rng.lognormal(0.0, 1.5, len(arm)) * (rng.random(len(arm)) < share)
                found.append(compare_means(np.where(arm == 1, factor, 1.0) * spend, arm, control=0).p_value[0] < 0.05)
        false, true = np.mean(found[:300]), np.mean(found[300:])
        assert false <= 0.07
        assert true > (0.55 if share == 1 or sizes[0] == 300 else 0.0)

    def test_a_variant_named_as_a_missing_day_is_drawn(self):
        found = compare_means([5, 0, 7, 4, 9, 8, 7, 11], ["A"] * 4 + ["NaT"] * 4, control="A")
        assert [row["variant"] for row in found.to_vega()["data"]["values"]] == ["NaT"]

    @pytest.mark.parametrize(
        ("name", "wrong"), [("standard_error", 1e-300), ("standard_error", 1e300), ("mean", 1e300)]
    )
    def test_numbers_whose_squares_are_no_floats(self, name, wrong):
        given = {"mean": [1.0, 2.0], "standard_error": [0.1, 0.1], "n": [10, 10], "names": ["A", "B"]}
        with pytest.raises(InputError, match=name):
            MeanComparison(**(given | {name: [wrong, wrong]}))

    def test_says_why(self):
        """Student's test by scipy does not show what Welch's does."""
        treated, control = self.spend(np.random.default_rng(0), 1000), np.r_[np.zeros(19), 0.5]
        found = compare_means(np.r_[treated, control], np.repeat([1, 0], [1000, 20]), control=0)
        assert found.welch_p_value[0] < 1e-4
        assert found.p_value[0] == pytest.approx(stats.ttest_ind(treated, control).pvalue)
        assert found.p_value[0] > 0.05
        assert f"p {found.p_value[0]:.2g} (Student)" in found.conclusion
        assert found.too_few.tolist() == [True]
        assert "too small to show how its values vary" in found.conclusion
        assert "with probability" not in found.conclusion
        assert found.to_vega()["description"] == "No variant is shown to be better than 0"

    @given(st.lists(VALUES, min_size=2, max_size=4), st.sampled_from(["holm", "none"]))
    def test_too_few_is_where_only_one_of_both_tests_shows_a_difference(self, arms, correction):
        arm = np.repeat(np.arange(len(arms)), [len(values) for values in arms])
        try:
            found = compare_means(np.concatenate(arms), arm, control=0, correction=correction)
        except InputError:
            return
        errors = [np.std(values) for values in arms]
        if min(errors) < 1e-6:
            return
        p = np.array([stats.ttest_ind(values, arms[0]).pvalue for values in arms[1:]])
        welch = np.array([stats.ttest_ind(values, arms[0], equal_var=False).pvalue for values in arms[1:]])
        both = [np.array(holm(q.tolist())) if correction == "holm" else q for q in (welch, np.maximum(p, welch))]
        np.testing.assert_array_equal(found.too_few, (both[0] < 0.05) & (both[1] >= 0.05))


class TestWordsOfTheChoice:
    """A loss that is practically nothing, or not known, is said in words."""

    def test_practically_nothing(self):
        found = compare_proportions([100, 400], [1000, 1000])
        assert 0 < found.expected_loss[1] < 1e-50
        assert found.conclusion.endswith("choosing it loses practically nothing on average.")
        means = compare_means_from_summary([10.0, 20.0], [1.0, 1.0], [500, 500])
        assert means.conclusion.endswith("choosing it loses practically nothing on average.")

    def test_a_loss_that_counts_is_a_number(self):
        found = compare_proportions([200, 250], [1000, 1000])
        loss = f"{100 * found.expected_loss[1]:.2g} points"
        assert found.conclusion.endswith(f"choosing it loses {loss} on average.")

    def test_not_known(self):
        found = compare_means_from_summary([10.0, 12.0], [4.0, 6.0], [2, 2])
        assert np.isinf(found.expected_loss[1])
        assert "inf" not in found.conclusion
        assert "is not known, because an arm has too few customers" in found.conclusion


class TestCompareRatios:
    """`compare_ratios`: ratio of sums, its error by the delta method."""

    def test_a_denominator_of_one_is_a_mean(self):
        value, arm = [1.0, 5, 2, 8, 9, 3], list("aaabbb")
        ratio, mean = compare_ratios(value, [1] * 6, arm, control="a"), compare_means(value, arm, control="a")
        np.testing.assert_allclose(ratio.standard_error, mean.standard_error)
        np.testing.assert_allclose(ratio.p_value, mean.p_value)

    def test_customers_without_both_say_nothing(self):
        """They are no part of `n`: with them, 40 an arm of whom 30 % order err in 8 to 10 of 100 worlds."""
        x, y, arm = [10, 30, 25, 12, 40, 36], [1, 3, 2, 1, 3, 3], list("aaabbb")
        alone = compare_ratios(x, y, arm, control="a")
        beside = compare_ratios(x + [0] * 94, y + [0] * 94, arm + ["a", "b"] * 47, control="a")
        assert (beside.n.tolist(), beside.p_value[0]) == ([3, 3], pytest.approx(alone.p_value[0]))

    @pytest.mark.slow
    @pytest.mark.parametrize(("n", "ordering"), [(20, 0.3), (40, 0.3), (200, 0.03), (40, 1.0)])
    def test_few_customers_show_no_difference_that_is_not_there(self, n, ordering):
        rng, arm = np.random.default_rng(n), np.repeat([0, 1], n)
        shown = 0
        for _ in range(500):
            orders = np.where(rng.random(2 * n) < ordering, 1 + rng.poisson(1.0, 2 * n), 0)
            spend = rng.gamma(np.maximum(orders, 1), 50.0) * (orders > 0)
            if min(np.count_nonzero(orders[:n]), np.count_nonzero(orders[n:])) > 1:
                shown += compare_ratios(spend, orders, arm, control=0).p_value[0] < 0.05
        assert shown <= 35  # 5 in 100 of all worlds, and two standard errors more

    def test_error_by_the_textbook_formula(self):
        rng = np.random.default_rng(1)
        y = rng.poisson(3, 200) + 1.0
        x = y * 20 + rng.normal(0, 15, 200)
        result = compare_ratios(x, y, np.arange(200) % 2, control=0)
        for a in (0, 1):
            one, two = x[a::2], y[a::2]
            v = np.cov(one, two)
            r = one.mean() / two.mean()
            variance = (v[0, 0] - 2 * r * v[0, 1] + r**2 * v[1, 1]) / two.mean() ** 2 / 100
            np.testing.assert_allclose(result.standard_error[a], np.sqrt(variance))
            assert result.mean[a] == pytest.approx(r)

    def test_covers(self):
        rng = np.random.default_rng(3)
        arm = np.repeat([0, 1], 150)
        hits = 0
        for _ in range(500):
            orders = rng.poisson(2, 300) + 1.0
            revenue = orders * 20 + np.sqrt(orders) * rng.normal(0, 10, 300)
            low, high = compare_ratios(revenue, orders, arm, control=0).difference_interval
            hits += bool(low[0] <= 0 <= high[0])
        assert 0.91 < hits / 500 < 0.985

    def test_rejections(self):
        assert refused(compare_ratios, [1, 2, 3, 4], [0, 0, 1, 1], list("aabb"), control="a").name == "denominator"
        for orders in ([0.1, 0.2, -0.3, 1, 1, 2], [-1, -2, 1, 1, 1, 1]):
            assert refused(compare_ratios, range(6), orders, list("aaabbb"), control="a").name == "denominator"
        assert refused(compare_ratios, [2, 4, 3, 3], [1, 2, 1, 1], list("aabb"), control="a").name == "numerator"


class TestLargeValues:
    """Values that are large for their differences: the differences are exact, so nothing of them is rounding."""

    @pytest.mark.parametrize("size", [1e3, 1e9, 1e11, 1e12, 1e13])
    def test_a_constant_added_to_all_values_changes_no_test(self, size):
        small, before = np.array([0.0, 1, 2, 3, 4, 2, 2, 3, 4, 5]), np.array([1.0, 2, 2, 4, 3, 1, 3, 3, 2, 5])
        arm = list("AAAAABBBBB")
        for compare in (
            lambda x: compare_means(x, arm, control="A"),
            lambda x: compare_ratios(x, [1] * 10, arm, control="A"),
            lambda x: adjust_by_covariate(x, size + before, arm, control="A").adjusted,
        ):
            expected = compare(small)
            result = compare(size + small)
            np.testing.assert_allclose(result.standard_error, expected.standard_error, rtol=1e-15 * size + 1e-12)
            np.testing.assert_allclose(result.p_value, expected.p_value, rtol=3e-15 * size + 1e-12)

    def test_two_values_of_a_trillion_that_differ_by_one(self):
        t = 1 / np.hypot(0.5, 0.5)  # both arms have a standard error of 0.5, and 2 degrees of freedom together
        result = compare_ratios([1e12, 1e12 + 1, 1e12 + 1, 1e12 + 2], [1] * 4, list("AABB"), control="A")
        np.testing.assert_allclose(result.p_value, 2 * stats.t.sf(t, 2), rtol=1e-3)

    def test_the_sum_of_many_large_values_adds_no_rounding(self):
        value = 1e12 + np.arange(20_000.0) % 7
        result = compare_means(value, np.arange(20_000) % 2, control=0)
        assert result.mean.tolist() == pytest.approx([(1e12 + np.mean(value[a::2] - 1e12)) for a in (0, 1)], rel=3e-16)

    def test_residues_of_binary_arithmetic_are_no_spread(self):
        value = [0.1 + 0.2, 0.3, 0.3, 0.1, 0.1, 0.3 - 0.2]
        for compare in (
            lambda: compare_means(value, list("AAABBB"), control="A"),
            lambda: compare_ratios(value, [1] * 6, list("AAABBB"), control="A"),
        ):
            with pytest.raises(InputError, match="different for different customers"):
                compare()


class TestAdjustByCovariate:
    """`adjust_by_covariate`: the slope within arms taken off."""

    @given(st.integers(0, 2**32 - 1))
    def test_slope_is_that_of_a_regression_with_arms(self, seed):
        rng = np.random.default_rng(seed)
        arm = rng.permutation([0, 1, 2] * 8)
        x = rng.normal(5, 2, 24)
        y = 3 * x + arm + rng.normal(0, 1, 24)
        result = adjust_by_covariate(y, x, arm, control=0)
        assert result.theta == pytest.approx(cuped(y, x, arm))
        shifted = adjust_by_covariate(y, 2 * x + 9, arm, control=0)
        np.testing.assert_allclose(shifted.adjusted.p_value, result.adjusted.p_value, rtol=1e-7)
        assert 0 <= result.variance_reduction <= 1

    def test_reduction_is_the_squared_correlation(self):
        rng = np.random.default_rng(7)
        arm = np.repeat([0, 1], 20_000)
        x = rng.normal(0, 1, 40_000)
        y = 0.6 * x + 0.8 * rng.normal(0, 1, 40_000) + 0.05 * arm
        result = adjust_by_covariate(y, x, arm, control=0)
        assert result.variance_reduction == pytest.approx(0.36, abs=0.015)
        narrow, wide = (np.ptp(one.difference_interval) for one in (result.adjusted, result.unadjusted))
        assert narrow / wide == pytest.approx(0.8, abs=0.01)
        assert "explains 35.6%" in result.conclusion
        assert CovariateAdjustment.from_json(result.to_json()) == result

    def test_warns_of_a_covariate_that_differs(self):
        rng = np.random.default_rng(7)
        arm = np.repeat([0, 1], 100)
        x = rng.normal(arm, 1)
        result = adjust_by_covariate(x + rng.normal(0, 1, 200), x, arm, control=0)
        assert "was measured before the experiment" in result.conclusion

    @pytest.mark.parametrize("left", [9e-16, 2e-22, 1e-99, 1e-167])
    def test_expected_purchases_of_who_fell_silent_count_as_0(self, left):
        value, expected, nothing = [3.0, 0, 2, 4, 1, 5], [2.5, left, 1, 3, 2, 4], [2.5, 0, 1, 3, 2, 4]
        arm = ["a", "a", "a", "b", "b", "b"]
        found = adjust_by_covariate(value, expected, arm, control="a")
        assert found == adjust_by_covariate(value, nothing, arm, control="a")
        assert compare_means(expected, arm, control="a") == compare_means(nothing, arm, control="a")

    def test_rejections(self):
        arm = list("aabb")
        assert refused(adjust_by_covariate, [1, 2, 3, 4], [1, 1, 2, 2], arm, control="a").name == "covariate"
        assert refused(adjust_by_covariate, [1, 1, 2, 2], [1, 2, 3, 5], arm, control="a").name == "value"
        assert refused(adjust_by_covariate, [1, 2, 3, 5], [2, 4, 6, 10], arm, control="a").name == "covariate"
        assert refused(adjust_by_covariate, [1, 2, 3, 4], [1, 2], arm, control="a").name == "covariate"


class TestSampleSize:
    """`sample_size` and its kin: the smallest number with the power."""

    def test_published(self):
        assert sample_size(0.2, 0.25, null_variance="baseline").n_control == 1030
        assert sample_size(0.2, 0.25, null_variance="pooled").n_control == 1094  # R: power.prop.test gives 1093.739

    @pytest.mark.parametrize(("d", "n"), [(0.2, 394), (0.5, 64), (0.8, 26)])  # Cohen (1988), table 2.4.1
    def test_published_means(self, d, n):
        assert sample_size_means(10.0, 10 * d).n_control == n
        assert sample_size_means(10.0, -10 * d).n_control == n

    def test_has_the_power(self):
        n = sample_size(0.1, 0.16, null_variance="pooled", power=0.9, ratio=2.0)
        rng = np.random.default_rng(4)
        x0 = rng.binomial(n.n_control, 0.1, 20_000)
        x1 = rng.binomial(n.n_variant, 0.16, 20_000)
        p0, p1 = x0 / n.n_control, x1 / n.n_variant
        mean = (x0 + x1) / (n.n_control + n.n_variant)
        z = (p1 - p0) / np.sqrt(mean * (1 - mean) * (1 / n.n_control + 1 / n.n_variant))
        assert (np.abs(z) > 1.959964).mean() == pytest.approx(0.9, abs=0.02)
        assert n.n_variant == pytest.approx(2 * n.n_control, abs=1)

    @given(st.floats(0.02, 0.5), st.floats(0.01, 0.3), st.floats(0.6, 0.99), st.integers(1, 4))
    def test_the_detectable_effect_undoes_it(self, baseline, rise, power, k):
        options = {"power": power, "n_variants": k}
        n = sample_size(baseline, baseline + rise, null_variance="pooled", **options).n_control
        found = minimum_detectable_effect(baseline, n, null_variance="pooled", **options)
        assert found <= rise * (1 + 1e-9)
        if n > 1:
            fewer = (
                minimum_detectable_effect(baseline, max(1, n - 2), null_variance="pooled", **options) if n > 20 else 1
            )
            assert fewer > rise * (1 - 1e-9)

    @pytest.mark.parametrize(("baseline", "n"), [(1e-10, 10**14), (1e-6, 10**9), (1e-12, 2**53), (0.5, 10**12)])
    @pytest.mark.parametrize(("ratio", "k"), [(1.0, 1), (0.1, 3), (50.0, 1)])
    def test_a_tiny_effect_keeps_its_digits(self, baseline, n, ratio, k):
        with mpmath.workdps(90):
            p0, r = mpmath.mpf(baseline), mpmath.mpf(ratio)
            z = [mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * p) for p in (mpmath.mpf(0.05) / k / 2, 1 - mpmath.mpf(0.8))]

            def excess(log_rise):
                p1 = p0 + mpmath.exp(log_rise)
                both = (p0 + r * p1) / (1 + r)
                null = z[0] * mpmath.sqrt(both * (1 - both) * (1 + 1 / r))
                return (
                    mpmath.log((null + z[1] * mpmath.sqrt(p0 * (1 - p0) + p1 * (1 - p1) / r)) ** 2 / n) - 2 * log_rise
                )

            about = mpmath.log(3 * mpmath.sqrt(p0 * (1 + 1 / r) / n))
            rise = mpmath.exp(mpmath.findroot(excess, (about, about + 0.1)))
        found = minimum_detectable_effect(baseline, n, null_variance="pooled", ratio=ratio, n_variants=k)
        assert found == pytest.approx(float(rise), rel=1e-12, abs=0)

    @given(st.floats(0.05, 2.0), st.floats(0.3, 0.99))
    def test_the_detectable_difference_undoes_it(self, effect, power):
        n = sample_size_means(3.0, 3 * effect, power=power).n_control
        found = minimum_detectable_effect_means(3.0, n, power=power)
        assert found <= 3 * effect * (1 + 1e-6)
        if 2 < n < 10_000:
            assert minimum_detectable_effect_means(3.0, n - 1, power=power) > 3 * effect * (1 - 1e-6)

    def test_no_power_where_there_are_no_digits(self):
        with pytest.raises(InputError, match="less extreme"):
            minimum_detectable_effect_means(1, 2, significance_level=1e-10)

    def test_more_variants_power_and_strictness_need_more(self):
        base = sample_size(0.2, 0.25, null_variance="pooled")
        assert sample_size(0.2, 0.25, null_variance="pooled", n_variants=3).n_control > base.n_control
        assert sample_size(0.2, 0.25, null_variance="pooled", power=0.9).n_control > base.n_control
        assert sample_size(0.2, 0.25, null_variance="pooled", significance_level=0.01).n_control > base.n_control
        assert sample_size(0.2, 0.25, null_variance="pooled", n_variants=3).n_total > 4 * base.n_control

    def test_duration(self):
        size = sample_size(0.2, 0.25, null_variance="pooled")
        assert SampleSize.from_json(size.to_json()) == size
        np.testing.assert_array_equal(duration([2188, 2100, 0], 150), [15, 14, 0])

    def test_rounding_alone_adds_no_day_and_no_customer(self):
        tenths = np.arange(1, 3000, 7)[:, None]
        days = np.arange(1, 60)
        assert duration(12753, 283.4) == 45
        np.testing.assert_array_equal(
            duration(tenths * days / 10, np.broadcast_to(tenths / 10, (len(tenths), 59))),
            np.broadcast_to(days, (len(tenths), 59)),
        )
        size = sample_size_means(1.0, 0.72, ratio=1.1)
        assert size == SampleSize(n_control=30, n_variant=33)  # 30 * 1.1 is 33.000000000000004

    def test_rejections(self):
        assert refused(sample_size, 0.2, 0.2, null_variance="pooled").name == "target"
        assert refused(sample_size, 0.2, 0.2 + 1e-12, null_variance="pooled").name == "target"
        assert refused(sample_size, 0.2, 0.3, null_variance="other").name == "null_variance"
        assert refused(minimum_detectable_effect, 0.9, 3, null_variance="pooled").name == "n_control"
        assert refused(sample_size_means, 1.0, 1e-9).name == "difference"
        assert refused(sample_size_means, 1e90, 1e-90).name == "difference"


class TestSampleRatioMismatch:
    """`sample_ratio_mismatch`: chi-square of counts against shares."""

    def test_published(self):
        check = sample_ratio_mismatch([310, 98], [0.7, 0.3])
        assert round(check.p_value, 6) == 0.008388
        assert check.is_wrong
        assert "chance hardly explains" in check.conclusion
        assert "does not prove" in sample_ratio_mismatch([50, 52]).conclusion

    def test_a_wrong_split_is_not_written_as_that_of_the_design(self):
        said = sample_ratio_mismatch([5_003_000, 4_997_000], significance_level=0.1).conclusion
        assert said.startswith("The shares are 50.03%, 49.97%, by design 50.00%, 50.00%, p 0.058: chance hardly")

    @given(st.lists(st.integers(0, 1000), min_size=2, max_size=5).filter(lambda n: sum(n) > 50))
    def test_equals_scipy(self, counts):
        check = sample_ratio_mismatch(counts)
        assert check.p_value == pytest.approx(stats.chisquare(counts).pvalue, rel=1e-9, abs=1e-300)
        assert check.expected.sum() == pytest.approx(sum(counts))
        assert SplitCheck.from_json(check.to_json()) == check

    def test_few_are_exact(self):
        assert sample_ratio_mismatch([4, 0]).p_value == pytest.approx(0.125)
        assert "too few" in sample_ratio_mismatch([2, 1, 1]).conclusion
        assert "too few" in sample_ratio_mismatch([4, 0]).conclusion

    def test_an_arm_of_next_to_nothing_raises_no_alarm(self):
        """One customer where 0.02 are expected is no news; the chi-square test takes it for one."""
        check = sample_ratio_mismatch([5000, 5000, 1], [0.499999, 0.499999, 0.000002])
        assert check.p_value == pytest.approx(stats.chisquare([5001, 5000], [5000.51, 5000.49]).pvalue, rel=1e-4)
        assert "the 2 smallest arms taken together" in check.conclusion

    def test_the_order_of_equal_arms_does_not_matter(self):
        found = {sample_ratio_mismatch(np.roll([0, 8, 2, 2], k)).p_value for k in range(4)}
        np.testing.assert_allclose(list(found), stats.chisquare([0, 8, 2, 2]).pvalue)

    def test_false_alarms_of_small_arms(self):
        shares = np.array([0.6, 0.3, 0.05, 0.03, 0.02])
        draws = np.random.default_rng(3).multinomial(60, shares, 4000)
        wrong = [sample_ratio_mismatch(row, shares, significance_level=0.05).is_wrong for row in draws]
        assert 0.02 < np.mean(wrong) < 0.065
        assert sample_ratio_mismatch([20, 20, 8, 7, 5], shares).is_wrong

    @pytest.mark.parametrize(
        ("name", "counts", "shares"),
        [
            ("shares", [3, 4], [0.7, 0.4]),
            ("shares", [3, 4], [1.0, 0.0]),
            ("shares", [3, 4], [0.5, 0.25, 0.25]),
            ("shares", [3, 4], [70, 30]),
            ("counts", [0, 0], None),
            ("counts", [3], None),
        ],
    )
    def test_rejections(self, name, counts, shares):
        assert refused(sample_ratio_mismatch, counts, shares).name == name


class TestAssignVariant:
    """`assign_variant`: by hash; within strata to less than one customer."""

    SHARES = {"control": 0.2, "a": 0.5, "b": 0.3}  # noqa: RUF012 - never changed

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("salt", {"salt": "spring\ud800"}),
            ("customer", {"customer": ["a", "b\udfff"]}),
            ("strata", {"strata": ["x", "\ud800"]}),
        ],
    )
    def test_text_that_cannot_be_hashed(self, name, changes):
        """A lone surrogate is no character: no UTF-8 has it."""
        valid = {"customer": ["a", "b"], "shares": self.SHARES, "salt": "spring", **changes}
        error = refused(assign_variant, **valid)
        assert error.name == name
        str(error).encode()  # the message can be printed

    def test_stays_when_others_come(self):
        few = assign_variant(np.arange(1000), self.SHARES, salt="s")
        many = assign_variant(np.arange(5000)[::-1], self.SHARES, salt="s")[::-1]
        np.testing.assert_array_equal(few, many[:1000])
        other = assign_variant(np.arange(5000), self.SHARES, salt="t")
        assert (other == many).mean() == pytest.approx(0.04 + 0.25 + 0.09, abs=0.03)
        assert not sample_ratio_mismatch([(many == name).sum() for name in self.SHARES], [0.2, 0.5, 0.3]).is_wrong

    @given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 3)), min_size=1, max_size=60), st.integers(0, 99))
    def test_strata_are_balanced(self, rows, salt):
        group = dict(rows)
        ids = list(group)
        strata = [group[one] for one in ids]
        found = assign_variant(ids, self.SHARES, salt=str(salt), strata=strata)
        for stratum in set(strata):
            mine = found[np.array(strata) == stratum]
            for name, share in self.SHARES.items():
                assert abs((mine == name).sum() - share * len(mine)) < 1 + 1e-9
        again = assign_variant([*ids[::-1], ids[0]], self.SHARES, salt=str(salt), strata=[*strata[::-1], strata[0]])
        np.testing.assert_array_equal(again, [*found[::-1], found[0]])

    def test_strata_of_one_follow_the_shares(self):
        found = assign_variant(np.arange(4000), self.SHARES, salt="s", strata=np.arange(4000))
        assert not sample_ratio_mismatch([(found == name).sum() for name in self.SHARES], [0.2, 0.5, 0.3]).is_wrong

    @pytest.mark.parametrize(
        ("name", "ids", "shares", "options"),
        [
            ("customer", ["a", ""], {"x": 0.5, "y": 0.5}, {}),
            ("shares", [1, 2], {"x": 0.5, "y": 0.4}, {}),
            ("shares", [1, 2], {"x": 1.0}, {}),
            ("shares", [1, 2], {"x": 1.5, "y": -0.5}, {}),
            ("shares", [1, 2], [0.5, 0.5], {}),
            ("strata", [1, 1], {"x": 0.5, "y": 0.5}, {"strata": ["a", "b"]}),
            ("strata", [1, 2], {"x": 0.5, "y": 0.5}, {"strata": ["a"]}),
            ("salt", [1, 2], {"x": 0.5, "y": 0.5}, {"salt": 3}),
            ("salt", [1, 2], {"x": 0.5, "y": 0.5}, {"salt": ""}),
        ],
    )
    def test_rejections(self, name, ids, shares, options):
        assert refused(assign_variant, ids, shares, **{"salt": "s", **options}).name == name


@pytest.mark.parametrize(
    ("function", "columns", "options", "bad"),
    [
        (compare_proportions, ([9, 9], [1, 1]), {}, ("level", 2)),
        (compare_proportions, ([9, 9], [1, 1]), {}, ("correction", "?")),
        (compare_means_from_summary, ([1, 2], [-1, -1], [5, 5]), {}, ("level", 2)),
        (compare_means_from_summary, ([1, 2], [-1, -1], [5, 5]), {}, ("correction", "?")),
        (compare_means, ([1, np.nan], ["A", "B"]), {"control": "A"}, ("level", 2)),
        (compare_ratios, ([1, np.nan], [1, 1], ["A", "B"]), {"control": "A"}, ("correction", "?")),
        (adjust_by_covariate, ([1, np.nan], [1, 1], ["A", "B"]), {"control": "A"}, ("level", 2)),
        (sequential_test, ([[9, 9]], [[-1, 1]]), {}, ("prior_failures", 0)),
        (sequential_test_from_stream, ([5], ["A"]), {"control": "A"}, ("prior_successes", 0)),
        (sequential_test_means, ([np.nan], ["A"]), {"control": "A", "effect_scale": -1}, ("effect_scale", -1)),
        (sequential_test_means, ([np.nan], ["A"]), {"control": "A", "effect_scale": 1}, ("min_n", 1)),
    ],
)
def test_settings_are_checked_before_the_rows_are_read(function, columns, options, bad):
    name, value = bad
    assert refused(function, *columns, **{**options, name: value}).name == name


def test_an_error_lists_twenty_names_of_many():
    names = [f"arm {k}" for k in range(5_000)]
    error = refused(compare_proportions, np.ones(5_000), np.full(5_000, 9), names=names, control="?")
    assert "arm 19 and 4,980 more, or a position" in str(error)
    assert len(str(error)) < 300


def test_strata_are_measured_before_customers_are_drawn():
    assert refused(assign_variant, ["\ud800", "b"], {"a": 0.5, "b": 0.5}, salt="s", strata=["x"]).name == "strata"
