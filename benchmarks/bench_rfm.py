"""Score 1,000,000 customers on three columns: crmvalue, pandas and Polars in one run.

    python benchmarks/bench_rfm.py [REPETITIONS]

Each library finds the mean rank among equals in each column, and makes five scores of it. crmvalue uses `fit_rfm` and
`score_rfm`, pandas `rank(method="average")` and a cut, Polars the fastest of several versions. All start from the same
columns in memory. For pandas and Polars the sign of the days is changed before the timing. The results are checked to
be equal before anything is timed.
"""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd
import polars as pl

import crmvalue
from crmvalue.segmentation import fit_rfm, score_rfm

N = 1_000_000
BINS = 5


def make_customers():
    """Make columns: days of two years, counts (a third of them 1), money in cents."""
    rng = np.random.default_rng(1)
    n_purchases = rng.geometric(0.35, N)
    return rng.integers(0, 730, N), n_purchases, (rng.gamma(2, 20, N) * n_purchases).round(2)


DAYS, COUNT, MONEY = make_customers()
GOODS = {"r": -DAYS, "f": COUNT, "m": MONEY}
BREAKS = fit_rfm(DAYS, COUNT, MONEY, spend_basis="total", n_bins=BINS)


def by_crmvalue():
    scores = score_rfm(DAYS, COUNT, MONEY, fit_rfm(DAYS, COUNT, MONEY, spend_basis="total", n_bins=BINS))
    return scores.r_score, scores.f_score, scores.m_score


def by_ready_breaks():
    scores = score_rfm(DAYS, COUNT, MONEY, BREAKS)
    return scores.r_score, scores.f_score, scores.m_score


TABLE = pd.DataFrame(GOODS)
EDGES = 0.5 + np.arange(BINS + 1) * N / BINS
EDGES[-1] += 1


def by_pandas_cut():
    return [pd.cut(TABLE[c].rank(method="average"), EDGES, right=False, labels=False) + 1 for c in GOODS]


def by_pandas_floor():
    return [np.floor((TABLE[c].rank(method="average") - 0.5) * BINS / N) + 1 for c in GOODS]


PANDAS = {"rank and cut": by_pandas_cut, "rank and floor": by_pandas_floor}

FRAME = pl.DataFrame(GOODS)
RANK = pl.all().rank("average")
BY_FLOOR = ((RANK - 0.5) * BINS / N + 1).floor().cast(pl.UInt8)
BY_DIVISION = ((RANK - 0.5) * BINS // N + 1).cast(pl.UInt8)


def by_polars_groups():
    """Rank only the distinct values, and join the scores back."""
    scores = []
    for name in GOODS:
        size = pl.col("len")
        middle = size.cum_sum() - (size - 1) / 2
        table = FRAME.lazy().select(name).group_by(name).len().sort(name)
        table = table.select(name, score=((middle - 0.5) * BINS / N + 1).floor().cast(pl.UInt8))
        scores.append(FRAME.lazy().select(name).join(table, on=name, how="left", maintain_order="left").select("score"))
    return [frame["score"] for frame in pl.collect_all(scores)]


POLARS = {
    "eager, floor": lambda: FRAME.select(BY_FLOOR),
    "lazy, floor": lambda: FRAME.lazy().select(BY_FLOOR).collect(),
    "lazy, whole division": lambda: FRAME.lazy().select(BY_DIVISION).collect(),
    "streaming, floor": lambda: FRAME.lazy().select(BY_FLOOR).collect(engine="streaming"),
    "lazy, distinct values and join": by_polars_groups,
}


def check(ours, theirs, who):
    columns = theirs.get_columns() if isinstance(theirs, pl.DataFrame) else theirs
    for name, left, right in zip(GOODS, ours, columns, strict=True):
        np.testing.assert_array_equal(left, np.asarray(right), err_msg=f"{who}: {name}")


def timed(functions, repetitions):
    """Median seconds of each; they take turns, so that a busy moment of the machine hits all of them."""
    taken = {name: [] for name in functions}
    for _ in range(repetitions):
        for name, function in functions.items():
            start = perf_counter()
            function()
            taken[name].append(perf_counter() - start)
    return {name: median(times) for name, times in taken.items()}


def fastest(package, versions):
    """Show all versions, and return the fastest with its name."""
    trial = timed(versions, 5)
    best = min(trial, key=trial.get)
    print(f"{package}, median of 5: ", end="")
    print("; ".join(f"{name} {taken * 1e3:.0f} ms" for name, taken in trial.items()))
    return f"{package} {version(package)}, {best}", versions[best]


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    ours = by_crmvalue()
    check(ours, by_ready_breaks(), "ready breaks")
    for package, versions in (("pandas", PANDAS), ("Polars", POLARS)):
        for name, function in versions.items():
            check(ours, function(), f"{package} {name}")

    rivals = {f"crmvalue {crmvalue.__version__}, fit and score": by_crmvalue}
    rivals["pandas " + version("pandas") + ", rank and cut"] = by_pandas_cut
    for package, versions in (("pandas", PANDAS), ("polars", POLARS)):
        name, function = fastest(package, versions)
        rivals[name] = function
    rivals["crmvalue, score with ready break points"] = by_ready_breaks
    found = timed(rivals, repetitions)
    print(f"\nPython {platform.python_version()}, numpy {version('numpy')}, {pl.thread_pool_size()} cores, ", end="")
    print(f"{N:,} customers, three columns, {BINS} bins, median of {repetitions}\n")
    print("| | ms | times crmvalue's time |")
    print("|---|---:|---:|")
    base = next(iter(found.values()))
    for name, taken in found.items():
        print(f"| {name} | {taken * 1e3:,.0f} | {taken / base:.2f} |")


if __name__ == "__main__":
    main()
