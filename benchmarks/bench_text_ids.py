"""Encode 2,000,000 text identifiers of 1,000,000 customers, and summarise their orders: crmvalue beside Polars.

    python benchmarks/bench_text_ids.py [REPETITIONS]

Each form of the column is encoded as it is. Polars groups a Series of the same texts; where the form is not its own,
the table also gives the time it takes to make the Series. The last table summarises a whole order log: every form by
crmvalue, and Polars by the fastest of the aggregations written by hand in `bench_summary.py`. Results are checked to be
equal before anything is timed. The runs take turns, and the tables give medians.
"""

from __future__ import annotations

import platform
import statistics
import sys
from importlib.metadata import version
from time import perf_counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from crmvalue._core.encoding.customers import encode_customers
from crmvalue.purchases import summarise_purchases

N_ROWS = 2_000_000
N_CUSTOMERS = 1_000_000
RNG = np.random.default_rng(1)
CODE = np.concatenate([np.arange(N_CUSTOMERS), RNG.integers(0, N_CUSTOMERS, N_ROWS - N_CUSTOMERS)])
CODE = CODE[RNG.permutation(N_ROWS)]
DATE = np.datetime64("2023-01-01") + RNG.integers(0, 730, N_ROWS).astype("timedelta64[D]")
AMOUNT = np.maximum(RNG.gamma(2, 20, N_ROWS).round(2), 0.01)


def make_ids():
    """Make one identifier for each customer, in three forms of text."""
    digits = [RNG.bytes(16).hex() for _ in range(N_CUSTOMERS)]
    number = RNG.permutation(N_CUSTOMERS) * 3
    return {
        "UUID": [f"{x[:8]}-{x[8:12]}-{x[12:16]}-{x[16:20]}-{x[20:]}" for x in digits],
        "short": [f"C{i}" for i in number],
        "Cyrillic": [f"клієнт-{i:07}" for i in number],
    }


def make_forms(ids):
    texts = [ids[i] for i in CODE]
    return {
        "Polars": pl.Series("customer", texts),
        "Arrow": pa.array(texts),
        "numpy U": np.array(texts),
        "list": texts,
        "numpy objects": np.array(texts, dtype=object),
        "pandas str": pd.Series(texts),
        "pandas objects": pd.Series(texts, dtype=object),
        "pandas category": pd.Series(texts, dtype="category"),
        "Arrow dictionary": pa.array(texts).dictionary_encode(),
    }


def make_series(form, column):
    if form == "numpy objects":
        return pl.Series(column, dtype=pl.String)  # it would keep objects, and cannot group them
    return column if form == "Polars" else pl.Series(column)


def polars_summary(frame, of_first):
    first, last, n = pl.col("first"), pl.col("last"), pl.col("n")
    return (
        frame.group_by("customer", "date")
        .agg(pl.col("amount").sum())
        .group_by("customer")
        .agg(
            pl.len().alias("n"),
            pl.col("date").min().alias("first"),
            pl.col("date").max().alias("last"),
            pl.col("amount").sum().alias("total"),
            of_first.alias("first_spend"),
        )
        .select(
            "customer",
            (n - 1).alias("x"),
            ((last - first).dt.total_days() / 7).alias("t_x"),
            ((pl.lit(DATE.max().item()) - first).dt.total_days() / 7).alias("T"),
            ((pl.col("total") - pl.col("first_spend")) / (n - 1)).alias("mean"),
            "total",
        )
    )


def polars_versions(customer):
    frame = pl.DataFrame({"customer": customer, "date": DATE, "amount": AMOUNT})
    by_place = pl.col("amount").get(pl.col("date").arg_min())
    by_minimum = pl.col("amount").min_by("date") if hasattr(pl.Expr, "min_by") else by_place
    return {
        "Polars, eager, by place": lambda: polars_summary(frame, by_place),
        "Polars, eager, by minimum": lambda: polars_summary(frame, by_minimum),
        "Polars, streaming, by place": lambda: polars_summary(frame.lazy(), by_place).collect(engine="streaming"),
        "Polars, streaming, by minimum": lambda: polars_summary(frame.lazy(), by_minimum).collect(engine="streaming"),
    }


def timed(functions, repetitions):
    """Median seconds of each; they take turns, so that a busy moment of the machine hits all of them."""
    taken = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(repetitions):
        for name, function in functions.items():
            start = perf_counter()
            function()
            taken[name].append(perf_counter() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def check(forms, ids):
    distinct, code = np.unique(np.array(ids), return_inverse=True)
    for form, column in forms.items():
        ours, place = encode_customers("customer", column)
        np.testing.assert_array_equal(ours, distinct, err_msg=form)
        np.testing.assert_array_equal(place, code[CODE], err_msg=form)
    history = summarise_purchases(forms["Polars"], DATE, AMOUNT)
    theirs = next(iter(polars_versions(forms["Polars"]).values()))().sort("customer")
    np.testing.assert_array_equal(history.customer, theirs["customer"].to_numpy())
    np.testing.assert_array_equal(history.frequency, theirs["x"].to_numpy())
    np.testing.assert_allclose(history.total_spend, theirs["total"].to_numpy())


def show_encoding(kind, forms, repetitions):
    series, frame = forms["Polars"], forms["Polars"].to_frame()
    group = {
        "eager": lambda: frame.group_by("customer").len(),
        "streaming": lambda: frame.lazy().group_by("customer").len().collect(engine="streaming"),
        "with sorted groups": lambda: frame.group_by("customer").len().sort("customer"),
    }
    runs = {form: lambda column=column: encode_customers("customer", column) for form, column in forms.items()}
    runs |= {f"to {form}": lambda x=(form, column): make_series(*x) for form, column in forms.items()}
    taken = timed(runs | group, repetitions)
    best = min(taken["eager"], taken["streaming"])
    groups = ", ".join(f"{name} {taken[name] * 1e3:.0f} ms" for name in group)
    print(f"\n{kind} ({series[0]!r}); Polars' group_by: {groups}")
    print(
        "\n| Form | ms | times Polars' group_by | ms to make a Series of it | times both |\n|---|---:|---:|---:|---:|"
    )
    for form in forms:
        ours, made = taken[form], taken[f"to {form}"]
        made = 0.0 if form == "Polars" else made
        print(f"| {form} | {ours * 1e3:.0f} | {ours / best:.2f} | {made * 1e3:.0f} | {ours / (best + made):.2f} |")


def show_summary(kind, forms, repetitions):
    versions = polars_versions(forms["Polars"])
    runs = {form: lambda column=column: summarise_purchases(column, DATE, AMOUNT) for form, column in forms.items()}
    series = {f"to {form}": lambda x=(form, column): make_series(*x) for form, column in forms.items()}
    taken = timed(runs | series | versions, repetitions)
    best = min(taken[name] for name in versions)
    print(f"\n{kind}, whole summary\n\n| | ms | times Polars' time | times Polars' time with making a Series |")
    print("|---|---:|---:|---:|")
    for name in runs:
        made = 0.0 if name == "Polars" else taken[f"to {name}"]
        print(f"| {name} | {taken[name] * 1e3:.0f} | {taken[name] / best:.2f} | {taken[name] / (best + made):.2f} |")
    for name in versions:
        print(f"| {name} | {taken[name] * 1e3:.0f} | {taken[name] / best:.2f} | |")


def main():
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, Polars {version('polars')}, ", end="")
    print(f"{N_ROWS:,} rows, {N_CUSTOMERS:,} customers, medians of {repetitions}")
    for kind, ids in make_ids().items():
        forms = make_forms(ids)
        check(forms, ids)
        show_encoding(kind, forms, repetitions)
        show_summary(kind, forms, repetitions)


if __name__ == "__main__":
    main()
