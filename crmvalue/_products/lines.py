"""Order lines: who bought which product when, with returns netted and every row that is left out counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import attrs
import numpy as np

from crmvalue._core.checks import (
    RESIDUE,
    as_column,
    as_day,
    as_day_column,
    as_items,
    as_log_amounts,
    as_time_column,
    require,
    require_choice,
    require_same_index,
)
from crmvalue._core.encoding.copies import find_copies
from crmvalue._core.encoding.customers import encode_customers, fill_missing
from crmvalue._core.encoding.keys import distinct_keys
from crmvalue._core.frames import Columns
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import (
    Given,
    array_field,
    checked_field,
    count_field,
    given_field,
    hand_over,
    number_field,
    of_class,
    read_only,
    require_at_most,
    stay_frozen,
)
from crmvalue._products.returns import net_returns
from crmvalue.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue.typing import ArrayLike, Dates, Floats, Integers

__all__ = ["ItemKind", "Labels", "OrderLineCounts", "OrderLines", "order_codes", "read_order_lines", "visit_codes"]

ItemKind: TypeAlias = Literal["product", "category", "brand"]
Refunds: TypeAlias = Literal["raise", "net", "drop"]
Missing: TypeAlias = Literal["raise", "drop"]
Duplicates: TypeAlias = Literal["keep", "drop", "raise"]

_COLUMNS = ("customer", "date", "product", "category", "brand", "quantity", "amount", "order")
_CODED = ("customer", "product", "category", "brand", "order")
_ADVICE = "`refunds` = 'net' takes such rows off purchases, 'drop' leaves them out"


@stay_frozen
@attrs.frozen
class Labels:
    """A column as its distinct values in ascending order, and for each row the place of its value among them."""

    distinct: npt.NDArray[Any] = array_field()
    code: npt.NDArray[np.int32] = array_field()

    def __attrs_post_init__(self) -> None:
        require(self.code.dtype.kind == "i", "code", str(self.code.dtype), "whole numbers")
        require((self.code >= 0) & (self.code < len(self.distinct)), "code", self.code, "the place of a value")

    def __len__(self) -> int:
        return len(self.code)

    def take(self, rows: Any) -> Labels:
        """Give some of the rows, with the values that still occur."""
        code = self.code[rows]
        seen = np.bincount(code, minlength=len(self.distinct)) > 0
        place = np.cumsum(seen, dtype=np.int32) - 1
        return Labels(hand_over(self.distinct[seen]), hand_over(place[code].astype(np.int32)))


def encode(name: str, value: Any) -> Labels:
    """Encode a column of identifiers: whole numbers or text."""
    if isinstance(value, Labels):
        return value
    distinct, code = encode_customers(name, value)
    return Labels(hand_over(distinct), hand_over(code.astype(np.int32)))


def _labels(name: str, *, optional: bool = False) -> Any:
    def convert(value: Any) -> Labels | None:
        return None if optional and value is None else encode(name, value)

    options: dict[str, Any] = {"default": None} if optional else {}
    return given_field(converter=convert, **options)


def _days(value: Any) -> Dates:
    return read_only(value if isinstance(value, Given) else hand_over(np.array(as_day_column("date", value))))


def _numbers(name: str, *, above: bool) -> Any:
    def convert(value: Any) -> Floats | None:
        if value is None or isinstance(value, Given):
            return None if value is None else read_only(value)
        column, _ = _sums(name, value)
        good = column > 0 if above else column >= 0
        require(good, name, column, "> 0" if above else ">= 0", hint="`read_order_lines` nets returns or drops them")
        return read_only(hand_over(np.array(column)))

    return array_field(convert, default=None)


def _sums(name: str, value: Any, *, allow_missing: bool = False) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Take money or units, residues of binary arithmetic as 0, and tell which they are."""
    column = as_column(name, value, allow_missing=allow_missing, largest=np.inf)
    tiny = (np.abs(column) < RESIDUE) & (column != 0)
    return np.array(as_log_amounts(name, column, allow_missing=allow_missing)), tiny  # the caller keeps theirs


@attrs.frozen(kw_only=True)
class OrderLineCounts:
    """Counts of the rows of a log of order lines.

    Each row is counted once: ``n_rows == n_missing + n_duplicates_dropped + n_refunds_dropped + n_refunds_netted +
    n_cancelled + n_lines``. The last two fields are about rows among these.

    Parameters
    ----------
    n_rows : int
        Rows of the log.
    n_missing : int
        Rows without a customer, date, product, quantity or amount, left out.
    n_duplicates_dropped : int
        Exact copies of an earlier row, left out.
    n_refunds_dropped : int
        Rows that are returns, left out: an amount below 0, or a quantity of at most 0.
    n_refunds_netted : int
        Rows that are returns, taken off purchases.
    n_cancelled : int
        Purchase rows that were returned in full.
    n_lines : int
        Rows that are left.
    unmatched_quantity : float
        Returned quantity without an earlier purchase of the customer, >= 0.
    n_duplicates_kept : int
        Exact copies of an earlier row, kept: several units of one product, or rows that were read twice.
    n_residues : int
        Rows with an amount or quantity that is not 0 but smaller than 1e-9, which counts as 0.

    Examples
    --------
    >>> lines = read_order_lines([1, 1], ["2024-01-01", "2024-01-02"], ["tea", "tea"], amount=[5, -5], refunds="drop")
    >>> lines.counts.n_refunds_dropped
    1
    """

    n_rows: int = count_field("n_rows", default=0)
    n_missing: int = count_field("n_missing", default=0)
    n_duplicates_dropped: int = count_field("n_duplicates_dropped", default=0)
    n_refunds_dropped: int = count_field("n_refunds_dropped", default=0)
    n_refunds_netted: int = count_field("n_refunds_netted", default=0)
    n_cancelled: int = count_field("n_cancelled", default=0)
    n_lines: int = count_field("n_lines", default=0)
    unmatched_quantity: float = number_field("unmatched_quantity", low=0.0, default=0.0)
    n_duplicates_kept: int = count_field("n_duplicates_kept", default=0)
    n_residues: int = count_field("n_residues", default=0)

    def __attrs_post_init__(self) -> None:
        dropped = self.n_duplicates_dropped + self.n_refunds_dropped + self.n_refunds_netted
        n = self.n_missing + dropped + self.n_cancelled + self.n_lines
        require(n == self.n_rows, "n_rows", self.n_rows, f"the sum of all rows, which is {n}")
        require_at_most(self, "n_duplicates_kept", "n_rows")
        require_at_most(self, "n_residues", "n_rows")


@stay_frozen
@attrs.frozen(kw_only=True)
class OrderLines(Columns):
    """Lines of orders, one element each in every column, in any order; :func:`read_order_lines` reads raw logs.

    Parameters
    ----------
    customer : array_like
        Identifier of the customer, whole numbers or text, shape (n,).
    date : array_like
        Day of the order; a time of day is cut off.
    product : array_like
        Identifier of the product, whole numbers or text.
    category, brand : array_like, optional
        Category and brand of the product, whole numbers or text.
    quantity : array_like, optional
        Units, > 0. Without it every line is one unit.
    amount : array_like, optional
        Money of the line, >= 0 [money].
    order : array_like, optional
        Identifier of the order. Without it the lines of one customer on one day are one order.
    counts : OrderLineCounts, optional
        What was left out when the log was read.

    Examples
    --------
    >>> lines = OrderLines(customer=["ann", "ann"], date=["2024-01-05"] * 2, product=["tea", "milk"])
    >>> len(lines), lines.n_orders
    (2, 1)
    """

    customer: Labels = _labels("customer")
    date: Dates = array_field(_days)
    product: Labels = _labels("product")
    category: Labels | None = _labels("category", optional=True)
    brand: Labels | None = _labels("brand", optional=True)
    quantity: Floats | None = _numbers("quantity", above=True)
    amount: Floats | None = _numbers("amount", above=False)
    order: Labels | None = _labels("order", optional=True)
    counts: OrderLineCounts = checked_field("counts", of_class(OrderLineCounts), factory=OrderLineCounts)

    def __attrs_pre_init__(self, **columns: object) -> None:
        require_same_index(**{name: column for name, column in columns.items() if name in _COLUMNS})

    def __attrs_post_init__(self) -> None:
        n = len(self.customer)
        require(n > 0, "customer", n, "of at least one row")
        for name in _COLUMNS:
            column = getattr(self, name)
            if column is not None and len(column) != n:
                raise InputError(name, f"as long as `customer` ({n} rows)", len(column))
        if not self.counts.n_rows:
            object.__setattr__(self, "counts", OrderLineCounts(n_rows=n, n_lines=n))
        n_read = self.counts.n_lines
        require(n <= n_read, "customer", n, f"of at most the {n_read} lines of `counts`")

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def n_orders(self) -> int:
        """Number of orders."""
        return int(order_codes(self).max()) + 1

    def until(self, as_of: ArrayLike) -> OrderLines:
        """Give the lines up to a day, this day included.

        Parameters
        ----------
        as_of : date_like
            The day.

        Returns
        -------
        OrderLines
            At least one line, or an InputError is raised.
        """
        end = as_day("as_of", as_of)
        require(self.date.min() <= end, "as_of", end, "not before the first line")
        return self._rows(self.date <= end)

    def without(self, products: ArrayLike) -> OrderLines:
        """Leave out rows that are no products, such as postage and bank charges.

        Parameters
        ----------
        products : array_like
            Their identifiers, as in `product`.

        Returns
        -------
        OrderLines
            The other lines. An InputError is raised if none is left, and for products that do not occur.
        """
        items = as_items("products", products, "a list of products")
        try:
            known, unwanted = self.product.distinct.tolist(), set(items)
            unknown = unwanted - set(known)
        except Exception as error:  # a list, or another item that cannot be a product
            raise InputError("products", "a list of products", products) from error
        if unknown:
            first = next(item for item in items if item in unknown)
            raise InputError("products", "products of the log", first, count=len(unknown), hint="leave it out")
        kept = ~np.array([item in unwanted for item in known], dtype=bool)[self.product.code]
        require(kept.any(), "products", len(items), "not all products of the log")
        return self._rows(kept)

    def to_json(self) -> str:
        """Write the lines, and what was left out when they were read, as JSON text."""
        columns = self.to_columns()
        return to_json(self, **{name: columns[name].tolist() for name in _CODED if name in columns})

    @classmethod
    def from_json(cls, text: str | bytes) -> OrderLines:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str or bytes
            The text.

        Returns
        -------
        OrderLines
            Equal to the lines that were written.
        """
        return from_json(cls, text, OrderLineCounts)

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Give all columns by name, for a dataframe of any kind."""
        given = {name: getattr(self, name) for name in _COLUMNS}
        return {
            name: column.distinct[column.code] if isinstance(column, Labels) else column
            for name, column in given.items()
            if column is not None
        }

    def _rows(self, kept: npt.NDArray[np.bool_]) -> OrderLines:
        """Give some of the lines; the counts stay those of the log that was read."""
        return OrderLines(counts=self.counts, **_taken({name: getattr(self, name) for name in _COLUMNS}, kept))


def _taken(columns: dict[str, Any], kept: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Give some of the rows of columns, None being a column that was not given."""
    return {
        name: column if column is None else column.take(kept) if isinstance(column, Labels) else hand_over(column[kept])
        for name, column in columns.items()
    }


def visit_codes(lines: OrderLines) -> Integers:
    """Give each line its visit: all that a customer bought on one day, numbered by customer and then by day."""
    day = (lines.date - lines.date.min()).astype(np.int64)
    return distinct_keys(lines.customer.code.astype(np.int64) * (int(day.max()) + 1) + day)[1]


def order_codes(lines: OrderLines) -> Integers:
    """Give each line its order, numbered by customer and then by day; each customer has orders of their own."""
    if lines.order is None:
        return visit_codes(lines)
    day = (lines.date - lines.date.min()).astype(np.int64)
    key = lines.customer.code.astype(np.int64)
    key = key * len(lines.order.distinct) + lines.order.code
    own = distinct_keys(key)[1]
    first = np.full(int(own.max()) + 1, day.max())
    np.minimum.at(first, own, day)
    customer = np.empty(len(first), dtype=np.int64)
    customer[own] = lines.customer.code
    place = np.empty(len(first), dtype=np.int64)
    place[np.lexsort((first, customer))] = np.arange(len(first))
    return place[own]


def read_order_lines(
    customer: ArrayLike,
    date: ArrayLike,
    product: ArrayLike,
    *,
    category: ArrayLike | None = None,
    brand: ArrayLike | None = None,
    quantity: ArrayLike | None = None,
    amount: ArrayLike | None = None,
    order: ArrayLike | None = None,
    refunds: Refunds = "raise",
    missing: Missing = "raise",
    duplicates: Duplicates = "keep",
) -> OrderLines:
    """Read order lines from a raw log with returns and missing values.

    Parameters
    ----------
    customer : array_like
        Identifier of the customer, whole numbers or text, shape (n,), in any order of rows.
    date : array_like
        Day of the order; a time of day is cut off.
    product : array_like
        Identifier of the product, whole numbers or text.
    category, brand : array_like, optional
        Category and brand of the product, whole numbers or text, without gaps: fill them with a word such as "none".
    quantity : array_like, optional
        Units. A row with a quantity of at most 0 is a return.
    amount : array_like, optional
        Money of the line [money]. A row with an amount below 0 is a return.
    order : array_like, optional
        Identifier of the order. Without it the lines of one customer on one day are one order.
    refunds : {"raise", "net", "drop"}, default "raise"
        "net" takes returns off the last earlier purchases of the same customer and product. "drop" leaves them out.
        Both need `quantity` or `amount`.
    missing : {"raise", "drop"}, default "raise"
        "drop" leaves out rows without a customer, date, product, quantity or amount.
    duplicates : {"keep", "drop", "raise"}, default "keep"
        What to do with exact copies of an earlier row, equal in all columns that are given, the time of day included.
        "keep" counts them.

    Returns
    -------
    OrderLines
        The purchases that are left, with `counts` of the rest.

    Raises
    ------
    InputError
        If a value is missing, a row is a return or a copy and the policy is "raise", if lengths differ, if returns
        are to be netted or dropped without quantities and amounts, or if no line is left.

    Notes
    -----
    An amount or a quantity of a magnitude below 1e-9 counts as 0: it is what binary arithmetic leaves of nothing.

    With "net", a return of as many units as a line has cancels the line. A return of fewer lowers its quantity and, in
    proportion, its amount. Without quantities every row is one unit. A return without an earlier purchase is counted
    in `counts.unmatched_quantity`. On one day, purchases come before returns.

    Examples
    --------
    >>> log = ([1, 1, 1], ["2024-01-05", "2024-01-05", "2024-01-09"], ["tea", "milk", "tea"])
    >>> lines = read_order_lines(*log, quantity=[3, 1, -1], amount=[12, 2, -4], refunds="net")
    >>> lines.quantity, lines.amount
    (array([2., 1.]), array([8., 2.]))
    """
    given = dict(zip(_COLUMNS, (customer, date, product, category, brand, quantity, amount, order), strict=True))
    return read_lines(given, refunds, missing, duplicates)


def read_lines(
    given: dict[str, Any], refunds: str, missing: str, duplicates: str, instant: Dates | None = None
) -> OrderLines:
    """Read the columns of a log, None being one that is not there, as :func:`read_order_lines` says.

    Where its times are those of a clock that goes back once a year, `instant` has the same moments in UTC, by which
    copies are found; as `datetime64[us]`, missing where `date` is.
    """
    require_choice("refunds", refunds, get_args(Refunds))
    require_choice("missing", missing, get_args(Missing))
    require_choice("duplicates", duplicates, get_args(Duplicates))
    if refunds != "raise" and given["quantity"] is None and given["amount"] is None:
        hint = "a quantity of at most 0 or an amount below 0 marks a return; give one of them"
        raise InputError("refunds", "'raise' without `quantity` and `amount`", refunds, hint=hint)
    require_same_index(**given)
    needed = ("customer", "date", "product")
    present_columns = {name: column for name, column in given.items() if column is not None or name in needed}
    columns, present, tiny = _read_columns(present_columns, missing)
    n = len(columns["customer"])
    for name, column in columns.items():
        if len(column) != n:
            raise InputError(name, f"as long as `customer` ({n} rows)", len(column))
    require(n > 0 and bool(present.any()), "customer", int(present.sum()), "of at least one row with all values")
    counts = {"n_rows": n, "n_missing": n - int(np.count_nonzero(present))}
    counts["n_residues"] = int(np.count_nonzero(tiny & present))
    if counts["n_missing"]:
        columns = _taken_arrays(columns, present)
        instant = None if instant is None else instant[present]
    columns, copies = _without_copies(columns, instant, duplicates)
    counts |= copies
    columns["date"] = columns["date"].astype("datetime64[D]")
    columns, returned = _without_returns(columns, refunds)
    counted = OrderLineCounts(**counts, **returned, n_lines=len(columns["customer"]))
    fields: dict[str, Any] = {
        name: column if isinstance(column, Labels) else hand_over(column) for name, column in columns.items()
    }
    return OrderLines(counts=counted, **fields)


def _read_columns(given: dict[str, Any], missing: str) -> tuple[dict[str, Any], Any, Any]:
    """Check all columns, and tell which rows have all values that a line needs, and which have residues."""
    gaps = missing == "drop"
    columns: dict[str, Any] = {}
    absent: list[Any] = []
    tiny: list[Any] = []
    for name, value in given.items():
        if name in _CODED:
            filled = value
            if gaps and name in {"customer", "product", "order"}:
                filled, nothing = fill_missing(name, value)
                absent.append(nothing)
            columns[name] = encode(name, filled)
        elif name == "date":
            columns[name] = as_time_column(name, value, allow_missing=gaps)
            absent.append(np.isnat(columns[name]))
        else:
            columns[name], small = _sums(name, value, allow_missing=gaps)
            tiny.append(small)
            absent.append(np.isnan(columns[name]))
    n = len(columns["customer"])
    either, residue = (
        np.logical_or.reduce([np.zeros(n, bool), *(part for part in parts if len(part) == n)])
        for parts in (absent, tiny)
    )
    return columns, ~either, residue


def _without_copies(
    columns: dict[str, Any], instant: Dates | None, duplicates: str
) -> tuple[dict[str, Any], dict[str, int]]:
    """Find rows that are equal to an earlier one in all columns; count them, or leave them out."""
    compared = columns if instant is None else {**columns, "date": instant}
    copy = find_copies([column.code if isinstance(column, Labels) else column for column in compared.values()])
    if copy is None:
        return columns, {}
    n_copies = int(np.count_nonzero(copy))
    if duplicates == "raise":
        row = int(copy.argmax())
        rule = "of a row without an earlier copy, equal in all columns"
        customer = columns["customer"]
        raise InputError("customer", rule, customer.distinct[customer.code[row]], index=row, count=n_copies)
    if duplicates == "drop":
        return _taken_arrays(columns, ~copy), {"n_duplicates_dropped": n_copies}
    return columns, {"n_duplicates_kept": n_copies}


def _without_returns(columns: dict[str, Any], refunds: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Net returns or leave them out, and count them."""
    quantity, amount = columns.get("quantity"), columns.get("amount")
    back = np.zeros(len(columns["customer"]), dtype=bool)
    if quantity is not None:
        back |= quantity <= 0
    if amount is not None:
        back |= amount < 0
    if not back.any():
        return columns, {}
    if refunds == "raise":
        name = "quantity" if quantity is not None and (quantity <= 0).any() else "amount"
        rule = "> 0" if name == "quantity" else ">= 0"
        good = columns[name] > 0 if name == "quantity" else columns[name] >= 0
        require(good, name, columns[name], rule, hint=_ADVICE)
    require(not back.all(), "quantity" if amount is None else "amount", len(back), "of a purchase in at least one row")
    n_back = int(np.count_nonzero(back))
    if refunds == "drop":
        return _taken_arrays(columns, ~back), {"n_refunds_dropped": n_back}
    units = np.ones(len(back)) if quantity is None else np.abs(quantity)
    ties = [column for column in (amount, columns["order"].code if "order" in columns else None) if column is not None]
    left, unmatched = net_returns(columns["customer"].code, columns["product"].code, columns["date"], units, back, ties)
    kept = left > 0
    require(kept.any(), "refunds", refunds, "'drop', because returns cancel all purchases")
    share = np.divide(left, units, out=np.zeros(len(units)), where=units > 0)
    changed = dict(columns)
    if quantity is not None:
        changed["quantity"] = left
    if amount is not None:
        changed["amount"] = amount * share
    counts = {
        "n_refunds_netted": n_back,
        "n_cancelled": len(back) - n_back - int(np.count_nonzero(kept)),
        "unmatched_quantity": unmatched,
    }
    return _taken_arrays(changed, kept), counts


def _taken_arrays(columns: dict[str, Any], kept: npt.NDArray[np.bool_]) -> dict[str, Any]:
    return {name: column.take(kept) if isinstance(column, Labels) else column[kept] for name, column in columns.items()}
