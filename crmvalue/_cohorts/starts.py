"""Starts of customers: days that the user gives, such as sign-ups, and first purchases in a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from crmvalue._core.checks import require_same_index
from crmvalue._core.encoding.customers import as_comparable, encode_customers
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Integers

    Starts: TypeAlias = tuple[ArrayLike, ArrayLike]

__all__ = ["NEVER", "advice_on_old", "read_starts"]

NEVER = np.iinfo(np.int64).max
"""The start of a customer without one."""


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


def advice_on_old(function: str) -> str:
    """Say what to do with customers who may be older than the log; `function` takes other starts."""
    return f", and their first periods are none. Leave them out, or give `start` to `{function}`"
