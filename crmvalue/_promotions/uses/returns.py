"""What is refunded when items of a priced cart come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import attrs

from crmvalue._core.checks import as_text, as_whole_number, require_choice
from crmvalue._core.json import from_json, to_json
from crmvalue._core.money import split_amount, whole_amount
from crmvalue._core.values import (
    FixedMapping,
    checked_field,
    choice_field,
    count_field,
    of_class,
    require_at_most,
    tuple_of,
)
from crmvalue._promotions.best import best_price
from crmvalue._promotions.caps import Caps
from crmvalue._promotions.cart import Cart, CartLine
from crmvalue._promotions.promotion import Items, Promotion
from crmvalue._promotions.result import Applied, Discount, Gift, PricedCart, PricedLine, Rejected
from crmvalue.errors import InputError

__all__ = ["Refund", "RefundedLine", "return_items"]

ReturnPolicy = Literal["prorated", "reprice"]
Delivery = Literal["refunded", "kept"]


def _whole(name: str, value: Any) -> int:
    return whole_amount(name, value, low=0)


def _quantities(name: str, value: Any) -> FixedMapping[str, int]:
    if not isinstance(value, Mapping) or not value:
        raise InputError(name, "a mapping from lines to numbers of units, not empty", value)
    return FixedMapping(
        {as_text(name, line): as_whole_number(f"{name}[{line!r}]", n, low=1) for line, n in value.items()}
    )


@attrs.frozen(kw_only=True)
class RefundedLine:
    """What is refunded for one line in one return.

    Parameters
    ----------
    id : str
        The line of the cart.
    quantity : int
        Units that come back, >= 1.
    amount : int
        What is refunded for them [minor units].

    Examples
    --------
    >>> RefundedLine(id="1", quantity=2, amount=1667).amount
    1667
    """

    id: str = checked_field("id", as_text)
    quantity: int = count_field("quantity", low=1)
    amount: int = checked_field("amount", _whole)


@attrs.frozen(kw_only=True)
class Refund:
    """One return, and all that came back of the cart so far; more can be returned from it.

    Parameters
    ----------
    priced : PricedCart
        The cart as it was paid.
    policy : {"prorated", "reprice"}
        How the refund was found.
    delivery : {"refunded", "kept"}
        What happens to the price of the delivery when nothing is kept.
    returned : mapping of str to int
        Units of each line that have come back so far, this return included.
    lines : tuple of RefundedLine
        This return, line by line; their amounts and `delivery_amount` sum to `amount`.
    amount : int
        What is refunded for this return [minor units].
    delivery_amount : int
        Part of `amount` that is for the delivery.
    tax : int
        Tax of the refund [minor units]: part of `amount`, or on top of it, as the cart says. With "reprice" it is the
        tax paid beyond that of the kept items. Where lines have different tax classes and a discount moves from one to
        another, it may be above `amount`, even where `amount` is 0.
    refunded, refunded_tax : int
        All refunds so far, this one included [minor units].
    lost_gifts : tuple of Gift
        Gifts that the kept items no longer give.

    Examples
    --------
    >>> from crmvalue.promotions import Cart, CartLine, Promotion, best_price, return_items
    >>> cart = Cart(lines=[CartLine(id="1", product="soap", unit_price=1000, quantity=3)], currency="UAH")
    >>> first = return_items(best_price(cart, []), {"1": 1}, policy="prorated")
    >>> first.amount, first.kept, return_items(first, {"1": 2}).kept
    (1000, 2000, 0)
    """

    priced: PricedCart = checked_field("priced", of_class(PricedCart))
    policy: ReturnPolicy = choice_field("policy", ReturnPolicy)
    delivery: Delivery = choice_field("delivery", Delivery)
    returned: Mapping[str, int] = checked_field("returned", _quantities)
    lines: tuple[RefundedLine, ...] = checked_field("lines", tuple_of(RefundedLine))
    amount: int = checked_field("amount", _whole)
    delivery_amount: int = checked_field("delivery_amount", _whole)
    tax: int = checked_field("tax", _whole)
    refunded: int = checked_field("refunded", _whole)
    refunded_tax: int = checked_field("refunded_tax", _whole)
    lost_gifts: tuple[Gift, ...] = checked_field("lost_gifts", tuple_of(Gift))

    def __attrs_post_init__(self) -> None:
        bought = {line.id: line.quantity for line in self.priced.lines}
        for line, n in self.returned.items():
            if n > bought.get(line, 0):
                raise InputError(f"returned[{line!r}]", f"at most the {bought.get(line, 0)} units of the line", n)
        for part in self.lines:
            if part.quantity > self.returned.get(part.id, 0):
                rule = f"at most the {self.returned.get(part.id, 0)} units of line {part.id!r} in `returned`"
                raise InputError("lines", rule, part.quantity)
        parts = sum(part.amount for part in self.lines) + self.delivery_amount
        if parts != self.amount:
            raise InputError("amount", f"the sum of `lines` and `delivery_amount`, {parts}", self.amount)
        require_at_most(self, "amount", "refunded")
        require_at_most(self, "tax", "refunded_tax")
        if self.refunded > self.priced.total:
            raise InputError("refunded", f"at most what was paid, {self.priced.total}", self.refunded)
        if self.refunded_tax > self.priced.tax:
            raise InputError("refunded_tax", f"at most the tax that was paid, {self.priced.tax}", self.refunded_tax)

    @property
    def kept(self) -> int:
        """What stays paid after all refunds [minor units]."""
        return self.priced.total - self.refunded

    def to_json(self) -> str:
        """Write the refund as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Refund:
        """Read what :meth:`to_json` wrote."""
        inside = (PricedCart, Cart, CartLine, Promotion, Items, Caps, PricedLine, Discount, Applied, Rejected, Gift)
        return from_json(cls, text, RefundedLine, *inside)


def return_items(
    result: PricedCart | Refund,
    items: Mapping[str, int],
    *,
    policy: ReturnPolicy | None = None,
    delivery: Delivery | None = None,
) -> Refund:
    """Find what is refunded when items come back.

    The result can be returned from again. However a cart comes back, the refunds of all returns sum to what was paid.

    Parameters
    ----------
    result : PricedCart or Refund
        The cart as it was paid, or the return before this one.
    items : mapping of str to int
        Units that come back now, by the id of their line: {"1": 2}.
    policy : {"prorated", "reprice"}
        "prorated": each unit is refunded with what was paid for it, as `unit_prices` of its line say, the dearer ones
        first. "reprice": the kept items are priced again as if only they had been bought; the refund is what was paid
        beyond that, and never below 0. Required for a cart; a further return keeps that of the first.
    delivery : {"refunded", "kept"}, optional
        Whether the price of the delivery is refunded once nothing is kept; by default "refunded". With "kept" it is
        left out of all refunds.

    Returns
    -------
    Refund
        What is refunded now, what was refunded so far, and gifts that lose their reason.

    Raises
    ------
    InputError
        If a line is unknown, more units come back than are kept, or a further return asks for another policy.

    Notes
    -----
    "prorated" does not depend on the order of returns. "reprice" does where a later return would have made the kept
    items cheaper: what is refunded is never asked back. The refund of "reprice" is shared by the lines that come back
    in proportion to what was paid for these units. Where the price of the cart is not `optimal`, the search may find a
    better one for the kept items, and then more is refunded than was paid for these units.

    A gift loses its reason where its promotion alone would not give it to the kept items; with "reprice", where the
    best price of the kept items does not have it. Its value is not taken off the refund.

    Examples
    --------
    >>> from crmvalue.promotions import Cart, CartLine, Promotion, best_price
    >>> lines = [
    ...     CartLine(id="1", product="eau", unit_price="150.00"),
    ...     CartLine(id="2", product="soap", unit_price="60.00"),
    ... ]
    >>> paid = best_price(Cart(lines=lines, currency="UAH"), [Promotion.percent("fifth", 20, on="order")])
    >>> refund = return_items(paid, {"1": 1}, policy="prorated")
    >>> refund.amount, refund.kept
    (12000, 4800)
    """
    before = _start(result, policy, delivery)
    priced, now = before.priced, _quantities("items", items)
    returned = dict(before.returned)
    bought = {line.id: line.quantity for line in priced.lines}
    for line, n in now.items():
        if line not in bought:
            raise InputError("items", f"lines of the cart, {', '.join(bought)}", line)
        left = bought[line] - returned.get(line, 0)
        if n > left:
            raise InputError("items", f"at most {left} of line {line}, which are kept", n)
        returned[line] = returned.get(line, 0) + n
    kept = _kept_cart(priced, returned)
    again = None
    if kept is not None and before.policy == "reprice":
        again = best_price(
            kept, priced.promotions, caps=priced.caps, rounding=priced.rounding, rounded_per=priced.rounded_per
        )
    old = {line.id: before.returned.get(line.id, 0) for line in priced.lines}
    shares = {
        line.id: _part(line.total, line.quantity, returned[line.id]) - _part(line.total, line.quantity, old[line.id])
        for line in priced.lines
        if line.id in now
    }
    delivery_amount = priced.delivery if before.delivery == "refunded" and kept is None else 0
    if before.policy == "prorated":
        amount = sum(shares.values()) + delivery_amount
        tax = sum(
            _part(line.tax, line.quantity, returned[line.id]) - _part(line.tax, line.quantity, old[line.id])
            for line in priced.lines
            if line.id in now
        )
        by_line = list(shares.values())
    else:
        amount, tax = _repriced(before, kept, again)
        delivery_amount = min(delivery_amount, amount)
        weights = list(shares.values()) if any(shares.values()) else list(now.values())
        by_line = list(split_amount(amount - delivery_amount, weights))
    return Refund(
        priced=priced,
        policy=before.policy,
        delivery=before.delivery,
        returned=returned,
        lines=tuple(
            RefundedLine(id=line, quantity=now[line], amount=part) for line, part in zip(shares, by_line, strict=True)
        ),
        amount=amount,
        delivery_amount=delivery_amount,
        tax=tax,
        refunded=before.refunded + amount,
        refunded_tax=before.refunded_tax + tax,
        lost_gifts=tuple(gift for gift in priced.gifts if not _still_given(gift, priced, kept, again, before.policy)),
    )


@attrs.frozen
class _Before:
    """What is known of a cart before a return."""

    priced: PricedCart
    policy: ReturnPolicy
    delivery: Delivery
    returned: Mapping[str, int]
    refunded: int
    refunded_tax: int


def _start(result: PricedCart | Refund, policy: Any, delivery: Any) -> _Before:
    given = of_class(PricedCart, Refund)("result", result)
    if isinstance(given, Refund):
        for name, value in (("policy", policy), ("delivery", delivery)):
            first = getattr(given, name)
            if value is not None and value != first:
                raise InputError(name, f"that of the first return, {first!r}, or left out", value)
        return _Before(given.priced, given.policy, given.delivery, given.returned, given.refunded, given.refunded_tax)
    require_choice("policy", policy, get_args(ReturnPolicy))
    delivery = "refunded" if delivery is None else delivery
    require_choice("delivery", delivery, get_args(Delivery))
    return _Before(given, policy, delivery, {}, 0, 0)


def _kept_cart(priced: PricedCart, returned: Mapping[str, int]) -> Cart | None:
    """Give the cart without what has come back; None where nothing is kept."""
    lines = tuple(
        attrs.evolve(line, quantity=line.quantity - returned.get(line.id, 0))
        for line in priced.cart.lines
        if line.quantity > returned.get(line.id, 0)
    )
    return attrs.evolve(priced.cart, lines=lines) if lines else None


def _part(amount: int, quantity: int, n: int) -> int:
    """Give the amount of the first units of a line; the dearer units, by one minor unit, come first."""
    each, dearer = divmod(amount, quantity)
    return each * n + min(n, dearer)


def _repriced(before: _Before, kept: Cart | None, again: PricedCart | None) -> tuple[int, int]:
    """Give what was paid, and its tax, beyond the price of the kept items."""
    priced = before.priced
    paid, due = priced.total, 0
    tax_due = 0
    if before.delivery == "kept":
        paid -= priced.delivery
    if kept is not None and again is not None:
        due = again.total - (again.delivery if before.delivery == "kept" else 0)
        tax_due = again.tax
    return max(0, paid - before.refunded - due), max(0, priced.tax - before.refunded_tax - tax_due)


def _still_given(
    gift: Gift, priced: PricedCart, kept: Cart | None, again: PricedCart | None, policy: ReturnPolicy
) -> bool:
    if kept is None:
        return False
    if policy == "prorated" or again is None:
        alone = [promotion for promotion in priced.promotions if promotion.id == gift.promotion]
        again = best_price(kept, alone)
    return any(other.promotion == gift.promotion for other in again.gifts)
