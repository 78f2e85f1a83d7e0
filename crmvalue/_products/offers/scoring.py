"""The most likely next products of each customer, in blocks of customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crmvalue._products.counting import additions, blocks, is_among
from crmvalue._products.offers.learning import History, Lessons, activity, again_cells

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from crmvalue.typing import Floats, Integers

__all__ = ["Candidates", "first_of_each", "score"]

_BLOCK = 1 << 22
"""Candidates of one block of customers, which bound its memory."""

_PRIOR = 3.0
"""Products that the overall shares count for, beside those that the customer had bought."""

_POPULAR = 20
"""Popular products that everybody may be offered, beside the `n` that are asked for."""


class Candidates(NamedTuple):
    """Products that a customer may buy, with the probability; `reason` is the product that speaks most for it."""

    customer: Integers
    product: Integers
    prob: Floats
    is_new: npt.NDArray[np.bool_]
    reason: Integers  # the product itself for what was bought before, -1 for what is only popular


def score(
    history: History,
    lessons: Lessons,
    customers: Integers,
    n: int,
    choose: Callable[[Candidates], tuple[npt.NDArray[np.bool_], Floats]],
) -> Candidates:
    """Give the best `n` candidates of each customer; `choose` tells which ones may be offered, and their rank value."""
    had = history.ones[customers]
    popular = np.argsort(-lessons.base, kind="stable")[: n + _POPULAR]
    popular = popular[lessons.base[popular] > 0]
    again = history.times.copy()
    of_customer = lessons.activity_again[activity(history)[history.customer]]
    again.data = np.minimum(lessons.again[again_cells(history)] * of_customer * lessons.factor[again.indices], 1.0)
    again = again[customers]
    active = lessons.activity[activity(history)[customers]]
    parts = []
    for begin, end in blocks(additions(had, lessons.more) + np.diff(had.indptr) + len(popular) + 1, _BLOCK):
        found = _block(had[begin:end], again[begin:end], lessons, popular, active[begin:end])
        may, value = choose(found._replace(customer=customers[begin + found.customer]))
        rows = first_of_each(found.customer, found.product, np.where(may, value, -np.inf), n)
        rows = rows[may[rows]]
        taken: list[Any] = [column[rows] for column in found]
        best = Candidates(*taken)
        best = best._replace(reason=_reasons(had[begin:end], lessons.more, best))
        parts.append(best._replace(customer=customers[begin + best.customer]))
    columns: list[Any] = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Candidates(*columns)


def _block(had: Any, again: Any, lessons: Lessons, popular: Integers, active: Floats) -> Candidates:
    """Give all candidates of some customers, by customer and product."""
    n_customers, n_products = had.shape
    spoken = (had @ lessons.more).tocoo()
    size = np.diff(had.indptr)
    more = spoken.data / (size[spoken.row] + _PRIOR)
    key = spoken.row.astype(np.int64) * n_products + spoken.col
    liked = np.repeat(np.arange(n_customers), len(popular)) * n_products + np.tile(popular, n_customers)
    liked = liked[~is_among(liked, np.sort(key))]
    key, more = np.concatenate([key, liked]), np.concatenate([more, np.zeros(len(liked))])
    owned = np.repeat(np.arange(n_customers), size) * n_products + had.indices
    new = ~is_among(key, owned)
    key, more = key[new], more[new]
    who, what = key // n_products, key % n_products
    prob = np.minimum((lessons.base[what] + more) * active[who], 1.0)
    n_new = len(key)
    return Candidates(
        np.concatenate([who, owned // n_products]),
        np.concatenate([what, owned % n_products]),
        np.concatenate([prob, again.data]),
        np.arange(n_new + len(owned)) < n_new,
        np.concatenate([np.full(n_new, -1), owned % n_products]),
    )


def first_of_each(group: Integers, tie: Integers, value: Floats, n: int) -> Integers:
    """Give the rows with the `n` largest values of each group, by group and rank; the smaller tie comes first."""
    order = np.lexsort((tie, -value, group))
    sorted_group = group[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_group, sorted_group)
    found: Integers = order[rank < n]
    return found


def _reasons(had: Any, more: Any, best: Candidates) -> Integers:
    """Find for each new product what the customer had bought that speaks most for it."""
    reason = best.reason.copy()
    rows = np.nonzero(best.is_new)[0]
    if not len(rows) or not len(more.data):
        return reason
    n_products = more.shape[0]
    size = np.diff(had.indptr)[best.customer[rows]]
    row = np.repeat(rows, size)
    inside = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)
    product = had.indices[had.indptr[best.customer[row]] + inside].astype(np.int64)
    key = np.repeat(np.arange(n_products), np.diff(more.indptr)) * n_products + more.indices
    wanted = product * n_products + best.product[row]
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    speaks = key[place] == wanted
    row, product, value = row[speaks], product[speaks], more.data[place[speaks]]
    first = first_of_each(row, product, value, 1)
    reason[row[first]] = product[first]
    return reason
