"""Tests of the intervals for proportions, means and ratios of sums."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from mpmath import mp
from scipy import stats

from crmvalue.errors import InputError
from crmvalue.metrics import mean_interval, proportion_interval, ratio_interval
from crmvalue.typing import Interval
from tests.metrics.references import bca_by_loops
from tests.strategies import counts, open_rates
from tests.work import times_longer

NAN, INF = float("nan"), float("inf")

LEVEL_REJECTIONS = [1e-17, 1e-100, 0, 1, 95, -0.5, NAN, INF, "0.95", [0.9, 0.95], None]

values = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
rows = st.lists(st.tuples(values, st.floats(0.5, 100).map(lambda x: round(x, 3))), min_size=3, max_size=20)


class TestProportionInterval:
    """Wilson: the proportions that a two-sided z test does not reject."""

    @pytest.mark.parametrize(
        ("successes", "n", "low", "high"),
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_known_answers(self, successes, n, low, high):
        """Oracles, section 4, after Newcombe (1998)."""
        interval = proportion_interval(successes, n)
        assert isinstance(interval, Interval)
        assert interval == pytest.approx((low, high), abs=5e-5)

    @given(st.integers(1, 10**6), st.data())
    def test_agrees_with_scipy(self, n, data):
        """`scipy.stats.binomtest`; its lower end at 0 and its upper end at n are set to 0 and 1, as here."""
        successes = data.draw(st.integers(0, n))
        level = data.draw(st.sampled_from([0.5, 0.8, 0.95, 0.999]))
        expected = stats.binomtest(successes, n).proportion_ci(confidence_level=level, method="wilson")
        interval = proportion_interval(successes, n, level=level)
        assert interval == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-15)

    @given(st.integers(1, 10**12), st.data(), st.floats(0.01, 0.9999))
    def test_a_z_test_just_rejects_its_ends(self, n, data, level):
        """The definition, in 50 digits: |p - end| = z sqrt(end (1 - end) / n)."""
        successes = data.draw(st.integers(0, n))
        with mp.workdps(50):
            z = mp.sqrt(2) * mp.erfinv(mp.mpf(level))
            p = mp.mpf(successes) / n
            middle, spread = p + z**2 / (2 * n), z * mp.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
            for end in ((middle - spread) / (1 + z**2 / n), (middle + spread) / (1 + z**2 / n)):
                assert mp.almosteq(
                    mp.fabs(p - end), z * mp.sqrt(mp.fabs(end * (1 - end)) / n), abs_eps=mp.mpf(10) ** -20
                )
            exact = [float((middle + sign * spread) / (1 + z**2 / n)) for sign in (-1, 1)]
        assert proportion_interval(successes, n, level=level) == pytest.approx(exact, rel=1e-9, abs=1e-40)

    @given(st.lists(st.tuples(counts, counts).filter(any), min_size=1, max_size=4), open_rates, open_rates)
    def test_bounded_symmetric_and_wider_with_the_level(self, pairs, one, other):
        hits, misses = np.array(pairs).T
        narrow = proportion_interval(hits, hits + misses, level=min(one, other))
        wide = proportion_interval(hits, hits + misses, level=max(one, other))
        p = hits / (hits + misses)
        assert np.all((wide.low >= 0) & (wide.low <= narrow.low) & (narrow.high <= wide.high) & (wide.high <= 1))
        assert np.all((narrow.low <= p * (1 + 1e-15)) & (narrow.high >= p * (1 - 1e-15)))
        mirrored = proportion_interval(misses, hits + misses, level=max(one, other))
        np.testing.assert_allclose(wide.low, 1 - mirrored.high, atol=1e-15)

    def test_ends_of_the_scale_are_reached_exactly(self):
        for n in (1, 3, 20, 12345, 10**15):
            assert proportion_interval(0, n).low == 0
            assert proportion_interval(n, n).high == 1

    @given(counts, counts, st.sampled_from([1e-16, 1e-8, 1e-3, 0.5, 0.95, 1 - 1e-12, 1 - 2**-53]))
    @example(0, 1, 1e-16)
    @example(29, 1, 1e-12)
    def test_holds_the_estimate(self, hits, misses, level):
        assume(hits + misses > 0)
        low, high = proportion_interval(hits, hits + misses, level=level)
        assert 0 <= low <= hits / (hits + misses) <= high <= 1

    def test_the_estimate_is_inside_even_where_it_is_rounded(self):
        n = np.arange(1, 3000)
        for x in (np.minimum(n, 2), n - 1, n // 3):
            for level in (1e-15, 1e-12, 1e-8):
                low, high = proportion_interval(x, n, level=level)
                assert np.all((low >= 0) & (low <= x / n) & (x / n <= high) & (high <= 1))

    def test_broadcasts(self):
        low, high = proportion_interval([[1], [2]], [10, 20, 30])
        assert low.shape == high.shape == (2, 3)
        assert (low[1, 2], high[1, 2]) == proportion_interval(2, 30)

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ((-1, 10), "successes"),
            ((0.5, 10), "successes"),
            ((11, 10), "successes"),
            ((NAN, 10), "successes"),
            ((0, 0), "n"),
            ((1, INF), "n"),
            (([1, 2], [3, 4, 5]), "n"),
        ],
    )
    def test_refuses(self, arguments, name):
        with pytest.raises(InputError) as caught:
            proportion_interval(*arguments)
        assert caught.value.name == name

    @pytest.mark.parametrize("level", LEVEL_REJECTIONS)
    def test_refuses_level(self, level):
        with pytest.raises(InputError) as caught:
            proportion_interval(1, 10, level=level)
        assert caught.value.name == "level"


class TestMeanInterval:
    """Mean plus and minus t s / sqrt(n)."""

    @pytest.mark.parametrize(
        ("numbers", "level", "low", "high"),
        [
            # Student (1908), additional sleep by drug 2: mean 2.33, s 2.002; R's t.test prints 0.8976775 3.7623225
            ([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4], 0.95, 0.8976775, 3.7623225),
            ([0, 2], 0.5, 0, 2),  # by hand: with one degree of freedom the quartile of t is 1
            ([7, 7, 7], 0.95, 7, 7),
        ],
    )
    def test_known_answers(self, numbers, level, low, high):
        assert mean_interval(numbers, level=level) == pytest.approx((low, high), abs=5e-8)

    @given(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), st.integers(2, 9))
    @example(0.1, 3)
    def test_equal_values_give_that_value_twice(self, value, n):
        assert tuple(mean_interval([value] * n)) == (value, value)

    @given(st.lists(values, min_size=2, max_size=30).filter(lambda x: np.ptp(x) > 1e-2), st.floats(0.01, 0.999))
    def test_agrees_with_scipy(self, numbers, level):
        expected = stats.ttest_1samp(numbers, 0).confidence_interval(level)
        size = np.abs(numbers).max()
        assert mean_interval(numbers, level=level) == pytest.approx(tuple(expected), rel=1e-9, abs=1e-9 * size)

    @pytest.mark.parametrize("numbers", [[], [1], 5, [1, NAN], [1, INF], ["1", "2"], [[1, 2]], [1e200, 1]])
    def test_refuses(self, numbers):
        with pytest.raises(InputError) as caught:
            mean_interval(numbers)
        assert caught.value.name == "values"

    @pytest.mark.parametrize("level", LEVEL_REJECTIONS)
    def test_refuses_level(self, level):
        with pytest.raises(InputError) as caught:
            mean_interval([1, 2], level=level)
        assert caught.value.name == "level"


class TestRatioInterval:
    """Fieller: the ratios r for which a t test does not reject that numerator - r denominator has mean 0."""

    REVENUE = (120, 80, 300, 50, 90, 140, 210, 60)
    ORDERS = (2, 1, 4, 1, 2, 2, 3, 1)

    def test_a_trillion_added_to_all_values_moves_the_interval(self):
        value = np.array([0.0, 1, 1, 0, 1, 1, 0, 0])
        expected = mean_interval(value)
        found = ratio_interval(1e12 + value, [1] * 8, method="fieller")
        assert (found.low - 1e12, found.high - 1e12) == pytest.approx(tuple(expected), abs=1e-3)

    def test_known_answer(self):
        """`scipy.stats.ttest_1samp` of revenue - r orders has p = 0.05 at these two r (`scipy.optimize.brentq`)."""
        interval = ratio_interval(self.REVENUE, self.ORDERS, method="fieller")
        assert interval == pytest.approx((51.15238969606281, 74.1714404387535), rel=1e-12)

    def test_constant_denominator_gives_the_interval_of_the_mean(self):
        expected = mean_interval(np.array(self.REVENUE) / 4)
        assert ratio_interval(self.REVENUE, [4] * 8, method="fieller") == pytest.approx(tuple(expected), rel=1e-14)

    @given(rows, st.floats(0.05, 0.99))
    def test_a_t_test_just_rejects_its_ends(self, pairs, level):
        x, y = np.array(pairs).T
        ratio = x.sum() / y.sum()
        noise = 1e-6 * np.abs(x).max()
        try:
            interval = ratio_interval(x, y, method="fieller", level=level)
        except InputError as error:
            assert error.name == "denominator"  # noqa: PT017 - a bounded interval is tested below
            assert stats.ttest_1samp(y, 0).pvalue >= 1 - level - 1e-9
            return
        assert interval.low <= ratio * (1 + 1e-12 * np.sign(ratio)) or interval.low == pytest.approx(ratio)
        for end in interval:
            residual = x - end * y
            if np.ptp(residual) > noise:
                assert stats.ttest_1samp(residual, 0).pvalue == pytest.approx(1 - level, rel=1e-5)

    @given(rows, st.floats(1e-3, 1e3), st.randoms(use_true_random=False))
    def test_scales_and_does_not_depend_on_the_order_of_rows(self, pairs, factor, random):
        x, y = np.array(pairs).T
        try:
            low, high = ratio_interval(x, y, method="fieller", level=0.5)
        except InputError:
            return
        random.shuffle(pairs)
        x, y = np.array(pairs).T
        scaled = ratio_interval(x * factor, y, method="fieller", level=0.5)
        size = np.abs(x).max() / y.min()
        assert scaled == pytest.approx((low * factor, high * factor), rel=1e-6, abs=1e-9 * factor * size)

    @pytest.mark.parametrize(("of_numerator", "of_denominator"), [(1e99, 1e-100), (1e-100, 1e99), (1e99, 1e99)])
    def test_extreme_magnitudes(self, of_numerator, of_denominator):
        x, y = np.array([1, 2, 4]), np.array([1, 2, 3])
        interval = ratio_interval(x * of_numerator, y * of_denominator, method="fieller", level=0.5)
        ordinary = ratio_interval(x, y, method="fieller", level=0.5)
        factor = of_numerator / of_denominator
        assert interval == pytest.approx((ordinary.low * factor, ordinary.high * factor), rel=1e-12)

    def test_bootstrap_covers_the_same_ground(self):
        """400 customers are enough for both methods to agree within 5 % of the width."""
        rng = np.random.default_rng(3)
        orders = rng.integers(1, 6, 400)
        revenue = orders * rng.normal(50, 10, 400)
        fieller = ratio_interval(revenue, orders, method="fieller")
        bootstrap = ratio_interval(revenue, orders, method="bootstrap", rng=np.random.default_rng(4))
        assert bootstrap == pytest.approx(tuple(fieller), abs=0.05 * (fieller.high - fieller.low))

    def test_bootstrap_is_scipys(self):
        """`scipy.stats.bootstrap` with paired rows and the same draws, without this package's scaling and batches."""
        x, y = np.array(self.REVENUE, dtype=float), np.array(self.ORDERS, dtype=float)
        expected = stats.bootstrap(
            (x, y), lambda x, y: x.sum() / y.sum(), paired=True, vectorized=False, random_state=np.random.default_rng(5)
        ).confidence_interval
        interval = ratio_interval(x, y, method="bootstrap", rng=np.random.default_rng(5))
        assert interval == pytest.approx(tuple(expected), rel=1e-12)
        assert interval == ratio_interval(x, y, method="bootstrap", rng=np.random.default_rng(5))

    @pytest.mark.parametrize(("seed", "level"), [(1, 0.95), (2, 0.95), (3, 0.8)])
    def test_bootstrap_is_that_of_efron(self, seed, level):
        """Skewed spend of 15 customers: the acceleration moves both ends by several percent."""
        data = np.random.default_rng(seed)
        x, y = data.lognormal(0, 1.2, 15), data.integers(1, 6, 15).astype(float)
        draws = np.random.default_rng(seed + 10).integers(0, 15, (9999, 15))
        expected = bca_by_loops(x.tolist(), y.tolist(), draws.tolist(), level)
        found = ratio_interval(x, y, method="bootstrap", level=level, rng=np.random.default_rng(seed + 10))
        assert found == pytest.approx(expected, rel=1e-9)

    def test_bootstrap_of_many_rows_is_refused_at_once(self):
        """A million rows would be drawn 10,000 times: minutes. Fieller's interval takes them."""
        x, y = np.arange(1.0, 1_000_001.0), np.ones(1_000_000)
        with pytest.raises(
            InputError, match=r'"fieller" for more than 200,000 rows; got .bootstrap for 1,000,000'
        ) as e:
            ratio_interval(x, y, method="bootstrap", rng=np.random.default_rng(7))
        assert e.value.name == "method"
        low, high = ratio_interval(x, y, method="fieller")
        assert low < 500_000.5 < high

    @pytest.mark.slow
    def test_the_most_rows_that_are_drawn_take_seconds(self):
        rng = np.random.default_rng(3)
        x, y = rng.lognormal(3, 1.5, 200_000), rng.poisson(3, 200_000) + 1
        ratio, found = times_longer(
            lambda n: ratio_interval(x[:n], y[:n], method="bootstrap", rng=rng), 20_000, 200_000, n_rounds=1
        )
        assert ratio < 30
        fieller = ratio_interval(x, y, method="fieller")
        assert found == pytest.approx(tuple(fieller), abs=0.05 * (fieller.high - fieller.low))

    def test_a_resample_that_is_no_number_is_an_error(self):
        """One resample of 16 has neither revenue nor orders: 0 over 0."""
        with pytest.raises(InputError, match="the ratio of every resample is a number"):
            ratio_interval([0, 0, 4, 6], [0, 0, 3, 4], method="bootstrap", rng=np.random.default_rng(7))

    def test_a_correction_that_is_no_number_is_an_error(self):
        """Resamples that all lie on one side of the ratio have no finite correction of their bias."""

        class FirstRowOnly(np.random.Generator):
            def integers(self, low, high, size):  # noqa: ARG002 - the signature of numpy
                return np.zeros(size, dtype=np.int64)

        with pytest.raises(InputError, match="the ratio of every resample is a number"):
            ratio_interval([9, 2, 4], [1, 1, 3], method="bootstrap", rng=FirstRowOnly(np.random.PCG64(1)))

    def test_bootstrap_leaves_the_filters_of_warnings_alone(self, monkeypatch):
        """They belong to the whole process: changing them is not safe where threads run."""
        monkeypatch.setattr(warnings, "catch_warnings", None)
        low, high = ratio_interval([1, 2, 4], [1, 1, 3], method="bootstrap", rng=np.random.default_rng(8))
        assert low < high

    @pytest.mark.parametrize("method", ["fieller", "bootstrap"])
    @pytest.mark.parametrize(
        ("numerator", "ratio"),
        [([0, 0, 0], 0), ([0.3, 0.6, 0.9], 0.3), ([7, 14, 21], 7)],  # every customer has the same ratio
    )
    def test_no_variation_gives_an_interval_of_one_number(self, method, numerator, ratio):
        interval = ratio_interval(numerator, [1, 2, 3], method=method, rng=np.random.default_rng(6))
        assert interval == pytest.approx((ratio, ratio), rel=1e-14)

    def test_an_unbounded_interval_is_an_error(self):
        """A mean of 1 with standard error 1 is not away from 0 at 95 %; at 10 % it is."""
        with pytest.raises(
            InputError, match=r"clearly away from 0 .* the interval of the ratio is unbounded"
        ) as caught:
            ratio_interval([1, 2, 4], [0, 0, 3], method="fieller")
        assert caught.value.name == "denominator"
        low, high = ratio_interval([1, 2, 4], [0, 0, 3], method="fieller", level=0.1)
        assert low < 7 / 3 < high

    def test_a_resample_without_denominator_is_an_error(self):
        with pytest.raises(InputError, match="the ratio of every resample is a number") as caught:
            ratio_interval([1, 2, 4], [0, 0, 3], method="bootstrap", rng=np.random.default_rng(7))
        assert caught.value.name == "denominator"

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"numerator": [1, NAN]}, "numerator"),
            ({"numerator": [1], "denominator": [1]}, "numerator"),
            ({"numerator": [], "denominator": []}, "numerator"),
            ({"numerator": 1}, "numerator"),
            ({"denominator": [1, INF]}, "denominator"),
            ({"denominator": [1, 2, 3]}, "denominator"),
            ({"denominator": [0, 0]}, "denominator"),
            ({"denominator": [1, -1]}, "denominator"),
            ({"method": "delta"}, "method"),
            ({"method": "bootstrap"}, "rng"),
            ({"method": "bootstrap", "rng": 42}, "rng"),
            ({"level": 1}, "level"),
            ({"level": 1, "method": "bootstrap", "rng": np.random.default_rng(0)}, "level"),
        ],
    )
    def test_refuses(self, changes, name):
        valid = {"numerator": [1, 2], "denominator": [5, 6], "method": "fieller"}
        with pytest.raises(InputError) as caught:
            ratio_interval(**{**valid, **changes})
        assert caught.value.name == name
