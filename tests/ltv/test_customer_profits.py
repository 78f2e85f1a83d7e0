"""What customers bring after the cost of serving and winning them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.ltv import CustomerProfits, customer_profits, ltv_net_of_costs, ltv_net_of_service, service_cost

MONEY = st.integers(0, 10**7).map(lambda cents: cents / 100)


class TestServiceCost:
    """contacts * minutes / 60 * rate."""

    @pytest.mark.parametrize(
        ("contacts", "minutes", "rate", "cost"),
        [(12, 120, 500, 12_000), (0, 120, 500, 0), (3, 20, 30, 30), ([12, 3], [120, 20], [500, 30], [12_000, 30])],
        ids=["formula 7 of the articles", "none", "by hand", "columns"],
    )
    def test_oracles(self, contacts, minutes, rate, cost):
        np.testing.assert_array_equal(service_cost(contacts, minutes, rate), cost)


class TestCustomerProfits:
    """margin * revenue - service - acquisition, with the reason where nothing is left."""

    @pytest.mark.parametrize(
        ("revenue", "cost", "sentence"),
        [
            ([10], [4], "The only customer leaves something or costs nothing."),
            ([10, 10], [4, 4], "All 2 customers leave something or cost nothing."),
            ([10], [14], "The only customer leaves nothing: they cost 4.00 more than they bring."),
            ([10, 20], [14, 4], "1 of 2 customers leaves nothing: they cost 4.00 more than they bring."),
            ([1e-3, 2e-3], [5e-3, 1e-3], "1 of 2 customers leaves nothing: they cost 0.0040 more than they bring."),
            ([10, 20], [10, 4], "1 of 2 customers leaves nothing: they cost all that they bring."),
            ([10, 20], [14, 24], "2 of 2 customers leave nothing: they cost 8.00 more than they bring."),
        ],
    )
    def test_the_sentence_for_one_some_and_all(self, revenue, cost, sentence):
        found = customer_profits(revenue, margin=1, service_cost=cost, acquisition_cost=0)
        said, _, together = found.conclusion.partition(" All customers together ")
        assert said == sentence
        if together:
            verb, total, *_ = together.rstrip(".").split()
            assert {"leave": 1, "cost": -1}[verb] * float(total) == pytest.approx(found.total)
            assert together.endswith("more than they bring.") is (found.total < 0)

    def test_the_customer_of_formula_7_is_worth_nothing(self):
        """Six purchases of 2,000 a year against twelve contacts of two hours at 500."""
        found = customer_profits([6 * 2_000], margin=1, service_cost=service_cost(12, 120, 500))
        assert found.profit.tolist() == [ltv_net_of_service(12_000, 12_000)] == [0]
        assert found.reason.tolist() == ["serving them costs all that they bring"]
        assert found.break_even_service_cost.tolist() == found.break_even_revenue.tolist() == [12_000]
        assert len(found.unprofitable) == 1

    def test_formula_6(self):
        found = customer_profits([500 * 24], margin=1, service_cost=400, acquisition_cost=600)
        assert found.profit[0] == ltv_net_of_costs(500, 24, acquisition_cost=600, service_cost=400) == 11_000
        assert len(found.unprofitable) == 0
        assert found.conclusion == "The only customer leaves something or costs nothing."

    @pytest.mark.parametrize(
        ("revenue", "margin", "service", "winning", "reason"),
        [
            (100, 0.5, 50.01, 0, "serving them costs more than they bring"),
            (100, 0.5, 50, 0, "serving them costs all that they bring"),
            (100, 0.5, 50, 10, "serving them costs all that they bring"),
            (100, 0.5, 20, 30.01, "they do not earn back what it cost to win them"),
            (100, 0.5, 20, 30, "they earn back just what it cost to win them"),
            (100, 0.5, 20, 29.99, ""),
            (100, 0.0, 20, 0, "their purchases leave no margin"),
            (0, 0.5, 20, 0, "they bring nothing"),
            (0, 0.5, 0, 7, "they bring nothing"),
            (0, 0.5, 0, 0, ""),
            (100, 0.0, 0, 0, "their purchases leave no margin"),
        ],
    )
    def test_reasons(self, revenue, margin, service, winning, reason):
        found = customer_profits([revenue], margin=margin, service_cost=service, acquisition_cost=winning)
        if reason == "their purchases leave no margin" and not service + winning:
            reason = ""  # they cost nothing
        assert found.reason.tolist() == [reason]

    @given(st.lists(st.tuples(MONEY, st.integers(1, 100).map(lambda p: p / 100), MONEY, MONEY), min_size=1, max_size=8))
    def test_columns_are_a_loop_of_scalars_and_break_even_is_where_nothing_is_left(self, rows):
        revenue, margin, service, winning = (np.array(column) for column in zip(*rows, strict=True))
        found = customer_profits(revenue, margin=margin, service_cost=service, acquisition_cost=winning)
        each = [
            customer_profits([r], margin=float(m), service_cost=float(s), acquisition_cost=float(w))
            for r, m, s, w in rows
        ]
        for name in ("profit", "reason", "break_even_revenue", "break_even_service_cost"):
            np.testing.assert_array_equal(getattr(found, name), [getattr(one, name)[0] for one in each])
        assert found.total == pytest.approx(sum(one.total for one in each), abs=1e-6)
        even = customer_profits(
            found.break_even_revenue, margin=margin, service_cost=service, acquisition_cost=winning
        ).profit
        np.testing.assert_allclose(even, 0, atol=1e-9 * (1 + service + winning).max())
        listed, others = found.profit[found.reason != ""], found.profit[found.reason == ""]
        assert (listed <= 0).all()
        assert (others >= 0).all()

    def test_terms_by_segment_are_those_of_each_customer(self):
        segment = ["web", "shop", "web"]
        found = customer_profits(
            [100, 100, 40],
            margin={"web": 0.3, "shop": 0.4, "fair": 0.5},
            acquisition_cost={"web": 20, "shop": 5},
            segment=segment,
        )
        assert found.profit.tolist() == pytest.approx([10, 35, -8])

    def test_missing_segments_are_counted(self):
        with pytest.raises(InputError, match="Hint: 1 more segment without one"):
            customer_profits([1, 2, 3], margin={"a": 0.3}, segment=["a", "b", "c"])

    def test_a_column_with_identifiers_is_brought_into_order(self):
        costs, ids = pd.Series({"bob": 60.0, "ann": 10.0, "eve": 1.0}), ["ann", "bob"]
        found = customer_profits([100, 100], margin=0.5, service_cost=costs, customer=ids)
        assert found.profit.tolist() == [40, -10]
        with pytest.raises(InputError, match=r"it is without 'ann': reindex\(ids, fill_value=0\)"):
            customer_profits([100, 100], margin=0.5, service_cost=costs[["eve", "bob"]], customer=ids)
        assert found.unprofitable.customer.tolist() == ["bob"]

    def test_the_largest_loss_comes_first_and_round_trip(self):
        found = customer_profits([10, 20, 30], margin=[0.1, 0.2, 1], service_cost=[5, 50, 1], customer=[7, 8, 9])
        assert found.unprofitable.customer.tolist() == [8, 7]
        assert found.unprofitable.margin.tolist() == [0.2, 0.1]
        assert "2 of 3 customers leave nothing: they cost 50.00 more than they bring." in found.conclusion
        for value in (found, found.unprofitable):
            assert CustomerProfits.from_json(value.to_json()) == value
        assert list(found.to_frame().columns) == list(found.to_columns())

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"revenue": []}, "revenue"),
            ({"revenue": [1, -2]}, "revenue"),
            ({"margin": {"web": 0.3}}, "margin"),
            ({"margin": {"web": 0.3}, "segment": ["web", "shop"]}, "margin"),
            ({"margin": {"web": 0.3, "shop": 30}, "segment": ["web", "shop"]}, "margin"),
            ({"margin": [0.3, 1.1]}, "margin"),
            ({"margin": [0.3]}, "margin"),
            ({"service_cost": [1, -1]}, "service_cost"),
            ({"acquisition_cost": "much"}, "acquisition_cost"),
            ({"segment": ["web"]}, "segment"),
            ({"segment": ["web", None]}, "segment"),
            ({"segment": [["web"], ["a"]]}, "segment"),
            ({"customer": [1, 1]}, "customer"),
            ({"customer": [1]}, "customer"),
            ({"service_cost": pd.Series({"ann": 1.0, "eve": 2.0})}, "service_cost"),
            ({"service_cost": pd.Series({"ann": 1.0, "eve": 2.0}), "customer": ["ann", "bob"]}, "service_cost"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            customer_profits(**{"revenue": [1, 2], "margin": 0.3, **changes})
        assert caught.value.name == name


@pytest.mark.parametrize("name", ["income", "service_cost", "acquisition_cost", "earned"])
def test_amounts_whose_share_would_leave_the_floats_are_refused(name):
    """A cost of 1e300 at a margin of 1e-10 has no revenue that covers it."""
    columns = {"income": [1.0], "service_cost": [1.0], "acquisition_cost": [1.0], "earned": [1.0], "margin": 1e-10}
    with pytest.raises(InputError, match=f"`{name}` must be of a magnitude up to 1e\\+150"):
        CustomerProfits(**{**columns, name: [1e300]})
    assert np.isfinite(CustomerProfits(**{**columns, name: [1e150]}).break_even_revenue).all()


@pytest.mark.parametrize(("earned", "revenue", "serving"), [(50.0, 8.0, 10.0), (12.0, 24.0, 2.0)])
def test_what_was_earned_before_pays_the_cost_of_winning_and_no_other(earned, revenue, serving):
    found = CustomerProfits(income=[10.0], service_cost=[4.0], acquisition_cost=[20.0], earned=[earned], margin=0.5)
    assert found.break_even_revenue.tolist() == [revenue]
    assert found.break_even_service_cost.tolist() == [serving]


def test_who_costs_more_than_they_bring_from_now_on_is_named_whatever_they_earned_before():
    columns = {"income": [5.0, 1.0], "service_cost": [5.0, 5.0], "acquisition_cost": [0.0, 0.0]}
    found = CustomerProfits(**columns, earned=[50.0, 50.0], margin=1.0)
    assert found.reason.tolist() == ["", "serving them costs more than they bring"]
    assert found.loss.tolist() == [0.0, 4.0]


def test_minutes_are_not_rounded():
    assert service_cost(4, 2.5, 24) == 4
