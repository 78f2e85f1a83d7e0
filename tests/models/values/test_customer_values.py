"""Values of all customers, against slow integrals of their definition."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest

from crmvalue.errors import InputError
from crmvalue.models import (
    BgNbd,
    CustomerValues,
    GammaGamma,
    MbgNbd,
    ParetoNbd,
    ValueIntervals,
    customer_values,
)
from crmvalue.purchases import PurchaseHistory

HISTORY = PurchaseHistory.from_columns(
    frequency=[2, 0, 7, 1],
    recency=[30.43, 0, 36, 0.5],
    age=[38.86, 38.86, 38, 2],
    mean_repeat_spend=[22.35, 0, 50, 10],
    time_unit="week",
    customer=[4, 3, 9, 1],
)
MODELS = [
    BgNbd(0.243, 4.414, 0.793, 2.426, "week"),
    MbgNbd(0.525, 6.183, 0.891, 1.614, "week"),
    ParetoNbd(0.553, 10.578, 0.606, 11.669, "week"),
]
SPEND = GammaGamma(6.25, 3.74, 15.44)
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)


def one(history, i, n=1):
    """Give a customer alone, or n times."""
    columns = ("frequency", "recency", "age", "mean_repeat_spend")
    return PurchaseHistory.from_columns(
        **{name: np.repeat(getattr(history, name)[i], n) for name in columns}, time_unit=history.time_unit
    )


def slow_value(i, model, horizon, margin, rate, cost):
    """Purchases by parts: their discounted sum is E(H) v(H) + log(1+d) times the integral of E(s) v(s)."""
    force = np.log1p(rate)
    edges = np.array([0.0, *np.geomspace(0.1, horizon, 16)])
    node, weight = np.polynomial.legendre.leggauss(30)
    half = np.diff(edges)[:, None] / 2
    when, weight = (edges[:-1, None] + half + half * node).ravel(), (half * weight).ravel()
    discounted, history = weight * np.exp(-force * when), one(HISTORY, i, when.size)

    purchases = model.expected_purchases(one(HISTORY, i), horizon=horizon)[0] * np.exp(-force * horizon)
    if force:
        purchases += force * (discounted @ model.expected_purchases(history, horizon=when))
    time = discounted @ model.prob_alive(history, at=when)
    x, m = HISTORY.frequency[i], np.nan_to_num(HISTORY.mean_repeat_spend[i])
    spend = SPEND.p * (SPEND.gamma + m * x) / (SPEND.p * x + SPEND.q - 1)
    return margin * spend * purchases - cost * time


class TestCustomerValues:
    """margin * spend * discounted purchases - cost * discounted time alive."""

    @each_model
    @pytest.mark.parametrize(("horizon", "rate", "cost"), [(52.0, 0.002, 0.05), (52.0, 0.0, 0.05), (9.0, 0.01, 0.0)])
    def test_equals_slow_integrals(self, model, horizon, rate, cost):
        values = customer_values(
            HISTORY, model, SPEND, horizon=horizon, margin=0.3, discount_rate=rate, service_cost=cost
        )
        slow = [slow_value(i, model, horizon, 0.3, rate, cost) for i in range(4)]
        np.testing.assert_allclose(values.clv, slow, rtol=1e-8)

    @each_model
    def test_for_life_with_a_small_rate_equals_slow_integrals(self, model):
        """1e-3 a week: the sum reaches 20 thousand weeks ahead, where it has lost e^-20 of its value."""
        values = customer_values(HISTORY, model, SPEND, horizon=None, margin=0.3, discount_rate=1e-3, service_cost=0.01)
        slow = [slow_value(i, model, 20_000.0, 0.3, 1e-3, 0.01) for i in range(4)]
        np.testing.assert_allclose(values.clv, slow, rtol=1e-7)
        assert values.horizon is None
        assert values.expected_purchases is None

    @each_model
    def test_a_long_horizon_tends_to_life(self, model):
        terms = {"margin": 0.3, "discount_rate": 0.01, "service_cost": 0.1}
        life = customer_values(HISTORY, model, SPEND, horizon=None, **terms).clv
        long = customer_values(HISTORY, model, SPEND, horizon=4000, **terms).clv
        np.testing.assert_allclose(long, life, rtol=1e-7)

    @each_model
    def test_margin_scales_and_cost_subtracts(self, model):
        def clv(margin, cost):
            return customer_values(HISTORY, model, SPEND, horizon=20, margin=margin, service_cost=cost).clv

        np.testing.assert_allclose(clv(0.6, 0), 2 * clv(0.3, 0), rtol=1e-14)
        np.testing.assert_allclose(clv(0.3, 2) - clv(0.3, 0), 2 * (clv(0.3, 1) - clv(0.3, 0)), rtol=1e-12)
        assert (clv(0.0, 1.0) < 0).all()
        assert (clv(0.0, 0.0) == 0).all()

    @each_model
    def test_columns_are_those_of_the_models_in_the_order_of_the_history(self, model):
        values = customer_values(HISTORY, model, SPEND, horizon=20, margin=0.3)
        np.testing.assert_array_equal(values.customer, [4, 3, 9, 1])
        np.testing.assert_array_equal(values.prob_alive, model.prob_alive(HISTORY))
        np.testing.assert_array_equal(values.expected_purchases, model.expected_purchases(HISTORY, horizon=20))
        np.testing.assert_array_equal(values.expected_spend, SPEND.expected_spend(HISTORY))
        assert values.total == pytest.approx(values.clv.sum(), rel=1e-14)
        assert len(values) == 4
        assert list(values.to_columns()) == [
            "customer", "prob_alive", "expected_purchases", "expected_spend", "clv",
        ]  # fmt: skip
        assert not values.clv.flags.writeable
        np.testing.assert_allclose(
            customer_values(one(HISTORY, 2), model, SPEND, horizon=20, margin=0.3).clv, values.clv[2], rtol=1e-9
        )

    @each_model
    def test_a_heavy_buyer_who_fell_silent_is_worth_next_to_nothing(self, model):
        """His probability to be alive is below 1e-200, and still a number."""
        silent = PurchaseHistory.from_columns(
            frequency=[500], recency=[100], age=[400], mean_repeat_spend=[3], time_unit="week"
        )
        values = customer_values(silent, model, SPEND, horizon=52, margin=0.3)
        assert 0 < values.prob_alive[0] < 1e-200
        assert 0 < values.clv[0] < 1e-190
        assert CustomerValues.from_json(values.to_json()) == values

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"horizon": None}, "discount_rate"),
            ({"horizon": 0.0}, "horizon"),
            ({"margin": 30}, "margin"),
            ({"service_cost": -1.0}, "service_cost"),
            ({"discount_rate": -0.1}, "discount_rate"),
            ({"purchase_model": SPEND}, "purchase_model"),
            ({"spend_model": MODELS[0]}, "spend_model"),
            ({"spend_model": GammaGamma(6.0, 0.9, 15.0)}, "q"),
            ({"history": [1, 2]}, "history"),
            ({"history": attrs.evolve(HISTORY, mean_repeat_spend=None)}, "history"),
            ({"history": attrs.evolve(HISTORY, time_unit="day")}, "history"),
        ],
    )
    def test_rejects(self, changes, name):
        valid = {"history": HISTORY, "purchase_model": MODELS[0], "spend_model": SPEND, "horizon": 52, "margin": 0.3}
        with pytest.raises(InputError) as caught:
            customer_values(**{**valid, **changes})
        assert caught.value.name == name

    def test_rejects_columns_of_different_lengths(self):
        values = customer_values(HISTORY, MODELS[0], SPEND, horizon=52, margin=0.3)
        with pytest.raises(InputError, match="as long as"):
            attrs.evolve(values, prob_alive=[0.5])

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("horizon", 0.0),
            ("discount_rate", -0.1),
            ("margin", 30),
            ("service_cost", float("nan")),
            ("time_unit", "fortnight"),
            ("as_of", "soon"),
        ],
    )
    def test_rejects_terms_outside_their_range(self, field, value):
        values = customer_values(HISTORY, MODELS[0], SPEND, horizon=52, margin=0.3)
        with pytest.raises(InputError) as caught:
            attrs.evolve(values, **{field: value})
        assert caught.value.name == field


INTERVALS = ValueIntervals(
    level=0.9,
    n_draws=20,
    clv_low=[1, 2, 3, 4],
    clv_high=[2, 3, np.inf, 5],
    outcome_low=[0, 0, 0, -1],
    outcome_high=[9, 8, 7, 6],
    total=(10, np.inf),
    total_outcome=(5, 25),
    effective_share=0.7,
    inflation=1.25,
    holdout_errors=[0.1, -0.05],
)
INTERVALS_FIELDS = {
    "kind": "ValueIntervals",
    **{name: column.tolist() for name, column in INTERVALS.to_columns().items()},
    **{name: getattr(INTERVALS, name) for name in ("level", "n_draws", "total", "total_outcome", "effective_share")},
}


class TestJson:
    """What is written is read back as an equal value."""

    @pytest.mark.parametrize("intervals", [None, INTERVALS])
    @pytest.mark.parametrize(
        "customer",
        [None, [4, 3, 9, 1], ["é", "b", "a", "02"], [2**70, 1, 2, -3], np.array([1, 2, 3, 2**63], np.uint64)],
    )
    @pytest.mark.parametrize(("horizon", "as_of"), [(52, "2024-02-29"), (None, None)])
    def test_round_trip(self, customer, horizon, as_of, intervals):
        history = attrs.evolve(HISTORY, customer=customer, as_of=as_of)
        terms = {"margin": 0.3, "discount_rate": 0.01, "service_cost": 0.1}
        values = attrs.evolve(customer_values(history, MODELS[1], SPEND, horizon=horizon, **terms), intervals=intervals)
        again = CustomerValues.from_json(values.to_json())
        assert again == values
        assert again.to_json() == values.to_json()
        assert again.to_columns().keys() == values.to_columns().keys()
        if customer is not None:
            assert again.customer.tolist() == list(customer)

    def test_is_plain_json(self):
        values = attrs.evolve(customer_values(HISTORY, MODELS[0], SPEND, horizon=52, margin=0.3), intervals=INTERVALS)
        fields = json.loads(values.to_json(), parse_constant=pytest.fail)  # no NaN, no Infinity
        assert fields["customer"] == [4, 3, 9, 1]
        assert fields["intervals"]["clv_high"] == [2.0, 3.0, "inf", 5.0]
        assert fields["intervals"]["total"] == [10.0, "inf"]

    @pytest.mark.parametrize(
        "change",
        [
            {"clv": [1.0, 2.0]},
            {"clv": [1.0, 2.0, 3.0, None]},
            {"clv": "abcd"},
            {"customer": [1, 2, "a", 4]},
            {"customer": [1, 2]},
            {"horizon": "long"},
            {"time_unit": "aeon"},
            {"as_of": 7},
            {"intervals": {"kind": "ValueIntervals", "level": 0.9}},
            {"intervals": {**INTERVALS_FIELDS, "clv_low": [1, 2, 3, "4"]}},
            {"intervals": {**INTERVALS_FIELDS, "total": [1, 2, 3]}},
            {"colour": 1},
        ],
    )
    def test_rejects_other_text(self, change):
        fields = json.loads(customer_values(HISTORY, MODELS[0], SPEND, horizon=52, margin=0.3).to_json())
        for text in (
            json.dumps({**fields, **change}),
            "",
            "[]",
            "{}",
            "null",
            json.dumps({name: value for name, value in fields.items() if name != "prob_alive"}),
        ):
            with pytest.raises(InputError) as caught:
                CustomerValues.from_json(text)
            assert caught.value.name == "text"


def test_the_net_value_is_after_the_cost_of_winning():
    costs = np.array([1.0, 2.0, 30.0, 0.0])
    options = {"horizon": 52, "margin": 0.3}
    found = customer_values(HISTORY, MODELS[0], SPEND, **options, acquisition_cost=costs)
    assert found.net_clv.tolist() == [value - cost for value, cost in zip(found.clv, costs, strict=True)]
    assert customer_values(HISTORY, MODELS[0], SPEND, **options).net_clv is None
