"""The forecast in money, margin and deals, against all outcomes counted one by one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmvalue.errors import InputError
from crmvalue.funnels import SalesForecast, forecast_sales

deals = st.lists(
    st.tuples(st.integers(0, 500), st.sampled_from([0.0, 0.1, 0.5, 0.8, 1.0]), st.integers(0, 10)),
    min_size=1,
    max_size=5,
)


@given(deals)
def test_equals_all_outcomes(rows):
    amount, prob = [row[0] for row in rows], [row[1] for row in rows]
    margin = [row[2] / 10 for row in rows]
    found = forecast_sales(amount, prob, margin=margin)
    outcomes = [
        (math.prod(p if won else 1 - p for p, won in zip(prob, wins, strict=True)), np.array(wins))
        for wins in itertools.product([0, 1], repeat=len(rows))
    ]
    values = {"revenue": np.array(amount), "margin": np.multiply(amount, margin), "deals": np.ones(len(rows))}
    for name, value in values.items():
        one = getattr(found, name)
        mean = sum(chance * (wins @ value) for chance, wins in outcomes)
        assert one.expected == pytest.approx(mean, abs=1e-9)
        goal = float(value.sum()) / 2
        reached = sum(chance for chance, wins in outcomes if wins @ value >= goal - 1e-9)
        assert one.prob_at_least(goal) == pytest.approx(reached, abs=1e-9)
    assert SalesForecast.from_json(found.to_json()) == found


def test_one_table():
    found = forecast_sales([100, 200, 300], [0.5, 0.5, 0.1], margin=0.4)
    table = found.to_columns()
    assert table["forecast"].tolist() == ["revenue", "margin", "deals"]
    assert table["expected"] == pytest.approx([180, 72, 1.1])
    assert [table["low"][1], table["high"][1]] == [found.margin.interval.low, found.margin.interval.high]


def test_groups_add_up():
    found = forecast_sales([100, 200, 300], [0.5, 0.5, 0.1], margin=0.4, by=["a", "b", "a"])
    assert found.margin.by_group.expected.sum() == pytest.approx(found.margin.expected)
    assert found.deals.by_group.expected.tolist() == pytest.approx([0.6, 0.5])
    assert found.margin.expected == pytest.approx(0.4 * found.revenue.expected)


@pytest.mark.parametrize("margin", [1.5, -0.1, [0.1, 0.2], np.nan])
def test_rejections(margin):
    with pytest.raises(InputError, match="margin"):
        forecast_sales([100, 200, 300], [0.5, 0.5, 0.1], margin=margin)


def test_months_finer_than_nanoseconds_are_refused():
    with pytest.raises(InputError, match="nanosecond resolution or coarser"):
        forecast_sales([100, 200], [0.5, 0.5], margin=0.4, month=np.array([0, 1], dtype="datetime64[ps]"))


def test_margins_below_a_cent_are_not_lost():
    one = forecast_sales([0.004] * 10, [1.0] * 10, margin=0.5)
    each = forecast_sales([0.004] * 10, [1.0] * 10, margin=[0.5, 0.25] * 5)
    assert one.margin.expected == pytest.approx(0.02, rel=1e-12)
    assert each.margin.expected == pytest.approx(0.015, rel=1e-12)
    assert one.conclusion == (
        "Expected, with 95 % intervals: revenue 0.04 (0.04 to 0.04); margin 0.02 (0.02 to 0.02); deals 10 (10 to 10)."
    )


def test_margins_in_whole_cents_are_counted_exactly():
    amount, share = np.arange(100.0, 3100.0, 100.0), np.array([0.07, 0.29, 0.57] * 10)
    found = forecast_sales(amount, np.full(30, 0.3), margin=share)
    assert found.margin.method == "exact"
    assert found.margin.expected == pytest.approx(0.3 * math.fsum(amount * share), rel=1e-12)


def test_one_margin_is_a_share_of_the_revenue():
    amount, prob, month = [1234.56, 99.99, 0.01], [0.5, 0.5, 0.1], ["2024-05", "2024-06", "2024-05"]
    one = forecast_sales(amount, prob, margin=0.37, month=month, by=[1, 1, 2])
    each = forecast_sales(amount, prob, margin=[0.37, 0.37, 0.37 * (1 + 1e-15)], month=month, by=[1, 1, 2])
    for name in ("by_month", "by_group"):
        ours, theirs = getattr(one.margin, name).to_columns(), getattr(each.margin, name).to_columns()
        for column in ("amount", "expected", "standard_deviation", "low", "high"):
            assert ours[column] == pytest.approx(theirs[column], rel=1e-12), column
    assert one.margin.total == pytest.approx(each.margin.total, rel=1e-12)
    many = forecast_sales(np.arange(100.0, 3100, 100), [0.3] * 30, margin=0.12345)  # margins are no whole cents
    assert many.margin.method == many.revenue.method == "exact"
    np.testing.assert_allclose(many.margin.interval, 0.12345 * np.array(many.revenue.interval), rtol=1e-12)
    assert SalesForecast.from_json(one.to_json()) == one


@pytest.mark.parametrize("margin", [0.0, 1e-90, [0.0, 1e-90]])
def test_next_to_no_margin_is_nothing(margin):
    assert forecast_sales([1e-15, 100], [0.5, 0.5], margin=margin).margin.expected == 0
