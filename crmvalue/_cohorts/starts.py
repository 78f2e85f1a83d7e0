"""Starts of customers: days that the user gives, such as sign-ups, and first purchases in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from crmvalue._core.calendar import pile_of_first_days
from crmvalue._core.checks import require_same_index
from crmvalue._core.encoding.customers import as_comparable, encode_customers
from crmvalue._core.labels import warn_at_user
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

    Starts: TypeAlias = tuple[ArrayLike, ArrayLike]

__all__ = ["NEVER", "read_starts", "warn_of_old_customers", "warn_of_pile"]

NEVER = np.iinfo(np.int64).max
"""The start of a customer without one."""

_FEW_OLD = 30


def read_starts(
    ids: npt.NDArray[Any], code: Integers, start: Starts | Any, read: Callable[[str, ArrayLike], Dates]
) -> tuple[Integers, Integers]:
    """Give the code of each row among the customers of rows and starts, and the first start of each customer.

    A start is a number of days or microseconds, as `read` reads its column; :data:`NEVER` for a customer without one.
    """
    if not isinstance(start, tuple | list) or len(start) != 2:
        raise InputError("start", "two columns: customers, and the date on which each began", type(start).__name__)
    require_same_index(**{"start[0]": start[0], "start[1]": start[1]})
    known, who = encode_customers("start", start[0])
    when = read("start", start[1])
    if len(when) != len(who):
        raise InputError("start", "two columns of equal length", (len(who), len(when)))
    if len(known) == 0:
        raise InputError("start", "of at least one customer", 0)
    if len(ids) and isinstance(ids[0], str) != isinstance(known[0], str):
        raise InputError("start", "with customers of text or whole numbers, as `customer`", known[0])
    ids, known = as_comparable(ids, known)
    everybody = np.union1d(ids, known)
    first = np.full(len(everybody), NEVER)
    np.minimum.at(first, np.searchsorted(everybody, known)[who], when.astype(np.int64))
    return np.searchsorted(everybody, ids)[code], first


def warn_of_old_customers(first: Dates, function: str) -> None:
    """Warn if first purchases pile up at the start of a log; `first` has the day of each customer's first purchase."""
    days = pile_of_first_days(first)
    if days:
        n_old = int(np.count_nonzero(first < first.min() + np.timedelta64(days, "D")))
        warn_of_pile(f"{days:,} days of the log", n_old, len(first), function)


def warn_of_pile(where: str, n_old: int, n_customers: int, function: str) -> None:
    """Warn of customers who may be older than the log; `function` takes other starts.

    Fewer than 30 are no pile. Where all customers came at once, they may be one cohort: nobody came later to compare.
    """
    if _FEW_OLD <= n_old < n_customers:
        message = (
            f"first purchases pile up in the first {where}: {n_old:,} of {n_customers:,} customers may be older than "
            f"the log, and their first periods are none. Leave them out, or give `start` to `{function}`"
        )
        warn_at_user(message, n_old)
