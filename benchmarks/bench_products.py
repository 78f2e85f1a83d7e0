"""10 million order lines with 50,000 products: what goes together, what comes next, what is due, whom to offer what.

    python benchmarks/bench_products.py [LINES [FUNCTION ...]]

Each function runs in a process of its own, so that its peak memory is its own; the lines are in it.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from time import perf_counter, process_time

import numpy as np

from crmvalue import products

N_LINES, N_PRODUCTS, N_DAYS = 10_000_000, 50_000, 730
END = np.datetime64("2022-01-01") + (N_DAYS - 1)

CALLS = {
    "product_pairs": {},
    "next_purchases": {},
    "replenishment": {"as_of": END},
    "best_customer_products": {},
    "product_trends": {"as_of": END, "period_days": 180},
    "first_products": {"as_of": END, "horizon_days": 180, "began_after": np.datetime64("2021-12-31")},
    "next_products": {"as_of": END, "horizon_days": 60, "margin": 0.3, "n": 3},
    "check_next_products": {"as_of": END, "horizon_days": 60, "n": 3},
}


def make_lines(n_lines):
    """Make orders of about eight lines; a few products are in many orders, and customers have a taste of their own."""
    rng = np.random.default_rng(1)
    n_orders, n_customers = n_lines // 8, n_lines // 40
    order = np.sort(rng.integers(0, n_orders, n_lines))
    customer_of = rng.integers(0, n_customers, n_orders)
    day_of = rng.integers(0, N_DAYS, n_orders)
    customer = customer_of[order]
    popular = (N_PRODUCTS * rng.random(n_lines) ** 3).astype(np.int64)
    own = (customer * 7919 + rng.integers(0, 30, n_lines) * 104_729) % N_PRODUCTS
    product = np.where(rng.random(n_lines) < 0.5, popular, own)
    return {
        "customer": customer,
        "date": np.datetime64("2022-01-01") + day_of[order],
        "product": product,
        "category": product % 200,
        "amount": rng.gamma(2.0, 5.0, n_lines).round(2),
    }


def peak():
    """Give the peak memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def run(name, n_lines):
    """Time one function and print seconds and memory."""
    columns = make_lines(n_lines)
    start = perf_counter()
    lines = products.read_order_lines(**columns)
    del columns
    read, used = perf_counter(), process_time()
    result = getattr(products, name)(lines, **CALLS[name])
    end, used = perf_counter(), process_time() - used
    print(
        f"{name}: {end - read:.1f} s ({used:.1f} s of processor time), {len(result):,} rows; "
        f"reading {read - start:.1f} s; peak {peak():.2f} GB",
        flush=True,
    )


def main():
    """Run each function."""
    n_lines = int(sys.argv[1]) if len(sys.argv) > 1 else N_LINES
    names = sys.argv[2:] or list(CALLS)
    if len(names) == 1:
        run(names[0], n_lines)
        return
    for name in names:
        subprocess.run([sys.executable, __file__, str(n_lines), name], check=True)


if __name__ == "__main__":
    main()
