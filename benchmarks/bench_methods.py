"""Every method of every purchase model, and what is asked of a model and a history, for customers who all differ.

    python benchmarks/bench_methods.py [CUSTOMERS]

By default 10,000 customers are drawn from each model, with ages in whole days between 300 and 728 days. So nearly all
rows differ, which is the worst case. "With covariates" gives each customer parameters of their own, by a covariate of
purchases and of dropout. Times are those of the processor, of one call after a small one that loads what is needed.
"""

from __future__ import annotations

import sys
from functools import partial
from time import process_time

import numpy as np

from crmvalue.models import (
    BgBb,
    BgCnbd,
    BgNbd,
    Calendar,
    CovariateEffect,
    GammaGamma,
    GgompertzNbd,
    MbgCnbd,
    MbgNbd,
    Nbd,
    ParetoNbd,
    SeasonalModel,
    customer_values,
    fit_gamma_gamma,
    fit_mbg_cnbd,
)
from crmvalue.purchases import PurchaseHistory

TARGET = 1.0  # seconds for 10,000 customers
RATE = 0.002
MODELS = {
    "NBD": partial(Nbd, 0.385, 12.07, "week"),
    "BG/NBD": partial(BgNbd, 0.243, 4.414, 0.793, 2.426, "week"),
    "MBG/NBD": partial(MbgNbd, 0.525, 6.183, 0.891, 1.614, "week"),
    "Pareto/NBD": partial(ParetoNbd, 0.553, 10.578, 0.606, 11.669, "week"),
    "GGompertz/NBD": partial(GgompertzNbd, 0.553, 10.578, 0.02, 0.6, 0.3, "week"),
    "BG/CNBD-2": partial(BgCnbd, 0.8, 4.0, 0.8, 2.4, "week", k=2),
    "MBG/CNBD-2": partial(MbgCnbd, 1.329, 2.813, 0.425, 0.790, "week", k=2),
    "MBG/CNBD-6": partial(MbgCnbd, 3.0, 2.0, 0.425, 0.790, "week", k=6),
}


def questions(model, history, n):
    """Give every method with arguments, by name."""
    ask = {
        "log_likelihood": lambda: model.log_likelihood(history),
        "prob_alive": lambda: model.prob_alive(history),
        "prob_alive, 10 weeks on": lambda: model.prob_alive(history, at=10),
        "expected_purchases": lambda: model.expected_purchases(history, horizon=39),
        "expected_purchases, 10 years": lambda: model.expected_purchases(history, horizon=520),
        "prob_purchases of 5": lambda: model.prob_purchases(history, 5, horizon=39),
        "discounted, 39 weeks": lambda: model.discounted_expected_purchases(history, discount_rate=RATE, horizon=39),
        "discounted, 10 years": lambda: model.discounted_expected_purchases(history, discount_rate=RATE, horizon=520),
        "discounted, for life": lambda: model.discounted_expected_purchases(history, discount_rate=RATE),
        "expected_purchases_new": lambda: model.expected_purchases_new(horizon=np.linspace(1, 520, n).round()),
        "prob_purchases_new of 5": lambda: model.prob_purchases_new(5, horizon=np.linspace(1, 520, n).round()),
        "discounted_new, for life": lambda: model.discounted_expected_purchases_new(discount_rate=RATE),
    }
    if isinstance(model, BgBb):
        return ask
    traits = {"z": history.covariate("z")} if history.covariate_names else None
    spend = GammaGamma(6.25, 3.74, 15.44)
    value = partial(customer_values, history, model, spend, margin=0.3)
    return ask | {
        "simulate": lambda: model.simulate(history.age, rng=np.random.default_rng(1), covariates=traits),
        "values, 39 weeks": lambda: value(horizon=39, discount_rate=RATE),
        "values, for life": lambda: value(horizon=None, discount_rate=RATE),
        "values, cost of serving": lambda: value(horizon=39, discount_rate=RATE, service_cost=0.1),
    }


def drawn(make, n, *, traits):
    """Draw customers with their spend from a model, with covariates or not."""
    rng = np.random.default_rng(1)
    effects = {"purchase_effects": [CovariateEffect("z", 0.3)]}
    if make.func is not Nbd:
        effects["dropout_effects"] = [CovariateEffect("z", 0.2)]
    model = make(**effects) if traits else make()
    covariates = {"z": rng.normal(size=n)} if traits else None
    history = model.simulate(rng.integers(300, 729, n) / 7, rng=rng, covariates=covariates)
    x = history.frequency
    spend = np.where(x > 0, GammaGamma(6.25, 3.74, 15.44).simulate(np.maximum(x, 1), rng=rng), 0.0)
    paid = PurchaseHistory.from_columns(
        frequency=x, recency=history.recency, age=history.age, mean_repeat_spend=spend, time_unit="week"
    )
    return model, paid.with_covariates(covariates) if traits else paid


def of_opportunities(n):
    model = BgBb(1.204, 0.750, 0.657, 2.783)
    return model, model.simulate(n, n_opportunities=100, rng=np.random.default_rng(1))


def main(n=10_000):
    print(f"{n:,} customers, seconds of the processor; those above {TARGET:g} are marked\n")
    print("| Model | Method | Seconds |\n|---|---|---:|")
    cases = {
        (name, traits): partial(drawn, make, traits=traits) for name, make in MODELS.items() for traits in (False, True)
    }
    cases["BG/BB", False] = of_opportunities
    for (name, traits), make in cases.items():
        small = questions(*make(50), 50)
        for method, ask in questions(*make(n), n).items():
            small[method]()
            start = process_time()
            ask()
            taken = process_time() - start
            label = f"{name} with covariates" if traits else name
            print(f"| {label} | {method} | {taken:.2f}{' **' if taken > TARGET else ''} |", flush=True)
    with_intervals(3_000)
    with_calendar(30_000)
    of_distinct(1_000_000)


def with_intervals(n):
    """Time the fit with covariates, and values with their intervals."""
    history = drawn(MODELS["MBG/CNBD-2"], n, traits=True)[1]
    start = process_time()
    fit = fit_mbg_cnbd(history, k=2, purchase_covariates=["z"], dropout_covariates=["z"])
    print(f"\nMBG/CNBD-2 with covariates, {n:,} customers: fit {process_time() - start:.2f} s", end="")
    spend = fit_gamma_gamma(history)
    for horizon in (39, 520, None):
        start = process_time()
        rng = np.random.default_rng(1)
        customer_values(history, fit, spend, margin=0.3, discount_rate=RATE, horizon=horizon, level=0.9, rng=rng)
        print(
            f", intervals {f'over {horizon} weeks' if horizon else 'for life'} {process_time() - start:.2f} s", end=""
        )
    print()


def with_calendar(n):
    """Time discounted purchases for life with a season, of customers who leave in ways of their own."""
    for name in ("MBG/NBD", "MBG/CNBD-2", "MBG/CNBD-6"):
        effects = [CovariateEffect("z", 0.3)]
        model = MODELS[name](purchase_effects=effects, dropout_effects=effects)
        seasonal = SeasonalModel(model, Calendar(month={"December": 2.0}, weekday={"Saturday": 1.3}))
        rng = np.random.default_rng(1)
        ages, traits = rng.integers(10, 700, n) / 7, {"z": rng.normal(size=n)}
        history = seasonal.simulate(ages, rng=rng, covariates=traits, as_of="2024-11-30")
        start = process_time()
        seasonal.discounted_expected_purchases(history, discount_rate=RATE)
        print(f"{name} with a calendar and covariates, {n:,} customers: for life {process_time() - start:.1f} s")


def of_distinct(n):
    """Time discounted purchases for life of customers of whom no two are alike."""
    for name in ("BG/NBD", "MBG/NBD"):
        model, rng = MODELS[name](), np.random.default_rng(1)
        history = model.simulate(rng.uniform(20, 104, n), rng=rng)
        start = process_time()
        model.discounted_expected_purchases(history, discount_rate=RATE)
        print(f"{name}, {n:,} distinct customers: for life {process_time() - start:.1f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
