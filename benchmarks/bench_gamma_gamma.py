"""Fit the gamma-gamma model to 1,000,000 customers: crmvalue and lifetimes in one run.

    python benchmarks/bench_gamma_gamma.py [REPETITIONS]

Both start from the same columns in memory, and run once before anything is timed. lifetimes keeps its default settings.
Rows with equal frequency and equal mean spend are too rare to merge.
"""

from __future__ import annotations

import platform
import statistics
import sys
import warnings
from importlib.metadata import version
from time import perf_counter

import numpy as np

from crmvalue.models import GammaGamma, fit_gamma_gamma
from crmvalue.purchases import PurchaseHistory

N_CUSTOMERS = 1_000_000
TARGET = 40.0
TRUTH = GammaGamma(6.25, 3.74, 15.44)


def make_columns():
    """Repeat purchases 1, 2, ... and mean spends in cents."""
    rng = np.random.default_rng(1)
    frequency = rng.geometric(0.25, N_CUSTOMERS).astype(np.float64)
    return frequency, np.maximum(TRUTH.simulate(frequency, rng=rng).round(2), 0.01)


FREQUENCY, SPEND = make_columns()
HISTORY = PurchaseHistory.from_columns(
    frequency=FREQUENCY, recency=FREQUENCY, age=FREQUENCY, mean_repeat_spend=SPEND, time_unit="week"
)


def by_crmvalue():
    model = fit_gamma_gamma(HISTORY).model
    return model.p, model.q, model.gamma


def by_lifetimes():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses settings that pandas has deprecated
        from lifetimes import GammaGammaFitter

        fitter = GammaGammaFitter()
        fitter.fit(FREQUENCY, SPEND)
    return tuple(float(value) for value in fitter.params_)


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    ways = {"crmvalue": by_crmvalue, "lifetimes": by_lifetimes}
    found = {name: way() for name, way in ways.items()}
    np.testing.assert_allclose(found["crmvalue"], found["lifetimes"], rtol=1e-4)
    times = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, way in ways.items():
            start = perf_counter()
            way()
            times[name].append(perf_counter() - start)
    median = {name: statistics.median(taken) for name, taken in times.items()}

    print(f"Python {platform.python_version()}, numpy {version('numpy')}, lifetimes {version('lifetimes')}, ", end="")
    print(f"{N_CUSTOMERS:,} customers, median of {repetitions} runs\n")
    print("| fit by | seconds | times crmvalue's | p | q | gamma |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, seconds in median.items():
        numbers = " | ".join(f"{value:.4f}" for value in found[name])
        print(f"| {name} | {seconds:.3f} | {seconds / median['crmvalue']:.1f} | {numbers} |")
    met = median["lifetimes"] >= TARGET * median["crmvalue"]
    print(f"\nTarget: {TARGET:g} times as fast. {'Met.' if met else 'Missed.'}")


if __name__ == "__main__":
    main()
