"""Proper scores of the purchases of many customers: log score, CRPS and coverage.

    python benchmarks/bench_scores.py [CUSTOMERS]

The customers come within a year from a model near the one of the CDNOW sample and are observed in whole days until a
year and a half. In another 39 weeks each buys at random at the rate that the model expects. Each model is scored with
its published parameters, once after a small warm run, in time of the processor.
"""

from __future__ import annotations

import sys
from time import process_time

import attrs
import numpy as np

from crmvalue.datasets import load_cdnow
from crmvalue.models import BgNbd, MbgCnbd, MbgNbd, Nbd, ParetoNbd, proper_scores
from crmvalue.purchases import PurchaseHistory, split_purchases

MODELS = {
    "NBD": Nbd(0.385, 12.07, "week"),
    "BG/NBD": BgNbd(0.243, 4.414, 0.793, 2.426, "week"),
    "MBG/NBD": MbgNbd(0.525, 6.183, 0.891, 1.614, "week"),
    "Pareto/NBD": ParetoNbd(0.553, 10.578, 0.606, 11.669, "week"),
    "MBG/CNBD-2": MbgCnbd(0.58, 2.288, 1.134, 1.585, "week", k=2),
    "MBG/CNBD-3": MbgCnbd(0.533, 1.258, 1.289, 1.845, "week", k=3),
}


def split_of(n_customers):
    """Give a split of drawn customers, in place of those of CDNOW."""
    log = load_cdnow()
    split = split_purchases(log.customer, log.date, calibration_end="1997-09-30")
    rng = np.random.default_rng(1)
    drawn = MODELS["Pareto/NBD"].simulate(rng.integers(26 * 7, 78 * 7, n_customers) / 7, rng=rng)
    recency = np.minimum(np.ceil(drawn.recency * 7) / 7, drawn.age)
    history = PurchaseHistory(frequency=drawn.frequency, recency=recency, age=drawn.age, time_unit="week")
    expected = MODELS["Pareto/NBD"].expected_purchases(history, horizon=39.0)
    return attrs.evolve(
        split, calibration=history, holdout_n_purchases=rng.poisson(expected).astype(float), last_n_purchases=None
    )


if __name__ == "__main__":
    n = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    small, large = split_of(1000), split_of(n)
    rows = len(large.calibration.unique().frequency)
    print(f"{n:,} customers, {rows:,} distinct rows\n\n| Model | Seconds | Log score | CRPS | Coverage of 90 % |")
    print("|---|---:|---:|---:|---:|")
    for name, model in MODELS.items():
        proper_scores(small, model)
        start = process_time()
        scores = proper_scores(large, model)
        took = process_time() - start
        print(f"| {name} | {took:.2f} | {scores.log_score:.4f} | {scores.crps:.4f} | {scores.coverage:.3f} |")
