"""What a journey gives: a percentage, an amount, or anything that has a name."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import attrs

from crmvalue._core.checks import as_float, as_ordered_items, as_text
from crmvalue._core.comparisons import just_below
from crmvalue._core.labels import as_given
from crmvalue._core.values import checked_field, optional
from crmvalue.errors import InputError

__all__ = ["Offer", "as_offer", "as_offers", "require_rising"]

_MOST_OFFERS = 1200  # one for each month of a century


def _percent(name: str, value: Any) -> float:
    percent = as_float(name, value)
    if not 0 < percent <= 100:
        raise InputError(name, "in (0, 100]", percent, hint="an offer of 10 percent is 10")
    return percent


def _amount(name: str, value: Any) -> Decimal:
    rule = "a Decimal, a whole number or text such as '9.90'"
    if isinstance(value, bool | float) or not isinstance(value, int | str | Decimal):
        raise InputError(name, rule, value, hint="a float is not exact")
    if isinstance(value, str) and ("_" in value or not value.isascii()):  # Python would read 1_000 and other scripts
        raise InputError(name, rule, value)
    try:
        amount = Decimal(value)
    except ArithmeticError as error:
        raise InputError(name, rule, value) from error
    if not amount.is_finite() or amount <= 0:
        raise InputError(name, "above 0", value)
    return amount


@attrs.frozen(kw_only=True)
class Offer:
    """What a message offers: a percentage, an amount of money, or a benefit by name.

    Parameters
    ----------
    label : str, optional
        Name of the offer; by default made from the percentage or the amount.
    percent : float, optional
        Discount in percent, in (0, 100].
    amount : Decimal, int or str, optional
        Money off, above 0. A float is refused, because it is not exact.

    Examples
    --------
    >>> Offer(percent=10).label, Offer(amount="9.90").label, Offer(label="a gift").label
    ('10 %', '9.90 off', 'a gift')
    """

    label: str = checked_field("label", as_text, default="")
    percent: float | None = checked_field("percent", optional(_percent), default=None)
    amount: Decimal | None = checked_field("amount", optional(_amount), default=None)

    def __attrs_post_init__(self) -> None:
        if self.percent is not None and self.amount is not None:
            raise InputError("amount", "left out where there is a percentage", self.amount)
        if not self.label:
            if self.percent is None and self.amount is None:
                raise InputError("label", "given where there is no percentage and no amount", self.label)
            made = f"{as_given(self.percent)} %" if self.percent is not None else f"{self.amount} off"
            object.__setattr__(self, "label", made)  # the class is frozen, but makes this field from others


def as_offer(name: str, value: object) -> Offer:
    """Take an offer, or a text as the name of one."""
    if isinstance(value, Offer):
        return value
    text = as_text(name, value)
    if not text.strip():
        raise InputError(name, "a text that is not empty", value)
    return Offer(label=text)


def as_offers(value: Any) -> tuple[Offer, ...]:
    """Take offers of which none is below an earlier one."""
    items = as_ordered_items("offers", value, "a sequence of offers or texts")
    if len(items) > _MOST_OFFERS:
        raise InputError("offers", f"at most {_MOST_OFFERS:,} offers", len(items))
    offers = tuple(as_offer("offers", item) for item in items)
    for name in ("percent", "amount"):
        alike = [offer for offer in offers if getattr(offer, name) is not None]  # skips a gift between two percentages
        for earlier, later in pairwise(alike):
            if _is_less(getattr(later, name), getattr(earlier, name)):
                raise InputError("offers", f"not falling: {later.label!r} comes after {earlier.label!r}", later.label)
    return offers


def require_rising(offers: tuple[Offer, ...]) -> None:
    """Raise where an offer is no better than the one before it; offers of two kinds cannot be compared."""
    for earlier, later in pairwise(offers):
        if _kind(earlier) == _kind(later) and not _is_less(_size(earlier), _size(later)):
            rule = f"rising: {later.label!r} is no better than {earlier.label!r} before it"
            hint = "allow_equal=True makes the same offer twice"
            raise InputError("offers", rule, later.label, hint=hint)


def _is_less(one: Any, other: Any) -> bool:
    """Compare sizes of one kind; 0.1 + 0.2 is more than 0.3 by rounding alone. Different names are never equal."""
    if isinstance(one, str):
        return bool(one != other)
    less: bool = one < (just_below(other) if isinstance(other, float) else other)
    return less


def _kind(offer: Offer) -> set[str]:
    """Tell whether an offer has a percentage, an amount, or a name alone."""
    return {name for name in ("percent", "amount") if getattr(offer, name) is not None}


def _size(offer: Offer) -> float | Decimal | str:
    """Give what offers of one kind are compared by; a name has no size of its own."""
    return next((size for size in (offer.percent, offer.amount) if size is not None), offer.label)
