"""Slow counts of products: sets and loops, one order, customer and product at a time."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import mpmath
import numpy as np

__all__ = [
    "again_and_new",
    "best_counts",
    "first_counts",
    "hit_counts",
    "later_amounts",
    "naive_offers",
    "net",
    "next_counts",
    "pair_counts",
    "pair_p_value",
    "shrunk_intervals",
    "slow_probabilities",
    "trend_counts",
]


def net(rows):
    """Net returns one after the other: rows of (key, day, units), a return below 0; give what is left and unmatched."""
    left, unmatched = [max(units, 0) for _, _, units in rows], 0
    order = sorted(range(len(rows)), key=lambda i: (rows[i][1], rows[i][2] < 0, abs(rows[i][2])))
    for place, i in enumerate(order):
        key, _, units = rows[i]
        back = max(-units, 0)
        for j in reversed(order[:place]):
            if rows[j][0] == key and back:
                taken = min(back, left[j])
                left[j], back = left[j] - taken, back - taken
        unmatched += back
    return left, unmatched


def pair_counts(orders):
    """Count baskets with each item and each pair of items, both ways round."""
    single, both = Counter(), Counter()
    for items in orders:
        single.update(set(items))
        both.update((a, b) for a, b in itertools.permutations(set(items), 2))
    return single, both


def pair_p_value(orders, one, other):
    """Chance of a pair within orders, as the notes of product_pairs define it: orders of (customer, set of items)."""
    baskets = [items for _, items in orders]
    n_both = sum({one, other} <= items for items in baskets)
    n_rare = min(sum(one in items for items in baskets), sum(other in items for items in baskets))
    share = _share_by_chance(baskets, one, other)
    chance = _tail(n_both, n_rare, share)
    if chance > 0.05:
        return chance
    n_orders = Counter(customer for customer, _ in orders)
    most = [customer for customer, n in n_orders.items() if n == max(n_orders.values())]
    for customer in most if len(most) <= 10 else ():
        rest = [items for who, items in orders if who != customer]
        share = max(share, _share_by_chance(rest, one, other)) if rest else share
    behind = Counter(customer for customer, items in orders if {one, other} <= items)
    orders_of_one = sum(n**2 for n in behind.values()) / n_both
    largest = max(behind.values())
    without = _tail(n_both - largest, n_rare - largest, share) if largest < n_both else 1.0
    return max(chance, without, _tail(n_both / orders_of_one, n_rare / orders_of_one, share))


def _tail(n_both, n_rare, share):
    return float(mpmath.betainc(n_both, n_rare - n_both + 1, 0, share, regularized=True)) if share < 1 else 1.0


def _share_by_chance(baskets, one, other):
    n_one, n_other = (sum(item in items for items in baskets) for item in (one, other))
    expected = n_one * n_other / len(baskets)
    for item, n_second in ((one, n_other), (other, n_one)):
        beside = sum(len(items) - 1 for items in baskets if item in items)
        places = sum(len(items - {item}) for items in baskets)  # of all other items, among which is the second one
        expected = max(expected, beside * n_second / max(places, 1))
    return min(expected / max(min(n_one, n_other), 1), 1.0)


def visits(lines):
    """Give what each customer bought on each day, in order of days: lines of (customer, day, product)."""
    found = defaultdict(lambda: defaultdict(set))
    for customer, day, product in lines:
        found[customer][day].add(product)
    return {customer: [(day, days[day]) for day in sorted(days)] for customer, days in found.items()}


def next_counts(lines, within, end):
    """Count what follows what in the next purchase, and the days between."""
    n_bought, n_next, days, n_followed = Counter(), Counter(), Counter(), 0
    for course in visits(lines).values():
        for place, (day, items) in enumerate(course):
            following = course[place + 1] if place + 1 < len(course) else None
            if (following is None) if within is None else (end - day < within):
                continue
            n_followed += 1
            n_bought.update(items)
            if following is None or (within is not None and following[0] - day > within):
                continue
            for pair in itertools.product(items, following[1]):
                n_next[pair] += 1
                days[pair] += following[0] - day
    return n_bought, n_next, days, n_followed


def best_counts(orders_of, best):
    """Give for each item the share of purchases of the best and of the others; an item counts once an order."""
    shares = []
    for group in (best, set(orders_of) - best):
        bought = Counter(item for customer in group for items in orders_of[customer] for item in set(items))
        shares.append({item: n / sum(bought.values()) for item, n in bought.items()})
    return shares


def trend_counts(lines, last, length):
    """Give buyers and days with a purchase of each product in the period that ends on a day."""
    inside = {line for line in lines if last - length < line[1] <= last}
    buyers = Counter(product for _, product in {(customer, product) for customer, _, product in inside})
    return buyers, Counter(product for _, _, product in inside)


def first_counts(lines, amounts, horizon, end):
    """Give for each product of a first day the first and the later amounts of those who began with it."""
    first = {}
    for customer, day, _ in lines:
        first[customer] = min(day, first.get(customer, day))
    found = defaultdict(list)
    for customer, begin in first.items():
        if end - begin < horizon:
            continue
        own = [
            (day, product, amount)
            for (who, day, product), amount in zip(lines, amounts, strict=True)
            if who == customer
        ]
        at_first = sum(amount for day, _, amount in own if day == begin)
        later = [amount for day, _, amount in own if begin < day <= begin + horizon]
        for product in {product for day, product, _ in own if day == begin}:
            found[product].append((at_first, sum(later), len(later) > 0))
    return found


def later_amounts(lines, amounts, horizon, end):
    """Give the later amount of each customer who was followed."""
    for customer in {who for who, _, _ in lines}:
        own = [(day, amount) for (who, day, _), amount in zip(lines, amounts, strict=True) if who == customer]
        begin = min(day for day, _ in own)
        if end - begin >= horizon:
            yield sum(amount for day, amount in own if begin < day <= begin + horizon)


def shrunk_intervals(log_intervals, own, between, product_mean, product_trust_mean):
    """Shrink the mean of each customer's intervals of one product towards the mean of the product."""
    weights = {who: 1 / (between + own / len(y)) for who, y in log_intervals.items()}
    total = sum(weights.values())
    middle = sum(weights[who] * np.mean(y) for who, y in log_intervals.items()) / total
    middle = product_trust_mean if product_mean is None else middle
    return {
        who: math.exp(middle + between / (between + own / len(y)) * (np.mean(y) - middle))
        for who, y in log_intervals.items()
    }


def again_and_new(before, after):
    """Count what followed: customers with i and without j who then bought j, and how many there were."""
    followed, without = Counter(), Counter()
    products = {item for items in (*before.values(), *after.values()) for item in items}
    for customer, items in before.items():
        for i, j in itertools.product(items, products):
            if j not in items:
                without[i, j] += 1
                followed[i, j] += j in after.get(customer, ())
    return followed, without


def hit_counts(offers, bought):
    """Count the customers with a hit, and the purchases found."""
    found = {customer: len(set(offers.get(customer, ())) & set(items)) for customer, items in bought.items()}
    return sum(n > 0 for n in found.values()), sum(found.values())


def classes(times, days):
    """Give the class of a count and of days since: 1, 2, 3-4, 5-7, 8+ and under 14, 30, 60, 120, 200, more."""
    return sum(times >= limit for limit in (2, 3, 5, 8)), sum(days >= limit for limit in (14, 30, 60, 120, 200))


def slow_probabilities(lines, cut, end):
    """Give the corrected probability of each product for each customer: lines of (customer, day, product)."""
    raw, before = raw_probabilities(lines, cut, end), 2 * cut - end
    if min(day for _, day, _ in lines) > before:
        return raw
    then = raw_probabilities(lines, before, cut)
    came = {(customer, product) for customer, day, product in lines if cut < day <= end}
    correct = {}
    for is_new in (False, True):
        had = {(customer, product) for customer, day, product in lines if day <= cut}
        pairs = [pair for pair, prob in then.items() if prob > 0 and (pair not in had) == is_new]
        correct[is_new] = factor_and_power([then[pair] for pair in pairs], [pair in came for pair in pairs])
    had = {(customer, product) for customer, day, product in lines if day <= end}
    corrected = {}
    for pair, prob in raw.items():
        factor, power = correct[pair not in had]
        corrected[pair] = min(factor * prob**power, 1)
    return corrected


def factor_and_power(prob, seen):
    """Find where the Poisson likelihood of factor and power is flat, by halving; 20 purchases count as expected."""
    if not prob:
        return 1, 1
    weight = 20 / sum(prob)

    def factor(power):
        return (sum(seen) + 20) / ((1 + weight) * sum(one**power for one in prob))

    def slope(power):
        expected = [factor(power) * one**power for one in prob]
        return sum(
            (s + weight * one - (1 + weight) * e) * math.log(one)
            for one, s, e in zip(prob, seen, expected, strict=True)
        )

    if max(prob) - min(prob) <= 1e-9 * max(prob):
        return factor(1), 1
    low, high = 0.1, 2.0
    if slope(low) <= 0:
        return factor(low), low
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return factor(low), low


def raw_probabilities(lines, cut, end):  # noqa: C901 - one rule after the other, as in the notes
    """Give the probabilities before the correction: lines of (customer, day, product) up to `end`."""
    past, now = [line for line in lines if line[1] <= cut], [line for line in lines if line[1] <= end]
    before, after = defaultdict(set), defaultdict(set)
    for customer, _, product in past:
        before[customer].add(product)
    for customer, day, product in now:
        if day > cut and customer in before:
            after[customer].add(product)
    products = sorted({product for _, _, product in lines})
    followed, without = again_and_new(before, after)
    base = {
        j: sum(j in after[c] for c in before if j not in before[c]) / max(sum(j not in s for s in before.values()), 1)
        for j in products
    }
    share = {
        (i, j): max((followed[i, j] + 10 * base[j]) / (without[i, j] + 10), base[j]) if followed[i, j] > 1 else base[j]
        for i in products
        for j in products
    }

    def entries(seen, day_now):
        days = defaultdict(set)
        for customer, day, product in seen:
            days[customer, product].add(day)
        return {pair: classes(len(found), day_now - max(found)) for pair, found in days.items()}

    def activity(seen, day_now):
        days = defaultdict(set)
        for customer, day, _ in seen:
            days[customer].add(day)
        return {customer: classes(len(found), day_now - max(found)) for customer, found in days.items()}

    entry, active = entries(past, cut), activity(past, cut)
    got = {(c, j): j in after[c] for c, j in entry}
    overall = sum(got.values()) / len(got)

    def ratio(group, expected):
        keys = set(group.values())
        return {
            key: (20 + sum(got[e] for e in got if group[e] == key))
            / (20 + sum(expected[e] for e in got if group[e] == key))
            for key in keys
        }

    of_entry = ratio(entry, dict.fromkeys(got, overall))
    first = {e: overall * of_entry[entry[e]] for e in got}
    of_customer = ratio({e: active[e[0]] for e in got}, first)
    second = {e: first[e] * of_customer[active[e[0]]] for e in got}
    of_product = ratio({e: e[1] for e in got}, second)
    n_new = {c: len(after[c] - before[c]) for c in before}
    mean_new = sum(n_new.values()) / len(n_new)
    of_new = {}
    for key in set(active.values()):
        group = [c for c in before if active[c] == key]
        of_new[key] = (sum(n_new[c] for c in group) + 20) / (len(group) * mean_new + 20)

    had = defaultdict(set)
    for customer, _, product in now:
        had[customer].add(product)
    entry_now, active_now = entries(now, end), activity(now, end)
    prob = {}
    for customer, items in had.items():
        for j in products:
            if j in items:
                rate = overall * of_entry.get(entry_now[customer, j], 1) * of_customer.get(active_now[customer], 1)
                prob[customer, j] = min(rate * of_product.get(j, 1), 1)
            else:
                more = sum(share[i, j] - base[j] for i in items) / (len(items) + 3)
                prob[customer, j] = min((base[j] + more) * of_new.get(active_now[customer], 1), 1)
    return prob


def naive_offers(lines, cut, length, n, *, new_only):
    """Offer the most popular products, and what was bought before on the most days, each filled up."""
    past = [line for line in lines if line[1] <= cut]
    products = sorted({product for _, _, product in lines})
    recent = {(c, p) for c, d, p in past if d > cut - length}
    ever = {(c, p) for c, _, p in past}
    popular = sorted(products, key=lambda p: (-sum(q == p for _, q in recent), -sum(q == p for _, q in ever), p))
    days = defaultdict(lambda: defaultdict(set))
    for customer, day, product in past:
        days[customer][product].add(day)
    most_popular, before = {}, {}
    for customer, own in days.items():
        rest = [p for p in popular if p not in own]
        most_popular[customer] = rest[:n] if new_only else popular[:n]
        ranked = sorted(own, key=lambda p: (-len(own[p]), -max(own[p]), popular.index(p)))
        before[customer] = (ranked + rest)[:n]
    return most_popular, before
