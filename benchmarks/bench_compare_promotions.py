"""Time the comparison of two sets of promotions on past carts.

    python benchmarks/bench_compare_promotions.py [CARTS ...]

Carts have 5 lines of a catalogue of 2,000 products, 25 brands and six categories. There are 10 promotions today, and 10
in the next campaign, of which 7 are the same: percentages, "3 for 2", a bundle, steps from an amount, a gift, and free
delivery, with a cap of 10 % on five brands. Each cart is priced under both sets, by one process and by two. The time of
processors is that of all processes together.
"""

from __future__ import annotations

import os
import platform
import sys
from time import perf_counter

import numpy as np

from crmvalue.promotions import Caps, CartHistory, Items, Promotion, compare_promotions

BRANDS = [f"brand {i}" for i in range(25)]
CATEGORIES = ["perfume", "make-up", "face", "hair", "soap", "home"]
CAPS = Caps(brand_percent=dict.fromkeys(BRANDS[:5], 10))
STACK = {"family": "s", "combines_with": ["s"]}

SAME = [
    Promotion.percent("brands", 15, brands=BRANDS[5:8]),
    Promotion.percent("app", 20, brands=BRANDS[8:10], channels=["app"]),
    Promotion.n_for_m("3 for 2", 3, 2, categories=["soap"]),
    Promotion.amount("hair", "50.00", categories=["hair"], **STACK),
    Promotion.bundle("pair", [Items(brands=[BRANDS[10]]), Items(brands=[BRANDS[11]])], percent_off=20),
    Promotion.free_delivery("delivery", min_amount="1500.00", **STACK),
    Promotion.percent("vip", 10, segments=["vip"], on="order"),
]
BEFORE = [
    *SAME,
    Promotion.threshold("more", {"3000.00": 5}, **STACK),
    Promotion.gift("mini", "eau 5 ml", "150.00", min_amount="5000.00", **STACK),
    Promotion.percent("make-up", 10, categories=["make-up"]),
]
AFTER = [
    *SAME,
    Promotion.threshold("more", {"3000.00": 7, "6000.00": 10}, **STACK),
    Promotion.gift("mini", "eau 5 ml", "150.00", min_amount="4000.00", **STACK),
    Promotion.percent("make-up", 15, categories=["make-up"], weekdays=["sat", "sun"]),
]


def make_history(n, rng):
    n_products = 2_000
    brand = rng.integers(0, len(BRANDS), n_products)
    category = rng.integers(0, len(CATEGORIES), n_products)
    price = np.round(np.exp(rng.normal(6.0, 0.8, n_products))).astype(np.int64) * 100 + 90
    names = np.array([f"product {i}" for i in range(n_products)])
    popularity = 1 / np.arange(1, n_products + 1)
    products = rng.choice(n_products, 5 * n, p=popularity / popularity.sum())
    carts = np.repeat(np.arange(n), 5)
    vip = np.flatnonzero(rng.random(n) < 0.1)
    minutes = rng.integers(0, 28 * 24 * 60, n).astype("timedelta64[m]")
    return CartHistory(
        cart=carts,
        product=names[products],
        unit_price=price[products],
        unit_cost=price[products] // 2,
        quantity=rng.choice([1, 1, 1, 2, 3], 5 * n),
        brand=np.array(BRANDS)[brand[products]],
        channel=np.repeat(rng.choice(["shop", "app", "web"], n), 5),
        time=np.repeat(np.datetime64("2026-02-02T00:00") + minutes, 5),
        delivery_price=np.repeat(rng.choice([0, 9000], n), 5),
        categories={names[i]: [CATEGORIES[category[i]]] for i in range(n_products)},
        segments={int(i): ["vip"] for i in vip},
        currency="UAH",
    )


def main(sizes):
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    for n in sizes:
        history = make_history(n, np.random.default_rng(1))
        for n_processes in (1, 2) if n <= 100_000 else (2,):
            start, cpu = perf_counter(), os.times()
            found = compare_promotions(history, BEFORE, AFTER, caps=CAPS, n_processes=n_processes)
            wall, end = perf_counter() - start, os.times()
            used = sum(end[:4]) - sum(cpu[:4])
            print(
                f"{n:,} carts, {found.n_distinct:,} different, {n_processes} processes: {wall:.1f} s, "
                f"{used:.1f} s of processors; not optimal: {found.n_not_optimal}, odd: {found.n_odd}",
                flush=True,
            )


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or [100_000, 1_000_000])
