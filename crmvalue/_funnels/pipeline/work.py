"""How the distribution of a total is computed for some deals, and how long those of many groups take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers

__all__ = [
    "AT_ONCE",
    "BLOCK",
    "FEW_DEALS",
    "GRID",
    "LARGE_DEALS",
    "MOST_DEALS",
    "MOST_EXACT",
    "MOST_PAIRS",
    "MOST_UNITS",
    "n_above_gap",
    "require_little_work",
]

MOST_EXACT = 1e13  # sum of amounts that are looked at in hundredths
MOST_UNITS = 2**20  # steps of an exact lattice
MOST_DEALS = 20_000  # on an exact lattice
FEW_DEALS = 16  # so few deals have at most 2**16 totals, which are counted one by one
AT_ONCE = 8  # rows with so few deals have at most 256 totals, which are counted for many rows together
GRID = 2**16  # steps of the approximate lattice
LARGE_DEALS = 4096  # deals that stand on it one by one; the others join as one normal amount
BLOCK = 64  # neighbouring deals that are added one by one before two such sums are convolved
MOST_PAIRS = 2**22  # pairs of a total above and a total below a gap
_GAP = 100.0  # deals that are so many times as large as all smaller deals together stay off the lattice of the others
_MOST_ROWS = 3_000  # with a distribution of many deals
_MOST_SECONDS = 10.0
_ROW, _TOTAL, _STEP, _DEAL = 5e-5, 5e-8, 3.5e-8, 4e-6  # seconds, as measured, within a factor of two
_GRID_ROW, _PAIR = 4e-4, 2e-8
_ROW_AT_ONCE, _TOTAL_AT_ONCE = 1e-6, 8e-8


def n_above_gap(a: Floats) -> int:
    """Count the deals that are much larger than all smaller deals together, where amounts descend; 0 without a gap."""
    below = np.append(a[::-1].cumsum()[::-1][1:], 0.0)
    gaps = np.nonzero((a > _GAP * below) & (below > 0))[0]
    return int(gaps[0]) + 1 if len(gaps) else 0


def require_little_work(name: str, code: Integers, a: Floats, p: Floats, method: str) -> None:
    """Check that the distributions of all months or groups take some 10 seconds at most."""
    is_open = (a > 0) & (p > 0) & (p < 1)
    code, a = code[is_open], a[is_open]
    order = np.lexsort((-a, code))
    code, a = code[order], a[order]
    start = np.nonzero(np.diff(code, prepend=-1))[0]
    n = np.diff(np.append(start, len(code)))
    n_large = int(np.count_nonzero(n > FEW_DEALS))
    if n_large > _MOST_ROWS:
        rule = f"at most {_MOST_ROWS:,} months or groups with more than {FEW_DEALS} open deals each"
        raise InputError(name, rule, n_large, hint="forecast them in parts")
    seconds = float(_seconds(a, start, n, method).sum()) if len(start) else 0.0
    if seconds > _MOST_SECONDS:
        rule = f"months or groups whose distributions take some {_MOST_SECONDS:.0f} seconds at most"
        raise InputError(name, rule, f"some {math.ceil(seconds):,} seconds", hint="forecast them in parts")


def _seconds(a: Floats, start: Integers, n: Integers, method: str) -> Floats:
    """Seconds that the distribution of each row takes, whose open deals begin at `start` with the largest."""
    seconds, _, on_grid = _without_gaps(a, start, n, method)
    if method != "grid":
        seconds = np.where(n <= AT_ONCE, _ROW_AT_ONCE + _TOTAL_AT_ONCE * 2.0 ** np.minimum(n, AT_ONCE), seconds)
    if seconds.sum() <= _MOST_SECONDS:  # so that the rows on the approximate lattice are few
        for row in np.nonzero(on_grid)[0].tolist():
            seconds[row] += _of_gaps(a[start[row] : start[row] + n[row]])[0]
    return seconds


def _without_gaps(a: Floats, start: Integers, n: Integers, method: str) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Seconds and totals of each row if no deal were much larger than others, and which are on the coarse lattice."""
    hundredths = np.rint(a * 100)
    fits = hundredths / 100 == a
    unit = np.gcd.reduceat(np.where(fits & (a <= MOST_EXACT), hundredths, 1).astype(np.int64), start)
    units = np.add.reduceat(hundredths, start) / unit
    exact = np.logical_and.reduceat(fits, start) & (np.add.reduceat(a, start) <= MOST_EXACT)
    exact &= (units <= MOST_UNITS) & (n <= MOST_DEALS) & (method != "grid")
    steps = np.where(exact, units, GRID)
    on_lattice = _STEP * steps * np.log2(1 + n / BLOCK) + _DEAL * np.minimum(n, LARGE_DEALS)
    totals = 2.0 ** np.minimum(n, FEW_DEALS)
    counted = (n <= FEW_DEALS) & (method != "grid") & (~exact | (totals < units))
    seconds = _ROW + np.where(counted, _TOTAL * totals, on_lattice + np.where(exact, 0.0, _GRID_ROW))
    return seconds, np.where(counted, totals, steps), ~exact & ~counted


def _of_gaps(a: Floats) -> tuple[float, float]:
    """Seconds that the totals above and below gaps take, of deals on the approximate lattice, and how many there are.

    Where there are too many pairs of both, all deals come onto one lattice after all.
    """
    n = n_above_gap(a)
    if not n:
        return 0.0, GRID
    seconds, pairs = 0.0, 1.0
    for part in (a[:n], a[n:]):
        own, totals, on_grid = _without_gaps(part, np.zeros(1, dtype=np.int64), np.array([len(part)]), "auto")
        more, n_totals = _of_gaps(part) if on_grid[0] else (0.0, float(totals[0]))
        seconds += float(own[0]) + more
        pairs *= n_totals
    return (seconds + _PAIR * pairs, pairs) if pairs <= MOST_PAIRS else (seconds, GRID)
