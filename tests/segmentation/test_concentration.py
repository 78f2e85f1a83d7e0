"""Concentration at the ends of its range."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.segmentation import concentration, gini


class TestGiniRange:
    """`gini` is in [0, 1 - 1/n], whatever is rounded."""

    @given(st.integers(1, 50), st.floats(1e-3, 1e3))
    @example(6, 3.3)
    def test_one_customer_holds_everything(self, n, value):
        found = gini([0] * (n - 1) + [value])
        assert found <= 1 - 1 / n
        assert found == pytest.approx(1 - 1 / n, abs=1e-15)

    @given(st.integers(1, 50), st.floats(1e-3, 1e3))
    def test_all_are_alike(self, n, value):
        assert 0 <= gini([value] * n) <= 1e-15


@pytest.mark.parametrize("name", ["gini", "best_customers", "value_of_best", "value_share", "holders", "warning_share"])
def test_no_share_is_above_one(name):
    with pytest.raises(InputError, match=f"`{name}` must be in"):
        attrs.evolve(concentration([1, 3, 5, 7]), **{name: 1.5})
