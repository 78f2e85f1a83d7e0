"""Fit the Pareto/NBD and predict with it: crmvalue and lifetimes in one run.

    python benchmarks/bench_pareto_nbd.py [REPETITIONS]

There are two bases: the CDNOW sample, and 100,000 simulated customers over 27 to 39 weeks in whole days. Both libraries
get the same columns in memory. After one warm run the median of the repetitions counts. lifetimes fits the large base
once. The log-likelihoods are printed beside the times, so that no library wins by stopping early.
"""

from __future__ import annotations

import platform
import statistics
import sys
import warnings
from importlib.metadata import version
from time import perf_counter

import numpy as np
from lifetimes import ParetoNBDFitter

import crmvalue
from crmvalue.datasets import load_cdnow
from crmvalue.models import ParetoNbd, fit_pareto_nbd
from crmvalue.purchases import PurchaseHistory, split_purchases

TARGET = 100.0


def cdnow():
    log = load_cdnow()
    return split_purchases(log.customer, log.date, calibration_end="1997-09-30").calibration


def simulated(n):
    """Customers with CDNOW's parameters; times are rounded up to whole days, as in an order log."""
    rng = np.random.default_rng(1)
    drawn = ParetoNbd(0.553, 10.58, 0.606, 11.67, "week").simulate(rng.integers(27 * 7, 39 * 7 + 1, n) / 7, rng=rng)
    recency = np.minimum(np.ceil(drawn.recency * 7) / 7, drawn.age)
    return PurchaseHistory(frequency=drawn.frequency, recency=recency, age=drawn.age, time_unit="week")


def seconds(work, repetitions, *, warm=True):
    if warm:
        work()
    taken = []
    for _ in range(repetitions):
        start = perf_counter()
        result = work()
        taken.append(perf_counter() - start)
    return statistics.median(taken), result


def fit_lifetimes(history):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ParetoNBDFitter().fit(history.frequency, history.recency, history.age)


def predict(model, history):
    return model.prob_alive(history), model.expected_purchases(history, horizon=52)


def predict_lifetimes(fitter, history):
    x, t_x, age = history.frequency, history.recency, history.age
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (
            fitter.conditional_probability_alive(x, t_x, age),
            fitter.conditional_expected_number_of_purchases_up_to_time(52, x, t_x, age),
        )


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, crmvalue {crmvalue.__version__}, ", end="")
    print(f"lifetimes {version('lifetimes')}, median of {repetitions}\n")
    print("| base | work | crmvalue, s | lifetimes, s | times faster | log-likelihoods |")
    print("|---|---|---:|---:|---:|---|")
    met = False
    for name, history in (("CDNOW sample", cdnow()), ("100,000 simulated", simulated(100_000))):
        large = len(history) > 10_000
        ours, fit = seconds(lambda history=history: fit_pareto_nbd(history), repetitions)
        theirs, fitter = seconds(lambda history=history: fit_lifetimes(history), 1 if large else 3, warm=not large)
        found = ParetoNbd(*(float(fitter.params_[name]) for name in ("r", "alpha", "s", "beta")), "week")
        likelihoods = f"{fit.log_likelihood:.3f}, {found.log_likelihood(history).sum():.3f}"
        print(f"| {name} | fit | {ours:.4f} | {theirs:.2f} | {theirs / ours:.0f} | {likelihoods} |", flush=True)
        met = theirs / ours >= TARGET
        ours, _ = seconds(lambda history=history, model=fit.model: predict(model, history), repetitions)
        theirs, _ = seconds(lambda history=history, fitter=fitter: predict_lifetimes(fitter, history), 3)
        print(f"| {name} | alive, purchases | {ours:.4f} | {theirs:.2f} | {theirs / ours:.0f} | |", flush=True)
    print(f"\nTarget: fit of 100,000 at least {TARGET:g} times faster. {'Met.' if met else 'Missed.'}")


if __name__ == "__main__":
    main()
