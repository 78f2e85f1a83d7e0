"""Intervals of the values of customers, beside the values alone, in one run.

    python benchmarks/bench_intervals.py [--rounds 5]

The bases are those of bench_customer_values.py, with times in whole days. Each call is warm; the median counts.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from bench_customer_values import HORIZON, MARGIN, WEEKLY_RATE, base

from crmvalue.models import customer_values, fit_bg_nbd, fit_gamma_gamma

TARGETS = {2_357: 0.3, 100_000: 1.0, 1_000_000: 10.0}  # seconds, with a discount rate
LEVEL = 0.9


def median_seconds(call, rounds):
    call()
    seconds, of_processor = [], []
    for _ in range(rounds):
        start, start_of_processor = time.perf_counter(), time.process_time()
        call()
        seconds.append(time.perf_counter() - start)
        of_processor.append(time.process_time() - start_of_processor)
    return statistics.median(seconds), statistics.median(of_processor)


def calls(history, fits, rate):
    """The values alone, and with their intervals."""
    terms = {"horizon": HORIZON, "margin": MARGIN, "discount_rate": rate}
    return (
        lambda: customer_values(history, *fits, **terms),
        lambda: customer_values(history, *fits, **terms, level=LEVEL, rng=np.random.default_rng(1)),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print("customers distinct   rate  values [s]  with intervals [s]  of the processor [s]  target [s]")
    for n, target in TARGETS.items():
        history = base(n)
        fits = fit_bg_nbd(history), fit_gamma_gamma(history)
        n_distinct = len(history.unique().weight)
        for rate in (0.0, WEEKLY_RATE):
            (values, _), (both, cpu) = (median_seconds(call, rounds) for call in calls(history, fits, rate))
            print(
                f"{n:9,} {n_distinct:8,} {rate:6.4f} {values:11.3f} {both:19.3f} {cpu:21.3f} {target:11.1f}", flush=True
            )


if __name__ == "__main__":
    main()
