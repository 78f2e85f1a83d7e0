"""A check character that finds every single wrong character and every swap of two neighbours.

Two published schemes, by the size of the alphabet:

- a prime number M of characters: a pure system of ISO/IEC 7064 with modulus M. The radix r is the smallest primitive
  root of M, which gives the standard's own MOD 11-2 and MOD 37-2. The state goes from s to (s + a) r mod M with each
  character a, and the last character makes s + a = 1 mod M.
- ten digits: the table of H. M. Damm, *Total anti-symmetrische Quasigruppen*, Marburg 2004.

Either is a table: the next state by state and character. A table finds all such errors, in codes of any length, if no
two rows of a column agree, no two columns of a row, and no two characters lead on to one state in both orders.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["check_characters", "ends_well", "has_scheme"]

_DAMM = (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
)  # fmt: skip


def has_scheme(size: int) -> bool:
    """Whether there is a check character for an alphabet of this size."""
    return size == len(_DAMM) or (size > 2 and all(size % divisor for divisor in range(2, size)))


def check_characters(places: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Give the check character of each row; characters are their places in the alphabet."""
    table, end = _scheme(size)
    last = np.argmax(table == end, axis=1).astype(np.uint8)
    found: npt.NDArray[np.uint8] = last[_last_state(places, table)]
    return found


def ends_well(places: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.bool_]:
    """Whether the last character of each row is its check character."""
    table, end = _scheme(size)
    good: npt.NDArray[np.bool_] = _last_state(places, table) == end
    return good


def _last_state(places: npt.NDArray[np.uint8], table: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    state = np.zeros(len(places), dtype=np.uint8)
    for column in places.T:
        state = np.asarray(table[state, column])
    return state


@cache
def _scheme(size: int) -> tuple[npt.NDArray[np.uint8], int]:
    """Give the table of states, and the state after a right code."""
    if size == len(_DAMM):
        return np.array([[int(digit) for digit in row] for row in _DAMM], dtype=np.uint8), 0
    radix = next(r for r in range(2, size) if len({pow(r, i, size) for i in range(size - 1)}) == size - 1)
    places = np.arange(size)
    return ((places[:, np.newaxis] + places) * radix % size).astype(np.uint8), radix
