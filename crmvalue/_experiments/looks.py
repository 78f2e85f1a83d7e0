"""Looks at a running experiment: their rows, and what each arm holds at each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.checks import as_column, require
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from crmvalue._experiments.arms import ArmRows
    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["looks_of", "moments"]


def looks_of(value: ArrayLike | None, n_rows: int) -> Integers:
    """Position of the last row at each look."""
    if value is None:
        return np.arange(n_rows)
    looks = as_column("looks", value)
    if not len(looks):
        raise InputError("looks", "at least one", 0)
    require((looks == np.floor(looks)) & (looks >= 1) & (looks <= n_rows), "looks", looks, f"from 1 to {n_rows} rows")
    rises = np.ones(len(looks), dtype=bool)
    rises[1:] = looks[1:] > looks[:-1]
    require(rises, "looks", looks, "ascending")
    return looks.astype(np.int64) - 1


def moments(x: Floats, rows: ArmRows, places: Integers) -> tuple[Integers, Floats, Floats]:
    """Count, mean and standard error of each arm at each look, from the rows up to it alone; 0 for an empty arm."""
    k = len(rows.names)
    n = np.empty((len(places), k), np.int64)
    mean, error = np.zeros((len(places), k)), np.zeros((len(places), k))
    for a in range(k):  # over arms, so that no table of rows by arms is needed
        mine = rows.arm == a
        own, count = x[mine], np.arange(1, np.count_nonzero(mine) + 1)
        moved = own - own[0]  # keeps the digits of the squares
        upto = np.cumsum(moved) / count
        steps = (moved[1:] - upto[:-1]) ** 2 * count[:-1] / count[1:]  # what each row adds to the squares (Welford)
        squares = np.concatenate([[0.0], np.cumsum(steps)])
        size, away = np.maximum.accumulate(np.abs(own)), np.maximum.accumulate(np.abs(moved))
        squares[away <= 1e-12 * size] = 0.0  # nothing but rounding
        n[:, a] = np.cumsum(mine)[places]
        some, last = n[:, a] > 0, n[n[:, a] > 0, a] - 1
        mean[some, a] = own[0] + upto[last]
        error[some, a] = np.sqrt(squares[last] / np.maximum(last, 1) / (last + 1))
    return n, mean, error
