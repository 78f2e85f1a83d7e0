"""A checkout with fifty promotions: the cheapest legal price of a cart, with its reasons, and a return.

Run with `python examples/checkout.py`.

Promotions, caps, carts and prices are data. A shop keeps them as JSON, and the till gets the same price as the app.
Amounts are exact: "1850.00" is hryvnia, and whole numbers are kopiykas.
"""

from __future__ import annotations

from crmvalue.promotions import (
    Caps,
    Cart,
    CartLine,
    PricedCart,
    Promotion,
    best_price,
    lint_promotions,
    next_offer,
    return_items,
)

BRANDS = [
    *("Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta", "Theta", "Iota", "Kappa", "Lambda", "Mu"),
    *("Nu", "Xi", "Omicron", "Pi", "Rho", "Sigma", "Tau", "Upsilon", "Phi", "Chi", "Psi", "Omega"),
]
LUXURY = BRANDS[:4]
CATEGORIES = ["perfume", "make-up", "face", "hair", "soap", "home"]


def catalogue() -> list[CartLine]:
    """Four products of each brand, from 90 to 3,000 hryvnia."""
    return [
        CartLine(
            id=f"{brand} {k}",
            product=f"{brand} {CATEGORIES[(place + k) % 6]}",
            brand=brand,
            categories=[CATEGORIES[(place + k) % 6]],
            unit_price=9_000 + (place * 7_919 + k * 104_729) % 291_000,
        )
        for place, brand in enumerate(BRANDS)
        for k in range(4)
    ]


def promotions() -> list[Promotion]:
    """Fifty of them: of brands, categories, groups of items, the whole order, and gifts."""
    week = {"starts": "2026-03-02", "ends": "2026-03-08"}
    club = {"family": "club", "combines_with": ["week", "code"]}
    made = [
        Promotion.percent(
            f"{brand} week", 10 + 5 * (k % 4), brands=[brand], family="week", combines_with=["club", "code"], **week
        )
        for k, brand in enumerate(BRANDS)
    ]
    made += [
        Promotion.percent(f"club {k + 1}", 5, brands=BRANDS[4 * k : 4 * k + 4], segments=["club"], **club)
        for k in range(6)
    ]
    made += [
        Promotion.percent(
            f"{name} week", 10 + 2 * k, categories=[name], family="week", combines_with=["club", "code"], **week
        )
        for k, name in enumerate(CATEGORIES)
    ]
    made += [
        Promotion.n_for_m("3 for 2 soap", 3, 2, categories=["soap"]),
        Promotion.n_for_m("4 for 3 home", 4, 3, categories=["home"], except_brands=LUXURY),
        Promotion.buy_get("second hair at half price", 1, 1, 50, categories=["hair"]),
        Promotion.bundle("any two of Mu", quantity=2, brands=["Mu"], amount_off="50.00"),
        Promotion.percent("two of make-up", 25, categories=["make-up"], except_brands=LUXURY, limit_per_order=2),
        Promotion.threshold("the more the better", {"3000.00": 5, "6000.00": 8}, except_brands=LUXURY),
        Promotion.percent("app", 6, on="order", channels=["app"], family="code", combines_with=["club", "week"]),
        Promotion.percent("happy hour", 12, on="order", hours=("10:00", "12:00"), max_discount="400.00"),
        Promotion.amount("birthday", "500.00", on="order", code="BIRTHDAY", family="code", combines_with=["*"]),
        Promotion.amount("100 off", "100.00", on="order", min_amount="2500.00"),
        Promotion.percent("first order", 15, on="order", first_purchase=True),
        Promotion.gift("mini", "eau 5 ml", "150.00", brands=LUXURY, min_amount="2000.00", combines_with=["*"]),
        Promotion.gift("bag", "bag", "80.00", min_amount="4000.00", family="gift", combines_with=["*"]),
        Promotion.free_delivery("free delivery", min_amount="1500.00"),
    ]
    return made


def main() -> None:
    goods = {line.id: line for line in catalogue()}
    running = promotions()
    caps = Caps(brand_percent=dict.fromkeys(LUXURY, 10), line_percent=50)
    found = lint_promotions(running, caps=caps, catalogue=list(goods.values()), currency="UAH")
    print(f"{len(running)} promotions, {len(found)} warnings before the week begins")
    for finding in found[:3]:
        print(" ", finding.text)

    cart = Cart(
        lines=[goods[name] for name in ("Alpha 1", "Eta 0", "Lambda 2", "Mu 0", "Mu 1", "Rho 3", "Tau 2")],
        currency="UAH",
        channel="app",
        time="2026-03-07T18:00",
        segments=["club"],
        codes=["BIRTHDAY"],
        delivery_price="60.00",
    )
    priced = best_price(cart, running, caps=caps)
    receipt = [line for line in str(priced).splitlines() if "not applied:" not in line]
    print(f"\nthe cheapest legal price is {'proven' if priced.optimal else 'not proven'}:\n")
    print("\n".join(receipt))
    print(f"\n{len(priced.rejected)} promotions are not applied, each with its reason, such as:")
    kinds = {rejected.kind: rejected for rejected in priced.rejected}
    for rejected in kinds.values():
        print(f"  {rejected.promotion}: {rejected.reason}")
    for offer in next_offer(priced):
        print(f"nearly reached: {offer.promotion} {offer.text}")

    kept = PricedCart.from_json(priced.to_json())  # what the shop keeps with the order
    refund = return_items(kept, {"Lambda 2": 1}, policy="prorated")
    print(f"\n{goods['Lambda 2'].product} comes back: {priced.money_text(refund.amount)} is refunded")


if __name__ == "__main__":
    main()
