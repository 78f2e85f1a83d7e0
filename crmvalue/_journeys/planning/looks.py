"""Which row of a plan counts for each message, where a plan of many days looks at a message again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.encoding.keys import in_order
from crmvalue._core.encoding.texts import encode_matrix

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from crmvalue.typing import Dates, Integers

    Bools = npt.NDArray[np.bool_]

__all__ = ["encode", "last_looks"]

_LARGEST = 2**38  # keys below it are sorted fast


def last_looks(run: Dates, sent: Bools, repeated: Bools, columns: Iterable[npt.NDArray[Any]]) -> Bools:
    """Find the row that counts for each message: where it was sent, or else the last look that repeats no other one.

    Where all looks at a message are `repeated`, the last one counts. Rows with equal `columns` are looks at one
    message. Of equal rows of one day, each is a message of its own.
    """
    day = run.astype("datetime64[D]").astype(np.int64)
    if (day[1:] >= day[:-1]).all():
        return _last(day, (~repeated, sent), *_keys(columns))
    rows = np.argsort(day, kind="stable")
    found = np.empty(len(day), dtype=bool)
    found[rows] = _last(day[rows], (~repeated[rows], sent[rows]), *_keys(column[rows] for column in columns))
    return found


def _last(day: Integers, marks: tuple[Bools, ...], key: Integers, size: int) -> Bools:
    """Do so for rows in the order of their days, by a key of each message below `size`; the last of the marks wins."""
    order, begins = _grouped(key, size)
    again = np.zeros(len(day), dtype=bool)
    if len(day) > 1:
        days = day[order]
        again[1:] = ~begins[1:] & (days[1:] == days[:-1])
    if again.any():
        place = np.arange(len(day))
        rank = np.empty(len(day), dtype=np.int64)
        rank[order] = place - np.maximum.accumulate(np.where(again, 0, place))
        most = int(rank.max()) + 1
        order, begins = _grouped(key * most + rank, size * most)
    start = np.nonzero(begins)[0]
    chosen = np.append(start[1:], len(day)) - 1
    end = chosen
    for mark in marks:
        marked = np.nonzero(mark[order])[0]
        if marked.size:
            latest = marked[np.maximum(np.searchsorted(marked, end, side="right") - 1, 0)]
            chosen = np.where((latest >= start) & (latest <= end), latest, chosen)
    found = np.zeros(len(day), dtype=bool)
    found[order[chosen]] = True
    return found


def _grouped(key: Integers, size: int) -> tuple[Integers, Bools]:
    """Sort rows by their keys, equal ones in their order, and say where a new key begins."""
    order, keys = in_order(key.astype(np.uint64), max(size - 1, 0).bit_length())
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = keys[1:] != keys[:-1]
    return order, begins


def _keys(columns: Iterable[npt.NDArray[Any]]) -> tuple[Integers, int]:
    """Make one whole number of each row, equal for equal rows, and give a number above all of them."""
    key: Any = 0
    size = 1
    for column in columns:
        code, n = _code(column)
        if size * n >= _LARGEST and size > 1:
            distinct, key = np.unique(key, return_inverse=True)
            size = len(distinct)
        key, size = key * n + code, size * n
    return key, size


def _code(column: npt.NDArray[Any]) -> tuple[Integers, int]:
    """Give a whole number from 0 on for each value of a column, and a number above all of them."""
    if column.dtype.kind in "iuM" and len(column):
        whole = column.astype(np.int64, copy=False)
        low, high = int(whole.min()), int(whole.max())
        if high - low < _LARGEST:
            return whole - low, high - low + 1
    distinct, place = encode(column)
    return place, len(distinct)


def encode(column: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Integers]:
    """Give the distinct values in order, and the place of each row's value among them."""
    found = encode_matrix(column) if column.dtype.kind == "U" else None
    distinct, place = np.unique(column, return_inverse=True) if found is None else found
    return distinct, place.astype(np.int64, copy=False)
