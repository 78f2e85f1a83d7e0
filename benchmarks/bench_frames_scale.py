"""Larger than memory: orders to customers, fit and value at 2, 20 and 200 million orders, under a limit of 4 GB.

``python benchmarks/bench_frames_scale.py [--orders 2 20 200] [--folder FOLDER]`` writes made-up orders to Parquet, ten
orders per customer, and runs each size in a process of its own whose memory the operating system limits. 200 million
orders need about 3 GB in the folder, and as much again while DuckDB works. It prints the seconds of each step and the
cost per order, beside the same aggregation in SQL by hand under the same limits. The customers are those of a BG/NBD
process: rates and lifetimes differ.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 4 << 30  # bytes
FEW_ARENAS = {**os.environ, "MALLOC_ARENA_MAX": "2"}  # the limit counts addresses, and each arena reserves many
BY_HAND = """
    select customer_id, count(*) - 1 as frequency, date_diff('day', min(day), max(day)) / 7 as recency,
           date_diff('day', min(day), date '2024-12-31') / 7 as age, sum(money) as total_spend,
           (sum(money) - arg_min(money, day)) / nullif(count(*) - 1, 0) as mean_repeat_spend
    from (select customer_id, order_date::date as day, sum(amount) as money from {} group by all)
    group by customer_id
"""
PART = 10_000_000  # orders in a file
ORDERS_PER_CUSTOMER = 10


def generate(folder: Path, n_orders: int) -> None:
    """Write orders of two years: each customer comes on some day, and buys at a rate of their own until they leave."""
    folder.mkdir(parents=True, exist_ok=True)
    per_file = min(PART, n_orders) // ORDERS_PER_CUSTOMER
    with duckdb.connect() as database:
        for part in range(max(n_orders // PART, 1)):
            path = folder / f"orders_{part:03d}.parquet"
            if path.exists():
                continue
            database.execute("select setseed(?)", [1.0 / (part + 2)])
            database.execute(
                f"""
                copy (
                    with customers as (
                        select {part * per_file} + i as customer_id, floor(random() * 600)::int as first,
                               -ln(random()) * 10 as mean_gap, exp(3 + random()) as spend,
                               1 + floor(-ln(random()) * 9.5)::int as n
                        from range({per_file}) t(i)
                    )
                    select customer_id, date '2023-01-01' + (first + floor(gap * mean_gap))::int as order_date,
                           round(spend * exp(random() - 0.5), 2) as amount
                    from (
                        select *, sum(case when k = 0 then 0 else -ln(u) end)
                                  over (partition by customer_id order by k) as gap
                        from (select *, unnest(range(n)) as k, random() as u from customers)
                    )
                    where first + floor(gap * mean_gap) < 730
                ) to '{path}' (format parquet, row_group_size 1000000)
                """
            )


@contextmanager
def small_database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database that takes little memory and spills into the folder."""
    with tempfile.TemporaryDirectory(dir=folder) as spill, duckdb.connect() as database:
        database.execute(f"set temp_directory = '{spill}'")
        database.execute("set memory_limit = '900MB'")
        database.execute("set preserve_insertion_order = false")
        database.execute("set enable_external_file_cache = false")  # each file is read a few times, and would take room
        yield database


def warm_up(orders: duckdb.DuckDBPyRelation) -> None:
    """Run the three steps once on a few customers, so that imports and first calls are not measured."""
    from crmvalue import frames

    customers = frames.summarise(orders.filter("customer_id < 2000"), as_of="2024-12-31").frame
    fit, spend = (frames.fit(customers, model, time_unit="week") for model in ("bg_nbd", "gamma_gamma"))
    terms = {"horizon": 52, "margin": 0.3, "discount_rate": 0.002, "time_unit": "week"}
    frames.value(customers, fit, spend, **terms).frame.fetchall()


def measure_by_hand(folder: Path) -> None:
    """Summarise in SQL in this process, whose memory is limited, and print what it took."""
    with small_database(folder.parent) as database:
        start = time.perf_counter()
        database.sql(BY_HAND.format(f"read_parquet('{folder}/*.parquet')")).to_parquet(
            str(folder.parent / f"by_hand_{folder.name}.parquet")
        )
        print(json.dumps({"seconds": round(time.perf_counter() - start, 2)}))


def measure(folder: Path) -> None:
    """Run the three steps in this process, whose memory is limited, and print what they took."""
    import numpy as np

    from crmvalue import frames

    with small_database(folder.parent) as database:
        orders = database.sql(f"select * from read_parquet('{folder}/*.parquet')")
        warm_up(database.read_parquet(f"{folder}/orders_000.parquet"))
        n_orders = orders.aggregate("count(*)").fetchall()[0][0]
        seconds = {}
        start = time.perf_counter()
        customers = frames.summarise(orders, as_of="2024-12-31")
        table = folder.parent / f"customers_{folder.name}.parquet"
        customers.frame.to_parquet(str(table))
        seconds["summarise"] = time.perf_counter() - start
        start = time.perf_counter()
        stored = database.read_parquet(str(table))
        fit = frames.fit(stored, "bg_nbd", time_unit="week")
        spend = frames.fit(stored, "gamma_gamma", time_unit="week")
        seconds["fit"] = time.perf_counter() - start
        start = time.perf_counter()
        values = frames.value(stored, fit, spend, horizon=52, margin=0.3, discount_rate=0.002, time_unit="week")
        written = folder.parent / f"values_{folder.name}.parquet"
        values.frame.to_parquet(str(written))
        seconds["value"] = time.perf_counter() - start
        total, n_customers = database.sql(f"select sum(clv), count(*) from '{written}'").fetchall()[0]
        n_rows = database.sql(
            f"select count(*) from (select distinct frequency, recency, age from '{table}')"
        ).fetchall()[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"n_orders": n_orders, "n_customers": n_customers, "n_rows": n_rows[0], "clv": total, "peak_mb": peak}
    print(json.dumps({**found, "seconds": {name: round(float(np.round(t, 2)), 2) for name, t in seconds.items()}}))


def limited(what: str, folder: Path) -> dict[str, object]:
    """Run one of the measurements in a process that may not take more memory than the limit."""
    command = [sys.executable, __file__, what, str(folder)]

    def preexec() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))

    done = subprocess.run(command, check=False, capture_output=True, text=True, preexec_fn=preexec, env=FEW_ARENAS)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout)


def main() -> None:
    """Measure each size, and compare the cost per order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=float, nargs="+", default=[2, 20, 200], help="millions")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir(), "crmvalue_scale"))
    parser.add_argument("--measure", type=Path)
    parser.add_argument("--measure-by-hand", type=Path)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
    elif options.measure_by_hand:
        measure_by_hand(options.measure_by_hand)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Measure each size beside the aggregation by hand."""
    for millions in options.orders:
        folder = options.folder / f"orders_{millions:g}m"
        generate(folder, round(millions * 1e6))
        found, by_hand = limited("--measure", folder), limited("--measure-by-hand", folder)
        per_million = {step: t / found["n_orders"] * 1e6 for step, t in found["seconds"].items()}
        print(f"{found['n_orders']:,} orders, {found['n_customers']:,} customers, {found['n_rows']:,} distinct rows")
        print(f"  seconds {found['seconds']}, per million orders { {s: round(t, 3) for s, t in per_million.items()} }")
        print(f"  summarised in SQL by hand: {by_hand['seconds']} seconds")
        print(f"  peak memory {found['peak_mb']:,.0f} MB, CLV {found['clv']:,.2f}")


if __name__ == "__main__":
    main()
