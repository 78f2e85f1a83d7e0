"""Products of tables that are taken block by block, averages, and tails of counts."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from scipy.special import betainc

from crmvalue._models.shared.numerics import average_over_beta, count_tails, product_by_rows, tall_product

RNG = np.random.default_rng(5)


def whole_numbers(*shape):
    """Draw whole numbers whose products and sums floats hold exactly."""
    return RNG.integers(-9, 10, shape)


class TestProducts:
    """Equal to the product of whole numbers by Python's rules, whatever the blocks: with rows left over, or none."""

    @pytest.mark.parametrize(
        ("n_rows", "m", "n"),
        [(0, 3, 2), (5, 0, 3), (5, 3, 0), (1, 1, 1), (1024, 16, 16), (1025, 16, 16), (3000, 24, 24), (200, 130, 70)],
    )
    def test_tall(self, n_rows, m, n):
        x, y = whole_numbers(n_rows, m), whole_numbers(n_rows, n)
        found = tall_product(x.astype(np.float64), y.astype(np.float64))
        assert found.shape == (m, n)
        assert np.array_equal(found, x.T @ y)

    @pytest.mark.parametrize(
        ("n_rows", "n", "n_columns"),
        [(0, 4, 2), (5, 4, 0), (1, 1, 1), (364, 364, 24), (365, 365, 24), (60, 2000, 140)],
    )
    def test_by_rows(self, n_rows, n, n_columns):
        x, y = whole_numbers(n_rows, n), whole_numbers(n, n_columns)
        found = product_by_rows(x.astype(np.float64), y.astype(np.float64))
        assert found.shape == (n_rows, n_columns)
        assert np.array_equal(found, x @ y)


class TestAverageOverBeta:
    """Mean of (1 + p w)^-power over a beta distribution (a, b): (1 + w)^-power 2F1(power, b; a + b; w / (1 + w))."""

    def test_at_the_corners(self):
        """The means by Gauss' function at 60 digits (mpmath): where the rule begins and ends is another in each row."""
        rows = np.array(
            [
                (0.01, 0.01, 0.05, 0.001, 0.9999750129874934),
                (0.01, 50, 5000, 10, 0.9331534116017907),
                (50, 0.01, 20, 1000, 9.852872431632478e-61),
                (0.3, 2.4, 30, 5, 0.2775937125749441),
                (0.79, 2.4, 2.5, 3, 0.3966973063269116),
                (20, 0.02, 5000, 10000, 2.855408660733821e-139),
                (0.02, 5000, 0.3, 10000, 0.9932314367129987),
                (5, 300, 300, 0.01, 0.9522383057887935),
                (0.5, 100000, 100000, 50, 0.14002835161077326),
                (1.3, 0.9, 0.01, 1e06, 0.8772247136346462),
                (0.01, 5000, 5000, 0.001, 0.9999900050665989),
                (2000, 3, 2, 0.5, 0.44488866660520354),
            ]
        )
        a, b, power, w, mean = rows.T
        found = average_over_beta(lambda p, power, w: np.exp(-power * np.log1p(p * w)), a=a, b=b, power=power, w=w)
        np.testing.assert_allclose(found, mean, rtol=1e-12)


class TestCountTails:
    """At least n events: the incomplete beta function of n, the shape, and w / (1 + w)."""

    def test_of_counts_so_large_that_none_is_no_float(self):
        """The chance of none is exp(-642), exp(-735), exp(-762) and exp(-2079); one customer may have no time."""
        shape, w = np.array([1000.0, 5e6, 1100.0, 3000.0, 2.0]), np.array([0.9, 1.47e-4, 1.0, 1.0, 0.0])
        found = np.array(list(islice(count_tails(shape, w), 3500)))
        wanted = betainc(np.arange(1.0, 3501.0)[:, np.newaxis], shape, w / (1.0 + w))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)  # scipy's function has no more digits

    def test_errstate_of_the_caller(self):
        """Chances that are too small for a float stop nothing, and the caller's errstate stays theirs."""
        with np.errstate(all="raise"):
            for tail in islice(count_tails(np.array([0.5, 2000.0]), np.array([0.01, 0.7])), 400):
                assert np.geterr()["under"] == "raise"
                assert tail.max() <= 1.0
