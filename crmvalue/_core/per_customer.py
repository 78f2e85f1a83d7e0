"""Terms of customers, such as a margin: one value for all, one for each segment, or one for each customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import attrs
import numpy as np

from crmvalue._core.checks import as_column, as_float, is_missing_object, require, to_array
from crmvalue._core.encoding.indexes import index_of, other_index
from crmvalue._core.labels import counted, labelled
from crmvalue._core.values import Given, given_field, hand_over, read_only
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Floats, Integers

__all__ = [
    "PerCustomer",
    "Rows",
    "Segments",
    "as_per_customer",
    "as_segments",
    "beside",
    "in_order",
    "per_customer_field",
    "plain_moments",
]

PerCustomer: TypeAlias = "float | Floats"
"""One number for all customers, or a column with one for each."""

_ENDS: dict[str, tuple[float, float, str, str | None]] = {
    "fraction": (0.0, 1.0, "in [0, 1]", "a fraction, not percent"),
    "amount": (0.0, np.inf, ">= 0", None),
}


class Rows(NamedTuple):
    """What the rows of a call are: the customers, if they are known, and the index of another labelled column."""

    customer: npt.NDArray[Any] | None = None
    index: Any = None
    name: str = ""

    @classmethod
    def of(cls, customer: npt.NDArray[Any] | None = None, /, **columns: Any) -> Rows:
        """Take the index of the first labelled one of some columns."""
        name = next((name for name, column in columns.items() if index_of(column) is not None), "")
        return cls(customer, index_of(columns.get(name)), name)


class Segments(NamedTuple):
    """Segment of each customer: the distinct labels, and the place of each customer's label among them."""

    labels: list[Any]
    code: Integers


def as_segments(value: ArrayLike | None, n: int, name: str = "segment", *, rows: Rows | None = None) -> Segments | None:
    """Take the segment of each of n customers: texts, whole numbers, or whatever else can be a key; None stays None.

    With `rows`, a column with an index of identifiers is brought into the order of the customers, as a term is.
    """
    if value is None or isinstance(value, Segments):
        return value
    rule = f"a column of {counted(n, 'label')}, one for each row"
    if rows is not None:
        value = in_order(name, value, rows)
    array, _ = to_array(name, value, rule, as_objects=isinstance(value, list | tuple))
    if array.shape != (n,):
        raise InputError(name, rule, array.shape)
    try:
        labels, code = _encode(plain_moments(array))
    except TypeError as error:  # a list or another value that cannot be a key
        raise InputError(name, rule, value) from error
    for place, label in enumerate(labels):
        if is_missing_object(label) or label == "":
            index = int(np.argmax(code == place))
            raise InputError(name, "a label, not empty or missing", label, index=index)
    return Segments(labels, code)


def plain_moments(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Make whole days of moments that are all midnights; Python knows no nanoseconds, and would read numbers."""
    if array.dtype.kind != "M":
        return array
    days = array.astype("datetime64[D]")
    return days if ((days == array) | np.isnat(array)).all() else array.astype("datetime64[us]")


def _encode(array: npt.NDArray[Any]) -> tuple[list[Any], Integers]:
    if array.dtype.kind in "OT":
        items = array.tolist()
        place: dict[Any, int] = {}
        code = np.fromiter((place.setdefault(item, len(place)) for item in items), np.int64, len(items))
        return list(place), code
    distinct, code = np.unique(array, return_inverse=True)
    return distinct.tolist(), code.astype(np.int64, copy=False)


def as_per_customer(
    name: str,
    value: Any,
    n: int,
    *,
    kind: str,
    segments: Segments | None = None,
    rows: Rows | None = None,
) -> PerCustomer:
    """Take a term of n customers, a "fraction" in [0, 1] or an "amount" >= 0: a number stays a number.

    A mapping gives it by the label of the segment. A column is in the order of the customers. One with the index of the
    other columns is so too, and one with an index of identifiers is brought into their order.
    """
    low, high, rule, hint = _ENDS[kind]
    if isinstance(value, Mapping):
        if segments is None:
            raise InputError(name, "a number or a column", dict(value), hint="a mapping needs `segment`")
        return _of_segments(name, value, segments, kind)
    value = in_order(name, value, Rows() if rows is None else rows)
    array, types = to_array(name, value, "a number or a column of numbers")
    if array.ndim == 0:
        number = as_float(name, value)
        require(low <= number <= high, name, number, rule, hint=hint)
        return number
    column = as_column(name, array if not types else value)
    if len(column) != n:
        raise InputError(name, f"one number, or one for each of the {n} customers", len(column))
    require((column >= low) & (column <= high), name, column, rule, hint=hint)
    return column


def _of_segments(name: str, value: Mapping[Any, Any], segments: Segments, kind: str) -> Floats:
    low, high, rule, hint = _ENDS[kind]
    numbers = []
    lacks = [label for label in segments.labels if label not in value]
    if lacks:
        others = f"{counted(len(lacks) - 1, 'more segment')} without one" if len(lacks) > 1 else None
        raise InputError(name, f"given for the segment {lacks[0]!r} too", tuple(value), hint=others)
    for label in segments.labels:
        number = as_float(name, value[label])
        require(low <= number <= high, name, number, f"{rule}, also for {label!r}", hint=hint)
        numbers.append(number)
    found: Floats = np.array(numbers)[segments.code]
    return found


def in_order(name: str, value: Any, rows: Rows) -> Any:
    """Bring a column with an index of identifiers into the order of the customers; others pass as they are.

    An index like that of the other columns says that the rows are the same. The same labels in another order may be
    those of the rows or those of customers: that is refused. Plain row numbers are no labels. Those of a filtered
    table, rising whole numbers without a name, and those of a sorted one, 0 to n - 1 in any order, may hold all
    customers by accident, and others: that is refused, too.
    """
    index = index_of(value)
    if index is None:
        return value
    if rows.index is not None:
        if rows.index.equals(index):
            return value
        if len(index) == len(rows.index) and set(index) == set(rows.index):
            raise other_index(name, rows.name, index)
    by_label = labelled(name, value)
    if by_label is None:
        return value
    rule = "a column whose index holds each of the customers"
    if rows.customer is None:
        raise InputError(name, rule, list(by_label)[:3], hint="there are no identifiers here: give a plain column")
    ids = rows.customer.tolist()
    missing = [label for label in ids if label not in by_label]
    if missing:
        others = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
        said = f"it is without {', '.join(map(repr, missing[:3]))}{others}: reindex(ids, fill_value=0)"
        raise InputError(name, rule, list(by_label)[:3], hint=said)
    if len(by_label) > len(ids) and _may_number_rows(index):
        said = "they may be row numbers of a filtered or sorted table; if they are customers, rename_axis('customer')"
        raise InputError(name, f"{rule}, with a name where it holds others too", list(by_label)[:3], hint=said)
    return [by_label[label] for label in ids]


def _may_number_rows(index: Any) -> bool:
    labels = np.asarray(index)
    if index.name is not None or labels.dtype.kind not in "iu":
        return False
    return bool((labels[1:] > labels[:-1]).all() or (np.sort(labels) == np.arange(len(labels))).all())


def beside(history: object, name: str, value: Any) -> Any:
    """Bring a column beside a history, or beside values of customers, into the order of its customers."""
    ids = getattr(history, "customer", None)
    return in_order(name, value, Rows(ids if isinstance(ids, np.ndarray) else None))


def per_customer_field(name: str, kind: str, *, optional: bool = False, **options: Any) -> Any:
    """Field for a term of customers: a number, or a column with one for each."""

    def convert(value: Any) -> PerCustomer | None:
        if value is None and optional:
            return None
        if isinstance(value, Given):
            return read_only(value)
        if to_array(name, value, "a number or a column of numbers")[0].ndim == 0:
            return as_per_customer(name, value, 0, kind=kind)
        column = as_column(name, value)
        found = as_per_customer(name, column, len(column), kind=kind)
        return read_only(hand_over(np.array(found)))

    return given_field(converter=convert, eq=attrs.cmp_using(eq=_equal), **options)


def _equal(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    return np.ndim(left) == np.ndim(right) and np.array_equal(left, right)
