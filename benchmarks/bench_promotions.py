"""Time the best price of carts under 50 promotions and brand caps.

    python benchmarks/bench_promotions.py [CARTS]

A perfumery of 25 brands, five of them with a cap of 10 %, and six categories. There are 50 promotions: percentages of
brands and categories, fixed prices, "3 for 2", "the second at half price", bundles, steps from an amount, vouchers with
a code, gifts, and free delivery. About half of them reach a cart. Carts of 20 and 30 lines have one to three units in a
line. A search that is not proven optimal is counted.

Then small past carts of 5 lines meet 10 promotions, as before a launch. Last come carts with more combinations than can
be looked at: many units, many groups, many amounts that lines share.
"""

from __future__ import annotations

import platform
import sys
from time import process_time

import numpy as np

from crmvalue.promotions import Caps, Cart, CartLine, Items, Promotion, best_price

BRANDS = [f"brand {i}" for i in range(25)]
CATEGORIES = ["perfume", "make-up", "face", "hair", "soap", "home"]
LUXURY = BRANDS[:5]
CAPS = Caps(brand_percent=dict.fromkeys(LUXURY, 10), line_percent=60)


def make_catalogue(n, rng):
    """Give products with a brand, a category and a price in hryvnia."""
    brand = rng.integers(0, len(BRANDS), n)
    category = rng.integers(0, len(CATEGORIES), n)
    price = np.round(np.exp(rng.normal(6.0, 0.8, n))) * 100 + 90
    return [(f"product {i}", BRANDS[brand[i]], CATEGORIES[category[i]], int(price[i])) for i in range(n)]


def make_carts(n, n_lines, catalogue, rng):
    carts = []
    for _ in range(n):
        places = rng.choice(len(catalogue), n_lines, replace=False)
        units = rng.choice([1, 1, 1, 2, 3], n_lines)
        lines = [
            CartLine(
                id=f"{k:02}",
                product=catalogue[place][0],
                brand=catalogue[place][1],
                categories=[catalogue[place][2]],
                unit_price=catalogue[place][3],
                quantity=int(units[k]),
            )
            for k, place in enumerate(places)
        ]
        carts.append(
            Cart(
                lines=lines,
                currency="UAH",
                channel=str(rng.choice(["shop", "app", "web"])),
                time=np.datetime64("2026-03-02T09:00") + np.timedelta64(int(rng.integers(0, 7 * 24 * 60)), "m"),
                segments=["vip"] if rng.random() < 0.2 else [],
                codes=["BIRTHDAY"] if rng.random() < 0.2 else [],
                delivery_price="60.00",
            )
        )
    return carts


def make_promotions(catalogue, rng):
    """Give 50 promotions: 22 of brands, 6 of categories, and 22 others."""
    percent = lambda: int(rng.choice([10, 15, 20, 25, 30]))  # noqa: E731 - one short draw
    brand = [Promotion.percent(f"brand {i:02}", percent(), brands=[BRANDS[i]]) for i in range(16)]
    club = {"family": "club", "combines_with": ["week", "code"]}
    brand += [Promotion.percent(f"club {i}", 5, brands=BRANDS[4 * i : 4 * i + 4], **club) for i in range(6)]
    category = [
        Promotion.percent(f"week {name}", percent(), categories=[name], family="week", combines_with=["club", "code"])
        for name in CATEGORIES
    ]
    cheap = [catalogue[int(i)] for i in rng.choice(len(catalogue), 4, replace=False)]
    fixed = [Promotion.fixed_price(f"price {name}", price * 2 // 3, products=[name]) for name, _, _, price in cheap]
    groups = [
        Promotion.n_for_m("3 for 2 soap", 3, 2, categories=["soap"]),
        Promotion.buy_get("second at half price", 1, 1, 50, brands=BRANDS[20:22]),
        Promotion.n_for_m("4 for 3 home", 4, 3, categories=["home"], except_brands=LUXURY),
        Promotion.bundle("face and hair", [Items(brands=[BRANDS[8]]), Items(brands=[BRANDS[9]])], percent_off=15),
        Promotion.bundle("any two", quantity=2, brands=[BRANDS[12]], amount_off="50.00"),
        Promotion.percent("two of make-up", 25, categories=["make-up"], brands=BRANDS[10:14], limit_per_order=2),
    ]
    order = [
        Promotion.threshold("more", {"3000.00": 5, "6000.00": 8, "9000.00": 10}, except_brands=LUXURY),
        Promotion.percent("vip", 7, on="order", segments=["vip"], family="vip", combines_with=["code"]),
        Promotion.percent("app", 6, on="order", channels=["app"], family="code", combines_with=["club", "week"]),
        Promotion.percent("happy hour", 12, on="order", hours=("10:00", "12:00"), max_discount="400.00"),
        Promotion.amount("birthday", "500.00", on="order", code="BIRTHDAY", family="code", combines_with=["*"]),
        Promotion.amount("100 off", "100.00", on="order", min_amount="2500.00"),
    ]
    gifts = [
        Promotion.gift("mini", "eau 5 ml", "150.00", brands=LUXURY, min_amount="2000.00", combines_with=["*"]),
        Promotion.gift("bag", "bag", "80.00", min_amount="4000.00", family="gift", combines_with=["*"]),
        Promotion.free_delivery("delivery", min_amount="1500.00"),
    ]
    off = [Promotion.percent(f"ended {i}", 40, brands=[BRANDS[i]], ends="2026-03-01") for i in range(3)]
    made = [*brand, *category, *fixed, *groups, *order, *gifts, *off]
    assert len(made) == 50, len(made)
    return made


def measure(carts, promotions, **options):
    seconds, unproven = [], 0
    for cart in carts:
        start = process_time()
        priced = best_price(cart, promotions, **options)
        seconds.append(process_time() - start)
        unproven += not priced.optimal
    return np.array(seconds) * 1000, unproven


def hard_carts():
    """Give carts, promotions and caps that no search can look through."""
    together = {"family": "s", "combines_with": ["*"]}

    def cart(n, quantity):
        lines = [
            CartLine(
                id=f"{i:04}",
                product=f"p{i}",
                brand=f"b{i % 25}",
                categories=[f"c{i % 6}"],
                unit_price=10000 + 37 * i,
                quantity=quantity,
            )
            for i in range(n)
        ]
        return Cart(lines=lines, currency="UAH")

    limited = [Promotion.bundle("b", quantity=2, amount_off=100, limit_per_order=10**6)]
    groups = [Promotion.n_for_m(f"n{i}", 2 + i % 5, 1, categories=[f"c{i % 6}"]) for i in range(100)]
    groups += [
        Promotion.bundle(f"b{i}", quantity=2 + i % 4, amount_off=100 + i, brands=[f"b{i % 25}"]) for i in range(100)
    ]
    amounts = [Promotion.amount(f"{i:03}", 100 + i, on="order", **together) for i in range(300)]
    yield "2 lines of 10**8 units, bundles at most 10**6 times", cart(2, 10**8), limited, None
    yield (
        "2 lines of 10**8 units, 3 for 2 at most 10**7 times",
        cart(2, 10**8),
        [Promotion.n_for_m("a", 3, 2, limit_per_order=10**7)],
        None,
    )
    yield "1,000 lines, 100 n for m and 100 bundles", cart(1000, 3), groups, None
    yield "300 amounts off the order", cart(5, 3), amounts, None
    yield "300 amounts off the order, capped at 20 %", cart(5, 3), amounts, Caps(order_percent=20, blocked="lost")
    stacked = [Promotion.percent(f"{i:04}", 1 + i % 30, **together) for i in range(1000)]
    yield "1,000 lines, 1,000 percentages that combine", cart(1000, 3), stacked, None
    mixed = [*groups, *amounts, *stacked[:400]]
    mixed += [Promotion.percent(f"o{i}", 1 + i % 9, on="order", brands=[f"b{i % 25}"]) for i in range(100)]
    yield "1,000 lines, 1,000 promotions of these kinds", cart(1000, 3), mixed, None


def measure_hard_carts():
    for name, cart, promotions, caps in hard_carts():
        start = process_time()
        priced = best_price(cart, promotions, caps=caps)
        seconds = process_time() - start
        proven = "proven" if priced.optimal else f"not proven, {priced.possible_saving / priced.initial:.1%} open"
        print(f"{name}: {seconds:.2f} s, {proven}, {priced.discount / priced.initial:.1%} off", flush=True)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rng = np.random.default_rng(5)
    catalogue = make_catalogue(800, rng)
    promotions = make_promotions(catalogue, rng)
    print(f"Python {platform.python_version()}, {n} carts")
    for n_lines in (20, 30):
        carts = make_carts(n, n_lines, catalogue, rng)
        times, unproven = measure(carts, promotions, caps=CAPS)
        at = np.percentile(times, [50, 99, 100])
        print(
            f"{n_lines} lines, {len(promotions)} promotions: median {at[0]:.1f} ms, 99th percentile {at[1]:.1f} ms,"
            f" longest {at[2]:.1f} ms, not proven optimal {unproven}"
        )
    carts = make_carts(n, 5, catalogue, rng)
    few = promotions[5:10] + promotions[24:25] + promotions[32:33] + promotions[38:40] + promotions[43:44]
    times, _ = measure(carts, few, caps=CAPS)
    print(f"5 lines, {len(few)} promotions: {1000 * times.mean():.0f} microseconds a cart")
    measure_hard_carts()


if __name__ == "__main__":
    main()
