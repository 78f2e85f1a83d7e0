"""Products of tables that are taken block by block."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue._models.shared.numerics import product_by_rows, tall_product

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
