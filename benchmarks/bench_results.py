"""Time what came of a million messages and a million orders.

    python benchmarks/bench_results.py [MESSAGES]

The messages belong to 20 journeys on two channels, over 90 days and a fifth as many customers. There are as many orders
and twice as many reactions. The same is timed for each rule of credit, and for a plan with a control group.
"""

from __future__ import annotations

import platform
import resource
import sys
from importlib.metadata import version
from time import perf_counter, process_time

import numpy as np

from crmvalue.journeys import MessageHistory, Orders, Plan, Responses, journey_results

START = np.datetime64("2024-03-01T00:00:00")


def times(n, rng):
    return START + rng.integers(0, 90 * 86_400, n).astype("timedelta64[s]")


def make_history(n, rng):
    journey = np.array([f"journey {i}" for i in range(20)])[rng.integers(0, 20, n)]
    sent = times(n, rng)
    return MessageHistory(
        customer=rng.integers(0, n // 5, n),
        group=journey,
        journey=journey,
        step=np.array(["first", "second"])[rng.integers(0, 2, n)],
        anchor=sent,
        sent_at=sent,
        channel=np.array(["email", "sms"])[rng.integers(0, 2, n)],
        counted=np.ones(n, dtype=bool),
        code=np.char.add("C", np.arange(n).astype(str)),
    )


def make_plan(past, rng):
    n = len(past)
    control = past.customer % 10 == 0
    return Plan(
        run=past.sent_at.astype("datetime64[D]"),
        customer=past.customer,
        journey=past.journey,
        step=past.step,
        group=past.group,
        anchor=past.anchor,
        planned=past.sent_at,
        send_time=past.sent_at,
        expires=past.sent_at + np.timedelta64(3, "D"),
        send_time_utc=past.sent_at,
        channel=np.where(control, "", past.channel),
        offer=np.array(["5 %", "10 %"])[rng.integers(0, 2, n)],
        decision=np.where(control, "control group", "send"),
        counted=past.counted,
    )


def timed(name, run):
    start, worked = perf_counter(), process_time()
    found = run()
    print(f"{name:<42} {perf_counter() - start:6.2f} s, of the processor {process_time() - worked:6.2f} s", flush=True)
    return found


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(1)
    print(f"crmvalue {version('crmvalue')}, numpy {np.__version__}, Python {platform.python_version()}, {n:,} messages")
    past = make_history(n, rng)
    sold = Orders(
        customer=rng.integers(0, n // 5, n),
        time=times(n, rng),
        revenue=rng.integers(100, 20_000, n) / 100,
        margin=0.3,
        code=np.where(rng.random(n) < 0.1, past.code[rng.integers(0, n, n)], ""),
    )
    seen = Responses(
        customer=rng.integers(0, n // 5, 2 * n),
        name=np.array(["delivered", "opened", "clicked"])[rng.integers(0, 3, 2 * n)],
        time=times(2 * n, rng),
    )
    common = {"as_of": "2024-06-30", "by": ["journey", "step", "channel"], "contact_cost": "0.05"}
    for rule in ("last", "code or last", "first", "linear", "time_decay", "markov", "shapley"):
        timed(f"history, {rule!r}", lambda rule=rule: journey_results(past, seen, sold, credit=rule, **common))
    made = make_plan(past, rng)
    common["by"] = ["journey", "offer"]
    found = timed("plan with a control group, 'last'", lambda: journey_results(made, seen, sold, **common))
    timed("ranks", found.rank)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
