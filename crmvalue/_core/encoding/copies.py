"""Exact copies of rows of a log, and what to do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from crmvalue._core.checks import as_time_column, require, require_choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates

__all__ = ["Duplicates", "find_copies", "moments_of_rows", "without_copies"]

Duplicates: TypeAlias = Literal["keep", "drop", "raise"]


def find_copies(columns: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    """Tell which rows are equal in all columns to an earlier row; no value may be missing."""
    order = np.lexsort(columns)  # it is stable: of equal rows the earliest comes first
    same = np.ones(len(order), dtype=bool)
    same[:1] = False
    for column in columns:
        ordered = column[order]
        same[1:] &= ordered[1:] == ordered[:-1]
    copy = np.zeros(len(order), dtype=bool)
    copy[order[same]] = True
    return copy


def moments_of_rows(name: str, value: ArrayLike, day: Dates, duplicates: str) -> Dates:
    """Give the time of day of rows beside their day where it tells copies apart."""
    return day if duplicates == "keep" else as_time_column(name, value)


def without_copies(duplicates: str, **columns: npt.NDArray[Any] | None) -> npt.NDArray[np.bool_] | None:
    """Tell which rows count, by a policy for exact copies; None for all of them."""
    require_choice("duplicates", duplicates, get_args(Duplicates))
    if duplicates == "keep":
        return None
    given = {name: column for name, column in columns.items() if column is not None}
    copy = find_copies(list(given.values()))
    if duplicates == "raise":
        rule = f"such that no row is an exact copy of an earlier one, in {', '.join(given)}"
        hint = 'duplicates="keep" counts such rows, duplicates="drop" leaves them out'
        name, first = next(iter(given.items()))
        require(~copy, name, first, rule, hint=hint)
    return ~copy if copy.any() else None
