"""The types of crmvalue.typing that are values."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.typing import Interval


class TestInterval:
    """A pair that prints plain numbers."""

    @pytest.mark.parametrize("kind", [float, np.float64, np.float32])
    def test_prints_plain_numbers(self, kind):
        assert repr(Interval(kind(0.25), kind(0.5))) == "Interval(low=0.25, high=0.5)"
        assert str(Interval(kind(0.25), kind("inf"))) == "Interval(low=0.25, high=inf)"

    def test_arrays_print_as_numpy_prints_them(self):
        assert repr(Interval(np.array([1.0, 2.0]), np.array([3.0, 4.0]))) == (
            "Interval(low=array([1., 2.]), high=array([3., 4.]))"
        )

    def test_is_a_named_tuple(self):
        interval = Interval(np.float64(1), np.float64(2))
        low, high = interval
        assert (low, high) == (1, 2) == interval
        assert interval._replace(high=3.0) == Interval(1.0, 3.0)
        assert type(interval.low) is np.float64
