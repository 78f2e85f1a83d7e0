"""Whole numbers in proportion, for the lines of many orders at once; `split_amount` of `_core/money.py` is for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crmvalue.typing import Integers

__all__ = ["divide_product", "share_out_groups"]


def share_out_groups(group: Integers, amount: Integers, weight: Integers) -> Integers:
    """Split the amount of each group over its lines in proportion to their weights, all >= 0.

    `amount` has one number for each group, `group` and `weight` one for each line.
    """
    whole = np.zeros(len(amount), dtype=np.int64)
    np.add.at(whole, group, weight)
    divisor = np.maximum(whole, 1)[group]
    part, rest = divide_product(amount[group], weight, divisor)
    given = np.zeros(len(amount), dtype=np.int64)
    np.add.at(given, group, part)
    left = np.where(whole > 0, amount - given, 0)
    order = np.lexsort((np.arange(len(group)), -rest, group))
    sorted_group = group[order]
    first = np.searchsorted(sorted_group, np.arange(len(amount)))
    rank = np.arange(len(group)) - first[sorted_group]
    part[order] += rank < left[sorted_group]
    return part


def divide_product(amount: Integers, factor: Integers, divisor: Integers) -> tuple[Integers, Integers]:
    """Give quotient and rest of amount * factor / divisor, all >= 0, where the quotient is below 2**63.

    Products that 64 bits do not hold are formed as whole numbers of Python.
    """
    part, rest = np.divmod(amount * factor, divisor)
    large = np.nonzero(amount.astype(np.float64) * factor >= 2.0**62)[0]
    for row in large.tolist():
        part[row], rest[row] = divmod(int(amount[row]) * int(factor[row]), int(divisor[row]))
    return part, rest
