"""How well `fit_calendar` finds parameters and levels: coverage of the 95 % intervals over drawn logs.

    python benchmarks/study_calendar.py [logs] [customers] [seed] [mbg_nbd or pareto_nbd]

Customers of MBG/NBD or Pareto/NBD come over two years. They buy by a clock with a level for each month, on whole days;
the levels stay the same in all logs. Prints for each parameter and level the share of logs whose interval holds the
truth, and the mean error of its logarithm. For levels also: the error without the prior, and the share of logs whose
interval around the estimate given the prior holds the truth. A purchase counts on the day in which it falls, and
several on a day are one, which slows purchases down a little (`study_recovery.py` shows it without a calendar).
"""

from __future__ import annotations

import sys

import numpy as np

from crmvalue.models import Calendar, MbgNbd, ParetoNbd, fit_calendar

TRUTH = MbgNbd(3.0, 60.0, 0.8, 2.4, "week")
PARETO = ParetoNbd(3.0, 60.0, 1.0, 60.0, "week")
MONTHS = np.array([0.8, 0.7, 0.9, 1.0, 1.0, 0.9, 0.7, 0.8, 1.0, 1.1, 1.4, 1.7])
BEGIN, N_DAYS = np.datetime64("2023-01-01"), 730


def draw_log(n_customers, rng, truth=TRUTH, months=MONTHS, n_days=N_DAYS):
    """Draw a log purchase by purchase: when customers come, their rate, their chance to leave, and their gaps."""
    level = Calendar(month=months).level(BEGIN + np.arange(n_days + 1))
    level /= level[1:].mean()
    clock = np.append(0.0, np.cumsum(level[1:]))  # operational days until the end of each day
    first = rng.integers(0, n_days - 60, n_customers)
    rate = rng.gamma(truth.r, 1.0, n_customers) / (truth.alpha * 7.0)
    until = np.full(n_customers, np.inf)
    if isinstance(truth, ParetoNbd):
        until = first + rng.exponential(1.0, n_customers) / (rng.gamma(truth.s, 1.0, n_customers) / (truth.beta * 7.0))
    else:
        leave = rng.beta(truth.a, truth.b, n_customers)
    customer, now = np.arange(n_customers), clock[first]
    rows = [(customer, first)]
    while len(customer):
        if not isinstance(truth, ParetoNbd):
            stays = rng.random(len(customer)) >= leave[customer]
            customer, now = customer[stays], now[stays]
        now = now + rng.exponential(1.0, len(customer)) / rate[customer]
        inside = (now <= clock[-1]) & (np.interp(now, clock, np.arange(len(clock))) <= until[customer])
        customer, now = customer[inside], now[inside]
        rows.append((customer, np.searchsorted(clock, now)))  # the day in which it falls
    customers, days = (np.concatenate(column) for column in zip(*rows, strict=True))
    return customers, BEGIN + days


def main(n_logs, n_customers, seed, model="mbg_nbd"):
    truth_of = TRUTH if model == "mbg_nbd" else PARETO
    level = Calendar(month=MONTHS).level(BEGIN + np.arange(1, N_DAYS + 1))
    levels = MONTHS / level.mean()
    names = ["r", "alpha", *(("a", "b") if model == "mbg_nbd" else ("s", "beta"))]
    parameters = np.log([getattr(truth_of, name) for name in names])
    held, posterior, errors = [], [], []
    for base in range(n_logs):
        log = draw_log(n_customers, np.random.default_rng([seed, base]), truth_of)
        found = fit_calendar(*log, as_of=BEGIN + N_DAYS, model=model)
        estimate = np.log(np.concatenate([found.fit.estimates, found.level]))
        truth = np.concatenate([parameters, np.log(levels)])
        variance = np.concatenate([np.diag(found.fit.search_covariance), np.diag(found.covariance)])
        covered = np.abs(estimate - truth) <= 1.959964 * np.sqrt(variance)
        low, high = found.ends()
        posterior.append(covered[4:])
        held.append(np.concatenate([covered[:4], (low <= levels) & (levels <= high)]))
        errors.append(np.concatenate([estimate - truth, np.log(found.data_level / levels)]))
    held, posterior, errors = np.array(held), np.array(posterior), np.array(errors)
    print(f"{n_logs} logs of {n_customers:,} customers of {model}, seed {seed}\n")
    print(
        "| | 95 % intervals that hold the truth | Mean error of the log | Of the data alone | Held, given the prior |"
    )
    print("|---|---:|---:|---:|---:|")
    for i, name in enumerate([*names, *found.names]):
        alone = f"{errors[:, i + 12].mean():+.3f} | {posterior[:, i - 4].mean():.1%}" if i >= 4 else "|"
        print(f"| {name} | {held[:, i].mean():.1%} | {errors[:, i].mean():+.3f} | {alone} |")
    print(f"\nAll levels: {held[:, 4:].mean():.1%}; all parameters: {held[:, :4].mean():.1%}")
    root = [np.sqrt((errors[:, columns] ** 2).mean()) for columns in (slice(4, 16), slice(16, 28))]
    print(f"Root mean squared error of the logarithms of the levels: {root[0]:.3f}; of the data alone {root[1]:.3f}")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:4]]
    main(*(numbers + [400, 2000, 20][len(numbers) :]), *sys.argv[4:])
