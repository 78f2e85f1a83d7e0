"""How long the fits of models of spend take: one million customers with about four purchases each.

python benchmarks/bench_spend.py [customers]
"""

from __future__ import annotations

import sys
import time

import numpy as np

from crmvalue.models import Gb2Spend, LognormalSpend, fit_gamma_gamma, fit_gb2_spend, fit_lognormal_spend
from crmvalue.purchases import PurchaseAmounts, PurchaseHistory

rng = np.random.default_rng(1)
N = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000


def history_of(model):
    """Draw customers who buy up to 52 weeks after their first purchase."""
    n = 1 + rng.negative_binomial(0.7, 0.7 / 3.7, N)
    amount = model.simulate(n, rng=rng)
    row = np.repeat(np.arange(N), n)
    first = np.ones(len(row), dtype=bool)
    first[1:] = row[1:] != row[:-1]
    at = np.where(first, 0, rng.integers(1, 364, len(row)))
    at = at[np.lexsort((at, row))]
    last = np.maximum.reduceat(at, np.flatnonzero(first)) / 7
    mean = np.bincount(row, weights=np.where(first, 0.0, amount)) / np.maximum(n - 1, 1)
    return PurchaseHistory(
        frequency=n - 1.0,
        recency=last,
        age=np.full(N, 52.0),
        mean_repeat_spend=np.where(n > 1, mean, np.nan),
        time_unit="week",
        as_of="2024-12-30",
        amounts=PurchaseAmounts(n_purchases=n, day=np.datetime64("2024-01-01") + at, amount=amount),
    )


def timed(name, work):
    """Print how long some work takes, the better of two runs."""
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    print(f"{name:55} {min(seconds):6.2f} s")
    return result


for model, fit in ((LognormalSpend(3.0, 0.8, 0.6), fit_lognormal_spend), (Gb2Spend(2.1, 320, 0.8, 1.0), fit_gb2_spend)):
    history = history_of(model)
    print(f"{type(model).__name__}: {N:,} customers, {len(history.amounts.amount):,} purchases")
    found = timed("fit", lambda fit=fit, history=history: fit(history))
    print("  ", found.model, found.diagnosis.grade, found.diagnosis.n_evaluations, "evaluations")
    timed("fit with drift and season", lambda fit=fit, history=history: fit(history, drift=True, season=True))
    timed("expected spend", lambda model=found.model, history=history: model.expected_spend(history))
    timed(
        "fit of the gamma-gamma model, for comparison", lambda history=history: fit_gamma_gamma(history, zeros="drop")
    )
