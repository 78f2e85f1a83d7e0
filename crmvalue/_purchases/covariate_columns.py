"""Columns of traits of customers, put in the order of a history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.checks import as_column, as_text, require, to_array
from crmvalue._core.encoding.customers import as_comparable, encode_customers
from crmvalue._core.labels import HINT_OF_CATEGORIES, refuse_category
from crmvalue._core.per_customer import Rows, in_order
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = ["align_covariates"]


def align_covariates(
    columns: Mapping[str, ArrayLike],
    customer: ArrayLike | None,
    ids: npt.NDArray[Any] | None,
    n_customers: int,
    taken: Collection[str],
) -> tuple[tuple[str, ...], Floats]:
    """Check covariates and join them to customers: give their names, and their values for each customer.

    `customer` is the customer of each row, `ids` are the customers of the history, `taken` are names not to be used.
    Columns with an index of identifiers are brought into the order of `customer`, or of the history.
    """
    given: object = columns
    if not (isinstance(given, Mapping) and given):
        raise InputError("columns", "a mapping from names to columns, at least one", given)
    place, rows, n_rows = (slice(None), Rows(ids), n_customers) if customer is None else _rows_of(customer, ids)
    read = {_name(name, taken): _column(name, column, rows) for name, column in columns.items()}
    for name, column in read.items():
        if len(column) != n_rows:
            raise InputError(f"columns[{name!r}]", f"one element for each of the {n_rows} rows", len(column))
    values = np.column_stack(list(read.values()))
    return tuple(read), values[place]


def _name(name: object, taken: Collection[str]) -> str:
    text = as_text("columns", name)
    if not text.strip() or text in taken:
        raise InputError("columns", "names that are not empty and not those of columns of the history", text)
    return text


def _column(name: str, value: ArrayLike, rows: Rows) -> Floats:
    refuse_category(f"columns[{name!r}]", value)
    value = in_order(f"columns[{name!r}]", value, rows)
    array, _ = to_array(f"columns[{name!r}]", value, "a column of numbers")
    if array.dtype.kind == "b":
        value = array.astype(np.float64)
    elif array.dtype.kind in "UT":
        first = array.ravel()[0] if array.size else "text"
        raise InputError(f"columns[{name!r}]", "numeric", first, hint=HINT_OF_CATEGORIES)
    return as_column(f"columns[{name!r}]", value)


def _rows_of(customer: ArrayLike, ids: npt.NDArray[Any] | None) -> tuple[Integers, Rows, int]:
    """Find the row of each customer of the history among the given rows, these rows, and their number."""
    if ids is None:
        raise InputError("customer", "left out, since the history has no identifiers", "identifiers")
    distinct, code = encode_customers("customer", customer)
    if len(distinct) != len(code):
        raise InputError("customer", "one row a customer", f"{len(distinct)} customers in {len(code)} rows")
    if (distinct.dtype.kind in "iu") != (ids.dtype.kind in "iu") and len(distinct):
        raise InputError("customer", f"identifiers like those of the history, {ids.dtype}", distinct[0])
    known, ids = as_comparable(distinct, ids)
    place = np.minimum(np.searchsorted(known, ids), max(len(distinct) - 1, 0))
    found = known[place] == ids if len(distinct) else np.zeros(len(ids), dtype=bool)
    require(found, "customer", ids, "complete: this customer of the history has no row")
    row = np.empty(len(code), dtype=np.int64)
    row[code] = np.arange(len(code))
    return row[place], Rows.of(distinct[code], customer=customer), len(code)
