"""Elasticities and the gain from more retention."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crmvalue import ltv
from crmvalue.errors import ConvergenceError, InputError
from crmvalue.plots import sensitivity
from tests.ltv.references import refusal, survivor_sum
from tests.strategies import positive_money

A_RETENTION = {"arpu": 100, "margin": 0.5, "retention_rate": 0.8, "discount_rate": 0.1, "timing": "start"}


class TestLtvSensitivity:
    """d ln f / d ln x for each input x."""

    @pytest.mark.parametrize(
        ("function", "inputs", "expected"),
        [  # derivatives by hand
            (ltv.ltv_simple, {"arpu": 30, "lifetime": 24}, {"arpu": 1, "lifetime": 1}),
            (
                ltv.ltv_margin_churn,
                {"arpu": 15, "margin": 0.6, "churn_rate": 0.04},
                {"arpu": 1, "margin": 1, "churn_rate": -1},
            ),
            (
                ltv.ltv_margin_churn,
                {"arpu": 15, "margin": 1, "churn_rate": 1, "discount_rate": 0.25},
                {"arpu": 1, "margin": 1, "churn_rate": -0.8, "discount_rate": -0.2},
            ),
            (
                ltv.ltv_retention,
                A_RETENTION,
                {"arpu": 1, "margin": 1, "retention_rate": 0.8 / 0.3, "discount_rate": 0.1 / 1.1 - 0.1 / 0.3},
            ),
            (
                ltv.ltv_net_of_costs,
                {"arpu": 500, "lifetime": 24, "acquisition_cost": 600, "service_cost": 400},
                {"arpu": 12 / 11, "lifetime": 12 / 11, "acquisition_cost": -6 / 110, "service_cost": -4 / 110},
            ),
            (
                ltv.ltv_retention,
                {**A_RETENTION, "retention_rate": 0.995, "discount_rate": 0},
                {"arpu": 1, "margin": 1, "retention_rate": 199, "discount_rate": 0},
            ),
            (lambda x: 4 + ltv.ltv_simple(x - 2, 1), {"x": 2}, {"x": 0.5}),
            (ltv.ltv_simple, {"arpu": [30, 60], "lifetime": 24}, {"arpu": [1, 1], "lifetime": [1, 1]}),
            (ltv.ltv_net_of_service, {"revenue": 0, "service_cost": 5}, {"revenue": 0, "service_cost": 1}),
        ],
    )
    def test_known_elasticities(self, function, inputs, expected):
        found = ltv.ltv_sensitivity(function, inputs)
        assert set(found) == set(expected)
        for name, elasticity in expected.items():
            np.testing.assert_allclose(found[name], elasticity, rtol=1e-9, atol=1e-9)

    def test_a_column_beside_a_table_as_the_formula_takes_it(self):
        table = pd.DataFrame({"a": [10.0, 20.0], "b": [30.0, 40.0]})
        rates = pd.Series([0.1, 0.2], index=["a", "b"])
        found = ltv.ltv_sensitivity(ltv.ltv_margin_churn, {"arpu": table, "margin": 0.5, "churn_rate": rates})
        np.testing.assert_allclose(found["churn_rate"], np.full((2, 2), -1.0), rtol=1e-9)
        for wrong in (rates[::-1], pd.Series([0.1, 0.2], index=["x", "y"])):
            with pytest.raises(InputError, match=r"`churn_rate` must be with the same index as `arpu\.columns`"):
                ltv.ltv_sensitivity(ltv.ltv_margin_churn, {"arpu": table, "margin": 0.5, "churn_rate": wrong})

    @given(st.floats(0, 1 - 1e-8))
    @example(1 - 1e-8)
    def test_near_an_infinite_value_the_step_shrinks(self, retention):
        assume(retention == 0 or retention > 1e-9)
        inputs = A_RETENTION | {"retention_rate": retention, "discount_rate": 0}
        found = ltv.ltv_sensitivity(ltv.ltv_retention, inputs, vary=["retention_rate"])
        expected = retention / (1 - retention)
        assert found["retention_rate"] == pytest.approx(expected, rel=1e-5, abs=1e-8)  # differences of few digits left

    def test_keeps_its_digits_where_the_first_step_is_too_long(self):
        for retention in np.linspace(0.9, 0.999, 100):
            inputs = A_RETENTION | {"retention_rate": retention, "discount_rate": 0}
            found = ltv.ltv_sensitivity(ltv.ltv_retention, inputs, vary=["retention_rate"])
            assert found["retention_rate"] == pytest.approx(retention / (1 - retention), rel=1e-9)

    @given(positive_money, st.floats(0.01, 1), st.floats(0.01, 0.99))
    def test_homogeneous_of_degree_one_in_money(self, arpu, margin, churn):
        inputs = {"arpu": arpu, "margin": margin, "churn_rate": churn}
        found = ltv.ltv_sensitivity(ltv.ltv_margin_churn, inputs)
        for name, elasticity in (("arpu", 1), ("margin", 1), ("churn_rate", -1)):
            assert found[name] == pytest.approx(elasticity, rel=1e-9)

    def test_words_flags_and_missing_arguments_stay(self):
        inputs = {"cash_flows": [40, 40, 40], "acquisition_cost": 100, "timing": "end", "interpolate": True}
        found = ltv.ltv_sensitivity(ltv.payback_periods, inputs)
        assert set(found) == {"cash_flows", "acquisition_cost"}
        assert found["acquisition_cost"] == pytest.approx(1, rel=1e-9)  # 100 / 40 periods

    def test_what_is_no_array_stays(self):
        found = ltv.ltv_sensitivity(
            lambda orders, price: price * sum(map(sum, orders)), {"orders": [[1, 2], [3]], "price": 5}
        )
        assert set(found) == {"price"}
        assert found["price"] == pytest.approx(1, rel=1e-9)  # by hand

    def test_a_jump_is_no_elasticity(self):
        def jump(x):
            return np.where(x < 2, 1.0, 3.0)

        with pytest.raises(ConvergenceError, match="`x` does not settle") as caught:
            ltv.ltv_sensitivity(jump, {"x": 2.0})
        assert caught.value.best is not None

    def test_noise_of_the_value_is_tolerated(self):
        found = ltv.ltv_sensitivity(lambda x: np.round(x, 10), {"x": 2.0})
        assert found["x"] == pytest.approx(1, abs=1e-6)  # the value has ten decimals

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"inputs": {"arpu": -1, "lifetime": 1}}, "arpu"),
            ({"inputs": {"arpu": 0, "lifetime": 1}}, "inputs"),
            ({"vary": ["price"]}, "vary"),
            ({"function": ltv.ltv_retention, "inputs": A_RETENTION | {"n_periods": 12}}, "vary"),
            ({"function": lambda **_: "much"}, "function"),
            ({"function": 5}, "function"),
            ({"function": dict, "inputs": {"x": 2.0}}, "function"),  # it has no signature to look at
            ({"inputs": 5}, "inputs"),
            ({"inputs": [("arpu", 1), ("lifetime", 1)]}, "inputs"),
            ({"inputs": {}}, "inputs"),
            ({"inputs": {"arpu": 1}}, "inputs"),
            ({"inputs": {"arpu": 1, "lifetime": 1, "price": 1}}, "inputs"),
            ({"inputs": {"arpu": 1, 2: 1}}, "inputs"),
            ({"inputs": {"arpu": [[1, 2], [3]], "lifetime": 1}}, "arpu"),
            ({"vary": 5}, "vary"),
            ({"vary": "arpu"}, "vary"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.ltv_sensitivity, **changes).name == name


class TestRetentionUplift:
    """Value at r + p over value at r, minus 1."""

    @pytest.mark.parametrize(
        ("retention", "discount", "options", "expected"),
        [  # p / (1 + d - r - p), by hand
            (0.60, 0.10, {}, 0.05 / 0.45),
            (0.80, 0.10, {}, 0.05 / 0.25),
            (0.95, 0.10, {}, 0.5),
            (0.80, 0.10, {"points": -0.05}, -0.05 / 0.35),
            (0.80, 0.10, {"points": 0}, 0),
            (0.80, 0.00, {"n_periods": 2}, 0.05 / 1.8),
            (0.80, 0.00, {"n_periods": 1}, 0),
        ],
    )
    def test_oracles(self, retention, discount, options, expected):
        assert ltv.retention_uplift(retention, discount, **options) == pytest.approx(expected, rel=1e-12, abs=1e-15)

    def test_a_sum_that_passes_1_by_rounding_is_1(self):
        assert (1.1 - 0.2) + 0.1 > 1
        gain = ltv.retention_uplift(1.1 - 0.2, 1e-17, points=0.1)
        assert gain == pytest.approx(1e16, rel=1e-12)  # 1 / 1e-17 over 1 / 0.1

    @pytest.mark.parametrize("points", [1.4e-15, 1e-16, -1e-15, 1.5e-15])
    def test_keeps_its_digits_near_a_retention_of_one(self, points):
        """The definition, in 50 digits."""
        retention, rate = 1 - 1.7e-15, 1e-17
        with mpmath.workdps(50):
            loss = 1 - mpmath.mpf(retention) + mpmath.mpf(rate)
            expected = float(loss / (loss - mpmath.mpf(points)) - 1)
        assert ltv.retention_uplift(retention, rate, points=points) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("retention", "rate", "points"),
        [(1e-15, 1e3, 0.05), (0.6, 32101.5, 1e-12), (0.5, 0.1, 1e-30), (1e-15, 9.0, -4.8e-16), (0.0, 1e100, 1e-100)],
    )
    def test_keeps_the_digits_of_a_small_gain(self, retention, rate, points):
        """The definition, in 250 digits; a gain of 3.1e-17 was given as 2.2e-16."""
        with mpmath.workdps(250):
            loss = 1 - mpmath.mpf(retention) + mpmath.mpf(rate)
            expected = float(loss / (loss - mpmath.mpf(points)) - 1)
        assert ltv.retention_uplift(retention, rate, points=points) == pytest.approx(expected, rel=1e-14, abs=0)

    @pytest.mark.parametrize("n_periods", [1, 2, 3, 12, 1000])
    @pytest.mark.parametrize(
        ("retention", "rate", "points"),
        [(0.6, 0.1, 1e-12), (0.999, 0.0, -1e-13), (1.0, 0.0, -1e-14), (0.0, 0.1, 1e-20), (0.8, 0.1, 0.05)],
    )
    def test_keeps_the_digits_of_a_small_gain_within_a_horizon(self, retention, rate, points, n_periods):
        """The definition, term by term in 60 digits; within 2 periods a gain of 5.882e-13 was given as 5.880e-13."""
        with mpmath.workdps(60):
            low, high = (mpmath.mpf(r) / (1 + mpmath.mpf(rate)) for r in (retention, mpmath.mpf(retention) + points))
            expected = float(sum(high**t for t in range(n_periods)) / sum(low**t for t in range(n_periods)) - 1)
        gain = ltv.retention_uplift(retention, rate, points=points, n_periods=n_periods)
        assert gain == pytest.approx(expected, rel=1e-12, abs=0)

    def test_a_sum_that_rounds_to_1_is_infinite_without_a_discount(self):
        assert (1 - 0.7) - 0.3 > 0
        error = refusal(ltv.retention_uplift, retention_rate=0.7, discount_rate=0, points=0.3, n_periods=None)
        assert error.name == "discount_rate"

    @given(st.floats(0, 0.9), st.floats(0, 2), st.floats(0, 0.1), st.one_of(st.none(), st.integers(1, 1000)))
    def test_equals_the_quotient_of_two_sums(self, retention, discount, points, n):
        assume(0 in (retention, discount) or min(retention, discount) > 1e-9)
        retention, discount, points = (0.0 if x < 1e-9 else x for x in (retention, discount, points))
        assume(retention + points < 1)
        before, after = (survivor_sum(r, discount, timing="start", n=n) for r in (retention, retention + points))
        gain = ltv.retention_uplift(retention, discount, points=points, n_periods=n)
        assert gain == pytest.approx(after / before - 1, rel=1e-12, abs=1e-14)

    @given(st.floats(0, 0.9), st.floats(0.01, 1))
    def test_is_the_gain_of_the_value_itself_and_grows_with_retention(self, retention, discount):
        retention = 0.0 if retention < 1e-9 else retention
        before, after = (ltv.ltv_retention(7, 0.3, r, discount, timing="middle") for r in (retention, retention + 0.05))
        gain = ltv.retention_uplift(retention, discount)
        assert gain == pytest.approx(after / before - 1, rel=1e-12)
        assert ltv.retention_uplift(retention + 0.01, discount) > gain

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"retention_rate": 80}, "retention_rate"),
            ({"discount_rate": -0.1}, "discount_rate"),
            ({"points": 5}, "points"),
            ({"points": [0.05, -0.9]}, "points"),
            ({"n_periods": 0.5}, "n_periods"),
            ({"points": [0.05, 0.2], "discount_rate": 0, "n_periods": None}, "discount_rate"),
            ({"retention_rate": 1, "points": -0.1, "discount_rate": 0, "n_periods": None}, "discount_rate"),
            ({"points": math.nan}, "points"),
        ],
    )
    def test_refuses(self, changes, name):
        assert refusal(ltv.retention_uplift, **changes).name == name


@pytest.mark.parametrize("function", [int, str, max, type, float, dict.fromkeys])
def test_functions_in_c_that_do_not_take_the_inputs(function):
    for call in (ltv.ltv_sensitivity, sensitivity):
        with pytest.raises(InputError) as caught:
            call(function, {"arpu": 5})
        assert caught.value.name == "inputs"


def test_errors_of_the_function_itself_pass():
    def broken(arpu):
        raise TypeError(f"of its own {arpu}")

    for call in (ltv.ltv_sensitivity, sensitivity):
        with pytest.raises(TypeError, match="of its own"):
            call(broken, {"arpu": 5})


def test_a_ragged_value_has_no_picture():
    with pytest.raises(InputError) as caught:
        sensitivity(lambda arpu: [arpu, [arpu]], {"arpu": 5})
    assert caught.value.name == "function"
