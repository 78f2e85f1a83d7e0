"""Tests of the key figures from counts: what every share and every amount per unit must do, function by function."""

from __future__ import annotations

import inspect
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue import metrics
from crmvalue.errors import InputError
from tests.strategies import counts, money, positive_money

NAN, INF = float("nan"), float("inf")

SHARE_REJECTIONS = [
    pytest.param(0, (-1, 10), id="negative part"),
    pytest.param(0, (1.5, 10), id="broken part"),
    pytest.param(0, (11, 10), id="part above whole"),
    pytest.param(0, (NAN, 10), id="NaN part"),
    pytest.param(0, ("1", 10), id="text"),
    pytest.param(0, (True, 10), id="boolean"),
    pytest.param(1, (0, 0), id="zero whole"),
    pytest.param(1, (0, -3), id="negative whole"),
    pytest.param(1, (1, 2.5), id="broken whole"),
    pytest.param(1, (1, INF), id="infinite whole"),
    pytest.param(1, ([1, 2, 3], [4, 5]), id="shapes"),
]

UNIT_REJECTIONS = [
    pytest.param(0, (-0.01, 10), id="negative amount"),
    pytest.param(0, (NAN, 10), id="NaN amount"),
    pytest.param(0, (INF, 10), id="infinite amount"),
    pytest.param(0, ("1", 10), id="text"),
    pytest.param(1, (5, 0), id="no unit"),
    pytest.param(1, (5, -1), id="negative units"),
    pytest.param(1, (5, NAN), id="NaN units"),
    pytest.param(1, ([1, 2, 3], [4, 5]), id="shapes"),
]


def refuses(function, position, arguments):
    """Check that a call raises and names the argument at a position."""
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert caught.value.name == list(inspect.signature(function).parameters)[position]


four_counts = st.lists(counts.filter(bool), min_size=1, max_size=4)
two_amounts = st.lists(money, min_size=2, max_size=2)
two_units = st.lists(positive_money, min_size=2, max_size=2)


def is_exact_share(function, data):
    """Check a share against the fraction itself, one by one and over arrays."""
    wholes = data.draw(four_counts)
    parts = [data.draw(st.integers(0, whole)) for whole in wholes]
    exact = [float(Fraction(part, whole)) for part, whole in zip(parts, wholes, strict=True)]
    assert [function(part, whole) for part, whole in zip(parts, wholes, strict=True)] == exact
    assert function(parts, wholes).tolist() == exact
    assert function(np.zeros((len(wholes), 1)), wholes).shape == (len(wholes), len(wholes))


def multiplies_back(function, data):
    """Check that the amount per unit times the units is the amount, and that arrays are loops of scalars."""
    amounts, units = data.draw(two_amounts), data.draw(two_units)
    result = function(amounts, units)
    np.testing.assert_allclose(result * units, amounts, rtol=1e-15)
    assert result.tolist() == [function(amount, unit) for amount, unit in zip(amounts, units, strict=True)]


class TestRetentionRate:
    """(customers at end - new ones) / customers at start."""

    @pytest.mark.parametrize(
        ("arguments", "rate"),
        [
            ((100, 90, 20), 0.70),  # domain, section 1
            ((100, 100, 0), 1.0),  # by hand
            ((50, 0, 0), 0.0),
        ],
    )
    def test_known_answers(self, arguments, rate):
        assert metrics.retention_rate(*arguments) == rate
        assert isinstance(metrics.retention_rate(*arguments), np.float64)

    @given(st.integers(1, 10**12), st.data())
    def test_is_the_complement_of_churn(self, n_start, data):
        n_lost = data.draw(st.integers(0, n_start))
        n_new = data.draw(counts)
        retained = metrics.retention_rate(n_start, n_start - n_lost + n_new, n_new)
        assert retained + metrics.churn_rate(n_lost, n_start) == pytest.approx(1, abs=1e-15)

    def test_broadcasts(self):
        np.testing.assert_array_equal(metrics.retention_rate(100, [90, 60], [[20], [10]]), [[0.7, 0.4], [0.8, 0.5]])

    @pytest.mark.parametrize(
        ("position", "arguments"),
        [
            (0, (0, 0, 0)),
            (0, (-1, 0, 0)),
            (0, (NAN, 0, 0)),
            (1, (100, 121, 20)),  # more left than there were
            (1, (100, 90.5, 20)),
            (2, (100, 90, 91)),  # new ones who are not there
            (2, (100, 90, INF)),
            (2, ([100, 100], [90, 90], [1, 2, 3])),
        ],
    )
    def test_refuses(self, position, arguments):
        refuses(metrics.retention_rate, position, arguments)

    def test_says_what_is_missing_when_customers_came_back(self):
        with pytest.raises(InputError, match=r"at most `n_start` [+] `n_new`; got 121.0.*came back"):
            metrics.retention_rate(100, 121, 20)


class TestChurnRate:
    """Customers lost in the period / customers at start."""

    def test_known_answer(self):
        assert metrics.churn_rate(10, 100) == 0.10  # domain, section 1

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.churn_rate, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.churn_rate, position, arguments)

    def test_says_where(self):
        with pytest.raises(InputError) as caught:
            metrics.churn_rate([1, 12, 13], [10, 10, 10])
        assert (caught.value.index, caught.value.value, caught.value.count) == (1, 12.0, 2)


class TestRepeatPurchaseRate:
    """Customers with more than one purchase / customers."""

    def test_known_answer(self):
        assert metrics.repeat_purchase_rate(40, 100) == 0.40  # domain, section 1

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.repeat_purchase_rate, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.repeat_purchase_rate, position, arguments)


class TestAcquisitionCost:
    """Marketing and sales spend / new customers."""

    def test_known_answer(self):
        assert metrics.acquisition_cost(50_000, 100) == 500  # domain, section 1

    @given(st.data())
    def test_times_its_units_is_the_amount(self, data):
        multiplies_back(metrics.acquisition_cost, data)

    @pytest.mark.parametrize(("position", "arguments"), UNIT_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.acquisition_cost, position, arguments)


class TestAverageOrderValue:
    """Revenue / orders."""

    def test_known_answer(self):
        assert metrics.average_order_value(50_000, 200) == 250  # domain, section 1

    @given(st.data())
    def test_times_its_units_is_the_amount(self, data):
        multiplies_back(metrics.average_order_value, data)

    @pytest.mark.parametrize(("position", "arguments"), UNIT_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.average_order_value, position, arguments)


class TestAverageRevenuePerUser:
    """Revenue in the period / active customers."""

    @pytest.mark.parametrize(
        ("revenue", "n_active", "arpu"),
        [(36_000, 1_200, 30), (21_000, 10.5, 2_000)],  # by hand; the second over a mean number of customers
    )
    def test_known_answers(self, revenue, n_active, arpu):
        assert metrics.average_revenue_per_user(revenue, n_active) == arpu

    @given(st.data())
    def test_times_its_units_is_the_amount(self, data):
        multiplies_back(metrics.average_revenue_per_user, data)

    @pytest.mark.parametrize(("position", "arguments"), UNIT_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.average_revenue_per_user, position, arguments)


class TestMonthlyRecurringRevenue:
    """Active subscribers times mean monthly fee."""

    def test_known_answer(self):
        assert metrics.monthly_recurring_revenue(200, 300) == 60_000  # domain, section 1
        assert metrics.monthly_recurring_revenue(200, 0) == 0  # a single payment counts as 0

    @given(st.integers(1, 10**6), positive_money)
    def test_over_its_subscribers_is_the_fee(self, n_subscribers, fee):
        revenue = metrics.monthly_recurring_revenue([0, n_subscribers], fee)
        assert revenue[0] == 0
        assert metrics.average_revenue_per_user(revenue[1], n_subscribers) == pytest.approx(fee, rel=1e-15)

    @pytest.mark.parametrize(
        ("position", "arguments"),
        [(0, (-1, 5)), (0, (1.5, 5)), (0, (NAN, 5)), (1, (1, -5)), (1, (1, INF)), (1, ([1, 2], [1, 2, 3]))],
    )
    def test_refuses(self, position, arguments):
        refuses(metrics.monthly_recurring_revenue, position, arguments)


class TestCustomerSatisfaction:
    """Positive answers / answers."""

    def test_known_answer(self):
        assert metrics.customer_satisfaction(80, 100) == 0.80  # domain, section 1

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.customer_satisfaction, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.customer_satisfaction, position, arguments)


class TestFirstContactResolution:
    """Problems solved at the first contact / contacts."""

    def test_known_answer(self):
        assert metrics.first_contact_resolution(75, 100) == 0.75  # domain, section 1

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.first_contact_resolution, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.first_contact_resolution, position, arguments)


class TestOpenRate:
    """Messages opened / messages delivered."""

    def test_known_answer(self):
        assert metrics.open_rate(230, 1_000) == 0.23  # by hand

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.open_rate, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.open_rate, position, arguments)


class TestClickThroughRate:
    """Messages clicked / messages delivered."""

    def test_known_answer(self):
        assert metrics.click_through_rate(46, 1_000) == 0.046  # by hand

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.click_through_rate, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.click_through_rate, position, arguments)


class TestClickToOpenRate:
    """Messages clicked / messages opened."""

    def test_known_answer(self):
        assert metrics.click_to_open_rate(46, 230) == 0.2  # by hand

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.click_to_open_rate, data)

    @given(counts.filter(bool), st.data())
    def test_times_the_open_rate_is_the_click_through_rate(self, n_delivered, data):
        n_opened = data.draw(st.integers(1, n_delivered))
        n_clicked = data.draw(st.integers(0, n_opened))
        product = metrics.open_rate(n_opened, n_delivered) * metrics.click_to_open_rate(n_clicked, n_opened)
        assert product == pytest.approx(metrics.click_through_rate(n_clicked, n_delivered), rel=1e-14)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.click_to_open_rate, position, arguments)


class TestConversionRate:
    """Moved on / were at it."""

    @pytest.mark.parametrize(
        ("n_converted", "n_entered", "rate"),
        [(300, 500, 0.60), (120, 300, 0.40), (120, 500, 0.24)],  # domain, section 5
    )
    def test_known_answers(self, n_converted, n_entered, rate):
        assert metrics.conversion_rate(n_converted, n_entered) == rate

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.conversion_rate, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.conversion_rate, position, arguments)


class TestCostPerContact:
    """Cost / contacts."""

    def test_known_answer(self):
        assert metrics.cost_per_contact(1_200, 800) == 1.5  # by hand

    @given(st.data())
    def test_times_its_units_is_the_amount(self, data):
        multiplies_back(metrics.cost_per_contact, data)

    @pytest.mark.parametrize(("position", "arguments"), UNIT_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.cost_per_contact, position, arguments)


class TestParticipationRate:
    """Members of the programme / customers."""

    def test_known_answer(self):
        assert metrics.participation_rate(1_500, 2_500) == 0.6  # by hand

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.participation_rate, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.participation_rate, position, arguments)


class TestRedemptionRate:
    """Rewards redeemed / rewards issued."""

    def test_known_answer(self):
        assert metrics.redemption_rate(340, 1_000) == 0.34  # by hand

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.redemption_rate, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.redemption_rate, position, arguments)


class TestReturnRate:
    """Items returned / items sold."""

    def test_known_answer(self):
        assert metrics.return_rate(12, 400) == 0.03  # by hand

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.return_rate, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.return_rate, position, arguments)


class TestComplaintRate:
    """Orders with a complaint / orders."""

    def test_known_answer(self):
        assert metrics.complaint_rate(6, 400) == 0.015  # by hand

    @given(st.data())
    def test_equals_its_definition(self, data):
        is_exact_share(metrics.complaint_rate, data)

    @pytest.mark.parametrize(("position", "arguments"), SHARE_REJECTIONS)
    def test_refuses(self, position, arguments):
        refuses(metrics.complaint_rate, position, arguments)


class TestReturnOnInvestment:
    """(gain - cost) / cost."""

    @pytest.mark.parametrize(
        ("gain", "cost", "roi"),
        [(15_000, 10_000, 0.5), (10_000, 10_000, 0), (0, 7, -1), (-5, 10, -1.5)],  # by hand
    )
    def test_known_answers(self, gain, cost, roi):
        assert metrics.return_on_investment(gain, cost) == roi

    @given(money, positive_money, positive_money)
    def test_does_not_depend_on_the_currency(self, gain, cost, rate):
        scaled = metrics.return_on_investment(gain * rate, cost * rate)
        assert 1 + scaled == pytest.approx(1 + metrics.return_on_investment(gain, cost), rel=1e-14, abs=1e-15)

    @pytest.mark.parametrize(
        ("position", "arguments"),
        [(0, (NAN, 1)), (0, (INF, 1)), (1, (1, 0)), (1, (1, -1)), (1, (1, NAN)), (1, ([1, 2], [1, 2, 3]))],
    )
    def test_refuses(self, position, arguments):
        refuses(metrics.return_on_investment, position, arguments)


class TestPackage:
    """The public door offers everything and loads little."""

    def test_loads_no_scipy(self):
        code = "import sys, crmvalue.metrics; assert not [name for name in sys.modules if name.startswith('scipy')]"
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_the_docstring_lists_every_function(self):
        for name in metrics.__all__:
            if inspect.isfunction(getattr(metrics, name)):
                assert f":func:`{name}`" in metrics.__doc__
