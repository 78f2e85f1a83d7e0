"""An ordered five-step funnel with a window over 10,000,000 events: crmvalue, pandas and DuckDB in one run.

    python benchmarks/bench_funnel.py [REPETITIONS]

The log has 1,000,000 customers and 20 kinds of events in 60 days, to the second and in order of time. Customers and
events are whole numbers. All start from the same columns in memory. DuckDB (2 threads) starts from a table of its own
that is loaded before the timing. Each customer is followed from the first entry. The window of 14 days begins there,
and both of its ends belong to it.

pandas runs in two ways. The simple way sorts the log. For each step it merges the events of the step with the customers
who reached the step before, and takes the earliest event. The tuned way drops the other events before it sorts. DuckDB
also runs in two ways: joins step by step, and lists of times for each customer. The faster one counts. The counts of
all five steps are checked to be equal before anything is timed.

At the end the same is done with events in no order, so that few customers go far. Then the joins have little to do.
"""

from __future__ import annotations

import platform
import resource
import sys
import tracemalloc
from importlib.metadata import version
from statistics import median
from time import perf_counter

import duckdb
import numpy as np
import pandas as pd

import crmvalue
from crmvalue.funnels import funnel_from_events

N_EVENTS, N_CUSTOMERS, N_NAMES, DAYS, WINDOW = 10_000_000, 1_000_000, 20, 60, 14
STEPS = [3, 4, 5, 6, 7]
SECONDS = WINDOW * 86_400
PANDAS_TARGET = 5.0  # times as fast
START = np.datetime64("2024-01-01", "s")


def make_log(*, going_on=True):
    """Make a log in order of time: ten events for each customer; six of ten customers go on at each step."""
    rng = np.random.default_rng(1)
    per = N_EVENTS // N_CUSTOMERS
    event = rng.integers(0, N_NAMES, (N_CUSTOMERS, per))
    depth = np.minimum(rng.geometric(0.4, N_CUSTOMERS), len(STEPS)) if going_on else np.zeros(N_CUSTOMERS)
    at = np.argsort(rng.random((N_CUSTOMERS, per)), axis=1)[:, : len(STEPS)]
    at = np.sort(np.where(np.arange(len(STEPS)) < depth[:, None], at, per), axis=1)
    for k, step in enumerate(STEPS):
        on = np.nonzero(at[:, k] < per)[0]
        event[on, at[on, k]] = step
    slot = np.sort(rng.integers(0, DAYS * 86_400 // 20, (N_CUSTOMERS, per)), axis=1)
    second = slot * 20 + event  # different events of a customer never fall on one second
    order = np.argsort(second, axis=None, kind="stable")
    customer = np.repeat(np.arange(N_CUSTOMERS), per)[order]
    return customer, event.ravel()[order], START + second.ravel()[order].astype("m8[s]")


def use(log):
    """Give a log to all three."""
    global CUSTOMER, EVENT, TIME, FRAME  # noqa: PLW0603 - each way takes no arguments, so that all are timed alike
    CUSTOMER, EVENT, TIME = log
    FRAME = pd.DataFrame({"customer": CUSTOMER, "event": EVENT, "time": TIME})
    DATABASE.execute("CREATE OR REPLACE TABLE log AS SELECT * FROM FRAME")


DATABASE = duckdb.connect(config={"threads": 2})
use(make_log())


def by_crmvalue():
    result = funnel_from_events(
        CUSTOMER, EVENT, TIME, STEPS, as_of=START + np.timedelta64(DAYS, "D"), window=WINDOW, reentry="first"
    )
    return result.entered.tolist()


def by_pandas():
    return steps_in_pandas(FRAME.sort_values(["customer", "time"]))


def by_tuned_pandas():
    return steps_in_pandas(FRAME[FRAME["event"].isin(STEPS)].sort_values(["customer", "time"]))


def steps_in_pandas(frame):
    at = frame[frame["event"] == STEPS[0]].groupby("customer")["time"].first().rename("at").reset_index()
    at["until"] = at["at"] + pd.Timedelta(days=WINDOW)
    counts = [len(at)]
    for step in STEPS[1:]:
        both = frame[frame["event"] == step].merge(at, on="customer")
        both = both[(both["time"] > both["at"]) & (both["time"] <= both["until"])]
        at = both.groupby("customer").agg(at=("time", "first"), until=("until", "first")).reset_index()
        counts.append(len(at))
    return counts


def by_joins():
    first = f"SELECT customer, min(time) AS t, t + INTERVAL {WINDOW} DAY AS u FROM log WHERE event = {STEPS[0]}"
    parts = [f"s0 AS ({first} GROUP BY customer)"]
    for k, step in enumerate(STEPS[1:], start=1):
        parts.append(
            f"s{k} AS (SELECT customer, min(time) AS t, any_value(u) AS u FROM log JOIN s{k - 1} p USING (customer) "
            f"WHERE event = {step} AND time > p.t AND time <= p.u GROUP BY customer)"
        )
    counts = ", ".join(f"(SELECT count(*) FROM s{k})" for k in range(len(STEPS)))
    heads = ", ".join(part.replace(" AS (", " AS MATERIALIZED (", 1) for part in parts)
    return list(DATABASE.execute(f"WITH {heads} SELECT {counts}").fetchone())


def by_lists():
    names = ", ".join(f"list(epoch(time)::BIGINT) FILTER (event = {step}) AS l{k}" for k, step in enumerate(STEPS))
    inner = f"SELECT customer, {names} FROM log WHERE event IN {tuple(STEPS)} GROUP BY customer"
    query = f"SELECT list_min(l0) AS t0, l1, l2, l3, l4 FROM ({inner}) WHERE l0 IS NOT NULL"
    for k in range(1, len(STEPS)):
        later = f"list_filter(l{k}, lambda x: x > t{k - 1} AND x <= t0 + {SECONDS})"
        query = f"SELECT *, list_min({later}) AS t{k} FROM ({query})"
    counts = ", ".join(f"count(t{k})" for k in range(len(STEPS)))
    return list(DATABASE.execute(f"SELECT {counts} FROM ({query})").fetchone())


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


def compare(repetitions):
    """Check that all agree, time them, and return the times."""
    answers = {way.__name__: way() for way in WAYS}
    assert len({tuple(answer) for answer in answers.values()}) == 1, answers
    print(f"{N_EVENTS:,} events, the same answer from all: {answers['by_crmvalue']}\n")
    taken = {way: seconds(way, repetitions) for way in WAYS}
    for way, time in taken.items():
        print(f"{way.__name__:<16} {time:7.2f} s  {time / taken[by_crmvalue]:6.2f}")
    return taken


WAYS = (by_crmvalue, by_pandas, by_tuned_pandas, by_joins, by_lists)


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    libraries = " ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "duckdb"))
    print(f"Python {platform.python_version()}, {libraries}, crmvalue {crmvalue.__version__}")
    taken = compare(repetitions)
    ours, pandas, sql = taken[by_crmvalue], taken[by_pandas], min(taken[by_joins], taken[by_lists])
    print(
        f"\nmedian of {repetitions} warm runs; memory of crmvalue at its peak {peak_bytes(by_crmvalue) / 1e6:,.0f} MB,"
    )
    print(f"of pandas {peak_bytes(by_pandas) / 1e6:,.0f} MB; of the process {max_memory():,.0f} MB")
    met = pandas >= PANDAS_TARGET * ours and sql >= ours
    print(f"target, {PANDAS_TARGET:g} times as fast as pandas and no slower than DuckDB: {'met' if met else 'NOT MET'}")
    print("\nevents without any order:")
    use(make_log(going_on=False))
    compare(repetitions)


def max_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
