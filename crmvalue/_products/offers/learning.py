"""What the last period teaches about the next one: who buys again, and what is bought after what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._products.counting import additions, blocks, distinct, each_block, first_of_each, is_among

if TYPE_CHECKING:
    import numpy.typing as npt

    from crmvalue._products.lines import OrderLines
    from crmvalue.typing import Floats, Integers

__all__ = [
    "UNCORRECTED",
    "Correction",
    "History",
    "Lessons",
    "PurchaseDays",
    "activity",
    "again_cells",
    "ascending_matches",
    "bought_in",
    "history_of",
    "learn",
    "purchase_days",
]

_TIMES = np.array([2, 3, 5, 8])
"""Classes of counts: 1, 2, 3 to 4, 5 to 7, 8 and more."""

_DAYS = np.array([14, 30, 60, 120, 200])
"""Classes of days since the last purchase."""

_N_CELLS = (len(_TIMES) + 1) * (len(_DAYS) + 1)

_PRIOR = 10.0
"""Customers that the overall share of a product counts for, beside those who were seen."""

_EVENTS = 20.0
"""Purchases that a ratio of 1 counts for, beside those that were seen."""

_NEIGHBOURS = 20
"""Most products that one product speaks for."""

_FEWEST = 2
"""Fewest customers who bought one product after another."""

_MOST_PRODUCTS = 2_000
"""Most products of a customer who teaches pairs: the work grows with their square, and a till is no person."""

_BLOCK = 1 << 22
"""Additions of one block of a product; few enough for fast memory."""

_TWO_31, _TWO_32 = 2**31, 2**32


class PurchaseDays(NamedTuple):
    """Customers, products and days of the purchases, each once, ascending in this order."""

    customer: npt.NDArray[np.int32]
    product: npt.NDArray[np.int32]
    day: Integers  # day number
    shape: tuple[int, int]  # numbers of customers and products

    def within(self, first: int, last: int) -> PurchaseDays:
        """Give the purchases of some days, both ends included."""
        kept = (self.day >= first) & (self.day <= last)
        return PurchaseDays(self.customer[kept], self.product[kept], self.day[kept], self.shape)


def purchase_days(lines: OrderLines) -> PurchaseDays:
    """Sort the purchases; one sort serves every history."""
    shape = (len(lines.customer.distinct), len(lines.product.distinct))
    day = lines.date.astype(np.int64)
    low, span = int(day.min()), int(day.max() - day.min()) + 1
    key = distinct((lines.customer.code.astype(np.int64) * shape[1] + lines.product.code) * span + (day - low))
    pair = key // span
    customer = pair // shape[1]
    product = (pair - customer * shape[1]).astype(np.int32)
    return PurchaseDays(customer.astype(np.int32), product, key - pair * span + low, shape)


class History(NamedTuple):
    """What each customer bought up to a day: a sparse matrix in rows of customers, with a place for each entry."""

    times: Any  # csr: days with a purchase of the product
    last: Integers  # day number of the last purchase, of each entry
    n_days: Integers  # days with a purchase, of each customer
    last_day: Integers  # day number of the last purchase, of each customer
    end: int

    @property
    def ones(self) -> Any:
        """The same with 1 for each entry."""
        found = self.times.copy()
        found.data = np.ones(len(found.data))
        return found

    @property
    def customer(self) -> Integers:
        """Row of each entry."""
        return np.repeat(np.arange(self.times.shape[0]), np.diff(self.times.indptr))


def history_of(days: PurchaseDays, end: np.datetime64) -> History:
    """Sum up the purchases up to a day, of which there is at least one."""
    low, final = int(days.day.min()), int(end.astype(np.int64))
    past = days.within(low, final)
    times, last = _count_days(past)
    span = final - low + 1
    visits = distinct(past.customer.astype(np.int64) * span + (past.day - low))
    customer = visits // span
    last_day = np.full(days.shape[0], low)
    last_day[customer] = visits - customer * span + low  # of several days of a customer the last one stays
    return History(times, past.day[last], np.bincount(customer, minlength=days.shape[0]), last_day, final)


def bought_in(days: PurchaseDays, first: np.datetime64, last: np.datetime64) -> Any:
    """Tell what each customer bought after `first` and up to `last`."""
    times, _ = _count_days(days.within(int(first.astype(np.int64)) + 1, int(last.astype(np.int64))))
    times.data = np.ones(len(times.data), dtype=np.int32)
    return times


def _count_days(days: PurchaseDays) -> tuple[Any, Integers]:
    """Count the days of each customer and product, and find the row of the last one."""
    from scipy.sparse import csr_array

    customer, product = days.customer, days.product
    other = np.append((customer[1:] != customer[:-1]) | (product[1:] != product[:-1]), np.ones(1, dtype=bool))
    last = np.nonzero(other[: len(customer)])[0]
    n = np.diff(last, prepend=-1).astype(np.float64)
    places = np.concatenate([[0], np.cumsum(np.bincount(customer[last], minlength=days.shape[0]))])
    index = np.int32 if len(last) < _TWO_31 else np.int64  # products of sparse matrices are faster with the small one
    return csr_array((n, product[last].astype(index), places.astype(index)), shape=days.shape), last


class Correction(NamedTuple):
    """The probability that holds is the factor times a power of the one that was made, and at most 1."""

    factor: float
    power: float

    def __call__(self, prob: Floats) -> Floats:
        return prob if self == UNCORRECTED else np.minimum(self.factor * prob**self.power, 1.0)


UNCORRECTED = Correction(1.0, 1.0)


class Lessons(NamedTuple):
    """Shares of customers who bought in the period that followed a history."""

    base: Floats  # of each product: share of those without it who bought it
    more: Any  # csr, product by product: how much larger the share is among those who had the first one
    again: Floats  # of each class of times and days: share of the entries that were bought again
    activity_again: Floats  # of each class of days and recency of a customer: purchases again, relative to expected
    factor: Floats  # of each product: how much more often it is bought again
    activity: Floats  # of each class of days and recency of a customer: new products, relative to all
    correct_again: Correction = UNCORRECTED  # of products that were bought before
    correct_new: Correction = UNCORRECTED


def learn(history: History, bought: Any, products: Integers | None = None) -> Lessons:
    """Learn from a history and what was bought in the period after it by those who had one.

    `products`, ascending, are those that may speak for others; by default all.
    """
    from scipy.sparse import diags_array

    had = history.ones
    there = history.n_days > 0
    bought = (diags_array(there.astype(np.float64)) @ bought).tocsr()
    repeated = bought.multiply(had).tocsr()
    new = (bought - repeated).tocsr()
    new.eliminate_zeros()
    n_had = np.asarray(had.sum(axis=0))
    n_there = float(there.sum())
    base = np.asarray(new.sum(axis=0)) / np.maximum(n_there - n_had, 1.0)
    again, activity_again, factor = _again(history, ascending_matches(history, repeated))
    n_new = np.asarray(new.sum(axis=1))[there]
    of = activity(history)[there]
    mean_new = n_new.mean() if len(n_new) else 0.0
    seen = np.bincount(of, weights=n_new, minlength=_N_CELLS) + _EVENTS
    active = seen / (np.bincount(of, minlength=_N_CELLS) * mean_new + _EVENTS)
    speaking = np.arange(had.shape[1]) if products is None else products
    few = np.nonzero(np.diff(had.indptr) + np.diff(new.indptr) <= _MOST_PRODUCTS)[0]
    return Lessons(base, _speaks_for(had[few], new[few], base, speaking), again, activity_again, factor, active)


def _again(history: History, got: Floats) -> tuple[Floats, Floats, Floats]:
    """Find how often entries are bought again: by class of entry, then by class of customer, then by product."""
    overall = float(got.mean()) if len(got) else 0.0
    cell, column, active = again_cells(history), history.times.indices, activity(history)[history.customer]

    def ratio(group: Integers, n: int, expected: Floats) -> Floats:
        seen = np.bincount(group, weights=got, minlength=n) + _EVENTS
        found: Floats = seen / (np.bincount(group, weights=expected, minlength=n) + _EVENTS)
        return found

    again = overall * ratio(cell, _N_CELLS, np.full(len(got), overall))
    of_customer = ratio(active, _N_CELLS, again[cell])
    expected = again[cell] * of_customer[active]
    return again, of_customer, ratio(column, history.times.shape[1], expected)


def again_cells(history: History) -> Integers:
    """Give the class of each entry by times and days since the last one."""
    return _cells(history.times.data, history.end - history.last)


def activity(history: History) -> Integers:
    """Give the class of each customer by days with a purchase and days since the last one."""
    return _cells(history.n_days, history.end - history.last_day)


def _cells(times: npt.NDArray[Any], days: Integers) -> Integers:
    found: Integers = np.digitize(times, _TIMES) * (len(_DAYS) + 1) + np.digitize(days, _DAYS)
    return found


def ascending_matches(history: History, other: Any) -> Floats:
    """Tell which entries of the history another matrix has."""
    n_products = history.times.shape[1]
    key = history.customer * n_products + history.times.indices
    rows = other.tocoo()
    wanted = rows.row.astype(np.int64) * n_products + rows.col
    return is_among(key, np.sort(wanted[rows.data != 0])).astype(np.float64)


def _speaks_for(had: Any, new: Any, base: Floats, speaking: Integers) -> Any:
    """Find how much more often the customers with one product bought another one, for the most telling pairs.

    Products that fewer than `_FEWEST` customers had, or bought newly, are in no pair; one account of a till, for sales
    without a name, may have many thousands of them.
    """
    from scipy.sparse import csr_array

    n_had = np.asarray(had.sum(axis=0))
    speaking = speaking[n_had[speaking] >= _FEWEST]
    of = np.nonzero(np.asarray(new.sum(axis=0)) >= _FEWEST)[0]
    by_item = had.T.tocsr()[speaking].astype(np.int64)
    # two counts by one product, since nobody has both
    both = had[:, of].astype(np.int64) + new[:, of].astype(np.int64) * _TWO_32

    def telling(begin: int, end: int) -> tuple[Integers, Integers, Floats]:
        counts = by_item[begin:end] @ both
        place = np.nonzero(counts.data >= _FEWEST * _TWO_32)[0]
        i = np.repeat(np.arange(end - begin), np.diff(counts.indptr))[place]
        j = of[counts.indices[place]]
        n, n_both = counts.data[place] >> 32, counts.data[place] & (_TWO_32 - 1)
        share = (n + _PRIOR * base[j]) / (n_had[speaking[begin + i]] - n_both + _PRIOR)
        better = share > base[j]
        i, j, share = i[better], j[better], share[better]
        first = first_of_each(i, j, share, _NEIGHBOURS)
        i, j, share = i[first], j[first], share[first]
        return speaking[begin + i], j, share - base[j]

    parts = each_block(telling, blocks(additions(by_item, both), _BLOCK), both.nnz)
    shape = (had.shape[1], had.shape[1])
    if not parts:
        return csr_array(shape)
    row, column, more = (np.concatenate([part[k] for part in parts]) for k in range(3))
    found = csr_array((more, (row.astype(np.int32), column.astype(np.int32))), shape=shape)
    found.sort_indices()
    return found
