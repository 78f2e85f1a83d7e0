"""Fit BG/NBD: crmvalue, lifetimes and, where it is installed, pymc-marketing in one run.

    python benchmarks/bench_bg_nbd.py [REPETITIONS]

All start from the columns x, t_x and T in memory. Compressing the rows is part of crmvalue's time. lifetimes runs on
every row, and once more with weights on rows that were compressed by hand before. pymc-marketing takes no weights. It
searches for the mode of the posterior under flat priors, which is the same answer. Its first fit includes the
compilation and is shown separately. Every answer is compared before its time is shown. At the end crmvalue runs alone,
up to 10 million customers, to show how the time and the memory of a fit grow.
"""

from __future__ import annotations

import importlib.util
import platform
import statistics
import sys
import tracemalloc
import warnings
from importlib.metadata import version
from time import perf_counter
from unittest.mock import patch

import numpy as np
import pandas as pd
from lifetimes import BetaGeoFitter

import crmvalue
from crmvalue.datasets import load_cdnow
from crmvalue.models import BgNbd, fit_bg_nbd
from crmvalue.purchases import PurchaseHistory, split_purchases

TRUE = BgNbd(0.243, 4.414, 0.793, 2.426, "week")
PARAMETERS = ("r", "alpha", "a", "b")
PYMC_TARGET = 80.0  # times as fast
MOST_SECONDS, MOST_BYTES = 1.0, 2e9  # of a fit to 10 million


def cdnow():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, calibration_end="1997-09-30").calibration


def simulated(n, first_week, last_week):
    """Customers with times in whole days, as an order log gives them."""
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
    return np.array([fitter.params_[name] for name in PARAMETERS])


def by_pymc_marketing(data):
    from pymc_extras.prior import Prior
    from pymc_marketing.clv import BetaGeoModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own future changes
        model = BetaGeoModel(model_config={name: Prior("HalfFlat") for name in PARAMETERS})
        model.fit(data=data, method="map", progressbar=False)
    return np.array([float(model.fit_result[name].to_numpy().ravel()[0]) for name in PARAMETERS])


def peak_bytes(function):
    """Highest memory that numpy and Python hold beyond what they held before."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


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


def beside_lifetimes(bases, repetitions):
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


def beside_pymc_marketing(history, repetitions):
    if not importlib.util.find_spec("pymc_marketing"):
        print("\npymc-marketing is not installed: left out.")
        return
    data = pd.DataFrame(
        {
            "customer_id": np.arange(len(history)),
            "frequency": history.frequency,
            "recency": history.recency,
            "T": history.age,
        }
    )
    first, _ = once(lambda: by_pymc_marketing(data))
    theirs, found = timed(lambda: by_pymc_marketing(data), 3)
    ours, fit = timed(lambda: fit_bg_nbd(history), repetitions)
    np.testing.assert_allclose(fit.estimates, found, rtol=2e-3)
    print(f"\npymc-marketing {version('pymc-marketing')}, pymc {version('pymc')}, mode under flat priors, ", end="")
    print(
        f"1 million, 27-39 weeks: {theirs * 1e3:,.0f} ms (median of 3; the first fit {first * 1e3:,.0f} ms), ", end=""
    )
    print(f"crmvalue {ours * 1e3:,.1f} ms: {theirs / ours:.0f} times as fast. ", end="")
    print(f"Target: {PYMC_TARGET:g}. {'Met.' if theirs >= PYMC_TARGET * ours else 'Missed.'}", flush=True)


def as_it_grows(repetitions):
    print("\n| Customers, 27-39 weeks | distinct rows | fit, ms | of it compression, ms | the rest, ms | peak, MB |")
    print("|---:|---:|---:|---:|---:|---:|")
    for n in (100_000, 1_000_000, 10_000_000):
        history = simulated(n, 27, 39)
        fit, _ = timed(lambda base=history: fit_bg_nbd(base), repetitions)
        compression, rows = timed(history.unique, repetitions)
        with patch.object(PurchaseHistory, "unique", lambda _, ready=rows: ready):
            rest, _ = timed(lambda base=history: fit_bg_nbd(base), repetitions)
        peak = peak_bytes(lambda base=history: fit_bg_nbd(base))
        print(f"| {n:,} | {len(rows.weight):,} | {fit * 1e3:,.1f} | {compression * 1e3:,.1f} ", end="")
        print(f"| {rest * 1e3:,.1f} | {peak / 1e6:,.0f} |", flush=True)
    met = fit <= MOST_SECONDS and peak <= MOST_BYTES
    print(f"\nTarget for 10 million: {MOST_SECONDS:g} s and {MOST_BYTES / 1e6:,.0f} MB. {'Met.' if met else 'Missed.'}")


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, crmvalue {crmvalue.__version__} ", end="")
    print(f"(median of {repetitions}), lifetimes {version('lifetimes')} (CDNOW: the same; else one run)\n")
    million = simulated(1_000_000, 27, 39)
    bases = {
        "CDNOW sample, 2,357 customers": cdnow(),
        "100,000 customers, 27-39 weeks": simulated(100_000, 27, 39),
        "1 million, 27-39 weeks": million,
        "1 million, 52-104 weeks": simulated(1_000_000, 52, 104),
    }
    beside_lifetimes(bases, repetitions)
    beside_pymc_marketing(million, repetitions)
    as_it_grows(repetitions)


if __name__ == "__main__":
    main()
