"""Small carts, promotions of every kind, and caps, for searches against brute force."""

from __future__ import annotations

from hypothesis import strategies as st

from crmvalue.promotions import Caps, Cart, CartLine, Items, Promotion

__all__ = ["caps", "carts", "promotions"]

BRANDS, CATEGORIES = ("A", "B", "LUX"), ("soap", "eau")
PRICES = st.sampled_from([1, 7, 100, 101, 199, 250, 333, 400, 999, 1000, 2025])


@st.composite
def carts(draw, most_lines=6, most_units=8):
    n = draw(st.integers(1, most_lines))
    lines, units = [], 0
    for i in range(n):
        quantity = draw(st.integers(1, max(1, min(3, most_units - units - (n - 1 - i)))))
        units += quantity
        brand = draw(st.sampled_from(BRANDS))
        lines.append(
            CartLine(
                id=f"line {i}",
                product=f"{brand}{draw(st.integers(1, 2))}",
                brand=brand,
                categories=draw(st.lists(st.sampled_from(CATEGORIES), unique=True, max_size=2)),
                quantity=quantity,
                unit_price=draw(PRICES),
                unit_cost=draw(st.none() | st.integers(0, 500)),
            )
        )
    return Cart(
        lines=lines,
        currency="UAH",
        channel="app",
        codes=["yes"],
        delivery_price=draw(st.sampled_from([0, 0, 60])),
    )


PERCENTS = st.sampled_from([1, 10, 15, 20, "33.3333", 50, 100])
AMOUNTS = st.sampled_from([1, 5, 50, 100, 299, 1500])
ITEMS = st.builds(
    Items,
    brands=st.lists(st.sampled_from(BRANDS), unique=True, max_size=2),
    categories=st.sampled_from([[], [], [], ["soap"], ["eau"]]),
    except_brands=st.sampled_from([[], [], [], ["LUX"]]),
)
RULES = {
    "items": ITEMS,
    "family": st.sampled_from(["", "f", "g", "h"]),
    "combines_with": st.sampled_from([[], ["*"], ["f"], ["f", "g"], ["h", "f"]]),
    "alone": st.sampled_from([False] * 9 + [True]),
    "min_quantity": st.sampled_from([0, 0, 0, 2]),
    "min_amount": st.sampled_from([0, 0, 0, 300]),
    "uses_left": st.sampled_from([None, None, None, 0, 1]),
    "code": st.sampled_from([None, None, None, "yes", "no"]),
    "priority": st.integers(-1, 1),
}
LIMIT = st.sampled_from([None, None, 50, 120])
TIMES = st.sampled_from([None, 1, 2])
BASIS = st.sampled_from(["discounted", "initial"])
LEVEL = st.sampled_from(["line", "order"])


def percent(draw, name, rules):
    rules |= {"on": draw(LEVEL), "basis": draw(BASIS), "max_discount": draw(LIMIT)}
    return Promotion.percent(name, draw(PERCENTS), **rules)


def amount(draw, name, rules):
    return Promotion.amount(name, draw(AMOUNTS), on=draw(LEVEL), budget_left=draw(LIMIT), **rules)


def fixed_price(draw, name, rules):
    return Promotion.fixed_price(name, draw(PRICES), budget_left=draw(LIMIT), **rules)


def units(draw, name, rules):
    make = draw(st.sampled_from([Promotion.percent, Promotion.amount, Promotion.fixed_price]))
    return make(name, draw(st.sampled_from([10, 50, 100])), limit_per_order=draw(st.integers(1, 2)), **rules)


def buy_get(draw, name, rules):
    rules |= {"limit_per_order": draw(TIMES), "max_discount": draw(LIMIT), "get_items": draw(st.none() | ITEMS)}
    return Promotion.buy_get(name, draw(st.integers(1, 2)), 1, draw(PERCENTS), **rules)


def bundle(draw, name, rules):
    rules |= {"limit_per_order": draw(TIMES), "max_discount": draw(LIMIT)}
    what = draw(st.sampled_from(["percent_off", "amount_off", "price", "total"]))
    if what == "total":
        return Promotion.bundle(name, total=draw(st.sampled_from([350, 1000])), amount_off=draw(AMOUNTS), **rules)
    rules[what] = draw(PERCENTS if what == "percent_off" else AMOUNTS)
    if draw(st.booleans()):
        return Promotion.bundle(name, quantity=2, **rules)
    return Promotion.bundle(name, draw(st.lists(ITEMS, min_size=2, max_size=2)), **rules)


def threshold(draw, name, rules):
    rules |= {"max_discount": draw(LIMIT), "basis": draw(BASIS)}
    return Promotion.threshold(name, {200: 5, 1000: 20}, draw(st.sampled_from(["percent", "amount"])), **rules)


def gift(draw, name, rules):
    return Promotion.gift(name, "mini", draw(AMOUNTS), **rules)


def free_delivery(_draw, name, rules):
    return Promotion.free_delivery(name, **rules)


@st.composite
def promotion(draw, name, kinds):
    make = draw(st.sampled_from(kinds))
    return make(draw, name, {key: draw(rule) for key, rule in RULES.items()})


GROUPED, ORDER = (units, buy_get, bundle), (percent, amount, threshold, gift, free_delivery)
LINE = (percent, amount, fixed_price)


@st.composite
def promotions(draw, most=8, most_groups=2):
    n = draw(st.integers(1, most))
    n_groups = draw(st.integers(0, min(n, most_groups)))
    kinds = [GROUPED] * n_groups + [draw(st.sampled_from([LINE, LINE, ORDER])) for _ in range(n - n_groups)]
    return [draw(promotion(f"p{i}", kind)) for i, kind in enumerate(kinds)]


PART = st.dictionaries(st.sampled_from(BRANDS), st.sampled_from([0, 5, 10, 50]), max_size=2)
MONEY = st.dictionaries(st.sampled_from(BRANDS), st.sampled_from([0, 20, 100]), max_size=2)
CAPS = st.builds(
    Caps,
    brand_percent=PART,
    product_percent=st.dictionaries(st.sampled_from(["A1", "B2", "LUX1"]), st.sampled_from([0, 20]), max_size=1),
    brand_amount=st.just({}) | MONEY,
    product_amount=st.just({}) | st.dictionaries(st.sampled_from(["A1", "LUX1"]), st.sampled_from([0, 30]), max_size=1),
    line_percent=st.none() | st.sampled_from([30, 60]),
    line_amount=st.none() | st.sampled_from([40, 150]),
    floor_price=st.just({}) | st.dictionaries(st.sampled_from(["A1", "B1"]), st.sampled_from([90, 300]), max_size=1),
    margin_percent=st.none() | st.sampled_from([0, 20, 100]),
    order_percent=st.none() | st.sampled_from([10, 25]),
    order_amount=st.none() | st.sampled_from([60, 500]),
    blocked=st.sampled_from(["moves", "lost"]),
)


def caps():
    return st.none() | CAPS
