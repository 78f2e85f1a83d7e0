"""Promotions that a cart has nearly reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from crmvalue._core.checks import as_fraction, as_text
from crmvalue._core.json import from_json, to_json
from crmvalue._core.money import money_text, whole_amount
from crmvalue._core.values import checked_field, of_class, optional
from crmvalue._promotions.cart import exponent_in
from crmvalue._promotions.prepare import (
    fits,
    least_units,
    missing_of,
    named,
    ready,
    units_missing,
)
from crmvalue._promotions.result import PricedCart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crmvalue._promotions.prepare import Ready
    from crmvalue._promotions.promotion import Items

__all__ = ["NextOffer", "next_offer"]


def _missing(name: str, value: Any) -> int:
    return whole_amount(name, value, low=1)


def _share(name: str, value: Any) -> float:
    return as_fraction(name, value, closed=True)


@attrs.frozen(kw_only=True)
class NextOffer:
    """A promotion, or the next step of one, that a cart has nearly reached.

    Parameters
    ----------
    promotion : str
        Name of the promotion.
    text : str
        What is missing, as a sentence.
    reached : float
        Share of what the promotion needs that the cart has, in [0, 1).
    missing_quantity : int, optional
        Units that are missing.
    missing_amount : int, optional
        Amount that is missing [minor units], in prices before discounts.

    Examples
    --------
    >>> NextOffer(
    ...     promotion="3 for 2", text="needs 1 more of any item", reached=0.5, missing_quantity=1
    ... ).missing_quantity
    1
    """

    promotion: str = checked_field("promotion", as_text)
    text: str = checked_field("text", as_text)
    reached: float = checked_field("reached", _share)
    missing_quantity: int | None = checked_field("missing_quantity", optional(_missing), default=None)
    missing_amount: int | None = checked_field("missing_amount", optional(_missing), default=None)

    def to_json(self) -> str:
        """Write the offer as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> NextOffer:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)


def next_offer(result: PricedCart, *, reached: float = 0.5) -> tuple[NextOffer, ...]:
    """Name the promotions that a cart has nearly reached, and what is missing.

    These are promotions whose items, units or amount fall short, next steps of thresholds, and next groups of "buy and
    get" without `get_items`; with them, and of bundles, only the first group is named. Promotions that are not for this
    customer, channel, place or time are left out. An offer says what its promotion needs; whether the cart becomes
    cheaper is up to :func:`best_price` of the fuller cart.

    Parameters
    ----------
    result : PricedCart
        The cart, as :func:`best_price` priced it.
    reached : float, optional
        Smallest share of what is needed that the cart has, in [0, 1]: 0.5 is half of the units or of the amount. With
        0, promotions are named of which the cart has nothing yet.

    Returns
    -------
    tuple of NextOffer
        The nearest first.

    Raises
    ------
    InputError
        If an argument is outside its range.

    Examples
    --------
    >>> from crmvalue.promotions import Cart, CartLine, Promotion, best_price
    >>> line = CartLine(id="1", product="soap", unit_price="120.00", quantity=2)
    >>> promotions = [Promotion.n_for_m("3 for 2", 3, 2), Promotion.threshold("more", {"200.00": 5, "300.00": 10})]
    >>> priced = best_price(Cart(lines=[line], currency="UAH"), promotions)
    >>> [(offer.promotion, offer.text) for offer in next_offer(priced)]
    [('more', 'needs 60.00 more of any item'), ('3 for 2', 'needs 1 more of any item')]
    """
    priced = of_class(PricedCart)("result", result)
    least = _share("reached", reached)
    not_here = {one.promotion for one in priced.rejected if one.kind not in _COULD_APPLY}
    found = []
    for one in ready(priced.promotions, exponent_in(priced.cart)):
        if one.promotion.id not in not_here:
            short = list(_short_of(priced, one))
            if short:
                offer = _joined(short)
                if offer.reached >= least:
                    found.append(offer)
    return tuple(sorted(found, key=lambda offer: (-offer.reached, offer.promotion)))


_COULD_APPLY = {"no_items", "minimum", "beaten", "no_benefit", "capped", "not_compared"}


def _short_of(priced: PricedCart, one: Ready) -> Iterator[NextOffer]:
    """Give each thing that a promotion, or the next step of it, still needs."""
    promotion, items = one.promotion, one.promotion.items
    n_units, amount = _holds(priced, items)
    if promotion.benefit == "free_delivery" and not priced.cart.minor(priced.cart.delivery_price):
        return
    if not one.possible:
        return
    n_of_group = sum(n for _, n in missing_of(promotion, priced.cart))
    needed = len(promotion.sets) or promotion.buy + promotion.get
    least = least_units(promotion)
    group = promotion.buy + promotion.get if promotion.get_items is None else 0
    short = units_missing(promotion, priced.cart, n_units)
    if short:
        shares = [(needed - n_of_group) / needed] if n_of_group else []
        shares += [n_units / least] if sum(n for _, n in short) > n_of_group else []
        yield from (_units(one, named(*wanted), min(shares), n) for wanted, n in short)
    elif group and n_units % group and (one.times or n_units) > n_units // group:
        yield _units(one, named(items), n_units % group / group, group - n_units % group)
    target = max([one.sizes["min_amount"], one.sizes.get("bundle_total", 0), *(start for start, _ in one.steps[:1])])
    if amount >= target and not short:
        target = next((start for start, _ in one.steps if start > amount), 0)
    if amount < target:
        text = f"needs {money_text(target - amount, exponent_in(priced.cart))} more of {named(items)}"
        yield NextOffer(promotion=promotion.id, text=text, reached=amount / target, missing_amount=target - amount)


def _joined(short: list[NextOffer]) -> NextOffer:
    """Make one offer of all that a promotion needs: as near as the furthest of it."""
    units = [offer.missing_quantity for offer in short if offer.missing_quantity is not None]
    amounts = [offer.missing_amount for offer in short if offer.missing_amount is not None]
    return NextOffer(
        promotion=short[0].promotion,
        text=" and ".join([short[0].text, *(offer.text.removeprefix("needs ") for offer in short[1:])]),
        reached=min(offer.reached for offer in short),
        missing_quantity=sum(units) or None,
        missing_amount=max(amounts, default=None),
    )


def _units(one: Ready, name: str, share: float, missing: int) -> NextOffer:
    text = f"needs {missing} more of {name}"
    return NextOffer(promotion=one.promotion.id, text=text, reached=share, missing_quantity=missing)


def _holds(priced: PricedCart, items: Items) -> tuple[int, int]:
    """Give the units of some items in a cart, and what they cost before discounts."""
    lines = [line for line in priced.cart.lines if fits(items, line)]
    return sum(line.quantity for line in lines), sum(
        line.quantity * priced.cart.minor(line.unit_price) for line in lines
    )
