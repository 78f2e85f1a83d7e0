"""Growth and doubling, compound."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.metrics import doubling_time, growth_rate


class TestGrowthRate:
    """(now / before)^(1 / n) - 1."""

    @pytest.mark.parametrize(
        ("before", "now", "n", "rate"),
        [(100, 121, 2, 0.1), (100, 100, 12, 0), (100, 50, 1, -0.5), (100, 0, 3, -1), (1, 4, 0.5, 15)],
    )
    def test_by_hand(self, before, now, n, rate):
        assert growth_rate(before, now, n_periods=n) == pytest.approx(rate, rel=1e-14, abs=1e-15)

    @given(st.floats(1, 1e6), st.floats(-0.9, 2), st.integers(1, 24))
    def test_growing_so_for_n_periods_leads_there(self, before, rate, n):
        now = before
        for _ in range(n):
            now *= 1 + rate
        assert growth_rate(before, now, n_periods=n) == pytest.approx(rate, abs=1e-9)

    def test_growth_near_nothing_keeps_its_digits(self):
        assert growth_rate(1.0, 1.0 + 2**-40, n_periods=10) == pytest.approx(2**-40 / 10, rel=1e-9, abs=0)

    @pytest.mark.parametrize("before", [1e9, 3e-50, 1e90])
    @pytest.mark.parametrize("n", [1, 7])
    def test_so_it_does_far_from_1(self, before, n):
        now = before * (1 + 2**-30)
        exact = (Fraction(now) - Fraction(before)) / Fraction(before)
        assert growth_rate(before, now, n_periods=n) == pytest.approx(
            float(exact) / n - (n - 1) * float(exact) ** 2 / (2 * n**2), rel=1e-15, abs=0
        )

    @pytest.mark.parametrize(("before", "now", "n"), [(80.0, 121.0, 1e-7), (1e-90, 1e90, 0.5), (100.0, 101.0, 1e-99)])
    def test_growth_too_large_for_a_float_is_refused(self, before, now, n):
        with pytest.raises(InputError, match="`n_periods` must be long enough"):
            growth_rate(before, now, n_periods=n)

    @pytest.mark.parametrize(("before", "n", "name"), [(0, 1, "before"), (100, 0, "n_periods")])
    def test_nothing_has_no_growth_and_takes_no_time(self, before, n, name):
        with pytest.raises(InputError, match=f"`{name}` must be > 0; got 0"):
            growth_rate(before, 121, n_periods=n)

    def test_the_period_that_is_too_short_is_named(self):
        with pytest.raises(InputError) as caught:
            growth_rate([80.0, 80.0, 80.0], [121.0, 0.0, 121.0], n_periods=[1.0, 1e-7, 1e-7])
        assert (caught.value.name, caught.value.index) == ("n_periods", 2)


class TestDoublingTime:
    """The time t with (1 + g)^t = 2."""

    @given(st.floats(1e-9, 100))
    def test_doubles(self, rate):
        time = doubling_time(rate)
        assert time * np.log1p(rate) == pytest.approx(np.log(2), rel=1e-12)

    def test_column(self):
        np.testing.assert_allclose(doubling_time([1.0, 3.0, 0.1]), [1, 0.5, 7.272540897341713])

    def test_what_does_not_grow_never_doubles(self):
        with pytest.raises(InputError, match="`growth_rate` must be > 0; got 0"):
            doubling_time(0)
