"""Labels that columns carry: the index of a column of pandas, and the names of the columns of a table.

Columns are matched by position, so those with labels must have the same ones, in one order.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "column_labels",
    "index_of",
    "names_of_columns",
    "other_index",
    "part_of",
    "require_order",
    "require_same_index",
    "require_same_labels",
]


def part_of(value: object, name: str, default: Any = None) -> Any:
    """Give an attribute of what a user gave.

    One whose own code raises counts as not there: the check that reads the value itself refuses it by its argument.
    """
    try:
        return getattr(value, name, default)
    except Exception:  # noqa: BLE001 - whatever the value's own code raises
        return default


def require_same_index(**inputs: object) -> None:
    """Check that columns with an index have the same one, and that tables have no column at different places.

    Both are matched by position, never by name in silence.
    """
    indexed = [(name, index) for name, value in inputs.items() if (index := index_of(value)) is not None]
    for name, index in indexed[1:]:
        if not indexed[0][1].equals(index):
            raise other_index(name, indexed[0][0], index)
    for name, value in inputs.items() if indexed else ():
        require_order(*indexed[0], name, value)
    first: dict[object, tuple[int, str]] = {}  # place of a column and its table
    for name, value in inputs.items():
        for place, label in enumerate(column_labels(value)):
            other, table = first.setdefault(label, (place, name))
            if other != place and table != name:
                rule = f"with the column {label!r} at the same place as in `{table}`"
                raise InputError(name, rule, place, hint=f"the columns of `{table}` are matched by their places")


def require_same_labels(over_time: Mapping[str, Any], **per_row: Any) -> None:
    """Check labels of what broadcasts: a column stands beside the columns of a table, `per_row` beside its rows."""
    tables = {name: value for name, value in over_time.items() if part_of(value, "ndim", 1) > 1 or column_labels(value)}
    columns = {name: value for name, value in over_time.items() if name not in tables}
    require_same_index(**tables, **per_row)
    require_same_index(**columns)
    for name, column in columns.items():
        index = index_of(column)
        for table, value in tables.items():
            labels = column_labels(value)
            if index is not None and labels and list(index) != labels:
                raise other_index(name, f"{table}[0]" if isinstance(value, list | tuple) else f"{table}.columns", index)


def require_order(column: str, index: Any, name: str, value: Any) -> None:
    """Refuse a column whose labels are the names or identifiers in `value` in another order; row numbers are none."""
    is_array = hasattr(type(value), "__array__") and part_of(value, "ndim", 1) == 1 and index_of(value) is None
    is_plain = (is_array or isinstance(value, list | tuple)) and part_of(index, "step", 0) != 1  # 1 numbers the rows
    first = np.asarray(value[:1], dtype=object) if is_plain and 0 < len(value) == len(index) else np.zeros(0)
    if first.shape != (1,) or not isinstance(first[0], str | int | np.integer):
        return
    labels, names = list(index), np.asarray(value, dtype=object).tolist()
    kinds, distinct = {type(item) for item in (*labels, *names)}, set(labels)
    whole = kinds <= {int, np.int64} and (min(labels), max(labels)) != (0, len(labels) - 1)
    texts = kinds <= {str, np.str_}
    if (whole or texts) and labels != names and _are_same(labels, names, distinct, repeated=texts):
        hint = "bring it into their order by its labels, or give a plain array"
        raise InputError(column, f"in the order of `{name}`", labels[:3], hint=hint)


def _are_same(labels: list[Any], names: list[Any], distinct: set[Any], *, repeated: bool) -> bool:
    """Tell whether labels are the names in any order; repeated numbers may be those of rows of joined tables."""
    if len(distinct) == len(labels) or not repeated:
        return len(labels) == len(distinct & set(names))
    return distinct == set(names) and Counter(labels) == Counter(names)


def column_labels(value: object) -> list[Any]:
    """Give the labels of the columns of a dataframe of any kind, or of a list of rows of pandas; none for others."""
    rows = _first_of(value) if isinstance(value, list | tuple) else []
    if rows:
        index = None if names_of_columns(rows[0]) is not None else index_of(rows[0])
        return [] if index is None else list(index)
    labels = names_of_columns(value) if part_of(value, "shape") is not None else None
    return [] if labels is None or callable(labels) else list(labels)


def _first_of(items: Sequence[Any]) -> list[Any]:
    """Give the first item in a list; none where there is none, or where the list's own code raises."""
    try:
        return list(islice(items, 1))
    except Exception:  # noqa: BLE001 - whatever the value's own code raises
        return []


def names_of_columns(value: object) -> Any:
    """Give the names of the columns of a dataframe of any kind; None for others.

    The kind of a value tells whether it is one: a column of pandas with the label "columns" gives its element of that
    label as an attribute, and so does a dataframe of pandas with a column of that name.
    """
    own = part_of(value, "__dict__", {})  # of a frame of a user's own kind
    name = next((name for name in ("column_names", "columns") if hasattr(type(value), name) or name in own), None)
    return None if name is None else part_of(value, name)


def other_index(name: str, first: str, index: Any) -> InputError:
    """Give the error of a column whose index is not that of the first one."""
    hint = "bring them into one order by their labels, or give plain arrays"
    return InputError(name, f"with the same index as `{first}`", list(index[:3]), hint=hint)


def index_of(*columns: Any) -> Any:
    """Give the index of the first column of pandas, the only dataframes whose columns carry labels; None without."""
    for column in columns:
        index = part_of(column, "index")
        if callable(part_of(index, "equals")) and part_of(column, "to_numpy") is not None:
            return index
    return None
