"""Valid calls of the public functions of :mod:`crmvalue.datasets`."""

from __future__ import annotations

import numpy as np

from crmvalue.datasets import simulate_transactions
from tests.calls import Call

__all__ = ["CALLS"]

POSITIVE = {
    "purchase_shape": 0.55,
    "purchase_scale": 74.0,
    "dropout_shape": 0.61,
    "dropout_scale": 82.0,
    "spend_shape": 6.25,
    "spend_heterogeneity": 3.74,
    "spend_scale": 15.44,
}

CALLS = [
    Call(
        simulate_transactions,
        {
            "n_customers": 5,
            "rng": np.random.default_rng(1),
            "start": "2024-02-28",
            "n_days": 30,
            "n_acquisition_days": 10,
            **POSITIVE,
        },
        out_of_range={
            "n_customers": 0,
            "start": "2024-02-30",
            "n_days": 0.5,
            "n_acquisition_days": 31,
            **dict.fromkeys(POSITIVE, 0.0),
        },
    ),
]
