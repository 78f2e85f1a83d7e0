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
    """Count, mean and standard error of each arm at each look; 0 for an empty arm."""
    k = len(rows.names)
    n = np.empty((len(places), k), np.int64)
    mean, error = np.zeros((len(places), k)), np.zeros((len(places), k))
    for a in range(k):  # over arms, so that no table of rows by arms is needed
        mine = rows.arm == a
        centre = x[mine].mean()  # keeps the digits of the squares
        moved = np.where(mine, x - centre, 0.0)
        if np.abs(moved).max() <= 1e-12 * np.abs(x[mine]).max():  # nothing but rounding
            moved[:] = 0.0
        count = np.cumsum(mine)[places]
        total, squares = np.cumsum(moved)[places], np.cumsum(moved**2)[places]
        some = np.maximum(count, 1)
        mean[:, a] = np.where(count > 0, centre + total / some, 0.0)
        spread = np.maximum(0.0, squares - total**2 / some)
        error[:, a] = np.sqrt(spread / np.maximum(count - 1, 1) / some)
        n[:, a] = count
    return n, mean, error
