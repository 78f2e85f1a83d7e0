"""Slow references for the attribution of conversions, written path by path."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise, permutations

__all__ = ["conversion_by_walking", "removal_effect", "rule_credit", "shapley_by_orders", "touch_paths"]


def chain_of(paths, order):
    """Count the steps between states, the visits to each, and where paths begin."""
    steps, visits, begin = Counter(), Counter(), Counter()
    for channels, converted, lost in paths:
        times = converted + lost
        # a state with fewer touches than the order is one of the beginning of a path
        states = [tuple(channels[max(0, i - order + 1) : i + 1]) for i in range(len(channels))]
        begin.update(dict.fromkeys(states[:1], times))
        visits.update(Counter({state: times * n for state, n in Counter(states).items()}))
        for pair in pairwise(states):
            steps[pair] += times
        for state in states[-1:]:
            steps[state, "conversion"] += converted
    return steps, visits, begin


def conversion_by_walking(paths, order, without=None, rounds=4000):
    """Probability of conversion of the chain, by letting a unit of visitors walk until nobody is left."""
    steps, visits, begin = chain_of(paths, order)
    total = sum(begin.values())
    at = {state: n / total for state, n in begin.items() if without is None or state[-1] != without}
    won = 0.0
    for _ in range(rounds):
        following = Counter()
        for (here, there), n in steps.items():
            moved = at.get(here, 0.0) * n / visits[here]
            if there == "conversion":
                won += moved
            elif without is None or there[-1] != without:
                following[there] += moved
        at = following
        if sum(at.values()) < 1e-15:
            break
    return won


def removal_effect(paths, channel, order):
    """Share of the conversions that is lost without a channel."""
    return 1 - conversion_by_walking(paths, order, without=channel) / conversion_by_walking(paths, order)


def rule_credit(paths, rule):
    """Credit by channel; `rule(channels)` gives the weights of the touches of a path."""
    credit = Counter()
    for channels, converted, _ in paths:
        for channel, weight in zip(channels, rule(channels), strict=True):
            credit[channel] += weight * converted
    return credit


def shapley_by_orders(worth, channels):
    """Mean over all orders of what each channel adds, in fractions."""
    values = dict.fromkeys(channels, Fraction(0))
    orders = list(permutations(channels))
    for order in orders:
        before = Fraction(0)
        for i in range(len(order)):
            now = Fraction(worth(frozenset(order[: i + 1])))
            values[order[i]] += now - before
            before = now
    return {channel: float(value / len(orders)) for channel, value in values.items()}


def touch_paths(touches, conversions, end, window):
    """Paths of a log: (channels, days before the end, converted) by customer and time."""
    made = []
    for customer in sorted({c for c, *_ in touches} | {c for c, _ in conversions}):
        begin = None
        mine = sorted(t for c, t in conversions if c == customer and t < end)
        for ending, converted in [*((t, True) for t in mine), (end, False)]:
            inside = sorted(
                (t, name)
                for c, name, t in touches
                if c == customer and t < end and t <= ending and (begin is None or t > begin) and ending - t <= window
            )
            if converted or inside:
                made.append(([name for _, name in inside], [ending - t for t, _ in inside], converted))
            begin = ending
    return made
