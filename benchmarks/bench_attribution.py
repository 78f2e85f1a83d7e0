"""Attribution over 1,000,000 paths.

    python benchmarks/bench_attribution.py [PATHS]

Paths of 5 touches on average through 12 channels, one in ten with a conversion. Markov removal effects of order 1 to 3,
and each rule; medians of 3. Memory is the peak resident set of the process beyond what it was when the paths stood
ready.
"""

from __future__ import annotations

import platform
import resource
import statistics
import sys
from importlib.metadata import version
from time import perf_counter

import numpy as np

from crmvalue.attribution import Paths, attribute, markov_removal_effects

N_CHANNELS = 12
RULES = ("first", "last", "last non-direct", "linear", "position", "time decay", "shapley")


def make_paths(n, rng):
    length = rng.geometric(1 / 5, n)
    start = np.concatenate(([0], np.cumsum(length)))
    converted = (rng.random(n) < 0.1).astype(np.int64)
    return Paths(
        channels=tuple(f"channel {i:02}" for i in range(N_CHANNELS)),
        start=start,
        channel=rng.integers(0, N_CHANNELS, start[-1]),
        days_before=np.repeat(start[1:], length) - np.arange(start[-1]) - 1.0,
        n_conversions=converted,
        n_lost=1 - converted,
        value=50.0 * converted,
    )


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def median_seconds(function):
    taken = []
    for _ in range(3):
        start = perf_counter()
        function()
        taken.append(perf_counter() - start)
    return statistics.median(taken)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    paths = make_paths(n, np.random.default_rng(1))
    before = peak()
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, scipy {version('scipy')}")
    print(f"{n:,} paths, {len(paths.channel):,} touches, medians of 3\n")
    print("| | seconds |")
    print("|---|---:|")
    for order in (1, 2, 3):
        seconds = median_seconds(lambda o=order: markov_removal_effects(paths, order=o))
        print(f"| Markov, order {order} | {seconds:.2f} |", flush=True)
    for rule in RULES:
        seconds = median_seconds(lambda r=rule: attribute(paths, model=r))
        print(f"| {rule} | {seconds:.2f} |", flush=True)
    print(f"\nPeak beyond the paths: {peak() - before:,.0f} MiB")


if __name__ == "__main__":
    main()
