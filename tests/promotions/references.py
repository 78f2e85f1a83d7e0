"""The best price by brute force: every set of promotions, every group of single units, every flow, spelt out.

Nothing here comes from the code under test but the classes that hold carts and promotions.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

from crmvalue.promotions import Caps

__all__ = ["Reference", "cheapest"]

ROUNDINGS = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN}
GROUPED = {"buy_get", "bundle"}


def matches(items, line):
    return (
        (not items.products or line.product in items.products)
        and (not items.brands or line.brand in items.brands)
        and (not items.categories or bool({*line.categories} & {*items.categories}))
        and line.product not in items.except_products
        and line.brand not in items.except_brands
        and not {*line.categories} & {*items.except_categories}
        and all(line.attributes.get(key) == value for key, value in items.attributes.items())
    )


class Reference:
    """One cart with the promotions that can apply."""

    def __init__(self, cart, promotions, caps=None, rounding="half_up", rounded_per="line"):
        self.cart, self.rounding, self.rounded_per = cart, rounding, rounded_per
        self.caps = Caps() if caps is None else caps
        self.fine = Fraction(1, 10**12) if rounded_per == "order" else Fraction(1)
        self.lines = cart.lines
        self.price = [Fraction(cart.minor(line.unit_price)) for line in cart.lines]
        self.amount = [p * line.quantity for p, line in zip(self.price, cart.lines, strict=True)]
        self.promotions = [p for p in promotions if self.applies(p)]

    def round(self, number, unit=None):
        unit = self.fine if unit is None else unit
        whole = number / unit
        exact = Decimal(whole.numerator) / Decimal(whole.denominator)
        return Fraction(int(exact.quantize(Decimal(1), ROUNDINGS[self.rounding]))) * unit

    def in_scope(self, promotion):
        return [i for i, line in enumerate(self.lines) if matches(promotion.items, line)]

    def applies(self, promotion):
        scope = self.in_scope(promotion)
        units = sum(self.lines[i].quantity for i in scope)
        total = sum(self.amount[i] for i in scope)
        least = self.cart.minor(promotion.min_amount)
        if promotion.steps:
            least = max(least, self.cart.minor(promotion.steps[0][0]))
        return bool(
            (not promotion.channels or self.cart.channel in promotion.channels)
            and (promotion.code is None or promotion.code in self.cart.codes)
            and promotion.uses_left != 0
            and promotion.uses_left_customer != 0
            and scope
            and units >= promotion.min_quantity
            and total >= least
        )

    def limit(self, promotion):
        limits = [x for x in (promotion.max_discount, promotion.budget_left) if x is not None]
        return min((Fraction(self.cart.minor(x)) for x in limits), default=None)

    def times(self, promotion):
        known = (promotion.limit_per_order, promotion.uses_left_customer, promotion.uses_left)
        return min((n for n in known if n is not None), default=10**9)

    def layer(self, promotion):
        if promotion.benefit in GROUPED or (promotion.on == "line" and promotion.limit_per_order is not None):
            return "group"
        if promotion.benefit in {"gift", "free_delivery"}:
            return promotion.benefit
        if promotion.on == "line" and self.limit(promotion) is None:
            return "line"
        return "rate" if self.in_percent(promotion) and self.limit(promotion) is None else "shared"

    def in_percent(self, promotion):
        steps = promotion.benefit == "threshold" and promotion.steps_in == "percent"
        return steps or promotion.benefit == "percent"

    def combine(self, one, other):
        return all(
            "*" in a.combines_with or (b.family and b.family in a.combines_with)
            for a, b in ((one, other), (other, one))
        )

    # Groups of units -------------------------------------------------------------------------------------------------

    def unit_off(self, promotion, i):
        price = self.price[i]
        if promotion.benefit == "fixed_price":
            return max(Fraction(0), price - self.cart.minor(promotion.price))
        if promotion.percent_off is not None:
            return self.round(price * Fraction(promotion.percent_off) / 100)
        return min(price, Fraction(self.cart.minor(promotion.amount_off)))

    def ways(self, promotion, free):
        """Give what a promotion can do with free units of each line: (units used, discount by line, uses)."""
        yield Counter(), Counter(), 0
        if promotion.benefit == "bundle":
            yield from self.bundles(promotion, free)
        else:
            yield from self.rows(promotion, free)

    def rows(self, promotion, free):
        buy, get = (promotion.buy, promotion.get) if promotion.benefit == "buy_get" else (0, 1)
        limit = self.limit(promotion)
        of = self.from_two_scopes if promotion.get_items is not None else self.from_one_scope
        for used, off in of(promotion, free, buy, get):
            n = sum(used.values()) // (buy + get)
            if 1 <= n <= self.times(promotion) and (limit is None or sum(off.values()) <= limit):
                yield used, off, n

    def from_two_scopes(self, promotion, free, buy, get):
        lines = range(len(self.lines))
        rewards = [i for i in lines if matches(promotion.get_items, self.lines[i])]
        for bought in counts(self.in_scope(promotion), free):
            n, rest = divmod(sum(bought.values()), buy)
            for got in counts(rewards, {i: free[i] - bought[i] for i in lines}):
                if not rest and sum(got.values()) == n * get:
                    yield bought + got, Counter({i: k * self.unit_off(promotion, i) for i, k in got.items()})

    def from_one_scope(self, promotion, free, buy, get):
        for used in counts(self.in_scope(promotion), free):
            if sum(used.values()) % (buy + get) == 0:
                row = sorted(used.elements(), key=lambda i: (-self.price[i], i))
                off = Counter()
                for place, i in enumerate(row):
                    off[i] += self.unit_off(promotion, i) if place % (buy + get) >= buy else 0
                yield used, off

    def bundles(self, promotion, free, n=1, used=None, off=None):
        used, off = used or Counter(), off or Counter()
        limit = self.limit(promotion)
        if n > self.times(promotion):
            return
        for members in self.members(promotion, {i: free[i] - used[i] for i in range(len(self.lines))}):
            more = self.bundle_off(promotion, members)
            if sum(more.values()) and (limit is None or sum((off + more).values()) <= limit):
                yield used + members, off + more, n
                yield from self.bundles(promotion, free, n + 1, used + members, off + more)

    def members(self, promotion, free):
        scope = self.in_scope(promotion)
        found = set()
        if promotion.sets:
            choices = [[i for i in scope if matches(items, self.lines[i])] for items in promotion.sets]
            found = {tuple(sorted(choice)) for choice in itertools.product(*choices)}
        else:
            least = self.cart.minor(promotion.bundle_total)
            for used in counts(scope, free):
                total = sum(self.price[i] * k for i, k in used.items())
                if total >= least and all(total - self.price[i] < least for i in used):
                    found.add(tuple(sorted(used.elements())))
        for choice in sorted(found):
            used = Counter(choice)
            if all(k <= free[i] for i, k in used.items()):
                yield used

    def bundle_off(self, promotion, members):
        if promotion.percent_off is not None:
            return Counter({i: k * self.unit_off(promotion, i) for i, k in members.items()})
        lines = sorted(members)
        prices = [self.price[i] * members[i] for i in lines]
        if promotion.price is not None:
            off = max(Fraction(0), sum(prices) - self.cart.minor(promotion.price))
        else:
            off = min(sum(prices), Fraction(self.cart.minor(promotion.amount_off)))
        return Counter(dict(zip(lines, split(off, prices, self.fine), strict=True)))

    def groupings(self, promotions):
        """Give all ways to put units into groups: promotions of each line, discount of each line, promotions used."""
        start = {i: line.quantity for i, line in enumerate(self.lines)}
        stack = [(0, start, (), ())]
        seen = set()
        while stack:
            place, free, touching, offs = stack.pop()
            if place == len(promotions):
                key = (frozenset(touching), tuple(sorted(sum(offs, Counter()).items())))
                if key not in seen:
                    seen.add(key)
                    yield {(p, i) for p, i in touching}, sum(offs, Counter())
                continue
            for used, off, _ in self.ways(promotions[place], free):
                rest = {i: n - used[i] for i, n in free.items()}
                mine = tuple((promotions[place].id, i) for i in used if used[i])
                stack.append((place + 1, rest, touching + mine, (*offs, off)))

    # One choice ------------------------------------------------------------------------------------------------------

    def percent(self, promotion, i, left, amount):
        percent = promotion.percent_off
        if promotion.benefit == "threshold":
            total = sum(self.amount[j] for j in self.in_scope(promotion))
            percent = [off for start, off in promotion.steps if self.cart.minor(start) <= total][-1]
        rate = Fraction(percent) / 100
        q = self.lines[i].quantity
        if self.rounded_per != "unit":
            return min(left, self.round(rate * (left if promotion.basis == "discounted" else amount)))
        if promotion.basis == "discounted":
            each, more = divmod(left, q)
            return sum(self.round(rate * (each + (k < more))) for k in range(q))
        return min(left, q * self.round(rate * amount / q))

    def step(self, promotion, i, left):
        if promotion.benefit == "fixed_price":
            return max(Fraction(0), left - self.cart.minor(promotion.price) * self.lines[i].quantity)
        if promotion.benefit == "amount":
            return min(left, Fraction(self.cart.minor(promotion.amount_off)) * self.lines[i].quantity)
        return self.percent(promotion, i, left, self.amount[i])

    def rank(self, promotion):
        kinds = {"fixed_price": 0, "amount": 1}
        return (kinds.get(promotion.benefit, 2 if promotion.basis == "discounted" else 3), promotion.id)

    def line_limit(self, i):
        line, amount, caps = self.lines[i], self.amount[i], self.caps
        percents = [caps.line_percent, caps.brand_percent.get(line.brand), caps.product_percent.get(line.product)]
        limits = [amount, *(Fraction(amount * Fraction(p) / 100 // 1) for p in percents if p is not None)]
        if caps.line_amount is not None:
            limits.append(Fraction(self.cart.minor(caps.line_amount)))
        if line.product in caps.floor_price:
            limits.append(amount - self.cart.minor(caps.floor_price[line.product]) * line.quantity)
        if caps.margin_percent is not None and line.unit_cost is not None:
            kept = 1 - Fraction(caps.margin_percent) / 100
            cost = Fraction(self.cart.minor(line.unit_cost) * line.quantity)
            limits.append(amount - (-(-cost / kept // 1)) if kept else Fraction(0))
        return max(Fraction(0), min(limits))

    def price_of(self, chosen, off):
        """Give what is paid, less the value of gifts, for promotions of the order and of lines, and groups."""
        fixed = []
        left = []
        for i in range(len(self.lines)):
            rest = self.amount[i] - off[i]
            mine = [p for p in chosen.get(i, ()) if self.layer(p) == "line"]
            rates = [p for p in chosen["order"] if self.layer(p) == "rate" and i in self.in_scope(p)]
            for promotion in [*sorted(mine, key=self.rank), *sorted(rates, key=self.rank)]:
                rest -= self.step(promotion, i, rest)
            left.append(rest)
            fixed.append(self.amount[i] - rest)
        shared = [self.edges(promotion, left) for promotion in chosen["order"] if self.layer(promotion) == "shared"]
        flow = largest_flow(fixed, shared, [self.line_limit(i) for i in range(len(self.lines))], self.together())
        gifts = sum(self.cart.minor(p.gift_value) * p.gift_quantity for p in chosen["order"] if self.layer(p) == "gift")
        delivery = Fraction(self.cart.minor(self.cart.delivery_price))
        for promotion in chosen["order"]:
            if self.layer(promotion) == "free_delivery":
                limit = self.limit(promotion)
                delivery -= delivery if limit is None else min(delivery, limit)
        return sum(self.amount) - self.round(flow, Fraction(1)) + delivery - gifts, -flow - gifts + delivery

    def edges(self, promotion, left):
        scope, limit = self.in_scope(promotion), self.limit(promotion)
        if promotion.on == "line" or self.in_percent(promotion):
            return limit, {i: self.step(promotion, i, left[i]) for i in scope}
        off = promotion.amount_off
        if promotion.benefit == "threshold":
            total = sum(self.amount[j] for j in scope)
            off = [off for start, off in promotion.steps if self.cart.minor(start) <= total][-1]
        size = Fraction(self.cart.minor(off))
        size = size if limit is None else min(size, limit)
        if self.caps.blocked == "moves":
            return size, dict.fromkeys(scope, size)
        weights = [self.amount[i] for i in scope]
        shares = split(min(size, sum(weights)), weights, self.fine)
        return size, dict(zip(scope, shares, strict=True))

    def together(self):
        """Give limits of several lines together."""
        caps, everything = self.caps, range(len(self.lines))
        named = [("product", name, most) for name, most in caps.product_amount.items()]
        named += [("brand", name, most) for name, most in caps.brand_amount.items()]
        found = [
            ([i for i in everything if getattr(self.lines[i], key) == name], self.cart.minor(most))
            for key, name, most in named
        ]
        if caps.order_amount is not None:
            found.append((list(everything), self.cart.minor(caps.order_amount)))
        if caps.order_percent is not None:
            found.append((list(everything), sum(self.amount) * Fraction(caps.order_percent) / 100 // 1))
        return [(lines, Fraction(most)) for lines, most in found if lines]

    # All choices -----------------------------------------------------------------------------------------------------

    def legal_orders(self, promotions):
        """Give sets of promotions of the order in which those that meet on a line combine."""
        for chosen in subsets([p for p in promotions if self.layer(p) not in {"line", "group"}]):
            if all(
                self.combine(a, b)
                for a, b in itertools.combinations(chosen, 2)
                if {*self.touched(a)} & {*self.touched(b)} or a.benefit == b.benefit == "free_delivery"
            ):
                yield chosen

    def touched(self, promotion):
        return [] if promotion.benefit == "free_delivery" else self.in_scope(promotion)

    def best(self):
        """Give the least price, less gifts, over all choices."""
        alone = [p for p in self.promotions if p.alone]
        runs = [[p for p in self.promotions if not p.alone], *[[p] for p in alone]]
        return min(self.best_of(run) for run in runs)[1]

    def best_of(self, promotions):
        by_id = {p.id: p for p in promotions}
        best = (Fraction(10**18), 0)
        groupings = list(self.groupings([p for p in promotions if self.layer(p) == "group"]))
        for order in self.legal_orders(promotions):
            for touching, off in groupings:
                per_line = []
                for i in range(len(self.lines)):
                    others = [p for p in order if i in self.touched(p)]
                    groups = [by_id[name] for name, line in touching if line == i]
                    if not all(self.combine(a, b) for a in others for b in groups):
                        break
                    mine = [p for p in promotions if self.layer(p) == "line" and i in self.in_scope(p)]
                    mine = [p for p in mine if all(self.combine(p, other) for other in [*others, *groups])]
                    cliques = [
                        s for s in subsets(mine) if all(self.combine(a, b) for a, b in itertools.combinations(s, 2))
                    ]
                    per_line.append(cliques)
                else:
                    for lines in self.combinations(per_line, off):
                        price, exact = self.price_of({"order": order, **dict(enumerate(lines))}, off)
                        best = min(best, (exact, price))
        return best

    def combinations(self, per_line, off):
        """Give the sets of line promotions to try: one for each price of a line, the two least of more than 3 lines."""
        distinct = []
        for i, cliques in enumerate(per_line):
            outcomes = {}
            for clique in cliques:
                rest = self.amount[i] - off[i]
                for promotion in sorted(clique, key=self.rank):
                    rest -= self.step(promotion, i, rest)
                outcomes.setdefault(rest, clique)
            least = sorted(outcomes)[:2] if len(per_line) > 3 else sorted(outcomes)
            distinct.append([outcomes[rest] for rest in least])
        return itertools.product(*distinct)


def subsets(things):
    return [s for n in range(len(things) + 1) for s in itertools.combinations(things, n)]


def counts(lines, free):
    """Give all numbers of units of lines."""
    for numbers in itertools.product(*[range(free[i] + 1) for i in lines]):
        yield Counter({i: n for i, n in zip(lines, numbers, strict=True) if n})


def split(amount, weights, unit):
    """Split by largest remainder, first on ties."""
    whole = sum(weights)
    if not whole:
        return [Fraction(0) for _ in weights]
    exact = [amount * weight / whole / unit for weight in weights]
    parts = [Fraction(share // 1) for share in exact]
    by_rest = sorted(range(len(parts)), key=lambda k: (-(exact[k] - parts[k]), k))
    for k in by_rest[: int(amount / unit - sum(parts))]:
        parts[k] += 1
    return [part * unit for part in parts]


def largest_flow(fixed, shared, line_limits, together):
    """Largest sum of discounts of lines that keeps all limits, by augmenting paths."""
    room = {}

    def link(a, b, most):
        room.setdefault(a, {})[b] = most
        room.setdefault(b, {}).setdefault(a, Fraction(0))

    room["s"], room["t"] = {}, {}
    for i, off in enumerate(fixed):
        link("s", ("d", i), off)
        link(("d", i), ("l", i), off)
        link(("l", i), ("in", i), line_limits[i])
    for k, (limit, edges) in enumerate(shared):
        link("s", ("p", k), limit)
        for i, most in edges.items():
            link(("p", k), ("l", i), most)
    at = {i: ("in", i) for i in range(len(fixed))}
    for k, (lines, most) in enumerate(together):
        for before in sorted({at[i] for i in lines}, key=str):
            link(before, ("cap", k), Fraction(10**15))
        link(("cap", k), ("capped", k), most)
        at.update(dict.fromkeys(lines, ("capped", k)))
    for end in {*at.values()}:
        link(end, "t", Fraction(10**15))
    total = Fraction(0)
    while path := path_with_room(room):
        amount = min(room[a][b] for a, b in path)
        for a, b in path:
            room[a][b] -= amount
            room[b][a] += amount
        total += amount
    return total


def path_with_room(room):
    """Give the edges of a shortest path from "s" to "t" that can take more."""
    came, queue = {}, deque(["s"])
    while queue:
        here = queue.popleft()
        for there, most in room[here].items():
            if most and there not in came and there != "s":
                came[there] = here
                queue.append(there)
    path, here = [], "t"
    while here in came:
        path.append((came[here], here))
        here = came[here]
    return path


def cheapest(cart, promotions, caps=None, rounding="half_up", rounded_per="line"):
    """Least price, less the value of gifts, of all legal choices [minor units]."""
    return Reference(cart, promotions, caps, rounding, rounded_per).best()
