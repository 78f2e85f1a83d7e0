"""Time the daily plan of 2,500,000 customers.

    python benchmarks/bench_plan.py [CUSTOMERS]

There are 20 triggers, a win-back cascade and four birthday journeys, over a million events of the last week. There are
consent, quiet hours, two frequency caps and a control group of 5 %. In a first run, every silent customer gets the step
of the cascade that they have reached. The second run is that of the day after.

Then the same number of events is spread over 50, 500 and 1,500 triggers. This shows that the cost grows with customers
and due messages, not with customers times journeys. Memory is the peak resident set of the process beyond that before
the run. A dash means that the peak was as high before.
"""

from __future__ import annotations

import platform
import resource
import statistics
import sys
from importlib.metadata import version
from time import perf_counter

import numpy as np

from crmvalue.journeys import (
    BirthdayJourney,
    Cascade,
    Customers,
    Events,
    FrequencyCap,
    Policy,
    TriggerJourney,
    plan,
)

TODAY = np.datetime64("2024-05-31")
CHANNELS = ("email", "sms")


def make_customers(n, rng):
    return Customers(
        customer=np.arange(n),
        dates={
            "last_purchase": TODAY - rng.integers(7, 1400, n).astype("timedelta64[D]"),
            "birthday": np.datetime64("1985-01-01") + rng.integers(-9000, 9000, n).astype("timedelta64[D]"),
        },
        segments={f"segment {i}": rng.random(n) < 0.3 for i in range(4)},
        consent={"email": rng.random(n) < 0.8, "sms": rng.random(n) < 0.5},
        time_zone="Europe/Kyiv",
    )


def make_events(n, n_names, rng):
    m = 2 * n // 5
    names = np.array([f"event {i}" for i in range(n_names)] + ["purchase"])
    start = (TODAY - np.timedelta64(6, "D")).astype("datetime64[s]")
    return Events(
        customer=rng.integers(0, n, m),
        name=names[rng.integers(0, len(names), m)],
        time=start + rng.integers(0, 7 * 86_400, m).astype("timedelta64[s]"),
    )


def make_journeys(n_triggers):
    triggers = [
        TriggerJourney(
            f"trigger {i}", event=f"event {i}", wait_hours=2, unless="purchase", channels=CHANNELS,
            segment=f"segment {i % 4}",
        )
        for i in range(n_triggers)
    ]  # fmt: skip
    birthdays = [BirthdayJourney(f"birthday {i}", segment=f"segment {i}", priority=i) for i in range(4)]
    return [Cascade(offers=["5 %", "7 %", "10 %"], repeat_last=True, channels=CHANNELS), *birthdays, *triggers]


POLICY = Policy(
    quiet_hours=(22, 6),
    caps=[FrequencyCap(messages=2, days=7), FrequencyCap(messages=1, per="day", channel="email")],
    control_share=0.05,
)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(function, repetitions):
    taken = []
    for _ in range(repetitions):
        start = perf_counter()
        result = function()
        taken.append(perf_counter() - start)
    return statistics.median(taken), result


def run_days(base, n_triggers, rng, *, first_run):
    """Measure a first run, and the daily run after it. The daily run knows what the first one has sent."""
    events, journeys = make_events(len(base), n_triggers, rng), make_journeys(n_triggers)
    before = peak()
    seconds, made = timed(lambda: plan(journeys, base, events, None, POLICY, TODAY), 3 if first_run else 1)
    if first_run:
        report("first", n_triggers, base, made, seconds, before)
    past, before = made.history(), peak()
    seconds, made = timed(lambda: plan(journeys, base, events, past, POLICY, TODAY + 1), 3)
    report("daily", n_triggers, base, made, seconds, before)
    if first_run:
        again = plan(journeys, base, events, past + made.history(), POLICY, TODAY + 1)
        assert "send" not in again.n_by_decision


def report(run, n_triggers, base, made, seconds, before):
    columns = (f"{n_triggers:,}", f"{len(base):,}", f"{len(made):,}", f"{made.n_by_decision['send']:,}")
    grown = f"{peak() - before:,.0f}" if peak() > before else "-"
    print("|", " | ".join((run, *columns, f"{seconds:.1f}", grown)), "|", flush=True)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2_500_000
    rng = np.random.default_rng(1)
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, medians of 3\n")
    print("| Run | triggers | customers | messages looked at | sent | seconds | peak beyond the data, MiB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    base = make_customers(n, rng)
    for n_triggers in (20, 50, 500, 1500):
        run_days(base, n_triggers, rng, first_run=n_triggers == 20)
    run_days(make_customers(n // 4, rng), 20, rng, first_run=True)
    print("\nTarget: 20 triggers in under 60 s and 4 GB.")


if __name__ == "__main__":
    main()
