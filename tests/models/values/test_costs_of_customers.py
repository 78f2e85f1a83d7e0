"""Margin, cost of serving, cost of winning and discount: one, by segment, or one for each customer."""

from __future__ import annotations

from functools import cache

import attrs
import numpy as np
import pandas as pd
import pytest

from crmvalue.datasets import load_cdnow
from crmvalue.errors import InputError
from crmvalue.models import CustomerValues, customer_values, fit_gamma_gamma, fit_mbg_nbd
from crmvalue.purchases import summarise_purchases
from tests.models.values.test_customer_values import HISTORY, MODELS, SPEND, each_model

MARGIN, COST, RATE = [0.3, 0.1, 0.5, 0.0], [0.05, 2.0, 0.0, 0.3], [0.002, 0.01, 0.002, 0.0]
SEGMENT = ["web", "shop", "web", "fair"]


def value(history=HISTORY, model=MODELS[0], **terms):
    return customer_values(history, model, SPEND, **{"horizon": 52, "margin": 0.3, **terms})


@cache
def some_customers():
    """Give every sixth customer of CDNOW with the fits to them."""
    log = load_cdnow()
    history = summarise_purchases(log.customer, log.date, log.amount, as_of="1998-06-30")[::6]
    return history, fit_mbg_nbd(history), fit_gamma_gamma(history, zeros="drop")


class TestTermsOfEachCustomer:
    """A column of terms is a loop of scalars."""

    @each_model
    def test_columns_are_a_loop_of_scalars(self, model):
        found = value(model=model, margin=MARGIN, service_cost=COST, discount_rate=RATE)
        for i in range(4):
            one = value(model=model, margin=MARGIN[i], service_cost=COST[i], discount_rate=RATE[i])
            # the nodes of the integrals lie elsewhere; the rule of time is good to 1e-7
            np.testing.assert_allclose(found.clv[i], one.clv[i], rtol=1e-7, atol=1e-12)
            np.testing.assert_allclose(found.prob_alive[i], one.prob_alive[i], rtol=1e-14)
            np.testing.assert_allclose(found.expected_purchases[i], one.expected_purchases[i], rtol=1e-14)
            cost = 0.0 if one.expected_service_cost is None else one.expected_service_cost[i]
            np.testing.assert_allclose(found.expected_service_cost[i], cost, rtol=1e-7)

    @each_model
    def test_for_life(self, model):
        rate = [0.002, 0.01, 0.02, 0.03]
        found = value(model=model, horizon=None, discount_rate=rate, service_cost=COST)
        each = [
            value(model=model, horizon=None, discount_rate=r, service_cost=c).clv
            for r, c in zip(rate, COST, strict=True)
        ]
        np.testing.assert_allclose(found.clv, [clv[i] for i, clv in enumerate(each)], rtol=1e-7)

    def test_segments_are_columns(self):
        margin, rate = {"web": 0.3, "shop": 0.4, "fair": 0.2}, {"web": 0.0, "shop": 0.01, "fair": 0.002}
        by_segment = value(
            margin=margin, discount_rate=rate, acquisition_cost={"web": 9, "shop": 1, "fair": 2}, segment=SEGMENT
        )
        columns = {"margin": [margin[s] for s in SEGMENT], "discount_rate": [rate[s] for s in SEGMENT]}
        assert by_segment == value(**columns, acquisition_cost=[9, 1, 9, 2])
        assert list(by_segment.to_columns())[-3:] == ["margin", "discount_rate", "acquisition_cost"]

    def test_equal_columns_are_the_scalar(self):
        one = value(service_cost=0.2, discount_rate=0.01)
        same = value(margin=[0.3] * 4, service_cost=[0.2] * 4, discount_rate=[0.01] * 4)
        np.testing.assert_allclose(same.clv, one.clv, rtol=1e-14)

    def test_a_column_with_identifiers_is_brought_into_order(self):
        ids = HISTORY.customer.tolist()
        margin = pd.Series(MARGIN, index=ids).sample(frac=1, random_state=1)
        assert value(margin=margin) == value(margin=MARGIN)
        segment = pd.Series(SEGMENT, index=ids).sample(frac=1, random_state=1)
        shares = {"web": 0.3, "shop": 0.4, "fair": 0.2}
        assert value(margin=shares, segment=segment) == value(margin=shares, segment=SEGMENT)

    @pytest.mark.parametrize("customer", [None, [4, 3, 9, 1]])
    def test_round_trip(self, customer):
        history = attrs.evolve(HISTORY, customer=customer)
        found = value(history, margin=MARGIN, service_cost=COST, discount_rate=RATE, acquisition_cost=COST)
        again = CustomerValues.from_json(found.to_json())
        assert again == found
        assert again.to_json() == found.to_json()
        assert again != value(
            history, margin=MARGIN[::-1], service_cost=COST, discount_rate=RATE, acquisition_cost=COST
        )

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"margin": [0.3, 0.3]}, "margin"),
            ({"margin": [0.3, 0.3, 0.3, 1.2]}, "margin"),
            ({"margin": {"web": 0.3}}, "margin"),
            ({"margin": {"web": 0.3}, "segment": SEGMENT}, "margin"),
            ({"service_cost": [0, 0, 0, -1]}, "service_cost"),
            ({"discount_rate": [0.1, 0.0, 0.1, 0.1], "horizon": None}, "discount_rate"),
            ({"acquisition_cost": -5}, "acquisition_cost"),
            ({"segment": ["web"]}, "segment"),
            ({"margin": pd.Series({"ann": 0.2})}, "margin"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            value(**changes)
        assert caught.value.name == name


class TestIntervalsWithTermsOfEachCustomer:
    """Two segments valued together have the intervals of each valued with its own terms."""

    TERMS = (
        ("margin", {"web": 0.2, "shop": 0.5}),
        ("service_cost", {"web": 0.3, "shop": 0.0}),
        ("discount_rate", {"web": 0.0, "shop": 0.01}),
    )

    def together_and_apart(self, **options):
        """Value all at once, and each segment with numbers: pairs of both, with the rows of the segment."""
        history, *fits = some_customers()
        segment = np.where(np.arange(len(history)) % 3 == 0, "web", "shop")
        options = {"horizon": 26, **options}
        both = customer_values(
            history, *fits, **options, **dict(self.TERMS), segment=segment, rng=np.random.default_rng(1)
        )
        for label in ("web", "shop"):
            own = {name: by[label] for name, by in self.TERMS}
            one = customer_values(history, *fits, **options, **own, rng=np.random.default_rng(1))
            yield both, one, segment == label

    def test_ends_of_the_expected_value_are_those_of_each_segment(self):
        """The parameters are drawn first, so that the draws are the same."""
        for both, one, rows in self.together_and_apart(level=0.5, n_draws=8):
            np.testing.assert_allclose(both.clv[rows], one.clv[rows], rtol=1e-7)
            for name in ("clv_low", "clv_high"):
                ours, theirs = (getattr(x.intervals, name)[rows] for x in (both, one))
                np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
            assert both.intervals.total.low <= both.intervals.total.high

    @pytest.mark.slow
    def test_ends_of_the_outcome_are_those_of_each_segment(self):
        """100 futures move the mean end by a few percent from one generator to another."""
        for both, one, rows in self.together_and_apart(level=0.8, n_draws=100):
            for name in ("outcome_low", "outcome_high"):
                ours, theirs = (getattr(x.intervals, name)[rows] for x in (both, one))
                assert np.mean(ours) == pytest.approx(np.mean(theirs), rel=0.15, abs=0.1), name
            assert both.intervals.total.low <= both.total <= both.intervals.total.high
            assert both.intervals.total_outcome.low <= both.total <= both.intervals.total_outcome.high


class TestProfits:
    """Who costs more than they bring over the horizon."""

    def test_income_less_costs(self):
        found = value(margin=MARGIN, service_cost=COST, acquisition_cost=[1, 0, 0, 2])
        profits = found.profits()
        np.testing.assert_allclose(profits.profit, found.clv - [1, 0, 0, 2])
        np.testing.assert_allclose(profits.income, value(margin=MARGIN).clv)
        assert profits.reason.tolist() == [
            "",
            "serving them costs more than they bring",
            "",
            "their purchases leave no margin",
        ]
        assert profits.unprofitable.customer.tolist() == [3, 1]
        assert profits.total == pytest.approx(found.total - 3)

    def test_what_was_earned_counts_against_the_cost_of_winning_alone(self):
        found = value(acquisition_cost=50.0)
        assert found.profits().reason[1] == "they do not earn back what it cost to win them"
        assert found.profits(earned=[60, 60, 60, 60]).reason.tolist() == [""] * 4
        served = value(acquisition_cost=50.0, service_cost=5.0)
        rich = served.profits(earned=[6000] * 4)
        assert rich.reason[1] == "serving them costs more than they bring"
        assert (rich.profit > 0).all()
        np.testing.assert_allclose(rich.unprofitable.loss, np.sort(-served.clv[served.clv < 0])[::-1])
