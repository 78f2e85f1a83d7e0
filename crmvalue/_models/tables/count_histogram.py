"""How many customers made 0, 1, 2, ... purchases in each period after their first: data without single customers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from crmvalue._core.checks import (
    as_column,
    as_counts,
    as_day,
    as_day_column,
    require,
    require_choice,
    require_same_index,
    require_same_length,
    to_array,
)
from crmvalue._core.encoding.customers import encode_customers
from crmvalue._core.json import from_json, to_json
from crmvalue._core.values import Given, array_field, hand_over, number_column, read_only, stay_frozen
from crmvalue._models.shared.common import time_unit_field
from crmvalue.errors import InputError
from crmvalue.purchases import DAYS_PER_UNIT

if TYPE_CHECKING:
    from crmvalue.purchases import TimeUnit
    from crmvalue.typing import ArrayLike, Floats

__all__ = ["CountHistogram"]

_MOST_IN_CELL = 1_000.0  # purchases at which the open cell begins at most
_CELLS = tuple(range(11))


def _as_table(value: Any) -> Any:
    if isinstance(value, Given):
        return read_only(value)
    table, _ = to_array("counts", value, "a table of whole numbers, one row for each period")
    (counts,) = as_counts(counts=table)
    if counts.ndim == 1:
        counts = counts[np.newaxis]
    if counts.ndim != 2:
        raise InputError("counts", "a table: one row for each period, one column for each cell", counts.shape)
    return read_only(counts)


@stay_frozen
@attrs.frozen(kw_only=True)
class CountHistogram:
    """Customers by their number of purchases, in each of one or more consecutive periods after their first purchase.

    Parameters
    ----------
    counts : ndarray
        Customers in each period and cell, shape (periods, cells), whole numbers >= 0. One row may be given as a list.
        All periods are of the same customers. Later periods may have fewer: those whose later periods are not over
        yet are left out.
    cells : ndarray
        Smallest number of purchases in each cell, shape (cells,), ascending from 0. The last cell is open: it holds
        all who made at least so many. So [0, 1, 2, 3, 5, 10] are the cells 0, 1, 2, 3-4, 5-9 and "10 or more".
    period_ends : ndarray
        Ends of the periods since the first purchase [time_unit], ascending, above 0. The first period begins at 0,
        each other one where the one before it ends.
    time_unit : {"day", "week", "month", "quarter", "year"}
        Unit of the periods, and of the models that are fitted.

    Raises
    ------
    InputError
        If counts are not whole or below 0, cells or ends do not ascend, a row has no customers or more than the row
        before it, or the shapes do not fit.

    Notes
    -----
    The first purchase itself is not counted. Purchases are those of whole days, as in
    :func:`crmvalue.purchases.summarise_purchases`.

    Examples
    --------
    >>> table = CountHistogram(
    ...     counts=[[60, 25, 15], [75, 15, 10]], cells=[0, 1, 2], period_ends=[1, 2], time_unit="year"
    ... )
    >>> table.n_customers
    100
    """

    counts: Floats = array_field(_as_table)
    cells: Floats = number_column("cells")
    period_ends: Floats = number_column("period_ends")
    time_unit: TimeUnit = time_unit_field()

    def __attrs_post_init__(self) -> None:
        counts, cells, ends = self.counts, self.cells, self.period_ends
        as_counts(cells=cells)
        if len(cells) < 2 or cells[0] != 0 or (np.diff(cells) <= 0).any():
            rule = "at least two numbers that ascend from 0: the smallest number of purchases in each cell"
            raise InputError("cells", rule, cells.tolist(), hint="the last cell is open: 10 or more, say")
        require(cells <= _MOST_IN_CELL, "cells", cells, f"at most {_MOST_IN_CELL:,.0f}")
        if len(ends) == 0 or ends[0] <= 0 or (np.diff(ends) <= 0).any():
            raise InputError("period_ends", "at least one, ascending, above 0", ends.tolist())
        if counts.shape != (len(ends), len(cells)):
            rule = f"of shape ({len(ends)}, {len(cells)}): a row for each period, a column for each cell"
            raise InputError("counts", rule, counts.shape, hint="a period without a row is missing")
        total = counts.sum(axis=1)
        require(total > 0, "counts", total, "of at least one customer in each period")
        if (np.diff(total) > 0).any():
            rule = "of no more customers than in the period before"
            raise InputError("counts", rule, total.tolist(), hint="all periods are of the same customers")

    @classmethod
    def from_orders(
        cls,
        customer: ArrayLike,
        date: ArrayLike,
        *,
        as_of: ArrayLike,
        period_ends: ArrayLike,
        cells: ArrayLike = _CELLS,
        time_unit: TimeUnit = "year",
    ) -> CountHistogram:
        """Count the orders of a log. Orders of one customer on the same day are one purchase.

        Parameters
        ----------
        customer : array_like
            Identifier of the customer of each order, shape (n,).
        date : array_like of date
            Day of each order, shape (n,).
        as_of : date
            Last day of the log. A customer counts in a period only if the whole of it has passed by then.
        period_ends : array_like
            Ends of the periods since the first purchase [time_unit], ascending, above 0.
        cells : array_like, optional
            Smallest number of purchases in each cell; by default 0, 1, ..., 9 and "10 or more".
        time_unit : {"day", "week", "month", "quarter", "year"}, optional
            Unit of the periods.

        Returns
        -------
        CountHistogram
            The table.

        Raises
        ------
        InputError
            If a date is missing or after `as_of`, or no customer has passed a whole period.

        Examples
        --------
        >>> from crmvalue.datasets import load_cdnow
        >>> log = load_cdnow()
        >>> table = CountHistogram.from_orders(
        ...     log.customer, log.date, as_of="1998-06-30", period_ends=[0.5, 1], cells=[0, 1, 2, 3, 4, 5]
        ... )
        >>> table.counts.astype(int)
        array([[1467,  442,  190,  102,   57,   99],
               [1769,  295,  142,   46,   46,   59]])
        """
        require_same_index(customer=customer, date=date)
        require_choice("time_unit", time_unit, DAYS_PER_UNIT)
        end = as_day("as_of", as_of)
        days = as_day_column("date", date)
        _, code = encode_customers("customer", customer)
        require_same_length(customer=code, date=days)
        require(days <= end, "date", days, f"not after `as_of`, {end}")
        day = days.astype(np.int64)
        order = np.lexsort((day, code))
        code, day = code[order], day[order]
        new = np.r_[True, code[1:] != code[:-1]] if len(code) else np.zeros(0, dtype=bool)
        again = ~new & np.r_[False, day[1:] != day[:-1]] if len(code) else new
        first_day = day[new]
        place = np.cumsum(new) - 1
        length = DAYS_PER_UNIT[time_unit]
        since = (day - first_day[place]) / length
        age = (int(end.astype(np.int64)) - first_day) / length
        edges = np.concatenate(([0.0], as_column("period_ends", period_ends)))
        bounds = as_column("cells", cells)
        rows = []
        for low, high in pairwise(edges.tolist()):
            n = np.bincount(place[again & (since > low) & (since <= high)], minlength=len(first_day))
            seen = n[age >= high]
            if high > low and not len(seen):
                rule = f"such that a customer has passed the whole of each period by `as_of`, {end}"
                raise InputError("period_ends", rule, high)
            cell = np.searchsorted(bounds, seen, side="right") - 1
            rows.append(np.bincount(np.maximum(cell, 0), minlength=len(bounds))[: len(bounds)])
        counts = np.array(rows, dtype=np.float64).reshape(len(edges) - 1, len(bounds))
        return cls(counts=hand_over(counts), cells=bounds, period_ends=edges[1:], time_unit=time_unit)

    @property
    def n_customers(self) -> int:
        """Number of customers: those of the first period."""
        return int(self.counts[0].sum())

    def to_json(self) -> str:
        """Write the table as JSON text.

        Returns
        -------
        str
            A JSON object.

        Examples
        --------
        >>> table = CountHistogram(counts=[60, 40], cells=[0, 1], period_ends=[1], time_unit="year")
        >>> CountHistogram.from_json(table.to_json()) == table
        True
        """
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> CountHistogram:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str
            JSON text.

        Returns
        -------
        CountHistogram
            An equal table.

        Raises
        ------
        InputError
            If the text is not what :meth:`to_json` wrote.
        """
        return from_json(cls, text)
