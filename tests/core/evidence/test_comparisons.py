"""The rules of evidence against their definitions, scipy, and every table or order of the losses."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import special, stats

from crmvalue._core.comparisons import (
    cut_back,
    decimals,
    errors_of_means,
    few_expected,
    fieller,
    half_width,
    holm,
    just_below,
    leaders,
    lengths_of_skewed,
    log_rank,
    newcombe,
    p_of_means,
    p_text,
    rates_p,
    rates_z,
    rounding_part,
)
from crmvalue.typing import Interval


class TestRounding:
    """What only binary arithmetic keeps from a number counts as the number."""

    @pytest.mark.parametrize(("threshold", "lowest"), [(3.0, 3 - 3e-12), (-2.0, -2 - 2e-12), (0.0, 0.0)])
    def test_just_below(self, threshold, lowest):
        assert just_below(threshold) == pytest.approx(lowest, abs=1e-15)
        assert just_below(0.15) <= 0.05 * 3 - 1e-17 < 0.16

    @pytest.mark.parametrize(
        ("x", "part"), [([3.0, -7.0], 0), ([0.1, 2.25], 0), ([0.125], 1e-12), ([2.0**53], 1e-12), ([], 0)]
    )
    def test_rounding_part(self, x, part):
        assert rounding_part(np.array(x)) == part

    def test_leaders(self):
        assert leaders(np.array([0.3, 0.1 + 0.2, 0.2])).tolist() == [0, 1]
        assert leaders(np.array([1.0, 1.0 - 1e-9])).tolist() == [0]
        assert leaders(np.array([1e-9, 0.0]), size=1e4).tolist() == [0, 1]
        assert leaders(np.array([-3.0, -2.0])).tolist() == [1]

    def test_cut_back(self):
        """One to three outsize values become the largest other one; kinds of customers and ordinary skew stay."""
        x = np.r_[np.arange(0.1, 20.0, 0.1), -5.0]
        for outsize in ([1e6], [1e6, -1e9, 1e300], [-500.0]):
            column = np.r_[x, outsize]
            np.testing.assert_array_equal(cut_back(column), np.r_[x, np.where(np.array(outsize) > 0, x.max(), -5.0)])
        few = np.random.default_rng(1).lognormal(0, 1.5, 300)
        for ordinary in (np.r_[x, [1e6] * 4], np.r_[x, 60.0], few, np.zeros(30), np.r_[np.zeros(30), 5.0], x[:1]):
            assert cut_back(ordinary) is ordinary

    def test_cut_back_many(self):
        """Up to one in fifty, and half of those that differ from the median."""
        x = np.arange(0.1, 39.9, 0.2)
        for n_huge in (1, 4):
            column = np.r_[x, [1e9] * n_huge]
            np.testing.assert_array_equal(cut_back(column, many=True), np.r_[x, [x.max()] * n_huge])
        zeros = np.r_[np.zeros(390), np.arange(1.0, 7.0), [1e9] * 4]
        np.testing.assert_array_equal(cut_back(zeros, many=True), np.minimum(zeros, 6.0))
        few = np.random.default_rng(1).lognormal(0, 1.5, 300)
        for ordinary in (np.r_[x, [1e9] * 5], few, np.zeros(200), np.r_[np.zeros(200), 5.0], np.arange(3.0), x[:1]):
            assert cut_back(ordinary, many=True) is ordinary

    @pytest.mark.parametrize(
        ("x", "limit", "digits"),
        [
            (29.9, 30.0, 1),
            (29.96, 30.0, 2),
            (29.9996, 30.0, 4),
            (30.0, 30.0, 1),
            (31.0, 30.0, 1),
            (math.inf, 30.0, 1),
            (1.0, math.nan, 1),
        ],
    )
    def test_decimals(self, x, limit, digits):
        assert decimals(x, limit, 1) == digits

    @pytest.mark.parametrize(
        ("p", "alpha", "text"),
        [
            (0.0496, 0.05, "p 0.0496"),
            (0.05, 0.05, "p 0.05"),
            (0.000099, 0.05, "p < 0.0001"),
            (0.0001, 0.05, "p 0.0001"),
            (1e-7, 1e-6, "p < 0.000001"),
            (0.5, 0.05, "p 0.5"),
            (0.123456, 0.05, "p 0.12"),
        ],
    )
    def test_p_text(self, p, alpha, text):
        assert p_text(p, alpha) == text


class TestRates:
    """Two rates: the z test, or Fisher's where a cell expects fewer than 5."""

    def test_against_scipy(self):
        rng = np.random.default_rng(1)
        n1, n0 = rng.integers(1, 60, (2, 200))
        x1, x0 = rng.binomial(n1, 0.3), rng.binomial(n0, 0.4)
        p, few = rates_p(x1, n1, x0, n0), few_expected(x1, n1, x0, n0)
        for k in range(200):
            table = np.array([[x1[k], n1[k] - x1[k]], [x0[k], n0[k] - x0[k]]])
            expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
            assert few[k] == (expected.min() < 5 - 1e-12)
            slow = stats.fisher_exact(table) if few[k] else stats.chi2_contingency(table, correction=False)
            assert p[k] == pytest.approx(slow.pvalue, rel=1e-9)

    def test_direction_and_nothing_that_varies(self):
        one, two = np.array([1]), np.array([2])
        assert rates_z(two, two, one, two)[0] == pytest.approx(2 / math.sqrt(3))  # 0.5 over the root of 3/4 * 1/4
        assert rates_z(two, two, two, two).tolist() == [0.0]

    def test_newcombe(self):
        """Newcombe (1998), method 10, 56/70 and 48/80: 0.0524 to 0.3339."""
        own, other = (stats.binomtest(x, n).proportion_ci(method="wilson") for x, n in ((56, 70), (48, 80)))
        found = newcombe(56 / 70, Interval(own.low, own.high), 48 / 80, Interval(other.low, other.high))
        assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)

    def test_holm(self):
        assert holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
        assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]


class TestMeans:
    """The wider of Welch and Student."""

    def test_against_scipy(self):
        rng = np.random.default_rng(2)
        for n, m, scale in ((5, 40, 3.0), (40, 5, 3.0), (12, 12, 1.0)):
            x, y = rng.normal(0.5, scale, n), rng.normal(0, 1, m)
            ways = errors_of_means(stats.sem(x), n, stats.sem(y), m)
            tests = [stats.ttest_ind(x, y, equal_var=equal) for equal in (False, True)]
            assert p_of_means(x.mean() - y.mean(), ways) == pytest.approx(max(t.pvalue for t in tests))
            widths = [np.diff(t.confidence_interval(0.9))[0] / 2 for t in tests]
            assert half_width(ways, 0.9) == pytest.approx(max(widths))

    def test_a_group_without_spread_takes_that_of_the_other(self):
        welch, student = errors_of_means(0.0, 4, 3.0, 16)
        assert (welch.error, welch.other_error) == (6.0, 3.0)
        assert errors_of_means(3.0, 16, 0.0, 4)[0].other_error == 6.0
        assert student.degrees == 18

    def test_fieller(self):
        """The ratios whose difference from the mean is as likely as the quantile."""
        low, high = fieller(*(np.array([x]) for x in (3.0, 2.0, 0.3, 0.2, 1.7)))
        for end in (low[0], high[0]):
            assert abs(3.0 - end * 2.0) == pytest.approx(1.7 * math.hypot(0.3, end * 0.2))
        assert 1 < low[0] < 1.5 < high[0] < 3
        assert [end[0] for end in fieller(*(np.array([x]) for x in (3.0, 2.0, 0.3, 1.2, 1.7)))] == [-math.inf, math.inf]


def slow_log_rank(lost, at_risk, d, n):
    """Statistic and exact tails, by going through all draws at each time."""
    chance = {0: Fraction(1)}
    for k, size, total in zip(at_risk, d, n, strict=True):
        following = {}
        for (seen, p), x in itertools.product(chance.items(), range(min(k, size) + 1)):
            if size - x <= total - k:
                ways = Fraction(math.comb(k, x) * math.comb(total - k, size - x), math.comb(total, size))
                following[seen + x] = following.get(seen + x, 0) + p * ways
        chance = following
    seen = sum(lost)
    tails = [sum(p for x, p in chance.items() if x <= seen), sum(p for x, p in chance.items() if x >= seen)]
    return float(min(1, 2 * min(tails)))


class TestSkewed:
    """Intervals of groups whose values are skewed."""

    def test_a_group_without_skewness_takes_that_of_all(self):
        """By hand: squares 32 and 14, cubes 0 and 18, over 2 and 4 degrees of freedom of means 10 and 9."""
        t = np.array([4.0, 3.0])
        error, cubes = np.sqrt([32 / (3 * 2), 14 / (5 * 4)]), np.cbrt([0.0, 18.0])
        below, above = lengths_of_skewed(np.array([10.0, 9.0]), error, cubes, np.array([3, 5]), t)
        skewness, relation = 18 / 6 / (46 / 6) ** 1.5, math.sqrt(46 / (2 * 100 + 4 * 81))
        assert skewness < relation < 4 / 10  # the deviation of the first group is 4
        assert below[0] == pytest.approx(4 * error[0])
        assert above[0] == pytest.approx(4 / math.sqrt(3) * (4 + skewness * above[0]))


class TestLogRank:
    """Losses of two groups at each time; few are judged by all draws."""

    def test_few_losses_against_all_draws(self):
        rng = np.random.default_rng(3)
        for _ in range(60):
            left, other = (np.sort(rng.integers(1, 9, rng.integers(1, 9))) for _ in range(2))
            times = np.unique(np.concatenate([left, other]))
            lost, other_lost = (np.array([(x == t).sum() for t in times]) for x in (left, other))
            at, other_at = (np.array([(x >= t).sum() for t in times]) for x in (left, other))
            d, n = lost + other_lost, at + other_at
            statistic, p = log_rank(lost, at, other_lost, other_at)
            variance = sum(
                Fraction(int(a * b * e * (m - e)), int(m * m * max(m - 1, 1)))
                for a, b, e, m in zip(at, other_at, d, n, strict=True)
            )
            if not variance:
                assert (statistic, p) == (0.0, 1.0)
                continue
            excess = sum(
                Fraction(int(x)) - Fraction(int(e * a), int(m)) for x, e, a, m in zip(lost, d, at, n, strict=True)
            )
            assert statistic == pytest.approx(float(excess) / math.sqrt(variance))
            exact = slow_log_rank(lost.tolist(), at.tolist(), d.tolist(), n.tolist())
            assert p == pytest.approx(max(exact, 2 * special.ndtr(-abs(statistic))))

    @pytest.mark.parametrize(
        "groups",
        [
            ([0, 0], [5, 5], [0, 0], [5, 5]),  # nobody is lost
            ([1, 1], [3, 1], [0, 0], [0, 0]),  # no time with both groups at risk
            ([2], [2], [3], [3]),  # all are lost at once
        ],
    )
    def test_nothing_to_compare(self, groups):
        assert log_rank(*map(np.array, groups)) == (0.0, 1.0)

    def test_thirty_expected_losses_are_normal(self):
        lost, other_lost, at = np.array([20, 20]), np.array([10, 10]), np.array([100, 100])
        statistic, p = log_rank(lost, at, other_lost, at)
        assert statistic == pytest.approx(10 / math.sqrt(2 * 30 / 4 * 170 / 199))
        assert p == 2 * special.ndtr(-statistic)
        fewer = log_rank(lost, at, other_lost - [0, 1], at)
        assert fewer[1] > 2 * special.ndtr(-fewer[0])

    def test_many_losses_are_normal(self):
        lost, at = np.full(8, 10), 100 - 10 * np.arange(8)
        statistic, p = log_rank(lost, at, np.full(8, 6), 100 - 6 * np.arange(8))
        assert p == 2 * special.ndtr(-abs(statistic))
        assert statistic > 0
