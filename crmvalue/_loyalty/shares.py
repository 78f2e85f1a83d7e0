"""Whole numbers in proportion, for the lines of many orders at once; `split_amount` of `_core/money.py` is for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crmvalue.typing import Integers

__all__ = ["share_out_groups"]


def share_out_groups(group: Integers, amount: Integers, weight: Integers) -> Integers:
    """Split the amount of each group over its lines in proportion to their weights, all >= 0.

    `amount` has one number for each group, `group` and `weight` one for each line. Products stay below 2**63.
    """
    whole = np.zeros(len(amount), dtype=np.int64)
    np.add.at(whole, group, weight)
    divisor = np.maximum(whole, 1)[group]
    product = amount[group] * weight
    part, rest = product // divisor, product % divisor
    given = np.zeros(len(amount), dtype=np.int64)
    np.add.at(given, group, part)
    left = np.where(whole > 0, amount - given, 0)
    order = np.lexsort((np.arange(len(group)), -rest, group))
    sorted_group = group[order]
    first = np.searchsorted(sorted_group, np.arange(len(amount)))
    rank = np.arange(len(group)) - first[sorted_group]
    part[order] += rank < left[sorted_group]
    return part
