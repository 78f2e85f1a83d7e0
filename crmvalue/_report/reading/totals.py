"""Sums at the end of a table, which stand among its rows as if they were customers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._report.reading.orders import OrderFile

__all__ = ["end_before_totals", "find_totals"]

_TOTALS = {
    "total", "totals", "grand total", "subtotal", "sum", "summe", "gesamt", "gesamtsumme", "gesamtergebnis", "итого",
    "всего", "общий итог", "сумма", "разом", "усього", "всього", "загалом", "сума", "загальна сума",
    "загальний підсумок", "სულ", "ჯამი", "cəmi", "yekun", "toplam", "genel toplam", "total général", "total general",
    "totale", "totaal", "razem", "suma",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_MANY_ROWS = 10  # of so many customers and days, no order has by chance the money of all others


def find_totals(orders: OrderFile) -> npt.NDArray[np.bool_]:
    """Tell which customers are rather the last line of a table, which has its sum: by their name, or by their money.

    A sum may be rounded to cents, or to whole units if a word of the name says that it is one; one of less than 50 in
    all is compared with more digits. By their money, customers with other rows are none.
    """
    names = [who.strip(" :=").casefold() for who in orders.customer.tolist()]
    found = np.array([name in _TOTALS for name in names], dtype=bool)
    if orders.amount is None or len(orders.amount) <= _MANY_ROWS:
        return found
    by_name = found[orders.code]
    money = np.nan_to_num(orders.amount)
    others = money[~by_name].sum() - money
    rows = np.nonzero(_alone(orders) & ~by_name & (others > 0) & (np.abs(money - others) <= 0.01 * others))[0]
    worded = np.array([not _TOTALS.isdisjoint(_WORD.findall(names[code])) for code in orders.code[rows]], dtype=bool)
    rounding = np.minimum(np.where(worded, 0.5, 0.005), np.where(worded, 1e-2, 1e-4) * others[rows])
    same = np.abs(money - others)[rows] <= rounding + 1e-12 * others[rows]
    found[orders.code[rows[same]]] = True
    return found


def end_before_totals(orders: OrderFile) -> np.datetime64 | None:
    """Give the last day of the log where only sums of the table come after it, each in one row; None otherwise."""
    alone = _alone(orders)
    if not alone[orders.date == orders.date.max()].all():  # as in nearly every log, without a look at the names
        return None
    total = find_totals(orders)[orders.code] & alone
    if total.all():
        return None
    end: np.datetime64 = orders.date[~total].max()
    return end if orders.date.max() > end else None


def _alone(orders: OrderFile) -> npt.NDArray[np.bool_]:
    """Tell which rows are the only one of their customer."""
    alone: npt.NDArray[np.bool_] = (np.bincount(orders.code)[orders.code] == 1) & (orders.n_file_rows == 1)
    return alone
