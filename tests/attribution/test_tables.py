"""Credits, effects and returns of channels as tables and as JSON text."""

from __future__ import annotations

import numpy as np
import pytest

from crmvalue.attribution import Paths, attribute, channel_returns, markov_removal_effects, shapley_values
from tests.tables import check_json, check_table

PATHS = Paths.from_lists([["ad"], ["mail"], ["ad", "mail"], ["ad"]], [2, 1, 1, 0], value=[20, 10, 30, 0])
CREDIT = attribute(PATHS, model="last")


@pytest.mark.parametrize(
    ("result", "n_rows", "column", "values"),
    [
        (CREDIT, 2, "conversion_credit", [2, 2]),
        (channel_returns(CREDIT, {"ad": 10, "mail": 5}), 2, "net_gain", [10, 35]),
        (markov_removal_effects(PATHS), 2, "share", [0.6, 0.4]),
        (shapley_values({("a",): 1, ("a", "b"): 3, ("b",): 1}), 2, "value", [1.5, 1.5]),
    ],
)
def test_rows_and_values(result, n_rows, column, values):
    check_table(result, n_rows, column, values)


@pytest.mark.parametrize(
    "result",
    [
        markov_removal_effects(PATHS),
        shapley_values({("a",): 1, ("a", "b"): 3, ("b",): 1}),
        shapley_values(
            lambda s: s.sum(axis=1) ** 2.0, channels=list("abcdefghijklmnopq"), n_orders=9, rng=np.random.default_rng(1)
        ),
        channel_returns(CREDIT, {"ad": 10, "mail": 0, "tv": 7}),
    ],
)
def test_json_there_and_back(result):
    check_json(result)
