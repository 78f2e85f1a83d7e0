"""Results of this room whose figures contradict each other, made by hand or read from JSON, are refused."""

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from tests.contradictions import changed, value_of


@pytest.mark.parametrize(
    ("name", "field", "nonsense", "words"),
    [
        ("RemovalEffects", "prob_conversion", 2, r"`prob_conversion` must be in \[0, 1\]"),
        ("RemovalEffects", "prob_conversion", 5e-324, "`prob_without` must be at most `prob_conversion`"),
        ("RemovalEffects", "prob_without", 2, r"`prob_without` must be in \[0, 1\]"),
        ("RemovalEffects", "prob_without", 1, "`prob_without` must be at most `prob_conversion`"),
        ("RemovalEffects", "n_conversions", 0, "`n_conversions` must be"),
        ("RemovalEffects", "n_states", 0, "`n_states` must be"),
        ("Attribution", "n_conversions", 10**9, "`conversion_credit` must be of sum 1000000000"),
        ("Attribution", "conversion_credit", 5e-324, "`conversion_credit` must be of sum"),
        ("Attribution", "n_touches", 0, "`n_paths` must be at most `n_touches`"),
        ("Attribution", "unattributed_value", 5.0, "`unattributed_value` must be given if and only if `value_credit`"),
        ("ShapleyValues", "total", 1e9, "`total` must be the sum of `value`"),
        ("ShapleyValues", "n_orders", 5, "`n_orders` must be given if and only if `standard_error` is"),
        ("ShapleyValues", "standard_error", np.array([1.0, 1.0]), "`n_orders` must be given if and only if"),
    ],
)
def test_contradictions_are_refused(name, field, nonsense, words):
    value = value_of(name)
    with pytest.raises(InputError, match=words):
        changed(value, field, nonsense)


def test_standard_errors_are_not_negative():
    with pytest.raises(InputError, match="`standard_error` must be >= 0"):
        attrs.evolve(value_of("ShapleyValues"), standard_error=[-1.0, 1.0], n_orders=9)


def test_a_cost_for_the_smallest_credit_is_infinite():
    """The division overflowed with a warning, which stopped the picture too."""
    value = value_of("ChannelReturns")
    credit = np.full(len(value.channels), 5e-324)
    assert np.isinf(attrs.evolve(value, conversion_credit=credit).acquisition_cost).all()
