"""How often do the 95 % intervals of the fits hold the true parameters, and what does rounding to days change?

    python benchmarks/study_recovery.py [BASES]

Each base is drawn from known parameters in continuous time and fitted. Then it is written down as an order log of whole
days, summarised like any log, and fitted again. The number of the base is its seed, so a run with more bases begins
with the same ones.
"""

from __future__ import annotations

import sys
from time import perf_counter

import numpy as np
from scipy.stats import binom

from crmvalue.models import (
    BgNbd,
    CorrelatedParetoNbd,
    GammaGamma,
    MbgNbd,
    Nbd,
    ParetoNbd,
    fit_bg_nbd,
    fit_correlated_pareto_nbd,
    fit_gamma_gamma,
    fit_mbg_nbd,
    fit_nbd,
    fit_pareto_nbd,
)
from crmvalue.purchases import PurchaseHistory, summarise_purchases

END = np.datetime64("2020-12-31")
N_CUSTOMERS = 4_000
FIRST_WEEK, LAST_WEEK = 27, 104
BUYERS = BgNbd(0.243, 4.414, 0.793, 2.426, "week")  # who the customers of the gamma-gamma bases are

BASES = {
    "BG/NBD, CDNOW": (BgNbd(0.243, 4.414, 0.793, 2.426, "week"), fit_bg_nbd),
    "BG/NBD, regular buyers": (BgNbd(1.2, 8.0, 1.5, 6.0, "week"), fit_bg_nbd),
    "MBG/NBD, CDNOW": (MbgNbd(0.525, 6.183, 0.891, 1.614, "week"), fit_mbg_nbd),
    "MBG/NBD, regular buyers": (MbgNbd(1.2, 8.0, 1.5, 6.0, "week"), fit_mbg_nbd),
    "Pareto/NBD, CDNOW": (ParetoNbd(0.553, 10.58, 0.606, 11.67, "week"), fit_pareto_nbd),
    "Pareto/NBD, regular buyers": (ParetoNbd(1.2, 8.0, 1.0, 20.0, "week"), fit_pareto_nbd),
    "gamma-gamma, CDNOW": (GammaGamma(6.25, 3.74, 15.44), fit_gamma_gamma),
    "gamma-gamma, wide": (GammaGamma(2.0, 6.0, 60.0), fit_gamma_gamma),
    "NBD, CDNOW": (Nbd(0.385, 12.07, "week"), fit_nbd),
    "NBD, regular buyers": (Nbd(1.2, 8.0, "week"), fit_nbd),
    "correlated Pareto/NBD, CDNOW": (
        CorrelatedParetoNbd(0.553, 10.58, 0.606, 11.67, 1.0, "week"),
        fit_correlated_pareto_nbd,
    ),
    "correlated Pareto/NBD, regular buyers": (
        CorrelatedParetoNbd(1.2, 8.0, 1.0, 20.0, -1.0, "week"),
        fit_correlated_pareto_nbd,
    ),
}


def draw_base(model, n_customers, rng):
    """Draw a base in three forms: exact, in whole days, and between the two.

    The form between the two has the counts of days (all purchases of one day are one) and the exact times.
    """
    days = rng.integers(7 * FIRST_WEEK, 7 * LAST_WEEK + 1, n_customers)
    clock = rng.random(n_customers)  # time of the day of the first purchase
    ages = (days + 1 - clock) / 7  # the last day is observed to its end
    if isinstance(model, GammaGamma):
        exact = BUYERS.simulate(ages, rng=rng)
        exact = in_weeks(exact.frequency, exact.recency, ages, model.simulate(exact.frequency, rng=rng))
        daily = in_whole_days(exact, days, clock, rng, shape=model.p)
    else:
        exact = model.simulate(ages, rng=rng)
        daily = in_whole_days(exact, days, clock, rng)
    x = daily.frequency
    return exact, daily, in_weeks(x, np.where(x > 0, exact.recency, 0.0), ages, daily.mean_repeat_spend)


def in_weeks(frequency, recency, age, spend):
    return PurchaseHistory.from_columns(
        frequency=frequency, recency=recency, age=age, mean_repeat_spend=spend, time_unit="week"
    )


def in_whole_days(exact, days, clock, rng, shape=None):
    """Write the exact history down as a log of whole days, and summarise that.

    Given the number of purchases and the time of the last one, the purchases before it are uniform over that time. This
    holds for each of these models: no customer leaves before their last purchase, and each buys at a constant rate
    until then. Given their mean, amounts are split by gamma draws of one shape.
    """
    x = exact.frequency.astype(int)
    customer = np.repeat(np.arange(len(x)), x)
    time = rng.random(len(customer)) * exact.recency[customer]
    ends = np.cumsum(x)[x > 0] - 1
    time[ends] = exact.recency[x > 0]
    day = np.floor(clock[customer] + 7 * time).astype(int)
    day = np.minimum(day, days[customer])  # a rounding error past midnight
    first = END - days
    who = np.concatenate((np.arange(len(x)), customer))
    when = np.concatenate((first, first[customer] + day))
    amount = None
    if shape is not None:
        part = rng.gamma(shape, size=len(customer))
        whole = np.bincount(customer, part, minlength=len(x))
        spent = part / whole[customer] * (x * exact.mean_repeat_spend)[customer]
        amount = np.concatenate((np.ones(len(x)), spent))
    return summarise_purchases(who, when, amount, as_of=END)


def study(model, fit, n_bases, number=0):
    """Fit each base in the three forms of `draw_base`.

    Returns the names of the parameters and which of them are positive; the estimates (logarithms of positive ones),
    their standard errors, and whether the interval holds the truth, each of shape (3, bases, parameters); and the
    number of fits in doubt, shape (3,).
    """
    logs, errors, covered, doubtful = [], [], [], np.zeros(3, dtype=int)
    for base in range(n_bases):
        rng = np.random.default_rng([number, base])
        fits = [fit(history) for history in draw_base(model, N_CUSTOMERS, rng)]
        logs.append([searched(found.estimates, found.positive) for found in fits])
        errors.append([np.sqrt(np.diag(found.search_covariance)) for found in fits])
        covered.append([holds_truth(found, model) for found in fits])
        doubtful += [not found.diagnosis.trustworthy for found in fits]
    return fits[0].names, fits[0].positive, *(np.swapaxes(each, 0, 1) for each in (logs, errors, covered)), doubtful


def searched(values, positive):
    """Give logarithms of positive parameters, the others as they are."""
    return np.where(positive, np.log(np.where(positive, values, 1.0)), values)


def holds_truth(fit, model):
    return [low <= getattr(model, name) <= high for name, (low, high) in fit.confidence_interval(0.95).items()]


def main():
    n_bases = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    low, high = binom.ppf([0.025, 0.975], n_bases, 0.95) / n_bases
    outside = binom.cdf(np.ceil(0.92 * n_bases) - 1, n_bases, 0.95) + binom.sf(np.floor(0.98 * n_bases), n_bases, 0.95)
    print(f"{n_bases} bases of {N_CUSTOMERS:,} customers, {FIRST_WEEK} to {LAST_WEEK} weeks old.")
    print(f"Exact intervals cover in {low:.1%} to {high:.1%} of so many bases, 19 times of 20;")
    print(f"outside of 92 % to 98 % they come by chance alone with probability {outside:.1%} for each parameter.\n")
    print("| Base | parameter | true | SE, % | bias, SE | covered | in days | shift, SE | shift, % | merging, % |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    notes = []
    for number, (label, (model, fit)) in enumerate(BASES.items()):
        start = perf_counter()
        names, positive, logs, errors, covered, doubtful = study(model, fit, n_bases, number)
        truth = np.array([getattr(model, name) for name in names])
        covered = covered.mean(axis=1)
        error = np.median(errors[0], axis=0)
        bias = (logs[0] - searched(truth, positive)).mean(axis=0) / error
        shift, merging = (logs[1:] - logs[0]).mean(axis=1)
        for i, name in enumerate(names):
            size = f"{error[i]:.1%}" if positive[i] else f"{error[i]:.2f} in all"
            print(f"| {label} | {name} | {truth[i]:g} | {size} | {bias[i]:+.2f} | {covered[0, i]:.1%} ", end="")
            print(f"| {covered[1, i]:.1%} | {shift[i] / error[i]:+.2f} ", end="")
            moved = (f"{np.expm1(by):+.1%}" if positive[i] else f"{by:+.2f} in all" for by in (shift[i], merging[i]))
            print("|", " | ".join(moved), "|", flush=True)
        notes.append(
            f"{label}: {doubtful[0]} of the exact fits in doubt, {doubtful[1]} of those in days; "
            f"{perf_counter() - start:.0f} s"
        )
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main()
