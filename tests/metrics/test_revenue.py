"""Tests of the movements of recurring revenue; the figures from counts are in `test_metrics.py`."""

from __future__ import annotations

from fractions import Fraction

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.metrics import RecurringRevenueMovements, monthly_recurring_revenue, recurring_revenue_movements
from tests.strategies import money

fees = st.lists(st.tuples(st.just(0.0) | money, st.just(0.0) | money), min_size=1, max_size=30)


class TestRecurringRevenueMovements:
    """Fee from 0: new; to 0: lost; else a rise is expansion and a fall is contraction."""

    @pytest.mark.parametrize(
        ("before", "after", "expected", "net", "gross"),
        [
            # by hand: start, new, expansion, contraction, lost, end
            ([50, 30, 20, 0], [60, 25, 0, 30], (100, 30, 10, 5, 20, 115), 0.85, 0.75),
            ([100], [100], (100, 0, 0, 0, 0, 100), 1, 1),
            ([100, 100], [150, 100], (200, 0, 50, 0, 0, 250), 1.25, 1),
            ([100, 0], [0, 0], (100, 0, 0, 0, 100, 0), 0, 0),
        ],
    )
    def test_known_answers(self, before, after, expected, net, gross):
        result = recurring_revenue_movements(before, after)
        assert attrs.astuple(result) == (*expected, 0)  # nobody is known to have come back
        assert not np.signbit(attrs.astuple(result)).any()
        assert result.net_revenue_retention == pytest.approx(net, rel=1e-15)
        assert result.gross_revenue_retention == pytest.approx(gross, rel=1e-15)

    def test_agrees_with_monthly_recurring_revenue(self):
        result = recurring_revenue_movements([300] * 200, [300] * 150 + [0] * 50)
        assert result.start == monthly_recurring_revenue(200, 300)
        assert result.end == monthly_recurring_revenue(150, 300)

    @given(fees, st.randoms(use_true_random=False))
    def test_conserves_money_in_any_order_of_rows(self, rows, random):
        before, after = np.array(rows).T
        result = recurring_revenue_movements(before, after)
        moved = result.start + result.new + result.expansion - result.contraction - result.lost
        assert moved == pytest.approx(result.end, rel=1e-12, abs=1e-12 * (before.sum() + after.sum()))
        random.shuffle(rows)
        assert recurring_revenue_movements(*np.array(rows).T) == result

    @given(fees)
    def test_retention_is_bounded(self, rows):
        before, after = np.array(rows).T
        result = recurring_revenue_movements(before, after)
        if not before.any():
            assert np.isnan([result.net_revenue_retention, result.gross_revenue_retention]).all()
            return
        assert 0 <= result.gross_revenue_retention <= 1
        assert result.net_revenue_retention >= result.gross_revenue_retention
        kept = np.minimum(before, after).sum() / before.sum()
        assert result.gross_revenue_retention == pytest.approx(kept, abs=1e-12)

    @given(st.lists(st.tuples(st.just(0.0) | money, st.just(0.0) | money, st.booleans()), min_size=1, max_size=30))
    def test_tells_the_returning_from_the_new(self, rows):
        before, after, earlier = (list(column) for column in zip(*rows, strict=True))
        plain = recurring_revenue_movements(before, after)
        result = recurring_revenue_movements(before, after, subscribed_earlier=earlier)
        wanted = {"new": Fraction(0), "reactivation": Fraction(0)}
        for old, fee, known in rows:
            if old == 0:
                wanted["reactivation" if known else "new"] += Fraction(fee)
        assert result.new == float(wanted["new"])
        assert result.reactivation == float(wanted["reactivation"])
        assert attrs.evolve(result, new=plain.new, reactivation=0.0) == plain

    @pytest.mark.parametrize("earlier", [[True], [True, None], [2, 0], "yes", [[True, False]]])
    def test_refuses_who_had_subscribed(self, earlier):
        with pytest.raises(InputError, match="subscribed_earlier"):
            recurring_revenue_movements([1, 2], [1, 2], subscribed_earlier=earlier)

    @pytest.mark.parametrize(
        ("before", "after", "name"),
        [
            ([-1.0, 2], [1, 2], "fee_before"),
            ([1, 2], [1, np.nan], "fee_after"),
            ([1, 2], [-1, 2], "fee_after"),
            ([1, 2], [1, 2, 3], "fee_after"),
            ([], [], "fee_before"),
            ([1e100, 1e100], [1e100, 1e100], "fee_before"),
            ([1], [1e16], "fee_after"),
            (1, [1], "fee_before"),
            (["1"], [1], "fee_before"),
        ],
    )
    def test_refuses(self, before, after, name):
        with pytest.raises(InputError) as caught:
            recurring_revenue_movements(before, after)
        assert caught.value.name == name

    def test_a_fee_too_small_to_matter_is_none(self):
        moved = recurring_revenue_movements([9e-16, 5, 1e-99], [7, 9e-16, 1e-100])
        assert moved == recurring_revenue_movements([0, 5, 0], [7, 0, 0])

    @pytest.mark.parametrize("fee", [1e-15, 1e15])
    def test_the_ends_of_the_legal_range(self, fee):
        nearby = np.nextafter(fee, 1)
        moved = recurring_revenue_movements([fee] * 3, [nearby] * 3)
        assert moved.expansion + moved.contraction == pytest.approx(3 * abs(fee - nearby))


class TestRecurringRevenueMovementsValue:
    """A frozen value whose parts reconcile."""

    VALID = {  # noqa: RUF012 - a table that nobody changes
        "start": 100.0,
        "new": 30.0,
        "expansion": 10.0,
        "contraction": 5.0,
        "lost": 20.0,
        "end": 115.0,
        "reactivation": 0.0,
    }

    def test_survives_a_round_trip(self):
        value = RecurringRevenueMovements(**self.VALID)
        assert attrs.asdict(value) == self.VALID
        assert RecurringRevenueMovements(**attrs.asdict(value)) == value

    def test_rounding_never_leaves_less_than_nothing(self):
        """The parts may exceed the start by their rounding."""
        value = RecurringRevenueMovements(start=0.3, new=0, expansion=0, contraction=0.1 + 0.2, lost=0, end=0)
        assert value.contraction > value.start
        assert value.gross_revenue_retention == value.net_revenue_retention == 0

    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({"end": 115.01}, "end"),
            ({"new": 0}, "end"),
            ({"contraction": 90}, "start"),
            ({"expansion": -1}, "expansion"),
            ({"reactivation": -1}, "reactivation"),
            ({"reactivation": 1}, "end"),
            ({"lost": np.nan}, "lost"),
        ],
    )
    def test_refuses(self, changes, name):
        with pytest.raises(InputError) as caught:
            RecurringRevenueMovements(**{**self.VALID, **changes})
        assert caught.value.name == name
