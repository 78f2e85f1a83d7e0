"""Fit BG/NBD to three bases: crmvalue and lifetimes in one run.

    python benchmarks/bench_bg_nbd.py [REPETITIONS]

All start from the columns x, t_x, T in memory; compressing the rows is part of crmvalue's time. lifetimes runs on every
row, and once more on rows that were compressed by hand beforehand, with weights. Every answer is compared before its
time is shown.
"""

from __future__ import annotations

import platform
import statistics
import sys
import warnings
from importlib.metadata import version
from time import perf_counter

import numpy as np
from lifetimes import BetaGeoFitter

import crmvalue
from crmvalue.datasets import load_cdnow
from crmvalue.models.bg_nbd import BgNbd, fit_bg_nbd
from crmvalue.purchases import PurchaseHistory, split_purchases

TRUE = BgNbd(0.243, 4.414, 0.793, 2.426, "week")


def cdnow():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, calibration_end="1997-09-30").calibration


def simulated(n, first_week, last_week):
    """Customers of whole days, as an order log gives them."""
    rng = np.random.default_rng(1)
    days = rng.integers(7 * first_week, 7 * last_week + 1, n)
    exact = TRUE.simulate(days / 7, rng=rng)
    last = np.where(exact.frequency > 0, np.clip(np.ceil(exact.recency * 7), 1, days), 0)
    x = np.minimum(exact.frequency, last)  # at most one purchase a day
    return PurchaseHistory.from_columns(frequency=x, recency=last / 7, age=days / 7, time_unit="week")


def by_lifetimes(x, t_x, age, weights=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is written for older libraries
        fitter = BetaGeoFitter()
        fitter.fit(x, t_x, age, weights=weights)
    return np.array([fitter.params_[name] for name in ("r", "alpha", "a", "b")])


def timed(function, repetitions):
    function()
    taken = []
    for _ in range(repetitions):
        start = perf_counter()
        result = function()
        taken.append(perf_counter() - start)
    return statistics.median(taken), result


def once(function):
    start = perf_counter()
    result = function()
    return perf_counter() - start, result


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    bases = {
        "CDNOW sample, 2,357 customers": cdnow(),
        "100,000 customers, 27-39 weeks": simulated(100_000, 27, 39),
        "1 million, 27-39 weeks": simulated(1_000_000, 27, 39),
        "1 million, 52-104 weeks": simulated(1_000_000, 52, 104),
    }
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, crmvalue {crmvalue.__version__} ", end="")
    print(f"(median of {repetitions}), lifetimes {version('lifetimes')} (CDNOW: the same; else one run)\n")
    print("| Base | distinct rows | crmvalue, ms | lifetimes, ms | times | lifetimes compressed, ms | times |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, history in bases.items():
        ours, fit = timed(lambda base=history: fit_bg_nbd(base), repetitions)
        rows = history.unique()
        columns = (history.frequency, history.recency, history.age)
        small = (rows.frequency, rows.recency, rows.age, rows.weight)
        if len(history) < 10_000:
            theirs, found = timed(lambda of=columns: by_lifetimes(*of), repetitions)
        else:
            theirs, found = once(lambda of=columns: by_lifetimes(*of))
        weighted, _ = once(lambda of=small: by_lifetimes(*of))
        np.testing.assert_allclose(fit.estimates, found, rtol=2e-2)
        print(
            f"| {name} | {len(rows.weight):,} | {ours * 1e3:,.1f} | {theirs * 1e3:,.0f} | {theirs / ours:.0f} ", end=""
        )
        print(f"| {weighted * 1e3:,.0f} | {weighted / ours:.1f} |", flush=True)


if __name__ == "__main__":
    main()
