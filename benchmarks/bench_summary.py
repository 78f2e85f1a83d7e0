"""Summarise a log of 2,000,000 rows of 1,000,000 customers: crmvalue, Polars, DuckDB and lifetimes in one run.

    python benchmarks/bench_summary.py [REPETITIONS]

All start from the same columns in memory, each in its best form (numpy arrays, a Polars frame, a DuckDB table, a pandas
frame). Each gives x, t_x and T in weeks, the mean repeat spend and the total spend of every customer. The results are
checked to be equal before anything is timed.
"""

from __future__ import annotations

import platform
import statistics
import sys
import tracemalloc
import warnings
from importlib.metadata import version
from time import perf_counter

import duckdb
import numpy as np
import pandas as pd
import polars as pl

import crmvalue
from crmvalue.purchases import summarise_purchases

N_ROWS = 2_000_000
N_CUSTOMERS = 1_000_000
COLUMNS = ("customer", "x", "t_x", "T", "mean_repeat_spend", "total_spend")


def make_log():
    """Make a log: every customer at least once, days of two years, amounts in cents, rows shuffled."""
    rng = np.random.default_rng(1)
    customer = np.concatenate([np.arange(N_CUSTOMERS), rng.integers(0, N_CUSTOMERS, N_ROWS - N_CUSTOMERS)])
    date = np.datetime64("2023-01-01") + rng.integers(0, 730, N_ROWS).astype("timedelta64[D]")
    amount = np.maximum(rng.gamma(2, 20, N_ROWS).round(2), 0.01)
    order = rng.permutation(N_ROWS)
    return customer[order], date[order], amount[order]


CUSTOMER, DATE, AMOUNT = make_log()
END = DATE.max()


def by_crmvalue():
    history = summarise_purchases(CUSTOMER, DATE, AMOUNT)
    return (
        history.customer,
        history.frequency,
        history.recency,
        history.age,
        history.mean_repeat_spend,
        history.total_spend,
    )


FRAME = pl.DataFrame({"customer": CUSTOMER, "date": DATE, "amount": AMOUNT})


def polars_plan(frame, of_first):
    first, last, n = pl.col("first"), pl.col("last"), pl.col("n")
    return (
        frame.group_by("customer", "date")
        .agg(pl.col("amount").sum())
        .group_by("customer")
        .agg(
            pl.len().alias("n"),
            pl.col("date").min().alias("first"),
            pl.col("date").max().alias("last"),
            pl.col("amount").sum().alias("total_spend"),
            of_first.alias("first_spend"),
        )
        .select(
            "customer",
            (n - 1).alias("x"),
            ((last - first).dt.total_days() / 7).alias("t_x"),
            ((pl.lit(END.astype(object)) - first).dt.total_days() / 7).alias("T"),
            ((pl.col("total_spend") - pl.col("first_spend")) / (n - 1)).alias("mean_repeat_spend"),
            "total_spend",
        )
    )


BY_PLACE = pl.col("amount").get(pl.col("date").arg_min())
BY_SORTING = pl.col("amount").sort_by("date").first()
BY_MINIMUM = pl.col("amount").min_by("date") if hasattr(pl.Expr, "min_by") else BY_PLACE
POLARS = {
    "eager, first by place": lambda: polars_plan(FRAME, BY_PLACE),
    "eager, first by sorting": lambda: polars_plan(FRAME, BY_SORTING),
    "eager, first by minimum": lambda: polars_plan(FRAME, BY_MINIMUM),
    "lazy, first by place": lambda: polars_plan(FRAME.lazy(), BY_PLACE).collect(),
    "lazy, first by minimum": lambda: polars_plan(FRAME.lazy(), BY_MINIMUM).collect(),
    "streaming, first by place": lambda: polars_plan(FRAME.lazy(), BY_PLACE).collect(engine="streaming"),
    "streaming, first by minimum": lambda: polars_plan(FRAME.lazy(), BY_MINIMUM).collect(engine="streaming"),
}

DATABASE = duckdb.connect()
DATABASE.register("frame", FRAME.to_arrow())
DATABASE.execute("create table log as select customer, date::date as date, amount from frame")
SQL = f"""
select customer,
       count(*) - 1 as x,
       date_diff('day', min(date), max(date)) / 7 as t_x,
       date_diff('day', min(date), date '{END}') / 7 as T,
       case when count(*) > 1 then (sum(amount) - arg_min(amount, date)) / (count(*) - 1) end as mean_repeat_spend,
       sum(amount) as total_spend
from (select customer, date, sum(amount) as amount from log group by customer, date)
group by customer
"""


DUCKDB = {
    "into numpy": lambda: DATABASE.execute(SQL).fetchnumpy(),
    "into arrow": lambda: DATABASE.sql(SQL).to_arrow_table(),
}


TABLE = pd.DataFrame({"customer": CUSTOMER, "date": DATE, "amount": AMOUNT})


def by_lifetimes():
    from lifetimes.utils import summary_data_from_transaction_data

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is written for an older pandas
        return summary_data_from_transaction_data(
            TABLE, "customer", "date", "amount", observation_period_end=pd.Timestamp(END)
        )


def sorted_columns(result):
    """Bring any result to the columns of `COLUMNS`, ascending in customer, NaN where there is no repeat purchase."""
    if isinstance(result, tuple):
        columns = list(result)
    elif isinstance(result, pd.DataFrame):  # days, and no total
        columns = [
            result.index.to_numpy(),
            result["frequency"].to_numpy(),
            result["recency"].to_numpy() / 7,
            result["T"].to_numpy() / 7,
            result["monetary_value"].to_numpy(),
            None,
        ]
    else:
        columns = [np.ma.filled(np.ma.asarray(result[name]), np.nan) for name in COLUMNS]
    order = np.argsort(columns[0])
    columns = [None if column is None else np.asarray(column, dtype=float)[order] for column in columns]
    columns[4] = np.where(columns[1] > 0, columns[4], np.nan)
    return columns


def check(ours, theirs, who):
    for name, left, right in zip(COLUMNS, ours, sorted_columns(theirs), strict=True):
        if right is not None:
            np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9, err_msg=f"{who}: {name}")


def timed(functions, repetitions):
    """Median seconds of each; they take turns, so that a busy moment of the machine hits all of them."""
    taken = {name: [] for name in functions}
    for _ in range(repetitions):
        for name, function in functions.items():
            start = perf_counter()
            function()
            taken[name].append(perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def fastest(package, versions):
    """Show all versions written by hand, and return the fastest with its name."""
    trial = timed(versions, 3)
    best = min(trial, key=trial.get)
    print(f"{package}, hand-written versions, median of 3: ", end="")
    print("; ".join(f"{name} {taken * 1e3:.0f} ms" for name, taken in trial.items()))
    return f"{package} {version(package)}, {best}", versions[best]


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    ours = sorted_columns(by_crmvalue())
    for name, function in POLARS.items():
        check(ours, function(), f"Polars {name}")
    for name, function in DUCKDB.items():
        check(ours, function(), f"DuckDB {name}")
    try:
        check(ours, by_lifetimes(), "lifetimes")
    except ImportError:
        slow = {}
    else:
        slow = {f"lifetimes {version('lifetimes')}": by_lifetimes}

    polars, by_polars = fastest("polars", POLARS)
    database, by_duckdb = fastest("duckdb", DUCKDB)
    rivals = {f"crmvalue {crmvalue.__version__}": by_crmvalue, polars: by_polars, database: by_duckdb}
    median = timed(rivals, repetitions)
    median |= timed(slow, 1)
    print(f"\nPython {platform.python_version()}, numpy {version('numpy')}, scipy {version('scipy')}, ", end="")
    print(f"{N_ROWS:,} rows, {N_CUSTOMERS:,} customers, median of {repetitions} (lifetimes: 1)\n")
    print("| | ms | times crmvalue's time | times Polars' time |")
    print("|---|---:|---:|---:|")
    base = next(iter(median.values()))
    for name, taken in median.items():
        print(f"| {name} | {taken * 1e3:,.0f} | {taken / base:.2f} | {taken / median[polars]:.2f} |")

    tracemalloc.start()
    history = by_crmvalue()
    result, peak = (size / 2**20 for size in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    print(f"\ncrmvalue's memory beside the input: {peak:.0f} MiB at its peak, {result:.0f} MiB for the result ", end="")
    print(f"of {len(history[0]):,} customers.")


if __name__ == "__main__":
    main()
