"""Balances of 10 million entries, the booking of a million events, one event more, and levels of 2.5 million members.

    python benchmarks/bench_loyalty.py [REPETITIONS]

The entries are summed for all members at once, as `PointsLedger.balances` does. One event more is booked with the other
events of its member. Beside the time of the clock stands the time of the processor, which other work on the machine
does not change.
"""

from __future__ import annotations

import statistics
import sys
from time import perf_counter, process_time

import numpy as np

from crmvalue._loyalty.ledger import balances_of_entries
from crmvalue.loyalty import Level, LoyaltyProgramme, PointsLedger, PointsPolicy

N_ENTRIES, N_LOTS, N_MEMBERS = 10_000_000, 6_000_000, 2_000_000
N_EVENTS = 1_000_000
N_LEVELS, N_ORDERS = 2_500_000, 7_500_000


def make_entries(rng):
    """Make entries of random lots, three of five of them earnings."""
    member_of_lot = rng.integers(0, N_MEMBERS, N_LOTS)
    first = rng.integers(18_000, 20_000, N_LOTS)
    lots = np.stack([member_of_lot, np.arange(N_LOTS), first, first + 365])
    lot = np.concatenate([np.arange(N_LOTS), rng.integers(0, N_LOTS, N_ENTRIES - N_LOTS)])
    points = np.where(np.arange(N_ENTRIES) < N_LOTS, 100, -10)
    day = first[lot] + rng.integers(0, 300, N_ENTRIES) * (np.arange(N_ENTRIES) >= N_LOTS)
    return np.stack([np.arange(N_ENTRIES), member_of_lot[lot], lot, day, points]), lots


def make_events(rng):
    """Make earnings, and a spending after each four, of 100,000 members."""
    number = np.arange(N_EVENTS)
    return {
        "event": number,
        "member": rng.integers(0, 100_000, N_EVENTS),
        "kind": np.where(number % 5 == 4, "spend", "earn"),
        "time": np.datetime64("2022-01-01", "s") + (number * 60).astype("timedelta64[s]"),
        "points": np.where(number % 5 == 4, 50, 20),
    }


def timed(call, repetitions):
    """Give the median times of a call, by the clock and of the processor, as text."""
    times = []
    for _ in range(repetitions):
        start, busy = perf_counter(), process_time()
        call()
        times.append((perf_counter() - start, process_time() - busy))
    clock, processor = (statistics.median(column) for column in zip(*times, strict=True))
    return f"{clock:.2f} s, processor {processor:.2f} s"


def main():
    """Time each and print seconds."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    rng = np.random.default_rng(1)
    entries, lots = make_entries(rng)
    as_of = np.datetime64(19_000, "D")
    seconds = timed(lambda: balances_of_entries(entries, lots, N_MEMBERS, as_of), repetitions)
    print(f"balances of {N_ENTRIES:,} entries: {seconds}")
    events = make_events(rng)
    policy = PointsPolicy(if_spent="negative", pending_days=14, expire_months=12)
    seconds = timed(lambda: PointsLedger(policy=policy, if_refused="count", **events), 1)
    print(f"booking of {N_EVENTS:,} events: {seconds}")
    ledger = PointsLedger(policy=policy, if_refused="count", **events)
    row = {"event": [N_EVENTS], "member": [7], "kind": ["earn"], "time": ["2024-02-01"], "points": [5]}
    print(f"adding one event to them: {timed(lambda: ledger.add(**row), repetitions)}")
    member = np.concatenate([np.arange(N_LEVELS), rng.integers(0, N_LEVELS, N_ORDERS - N_LEVELS)])
    day = np.datetime64("2022-01-01") + rng.integers(0, 1000, N_ORDERS)
    amount = rng.integers(100, 50_000, N_ORDERS)
    levels = [Level(name=str(need), at_least=need) for need in (0, 50_000, 100_000, 200_000)]
    for window in ("year", "anniversary", "rolling"):
        programme = LoyaltyProgramme(levels=levels, window=window, soft_landing=True)
        seconds = timed(lambda made=programme: made.member_levels(member, day, amount), 1)
        print(f"levels of {N_LEVELS:,} members, {N_ORDERS:,} orders, window {window}: {seconds}")


if __name__ == "__main__":
    main()
