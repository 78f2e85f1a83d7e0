"""Do intervals of the total hold the next quarter, with a season that no model knows, and do holdouts help?

    python benchmarks/study_inflate.py [BASES]

Customers of MBG/NBD buy faster and slower by a season of several kinds. Each base is observed for nine quarters of 13
weeks and valued for the tenth. The holdouts are the last four quarters. The number of the base is its seed, so a run
with more bases begins with the same ones. The table shows how many of the totals lie in the interval at 90 %, plain
(both kinds together, as squares of half-widths) and inflated, the mean half-width of the interval in percent of the
total, and how many bases have an effective share of the draws below 0.25.
"""

from __future__ import annotations

import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from time import perf_counter

import numpy as np

from crmvalue.errors import DataWarning
from crmvalue.models import GammaGamma, MbgNbd, customer_values, fit_gamma_gamma, fit_mbg_nbd
from crmvalue.purchases import split_purchases, summarise_purchases

BUYERS = MbgNbd(0.9, 8.0, 0.8, 2.4, "week")
SPEND = GammaGamma(6.25, 3.74, 15.44)
START = np.datetime64("2020-01-01")
N_CUSTOMERS = 1_500
WEEKS, QUARTERS, HOLDOUTS = 13, 9, 4
LEVEL = 0.9
N_DRAWS = 60
PRIORS = {"a": (1.0, 1.0), "b": (2.5, 1.0)}  # a bad quarter looks like leaving


def quarters(spread):
    """Good and bad quarters, one independent of the other."""
    return lambda rng: rng.normal(0.0, spread, QUARTERS + 1)


def drift(rng):
    """A market that goes up and down slowly: most of last quarter's level stays."""
    level = np.cumsum(rng.normal(0.0, 0.08, QUARTERS + 1) * 0.7 ** -np.arange(QUARTERS + 1))
    return level * 0.7 ** np.arange(QUARTERS + 1)


def calendar(rng):
    """Each quarter of the year has its own level, every year the same."""
    return np.resize(rng.normal(0.0, 0.2, 4), QUARTERS + 1)


def both(rng):
    """A small season of the calendar, and good and bad quarters."""
    return np.resize(rng.normal(0.0, 0.1, 4), QUARTERS + 1) + rng.normal(0.0, 0.15, QUARTERS + 1)


SEASONS = {
    "none": quarters(0.0),
    "quarters at random, 5 %": quarters(0.05),
    "quarters at random, 15 %": quarters(0.15),
    "quarters at random, 40 %": quarters(0.4),
    "slow drift, 8 % a quarter": drift,
    "the same each year, 20 %": calendar,
    "each year 10 %, at random 15 %": both,
}


def draw_log(season, rng):
    """Draw an order log with a season: the logarithm of the pace of each quarter.

    Customers live in a time of their own, which runs faster in a good quarter. Translate that into days.
    """
    pace = np.exp(season)
    edges = np.concatenate([[0.0], np.cumsum(pace) * WEEKS])
    time = np.interp(rng.random(N_CUSTOMERS) * WEEKS * QUARTERS * 0.8, np.arange(len(edges)) * WEEKS, edges)
    rate = rng.gamma(BUYERS.r, 1.0 / BUYERS.alpha, N_CUSTOMERS)
    leaves = rng.beta(BUYERS.a, BUYERS.b, N_CUSTOMERS)
    who = np.arange(N_CUSTOMERS)
    owners, times = [], []
    while len(who):
        owners.append(who)
        times.append(time)
        stays = rng.random(len(who)) >= leaves[who]
        who, time = who[stays], time[stays]
        time = time + rng.exponential(1.0 / np.maximum(rate[who], 1e-9))
        who, time = who[time < edges[-1]], time[time < edges[-1]]
    owner = np.concatenate(owners)
    day = np.floor(np.interp(np.concatenate(times), edges, np.arange(len(edges)) * WEEKS) * 7).astype(int)
    nu = rng.gamma(SPEND.q, 1.0 / SPEND.gamma, N_CUSTOMERS)
    return owner, START + day, rng.gamma(SPEND.p, 1.0 / nu[owner])


def end_of(quarter):
    """Give the last day of a quarter, counted from 1."""
    return START + 7 * WEEKS * quarter - 1


def study(name, seed):
    """Value one base; say whether each interval holds the money of the next quarter, and the half-widths."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "the intervals of the values rest on only", DataWarning)  # counted
    rng = np.random.default_rng(seed)
    log = draw_log(SEASONS[name](rng), rng)
    history = summarise_purchases(*log, as_of=end_of(QUARTERS), time_unit="week")
    fits = fit_mbg_nbd(history, priors=PRIORS), fit_gamma_gamma(history)
    splits = [
        split_purchases(*log, calibration_end=end_of(quarter - 1), holdout_end=end_of(quarter))
        for quarter in range(QUARTERS - HOLDOUTS + 1, QUARTERS + 1)
    ]
    truth = split_purchases(
        *log, calibration_end=end_of(QUARTERS), holdout_end=end_of(QUARTERS + 1)
    ).holdout_spend.sum()
    options = {"horizon": WEEKS, "margin": 1.0, "level": LEVEL, "n_draws": N_DRAWS}
    plain = customer_values(history, *fits, **options, rng=np.random.default_rng(seed))
    wide = customer_values(
        history, *fits, **options, rng=np.random.default_rng(seed), inflate="holdout", holdout=splits
    )
    total = plain.total
    known, chance = plain.intervals.total, plain.intervals.total_outcome
    low = total - np.hypot(total - known.low, total - chance.low)
    high = total + np.hypot(known.high - total, chance.high - total)
    ends = (low, high), tuple(wide.intervals.total_outcome)
    return *((a <= truth <= b, (b - a) / (2.0 * total)) for a, b in ends), (plain.intervals.effective_share < 0.25, 0.0)


def main():
    n_bases = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    begin = perf_counter()
    print(f"| Season ({n_bases} bases) | plain | inflated | half-width, plain | inflated | low share |")
    print("|---|---:|---:|---:|---:|---:|")
    with ProcessPoolExecutor(2) as both_cores:
        for name in SEASONS:
            found = np.array(list(both_cores.map(partial(study, name), range(n_bases), chunksize=5)), dtype=float)
            (held, width), (held_wide, width_wide), (rough, _) = 100.0 * found.mean(axis=0)
            numbers = " | ".join(f"{number:.0f} %" for number in (held, held_wide, width, width_wide, rough))
            print(f"| {name} | {numbers} |", flush=True)
    print(f"{perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
