"""Day and money of each purchase, kept with a history."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.purchases import PurchaseAmounts, PurchaseHistory, split_purchases, summarise_purchases

GIVEN = {"n_purchases": [2, 0, 1], "day": ["2024-01-01", "2024-01-15", "2024-01-08"], "amount": [20.0, 15.0, 30.0]}
ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 40), st.integers(-30, 1000)), min_size=1, max_size=30
).filter(lambda rows: any(cents > 0 for _, _, cents in rows))


class TestPurchaseAmounts:
    """Purchases stand customer by customer, in the order of their days."""

    @given(rows=ROWS)
    def test_are_those_of_the_history(self, rows):
        customer, day, cents = (np.array(column) for column in zip(*rows, strict=True))
        date = np.datetime64("2024-01-01") + day
        try:
            history = summarise_purchases(customer, date, cents / 100, refunds="net", keep_amounts=True)
        except InputError:  # refunds have cancelled everything
            return
        amounts = history.amounts
        assert amounts.n_purchases.tolist() == history.n_purchases.tolist()
        total = np.bincount(amounts.row, weights=amounts.amount)
        np.testing.assert_allclose(total, history.total_spend, atol=1e-9)
        first = amounts.day[amounts.start]
        np.testing.assert_allclose((history.as_of - first) / np.timedelta64(7, "D"), history.age)
        plain = summarise_purchases(customer, date, cents / 100, refunds="net")
        assert plain.amounts is None
        assert plain.to_frame().equals(history.to_frame())

    def test_go_with_the_customers(self):
        history = summarise_purchases(
            [1, 2, 1, 3], ["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-03"], [5, 7, 2, 9], keep_amounts=True
        )
        assert history[[2, 0]].amounts == PurchaseAmounts(
            n_purchases=[1, 2], day=["2024-01-03", "2024-01-01", "2024-01-05"], amount=[9, 5, 2]
        )
        assert history[history.frequency > 5].amounts.n_purchases.tolist() == []
        assert history.amounts.to_columns()["row"].tolist() == [0, 0, 1, 2]

    def test_of_a_split_are_those_of_its_calibration(self):
        split = split_purchases(
            [1, 1, 2], ["2024-01-01", "2024-03-01", "2024-01-02"], [5, 7, 2],
            calibration_end="2024-01-31", keep_amounts=True,
        )  # fmt: skip
        assert split.calibration.amounts.amount.tolist() == [5.0, 2.0]

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"n_purchases": [2, 2, 1]}, "day"),
            ({"amount": [1.0]}, "amount"),
            ({"amount": [1.0, -1.0, 2.0]}, "amount"),
            ({"day": ["2024-01-15", "2024-01-01", "2024-01-08"]}, "day"),
            ({"day": ["2024-01-01", "NaT", "2024-01-08"]}, "day"),
        ],
    )
    def test_refuse_what_cannot_be(self, change, name):
        with pytest.raises(InputError) as caught:
            PurchaseAmounts(**(GIVEN | change))
        assert caught.value.name == name

    def test_of_another_history_are_refused(self):
        amounts = PurchaseAmounts(**GIVEN)
        with pytest.raises(InputError, match="`amounts` must be those of all purchases"):
            PurchaseHistory(frequency=[0, 0, 0], recency=[0, 0, 0], age=[1, 1, 1], time_unit="week", amounts=amounts)

    def test_need_amounts(self):
        with pytest.raises(InputError, match="`amount` must be given with `keep_amounts`"):
            summarise_purchases([1], ["2024-01-01"], keep_amounts=True)


@pytest.mark.parametrize("small", [0.002, 0.009, 0.016])
def test_thousandths_leave_no_phantom_of_a_purchase_that_was_refunded(small):
    """The refund takes back a million and the purchase before it, to the last thousandth."""
    dates = [f"2024-01-0{day}" for day in range(1, 5)]
    history = summarise_purchases([1] * 4, dates, [5, small, 1e6, -(1e6 + small)], refunds="net", keep_amounts=True)
    assert (history.n_purchases.tolist(), history.total_spend.tolist()) == ([1], [5.0])
    assert history.counts.n_purchases_cancelled == 2
