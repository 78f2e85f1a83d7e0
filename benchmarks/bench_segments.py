"""Evaluate 300 dynamic segments of four conditions each over 2,500,000 customers: crmvalue and Polars in one run.

    python benchmarks/bench_segments.py [REPETITIONS]

Both start from the same columns in memory, each in its best form (numpy arrays, a Polars frame). Both give one bit for
each customer and segment. In Polars the same 300 rules are expressions written by hand, and the months since each date
are computed once. The results are checked to be equal before anything is timed.
"""

from __future__ import annotations

import datetime as dt
import platform
import re
import statistics
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl

import crmvalue
from crmvalue.segmentation import Segment, SegmentColumns, evaluate_segments

N_CUSTOMERS = 2_500_000
N_SEGMENTS = 300
N_NUMBERS = 12
N_DATES = 4
CITIES = [f"city {i}" for i in range(22)]
AS_OF = dt.date(2024, 6, 30)


def make_columns():
    """Make money in cents, days of four years (one in twenty missing), a city and a flag for each customer."""
    rng = np.random.default_rng(1)
    columns = {f"number {i}": rng.gamma(2, 50, N_CUSTOMERS).round(2) for i in range(N_NUMBERS)}
    for i in range(N_DATES):
        days = np.datetime64(AS_OF) - rng.integers(0, 1500, N_CUSTOMERS).astype("timedelta64[D]")
        days[rng.random(N_CUSTOMERS) < 0.05] = np.datetime64("NaT")
        columns[f"date {i}"] = days
    columns["city"] = np.array(CITIES)[rng.integers(0, len(CITIES), N_CUSTOMERS)]
    columns["member"] = rng.random(N_CUSTOMERS) < 0.4
    return columns


def make_rules():
    """Rules as plain facts: a number, months since a date, cities, and a flag or another number."""
    rng = np.random.default_rng(2)
    return [
        {
            "number": (f"number {rng.integers(N_NUMBERS)}", float(rng.integers(20, 200))),
            "months": (f"date {rng.integers(N_DATES)}", int(rng.integers(0, 10)), int(rng.integers(12, 40))),
            "cities": [CITIES[i] for i in rng.choice(len(CITIES), 5, replace=False)],
            "other": None if i % 2 else (f"number {rng.integers(N_NUMBERS)}", float(rng.integers(5, 40))),
        }
        for i in range(N_SEGMENTS)
    ]


COLUMNS = make_columns()
RULES = make_rules()
IDS = np.random.default_rng(3).permutation(N_CUSTOMERS)

kinds = {"n": "number", "d": "date", "c": "text", "m": "flag"}
OF = SegmentColumns({name: kinds[name[0]] for name in COLUMNS})


def segment_of(i, rule):
    (number, least), (date, low, high), other = rule["number"], rule["months"], rule["other"]
    last = OF["member"].is_true() if other is None else OF[other[0]] < other[1]
    all_three = (OF[number] >= least) & OF[date].months_ago.between(low, high) & OF["city"].is_in(rule["cities"])
    return Segment(f"segment {i}", all_three | last)


SEGMENTS = [segment_of(i, rule) for i, rule in enumerate(RULES)]


def by_crmvalue():
    return evaluate_segments(SEGMENTS, COLUMNS, as_of=AS_OF, customer=IDS)


FRAME = pl.DataFrame(COLUMNS)


def months_ago(date):
    """Whole months, written by hand: a day beyond the end of this month counts as its last day."""
    day, days_in_month = date.dt.day(), (AS_OF.replace(day=28) + dt.timedelta(4)).replace(day=1) - dt.timedelta(1)
    months = 12 * (AS_OF.year - date.dt.year().cast(pl.Int32)) + AS_OF.month - date.dt.month().cast(pl.Int32)
    return months - (pl.min_horizontal(day, pl.lit(days_in_month.day)) > AS_OF.day).cast(pl.Int32)


def expression_of(i, rule):
    (number, least), (date, low, high), other = rule["number"], rule["months"], rule["other"]
    last = pl.col("member") if other is None else pl.col(other[0]) < other[1]
    months = pl.col(f"months since {date}").is_between(low, high)
    all_three = (pl.col(number) >= least) & months & pl.col("city").is_in(rule["cities"])
    return (all_three | last).fill_null(value=False).alias(f"segment {i}")


EXPRESSIONS = [expression_of(i, rule) for i, rule in enumerate(RULES)]
MONTHS = [months_ago(pl.col(f"date {i}")).alias(f"months since date {i}") for i in range(N_DATES)]
AS_CATEGORIES = FRAME.with_columns(pl.col("city").cast(pl.Categorical))
POLARS = {
    "eager": lambda: FRAME.with_columns(MONTHS).select(EXPRESSIONS),
    "lazy": lambda: FRAME.lazy().with_columns(MONTHS).select(EXPRESSIONS).collect(),
    "streaming": lambda: FRAME.lazy().with_columns(MONTHS).select(EXPRESSIONS).collect(engine="streaming"),
    "eager, city as category": lambda: AS_CATEGORIES.with_columns(MONTHS).select(EXPRESSIONS),
}


def seconds(function):
    start = perf_counter()
    function()
    return perf_counter() - start


def resident(field):
    """Resident memory in MiB, now (VmRSS) or at its peak (VmHWM). Only Linux has it."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found.group(1)) / 1024


def peak_beside(function):
    """Resident memory at the peak of a call, beyond that before the call, in MiB."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
    before = resident("VmRSS")
    function()
    return resident("VmHWM") - before


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    memory = peak_beside(by_crmvalue)  # before anything else has left free memory behind

    now = by_crmvalue()
    for name, function in POLARS.items():
        theirs = function()
        for segment in SEGMENTS:
            np.testing.assert_array_equal(now.members(segment.name), theirs[segment.name].to_numpy(), name)
        del theirs

    trial = {name: seconds(function) for name, function in POLARS.items()}
    fastest = min(trial, key=trial.get)
    shown = "; ".join(f"{name} {taken:.1f} s" for name, taken in trial.items())
    print(f"Polars, hand-written versions, one run: {shown}\n")

    rivals = {"crmvalue": by_crmvalue, "polars": POLARS[fastest]}
    taken = {name: [] for name in rivals}
    for _ in range(repetitions):
        for name, function in rivals.items():
            taken[name].append(seconds(function))
    ours, theirs = (statistics.median(times) for times in taken.values())

    shifted = {**COLUMNS, **{f"number {i}": COLUMNS[f"number {(i + 1) % N_NUMBERS}"] for i in range(N_NUMBERS)}}
    before = evaluate_segments(SEGMENTS, shifted, as_of=dt.date(2024, 3, 31), customer=IDS)
    order = np.random.default_rng(4).permutation(N_CUSTOMERS)[: N_CUSTOMERS - 1000]
    moved = {name: column[order] for name, column in shifted.items()}
    elsewhere = evaluate_segments(SEGMENTS, moved, as_of=dt.date(2024, 3, 31), customer=IDS[order])
    texts = [segment.to_json() for segment in SEGMENTS]
    later = {
        "read the 300 rules from JSON": lambda: [Segment.from_json(text, OF) for text in texts],
        "`sizes`": lambda: now.sizes,
        "`overlaps()`, all 44,850 pairs": now.overlaps,
        "`changes_since`, same order": lambda: now.changes_since(before),
        "`changes_since`, another order": lambda: now.changes_since(elsewhere),
    }

    print(f"Python {platform.python_version()}, numpy {version('numpy')}, {N_CUSTOMERS:,} customers, ", end="")
    print(f"{N_SEGMENTS} segments, median of {repetitions}\n")
    print("| | seconds |")
    print("|---|---:|")
    print(f"| crmvalue {crmvalue.__version__}, `evaluate_segments` | {ours:.2f} |")
    print(f"| polars {version('polars')}, {fastest} | {theirs:.2f} |")
    for name, function in later.items():
        took = statistics.median(seconds(function) for _ in range(min(repetitions, 3)))
        print(f"| {name} | {took:.2f} |")
    print(f"\ncrmvalue's memory beside the input: {memory:.0f} MiB resident at its peak, of which ", end="")
    print(f"{(now.bits.nbytes + now.customer.nbytes) / 2**20:.0f} MiB are the result; the columns take ", end="")
    print(f"{sum(column.nbytes for column in COLUMNS.values()) / 2**20:.0f} MiB.")


if __name__ == "__main__":
    main()
