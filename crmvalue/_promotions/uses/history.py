"""Past carts as columns."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_ordered_items,
    as_text,
    as_time_column,
    is_missing_object,
    plain_text,
    require_same_length,
    to_array,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.encoding.indexes import part_of
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.money import as_currency, exponent_of
from crmvalue._core.values import (
    FixedMapping,
    array_columns,
    array_field,
    checked_field,
    given_field,
    read_only,
    stay_frozen,
)
from crmvalue.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from crmvalue.typing import Dates

__all__ = ["CartHistory"]


_CELLS = "a column of texts, numbers, or True and False"
_CELL_TYPES = (str, int, float, Decimal, date, np.bool_, np.integer, np.floating, np.datetime64)

_MOST_DIGITS = 18
"""A Decimal with more digits before or after the point is no amount and no quantity, and stays as it is."""


def _column(name: str, *, money: bool = False, optional: bool = True) -> Any:
    """Field for one column; what a cell may hold is checked cart by cart, so that one odd cell is one odd cart."""
    rule = "a column, one element for each line"

    def convert(value: Any) -> npt.NDArray[Any] | None:
        if value is None and optional:
            return None
        array, types = to_array(name, value, rule)
        kinds = {str if issubclass(kind, str) else bool if kind in {bool, np.bool_} else int for kind in types}
        if len(kinds) > 1:  # numpy would make "5", 5 units of money, of 5 minor units
            array, _ = to_array(name, value, rule, as_objects=True)
        if array.ndim != 1:
            raise InputError(name, rule, f"{array.ndim} dimensions")
        if array.dtype.kind in "mMcSV":
            raise InputError(name, _CELLS, str(array.dtype))
        array = _with_none(value, array)
        if array.dtype.kind == "O":
            cells = array.tolist()
            _require_cells(name, cells)
            if not set(map(type, cells)) <= {str, type(None)}:
                array = np.array([*(_plain_cell(cell, money=money) for cell in cells), None], dtype=object)[:-1]
        if money and array.dtype.kind == "f":
            hint = "a float is not exact; give whole minor units, such as numpy.rint(100 * price).astype(int)"
            raise InputError(name, "a column of whole minor units, Decimals or text", str(array.dtype), hint=hint)
        if array.dtype.kind == "f" and np.isnan(array).any():
            gaps = np.isnan(array)
            array = array.astype(object)
            array[gaps] = None
        return read_only(array)

    return array_field(convert, **({"default": None} if optional else {}))


def _with_none(value: Any, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Put None in the place of missing cells of any kind, which also make floats of a column of whole numbers."""
    whole = "int" in str(part_of(value, "dtype", part_of(value, "type", ""))).lower()
    if array.dtype.kind == "f" and whole:
        items = part_of(value, "to_pylist", part_of(value, "to_list", array.tolist))()
    elif array.dtype.kind == "O":
        items = array.tolist()
    else:
        return array
    if not any(map(is_missing_object, items)):
        return array
    return np.array([*(None if is_missing_object(item) else item for item in items), None], dtype=object)[:-1]


def _require_cells(name: str, cells: list[Any]) -> None:
    """Refuse objects that are no data at all, such as sets and time spans: no cart and no file can hold them."""
    for kind in set(map(type, cells)):
        if issubclass(kind, np.timedelta64) or not issubclass(kind, _CELL_TYPES):
            index, cell = next((i, one) for i, one in enumerate(cells) if type(one) is kind)
            if not is_missing_object(cell):
                raise InputError(name, _CELLS, cell, index=index)


def _plain_cell(cell: Any, *, money: bool) -> Any:
    """Write a Decimal as JSON can give it back: money as the text of the same amount, other whole numbers as such.

    Of a member of an enumeration, the text itself.
    """
    if not isinstance(cell, Decimal) or not cell.is_finite() or abs(cell.adjusted()) > _MOST_DIGITS:
        return plain_text(cell)
    if money:
        return f"{cell:f}"
    return int(cell) if cell == cell.to_integral_value() else float(cell)


def _times_or_none(value: Any) -> Dates | None:
    if value is None:
        return None
    return read_only(as_time_column("time", value, allow_missing=True))


def _texts_in(name: str, value: Any) -> tuple[str, ...]:
    return tuple(as_text(name, word) for word in as_ordered_items(name, value, "a list of texts"))


def _words_of(name: str) -> Any:
    def convert(value: Any) -> FixedMapping[Any, tuple[str, ...]]:
        if part_of(value, "items") is None:
            raise InputError(name, "a mapping to lists of texts", value)
        pairs = ((plain_text(key), words) for key, words in value.items())
        return FixedMapping({key: _texts_in(f"{name}[{key!r}]", words) for key, words in pairs})

    return given_field(converter=convert, factory=FixedMapping)


@stay_frozen
@attrs.frozen(kw_only=True)
class CartHistory(Columns):
    """Past carts as columns with one row for each line, as a till or a shop stores them.

    Parameters
    ----------
    cart : array_like
        Which cart a line is of: whole numbers or texts. Rows of one cart may stand anywhere.
    product : array_like of str
        Product of each line.
    unit_price : array_like of int, Decimal or str
        Price of one unit before discounts: whole minor units, or texts such as "18.50".
    quantity : array_like of int
        Units of each line, >= 1.
    currency : str
        Currency of all amounts, by three letters.
    brand : array_like of str, optional
        Brand of each line.
    unit_cost : array_like of int, Decimal or str, optional
        What one unit costs the shop; comparisons give margins with it.
    channel, place : array_like of str, optional
        Where the cart was bought; the same in all lines of a cart, as are `first_purchase` and `delivery_price`.
    time : array_like of dates, optional
        Local time of each line, missing where it is not known. The latest one of a cart counts: then it was paid.
    first_purchase : array_like of bool, optional
        Whether it was the customer's first purchase.
    delivery_price : array_like of int, Decimal or str, optional
        Price of the delivery of the cart before discounts.
    categories : mapping of str to sequence of str, optional
        Categories of each product.
    segments, codes : mapping of cart to sequence of str, optional
        Segments of the customer, and codes given, of each cart that has some; keys are written as in `cart`.

    Examples
    --------
    >>> history = CartHistory(
    ...     cart=[1, 1, 2],
    ...     product=["eau", "soap", "soap"],
    ...     unit_price=[185000, 12000, 12000],
    ...     quantity=[1, 2, 1],
    ...     currency="UAH",
    ... )
    >>> history.n_carts
    2
    """

    cart: npt.NDArray[Any] = _column("cart", optional=False)
    product: npt.NDArray[Any] = _column("product", optional=False)
    unit_price: npt.NDArray[Any] = _column("unit_price", money=True, optional=False)
    quantity: npt.NDArray[Any] = _column("quantity", optional=False)
    currency: str = checked_field("currency", as_currency)
    brand: npt.NDArray[Any] | None = _column("brand")
    unit_cost: npt.NDArray[Any] | None = _column("unit_cost", money=True)
    channel: npt.NDArray[Any] | None = _column("channel")
    place: npt.NDArray[Any] | None = _column("place")
    time: Dates | None = array_field(_times_or_none, default=None)
    first_purchase: npt.NDArray[Any] | None = _column("first_purchase")
    delivery_price: npt.NDArray[Any] | None = _column("delivery_price", money=True)
    categories: Mapping[str, tuple[str, ...]] = _words_of("categories")
    segments: Mapping[Any, tuple[str, ...]] = _words_of("segments")
    codes: Mapping[Any, tuple[str, ...]] = _words_of("codes")

    def __attrs_post_init__(self) -> None:
        columns = {field.name: getattr(self, field.name) for field in attrs.fields(CartHistory)}
        require_same_length(**{name: column for name, column in columns.items() if isinstance(column, np.ndarray)})
        first = encode_customers("cart", self.cart)[0][:1].tolist()
        for name in ("segments", "codes"):
            for key in getattr(self, name):
                if first and isinstance(key, str) != isinstance(first[0], str):
                    raise InputError(name, f"by carts as they are in `cart`, such as {first[0]!r}", key)

    @property
    def n_carts(self) -> int:
        """Number of carts."""
        return len(encode_customers("cart", self.cart)[0])

    @property
    def exponent(self) -> int:
        """Decimals of the currency."""
        return exponent_of(self.currency)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give the columns that there are, for a dataframe; one row for each line."""
        return array_columns(self)

    def to_json(self) -> str:
        """Write the history as JSON."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> CartHistory:
        """Read what :meth:`to_json` wrote."""
        return from_json(cls, text)
