"""Exact copies of rows of a log, and what to do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from crmvalue._core.checks import require, require_choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Bools = npt.NDArray[np.bool_]

__all__ = ["Copies", "Duplicates", "find_copies", "treat_copies"]

Duplicates: TypeAlias = Literal["keep", "drop", "raise"]

_MIXER = np.uint64(0x9E3779B97F4A7C15)  # an odd number with well mixed bits


class Copies(NamedTuple):
    """What a policy does with the exact copies in a log."""

    rows: Bools | None
    """Whether each row counts; None if all do."""
    n_kept: int = 0
    n_dropped: int = 0


def find_copies(columns: Sequence[npt.NDArray[Any]]) -> Bools | None:
    """Tell which rows are equal in all columns to an earlier row, None if no row is; no value may be missing."""
    whole = [_as_whole(column) for column in columns]
    # Rows with different keys differ. Sorting one key is several times faster than sorting the columns.
    key = np.zeros(len(whole[0]), dtype=np.uint64)
    for column in whole:
        key = (key ^ column.view(np.uint64)) * _MIXER
        key ^= key >> np.uint64(29)
    ordered = np.sort(key)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return None
    place = np.minimum(np.searchsorted(repeated, key), len(repeated) - 1)
    likely = np.nonzero(repeated[place] == key)[0]
    likely = likely[np.lexsort([column[likely] for column in whole])]  # it is stable: the earliest comes first
    same = np.logical_and.reduce([column[likely[1:]] == column[likely[:-1]] for column in whole])
    copy = np.zeros(len(key), dtype=bool)
    copy[likely[1:][same]] = True
    return copy if same.any() else None


def _as_whole(column: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Give whole numbers that are equal where the values are."""
    if column.dtype.kind == "f":
        return (column.astype(np.float64) + 0.0).view(np.int64)  # no -0.0
    return column.astype(np.int64)


def treat_copies(
    duplicates: str, *, used: Bools | None = None, counted: bool = True, **columns: npt.NDArray[Any] | None
) -> Copies:
    """Tell which rows count, by a policy for exact copies, and count the copies among the rows that are used.

    With `counted` False, those that are kept are not counted, which saves time.
    """
    require_choice("duplicates", duplicates, get_args(Duplicates))
    if duplicates == "keep" and not counted:
        return Copies(None)
    given = {name: column for name, column in columns.items() if column is not None}
    copy = find_copies(list(given.values()))
    if copy is None:
        return Copies(None)
    if used is not None:
        copy &= used
    if duplicates == "raise":
        rule = f"such that no row is an exact copy of an earlier one, in {', '.join(given)}"
        hint = 'duplicates="keep" counts such rows, duplicates="drop" leaves them out'
        name, first = next(iter(given.items()))
        require(~copy, name, first, rule, hint=hint)
    n = int(np.count_nonzero(copy))
    return Copies(~copy, n_dropped=n) if duplicates == "drop" and n else Copies(None, n_kept=n)
