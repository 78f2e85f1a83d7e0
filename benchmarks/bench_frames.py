"""Frames against what one would write by hand in each engine, and predictions against the functions of arrays.

``python benchmarks/bench_frames.py [--orders 2]`` makes orders of a million customers per two million, with whole
numbers and with UUIDs as identifiers, and times for each engine, warm, the median of three runs:

* the aggregation that one would write by hand: the number of days with a purchase, the first and the last of them, all
  money, and the money of the first day;
* ``frames.summarise``, its result computed;
* ``frames.value`` against ``customer_values`` on arrays, for customers of whom many are alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
import uuid
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from crmvalue import frames
from crmvalue.models import BgNbd, GammaGamma, customer_values
from crmvalue.purchases import PurchaseHistory

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 5


def make_orders(n_orders: int, *, text: bool) -> pa.Table:
    """Make orders of two years, two per customer on average, with whole cents."""
    rng = np.random.default_rng(1)
    n_customers = n_orders // 2
    who = rng.integers(0, n_customers, n_orders)
    if text:
        names = np.array(
            [str(uuid.UUID(int=int(i) << 64 | int(j))) for i, j in rng.integers(0, 2**62, (n_customers, 2))]
        )
        who = pa.array(names).take(pa.array(who))
    day = np.datetime64("2023-01-01", "s") + rng.integers(0, 730, n_orders) * np.timedelta64(86400, "s")
    return pa.table({"customer_id": who, "order_date": day, "amount": rng.integers(100, 10000, n_orders) / 100})


def make_history(n: int) -> PurchaseHistory:
    """Make customers of CDNOW's kind: ages of 27 to 39 weeks in whole days, many alike."""
    rng = np.random.default_rng(1)
    drawn = BgNbd(0.243, 4.414, 0.793, 2.426, "week").simulate(rng.integers(27 * 7, 39 * 7 + 1, n) / 7, rng=rng)
    recency = np.minimum(np.ceil(drawn.recency * 7) / 7, drawn.age)
    spend = GammaGamma(6.25, 3.74, 15.44).simulate(drawn.frequency, rng=rng).round(2)
    return PurchaseHistory.from_columns(
        customer=np.arange(n), frequency=drawn.frequency, recency=recency, age=drawn.age,
        mean_repeat_spend=np.maximum(np.nan_to_num(spend), 0.01), time_unit="week",
    )  # fmt: skip


def by_hand_polars(orders: pl.LazyFrame) -> pl.DataFrame:
    """Aggregate in Polars."""
    day = pl.col("order_date").dt.date().alias("day")
    purchases = orders.group_by("customer_id", day).agg(pl.col("amount").sum())
    money = pl.col("amount")
    return (
        purchases.group_by("customer_id")
        .agg(
            (pl.len() - 1).alias("frequency"),
            pl.col("day").min().alias("first"),
            pl.col("day").max().alias("last"),
            money.sum().alias("total"),
            money.sort_by("day").first().alias("begin"),
        )
        .with_columns(
            ((pl.col("last") - pl.col("first")).dt.total_days() / 7).alias("recency"),
            ((pl.date(2024, 12, 31) - pl.col("first")).dt.total_days() / 7).alias("age"),
            ((pl.col("total") - pl.col("begin")) / pl.col("frequency")).alias("mean_repeat_spend"),
        )
        .collect()
    )


def by_hand_pandas(orders: Any) -> Any:
    """Aggregate in pandas."""
    day = orders["order_date"].dt.normalize()
    purchases = orders.groupby(["customer_id", day])["amount"].sum().reset_index()
    grouped = purchases.groupby("customer_id")
    found = grouped.agg(
        frequency=("amount", "size"),
        first=("order_date", "min"),
        last=("order_date", "max"),
        total=("amount", "sum"),
        begin=("amount", "first"),
    )
    found["frequency"] -= 1
    found["recency"] = (found["last"] - found["first"]).dt.days / 7
    found["age"] = (np.datetime64("2024-12-31") - found["first"]).dt.days / 7
    found["mean_repeat_spend"] = (found["total"] - found["begin"]) / found["frequency"]
    return found.reset_index()


def by_hand_duckdb(orders: Any) -> Any:
    """Aggregate in DuckDB."""
    sql = """
        select customer_id, count(*) - 1 as frequency, date_diff('day', min(day), max(day)) / 7 as recency,
               date_diff('day', min(day), date '2024-12-31') / 7 as age, sum(money) as total_spend,
               (sum(money) - arg_min(money, day)) / nullif(count(*) - 1, 0) as mean_repeat_spend
        from (select customer_id, order_date::date as day, sum(amount) as money from orders group by all)
        group by customer_id
    """
    return orders.query("orders", sql).to_arrow_table()


def by_hand_pyarrow(orders: pa.Table) -> pa.Table:
    """Aggregate in PyArrow."""
    by_day = orders.set_column(1, "day", orders["order_date"].cast(pa.date32()))
    purchases = by_day.group_by(["customer_id", "day"]).aggregate([("amount", "sum")]).sort_by("day")
    sums = [("day", "min"), ("day", "max"), ("day", "count"), ("amount_sum", "sum"), ("amount_sum", "first")]
    found = purchases.group_by("customer_id", use_threads=False).aggregate(sums)  # the first needs the order
    first, last = found["day_min"].cast(pa.int32()), found["day_max"].cast(pa.int32())
    repeats = pc.subtract(found["day_count"], 1)
    end = pa.scalar(np.datetime64("2024-12-31").astype(int))
    return pa.table(
        {
            "customer_id": found["customer_id"],
            "frequency": repeats,
            "recency": pc.divide(pc.subtract(last, first).cast(pa.float64()), 7.0),
            "age": pc.divide(pc.subtract(end, first).cast(pa.float64()), 7.0),
            "total": found["amount_sum_sum"],
            "mean_repeat_spend": pc.divide(pc.subtract(found["amount_sum_sum"], found["amount_sum_first"]), repeats),
        }
    )


def compute(frame: Any) -> Any:
    """Compute what is still lazy."""
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    return frame.to_arrow_table() if hasattr(frame, "to_arrow_table") else frame


def compare(name: str, ours: Callable[[], Any], by_hand: Callable[[], Any]) -> None:
    """Time two ways to do the same, which take turns, and print the medians."""
    seconds: tuple[list[float], list[float]] = ([], [])
    ours(), by_hand()
    for _ in range(RUNS):
        for taken, work in zip(seconds, (ours, by_hand), strict=True):
            start = time.perf_counter()
            work()
            taken.append(time.perf_counter() - start)
    one, other = map(statistics.median, seconds)
    print(f"{name:34} {one:8.3f} s {other:8.3f} s   {one / other:5.2f}")


def main() -> None:
    """Print a table of all engines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=float, default=2, help="millions")
    n_orders = round(parser.parse_args().orders * 1e6)
    print(f"{n_orders:,} orders{'':22} crmvalue    by hand   ratio")
    for text in (False, True):
        table = make_orders(n_orders, text=text)
        kind = "UUIDs" if text else "whole numbers"
        eager, pandas, relation = pl.from_arrow(table), table.to_pandas(), duckdb.from_arrow(table)
        arrow_backed = table.to_pandas(types_mapper=pd.ArrowDtype)
        lazy = eager.lazy()

        def summarise(orders: Any) -> Any:
            return compute(frames.summarise(orders, as_of="2024-12-31").frame)

        for name, orders, by_hand in (
            ("Polars", eager, lambda orders: by_hand_polars(orders.lazy())),
            ("Polars, lazy", lazy, by_hand_polars),
            ("DuckDB", relation, by_hand_duckdb),
            ("pandas", pandas, by_hand_pandas),
            ("pandas, Arrow", arrow_backed, by_hand_pandas),
            ("PyArrow", table, by_hand_pyarrow),
        ):
            compare(f"{name}, {kind}", lambda o=orders: summarise(o), lambda o=orders, b=by_hand: b(o))
        compare(
            f"Polars, {kind}, sorted by hand, too",
            lambda o=eager: summarise(o),
            lambda o=lazy: by_hand_polars(o).sort("customer_id"),
        )
        compare(f"PyArrow against Polars, {kind}", lambda t=table: summarise(t), lambda o=lazy: by_hand_polars(o))
    history = make_history(round(n_orders / 2))
    fits = BgNbd(0.243, 4.414, 0.793, 2.426, "week"), GammaGamma(6.25, 3.74, 15.44)
    terms = {"horizon": 52.0, "margin": 0.3, "discount_rate": 0.002}

    def arrays() -> Any:
        return customer_values(history, *fits, **terms)

    made = history.to_frame("polars")
    for name, frame in (
        ("Polars", made),
        ("Polars, lazy", made.lazy()),
        ("DuckDB", duckdb.from_arrow(made.to_arrow())),
        ("pandas", made.to_pandas()),
        ("PyArrow", made.to_arrow()),
    ):
        compare(
            f"value: {name} against arrays",
            lambda f=frame: compute(frames.value(f, *fits, **terms, time_unit="week").frame),
            arrays,
        )


if __name__ == "__main__":
    main()
