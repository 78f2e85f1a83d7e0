"""A fast search for equal rows of columns: one whole number for each row, then the distinct numbers or their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.encoding.threads import in_halves

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Dates, Floats, Integers

    Unsigned = npt.NDArray[np.uint64]

__all__ = ["distinct_days", "distinct_keys", "in_order", "row_keys"]

_MOST_RANKS = 1 << 22  # whole numbers with a smaller span are their own ranks
_CELLS_A_ROW = 16  # counting in a table of so many cells a row is cheaper than sorting the rows
_FEW_CELLS = 4096
_WORD = 64  # bits


def row_keys(*columns: Floats) -> Integers:
    """Make one whole number for each row: equal for equal rows, ascending in the columns, first column first."""
    key, size = _rank(columns[0])
    for column in columns[1:]:
        if size <= _most_cells(len(key)):
            key, size = _closed_up(key, size)
        rank, n_ranks = _rank(column)
        if size * n_ranks >= 2**62:
            key = np.unique(key, return_inverse=True)[1].astype(np.int64, copy=False)
            size = int(key.max(initial=0)) + 1
        key, size = key * n_ranks + rank, size * n_ranks
    return key


def distinct_keys(key: Integers) -> tuple[Integers, Integers, Integers]:
    """Find one place of each distinct key, the place of each row among them, and how often each occurs."""
    n_keys = int(key.max(initial=0)) + 1
    if n_keys > _most_cells(len(key)):
        _, first, inverse, weight = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
        return first, inverse, weight
    weight = np.bincount(key, minlength=n_keys)
    present = np.nonzero(weight)[0]
    first = np.empty(n_keys, dtype=np.int64)
    first[key] = np.arange(len(key))  # any of the equal rows serves
    place = np.empty(n_keys, dtype=np.int64)
    place[present] = np.arange(len(present))
    return first[present], place[key], weight[present]


def distinct_days(day: Dates) -> tuple[Dates, Integers]:
    """Give each distinct day once, ascending, and the place of each row's day among them; no day is missing."""
    number = day.astype(np.int64)
    first, place, _ = distinct_keys(number - number.min(initial=np.iinfo(np.int64).max))
    return day[first], place


def in_order(number: Unsigned, n_bits: int, *, stable: bool = True) -> tuple[Integers, Unsigned]:
    """Sort numbers below 2**n_bits: give the place that each had, and the numbers, which take the place of `number`.

    With `stable`, equal numbers keep their order.
    """
    n_places = max(len(number) - 1, 0).bit_length()
    if n_bits + n_places > _WORD:
        order = np.argsort(number, kind="stable" if stable else None)
        number[:] = number[order]
        return order, number

    def join(begin: int, end: int) -> None:
        part = number[begin:end]
        part <<= n_places
        part |= np.arange(begin, end, dtype=np.uint64)

    # Number and place in one: sorting numbers is several times faster than sorting places by their numbers.
    in_halves(len(number), join)
    number.sort()
    order = (number & np.uint64(2**n_places - 1)).astype(np.int64)
    number >>= np.uint64(n_places)
    return order, number


def _most_cells(n_rows: int) -> int:
    return _CELLS_A_ROW * n_rows + _FEW_CELLS


def _closed_up(key: Integers, size: int) -> tuple[Integers, int]:
    """Renumber keys below `size` without gaps; give the keys and their number."""
    seen = np.zeros(size, dtype=bool)
    seen[key] = True
    place = np.cumsum(seen, dtype=np.int64) - 1
    return place[key], int(np.count_nonzero(seen))


def _rank(column: Floats) -> tuple[Integers, int]:
    """Give whole numbers that ascend with the values, equal for equal values, and the size of their range."""
    for ruler in (1.0, 7.0):  # whole units, and whole days counted in weeks
        whole = np.rint(column * ruler)
        low = whole.min() if len(whole) else 0.0
        if whole.max(initial=low) - low < _MOST_RANKS and np.array_equal(whole / ruler, column):
            rank = (whole - low).astype(np.int64)
            return rank, int(rank.max(initial=0)) + 1
    distinct, rank = np.unique(column, return_inverse=True)
    return rank.astype(np.int64, copy=False), len(distinct)
