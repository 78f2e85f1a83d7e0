"""Returned units taken off the last earlier purchases, for all customers and products at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers

__all__ = ["net_returns"]

_RESIDUE = 1e-9
"""A part of the units of a line below this is what binary arithmetic leaves of nothing."""


def net_returns(
    customer: npt.NDArray[Any],
    product: npt.NDArray[Any],
    day: Dates,
    units: Floats,
    back: npt.NDArray[np.bool_],
    ties: list[npt.NDArray[Any]],
) -> tuple[Floats, float]:
    """Give the units that are left of each row, 0 for returns, and the returned units that nobody had bought.

    Units lie on a stack: a purchase puts its units on top, a return takes the top away. A purchase from height a to b
    keeps what lies below the lowest height that the stack has afterwards. `ties` are columns that order the rows of one
    day, so that the order of the rows of the log does not matter.
    """
    key = customer.astype(np.int64) * (int(product.max()) + 1) + product
    touched = np.isin(key, key[back])
    rows = np.nonzero(touched)[0]
    rows = rows[np.lexsort((*(tie[rows] for tie in ties), units[rows], back[rows], day[rows], key[rows]))]
    start, end = _bounds(key[rows])
    step = np.where(back[rows], -units[rows], units[rows])
    height = _since(np.add, step, start)  # as if a stack could lie below 0
    lowest = np.minimum(_since(np.minimum, height, start), 0.0)
    stack = height - lowest
    later = _since(np.minimum, stack[::-1], (len(rows) - 1 - end)[::-1])[::-1]
    kept = np.clip(later - (stack - step), 0.0, units[rows])
    kept[(kept <= _RESIDUE * units[rows]) | back[rows]] = 0.0
    left = np.where(back, 0.0, units)
    left[rows] = kept
    last = end == np.arange(len(rows))
    below, largest = -lowest[last], _since(np.maximum, units[rows], start)[last]
    unmatched = float(below[below > _RESIDUE * largest].sum())
    return left, unmatched


def _bounds(key: Integers) -> tuple[Integers, Integers]:
    """Give for each row of a sorted key the first and the last row of its group."""
    change = np.nonzero(np.diff(key))[0] + 1
    first = np.concatenate([[0], change])
    size = np.diff(np.append(first, len(key)))
    return np.repeat(first, size), np.repeat(first + size - 1, size)


def _since(join: np.ufunc, values: Floats, start: Integers) -> Floats:
    """Give the sum or the lowest value of each row's group up to the row.

    It takes as many steps as the longest group has bits. No group meets the numbers of another one, so a large one
    takes no digits from a small one.
    """
    found, place, step = values.copy(), np.arange(len(values)), 1
    longest = int((place - start).max(initial=0))
    while step <= longest:
        reach = np.nonzero(place - step >= start)[0]
        found[reach] = join(found[reach], found[reach - step])
        step *= 2
    return found
