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
