"""Valid calls of crmvalue.attribution."""

from __future__ import annotations

from crmvalue.attribution import (
    Paths,
    attribute,
    channel_returns,
    channel_transitions,
    markov_removal_effects,
    paths_from_touches,
    shapley_values,
)
from tests.calls import Call, Later

__all__ = ["CALLS"]

PATHS = Paths.from_lists([["ad"], ["mail"], ["ad", "mail"], ["ad"]], [2, 1, 1, 0], days_before=[[1], [2], [9, 3], [1]])

CALLS = [
    Call(
        paths_from_touches,
        {
            "customer": ["ann", "ann", "bob"],
            "channel": ["ad", "mail", "ad"],
            "time": ["2024-01-01", "2024-01-05", "2024-01-03"],
            "conversion_customer": ["ann", "bob"],
            "conversion_time": ["2024-01-07", "2024-01-04"],
            "conversion_value": [90.0, 20.0],
            "as_of": "2024-03-01",
            "look_back_days": 30.0,
        },
        out_of_range={"conversion_value": -1, "look_back_days": 0.0},
        unbounded={"time", "conversion_time", "as_of"},
    ),
    Call(
        attribute,
        {
            "paths": PATHS,
            "model": "time_decay",
            "half_life_days": 7.0,
            "position_weights": [0.4, 0.2, 0.4],
            "order": 1,
        },
        out_of_range={"half_life_days": 0.0, "position_weights": -1, "order": 4},
    ),
    Call(markov_removal_effects, {"paths": PATHS, "order": 2}, out_of_range={"order": 0}),
    Call(shapley_values, {"worth": PATHS, "n_orders": 10}, out_of_range={"n_orders": 1}),
    Call(channel_transitions, {"paths": PATHS}),
    Call(
        channel_returns,
        {"attribution": Later(lambda: attribute(PATHS, model="last")), "cost": [60.0, 10.0]},
        out_of_range={"cost": -1},
    ),
]
