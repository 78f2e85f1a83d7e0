"""Slow, independent computations of what crmvalue.attribution computes, path by path and order by order."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from itertools import pairwise, permutations

__all__ = ["credit", "markov", "paths_of_log", "shapley", "transitions"]

HALF_LIFE = 7.0


def credit(paths, model, *, direct="direct", weights=(0.4, 0.2, 0.4)):
    """Credit of rows (touches, days before, conversions), one touch at a time, by channel."""
    given = defaultdict(float)
    for touches, days, n in paths:
        if not touches or not n:
            continue
        shares = shares_of(touches, days, model, direct, weights)
        for channel, share in zip(touches, shares, strict=True):
            given[channel] += n * share / sum(shares)
    return given


def shares_of(touches, days, model, direct, weights):
    k = len(touches)
    other = [i for i, name in enumerate(touches) if name != direct]
    winner = {"first": 0, "last": k - 1, "last_non_direct": (other or [k - 1])[-1]}.get(model)
    if winner is not None:
        return [int(i == winner) for i in range(k)]
    if model == "linear" or k == 1:
        return [1] * k
    if model == "time_decay":
        return [0.5 ** (day / HALF_LIFE) for day in days]
    between = [] if k == 2 else [weights[1] / (k - 2)] * (k - 2)
    return [weights[0], *between, weights[2]]


def markov(paths, order):
    """Probability of conversion, and without each channel, by walking the chain until nobody is on the way."""
    counts = defaultdict(Counter)
    for touches, n, lost in paths:
        if not touches:
            continue
        state = ()
        for channel in touches:
            after = (*state, channel)[-order:]
            counts[state][after] += n + lost
            state = after
        counts[state]["won"] += n
        counts[state]["lost"] += lost
    channels = sorted({channel for touches, _, _ in paths for channel in touches})
    return walk(counts, None), {channel: walk(counts, channel) for channel in channels}


def walk(counts, removed):
    here, won = {(): 1.0}, 0.0
    while sum(here.values()) > 1e-13:
        there = defaultdict(float)
        for state, mass in here.items():
            total = sum(counts[state].values())
            for after, n in counts[state].items():
                if after == "won":
                    won += mass * n / total
                elif after != "lost" and after[-1] != removed:
                    there[after] += mass * n / total
        here = there
    return won


def shapley(worth, channels):
    """Mean over all orders of what each channel adds to those before it."""
    orders = list(permutations(channels))
    total = dict.fromkeys(channels, 0.0)
    for order in orders:
        for place, channel in enumerate(order):
            total[channel] += worth(frozenset(order[: place + 1])) - worth(frozenset(order[:place]))
    return {channel: value / len(orders) for channel, value in total.items()}


def transitions(paths):
    """Count of each step of rows (touches, conversions, lost)."""
    counts = Counter()
    for touches, n, lost in paths:
        if touches:
            for a, b in pairwise(["start", *touches]):
                counts[a, b] += n + lost
            counts[touches[-1], "conversion"] += n
            counts[touches[-1], "lost"] += lost
    return +counts


def paths_of_log(touches, conversions, as_of, window, *, reuse=False):
    """Rows (touches, days before, conversions, value) by customer, and the counts of what is left out."""
    left = Counter()
    left["n_later_touches"] = sum(time > as_of for _, _, time in touches)
    left["n_later_conversions"] = sum(time > as_of for _, time, _ in conversions)
    rows = []
    day = dt.timedelta(days=1)
    for customer in sorted({row[0] for row in [*touches, *conversions]}):
        mine = sorted((time, name) for who, name, time in touches if who == customer and time <= as_of)
        sold = sorted((time, value) for who, time, value in conversions if who == customer and time <= as_of)
        before = dt.datetime(1, 1, 1)
        for moment in sorted({time for time, _ in sold}):
            group = [(time, name) for time, name in mine if before < time <= moment]
            near = [(t, name) for t, name in group if window is None or (moment - t) / day <= window]
            left["n_too_old"] += len(group) - len(near)
            values = [value for time, value in sold if time == moment]
            if reuse:
                near = [(t, name) for t, name in mine if t <= moment]
                near = [(t, name) for t, name in near if window is None or (moment - t) / day <= window]
            days = [(moment - t) / day for t, _ in near]
            rows.append(([name for _, name in near], days, len(values), sum(values)))
            before = moment
        rest = [(time, name) for time, name in mine if time > before]
        left["n_after_conversion"] += len(rest) if sold else 0
        if rest and window is not None and (as_of - rest[-1][0]) / day <= window:
            left["n_open_paths"] += 1
            left["n_open_touches"] += len(rest)
        elif rest:
            rows.append(([name for _, name in rest], [(as_of - t) / day for t, _ in rest], 0, 0))
    return rows, +left
