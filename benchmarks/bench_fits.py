"""Fits that end on a boundary beside regular ones, for each model.

    python benchmarks/bench_fits.py [REPETITIONS]

A base is regular if it comes from the model and the data determine all parameters. On the boundary is a base of
customers who never leave, from an NBD: the fits of BG/NBD, MBG/NBD and Pareto/NBD run to that limit. So is a base
whose customers all have the same chance, or rate, to leave. For the gamma-gamma it is a base whose customers all spend
alike. Histories are of 27 to 39 weeks in whole days. There are 2,400
customers and a million. After one warm run the median of the repetitions counts, in time of the
processor; the two bases take turns.
"""

from __future__ import annotations

import platform
import statistics
import sys
from importlib.metadata import version
from time import process_time

import numpy as np

import crmvalue
from crmvalue.models import (
    BgNbd,
    GammaGamma,
    MbgNbd,
    Nbd,
    ParetoNbd,
    fit_bg_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_pareto_nbd,
)
from crmvalue.purchases import PurchaseHistory

SIZES = (2_400, 1_000_000)
TARGET = 3.0
NOBODY_LEAVES = Nbd(0.385, 12.07, "week")
ALL_ALIKE = {
    "BG/NBD": BgNbd(0.5, 4.0, 1e5, 4e5, "week"),
    "MBG/NBD": MbgNbd(0.5, 4.0, 1e5, 4e5, "week"),
    "Pareto/NBD": ParetoNbd(0.5, 4.0, 1e5, 2e6, "week"),
}
MODELS = {
    "BG/NBD": (BgNbd(0.243, 4.414, 0.793, 2.426, "week"), fit_bg_nbd),
    "MBG/NBD": (MbgNbd(0.525, 6.183, 0.891, 1.614, "week"), fit_mbg_nbd),
    "Pareto/NBD": (ParetoNbd(1.2, 8.0, 1.0, 20.0, "week"), fit_pareto_nbd),
}


def of_purchases(model, n):
    rng = np.random.default_rng(1)
    drawn = model.simulate(rng.integers(27 * 7, 39 * 7 + 1, n) / 7, rng=rng)
    recency = np.minimum(np.ceil(drawn.recency * 7) / 7, drawn.age)
    return PurchaseHistory(frequency=drawn.frequency, recency=recency, age=drawn.age, time_unit="week")


def of_spend(model, n):
    rng = np.random.default_rng(1)
    x = rng.integers(1, 9, n)
    spend = model.simulate(x, rng=rng) if isinstance(model, GammaGamma) else rng.gamma(6.0 * x) / (6.0 * x) * 30.0
    cents = np.maximum(spend.round(2), 0.01)
    return PurchaseHistory.from_columns(
        frequency=x, recency=x, age=np.full(n, 9.0), mean_repeat_spend=cents, time_unit="week"
    )


def medians(fit, histories, repetitions):
    """Median seconds of the processor for each history, and the last fit of each."""
    found = [fit(history) for history in histories]
    taken = [[] for _ in histories]
    for _ in range(repetitions):
        for history, times in zip(histories, taken, strict=True):
            start = process_time()
            fit(history)
            times.append(process_time() - start)
    return [statistics.median(times) for times in taken], found


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, crmvalue {crmvalue.__version__}, ", end="")
    print(f"median of {repetitions}; target: at most {TARGET:g} times\n")
    print("| model | boundary | customers | regular, ms | evaluations | boundary, ms | evaluations | times |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for n in SIZES:
        cases = {
            (name, edge): (fit, [of_purchases(model, n), of_purchases(base, n)])
            for name, (model, fit) in MODELS.items()
            for edge, base in (("nobody leaves", NOBODY_LEAVES), ("all leave alike", ALL_ALIKE[name]))
        }
        cases["gamma-gamma", "all spend alike"] = (
            fit_gamma_gamma,
            [of_spend(GammaGamma(6.25, 3.74, 15.44), n), of_spend(None, n)],
        )
        for (name, edge_name), (fit, histories) in cases.items():
            (regular, edge), found = medians(fit, histories, repetitions)
            counts = [one.diagnosis.n_evaluations for one in found]
            print(f"| {name} | {edge_name} | {n:,} | {1e3 * regular:.1f} | {counts[0]} | ", end="")
            print(f"{1e3 * edge:.1f} | {counts[1]} | {edge / regular:.1f} |")


if __name__ == "__main__":
    main()
