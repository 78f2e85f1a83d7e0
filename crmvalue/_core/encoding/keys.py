"""A fast search for equal rows of columns: one whole number for each row, then the distinct numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crmvalue.typing import Floats, Integers

__all__ = ["distinct_keys", "row_keys"]

_MOST_RANKS = 1 << 22  # whole numbers with a smaller span are their own ranks
_CELLS_A_ROW = 16  # counting in a table of so many cells a row is cheaper than sorting the rows
_FEW_CELLS = 4096


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
