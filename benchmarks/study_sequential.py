"""How often do the sequential tests raise a false alarm with a look after every customer, and what does looking cost?

    python benchmarks/study_sequential.py [STREAMS]

First come streams without any effect, in order of arrival. The share that is ever decided, at a significance level of
5 %, must be at most 5 % for conversions (exact). For means it must be near or below 5 % (asymptotic, from 100 customers
in each arm on). The share of a test with a fixed end, looked at in the same way, stands beside it. Then come streams
with an effect: how many are decided, and after how many customers, compared with the size that a test with a fixed end
needs for a power of 80 %.
"""

from __future__ import annotations

import sys
from time import perf_counter

import numpy as np
from scipy.stats import binom, norm

from crmvalue.experiments import sample_size, sequential_test_from_stream, sequential_test_means

LEVEL = 0.05
Z = norm.isf(LEVEL / 2)

CONVERSIONS = [  # rate, customers, share of the variant, prior
    (0.5, 40, 0.5, (0.5, 0.5)),
    (0.5, 2_000, 0.5, (0.5, 0.5)),
    (0.2, 2_000, 0.5, (0.5, 0.5)),
    (0.2, 2_000, 0.1, (0.5, 0.5)),
    (0.05, 2_000, 0.5, (5.0, 95.0)),
    (0.01, 5_000, 0.5, (0.5, 0.5)),
    (0.001, 20_000, 0.5, (0.5, 0.5)),
]
MEANS = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "spend, 30 % buy": lambda rng, n: rng.exponential(1, n) * (rng.random(n) < 0.3),
    "spend, 5 % buy": lambda rng, n: rng.exponential(1, n) * (rng.random(n) < 0.05),
    "log-normal, sigma 1.5": lambda rng, n: rng.lognormal(0, 1.5, n),
}
EFFECTS = [(0.2, 0.25, (0.5, 0.5)), (0.2, 0.25, (20.0, 80.0)), (0.05, 0.06, (0.5, 0.5)), (0.05, 0.06, (50.0, 950.0))]


def draw_arms(rng, n, share=0.5):
    arm = (rng.random(n) < share).astype(np.int64)
    arm[:2] = 0, 1
    return arm


def fixed_end_alarm(result):
    """Whether a z test of two proportions after each customer would ever have found a difference."""
    (x0, x1), (n0, n1) = result.successes.T, result.trials.T
    expected = np.minimum(n0, n1) * (x0 + x1) / (n0 + n1)
    some = expected >= 5
    x0, x1, n0, n1 = x0[some], x1[some], n0[some], n1[some]
    mean = (x0 + x1) / (n0 + n1)
    spread = np.sqrt(np.maximum(mean * (1 - mean), 1e-300) * (1 / n0 + 1 / n1))
    return bool((np.abs(x1 / n1 - x0 / n0) > Z * spread).any())


def interval(found, n):
    low, high = binom.interval(0.95, n, max(found / n, 1 / n))
    return f"{found / n:7.2%} ({low / n:.2%} to {high / n:.2%})"


def study_conversions(n_streams):
    print("conversions without an effect: rate, customers, share, prior: alarms, and of a fixed-end test")
    for place, (rate, n, share, prior) in enumerate(CONVERSIONS):
        rng = np.random.default_rng([1, place])
        alarms = cheats = 0
        for _ in range(n_streams):
            arm = draw_arms(rng, n, share)
            y = (rng.random(n) < rate).astype(np.int64)
            result = sequential_test_from_stream(
                y, arm, control=0, prior_successes=prior[0], prior_failures=prior[1], level=1 - LEVEL
            )
            alarms += int(result.decided_at[0] >= 0)
            cheats += fixed_end_alarm(result)
        print(f"  {rate:6} {n:7,} {share:4} {prior}: {interval(alarms, n_streams)}   {cheats / n_streams:.1%}")


def study_means(n_streams, n=3_000):
    print(f"means without an effect, {n:,} customers: alarms by effect scale")
    for place, (name, draw) in enumerate(MEANS.items()):
        rng = np.random.default_rng([2, place])
        for scale in (0.05, 0.2):
            alarms = 0
            for _ in range(n_streams):
                value = draw(rng, n)
                result = sequential_test_means(value, draw_arms(rng, n), control=0, effect_scale=scale, level=1 - LEVEL)
                alarms += int(result.decided_at[0] >= 0)
            print(f"  {name:24} scale {scale}: {interval(alarms, n_streams)}")


def study_effects(n_streams):
    print("conversions with an effect: decided, median customers in both arms, against a fixed end")
    for place, (p0, p1, prior) in enumerate(EFFECTS):
        rng = np.random.default_rng([3, place])
        fixed = sample_size(p0, p1, null_variance="pooled").n_total
        n = 8 * fixed
        looks = np.unique(np.linspace(50, n, 400).astype(np.int64))
        ends = []
        for _ in range(n_streams):
            arm = draw_arms(rng, n)
            y = (rng.random(n) < np.where(arm == 1, p1, p0)).astype(np.int64)
            result = sequential_test_from_stream(
                y, arm, control=0, looks=looks, prior_successes=prior[0], prior_failures=prior[1]
            )
            at = int(result.decided_at[0])
            ends.append(looks[at] if at >= 0 else np.inf)
        share = np.isfinite(ends).mean()
        at = np.median(ends)
        print(f"  {p0} to {p1}, prior {prior}: {share:.1%}, {at:,.0f}, {at / fixed:.2f} times {fixed:,}")


if __name__ == "__main__":
    STREAMS = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    START = perf_counter()
    study_conversions(STREAMS)
    study_means(STREAMS)
    study_effects(max(STREAMS // 10, 1))
    print(f"{perf_counter() - START:.0f} s, {STREAMS:,} streams each")
