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

_SCALES = (1e3, 1e6)
_MOST_WHOLE = 2.0**53  # sums of whole numbers up to here are exact

_NOISE = 1e-13
"""A part of the largest stack below this is what binary arithmetic leaves of nothing."""


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
    scale, unit = _as_whole(units[rows])
    step = np.where(back[rows], -unit, unit)
    stack = _heights(step, start)
    before = np.where(start == np.arange(len(rows)), 0.0, np.roll(stack, 1))
    nothing = np.zeros(len(rows))
    if scale is None:
        nothing = np.maximum(_RESIDUE * unit, _NOISE * _since(np.maximum, stack, start)[end])
    later = _since(np.minimum, stack[::-1], (len(rows) - 1 - end)[::-1])[::-1]
    kept = np.clip(later - before, 0.0, unit)
    kept[kept <= nothing] = 0.0
    kept = np.where(back[rows], 0.0, np.where(later >= stack, unit, kept))  # no return reaches down to some
    over = np.where(back[rows], unit - before, 0.0)
    left = np.where(back, 0.0, units)
    left[rows] = kept / (scale or 1.0)
    return left, float(over[over > nothing].sum()) / (scale or 1.0)


def _as_whole(units: Floats) -> tuple[float | None, Floats]:
    """Give units as whole thousandths or millionths, which add up exactly, with their scale; None if they are not."""
    for scale in _SCALES:
        whole = np.rint(units * scale)
        if whole.sum() < _MOST_WHOLE and (whole / scale == units).all():
            return scale, whole
    return None, units


def _heights(step: Floats, start: Integers) -> Floats:
    """Give the height of each row's stack after the row: the sum of the steps, of which no return takes it below 0.

    The sums of rows join in pairs: a stack of height s becomes max(least, s + total). What a return takes beyond 0
    enters no height, so that a large one takes no digits from what is bought later.
    """
    least, total = np.maximum(step, 0.0), step.copy()
    place, back = np.arange(len(step)), 1
    longest = int((place - start).max(initial=0))
    while back <= longest:
        reach = np.nonzero(place - back >= start)[0]
        least[reach] = np.maximum(least[reach], least[reach - back] + total[reach])
        total[reach] += total[reach - back]
        back *= 2
    return least


def _bounds(key: Integers) -> tuple[Integers, Integers]:
    """Give for each row of a sorted key the first and the last row of its group."""
    change = np.nonzero(np.diff(key))[0] + 1
    first = np.concatenate([[0], change])
    size = np.diff(np.append(first, len(key)))
    return np.repeat(first, size), np.repeat(first + size - 1, size)


def _since(join: np.ufunc, values: Floats, start: Integers) -> Floats:
    """Give the largest or the lowest value of each row's group up to the row.

    It takes as many steps as the longest group has bits.
    """
    found, place, step = values.copy(), np.arange(len(values)), 1
    longest = int((place - start).max(initial=0))
    while step <= longest:
        reach = np.nonzero(place - step >= start)[0]
        found[reach] = join(found[reach], found[reach - step])
        step *= 2
    return found
