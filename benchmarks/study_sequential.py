"""False alarms of the sequential test, with a look at every observation.

    python benchmarks/study_sequential.py [TESTS]

Two equal variants; a false alarm is a test that concludes a difference after any of its 5,000 observations, at a level
of 95 %. Beside it the z test (or Welch's) with a look at every observation from the 100th of each on, which is not made
for that.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy import special

from crmvalue.experiments import sequential_test

N = 5000
CASES = {
    "20 % buy": lambda rng: (rng.random(N) < 0.20).astype(float),
    "1 % buy": lambda rng: (rng.random(N) < 0.01).astype(float),
    "normal values": lambda rng: rng.normal(5, 2, N),
    "exponential values": lambda rng: rng.exponential(3, N),
    "log-normal values, sigma 1.5": lambda rng: rng.lognormal(0, 1.5, N),
}


def naive_alarm(variant, y):
    treated = variant == 1
    n1, n0 = np.cumsum(treated), np.cumsum(~treated)
    with np.errstate(divide="ignore", invalid="ignore"):
        m1, m0 = np.cumsum(y * treated) / n1, np.cumsum(y * ~treated) / n0
        v1 = (np.cumsum(y * y * treated) / n1 - m1**2) / (n1 - 1)
        v0 = (np.cumsum(y * y * ~treated) / n0 - m0**2) / (n0 - 1)
        z = np.abs(m1 - m0) / np.sqrt(v1 + v0)
    looked = (n1 >= 100) & (n0 >= 100)
    return bool((z[looked] > special.ndtri(0.975)).any())


def main():
    n_tests = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rng = np.random.default_rng(1)
    print(f"{n_tests:,} tests of {N:,} observations each\n")
    print("| | false alarms, sequential test | false alarms, fixed test looked at every time |")
    print("|---|---:|---:|")
    for name, draw in CASES.items():
        alarms = naive = 0
        for _ in range(n_tests):
            variant, y = rng.integers(0, 2, N), draw(rng)
            alarms += sequential_test(variant, y).stopped_at is not None
            naive += naive_alarm(variant, y)
        print(f"| {name} | {100 * alarms / n_tests:.1f} % | {100 * naive / n_tests:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
