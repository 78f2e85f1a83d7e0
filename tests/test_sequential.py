"""The sequential test: no more false alarms than stated, however often one looks."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.experiments import sequential_test


def alarms(draw, *, runs, n, share=0.5, seed=1, **options):
    """Share of tests of two equal variants that ever conclude a difference, with a look at every observation."""
    rng = np.random.default_rng(seed)
    found = 0
    for _ in range(runs):
        variant = (rng.random(n) < share).astype(int)
        found += sequential_test(variant, draw(rng, n), share=share, **options).stopped_at is not None
    return found / runs


class TestSequentialTest:
    """Always-valid p-values and intervals."""

    @pytest.mark.parametrize(("rate", "share"), [(0.5, 0.5), (0.2, 0.3), (0.01, 0.5), (0.9, 0.8)])
    def test_false_alarms_of_proportions_stay_under_the_level(self, rate, share):
        """Exact: at most 10 % of 600 tests, give or take three standard errors of a fair count."""
        share_of_alarms = alarms(lambda rng, n: rng.random(n) < rate, runs=600, n=1500, share=share, level=0.9)
        assert share_of_alarms <= 0.10

    @pytest.mark.parametrize("kind", ["normal", "exponential"])
    def test_false_alarms_of_means_stay_under_the_level(self, kind):
        draw = {"normal": lambda rng, n: rng.normal(5, 2, n), "exponential": lambda rng, n: rng.exponential(3, n)}[kind]
        assert alarms(draw, runs=600, n=1500, level=0.9) <= 0.10

    @settings(max_examples=25)
    @given(n=st.integers(1, 4), share=st.sampled_from([0.2, 0.5, 0.7]), rate=st.floats(0.05, 0.95))
    def test_the_martingale_is_worth_one_on_average(self, n, share, rate):
        """Exact for few observations: the sum over all assignments and outcomes, with their probabilities."""
        total = 0.0
        for row in itertools.product((0, 1), (0, 1), repeat=n):
            variant, y = row[::2], row[1::2]
            weight = math.prod(share if v else 1 - share for v in variant)
            weight *= math.prod(rate if o else 1 - rate for o in y)
            total += weight * martingale(variant, y, share)
        assert total == pytest.approx(1.0, abs=1e-12)

    @given(
        row=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40),
        share=st.sampled_from([0.2, 0.5, 0.7]),
    )
    def test_the_p_value_is_one_over_its_largest_value(self, row, share):
        variant, y = zip(*row, strict=True)
        best = max(1.0, *(martingale(variant[:k], y[:k], share) for k in range(1, len(y) + 1)))
        assert sequential_test(variant, y, share=share).p_value[-1] == pytest.approx(1 / best, rel=1e-9)

    def test_finds_a_difference(self):
        rng = np.random.default_rng(2)
        variant = rng.integers(0, 2, 6000)
        test = sequential_test(variant, rng.random(6000) < np.where(variant == 1, 0.25, 0.20))
        assert test.kind == "proportions"
        assert test.stopped_at is not None
        assert "better" in test.conclusion
        spend = rng.exponential(np.where(variant == 1, 8.0, 10.0))
        test = sequential_test(variant, spend)
        assert test.kind == "means"
        assert "worse" in test.conclusion

    def test_the_interval_covers_at_all_moments_together(self):
        rng = np.random.default_rng(3)
        missed = 0
        for _ in range(400):
            variant = rng.integers(0, 2, 1500)
            test = sequential_test(variant, rng.normal(10 + 0.3 * variant, 2), level=0.9)
            missed += bool(((test.low > 0.3) | (test.high < 0.3)).any())
        assert missed / 400 <= 0.10

    def test_p_values_never_rise_and_equal_what_a_shorter_test_says(self):
        rng = np.random.default_rng(4)
        variant, y = rng.integers(0, 2, 800), rng.random(800) < 0.3
        whole = sequential_test(variant, y)
        assert (np.diff(whole.p_value) <= 0).all()
        assert (whole.p_value <= 1).all()
        for n in (1, 7, 300):
            part = sequential_test(variant[:n], y[:n])
            assert part.p_value == pytest.approx(whole.p_value[:n], abs=1e-12)
            np.testing.assert_allclose(part.low, whole.low[:n], rtol=1e-9)

    def test_nothing_yet(self):
        with pytest.raises(InputError, match="at least one row"):
            sequential_test([], [])
        test = sequential_test([1, 1], [0, 1])
        assert np.isnan(test.difference).all()
        assert "may still be there" in test.conclusion
        same = sequential_test([0, 1] * 300, [5.0] * 600)
        assert same.stopped_at is None

    def test_a_large_common_value_does_not_blur_the_variance(self):
        rng = np.random.default_rng(5)
        variant, y = rng.integers(0, 2, 900), rng.normal(0, 1, 900)
        plain, lifted = sequential_test(variant, y), sequential_test(variant, y + 1e6)
        np.testing.assert_allclose(lifted.p_value, plain.p_value, rtol=1e-4)

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"variant": [0, 2]}, "variant"),
            ({"variant": [0, np.nan]}, "variant"),
            ({"outcome": [0, np.nan]}, "outcome"),
            ({"outcome": ["a", "b"]}, "outcome"),
            ({"share": 1}, "share"),
            ({"level": 0}, "level"),
            ({"burn_in": 1}, "burn_in"),
        ],
    )
    def test_rejections(self, changes, name):
        with pytest.raises(InputError) as caught:
            sequential_test(**{"variant": [0, 1], "outcome": [0, 1], **changes})
        assert caught.value.name == name

    def test_lengths(self):
        with pytest.raises(InputError):
            sequential_test([0, 1], [0, 1, 1])


def martingale(variant, y, share):
    """Mean of the three martingales after some observations, one by one."""
    values = []
    for strength in (10.0, 100.0, 1000.0):
        value, won, seen = 1.0, [0.0, 0.0], [0, 0]
        for v, o in zip(variant, y, strict=True):
            common = (sum(won) + 0.5) / (sum(seen) + 1)
            rate = [(won[u] + strength * common) / (seen[u] + strength) for u in (0, 1)]
            mixed = share * rate[1] + (1 - share) * rate[0]
            value *= rate[v] / mixed if o else (1 - rate[v]) / (1 - mixed)
            won[v] += o
            seen[v] += 1
        values.append(value)
    return sum(values) / 3
