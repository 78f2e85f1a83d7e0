"""Time Markov attribution of orders 1, 2 and 3 over 1,000,000 paths, and the other models.

    python benchmarks/bench_attribution.py [REPETITIONS]

Each path has one touch and 4 more on average, through 12 channels of unequal size. A touch often follows one of the
same channel. One path in ten converts. Two checks come before the timing: the credits of every model sum to the
conversions, and the chain converts with the share of the paths that converted. At the end the paths are read from the
log of their touches.
"""

from __future__ import annotations

import platform
import resource
import sys
import tracemalloc
from functools import partial
from importlib.metadata import version
from statistics import median
from time import perf_counter

import numpy as np

import crmvalue
from crmvalue.attribution import Paths, attribute, markov_removal_effects, paths_from_touches

N_PATHS, N_CHANNELS, MEAN_TOUCHES, TARGET = 1_000_000, 12, 5, 10.0  # seconds, of order 3
DAY = np.datetime64("2024-01-01", "s")


def make_paths():
    rng = np.random.default_rng(1)
    length = rng.poisson(MEAN_TOUCHES - 1, N_PATHS) + 1
    offsets = np.concatenate([[0], np.cumsum(length)])
    size = np.arange(N_CHANNELS, 0, -1.0)
    code = rng.choice(N_CHANNELS, offsets[-1], p=size / size.sum()).astype(np.int32)
    again = rng.random(len(code)) < 0.3
    again[0] = False
    code[again] = code[np.nonzero(again)[0] - 1]
    converted = (rng.random(N_PATHS) < 0.02 + 0.16 * code[offsets[1:] - 1] / N_CHANNELS).astype(np.int64)
    row = np.repeat(np.arange(N_PATHS), length)
    days = (offsets[1:][row] - 1 - np.arange(len(code))) * 2.5
    return Paths(
        channels=tuple(f"channel {i:02}" for i in range(N_CHANNELS)),
        offsets=offsets,
        code=code,
        n_paths=np.ones(N_PATHS, dtype=np.int64),
        n_conversions=converted,
        value=converted * 50.0,
        days_before=days,
    )


def read_log(paths):
    """Give a call that reads the paths back from rows of touches and conversions."""
    row = np.repeat(np.arange(len(paths)), paths.n_touches)
    names = np.array(paths.channels)[paths.code]
    end = DAY + np.timedelta64(200, "D")
    time = end - (paths.days_before * 86_400).astype("m8[s]")
    buyer = np.nonzero(paths.n_conversions)[0]
    shuffled = np.random.default_rng(2).permutation(len(row))
    return partial(
        paths_from_touches,
        row[shuffled],
        names[shuffled],
        time[shuffled],
        conversion_customer=buyer,
        conversion_time=np.full(len(buyer), end),
        as_of=end,
    )


def seconds(function, repetitions):
    function()
    taken = []
    for _ in range(repetitions):
        start = perf_counter()
        function()
        taken.append(perf_counter() - start)
    return median(taken)


def peak_bytes(function):
    """Highest memory that numpy and Python hold beyond what they held before."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    libraries = " ".join(f"{name} {version(name)}" for name in ("numpy", "scipy"))
    print(f"Python {platform.python_version()}, {libraries}, crmvalue {crmvalue.__version__}")
    paths = make_paths()
    n = int(paths.n_conversions.sum())
    print(f"{len(paths):,} paths, {len(paths.code):,} touches, {N_CHANNELS} channels, {n:,} conversions\n")
    calls = {}
    for order in (1, 2, 3):
        effects = markov_removal_effects(paths, order=order)
        assert abs(effects.prob_conversion - n / len(paths)) < 1e-9
        calls[f"removal effects, order {order} ({effects.n_states:,} states)"] = partial(
            markov_removal_effects, paths, order=order
        )
    for model in ("last", "last_non_direct", "linear", "position", "time_decay", "shapley"):
        assert abs(attribute(paths, model=model).conversion_credit.sum() - n) < 1e-6 * n
        calls[f"attribute, {model}"] = partial(attribute, paths, model=model)
    log = read_log(paths)
    assert log().n_conversions.sum() == n
    calls["paths_from_touches"] = log
    taken = {}
    for name, call in calls.items():
        taken[name] = seconds(call, repetitions)
        print(f"{name:<45} {taken[name]:7.2f} s  {peak_bytes(call) / 1e6:7,.0f} MB")
    slowest = max(time for name, time in taken.items() if name.startswith("removal"))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"\nmedian of {repetitions} warm runs; memory at the peak of each call; of the process {most:,.0f} MB")
    print(f"target, every order in {TARGET:g} s: {'met' if slowest <= TARGET else 'NOT MET'}")


if __name__ == "__main__":
    main()
