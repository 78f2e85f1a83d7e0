"""Costs of each customer for a million of them: profits, the table of groups, cash flows by age, values and a plan.

    python benchmarks/bench_costs.py [REPETITIONS]

Terms differ between customers or segments, which is what makes this dearer than `bench_customer_values.py`. There is no
peer that does the same; the seconds say what a user waits for.
"""

from __future__ import annotations

import statistics
import sys
from time import perf_counter

import numpy as np

from crmvalue.ltv import cash_flows_by_age, customer_profits, group_economics
from crmvalue.models import GammaGamma, MbgNbd, customer_values, revenue_plan
from crmvalue.purchases import PurchaseHistory

N, N_ORDERS = 1_000_000, 5_000_000
MARGIN = {"ads": 0.3, "mail": 0.4, "shop": 0.5}
MODELS = MbgNbd(0.6, 9.0, 0.6, 1.6, "week"), GammaGamma(6.25, 3.74, 15.44)


def make_history(rng):
    """Make customers whose times are whole days."""
    age = rng.integers(7, 730, N) / 7
    frequency = rng.poisson(rng.gamma(0.6, 0.1, N) * age).astype(float)
    recency = np.where(frequency > 0, np.minimum(np.ceil(age * 7 * rng.random(N)) / 7, age), 0.0)
    return PurchaseHistory.from_columns(
        frequency=frequency,
        recency=recency,
        age=age,
        mean_repeat_spend=rng.gamma(6, 5, N),
        time_unit="week",
        as_of="2023-12-31",
    )


def main():
    """Print the median seconds of each task."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    rng = np.random.default_rng(1)
    history = make_history(rng)
    channel, value = rng.choice(list(MARGIN), N), rng.gamma(2, 50, N)
    groups = {"channel": channel, "region": rng.integers(0, 25, N), "cohort": rng.integers(0, 48, N)}
    flows = rng.gamma(1, 5, (N, 24))
    cost, serving = {"ads": 30, "mail": 10, "shop": 5}, rng.random(N) / 10
    orders = np.concatenate([np.arange(N), rng.integers(0, N, N_ORDERS - N)])
    days = np.datetime64("2022-01-01") + rng.integers(0, 730, N_ORDERS)
    money = rng.gamma(2, 20, N_ORDERS)
    rates = {"ads": 0.001, "mail": 0.002, "shop": 0.003}
    tasks = {
        "profits of 1 million customers": lambda: (
            customer_profits(value, margin=MARGIN, service_cost=serving, segment=channel).unprofitable
        ),
        "groups, 3 dimensions": lambda: group_economics(groups, value, acquisition_cost=cost, segment=channel),
        "groups, with payback over 24 months": lambda: group_economics(
            groups, value, acquisition_cost=cost, segment=channel, cash_flows=flows
        ),
        "cash flows of 5 million orders by month": lambda: cash_flows_by_age(
            orders, days, money, customers=np.arange(N), margin=0.3, period="month", as_of="2023-12-31"
        ),
        "values, a cost of serving for each": lambda: customer_values(
            history, *MODELS, horizon=52, margin=MARGIN, service_cost=serving, segment=channel
        ),
        "values, three discount rates": lambda: customer_values(
            history, *MODELS, horizon=52, margin=MARGIN, discount_rate=rates, segment=channel
        ),
        "revenue plan, 12 months": lambda: revenue_plan(history, *MODELS, margin=MARGIN, segment=channel),
    }
    for name, task in tasks.items():
        seconds = []
        for _ in range(repetitions):
            start = perf_counter()
            task()
            seconds.append(perf_counter() - start)
        print(f"{name:<45} {statistics.median(seconds):6.2f} s")


if __name__ == "__main__":
    main()
