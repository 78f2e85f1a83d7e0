"""Sums at the end of a table and guests of a shop, which stand among its rows as if they were customers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from crmvalue._core.checks import as_day
from crmvalue._core.labels import counted
from crmvalue._report.reading.spoiled import TOTALS, is_total

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._report.reading.orders import OrderFile
    from crmvalue.typing import Floats

__all__ = ["describe_totals", "end_before_totals", "find_guests", "find_totals", "name_totals"]

_GUESTS = re.compile(
    "guest([ _-]?(customer|checkout))?|walk[ -]?in([ _-]customer)?|anonymous|gast|laufkunde|гість|qonaq|სტუმარი|"
    "(роздрібний|кінцевий) (покупець|споживач)|(фізична|приватна) особа|гость|"  # noqa: RUF001 - Cyrillic
    "(розничный|конечный) (покупатель|клиент)|(физическое|частное) лицо",
    re.IGNORECASE,
)
_MAYBE_GUESTS = re.compile("0|-1|unknown([ _-]customer)?|guest@.*", re.IGNORECASE)
_GUESTS_BEGIN = frozenset("0-ugwalq" + "UGWALQ" + "гркфпчს" + "гркфпчს".upper())  # with one of these letters
_OF_MANY = 5  # so many times the mean rows of a customer
_WORD = re.compile(r"[^\W\d_]+")
_MANY_ROWS = 10  # of so many customers and days, no order has by chance the money of all others


def find_totals(orders: OrderFile) -> npt.NDArray[np.bool_]:
    """Tell which customers are rather the last line of a table, which has its sum: by their name, or by their money.

    A sum may be rounded to cents, or to whole units if a word of the name says that it is one; one of less than 50 in
    all is compared with more digits. By their money, customers with other rows are none. If a word of the name says so,
    the sum may also be that of the calendar year or month of the row.
    """
    found = _has_name(orders)
    if orders.amount is None or len(orders.amount) <= _MANY_ROWS:
        return found
    by_name = found[orders.code]
    money = np.nan_to_num(orders.amount)
    alone = np.nonzero(_alone(orders) & ~by_name)[0]
    who = orders.customer[orders.code[alone]].tolist()
    worded = np.array([not TOTALS.isdisjoint(_WORD.findall(name.casefold())) for name in who], dtype=bool)
    plain = ~by_name
    plain[alone[worded]] = False
    if worded.any():
        for unit in ("datetime64[Y]", "datetime64[M]"):
            _, code = np.unique(orders.date.astype(unit), return_inverse=True)
            others = np.bincount(code[plain], money[plain], code.max() + 1).astype(np.float64)[code]
            several = np.bincount(code[plain], minlength=code.max() + 1)[code] > 1  # the sum of one order is a chance
            part = worded & several[alone] & _is_sum(money[alone], others[alone], worded)
            found[orders.code[alone[part]]] = True
    by_name = found[orders.code]
    others = money[~by_name].sum() - np.where(by_name, 0.0, money)
    found[orders.code[alone[_is_sum(money[alone], others[alone], worded)]]] = True
    return found


def _is_sum(money: Floats, others: Floats, worded: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell which amounts are the sum of others, but for its rounding."""
    rounding = np.minimum(np.where(worded, 0.5, 0.005), np.where(worded, 1e-2, 1e-4) * others)
    same: npt.NDArray[np.bool_] = (others > 0) & (np.abs(money - others) <= rounding + 1e-12 * others)
    return same


def end_before_totals(orders: OrderFile) -> np.datetime64 | None:
    """Give the last day of the log where only sums of the table come after it, each in one row; None otherwise.

    A sum with a name of its own may stand in as many rows as there are files.
    """
    newest = orders.date == orders.date.max()
    rows_of = np.bincount(orders.code, orders.n_file_rows)
    if (rows_of[orders.code[newest]] > orders.n_files).any():  # as in nearly every log, without a look at the names
        return None
    late = _alone(orders) | (_has_name(orders) & (rows_of <= orders.n_files))[orders.code]
    total = find_totals(orders)[orders.code] & late
    if total.all():
        return None
    end: np.datetime64 = orders.date[~total].max()
    return end if orders.date.max() > end else None


def name_totals(orders: OrderFile, as_of: np.datetime64) -> tuple[list[str], list[str]]:
    """Name the sums that count as customers until a day, and those with rows left out because only sums come after."""
    found = find_totals(orders)
    seen, after = (np.bincount(orders.code, rows) > 0 for rows in (orders.date <= as_of, orders.date > as_of))
    late = orders.customer[found & after].tolist() if end_before_totals(orders) == as_of else []
    return orders.customer[found & seen].tolist(), late


def find_guests(orders: OrderFile) -> list[tuple[str, int]]:
    """Find customers who rather stand for all guests of a shop, and their rows of the file, most first.

    0, -1, "unknown" or guest@x.com are such a customer only with many rows, and where no buyer has more.
    """
    names = orders.customer.tolist()
    some = [(i, who) for i, who in enumerate(names) if who[:1] in _GUESTS_BEGIN]
    sure = [i for i, who in some if _GUESTS.fullmatch(who)]
    maybe = [i for i, who in some if _MAYBE_GUESTS.fullmatch(who)]
    if not sure and not maybe:
        return []
    rows = np.bincount(orders.code, orders.n_file_rows, len(names))
    most = np.delete(rows, sure + maybe).max(initial=0)
    sure += [i for i in maybe if rows[i] >= max(_OF_MANY * rows.mean(), most)]
    return [(names[i], int(rows[i])) for i in sorted(sure, key=lambda i: -rows[i])]


def describe_totals(orders: OrderFile, as_of: Any) -> list[str]:
    """Name customers that are rather the last line of a table, or all guests, in lines for the command.

    Those after `as_of` do not count.
    """
    end = orders.date.max() if as_of is None else as_day("--as-of", as_of)
    seen, late = (list(map(repr, names)) for names in name_totals(orders, end))
    lines = _describe_guests(orders)
    if seen:
        one, names = len(seen) == 1, ", ".join(seen)
        who, what, rows = ("a customer", "this is the sum", "row") if one else ("customers", "these are sums", "rows")
        lines.append(f"Counted as {who}: {names}. If {what} of the table, take the {rows} out of the file.")
    if late:
        one = len(late) == 1
        what, who = ("the sum of the table is", "this is a customer") if one else ("sums are", "these are customers")
        lines.append(f"Left out, because only {what} dated after {end}: {', '.join(late)}.")
        lines.append(f"If {who}, give --as-of {orders.date.max()}.")
    return lines


def _describe_guests(orders: OrderFile) -> list[str]:
    """Name the customers who rather stand for all guests, in lines for the command."""
    lines = [
        f"Customer {who!r} has {counted(n_rows, 'row')}, and may stand for all guests of a shop."
        for who, n_rows in find_guests(orders)
    ]
    return [*lines, "If so, take them out, or name a column such as the e-mail with --customer."] if lines else []


def _has_name(orders: OrderFile) -> npt.NDArray[np.bool_]:
    """Tell which customers have a name that means a sum."""
    return np.array([is_total(who) for who in orders.customer.tolist()], dtype=bool)


def _alone(orders: OrderFile) -> npt.NDArray[np.bool_]:
    """Tell which rows are the only one of their customer."""
    alone: npt.NDArray[np.bool_] = (np.bincount(orders.code)[orders.code] == 1) & (orders.n_file_rows == 1)
    return alone
