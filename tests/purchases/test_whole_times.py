"""The likelihood of whole times given their sum, against enumeration and closed forms."""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmvalue._purchases.whole_times import WholeTimes, _tilted, likeliest_shape, log_compositions, log_weights
from crmvalue.purchases import estimate_regularity


def weight(time, shape):
    """Integrate the power by hand, in many digits."""
    half = mp.mpf(1) / 2
    return ((time + half) ** shape - (time - half) ** shape) / shape


def slowly(number, total, shape):
    """Go through all compositions of a sum."""
    cuts = itertools.combinations(range(1, total), number - 1)
    return mp.log(
        mp.fsum(
            mp.fprod(weight(after - before, mp.mpf(shape)) for before, after in itertools.pairwise((0, *cut, total)))
            for cut in cuts
        )
    )


def sums(number, total, shape):
    return log_compositions(np.atleast_1d(number), np.atleast_1d(total), shape)


def log_binomial(above, below):
    with mp.workdps(40):
        return float(mp.log(mp.binomial(above, below)))


class TestLogWeights:
    @pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 2.0, 7.3, 100.0])
    def test_integral(self, shape):
        times = [1, 2, 3, 50, 10**6]
        with mp.workdps(40):
            expected = [float(mp.log(weight(mp.mpf(time), mp.mpf(shape)))) for time in times]
        assert log_weights(np.array(times, float), shape) == pytest.approx(expected, rel=1e-12, abs=1e-13)


class TestLogCompositions:
    """Logarithm of the sum, over all compositions of a total into parts, of the product of the weights of the parts."""

    @pytest.mark.parametrize("shape", [0.05, 0.5, 1.0, 2.6, 9.0, 40.0, 100.0])
    def test_enumeration(self, shape):
        pairs = [(2, 2), (2, 3), (2, 9), (3, 3), (3, 4), (3, 11), (4, 10), (5, 6), (5, 12), (7, 12)]
        expected = [float(slowly(*pair, shape)) for pair in pairs]
        assert sums(*np.transpose(pairs), shape) == pytest.approx(expected, rel=1e-11, abs=1e-11)

    @given(st.integers(2, 20), st.integers(0, 19_000))
    @example(20, 0)
    @example(2, 1998)
    def test_closed_forms(self, number, more):
        """A shape of 1 counts compositions; of 2, it adds up products of the parts: both are binomials."""
        total = number + more
        off = 1e-10 if total <= 1000 * number else 1e-5  # an integral takes the place of the sum
        assert sums(number, total, 1.0) == pytest.approx(log_binomial(total - 1, number - 1), rel=1e-11, abs=off)
        double = log_binomial(total + number - 1, 2 * number - 1)
        assert sums(number, total, 2.0) == pytest.approx(double, rel=1e-11, abs=off)

    @pytest.mark.parametrize("shape", [0.3, 1.7, 12.0, 60.0])
    def test_many_parts(self, shape):
        """All sums to 240 of up to 20 parts, one part after the other."""
        log_of = log_weights(np.arange(1.0, 241.0), shape)
        longest = log_of
        for number in range(2, 21):
            ways = np.full(240, -np.inf)
            for last in range(1, 240):
                ways[last] = np.logaddexp.reduce(longest[:last] + log_of[last - 1 :: -1])
            longest = ways
            total = np.arange(number, 241)
            assert sums(np.full(len(total), number), total, shape) == pytest.approx(
                longest[number - 1 :], rel=1e-9, abs=1e-9
            )

    def test_any_order_and_company(self):
        rng = np.random.default_rng(1)
        number = rng.integers(2, 21, 60)
        total = number * rng.choice([1, 3, 4, 30, 70, 1200], 60) + rng.integers(0, 2, 60)
        together = sums(number, total, 1.4)
        assert together == pytest.approx([sums(*pair, 1.4)[0] for pair in zip(number, total, strict=True)], rel=1e-12)

    @pytest.mark.parametrize("shape", [0.5, 1.0, 2.5, 20.0])
    def test_where_whole_numbers_end(self, shape):
        """At a mean of 1,000 the integral takes over from the sum; both are on one line."""
        for number in (2, 7, 20):
            total = 1000 * number + np.array([-2, -1, 0, 1, 2, 3])
            bend = np.diff(sums(np.full(6, number), total, shape), 2)
            assert np.abs(bend).max() < 2e-3


class TestWholeTimes:
    def test_customers_are_counted(self):
        """Customer 1 has one time, which says nothing; customer 3 has 45, in three stretches of a weight of 20 / 45."""
        time = np.array([3, 5, 4, 8, 2, 4, 2] + [1] * 15 + [2] * 15 + [3] * 15)
        owner = np.array([0, 0, 1, 2, 2, 4, 4] + [5] * 45)
        found = WholeTimes.of_customers(owner, time)
        third = 20 / 45
        assert list(zip(found.parts, found.total, strict=True)) == [
            (2, 6),
            (2, 8),
            (2, 10),
            (15, 15),
            (15, 30),
            (15, 45),
        ]
        assert found.of_total[0] == pytest.approx([1, 1, 1, third, third, third])
        assert found.of_total[1] == pytest.approx([1, 1, 1, third**2, third**2, third**2])
        assert found.time.tolist() == [1, 2, 3, 4, 5, 8]
        tens = np.array([15, 15, 15, 0, 0, 0])
        assert found.of_time[0] == pytest.approx(np.array([0, 2, 1, 1, 1, 1]) + third * tens)
        assert found.of_time[1] == pytest.approx(np.array([0, 2, 1, 1, 1, 1]) + third**2 * tens)

    @given(st.integers(2, 130))
    def test_stretches_have_nearly_equal_numbers(self, number):
        parts = WholeTimes.of_customers(np.zeros(number, int), np.arange(1, number + 1)).parts
        assert parts.max() <= 20
        assert parts.max() - parts.min() <= 1
        assert parts.sum() == number

    def test_likelihood(self):
        found = WholeTimes.of_customers(np.array([0, 0, 0, 1, 1]), np.array([2, 3, 6, 1, 4]))
        ann, bob = (
            sum(float(mp.log(weight(mp.mpf(time), 3))) for time in times) - float(slowly(len(times), sum(times), 3))
            for times in ([2, 3, 6], [1, 4])
        )
        assert found.log_likelihoods(3.0) == pytest.approx([ann + bob] * 2, rel=1e-12)

    def test_shapes_out_of_reach(self):
        """Bursts of which no shape is small enough, and times that are as good as equal."""
        bursts = WholeTimes.of_customers(np.zeros(8, int), np.array([1, 1, 1, 1, 1, 1, 1, 900]))
        assert likeliest_shape(bursts)[0] == pytest.approx(0.05, rel=0.01)
        clock = WholeTimes.of_customers(np.zeros(8, int), np.array([90, 91, 90, 90, 91, 90, 91, 90]))
        assert likeliest_shape(clock)[0] == math.inf


@pytest.mark.filterwarnings("ignore:1 row is more than 5 years before")
def test_strict_settings_of_numpy_stop_nothing():
    customer = ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    weeks, far = ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22"], ["2010-01-01", "2024-01-03", "2024-02-01"]
    date = [*weeks, *weeks, *far, "2024-03-01"]
    with np.errstate(all="raise"):
        found = estimate_regularity(customer, date)
    assert found == estimate_regularity(customer, date)


@pytest.mark.parametrize("shape", [0.05, 0.1, 1.0, 9.0, 100.0])
@pytest.mark.parametrize(("mean", "longest"), [(1.07, 20), (1.28, 2), (2.1, 400), (30.0, 70), (1000.0, 20_000)])
def test_weights_are_tilted_to_their_mean(shape, mean, longest):
    """A mean that is far off would leave the sums that are asked for with a chance of rounding."""
    time = np.arange(1.0, longest + 1)
    tilted = _tilted(time, log_weights(time, shape), mean, shape).weight
    assert np.sum(tilted * time[: len(tilted)]) / np.sum(tilted) - 1 == pytest.approx(mean - 1, rel=0.011)
