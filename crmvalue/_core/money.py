"""Exact money: whole minor units of a currency, rounding by a stated rule, and splits that lose nothing.

A whole number is an amount in minor units (cents). A Decimal or a text is an amount in units of the currency, such as
"18.50". A float is refused: it is not exact.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from crmvalue._core.checks import as_ordered_items, as_text, require_same_index
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "LARGEST_MONEY",
    "Money",
    "Rounding",
    "as_currency",
    "as_minor",
    "as_money",
    "as_percent",
    "divide_rounded",
    "exponent_of",
    "largest_remainder",
    "money_text",
    "shifted",
    "split_amount",
    "split_limited",
    "whole_amount",
]

Money: TypeAlias = int | Decimal
"""Minor units as a whole number, or units of the currency as a Decimal."""

Rounding: TypeAlias = Literal["half_up", "half_even", "down"]

LARGEST_MONEY = 10**15
"""Largest amount in minor units; sums and products of a cart then stay exact in 64 bits."""

_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""Currencies by the digits of their minor unit where these are not 2 (ISO 4217, list one)."""

_EXPONENTS = {currency: digits for digits, currencies in _BY_DIGITS.items() for currency in currencies.split()}

_MOST_DIGITS = 4
_MOST_FIGURES = 40  # of an amount that is whole in minor units, and more
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_MONEY = "a whole number of minor units, a Decimal, or text such as '18.50'"
_NO_NUMBERS = (bool, np.bool_, np.timedelta64)  # numpy takes a time span for a whole number
_NO_FLOAT = "a float is not exact; write '18.50', or 1850 in minor units"


def as_currency(name: str, value: object) -> str:
    """Take a currency by its three capital letters."""
    currency = as_text(name, value)
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise InputError(name, "a currency of three capital letters, such as 'UAH'", value)
    return currency


def exponent_of(currency: str | None, exponent: int | None = None) -> int:
    """Give the decimals of a currency: as stated, else those of ISO 4217; 2 for an unknown one."""
    return _EXPONENTS.get(currency or "", 2) if exponent is None else exponent


def as_money(name: str, value: Any, *, low: int | None = 0) -> Money:
    """Take an amount as it is written, at least `low`: a whole number, a Decimal or a text."""
    if isinstance(value, _NO_NUMBERS):
        raise InputError(name, _MONEY, value)
    if isinstance(value, float | np.floating):
        raise InputError(name, _MONEY, value, hint=_NO_FLOAT)
    amount: Money
    if isinstance(value, int | np.integer):
        try:
            amount = int(value)
        except Exception as error:  # whatever the value's own code raises
            raise InputError(name, _MONEY, value) from error
    elif isinstance(value, Decimal) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        amount = Decimal(value)
        if not amount.is_finite():
            raise InputError(name, _MONEY, value)
    else:
        raise InputError(name, _MONEY, value)
    if low is not None and amount < low:
        raise InputError(name, f"at least {low}", value)
    if not -LARGEST_MONEY <= amount <= LARGEST_MONEY:
        raise InputError(name, f"at most {LARGEST_MONEY}", value)
    return amount


def as_minor(name: str, value: Money, exponent: int) -> int:
    """Give an amount in minor units; more digits than the currency has raise."""
    if isinstance(value, int):
        return value
    minor = shifted(value, exponent)
    if minor is None:
        raise InputError(name, f"of at most {exponent} decimals", str(value), hint="round it first")
    if abs(minor) > LARGEST_MONEY:
        raise InputError(name, f"at most {LARGEST_MONEY} minor units", str(value))
    return minor


def as_percent(name: str, value: Any, *, zero: bool = False) -> Decimal:
    """Take a percentage in (0, 100], or [0, 100] with `zero`, of at most four decimals; a float is refused."""
    rule = f"a percentage in {'[' if zero else '('}0, 100]"
    if isinstance(value, float | np.floating):
        raise InputError(name, rule, value, hint="a float is not exact; write 20 or '12.5' for so many percent")
    if isinstance(value, _NO_NUMBERS) or not isinstance(value, int | np.integer | Decimal | str):
        raise InputError(name, rule, value)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise InputError(name, rule, value)
    percent = Decimal(int(value) if isinstance(value, np.integer) else value)
    if not percent.is_finite() or not 0 <= percent <= 100 or (percent == 0 and not zero):
        raise InputError(name, rule, value)
    if shifted(percent, _MOST_DIGITS) is None:
        raise InputError(name, f"{rule} with at most {_MOST_DIGITS} decimals", value)
    return percent


def shifted(value: Decimal, digits: int) -> int | None:
    """Give a number times a power of ten exactly, whatever decimal context the host has; None if it is not whole."""
    sign, figures, exponent = value.as_tuple()
    kept = "".join(map(str, figures)).rstrip("0")  # Python reads no number of more than 4,300 figures
    if not kept:
        return 0
    if len(kept) > _MOST_FIGURES:
        return None
    shift = int(exponent) + digits + len(figures) - len(kept)
    if shift < 0:
        return None
    number = int(kept) * int(10**shift)
    return -number if sign else number


def money_text(minor: int, exponent: int) -> str:
    """Write an amount in units of the currency, such as 18.50."""
    units, rest = divmod(abs(minor), 10**exponent)
    return f"{'-' if minor < 0 else ''}{units}" + (f".{rest:0{exponent}}" if exponent else "")


def divide_rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Divide amounts >= 0 and round the quotient to a whole number."""
    whole, rest = divmod(numerator, denominator)
    if rounding == "down":
        return whole
    twice = 2 * rest
    up = twice > denominator or (twice == denominator and (rounding == "half_up" or whole % 2 == 1))
    return whole + up


def whole_amount(name: str, value: Any, *, low: int | None = None, index: int | None = None) -> int:
    """Take one whole number of minor units."""
    rule = "a whole number of minor units"
    if isinstance(value, float | np.floating):
        raise InputError(name, rule, value, index=index, hint="a float is not exact")
    if isinstance(value, _NO_NUMBERS) or not isinstance(value, int | np.integer):
        raise InputError(name, rule, value, index=index)
    if abs(int(value)) > LARGEST_MONEY or (low is not None and value < low):
        ends = f"at least {low}" if low is not None and value < low else f"at most {LARGEST_MONEY}"
        raise InputError(name, f"{rule}, {ends}", value, index=index)
    return int(value)


def split_amount(amount: int, weights: Sequence[int], *, minima: Sequence[int] | int | None = None) -> tuple[int, ...]:
    """Split an amount over lines in proportion to their weights, to the last minor unit.

    Each line gets its share rounded down. What is left goes to the lines with the largest remainders, one unit each;
    of equal remainders the first line comes first. A negative amount is split like the positive one.

    Parameters
    ----------
    amount : int
        Amount to split [minor units], of any sign.
    weights : sequence of int
        Weight of each line, >= 0: often its own amount [minor units].
    minima : int or sequence of int, optional
        Floor of each line [minor units], at most its weight. With it the weights are the amounts of the lines, and no
        part is larger than amount less floor; what a line cannot take goes to the others in proportion. 0 lets no line
        take more than its own amount.

    Returns
    -------
    tuple of int
        The part of each line [minor units]. The parts sum to the amount.

    Raises
    ------
    InputError
        If an amount is not a whole number, a weight is negative, all weights are 0, a floor is above its line, or the
        lines cannot take the amount.

    Examples
    --------
    >>> split_amount(300, [4000, 2000, 2000])
    (150, 75, 75)
    >>> split_amount(-1200, [1000, 2000, 5000, 3000], minima=[0, 1900, 5000, 2600])
    (-700, -100, 0, -400)
    """
    amount = whole_amount("amount", amount)
    require_same_index(weights=weights, minima=minima)
    rule = "a list of whole numbers"
    sizes = [
        whole_amount("weights", w, low=0, index=i) for i, w in enumerate(as_ordered_items("weights", weights, rule))
    ]
    sign = -1 if amount < 0 else 1
    if minima is None:
        if amount and not any(sizes):
            raise InputError("weights", "above 0 for at least one line", sizes)
        return tuple(sign * part for part in largest_remainder(abs(amount), sizes))
    floors = _floors(minima, sizes)
    limits = [size - floor for size, floor in zip(sizes, floors, strict=True)]
    if sum(limits) < abs(amount):
        raise InputError("amount", f"at most {sum(limits)}, which the lines can take", amount)
    return tuple(sign * part for part in split_limited(abs(amount), sizes, limits))


def _floors(minima: Any, sizes: list[int]) -> list[int]:
    if isinstance(minima, int | float | np.number | str):
        minima = [whole_amount("minima", minima, low=0)] * len(sizes)
    floors = [
        whole_amount("minima", m, low=0, index=i)
        for i, m in enumerate(as_ordered_items("minima", minima, "a whole number or a list of them"))
    ]
    if len(floors) != len(sizes):
        raise InputError("minima", f"as long as `weights` ({len(sizes)})", len(floors))
    for i, (floor, size) in enumerate(zip(floors, sizes, strict=True)):
        if floor > size:
            raise InputError("minima", f"at most the amount of its line, {size}", floor, index=i)
    return floors


def split_limited(amount: int, weights: Sequence[int], limits: Sequence[int]) -> list[int]:
    """Split an amount >= 0 in proportion, no part above its limit; what does not fit at all is left out."""
    parts = [0] * len(weights)
    lines = [i for i, weight in enumerate(weights) if weight]
    while lines and amount:
        shares = largest_remainder(amount, [weights[i] for i in lines])
        full = [i for i, share in zip(lines, shares, strict=True) if share > limits[i]]
        if not full:
            for i, share in zip(lines, shares, strict=True):
                parts[i] = share
            break
        for i in full:
            parts[i] = limits[i]
            amount -= limits[i]
        lines = [i for i in lines if i not in full]
    return parts


def largest_remainder(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount >= 0 in proportion to weights >= 0; a line of weight 0 gets nothing."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts, rests = [], []
    for weight in weights:
        part, rest = divmod(amount * weight, whole)
        parts.append(part)
        rests.append(rest)
    left = amount - sum(parts)
    for i in sorted(range(len(weights)), key=lambda i: -rests[i])[:left]:  # the sort keeps the first of equals first
        parts[i] += 1
    return parts
