"""Fits with a calendar beside the fit of the same model without one, on the same distinct customers.

    python benchmarks/bench_calendar.py [CUSTOMERS] [WEEKS] [REPETITIONS] [MODEL]

The model is mbg_nbd, or another one that `fit_calendar` takes and that has no k, such as pareto_nbd.

By default a million customers come over 52 weeks. A fit with a calendar begins with the fit without one, which is in
its time. Reading the log is apart, because both need it. After a warm run the median of the repetitions counts, in time
of the processor; the fits take turns. The most memory is that of the whole script, which holds the log too.
"""

from __future__ import annotations

import platform
import resource
import statistics
import sys
from time import process_time

import numpy as np
from study_calendar import BEGIN, draw_log

from crmvalue._models.seasons.calendar_fit import MODELS, Terms, fit_levels
from crmvalue._models.seasons.day_log import dated_purchases, read_log, rows_of
from crmvalue.models import MbgNbd, fit_calendar

TARGET = 5.0
TRUTH = MbgNbd(0.525, 6.183, 0.891, 1.614, "week")
SEASONS = ("month", "week", "weekday")


def timed(function):
    start = process_time()
    function()
    return process_time() - start


def main(n_customers=1_000_000, n_weeks=52, repetitions=5, model="mbg_nbd"):
    customer, date = draw_log(n_customers, np.random.default_rng(1), TRUTH, n_days=7 * n_weeks)
    end = BEGIN + 7 * n_weeks
    log = read_log(customer, date, end)
    dated = dated_purchases(log, 1)
    rows = rows_of(dated, np.arange(log.n_days) / 7.0, "week")
    tasks = {"without a calendar": lambda: MODELS[model].fit(rows)}
    for by in SEASONS:
        terms = Terms(MODELS[model], 1, (by,), (), None, "week")
        tasks[f"with levels by {by}"] = lambda terms=terms: fit_levels(log, dated, terms)
    times = {name: [] for name in tasks}
    for repetition in range(repetitions + 1):
        for name, task in tasks.items():
            took = timed(task)
            if repetition:
                times[name].append(took)
    plain = statistics.median(times["without a calendar"])
    base = f"{n_customers:,} customers, {n_weeks} weeks, {len(dated.x):,} distinct"
    print(f"Python {platform.python_version()}, {model}, {base}\n")
    print(f"| Fit | Seconds | Times the first (target {TARGET:g}) |")
    print("|---|---:|---:|")
    for name, taken in times.items():
        print(f"| {name} | {statistics.median(taken):.3f} | {statistics.median(taken) / plain:.1f} |")
    whole = timed(lambda: fit_calendar(customer, date, by="week", model=model))
    print(f"\nfit_calendar by week, reading included: {whole:.2f} s")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB (target 2)")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]), *sys.argv[4:])
