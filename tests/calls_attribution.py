"""Valid calls of crmvalue.attribution."""

from __future__ import annotations

from calls import Call

from crmvalue import attribution

__all__ = ["CALLS"]

PATHS = attribution.Paths.from_lists([["ads", "email"], ["email"]], n_conversions=[2, 1], n_lost=[1, 0], value=[30, 9])

CALLS = [
    Call(
        attribution.attribute,
        {"paths": PATHS, "model": "linear", "half_life_days": 7.0, "order": 1},
        {"half_life_days": 0, "order": 4},
    ),
    Call(attribution.markov_removal_effects, {"paths": PATHS, "order": 2}, {"order": 4}),
    Call(attribution.channel_transitions, {"paths": PATHS}),
    Call(
        attribution.channel_returns,
        {
            "credit": attribution.attribute(PATHS, model="last"),
            "cost": {"ads": 10, "email": 1},
            "margin": 0.5,
        },
        {"margin": 1.5},
    ),
    Call(
        attribution.shapley_values,
        {"worth": {"a": 1, "b": 2, ("a", "b"): 4}, "n_samples": 100},
        {"n_samples": 1},
    ),
    Call(
        attribution.paths_from_touches,
        {
            "customer": [1, 2],
            "channel": ["ads", "email"],
            "time": ["2024-05-01", "2024-05-02"],
            "conversion_customer": [1, 2],
            "conversion_time": ["2024-05-03", "2024-05-04"],
            "conversion_value": [10.0, 20.0],
            "as_of": "2024-06-01",
            "look_back_days": 30,
        },
        {"time": "2024-05-32", "conversion_time": "2024-05-32", "as_of": "2024-06-31", "look_back_days": 0},
        unbounded={"conversion_value"},
    ),
]
