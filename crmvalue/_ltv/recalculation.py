"""The day on which a value should be computed again; :mod:`crmvalue.ltv` is the public door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmvalue._core.calendar import add_months
from crmvalue._core.checks import as_day, as_days, as_whole_number, require

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates

__all__ = ["is_stale", "recalculation_date"]

_MOST_MONTHS = 120_000  # ten thousand years
_LAST_DAY = np.datetime64("9999-12-31", "D")


def recalculation_date(as_of: ArrayLike, *, every_months: int = 3) -> Dates | np.datetime64:
    """Find the day on which a value should be computed again.

    Parameters
    ----------
    as_of : array_like of dates
        The day that the value refers to.
    every_months : int, default 3
        Calendar months between computations, 1 to 120,000; a quarter by default, 1 in fast markets.

    Returns
    -------
    numpy.datetime64 or numpy.ndarray
        The day; in a shorter month it is the last day.

    Raises
    ------
    InputError
        If a date is missing or no date, the day is after the year 9999, or `every_months` is no whole number from 1.

    Notes
    -----
    Months are counted from `as_of`. Source: practitioners' articles on LTV recommend a quarter, and a month in fast
    markets.

    Examples
    --------
    >>> print(recalculation_date("2024-11-30"))
    2025-02-28
    """
    days = as_days("as_of", as_of)
    months = as_whole_number("every_months", every_months, low=1, high=_MOST_MONTHS)

    moved = add_months(days, months)
    require(moved <= _LAST_DAY, "as_of", days, f"such that {months} months later is not after {_LAST_DAY}")
    due: Dates | np.datetime64 = moved[()]
    return due


def is_stale(as_of: ArrayLike, on: ArrayLike, *, every_months: int = 3) -> np.bool_ | npt.NDArray[np.bool_]:
    """Whether a value is due for recalculation on a day.

    Parameters
    ----------
    as_of : array_like of dates
        The day that each value refers to.
    on : date
        The day of the question.
    every_months : int, default 3
        Calendar months between computations, 1 to 120,000.

    Returns
    -------
    bool or numpy.ndarray
        True from the recalculation date on.

    Raises
    ------
    InputError
        If a date is missing or no date, the value is due after the year 9999, or `every_months` is no whole number.

    Notes
    -----
    True where `on` is the day of :func:`recalculation_date` or later. Source: practitioners' articles on LTV.

    Examples
    --------
    >>> is_stale(["2025-01-15", "2025-01-16"], "2025-04-15")
    array([ True, False])
    """
    due = recalculation_date(as_of, every_months=every_months)
    day = as_day("on", on)

    stale: np.bool_ | npt.NDArray[np.bool_] = day >= due
    return stale
