"""Valid calls of the public functions of :mod:`crmvalue.frames`, on frames of pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crmvalue.frames import (
    fit,
    funnel,
    journey_results,
    migrate,
    order_lines,
    plan,
    retention,
    rfm,
    segments,
    split,
    summarise,
    value,
)
from crmvalue.journeys import BirthdayJourney, MessageHistory
from crmvalue.segmentation import Segment, SegmentColumns
from tests.calls import Call, Later

__all__ = ["CALLS"]

DAYS = ["2024-01-01", "2024-01-05", "2024-02-10", "2024-03-01", "2024-03-02"]

SENT = MessageHistory(
    customer=["ann"],
    group=["hello"],
    step=["message"],
    anchor=["2024-05-31"],
    sent_at=["2024-05-31"],
    channel=["email"],
    counted=[True],
)


def orders():
    return pd.DataFrame({"customer": [1, 2, 1, 1, 3], "date": pd.to_datetime(DAYS), "amount": [10.0, 7, 6, 5, 8]})


def customers():
    """Draw customers to whom the models fit well."""
    n, rng = 60, np.random.default_rng(0)
    frequency = rng.poisson(rng.gamma(1, 0.2, n) * 30).astype(np.float64)
    spend = rng.gamma(6, 15 / rng.gamma(4, 0.25, n)) / 6
    return pd.DataFrame(
        {
            "customer": [f"c{number}" for number in range(n)],
            "frequency": frequency,
            "recency": np.where(frequency > 0, 30 * frequency / (frequency + 1), 0),
            "age": 30.0,
            "mean_repeat_spend": np.where(frequency > 0, spend, 0),
            "days_since_last": np.arange(n, dtype=np.float64),
            "n_purchases": frequency + 1,
            "total_spend": spend * (frequency + 1),
        }
    )


def events():
    times = pd.to_datetime(["2024-01-01", "2024-01-05", "2024-01-03"])
    return pd.DataFrame({"customer": [1, 1, 2], "event": ["lead", "deal", "lead"], "time": times})


def groups(*names):
    return Later(lambda: pd.DataFrame({"customer": range(1, len(names) + 1), "rfm_group": names}))


def born():
    return pd.DataFrame({"customer": ["ann", "bob"], "born": ["1990-06-07", "1985-01-01"], "email_ok": [True, True]})


CALLS = [
    Call(summarise, {"orders": Later(orders), "as_of": "2024-03-31"}, {"as_of": "2023-13-01"}),
    Call(
        split,
        {"orders": Later(orders), "calibration_end": "2024-01-31", "holdout_end": "2024-03-31"},
        {"calibration_end": "31.01.2024", "holdout_end": "2024-01-31"},
    ),
    Call(fit, {"customers": Later(customers), "model": "mbg_cnbd", "time_unit": "week", "k": 2}, {"k": 0}),
    Call(
        value,
        {
            "customers": Later(customers),
            "fit": Later(lambda: fit(customers(), "nbd", time_unit="week")),
            "spend_fit": Later(lambda: fit(customers(), "gamma_gamma", time_unit="week")),
            "horizon": 52,
            "margin": 0.3,
            "level": 0.9,
            "n_draws": 50,
            "rng": Later(lambda: np.random.default_rng(1)),
            "time_unit": "week",
        },
        {
            "horizon": 0,
            "margin": 1.5,
            "discount_rate": -0.1,
            "service_cost": -1.0,
            "acquisition_cost": -1.0,
            "level": 1.0,
            "n_draws": 1,
        },
    ),
    Call(rfm, {"customers": Later(customers), "spend_basis": "total"}, {"n_bins": 1, "window": 0.0}),
    Call(
        segments,
        {
            "customers": Later(customers),
            "as_of": "2024-03-31",
            "rules": [Segment("loyal", SegmentColumns({"n_purchases": "number"})["n_purchases"] >= 3)],
        },
        {"as_of": "2024-02-30"},
    ),
    Call(
        retention,
        {"orders": Later(orders), "period": "month", "as_of": "2024-03-31"},
        {"as_of": "2023-12-31"},
    ),
    Call(
        funnel,
        {"events": Later(events), "steps": ["lead", "deal"], "as_of": "2024-03-01", "window": 30.0},
        {"window": 0.0},
        unbounded={"as_of"},
    ),
    Call(
        migrate,
        {
            "before": groups("Loyal", "Lost"),
            "now": groups("Loyal", "Loyal", "New"),
            "window_before": 30.0,
            "window_now": 30.0,
        },
        {"level": 1.0, "window_before": 0.0, "window_now": 0.0},
    ),
    Call(
        plan,
        {
            "journeys": [BirthdayJourney("birthday", offer="10 %")],
            "customers": Later(born),
            "as_of": "2024-05-31",
            "dates": {"birthday": "born"},
            "consent": {"email": "email_ok"},
            "days": 2,
        },
        {"as_of": "2024-05-32", "days": 0},
    ),
    Call(
        order_lines,
        {
            "orders": Later(
                lambda: pd.DataFrame({"customer": ["ann"], "date": ["2024-06-02"], "sku": ["tea"], "amount": [5.0]})
            ),
            "amount": "amount",
        },
        {},
    ),
    Call(
        journey_results,
        {
            "messages": Later(lambda: SENT),
            "responses": Later(lambda: pd.DataFrame({"customer": ["ann"], "name": ["opened"], "time": DAYS[-1:]})),
            "orders": Later(lambda: pd.DataFrame({"customer": ["ann"], "date": ["2024-06-02"], "amount": [5.0]})),
            "as_of": "2024-06-30",
            "margin": 0.5,
            "contact_cost": 0.05,
        },
        {"as_of": "2024-06-31", "within_days": 0, "margin": 1.5, "contact_cost": -1.0, "level": 1.0},
    ),
]
