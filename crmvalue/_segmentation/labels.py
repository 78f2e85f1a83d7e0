"""Labels and identifiers of customers, as the modules of this room read and compare them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.checks import as_column, as_ordered_items, as_text, require, to_array
from crmvalue._core.encoding.customers import encode_customers
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "as_money",
    "as_shares_of_a_sum",
    "as_texts",
    "encode_distinct",
    "encode_labels",
    "group_sums",
    "without_residues",
]

_RESIDUE = 1e-9  # as in an order log


def as_texts(name: str, value: Any) -> tuple[str, ...]:
    """Take a sequence of texts."""
    return tuple(as_text(name, item) for item in as_ordered_items(name, value, "a sequence of texts"))


def encode_distinct(name: str, value: ArrayLike, n_rows: int) -> tuple[npt.NDArray[Any], Integers]:
    """Give customers in ascending order and the place of each row's among them; each customer has one row."""
    distinct, code = encode_customers(name, value)
    if len(code) != n_rows or len(distinct) != n_rows:
        raise InputError(name, f"{n_rows} different identifiers, one for each row", f"{len(distinct)} in {len(code)}")
    return distinct, code


def encode_labels(name: str, value: ArrayLike) -> tuple[list[str], Integers]:
    """Give the distinct labels and the place of each row's label among them; every label must be a text."""
    array, _ = to_array(name, value, "a column of texts", as_objects=isinstance(value, list | tuple))
    if array.ndim != 1:
        raise InputError(name, "a column of texts", value)
    items = array.tolist()
    if not items:
        raise InputError(name, "at least one customer", 0)
    try:
        distinct = list(dict.fromkeys(items))
    except TypeError as error:  # a list or another value that cannot be a key
        raise InputError(name, "a column of texts", value) from error
    for item in distinct:
        if not isinstance(item, str) or not item:
            index = next(i for i, other in enumerate(items) if other is item)  # == of pandas' NA has no truth
            raise InputError(name, "a text, not empty or missing", item, index=index)
        if item.endswith("\0"):
            raise InputError(name, "a text without a null at its end", item, index=items.index(item))
    distinct.sort()
    place = {item: i for i, item in enumerate(distinct)}
    return [str.__str__(item) for item in distinct], np.fromiter(
        map(place.__getitem__, items), dtype=np.int64, count=len(items)
    )


def group_sums(code: Integers, value: Floats, k: int) -> Floats:
    """Add up the values of each group and round once, so that the order and number of rows do not matter."""
    size = np.bincount(code, minlength=k)
    sums: Floats = np.bincount(code, value, minlength=k).astype(np.float64)  # of one or two values: rounded once
    large = size > 2
    inside = large[code]
    ordered = value[inside][np.argsort(code[inside], kind="stable")].tolist()
    ends = np.cumsum(size[large]).tolist()
    sums[large] = [math.fsum(ordered[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    return sums


def as_money(name: str, value: ArrayLike) -> Floats:
    """Take a column of money; what binary arithmetic leaves of nothing counts as 0."""
    return without_residues(as_column(name, value))


def without_residues(money: Floats) -> Floats:
    """Set amounts that are what binary arithmetic leaves of nothing to 0, as :mod:`crmvalue.purchases` does."""
    return np.where(np.abs(money) < _RESIDUE, 0.0, money)


def as_shares_of_a_sum(name: str, value: ArrayLike) -> Floats:
    """Take one value >= 0 for each customer, with a sum above 0 of which they hold shares."""
    values = as_money(name, value)
    if len(values) == 0:
        raise InputError(name, "at least one customer", 0)
    require(values >= 0, name, values, ">= 0", hint="look at customers with a loss apart")
    if not values.any():
        raise InputError(name, "above 0 for at least one customer", 0.0)
    return values
